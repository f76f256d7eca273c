# SPDX-License-Identifier: Apache-2.0
"""Creates, deletes and force-detaches from four processes at once.

Two of them have native threads, two green ones.
"""

from tests.functional.cinder import harness
from tests.racing import case
from tests.racing import foreign
from tests.racing import world

CREATES = 20


class RacesTest(case.RaceTestCase):

    module = 'tests.functional.cinder.racer'
    variable = 'OS_CINDER_DISABLE_EVENTLET_PATCHING'
    luns, guests = CREATES, 4

    @classmethod
    def setup(cls):
        return {'section': harness.section(
            1, zvm_trust_free_luns=True, zvm_fcp_list=world.FCP_LIST,
            zvm_zhcp_fcp_list=world.ZHCP_DEVICES)}

    def create(self, count):
        """{volume: LUN} of as many creates, none of which fails."""
        volumes = [case.new() for _ in range(count)]
        return dict(zip(volumes, self.all_done(
            ('create', {'volume': volume}) for volume in volumes)))

    def test_20_creates_on_20_luns(self):
        self.creates_on_20_luns()

    def test_20_creates_on_20_luns_among_foreign_writers(self):
        # an editor among them, who has the file open for a while
        self.among_foreign_writers(foreign.ALL)
        self.creates_on_20_luns()

    def test_all_that_a_foreign_writer_costs_is_found(self):
        before = self.truth.pool.read_text()
        made = self.create(CREATES)
        self.truth.pool.write_text(before)
        self.among_foreign_writers()
        self.assertEqual(set(made.values()), self.check_view())
        self.check_nothing_is_left()

    def creates_on_20_luns(self):
        made = self.create(CREATES)
        self.assertEqual({world.lun(number) for number in range(CREATES)},
                         set(made.values()))
        self.check({lun: volume for volume, lun in made.items()})
        self.check_nothing_is_left()
        # a repeat finds its LUN, and writes what was lost of it
        self.assertEqual(made, {
            volume: str(self.pool.claim(volume, case.new(), case.GIB,
                                        case.GIB, trust=True).lun)
            for volume in made})
        self.assertEqual(set(), self.truth.lost())

    def test_20_creates_on_one_lun(self):
        self.creates_on_one_lun()

    def test_20_creates_on_one_lun_among_foreign_writers(self):
        self.among_foreign_writers()
        self.creates_on_one_lun()

    def creates_on_one_lun(self):
        self.lay_luns(1)
        volumes = [case.new() for _ in range(CREATES)]
        answers = self.race(('create', {'volume': volume})
                            for volume in volumes)
        winner, = (volume for volume, answer in zip(volumes, answers)
                   if 'result' in answer)
        self.swaps += 1
        for answer in answers:
            if 'error' in answer:
                self.assertEqual('VolumeBackendAPIException',
                                 answer['error'])
                self.assertIn('Pool zpool1 has no free LUN of 1.00 to 2.00 '
                              'GiB', answer['text'])
        self.check({world.lun(0): winner})
        self.check_nothing_is_left()

    def test_volumes_come_and_go(self):
        self.volumes_come_and_go()

    def test_volumes_come_and_go_among_foreign_writers(self):
        self.among_foreign_writers()
        self.volumes_come_and_go()

    def volumes_come_and_go(self):
        # each LUN has to go from one to another
        self.lay_luns(4)
        luns = self.all_done(
            ('create_and_delete', {'volumes': [case.new(), case.new()]})
            for _ in range(4))
        # claimed, given back and free, two times in each
        self.swaps += 5 * len(luns)
        self.check({})

    def test_delete_and_force_detach_against_attach(self):
        self.delete_and_force_detach_against_attach()

    def test_delete_and_force_detach_against_attach_among_foreign(self):
        self.among_foreign_writers()
        self.delete_and_force_detach_against_attach()

    def delete_and_force_detach_against_attach(self):
        made = self.create(4)
        found = {volume: self.pool.look(volume) for volume in made}
        guests = [(case.new(), world.node(number).upper())
                  for number in range(1, 5)]
        held = self.all_done(('hold', {
            'instance': instance, 'userid': userid})
            for instance, userid in guests)
        self.assertEqual(8, len({device for each in held
                                 for device in each}))
        jobs = []
        for (volume, lun), (instance, userid) in zip(made.items(), guests):
            jobs += [
                ('attach', {'volume': volume, 'instance': instance,
                            'generation': found[volume].generation,
                            'userid': userid}),
                ('delete', {'volume': volume, 'lun': lun}),
                ('force_detach', {'volume': volume})]
        # who is dealt what is another one for each volume
        answers = self.race(jobs)
        self.check(None)
        for number, (volume, lun) in enumerate(made.items()):
            attached, deleted, forced = answers[3 * number:3 * number + 3]
            self.assertNotIn('error', forced)
            self._either(volume, guests[number], attached, deleted)

    def _either(self, volume, guest, attached, deleted):
        """The guest has the volume, or it is gone; force changed nothing."""
        instance, userid = guest
        record = self.truth.luns().get(self.truth.volumes().get(volume))
        dedicated = self.truth.dedicated()
        if 'result' in attached:
            self.assertEqual('VolumeIsBusy', deleted.get('error'), deleted)
            self.assertIn(userid, deleted['text'])
            self.assertEqual(('used', instance), (record['state'],
                                                  record['instance']))
            self.assertEqual(2, [*dedicated.values()].count(userid))
        else:
            self.assertIn(attached['error'], (
                'StaleGeneration', 'LunBusy', 'VolumeUnknown'), attached)
            self.assertNotIn('error', deleted)
            self.assertIsNone(record)
            self.assertNotIn(userid, dedicated.values())
        self._let_go(volume, instance, record)

    def _let_go(self, volume, instance, record):
        """For the next test; and what a detach leaves."""
        if record:
            answer, *_ = self.racers.run(('detach', {
                'volume': volume, 'generation': int(record['gen']),
                'instance': instance, 'subjects': [
                    'use ' + record['lun']]}))
            self.assertNotIn('error', answer)
