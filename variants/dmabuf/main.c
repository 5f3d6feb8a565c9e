// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sample VFIO PCI variant driver: a region made of several physical ranges.
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * A data window and then doorbells, parts of BARs, are one region to users and
 * importers. No PTE is in the device's address_space: the driver opts out (V5).
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

#define DMABUF_VFIO_REGION	VFIO_PCI_NUM_REGIONS	/* the first of our own */
#define DMABUF_VFIO_RANGES	2

/* In whole pages of any size, and not the MSI-X table: that is the host's */
struct dmabuf_vfio_range {
	unsigned int bar;
	u64 offset, len;
};

struct dmabuf_vfio_device {
	struct vfio_pci_core_device core_device;	/* has to be first */
	const struct dmabuf_vfio_range *range;
	struct phys_vec phys[DMABUF_VFIO_RANGES];
	size_t size;
};

#define to_dmabuf_vfio(dev) container_of(dev, struct dmabuf_vfio_device, core_device.vdev)

/* Which range @pos in the region lies in; makes it a position in the range */
static int dmabuf_vfio_find(struct dmabuf_vfio_device *ddev, u64 *pos)
{
	int i;

	for (i = 0; i < DMABUF_VFIO_RANGES; *pos -= ddev->phys[i++].len)
		if (*pos < ddev->phys[i].len)
			return i;
	return -EINVAL;
}

/* For each access the helper takes memory_lock and checks that memory is on */
static ssize_t dmabuf_vfio_rw(struct vfio_pci_core_device *vdev, char __user *buf,
			      size_t count, loff_t *ppos, bool iswrite)
{
	struct dmabuf_vfio_device *ddev = to_dmabuf_vfio(&vdev->vdev);
	u64 pos = *ppos & VFIO_PCI_OFFSET_MASK;
	int i = dmabuf_vfio_find(ddev, &pos);
	ssize_t ret;

	if (i < 0)
		return i;
	ret = vfio_pci_core_do_io_rw(vdev, true, vdev->barmap[ddev->range[i].bar],
				     buf, ddev->range[i].offset + pos,
				     min_t(u64, count, ddev->range[i].len - pos),
				     0, 0, iswrite, VFIO_PCI_IO_WIDTH_8);
	*ppos += max(ret, 0);
	return ret;
}

/* All of it can be mapped as one; what is exported lies within an area each */
static int dmabuf_vfio_add_capability(struct vfio_pci_core_device *vdev,
				      struct vfio_pci_region *region, struct vfio_info_cap *caps)
{
	DEFINE_FLEX(struct vfio_region_info_cap_sparse_mmap, sparse, areas, nr_areas,
		    DMABUF_VFIO_RANGES);
	struct phys_vec *phys = to_dmabuf_vfio(&vdev->vdev)->phys;
	u64 i, end = 0;

	sparse->header = (struct vfio_info_cap_header){ VFIO_REGION_INFO_CAP_SPARSE_MMAP, 1 };
	for (i = 0; i < DMABUF_VFIO_RANGES; end += phys[i++].len)
		sparse->areas[i] = (struct vfio_region_sparse_mmap_area){ end, phys[i].len };
	return vfio_info_add_capability(caps, &sparse->header, struct_size(sparse, areas, i));
}

static void dmabuf_vfio_forget(struct vfio_pci_core_device *vdev, struct vfio_pci_region *region)
{
}

static const struct vfio_pci_regops dmabuf_vfio_regops = {
	.rw		= dmabuf_vfio_rw,
	.release	= dmabuf_vfio_forget,	/* not optional */
	.add_capability	= dmabuf_vfio_add_capability,
};

/* mmap_lock is held: neither takes memory_lock (C2). The core checks bounds. */
static int dmabuf_vfio_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	struct dmabuf_vfio_device *ddev = to_dmabuf_vfio(core_vdev);
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;

	if (VFIO_PCI_OFFSET_TO_INDEX(offset) != DMABUF_VFIO_REGION)
		return vfio_pci_core_mmap(core_vdev, vma);
	return vfio_pci_core_mmap_ranges(&ddev->core_device, vma, DMABUF_VFIO_REGION,
					 ddev->phys, DMABUF_VFIO_RANGES);
}

/* One provider stands for all: BARs at another bus offset cannot be in it */
static int dmabuf_vfio_get_dmabuf_phys(struct vfio_pci_core_device *vdev,
				       struct p2pdma_provider **provider, unsigned int region_index,
				       struct phys_vec *phys_vec,
				       struct vfio_region_dma_range *ranges, size_t nr_ranges)
{
	struct dmabuf_vfio_device *ddev = to_dmabuf_vfio(&vdev->vdev);
	size_t i;

	if (region_index != DMABUF_VFIO_REGION)
		return vfio_pci_core_get_dmabuf_phys(vdev, provider, region_index,
						     phys_vec, ranges, nr_ranges);
	for (i = 0; i < nr_ranges; i++) {
		u64 pos = ranges[i].offset;
		int j = dmabuf_vfio_find(ddev, &pos);
		struct p2pdma_provider *p;

		if (j < 0 || ranges[i].length > ddev->range[j].len - pos)
			return -EINVAL;
		p = pcim_p2pdma_provider(vdev->pdev, ddev->range[j].bar);
		if (!p || (i && p->bus_offset != (*provider)->bus_offset))
			return -EOPNOTSUPP;
		*provider = p;
		phys_vec[i].paddr = ddev->phys[j].paddr + pos;
		phys_vec[i].len = ranges[i].length;
	}
	return 0;
}

