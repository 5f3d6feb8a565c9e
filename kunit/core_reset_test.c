// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core suite: resets that VFIO does not start (rule C11), and the locks that
 * these and VFIO's own have in common.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/delay.h>
#include <linux/pm_runtime.h>

#include "vfio_pci_kunit.h"

static const struct vpk_function_config vpk_full = VPK_FULL_CONFIG;

/* A device whose D3hot loses its configuration. */
static const struct vpk_function_config vpk_soft = {
	.bar_size = { SZ_64K }, .pm = true, .exp_flr = true,
};

/* What others do to a device, on behalf of a test. */
struct vpk_other {
	struct vpk_function *fn;
	struct vpk_worker *worker;
	u32 val;
	int where;
};

static struct vpk_map *vpk_used_map(struct kunit *test, struct vpk_function *fn)
{
	struct vpk_map *map = vpk_map(test, fn, 0, PAGE_SIZE, PAGE_SIZE);

	KUNIT_ASSERT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_ASSERT_TRUE(test, vpk_mapped(map, 0));
	vpk_watch(fn->host, map, 0);
	vpk_log_clear(fn->host);
	return map;
}

/* The PTE was there at no event, nor is it now. */
static void vpk_expect_zapped(struct kunit *test, struct vpk_map *map)
{
	struct vpk_host *host = map->fn->host;
	unsigned int i;

	KUNIT_EXPECT_GT(test, host->nr_events, 0);
	for (i = 0; i < host->nr_events; i++)
		KUNIT_EXPECT_FALSE_MSG(test, host->log[i].mapped,
				       "mapped at event %u:\n%s", i,
				       vpk_log_detail(test, host));
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
}

/* As sysfs does it. */
static int vpk_sysfs_reset(struct vpk_function *fn)
{
	int ret;

	pm_runtime_get_sync(&fn->pdev->dev);
	ret = pci_reset_function(fn->pdev);
	pm_runtime_put(&fn->pdev->dev);
	return ret;
}

static long vpk_run_foreign_reset(void *data)
{
	struct vpk_other *other = data;

	return vpk_sysfs_reset(other->fn);
}

static long vpk_run_reset(void *data)
{
	struct vpk_other *other = data;

	return vpk_reset(other->fn);
}

static long vpk_run_flr(void *data)
{
	struct vpk_other *other = data;

	return vpk_config_write(other->fn, VPK_EXP_POS + PCI_EXP_DEVCTL,
				PCI_EXP_DEVCTL_BCR_FLR, 2);
}

static long vpk_run_command(void *data)
{
	struct vpk_other *other = data;

	return vpk_config_write(other->fn, PCI_COMMAND, other->val, 2);
}

static long vpk_run_read(void *data)
{
	struct vpk_other *other = data;
	struct vpk_function *fn = other->fn;
	ssize_t ret;
	u32 val;

	ret = vpk_region_read(fn, VFIO_PCI_BAR0_REGION_INDEX, 0, &val,
			      sizeof(val));
	vpk_log(fn->host, ret == sizeof(val) ? VPK_READ : VPK_SIGBUS, fn->nr,
		0, 0);
	return ret;
}

static long vpk_run_close(void *data)
{
	struct vpk_other *other = data;

	vpk_close(other->fn);
	return vpk_wait_open_count(other->fn, 0) ? 0 : -ETIMEDOUT;
}

/* Lets a worker go at a write to the config space of a function. */
static int vpk_go_at(const struct vpk_access *access, void *data)
{
	struct vpk_other *other = data;

	if (access->write && access->where == other->where)
		vpk_worker_go(other->worker);
	return PCIBIOS_SUCCESSFUL;
}

static int vpk_go_at_begin(const struct vpk_access *access, void *data)
{
	struct vpk_other *other = data;

	if (vpk_begins_flr(access))
		vpk_worker_go(other->worker);
	return PCIBIOS_SUCCESSFUL;
}

/* The worker's function starts while the device is in an FLR of 100 ms. */
static void vpk_go_at_flr(struct kunit *test, struct vpk_other *other,
			  struct vpk_function *fn, long (*run)(void *data))
{
	other->fn = fn;
	other->worker = vpk_worker_start(test, fn->host, run, other);
	vpk_observe(fn, vpk_go_at_begin, other);
}

