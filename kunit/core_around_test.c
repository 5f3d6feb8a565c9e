// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core suite: the second fault in a block of 16 pages maps the others, and
 * nothing but these.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/mm.h>
#include <linux/mman.h>

#include "vfio_pci_kunit.h"

static const struct vpk_function_config vpk_config = {
	.bar_size = { SZ_64K, 0, SZ_1M }, .bar_64bit = BIT(2),
	.pm = true, .no_soft_reset = true,
};

#define VPK_PAGES	64
#define VPK_BLOCK	16

static struct vpk_function *vpk_around_device(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &vpk_config);

	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	vpk_open(test, fn);
	return fn;
}

/*
 * 64 pages from the second one of a BAR on, so that neither offsets nor
 * physical addresses are aligned as the blocks are.
 */
static struct vpk_map *vpk_around_map(struct kunit *test,
				      struct vpk_function *fn)
{
	return vpk_map(test, fn, 2, PAGE_SIZE, VPK_PAGES * PAGE_SIZE);
}

/* The page of a mapping that begins the first whole block. */
static int vpk_first_block(struct vpk_map *map)
{
	unsigned long size = VPK_BLOCK * PAGE_SIZE;

	return (ALIGN(map->addr, size) - map->addr) >> PAGE_SHIFT;
}

static int vpk_touch_page(struct vpk_map *map, int page)
{
	return vpk_touch(map, page * PAGE_SIZE);
}

/* Exactly the pages [from, to) are mapped, each to the right PFN. */
static void vpk_expect_pages(struct kunit *test, struct vpk_map *map, int from,
			     int to)
{
	unsigned long pfn;
	bool there;
	int i;

	for (i = 0; i < VPK_PAGES; i++) {
		there = !vpk_pfn(map, i * PAGE_SIZE, &pfn, NULL);
		KUNIT_EXPECT_EQ_MSG(test, there, i >= from && i < to,
				    "page %d, of [%d, %d)", i, from, to);
		if (there)
			KUNIT_EXPECT_EQ(test, pfn,
					vpk_bar_pfn(map->fn, 2,
						    (i + 1) * PAGE_SIZE));
	}
}

/* C8: one fault, one page; the second in a block, all of the block. */
static void around_second_fault(struct kunit *test)
{
	struct vpk_function *fn = vpk_around_device(test);
	struct vpk_map *map = vpk_around_map(test, fn);
	int b = vpk_first_block(map);

	KUNIT_EXPECT_EQ(test, vpk_touch_page(map, b + 5), 0);
	vpk_expect_pages(test, map, b + 5, b + 6);
	KUNIT_EXPECT_EQ(test, vpk_touch_page(map, b + 4), 0);
	vpk_expect_pages(test, map, b, b + VPK_BLOCK);
}

/* Who goes on in the next block gets it at once, who jumps does not. */
static void around_goes_on(struct kunit *test)
{
	struct vpk_function *fn = vpk_around_device(test);
	struct vpk_map *map = vpk_around_map(test, fn);
	int b = vpk_first_block(map);

	KUNIT_EXPECT_EQ(test, vpk_touch_page(map, b), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch_page(map, b + 1), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch_page(map, b + VPK_BLOCK), 0);
	vpk_expect_pages(test, map, b, b + 2 * VPK_BLOCK);

	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch_page(map, b), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch_page(map, b + VPK_BLOCK), 0);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, (b + 1) * PAGE_SIZE));
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, (b + VPK_BLOCK + 1) *
					    PAGE_SIZE));
}

/* C1, C3: after a revocation none is left, and nothing is remembered. */
static void around_revoked(struct kunit *test)
{
	struct vpk_function *fn = vpk_around_device(test);
	struct vpk_map *map = vpk_around_map(test, fn);
	int b = vpk_first_block(map);

	KUNIT_EXPECT_EQ(test, vpk_touch_page(map, b), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch_page(map, b + 1), 0);
	vpk_expect_pages(test, map, b, b + VPK_BLOCK);

	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	vpk_expect_pages(test, map, 0, 0);
	KUNIT_EXPECT_EQ(test, vpk_touch_page(map, b), -EFAULT);
	KUNIT_EXPECT_EQ(test, vpk_touch_page(map, b + 1), -EFAULT);
	vpk_expect_pages(test, map, 0, 0);

	KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch_page(map, b + 1), 0);
	vpk_expect_pages(test, map, b + 1, b + 2);

	/* A page whose block was faulted in last before the revocation. */
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch_page(map, b + 1), 0);
	vpk_expect_pages(test, map, b + 1, b + 2);
}

