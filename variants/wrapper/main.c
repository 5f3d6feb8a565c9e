// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sample VFIO PCI variant driver: hides the end of a BAR.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * For a BAR that ends with registers the user must not have. What is mapped is
 * mapped by vfio_pci_core_mmap(), so the driver opts out of the zap of the
 * device's address_space (rule V2). The user has the device fd and cannot be
 * trusted: hidden is only what is hidden wherever the fd leads: region info,
 * read and write, mmap, DMABUF export, ioeventfd, and any other BAR that is
 * a way to the same registers. All of them below ask wrapper_vfio_end().
 */
#include <linux/module.h>
#include <linux/pci-p2pdma.h>
#include <linux/sizes.h>
#include <linux/vfio_pci_core.h>

#ifdef __has_include	/* sparse does not know it */
#if !__has_include("trace/events/vfio_pci.h")
#error "this kernel lacks the kit's core-patch series: apply it first (make apply KDIR=...)"
#endif
#endif

struct wrapper_vfio_layout {
	unsigned int bar;	/* the BAR of which the end is hidden */
	unsigned int aliases;	/* mask of other ways to it, hidden whole */
	u64 visible;		/* bytes the user may have, 0: lower half */
};

struct wrapper_vfio_device {
	struct vfio_pci_core_device core_device;	/* has to be first */
	const struct wrapper_vfio_layout *layout;
	u64 visible;
};

/* First offset that the user must not reach. Fixed at probe, so needs no lock */
static u64 wrapper_vfio_end(struct vfio_device *core_vdev, unsigned int index)
{
	struct wrapper_vfio_device *wdev = container_of(core_vdev,
			struct wrapper_vfio_device, core_device.vdev);

	if (index < PCI_STD_NUM_BARS && wdev->layout->aliases & BIT(index))
		return 0;
	return index == wdev->layout->bar ? wdev->visible : U64_MAX;
}

/* The core answers first, so that flags and capabilities stay as they are */
static int wrapper_vfio_get_region_info(struct vfio_device *core_vdev,
					struct vfio_region_info *info,
					struct vfio_info_cap *caps)
{
	u64 end = wrapper_vfio_end(core_vdev, info->index);
	int ret = vfio_pci_ioctl_get_region_info(core_vdev, info, caps);

	if (ret || info->size <= end)
		return ret;
	info->size = end;
	if (!end)
		info->flags = 0;
	else if (!PAGE_ALIGNED(end))	/* no page can be half hidden */
		info->flags &= ~VFIO_REGION_INFO_FLAG_MMAP;
	return 0;
}

/* Cut an access where the visible part ends, as the core does at a BAR's end */
static ssize_t wrapper_vfio_clip(struct vfio_device *core_vdev, size_t count,
				 loff_t offset)
{
	u64 end = wrapper_vfio_end(core_vdev, VFIO_PCI_OFFSET_TO_INDEX(offset));
	u64 pos = offset & VFIO_PCI_OFFSET_MASK;

	if (count && pos >= end)
		return -EINVAL;
	return min_t(u64, count, end - pos);
}

static ssize_t wrapper_vfio_read(struct vfio_device *core_vdev,
				 char __user *buf, size_t count, loff_t *ppos)
{
	ssize_t len = wrapper_vfio_clip(core_vdev, count, *ppos);

	return len < 0 ? len : vfio_pci_core_read(core_vdev, buf, len, ppos);
}

static ssize_t wrapper_vfio_write(struct vfio_device *core_vdev,
				  const char __user *buf, size_t count,
				  loff_t *ppos)
{
	ssize_t len;

	/* No detour for config space, where memory is disabled and enabled */
	if (VFIO_PCI_OFFSET_TO_INDEX(*ppos) >= PCI_STD_NUM_BARS)
		return vfio_pci_core_write(core_vdev, buf, count, ppos);
	len = wrapper_vfio_clip(core_vdev, count, *ppos);
	return len < 0 ? len : vfio_pci_core_write(core_vdev, buf, len, ppos);
}

