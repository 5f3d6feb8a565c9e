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
#include <unistd.h>

#include "access.h"
#include "lockdep.h"
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

TEST_F_TIMEOUT(kernfs, msix_is_enabled_while_bars_are_mapped, 60)
{
	struct kit_area *area;
	char *va;
	u32 val;
	int fd;

	if (!kit_find_cap(&self->dev, PCI_CAP_ID_MSIX))
		SKIP(return, "no MSI-X");
	if (kit_lockdep_watches() < 0)
		SKIP(return, "no lockdep in this kernel");
	ASSERT_EQ(1, kit_lockdep_watches()) TH_LOG("lockdep has stopped before");
	area = kit_best_area(&self->dev);
	ASSERT_NE(NULL, area);
	va = kit_map(&self->dev, area, 0, area->size, RW);
	ASSERT_TRUE(kit_try_read(va, &val));
	fd = kit_irq_eventfd(&self->dev, VFIO_PCI_MSIX_IRQ_INDEX);
	ASSERT_GE(fd, 0);
	EXPECT_TRUE(kit_try_read(va + area->size - KIT_PAGE_SIZE, &val));
	EXPECT_LT(0, kit_list_into_a_hole(self->dev.bdf)) TH_LOG("sysfs cannot be listed");
	close(fd);
	EXPECT_EQ(1, kit_lockdep_watches()) TH_LOG("lockdep has found a circle");
}

int main(int argc, char **argv)
{
	kit_args(&argc, argv);
	return test_harness_run(argc, argv);
}
