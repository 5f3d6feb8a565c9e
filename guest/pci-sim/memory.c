// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory behind the BARs. While the function does not decode a BAR, its
 * memory holds all-ones, which is what a host reads where nothing answers; what
 * belongs there is kept elsewhere meanwhile. Whoever has a mapping that should
 * have been taken away reads all-ones, and what he writes is counted.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "pci_sim.h"

/**
 * sim_memory_map() - let the module reach the memory for BARs
 * @config: where it is
 *
 * Not by ioremap(): on x86 that would reserve a memory type for the range, and it
 * is the VFIO driver that decides on it. Uncached, since one page is not to have
 * cached and uncached mappings.
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM; with sim_memory_unmap() it is undone.
 */
int sim_memory_map(struct sim_config *config)
{
	unsigned int n = config->size / PAGE_SIZE, i;
	struct page **pages;

	pages = kvmalloc_array(n, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		pages[i] = pfn_to_page(PHYS_PFN(config->base) + i);
	config->mem = vmap(pages, n, VM_MAP, pgprot_noncached(PAGE_KERNEL));
	kvfree(pages);
	if (!config->mem)
		return -ENOMEM;
	memset(config->mem, 0xff, config->size);
	return 0;
}

/**
 * sim_memory_unmap() - undo sim_memory_map()
 * @config: where the memory is
 *
 * Context: may sleep; no function is left.
 */
void sim_memory_unmap(struct sim_config *config)
{
	vunmap(config->mem);
}

/**
 * sim_memory_init() - prepare the BARs of a function; they hold zeroes
 * @fn: the function
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM; sim_memory_free() is needed in any case.
 */
int sim_memory_init(struct sim_function *fn)
{
	unsigned int i;

	for (i = 0; i < PCI_STD_NUM_BARS; i++) {
		struct sim_bar *bar = &fn->bar[i];

		bar->size = fn->config->bar_size[i];
		if (!bar->size)
			continue;
		bar->kept = vzalloc(bar->size);
		if (!bar->kept)
			return -ENOMEM;
	}
	return 0;
}

/**
 * sim_memory_free() - undo sim_memory_init()
 * @fn: the function, which nobody uses any more
 *
 * Context: may sleep.
 */
void sim_memory_free(struct sim_function *fn)
{
	unsigned int i;

	for (i = 0; i < PCI_STD_NUM_BARS; i++)
		vfree(fn->bar[i].kept);
}

static void sim_show(struct sim_function *fn, struct sim_bar *bar)
{
	size_t i;

	for (i = 0; i < bar->size / sizeof(*bar->mem); i++) {
		if (bar->mem[i] != U64_MAX)
			fn->stray++;
	}
	memcpy(bar->mem, bar->kept, bar->size);
}

static void sim_hide(struct sim_bar *bar)
{
	memcpy(bar->kept, bar->mem, bar->size);
	memset(bar->mem, 0xff, bar->size);
}

/* Where a BAR is, NULL if nowhere, or where there is no memory. */
static u64 *sim_place(const struct sim_function *fn, unsigned int nr)
{
	const struct sim_config *config = fn->config;
	u64 address = sim_function_address(fn, nr);

	if (address < config->base ||
	    address - config->base > config->size - fn->bar[nr].size)
		return NULL;
	return config->mem + (address - config->base);
}

/**
 * sim_memory_update() - show the BARs that the function decodes, hide the others
 * @fn: the function
 *
 * Context: @fn->lock is held.
 */
void sim_memory_update(struct sim_function *fn)
{
	unsigned int i;

	lockdep_assert_held(&fn->lock);
	for (i = 0; i < PCI_STD_NUM_BARS; i++) {
		struct sim_bar *bar = &fn->bar[i];
		u64 *place;

		if (!bar->size)
			continue;
		place = sim_place(fn, i);
		if (place == bar->mem)
			continue;
		if (bar->mem)
			sim_hide(bar);
		bar->mem = place;
		if (bar->mem)
			sim_show(fn, bar);
	}
}
