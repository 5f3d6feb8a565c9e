// SPDX-License-Identifier: GPL-2.0-only
/* Wants to hear of faults, and takes the core's vm_ops from it for that. */
static int bad_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	int ret;

	ret = vfio_pci_core_mmap(core_vdev, vma);
	if (ret)
		return ret;

	vma->vm_private_data = to_bad(core_vdev);	/* BAD: V8 */
	vma->vm_ops = &bad_vm_ops;	/* BAD: V8 */
	return 0;
}

static int bad_ranges_mmap(struct bad_device *bdev, struct vm_area_struct *vma)
{
	unsigned long pgoff = vma->vm_pgoff;
	int ret;

	ret = vfio_pci_core_mmap_ranges(&bdev->core_device, vma, bdev->phys,
					NULL, 2);
	if (!ret)
		vma->vm_pgoff = pgoff;	/* BAD: V8 */
	return ret;
}

/* The protection of memory is the driver's choice, before the call. */
static int bad_memory_mmap(struct bad_device *bdev, struct vm_area_struct *vma)
{
	int ret;

	ret = vfio_pci_core_mmap_memory(&bdev->core_device, vma, &bdev->memory);
	if (ret)
		return ret;

	vm_flags_set(vma, VM_ALLOW_ANY_UNCACHED);	/* BAD: V8 */
	return 0;
}

/* Write-combining has to be asked of the core. */
static int bad_wc_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	int ret = vfio_pci_core_mmap(core_vdev, vma);

	if (ret < 0)
		return ret;
	vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);	/* BAD: V8 */
	vm_flags_clear(vma, VM_DONTEXPAND);	/* BAD: V8 */
	return 0;
}

/* By functions of its own, in front of the core's and behind it. */
static int bad_map_bar(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	if (!bad_bar(core_vdev, vma))
		return -EINVAL;
	return vfio_pci_core_mmap(core_vdev, vma);
}

static void bad_watch(struct bad_device *bdev, struct vm_area_struct *vma)
{
	bdev->core_vm_ops = vma->vm_ops;
	vma->vm_ops = &bad_vm_ops;
}

static int bad_watched_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	int ret;

	ret = bad_map_bar(core_vdev, vma);
	if (ret)
		return ret;
	bad_watch(to_bad(core_vdev), vma);	/* BAD: V8 */
	return 0;
}

/* What can fail comes too late. */
static int bad_late_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	struct bad_device *bdev = to_bad(core_vdev);
	int ret;

	ret = vfio_pci_core_mmap(core_vdev, vma);
	if (ret)
		return ret;
	if (bdev->nr_mappings == BAD_MAX)
		return -ENOSPC;			/* BAD: V8 */
	ret = bad_note(bdev);
	if (ret)
		return ret;			/* BAD: V8 */
	return 0;
}

static int bad_short_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	if (bad_watched(core_vdev)) {
		if (!vfio_pci_core_mmap(core_vdev, vma))
			vma->vm_ops = &bad_vm_ops;	/* BAD: V8 */
		return 0;
	}
	if (vfio_pci_core_mmap(core_vdev, vma))
		return -EINVAL;
	vma->vm_pgoff += 1;			/* BAD: V8 */
	return 0;
}