/* C11: zap, revoke, reset, and all of it back. */
static void foreign_order(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);
	unsigned int resets = fn->resets;

	KUNIT_EXPECT_EQ(test, vpk_sysfs_reset(fn), 0);
	VPK_EXPECT_ORDER(test, fn->host,
			 "zap revoke mem-off flr mem-on unrevoke");
	vpk_expect_zapped(test, map);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_EXPECT_EQ(test, fn->resets, resets + 1);
	vpk_expect_no_lock_held(test, fn);
}

/* C11: the same with an importer that takes its time. */
static void foreign_importer(struct kunit *test)
{
	const struct vpk_function_config small = { .bar_size = { SZ_4K } };
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &vpk_full);
	struct vpk_function *by = vpk_function_add(test, host, &small);
	struct vpk_importer *importer;
	struct dma_buf *dmabuf;
	struct vpk_map *map;

	vpk_need_importers(test);
	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	vpk_open(test, fn);
	map = vpk_map(test, fn, 0, 0, PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, vpk_touch(map, 0), 0);
	dmabuf = vpk_export(test, fn, 0, PAGE_SIZE, PAGE_SIZE);
	importer = vpk_importer_attach(test, fn, dmabuf, by);
	KUNIT_ASSERT_EQ(test, vpk_importer_map(importer), 0);
	vpk_importer_slow(importer, 200);
	vpk_watch(host, map, 0);
	vpk_log_clear(host);

	KUNIT_EXPECT_EQ(test, vpk_sysfs_reset(fn), 0);
	VPK_EXPECT_ORDER(test, host,
			 "zap invalidate release revoke mem-off flr mem-on unrevoke");
	vpk_expect_zapped(test, map);
	KUNIT_EXPECT_FALSE(test, vpk_importer_mapped(importer));
	KUNIT_EXPECT_EQ(test, vpk_importer_map(importer), 0);
}

/* C11: a read() of the BAR during the reset waits, and then gets through. */
static void foreign_read_waits(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_other other = {};

	vpk_go_at_flr(test, &other, fn, vpk_run_read);
	KUNIT_EXPECT_EQ(test, vpk_sysfs_reset(fn), 0);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(other.worker), sizeof(u32));
	vpk_observe(fn, NULL, NULL);
	VPK_EXPECT_ORDER(test, fn->host,
			 "zap revoke mem-off flr mem-on unrevoke read");
}

static int vpk_reader_at_flr(const struct vpk_access *access, void *data)
{
	if (vpk_begins_flr(access))
		vpk_reader_go(data);
	return PCIBIOS_SUCCESSFUL;
}

/* C11: so does an access to a mapping. */
static void foreign_touch_waits(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);
	struct vpk_reader *reader = vpk_reader_start(test, map, 0);

	vpk_observe(fn, vpk_reader_at_flr, reader);
	KUNIT_EXPECT_EQ(test, vpk_sysfs_reset(fn), 0);
	KUNIT_EXPECT_EQ(test, vpk_reader_wait(test, reader), 0);
	vpk_observe(fn, NULL, NULL);
	VPK_EXPECT_ORDER(test, fn->host,
			 "zap revoke mem-off flr mem-on unrevoke read");
}

/* C11: a read that waits for somebody's reset can be killed. */
static void foreign_read_killed(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_lock_holder *holder;
	struct vpk_other other = { .fn = fn };
	struct vpk_worker *reader;

	reader = vpk_worker_start(test, fn->host, vpk_run_read, &other);
	holder = vpk_hold_memory_lock(test, fn, true);
	vpk_worker_go(reader);
	msleep(50);
	KUNIT_EXPECT_FALSE(test, vpk_worker_done(reader));
	vpk_worker_kill(reader);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(reader), -EINTR);
	vpk_drop_memory_lock(holder);
}

/* C11: D0 comes after the zap and before the revocation, by VFIO's own hand. */
static void foreign_from_d3(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);

	KUNIT_ASSERT_EQ(test, vpk_power(fn, PCI_D3hot), 0);
	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_sysfs_reset(fn), 0);
	VPK_EXPECT_ORDER(test, fn->host,
			 "zap d0 revoke mem-off flr mem-on unrevoke");
	vpk_expect_zapped(test, map);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
}

