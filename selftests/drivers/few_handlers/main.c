// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test driver, no sample: hears of errors and of nothing else, as in-tree drivers
 * did and vendors' do. After a fatal error nobody tells it that the PCI core has
 * reset the device, so its BARs have to come back by what the user does (rule
 * C11): selftests/tests/aer_test.c.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/vfio_pci_core.h>

static const struct pci_error_handlers few_handlers = {
	.error_detected	= vfio_pci_core_aer_err_detected,
};

#define vfio_pci_core_err_handlers	few_handlers
#define HOLD_NAME			"few_handlers-vfio-pci"
#include "../hold/main.c"
