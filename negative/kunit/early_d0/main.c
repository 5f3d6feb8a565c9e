// SPDX-License-Identifier: GPL-2.0-only
/*
 * Negative sample, wrong on purpose: the second of the two review findings. In
 * VFIO_DEVICE_RESET the device goes to D0 before memory_lock is taken and user
 * mappings are zapped, so that accesses reach a device in transition.
 *
 * Expected to be caught: wrapper_reader_in_d0 and the order that wrapper_path
 * sees in VFIO_DEVICE_RESET from D3hot.
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

#define vfio_pci_core_ioctl early_d0_ioctl
#include "../../../variants/wrapper/main.c"
