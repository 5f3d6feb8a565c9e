// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test driver, wrong on purpose: its mmap takes memory_lock, with mmap_lock held
 * (rule C2), as a core does that puts a new DMABUF on vdev->dmabufs there. With
 * a read that holds memory_lock over its user copy, and a writer queued behind
 * it, that is a deadlock of three threads.
 *
 * Rule: C2
 * Caught-by: selftests
 * Caught-by: lint
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/vfio_pci_core.h>

static int naive_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);
	int ret = vfio_pci_core_mmap(core_vdev, vma);

	/* The VMA is complete by now; all that is left is the list */
	down_write(&vdev->memory_lock);
	up_write(&vdev->memory_lock);
	return ret;
}

#define vfio_pci_core_mmap	naive_mmap
#define HOLD_NAME		"naive_mmap-vfio-pci"
#include "../../../selftests/drivers/hold/main.c"
