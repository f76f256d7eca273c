# SPDX-License-Identifier: Apache-2.0
"""The guest program over IUCV: through a real agent, which fails or lies."""

from concurrent import futures
import os
import shutil

from tests.functional.remote import base
from tests import worlds
from zvm_common import channel
from zvm_common import exceptions
from zvm_common import guestdisk
from zvm_common import model
from zvm_common.remote import program

CLIENT = 'opt/zhcp/bin/IUCV/iucvclnt'
AUTHORIZED = 'etc/iucv_authorized_userid'
VOLUMES = 'var/lib/zvm-volume'

# Comes before iucvclnt; $n is the number of the call.
WRAP = r'''#!/bin/sh
real=${0%/*}/real/iucvclnt
count=$ZVM_ROOT/tmp/iucv.count
n=$(($(cat "$count" 2>/dev/null || echo 0) + 1))
echo "$n" >"$count"
DOES
exec "$real" "$@"
'''


class Case(base.Base):
    """guest1 is reached by IUCV alone, guest2 by ssh."""

    linux = {'distro': 'rhel9', 'ssh': False, 'iucv': True}

    def world(self):
        world = worlds.small()
        world['lpars']['host1']['guests']['guest1']['linux'] = self.linux
        return world

    def setUp(self):
        super().setUp()
        self.iucv = channel.Iucv(self.zhcp, 'LNX00001', turn=4, patience=60)
        self.guest = guestdisk.GuestDisk(channel=self.iucv)

    def wrap(self, text):
        """Something comes before the real client."""
        client = self.folder('ZHCP1') / CLIENT
        # a tool knows by its name which it is
        real = client.parent / 'real' / client.name
        if not real.exists():
            real.parent.mkdir()
            real.symlink_to(client.resolve())
        count = self.folder('ZHCP1') / 'tmp/iucv.count'
        count.unlink(missing_ok=True)
        client.unlink(missing_ok=True)
        client.write_text(WRAP.replace('DOES', text))
        client.chmod(0o755)

    def instead(self, text):
        """Of what begins a verb."""
        self.wrap('case $2 in *begin*) %s ;; esac' % text)

    def files(self, userid, folder=VOLUMES):
        top = self.folder(userid) / folder
        return sorted(os.listdir(top)) if top.exists() else []

    def used(self, instance=None):
        return self.use(self.trusted(), instance or base.new())

    def attach(self, used, paths):
        return self.guest.attach(used.volume_id, used.generation, paths,
                                 used.wwid, used.size)

    def detach(self, used, paths):
        self.guest.detach(used.volume_id, used.generation + 1, paths,
                          used.wwid)


class WorksTest(Case):

    def test_a_disk_comes_and_goes_and_nothing_stays(self):
        used, paths = self.used()
        disk = self.attach(used, paths)
        self.assertEqual(set(paths), set(disk.paths_up))
        self.assertTrue((self.folder() / disk.device_path[1:]).exists())
        self.assertEqual(4, len(self.scsi()))
        self.detach(used, paths)
        self.assertEqual([], self.scsi())
        self.assertEqual([], self.files('LNX00001', VOLUMES + '/requests'))
        self.assertEqual([program.guest().sha],
                         self.files('LNX00001', VOLUMES + '/bin'))

    def test_what_is_kept_there_is_roots_alone(self):
        self.guest.hello()
        top = self.folder() / VOLUMES
        for path in [top, *top.rglob('*')]:
            self.assertEqual(0, path.stat().st_mode & 0o077, path)

    def test_a_refusal_of_the_guest_is_the_same_as_by_ssh(self):
        used, paths = self.used()
        self.attach(used, paths)
        error = self.assertRaises(
            exceptions.StaleGeneration, self.guest.attach, used.volume_id,
            used.generation - 1, paths, used.wwid, used.size)
        self.assertEqual('stale', error.code)

    def test_what_does_not_work_is_undone_there(self):
        self.simulator.event('host1', guest='LNX00001 tool chzdev fails')
        used, paths = self.used()
        self.assertRaises(exceptions.PathFailed, self.attach, used, paths)
        self.assertEqual([], self.scsi())

    def test_more_arguments_than_a_command_holds_come_as_a_file(self):
        used, paths = self.used()
        self.attach(used, paths)
        past = ['%s:%d' % (base.new(), i) for i in range(30)]
        self.assertEqual(used.devices, self.guest.forget(used.devices, past))
        seen = self.files('LNX00001', VOLUMES + '/volumes')
        self.assertEqual({each[:36] for each in past},
                         set(seen) - {used.volume_id})
        self.assertEqual([], self.files('LNX00001', VOLUMES + '/requests'))

    def test_the_same_operation_is_not_run_twice(self):
        operation = base.new()
        first = self.iucv.call('hello', operation=operation)
        self.wrap('exit 4')
        self.assertEqual(first, self.iucv.call('hello', operation=operation))

    def test_the_zhcp_remembers_that_it_worked(self):
        used, paths = self.used()
        self.assertEqual('', self.pool.look(used.volume_id).channel)
        self.attach(used, paths)
        self.assertEqual('iucv', self.pool.look(used.volume_id).channel)
        (self.folder() / AUTHORIZED).write_text('OTHER')
        self.assertRaises(exceptions.GuestUnreachable, self.guest.hello)
        self.assertEqual('', self.pool.look(used.volume_id).channel)

    def test_several_at_once_to_one_guest(self):
        instance = base.new()
        both = [self.used(instance) for _ in range(2)]
        with futures.ThreadPoolExecutor(2) as pool:
            disks = list(pool.map(lambda each: self.attach(*each), both))
        self.assertEqual(2, len({disk.wwid for disk in disks}))
        self.assertEqual(8, len(self.scsi()))


