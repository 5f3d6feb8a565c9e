// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core suite: addresses of mappings, chosen so that huge PFNs can map them.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>

#include "vfio_pci_kunit.h"
#include "vfio_pci_priv.h"

static const struct vpk_function_config vpk_config = {
	.bar_size = { SZ_64K, 0, SZ_4M }, .bar_64bit = BIT(2),
	.pm = true, .no_soft_reset = true,
};

/* What a case expects, where the architecture has such entries. */
enum vpk_entry { VPK_PTE, VPK_PMD, VPK_PUD };

static unsigned long vpk_entry_size(enum vpk_entry entry)
{
	if (entry == VPK_PUD && IS_ENABLED(CONFIG_ARCH_SUPPORTS_PUD_PFNMAP))
		return PUD_SIZE;
	if (entry != VPK_PTE && IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP))
		return PMD_SIZE;
	return 0;
}

/**
 * struct vpk_align_case - a mapping of physical memory
 * @name: what it is
 * @phys: where it begins
 * @len: how long it is
 * @below: the first size that is not asked for
 * @entry: the largest entry that has room in it
 */
struct vpk_align_case {
	const char *name;
	u64 phys;
	u64 len;
	u64 below;
	enum vpk_entry entry;
};

#define VPK_FAR	BIT_ULL(45)

static const struct vpk_align_case vpk_align_params[] = {
	{ "one page", 0, PAGE_SIZE, U64_MAX, VPK_PTE },
	{ "a page too short", 0, PMD_SIZE - PAGE_SIZE, U64_MAX, VPK_PTE },
	{ "one PMD", VPK_FAR, PMD_SIZE, U64_MAX, VPK_PMD },
	{ "a PMD's length, a page off", PAGE_SIZE, PMD_SIZE, U64_MAX, VPK_PTE },
	{ "a PMD in the middle", VPK_FAR + PAGE_SIZE, 2 * PMD_SIZE - PAGE_SIZE,
	  U64_MAX, VPK_PMD },
	{ "not quite a PMD in the middle", VPK_FAR + PAGE_SIZE,
	  2 * PMD_SIZE - 2 * PAGE_SIZE, U64_MAX, VPK_PTE },
	{ "a PMD at the end", PMD_SIZE - PAGE_SIZE, PMD_SIZE + PAGE_SIZE,
	  U64_MAX, VPK_PMD },
	{ "64 MiB", VPK_FAR + SZ_64M, SZ_64M, U64_MAX, VPK_PMD },
#ifdef CONFIG_64BIT
	{ "one PUD", VPK_FAR, PUD_SIZE, U64_MAX, VPK_PUD },
	{ "one PUD, where none was free", VPK_FAR, PUD_SIZE, PUD_SIZE,
	  VPK_PMD },
	{ "a PUD's length, a PMD off", PMD_SIZE, PUD_SIZE, U64_MAX, VPK_PMD },
	{ "a PUD in the middle", PMD_SIZE, 2ULL * PUD_SIZE - PMD_SIZE, U64_MAX,
	  VPK_PUD },
	{ "not quite a PUD in the middle", PMD_SIZE,
	  2ULL * PUD_SIZE - 2 * PMD_SIZE, U64_MAX, VPK_PMD },
	{ "nothing is left", VPK_FAR, PUD_SIZE, PMD_SIZE, VPK_PTE },
#endif
};

KUNIT_ARRAY_PARAM_DESC(vpk_align, vpk_align_params, name);

/* C10: the largest entry that has room. */
static void align_size(struct kunit *test)
{
	const struct vpk_align_case *param = test->param_value;

	KUNIT_EXPECT_EQ(test,
			vfio_pci_align_size(param->phys, param->len,
					    min_t(u64, param->below, ULONG_MAX)),
			vpk_entry_size(param->entry));
}

/*
 * C10: in an area with room to spare there is one right address, and no hole.
 */
