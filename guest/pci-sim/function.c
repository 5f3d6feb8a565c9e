// SPDX-License-Identifier: GPL-2.0-only
/*
 * The function's configuration space: a conventional PCI function with power
 * management and with FLR by its AF capability.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/cleanup.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/unaligned.h>

#include "pci_sim.h"

#define SIM_PM		0x40
#define SIM_AF		0x50

static u32 sim_get(const u8 *cfg, int where, int size)
{
	u32 val = 0;
	int i;

	for (i = 0; i < size; i++)
		val |= (u32)cfg[where + i] << (8 * i);
	return val;
}

static void sim_put(u8 *cfg, int where, int size, u32 val)
{
	int i;

	for (i = 0; i < size; i++)
		cfg[where + i] = val >> (8 * i);
}

/* Put a capability into the list, in front of those that are there. */
static u8 *sim_add_cap(struct sim_function *fn, u8 pos, u8 id)
{
	u8 *cap = fn->cfg + pos;

	cap[PCI_CAP_LIST_ID] = id;
	cap[PCI_CAP_LIST_NEXT] = fn->cfg[PCI_CAPABILITY_LIST];
	fn->cfg[PCI_CAPABILITY_LIST] = pos;
	put_unaligned_le16(PCI_STATUS_CAP_LIST, fn->cfg + PCI_STATUS);
	return cap;
}

/* PCI Bus Power Management Interface 1.2, 3.2: all states, no PME. */
static void sim_add_pm(struct sim_function *fn)
{
	u8 *cap = sim_add_cap(fn, SIM_PM, PCI_CAP_ID_PM);

	put_unaligned_le16(3 | PCI_PM_CAP_D1 | PCI_PM_CAP_D2, cap + PCI_PM_PMC);
	put_unaligned_le16(PCI_PM_CTRL_STATE_MASK,
			   fn->wmask + SIM_PM + PCI_PM_CTRL);
}

/*
 * Advanced Capabilities for Conventional PCI ECN (2006): FLR, and Transactions
 * Pending, which an FLR without DMA never sets. Initiate FLR always reads as 0.
 */
static void sim_add_af(struct sim_function *fn)
{
	u8 *cap = sim_add_cap(fn, SIM_AF, PCI_CAP_ID_AF);

	cap[PCI_AF_LENGTH] = PCI_CAP_AF_SIZEOF;
	cap[PCI_AF_CAP] = PCI_AF_CAP_TP | PCI_AF_CAP_FLR;
}

/*
 * BAR2 and BAR4 are 64 bits wide and prefetchable where the next one is free,
 * like the memory of QEMU's ivshmem-plain. All others are 32 bits wide.
 */
static int sim_add_bar(struct sim_function *fn, unsigned int bar)
{
	unsigned long size = fn->config->bar_size[bar];
	u32 pos = PCI_BASE_ADDRESS_0 + 4 * bar;

	if (!size)
		return 0;
	if (!is_power_of_2(size) || size < PAGE_SIZE || size > U32_MAX)
		return -EINVAL;
	put_unaligned_le32(~(size - 1), fn->wmask + pos);
	if (bar != 2 && bar != 4)
		return 0;
	if (fn->config->bar_size[bar + 1])
		return 0;
	put_unaligned_le32(PCI_BASE_ADDRESS_MEM_TYPE_64 |
			   PCI_BASE_ADDRESS_MEM_PREFETCH, fn->cfg + pos);
	put_unaligned_le32(U32_MAX, fn->wmask + pos + 4);
	return 0;
}

static void sim_function_timer(struct timer_list *timer)
{
	struct sim_function *fn = container_of(timer, struct sim_function, timer);

	guard(raw_spinlock_irqsave)(&fn->lock);
	sim_memory_update(fn);
}

/**
 * sim_function_init() - make a function, as it is after a reset
 * @fn: zeroed memory
 * @config: what it is like; must stay valid
 *
 * Context: may sleep.
 * Return: 0, -EINVAL for a size that no BAR can have, or -ENOMEM;
 * sim_memory_free() is needed in any case.
 */
