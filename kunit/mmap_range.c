// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mapping of a physical range of a driver's own. In a file of its own, so that
 * the suites can be built with the patches that come before memory types (make
 * bisect-check).
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include "vfio_pci_kunit.h"

/**
 * vpk_mmap_range() - map a region that is one physical range
 * @vdev: the device
 * @vma: as ->mmap() got it
 * @phys: the range, mapped with the memory type that was declared for it
 *
 * Return: as vfio_pci_core_mmap_ranges().
 */
int vpk_mmap_range(struct vfio_pci_core_device *vdev,
		   struct vm_area_struct *vma, const struct phys_vec *phys)
{
	return vfio_pci_core_mmap_ranges(vdev, vma, phys, NULL, 1);
}
