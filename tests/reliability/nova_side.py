# SPDX-License-Identifier: Apache-2.0
"""One process of nova-compute, and what Nova's API does beside it.

The ComputeManager is Nova's own, on SQLite: init_host, building, attaching,
detaching and deleting are its code.  Cinder is the other service (see
:class:`Volumes`); there are no networks, no Placement and no scheduler.
"""

import contextlib
import pathlib
import sys
import uuid

from tests.reliability import channels
from tests.reliability import kill
from tests.reliability import sabotage

HOST = 'compute1'
_IMAGE = '3d7f2f5c-0d1f-4d5e-9d0a-6d6ab1b7f6a1'
_NODE = '6f1d1f2e-4c55-4b1e-9a40-31a1a9f0c001'
_OWNER = 'a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4'
_CONF = """\
[DEFAULT]
host = %(host)s
my_ip = 127.0.0.1
compute_driver = zvm_volume.ZVMVolumeDriver
instance_name_template = zvm%%05x
instances_path = %(folder)s/instances
state_path = %(folder)s
log_file = %(folder)s/nova.log
transport_url = fake:/
shutdown_timeout = 1
[database]
connection = sqlite:///%(folder)s/nova.sqlite
[oslo_concurrency]
lock_path = %(folder)s/locks
[oslo_messaging_notifications]
driver = noop
[filter_scheduler]
track_instance_changes = false
[zvm]
"""


def import_all():
    """All that a process needs, without a thread or a connection."""
    from nova import config  # noqa: F401
    from nova import objects
    objects.register_all()
    from nova.compute import manager  # noqa: F401
    from nova.db import migration  # noqa: F401
    from nova.virt import zvm_volume  # noqa: F401


