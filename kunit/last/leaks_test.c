// SPDX-License-Identifier: GPL-2.0-only
/*
 * After all other suites: kmemleak has found nothing, nothing that VFIO has
 * allocated is left, and lockdep was at work.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/debug_locks.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/uaccess.h>

#include "vfio_pci_kunit.h"

/* What the suites have allocated has been freed, or is still referenced. */
static void no_leaks(struct kunit *test)
{
	struct vpk_host *host;
	struct file *file;
	loff_t pos = 0;
	ssize_t ret;
	char *buf;

	if (!IS_ENABLED(CONFIG_DEBUG_KMEMLEAK))
		kunit_skip(test, "this kernel has no kmemleak");
	host = vpk_host_create(test);
	vpk_ubuf(test, host);

	/* kmemleak reports what is five seconds old and was found in two scans. */
	msleep(6000);
	KUNIT_ASSERT_EQ(test, vpk_write_node(test, host, "kmemleak", "scan"),
			0);
	KUNIT_ASSERT_EQ(test, vpk_write_node(test, host, "kmemleak", "scan"),
			0);

	file = vpk_open_node("debugfs", "kmemleak");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	buf = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	ret = vpk_read_file(test, host, file, buf, PAGE_SIZE - 1, &pos);
	__fput_sync(file);
	KUNIT_ASSERT_GE(test, ret, 0);
	KUNIT_EXPECT_EQ_MSG(test, ret, 0, "%s", buf);
}

/* All that VFIO and the variants have allocated for the suites has been freed. */
static void nothing_left(struct kunit *test)
{
	int left = vpk_allocations_left(test);

	if (left == -EOPNOTSUPP)
		kunit_skip(test, "this kernel does not count allocations");
	KUNIT_EXPECT_EQ_MSG(test, left, 0, "places that leak");
}

/* If lockdep had switched itself off at boot, no case would have noticed. */
static void lockdep_is_on(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_PROVE_LOCKING))
		kunit_skip(test, "this kernel has no lockdep");
	KUNIT_EXPECT_TRUE_MSG(test, debug_locks, "lockdep is off");
}

static struct kunit_case vpk_leaks_cases[] = {
	KUNIT_CASE(lockdep_is_on),
	KUNIT_CASE(nothing_left),
	KUNIT_CASE_SLOW(no_leaks),
	{}
};

static struct kunit_suite vpk_leaks_suite = {
	.name = "vfio-pci-zz-leaks",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_leaks_cases,
};

kunit_test_suite(vpk_leaks_suite);
