# SPDX-License-Identifier: Apache-2.0
"""--capturezfcp and --deployzfcp: a LUN to an image of the MN, and back."""

import os

from tests.functional.simulator import test_copies as copies
from xcat_simulator.machine import confine

line, W1, W2 = copies.line, copies.W1, copies.W2
SOURCE, TARGET, OTHER = copies.SOURCE, copies.TARGET, copies.OTHER
IMAGE = 'unknown-s390x-raw-prof'
FOLDER = '/install/raw/unknown/s390x/prof'
COMPLETED = ('host1: Completed capturing the volume. Image(%s) is stored at '
             '%s' % (IMAGE, FOLDER))
DEPLOYED = 'host1: Completed deploying image(%s)' % IMAGE
USING = 'host1: Using given WWPN and LUN'
FOUND = 'host1: Found FCP device 0x%s/0x%s'
CHANNEL = 'host1: Found FCP channel within acceptable range 3B00'
NOT_CAPTURED = ('host1: (Error) Image capture of volume 0x%s/0x%s failed on '
                'the zHCP node. Reason: ' % (W1, SOURCE))
NOT_DEPLOYED = ('host1: (Error) Image deploy to volume 0x%s/0x%s failed on '
                'the zHCP node. Reason: ' % (W1, TARGET))


class ImageCase(copies.CopyCase):

    def capture(self, *words):
        return self.texts('chhypervisor', 'host1', '--capturezfcp', *words)

    def deploy(self, *words):
        return self.texts('chhypervisor', 'host1', '--deployzfcp', *words)

    def mn(self, path):
        """Where a path of the MN is."""
        return os.path.join(self.world.folder, 'mn', path.lstrip('/'))

    def images(self, folder=FOLDER):
        """{name: size} of the files in a folder of the MN."""
        where = self.mn(folder)
        return {name: os.path.getsize(os.path.join(where, name))
                for name in os.listdir(where)}

    def mounted(self, name='staging'):
        return self.path('ZHCP1', 'mnt/mn/install/' + name)


class DoneTest(ImageCase):

    def test_a_lun_is_captured_and_deployed(self):
        self.fill_both()
        before = line('reserved', SOURCE, rest='vol-a,3B07,tag')
        self.pool('p', before, line('free', TARGET))
        self.assertEqual(
            ['host1: Found FCP device in p', USING, FOUND % (W1, SOURCE),
             CHANNEL, 'host1: Capturing volume using zHCP node', USING,
             FOUND % (W1, SOURCE),
             'host1: Moving the image files to the deployable directory: '
             + FOLDER, COMPLETED], self.capture('prof', W1, SOURCE))
        self.assertEqual([before, line('free', TARGET)], self.lines('p'))
        self.assertEqual(['%s_%s.img' % (W1, SOURCE)], [*self.images()])
        self.assertEqual(
            ['host1: Found FCP device in p', USING, FOUND % (W1, TARGET),
             CHANNEL, 'host1: Deploying volume using zHCP node', USING,
             FOUND % (W1, TARGET), DEPLOYED],
            self.deploy(IMAGE, '0x' + W1, '0x' + TARGET))
        self.assertEqual(self.contents(SOURCE), self.contents(TARGET))
        self.assertEqual([before, line('reserved', TARGET)],
                         self.lines('p'))

    def test_nothing_of_it_stays_on_the_zhcp_or_in_staging(self):
        self.pool('p', line('free', SOURCE))
        self.capture('prof', W1, SOURCE)
        self.assertEqual([], self.names())
        self.assertNotIn('3B00', self.host.zhcp.active_devices)
        self.assertEqual({}, self.images('/install/staging/unknown/s390x'))

    def test_the_tables_have_the_image(self):
        self.pool('p', line('free', SOURCE))
        self.capture('prof', W1, SOURCE)
        self.capture('prof', W1, SOURCE)
        header, row = self.elements('tabdump', None, 'osimage')[0]['data']
        self.assertEqual(
            {'imagename': IMAGE, 'profile': 'prof', 'imagetype': 'linux',
             'provmethod': 'raw', 'osvers': 'unknown', 'osarch': 's390x'},
            dict((key, value.strip('"')) for key, value in
                 zip(header[1:].split(','), row.split(',')) if value))
        _, row = self.elements('tabdump', None, 'linuximage')[0]['data']
        self.assertIn('"%s"' % FOLDER, row.split(','))

    def test_by_the_last_wwpn_of_several(self):
        self.fill_both()
        several = line('free', SOURCE, wwpn=W1 + ';' + W2)
        self.pool('p', several, line('free', TARGET, wwpn=W1 + ';' + W2))
        self.assertEqual(COMPLETED, self.capture('prof', W2, SOURCE)[-1])
        self.assertEqual(several, self.lines('p')[0])
        self.assertEqual(DEPLOYED, self.deploy(IMAGE, W2, TARGET)[-1])
        self.assertEqual(self.contents(SOURCE), self.contents(TARGET))

    def test_compression_makes_it_smaller(self):
        self.fill(SOURCE, (0, b'text' * 100000))
        self.pool('p', line('free', SOURCE))
        sizes = {}
        for level in '09':
            self.assertEqual(COMPLETED, self.capture(
                'prof', W1, SOURCE, level)[-1])
            sizes[level], = self.images().values()
        self.assertTrue(sizes['9'] < sizes['0'] / 10, sizes)

    def test_an_image_with_a_slash_is_a_folder_deeper(self):
        self.pool('p', line('free', SOURCE))
        self.capture('a/b', W1, SOURCE)
        self.assertEqual(1, len(self.images(
            '/install/raw/unknown/s390x/a/b')))


