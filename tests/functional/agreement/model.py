# SPDX-License-Identifier: Apache-2.0
"""What the MN's commands make of pool files, written from the wire document.

Nothing here is of the simulator: where the two differ one of them is wrong.
A file is the list of its lines. A command is given as the words of its
request; it changes the files and returns what is printed, each text as
('info', text) or ('error', text).

Of the arguments that the MN does not check those are predicted that the
document names: ``# ' & ,`` in an owner or tag.
"""

import re

HEADER = '#status,wwpn,lun,size,range,owner,channel,tag'
COLUMNS = HEADER[1:].split(',')
HEX16 = re.compile('[0-9a-f]{16}', re.I)
STATUS = ('free', 'reserved', 'used')
NODE = 'host1'
ZHCP = 'zhcp1.example.com'


def element(text):
    """A text that says failed or (error) makes the whole element an error."""
    wrong = re.search(r'\(error\)|failed', text, re.I)
    return 'error' if wrong else 'info', text


def columns(line):
    """{name: text} of a line; what it does not have is ''."""
    cells = line.split(',') + [''] * len(COLUMNS)
    return dict(zip(COLUMNS, cells))


def grep(lines, text):
    """The lines that have a text anywhere, in any case."""
    return [line for line in lines if text.lower() in line.lower()]


def megabytes(size):
    """A size in G counts by its digits alone: 5.5G are 55 GiB."""
    digits = int(re.sub(r'\D', '', size) or 0)
    return digits * 1024 if 'g' in size.lower() else digits


def has_unit(size):
    return bool(re.search('[gm]', size, re.I))


def _pattern(text, flags=0):
    """A line as an expression of sed: only its dots mean anything else."""
    return re.compile(re.escape(text).replace(r'\.', '.'), flags)


def replaced(lines, old, new):
    """The lines after sed 's#OLD#NEW#i' on the zHCP, quoted by ' there.

    What sed or the shell refuse changes nothing, and nobody looks.
    """
    if '\n' in old or (old + new).count("'") % 2:
        return lines
    old, new, flags = ('%s#%s#i' % (old, new)).replace("'", '').split('#', 2)
    if flags not in ('i', '#i'):
        return lines
    pattern = _pattern(old, re.I)
    return [pattern.sub(lambda found: new.replace('&', found[0]), line, 1)
            for line in lines]


class Channels:
    """FCP devices as automatic choice sees them: free ones, dedicated ones.

    :param free: device numbers, in order
    """

    def __init__(self, free):
        self.free = list(free)
        self.of_node = {}

    def choose(self, owner, ranges, used):
        """(device or '', text) for a line's range; '' allows none."""
        for device in self.of_node.get(owner, ()):
            if self._within(device, ranges):
                return device, 'Found eligible FCP channel ' + device
        for device in self.free:
            if self._within(device, ranges) and device not in used:
                return device, ('Found FCP channel within acceptable range '
                                + device)
        return '', '(Error) A suitable FCP channel could not be found'

    @staticmethod
    def _within(device, ranges):
        for part in filter(None, ranges.split(';')):
            low, _, high = part.partition('-')
            if int(low, 16) <= int(device, 16) <= int(high, 16):
                return True
        return False


