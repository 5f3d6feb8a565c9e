// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test driver, wrong on purpose: opts out of the zap of the device's
 * address_space in time, and maps by PFN there all the same (rule V3).
 *
 * Rule: V3
 * Caught-by: verify: BAR mapped in the device's address_space without zap_bars_on_revoke
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/vfio_pci_core.h>

static int opted_out_register(struct vfio_pci_core_device *vdev)
{
	vdev->zap_bars_on_revoke = false;
	return vfio_pci_core_register_device(vdev);
}

#define vfio_pci_core_register_device	opted_out_register
#define HOLD_NAME			"opted_out-vfio-pci"
#include "../unlocked_fault/main.c"