/* Nothing is mapped outside the VMA: not in a hole, nor before or behind. */
static void around_vma_only(struct kunit *test)
{
	struct vpk_function *fn = vpk_around_device(test);
	struct vpk_map *map = vpk_around_map(test, fn);
	int b = vpk_first_block(map), i;
	bool mapped;

	/* VMAs of a block: [0, 4), [5, 10), and [12, 16) with the rest. */
	KUNIT_ASSERT_EQ(test, vm_munmap(map->addr + (b + 4) * PAGE_SIZE,
					PAGE_SIZE), 0);
	KUNIT_ASSERT_EQ(test, vm_munmap(map->addr + (b + 10) * PAGE_SIZE,
					2 * PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch_page(map, b + 6), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch_page(map, b + 7), 0);
	for (i = 0; i < VPK_PAGES; i++) {
		mapped = vpk_mapped(map, i * PAGE_SIZE);
		KUNIT_EXPECT_EQ_MSG(test, mapped, i >= b + 5 && i < b + 10,
				    "page %d of block %d", i, b);
	}
	vm_munmap(map->addr, map->len);
}

/* A VMA of one page has no neighbours, though the block has another VMA. */
static void around_one_page(struct kunit *test)
{
	struct vpk_function *fn = vpk_around_device(test);
	struct vpk_map *map = vpk_around_map(test, fn);
	int b = vpk_first_block(map);

	KUNIT_ASSERT_EQ(test, vm_munmap(map->addr + (b + 1) * PAGE_SIZE,
					PAGE_SIZE), 0);
	KUNIT_ASSERT_EQ(test, vm_munmap(map->addr + (b + 3) * PAGE_SIZE,
					PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch_page(map, b + 5), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch_page(map, b + 2), 0);
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, (b + 2) * PAGE_SIZE));
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, (b + 4) * PAGE_SIZE));
	/* It did not count as the one before this, either. */
	KUNIT_EXPECT_EQ(test, vpk_touch_page(map, b + 6), 0);
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, (b + 4) * PAGE_SIZE));
	vm_munmap(map->addr, map->len);
}

static void vpk_page_by_page(struct vfio_pci_core_device *vdev, void *data)
{
	vdev->no_fault_around = true;
}

/* A driver can say no. */
static void around_driver_says_no(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &vpk_config);
	struct vpk_map *map;
	int b, i;

	fn->driver.before_register = vpk_page_by_page;
	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	vpk_open(test, fn);
	map = vpk_around_map(test, fn);
	b = vpk_first_block(map);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, vpk_touch_page(map, b + i), 0);
	vpk_expect_pages(test, map, b, b + 4);
}

/* A region of two ranges: 8 pages of BAR 2 from 128 on, then those from 16 on. */
static struct phys_vec vpk_around_phys[2];

/**
 * struct vpk_around_change - what a driver makes of its ranges later
 * @name: of the case
 * @range: which one it changes
 * @first: by how many pages its beginning moves
 * @pages: how many pages more it has
 */
struct vpk_around_change {
	const char *name;
	unsigned int range;
	int first;
	int pages;
};

static int vpk_around_ranges_mmap(struct vfio_device *core_vdev,
				  struct vm_area_struct *vma)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);
	phys_addr_t bar = pci_resource_start(vdev->pdev, 2);
	const struct vpk_around_change *change =
		vpk_function_of(vdev->pdev)->driver.data;

	vpk_around_phys[0] = (struct phys_vec){
		.paddr = bar + 128 * PAGE_SIZE, .len = 8 * PAGE_SIZE };
	vpk_around_phys[1] = (struct phys_vec){
		.paddr = bar + 16 * PAGE_SIZE, .len = 64 * PAGE_SIZE };
	if (change) {
		vpk_around_phys[change->range].paddr += change->first * PAGE_SIZE;
		vpk_around_phys[change->range].len += change->pages * PAGE_SIZE;
	}
	return vfio_pci_core_mmap_ranges(vdev, vma, vpk_around_phys, NULL, 2);
}

static struct vpk_function *
vpk_around_ranges_device(struct kunit *test,
			 int (*mmap)(struct vfio_device *core_vdev,
				     struct vm_area_struct *vma))
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &vpk_config);
	struct vfio_device_ops *ops;

	ops = kunit_kzalloc(test, sizeof(*ops), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ops);
	*ops = *vpk_driver_ops();
	ops->mmap = mmap;
	fn->driver.ops = ops;
	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	vpk_open(test, fn);
	return fn;
}