int sim_function_init(struct sim_function *fn, const struct sim_config *config)
{
	unsigned int bar;
	int ret;

	fn->config = config;
	raw_spin_lock_init(&fn->lock);
	timer_setup(&fn->timer, sim_function_timer, 0);

	put_unaligned_le16(config->vendor, fn->cfg + PCI_VENDOR_ID);
	put_unaligned_le16(config->device, fn->cfg + PCI_DEVICE_ID);
	put_unaligned_le16(PCI_CLASS_MEMORY_RAM, fn->cfg + PCI_CLASS_DEVICE);
	put_unaligned_le16(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
			   PCI_COMMAND_PARITY | PCI_COMMAND_SERR |
			   PCI_COMMAND_INTX_DISABLE, fn->wmask + PCI_COMMAND);
	fn->wmask[PCI_INTERRUPT_LINE] = 0xff;
	fn->wmask[PCI_CACHE_LINE_SIZE] = 0xff;
	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		ret = sim_add_bar(fn, bar);
		if (ret)
			return ret;
	}
	sim_add_af(fn);
	sim_add_pm(fn);
	memcpy(fn->reset_cfg, fn->cfg, sizeof(fn->cfg));
	return sim_memory_init(fn);
}

static unsigned int sim_power(const struct sim_function *fn)
{
	return fn->cfg[SIM_PM + PCI_PM_CTRL] & PCI_PM_CTRL_STATE_MASK;
}

/**
 * sim_function_address() - at which address a function decodes a BAR
 * @fn: the function
 * @bar: the BAR
 *
 * For that, Memory Space Enable is set and the function is in D0: in D1, D2 and
 * D3hot it answers nothing but configuration accesses (PCI Bus Power Management
 * Interface 1.2, 5.4).
 *
 * Context: @fn->lock is held.
 * Return: the address; 0, where no BAR can be, if the function decodes none.
 */
u64 sim_function_address(const struct sim_function *fn, unsigned int bar)
{
	const u8 *reg = fn->cfg + PCI_BASE_ADDRESS_0 + 4 * bar;
	u64 address = get_unaligned_le32(reg) & (u32)PCI_BASE_ADDRESS_MEM_MASK;

	lockdep_assert_held(&fn->lock);
	if (*reg & PCI_BASE_ADDRESS_MEM_TYPE_64)
		address |= (u64)get_unaligned_le32(reg + 4) << 32;
	if (fn->gone || ktime_before(ktime_get(), fn->memory_at))
		return 0;
	if (!(fn->cfg[PCI_COMMAND] & PCI_COMMAND_MEMORY) || sim_power(fn))
		return 0;
	return address;
}

/* The contents of the BARs stay, as if they were the memory of a board. */
static void sim_reset(struct sim_function *fn)
{
	memcpy(fn->cfg, fn->reset_cfg, sizeof(fn->cfg));
}

/* The function needs some time. */
static void sim_delay(struct sim_function *fn, const struct sim_delays *delays)
{
	unsigned int config_ms = READ_ONCE(delays->config_ms);
	unsigned int memory_ms = READ_ONCE(delays->memory_ms);
	ktime_t now = ktime_get();

	fn->config_at = ktime_add_ms(now, config_ms);
	fn->memory_at = ktime_add_ms(now, max(config_ms, memory_ms));
	/* A configuration access does it as well, see sim_function_access(). */
	mod_timer(&fn->timer,
		  jiffies + msecs_to_jiffies(max(config_ms, memory_ms)) + 1);
}

/* PCI Bus Power Management Interface 1.2, 5.6: from D3hot only to D0. */
static void sim_power_effects(struct sim_function *fn, unsigned int was)
{
	u8 *pmcsr = fn->cfg + SIM_PM + PCI_PM_CTRL;

	if (was != 3 || sim_power(fn) == 3)
		return;
	if (sim_power(fn)) {
		*pmcsr |= PCI_PM_CTRL_STATE_MASK;
		return;
	}
	/* 5.4.1: to D0 Uninitialized, but for No_Soft_Reset. */
	if (!(*pmcsr & PCI_PM_CTRL_NO_SOFT_RESET))
		sim_reset(fn);
	sim_delay(fn, &fn->after_d0);
}

