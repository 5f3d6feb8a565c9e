// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core suite: the paths that revoke BAR mappings. Each case checks the state
 * before the revocation, the order during it (rule C3), and the state after it,
 * when an access is refused or faults the page in again.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include "vfio_pci_kunit.h"

static const struct vpk_function_config vpk_full = VPK_FULL_CONFIG;

/* A device whose D3hot loses its configuration. */
static const struct vpk_function_config vpk_soft = {
	.bar_size = { SZ_64K }, .pm = true, .exp_flr = true,
};

/* A device that only the AF capability can reset. */
static const struct vpk_function_config vpk_af = {
	.bar_size = { SZ_64K }, .af_flr = true,
};

/* Make a mapping, use it, and empty the log. */
static struct vpk_map *vpk_used_map(struct kunit *test, struct vpk_function *fn)
{
	struct vpk_map *map = vpk_map(test, fn, 0, PAGE_SIZE, PAGE_SIZE);

	KUNIT_ASSERT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_ASSERT_TRUE(test, vpk_mapped(map, 0));
	vpk_log_clear(fn->host);
	return map;
}

/* The user's PTE was gone at each event, from the first one (the zap) on. */
static void vpk_expect_never_mapped(struct kunit *test, struct vpk_host *host)
{
	unsigned int i;

	KUNIT_EXPECT_GT(test, host->nr_events, 0);
	for (i = 0; i < host->nr_events; i++)
		KUNIT_EXPECT_FALSE_MSG(test, host->log[i].mapped,
				       "mapped at event %u:\n%s", i,
				       vpk_log_detail(test, host));
}

/* The page is gone, and an access faults it in again, with the same PFN. */
static void vpk_expect_refault(struct kunit *test, struct vpk_map *map)
{
	unsigned long pfn = 0;

	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_EXPECT_EQ(test, vpk_pfn(map, 0, &pfn, NULL), 0);
	KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(map->fn, 0, PAGE_SIZE));
}

/* The page is gone, and an access is refused. */
static void vpk_expect_refused(struct kunit *test, struct vpk_map *map)
{
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), -EFAULT);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
}

/* C3: memory_disable: memory off and on through PCI_COMMAND. */
static void path_memory_disable(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);

	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	VPK_EXPECT_ORDER(test, fn->host, "zap revoke mem-off");
	vpk_expect_never_mapped(test, fn->host);
	vpk_expect_refused(test, map);

	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
	VPK_EXPECT_ORDER(test, fn->host, "mem-on unrevoke");
	vpk_expect_refault(test, map);
}

/* C3: d3hot: D3hot and back through PMCSR. */
static void path_d3hot(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);

	KUNIT_EXPECT_EQ(test, vpk_power(fn, PCI_D3hot), 0);
	VPK_EXPECT_ORDER(test, fn->host, "zap revoke d3");
	vpk_expect_never_mapped(test, fn->host);
	vpk_expect_refused(test, map);

	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_power(fn, PCI_D0), 0);
	VPK_EXPECT_ORDER(test, fn->host, "d0 unrevoke");
	vpk_expect_refault(test, map);
}

/* d3hot, of a device that loses its configuration in D3hot. */
static void path_d3hot_soft_reset(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_soft, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);

	KUNIT_EXPECT_EQ(test, vpk_power(fn, PCI_D3hot), 0);
	VPK_EXPECT_ORDER(test, fn->host, "zap revoke d3");
	vpk_expect_refused(test, map);

	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_power(fn, PCI_D0), 0);
	VPK_EXPECT_ORDER(test, fn->host, "d0 mem-on unrevoke");
	vpk_expect_refault(test, map);
}

/* C3: flr: FLR through the PCI Express capability. */
static void path_flr(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);

	KUNIT_EXPECT_EQ(test, vpk_config_write(fn, VPK_EXP_POS + PCI_EXP_DEVCTL,
					       PCI_EXP_DEVCTL_BCR_FLR, 2), 2);
	VPK_EXPECT_ORDER(test, fn->host,
			 "zap revoke mem-off flr mem-on unrevoke");
	vpk_expect_never_mapped(test, fn->host);
	vpk_expect_refault(test, map);
}

