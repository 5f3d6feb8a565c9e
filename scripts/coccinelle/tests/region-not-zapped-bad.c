// SPDX-License-Identifier: GPL-2.0-only
/* Regions of the driver's own, behind those that the core zaps. */
static vm_fault_t bad_fault(struct vm_fault *vmf)
{
	struct bad_device *bdev = vmf->vma->vm_private_data;

	scoped_guard(rwsem_read, &bdev->core_device.memory_lock)
		return vfio_pci_vmf_insert_pfn(&bdev->core_device, vmf,	/* BAD: V3 */
					       bdev->pfn + vmf->pgoff, 0);
}

static const struct vm_operations_struct bad_vm_ops = {
	.fault = bad_fault,
};

static int bad_region_mmap(struct vfio_pci_core_device *vdev, struct vfio_pci_region *region,
			   struct vm_area_struct *vma)
{
	struct bad_device *bdev = to_bad(vdev);

	vma->vm_ops = &bad_vm_ops;
	return vfio_pci_core_remap_pfn_range(vdev, vma,		/* BAD: V3 */
					     bdev->pfn);
}

static const struct vfio_pci_regops bad_regops = {
	.rw = bad_rw,
	.mmap = bad_region_mmap,
};

static int bad_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	struct bad_device *bdev = to_bad(core_vdev);
	unsigned int index = vma->vm_pgoff >> (VFIO_PCI_OFFSET_SHIFT - PAGE_SHIFT);

	if (index >= VFIO_PCI_NUM_REGIONS) {
		vma->vm_ops = &bad_other_vm_ops;
		return vfio_pci_core_remap_pfn_range(&bdev->core_device, vma,	/* BAD: V3 */
						     bdev->pfn);
	}
	return vfio_pci_core_mmap(core_vdev, vma);
}

static int bad_short_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	struct bad_device *bdev = to_bad(core_vdev);
	unsigned int index = vma->vm_pgoff >> (VFIO_PCI_OFFSET_SHIFT - PAGE_SHIFT);

	if (index == VFIO_PCI_NUM_REGIONS)
		return vfio_pci_core_remap_pfn_range(&bdev->core_device, vma,	/* BAD: V3 */
						     bdev->pfn);
	return vfio_pci_core_mmap(core_vdev, vma);
}
