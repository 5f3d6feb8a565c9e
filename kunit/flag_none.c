// SPDX-License-Identifier: GPL-2.0-only
/*
 * A core without zap_bars_on_revoke yet, see flag.c: always zapped. What else is
 * new in the device is not looked at.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include "vfio_pci_kunit.h"

bool vpk_flag(const struct vfio_pci_core_device *vdev)
{
	return true;
}

void vpk_set_flag(struct vfio_pci_core_device *vdev, bool on)
{
}

bool vpk_bufs_locked(struct vfio_pci_core_device *vdev)
{
	return false;
}