/* C3: af_flr: FLR through the AF capability. */
static void path_af_flr(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_af, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);

	KUNIT_EXPECT_EQ(test, vpk_config_write(fn, VPK_AF_POS + PCI_AF_CTRL,
					       PCI_AF_CTRL_FLR, 1), 1);
	VPK_EXPECT_ORDER(test, fn->host,
			 "zap revoke mem-off af-flr mem-on unrevoke");
	vpk_expect_never_mapped(test, fn->host);
	vpk_expect_refault(test, map);
}

/* runtime_pm, entry. */
static void path_runtime_pm_entry(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);

	KUNIT_EXPECT_EQ(test, vpk_low_power(fn, true), 0);
	VPK_EXPECT_ORDER(test, fn->host, "zap revoke d3");
	vpk_expect_never_mapped(test, fn->host);
	vpk_expect_refused(test, map);

	/* A second entry is refused, and revokes nothing. */
	KUNIT_EXPECT_EQ(test, vpk_low_power(fn, true), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_low_power(fn, false), 0);
}

/* runtime_pm, exit. */
static void path_runtime_pm_exit(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);

	KUNIT_ASSERT_EQ(test, vpk_low_power(fn, true), 0);
	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_low_power(fn, false), 0);
	VPK_EXPECT_ORDER(test, fn->host, "d0 unrevoke");
	vpk_expect_refault(test, map);
}

/* C3: device_reset: VFIO_DEVICE_RESET. */
static void path_device_reset(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);

	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	VPK_EXPECT_ORDER(test, fn->host,
			 "zap revoke mem-off flr mem-on unrevoke");
	vpk_expect_never_mapped(test, fn->host);
	vpk_expect_refault(test, map);
}

/* C3: device_reset_d3hot: users are out before D0; importers let go in D0. */
static void path_device_reset_d3hot(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);

	KUNIT_ASSERT_EQ(test, vpk_power(fn, PCI_D3hot), 0);
	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	VPK_EXPECT_ORDER(test, fn->host,
			 "zap d0 revoke mem-off flr mem-on unrevoke");
	vpk_expect_never_mapped(test, fn->host);
	vpk_expect_refault(test, map);
}

/* Two functions of one slot, each with a used mapping. */
static void vpk_two_open(struct kunit *test, struct vpk_function *fn[2],
			 struct vpk_map *map[2])
{
	struct vpk_host *host = vpk_host_create(test);
	int i;

	fn[0] = vpk_function_add(test, host, &vpk_full);
	fn[1] = vpk_function_add(test, host, &vpk_full);
	vpk_host_probe(test, host);
	for (i = 0; i < 2; i++) {
		vpk_bind(test, fn[i], VPK_DRIVER);
		vpk_open(test, fn[i]);
	}
	for (i = 0; i < 2; i++)
		map[i] = vpk_used_map(test, fn[i]);
}

/* C3: hot_reset_slot: all functions are zapped before any is waited for. */
static void path_hot_reset_slot(struct kunit *test)
{
	struct vpk_function *fn[2];
	struct vpk_map *map[2];

	vpk_two_open(test, fn, map);
	KUNIT_EXPECT_EQ(test, vpk_hot_reset(fn[0]), 0);
	VPK_EXPECT_ORDER(test, fn[0]->host,
			 "0:zap 1:zap 0:revoke 1:revoke 0:mem-off 1:mem-off bus-reset 0:mem-on 1:mem-on 0:unrevoke 1:unrevoke");
	vpk_expect_refault(test, map[0]);
	vpk_expect_refault(test, map[1]);
}

