// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test driver, wrong on purpose: has pci_error_handlers of its own, for errors
 * and to do something after each reset, as drivers with migration have, and does
 * not call the core's for resets (rule V7). The BARs stay mapped when somebody
 * else resets the device.
 *
 * Rule: V7
 * Caught-by: verify: .reset_prepare does not call
 * Caught-by: selftests
 * Caught-by: lint
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/vfio_pci_core.h>

static void own_reset_done(struct pci_dev *pdev)
{
	pci_dbg(pdev, "was reset\n");
}

static const struct pci_error_handlers own_handlers = {
	.error_detected	= vfio_pci_core_aer_err_detected,
	.reset_done	= own_reset_done,
};

#define vfio_pci_core_err_handlers	own_handlers
#define HOLD_NAME			"own_handlers-vfio-pci"
#include "../../../selftests/drivers/hold/main.c"