class CaptureTrapTest(ImageCase):

    def test_a_lun_in_use_is_captured(self):
        before = line('used', SOURCE, rest='guest1,3B05,')
        self.pool('p', before)
        self.assertEqual(COMPLETED, self.capture('prof', W1, SOURCE)[-1])
        self.assertEqual([before], self.lines('p'))

    def test_a_failure_leaves_the_lun_to_the_zhcp(self):
        """Of an FCP device that it has already, for one."""
        self.pool('p', line('reserved', SOURCE, ranges='3B0E-3B0E',
                            rest='v,,'))
        texts = self.capture('prof', W1, SOURCE)
        self.assertEqual(NOT_CAPTURED, texts[-1][:len(NOT_CAPTURED)])
        self.assertEqual([line('used', SOURCE, ranges='3B0E-3B0E',
                               rest='zhcp1,3B0E,')], self.lines('p'))
        self.assertEqual({}, self.images('/install/staging/unknown/s390x'))
        self.assertFalse(os.path.exists(self.mn(FOLDER)))

    def test_an_image_without_contents(self):
        """dd fails, gzip compresses what it got, and all is well."""
        self.event(dd='fails')
        self.fill_both()
        self.pool('p', line('free', SOURCE), line('free', TARGET))
        self.assertEqual(COMPLETED, self.capture('prof', W1, SOURCE)[-1])
        self.event(dd='works')
        before = self.contents(TARGET)
        self.deploy(IMAGE, W1, TARGET)
        self.assertEqual(before, self.contents(TARGET))

    def test_install_is_not_mounted(self):
        """The MN does not find out, and mounts nothing."""
        os.unlink(self.mounted())
        self.pool('p', line('free', SOURCE))
        self.assertEqual(NOT_CAPTURED, self.capture(
            'prof', W1, SOURCE)[-1][:len(NOT_CAPTURED)])

    def test_what_the_zhcp_has_instead_of_the_mount_keeps_the_image(self):
        os.unlink(self.mounted())
        os.makedirs(self.mounted() + '/unknown/s390x/prof')
        self.pool('p', line('free', SOURCE))
        self.assertEqual(COMPLETED, self.capture('prof', W1, SOURCE)[-1])
        self.assertEqual(1, len(os.listdir(
            self.mounted() + '/unknown/s390x/prof')))
        self.assertEqual({}, self.images())
        self.assertEqual(
            ['host1: (Error) %s does not contain image files' % FOLDER],
            self.deploy(IMAGE, W1, SOURCE))

    def test_two_luns_of_one_profile(self):
        self.pool('p', line('free', SOURCE), line('free', TARGET))
        for lun in (SOURCE, TARGET, SOURCE):
            self.assertEqual(COMPLETED, self.capture('prof', W1, lun)[-1])
        self.assertEqual(2, len(self.images()))
        self.assertEqual(
            ['host1: (Error) %s contains more than the expected number of '
             'image files' % FOLDER], self.deploy(IMAGE, W1, TARGET))

    def test_a_profile_with_a_dash_is_not_found_again(self):
        self.pool('p', line('free', SOURCE))
        texts = self.capture('my-prof', W1, SOURCE)
        self.assertIn('Image(unknown-s390x-raw-my-prof) is stored at '
                      '/install/raw/unknown/s390x/my-prof', texts[-1])
        self.assertEqual(
            ['host1: (Error) /install/raw/unknown/s390x/my does not contain '
             'image files'],
            self.deploy('unknown-s390x-raw-my-prof', W1, SOURCE))

    def test_the_zhcp_goes_down(self):
        """An image that is not there is told to be stored."""
        self.pool('p', line('free', SOURCE))
        self.down_at('creatediskimage')
        texts = self.capture('prof', W1, SOURCE)
        self.assertEqual(
            [USING, 'host1: (Error) FCP storage pool does not exist',
             'host1: (Error) Source disk attributes cannot be restored in '
             'table', 'host1: Moving the image files to the deployable '
             'directory: ' + FOLDER, COMPLETED], texts[-5:])
        self.assertEqual({}, self.images())
        self.assertEqual([line('used', SOURCE, rest='zhcp1,3B00,')],
                         self.lines('p'))