class Side:
    """nova-compute on a folder of its own.

    :param channel: see channels.Channel; asks Cinder
    :param folder: configuration, database, log; what a process before left
        there is found
    :param database: a ready one, copied to begin with; None makes one and
        starts nothing
    :param options: of the section [zvm]
    """

    def __init__(self, channel, folder, database, server=None, ca_file=None,
                 options=None, sabotaged=False):
        self._folder = pathlib.Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._configure(options or {})
        if database is None:
            self._make_database()
            return
        if not self._database.exists():
            self._database.write_bytes(pathlib.Path(database).read_bytes())
            self._write('compute_id', _NODE)
            self._write('images/' + _IMAGE, 'root disk')
        self._killer = kill.Killer(server, ca_file)
        if sabotaged:
            from nova_zvm_volume.virt.zvm import driver
            sabotage.commit(driver.ZVMVolumeDriver)
        self._start(channel)

    @property
    def _database(self):
        return self._folder / 'nova.sqlite'

    def _write(self, name, text):
        path = self._folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def _configure(self, options):
        text = _CONF % {'host': HOST, 'folder': self._folder} + ''.join(
            '%s = %s\n' % pair for pair in options.items())
        self._write('nova.conf', text)
        from nova import config
        config.parse_args(['nova-compute', '--config-file',
                           str(self._folder / 'nova.conf')])
        from nova import rpc
        from oslo_config import cfg
        rpc.init(cfg.CONF)

    def _make_database(self):
        from nova.db import migration
        from nova import objects
        migration.db_sync(database='main')
        objects.Service(_context(), host=HOST, binary='nova-compute',
                        topic='compute', report_count=0).create()

    def _start(self, channel):
        from nova.compute import manager
        from nova import objects
        from nova.volume import cinder
        self._volumes = Volumes(channel)
        # asks Keystone where Placement is as soon as it is made
        manager.report.SchedulerReportClient = Nothing
        cinder.API = lambda: self._volumes
        self._manager = manager.ComputeManager()
        _ours(self._manager.driver)
        self._manager.rt = Tracker(HOST)
        self._manager.network_api = Nothing()
        # nobody takes what is cast: the next step is called by hand
        self._manager.compute_rpcapi = Nothing()
        self._manager.init_host(objects.Service.get_by_compute_host(
            _context(), HOST))

    def arm(self, k=None, moment=None):
        """See kill.Killer."""
        self._killer.arm(k, moment)

    def names(self):
        """The requests since :meth:`arm`."""
        return self._killer.names

    def sweep(self):
        """What the driver and Nova do by themselves from time to time."""
        self._manager.driver.sweep(_context())
        self._manager._cleanup_running_deleted_instances(_context())

    # what Nova's API does

    def new_server(self, volumes=(), root=None):
        """The rows of a server that is to be built: uuid and name.

        :param root: the volume that it boots from, if any
        """
        from nova.network import model
        from nova import objects
        flavor = objects.Flavor(
            id=1, flavorid='1', name='small', vcpus=1, memory_mb=512,
            root_gb=1, ephemeral_gb=0, swap=0, rxtx_factor=1.0, vcpu_weight=0,
            disabled=False, is_public=True, extra_specs={})
        server = objects.Instance(
            _context(), uuid=str(uuid.uuid4()), vcpus=1, memory_mb=512,
            root_gb=1, ephemeral_gb=0, image_ref=_IMAGE, project_id=_OWNER,
            user_id=_OWNER, config_drive='', metadata={}, system_metadata={
                'image_base_image_ref': _IMAGE, 'image_os_distro': 'rhel9'},
            vm_state='building', task_state='scheduling', flavor=flavor,
            old_flavor=None, new_flavor=None, root_device_name='/dev/vda',
            info_cache=objects.InstanceInfoCache(
                network_info=model.NetworkInfo()))
        server.create()
        if root is not None:
            self.reserve(server.uuid, root, boot_index=0)
        for volume in volumes:
            self.reserve(server.uuid, volume)
        return {'uuid': server.uuid, 'name': server.name}

    def reserve(self, server, volume, boot_index=None):
        """A volume is promised to a server: attachment and mapping."""
        from nova import objects
        number = len(_mappings(server))
        objects.BlockDeviceMapping(
            _context(), instance_uuid=server, volume_id=volume,
            source_type='volume', destination_type='volume',
            device_name='/dev/vd' + 'bcdefghi'[number],
            boot_index=boot_index, volume_size=1, delete_on_termination=False,
            attachment_id=self._volumes.attachment_create(
                None, volume, server)['id']).create()

    # what Nova's API asks nova-compute to do

    def build(self, server):
        """The server's state afterwards."""
        from nova import objects
        context, instance = _asked(server, 'create')
        self._manager._do_build_and_run_instance(
            context, instance,
            {'id': _IMAGE, 'name': 'rhel9',
             'properties': {'os_distro': 'rhel9'}}, None, {}, None, [],
            objects.NetworkRequestList(objects=[
                objects.NetworkRequest(network_id='none')]),
            [], _mappings(server), node=HOST)
        return _instance(server).vm_state

    def attach(self, server, volume):
        context, instance = _asked(server, 'attach_volume')
        self._manager.attach_volume(context, instance,
                                    _mapping(server, volume))

    def detach(self, server, volume):
        context, instance = _asked(server, 'detach_volume')
        self._volumes.begin_detaching(context, volume)
        self._manager.detach_volume(
            context, volume, instance,
            _mapping(server, volume).attachment_id)

    def stop(self, server):
        context, instance = _asked(server, 'stop', 'powering-off')
        self._manager.stop_instance(context, instance, True)

    def start(self, server):
        context, instance = _asked(server, 'start', 'powering-on')
        self._manager.start_instance(context, instance)

    def reboot(self, server):
        """Hard."""
        context, instance = _asked(server, 'reboot', 'rebooting_hard')
        self._manager.reboot_instance(context, instance, None, 'HARD')

    def resize(self, server):
        """To twice the size, on the same host, and confirmed."""
        from nova import objects
        context, instance = _asked(server, 'resize')
        flavor = instance.flavor.obj_clone()
        flavor.id, flavor.flavorid, flavor.name = 2, '2', 'twice'
        flavor.vcpus, flavor.memory_mb = 2, 1024
        migration = objects.Migration(
            context, instance_uuid=server, migration_type='resize',
            source_compute=HOST, dest_compute=HOST, source_node=HOST,
            dest_node=HOST, dest_host='127.0.0.1', dest_compute_id=1,
            old_instance_type_id=1, new_instance_type_id=2,
            status='pre-migrating')
        migration.create()
        self._prepare_resize(instance, flavor, migration)
        image = {'id': _IMAGE, 'properties': {'os_distro': 'rhel9'}}
        self._manager.resize_instance(context, instance, image, migration,
                                      flavor, True, None)
        self._manager.finish_resize(context, '', image, instance, migration,
                                    None)
        migration.status = 'confirming'
        migration.save()
        self._manager.confirm_resize(context, instance, migration)

    def rebuild(self, server):
        """From the same image, on the same host."""
        context, instance = _asked(server, 'rebuild', 'rebuilding')
        self._manager.image_api = Images()
        self._manager.rebuild_instance(
            context, instance, _IMAGE, _IMAGE, [], None, {},
            _mappings(server), False, False, False, None, None, None, None,
            [])

    def shelve(self, server):
        """Its image is made, and it leaves its host."""
        context, instance = _asked(server, 'shelve')
        instance.vm_state, instance.task_state = ('shelved',
                                                  'shelving_offloading')
        instance.save()
        self._manager.shelve_offload_instance(context, instance, False, [])

    def unshelve(self, server):
        context, instance = _asked(server, 'unshelve', 'unshelving')
        self._manager.unshelve_instance(
            context, instance, {'id': _IMAGE, 'properties': {
                'os_distro': 'rhel9'}}, {}, HOST, None, [])

    @staticmethod
    def _prepare_resize(instance, flavor, migration):
        """As Nova's prep_resize on the same host leaves it."""
        from nova import objects
        instance.new_flavor = flavor
        instance.system_metadata['old_vm_state'] = instance.vm_state
        instance.task_state = 'resize_prep'
        instance.migration_context = objects.MigrationContext(
            instance._context, instance_uuid=instance.uuid,
            migration_id=migration.id, old_numa_topology=None,
            new_numa_topology=None, old_pci_devices=None,
            new_pci_devices=None, old_pci_requests=None,
            new_pci_requests=None, old_resources=None, new_resources=None)
        instance.save()

    def destroy(self, server):
        context, instance = _asked(server, 'delete', 'deleting')
        if instance.host is None:       # the API deletes what no host has
            self._delete_rows(server)
            instance.destroy()
            return
        self._manager.terminate_instance(context, instance,
                                         _mappings(server))

    def _delete_rows(self, server):
        for mapping in _mappings(server):
            self._volumes.attachment_delete(None, mapping.attachment_id)
            mapping.destroy()

    def forget(self, server, volume):
        """An operator deletes a mapping and its attachment."""
        mapping = _mapping(server, volume)
        with contextlib.suppress(Exception):
            self._volumes.attachment_delete(None, mapping.attachment_id)
        mapping.destroy()

    def records(self):
        """What Nova knows: servers and their volumes."""
        from nova import objects
        servers = objects.InstanceList.get_all(_context())
        return {
            'servers': [
                {'uuid': server.uuid, 'name': server.name,
                 'host': server.host, 'state': server.vm_state,
                 'task': server.task_state} for server in servers],
            'mappings': [
                {'server': server.uuid, 'volume': mapping.volume_id,
                 'attachment': mapping.attachment_id,
                 'root': mapping.boot_index == 0,
                 'complete': bool(mapping.connection_info)}
                for server in servers for mapping in _mappings(server.uuid)]}


