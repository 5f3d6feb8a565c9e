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
static void vpk_drivers_v7_hisi_acc(struct kunit *test)
{
	if (!IS_BUILTIN(CONFIG_HISI_ACC_VFIO_PCI))
		kunit_skip(test, "this kernel has no hisi_acc_vfio_pci");
	vpk_drivers_path(test, "hisi_acc_vfio_pci");
}

/* V7: virtio, which defers what it does after a reset. */
static void vpk_drivers_v7_virtio(struct kunit *test)
{
	if (!IS_BUILTIN(CONFIG_VIRTIO_VFIO_PCI))
		kunit_skip(test, "this kernel has no virtio_vfio_pci");
	vpk_drivers_path(test, "virtio_vfio_pci");
}

/* vfio-pci itself, which has the core's handlers. */
static void vpk_drivers_vfio_pci(struct kunit *test)
{
	if (!IS_BUILTIN(CONFIG_VFIO_PCI))
		kunit_skip(test, "this kernel has no vfio-pci");
	vpk_drivers_path(test, "vfio-pci");
}

static struct kunit_case vpk_drivers_cases[] = {
	KUNIT_CASE_PARAM(vpk_drivers_v7_hisi_acc, vpk_path_gen_params),
	KUNIT_CASE_PARAM(vpk_drivers_v7_virtio, vpk_path_gen_params),
	KUNIT_CASE_PARAM(vpk_drivers_vfio_pci, vpk_path_gen_params),
	{}
};

static struct kunit_suite vpk_drivers_suite = {
	.name = "vfio-pci-drivers",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_drivers_cases,
};

kunit_test_suite(vpk_drivers_suite);
