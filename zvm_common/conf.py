# SPDX-License-Identifier: Apache-2.0
"""Options, and their checked form.

Cinder registers ``common_opts + cinder_opts`` in the back-end's section, Nova
``common_opts + nova_opts`` in ``[zvm]``. :func:`settings` turns either
section into :class:`Settings`.
"""

import dataclasses
import re
import ssl

from oslo_config import cfg

from zvm_common import exceptions
from zvm_common import model

#: What of a copy may be read back.
COPY_VERIFY = ('all', 'sampled')
#: What becomes of an attach to a guest that runs and does not answer.
UNREACHABLE = ('refuse', 'pending')
#: How guests are reached.
CHANNELS = ('auto', 'ssh', 'iucv')

common_opts = [
    cfg.StrOpt(
        'zvm_xcat_server', sample_default='mn.example.com',
        help="""
Management node (MN) of xCAT, as HOST or HOST:PORT.

It is talked to by HTTPS only, and its certificate must name HOST. Give no
https:// before it and neither user name nor password in it.

Required.
"""),
    cfg.StrOpt(
        'zvm_xcat_username', sample_default='openstack',
        help="""
User name on the management node.

The user needs rows in the MN's policy table for xdsh, rinv, lsdef, tabdump,
mkdef and rmdef. Not for rpower, lsvm, chhypervisor, chvm or rmvm.

Required.
"""),
    cfg.StrOpt(
        'zvm_xcat_password', secret=True,
        help="""
Password of zvm_xcat_username.

It is sent in a header, never in a URL. Only characters of Latin-1 without
control characters, no blank at either end. Write $ as $$.

Required.
"""),
    cfg.StrOpt(
        'zvm_ca_file', sample_default='/etc/zvm-volume/ca.pem',
        help="""
PEM file with the certificates that vouch for the management node.

When set, only these are trusted; otherwise the certificates of the operating
system. A file that is missing is an error: the management node's certificate
and host name are verified always.
"""),
    cfg.StrOpt(
        'zvm_hypervisor', sample_default='host1',
        help="""
xCAT node of the z/VM LPAR.

May be left out when the MN's zvm table knows exactly one hypervisor.
"""),
    cfg.StrOpt(
        'zvm_fcp_list', default='', sample_default='3B00-3B3F;3C00-3C3F',
        help="""
FCP devices that guests may get: one group for each path, joined with ;.

A group is device numbers and ranges joined with a comma, such as
3B00-3B1F,3B30, on one channel path (CHPID) that no other group is on. A guest
gets zvm_paths devices, each of another group and on another CHPID. Where there
are fewer groups than paths, a group gives several devices, which then must be
on different CHPIDs of it; groups may be of different length. A device in two
groups is refused. Groups that share a CHPID are told in the log when
nova-compute starts.

A LUN is reached only through devices that also stand in the range column of
its pool line. Leave out devices that are used otherwise, those of
zvm_zhcp_fcp_list included.

When empty, nova-compute does not start, and Cinder takes each device that
Nova names: it then checks only that the LUN's range has it and that it is none
of zvm_zhcp_fcp_list.
"""),
    cfg.IntOpt(
        'zvm_xcat_connect_timeout', default=10, min=1, max=600,
        help="""
Seconds to wait for a connection to the management node.
"""),
    cfg.IntOpt(
        'zvm_xcat_read_timeout', default=600, min=1, max=86400,
        help="""
Seconds to wait for an answer of the management node.

The MN goes on with a request that was given up, so that its outcome must be
read again afterwards. Choose more than the time-out of the MN's web server.
"""),
    cfg.StrOpt(
        'zvm_cloud', default='', sample_default='west',
        help="""
Name of this OpenStack in the ledger of the zHCP.

Letters, digits, _ and -. The same in cinder.conf and nova.conf of one cloud.
Set it before the first volume, and only where several clouds use one zHCP:
services of two clouds whose hosts and back-ends bear the same names would take
each other's volumes for their own that were forgotten.
"""),
    cfg.IntOpt(
        'zvm_sweep_interval', default=600, min=0, max=86400,
        help="""
Seconds between two sweeps; 0: only when the service starts.

A sweep compares the ledger on the zHCP with Cinder's or Nova's records,
finishes what was cut off, gives back what nobody needs any more and logs what
it cannot explain.
"""),
]

