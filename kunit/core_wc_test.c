// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core suite: ranges of BARs that are write-combining (rule C14). Each page table
 * entry has the type that was declared for its range, from the first fault on,
 * after each revocation, and in each size.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/dma-buf.h>
#include <linux/err.h>
#include <linux/io.h>
#include <linux/mman.h>

#include "vfio_pci_kunit.h"

#define NC	VFIO_DMA_BUF_MEMATTR_NC
#define WC	VFIO_DMA_BUF_MEMATTR_WC

/* BAR 2 has the write-combining ranges, and BAR 4 as a whole. */
#define BAR		2
#define BAR_SIZE	SZ_8M
#define WHOLE		4
#define TABLE		SZ_4M	/* where the MSI-X table is, in BAR 2 */

static const struct vpk_function_config vpk_wc_config = {
	.bar_size = { SZ_64K, 0, BAR_SIZE, 0, SZ_64K },
	.bar_64bit = BIT(BAR),
	.bar_prefetch = BIT(BAR) | BIT(WHOLE),
	.msix = true,
	.msix_bar = BAR,
	.msix_offset = TABLE,
	.pm = true,
	.no_soft_reset = true,
	.exp_flr = true,
};

/* The window from 1 MiB to 3 MiB + 64 KiB is not aligned to huge pages. */
#define WINDOW		SZ_1M
#define WINDOW_END	(SZ_2M + SZ_1M + SZ_64K)

static const struct vpk_wc vpk_wc_pieces[] = {
	{ "last", BAR, BAR_SIZE - SZ_64K, SZ_64K },
	{ "whole", WHOLE, 0, SZ_64K },
	{ "window", BAR, WINDOW, WINDOW_END - WINDOW },
	{}
};

static int vpk_wc_expected(u64 off)
{
	return (off >= WINDOW && off < WINDOW_END) ||
	       off >= BAR_SIZE - SZ_64K ? WC : NC;
}

static void vpk_wc_need(struct kunit *test)
{
	if (!vpk_can_write_combine())
		kunit_skip(test, "this architecture has no write-combining");
}

static struct vpk_function *vpk_wc_device(struct kunit *test,
					  const struct vpk_wc *ranges,
					  const struct vfio_device_ops *ops)
{
	struct vpk_function *fn = vpk_wc_function(test, &vpk_wc_config, ranges,
						  ops);

	vpk_open(test, fn);
	return fn;
}

/*
 * A mapping of BAR 2 at an address that is aligned like it, so that huge entries
 * can be made.
 */
static struct vpk_map *vpk_wc_map(struct kunit *test, struct vpk_function *fn,
				  u64 off, size_t len)
{
	struct vpk_map *map = kunit_kzalloc(test, sizeof(*map), GFP_KERNEL);
	unsigned long addr;

	KUNIT_ASSERT_NOT_NULL(test, map);
	addr = kunit_vm_mmap(test, NULL, 0, 2 * BAR_SIZE, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS, 0);
	KUNIT_ASSERT_FALSE(test, !addr || IS_ERR_VALUE(addr));
	map->fn = fn;
	map->len = len;
	map->addr = vm_mmap(fn->device, ALIGN(addr, BAR_SIZE) + off, len,
			    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			    VFIO_PCI_INDEX_TO_OFFSET(BAR) + off);
	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR_VALUE(map->addr), "mmap: %ld",
			       (long)map->addr);
	vpk_watch(fn->host, map, 0);
	return map;
}

/* Both sides of each border, and one page inside of each piece. */
static const u64 vpk_wc_spots[] = {
	0, WINDOW - SZ_64K, WINDOW, SZ_2M, WINDOW_END - SZ_64K, WINDOW_END,
	BAR_SIZE - SZ_128K, BAR_SIZE - SZ_64K,
};

static void vpk_wc_expect_all(struct kunit *test, struct vpk_map *map)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vpk_wc_spots); i++)
		vpk_expect_memattr(test, map, vpk_wc_spots[i],
				   vpk_wc_expected(vpk_wc_spots[i]), NULL);
}

/*
 * C14: what can be declared, and what each mistake returns. What was declared,
 * in ascending order here, is what is mapped.
 */
