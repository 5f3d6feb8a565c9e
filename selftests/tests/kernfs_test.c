// SPDX-License-Identifier: GPL-2.0-only
/*
 * A circle of three locks, each edge of it made once and alone, so that nothing
 * can hang; lockdep is the judge:
 *
 *	mmap_lock -> memory_lock	a fault in a BAR that waits (rule C2)
 *	memory_lock -> kernfs_rwsem	MSI-X is enabled, with its files in sysfs
 *	kernfs_rwsem -> mmap_lock	getdents() of a folder of sysfs has to grow
 *					the stack that it writes to
 *
 * Since faults give mmap_lock back before they wait, the first edge is gone, and
 * the circle with it. Without the core patch lockdep reports it.
 *
 * usage: kernfs_test [HARNESS OPTIONS] BDF
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "access.h"
#include "kselftest_harness.h"

#define RW	(PROT_READ | PROT_WRITE)

FIXTURE(kernfs) {
	struct kit_dev dev;
	struct iommu *iommu;
};

FIXTURE_SETUP(kernfs)
{
	kit_open(&self->dev, &self->iommu);
}

FIXTURE_TEARDOWN(kernfs)
{
	kit_close(&self->dev, self->iommu);
}

/* 1: it watches; 0: it has reported something, and stopped; -1: not there. */
static int lockdep_watches(void)
{
	FILE *f = fopen("/proc/lockdep_stats", "re");
	char line[128];
	int on = -1;

	while (f && on < 0 && fgets(line, sizeof(line), f))
		sscanf(line, " debug_locks: %d", &on);
	if (f)
		fclose(f);
	return on;
}

/*
 * List the folder of @bdf into a buffer whose first page ends after "." and "..",
 * which kernfs emits without its lock. The next page is a hole below a VMA that
 * grows down: that takes mmap_lock for write, and not by trylock. The first page is
 * such a VMA as well, for there is no gap between two of these.
 */
static long list_into_a_hole(const char *bdf)
{
	const int grows = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN;
	char path[64], *va;
	long n, got = 0;
	int fd;

	va = mmap_reserve(3 * KIT_PAGE_SIZE, KIT_PAGE_SIZE, 0);
	munmap(va, 3 * KIT_PAGE_SIZE);
	if (mmap(va, KIT_PAGE_SIZE, RW, grows, -1, 0) == MAP_FAILED ||
	    mmap(va + 2 * KIT_PAGE_SIZE, KIT_PAGE_SIZE, RW, grows, -1, 0) == MAP_FAILED)
		return -1;
	va[0] = 1;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/", bdf);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = syscall(SYS_getdents64, fd, va + KIT_PAGE_SIZE - 64, KIT_PAGE_SIZE + 64);
	/* It has gone beyond the page, into the one that was not there. */
	if (n > 64 && va[KIT_PAGE_SIZE + 16])
		got = n;
	close(fd);
	munmap(va, 3 * KIT_PAGE_SIZE);
	return got;
}

TEST_F_TIMEOUT(kernfs, msix_is_enabled_while_bars_are_mapped, 60)
{
	struct kit_area *area;
	char *va;
	u32 val;
	int fd;

	if (!kit_find_cap(&self->dev, PCI_CAP_ID_MSIX))
		SKIP(return, "no MSI-X");
	if (lockdep_watches() < 0)
		SKIP(return, "no lockdep in this kernel");
	ASSERT_EQ(1, lockdep_watches()) TH_LOG("lockdep has stopped before");
	area = kit_best_area(&self->dev);
	ASSERT_NE(NULL, area);
	va = kit_map(&self->dev, area, 0, area->size, RW);
	ASSERT_TRUE(kit_try_read(va, &val));
	fd = kit_irq_eventfd(&self->dev, VFIO_PCI_MSIX_IRQ_INDEX);
	ASSERT_GE(fd, 0);
	EXPECT_TRUE(kit_try_read(va + area->size - KIT_PAGE_SIZE, &val));
	EXPECT_LT(0, list_into_a_hole(self->dev.bdf)) TH_LOG("sysfs cannot be listed");
	close(fd);
	EXPECT_EQ(1, lockdep_watches()) TH_LOG("lockdep has found a circle");
}

int main(int argc, char **argv)
{
	kit_args(&argc, argv);
	return test_harness_run(argc, argv);
}
