// SPDX-License-Identifier: GPL-2.0-only
/* The core's function in one slot; in the other the driver's work, then the core. */
static void good_reset_done(struct pci_dev *pdev)
{
	struct good_device *gdev = good_drvdata(pdev);

	if (gdev->migration)
		good_forget(gdev);
	vfio_pci_core_reset_done(pdev);
}

static const struct pci_error_handlers good_err_handlers = {
	.error_detected	= vfio_pci_core_aer_err_detected,
	.reset_prepare	= vfio_pci_core_reset_prepare,
	.reset_done	= good_reset_done,
};
