# SPDX-License-Identifier: Apache-2.0
"""Every operation, killed at each request and moment, and what is then so.

    python -m tests.reliability.crashpoints [--json] [--sabotage]
        [--operation NAME]... [--moment NAME]... [--workers 3]

A point is broken when an invariant is: after the restarted service has swept,
after a late effect has come, after leases have run out, or when the user can
not delete what is left.
"""

import argparse
import collections
from concurrent import futures
import contextlib
import dataclasses
import itertools
import json
import pathlib
import signal
import sys
import tempfile
import threading
import time
import traceback

from tests.reliability import cloud as clouds
from tests.reliability import invariants
from tests.reliability import kill
from tests.reliability import operations
from zvm_common.remote import program

KILLED = -9


@dataclasses.dataclass
class Point:
    """An operation, the request and the moment of its end."""

    operation: str
    k: int
    request: str
    moment: str
    exit: int | None = None
    violations: list = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    @property
    def ok(self):
        return self.exit == KILLED and not self.violations

    def shown(self):
        found = {name: getattr(self, name) for name in
                 ('operation', 'k', 'request', 'moment', 'exit', 'ok')}
        if self.violations:
            found['violations'] = self.violations
        return found


def points_of(operation, cloud, moments=kill.MOMENTS, distinct=False):
    """Do it once without dying: a Point for each request and moment.

    A request that only reads has no effect that could come late, or without
    its answer.

    :param distinct: see :func:`is_distinct`
    """
    args = _prepared(operation, cloud)
    names = cloud.counted(operation.side, operation.call, **args)
    operations.recover(cloud)
    operations.detach_others(cloud)
    return [Point(operation.name, k, name, moment)
            for k, name in enumerate(names, 1) for moment in moments
            if (moment in ('before', 'answer') or not kill.reads(name))
            and (not distinct or is_distinct(names, k, moment))]


def is_distinct(names, k, moment):
    """Whether a point leaves something that no other one does.

    Who dies has not looked at an answer, whether it came or not.  Before a
    request all is as after the one before it, but for what the service has
    saved in its own database, if that one has changed anything.

    :param names: of all requests of the operation
    """
    if moment == 'before':
        return k == 1 or not kill.reads(names[k - 2])
    return moment != 'answer'


def _prepared(operation, cloud):
    """The operation's arguments; what it asks depends on nothing before it.

    cinder-volume confirms new volumes when it next tells of its pool, which
    would be within whatever comes next.
    """
    args = operation.prepare(cloud)
    cloud.ask('cinder', 'sweep')
    return args


def die(point, cloud):
    """Die at a point, start anew and judge what is left.

    Fills in ``exit`` and ``violations``; the cloud can be used again when
    there are none.
    """
    operation = operations.ALL[point.operation]
    args = _prepared(operation, cloud)
    point.exit = cloud.killed(operation.side, operation.call, point.k,
                              point.moment, **args)
    if point.exit != KILLED:
        point.violations = ['ended: without request %d, with %s' % (
            point.k, point.exit)]
        return
    for judge in (_swept, _landed, _settled, _recovered):
        point.violations = ['%s: %s' % (judge.__name__[1:], text)
                            for text in judge(point, operation, cloud)]
        if point.violations:
            return


def _swept(point, operation, cloud):
    cloud.restart(operation.side)       # sweeps as it starts
    cloud.truth.rest()
    return invariants.broken(invariants.SAFETY, cloud)


def _landed(point, operation, cloud):
    if point.moment != 'late':
        return []
    came = cloud.simulator.open_gate()
    cloud.truth.rest()
    if came != 1:
        return ['%d effects came late' % came]
    return invariants.broken(invariants.SAFETY, cloud)


def _settled(point, operation, cloud):
    cloud.simulator.forget_faults()
    cloud.settle()
    return invariants.broken(invariants.SETTLED, cloud)


def _recovered(point, operation, cloud):
    operations.recover(cloud)
    operations.detach_others(cloud)
    return []


def _some(points, share):
    """One of so many; of each operation at least one."""
    first = int(program.zhcp().sha[:8], 16) % share
    return points[first % max(1, len(points))::share]


