# SPDX-License-Identifier: Apache-2.0
"""creatediskimage and unpackdiskimage of the zHCP, for SCSI disks.

    creatediskimage [--compression N] FCP 0xWWPN 0xLUN FILE
    unpackdiskimage FCP 0xWWPN 0xLUN FILE

Both dedicate the FCP device to the zHCP's active configuration, set it
online, add the unit and look for the zfcp name in dev/disk/by-path, and undo
that at the end. Everything is said on stdout; an error is a line with
"ERROR: ". Exit statuses: 0, 1 wrong arguments, 3 failed.

dd reads the disk, and gzip what dd gives (level 6 unless --compression says
otherwise): a dd that fails is seen with level 0 only, else the image is
empty and all is well.
"""
import contextlib
import errno
import os
import zlib

from xcat_simulator.machine import blocks
from xcat_simulator.machine import diskimage
from xcat_simulator.machine import distro
from xcat_simulator.machine import rootfs
from xcat_simulator.machine.tools import usage
from xcat_simulator.machine import zfcp

VERSION = '2.0'
WRONG, FAILED = 1, 3
DEFAULT_LEVEL = '6'


class _Failed(Exception):
    """Ends the program: exit status and the text behind ERROR."""

    def __init__(self, text, code=FAILED):
        super().__init__(text)
        self.code = code


