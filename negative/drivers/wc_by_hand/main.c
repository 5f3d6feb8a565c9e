// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test driver, wrong on purpose: tells user space that BAR 2 is write-combining,
 * and sets nothing but vm_page_prot. The core has reserved the BAR as uncached when
 * it was opened, so on x86 each PTE is uncached, and no call fails (rule C14).
 *
 * Rule: C14
 * Caught-by: selftests
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/mm.h>
#include <linux/vfio_pci_core.h>

#define WC_BAR	VFIO_PCI_BAR2_REGION_INDEX

static vm_fault_t wc_by_hand_fault(struct vm_fault *vmf)
{
	struct vfio_pci_core_device *vdev = vmf->vma->vm_private_data;
	unsigned long pgoff = vmf->pgoff &
		((1UL << (VFIO_PCI_OFFSET_SHIFT - PAGE_SHIFT)) - 1);
	vm_fault_t ret;

	ret = vfio_pci_core_fault_lock(vdev, vmf);
	if (ret)
		return ret;
	ret = vfio_pci_vmf_insert_pfn(vdev, vmf,
				      PHYS_PFN(pci_resource_start(vdev->pdev, WC_BAR)) + pgoff, 0);
	vfio_pci_core_fault_unlock(vdev);
	return ret;
}

static const struct vm_operations_struct wc_by_hand_vm_ops = {
	.fault = wc_by_hand_fault,
};

static int wc_by_hand_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 len = vma->vm_end - vma->vm_start;

	if (VFIO_PCI_OFFSET_TO_INDEX(offset) != WC_BAR)
		return vfio_pci_core_mmap(core_vdev, vma);
	if (!(vma->vm_flags & VM_SHARED) ||
	    (offset & VFIO_PCI_OFFSET_MASK) + len > pci_resource_len(vdev->pdev, WC_BAR))
		return -EINVAL;
	vma->vm_private_data = vdev;
	vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &wc_by_hand_vm_ops;
	return 0;
}

static int wc_by_hand_region_info(struct vfio_device *core_vdev, struct vfio_region_info *info,
				  struct vfio_info_cap *caps)
{
	DEFINE_FLEX(struct vfio_region_info_cap_write_combine, wc, areas, nr_areas, 1);
	int ret = vfio_pci_ioctl_get_region_info(core_vdev, info, caps);

	if (ret || info->index != WC_BAR || !info->size)
		return ret;
	wc->header.id = VFIO_REGION_INFO_CAP_WRITE_COMBINE;
	wc->header.version = 1;
	wc->areas[0].size = info->size;
	return vfio_info_add_capability(caps, &wc->header, struct_size(wc, areas, 1));
}

#define vfio_pci_core_mmap		wc_by_hand_mmap
#define vfio_pci_ioctl_get_region_info	wc_by_hand_region_info
#define HOLD_NAME			"wc_by_hand-vfio-pci"
#include "../../../selftests/drivers/hold/main.c"
