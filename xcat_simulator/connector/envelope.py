# SPDX-License-Identifier: Apache-2.0
"""The connector's answers: one JSON object around every output."""

from xcat_simulator import httpd

BAD_REQUEST, MISSING, CONFLICT, FAILED = 400, 404, 409, 300
# The connector's own number of the module that refused: sdkwsgi.
MODULE = 120


class Refusal(Exception):
    """An error: `code` becomes overallRC, which the Nova driver reads.

    `module` and `reason` are the SDK's numbers, modID and rs.
    """

    def __init__(self, code, message, module=MODULE, reason=1):
        super().__init__(message)
        self.code = code
        self.module = module
        self.reason = reason


def success(output):
    return httpd.Response.json({'overallRC': 0, 'modID': None, 'rc': 0,
                                'rs': 0, 'errmsg': '', 'output': output})


def failure(refusal):
    status = refusal.code if refusal.code >= 400 else 500
    return httpd.Response.json(
        {'overallRC': refusal.code, 'modID': refusal.module,
         'rc': refusal.code, 'rs': refusal.reason, 'errmsg': str(refusal),
         'output': ''}, status)


def part(body, key, kind):
    """body[key] of that type, else a Refusal."""
    value = body.get(key) if isinstance(body, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise Refusal(BAD_REQUEST, 'Invalid input for field %s' % key)
    return value
