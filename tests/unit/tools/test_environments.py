# SPDX-License-Identifier: Apache-2.0

import threading

import fixtures
import testtools

from tests.unit.tools import base

import environments  # noqa: I100
import words


class Installer:
    """Stands for venv and pip: makes the files, or fails at a step."""

    def __init__(self):
        self.calls = []
        self.fail_at = None

    def run(self, environment, *command):
        step = 'venv' if 'venv' in command else 'pip'
        self.calls.append((environment.name, step))
        if step == 'venv':
            environment.python.parent.mkdir(parents=True)
            environment.python.touch()
        if self.fail_at == step:
            raise words.Stop('pip failed')


class TestRequirements(base.TestCase):

    def test_each_environment_gets_its_extras_and_the_common_ones(self):
        root = self.make_tree()
        self.assertEqual(
            ['cinder-thing>=1', 'requests>=2,<3', 'test-thing>=1',
             'test_cinder-thing>=1'],
            environments.requirements(root, 'cinder'))

    def test_main_can_build_the_wheel(self):
        self.assertIn('pbr>=6',
                      environments.requirements(self.make_tree(), 'main'))

    def test_main_and_nova_get_nothing_of_cinder(self):
        root = self.make_tree()
        for name in ('main', 'nova'):
            self.assertNotIn('cinder-thing>=1',
                             environments.requirements(root, name))

    def test_the_projects_own_requirements_are_bounded(self):
        for name in environments.NAMES:
            for line in environments.requirements(base.ROOT, name):
                self.assertIn('>=', line)
                self.assertIn('<', line)


class TestCase(base.TestCase):
    """A small source tree and an installer that installs nothing."""

    def setUp(self):
        super().setUp()
        self.installer = Installer()
        self.useFixture(fixtures.MonkeyPatch(
            'environments.Environment._run',
            lambda one, *command: self.installer.run(one, *command)))
        self.root = self.make_tree()
        self.work = self.root / '.zvm'

    def environment(self, name='cinder'):
        (self.work / 'logs').mkdir(parents=True, exist_ok=True)
        return environments.Environment(self.root, self.work, name)


class TestEnvironment(TestCase):

    def test_a_made_one_is_finished_also_in_the_next_run(self):
        self.environment().make()
        self.assertTrue(self.environment().is_finished())

    def test_one_without_a_stamp_is_half_made_and_removed(self):
        left = self.work / 'env' / 'cinder' / 'lib' / 'half'
        left.parent.mkdir(parents=True)
        left.touch()
        self.assertFalse(self.environment().is_finished())
        self.environment().make()
        self.assertFalse(left.exists())
        self.assertIn('removing the half-made environment cinder', self.said)

    def test_one_whose_installation_failed_is_half_made(self):
        self.installer.fail_at = 'pip'
        self.assertRaises(words.Stop, self.environment().make)
        self.assertFalse(self.environment().is_finished())

    def test_one_without_its_python_is_not_finished(self):
        self.environment().make()
        self.environment().python.unlink()
        self.assertFalse(self.environment().is_finished())

    def test_changed_requirements_make_it_anew(self):
        self.environment().make()
        self.write('requirements.txt', 'requests>=3,<4\n')
        self.assertFalse(self.environment().is_finished())
        self.environment().make()
        self.assertIn('the requirements of environment cinder changed',
                      self.said)
        self.assertTrue(self.environment().is_finished())

    def test_a_requirement_of_cinder_leaves_nova_alone(self):
        self.environment('nova').make()
        text = (self.root / 'setup.cfg').read_text()
        self.write('setup.cfg', text.replace('cinder-thing>=1',
                                             'cinder-thing>=2'))
        self.assertTrue(self.environment('nova').is_finished())

    def test_another_python_makes_it_anew(self):
        self.environment().make()
        self.useFixture(fixtures.MonkeyPatch('sys.version', '3.99'))
        self.assertFalse(self.environment().is_finished())

    def test_the_wheel_is_noted_with_the_hash_of_its_sources(self):
        environment = self.environment()
        environment.make()
        self.assertFalse(environment.has_project('abc'))
        environment.install('the.whl', 'abc')
        self.assertTrue(self.environment().has_project('abc'))
        self.assertFalse(self.environment().has_project('abd'))

    def test_a_failed_installation_of_the_wheel_is_not_noted(self):
        environment = self.environment()
        environment.make()
        environment.install('the.whl', 'abc')
        self.installer.fail_at = 'pip'
        with testtools.ExpectedException(words.Stop):
            environment.install('the.whl', 'abd')
        self.assertFalse(environment.has_project('abc'))
        self.assertFalse(environment.has_project('abd'))


class TestBench(TestCase):
    """Two runs in one tree, and what is made when."""

    def setUp(self):
        super().setUp()
        self.wheels = []
        self.useFixture(fixtures.EnvironmentVariable('ZVM_BENCH_IS_READY'))
        self.useFixture(fixtures.EnvironmentVariable('PBR_VERSION', '0.1.0'))
        self.useFixture(fixtures.MonkeyPatch('sources.wheel', self.wheel))
        self.write('zvm_common/__init__.py', '')

    def wheel(self, root, python, folder, log):
        self.wheels.append(python)
        return 'the.whl'

    def test_all_is_made_once(self):
        for _ in range(2):
            with environments.Bench(self.root).ready(environments.NAMES):
                pass
        self.assertEqual(1, len(self.wheels))
        self.assertEqual(3, self.installer.calls.count(('nova', 'pip'))
                         + self.installer.calls.count(('nova', 'venv')))

    def test_changed_sources_install_the_wheel_alone(self):
        with environments.Bench(self.root).ready(['nova']):
            pass
        del self.installer.calls[:]
        self.write('zvm_common/__init__.py', 'changed = True\n')
        with environments.Bench(self.root).ready(['nova']):
            pass
        self.assertEqual([('nova', 'pip')], self.installer.calls)

    def test_a_file_outside_the_packages_changes_nothing(self):
        with environments.Bench(self.root).ready(['nova']):
            pass
        self.write('doc/page.rst', 'changed\n')
        with environments.Bench(self.root).ready(['nova']):
            pass
        self.assertEqual(1, len(self.wheels))

    def test_the_second_run_waits_while_the_first_one_installs(self):
        first = environments.Bench(self.root)
        second = environments.Bench(self.root)
        entered = threading.Event()

        def use():
            with second.ready(['nova']):
                entered.set()

        with first.lock('environments.lock', 'nobody'):
            thread = threading.Thread(target=use)
            thread.start()
            self.assertFalse(entered.wait(0.3))
        thread.join(20)
        self.assertTrue(entered.is_set())
        self.assertIn('waiting for an installation to end', self.said)

    def test_two_runs_use_finished_environments_together(self):
        with environments.Bench(self.root).ready(['nova']):
            with environments.Bench(self.root).ready(['nova']):
                pass
        self.assertEqual([], [text for text in self.said
                              if text.startswith('waiting')])