static void wc_declare(struct kunit *test)
{
	static const struct vpk_wc ranges[] = {
		{ "no such BAR", PCI_STD_NUM_BARS, 0, SZ_64K, -EINVAL },
		{ "a BAR of size 0", 1, 0, SZ_64K, -EINVAL },
		{ "nothing", BAR, 0, 0, -EINVAL },
		{ "begins inside a page", BAR, SZ_1K, SZ_64K, -EINVAL },
		{ "ends inside a page", BAR, 0, SZ_64K + SZ_1K, -EINVAL },
		{ "ends behind the BAR", BAR, BAR_SIZE - SZ_64K, SZ_128K,
		  -EINVAL },
		{ "begins behind the BAR", BAR, BAR_SIZE, SZ_64K, -EINVAL },
		{ "wraps", BAR, SZ_64K, -(u64)SZ_64K, -EINVAL },
		{ "not prefetchable", 0, 0, SZ_64K, -EPERM },
		{ "the MSI-X table", BAR, TABLE, SZ_64K, -EINVAL },
		{ "holds the MSI-X table", BAR, 0, BAR_SIZE, -EINVAL },
		{ "before the table", BAR, TABLE - SZ_64K, SZ_64K },
		{ "behind the table", BAR, TABLE + SZ_64K, SZ_64K },
		{ "the same", BAR, TABLE + SZ_64K, SZ_64K, -EINVAL },
		{ "overlaps", BAR, TABLE + SZ_64K, SZ_128K, -EINVAL },
		{ "next to it", BAR, TABLE + SZ_128K, SZ_64K },
		{ "another BAR", WHOLE, 0, SZ_64K },
		{}
	};
	static const u64 wc[] = {
		TABLE - SZ_64K, TABLE + SZ_64K, TABLE + SZ_128K,
		TABLE + SZ_128K + SZ_64K - SZ_4K,
	};
	static const u64 nc[] = {
		0, TABLE - SZ_64K - SZ_4K, TABLE, TABLE + SZ_64K - SZ_4K,
		TABLE + SZ_128K + SZ_64K, BAR_SIZE - SZ_4K,
	};
	struct vpk_function *fn;
	struct vpk_map *map;
	int i;

	vpk_wc_need(test);
	fn = vpk_wc_device(test, ranges, NULL);
	map = vpk_wc_map(test, fn, 0, BAR_SIZE);
	for (i = 0; i < ARRAY_SIZE(wc); i++)
		vpk_expect_memattr(test, map, wc[i], WC, NULL);
	for (i = 0; i < ARRAY_SIZE(nc); i++)
		vpk_expect_memattr(test, map, nc[i], NC, NULL);
	kunit_warning_suppress(test) {
		KUNIT_EXPECT_EQ(test, vfio_pci_core_declare_wc(fn->vdev, BAR, 0,
							       SZ_64K), -EBUSY);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
}

/* C14: an error, not another type, where the machine has none. */
static void wc_impossible(struct kunit *test)
{
	static const struct vpk_wc ranges[] = {
		{ "not prefetchable", 0, 0, SZ_64K, -EPERM },
		{ "prefetchable", BAR, 0, SZ_64K, -EOPNOTSUPP },
		{}
	};
	struct vpk_function *fn;

	if (vpk_can_write_combine())
		kunit_skip(test, "this machine has write-combining");
	fn = vpk_wc_device(test, ranges, NULL);
	KUNIT_EXPECT_EQ(test, vpk_touch(vpk_map(test, fn, BAR, 0, SZ_64K), 0),
			0);
}

/* C14: one VMA over a BAR of both types; after close and open as well. */
static void wc_pieces(struct kunit *test)
{
	struct vpk_function *fn;
	struct vpk_map *map;

	vpk_wc_need(test);
	fn = vpk_wc_device(test, vpk_wc_pieces, NULL);
	map = vpk_wc_map(test, fn, 0, BAR_SIZE);
	vpk_wc_expect_all(test, map);
	vpk_expect_memattr(test, vpk_map(test, fn, 0, 0, SZ_64K), 0, NC, NULL);
	map = vpk_map(test, fn, WHOLE, 0, SZ_64K);
	vpk_expect_memattr(test, map, 0, WC, NULL);
	vpk_unmap(map);
}

/* C14: closing gives up the types that open has reserved. */
static void wc_reopen(struct kunit *test)
{
	struct vpk_function *fn;
	struct vpk_map *map;
	int i;

	vpk_wc_need(test);
	fn = vpk_wc_function(test, &vpk_wc_config, vpk_wc_pieces, NULL);
	for (i = 0; i < 2; i++) {
		vpk_open(test, fn);
		map = vpk_map(test, fn, BAR, WINDOW, SZ_64K);
		vpk_expect_memattr(test, map, 0, WC, NULL);
		vpk_unmap(map);
		vpk_close(fn);
		KUNIT_ASSERT_TRUE(test, vpk_wait_open_count(fn, 0));
	}
}

/* C14, C3: the same type after each path that revokes. */
static void wc_path(struct kunit *test)
{
	const struct vpk_path *path = test->param_value;
	const struct vpk_function_config config =
		vpk_path_config(path, &vpk_wc_config);
	struct vpk_function *fn;
	struct vpk_map *map;

	vpk_wc_need(test);
	fn = vpk_wc_function(test, &config, vpk_wc_pieces, NULL);
	vpk_open(test, fn);
	map = vpk_map(test, fn, BAR, WINDOW, SZ_64K);
	vpk_path_check(test, map);
	vpk_expect_memattr(test, map, 0, WC, NULL);
}

/* C14: huge entries of both types, and none over a border. */
static void wc_huge(struct kunit *test)
{
	static const struct vpk_wc ranges[] = {
		{ "window", BAR, SZ_2M + SZ_64K, BAR_SIZE / 2 - SZ_2M - SZ_64K },
		{ "aligned", BAR, BAR_SIZE - SZ_2M, SZ_2M },
		{}
	};
	struct vpk_map *nc, *wc, *border;
	struct vpk_function *fn;
	unsigned long size;

	vpk_wc_need(test);
	if (!IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP) || PMD_SIZE != SZ_2M)
		kunit_skip(test, "this architecture has no huge pages of 2 MiB");
	fn = vpk_wc_device(test, ranges, NULL);

	nc = vpk_wc_map(test, fn, 0, SZ_2M);
	vpk_expect_memattr(test, nc, SZ_64K, NC, &size);
	KUNIT_EXPECT_EQ(test, size, PMD_SIZE);

	wc = vpk_wc_map(test, fn, BAR_SIZE - SZ_2M, SZ_2M);
	vpk_expect_memattr(test, wc, SZ_64K, WC, &size);
	KUNIT_EXPECT_EQ(test, size, PMD_SIZE);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(wc, SZ_64K));
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
	vpk_expect_memattr(test, wc, SZ_64K, WC, &size);
	KUNIT_EXPECT_EQ(test, size, PMD_SIZE);

	/* Its first PFN is uncached, and most of it write-combining. */
	border = vpk_wc_map(test, fn, SZ_2M, SZ_2M);
	vpk_expect_memattr(test, border, 0, NC, &size);
	KUNIT_EXPECT_EQ(test, size, PAGE_SIZE);
	vpk_expect_memattr(test, border, SZ_64K, WC, &size);
	KUNIT_EXPECT_EQ(test, size, PAGE_SIZE);
	vpk_expect_memattr(test, border, SZ_1M, WC, &size);
	KUNIT_EXPECT_EQ(test, size, PAGE_SIZE);
}

