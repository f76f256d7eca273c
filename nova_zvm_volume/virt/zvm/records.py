# SPDX-License-Identifier: Apache-2.0
"""What Nova's database knows of this host's instances and their volumes."""

from oslo_serialization import jsonutils

from nova import conf
from nova import exception
from nova import objects
from nova import utils

CONF = conf.CONF


class Records:
    """Instances and block device mappings, read once.

    :param context: of an administrator
    """

    def __init__(self, context):
        self._context = context
        #: uuid -> Instance of this host that is not deleted
        self.alive = {
            instance.uuid: instance for instance in
            objects.InstanceList.get_by_host(context, CONF.host,
                                             expected_attrs=[])}
        self._volumes = {}
        if self.alive:
            found = (objects.BlockDeviceMappingList.
                     bdms_by_instance_uuid(context, list(self.alive)))
            self._volumes = {
                uuid: [bdm for bdm in bdms if bdm.is_volume]
                for uuid, bdms in found.items()}

    def past(self, uuid):
        """An instance that is not on this host (any more), None if unknown.

        A deleted one is found until the database is archived.
        """
        try:
            with utils.temporary_mutation(self._context,
                                          read_deleted='yes'):
                return objects.Instance.get_by_uuid(self._context, uuid,
                                                    expected_attrs=[])
        except exception.InstanceNotFound:
            return None

    def volumes(self, uuid):
        """The BlockDeviceMappings of volumes of an instance."""
        return self._volumes.get(uuid, [])

    def read_again(self, uuid):
        """An instance's mappings, as they are now."""
        self._volumes[uuid] = [
            bdm for bdm in objects.BlockDeviceMappingList.
            get_by_instance_uuid(self._context, uuid) if bdm.is_volume]

    def mapping_of(self, lun):
        """The mapping that explains a LUN that a guest uses, or None.

        A migrated volume's id is not the one that the ledger has: it is found
        by its attachment or its connection_info.
        """
        for bdm in self.volumes(lun.instance):
            if (bdm.volume_id == lun.volume_id
                    or (bdm.attachment_id and bdm.attachment_id
                        == lun.attachment)
                    or data_of(bdm).get('zvm_volume_id') == lun.volume_id):
                return bdm
        return None

    def named_wwpns(self, uuid):
        """WWPNs that attachments of the instance name as initiators."""
        return {wwpn for bdm in self.volumes(uuid)
                for wwpn in wwpns_of(data_of(bdm))}


class Mapping(dict):
    """As Nova hands a mapping to a driver: ``connection_info``, ``save``."""

    def __init__(self, bdm):
        super().__init__(connection_info=jsonutils.loads(bdm.connection_info))
        self._bdm = bdm

    def save(self):
        self._bdm.connection_info = jsonutils.dumps(self['connection_info'])
        self._bdm.save()


def data_of(bdm):
    """connection_info['data'] of a mapping, {} without or for nonsense."""
    if not bdm.connection_info:
        return {}
    try:
        info = jsonutils.loads(bdm.connection_info)
    except ValueError:
        return {}
    data = info.get('data') if isinstance(info, dict) else None
    return data if isinstance(data, dict) else {}


def wwpns_of(data):
    """Initiator WWPNs that the data of a connection_info names."""
    named = data.get('initiator_target_map')
    if not isinstance(named, dict):
        return set()
    return {str(wwpn).lower().removeprefix('0x') for wwpn in named}
