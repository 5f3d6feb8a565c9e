// SPDX-License-Identifier: GPL-2.0-only
/*
 * UML: the window is an emulated I/O region.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/logic_iomem.h>
#include <linux/printk.h>
#include <linux/sizes.h>
#include <linux/syscalls.h>

#include "vfio_pci_kunit.h"

/* Out of the way of UML's own window below 4 GiB. */
#define VPK_WINDOW	0x800000000ULL

/**
 * struct vpk_ram - a BAR that is memory, see vpk_bar_ram()
 * @start: where the BAR is
 * @len: size of the BAR
 * @memory: what it is, NULL for an entry that is free
 */
struct vpk_ram {
	unsigned long start;
	unsigned long len;
	u8 *memory;
};

static struct vpk_ram vpk_rams[VPK_MAX_FUNCTIONS];

static u8 *vpk_ram_at(unsigned long addr)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(vpk_rams); i++) {
		if (vpk_rams[i].memory && addr >= vpk_rams[i].start &&
		    addr - vpk_rams[i].start < vpk_rams[i].len)
			return vpk_rams[i].memory + addr - vpk_rams[i].start;
	}
	return NULL;
}

static unsigned long vpk_iomem_read(void *priv, unsigned int offset, int size)
{
	u8 *at = vpk_ram_at((unsigned long)priv + offset);
	unsigned long val = 0;

	if (at)
		memcpy(&val, at, size);
	return val;
}

/* What was written last: it is all that a test wants to know. */
static u64 vpk_last_addr;
static u32 vpk_last_val;

static void vpk_iomem_write(void *priv, unsigned int offset, int size,
			    unsigned long val)
{
	u8 *at = vpk_ram_at((unsigned long)priv + offset);

	if (at)
		memcpy(at, &val, size);
	WRITE_ONCE(vpk_last_val, val);
	/* Pairs with the load in vpk_bar_written() */
	smp_store_release(&vpk_last_addr, (unsigned long)priv + offset);
}

static const struct logic_iomem_ops vpk_iomem_ops = {
	.read = vpk_iomem_read,
	.write = vpk_iomem_write,
};

static long vpk_iomem_map(unsigned long offset, size_t size,
			  const struct logic_iomem_ops **ops, void **priv)
{
	*ops = &vpk_iomem_ops;
	*priv = (void *)(VPK_WINDOW + offset);
	/* One area of UML's I/O memory is all that a mapping can have. */
	return size <= SZ_16M ? 0 : -ENOSPC;
}

static const struct logic_iomem_region_ops vpk_iomem_region_ops = {
	.map = vpk_iomem_map,
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
	window->end = VPK_WINDOW + SZ_1G - 1;
	return logic_iomem_add_region(window, &vpk_iomem_region_ops);
}

/**
 * vpk_arch_sysdata() - what the architecture wants in pci_host_bridge.sysdata
 *
 * Return: nothing, on UML.
 */
void *vpk_arch_sysdata(void)
{
	return NULL;
}

/**
 * vpk_arch_quiet() - keep the PCI core's messages off a slow console
 * @on: from here on, or no more
 *
 * UML drops console output that its reader does not take in time, results of
 * tests included, and a bus that comes and goes for each test makes far more
 * of it than the results. On the other architectures all of it is shown.
 */
void vpk_arch_quiet(bool on)
{
	suppress_printk = on;
}

/**
 * vpk_bar_watch() - see what ioeventfds write to a BAR
 * @test: the test
 * @fn: the function, open
 * @bar: the BAR
 *
 * Those that are made until vpk_bar_watched(), for as long as they are there.
 *
 * Context: the test's thread. One BAR at a time.
 */
void vpk_bar_watch(struct kunit *test, struct vpk_function *fn,
		   unsigned int bar)
{
	WRITE_ONCE(vpk_last_addr, 0);
}

/**
 * vpk_bar_watched() - all ioeventfds are made whose writes are to be seen
 * @fn: the function, still open
 * @bar: the BAR, after vpk_bar_watch()
 *
 * Context: the test's thread.
 */
void vpk_bar_watched(struct vpk_function *fn, unsigned int bar)
{
}

/**
 * vpk_bar_written() - was this the last that an ioeventfd has written to a BAR
 * @fn: the function
 * @bar: the BAR, after vpk_bar_watched()
 * @off: offset in the BAR
 * @val: the value
 *
 * Asking forgets it.
 *
 * Context: any.
 * Return: true if it was.
 */
bool vpk_bar_written(struct vpk_function *fn, unsigned int bar, u64 off,
		     u32 val)
{
	/* Pairs with the store in vpk_iomem_write() */
	u64 addr = smp_load_acquire(&vpk_last_addr);

	WRITE_ONCE(vpk_last_addr, 0);
	return addr == pci_resource_start(fn->pdev, bar) + off &&
	       READ_ONCE(vpk_last_val) == val;
}

static void vpk_bar_ram_end(void *data)
{
	struct vpk_ram *ram = data;

	ram->memory = NULL;
}

/**
 * vpk_bar_ram() - have memory behind a BAR
 * @test: the test
 * @fn: the function, open
 * @bar: the BAR
 *
 * For a driver that accesses the device itself: it reads and writes the memory,
 * and so does user space by read() and write(). User mappings do not.
 *
 * Context: the test's thread, once for each BAR. The device must stay open for
 * the rest of the test: on other architectures than UML, the memory takes the
 * place of the kernel's mapping of the BAR, which close() removes.
 * Return: the memory, zeroed, as long as the BAR.
 */
u8 *vpk_bar_ram(struct kunit *test, struct vpk_function *fn, unsigned int bar)
{
	struct vpk_ram *ram = vpk_rams;
	u8 *memory;

	while (ram < vpk_rams + ARRAY_SIZE(vpk_rams) && ram->memory)
		ram++;
	KUNIT_ASSERT_TRUE(test, ram < vpk_rams + ARRAY_SIZE(vpk_rams));
	ram->start = pci_resource_start(fn->pdev, bar);
	ram->len = pci_resource_len(fn->pdev, bar);
	memory = kunit_kzalloc(test, ram->len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, memory);
	ram->memory = memory;
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vpk_bar_ram_end,
							ram), 0);
	return memory;
}

/**
 * vpk_arch_eventfd() - the system call eventfd2()
 *
 * Return: a file descriptor or -errno.
 */
int vpk_arch_eventfd(void)
{
	return sys_eventfd2(0, O_CLOEXEC);
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
	return sys_mremap(addr, len, len, flags, new_addr);
}