class HostileTest(ImageCase):
    """A profile is part of a path: it goes where it says, within the MN."""

    def setUp(self):
        super().setUp()
        self.pool('p', line('free', SOURCE))
        self.before = set(os.listdir(self.world.folder))

    def tearDown(self):
        self.assertEqual(self.before, set(os.listdir(self.world.folder)))
        super().tearDown()

    def test_above_the_top(self):
        luns = self.world.folder + '/luns'
        before = sorted(os.listdir(luns))
        for profile in ('../' * 9 + 'luns', '/' + '../' * 20 + 'nodes/x'):
            texts = self.capture(profile, W1, SOURCE)
            self.assertEqual('host1: Found FCP device in p', texts[0])
            self.assertEqual(before, sorted(os.listdir(luns)))
        self.assertTrue(os.path.isdir(self.mn('/nodes')))
        self.assertFalse(os.path.exists(self.mn('/luns')))

    def test_the_top_itself(self):
        """Staging is emptied, and the zHCP has what was there."""
        texts = self.capture('../../..', W1, SOURCE)
        self.assertEqual(NOT_CAPTURED, texts[-1][:len(NOT_CAPTURED)])

    def test_a_link_of_the_zhcp(self):
        outside = self.path('ZHCP1', 'etc')
        before = sorted(os.listdir(outside))
        os.symlink(outside, self.mn('/install/staging/unknown'))
        self.assertIn('(Error) ', self.capture('prof', W1, SOURCE)[-1])
        self.assertEqual(before, sorted(os.listdir(outside)))

    def test_a_name_that_is_too_long(self):
        self.assertEqual(
            ['host1: (Error) /install: File name too long'],
            self.capture('x' * 300, W1, SOURCE))

    def test_the_zhcp_reads_raw_and_writes_staging(self):
        if not confine.ABI:
            self.skipTest('this kernel has no Landlock')
        linux = self.host.zhcp.linux
        for name, writable in (('staging', True), ('raw', False)):
            done = linux.run('ls mnt/mn/install/%s && echo x > mnt/mn/install'
                             '/%s/f' % (name, name))
            self.assertEqual(writable, not done.returncode, done)
        self.assertEqual({'f': 2}, self.images('/install/staging'))
        self.assertNotEqual(0, linux.run(
            'ls ' + self.mn('/install')).returncode)


class CaptureRefusalTest(ImageCase):

    def setUp(self):
        super().setUp()
        self.pool('p', line('free', SOURCE), line('free', OTHER, ranges=''))
        before = self.lines('p')
        self.addCleanup(lambda: self.assertEqual(before, self.lines('p')))

    def test_the_number_of_words(self):
        self.assertEqual(['host1: (Error) Wrong number of parameters'],
                         self.capture('prof', W1))

    def test_compression(self):
        for word in ('10', 'x', '-1'):
            self.assertEqual(
                ['host1: (Error) compression property is not a single digit '
                 'from 0 to 9'], self.capture('prof', W1, SOURCE, word))

    def test_no_fcp_device(self):
        self.assertEqual(
            ['host1: (Error) A suitable FCP channel could not be found',
             'host1: (Error) zFCP device cannot be reserved'],
            self.capture('prof', W1, OTHER)[-2:])

    def test_a_lun_in_no_pool_leaves_a_folder_in_staging(self):
        self.assertIn('(Error) In findzFcpDevicePool(), command to',
                      self.capture('prof', W2, TARGET)[-1])
        self.assertEqual(
            ['prof'], [*self.images('/install/staging/unknown/s390x')])

    def test_the_zhcp_is_down(self):
        self.event(zhcp='down')
        self.addCleanup(self.event, zhcp='up')
        self.assertEqual(
            ['(Error) In establishMount(), SSH communication to '
             'zhcp1.example.com failed for command: ssh '
             'root@zhcp1.example.com " mount"'],
            self.capture('prof', W1, SOURCE))
        self.assertEqual(
            ['host1: changeHypervisor() is unable to communicate with zHCP '
             'agent: zhcp1.example.com'],
            self.capture('prof', W1, SOURCE, '6'))
        self.assertEqual({}, self.images('/install/staging/unknown/s390x'))


