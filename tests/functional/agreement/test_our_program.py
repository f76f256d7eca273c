# SPDX-License-Identifier: Apache-2.0
"""What users of the MN do to our LUNs, and what our program makes of it."""

from tests.functional.agreement import base
from tests.functional.agreement.base import L0
from tests.functional.agreement.base import L1
from tests.functional.agreement.base import line
from tests.functional.agreement.base import volume
from tests.functional.agreement.base import W1
from tests.functional.agreement.base import W2
from tests.functional.agreement import ledger

V1, V2 = volume(1), volume(2)


class TakenTest(base.Story):
    """A volume has a LUN; somebody changes its line."""

    def setUp(self):
        super().setUp()
        self.lay(zpool1=[line()])
        self.both.claim(V1)

    def is_given_to_nobody(self):
        self.assertEqual('nolun', self.both.claim(V2)[1])

    def is_restored_by_the_next_request(self):
        self.assertEqual('', self.both.claim(V1)[0].drift)
        self.assertEqual(('reserved', ledger.stamp(V1)), (
            self.line()['status'], self.line()['owner']))

    def test_freed(self):
        self.release()
        self.assertEqual([line()], self.lines())
        self.assertEqual(('ours', 'free'), self.state())
        self.is_given_to_nobody()
        self.is_restored_by_the_next_request()

    def test_reserved(self):
        self.reserve('vol-a')
        self.assertEqual(('ours', 'owner'), self.state())
        self.is_given_to_nobody()
        self.is_restored_by_the_next_request()

    def test_freed_by_the_deletion_of_a_guest(self):
        self.both.rmvm('b00')
        self.assertEqual(('ours', 'free'), self.state())
        self.is_given_to_nobody()
        self.is_restored_by_the_next_request()

    def test_used(self):
        for status in ('used', 'USED'):
            self.reserve('lnx9', status=status)
            self.assertEqual(('ours', status), self.state())
            self.is_given_to_nobody()
            # neither written nor wiped
            before = self.lines()
            self.both.claim(V1)
            self.assertEqual('busy', self.both.release(V1)[1])
            self.assertEqual(before, self.lines())
            self.release()

    def test_attached_to_a_guest_by_chvm(self):
        self.both.addzfcp('guest1', 'zpool1', '3B05', '1G', 't', W1, L0)
        self.assertEqual(('ours', 'used'), self.state())
        self.assertEqual('busy', self.both.release(V1)[1])

    def test_removed(self):
        self.both.change('--addzfcp2pool', 'zpool1', 'used', W1, L1, '1G',
                         base.RANGE, 'lnx9')
        self.both.change('--removezfcpfrompool', 'zpool1', L0, W1)
        self.assertEqual('gone', self.both.look(V1)[0].drift)
        # our next look at the pool has brought it back
        self.is_given_to_nobody()
        self.assertEqual(('ours', ''), self.state(1))
        self.assertEqual(ledger.stamp(V1), self.line(1)['owner'])

    def test_moved_to_another_pool(self):
        self.both.change('--removezfcpfrompool', 'zpool1', L0, W1)
        self.both.change('--addzfcp2pool', 'zpool2', 'free', W1, L0, '1G')
        self.assertEqual(('ours', 'free'), self.state(0, 'zpool2'))
        self.assertEqual('nolun', self.both.claim(V2, 'zpool2')[1])

    def test_added_behind_its_other_port(self):
        self.both.change('--addzfcp2pool', 'zpool1', 'free', W2, L0, '1G')
        self.is_given_to_nobody()
        self.both.change('--removezfcpfrompool', 'zpool1', L0, W1)
        self.is_given_to_nobody()

    def test_released_while_another_has_reserved_it(self):
        # a reservation is no use: the record is right, the disk is wiped
        self.reserve('vol-a')
        self.both.delete(V1)
        self.assertEqual([line()], self.lines())