/* hot_reset_slot with a function in D3hot: D0 comes after all zaps. */
static void path_hot_reset_slot_d3hot(struct kunit *test)
{
	struct vpk_function *fn[2];
	struct vpk_map *map[2];

	vpk_two_open(test, fn, map);
	KUNIT_ASSERT_EQ(test, vpk_power(fn[1], PCI_D3hot), 0);
	vpk_log_clear(fn[0]->host);
	KUNIT_EXPECT_EQ(test, vpk_hot_reset(fn[0]), 0);
	VPK_EXPECT_ORDER(test, fn[0]->host,
			 "0:zap 1:zap 1:d0 0:revoke 1:revoke 0:mem-off 1:mem-off bus-reset 0:mem-on 1:mem-on 0:unrevoke 1:unrevoke");
	vpk_expect_refault(test, map[0]);
	vpk_expect_refault(test, map[1]);
}

/* A device that closes unrevokes no DMABUF. */
static void vpk_expect_nothing_unrevoked(struct kunit *test,
					 struct vpk_host *host)
{
	unsigned int i;

	for (i = 0; i < host->nr_events; i++)
		if (host->log[i].type == VPK_UNREVOKE)
			KUNIT_EXPECT_EQ_MSG(test, host->log[i].a, 0, "%s",
					    vpk_log_detail(test, host));
}

/* C3: close: a mapping keeps the device open, and the last one closes it. */
static void path_close(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);
	unsigned int resets = fn->resets;

	vpk_close(fn);
	KUNIT_EXPECT_EQ(test, fn->vdev->vdev.open_count, 1);
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	VPK_EXPECT_ORDER(test, fn->host, "");

	vpk_unmap(map);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
	KUNIT_EXPECT_EQ(test, fn->resets, resets + 1);
	vpk_expect_nothing_unrevoked(test, fn->host);
}

/* close, in D3hot and after the last mapping is gone. */
static void path_close_d3hot(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	unsigned int resets = fn->resets;
	struct vpk_map *map = vpk_used_map(test, fn);

	KUNIT_ASSERT_EQ(test, vpk_power(fn, PCI_D3hot), 0);
	vpk_unmap(map);
	vpk_log_clear(fn->host);
	vpk_close(fn);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
	KUNIT_EXPECT_EQ(test, fn->resets, resets + 1);
	vpk_expect_nothing_unrevoked(test, fn->host);
}

/* A reset that is refused (the device is locked) leaves nothing revoked. */
static void fails_reset_refused(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);
	unsigned int resets = fn->resets;

	device_lock(&fn->pdev->dev);
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), -EAGAIN);
	device_unlock(&fn->pdev->dev);
	KUNIT_EXPECT_EQ(test, fn->resets, resets);
	VPK_EXPECT_ORDER(test, fn->host, "zap revoke unrevoke");
	vpk_expect_refault(test, map);
}

/* A device that cannot be reset is not touched at all. */
static void fails_reset_impossible(struct kunit *test)
{
	const struct vpk_function_config config = { .bar_size = { SZ_64K } };
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &config);
	struct vpk_map *map;

	/* If it were alone on its bus, a bus reset could reset it. */
	vpk_function_add(test, host, &config);
	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	vpk_open(test, fn);
	map = vpk_used_map(test, fn);
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), -EINVAL);
	VPK_EXPECT_ORDER(test, fn->host, "");
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, 0));
}

/* When hot reset fails to take a lock, nothing has been revoked yet. */
static void fails_hot_reset_trylock(struct kunit *test)
{
	struct vpk_lock_holder *holder;
	struct vpk_function *fn[2];
	struct vpk_map *map[2];

	vpk_two_open(test, fn, map);
	holder = vpk_hold_memory_lock(test, fn[1], false);
	KUNIT_EXPECT_EQ(test, vpk_hot_reset(fn[0]), -EBUSY);
	vpk_drop_memory_lock(holder);
	VPK_EXPECT_ORDER(test, fn[0]->host, "zap");
	KUNIT_EXPECT_EQ(test, vpk_touch(map[0], 0), 0);
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map[1], 0));

	/* No lock is left held either. */
	vpk_log_clear(fn[0]->host);
	KUNIT_EXPECT_EQ(test, vpk_hot_reset(fn[0]), 0);
	vpk_expect_refault(test, map[0]);
	vpk_expect_refault(test, map[1]);
}

