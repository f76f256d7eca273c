# SPDX-License-Identifier: Apache-2.0
"""The parts of a whole test run, in their order."""

import concurrent.futures
import dataclasses
import functools
import json
import os
import subprocess
import time
import typing

import clouds
import counts
import linters
import scratch
import sources
import suites
import words

_DEMO_STEPS = ('create', 'boot', 'attach', 'write', 'detach', 'read',
               'delete')


@dataclasses.dataclass(frozen=True)
class Part:
    """One part; run(bench, regex) returns its counts.

    One that waits for its own processes most of its time may run beside
    those that no load disturbs.
    """

    name: str
    environments: tuple
    run: typing.Callable
    takes_regex: bool = False
    waits: bool = False
    undisturbed: bool = False


# Each of these tests keeps both cores busy with processes of its own.
_RACES = 'test_races'


def _suite(kind, environment, bench, regex):
    suite = suites.Suite(bench.root, kind, environment,
                         bench.all[environment].python)
    if not suite.has_tests():
        words.say('there are none')
        return counts.Counts()
    return suites.run(suite, regex, ['--exclude-regex', _RACES])


def _races(environment, bench, regex):
    suite = suites.Suite(bench.root, 'functional', environment,
                         bench.all[environment].python, workers=1)
    if regex:
        return suites.run(suite, '^(?=.*%s).*(?:%s)' % (_RACES, regex))
    return suites.run(suite, None, [_RACES])


def _pythons(bench):
    """Where a program of the environment main finds the other two."""
    return {'ZVM_CINDER_PYTHON': str(bench.all['cinder'].python),
            'ZVM_NOVA_PYTHON': str(bench.all['nova'].python)}


def _reliability(bench, regex):
    # Its own processes are as many as the workers of other suites.
    suite = suites.Suite(bench.root, 'reliability', 'main',
                         bench.all['main'].python, _pythons(bench), 1)
    return suites.run(suite, regex)


def program(bench, name, arguments):
    """Runs a module of tests.reliability as a program; its exit status."""
    suite = suites.Suite(bench.root, 'reliability', name,
                         bench.all['main'].python, _pythons(bench))
    return suite.run_module('tests.reliability.' + name, arguments)


def _lint(bench, regex):
    return linters.run(bench.root, bench.all['main'].folder / 'bin')


def _docs(bench, regex):
    """Builds the manual and the release notes; a warning is an error."""
    binaries = bench.all['main'].folder / 'bin'
    out = bench.work / 'docs'
    done = counts.Counts()
    for source in ('doc/source', 'releasenotes/source'):
        if source.startswith('rel') and not sources.is_clone(bench.root):
            words.say('%s: skipped, reno reads git history' % source)
            done += counts.Counts(skipped=1)
            continue
        command = [str(binaries / 'sphinx-build'), '-W', '--keep-going', '-q',
                   '-b', 'html', '-d', str(out / 'doctrees' / source),
                   source, str(out / source)]
        done += linters.step(bench.root, 'sphinx %s' % source, command)
    return done


def demo(bench, arguments, **options):
    """Runs the demo's Python; it finds the other two in its environment."""
    env = dict(os.environ, PYTHONNOUSERSITE='1', **_pythons(bench),
               ZVM_SIMULATOR=str(bench.all['main'].folder / 'bin'
                                 / 'zvm-simulator'))
    env.pop('PYTHONPATH', None)
    command = [str(bench.all['main'].python),
               str(bench.root / 'tools' / 'demo.d'), *arguments]
    return subprocess.run(command, env=env, cwd=bench.root, **options)


