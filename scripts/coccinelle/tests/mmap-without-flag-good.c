// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps PFNs of its own, and says that zap_bars_on_revoke stays true because of
 * them. The other ops leave .mmap to the core.
 */
static int good_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	vma->vm_ops = &good_vm_ops;
	return 0;
}

static const struct vfio_device_ops good_ops = {
	.name	= "good-vfio-pci",
	.init	= vfio_pci_core_init_dev,
	.mmap	= good_mmap,
};

static const struct vfio_device_ops good_core_ops = {
	.name	= "good-vfio-pci-core",
	.init	= vfio_pci_core_init_dev,
	.mmap	= vfio_pci_core_mmap,
};
