// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test driver, wrong on purpose: in VFIO_DEVICE_RESET the device goes to D0 before
 * memory_lock is taken and user mappings are zapped (rule C3), so that accesses
 * reach a device in transition.
 *
 * Expected to be caught: the order that verify sees in a reset from D3hot.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/vfio_pci_core.h>

static long early_d0_ioctl(struct vfio_device *core_vdev, unsigned int cmd,
			   unsigned long arg)
{
	if (cmd == VFIO_DEVICE_RESET)
		pci_set_power_state(to_pci_dev(core_vdev->dev), PCI_D0);
	return vfio_pci_core_ioctl(core_vdev, cmd, arg);
}

#define vfio_pci_core_ioctl	early_d0_ioctl
#define HOLD_NAME		"early_d0-vfio-pci"
#include "../../../selftests/drivers/hold/main.c"
