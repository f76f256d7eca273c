# SPDX-License-Identifier: Apache-2.0
"""Behind tools/test, tools/demo, tools/cloud and tools/crashpoints.

Only the standard library: this runs under the Python that is there.
"""

import argparse
import os
import pathlib
import sys

import clouds
import environments
import linters
import parts
import suites
import words

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def _test(arguments):
    if arguments.list:
        print('\n'.join(part.name for part in parts.ALL))
        return 0
    bench = environments.Bench(ROOT)
    with bench.lock('test.lock', 'another tools/test'):
        chosen, regex = parts.choose(arguments.pattern)
        with bench.ready({name for part in chosen
                          for name in part.environments}):
            return parts.run(bench, chosen, regex)


def _demo(arguments):
    # Standard output belongs to the demo: --json promises one object there.
    words.stream = sys.stderr
    bench = environments.Bench(ROOT)
    try:
        with bench.ready(environments.NAMES):
            return parts.demo(bench, arguments.rest).returncode
    except words.Stop:
        if '--json' in arguments.rest:
            print('{"ok": false, "steps": []}')
        raise


def _cloud(arguments):
    # As the demo's: tools/cloud test --json promises one object there.
    words.stream = sys.stderr
    bench = environments.Bench(ROOT)
    with bench.ready(clouds.ENVIRONMENTS):
        return clouds.program(bench, arguments.rest).returncode


def _program(arguments):
    words.stream = sys.stderr
    bench = environments.Bench(ROOT)
    with bench.ready(environments.NAMES):
        return parts.program(bench, arguments.program, arguments.rest)


def _stestr(arguments):
    kind, _, environment = arguments.part.partition('-')
    run = suites.Suite(ROOT, kind, environment or 'main', sys.executable)
    return suites.plain(run, arguments.rest)


def _lint(arguments):
    binaries = pathlib.Path(sys.executable).parent
    return 0 if linters.run(ROOT, binaries).ok else 1


def _environments(arguments):
    with environments.Bench(ROOT).ready(arguments.name
                                        or environments.NAMES):
        return 0


def _parser():
    parser = argparse.ArgumentParser(prog='tools/workbench')
    commands = parser.add_subparsers(required=True)
    test = commands.add_parser('test', prog='tools/test')
    test.add_argument('pattern', nargs='?', help='a part or a regular '
                      'expression on test names; without it everything')
    test.add_argument('--list', action='store_true', help='name the parts')
    test.set_defaults(call=_test)
    demo = commands.add_parser('demo', prog='tools/demo', add_help=False)
    demo.set_defaults(call=_demo)
    cloud = commands.add_parser('cloud', prog='tools/cloud', add_help=False)
    cloud.set_defaults(call=_cloud)
    crash = commands.add_parser('crashpoints', prog='tools/crashpoints',
                                add_help=False)
    crash.set_defaults(call=_program, program='crashpoints')
    soak = commands.add_parser('soak', add_help=False)
    soak.set_defaults(call=_program, program='sequences')
    stestr = commands.add_parser(
        'stestr', help="run one part's tests with this Python (tox)")
    stestr.add_argument('part', help='such as unit-main or conformance')
    stestr.set_defaults(call=_stestr)
    lint = commands.add_parser(
        'lint', help="check style with this Python's programs (tox)")
    lint.set_defaults(call=_lint)
    making = commands.add_parser('environments', help='make them and no more')
    making.add_argument('name', nargs='*', choices=[[], *environments.EXTRAS])
    making.set_defaults(call=_environments)
    return parser


def main(argv):
    arguments, rest = _parser().parse_known_args(argv)
    if rest and arguments.call not in (_cloud, _demo, _program, _stestr):
        _parser().error('unknown arguments: %s' % ' '.join(rest))
    arguments.rest = rest
    try:
        return arguments.call(arguments)
    except words.Stop as error:
        words.say(str(error))
        return 1
    except KeyboardInterrupt:
        words.say('interrupted')
        return 130


if __name__ == '__main__':
    os.environ.setdefault('PIP_DISABLE_PIP_VERSION_CHECK', '1')
    # Images of containers set it.  Compiling OpenStack anew in each process
    # would take longer than the tests.
    os.environ.pop('PYTHONDONTWRITEBYTECODE', None)
    sys.exit(main(sys.argv[1:]))