/* A region lives as long as the device is open; its BARs must be ours by then */
static int dmabuf_vfio_open_device(struct vfio_device *core_vdev)
{
	struct dmabuf_vfio_device *ddev = to_dmabuf_vfio(core_vdev);
	struct vfio_pci_core_device *vdev = &ddev->core_device;
	int i, ret = vfio_pci_core_enable(vdev);

	if (ret)
		return ret;
	for (i = 0; i < DMABUF_VFIO_RANGES && !ret; i++)
		ret = PTR_ERR_OR_ZERO(vfio_pci_core_get_iomap(vdev, ddev->range[i].bar));
	ret = ret ?: vfio_pci_core_register_dev_region(vdev,
			VFIO_REGION_TYPE_PCI_VENDOR_TYPE | vdev->pdev->vendor, 1,
			&dmabuf_vfio_regops, ddev->size, VFIO_REGION_INFO_FLAG_READ |
			VFIO_REGION_INFO_FLAG_WRITE | VFIO_REGION_INFO_FLAG_MMAP, NULL);
	if (ret)
		vfio_pci_core_disable(vdev);
	else
		vfio_pci_core_finish_enable(vdev);
	return ret;
}

static const struct vfio_device_ops dmabuf_vfio_ops = {
	.name			= "dmabuf-vfio-pci",
	.init			= vfio_pci_core_init_dev,
	.release		= vfio_pci_core_release_dev,
	.open_device		= dmabuf_vfio_open_device,
	.close_device		= vfio_pci_core_close_device,
	.ioctl			= vfio_pci_core_ioctl,
	.get_region_info_caps	= vfio_pci_ioctl_get_region_info,
	.device_feature		= vfio_pci_core_ioctl_feature,
	.read			= vfio_pci_core_read,
	.write			= vfio_pci_core_write,
	.mmap			= dmabuf_vfio_mmap,
	.request		= vfio_pci_core_request,
	.match			= vfio_pci_core_match,
	.match_token_uuid	= vfio_pci_core_match_token_uuid,
	.bind_iommufd		= vfio_iommufd_physical_bind,
	.unbind_iommufd		= vfio_iommufd_physical_unbind,
	.attach_ioas		= vfio_iommufd_physical_attach_ioas,
	.detach_ioas		= vfio_iommufd_physical_detach_ioas,
};

static const struct vfio_pci_device_ops dmabuf_vfio_pci_ops = {
	.get_dmabuf_phys	= dmabuf_vfio_get_dmabuf_phys,
};

static int dmabuf_vfio_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	const struct dmabuf_vfio_range *range = (void *)id->driver_data;
	struct dmabuf_vfio_device *ddev;
	int i, ret = 0;

	/* driver_override brings any device, also one not in the table */
	if (!range)
		return -ENODEV;
	ddev = vfio_alloc_device(dmabuf_vfio_device, core_device.vdev,
				 &pdev->dev, &dmabuf_vfio_ops);
	if (IS_ERR(ddev))
		return PTR_ERR(ddev);
	ddev->range = range;
	for (i = 0; i < DMABUF_VFIO_RANGES; i++, range++) {
		ddev->phys[i].paddr = pci_resource_start(pdev, range->bar) + range->offset;
		ddev->phys[i].len = range->len;
		ddev->size += range->len;
		if (!PAGE_ALIGNED(ddev->phys[i].paddr | range->len) ||
		    range->offset + range->len > pci_resource_len(pdev, range->bar))
			ret = -ENODEV;	/* not of whole pages, or a small device */
	}
	ddev->core_device.pci_ops = &dmabuf_vfio_pci_ops;
	/* Before registration: after it a hot reset of another may look (C4) */
	ddev->core_device.zap_bars_on_revoke = false;
	dev_set_drvdata(&pdev->dev, &ddev->core_device);
	ret = ret ?: vfio_pci_core_register_device(&ddev->core_device);
	if (ret)
		vfio_put_device(&ddev->core_device.vdev);
	return ret;
}

static void dmabuf_vfio_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *vdev = dev_get_drvdata(&pdev->dev);

	vfio_pci_core_unregister_device(vdev);
	vfio_put_device(&vdev->vdev);
}

static const struct dmabuf_vfio_range dmabuf_vfio_ivshmem[] = {
	{ 2, SZ_64K, SZ_64K }, { 2, 0, SZ_64K }
};

static const struct dmabuf_vfio_range dmabuf_vfio_igb[] = {
	{ 1, 0, SZ_128K }, { 0, SZ_64K, SZ_64K }
};

static const struct pci_device_id dmabuf_vfio_table[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(0x1af4, 0x1110),
	  .driver_data = (kernel_ulong_t)dmabuf_vfio_ivshmem },
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(0x8086, 0x10c9),
	  .driver_data = (kernel_ulong_t)dmabuf_vfio_igb },
	{}
};
MODULE_DEVICE_TABLE(pci, dmabuf_vfio_table);

static struct pci_driver dmabuf_vfio_driver = {
	.name			= "dmabuf-vfio-pci",
	.id_table		= dmabuf_vfio_table,
	.probe			= dmabuf_vfio_probe,
	.remove			= dmabuf_vfio_remove,
	.err_handler		= &vfio_pci_core_err_handlers,
	.driver_managed_dma	= true,
};
module_pci_driver(dmabuf_vfio_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Sample VFIO PCI variant driver with a region of several ranges");
