// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each suite sets up and checks around its cases: KUnit says "ok" also
 * after a lockdep report.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/debug_locks.h>
#include <linux/string.h>

#include "vfio_pci_kunit.h"

/* What does not hold yet with only the first patches (make bisect-check). */
/* Names of cases, with commas; too many of them for a kernel parameter. */
#ifndef VPK_SKIP
#define VPK_SKIP ""
#endif
static const char vpk_skip[] = VPK_SKIP;

/**
 * struct vpk_case - what suite.c keeps in test->priv
 * @debug_locks: lockdep was at work when the case began
 * @variant: the driver under test, in the suite of a variant driver
 */
struct vpk_case {
	bool debug_locks;
	const struct vpk_variant *variant;
};

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
 * vpk_variant_init() - begin a case of a variant driver's suite
 * @test: the case
 * @variant: what the driver is like, for the shared cases; must stay as it is
 *	until the case ends
 *
 * For the kunit_suite.init of a suite with VPK_VARIANT_CASES(). As
 * vpk_case_init(), and vpk_variant() returns @variant from then on.
 *
 * Context: the test's thread. Freed when the test ends.
 * Return: 0.
 */
int vpk_variant_init(struct kunit *test, const struct vpk_variant *variant)
{
	struct vpk_case *this;

	vpk_allocations_note();
	if (vpk_skipped(test->name))
		kunit_skip(test, "named by KUNIT_SKIP");
	this = kunit_kzalloc(test, sizeof(*this), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, this);
	/* A report in an earlier case is not this one's fault. */
	this->debug_locks = debug_locks;
	this->variant = variant;
	test->priv = this;
	return 0;
}

/**
 * vpk_case_init() - begin a case
 * @test: the case
 *
 * For kunit_suite.init. Skips what KUNIT_SKIP of scripts/run-kunit names, and
 * sets up what vpk_case_exit() checks.
 *
 * Context: the test's thread.
 * Return: 0.
 */
int vpk_case_init(struct kunit *test)
{
	return vpk_variant_init(test, NULL);
}

/**
 * vpk_variant() - the driver under test
 * @test: a case of a suite whose init calls vpk_variant_init()
 *
 * Context: the test's thread.
 * Return: what the driver is like. The test is aborted in another suite.
 */
const struct vpk_variant *vpk_variant(struct kunit *test)
{
	struct vpk_case *this = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, this->variant);
	return this->variant;
}

/**
 * vpk_case_exit() - fail the case if lockdep has reported something in it
 * @test: the case
 *
 * For kunit_suite.exit.
 *
 * Context: KUnit's thread, after the case.
 */
void vpk_case_exit(struct kunit *test)
{
	struct vpk_case *this = test->priv;

	/* A case that was skipped before it began has none. */
	if (this && this->debug_locks)
		KUNIT_EXPECT_TRUE_MSG(test, debug_locks,
				      "lockdep has reported a problem");
}
