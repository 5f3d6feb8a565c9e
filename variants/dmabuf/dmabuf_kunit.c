// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suite of the dmabuf driver: what rule V5 of the contract asks of a
 * driver with a region of its own, made of several physical ranges.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * To be copied with the driver. Change the function below into one that your
 * driver drives, and say what its region is made of; the rest is the same for
 * every driver of this kind.
 */
#include <linux/mman.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>

#include "vfio_pci_kunit.h"

#define DRIVER	"dmabuf-vfio-pci"

/* The region: the second 64 KiB of BAR2, and then the first */
#define REGION	VFIO_PCI_NUM_REGIONS
#define BAR	2
#define RANGE	SZ_64K
#define SIZE	(2 * RANGE)

static const struct vpk_function_config dmabuf_function = {
	.vendor = PCI_VENDOR_ID_REDHAT_QUMRANET,
	.device = 0x1110,
	.bar_size = { [0] = SZ_4K, [BAR] = SZ_256K },
	.pm = true,
	.no_soft_reset = true,
	.exp_flr = true,
};

/* Where a page of the region is in the BAR. */
static u64 dmabuf_where(u64 off)
{
	return off < RANGE ? off + RANGE : off - RANGE;
}

/*
 * V5, C4: the driver has opted out when it registers, not later. The fixture
 * looks at the flag while vfio_pci_core_register_device() runs.
 */
static void dmabuf_opts_out_in_time(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &dmabuf_function, DRIVER);

	KUNIT_ASSERT_TRUE(test, fn->registering_seen);
	KUNIT_EXPECT_FALSE(test, fn->flag_at_register);
	KUNIT_EXPECT_FALSE(test, fn->vdev->zap_bars_on_revoke);
}

/* V5: one VMA over all the ranges, backed by a DMABUF, in the right order. */
static void dmabuf_maps_all_ranges(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &dmabuf_function, DRIVER);
	struct vpk_map *map = vpk_map(test, fn, REGION, 0, SIZE);
	unsigned long pfn;
	u64 off;

	KUNIT_EXPECT_TRUE(test, vpk_in_dmabuf(map));
	KUNIT_EXPECT_FALSE(test, vpk_in_device_space(map));
	for (off = 0; off < SIZE; off += PAGE_SIZE) {
		KUNIT_ASSERT_EQ(test, vpk_touch(map, off), 0);
		KUNIT_ASSERT_EQ(test, vpk_pfn(map, off, &pfn, NULL), 0);
		KUNIT_EXPECT_EQ_MSG(test, pfn,
				    vpk_bar_pfn(fn, BAR, dmabuf_where(off)),
				    "offset %#llx", off);
	}
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
	KUNIT_EXPECT_TRUE(test, vpk_in_dmabuf(bar));
	KUNIT_EXPECT_FALSE(test, vpk_in_device_space(bar));
	KUNIT_ASSERT_EQ(test, vpk_pfn(bar, 0, &pfn, NULL), 0);
	KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(fn, BAR, 0));
}

/* C3: each path takes the last page away in time, and gives it back. */
static void dmabuf_path(struct kunit *test)
{
	struct vpk_function *fn = vpk_path_device(test, &dmabuf_function,
						  DRIVER);

	vpk_path_check(test, vpk_map(test, fn, REGION, SIZE - PAGE_SIZE,
				     PAGE_SIZE));
}

/* C3: and so it does with a BAR. */
static void dmabuf_path_of_bar(struct kunit *test)
{
	struct vpk_function *fn = vpk_path_device(test, &dmabuf_function,
						  DRIVER);

	vpk_path_check(test, vpk_map(test, fn, BAR, PAGE_SIZE, PAGE_SIZE));
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

/* C3: review finding 2, a reader while VFIO_DEVICE_RESET goes from D3hot to D0. */
static void dmabuf_reader_in_d0(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &dmabuf_function, DRIVER);

	vpk_reader_in_d0_check(test, vpk_map(test, fn, REGION, 0, PAGE_SIZE));
}

/* C1: a mapping keeps the device, and with it the region, after close. */
static void dmabuf_close(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &dmabuf_function, DRIVER);
	struct vpk_map *map = vpk_map(test, fn, REGION, 0, PAGE_SIZE);

	vpk_close(fn);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	vpk_unmap(map);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
	/* Opened again, the region is there again, once. */
	vpk_open(test, fn);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn,
					   VFIO_PCI_INDEX_TO_OFFSET(REGION),
					   SIZE, PROT_READ, MAP_SHARED), 0);
	KUNIT_EXPECT_EQ(test, fn->vdev->num_regions, 1);
}

