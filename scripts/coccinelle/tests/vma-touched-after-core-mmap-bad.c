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

	ret = vfio_pci_core_mmap_ranges(&bdev->core_device, vma, BAD_REGION,
					bdev->phys, NULL, 2);
	if (!ret)
		vma->vm_pgoff = pgoff;	/* BAD: V8 */
	return ret;
}