static void align_addr(struct kunit *test)
{
	static const u64 phys[] = {
		0, PAGE_SIZE, SZ_2M - PAGE_SIZE, SZ_2M, VPK_FAR + 5 * PAGE_SIZE,
	};
	const unsigned long size = SZ_2M, len = SZ_4M;
	unsigned long area, addr, end;
	int i, page;

	for (i = 0; i < ARRAY_SIZE(phys); i++) {
		for (page = 0; page < 600; page += 7) {
			area = SZ_512M + page * PAGE_SIZE;
			addr = vfio_pci_align_addr(area, phys[i], size);
			KUNIT_EXPECT_GE(test, addr, area);
			KUNIT_EXPECT_LE(test, addr, area + size - PAGE_SIZE);
			KUNIT_EXPECT_EQ(test, (addr - phys[i]) & (size - 1), 0);
		}
		/* Below a mapping that is aligned in the same way. */
		end = SZ_512M + (phys[i] & (size - 1));
		area = end - len - size + PAGE_SIZE;
		KUNIT_EXPECT_EQ(test, vfio_pci_align_addr(area, phys[i], size),
				end - len);
		/* And above one. */
		KUNIT_EXPECT_EQ(test, vfio_pci_align_addr(end, phys[i], size),
				end);
	}
}

/* V5: the range that a mapping has most of decides. */
static void align_ranges(struct kunit *test)
{
	static const struct phys_vec ranges[] = {
		{ .paddr = SZ_1G + PAGE_SIZE, .len = SZ_2M },
		{ .paddr = SZ_16M, .len = SZ_8M },
		{ .paddr = SZ_64M + 3 * PAGE_SIZE, .len = SZ_8M },
	};
	u64 phys = 0;

	/* All of it: the second, and the third is not longer. */
	KUNIT_EXPECT_EQ(test, vfio_pci_core_ranges_phys(ranges, 3, 0, SZ_16M +
							SZ_2M, &phys), 0);
	KUNIT_EXPECT_EQ(test, phys, SZ_16M - SZ_2M);
	/* Only the first. */
	KUNIT_EXPECT_EQ(test, vfio_pci_core_ranges_phys(ranges, 3, SZ_1M, SZ_1M,
							&phys), 0);
	KUNIT_EXPECT_EQ(test, phys, SZ_1G + PAGE_SIZE + SZ_1M);
	/* More of the third than of the second. */
	KUNIT_EXPECT_EQ(test, vfio_pci_core_ranges_phys(ranges, 3, SZ_8M, SZ_8M,
							&phys), 0);
	KUNIT_EXPECT_EQ(test, phys, SZ_64M + 3 * PAGE_SIZE - SZ_2M);
	/* Nothing of any. */
	KUNIT_EXPECT_EQ(test, vfio_pci_core_ranges_phys(ranges, 3, SZ_32M, SZ_1M,
							&phys), -EINVAL);
}

static struct vpk_function *vpk_align_device(struct kunit *test,
					     const struct vfio_pci_device_ops *ops)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &vpk_config);

	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	if (ops)
		fn->vdev->pci_ops = ops;
	vpk_open(test, fn);
	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);
	return fn;
}

/* Which address mmap() would choose, and which without the core. */
static unsigned long vpk_area(struct vpk_function *fn, unsigned int bar,
			      u64 off, unsigned long addr, unsigned long len,
			      unsigned long flags, unsigned long *plain)
{
	unsigned long pgoff = (VFIO_PCI_INDEX_TO_OFFSET(bar) + off) >>
			      PAGE_SHIFT;
	struct file *file = fn->device;
	unsigned long area;

	mmap_write_lock(current->mm);
	area = file->f_op->get_unmapped_area(file, addr, len, pgoff,
					     flags | MAP_SHARED);
	*plain = mm_get_unmapped_area(file, addr, len, pgoff,
				      flags | MAP_SHARED);
	mmap_write_unlock(current->mm);
	return area;
}

