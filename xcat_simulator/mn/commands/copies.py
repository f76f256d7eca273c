# SPDX-License-Identifier: Apache-2.0
"""chhypervisor's options that copy LUNs, to another one or to an image.

Each is a generator of texts: (hops, node, words of the request). The zHCP
takes a LUN for itself to copy it: by requests to its own node (--copyzfcp),
or by a program of its own (--capturezfcp, --deployzfcp).
"""

import dataclasses
import re

from xcat_simulator.mn import cli
from xcat_simulator.mn.commands import poolchange
from xcat_simulator.mn import hop
from xcat_simulator.mn import install
from xcat_simulator.mn import perl
from xcat_simulator.mn import pools

ADDED = re.compile('Adding zFCP device ([0-9a-f]*)/([0-9a-f]*)/([0-9a-f]*)',
                   re.IGNORECASE)
LINK = '/dev/disk/by-path/ccw-0.0.%s-zfcp-0x%s:0x%s'
NO_POOL = '(Error) Failed to find FCP device in any zFCP storage pool'
NOT_RESTORED = '(Error) Source disk attributes cannot be restored in table'
NOT_RESERVED = '(Error) zFCP device cannot be reserved'
# What a captured image counts as, whatever is on the LUN.
SYSTEM, METHOD, ARCH = 'unknown', 'raw', 's390x'


@dataclasses.dataclass(frozen=True)
class Path:
    """Where the zHCP has a LUN: FCP device, target port, LUN."""

    fcp: str = ''
    wwpn: str = ''
    lun: str = ''


def copy(hops, node, args):
    """--copyzfcp DEVICE|auto WWPN LUN [WWPN LUN]: onto that or a free LUN.

    What fails between the first LUN's coming and its going is not undone.
    """
    if len(args) not in (4, 6):
        yield poolchange.PARAMETERS % node
        return
    device, source = args[1], args[2:4]
    target = [text.replace('0x', '') for text in args[4:]]
    found = yield from _source(hops, node, *source)
    if not found:
        return
    pool, line = found
    sizes = line.get('size', ''), ''
    if target:
        sizes = yield from _compare(hops, node, pool, sizes[0], target)
    if not sizes:
        return
    both = yield from _attach_both(hops, node, pool, device, sizes, source,
                                   target)
    if not both:
        return
    result = yield from _copy_data(hops, node, *both)
    yield node + ': Detatching source and target disks'
    for path in both:
        _chvm(hops, '--removezfcp %s %s %s %d' % (
            path.fcp, path.wwpn, path.lun, result == 'Done'))
    yield from _restore(hops, node, pool, line)
    yield '%s: Copying zFCP device... %s' % (node, result)
    if result == 'Done':
        yield ('%s: Source disk copied onto zFCP device %s/%s'
               % (node, both[1].wwpn, both[1].lun))


def _pool(hops, node, wwpn, lun):
    """The name of the LUN's pool, None when there is none."""
    name, problem = pools.pool_of(hops, wwpn, lun)
    found = problem or name
    if not perl.true(found):
        yield '%s: %s' % (node, NO_POOL)
        return None
    if hop.failed(found):       # also a pool that is named so
        yield found
        return None
    yield '%s: Found FCP device in %s' % (node, found)
    return found


def _line(hops, node, pool, wwpn, lun, role):
    """The columns of the LUN's line, None when it has none."""
    line, problem = pools.attributes(hops, pool, wwpn, lun)
    if not problem and 'lun' not in line:
        problem = ('%s: (Error) %s zFCP device %s/%s does not exists'
                   % (node, role, wwpn, lun))
    if problem:
        yield problem
        return None
    return line


def _source(hops, node, wwpn, lun):
    """(pool, columns of its line) of the LUN to copy, None without one."""
    pool = yield from _pool(hops, node, wwpn, lun)
    if pool is None:
        return None
    line = yield from _line(hops, node, pool, wwpn, lun, 'Source')
    return None if line is None else (pool, line)


def _compare(hops, node, pool, size, target):
    """The sizes that will be asked for, None when the target is too small.

    The MN takes a target's size in G from the source, and 1024 times it. A
    size in G loses its unit: no LUN can be asked for by it.
    """
    line = yield from _line(hops, node, pool, *target, 'Target')
    if line is None:
        return None
    other = line.get('size', '')
    if re.search('G', size, re.I):
        size = perl.plain(perl.digits(size) * 1024)
    if re.search('G', other, re.I):
        other = perl.plain(int(perl.number(size)) * 1024)
    if perl.number(other) < perl.number(size):
        yield ('%s: (Error) Target zFCP device %s/%s is not large enough'
               % (node, *target))
        return None
    return size, other


def _chvm(hops, words):
    """What the MN's own `chvm ZHCP WORDS | sed 1d` prints.

    The words stand outside of quotes: a ; ends the command, and what follows
    it is no program. Then sed has nothing to delete from.
    """
    first, cut, _ = words.partition(';')
    zhcp = hops.hostname.partition('.')[0]
    text = cli.run(hops.world, 'chvm', zhcp, first.split())
    return text if cut else text.partition('\n')[2]


