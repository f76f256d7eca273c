# SPDX-License-Identifier: Apache-2.0
"""Nodes, over recorded answers."""

import json

import testtools

from tests.unit.common import hostile
from tests.unit.common import mn
from zvm_common import exceptions
from zvm_common.xcat import guest
from zvm_common.xcat import session

OK = {'errorcode': ['0']}
BAD = {'errorcode': ['1']}


class NodeTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.mn = self.useFixture(mn.ScriptedMn())
        self.session = session.Session(
            self.mn.server, 'admin', 'secret', self.mn.ca_file, pause=0.01,
            read_timeout=10)
        self.addCleanup(self.session.close)

    def sent(self):
        """(method, path, body) of the requests since the last call."""
        found = [(method, path.removesuffix('?format=json'),
                  json.loads(body) if body else None)
                 for method, path, _headers, body, _port in self.mn.requests]
        del self.mn.requests[:]
        return found


def stderr(text):
    return {'NoErrorPrefix': ['1'], 'error': [text], 'errorcode': ['0']}


class RunTest(NodeTest):

    def run_on(self, *elements, command='true', node='guest1', **kwargs):
        self.mn.answers(mn.elements(*elements))
        return guest.Node(self.session, node, **kwargs).run(command)

    def test_stdout_stderr_and_status(self):
        result = self.run_on({'data': ['guest1: out']}, stderr('guest1: err'),
                             BAD, command='echo out; echo err >&2; exit 3')
        self.assertEqual(guest.CommandResult('out', 'err', False), result)
        self.assertEqual([('PUT', '/xcatws/nodes/guest1/dsh', [
            'command=echo out; echo err >&2; exit 3'])], self.sent())

    def test_success(self):
        self.assertEqual(
            guest.CommandResult('a\nb', '', True),
            self.run_on({'data': ['guest1: a\nguest1: b']}, OK))

    def test_no_output(self):
        self.assertEqual(guest.CommandResult('', '', True), self.run_on(OK))

    def test_a_guest_that_is_off(self):
        text = 'n1: ssh: connect to host n1 port 22: No route to host'
        error = self.assertRaises(exceptions.GuestUnreachable, self.run_on,
                                  stderr(text), BAD, node='n1')
        self.assertIn('No route to host', str(error))
        self.assertRaises(exceptions.ZhcpDown, self.run_on, stderr(text),
                          BAD, node='n1', unreachable=exceptions.ZhcpDown)

    def test_logins_that_fail(self):
        for text in ('ssh: Could not resolve hostname n1: Name or service '
                     'not known',
                     'root@n1: Permission denied (publickey,password).',
                     'Permission denied (publickey).',
                     'Host key verification failed.',
                     'kex_exchange_identification: Connection closed by '
                     'remote host\nn1: Connection closed by 192.0.2.1 port '
                     '22'):
            self.assertRaises(exceptions.GuestUnreachable, self.run_on,
                              stderr('n1: ' + text), BAD, node='n1')

    def test_a_connection_that_broke_while_it_ran(self):
        for text in ('Connection to n1 closed by remote host.',
                     'client_loop: send disconnect: Broken pipe',
                     'Timeout, server n1 not responding.'):
            self.assertRaises(exceptions.OutcomeUnknown, self.run_on,
                              stderr('n1: ' + text), BAD, node='n1')

    def test_a_command_that_fails_and_says_so(self):
        self.assertEqual(
            guest.CommandResult('', 'sh: nosuch: not found\nbye', False),
            self.run_on(stderr('n1: sh: nosuch: not found\nn1: bye'), BAD,
                        node='n1'))

    def test_what_a_command_says_of_its_own_ssh_is_no_login(self):
        result = self.run_on(
            {'data': ['n1: began']},
            stderr('n1: ssh: connect to host x port 22: No route to host'),
            BAD, node='n1')
        self.assertFalse(result.ok)

    def test_answers_that_make_no_sense(self):
        for elements in ([], [{'data': ['guest1: a']}],
                         [{'data': ['guest2: a']}, OK],
                         [{'data': ['a']}, OK],
                         [stderr('a'), OK], [{'data': ['guest1: a\nb']}, OK]):
            self.assertRaises(exceptions.BadAnswer, self.run_on, *elements)

    def test_an_error_of_the_management_node(self):
        error = self.assertRaises(
            exceptions.CommandFailed, self.run_on,
            {'error': ['Error: out of luck'], 'errorcode': ['1']})
        self.assertIn('out of luck', str(error))

    def test_commands_that_cannot_be_carried(self):
        node = guest.Node(self.session, 'guest1')
        for bad in ('', 'a\nb', 'a\0', '\xe9', 'x' * 130_001, None, b'true'):
            self.assertRaises(exceptions.InvalidValue, node.run, bad)
        self.assertEqual([], self.mn.requests)

    def test_the_longest_command(self):
        self.assertTrue(self.run_on(OK, command='x' * 130_000).ok)

    def test_it_is_not_sent_twice(self):
        self.mn.answers(mn.hang_up)
        self.assertRaises(exceptions.OutcomeUnknown,
                          guest.Node(self.session, 'guest1').run, 'true')
        self.assertEqual(1, len(self.mn.requests))
        self.assertRaises(exceptions.OutcomeUnknown,
                          guest.Node(self.session, 'guest1').run, 'true',
                          idempotent=True)
        self.assertEqual(4, len(self.mn.requests))

    def test_hostile_names_reach_nobody(self):
        for bad in list(hostile.spoilt('guest1')) + list(hostile.WHOLE):
            for call in (lambda: guest.Node(self.session, bad),
                         lambda: guest.get_node(self.session, bad),
                         lambda: guest.remove_node(self.session, bad),
                         lambda: guest.define_node(self.session, bad, 'h',
                                                   'U')):
                self.assertRaises(exceptions.InvalidValue, call)
        self.assertEqual([], self.mn.requests)


