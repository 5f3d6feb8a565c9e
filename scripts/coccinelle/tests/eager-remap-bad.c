// SPDX-License-Identifier: GPL-2.0-only
/*
 * Populates the VMA in .mmap, where no revocation sees it yet; and in .fault,
 * where remap_pfn_range() is not allowed.
 */
static int bad_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	struct bad_device *bdev = to_bad(core_vdev);
	int ret;

	vma->vm_ops = &bad_vm_ops;
	down_read(&bdev->core_device.memory_lock);
	ret = remap_pfn_range(vma, vma->vm_start, bdev->pfn,		/* BAD: V4 */
			      vma->vm_end - vma->vm_start, vma->vm_page_prot);
	up_read(&bdev->core_device.memory_lock);
	return ret;
}

static int bad_other_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	struct bad_device *bdev = to_bad(core_vdev);

	return io_remap_pfn_range(vma, vma->vm_start, bdev->pfn,	/* BAD: V4 */
				  vma->vm_end - vma->vm_start, vma->vm_page_prot);
}

/* Reached through a table of the driver's own. */
static int bad_gen2_map(struct bad_device *bdev, struct vm_area_struct *vma)
{
	return vm_iomap_memory(vma, bdev->phys, bdev->size);		/* BAD: V4 */
}

static const struct bad_hw bad_gen2 = {
	.map	= bad_gen2_map,
};

static int bad_hw_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	struct bad_device *bdev = to_bad(core_vdev);

	return bdev->hw->map(bdev, vma);
}

/* In a fault handler, and in what it calls. */
static int bad_insert(struct bad_device *bdev, struct vm_area_struct *vma)
{
	return io_remap_pfn_range(vma, vma->vm_start, bdev->pfn,	/* BAD: V3 */
				  vma->vm_end - vma->vm_start, vma->vm_page_prot);
}

static vm_fault_t bad_fault(struct vm_fault *vmf)
{
	struct bad_device *bdev = vmf->vma->vm_private_data;

	if (bdev->whole)
		return bad_insert(bdev, vmf->vma) ? VM_FAULT_SIGBUS : VM_FAULT_NOPAGE;
	if (remap_pfn_range(vmf->vma, vmf->address, bdev->pfn,		/* BAD: V3 */
			    PAGE_SIZE, vmf->vma->vm_page_prot))
		return VM_FAULT_SIGBUS;
	return VM_FAULT_NOPAGE;
}

static const struct vm_operations_struct bad_vm_ops = {
	.fault	= bad_fault,
};

static const struct vfio_device_ops bad_ops = {
	.mmap	= bad_mmap,
};

static const struct vfio_device_ops bad_other_ops = {
	.mmap	= bad_other_mmap,
};

static const struct vfio_device_ops bad_hw_ops = {
	.mmap	= bad_hw_mmap,
};