/* C11: a device that loses its configuration on the way to D0 gets it back. */
static void foreign_from_soft_d3(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_soft, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);
	u32 bar = vpk_cfg_read(fn->cfg, PCI_BASE_ADDRESS_0, 4);

	KUNIT_ASSERT_EQ(test, vpk_power(fn, PCI_D3hot), 0);
	KUNIT_EXPECT_EQ(test, vpk_sysfs_reset(fn), 0);
	KUNIT_EXPECT_TRUE(test, vpk_function_mem_enabled(fn));
	KUNIT_EXPECT_EQ(test, vpk_cfg_read(fn->cfg, PCI_BASE_ADDRESS_0, 4), bar);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
}

/* C11: an FLR by the user in D3hot is no different. */
static void own_flr_from_soft_d3(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_soft, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);
	u32 bar = vpk_cfg_read(fn->cfg, PCI_BASE_ADDRESS_0, 4);

	KUNIT_ASSERT_EQ(test, vpk_power(fn, PCI_D3hot), 0);
	vpk_config_write(fn, VPK_EXP_POS + PCI_EXP_DEVCTL,
			 PCI_EXP_DEVCTL_BCR_FLR, 2);
	KUNIT_EXPECT_TRUE(test, vpk_function_mem_enabled(fn));
	KUNIT_EXPECT_EQ(test, vpk_cfg_read(fn->cfg, PCI_BASE_ADDRESS_0, 4), bar);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
}

/* C11: what the user has switched off stays off. */
static void foreign_memory_off(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);

	KUNIT_ASSERT_EQ(test, vpk_memory(fn, false), 0);
	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_sysfs_reset(fn), 0);
	VPK_EXPECT_ORDER(test, fn->host, "zap revoke flr");
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), -EFAULT);

	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
	VPK_EXPECT_ORDER(test, fn->host, "mem-on unrevoke");
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
}

/* C11: in low power a reset wakes the device, and gives nothing back. */
static void foreign_low_power(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);

	KUNIT_ASSERT_EQ(test, vpk_low_power(fn, true), 0);
	vpk_log_clear(fn->host);
	/* Unlike sysfs, not all resume the device before. */
	KUNIT_EXPECT_EQ(test, pci_reset_function(fn->pdev), 0);
	KUNIT_EXPECT_NULL(test, vpk_log_find(fn->host, VPK_UNREVOKE, -1));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), -EFAULT);
	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_low_power(fn, false), 0);
	KUNIT_EXPECT_NOT_NULL(test, vpk_log_find(fn->host, VPK_UNREVOKE, 0));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
}

/*
 * C11: bound and not open, idle in D3hot: vconfig is not there to be looked at.
 */
static void foreign_unopened(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &vpk_full);
	int usage;

	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	usage = atomic_read(&fn->pdev->dev.power.usage_count);
	KUNIT_EXPECT_EQ(test, pci_reset_function(fn->pdev), 0);
	KUNIT_EXPECT_NULL(test, vpk_log_find(host, VPK_UNREVOKE, -1));
	KUNIT_EXPECT_EQ(test, fn->resets, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&fn->pdev->dev.power.usage_count),
			usage);
	vpk_expect_no_lock_held(test, fn);

	/* Nor after it was open. */
	vpk_open(test, fn);
	vpk_close(fn);
	KUNIT_ASSERT_TRUE(test, vpk_wait_open_count(fn, 0));
	vpk_log_clear(host);
	KUNIT_EXPECT_EQ(test, vpk_sysfs_reset(fn), 0);
	KUNIT_EXPECT_NULL(test, vpk_log_find(host, VPK_UNREVOKE, -1));
	vpk_expect_no_lock_held(test, fn);
}

/*
 * C11: VFIO's own resets take the BARs away once, though the callbacks come
 * too.
 */
static void own_nests(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);
	int usage = atomic_read(&fn->pdev->dev.power.usage_count);

	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	VPK_EXPECT_ORDER(test, fn->host,
			 "zap revoke mem-off flr mem-on unrevoke");
	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_hot_reset(fn), 0);
	VPK_EXPECT_ORDER(test, fn->host,
			 "zap revoke mem-off bus-reset mem-on unrevoke");
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&fn->pdev->dev.power.usage_count),
			usage);
	vpk_expect_no_lock_held(test, fn);
}

/*
 * C11: somebody's reset comes while one of the user's has the BARs and is on
 * its way: it is another task's, so it waits for memory_lock. The user's then
 * finds the device locked, as ever.
 */
