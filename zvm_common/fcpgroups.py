# SPDX-License-Identifier: Apache-2.0
"""What the FCP devices of each group are, counted, and how it is told."""

import dataclasses

from zvm_common import exceptions

#: States of a device, in the order in which they are told, and their words.
#: The words end a sentence that begins with how many there are.
STATES = {
    'free': 'free',
    'held': 'held',
    'used': 'in use',
    'releasing': 'not released',
    'cooling': 'cooling',
    'quarantined': 'in quarantine',
    'stale': 'stale',
    'foreign': 'used by others',
    'directory': "in others' directory",
    'offline': 'offline',
    'nameless': 'without WWPN',
    'missing': 'missing',
}
# What an operator can do about the states, the most useful first.
_ADVICE = {
    'quarantined': 'Mend the devices in quarantine',
    'releasing': 'see why devices are not released',
}
_LOOK = '("zvm-volume devices" shows reasons)'
_ADD = 'add devices to zvm_fcp_list and to the pool lines'


@dataclasses.dataclass(frozen=True)
class Group:
    """The devices of one group of zvm_fcp_list.

    ``counts`` has how many are in each of :data:`STATES`, ``retry`` the
    seconds after which the first of those in quarantine is tried again, or
    None.
    """

    text: str
    total: int
    counts: dict
    retry: int | None = None

    def __str__(self):
        told = ['%d %s' % (count, STATES[state])
                for state, count in self.counts.items()
                if count and state != 'free']
        if self.retry is not None and self.counts.get('quarantined'):
            told = [each + ' for %d min' % -(-self.retry // 60)
                    if each.endswith(STATES['quarantined']) else each
                    for each in told]
        free = self.counts.get('free', 0)
        return '%s has %s of %d free%s' % (
            self.text, free or 'none', self.total,
            ' (%s)' % ', '.join(told) if told else '')


def parse(text, now):
    """Read ``3B00-3B0F/total=16/free=2;...``.

    :param now: the zHCP's clock, of which the terms are
    :raises BadAnswer:
    """
    try:
        return tuple(_group(part, now) for part in text.split(';') if part)
    except (KeyError, ValueError) as e:
        raise exceptions.BadAnswer(
            'The zHCP describes groups of FCP devices as %s'
            % exceptions.excerpt(text)) from e


def _group(part, now):
    name, *words = part.split('/')
    found = {key: int(value) for key, _, value in
             (word.partition('=') for word in words)}
    retry = found.pop('retry', None)
    total = found.pop('total')
    return Group(name.replace('+', ','), total,
                 {state: found[state] for state in STATES if state in found},
                 None if retry is None else max(0, retry - now))


def exhausted(error):
    """The refusal of ``hold`` in one sentence, and what to do.

    :param error: NoFcpDevice with the fields that the program told
    :returns: NoFcpDevice
    """
    fields = error.fields
    groups = parse(fields.get('groups', ''), int(fields.get('now') or 0))
    chpids = [each for each in fields.get('chpids', '').split(';') if each]
    paths = fields.get('paths', '?')
    text = 'No FCP device for each of %s paths: %s' % (
        paths, '; '.join(map(str, groups)))
    if chpids and all(group.counts.get('free') for group in groups):
        text += '; the free ones are all on CHPID %s' % ', '.join(
            sorted(chpids))
    return exceptions.NoFcpDevice(text, code=error.code, fields=fields,
                                  advice=_advice(groups))


def _advice(groups):
    there = {state for group in groups for state in group.counts}
    told = [words for state, words in _ADVICE.items() if state in there]
    if told:
        told[-1] += ' ' + _LOOK
    if 'stale' in there:
        told.append('start the server once')
    told.append('or ' + _ADD if told else _ADD)
    words = ', '.join(told)
    return words[0].upper() + words[1:] + '.'


def shared_chpids(groups, chpids):
    """CHPIDs that more than one group is on.

    :param groups: zvm_common.model.DeviceGroups
    :param chpids: {device number: CHPID}, as z/VM has it
    :returns: {CHPID: [texts of the groups]}
    """
    found = {}
    for group in groups:
        for chpid in sorted({chpids[str(number)] for number in group
                             if str(number) in chpids}):
            found.setdefault(chpid, []).append(
                str(group).replace(';', ','))
    return {chpid: texts for chpid, texts in found.items() if len(texts) > 1}