static long vpk_wc_mprotect(struct vpk_map *map, unsigned long prot)
{
	struct mm_struct *mm = map->fn->host->mm;
	struct vm_area_struct *vma;
	long ret;

	mmap_read_lock(mm);
	vma = vma_lookup(mm, map->addr);
	ret = vma && vma->vm_ops->mprotect ?
		vma->vm_ops->mprotect(vma, map->addr, map->addr + map->len,
				      prot) : 0;
	mmap_read_unlock(mm);
	return ret;
}

/**
 * struct vpk_wc_border - a part of BAR 2, and the types that are in it
 * @offset: where it begins
 * @len: its length
 * @memattr: the type of vm_page_prot: uncached, if any of it is
 * @both: it is over a border
 */
struct vpk_wc_border {
	u64 offset;
	u64 len;
	int memattr;
	bool both;
};

/* To the page: a border belongs to one side only. */
static const struct vpk_wc_border vpk_wc_borders[] = {
	{ 0, SZ_64K, NC },
	{ WINDOW - PAGE_SIZE, PAGE_SIZE, NC },
	{ WINDOW - PAGE_SIZE, 2 * PAGE_SIZE, NC, true },
	{ WINDOW - SZ_64K, SZ_64K + PAGE_SIZE, NC, true },
	{ WINDOW - PAGE_SIZE, SZ_64K, NC, true },
	{ WINDOW, PAGE_SIZE, WC },
	{ WINDOW, WINDOW_END - WINDOW, WC },
	{ WINDOW, WINDOW_END - WINDOW + PAGE_SIZE, NC, true },
	{ WINDOW_END - PAGE_SIZE, PAGE_SIZE, WC },
	{ WINDOW_END - PAGE_SIZE, SZ_64K, NC, true },
	{ WINDOW_END, PAGE_SIZE, NC },
	{ WINDOW_END, BAR_SIZE - SZ_64K - WINDOW_END, NC },
	{ BAR_SIZE - SZ_64K - PAGE_SIZE, 2 * PAGE_SIZE, NC, true },
	{ BAR_SIZE - SZ_64K, SZ_64K, WC },
	{ BAR_SIZE - PAGE_SIZE, PAGE_SIZE, WC },
	{ 0, BAR_SIZE, NC, true },
};

