# SPDX-License-Identifier: Apache-2.0
"""What must hold in a cloud, whatever died when.

Each rule is a function from a :class:`View` to texts, one for each violation.
``SAFETY`` holds at any time when nothing is under way, ``SETTLED`` besides
when leases have run out and both services have swept, ``GONE`` when the user
has deleted all servers and volumes.
"""

import collections

from tests.reliability import truth

# A volume of these states has a LUN and its data.
_WHOLE = ('available', 'reserved', 'attaching', 'in-use', 'detaching')
_STATUS = {'free': 'free', 'used': 'used'}


class View:
    """A cloud at one moment: the records of all sides beside the truth.

    :param cloud: cloud.Cloud
    """

    def __init__(self, cloud):
        known = cloud.records()
        self.volumes = {each['id']: each for each in known['volumes']}
        self.snapshots = {each['id']: each for each in known['snapshots']}
        self.attachments = known['attachments']
        self.servers = {each['uuid']: each for each in known['servers']}
        self.mappings = known['mappings']
        self.truth = cloud.truth
        cloud.keep_promises(known)
        self.written = dict(cloud.written)
        self.promised = dict(cloud.promised)
        self.images = [(image, cloud.glance.file(image), text)
                       for image, text in cloud.images.items()
                       if cloud.glance.images.get(image, {}).get('status')
                       == 'active']
        self.left = dict(cloud.left)
        self.luns = cloud.truth.luns()
        self.others = cloud.truth.others()
        self.devices = cloud.truth.devices()
        self.guests = cloud.truth.guests()
        self.lines = cloud.truth.lines()
        self.nodes = cloud.truth.nodes()

    def lun_of(self, volume):
        return next((lun for lun in self.luns + self.others
                     if lun.get('volume') == volume), {})

    def mapping(self, server, volume):
        """Nova's row of that volume on that server, or None."""
        return next((each for each in self.mappings if each['server']
                     == server and each['volume'] == volume), None)

    def server_of(self, userid):
        """The uuid of the server whose guest this is, or None."""
        return next((uuid for uuid, each in self.servers.items()
                     if each['name'].upper() == userid), None)

    def leaving(self, server):
        """LUNs that Nova has detached from a guest that must let go."""
        return [lun for lun in self.luns + self.others
                if (lun.get('phase'), lun.get('instance'))
                == ('leaving', server)]

    def stale(self, device, server):
        """Whether the ledger keeps the device from that guest."""
        return any(
            record['device'] == device and record.get('state') != 'used'
            and server in [each.partition(':')[0] for each in
                           record.get('stale', '').split(';')]
            for record in self.devices)

    def volumes_of(self, server):
        return [each['volume'] for each in self.mappings
                if each['server'] == server]


# safety


def records_are_whole(view):
    for record in view.luns + view.others + view.devices:
        if not record['whole']:
            yield 'a record is cut off: %s' % record


def one_volume_on_a_lun(view):
    for key in ('volume', 'lun', 'wwid'):
        counts = collections.Counter(lun[key] for lun in view.luns
                                     if lun.get(key))
        for value, count in counts.items():
            if count > 1:
                yield '%s %s stands in %d records' % (key, value, count)
    named = collections.Counter(
        each['provider_id'].rpartition(':')[2]
        for each in [*view.volumes.values(), *view.snapshots.values()]
        if each['provider_id'] and each['status'] in _WHOLE)
    for lun, count in named.items():
        if count > 1:
            yield '%d volumes of Cinder have LUN %s' % (count, lun)


def volumes_have_their_luns(view):
    for each in view.volumes.values():
        lun = view.lun_of(each['name_id'])
        if (each['status'] in _WHOLE and not each.get('array')
                and lun.get('state') not in ('ours', 'used')):
            yield 'volume %s is %s, its LUN is %s' % (
                each['id'], each['status'], lun.get('state', 'none'))


def snapshots_have_their_luns(view):
    for each in view.snapshots.values():
        lun = view.lun_of(each['id'])
        if (each['status'] == 'available' and (
                lun.get('state'), lun.get('role')) != ('ours', 'snapshot')):
            yield 'snapshot %s is available, its LUN is %s' % (
                each['id'], lun.get('state', 'none'))


def data_is_there(view):
    for volume, text in view.written.items():
        lun = view.lun_of(volume).get('lun')
        if view.volumes.get(volume, {}).get('array'):
            lun = view.volumes[volume]['provider_id']
        # while it is reverted a volume has what it had, or the snapshot's
        texts = {text, view.promised.get(volume, text)}
        if not lun or not any(view.truth.has(lun, each) for each in texts):
            yield 'the data of volume %s is gone' % volume


