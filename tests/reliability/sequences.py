# SPDX-License-Identifier: Apache-2.0
"""Sequences that nobody thought of: users, deaths, faults, foreign hands.

A hypothesis state machine over a :class:`tests.reliability.cloud.Cloud`: the
real managers of Cinder and Nova in processes of their own.  What users do may
fail while something is broken on purpose; what must hold after each step are
the rules of the module invariants.  A story that it has found becomes a test
of its own in ``test_stories``.
"""

import argparse
import collections
import contextlib
import json
import pathlib
import sys
import tempfile
import time
import traceback
import urllib.parse

import hypothesis
from hypothesis import stateful
from hypothesis import strategies as st
import requests

from tests.reliability import cloud as clouds
from tests.reliability import invariants
from tests.reliability import kill
from tests.reliability import operations
from tests.reliability import processes
from tests.reliability import truth

MOST_VOLUMES = 3
MOST_SERVERS = 2
MOST_SNAPSHOTS = 2
# More than the requests on which a fault acts.
_PATIENCE = 9
_PLACES = st.integers(0, 5)
# Where the process that does it dies; None: it lives.
_DEATHS = st.one_of(st.none(), st.tuples(st.integers(1, 7),
                                         st.sampled_from(kill.MOMENTS)))
# What is wrong while a user does something.
_FAULTS = {
    'answers lost': {'answer_lost': True},
    'requests lost': {'lost': True},
    'garbled': {'garbled': True},
    'truncated': {'truncated': True},
    'a page': {'html': 502},
    'xcatd down': {'status': 503},
    'a hop refused': {'hop': 2},
}
_SMAPI = ('Image_Device_Dedicate', 'Image_Device_Dedicate_DM',
          'Image_Device_Undedicate', 'Image_Device_Undedicate_DM')
_SIDES = dict.fromkeys(('create', 'delete', 'make_snapshot', 'extend',
                        'delete_snapshot', 'revert', 'create_from_image',
                        'upload', 'manage', 'unmanage'), 'cinder')


class Story(AssertionError):
    """An invariant is broken."""


class Stage(contextlib.ExitStack):
    """Gives each sequence an empty cloud: the one before, if that is whole.

    :param parents: cloud.Parents, entered
    :param folder: for the clouds
    """

    def __init__(self, parents, folder):
        super().__init__()
        self._parents = parents
        self._folder = pathlib.Path(folder)
        self._number = 0
        self._cloud = None
        self.is_whole = False
        #: sequences, steps, deaths, faults, refused
        self.counts = collections.Counter()

    def take(self):
        if not self.is_whole:
            self.close()
            self._number += 1
            self._cloud = self.enter_context(clouds.Cloud(
                self._parents, self._folder / str(self._number)))
        self.is_whole = False
        return self._cloud


