// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each suite checks besides its cases: KUnit says "ok" also after a
 * lockdep report or a warning.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/debug_locks.h>

#include "vfio_pci_kunit.h"

/**
 * vpk_case_init() - set up what vpk_case_exit() checks
 * @test: the case
 *
 * For kunit_suite.init.
 *
 * Return: 0.
 */
int vpk_case_init(struct kunit *test)
{
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
