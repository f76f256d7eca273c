# SPDX-License-Identifier: Apache-2.0
"""Migrations between two pools from four processes, and what they meet."""

from tests.functional.cinder import test_races_of_copies
from tests.racing import case
from tests.racing import world
from tests import zeros


class MigrationRacesTest(test_races_of_copies.CopyRacesBase):
    """zpool1 has twelve LUNs, zpool2 four."""

    others = 4

    def is_there(self, lun):
        return lun in {world.other_lun(number)
                       for number in range(self.others)}

    def test_against_attaches_and_clones(self):
        made = self.create(4)
        guests = self.guests_with_devices()
        jobs, clones = [], [case.new() for _ in made]
        for (volume, lun), guest, clone in zip(made.items(), guests, clones):
            jobs += [('migrate', {'volume': volume, 'lun': lun}),
                     self.attach(volume, guest),
                     ('clone', {'volume': clone, 'source': volume})]
        answers = self.race(jobs)
        self.at_rest()
        self.check(None)
        for number, (volume, lun) in enumerate(made.items()):
            moved, attached, cloned = answers[3 * number:3 * number + 3]
            now = self.truth.volumes()[volume]
            if 'error' in moved:
                self.assertEqual(lun, now)
            else:
                self.assertIn('error', attached)
                self.assertEqual(moved['result'], now)
                self.assertTrue(self.is_there(now))
                self.assertTrue(zeros.is_zero(self.disk(lun)))
            self.assertTrue(zeros.is_scribbled(self.disk(now)))
            self.assertEqual('ours' if 'error' in attached else 'used',
                             self.state(volume))
            if 'error' not in cloned:
                self.assertTrue(zeros.is_scribbled(
                    self.disk(cloned['result'])))
        self.assertEqual(set(), set(self.truth.volumes())
                         - {*made, *clones})

    def test_against_deletes(self):
        made = self.create(4)
        jobs = []
        for volume, lun in made.items():
            jobs += [('migrate', {'volume': volume, 'lun': lun}),
                     ('delete', {'volume': volume, 'lun': lun})]
        answers = self.race(jobs)
        self.at_rest()
        # which LUN a delete has freed is not known before
        self.check_view()
        for number, volume in enumerate(made):
            moved, deleted = answers[2 * number:2 * number + 2]
            if 'error' not in deleted:
                self.assertIsNone(self.state(volume))
            else:
                self.assertEqual('VolumeIsBusy', deleted['error'])
                self.assertTrue(zeros.is_scribbled(
                    self.disk(self.truth.volumes()[volume])))
        self.assertEqual(set(), set(self.truth.volumes()) - {*made})
        for lun, record in self.truth.luns().items():
            if record['state'] == 'free':
                self.assertTrue(zeros.is_zero(self.disk(lun)))

    def test_against_claims_on_the_last_luns(self):
        made = self.create(4)
        volumes = [case.new() for _ in range(4)]
        answers = self.race(
            job for (volume, lun), new in zip(made.items(), volumes)
            for job in (('migrate', {'volume': volume, 'lun': lun}),
                        ('claim_there', {'volume': new})))
        self.at_rest()
        self.check(None)
        done = [each['result'] for each in answers if 'error' not in each]
        self.assertEqual(4, len(done))
        self.assertEqual(4, len(set(done)))
        for (volume, lun), answer in zip(made.items(), answers[::2]):
            now = self.truth.volumes()[volume]
            self.assertEqual(answer.get('result', lun), now)
            self.assertTrue(zeros.is_scribbled(self.disk(now)))
            if 'error' in answer:
                self.assertIn('no free LUN', answer['text'])
