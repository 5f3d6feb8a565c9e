// SPDX-License-Identifier: GPL-2.0-only
/*
 * A fatal error that AER reports: the BARs are taken away, the PCI core resets the
 * bus, and nothing is given back before it is there again (rule C11). A driver
 * with all of the core's handlers has its BARs back when the recovery is over; of
 * one that only hears of the error (--stays) they come back by a reset, or by the
 * write of PCI_COMMAND that finds memory off in the device.
 *
 * usage: aer_test [HARNESS OPTIONS] [--stays] BDF
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <errno.h>

#include "access.h"
#include "steady.h"
#include "kselftest_harness.h"

static bool stays;

static int by_reset(struct kit_dev *dev)
{
	return kit_reset(dev);
}

static int by_command(struct kit_dev *dev)
{
	return kit_leave(kit_path("memory_disable"), dev);
}

static int by_disable_and_enable(struct kit_dev *dev)
{
	return kit_enter(kit_path("memory_disable"), dev) ?: by_command(dev);
}

FIXTURE(aer) {
	struct kit_dev dev;
	struct iommu *iommu;
	struct kit_word word;
	struct kit_reader reader;
	bool stop;
};

FIXTURE_VARIANT(aer) {
	int (*way_back)(struct kit_dev *dev);
};

FIXTURE_VARIANT_ADD(aer, reset) { .way_back = by_reset };
FIXTURE_VARIANT_ADD(aer, command) { .way_back = by_command };
FIXTURE_VARIANT_ADD(aer, disable_and_enable) { .way_back = by_disable_and_enable };

FIXTURE_SETUP(aer)
{
	const char *why;

	kit_open(&self->dev, &self->iommu);
	why = kit_cannot(kit_path("aer_fatal"), &self->dev);
	if (why)
		SKIP(return, "%s", why);
	if (!kit_find_word(&self->dev, &self->word))
		SKIP(return, "no register that can be mapped and stays the same over a reset");
	/* Where the path looks. */
	kit_dev_map(&self->dev, false);
}

FIXTURE_TEARDOWN(aer)
{
	kit_close(&self->dev, self->iommu);
}

TEST_F_TIMEOUT(aer, fatal, 60)
{
	const struct kit_path *path = kit_path("aer_fatal");
	struct kit_reader sum = {};
	int i, err;
	u32 val;

	ASSERT_EQ(0, kit_reader_start(&self->reader, &self->word, &self->stop));
	for (i = 0; i < (stays ? 1 : 2); i++) {
		ASSERT_TRUE(kit_try_read(self->word.va + self->word.at, &val));
		EXPECT_EQ(self->word.want, val);
		/* -ETIMEDOUT: they have gone, and do not come back. */
		err = kit_enter(path, &self->dev);
		EXPECT_EQ(stays ? -ETIMEDOUT : 0, err);
		EXPECT_EQ(!stays, kit_try_read(self->word.va + self->word.at, &val));
		EXPECT_EQ(0, variant->way_back(&self->dev));
		ASSERT_TRUE(kit_try_read(self->word.va + self->word.at, &val))
			TH_LOG("the BARs do not come back");
		EXPECT_EQ(self->word.want, val);
	}
	WRITE_ONCE(self->stop, true);
	kit_reader_join(&self->reader, &sum);
	ksft_print_msg("%lu reads got the value, %lu SIGBUS, %lu 0 or all-ones, %lu others\n",
		       sum.ok, sum.buses, sum.nobody, sum.other);
	EXPECT_LT(0, sum.buses) TH_LOG("nothing was taken away");
	EXPECT_EQ(0, sum.nobody) TH_LOG("accesses have reached a device that is not there");
	EXPECT_EQ(0, sum.other) TH_LOG("accesses have reached the device in a reset");
}

int main(int argc, char **argv)
{
	kit_args(&argc, argv);
	if (argc > 1 && !strcmp(argv[argc - 1], "--stays")) {
		stays = true;
		argv[--argc] = NULL;
	}
	return test_harness_run(argc, argv);
}
