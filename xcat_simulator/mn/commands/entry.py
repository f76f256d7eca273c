# SPDX-License-Identifier: Apache-2.0
"""chvm's options that change the directory entry, and device by device.

Generators of what the MN prints: (onvm.Guest, words of the request). Many
print nothing, whatever smcli said.
"""

import base64
import re

from xcat_simulator.mn import cli
from xcat_simulator.mn import hop
from xcat_simulator.mn import perl

PARAMETERS = '%s: (Error) Wrong number of parameters'
UNREACHED = '%s: (Error) unable to communicate with the zhcp system: %s'
NO_FILE = '%s: (Error) File does not exist'
NO_ENTRY = ('%s: (Error) No directory entry file specified',
            '%s: (Solution) Specify a text file containing the updated '
            'directory entry')


def is_on(guest):
    """rpower stat, as one more request."""
    text = cli.run(guest.world, 'rpower', guest.node, ['stat'])
    return bool(re.search(': on', text, re.IGNORECASE))


def dedicate(guest, args):
    """--dedicatedevice VIRTUAL REAL READONLY.

    A repeat sees the entry alone and says Done: a half that failed is not
    tried again, whatever is active.
    """
    if len(args) != 4:
        yield PARAMETERS % guest.node
        return
    words = '-T %s -v %s -r %s -R %s' % ((guest.userid,) + tuple(args[1:]))
    text = guest.hops.smcli('Image_Device_Dedicate_DM ' + words).text
    known = bool(re.search('Return Code: 404', text, re.I)
                 and re.search('Reason Code: 4', text, re.I))
    if known:
        text = ("Dedicating device %s to %s's directory entry... Done"
                % (args[2], guest.userid))
    yield '%s: %s' % (guest.node, text)
    if is_on(guest) and not known:
        text = guest.hops.smcli('Image_Device_Dedicate ' + words).text
        yield '%s: %s' % (guest.node, text)


def undedicate(guest, args):
    """--undedicatedevice VIRTUAL."""
    if len(args) != 2:
        yield PARAMETERS % guest.node
        return
    words = '-T %s -v %s' % (guest.userid, args[1])
    text = guest.hops.smcli('Image_Device_Undedicate_DM ' + words).text
    yield '%s: %s' % (guest.node, text)
    if is_on(guest):
        text = guest.hops.smcli('Image_Device_Undedicate ' + words).text
        yield '%s: %s' % (guest.node, text)


def set_ipl(guest, args):
    """--setipl TARGET [LOADPARM [PARM]]."""
    target, load, parameters = (args[1:4] + ['', '', ''])[:3]
    guest.hops.smcli('Image_IPL_Set_DM -T %s -s %s -l %s -p %s' % (
        guest.userid, target, load if perl.true(load) else "''",
        parameters if perl.true(parameters) else "''"))
    return
    yield


def delete_ipl(guest, args):
    """--deleteipl."""
    guest.hops.smcli('Image_IPL_Delete_DM -T ' + guest.userid)
    return
    yield


def set_loaddev(guest, args):
    """--setloaddev WWPN LUN [ISHEX SCPDATA]; what comes of it is not told."""
    if len(args) not in (3, 5):
        yield PARAMETERS % guest.node
        return
    wwpn, lun = args[1].replace('0x', ''), args[2].replace('0x', '')
    kind = data = ''
    if len(args) == 5:
        kind, data = '3', args[4]
        if not perl.true(args[3]):
            kind, data = '2', "'%s'" % args[4]
    yield '%s: Setting LOADDEV directory statements' % guest.node
    guest.hops.smcli(
        "Image_SCSI_Characteristics_Define_DM  -T %s -b '' -k '' -l %s -p %s "
        '-s %s -d %s' % (guest.userid, lun, wwpn, kind, data))


def remove_loaddev(guest, args):
    """--removeloaddev [WWPN LUN]: write the entry anew without them."""
    wwpn, lun = [word.replace('0x', '') for word in (args[1:] + ['', ''])[:2]]
    yield '%s: Removing LOADDEV directory statements' % guest.node
    lines = entry_text(guest).split('\n')
    everything = not perl.true(wwpn) and not perl.true(lun)
    if not everything:
        kept = [line for line in lines if line and not (
            perl.matches('LOADDEV PORTNAME ' + wwpn, line)
            or perl.matches('LOADDEV LUN ' + lun, line))]
        changed = len(kept) != len([line for line in lines if line])
    else:
        kept = [line for line in lines if 'LOADDEV' not in line]
        changed = True
    # On the simulated MN: a key, no file of this machine.
    path = '/tmp/%s.txt' % guest.node  # nosec B108
    files = guest.world.local.files
    files.pop(path, None)
    if kept or everything:
        files[path] = ''.join(line + '\n' for line in kept)
    if not changed:
        yield '%s: No changes required in the directory entry' % guest.node
        return
    yield cli.run(guest.world, 'chvm', guest.node, ['--replacevs', path],
                  errors=True)
    files.pop(path, None)


def entry_text(guest):
    """The directory entry without its last line."""
    text = guest.hops.smcli('Image_Query_DM -T ' + guest.userid).text
    lines = text.splitlines()
    return '\n'.join(lines[:-1])


def replace(guest, args):
    """--replacevs FILE: a file of the MN, copied to the zHCP."""
    path = args[1] if len(args) == 2 else ''
    if not perl.true(path):
        for text in NO_ENTRY:
            yield text % guest.node
        return
    content = guest.world.local.files.get(path)
    if content is None:
        yield NO_FILE % guest.node
        return
    packed = base64.b64encode(content.encode()).decode()
    guest.hops.run('echo %s | base64 -d > %s' % (packed, path))
    for arguments in ('Image_Lock_DM -T %s', 'Image_Replace_DM -T %%s -f %s'
                      % path, 'Image_Unlock_DM -T %s'):
        guest.hops.smcli(arguments % guest.userid)
    guest.hops.run('rm -rf ' + path)


def smcli(guest, args):
    """--smcli WORDS: %userid% is the guest's; the output is not shown."""
    if len(args) < 2:
        yield PARAMETERS % guest.node
        return
    words = ' '.join(args[1:]).replace('%userid%', guest.userid)
    answer = guest.hops.on(guest.hcp, '%s/smcli %s' % (hop.BIN, words))
    if answer.status == hop.NO_SSH:
        yield UNREACHED % (guest.node, guest.hcp)


OPTIONS = {
    '--dedicatedevice': dedicate, '--deleteipl': delete_ipl,
    '--removeloaddev': remove_loaddev, '--replacevs': replace,
    '--setipl': set_ipl, '--setloaddev': set_loaddev, '--smcli': smcli,
    '--undedicatedevice': undedicate}
