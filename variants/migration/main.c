// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sample VFIO PCI variant driver: live migration.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * For a device with migration registers that the user must not reach, in the
 * upper half of a BAR, as those of hisi_acc. The driver has two tables of
 * operations, and chooses one when it probes: a device that supports migration
 * hides the registers, any other device shows the whole BAR and is left to the
 * core. migration.c has the migration itself, and the order of the locks.
 *
 * The registers are hidden by one function, migration_vfio_check_range(). The
 * core asks it before each mmap(), read(), write(), ioeventfd and export, so
 * .mmap and get_dmabuf_phys stay the core's, and there is nothing to opt out of
 * (rule V1 of the contract). The sample wrapper does the same by hand.
 *
 * The kernel needs the kit's core patch series. Kbuild looks for the header
 * that the series adds, trace/events/vfio_pci.h.
 */
#include <linux/module.h>
#include <linux/sizes.h>

#include "migration.h"

/*
 * The longest state that is migrated. It is copied with memory_lock held for
 * read, and error recovery waits for memory_lock for no longer than a second.
 */
#define MIGRATION_MAX_STATE	SZ_16M

/**
 * struct migration_vfio_layout - where a kind of device has its state
 * @migratable: it has migration registers
 * @bar: the BAR with the state, in its lower half, and the registers
 */
struct migration_vfio_layout {
	bool migratable;
	unsigned int bar;
};

/*
 * How much of a BAR the user may have, U64_MAX if all of it. Only for the table
 * with migration. probe sets what is read here, so no lock is needed.
 */
static u64 migration_vfio_end(struct vfio_device *core_vdev,
			      unsigned int index)
{
	struct migration_vfio_device *mdev = to_migration_vfio(core_vdev);

	if (index == mdev->bar)
		return mdev->shown;
	return U64_MAX;
}

/* mmap_lock may be held, so this must not wait for memory_lock (rule C2). */
static int migration_vfio_check_range(struct vfio_pci_core_device *vdev,
				      unsigned int index, u64 offset, u64 len)
{
	if (offset + len > migration_vfio_end(&vdev->vdev, index))
		return -EINVAL;
	return 0;
}

/* The core answers first, so flags and capabilities stay as they are. */
static int migration_vfio_get_region_info(struct vfio_device *core_vdev,
					  struct vfio_region_info *info,
					  struct vfio_info_cap *caps)
{
	int ret;

	ret = vfio_pci_ioctl_get_region_info(core_vdev, info, caps);
	if (ret)
		return ret;
	info->size = min_t(u64, info->size,
			   migration_vfio_end(core_vdev, info->index));
	return 0;
}

/*
 * How much of an access the user may have. The core cuts an access where a BAR
 * ends; this cuts it in the same way where the shown part ends.
 */
static ssize_t migration_vfio_clip(struct vfio_device *core_vdev, size_t count,
				   loff_t offset)
{
	unsigned int index = VFIO_PCI_OFFSET_TO_INDEX(offset);
	u64 end = migration_vfio_end(core_vdev, index);
	u64 pos = offset & VFIO_PCI_OFFSET_MASK;

	if (!count)
		return 0;
	if (pos >= end)
		return -EINVAL;
	return min_t(u64, count, end - pos);
}

static ssize_t migration_vfio_read(struct vfio_device *core_vdev,
				   char __user *buf, size_t count, loff_t *ppos)
{
	ssize_t len;

	len = migration_vfio_clip(core_vdev, count, *ppos);
	if (len < 0)
		return len;
	return vfio_pci_core_read(core_vdev, buf, len, ppos);
}

static ssize_t migration_vfio_write(struct vfio_device *core_vdev,
				    const char __user *buf, size_t count,
				    loff_t *ppos)
{
	ssize_t len;

	len = migration_vfio_clip(core_vdev, count, *ppos);
	if (len < 0)
		return len;
	return vfio_pci_core_write(core_vdev, buf, len, ppos);
}

/* Before the device is registered, which looks at mig_ops and flags. */
static int migration_vfio_init_device(struct vfio_device *core_vdev)
{
	int ret;

	ret = vfio_pci_core_init_dev(core_vdev);
	if (ret)
		return ret;
	migration_vfio_init(to_migration_vfio(core_vdev));
	return 0;
}

/* The last reference is gone: the driver's, or a data file's. */
static void migration_vfio_release_device(struct vfio_device *core_vdev)
{
	migration_vfio_destroy(to_migration_vfio(core_vdev));
	vfio_pci_core_release_dev(core_vdev);
}