class CleanTest(base.Story):
    """A LUN that our wipe has emptied; others may write to it since."""

    def setUp(self):
        super().setUp()
        self.lay(zpool1=[line(), line(L1, status='used', owner='lnx9')])
        self.both.claim(V1)
        self.both.delete(V1)
        self.assertTrue(self.both.view()[0].clean)

    def is_wiped_again(self):
        self.assertEqual('preparing', self.both.claim(V2, trust=False)[0]
                         .state)

    def test_it_is_given_at_once(self):
        self.assertEqual('ours', self.both.claim(V2, trust=False)[0].state)

    def test_reserved_meanwhile(self):
        self.reserve('vol-a')
        self.both.view()
        self.release()
        self.is_wiped_again()

    def test_away_meanwhile(self):
        self.both.change('--removezfcpfrompool', 'zpool1', L0, W1)
        self.both.view()
        self.both.change('--addzfcp2pool', 'zpool1', 'free', W1, L0, '1G')
        self.is_wiped_again()

    def test_in_another_pool_meanwhile(self):
        self.both.change('--removezfcpfrompool', 'zpool1', L0, W1)
        self.both.change('--addzfcp2pool', 'zpool2', 'used', W1, L0, '1G',
                         base.RANGE, 'lnx9')
        self.both.view()
        self.both.change('--removezfcpfrompool', 'zpool2', L0, W1)
        self.both.change('--addzfcp2pool', 'zpool1', 'free', W1, L0, '1G')
        self.is_wiped_again()

    def test_from_another_pool(self):
        # nobody has looked while it was away
        self.both.change('--removezfcpfrompool', 'zpool1', L0, W1)
        self.both.change('--addzfcp2pool', 'zpool2', 'free', W1, L0, '1G')
        self.assertEqual('preparing', self.both.claim(
            V2, 'zpool2', trust=False)[0].state)

    def test_used_meanwhile_behind_another_port(self):
        self.both.change('--addzfcp2pool', 'zpool1', 'used', W2, L0, '1G',
                         base.RANGE, 'lnx9')
        self.both.view()
        self.both.change('--removezfcpfrompool', 'zpool1', L0, W2)
        self.is_wiped_again()


class WipeTest(base.Story):

    def setUp(self):
        super().setUp()
        self.lay(zpool1=[line(), line(L1, status='used', owner='lnx9')])

    def test_used_at_its_end_and_given_back(self):
        self.both.claim(V1)
        self.both.release(V1)
        self.both.addzfcp('guest1', 'zpool1', '3B05', '1G', 't', W1, L0)
        self.assertEqual([(None, 'badpool')], self.both.end_jobs())
        self.assertEqual('used', self.line()['status'])
        # the guest writes to it and is done
        self.both.removezfcp('guest1', '3B05', W1, L0, '0')
        self.both.wait(V1)
        self.assertEqual(('free', ''), self.state())
        self.assertEqual('preparing', self.both.claim(V2, trust=False)[0]
                         .state)

    def test_removed_at_its_end(self):
        self.both.claim(V1)
        self.both.release(V1)
        self.both.change('--removezfcpfrompool', 'zpool1', L0, W1)
        self.assertEqual([(None, 'badpool')], self.both.end_jobs())
        # which brings the line back
        self.assertEqual('nolun', self.both.claim(V2)[1])
        self.both.wait(V1)
        self.assertEqual('', self.both.claim(V2)[1])

    def test_freed_while_it_is_wiped_for_a_volume(self):
        self.both.claim(V1, trust=False)
        self.release()
        self.assertEqual('nolun', self.both.claim(V2)[1])
        self.both.end_jobs()
        self.assertEqual(('ours', ''), self.state())

    def test_freed_while_it_is_wiped_and_deleted_once_more(self):
        self.both.claim(V1, trust=False)
        for _ in range(2):
            self.release()
            self.assertEqual(('wiping', ''), (
                lambda row: (row.state, row.drift))(self.both.release(V1)[0]))
        self.assertEqual([(None, '')], self.both.end_jobs())

    def test_used_while_it_is_wiped_for_a_volume(self):
        self.both.claim(V1, trust=False)
        self.reserve('lnx9', status='used')
        found, _ = self.both.end_jobs()[0]
        self.assertEqual(('ours', 'used'), (found.state, found.drift))
        self.assertEqual('lnx9', self.line()['owner'])


class WrongSizeTest(base.Story):

    def test_smaller_than_its_line_says(self):
        self.lay(zpool1=[line(size='20G')])
        self.both.claim(V1, trust=False)
        self.assertEqual([(None, 'wipe')], self.both.end_jobs())
        self.assertEqual([line(size='20G', status='reserved')], self.lines())
        self.release()
        self.assertEqual(('quarantined', 'free'), self.state())
        self.assertEqual('nolun', self.both.claim(V2)[1])


class StampTest(base.Story):

    def test_a_stamp_without_a_record_stops_claims(self):
        self.lay(zpool1=[line(), line(L1)])
        self.reserve(ledger.stamp(V1))
        self.assertEqual(('lost', ''), self.state())
        self.assertEqual('ledger', self.both.claim(V2)[1])
        self.release()
        self.assertEqual('', self.both.claim(V2)[1])