static void foreign_during_own(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);
	struct vpk_other other = {
		.fn = fn,
		.where = VPK_PM_POS + PCI_PM_CTRL,
	};

	KUNIT_ASSERT_EQ(test, vpk_power(fn, PCI_D3hot), 0);
	vpk_log_clear(fn->host);
	other.worker = vpk_worker_start(test, fn->host, vpk_run_foreign_reset,
					&other);
	vpk_observe(fn, vpk_go_at, &other);
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), -EAGAIN);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(other.worker), 0);
	vpk_observe(fn, NULL, NULL);
	VPK_EXPECT_ORDER(test, fn->host,
			 "zap d0 revoke unrevoke zap revoke mem-off flr mem-on unrevoke");
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	vpk_expect_no_lock_held(test, fn);
}

/* C11: somebody resets the bus: two open devices, and one that is not. */
static void foreign_bus(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn[3];
	struct vpk_map *map;
	int i;

	for (i = 0; i < 3; i++)
		fn[i] = vpk_function_add(test, host, &vpk_full);
	vpk_host_probe(test, host);
	for (i = 0; i < 3; i++)
		vpk_bind(test, fn[i], VPK_DRIVER);
	vpk_open(test, fn[0]);
	vpk_open(test, fn[2]);
	map = vpk_used_map(test, fn[2]);
	/* Idle devices go to sleep. */
	KUNIT_ASSERT_GE(test, pm_runtime_suspend(&fn[1]->pdev->dev), 0);
	/* When it goes back to sleep is up to a worker: not in the middle of this. */
	pm_runtime_get_noresume(&fn[1]->pdev->dev);
	vpk_log_clear(host);

	/* The PCI core prepares and disables one after the other. */
	KUNIT_EXPECT_EQ(test, pci_reset_bus(fn[0]->pdev), 0);
	VPK_EXPECT_ORDER(test, host,
			 "0:zap 0:revoke 0:mem-off 1:d0 2:zap 2:revoke 2:mem-off bus-reset 0:mem-on 0:unrevoke 2:mem-on 2:unrevoke");
	pm_runtime_put(&fn[1]->pdev->dev);
	KUNIT_EXPECT_FALSE(test, vpk_log_find(host, VPK_BUS_RESET, -1)->mapped);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	for (i = 0; i < 3; i++)
		vpk_expect_no_lock_held(test, fn[i]);
}

/* C11: the device closes while somebody resets it. */
static void foreign_close_meanwhile(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_other other = {};

	vpk_go_at_flr(test, &other, fn, vpk_run_close);
	KUNIT_EXPECT_EQ(test, vpk_sysfs_reset(fn), 0);
	vpk_observe(fn, NULL, NULL);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(other.worker), 0);
	vpk_expect_no_lock_held(test, fn);
	/* What a close restores is what open had found. */
	vpk_open(test, fn);
	KUNIT_EXPECT_TRUE(test, vpk_function_mem_enabled(fn));
}

/* C11: somebody resets the device while it opens, which resets it too. */
static void foreign_open_meanwhile(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &vpk_full);
	struct vpk_other other = {};
	struct vpk_map *map;
	int ret;

	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	vpk_open_container(test, fn);
	vpk_go_at_flr(test, &other, fn, vpk_run_foreign_reset);
	ret = vpk_open_device(fn);
	vpk_observe(fn, NULL, NULL);
	KUNIT_ASSERT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(other.worker), 0);
	KUNIT_EXPECT_TRUE(test, vpk_function_mem_enabled(fn));
	map = vpk_map(test, fn, 0, 0, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	vpk_expect_no_lock_held(test, fn);
}

static int vpk_complete_at_begin(const struct vpk_access *access, void *data)
{
	if (vpk_begins_flr(access))
		complete(data);
	return PCIBIOS_SUCCESSFUL;
}

/*
 * C11: the device is opened while somebody resets it, who restores PCI_COMMAND as
 * it was before the device was enabled.
 */
