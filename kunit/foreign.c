// SPDX-License-Identifier: GPL-2.0-only
/*
 * What revokes BAR mappings without the user's doing: resets that VFIO does not
 * start, errors that the PCI core reports, and the end of the device's file. The
 * paths that a user takes are in paths.c.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/device.h>

#include "vfio_pci_kunit.h"

static const struct pci_error_handlers *vpk_handlers(struct vpk_function *fn)
{
	struct device_driver *driver = fn->pdev->dev.driver;

	return driver ? to_pci_driver(driver)->err_handler : NULL;
}

/**
 * vpk_error_detected() - the first step of pcie_do_recovery()
 * @fn: the function that the error is reported for
 * @state: how bad it is
 *
 * Each step locks the device anew.
 *
 * Context: process context, the device's lock not held.
 * Return: the driver's vote.
 */
pci_ers_result_t vpk_error_detected(struct vpk_function *fn,
				    pci_channel_state_t state)
{
	pci_ers_result_t vote = PCI_ERS_RESULT_NONE;

	device_lock(&fn->pdev->dev);
	/* Of a recovery that failed the PCI core says so, and no more */
	if (state != pci_channel_io_perm_failure)
		fn->pdev->error_state = state;
	if (vpk_handlers(fn))
		vote = vpk_handlers(fn)->error_detected(fn->pdev, state);
	device_unlock(&fn->pdev->dev);
	return vote;
}

/**
 * vpk_error_reset() - the step after it: the port resets the bus
 * @fn: the function
 *
 * Nobody saves or restores what is below.
 *
 * Context: as vpk_error_detected().
 */
void vpk_error_reset(struct vpk_function *fn)
{
	device_lock(&fn->pdev->dev);
	pci_cfg_access_lock(fn->pdev);
	vpk_log(fn->host, VPK_BUS_RESET, -1, 0, 0);
	vpk_function_reset(fn);
	pci_cfg_access_unlock(fn->pdev);
	device_unlock(&fn->pdev->dev);
}

/**
 * vpk_slot_reset() - the step after it: the driver is told of the reset
 * @fn: the function
 *
 * Context: as vpk_error_detected().
 * Return: the driver's vote.
 */
pci_ers_result_t vpk_slot_reset(struct vpk_function *fn)
{
	pci_ers_result_t vote = PCI_ERS_RESULT_NONE;

	device_lock(&fn->pdev->dev);
	fn->pdev->error_state = pci_channel_io_normal;
	if (vpk_handlers(fn) && vpk_handlers(fn)->slot_reset)
		vote = vpk_handlers(fn)->slot_reset(fn->pdev);
	device_unlock(&fn->pdev->dev);
	return vote;
}

/**
 * vpk_resume() - the last step of pcie_do_recovery()
 * @fn: the function
 *
 * Context: as vpk_error_detected().
 */
void vpk_resume(struct vpk_function *fn)
{
	device_lock(&fn->pdev->dev);
	fn->pdev->error_state = pci_channel_io_normal;
	if (vpk_handlers(fn) && vpk_handlers(fn)->resume)
		vpk_handlers(fn)->resume(fn->pdev);
	device_unlock(&fn->pdev->dev);
}

/* Used, and watched from here on. */
static unsigned long vpk_use(struct kunit *test, struct vpk_map *map)
{
	unsigned long pfn = 0;

	KUNIT_ASSERT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_ASSERT_EQ(test, vpk_pfn(map, 0, &pfn, NULL), 0);
	vpk_watch(map->fn->host, map, 0);
	vpk_log_clear(map->fn->host);
	return pfn;
}

/* The PTE was there at no event, nor is it now. */
static void vpk_expect_unmapped(struct kunit *test, struct vpk_map *map)
{
	struct vpk_host *host = map->fn->host;
	unsigned int i;

	for (i = 0; i < host->nr_events; i++)
		KUNIT_EXPECT_FALSE_MSG(test, host->log[i].mapped,
				       "mapped at event %u:\n%s", i,
				       vpk_log_detail(test, host));
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
}

static void vpk_expect_same(struct kunit *test, struct vpk_map *map,
			    unsigned long before)
{
	unsigned long after = 0;

	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_EXPECT_EQ(test, vpk_pfn(map, 0, &after, NULL), 0);
	KUNIT_EXPECT_EQ(test, after, before);
	vpk_expect_no_lock_held(test, map->fn);
}

/**
 * vpk_foreign_reset_check() - a reset that VFIO does not start
 * @test: the test
 * @map: a mapping of the function's, which has PCIe FLR
 *
 * As a write to "reset" in sysfs: the driver learns of it from the PCI core only.
 * The mapping is gone at each event and comes back with the PFN that it had, and
 * no lock is left behind.
 *
 * Context: the test's thread.
 */
void vpk_foreign_reset_check(struct kunit *test, struct vpk_map *map)
{
	unsigned long before = vpk_use(test, map);

	KUNIT_EXPECT_EQ(test, pci_reset_function(map->fn->pdev), 0);
	VPK_EXPECT_ORDER(test, map->fn->host,
			 "zap revoke mem-off flr mem-on unrevoke");
	vpk_expect_unmapped(test, map);
	vpk_expect_same(test, map, before);
	/* Who starts the next one finds the locks free. */
	KUNIT_EXPECT_EQ(test, vpk_reset(map->fn), 0);
	vpk_expect_same(test, map, before);
}

/**
 * vpk_error_check() - an error, a reset by the port, and the recovery
 * @test: the test
 * @map: a mapping of the function's
 *
 * The mapping is gone, and accesses are refused, from the driver's
 * .error_detected() to the end of its .resume(); then it comes back with the PFN
 * that it had.
 *
 * Context: the test's thread.
 */
void vpk_error_check(struct kunit *test, struct vpk_map *map)
{
	unsigned long before = vpk_use(test, map);
	struct vpk_function *fn = map->fn;

	KUNIT_EXPECT_EQ(test, vpk_error_detected(fn, pci_channel_io_frozen),
			PCI_ERS_RESULT_NEED_RESET);
	VPK_EXPECT_ORDER(test, fn->host, "zap revoke");
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), -EFAULT);
	vpk_error_reset(fn);
	KUNIT_EXPECT_EQ(test, vpk_slot_reset(fn), PCI_ERS_RESULT_RECOVERED);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), -EFAULT);
	KUNIT_EXPECT_NULL(test, vpk_log_find(fn->host, VPK_UNREVOKE, fn->nr));
	vpk_resume(fn);
	KUNIT_EXPECT_NOT_NULL(test, vpk_log_find(fn->host, VPK_UNREVOKE,
						 fn->nr));
	vpk_expect_unmapped(test, map);
	vpk_expect_same(test, map, before);
}

/**
 * vpk_close_check() - the device's file is closed, and a mapping is left
 * @test: the test
 * @map: a mapping of the function's, which has PCIe FLR; unmapped afterwards
 *
 * The mapping keeps the device open, and a reset revokes it as before. With the
 * last mapping the device is closed, and then it can be opened again.
 *
 * Context: the test's thread.
 */
void vpk_close_check(struct kunit *test, struct vpk_map *map)
{
	unsigned long before = vpk_use(test, map);
	struct vpk_function *fn = map->fn;

	vpk_close(fn);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 1));
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, pci_reset_function(fn->pdev), 0);
	VPK_EXPECT_ORDER(test, fn->host,
			 "zap revoke mem-off flr mem-on unrevoke");
	vpk_expect_unmapped(test, map);
	vpk_expect_same(test, map, before);
	vpk_unmap(map);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	vpk_open(test, fn);
}
