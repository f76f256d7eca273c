# SPDX-License-Identifier: Apache-2.0
"""Client of the REST interface of an xCAT management node (MN).

session (HTTPS) -> reply (envelope to values or exceptions) -> hypervisor,
guest.
"""
