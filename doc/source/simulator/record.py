# SPDX-License-Identifier: Apache-2.0
"""Make a recording of what record.sh has kept: record.py FOLDER NAME ABOUT"""

import base64
import json
import os
import sys

FOLDER, NAME, ABOUT = sys.argv[1:]


def read(name):
    with open(os.path.join(FOLDER, name), encoding='latin-1') as stream:
        return stream.read()


def names(start):
    """What follows `start` in the names of the files that begin so."""
    return sorted(name[len(start):] for name in os.listdir(FOLDER)
                  if name.startswith(start))


def lines(name):
    """All lines that an answer has, in whichever element."""
    return [line for element in json.loads(read(name))['data']
            for key in ('info', 'data') for text in element.get(key, ())
            for line in (text or '').splitlines()]


def bare(name, node):
    """The lines of a file without the node's name before each."""
    return [line.removeprefix(node + ': ') for line in lines(name)]


def attributes(node):
    pairs = (line.strip().partition('=') for line in lines('node.' + node))
    return {key: value for key, equals, value in pairs if equals}


def devices():
    """The five lines that details show of each device."""
    keys = {'FCP device number': 'device', 'Status': 'status',
            'NPIV world wide port number': 'npiv_wwpn',
            'Channel path ID': 'chpid',
            'Physical world wide port number': 'physical_wwpn'}
    found = []
    for state in names('devices.'):
        for line in lines('devices.' + state):
            key, _, value = line.partition(': ')[2].strip().partition(':')
            if key == 'FCP device number':
                found.append({})
            if key in keys:
                found[-1][keys[key]] = value.strip()
    return sorted(found, key=lambda device: device['device'])


def pools(step):
    """{pool: text of its file}; one that is not there has no text."""
    found = {}
    for pool in names(step + '.pool.'):
        name = '%s.pool.%s' % (step, pool)
        answer = json.loads(read(name))['data']
        if answer[-1].get('errorcode') == ['0']:
            packed = ''.join(line.partition(': ')[2] for line in lines(name))
            found[pool] = base64.b64decode(packed).decode('utf-8')
    return found


def initial():
    nodes = names('node.')
    guests = names('directory.')
    zhcp, hypervisor = None, None
    for node in nodes:
        if 'userid' not in attributes(node):
            hypervisor = node
        elif node not in guests:
            zhcp = node
    return {
        'version': lines('version')[0].removeprefix('Version '),
        # What replay.py sends. Never record a real password.
        'users': {'admin': 'admin'},
        'hypervisor': hypervisor, 'zhcp': zhcp,
        'nodes': {node: attributes(node) for node in nodes},
        'zvm_table': lines('table'),
        'guests': {guest: {
            'power': bare('power.' + guest, guest)[0],
            'directory': '\n'.join(bare('directory.' + guest, guest)) + '\n',
        } for guest in guests},
        'fcp_devices': devices(), 'pools': pools('initial')}


def step(number):
    start = 'step.%d' % number
    label, method, path, body = read(start + '.request').split('\n', 3)
    status, kind = read(start + '.status').split(' ', 1)
    response = {'status': int(status),
                'content_type': kind.partition(';')[0].strip()}
    text = read(start + '.body')
    if response['content_type'] == 'text/html':
        response['text'] = '(an HTML page)'
    else:
        try:
            response['json'] = json.loads(text)
        except ValueError:
            response['text'] = text
    return {'label': label, 'request': {
        'method': method, 'path': path,
        'body': json.loads(body) if body.strip() else None,
    }, 'response': response, 'pools_after': pools(start)}


count = len([name for name in names('step.') if name.endswith('.request')])
json.dump({'name': NAME, 'about': ABOUT, 'initial': initial(),
           'steps': [step(number) for number in range(1, count + 1)]},
          sys.stdout, indent=1)
print()
