# SPDX-License-Identifier: Apache-2.0
"""What a distribution's name says of its files, tools and kernel."""
import testtools

from xcat_simulator.machine import distro


def value(text, key):
    """A key of an os-release or lsb-release file."""
    return dict(line.split('=', 1) for line in text.splitlines())[
        key].strip('"')


class ReleaseFiles(testtools.TestCase):

    def files(self, name):
        return distro.find(name).release_files()

    def test_red_hat(self):
        old, new = self.files('rhel7.2'), self.files('rhel9')
        line = 'Red Hat Enterprise Linux Server release 7.2 (Maipo)\n'
        self.assertEqual(line, old['etc/redhat-release'])
        self.assertEqual(line, old['etc/system-release'])
        self.assertEqual('7.2', value(old['etc/os-release'], 'VERSION_ID'))
        self.assertEqual('Red Hat Enterprise Linux release 9.4 (Plow)\n',
                         new['etc/redhat-release'])
        self.assertEqual('rhel', value(new['etc/os-release'], 'ID'))

    def test_the_oldest_have_no_os_release(self):
        self.assertEqual(['etc/redhat-release', 'etc/system-release'],
                         sorted(self.files('rhel6')))
        self.assertEqual(['etc/SuSE-release'], sorted(self.files('sles11')))

    def test_suse(self):
        files = self.files('sles12sp3')
        self.assertEqual('SUSE Linux Enterprise Server 12 (s390x)\n'
                         'VERSION = 12\nPATCHLEVEL = 3\n',
                         files['etc/SuSE-release'])
        for name, version, number in (
                ('sles12sp3', '12-SP3', '12.3'), ('sles12.0', '12', '12'),
                ('sles15', '15-SP6', '15.6'), ('sles16', '16.0', '16.0')):
            text = self.files(name)['etc/os-release']
            self.assertEqual((version, number), (
                value(text, 'VERSION'), value(text, 'VERSION_ID')))
        self.assertEqual(['etc/os-release'], list(self.files('sles15')))

    def test_ubuntu(self):
        files = self.files('ubuntu16.04')
        self.assertEqual('xenial', value(files['etc/lsb-release'],
                                         'DISTRIB_CODENAME'))
        self.assertEqual('16.04', value(files['etc/os-release'],
                                        'VERSION_ID'))
        self.assertEqual('stretch/sid\n', files['etc/debian_version'])

    def test_core_os_is_like_rhel(self):
        files = self.files('rhcos4')
        self.assertEqual('rhcos', value(files['etc/os-release'], 'ID'))
        self.assertIn('CoreOS release 4.16', files['etc/redhat-release'])

    def test_every_distribution_names_itself(self):
        for name in distro.DISTROS:
            text = ''.join(self.files(name).values()).lower()
            self.assertIn(name.rstrip('0123456789')
                          .replace('rhel', 'red hat')
                          .replace('sles', 'suse'), text.replace(
                              'sles', 'suse'))


class Differences(testtools.TestCase):

    def lacks(self, name):
        return distro.find(name).missing()

    def test_who_has_chzdev(self):
        self.assertEqual(
            ['rhel6', 'rhel7', 'sles11', 'sles12'],
            [name for name in distro.DISTROS if 'chzdev' in self.lacks(name)])

    def test_who_has_zfcp_conf_and_who_suses_tools(self):
        self.assertEqual(
            ['rhel6', 'rhel7', 'rhel8', 'rhel9'],
            [name for name in distro.DISTROS
             if 'zfcpconf.sh' not in self.lacks(name)])
        self.assertEqual(
            ['sles11', 'sles12', 'sles15'],
            [name for name in distro.DISTROS
             if 'zfcp_disk_configure' not in self.lacks(name)])

    def test_early_kernels_of_sles_12_show_no_wwid(self):
        self.assertFalse(distro.find('sles12sp3').wwid)
        self.assertTrue(distro.find('sles12').wwid)
        self.assertTrue(distro.find('sles12sp3').kernel.startswith('4.4'))

    def test_an_unknown_name_tells_the_known_ones(self):
        error = self.assertRaises(ValueError, distro.find, 'windows')
        self.assertIn('ubuntu26', str(error))