static void foreign_before_open(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &vpk_full);
	struct vpk_other other = { .fn = fn };
	DECLARE_COMPLETION_ONSTACK(begun);
	struct vpk_worker *worker;
	struct vpk_map *map;
	int i;

	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	vpk_open_container(test, fn);
	worker = vpk_worker_start(test, host, vpk_run_foreign_reset, &other);
	vpk_observe(fn, vpk_complete_at_begin, &begun);
	vpk_worker_go(worker);
	KUNIT_EXPECT_TRUE(test, wait_for_completion_timeout(&begun, 10 * HZ));
	vpk_observe(fn, NULL, NULL);
	KUNIT_EXPECT_FALSE(test, vpk_worker_done(worker));
	/* Its own reset finds the device locked by the other one, or not. */
	for (i = 0; i < 100 && vpk_open_device(fn) == -EAGAIN; i++)
		msleep(20);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(worker), 0);
	KUNIT_ASSERT_NOT_NULL(test, fn->device);
	KUNIT_EXPECT_TRUE(test, vpk_function_mem_enabled(fn));
	map = vpk_map(test, fn, 0, 0, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	vpk_expect_no_lock_held(test, fn);
}

/* C11: a device that cannot be enabled is not left locked, and can be opened later. */
static void open_cannot_enable(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &vpk_full);
	struct resource *bar;
	struct vpk_map *map;

	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	vpk_open_container(test, fn);
	bar = pci_resource_n(fn->pdev, 0);
	bar->flags |= IORESOURCE_UNSET;
	KUNIT_EXPECT_EQ(test, vpk_open_device(fn), -EINVAL);
	bar->flags &= ~IORESOURCE_UNSET;
	vpk_expect_no_lock_held(test, fn);
	KUNIT_EXPECT_EQ(test, vpk_sysfs_reset(fn), 0);
	KUNIT_ASSERT_EQ(test, vpk_open_device(fn), 0);
	map = vpk_map(test, fn, 0, 0, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
}

/* Registers that open reads when it fills in what the user will see. */
static const int vpk_locked_reads[] = {
	PCI_BASE_ADDRESS_0,
	VPK_MSIX_POS + PCI_MSIX_FLAGS,
	VPK_MSIX_POS + PCI_MSIX_TABLE,
};

/* Of each, whether memory_lock was held at the last read. */
static int vpk_see_locked(const struct vpk_access *access, void *data)
{
	struct vpk_other *other = data;
	int i;

	for (i = 0; i < ARRAY_SIZE(vpk_locked_reads); i++) {
		if (access->write || access->where != vpk_locked_reads[i])
			continue;
		if (rwsem_is_locked(&other->fn->vdev->memory_lock))
			other->val |= BIT(i);
		else
			other->val &= ~BIT(i);
	}
	return PCIBIOS_SUCCESSFUL;
}

/*
 * C11: what the user will see of the configuration is filled in under
 * memory_lock: handlers of resets and errors look at it from then on.
 */
static void open_fills_config_locked(struct kunit *test)
{
	struct vpk_function_config config = VPK_FULL_CONFIG;
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_other other = {};
	struct vpk_function *fn;

	config.msix = true;
	config.msix_bar = 4;
	fn = vpk_function_add(test, host, &config);
	other.fn = fn;
	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	vpk_open_container(test, fn);
	vpk_observe(fn, vpk_see_locked, &other);
	KUNIT_EXPECT_EQ(test, vpk_open_device(fn), 0);
	vpk_observe(fn, NULL, NULL);
	/* That is the last thing which reads all of it. */
	KUNIT_EXPECT_EQ(test, other.val, BIT(ARRAY_SIZE(vpk_locked_reads)) - 1);
}

static long vpk_run_irq_info(void *data)
{
	struct vfio_irq_info info = {
		.argsz = sizeof(info),
		.index = VFIO_PCI_MSIX_IRQ_INDEX,
	};
	struct vpk_other *other = data;
	long ret;

	ret = vpk_ioctl(other->fn, VFIO_DEVICE_GET_IRQ_INFO, &info,
			sizeof(info));
	other->val = info.count;
	return ret;
}

static long vpk_run_set_irqs(void *data)
{
	/* One more than there are */
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = VFIO_PCI_MSIX_IRQ_INDEX,
		.count = VPK_MSIX_ENTRIES + 1,
	};
	struct vpk_other *other = data;

	return vpk_ioctl(other->fn, VFIO_DEVICE_SET_IRQS, &set, sizeof(set));
}

static long vpk_run_info(void *data)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vpk_other *other = data;

	return vpk_ioctl(other->fn, VFIO_DEVICE_GET_INFO, &info, sizeof(info));
}