/*
 * C14: the VMA has the type that its pages have, and over both types the one
 * that does no harm. mprotect() is not to change a type then, as on arm64.
 */
static void wc_mprotect(struct kunit *test)
{
	const struct vpk_wc_border *border;
	struct vpk_function *fn;
	struct vpk_map *map;
	int i;

	vpk_wc_need(test);
	fn = vpk_wc_device(test, vpk_wc_pieces, NULL);
	for (i = 0; i < ARRAY_SIZE(vpk_wc_borders); i++) {
		border = &vpk_wc_borders[i];
		map = vpk_map(test, fn, BAR, border->offset, border->len);
		KUNIT_EXPECT_EQ_MSG(test, vpk_vma_memattr(map), border->memattr,
				    "%#llx at %#llx", border->len,
				    border->offset);
		KUNIT_EXPECT_EQ_MSG(test, vpk_wc_mprotect(map, VM_READ),
				    border->both ? -EINVAL : 0,
				    "%#llx at %#llx", border->len,
				    border->offset);
		vpk_unmap(map);
	}
}

/* C14: read(), write() and the kernel's own accesses find the right piece. */
static void wc_access(struct kunit *test)
{
	struct vpk_function *fn;
	void __iomem *io;
	u64 val[4] = {};

	vpk_wc_need(test);
	fn = vpk_wc_device(test, vpk_wc_pieces, NULL);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, BAR, 0, val, 8), 8);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, BAR, WINDOW, val, 8), 8);
	KUNIT_EXPECT_EQ(test, vpk_region_write(fn, BAR, WINDOW, val, 8), 8);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, BAR, WINDOW - 12, val, 24),
			24);
	KUNIT_EXPECT_EQ(test, vpk_region_write(fn, BAR, WINDOW_END - 3, val, 24),
			24);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, BAR, BAR_SIZE - 4, val, 8), 4);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, BAR, BAR_SIZE - 1, val, 1), 1);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, WHOLE, 0, val, 8), 8);

	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO((void __force *)
			vfio_pci_core_get_iomap(fn->vdev, BAR)), -EXDEV);
	io = vfio_pci_core_get_iomap(fn->vdev, WHOLE);
	KUNIT_ASSERT_FALSE(test, IS_ERR(io));
	KUNIT_EXPECT_PTR_EQ(test, (void __force *)(io + SZ_4K),
			    (void __force *)
			    vfio_pci_core_get_iomap_range(fn->vdev, WHOLE,
							  SZ_4K, SZ_4K));
	io = vfio_pci_core_get_iomap(fn->vdev, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(io));
	KUNIT_EXPECT_PTR_EQ(test, (void __force *)(io + SZ_4K),
			    (void __force *)
			    vfio_pci_core_get_iomap_range(fn->vdev, 0, SZ_4K,
							  SZ_4K));
	io = vfio_pci_core_get_iomap_range(fn->vdev, BAR, WINDOW,
					   WINDOW_END - WINDOW);
	KUNIT_EXPECT_FALSE(test, IS_ERR(io));
	io = vfio_pci_core_get_iomap_range(fn->vdev, BAR, WINDOW - 4, 8);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO((void __force *)io), -EXDEV);
	io = vfio_pci_core_get_iomap_range(fn->vdev, BAR, BAR_SIZE, 8);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO((void __force *)io), -EINVAL);
}

