# SPDX-License-Identifier: Apache-2.0
"""Options of a back-end's section, also for sample files.

Imports nothing of Cinder: the manual lists the options without it.
"""

from zvm_common import conf

# cinder.volume.configuration.SHARED_CONF_GROUP
GROUP = 'backend_defaults'


def backend_opts():
    """All options of a back-end, as oslo.config objects."""
    return conf.common_opts + conf.cinder_opts


def list_opts():
    """For oslo.config.opts: options that any back-end's section may have."""
    return [(GROUP, backend_opts())]
