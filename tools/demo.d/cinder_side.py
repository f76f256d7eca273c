# SPDX-License-Identifier: Apache-2.0
"""Cinder's real VolumeManager with two back-ends, in Cinder's environment."""

import importlib.util
import pathlib
import types

import serve

_TOP = pathlib.Path(__file__).resolve().parents[2]


def _harness():
    # by its path: the tree beside it must not hide the installed packages
    spec = importlib.util.spec_from_file_location(
        'harness', _TOP / 'tests' / 'functional' / 'cinder' / 'harness.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Cinder:
    """What the API and the scheduler would ask of cinder-volume."""

    def __init__(self, world):
        harness = _harness()
        self._cinder = harness.start_manager(
            world['folder'], {'zvmssio1': harness.section(1),
                              'zvmssio2': harness.section(2)},
            types.SimpleNamespace(server=world['server'],
                                  ca_file=world['ca_file']))

    def drivers(self):
        """Where each back-end's driver comes from, and whether it is up."""
        return {name: [type(m.driver).__module__, m.driver.initialized]
                for name, m in self._cinder.managers.items()}

    def create(self, backend, gib, **source):
        volume = self._cinder.create(backend, gib, **source)
        return {'id': volume.id, 'status': volume.status,
                'provider_id': volume.provider_id}

    def attach(self, volume, connector, instance):
        attachment, info = self._cinder.attach(
            self._cinder.volume(volume), connector, instance)
        return {'attachment': attachment.id, 'info': info}

    def refusal(self, volume, connector, instance):
        """The words with which an attach is refused; '' when it is not."""
        from cinder import exception
        try:
            self.attach(volume, connector, instance)
        except exception.CinderException as error:
            return error.msg
        return ''

    def complete(self, volume, attachment):
        self._cinder.complete(self._cinder.volume(volume),
                              self._attachment(attachment))

    def detach(self, volume, attachment):
        self._cinder.detach(self._cinder.volume(volume),
                            self._attachment(attachment))

    def delete(self, volume):
        """Whether the volume is gone from the database."""
        from cinder import exception
        self._cinder.delete(self._cinder.volume(volume))
        try:
            self._cinder.volume(volume)
        except exception.VolumeNotFound:
            return True
        return False

    def _attachment(self, attachment):
        from cinder import objects
        return objects.VolumeAttachment.get_by_id(self._cinder.context,
                                                  attachment)


serve.serve(Cinder)
