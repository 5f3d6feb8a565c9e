// SPDX-License-Identifier: GPL-2.0-only
/*
 * What VFIO and the variant drivers have allocated and not freed, by the place in
 * the source that allocated it. For kernels without kmemleak: UML has none.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/alloc_tag.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

#include "vfio_pci_kunit.h"

#define VPK_MAX_PLACES	1024
#define VPK_ATTEMPTS	20

static u64 vpk_calls_before[VPK_MAX_PLACES];
static bool vpk_calls_noted;

/* Of VFIO, its drivers and what it makes for them, but not of the suites. */
static bool vpk_place_counts(const struct alloc_tag *tag)
{
	const char *file = tag->ct.filename;

	if (strstr(file, "variant-kit/kunit/") || strstr(file, "_kunit.c"))
		return false;
	return strstr(file, "drivers/vfio/") || strstr(file, "variants/") ||
	       strstr(file, "drivers/dma-buf/") || strstr(file, "fs/eventfd.c");
}

/**
 * vpk_allocations_note() - remember what is allocated before the first case
 *
 * Tables that live as long as the kernel are none of the cases' doing. Does
 * nothing when it is called again.
 *
 * Context: the test's thread.
 */
void vpk_allocations_note(void)
{
	struct alloc_tag *tag;
	unsigned int i = 0;

	if (vpk_calls_noted)
		return;
	vpk_calls_noted = true;
	for (tag = __start_alloc_tags; tag < __stop_alloc_tags; tag++)
		if (vpk_place_counts(tag) && i < VPK_MAX_PLACES)
			vpk_calls_before[i++] = alloc_tag_read(tag).calls;
}

static unsigned int vpk_allocations_count(struct kunit *test, bool tell)
{
	struct alloc_tag *tag;
	unsigned int left = 0;
	unsigned int i = 0;

	for (tag = __start_alloc_tags; tag < __stop_alloc_tags; tag++) {
		u64 calls;

		if (!vpk_place_counts(tag))
			continue;
		KUNIT_ASSERT_LT(test, i, VPK_MAX_PLACES);
		calls = alloc_tag_read(tag).calls;
		if (calls != vpk_calls_before[i]) {
			left++;
			if (tell)
				kunit_err(test, "%s:%u, %s: %lld not freed",
					  tag->ct.filename, tag->ct.lineno,
					  tag->ct.function,
					  calls - vpk_calls_before[i]);
		}
		i++;
	}
	KUNIT_EXPECT_GT(test, i, 0);
	return left;
}

/**
 * vpk_allocations_left() - look for what the cases have left
 * @test: the running test
 *
 * Waits for what is freed later, two seconds at most. Prints each place that has
 * allocated what was not freed.
 *
 * Context: the test's thread, may sleep.
 * Return: how many places there are; -EOPNOTSUPP if this kernel does not count.
 */
int vpk_allocations_left(struct kunit *test)
{
	int i;

	if (!mem_alloc_profiling_enabled())
		return -EOPNOTSUPP;
	KUNIT_EXPECT_TRUE(test, vpk_calls_noted);
	for (i = 0; i < VPK_ATTEMPTS; i++) {
		flush_delayed_fput();
		rcu_barrier();
		if (!vpk_allocations_count(test, false))
			return 0;
		msleep(100);
	}
	return vpk_allocations_count(test, true);
}
