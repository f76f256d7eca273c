# SPDX-License-Identifier: Apache-2.0
"""The real VolumeManager on SQLite, in this process.

For tests and demonstrations; needs nothing that only tests have.  Cinder's
configuration is global, so one process has one :class:`Cinder`, with any
number of back-ends::

    cinder = start_manager(folder, {'zvmssio1': section(1)}, simulator)
    volume = cinder.create('zvmssio1', 1)
    attachment, info = cinder.attach(volume, connector, instance_uuid)
    cinder.complete(volume, attachment)
    cinder.detach(volume, attachment)
    cinder.delete(volume)

``cinder.tests.unit`` is not imported, as it replaces locks and sleeps.
"""

import configparser
import os
import pathlib
import shutil
import types

# Native threads; read when cinder is imported.
os.environ.setdefault('OS_CINDER_DISABLE_EVENTLET_PATCHING', 'true')

DRIVER = 'cinder_zvm.volumedriver.ZVMVolumeDriver'
HOST = 'demo'
PROJECT = 'a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4'


def section(number, **changes):
    """Options of the back-end for LPAR `number` of a simulated world.

    :param changes: further options; None leaves one out
    :returns: dict, without the server and the CA file
    """
    options = {
        'volume_driver': DRIVER,
        'zvm_xcat_username': 'admin', 'zvm_xcat_password': 'secret',
        'zvm_hypervisor': 'host%d' % number,
        'zvm_scsi_pool': 'zpool%d' % number,
        'zvm_fcp_list': '3B00-3B0D;3C00-3C0D',
        'zvm_zhcp_fcp_list': '3B0E;3C0E',
        'zvm_xcat_connect_timeout': 5, 'zvm_xcat_read_timeout': 60,
    }
    options.update(changes)
    return {name: value for name, value in options.items()
            if value is not None}


def start_manager(workdir, backends, simulator, host=HOST, cluster=None,
                  database=None):
    """A Cinder with a started VolumeManager for each back-end.

    :param workdir: folder for cinder.conf, database, locks; kept there, so
        that a second process finds the state of the first
    :param backends: dict of section name -> options (:func:`section`)
    :param simulator: has `server` (HOST:PORT) and `ca_file`
    :param cluster: name of a cluster that this process is one of
    :param database: see :class:`Cinder`
    :returns: Cinder
    """
    cinder = Cinder(workdir, {
        name: dict({'zvm_xcat_server': simulator.server,
                    'zvm_ca_file': simulator.ca_file}, **options)
        for name, options in backends.items()}, database=database, host=host,
        cluster=cluster)
    for name in backends:
        cinder.start(name)
    return cinder


