// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suite of the dmabuf driver: what rule V5 of the contract asks of a
 * driver with a region of its own, made of several physical ranges.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * Copy it with the driver. Change the function below into one that your driver
 * drives, and the struct vpk_variant into what your driver is like: the shared
 * cases of VPK_VARIANT_CASES() take all that they know from there. The cases in
 * this file are about what is particular to this driver.
 */
#include <linux/mman.h>
#include <linux/pci-p2pdma.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>

#include "vfio_pci_kunit.h"

#define DRIVER	"dmabuf-vfio-pci"

/* The region: the second 64 KiB of BAR2, and then the first. */
#define REGION	VFIO_PCI_NUM_REGIONS
#define BAR	2
#define RANGE	SZ_64K
#define SIZE	(2 * RANGE)

static const struct vpk_function_config dmabuf_function = {
	.vendor = PCI_VENDOR_ID_REDHAT_QUMRANET,
	.device = 0x1110,
	.bar_size = { [0] = SZ_4K, [BAR] = SZ_256K },
	.bar_prefetch = BIT(BAR),
	.pm = true,
	.no_soft_reset = true,
	.exp_flr = true,
};

/* An ivshmem with less memory than the ranges need. */
static const struct vpk_function_config dmabuf_strangers[] = {
	{
		.vendor = PCI_VENDOR_ID_REDHAT_QUMRANET,
		.device = 0x1110,
		.bar_size = { [0] = SZ_4K, [BAR] = SIZE / 2 },
	},
};

static const struct vpk_variant dmabuf_variant = {
	.driver = DRIVER,
	.symbol = "dmabuf_vfio_driver",
	.config = &dmabuf_function,
	.region = REGION,
	.size = SIZE,
	.other = BAR,
	.ioeventfd = -EINVAL,
	.strangers = dmabuf_strangers,
	.nr_strangers = ARRAY_SIZE(dmabuf_strangers),
};

/* Where a page of the region is in the BAR. */
static u64 dmabuf_where(u64 off)
{
	return off < RANGE ? off + RANGE : off - RANGE;
}

/* V5: one VMA is over all the ranges, in the right order. */
static void dmabuf_maps_all_ranges(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &dmabuf_function, DRIVER);
	struct vpk_map *map = vpk_map(test, fn, REGION, 0, SIZE);
	unsigned long pfn;
	u64 off;

	for (off = 0; off < SIZE; off += PAGE_SIZE) {
		KUNIT_ASSERT_EQ(test, vpk_touch(map, off), 0);
		KUNIT_ASSERT_EQ(test, vpk_pfn(map, off, &pfn, NULL), 0);
		KUNIT_EXPECT_EQ_MSG(test, pfn,
				    vpk_bar_pfn(fn, BAR, dmabuf_where(off)),
				    "offset %#llx", off);
	}
}

/* C14: the window is write-combining, the doorbells are not, in each mapping. */
static void dmabuf_write_combines(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &dmabuf_function, DRIVER);
	struct vpk_map *map = vpk_map(test, fn, REGION, 0, SIZE);
	struct vpk_map *bar = vpk_map(test, fn, BAR, 0, SZ_256K);
	u64 off;
	int wc;

	wc = vpk_can_write_combine() ? VFIO_DMA_BUF_MEMATTR_WC :
				       VFIO_DMA_BUF_MEMATTR_NC;
	for (off = 0; off < SIZE; off += PAGE_SIZE) {
		int expected = off < RANGE ? wc : VFIO_DMA_BUF_MEMATTR_NC;

		KUNIT_ASSERT_EQ(test, vpk_touch(map, off), 0);
		KUNIT_EXPECT_EQ_MSG(test, vpk_memattr(map, off, NULL), expected,
				    "offset %#llx", off);
		KUNIT_ASSERT_EQ(test, vpk_touch(bar, dmabuf_where(off)), 0);
		KUNIT_EXPECT_EQ_MSG(test, vpk_memattr(bar, dmabuf_where(off),
						      NULL), expected,
				    "offset %#llx of the BAR",
				    dmabuf_where(off));
	}
}

