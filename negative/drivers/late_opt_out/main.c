// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test driver, wrong on purpose: zap_bars_on_revoke is cleared after
 * vfio_pci_core_register_device() (rule C4), when a hot reset from another device
 * of the set may be looking at it.
 *
 * Expected to be caught: the core's own WARN (C5), which verify reports.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/vfio_pci_core.h>

static int late_register(struct vfio_pci_core_device *vdev)
{
	int ret;

	vdev->zap_bars_on_revoke = true;
	ret = vfio_pci_core_register_device(vdev);
	if (!ret)
		vdev->zap_bars_on_revoke = false;
	return ret;
}

#define vfio_pci_core_register_device	late_register
#define HOLD_NAME			"late_opt_out-vfio-pci"
#include "../../../selftests/drivers/hold/main.c"
