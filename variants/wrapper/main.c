// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sample VFIO PCI variant driver: hides the end of a BAR.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * For a device with a BAR that ends with registers which the user must not
 * reach. The core's vfio_pci_core_mmap() makes all mappings, so the driver opts
 * out of the zap of the device's own address_space (rule V2 of the contract).
 *
 * The user holds the device fd and cannot be trusted. A register is hidden only
 * if every interface of the fd hides it: region info, read and write, mmap,
 * DMABUF export, ioeventfd, and any other BAR that leads to the same registers.
 * Each function below asks wrapper_vfio_end() where the visible part ends.
 *
 * The kernel needs the kit's core patch series. Kbuild looks for the header
 * that the series adds, trace/events/vfio_pci.h.
 */
#include <linux/module.h>
#include <linux/pci-p2pdma.h>
#include <linux/sizes.h>
#include <linux/vfio_pci_core.h>

/**
 * struct wrapper_vfio_layout - what is hidden in a kind of device
 * @bar: the BAR of which the end is hidden
 * @aliases: mask of BARs that lead to the same registers, hidden whole
 * @visible: number of bytes of @bar that the user may reach, 0 for its lower
 *	half
 */
struct wrapper_vfio_layout {
	unsigned int bar;
	unsigned int aliases;
	u64 visible;
};

struct wrapper_vfio_device {
	struct vfio_pci_core_device core_device;	/* must be first */
	const struct wrapper_vfio_layout *layout;
	u64 visible;
};

static struct wrapper_vfio_device *
to_wrapper_vfio(struct vfio_device *core_vdev)
{
	return container_of(core_vdev, struct wrapper_vfio_device,
			    core_device.vdev);
}

/*
 * The first offset in a region that the user must not reach, U64_MAX if the
 * driver hides nothing there. probe sets what is read here, so no lock is needed.
 */
static u64 wrapper_vfio_end(struct vfio_device *core_vdev, unsigned int index)
{
	struct wrapper_vfio_device *wdev = to_wrapper_vfio(core_vdev);

	if (index >= PCI_STD_NUM_BARS)
		return U64_MAX;
	if (wdev->layout->aliases & BIT(index))
		return 0;
	if (index == wdev->layout->bar)
		return wdev->visible;
	return U64_MAX;
}

/* The core answers first, so flags and capabilities stay as they are. */
static int wrapper_vfio_get_region_info(struct vfio_device *core_vdev,
					struct vfio_region_info *info,
					struct vfio_info_cap *caps)
{
	u64 end = wrapper_vfio_end(core_vdev, info->index);
	int ret;

	ret = vfio_pci_ioctl_get_region_info(core_vdev, info, caps);
	if (ret)
		return ret;
	if (info->size <= end)
		return 0;

	info->size = end;
	/* A page that is hidden in part cannot be mapped. */
	if (!PAGE_ALIGNED(end))
		info->flags &= ~VFIO_REGION_INFO_FLAG_MMAP;
	if (!end)
		info->flags = 0;
	return 0;
}

/*
 * How much of an access the user may have. The core cuts an access where a BAR
 * ends; this cuts it in the same way where the visible part ends.
 */
static ssize_t wrapper_vfio_clip(struct vfio_device *core_vdev, size_t count,
				 loff_t offset)
{
	u64 end = wrapper_vfio_end(core_vdev, VFIO_PCI_OFFSET_TO_INDEX(offset));
	u64 pos = offset & VFIO_PCI_OFFSET_MASK;

	if (!count)
		return 0;
	if (pos >= end)
		return -EINVAL;
	return min_t(u64, count, end - pos);
}

static ssize_t wrapper_vfio_read(struct vfio_device *core_vdev,
				 char __user *buf, size_t count, loff_t *ppos)
{
	ssize_t len;

	len = wrapper_vfio_clip(core_vdev, count, *ppos);
	if (len < 0)
		return len;
	return vfio_pci_core_read(core_vdev, buf, len, ppos);
}

static ssize_t wrapper_vfio_write(struct vfio_device *core_vdev,
				  const char __user *buf, size_t count,
				  loff_t *ppos)
{
	ssize_t len;

	len = wrapper_vfio_clip(core_vdev, count, *ppos);
	if (len < 0)
		return len;
	return vfio_pci_core_write(core_vdev, buf, len, ppos);
}

/*
 * mmap_lock is held, so this must not wait for memory_lock (rule C2).
 *
 * The core comes last. A VMA that the core has set up holds references, and
 * nobody drops them if .mmap fails after that. The core also sets
 * VM_DONTEXPAND, so the VMA stays inside the limit that is checked here.
 */
static int wrapper_vfio_mmap(struct vfio_device *core_vdev,
			     struct vm_area_struct *vma)
{
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 end = wrapper_vfio_end(core_vdev, VFIO_PCI_OFFSET_TO_INDEX(offset));
	u64 pos = offset & VFIO_PCI_OFFSET_MASK;
	u64 len = vma->vm_end - vma->vm_start;

	/* len is in whole pages: a page that is hidden in part is refused. */
	if (pos + len > end)
		return -EINVAL;
	return vfio_pci_core_mmap(core_vdev, vma);
}

