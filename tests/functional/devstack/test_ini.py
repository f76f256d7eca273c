# SPDX-License-Identifier: Apache-2.0
"""The stage's files of options, by what devstack promises of its own.

ZVM_DEVSTACK=FOLDER tries the same cases on devstack's inc/ini-config there.
"""

import os
import pathlib
import stat
import subprocess

import fixtures
import testtools

from tests import stages

FUNCTIONS = (pathlib.Path(os.environ['ZVM_DEVSTACK']) / 'inc' / 'ini-config'
             if 'ZVM_DEVSTACK' in os.environ
             else stages.STAGE.with_name('stage_ini.sh'))
VALUES = (
    'plain', 'a/b', 'a&b', 'a\\b', 'a\\\\&b', '$HOME', '$$', 'a$b', '"x"',
    "it's", '`ls`', 'a b', 'a=b', 'a|b', 'a#b', 'a;b', '[x]', 'a\\nb',
    '%(x)s', '^a.b$', '\u00e9', '~', '!x', '(a)', '{a,b}', '1', '')
FILE = """\
# top
[DEFAULT]
debug = True
# host = commented
#host2 = commented
host_name = longer
a.b = dots

[database]
connection = x
 indented = no option
host = other
[zvm_more]
host = more
"""


class IniTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.path = self.folder / 'x.conf'

    def call(self, *words):
        """Calls a function, traced as devstack is; returns what it says."""
        done = subprocess.run(
            ['bash', '-ec', 'source "$0"; set -x; "$@"', FUNCTIONS, *words],
            cwd=self.folder, text=True, capture_output=True, timeout=60)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    def set(self, section, option, value):
        self.call('iniset', self.path, section, option, value)

    def get(self, section, option):
        return self.call('iniget', self.path, section, option)

    def test_a_file_that_is_missing_is_made(self):
        self.set('zvm', 'host', 'value')
        self.assertEqual('\n[zvm]\nhost = value\n', self.path.read_text())

    def test_a_section_that_is_missing_comes_at_the_end(self):
        self.path.write_text(FILE)
        self.set('zvm', 'host', 'value')
        self.assertEqual(FILE + '\n[zvm]\nhost = value\n',
                         self.path.read_text())

    def test_a_new_option_comes_behind_the_header(self):
        self.path.write_text(FILE)
        self.set('database', 'new', 'value')
        self.assertEqual(FILE.replace(
            '[database]\n', '[database]\nnew = value\n'),
            self.path.read_text())

    def test_an_option_keeps_its_place(self):
        self.path.write_text(FILE)
        self.set('DEFAULT', 'debug', 'False')
        self.assertEqual(FILE.replace('debug = True', 'debug = False'),
                         self.path.read_text())

    def test_what_is_commented_is_no_option(self):
        self.path.write_text(FILE)
        for name in ('host', 'host2'):
            self.assertEqual('\n', self.get('DEFAULT', name))
        self.set('DEFAULT', 'host', 'value')
        self.assertEqual(FILE.replace(
            '[DEFAULT]\n', '[DEFAULT]\nhost = value\n'),
            self.path.read_text())

    def test_an_option_of_another_section_is_another(self):
        self.path.write_text(FILE)
        self.assertEqual('other\n', self.get('database', 'host'))
        self.assertEqual('more\n', self.get('zvm_more', 'host'))
        self.set('zvm_more', 'host', 'value')
        self.assertEqual(FILE.replace('host = more', 'host = value'),
                         self.path.read_text())

    def test_a_name_that_begins_another(self):
        self.path.write_text(FILE)
        self.set('DEFAULT', 'host', 'value')
        self.set('zvm', 'host', 'mine')
        self.assertEqual('longer\n', self.get('DEFAULT', 'host_name'))
        self.assertEqual('value\n', self.get('DEFAULT', 'host'))
        self.assertEqual('mine\n', self.get('zvm', 'host'))
        self.assertEqual('more\n', self.get('zvm_more', 'host'))

    def test_blanks_around_the_equals_sign(self):
        for text in ('host=old', 'host =old', 'host\t=  old'):
            self.path.write_text('[zvm]\n%s\n' % text)
            self.assertEqual('old\n', self.get('zvm', 'host'))
            self.set('zvm', 'host', 'new')
            self.assertEqual('[zvm]\n%s\n' % text.replace('old', 'new'),
                             self.path.read_text())

    def test_every_value_comes_back_as_it_was(self):
        for value in VALUES:
            with self.subTest(value=value):
                self.path.write_text(FILE)
                for _ in ('added', 'replaced'):
                    self.set('DEFAULT', 'x', value)
                    self.assertEqual(FILE.replace(
                        '[DEFAULT]\n', '[DEFAULT]\nx = %s\n' % value),
                        self.path.read_text())
                self.assertEqual(value + '\n', self.get('DEFAULT', 'x'))

    def test_what_the_shell_makes_of_a_value(self):
        (self.folder / 'name').write_text('')
        for value, expected in (('a  b', 'a b'), (' a ', 'a'),
                                ('na*', 'name'), ('-n', '')):
            self.set('zvm', 'x', value)
            self.assertEqual('\n[zvm]\nx = %s\n' % expected,
                             self.path.read_text())

    def test_the_mode_stays(self):
        self.path.write_text(FILE)
        self.path.chmod(0o640)
        self.set('zvm', 'host', 'value')
        self.set('zvm', 'host', 'another')
        self.assertEqual(0o640, stat.S_IMODE(self.path.stat().st_mode))

    def test_without_section_or_option_nothing_happens(self):
        self.path.write_text(FILE)
        self.set('', 'host', 'value')
        self.set('DEFAULT', '', 'value')
        self.assertEqual(FILE, self.path.read_text())

    def test_delete(self):
        self.path.write_text(FILE)
        self.call('inidelete', self.path, 'database', 'host')
        self.call('inidelete', self.path, 'database', 'nosuch')
        self.call('inidelete', self.path, 'nosuch', 'host')
        self.assertEqual(FILE.replace('host = other\n', ''),
                         self.path.read_text())

    def test_twice_is_as_once(self):
        self.path.write_text(FILE)
        once = []
        for _ in range(2):
            for section in ('DEFAULT', 'zvm', 'database'):
                for option in ('b', 'a', 'host'):
                    self.set(section, option, 'x/%s&' % option)
            once.append(self.path.read_text())
        self.assertEqual(*once)
