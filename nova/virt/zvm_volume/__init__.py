# SPDX-License-Identifier: Apache-2.0
# Nova loads drivers from its own package only: compute_driver =
# zvm_volume.ZVMVolumeDriver finds this file in the same site-packages.
from nova_zvm_volume.virt.zvm.driver import ZVMVolumeDriver  # noqa: F401
