// SPDX-License-Identifier: GPL-2.0-only
/* A BAR by hand, which is zapped, and a region that has a DMABUF behind it. */
static vm_fault_t good_fault(struct vm_fault *vmf)
{
	struct good_device *gdev = vmf->vma->vm_private_data;

	scoped_guard(rwsem_read, &gdev->core_device.memory_lock)
		return vfio_pci_vmf_insert_pfn(&gdev->core_device, vmf, gdev->pfn + vmf->pgoff, 0);
}

static const struct vm_operations_struct good_vm_ops = {
	.fault = good_fault,
};

static int good_region_mmap(struct vfio_pci_core_device *vdev, struct vfio_pci_region *region,
			    struct vm_area_struct *vma)
{
	struct good_device *gdev = to_good(vdev);

	return vfio_pci_core_mmap_ranges(vdev, vma, gdev->phys, NULL, 2);
}

static const struct vfio_pci_regops good_regops = {
	.rw = good_rw,
	.mmap = good_region_mmap,
};

static int good_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	struct good_device *gdev = to_good(core_vdev);
	unsigned int index = vma->vm_pgoff >> (VFIO_PCI_OFFSET_SHIFT - PAGE_SHIFT);

	if (index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	if (index != gdev->bar)
		return vfio_pci_core_mmap(core_vdev, vma);
	vma->vm_ops = &good_vm_ops;
	return vfio_pci_core_remap_pfn_range(&gdev->core_device, vma, gdev->pfn);
}
