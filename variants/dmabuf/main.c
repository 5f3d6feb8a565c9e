// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sample VFIO PCI variant driver: a region made of several physical ranges.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * For a device with a data window and doorbells in different parts of its BARs,
 * which users and importers see as one region beside the BARs. The core backs
 * each mapping of the region with a DMABUF. No PTE is ever in the device's own
 * address_space, so the driver opts out of the zap there (rule V5 of the
 * contract). The window is write-combining where it is prefetchable and the
 * machine has that; the doorbells are not (rule C14).
 *
 * The kernel needs the kit's core patch series. Kbuild looks for the header
 * that the series adds, trace/events/vfio_pci.h.
 */
#include <linux/module.h>
#include <linux/pci-p2pdma.h>
#include <linux/sizes.h>
#include <linux/vfio_pci_core.h>

/* The first region after those that every VFIO PCI device has. */
#define DMABUF_VFIO_REGION	VFIO_PCI_NUM_REGIONS
#define DMABUF_VFIO_RANGES	2

/**
 * struct dmabuf_vfio_range - one of the ranges that the region is made of
 * @bar: the BAR that the range lies in
 * @offset: where in the BAR it begins
 * @len: its length
 * @write_combine: the order of stores does not matter here, nor how many they
 *	become: a data window, in a prefetchable BAR
 *
 * Ranges are in whole pages, whatever size a page has. The MSI-X table must not
 * be in one: it belongs to the host.
 */
struct dmabuf_vfio_range {
	unsigned int bar;
	u64 offset;
	u64 len;
	bool write_combine;
};

struct dmabuf_vfio_device {
	struct vfio_pci_core_device core_device;	/* must be first */
	const struct dmabuf_vfio_range *range;
	struct phys_vec phys[DMABUF_VFIO_RANGES];
	size_t size;
	bool has_wc;
};

static struct dmabuf_vfio_device *
to_dmabuf_vfio(struct vfio_device *core_vdev)
{
	return container_of(core_vdev, struct dmabuf_vfio_device,
			    core_device.vdev);
}

/*
 * The index of the range that a position in the region lies in, or -EINVAL
 * behind the last one. Turns the position into one in that range.
 */
static int dmabuf_vfio_find(struct dmabuf_vfio_device *ddev, u64 *pos)
{
	int i;

	for (i = 0; i < DMABUF_VFIO_RANGES; i++) {
		if (*pos < ddev->range[i].len)
			return i;
		*pos -= ddev->range[i].len;
	}
	return -EINVAL;
}

/* For each access the core's helper takes memory_lock and checks memory. */
static ssize_t dmabuf_vfio_rw(struct vfio_pci_core_device *vdev,
			      char __user *buf, size_t count, loff_t *ppos,
			      bool iswrite)
{
	struct dmabuf_vfio_device *ddev = to_dmabuf_vfio(&vdev->vdev);
	u64 pos = *ppos & VFIO_PCI_OFFSET_MASK;
	const struct dmabuf_vfio_range *range;
	void __iomem *io;
	ssize_t ret;
	int i;

	i = dmabuf_vfio_find(ddev, &pos);
	if (i < 0)
		return i;

	range = &ddev->range[i];
	count = min_t(u64, count, range->len - pos);
	io = vfio_pci_core_get_iomap_range(vdev, range->bar, range->offset,
					   range->len);
	if (IS_ERR(io))
		return PTR_ERR(io);

	ret = vfio_pci_core_do_io_rw(vdev, true, io, buf, pos, count, 0, 0,
				     iswrite, VFIO_PCI_IO_WIDTH_8);
	if (ret > 0)
		*ppos += ret;
	if (iswrite && range->write_combine) {
		/* write() leaves nothing in the CPU's write-combining buffers. */
		wmb();
	}
	return ret;
}

/* Tell user space which ranges are write-combining. */
static int dmabuf_vfio_add_wc(struct dmabuf_vfio_device *ddev,
			      struct vfio_info_cap *caps)
{
	DEFINE_FLEX(struct vfio_region_info_cap_write_combine, wc, areas,
		    nr_areas, DMABUF_VFIO_RANGES);
	u64 pos = 0;
	int i;

	wc->header.id = VFIO_REGION_INFO_CAP_WRITE_COMBINE;
	wc->header.version = 1;
	wc->nr_areas = 0;
	for (i = 0; i < DMABUF_VFIO_RANGES; i++) {
		if (ddev->range[i].write_combine) {
			wc->areas[wc->nr_areas].offset = pos;
			wc->areas[wc->nr_areas].size = ddev->range[i].len;
			wc->nr_areas++;
		}
		pos += ddev->range[i].len;
	}
	return vfio_info_add_capability(caps, &wc->header,
					struct_size(wc, areas, wc->nr_areas));
}

/*
 * Tell user space where the ranges meet. The region can be mapped as a whole,
 * but what is exported as a DMABUF must lie within one range each.
 */
