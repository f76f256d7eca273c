# SPDX-License-Identifier: Apache-2.0
"""The REST interface: an HTTP request becomes an xCAT command.

Checks of the body come before those of the user, as in the real CGI
program: a wrong body is refused with 400 whoever sends it.
"""

import dataclasses
import json
import re
import urllib.parse

from xcat_simulator import httpd
from xcat_simulator.mn import daemon
from xcat_simulator.mn import formats
from xcat_simulator.mn import perl

ROOT = '/xcatws'
TYPES = {'json': 'application/json; charset=ISO-8859-1',
         'html': 'text/html; charset=ISO-8859-1',
         'xml': 'text/xml; charset=ISO-8859-1'}
# CGI.pm takes such a body apart, and one of no type too.
FORM = 'application/x-www-form-urlencoded'
MULTIPART = 'multipart/form-data'
# What CGI.pm calls a body of another type.
WHOLE = {'PUT': 'PUTDATA', 'POST': 'POSTDATA'}
# No XML can have these; xcatd hangs up on what it cannot read.
NOT_XML = re.compile('[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]')
HUNG_UP = ('ERROR/WARNING: communication with the xCAT server seems to have '
           'been ended prematurely')
TITLE = ('This is the root page for the xCAT Rest Web Service.  Available '
         'resources are:')
# Those of the real one that are not served here only stand on that page.
UNSERVED = ('accounts', 'debug', 'groups', 'images', 'logs', 'monitors',
            'networks', 'notifications', 'objects', 'policies', 'site')
NO_ATTRIBUTE = 'No set attribute was supplied.'
NO_MAP = 'No Field and Value map was supplied.'
BAD_RANGE = 'Invalid nodes and/or groups in noderange'
BAD_HOST = 'Invalid nodes and/or groups in node in noderange'
# Sub-resource of a node: command of GET, and of PUT.
READERS = {'power': 'rpower', 'energy': 'renergy', 'status': 'nodestat',
           'inventory': 'rinv', 'vitals': 'rvitals', 'scan': 'rscan'}
DEFAULTS = {'power': ['stat'], 'energy': ['all'], 'inventory': ['all'],
            'vitals': ['all']}
WRITERS = {'power': 'rpower', 'energy': 'renergy', 'bootstat': 'nodeset',
           'bootstate': 'nodeset', 'bootseq': 'rbootseq',
           'setboot': 'rsetboot', 'migrate': 'rmigrate', 'dcp': 'xdcp',
           'execcmdonvm': 'execcmdonvm'}
# Keys of a dsh request: the option of xdsh, and whether it has a value.
DSH_OPTIONS = (('devicetype', '--devicetype', True), ('execute', '-e', False),
               ('environment', '-E', True), ('fanout', '-f', True),
               ('nolocale', '-L', False), ('userid', '-l', True),
               ('monitor', '-m', False), ('options', '-o', True),
               ('showconfig', '-q', False), ('silent', '-Q', False),
               ('remoteshell', '-r', True), ('syntax', '-S', True),
               ('timeout', '-t', True), ('envlist', '-X', True),
               ('sshsetup', '-K', True), ('rootimg', '-i', True))


class Refusal(Exception):
    """The CGI program's own refusal: a status and a text."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class Crash(Exception):
    """The CGI program would die here: the web server's 500 page."""


