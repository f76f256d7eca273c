# SPDX-License-Identifier: Apache-2.0
"""The simulator with two LPARs, and what stands in for Cinder there."""

import os
import uuid

import fixtures

from tests import nursery
from tests import worlds
from zvm_common import fcp
from zvm_common import model
from zvm_common import pool
from zvm_common.xcat import guest
from zvm_common.xcat import hypervisor
from zvm_common.xcat import session
from zvm_common import zhcp

FCP_LIST = '3B00-3B0D;3C00-3C0D'
GIB = model.Capacity.from_gib(1)


class Lpars(fixtures.Fixture):
    """A running simulator, and each LPAR of it as :class:`Lpar`.

    :param world: as :mod:`tests.worlds` has them, None for two LPARs
    """

    def __init__(self, world=None):
        super().__init__()
        self._world = world or worlds.two()

    def _setUp(self):
        self.simulator = self.useFixture(nursery.Simulator(self._world))
        self.session = session.Session(
            self.simulator.server, worlds.USER, worlds.PASSWORD,
            self.simulator.ca_file)
        self.addCleanup(self.session.close)
        self.lpars = {name: Lpar(self, name) for name in ('host1', 'host2')}

    def options(self, lpar):
        """Nova's options in [zvm] for a compute host of this LPAR."""
        folder = self.useFixture(fixtures.TempDir()).path
        return {
            'cloud_connector_url': self.simulator.connector_url(lpar),
            'image_tmp_path': os.path.join(folder, 'images'),
            'reachable_timeout': 60,
            'zvm_xcat_server': self.simulator.server,
            'zvm_xcat_username': worlds.USER,
            'zvm_xcat_password': worlds.PASSWORD,
            'zvm_ca_file': self.simulator.ca_file,
            'zvm_hypervisor': lpar,
            'zvm_fcp_list': FCP_LIST,
        }


class Lpar:
    """Cinder's side of an LPAR, done with its pool directly.

    Volumes are claimed and described as the Cinder driver does it; nothing
    here is what is tested.
    """

    def __init__(self, lpars, name, zhcp_devices='3B0E;3C0E'):
        self._lpars = lpars
        self.name = name
        self.zhcp = zhcp.Zhcp(
            hypervisor.Hypervisor.find(lpars.session, name), 'cinder:test')
        self.pool = pool.Pool(self.zhcp, 'zpool' + name[-1],
                              model.DeviceRanges.parse(zhcp_devices))
        self.devices = fcp.Devices(self.zhcp, model.DeviceRanges.parse(
            FCP_LIST))

    def claim(self):
        """A volume of 1 GiB: its id."""
        volume_id = str(uuid.uuid4())
        self.pool.claim(volume_id, str(uuid.uuid4()), GIB, GIB, trust=True)
        return volume_id

    def look(self, volume_id):
        return self.pool.look(volume_id)

    def connection_info(self, volume_id, lun=None):
        """What Cinder's initialize_connection returns."""
        lun = lun or self.look(volume_id)
        ports = [str(port) for port in lun.wwpns]
        return {
            'driver_volume_type': 'fibre_channel',
            'serial': volume_id,
            'data': {
                'target_discovered': False,
                'target_wwn': ports, 'target_wwns': ports,
                'target_lun': lun.lun.scsi_int(),
                'target_luns': [lun.lun.scsi_int()] * len(ports),
                'discard': False,
                'zvm_lun': str(lun.lun), 'zvm_pool': lun.pool,
                'zvm_zhcp': self.zhcp.name, 'zvm_volume_id': volume_id,
                'zvm_generation': lun.generation, 'zvm_wwid': lun.wwid,
                'zvm_bytes': lun.size.bytes}}

    def run(self, node, command):
        """Run a command in a guest; its standard output."""
        result = guest.Node(self._lpars.session, node).run(command)
        assert result.ok, result
        return result.stdout

    def write(self, node, device_path, text):
        """Write to the beginning of a guest's disk, as a program there."""
        self.run(node, "printf '%%s' %s | dd of=\"$ZVM_ROOT\"%s conv=notrunc,"
                 'fsync 2>/dev/null' % (text, device_path))

    def read(self, node, device_path, length):
        return self.run(node, 'dd if="$ZVM_ROOT"%s bs=%d count=1 2>/dev/null'
                        % (device_path, length))

    def disk_bytes(self, volume_id, length):
        """The beginning of the disk itself, beside all Linux."""
        lun = self.look(volume_id)
        disk = self._lpars.simulator.disk(self.name, str(lun.wwpns[0]),
                                          str(lun.lun))
        with open(disk['path'], 'rb') as stream:
            return stream.read(length)

    @property
    def guests(self):
        """Guests by userid, as the simulated z/VM has them."""
        return self._lpars.simulator.state()['lpars'][self.name]['guests']

    @property
    def nodes(self):
        """Node definitions of the management node."""
        return self._lpars.simulator.state()['nodes']
