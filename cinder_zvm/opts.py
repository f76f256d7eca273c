# SPDX-License-Identifier: Apache-2.0
"""Options of a back-end's section, also for sample files."""

from cinder.volume import configuration

from zvm_common import conf


def backend_opts():
    """All options of a back-end, as oslo.config objects."""
    return conf.common_opts + conf.cinder_opts


def list_opts():
    """For oslo.config.opts: options that any back-end's section may have."""
    return [(configuration.SHARED_CONF_GROUP, backend_opts())]
