// SPDX-License-Identifier: GPL-2.0-only
/* Handlers that forget the core: in the table, in a function, on one path. */
static void bad_reset_done(struct pci_dev *pdev)
{
	bad_restart(pci_get_drvdata(pdev));
}

static void bad_reset_prepare(struct pci_dev *pdev)	/* BAD: V7 */
{
	struct bad_device *bdev = pci_get_drvdata(pdev);

	if (!bdev->migration)
		return;
	vfio_pci_core_reset_prepare(pdev);
	bad_stop(bdev);
}

static void bad_resume(struct pci_dev *pdev)		/* BAD: V7 */
{
	struct bad_device *bdev = pci_get_drvdata(pdev);

	if (bad_restart(bdev) == 0)
		vfio_pci_core_resume(pdev);
}

static const struct pci_error_handlers bad_handlers = {
	.error_detected	= vfio_pci_core_aer_err_detected,
	.reset_prepare	= bad_reset_prepare,
	.reset_done	= bad_reset_done,		/* BAD: V7 */
	.resume		= bad_resume,
};

/* What a driver had before the core knew of resets by others. */
static const struct pci_error_handlers bad_old_handlers = {	/* BAD: V7 */
	.error_detected	= vfio_pci_core_aer_err_detected,
	.slot_reset	= bad_slot_reset,		/* BAD: V7 */
};

static int bad_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct bad_device *bdev = bad_alloc(pdev);

	return vfio_pci_core_register_device(&bdev->core_device);
}

static struct pci_driver bad_driver = {
	.probe		= bad_probe,
	.err_handler	= &bad_handlers,
};

static struct pci_driver bad_other_driver = {		/* BAD: V7 */
	.probe		= bad_probe,
};
