// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every way to revoke a device's BARs, with every shape of mapping: whatever
 * user space has done to its mappings, a revocation leaves no PTE, no access
 * gets through while it lasts, and after it each page is the right one again.
 * (Rules C1 and C3 of the contract.)
 *
 * usage: bar_mapping_test [HARNESS OPTIONS] BDF
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/sizes.h>

#include "access.h"
#include "kselftest_harness.h"

#define WORD	(KIT_PAGE_SIZE - 32)
#define MAX_WATCHED	192

/* A page of user memory that belongs to the device. */
struct watched {
	char *va;
	u64 offset;		/* in the area */
	u32 before;
};

FIXTURE(shape) {
	struct kit_dev dev;
	struct iommu *iommu;
	struct kit_area *area;
	const struct kit_path *path;
	struct watched page[MAX_WATCHED];
	int pages;
	pid_t child;
	int to_child[2], from_child[2];
};

FIXTURE_VARIANT(shape) {
	const char *path;
};

#define KIT_PATH(_name, ...) FIXTURE_VARIANT_ADD(shape, _name) { .path = #_name };
#include "path_table.h"

FIXTURE_SETUP(shape)
{
	const char *why;
	char *va;

	self->path = kit_path(variant->path);
	why = kit_open_for(self->path, &self->dev, &self->iommu);
	if (why)
		SKIP(return, "%s", why);
	self->area = kit_best_area(&self->dev);
	if (!self->area)
		SKIP(return, "no region that can be mapped");
	if (self->area->size < 4 * KIT_PAGE_SIZE)
		SKIP(return, "no region of 4 pages or more");
	va = kit_map(&self->dev, self->area, 0, self->area->size, PROT_READ | PROT_WRITE);
	kit_fill(self->area, va, 0, self->area->size / KIT_PAGE_SIZE);
	munmap(va, self->area->size);
}

FIXTURE_TEARDOWN(shape)
{
	if (self->child > 0) {
		kill(self->child, SIGKILL);
		waitpid(self->child, NULL, 0);
	}
	kit_close(&self->dev, self->iommu);
}

/* Watch the page at @va, which shows page @offset of the area. */
static void watch(struct _test_data_shape *self, void *va, u64 offset)
{
	struct watched *w = &self->page[self->pages];

	if (self->pages == MAX_WATCHED)
		return;
	self->pages++;
	*w = (struct watched){ .va = va, .offset = offset };
	VFIO_ASSERT_TRUE(kit_try_read(va, &w->before), "no access before\n");
}

/* Some of the pages of a mapping: the first, the last, and some in between. */
static void watch_range(struct _test_data_shape *self, void *va, u64 offset, u64 size)
{
	u64 pages = size / KIT_PAGE_SIZE, i, step = pages / 6 + 1;

	for (i = 0; i < pages; i += step)
		watch(self, va + i * KIT_PAGE_SIZE, offset + i * KIT_PAGE_SIZE);
	if ((pages - 1) % step)
		watch(self, va + size - KIT_PAGE_SIZE, offset + size - KIT_PAGE_SIZE);
}

static bool content_right(const struct _test_data_shape *self, const struct watched *w)
{
	u64 val;

	if (!self->area->ram)
		return true;
	return kit_try_read64(w->va + WORD, &val) && val == kit_pattern(self->area, w->offset);
}

#define FOR_EACH_WATCHED(w) for ((w) = self->page; (w) < self->page + self->pages; (w)++)

/* The number of pages of which something is wrong; says what. */
static int wrong_contents(struct _test_data_shape *self, const char *when)
{
	struct watched *w;
	int wrong = 0;

	FOR_EACH_WATCHED(w) {
		if (!content_right(self, w)) {
			ksft_print_msg("%s: page 0x%llx: wrong contents, or SIGBUS\n", when,
				       (unsigned long long)w->offset);
			wrong++;
		}
	}
	return wrong;
}

static int wrong_while_revoked(struct _test_data_shape *self)
{
	struct watched *w;
	int wrong = 0;
	u32 val;

	FOR_EACH_WATCHED(w) {
		if (self->path->leave && kit_try_read(w->va, &val)) {
			ksft_print_msg("revoked: page 0x%llx can be read\n",
				       (unsigned long long)w->offset);
			wrong++;
		}
	}
	return wrong;
}

#define PMD(_va)	((unsigned long)(_va) / SZ_2M)