def shown(name='vm1', groups='all,zvm-volume', hcp='zhcp1.example.com',
          userid='VM00001', mgt='zvm'):
    """What a GET of a node answers."""
    return mn.elements({'info': [
        'Object name: ' + name, '    groups=' + groups, '    hcp=' + hcp,
        '    mgt=' + mgt, '    userid=' + userid], 'numofnodes': ['1']})


MISSING = mn.elements(
    {'error': ["Could not find an object named 'vm1' of type 'node'."],
     'errorcode': ['1']},
    {'info': ['No object definitions have been found'],
     'numofnodes': ['1']})
NOT_REMOVED = mn.elements(
    {'error': ["Could not find an object named 'vm1' of type 'node'."],
     'errorcode': ['1']},
    {'info': ['No objects have been removed from the xCAT database.']})
CREATED = mn.elements(
    {'info': ['1 object definitions have been created or modified.'],
     'numofnodes': ['1']}, status=201)
EXISTS = mn.elements(
    {'warning': ["A definition for 'vm1' already exists. No changes will be "
                 "made.  Run again with '-f' option to force replace."]},
    {'error': ['0 object definitions have been created or modified.'],
     'errorcode': ['1'], 'numofnodes': ['0']}, status=201)
REMOVED = mn.elements(
    {'info': ['1 object definitions have been removed.'],
     'numofnodes': ['1']})
POST = ('POST', '/xcatws/nodes/vm1',
        ['groups=all,zvm-volume', 'mgt=zvm', 'hcp=zhcp1.example.com',
         'userid=VM00001'])
GET = ('GET', '/xcatws/nodes/vm1', None)
DELETE = ('DELETE', '/xcatws/nodes/vm1', None)


