// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suite of the remap driver: what rules V3, V4 and V6 of the contract
 * ask of a driver that maps PFNs into the device's own address_space.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * To be copied with the driver. Change the function below into one that your
 * driver drives, and say which region it maps by hand; the rest is the same
 * for every driver of this kind.
 */
#include <linux/mman.h>
#include <linux/sizes.h>

#include "vfio_pci_kunit.h"

#define DRIVER	"remap-vfio-pci"

/* The region that is mapped by hand: the upper half of BAR2, from 0 on */
#define BAR	2
#define LEN	SZ_256K
#define SIZE	(LEN / 2)

static const struct vpk_function_config remap_function = {
	.vendor = PCI_VENDOR_ID_REDHAT_QUMRANET,
	.device = 0x1110,
	.bar_size = { [0] = SZ_16K, [BAR] = LEN },
	.pm = true,
	.no_soft_reset = true,
	.exp_flr = true,
};

/*
 * V3, C4: the default flag is what this driver needs, and it has it when it
 * registers. The fixture looks at it while vfio_pci_core_register_device()
 * runs.
 */
static void remap_keeps_the_flag(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &remap_function, DRIVER);

	KUNIT_ASSERT_TRUE(test, fn->registering_seen);
	KUNIT_EXPECT_TRUE(test, fn->flag_at_register);
	KUNIT_EXPECT_TRUE(test, fn->vdev->zap_bars_on_revoke);
}

/* V3, V6: its own PTEs are in the device's address_space, others are not. */
static void remap_maps_by_hand(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &remap_function, DRIVER);
	struct vpk_map *own = vpk_map(test, fn, BAR, 0, 2 * PAGE_SIZE);
	struct vpk_map *core = vpk_map(test, fn, 0, PAGE_SIZE, PAGE_SIZE);
	unsigned long pfn;

	KUNIT_EXPECT_TRUE(test, vpk_in_device_space(own));
	KUNIT_EXPECT_FALSE(test, vpk_in_device_space(core));
	KUNIT_EXPECT_TRUE(test, vpk_in_dmabuf(core));
	KUNIT_EXPECT_EQ(test, vpk_touch(own, PAGE_SIZE), 0);
	KUNIT_ASSERT_EQ(test, vpk_pfn(own, PAGE_SIZE, &pfn, NULL), 0);
	KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(fn, BAR, SIZE + PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, vpk_touch(core, 0), 0);
	KUNIT_ASSERT_EQ(test, vpk_pfn(core, 0, &pfn, NULL), 0);
	KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(fn, 0, PAGE_SIZE));
}

/* C3, V3: each path takes the last page away in time, and gives it back. */
static void remap_path(struct kunit *test)
{
	struct vpk_function *fn = vpk_path_device(test, &remap_function,
						  DRIVER);

	vpk_path_check(test, vpk_map(test, fn, BAR, SIZE - PAGE_SIZE,
				     PAGE_SIZE));
}

/* V6: and so it does with what the core has mapped. */
static void remap_path_of_other_bar(struct kunit *test)
{
	struct vpk_function *fn = vpk_path_device(test, &remap_function,
						  DRIVER);

	vpk_path_check(test, vpk_map(test, fn, 0, PAGE_SIZE, PAGE_SIZE));
}

/* C3: review finding 2, a reader while VFIO_DEVICE_RESET goes from D3hot to D0. */
static void remap_reader_in_d0(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &remap_function, DRIVER);

	vpk_reader_in_d0_check(test, vpk_map(test, fn, BAR, 0, PAGE_SIZE));
}

/* V4: all of it is there when mmap() returns to a user process... */
static void remap_is_eager(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &remap_function, DRIVER);
	struct vpk_map *map;
	unsigned long pfn;

	vpk_as_user_begin();
	map = vpk_map(test, fn, BAR, PAGE_SIZE, 4 * PAGE_SIZE);
	/* Not from .mmap itself: a revocation would not see it yet. */
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	vpk_as_user_end();
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, 3 * PAGE_SIZE));
	KUNIT_ASSERT_EQ(test, vpk_pfn(map, 3 * PAGE_SIZE, &pfn, NULL), 0);
	KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(fn, BAR, SIZE + 4 * PAGE_SIZE));

	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 3 * PAGE_SIZE));
}

/* V4: ... unless the device cannot be accessed then: .fault does it later. */
static void remap_is_not_too_eager(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &remap_function, DRIVER);
	struct vpk_map *map;

	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	vpk_as_user_begin();
	map = vpk_map(test, fn, BAR, 0, PAGE_SIZE);
	vpk_as_user_end();
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
}

