// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's own variant drivers, unmodified, on a software function: each
 * path that revokes BAR mappings, with the error handlers of the driver's own.
 * The function is no VF and has no PF, so the drivers offer their plain
 * operations. See drivers.kunitconfig.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include "vfio_pci_kunit.h"

static const struct vpk_function_config vpk_config = VPK_FULL_CONFIG;

/* A driver to test, and whether this kernel has it built in. */
struct vpk_a_driver {
	const char *name;
	bool there;
};

static const struct vpk_a_driver vpk_some_drivers[] = {
	{ "vfio-pci", IS_BUILTIN(CONFIG_VFIO_PCI) },
	{ "virtio_vfio_pci", IS_BUILTIN(CONFIG_VIRTIO_VFIO_PCI) },
	{ "hisi_acc_vfio_pci", IS_BUILTIN(CONFIG_HISI_ACC_VFIO_PCI) },
};

KUNIT_ARRAY_PARAM_DESC(vpk_a_driver, vpk_some_drivers, name);

static const struct vpk_a_driver *vpk_need_driver(struct kunit *test)
{
	const struct vpk_a_driver *driver = test->param_value;

	if (!driver->there)
		kunit_skip(test, "this kernel has no %s", driver->name);
	return driver;
}

/* V7: each handler is there: none of them can be left out. */
static void drivers_v7_handlers(struct kunit *test)
{
	const struct vpk_a_driver *driver = vpk_need_driver(test);
	const struct pci_error_handlers *err;
	struct vpk_function *fn;

	fn = vpk_device(test, &vpk_config, driver->name);
	err = fn->pdev->driver->err_handler;
	KUNIT_ASSERT_NOT_NULL(test, err);
	KUNIT_EXPECT_NOT_NULL(test, err->error_detected);
	KUNIT_EXPECT_NOT_NULL(test, err->slot_reset);
	KUNIT_EXPECT_NOT_NULL(test, err->resume);
	KUNIT_EXPECT_NOT_NULL(test, err->reset_prepare);
	KUNIT_EXPECT_NOT_NULL(test, err->reset_done);
}

/* V7: a reset that VFIO has not started takes the BARs away as VFIO's own. */
static void drivers_v7_foreign_reset(struct kunit *test)
{
	const struct vpk_a_driver *driver = vpk_need_driver(test);
	struct vpk_function *fn;
	struct vpk_map *map;
	unsigned int i;

	fn = vpk_device(test, &vpk_config, driver->name);
	map = vpk_map(test, fn, 0, 0, PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, vpk_touch(map, 0), 0);
	vpk_watch(fn->host, map, 0);
	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, pci_reset_function(fn->pdev), 0);
	VPK_EXPECT_ORDER(test, fn->host,
			 "zap revoke mem-off flr mem-on unrevoke");
	for (i = 0; i < fn->host->nr_events; i++)
		KUNIT_EXPECT_FALSE_MSG(test, fn->host->log[i].mapped,
				       "mapped at event %u:\n%s", i,
				       vpk_log_detail(test, fn->host));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	/* No lock is left behind. */
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
}

/* V7: the same with nobody there: bound, not open. */
static void drivers_v7_unopened(struct kunit *test)
{
	const struct vpk_a_driver *driver = vpk_need_driver(test);
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &vpk_config);
	unsigned int resets;

	vpk_host_probe(test, host);
	vpk_bind(test, fn, driver->name);
	resets = fn->resets;
	KUNIT_EXPECT_EQ(test, pci_reset_function(fn->pdev), 0);
	KUNIT_EXPECT_EQ(test, fn->resets, resets + 1);
	vpk_open(test, fn);
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
}

static void vpk_drivers_path(struct kunit *test, const char *driver)
{
	struct vpk_function *fn = vpk_path_device(test, &vpk_config, driver);
	struct vpk_map *map = vpk_map(test, fn, 0, 0, PAGE_SIZE);

	vpk_watch(fn->host, map, 0);
	vpk_path_check(test, map);
}

/*
 * V7: hisi_acc with its plain operations has no PF to tell of a reset. Opening
 * resets the device already.
 */
static void drivers_v7_hisi_acc(struct kunit *test)
{
	if (!IS_BUILTIN(CONFIG_HISI_ACC_VFIO_PCI))
		kunit_skip(test, "this kernel has no hisi_acc_vfio_pci");
	vpk_drivers_path(test, "hisi_acc_vfio_pci");
}

/* V7: virtio, which defers what it does after a reset. */
static void drivers_v7_virtio(struct kunit *test)
{
	if (!IS_BUILTIN(CONFIG_VIRTIO_VFIO_PCI))
		kunit_skip(test, "this kernel has no virtio_vfio_pci");
	vpk_drivers_path(test, "virtio_vfio_pci");
}

/* V7: vfio-pci itself, which has the core's handlers. */
static void drivers_vfio_pci(struct kunit *test)
{
	if (!IS_BUILTIN(CONFIG_VFIO_PCI))
		kunit_skip(test, "this kernel has no vfio-pci");
	vpk_drivers_path(test, "vfio-pci");
}

static struct kunit_case vpk_drivers_cases[] = {
	KUNIT_CASE_PARAM(drivers_v7_hisi_acc, vpk_path_gen_params),
	KUNIT_CASE_PARAM(drivers_v7_virtio, vpk_path_gen_params),
	KUNIT_CASE_PARAM(drivers_vfio_pci, vpk_path_gen_params),
	KUNIT_CASE_PARAM(drivers_v7_handlers, vpk_a_driver_gen_params),
	KUNIT_CASE_PARAM(drivers_v7_foreign_reset, vpk_a_driver_gen_params),
	KUNIT_CASE_PARAM(drivers_v7_unopened, vpk_a_driver_gen_params),
	{}
};

static struct kunit_suite vpk_drivers_suite = {
	.name = "vfio-pci-drivers",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_drivers_cases,
};

kunit_test_suite(vpk_drivers_suite);
