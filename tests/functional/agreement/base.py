# SPDX-License-Identifier: Apache-2.0
"""Stories: a few steps on a few lines, each also told by the model."""

import uuid

import testtools

from tests.functional.agreement import both
from tests.functional.agreement import model
from tests.functional.agreement import stage

W1, W2 = stage.PORTS
L0, L1, L2, L3 = stage.LUNS[:4]
RANGE = '3B00-3B0F;3C00-3C0F'
DONE = 'FCP device 0x%s/0x%s was reserved... Done'


def volume(number=1):
    return str(uuid.UUID(int=(0xABC0 << 112) + number, version=4))


def line(lun=L0, wwpn=W1, size='1G', status='free', owner='', channel='',
         tag='', ranges=RANGE):
    return ','.join((status, wwpn, lun, size, ranges, owner, channel, tag))


class Story(testtools.TestCase):
    """`self.both` takes steps on `self.lay(zpool1=[line, ...])`.

    One simulator serves all stories of a class. Whatever a story asserts by
    itself, files, listings and views are compared with the model at its end.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stage = stage.Stage()
        cls.stage.__enter__()
        cls.addClassCleanup(cls.stage.__exit__)

    def lay(self, **files):
        self.both = both.Both(self.stage, files)
        self.addCleanup(self.stage.end_jobs)
        self.addCleanup(self.both.check)
        self.both.check()
        return self.both

    def lines(self, pool='zpool1'):
        """The LUN lines of a file, which are as the model says."""
        self.both.check()
        return self.stage.texts()[pool].splitlines()[1:]

    def line(self, number=0, pool='zpool1'):
        """{column: text} of a line."""
        return model.columns(self.lines(pool)[number])

    def reserve(self, owner='vol-a', lun=L0, wwpn=W1, status='reserved',
                device='0', pool='zpool1'):
        """By name; returns the last text."""
        return self.both.change('--reservezfcp', pool, status, owner, device,
                                '1M', wwpn, lun)[-1][1]

    def release(self, lun=L0, wwpn=W1, pool='zpool1'):
        return self.both.change('--releasezfcp', pool, wwpn, lun)[-1][1]

    def state(self, number=0, pool='zpool1'):
        """(state, drift) that our program tells of a line."""
        row = self.both.view(pool)[number]
        return row.state, row.drift
