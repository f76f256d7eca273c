# SPDX-License-Identifier: Apache-2.0
"""chzdev for zfcp-host, zfcp-lun and the zfcp device type.

As s390-tools have it: -e and -d act on the running system and on the
configuration files unless --active or --persistent says otherwise; the
active part comes first, and when it fails nothing is written. Exit statuses
are those of chzdev(8): 3 device not found, 4 unknown attribute, 6 invalid
value, 8 nothing selected, 9 LUN scan forbids to remove a LUN for good (-f
does it), 10 invalid id, 16 in use and not confirmed (-y, -f), 23 FCP device
not found, 25 WWPN not found, 27 no SCSI device behind that LUN.
"""
import dataclasses

from xcat_simulator.machine.tools import select
from xcat_simulator.machine.tools import usage

SHORT = 'aedDpqyfVtr:RlLhHvs:'
LONG = ('active', 'enable', 'disable', 'disable-all', 'persistent', 'quiet',
        'yes', 'force', 'verbose', 'type', 'remove=', 'remove-all',
        'list-attributes', 'list-types', 'help', 'help-attribute', 'version',
        'site=', 'all', 'online', 'offline', 'existing', 'configured',
        'failed', 'no-root-update', 'no-settle', 'no-module-load', 'base=',
        'dry-run', 'apply', 'auto-conf')
_WORDS = {'-a': '--active', '-e': '--enable', '-d': '--disable',
          '-D': '--disable', '--disable-all': '--disable',
          '-p': '--persistent', '-q': '--quiet', '-y': '--yes',
          '-f': '--force', '-t': '--type', '-r': '--remove',
          '-v': '--version', '-h': '--help'}

NOT_FOUND, UNKNOWN_ATTRIBUTE, INVALID_VALUE = 3, 4, 6
NOT_SET, EMPTY, INVALID_CONFIG = 7, 8, 9
ABORTED, NO_FCP, NO_WWPN, NO_SCSI = 16, 23, 25, 27
TEXTS = {NOT_FOUND: 'Device not found', NO_FCP: 'FCP device not found',
         NO_WWPN: 'Target port not found',
         NO_SCSI: 'No SCSI device found - check FCP LUN ID and SAN settings',
         INVALID_CONFIG: 'Auto LUN scan enabled - cannot permanently '
                         'deconfigure LUN (*)'}


class Failed(Exception):
    """An exit status, perhaps with another text than the usual one."""

    def __init__(self, code, text=None):
        super().__init__(text or TEXTS[code])
        self.code = code


@dataclasses.dataclass
class Job:
    """What one call is to do, and what it has said."""

    node: object
    active: bool
    persistent: bool
    force: bool
    yes: bool
    quiet: bool
    settle: bool
    settings: dict
    out: str = ''
    err: str = ''
    code: int = 0

    def say(self, text):
        if not self.quiet:
            self.out += text + '\n'


def chzdev(node, request):
    """See the module."""
    chosen, words = usage.options(request.arguments, SHORT, LONG)
    given = {_WORDS.get(name, name): value for name, value in chosen}
    if '--version' in given:
        return 0, 'chzdev version 2.31.0\n', ''
    both = not {'--active', '--persistent'} & set(given)
    settings = dict(word.split('=', 1) for word in words if '=' in word)
    words = [word for word in words if '=' not in word]
    job = Job(node, both or '--active' in given,
              both or '--persistent' in given, '--force' in given,
              '--yes' in given, '--quiet' in given,
              '--no-settle' not in given, settings)
    if '--type' in given:
        _configure_type(job, words, given.get('--remove'))
    else:
        _configure_devices(job, words, given)
    if job.settle:
        node.udev.settle(120)
    return job.code, job.out, job.err


def _configure_devices(job, words, given):
    with job.node.lock:
        devices = select.devices(job.node, words, set(given))
    if not devices:
        raise usage.Usage('No device was selected!', EMPTY)
    for device in devices:
        try:
            if '--disable' in given:
                done = _disable(job, device)
                verb = 'deconfigured'
            else:
                done = _enable(job, device)
                verb = 'configured'
            job.say('%s %s%s %s' % (device.title, device.id,
                                    '' if done else ' already', verb))
        except Failed as failed:
            verb = ('deconfigure' if '--disable' in given else 'configure')
            job.err += '%s %s %s failed\n    Error: %s\n' % (
                device.title, device.id, verb, failed)
            job.code = job.code or failed.code


def _enable(job, device):
    if device.lun is None:
        return _enable_host(job, device.bus_id)
    with job.node.lock:
        if job.active:
            _reveal(job, device.bus_id)
            if device.bus_id not in job.node.kernel.adapters:
                raise Failed(NO_FCP)
        if _enable_host(job, device.bus_id, {}):
            job.say('FCP device %s configured (prerequisite)' % device.bus_id)
    if job.settle:
        # The port's own rules may have to do their work first.
        job.node.udev.settle(120)
    done = job.active and _add_lun(job, device)
    with job.node.lock:
        if job.persistent:
            key = (device.bus_id, device.wwpn, device.lun)
            done |= key not in job.node.persistent.luns()
            job.node.persistent.write_lun(*key)
    return done


def _reveal(job, bus_id):
    """Take the device from the list of ignored ones, as chzdev does."""
    number = bus_id.rpartition('.')[2].upper()
    if job.node.blacklist.ignores(number):
        job.node.kernel.ignore('free ' + bus_id)