class Volumes:
    """nova.volume.cinder.API, as far as Nova calls it here.

    :param channel: see channels.Channel
    """

    def __init__(self, channel):
        self._ask = channel.call

    def get(self, context, volume, microversion=None):
        row = self._ask('get', volume=volume)
        return {'id': volume, 'status': row['status'], 'size': row['size'],
                'multiattach': False, 'encrypted': False}

    def attachment_create(self, context, volume, instance, **kwargs):
        return {'id': self._ask('attachment_create', volume=volume,
                                instance=instance)}

    def attachment_update(self, context, attachment, connector, mountpoint):
        from nova.volume import cinder
        info = self._ask('attachment_update', attachment=attachment,
                         connector=connector)
        return cinder._translate_attachment_ref({'connection_info': info})

    def attachment_complete(self, context, attachment):
        self._ask('attachment_complete', attachment=attachment)

    def attachment_get_all(self, context, instance_id=None, volume_id=None):
        return [{'id': each['id']} for each in self._ask('records')[
            'attachments'] if each['instance'] == instance_id]

    def attachment_get(self, context, attachment):
        from nova import exception
        from nova.volume import cinder
        try:
            info = self._ask('attachment_get', attachment=attachment)
        except channels.Failed as err:
            if err.kind != 'VolumeAttachmentNotFound':
                raise
            raise exception.VolumeAttachmentNotFound(
                attachment_id=attachment) from err
        return cinder._translate_attachment_ref({
            'id': attachment, 'connection_info': info or {}})

    def attachment_delete(self, context, attachment):
        from nova import exception
        try:
            self._ask('attachment_delete', attachment=attachment)
        except channels.Failed as err:
            if err.kind != 'VolumeAttachmentNotFound':
                raise
            raise exception.VolumeAttachmentNotFound(
                attachment_id=attachment) from err

    def begin_detaching(self, context, volume):
        self._ask('set_status', volume=volume, status='detaching')

    def roll_detaching(self, context, volume):
        self._ask('set_status', volume=volume, status='in-use')

    def check_availability_zone(self, context, volume, instance=None):
        """There is one."""

    def get_volume_encryption_metadata(self, context, volume):
        return {}


