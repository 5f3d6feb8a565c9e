// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test driver, wrong on purpose: region info cuts a BAR in half, and its area to
 * map is as long as the BAR was (rule C13).
 *
 * Rule: C13
 * Caught-by: verify: the area at 0x0 ends at
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/vfio_pci_core.h>

static int area_too_long_region_info(struct vfio_device *core_vdev, struct vfio_region_info *info,
				     struct vfio_info_cap *caps)
{
	DEFINE_FLEX(struct vfio_region_info_cap_sparse_mmap, sparse, areas, nr_areas, 1);
	int ret = vfio_pci_ioctl_get_region_info(core_vdev, info, caps);

	if (ret || info->index != VFIO_PCI_BAR0_REGION_INDEX || info->size < 2 * PAGE_SIZE)
		return ret;
	sparse->header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
	sparse->header.version = 1;
	sparse->areas[0].size = info->size;
	info->size /= 2;
	return vfio_info_add_capability(caps, &sparse->header, struct_size(sparse, areas, 1));
}

#define vfio_pci_ioctl_get_region_info	area_too_long_region_info
#define HOLD_NAME			"area_too_long-vfio-pci"
#include "../../../selftests/drivers/hold/main.c"
