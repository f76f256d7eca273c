# SPDX-License-Identifier: Apache-2.0
"""FCP devices: which ones carry a guest's paths."""

import dataclasses
import re

from zvm_common import exceptions
from zvm_common import fcpgroups
from zvm_common import model
from zvm_common.pool import state

# A device that was held and not used for so long may be asked about (s).
_LEASE = 3600
# What an argument of a program may not hold, in words for operators.
_NO_WORD = re.compile('[^A-Za-z0-9_.:@+-]+')


@dataclasses.dataclass(frozen=True)
class FcpDevice:
    """An FCP device held for an instance.

    ``wwpn`` is its NPIV WWPN, or the physical one of its CHPID where there is
    no NPIV (``npiv`` false): then all devices of the CHPID share it.
    ``volumes`` are the ids of the volumes that use it. ``instance`` and
    ``userid`` are '' of one in quarantine, which is nobody's, and ``retry`` is
    the zHCP's time (seconds of the epoch) when that ends, or 0.
    """

    number: model.DeviceNumber
    wwpn: model.Wwpn
    chpid: str
    npiv: bool
    state: str
    instance: str
    userid: str
    scope: str
    lease: int
    volumes: frozenset = frozenset()
    why: str = ''
    retry: int = 0


@dataclasses.dataclass(frozen=True)
class AttachRequest:
    """A volume that an instance shall use.

    ``generation`` is the volume's as Cinder told it, ``node`` and ``userid``
    name the guest, ``devices`` are of those held for the instance, or empty
    for all of them. With ``off`` a guest that is off is not refused, and gets
    the devices in its directory entry. The LunState of an attachment made by
    this very request bears its ``operation_id``, that of a repeated one the
    first one's.

    ``targets``, of a volume of another back-end only, are the
    :class:`Target` at which its array shows it.
    """

    volume_id: str
    generation: int
    attachment_id: str
    instance_uuid: str
    userid: str
    node: str
    devices: tuple = ()
    operation_id: str | None = None
    off: bool = False
    targets: tuple = ()


@dataclasses.dataclass(frozen=True)
class Target:
    """A LUN behind a port, for one initiator or (None) for any."""

    wwpn: model.Wwpn
    lun: model.Lun
    initiator: model.Wwpn | None = None

    def __str__(self):
        return '%s:%s:%s' % (self.initiator or 'any', self.wwpn, self.lun)


@dataclasses.dataclass(frozen=True)
class Waiting:
    """What waits for a guest to run.

    ``luns`` are the LunStates of its volumes in phase ``pending``,
    ``connect`` or ``leaving``. ``stale`` are numbers of FCP devices that the
    guest lost while it was off: its Linux has the paths configured that
    ``past`` names, as VOLUME:GENERATION, and is not given the devices again
    before it has forgotten them. ``guest_off`` is what CP says when there is
    anything; nothing is proven by it.
    """

    luns: tuple = ()
    stale: tuple = ()
    past: tuple = ()
    guest_off: bool = False

    def __bool__(self):
        return bool(self.luns or self.stale)