/* V5: huge pages map the range of which a mapping has most. */
static void dmabuf_mmap_phys(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &dmabuf_function, DRIVER);
	struct vfio_pci_core_device *vdev = fn->vdev;
	u64 bar = (u64)vpk_bar_pfn(fn, BAR, 0) << PAGE_SHIFT;
	int (*where)(struct vfio_pci_core_device *vdev, unsigned int index,
		     u64 offset, u64 len, u64 *phys);
	u64 phys = 0;

	where = vdev->pci_ops->get_mmap_phys;
	KUNIT_EXPECT_EQ(test, where(vdev, REGION, 0, SIZE, &phys), 0);
	KUNIT_EXPECT_EQ(test, phys, bar + RANGE);
	KUNIT_EXPECT_EQ(test, where(vdev, REGION, RANGE, RANGE, &phys), 0);
	KUNIT_EXPECT_EQ(test, phys, bar);
	/* A page of the first range, and then the second one. */
	KUNIT_EXPECT_EQ(test, where(vdev, REGION, RANGE - PAGE_SIZE, RANGE,
				    &phys), 0);
	KUNIT_EXPECT_EQ(test, phys, bar - PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, where(vdev, REGION, SIZE, PAGE_SIZE, &phys),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, where(vdev, BAR, PAGE_SIZE, PAGE_SIZE, &phys), 0);
	KUNIT_EXPECT_EQ(test, phys, bar + PAGE_SIZE);
}

/* C14: the window cannot be write-combining, so there is no device. */
static void dmabuf_not_prefetchable(struct kunit *test)
{
	struct vpk_function_config config = dmabuf_function;
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn;

	config.bar_prefetch = 0;
	fn = vpk_function_add(test, host, &config);
	vpk_host_probe(test, host);
	KUNIT_EXPECT_NE(test, vpk_try_bind(test, fn, DRIVER), 0);
	KUNIT_EXPECT_FALSE(test, device_is_bound(&fn->pdev->dev));
}

/* V5: the same for a mapping that starts in the middle, and for the BARs. */
static void dmabuf_maps_parts(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &dmabuf_function, DRIVER);
	struct vpk_map *part = vpk_map(test, fn, REGION, RANGE - PAGE_SIZE,
				       2 * PAGE_SIZE);
	struct vpk_map *bar = vpk_map(test, fn, BAR, 0, PAGE_SIZE);
	unsigned long pfn;

	KUNIT_EXPECT_EQ(test, vpk_touch(part, 0), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch(part, PAGE_SIZE), 0);
	KUNIT_ASSERT_EQ(test, vpk_pfn(part, PAGE_SIZE, &pfn, NULL), 0);
	KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(fn, BAR, 0));
	KUNIT_EXPECT_EQ(test, vpk_touch(bar, 0), 0);
	KUNIT_ASSERT_EQ(test, vpk_pfn(bar, 0, &pfn, NULL), 0);
	KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(fn, BAR, 0));
}

/* C1: every page of every range is zapped. */
static void dmabuf_zaps_all_ranges(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &dmabuf_function, DRIVER);
	struct vpk_map *map = vpk_map(test, fn, REGION, 0, SIZE);
	u64 off;

	for (off = 0; off < SIZE; off += PAGE_SIZE)
		KUNIT_ASSERT_EQ(test, vpk_touch(map, off), 0);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	for (off = 0; off < SIZE; off += PAGE_SIZE)
		KUNIT_EXPECT_FALSE(test, vpk_mapped(map, off));
}

/* V5: after close and open the region is there again, once. */
static void dmabuf_reopens(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &dmabuf_function, DRIVER);

	vpk_close(fn);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
	vpk_open(test, fn);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn,
					   VFIO_PCI_INDEX_TO_OFFSET(REGION),
					   SIZE, PROT_READ, MAP_SHARED), 0);
	KUNIT_EXPECT_EQ(test, fn->vdev->num_regions, 1);
}

/*
 * V5: region info has type and size, and the sparse-mmap capability an area for
 * each range. From it user space learns what one dma_range of an export may span.
 */
