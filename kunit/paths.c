// SPDX-License-Identifier: GPL-2.0-only
/*
 * The paths that revoke BAR mappings, as parameters of a case: the mappings of
 * every driver have to survive them in the same way. The names are those that
 * the selftests use (selftests/lib/paths.c), and a new path is a new row.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include "vfio_pci_kunit.h"

static int vpk_do_memory_off(struct vpk_function *fn)
{
	return vpk_memory(fn, false);
}

static int vpk_do_memory_on(struct vpk_function *fn)
{
	return vpk_memory(fn, true);
}

static int vpk_do_d3(struct vpk_function *fn)
{
	return vpk_power(fn, PCI_D3hot);
}

static int vpk_do_d0(struct vpk_function *fn)
{
	return vpk_power(fn, PCI_D0);
}

static int vpk_do_flr(struct vpk_function *fn)
{
	return vpk_config_write(fn, VPK_EXP_POS + PCI_EXP_DEVCTL,
				PCI_EXP_DEVCTL_BCR_FLR, 2) == 2 ? 0 : -EIO;
}

static int vpk_do_af_flr(struct vpk_function *fn)
{
	return vpk_config_write(fn, VPK_AF_POS + PCI_AF_CTRL,
				PCI_AF_CTRL_FLR, 1) == 1 ? 0 : -EIO;
}

static int vpk_do_runtime_entry(struct vpk_function *fn)
{
	return vpk_low_power(fn, true);
}

static int vpk_do_runtime_exit(struct vpk_function *fn)
{
	return vpk_low_power(fn, false);
}

static int vpk_do_reset(struct vpk_function *fn)
{
	return vpk_reset(fn);
}

static int vpk_do_hot_reset(struct vpk_function *fn)
{
	return vpk_hot_reset(fn);
}

static const struct vpk_path vpk_paths[] = {
	{
		.name = "memory_disable",
		.revoke = vpk_do_memory_off,
		.order = "zap revoke mem-off",
		.restore = vpk_do_memory_on,
		.restore_order = "mem-on unrevoke",
	}, {
		.name = "d3hot",
		.revoke = vpk_do_d3,
		.order = "zap revoke d3",
		.restore = vpk_do_d0,
		.restore_order = "d0 unrevoke",
	}, {
		.name = "runtime_pm",
		.feature = true,
		.revoke = vpk_do_runtime_entry,
		.order = "zap revoke d3",
		.restore = vpk_do_runtime_exit,
		.restore_order = "d0 unrevoke",
	}, {
		.name = "flr",
		.revoke = vpk_do_flr,
		.order = "zap revoke mem-off flr mem-on unrevoke",
	}, {
		.name = "af_flr",
		.af_flr = true,
		.revoke = vpk_do_af_flr,
		.order = "zap revoke mem-off af-flr mem-on unrevoke",
	}, {
		.name = "device_reset",
		.revoke = vpk_do_reset,
		.order = "zap revoke mem-off flr mem-on unrevoke",
	}, {
		.name = "device_reset_d3hot",
		.prepare = vpk_do_d3,
		.revoke = vpk_do_reset,
		.order = "zap d0 revoke mem-off flr mem-on unrevoke",
	}, {
		.name = "hot_reset",
		.bus = true,
		.revoke = vpk_do_hot_reset,
		.order = "zap revoke mem-off bus-reset mem-on unrevoke",
	},
};

/**
 * vpk_path_gen_params() - each path that revokes BAR mappings, one by one
 * @test: the test
 * @prev: the path before, or NULL
 * @desc: where the path's name goes
 *
 * For KUNIT_CASE_PARAM(); the case gets a &struct vpk_path. Closing the device
 * is not among them: nothing is mapped then.
 *
 * Return: the next path, NULL after the last one.
 */
const void *vpk_path_gen_params(struct kunit *test, const void *prev,
				char *desc)
{
	const struct vpk_path *path = prev;

	path = path ? path + 1 : vpk_paths;
	if (path >= vpk_paths + ARRAY_SIZE(vpk_paths))
		return NULL;
	strscpy(desc, path->name, KUNIT_PARAM_DESC_SIZE);
	return path;
}

/**
 * vpk_path_find() - a path by its name
 * @test: the test
 * @name: the name
 *
 * For a test that needs certain paths only.
 *
 * Context: any.
 * Return: the path. The test is aborted if there is none of that name.
 */
const struct vpk_path *vpk_path_find(struct kunit *test, const char *name)
{
	const struct vpk_path *path = NULL;
	int i;

	for (i = 0; i < ARRAY_SIZE(vpk_paths); i++)
		if (!strcmp(vpk_paths[i].name, name))
			path = &vpk_paths[i];
	KUNIT_ASSERT_NOT_NULL_MSG(test, path, "there is no path %s", name);
	return path;
}

