// SPDX-License-Identifier: GPL-2.0-only
/*
 * A core whose vfio_pci_core_mmap_ranges() knows no memory types yet, see
 * mmap_range.c.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include "vfio_pci_kunit.h"

int vpk_mmap_range(struct vfio_pci_core_device *vdev,
		   struct vm_area_struct *vma, const struct phys_vec *phys)
{
	return vfio_pci_core_mmap_ranges(vdev, vma, phys, 1);
}