static int dmabuf_vfio_add_capability(struct vfio_pci_core_device *vdev,
				      struct vfio_pci_region *region,
				      struct vfio_info_cap *caps)
{
	DEFINE_FLEX(struct vfio_region_info_cap_sparse_mmap, sparse, areas,
		    nr_areas, DMABUF_VFIO_RANGES);
	struct dmabuf_vfio_device *ddev = to_dmabuf_vfio(&vdev->vdev);
	u64 pos = 0;
	int ret;
	int i;

	if (ddev->has_wc) {
		ret = dmabuf_vfio_add_wc(ddev, caps);
		if (ret)
			return ret;
	}

	sparse->header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
	sparse->header.version = 1;
	for (i = 0; i < DMABUF_VFIO_RANGES; i++) {
		sparse->areas[i].offset = pos;
		sparse->areas[i].size = ddev->range[i].len;
		pos += ddev->range[i].len;
	}
	return vfio_info_add_capability(caps, &sparse->header,
					struct_size(sparse, areas,
						    DMABUF_VFIO_RANGES));
}

static const struct vfio_pci_regops dmabuf_vfio_regops = {
	.rw		= dmabuf_vfio_rw,
	.add_capability	= dmabuf_vfio_add_capability,
};

/*
 * mmap_lock is held: neither function waits for memory_lock (rule C2). Each range
 * has the memory type that probe has declared: that is what the NULL means.
 */
static int dmabuf_vfio_mmap(struct vfio_device *core_vdev,
			    struct vm_area_struct *vma)
{
	struct dmabuf_vfio_device *ddev = to_dmabuf_vfio(core_vdev);
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;

	if (VFIO_PCI_OFFSET_TO_INDEX(offset) != DMABUF_VFIO_REGION)
		return vfio_pci_core_mmap(core_vdev, vma);
	return vfio_pci_core_mmap_ranges(&ddev->core_device, vma, ddev->phys,
					 NULL, DMABUF_VFIO_RANGES);
}

/*
 * Importers get the ranges in the same order. One provider stands for a whole
 * DMABUF, so BARs with different bus offsets cannot be in the same one.
 */
static int dmabuf_vfio_get_dmabuf_phys(struct vfio_pci_core_device *vdev,
				       struct p2pdma_provider **provider,
				       unsigned int region_index,
				       struct phys_vec *phys_vec,
				       struct vfio_region_dma_range *ranges,
				       size_t nr_ranges)
{
	struct dmabuf_vfio_device *ddev = to_dmabuf_vfio(&vdev->vdev);
	struct p2pdma_provider *first = NULL;
	size_t i;

	if (region_index != DMABUF_VFIO_REGION)
		return vfio_pci_core_get_dmabuf_phys(vdev, provider,
						     region_index, phys_vec,
						     ranges, nr_ranges);

	for (i = 0; i < nr_ranges; i++) {
		struct p2pdma_provider *p;
		u64 pos = ranges[i].offset;
		int nr;

		nr = dmabuf_vfio_find(ddev, &pos);
		if (nr < 0)
			return nr;
		if (ranges[i].length > ddev->range[nr].len - pos)
			return -EINVAL;

		p = pcim_p2pdma_provider(vdev->pdev, ddev->range[nr].bar);
		if (!p)
			return -EINVAL;
		if (!first)
			first = p;
		if (p->bus_offset != first->bus_offset)
			return -EOPNOTSUPP;

		phys_vec[i].paddr = ddev->phys[nr].paddr + pos;
		phys_vec[i].len = ranges[i].length;
	}
	*provider = first;
	return 0;
}

/* The core chooses an address at which huge pages can map the larger range. */
static int dmabuf_vfio_get_mmap_phys(struct vfio_pci_core_device *vdev,
				     unsigned int region_index, u64 offset,
				     u64 len, u64 *phys)
{
	struct dmabuf_vfio_device *ddev = to_dmabuf_vfio(&vdev->vdev);

	if (region_index != DMABUF_VFIO_REGION)
		return vfio_pci_core_get_mmap_phys(vdev, region_index, offset,
						   len, phys);
	return vfio_pci_core_ranges_phys(ddev->phys, DMABUF_VFIO_RANGES, offset,
					 len, phys);
}

/* A region lives as long as the device is open, and its BARs are ours by then. */
static int dmabuf_vfio_open_device(struct vfio_device *core_vdev)
{
	struct dmabuf_vfio_device *ddev = to_dmabuf_vfio(core_vdev);
	struct vfio_pci_core_device *vdev = &ddev->core_device;
	void __iomem *io;
	int ret;
	int i;

	ret = vfio_pci_core_enable(vdev);
	if (ret)
		return ret;

	for (i = 0; i < DMABUF_VFIO_RANGES; i++) {
		io = vfio_pci_core_get_iomap_range(vdev, ddev->range[i].bar,
						   ddev->range[i].offset,
						   ddev->range[i].len);
		if (IS_ERR(io)) {
			ret = PTR_ERR(io);
			goto err_disable;
		}
	}

	ret = vfio_pci_core_register_dev_region(vdev,
						VFIO_REGION_TYPE_PCI_VENDOR_TYPE |
						vdev->pdev->vendor, 1,
						&dmabuf_vfio_regops, ddev->size,
						VFIO_REGION_INFO_FLAG_READ |
						VFIO_REGION_INFO_FLAG_WRITE |
						VFIO_REGION_INFO_FLAG_MMAP,
						NULL);
	if (ret)
		goto err_disable;

	vfio_pci_core_finish_enable(vdev);
	return 0;

err_disable:
	vfio_pci_core_disable(vdev);
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
	.pasid_attach_ioas	= vfio_iommufd_physical_pasid_attach_ioas,
	.pasid_detach_ioas	= vfio_iommufd_physical_pasid_detach_ioas,
};