def _faults(text, status):
    """What is wrong with the answer of the demo, as text; '' if nothing."""
    try:
        answer = json.loads(text)
        names = [step['name'] for step in answer['steps']]
        failed = [step['name'] for step in answer['steps'] if not step['ok']]
        told = answer['ok'] is True
    except (ValueError, KeyError, TypeError) as error:
        return 'not the promised JSON object: %r' % error
    missing = [kind for kind in _DEMO_STEPS
               if not any(name.startswith(kind) for name in names)]
    odd = [name for name in names if not name.startswith(_DEMO_STEPS)]
    faults = ['step failed: ' + name for name in failed]
    faults += ['no step: ' + kind for kind in missing]
    faults += ['unknown step: ' + name for name in odd]
    if not told or status:
        faults.append('ok is %s, exit status %d' % (told, status))
    return '\n'.join(faults)


def _demo(bench, regex):
    if not (bench.root / 'tools' / 'demo.d').exists():
        words.say('tools/demo.d: not there')
        return counts.Counts(failed=1)
    env = dict(os.environ, ZVM_BENCH_IS_READY='1')
    try:
        done = subprocess.run([str(bench.root / 'tools' / 'demo'), '--json'],
                              capture_output=True, text=True, env=env,
                              stdin=subprocess.DEVNULL, timeout=suites.LIMIT)
    except subprocess.TimeoutExpired:
        words.say('no end after %d s: killed' % suites.LIMIT)
        return counts.Counts(failed=1)
    faults = _faults(done.stdout, done.returncode)
    if faults:
        words.say('%s\n%s\n%s' % (faults, done.stdout, done.stderr))
    else:
        steps = json.loads(done.stdout)['steps']
        words.say('%d steps, all ok' % len(steps))
    return counts.Counts.of(not faults)


def _tests(kind, environment):
    whole = kind == 'conformance' and environment == 'main'
    return Part(kind if whole else '%s-%s' % (kind, environment),
                (environment,),
                functools.partial(_suite, kind, environment), True,
                undisturbed=kind == 'unit')


ALL = (
    Part('cloud', clouds.ENVIRONMENTS, clouds.part, waits=True),
    Part('pep8', ('main',), _lint, undisturbed=True),
    Part('docs', ('main',), _docs, undisturbed=True),
    *(_tests(kind, environment) for kind in ('unit', 'functional')
      for environment in ('main', 'cinder', 'nova')),
    *(Part('races-' + environment, (environment,),
           functools.partial(_races, environment), True)
      for environment in ('cinder', 'nova')),
    _tests('conformance', 'main'),
    Part('reliability', ('main', 'cinder', 'nova'), _reliability, True),
    Part('demo', ('main', 'cinder', 'nova'), _demo),
)


def choose(pattern):
    """The parts to run and the regex on test names, or None.

    A pattern that names parts (unit, unit-nova, docs) chooses these; any
    other is a regular expression for those parts that have tests.
    """
    if pattern is None:
        return ALL, None
    named = [part for part in ALL
             if pattern in (part.name, part.name.partition('-')[0])]
    if named:
        return named, None
    return [part for part in ALL if part.takes_regex], pattern


def _timed(bench, part, regex):
    words.heading(part.name)
    began = time.monotonic()
    found = part.run(bench, regex)
    return part.name, found, time.monotonic() - began


def _results(bench, chosen, regex):
    """(name, counts, seconds) of each part."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = [pool.submit(_timed, bench, part, regex)
                   for part in chosen if part.waits]
        others = [part for part in chosen if not part.waits]
        rows = [_timed(bench, part, regex) for part in others
                if part.undisturbed]
        rows += [one.result() for one in waiting]
        return rows + [_timed(bench, part, regex) for part in others
                       if not part.undisturbed]


def run(bench, chosen, regex):
    """Runs the parts and prints the closing line; the exit status."""
    with scratch.in_memory():
        rows = _results(bench, chosen, regex)
    words.heading('all parts')
    for name, found, seconds in rows:
        words.say('%-18s %-40s %4d s' % (name, found, seconds))
    total = sum((found for _, found, _ in rows), counts.Counts())
    words.say('\n%s' % total)
    return 0 if total.ok else 1
