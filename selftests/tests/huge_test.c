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

/*
 * Read all over [0, size) of a mapping of the area from @off on: the number of
 * faults, or -1 for SIGBUS or a wrong word.
 */
static long walk_at(struct _test_data_huge *self, char *va, u64 off, u64 size, u64 step)
{
	long faults, sum = 0;
	u64 at, val;

	for (at = 0; at < size; at += step) {
		if (!kit_read_faults(va + at, &faults))
			return -1;
		sum += faults;
		if (at % (step * 2) == 0 &&
		    (!kit_try_read64(va + at + KIT_PAGE_SIZE - 32, &val) ||
		     val != kit_pattern(self->area, off + at)))
			return -1;
	}
	return sum;
}

static long walk(struct _test_data_huge *self, char *va, u64 size, u64 step)
{
	return walk_at(self, va, 0, size, step);
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

TEST_F(huge, split_by_munmap)
{
	u64 entry = variant->entry;
	u32 val;

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

/* A mapping of @len bytes at @off of the area, where the kernel likes it or at @hint. */
static char *map_anywhere(struct _test_data_huge *self, char *hint, u64 off, u64 len)
{
	return mmap(hint, len, RW, MAP_SHARED, self->dev.vdev->fd,
		    self->area->file_offset + self->area->offset + off);
}

/* One page that is not aligned, so that the next mapping is not by luck. */
static bool spoil_luck(struct _test_data_huge *self)
{
	return map_anywhere(self, NULL, 0, KIT_PAGE_SIZE) != MAP_FAILED;
}

/* mmap(NULL): as few entries as the region allows, before and after a revocation. */
TEST_F(huge, anywhere)
{
	u64 entry = variant->entry, off, len;
	char *va;
	int i;

	/* A 1 GiB entry has no room in the part that is for 2 MiB entries. */
	off = entry == SZ_1G ? 0 : entry;
	len = 2 * entry;
	for (i = 0; i < 4; i++) {
		ASSERT_TRUE(spoil_luck(self));
		va = map_anywhere(self, NULL, off, len);
		ASSERT_NE(MAP_FAILED, va);
		EXPECT_EQ(2, faults_of_entries(self, va, entry, 2));
		ASSERT_EQ(0, take_away(self, va, len));
		EXPECT_EQ(2, faults_of_entries(self, va, entry, 2));
		EXPECT_LE(0, walk_at(self, va, off, len, entry / 2));
	}
}

/* Not a multiple of an entry, from an offset that is none: what is whole is huge. */
TEST_F(huge, anywhere_from_an_odd_offset)
{
	u64 entry = variant->entry, off = entry - 3 * KIT_PAGE_SIZE;
	char *va;

	ASSERT_TRUE(spoil_luck(self));
	va = map_anywhere(self, NULL, off, entry + 3 * KIT_PAGE_SIZE);
	ASSERT_NE(MAP_FAILED, va);
	EXPECT_EQ(1, faults_of_entries(self, va + 3 * KIT_PAGE_SIZE, entry, 1));
}

/* Who asks for an address gets it. */
TEST_F(huge, address_as_asked_for)
{
	char *hole = mmap_reserve(2 * SZ_4M, SZ_2M, 5 * KIT_PAGE_SIZE), *va;

	ASSERT_EQ(0, munmap(hole, 2 * SZ_4M));
	va = map_anywhere(self, hole, 0, SZ_4M);
	EXPECT_EQ(hole, va);
	ASSERT_EQ(0, munmap(va, SZ_4M));
	va = mmap(hole, SZ_4M, RW, MAP_SHARED | MAP_FIXED, self->dev.vdev->fd,
		  self->area->file_offset + self->area->offset);
	EXPECT_EQ(hole, va);
}

/* A device that was opened by its group has another file, but the same alignment. */
TEST_F(huge, anywhere_by_group)
{
	char bdf[16], *va, *page;
	struct kit_group group;
	u64 at, pos;
	long faults;
	u32 val;

	if (access("/dev/vfio/vfio", F_OK))
		SKIP(return, "no containers in this kernel");
	/* A mapping keeps the device open. */
	ASSERT_EQ(0, munmap(self->va, self->area->size));
	snprintf(bdf, sizeof(bdf), "%s", self->dev.bdf);
	pos = self->area->file_offset + self->area->offset;
	kit_close(&self->dev, self->iommu);
	ASSERT_EQ(0, kit_group_open(&group, bdf));
	page = mmap(NULL, KIT_PAGE_SIZE, RW, MAP_SHARED, group.device, pos);
	EXPECT_NE(MAP_FAILED, page);
	va = mmap(NULL, 2 * variant->entry, RW, MAP_SHARED, group.device, pos);
	EXPECT_NE(MAP_FAILED, va);
	faults = kit_faults();
	for (at = 0; at < 2 * variant->entry; at += variant->entry / 64)
		EXPECT_TRUE(kit_try_read(va + at, &val));
	EXPECT_GE(2, kit_faults() - faults);
	munmap(va, 2 * variant->entry);
	munmap(page, KIT_PAGE_SIZE);
	kit_group_close(&group);
	self->iommu = NULL;
	ASSERT_EQ(NULL, kit_open_for(self->path, &self->dev, &self->iommu));
}

int main(int argc, char **argv)
{
	kit_args(&argc, argv);
	return test_harness_run(argc, argv);
}