class Machine(stateful.RuleBasedStateMachine):
    """Each sequence leaves its cloud empty, or it is not used again."""

    stage = None

    def __init__(self):
        super().__init__()
        self.cloud = self.stage.take()
        self.cloud.simulator.event(truth.LPAR, deploys='ssh')
        self.late_build = False

    # what there is

    def volumes(self, *states):
        """Without those that a stopped guest has not let go of."""
        leaving = {lun.get('volume') for lun in self.cloud.truth.luns()
                   if lun.get('phase') == 'leaving'}
        return [each['id'] for each in self.cloud.records()['volumes']
                if each['status'] in states and not each['array']
                and each['name_id'] not in leaving]

    def others(self):
        """Volumes of the array, by status."""
        found = collections.defaultdict(list)
        leaving = {each['volume'] for each in self.cloud.truth.others()
                   if each.get('phase') == 'leaving'}
        for each in self.cloud.records()['volumes']:
            if each['array']:
                status = ('leaving' if each['id'] in leaving
                          else each['status'])
                found[status].append(each['id'])
        return found

    def snapshots(self, volume=None):
        """(snapshot, volume) of those that are whole."""
        return [(each['id'], each['volume'])
                for each in self.cloud.records()['snapshots']
                if each['status'] == 'available'
                and volume in (None, each['volume'])]

    def deletable(self):
        """Cinder's API refuses to delete a volume that has snapshots."""
        return [each for each in self.volumes('available')
                if not self.snapshots(each)]

    def servers(self, *states):
        """In these states, or all."""
        return [each['uuid'] for each in self.cloud.records()['servers']
                if not states or each['state'] in states]

    def attached(self):
        return [(each['server'], each['volume'])
                for each in self.cloud.records()['mappings']
                if not each['root']]

    def rooted(self):
        """Servers that boot from a volume."""
        return {each['server'] for each in self.cloud.records()['mappings']
                if each['root']}

    def count(self, what):
        self.stage.counts[what] += 1

    def hold(self, rules):
        broken = invariants.broken(rules, self.cloud)
        if broken:
            raise Story('\n'.join(broken))

    def do(self, call, death, args, deleted=None):
        """A user's deed, perhaps its process's last.

        :param deleted: volume whose data are not promised any more
        """
        self.count('steps')
        side = _SIDES.get(call, 'nova')
        if deleted:
            self.cloud.written.pop(deleted, None)
        if death is None:
            self.attempt(side, call, args)
        else:
            self.die(side, call, death, args)
        self.cloud.truth.rest()
        self.hold(invariants.SAFETY)
        self.recover()

    def recover(self):
        """As users do: again and again while something is broken."""
        for _ in range(_PATIENCE):
            try:
                operations.recover(self.cloud)
                break
            except (processes.SideError, clouds.Unexpected):
                self.count('refused')
        self.hold(invariants.SAFETY)

    def attempt(self, side, call, args):
        try:
            self.cloud.ask(side, call, **args)
        except processes.SideError:
            self.count('refused')

    def die(self, side, call, death, args):
        try:
            ended = self.cloud.killed(side, call, *death, **args)
        except processes.SideError:
            ended = None        # refused before that request
        if ended is None:
            self.cloud.ask(side, 'arm')
            return
        self.count('deaths')
        if (call, death[1]) == ('build', 'late'):
            self.late_build = True
        self.restart(side)
        self.hold(invariants.SAFETY)

    def restart(self, side):
        """Again and again while faults keep it from its set-up."""
        for left in reversed(range(_PATIENCE)):
            try:
                return self.cloud.restart(side)
            except processes.SideError:
                self.count('refused')
                if not left:
                    raise

    def keep(self, volume):
        """The tenant writes on a volume that is whole."""
        if volume in self.volumes('available'):
            self.cloud.write(volume)

    # users

    @stateful.precondition(lambda self: len(self.volumes(
        'available', 'in-use')) < MOST_VOLUMES)
    @stateful.rule(death=_DEATHS)
    def create(self, death):
        volume = self.cloud.ask('cinder', 'order', gib=1)
        self.count('steps')
        if death is None:
            self.attempt('cinder', 'create', {'volume': volume})
        else:
            self.die('cinder', 'create', death, {'volume': volume})
        self.cloud.truth.rest()
        self.hold(invariants.SAFETY)
        self.keep(volume)
        self.recover()

    @stateful.precondition(lambda self: self.deletable())
    @stateful.rule(death=_DEATHS, place=_PLACES)
    def delete(self, death, place):
        found = self.deletable()
        volume = found[place % len(found)]
        self.do('delete', death, {'volume': volume}, deleted=volume)

    # copies

    @stateful.precondition(lambda self: self.volumes('available')
                           and len(self.snapshots()) < MOST_SNAPSHOTS)
    @stateful.rule(death=_DEATHS, place=_PLACES)
    def snapshot(self, death, place):
        found = self.volumes('available')
        made = self.cloud.order_snapshot(found[place % len(found)])
        self.do('make_snapshot', death, {'snapshot': made})

    @stateful.precondition(lambda self: self.snapshots())
    @stateful.rule(death=_DEATHS, place=_PLACES)
    def delete_snapshot(self, death, place):
        found = self.snapshots()
        snapshot, _ = found[place % len(found)]
        self.do('delete_snapshot', death, {'snapshot': snapshot},
                deleted=snapshot)

    @stateful.precondition(lambda self: self.volumes('available') and len(
        self.volumes('available', 'in-use')) < MOST_VOLUMES)
    @stateful.rule(death=_DEATHS, place=_PLACES, of_volume=st.booleans())
    def copy(self, death, place, of_volume):
        volumes, snapshots = self.volumes('available'), self.snapshots()
        if of_volume or not snapshots:
            source = volumes[place % len(volumes)]
            kind = {'source_volid': source}
        else:
            source, _ = snapshots[place % len(snapshots)]
            kind = {'snapshot_id': source}
        made = self.cloud.order_copy(source, **kind)
        self.do('create', death, {'volume': made})

    @stateful.precondition(lambda self: len(self.volumes(
        'available', 'in-use')) < MOST_VOLUMES)
    @stateful.rule(death=_DEATHS)
    def create_from_image(self, death):
        self.do('create_from_image', death, self.cloud.order_of_image())

    @stateful.precondition(lambda self: self.volumes('available'))
    @stateful.rule(death=_DEATHS, place=_PLACES)
    def upload(self, death, place):
        found = self.volumes('available')
        volume = found[place % len(found)]
        self.do('upload', death, {'volume': volume,
                                  'image': self.cloud.order_image(volume)})

    @stateful.precondition(lambda self: self.deletable())
    @stateful.rule(death=_DEATHS, place=_PLACES)
    def extend(self, death, place):
        found = self.deletable()
        self.do('extend', death, {'volume': found[place % len(found)],
                                  'gib': 2})

    @stateful.precondition(lambda self: self.revertable())
    @stateful.rule(death=_DEATHS, place=_PLACES)
    def revert(self, death, place):
        found = self.revertable()
        snapshot, volume = found[place % len(found)]
        self.cloud.write(volume)
        self.cloud.promise(volume, snapshot)
        self.do('revert', death, {'volume': volume, 'snapshot': snapshot})

    # LUNs that go to the operator, and come back with their data

    @stateful.precondition(lambda self: self.deletable())
    @stateful.rule(death=_DEATHS, place=_PLACES)
    def unmanage(self, death, place):
        found = [each for each in self.deletable()
                 if each in self.cloud.written]
        if found:
            args = self.cloud.leave(found[place % len(found)])
            self.do('unmanage', death, args)

    @stateful.precondition(lambda self: self.deletable())
    @stateful.rule(death=_DEATHS, place=_PLACES)
    def manage(self, death, place):
        """A volume that was unmanaged, once more."""
        found = [each for each in self.deletable()
                 if each in self.cloud.written]
        if not found:
            return
        volume = found[place % len(found)]
        record = self.cloud.truth.lun_of(volume)
        if record['role'] != 'current':
            return
        args = self.cloud.leave(volume)
        self.attempt('cinder', 'unmanage', args)
        if volume not in self.volumes('unmanaging', 'error_unmanaging',
                                      'available'):
            self.do('manage', death, self.cloud.order_manage(record))
        else:
            self.recover()

    def revertable(self):
        found = self.volumes('available')
        return [each for each in self.snapshots() if each[1] in found]

    @stateful.precondition(lambda self: len(self.servers()) < MOST_SERVERS)
    @stateful.rule(death=_DEATHS, count=st.integers(0, 1),
                   rooted=st.booleans())
    def boot(self, death, count, rooted):
        """What a tenant has written to a root stands for an image."""
        chosen = self.volumes('available')
        root = chosen.pop() if rooted and chosen else None
        server = self.cloud.ask('nova', 'new_server', volumes=chosen[:count],
                                root=root)
        self.do('build', death, {'server': server['uuid']})

    @stateful.rule(way=st.sampled_from(('ssh', 'iucv', 'both')))
    def deploy(self, way):
        """Servers that are booted from now on let us in so."""
        self.cloud.simulator.event(truth.LPAR, deploys=way)

    @stateful.precondition(lambda self: self.servers() and self.volumes(
        'available'))
    @stateful.rule(death=_DEATHS, place=_PLACES)
    def attach(self, death, place):
        servers, found = self.servers(), self.volumes('available')
        args = {'server': servers[place % len(servers)],
                'volume': found[place % len(found)]}
        self.cloud.ask('nova', 'reserve', **args)
        self.do('attach', death, args)

    @stateful.precondition(lambda self: self.servers())
    @stateful.rule(death=_DEATHS, place=_PLACES)
    def attach_other(self, death, place):
        """A volume of another back-end; detach takes any."""
        found = self.others()
        if sum(map(len, found.values())) < len(truth.ARRAY_LUNS):
            volume = self.cloud.create_other()
        elif found['available']:
            volume = found['available'][0]
        else:
            return
        servers = self.servers()
        args = {'server': servers[place % len(servers)], 'volume': volume}
        self.cloud.ask('nova', 'reserve', **args)
        self.do('attach', death, args)

    @stateful.precondition(lambda self: self.attached())
    @stateful.rule(death=_DEATHS, place=_PLACES)
    def detach(self, death, place):
        found = self.attached()
        server, volume = found[place % len(found)]
        self.do('detach', death, {'server': server, 'volume': volume})

    @stateful.precondition(lambda self: self.servers())
    @stateful.rule(death=_DEATHS, place=_PLACES, call=st.sampled_from(
        ('destroy', 'reboot', 'rebuild', 'shelve')))
    def renew(self, death, place, call):
        """The guest is started anew, or made anew, or gone."""
        found = self.servers()
        server = found[place % len(found)]
        if call in ('rebuild', 'shelve') and server in self.rooted():
            call = 'reboot'     # those have an image here
        self.do(call, death, {'server': server})

    @stateful.precondition(lambda self: self.servers())
    @stateful.rule(death=_DEATHS, place=_PLACES)
    def switch(self, death, place):
        """One that runs is stopped, and one that is stopped is started."""
        found = self.servers()
        server = found[place % len(found)]
        self.do('stop' if server in self.servers('active') else 'start',
                death, {'server': server})

    # what breaks

    @stateful.rule(fault=st.sampled_from(sorted(_FAULTS)),
                   nth=st.integers(1, 4), times=st.integers(1, 4))
    def fault(self, fault, nth, times):
        """The next requests of whoever asks."""
        self.count('faults')
        self.cloud.simulator.fault(server='mn', path='/dsh', nth=nth,
                                   times=times, **_FAULTS[fault])

    @stateful.rule(function=st.sampled_from(_SMAPI), place=_PLACES)
    def attach_while_smapi_fails(self, function, place):
        servers, found = self.servers(), self.volumes('available')
        if not servers or not found:
            return
        self.count('faults')
        self.cloud.simulator.event(
            smapi_fails=function + ' 204 8 by intention')
        try:
            self.attach(None, place)
        finally:
            self.cloud.simulator.event(smapi_fails='')
            self.cloud.truth.readmit()

    @stateful.rule()
    def reboot_the_zhcp(self):
        self.count('faults')
        self.cloud.simulator.event(zhcp='reboot')
        self.cloud.sweep()
        self.hold(invariants.SAFETY)

    # foreign hands

    @stateful.rule(place=_PLACES)
    def release_a_line(self, place):
        """A user of the MN frees whatever it is."""
        self.count('faults')
        lines = sorted(self.cloud.truth.lines())
        if not lines:
            return
        line = self.cloud.truth.lines()[lines[place % len(lines)]]
        self.change('--releasezfcp %s %s %s' % (truth.POOL, line[1],
                                                line[2]))
        self.hold(invariants.SAFETY)

    @stateful.rule()
    def delete_the_pool_file(self):
        """As --zfcppoolnames does when its one hop fails."""
        self.count('faults')
        self.cloud.truth.delete_pool()

    def change(self, words):
        simulator = self.cloud.simulator
        answer = requests.put(
            '%s/xcatws/hypervisor/%s?%s' % (
                simulator.url, truth.LPAR,
                urllib.parse.urlencode({'format': 'json'})),
            json=[words], verify=simulator.ca_file, timeout=60,
            headers={'userName': 'admin', 'password': 'secret'})
        answer.raise_for_status()

    # time

    @stateful.rule()
    def late_effects_come(self):
        """Whatever was sent and not done yet."""
        self.cloud.simulator.open_gate()
        self.cloud.truth.rest()
        self.hold(invariants.SAFETY)

    @stateful.rule()
    def time_passes(self):
        self.count('steps')
        self.end_faults()
        self.cloud.simulator.open_gate()
        self.cloud.settle()
        self.recover()
        self.cloud.sweep()
        self.hold(invariants.SETTLED)

    def end_faults(self):
        """What waits to be done is done before."""
        self.cloud.simulator.open_gate()
        self.cloud.simulator.forget_faults()

    def teardown(self):
        """The users delete all, and nothing is left."""
        self.count('sequences')
        self.time_passes()
        self.cloud.clear()
        self.cloud.settle()
        if self.late_build:     # see test_stories
            self.cloud.delete_left_guests()
        self.hold(invariants.GONE)
        self.stage.is_whole = True


