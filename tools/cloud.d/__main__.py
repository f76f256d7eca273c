# SPDX-License-Identifier: Apache-2.0
"""Behind tools/cloud: a whole OpenStack on one machine."""

import argparse
import json
import os
import sys

import configs
import life
from place import Place
from place import Stop
import processes


def _err(text):
    print(text, file=sys.stderr, flush=True)


def _up(place, arguments):
    life.up(place, _err)
    return 0


def _status(place, arguments):
    return 0 if life.status(place) else 1


def _down(place, arguments):
    life.down(place, _err)
    return 0


def _reset(place, arguments):
    life.reset(place, _err)
    return 0


def _test(place, arguments):
    import testing
    return testing.run(place, arguments, _err)


def _spawn(place, arguments):
    processes.start(place, arguments.name, arguments.command)
    return 0


def _end(place, arguments):
    processes.stop(place, [arguments.name], _err)
    return 0


def _parser():
    parser = argparse.ArgumentParser(prog='tools/cloud')
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    for name, call, what in (
            ('up', _up, 'start what does not run'),
            ('status', _status, 'say what runs; 1 unless all is well'),
            ('down', _down, 'end what was started'),
            ('reset', _reset, 'end it and forget everything')):
        commands.add_parser(name, help=what).set_defaults(call=call)
    test = commands.add_parser('test', help='run scenarios and Tempest')
    test.add_argument('what', nargs='?', choices=['scenarios', 'tempest'],
                      help='one of the two; without it both')
    test.add_argument('--all', action='store_true',
                      help='all of Tempest that is wanted, not the subset')
    test.add_argument('--json', action='store_true',
                      help='print one JSON object')
    test.set_defaults(call=_test)
    # What stage.sh calls.
    for name, call in (('spawn', _spawn), ('end', _end)):
        hidden = commands.add_parser(name)
        hidden.add_argument('name')
        hidden.add_argument('command', nargs=argparse.REMAINDER)
        hidden.set_defaults(call=call)
    return parser


def _failed(arguments, error):
    _err('tools/cloud: %s' % error)
    if getattr(arguments, 'json', False):
        print(json.dumps({'passed': 0, 'failed': 1, 'skipped': 0,
                          'seconds': 0}))
    return getattr(error, 'status', 1)


def main(argv):
    arguments = _parser().parse_args(argv)
    try:
        place = Place.here()
        os.environ.update(configs.environment(place))
        return arguments.call(place, arguments)
    except Stop as error:
        return _failed(arguments, error)
    except KeyboardInterrupt:
        _err('interrupted; tools/cloud down ends what was started')
        return 130


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
