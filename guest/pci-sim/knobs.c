// SPDX-License-Identifier: GPL-2.0-only
/*
 * The knobs of a function: files of /sys/kernel/debug/pci-sim/ADDRESS/.
 *
 * fail_where, fail_write, fail_skip, fail_times
 *	configuration accesses that fail: struct sim_fail. Write fail_times last.
 * d0_config_ms, d0_memory_ms, reset_config_ms, reset_memory_ms
 *	how slow it is after D3hot and after an FLR: struct sim_delays
 * gone
 *	1: the function vanishes, 0: it comes back
 * no_soft_reset
 *	1: the function keeps its configuration in D3hot; for whoever binds it next
 * flrs, stray
 *	counters of struct sim_function
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/debugfs.h>

#include "pci_sim.h"

static int sim_gone_get(void *data, u64 *val)
{
	struct sim_function *fn = data;

	*val = READ_ONCE(fn->gone);
	return 0;
}

static int sim_gone_set(void *data, u64 val)
{
	sim_function_set_gone(data, val);
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(sim_gone_fops, sim_gone_get, sim_gone_set, "%llu\n");

static int sim_no_soft_reset_get(void *data, u64 *val)
{
	*val = sim_function_no_soft_reset(data);
	return 0;
}

static int sim_no_soft_reset_set(void *data, u64 val)
{
	sim_function_set_no_soft_reset(data, val);
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(sim_no_soft_reset_fops, sim_no_soft_reset_get,
			 sim_no_soft_reset_set, "%llu\n");

/**
 * sim_knobs_add() - make the files of a function
 * @fn: the function
 * @name: its address
 * @parent: the folder of all of them, which is removed with what is in it
 */
void sim_knobs_add(struct sim_function *fn, const char *name, struct dentry *parent)
{
	struct dentry *dir = debugfs_create_dir(name, parent);

	debugfs_create_u32("fail_where", 0600, dir, &fn->fail.where);
	debugfs_create_u32("fail_write", 0600, dir, &fn->fail.write);
	debugfs_create_u32("fail_skip", 0600, dir, &fn->fail.skip);
	debugfs_create_u32("fail_times", 0600, dir, &fn->fail.times);
	debugfs_create_u32("d0_config_ms", 0600, dir, &fn->after_d0.config_ms);
	debugfs_create_u32("d0_memory_ms", 0600, dir, &fn->after_d0.memory_ms);
	debugfs_create_u32("reset_config_ms", 0600, dir,
			   &fn->after_reset.config_ms);
	debugfs_create_u32("reset_memory_ms", 0600, dir,
			   &fn->after_reset.memory_ms);
	debugfs_create_u32("flrs", 0400, dir, &fn->flrs);
	debugfs_create_u32("stray", 0400, dir, &fn->stray);
	debugfs_create_file_unsafe("gone", 0600, dir, fn, &sim_gone_fops);
	debugfs_create_file_unsafe("no_soft_reset", 0600, dir, fn,
				   &sim_no_soft_reset_fops);
}