class RefusedTest(Case):

    def unreached(self, *parts):
        error = self.assertRaises(exceptions.GuestUnreachable,
                                  self.guest.hello)
        for part in parts:
            self.assertIn(part, str(error))

    def test_by_a_guest_that_names_another_user_id(self):
        (self.folder() / AUTHORIZED).write_text('OPNCLOUD')
        self.unreached('LNX00001', 'write ZHCP1 into '
                       '/etc/iucv_authorized_userid')
        self.assertEqual([], self.files('LNX00001'))

    def test_by_a_guest_without_the_agent(self):
        guest = guestdisk.GuestDisk(channel=channel.Iucv(
            self.zhcp, 'LNX00002', turn=4))
        error = self.assertRaises(exceptions.GuestUnreachable, guest.hello)
        self.assertIn('no iucvserd answers there', str(error))

    def test_by_z_vm(self):
        self.simulator.event('host1', zhcp='up')
        self.wrap('echo "ERROR: ERROR connecting socket:"; '
                  'echo "Permission denied"; '
                  'echo "Return code 4, Reason code 13."; exit 4')
        self.unreached('give ZHCP1 the statement IUCV ANY')

    def test_by_a_zhcp_without_the_client(self):
        self.assertTrue(self.zhcp.hello().iucv)
        (self.folder('ZHCP1') / CLIENT).unlink()
        self.assertFalse(self.zhcp.hello().iucv)
        self.unreached('iucvclnt is not on the zHCP')

    def test_what_is_no_user_id_is_refused(self):
        for name in ("A';id;'", 'A B', '-x', 'TOOLONG99', 'a`id`'):
            self.assertRaises(exceptions.InvalidValue, channel.Iucv,
                              self.zhcp, name)


