# SPDX-License-Identifier: Apache-2.0
"""``zvm-volume audit``: what differs between Cinder, ledger and pool file.

Changes nothing unless it is told to rebuild a ledger that was lost.  It runs
on a host of cinder-volume, with its configuration.
"""

import argparse
import collections
import dataclasses
import json
import sys

from cinder.common import config  # noqa: F401 registers Cinder's options
from cinder import objects
from cinder.volume import configuration
from oslo_config import cfg

from cinder_zvm import backend
from cinder_zvm import connection
from cinder_zvm import devices
from cinder_zvm import opts
from cinder_zvm import records
from zvm_common import exceptions
from zvm_common import zhcp as zhcp_program

# What the findings mean; in the order in which they are shown.
KINDS = {
    'lost': 'Cinder has the volume and the ledger has not',
    'elsewhere': 'the volume is in another pool of the zHCP than Cinder says: '
                 'migrate it there once more',
    'stamped': 'the line bears a volume\'s stamp and there is no record',
    'unmanaged': 'Cinder has the volume and its LUN was left to the operator: '
                 'unmanage it again',
    'unknown': 'the ledger has the volume and Cinder has not',
    'quarantined': 'nobody gets the LUN until somebody has looked at it',
    'drift': 'the line differs from the record',
    'twice': 'the LUN stands on two lines',
    'unreadable': 'a line that nobody can read, by its number',
}


@dataclasses.dataclass(frozen=True)
class Finding:
    """One difference: a kind of :data:`KINDS`, the LUN, and what is known."""

    kind: str
    lun: str
    volume: str = ''
    detail: str = ''


def find(view, known, look=lambda volume_id: None):
    """The findings of one pool.

    :param view: PoolView
    :param known: what Cinder has, as records.Records.volumes() gives it
    :param look: LunState of a volume that the pool does not show, or None
    :returns: list of :class:`Finding`
    """
    found = [Finding('unreadable', number) for number in view.bad]
    for lun in view.luns:
        found += _of_lun(lun, known)
    was = {lun.was for lun in view.luns if lun.state == 'unmanaged'}
    shown = was | {lun.volume_id for lun in view.luns}
    found += [Finding('unmanaged', lun_of(each.provider_id), each.volume_id,
                      each.status)
              for each in _here(known) if each.volume_id in was]
    found += [_not_shown(each, look(each.volume_id))
              for each in _here(known) if each.volume_id not in shown]
    return sorted(found, key=lambda each: (list(KINDS).index(each.kind),
                                           each.lun))


def _of_lun(lun, known):
    number, volume = str(lun.lun), lun.volume_id or ''
    if lun.state == 'lost':
        yield Finding('stamped', number)
    if lun.state == 'quarantined':
        yield Finding('quarantined', number, volume, lun.why or '')
    elif volume and (lun.moves or volume) not in known:
        yield Finding('unknown', number, volume, ' '.join(filter(
            None, [lun.state, lun.phase, lun.scope])))
    if lun.drift:
        yield Finding('drift', number, volume, lun.drift)
    if lun.twice:
        yield Finding('twice', number, volume)


def _not_shown(each, lun):
    if lun is None:
        return Finding('lost', lun_of(each.provider_id), each.volume_id,
                       each.status)
    return Finding('elsewhere', str(lun.lun), each.volume_id,
                   '%s %s' % (lun.pool, lun.scope))


def _here(known):
    unique = {each.volume_id: each for each in known.values()}
    return [each for each in unique.values() if each.has_lun]


def place_of(provider_id):
    """WWPNs and LUN that a provider_id names."""
    return provider_id.partition(':')[2]


def lun_of(provider_id):
    """The LUN that a provider_id names."""
    return provider_id.rpartition(':')[2]


def rebuild(pool, settings, known):
    """Make records that are missing from Cinder's, then set the rest aside.

    :returns: (ids of the volumes that have a record again, how many stamped
        lines were set aside, texts of what could not be done)
    """
    view = pool.view()
    shown = {lun.volume_id for lun in view.luns}
    shown |= {lun.was for lun in view.luns if lun.state == 'unmanaged'}
    made, failed = [], []
    places = collections.Counter(place_of(each.provider_id)
                                 for each in _here(known))
    for each in _here(known):
        if each.volume_id in shown or pool.look(each.volume_id):
            continue
        try:
            operation, wwpns, lun = each.provider_id.split(':')
            user = _user(each.volume, settings)
            if user and places[place_of(each.provider_id)] > 1:
                raise ValueError(
                    'Cinder has another volume on LUN %s too, and its line '
                    'does not say whose it is. Set the provider_id of the '
                    'wrong one in its database' % lun)
            pool.rebuild(each.volume_id, operation, wwpns.split('+'), lun,
                         user,
                         role='current' if each.volume else 'snapshot')
        except (exceptions.ZvmError, ValueError) as err:
            failed.append('Volume %s: %s' % (each.volume_id, err))
        else:
            made.append(each.volume_id)
    return made, 0 if failed else pool.adopt(), failed