def images_are_whole(view):
    for image, path, text in view.images:
        if not truth.has(path, text):
            yield 'image %s is active and not what it was made of' % image


def operators_data_is_there(view):
    for lun, text in view.left.items():
        if not view.truth.has(lun, text):
            yield 'the data on LUN %s, the operator\'s, are gone' % lun


def operators_luns_are_not_free(view):
    for lun in view.luns:
        if lun.get('state') == 'unmanaged' and (
                view.lines.get(lun['lun'], ['reserved'])[0] == 'free'):
            yield 'LUN %s is the operator\'s and its line free' % lun['lun']


def clean_luns_are_zero(view):
    for lun in view.luns:
        new = (lun.get('state') == 'ours' and lun['volume'] not in
               view.written and view.volumes.get(lun['volume'], {}).get(
                   'status') == 'available')
        clean = lun.get('state') == 'free' and lun.get('clean') == 'yes'
        if (new or clean) and not view.truth.is_zero(lun['lun']):
            yield 'LUN %s is %s and not zero' % (
                lun['lun'], 'a new volume' if new else 'clean')


def devices_belong(view):
    """A dedicated device: to a server's volume, and the ledger knows it."""
    recorded = {record['device']: record for record in view.devices}
    for userid, guest in view.guests.items():
        server = view.server_of(userid)
        for number in guest['active'] | guest['directory']:
            if not view.volumes_of(server) and not view.leaving(server):
                yield '%s has device %s, and Nova no volume on it' % (
                    userid, number)
            if recorded.get(number, {}).get('guest') != userid:
                yield '%s has device %s, and the ledger does not know' % (
                    userid, number)


def paths_belong(view):
    """A configured path: to a volume that Nova has on that server.

    Or to one that it must let go of, which is nobody else's; or, where it was
    off, over a device that it has lost and is not given again.
    """
    by_lun = {lun['lun']: lun for lun in view.luns + view.others
              if lun.get('lun')}
    for userid, guest in view.guests.items():
        server = view.server_of(userid)
        for device, wwpn, lun in sorted(guest['paths']
                                        | guest['persistent']):
            record = by_lun.get(lun, {})
            lost = ((device, wwpn, lun) not in guest['paths']
                    and device not in guest['active'] | guest['directory']
                    and view.stale(device, server))
            if (record.get('state') != 'used'
                    or record.get('instance') != server):
                if lost:
                    continue
                yield '%s has a path %s:%s:%s, and the LUN is %s of %s' % (
                    userid, device, wwpn, lun, record.get('state'),
                    record.get('instance'))
            elif (not view.mapping(server, record['volume'])
                  and record not in view.leaving(server)):
                yield '%s has a path to volume %s, unknown to Nova' % (
                    userid, record['volume'])


def guests_load_what_is_theirs(view):
    """An IPL of an FCP device: of a LUN that this server boots from."""
    by_lun = {lun['lun']: lun for lun in view.luns}
    for userid, guest in view.guests.items():
        server = view.server_of(userid)
        device, port, lun = guest.get('loads') or (None, None, None)
        if device is None:
            continue
        record = by_lun.get(lun, {})
        if ((record.get('state'), record.get('instance')) != ('used', server)
                or device not in guest['directory']
                or record.get('ipl') != '%s:%s' % (device, port)):
            yield '%s loads LUN %s by %s:%s, and its record says %s of %s' % (
                userid, lun, device, port, record.get('ipl'),
                record.get('instance'))


def attachments_work(view):
    """What Nova and Cinder call attached is so in the guest.

    One that is off has no paths now: a late request to the Cloud Connector
    may log it off, which Nova sees from time to time.
    """
    for each in view.mappings:
        server = view.servers[each['server']]
        volume = view.volumes.get(each['volume'], {})
        if (not each['complete'] or volume.get('status') != 'in-use'
                or server['state'] != 'active' or server['task']):
            continue
        lun = view.lun_of(volume['name_id'])
        guest = view.guests.get(server['name'].upper(), {})
        if (lun.get('state'), lun.get('instance')) != ('used',
                                                       each['server']):
            yield 'volume %s is in use, its LUN is %s' % (
                each['volume'], lun.get('state'))
            continue
        kept = guest.get('paths' if guest.get('on') else 'persistent', ())
        if lun['lun'] not in {path[2] for path in kept}:
            yield 'volume %s is in use, and the guest has no path to it' % (
                each['volume'])


SAFETY = (records_are_whole, one_volume_on_a_lun, volumes_have_their_luns,
          snapshots_have_their_luns, data_is_there, images_are_whole,
          operators_data_is_there, clean_luns_are_zero, devices_belong,
          paths_belong, guests_load_what_is_theirs, attachments_work)