/* Does the core see to alignment in this configuration? */
static bool vpk_aligns(void)
{
	return IS_ENABLED(CONFIG_64BIT) &&
	       IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP);
}

#define VPK_EXPECT_ALIGNED(test, addr, phys)				\
	KUNIT_EXPECT_EQ(test, ((addr) - (phys)) & (PMD_SIZE - 1), 0)

/*
 * C10: mmap(NULL) of a BAR: one fault for each 2 MiB, and they go as a whole.
 */
static void align_bar(struct kunit *test)
{
	struct vpk_function *fn = vpk_align_device(test, NULL);
	struct vpk_map *map[3];
	unsigned long pfn, size;
	int i;

	if (!vpk_aligns())
		kunit_skip(test, "no huge PFN mappings here");
	/* The first may be aligned by luck. */
	for (i = 0; i < ARRAY_SIZE(map); i++) {
		map[i] = vpk_map(test, fn, 2, 0, SZ_4M);
		VPK_EXPECT_ALIGNED(test, map[i]->addr,
				   pci_resource_start(fn->pdev, 2));
		KUNIT_EXPECT_EQ(test, vpk_touch(map[i], SZ_1M), 0);
		KUNIT_ASSERT_EQ(test, vpk_pfn(map[i], 0, &pfn, &size), 0);
		KUNIT_EXPECT_EQ(test, size, PMD_SIZE);
		KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(fn, 2, 0));
		KUNIT_EXPECT_FALSE(test, vpk_mapped(map[i], SZ_2M));
		/* A page between them, so that no luck is inherited. */
		vpk_map(test, fn, 0, 0, PAGE_SIZE);
	}
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	for (i = 0; i < ARRAY_SIZE(map); i++)
		KUNIT_EXPECT_FALSE(test, vpk_mapped(map[i], 0));
}

/* C10: the same for a DMABUF that the user has exported, and maps himself. */
static void align_export(struct kunit *test)
{
	struct vpk_function *fn;
	struct dma_buf *dmabuf;
	struct vpk_map *map;
	int i;

	vpk_need_importers(test);
	if (!vpk_aligns())
		kunit_skip(test, "no huge PFN mappings here");
	fn = vpk_align_device(test, NULL);
	dmabuf = vpk_export(test, fn, 2, 0, SZ_4M);
	/* The first may be aligned by luck. */
	for (i = 0; i < 3; i++) {
		map = vpk_map_dmabuf(test, fn, dmabuf, O_RDWR);
		VPK_EXPECT_ALIGNED(test, map->addr,
				   pci_resource_start(fn->pdev, 2));
		vpk_map(test, fn, 0, 0, PAGE_SIZE);
	}
}

/*
 * C10: a part of a BAR: the offset in it counts, and not the index of the
 * region.
 */
static void align_part(struct kunit *test)
{
	struct vpk_function *fn = vpk_align_device(test, NULL);
	unsigned long len = SZ_4M - PAGE_SIZE, pfn, size;
	struct vpk_map *map;

	if (!vpk_aligns())
		kunit_skip(test, "no huge PFN mappings here");
	map = vpk_map(test, fn, 2, PAGE_SIZE, len);
	VPK_EXPECT_ALIGNED(test, map->addr,
			   pci_resource_start(fn->pdev, 2) + PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, SZ_2M), 0);
	KUNIT_ASSERT_EQ(test, vpk_pfn(map, SZ_2M, &pfn, &size), 0);
	KUNIT_EXPECT_EQ(test, size, PMD_SIZE);
}

/**
 * struct vpk_plain_case - a mapping that gets the address that it always got
 * @name: what it is
 * @bar: the BAR
 * @off: offset in it
 * @len: length
 * @addr: the address that is asked for
 * @flags: MAP_* flags
 */
struct vpk_plain_case {
	const char *name;
	unsigned int bar;
	u64 off;
	unsigned long len;
	unsigned long addr;
	unsigned long flags;
};

