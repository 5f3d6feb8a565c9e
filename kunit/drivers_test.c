// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's own variant drivers, unmodified but for the series, on a software
 * function: each path that revokes BAR mappings, with the error handlers of the
 * driver's own. Where a driver takes a function that is no VF, it has that, and
 * offers its plain operations. See kunit/in-tree for who has which kernel.
 *
 * The function has the IDs of none of these devices: the driver of the PF, which
 * is in the kernel as well, is not to take it.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/pm_runtime.h>

#include "vfio_pci_kunit.h"

static const struct vpk_function_config vpk_config = VPK_FULL_CONFIG;
static const struct vpk_function_config vpk_pf_config = VPK_PF_CONFIG;

/**
 * struct vpk_a_driver - a driver to test
 * @name: its name
 * @there: this kernel has it
 * @why_not: why this kernel has not
 * @elsewhere: it is there, and not tested here: why, and where
 * @bind: binds it to a VF of a PF, NULL if it takes a function that is no VF
 * @on_plain: it takes a function that is no VF
 * @on_stranger: it takes a VF whose PF has another driver
 */
struct vpk_a_driver {
	const char *name;
	bool there;
	const char *why_not;
	const char *elsewhere;
	void (*bind)(struct kunit *test, struct vpk_function *fn,
		     struct vpk_function *pf);
	bool on_plain;
	bool on_stranger;
};

#define VPK_WITH_PF_DRIVER						\
	"it needs the driver of its PF (kunit/drivers*.kunitconfig)"

static const struct vpk_a_driver vpk_all_drivers[] = {
	{
		.name = "vfio-pci",
		.there = IS_BUILTIN(CONFIG_VFIO_PCI),
		.why_not = "it is not configured",
		.on_plain = true, .on_stranger = true,
	}, {
		.name = "virtio_vfio_pci",
		.there = IS_BUILTIN(CONFIG_VIRTIO_VFIO_PCI),
		.why_not = "it is not configured",
		.on_plain = true, .on_stranger = true,
	}, {
		.name = "mlx5_vfio_pci",
		.there = IS_BUILTIN(CONFIG_MLX5_VFIO_PCI),
		.why_not = VPK_WITH_PF_DRIVER,
		.on_plain = true, .on_stranger = true,
	}, {
		.name = "xe-vfio-pci",
		.there = IS_BUILTIN(CONFIG_XE_VFIO_PCI),
		.why_not = VPK_WITH_PF_DRIVER,
		.on_plain = true,
	}, {
		.name = "hisi_acc_vfio_pci",
		.there = IS_BUILTIN(CONFIG_HISI_ACC_VFIO_PCI),
		.why_not = "it needs ACPI, and the driver of its PF (kunit/drivers.kunitconfig)",
		.on_plain = true, .on_stranger = true,
	}, {
		.name = "qat_vfio_pci",
		.there = IS_BUILTIN(CONFIG_QAT_VFIO_PCI),
		.why_not = VPK_WITH_PF_DRIVER,
		.bind = IS_BUILTIN(CONFIG_QAT_VFIO_PCI) ? vpk_qat_bind : NULL,
	}, {
		.name = "pds_vfio_pci",
		.there = IS_BUILTIN(CONFIG_PDS_VFIO_PCI),
		.why_not = VPK_WITH_PF_DRIVER,
		.bind = IS_BUILTIN(CONFIG_PDS_VFIO_PCI) ? vpk_pds_bind : NULL,
	}, {
		.name = "nvgrace_gpu_vfio_pci",
		.there = IS_BUILTIN(CONFIG_NVGRACE_GPU_VFIO_PCI),
		.why_not = "it needs arm64, or COMPILE_TEST",
		.elsewhere = "it waits for its GPU: vfio-pci-nvgrace-gpu has that",
	}, {
		.name = "ism_vfio_pci",
		.why_not = "it is for s390, for which the kit runs no kernel",
	},
};

/* The next of the drivers that are there, and tested here. */
static const struct vpk_a_driver *
vpk_next_driver(const struct vpk_a_driver *driver)
{
	driver = driver ? driver + 1 : vpk_all_drivers;
	for (; driver < vpk_all_drivers + ARRAY_SIZE(vpk_all_drivers); driver++)
		if (driver->there && !driver->elsewhere)
			return driver;
	return NULL;
}

static const void *vpk_tested_gen_params(struct kunit *test, const void *prev,
					 char *desc)
{
	const struct vpk_a_driver *driver = vpk_next_driver(prev);

	if (driver)
		strscpy(desc, driver->name, KUNIT_PARAM_DESC_SIZE);
	return driver;
}

/* Each driver on each path */
static struct vpk_driver_path {
	const struct vpk_a_driver *driver;
	const struct vpk_path *path;
} vpk_driver_path;

