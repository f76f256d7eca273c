# SPDX-License-Identifier: Apache-2.0
"""The code blocks of the operator's manual."""

import configparser
import os
import pathlib
import re
import textwrap

import fixtures

ADMIN = pathlib.Path(__file__).resolve().parent.parent / 'doc/source/admin'


def blocks(page, language):
    """All code blocks of a language in a page, at any depth."""
    text = (ADMIN / page).read_text()
    return [textwrap.dedent(found[1]) for found in re.findall(
        r'^( *)\.\. code-block:: %s\n((?:\1   .*\n|\n)+)' % language, text,
        re.M)]


def pages():
    """The pages, by name."""
    return sorted(path.name for path in ADMIN.glob('*.rst'))


def sections(block):
    """{section: {option: value}} of an ini block."""
    parser = configparser.ConfigParser(interpolation=None, strict=False,
                                       default_section='no such section')
    parser.optionxform = str
    parser.read_string(block)
    return {name: dict(parser[name]) for name in parser.sections()}


class File(fixtures.Fixture):
    """A file with a text; ``path`` is its name."""

    def __init__(self, text):
        super().__init__()
        self._text = text

    def _setUp(self):
        self.path = os.path.join(
            self.useFixture(fixtures.TempDir()).path, 'file.conf')
        pathlib.Path(self.path).write_text(self._text)


def service_of(block):
    """Whose file an ini block is of: cinder, nova or systemd."""
    found = sections(block)
    if 'Service' in found:
        return 'systemd'
    named = set(found) | set(found.get('DEFAULT', ()))
    return 'nova' if named & {'zvm', 'service_user', 'compute_driver',
                              'instance_name_template',
                              'default_schedule_zone'} else 'cinder'


def configurations(service):
    """(page, text) of each ini block of a service.

    What kolla-ansible puts in for ``{{ … }}`` is a word here.
    """
    for page in pages():
        for block in blocks(page, 'ini'):
            if service_of(block) == service:
                yield page, re.sub('{{.*?}}', 'SECRET', block)


def commands(program):
    """(page, words) of each command of a program in console blocks."""
    for page in pages():
        for block in blocks(page, 'console'):
            lines = block.replace('\\\n', ' ').splitlines()
            for words in (line.split() for line in lines):
                if words[:1] in (['$'], ['#']) and words[1:2] == [program]:
                    yield page, words[2:]
