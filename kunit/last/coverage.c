// SPDX-License-Identifier: GPL-2.0-only
/*
 * Print what gcov has counted in the core and in the drivers to the console. A guest
 * has no file system that scripts/gates/check-coverage could read it from.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "gcov.h"
#include "vfio_pci_kunit.h"

/* As much as %*ph takes. */
#define VPK_CHUNK	64

/* Not a check: it prints what check-coverage then takes from the console. */
static void coverage(struct kunit *test)
{
	struct gcov_info *info = NULL;

	while ((info = gcov_info_next(info))) {
		const char *name = gcov_info_filename(info);
		size_t pos, len;
		char *buf;

		/* The tests themselves, and what has a name like a file of the core. */
		if (strstr(name, "_kunit.gcda") ||
		    strstr(name, "/variant-kit/kunit/"))
			continue;
		len = convert_to_gcda(NULL, info);
		buf = vmalloc(len);
		KUNIT_ASSERT_NOT_NULL(test, buf);
		convert_to_gcda(buf, info);
		for (pos = 0; pos < len; pos += VPK_CHUNK)
			pr_info("vpk-gcov %s %zu %zu %*phN\n", name, len, pos,
				(int)min_t(size_t, len - pos, VPK_CHUNK),
				buf + pos);
		vfree(buf);
	}
}

static struct kunit_case vpk_coverage_cases[] = {
	KUNIT_CASE(coverage),
	{}
};

static struct kunit_suite vpk_coverage_suite = {
	.name = "vfio-pci-zzz-coverage",
	.test_cases = vpk_coverage_cases,
};

kunit_test_suite(vpk_coverage_suite);
