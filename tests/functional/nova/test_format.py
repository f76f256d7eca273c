# SPDX-License-Identifier: Apache-2.0
"""What an older nova-compute does when newer services have the ledger."""

import pathlib

from nova import exception

from tests.functional.nova import test_driver

WORDS = 'The ledger has format 5, this software knows 4'


class FormatTest(test_driver.Case):

    def newer(self):
        pathlib.Path(self.simulator.node_folder('host1', 'ZHCP1'),
                     'var/lib/zvm-volume/format').write_text('5\n')

    def test_one_that_runs_fails_in_words_and_guests_go_on(self):
        instance = self.instance()
        self.spawn(instance)
        volume, other = self.lpar.claim(), self.lpar.claim()
        info = self.attach(instance, volume)
        wanted = self.lpar.connection_info(other)
        self.newer()
        error = self.assertRaises(
            exception.NovaException, self.driver.attach_volume,
            test_driver.CONTEXT, wanted, instance, '/dev/sdc')
        self.assertIn(WORDS, str(error))
        error = self.assertRaises(exception.NovaException, self.detach,
                                  instance, info)
        self.assertIn(WORDS, str(error))
        path = info['data']['device_path']
        self.lpar.write('zvm00001', path, 'goes-on')
        self.assertEqual('goes-on', self.lpar.read('zvm00001', path, 7))

    def test_one_that_is_started_stops(self):
        self.lpar.claim()
        self.newer()
        error = self.assertRaises(exception.InvalidConfiguration, self.load)
        self.assertIn(WORDS, str(error))
