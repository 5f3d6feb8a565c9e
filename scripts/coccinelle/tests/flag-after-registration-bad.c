// SPDX-License-Identifier: GPL-2.0-only
/* Each of the three writes is too late. */
static void bad_opt_out(struct bad_device *bdev)
{
	bdev->core_device.zap_bars_on_revoke = false;	/* BAD: C4 */
}

static int bad_open_device(struct vfio_device *core_vdev)
{
	struct vfio_pci_core_device *vdev = dev_get_drvdata(core_vdev->dev);

	vdev->zap_bars_on_revoke = 0;			/* BAD: C4 */
	return vfio_pci_core_enable(vdev);
}

static const struct vfio_device_ops bad_ops = {
	.name		= "bad-vfio-pci",
	.open_device	= bad_open_device,
	.mmap		= vfio_pci_core_mmap,
};

static int bad_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct bad_device *bdev;
	int ret;

	bdev = vfio_alloc_device(bad_device, core_device.vdev, &pdev->dev, &bad_ops);
	if (IS_ERR(bdev))
		return PTR_ERR(bdev);

	dev_set_drvdata(&pdev->dev, &bdev->core_device);
	ret = vfio_pci_core_register_device(&bdev->core_device);
	if (ret) {
		vfio_put_device(&bdev->core_device.vdev);
		return ret;
	}
	bdev->core_device.zap_bars_on_revoke = false;	/* BAD: C4 */
	bad_opt_out(bdev);
	return 0;
}