class Devices:
    """The FCP devices of one LPAR for the guests of one compute host.

    :param zhcp: zvm_common.zhcp.Zhcp
    :param fcp_list: DeviceGroups from which guests are served, or
        DeviceRanges, of which each range is a group
    :param paths: devices for a guest, each on a CHPID of its own
    :param compute: name of the compute host, for messages and records
    :param cooling: seconds for which a device that was used is nobody's
    """

    def __init__(self, zhcp, fcp_list, paths=2, compute='none', cooling=0):
        self._zhcp = zhcp
        self._groups = model.DeviceGroups.of(fcp_list)
        self._paths = paths
        self._cooling = cooling
        self._compute = zhcp.scope_name(compute)

    @property
    def _asked(self):
        """The groups as an argument: a comma would become a semicolon."""
        return str(self._groups).replace(',', '+')

    def hold(self, instance_uuid, userid, own=False):
        """The devices of an instance: the same at every call.

        They are recorded on the zHCP and stay held until their last volume
        is detached or :meth:`release` is called. One that has become
        another's or was set offline before it was dedicated is set aside.

        :param own: the guest of this name is proven to be this instance's:
            what an earlier instance of that name left is ended. Without it
            that is done when there is no guest of this name at all.
        :returns: tuple of :class:`FcpDevice`
        :raises NoFcpDevice: saying what the devices of each group are
        :raises LunBusy: another instance holds devices for this userid
        :raises SmapiFailed: one of those cannot be undedicated
        """
        if not self._groups:
            raise exceptions.ConfigurationError(
                'zvm_fcp_list is empty: guests can get no FCP device',
                advice='Set it to device numbers and ranges such as '
                       '3B00-3B3F;3C00-3C3F.')
        try:
            answer = self._zhcp.call(
                'hold', model.Uuid(instance_uuid), model.Userid(userid),
                self._paths, self._asked, self._zhcp.scope, _LEASE,
                self._zhcp.hypervisor.zhcp_userid,
                'own' if own else 'unknown', self._cooling)
        except exceptions.NoFcpDevice as err:
            raise fcpgroups.exhausted(err) from err
        return tuple(_device(row) for row in answer.rows)

    def succeed(self, instance_uuid, userid):
        """End what earlier instances left under this instance's userid.

        The caller has proven that the guest of this name is its own.

        :raises SmapiFailed: a device cannot be undedicated
        """
        self._zhcp.call('succeed', model.Uuid(instance_uuid),
                        model.Userid(userid))

    def groups(self):
        """What the devices of the groups are.

        :returns: (tuple of :class:`fcpgroups.Group`, {device number: CHPID}
            of all that z/VM lists, whether SMAPI shows the whole user
            directory and so the devices of guests that are off)
        """
        fields = self._zhcp.call(
            'fcpstate', self._asked, self._paths,
            self._zhcp.hypervisor.zhcp_userid).fields
        return (fcpgroups.parse(fields.get('groups', ''),
                                int(fields.get('now') or 0)),
                dict(part.split(':') for part in _words(fields.get('on'))),
                fields.get('directory') == 'yes')

    def admit(self, device):
        """A device in quarantine is a candidate again, for an operator.

        One that did not come off its guest is released now.

        :raises LunBusy: it is neither
        :raises SmapiFailed: it still does not come off
        """
        self._zhcp.call('admit', model.DeviceNumber(device))

    def list(self):
        """Every device that the ledger knows, of all hosts and clouds."""
        return tuple(_device(row) for row in self._zhcp.call('devices').rows)

    def ours(self):
        """Those of this scope that an instance has, or that did not leave it.

        Another host's or cloud's are never listed.
        """
        return tuple(d for d in self.list()
                     if d.scope == self._zhcp.scope and d.instance)

    def used(self):
        """The LunState of every volume that guests of this host have."""
        return tuple(state.lun_state(row) for row in
                     self._zhcp.call('used', self._compute).rows)

    def release(self, instance_uuid, cooling=(), gone=False):
        """Give back what an instance holds; nothing to give is right too.

        :param gone: its guest is deleted, and its Linux can come to grief by
            nothing any more
        :param cooling: numbers of devices whose WWPNs attachments of other
            back-ends still name; they stay out of use until :meth:`reap`
        :raises LunBusy: when a volume still uses one of the devices
        :raises SmapiFailed: a device could not be undedicated; it stays out
            of use
        """
        self._zhcp.call('drop', model.Uuid(instance_uuid), _numbers(cooling),
                        'guest' if gone else 'none')

    def reap(self, instance_uuid, devices):
        """Free devices that Nova knows no use of.

        One that is held keeps its lease; one that cools, or did not come off
        before, is freed at once.

        :returns: (numbers freed, numbers kept), both as texts
        """
        fields = self._zhcp.call('reap', model.Uuid(instance_uuid),
                                 self._zhcp.scope, _numbers(devices)).fields
        return tuple(tuple(d for d in fields.get(name, '').split(';') if d)
                     for name in ('reaped', 'kept'))

    def attach(self, request):
        """Make a volume used by a guest and dedicate its FCP devices.

        A device that z/VM refuses is set aside for a term. Where the request
        names none, another one takes its place, three times at most; without
        one, and when it is not the device's fault, all is undone on the zHCP.

        :param request: :class:`AttachRequest`
        :returns: the volume's LunState, with its new generation; its
            ``guest_off`` says that the guest finds it when it next runs
        :raises StaleGeneration, LunBusy, VolumeUnknown: nothing was changed
        :raises NoFcpDevice: a device is not the instance's or not the LUN's
        :raises SmapiFailed: with the return code of z/VM
        :raises GuestUnreachable: the guest is not logged on, and the request
            is for one that is
        """
        verb, where = 'attach', ';'.join(
            str(model.DeviceNumber(d)) for d in request.devices) or 'held'
        if request.targets:
            verb, where = 'attachother', ';'.join(map(str, request.targets))
        answer = self._zhcp.call(
            verb, model.Uuid(request.volume_id), int(request.generation),
            model.Uuid(request.attachment_id),
            model.Uuid(request.instance_uuid), model.Userid(request.userid),
            model.NodeName(request.node), self._compute, where,
            'off' if request.off else 'on',
            *((self._asked, self._paths) if self._groups else ()),
            operation=request.operation_id)
        return state.lun_state(answer.fields)

    def other(self, volume_id):
        """The record of a volume of another back-end, made if there is none.

        An attach names its generation.

        :returns: LunState, with role ``other``
        :raises LunBusy: it is a volume of a SCSI pool
        """
        return state.lun_state(self._zhcp.call(
            'other', model.Uuid(volume_id)).fields)

    def detach(self, volume_id, generation, instance_uuid, cooling=()):
        """Make sure that the instance does not use the volume any more.

        The guest program has taken the paths away before. Devices that no
        other volume uses are undedicated and free. An attachment of this
        generation that was asked for and has not come yet can come no more.

        :param generation: of the attached volume, as :meth:`attach` gave it
        :param cooling: as of :meth:`release`
        :returns: (LunState or None where the ledger has no such volume,
            text of what could not be undedicated, '' when all was)
        :raises StaleGeneration: it has been attached anew since
        """
        return self._leave(volume_id, generation, instance_uuid, 'paths',
                           cooling)

    def let_go(self, volume_id, generation, instance_uuid, cooling=()):
        """:meth:`detach` where no guest is left to take paths away.

        The zHCP proves first that the guest is not logged on, and a device
        that does not come off keeps the volume.

        :raises LunBusy: the guest is not logged off
        :raises SmapiFailed: a device could not be undedicated
        """
        return self._leave(volume_id, generation, instance_uuid, 'guest',
                           cooling)

    def leave(self, volume_id, generation, instance_uuid):
        """:meth:`detach` where the guest is there and does not answer.

        When the zHCP proves it off, and it needs none of the volume's FCP
        devices for another volume, they leave its directory entry and are
        stale for it. In any other case the volume stays ``used``, in phase
        ``leaving``, until the guest's Linux has forgotten it or this is asked
        again and can be done.

        :returns: as :meth:`detach`
        :raises StaleGeneration: it has been attached anew since
        """
        return self._leave(volume_id, generation, instance_uuid, 'off', ())

    def waiting(self, instance_uuid, userid):
        """What waits for a guest to run: :class:`Waiting`."""
        answer = self._zhcp.call('waiting', model.Uuid(instance_uuid),
                                 model.Userid(userid))
        return Waiting(
            tuple(state.lun_state(row) for row in answer.rows),
            tuple(model.DeviceNumber(number)
                  for number in _words(answer.fields.get('stale'))),
            tuple(_words(answer.fields.get('past'))),
            answer.fields.get('off') == 'yes')

    def ipl(self, volume_id, generation, instance_uuid, device, wwpn):
        """Let a guest that is off load its Linux by this path to a LUN of its.

        :param device: one of the volume's FCP devices
        :param wwpn: one of its target ports
        :returns: the volume's LunState
        :raises LunBusy: the guest is not logged off
        :raises NoFcpDevice: it does not have this path
        :raises SmapiFailed: the directory entry does not name it
        :raises StaleGeneration: it is another attachment
        """
        return state.lun_state(self._zhcp.call(
            'ipl', model.Uuid(volume_id), int(generation),
            model.Uuid(instance_uuid), model.DeviceNumber(device),
            model.Wwpn(wwpn)).fields)

    def pend(self, volume_id, generation, instance_uuid, phase, why='',
             wwid=''):
        """Say how far an attach is.

        :param phase: ``pending`` (the guest's Linux has nothing configured),
            ``connect`` (it may have) or ``works``
        :param why: what is wrong, for operators
        :param wwid: what the guest says of another back-end's volume
        :raises StaleGeneration: it is another attachment, or being detached
        :raises DiskMismatch: that WWID is known as a LUN of a pool
        """
        self._zhcp.call('pend', model.Uuid(volume_id), int(generation),
                        model.Uuid(instance_uuid), phase,
                        _NO_WORD.sub('~', why)[:300].strip('~-') or '~',
                        *((wwid,) if wwid else ()))

    def unstale(self, instance_uuid, devices, past):
        """The guest's Linux has forgotten what :meth:`waiting` told."""
        if devices and past:
            self._zhcp.call('unstale', model.Uuid(instance_uuid),
                            _numbers(devices), ';'.join(past))

    def stale_instances(self):
        """uuids of all instances for which a device is stale."""
        return frozenset(_words(
            self._zhcp.call('stale').fields.get('instances')))

    def _leave(self, volume_id, generation, instance_uuid, gone, cooling):
        try:
            answer = self._zhcp.call(
                'detach', model.Uuid(volume_id), int(generation),
                model.Uuid(instance_uuid), gone, _numbers(cooling))
        except exceptions.VolumeUnknown:
            return None, ''
        return (state.lun_state(answer.fields),
                answer.fields.get('kept', '').replace('~', ' '))


def _or_none(check, text):
    return str(check(text)) if text else ''


def _words(text):
    return [word for word in (text or '').split(';') if word]


def _numbers(devices):
    return ';'.join(str(model.DeviceNumber(d)) for d in devices) or 'none'


def _device(fields):
    try:
        return FcpDevice(
            number=model.DeviceNumber(fields['device']),
            wwpn=model.Wwpn(fields['wwpn']), chpid=fields['chpid'],
            npiv=fields['npiv'] == 'yes', state=fields['state'],
            instance=_or_none(model.Uuid, fields['instance']),
            userid=_or_none(model.Userid, fields['guest']),
            scope=fields['scope'], lease=int(fields['lease'] or 0),
            volumes=frozenset(v for v in fields['volumes'].split(';') if v),
            why=fields.get('why', '').replace('~', ' '),
            retry=int(fields.get('retry') or 0))
    except (KeyError, ValueError) as e:
        raise exceptions.BadAnswer(
            'The zHCP describes an FCP device as %s: %s'
            % (exceptions.excerpt(fields), e)) from e
