# SPDX-License-Identifier: Apache-2.0
"""What a user or an administrator asks of Cinder's API, in plain JSON."""

import requests

from tests import waits

VERSION = '3.71'
# An answer takes both the test and Cinder some ten milliseconds of work.
_PAUSE = 0.1


class Refused(Exception):
    """The API answered with an error; `status` is that of HTTP."""

    def __init__(self, status, text):
        super().__init__('%d %s' % (status, text))
        self.status = status


class Failed(AssertionError):
    """A volume, a snapshot or a group came to another status."""


class Client:
    """One user of one project, who is an administrator too.

    Every method returns the object of the answer as a dict; Refused is
    raised for an answer that is an error.

    :param url: of the API, without version
    :param project: uuid of the project
    """

    def __init__(self, url, project):
        self._url = '%s/v3/%s' % (url, project)
        self._project = project
        self._session = requests.Session()
        self._session.trust_env = False         # no proxy to 127.0.0.1
        self._session.headers['X-Auth-Token'] = '%s:%s' % (project, project)

    def ask(self, method, path, body=None, version=VERSION, headers=(),
            **query):
        """One request; the answer's object, None when it has none."""
        answer = self._session.request(
            method, self._url + path, json=body, params=query, timeout=60,
            headers=dict(headers, **{
                'OpenStack-API-Version': 'volume ' + version}))
        if not answer.ok:
            raise Refused(answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def _action(self, path, name, version=VERSION, **args):
        return self.ask('POST', path + '/action', {name: args or None},
                        version)

    # volumes

    def create(self, size=None, **fields):
        """Order a volume.

        :param size: GiB; without it, that of the source
        :param fields: volume_type, snapshot_id, source_volid, name, group_id
        """
        if size is not None:
            fields['size'] = size
        return self.ask('POST', '/volumes', {'volume': fields})['volume']

    def volume(self, volume_id):
        return self.ask('GET', '/volumes/' + volume_id)['volume']

    def volumes(self):
        return self.ask('GET', '/volumes/detail')['volumes']

    def delete(self, volume_id, **query):
        """With cascade='true' also its snapshots."""
        self.ask('DELETE', '/volumes/' + volume_id, **query)

    def force_delete(self, path, resource_id):
        """Whatever its status is; path is /volumes or /snapshots."""
        self._action('%s/%s' % (path, resource_id), 'os-force_delete')

    def extend(self, volume_id, size, version=VERSION):
        """An in-use volume needs version 3.42."""
        self._action('/volumes/' + volume_id, 'os-extend', version,
                     new_size=size)

    def revert(self, volume_id, snapshot_id):
        """Give a volume the contents of its latest snapshot."""
        self._action('/volumes/' + volume_id, 'revert',
                     snapshot_id=snapshot_id)

    def migrate(self, volume_id, pool, **fields):
        """To a HOST@BACKEND#POOL; fields: force_host_copy, lock_volume."""
        self._action('/volumes/' + volume_id, 'os-migrate_volume', host=pool,
                     **fields)

    def retype(self, volume_id, volume_type, policy='on-demand'):
        """Another volume type, on another back-end when it must be."""
        self._action('/volumes/' + volume_id, 'os-retype',
                     new_type=volume_type, migration_policy=policy)

    def upload(self, volume_id, disk_format='raw', force=False):
        """Order an image of a volume; the image's id."""
        return self.ask('POST', '/volumes/%s/action' % volume_id, {
            'os-volume_upload_image': {
                'image_name': 'of-a-volume', 'disk_format': disk_format,
                'container_format': 'bare', 'force': force}})[
            'os-volume_upload_image']['image_id']

    def reimage(self, volume_id, image_id):
        """Let a volume that is available be another image."""
        self._action('/volumes/' + volume_id, 'os-reimage',
                     image_id=image_id, reimage_reserved=False)

    def reset(self, volume_id, **states):
        """Set status, attach_status, migration_status in the database and
        nowhere else.
        """
        self._action('/volumes/' + volume_id, 'os-reset_status', **states)

    # snapshots

    def create_snapshot(self, volume_id, force=None, **fields):
        """Order a snapshot of a volume.

        :param force: also of one in use; from version 3.66 on that is always
            so, and an older one is asked for
        """
        if force is not None:
            fields['force'] = force
        return self.ask('POST', '/snapshots', {'snapshot': dict(
            fields, volume_id=volume_id)},
            VERSION if force is None else '3.65')['snapshot']

    def snapshot(self, snapshot_id):
        return self.ask('GET', '/snapshots/' + snapshot_id)['snapshot']

    def snapshots(self):
        return self.ask('GET', '/snapshots')['snapshots']

    def delete_snapshot(self, snapshot_id):
        self.ask('DELETE', '/snapshots/' + snapshot_id)

    def reset_snapshot(self, snapshot_id, status):
        """Set its status in the database and nowhere else."""
        self._action('/snapshots/' + snapshot_id, 'os-reset_status',
                     status=status)

    # what is managed

    def manage(self, pool, reference, **fields):
        """Let a LUN of a HOST@BACKEND#POOL be a volume.

        :param fields: volume_type, name, bootable
        """
        return self.ask('POST', '/manageable_volumes', {'volume': dict(
            fields, host=pool, ref=reference)})['volume']

    def manageable(self, pool, **query):
        """The LUNs that might be volumes.

        :param query: marker (JSON), limit, offset, sort
        """
        return self.ask('GET', '/manageable_volumes/detail', host=pool,
                        **query)['manageable-volumes']

    def unmanage(self, volume_id):
        self._action('/volumes/' + volume_id, 'os-unmanage')

    def manage_snapshot(self, volume_id, reference, **fields):
        """Let a LUN be a snapshot of a volume."""
        return self.ask('POST', '/manageable_snapshots', {'snapshot': dict(
            fields, volume_id=volume_id, ref=reference)})['snapshot']

    def manageable_snapshots(self, pool, **query):
        """The LUNs that are or might be snapshots."""
        return self.ask('GET', '/manageable_snapshots/detail', host=pool,
                        **query)['manageable-snapshots']

    def unmanage_snapshot(self, snapshot_id):
        self._action('/snapshots/' + snapshot_id, 'os-unmanage')

    # volume types

    def create_type(self, name, **specs):
        """A volume type with extra specs; names with a colon by **{}."""
        return self.ask('POST', '/types', {'volume_type': {
            'name': name, 'extra_specs': specs}})['volume_type']

    def encrypt(self, type_id, provider='luks', **fields):
        """Make volumes of a type encrypted ones."""
        return self.ask('POST', '/types/%s/encryption' % type_id, {
            'encryption': dict({
                'provider': provider, 'control_location': 'front-end',
                'cipher': 'aes-xts-plain64', 'key_size': 256},
                **fields)})['encryption']

    def create_qos(self, type_id, name, consumer, **specs):
        """QoS specs of a type; consumer is front-end, back-end or both."""
        made = self.ask('POST', '/qos-specs', {'qos_specs': dict(
            specs, name=name, consumer=consumer)})['qos_specs']
        self.ask('GET', '/qos-specs/%s/associate' % made['id'],
                 vol_type_id=type_id)
        return made

    # attachments

    def attach(self, volume_id, instance, connector=None):
        """Reserve a volume for an instance; with a connector, connect it."""
        body = {'volume_uuid': volume_id, 'instance_uuid': instance}
        if connector is not None:
            body['connector'] = connector
        return self.ask('POST', '/attachments',
                        {'attachment': body})['attachment']

    def connect(self, attachment_id, connector):
        """Give the connector of a reserved one; has connection_info."""
        return self.ask('PUT', '/attachments/' + attachment_id, {
            'attachment': {'connector': connector}})['attachment']

    def complete(self, attachment_id):
        """The guest has the volume; it is in-use then."""
        self._action('/attachments/' + attachment_id, 'os-complete')

    def detach(self, attachment_id):
        """As Nova does it, with the token of a service: no user may."""
        self.ask('DELETE', '/attachments/' + attachment_id,
                 headers={'X-Service-Roles': 'service'})

    # groups

    def create_group_type(self, name, **specs):
        made = self.ask('POST', '/group_types', {
            'group_type': {'name': name}})['group_type']
        if specs:
            self.ask('POST', '/group_types/%s/group_specs' % made['id'],
                     {'group_specs': specs})
        return made

    def create_group(self, group_type, volume_types):
        return self.ask('POST', '/groups', {'group': {
            'group_type': group_type,
            'volume_types': volume_types}})['group']

    def group_from(self, **source):
        """A group from group_snapshot_id or source_group_id."""
        return self._action('/groups', 'create-from-src', **source)['group']

    def group(self, group_id):
        return self.ask('GET', '/groups/' + group_id)['group']

    def delete_group(self, group_id, volumes=False):
        self._action('/groups/' + group_id, 'delete',
                     **{'delete-volumes': volumes})

    def change_group(self, group_id, **fields):
        """Such as add_volumes, the ids with commas between them."""
        self.ask('PUT', '/groups/' + group_id, {'group': fields})

    def create_group_snapshot(self, group_id):
        return self.ask('POST', '/group_snapshots', {'group_snapshot': {
            'group_id': group_id}})['group_snapshot']

    def group_snapshot(self, snapshot_id):
        return self.ask('GET', '/group_snapshots/'
                        + snapshot_id)['group_snapshot']

    def delete_group_snapshot(self, snapshot_id):
        self.ask('DELETE', '/group_snapshots/' + snapshot_id)

    # what the administrator sees

    def messages(self, resource_id):
        """What the user is told of a volume or snapshot, oldest first."""
        found = self.ask('GET', '/messages', resource_uuid=resource_id,
                         sort='created_at:asc')['messages']
        return [message['user_message'] for message in found]

    def pools(self):
        """Capabilities as the scheduler has them, by HOST@BACKEND#POOL."""
        found = self.ask('GET', '/scheduler-stats/get_pools', detail='true')
        return {pool['name']: pool['capabilities']
                for pool in found['pools']}

    def services(self):
        return self.ask('GET', '/os-services')['services']

    def counted(self):
        """What the project's quotas count, used or reserved, by name."""
        found = self.ask('GET', '/os-quota-sets/' + self._project,
                         usage='true')['quota_set']
        return {name: count['in_use'] + count['reserved']
                for name, count in found.items() if name != 'id'}

    # the end

    def clear(self, keep):
        """Detach and delete all that there is, at once.

        :param keep: names of volume types that stay
        """
        for found in self.ask('GET', '/attachments')['attachments']:
            self.detach(found['id'])
        self._clear('/group_snapshots', self.delete_group_snapshot,
                    self.group_snapshot)
        self._clear('/snapshots', self.delete_snapshot, self.snapshot)
        self._clear('/groups', lambda group_id: self.delete_group(
            group_id, volumes=True), self.group)
        self._clear('/volumes', self.delete, self.volume)
        keep = {*keep, '__DEFAULT__', 'default_cgsnapshot_type'}
        for path, name in (('/types', 'volume_types'),
                           ('/group_types', 'group_types'),
                           ('/qos-specs', 'qos_specs')):
            for found in self.ask('GET', path)[name]:
                if found['name'] not in keep:
                    self.ask('DELETE', '%s/%s' % (path, found['id']))

    def _clear(self, path, delete, show):
        found = [one['id'] for one in self.ask('GET', path)[path[1:]]]
        for one in found:
            delete(one)
        for one in found:
            self.gone(show, one)

    # waiting

    def reached(self, show, resource_id, status):
        """Wait for a status; Failed when an error comes instead.

        :param show: :meth:`volume`, :meth:`snapshot`, :meth:`group`, …
        :returns: the object
        """
        found = {}

        def there():
            found.update(show(resource_id))
            if found['status'] == status:
                return True
            if found['status'].startswith('error'):
                raise Failed('%s instead of %s; %s' % (
                    found['status'], status, self.messages(resource_id)))
            return False
        waits.until(there, 60, _PAUSE)
        return found

    def gone(self, show, resource_id):
        """Wait until it is not found any more; Failed for an error."""
        def absent():
            try:
                status = show(resource_id)['status']
            except Refused as err:
                if err.status != 404:
                    raise
                return True
            if status.startswith('error'):
                raise Failed('%s, not gone; %s' % (
                    status, self.messages(resource_id)))
            return False
        waits.until(absent, 60, _PAUSE)