class Cinder:
    """cinder-volume without its RPC server: configuration, database, managers.

    ``managers`` are the started ones by section name, ``path`` is that of
    cinder.conf.

    :param database: a ready one to begin with, copied where the folder has
        none yet; without it one is made
    :param more: dict of section -> options that cinder.conf gets besides
    """

    def __init__(self, workdir, backends, database=None, host=HOST,
                 cluster=None, more=None):
        self.workdir = pathlib.Path(workdir)
        self.host = host
        self.cluster = cluster
        self.backends = backends
        self.managers = {}
        self.path = self._write_configuration(more or {})
        self._be_root()
        if database is not None and not self.database.exists():
            shutil.copy(database, self.database)
        _configure(self.path, database is None)
        from cinder import context
        self.context = context.get_admin_context()
        self.context.project_id = PROJECT
        self.context.user_id = PROJECT

    @property
    def database(self):
        """The file of the SQLite database."""
        return self.workdir.resolve() / 'cinder.sqlite'

    def _write_configuration(self, more):
        self.workdir.mkdir(parents=True, exist_ok=True)
        (self.workdir / 'locks').mkdir(exist_ok=True)
        conf = configparser.RawConfigParser()
        folder = self.workdir.resolve()
        conf['DEFAULT'] = {
            'host': self.host, 'transport_url': 'fake:/', 'debug': 'true',
            'state_path': folder, 'log_file': folder / 'cinder.log',
            'enabled_backends': ','.join(self.backends),
            # a set-up that fails is not tried again for seconds
            'reinit_driver_count': 0}
        conf['database'] = {
            'connection': 'sqlite:///%s?timeout=60' % self.database}
        conf['oslo_concurrency'] = {'lock_path': folder / 'locks'}
        conf['coordination'] = {'backend_url': 'file://%s' % folder}
        for name, options in self.backends.items():
            conf[name] = {key: str(value).replace('$', '$$') for key, value
                          in dict(options, volume_backend_name=name).items()}
        conf.read_dict(more)
        path = folder / 'cinder.conf'
        with open(path, 'w', encoding='utf-8') as stream:
            conf.write(stream)
        return path

    def _be_root(self):
        """Cinder looks at images by `sudo cinder-rootwrap FILE COMMAND`.

        What it does there any user may do with his own files.
        """
        place = self.workdir.resolve() / 'bin'
        place.mkdir(exist_ok=True)
        (place / 'sudo').write_text('#!/bin/sh\nshift 2\nexec "$@"\n')
        (place / 'sudo').chmod(0o755)
        os.environ['PATH'] = '%s:%s' % (place, os.environ['PATH'])

    def start(self, name):
        """Load the driver as cinder-volume does and run init_host.

        :returns: VolumeManager; its driver.initialized tells whether the
            set-up succeeded
        """
        from cinder.volume import manager
        self._service(name)
        found = manager.VolumeManager(
            volume_driver=self.backends[name]['volume_driver'],
            service_name=name, host='%s@%s' % (self.host, name),
            cluster=self.cluster and '%s@%s' % (self.cluster, name))
        self.managers[name] = found
        found.init_host(service_id=None, added_to_cluster=False)
        return found

    def _service(self, name):
        from cinder import exception
        from cinder import objects
        host = '%s@%s' % (self.host, name)
        try:
            objects.Service.get_by_args(self.context, host, 'cinder-volume')
        except exception.ServiceNotFound:
            objects.Service(self.context, host=host, binary='cinder-volume',
                            topic='cinder-volume', report_count=0,
                            availability_zone=self.backends[name].get(
                                'backend_availability_zone',
                                'nova')).create()

    # what the API and the scheduler would do

    def create(self, backend, gib, **fields):
        """Create a volume on a back-end; the volume, also when that failed.

        :returns: the volume as the database has it afterwards
        """
        volume = self.order(backend, gib, **fields)
        self.make(volume)
        return volume

    def order(self, backend, gib, **fields):
        """The row of a volume that is to be created."""
        from cinder import objects
        from cinder.volume import volume_types
        manager = self.managers[backend]
        pool = self.backends[backend]['zvm_scsi_pool']
        volume = objects.Volume(self.context, **dict({
            'size': gib, 'status': 'creating', 'attach_status': 'detached',
            'host': '%s#%s' % (manager.host, pool),
            'cluster_name': manager.cluster and '%s#%s' % (manager.cluster,
                                                           pool),
            'project_id': PROJECT, 'user_id': PROJECT,
            'availability_zone': 'nova', 'display_name': 'volume',
            'volume_type_id': volume_types.get_default_volume_type(
                self.context)['id']}, **fields))
        volume.create()
        return volume

    def make(self, volume, **spec):
        """What the scheduler asks of cinder-volume; the row is as it left.

        :param spec: such as image_id
        """
        from cinder import objects
        try:
            self._manager(volume).create_volume(
                self.context, volume,
                request_spec=objects.RequestSpec(volume_id=volume.id, **spec),
                filter_properties={}, allow_reschedule=False)
        finally:
            volume.refresh()

    def upload(self, volume, image_id):
        """Let a raw image, which Glance has empty, be the volume's."""
        volume.status = 'uploading'
        volume.save()
        try:
            self._manager(volume).copy_volume_to_image(
                self.context, volume.id, {
                    'id': image_id, 'disk_format': 'raw',
                    'container_format': 'bare'})
        finally:
            volume.refresh()

    def volume(self, volume_id):
        """A volume of the database; VolumeNotFound when it is deleted."""
        from cinder import objects
        return objects.Volume.get_by_id(self.context, volume_id)

    def delete(self, volume):
        """Delete a volume; VolumeNotFound from :meth:`volume` proves it."""
        volume.status = 'deleting'
        volume.save()
        self._manager(volume).delete_volume(self.context, volume)

    def manage(self, volume, reference):
        """Let a LUN be the volume of a row that is ``managing``."""
        try:
            self._manager(volume).manage_existing(self.context, volume,
                                                  reference)
        finally:
            volume.refresh()

    def unmanage(self, volume):
        """As :meth:`delete`, but for the LUN and its data."""
        volume.status = 'unmanaging'
        volume.save()
        self._manager(volume).delete_volume(self.context, volume,
                                            unmanage_only=True)

    def extend(self, volume, gib):
        """To a new size; `error_extending` when that failed."""
        volume.status = 'extending'
        volume.save()
        self._manager(volume).extend_volume(self.context, volume, gib, [])
        volume.refresh()

    def order_snapshot(self, volume):
        """The row of a snapshot that is to be created."""
        from cinder import objects
        snapshot = objects.Snapshot(
            self.context, volume_id=volume.id, status='creating',
            volume_size=volume.size, project_id=PROJECT, user_id=PROJECT,
            display_name='snapshot', volume_type_id=volume.volume_type_id,
            progress='0%', metadata={})
        snapshot.create()
        return snapshot

    def make_snapshot(self, snapshot):
        """What the API asks of cinder-volume; the row is as it left."""
        try:
            self._manager(snapshot.volume).create_snapshot(self.context,
                                                           snapshot)
        finally:
            snapshot.refresh()

    def snapshot(self, snapshot_id):
        """One of the database; SnapshotNotFound when it is deleted."""
        from cinder import objects
        return objects.Snapshot.get_by_id(self.context, snapshot_id)

    def delete_snapshot(self, snapshot):
        snapshot.status = 'deleting'
        snapshot.save()
        self._manager(snapshot.volume).delete_snapshot(self.context, snapshot)

    def revert(self, volume, snapshot):
        """To the snapshot, as the API has prepared both rows."""
        volume.status, snapshot.status = 'reverting', 'restoring'
        volume.save()
        snapshot.save()
        try:
            self._manager(volume).revert_to_snapshot(self.context, volume,
                                                     snapshot)
        finally:
            volume.refresh()

    def attach(self, volume, connector, instance):
        """What Nova's attachment_create and attachment_update lead to.

        :param connector: as the Nova extension makes it
        :param instance: uuid
        :returns: (VolumeAttachment, connection_info)
        """
        from cinder import objects
        attachment = objects.VolumeAttachment(
            self.context, volume_id=volume.id, instance_uuid=instance,
            attach_status='reserved')
        attachment.create()
        info = self._manager(volume).attachment_update(
            self.context, volume, connector, attachment.id)
        attachment.refresh()
        return attachment, info

    def complete(self, volume, attachment):
        """What Nova's attachment_complete leads to, once the guest has it."""
        for row in (volume, attachment):
            row.attach_status = 'attached'
        volume.status = 'in-use'
        attachment.save()
        volume.save()

    def detach(self, volume, attachment):
        """What deleting an attachment leads to."""
        self._manager(volume).attachment_delete(self.context, attachment.id,
                                                volume)
        attachment.destroy()
        volume.refresh()
        volume.status = 'available'
        volume.attach_status = 'detached'
        volume.save()

    def stats(self, backend):
        """What the manager would report to the scheduler."""
        return self.managers[backend].driver.get_volume_stats(refresh=True)

    def _manager(self, volume):
        return self.managers[volume.host.partition('@')[2].partition('#')[0]]


def _configure(path, empty):
    """Cinder's global state, once for a process."""
    from cinder.common import config  # noqa: F401 registers the options
    from cinder import objects
    objects.register_all()
    from cinder import coordination
    from cinder.db import migration
    from cinder import privsep
    from cinder import rpc
    from cinder.volume import manager  # noqa: F401 needs the objects
    from oslo_config import cfg
    from oslo_log import log as logging
    conf = cfg.CONF
    logging.register_options(conf)
    conf(['--config-file', str(path)], project='cinder', version='functional')
    logging.setup(conf, 'cinder')
    if empty:
        migration.db_sync()
    if os.environ['OS_CINDER_DISABLE_EVENTLET_PATCHING'] == 'true':
        _read_images_here()
    # what needs root in production is done by this process, on its own files
    privsep.sys_admin_pctxt.set_client_mode(False)
    rpc.init(conf)
    coordination.COORDINATOR.start()


def _read_images_here():
    """Cinder 29 gives files of images to eventlet's thread pool always.

    Where it does not patch, that hangs as soon as two threads do it.
    """
    from cinder.image import image_utils
    image_utils.tpool = types.SimpleNamespace(
        Proxy=lambda file: file,
        execute=lambda function, *args: function(*args))
