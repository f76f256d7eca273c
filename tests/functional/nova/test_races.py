# SPDX-License-Identifier: Apache-2.0
"""Attaches, detaches and deletes from four nova-computes at once.

Two of them have native threads, two green ones.
"""

from tests.functional.nova import racing
from tests.racing import case
from tests.racing import world

PATHS = len(world.PORTS) * 2


class RacesTest(racing.ComputesCase):

    # attach, detach

    def attach_all(self, made, guests):
        """Each volume to its guest (uuid, number): connection_infos."""
        infos = self.all_done(
            ('attach', {'uuid': uuid, 'number': number, 'volume': volume})
            for volume, (uuid, number) in zip(made, guests))
        self.check({lun: volume for volume, lun in made.items()})
        records, taken = self.truth.luns(), {}
        for (volume, lun), (uuid, number) in zip(made.items(), guests):
            record, userid = records[lun], world.node(number).upper()
            self.assertEqual(('used', uuid, userid), (
                record['state'], record['instance'], record['guest']))
            for device in record['fcp'].split(';'):
                self.assertEqual(userid, taken.setdefault(device, userid))
        # none twice, and none more than the ledger says
        self.assertEqual(taken, self.truth.dedicated())
        self.assertEqual(set(taken), set(self.truth.devices()))
        self.check_paths(made, guests)
        return infos

    def check_paths(self, made, guests):
        """A guest has the paths of its volumes and no others."""
        records, wanted = self.truth.luns(), {}
        for lun, (_, number) in zip(made.values(), guests):
            found = wanted.setdefault(number, set())
            found |= {(device, port, lun) for device in
                      records[lun]['fcp'].split(';') for port in world.PORTS}
        for number, paths in wanted.items():
            self.assertEqual(paths, self.truth.paths(
                world.node(number).upper()))

    def detach_all(self, made, guests, infos):
        self.all_done(map(self.detach_job, guests, infos))
        self.check({lun: volume for volume, lun in made.items()})
        self.assertEqual({'ours'}, {record['state'] for record
                                    in self.truth.luns().values()})
        self.nothing_is_held({number for _, number in guests})

    @staticmethod
    def detach_job(guest, info):
        return 'detach', {'uuid': guest[0], 'number': guest[1], 'info': info}

    def nothing_is_held(self, numbers):
        self.assertEqual(({}, {}), (self.truth.dedicated(),
                                    self.truth.devices()))
        for number in numbers:
            self.assertEqual(set(), self.truth.paths(
                world.node(number).upper()))

    def to_16_guests(self):
        made = self.use(world.FCP_LIST, 16)
        guests = [(case.new(), number) for number in range(1, 17)]
        infos = self.attach_all(made, guests)
        self.assertEqual(32, len(self.truth.dedicated()))
        self.detach_all(made, guests, infos)

    def test_16_volumes_to_16_guests(self):
        self.to_16_guests()

    def test_16_volumes_to_16_guests_among_foreign_writers(self):
        self.among_foreign_writers()
        self.to_16_guests()

    def to_one_guest(self):
        made = self.use(world.FCP_LIST_OF_ONE, 16)
        guests = [(case.new(), 1)] * 16
        infos = self.attach_all(made, guests)
        self.assertEqual({'3B00', '3C00'}, set(self.truth.dedicated()))
        self.detach_all(made, guests, infos)

    def test_16_volumes_to_one_guest(self):
        self.to_one_guest()

    def test_16_volumes_to_one_guest_among_foreign_writers(self):
        self.among_foreign_writers()
        self.to_one_guest()

    # against each other

    def contended(self):
        """Four volumes, each attached already; then all at once.

        To each: a detach by its guest, and until they succeed or have tried
        often an attach by another guest and a delete; and a force-detach.
        """
        made = self.use(world.FCP_LIST, 4)
        first = [(case.new(), number) for number in range(1, 5)]
        second = [(case.new(), number) for number in range(5, 9)]
        infos = self.attach_all(made, first)
        answers = self.race_each([
            [self.detach_job(one, info),
             ('stubborn', {'name': 'attach', 'arguments': {
                 'uuid': other[0], 'number': other[1], 'volume': volume}}),
             ('stubborn', {'name': 'delete', 'arguments': {
                 'volume': volume, 'lun': lun}}),
             ('force_detach', {'volume': volume})]
            for (volume, lun), info, one, other in zip(
                made.items(), infos, first, second)])
        self.check(None)
        for volume, guest, (detached, attached, deleted, forced) in zip(
                made, second, answers):
            self.assertNotIn('error', detached)
            self.assertNotIn('error', forced)
            self.one_of(volume, guest, attached, deleted)
        self.leave(second, [answer[1] for answer in answers])
        self.nothing_is_held(range(1, 9))

    def one_of(self, volume, guest, attached, deleted):
        """The other guest has it, or it is gone."""
        uuid, number = guest
        record = self.truth.luns().get(self.truth.volumes().get(volume))
        paths = self.truth.paths(world.node(number).upper())
        self.swaps += 2
        if 'result' in attached:
            self.assertIn(deleted.get('error'), ('LunBusy',
                                                 'StaleGeneration'), deleted)
            self.assertEqual(('used', uuid, PATHS), (
                record['state'], record['instance'], len(paths)))
        else:
            self.assertNotIn('error', deleted)
            self.assertIsNone(record)
            self.assertEqual(set(), paths)

    def leave(self, guests, answers):
        """What attached is detached, and what was only held is dropped."""
        self.racers.run(*[
            self.detach_job(guest, answer['result']) if 'result' in answer
            else ('drop', {'uuid': guest[0], 'number': guest[1]})
            for guest, answer in zip(guests, answers)])

    def test_detach_attach_delete_and_force_at_once(self):
        self.contended()

    def test_detach_attach_delete_and_force_among_foreign_writers(self):
        self.among_foreign_writers()
        self.contended()
