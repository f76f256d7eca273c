# SPDX-License-Identifier: Apache-2.0
"""Two pools of one zHCP, and one of another, with a back-end for each.

zvmssio1 has zpool1, zvmssio3 has zpool3 of the same zHCP, zvmssio2 has zpool2
of the second one.
"""

import os
import shutil
import signal

from tests.functional.cinder import base
from tests.functional.cinder import copies
from tests.functional.cinder import harness
from tests.functional.cinder import scenarios
from tests import waits
from tests import worlds

_PLACES = {1: ('host1', 'zpool1'), 2: ('host2', 'zpool2'),
           3: ('host1', 'zpool3')}
INSTANCE = base.INSTANCE
HOSTS = {number: 'demo@zvmssio%d#%s' % (number, pool)
         for number, (_, pool) in _PLACES.items()}


def world():
    """As worlds.two, and four LUNs of 1 and two of 2 GiB in zpool3."""
    found = worlds.two()
    pools = found['lpars']['host1']['pools']
    one, two = pools['zpool1']
    pools['zpool3'] = [
        dict(one, lun='4091400000000000', count=4),
        dict(two, lun='4091400800000000', count=2)]
    return found


def backends(**options):
    """The sections, all three."""
    options = dict({'zvm_trust_free_luns': True,
                    'zvm_copy_verify': 'sampled'}, **options)
    return {'zvmssio1': harness.section(1, **options),
            'zvmssio2': harness.section(2, **options),
            'zvmssio3': harness.section(1, zvm_scsi_pool='zpool3',
                                        **options)}


class Places:
    """Mixed into a test case with a simulator."""

    def world(self):
        return world()

    def lines(self, number=1):
        text = self.simulator.pool_text(*_PLACES[number])
        return [line.split(',') for line in text.splitlines()
                if not line.startswith('#')]

    def number_of(self, provider_id):
        """The back-end whose pool has a LUN."""
        lun = provider_id.rpartition(':')[2]
        found, = (number for number in _PLACES
                  if lun in [line[2] for line in self.lines(number)])
        return found

    def disk(self, provider_id, number=None):
        number = number or self.number_of(provider_id)
        return super().disk(provider_id, 2 if number == 2 else 1)

    def taken(self):
        """How many LUNs of each pool are not free."""
        return [sum(line[0] != 'free' for line in self.lines(number))
                for number in _PLACES]

    def assertTaken(self, *counts):
        """Soon: what was left is wiped while nobody waits."""
        waits.until(lambda: self.taken() == list(counts), 60, 0.1)


class MigrationsTestCase(Places, copies.CopiesTestCase):

    backends = backends()
    any_type = True

    def setUp(self):
        super().setUp()
        if self.any_type:
            self.client.create_type('any')

    def filled(self):
        """On zvmssio1, and of a type that any back-end may have."""
        volume = super().filled()
        if self.any_type:
            self.client.retype(volume['id'], 'any', policy='never')
            waits.until(lambda: self.client.volume(volume['id'])[
                'status'] == 'available', 60, 0.1)
        return volume

    def migrated(self, volume, number, **fields):
        """Migrate it and wait; the volume as it is then."""
        self.client.migrate(volume['id'], HOSTS[number], **fields)
        return self.ended(volume, 'success')

    def ended(self, volume, outcome):
        found = {}

        def over():
            found.update(self.client.volume(volume['id']))
            return (found['migration_status'], found['status']) == (
                outcome, 'available')
        waits.until(over, 60, 0.1)
        return found

    def assertAt(self, number, volume):
        """Cinder, ledger and disk agree on the back-end, and on the data."""
        found = self.client.volume(volume['id'])
        self.assertEqual(HOSTS[number], found['os-vol-host-attr:host'])
        self.assertEqual(number, self.number_of(self.provider_id(volume)))
        self.assertPicture(volume, volume)


# asked of the process that has the services, see api.Cloud.ask


def connect_hosts(services, disks):
    """A host that reaches both LUNs of a generic migration.

    :param disks: {LUN: path of its disk}
    """
    def copied(_context, source, target, remote=None):
        shutil.copyfile(*(disks[row.provider_id.rpartition(':')[2]]
                          for row in (source, target)))
    for manager in services.cinder.managers.values():
        manager.driver.before_volume_copy = (
            lambda *_args, **_kwargs: None)
        manager._copy_volume_data = copied


def all_rows(services, volume_id):
    """Ids, host and provider_id of a volume."""
    volume = services.cinder.volume(volume_id)
    return {'id': volume.id, 'name_id': volume.name_id, 'host': volume.host,
            'provider_id': volume.provider_id}


def ids(services, backend):
    """Ids of the volumes that a pool's records have, and their scopes."""
    view = services.cinder.managers[backend].driver._backend.pool.view()
    return {lun.volume_id: lun.scope for lun in view.luns if lun.volume_id}


def sweep(services, backend):
    """What one sweep finds that is not as ever."""
    found = dict(services.cinder.managers[backend].driver.sweep().items())
    found.pop('confirmed', None)
    return found


# functions of scenarios (see there), each in a process of its own


def migrate(cinder, volume_id, source, target):
    """As the API and the scheduler let the manager do it."""
    volume = cinder.volume(volume_id)
    volume.migration_status = 'starting'
    volume.previous_status = volume.status
    volume.save()
    pool = cinder.backends[target]['zvm_scsi_pool']
    name = '%s@%s' % (cinder.host, target)
    host = {'host': '%s#%s' % (name, pool), 'cluster_name': None,
            'capabilities': cinder.stats(target)['pools'][0]}
    error = scenarios._error(cinder.managers[source].migrate_volume,
                             cinder.context, volume, host)
    volume.refresh()
    return dict(scenarios._row(volume), error=error,
                migration=volume.migration_status)


def migrate_and_die(cinder, volume_id, source, target, when):
    """Killed before or after the switch."""
    from zvm_common.pool import claims
    real = claims.Pool.switch

    def deadly(*args):
        if when == 'after':
            real(*args)
        os.kill(os.getpid(), signal.SIGKILL)
    claims.Pool.switch = deadly
    migrate(cinder, volume_id, source, target)
