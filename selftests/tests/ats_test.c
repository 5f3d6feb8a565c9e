// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device with ATS: its resets go through the IOMMU driver, which has locks of
 * its own below memory_lock. The test only does it all; lockdep is the judge,
 * and what it says fails the run.
 *
 * usage: ats_test [HARNESS OPTIONS] BDF
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <sys/mman.h>

#include "access.h"
#include "kselftest_harness.h"

FIXTURE(ats) {
	struct kit_dev dev;
	struct iommu *iommu;
};

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

int main(int argc, char **argv)
{
	kit_args(&argc, argv);
	return test_harness_run(argc, argv);
}
