# SPDX-License-Identifier: Apache-2.0
"""The Cinder driver for SCSI pools of z/VM."""
