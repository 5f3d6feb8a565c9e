// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core suite: errors that the PCI core reports (rule C11). BARs are taken away
 * until the device is known to be back, whatever comes between the callbacks.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/pm_runtime.h>

#include "vfio_pci_kunit.h"

static const struct vpk_function_config vpk_full = VPK_FULL_CONFIG;

static struct vpk_map *vpk_used_map(struct kunit *test, struct vpk_function *fn)
{
	struct vpk_map *map = vpk_map(test, fn, 0, PAGE_SIZE, PAGE_SIZE);

	KUNIT_ASSERT_EQ(test, vpk_touch(map, 0), 0);
	vpk_watch(fn->host, map, 0);
	vpk_log_clear(fn->host);
	return map;
}

static void vpk_expect_refused(struct kunit *test, struct vpk_map *map)
{
	u32 val;

	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, vpk_region_read(map->fn, 0, 0, &val, 4), -EIO);
}

/* The user's PTE is of the BAR, and the BAR is where it was. */
static void vpk_expect_back(struct kunit *test, struct vpk_map *map, u32 bar)
{
	struct vpk_function *fn = map->fn;
	unsigned long pfn = 0;

	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_EXPECT_EQ(test, vpk_pfn(map, 0, &pfn, NULL), 0);
	KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(fn, 0, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, vpk_cfg_read(fn->cfg, PCI_BASE_ADDRESS_0, 4), bar);
	KUNIT_EXPECT_TRUE(test, vpk_function_mem_enabled(fn));
	vpk_expect_no_lock_held(test, fn);
}

static u32 vpk_bar0(struct vpk_function *fn)
{
	return vpk_cfg_read(fn->cfg, PCI_BASE_ADDRESS_0, 4);
}

/* A table as all drivers of today have it. */
static const struct pci_error_handlers vpk_minimal_handlers = {
	.error_detected = vfio_pci_core_aer_err_detected,
};

static void vpk_full_table(void *data)
{
	struct pci_driver *driver = data;

	driver->err_handler = &vfio_pci_core_err_handlers;
}

static void vpk_minimal_table(struct kunit *test, struct vpk_function *fn)
{
	struct pci_driver *driver = to_pci_driver(fn->pdev->dev.driver);

	driver->err_handler = &vpk_minimal_handlers;
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vpk_full_table,
							driver), 0);
}

/* C11: an error that is not fatal, and that no reset follows, changes nothing. */
static void error_normal(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);

	KUNIT_EXPECT_EQ(test, vpk_error_detected(fn, pci_channel_io_normal),
			PCI_ERS_RESULT_CAN_RECOVER);
	vpk_resume(fn);
	VPK_EXPECT_ORDER(test, fn->host, "");
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
}

/*
 * C11: the driver of another function has asked for a reset after an error that
 * is not fatal. It was not announced, but what it took comes back, even if a
 * lock is held for so long that only .resume can see to that.
 */
static void error_normal_reset(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);
	struct vpk_lock_holder *holder;
	u32 bar = vpk_bar0(fn);

	vpk_error_detected(fn, pci_channel_io_normal);
	vpk_error_reset(fn);
	KUNIT_EXPECT_EQ(test, vpk_slot_reset(fn), PCI_ERS_RESULT_RECOVERED);
	VPK_EXPECT_ORDER(test, fn->host, "bus-reset zap revoke mem-on");
	vpk_expect_refused(test, map);
	vpk_resume(fn);
	vpk_expect_back(test, map, bar);

	vpk_error_detected(fn, pci_channel_io_normal);
	vpk_error_reset(fn);
	holder = vpk_hold_memory_lock(test, fn, true);
	KUNIT_EXPECT_EQ(test, vpk_slot_reset(fn), PCI_ERS_RESULT_RECOVERED);
	vpk_drop_memory_lock(holder);
	KUNIT_EXPECT_FALSE(test, vpk_function_mem_enabled(fn));
	vpk_resume(fn);
	vpk_expect_back(test, map, bar);
}

static long vpk_frozen(void *data)
{
	return vpk_error_detected(data, pci_channel_io_frozen);
}

/*
 * C11: the PCI core holds pci_bus_sem when it calls error handlers, and takes
 * it in a bus reset, with memory_lock held: a handler that waits for
 * memory_lock could deadlock. It gives up after a second, and the BARs stay
 * away all the same.
 */
