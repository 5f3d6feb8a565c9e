// SPDX-License-Identifier: GPL-2.0-only
/* Nobody can tell whether its author has thought of the flag. */
static int bad_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	if (bad_hides(core_vdev, vma))
		return -EINVAL;
	return vfio_pci_core_mmap(core_vdev, vma);
}

static const struct vfio_device_ops bad_ops = {	/* BAD: C4 */
	.name	= "bad-vfio-pci",
	.init	= vfio_pci_core_init_dev,
	.mmap	= bad_mmap,
};