#define VPK_ODD_VA	(SZ_256M + 3 * PAGE_SIZE)

static const struct vpk_plain_case vpk_plain_params[] = {
	{ "a page", 0, 0, PAGE_SIZE },
	{ "a small BAR", 0, 0, SZ_64K },
	{ "a page too little for a PMD", 2, 0, SZ_2M - PAGE_SIZE },
	{ "no whole PMD of memory", 2, PAGE_SIZE, SZ_2M },
	{ "a BAR that is not there", 4, 0, SZ_4M },
	{ "no BAR", VFIO_PCI_CONFIG_REGION_INDEX, 0, SZ_4M },
	{ "no region", 4711, 0, SZ_4M },
	{ "a hint", 2, 0, SZ_4M, VPK_ODD_VA },
	{ "MAP_FIXED", 2, 0, SZ_4M, VPK_ODD_VA, MAP_FIXED },
	{ "MAP_FIXED at 0", 2, 0, SZ_4M, 0, MAP_FIXED },
	{ "MAP_FIXED_NOREPLACE", 2, 0, SZ_4M, VPK_ODD_VA,
	  MAP_FIXED | MAP_FIXED_NOREPLACE },
	{ "too large for the address space", 2, 0, 1UL << (BITS_PER_LONG - 2) },
#ifdef CONFIG_X86_64
	/* There is room for this, but not for more. */
	{ "no room to align", 2, 0, SZ_1G, 0, MAP_32BIT },
#endif
};

KUNIT_ARRAY_PARAM_DESC(vpk_plain, vpk_plain_params, name);

/* C10: these are none of the core's business. */
static void align_leaves_alone(struct kunit *test)
{
	struct vpk_function *fn = vpk_align_device(test, NULL);
	const struct vpk_plain_case *param = test->param_value;
	unsigned long area, plain;

	area = vpk_area(fn, param->bar, param->off, param->addr, param->len,
			param->flags, &plain);
	KUNIT_EXPECT_EQ(test, area, plain);
	if (param->addr && !IS_ERR_VALUE(plain))
		KUNIT_EXPECT_EQ(test, area, param->addr);
}

/* C10: a hint that is taken is no reason for less. */
static void align_hint_taken(struct kunit *test)
{
	struct vpk_function *fn = vpk_align_device(test, NULL);
	struct vpk_map *map = vpk_map(test, fn, 2, 0, SZ_4M);
	unsigned long area, plain;

	if (!vpk_aligns())
		kunit_skip(test, "no huge PFN mappings here");
	/* The next free address is not aligned, not even by luck. */
	area = kunit_vm_mmap(test, NULL, 0, SZ_4M + PAGE_SIZE, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS, 0);
	KUNIT_ASSERT_FALSE(test, !area || IS_ERR_VALUE(area));
	area = vpk_area(fn, 2, 0, map->addr + PAGE_SIZE, SZ_4M, 0, &plain);
	KUNIT_EXPECT_FALSE(test, IS_ERR_VALUE(area));
	VPK_EXPECT_ALIGNED(test, area, pci_resource_start(fn->pdev, 2));
}

#define VPK_MOVED	(5 * PAGE_SIZE)

static unsigned int vpk_moved_asked;

static int vpk_moved_phys(struct vfio_pci_core_device *vdev,
			  unsigned int region_index, u64 offset, u64 len,
			  u64 *phys)
{
	vpk_moved_asked++;
	if (region_index != 2)
		return vfio_pci_core_get_mmap_phys(vdev, region_index, offset,
						   len, phys);
	if (len > SZ_16M)
		return -EINVAL;
	*phys = VPK_FAR + VPK_MOVED + offset;
	return 0;
}

static const struct vfio_pci_device_ops vpk_moved_ops = {
	.get_mmap_phys = vpk_moved_phys,
};

