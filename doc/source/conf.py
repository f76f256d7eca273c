# SPDX-License-Identifier: Apache-2.0
"""Sphinx configuration of the manual."""

extensions = ['oslo_config.sphinxext']

project = 'zvm-volume'
copyright = '2026, the zvm-volume authors'
root_doc = 'index'
nitpicky = False
html_theme = 'alabaster'
html_theme_options = {
    'description': 'Block storage for OpenStack on IBM z/VM',
    'page_width': '72em',
}
html_sidebars = {'**': ['about.html', 'searchfield.html', 'navigation.html']}
# "--zfcppool" is an option, no dash.
smartquotes = False