static int migration_vfio_open_device(struct vfio_device *core_vdev)
{
	struct migration_vfio_device *mdev = to_migration_vfio(core_vdev);
	struct vfio_pci_core_device *vdev = &mdev->core_device;
	void __iomem *io;
	int ret;

	ret = vfio_pci_core_enable(vdev);
	if (ret)
		return ret;
	if (core_vdev->mig_ops) {
		io = vfio_pci_core_get_iomap(vdev, mdev->bar);
		if (IS_ERR(io)) {
			ret = PTR_ERR(io);
			goto err_disable;
		}
		/* The core has reset the device, if it can be reset. */
		migration_vfio_start(mdev);
	}
	vfio_pci_core_finish_enable(vdev);
	return 0;

err_disable:
	vfio_pci_core_disable(vdev);
	return ret;
}

/*
 * The data files first: they must be at an end when the device is closed, and
 * the core takes away the mapping of the BAR that the migration uses.
 */
static void migration_vfio_close_device(struct vfio_device *core_vdev)
{
	migration_vfio_end_sessions(to_migration_vfio(core_vdev));
	vfio_pci_core_close_device(core_vdev);
}

/* A device with migration: the registers are hidden. */
static const struct vfio_device_ops migration_vfio_mig_ops = {
	.name			= "migration-vfio-pci-mig",
	.init			= migration_vfio_init_device,
	.release		= migration_vfio_release_device,
	.open_device		= migration_vfio_open_device,
	.close_device		= migration_vfio_close_device,
	.ioctl			= vfio_pci_core_ioctl,
	.get_region_info_caps	= migration_vfio_get_region_info,
	.device_feature		= vfio_pci_core_ioctl_feature,
	.read			= migration_vfio_read,
	.write			= migration_vfio_write,
	.mmap			= vfio_pci_core_mmap,
	.request		= vfio_pci_core_request,
	.match			= vfio_pci_core_match,
	.match_token_uuid	= vfio_pci_core_match_token_uuid,
	.bind_iommufd		= vfio_iommufd_physical_bind,
	.unbind_iommufd		= vfio_iommufd_physical_unbind,
	.attach_ioas		= vfio_iommufd_physical_attach_ioas,
	.detach_ioas		= vfio_iommufd_physical_detach_ioas,
	.pasid_attach_ioas	= vfio_iommufd_physical_pasid_attach_ioas,
	.pasid_detach_ioas	= vfio_iommufd_physical_pasid_detach_ioas,
};

static const struct vfio_pci_device_ops migration_vfio_mig_pci_ops = {
	.get_dmabuf_phys	= vfio_pci_core_get_dmabuf_phys,
	.check_range		= migration_vfio_check_range,
};

/* A device without: all of it is the user's. */
static const struct vfio_device_ops migration_vfio_ops = {
	.name			= "migration-vfio-pci",
	.init			= vfio_pci_core_init_dev,
	.release		= vfio_pci_core_release_dev,
	.open_device		= migration_vfio_open_device,
	.close_device		= vfio_pci_core_close_device,
	.ioctl			= vfio_pci_core_ioctl,
	.get_region_info_caps	= vfio_pci_ioctl_get_region_info,
	.device_feature		= vfio_pci_core_ioctl_feature,
	.read			= vfio_pci_core_read,
	.write			= vfio_pci_core_write,
	.mmap			= vfio_pci_core_mmap,
	.request		= vfio_pci_core_request,
	.match			= vfio_pci_core_match,
	.match_token_uuid	= vfio_pci_core_match_token_uuid,
	.bind_iommufd		= vfio_iommufd_physical_bind,
	.unbind_iommufd		= vfio_iommufd_physical_unbind,
	.attach_ioas		= vfio_iommufd_physical_attach_ioas,
	.detach_ioas		= vfio_iommufd_physical_detach_ioas,
	.pasid_attach_ioas	= vfio_iommufd_physical_pasid_attach_ioas,
	.pasid_detach_ioas	= vfio_iommufd_physical_pasid_detach_ioas,
};

static const struct vfio_pci_device_ops migration_vfio_pci_ops = {
	.get_dmabuf_phys	= vfio_pci_core_get_dmabuf_phys,
};

/* Here a real driver asks the firmware, or the driver of the PF. */
static bool migration_vfio_supported(struct pci_dev *pdev,
				     const struct migration_vfio_layout *layout)
{
	u64 state = pci_resource_len(pdev, layout->bar) / 2;

	if (!layout->migratable || !state || state > MIGRATION_MAX_STATE)
		return false;
	/* A page that is hidden in part could not be mapped. */
	return PAGE_ALIGNED(state);
}

