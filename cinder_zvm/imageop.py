# SPDX-License-Identifier: Apache-2.0
"""Image -> LUN and LUN -> image.

Cinder's own image_utils fetches, inspects and converts, in files below
``image_conversion_dir``.  Between such a file and the LUN there is one TLS
connection, which the zHCP opens to a process of this host that serves it
once: nothing is staged on the management node, and no image data pass it.
"""

import contextlib
import dataclasses
import json
import os
import uuid

from cinder import exception
from cinder.image import image_utils
from cinder import utils
from cinder.volume import volume_utils
from oslo_concurrency import processutils
from oslo_config import cfg
from oslo_log import log as logging

from zvm_common import exceptions
from zvm_common import model
from zvm_common.pool import streams
from zvm_common import stream

from cinder_zvm import errors
from cinder_zvm import volumeop

LOG = logging.getLogger(__name__)

# The zHCP has told the end of a transfer; this end of it knows at once (s).
_KNOWN = 30

_PREFIX = 'zvm_volume_'


@dataclasses.dataclass(frozen=True)
class _Ends:
    """How the zHCP reaches this host; see the options of these names."""

    address: str
    ports: tuple
    zhcp_address: str


class Transfers:
    """Bytes between files of this host and LUNs of one back-end.

    :param volumes: cinder_zvm.volumeop.VolumeOperations
    :param settings: zvm_common.conf.Settings
    """

    def __init__(self, volumes, settings):
        self._volumes = volumes
        self._pool = volumes.pool
        self._seconds = settings.job_timeout
        self._ends = _Ends(str(settings.stream_address or cfg.CONF.my_ip),
                           settings.stream_ports,
                           str(settings.zhcp_address or ''))

    def probe(self):
        """Let the zHCP come to this host as it would for an image.

        :returns: its address
        :raises ZvmError: it cannot, with curl's words
        """
        operation = str(uuid.uuid4())
        with self._endpoint('probe', None) as end:
            end.admit(streams.trial_token(operation),
                      self._ends.zhcp_address or None)
            return streams.probe(self._pool, end.address, end.port, end.pin,
                                 operation)

    def fill(self, volume_id, path):
        """Make a volume's LUN what a raw file is, and zero behind its end.

        :param volume_id: the volume's name_id
        :param path: of a raw image
        :raises StreamFailed: nothing of the image is left on the LUN
        :raises ZvmError: the volume is not at rest, or nothing has begun
        """
        lun = self._volumes.at_rest(volume_id)
        return self._transfer('fill', lun, path)

    def send(self, volume_id, path, gib):
        """Make a raw file of what a volume's LUN has.

        :param volume_id: the volume's name_id
        :param path: of a file, which is overwritten
        :param gib: the volume's size; the file is larger where the guest has
            written behind it, as the LUN may be larger than the volume
        :returns: Outcome
        """
        lun = self._volumes.at_rest(volume_id)
        return self._transfer('send', lun, path,
                              model.Capacity.from_gib(gib).bytes)

    def _transfer(self, direction, lun, path, *size):
        operation = str(uuid.uuid4())
        with self._endpoint(direction, path,
                            limit=lun.size.bytes if size else None) as end:
            begun = self._begin(direction, lun, *size, end.address, end.port,
                                end.pin, self._seconds, operation)
            end.admit(begun.token, self._peer(begun.address))
            found = self._volumes.wait(lun.volume_id)
            return _agreed(end, found, operation)

    def _begin(self, direction, lun, *args):
        try:
            return getattr(streams, direction)(self._pool, lun, *args)
        except (exceptions.OutcomeUnknown, exceptions.BadAnswer):
            # one that comes late would write zeros before it finds nobody
            volumeop.cancelled(
                self._pool, lun.volume_id, args[-1], 'an image is on its way',
                'It finds nobody here, and a volume that was to get it is '
                'wiped.')
            raise

    def _endpoint(self, direction, path, **more):
        return stream.Endpoint(
            direction, path, self._ends.address, ports=self._ends.ports,
            seconds=self._seconds, peer=self._ends.zhcp_address or None,
            **more)

    def _peer(self, told):
        found = self._ends.zhcp_address or told
        if not found:
            raise exceptions.ConfigurationError(
                'zHCP %s does not tell the address from which it reaches %s'
                % (self._pool.zhcp.name, self._ends.address),
                advice='Install iproute on the zHCP, or set '
                       'zvm_zhcp_address.')
        return found


def _agreed(end, found, operation):
    """What both ends say of a transfer; what went wrong at either."""
    if found is None:
        raise exceptions.StreamFailed('The volume was deleted meanwhile')
    try:
        there = streams.outcome(found, operation)
    except exceptions.StreamFailed as err:
        try:
            end.result(0)
        except exceptions.ZvmError as here:
            raise exceptions.StreamFailed(
                'zHCP: %s; this host: %s' % (err.message, here.message)
            ) from err
        raise
    here = end.result(_KNOWN)
    if (here.size, here.sha256) != (there.size, there.sha256):
        raise exceptions.StreamFailed(
            'The two ends do not agree: %d bytes with SHA-256 %s on this '
            'host, %d with %s on the LUN' % (here.size, here.sha256,
                                             there.size, there.sha256))
    return here


