// SPDX-License-Identifier: GPL-2.0-only
/* One BAR is mapped by hand, and the others are left to the core. */
static int good_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	struct good_device *gdev = to_good(core_vdev);
	int ret;

	if (vma->vm_pgoff >> GOOD_SHIFT != GOOD_BAR) {
		ret = vfio_pci_core_mmap(core_vdev, vma);
		if (!ret)
			gdev->mapped++;
		return ret;
	}

	vma->vm_private_data = gdev;
	vma->vm_ops = &good_vm_ops;
	return 0;
}

/* The offset is changed before the core has seen it. */
static int good_ranges_mmap(struct good_device *gdev,
			    struct vm_area_struct *vma)
{
	vma->vm_pgoff += gdev->pgoff;
	return vfio_pci_core_mmap_ranges(&gdev->core_device, vma, GOOD_REGION,
					 gdev->phys, NULL, 2);
}
