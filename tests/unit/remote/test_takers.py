# SPDX-License-Identifier: Apache-2.0
"""Who on the zHCP would take a disk: LVM, md, multipath as configured."""

import importlib.resources
import os
import pathlib
import shutil

import testtools

from tests.unit.remote import local
from zvm_common import takers

_HOST = ('awk', 'cat', 'cut', 'grep', 'sh', 'tr')
_FULL = '''config {
    checks=1
}
devices {
    dir="/dev"
    use_devicesfile=%d
    devicesfile="system.devices"
    filter=["r|.*|"]
    global_filter=%s
}
global {
    event_activation=%d
}
'''.replace('    ', '\t')
_ALL = '["a|.*|"]'
# As newer and older multipath-tools print it, without the devices they know.
_CONFIG = '''defaults {
    verbosity 2
    wwids_file "/etc/multipath/wwids"
    find_multipaths %s
}
blacklist {
    devnode "!^(sd[a-z]|dasd[a-z]|nvme[0-9])"
    device {
        vendor "SGI"
        product "Universal Xport"
    }
    %s
}
blacklist_exceptions {
    property "(SCSI_IDENT_|ID_WWN)"
    %s
}
devices {
    device {
        vendor "IBM"
        product "^2107900"
        path_grouping_policy "group_by_prio"
    }
}
'''.replace('    ', '\t')
_OLD_CONFIG = '''blacklist {
    devnode "^(ram|raw|loop|fd|md|dm-|sr|scd|st)[0-9]*"
    devnode "^(td|hd|vd)[a-z]"
    devnode "^dcssblk[0-9]*"
}
'''.replace('    ', '\t')
_WWID = '600507630affc29f0000000000001400'


class Base(testtools.TestCase):

    shell = ('dash',)

    def setUp(self):
        super().setUp()
        if not shutil.which(self.shell[0]):
            self.skipTest('%s is not installed' % self.shell[0])
        self.node = self.useFixture(local.LocalZhcp(self.shell))
        self.root = pathlib.Path(self.node.root)
        for name in _HOST:      # and nothing else that this machine has
            if not (self.root / 'bin' / name).exists():
                os.symlink(shutil.which(name), self.root / 'bin' / name)
        folder = importlib.resources.files('zvm_common.remote')
        self.write('parts', ''.join(
            folder.joinpath(part + '.sh').read_text()
            for part in ('common', 'takers')) + '\nshift 2\n"$@"\n')

    def write(self, name, text):
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        self.node.write(name, text)

    def run_function(self, *words):
        """What a function prints; None when it fails and prints nothing."""
        done = self.node.run('PATH="$ZVM_ROOT/bin"; sh "$ZVM_ROOT/parts" '
                             'op verb ' + ' '.join(words))
        self.assertEqual('', done.stderr)
        if not done.ok:
            self.assertEqual('', done.stdout)
            return None
        return done.stdout.strip()

    def lvm(self, devicesfile=0, filters=_ALL, event=1):
        self.write('says', _FULL % (devicesfile, filters, event))
        self.node.tool('lvmconfig', '[ "$*" = "--type full" ] || exit 3\n'
                       'cat "$ZVM_ROOT/says"\n')

    def multipath(self, config, running=True, enabled=True):
        self.write('config', config)
        self.node.tool('systemctl', 'case $2 in is-active) %s ;; is-enabled) '
                       '%s ;; esac\n' % (str(running).lower(),
                                         str(enabled).lower()))
        for name, words in (('multipathd', 'show config'),
                            ('multipath', '-t')):
            self.node.tool(name, '[ "$*" = "%s" ] || exit 1\n'
                           'echo %s >"$ZVM_ROOT/asked"\n'
                           'cat "$ZVM_ROOT/config"\n' % (words, name))


