// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test driver, wrong on purpose: forgets some memory at each opening.
 *
 * Rule: leak
 * Caught-by: selftests
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/slab.h>
#include <linux/vfio_pci_core.h>

static int leaky_enable(struct vfio_pci_core_device *vdev)
{
	u64 *forgotten = kzalloc(232, GFP_KERNEL);

	if (!forgotten)
		return -ENOMEM;
	*forgotten = 0x6c65616b;
	return vfio_pci_core_enable(vdev);
}

#define vfio_pci_core_enable	leaky_enable
#define HOLD_NAME		"leak-vfio-pci"
#include "../../../selftests/drivers/hold/main.c"