/* V5: neighbours are those in the region, whatever range they are in. */
static void around_ranges(struct kunit *test)
{
	struct vpk_function *fn =
		vpk_around_ranges_device(test, vpk_around_ranges_mmap);
	unsigned long pfn;
	struct vpk_map *map;
	int i, page;

	map = vpk_map(test, fn, 2, 0, VPK_PAGES * PAGE_SIZE);
	for (i = 0; i < VPK_PAGES; i++)
		KUNIT_EXPECT_EQ(test, vpk_touch_page(map, i), 0);
	for (i = 0; i < VPK_PAGES; i++) {
		page = i < 8 ? 128 + i : 16 + i - 8;
		KUNIT_ASSERT_EQ(test, vpk_pfn(map, i * PAGE_SIZE, &pfn, NULL),
				0);
		KUNIT_EXPECT_EQ(test, pfn,
				vpk_bar_pfn(fn, 2, page * PAGE_SIZE));
	}
}

static const struct vpk_around_change vpk_around_changes[] = {
	{ "first address", 0, 1, 0 }, { "first length", 0, 0, -1 },
	{ "last address", 1, 1, 0 }, { "last length", 1, 0, 1 },
};

KUNIT_ARRAY_PARAM_DESC(vpk_around_change, vpk_around_changes, name);

/* V5: all mappings of a region have its ranges, as the first one had them. */
static void ranges_changed(struct kunit *test)
{
	struct vpk_function *fn =
		vpk_around_ranges_device(test, vpk_around_ranges_mmap);
	u64 pos = VFIO_PCI_INDEX_TO_OFFSET(2);

	KUNIT_ASSERT_EQ(test, vpk_try_mmap(test, fn, pos, PAGE_SIZE, PROT_READ,
					   MAP_SHARED), 0);
	fn->driver.data = (void *)test->param_value;
	/* The warning comes once, so it may have come before. */
	kunit_warning_suppress(test)
		KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, pos, PAGE_SIZE,
						   PROT_READ, MAP_SHARED),
				-EINVAL);
	fn->driver.data = NULL;
	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, pos, PAGE_SIZE, PROT_READ,
					   MAP_SHARED), 0);
}

/* Ranges of which the first is the whole BAR, and later the BAR by itself. */
static int vpk_around_bar_mmap(struct vfio_device *core_vdev,
			       struct vm_area_struct *vma)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);
	struct phys_vec phys[] = {
		{ pci_resource_start(vdev->pdev, 2),
		  pci_resource_len(vdev->pdev, 2) },
		{ pci_resource_start(vdev->pdev, 2), PAGE_SIZE },
	};

	if (vpk_function_of(vdev->pdev)->driver.data)
		return vfio_pci_core_mmap(core_vdev, vma);
	return vfio_pci_core_mmap_ranges(vdev, vma, phys, NULL,
					 ARRAY_SIZE(phys));
}

/* V5: nor is a BAR the region that ranges were mapped as. */
static void ranges_not_the_bar(struct kunit *test)
{
	struct vpk_function *fn = vpk_around_ranges_device(test,
							   vpk_around_bar_mmap);
	u64 pos = VFIO_PCI_INDEX_TO_OFFSET(2);

	KUNIT_ASSERT_EQ(test, vpk_try_mmap(test, fn, pos, PAGE_SIZE, PROT_READ,
					   MAP_SHARED), 0);
	fn->driver.data = fn;
	/* The warning comes once, so it may have come before. */
	kunit_warning_suppress(test)
		KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, pos, PAGE_SIZE,
						   PROT_READ, MAP_SHARED),
				-EINVAL);
}

static struct kunit_case vpk_around_cases[] = {
	KUNIT_CASE(around_second_fault),
	KUNIT_CASE(around_goes_on),
	KUNIT_CASE(around_revoked),
	KUNIT_CASE(around_vma_only),
	KUNIT_CASE(around_one_page),
	KUNIT_CASE(around_driver_says_no),
	KUNIT_CASE(around_ranges),
	KUNIT_CASE_PARAM(ranges_changed, vpk_around_change_gen_params),
	KUNIT_CASE(ranges_not_the_bar),
	{}
};

static struct kunit_suite vpk_around_suite = {
	.name = "vfio-pci-core-around",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_around_cases,
};

kunit_test_suite(vpk_around_suite);
