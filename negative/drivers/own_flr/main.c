// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test driver, wrong on purpose: an FLR that the user starts in the AF capability
 * is done by the driver's own .write. The core does not hear of it, so nothing is
 * zapped or revoked (rule C3).
 *
 * Rule: C3
 * Caught-by: verify: hammering thread read all-ones: the device was off
 * Caught-by: selftests
 * Device: pci-sim
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/delay.h>
#include <linux/vfio_pci_core.h>

static void own_flr(struct pci_dev *pdev, int af)
{
	pci_save_state(pdev);
	pci_write_config_byte(pdev, af + PCI_AF_CTRL, PCI_AF_CTRL_FLR);
	msleep(100);
	pci_restore_state(pdev);
}

static ssize_t own_flr_write(struct vfio_device *core_vdev, const char __user *buf,
			     size_t count, loff_t *ppos)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);
	int af = pci_find_capability(vdev->pdev, PCI_CAP_ID_AF);
	u8 ctrl;

	if (!af || VFIO_PCI_OFFSET_TO_INDEX(*ppos) != VFIO_PCI_CONFIG_REGION_INDEX ||
	    (*ppos & VFIO_PCI_OFFSET_MASK) != af + PCI_AF_CTRL)
		return vfio_pci_core_write(core_vdev, buf, count, ppos);
	if (get_user(ctrl, (const u8 __user *)buf))
		return -EFAULT;
	if (ctrl & PCI_AF_CTRL_FLR)
		own_flr(vdev->pdev, af);
	*ppos += count;
	return count;
}

#define vfio_pci_core_write	own_flr_write
#define HOLD_NAME		"own_flr-vfio-pci"
#include "../../../selftests/drivers/hold/main.c"
