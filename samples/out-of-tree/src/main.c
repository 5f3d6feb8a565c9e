// SPDX-License-Identifier: GPL-2.0-only
/*
 * The smallest VFIO PCI variant driver.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * .mmap is the core's (rule V1 of the contract), so the core has cleared
 * zap_bars_on_revoke, and the driver has nothing to do about revocation.
 *
 * The kernel needs the kit's core patch series. Kbuild looks for the header
 * that the series adds, trace/events/vfio_pci.h.
 */
#include <linux/module.h>
#include <linux/vfio_pci_core.h>

static int skeleton_vfio_open_device(struct vfio_device *core_vdev)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);
	int ret;

	ret = vfio_pci_core_enable(vdev);
	if (ret)
		return ret;
	vfio_pci_core_finish_enable(vdev);
	return 0;
}

static const struct vfio_device_ops skeleton_vfio_ops = {
	.name			= "skeleton-vfio-pci",
	.init			= vfio_pci_core_init_dev,
	.release		= vfio_pci_core_release_dev,
	.open_device		= skeleton_vfio_open_device,
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
};

static const struct vfio_pci_device_ops skeleton_vfio_pci_ops = {
	.get_dmabuf_phys	= vfio_pci_core_get_dmabuf_phys,
};

static int skeleton_vfio_probe(struct pci_dev *pdev,
			       const struct pci_device_id *id)
{
	struct vfio_pci_core_device *vdev;
	int ret;

	vdev = vfio_alloc_device(vfio_pci_core_device, vdev, &pdev->dev,
				 &skeleton_vfio_ops);
	if (IS_ERR(vdev))
		return PTR_ERR(vdev);

	vdev->pci_ops = &skeleton_vfio_pci_ops;
	dev_set_drvdata(&pdev->dev, vdev);
	ret = vfio_pci_core_register_device(vdev);
	if (ret)
		goto err_put;
	return 0;

err_put:
	vfio_put_device(&vdev->vdev);
	return ret;
}

static void skeleton_vfio_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *vdev = dev_get_drvdata(&pdev->dev);

	vfio_pci_core_unregister_device(vdev);
	vfio_put_device(&vdev->vdev);
}

static const struct pci_device_id skeleton_vfio_table[] = {
	/* QEMU's ivshmem-plain */
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(0x1af4, 0x1110) },
	{}
};
MODULE_DEVICE_TABLE(pci, skeleton_vfio_table);

static struct pci_driver skeleton_vfio_driver = {
	.name			= "skeleton-vfio-pci",
	.id_table		= skeleton_vfio_table,
	.probe			= skeleton_vfio_probe,
	.remove			= skeleton_vfio_remove,
	.err_handler		= &vfio_pci_core_err_handlers,
	.driver_managed_dma	= true,
};
module_pci_driver(skeleton_vfio_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("The smallest VFIO PCI variant driver");