/* C14: an ioeventfd writes into a piece, and cannot be over a border. */
static void wc_ioeventfd(struct kunit *test)
{
	struct vpk_eventfd *eventfd = vpk_eventfd_create(test);
	struct vpk_function *fn;

	vpk_wc_need(test);
	fn = vpk_wc_device(test, vpk_wc_pieces, NULL);
	KUNIT_EXPECT_EQ(test, vpk_ioeventfd(fn, BAR, WINDOW_END + 8, 1, eventfd),
			0);
	KUNIT_EXPECT_EQ(test, vpk_ioeventfd(fn, BAR, WINDOW - 2, 1, eventfd),
			-EXDEV);
	KUNIT_EXPECT_EQ(test, vpk_ioeventfd(fn, BAR, WINDOW, 1, eventfd), 0);
	vpk_eventfd_signal(eventfd);
}

/* C14: user space learns of each area, and of none where there is none. */
static void wc_region_info(struct kunit *test)
{
	struct {
		struct vfio_region_info info;
		u8 caps[128];
	} arg = { .info = { .argsz = sizeof(arg), .index = BAR } };
	struct vfio_region_info_cap_write_combine *cap = NULL;
	struct vfio_info_cap_header *header;
	struct vpk_function *fn;
	u32 pos;

	vpk_wc_need(test);
	fn = vpk_wc_device(test, vpk_wc_pieces, NULL);
	KUNIT_ASSERT_EQ(test, vpk_ioctl(fn, VFIO_DEVICE_GET_REGION_INFO, &arg,
					sizeof(arg)), 0);
	for (pos = arg.info.cap_offset; pos; pos = header->next) {
		header = (void *)&arg + pos;
		KUNIT_ASSERT_LE(test, pos + sizeof(*header), sizeof(arg));
		if (header->id == VFIO_REGION_INFO_CAP_WRITE_COMBINE)
			cap = (void *)header;
	}
	KUNIT_ASSERT_NOT_NULL(test, cap);
	KUNIT_ASSERT_EQ(test, cap->nr_areas, 2);
	KUNIT_EXPECT_EQ(test, cap->areas[0].offset, WINDOW);
	KUNIT_EXPECT_EQ(test, cap->areas[0].size, WINDOW_END - WINDOW);
	KUNIT_EXPECT_EQ(test, cap->areas[1].offset, BAR_SIZE - SZ_64K);
	KUNIT_EXPECT_EQ(test, cap->areas[1].size, SZ_64K);

	memset(&arg, 0, sizeof(arg));
	arg.info.argsz = sizeof(arg);
	KUNIT_ASSERT_EQ(test, vpk_ioctl(fn, VFIO_DEVICE_GET_REGION_INFO, &arg,
					sizeof(arg)), 0);
	KUNIT_EXPECT_EQ(test, arg.info.cap_offset, 0);
}

/* Others have reserved both types, so that the range cannot even be mapped. */
static void vpk_wc_reserved_twice(struct kunit *test, struct vpk_function *fn)
{
	resource_size_t phys = pci_resource_start(fn->pdev, BAR) + WINDOW;
	void __iomem *wc = ioremap_wc(phys, SZ_4K);
	void __iomem *nc = ioremap(phys + SZ_64K, SZ_4K);
	u64 val;

	KUNIT_ASSERT_NOT_NULL(test, (void __force *)wc);
	KUNIT_ASSERT_NOT_NULL(test, (void __force *)nc);
	vpk_open(test, fn);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn,
					   VFIO_PCI_INDEX_TO_OFFSET(BAR) +
					   WINDOW, SZ_4K, PROT_READ,
					   MAP_SHARED), -ENOMEM);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, BAR, 0, &val, 8), -ENOMEM);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, WHOLE, 0, &val, 8), 8);
	vpk_close(fn);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
	iounmap(nc);
	iounmap(wc);
}

