# SPDX-License-Identifier: Apache-2.0
"""CP commands, as `vmcp` brings them. Texts are CP's, upper case.

Known: QUERY USERID, QUERY USER id (or QUERY id), QUERY FCP [FREE | ATTACHED
[TO] [id] | OFFLINE | rdev], QUERY rdev, QUERY VIRTUAL FCP. Only the zHCP has
the privilege class for real devices; others get HCPCMD003E/HCPCQU003E.

    FCP  3B20 ATTACHED TO LNX00001 3B20 CHPID 50
         WWPN C05076FFE5000020
    FCP  3B20 FREE
    FCP  3B20 OFFLINE
    HCPQDD040E Device 3B20 does not exist          return code 40
    HCPCQU045E LNX00001 not logged on              return code 45
    HCPCQU361E LOGOFF/FORCE pending for user LNX00001      code 361
    HCPCQU003E Invalid option - X                  return code 3
    HCPCQU020E Userid missing or invalid           return code 20
"""
import re

from xcat_simulator.machine import model


def run(lpar, issuer, command):
    """Run `command` as user `issuer`: (CP return code, text)."""
    words = command.upper().split()
    if not words:
        return 0, ''
    if not _means(words[0], 'QUERY', 1):
        return 1, 'HCPCMD001E Unknown CP command: %s\n' % words[0]
    guest = lpar.guests[issuer]
    return _query(lpar, guest, words[1:])


def _query(lpar, guest, words):
    if not words:
        return 26, 'HCPCQU026E Operand missing or invalid\n'
    if words[0] == 'USERID':
        return 0, '%-8s AT %s\n' % (guest.userid, lpar.name.upper()[:8])
    if _means(words[0], 'VIRTUAL', 1):
        return _query_virtual(guest, words[1:])
    if _means(words[0], 'USERS', 1):
        return _query_user(lpar, words[1:])
    if guest.userid != lpar.zhcp_userid:
        return 3, 'HCPCQU003E Invalid option - %s\n' % words[0]
    if words[0] == 'FCP':
        return _query_fcp(lpar, words[1:])
    if re.fullmatch('[0-9A-F]{1,4}', words[0]):
        return _query_device(lpar, words[0])
    return _query_user(lpar, words)


def _means(word, full, least):
    """Is `word` an abbreviation of at least `least` letters of `full`?"""
    return len(word) >= least and full.startswith(word)


def _query_user(lpar, words):
    if not words:
        on = [userid for userid, guest in sorted(lpar.guests.items())
              if guest.power == 'on']
        return 0, '%6d USERS,     0 DIALED,     0 NET\n' % len(on)
    userid = words[0]
    if not re.fullmatch(r'[A-Z0-9@#$_:+-]{1,8}', userid):
        return 20, 'HCPCQU020E Userid missing or invalid\n'
    guest = lpar.guests.get(userid)
    if guest is not None and guest.logoff_pending:
        return 361, 'HCPCQU361E LOGOFF/FORCE pending for user %s\n' % userid
    if guest is None or guest.power != 'on':
        return 45, 'HCPCQU045E %s not logged on\n' % userid
    return 0, '%-8s - DSC \n' % userid


def _query_virtual(guest, words):
    if words[:1] != ['FCP']:
        return 3, 'HCPQVD003E Invalid option - %s\n' % ' '.join(words)
    if not guest.active_devices:
        return 40, 'HCPQVD040E Device FCP does not exist\n'
    text = ''
    for number, (virtual, device) in enumerate(
            sorted(guest.active_devices.items())):
        text += (
            'FCP  %(v)s ON FCP   %(r)s CHPID %(c)s SUBCHANNEL = %(s)04X\n'
            '     %(v)s DEVTYPE FCP         VIRTUAL CHPID %(c)s  FCP\n'
            '     %(v)s QDIO ACTIVE     QIOASSIST ACTIVE       QEBSM\n'
            % {'v': virtual, 'r': device.number, 'c': device.chpid,
               's': number + 8})
    return 0, text


def _query_fcp(lpar, words):
    words = [word for word in words if word != 'TO']
    devices = [lpar.devices[number] for number in sorted(lpar.devices)]
    if not words:
        chosen = devices
    elif words[0] in ('FREE', 'OFFLINE'):
        chosen = [d for d in devices if d.status.upper() == words[0]]
    elif words[0] == 'ATTACHED':
        chosen = [d for d in devices if d.status == model.ACTIVE
                  and (len(words) == 1 or d.owner == words[1])]
    elif re.fullmatch('[0-9A-F]{1,4}', words[0]):
        return _query_device(lpar, words[0])
    else:
        return 3, 'HCPQDV003E Invalid option - %s\n' % words[0]
    if not chosen:
        return 40, 'HCPQDV040E Device FCP does not exist\n'
    return 0, ''.join(_describe(lpar, device) for device in chosen)


def _query_device(lpar, number):
    device = lpar.devices.get(number.zfill(4))
    if device is None:
        return 40, 'HCPQDD040E Device %s does not exist\n' % number.zfill(4)
    return 0, _describe(lpar, device)


def _describe(lpar, device):
    if device.status != model.ACTIVE:
        return 'FCP  %s %s\n' % (device.number, device.status.upper())
    owner, virtual = device.owner or 'SYSTEM', device.number
    if device.owner:
        active = lpar.guests[device.owner].active_devices
        virtual = next(v for v, held in active.items() if held is device)
    text = 'FCP  %s ATTACHED TO %-8s %s CHPID %s\n' % (
        device.number, owner, virtual, device.chpid)
    return text + '     WWPN %s\n' % device.initiator.upper()
