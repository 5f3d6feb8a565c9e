// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suite of the remap driver: what rules V3, V4 and V6 of the contract
 * ask of a driver that maps PFNs into the device's own address_space.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * Copy it with the driver. Change the function below into one that your driver
 * drives, and the struct vpk_variant into what your driver is like: the shared
 * cases of VPK_VARIANT_CASES() take all that they know from there. The cases in
 * this file are about what is particular to this driver.
 */
#include <linux/mman.h>
#include <linux/sizes.h>

#include "vfio_pci_kunit.h"

#define DRIVER	"remap-vfio-pci"

/* The driver maps the upper half of BAR2, which the user sees from 0 on. */
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

static const struct vpk_function_config remap_strangers[] = {
	/* An ivshmem without its memory. */
	{
		.vendor = PCI_VENDOR_ID_REDHAT_QUMRANET,
		.device = 0x1110,
		.bar_size = { SZ_16K },
	},
	/* One with memory of which half is less than a page. */
	{
		.vendor = PCI_VENDOR_ID_REDHAT_QUMRANET,
		.device = 0x1110,
		.bar_size = { [0] = SZ_16K, [BAR] = SZ_4K },
	},
};

static const struct vpk_variant remap_variant = {
	.driver = DRIVER,
	.symbol = "remap_vfio_driver",
	.config = &remap_function,
	.region = BAR,
	.size = SIZE,
	.by_hand = true,
	.other = 0,
	.ioeventfd = -ENOTTY,
	.strangers = remap_strangers,
	.nr_strangers = ARRAY_SIZE(remap_strangers),
};

/* V3, V6: each page of the memory is where the layout has it. */
static void remap_maps_the_layout(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &remap_function, DRIVER);
	struct vpk_map *own = vpk_map(test, fn, BAR, 0, 2 * PAGE_SIZE);
	struct vpk_map *core = vpk_map(test, fn, 0, PAGE_SIZE, PAGE_SIZE);
	unsigned long pfn;

	KUNIT_EXPECT_EQ(test, vpk_touch(own, PAGE_SIZE), 0);
	KUNIT_ASSERT_EQ(test, vpk_pfn(own, PAGE_SIZE, &pfn, NULL), 0);
	KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(fn, BAR, SIZE + PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, vpk_touch(core, 0), 0);
	KUNIT_ASSERT_EQ(test, vpk_pfn(core, 0, &pfn, NULL), 0);
	KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(fn, 0, PAGE_SIZE));
}

/* V2: read() and write() show the layout that mmap() shows. */
static void remap_reads_the_layout(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &remap_function, DRIVER);
	u8 *memory = vpk_bar_ram(test, fn, BAR);
	u32 val = 0x2a2a2a2a;

	KUNIT_EXPECT_EQ(test, vpk_region_write(fn, BAR, 8, &val, 4), 4);
	KUNIT_EXPECT_EQ(test, memory[SIZE + 8], 0x2a);
	KUNIT_EXPECT_EQ(test, memory[8], 0);
	memory[SIZE + 16] = 0x17;
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, BAR, 16, &val, 4), 4);
	KUNIT_EXPECT_EQ(test, val, 0x17);
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
	unsigned long pfn;
	struct vpk_function *fn;
	struct vpk_map *map;

	if (!IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP))
		kunit_skip(test, "this architecture maps PFNs page by page");
	large.bar_size[BAR] = SZ_16M;
	fn = vpk_device(test, &large, DRIVER);
	map = vpk_map(test, fn, BAR, 0, SZ_8M);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, SZ_4M), 0);
	KUNIT_ASSERT_EQ(test, vpk_pfn(map, SZ_4M, &pfn, NULL), 0);
	KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(fn, BAR, SZ_8M + SZ_4M));
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, SZ_4M));
}

/*
 * V3, C10: where address and memory are not aligned to each other, a large entry
 * would map the wrong memory. There are single pages then, and the right ones.
 */
static void remap_not_aligned(struct kunit *test)
{
	struct vpk_function_config large = remap_function;
	unsigned long addr, off, pfn, size;
	struct vpk_function *fn;
	struct vpk_map map;

	large.bar_size[BAR] = SZ_16M;
	fn = vpk_device(test, &large, DRIVER);
	addr = kunit_vm_mmap(test, NULL, 0, SZ_16M, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS, 0);
	KUNIT_ASSERT_FALSE(test, !addr || IS_ERR_VALUE(addr));
	map.fn = fn;
	map.len = SZ_8M;
	map.addr = vm_mmap(fn->device, ALIGN(addr, SZ_4M) + PAGE_SIZE, map.len,
			   PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			   VFIO_PCI_INDEX_TO_OFFSET(BAR));
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(map.addr));
	for (off = 0; off < map.len; off += SZ_1M + PAGE_SIZE) {
		KUNIT_EXPECT_EQ(test, vpk_touch(&map, off), 0);
		KUNIT_ASSERT_EQ(test, vpk_pfn(&map, off, &pfn, &size), 0);
		KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(fn, BAR, SZ_8M + off));
		KUNIT_EXPECT_EQ(test, size, PAGE_SIZE);
	}
}

