# SPDX-License-Identifier: Apache-2.0
"""chccwdev and cio_ignore."""
from xcat_simulator.machine import cio
from xcat_simulator.machine.tools import usage
from xcat_simulator.machine import zfcp

_MAXIMUM = 0xffff


def chccwdev(node, request):
    """-e | -d | -f | -s, -a NAME=VALUE; device numbers, ranges, lists.

    Sets devices online or offline, not persistently; exit status 1 for a
    device that is not there.
    """
    chosen, names = usage.options(
        request.arguments, 'a:edfsv', ['online', 'offline', 'forceonline',
                                       'safeoffline', 'attribute=',
                                       'version'])
    online = None
    for option, _value in chosen:
        if option in ('-e', '-f', '--online', '--forceonline'):
            online = True
        if option in ('-d', '-s', '--offline', '--safeoffline'):
            online = False
    if not names:
        raise usage.Usage('No bus ID given!')
    if online is None and not chosen:
        raise usage.Usage('No action specified. Please use a valid action '
                          'switch.')
    try:
        numbers = sorted(cio.expand(','.join(names)))
    except ValueError:
        return 1, '\n', 'ERROR: Evaluation of bus IDs failed!\n'
    code, out, err = 0, '', ''
    for number in numbers:
        code, text, error = _switch(node, zfcp.bus_id(number), online)
        out, err = out + text, err + error
        if code:
            break
    if online:
        node.udev.settle(30)
    return code, out, err


def _switch(node, bus_id, online):
    with node.lock:
        adapter = node.kernel.adapters.get(bus_id)
        if adapter is None:
            return 1, 'Device %s not found\n' % bus_id, ''
        if online is None:
            return 0, 'Done\n', ''
        if not node.kernel.set_online(adapter, online):
            said = ('WARNING: Device[%s] is already online\n' % bus_id
                    if online else 'Device is already offline\n')
            return 0, 'Done\n', said
    return 0, 'Setting device %s %s\nDone\n' % (
        bus_id, 'online' if online else 'offline'), ''


def cio_ignore(node, request):
    """-a -r LIST, -A -R all, -l -L list, -i DEVICE, -p purge, -u unused."""
    chosen, rest = usage.options(
        request.arguments, 'hva:Ar:RlLi:kup',
        ['add=', 'add-all', 'remove=', 'remove-all', 'list', 'is-ignored=',
         'list-not-blacklisted', 'kernel-param', 'unused', 'purge', 'help',
         'version'])
    if not chosen or rest:
        raise usage.Usage('Error: unknown or missing command')
    code, out = 0, ''
    with node.lock:
        for option, value in chosen:
            try:
                more_code, more = _ignore(node, option, value)
            except ValueError:
                return 1, out, "cio_ignore: Error: device ID '%s': " \
                    'unrecognized format\n' % value
            code, out = code or more_code, out + more
    return code, out, ''


def _ignore(node, option, value):
    kernel, listed = node.kernel, node.blacklist
    if option in ('-a', '--add'):
        kernel.ignore('add ' + value)
    elif option in ('-r', '--remove'):
        kernel.ignore('free ' + value)
    elif option in ('-A', '--add-all'):
        kernel.ignore('add all')
    elif option in ('-R', '--remove-all'):
        kernel.ignore('free all')
    elif option in ('-p', '--purge'):
        kernel.purge()
    elif option in ('-l', '--list'):
        return 0, 'Ignored devices:\n=================\n' + listed.text()
    elif option in ('-i', '--is-ignored'):
        number = next(iter(cio.expand(value)))
        ignored = listed.ignores(number)
        return (0 if ignored else 2), 'Device %s is %signored.\n' % (
            value, '' if ignored else 'not ')
    elif option in ('-L', '--list-not-blacklisted'):
        seen = [n for n in range(_MAXIMUM + 1)
                if not listed.ignores('%04X' % n)]
        return 0, ''.join('0.0.%04x\n' % n for n in seen)
    return 0, ''