static const void *vpk_driver_path_gen_params(struct kunit *test,
					      const void *prev, char *desc)
{
	struct vpk_driver_path *now = &vpk_driver_path;
	char name[KUNIT_PARAM_DESC_SIZE];

	now->path = vpk_path_gen_params(test, prev ? now->path : NULL, name);
	if (!prev || !now->path)
		now->driver = vpk_next_driver(prev ? now->driver : NULL);
	if (!now->path)
		now->path = vpk_path_gen_params(test, NULL, name);
	if (!now->driver)
		return NULL;
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s.%s", now->driver->name, name);
	return now;
}

KUNIT_ARRAY_PARAM_DESC(vpk_a_driver, vpk_all_drivers, name);

/* Bound as the driver wants it, not open. */
static struct vpk_function *
vpk_bound(struct kunit *test, const struct vpk_a_driver *driver,
	  const struct vpk_function_config *config)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn, *pf = NULL;

	if (driver->bind)
		pf = vpk_function_add(test, host, &vpk_pf_config);
	fn = vpk_function_add(test, host, config);
	vpk_host_probe(test, host);
	if (driver->bind)
		driver->bind(test, fn, pf);
	else
		vpk_bind(test, fn, driver->name);
	return fn;
}

static struct vpk_map *vpk_opened(struct kunit *test,
				  const struct vpk_a_driver *driver,
				  const struct vpk_function_config *config)
{
	struct vpk_function *fn = vpk_bound(test, driver, config);

	vpk_open(test, fn);
	return vpk_map(test, fn, 0, 0, PAGE_SIZE);
}

/* Each driver of the kernel is under test, or says why it is not. */
static void drivers_by_name(struct kunit *test)
{
	const struct vpk_a_driver *driver = test->param_value;

	if (!driver->there)
		kunit_skip(test, "not in this kernel: %s", driver->why_not);
	KUNIT_EXPECT_NOT_NULL(test, driver_find(driver->name, &pci_bus_type));
	if (driver->elsewhere)
		kunit_skip(test, "%s", driver->elsewhere);
}

/* V7: each handler is there: none of them can be left out. */
static void drivers_v7_handlers(struct kunit *test)
{
	const struct vpk_a_driver *driver = test->param_value;
	struct vpk_function *fn = vpk_bound(test, driver, &vpk_config);
	const struct pci_error_handlers *err;

	err = to_pci_driver(fn->pdev->dev.driver)->err_handler;
	KUNIT_ASSERT_NOT_NULL(test, err);
	KUNIT_EXPECT_NOT_NULL(test, err->error_detected);
	KUNIT_EXPECT_NOT_NULL(test, err->slot_reset);
	KUNIT_EXPECT_NOT_NULL(test, err->resume);
	KUNIT_EXPECT_NOT_NULL(test, err->reset_prepare);
	KUNIT_EXPECT_NOT_NULL(test, err->reset_done);
}

/* Each driver lets its users ask for the core's features, low power among them. */
static void drivers_feature(struct kunit *test)
{
	struct vpk_function *fn = vpk_bound(test, test->param_value,
					    &vpk_config);
	u32 flags = VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY |
		    VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET;

	vpk_open(test, fn);
	KUNIT_EXPECT_EQ(test, vpk_feature(fn, flags, NULL, 0), 0);
}

/* V1: the BARs are the core's: a DMABUF is behind them, and the flag is clear. */
static void drivers_v1_backing(struct kunit *test)
{
	const struct vpk_a_driver *driver = test->param_value;
	struct vpk_map *map = vpk_opened(test, driver, &vpk_config);

	KUNIT_EXPECT_TRUE(test, map->fn->registering_seen);
	KUNIT_EXPECT_FALSE(test, map->fn->flag_at_register);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_EXPECT_TRUE(test, vpk_in_dmabuf(map));
}

/* C3, V7: each path of the user's takes the BARs away, and gives them back. */
static void drivers_v7_path(struct kunit *test)
{
	const struct vpk_driver_path *param = test->param_value;
	const struct vpk_function_config config =
		vpk_path_config(param->path, &vpk_config);
	const struct vfio_device_ops *ops;
	struct vpk_map *map;

	if (param->driver->bind && param->path->bus)
		kunit_skip(test, "it would reset the PF, which is not the user's");
	map = vpk_opened(test, param->driver, &config);
	ops = map->fn->vdev->vdev.ops;
	if (param->path->feature && !ops->device_feature)
		kunit_skip(test, "the driver has no .device_feature");
	vpk_watch(map->fn->host, map, 0);
	vpk_path_take(test, param->path, map);
}

/* V7: a reset that VFIO has not started takes the BARs away as VFIO's own. */
static void drivers_v7_foreign_reset(struct kunit *test)
{
	vpk_foreign_reset_check(test, vpk_opened(test, test->param_value,
						 &vpk_config));
}

/* C11, V7: after an error the BARs are away until the device has recovered. */
static void drivers_v7_error(struct kunit *test)
{
	vpk_error_check(test, vpk_opened(test, test->param_value, &vpk_config));
}

/* C1, V7: a mapping that is left when the file is closed goes with a reset. */
static void drivers_v7_close(struct kunit *test)
{
	vpk_close_check(test, vpk_opened(test, test->param_value, &vpk_config));
}

