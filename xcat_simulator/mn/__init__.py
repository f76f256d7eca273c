# SPDX-License-Identifier: Apache-2.0
"""The management node: REST (wsapi), xcatd (daemon), its commands.

As on a real MN the web part turns a request into an xCAT command, and the
daemon authenticates, checks the policy, expands the noderange and runs it.
"""