def _user(volume, settings):
    """The guest that has a volume, from its attachment, or None."""
    for attachment in volume.volume_attachment if volume else ():
        connector = attachment.connector or {}
        if attachment.attach_status == 'attached' and (
                'zvm_userid' in connector):
            userid = connector['zvm_userid']
            return (userid, userid.lower(), attachment.instance_uuid,
                    attachment.id, zhcp_program.Zhcp.scope_name(
                        settings.of_cloud(
                            connection.compute_of(connector))))
    return None


def _connect(section):
    # as cinder.cmd.volume has them, which starts a service when imported
    cfg.CONF.register_opt(cfg.StrOpt('cluster'))
    cfg.CONF.register_opt(cfg.StrOpt('backend_host'), group=section)
    cfg.CONF.register_opts(opts.backend_opts(), group=section)
    settings = backend.settings(configuration.Configuration(
        opts.backend_opts(), config_group=section))
    host = '%s@%s' % (cfg.CONF[section].backend_host or cfg.CONF.host,
                      section)
    cluster = cfg.CONF.cluster and '%s@%s' % (cfg.CONF.cluster, section)
    found = backend.connect(settings, 'cinder:%s' % (cluster or host))
    return found, records.Records(host, cluster)


def audit(section, rebuilding=False):
    """Audit the back-end of a section of the parsed configuration.

    :returns: dict, JSON types only
    """
    found, volumes = _connect(section)
    answer = {'backend': section, 'pool': found.pool.name,
              'zhcp': found.zhcp.name}
    known = volumes.volumes()
    if rebuilding:
        made, aside, failed = rebuild(found.pool, found.settings, known)
        answer.update(rebuilt=made, set_aside=aside, failed=failed)
    findings = find(found.pool.view(), known, found.pool.look)
    answer['findings'] = [dataclasses.asdict(each) for each in findings]
    return answer


def _print(answer):
    print('Back-end %(backend)s: pool %(pool)s on zHCP %(zhcp)s' % answer)
    if 'rebuilt' in answer:
        print('%d records rebuilt, %d lines set aside' % (
            len(answer['rebuilt']), answer['set_aside']))
        print(''.join('NOT DONE: %s\n' % text for text in answer['failed']),
              end='')
    for each in answer['findings']:
        print('%(kind)-12s LUN %(lun)s %(volume)s %(detail)s' % each)
    kinds = {each['kind'] for each in answer['findings']}
    for kind in KINDS:
        if kind in kinds:
            print('  %s: %s' % (kind, KINDS[kind]))
    print('%d differences' % len(answer['findings']))


def _arguments(argv):
    parser = argparse.ArgumentParser(
        prog='zvm-volume', description='Block storage on z/VM: looking after '
        'the ledger on a zHCP.')
    commands = parser.add_subparsers(required=True)
    audits = commands.add_parser(
        'audit', help="compare the ledger with Cinder's records and the pool")
    audits.set_defaults(admit=None)
    _place(audits)
    audits.add_argument('--rebuild', action='store_true',
                        help='make records that were lost from what Cinder '
                        'has. Stop cinder-volume and nova-compute first')
    shows = commands.add_parser(
        'devices', help='show the FCP devices of guests, and why one is not '
        'used')
    _place(shows)
    shows.add_argument('--admit', action='append', default=[],
                       metavar='DEVICE', help='end the quarantine of a '
                       'device, or try its release now; may be repeated')
    return parser.parse_args(argv)


def _place(parser):
    parser.add_argument('--config-file', action='append', required=True,
                        help='of cinder-volume; may be repeated')
    parser.add_argument('--backend', required=True, metavar='SECTION',
                        help="the back-end's section, such as zvmssio1")
    parser.add_argument('--json', action='store_true')


def main(argv=None):
    """The command; 0: no difference, 1: differences, 2: could not look.

    ``devices`` ends with 0 or 2.
    """
    arguments = _arguments(argv)
    objects.register_all()
    cfg.CONF([word for name in arguments.config_file
              for word in ('--config-file', name)], project='cinder')
    try:
        if arguments.admit is not None:
            devices.show(devices.find(_connect(arguments.backend)[0],
                                      arguments.admit), arguments.json)
            return 0
        answer = audit(arguments.backend, arguments.rebuild)
    except exceptions.ZvmError as err:
        print('zvm-volume: %s' % err, file=sys.stderr)
        return 2
    if arguments.json:
        print(json.dumps(answer))
    else:
        _print(answer)
    return 1 if answer['findings'] or answer.get('failed') else 0
