// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test driver, wrong on purpose: region info shows two areas of each BAR with a
 * page between them, and neither mmap() nor the export of a DMABUF knows of it
 * (rule V2).
 *
 * Rule: V2
 * Caught-by: verify: region 0 at 0x1000, in none of its areas, can be
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/vfio_pci_core.h>

static int open_hole_region_info(struct vfio_device *core_vdev, struct vfio_region_info *info,
				 struct vfio_info_cap *caps)
{
	DEFINE_FLEX(struct vfio_region_info_cap_sparse_mmap, sparse, areas, nr_areas, 2);
	int ret = vfio_pci_ioctl_get_region_info(core_vdev, info, caps);

	if (ret || !(info->flags & VFIO_REGION_INFO_FLAG_MMAP) || info->size < 4 * PAGE_SIZE)
		return ret;
	sparse->header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
	sparse->header.version = 1;
	sparse->areas[0].size = PAGE_SIZE;
	sparse->areas[1].offset = 2 * PAGE_SIZE;
	sparse->areas[1].size = info->size - 2 * PAGE_SIZE;
	return vfio_info_add_capability(caps, &sparse->header, struct_size(sparse, areas, 2));
}

#define vfio_pci_ioctl_get_region_info	open_hole_region_info
#define HOLD_NAME			"open_hole-vfio-pci"
#include "../../../selftests/drivers/hold/main.c"
