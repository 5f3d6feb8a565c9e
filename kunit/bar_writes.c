// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ioeventfds write to a BAR, on architectures whose window is not
 * emulated: the BAR's kernel mapping is memory while an ioeventfd is made,
 * which keeps the address. On UML the window itself sees it, see arch_um.c.
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
