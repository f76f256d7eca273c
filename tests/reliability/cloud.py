# SPDX-License-Identifier: Apache-2.0
"""A simulated z/VM LPAR with one cinder-volume and one nova-compute.

The methods of :class:`Cloud` are what users do; each asks the process of the
service that does it.  :meth:`Cloud.killed` does the same and ends that
process at a request; :meth:`Cloud.restart` starts it anew::

    with cloud.Parents() as parents, cloud.Cloud(parents, folder) as one:
        volume = one.create()
        server = one.boot()
        one.attach(server, volume)
        exit, request = one.killed('nova', 'detach', 2, 'effect',
                                   server=server, volume=volume)
        one.restart('nova')
        one.sweep()
"""

import contextlib
import os
import pathlib
import re

import requests

from tests.functional.cinder import glance
from tests import nursery
from tests import rawimages
from tests.reliability import processes
from tests.reliability import truth

SIDES = ('cinder', 'nova')
_LEFT = re.compile(r'Guest (\w+) is left alone')
# Longer than any lease in the ledger (s).
_LEASES = 7200


class Parents(contextlib.ExitStack):
    """The parents of both services, and their empty databases.

    Shared by clouds; entered once.  The Pythons of the two environments come
    from ZVM_CINDER_PYTHON and ZVM_NOVA_PYTHON.
    """

    def __init__(self, folder):
        super().__init__()
        self._folder = pathlib.Path(folder)
        self.all = {}
        self.databases = {}

    def __enter__(self):
        for name in SIDES:
            python = os.environ['ZVM_%s_PYTHON' % name.upper()]
            self.all[name] = processes.Parent(name, python)
            self.callback(self.all[name].close)
        for parent in self.all.values():
            parent.ready()
        for name in SIDES:
            self._make_database(name)
        return self

    def _make_database(self, name):
        folder = self._folder / 'empty' / name
        folder.mkdir(parents=True)
        process = self.all[name].fork(folder / 'log')
        process.start(folder=str(folder), database=None)
        process.kill()
        self.databases[name] = folder / ('%s.sqlite' % name)