class LvmTest(Base):

    def takes(self, filters):
        self.lvm(filters=filters)
        return {'lvm': True, '': False}[self.run_function('takers')]

    def test_nothing_is_installed(self):
        self.assertEqual('', self.run_function('takers'))

    def test_it_takes_all_unless_told_otherwise(self):
        self.lvm()
        self.assertEqual('lvm', self.run_function('takers'))
        self.lvm(event=0)
        self.assertEqual('', self.run_function('takers'))

    def test_a_devices_file_counts_when_it_is_there(self):
        self.lvm(devicesfile=1)
        self.assertEqual('lvm', self.run_function('takers'))
        self.write('etc/lvm/devices/system.devices', '')
        self.assertEqual('', self.run_function('takers'))
        self.lvm(devicesfile=0)
        self.assertEqual('lvm', self.run_function('takers'))

    def test_what_cannot_be_asked_takes(self):
        self.node.tool('lvmconfig', 'exit 5\n')
        self.assertEqual('lvm', self.run_function('takers'))
        self.node.tool('lvm', '[ "$1" = dumpconfig ] || exit 3\n'
                       'echo \'devices {\nglobal_filter="r/.*/"\n}\'\n')
        self.assertEqual('', self.run_function('takers'))

    def test_filters_that_keep_it_off(self):
        for filters in ('["r|.*|"]', '"r|.*|"', '["r/.*/","a/.*/"]',
                        '["a|^/dev/dasd|","r|.*|"]', '["r|^/dev/sd|"]',
                        '["r|/dev/sd.*|"]', '["r|^/dev/sd[a-z]+[0-9]*$|"]',
                        '[ "a|/dev/dasd.*|", "r|.*|" ]', '["r{.*}"]',
                        '["a|^/dev/mapper/mpatha$|","r|^/dev/|"]',
                        '["a|^/dev/disk/by-id/scsi-3%s$|","r|.*|"]' % _WWID):
            self.assertFalse(self.takes(filters), filters)

    def test_filters_that_do_not(self):
        for filters in (_ALL, '[]', '["r|/dev/cdrom|","a|.*|"]',
                        '["r|/dev/sd.*|","a|.*|"]', '["a|^/dev/dasd|"]',
                        # another of its names is accepted
                        '["r|^/dev/sd|","a|^/dev/disk/by-id/|"]',
                        '["a|/dev/disk/by-path/ccw.*|","r|.*|"]',
                        # a label of the tenant's; any disk; some disks
                        '["a|dasd|","r|.*|"]',
                        '["a|/dev/disk/by-label/root|","r|.*|"]',
                        '["a#/dev/dasd|root#","r|.*|"]',
                        '["a|^/dev/sdq$|","r|.*|"]', '["r|/dev/sda|"]',
                        '["r|/dev/sd[a-c]|"]', '["r|/dev/sd.$|"]',
                        '["r|^/dev/disk/|"]', '["r|\\\\.*|"]', '["r|[|"]'):
            self.assertTrue(self.takes(filters), filters)


class MdTest(Base):

    def setUp(self):
        super().setUp()
        self.node.tool('mdadm', 'exit 1\n')

    def takes(self, text, name='etc/mdadm.conf'):
        self.write(name, text)
        return {'md': True, '': False}[self.run_function('takers')]

    def test_without_a_file(self):
        self.assertEqual('md', self.run_function('takers'))

    def test_lines_that_keep_it_off(self):
        for text in ('AUTO -all\n', 'auto -ALL', 'AUTO -1.x -all\n', 'Aut no',
                     'MAILADDR root\nAUTO   -all # none\n',
                     'AUTO\n  -all\n', 'AUTO -all\nAUTO +all\n',
                     'AUTO -all\nARRAY /dev/md0 metadata=1.2 UUID=1:2:3:4\n'
                     'ARRAY <ignore> name=x\nPOLICY action=re-add\n'):
            self.assertFalse(self.takes(text), text)

    def test_lines_that_do_not(self):
        for text in ('', '#AUTO -all\n', 'AUTO +all\n', 'AUTO +imsm -all\n',
                     'AUTO homehost -all\n', 'AUTO -1.x\n', 'AUTO yes\n',
                     'AUTO +all\nAUTO -all\n', 'AUTO # -all\n',
                     'AUTO -all\nARRAY /dev/md0 name=zhcp1:0\n',
                     'AUTO -all\nPOLICY domain=x action=force-spare\n',
                     'AUTO -all\nPOLICY auto=yes\n', 'AUTOMATIC -all\n'):
            self.assertTrue(self.takes(text), text)

    def test_folders_and_the_place_of_debian(self):
        self.assertTrue(self.takes('MAILADDR root\n',
                                   'etc/mdadm/mdadm.conf'))
        self.assertFalse(self.takes('AUTO -all\n',
                                    'etc/mdadm/mdadm.conf.d/a.conf'))
        self.assertTrue(self.takes('AUTO +all\n', 'etc/mdadm.conf'))
        self.assertFalse(self.takes('AUTO -all\n', 'etc/mdadm.conf'))


