# SPDX-License-Identifier: Apache-2.0
"""Sphinx configuration of the release notes."""

extensions = ['reno.sphinxext']

project = 'zvm-volume release notes'
copyright = '2026, the zvm-volume authors'
root_doc = 'index'
html_theme = 'alabaster'
