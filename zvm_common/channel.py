# SPDX-License-Identifier: Apache-2.0
"""Ways to the Linux of a guest: ssh from the management node, or IUCV.

IUCV is z/VM's own: the zHCP calls an agent in the guest (iucvserd), which lets
in one user ID and needs no network. Each way has ``call()`` with the
parameters of :meth:`zvm_common.remote.call.Remote.call`, and the same guest
program answers at its end: an operation that was begun one way is found by
its id, or refused by its generation, when it is asked for the other way.
"""

import base64
import binascii
import logging
import time
import uuid

from zvm_common import exceptions
from zvm_common import model
from zvm_common.remote import call
from zvm_common.remote import program
from zvm_common.xcat import guest

LOG = logging.getLogger(__name__)

SSH, IUCV = 'ssh', 'iucv'

_NAMES = {SSH: 'ssh', IUCV: 'IUCV'}
# Seconds of one request to the zHCP, well below what web servers wait, and
# of all of them for one verb.
_TURN, _PATIENCE = 45, 900
_ATTEMPTS = 3


class Iucv:
    """The guest program in one guest, called by the zHCP.

    :param zhcp: zvm_common.zhcp.Zhcp
    :param userid: of the guest, on the zHCP's LPAR
    :param turn: seconds of one request to the zHCP
    :param patience: seconds after which a verb that runs is given up
    """

    def __init__(self, zhcp, userid, turn=_TURN, patience=_PATIENCE):
        self._zhcp = zhcp
        self._userid = model.Userid(userid)
        self._turn = turn
        self._patience = patience
        self._program = program.guest()

    def call(self, verb, *args, operation=None):
        """Run a verb.

        :raises GuestUnreachable: nothing ran
        :raises OutcomeUnknown: it may have run, or run yet
        """
        operation = operation or str(uuid.uuid4())
        give_up = time.monotonic() + self._patience
        lost, why = 0, None
        while True:
            fields = self._ask(operation, verb, args, why)
            state = fields.get('state')
            if state == 'said':
                return self._parse(fields, operation)
            if state == 'absent':
                self._put()
                continue
            lost += state != 'runs'
            why = fields.get('why', 'it has not ended').replace('~', ' ')
            if lost >= _ATTEMPTS or time.monotonic() >= give_up:
                raise self._unknown(verb, why)

    def _ask(self, operation, verb, args, begun):
        try:
            return self._zhcp.call(
                'guestrun', self._userid, self._program.sha, self._turn,
                verb, *args, operation=operation).fields
        except exceptions.TryLater as err:
            # "Nothing happened" is true of this request only.
            if begun is None:
                raise
            raise self._unknown(verb, '%s; then: %s' % (
                begun, err.message)) from err

    def _unknown(self, verb, why):
        return exceptions.OutcomeUnknown(
            'It is not known whether "%s" ran in guest %s: %s'
            % (verb, self._userid, why))

    def _put(self):
        """Install the guest program on the zHCP, which sends it on."""
        done = self._zhcp.hypervisor.zhcp.run(self._program.put_command(),
                                              idempotent=True)
        if not done.ok:
            raise exceptions.NoSpace(
                'The guest program cannot be put on the zHCP %s: %s'
                % (self._zhcp.name, exceptions.excerpt(done.stderr)))

    def _parse(self, fields, operation):
        # A guest may say anything: it is read as strictly as over ssh.
        try:
            said = base64.b64decode(fields.get('said', ''), validate=True)
            answer = call.parse(said.decode('ascii'), operation)
        except (binascii.Error, UnicodeDecodeError,
                exceptions.BadAnswer) as e:
            raise exceptions.OutcomeUnknown(
                'Guest %s gave a strange answer: %s'
                % (self._userid, e)) from e
        if answer is None:
            raise exceptions.OutcomeUnknown(
                'Guest %s says that it has no program' % self._userid)
        return answer


class Channels:
    """The ways to the guests of one LPAR, and which of them works.

    :param session: of the management node
    :param zhcp: function that returns the zvm_common.zhcp.Zhcp
    :param mode: ``auto``, ``ssh`` or ``iucv``
    """

    def __init__(self, session, zhcp, mode='auto'):
        self._session = session
        self._zhcp = zhcp
        self._names = (SSH, IUCV) if mode == 'auto' else (mode,)
        self._works = {}

    def to(self, node, hint=''):
        """The way to the guest whose xCAT node bears its user ID.

        :param hint: what worked before this process began
        """
        return _Way(self, model.NodeName(node), hint)

    def order(self, node, hint):
        first = self._works.get(node, hint)
        return sorted(self._names, key=lambda name: name != first)

    def remember(self, node, name):
        if self._works.get(node) != name:
            LOG.info('Guest %s is reached by %s', node, _NAMES[name])
        self._works[node] = name

    def forget(self, node):
        self._works.pop(node, None)

    def open(self, node, name):
        if name == IUCV:
            return Iucv(self._zhcp(), str(node).upper())
        return call.Remote(guest.Node(self._session, node), program.guest())


class _Way:
    """The way to one guest that works now."""

    def __init__(self, channels, node, hint):
        self._channels = channels
        self._node = node
        self._hint = hint

    def call(self, verb, *args, operation=None):
        """As :meth:`zvm_common.remote.call.Remote.call`.

        :raises GuestUnreachable: with what each way says, and what to do
        """
        # The same for each way: what was begun is not done twice.
        operation = operation or str(uuid.uuid4())
        failed = {}
        for name in self._channels.order(self._node, self._hint):
            try:
                way = self._channels.open(self._node, name)
                answer = way.call(verb, *args, operation=operation)
            except exceptions.Refused as err:
                self._channels.remember(self._node, name)
                if any(map(_may_have_run, failed.values())):
                    err.fields['undone'] = 'unknown'
                raise
            except exceptions.ZvmError as err:
                if not _out_of_reach(err):
                    raise
                failed[name] = err
                self._channels.forget(self._node)
                continue
            self._channels.remember(self._node, name)
            return answer
        raise self._unreached(failed)

    def _unreached(self, failed):
        if len(failed) == 1:
            return next(iter(failed.values()))
        text = 'Guest %s is reached neither by %s' % (
            str(self._node).upper(), ' nor by '.join(
                '%s (%s)' % (_NAMES[name], failed[name].message)
                for name in failed))
        if any(map(_may_have_run, failed.values())):
            return exceptions.OutcomeUnknown(text)
        return exceptions.GuestUnreachable(text, advice=ADVICE)


ADVICE = (
    'See that it runs; then put the public ssh key of root on the management '
    'node into /root/.ssh/authorized_keys there, or start iucvserd there and '
    'write the user ID of the zHCP into /etc/iucv_authorized_userid (see '
    '"How guests come to trust" in the manual).')


def _may_have_run(error):
    return isinstance(error, exceptions.OutcomeUnknown)


def _out_of_reach(error):
    """Whether another way may do better.

    Of an outcome that is not known only where the last attempt found nobody:
    the same operation by another way tells what became of it.
    """
    nobody = (exceptions.GuestUnreachable, exceptions.ZhcpDown)
    return isinstance(error, nobody) or (
        _may_have_run(error) and isinstance(error.__cause__, nobody))
