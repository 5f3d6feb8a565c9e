// SPDX-License-Identifier: GPL-2.0-only
/*
 * A variant driver with a helper that is a device of its own, in egm.c. The
 * user of the VFIO device gets mappings from the core alone, so the driver opts
 * out of the zap.
 */
static int good_open_device(struct vfio_device *core_vdev)
{
	struct good_device *gdev = to_good(core_vdev);
	int ret;

	ret = vfio_pci_core_enable(&gdev->core_device);
	if (ret)
		return ret;
	/* The helper's device file is there while the VFIO device is open. */
	ret = good_egm_add(&gdev->egm);
	if (ret) {
		vfio_pci_core_disable(&gdev->core_device);
		return ret;
	}
	vfio_pci_core_finish_enable(&gdev->core_device);
	return 0;
}

static int good_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	struct good_device *gdev = to_good(core_vdev);

	if (good_index(vma) == GOOD_REGION)
		return vfio_pci_core_mmap_ranges(&gdev->core_device, vma,
						 gdev->phys, NULL, 1);
	return vfio_pci_core_mmap(core_vdev, vma);
}

static const struct vfio_device_ops good_ops = {
	.name			= "good-vfio-pci",
	.init			= vfio_pci_core_init_dev,
	.open_device		= good_open_device,
	.close_device		= good_close_device,
	.ioctl			= vfio_pci_core_ioctl,
	.get_region_info_caps	= vfio_pci_ioctl_get_region_info,
	.read			= vfio_pci_core_read,
	.write			= vfio_pci_core_write,
	.mmap			= good_mmap,
};

static int good_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct good_device *gdev;
	int ret;

	gdev = vfio_alloc_device(good_device, core_device.vdev, &pdev->dev, &good_ops);
	if (IS_ERR(gdev))
		return PTR_ERR(gdev);

	gdev->core_device.pci_ops = &good_pci_ops;
	gdev->core_device.zap_bars_on_revoke = false;
	dev_set_drvdata(&pdev->dev, &gdev->core_device);
	ret = vfio_pci_core_register_device(&gdev->core_device);
	if (ret)
		vfio_put_device(&gdev->core_device.vdev);
	return ret;
}

static struct pci_driver good_driver = {
	.name		= "good-vfio-pci",
	.id_table	= good_table,
	.probe		= good_probe,
	.remove		= good_remove,
	.err_handler	= &vfio_pci_core_err_handlers,
};