def _attach_both(hops, node, pool, device, sizes, source, target):
    """(Path, Path) of both LUNs on the zHCP; None when it has not both.

    Then it has neither, or so the MN thinks: it sets the first one free.
    """
    words, named = '--addzfcp %s %s 0 ' % (pool, device), '%s "" %s %s'
    here = _attach(hops, words + named % (sizes[0], *source), Path())
    if not here:
        yield ('%s: (Error) Source zFCP device %s/%s cannot be attached'
               % (node, *source))
        return None
    there = _attach(hops, words + (named % (sizes[1], *target) if target
                                   else sizes[0]), here)
    if not there:
        yield ('%s: (Error) Target zFCP device %s/%s cannot be attached'
               % (node, *target) if target else
               '%s: (Error) Cannot find a suitable target zFCP device' % node)
        _chvm(hops, '--removezfcp %s %s %s 0' % (device, *source))
        return None
    return Path(here.fcp, *map(str.lower, source)), there


def _attach(hops, words, before):
    """The Path by which the zHCP now has a LUN; None when it says no Done.

    Where the text does not tell it, as with several WWPNs, Perl's variables
    still have what they had `before`: the other LUN.
    """
    text = _chvm(hops, words)
    if 'Done' not in text:
        return None
    found = ADDED.search(text)
    return Path(*map(str.lower, found.groups())) if found else before


def _copy_data(hops, node, here, there):
    """'Done', or 'Failed' when the zHCP has not both disks.

    The exit status that the MN prints after dd and looks at is that of its
    own hop before: a dd that fails is Done.
    """
    names = []
    for path in (here, there):
        link = LINK % (path.fcp, path.wwpn, path.lun)
        text = hops.run('/usr/bin/readlink ' + link).text.removesuffix('\n')
        names.append((perl.split(text, '/') or [''])[-1])
        # the target's FCP device, whichever disk it is
        yield '%s: Device name of %s/%s/%s is %s' % (
            node, there.fcp, path.wwpn, path.lun, names[-1])
    if not all(map(perl.true, names)):
        yield ('%s: (Error) Could not find device nodes for source or target '
               'disk.' % node)
        return 'Failed'
    yield ('%s: Copying source disk (%s) to target disk (%s)'
           % (node, *names))
    hops.run('/bin/dd if=/dev/%s of=/dev/%s bs=512 oflag=sync && %s echo 0'
             % (*names, hops.sudo))
    return 'Done'


def _restore(hops, node, pool, line):
    """Give a LUN's line what it had; the size is only compared."""
    columns = {key: value for key, value in line.items() if key != 'range'}
    found = yield from pools.find_and_update(
        hops, node, pool, columns.pop('status', ''), **columns)
    if not found:
        yield '%s: %s' % (node, NOT_RESTORED)


def capture(hops, node, args):
    """--capturezfcp PROFILE WWPN LUN [COMPRESSION]: to an image of the MN.

    A compression is 0 to 9. After a failure the LUN stays the zHCP's.
    """
    try:
        yield from _capture(hops, node, args)
    except OSError as e:
        # Of the MN's own files; the words are not the real one's.
        yield '%s: (Error) %s: %s' % (node, install.ROOT, e.strerror)


def _capture(hops, node, args):
    if len(args) < 4:
        yield poolchange.PARAMETERS % node
        return
    option = yield from _compression(hops, node, args[4:])
    if option is None:
        return
    below = '%s/%s/%s' % (SYSTEM, ARCH, args[1])
    staging = '%s/staging/%s' % (install.ROOT, below)
    tree = hops.world.install
    tree.remove(staging)
    tree.make(staging)
    mounted = yield from _mount(hops, 'staging')
    if not mounted:
        tree.remove(staging)
        return
    wwpn, lun = (text.replace('0x', '') for text in args[2:4])
    source = yield from _source(hops, node, wwpn, lun)
    if not source:
        return
    done = yield from _to_image(hops, node, source[0], wwpn, lun,
                                mounted + '/' + below, option)
    if not done:
        tree.remove(staging)
        return
    yield from _restore(hops, node, *source)
    yield from _publish(hops.world, node, args[1], staging, below)


def _to_image(hops, node, pool, wwpn, lun, folder, option):
    """Whether the zHCP has made an image, as far as the MN sees."""
    found = yield from _take(hops, node, pool, wwpn, lun)
    if not found:
        return False
    yield node + ': Capturing volume using zHCP node'
    reason = _run(hops, 'creatediskimage', found, '%s/%s_%s.img %s' % (
        folder, found.wwpn, found.lun, option))
    if reason is not None:
        yield _problem(node, 'Image capture of', found, reason)
    return reason is None


