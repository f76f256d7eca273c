# SPDX-License-Identifier: Apache-2.0
"""A simulator, and scenarios with the real VolumeManager beside it."""

import json
import pathlib
import signal

import fixtures
import testtools

from tests.functional.cinder import child
from tests.functional.cinder import harness
from tests import nursery
from tests import worlds
from tests import zeros

INSTANCE = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee'


class ManagerTestCase(testtools.TestCase):
    """self.simulator runs self.world(); scenarios share self.workdir."""

    backends = {'zvmssio1': harness.section(1),
                'zvmssio2': harness.section(2)}
    eventlet = False
    service = {}    # host and cluster of the process

    def world(self):
        return worlds.two()

    def setUp(self):
        super().setUp()
        self.simulator, self.workdir = self.places()
        self.addOnException(self._tell)

    def places(self):
        """A simulator and a folder for Cinder."""
        return (self.useFixture(nursery.Simulator(self.world())),
                self.useFixture(fixtures.TempDir()).path)

    def _tell(self, _info):
        """Add what Cinder and the simulator said to a failure."""
        log = pathlib.Path(self.workdir) / 'cinder.log'
        if log.exists():
            lines = log.read_text(errors='replace').splitlines()
            self.addDetail('cinder.log', testtools.content.text_content(
                '\n'.join(lines[-150:])))
        self.addDetail('simulator', testtools.content.text_content(
            self.simulator.log()[-5000:]))

    def run_scenario(self, name, backends=None, ready=True, **args):
        """Run a function of scenarios.py; its result.

        Asserts that Cinder loaded our driver and that the simulator was
        asked.
        """
        before = len(self.simulator.requests())
        status, out, err = self._process(name, backends, args)
        self.assertEqual(0, status, err)
        answer = json.loads(out.splitlines()[-1])
        self.assertEqual({harness.DRIVER}, set(answer['drivers'].values()))
        self.assertEqual(self.eventlet, answer['eventlet'])
        self.assertGreater(len(self.simulator.requests()), before)
        if ready:
            self.assertEqual({True}, set(answer['initialized'].values()))
        return answer['result']

    def run_and_die(self, name, backends=None, **args):
        """Run a scenario that ends with SIGKILL."""
        status, _, err = self._process(name, backends, args)
        self.assertEqual(-signal.SIGKILL, status, err)

    def _process(self, name, backends, args):
        start = child.interpreter if self.eventlet else child.fork
        return start(name, {
            'workdir': self.workdir, 'server': self.simulator.server,
            'ca_file': self.simulator.ca_file, 'args': args,
            'service': self.service, 'database': child.database(),
            'backends': self.backends if backends is None else backends})

    # the truth on the zHCP

    def lines(self, number=1):
        """The lines of an LPAR's pool file, as lists of columns."""
        text = self.simulator.pool_text('host%d' % number,
                                        'zpool%d' % number)
        return [line.split(',') for line in text.splitlines()
                if not line.startswith('#')]

    def statuses(self, number=1):
        return sorted(line[0] for line in self.lines(number))

    def line_of(self, provider_id, number=1):
        """The pool line that a provider_id names."""
        _, wwpns, lun = provider_id.split(':')
        line, = (line for line in self.lines(number)
                 if line[1:3] == [wwpns.replace('+', ';'), lun])
        return line

    def disk(self, provider_id, number=1):
        """The file behind a volume's LUN, and the disk's real size."""
        _, wwpns, lun = provider_id.split(':')
        found = self.simulator.disk('host%d' % number, wwpns.split('+')[0],
                                    lun)
        return pathlib.Path(found['path']), found['size']

    def assertZero(self, provider_id, number=1):
        """Every byte of the LUN is zero."""
        path, size = self.disk(provider_id, number)
        self.assertEqual(size, path.stat().st_size)
        self.assertTrue(zeros.is_zero(path), 'the LUN is not zero: %s' % path)

    def scribble(self, provider_id, number=1):
        """Data of a tenant at the begin, middle and end of the LUN."""
        zeros.scribble(self.disk(provider_id, number)[0])
