# SPDX-License-Identifier: Apache-2.0
"""``zvm-volume devices``: the FCP devices of guests, and why one is not used.

It shows the ledger of the whole zHCP, of all compute hosts and clouds.
"""

import json
import time

from zvm_common import fcp


def find(found, admitting=()):
    """The devices of a back-end's zHCP.

    :param found: cinder_zvm.backend.Backend
    :param admitting: numbers of devices that are given back first
    :returns: dict, JSON types only
    :raises LunBusy: a device to give back is held or in use
    :raises SmapiFailed: one does still not come off its guest
    """
    devices = fcp.Devices(found.zhcp, found.settings.fcp_groups)
    for number in admitting:
        devices.admit(number)
    answer = {'zhcp': found.zhcp.name, 'devices': [
        {'device': str(each.number), 'state': each.state,
         'chpid': each.chpid, 'wwpn': str(each.wwpn), 'guest': each.userid,
         'instance': each.instance, 'volumes': sorted(each.volumes),
         'why': each.why, 'retry': each.retry}
        for each in devices.list()]}
    if found.settings.fcp_groups:
        groups, _chpids, _directory = devices.groups()
        answer['groups'] = [str(group) for group in groups]
    return answer


def show(answer, as_json):
    """Print it."""
    if as_json:
        print(json.dumps(answer))
        return
    for text in answer.get('groups', ()):
        print(text)
    for each in answer['devices']:
        print('%(device)s %(state)-11s CHPID %(chpid)s %(guest)-8s '
              '%(instance)s' % each + _why(each))
    print('%d records on zHCP %s' % (len(answer['devices']),
                                     answer['zhcp']))


def _why(each):
    told = ' ' + each['why'] if each['why'] else ''
    if each['retry']:
        told += ' (until %s by the zHCP\'s clock)' % time.strftime(
            '%Y-%m-%d %H:%M:%S UTC', time.gmtime(each['retry']))
    return told