static const struct vpk_ask {
	const char *name;
	long (*run)(void *data);
	long ret;
} vpk_asks[] = {
	{ "GET_IRQ_INFO", vpk_run_irq_info, 0 },
	{ "SET_IRQS", vpk_run_set_irqs, -EINVAL },
	{ "GET_INFO", vpk_run_info, 0 },
};

KUNIT_ARRAY_PARAM_DESC(vpk_ask, vpk_asks, name);

/*
 * C11: what the user is told of the device is not read while somebody resets it: all
 * ones would be 2048 vectors. To wait for that can be killed.
 */
static void foreign_ask_waits(struct kunit *test)
{
	const struct vpk_ask *ask = test->param_value;
	struct vpk_function_config config = VPK_FULL_CONFIG;
	struct vpk_worker *worker, *killed;
	struct vpk_other other = {};
	struct vpk_function *fn;

	config.msix = true;
	config.msix_bar = 4;
	fn = vpk_device(test, &config, VPK_DRIVER);
	other.fn = fn;
	worker = vpk_worker_start(test, fn->host, ask->run, &other);
	killed = vpk_worker_start(test, fn->host, ask->run, &other);
	down_write(&fn->vdev->memory_lock);
	vpk_worker_go(killed);
	msleep(50);
	KUNIT_EXPECT_FALSE(test, vpk_worker_done(killed));
	vpk_worker_kill(killed);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(killed), -EINTR);
	vpk_worker_go(worker);
	msleep(50);
	KUNIT_EXPECT_FALSE(test, vpk_worker_done(worker));
	up_write(&fn->vdev->memory_lock);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(worker), ask->ret);
	if (ask->run == vpk_run_irq_info)
		KUNIT_EXPECT_EQ(test, other.val, VPK_MSIX_ENTRIES);
	vpk_expect_no_lock_held(test, fn);
}

/*
 * C11: config access before memory_lock: who waits for the one does not hold
 * the other, and the reset that has blocked the first gets the second. Lockdep
 * does not know of blocked config access, so a time limit has to do.
 */
static void command_waits_without_lock(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_other other = { .fn = fn };
	struct vpk_worker *writer;
	bool locked;

	writer = vpk_worker_start(test, fn->host, vpk_run_command, &other);
	pci_cfg_access_lock(fn->pdev);
	vpk_worker_go(writer);
	msleep(50);
	KUNIT_EXPECT_FALSE(test, vpk_worker_done(writer));
	locked = down_write_trylock(&fn->vdev->memory_lock);
	KUNIT_EXPECT_TRUE_MSG(test, locked,
			      "memory_lock held while waiting for config access");
	if (locked)
		up_write(&fn->vdev->memory_lock);
	pci_cfg_access_unlock(fn->pdev);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(writer), 2);
	KUNIT_EXPECT_FALSE(test, vpk_function_mem_enabled(fn));
}

/* C11: the deadlock that it would be. */
static void command_foreign_reset(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_other other = { .fn = fn };
	struct vpk_worker *writer, *reset;
	struct vpk_lock_holder *holder;
	unsigned int resets = fn->resets;
	long ret;

	writer = vpk_worker_start(test, fn->host, vpk_run_command, &other);
	reset = vpk_worker_start(test, fn->host, vpk_run_foreign_reset, &other);
	/* The writer is queued up for memory_lock, or for what comes before. */
	holder = vpk_hold_memory_lock(test, fn, false);
	vpk_worker_go(writer);
	msleep(50);
	vpk_worker_go(reset);
	msleep(50);
	vpk_drop_memory_lock(holder);
	ret = vpk_worker_wait(writer);
	KUNIT_EXPECT_EQ(test, ret, 2);
	/* End the deadlock, so that the test ends. */
	if (ret == -ETIMEDOUT)
		pci_cfg_access_unlock(fn->pdev);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(reset), 0);
	KUNIT_EXPECT_EQ(test, fn->resets, resets + 1);
	KUNIT_EXPECT_FALSE(test, vpk_function_mem_enabled(fn));
}

/*
 * The other direction: PCI_COMMAND is written while the user's own reset has
 * memory_lock and has not yet tried to block config access. From D3hot there are
 * 10 ms in between, in which the PCI core waits for the device.
 */