class _Job:
    """One run: what it is asked, and what it has said."""

    def __init__(self, node, request):
        self.node = node
        self.name = request.name
        self._folder = request.folder
        self.out = ''
        self._sd = None
        chosen, self.words = usage.options(
            request.arguments, 'hVvx', ['help', 'version', 'verbose', 'debug',
                                        'compression='])
        self.given = {name.lstrip('-')[0] if name != '-V' else 'version':
                      value for name, value in chosen}
        self.flags = {name for name, _value in chosen}

    def say(self, text):
        self.out += text + '\n'

    def check(self):
        if len(self.words) != 4:
            raise _Failed('Missing required parameter.\nUSAGE: %s [OPTIONS] '
                          'CHANNEL_ID WWPN LUN IMAGE_FILE' % self.name, WRONG)
        self.channel, self.wwpn, self.lun = (
            word.lower() for word in self.words[:3])
        if len(self.wwpn) < 18 or len(self.lun) < 18:
            raise _Failed('WWPN and LUN must be a 16 byte number.', WRONG)
        self.level = self.given.get('c', DEFAULT_LEVEL)
        if len(self.level) != 1 or not self.level.isdigit():
            raise _Failed('Compression operand is not between 0 and 9, '
                          'inclusive: %s' % self.level, WRONG)
        self.level = int(self.level)
        for title, value in (('FCP CHANNEL', self.channel),
                             ('WWPN', self.wwpn), ('LUN', self.lun),
                             ('IMAGE FILE', self.words[3])):
            self.say('%-15s "%s"' % (title + ':', value))
        self.say('')

    def file(self, write=False):
        """The image's path on the host; raises OSError outside the node."""
        return self.node.reach(
            os.path.join(self._folder, self.words[3])
            if not self.words[3].startswith('/') or self.words[3].startswith(
                self.node.folder + '/')
            else self.node.folder + self.words[3], write)

    @contextlib.contextmanager
    def disk(self):
        """The disk's file while it is attached."""
        node, userid = self.node, self.node.vm.userid
        answer = node.vm.lpar.smapi('Image_Device_Dedicate', userid,
                                    self.channel, self.channel)
        if answer.rc:
            raise _Failed('An error was encountered while connecting to the '
                          'dedicate device. Response: %s'
                          % ' '.join(answer.text.split()))
        try:
            yield self._connect()
        finally:
            self._disconnect()
            node.vm.lpar.smapi('Image_Device_Undedicate', userid,
                               self.channel)

    def _connect(self):
        node, found = self.node, None
        with node.lock:
            adapter = self._adapter()
            if adapter is not None:
                node.kernel.set_online(adapter, True)
                port = adapter.ports.get(self.wwpn[2:])
                if port is not None and self.lun[2:] not in port.units:
                    node.kernel.unit_add(port, self.lun[2:])
        node.udev.settle(60)
        with node.lock:
            if distro.ZFCP_PATHS in node.distro.by_path and adapter:
                port = adapter.ports.get(self.wwpn[2:])
                found = port and port.disks.get(self.lun[2:])
            if found is not None:
                self._sd = found
                return found.disk.path
        self.say('ERROR: An error was encountered while locating disk.')
        raise _Failed('An error was encountered while attaching disk.'
                      if self.name == 'creatediskimage' else
                      'Failed to connect disk: ccw-0.0.%s-%s:%s.'
                      % (self.channel, self.wwpn, self.lun))

    def _adapter(self):
        return self.node.kernel.adapters.get(zfcp.bus_id(self.channel))

    def _disconnect(self):
        node = self.node
        with node.lock:
            adapter = self._adapter()
            if adapter is None:
                return
            port = adapter.ports.get(self.wwpn[2:])
            if port is not None and self.lun[2:] in port.disks:
                node.kernel.delete(port.disks[self.lun[2:]])
            if port is not None and self.lun[2:] in port.units:
                node.kernel.unit_remove(port, self.lun[2:])
            node.kernel.set_online(adapter, False)

    def dd_fails(self):
        return rootfs.dd_fails(self.node) is True

    def cannot_read(self):
        return self.dd_fails() or blocks.conflict(self._sd, False)

    def writable(self, most):
        """How many blocks of a disk of so many dd can write."""
        fails = rootfs.dd_fails(self.node)
        if blocks.conflict(self._sd, True):
            return 0
        return most if isinstance(fails, bool) else min(
            most, fails // diskimage.BLOCK)


def creatediskimage(node, request):
    """See the module."""
    job = _Job(node, request)
    if job.flags & {'-V', '--version'}:
        return 0, VERSION + '\n', ''
    return _run(job, _create, 'Image creation successful.',
                'IMAGE CREATION FAILED.')


def unpackdiskimage(node, request):
    """See the module."""
    return _run(_Job(node, request), _unpack,
                'Deploying image to FCP disk successful.',
                'IMAGE DEPLOYMENT FAILED.')


def _run(job, work, well, badly):
    if job.flags & {'-h', '--help'}:
        return 0, 'USAGE: %s [OPTIONS] CHANNEL_ID WWPN LUN IMAGE_FILE\n' \
            % job.name, ''
    try:
        job.check()
        work(job)
    except _Failed as failed:
        job.say('ERROR: %s' % failed)
        job.say('\n' + badly)
        return failed.code, job.out, ''
    job.say(well)
    return 0, job.out, ''


def _create(job):
    try:
        path = job.file(write=True)
    except OSError as error:
        raise _Failed('An error was encountered while creating disk image. %s'
                      % error.strerror)
    if os.path.lexists(path):
        raise _Failed('The specified image file already exists.')
    try:
        with job.disk() as disk, open(path, 'xb') as image, \
                open(disk, 'rb') as source:
            _capture(job, source, image)
    except OSError as error:
        _remove(path)
        raise _Failed('An error was encountered while creating disk image. %s'
                      % error.strerror)
    except _Failed:
        _remove(path)
        raise


def _capture(job, source, image):
    if job.node.trouble.full:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    size = os.fstat(source.fileno()).st_size
    diskimage.write_header(image, size // diskimage.BLOCK, job.level)
    if not job.cannot_read():
        diskimage.pack(source, image, job.level)
    elif not job.level:
        raise _Failed('An error was encountered while creating disk image. '
                      'dd: error reading: Input/output error')


def _remove(path):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _unpack(job):
    try:
        path = job.file()
        image = open(path, 'rb')
    except OSError:
        raise _Failed('The specified image file was not found: %s.'
                      % job.words[3])
    with image:
        try:
            # It looks at the header with dd.
            if job.dd_fails():
                raise diskimage.NoImage('Disk image type not recognized')
            blocks, level = diskimage.read_header(image)
        except diskimage.NoImage as error:
            raise _Failed(str(error))
        with job.disk() as disk:
            _deploy(job, image, blocks, level, disk)


def _deploy(job, image, blocks, level, disk):
    there = os.path.getsize(disk) // diskimage.BLOCK
    name = os.path.basename(job.words[3])
    if not blocks:
        raise _Failed('%s does not contain block information.  This appears '
                      'to be a dummy image file.' % name)
    if blocks > there:
        raise _Failed('Target disk is too small for specified image, deploy '
                      'to target disk:%d bytes, image need minimum:%d bytes'
                      % (there, blocks))
    with open(disk, 'r+b') as target:
        try:
            diskimage.unpack(image, _Bounded(target, job.writable(there)),
                             level)
        except (EOFError, OSError, zlib.error) as error:
            raise _Failed('Failed deploying disk image %s %s' % (name, error))


class _Bounded:
    """A disk that ends where it ends, and keeps zeroes as holes."""

    def __init__(self, stream, blocks):
        self._stream, self._size = stream, blocks * diskimage.BLOCK
        self._offset = 0

    def seek(self, offset):
        self._offset = offset

    def write(self, data):
        if self._offset + len(data) > self._size:
            raise OSError('No space left on device')
        fd = self._stream.fileno()
        if data.strip(b'\0') or not diskimage.is_hole(
                fd, self._offset, len(data)):
            os.pwrite(fd, data, self._offset)
