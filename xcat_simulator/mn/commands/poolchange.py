# SPDX-License-Identifier: Apache-2.0
"""chhypervisor's options that change pools.

Each is a generator of texts: (hops, node, words of the request).
"""

import re

from xcat_simulator.mn import hop
from xcat_simulator.mn import perl
from xcat_simulator.mn import pools
from xcat_simulator.mn import shell

HEADER = '#status,wwpn,lun,size,range,owner,channel,tag'
WWPNS = re.compile(r'[0-9a-f]{16}(;[0-9a-f]{16})*\n?\Z', re.IGNORECASE)
LUN = re.compile(r'[0-9a-f]{16}\n?\Z', re.IGNORECASE)
LUNS = re.compile(r'[0-9a-f]{16}(,[0-9a-f]{16})*\n?\Z', re.IGNORECASE)
PARAMETERS = '%s: (Error) Wrong number of parameters'
BAD_RANGE = ('(Error) Invalid FCP device range. An acceptable range can be '
             'specified as 1A80-1B90 or 1A80-1B90;2A80-2B90.')


def add(hops, node, args):
    """--addzfcp2pool POOL STATUS WWPN LUN SIZE [RANGE [OWNER]]."""
    if not 6 <= len(args) <= 8:
        yield PARAMETERS % node
        return
    pool, (status, wwpn, lun, size) = args[1].lower(), args[2:6]
    wwpn = wwpn.replace('"', '').replace('0x', '')
    lun = lun.replace('0x', '')
    problem = _wrong_line(status, wwpn, lun, size)
    if problem:
        yield '%s: %s' % (node, problem)
        return
    for path in wwpn.split(';'):
        known = _pools_with(hops, path, lun)
        for other in known:
            yield ('%s: (Error) zFCP device %s/%s already exists in %s.'
                   % (node, path, lun, other))
        if known:
            return
    ranges, owner = (args[6:] + ['', ''])[:2]
    problem = _wrong_rest(status, ranges, owner)
    if problem:
        yield '%s: %s' % (node, problem)
        return
    pools.make_folder(hops)
    _give_to_sudoer(hops)
    if not pools.exists(hops, pool):
        hops.run("echo '%s' > %s" % (HEADER, pools.FILE % pool))
        yield '%s: New zFCP device pool %s created' % (node, pool)
    hops.run("echo '%s' >> %s" % (','.join(
        (status, wwpn, lun, size, ranges, owner, '', '')),
        pools.FILE % pool))
    yield '%s: Adding zFCP device to %s pool... Done' % (node, pool)


def _wrong_line(status, wwpn, lun, size):
    if perl.true(size) and not re.search('[GM]', size, re.I):
        return pools.BAD_SIZE
    if not pools.STATUS.match(status):
        return pools.BAD_STATUS
    if not WWPNS.match(wwpn):
        return '(Error) Invalid world wide portname %s.' % wwpn
    if not LUN.match(lun):
        return '(Error) Invalid logical unit number %s.' % lun
    return ''


def _wrong_rest(status, ranges, owner):
    if re.search('[^0-9a-f;-]', ranges, re.I):
        return BAD_RANGE
    if re.search('used', status, re.I) and not perl.true(owner):
        return pools.NO_OWNER
    if re.search('free', status, re.I) and perl.true(owner):
        return pools.OWNER
    return ''


def _pools_with(hops, wwpn, lun):
    """Names of the pools that have this path; of several WWPNs none."""
    answer = hops.run('grep -a -i -l ,%s,%s %s/*.conf'
                      % (wwpn, lun, hop.POOLS))
    return [re.sub(r'\.[^.]+\Z', '', path.rpartition('/')[2])
            for path in hop.lines(answer) if path]


def _give_to_sudoer(hops):
    if hops.user == 'root':
        return
    owner = hops.run('/usr/bin/stat -c %G:%U /var/opt/zhcp').text
    if not perl.matches(hops.user + ':users', owner):
        hops.run('chown -R %s:users /var/opt/zhcp' % hops.user)