@dataclasses.dataclass
class Call:
    """A request on its way: path below /xcatws, parameters, body.

    `form` has the parameters as CGI.pm sees them: those of the query, or of
    a PUT's or POST's body, and then none of the query.
    """

    method: str
    path: list
    query: str
    form: str
    whole: str                # None: no body, or one of parameters

    @property
    def resource(self):
        return self.path[0]

    @property
    def node(self):
        return self.path[1] if len(self.path) > 1 else None

    @property
    def part(self):
        return self.path[2] if len(self.path) > 2 else None

    @property
    def body(self):
        """The body that is to be JSON; '' is none, and so is '0'."""
        found = self.whole
        if found is None and self.method in WHOLE:
            found = ''.join(self.fields(WHOLE[self.method])[:1])
        return found if perl.true(found) else ''

    def fields(self, name):
        """All values of a parameter; CGI.pm splits at & and at ;."""
        return [urllib.parse.unquote_plus(value, errors='replace')
                for key, _, value in (pair.partition('=') for pair in
                                      self.form.replace(';', '&').split('&'))
                if urllib.parse.unquote_plus(key) == name]

    def parameters(self, name):
        """All values of a parameter of the query, split at & alone."""
        return [urllib.parse.unquote_plus(value, errors='replace')
                for key, equals, value in (pair.partition('=') for pair in
                                           self.query.split('&'))
                if key == name]

    def put_data(self, name):
        """The values of putData=NAME=VALUE: for clients without a body."""
        return [value for key, _, value in (
            each.partition('=') for each in self.parameters('putData'))
            if key == name]

    def entries(self):
        """The body's list as strings; Crash when it is no JSON list."""
        try:
            value = json.loads(self.body, parse_constant=_refuse)
            json.dumps(value, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as e:
            raise Crash(str(e)) from e
        if not isinstance(value, list):
            raise Crash('not a list')
        return [_as_text(each) for each in value]


def _refuse(constant):
    """NaN and the like are no JSON."""
    raise ValueError(constant)


def _as_text(value):
    """A value of a JSON list, as Perl makes a string of it."""
    if value is None:
        return ''
    if isinstance(value, float):
        return perl.plain(value)
    return str(int(value) if isinstance(value, bool) else value)


def words(strings):
    """The strings split at blanks; empty words vanish on the way."""
    return [word for string in strings for word in string.split(' ') if word]


def _unsupported(call):
    raise Refusal(405, "request method '%s' is not supported on resource "
                  "'%s'" % (call.method, call.resource))


def _version(call):
    return daemon.Command('lsxcatd', args=['-v'])


def _tables(call):
    if call.method == 'GET':
        column = call.fields('col')
        if call.node is None or not column:
            return daemon.Command('tabdump', args=call.path[1:2])
        return daemon.Command('gettab', args=[
            column[0] + '=' + ''.join(call.fields('value')[:1])] + [
                '%s.%s' % (call.node, name)
                for name in call.fields('attribute')])
    if call.method in ('PUT', 'PATCH'):
        return daemon.Command('tabch', args=_table_change(call))
    return _unsupported(call)


def _table_change(call):
    """tabch's words: a condition and values, or the body's list."""
    condition = call.fields('condition')[:1]
    entries = values = []
    if not condition and call.body:
        entries = call.entries()
        if not entries:
            raise Refusal(400, NO_ATTRIBUTE)
    elif not condition:
        condition = list(filter(perl.true, call.put_data('condition')))[-1:]
        values = call.put_data('value')
    if not entries and not (call.node and condition):
        raise Crash('no list to count')
    if call.fields('delete') or call.put_data('delete'):
        return ['-d'] + condition + call.path[1:2]
    if condition:
        return condition + (['%s.%s' % (call.node, value)
                             for value in call.fields('value')] or values)
    return words(entries)


def _hypervisor(call):
    if call.method != 'PUT':
        raise Crash('nothing is done, nothing is answered')
    if call.node is None:
        raise Refusal(400, BAD_HOST)
    entries = call.entries()
    if not entries:
        raise Refusal(400, NO_ATTRIBUTE)
    return daemon.Command(call.part or 'chhypervisor', call.node,
                          words(entries))


def _vms(call):
    if call.node is None:
        raise Refusal(400, BAD_RANGE)
    handler = {'GET': _list_vm, 'PUT': _change_vm, 'POST': _make_vm,
               'DELETE': _remove_vm}.get(call.method, _unsupported)
    command = handler(call)
    # Always at the end: to many commands they are two words too many.
    for name in ('objectid', 'requestid'):
        command.args += [word for value in call.parameters(name)[:1]
                         for word in ('--' + name, value)]
    return command


def _list_vm(call):
    args = ['-a'] if call.fields('all') else []
    for name, option, values in (
            ('networknames', '--getnetworknames', None),
            # xCAT reads the name of the network from another parameter.
            ('network', '--getnetwork', 'getnetwork'),
            ('diskpoolnames', '--diskpoolnames', None),
            ('diskpool', '--diskpool', 'diskpool'),
            ('checknics', '--checknics', 'checknics')):
        if call.fields(name):
            args += [option] + (call.fields(values) if values else [])
    return daemon.Command('lsvm', call.node, args)


def _change_vm(call):
    entries = call.entries() if call.body else []
    if not entries:
        raise Refusal(400, NO_MAP)
    return daemon.Command('chvm', call.node, words(entries))


def _make_vm(call):
    if not call.body:
        raise Refusal(400, 'Invalid Parameters')
    if not call.entries():
        raise Refusal(400, NO_ATTRIBUTE)
    return daemon.Command('mkvm', call.node)


def _remove_vm(call):
    return daemon.Command('rmvm', call.node, [
        option for name, option in (('retain', '-r'),
                                    ('service', '--service'))
        if call.fields(name)])


def _nodes(call):
    handler = {'GET': _read_node, 'PUT': _change_node, 'POST': _define_node,
               'DELETE': _remove_node}.get(call.method, _unsupported)
    return handler(call)


def _read_node(call):
    if call.part is None:
        args = ['-o', call.node] if call.node else []
        fields = call.fields('field')
        if fields:
            args += ['-i', ','.join(fields)]
        return daemon.Command('lsdef', args=['-t', 'node'] + args)
    if call.part not in READERS:
        raise Refusal(400, 'Unspported operation on nodes object.')
    args = call.fields('field') or DEFAULTS.get(call.part, [])
    return daemon.Command(READERS[call.part], call.node, args)


def _change_node(call):
    node = call.node
    if node is None:
        raise Refusal(400, BAD_RANGE)
    entries = call.entries() if call.body else _put_fields(call)
    if call.part is None:
        return daemon.Command('tabch', node, ['node=' + node] + [
            '='.join(each) for each in _pairs(entries).items()])
    if call.part == 'dsh':
        return daemon.Command('xdsh', node, _dsh(entries))
    if call.part == 'power' and not entries:
        raise Refusal(400, 'No power operands were supplied.')
    return daemon.Command(WRITERS.get(call.part, ''), node, entries)


def _put_fields(call):
    """The list that stands in the query; most commands die of its strings."""
    if not call.parameters('putData'):
        raise Refusal(400, NO_ATTRIBUTE)
    entries = list(filter(perl.true, call.put_data('field')))
    if entries and call.part in (None, 'power', 'dsh', 'dcp'):
        raise Crash('a string is no list')
    return entries


def _pairs(entries):
    """KEY=VALUE of each string; one without a value has 1."""
    given = {}
    for entry in entries:
        key, equals, value = entry.partition('=')
        given[key] = value if equals else '1'
    return given


def _dsh(entries):
    """The words of xdsh; here the command is not split at blanks."""
    given, found = _pairs(entries), []
    for key, option, has_value in DSH_OPTIONS:
        if key in given:
            found += [option, given[key]] if has_value else [option]
    return found + [given[key] for key in ('command',) if key in given]


def _define_node(call):
    if call.node is None:
        raise Refusal(400, 'No nodename was supplied.')
    entries = call.entries() if call.body else []
    return daemon.Command('mkdef', args=['-t', 'node', '-o', call.node]
                          + entries)


def _remove_node(call):
    if call.node is None:
        raise Refusal(400, 'No nodename was supplied.')
    return daemon.Command('rmdef', args=['-t', 'node', '-o', call.node])


RESOURCES = {'hypervisor': _hypervisor, 'nodes': _nodes, 'tables': _tables,
             'version': _version, 'vms': _vms}


class Application:
    """Answers requests below /xcatws with the help of a daemon.Daemon."""

    def __init__(self, xcatd):
        self._xcatd = xcatd

    def __call__(self, request):
        kind = _first(request.query, 'format', 'html')
        try:
            if kind not in TYPES:
                raise Refusal(400, "The format '%s' is not valid" % kind)
            return self._answer(request, TYPES[kind], kind)
        except Refusal as e:
            return _text(e.status, str(e), TYPES.get(kind, TYPES['html']))
        except daemon.Denied as e:
            return _text(401, '<p>%s</p>' % e, TYPES[kind])
        except daemon.Forbidden as e:
            return _text(403, '<p>%s</p>' % e, TYPES[kind])
        except Crash:
            return httpd.Response.page(500)

    def _answer(self, request, content_type, kind):
        call = _call(request)
        if call is None:
            return httpd.Response.page(404)
        if not call.path:
            return _text(200, ''.join('<p>%s</p>' % text for text in [
                TITLE, *sorted([*RESOURCES, *UNSERVED])]), content_type)
        if call.resource not in RESOURCES:
            raise Refusal(404, "Resource '%s' does not exist" % call.resource)
        command = RESOURCES[call.resource](call)
        elements = self._xcatd.run(_as_sent(command), *credentials(request))
        status = 201 if call.method == 'POST' else 200
        if kind == 'xml':
            return _text(status, formats.xml(elements), content_type)
        if kind == 'html':
            commas = command.name == 'tabdump' and not call.fields('desc')
            return _text(status, formats.html(elements, commas),
                         content_type)
        return httpd.Response.json({'data': elements}, status, content_type)


def _as_sent(command):
    """The command after its way as XML from the web part to xcatd.

    What is empty or blanks vanishes, every line end becomes a line feed.
    """
    if NOT_XML.search('\n'.join([command.name, command.noderange or '',
                                 *command.args])):
        raise Refusal(503, HUNG_UP)
    return dataclasses.replace(command, args=[
        word.replace('\r\n', '\n').replace('\r', '\n')
        for word in command.args if word.strip(' \t\r\n')])


def credentials(request):
    """User name and password: the query's go before the headers'.

    Unlike other parameters these are split at & alone.
    """
    return [_first(request.query, name, request.headers.get(name))
            for name in ('userName', 'password')]


def _first(query, name, default):
    """A parameter's first value; neither split at ; nor its name read."""
    for pair in query.split('&'):
        key, _, value = pair.partition('=')
        if key == name:
            return urllib.parse.unquote_plus(value, errors='replace')
    return default


def _call(request):
    """A Call, or None for a path that the web server does not pass on."""
    path = request.path
    if '%2f' in path.lower() or '%00' in path or '..' in path.split('/'):
        return None
    parts = urllib.parse.unquote(path, errors='replace').split('/')[2:]
    while parts and not parts[-1]:
        parts.pop()
    if request.method not in ('PUT', 'POST', 'PATCH'):
        return Call(request.method, parts, request.query, request.query, None)
    kind = request.headers.get('Content-Type') or FORM
    body = request.body.decode('utf-8', 'surrogateescape')
    if kind.startswith(MULTIPART) and request.method == 'POST':
        raise Crash('parts are not read here')
    if kind.startswith((FORM, MULTIPART)):
        return Call(request.method, parts, request.query, body, None)
    whole = body if request.method in WHOLE else None
    return Call(request.method, parts, request.query, '', whole)


def _text(status, text, content_type):
    return httpd.Response(status, content_type,
                          text.encode('latin-1', 'replace'))