class TroubleTest(Case):
    """What happens on the way is asked again, and not run twice."""

    def comes_and_goes(self):
        instance = base.new()
        shutil.rmtree(self.folder() / VOLUMES / 'bin', ignore_errors=True)
        used, paths = self.used(instance)
        self.attach(used, paths)
        self.assertEqual(4, len(self.scsi()))
        self.detach(used, paths)
        self.assertEqual([], self.scsi())
        self.devices.detach(used.volume_id, used.generation, instance)

    def test_a_client_that_hangs_once(self):
        self.instead('[ -e "$ZVM_ROOT/tmp/hung" ] || { '
                     ': >"$ZVM_ROOT/tmp/hung"; exec sleep 60; }')
        self.comes_and_goes()

    def test_a_client_that_breaks_off_at_each_call(self):
        for number in range(1, 8):
            self.wrap('case $n in %d) echo broken; exit 8 ;; esac' % number)
            self.comes_and_goes()

    def test_the_answer_of_each_call_is_lost(self):
        for number in range(1, 8):
            self.wrap('[ "$n" != %d ] || { "$real" "$@" >/dev/null; exit 0; }'
                      % number)
            self.comes_and_goes()

    def test_an_answer_that_never_comes_is_an_unknown_outcome(self):
        self.guest.hello()
        self.instead('"$real" "$@" >/dev/null; exit 0')
        error = self.assertRaises(exceptions.OutcomeUnknown, self.guest.hello)
        self.assertIn('It is not known whether "hello" ran in guest LNX00001',
                      str(error))

    def test_a_file_that_arrives_damaged_is_not_run(self):
        self.wrap('case $2 in iucv_file_transport) echo x >"$ZVM_ROOT/tmp/x"; '
                  '"$real" "$1" "$2" "$ZVM_ROOT/tmp/x" "$4"; exit ;; esac')
        error = self.assertRaises(exceptions.GuestUnreachable,
                                  self.guest.hello)
        self.assertIn('files do not arrive there whole', str(error))
        self.assertEqual([], self.files('LNX00001', VOLUMES + '/bin'))

    def test_a_guest_that_lies_is_not_believed(self):
        self.guest.hello()
        for lie in ('zvmv1 none ok .', 'zvmv1 $op ok state=said said=x',
                    'zvmv1 $op maybe .', 'zvmv1 $op row a=1 .', '"; id; "'):
            self.instead('op=$(printf %%s "$2" | sed -n "s/.* \\([0-9a-f-]'
                         '\\{36\\}\\) .*/\\1/p"); echo "%s"; exit 0' % lie)
            self.assertRaises(exceptions.OutcomeUnknown, self.guest.hello)

    def test_a_flood_of_output_is_cut_off(self):
        self.guest.hello()
        self.instead('yes | head -c 9000000; exit 0')
        self.assertRaises(exceptions.OutcomeUnknown, self.guest.hello)

    def test_an_older_program_there_is_no_hindrance(self):
        top = self.folder() / VOLUMES / 'bin'
        top.mkdir(parents=True)
        (top / ('.%s' % base.new())).write_text('left')
        self.guest.hello()


class ChosenTest(Case):
    """Either way, with one memory."""

    linux = {'distro': 'rhel9', 'ssh': True, 'iucv': True}

    def setUp(self):
        super().setUp()
        self.channels = channel.Channels(self.session, lambda: self.zhcp)
        self.way = self.channels.to('guest1')
        # the node of a guest of Nova's bears its user ID
        channels, iucv = self.channels, self.iucv
        open_way = channels.open
        channels.open = lambda node, name: (
            iucv if name == channel.IUCV else open_way(node, name))

    def order(self, hint=''):
        return self.channels.order(model.NodeName('guest1'), hint)

    def ssh(self, state):
        self.simulator.event('host1', guest='LNX00001 ssh ' + state)

    def test_ssh_first_and_then_what_works(self):
        self.assertEqual(['ssh', 'iucv'], self.order())
        self.assertEqual(['iucv', 'ssh'], self.order('iucv'))
        self.way.call('hello')
        self.assertEqual(['ssh', 'iucv'], self.order('iucv'))
        self.ssh('refused')
        self.way.call('hello')
        self.assertEqual(['iucv', 'ssh'], self.order())
        self.simulator.forget_requests()
        self.way.call('hello')
        self.assertEqual([], [
            each for each in self.simulator.requests()
            if 'guest1' in each['path']])

    def test_what_works_no_more_is_forgotten(self):
        self.ssh('refused')
        self.way.call('hello')
        self.ssh('trusted')
        (self.folder() / AUTHORIZED).unlink()
        self.way.call('hello')
        self.assertEqual(['ssh', 'iucv'], self.order())

    def test_neither_works(self):
        self.ssh('refused')
        (self.folder() / AUTHORIZED).unlink()
        error = self.assertRaises(exceptions.GuestUnreachable, self.way.call,
                                  'hello')
        for part in ('neither by ssh (', 'Permission denied', ' nor by IUCV (',
                     'authorized_keys', 'start iucvserd there',
                     'write ZHCP1 into /etc/iucv_authorized_userid'):
            self.assertIn(part, str(error))

    def test_an_operation_of_one_way_is_known_to_the_other(self):
        used, paths = self.used()
        guest = guestdisk.GuestDisk(channel=self.way)
        one = guest.attach(used.volume_id, used.generation, paths, used.wwid,
                           used.size)
        self.ssh('refused')
        self.assertEqual(one, guest.attach(
            used.volume_id, used.generation, paths, used.wwid, used.size))
        self.assertRaises(
            exceptions.StaleGeneration, guest.attach, used.volume_id,
            used.generation - 1, paths, used.wwid, used.size)
        guest.detach(used.volume_id, used.generation + 1, paths, used.wwid)
        self.assertEqual([], self.scsi())