# settled


def devices_are_needed(view):
    """Nothing is held beyond its lease."""
    for record in view.devices:
        # what z/VM refused is nobody's, for a term
        if record['state'] == 'free' or not record.get('instance'):
            continue
        server = record['instance']
        wanted = set(view.volumes_of(server)) | {
            lun['volume'] for lun in view.leaving(server)}
        if not wanted:
            yield 'device %s is %s for instance %s, which has no volume' % (
                record['device'], record['state'], server)
        for volume in filter(None, record.get('volumes', '').split(';')):
            if volume not in wanted:
                yield 'device %s carries volume %s, unknown to Nova' % (
                    record['device'], volume)


def used_luns_are_attached(view):
    for lun in view.luns + view.others:
        if (lun.get('state') == 'used' and not view.mapping(
                lun['instance'], lun['volume'])
                and lun not in view.leaving(lun['instance'])):
            yield 'LUN %s is used by instance %s, unknown to Nova' % (
                lun['lun'], lun['instance'])


def luns_are_at_rest(view):
    """Each LUN is a volume's that Cinder knows, or free."""
    known = {each['name_id'] for each in view.volumes.values()}
    known |= view.snapshots.keys()
    for lun in view.luns:
        if lun.get('state') == 'copying' and lun['volume'] in known:
            continue    # it has failed, and its volume is deleted
        if lun.get('state') == 'unmanaged':
            continue
        if lun.get('state') not in ('free', 'ours', 'used'):
            yield 'LUN %s is still %s (%s)' % (lun['lun'], lun.get('state'),
                                               lun.get('why'))
        elif lun['state'] != 'free' and lun['volume'] not in known:
            yield 'LUN %s is %s for volume %s, unknown to Cinder' % (
                lun['lun'], lun['state'], lun['volume'])
    for each in view.others:
        if each['state'] not in ('ours', 'used') or (
                each['state'] == 'used' and each['volume'] not in known):
            yield 'volume %s of the array is %s' % (each['volume'],
                                                    each['state'])


def lines_agree(view):
    for lun in view.luns:
        line = view.lines.get(lun['lun'], ['not there'])
        status = _STATUS.get(lun.get('state'), 'reserved')
        if line[0] != status:
            yield 'the line of LUN %s is %s, its record %s' % (
                lun['lun'], line[0], lun.get('state'))


def no_attach_is_half_done(view):
    """A server that runs has its volumes, or Nova does not list them."""
    for each in view.mappings:
        server = view.servers[each['server']]
        if server['state'] == 'active' and not each['complete']:
            yield 'volume %s is half attached to server %s' % (
                each['volume'], each['server'])


def nothing_waits_for_a_guest_that_runs(view):
    """Who is off may keep what waits for it."""
    for userid, guest in view.guests.items():
        server = view.server_of(userid)
        if server is None or not guest['on']:
            continue
        for lun in view.luns + view.others:
            if lun.get('instance') == server and lun.get('phase'):
                yield 'LUN %s is %s, and its guest runs' % (lun['lun'],
                                                            lun['phase'])
        for record in view.devices:
            if server in record.get('stale', ''):
                yield 'device %s is stale for %s, which runs' % (
                    record['device'], userid)


SETTLED = SAFETY + (devices_are_needed, used_luns_are_attached,
                    luns_are_at_rest, operators_luns_are_not_free,
                    lines_agree, no_attach_is_half_done,
                    nothing_waits_for_a_guest_that_runs)


# gone


def nothing_is_left(view):
    left = {'volumes': view.volumes, 'snapshots': view.snapshots,
            'attachments': view.attachments,
            'servers': view.servers, 'devices': view.devices,
            'guests': view.guests, 'nodes': view.nodes}
    for name, value in left.items():
        if value:
            yield 'there are %s left: %s' % (name, value)
    for lun in view.luns:
        if lun.get('state') != 'free':
            yield 'LUN %s is %s' % (lun['lun'], lun.get('state'))
    for each in view.others:
        if each['state'] != 'ours' or each.get('instance'):
            yield 'volume %s of the array is %s' % (each['volume'],
                                                    each['state'])
    for lun, line in view.lines.items():
        if line[0] != 'free':
            yield 'the line of LUN %s is %s' % (lun, line[0])


GONE = (records_are_whole, clean_luns_are_zero, nothing_is_left)


def broken(rules, cloud):
    """The violations in a cloud, each as "rule: text"."""
    view = View(cloud)
    return ['%s: %s' % (rule.__name__, text)
            for rule in rules for text in rule(view)]