class Pools:
    """The pool files of one zHCP: ``files`` is {name: [line, ...]}."""

    def __init__(self, files, channels=None):
        self.files = {name: list(lines) for name, lines in files.items()}
        self.channels = channels or Channels([])

    def text(self, name):
        """A file's text, None when there is none."""
        lines = self.files.get(name)
        return None if lines is None else '\n'.join(lines) + '\n'

    def lines(self):
        """(pool, line) of all LUN lines."""
        return [(name, line) for name in sorted(self.files)
                for line in self.files[name] if not line.startswith('#')]

    def change(self, words):
        """A request to chhypervisor."""
        command = {'--addzfcp2pool': self._add,
                   '--removezfcpfrompool': self._remove,
                   '--releasezfcp': self._release,
                   '--reservezfcp': self._reserve}[words[0]]
        return [element(text) for text in command(*words[1:])]

    # --- listings

    def listing(self, name, wanted='all'):
        """--zfcppool, as one text: None for an empty answer."""
        lines = self.files.get(name.lower())
        if lines is None:
            if wanted == 'all':
                return [('info', None)]
            return [element(_hop_failed(
                'inventoryHypervisor', 1,
                ' cat /var/opt/zhcp/zfcp/%s.conf' % name,
                'Node: %s ' % NODE))]
        if wanted != 'all':
            lines = [HEADER] + grep(lines, wanted)
        return [('info', _labelled(lines))]

    def names(self):
        """--zfcppoolnames: what has one line or less is deleted."""
        self.files = {name: lines for name, lines in self.files.items()
                      if len(lines) > 1}
        return [('info', _labelled(sorted(self.files)))]

    # --- lines come and go

    def _add(self, pool, status, wwpn, lun, size, ranges='', owner=''):
        pool = pool.lower()
        problem = _wrong_line(status, wwpn, lun, size)
        if problem:
            yield '%s: (Error) %s' % (NODE, problem)
            return
        for port in wwpn.split(';'):
            known = [name for name in sorted(self.files) if grep(
                self.files[name], ',%s,%s' % (port, lun))]
            for name in known:
                yield ('%s: (Error) zFCP device %s/%s already exists in %s.'
                       % (NODE, port, lun, name))
            if known:
                return
        problem = _wrong_owner(status, owner)
        if problem:
            yield '%s: (Error) %s' % (NODE, problem)
            return
        if pool not in self.files:
            self.files[pool] = [HEADER]
            yield '%s: New zFCP device pool %s created' % (NODE, pool)
        line = ','.join((status, wwpn, lun, size, ranges, owner, '', ''))
        if line.count("'") % 2 == 0:    # else the shell refuses it
            self.files[pool].append(line.replace("'", ''))
        yield '%s: Adding zFCP device to %s pool... Done' % (NODE, pool)

    def _remove(self, pool, luns, wwpn):
        if pool not in self.files:
            yield '%s: (Error) zFCP pool does not exist' % NODE
            return
        for lun in luns.split(','):
            found = grep(self.files[pool], lun)
            if not found:
                yield ('%s: (Error) zFCP device %s does not exist'
                       % (NODE, lun))
                return
            mine = [line for line in found
                    if wwpn.lower() in columns(line)['wwpn'].lower()]
            for line in mine:
                pattern = _pattern(line.strip())
                self.files[pool] = [each for each in self.files[pool]
                                    if not pattern.search(each)]
                yield ('%s: Removing zFCP device %s/%s from %s pool... Done'
                       % (NODE, wwpn, lun, pool))
                if len(self.files[pool]) <= 1:
                    del self.files[pool]
                    yield '%s: Deleting empty zFCP %s pool.' % (NODE, pool)
                    return
            if not mine:
                yield ('%s: (Error) zFCP device %s/%s does not exist.'
                       % (NODE, wwpn, lun))
                return

    # --- lines change

    def _reserve(self, pool, status, owner, device, size, wwpn='', lun=''):
        pool, wwpn, lun = pool.lower(), wwpn.lower(), lun.lower()
        if status.lower() == 'free':
            yield ('%s: (Error) Status can be used or reserved but not free.'
                   % NODE)
            return
        if wwpn:
            size = ''       # it must be there and is not looked at
            problem = self._in_use(pool, wwpn, lun)
            if problem:
                yield problem
                return
        done = yield from self.update(NODE, pool, status, wwpn, lun, size,
                                      owner, device)
        if not done:
            yield '%s: (Error) Reserving FCP device... Failed' % NODE
            return
        yield '%s: Reserving FCP device... Done' % NODE
        device = done[0] + '/' if done[0] not in ('', '0') else ''
        yield ('%s: FCP device %s0x%s/0x%s was reserved... Done'
               % (NODE, device, *done[1:]))

    def _in_use(self, pool, wwpn, lun, node=NODE):
        """The shell ends the command at the ; of several WWPNs."""
        lines = self.files.get(pool)
        found = grep(lines or [], '%s,%s' % (wwpn, lun))
        status = (127 if ';' in wwpn else 2 if lines is None
                  else 0 if found else 1)
        if status:
            return _hop_failed(
                'findzFcpDeviceAttr', status,
                ' grep -i "%s,%s" /var/opt/zhcp/zfcp/%s.conf'
                % (wwpn, lun, pool))
        if columns(found[0])['status'] == 'used':
            return ('%s: (Error) FCP device 0x%s/0x%s is in use.'
                    % (node, wwpn, lun))
        return ''

    def _release(self, pool, wwpn, luns):
        pool, wwpn, luns = pool.lower(), wwpn.lower(), luns.lower()
        for lun in luns.split(','):
            done = yield from self.update(NODE, pool, 'free', wwpn, lun)
            if done:
                yield '%s: Releasing FCP device... Done' % NODE
                yield ('%s: FCP device 0x%s/0x%s was released'
                       % (NODE, wwpn, lun))
            else:
                yield '%s: Releasing FCP device... Failed' % NODE

    def update(self, node, pool, status, wwpn='', lun='', size='', owner='',
               device='', tag=''):
        """The change that all share; returns (device, wwpn, lun) or None.

        Another hop reads the file again before this; sequentially it is the
        same file.
        """
        problem = (_wrong_status(status) or _wrong_device(device)
                   or _wrong_owner(status, owner))
        if size and not has_unit(size):
            problem = problem or BAD_SIZE
        if problem:
            yield '%s: (Error) %s' % (node, problem)
            return None
        if 'g' in size.lower():
            size = '%d' % megabytes(size)
        if wwpn:
            yield '%s: Using given WWPN and LUN' % node
        if pool not in self.files:
            yield '%s: (Error) FCP storage pool does not exist' % node
            return None
        line, problem = (self._named(pool, wwpn, lun, size) if wwpn
                         else self._fitting(pool, size))
        if problem:
            yield '%s: (Error) %s' % (node, problem)
            return None
        if not wwpn:
            wwpn, lun = columns(line)['wwpn'], columns(line)['lun']
        yield '%s: Found FCP device 0x%s/0x%s' % (node, wwpn, lun)
        if 'used' in status.lower() and device.lower().startswith('auto'):
            device, text = self.channels.choose(
                owner, columns(line)['range'], self.used_channels())
            yield '%s: %s' % (node, text)
            if not device:
                return None
        elif status == 'free':
            device = owner = ''
        problem = self._write(pool, wwpn, lun, size,
                              (status, owner, device, tag))
        if problem:
            yield '%s: (Error) %s' % (node, problem)
            return None
        return device, wwpn, lun

    def _named(self, pool, wwpn, lun, size):
        """The line of WWPN and LUN: all of a list of WWPNs or its last."""
        found = grep(self.files[pool], '%s,%s' % (wwpn, lun))
        if not found:
            return None, ('zFCP device 0x%s/0x%s could not be found in zFCP '
                          'pool %s' % (wwpn, lun, pool))
        if size and megabytes(columns(found[0])['size']) < _number(size):
            return None, ('FCP device %s/%s is not large enough'
                          % (wwpn, lun))
        return found[0], ''

    def _fitting(self, pool, size):
        """The first of the smallest free lines that suffice."""
        fit = [line for line in self.files[pool]
               if line.lower().startswith('free')
               and has_unit(columns(line)['size'])
               and megabytes(columns(line)['size']) >= _number(size)]
        if not fit:
            return None, ('A suitable device of %sM or larger could not be '
                          'found' % size)
        return min(fit, key=lambda each: megabytes(columns(each)['size'])), ''

    def _write(self, pool, wwpn, lun, size, values):
        """Two lines with that LUN number: nothing is written.

        Only the WWPN of the first of them is compared.
        """
        status, owner, device, tag = values
        found = grep(self.files[pool], lun)
        known = columns(found[0])
        if wwpn.lower() not in known['wwpn'].lower():
            return 'FCP device %s/%s does not exists' % (wwpn, lun)
        new = ','.join((status, known['wwpn'], known['lun'],
                        known['size'] or size + 'M', known['range'],
                        owner, device, tag))
        self.files[pool] = replaced(self.files[pool], '\n'.join(found), new)
        return ''

    def used_channels(self):
        """Channels of lines that say used; two in a line are one text."""
        return {columns(line)['channel'].upper()
                for _, line in self.lines() if 'used' in line.lower()}

    # --- guests, logged off: nothing is configured in them

    def addzfcp(self, node, userid, pool, device, size, tag='', wwpn='',
                lun=''):
        """chvm --addzfcp POOL DEVICE 0 SIZE [TAG [WWPN LUN]]."""
        return [element(text) for text in self._addzfcp(
            node, userid, pool, device, size, tag, wwpn, lun)]

    def _addzfcp(self, node, userid, pool, device, size, tag, wwpn, lun):
        pool = pool.lower()
        problem = wwpn and self._in_use(pool, wwpn, lun, node)
        if problem:
            yield problem
            return
        done = yield from self.update(node, pool, 'used', wwpn, lun, size,
                                      node, device, tag)
        if not done:
            yield '%s: (Error) Failed to add zFCP device' % node
            return
        dedicated = self.channels.of_node.setdefault(node, [])
        for device in done[0].split(';'):
            if device != '0' and device.upper() not in dedicated:
                dedicated.append(device.upper())
                yield ("%s: Dedicating device %s to %s's directory entry... "
                       'Done' % (node, device, userid))
        yield '%s: Adding zFCP device %s/%s/%s... Done' % (node, *done)

    def removezfcp(self, node, device, wwpn, lun, persist):
        """chvm --removezfcp DEVICE WWPN LUN PERSIST."""
        return [element(text) for text in self._removezfcp(
            node, device, wwpn, lun, persist)]

    def _removezfcp(self, node, device, wwpn, lun, persist):
        path = '%s,%s' % (wwpn, lun)
        having = [name for name in sorted(self.files)
                  if grep(self.files[name], path)]
        if not having:
            yield _hop_failed(
                'findzFcpDevicePool', 1 if self.files else 2,
                ' grep -i -l \\"%s\\" /var/opt/zhcp/zfcp/*.conf' % path)
            return
        pool = having[0]        # the first in the alphabet, whichever is meant
        yield '%s: Found FCP device in %s' % (node, pool)
        line = columns(grep(self.files[pool], path)[0])
        if line['status'] == 'used' and line['owner'] != node:
            yield ('%s: (Error) The zFCP device 0x%s/0x%s does not belong to '
                   'the node %s.' % (node, wwpn, lun, node))
            return
        done = yield from self.update(
            node, pool, 'reserved' if persist == '1' else 'free', wwpn, lun)
        if not done:
            yield '%s: (Error) Failed to find zFCP device' % node

    def rmvm(self, node):
        """A guest is deleted: each line with its name anywhere is freed."""
        for pool in sorted(self.files):
            found = grep(self.files[pool], node)
            for line in found:
                cells = columns(line)
                new = ','.join(['free'] + [cells[name] for name in
                                           COLUMNS[1:5]] + ['', '', ''])
                self.files[pool] = replaced(self.files[pool], line, new)
            if found:
                yield ('%s: Updating FCP device pool %s... Done'
                       % (node, pool))


