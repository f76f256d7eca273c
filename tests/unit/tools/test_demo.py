# SPDX-License-Identifier: Apache-2.0
"""What the demo tells when something goes wrong, and how it looks."""

import contextlib
import importlib.util
import io
import json
import signal
import sys

import fixtures
from rich import console

from tests.unit.tools import base

_DEMO = base.ROOT / 'tools' / 'demo.d'
# It runs as a program from its own folder, as the workbench does.
if str(_DEMO) not in sys.path:
    sys.path.append(str(_DEMO))

import display  # noqa: E402,I100
import side  # noqa: E402
import truth  # noqa: E402
import words  # noqa: E402


def _main(folder='demo.d'):
    spec = importlib.util.spec_from_file_location(
        'main_of_' + folder, base.ROOT / 'tools' / folder / '__main__.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class World:
    """Two requests a step; dead, it answers nothing."""

    def __init__(self, *_):
        self.dead = False
        self.asked = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def _answer(self, value):
        if self.dead:
            raise ConnectionRefusedError('nobody listens')
        return value

    def requests(self):
        return self._answer(self.asked)

    def pool(self, number):
        return self._answer('free,[5005],4011,%d' % self.asked)

    def ledger(self, number):
        return self._answer('')


class DemoTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.addCleanup(signal.signal, signal.SIGTERM,
                        signal.getsignal(signal.SIGTERM))
        for name in ('ZVM_SIMULATOR', 'ZVM_CINDER_PYTHON',
                     'ZVM_NOVA_PYTHON'):
            self.useFixture(fixtures.EnvironmentVariable(name, 'none'))
        self.world = World()
        self._patch('truth.Simulator', lambda *_: self.world)
        self._patch('side.Side', lambda *_: contextlib.nullcontext())
        self.plan(self.step, self.step)

    def _patch(self, name, value):
        self.useFixture(fixtures.MonkeyPatch(name, value))

    def plan(self, *taken):
        self._patch('steps.STEPS', tuple(
            ('create volume %d' % number, step)
            for number, step in enumerate(taken, 1)))

    def step(self, demo):
        demo.world.asked += 2
        return 'made'

    def fail(self, demo):
        raise TypeError('int() [of] nothing')

    def die(self, demo):
        demo.world.dead = True
        return 'made'

    def run_main(self, *arguments):
        """Exit status, standard output and standard error."""
        self._patch('sys.argv', ['demo', *arguments])
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = _main().main()
        return status, out.getvalue(), err.getvalue()

    def run_json(self, *arguments):
        """Exit status, the object and standard error."""
        status, out, err = self.run_main('--json', *arguments)
        answer = json.loads(out)
        self.assertEqual({'ok', 'steps'}, set(answer))
        for step in answer['steps']:
            self.assertEqual({'name', 'ok', 'seconds', 'requests'},
                             set(step))
        return status, answer, err


class JsonTest(DemoTest):

    def shown(self, answer):
        return [(step['ok'], step['requests']) for step in answer['steps']]

    def test_all_well(self):
        status, answer, err = self.run_json()
        self.assertEqual((0, True, ''), (status, answer['ok'], err))
        self.assertEqual([(True, 2), (True, 2)], self.shown(answer))

    def test_a_step_that_raises_is_the_last_one(self):
        self.plan(self.step, self.fail, self.step)
        status, answer, err = self.run_json()
        self.assertEqual((1, False), (status, answer['ok']))
        self.assertEqual([(True, 2), (False, 0)], self.shown(answer))
        self.assertIn('create volume 2: TypeError: int() [of] nothing', err)
        self.assertNotIn('Traceback', err)

    def test_a_world_that_dies_in_the_middle(self):
        self.plan(self.step, self.die, self.fail, self.step)
        status, answer, err = self.run_json()
        self.assertEqual((1, False), (status, answer['ok']))
        self.assertEqual([(True, 2), (True, None), (False, None)],
                         self.shown(answer))
        self.assertIn('nobody listens', err)

    def test_a_world_that_dies_at_the_end(self):
        self.plan(self.step, self.die)
        status, answer, err = self.run_json()
        self.assertEqual((1, False), (status, answer['ok']))
        self.assertEqual(2, len(answer['steps']))
        self.assertIn('ConnectionRefusedError: nobody listens', err)

    def test_a_world_that_never_lived(self):
        self.world.dead = True
        status, answer, err = self.run_json()
        self.assertEqual((1, {'ok': False, 'steps': []}), (status, answer))
        self.assertIn('nobody listens', err)

    def test_what_runs_does_not_end_well(self):
        self.world.__class__ = type('Ending', (World,), {
            '__exit__': lambda *_: self.fail(None)})
        status, answer, err = self.run_json()
        self.assertEqual((1, False), (status, answer['ok']))
        self.assertEqual([(True, 2), (True, 2)], self.shown(answer))
        self.assertIn('TypeError', err)

    def test_a_folder_that_is_not_empty(self):
        self.write('a', '')
        status, answer, err = self.run_json('--keep', str(self.folder))
        self.assertEqual((1, {'ok': False, 'steps': []}), (status, answer))
        self.assertIn('%s is not empty' % self.folder, err)

    def test_an_interrupt_keeps_what_was_done(self):
        def interrupt(demo):
            raise KeyboardInterrupt
        self.plan(self.step, interrupt)
        status, answer, err = self.run_json()
        self.assertEqual((1, False), (status, answer['ok']))
        self.assertEqual([(True, 2)], self.shown(answer))
        self.assertIn('KeyboardInterrupt', err)

    def test_a_signal_ends_it_with_the_object(self):
        self.plan(self.step, lambda demo: signal.raise_signal(
            signal.SIGTERM))
        self._patch('sys.argv', ['demo', '--json'])
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            ended = self.assertRaises(SystemExit, _main().main)
        self.assertEqual(1, ended.code)
        answer = json.loads(out.getvalue())
        self.assertFalse(answer['ok'])
        self.assertEqual([(True, 2)], self.shown(answer))


class LiveTest(DemoTest):

    def setUp(self):
        super().setUp()
        self.screen = console.Console(record=True, file=io.StringIO(),
                                      width=100, highlight=False)
        live = display.Live
        self._patch('display.Live', lambda: live(self.screen))

    def run_live(self):
        status, out, err = self.run_main()
        self.assertEqual('', out)
        return status, self.screen.export_text(), err

    def rows(self, text):
        """The cells of the table, heading first, without the seconds."""
        rows = [[cell.strip() for cell in line.strip('┃│').replace(
                 '┃', '│').split('│')]
                for line in text.splitlines() if line[:1] in ('┃', '│')]
        self.assertEqual('Seconds', rows[0].pop(2))
        for row in rows[1:]:
            self.assertTrue(0 <= float(row.pop(2)) < 60)
        return rows

    def test_table_pool_file_and_ledger(self):
        status, text, err = self.run_live()
        self.assertEqual((0, ''), (status, err))
        rows = self.rows(text)
        self.assertEqual([['Step', 'Result', 'MN requests'],
                          ['create volume 1', 'ok', '2'],
                          ['create volume 2', 'ok', '2']], rows)
        table = text.index('The life of a volume')
        for title in ('pool file of zhcp1', 'ledger of zhcp1',
                      'pool file of zhcp2', 'ledger of zhcp2'):
            before = text.index('Before: ' + title)
            self.assertTrue(table < before < text.index('After: ' + title))
        # what looks like markup is text, and an empty ledger says so
        self.assertIn('free,[5005],4011,0', text)
        self.assertIn('free,[5005],4011,4', text)
        self.assertIn('(empty)', text)

    def test_a_failure_ends_with_the_table_and_the_error(self):
        self.plan(self.step, self.die, self.fail)
        status, text, err = self.run_live()
        self.assertEqual(1, status)
        rows = self.rows(text)
        self.assertEqual(['create volume 3', 'FAILED', '?'], rows[-1])
        self.assertIn('Before: pool file of zhcp1', text)
        self.assertNotIn('After', text)
        self.assertIn('tools/demo: create volume 3: TypeError: int() [of] '
                      'nothing\n', err)
        self.assertNotIn('Traceback', err)

    def test_a_start_that_fails(self):
        self._patch('truth.Simulator', self.refuse)
        status, text, err = self.run_live()
        self.assertEqual(1, status)
        self.assertEqual([['Step', 'Result', 'MN requests']],
                         self.rows(text))
        self.assertEqual('tools/demo: CheckFailed: it does not start\n', err)

    def refuse(self, *_):
        raise truth.CheckFailed('it does not start')


class SideTest(base.TestCase):

    def make(self, text):
        script = self.write('cinder_side.py', text)
        self.useFixture(fixtures.MonkeyPatch('side._HERE', script.parent))
        world = World()
        world.description = dict
        return side.Side(sys.executable, script.name, self.folder, world)

    def test_one_that_died_is_told_with_its_log(self):
        one = self.make('print(\'{"result": null}\', flush=True)\n'
                        'input()\nraise SystemExit("out of order")\n')
        with one:
            error = self.assertRaises(truth.CheckFailed, one.ask, 'create')
            self.assertIn('out of order', str(error))
            self.assertRaises(truth.CheckFailed, one.ask, 'create')

    def test_one_that_does_not_start_is_no_more(self):
        one = self.make('print(\'{"error": "no module"}\', flush=True)\n'
                        'while True:\n    input()\n')
        error = self.assertRaises(truth.CheckFailed, one.__enter__)
        self.assertIn('no module', str(error))
        self.assertIsNotNone(one._process.poll())


class WorkbenchTest(base.TestCase):

    def test_without_environments_there_is_an_object_too(self):
        self.useFixture(fixtures.MonkeyPatch(
            'environments.Bench.ready', self.refuse))
        self.useFixture(fixtures.MonkeyPatch('words.stream', None))
        for arguments, printed in ((['demo'], ''), (
                ['demo', '--json'], '{"ok": false, "steps": []}\n')):
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                self.assertEqual(1, _main('workbench').main(arguments))
            self.assertEqual(printed, out.getvalue())
        self.assertEqual(['no network'] * 2, self.said)

    def refuse(self, *_):
        raise words.Stop('no network')
