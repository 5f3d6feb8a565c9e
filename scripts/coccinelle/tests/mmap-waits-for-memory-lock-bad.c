// SPDX-License-Identifier: GPL-2.0-only
/* Looks at the device under memory_lock, in .mmap and in what it calls. */
static int bad_populate(struct bad_device *bdev, struct vm_area_struct *vma)
{
	int ret = 0;

	scoped_guard(rwsem_read, &bdev->core_device.memory_lock) {	/* BAD: C2 */
		if (!__vfio_pci_memory_enabled(&bdev->core_device))
			return -EIO;
		ret = bad_note(bdev, vma);
	}
	return ret;
}

static int bad_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	struct bad_device *bdev = to_bad(core_vdev);
	int ret;

	down_read(&bdev->core_device.memory_lock);	/* BAD: C2 */
	ret = bad_populate(bdev, vma);
	up_read(&bdev->core_device.memory_lock);
	return ret;
}

static int bad_other_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	struct vfio_pci_core_device *vdev = bad_core(core_vdev);

	guard(rwsem_write)(&vdev->memory_lock);		/* BAD: C2 */
	return bad_note(vdev, vma);
}
