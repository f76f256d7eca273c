# SPDX-License-Identifier: Apache-2.0
"""The schemas: what they promise, and that nothing gets past them."""

import dataclasses

import hypothesis
import jsonschema
import testtools

from tests.unit.simulator import mutations
from tests import worlds
from xcat_simulator import checks
from xcat_simulator.machine import distro
from xcat_simulator import spec
from xcat_simulator import worldfile


def schema(name='world'):
    return checks.schema(name)


def resolved(part):
    """A part of the world's schema with what its $ref names."""
    if '$ref' not in part:
        return part
    name = part['$ref'].rpartition('/')[2]
    return dict(schema()['$defs'][name], **part)


class SchemaTest(testtools.TestCase):

    def test_both_are_schemas_of_the_draft_that_they_name(self):
        for name in ('world', 'initial'):
            self.assertEqual('https://json-schema.org/draft/2020-12/schema',
                             schema(name)['$schema'])
            jsonschema.Draft202012Validator.check_schema(schema(name))

    def test_defaults_are_those_of_the_records(self):
        parts = schema()['$defs']
        for kind, properties in (
                (spec.Linux, parts['linux']['properties']),
                (spec.Guest, parts['guest']['properties']),
                (spec.Lun, parts['line_of_a_pool']['properties']),
                (spec.Zhcp, parts['zhcp']['properties']),
                (spec.Spec, schema()['properties'])):
            for field in dataclasses.fields(kind):
                # The key node is no name: it says whether there is one.
                if field.name not in properties or field.name == 'node':
                    continue
                part = resolved(properties[field.name])
                default = part.get('default')
                if isinstance(default, list):
                    default = tuple(default)
                if field.name == 'linux':
                    default = spec.Linux(default)
                if field.name == 'masked_to':
                    self.assertEqual('all', default)
                elif default is not None:
                    self.assertEqual(field.default, default, field.name)

    def test_each_quality_of_a_linux_can_be_told(self):
        self.assertEqual(
            {field.name for field in dataclasses.fields(spec.Linux)},
            set(schema()['$defs']['linux']['properties']))

    def test_the_distributions_are_those_of_the_machine(self):
        name = schema()['$defs']['distro']
        for each in distro.DISTROS:
            for release in ('', '.4', 'sp6'):
                self.assertRegex(each + release, name['pattern'])
            self.assertNotRegex(each + 'x', name['pattern'])
        for word in ('rhel1', 'rhel', 'fedora', 'sles', 'RHEL9'):
            self.assertNotRegex(word, name['pattern'])

    def test_a_line_feed_at_the_end_is_no_end(self):
        """Python's $ would let it pass."""
        world = worlds.small()
        guest = world['lpars']['host1']['guests']['guest1']
        guest['userid'] = 'LNX00001\n'
        error = self.assertRaises(checks.WorldError, worldfile.parse, world)
        self.assertIn('1 to 8', error.rule)

    def test_a_world_may_not_be_nested_for_ever(self):
        value = []
        for _ in range(5000):
            value = [value]
        error = self.assertRaises(checks.WorldError, worldfile.parse,
                                  {'users': value, 'lpars': {}})
        self.assertIn('too deeply', error.rule)

    @hypothesis.given(mutations.harmed(worlds.two()))
    def test_a_harmed_world_is_good_or_told_with_its_key(self, value):
        try:
            found = worldfile.parse(value)
        except checks.WorldError as e:
            self.assertEqual('world', e.key[:5])
            self.assertNotEqual('', e.rule)
            return
        # What is read is what the schema lets pass, to any validator.
        self.assertIsInstance(found, spec.Spec)
        jsonschema.Draft202012Validator(schema()).validate(value)

    @hypothesis.given(mutations.harmed(worlds.small()))
    def test_what_the_schema_refuses_is_refused(self, value):
        if jsonschema.Draft202012Validator(schema()).is_valid(value):
            return
        self.assertRaises(checks.WorldError, worldfile.parse, value)
