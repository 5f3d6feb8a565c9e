// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel writes to a BAR, on architectures whose window is not
 * emulated: the BAR's kernel mapping is memory for as long as it is watched.
 * On UML the window itself sees it, see arch_um.c.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/io.h>

#include "vfio_pci_kunit.h"

struct vpk_bar_memory {
	struct vpk_function *fn;
	unsigned int bar;
	void __iomem *was;
};

static void vpk_bar_unwatch(void *data)
{
	struct vpk_bar_memory *memory = data;

	memory->fn->vdev->barmap[memory->bar] = memory->was;
}

/* See arch_um.c */
void vpk_bar_watch(struct kunit *test, struct vpk_function *fn,
		   unsigned int bar)
{
	struct vpk_bar_memory *memory;
	void *bytes;

	memory = kunit_kzalloc(test, sizeof(*memory), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, memory);
	bytes = kunit_kzalloc(test, pci_resource_len(fn->pdev, bar),
			      GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bytes);
	memory->fn = fn;
	memory->bar = bar;
	memory->was = fn->vdev->barmap[bar];
	fn->vdev->barmap[bar] = (void __iomem *)bytes;
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vpk_bar_unwatch,
							memory), 0);
}

/* See arch_um.c */
bool vpk_bar_written(struct vpk_function *fn, unsigned int bar, u64 off,
		     u32 val)
{
	void __iomem *at = fn->vdev->barmap[bar] + off;
	bool written = readl(at) == val;

	writel(0, at);
	return written;
}
