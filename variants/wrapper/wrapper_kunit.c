// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suite of the wrapper driver: what rule V2 of the contract asks of a
 * driver that hides a part of a BAR and then calls the core's mmap().
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * To be copied with the driver. Change the function below into one that your
 * driver drives, and say what it hides; the rest is the same for every driver
 * of this kind.
 */
#include <linux/mman.h>
#include <linux/sizes.h>

#include "vfio_pci_kunit.h"

#define DRIVER	"wrapper-vfio-pci"

/* BAR2, of which the upper half is hidden */
#define BAR	2
#define LEN	SZ_256K
#define VISIBLE	(LEN / 2)

static const struct vpk_function_config wrapper_function = {
	.vendor = PCI_VENDOR_ID_REDHAT_QUMRANET,
	.device = 0x1110,
	.bar_size = { [0] = SZ_4K, [BAR] = LEN },
	.pm = true,
	.no_soft_reset = true,
	.exp_flr = true,
};

/* BAR0, of which 64 KiB are visible, and BAR2, which is another way to it */
static const struct vpk_function_config wrapper_igb = {
	.vendor = PCI_VENDOR_ID_INTEL,
	.device = 0x10c9,
	.bar_size = { SZ_128K, SZ_128K, SZ_4K },
	.pm = true,
};

/*
 * V2, C4: the driver has opted out when it registers, not later. The fixture
 * looks at the flag while vfio_pci_core_register_device() runs.
 */
static void wrapper_opts_out_in_time(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &wrapper_function, DRIVER);

	KUNIT_ASSERT_TRUE(test, fn->registering_seen);
	KUNIT_EXPECT_FALSE(test, fn->flag_at_register);
	KUNIT_EXPECT_FALSE(test, fn->vdev->zap_bars_on_revoke);
}

/* V2: no mapping, of any BAR, is ever in the device's own address_space. */
static void wrapper_maps_dmabufs_only(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &wrapper_function, DRIVER);
	struct vpk_map *visible = vpk_map(test, fn, BAR, 0, PAGE_SIZE);
	struct vpk_map *other = vpk_map(test, fn, 0, 0, PAGE_SIZE);

	KUNIT_EXPECT_EQ(test, vpk_touch(visible, 0), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch(other, 0), 0);
	KUNIT_EXPECT_TRUE(test, vpk_in_dmabuf(visible));
	KUNIT_EXPECT_TRUE(test, vpk_in_dmabuf(other));
	KUNIT_EXPECT_FALSE(test, vpk_in_device_space(visible));
	KUNIT_EXPECT_FALSE(test, vpk_in_device_space(other));
}

/* C3: each path takes the last visible page away in time, and gives it back. */
static void wrapper_path(struct kunit *test)
{
	struct vpk_function *fn = vpk_path_device(test, &wrapper_function,
						  DRIVER);
	struct vpk_map *map = vpk_map(test, fn, BAR, VISIBLE - PAGE_SIZE,
				      PAGE_SIZE);

	vpk_path_check(test, map);
}

/* C3: review finding 2, a reader while VFIO_DEVICE_RESET goes from D3hot to D0. */
static void wrapper_reader_in_d0(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &wrapper_function, DRIVER);

	vpk_reader_in_d0_check(test, vpk_map(test, fn, BAR, 0, PAGE_SIZE));
}

/* C1: a mapping keeps the device open after its file is closed. */
static void wrapper_close(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &wrapper_function, DRIVER);
	struct vpk_map *map = vpk_map(test, fn, BAR, 0, PAGE_SIZE);

	vpk_close(fn);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	vpk_unmap(map);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
}

