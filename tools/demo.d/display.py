# SPDX-License-Identifier: Apache-2.0
"""What a person sees of the demo while it runs, and at its end."""

import contextlib

from rich import console
from rich import markup
from rich import table


class Silent:
    """For --json: nothing is shown."""

    @contextlib.contextmanager
    def starting(self, what):
        yield

    running = starting

    def done(self, step):
        pass

    def end(self, done, before, after):
        pass


class Live:
    """Progress a line a step, then a table, the pool file and the ledger."""

    def __init__(self, to=None):
        self._console = to or console.Console(highlight=False,
                                              soft_wrap=True)

    @contextlib.contextmanager
    def starting(self, what):
        with self._console.status('Starting %s' % what):
            yield

    @contextlib.contextmanager
    def running(self, name):
        with self._console.status(markup.escape(name)):
            yield

    def done(self, step):
        self._console.print('%s %s: %s' % (
            _mark(step), markup.escape(step['name']),
            markup.escape(step['result'])))

    def end(self, done, before, after):
        rows = table.Table(title='The life of a volume')
        rows.add_column('Step')
        rows.add_column('Result')
        rows.add_column('Seconds', justify='right')
        # of the management node; the Cloud Connector's are not counted
        rows.add_column('MN requests', justify='right')
        for step in done:
            requests = step['requests']
            rows.add_row(markup.escape(step['name']), _mark(step),
                         '%.2f' % step['seconds'],
                         '?' if requests is None else str(requests))
        self._console.print(rows)
        for title, text in before.items():
            self._show('Before: ' + title, text)
        for title, text in after.items():
            self._show('After: ' + title, text)

    def _show(self, title, text):
        self._console.print('\n[bold]%s[/]' % title)
        self._console.print(markup.escape(text.strip() or '(empty)'))


def _mark(step):
    return '[green]ok[/]' if step['ok'] else '[red]FAILED[/]'
