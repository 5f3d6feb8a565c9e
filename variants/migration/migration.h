/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sample VFIO PCI variant driver: live migration.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#ifndef MIGRATION_VFIO_PCI_H
#define MIGRATION_VFIO_PCI_H

#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/vfio_pci_core.h>

struct migration_vfio_file;

/**
 * struct migration_vfio_device - a device, with or without migration
 * @core_device: the core's part, must be first
 * @bar: the BAR that has the device's state and then the migration registers
 * @shown: size of the part of @bar with the device's state. The user may have
 *	it, and it is what is migrated. Set by probe, as is @bar.
 * @state_mutex: protects all that follows
 * @mig_state: the migration state
 * @lost: a fatal error has hit the device, and no reset has followed yet
 * @saving: the data file that is read, in PRE_COPY, PRE_COPY_P2P and STOP_COPY
 * @resuming: the data file that is written, in RESUMING
 *
 * Everything from @state_mutex on is for a device with migration only.
 */
struct migration_vfio_device {
	struct vfio_pci_core_device core_device;
	unsigned int bar;
	u64 shown;
	struct mutex state_mutex;	/* protects all below */
	enum vfio_device_mig_state mig_state;
	bool lost;
	struct migration_vfio_file *saving;
	struct migration_vfio_file *resuming;
};

static inline struct migration_vfio_device *
to_migration_vfio(struct vfio_device *core_vdev)
{
	return container_of(core_vdev, struct migration_vfio_device,
			    core_device.vdev);
}

void migration_vfio_init(struct migration_vfio_device *mdev);
void migration_vfio_destroy(struct migration_vfio_device *mdev);
void migration_vfio_start(struct migration_vfio_device *mdev);
void migration_vfio_end_sessions(struct migration_vfio_device *mdev);
void migration_vfio_lose(struct migration_vfio_device *mdev);

#endif /* MIGRATION_VFIO_PCI_H */