/* V4, C10: what .huge_fault is better at is left to it... */
static void remap_large_is_lazy(struct kunit *test)
{
	struct vpk_function_config large = remap_function;
	struct vpk_function *fn;
	struct vpk_map *map;

	large.bar_size[BAR] = SZ_16M;
	fn = vpk_device(test, &large, DRIVER);
	vpk_as_user_begin();
	map = vpk_map(test, fn, BAR, 0, PMD_SIZE);
	vpk_as_user_end();
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
}

/* C10: ... and the core knows where the memory is, to choose the address. */
static void remap_says_where(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &remap_function, DRIVER);
	const struct vfio_pci_device_ops *ops = fn->vdev->pci_ops;
	u64 phys;

	KUNIT_ASSERT_EQ(test, ops->get_mmap_phys(fn->vdev, BAR, PAGE_SIZE,
						 PAGE_SIZE, &phys), 0);
	KUNIT_EXPECT_EQ(test, PHYS_PFN(phys),
			vpk_bar_pfn(fn, BAR, SIZE + PAGE_SIZE));
	KUNIT_ASSERT_EQ(test, ops->get_mmap_phys(fn->vdev, 0, PAGE_SIZE,
						 PAGE_SIZE, &phys), 0);
	KUNIT_EXPECT_EQ(test, PHYS_PFN(phys), vpk_bar_pfn(fn, 0, PAGE_SIZE));
}

/* V3: what the PCI core says is not to be mapped is not mapped by PFN either. */
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
	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, VFIO_PCI_INDEX_TO_OFFSET(BAR),
					   SZ_4K, PROT_READ, MAP_SHARED),
			-EINVAL);
}

/* V3: nor is a BAR mapped that somebody else has reserved. */
static void remap_busy_bar(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn;

	fn = vpk_function_add(test, host, &remap_function);
	vpk_host_probe(test, host);
	KUNIT_ASSERT_EQ(test, pci_request_region(fn->pdev, BAR, "test"), 0);
	vpk_bind(test, fn, DRIVER);
	vpk_open(test, fn);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, VFIO_PCI_INDEX_TO_OFFSET(BAR),
					   SZ_4K, PROT_READ, MAP_SHARED),
			-EINVAL);
	vpk_close(fn);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
	pci_release_region(fn->pdev, BAR);
}

/* As main.c has it. */
struct remap_vfio_layout {
	unsigned int bar;
};

static const struct remap_vfio_layout remap_bar0 = { .bar = 0 };

/* V3, V6: BAR0 can be the BAR with the memory as well as any other. */
static void remap_memory_in_bar0(struct kunit *test)
{
	struct vpk_function_config other = remap_function;
	struct vfio_region_info info;
	struct vpk_function *fn;
	struct vpk_map *map;
	unsigned long pfn;

	other.vendor = 0x1fff;
	other.device = 0x10;
	vpk_add_id(test, DRIVER, &other, &remap_bar0);
	fn = vpk_device(test, &other, DRIVER);
	KUNIT_ASSERT_EQ(test, vpk_region_info(fn, 0, &info), 0);
	KUNIT_EXPECT_EQ(test, info.size, SZ_8K);
	KUNIT_ASSERT_EQ(test, vpk_region_info(fn, BAR, &info), 0);
	KUNIT_EXPECT_EQ(test, info.size, LEN);
	map = vpk_map(test, fn, 0, PAGE_SIZE, PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, vpk_in_device_space(map));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_ASSERT_EQ(test, vpk_pfn(map, 0, &pfn, NULL), 0);
	KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(fn, 0, SZ_8K + PAGE_SIZE));
}

static int remap_init(struct kunit *test)
{
	return vpk_variant_init(test, &remap_variant);
}

VPK_VARIANT_CASES(remap_cases,
		  KUNIT_CASE(remap_maps_the_layout),
		  KUNIT_CASE(remap_reads_the_layout),
		  KUNIT_CASE(remap_is_eager),
		  KUNIT_CASE(remap_is_not_too_eager),
		  KUNIT_CASE(remap_huge),
		  KUNIT_CASE(remap_not_aligned),
		  KUNIT_CASE(remap_large_is_lazy),
		  KUNIT_CASE(remap_says_where),
		  KUNIT_CASE(remap_not_mappable),
		  KUNIT_CASE(remap_busy_bar),
		  KUNIT_CASE(remap_memory_in_bar0));

static struct kunit_suite remap_suite = {
	.name = "remap-vfio-pci",
	.init = remap_init,
	.exit = vpk_case_exit,
	.test_cases = remap_cases,
};

kunit_test_suite(remap_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit suite of the remap-vfio-pci driver");
