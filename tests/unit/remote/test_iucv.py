# SPDX-License-Identifier: Apache-2.0
"""The zHCP's way to a guest over IUCV.

The guest is a folder beside, with a program that runs as detached as the real
one and does nothing else.
"""

from concurrent import futures
import os
import pathlib
import shutil
import time

import fixtures

from tests.unit.remote import base
from tests.unit.remote import local
from tests import waits
from zvm_common import channel
from zvm_common import exceptions
from zvm_common.remote import program

# What is in before comes before a call. Only one call is served at a time.
CLIENT = r'''
guest=$ZVM_ROOT/guest
echo "$2" >>"$ZVM_ROOT/calls"
[ ! -e "$ZVM_ROOT/before" ] || . "$ZVM_ROOT/before"
[ ${#2} -le 900 ] || exit 2
mkdir "$ZVM_ROOT/served" || { echo two at once >>"$ZVM_ROOT/broken"; exit 4; }
if [ "$2" = iucv_file_transport ]; then
    to=$guest${4#"$ZVM_ROOT"}
    [ ! -e "$to" ] || mv "$to" "$to.iucvold"
    cp "$3" "$to"
else
    out=$(cd "$guest" && ZVM_ROOT=$guest sh -c "$2  2>&1"; echo "rc=$?")
fi
rmdir "$ZVM_ROOT/served"
printf '%s\n' "${out%rc=*}"
[ "${out##*rc=}" = 0 ] || [ -z "$out" ] || exit 8
'''
VERBS = r'''
verb_attach() {
    echo "$*" >>"$BASE/ran"
    until_true 20 test ! -e "$BASE/slow"
    answer "ok words=$# first=$1"
}
verb_detach() { refuse inuse "user=mount:/mnt text=$(text "disk sda")"; }
main() {
    case $VERB in
        attach | detach | begin | run | end) "verb_$VERB" "$@" ;;
        *) refuse usage "text=$(text "no verb $VERB")" ;;
    esac
}
shift 2
main "$@"
'''
KEPT = 'guest/var/lib/zvm-volume/'
SOCKET = ('echo "ERROR: ERROR connecting socket:"; '
          'echo "Return code 4, Reason code %d."; exit 4')


def small():
    read = program._read('guest', 'common', 'detached')
    return program.Program('guest', read.text + VERBS)


