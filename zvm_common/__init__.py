# SPDX-License-Identifier: Apache-2.0
"""What the Cinder driver and the Nova extension share.

Imports neither cinder nor nova.
"""
