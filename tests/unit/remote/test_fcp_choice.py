# SPDX-License-Identifier: Apache-2.0
"""The choice of FCP devices, alone, for worlds of any kind."""

import itertools
import os
import shutil
import subprocess

import hypothesis
from hypothesis import strategies
import testtools

from zvm_common import remote

PART = os.path.join(os.path.dirname(remote.__file__), 'fcp_choice.sh')
NAME = 'c05076ffe5001000'
NUMBERS = ['3B%02X' % number for number in range(10)]
#: What makes a device unfit: its record, how z/VM lists it, who names it.
RECORDS = ('held', 'used', 'releasing', 'cooling', 'quarantined', 'stale')


def device():
    return strategies.fixed_dictionaries({
        'chpid': strategies.sampled_from(['50', '51', '52']),
        'status': strategies.sampled_from(
            ['free'] * 6 + ['active', 'offline', 'missing']),
        'names': strategies.sampled_from(
            [(NAME, NAME), ('none', NAME), (NAME, 'none'),
             ('none', 'none')]),
        'record': strategies.sampled_from(
            [None] * 8 + ['again', *RECORDS]),
        'line': strategies.sampled_from([False] * 6 + [True]),
        'directory': strategies.sampled_from(
            [None] * 6 + ['VM00001', 'OTHER']),
        'group': strategies.integers(0, 3)})


def worlds():
    return strategies.tuples(
        strategies.lists(device(), max_size=len(NUMBERS)),
        strategies.integers(1, 4),      # paths
        strategies.integers(0, 2))      # of these the instance has


def is_fit(each):
    return (each['status'] == 'free' and each['names'] != ('none', 'none')
            and each['record'] in (None, 'again') and not each['line']
            and each['directory'] in (None, 'VM00001'))


