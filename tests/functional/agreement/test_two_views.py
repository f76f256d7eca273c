# SPDX-License-Identifier: Apache-2.0
"""The MN's commands and our program agree on the same pool files."""

import os

import hypothesis
from hypothesis import stateful
import testtools

from tests.functional.agreement import machine
from tests.functional.agreement import stage

#: Of a run; a soak sets more examples, and looks for the shortest failure
EXAMPLES = int(os.environ.get('ZVM_TWO_VIEWS_EXAMPLES', '20'))
STEPS = int(os.environ.get('ZVM_TWO_VIEWS_STEPS', '14'))
SOAK = 'ZVM_TWO_VIEWS_EXAMPLES' in os.environ
# A run is the same each time, a soak is not. To shorten a failure takes
# minutes, to explain it hours.
PHASES = [hypothesis.Phase.reuse, hypothesis.Phase.generate] + [
    hypothesis.Phase.shrink] * SOAK


class TwoViewsTest(testtools.TestCase):

    def test_each_sees_the_others_effects(self):
        with stage.Stage(stock=4 * stage.MOST) as running:

            class Machine(machine.TwoViews):
                stage = running

            stateful.run_state_machine_as_test(
                Machine, settings=hypothesis.settings(
                    max_examples=EXAMPLES, stateful_step_count=STEPS,
                    deadline=None, phases=PHASES, derandomize=not SOAK,
                    suppress_health_check=list(hypothesis.HealthCheck)))
