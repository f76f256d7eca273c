# SPDX-License-Identifier: Apache-2.0
"""The manual asks for the programs that ours ask for."""

import pathlib
import re

import testtools

from zvm_common.remote import program

_MANUAL = (pathlib.Path(__file__).resolve().parents[3] / 'doc' / 'source'
           / 'admin' / 'zvm-preparation.rst')


def asked_for(text):
    """The sets of names that a program's text gives to its tools()."""
    text = text.replace('\\\n', ' ')
    return {frozenset(words.split())
            for words in re.findall(r'\$\(tools ([^)]*)\)', text)}


class ToolsTest(testtools.TestCase):

    def listed(self, title):
        """The words of the only list of programs in a chapter."""
        chapter = _MANUAL.read_text().partition('\n%s\n' % title)[2]
        chapter = re.split('\n[0-9]+[.] [^\n]*\n===', chapter)[0]
        lists = re.findall(r'missing::\n\n((?: +[^\n]+\n)+)', chapter)
        self.assertEqual(1, len(lists), title)
        return lists[0].split()

    def check(self, title, text, *more):
        names = self.listed(title)
        self.assertEqual({frozenset(names), *more}, asked_for(text))
        self.assertEqual(len(set(names)), len(names))

    def test_on_the_zhcp(self):
        chapter = _MANUAL.read_text().partition(
            '\nWhat images need\n')[2].partition('\n.. code-block')[0]
        images = frozenset(re.findall('``(curl|ip|tee|mkfifo)``', chapter))
        self.check("5. The zHCP's own FCP devices", program.zhcp().text,
                   images)

    def test_in_guests(self):
        line, = re.findall(r'^\* for the way over IUCV ``(.*)``,$',
                           _MANUAL.read_text(), re.MULTILINE)
        self.check('8. Linux guests', program.guest().text,
                   frozenset(line.split()))

    def test_what_brings_a_program_to_a_guest(self):
        line, = re.findall(r'^\* (.*), with which our program gets there,$',
                           _MANUAL.read_text(), re.MULTILINE)
        names = re.findall('``([^`]+)``', line)
        used = set(re.findall(r'\| (?:\$s )?(base64|gzip|[a-z0-9]+sum)\b',
                              program._SEND))
        self.assertEqual(used, set(names))