static void vpk_command_own_reset(struct kunit *test, long (*reset)(void *data),
				  long ret)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_other other = {
		.fn = fn,
		.val = PCI_COMMAND_MEMORY,
		.where = VPK_PM_POS + PCI_PM_CTRL,
	};
	unsigned int resets = fn->resets;

	KUNIT_ASSERT_EQ(test, vpk_power(fn, PCI_D3hot), 0);
	other.worker = vpk_worker_start(test, fn->host, vpk_run_command,
					&other);
	vpk_observe(fn, vpk_go_at, &other);
	KUNIT_EXPECT_EQ(test, reset(&other), ret);
	vpk_observe(fn, NULL, NULL);
	KUNIT_EXPECT_EQ(test, fn->resets, resets + 1);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(other.worker), 2);
	vpk_expect_no_lock_held(test, fn);
}

static void command_device_reset(struct kunit *test)
{
	vpk_command_own_reset(test, vpk_run_reset, 0);
}

static void command_flr(struct kunit *test)
{
	vpk_command_own_reset(test, vpk_run_flr, 2);
}

static long vpk_run_hot_reset(void *data)
{
	struct vpk_other *other = data;

	return vpk_hot_reset(other->fn);
}

static void command_hot_reset(struct kunit *test)
{
	vpk_command_own_reset(test, vpk_run_hot_reset, 0);
}

/*
 * C11: who waits for another one's reset or write of PCI_COMMAND can be killed,
 * and has done nothing then, nor given back what it did not have.
 */
static void own_waits_killable(struct kunit *test)
{
	static long (*const own[])(void *data) = {
		vpk_run_command, vpk_run_reset,
	};
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_other other = { .fn = fn, .val = PCI_COMMAND_MEMORY };
	struct vpk_worker *first, *second;
	unsigned int resets = fn->resets;
	int i;

	for (i = 0; i < ARRAY_SIZE(own); i++) {
		first = vpk_worker_start(test, fn->host, vpk_run_command,
					 &other);
		second = vpk_worker_start(test, fn->host, own[i], &other);
		pci_cfg_access_lock(fn->pdev);
		vpk_worker_go(first);
		msleep(50);
		vpk_worker_go(second);
		msleep(50);
		KUNIT_EXPECT_FALSE(test, vpk_worker_done(second));
		vpk_worker_kill(second);
		KUNIT_EXPECT_EQ(test, vpk_worker_wait(second), -EINTR);
		KUNIT_EXPECT_FALSE(test, vpk_worker_done(first));
		pci_cfg_access_unlock(fn->pdev);
		KUNIT_EXPECT_EQ(test, vpk_worker_wait(first), 2);
		KUNIT_EXPECT_EQ(test, fn->resets, resets);
	}
	vpk_expect_no_lock_held(test, fn);
}

static struct kunit_case vpk_reset_cases[] = {
	KUNIT_CASE(foreign_order),
	KUNIT_CASE(foreign_importer),
	KUNIT_CASE(foreign_read_waits),
	KUNIT_CASE(foreign_touch_waits),
	KUNIT_CASE(foreign_read_killed),
	KUNIT_CASE(foreign_from_d3),
	KUNIT_CASE(foreign_from_soft_d3),
	KUNIT_CASE(own_flr_from_soft_d3),
	KUNIT_CASE(foreign_memory_off),
	KUNIT_CASE(foreign_low_power),
	KUNIT_CASE(foreign_unopened),
	KUNIT_CASE(own_nests),
	KUNIT_CASE(foreign_during_own),
	KUNIT_CASE(foreign_bus),
	KUNIT_CASE(foreign_close_meanwhile),
	KUNIT_CASE(foreign_open_meanwhile),
	KUNIT_CASE(foreign_before_open),
	KUNIT_CASE(open_cannot_enable),
	KUNIT_CASE(open_fills_config_locked),
	KUNIT_CASE_PARAM(foreign_ask_waits, vpk_ask_gen_params),
	KUNIT_CASE(command_waits_without_lock),
	KUNIT_CASE(command_foreign_reset),
	KUNIT_CASE(command_device_reset),
	KUNIT_CASE(command_flr),
	KUNIT_CASE(command_hot_reset),
	KUNIT_CASE(own_waits_killable),
	{}
};

static struct kunit_suite vpk_reset_suite = {
	.name = "vfio-pci-core-reset",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_reset_cases,
};

kunit_test_suite(vpk_reset_suite);