cinder_opts = [
    cfg.StrOpt(
        'zvm_scsi_pool', sample_default='zpool1',
        help="""
SCSI pool whose LUNs become volumes: /var/opt/zhcp/zfcp/NAME.conf on the zHCP.

Lower-case letters, digits, _ and -.

Required.
"""),
    cfg.StrOpt(
        'zvm_zhcp_fcp_list', default='', sample_default='3BFE;3CFE',
        help="""
FCP devices that are dedicated to the zHCP, for wiping and copying LUNs.

Device numbers and ranges joined with ;. The storage server must mask the
LUNs of the pool to the WWPNs of these devices too. None of them may stand in
zvm_fcp_list.
"""),
    cfg.IntOpt(
        'zvm_max_oversize_percent', default=100, min=0, max=100000,
        help="""
How much larger than asked a LUN may be, in percent of the asked size.

A volume takes a whole LUN, and the surplus is lost to all others. With 100 a
volume of 10 GiB takes a LUN of 10 to 20 GiB, so that small volumes do not eat
the few large LUNs while pools with steps of powers of two still serve every
size. With 0 only LUNs of exactly the asked size are taken.
"""),
    cfg.BoolOpt(
        'zvm_trust_free_luns', default=False,
        help="""
Take LUNs that the pool calls free for empty.

When false a LUN whose wipe this driver has not seen is wiped before it
becomes a volume. Set it only when nobody else uses the pool and its LUNs came
empty from the storage server: otherwise a tenant reads another's data.
"""),
    cfg.StrOpt(
        'zvm_copy_verify', default='all', choices=COPY_VERIFY,
        help="""
What of a copy is read back from the disk and compared with its source.

With all every byte, which makes a copy take about twice its time. With sampled
64 places of 1 MiB, the first and the last among them.
"""),
    cfg.IntOpt(
        'zvm_job_timeout', default=86400, min=1,
        help="""
Seconds to wait for a job on the zHCP: wiping or copying a LUN.

One day writes several TiB even through a slow path. Four jobs work at once on
a zHCP, and the time that one waits for its turn counts. At the end of this
time a copy is given up. A wipe is not: it goes on, and is found again by the
next try.
"""),
    cfg.StrOpt(
        'zvm_stream_address', sample_default='10.1.0.5',
        help="""
Address of this host that the zHCP reaches: images come and go there.

An IPv4 or IPv6 address, or a name that this host has. It is the zHCP that
connects, by TLS, for each image anew; the management node sees none of the
data. When not set it is my_ip of [DEFAULT].
"""),
    cfg.StrOpt(
        'zvm_stream_ports', default='', sample_default='50000-50063',
        help="""
TCP ports of this host for streams of images, as LOW-HIGH.

Each image that is on its way takes one, and only as long as it takes. Let
the zHCP's address through to them where there is a firewall. All back-ends and
processes of a host may have the same ones. When empty it is any port that the
operating system gives.
"""),
    cfg.StrOpt(
        'zvm_zhcp_address', default='', sample_default='10.1.0.9',
        help="""
IP address that the zHCP's connections to this host come from.

Only connections from there are answered. When empty it is the one that the
zHCP tells; set it where the way to this host goes through network address
translation.
"""),
]