/*
 * V5: region info has type and size. The sparse-mmap capability has an area for each
 * range: user space learns from it what one dma_range of an export may span.
 */
static void dmabuf_region_info(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &dmabuf_function, DRIVER);
	struct {
		struct vfio_region_info info;
		u8 caps[128];
	} arg = { .info = { .argsz = sizeof(arg), .index = REGION } };
	struct vfio_info_cap_header *header;
	bool type = false, sparse = false;
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
		}
	}
	KUNIT_EXPECT_TRUE(test, type);
	KUNIT_EXPECT_TRUE(test, sparse);
}

/* V5: an access is cut at the end of a range, and refused behind the region. */
static void dmabuf_read_and_write(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &dmabuf_function, DRIVER);
	u32 val[2] = {};

	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, REGION, 0, val, 4), 4);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, REGION, RANGE - 4, val, 8),
			4);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, REGION, RANGE, val, 8), 8);
	KUNIT_EXPECT_EQ(test, vpk_region_write(fn, REGION, SIZE - 4, val, 8),
			4);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, REGION, SIZE, val, 4),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_region_write(fn, REGION, SIZE, val, 4),
			-EINVAL);
	/* Without memory there is no access either. */
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	KUNIT_EXPECT_LT(test, vpk_region_read(fn, REGION, 0, val, 4), 0);
}

struct dmabuf_mmap_case {
	const char *name;
	u64 pos;
	u64 len;
	unsigned long flags;
	long ret;
};

#define AT(index, off)	(VFIO_PCI_INDEX_TO_OFFSET(index) + (off))

static const struct dmabuf_mmap_case dmabuf_mmaps[] = {
	{ "all_of_it", AT(REGION, 0), SIZE, MAP_SHARED, 0 },
	{ "bar", AT(BAR, 0), SZ_256K, MAP_SHARED, 0 },
	{ "one_page_too_many", AT(REGION, 0), SIZE + SZ_4K, MAP_SHARED,
	  -EINVAL },
	{ "beyond", AT(REGION, SIZE), SZ_4K, MAP_SHARED, -EINVAL },
	{ "across_the_end", AT(REGION, SIZE - SZ_4K), SZ_8K, MAP_SHARED,
	  -EINVAL },
	{ "wrapping_offset", AT(REGION, VFIO_PCI_OFFSET_MASK & PAGE_MASK),
	  SZ_4K, MAP_SHARED, -EINVAL },
	{ "private", AT(REGION, 0), SZ_4K, MAP_PRIVATE, -EINVAL },
	{ "zero_length", AT(REGION, 0), 0, MAP_SHARED, -EINVAL },
	{ "next_region", AT(REGION + 1, 0), SZ_4K, MAP_SHARED, -EINVAL },
	{ "config_space", AT(VFIO_PCI_CONFIG_REGION_INDEX, 0), SZ_4K,
	  MAP_SHARED, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(dmabuf_mmap, dmabuf_mmaps, name);

/* V5: what may be mapped can be, what may not gives the documented errno. */
static void dmabuf_mmap(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &dmabuf_function, DRIVER);
	const struct dmabuf_mmap_case *param = test->param_value;

	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, param->pos, param->len,
					   PROT_READ | PROT_WRITE,
					   param->flags), param->ret);
	/* A refused mmap() leaves nothing that keeps the device open. */
	vpk_close(fn);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
}

