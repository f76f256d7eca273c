# SPDX-License-Identifier: Apache-2.0
"""A z/VM xCAT management node with its zHCPs and guests, for tests.

It answers as the recordings of a real management node do and shares no code
with the drivers, so that their agreement proves something.
"""
