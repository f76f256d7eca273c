# SPDX-License-Identifier: Apache-2.0
"""multipath -l, -ll, -f, -F, -r, -c, -w, -W, -t; multipathd show, add, ..."""
from xcat_simulator.machine import keepoff
from xcat_simulator.machine.tools import usage


def multipath(node, request):
    """Exit status 0, or 1 when a map is in use or not there."""
    chosen, names = usage.options(
        request.arguments, 'lfFrcCdWwatTUuv:p:b:R:iAB', ['help'])
    flags = [option for option, _value in chosen]
    with node.lock:
        if '-t' in flags:
            return 0, _settings(node), ''
        if '-F' in flags:
            return _flush_all(node)
        if '-f' in flags:
            return _flush(node, names)
        if '-W' in flags or '-w' in flags:
            found = node.multipath.find(names[0]) if names else None
            node.multipath.forget(None if '-W' in flags else
                                  found.name if found else ''.join(names[:1]))
            return 0, '', ''
        if '-l' in flags:
            return 0, _list(node, names), ''
        if '-c' in flags or '-C' in flags:
            return int(not names or node.multipath.find(
                names[0]) is None), '', ''
        if node.multipath.enabled:
            node.multipath.reload()
        return 0, '', ''


def _flush(node, names):
    if not names:
        raise usage.Usage('-f requires a map name')
    found = node.multipath.find(names[0])
    if found is None:
        return 1, '', '%s: not a multipath device\n' % names[0]
    if not node.multipath.flush(found):
        return 1, '', '%s: map in use\n' % found.name
    return 0, '', ''


def _flush_all(node):
    kept = [found.name for found in list(node.multipath.maps.values())
            if not node.multipath.flush(found)]
    err = ''.join('%s: map in use\n' % name for name in kept)
    return int(bool(kept)), '', err


def _settings(node):
    return ''.join('%s {\n%s}\n' % (section, ''.join(
        '\t%s "%s"\n' % entry for entry in entries))
        for section, entries in keepoff.multipath_settings(node).items())


def _list(node, names):
    text = ''
    for found in sorted(node.multipath.maps.values(),
                        key=lambda one: one.index):
        if names and node.multipath.find(names[0]) is not found:
            continue
        text += '%s %s IBM,2107900\n' % (found.name, found.device)
        text += 'size=%s features=\'1 queue_if_no_path\' hwhandler=\'0\' ' \
            'wp=rw\n' % _size(found.disk.size)
        text += "`-+- policy='service-time 0' prio=1 status=active\n"
        for number, sd in enumerate(found.paths, 1):
            text += '  %s- %s %s %s active ready running\n' % (
                '`' if number == len(found.paths) else '|', sd.hctl, sd.name,
                sd.number)
    return text


def _size(size):
    for unit, shift in (('T', 40), ('G', 30), ('M', 20), ('K', 10)):
        if size >= 1 << shift:
            value = size / (1 << shift)
            return '%.*f%s' % (1 if value < 10 else 0, value, unit)
    return str(size)


def multipathd(node, request):
    """show maps|paths|config, add path, reconfigure, and of a map: del,
    resize, disablequeueing, restorequeueing map NAME.
    """
    words = [word for word in request.arguments
             if not word.startswith('-')]
    words = ' '.join(words).split()
    if not node.multipath.enabled:
        return 1, '', 'multipathd: not running\n'
    with node.lock:
        if words[:2] == ['show', 'config']:
            return 0, _settings(node), ''
        if words[:1] in (['show'], ['list']):
            return 0, _list(node, []), ''
        if words[:2] in (['del', 'map'], ['remove', 'map']):
            code, _out, err = _flush(node, words[2:])
            return code, ('fail\n' if code else 'ok\n'), err
        if words[:2] == ['resize', 'map']:
            return _resize(node, words[2:])
        if words[:2] in (['disablequeueing', 'map'],
                         ['restorequeueing', 'map']):
            return _queueing(node, words[2:], words[0][0] == 'r')
        if words[:1] in (['add'], ['reconfigure'], ['reload']):
            node.multipath.reload()
        return 0, 'ok\n', ''


def _queueing(node, names, wanted):
    found = node.multipath.find(names[0]) if names else None
    if found is None:
        return 1, 'fail\n', ''
    found.queueing = wanted
    return 0, 'ok\n', ''


def _resize(node, names):
    """The map takes over the size that its paths show in sysfs."""
    found = node.multipath.find(names[0]) if names else None
    if found is None:
        return 1, 'fail\n', ''
    tree = node.kernel.tree
    sizes = {tree.read('%s/block/%s/size' % (sd.path, sd.name))
             for sd in found.paths}
    if len(sizes) != 1:
        return 1, 'fail\n', ''
    tree.change(found.path + '/size', sizes.pop())
    return 0, 'ok\n', ''