def _enable_host(job, bus_id, settings=None):
    node, done = job.node, False
    settings = dict(job.settings if settings is None else settings)
    online = settings.pop('online', '1')
    if online not in ('0', '1'):
        raise Failed(INVALID_VALUE, 'Invalid value for attribute online')
    with node.lock:
        if job.active:
            _reveal(job, bus_id)
            adapter = node.kernel.adapters.get(bus_id)
            if adapter is None:
                raise Failed(NOT_FOUND)
            done = node.kernel.set_online(adapter, online == '1')
        if job.persistent:
            wanted = {**settings, 'online': online}
            done |= node.persistent.hosts().get(bus_id) != wanted
            node.persistent.write_host(bus_id, wanted)
    return done


def _add_lun(job, device):
    kernel = job.node.kernel
    with job.node.lock:
        port = kernel.adapters[device.bus_id].ports.get(device.wwpn)
        if port is None:
            raise Failed(NO_WWPN)
        known = device.lun in port.units
        if known and device.lun in port.disks:
            return False
        if known:
            kernel.rescan(port.adapter)
        else:
            kernel.unit_add(port, device.lun)
        if device.lun not in port.disks:
            if not known and not job.force:
                kernel.unit_remove(port, device.lun)
            raise Failed(NO_SCSI)
        if port.adapter.npiv and kernel.lun_scan:
            job.say('Note: Auto LUN scan enabled - manual LUN configuration '
                    'is redundant for FCP device %s' % device.bus_id)
    return True


def _disable(job, device):
    node = job.node
    with node.lock:
        adapter = node.kernel.adapters.get(device.bus_id)
        kept = (device.bus_id in node.persistent.hosts()
                if device.lun is None else
                (device.bus_id, device.wwpn, device.lun)
                in node.persistent.luns())
        port = adapter and adapter.ports.get(device.wwpn)
        exists = adapter is not None and (
            device.lun is None or port is not None and (
                device.lun in port.units or device.lun in port.disks))
        if not (job.active and exists or job.persistent and kept):
            if not job.active:
                return False
            raise Failed(NOT_FOUND)
        if job.active and exists:
            _check_use(job, adapter, device)
        if device.lun is None:
            return _disable_host(job, device, adapter)
        return _disable_lun(job, device, port if exists else None)


def _check_use(job, adapter, device):
    disks = [sd for sd in adapter.disks()
             if device.lun is None
             or (sd.port.wwpn, sd.lun) == (device.wwpn, device.lun)]
    users = dict.fromkeys(user for sd in disks
                          for user in _resources(job.node, sd))
    if not users or job.force:
        return
    job.err += 'Warning: %s %s is in use!\n         The following resources ' \
        'may be affected:\n' % (device.title, device.id)
    job.err += ''.join('          - %s\n' % user for user in users)
    if not job.yes:
        job.out += 'Continue with operation? (yes/no) '
        job.err += 'Operation canceled due to missing input\n'
        raise Failed(ABORTED, 'Operation aborted on user request')


def _resources(node, sd):
    """chzdev looks at mounts and swap, also those through maps and LVM."""
    for user in node.mounts_on(sd):
        yield ('Swap device %s' % sd.name if user == 'swap' else
               user.replace('mounted on', 'Mount point', 1))


def _disable_host(job, device, adapter):
    done = False
    if job.active and adapter is not None:
        done = job.node.kernel.set_online(adapter, False)
    if job.persistent:
        done |= job.node.persistent.remove_host(device.bus_id)
    return done


def _disable_lun(job, device, port):
    kernel, done = job.node.kernel, False
    if job.active and port is not None:
        if port.adapter.npiv and kernel.lun_scan and port.adapter.online \
                and not job.force:
            raise Failed(INVALID_CONFIG)
        if device.lun in port.disks:
            kernel.delete(port.disks[device.lun])
            done = True
        if device.lun in port.units:
            kernel.unit_remove(port, device.lun)
            done = True
    if job.persistent:
        done |= job.node.persistent.remove_lun(
            device.bus_id, device.wwpn, device.lun)
    return done


def _configure_type(job, words, removed):
    if words not in (['zfcp'], ['zfcp-host'], ['zfcp-lun']):
        raise usage.Usage('Unknown device type specified', 2)
    done = False
    for name, value in job.settings.items():
        if name not in ('allow_lun_scan', 'dbfsize', 'dif', 'datarouter',
                        'queue_depth', 'port_scan_backoff'):
            raise usage.Usage('Unknown attribute specified: %s' % name,
                              UNKNOWN_ATTRIBUTE)
        if name == 'allow_lun_scan' and value not in ('0', '1'):
            raise usage.Usage('Invalid value for attribute allow_lun_scan: '
                              '%s' % value, INVALID_VALUE)
        done |= _set_parameter(job, name, value)
    if removed and job.persistent:
        if job.node.persistent.parameter(removed) is None:
            raise usage.Usage('Setting not found: %s' % removed, NOT_SET)
        job.node.persistent.set_parameter(removed, None)
        done = True
    job.say('zfcp device type %sconfigured' % ('' if done else 'already '))


def _set_parameter(job, name, value):
    node, done = job.node, False
    with node.lock:
        if job.active and name == 'allow_lun_scan':
            done = node.kernel.lun_scan != (value == '1')
            node.kernel.set_lun_scan(value == '1')
        if job.persistent:
            done |= node.persistent.parameter(name) != value
            node.persistent.set_parameter(name, value)
    return done
