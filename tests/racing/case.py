# SPDX-License-Identifier: Apache-2.0
"""What races of Cinder's and of Nova's side have in common."""

import collections
import contextlib
import pathlib
import uuid

import fixtures
import testtools

from tests import histories
from tests import nursery
from tests.racing import foreign
from tests.racing import racers
from tests.racing import truth
from tests.racing import world
from tests import worlds
from zvm_common import exceptions
from zvm_common import model
from zvm_common import pool
from zvm_common.xcat import hypervisor
from zvm_common.xcat import session
from zvm_common import zhcp

GIB = model.Capacity.from_gib(1)


def new():
    return str(uuid.uuid4())


def _turned(things, by):
    by %= len(things)
    return things[by:] + things[:by]


class RaceTestCase(testtools.TestCase):
    """self.racers race in self.simulator; what they did is checked.

    A simulator and four processes serve all tests of a class; each test has
    the pool file anew, an empty ledger and a history of its own.
    """

    module, variable = None, None
    luns, guests, others, array = world.LUNS, 0, 0, 0

    @classmethod
    def setup(cls):
        """What the processes are told beside how to reach the simulator."""
        return {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._stack = contextlib.ExitStack()
        cls.addClassCleanup(cls._stack.close)

        def use(made):
            made.setUp()
            cls._stack.callback(made.cleanUp)
            return made
        cls.simulator = use(nursery.Simulator(
            world.race(cls.luns, cls.guests, others=cls.others,
                       array=cls.array)))
        cls.truth = truth.Truth(cls.simulator)
        cls._text = cls.truth.pool.read_text()
        cls.folder = use(fixtures.TempDir()).path
        cls.racers = use(racers.Racers(
            cls.module, cls.variable, folder=cls.folder,
            server=cls.simulator.server, ca_file=cls.simulator.ca_file,
            **cls.setup()))
        connection = session.Session(
            cls.simulator.server, worlds.USER, worlds.PASSWORD,
            cls.simulator.ca_file)
        cls._stack.callback(connection.close)
        cls.zhcp = zhcp.Zhcp(
            hypervisor.Hypervisor.find(connection, 'host1'), 'test')
        cls.pool = pool.Pool(cls.zhcp, 'zpool1', model.DeviceRanges.parse(
            world.ZHCP_DEVICES))

    def setUp(self):
        super().setUp()
        self.histories = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        self.addOnException(self._tell)
        self.truth.lay(self._text)
        self.everywhere('history', folder=str(self.histories))
        self.swaps = self.lost = self.starved = 0
        self._foreign = ()
        self._written = collections.Counter()

    def among_foreign_writers(self, who=foreign.COMMANDS):
        """From now on others write to the pool file during each race."""
        self._foreign = who

    def lay_luns(self, count):
        """Only the first so many LUNs for volumes."""
        gone = {world.lun(number) for number in range(count, self.luns)}
        self.truth.lay(''.join(
            line for line in self._text.splitlines(keepends=True)
            if line.split(',')[2] not in gone))

    def _tell(self, _info):
        """Add what was done, and what is, to a failure."""
        self._detail('history', '\n'.join(
            map(str, histories.read(self.histories))))
        self._detail('pool file', self.truth.pool.read_text())
        self._detail('simulator', self.simulator.log()[-5000:])

    def _detail(self, name, text):
        self.addDetail(name, testtools.content.text_content(text))

    # races

    def everywhere(self, operation, **arguments):
        """In each process; nobody else writes."""
        return self.racers.run(
            *[(operation, arguments)] * len(self.racers.all))

    def race(self, jobs):
        """Do jobs at once, among foreign writers or not; their answers.

        What foreign writers starved is refused and told, and changes nothing;
        it is done again without them.
        """
        jobs = [*jobs]
        if not self._foreign:
            return self.racers.run(*jobs)
        with foreign.Writers(self.simulator, self._foreign) as writers:
            answers = self.racers.run(*jobs)
        self.assertNotIn(0, writers.counts.values(), writers.counts)
        self._written.update(writers.counts)
        starved = [number for number, answer in enumerate(answers)
                   if racers.is_starved(answer.get('text', ''))]
        self.starved += len(starved)
        if starved:
            again = self.racers.run(*[jobs[number] for number in starved])
            for number, answer in zip(starved, again):
                answers[number] = answer
        return answers

    def race_each(self, groups):
        """As race(), in groups of as many jobs as there are processes.

        The next group is dealt out from another process on.
        """
        jobs = [job for turn, group in enumerate(groups)
                for job in _turned(group, turn)]
        answers, count = self.race(jobs), len(groups[0])
        return [_turned(answers[turn * count:][:count], -turn)
                for turn in range(len(groups))]

    def all_done(self, jobs):
        """As race(), where nobody may fail; their results."""
        answers = self.race(jobs)
        self.assertEqual([], [each for each in answers if 'error' in each])
        self.swaps += len(answers)
        return [each['result'] for each in answers]

    # the truth

    def check(self, owned=()):
        """History, ledger and pool file are right, and the view tells it.

        :param owned: {LUN: volume} that have to be, or None
        """
        events = histories.read(self.histories)
        histories.check(events)
        volumes = self.truth.volumes()
        certain = {subject[4:]: owner for subject, owner
                   in histories.held(events).items()
                   if subject.startswith('lun ')}
        self.assertEqual({}, {lun: owner for lun, owner in certain.items()
                              if volumes.get(owner) != lun})
        if owned is not None:
            self.assertEqual(dict(owned), {lun: volume for volume, lun
                                           in volumes.items()})
        self.check_view()

    def check_view(self):
        """What foreign writers cost is found, and is not handed out."""
        lost = self.truth.lost()
        rows = {str(row.lun): row for row in self.pool.view().luns}
        ours = {lun: row for lun, row in rows.items()
                if lun in self.truth.luns()}
        self.assertEqual(lost, {
            lun for lun, row in ours.items()
            if row.drift or row.state in ('lost', 'foreign')})
        self.assertEqual([], [lun for lun in lost if rows[lun].claimable])
        self.lost += len(lost)
        if not self._foreign:
            self.assertEqual(set(), lost)
        return lost

    def tearDown(self):
        if self._foreign:
            self._detail('foreign writers', '%d swaps, %d lost, as many '
                         'found; %d starved; edits of others: %s' % (
                             self.swaps, self.lost, self.starved,
                             dict(self._written)))
        super().tearDown()

    def check_nothing_is_left(self):
        """No LUN of 1 GiB can be claimed any more, lost lines or not."""
        error = self.assertRaises(exceptions.NoSuitableLun, self.pool.claim,
                                  new(), new(), GIB, GIB, trust=True)
        self.assertIn('no free LUN', str(error))