class MultipathTest(Base):

    def takes(self, config, **states):
        self.multipath(config, **states)
        return {'multipath': True, '': False}[self.run_function('takers')]

    def asked(self):
        return self.node.read('asked').strip()

    def test_one_that_does_not_run_is_not_asked(self):
        config = _CONFIG % ('on', '', '')
        self.assertFalse(self.takes(config, running=False, enabled=False))
        self.assertFalse((self.root / 'asked').exists())
        self.assertTrue(self.takes(config, running=False))
        self.assertEqual('multipath', self.asked())
        self.assertTrue(self.takes(config, enabled=False))
        self.assertEqual('multipathd', self.asked())

    def test_without_systemd(self):
        self.multipath(_OLD_CONFIG)
        (self.root / 'bin/systemctl').unlink()
        self.assertEqual('multipath', self.run_function('takers'))
        self.assertEqual('multipath', self.asked())
        self.write('var/run/multipathd.pid', '1\n')
        self.assertEqual('multipath', self.run_function('takers'))
        self.assertEqual('multipathd', self.asked())

    def test_what_it_does_not_tell_takes(self):
        self.assertTrue(self.takes(''))
        self.node.tool('multipathd', 'exit 1\n')
        self.assertEqual('multipath', self.run_function('takers'))

    def test_lists_that_keep_it_off(self):
        for find, black, white in (
                ('"strict"', '', ''), ('strict', '', ''),
                ('"on"', 'devnode "^sd[a-z]"', ''),
                ('yes', 'devnode "^sd"', 'wwid "3600"'),
                ('"on"', 'devnode ".*"', 'devnode "^dasd"'),
                ('"on"', 'devnode "!^dasd[a-z]"', ''),
                ('"on"', 'protocol "scsi:fcp"', ''),
                ('"on"', 'wwid ".*"', 'wwid "%s"' % _WWID)):
            self.assertFalse(self.takes(_CONFIG % (find, black, white)),
                             (find, black, white))

    def test_lists_that_do_not(self):
        for find, black, white in (
                ('"on"', '', ''), ('"smart"', '', ''), ('"off"', '', ''),
                ('"on"', 'devnode "^sd[a-c]"', ''),
                ('"on"', 'devnode "^sd[a-z]$"', ''),
                ('"on"', 'devnode ".*"', 'devnode "^sd"'),
                ('"on"', 'wwid "%s"' % _WWID, ''),
                ('"on"', 'wwid ".*"', 'wwid "^36"'),
                ('"on"', 'protocol ".*"', 'protocol "scsi:fcp"'),
                ('"on"', 'property ".*"', ''), ('"on"', 'devnode "*"', ''),
                ('"on"', 'devnode "["', '')):
            self.assertTrue(self.takes(_CONFIG % (find, black, white)),
                            (find, black, white))


class TakenByTest(Base):

    def setUp(self):
        super().setUp()
        self.write('sys/block/sdc/device/wwid', 'naa.%s\n' % _WWID)
        self.write('proc/mounts', '')
        self.write('proc/swaps', '')

    def test_nobody(self):
        self.assertIsNone(self.run_function('taken_by', 'sdc'))
        self.lvm(event=0)
        self.multipath(_CONFIG % ('strict', '', ''))
        self.assertIsNone(self.run_function('taken_by', 'sdc'))

    def test_who_has_it(self):
        self.lvm()
        self.write('sys/block/sdc/holders/dm-3/dev', '')
        self.assertEqual('holder:dm-3', self.run_function('taken_by', 'sdc'))

    def test_who_would_take_it(self):
        self.lvm()
        self.assertEqual('would-take:lvm',
                         self.run_function('taken_by', 'sdc'))
        self.node.tool('mdadm', 'exit 1\n')
        self.multipath(_CONFIG % ('on', '', ''))
        self.assertEqual('would-take:lvm;md;multipath',
                         self.run_function('taken_by', 'sdc'))
        self.lvm(event=0)
        self.assertEqual('would-take:md;multipath',
                         self.run_function('taken_by', 'sdc'))

    def test_multipath_is_asked_about_this_disk(self):
        self.multipath(_CONFIG % ('on', 'wwid "3%s"' % _WWID, ''))
        self.assertEqual('multipath', self.run_function('takers'))
        self.assertIsNone(self.run_function('taken_by', 'sdc'))
        self.multipath(_CONFIG % ('on', 'wwid ".*"', 'wwid "3%s"' % _WWID))
        self.assertEqual('', self.run_function('takers'))
        self.assertEqual('would-take:multipath',
                         self.run_function('taken_by', 'sdc'))

    def test_a_disk_that_had_a_map_gets_one_again(self):
        self.multipath(_CONFIG % ('strict', '', ''))
        self.write('etc/multipath/wwids', '# known\n/3%s/\n' % _WWID)
        self.assertEqual('', self.run_function('takers'))
        self.assertEqual('would-take:multipath',
                         self.run_function('taken_by', 'sdc'))


class AdviceTest(Base):
    """What an operator is told to write is what is looked for."""

    def test_each(self):
        filters = '[' + takers.ADVICE['lvm'].split('[')[1].split(']')[0] + ']'
        self.lvm(filters=filters)
        self.node.tool('mdadm', 'exit 1\n')
        self.write('etc/mdadm.conf', takers.ADVICE['md'].split('  ')[1])
        printed = takers.ADVICE['multipath'].split("printf '")[1].split("'")[0]
        self.multipath(printed.replace('\\n', '\n'))
        self.assertEqual('', self.run_function('takers'))


class BashLvmTest(LvmTest):
    shell = ('bash',)


class BashMdTest(MdTest):
    shell = ('bash',)


class BashMultipathTest(MultipathTest):
    shell = ('bash',)


class BashTakenByTest(TakenByTest):
    shell = ('bash',)


class BusyboxLvmTest(LvmTest):
    shell = ('busybox', 'sh')


class BusyboxMdTest(MdTest):
    shell = ('busybox', 'sh')


class BusyboxMultipathTest(MultipathTest):
    shell = ('busybox', 'sh')


class BusyboxTakenByTest(TakenByTest):
    shell = ('busybox', 'sh')