def run(stage, settings):
    """Run sequences on a :class:`Stage`; raises what one has found."""
    class Here(Machine):
        pass
    Here.stage = stage
    stateful.run_state_machine_as_test(Here, settings=settings)


def settings(many, steps, known=False):
    """Hypothesis's settings.

    :param many: sequences
    :param steps: of each, at most
    :param known: the same sequences each time; what fails is not shrunk
    """
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    return hypothesis.settings(
        max_examples=many, stateful_step_count=steps, deadline=None,
        derandomize=known, database=None,
        phases=phases if known else phases + (hypothesis.Phase.shrink,),
        suppress_health_check=list(hypothesis.HealthCheck))


def _arguments():
    parser = argparse.ArgumentParser(
        description='Draw new sequences and shrink what fails.')
    parser.add_argument('--sequences', type=int, default=100)
    parser.add_argument('--steps', type=int, default=20,
                        help='of each sequence, at most')
    return parser.parse_args()


def main():
    """Prints its figures as one JSON object; 1 when something was found."""
    arguments = _arguments()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix='zvm-sequences-') as folder, \
            clouds.Parents(folder) as parents, \
            Stage(parents, folder) as stage:
        try:
            run(stage, settings(arguments.sequences, arguments.steps))
            found = 0
        except Exception:
            traceback.print_exc()
            found = 1
        print(json.dumps(dict(stage.counts, found=found, seconds=round(
            time.monotonic() - began))))
    return found


if __name__ == '__main__':
    sys.exit(main())