/* C10: a driver that maps something else says what. */
static void align_by_driver(struct kunit *test)
{
	struct vpk_function *fn = vpk_align_device(test, &vpk_moved_ops);
	unsigned long area, plain;

	if (!vpk_aligns())
		kunit_skip(test, "no huge PFN mappings here");
	area = vpk_area(fn, 2, 0, 0, SZ_4M, 0, &plain);
	VPK_EXPECT_ALIGNED(test, area, VPK_MOVED);
	area = vpk_area(fn, 2, PAGE_SIZE, 0, SZ_4M, 0, &plain);
	VPK_EXPECT_ALIGNED(test, area, VPK_MOVED + PAGE_SIZE);
	/* It does not know. */
	area = vpk_area(fn, 2, 0, 0, SZ_32M, 0, &plain);
	KUNIT_EXPECT_EQ(test, area, plain);
}

/* What the core itself answers, also on a machine that never asks it. */
static unsigned long vpk_core_area(struct vpk_function *fn, unsigned int bar,
				   unsigned long addr, unsigned long len,
				   unsigned long flags)
{
	unsigned long area;

	mmap_write_lock(current->mm);
	area = vfio_pci_core_get_unmapped_area(&fn->vdev->vdev, fn->device, addr,
					       len,
					       VFIO_PCI_INDEX_TO_OFFSET(bar) >>
					       PAGE_SHIFT, flags | MAP_SHARED);
	mmap_write_unlock(current->mm);
	return area;
}

/* C10: the driver is asked where its memory is, if it can tell. */
static void align_asks_driver(struct kunit *test)
{
	static const struct vfio_pci_device_ops nothing = {};
	struct vpk_function *fn = vpk_align_device(test, &vpk_moved_ops);

	vpk_moved_asked = 0;
	KUNIT_EXPECT_FALSE(test, IS_ERR_VALUE(vpk_core_area(fn, 2, 0, SZ_4M, 0)));
	KUNIT_EXPECT_EQ(test, vpk_moved_asked, 1);
	fn->vdev->pci_ops = &nothing;
	KUNIT_EXPECT_FALSE(test, IS_ERR_VALUE(vpk_core_area(fn, 2, 0, SZ_4M, 0)));
	fn->vdev->pci_ops = NULL;
	KUNIT_EXPECT_FALSE(test, IS_ERR_VALUE(vpk_core_area(fn, 2, 0, SZ_4M, 0)));
	KUNIT_EXPECT_EQ(test, vpk_moved_asked, 1);
}

/*
 * C10: a hint is taken if the place is free; what is mapped there is never hit.
 */
static void align_hint(struct kunit *test)
{
	struct vpk_function *fn = vpk_align_device(test, NULL);
	struct vpk_map *map = vpk_map(test, fn, 2, 0, SZ_4M);
	unsigned long area, hint = map->addr + PAGE_SIZE;

	KUNIT_EXPECT_EQ(test, vpk_core_area(fn, 2, VPK_ODD_VA, SZ_4M, 0),
			VPK_ODD_VA);
	KUNIT_EXPECT_EQ(test, vpk_core_area(fn, 2, hint, SZ_4M, MAP_FIXED), hint);
	area = vpk_core_area(fn, 2, hint, SZ_4M, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(area));
	KUNIT_EXPECT_TRUE_MSG(test, area + SZ_4M <= map->addr ||
			      area >= map->addr + map->len,
			      "%#lx is in use from %#lx on", area, map->addr);
}

/* C10: what is no BAR of the device has no place in memory. */
static void align_bars_only(struct kunit *test)
{
	struct vpk_function *fn = vpk_align_device(test, NULL);
	unsigned int index;
	u64 phys;

	for (index = 0; index < 64; index++) {
		int ret = vfio_pci_core_get_mmap_phys(fn->vdev, index, PAGE_SIZE,
						      PAGE_SIZE, &phys);
		bool bar = index == 0 || index == 2;

		KUNIT_EXPECT_EQ_MSG(test, ret, bar ? 0 : -EINVAL, "region %u",
				    index);
		if (bar)
			KUNIT_EXPECT_EQ(test, PHYS_PFN(phys),
					vpk_bar_pfn(fn, index, PAGE_SIZE));
	}
}

