// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device with ATS: its resets go through the IOMMU driver, which has locks of
 * its own below memory_lock. The test only does it all; lockdep is the judge,
 * and what it says fails the run.
 *
 * Without the core patch it finds a circle: mmap_lock -> memory_lock (a fault in a
 * BAR) -> the IOMMU group's mutex (a reset) -> cpu_hotplug_lock -> kernfs_rwsem (a
 * CPU goes and comes) -> mmap_lock (getdents() of sysfs).
 *
 * usage: ats_test [HARNESS OPTIONS] BDF
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <sys/mman.h>

#include "access.h"
#include "lockdep.h"
#include "kselftest_harness.h"

FIXTURE(ats) {
	struct kit_dev dev;
	struct iommu *iommu;
};

FIXTURE(circle) {
	struct kit_dev dev;
	struct iommu *iommu;
};

FIXTURE_SETUP(circle)
{
	kit_open(&self->dev, &self->iommu);
}

FIXTURE_TEARDOWN(circle)
{
	kit_close(&self->dev, self->iommu);
}

FIXTURE_VARIANT(ats) {
	const char *path;
};

#define KIT_PATH(_name, ...) FIXTURE_VARIANT_ADD(ats, _name) { .path = #_name };
#include "path_table.h"

FIXTURE_SETUP(ats)
{
	kit_open(&self->dev, &self->iommu);
}

FIXTURE_TEARDOWN(ats)
{
	kit_close(&self->dev, self->iommu);
}

TEST_F(ats, revoked_with_mappings_and_faults)
{
	const struct kit_path *path = kit_path(variant->path);
	struct kit_area *area;
	const char *why;
	char *va;
	u32 val;
	int i;

	why = kit_cannot(path, &self->dev);
	if (why)
		SKIP(return, "%s", why);
	if (!kit_find_ext_cap(&self->dev, PCI_EXT_CAP_ID_ATS))
		SKIP(return, "no ATS capability");
	area = kit_best_area(&self->dev);
	ASSERT_NE(NULL, area);
	va = kit_map(&self->dev, area, 0, area->size, PROT_READ | PROT_WRITE);
	for (i = 0; i < 2; i++) {
		ASSERT_TRUE(kit_try_read(va, &val));
		ASSERT_EQ(0, kit_enter(path, &self->dev));
		ASSERT_EQ(0, kit_leave(path, &self->dev));
		EXPECT_TRUE(kit_try_read(va, &val));
	}
}

static int cpu_online(const char *val)
{
	return kit_write_sysfs(val, "../../devices/system/cpu/cpu1/online");
}

TEST_F_TIMEOUT(circle, through_a_cpu_that_goes, 60)
{
	struct kit_area *area;
	char *va;
	u32 val;
	int i;

	if (kit_lockdep_watches() < 0)
		SKIP(return, "no lockdep in this kernel");
	if (!kit_find_ext_cap(&self->dev, PCI_EXT_CAP_ID_ATS))
		SKIP(return, "no ATS capability");
	ASSERT_EQ(1, kit_lockdep_watches()) TH_LOG("lockdep has stopped before");
	area = kit_best_area(&self->dev);
	ASSERT_NE(NULL, area);
	va = kit_map(&self->dev, area, 0, area->size, PROT_READ | PROT_WRITE);
	for (i = 0; i < 2; i++) {
		ASSERT_TRUE(kit_try_read(va, &val));
		ASSERT_EQ(0, kit_reset(&self->dev));
		ASSERT_EQ(0, cpu_online("0"));
		ASSERT_EQ(0, cpu_online("1"));
		EXPECT_LT(0, kit_list_into_a_hole(self->dev.bdf));
	}
	EXPECT_EQ(1, kit_lockdep_watches()) TH_LOG("lockdep has found a circle");
}

int main(int argc, char **argv)
{
	kit_args(&argc, argv);
	return test_harness_run(argc, argv);
}