class OldZhcpTest(ImageCase):
    """A zHCP without the programs: nobody looks at an exit status."""

    @staticmethod
    def describe(world):
        copies.describe(world)
        world['lpars']['host1']['zhcp']['linux'] = {
            'missing': ['creatediskimage', 'unpackdiskimage']}

    def test_it_is_told_to_be_done(self):
        self.fill_both()
        self.pool('p', line('free', SOURCE), line('free', TARGET))
        self.assertEqual(COMPLETED, self.capture(
            'prof', W1, SOURCE, 'no digit')[-1])
        self.assertEqual({}, self.images())
        with open(self.mn(FOLDER + '/x.img'), 'w'):
            pass
        before = self.contents(TARGET)
        self.assertEqual(DEPLOYED, self.deploy(IMAGE, W1, TARGET)[-1])
        self.assertEqual(before, self.contents(TARGET))


class DeployTest(ImageCase):

    def setUp(self):
        super().setUp()
        self.fill_both()
        self.pool('p', line('free', SOURCE))
        self.capture('prof', W1, SOURCE)

    def test_onto_a_lun_in_use(self):
        """It is not refused, and nobody has it afterwards."""
        self.pool('p', line('used', TARGET, rest='guest1,3B05,tag'))
        self.assertEqual(DEPLOYED, self.deploy(IMAGE, W1, TARGET)[-1])
        self.assertEqual(self.contents(SOURCE), self.contents(TARGET))
        self.assertEqual([line('reserved', TARGET)], self.lines('p'))

    def test_a_failure_leaves_it_reserved_too(self):
        os.truncate(self.lpar.disk(W1, TARGET).path, 8 << 20)
        self.pool('p', line('free', TARGET))
        self.assertEqual(NOT_DEPLOYED, self.deploy(
            IMAGE, W1, TARGET)[-1][:len(NOT_DEPLOYED)])
        self.assertEqual([line('reserved', TARGET)], self.lines('p'))

    def test_a_list_of_wwpns(self):
        """The zHCP's shell ends the command at the semicolon."""
        several = W1 + ';' + W2
        self.pool('p', line('free', TARGET, wwpn=several))
        before = self.contents(TARGET)
        texts = self.deploy(IMAGE, several, TARGET)
        self.assertIn('(Error) Image deploy to volume 0x%s/0x%s failed on '
                      'the zHCP node. Reason: ' % (several, TARGET),
                      texts[-1])
        self.assertEqual(before, self.contents(TARGET))
        self.assertEqual([line('reserved', TARGET, wwpn=several)],
                         self.lines('p'))

    def test_the_zhcp_goes_down(self):
        self.pool('p', line('free', TARGET))
        self.down_at('unpackdiskimage')
        self.assertEqual(
            [USING, 'host1: (Error) FCP storage pool does not exist',
             DEPLOYED], self.deploy(IMAGE, W1, TARGET)[-3:])
        self.assertEqual([line('used', TARGET, rest='zhcp1,3B00,')],
                         self.lines('p'))

    def test_refusals(self):
        self.pool('p', line('free', TARGET, ranges=''))
        before = self.lines('p')
        for words, text in (
                ((IMAGE, W1), 'Missing one or more arguments: image name, '
                              'wwpn, or lun'),
                (('prof', W1, TARGET), 'The image name is not valid'),
                (('a-b-c-', W1, TARGET), 'The image name is not valid'),
                (('a-b-c-none', W1, TARGET), '/install/raw/unknown/s390x/none'
                 ' does not contain image files'),
                (('a-b-c-' + '../' * 9, W1, TARGET), '/install/raw/unknown/'
                 's390x/%s does not contain image files' % ('../' * 9))):
            self.assertEqual(['host1: (Error) ' + text], self.deploy(*words))
        self.assertEqual('host1: (Error) zFCP device cannot be reserved',
                         self.deploy(IMAGE, W1, TARGET)[-1])
        self.assertEqual(before, self.lines('p'))

    def test_any_name_that_ends_in_the_profile_will_do(self):
        self.pool('p', line('free', TARGET))
        self.assertEqual('host1: Completed deploying image(x-y-z-prof)',
                         self.deploy('x-y-z-prof', W1, TARGET)[-1])
