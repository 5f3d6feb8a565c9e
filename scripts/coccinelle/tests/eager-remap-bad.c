// SPDX-License-Identifier: GPL-2.0-only
/* Populates the VMA in .mmap, where no revocation sees it yet. */
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