BAD_SIZE = ('Size not recognized. Size can be M(egabytes) or '
            'G(igabytes).')


def _wrong_line(status, wwpn, lun, size):
    if size and not has_unit(size):
        return BAD_SIZE
    if _wrong_status(status):
        return _wrong_status(status)
    if not all(HEX16.fullmatch(port) for port in wwpn.split(';')):
        return 'Invalid world wide portname %s.' % wwpn
    if not HEX16.fullmatch(lun):
        return 'Invalid logical unit number %s.' % lun
    return ''


def _wrong_status(status):
    if status.lower() in STATUS:
        return ''
    return 'Status not recognized. Status can be free, used, or reserved.'


def _wrong_device(device):
    if device.startswith('auto') or re.fullmatch('[0-9a-fA-F;]*', device):
        return ''
    return 'Invalid FCP channel address %s.' % device


def _wrong_owner(status, owner):
    if status.lower() == 'used' and not owner:
        return 'Owner must be specified if status is used.'
    if status.lower() == 'free' and owner:
        return 'Owner must not be specified if status is free.'
    return ''


def _number(size):
    """A size that is asked for in M counts as it is written."""
    return float(re.match(r'[0-9]*\.?[0-9]*', size)[0] or 0)


def _labelled(lines):
    """A listing is one text, each line with the node's name."""
    return ''.join('%s: %s\n' % (NODE, line) for line in lines) or None


def _hop_failed(function, status, command, before=''):
    return ('%s(Error) In %s(), command to %s failed with return code %d '
            'for: ssh root@%s "%s"' % (before, function, ZHCP, status, ZHCP,
                                       command))