/* Hot reset of a set that the caller does not own is refused before the zap. */
static void fails_hot_reset_not_owned(struct kunit *test)
{
	struct vpk_function *fn[2];
	struct vpk_map *map[2];
	struct file *group;

	vpk_two_open(test, fn, map);
	group = fn[1]->group;
	fn[1]->group = NULL;
	KUNIT_EXPECT_EQ(test, vpk_hot_reset(fn[0]), -EINVAL);
	fn[1]->group = group;
	KUNIT_EXPECT_NULL(test, vpk_log_find(fn[0]->host, VPK_REVOKE, -1));
	KUNIT_EXPECT_NULL(test, vpk_log_find(fn[0]->host, VPK_BUS_RESET, -1));
	KUNIT_EXPECT_EQ(test, vpk_touch(map[0], 0), 0);
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map[1], 0));
}

/* If PCI_COMMAND cannot be read, nothing happens. */
static void fails_command_read(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);

	vpk_fail_access(test, fn, PCI_COMMAND, false, 0, 1);
	KUNIT_EXPECT_LT(test, vpk_memory(fn, false), 0);
	VPK_EXPECT_ORDER(test, fn->host, "");
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, 0));
}

/* If PCI_COMMAND cannot be written, memory stays on and nothing is revoked. */
static void fails_command_write(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);

	vpk_fail_access(test, fn, PCI_COMMAND, true, 0, 1);
	KUNIT_EXPECT_LT(test, vpk_memory(fn, false), 0);
	KUNIT_EXPECT_TRUE(test, vpk_function_mem_enabled(fn));
	VPK_EXPECT_ORDER(test, fn->host, "zap revoke unrevoke");
	vpk_expect_refault(test, map);
}

/* A register without a handler of its own: what is written is read back. */
static void config_default_write(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	u32 val = 0;

	KUNIT_EXPECT_EQ(test, vpk_config_write(fn, PCI_INTERRUPT_LINE, 0x5a, 1),
			1);
	KUNIT_EXPECT_EQ(test, vpk_config_read(fn, PCI_INTERRUPT_LINE, &val, 1),
			1);
	KUNIT_EXPECT_EQ(test, val, 0x5a);
	VPK_EXPECT_ORDER(test, fn->host, "");
}

static int vpk_count_bar_writes(const struct vpk_access *access, void *data)
{
	if (access->write && access->where == PCI_BASE_ADDRESS_0)
		++*(unsigned int *)data;
	return 0;
}

/* How often a write to PCI_COMMAND has the core write BAR 0 again. */
static unsigned int vpk_bars_restored(struct vpk_function *fn, u16 command)
{
	unsigned int writes = 0;

	vpk_observe(fn, vpk_count_bar_writes, &writes);
	vpk_config_write(fn, PCI_COMMAND, command, 2);
	vpk_observe(fn, NULL, NULL);
	return writes;
}

/**
 * struct vpk_memory_writes - what was written to PCI_COMMAND
 * @on: memory was enabled
 * @unlocked: so many writes were made without memory_lock
 */
struct vpk_memory_writes {
	bool on;
	unsigned int unlocked;
};

static int vpk_note_memory(const struct vpk_access *access, void *data)
{
	struct vpk_memory_writes *seen = data;

	if (!access->write || access->where != PCI_COMMAND)
		return 0;
	if (access->val & PCI_COMMAND_MEMORY)
		seen->on = true;
	if (!rwsem_is_locked(&access->fn->vdev->memory_lock))
		seen->unlocked++;
	return 0;
}

/*
 * C2: the MSI-X table is in a BAR: memory is on while vectors are set up, and
 * nobody gets in between.
 */
