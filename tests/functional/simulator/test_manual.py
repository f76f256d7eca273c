# SPDX-License-Identifier: Apache-2.0
"""The manual's examples, run as they stand there.

The console blocks of a page are one session of a shell, in a folder where
`doc` and `tests` are those of the source tree. A line that begins with $ is a
command, lines with > continue it, and the others are what it prints; ... may
be any text. A command must succeed, unless `echo $?` follows.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap

import fixtures
import testtools

from xcat_simulator import checks
from xcat_simulator import fixture
from xcat_simulator.machine import distro
from xcat_simulator.mn import commands as commands_package
from xcat_simulator.mn.commands import guest
from xcat_simulator.mn.commands import hypervisor
from xcat_simulator.mn.commands import power
from xcat_simulator import spec
from xcat_simulator import worldfile

TOP = os.path.abspath(os.path.join(os.path.realpath(__file__), '../../../..'))
FOLDER = os.path.join(TOP, 'doc', 'source', 'simulator')
WORLD = os.path.join(FOLDER, 'world.yaml')
PAGES = sorted(name for name in os.listdir(FOLDER) if name.endswith('.rst'))
WORLDS = sorted(os.listdir(os.path.join(FOLDER, 'worlds')))
PORT = '8443'
SECONDS = 300
MARK = '=-=-='


def page(name):
    with open(os.path.join(FOLDER, name), encoding='utf-8') as stream:
        return stream.read()


def blocks(name, language):
    """The code blocks of that language in a page of the manual."""
    return [textwrap.dedent(found) for found in re.findall(
        r'^\.\. code-block:: %s\n(?:   :.*\n)*\n((?:   .*\n|\n)+)' % language,
        page(name), re.MULTILINE)]


def commands(name):
    """(command, what it prints) of each example of a page."""
    for block in blocks(name, 'console'):
        for command, shown in re.findall(
                r'^\$ (.*\n(?:> .*\n)*)((?:(?!\$ ).*\n)*)', block,
                re.MULTILINE):
            yield re.sub(r'(?m)^> ', '', command), shown


def pattern(shown):
    """A regular expression for an output in which ... is any text."""
    lines = [line.rstrip() for line in shown.strip().split('\n')]
    return '.*?'.join(re.escape(part)
                      for part in '\n'.join(lines).split('...'))


class Shell(fixtures.Fixture):
    """A session in a folder with `doc` and `tests`, and a port of its own."""

    def _setUp(self):
        self.folder = os.path.realpath(
            self.useFixture(fixtures.TempDir()).path)
        for name in ('doc', 'tests'):
            os.symlink(os.path.join(TOP, name),
                       os.path.join(self.folder, name))
        with socket.create_server(('127.0.0.1', 0)) as free:
            self.port = str(free.getsockname()[1])
        self._process = subprocess.Popen(
            ['/bin/sh'], cwd=self.folder, stdin=subprocess.PIPE, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=environment(self.folder, self.port), start_new_session=True)
        self.addCleanup(self._end)

    def run(self, command):
        """(output, exit status) of a command, both outputs together."""
        self._process.stdin.write(
            command.replace(PORT, self.port)
            + '\n__status=$?; printf "\\n%s %d\\n" "' + MARK
            + '" $__status; (exit $__status)\n')
        self._process.stdin.flush()
        lines = []
        for line in self._process.stdout:
            found = re.match(MARK + ' ([0-9]+)$', line)
            if found:
                text = ''.join(lines).removesuffix('\n')
                return text.replace(self.port, PORT), int(found[1])
            lines.append(line)
        raise RuntimeError('the shell ended: ' + ''.join(lines))

    def _end(self):
        self._process.stdin.close()
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(SECONDS)
        self._process.stdout.close()


def environment(folder, port):
    """What an example finds: the installed command, this Python first."""
    scripts = os.path.dirname(sys.executable)
    return dict(
        {name: value for name, value in os.environ.items()
         if name in ('PYTHONPATH', 'TMPDIR', 'LANG')},
        PATH=os.pathsep.join([scripts, os.environ.get('PATH', os.defpath)]),
        HOME=folder, LC_ALL='C.UTF-8', MN='https://localhost:' + port)


class PageTest(testtools.TestCase):
    """One test a page with examples, test_<its name>."""

    def _check(self, name):
        if shutil.which('curl') is None:
            self.skipTest('curl is not installed')
        shell = self.useFixture(Shell())
        wanted = list(commands(name))
        following = [command for command, _ in wanted[1:]] + ['']
        for (command, shown), after in zip(wanted, following):
            text, status = shell.run(command)
            lines = '\n'.join(line.rstrip() for line in text.split('\n'))
            if not re.fullmatch(pattern(shown), lines.strip(), re.DOTALL):
                self.fail('%s:\n$ %sprints\n%s\nand not\n%s' % (
                    name, command, lines, shown))
            if 'echo $?' not in after:
                self.assertEqual(0, status, command + lines)

    def _check_python(self, name):
        """A block is a test module, or a program."""
        for i, block in enumerate(blocks(name, 'python')):
            shell = self.useFixture(Shell())
            path = os.path.join(shell.folder, 'test_example.py')
            with open(path, 'w', encoding='utf-8') as stream:
                stream.write(block)
            text, status = shell.run('python -m testtools.run test_example'
                                     if 'TestCase' in block else
                                     'python test_example.py')
            self.assertEqual(0, status, '%s, block %d: %s' % (name, i, text))
            if 'TestCase' in block:
                self.assertRegex(text, r'Ran [1-9]')


for _name in PAGES:
    if blocks(_name, 'console'):
        setattr(PageTest, 'test_' + _name[:-4],
                lambda self, name=_name: self._check(name))
    if blocks(_name, 'python'):
        setattr(PageTest, 'test_python_of_' + _name[:-4],
                lambda self, name=_name: self._check_python(name))


class WholeTest(testtools.TestCase):
    """No example is left out."""

    def test_a_block_is_run_or_a_file_that_is_tested(self):
        for name in PAGES:
            for language in re.findall(r'^\.\. code-block::(.*)$', page(name),
                                       re.MULTILINE):
                self.assertIn(language.strip(), ('console', 'python'), name)
            for line in page(name).splitlines():
                self.assertFalse(line.endswith('::')
                                 and not line.startswith('..'), line)
            for path in re.findall(r'^\.\. literalinclude:: (.*)$',
                                   page(name), re.MULTILINE):
                self.assertTrue(
                    path in ('world.yaml', 'mn.sh', 'record.sh', 'record.py')
                    or path.removeprefix('worlds/') in WORLDS, path)

    def test_each_block_is_understood(self):
        """Every line of a console block belongs to a command."""
        for name in PAGES:
            for block in blocks(name, 'console'):
                self.assertTrue(block.startswith('$ '), block)
            self.assertEqual(
                sum(block.count('\n$ ') + 1
                    for block in blocks(name, 'console')),
                len(list(commands(name))), name)

    def test_every_command_of_the_management_node_is_told(self):
        """With an example, as far as it has options."""
        text = page('commands.rst') + page('mn.rst')
        for name in commands_package.HANDLERS:
            self.assertRegex(text, r'\b%s\b' % name)
        options = [*hypervisor.LISTS, *hypervisor.CHANGES, *guest.OPTIONS]
        examples = ''.join(command for command, _ in commands('commands.rst'))
        for option in options:
            self.assertIn('``' + option, text)
            self.assertRegex(examples, re.escape(option) + r'[ "&\']')
        for action in power.ACTIONS:
            self.assertIn('``%s``' % action, text)

    def test_there_are_examples(self):
        self.assertGreater(sum(len(list(commands(name)))
                               for name in PAGES), 50)

    def test_any_text_stands_for_dots_alone(self):
        self.assertRegex('a\nb c d', '^(?s:%s)$' % pattern('a\n... d\n'))
        self.assertNotRegex('a\nb c', '^(?s:%s)$' % pattern('a\n... d'))
        self.assertNotRegex('axb', '^(?s:%s)$' % pattern('a.b'))


class WorldTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.lpar, = worldfile.load(WORLD).lpars
        with open(WORLD, encoding='utf-8') as stream:
            self.text = stream.read()

    def test_the_world_and_the_page_have_every_key(self):
        for key in sorted(_keys(checks.schema('world'))):
            self.assertRegex(self.text, r'\b%s:' % key)
            self.assertIn('``%s``' % key, page('world.rst'))

    def test_what_is_marked_as_default_is_the_default(self):
        lun = self.lpar.pools['zpool1'][0]
        self.assertEqual(spec.Lun(lun.wwpns, lun.lun, lun.size, lun.bytes,
                                  range=lun.range), lun)
        first = self.lpar.guests[0]
        self.assertEqual(spec.Guest('guest1', 'LNX00001'), first)


def _keys(schema):
    """The keys that a schema names, wherever in it."""
    if isinstance(schema, list):
        return {key for each in schema for key in _keys(each)}
    if not isinstance(schema, dict):
        return set()
    found = set(schema.get('properties', {}))
    for value in schema.values():
        found |= _keys(value)
    return found


class WorldsTest(testtools.TestCase):
    """The example worlds: checked, served, and what they are for."""

    def serve(self, name):
        path = os.path.join(FOLDER, 'worlds', name)
        simulator = self.useFixture(fixture.Simulator(path))
        self.assertNotIn('Traceback', simulator.log())
        return simulator, worldfile.load(path).lpars

    def test_there_is_a_guest_of_each_distribution(self):
        lpar, = worldfile.load(os.path.join(
            FOLDER, 'worlds', 'distributions.yaml')).lpars
        self.assertEqual(set(distro.DISTROS), set(distro.DISTROS) & {
            each.node for each in lpar.guests})
        for each in lpar.guests:
            if each.node in distro.DISTROS:
                self.assertEqual(distro.DISTROS[each.node].kernel,
                                 distro.find(each.linux.distro).kernel)


def _world_test(name):
    def test(self):
        simulator, lpars = self.serve(name)
        state = simulator.state()
        for lpar in lpars:
            found = state['lpars'][lpar.name]
            for each in lpar.guests:
                self.assertEqual(each.power,
                                 found['guests'][each.userid]['power'])
            self.assertEqual({lun.lun for pool in lpar.pools.values()
                              for lun in pool},
                             {disk['lun'] for disk in found['disks']})
    return test


for _name in WORLDS:
    setattr(WorldsTest, 'test_' + _name.partition('.')[0].replace('-', '_'),
            _world_test(_name))
