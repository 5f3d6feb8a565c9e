// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory behind the BARs. While the function does not decode a BAR, its
 * memory holds all-ones, which is what a host reads where nothing answers; what
 * belongs there is kept elsewhere meanwhile. Whoever has a mapping that should
 * have been taken away reads all-ones, and what he writes is counted.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/cleanup.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "pci_sim.h"

/*
 * Not by ioremap(): on x86 that would reserve a memory type for the range, and it
 * is the VFIO driver that decides on it. Uncached, since one page is not to have
 * cached and uncached mappings.
 */
static void *sim_map(u64 address, size_t size)
{
	unsigned int n = size / PAGE_SIZE, i;
	struct page **pages;
	void *mem;

	pages = kvmalloc_array(n, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return NULL;
	for (i = 0; i < n; i++)
		pages[i] = pfn_to_page(PHYS_PFN(address) + i);
	mem = vmap(pages, n, VM_MAP, pgprot_noncached(PAGE_KERNEL));
	kvfree(pages);
	return mem;
}

static int sim_bar_map(struct sim_function *fn, unsigned int nr)
{
	size_t size = fn->config->bar_size[nr];
	struct sim_bar *bar = &fn->bar[nr];

	if (!size)
		return 0;
	if (!pci_resource_start(fn->pdev, nr))
		return -ENOSPC;
	bar->size = size;
	bar->address = pci_resource_start(fn->pdev, nr);
	bar->kept = vzalloc(size);
	if (!bar->kept)
		return -ENOMEM;
	bar->mem = sim_map(bar->address, size);
	if (!bar->mem)
		return -ENOMEM;
	memset(bar->mem, 0xff, size);
	return 0;
}

/**
 * sim_memory_map() - take the memory of the BARs where the PCI core has put it
 * @fn: the function, with its pdev; configuration accesses find no BAR yet
 *
 * The memory is all zeroes then.
 *
 * Context: may sleep.
 * Return: 0, -ENOSPC if a BAR has no place, or -ENOMEM; sim_memory_unmap() is
 * needed in any case.
 */
int sim_memory_map(struct sim_function *fn)
{
	unsigned int i;
	int ret;

	for (i = 0; i < PCI_STD_NUM_BARS; i++) {
		ret = sim_bar_map(fn, i);
		if (ret)
			return ret;
	}
	guard(raw_spinlock_irqsave)(&fn->lock);
	fn->mapped = true;
	sim_memory_update(fn);
	return 0;
}

/**
 * sim_memory_unmap() - undo sim_memory_map()
 * @fn: the function
 *
 * Context: may sleep; nobody else uses the function.
 */
void sim_memory_unmap(struct sim_function *fn)
{
	unsigned int i;

	for (i = 0; i < PCI_STD_NUM_BARS; i++) {
		vunmap(fn->bar[i].mem);
		vfree(fn->bar[i].kept);
	}
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
	if (!fn->mapped)
		return;
	for (i = 0; i < PCI_STD_NUM_BARS; i++) {
		struct sim_bar *bar = &fn->bar[i];
		bool decodes;

		if (!bar->mem)
			continue;
		decodes = sim_function_decodes(fn, i);
		if (decodes && !bar->shown)
			sim_show(fn, bar);
		else if (!decodes && bar->shown)
			sim_hide(bar);
		bar->shown = decodes;
	}
}
