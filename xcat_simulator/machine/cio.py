# SPDX-License-Identifier: Apache-2.0
"""The list of device numbers that Linux ignores (cio_ignore)."""


class Blacklist:
    """Device numbers ('3B00') that the kernel does not look at."""

    def __init__(self, everything=False):
        self._all = everything
        self._marked = set()  # ignored ones; when all are, the freed ones

    def ignores(self, number):
        return (number in self._marked) != self._all

    def write(self, text):
        """Do a command of proc/cio_ignore; ValueError when it is wrong.

        "add 0.0.3b00-0.0.3b0f", "free 3b00,0.0.3c00", "add all", "free all".
        """
        verb, _, what = text.strip().partition(' ')
        if verb not in ('add', 'free') or not what:
            raise ValueError(text)
        if what == 'all':
            self._all, self._marked = verb == 'add', set()
            return
        chosen = expand(what)
        if (verb == 'add') != self._all:
            self._marked |= chosen
        else:
            self._marked -= chosen

    def text(self):
        """Ranges as proc/cio_ignore lists them, a line each."""
        if not self._all and not self._marked:
            return ''
        numbers = [n for n in range(0x10000)
                   if self.ignores('%04X' % n)]
        lines, start = [], None
        for number, following in zip(numbers, numbers[1:] + [None]):
            if start is None:
                start = number
            if following != number + 1:
                first, last = ('0.0.%04x' % n for n in (start, number))
                lines.append(first if start == number
                             else '%s-%s' % (first, last))
                start = None
        return ''.join(line + '\n' for line in lines)


def expand(text):
    """Device numbers of "0.0.3b00-0.0.3b0f,3c00" as {'3B00', ...}."""
    found = set()
    for part in text.split(','):
        first, _, last = part.partition('-')
        begin = _number(first)
        found.update('%04X' % n for n in range(
            begin, (_number(last) if last else begin) + 1))
    return found


def _number(text):
    css, _, device = text.strip().rpartition('.')
    device = device.lower().removeprefix('0x')
    if css not in ('', '0.0') or not 1 <= len(device) <= 4:
        raise ValueError(text)
    return int(device, 16)