class Run:
    """All points of some operations, by workers with a cloud each.

    :param parents: cloud.Parents, entered
    :param folder: for the clouds
    :param told: called with each Point that is done
    :param distinct: only points that leave something that no other one does
    :param share: one of so many points of each operation; which ones depends
        on the zHCP program alone, so that another one has others
    """

    def __init__(self, parents, folder, names=None, moments=None,
                 sabotaged=False, told=lambda point: None, distinct=False,
                 share=1):
        self._parents = parents
        self._distinct = distinct
        self._share = share
        self._moments = moments or kill.MOMENTS
        self._folder = pathlib.Path(folder)
        self._sabotaged = sabotaged
        self._told = told
        self.names = list(names or operations.ALL)
        self._open = collections.deque(self.names)
        self._points = collections.deque()
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self.done = []
        self.left = []

    def run(self, workers):
        with futures.ThreadPoolExecutor(workers) as pool:
            working = [pool.submit(self._work) for _ in range(workers)]
            try:
                for one in futures.as_completed(working):
                    one.result()
            finally:        # ended from outside or failed: no further point
                with self._lock:
                    self._open.clear()
                    self._points.clear()
        order = {name: place for place, name in enumerate(self.names)}
        self.done.sort(key=lambda point: (
            order[point.operation], point.k,
            kill.MOMENTS.index(point.moment)))

    def _take(self):
        with self._lock:
            for tasks in (self._open, self._points):
                if tasks:
                    return tasks.popleft()
            return None

    def _work(self):
        """A new cloud after each point that is broken."""
        task = self._take()
        while task is not None:
            with contextlib.ExitStack() as stack:
                cloud = self._cloud(stack)
                whole = True
                while whole and task is not None:
                    whole = self._do(task, cloud)
                    task = self._take()
                if whole:
                    self._clear(cloud)

    def _cloud(self, stack):
        return stack.enter_context(clouds.Cloud(
            self._parents, self._folder / str(next(self._numbers)),
            self._sabotaged))

    def _do(self, task, cloud):
        """Whether the cloud can be used again."""
        if isinstance(task, str):
            found = points_of(operations.ALL[task], cloud, self._moments,
                              self._distinct)
            with self._lock:
                self._points.extend(_some(found, self._share))
            return True
        began = time.monotonic()
        try:
            die(task, cloud)
        except Exception as err:
            task.violations.append('%s: %s' % (type(err).__name__, err))
            traceback.print_exc()
        task.seconds = time.monotonic() - began
        with self._lock:
            self.done.append(task)
            self._told(task)
        return task.ok

    def _clear(self, cloud):
        try:
            cloud.clear()
            left = invariants.broken(invariants.GONE, cloud)
        except Exception as err:
            left = ['%s: %s' % (type(err).__name__, err)]
        with self._lock:
            self.left += left

    def result(self):
        """The promised object."""
        broken = [point for point in self.done if not point.ok]
        found = {'operations': self.names, 'points': len(self.done),
                 'broken': len(broken) + len(self.left),
                 'list': [point.shown() for point in self.done]}
        return dict(found, left=self.left) if self.left else found


def run(parents, folder, workers=3, **options):
    """The object that --json prints; parameters as of :class:`Run`."""
    made = Run(parents, folder, **options)
    made.run(workers)
    return made.result()


@contextlib.contextmanager
def started():
    """The parents of all processes, and a folder for what they keep."""
    with tempfile.TemporaryDirectory(prefix='zvm-crashpoints-') as folder, \
            clouds.Parents(folder) as parents:
        yield parents, pathlib.Path(folder)


def _arguments():
    parser = argparse.ArgumentParser(
        prog='tools/crashpoints', description='Kill cinder-volume and '
        'nova-compute at every request of every operation, start them anew '
        'and check what is left.')
    parser.add_argument('--json', action='store_true',
                        help='print one JSON object and nothing else')
    parser.add_argument('--sabotage', action='store_true',
                        help='without sweeps and with one write of the '
                        'ledger behind its step: must find something')
    parser.add_argument('--operation', action='append', metavar='NAME',
                        choices=list(operations.ALL),
                        help='only this one; may be repeated: '
                        + ', '.join(operations.ALL))
    parser.add_argument('--moment', action='append', choices=kill.MOMENTS,
                        help='only this one; may be repeated')
    parser.add_argument('--workers', type=int, default=3)
    return parser.parse_args()


def _tell(point):
    print('%-13s %2d %-6s %-40s %5.1f s  %s' % (
        point.operation, point.k, point.moment, point.request, point.seconds,
        'ok' if point.ok else point.violations), file=sys.stderr, flush=True)


def main():
    """The exit status: 0 when sabotage, and only it, has broken something."""
    arguments = _arguments()
    # so that what has been started ends too
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(1))
    began = time.monotonic()
    with started() as (parents, folder):
        found = run(parents, folder, arguments.workers,
                    names=arguments.operation, moments=arguments.moment,
                    sabotaged=arguments.sabotage, told=_tell)
    if arguments.json:
        print(json.dumps(found))
    else:
        print('%d operations, %d points, %d broken, %d s' % (
            len(found['operations']), found['points'], found['broken'],
            time.monotonic() - began))
    return 0 if bool(found['broken']) == arguments.sabotage else 1


if __name__ == '__main__':
    sys.exit(main())