/* One fault can map all that one entry of the level above holds. */
static bool may_be_mapped_by_now(const struct _test_data_shape *self, const struct watched *w)
{
	const struct watched *earlier;

	for (earlier = self->page; earlier < w; earlier++) {
		if (PMD(earlier->va) == PMD(w->va))
			return true;
	}
	return false;
}

/* Every page is back, the right one, and only by a fault: its PTE was gone. */
static int wrong_after(struct _test_data_shape *self)
{
	struct watched *w;
	int wrong = 0;
	long faults;

	FOR_EACH_WATCHED(w) {
		if (!kit_read_faults(w->va, &faults)) {
			ksft_print_msg("after: page 0x%llx: SIGBUS\n",
				       (unsigned long long)w->offset);
			wrong++;
		} else if (!faults && !may_be_mapped_by_now(self, w)) {
			ksft_print_msg("after: page 0x%llx: its PTE was not gone\n",
				       (unsigned long long)w->offset);
			wrong++;
		}
	}
	return wrong + wrong_contents(self, "after");
}

/* The child says how many pages are wrong, in each of the three states. */
static void child_loop(struct _test_data_shape *self)
{
	char cmd;
	int n;

	while (read(self->to_child[0], &cmd, 1) == 1) {
		n = cmd == 'b' ? wrong_contents(self, "before") :
		    cmd == 'r' ? wrong_while_revoked(self) : wrong_after(self);
		if (write(self->from_child[1], &n, sizeof(n)) != sizeof(n))
			break;
	}
	_exit(0);
}

static int ask_child(struct _test_data_shape *self, char cmd)
{
	int n = -1;

	if (!self->child)
		return 0;
	if (write(self->to_child[1], &cmd, 1) != 1 ||
	    read(self->from_child[0], &n, sizeof(n)) != sizeof(n))
		return -1;
	return n;
}

/* Fork; the child does @prepare, if any, and then what it is asked. */
static void start_child(struct _test_data_shape *self,
			void (*prepare)(struct _test_data_shape *self))
{
	VFIO_ASSERT_EQ(pipe2(self->to_child, O_CLOEXEC), 0);
	VFIO_ASSERT_EQ(pipe2(self->from_child, O_CLOEXEC), 0);
	fflush(stdout);
	self->child = fork();
	VFIO_ASSERT_GE(self->child, 0);
	if (!self->child) {
		close(self->to_child[1]);
		if (prepare)
			prepare(self);
		child_loop(self);
	}
	close(self->to_child[0]);
	close(self->from_child[1]);
}

/* Everything that is watched goes away and comes back, twice. */
#define CHECK_REVOCATION() do {							\
	int _i;									\
										\
	for (_i = 0; _i < 2; _i++) {						\
		ASSERT_EQ(0, wrong_contents(self, "before"));				\
		ASSERT_EQ(0, ask_child(self, 'b'));				\
		ASSERT_EQ(0, kit_enter(self->path, &self->dev));			\
		EXPECT_EQ(0, wrong_while_revoked(self));			\
		EXPECT_EQ(0, ask_child(self, 'r'));				\
		ASSERT_EQ(0, kit_leave(self->path, &self->dev));		\
		EXPECT_EQ(0, wrong_after(self));				\
		EXPECT_EQ(0, ask_child(self, 'a'));				\
	}									\
} while (0)

#define RW	(PROT_READ | PROT_WRITE)
#define HALF	(self->area->size / 2 / KIT_PAGE_SIZE * KIT_PAGE_SIZE)
#define LAST	(self->area->size - KIT_PAGE_SIZE)

TEST_F(shape, one_page_each)
{
	u64 pages = self->area->size / KIT_PAGE_SIZE, i, n = pages < 24 ? pages : 24;

	for (i = 0; i < n; i++) {
		u64 at = i * (pages - 1) / (n - 1) * KIT_PAGE_SIZE;

		watch(self, kit_map(&self->dev, self->area, at, KIT_PAGE_SIZE, RW), at);
	}
	CHECK_REVOCATION();
}

TEST_F(shape, every_region_whole)
{
	int i;

	for (i = 0; i < self->dev.nr_areas; i++) {
		struct kit_area *area = &self->dev.areas[i];
		struct kit_area *best = self->area;
		char *va = kit_map(&self->dev, area, 0, area->size, PROT_READ);

		if (area == best)
			watch_range(self, va, 0, area->size);
		else
			/* Contents are checked of the best area only. */
			watch(self, kit_map(&self->dev, best, HALF, KIT_PAGE_SIZE, RW), HALF);
	}
	CHECK_REVOCATION();
}