/* C3: a reader is at work while VFIO_DEVICE_RESET goes from D3hot to D0. */
static void drivers_v7_reader_in_d0(struct kunit *test)
{
	vpk_reader_in_d0_check(test, vpk_opened(test, test->param_value,
						&vpk_config));
}

/* V7: a reset and an error with nobody there: bound, not open. */
static void drivers_v7_unopened(struct kunit *test)
{
	struct vpk_function *fn = vpk_bound(test, test->param_value,
					    &vpk_config);
	unsigned int resets = fn->resets;
	struct vpk_map *map;

	KUNIT_EXPECT_EQ(test, pci_reset_function(fn->pdev), 0);
	KUNIT_EXPECT_EQ(test, fn->resets, resets + 1);
	vpk_expect_no_lock_held(test, fn);
	/* As pcie_do_recovery() */
	pm_runtime_get_sync(&fn->pdev->dev);
	KUNIT_EXPECT_EQ(test, vpk_error_detected(fn, pci_channel_io_frozen),
			PCI_ERS_RESULT_NEED_RESET);
	vpk_error_reset(fn);
	KUNIT_EXPECT_EQ(test, vpk_slot_reset(fn), PCI_ERS_RESULT_RECOVERED);
	vpk_resume(fn);
	pm_runtime_put(&fn->pdev->dev);
	vpk_expect_no_lock_held(test, fn);
	vpk_open(test, fn);
	map = vpk_map(test, fn, 0, 0, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
}

static int vpk_offer(struct kunit *test, struct vpk_function *fn,
		     const struct vpk_a_driver *driver, struct vpk_function *pf)
{
	const struct vpk_physfn physfn = { .fn = pf };

	return pf ? vpk_try_bind_as_vf(test, fn, driver->name, &physfn) :
		    vpk_try_bind(test, fn, driver->name);
}

/* A driver takes the function, or leaves it to the next one as it was. */
static void vpk_offer_check(struct kunit *test, bool vf,
			    const struct vpk_a_driver *driver, bool takes)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *pf, *fn;
	struct device *dev;
	int usage, ret;

	pf = vpk_function_add(test, host, &vpk_pf_config);
	fn = vpk_function_add(test, host, &vpk_config);
	vpk_host_probe(test, host);
	dev = &fn->pdev->dev;
	usage = atomic_read(&dev->power.usage_count);

	ret = vpk_offer(test, fn, driver, vf ? pf : NULL);
	KUNIT_EXPECT_EQ(test, ret, takes ? 0 : -ENODEV);
	if (!ret) {
		KUNIT_EXPECT_NULL(test, fn->vdev->vdev.mig_ops);
		vpk_unbind(fn);
	}
	KUNIT_EXPECT_FALSE(test, device_is_bound(dev));
	KUNIT_EXPECT_NULL(test, dev->iommu_group);
	KUNIT_EXPECT_EQ(test, atomic_read(&dev->power.usage_count), usage);
	KUNIT_EXPECT_NULL(test, dev_get_drvdata(dev));
	vpk_bind(test, fn, VPK_DRIVER);
	vpk_open(test, fn);
}

/*
 * A function that is no VF is taken with plain operations, or refused; of one
 * that is refused nothing is kept.
 */
static void drivers_no_vf(struct kunit *test)
{
	const struct vpk_a_driver *driver = test->param_value;

	vpk_offer_check(test, false, driver, driver->on_plain);
}

/* The same for a VF whose PF does not have the driver that goes with it. */
static void drivers_vf_of_stranger(struct kunit *test)
{
	const struct vpk_a_driver *driver = test->param_value;

	vpk_offer_check(test, true, driver, driver->on_stranger);
}

static struct kunit_case vpk_drivers_cases[] = {
	KUNIT_CASE_PARAM(drivers_by_name, vpk_a_driver_gen_params),
	KUNIT_CASE_PARAM(drivers_no_vf, vpk_tested_gen_params),
	KUNIT_CASE_PARAM(drivers_vf_of_stranger, vpk_tested_gen_params),
	KUNIT_CASE_PARAM(drivers_feature, vpk_tested_gen_params),
	KUNIT_CASE_PARAM(drivers_v1_backing, vpk_tested_gen_params),
	KUNIT_CASE_PARAM(drivers_v7_handlers, vpk_tested_gen_params),
	KUNIT_CASE_PARAM(drivers_v7_path, vpk_driver_path_gen_params),
	KUNIT_CASE_PARAM(drivers_v7_reader_in_d0, vpk_tested_gen_params),
	KUNIT_CASE_PARAM(drivers_v7_foreign_reset, vpk_tested_gen_params),
	KUNIT_CASE_PARAM(drivers_v7_error, vpk_tested_gen_params),
	KUNIT_CASE_PARAM(drivers_v7_close, vpk_tested_gen_params),
	KUNIT_CASE_PARAM(drivers_v7_unopened, vpk_tested_gen_params),
	{}
};

static struct kunit_suite vpk_drivers_suite = {
	.name = "vfio-pci-drivers",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_drivers_cases,
};

kunit_test_suite(vpk_drivers_suite);
