// SPDX-License-Identifier: GPL-2.0-only
/* Each handler calls the core's on all of its paths. */
static void good_stop(struct good_device *gdev)
{
	if (!gdev->migration)
		return;
	good_disable(gdev);
}

static void good_reset_prepare(struct pci_dev *pdev)
{
	vfio_pci_core_reset_prepare(pdev);
	if (!pdev->is_virtfn)
		return;
	good_stop(pci_get_drvdata(pdev));
}

static void good_reset_done(struct pci_dev *pdev)
{
	struct good_device *gdev = pci_get_drvdata(pdev);

	if (gdev->migration) {
		guard(mutex)(&gdev->state_mutex);
		good_reset_state(gdev);
	}
	vfio_pci_core_reset_done(pdev);
}

static pci_ers_result_t good_detect(struct pci_dev *pdev, pci_channel_state_t state)
{
	return vfio_pci_core_aer_err_detected(pdev, state);
}

static pci_ers_result_t good_error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	pci_ers_result_t result = good_detect(pdev, state);

	good_stop(pci_get_drvdata(pdev));
	return result;
}

static const struct pci_error_handlers good_handlers = {
	.error_detected	= good_error_detected,
	.slot_reset	= vfio_pci_core_slot_reset,
	.resume		= vfio_pci_core_resume,
	.reset_prepare	= good_reset_prepare,
	.reset_done	= good_reset_done,
};

static int good_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct good_device *gdev = good_alloc(pdev);

	return vfio_pci_core_register_device(&gdev->core_device);
}

static struct pci_driver good_driver = {
	.probe		= good_probe,
	.err_handler	= &good_handlers,
};

static struct pci_driver good_plain_driver = {
	.probe		= good_probe,
	.err_handler	= &vfio_pci_core_err_handlers,
};

/* The driver of the PF, which is no VFIO device. */
static void good_pf_reset_done(struct pci_dev *pdev)
{
	good_pf_restart(pci_get_drvdata(pdev));
}

static const struct pci_error_handlers good_pf_handlers = {
	.reset_done	= good_pf_reset_done,
};

static int good_pf_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	return good_pf_start(pdev);
}

static struct pci_driver good_pf_driver = {
	.probe		= good_pf_probe,
	.err_handler	= &good_pf_handlers,
};