static int migration_vfio_probe(struct pci_dev *pdev,
				const struct pci_device_id *id)
{
	const struct migration_vfio_layout *layout = (void *)id->driver_data;
	const struct vfio_pci_device_ops *pci_ops = &migration_vfio_pci_ops;
	const struct vfio_device_ops *ops = &migration_vfio_ops;
	struct migration_vfio_device *mdev;
	int ret;

	/* driver_override brings any device, also one that is not in the table. */
	if (!layout)
		return -ENODEV;

	if (migration_vfio_supported(pdev, layout)) {
		pci_ops = &migration_vfio_mig_pci_ops;
		ops = &migration_vfio_mig_ops;
	}

	mdev = vfio_alloc_device(migration_vfio_device, core_device.vdev,
				 &pdev->dev, ops);
	if (IS_ERR(mdev))
		return PTR_ERR(mdev);

	mdev->bar = layout->bar;
	mdev->shown = pci_resource_len(pdev, layout->bar) / 2;
	mdev->core_device.pci_ops = pci_ops;

	dev_set_drvdata(&pdev->dev, &mdev->core_device);
	ret = vfio_pci_core_register_device(&mdev->core_device);
	if (ret)
		goto err_put;
	return 0;

err_put:
	vfio_put_device(&mdev->core_device.vdev);
	return ret;
}

static void migration_vfio_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *vdev = dev_get_drvdata(&pdev->dev);

	vfio_pci_core_unregister_device(vdev);
	vfio_put_device(&vdev->vdev);
}

static struct migration_vfio_device *migration_vfio_drvdata(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *vdev = dev_get_drvdata(&pdev->dev);

	return container_of(vdev, struct migration_vfio_device, core_device);
}

/*
 * The core comes first. When it returns, memory_lock is held for write until
 * vfio_pci_core_reset_done(), so no transition is under way and none begins.
 * The state of the device is about to go: nobody may take what is left of it
 * for a whole.
 */
static void migration_vfio_reset_prepare(struct pci_dev *pdev)
{
	struct migration_vfio_device *mdev = migration_vfio_drvdata(pdev);

	vfio_pci_core_reset_prepare(pdev);
	if (mdev->core_device.vdev.mig_ops)
		migration_vfio_end_sessions(mdev);
}

/*
 * The core comes last, and with it the user: who finds the BARs accessible also
 * finds the device in RUNNING.
 */
static void migration_vfio_reset_done(struct pci_dev *pdev)
{
	struct migration_vfio_device *mdev = migration_vfio_drvdata(pdev);

	if (mdev->core_device.vdev.mig_ops)
		migration_vfio_start(mdev);
	vfio_pci_core_reset_done(pdev);
}

/*
 * The core comes first, and takes the BARs away. What has been read from the
 * device until then may be wrong already, so that data file ends, too. After an
 * error that is not fatal, no reset follows and nothing is lost.
 */
static pci_ers_result_t
migration_vfio_error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	struct migration_vfio_device *mdev = migration_vfio_drvdata(pdev);
	pci_ers_result_t ret;

	ret = vfio_pci_core_aer_err_detected(pdev, state);
	if (state != pci_channel_io_normal && mdev->core_device.vdev.mig_ops)
		migration_vfio_lose(mdev);
	return ret;
}

static const struct pci_error_handlers migration_vfio_err_handlers = {
	.error_detected		= migration_vfio_error_detected,
	.slot_reset		= vfio_pci_core_slot_reset,
	.resume			= vfio_pci_core_resume,
	.reset_prepare		= migration_vfio_reset_prepare,
	.reset_done		= migration_vfio_reset_done,
};

/* QEMU's ivshmem-plain: a half of its memory passes for registers. */
static const struct migration_vfio_layout migration_vfio_ivshmem = {
	.migratable = true,
	.bar = 2,
};

/* QEMU's igb and its virtual functions, which cannot be migrated. */
static const struct migration_vfio_layout migration_vfio_igb = {
	.migratable = false,
};

static const struct pci_device_id migration_vfio_table[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(0x1af4, 0x1110),
	  .driver_data = (kernel_ulong_t)&migration_vfio_ivshmem },
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(0x8086, 0x10c9),
	  .driver_data = (kernel_ulong_t)&migration_vfio_igb },
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(0x8086, 0x10ca),
	  .driver_data = (kernel_ulong_t)&migration_vfio_igb },
	{}
};
MODULE_DEVICE_TABLE(pci, migration_vfio_table);

static struct pci_driver migration_vfio_driver = {
	.name			= "migration-vfio-pci",
	.id_table		= migration_vfio_table,
	.probe			= migration_vfio_probe,
	.remove			= migration_vfio_remove,
	.err_handler		= &migration_vfio_err_handlers,
	.driver_managed_dma	= true,
};
module_pci_driver(migration_vfio_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Sample VFIO PCI variant driver with live migration");
