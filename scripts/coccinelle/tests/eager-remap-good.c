// SPDX-License-Identifier: GPL-2.0-only
/* The core's helper populates the VMA when a revocation can see it. */
static int good_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	struct good_device *gdev = to_good(core_vdev);

	vma->vm_ops = &good_vm_ops;
	vfio_pci_core_remap_pfn_range(&gdev->core_device, vma, gdev->pfn);
	return 0;
}

static const struct vfio_device_ops good_ops = {
	.mmap	= good_mmap,
};

/* Another device of the driver, with an address_space of its own. */
static int good_helper_mmap(struct file *file, struct vm_area_struct *vma)
{
	return remap_pfn_range(vma, vma->vm_start, good_helper_pfn(file),
			       vma->vm_end - vma->vm_start, vma->vm_page_prot);
}

static const struct file_operations good_helper_fops = {
	.mmap	= good_helper_mmap,
};