def _compression(hops, node, given):
    """The option of creatediskimage, '' without one; None: not allowed.

    A zHCP whose program has no version 2 or later gets none, whatever was
    given.
    """
    if not given:
        return ''
    answer = hops.run(hop.BIN + '/creatediskimage -V')
    if answer.status == hop.NO_SSH:
        yield ('%s: changeHypervisor() is unable to communicate with zHCP '
               'agent: %s' % (node, hops.hostname))
        return None
    known = len(hop.lines(answer)) == 1 and not hop.failed(answer.text)
    if not known or perl.number(answer.text.partition('.')[0]) < 2:
        return ''
    if re.fullmatch('[0-9]', given[0]):
        return '--compression ' + given[0]
    yield ('%s: (Error) compression property is not a single digit from 0 to '
           '9' % node)
    return None


def _mount(hops, name):
    """Where the zHCP has that folder of /install; None when not reached.

    The MN looks whether it is mounted there by a command that its shell
    refuses (a quote too many), and takes that for a yes: it mounts nothing.
    """
    answer = hops.run('mount')
    problem = hops.failure(answer, hops.shown('mount'), 'establishMount')
    if problem:
        yield problem
        return None
    return hops.world.install.mounted(name)


def _take(hops, node, pool, wwpn, lun):
    """Make the LUN the zHCP's, in use or not; a pools.Found, or None."""
    found = yield from pools.find_and_update(
        hops, node, pool, 'used', 'auto', wwpn, lun,
        owner=hops.hostname.partition('.')[0])
    if not found:
        yield '%s: %s' % (node, NOT_RESERVED)
    return found


def _run(hops, program, found, words):
    """Run a program on the LUN; the reason that it gives, None without."""
    answer = hops.run('%s/%s %s 0x%s 0x%s %s' % (
        hop.BIN, program, found.fcp, found.wwpn, found.lun, words))
    for line in hop.lines(answer):
        _, error, reason = line.partition('ERROR: ')
        if error:
            return reason
    return None


def _problem(node, action, found, reason):
    return ('%s: (Error) %s volume 0x%s/0x%s failed on the zHCP node. '
            'Reason: %s' % (node, action, found.wwpn, found.lun, reason))


def _publish(world, node, profile, staging, below):
    """Move what was captured, be it nothing, and enter it in the tables."""
    folder = '%s/%s/%s' % (install.ROOT, METHOD, below)
    yield ('%s: Moving the image files to the deployable directory: %s'
           % (node, folder))
    world.install.make(folder)
    for name in world.install.names(staging):
        world.install.move(staging, folder, name)
    world.install.remove(staging)
    image = '-'.join((SYSTEM, ARCH, METHOD, profile))
    world.images.set('osimage', image, provmethod=METHOD, profile=profile,
                     osvers=SYSTEM, osarch=ARCH, imagetype='linux')
    world.images.set('linuximage', image, rootimgdir=folder)
    yield ('%s: Completed capturing the volume. Image(%s) is stored at %s'
           % (node, image, folder))


def deploy(hops, node, args):
    """--deployzfcp IMAGE WWPN LUN: onto that LUN, whoever has it.

    It stays reserved without owner, also after a failure.
    """
    if len(args) < 4:
        yield ('%s: (Error) Missing one or more arguments: image name, wwpn, '
               'or lun' % node)
        return
    image = args[1]
    wwpn, lun = (text.replace('0x', '') for text in args[2:4])
    path = yield from _image_path(hops, node, image)
    if not path:
        return
    pool = yield from _pool(hops, node, wwpn, lun)
    if pool is None:
        return
    found = yield from _take(hops, node, pool, wwpn, lun)
    if not found:
        return
    yield node + ': Deploying volume using zHCP node'
    reason = _run(hops, 'unpackdiskimage', found, path)
    yield from pools.find_and_update(
        hops, node, pool, 'reserved', wwpn=found.wwpn, lun=found.lun)
    if reason is None:
        yield '%s: Completed deploying image(%s)' % (node, image)
    else:
        yield _problem(node, 'Image deploy to', found, reason)


def _image_path(hops, node, image):
    """Where the zHCP has the file of an image, None without one.

    What stands after the third dash of the name names the folder.
    """
    parts = perl.split(image, '-')
    if len(parts) < 4:
        yield '%s: (Error) The image name is not valid' % node
        return None
    below = '%s/%s/%s' % (SYSTEM, ARCH, parts[3])
    folder = '%s/%s/%s' % (install.ROOT, METHOD, below)
    files = hops.world.install.names(folder, '.img')
    if len(files) != 1:
        yield '%s: (Error) %s %s' % (
            node, folder, 'contains more than the expected number of image '
            'files' if files else 'does not contain image files')
        return None
    mounted = yield from _mount(hops, METHOD)
    return mounted and '%s/%s/%s' % (mounted, below, files[0])


OPTIONS = {'--capturezfcp': capture, '--copyzfcp': copy,
           '--deployzfcp': deploy}
