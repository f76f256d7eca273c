# SPDX-License-Identifier: Apache-2.0
"""xCAT's command line client, as xCAT's own commands call it on the MN.

`/opt/xcat/bin/chvm guest1 --dedicatedevice 3B05 3B05 0 2>&1` is one more
request to xcatd; what it prints comes back as one text.
"""

from xcat_simulator.mn import commands
from xcat_simulator.mn import daemon
from xcat_simulator import nodes

BAD_RANGE = 'Invalid nodes and/or groups in noderange: %s'


def run(world, name, node, args, errors=False):
    """What the client prints for a command on a node.

    `args` are the words after the node, as they stand in the shell: an empty
    one vanishes, "" is an empty argument. errors: with 2>&1; then stderr
    comes first, since stdout is not written before the client ends.
    """
    try:
        found = tuple(world.nodes.expand(node))
    except nodes.UnknownNodes as e:
        text = 'Error: %s\n' % (BAD_RANGE % ','.join(e.missed))
        return text if errors else ''
    args = ['' if word == '""' else word for word in args if word]
    command = daemon.Command(name, node, args, found)
    answer = commands.HANDLERS[name](world, command)
    return printed(answer, world.local.name, errors)


def printed(elements, source, errors=False):
    """The elements as text; `source` is the MN's name.

    Of an error the client says from which MN it is.
    """
    out, err = [], []
    for element in elements:
        prefix = '' if 'NoErrorPrefix' in element else 'Error: '
        for key, before in (('error', prefix), ('warning', 'Warning: ')):
            err += ['%s[%s]: %s\n' % (before, source, text)
                    for text in element.get(key, ())]
        out += [(text or '') + '\n' for text in element.get('info', ())]
        out += [text + '\n' for text in element.get('data', ()) if text]
    return ''.join(err + out) if errors else ''.join(out)
