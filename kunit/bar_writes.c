// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ioeventfds write to a BAR, and BARs that are memory, on architectures
 * whose window is not emulated: memory takes the place of the BAR's kernel
 * mapping. For an ioeventfd, which keeps the address, only while it is made. On
 * UML the window itself sees the accesses, see arch_um.c.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/io.h>

#include "vfio_pci_kunit.h"

/* The memory of the last vpk_bar_watch(), and what it stands for meanwhile. */
static void __iomem *vpk_bar_memory;
static void __iomem *vpk_bar_was;

/* See arch_um.c */
void vpk_bar_watch(struct kunit *test, struct vpk_function *fn,
		   unsigned int bar)
{
	void *memory;

	memory = kunit_kzalloc(test, pci_resource_len(fn->pdev, bar),
			       GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, memory);
	vpk_bar_memory = (__force void __iomem *)memory;
	vpk_bar_was = fn->vdev->barmap[bar];
	fn->vdev->barmap[bar] = vpk_bar_memory;
}

/* See arch_um.c */
void vpk_bar_watched(struct vpk_function *fn, unsigned int bar)
{
	fn->vdev->barmap[bar] = vpk_bar_was;
}

/* See arch_um.c */
bool vpk_bar_written(struct vpk_function *fn, unsigned int bar, u64 off,
		     u32 val)
{
	void __iomem *at = vpk_bar_memory + off;
	bool written = readl(at) == val;

	writel(0, at);
	return written;
}

/**
 * struct vpk_ram - a BAR that is memory
 * @fn: the function
 * @bar: the BAR
 * @was: the kernel's mapping of it
 */
struct vpk_ram {
	struct vpk_function *fn;
	unsigned int bar;
	void __iomem *was;
};

static void vpk_bar_ram_end(void *data)
{
	struct vpk_ram *ram = data;

	ram->fn->vdev->barmap[ram->bar] = ram->was;
}

/* See arch_um.c */
u8 *vpk_bar_ram(struct kunit *test, struct vpk_function *fn, unsigned int bar)
{
	struct vpk_ram *ram;
	u8 *memory;

	ram = kunit_kzalloc(test, sizeof(*ram), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ram);
	memory = kunit_kzalloc(test, pci_resource_len(fn->pdev, bar),
			       GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, memory);
	ram->fn = fn;
	ram->bar = bar;
	ram->was = fn->vdev->barmap[bar];
	fn->vdev->barmap[bar] = (__force void __iomem *)memory;
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vpk_bar_ram_end,
							ram), 0);
	return memory;
}
