# SPDX-License-Identifier: Apache-2.0
"""Races: processes, foreign writers, and the truth afterwards."""
