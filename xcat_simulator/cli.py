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
from xcat_simulator import worldfile


def main(argv=None):
    """Run the command; returns its exit status."""
    args = _parser().parse_args(argv)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        spec = _spec(args)
        served = simulator.Simulator(spec, args.dir, args.port, args.listen)
    except (checks.WorldError, simulator.FolderError,
            model.MachineError, OSError) as e:
        print('zvm-simulator: %s' % e, file=sys.stderr)
        return 1
    return _serve(served, args, stopped)


def _parser():
    parser = argparse.ArgumentParser(
        prog='zvm-simulator',
        description='A simulated z/VM xCAT management node with its zHCPs '
                    'and guests.')
    commands = parser.add_subparsers(dest='command', required=True)
    serve = commands.add_parser('serve', help='serve a world until stopped')
    source = serve.add_mutually_exclusive_group(required=True)
    source.add_argument('--world', metavar='FILE',
                        help='world file (YAML)')
    source.add_argument('--initial', metavar='FILE',
                        help="a recorded scenario's initial object (JSON)")
    serve.add_argument('--port', type=_port, required=True,
                       help='HTTPS port of the management node; 0: any')
    serve.add_argument('--dir', required=True,
                       help='folder for state, disks and ca.pem; made when '
                            'missing, emptied of an earlier run')
    serve.add_argument('--listen', metavar='ADDRESS',
                       default=simulator.LOOPBACK,
                       help='another address than 127.0.0.1; then with a '
                            'generated password')
    return parser


def _port(text):
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError('must be from 0 to 65535')
    return int(text)


def _spec(args):
    if args.world:
        return worldfile.load(args.world)
    return recording.load(args.initial)


def _serve(served, args, stopped):
    try:
        served.start()
        print('zvm-simulator: serving https://%s:%d/xcatws, CA in %s' % (
            args.listen, served.port, os.path.join(args.dir, 'ca.pem')),
            flush=True)
        for name, port in served.connectors.items():
            print('zvm-simulator: cloud connector of %s: http://127.0.0.1:%d'
                  % (name, port), flush=True)
        if served.password:
            print('zvm-simulator: password of every user: %s'
                  % served.password, flush=True)
        stopped.wait()
    finally:
        served.stop()
    return 0


if __name__ == '__main__':
    sys.exit(main())
