# SPDX-License-Identifier: Apache-2.0
"""The other end of side.Side, for the scripts that run under another Python.

Standard library only.
"""

import json
import os
import sys


def serve(start):
    """Answer requests with the methods of what start(description) returns."""
    # whatever a library prints goes to the log, not between the answers
    answers = os.fdopen(os.dup(1), 'w', buffering=1)
    os.dup2(2, 1)
    target = None
    for line in sys.stdin:
        message = json.loads(line)
        try:
            if target is None:
                target = start(message)
                result = None
            else:
                result = getattr(target, message['do'])(**message['with'])
            answer = {'result': result}
        except Exception as error:
            import traceback
            traceback.print_exc()
            answer = {'error': '%s: %s' % (type(error).__name__, error)}
        print(json.dumps(answer), file=answers)
