# SPDX-License-Identifier: Apache-2.0
"""Every supported distribution, in three shells: paths come, stay and go."""
from tests.functional.machine import guests


class EveryReleaseTest(guests.GuestTest):
    """A test for each release; the support matrix names them."""

    def check(self, release):
        self.boot(release)
        kind, hello, _text = self.run_program('hello')
        self.assertEqual(('ok', guests.RELEASES[release], '', 'on'),
                         (kind, hello['persist'], hello['missing'],
                          hello['scan']))
        self.assertTrue(hello['os'].startswith(self.node.distro.id), hello)
        self.check_stays()
        self.check_gone()

    def check_stays(self):
        told = self.attach()
        self.assertEqual(('/' + self.link, '0', ''),
                         (told['link'], told['others'], told['missing']))
        self.assertEqual(4, len(self.scsi()))
        self.write(self.volume, told['device'])
        self.reboot()
        self.assertEqual(4, len(self.scsi()))
        self.read(self.volume, told['device'])
        self.read(self.volume, self.link)
        # a repeat finds all as it is
        self.assertEqual(told, self.attach())

    def check_gone(self):
        self.detach()
        for _ in range(2):
            self.assertEqual(([], []), (self.scsi(), self.kept()))
            self.assertEqual('N\n', self.sh(
                self.node, 'cat sys/module/zfcp/parameters/allow_lun_scan'))
            self.sh(self.node, '[ ! -L %s ]; ls sys/block | { ! grep .; }'
                    % self.link)
            self.reboot()
        self.assertEqual('0\n0\n', self.sh(
            self.node, 'cat sys/bus/ccw/devices/0.0.3[bc]01/online'))


def _test(release):
    return lambda self: self.check(release)


for _release in guests.RELEASES:
    setattr(EveryReleaseTest, 'test_' + _release.replace('.', '_'),
            _test(_release))


class EveryReleaseInBashTest(EveryReleaseTest):
    shell = 'bash'


class EveryReleaseInBusyboxTest(EveryReleaseTest):
    shell = 'busybox'
