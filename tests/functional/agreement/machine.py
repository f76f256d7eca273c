# SPDX-License-Identifier: Apache-2.0
"""Random sequences of MN commands and of our program on the same pools."""

import uuid

from hypothesis import stateful
from hypothesis import strategies as st

from tests.functional.agreement import both
from tests.functional.agreement import ledger
from tests.functional.agreement import model
from tests.functional.agreement import stage

POOLS = ('zpool1', 'zpool2')
VOLUMES = tuple(str(uuid.UUID(int=(0xABC0 << 112) + number, version=4))
                for number in (1, 2))
# what is made of them: volumes, snapshots, and targets of moves
COPIES = tuple(str(uuid.UUID(int=(0xABC0 << 112) + number, version=4))
               for number in (3, 4))
W1, W2 = stage.PORTS
PORTS = (W1 + ';' + W2, W1, W2, W2 + ';' + W1)
# 20G is more than the disk has: such a LUN cannot be wiped
LINE_SIZES = ('1G', '2G', '1G', '2048M', '5.5G', '', '20G')
RANGES = ('3B00-3B03', '3B00-3B0F;3C00-3C0F', '3C05-3C05', '')
OWNERS = ('vol-a', 'vm1', 'vm10', 'guest1', 'vol-b', ledger.stamp(VOLUMES[0]))
CORRUPT = ('a#b', 'a&b', "it's", 'a,b')
TAGS = ('t', 'root', 'x#', 'a#b', 'a&b', "it's")
SIZES = ('1G', '2G', '40G', '2048M', '900G')

pools = st.sampled_from(POOLS)
volumes = st.sampled_from(VOLUMES)
copies = st.sampled_from(COPIES)
anything = st.sampled_from(VOLUMES * 2 + COPIES)
luns = st.sampled_from(stage.LUNS[:5])
owners = st.sampled_from(OWNERS + CORRUPT)
devices = st.sampled_from(('0', '3B05', '3b06;3C06', 'auto') * 2 + ('zz99',))
guests = st.sampled_from(sorted(stage.GUESTS))
stati = st.sampled_from(('reserved', 'used') * 4 + ('USED', 'spare'))
# which line, and how its WWPNs are written
picks = st.integers(0, 9)
ports = st.sampled_from(('last', 'last', 'last', 'all', 'first', 'other'))


# status and owner, channel, tag
BEGINS = (('free', ',,'), ('free', ',,'), ('used', 'guest1,3B05,t'),
          ('reserved', 'vol-a,0,'), ('reserved', 'vm10,,root'))


@st.composite
def lines(draw):
    """Lines of a pool, each LUN number but once most of the time."""
    def line(lun):
        status, rest = draw(st.sampled_from(BEGINS))
        return ','.join((
            status, draw(st.sampled_from(PORTS[:3])), lun,
            draw(st.sampled_from(LINE_SIZES)), draw(st.sampled_from(RANGES)),
            rest))
    return [line(lun) for lun in draw(st.lists(
        luns, min_size=2, max_size=4, unique=draw(picks) > 2))]