nova_opts = [
    cfg.IntOpt(
        'zvm_paths', default=2, min=1, max=8,
        help="""
FCP devices for each guest, each on a channel path (CHPID) of its own.

The number of paths to a disk is this times the number of WWPNs on its pool
line.
"""),
    cfg.IntOpt(
        'zvm_fcp_cooling', default=0, min=0, max=604800,
        help="""
Seconds that an FCP device, after a guest has used it, is kept from others.

Needed where a storage server goes on for some time to show the LUNs of the
last guest to the device's WWPN: one of Cinder's other Fibre Channel back-ends,
which masks them for each guest. Volumes of SCSI pools need none.
"""),
    cfg.StrOpt(
        'zvm_attach_unreachable', default='refuse', choices=UNREACHABLE,
        help="""
What becomes of an attach to a guest that runs and does not answer.

With refuse it fails, and the volume is available again. With pending the
volume is in use at once; the guest gets its paths as soon as it answers: after
a start, a reboot, an unpause, or at the next sweep (zvm_sweep_interval). A
guest that is off is not meant: volumes are attached to it always, and it finds
them when it is started.
"""),
    cfg.StrOpt(
        'zvm_guest_channel', default='auto', choices=CHANNELS,
        help="""
How the Linux of a guest is told to configure a path.

With ssh the management node logs in to it, for which the guest must hold the
public key of root there. With iucv the zHCP calls the agent iucvserd in the
guest, which must name the zHCP's user ID in /etc/iucv_authorized_userid; no
network is needed. With auto it is ssh, and IUCV where that does not work;
which one worked is remembered for each guest.
"""),
]