static void command_for_vectors(struct kunit *test)
{
	struct vpk_function_config config = VPK_FULL_CONFIG;
	u8 buf[sizeof(struct vfio_irq_set) + sizeof(s32)] __aligned(8) = {};
	struct vfio_irq_set *set = (void *)buf;
	struct vpk_function *fn;
	struct vpk_memory_writes seen = {};

	config.msix = true;
	config.msix_bar = 4;
	fn = vpk_device(test, &config, VPK_DRIVER);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	set->argsz = sizeof(buf);
	set->flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	set->index = VFIO_PCI_MSIX_IRQ_INDEX;
	set->count = 1;
	*(s32 *)set->data = -1;
	vpk_observe(fn, vpk_note_memory, &seen);
	/* Whether there are interrupts to be had or not. */
	vpk_ioctl(fn, VFIO_DEVICE_SET_IRQS, set, sizeof(buf));
	vpk_observe(fn, NULL, NULL);
	KUNIT_EXPECT_TRUE(test, seen.on);
	KUNIT_EXPECT_EQ(test, seen.unlocked, 0);
	KUNIT_EXPECT_FALSE(test, vpk_function_mem_enabled(fn));
	vpk_expect_no_lock_held(test, fn);
}

static int vpk_note_command_write(const struct vpk_access *access, void *data)
{
	if (access->write && access->where == PCI_COMMAND)
		*(int *)data = access->size;
	return 0;
}

/* PCI_COMMAND can be written as a byte, or together with the status. */
static void command_sizes(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);
	int size, written;

	for (size = 1; size <= 4; size *= 2) {
		written = 0;
		vpk_observe(fn, vpk_note_command_write, &written);
		KUNIT_EXPECT_EQ(test, vpk_config_write(fn, PCI_COMMAND, 0, size),
				size);
		KUNIT_EXPECT_EQ(test, written, size);
		KUNIT_EXPECT_FALSE(test, vpk_function_mem_enabled(fn));
		KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
		KUNIT_EXPECT_EQ(test, vpk_config_write(fn, PCI_COMMAND,
						       PCI_COMMAND_MEMORY, size),
				size);
		KUNIT_EXPECT_TRUE(test, vpk_function_mem_enabled(fn));

		/* The first read is that of what the hardware has. */
		vpk_fail_access(test, fn, PCI_COMMAND, false, 1, 1);
		KUNIT_EXPECT_LT(test, vpk_config_write(fn, PCI_COMMAND, 0, size),
				0);
		vpk_fail_access(test, fn, PCI_COMMAND, true, 0, 1);
		KUNIT_EXPECT_LT(test, vpk_config_write(fn, PCI_COMMAND, 0, size),
				0);
		vpk_observe(fn, NULL, NULL);
		KUNIT_EXPECT_TRUE(test, vpk_function_mem_enabled(fn));
		vpk_expect_refault(test, map);
	}
}

/*
 * The BARs are restored if the user switches on what was on for him, and is off:
 * somebody has reset the device.
 */
static void command_restores(struct kunit *test)
{
	static const u16 bits[] = { PCI_COMMAND_MEMORY, PCI_COMMAND_IO };
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	u16 both = PCI_COMMAND_MEMORY | PCI_COMMAND_IO;
	u32 bar;
	int i;

	fn->wmask[PCI_COMMAND] |= PCI_COMMAND_IO;
	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		KUNIT_EXPECT_EQ(test, vpk_bars_restored(fn, both & ~bits[i]), 0);
		KUNIT_EXPECT_EQ(test, vpk_bars_restored(fn, both), 0);
		KUNIT_EXPECT_EQ(test, vpk_bars_restored(fn, both), 0);
		fn->cfg[PCI_COMMAND] &= ~bits[i];
		KUNIT_EXPECT_EQ(test, vpk_bars_restored(fn, both & ~bits[i]), 0);
		KUNIT_EXPECT_EQ(test, vpk_bars_restored(fn, both), 0);
		fn->cfg[PCI_COMMAND] &= ~bits[i];
		KUNIT_EXPECT_EQ(test, vpk_bars_restored(fn, both), 1);
	}

	/* Or if they are not what they were. */
	bar = vpk_cfg_read(fn->cfg, PCI_BASE_ADDRESS_0, 4);
	vpk_cfg_write(fn->cfg, PCI_BASE_ADDRESS_0, 4, 0);
	KUNIT_EXPECT_EQ(test, vpk_bars_restored(fn, 0), 1);
	KUNIT_EXPECT_EQ(test, vpk_cfg_read(fn->cfg, PCI_BASE_ADDRESS_0, 4), bar);
}

