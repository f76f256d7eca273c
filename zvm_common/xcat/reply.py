# SPDX-License-Identifier: Apache-2.0
"""Answers of the management node: the envelope becomes typed elements.

An answer is ``{"data": [element, ...]}``. Everything that is not known here
(a key, a null where none was ever seen, another type, no JSON) raises
:class:`~zvm_common.exceptions.BadAnswer`. HTTP 200 means little: errors of
xCAT's z/VM part come with it, and an element is called an error when its text
holds 'failed', a pool's name for instance. So callers look for a positive
text, never for the absence of an error.
"""

import collections.abc
import dataclasses
import json
import re

from zvm_common import exceptions

# Other keys that real answers hold and that mean nothing to us.
_IGNORED = frozenset(('numofnodes', 'xcatdsource', 'name'))
_TEXTS = ('info', 'data', 'error', 'warning')
_CODE = re.compile('-?[0-9]{1,10}')
_PARAGRAPH = re.compile('</?p>')
_NO_NODE = re.compile('Invalid nodes and/or groups in noderange: *(.*)',
                      re.DOTALL)

# The xCAT command, as the policy table names it, behind each resource.
_COMMANDS = {
    ('GET', 'version'): 'lsxcatd', ('GET', 'tables'): 'tabdump',
    ('GET', 'nodes'): 'lsdef', ('POST', 'nodes'): 'mkdef',
    ('DELETE', 'nodes'): 'rmdef', ('GET', 'vms'): 'lsvm',
    ('PUT', 'dsh'): 'xdsh', ('GET', 'power'): 'rpower',
    ('PUT', 'power'): 'rpower', ('GET', 'inventory'): 'rinv',
}


@dataclasses.dataclass(frozen=True, slots=True)
class Element:
    """One element; ``info`` is None where the answer had ``[null]``."""

    info: tuple | None = ()
    data: tuple = ()
    error: tuple = ()
    warning: tuple = ()
    errorcode: int | None = None
    #: Whether ``error`` is what a command wrote to stderr.
    stderr: bool = False
    #: The elements of a nested ``node`` list.
    node: tuple = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """The elements of one answer, in order.

    ``request`` says what it answers, for messages.
    """

    request: str
    elements: tuple
    mask: collections.abc.Callable = dataclasses.field(repr=False)

    @property
    def info(self):
        """All info texts, without nulls."""
        return tuple(t for e in self._flat() for t in e.info or ())

    @property
    def info_is_null(self):
        """Whether there is an ``info: [null]``.

        A listing has it when the zHCP is down, the pool is missing, or there
        is nothing to list.
        """
        return any(e.info is None for e in self._flat())

    @property
    def data(self):
        return tuple(t for e in self._flat() for t in e.data)

    @property
    def warnings(self):
        return tuple(t for e in self._flat() for t in e.warning)

    @property
    def errors(self):
        """Error texts, without what commands wrote to stderr."""
        return tuple(t for e in self._flat() if not e.stderr
                     for t in e.error)

    @property
    def errorcode(self):
        """The last one, which decides for dsh; None when there is none."""
        codes = [e.errorcode for e in self._flat()
                 if e.errorcode is not None]
        return codes[-1] if codes else None

    def info_lines(self, node):
        """Lines of the info texts without their prefix ``node: ``.

        :raises BadAnswer: for a line without it
        """
        return self._lines(self.info, node)

    def data_lines(self, node):
        """Lines of the data texts (stdout of dsh), likewise."""
        return self._lines(self.data, node)

    def stderr_lines(self, node):
        """Lines of stderr of dsh, likewise."""
        return self._lines([t for e in self._flat() if e.stderr
                            for t in e.error], node)

    def failed(self):
        """A :class:`CommandFailed` of the error texts, to raise."""
        text = '; '.join(t.strip() for t in self.errors) or 'no text'
        return exceptions.CommandFailed(
            '%s: the management node says: %s'
            % (self.request, exceptions.excerpt(self.mask(text))[1:-1]))

    def surprise(self, what, text):
        """A :class:`BadAnswer` that shows the text, to raise."""
        return _bad(self.request, what, self.mask(text))

    def _flat(self):
        for element in self.elements:
            yield element
            yield from element.node

    def _lines(self, texts, node):
        prefix = '%s: ' % node
        result = []
        for text in texts:
            # Not splitlines(): it splits at form feeds and others too.
            for line in text.removesuffix('\n').split('\n'):
                if not line.startswith(prefix):
                    raise self.surprise(
                        "a line without the prefix '%s'" % prefix, line)
                result.append(line[len(prefix):])
        return tuple(result)


