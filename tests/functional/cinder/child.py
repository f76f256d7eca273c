# SPDX-License-Identifier: Apache-2.0
"""Start a scenario as cinder-volume starts: patched for eventlet, or not.

OS_CINDER_DISABLE_EVENTLET_PATCHING decides, before anything else is imported.

    python -m tests.functional.cinder.child NAME '{"workdir": ...}'
"""

from cinder import monkey_patch


def main():
    monkey_patch.patch()
    from tests.functional.cinder import scenarios
    scenarios.main()


if __name__ == '__main__':
    main()
