// SPDX-License-Identifier: GPL-2.0-only
/* All mappings are the core's. */
static int good_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	struct good_device *gdev = to_good(core_vdev);

	if (vma->vm_pgoff >> GOOD_SHIFT == GOOD_REGION)
		return vfio_pci_core_mmap_ranges(&gdev->core_device, vma,
						 gdev->phys, NULL, 2);
	return vfio_pci_core_mmap(core_vdev, vma);
}

static int good_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct good_device *gdev = good_alloc(pdev);

	gdev->core_device.zap_bars_on_revoke = false;
	return vfio_pci_core_register_device(&gdev->core_device);
}
