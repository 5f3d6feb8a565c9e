// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core suite: error paths. Each allocation in mmap(), open, export and probe
 * fails once: the errno is right, nothing leaks, no lock is left held, and the
 * next attempt works.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include "vfio_pci_kunit.h"

/* Nothing can reset a function like this, so opening it takes no time. */
static const struct vpk_function_config vpk_plain = {
	.bar_size = { SZ_64K, 0, SZ_1M }, .pm = true, .no_soft_reset = true,
};

/* Each allocation in the first mmap() of a BAR after open fails once. */
static void faults_mmap(struct kunit *test)
{
	vpk_faults_mmap_check(test, &vpk_plain, VPK_DRIVER, 2);
}

/* Each allocation in open fails once. */
static void faults_open(struct kunit *test)
{
	vpk_faults_open_check(test, &vpk_plain, VPK_DRIVER, 2);
}

/* Each allocation in the export of a DMABUF fails once. */
static void faults_export(struct kunit *test)
{
	vpk_faults_export_check(test, &vpk_plain, VPK_DRIVER, 0);
}

/* Each allocation in probe fails once: not bound then, but bound afterwards. */
static void faults_probe(struct kunit *test)
{
	vpk_faults_probe_check(test, &vpk_plain, VPK_DRIVER);
}

static struct kunit_case vpk_faults_cases[] = {
	KUNIT_CASE(faults_mmap),
	KUNIT_CASE(faults_open),
	KUNIT_CASE(faults_export),
	KUNIT_CASE(faults_probe),
	{}
};

static struct kunit_suite vpk_faults_suite = {
	.name = "vfio-pci-core-faults",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_faults_cases,
};

kunit_test_suite(vpk_faults_suite);
