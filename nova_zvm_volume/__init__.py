# SPDX-License-Identifier: Apache-2.0
"""Volumes for Nova's z/VM compute driver."""
