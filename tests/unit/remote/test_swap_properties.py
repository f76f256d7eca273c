# SPDX-License-Identifier: Apache-2.0
"""Any sequence of claims, attachments and foreign hands keeps each LUN one's.

A model of a few lines predicts what the zHCP program answers; after each step
the pool file and the ledger must say the same.
"""

import contextlib
import uuid

import hypothesis
from hypothesis import stateful
from hypothesis import strategies as st

from tests.unit.remote import local
from zvm_common import exceptions
from zvm_common import fcp
from zvm_common import model
from zvm_common.pool import Pool

SIZES = ('1G', '1G', '2G', '2.5G')
VOLUMES = tuple(str(uuid.UUID(int=i + 1, version=4)) for i in range(5))
GUESTS = ('VM00001', 'VM00002')
INSTANCES = {g: str(uuid.UUID(int=i + 100, version=4))
             for i, g in enumerate(GUESTS)}
volumes = st.sampled_from(VOLUMES)
guests = st.sampled_from(GUESTS)


class Swaps(stateful.RuleBasedStateMachine):

    def __init__(self):
        super().__init__()
        self.resources = contextlib.ExitStack()
        self.node = self.resources.enter_context(
            local.LocalZhcp(devices=('3B00', '3B01', '3C00', '3C01')))
        self.node.pool('zpool1', *[
            'free,%s,401140%02d00000000,%s,3B00-3CFF,,,'
            % (local.PORT, i, size) for i, size in enumerate(SIZES)])
        for guest in GUESTS:
            self.node.guest_on(guest)
        self.pool = Pool(self.node.zhcp, 'zpool1')
        self.devices = fcp.Devices(
            self.node.zhcp, model.DeviceRanges.parse('3B00-3CFF'))
        self.luns = {}          # volume -> number of its line
        self.guests = {}        # volume -> guest
        self.seen = {}          # volume -> last LunState

    def teardown(self):
        self.resources.close()

    def attach_request(self, volume, guest, generation):
        held = self.devices.hold(INSTANCES[guest], guest)
        return fcp.AttachRequest(
            volume, generation, str(uuid.uuid4()), INSTANCES[guest], guest,
            guest.lower(), tuple(d.number for d in held))

    @stateful.rule(volume=volumes, least=st.integers(1, 3))
    def claim(self, volume, least):
        sizes = [model.Capacity.parse(s) for s in SIZES]
        fits = [(sizes[i].bytes, i) for i in range(len(SIZES))
                if i not in self.luns.values()
                and sizes[i] >= model.Capacity.from_gib(least)]
        try:
            lun = self.pool.claim(volume, str(uuid.uuid4()),
                                  model.Capacity.from_gib(least),
                                  model.Capacity.from_gib(9), trust=True)
        except exceptions.NoSuitableLun:
            assert volume not in self.luns and not fits
            return
        except exceptions.LunBusy:
            assert volume in self.guests
            return
        if volume not in self.luns:
            self.luns[volume] = min(fits)[1]
        assert int(str(lun.lun)[6:8]) == self.luns[volume]
        self.seen[volume] = lun

    @stateful.rule(volume=volumes, guest=guests, stale=st.booleans())
    def attach(self, volume, guest, stale):
        if volume not in self.luns:
            return
        generation = self.seen[volume].generation - stale
        request = self.attach_request(volume, guest, generation)
        try:
            self.seen[volume] = self.devices.attach(request)
        except exceptions.LunBusy:
            assert self.guests[volume] != guest
        except exceptions.StaleGeneration:
            assert stale and volume not in self.guests
        else:
            assert self.guests.get(volume, guest) == guest
            assert not stale or volume in self.guests
            self.guests[volume] = guest

    @stateful.rule(volume=volumes, guest=guests, stale=st.booleans())
    def detach(self, volume, guest, stale):
        if volume not in self.luns:
            lun, _ = self.devices.detach(volume, 5, INSTANCES[guest])
            assert lun is None
            return
        generation = self.seen[volume].generation - stale
        try:
            lun, kept = self.devices.detach(volume, generation,
                                            INSTANCES[guest])
        except exceptions.StaleGeneration:
            assert stale and self.guests[volume] == guest
            return
        if self.guests.get(volume) == guest:
            assert not stale and not kept
            del self.guests[volume]
        self.seen[volume] = lun

    @stateful.rule(guest=guests)
    def give_back(self, guest):
        try:
            self.devices.release(INSTANCES[guest])
        except exceptions.LunBusy:
            assert guest in self.guests.values()
        else:
            assert guest not in self.guests.values()

    @stateful.rule(number=st.integers(0, len(SIZES) - 1))
    def somebody_frees_a_line(self, number):
        lines = self.node.pool_text().splitlines()
        cells = lines[1 + number].split(',')
        cells[0], cells[5], cells[6] = 'free', '', ''
        lines[1 + number] = ','.join(cells)
        self.node.pool('zpool1', *lines[1:])

    @stateful.invariant()
    def ledger_and_model_agree(self):
        view = self.pool.view().luns
        assert len(view) == len(SIZES)
        owners = {s.volume_id: i for i, s in enumerate(view) if s.volume_id}
        assert owners == self.luns
        for volume, number in self.luns.items():
            guest = self.guests.get(volume)
            assert view[number].state == ('used' if guest else 'ours')
            assert view[number].userid == guest
            assert not view[number].claimable
        self._devices_agree()

    def _devices_agree(self):
        holders = {}
        for device in self.devices.list():
            assert device.state in ('held', 'used')
            holders[str(device.number)] = device.userid
            mine = {v for v, g in self.guests.items() if g == device.userid}
            assert device.volumes == mine
            active = self.node.read('cp/%s' % device.number).strip()
            assert active == (device.userid if mine else '')
        for guest in GUESTS:
            for line in self.node.read('directory/' + guest).splitlines():
                if line.startswith('DEDICATE'):
                    assert holders[line.split()[1]] == guest


SwapTest = Swaps.TestCase
SwapTest.settings = hypothesis.settings(
    max_examples=15, stateful_step_count=12, deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck))
