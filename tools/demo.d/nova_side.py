# SPDX-License-Identifier: Apache-2.0
"""The driver that Nova loads from the installed wheel, in Nova's environment.

Instances are rows of a real database (SQLite); networks and images' contents
are what the demo does without.
"""

import contextlib
import pathlib
import uuid

import serve

_IMAGE = '3d7f2f5c-0d1f-4d5e-9d0a-6d6ab1b7f6a1'
_CONF = """\
[DEFAULT]
host = compute1
my_ip = 127.0.0.1
compute_driver = zvm_volume.ZVMVolumeDriver
instance_name_template = zvm%05x
instances_path = {folder}/instances
log_file = {folder}/nova.log
debug = true
[database]
connection = sqlite:///{folder}/nova.sqlite
[oslo_concurrency]
lock_path = {folder}/locks
[zvm]
cloud_connector_url = {connector}
image_tmp_path = {folder}/images
zvm_xcat_server = {server}
zvm_xcat_username = admin
zvm_xcat_password = secret
zvm_ca_file = {ca_file}
zvm_hypervisor = host1
zvm_fcp_list = 3B00-3B0D;3C00-3C0D
zvm_paths = 2
"""


class Events:
    """Nova's side of network events: there are no networks."""

    @contextlib.contextmanager
    def wait_for_instance_event(self, *args, **kwargs):
        yield


class Nova:
    """What the compute manager would ask of its driver."""

    def __init__(self, world):
        folder = pathlib.Path(world['folder'])
        (folder / 'images').mkdir(parents=True)
        # found here, an image is not fetched from Glance
        (folder / 'images' / _IMAGE).write_bytes(b'root disk of a small Linux')
        file = folder / 'nova.conf'
        file.write_text(_CONF.format(**world))
        self._start(file)

    def _start(self, file):
        from nova import config
        from nova import objects
        objects.register_all()
        config.parse_args(['nova-compute', '--config-file', str(file)])
        from nova.db import migration
        migration.db_sync(database='main')
        from nova import context
        from nova.virt import driver
        self._context = context.get_admin_context()
        self._context.project_id = self._context.user_id = uuid.uuid4().hex
        self._driver = driver.load_compute_driver(Events())
        self._driver.init_host('compute1')
        self._infos = {}

    def driver(self):
        """Class, its module's file and the guests it lists."""
        import nova_zvm_volume
        return {'class': '%s.%s' % (type(self._driver).__module__,
                                    type(self._driver).__name__),
                'file': nova_zvm_volume.__file__,
                'guests': self._driver.list_instances()}

    def boot(self):
        """A new guest from the image: instance uuid and name."""
        from nova import objects
        instance = objects.Instance(
            self._context, uuid=str(uuid.uuid4()), vcpus=1, memory_mb=1024,
            root_gb=1, ephemeral_gb=0, host='compute1',
            image_ref=_IMAGE, project_id=self._context.project_id,
            user_id=self._context.user_id, config_drive='',
            system_metadata={}, metadata={}, vm_state='building')
        instance.create()
        image = objects.ImageMeta.from_dict(
            {'id': _IMAGE, 'properties': {'os_distro': 'rhel9'}})
        self._driver.spawn(self._context, instance, image, [], None, {},
                           network_info=[], block_device_info=None)
        return {'uuid': instance.uuid, 'name': instance.name}

    def connector(self, instance):
        return self._driver.get_volume_connector(self._instance(instance))

    def attach(self, instance, info):
        """Where the guest has the disk, and what else Nova keeps of it.

        :param info: Cinder's attachment connection_info, whose "data" Nova
            puts in a key of its own again
        """
        from nova.volume import cinder
        info = cinder._translate_attachment_ref(
            {'connection_info': info})['connection_info']
        self._driver.attach_volume(self._context, info,
                                   self._instance(instance), '/dev/sdb')
        self._infos[instance] = info
        return info['data']

    def detach(self, instance):
        self._driver.detach_volume(self._context, self._infos.pop(instance),
                                   self._instance(instance), '/dev/sdb')

    def delete(self, instance):
        """The guests that are left."""
        found = self._instance(instance)
        self._driver.destroy(self._context, found, [], {})
        found.destroy()
        return self._driver.list_instances()

    def _instance(self, instance):
        from nova import objects
        return objects.Instance.get_by_uuid(
            self._context, instance, expected_attrs=['system_metadata'])


serve.serve(Nova)