_OPTS = {opt.dest: opt for opt in common_opts + cinder_opts + nova_opts}
_REQUIRED = ('zvm_xcat_server', 'zvm_xcat_username', 'zvm_xcat_password')


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Checked options; times in seconds.

    ``pool`` is None in a section without the option (Nova's);
    ``hypervisor``, ``ca_file``, ``stream_address`` (Cinder's my_ip then) and
    ``zhcp_address`` (as the zHCP tells) are None when not set.
    ``stream_ports`` is (low, high), and (0, 0) for any. ``fcp_list`` has all
    devices of ``fcp_groups``.
    """

    server: model.Server
    username: str
    password: str = dataclasses.field(repr=False)
    ca_file: str | None
    hypervisor: model.NodeName | None
    pool: model.PoolName | None
    fcp_list: model.DeviceRanges
    zhcp_fcp_list: model.DeviceRanges
    paths: int
    max_oversize_percent: int
    trust_free_luns: bool
    connect_timeout: int
    read_timeout: int
    job_timeout: int
    copy_verify: str = 'all'
    cloud: str = ''
    sweep_interval: int = 600
    stream_address: model.HostAddress | None = None
    stream_ports: tuple = (0, 0)
    zhcp_address: model.IpAddress | None = None
    attach_unreachable: str = 'refuse'
    fcp_groups: model.DeviceGroups = model.DeviceGroups()
    fcp_cooling: int = 0
    guest_channel: str = 'auto'

    def of_cloud(self, name):
        """A service's name, unique among all clouds: ``name@cloud``."""
        return '%s@%s' % (name, self.cloud) if self.cloud else str(name)


def settings(section):
    """Check the options of a section.

    :param section: what has the options as attributes: an oslo.config group
        or Cinder's Configuration. An option that is not registered there
        has its default.
    :returns: :class:`Settings`
    :raises ConfigurationError: naming the option, its value (never the
        password) and the rule
    """
    read = _Reader(section)
    groups = (read.optional('zvm_fcp_list', model.DeviceGroups.parse)
              or model.DeviceGroups())
    result = Settings(
        server=read.required('zvm_xcat_server', model.Server),
        username=read.required('zvm_xcat_username', _header),
        password=read.required('zvm_xcat_password', _header),
        ca_file=read.optional('zvm_ca_file', _ca_file),
        hypervisor=read.optional('zvm_hypervisor', model.NodeName),
        pool=(read.required('zvm_scsi_pool', model.PoolName)
              if read.registered('zvm_scsi_pool') else None),
        fcp_list=groups.devices,
        fcp_groups=groups,
        zhcp_fcp_list=read.ranges('zvm_zhcp_fcp_list'),
        paths=read.plain('zvm_paths'),
        max_oversize_percent=read.plain('zvm_max_oversize_percent'),
        trust_free_luns=read.plain('zvm_trust_free_luns'),
        connect_timeout=read.plain('zvm_xcat_connect_timeout'),
        read_timeout=read.plain('zvm_xcat_read_timeout'),
        job_timeout=read.plain('zvm_job_timeout'),
        copy_verify=read.plain('zvm_copy_verify'),
        cloud=read.optional('zvm_cloud', _cloud) or '',
        sweep_interval=read.plain('zvm_sweep_interval'),
        stream_address=read.optional('zvm_stream_address',
                                     model.HostAddress),
        stream_ports=(read.optional('zvm_stream_ports', model.parse_ports)
                      or (0, 0)),
        zhcp_address=read.optional('zvm_zhcp_address', model.IpAddress),
        attach_unreachable=read.plain('zvm_attach_unreachable'),
        fcp_cooling=read.plain('zvm_fcp_cooling'),
        guest_channel=read.plain('zvm_guest_channel'))
    _no_overlap(result)
    return result


def _no_overlap(result):
    both = result.fcp_list & result.zhcp_fcp_list
    if both:
        raise exceptions.ConfigurationError(
            'FCP devices %s stand in zvm_fcp_list and in zvm_zhcp_fcp_list. '
            "The zHCP's own devices are for no guest: take them out of one."
            % both)


class _Reader:
    """Reads single options; what is wrong names the option."""

    def __init__(self, section):
        self._section = section

    def registered(self, name):
        """Whether the section has the option at all, set or not."""
        return self._get(name, self) is not self

    def plain(self, name):
        value = self._get(name, _OPTS[name].default)
        return _OPTS[name].default if value is None else value

    def required(self, name, check):
        value = self.optional(name, check)
        if value is None:
            raise exceptions.ConfigurationError(
                '%s is not set. %s' % (name, _first(_OPTS[name].help)))
        return value

    def optional(self, name, check):
        value = self.plain(name)
        if value is None or value == '':
            return None
        try:
            return check(value)
        except exceptions.InvalidValue as e:
            shown = ('' if _OPTS[name].secret
                     else ' ' + exceptions.excerpt(_shown(e, value), 80))
            raise exceptions.ConfigurationError(
                '%s%s is not valid: %s' % (name, shown, e.rule)) from None

    def ranges(self, name):
        return (self.optional(name, model.DeviceRanges.parse)
                or model.DeviceRanges())

    def _get(self, name, default):
        why = None
        try:
            return getattr(self._section, name)
        except AttributeError as e:
            # oslo.config's own is raised for a $ that names no option too.
            if getattr(e, 'opt_name', name) == name:
                return default
            why = 'it refers to another option; write $ as $$'
        except (cfg.Error, ValueError) as e:
            why = 'write $ as $$' if _OPTS[name].secret else e
        raise exceptions.ConfigurationError(
            '%s is not valid: %s' % (name, why))


def _shown(error, value):
    # A server with user and password in it comes masked.
    return error.value if isinstance(error.value, str) else value


def _first(text):
    return text.strip().partition('\n\n')[0].replace('\n', ' ')


def _header(value):
    return str(model.HeaderText(value))


def _cloud(value):
    if not re.fullmatch('[A-Za-z0-9_-]{1,20}', value):
        raise exceptions.InvalidValue(
            value, '1 to 20 letters, digits, _ and -', 'Cloud')
    return value


def _ca_file(path):
    """A file that OpenSSL reads certificates from."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (OSError, ValueError) as e:
        # ssl.SSLError is an OSError.
        raise exceptions.InvalidValue(
            path, 'a readable PEM file of certificates (%s)' % e,
            'CA file') from None
    return path
