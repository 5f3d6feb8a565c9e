// SPDX-License-Identifier: GPL-2.0-only
/*
 * arm64, and any architecture without a wish of its own.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/ioport.h>
#include <linux/sizes.h>

#include "vfio_pci_kunit.h"

/*
 * Nothing is behind the window, and some tests read a BAR through the kernel's
 * own mapping of it. On arm64 an access that nothing answers is an external
 * abort, which the kernel does not survive. QEMU's "virt" board, which kunit.py
 * uses, has from 512 GiB to 1 TiB the window of its PCIe host bridge: there an
 * access that no device takes is answered as on a PCI bus, with all ones. These
 * are the last 64 GiB of it, far from what QEMU's own devices would be given. The
 * configuration has no driver for that bridge, which would claim the window.
 */
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

/**
 * vpk_arch_eventfd() - the system call eventfd2()
 *
 * Return: -EOPNOTSUPP, how to make it differs from one architecture to the next.
 */
int vpk_arch_eventfd(void)
{
	return -EOPNOTSUPP;
}

/**
 * vpk_arch_mremap() - the system call mremap(), to move
 * @addr: what is moved
 * @len: its length
 * @flags: MREMAP_*
 * @new_addr: where it goes
 *
 * Context: a thread with an address space.
 * Return: -EOPNOTSUPP, as vpk_arch_eventfd().
 */
long vpk_arch_mremap(unsigned long addr, unsigned long len, unsigned long flags,
		     unsigned long new_addr)
{
	return -EOPNOTSUPP;
}