TEST_F(shape, every_region_first_and_last_page)
{
	char *va[KIT_MAX_AREAS][2];
	long faults;
	u32 val;
	int i, j;

	for (i = 0; i < self->dev.nr_areas; i++) {
		struct kit_area *area = &self->dev.areas[i];

		va[i][0] = kit_map(&self->dev, area, 0, KIT_PAGE_SIZE, PROT_READ);
		va[i][1] = kit_map(&self->dev, area, area->size - KIT_PAGE_SIZE, KIT_PAGE_SIZE,
				   PROT_READ);
		for (j = 0; j < 2; j++)
			ASSERT_TRUE(kit_try_read(va[i][j], &val));
	}
	ASSERT_EQ(0, kit_enter(self->path, &self->dev));
	for (i = 0; i < 2 * self->dev.nr_areas && self->path->leave; i++)
		EXPECT_FALSE(kit_try_read(va[i / 2][i % 2], &val));
	ASSERT_EQ(0, kit_leave(self->path, &self->dev));
	for (i = 0; i < 2 * self->dev.nr_areas; i++) {
		EXPECT_TRUE(kit_read_faults(va[i / 2][i % 2], &faults));
		EXPECT_LT(0, faults);
	}
}

TEST_F(shape, from_an_offset)
{
	watch_range(self, kit_map(&self->dev, self->area, HALF, self->area->size - HALF, RW), HALF,
		    self->area->size - HALF);
	watch(self, kit_map(&self->dev, self->area, LAST, KIT_PAGE_SIZE, RW), LAST);
	CHECK_REVOCATION();
}

TEST_F(shape, aliases)
{
	int i;

	for (i = 0; i < 8; i++) {
		watch_range(self, kit_map(&self->dev, self->area, 0, self->area->size, RW), 0,
			    self->area->size);
		watch(self, kit_map(&self->dev, self->area, LAST, KIT_PAGE_SIZE, RW), LAST);
	}
	CHECK_REVOCATION();
}

TEST_F(shape, read_only)
{
	char *va = kit_map(&self->dev, self->area, 0, self->area->size, PROT_READ);

	if (self->area->mixed)
		SKIP(return, "no mprotect() of a VMA with two memory types");
	watch_range(self, va, 0, self->area->size);
	CHECK_REVOCATION();
	/* The fd is open for writing, so this may be had later. */
	EXPECT_EQ(0, mprotect(va, self->area->size, RW));
	EXPECT_TRUE(!self->area->ram || kit_try_write64(va + WORD, kit_pattern(self->area, 0)));
	CHECK_REVOCATION();
}

TEST_F(shape, no_access_made_accessible)
{
	char *va = kit_map(&self->dev, self->area, 0, self->area->size, PROT_NONE);

	if (self->area->mixed)
		SKIP(return, "no mprotect() of a VMA with two memory types");
	ASSERT_EQ(0, mprotect(va, self->area->size, RW));
	watch_range(self, va, 0, self->area->size);
	/* A mapping that cannot be read keeps its PTEs; they have to go, too. */
	ASSERT_EQ(0, mprotect(va, self->area->size, PROT_NONE));
	ASSERT_EQ(0, kit_enter(self->path, &self->dev));
	ASSERT_EQ(0, mprotect(va, self->area->size, RW));
	EXPECT_EQ(0, wrong_while_revoked(self));
	ASSERT_EQ(0, kit_leave(self->path, &self->dev));
	EXPECT_EQ(0, wrong_after(self));
}

static void map_in_child(struct _test_data_shape *self)
{
	self->pages = 0;
	watch_range(self, kit_map(&self->dev, self->area, HALF, self->area->size - HALF, RW), HALF,
		    self->area->size - HALF);
}

TEST_F(shape, two_processes)
{
	watch_range(self, kit_map(&self->dev, self->area, 0, self->area->size, RW), 0,
		    self->area->size);
	start_child(self, map_in_child);
	CHECK_REVOCATION();
}

static void touch_in_child(struct _test_data_shape *self)
{
	struct watched *w;
	u32 val;

	FOR_EACH_WATCHED(w)
		VFIO_ASSERT_TRUE(kit_try_read(w->va, &val), "no access in the child\n");
}