class TwoViews(stateful.RuleBasedStateMachine):
    """`stage` is set by who runs it: a running stage.Stage."""

    stage = None

    @stateful.initialize(first=lines(), second=lines(),
                         held=st.integers(0, 2), clean=st.booleans())
    def begin(self, first, second, held, clean):
        known = {model.columns(line)['lun'] for line in first}
        self.both = both.Both(self.stage, {
            'zpool1': first,
            'zpool2': [line for line in second
                       if model.columns(line)['lun'] not in known]})
        for volume in VOLUMES[:held]:
            self.both.claim(volume)
        if clean and held:
            self.both.delete(VOLUMES[0])
        self.deleted = 0
        self.last = {}          # volume -> operation of its last claim

    def teardown(self):
        self.stage.end_jobs()

    @stateful.invariant()
    def both_are_as_the_model_says(self):
        self.both.check()

    # --- users of the MN

    def _path(self, pick, which):
        """(pool, ports, LUN) of one of the lines, mostly of ours."""
        found = self.both.pools.lines()
        if not found:
            return 'zpool1', W1, stage.LUNS[0]
        ours = [each for each in found if self._is_ours(each[1])]
        if ours and pick > 3:
            found = ours
        pool, line = found[pick % len(found)]
        wwpns, lun = (model.columns(line)[name] for name in ('wwpn', 'lun'))
        return pool, {'all': wwpns, 'first': wwpns.split(';')[0],
                      'last': wwpns.split(';')[-1], 'other': W2}[which], lun

    def _is_ours(self, line):
        record = self.both.ledger.records.get(ledger.key_of(
            *ledger.path_of(line)))
        return record is not None

    @stateful.rule(pool=pools, wwpns=st.sampled_from(PORTS), lun=luns,
                   size=st.sampled_from(LINE_SIZES[:5] + ('1T',)),
                   ranges=st.sampled_from(RANGES[:3]),
                   status=st.sampled_from(('free', 'free', 'FREE', 'used',
                                           'reserved', 'reserved')),
                   owner=st.one_of(st.none(), owners))
    def mn_add(self, pool, wwpns, lun, size, ranges, status, owner):
        self.both.change('--addzfcp2pool', pool.upper(), status, wwpns, lun,
                         size, ranges, *([owner] if owner else []))

    @stateful.rule(pick=picks, which=ports, second=picks, two=st.booleans())
    def mn_remove(self, pick, which, second, two):
        pool, wwpns, lun = self._path(pick, which)
        if two:
            lun += ',' + self._path(second, which)[2]
        self.both.change('--removezfcpfrompool', pool, lun, wwpns)

    @stateful.rule(pick=picks, which=ports, status=stati, owner=owners,
                   device=devices)
    def mn_reserve(self, pick, which, status, owner, device):
        pool, wwpns, lun = self._path(pick, which)
        if device == 'auto':
            owner = 'guest1'    # automatic choice asks for its directory
        self.both.change('--reservezfcp', pool, status, owner, device, '1M',
                         wwpns, lun)

    @stateful.rule(pool=pools, status=stati, owner=owners, device=devices,
                   size=st.sampled_from(SIZES + ('1T',)))
    def mn_reserve_by_size(self, pool, status, owner, device, size):
        if device == 'auto':
            owner = 'guest1'
        self.both.change('--reservezfcp', pool, status, owner, device, size)

    @stateful.rule(pick=picks, which=ports, second=picks, two=st.booleans())
    def mn_release(self, pick, which, second, two):
        pool, wwpns, lun = self._path(pick, which)
        if two:
            lun += ',' + self._path(second, which)[2]
        self.both.change('--releasezfcp', pool, wwpns, lun)

    @stateful.rule(node=guests, pick=picks, which=ports, named=st.booleans(),
                   device=st.sampled_from(('auto', '3B05', '3b06;3C06')),
                   size=st.sampled_from(SIZES), tag=st.sampled_from(TAGS))
    def mn_addzfcp(self, node, pick, which, named, device, size, tag):
        pool, wwpns, lun = self._path(pick, which)
        self.both.addzfcp(node, pool.upper(), device, size,
                          *((tag, wwpns, lun) if named else ()))

    @stateful.rule(node=guests, pick=picks, which=ports,
                   persist=st.sampled_from('01'))
    def mn_removezfcp(self, node, pick, which, persist):
        _, wwpns, lun = self._path(pick, which)
        self.both.removezfcp(node, '3B05', wwpns, lun, persist)

    # b00 is no owner: it stands in ranges
    @stateful.precondition(lambda self: self.deleted < stage.MOST)
    @stateful.rule(node=st.sampled_from(('vm1', 'vm1', 'vol', 'b00')))
    def mn_rmvm(self, node):
        self.deleted += 1
        self.both.rmvm(node)

    @stateful.rule(pool=pools, wanted=st.sampled_from(
        (None, None, 'free', 'used', 'status', '3B05', 'vm1', W2)))
    def mn_list(self, pool, wanted):
        """Lines of a pool; None: the names of all, which deletes."""
        if wanted is None:
            self.both.list_names()
        else:
            self.both.listing(pool, wanted)

    # --- we

    @stateful.rule(volume=volumes, pool=pools, trust=st.booleans(),
                   most=st.sampled_from((2, 6, 30)), late=st.booleans())
    def we_claim(self, volume, pool, trust, most, late):
        if not late or volume not in self.last:
            self.last[volume] = self.both.new_operation()
        self.both.claim(volume, pool, trust, most,
                        operation=self.last[volume])

    @stateful.rule(copy=copies, source=anything, pool=pools,
                   late=st.booleans(), stale=picks, moves=volumes,
                   role=st.sampled_from(('current', 'snapshot', 'target')))
    def we_copy(self, copy, source, pool, late, stale, moves, role):
        if not late or copy not in self.last:
            self.last[copy] = self.both.new_operation()
        self.both.copy(copy, source, role, moves if role == 'target' else '',
                       pool, self.last[copy], late=stale == 0)

    @stateful.precondition(lambda self: self._held(COPIES))
    @stateful.rule(copy=copies, volume=volumes, its=picks)
    def we_switch(self, copy, volume, its):
        record = self.both.ledger.find(copy)
        self.both.switch(copy, record and its and record.moves or volume)

    def _held(self, among):
        return [each for each in among if self.both.ledger.find(each)]

    def _writable(self):
        return [each for each in VOLUMES + COPIES
                if self.both.ledger.may_be_written(each)]

    @stateful.precondition(lambda self: self._writable())
    @stateful.rule(pick=picks, place=st.integers(0, 5))
    def tenant_writes(self, pick, place):
        found = self._writable()
        self.both.write(found[pick % len(found)], place)

    @stateful.rule(volume=anything, verb=st.sampled_from(
        ('look', 'cancel', 'wait')))
    def we_ask(self, volume, verb):
        if verb == 'cancel':
            if volume not in self.last:
                self.last[volume] = self.both.new_operation()
            self.both.cancel(volume, self.last[volume])
        elif verb == 'look' or self.both.running():
            self.both.look(volume)
        else:
            self.both.wait(volume)

    @stateful.rule(volume=anything, stale=st.booleans())
    def we_release(self, volume, stale):
        record = self.both.ledger.find(volume)
        self.both.release(volume, max(record.generation - stale, 0)
                          if record else 7)

    @stateful.precondition(lambda self: self.both.running())
    @stateful.rule()
    def jobs_end(self):
        self.both.end_jobs()
