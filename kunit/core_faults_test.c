// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core suite, fourth part: error paths. Each allocation in mmap(), in the
 * export of a DMABUF and in probe fails, one at a time: the right errno, no
 * leak, no lock left held, and the next attempt works.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/dma-buf.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/mman.h>

#include "vfio_pci_kunit.h"

/* Nothing can reset these two, so that opening them takes no time. */
static const struct vpk_function_config vpk_plain = {
	.bar_size = { SZ_64K, 0, SZ_1M }, .pm = true, .no_soft_reset = true,
};

/* Open, one failure in the first mmap() of a BAR, one without, close. */
static void vpk_faults_mmap(struct kunit *test)
{
	u64 pos = VFIO_PCI_INDEX_TO_OFFSET(2) + SZ_4K;
	struct vpk_function *fn;
	unsigned int nth, failures = 0;
	bool failed = true;

	vpk_faults_on(test);
	fn = vpk_faults_function(test, &vpk_plain);
	vpk_bind(test, fn, VPK_DRIVER);
	for (nth = 1; failed && nth < VPK_ENOUGH; nth++) {
		long ret;

		vpk_open(test, fn);
		vpk_fail_nth(nth);
		ret = vpk_try_mmap(test, fn, pos, SZ_4K, PROT_READ, MAP_SHARED);
		failed = vpk_failed();
		failures += !!ret;
		/* Only a name, in /proc/PID/maps, can be done without. */
		if (ret)
			KUNIT_EXPECT_EQ_MSG(test, ret, -ENOMEM,
					    "allocation %u", nth);
		vpk_expect_no_lock_held(test, fn);
		KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, pos, SZ_4K,
						   PROT_READ, MAP_SHARED), 0);
		vpk_close(fn);
		KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
	}
	KUNIT_EXPECT_FALSE_MSG(test, failed, "no end of allocations");
	KUNIT_EXPECT_GT_MSG(test, failures, 2, "hardly anything failed");
}

/* The same for opening the device. */
static void vpk_faults_open(struct kunit *test)
{
	vpk_faults_open_check(test, &vpk_plain, VPK_DRIVER);
}

/* The same for the export of a DMABUF. */
static void vpk_faults_export(struct kunit *test)
{
	const struct vfio_region_dma_range range = { 0, SZ_4K };
	struct vpk_function *fn;
	unsigned int nth, failures = 0;
	bool failed = true;

	vpk_need_importers(test);
	vpk_faults_on(test);
	fn = vpk_faults_function(test, &vpk_plain);
	vpk_bind(test, fn, VPK_DRIVER);
	vpk_open(test, fn);
	for (nth = 1; failed && nth < VPK_ENOUGH; nth++) {
		struct dma_buf *dmabuf;

		vpk_fail_nth(nth);
		dmabuf = vpk_try_export(fn, 0, &range, 1);
		failed = vpk_failed();
		failures += IS_ERR(dmabuf);
		if (IS_ERR(dmabuf))
			KUNIT_EXPECT_EQ_MSG(test, PTR_ERR(dmabuf), -ENOMEM,
					    "allocation %u", nth);
		else
			dma_buf_put(dmabuf);
		flush_delayed_fput();
		vpk_expect_no_lock_held(test, fn);
		KUNIT_EXPECT_TRUE(test, list_empty(&fn->vdev->dmabufs));
	}
	KUNIT_EXPECT_FALSE_MSG(test, failed, "no end of allocations");
	KUNIT_EXPECT_GT_MSG(test, failures, 2, "hardly anything failed");
	vpk_close(fn);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
}

/* The same for probe: not bound, as before, and it can be bound afterwards. */
static void vpk_faults_probe(struct kunit *test)
{
	vpk_faults_probe_check(test, &vpk_plain, VPK_DRIVER);
}

static struct kunit_case vpk_faults_cases[] = {
	KUNIT_CASE(vpk_faults_mmap),
	KUNIT_CASE(vpk_faults_open),
	KUNIT_CASE(vpk_faults_export),
	KUNIT_CASE(vpk_faults_probe),
	{}
};

static struct kunit_suite vpk_faults_suite = {
	.name = "vfio-pci-core-faults",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_faults_cases,
};

kunit_test_suite(vpk_faults_suite);
