# SPDX-License-Identifier: Apache-2.0
"""A stand-in for openstacksdk: what make_resources.py asks, in a JSON file.

The file is $STAGE_FOLDER/cloud.json. Nova's API knows a host only once
nova-manage has looked for it.
"""

import json
import os
import pathlib
import types


class NotFoundException(Exception):
    pass


exceptions = types.SimpleNamespace(NotFoundException=NotFoundException)
EMPTY = {'types': {}, 'aggregates': {}, 'images': {}, 'hosts': [], 'calls': []}


def folder():
    return pathlib.Path(os.environ['STAGE_FOLDER'])


def state():
    """What is in the cloud."""
    file = folder() / 'cloud.json'
    return json.loads(file.read_text()) if file.exists() else EMPTY


class Cloud:

    def __init__(self):
        self.block_storage = self.compute = self.image = self

    def _change(self, call, change=None):
        found = state()
        found['calls'].append(call)
        if change:
            change(found)
        (folder() / 'cloud.json').write_text(json.dumps(found))

    def find_type(self, name):
        specs = state()['types'].get(name)
        return None if specs is None else types.SimpleNamespace(
            name=name, extra_specs=specs)

    def create_type(self, name):
        self._change('create_type', lambda found: found['types'].update(
            {name: {}}))
        return self.find_type(name)

    def update_type_extra_specs(self, kind, **specs):
        self._change('update_type', lambda found: found['types'][
            kind.name].update(specs))

    def services(self, binary):
        return [types.SimpleNamespace(host=host) for host in state()['hosts']]

    def find_aggregate(self, name):
        found = state()['aggregates'].get(name)
        return found and types.SimpleNamespace(name=name, **found)

    def create_aggregate(self, name, availability_zone):
        self._change('create_aggregate', lambda found: found[
            'aggregates'].update({name: {'zone': availability_zone,
                                         'hosts': []}}))
        return self.find_aggregate(name)

    def add_host_to_aggregate(self, aggregate, host):
        if not (folder() / 'nova-manage').exists():
            raise NotFoundException(host)
        self._change('add_host', lambda found: found['aggregates'][
            aggregate.name]['hosts'].append(host))

    def find_image(self, name):
        return state()['images'].get(name)

    def create_image(self, name, filename, **properties):
        size = os.path.getsize(filename)
        self._change('create_image', lambda found: found['images'].update(
            {name: dict(properties, size=size)}))


def connect():
    return Cloud()