/* C10: huge pages where the architecture has them. */
static void remap_huge(struct kunit *test)
{
	struct vpk_function_config large = remap_function;
	unsigned long pfn, size;
	struct vpk_function *fn;
	struct vpk_map *map;

	if (!IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP))
		kunit_skip(test, "this architecture maps PFNs page by page");
	large.bar_size[BAR] = SZ_16M;
	fn = vpk_device(test, &large, DRIVER);
	map = vpk_map(test, fn, BAR, 0, SZ_8M);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, SZ_4M), 0);
	KUNIT_ASSERT_EQ(test, vpk_pfn(map, SZ_4M, &pfn, &size), 0);
	KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(fn, BAR, SZ_8M + SZ_4M));
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, SZ_4M));
}

/* C1: a mapping keeps the device open after its file is closed. */
static void remap_close(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &remap_function, DRIVER);
	struct vpk_map *map = vpk_map(test, fn, BAR, 0, PAGE_SIZE);

	vpk_close(fn);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	vpk_unmap(map);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
}

/* V3: region info, read and write agree with mmap() on what the region is. */
static void remap_layout(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &remap_function, DRIVER);
	struct vfio_region_info info;
	u32 val[2] = {};

	KUNIT_ASSERT_EQ(test, vpk_region_info(fn, BAR, &info), 0);
	KUNIT_EXPECT_EQ(test, info.size, SIZE);
	KUNIT_EXPECT_TRUE(test, info.flags & VFIO_REGION_INFO_FLAG_MMAP);
	KUNIT_ASSERT_EQ(test, vpk_region_info(fn, 0, &info), 0);
	KUNIT_EXPECT_EQ(test, info.size, SZ_16K);
	KUNIT_EXPECT_EQ(test, vpk_region_info(fn, VFIO_PCI_NUM_REGIONS, &info),
			-EINVAL);

	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, BAR, SIZE - 4, val, 4), 4);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, BAR, SIZE - 4, val, 8), 4);
	KUNIT_EXPECT_LT(test, vpk_region_read(fn, BAR, SIZE, val, 4), 0);
	KUNIT_EXPECT_EQ(test, vpk_region_write(fn, BAR, SIZE - 4, val, 4), 4);
	KUNIT_EXPECT_LT(test, vpk_region_write(fn, BAR, SIZE, val, 4), 0);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, 0, SZ_16K - 4, val, 4), 4);
}

struct remap_mmap_case {
	const char *name;
	u64 pos;
	u64 len;
	unsigned long flags;
	long ret;
};

#define AT(index, off)	(VFIO_PCI_INDEX_TO_OFFSET(index) + (off))

static const struct remap_mmap_case remap_mmaps[] = {
	{ "all_of_it", AT(BAR, 0), SIZE, MAP_SHARED, 0 },
	{ "other_bar", AT(0, 0), SZ_16K, MAP_SHARED, 0 },
	{ "one_page_too_many", AT(BAR, 0), SIZE + SZ_4K, MAP_SHARED, -EINVAL },
	{ "beyond", AT(BAR, SIZE), SZ_4K, MAP_SHARED, -EINVAL },
	{ "across_the_end", AT(BAR, SIZE - SZ_4K), SZ_8K, MAP_SHARED, -EINVAL },
	{ "wrapping_offset", AT(BAR, VFIO_PCI_OFFSET_MASK & PAGE_MASK), SZ_4K,
	  MAP_SHARED, -EINVAL },
	{ "into_the_next_region", AT(BAR + 1, 0) - SZ_4K, SZ_8K, MAP_SHARED,
	  -EINVAL },
	{ "private", AT(BAR, 0), SZ_4K, MAP_PRIVATE, -EINVAL },
	{ "private_other_bar", AT(0, 0), SZ_4K, MAP_PRIVATE, -EINVAL },
	{ "zero_length", AT(BAR, 0), 0, MAP_SHARED, -EINVAL },
	{ "other_bar_beyond", AT(0, SZ_16K), SZ_4K, MAP_SHARED, -EINVAL },
	{ "no_such_region", AT(VFIO_PCI_NUM_REGIONS, 0), SZ_4K, MAP_SHARED,
	  -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(remap_mmap, remap_mmaps, name);

/* V3: what may be mapped can be, what may not gives the documented errno. */
static void remap_mmap(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &remap_function, DRIVER);
	const struct remap_mmap_case *param = test->param_value;

	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, param->pos, param->len,
					   PROT_READ | PROT_WRITE,
					   param->flags), param->ret);
	/* A refused mmap() leaves nothing that keeps the device open. */
	vpk_close(fn);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
}