TEST_F(shape, fork)
{
	watch_range(self, kit_map(&self->dev, self->area, 0, self->area->size, RW), 0,
		    self->area->size);
	watch(self, kit_map(&self->dev, self->area, LAST, KIT_PAGE_SIZE, RW), LAST);
	start_child(self, touch_in_child);
	CHECK_REVOCATION();
}

static void drop_fd_in_child(struct _test_data_shape *self)
{
	close(self->dev.vdev->fd);
	touch_in_child(self);
}

TEST_F(shape, fork_child_outlives_parents_mapping)
{
	char *va = kit_map(&self->dev, self->area, 0, self->area->size, RW);

	watch_range(self, va, 0, self->area->size);
	start_child(self, drop_fd_in_child);
	ASSERT_EQ(0, munmap(va, self->area->size));
	self->pages = 0;
	CHECK_REVOCATION();
}

TEST_F(shape, mremap_growth_is_refused)
{
	char *va = kit_map(&self->dev, self->area, 0, KIT_PAGE_SIZE, RW);
	void *more;

	more = mremap(va, KIT_PAGE_SIZE, 2 * KIT_PAGE_SIZE, MREMAP_MAYMOVE);
	EXPECT_EQ(MAP_FAILED, more);
	EXPECT_EQ(EFAULT, errno);
	/* An old size of 0 makes a second mapping of shared memory. */
	more = mremap(va, 0, 2 * KIT_PAGE_SIZE, MREMAP_MAYMOVE);
	EXPECT_EQ(MAP_FAILED, more);
	watch(self, va, 0);
	CHECK_REVOCATION();
}

