// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test driver, wrong on purpose: region info shows BAR 0 without WRITE. The core
 * holds mappings and exports to that; .write is the core's, and writes (rule C13).
 *
 * Rule: C13
 * Caught-by: verify: it can be written by write
 * Caught-by: lint
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/vfio_pci_core.h>

static int written_by_write_region_info(struct vfio_device *core_vdev,
					struct vfio_region_info *info, struct vfio_info_cap *caps)
{
	int ret = vfio_pci_ioctl_get_region_info(core_vdev, info, caps);

	if (!ret && info->index == VFIO_PCI_BAR0_REGION_INDEX)
		info->flags &= ~VFIO_REGION_INFO_FLAG_WRITE;
	return ret;
}

#define vfio_pci_ioctl_get_region_info	written_by_write_region_info
#define HOLD_NAME			"written_by_write-vfio-pci"
#include "../../../selftests/drivers/hold/main.c"
