// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings by PMD (2 MiB) and by PUD (1 GiB) of a large BAR: made by one fault,
 * zapped as a whole, made again; split, and still zapped. (Rules C1 and C10.)
 *
 * usage: huge_test [HARNESS OPTIONS] BDF
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <sys/mman.h>

#include <linux/sizes.h>

#include "access.h"
#include "kselftest_harness.h"

#define RW	(PROT_READ | PROT_WRITE)

FIXTURE(huge) {
	struct kit_dev dev;
	struct iommu *iommu;
	struct kit_area *area;
	const struct kit_path *path;
	char *va;
};

FIXTURE_VARIANT(huge) {
	const char *path;
	u64 entry;
};

/* Not of every path: each fills gigabytes, and a device of RAM can do few. */
#define HUGE_VARIANTS(_path)								\
	FIXTURE_VARIANT_ADD(huge, pmd_##_path) { .path = #_path, .entry = SZ_2M };	\
	FIXTURE_VARIANT_ADD(huge, pud_##_path) { .path = #_path, .entry = SZ_1G }
HUGE_VARIANTS(memory_disable);
HUGE_VARIANTS(device_reset);
HUGE_VARIANTS(runtime_pm);

/* All of the BAR, @off from a multiple of @align: decides which entries can map it. */
static char *map_aligned(struct kit_dev *dev, struct kit_area *area, u64 size, u64 align, u64 off,
			 int prot)
{
	char *va = mmap_reserve(size, align, off);

	va = mmap(va, size, prot, MAP_SHARED | MAP_FIXED, dev->vdev->fd,
		  area->file_offset + area->offset);
	VFIO_ASSERT_NE((void *)va, MAP_FAILED);
	return va;
}

FIXTURE_SETUP(huge)
{
	struct kit_area *best;
	const char *why;
	u32 val;
	u64 at;

	self->path = kit_path(variant->path);
	why = kit_open_for(self->path, &self->dev, &self->iommu);
	if (why)
		SKIP(return, "%s", why);
	best = kit_best_area(&self->dev);
	if (!best || best->size < 2 * variant->entry || !best->ram)
		SKIP(return, "no BAR of memory of 0x%llx bytes or more",
		     (unsigned long long)variant->entry * 2);
	self->area = best;
	/* Aligned for 2 MiB entries only, or for 1 GiB ones as well. */
	self->va = map_aligned(&self->dev, best, best->size, SZ_1G,
			       variant->entry == SZ_1G ? 0 : SZ_2M, RW);
	for (at = 0; at < best->size; at += variant->entry / 2)
		kit_fill(best, self->va + at, at, 1);
	ASSERT_TRUE(kit_try_read(self->va, &val));
}

FIXTURE_TEARDOWN(huge)
{
	kit_close(&self->dev, self->iommu);
}

/* Read all over [0, size): the number of faults, or -1 for SIGBUS or a wrong word. */
static long walk(struct _test_data_huge *self, char *va, u64 size, u64 step)
{
	long faults, sum = 0;
	u64 at, val;

	for (at = 0; at < size; at += step) {
		if (!kit_read_faults(va + at, &faults))
			return -1;
		sum += faults;
		if (at % (step * 2) == 0 &&
		    (!kit_try_read64(va + at + KIT_PAGE_SIZE - 32, &val) ||
		     val != kit_pattern(self->area, at)))
			return -1;
	}
	return sum;
}

/* The faults that it takes to touch every page of four entries. */
static long faults_of_entries(struct _test_data_huge *self, char *va, u64 entry, int entries)
{
	long faults, sum = 0;
	u64 at;

	for (at = 0; at < entry * entries; at += entry / 64) {
		if (!kit_read_faults(va + at, &faults))
			return -1;
		sum += faults;
	}
	return sum;
}

static int take_away(struct _test_data_huge *self, char *va, u64 size)
{
	int wrong = 0;
	u32 val;
	u64 at;

	if (kit_enter(self->path, &self->dev))
		return -1;
	for (at = 0; self->path->leave && at < size; at += SZ_2M)
		wrong += kit_try_read(va + at, &val);
	if (kit_leave(self->path, &self->dev))
		return -1;
	return wrong;
}

TEST_F(huge, zapped_and_refaulted)
{
	u64 entry = variant->entry, entries = self->area->size / entry;
	int i;

	if (entries > 4)
		entries = 4;
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, take_away(self, self->va, self->area->size));
		/* One fault for each entry; all pages of it. */
		EXPECT_EQ(entries, faults_of_entries(self, self->va, entry, entries));
		EXPECT_LE(0, walk(self, self->va, self->area->size, entry / 2));
	}
}

/* 7.3's mm takes a PUD that is a leaf for a table when it splits a VMA. */
#define WHY_NO_SPLIT	"mm of 7.3 crashes when a VMA is split inside a 1 GiB entry"

TEST_F(huge, split_by_munmap)
{
	u64 entry = variant->entry;
	u32 val;

	if (entry == SZ_1G)
		SKIP(return, WHY_NO_SPLIT);
	ASSERT_LE(0, walk(self, self->va, self->area->size, entry / 2));
	ASSERT_EQ(0, munmap(self->va + entry + KIT_PAGE_SIZE, KIT_PAGE_SIZE));
	ASSERT_EQ(0, take_away(self, self->va, entry));
	EXPECT_EQ(1, faults_of_entries(self, self->va, entry, 1));
	EXPECT_TRUE(kit_try_read(self->va + entry, &val));
}

TEST_F(huge, split_by_mprotect)
{
	u64 entry = variant->entry;
	long faults;

	if (entry == SZ_1G)
		SKIP(return, WHY_NO_SPLIT);
	ASSERT_LE(0, walk(self, self->va, self->area->size, entry / 2));
	ASSERT_EQ(0, mprotect(self->va + entry / 2, KIT_PAGE_SIZE, PROT_READ));
	ASSERT_EQ(0, take_away(self, self->va, entry));
	EXPECT_TRUE(kit_read_faults(self->va + entry / 2, &faults));
	EXPECT_EQ(1, faults);
	EXPECT_LE(0, walk(self, self->va, self->area->size, entry / 2));
}

TEST_F(huge, moved)
{
	u64 size = self->area->size;
	char *to = mmap_reserve(size, SZ_1G, variant->entry == SZ_1G ? 0 : SZ_2M);

	ASSERT_LE(0, walk(self, self->va, size, variant->entry / 2));
	ASSERT_EQ(to, mremap(self->va, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	ASSERT_EQ(0, take_away(self, to, size));
	EXPECT_LT(0, walk(self, to, size, variant->entry / 2));
}

TEST_F(huge, unaligned_is_by_page)
{
	long faults;
	char *va;

	va = mmap_reserve(SZ_4M, SZ_1G, KIT_PAGE_SIZE);
	va = mmap(va, SZ_4M, RW, MAP_SHARED | MAP_FIXED, self->dev.vdev->fd,
		  self->area->file_offset + self->area->offset);
	ASSERT_NE(MAP_FAILED, va);
	ASSERT_TRUE(kit_read_faults(va, &faults));
	ASSERT_TRUE(kit_read_faults(va + KIT_PAGE_SIZE, &faults));
	EXPECT_EQ(1, faults);
	ASSERT_EQ(0, take_away(self, va, SZ_4M));
	EXPECT_TRUE(kit_read_faults(va, &faults));
	EXPECT_EQ(1, faults);
}

int main(int argc, char **argv)
{
	kit_args(&argc, argv);
	return test_harness_run(argc, argv);
}