/**
 * struct vpk_stubborn - what the get_unmapped_area() of a file answers
 * @off: how far from where it was told
 * @error: or this instead
 */
static struct vpk_stubborn {
	unsigned long off;
	long error;
} vpk_stubborn;

static unsigned long vpk_stubborn_area(struct file *file, unsigned long addr,
				       unsigned long len, unsigned long pgoff,
				       unsigned long flags)
{
	if (vpk_stubborn.error)
		return vpk_stubborn.error;
	if (vpk_stubborn.off)
		return addr + vpk_stubborn.off;
	return mm_get_unmapped_area(file, addr, len, pgoff, flags);
}

static const struct vm_operations_struct vpk_stubborn_vm_ops = {};

static int vpk_stubborn_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_ops = &vpk_stubborn_vm_ops;
	return 0;
}

static const struct file_operations vpk_stubborn_fops = {
	.mmap = vpk_stubborn_mmap,
	.get_unmapped_area = vpk_stubborn_area,
};

/**
 * struct vpk_pair - two VMAs of a page each, side by side
 * @old: where they are
 * @new: where they are to go; there, and behind that, nothing is mapped
 */
struct vpk_pair {
	unsigned long old;
	unsigned long new;
};

#define VPK_PAIR	(2 * PAGE_SIZE)

static void vpk_pair_map(struct kunit *test, struct vpk_pair *pair,
			 struct file *file, u64 first, u64 second)
{
	unsigned long addr;

	/* A page stays between the two places. */
	pair->old = vm_mmap(NULL, 0, 3 * VPK_PAIR + PAGE_SIZE, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(pair->old));
	pair->new = pair->old + VPK_PAIR + PAGE_SIZE;
	KUNIT_ASSERT_EQ(test, vm_munmap(pair->new, 2 * VPK_PAIR), 0);
	addr = vm_mmap(file, pair->old, PAGE_SIZE, PROT_READ,
		       MAP_SHARED | MAP_FIXED, first);
	KUNIT_ASSERT_EQ(test, addr, pair->old);
	addr = vm_mmap(file, pair->old + PAGE_SIZE, PAGE_SIZE, PROT_READ,
		       MAP_SHARED | MAP_FIXED, second);
	KUNIT_ASSERT_EQ(test, addr, pair->old + PAGE_SIZE);
}

static long vpk_pair_move(struct kunit *test, struct vpk_pair *pair,
			  unsigned long len)
{
	long ret = vpk_arch_mremap(pair->old, len,
				   MREMAP_MAYMOVE | MREMAP_FIXED, pair->new);

	if (ret == -EOPNOTSUPP)
		kunit_skip(test, "this architecture's system calls are not known here");
	return ret;
}

/* Whose file is mapped there; NULL if there is no VMA, or none with a file. */
static struct file *vpk_file_at(unsigned long addr)
{
	struct vm_area_struct *vma;
	struct file *file = NULL;

	mmap_read_lock(current->mm);
	vma = vma_lookup(current->mm, addr);
	if (vma)
		file = vma->vm_file;
	mmap_read_unlock(current->mm);
	return file;
}

