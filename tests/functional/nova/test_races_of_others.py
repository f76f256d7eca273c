# SPDX-License-Identifier: Apache-2.0
"""Volumes of pools and of others, from four nova-computes at once."""

from tests.functional.nova import racing
from tests.racing import case
from tests.racing import world


class OtherRacesTest(racing.ComputesCase):
    """Half of the volumes are a pool's, half another back-end's."""

    array = 8

    def attach_both(self, fcp_list, guests):
        """A volume of each kind to each guest: (guest, kind, info)."""
        made = self.use(fcp_list, len(guests))
        jobs = []
        for number, (volume, guest) in enumerate(zip(made, guests)):
            uuid, name = guest
            jobs += [('attach', {'uuid': uuid, 'number': name,
                                 'volume': volume}),
                     ('attach_other', {
                         'uuid': uuid, 'number': name, 'volume': case.new(),
                         'lun': world.array_lun(number)})]
        infos = self.all_done(jobs)
        self.check({lun: volume for volume, lun in made.items()})
        return [(guest, kind, info) for guest, (kind, _), info in zip(
            [guest for guest in guests for _ in range(2)], jobs, infos)]

    def assert_right(self, attached):
        """Ledger, z/VM and guests: each volume by its paths, no others."""
        wanted, devices = {}, {}
        others = self.truth.others()
        for (uuid, number), kind, info in attached:
            userid = world.node(number).upper()
            for path in info['data']['zvm_paths']:
                device, port, lun = path[4:].upper().split(':')
                wanted.setdefault(userid, set()).add(
                    (device, port[2:].lower(), lun[2:].lower()))
                self.assertEqual(userid, devices.setdefault(device, userid))
            if kind == 'attach_other':
                record = others[info['serial']]
                self.assertEqual(('used', uuid, userid), (
                    record['state'], record['instance'], record['guest']))
        for userid, paths in wanted.items():
            self.assertEqual(paths, self.truth.paths(userid))
        self.assertEqual(devices, self.truth.dedicated())

    def detach_both(self, attached):
        self.all_done([
            (kind.replace('attach', 'detach'),
             {'uuid': guest[0], 'number': guest[1], 'info': info})
            for guest, kind, info in attached])
        self.check(None)
        self.assertEqual({'ours'}, {record['state'] for record in [
            *self.truth.luns().values(), *self.truth.others().values()]})
        self.assertEqual({}, self.truth.dedicated())
        for (_, number), _, _ in attached:
            self.assertEqual(set(), self.truth.paths(
                world.node(number).upper()))
        # whichever came last
        self.assertEqual({'cooling'}, {each['state'] for each in
                                       self.truth.devices().values()})

    def test_both_kinds_to_8_guests(self):
        guests = [(case.new(), number) for number in range(1, 9)]
        attached = self.attach_both(world.FCP_LIST, guests)
        self.assert_right(attached)
        self.detach_both(attached)

    def test_both_kinds_to_one_guest_among_foreign_writers(self):
        self.among_foreign_writers()
        attached = self.attach_both(world.FCP_LIST_OF_ONE,
                                    [(case.new(), 1)] * 8)
        self.assert_right(attached)
        self.detach_both(attached)

    def test_one_of_all_that_want_it_gets_it(self):
        self.use(world.FCP_LIST, 0)
        volume = case.new()
        guests = [(case.new(), number) for number in range(1, 9)]
        answers = self.race([('attach_other', {
            'uuid': uuid, 'number': number, 'volume': volume,
            'lun': world.array_lun(0)}) for uuid, number in guests])
        won = [guest for guest, answer in zip(guests, answers)
               if 'result' in answer]
        self.assertEqual(1, len(won), answers)
        record = self.truth.others()[volume]
        self.assertEqual(('used', won[0][0]),
                         (record['state'], record['instance']))
        self.assertEqual({world.node(won[0][1]).upper()},
                         set(self.truth.dedicated().values()))
