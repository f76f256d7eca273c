# SPDX-License-Identifier: Apache-2.0
"""systemctl for the services that matter here: iucvserd and multipathd.

Exit statuses as systemd has them: is-active 3 when it is not, is-enabled 1,
status 3, or 4 for a unit that is not there, start 5 for such a one, and 1
when the program does not start.
"""
from xcat_simulator.machine import rootfs
from xcat_simulator.machine.tools import usage

INACTIVE, NO_UNIT, NOT_FOUND = 3, 4, 5
CHANGES = ('start', 'stop', 'restart', 'reload', 'try-restart')


def systemctl(node, request):
    """See the module."""
    words = [word for word in request.arguments if not word.startswith('-')]
    quiet = {'-q', '--quiet'} & set(request.arguments)
    if words[:1] in (['daemon-reload'], ['daemon-reexec']):
        return 0, '', ''
    if len(words) < 2:
        raise usage.Usage('Too few arguments.')
    verb, names = words[0], [word.removesuffix('.service')
                             for word in words[1:]]
    handler = _VERBS.get(verb)
    if handler is None:
        raise usage.Usage('Unknown command verb %s.' % verb)
    if verb in CHANGES + ('enable', 'disable') and not request.root:
        return 1, '', 'Interactive authentication required.\n'
    code, out, err = 0, '', ''
    for name in names:
        more_code, more, error = handler(
            node, verb, name, {'--now'} & set(request.arguments))
        code, out, err = code or more_code, out + more, err + error
    return code, '' if quiet else out, err


def _there(node, name):
    if name == 'multipathd':
        return 'multipathd' not in node.options.missing
    return name == 'iucvserd' and rootfs.has_unit(node, name)


def _active(node, name):
    if not _there(node, name):
        return False
    return (node.multipath.enabled if name == 'multipathd'
            else node.iucv.running)


def _change(node, verb, name, _now):
    if not _there(node, name):
        return NOT_FOUND, '', 'Failed to %s %s.service: Unit %s.service ' \
            'not found.\n' % (verb, name, name)
    if name == 'multipathd':
        with node.lock:
            node.multipath.enabled = verb != 'stop'
            if node.multipath.enabled:
                node.multipath.reload()
        return 0, '', ''
    if verb in ('stop', 'restart', 'reload'):
        node.iucv.stop()
    if verb != 'stop' and not node.iucv.start():
        return 1, '', 'Job for %s.service failed because the control ' \
            'process exited with error code.\n' % name
    return 0, '', ''


def _enable(node, verb, name, now):
    if not _there(node, name):
        return 1, '', 'Failed to %s unit: Unit file %s.service does not ' \
            'exist.\n' % (verb, name)
    if name == 'iucvserd':
        rootfs.set_enabled(node, name, verb == 'enable')
    if now:
        return _change(node, 'start' if verb == 'enable' else 'stop', name,
                       now)
    return 0, '', ''


def _is_active(node, _verb, name, _now):
    active = _active(node, name)
    return (0 if active else INACTIVE), (
        'active\n' if active else 'inactive\n'), ''


def _is_enabled(node, _verb, name, _now):
    if not _there(node, name):
        return 1, '', 'Failed to get unit file state for %s.service: No ' \
            'such file or directory\n' % name
    enabled = (node.options.multipath if name == 'multipathd'
               else rootfs.is_enabled(node, name))
    return int(not enabled), 'enabled\n' if enabled else 'disabled\n', ''


def _status(node, _verb, name, _now):
    if not _there(node, name):
        return NO_UNIT, '', 'Unit %s.service could not be found.\n' % name
    active = _active(node, name)
    return (0 if active else INACTIVE), \
        '%s.service\n   Active: %s\n' % (
            name, 'active (running)' if active else 'inactive (dead)'), ''


_VERBS = {'enable': _enable, 'disable': _enable, 'is-active': _is_active,
          'is-enabled': _is_enabled, 'status': _status,
          **dict.fromkeys(CHANGES, _change)}