def remove(hops, node, args):
    """--removezfcpfrompool POOL LUN[,LUN] WWPN: lines go, used or not."""
    if len(args) != 4:
        yield (PARAMETERS % node if len(args) > 4
               else '%s: (Error) WWPN is required.' % node)
        return
    pool = args[1]      # not in lower case, as it is elsewhere
    lun, wwpn = (text.replace('0x', '') for text in args[2:])
    if not WWPNS.match(wwpn):
        yield ('%s: (Error) Invalid world wide port name %s.' % (node, wwpn))
        return
    if not LUNS.match(lun):
        yield '%s: (Error) Invalid logical unit number %s.' % (node, lun)
        return
    if not pools.exists(hops, pool):
        yield '%s: (Error) zFCP pool does not exist' % node
        return
    for each in lun.split(','):
        problem = yield from _remove_lun(hops, node, pool, wwpn, each)
        if problem:
            yield problem
            return


def _remove_lun(hops, node, pool, wwpn, lun):
    """Remove each line of the LUN that has the WWPN; returns why to stop."""
    text, problem = pools.read(hops, pool, 'changeHypervisor', node)
    if problem:
        return problem
    found = shell.egrep(text, lun)
    if not found:
        return '%s: (Error) zFCP device %s does not exist' % (node, lun)
    mine = [line for line in map(str.strip, perl.split(found, '\n'))
            if perl.matches(wwpn, ''.join(line.split(',')[1:2]))]
    for line in mine:
        hops.run("sed -i -e /'%s'/d %s" % (line, pools.FILE % pool))
        yield ('%s: Removing zFCP device %s/%s from %s pool... Done'
               % (node, wwpn, lun, pool))
        if len(hop.lines(hops.run('cat ' + pools.FILE % pool))) <= 1:
            hops.run('rm -f ' + pools.FILE % pool)
            return '%s: Deleting empty zFCP %s pool.' % (node, pool)
    if not mine:
        return ('%s: (Error) zFCP device %s/%s does not exist.'
                % (node, wwpn, lun))
    return ''


def release(hops, node, args):
    """--releasezfcp POOL WWPN LUN[,LUN]: free, whoever had it."""
    if len(args) != 4:
        yield PARAMETERS % node
        return
    pool, wwpn, luns = (text.lower() for text in args[1:])
    for lun in filter(None, luns.split(',')):
        found = yield from pools.find_and_update(
            hops, node, pool, 'free', wwpn=wwpn, lun=lun)
        if found:
            yield '%s: Releasing FCP device... Done' % node
            yield '%s: FCP device 0x%s/0x%s was released' % (node, wwpn, lun)
        else:
            yield '%s: Releasing FCP device... Failed' % node


def reserve(hops, node, args):
    """--reservezfcp POOL STATUS OWNER DEVICE SIZE [WWPN LUN]."""
    if len(args) not in (6, 8):
        yield PARAMETERS % node
        return
    pool, (status, owner, device, size) = args[1].lower(), args[2:6]
    if re.match(r'free\n?\Z', status, re.I):
        yield ('%s: (Error) Status can be used or reserved but not free.'
               % node)
        return
    wwpn, lun = (text.lower() for text in (args[6:] or ['', '']))
    if len(args) == 8:
        size = ''       # whatever it was
        if perl.true(wwpn) != perl.true(lun):
            yield ('%s: (Error) WWPN and LUN must both be specified or both '
                   'not.' % node)
            return
    if perl.true(wwpn) and perl.true(lun):
        line, problem = pools.attributes(hops, pool, wwpn, lun)
        if not problem and line.get('status') == 'used':
            problem = ('%s: (Error) FCP device 0x%s/0x%s is in use.'
                       % (node, wwpn, lun))
        if problem:
            yield problem
            return
    else:
        wwpn = lun = ''
    found = yield from pools.find_and_update(
        hops, node, pool, status, device, wwpn, lun, size, owner)
    if not found:
        yield '%s: (Error) Reserving FCP device... Failed' % node
        return
    yield '%s: Reserving FCP device... Done' % node
    path = '0x%s/0x%s' % (found.wwpn, found.lun)
    if perl.true(found.fcp):
        path = found.fcp + '/' + path
    yield '%s: FCP device %s was reserved... Done' % (node, path)


OPTIONS = {'--addzfcp2pool': add, '--removezfcpfrompool': remove,
           '--releasezfcp': release, '--reservezfcp': reserve}