/* V3: an importer gets the memory where mmap() has it. */
static void remap_dmabuf(struct kunit *test)
{
	const struct vfio_region_dma_range beyond = { SIZE, SZ_4K };
	const struct vfio_region_dma_range across = { SIZE - SZ_4K, SZ_8K };
	const struct vfio_region_dma_range wraps = { -SZ_4K, SZ_4K };
	struct vpk_function *fn;

	vpk_need_importers(test);
	fn = vpk_device(test, &remap_function, DRIVER);
	vpk_export(test, fn, BAR, SIZE - SZ_4K, SZ_4K);
	vpk_export(test, fn, 0, 0, SZ_16K);
	KUNIT_EXPECT_TRUE(test, IS_ERR(vpk_try_export(fn, BAR, &beyond, 1)));
	KUNIT_EXPECT_TRUE(test, IS_ERR(vpk_try_export(fn, BAR, &across, 1)));
	KUNIT_EXPECT_TRUE(test, IS_ERR(vpk_try_export(fn, BAR, &wraps, 1)));
}

/* V3: what the PCI core says is not to be mapped is not, by PFN neither. */
static void remap_not_mappable(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vfio_region_info info;
	struct vpk_function *fn;

	fn = vpk_function_add(test, host, &remap_function);
	vpk_host_probe(test, host);
	fn->pdev->non_mappable_bars = 1;
	vpk_bind(test, fn, DRIVER);
	vpk_open(test, fn);
	KUNIT_ASSERT_EQ(test, vpk_region_info(fn, BAR, &info), 0);
	KUNIT_EXPECT_FALSE(test, info.flags & VFIO_REGION_INFO_FLAG_MMAP);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, AT(BAR, 0), SZ_4K,
					   PROT_READ, MAP_SHARED), -EINVAL);
}

/* V3: an ioeventfd knows the BAR's layout only. */
static void remap_refuses_ioeventfd(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &remap_function, DRIVER);
	struct vfio_device_ioeventfd arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DEVICE_IOEVENTFD_32,
		.offset = AT(BAR, 0),
		.fd = -1,
	};

	KUNIT_EXPECT_EQ(test, vpk_ioctl(fn, VFIO_DEVICE_IOEVENTFD, &arg,
					sizeof(arg)), -ENOTTY);
}

/* driver_override can bring any device: one that is not known is refused. */
static void remap_refuses_strangers(struct kunit *test)
{
	const struct vpk_function_config stranger = { .bar_size = { SZ_4K } };
	struct vpk_function_config none = remap_function, small = remap_function;
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn[3];
	int i;

	none.bar_size[BAR] = 0;
	small.bar_size[BAR] = SZ_4K;
	fn[0] = vpk_function_add(test, host, &stranger);
	fn[1] = vpk_function_add(test, host, &none);
	fn[2] = vpk_function_add(test, host, &small);
	vpk_host_probe(test, host);
	for (i = 0; i < ARRAY_SIZE(fn); i++)
		KUNIT_EXPECT_EQ(test, vpk_try_bind(test, fn[i], DRIVER),
				-ENODEV);
}

/* Each allocation in probe, open, mmap and export fails once. */
static void remap_error_paths(struct kunit *test)
{
	vpk_faults_probe_check(test, &remap_function, DRIVER);
}

static void remap_error_paths_of_open(struct kunit *test)
{
	vpk_faults_open_check(test, &remap_function, DRIVER);
}

static void remap_error_paths_of_mmap(struct kunit *test)
{
	vpk_faults_mmap_check(test, &remap_function, DRIVER, BAR);
}

static void remap_error_paths_of_export(struct kunit *test)
{
	vpk_faults_export_check(test, &remap_function, DRIVER, BAR);
}

/* rmmod and modprobe, with a device that is bound. */
static void remap_reloads(struct kunit *test)
{
	vpk_reload_check(test, &remap_function, DRIVER, "remap_vfio_driver");
}

static struct kunit_case remap_cases[] = {
	KUNIT_CASE(remap_keeps_the_flag),
	KUNIT_CASE(remap_maps_by_hand),
	KUNIT_CASE_PARAM(remap_path, vpk_path_gen_params),
	KUNIT_CASE_PARAM(remap_path_of_other_bar, vpk_path_gen_params),
	KUNIT_CASE(remap_reader_in_d0),
	KUNIT_CASE(remap_is_eager),
	KUNIT_CASE(remap_is_not_too_eager),
	KUNIT_CASE(remap_huge),
	KUNIT_CASE(remap_close),
	KUNIT_CASE(remap_layout),
	KUNIT_CASE_PARAM(remap_mmap, remap_mmap_gen_params),
	KUNIT_CASE(remap_dmabuf),
	KUNIT_CASE(remap_not_mappable),
	KUNIT_CASE(remap_refuses_ioeventfd),
	KUNIT_CASE(remap_refuses_strangers),
	KUNIT_CASE(remap_error_paths),
	KUNIT_CASE(remap_error_paths_of_open),
	KUNIT_CASE(remap_error_paths_of_mmap),
	KUNIT_CASE(remap_error_paths_of_export),
	KUNIT_CASE(remap_reloads),
	{}
};

static struct kunit_suite remap_suite = {
	.name = "remap-vfio-pci",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = remap_cases,
};

kunit_test_suite(remap_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit suite of the remap-vfio-pci driver");