/* If PMCSR cannot be written, the device stays in D0 and nothing is revoked. */
static void fails_pmcsr_write(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);

	/* The first write has only the bits that the user may change. */
	vpk_fail_access(test, fn, VPK_PM_POS + PCI_PM_CTRL, true, 1, 1);
	vpk_power(fn, PCI_D3hot);
	KUNIT_EXPECT_FALSE(test, vpk_function_in_d3(fn));
	VPK_EXPECT_ORDER(test, fn->host, "zap revoke unrevoke");
	vpk_expect_refault(test, map);
}

/* If the capability that offers FLR cannot be read, there is no FLR or zap. */
static void fails_flr_cap_read(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);

	vpk_fail_access(test, fn, VPK_EXP_POS + PCI_EXP_DEVCAP, false, 0, 1);
	vpk_config_write(fn, VPK_EXP_POS + PCI_EXP_DEVCTL,
			 PCI_EXP_DEVCTL_BCR_FLR, 2);
	VPK_EXPECT_ORDER(test, fn->host, "");
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, 0));
}

/* While memory is disabled, neither a reset nor D0 unrevokes. */
static void unrevoke_needs_memory(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_used_map(test, fn);

	KUNIT_ASSERT_EQ(test, vpk_memory(fn, false), 0);
	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	VPK_EXPECT_ORDER(test, fn->host, "zap revoke flr");
	vpk_expect_refused(test, map);

	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_power(fn, PCI_D3hot), 0);
	KUNIT_EXPECT_EQ(test, vpk_power(fn, PCI_D0), 0);
	VPK_EXPECT_ORDER(test, fn->host, "zap revoke d3 d0");
	vpk_expect_refused(test, map);

	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_low_power(fn, true), 0);
	KUNIT_EXPECT_EQ(test, vpk_low_power(fn, false), 0);
	VPK_EXPECT_ORDER(test, fn->host, "zap revoke d3 d0");
	vpk_expect_refused(test, map);

	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
	VPK_EXPECT_ORDER(test, fn->host, "mem-on unrevoke");
	vpk_expect_refault(test, map);
}

/*
 * Review finding 2: a reader during the D3hot to D0 part of VFIO_DEVICE_RESET.
 * The faulty code went to D0 before it took memory_lock and zapped.
 */
static void finding_reader_in_d0(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);

	vpk_reader_in_d0_check(test, vpk_used_map(test, fn));
}

static struct kunit_case vpk_paths_cases[] = {
	KUNIT_CASE(path_memory_disable),
	KUNIT_CASE(path_d3hot),
	KUNIT_CASE(path_d3hot_soft_reset),
	KUNIT_CASE(path_flr),
	KUNIT_CASE(path_af_flr),
	KUNIT_CASE(path_runtime_pm_entry),
	KUNIT_CASE(path_runtime_pm_exit),
	KUNIT_CASE(path_device_reset),
	KUNIT_CASE(path_device_reset_d3hot),
	KUNIT_CASE(path_hot_reset_slot),
	KUNIT_CASE(path_hot_reset_slot_d3hot),
	KUNIT_CASE(path_close),
	KUNIT_CASE(path_close_d3hot),
	KUNIT_CASE(fails_reset_refused),
	KUNIT_CASE(fails_reset_impossible),
	KUNIT_CASE(fails_hot_reset_trylock),
	KUNIT_CASE(fails_hot_reset_not_owned),
	KUNIT_CASE(fails_command_read),
	KUNIT_CASE(fails_command_write),
	KUNIT_CASE(config_default_write),
	KUNIT_CASE(command_for_vectors),
	KUNIT_CASE(command_sizes),
	KUNIT_CASE(command_restores),
	KUNIT_CASE(fails_pmcsr_write),
	KUNIT_CASE(fails_flr_cap_read),
	KUNIT_CASE(unrevoke_needs_memory),
	KUNIT_CASE(finding_reader_in_d0),
	{}
};

static struct kunit_suite vpk_paths_suite = {
	.name = "vfio-pci-core-paths",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_paths_cases,
};

kunit_test_suite(vpk_paths_suite);