/* Nor is there a second mapping that way: it would be one that mmap() did not see. */
TEST_F(shape, mremap_duplicate_is_refused)
{
	char *va = kit_map(&self->dev, self->area, HALF, KIT_PAGE_SIZE, RW);

	EXPECT_EQ(MAP_FAILED, mremap(va, 0, KIT_PAGE_SIZE, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
	watch(self, va, HALF);
	CHECK_REVOCATION();
}

TEST_F(shape, mremap_move)
{
	char *va = kit_map(&self->dev, self->area, 0, self->area->size, RW), *to;
	u32 val;

	ASSERT_TRUE(kit_try_read(va + LAST, &val));
	to = mmap(NULL, self->area->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, to);
	ASSERT_EQ(to, mremap(va, self->area->size, self->area->size, MREMAP_MAYMOVE | MREMAP_FIXED,
			     to));
	watch_range(self, to, 0, self->area->size);
	CHECK_REVOCATION();
}

TEST_F(shape, mremap_move_of_the_upper_half)
{
	char *va = kit_map(&self->dev, self->area, 0, self->area->size, RW), *to;
	u64 size = self->area->size - HALF;

	watch_range(self, va, 0, HALF);
	to = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, to);
	ASSERT_EQ(to, mremap(va + HALF, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	watch_range(self, to, HALF, size);
	CHECK_REVOCATION();
}

/* Several VMAs in one call: mm has to know that MREMAP_FIXED is obeyed. */
TEST_F(shape, mremap_move_of_several)
{
	char *va = kit_map(&self->dev, self->area, 0, self->area->size, RW), *to;
	u64 size = self->area->size;
	u32 val;

	if (self->area->mixed)
		SKIP(return, "no mprotect() of a VMA with two memory types");
	ASSERT_TRUE(kit_try_read(va + LAST, &val));
	ASSERT_EQ(0, mprotect(va + HALF, KIT_PAGE_SIZE, PROT_READ));
	to = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, to);
	ASSERT_EQ(to, mremap(va, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	watch_range(self, to, 0, size);
	watch(self, to + HALF, HALF);
	CHECK_REVOCATION();
}

/* Moved while it is revoked: the way back has to find it as well. */
TEST_F(shape, mremap_move_while_revoked)
{
	char *va = kit_map(&self->dev, self->area, 0, self->area->size, RW), *to;

	watch_range(self, va, 0, self->area->size);
	ASSERT_EQ(0, kit_enter(self->path, &self->dev));
	to = mremap(va, self->area->size, self->area->size, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
	if (to == MAP_FAILED) {
		to = mmap(NULL, self->area->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ASSERT_EQ(to, mremap(va, self->area->size, self->area->size,
				     MREMAP_MAYMOVE | MREMAP_FIXED, to));
	}
	ASSERT_EQ(0, kit_leave(self->path, &self->dev));
	self->pages = 0;
	watch_range(self, to, 0, self->area->size);
	CHECK_REVOCATION();
}

TEST_F(shape, partial_munmap)
{
	char *va = kit_map(&self->dev, self->area, 0, self->area->size, RW);
	u32 val;

	ASSERT_TRUE(kit_try_read(va + HALF, &val));
	/* A hole in the middle, and no first page. */
	ASSERT_EQ(0, munmap(va + HALF, KIT_PAGE_SIZE));
	ASSERT_EQ(0, munmap(va, KIT_PAGE_SIZE));
	watch_range(self, va + KIT_PAGE_SIZE, KIT_PAGE_SIZE, HALF - KIT_PAGE_SIZE);
	watch_range(self, va + HALF + KIT_PAGE_SIZE, HALF + KIT_PAGE_SIZE,
		    self->area->size - HALF - KIT_PAGE_SIZE);
	CHECK_REVOCATION();
}

TEST_F(shape, mapped_over)
{
	char *va = kit_map(&self->dev, self->area, 0, self->area->size, RW);

	watch_range(self, va, 0, HALF);
	/* The upper half: anonymous memory; and one page of it, the first one. */
	ASSERT_EQ(va + HALF, mmap(va + HALF, self->area->size - HALF, RW,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	va[HALF] = 1;
	ASSERT_EQ(va + LAST,
		  mmap(va + LAST, KIT_PAGE_SIZE, RW, MAP_SHARED | MAP_FIXED, self->dev.vdev->fd,
		       self->area->file_offset + self->area->offset));
	watch(self, va + LAST, 0);
	CHECK_REVOCATION();
	EXPECT_EQ(1, va[HALF]);
}

TEST_F(shape, mprotect_of_every_other_page)
{
	char *va = kit_map(&self->dev, self->area, 0, self->area->size, RW);
	u64 i, n = self->area->size / KIT_PAGE_SIZE;

	if (self->area->mixed)
		SKIP(return, "no mprotect() of a VMA with two memory types");
	if (n > 64)
		n = 64;
	for (i = 0; i < n; i += 2)
		ASSERT_EQ(0, mprotect(va + i * KIT_PAGE_SIZE, KIT_PAGE_SIZE, PROT_READ));
	watch_range(self, va, 0, self->area->size);
	CHECK_REVOCATION();
}

TEST_F(shape, populated_and_locked)
{
	char *va;

	EXPECT_EQ(0, mlockall(MCL_FUTURE));
	va = mmap(NULL, self->area->size, RW, MAP_SHARED | MAP_POPULATE | MAP_LOCKED,
		  self->dev.vdev->fd, self->area->file_offset + self->area->offset);
	ASSERT_NE(MAP_FAILED, va);
	munlockall();
	watch_range(self, va, 0, self->area->size);
	CHECK_REVOCATION();
}

TEST_F(shape, madvised)
{
	static const int advice[] = {
		MADV_DONTNEED, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTFORK, MADV_DOFORK,
		MADV_FREE, MADV_REMOVE, MADV_COLD, MADV_PAGEOUT,
		MADV_POPULATE_READ, MADV_POPULATE_WRITE,
		MADV_MERGEABLE, MADV_WIPEONFORK, MADV_DODUMP, MADV_RANDOM, MADV_SEQUENTIAL,
		25 /* MADV_COLLAPSE */, 102 /* MADV_GUARD_INSTALL */,
	};
	char *va = kit_map(&self->dev, self->area, 0, self->area->size, RW);
	int i;

	watch_range(self, va, 0, self->area->size);
	/* Some are refused; none may make the mapping anything else. */
	for (i = 0; i < ARRAY_SIZE(advice); i++) {
		madvise(va, self->area->size, advice[i]);
		madvise(va + HALF, KIT_PAGE_SIZE, advice[i]);
		madvise(va, self->area->size, 103 /* MADV_GUARD_REMOVE */);
	}
	EXPECT_EQ(0, wrong_contents(self, "after madvise()"));
	CHECK_REVOCATION();
}

int main(int argc, char **argv)
{
	kit_args(&argc, argv);
	return test_harness_run(argc, argv);
}
