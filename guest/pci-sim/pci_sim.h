/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PCI function in software whose BARs are memory that user space can map.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#ifndef PCI_SIM_H
#define PCI_SIM_H

#include <linux/ktime.h>
#include <linux/pci.h>
#include <linux/spinlock.h>
#include <linux/timer.h>

/**
 * struct sim_config - what all functions are like, by the module's parameters
 * @vendor: Vendor ID
 * @device: Device ID
 * @bar_size: size of each BAR in bytes, 0 where there is none
 * @base: physical address of the memory for BARs
 * @size: its size in bytes
 * @mem: where the module reaches it
 */
struct sim_config {
	unsigned short vendor;
	unsigned short device;
	unsigned long bar_size[PCI_STD_NUM_BARS];
	unsigned long long base;
	unsigned long long size;
	void *mem;
};

/**
 * struct sim_bar - the memory of a BAR
 * @mem: where it is, NULL while the function does not decode the BAR
 * @kept: what is in it meanwhile
 * @size: in bytes
 */
struct sim_bar {
	u64 *mem;
	u64 *kept;
	size_t size;
};

/**
 * struct sim_fail - which configuration accesses fail
 * @where: those that touch this byte
 * @write: 1 for writes, 0 for reads
 * @skip: how many of them still succeed
 * @times: how many fail after that
 *
 * Knobs in debugfs, which count down.
 */
struct sim_fail {
	u32 where;
	u32 write;
	u32 skip;
	u32 times;
};

/**
 * struct sim_delays - how long a function needs after a transition
 * @config_ms: before it answers configuration accesses
 * @memory_ms: before it decodes its BARs
 *
 * Knobs in debugfs.
 */
struct sim_delays {
	u32 config_ms;
	u32 memory_ms;
};

/**
 * struct sim_function - a PCI function in software
 * @config: what it is like
 * @lock: protects all that follows but the knobs, and the contents of the BARs;
 *	configuration accesses come with interrupts off
 * @cfg: configuration space
 * @wmask: the bits of it that can be written
 * @reset_cfg: what it is after a reset
 * @bar: the BARs
 * @gone: nothing answers, as if the function had been pulled out
 * @config_at: when it answers configuration accesses again
 * @memory_at: when it decodes its BARs again
 * @timer: shows the BARs at that time
 * @fail: knob
 * @after_d0: knob: delays after the transition from D3hot to D0
 * @after_reset: knob: delays after an FLR
 * @flrs: counts FLRs
 * @stray: counts words that somebody has written to a BAR that was not decoded
 */
struct sim_function {
	const struct sim_config *config;
	raw_spinlock_t lock;	/* see above */
	u8 cfg[PCI_CFG_SPACE_SIZE];
	u8 wmask[PCI_CFG_SPACE_SIZE];
	u8 reset_cfg[PCI_CFG_SPACE_SIZE];
	struct sim_bar bar[PCI_STD_NUM_BARS];
	bool gone;
	ktime_t config_at;
	ktime_t memory_at;
	struct timer_list timer;
	struct sim_fail fail;
	struct sim_delays after_d0;
	struct sim_delays after_reset;
	u32 flrs;
	u32 stray;
};

/* function.c */
int sim_function_init(struct sim_function *fn, const struct sim_config *config);
int sim_function_access(struct sim_function *fn, int where, int size, bool write,
			u32 *val);
void sim_function_set_gone(struct sim_function *fn, bool gone);
void sim_function_set_no_soft_reset(struct sim_function *fn, bool keeps);
bool sim_function_no_soft_reset(struct sim_function *fn);
u64 sim_function_address(const struct sim_function *fn, unsigned int bar);

/* memory.c */
int sim_memory_map(struct sim_config *config);
void sim_memory_unmap(struct sim_config *config);
int sim_memory_init(struct sim_function *fn);
void sim_memory_free(struct sim_function *fn);
void sim_memory_update(struct sim_function *fn);

/* knobs.c */
void sim_knobs_add(struct sim_function *fn, const char *name, struct dentry *parent);

#endif /* PCI_SIM_H */
