# SPDX-License-Identifier: Apache-2.0
"""Simulated command line tools of a node."""
