# SPDX-License-Identifier: Apache-2.0
"""A driver with a real Configuration in front of a fake pool."""

import types

from cinder.volume import configuration
from cinder.volume import driver
import fixtures
from oslo_config import cfg
from oslo_config import fixture as config_fixture
import testtools

from cinder_zvm import backend
from cinder_zvm import opts
from cinder_zvm import volumedriver
from tests.unit.cinder import fakes
from zvm_common import model

GROUP = 'zvmssio1'
OPTIONS = {
    'zvm_xcat_server': 'mn.example.com', 'zvm_xcat_username': 'admin',
    'zvm_xcat_password': 'secret', 'zvm_scsi_pool': 'zpool1',
    'zvm_fcp_list': '3B00-3B0D;3C00-3C0D',
    'zvm_zhcp_fcp_list': '3B0E;3C0E', 'volume_backend_name': GROUP,
    'zvm_max_oversize_percent': 100,
}


class DriverTestCase(testtools.TestCase):
    """self.driver is set up; self.pool is its pool."""

    options = {}
    sizes = (10, 10, 12, 20)
    clean = True

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(format='%(message)s'))
        self.pool = fakes.FakePool(self.sizes, self.clean)
        self.active = ['3B0E', '3C0E', '3B01', '3B0F', '3C0F']
        self.shared = {}    # WWPNs of FCP devices without NPIV
        self.asked = 0
        self.hypervisor = types.SimpleNamespace(
            name='host1', zhcp_hostname='zhcp1.example.com',
            zhcp_node='zhcp1', fcp_devices=self._fcp_devices)
        self.connect_error = None
        self.known = {}     # Cinder's records, by the volume's id
        self.useFixture(fixtures.MonkeyPatch(
            'cinder_zvm.records.Records.volumes', lambda _: self.known))
        self.useFixture(fixtures.MonkeyPatch('cinder_zvm.volumeop._PAUSE',
                                             0))
        self.useFixture(fixtures.MonkeyPatch(
            'cinder_zvm.imageop.Transfers.probe', lambda _: '192.0.2.7'))
        self.useFixture(fixtures.MonkeyPatch('cinder_zvm.backend.connect',
                                             self._connect))
        self.driver = self.make_driver(**self.options)
        self.driver.do_setup(None)

    def make_driver(self, **changes):
        """A driver that is not set up; an option of None is left out."""
        config = self.useFixture(config_fixture.Config(cfg.CONF))
        section = configuration.Configuration(
            driver.volume_opts + opts.backend_opts(), config_group=GROUP)
        for option in opts.backend_opts():
            cfg.CONF.clear_override(option.name, group=GROUP)
        for name, value in dict(OPTIONS, **changes).items():
            if value is not None:
                config.config(group=GROUP, **{name: value})
        return volumedriver.ZVMVolumeDriver(configuration=section,
                                            host='demo@' + GROUP)

    def _fcp_devices(self, state):
        self.assertEqual('active', state)
        self.asked += 1
        return tuple(types.SimpleNamespace(
            number=model.DeviceNumber(number), wwpn=model.Wwpn(
                self.shared.get(number, 'c05076ffe500' + number)))
            for number in self.active)

    def _connect(self, settings, scope):
        self.settings, self.scope = settings, scope
        if self.connect_error:
            raise self.connect_error
        self.zhcp = FakeZhcp()
        return backend.Backend(settings, self.hypervisor, self.zhcp,
                               self.pool)


class FakeZhcp:

    name = 'zhcp1.example.com'

    def __init__(self):
        self.error = None
        self.takers = ()

    def hello(self):
        if self.error:
            raise self.error
        return types.SimpleNamespace(ledger=fakes.LEDGER,
                                     takers=self.takers)
