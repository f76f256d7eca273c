# SPDX-License-Identifier: Apache-2.0
"""Options of Nova's ``[zvm]`` section that this extension adds.

They stand beside those of the in-tree driver (``cloud_connector_url``,
``ca_file``, ``image_tmp_path``, ``reachable_timeout``); no name is shared.
"""

from zvm_common import conf

GROUP = 'zvm'


def zvm_opts():
    """The options, as Cinder's back-end sections have them too."""
    return conf.common_opts + conf.nova_opts


def register(config):
    """Add the options to Nova's global configuration; may be repeated."""
    config.register_opts(zvm_opts(), group=GROUP)


def list_opts():
    """For oslo-config-generator."""
    return [(GROUP, zvm_opts())]
