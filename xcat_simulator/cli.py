# SPDX-License-Identifier: Apache-2.0
"""The command zvm-simulator."""

import argparse
import os
import signal
import sys
import threading

from xcat_simulator import checks
from xcat_simulator.machine import model
from xcat_simulator import recording
from xcat_simulator import simulator
from xcat_simulator import summary
from xcat_simulator import worldfile


def main(argv=None):
    """Run the command; returns its exit status."""
    args = _parser().parse_args(argv)
    try:
        return args.run(args)
    except checks.WorldError as e:
        for key, rule in e.problems:
            print('zvm-simulator: %s: %s' % (key, rule), file=sys.stderr)
    except (simulator.FolderError, model.MachineError, OSError) as e:
        print('zvm-simulator: %s' % e, file=sys.stderr)
    return 1


def _parser():
    parser = argparse.ArgumentParser(
        prog='zvm-simulator',
        description='A simulated z/VM xCAT management node with its zHCPs '
                    'and guests.')
    commands = parser.add_subparsers(dest='command', required=True)
    serve = commands.add_parser('serve', help='serve a world until stopped')
    serve.set_defaults(run=_serve)
    _add_serve(serve)
    check = commands.add_parser(
        'check', help='tell what is wrong with a world, or what is in it')
    check.set_defaults(run=_check)
    _add_source(check, 'world', nargs='?')
    schema = commands.add_parser(
        'schema', help='print the JSON Schema of a world file')
    schema.set_defaults(run=_schema)
    schema.add_argument('--initial', action='store_true',
                        help="that of a recording's initial object instead")
    return parser


def _add_source(parser, name, **more):
    """A world file, by the option or argument of that name, or a recording."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(name, metavar='FILE', help='world file (YAML)',
                        **more)
    source.add_argument('--initial', metavar='FILE',
                        help="a recorded scenario's initial object (JSON)")


def _add_serve(parser):
    _add_source(parser, '--world')
    parser.add_argument('--port', type=_port, required=True,
                        help='HTTPS port of the management node; 0: any')
    parser.add_argument('--dir', required=True,
                        help='folder for state, disks and ca.pem; made when '
                             'missing, emptied of an earlier run')
    parser.add_argument('--keep', action='store_true',
                        help='do not empty it: the world of an earlier run '
                             'goes on, after an IPL')
    parser.add_argument('--listen', metavar='ADDRESS',
                        default=simulator.LOOPBACK,
                        help='another address than 127.0.0.1; then with a '
                             'generated password')


def _port(text):
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError('must be from 0 to 65535')
    return int(text)


def _spec(args):
    if args.world:
        return worldfile.load(args.world)
    return recording.load(args.initial)


def _check(args):
    for line in summary.lines(_spec(args)):
        print(line)
    return 0


def _schema(args):
    print(checks.schema_text('initial' if args.initial else 'world'), end='')
    return 0


def _serve(args):
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    served = simulator.Simulator(_spec(args), args.dir, args.port,
                                 args.listen, args.keep)
    try:
        served.start()
        for line in _greeting(served, args):
            print('zvm-simulator: ' + line, flush=True)
        stopped.wait()
    finally:
        served.stop()
    return 0


def _greeting(served, args):
    yield 'serving https://%s:%d/xcatws, CA in %s' % (
        args.listen, served.port, os.path.join(args.dir, 'ca.pem'))
    if served.goes_on:
        yield 'the world in %s goes on' % args.dir
    for name, port in served.connectors.items():
        url = 'http://127.0.0.1:%d' % port
        if port == served.port:
            url = 'https://%s:%d' % (args.listen, port)
        yield 'cloud connector of %s: %s' % (name, url)
    if served.password:
        yield 'password of every user: %s' % served.password


if __name__ == '__main__':
    sys.exit(main())
