# SPDX-License-Identifier: Apache-2.0
"""Calling a program on a node, and its structured answer."""

import dataclasses
import logging
import re
import uuid

import tenacity

from zvm_common import exceptions

LOG = logging.getLogger(__name__)

_LINE = re.compile(r'zvmv1 (?P<operation>\S+) (?P<kind>ok|no|row|absent)'
                   r'(?P<rest>(?: .*)?) \.')
_KEY = re.compile('[a-z_]{1,20}')
_CODE = re.compile('[a-z]{1,20}')


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a verb answered: its fields and, of listings, its rows."""

    fields: dict
    rows: tuple = ()


def _fields(text):
    """``k=v k=v`` as a dict; a blank within a value was sent as ``~``."""
    found = {}
    for word in text.split():
        key, equals, value = word.partition('=')
        if not equals or not _KEY.fullmatch(key) or key in found:
            raise exceptions.BadAnswer(
                'An answer holds %s where KEY=VALUE was expected'
                % exceptions.excerpt(word, 80))
        found[key] = value
    if 'text' in found:
        found['text'] = found['text'].replace('~', ' ').strip()
    return found


def parse(stdout, operation, stderr=''):
    """The :class:`Answer` to an operation, None where the program is absent.

    Lines of others (a login banner) are passed over.

    :raises Refused: and its kin, when the program said no
    :raises BadAnswer: when its last line is missing, cut off or strange
    """
    rows = []
    for line in stdout.splitlines():
        if not line.startswith('zvmv1 '):
            continue
        match = _LINE.fullmatch(line)
        if not match or match['operation'] != str(operation):
            raise exceptions.BadAnswer(
                'An answer of a program is cut off or not to this request: '
                + exceptions.excerpt(line, 200))
        if match['kind'] == 'row':
            rows.append(_fields(match['rest']))
            continue
        return _last(match['kind'], match['rest'].strip(), rows)
    raise exceptions.BadAnswer('A program gave no answer; it wrote %s and %s'
                               % (exceptions.excerpt(stdout, 300),
                                  exceptions.excerpt(stderr, 300)))


def _last(kind, rest, rows):
    if kind == 'absent':
        return None
    if kind == 'no':
        code, _, more = rest.partition(' ')
        if not _CODE.fullmatch(code):
            raise exceptions.BadAnswer(
                'A program refused with %s' % exceptions.excerpt(code, 80))
        fields = _fields(more)
        raise exceptions.refusal(code, fields, _sentence(code, fields))
    fields = _fields(rest)
    if 'rows' in fields and fields['rows'] != str(len(rows)):
        raise exceptions.BadAnswer(
            'A listing has %d rows and says %s'
            % (len(rows), exceptions.excerpt(fields['rows'], 20)))
    return Answer(fields, tuple(rows))


_SENTENCES = {
    'stale': 'Volume %(volume)s is now at generation %(gen)s',
    'busy': 'The LUN or FCP device is taken',
    'nolun': 'Pool %(pool)s has no free LUN of %(minimum)s to %(maximum)s '
             'bytes: %(free)s LUNs are free, the largest has '
             '%(largest)s bytes, %(twice)s more stand on two lines',
    'nopool': 'SCSI pool %(pool)s has no file on the zHCP',
    'badpool': 'SCSI pool %(pool)s cannot be used',
    'unknown': 'The ledger on the zHCP knows no volume %(volume)s',
    'nofcp': 'No FCP device',
    'net': 'The zHCP does not reach the Cinder host',
    'tool': 'Not installed there: %(missing)s',
    'format': 'The ledger has format %(found)s, this software knows '
              '%(known)s',
    'scope': 'The record is not of this service',
    'lease': 'Too early to undo it',
    'inuse': 'The disk is in use in the guest by %(user)s',
    'off': 'Guest %(guest)s is not logged on',
    'channel': 'The zHCP does not reach guest %(guest)s by IUCV',
    'unfit': 'LUN %(lun)s of pool %(pool)s cannot be managed',
}
# these sentences say all by themselves
_COMPLETE = ('nolun', 'unknown', 'tool', 'format', 'unfit', 'channel')
_TELLING = ('volume', 'state', 'gen', 'guest', 'node', 'instance', 'host',
            'device', 'ranges', 'paths', 'listed', 'free', 'chpids', 'stale',
            'undone', 'why')


def _sentence(code, fields):
    known = {key: '?' for key in ('volume', 'gen', 'pool', 'minimum',
                                  'maximum', 'free', 'largest', 'twice',
                                  'missing', 'found', 'known', 'user',
                                  'guest', 'lun')}
    known.update(fields)
    told = [_SENTENCES[code] % known] if code in _SENTENCES else []
    if fields.get('text'):
        told.append(fields['text'])
    details = ['%s %s' % (key, fields[key].replace('~', ' '))
               for key in _TELLING if fields.get(key)]
    if code in _COMPLETE or not details:
        details = []
    else:
        details = ['(%s)' % ', '.join(details)]
    return ' '.join([': '.join(told)] + details)


class Remote:
    """A program on a node.

    Every verb may be repeated: the programs answer a repeated request with
    what is so, and refuse one that comes late by its generation. So a request
    whose outcome is unknown is repeated a few times, which is also how the
    truth is read again.
    """

    def __init__(self, node, program, attempts=3):
        self.node = node
        self.program = program
        self._retry = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(
                (exceptions.OutcomeUnknown, exceptions.BadAnswer)),
            wait=tenacity.wait_exponential(0.2, max=5),
            stop=tenacity.stop_after_attempt(attempts), reraise=True)

    def call(self, verb, *args, operation=None, read_timeout=None):
        """Run a verb.

        :param operation: uuid that the answer must carry; a new one if None
        :param read_timeout: seconds, None for the session's own
        :raises Refused: and its kin, when the program said no
        :raises OutcomeUnknown: when no answer came to any attempt: it may
            have run, or may run yet
        """
        operation = operation or str(uuid.uuid4())
        LOG.debug('%s program on %s: %s %s', self.program.name,
                  self.node.name, verb, args)
        doubts = []
        try:
            return self._retry(self._noting, doubts, operation, verb, args,
                               read_timeout)
        except exceptions.Refused as e:
            if doubts:
                # an attempt before may have left what this one found
                e.fields['undone'] = 'unknown'
            raise
        except (exceptions.BadAnswer, exceptions.TryLater,
                exceptions.ConfigurationError) as e:
            # "Nothing happened" is true of the last attempt only.
            if not doubts:
                raise
            raise exceptions.OutcomeUnknown(
                'It is not known whether "%s" ran on %s: %s'
                % (verb, self.node.name, '; then: '.join(
                    dict.fromkeys([*doubts, e.message])))) from e

    def _noting(self, doubts, *args):
        try:
            return self._once(*args)
        except (exceptions.OutcomeUnknown, exceptions.BadAnswer) as e:
            doubts.append(e.message)
            raise

    def _once(self, operation, verb, args, read_timeout):
        for command in (self.program.call_command, self.program.send_command):
            result = self.node.run(command(operation, verb, args),
                                   read_timeout=read_timeout)
            answer = parse(result.stdout, operation, result.stderr)
            if answer is not None:
                return answer
        raise exceptions.BadAnswer(
            'The %s program cannot be put on %s: %s' % (
                self.program.name, self.node.name,
                exceptions.excerpt(result.stderr, 300)))