static void error_busy(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);
	struct vpk_lock_holder *holder;
	struct vpk_worker *worker;
	u32 bar = vpk_bar0(fn);

	worker = vpk_worker_start(test, fn->host, vpk_frozen, fn);
	holder = vpk_hold_memory_lock(test, fn, true);
	vpk_worker_go(worker);
	msleep(3000);
	KUNIT_EXPECT_TRUE_MSG(test, vpk_worker_done(worker),
			      "the handler waits for memory_lock");
	vpk_drop_memory_lock(holder);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(worker), PCI_ERS_RESULT_NEED_RESET);
	vpk_unmap(map);
	map = vpk_map(test, fn, 0, PAGE_SIZE, PAGE_SIZE);
	vpk_expect_refused(test, map);
	vpk_error_reset(fn);
	KUNIT_EXPECT_EQ(test, vpk_slot_reset(fn), PCI_ERS_RESULT_RECOVERED);
	vpk_resume(fn);
	vpk_expect_back(test, map, bar);
}

/* C11: frozen, reset, restored: BARs are back when all of that is over. */
static void error_recovered(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);
	u32 bar = vpk_bar0(fn);

	KUNIT_EXPECT_EQ(test, vpk_error_detected(fn, pci_channel_io_frozen),
			PCI_ERS_RESULT_NEED_RESET);
	VPK_EXPECT_ORDER(test, fn->host, "zap revoke");
	vpk_expect_refused(test, map);
	vpk_error_reset(fn);
	vpk_expect_refused(test, map);
	KUNIT_EXPECT_EQ(test, vpk_slot_reset(fn), PCI_ERS_RESULT_RECOVERED);
	vpk_expect_refused(test, map);
	KUNIT_EXPECT_NULL(test, vpk_log_find(fn->host, VPK_UNREVOKE, 0));
	vpk_resume(fn);
	KUNIT_EXPECT_NOT_NULL(test, vpk_log_find(fn->host, VPK_UNREVOKE, 0));
	vpk_expect_back(test, map, bar);
}

static int vpk_note_last_write(const struct vpk_access *access, void *data)
{
	if (access->write && (access->where == PCI_COMMAND ||
			      (access->where >= PCI_BASE_ADDRESS_0 &&
			       access->where <= PCI_BASE_ADDRESS_5)))
		*(int *)data = access->where;
	return 0;
}

/* C11: what the user has in PCI_COMMAND comes back when the BARs are there. */
static void error_bars_first(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	int last = 0;

	vpk_error_detected(fn, pci_channel_io_frozen);
	vpk_error_reset(fn);
	vpk_observe(fn, vpk_note_last_write, &last);
	KUNIT_EXPECT_EQ(test, vpk_slot_reset(fn), PCI_ERS_RESULT_RECOVERED);
	vpk_observe(fn, NULL, NULL);
	KUNIT_EXPECT_EQ(test, last, PCI_COMMAND);
	KUNIT_EXPECT_TRUE(test, vpk_function_mem_enabled(fn));
}

/*
 * C11: nobody asked for .slot_reset: .resume finds a device that lost it all.
 */
static void error_resume_only(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);
	u32 bar = vpk_bar0(fn);

	vpk_error_detected(fn, pci_channel_io_frozen);
	vpk_error_reset(fn);
	KUNIT_ASSERT_FALSE(test, vpk_function_mem_enabled(fn));
	vpk_resume(fn);
	vpk_expect_back(test, map, bar);
}

static int vpk_dead(const struct vpk_access *access, void *data)
{
	return PCIBIOS_DEVICE_NOT_FOUND;
}

/* C11: the device is dead and stays so, whatever the virtual bits say. */
static void error_dead(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);
	u32 bar = vpk_bar0(fn);

	vpk_error_detected(fn, pci_channel_io_frozen);
	vpk_observe(fn, vpk_dead, NULL);
	KUNIT_EXPECT_EQ(test, vpk_slot_reset(fn), PCI_ERS_RESULT_DISCONNECT);
	KUNIT_EXPECT_EQ(test, vpk_error_detected(fn,
						 pci_channel_io_perm_failure),
			PCI_ERS_RESULT_DISCONNECT);
	vpk_expect_refused(test, map);
	vpk_memory(fn, true);
	vpk_expect_refused(test, map);

	/* Back from the dead, a reset finds it. */
	vpk_observe(fn, NULL, NULL);
	vpk_expect_refused(test, map);
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	vpk_expect_back(test, map, bar);
}

/* C11: the recovery ends, but the device still does not answer. */
static void error_dead_resume(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);
	u32 bar = vpk_bar0(fn);

	vpk_error_detected(fn, pci_channel_io_frozen);
	vpk_observe(fn, vpk_dead, NULL);
	vpk_resume(fn);
	vpk_expect_refused(test, map);
	vpk_observe(fn, NULL, NULL);
	vpk_expect_refused(test, map);
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	vpk_expect_back(test, map, bar);
}

