# SPDX-License-Identifier: Apache-2.0
"""udevadm: settle [-t SECONDS], trigger, control, info --query=..."""
import os

from xcat_simulator.machine import blocks
from xcat_simulator.machine.tools import usage


def udevadm(node, request):
    """settle waits for pending events; exit status 1 on time-out."""
    arguments = request.arguments
    verb = next((word for word in arguments if not word.startswith('-')), '')
    if verb == 'settle':
        return _settle(node, arguments[arguments.index('settle') + 1:])
    if verb == 'trigger':
        with node.lock:
            node.multipath.reload()
            node.udev.again()
        return 0, '', ''
    if verb == 'control':
        return 0, '', ''
    if verb == 'info':
        return _info(node, request)
    if '--version' in arguments:
        return 0, '252\n', ''
    raise usage.Usage('unknown command: %s' % verb)


def scsi_id(node, request):
    """--whitelisted --page=0x83 --device=NAME: 3 and the NAA of the disk."""
    chosen, words = usage.options(
        request.arguments, 'gp:d:ux', ['whitelisted', 'page=', 'device=',
                                       'replace-whitespace', 'export'])
    given = dict(chosen)
    name = given.get('--device') or given.get('-d') or ''.join(words[:1])
    if not {'-g', '--whitelisted'} & set(given):
        return 1, '', ''
    with node.lock:
        block = blocks.find(node, request.folder, name)
        if block is None or not hasattr(block.device, 'disk'):
            return 1, '', 'scsi_id: unable to access %r\n' % name
        return 0, '3%s\n' % block.device.disk.wwid, ''


def _settle(node, arguments):
    chosen, _rest = usage.options(
        arguments, 't:s:e:E:q', ['timeout=', 'exit-if-exists=', 'quiet',
                                 'seq-start=', 'seq-end='])
    timeout = 120.0
    for name, value in chosen:
        if name in ('-t', '--timeout'):
            timeout = float(value)
    return (0 if node.udev.settle(timeout) else 1), '', ''


def _info(node, request):
    """--query=symlink, name, property or all, of --name or --path."""
    chosen, rest = usage.options(
        request.arguments[request.arguments.index('info') + 1:],
        'q:n:p:r', ['query=', 'name=', 'path=', 'root'])
    given = {name.lstrip('-')[:1]: value for name, value in chosen}
    name = given.get('n') or given.get('p') or ''.join(rest[:1])
    device = os.path.basename(os.path.realpath(
        os.path.join(node.folder, name.removeprefix(node.folder)
                     .removeprefix('/dev/').lstrip('/'))
        if not name.startswith('/') else name))
    with node.lock:
        return _describe(node, device, given.get('q', 'all'))


def _describe(node, device, query):
    links = _links(node, device)
    if not links and not os.path.exists(
            os.path.join(node.folder, 'dev', device)):
        return 1, '', 'Unknown device "%s"\n' % device
    if query == 'symlink':
        return 0, ' '.join(links) + '\n', ''
    if query == 'name':
        return 0, device + '\n', ''
    properties = ['DEVNAME=/dev/' + device, 'SUBSYSTEM=block',
                  'DEVTYPE=disk',
                  'DEVLINKS=' + ' '.join('/dev/' + link for link in links)]
    for link in links:
        if link.startswith('disk/by-id/scsi-3'):
            properties.append('ID_SERIAL=' + link.rpartition('scsi-')[2])
            properties.append('ID_WWN_WITH_EXTENSION=0x' + link[17:])
    prefix = 'E: ' if query == 'all' else ''
    return 0, ''.join('%s%s\n' % (prefix, p) for p in properties), ''


def _links(node, device):
    found = []
    for kind in ('disk/by-path', 'disk/by-id', 'mapper'):
        folder = os.path.join(node.folder, 'dev', kind)
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            if os.path.basename(os.path.realpath(path)) == device:
                found.append('%s/%s' % (kind, name))
    return found