static void dmabuf_region_info(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &dmabuf_function, DRIVER);
	struct {
		struct vfio_region_info info;
		u8 caps[128];
	} arg = { .info = { .argsz = sizeof(arg), .index = REGION } };
	struct vfio_info_cap_header *header;
	bool type = false, sparse = false, wc = false;
	u32 pos;

	KUNIT_ASSERT_EQ(test, vpk_ioctl(fn, VFIO_DEVICE_GET_REGION_INFO, &arg,
					sizeof(arg)), 0);
	KUNIT_EXPECT_EQ(test, arg.info.size, SIZE);
	KUNIT_EXPECT_EQ(test, arg.info.flags, VFIO_REGION_INFO_FLAG_READ |
			VFIO_REGION_INFO_FLAG_WRITE |
			VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS);
	for (pos = arg.info.cap_offset; pos; pos = header->next) {
		header = (void *)&arg + pos;
		KUNIT_ASSERT_LE(test, pos + sizeof(*header), sizeof(arg));
		if (header->id == VFIO_REGION_INFO_CAP_TYPE) {
			struct vfio_region_info_cap_type *cap = (void *)header;

			type = true;
			KUNIT_EXPECT_EQ(test, cap->type,
					VFIO_REGION_TYPE_PCI_VENDOR_TYPE |
					PCI_VENDOR_ID_REDHAT_QUMRANET);
		} else if (header->id == VFIO_REGION_INFO_CAP_SPARSE_MMAP) {
			struct vfio_region_info_cap_sparse_mmap *cap;

			cap = (void *)header;
			sparse = true;
			KUNIT_ASSERT_EQ(test, cap->nr_areas, 2);
			KUNIT_EXPECT_EQ(test, cap->areas[0].offset, 0);
			KUNIT_EXPECT_EQ(test, cap->areas[0].size, RANGE);
			KUNIT_EXPECT_EQ(test, cap->areas[1].offset, RANGE);
			KUNIT_EXPECT_EQ(test, cap->areas[1].size, RANGE);
		} else if (header->id == VFIO_REGION_INFO_CAP_WRITE_COMBINE) {
			struct vfio_region_info_cap_write_combine *cap;

			cap = (void *)header;
			wc = true;
			KUNIT_ASSERT_EQ(test, cap->nr_areas, 1);
			KUNIT_EXPECT_EQ(test, cap->areas[0].offset, 0);
			KUNIT_EXPECT_EQ(test, cap->areas[0].size, RANGE);
		}
	}
	KUNIT_EXPECT_TRUE(test, type);
	KUNIT_EXPECT_TRUE(test, sparse);
	KUNIT_EXPECT_EQ(test, wc, vpk_can_write_combine());
}

/* V5: an access is cut at the end of a range, and the next one goes on there. */
static void dmabuf_cuts_at_ranges(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &dmabuf_function, DRIVER);
	u32 val[2] = {};

	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, REGION, RANGE - 4, val, 8), 4);
	KUNIT_EXPECT_EQ(test, vpk_region_write(fn, REGION, RANGE - 4, val, 8),
			4);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, REGION, RANGE, val, 8), 8);
}

/* What a driver that hides a part of a BAR says; only of BARs it is asked. */
static int dmabuf_hides_more(struct vfio_pci_core_device *vdev,
			     unsigned int region_index, u64 offset, u64 len)
{
	return -EACCES;
}

/* V5: importers get the layout that mmap() shows, range by range. */
static void dmabuf_importers(struct kunit *test)
{
	const struct vfio_region_dma_range all[] = {
		{ 0, RANGE }, { RANGE, RANGE },
	};
	const struct vfio_region_dma_range across = { RANGE - SZ_4K, SZ_8K };
	const struct vfio_region_dma_range behind = { SIZE, SZ_4K };
	const struct vpk_function_config small = { .bar_size = { SZ_4K } };
	/* The device has it until it is unbound, after the case. */
	static struct vfio_pci_device_ops hiding;
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_importer *importer;
	struct vpk_function *fn, *by;
	struct scatterlist *sg;
	struct dma_buf *dmabuf;
	u64 off = 0;
	int i;

	vpk_need_importers(test);
	fn = vpk_function_add(test, host, &dmabuf_function);
	by = vpk_function_add(test, host, &small);
	vpk_host_probe(test, host);
	vpk_bind(test, fn, DRIVER);
	vpk_open(test, fn);
	KUNIT_EXPECT_TRUE(test, IS_ERR(vpk_try_export(fn, REGION, &across, 1)));
	dmabuf = vpk_try_export(fn, REGION, &behind, 1);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(dmabuf), -EINVAL);
	hiding = *fn->vdev->pci_ops;
	hiding.check_range = dmabuf_hides_more;
	fn->vdev->pci_ops = &hiding;

	dmabuf = vpk_try_export(fn, REGION, all, 2);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dmabuf);
	vpk_put_later(test, dmabuf);
	importer = vpk_importer_attach(test, fn, dmabuf, by);
	KUNIT_ASSERT_EQ(test, vpk_importer_map(importer), 0);
	for_each_sgtable_dma_sg(vpk_importer_sgt(importer), sg, i) {
		KUNIT_EXPECT_EQ(test, sg_dma_address(sg),
				pci_bus_address(fn->pdev, BAR) +
				dmabuf_where(off));
		off += sg_dma_len(sg);
	}
	KUNIT_EXPECT_EQ(test, off, SIZE);
	vpk_log_clear(host);
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	VPK_EXPECT_ORDER(test, host,
			 "zap invalidate release revoke mem-off flr mem-on unrevoke");
}

/* Ranges in two BARs: the first 128 KiB of BAR1, and 64 KiB of BAR0. */
static const struct vpk_function_config dmabuf_igb = {
	.vendor = PCI_VENDOR_ID_INTEL,
	.device = 0x10c9,
	.bar_size = { SZ_128K, SZ_128K },
	.pm = true,
};

