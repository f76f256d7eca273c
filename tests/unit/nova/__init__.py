# SPDX-License-Identifier: Apache-2.0
import os

# As nova-compute runs by default: native threads, where nova.test would
# patch eventlet in.
os.environ.setdefault('OS_NOVA_DISABLE_EVENTLET_PATCHING', 'true')
