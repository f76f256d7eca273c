# SPDX-License-Identifier: Apache-2.0
"""What a node's own files say about disks that LVM and multipath leave alone.

etc/lvm/lvm.conf and lvmlocal.conf, etc/lvm/devices, etc/multipath.conf and
etc/multipath/conf.d: read anew at each use, so that whoever edits them need
not reload anything. Of LVM's settings those of DEFAULTS are known, of
multipath's sections what stands in them before a subsection.
"""
import glob
import os
import re

# On the zHCP, as an operator sets it: it uses none of the LUNs itself.
ZHCP_FILES = {
    'etc/lvm/lvmlocal.conf':
        'devices { global_filter = [ "a|^/dev/dasd|", "r|.*|" ] }\n',
    'etc/multipath.conf': 'blacklist {\n    devnode "^sd[a-z]"\n}\n'}

DEFAULTS = {'devices': {'use_devicesfile': '0',
                        'devicesfile': '"system.devices"',
                        'global_filter': '["a|.*|"]'},
            'global': {'event_activation': '1'}}
_ASSIGNED = re.compile(
    r'(\w+)\s*=\s*(\[(?:\s*"[^"]*"\s*,?)*\s*\]|"[^"]*"|[^\s}]+)')
_COMMENT = re.compile(r'^\s*#.*', re.MULTILINE)
_STRING = re.compile('"([^"]*)"')
BLACKLIST, EXCEPTIONS = 'blacklist', 'blacklist_exceptions'
_BUILT_IN = {'defaults': [('find_multipaths', 'on')],
             BLACKLIST: [('devnode', '!^(sd[a-z]|dasd[a-z]|nvme[0-9])')],
             EXCEPTIONS: [('property', '(SCSI_IDENT_|ID_WWN)')]}
_SECTION = re.compile(r'^\s*(\w+)\s*\{(.*?)^\s*\}', re.MULTILINE | re.DOTALL)
_ENTRY = re.compile(r'^\s*(\w+)\s+"?([^"\n]*?)"?\s*$', re.MULTILINE)


def _read(node, *names):
    text = ''
    for name in names:
        try:
            with open(os.path.join(node.folder, name)) as found:
                text += found.read() + '\n'
        except FileNotFoundError:
            continue
    return _COMMENT.sub('', text)


def lvm_settings(node):
    """{section: {key: value as lvmconfig prints it}}."""
    found = {section: dict(keys) for section, keys in DEFAULTS.items()}
    if node.distro.id == 'rhel' and node.distro.major > 8:
        found['devices']['use_devicesfile'] = '1'
    for key, value in _ASSIGNED.findall(_read(
            node, 'etc/lvm/lvm.conf', 'etc/lvm/lvmlocal.conf')):
        for keys in found.values():
            if key in keys:
                keys[key] = re.sub(r'("|\[)\s+|\s+(?=\])|(?<=,)\s+', r'\1',
                                   value)
    return found


def lvm_sees(node, names, wwid):
    """May LVM use the disk with these names (/dev/...)?

    With a devices file only its disks, else what global_filter leaves.
    """
    devices = lvm_settings(node)['devices']
    listed = 'etc/lvm/devices/' + devices['devicesfile'].strip('"')
    if devices['use_devicesfile'] == '1' and os.path.exists(
            os.path.join(node.folder, listed)):
        return 'IDNAME=naa.%s ' % wwid in _read(node, listed)
    patterns = _STRING.findall(devices['global_filter'])
    kinds = {next((pattern[0] for pattern in patterns
                   if re.search(pattern[2:-1], name)), None)
             for name in names}
    return 'a' in kinds or 'r' not in kinds


def lvm_activates(node):
    """Does it activate what is complete when a disk appears?"""
    return lvm_settings(node)['global']['event_activation'] != '0'


def multipath_settings(node):
    """{section: [(key, value), ...]}, with what is built in."""
    found = {section: list(entries) for section, entries in _BUILT_IN.items()}
    more = sorted(glob.glob('etc/multipath/conf.d/*.conf',
                            root_dir=node.folder))
    for section, body in _SECTION.findall(_read(
            node, 'etc/multipath.conf', *more)):
        found.setdefault(section, []).extend(_ENTRY.findall(body))
    return found


def find_multipaths(node):
    """What the last of the settings says: on, strict, ..."""
    return dict(multipath_settings(node)['defaults'])['find_multipaths']


def multipath_sees(node, name, wwid):
    """May multipath use the path sdX of a disk with that WWID?"""
    found = multipath_settings(node)
    return not any(
        _listed(found[BLACKLIST], key, value)
        and not _listed(found[EXCEPTIONS], key, value)
        for key, value in (('devnode', name), ('wwid', '3' + wwid),
                           ('protocol', 'scsi:fcp')))


def _listed(entries, key, value):
    for kind, pattern in entries:
        inverted = pattern.startswith('!')
        if kind == key and inverted != bool(
                re.search(pattern[inverted:], value)):
            return True
    return False
