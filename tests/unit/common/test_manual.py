# SPDX-License-Identifier: Apache-2.0
"""What the operator's manual quotes is what the programs say."""

import importlib.metadata
import re

import testtools
import yaml

from tests import manual
from tests import tables

OURS = ('cinder_zvm', 'nova_zvm_volume')


def _sources():
    """All texts of the drivers, with literals in pieces put together."""
    found = importlib.metadata.distribution('zvm-volume')
    texts = [each.read_text() for each in found.files
             if each.parts[0] in OURS and each.suffix == '.py']
    return re.sub(r"'\n +'", '', '\n'.join(texts))


class QuotedTest(testtools.TestCase):

    def test_each_line_to_watch_is_logged(self):
        lines = re.findall(
            r'   \* - (?:cinder-volume|nova-compute)\n     - ``(.*)``\n',
            (manual.ADMIN / 'operation.rst').read_text())
        self.assertGreater(len(lines), 6)
        said = _sources()
        self.assertEqual([], [line for line in lines if line not in said])

    def test_kolla_ansibles_files_are_yaml(self):
        found = [yaml.safe_load(block) for block in
                 manual.blocks('containers.rst', 'yaml')]
        self.assertGreater(len(found), 2)
        for each in found:
            self.assertIsInstance(each, dict)

    def test_each_ini_block_is_of_a_service(self):
        for service in ('cinder', 'nova', 'systemd'):
            self.assertNotEqual([], list(manual.configurations(service)))

    def test_tests_that_are_named_are_there(self):
        for page in ('deployment.rst', 'containers.rst', 'operation.rst'):
            named = tables._NAMED.findall((manual.ADMIN / page).read_text())
            self.assertEqual([], [each for each in named
                                  if not tables.is_there(*each)])