class DefinitionTest(NodeTest):

    def define(self, *answers):
        self.mn.answers(*answers)
        return guest.define_node(self.session, 'vm1', 'zhcp1.example.com',
                                 'vm00001')

    def remove(self, *answers):
        self.mn.answers(*answers)
        return guest.remove_node(self.session, 'vm1')

    def test_a_new_node_is_marked_and_takes_one_request(self):
        self.assertTrue(self.define(CREATED))
        self.assertEqual([POST], self.sent())

    def test_ours_is_found_again(self):
        self.assertTrue(self.define(EXISTS, shown()))
        self.assertEqual([POST, GET], self.sent())

    def test_a_lost_answer_is_asked_for_again(self):
        self.assertTrue(self.define(mn.hang_up, EXISTS, shown()))

    def test_somebody_elses_is_used_when_it_is_right(self):
        self.assertFalse(self.define(EXISTS, shown(groups='all')))

    def test_somebody_elses_is_never_changed(self):
        for wrong in (shown(groups='all', userid='OTHER'),
                      shown(groups='all', hcp='zhcp2.example.com'),
                      shown(groups='all', mgt='ipmi'),
                      shown(groups='all,zvm-volume2', userid='OTHER')):
            error = self.assertRaises(exceptions.ConfigurationError,
                                      self.define, EXISTS, wrong)
            self.assertIn('vm1', str(error))
            self.assertEqual([POST, GET], self.sent())

    def test_a_stale_one_of_ours_is_replaced(self):
        stale = shown(userid='OTHER')
        self.assertTrue(self.define(EXISTS, stale, stale, REMOVED, CREATED))
        self.assertEqual([POST, GET, GET, DELETE, POST], self.sent())

    def test_one_that_vanished_meanwhile_is_defined(self):
        self.assertTrue(self.define(EXISTS, MISSING, MISSING, CREATED))

    def test_a_race_that_is_lost(self):
        self.assertRaises(exceptions.TryLater, self.define, EXISTS, MISSING,
                          MISSING, EXISTS)

    def test_a_refusal(self):
        self.assertRaises(exceptions.CommandFailed, self.define, mn.elements(
            {'error': ['0 object definitions have been created or '
                       'modified.'], 'errorcode': ['1']}, status=201))

    def test_userids_that_a_shell_would_read(self):
        for bad in ('A$B', 'A#B', 'A;B', 'A B'):
            self.assertRaises(exceptions.InvalidValue, guest.define_node,
                              self.session, 'vm1', 'zhcp1', bad)
        self.assertEqual([], self.sent())

    def test_only_ours_is_removed(self):
        self.assertTrue(self.remove(shown(), REMOVED))
        self.assertEqual([GET, DELETE], self.sent())
        self.assertFalse(self.remove(shown(groups='all')))
        self.assertFalse(self.remove(MISSING))
        self.assertEqual([GET, GET], self.sent())

    def test_errors_are_no_missing_node(self):
        error = mn.elements({'error': ['Error: database is locked'],
                             'errorcode': ['1']})
        self.assertRaises(exceptions.CommandFailed, self.remove, error)
        self.assertRaises(exceptions.CommandFailed, self.remove, shown(),
                          error)

    def test_a_removal_may_be_repeated(self):
        self.assertFalse(self.remove(shown(), NOT_REMOVED))
        self.assertFalse(self.remove(shown(), mn.hang_up, NOT_REMOVED))

    def test_a_definition(self):
        self.mn.answers(shown())
        found = guest.get_node(self.session, 'vm1')
        self.assertEqual(
            ('vm1', True, 'zhcp1.example.com', 'VM00001'),
            (str(found.name), found.ours, found.hcp, found.userid))

    def test_a_definition_of_another_node(self):
        for act in (shown(name='vm10'), mn.elements({'info': [None]}),
                    mn.elements()):
            self.mn.answers(act)
            self.assertRaises(exceptions.BadAnswer, guest.get_node,
                              self.session, 'vm1')