/* C10: mappings of BARs that lie side by side are moved by one mremap(). */
static void align_mremap(struct kunit *test)
{
	struct vpk_function *fn = vpk_align_device(test, NULL);
	struct vpk_map map = { .fn = fn, .len = VPK_PAIR };
	struct vpk_pair pair;
	unsigned long pfn;

	vpk_pair_map(test, &pair, fn->device,
		     VFIO_PCI_INDEX_TO_OFFSET(2) + PAGE_SIZE,
		     VFIO_PCI_INDEX_TO_OFFSET(0));
	KUNIT_ASSERT_EQ(test, vpk_pair_move(test, &pair, VPK_PAIR), pair.new);
	map.addr = pair.new;
	KUNIT_EXPECT_EQ(test, vpk_touch_read(&map, 0), 0);
	KUNIT_ASSERT_EQ(test, vpk_pfn(&map, 0, &pfn, NULL), 0);
	KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(fn, 2, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, vpk_touch_read(&map, PAGE_SIZE), 0);
	KUNIT_ASSERT_EQ(test, vpk_pfn(&map, PAGE_SIZE, &pfn, NULL), 0);
	KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(fn, 0, 0));
	KUNIT_EXPECT_NULL(test, vpk_file_at(pair.old));
	KUNIT_EXPECT_NULL(test, vpk_file_at(pair.old + PAGE_SIZE));
}

/* C10: a file that does not obey MREMAP_FIXED is moved alone, as ever. */
static void align_mremap_stubborn(struct kunit *test)
{
	struct vpk_pair pair;
	struct file *file;

	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);
	file = anon_inode_getfile("vpk", &vpk_stubborn_fops, NULL, O_RDWR);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	vpk_stubborn = (struct vpk_stubborn){};
	vpk_pair_map(test, &pair, file, 0, SZ_1M);
	fput(file);

	vpk_stubborn.off = PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, vpk_pair_move(test, &pair, VPK_PAIR), -EFAULT);
	KUNIT_EXPECT_PTR_EQ(test, vpk_file_at(pair.old), file);
	KUNIT_EXPECT_PTR_EQ(test, vpk_file_at(pair.old + PAGE_SIZE), file);
	KUNIT_EXPECT_NULL(test, vpk_file_at(pair.new));
	vpk_stubborn.error = -ENOSPC;
	KUNIT_EXPECT_EQ(test, vpk_pair_move(test, &pair, VPK_PAIR), -EFAULT);
	KUNIT_EXPECT_EQ(test, vpk_pair_move(test, &pair, PAGE_SIZE), -ENOSPC);
	vpk_stubborn.error = 0;
	KUNIT_EXPECT_EQ(test, vpk_pair_move(test, &pair, PAGE_SIZE),
			pair.new + PAGE_SIZE);
	KUNIT_EXPECT_PTR_EQ(test, vpk_file_at(pair.new + PAGE_SIZE), file);
	KUNIT_EXPECT_NULL(test, vpk_file_at(pair.new + 2 * PAGE_SIZE));
	KUNIT_EXPECT_NULL(test, vpk_file_at(pair.old));
	pair.old += PAGE_SIZE;
	vpk_stubborn.off = 0;
	KUNIT_EXPECT_EQ(test, vpk_pair_move(test, &pair, PAGE_SIZE), pair.new);
	KUNIT_EXPECT_PTR_EQ(test, vpk_file_at(pair.new), file);
}

static struct kunit_case vpk_align_cases[] = {
	KUNIT_CASE_PARAM(align_size, vpk_align_gen_params),
	KUNIT_CASE(align_addr),
	KUNIT_CASE(align_ranges),
	KUNIT_CASE(align_bar),
	KUNIT_CASE(align_export),
	KUNIT_CASE(align_part),
	KUNIT_CASE_PARAM(align_leaves_alone, vpk_plain_gen_params),
	KUNIT_CASE(align_hint_taken),
	KUNIT_CASE(align_by_driver),
	KUNIT_CASE(align_asks_driver),
	KUNIT_CASE(align_hint),
	KUNIT_CASE(align_bars_only),
	KUNIT_CASE(align_mremap),
	KUNIT_CASE(align_mremap_stubborn),
	{}
};

static struct kunit_suite vpk_align_suite = {
	.name = "vfio-pci-core-align",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_align_cases,
};

kunit_test_suite(vpk_align_suite);
