# SPDX-License-Identifier: Apache-2.0
"""connection_info as drivers of other makers in Cinder 29 write it.

Each :class:`Array` has one disk and says, as the driver's
``initialize_connection`` does, where a guest finds it.  Keys and types are
theirs; which file of ``cinder/volume/drivers`` has them is named.
"""

import dataclasses

WWID = '60050768018200000000000000000%03x'


@dataclasses.dataclass(frozen=True)
class Array:
    """``ports``: port -> LUN, as zfcp names it; ``shape``: wwpns -> data.

    ``paths``: how many a guest with two FCP devices gets.
    """

    name: str
    number: int
    ports: dict
    shape: object
    paths: int

    @property
    def disks(self):
        """Lines of the simulator's ``disks``: one for each LUN number."""
        return [{'wwpns': [port for port, number in self.ports.items()
                           if number == lun],
                 'lun': lun, 'size': '1G', 'wwid': WWID % self.number}
                for lun in dict.fromkeys(self.ports.values())]

    def connection_info(self, wwpns):
        """As Cinder's manager hands it to Nova.

        :param wwpns: of the connector
        """
        data = dict(self.shape(wwpns), qos_specs=None, access_mode='rw',
                    encrypted=False, cacheable=False)
        return {'driver_volume_type': 'fibre_channel', 'data': data}


_SVC = ['500507680b11%04x' % number for number in range(1, 5)]
#: A port of the first array.
SVC = _SVC[0]
_DS8K = ['500507630813%04x' % number for number in (0x1036, 0x1137)]
_POWERMAX = ['50000973f003%04x' % number for number in (0x1841, 0x1881)]
_FAKE = '2100001b32000001'
_PURE = ['524a9370123456%02x' % number for number in (0, 1)]
_PURE_B = ['524a9370654321%02x' % number for number in (0, 1)]


def _svc(wwpns):
    """ibm/storwize_svc/storwize_svc_fc.py, zvm_fcp included."""
    return {'target_discovered': False, 'target_lun': 3,
            'volume_id': 'a0a0a0a0-0000-4000-8000-000000000000',
            'target_wwn': [port.upper() for port in _SVC],
            'initiator_target_map': {wwpn: [port.upper() for port in _SVC]
                                     for wwpn in wwpns},
            'zvm_fcp': ['3B00', '3C00']}


def _ds8k(wwpns):
    """ibm/ibm_storage/ds8k_helper.py, int(lun_id, 16) of '4010400b'."""
    ports = [port.upper() for port in _DS8K]
    return {'target_discovered': False, 'target_lun': 0x4010400b,
            'target_wwn': ports,
            'initiator_target_map': {wwpn: ports for wwpn in wwpns}}


def _powermax(wwpns):
    """dell_emc/powermax/fc.py: each initiator has ports of its own zone."""
    return {'target_lun': 5, 'target_discovered': True,
            'target_wwn': _POWERMAX, 'discard': True,
            'initiator_target_map': {
                wwpn: [port] for wwpn, port in zip(wwpns, _POWERMAX)}}


def _pure(wwpns):
    """pure.py: a stretched volume has its own LUN on each array."""
    ports = [port.upper() for port in _PURE + _PURE_B]
    return {'target_discovered': True, 'target_lun': 1,
            'target_luns': [1, 1, 300, 300],
            'target_wwn': ports, 'target_wwns': ports,
            'initiator_target_map': {wwpn: ports for wwpn in wwpns},
            'discard': True, 'addressing_mode': 'SAM2',
            'wwn': '3624a9370' + '0' * 23}


def fake(wwpns):
    """The map of cinder/tests/fake_driver.py, with ports that there are.

    Its FakeFibreChannelDriver gives a map of made-up names and nothing else.
    """
    return {'target_wwn': _FAKE, 'target_lun': 2,
            'initiator_target_map': {wwpn: [_FAKE] for wwpn in wwpns}}


def _single(wwpns):
    """One port as a text, one LUN of 64 bits, no map: the oldest form."""
    return {'target_discovered': True, 'target_wwn': '0x5006016036e0d2aa',
            'target_lun': 0x4010400340054006}


ARRAYS = (
    Array('Storwize', 1, dict.fromkeys(_SVC, '0003000000000000'), _svc, 8),
    Array('DS8000', 2, dict.fromkeys(_DS8K, '4010400b00000000'), _ds8k, 4),
    Array('PowerMax', 3, dict.fromkeys(_POWERMAX, '0005000000000000'),
          _powermax, 2),
    Array('Pure', 4, {**dict.fromkeys(_PURE, '0001000000000000'),
                      **dict.fromkeys(_PURE_B, '412c000000000000')},
          _pure, 8),
    Array('fake', 6, {_FAKE: '0002000000000000'}, fake, 2),
    Array('single', 5, {'5006016036e0d2aa': '4010400340054006'}, _single, 2),
)