/* An importer gets physical addresses of the BAR, within the same limit. */
static int wrapper_vfio_get_dmabuf_phys(struct vfio_pci_core_device *vdev,
					struct p2pdma_provider **provider,
					unsigned int region_index,
					struct phys_vec *phys_vec,
					struct vfio_region_dma_range *ranges,
					size_t nr_ranges)
{
	u64 end = wrapper_vfio_end(&vdev->vdev, region_index);
	phys_addr_t start;

	if (end == U64_MAX)
		return vfio_pci_core_get_dmabuf_phys(vdev, provider,
						     region_index, phys_vec,
						     ranges, nr_ranges);

	*provider = pcim_p2pdma_provider(vdev->pdev, region_index);
	if (!*provider)
		return -EINVAL;
	start = pci_resource_start(vdev->pdev, region_index);
	return vfio_pci_core_fill_phys_vec(phys_vec, ranges, nr_ranges, start,
					   end);
}

/*
 * An ioeventfd has the kernel write to a BAR, at an offset that the core copies
 * from user memory. A check here would read another copy, and user space can
 * change the offset between the two. So the driver offers no ioeventfds.
 */
static long wrapper_vfio_ioctl(struct vfio_device *core_vdev, unsigned int cmd,
			       unsigned long arg)
{
	if (cmd == VFIO_DEVICE_IOEVENTFD)
		return -ENOTTY;
	return vfio_pci_core_ioctl(core_vdev, cmd, arg);
}

static int wrapper_vfio_open_device(struct vfio_device *core_vdev)
{
	struct wrapper_vfio_device *wdev = to_wrapper_vfio(core_vdev);
	struct vfio_pci_core_device *vdev = &wdev->core_device;
	int ret;

	ret = vfio_pci_core_enable(vdev);
	if (ret)
		return ret;
	vfio_pci_core_finish_enable(vdev);
	return 0;
}

static const struct vfio_device_ops wrapper_vfio_ops = {
	.name			= "wrapper-vfio-pci",
	.init			= vfio_pci_core_init_dev,
	.release		= vfio_pci_core_release_dev,
	.open_device		= wrapper_vfio_open_device,
	.close_device		= vfio_pci_core_close_device,
	.ioctl			= wrapper_vfio_ioctl,
	.get_region_info_caps	= wrapper_vfio_get_region_info,
	.device_feature		= vfio_pci_core_ioctl_feature,
	.read			= wrapper_vfio_read,
	.write			= wrapper_vfio_write,
	.mmap			= wrapper_vfio_mmap,
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

static const struct vfio_pci_device_ops wrapper_vfio_pci_ops = {
	.get_dmabuf_phys	= wrapper_vfio_get_dmabuf_phys,
};

static int wrapper_vfio_probe(struct pci_dev *pdev,
			      const struct pci_device_id *id)
{
	const struct wrapper_vfio_layout *layout = (void *)id->driver_data;
	struct wrapper_vfio_device *wdev;
	u64 bar_len, visible;
	int ret;

	/* driver_override brings any device, also one that is not in the table. */
	if (!layout)
		return -ENODEV;

	bar_len = pci_resource_len(pdev, layout->bar);
	visible = layout->visible;
	if (!visible)
		visible = bar_len / 2;
	if (!bar_len || visible > bar_len)
		return -ENODEV;

	wdev = vfio_alloc_device(wrapper_vfio_device, core_device.vdev,
				 &pdev->dev, &wrapper_vfio_ops);
	if (IS_ERR(wdev))
		return PTR_ERR(wdev);

	wdev->layout = layout;
	wdev->visible = visible;
	wdev->core_device.pci_ops = &wrapper_vfio_pci_ops;
	/*
	 * The core makes all mappings, so the device's own address_space needs no
	 * zap. From registration on, the flag must not change (rule C4).
	 */
	wdev->core_device.zap_bars_on_revoke = false;

	dev_set_drvdata(&pdev->dev, &wdev->core_device);
	ret = vfio_pci_core_register_device(&wdev->core_device);
	if (ret)
		goto err_put;
	return 0;

err_put:
	vfio_put_device(&wdev->core_device.vdev);
	return ret;
}

static void wrapper_vfio_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *vdev = dev_get_drvdata(&pdev->dev);

	vfio_pci_core_unregister_device(vdev);
	vfio_put_device(&vdev->vdev);
}

/* QEMU's ivshmem-plain: the upper half of its memory is hidden. */
static const struct wrapper_vfio_layout wrapper_vfio_ivshmem = {
	.bar = 2,
};

/* QEMU's igb: BAR2 is a pair of I/O ports that reach all of BAR0. */
static const struct wrapper_vfio_layout wrapper_vfio_igb = {
	.bar = 0,
	.aliases = BIT(2),
	.visible = SZ_64K,
};

/* A virtual function of QEMU's igb. */
static const struct wrapper_vfio_layout wrapper_vfio_igbvf = {
	.bar = 0,
};

static const struct pci_device_id wrapper_vfio_table[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(0x1af4, 0x1110),
	  .driver_data = (kernel_ulong_t)&wrapper_vfio_ivshmem },
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(0x8086, 0x10c9),
	  .driver_data = (kernel_ulong_t)&wrapper_vfio_igb },
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(0x8086, 0x10ca),
	  .driver_data = (kernel_ulong_t)&wrapper_vfio_igbvf },
	{}
};
MODULE_DEVICE_TABLE(pci, wrapper_vfio_table);

static struct pci_driver wrapper_vfio_driver = {
	.name			= "wrapper-vfio-pci",
	.id_table		= wrapper_vfio_table,
	.probe			= wrapper_vfio_probe,
	.remove			= wrapper_vfio_remove,
	.err_handler		= &vfio_pci_core_err_handlers,
	.driver_managed_dma	= true,
};
module_pci_driver(wrapper_vfio_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Sample VFIO PCI variant driver that hides the end of a BAR");
