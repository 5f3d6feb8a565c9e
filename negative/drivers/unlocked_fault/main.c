// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test driver, wrong on purpose: its fault handler neither takes memory_lock nor
 * looks whether memory is enabled (rule V3), so that an access between zap and
 * unrevoke maps the page again and reaches the device.
 *
 * Rule: V3
 * Caught-by: verify: reads of the hammering thread while the device was touched
 * Caught-by: selftests
 * Caught-by: lint
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/vfio_pci_core.h>

static vm_fault_t unlocked_fault(struct vm_fault *vmf)
{
	unsigned long base = (unsigned long)vmf->vma->vm_private_data;

	return vmf_insert_pfn(vmf->vma, vmf->address,
			      base + linear_page_index(vmf->vma, vmf->address));
}

static const struct vm_operations_struct unlocked_vm_ops = {
	.fault = unlocked_fault,
};

static int unlocked_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	unsigned int bar = VFIO_PCI_OFFSET_TO_INDEX(offset);
	u64 len = vma->vm_end - vma->vm_start;

	if (bar >= PCI_STD_NUM_BARS || !(vma->vm_flags & VM_SHARED) ||
	    !vdev->bar_mmap_supported[bar] ||
	    (offset & VFIO_PCI_OFFSET_MASK) + len >
	    PAGE_ALIGN(pci_resource_len(vdev->pdev, bar)) ||
	    IS_ERR(vfio_pci_core_get_iomap(vdev, bar)))
		return -EINVAL;
	/* The PFN of a page minus its vm_pgoff */
	vma->vm_private_data = (void *)(PHYS_PFN(pci_resource_start(vdev->pdev, bar)) -
					PHYS_PFN(VFIO_PCI_INDEX_TO_OFFSET(bar)));
	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &unlocked_vm_ops;
	return 0;
}

#define vfio_pci_core_mmap	unlocked_mmap
#ifndef HOLD_NAME
#define HOLD_NAME		"unlocked_fault-vfio-pci"
#endif
#include "../../../selftests/drivers/hold/main.c"
