// SPDX-License-Identifier: GPL-2.0-only
/* The core's helper populates the VMA when a revocation can see it. */
static int good_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	struct good_device *gdev = to_good(core_vdev);

	vma->vm_ops = &good_vm_ops;
	vfio_pci_core_remap_pfn_range(&gdev->core_device, vma, gdev->pfn);
	return 0;
}
