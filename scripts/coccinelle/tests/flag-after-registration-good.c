// SPDX-License-Identifier: GPL-2.0-only
/* Written before the registration, directly and by a helper. */
static void good_opt_out(struct good_device *gdev)
{
	gdev->core_device.zap_bars_on_revoke = false;
}

static int good_init(struct vfio_device *core_vdev)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);
	int ret = vfio_pci_core_init_dev(core_vdev);

	vdev->zap_bars_on_revoke = false;
	return ret;
}

static const struct vfio_device_ops good_ops = {
	.name		= "good-vfio-pci",
	.init		= good_init,
	.mmap		= good_mmap,
};

static int good_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct good_device *gdev;
	int ret;

	gdev = vfio_alloc_device(good_device, core_device.vdev, &pdev->dev, &good_ops);
	if (IS_ERR(gdev))
		return PTR_ERR(gdev);

	gdev->core_device.zap_bars_on_revoke = false;
	good_opt_out(gdev);
	dev_set_drvdata(&pdev->dev, &gdev->core_device);
	ret = vfio_pci_core_register_device(&gdev->core_device);
	if (ret)
		vfio_put_device(&gdev->core_device.vdev);
	return ret;
}