/* V2: what is hidden is not in the region's size. */
static void wrapper_hides_in_region_info(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &wrapper_function, DRIVER);
	struct vfio_region_info info;

	KUNIT_ASSERT_EQ(test, vpk_region_info(fn, BAR, &info), 0);
	KUNIT_EXPECT_EQ(test, info.size, VISIBLE);
	KUNIT_EXPECT_TRUE(test, info.flags & VFIO_REGION_INFO_FLAG_MMAP);
	KUNIT_ASSERT_EQ(test, vpk_region_info(fn, 0, &info), 0);
	KUNIT_EXPECT_EQ(test, info.size, SZ_4K);
	KUNIT_EXPECT_EQ(test, vpk_region_info(fn, VFIO_PCI_NUM_REGIONS, &info),
			-EINVAL);
}

/* V2: what is hidden cannot be read or written; an access is cut at its edge. */
static void wrapper_hides_in_read_and_write(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &wrapper_function, DRIVER);
	u32 val[2] = {};

	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, BAR, VISIBLE - 4, val, 4), 4);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, BAR, VISIBLE - 4, val, 8), 4);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, BAR, VISIBLE, val, 4),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, BAR, LEN - 4, val, 4),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_region_write(fn, BAR, VISIBLE - 4, val, 8),
			4);
	KUNIT_EXPECT_EQ(test, vpk_region_write(fn, BAR, VISIBLE, val, 4),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, BAR, 0, val, 0), 0);
	/* Other regions are as they were. */
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, 0, SZ_4K - 4, val, 4), 4);
	KUNIT_EXPECT_EQ(test, vpk_config_read(fn, PCI_VENDOR_ID, val, 2), 2);
	KUNIT_EXPECT_EQ(test, val[0], PCI_VENDOR_ID_REDHAT_QUMRANET);
}

struct wrapper_mmap_case {
	const char *name;
	u64 pos;
	u64 len;
	unsigned long flags;
	long ret;
};

#define AT(index, off)	(VFIO_PCI_INDEX_TO_OFFSET(index) + (off))

static const struct wrapper_mmap_case wrapper_mmaps[] = {
	{ "all_that_is_visible", AT(BAR, 0), VISIBLE, MAP_SHARED, 0 },
	{ "other_bar", AT(0, 0), SZ_4K, MAP_SHARED, 0 },
	{ "first_hidden_page", AT(BAR, VISIBLE), SZ_4K, MAP_SHARED, -EINVAL },
	{ "last_hidden_page", AT(BAR, LEN - SZ_4K), SZ_4K, MAP_SHARED,
	  -EINVAL },
	{ "one_page_too_many", AT(BAR, 0), VISIBLE + SZ_4K, MAP_SHARED,
	  -EINVAL },
	{ "across_the_edge", AT(BAR, VISIBLE - SZ_4K), 2 * SZ_4K, MAP_SHARED,
	  -EINVAL },
	{ "whole_bar", AT(BAR, 0), LEN, MAP_SHARED, -EINVAL },
	{ "beyond_the_bar", AT(BAR, LEN), SZ_4K, MAP_SHARED, -EINVAL },
	{ "into_the_next_region", AT(BAR + 1, 0) - SZ_4K, 2 * SZ_4K,
	  MAP_SHARED, -EINVAL },
	{ "wrapping_offset", AT(BAR, VFIO_PCI_OFFSET_MASK & PAGE_MASK),
	  SZ_4K, MAP_SHARED, -EINVAL },
	{ "end_of_all_offsets", (u64)LLONG_MAX & PAGE_MASK, SZ_4K, MAP_SHARED,
	  -EINVAL },
	{ "private", AT(BAR, 0), SZ_4K, MAP_PRIVATE, -EINVAL },
	{ "zero_length", AT(BAR, 0), 0, MAP_SHARED, -EINVAL },
	{ "config_space", AT(VFIO_PCI_CONFIG_REGION_INDEX, 0), SZ_4K,
	  MAP_SHARED, -EINVAL },
	{ "no_such_region", AT(VFIO_PCI_NUM_REGIONS, 0), SZ_4K, MAP_SHARED,
	  -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(wrapper_mmap, wrapper_mmaps, name);

/* V2: what may be mapped can be, what may not gives the documented errno. */
static void wrapper_mmap(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &wrapper_function, DRIVER);
	const struct wrapper_mmap_case *param = test->param_value;

	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, param->pos, param->len,
					   PROT_READ | PROT_WRITE,
					   param->flags), param->ret);
	/* A refused mmap() leaves nothing that keeps the device open. */
	vpk_close(fn);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
}