/**
 * vpk_path_config() - what a function is like on which a path can be taken
 * @path: the path
 * @config: what it is like otherwise
 *
 * Return: a copy of @config, with the capabilities that the path needs.
 */
struct vpk_function_config
vpk_path_config(const struct vpk_path *path,
		const struct vpk_function_config *config)
{
	struct vpk_function_config fit = *config;

	fit.pm = true;
	fit.no_soft_reset = true;
	fit.af_flr = path->af_flr;
	fit.exp_flr = !path->af_flr;
	return fit;
}

/**
 * vpk_path_device() - a function on which a path can be taken, bound and open
 * @test: the test, whose parameter is a &struct vpk_path
 * @config: what the function is like; its capabilities are set as the path needs
 * @driver: name of its driver
 *
 * Context: the test's thread. Everything is undone when the test ends.
 * Return: the function.
 */
struct vpk_function *vpk_path_device(struct kunit *test,
				     const struct vpk_function_config *config,
				     const char *driver)
{
	const struct vpk_function_config fit =
		vpk_path_config(test->param_value, config);

	return vpk_device(test, &fit, driver);
}

/**
 * vpk_path_take() - take a path, and check what becomes of a mapping
 * @test: the test
 * @path: the path
 * @map: a mapping of the function's
 *
 * The mapping is used before; is gone at each event of the path (rule C3) and
 * after it; is refused while the device cannot be accessed; and comes back
 * with the PFN that it had.
 *
 * Context: the test's thread.
 */
void vpk_path_take(struct kunit *test, const struct vpk_path *path,
		   struct vpk_map *map)
{
	struct vpk_function *fn = map->fn;
	struct vpk_host *host = fn->host;
	unsigned long before = 0, after = 0;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_ASSERT_EQ(test, vpk_pfn(map, 0, &before, NULL), 0);
	if (path->prepare)
		KUNIT_ASSERT_EQ(test, path->prepare(fn), 0);
	vpk_log_clear(host);

	KUNIT_EXPECT_EQ(test, path->revoke(fn), 0);
	VPK_EXPECT_ORDER(test, host, path->order);
	for (i = 0; i < host->nr_events; i++)
		KUNIT_EXPECT_FALSE_MSG(test, host->log[i].mapped,
				       "mapped at event %u:\n%s", i,
				       vpk_log_detail(test, host));
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));

	if (path->restore) {
		KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), -EFAULT);
		KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
		vpk_log_clear(host);
		KUNIT_EXPECT_EQ(test, path->restore(fn), 0);
		VPK_EXPECT_ORDER(test, host, path->restore_order);
		KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	}
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_EXPECT_EQ(test, vpk_pfn(map, 0, &after, NULL), 0);
	KUNIT_EXPECT_EQ(test, after, before);
}

/**
 * vpk_path_check() - take the path that is the parameter of the case
 * @test: the test, whose parameter is a &struct vpk_path
 * @map: a mapping of the function's
 *
 * As vpk_path_take().
 *
 * Context: the test's thread.
 */
void vpk_path_check(struct kunit *test, struct vpk_map *map)
{
	vpk_path_take(test, test->param_value, map);
}

static int vpk_wake_at_d0(const struct vpk_access *access, void *data)
{
	if (access->write && access->where == VPK_PM_POS + PCI_PM_CTRL &&
	    vpk_function_in_d3(access->fn) &&
	    !(access->val & PCI_PM_CTRL_STATE_MASK))
		vpk_reader_go(data);
	return PCIBIOS_SUCCESSFUL;
}

/**
 * vpk_reader_in_d0_check() - access a device that VFIO_DEVICE_RESET wakes up
 * @test: the test
 * @map: a mapping of the function's, which has PM, NoSoftRst and PCIe FLR
 *
 * From D3hot, VFIO_DEVICE_RESET goes to D0 first. A reader starts at the very
 * write to PMCSR that does it; the PCI core then sleeps 10 ms for the device's
 * sake, time enough for the reader. It must be blocked, on memory_lock, until
 * the reset is over and memory accessible.
 *
 * The faulty order, D0 first and then "lock, zap, revoke", lets it through to
 * a device in transition, or gives it SIGBUS where it had only to wait.
 *
 * Context: the test's thread.
 */
void vpk_reader_in_d0_check(struct kunit *test, struct vpk_map *map)
{
	struct vpk_function *fn = map->fn;
	struct vpk_reader *reader;

	KUNIT_ASSERT_EQ(test, vpk_power(fn, PCI_D3hot), 0);
	reader = vpk_reader_start(test, map, 0);
	vpk_observe(fn, vpk_wake_at_d0, reader);
	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	KUNIT_EXPECT_EQ(test, vpk_reader_wait(test, reader), 0);
	vpk_observe(fn, NULL, NULL);
	VPK_EXPECT_ORDER(test, fn->host,
			 "zap d0 revoke mem-off flr mem-on unrevoke read");
}