# --- files of images


@contextlib.contextmanager
def raw_image(context, image_service, image_id, gib, blocksize):
    """The path of an image's raw form, which is deleted afterwards.

    :param gib: size of the volume; a larger image is refused
    :raises ImageUnacceptable: a backing file, another format than Glance
        says, cut off, damaged, empty
    :raises ImageTooBig: larger than the volume, or than the free space
    """
    with _fetched(context, image_service, image_id) as file:
        meta = image_service.show(context, image_id)
        _check_whole(file, meta)
        with image_utils.temporary_file(prefix=_PREFIX) as path:
            image_utils.fetch_to_raw(context, image_service, image_id, path,
                                     blocksize, size=gib, run_as_root=False)
            if not os.path.getsize(path):
                raise _unacceptable(meta, 'it is empty')
            yield path


@contextlib.contextmanager
def _fetched(context, image_service, image_id):
    """The file of an image; the manager may have fetched it already."""
    known = image_utils.TemporaryImages.for_image_service(
        image_service).get(context, image_id)
    if known:
        yield known
        return
    with image_utils.TemporaryImages.fetch(image_service, context,
                                           image_id) as file:
        yield file


def _check_whole(file, meta):
    """Refuse what was cut off on its way to Glance, or to here.

    qemu-img converts the missing end of a qcow2 file to zeros.
    """
    size = os.path.getsize(file)
    if meta.get('size') is not None and size != meta['size']:
        raise _unacceptable(meta, 'it has %d bytes, and Glance says %s'
                            % (size, meta['size']))
    if meta.get('container_format') == 'compressed':
        return
    if _is_damaged(file, image_utils.fixup_disk_format(meta['disk_format'])):
        raise _unacceptable(meta, 'qemu-img check finds it damaged or cut '
                            'off')


def _is_damaged(file, kind):
    """What it cannot check or open is left to the conversion."""
    # an error for each cluster of a large file would come to stderr
    said, _ = utils.execute(
        'sh', '-c', 'exec "$@" 2>/dev/null', 'sh', 'qemu-img', 'check',
        '--output=json', '-f', kind, file,
        prlimit=_limits(), check_exit_code=False)
    try:
        found = json.loads(said) if said else {}
    except ValueError:
        return True
    return bool(found.get('corruptions') or found.get('check-errors'))


def _limits():
    """As for every look of Cinder's at an image."""
    return processutils.ProcessLimits(
        cpu_time=cfg.CONF.image_introspection_cpu_limit,
        address_space=cfg.CONF.image_introspection_address_space_limit
        * 1024 ** 3)


def _unacceptable(meta, why):
    return exception.ImageUnacceptable(image_id=meta['id'], reason=why)


class Images:
    """Cinder's interface, mixed into the driver."""

    def copy_image_to_volume(self, context, volume, image_service, image_id,
                             disable_sparse=False):
        """Make the volume's LUN what the image is, and zero behind its end.

        :param disable_sparse: not needed: a LUN that has been in use is
            written with zeros first
        :raises ImageUnacceptable, ImageTooBig: nothing has been written
        :raises VolumeBackendAPIException: nothing of the image is left
        """
        with raw_image(context, image_service, image_id, volume.size,
                       self.configuration.volume_dd_blocksize) as path:
            with errors.told('Image %s cannot be copied to volume %s'
                             % (image_id, volume.id)):
                done = self._transfers.fill(volume.name_id, path)
        LOG.info('Volume %(volume)s is image %(image)s (%(size)s bytes, '
                 'SHA-256 %(sum)s).', {'volume': volume.id, 'image': image_id,
                                       'size': done.size, 'sum': done.sha256})

    def copy_volume_to_image(self, context, volume, image_service,
                             image_meta):
        """Fill an image with what the volume's LUN has.

        :raises VolumeIsBusy: the volume is attached
        """
        with image_utils.temporary_file(prefix=_PREFIX) as path:
            with errors.told('Volume %s cannot be copied to image %s'
                             % (volume.id, image_meta['id'])):
                done = self._transfers.send(volume.name_id, path, volume.size)
            if done.size > model.Capacity.from_gib(volume.size).bytes:
                _ask_for_more(context, image_service, image_meta['id'], done)
            volume_utils.upload_volume(context, image_service, image_meta,
                                       path, volume, run_as_root=False)

    def _warn_if_not_reached(self):
        """Say at the start that images will not work; the rest does."""
        try:
            self._transfers.probe()
        except exceptions.ZvmError as err:
            LOG.warning(
                'Back-end %(name)s: images cannot be copied to volumes or '
                'from them, as the zHCP does not reach this host: %(error)s '
                'Everything else works.',
                {'name': self._name(), 'error': err})


def _ask_for_more(context, image_service, image_id, done):
    """The guest has written behind the volume's size, up to the LUN's."""
    size = -(-done.size // 1024 ** 3)
    image_service.update(context, image_id, {'min_disk': size},
                         purge_props=False)