class Test(base.Base):

    def setUp(self):
        super().setUp()
        os.mkdir(self.path('guest'))
        client = self.path('opt/zhcp/bin/IUCV/iucvclnt')
        client.parent.mkdir(parents=True)
        client.write_text('#!/bin/sh\n' + CLIENT)
        client.chmod(0o755)
        self.useFixture(fixtures.MonkeyPatch(
            'zvm_common.remote.program.guest', small))
        self.iucv = self.to('VM00001')

    def to(self, userid):
        return channel.Iucv(self.node.zhcp, userid, turn=3, patience=30)

    def path(self, name):
        return pathlib.Path(self.node.root, name)

    def before(self, text):
        self.node.write('before', text + '\n')

    def calls(self):
        try:
            return self.node.read('calls').split('\n')[:-1]
        finally:
            self.node.write('calls', '')

    def ran(self):
        return self.node.read(KEPT + 'ran').count('\n')

    def refused(self, text, *parts):
        self.before(text)
        error = self.assertRaises(exceptions.GuestUnreachable,
                                  self.iucv.call, 'attach', 'a')
        for part in ('guest VM00001 by IUCV',) + parts:
            self.assertIn(part, str(error))

    def test_the_program_is_sent_once(self):
        self.iucv.call('attach', 'a', 'b')
        self.assertIn('iucv_file_transport', self.calls())
        self.iucv.call('attach', 'a', 'b')
        # greeting, begin, end
        self.assertEqual(3, len(self.calls()))
        self.assertEqual([small().sha], os.listdir(self.path(KEPT + 'bin')))
        self.assertEqual([], os.listdir(self.path(KEPT + 'requests')))

    def test_arguments_come_as_they_are(self):
        answer = self.iucv.call('attach', 'a;b;c', '-', '7')
        self.assertEqual('a,b,c', answer.fields['first'])

    def test_nothing_that_a_shell_would_read_is_sent(self):
        for word in ('$(id)', 'a b', '`id`', "'", '"', 'a|b', 'a&', '../x'):
            error = self.assertRaises(exceptions.Refused, self.iucv.call,
                                      'attach', word)
            self.assertEqual('usage', error.code)
        self.assertFalse(self.path('calls').exists())

    def test_only_verbs_of_ours_run(self):
        for verb in ('begin', 'run', 'end', 'id', 'x;id'):
            error = self.assertRaises(exceptions.Refused, self.iucv.call,
                                      verb)
            self.assertEqual('usage', error.code)

    def test_many_arguments_come_as_a_file(self):
        words = ['%s:%d' % (base.new(), i) for i in range(40)]
        answer = self.iucv.call('attach', *words)
        self.assertEqual(words[0], answer.fields['first'])
        self.assertEqual([], os.listdir(self.path(KEPT + 'requests')))
        self.assertEqual(' '.join(words), self.node.read(KEPT + 'ran').strip())

    def test_an_operation_runs_once(self):
        operation = base.new()
        first = self.iucv.call('attach', 'a', operation=operation)
        self.before('exit 4')
        self.assertEqual(first, self.iucv.call('attach', 'a',
                                               operation=operation))
        self.assertEqual(1, self.ran())

    def test_refusals_of_the_guest_are_told(self):
        error = self.assertRaises(exceptions.DeviceBusy, self.iucv.call,
                                  'detach', 'a')
        self.assertIn('mount:/mnt', str(error))

    def test_what_runs_long_is_waited_for(self):
        self.iucv.call('attach', 'a')
        self.node.write(KEPT + 'slow', '')
        with futures.ThreadPoolExecutor(2) as pool:
            operation = base.new()
            both = [pool.submit(self.iucv.call, 'attach', 'a',
                                operation=operation) for _ in range(2)]
            waits.until(lambda: self.ran() == 2, 20)
            # beyond one turn of the zHCP's
            time.sleep(4)
            os.unlink(self.path(KEPT + 'slow'))
            self.assertEqual(*[each.result() for each in both])
        self.assertEqual(2, self.ran())
        self.assertFalse(self.path('broken').exists())

    def test_others_work_on_the_zhcp_meanwhile(self):
        self.iucv.call('attach', 'a')
        self.node.write(KEPT + 'slow', '')
        with futures.ThreadPoolExecutor(1) as pool:
            one = pool.submit(self.iucv.call, 'attach', 'a')
            waits.until(lambda: self.ran() == 2, 20)
            self.claim()
            self.assertFalse(one.done())
            os.unlink(self.path(KEPT + 'slow'))
            one.result()

    def test_one_that_never_ends_is_an_unknown_outcome(self):
        self.iucv.call('attach', 'a')
        self.node.write(KEPT + 'slow', '')
        guest = channel.Iucv(self.node.zhcp, 'VM00001', turn=4, patience=1)
        error = self.assertRaises(exceptions.OutcomeUnknown, guest.call,
                                  'attach', 'a')
        self.assertIn('it has not ended', str(error))
        os.unlink(self.path(KEPT + 'slow'))

    def test_what_has_begun_is_never_said_not_to_have(self):
        self.iucv.call('attach', 'a')
        self.node.write(KEPT + 'slow', '')
        guest = channel.Iucv(self.node.zhcp, 'VM00001', turn=4)
        self.before('n=$(grep -c begin "$ZVM_ROOT/calls"); '
                    '[ "$n" -lt 5 ] || { %s; }' % (SOCKET % 111))
        error = self.assertRaises(exceptions.OutcomeUnknown, guest.call,
                                  'attach', 'a')
        os.unlink(self.path(KEPT + 'slow'))
        self.assertIn('no iucvserd answers there', str(error))
        self.assertIsInstance(error.__cause__, exceptions.GuestUnreachable)

    def test_what_died_in_the_guest_is_begun_anew(self):
        self.iucv.call('attach', 'a')
        # a reboot of the guest leaves the file of its lock
        operation = base.new()
        self.node.write(KEPT + 'requests/%s.lock' % operation, '')
        self.node.write(KEPT + 'requests/.' + operation, 'zvmv1 ' + operation)
        self.assertEqual('a', self.iucv.call(
            'attach', 'a', operation=operation).fields['first'])

    def test_killed_at_each_call_a_repeat_ends_it(self):
        for number in range(1, 12):
            shutil.rmtree(self.path(KEPT), ignore_errors=True)
            self.node.write('left', '%d\n' % number)
            self.before('read -r n <"$ZVM_ROOT/left"\n'
                        'echo $((n - 1)) >"$ZVM_ROOT/left"\n'
                        'if [ "$n" = 1 ]; then %s fi' % local.KILL)
            # the one that was killed is repeated by itself
            self.assertEqual('a', self.iucv.call('attach', 'a').fields[
                'first'])
            self.assertEqual(1, self.ran())
            # an answer that was fetched may be left for a day
            self.assertEqual(set(), {
                name[36:] for name in os.listdir(self.path(
                    KEPT + 'requests'))} - {'.said', '.lock'})
            self.assertEqual([small().sha],
                             os.listdir(self.path(KEPT + 'bin')))
            if int(self.node.read('left')) > 0:
                return
        self.fail('it never ends')

    def test_one_that_does_not_answer_has_begun_nothing(self):
        self.iucv.call('attach', 'a')
        self.refused('exec sleep 60', 'it does not answer')

    def test_nobody_is_told_of_other_answers(self):
        self.iucv.call('attach', 'a')
        self.before('case $2 in *begin*) echo "zvmv1 %s ok a=1 ."; exit 0 ;; '
                    'esac' % base.new())
        self.assertRaises(exceptions.OutcomeUnknown, self.iucv.call,
                          'attach', 'a')

    def test_what_is_wrong_is_told_with_what_to_do(self):
        self.refused('echo UNAUTHORIZED_ERROR: no; exit 1',
                     'write ZHCP1 into /etc/iucv_authorized_userid')
        self.refused(SOCKET % 13, 'statement IUCV ANY')
        self.refused(SOCKET % 101, 'it is not logged on')
        self.refused(SOCKET % 111, 'no iucvserd answers there')
        self.refused('exit 32', 'iucvclnt on the zHCP does not work')
        self.assertFalse(self.path(KEPT).exists())

    def test_a_broken_transport_is_told(self):
        self.refused('case $2 in iucv_file*) echo full; exit 16 ;; esac',
                     'files do not arrive there whole',
                     'ended with status 16: full')

    def test_it_is_remembered_until_it_fails(self):
        marked = self.path('var/lib/zvm-volume/iucv/VM00001.on')
        self.iucv.call('attach', 'a')
        self.assertTrue(marked.exists())
        self.refused(SOCKET % 111)
        self.assertFalse(marked.exists())

    def test_nothing_is_kept_for_ever(self):
        self.iucv.call('attach', 'a')
        for name in (KEPT + 'requests/x.said',
                     'var/lib/zvm-volume/iucv/x.said'):
            self.node.write(name, 'old')
            os.utime(self.path(name), (0, 0))
        self.iucv.call('attach', 'a')
        self.assertFalse(self.path(KEPT + 'requests/x.said').exists())
        self.assertFalse(
            self.path('var/lib/zvm-volume/iucv/x.said').exists())

    def test_hello_tells_whether_there_is_a_client(self):
        self.assertTrue(self.node.zhcp.hello().iucv)
        self.path('opt/zhcp/bin/IUCV/iucvclnt').unlink()
        self.assertFalse(self.node.zhcp.hello().iucv)
        self.refused('', 'iucvclnt is not on the zHCP')
