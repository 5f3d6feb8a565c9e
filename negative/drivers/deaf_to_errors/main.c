// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test driver, wrong on purpose: tells the core of resets, but not of errors (rule
 * V7). While a fatal error is recovered, the BARs stay mapped.
 *
 * Rule: V7
 * Device: virtio-net-pci,aer=on,disable-legacy=on,romfile=
 * Caught-by: verify: .error_detected does not call
 * Caught-by: lint
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/eventfd.h>
#include <linux/vfio_pci_core.h>

static pci_ers_result_t deaf_error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	struct vfio_pci_core_device *vdev = dev_get_drvdata(&pdev->dev);
	struct vfio_pci_eventfd *eventfd;

	/* The user is told, at least. */
	rcu_read_lock();
	eventfd = rcu_dereference(vdev->err_trigger);
	if (eventfd)
		eventfd_signal(eventfd->ctx);
	rcu_read_unlock();
	return state == pci_channel_io_normal ? PCI_ERS_RESULT_CAN_RECOVER :
						PCI_ERS_RESULT_NEED_RESET;
}

static const struct pci_error_handlers deaf_handlers = {
	.error_detected	= deaf_error_detected,
	.slot_reset	= vfio_pci_core_slot_reset,
	.resume		= vfio_pci_core_resume,
	.reset_prepare	= vfio_pci_core_reset_prepare,
	.reset_done	= vfio_pci_core_reset_done,
};

#define vfio_pci_core_err_handlers	deaf_handlers
#define HOLD_NAME			"deaf_to_errors-vfio-pci"
#include "../../../selftests/drivers/hold/main.c"
