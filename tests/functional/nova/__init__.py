# SPDX-License-Identifier: Apache-2.0
# As nova-compute runs by default: native threads, where nova.test would have
# eventlet patched in. Has to come before anything else of Nova.
import os

os.environ.setdefault('OS_NOVA_DISABLE_EVENTLET_PATCHING', 'true')

from nova import monkey_patch  # noqa: E402

monkey_patch.patch()

from tests import shortlived  # noqa: E402

shortlived.prepare()