/* C11: memory is off by the user's will: recovery does not switch it on. */
static void error_memory_off(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);
	u32 bar = vpk_bar0(fn);

	KUNIT_ASSERT_EQ(test, vpk_memory(fn, false), 0);
	vpk_error_detected(fn, pci_channel_io_frozen);
	vpk_error_reset(fn);
	KUNIT_EXPECT_EQ(test, vpk_slot_reset(fn), PCI_ERS_RESULT_RECOVERED);
	vpk_resume(fn);
	KUNIT_EXPECT_FALSE(test, vpk_function_mem_enabled(fn));
	vpk_expect_refused(test, map);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
	vpk_expect_back(test, map, bar);
}

/*
 * C11: until the PCI core says that it is over, it may reset the device:
 * neither PCI_COMMAND nor a reset by the user is a way back.
 */
static void error_pending(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);
	u32 bar = vpk_bar0(fn);

	vpk_error_detected(fn, pci_channel_io_frozen);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
	vpk_expect_refused(test, map);
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	vpk_expect_refused(test, map);
	KUNIT_EXPECT_EQ(test, pci_reset_function(fn->pdev), 0);
	vpk_expect_refused(test, map);
	vpk_error_reset(fn);
	vpk_slot_reset(fn);
	vpk_resume(fn);
	vpk_expect_back(test, map, bar);
}

/* C11: two errors: the end of the first recovery is not that of the second. */
static void error_twice(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);
	u32 bar = vpk_bar0(fn);

	vpk_error_detected(fn, pci_channel_io_frozen);
	vpk_error_reset(fn);
	vpk_error_detected(fn, pci_channel_io_frozen);
	vpk_slot_reset(fn);
	vpk_resume(fn);
	vpk_expect_refused(test, map);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
	vpk_expect_refused(test, map);
	vpk_error_reset(fn);
	vpk_slot_reset(fn);
	vpk_resume(fn);
	vpk_expect_back(test, map, bar);

	/* And the next one counts from zero. */
	vpk_error_detected(fn, pci_channel_io_frozen);
	vpk_expect_refused(test, map);
	vpk_error_reset(fn);
	vpk_slot_reset(fn);
	vpk_resume(fn);
	vpk_expect_back(test, map, bar);
}

/*
 * C11: a driver with nothing but .error_detected: the way back by PCI_COMMAND.
 */
static void error_minimal_command(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);
	u32 bar = vpk_bar0(fn);

	vpk_minimal_table(test, fn);
	vpk_error_detected(fn, pci_channel_io_frozen);
	/* Not while the reset is still to come. */
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
	vpk_expect_refused(test, map);
	vpk_error_reset(fn);
	vpk_resume(fn);
	vpk_expect_refused(test, map);
	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
	VPK_EXPECT_ORDER(test, fn->host, "mem-on unrevoke");
	vpk_expect_back(test, map, bar);
}

/* C11: and by a reset. */
static void error_minimal_reset(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);
	u32 bar = vpk_bar0(fn);

	vpk_minimal_table(test, fn);
	vpk_error_detected(fn, pci_channel_io_frozen);
	vpk_error_reset(fn);
	vpk_resume(fn);
	vpk_expect_refused(test, map);
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	vpk_expect_back(test, map, bar);
}

/* C11: or by one that sysfs starts, for a driver that has the callbacks. */
static void error_foreign_reset(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);
	u32 bar = vpk_bar0(fn);

	vpk_error_detected(fn, pci_channel_io_frozen);
	vpk_error_reset(fn);
	vpk_error_detected(fn, pci_channel_io_perm_failure);
	vpk_expect_refused(test, map);
	KUNIT_EXPECT_EQ(test, pci_reset_function(fn->pdev), 0);
	vpk_expect_back(test, map, bar);
}

/*
 * C11: the device closes during the recovery, and cannot be opened before its
 * end.
 */
static void error_close_open(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &vpk_full);
	u32 bar;

	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	vpk_open(test, fn);
	bar = vpk_bar0(fn);
	vpk_error_detected(fn, pci_channel_io_frozen);
	vpk_close(fn);
	KUNIT_ASSERT_TRUE(test, vpk_wait_open_count(fn, 0));
	vpk_open_container(test, fn);
	KUNIT_EXPECT_EQ(test, vpk_open_device(fn), -EAGAIN);
	fn->device = NULL;
	vpk_close(fn);
	vpk_error_reset(fn);
	KUNIT_EXPECT_EQ(test, vpk_slot_reset(fn), PCI_ERS_RESULT_RECOVERED);
	vpk_resume(fn);

	vpk_open(test, fn);
	vpk_expect_back(test, vpk_map(test, fn, 0, PAGE_SIZE, PAGE_SIZE), bar);
}

