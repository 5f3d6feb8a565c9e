// SPDX-License-Identifier: GPL-2.0-only
/*
 * x86: a PCI domain of its own.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/fcntl.h>
#include <linux/ioport.h>
#include <linux/numa.h>
#include <linux/sizes.h>

#include <asm/syscall.h>
#include <asm/unistd.h>

#include "vfio_pci_kunit.h"

/* Above all memory, within 40 bits of physical address. */
#define VPK_WINDOW	0x8000000000ULL
#define VPK_DOMAIN	0x10000

static struct pci_sysdata vpk_sysdata = {
	.domain = VPK_DOMAIN,
	.node = NUMA_NO_NODE,
};

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
 * Return: a struct pci_sysdata.
 */
void *vpk_arch_sysdata(void)
{
	return &vpk_sysdata;
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
 * Return: a file descriptor or -errno.
 */
int vpk_arch_eventfd(void)
{
	const struct pt_regs regs = { .di = 0, .si = O_CLOEXEC };

	return sys_call_table[__NR_eventfd2](&regs);
}

/**
 * vpk_arch_mremap() - the system call mremap(), to move
 * @addr: what is moved
 * @len: its length
 * @flags: MREMAP_*
 * @new_addr: where it goes
 *
 * Context: a thread with an address space.
 * Return: the new address or -errno.
 */
long vpk_arch_mremap(unsigned long addr, unsigned long len, unsigned long flags,
		     unsigned long new_addr)
{
	const struct pt_regs regs = {
		.di = addr, .si = len, .dx = len, .r10 = flags, .r8 = new_addr,
	};

	return sys_call_table[__NR_mremap](&regs);
}
