# SPDX-License-Identifier: Apache-2.0
"""The z/VM Cloud Connector of an LPAR, as nova.virt.zvm asks it."""

from xcat_simulator.connector.application import Application
from xcat_simulator.connector.application import ROOTS

__all__ = ['Application', 'ROOTS']