/* C11: an open device that stays lost is closed: the next open starts clean. */
static void error_lost_reopen(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	u32 bar = vpk_bar0(fn);

	vpk_error_detected(fn, pci_channel_io_frozen);
	vpk_error_reset(fn);
	vpk_error_detected(fn, pci_channel_io_perm_failure);
	vpk_close(fn);
	KUNIT_ASSERT_TRUE(test, vpk_wait_open_count(fn, 0));
	vpk_open(test, fn);
	vpk_expect_back(test, vpk_map(test, fn, 0, PAGE_SIZE, PAGE_SIZE), bar);
}

/* C11: the driver goes in between and comes back afterwards. */
static void error_unbind(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &vpk_full);

	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	KUNIT_EXPECT_EQ(test, vpk_error_detected(fn, pci_channel_io_frozen),
			PCI_ERS_RESULT_NEED_RESET);
	vpk_unbind(fn);
	KUNIT_EXPECT_EQ(test, vpk_slot_reset(fn), PCI_ERS_RESULT_NONE);
	vpk_bind(test, fn, VPK_DRIVER);
	/* Of an error that this driver has not seen. */
	vpk_resume(fn);
	vpk_open(test, fn);
	vpk_expect_back(test, vpk_map(test, fn, 0, PAGE_SIZE, PAGE_SIZE),
			vpk_bar0(fn));
}

/* C11: bound and not open: vconfig is not there, what is lost is restored. */
static void error_unopened(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &vpk_full);
	u32 bar;

	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	bar = vpk_bar0(fn);
	/* As pcie_do_recovery() */
	pm_runtime_get_sync(&fn->pdev->dev);
	vpk_log_clear(host);
	KUNIT_EXPECT_EQ(test, vpk_error_detected(fn, pci_channel_io_frozen),
			PCI_ERS_RESULT_NEED_RESET);
	VPK_EXPECT_ORDER(test, host, "");
	vpk_error_reset(fn);
	KUNIT_EXPECT_EQ(test, vpk_slot_reset(fn), PCI_ERS_RESULT_RECOVERED);
	vpk_resume(fn);
	pm_runtime_put(&fn->pdev->dev);
	KUNIT_EXPECT_EQ(test, vpk_bar0(fn), bar);
	vpk_open(test, fn);
	vpk_expect_back(test, vpk_map(test, fn, 0, PAGE_SIZE, PAGE_SIZE), bar);
}

/*
 * C11: in D3hot everything is gone already, and an error does not wake it up.
 */
static void error_in_d3(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);
	u32 bar = vpk_bar0(fn);

	KUNIT_ASSERT_EQ(test, vpk_power(fn, PCI_D3hot), 0);
	vpk_log_clear(fn->host);
	vpk_error_detected(fn, pci_channel_io_frozen);
	VPK_EXPECT_ORDER(test, fn->host, "zap revoke");
	vpk_error_reset(fn);
	KUNIT_EXPECT_EQ(test, vpk_slot_reset(fn), PCI_ERS_RESULT_RECOVERED);
	vpk_resume(fn);
	vpk_expect_back(test, map, bar);
}

struct vpk_second_error {
	struct vpk_worker *worker;
	bool written;
};

/* The last look at the device before the first error is over. */
static int vpk_error_at_bar(const struct vpk_access *access, void *data)
{
	struct vpk_second_error *second = data;

	if (access->write && access->where == PCI_COMMAND)
		second->written = true;
	if (second->written && !access->write &&
	    access->where == PCI_BASE_ADDRESS_0)
		vpk_worker_go(second->worker);
	return PCIBIOS_SUCCESSFUL;
}

/* C11: another error is reported while the user's write ends the first. */
static void error_during_command(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);
	struct vpk_second_error second = {};
	u32 bar = vpk_bar0(fn);

	if (!IS_ENABLED(CONFIG_PREEMPTION))
		kunit_skip(test, "nothing comes in between without preemption");

	vpk_error_detected(fn, pci_channel_io_frozen);
	vpk_error_detected(fn, pci_channel_io_perm_failure);
	fn->pdev->error_state = pci_channel_io_normal;
	second.worker = vpk_worker_start(test, fn->host, vpk_frozen, fn);
	vpk_worker_urgent(second.worker);
	vpk_observe(fn, vpk_error_at_bar, &second);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
	vpk_observe(fn, NULL, NULL);
	KUNIT_EXPECT_TRUE(test, second.written);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(second.worker),
			PCI_ERS_RESULT_NEED_RESET);
	vpk_expect_refused(test, map);
	vpk_error_reset(fn);
	vpk_slot_reset(fn);
	vpk_resume(fn);
	vpk_expect_back(test, map, bar);
}