/* V5: importers get the layout that mmap() shows, and no more. */
static void dmabuf_importers(struct kunit *test)
{
	const struct vfio_region_dma_range all[] = {
		{ 0, RANGE }, { RANGE, RANGE },
	};
	const struct vfio_region_dma_range across = { RANGE - SZ_4K, SZ_8K };
	const struct vfio_region_dma_range beyond = { SIZE, SZ_4K };
	const struct vfio_region_dma_range wraps = { SIZE - SZ_4K, -SZ_4K };
	const struct vpk_function_config small = { .bar_size = { SZ_4K } };
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
	KUNIT_EXPECT_TRUE(test, IS_ERR(vpk_try_export(fn, REGION, &beyond, 1)));
	KUNIT_EXPECT_TRUE(test, IS_ERR(vpk_try_export(fn, REGION, &wraps, 1)));
	vpk_export(test, fn, BAR, 0, SZ_256K);
	/* What the PCI core says is not to be mapped is not for importers. */
	fn->pdev->non_mappable_bars = 1;
	KUNIT_EXPECT_EQ(test, PTR_ERR(vpk_try_export(fn, REGION, all, 2)),
			-EOPNOTSUPP);
	fn->pdev->non_mappable_bars = 0;

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

/* driver_override can bring any device: one that is not known is refused. */
static void dmabuf_refuses_strangers(struct kunit *test)
{
	const struct vpk_function_config stranger = { .bar_size = { SZ_4K } };
	struct vpk_function_config small = dmabuf_function;
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *a, *b;

	small.bar_size[BAR] = SIZE / 2;
	a = vpk_function_add(test, host, &stranger);
	b = vpk_function_add(test, host, &small);
	vpk_host_probe(test, host);
	KUNIT_EXPECT_EQ(test, vpk_try_bind(test, a, DRIVER), -ENODEV);
	KUNIT_EXPECT_EQ(test, vpk_try_bind(test, b, DRIVER), -ENODEV);
}

/* As main.c has it. */
struct dmabuf_vfio_range {
	unsigned int bar;
	u64 offset, len;
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
 * V5: pages can be mapped only whole, so a range of anything else is refused by
 * probe, not by each mmap(). The ranges come with IDs that no device has,
 * entered as new_id in sysfs does it.
 */
static void dmabuf_needs_whole_pages(struct kunit *test)
{
	const struct dmabuf_ranges_case *param = test->param_value;
	struct vpk_function_config other = dmabuf_function;
	struct vpk_host *host = vpk_host_create(test);
	struct device_driver *drv;
	struct vpk_function *fn;

	drv = driver_find(DRIVER, &pci_bus_type);
	KUNIT_ASSERT_NOT_NULL(test, drv);
	other.vendor = 0x1fff;
	other.device = param->device;
	KUNIT_ASSERT_EQ(test, pci_add_dynid(to_pci_driver(drv), other.vendor, other.device,
					    PCI_ANY_ID, PCI_ANY_ID, 0, 0,
					    (kernel_ulong_t)param->range), 0);
	fn = vpk_function_add(test, host, &other);
	vpk_host_probe(test, host);
	KUNIT_EXPECT_EQ(test, vpk_try_bind(test, fn, DRIVER), param->ret);
}

/* Each allocation in probe, open, mmap and export fails once. */
static void dmabuf_error_paths(struct kunit *test)
{
	vpk_faults_probe_check(test, &dmabuf_function, DRIVER);
}

static void dmabuf_error_paths_of_open(struct kunit *test)
{
	vpk_faults_open_check(test, &dmabuf_function, DRIVER);
}

static void dmabuf_error_paths_of_mmap(struct kunit *test)
{
	vpk_faults_mmap_check(test, &dmabuf_function, DRIVER, REGION);
}

static void dmabuf_error_paths_of_export(struct kunit *test)
{
	vpk_faults_export_check(test, &dmabuf_function, DRIVER, REGION);
}

/* rmmod and modprobe, with a device that is bound. */
static void dmabuf_reloads(struct kunit *test)
{
	vpk_reload_check(test, &dmabuf_function, DRIVER, "dmabuf_vfio_driver");
}

static struct kunit_case dmabuf_cases[] = {
	KUNIT_CASE(dmabuf_opts_out_in_time),
	KUNIT_CASE(dmabuf_maps_all_ranges),
	KUNIT_CASE(dmabuf_maps_parts),
	KUNIT_CASE_PARAM(dmabuf_path, vpk_path_gen_params),
	KUNIT_CASE_PARAM(dmabuf_path_of_bar, vpk_path_gen_params),
	KUNIT_CASE(dmabuf_zaps_all_ranges),
	KUNIT_CASE(dmabuf_reader_in_d0),
	KUNIT_CASE(dmabuf_close),
	KUNIT_CASE(dmabuf_region_info),
	KUNIT_CASE(dmabuf_read_and_write),
	KUNIT_CASE_PARAM(dmabuf_mmap, dmabuf_mmap_gen_params),
	KUNIT_CASE(dmabuf_importers),
	KUNIT_CASE(dmabuf_refuses_strangers),
	KUNIT_CASE_PARAM(dmabuf_needs_whole_pages, dmabuf_ranges_gen_params),
	KUNIT_CASE(dmabuf_error_paths),
	KUNIT_CASE(dmabuf_error_paths_of_open),
	KUNIT_CASE(dmabuf_error_paths_of_mmap),
	KUNIT_CASE(dmabuf_error_paths_of_export),
	KUNIT_CASE(dmabuf_reloads),
	{}
};

static struct kunit_suite dmabuf_suite = {
	.name = "dmabuf-vfio-pci",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = dmabuf_cases,
};

kunit_test_suite(dmabuf_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit suite of the dmabuf-vfio-pci driver");