class World:

    def __init__(self, devices, paths, had):
        self.devices = dict(zip(NUMBERS, devices))
        self.groups = {}
        for number, each in self.devices.items():
            self.groups.setdefault(each['group'], []).append(number)
        self.paths = paths
        self.most = -(-paths // len(self.groups))
        # those that the instance has are on different CHPIDs
        self.had = []
        for number, each in self.devices.items():
            if len(self.had) < had and each['chpid'] not in self.chpids(
                    self.had):
                self.had.append(number)
                each['record'] = 'used'
        self.count = max(1, paths - len(self.had))

    def chpids(self, numbers):
        return [self.devices[number]['chpid'] for number in numbers]

    def text(self):
        lines = ['G ' + '+'.join(numbers) for numbers in self.groups.values()]
        for number, each in self.devices.items():
            if each['status'] != 'missing':
                lines.append('P %s %s %s %s %s' % (
                    number, each['status'], each['names'][0], each['chpid'],
                    each['names'][1]))
            if each['record']:
                lines.append('R %s %s 99' % (number, each['record']))
            if each['line']:
                lines.append('L ' + number)
            if each['directory']:
                lines.append('D %s %s' % (number, each['directory']))
            if number in self.had:
                lines.append('H %s %s' % (number, each['chpid']))
        return '\n'.join(lines) + '\n'

    def is_valid(self, picked):
        """Whether the instance may have these too."""
        every = [*picked, *self.had]
        counts = [sum(number in numbers for number in every)
                  for numbers in self.groups.values()]
        extra = [sum(number in numbers for number in picked)
                 for numbers in self.groups.values()]
        return (all(is_fit(self.devices[number]) for number in picked)
                and len(set(self.chpids(every))) == len(every)
                and not any(e and c > self.most
                            for e, c in zip(extra, counts)))

    def has_choice(self):
        fit = [number for number, each in self.devices.items()
               if is_fit(each) and number not in self.had]
        return any(map(self.is_valid,
                       itertools.combinations(fit, self.count)))


def with_any_world(test):
    """One for each class: hypothesis wants a test to be of one alone."""
    return hypothesis.settings(max_examples=150, deadline=None)(
        hypothesis.given(worlds())(test))


class Case(testtools.TestCase):

    shell = ('dash',)

    def setUp(self):
        super().setUp()
        if not shutil.which(self.shell[0]):
            self.skipTest('%s is not installed' % self.shell[0])

    def choose(self, count, paths, text, within=''):
        awk = 'awk() { busybox awk "$@"; }; ' * (self.shell[0] == 'busybox')
        done = subprocess.run(
            [*self.shell, '-c', awk + '. "$0"; choose_devices "$@"',
             os.path.abspath(PART), str(count), str(paths), 'VM00001',
             within],
            input=text, text=True, capture_output=True, check=True)
        self.assertEqual('', done.stderr)
        return done.stdout.strip()

    def check_world(self, made):
        """None is unfit, and a choice is found if there is one."""
        hypothesis.assume(made[0])
        world = World(*made)
        answer = self.choose(world.count, world.paths, world.text())
        if answer.startswith('picked'):
            picked = answer.split()[1:]
            self.assertEqual(world.count, len(set(picked)))
            self.assertTrue(world.is_valid(picked), (answer, made))
        else:
            self.assertFalse(world.has_choice(), (answer, made))
            self.check_counts(answer, world)

    def check_counts(self, answer, world):
        """Each device is told once, and the fit ones as free."""
        told = answer.partition(' ')[0].split(';')
        for text, numbers in zip(told, world.groups.values()):
            name, *words = text.split('/')
            self.assertEqual('+'.join(numbers), name)
            counts = {key: int(value) for key, _, value in
                      (word.partition('=') for word in words)}
            counts.pop('retry', None)
            self.assertEqual(len(numbers), counts.pop('total'))
            self.assertEqual(len(numbers), sum(counts.values()))
            self.assertEqual(
                sum(is_fit(world.devices[number]) for number in numbers),
                counts.get('free', 0))


class ChoiceTest(Case):

    def plain(self, *devices, groups):
        return ''.join('G %s\n' % group for group in groups) + ''.join(
            'P %s free %s %s none\n' % (number, NAME, chpid)
            for number, chpid in devices)

    def test_groups_of_unequal_length(self):
        text = self.plain(('3B00', '50'), ('3C00', '51'), ('3C01', '51'),
                          groups=['3B00', '3C00-3C01'])
        self.assertEqual({'picked', '3B00', '3C00'},
                         set(self.choose(2, 2, text).split()))

    def test_one_group_for_two_paths_gives_devices_of_two_chpids(self):
        text = self.plain(('3B00', '50'), ('3B01', '50'), ('3B02', '51'),
                          groups=['3B00-3B0F'])
        self.assertEqual({'picked', '3B00', '3B02'},
                         set(self.choose(2, 2, text).split()))

    def test_each_path_has_its_group(self):
        # the first group has two CHPIDs, the second none
        text = self.plain(('3B00', '50'), ('3B01', '51'),
                          groups=['3B00-3B0F', '3C00-3C0F'])
        self.assertEqual(
            '3B00-3B0F/total=16/free=2/missing=14;'
            '3C00-3C0F/total=16/missing=16 chpids=50;51',
            self.choose(2, 2, text).replace('51;50', '50;51'))

    def test_the_group_with_the_fewer_chpids_comes_first(self):
        text = self.plain(('3B00', '50'), ('3B01', '50'), ('3B02', '51'),
                          ('3C00', '50'), groups=['3B00-3B0F', '3C00-3C0F'])
        self.assertEqual({'picked', '3B02', '3C00'},
                         set(self.choose(2, 2, text).split()))

    def test_the_chpid_with_most_devices_gives_one(self):
        text = self.plain(('3B00', '50'), ('3B01', '51'), ('3B02', '51'),
                          groups=['3B00-3B0F'])
        self.assertEqual('picked 3B01', self.choose(1, 1, text))

    def test_one_that_was_refused_before_comes_last(self):
        text = self.plain(('3B00', '50'), ('3B01', '50'), groups=['3B00-3B01'])
        self.assertEqual('picked 3B01',
                         self.choose(1, 1, text + 'R 3B00 again 5\n'))
        self.assertEqual('picked 3B00', self.choose(
            1, 1, text + 'R 3B00 again 5\nR 3B01 used \n'))

    def test_the_nearest_term_is_told(self):
        text = self.plain(groups=['3B00-3B01']) + (
            'R 3B00 quarantined 900\nR 3B01 quarantined 700\n')
        self.assertEqual('3B00-3B01/total=2/quarantined=2/retry=700 chpids=',
                         self.choose(1, 1, text))

    def test_a_luns_range_limits_it(self):
        text = self.plain(('3B00', '50'), ('3B01', '50'), groups=['3B00-3B01'])
        self.assertEqual('picked 3B01',
                         self.choose(1, 1, text, '3B01;3C00-3C0F'))
        self.assertNotIn('picked', self.choose(1, 1, text, '3C00-3C0F'))


class DashTest(Case):
    shell = ('dash',)

    @with_any_world
    def test_any_world(self, made):
        self.check_world(made)


class BashTest(ChoiceTest):
    shell = ('bash',)

    @with_any_world
    def test_any_world(self, made):
        self.check_world(made)


class BusyboxTest(ChoiceTest):
    shell = ('busybox', 'sh')

    @with_any_world
    def test_any_world(self, made):
        self.check_world(made)
