// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core suite: each path that revokes BAR mappings, with one configuration access
 * that fails, and each of them in turn. A path may fail then. It may not leave a
 * BAR mapped while the device is touched (rule C3), show a BAR that VFIO itself
 * has switched off, or keep what it holds: a lock, or the BAR, from the next user.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include "vfio_pci_kunit.h"

static const struct vpk_function_config vpk_full = VPK_FULL_CONFIG;

/* More accesses than any path has. */
#define VPK_MAX_ACCESSES	1000

/**
 * struct vpk_nth - the access that fails
 * @left: accesses until then, counting it
 * @failed: it has failed
 * @write: it was a write
 * @where: and of this register
 */
struct vpk_nth {
	unsigned int left;
	bool failed;
	bool write;
	int where;
};

static int vpk_fail_nth_access(const struct vpk_access *access, void *data)
{
	struct vpk_nth *nth = data;

	if (!nth->left || --nth->left)
		return PCIBIOS_SUCCESSFUL;
	nth->failed = true;
	nth->write = access->write;
	nth->where = access->where;
	return PCIBIOS_SET_FAILED;
}

/*
 * How many accesses to go on by. Where the clock does not jump to the next event,
 * each reset takes its 100 ms, and a bus reset its second.
 */
static unsigned int vpk_step(void)
{
	if (IS_ENABLED(CONFIG_UML) ||
	    (IS_ENABLED(CONFIG_X86) && !IS_ENABLED(CONFIG_KASAN)))
		return 1;
	return 23;
}

/* The user wants the device back: in D0, with memory, after a reset. */
static void vpk_recover(struct kunit *test, struct vpk_map *map,
			const struct vpk_nth *nth)
{
	struct vpk_function *fn = map->fn;
	const char *verb = nth->write ? "write" : "read";
	unsigned long pfn = 0;

	vpk_low_power(fn, false);
	KUNIT_EXPECT_EQ_MSG(test, vpk_power(fn, PCI_D0), 0,
			    "after a failed %s of %#x", verb, nth->where);
	KUNIT_EXPECT_EQ_MSG(test, vpk_reset(fn), 0,
			    "after a failed %s of %#x", verb, nth->where);
	KUNIT_EXPECT_EQ_MSG(test, vpk_memory(fn, true), 0,
			    "after a failed %s of %#x", verb, nth->where);
	KUNIT_EXPECT_TRUE_MSG(test, vpk_function_mem_enabled(fn),
			      "after a failed %s of %#x", verb, nth->where);
	KUNIT_EXPECT_EQ_MSG(test, vpk_touch(map, 0), 0,
			    "after a failed %s of %#x", verb, nth->where);
	KUNIT_EXPECT_EQ(test, vpk_pfn(map, 0, &pfn, NULL), 0);
	KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(fn, 0, PAGE_SIZE));
}

/* C3: nothing was mapped when the device was touched. */
static void vpk_expect_gone(struct kunit *test, struct vpk_host *host,
			    const struct vpk_nth *nth)
{
	unsigned int i;

	for (i = 0; i < host->nr_events; i++)
		KUNIT_EXPECT_FALSE_MSG(test, host->log[i].mapped,
				       "%s of %#x failed, mapped at event %u:\n%s",
				       nth->write ? "write" : "read",
				       nth->where, i,
				       vpk_log_detail(test, host));
}

/*
 * What a reset restores behind VFIO's back, VFIO cannot know. All else it has
 * written itself: the BAR of a device without memory, or in D3hot, is refused.
 */
static void vpk_expect_no_access(struct kunit *test, struct vpk_map *map,
				 const struct vpk_path *path,
				 const struct vpk_nth *nth)
{
	if (!path->restore || (vpk_function_mem_enabled(map->fn) &&
			       !vpk_function_in_d3(map->fn)))
		return;
	KUNIT_EXPECT_EQ_MSG(test, vpk_touch(map, 0), -EFAULT,
			    "a failed %s of %#x", nth->write ? "write" : "read",
			    nth->where);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
}

/* Take the path, there or back, with the nth access failing. False: it has fewer. */
static bool vpk_fail_one(struct kunit *test, struct vpk_map *map, bool back,
			 unsigned int n)
{
	const struct vpk_path *path = test->param_value;
	struct vpk_function *fn = map->fn;
	struct vpk_nth nth = { .left = n };

	KUNIT_ASSERT_EQ(test, vpk_touch(map, 0), 0);
	if (path->prepare)
		KUNIT_ASSERT_EQ(test, path->prepare(fn), 0);
	if (back)
		KUNIT_ASSERT_EQ(test, path->revoke(fn), 0);
	vpk_log_clear(fn->host);
	vpk_observe(fn, vpk_fail_nth_access, &nth);
	if (back)
		path->restore(fn);
	else
		path->revoke(fn);
	vpk_observe(fn, NULL, NULL);
	vpk_expect_gone(test, fn->host, &nth);
	vpk_expect_no_access(test, map, path, &nth);
	vpk_recover(test, map, &nth);
	return nth.failed;
}

static void vpk_fail_each(struct kunit *test, bool back)
{
	struct vpk_map *map;
	unsigned int n, failed = 0;

	map = vpk_map(test, vpk_path_device(test, &vpk_full, VPK_DRIVER), 0,
		      PAGE_SIZE, PAGE_SIZE);
	for (n = 1; n < VPK_MAX_ACCESSES; n += vpk_step()) {
		if (!vpk_fail_one(test, map, back, n))
			break;
		failed++;
	}
	KUNIT_EXPECT_GT(test, failed, 0);
	KUNIT_EXPECT_LT(test, n, VPK_MAX_ACCESSES);
	kunit_info(test, "%u accesses have failed\n", failed);
}

/* C3: each configuration access of the way there fails once. */
static void config_fails_revoking(struct kunit *test)
{
	vpk_fail_each(test, false);
}

/* C3: and each of the way back. */
static void config_fails_restoring(struct kunit *test)
{
	vpk_fail_each(test, true);
}

/* The paths that have a way back: the others end with an accessible device. */
static const void *vpk_back_gen_params(struct kunit *test, const void *prev,
				       char *desc)
{
	const struct vpk_path *path = prev;

	do {
		path = vpk_path_gen_params(test, path, desc);
	} while (path && !path->restore);
	return path;
}

static struct kunit_case vpk_config_faults_cases[] = {
	KUNIT_CASE_PARAM_ATTR(config_fails_revoking, vpk_path_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_PARAM(config_fails_restoring, vpk_back_gen_params),
	{}
};

static struct kunit_suite vpk_config_faults_suite = {
	.name = "vfio-pci-core-config-faults",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_config_faults_cases,
};

kunit_test_suite(vpk_config_faults_suite);
