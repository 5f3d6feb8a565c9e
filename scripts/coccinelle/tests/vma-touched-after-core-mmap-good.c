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
	return vfio_pci_core_mmap_ranges(&gdev->core_device, vma, gdev->phys,
					 NULL, 2);
}

static int good_memory_mmap(struct good_device *gdev, struct vm_area_struct *vma)
{
	vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);
	vm_flags_set(vma, VM_ALLOW_ANY_UNCACHED);
	return vfio_pci_core_mmap_memory(&gdev->core_device, vma, &gdev->memory);
}

/* The core refuses, and then the VMA is the driver's. */
static int good_fallback_mmap(struct vfio_device *core_vdev,
			      struct vm_area_struct *vma)
{
	struct good_device *gdev = to_good(core_vdev);
	int ret;

	if (!good_inside(gdev, vma))
		return -EINVAL;
	ret = vfio_pci_core_mmap(core_vdev, vma);
	if (!ret) {
		good_note(gdev, vma);
		return 0;
	}
	if (ret != -EINVAL)
		return ret;

	vma->vm_private_data = gdev;
	vma->vm_ops = &good_vm_ops;
	vm_flags_set(vma, VM_IO | VM_PFNMAP);
	return 0;
}

static int good_other_mmap(struct vfio_device *core_vdev,
			   struct vm_area_struct *vma)
{
	int ret = vfio_pci_core_mmap(core_vdev, vma);

	if (ret) {
		vma->vm_private_data = NULL;
		return -ENXIO;
	}
	return 0;
}
