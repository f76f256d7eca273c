# SPDX-License-Identifier: Apache-2.0
"""What xCAT makes of release files."""

import testtools

from xcat_simulator.mn import release


class NameTest(testtools.TestCase):

    def name(self, **files):
        """Of files by the last part of their name, dots as underscores."""
        return release.name(''.join(
            '/etc/%s:%s\n' % (name, line) for name, text in files.items()
            for line in text.split('\n')))

    def of(self, name, text):
        return self.name(**{name: text})

    def test_os_release(self):
        for text, wanted in (
                ('ID="rhel"\nVERSION="7.2 (Maipo)"', 'rhel7.2'),
                ('NAME="SLES"\nVERSION="12-SP4"\nVERSION_ID="12.4"\nID=sles',
                 'sles12'),
                ('ID=ubuntu\nVERSION="22.04.3 LTS"\nID_LIKE=debian',
                 'ubuntu22.04.3'),
                ('ID=debian\nVERSION_ID="12"', 'debian12'),
                ('ID_LIKE="fedora"\nVERSION_ID=40', 'fedora40')):
            self.assertEqual(wanted, self.of('os-release', text))

    def test_it_comes_before_all_others(self):
        self.assertEqual('sles15', self.name(**{
            'debian_version': '12', 'os-release': 'ID=sles\nVERSION=15'}))

    def test_redhat_release(self):
        for text, wanted in (
                ('Red Hat Enterprise Linux Server release 6.6 (Santiago)',
                 'rhel6.6'),
                ('Red Hat Enterprise Linux Client release 5.10', 'rhel5.10'),
                ('Fedora release 20 (Heisenbug)', 'rh20')):
            self.assertEqual(wanted, self.of('redhat-release', text))

    def test_suse_release(self):
        self.assertEqual('sles11.4', self.of(
            'SuSE-release', 'SUSE Linux Enterprise Server 11 (s390x)\n'
            'VERSION = 11\nPATCHLEVEL = 4'))

    def test_lsb_release(self):
        self.assertEqual('ubuntu16.04', self.of(
            'lsb-release', 'DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE="16.04"'))
        self.assertEqual('unknown', self.of(
            'lsb-release', 'DISTRIB_ID=Other\nDISTRIB_RELEASE=1'))

    def test_debian_needs_its_issue(self):
        self.assertEqual('unknown', self.of('debian_version', '12.5'))
        self.assertEqual('debian12.5', self.name(
            debian_version='12.5', issue='Debian GNU/Linux 12'))

    def test_nothing(self):
        self.assertEqual('unknown', release.name(''))
