# SPDX-License-Identifier: Apache-2.0
"""Cinder's own fake Fibre Channel driver, made to run below a manager.

``cinder.tests.unit``, which comes with it, patches: so it is imported in a
process of its own, and nothing is tested there but a connection.
"""

from cinder.tests import fake_driver

from tests import vendors


class FakeArray(fake_driver.FakeFibreChannelDriver):
    """It has no method that a manager needs before a connection."""

    def do_setup(self, context):
        self._stats = {'volume_backend_name': 'fake', 'pools': [
            {'pool_name': 'zpool1', 'total_capacity_gb': 1,
             'free_capacity_gb': 1}]}

    def check_for_setup_error(self):
        """It is there."""

    def _update_volume_stats(self):
        """As they are."""

    def create_volume(self, volume):
        """There is one."""

    def create_export(self, context, volume, connector):
        """Nothing to do before a connection."""

    def remove_export(self, context, volume):
        """Nothing to do after it."""

    def delete_volume(self, volume):
        """There is none any more."""


class Mapped(FakeArray):
    """The same with initiators and ports that there are."""

    def initialize_connection(self, volume, connector):
        info = super().initialize_connection(volume, connector)
        info['data'].update(vendors.fake(connector['wwpns']))
        return info