/* V5: one DMABUF cannot span BARs that have different offsets on the bus. */
static void dmabuf_bus_offsets(struct kunit *test)
{
	const struct vfio_region_dma_range ranges[] = {
		{ 0, PAGE_SIZE }, { SZ_128K, PAGE_SIZE },
	};
	struct p2pdma_provider *provider;
	struct vpk_function *fn;
	struct dma_buf *dmabuf;

	vpk_need_importers(test);
	fn = vpk_device(test, &dmabuf_igb, DRIVER);
	provider = pcim_p2pdma_provider(fn->pdev, 0);
	KUNIT_ASSERT_NOT_NULL(test, provider);
	dmabuf = vpk_try_export(fn, REGION, ranges, 2);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dmabuf);
	vpk_put_later(test, dmabuf);
	provider->bus_offset += PAGE_SIZE;
	dmabuf = vpk_try_export(fn, REGION, ranges, 2);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(dmabuf), -EOPNOTSUPP);
	/* Each by itself can still be exported. */
	vpk_export(test, fn, REGION, 0, PAGE_SIZE);
	vpk_export(test, fn, REGION, SZ_128K, PAGE_SIZE);
}

/* As main.c has it. */
struct dmabuf_vfio_range {
	unsigned int bar;
	u64 offset;
	u64 len;
	bool write_combine;
};

static const struct dmabuf_vfio_range dmabuf_whole_pages[] = {
	{ BAR, PAGE_SIZE, PAGE_SIZE }, { BAR, 0, PAGE_SIZE }
};

static const struct dmabuf_vfio_range dmabuf_half_a_page[] = {
	{ BAR, PAGE_SIZE, PAGE_SIZE / 2 }, { BAR, 0, PAGE_SIZE }
};

static const struct dmabuf_vfio_range dmabuf_between_pages[] = {
	{ BAR, PAGE_SIZE, PAGE_SIZE }, { BAR, PAGE_SIZE / 2, PAGE_SIZE }
};

static struct dmabuf_ranges_case {
	const char *name;
	const struct dmabuf_vfio_range *range;
	u16 device;
	int ret;
} dmabuf_ranges[] = {
	{ "whole_pages", dmabuf_whole_pages, 0x1, 0 },
	{ "half_a_page", dmabuf_half_a_page, 0x2, -ENODEV },
	{ "between_pages", dmabuf_between_pages, 0x3, -ENODEV },
};

KUNIT_ARRAY_PARAM_DESC(dmabuf_ranges, dmabuf_ranges, name);

/*
 * V5: pages can be mapped only whole, so probe refuses a range of anything else;
 * otherwise each mmap() would fail. The ranges come with IDs that no device has.
 */
static void dmabuf_needs_whole_pages(struct kunit *test)
{
	const struct dmabuf_ranges_case *param = test->param_value;
	struct vpk_function_config other = dmabuf_function;
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn;

	other.vendor = 0x1fff;
	other.device = param->device;
	vpk_add_id(test, DRIVER, &other, param->range);
	fn = vpk_function_add(test, host, &other);
	vpk_host_probe(test, host);
	KUNIT_EXPECT_EQ(test, vpk_try_bind(test, fn, DRIVER), param->ret);
}

static int dmabuf_init(struct kunit *test)
{
	return vpk_variant_init(test, &dmabuf_variant);
}

VPK_VARIANT_CASES(dmabuf_cases,
		  KUNIT_CASE(dmabuf_maps_all_ranges),
		  KUNIT_CASE(dmabuf_mmap_phys),
		  KUNIT_CASE(dmabuf_write_combines),
		  KUNIT_CASE(dmabuf_not_prefetchable),
		  KUNIT_CASE(dmabuf_maps_parts),
		  KUNIT_CASE(dmabuf_zaps_all_ranges),
		  KUNIT_CASE(dmabuf_reopens),
		  KUNIT_CASE(dmabuf_region_info),
		  KUNIT_CASE(dmabuf_cuts_at_ranges),
		  KUNIT_CASE(dmabuf_importers),
		  KUNIT_CASE(dmabuf_bus_offsets),
		  KUNIT_CASE_PARAM(dmabuf_needs_whole_pages,
				   dmabuf_ranges_gen_params));

static struct kunit_suite dmabuf_suite = {
	.name = "dmabuf-vfio-pci",
	.init = dmabuf_init,
	.exit = vpk_case_exit,
	.test_cases = dmabuf_cases,
};

kunit_test_suite(dmabuf_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit suite of the dmabuf-vfio-pci driver");