/*
 * C14: who has mapped a part of the range before decides on the type. The BAR is
 * not accessible then; the others are.
 */
static void wc_reserved(struct kunit *test)
{
	static const struct vpk_wc window[] = {
		{ "window", BAR, WINDOW, SZ_128K }, {}
	};
	static const struct { u64 offset; bool wc; } others[] = {
		{ WINDOW, false }, { WINDOW + SZ_64K, false }, { 0, true },
	};
	struct vpk_function *fn;
	u64 val;
	int i;

	if (!IS_ENABLED(CONFIG_X86_PAT))
		kunit_skip(test, "this architecture reserves no types");
	fn = vpk_wc_function(test, &vpk_wc_config, window, NULL);
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		resource_size_t phys = pci_resource_start(fn->pdev, BAR) +
				       others[i].offset;
		void __iomem *io = others[i].wc ? ioremap_wc(phys, SZ_4K) :
						  ioremap(phys, SZ_4K);

		KUNIT_ASSERT_NOT_NULL(test, (void __force *)io);
		vpk_open(test, fn);
		KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn,
						   VFIO_PCI_INDEX_TO_OFFSET(BAR),
						   SZ_4K, PROT_READ, MAP_SHARED),
				-EBUSY);
		KUNIT_EXPECT_EQ(test, vpk_region_read(fn, BAR, 0, &val, 8),
				-EBUSY);
		KUNIT_EXPECT_EQ(test, vpk_region_read(fn, WHOLE, 0, &val, 8), 8);
		vpk_close(fn);
		KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
		iounmap(io);
	}
	vpk_wc_reserved_twice(test, fn);
	vpk_open(test, fn);
	vpk_expect_memattr(test, vpk_map(test, fn, BAR, WINDOW, SZ_128K), SZ_64K,
			   WC, NULL);
}

/* A driver that maps BAR 2 by hand, as rule V3 has it. */
static vm_fault_t vpk_wc_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct vfio_pci_core_device *vdev = vmf->vma->vm_private_data;
	unsigned long addr = vmf->address & ~((PAGE_SIZE << order) - 1);
	unsigned long pfn = PHYS_PFN(pci_resource_start(vdev->pdev, BAR)) +
			    ((addr - vmf->vma->vm_start) >> PAGE_SHIFT) +
			    (vmf->vma->vm_pgoff &
			     ((1UL << (VFIO_PCI_OFFSET_SHIFT - PAGE_SHIFT)) - 1));
	vm_fault_t ret;

	if (!is_aligned_for_order(vmf->vma, addr, pfn, order))
		return VM_FAULT_FALLBACK;
	ret = vfio_pci_core_fault_lock(vdev, vmf);
	if (ret)
		return ret;
	ret = vfio_pci_vmf_insert_pfn(vdev, vmf, pfn, order);
	vfio_pci_core_fault_unlock(vdev);
	return ret;
}

static vm_fault_t vpk_wc_fault(struct vm_fault *vmf)
{
	return vpk_wc_huge_fault(vmf, 0);
}

static const struct vm_operations_struct vpk_wc_vm_ops = {
	.fault = vpk_wc_fault,
#ifdef CONFIG_ARCH_SUPPORTS_HUGE_PFNMAP
	.huge_fault = vpk_wc_huge_fault,
#endif
};

static int vpk_wc_by_hand_mmap(struct vfio_device *core_vdev,
			       struct vm_area_struct *vma)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);

	vma->vm_private_data = vdev;
	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	vma->vm_ops = &vpk_wc_vm_ops;
	return vfio_pci_core_remap_pfn_range(vdev, vma,
			PHYS_PFN(pci_resource_start(vdev->pdev, BAR)) +
			(vma->vm_pgoff &
			 ((1UL << (VFIO_PCI_OFFSET_SHIFT - PAGE_SHIFT)) - 1)));
}

static struct vfio_device_ops *vpk_wc_by_hand_ops(struct kunit *test)
{
	struct vfio_device_ops *ops;

	ops = kunit_kzalloc(test, sizeof(*ops), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ops);
	*ops = *vpk_driver_ops();
	ops->mmap = vpk_wc_by_hand_mmap;
	return ops;
}

