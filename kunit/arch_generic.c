// SPDX-License-Identifier: GPL-2.0-only
/*
 * Architectures without a wish of their own, arm64 among them.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/ioport.h>
#include <linux/sizes.h>

#include "vfio_pci_kunit.h"

/* Above all memory, within 40 bits of physical address. */
#define VPK_WINDOW	0xf000000000ULL

/**
 * vpk_arch_window() - claim the memory window of the software host bridge
 * @window: to fill in
 *
 * Return: 0 or -errno.
 */
int vpk_arch_window(struct resource *window)
{
	window->start = VPK_WINDOW;
	window->end = VPK_WINDOW + SZ_2G + SZ_1G - 1;
	return request_resource(&iomem_resource, window);
}

/**
 * vpk_arch_sysdata() - what the architecture wants in pci_host_bridge.sysdata
 *
 * Return: nothing.
 */
void *vpk_arch_sysdata(void)
{
	return NULL;
}

/**
 * vpk_arch_quiet() - keep the PCI core's messages off a slow console
 * @on: from here on, or no more
 *
 * The console of this architecture keeps up.
 */
void vpk_arch_quiet(bool on)
{
}
