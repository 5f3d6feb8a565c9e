// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory types: what a driver declares, and what page table entries have. In a
 * file of its own, so that the suites can be built with the patches that come
 * before (make bisect-check).
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/mm.h>

#include "vfio_pci_kunit.h"

/* The bits in which the three types of vm_page_prot differ, and what is in them */
struct vpk_memtypes {
	u64 mask;
	u64 nc;
	u64 wc;
	u64 cached;
};

static struct vpk_memtypes vpk_memtypes(void)
{
	pgprot_t prot = vm_get_page_prot(VM_READ | VM_WRITE | VM_SHARED);
	u64 nc = pgprot_val(pgprot_noncached(prot));
	u64 wc = pgprot_val(pgprot_writecombine(prot));
	u64 mask = (nc ^ wc) | (nc ^ pgprot_val(prot)) |
			   (wc ^ pgprot_val(prot));

	return (struct vpk_memtypes) {
		.mask = mask,
		.nc = nc & mask,
		.wc = wc & mask,
		.cached = pgprot_val(prot) & mask,
	};
}

/**
 * vpk_can_write_combine() - whether this machine has write-combining
 *
 * Return: false if it is the same as uncached, as on UML.
 */
bool vpk_can_write_combine(void)
{
	const struct vpk_memtypes types = vpk_memtypes();

	return types.wc != types.nc;
}

static int vpk_memattr_of(pgprot_t prot)
{
	const struct vpk_memtypes types = vpk_memtypes();
	u64 found = pgprot_val(prot) & types.mask;

	if (found == types.nc)
		return VFIO_DMA_BUF_MEMATTR_NC;
	if (found == types.wc)
		return VFIO_DMA_BUF_MEMATTR_WC;
	if (found == types.cached)
		return VPK_MEMATTR_CACHED;
	return -EPROTO;
}

/**
 * vpk_memattr() - the memory type of the page table entry of a page
 * @map: the mapping
 * @off: offset in it
 * @size: where the size of the entry goes, or NULL
 *
 * Context: may sleep; from any thread while the test runs.
 * Return: VFIO_DMA_BUF_MEMATTR_* or VPK_MEMATTR_CACHED; -EPROTO for another type;
 * -EFAULT when no VMA, -EINVAL when no entry is there.
 */
int vpk_memattr(struct vpk_map *map, unsigned long off, unsigned long *size)
{
	struct follow_pfnmap_args args = { .address = map->addr + off };
	int ret = -EFAULT;

	args.vma = vpk_vma_get(map, off);
	if (args.vma)
		ret = follow_pfnmap_start(&args);
	if (!ret) {
		if (size)
			*size = ~args.addr_mask + 1;
		ret = vpk_memattr_of(args.pgprot);
		follow_pfnmap_end(&args);
	}
	vpk_vma_put(map);
	return ret;
}

/**
 * vpk_vma_memattr() - the memory type of vm_page_prot
 * @map: the mapping
 *
 * On x86 a PTE gets the type that is reserved for its PFN. Other architectures
 * take it from here, and so do huge entries.
 *
 * Context: may sleep; from any thread while the test runs.
 * Return: VFIO_DMA_BUF_MEMATTR_* or VPK_MEMATTR_CACHED; -EPROTO for another type;
 * -EFAULT when no VMA is there.
 */
int vpk_vma_memattr(struct vpk_map *map)
{
	struct vm_area_struct *vma = vpk_vma_get(map, 0);
	int ret = vma ? vpk_memattr_of(vma->vm_page_prot) : -EFAULT;

	vpk_vma_put(map);
	return ret;
}

/**
 * vpk_expect_memattr() - fault, and look at the memory type of the entry
 * @test: the test
 * @map: the mapping
 * @off: offset in it
 * @memattr: the type, VFIO_DMA_BUF_MEMATTR_* or VPK_MEMATTR_CACHED
 * @size: where the size of the entry goes, or NULL
 *
 * Context: the test's thread.
 */
void vpk_expect_memattr(struct kunit *test, struct vpk_map *map,
			unsigned long off, int memattr, unsigned long *size)
{
	KUNIT_EXPECT_EQ_MSG(test, vpk_touch(map, off), 0, "offset %#lx", off);
	KUNIT_EXPECT_EQ_MSG(test, vpk_memattr(map, off, size), memattr,
			    "offset %#lx", off);
}

/* What the hook before registration does. */
struct vpk_wc_hook {
	struct kunit *test;
	const struct vpk_wc *ranges;
};

static void vpk_wc_declare(struct vfio_pci_core_device *vdev, void *data)
{
	struct vpk_wc_hook *hook = data;
	const struct vpk_wc *wc;

	for (wc = hook->ranges; wc->name; wc++)
		KUNIT_EXPECT_EQ_MSG(hook->test,
				    vfio_pci_core_declare_wc(vdev, wc->bar,
							     wc->offset,
							     wc->len),
				    wc->ret, "%s", wc->name);
}

/**
 * vpk_wc_function() - a function whose driver declares write-combining ranges
 * @test: the test
 * @config: what the function is like
 * @ranges: what is declared, and what each attempt returns
 * @ops: the driver's, NULL for those of plain vfio-pci
 *
 * Context: the test's thread.
 * Return: the function, bound and not open.
 */
struct vpk_function *
vpk_wc_function(struct kunit *test, const struct vpk_function_config *config,
		const struct vpk_wc *ranges, const struct vfio_device_ops *ops)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_wc_hook *hook;
	struct vpk_function *fn;

	hook = kunit_kzalloc(test, sizeof(*hook), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, hook);
	hook->test = test;
	hook->ranges = ranges;
	fn = vpk_function_add(test, host, config);
	fn->driver.ops = ops;
	fn->driver.before_register = vpk_wc_declare;
	fn->driver.data = hook;
	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	return fn;
}
