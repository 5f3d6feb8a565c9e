// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory types: physical ranges of a driver's own, and what page table entries
 * have. In a file of its own, so that the suites can be built with the patches
 * that come before (make bisect-check).
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/mm.h>

#include "vfio_pci_kunit.h"

/**
 * vpk_mmap_range() - map a region that is one physical range
 * @vdev: the device
 * @vma: as ->mmap() got it
 * @phys: the range, mapped with the memory type that was declared for it
 *
 * Return: as vfio_pci_core_mmap_ranges().
 */
int vpk_mmap_range(struct vfio_pci_core_device *vdev,
		   struct vm_area_struct *vma, const struct phys_vec *phys)
{
	return vfio_pci_core_mmap_ranges(vdev, vma, phys, NULL, 1);
}

/* The bits in which the three types of vm_page_prot differ, and what is in them */
struct vpk_memtypes {
	u64 mask;
	u64 nc;
	u64 wc;
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

/**
 * vpk_memattr() - the memory type of the page table entry of a page
 * @map: the mapping
 * @off: offset in it
 * @size: where the size of the entry goes, or NULL
 *
 * Context: may sleep; from any thread while the test runs.
 * Return: VFIO_DMA_BUF_MEMATTR_*; -EPROTO for another type; -EFAULT when no VMA,
 * -EINVAL when no entry is there.
 */
int vpk_memattr(struct vpk_map *map, unsigned long off, unsigned long *size)
{
	const struct vpk_memtypes types = vpk_memtypes();
	struct follow_pfnmap_args args = { .address = map->addr + off };
	int ret = -EFAULT;

	args.vma = vpk_vma_get(map, off);
	if (args.vma)
		ret = follow_pfnmap_start(&args);
	if (!ret) {
		u64 found = pgprot_val(args.pgprot) & types.mask;

		if (size)
			*size = ~args.addr_mask + 1;
		if (found == types.nc)
			ret = VFIO_DMA_BUF_MEMATTR_NC;
		else if (found == types.wc)
			ret = VFIO_DMA_BUF_MEMATTR_WC;
		else
			ret = -EPROTO;
		follow_pfnmap_end(&args);
	}
	vpk_vma_put(map);
	return ret;
}