/*
 * C14, V3: the type that was declared is also that of a PTE made by hand, and the
 * core refuses a huge one over a border.
 */
static void wc_by_hand(struct kunit *test)
{
	struct vpk_function *fn;
	struct vpk_map *map;

	vpk_wc_need(test);
	fn = vpk_wc_device(test, vpk_wc_pieces, vpk_wc_by_hand_ops(test));
	map = vpk_wc_map(test, fn, 0, BAR_SIZE);
	vpk_wc_expect_all(test, map);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
	vpk_wc_expect_all(test, map);
}

/*
 * C14, V3: a huge entry made by hand has the type of vm_page_prot on machines
 * that reserve none. So where another was declared, there are single pages.
 */
static void wc_by_hand_huge(struct kunit *test)
{
	static const struct vpk_wc ranges[] = {
		{ "aligned", BAR, BAR_SIZE - SZ_2M, SZ_2M }, {}
	};
	struct vpk_function *fn;
	struct vpk_map *map;
	unsigned long size;

	vpk_wc_need(test);
	if (!IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP) || PMD_SIZE != SZ_2M)
		kunit_skip(test, "this architecture has no huge pages of 2 MiB");
	fn = vpk_wc_device(test, ranges, vpk_wc_by_hand_ops(test));
	map = vpk_wc_map(test, fn, 0, SZ_2M);
	vpk_expect_memattr(test, map, SZ_64K, NC, &size);
	KUNIT_EXPECT_EQ(test, size, PMD_SIZE);
	map = vpk_wc_map(test, fn, BAR_SIZE - SZ_2M, SZ_2M);
	vpk_expect_memattr(test, map, SZ_64K, WC, &size);
	KUNIT_EXPECT_EQ(test, size, PAGE_SIZE);
}

/**
 * struct vpk_wc_ranges_case - ranges that a driver maps as a region of its own
 * @name: of the case
 * @phys: offsets in BAR 2, and lengths
 * @memattr: their types; only if @types is set
 * @types: the driver says which types
 * @ret: what mmap() returns
 */
struct vpk_wc_ranges_case {
	const char *name;
	struct phys_vec phys[2];
	u32 memattr[2];
	bool types;
	int ret;
};

static const struct vpk_wc_ranges_case vpk_wc_ranges_params[] = {
	{ "as declared", { { WINDOW, SZ_64K }, { 0, SZ_64K } } },
	{ "says so", { { WINDOW, SZ_64K }, { 0, SZ_64K } }, { WC, NC }, true },
	{ "window uncached", { { WINDOW, SZ_64K }, { 0, SZ_64K } },
	  { NC, NC }, true, -EINVAL },
	{ "rest write-combining", { { WINDOW, SZ_64K }, { 0, SZ_64K } },
	  { WC, WC }, true, -EINVAL },
	{ "over a border", { { WINDOW - SZ_64K, SZ_128K }, { 0, SZ_64K } }, {},
	  false, -EINVAL },
	{ "no such type", { { WINDOW, SZ_64K }, { 0, SZ_64K } }, { WC, 2 },
	  true, -EINVAL },
	/* By which the core marks what vfio_pci_core_mmap_memory() maps */
	{ "type of the VMA", { { WINDOW, SZ_64K }, { 0, SZ_64K } },
	  { U32_MAX, U32_MAX }, true, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(vpk_wc_ranges, vpk_wc_ranges_params, name);

static const struct vpk_wc_ranges_case *vpk_wc_ranges_now;

static int vpk_wc_ranges_mmap(struct vfio_device *core_vdev,
			      struct vm_area_struct *vma)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);
	const struct vpk_wc_ranges_case *param = vpk_wc_ranges_now;
	struct phys_vec phys[2];
	int i;

	for (i = 0; i < 2; i++) {
		phys[i] = param->phys[i];
		phys[i].paddr += pci_resource_start(vdev->pdev, BAR);
	}
	return vfio_pci_core_mmap_ranges(vdev, vma, phys,
					 param->types ? param->memattr : NULL,
					 2);
}