static const struct vfio_pci_device_ops dmabuf_vfio_pci_ops = {
	.get_dmabuf_phys	= dmabuf_vfio_get_dmabuf_phys,
	.get_mmap_phys		= dmabuf_vfio_get_mmap_phys,
};

/* Each range has to be whole pages, and inside its BAR. */
static bool dmabuf_vfio_fits(struct pci_dev *pdev,
			     const struct dmabuf_vfio_range *range)
{
	u64 start = pci_resource_start(pdev, range->bar) + range->offset;

	if (!PAGE_ALIGNED(start) || !PAGE_ALIGNED(range->len))
		return false;
	return range->offset + range->len <= pci_resource_len(pdev, range->bar);
}

/*
 * On x86 a range has one memory type for all its mappings, so the core has to
 * know before the device is opened. A machine without write-combining maps the
 * window uncached, which is only slower: region info says so to user space.
 */
static int dmabuf_vfio_declare_wc(struct dmabuf_vfio_device *ddev)
{
	const struct dmabuf_vfio_range *range = ddev->range;
	int ret;
	int i;

	for (i = 0; i < DMABUF_VFIO_RANGES; i++) {
		if (!range[i].write_combine)
			continue;
		ret = vfio_pci_core_declare_wc(&ddev->core_device, range[i].bar,
					       range[i].offset, range[i].len);
		if (ret == -EOPNOTSUPP)
			return 0;
		if (ret)
			return ret;
		ddev->has_wc = true;
	}
	return 0;
}

static int dmabuf_vfio_probe(struct pci_dev *pdev,
			     const struct pci_device_id *id)
{
	const struct dmabuf_vfio_range *range = (void *)id->driver_data;
	struct dmabuf_vfio_device *ddev;
	int ret;
	int i;

	/* driver_override brings any device, also one that is not in the table. */
	if (!range)
		return -ENODEV;
	for (i = 0; i < DMABUF_VFIO_RANGES; i++) {
		if (!dmabuf_vfio_fits(pdev, &range[i]))
			return -ENODEV;
	}

	ddev = vfio_alloc_device(dmabuf_vfio_device, core_device.vdev,
				 &pdev->dev, &dmabuf_vfio_ops);
	if (IS_ERR(ddev))
		return PTR_ERR(ddev);

	ddev->range = range;
	for (i = 0; i < DMABUF_VFIO_RANGES; i++) {
		ddev->phys[i].paddr = pci_resource_start(pdev, range[i].bar) +
				      range[i].offset;
		ddev->phys[i].len = range[i].len;
		ddev->size += range[i].len;
	}
	ddev->core_device.pci_ops = &dmabuf_vfio_pci_ops;
	/*
	 * The core makes all mappings, so the device's own address_space needs no
	 * zap. From registration on, the flag must not change (rule C4).
	 */
	ddev->core_device.zap_bars_on_revoke = false;
	ret = dmabuf_vfio_declare_wc(ddev);
	if (ret)
		goto err_put;

	dev_set_drvdata(&pdev->dev, &ddev->core_device);
	ret = vfio_pci_core_register_device(&ddev->core_device);
	if (ret)
		goto err_put;
	return 0;

err_put:
	vfio_put_device(&ddev->core_device.vdev);
	return ret;
}

static void dmabuf_vfio_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *vdev = dev_get_drvdata(&pdev->dev);

	vfio_pci_core_unregister_device(vdev);
	vfio_put_device(&vdev->vdev);
}

/*
 * QEMU's ivshmem-plain: the second 64 KiB of its memory as the window, and then
 * the first as the doorbells.
 */
static const struct dmabuf_vfio_range dmabuf_vfio_ivshmem[] = {
	{ .bar = 2, .offset = SZ_64K, .len = SZ_64K, .write_combine = true },
	{ .bar = 2, .offset = 0, .len = SZ_64K },
};

/* QEMU's igb: its flash, and the second 64 KiB of its registers. No prefetching. */
static const struct dmabuf_vfio_range dmabuf_vfio_igb[] = {
	{ .bar = 1, .offset = 0, .len = SZ_128K },
	{ .bar = 0, .offset = SZ_64K, .len = SZ_64K },
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
