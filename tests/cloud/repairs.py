# SPDX-License-Identifier: Apache-2.0
"""What an operator does after a service died in the middle of operations.

As doc/source/admin/troubleshooting.rst has it, section "After a crash".
"""

import time

from tests.cloud import case

_AT_REST = ('available', 'in-use', 'error', 'error_extending',
            'error_deleting')
_OF_NOVA = ('attaching', 'reserved', 'detaching')
# Cinder's API gives up an answer of a dead cinder-volume (s):
# rpc_response_timeout, and what is done then.
_PATIENCE = 100


class CrashCase(case.CloudCase):

    def settle(self, servers, patience=_PATIENCE):
        """All that a test has made is in a definite state.

        :returns: {id: status} of what an operator had to set right
        """
        until = time.monotonic() + patience
        for server in servers:
            self.wait(lambda server=server: self._ended(server),
                      'server %s is at rest' % server.id)
        repaired = {}
        for thing in (*self._volumes, *self._snapshots):
            now = self._rest(thing, until)
            if now is not None and now.status not in _AT_REST:
                repaired[now.id] = now.status
                self._repair(now, servers)
        return repaired

    def _ended(self, server):
        """It has no task any more, or is gone."""
        now = self.look(server)
        return now is None or (now.task_state is None
                               and now.status not in ('BUILD', 'REBOOT'))

    def _rest(self, thing, until):
        """The thing when it is at rest or the time is over; None if gone."""
        while True:
            now = self.look(thing)
            # Nobody goes on with the last one when cinder-volume is up.
            if (now is None or now.status in (*_AT_REST, 'extending')
                    or time.monotonic() > until):
                return now
            time.sleep(0.5)

    def _repair(self, thing, servers):
        if thing.status in _OF_NOVA:
            having = [server for server in servers
                      if self.look(server) and thing.id in [
                          each.volume_id for each in
                          self.cloud.compute.volume_attachments(server)]]
            if having:
                # Nova has it, and does not detach what is not in use.
                self.client('volume', 'set', '--state', 'in-use',
                            '--attached', thing.id)
                self.client('server', 'remove', 'volume', having[0].id,
                            thing.id)
            else:
                self.client('volume', 'set', '--state', 'available',
                            '--detached', thing.id)
            self.reached('available', thing)
        elif thing.status == 'extending':
            self.client('volume', 'set', '--state', 'available', thing.id)
        else:
            self.fail('%s is %s for ever' % (thing.id, thing.status))