/*
 * mmap_lock is held: never wait for memory_lock here (rule C2). The core comes
 * last: a VMA that it has set up holds references, which nobody gives back if
 * .mmap fails then. It sets VM_DONTEXPAND, so the VMA stays inside the limit.
 */
static int wrapper_vfio_mmap(struct vfio_device *core_vdev,
			     struct vm_area_struct *vma)
{
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 end = wrapper_vfio_end(core_vdev, VFIO_PCI_OFFSET_TO_INDEX(offset));
	u64 len = vma->vm_end - vma->vm_start;

	/* A page that is hidden in part is hidden: len counts whole pages */
	if (end != U64_MAX && (offset & VFIO_PCI_OFFSET_MASK) + len > end)
		return -EINVAL;
	return vfio_pci_core_mmap(core_vdev, vma);
}

/* An importer gets the BAR by physical address: same limit for every range */
static int wrapper_vfio_get_dmabuf_phys(struct vfio_pci_core_device *vdev,
					struct p2pdma_provider **provider,
					unsigned int region_index,
					struct phys_vec *phys_vec,
					struct vfio_region_dma_range *ranges,
					size_t nr_ranges)
{
	u64 end = wrapper_vfio_end(&vdev->vdev, region_index);

	/* Anything else is for the core to give, or to refuse */
	if (end == U64_MAX)
		return vfio_pci_core_get_dmabuf_phys(vdev, provider, region_index,
						     phys_vec, ranges, nr_ranges);
	*provider = pcim_p2pdma_provider(vdev->pdev, region_index);
	if (!*provider)
		return -EINVAL;
	return vfio_pci_core_fill_phys_vec(phys_vec, ranges, nr_ranges,
			pci_resource_start(vdev->pdev, region_index), end);
}

/*
 * An ioeventfd has the kernel write to a BAR. The core copies its offset from
 * user memory: a check here would be of another copy. So do without it.
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
	struct vfio_pci_core_device *vdev = dev_get_drvdata(core_vdev->dev);
	int ret = vfio_pci_core_enable(vdev);

	if (!ret)
		vfio_pci_core_finish_enable(vdev);
	return ret;
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
};

static const struct vfio_pci_device_ops wrapper_vfio_pci_ops = {
	.get_dmabuf_phys	= wrapper_vfio_get_dmabuf_phys,
};

static int wrapper_vfio_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	const struct wrapper_vfio_layout *layout = (void *)id->driver_data;
	struct wrapper_vfio_device *wdev;
	int ret;

	/* driver_override brings any device, also one not in the table */
	if (!layout || pci_resource_len(pdev, layout->bar) < layout->visible)
		return -ENODEV;
	wdev = vfio_alloc_device(wrapper_vfio_device, core_device.vdev,
				 &pdev->dev, &wrapper_vfio_ops);
	if (IS_ERR(wdev))
		return PTR_ERR(wdev);

	wdev->layout = layout;
	wdev->visible = layout->visible ?: pci_resource_len(pdev, layout->bar) / 2;
	wdev->core_device.pci_ops = &wrapper_vfio_pci_ops;
	/* The core maps all there is. Once registered, it is too late to say so (C4) */
	wdev->core_device.zap_bars_on_revoke = false;

	dev_set_drvdata(&pdev->dev, &wdev->core_device);
	ret = vfio_pci_core_register_device(&wdev->core_device);
	if (ret)
		vfio_put_device(&wdev->core_device.vdev);
	return ret;
}

static void wrapper_vfio_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *vdev = dev_get_drvdata(&pdev->dev);

	vfio_pci_core_unregister_device(vdev);
	vfio_put_device(&vdev->vdev);
}

static const struct wrapper_vfio_layout wrapper_vfio_ivshmem = { .bar = 2 };

/* BAR2 is a pair of I/O ports that reach all of BAR0, hidden or not */
static const struct wrapper_vfio_layout wrapper_vfio_igb = {
	.bar = 0, .visible = SZ_64K, .aliases = BIT(2)
}, wrapper_vfio_igbvf = { .bar = 0 };

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