class Cloud(contextlib.ExitStack):
    """Entered, the simulator and both services run.

    :param parents: Parents, entered
    :param folder: for what the services keep
    :param sabotaged: see the module sabotage
    :param world: for the simulator, see truth.world
    """

    def __init__(self, parents, folder, sabotaged=False, world=None):
        super().__init__()
        self._parents = parents
        self.folder = pathlib.Path(folder)
        self._sabotaged = sabotaged
        self._world = world or truth.world()
        self._ahead = 0
        self.processes = {}
        # What tenants wrote on their volumes: volume -> text; and what
        # copies, and volumes that are reverted, will have then.
        self.written = {}
        self.promised = {}
        # What images of volumes are to have: image -> text
        self.images = {}
        # What is on LUNs that are the operator's, or about to be: LUN -> text.
        self.left = {}
        # Servers whose guests do not trust the ssh key.
        self.over_iucv = set()
        self._writes = 0

    def __enter__(self):
        self.folder.mkdir(parents=True)
        self.simulator = self.enter_context(nursery.Simulator(self._world))
        self.truth = truth.Truth(self.simulator)
        self.glance = self._start_glance()
        for side in SIDES:
            self.restart(side)
            self.callback(self.kill, side)
        return self

    def _start_glance(self):
        folder = self.folder / 'images'
        folder.mkdir()
        found = glance.Glance(folder)
        found.setUp()
        self.callback(found.cleanUp)
        return found

    # processes

    def restart(self, side):
        """A new process of a service; one that runs is killed before.

        It sweeps while it starts, as its driver does by itself.
        """
        if side in self.processes:
            self.kill(side)
        process = self._parents.all[side].fork(self.folder / (side + '.log'))
        process.answers = self._answer
        self.processes[side] = process
        process.start(
            folder=str(self.folder / side), sabotaged=self._sabotaged,
            database=str(self._parents.databases[side]),
            server=self.simulator.server, ca_file=self.simulator.ca_file,
            options=getattr(self, '_%s_options' % side)(),
            **getattr(self, '_%s_more' % side)())

    def _cinder_more(self):
        return {'other_pool': truth.OTHER_POOL, 'glance': self.glance.server}

    def _nova_more(self):
        return {}

    def kill(self, side):
        """SIGKILL; how it ended."""
        return self.processes[side].kill()

    def _cinder_options(self):
        return {'zvm_fcp_list': truth.FCP_LIST,
                'zvm_zhcp_fcp_list': truth.ZHCP_FCP_LIST,
                'zvm_copy_verify': 'sampled',
                'zvm_scsi_pool': truth.POOL}

    def _nova_options(self):
        return {
            'cloud_connector_url': self.simulator.connector_url(truth.LPAR),
            'image_tmp_path': str(self.folder / 'nova' / 'images'),
            'reachable_timeout': 60, 'zvm_paths': 1,
            'zvm_xcat_server': self.simulator.server,
            'zvm_xcat_username': 'admin', 'zvm_xcat_password': 'secret',
            'zvm_ca_file': self.simulator.ca_file,
            'zvm_hypervisor': truth.LPAR, 'zvm_fcp_list': truth.FCP_LIST}

    def _answer(self, name, args):
        """What nova-compute asks of Cinder."""
        return self.processes['cinder'].ask(name, **args)

    def ask(self, side, name, **args):
        """See processes.Process.ask."""
        return self.processes[side].ask(name, **args)

    def counted(self, side, name, **args):
        """Do it, and tell the requests that it took."""
        self.ask(side, 'arm')
        self.ask(side, name, **args)
        return self.ask(side, 'names')

    def killed(self, side, name, k, moment, **args):
        """Do it and die at request k; how the process ended.

        None: it has done all without a request k, and lives.
        """
        process = self.processes[side]
        process.ask('arm', k=k, moment=moment)
        try:
            process.ask(name, **args)
        except processes.Died:
            return process.exit
        return None

    def sweep(self):
        """Both services sweep, as they do from time to time."""
        for side in SIDES:
            self.ask(side, 'sweep')
        self.truth.rest()

    def let_leases_run_out(self):
        """By the zHCP's clock, which moves ahead."""
        self._ahead += _LEASES
        self.simulator.event(clock=str(self._ahead))

    def settle(self):
        """All terms are over, and both services have swept.

        A device that was held for another back-end's volume cools then.
        """
        for _ in range(2):
            self.let_leases_run_out()
            self.sweep()
            if all(each['state'] != 'cooling'
                   for each in self.truth.devices()):
                break

    def records(self):
        """What both services know, see their sides."""
        return {**self.ask('cinder', 'records'), **self.ask('nova',
                                                            'records')}

    # what users do

    def create(self, gib=1, write=True):
        """A volume's id; its tenant writes on it, unless told not to."""
        volume = self.ask('cinder', 'order', gib=gib)
        row = self.ask('cinder', 'create', volume=volume)
        if row['status'] != 'available':
            raise Unexpected('the new volume is %s' % row['status'])
        if write:
            self.write(volume)
        return volume

    def create_other(self):
        """As :meth:`create`, on the array."""
        volume = self.ask('cinder', 'order_other')
        row = self.ask('cinder', 'create', volume=volume)
        if row['status'] != 'available':
            raise Unexpected('the new volume is %s' % row['status'])
        self.write(volume, row['provider_id'])
        return volume

    def write(self, volume, lun=None):
        """Its tenant writes on the volume; it is to be there from now on."""
        self._writes += 1
        self.written[volume] = 'the tenant of %s wrote this as number %d' % (
            volume, self._writes)
        self.truth.write(lun or self.truth.lun_of(volume)['lun'],
                         self.written[volume])

    def order_copy(self, source, gib=1, **kind):
        """The id of a volume that is to be made from another or a snapshot.

        :param source: whose data it is to have
        :param kind: source_volid or snapshot_id
        """
        volume = self.ask('cinder', 'order', gib=gib, **kind)
        self.promise(volume, source)
        return volume

    def promise(self, volume, source):
        """Once it is available the volume has the source's data."""
        self.promised[volume] = self.written[source]

    def order_of_image(self):
        """A volume that is to be made from an image: their ids."""
        self._writes += 1
        text = 'this was the image with number %d' % self._writes
        path = self.folder / 'image'
        truth.make_image(path, text)
        # its holes need not go to Glance and back
        image = self.glance.add(rawimages.convert(
            path, 'qcow2', self.folder / 'qcow2'), 'qcow2')
        volume = self.ask('cinder', 'order', gib=1)
        self.promised[volume] = text
        return {'volume': volume, 'image': image}

    def order_image(self, volume):
        """The id of an image that is to be made from a volume."""
        image = self.glance.create(disk_format='raw')['id']
        self.images[image] = self.written[volume]
        return image

    def order_snapshot(self, volume):
        """The id of a snapshot that is to be made."""
        snapshot = self.ask('cinder', 'order_snapshot', volume=volume)
        self.promise(snapshot, volume)
        return snapshot

    def snapshot(self, volume):
        """A snapshot's id."""
        snapshot = self.order_snapshot(volume)
        status = self.ask('cinder', 'make_snapshot', snapshot=snapshot)
        if status != 'available':
            raise Unexpected('the new snapshot is %s' % status)
        self.written[snapshot] = self.promised.pop(snapshot)
        return snapshot

    def keep_promises(self, known):
        """Copies that are whole have their data from now on."""
        for each in known['volumes'] + known['snapshots']:
            if each['status'] == 'available' and each['id'] in self.promised:
                self.written[each['id']] = self.promised.pop(each['id'])

    def delete_snapshot(self, snapshot):
        self.written.pop(snapshot, None)
        if not self.ask('cinder', 'delete_snapshot', snapshot=snapshot):
            raise Unexpected('the snapshot is there after delete')

    def delete(self, volume):
        self.written.pop(volume, None)
        if not self.ask('cinder', 'delete', volume=volume):
            row = self.ask('cinder', 'get', volume=volume)
            raise Unexpected('the volume is %s after delete' % row['status'])

    def leave(self, volume):
        """The arguments of an unmanage: its LUN is to be the operator's."""
        lun = self.truth.lun_of(volume)['lun']
        self.left[lun] = self.written.pop(volume)
        return {'volume': volume}

    def unmanage(self, volume):
        if not self.ask('cinder', 'unmanage', volume=volume):
            raise Unexpected('the volume is there after unmanage')

    def order_manage(self, record):
        """The arguments of a manage of a LUN that is the operator's."""
        volume = self.ask('cinder', 'order_manage')
        self.promised[volume] = self.left[record['lun']]
        return {'volume': volume, 'reference': {
            'wwpn': record['wwpns'], 'lun': record['lun']}}

    def take_back(self):
        """What the operator does to have his LUNs in the pool again."""
        for record in self.truth.luns():
            if record['state'] != 'unmanaged':
                self.left.pop(record['lun'], None)
                continue
            # one that was nobody's before has no text
            text = self.left.setdefault(record['lun'], '')
            if not self.truth.has(record['lun'], text):
                raise Unexpected('the data on the operator\'s LUN %s are gone'
                                 % record['lun'])
            args = self.order_manage(record)
            row = self.ask('cinder', 'manage', **args)
            if row['status'] != 'available':
                raise Unexpected('the managed volume is %s' % row['status'])
            del self.promised[row['id']], self.left[record['lun']]
            self.delete(row['id'])

    def boot(self, *volumes):
        """A server's uuid."""
        server = self.ask('nova', 'new_server', volumes=volumes)['uuid']
        self.build(server)
        return server

    def build_of(self, server):
        """The same server, built."""
        self.build(server)
        return server

    def build(self, server):
        state = self.ask('nova', 'build', server=server)
        if state != 'active':
            raise Unexpected('the new server is %s' % state)

    def forget_images(self):
        """What nova-compute has loaded into the Cloud Connector is deleted."""
        url = self.simulator.connector_url(truth.LPAR) + 'images'
        for each in requests.get(url, timeout=60).json()['output']:
            requests.delete('%s/%s' % (url, each['imagename']),
                            timeout=60).raise_for_status()

    def attach(self, server, volume):
        self.ask('nova', 'reserve', server=server, volume=volume)
        self.ask('nova', 'attach', server=server, volume=volume)

    def detach(self, server, volume):
        self.ask('nova', 'detach', server=server, volume=volume)

    def stop(self, server):
        self.ask('nova', 'stop', server=server)

    def start(self, server):
        self.ask('nova', 'start', server=server)

    def destroy(self, server):
        self.ask('nova', 'destroy', server=server)

    def delete_left_guests(self):
        """What an operator does about guests that nova-compute's log names.

        They came when their server was deleted, and have nothing of ours.
        """
        log = (self.folder / 'nova.log').read_text()
        guests = self.truth.guests()
        for name in guests.keys() & set(_LEFT.findall(log)):
            if any(what for key, what in guests[name].items()
                   if key != 'on'):
                raise Unexpected('guest %s has %s' % (name, guests[name]))
            requests.delete('%sguests/%s' % (
                self.simulator.connector_url(truth.LPAR), name),
                timeout=60).raise_for_status()

    def clear(self):
        """The user deletes all servers, then all volumes."""
        known = self.records()
        for server in known['servers']:
            self.destroy(server['uuid'])
        for attachment in self.records()['attachments']:
            self.ask('cinder', 'attachment_delete',
                     attachment=attachment['id'])
        for snapshot in self.records()['snapshots']:
            self.delete_snapshot(snapshot['id'])
        for volume in self.records()['volumes']:
            self.delete(volume['id'])
        self.take_back()
        if any(each['state'] == 'cooling' for each in self.truth.devices()):
            self.settle()
        self.truth.rest()


class Unexpected(Exception):
    """Something that a user does has not succeeded."""
