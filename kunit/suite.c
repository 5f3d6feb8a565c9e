// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each suite checks besides its cases: KUnit says "ok" also after a
 * lockdep report or a warning.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/debug_locks.h>

#include <linux/moduleparam.h>
#include <linux/string.h>

#include "vfio_pci_kunit.h"

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "vpk."

/* What does not hold yet with only the first patches (make bisect-check). */
static char *vpk_skip;
module_param_named(skip, vpk_skip, charp, 0444);
MODULE_PARM_DESC(skip, "cases to skip, their names between commas");

static bool vpk_skipped(const char *name)
{
	size_t len = strlen(name);
	const char *at = vpk_skip;

	while (at) {
		if (!strncmp(at, name, len) && (!at[len] || at[len] == ','))
			return true;
		at = strchr(at, ',');
		if (at)
			at++;
	}
	return false;
}

/**
 * vpk_case_init() - set up what vpk_case_exit() checks
 * @test: the case
 *
 * For kunit_suite.init. Skips what vpk.skip= on the command line names.
 *
 * Return: 0.
 */
int vpk_case_init(struct kunit *test)
{
	if (vpk_skipped(test->name))
		kunit_skip(test, "named by vpk.skip");
	/* Remembered in the test: a report of an earlier case is not ours. */
	test->priv = (void *)(unsigned long)!!debug_locks;
	return 0;
}

/**
 * vpk_case_exit() - fail the case if lockdep has reported something in it
 * @test: the case
 *
 * For kunit_suite.exit.
 */
void vpk_case_exit(struct kunit *test)
{
	if (test->priv)
		KUNIT_EXPECT_TRUE_MSG(test, debug_locks,
				      "lockdep has reported a problem");
}
