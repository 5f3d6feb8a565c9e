// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the series adds to struct vfio_pci_core_device, the flag of rule C4 above
 * all. In a file of its own, so that the suites can be built with the patches
 * that come before (make bisect-check).
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/mutex.h>

#include "vfio_pci_kunit.h"

/**
 * vpk_flag() - what zap_bars_on_revoke is now
 * @vdev: the device
 *
 * Context: any.
 * Return: the flag.
 */
bool vpk_flag(const struct vfio_pci_core_device *vdev)
{
	return vdev->zap_bars_on_revoke;
}

/**
 * vpk_set_flag() - write zap_bars_on_revoke, as a driver does
 * @vdev: the device
 * @on: what to write
 *
 * Context: any; before registration, or it is the misuse of rule C5.
 */
void vpk_set_flag(struct vfio_pci_core_device *vdev, bool on)
{
	vdev->zap_bars_on_revoke = on;
}

/**
 * vpk_bufs_locked() - does anybody hold the lock of the regions' DMABUFs
 * @vdev: the device
 *
 * Context: any.
 * Return: true when it is held, by whomever.
 */
bool vpk_bufs_locked(struct vfio_pci_core_device *vdev)
{
	return mutex_is_locked(&vdev->mmap_bufs_lock);
}
