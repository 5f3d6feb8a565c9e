// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test driver, wrong on purpose: region info shows BAR 0 without WRITE, and .mmap,
 * which maps it by hand, lets it be mapped for writing all the same (rule C13).
 *
 * Rule: C13
 * Caught-by: verify: its first page can be mapped for writing
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/vfio_pci_core.h>

#define BAR	VFIO_PCI_BAR0_REGION_INDEX

static vm_fault_t writable_fault(struct vm_fault *vmf)
{
	struct vfio_pci_core_device *vdev = vmf->vma->vm_private_data;
	unsigned long pgoff = linear_page_index(vmf->vma, vmf->address);
	vm_fault_t ret;

	ret = vfio_pci_core_fault_lock(vdev, vmf);
	if (ret)
		return ret;
	ret = vfio_pci_vmf_insert_pfn(vdev, vmf,
				      PHYS_PFN(pci_resource_start(vdev->pdev, BAR)) + pgoff, 0);
	vfio_pci_core_fault_unlock(vdev);
	return ret;
}

static const struct vm_operations_struct writable_vm_ops = {
	.fault = writable_fault,
};

static int writable_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 len = vma->vm_end - vma->vm_start;

	if (VFIO_PCI_OFFSET_TO_INDEX(offset) != BAR)
		return vfio_pci_core_mmap(core_vdev, vma);
	if (!(vma->vm_flags & VM_SHARED) || !vdev->bar_mmap_supported[BAR] ||
	    offset + len > pci_resource_len(vdev->pdev, BAR) ||
	    IS_ERR(vfio_pci_core_get_iomap(vdev, BAR)))
		return -EINVAL;
	vma->vm_private_data = vdev;
	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &writable_vm_ops;
	return 0;
}

static int writable_region_info(struct vfio_device *core_vdev, struct vfio_region_info *info,
				struct vfio_info_cap *caps)
{
	int ret = vfio_pci_ioctl_get_region_info(core_vdev, info, caps);

	if (!ret && info->index == BAR)
		info->flags &= ~VFIO_REGION_INFO_FLAG_WRITE;
	return ret;
}

static ssize_t writable_write(struct vfio_device *core_vdev, const char __user *buf, size_t count,
			      loff_t *ppos)
{
	if (VFIO_PCI_OFFSET_TO_INDEX(*ppos) == BAR)
		return -EINVAL;
	return vfio_pci_core_write(core_vdev, buf, count, ppos);
}

#define vfio_pci_core_mmap		writable_mmap
#define vfio_pci_ioctl_get_region_info	writable_region_info
#define vfio_pci_core_write		writable_write
#define HOLD_NAME			"writable_by_hand-vfio-pci"
#include "../../../selftests/drivers/hold/main.c"
