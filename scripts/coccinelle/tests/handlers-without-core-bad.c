// SPDX-License-Identifier: GPL-2.0-only
/* One handler never calls the core's, the other not without migration. */
static void bad_reset_prepare(struct pci_dev *pdev) /* BAD: V7 */
{
	bad_stop(bad_drvdata(pdev));
}

static void bad_reset_done(struct pci_dev *pdev) /* BAD: V7 */
{
	struct bad_device *bdev = bad_drvdata(pdev);

	if (!bdev->migration)
		return;
	bad_forget(bdev);
	vfio_pci_core_reset_done(pdev);
}

static const struct pci_error_handlers bad_err_handlers = {
	.reset_prepare	= bad_reset_prepare,
	.reset_done	= bad_reset_done,
};
