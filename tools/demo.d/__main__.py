# SPDX-License-Identifier: Apache-2.0
"""The life of a volume: two back-ends, two guests, one pattern.

The simulator, Cinder and Nova run in processes of their own, Cinder and Nova
each with its own Python; this one tells them what to do, writes and reads
through the guests' disks, and checks the truth on the zHCP and on the array.
"""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import sys
import tempfile

import display
import side
import steps
import truth


def _arguments():
    parser = argparse.ArgumentParser(
        prog='tools/demo', description='Show the life of a volume against '
        'the simulator: create, boot, attach, write, detach, read, delete.')
    parser.add_argument('--json', action='store_true',
                        help='print one JSON object and nothing else')
    parser.add_argument('--keep', metavar='DIR', type=pathlib.Path,
                        help='work in DIR (new or empty) and keep its logs')
    return parser.parse_args()


@contextlib.contextmanager
def _folder(keep):
    if keep is None:
        with tempfile.TemporaryDirectory(prefix='zvm-demo-') as folder:
            yield pathlib.Path(folder)
        return
    keep.mkdir(parents=True, exist_ok=True)
    if any(keep.iterdir()):
        raise truth.CheckFailed('%s is not empty' % keep)
    yield keep.resolve()


def _run(keep, shown, taken):
    with _folder(keep) as folder, contextlib.ExitStack() as stack:
        with shown.starting('simulator, cinder-volume and nova-compute'):
            world = stack.enter_context(
                truth.Simulator(os.environ['ZVM_SIMULATOR'], folder))
            cinder = stack.enter_context(side.Side(
                os.environ['ZVM_CINDER_PYTHON'], 'cinder_side.py', folder,
                world))
            nova = stack.enter_context(side.Side(
                os.environ['ZVM_NOVA_PYTHON'], 'nova_side.py', folder, world))
        steps.run(steps.Demo(world, cinder, nova), shown, taken)


def _object(taken, ok):
    return {'ok': ok, 'steps': [
        {name: step[name] for name in ('name', 'ok', 'seconds', 'requests')}
        for step in taken.steps]}


def main():
    """Whatever goes wrong: the object, or the table, and why."""
    arguments = _arguments()
    shown = display.Silent() if arguments.json else display.Live()
    # so that what has been started ends too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    taken, faults = steps.Taken(), ['ended from outside']
    try:
        _run(arguments.keep, shown, taken)
        faults = []
    except (Exception, KeyboardInterrupt) as error:
        faults = [steps.told(error)]
    finally:
        ok = taken.ok and not faults
        if arguments.json:
            print(json.dumps(_object(taken, ok)), flush=True)
        shown.end(taken.steps, taken.before, taken.after)
    for fault in [*('%s: %s' % (step['name'], step['result'])
                    for step in taken.steps if not step['ok']), *faults]:
        print('tools/demo: %s' % fault, file=sys.stderr)
    return 0 if ok else 1


if __name__ == '__main__':
    sys.exit(main())