/* V2: what is hidden cannot be exported. */
static void wrapper_hides_in_dmabuf(struct kunit *test)
{
	const struct vfio_region_dma_range hidden = { VISIBLE, SZ_4K };
	const struct vfio_region_dma_range across = { VISIBLE - SZ_4K, SZ_8K };
	const struct vfio_region_dma_range both[] = {
		{ 0, SZ_4K }, { LEN - SZ_4K, SZ_4K },
	};
	struct vpk_function *fn;

	vpk_need_importers(test);
	fn = vpk_device(test, &wrapper_function, DRIVER);
	vpk_export(test, fn, BAR, VISIBLE - SZ_4K, SZ_4K);
	vpk_export(test, fn, 0, 0, SZ_4K);
	KUNIT_EXPECT_TRUE(test, IS_ERR(vpk_try_export(fn, BAR, &hidden, 1)));
	KUNIT_EXPECT_TRUE(test, IS_ERR(vpk_try_export(fn, BAR, &across, 1)));
	KUNIT_EXPECT_TRUE(test, IS_ERR(vpk_try_export(fn, BAR, both, 2)));
	/* Nor can what the PCI core says is not to be mapped. */
	fn->pdev->non_mappable_bars = 1;
	KUNIT_EXPECT_EQ(test, PTR_ERR(vpk_try_export(fn, BAR, both, 1)),
			-EINVAL);
	fn->pdev->non_mappable_bars = 0;
}

/* V2, C7: on a kernel without P2PDMA there is nothing to export. */
static void wrapper_without_p2pdma(struct kunit *test)
{
	struct vfio_region_dma_range range = { 0, SZ_4K };
	struct p2pdma_provider *provider;
	struct vfio_pci_core_device *vdev;
	struct phys_vec phys;

	if (IS_ENABLED(CONFIG_PCI_P2PDMA))
		kunit_skip(test, "this kernel has P2PDMA");
	vdev = vpk_device(test, &wrapper_function, DRIVER)->vdev;
	/* The core would not even ask. */
	KUNIT_EXPECT_EQ(test, vdev->pci_ops->get_dmabuf_phys(vdev, &provider,
							     BAR, &phys,
							     &range, 1),
			-EINVAL);
}

/* V2: an ioeventfd is a way to write anywhere in a BAR. */
static void wrapper_refuses_ioeventfd(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &wrapper_function, DRIVER);
	struct vfio_device_ioeventfd arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DEVICE_IOEVENTFD_32,
		.offset = AT(BAR, VISIBLE),
		.fd = -1,
	};

	KUNIT_EXPECT_EQ(test, vpk_ioctl(fn, VFIO_DEVICE_IOEVENTFD, &arg,
					sizeof(arg)), -ENOTTY);
}

/* V2: another BAR that leads to what is hidden is hidden as a whole. */
static void wrapper_hides_aliases(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &wrapper_igb, DRIVER);
	struct vfio_region_info info;
	u32 val;

	KUNIT_ASSERT_EQ(test, vpk_region_info(fn, 0, &info), 0);
	KUNIT_EXPECT_EQ(test, info.size, SZ_64K);
	KUNIT_ASSERT_EQ(test, vpk_region_info(fn, 1, &info), 0);
	KUNIT_EXPECT_EQ(test, info.size, SZ_128K);
	KUNIT_ASSERT_EQ(test, vpk_region_info(fn, 2, &info), 0);
	KUNIT_EXPECT_EQ(test, info.size, 0);
	KUNIT_EXPECT_EQ(test, info.flags, 0);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, 2, 0, &val, 4), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_region_write(fn, 2, 0, &val, 4), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, AT(2, 0), SZ_4K,
					   PROT_READ, MAP_SHARED), -EINVAL);
}