static void sim_af_effects(struct sim_function *fn, int where, int size, u32 val)
{
	int at = SIM_AF + PCI_AF_CTRL - where;

	if (at < 0 || at >= size || !(val >> (8 * at) & PCI_AF_CTRL_FLR))
		return;
	fn->flrs++;
	sim_reset(fn);
	sim_delay(fn, &fn->after_reset);
}

/* Count down the knobs: does this access fail? */
static bool sim_fails(struct sim_fail *fail, int where, int size, bool write)
{
	if (!READ_ONCE(fail->times) || !!READ_ONCE(fail->write) != write)
		return false;
	if (READ_ONCE(fail->where) < where || READ_ONCE(fail->where) >= where + size)
		return false;
	if (fail->skip) {
		fail->skip--;
		return false;
	}
	fail->times--;
	return true;
}

/**
 * sim_function_access() - one access to a function's configuration space
 * @fn: the function
 * @where: offset
 * @size: 1, 2 or 4
 * @write: false for a read
 * @val: what to write, or where what was read goes; all-ones before a read
 *
 * Where nobody answers, the host reads all-ones (PCI Local Bus 3.0, 6.1) and
 * writes are lost. That is so of a function that is gone, and of one that is not
 * ready.
 *
 * Context: any, also with interrupts off.
 * Return: PCIBIOS_SUCCESSFUL, or PCIBIOS_SET_FAILED if the knobs say so.
 */
int sim_function_access(struct sim_function *fn, int where, int size, bool write,
			u32 *val)
{
	unsigned int was_power;
	u32 mask, old;

	guard(raw_spinlock_irqsave)(&fn->lock);
	if (sim_fails(&fn->fail, where, size, write))
		return PCIBIOS_SET_FAILED;
	if (fn->gone || ktime_before(ktime_get(), fn->config_at))
		return PCIBIOS_SUCCESSFUL;

	/* Whoever waits for the function, and asks it, waits for its memory too. */
	sim_memory_update(fn);
	old = sim_get(fn->cfg, where, size);
	if (!write) {
		*val = old;
		return PCIBIOS_SUCCESSFUL;
	}

	mask = sim_get(fn->wmask, where, size);
	was_power = sim_power(fn);
	sim_put(fn->cfg, where, size, (old & ~mask) | (*val & mask));
	sim_power_effects(fn, was_power);
	sim_af_effects(fn, where, size, *val);
	sim_memory_update(fn);
	return PCIBIOS_SUCCESSFUL;
}

/**
 * sim_function_set_gone() - pull a function out, or put it back
 * @fn: the function
 * @gone: pull it out
 *
 * Comes back as after power-on, with the contents of its BARs. Nothing tells
 * the PCI core of either.
 *
 * Context: any.
 */
void sim_function_set_gone(struct sim_function *fn, bool gone)
{
	guard(raw_spinlock_irqsave)(&fn->lock);
	if (fn->gone && !gone)
		sim_reset(fn);
	fn->gone = gone;
	sim_memory_update(fn);
}

/**
 * sim_function_set_no_soft_reset() - say if D3hot keeps the configuration
 * @fn: the function
 * @keeps: it does
 *
 * Context: any. VFIO reads the bit when it binds the function.
 */
void sim_function_set_no_soft_reset(struct sim_function *fn, bool keeps)
{
	u8 *pmcsr = fn->cfg + SIM_PM + PCI_PM_CTRL;

	guard(raw_spinlock_irqsave)(&fn->lock);
	*pmcsr &= ~PCI_PM_CTRL_NO_SOFT_RESET;
	if (keeps)
		*pmcsr |= PCI_PM_CTRL_NO_SOFT_RESET;
	fn->reset_cfg[SIM_PM + PCI_PM_CTRL] = *pmcsr & PCI_PM_CTRL_NO_SOFT_RESET;
}

/**
 * sim_function_no_soft_reset() - does D3hot keep the configuration
 * @fn: the function
 *
 * Context: any.
 * Return: true if it does.
 */
bool sim_function_no_soft_reset(struct sim_function *fn)
{
	guard(raw_spinlock_irqsave)(&fn->lock);
	return fn->reset_cfg[SIM_PM + PCI_PM_CTRL] & PCI_PM_CTRL_NO_SOFT_RESET;
}
