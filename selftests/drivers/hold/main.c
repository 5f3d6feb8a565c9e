// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test driver, no sample: a read of a BAR through the device fd copies to user
 * memory with memory_lock held for read, as nvgrace-gpu does. No driver in the
 * tree that has a device in the guest does, and it takes such a one to show
 * what rule C2 prevents: selftests/tests/locking_test.c.
 *
 * Binds to any device that it is made to by driver_override. Uses nothing of
 * the core patch, so that it shows the same on the unpatched kernel.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/io.h>
#include <linux/module.h>
#include <linux/vfio_pci_core.h>

#ifndef HOLD_NAME
#define HOLD_NAME	"hold-vfio-pci"
#endif

static ssize_t hold_read(struct vfio_device *core_vdev, char __user *buf,
			 size_t count, loff_t *ppos)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);
	unsigned int bar = VFIO_PCI_OFFSET_TO_INDEX(*ppos);
	u64 pos = *ppos & VFIO_PCI_OFFSET_MASK;
	void __iomem *io;
	u8 bounce[64];
	ssize_t ret;

	if (bar >= PCI_STD_NUM_BARS || pos >= pci_resource_len(vdev->pdev, bar) ||
	    !(pci_resource_flags(vdev->pdev, bar) & IORESOURCE_MEM))
		return vfio_pci_core_read(core_vdev, buf, count, ppos);
	io = vfio_pci_core_get_iomap(vdev, bar);
	if (IS_ERR(io))
		return PTR_ERR(io);
	count = min3(count, sizeof(bounce),
		     (size_t)(pci_resource_len(vdev->pdev, bar) - pos));

	/*
	 * The copy under memory_lock turns the order of the page fault (mmap_lock,
	 * memory_lock) round. That is what drivers like this one do, and lockdep
	 * would say so once and then be off for all other tests: do not tell it.
	 */
	down_read_non_owner(&vdev->memory_lock);
	if (vdev->pm_runtime_engaged || !__vfio_pci_memory_enabled(vdev)) {
		ret = -EIO;
	} else {
		memcpy_fromio(bounce, io + pos, count);
		/* It can wait for whoever resolves the user's fault */
		ret = copy_to_user(buf, bounce, count) ? -EFAULT : count;
	}
	up_read_non_owner(&vdev->memory_lock);
	*ppos += max(ret, 0);
	return ret;
}

static int hold_open_device(struct vfio_device *core_vdev)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);
	int ret = vfio_pci_core_enable(vdev);

	if (!ret)
		vfio_pci_core_finish_enable(vdev);
	return ret;
}

static const struct vfio_device_ops hold_ops = {
	.name			= HOLD_NAME,
	.init			= vfio_pci_core_init_dev,
	.release		= vfio_pci_core_release_dev,
	.open_device		= hold_open_device,
	.close_device		= vfio_pci_core_close_device,
	.ioctl			= vfio_pci_core_ioctl,
	.get_region_info_caps	= vfio_pci_ioctl_get_region_info,
	.device_feature		= vfio_pci_core_ioctl_feature,
	.read			= hold_read,
	.write			= vfio_pci_core_write,
	.mmap			= vfio_pci_core_mmap,
	.request		= vfio_pci_core_request,
	.match			= vfio_pci_core_match,
	.match_token_uuid	= vfio_pci_core_match_token_uuid,
	.bind_iommufd		= vfio_iommufd_physical_bind,
	.unbind_iommufd		= vfio_iommufd_physical_unbind,
	.attach_ioas		= vfio_iommufd_physical_attach_ioas,
	.detach_ioas		= vfio_iommufd_physical_detach_ioas,
};

static const struct vfio_pci_device_ops hold_pci_ops = {
	.get_dmabuf_phys	= vfio_pci_core_get_dmabuf_phys,
};

static int hold_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct vfio_pci_core_device *vdev;
	int ret;

	vdev = vfio_alloc_device(vfio_pci_core_device, vdev, &pdev->dev, &hold_ops);
	if (IS_ERR(vdev))
		return PTR_ERR(vdev);
	vdev->pci_ops = &hold_pci_ops;
	dev_set_drvdata(&pdev->dev, vdev);
	ret = vfio_pci_core_register_device(vdev);
	if (ret)
		vfio_put_device(&vdev->vdev);
	return ret;
}

static void hold_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *vdev = dev_get_drvdata(&pdev->dev);

	vfio_pci_core_unregister_device(vdev);
	vfio_put_device(&vdev->vdev);
}

static const struct pci_device_id hold_table[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(PCI_ANY_ID, PCI_ANY_ID) },
	{}
};
MODULE_DEVICE_TABLE(pci, hold_table);

static struct pci_driver hold_driver = {
	.name			= HOLD_NAME,
	.id_table		= hold_table,
	.probe			= hold_probe,
	.remove			= hold_remove,
	.err_handler		= &vfio_pci_core_err_handlers,
	.driver_managed_dma	= true,
};
module_pci_driver(hold_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Test driver: VFIO PCI, memory_lock held over user copies");