/* V2: a page that is hidden in part cannot be mapped, only read. */
static void wrapper_hides_parts_of_pages(struct kunit *test)
{
	struct vpk_function_config tiny = wrapper_function;
	struct vfio_region_info info;
	struct vpk_function *fn;
	u32 val;

	tiny.bar_size[BAR] = SZ_4K;
	fn = vpk_device(test, &tiny, DRIVER);
	KUNIT_ASSERT_EQ(test, vpk_region_info(fn, BAR, &info), 0);
	KUNIT_EXPECT_EQ(test, info.size, SZ_2K);
	KUNIT_EXPECT_FALSE(test, info.flags & VFIO_REGION_INFO_FLAG_MMAP);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, BAR, SZ_2K - 4, &val, 4), 4);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, BAR, SZ_2K, &val, 4),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, AT(BAR, 0), SZ_4K,
					   PROT_READ, MAP_SHARED), -EINVAL);
}

/* driver_override can bring any device: one that is not known is refused. */
static void wrapper_refuses_strangers(struct kunit *test)
{
	const struct vpk_function_config stranger = { .bar_size = { SZ_4K } };
	struct vpk_function_config small = wrapper_igb;
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *a, *b;

	small.bar_size[0] = SZ_32K;
	a = vpk_function_add(test, host, &stranger);
	b = vpk_function_add(test, host, &small);
	vpk_host_probe(test, host);
	KUNIT_EXPECT_EQ(test, vpk_try_bind(test, a, DRIVER), -ENODEV);
	KUNIT_EXPECT_EQ(test, vpk_try_bind(test, b, DRIVER), -ENODEV);
}

/* Each allocation in probe, open, mmap and export fails once. */
static void wrapper_error_paths(struct kunit *test)
{
	vpk_faults_probe_check(test, &wrapper_function, DRIVER);
}

static void wrapper_error_paths_of_open(struct kunit *test)
{
	vpk_faults_open_check(test, &wrapper_function, DRIVER);
}

static void wrapper_error_paths_of_mmap(struct kunit *test)
{
	vpk_faults_mmap_check(test, &wrapper_function, DRIVER, BAR);
}

static void wrapper_error_paths_of_export(struct kunit *test)
{
	vpk_faults_export_check(test, &wrapper_function, DRIVER, BAR);
}

/* rmmod and modprobe, with a device that is bound. */
static void wrapper_reloads(struct kunit *test)
{
	vpk_reload_check(test, &wrapper_function, DRIVER, "wrapper_vfio_driver");
}

static struct kunit_case wrapper_cases[] = {
	KUNIT_CASE(wrapper_opts_out_in_time),
	KUNIT_CASE(wrapper_maps_dmabufs_only),
	KUNIT_CASE_PARAM(wrapper_path, vpk_path_gen_params),
	KUNIT_CASE(wrapper_reader_in_d0),
	KUNIT_CASE(wrapper_close),
	KUNIT_CASE(wrapper_hides_in_region_info),
	KUNIT_CASE(wrapper_hides_in_read_and_write),
	KUNIT_CASE_PARAM(wrapper_mmap, wrapper_mmap_gen_params),
	KUNIT_CASE(wrapper_hides_in_dmabuf),
	KUNIT_CASE(wrapper_without_p2pdma),
	KUNIT_CASE(wrapper_refuses_ioeventfd),
	KUNIT_CASE(wrapper_hides_aliases),
	KUNIT_CASE(wrapper_hides_parts_of_pages),
	KUNIT_CASE(wrapper_refuses_strangers),
	KUNIT_CASE(wrapper_error_paths),
	KUNIT_CASE(wrapper_error_paths_of_open),
	KUNIT_CASE(wrapper_error_paths_of_mmap),
	KUNIT_CASE(wrapper_error_paths_of_export),
	KUNIT_CASE(wrapper_reloads),
	{}
};

static struct kunit_suite wrapper_suite = {
	.name = "wrapper-vfio-pci",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = wrapper_cases,
};

kunit_test_suite(wrapper_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit suite of the wrapper-vfio-pci driver");
