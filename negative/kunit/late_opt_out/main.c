// SPDX-License-Identifier: GPL-2.0-only
/*
 * Negative sample, wrong on purpose: the first of the two review findings. The
 * flag is cleared after vfio_pci_core_register_device(), when a hot reset from
 * another device of the set may be looking at it.
 *
 * Expected to be caught: wrapper_opts_out_in_time, and the core's WARN (C5).
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

#define vfio_pci_core_register_device late_register
#include "../../../variants/wrapper/main.c"