/* C14: vfio_pci_core_mmap_ranges() maps as declared, or not at all. */
static void wc_ranges(struct kunit *test)
{
	const struct vpk_wc_ranges_case *param = test->param_value;
	struct vfio_device_ops *ops;
	struct vpk_function *fn;
	struct vpk_map *map;

	vpk_wc_need(test);
	ops = kunit_kzalloc(test, sizeof(*ops), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ops);
	*ops = *vpk_driver_ops();
	ops->mmap = vpk_wc_ranges_mmap;
	vpk_wc_ranges_now = param;
	fn = vpk_wc_device(test, vpk_wc_pieces, ops);
	KUNIT_ASSERT_EQ(test, vpk_try_mmap(test, fn,
					   VFIO_PCI_INDEX_TO_OFFSET(BAR),
					   SZ_128K, PROT_READ, MAP_SHARED),
			param->ret);
	if (param->ret)
		return;
	map = vpk_map(test, fn, BAR, 0, SZ_128K);
	vpk_expect_memattr(test, map, 0, WC, NULL);
	vpk_expect_memattr(test, map, SZ_64K, NC, NULL);
	map = vpk_map(test, fn, BAR, 0, SZ_64K);
	vpk_expect_memattr(test, map, SZ_4K, WC, NULL);
}

/* C14: mappings of exports have the type of the range, whoever makes them. */
static void wc_export(struct kunit *test)
{
	const struct vfio_region_dma_range both[] = {
		{ WINDOW, SZ_64K }, { 0, SZ_64K },
	};
	static const int expected[][2] = { { WC, WC }, { NC, NC }, { WC, NC } };
	struct dma_buf *dmabuf[3];
	struct vpk_function *fn;
	unsigned int i;

	vpk_need_importers(test);
	vpk_wc_need(test);
	fn = vpk_wc_device(test, vpk_wc_pieces, NULL);
	dmabuf[0] = vpk_export(test, fn, BAR, WINDOW, SZ_128K);
	dmabuf[1] = vpk_export(test, fn, BAR, 0, SZ_128K);
	dmabuf[2] = vpk_try_export(fn, BAR, both, 2);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dmabuf[2]);
	vpk_put_later(test, dmabuf[2]);
	for (i = 0; i < ARRAY_SIZE(dmabuf); i++) {
		struct vpk_map map = { .fn = fn, .len = SZ_128K };

		map.addr = kunit_vm_mmap(test, dmabuf[i]->file, 0, SZ_128K,
					 PROT_READ | PROT_WRITE, MAP_SHARED, 0);
		KUNIT_ASSERT_FALSE_MSG(test, IS_ERR_VALUE(map.addr), "mmap: %ld",
				       (long)map.addr);
		vpk_expect_memattr(test, &map, 0, expected[i][0], NULL);
		vpk_expect_memattr(test, &map, SZ_64K, expected[i][1], NULL);
		KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
		KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
		vpk_expect_memattr(test, &map, 0, expected[i][0], NULL);
		vpk_expect_memattr(test, &map, SZ_64K, expected[i][1], NULL);
		KUNIT_EXPECT_EQ(test, vpk_wc_mprotect(&map, VM_READ),
				expected[i][0] == expected[i][1] ? 0 : -EINVAL);
	}
}

static struct kunit_case vpk_wc_cases[] = {
	KUNIT_CASE(wc_declare),
	KUNIT_CASE(wc_impossible),
	KUNIT_CASE(wc_pieces),
	KUNIT_CASE(wc_reopen),
	KUNIT_CASE_PARAM(wc_path, vpk_path_gen_params),
	KUNIT_CASE(wc_huge),
	KUNIT_CASE(wc_mprotect),
	KUNIT_CASE(wc_access),
	KUNIT_CASE(wc_ioeventfd),
	KUNIT_CASE(wc_region_info),
	KUNIT_CASE(wc_reserved),
	KUNIT_CASE(wc_by_hand),
	KUNIT_CASE(wc_by_hand_huge),
	KUNIT_CASE_PARAM(wc_ranges, vpk_wc_ranges_gen_params),
	KUNIT_CASE(wc_export),
	{}
};

static struct kunit_suite vpk_wc_suite = {
	.name = "vfio-pci-core-wc",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_wc_cases,
};

kunit_test_suite(vpk_wc_suite);