/*
 * C11: an error is reported while the device is opened, which reads a configuration
 * that the PCI core may be resetting.
 */
static void error_during_open(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &vpk_full);
	struct vpk_second_error second = {};

	if (!IS_ENABLED(CONFIG_PREEMPTION))
		kunit_skip(test, "nothing comes in between without preemption");

	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	vpk_open_container(test, fn);
	second.worker = vpk_worker_start(test, host, vpk_frozen, fn);
	vpk_worker_urgent(second.worker);
	vpk_observe(fn, vpk_error_at_bar, &second);
	KUNIT_ASSERT_EQ(test, vpk_open_device(fn), -EAGAIN);
	vpk_observe(fn, NULL, NULL);
	KUNIT_EXPECT_TRUE(test, second.written);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(second.worker),
			PCI_ERS_RESULT_NEED_RESET);
	vpk_expect_no_lock_held(test, fn);
	KUNIT_ASSERT_EQ(test, vpk_open_device(fn), -EAGAIN);
	vpk_error_reset(fn);
	vpk_slot_reset(fn);
	vpk_resume(fn);
	KUNIT_ASSERT_EQ(test, vpk_open_device(fn), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch(vpk_map(test, fn, 0, 0, PAGE_SIZE), 0),
			0);
}

/* C11: after an error, a reset that fails does not bring the device back. */
static void error_reset_fails(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);
	u32 bar = vpk_bar0(fn);

	vpk_error_detected(fn, pci_channel_io_perm_failure);
	fn->pdev->error_state = pci_channel_io_normal;
	/* Somebody else has locked the device. */
	device_lock(&fn->pdev->dev);
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), -EAGAIN);
	device_unlock(&fn->pdev->dev);
	vpk_expect_refused(test, map);
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	vpk_expect_back(test, map, bar);
}

/* C11: importers let go before anybody resets the device. */
static void error_importer(struct kunit *test)
{
	const struct vpk_function_config small = { .bar_size = { SZ_4K } };
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &vpk_full);
	struct vpk_function *by = vpk_function_add(test, host, &small);
	struct vpk_importer *importer;
	struct dma_buf *dmabuf;

	vpk_need_importers(test);
	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	vpk_open(test, fn);
	dmabuf = vpk_export(test, fn, 0, PAGE_SIZE, PAGE_SIZE);
	importer = vpk_importer_attach(test, fn, dmabuf, by);
	KUNIT_ASSERT_EQ(test, vpk_importer_map(importer), 0);
	vpk_importer_slow(importer, 100);
	vpk_log_clear(host);
	vpk_error_detected(fn, pci_channel_io_frozen);
	VPK_EXPECT_ORDER(test, host, "zap invalidate release revoke");
	KUNIT_EXPECT_LT(test, vpk_importer_map(importer), 0);
	vpk_error_reset(fn);
	vpk_slot_reset(fn);
	vpk_resume(fn);
	KUNIT_EXPECT_EQ(test, vpk_importer_map(importer), 0);
}

static struct kunit_case vpk_errors_cases[] = {
	KUNIT_CASE(error_normal),
	KUNIT_CASE_SLOW(error_normal_reset),
	KUNIT_CASE(error_recovered),
	KUNIT_CASE(error_bars_first),
	KUNIT_CASE(error_resume_only),
	KUNIT_CASE(error_dead),
	KUNIT_CASE(error_dead_resume),
	KUNIT_CASE(error_memory_off),
	KUNIT_CASE(error_pending),
	KUNIT_CASE(error_twice),
	KUNIT_CASE(error_minimal_command),
	KUNIT_CASE(error_minimal_reset),
	KUNIT_CASE(error_foreign_reset),
	KUNIT_CASE(error_close_open),
	KUNIT_CASE(error_lost_reopen),
	KUNIT_CASE(error_unbind),
	KUNIT_CASE_SLOW(error_busy),
	KUNIT_CASE(error_unopened),
	KUNIT_CASE(error_in_d3),
	KUNIT_CASE(error_reset_fails),
	KUNIT_CASE(error_during_command),
	KUNIT_CASE(error_during_open),
	KUNIT_CASE(error_importer),
	{}
};

static struct kunit_suite vpk_errors_suite = {
	.name = "vfio-pci-core-errors",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_errors_cases,
};

kunit_test_suite(vpk_errors_suite);
