# SPDX-License-Identifier: Apache-2.0
"""Clones and moves from four processes at once, and what they meet."""

import pathlib

from tests.functional.cinder import harness
from tests.racing import case
from tests.racing import world
from tests import waits
from tests import zeros


class CopyRacesBase(case.RaceTestCase):

    module = 'tests.functional.cinder.racer'
    variable = 'OS_CINDER_DISABLE_EVENTLET_PATCHING'
    luns, guests = 12, 4

    @classmethod
    def setup(cls):
        return {'section': harness.section(
            1, zvm_trust_free_luns=True, zvm_fcp_list=world.FCP_LIST,
            zvm_zhcp_fcp_list=world.ZHCP_DEVICES,
            zvm_copy_verify='sampled')}

    def disk(self, lun):
        return pathlib.Path(self.simulator.disk(
            'host1', world.PORTS[0], lun)['path'])

    def create(self, count):
        """{volume: LUN}, with a tenant's data on each."""
        volumes = [case.new() for _ in range(count)]
        made = dict(zip(volumes, self.all_done(
            ('create', {'volume': volume}) for volume in volumes)))
        for lun in made.values():
            zeros.scribble(self.disk(lun))
        return made

    def guests_with_devices(self):
        """(instance, userid) of four guests that hold devices."""
        guests = [(case.new(), world.node(number).upper())
                  for number in range(1, 5)]
        self.all_done(('hold', {'instance': instance, 'userid': userid})
                      for instance, userid in guests)
        return guests

    def attach(self, volume, guest):
        instance, userid = guest
        return ('attach', {'volume': volume, 'instance': instance,
                           'generation': self.pool.look(volume).generation,
                           'userid': userid})

    def at_rest(self):
        waits.until(lambda: not [
            record for record in self.truth.luns().values()
            if record['state'] in ('copying', 'wiping', 'freeing')], 60)

    def state(self, volume):
        record = self.truth.luns().get(self.truth.volumes().get(volume), {})
        return record.get('state')


class CopyRacesTest(CopyRacesBase):

    def test_clones_of_one_volume(self):
        (source, lun), = self.create(1).items()
        volumes = [case.new() for _ in range(11)]
        made = self.all_done(('clone', {'volume': volume, 'source': source})
                             for volume in volumes)
        self.assertEqual(11, len(set(made)))
        for each in made:
            self.assertTrue(zeros.begins_with(self.disk(each),
                                              self.disk(lun)))
        self.check(dict(zip(made, volumes), **{lun: source}))
        self.check_nothing_is_left()

    def test_clones_against_attaches_and_deletes(self):
        made = self.create(4)
        guests = self.guests_with_devices()
        jobs, clones = [], [case.new() for _ in made]
        for (volume, lun), guest, clone in zip(made.items(), guests, clones):
            jobs += [('clone', {'volume': clone, 'source': volume}),
                     self.attach(volume, guest),
                     ('delete', {'volume': volume, 'lun': lun})]
        answers = self.race(jobs)
        self.at_rest()
        self.check(None)
        for number, volume in enumerate(made):
            cloned, attached, deleted = answers[3 * number:3 * number + 3]
            self._no_data_are_lost(volume, clones[number], cloned, attached,
                                   deleted)

    def _no_data_are_lost(self, volume, clone, cloned, attached, deleted):
        done = 'error' not in deleted
        self.assertFalse(done and 'error' not in attached)
        self.assertEqual(
            None if done else 'ours' if 'error' in attached else 'used',
            self.state(volume))
        if not done:
            self.assertTrue(zeros.is_scribbled(
                self.disk(self.truth.volumes()[volume])))
        if 'error' in cloned:
            self.assertIn(cloned['error'], (
                'VolumeIsBusy', 'VolumeBackendAPIException'), cloned)
            self.assertIsNone(self.state(clone))
        else:
            self.assertTrue(zeros.is_scribbled(self.disk(cloned['result'])))
        for answer, words in ((attached, ('StaleGeneration', 'LunBusy',
                                          'VolumeUnknown')),
                              (deleted, ('VolumeIsBusy',))):
            self.assertIn(answer.get('error', words[0]), words, answer)

    def test_moves_against_attaches_and_clones(self):
        made = self.create(4)
        guests = self.guests_with_devices()
        jobs, clones = [], [case.new() for _ in made]
        for (volume, lun), guest, clone in zip(made.items(), guests, clones):
            jobs += [('extend', {'volume': volume, 'gib': 3, 'lun': lun}),
                     self.attach(volume, guest),
                     ('clone', {'volume': clone, 'source': volume})]
        answers = self.race(jobs)
        self.at_rest()
        self.check(None)
        for number, (volume, lun) in enumerate(made.items()):
            moved, attached, cloned = answers[3 * number:3 * number + 3]
            if 'error' not in moved:
                self.assertIn('error', attached)
                self.assertEqual(moved['result'],
                                 self.truth.volumes()[volume])
                self.assertTrue(zeros.is_zero(self.disk(lun)))
            else:
                self.assertEqual(lun, self.truth.volumes()[volume])
                self.assertTrue(zeros.is_scribbled(self.disk(lun)))
            self.assertEqual('ours' if 'error' in attached else 'used',
                             self.state(volume))
            if 'error' not in cloned:
                self.assertTrue(zeros.begins_with_scribbles(
                    self.disk(cloned['result'])))
        known = {*made, *clones}
        self.assertEqual(set(), set(self.truth.volumes()) - known)