class Tracker:
    """Room for every server: the resource tracker without Placement."""

    def __init__(self, host):
        self._host = host

    @contextlib.contextmanager
    def instance_claim(self, context, instance, *args):
        instance.host = instance.launched_on = instance.node = self._host
        instance.compute_id = 1
        instance.save()
        yield

    def __getattr__(self, name):
        return lambda *args, **kwargs: None


class Images:
    """Glance with the one image."""

    def get(self, context, image_id, **kwargs):
        return {'id': image_id, 'properties': {'os_distro': 'rhel9'}}

    def __getattr__(self, name):
        return lambda *args, **kwargs: None


class Nothing:
    """A service that is not there: no networks, no Placement."""

    def allocate_for_instance(self, *args, **kwargs):
        from nova.network import model
        return model.NetworkInfo()

    get_instance_nw_info = allocate_for_instance

    def get_allocations_for_consumer(self, *args):
        return {}

    def get_allocs_for_consumer(self, *args):
        return {'allocations': {}}

    def __getattr__(self, name):
        return lambda *args, **kwargs: None


def _context():
    from nova import context
    found = context.get_admin_context()
    found.project_id = found.user_id = _OWNER
    return found


def _asked(server, action, task=None):
    """Context and server of a request, as the API hands them over.

    :param task: the task state that the API has set before
    """
    from nova import objects
    context = _context()
    objects.InstanceAction.action_start(context, server, action)
    instance = _instance(server, context)
    if task is not None:
        instance.task_state = task
        instance.save()
    return context, instance


def _instance(server, context=None):
    from nova import objects
    return objects.Instance.get_by_uuid(
        context or _context(), server, expected_attrs=[
            'info_cache', 'metadata', 'system_metadata', 'flavor',
            'pci_requests', 'numa_topology', 'resources'])


def _mappings(server):
    from nova import objects
    return objects.BlockDeviceMappingList.get_by_instance_uuid(_context(),
                                                               server)


def _mapping(server, volume):
    from nova import objects
    return objects.BlockDeviceMapping.get_by_volume_and_instance(
        _context(), volume, server, expected_attrs=['instance'])


def _ours(driver):
    """The driver of the installed package."""
    kind = type(driver)
    where = pathlib.Path(sys.modules[kind.__module__].__file__)
    if ('%s.%s' % (kind.__module__, kind.__name__)
            != 'nova_zvm_volume.virt.zvm.driver.ZVMVolumeDriver'
            or 'site-packages' not in where.parts):
        raise RuntimeError('Nova loaded %s from %s' % (kind, where))
