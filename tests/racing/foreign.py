# SPDX-License-Identifier: Apache-2.0
"""Others who write to a pool file all the time, each to lines of its own.

They know nothing of our lock.  What each writes is honest: `sed -i` reads
the whole file, changes one line and puts its copy in the file's place, and
with it every line as it was when it read it.
"""

import contextlib
import itertools
import subprocess
import threading

from tests import mnuser
from tests.racing import truth
from tests.racing import world

_PORT = world.PORTS[-1]         # the MN finds a multipath line by its last

#: Seconds between two edits on the zHCP.  Without any, each of our swaps finds
#: the file changed since it read it, and is refused after ten seconds.
PAUSE = 0.3
#: Seconds for which an editor has the file open
READING = 1
#: Who edits by commands, and one more who takes time
COMMANDS = ('reserve', 'reserve', 'add', 'sed')
ALL = COMMANDS + ('save',)

# until the file is away, and one line for each edit
_LOOP = '''
n=0
while [ -e "$1" ]; do
    n=$((n + 1))
    sed -i "/,$2,/s/[^,]*\\$/tag$n/" zpool1.conf && echo $n
    sleep "$3"
done
'''


class Writers:
    """A context manager; they write from its begin to its end.

    :param who: of reserve, add, sed and save, as many as there are
    :param pause: seconds between two edits on the zHCP
    """

    def __init__(self, simulator, who=COMMANDS, pause=PAUSE):
        self._simulator = simulator
        self._truth = truth.Truth(simulator)
        self._who = who
        self._pause = pause
        self._enough = threading.Event()
        self._problems = []
        self.added = []
        #: How often each has written
        self.counts = dict.fromkeys(who, 0)

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            for number, name in enumerate(self._who):
                start = getattr(self, '_' + name)
                stack.enter_context(start(world.theirs(number)))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        self._enough.set()
        self._stack.close()
        if self._problems and error[0] is None:
            raise self._problems[0]

    @contextlib.contextmanager
    def _thread(self, name, steps):
        def run():
            try:
                for _ in steps:
                    self.counts[name] += 1
                    if self._enough.is_set():
                        break
            except BaseException as error:
                self._problems.append(error)
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            thread.join()

    def _reserve(self, lun):
        """A user of the MN who reserves a LUN and releases it again."""
        return self._thread('reserve', self._commands(itertools.cycle([
            ('--reservezfcp', 'zpool1', 'reserved', 'lnx9', '0', '1M',
             _PORT, lun),
            ('--releasezfcp', 'zpool1', _PORT, lun)])))

    def _commands(self, commands):
        with mnuser.User(self._simulator.url,
                         self._simulator.ca_file) as user:
            for words in commands:
                yield user.change(*words)

    def _add(self, _lun):
        """A user of the MN who adds lines."""
        return self._thread('add', self._commands(self._lines()))

    def _lines(self):
        for number in itertools.count():
            lun = '4099%04x00000000' % number
            yield ('--addzfcp2pool', 'zpool1', 'used', _PORT, lun, '5G',
                   world.RANGE, 'lnx9')
            self.added.append(lun)

    def _save(self, lun):
        """An operator who opens the file in an editor, and saves it later.

        What was written in between is lost.
        """
        return self._thread('save', self._sessions(lun))

    def _sessions(self, lun):
        new = self._truth.folder.parent / ('edited-%s' % lun)
        for number in itertools.count():
            text = self._truth.pool.read_text()
            self._enough.wait(READING)
            new.write_text(''.join(
                '%s,tag%d\n' % (line.rpartition(',')[0], number)
                if ',%s,' % lun in line else line + '\n'
                for line in text.splitlines()))
            yield new.rename(self._truth.pool)

    @contextlib.contextmanager
    def _sed(self, lun):
        """Somebody on the zHCP itself, in a tight loop."""
        folder = self._truth.folder
        going = folder.parent / ('going-%s' % lun)
        going.touch()
        process = subprocess.Popen(
            ['sh', '-c', _LOOP, 'sh', str(going), lun, str(self._pause)],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            text=True)
        edits = []
        reader = threading.Thread(
            target=lambda: edits.extend(process.stdout))
        reader.start()
        try:
            yield
        finally:
            going.unlink()
            process.wait(60)
            reader.join()
            process.stdout.close()
            self.counts['sed'] += len(edits)