def parse(response):
    """The answer as :class:`Reply`, whatever errors its elements hold.

    :param response: :class:`zvm_common.xcat.session.Response`
    :raises AuthenticationFailed, NotPermitted: 401
    :raises UnknownNode: 403 for a node
    :raises CommandFailed: 400, and 403 for anything else
    :raises MnUnreachable: 503; 502 and 504 of a GET
    :raises OutcomeUnknown: 502 and 504 otherwise: the MN goes on
    :raises BadAnswer: all else
    """
    request = '%s %s' % (response.method, response.path.partition('?')[0])
    _check_status(response, request)
    try:
        # A guest's output may hold any bytes; ours is ASCII.
        top = json.loads(response.body.decode('utf-8', 'replace'))
    except (ValueError, RecursionError) as e:
        raise _bad(request, 'no JSON (%s)' % e, _text(response)) from None
    if (not isinstance(top, dict) or list(top) != ['data']
            or not isinstance(top['data'], list)):
        raise _bad(request, 'not {"data": [...]}', _text(response))
    elements = tuple(_element(e, request, response.mask)
                     for e in top['data'])
    return Reply(request, elements, response.mask)


def _check_status(response, request):
    status = response.status
    if status in (200, 201):
        return
    text = _PARAGRAPH.sub('', _text(response)).strip()
    if status == 401:
        raise _unauthorised(response, text)
    if status == 403 and (match := _NO_NODE.match(text)):
        raise exceptions.UnknownNode(
            'The management node knows no xCAT node %s'
            % exceptions.excerpt(match[1], 80))
    if status in (400, 403):
        raise exceptions.CommandFailed(
            '%s: the management node refused (HTTP %d): %s'
            % (request, status, exceptions.excerpt(text)))
    if status in (502, 503, 504):
        raise _unavailable(response, request)
    if 300 <= status < 400:
        text = response.mask(response.location)
        raise _bad(request, 'a redirect (HTTP %d), which is not followed'
                   % status, text)
    raise _bad(request, 'HTTP %d' % status, text)


def _unauthorised(response, text):
    # Without credentials, and without a policy, it says Permission denied.
    if 'Permission denied' not in text:
        return exceptions.AuthenticationFailed(
            'The management node refused user name or password: %s'
            % exceptions.excerpt(text))
    parts = response.path.partition('?')[0].split('/')
    last, first = parts[-1], parts[2]
    command = (_COMMANDS.get((response.method, last))
               or _COMMANDS.get((response.method, first), first))
    return exceptions.NotPermitted(command)


def _unavailable(response, request):
    status = response.status
    if status == 503:
        return exceptions.MnUnreachable(
            '%s: the management node is not available (HTTP 503)' % request,
            advice='Check that xcatd runs on the management node.')
    text = ('%s: the web server gave up waiting for the management node '
            '(HTTP %d)' % (request, status))
    if response.method == 'GET':
        return exceptions.MnUnreachable(text)
    return exceptions.OutcomeUnknown(text)


def _text(response):
    return response.mask(response.body[:4096].decode('utf-8', 'replace'))


def _bad(request, what, text):
    return exceptions.BadAnswer(
        '%s was answered with %s: %s'
        % (request, exceptions.excerpt(what)[1:-1],
           exceptions.excerpt(text)))


def _element(raw, request, mask, nested=False):
    """:raises BadAnswer: for what is not known"""
    def surprise(what):
        return _bad(request, mask(what), mask(json.dumps(raw)[:4096]))

    if not isinstance(raw, dict):
        raise surprise('an element that is no object')
    known = _IGNORED.union(_TEXTS, ('errorcode', 'NoErrorPrefix'),
                           () if nested else ('node',))
    for key in raw:
        if key not in known:
            raise surprise('the unknown key %s' % key)
    values = {}
    for key in _TEXTS:
        values[key] = _texts(raw.get(key, []), key, surprise)
    return Element(
        errorcode=_errorcode(raw, surprise),
        stderr='NoErrorPrefix' in raw,
        node=_nested(raw.get('node', []), request, mask, surprise), **values)


def _texts(value, key, surprise):
    if key == 'info' and value == [None]:
        return None
    if not isinstance(value, list) or not all(
            isinstance(text, str) for text in value):
        raise surprise('no list of strings as %s' % key)
    return tuple(value)


def _errorcode(raw, surprise):
    if 'errorcode' not in raw:
        return None
    codes = raw['errorcode']
    if not isinstance(codes, list) or not codes or not all(
            isinstance(code, str) and _CODE.fullmatch(code)
            for code in codes):
        raise surprise('no list of numbers as errorcode')
    return int(codes[-1])


def _nested(value, request, mask, surprise):
    if not isinstance(value, list):
        raise surprise('no list as node')
    return tuple(_element(e, request, mask, nested=True) for e in value)
