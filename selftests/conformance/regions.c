// SPDX-License-Identifier: GPL-2.0-only
/*
 * The row "what region info says": mappings, writes and exports are possible
 * where the flags and areas of a region say so, and nowhere else (rule C13), and
 * the MSI-X capability leads to bytes that are there (rule V2).
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * Nothing is read from or written to the device, unless it is an emulated one.
 * A region without VFIO_REGION_INFO_FLAG_MMAP has no area, so that the row in
 * hidden.c looks at it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kernel.h>

#include "conformance.h"
#include "exports.h"

#define PAGE	4096ULL

/* A region, and how many of its areas were found to be as it says. */
struct region {
	struct cell *cell;
	struct vfio_region_info *info;
	bool reads, writes;
	int wrong;
};

static void __printf(2, 3) wrong(struct region *region, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	/* What is wrong with one area is often so with the others. */
	if (region->wrong++)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	check(region->cell, CK_FLAGS, ST_FAIL, "C13", "region %u (%s%s%s): %s",
	      region->info->index, region->reads ? "R" : "-", region->writes ? "W" : "-",
	      region->info->flags & VFIO_REGION_INFO_FLAG_MMAP ? "M" : "-", text);
}

/* The page at @at of what @fd maps: can it be mapped with @prot, then have @more? */
static bool can_map(int fd, u64 at, int prot, int more)
{
	char *va = mmap(NULL, PAGE, prot, MAP_SHARED, fd, at);
	bool can;

	if (va == MAP_FAILED)
		return false;
	can = !more || !mprotect(va, PAGE, prot | more);
	munmap(va, PAGE);
	return can;
}

/* All ways to have the page at @at of @fd, which is the region or an export. */
static void check_page(struct region *region, const char *what, int fd, u64 at, bool writes)
{
	static const struct {
		int prot, more;
		const char *how;
	} ways[] = {
		{ PROT_READ, 0, "mapped for reading" },
		{ PROT_WRITE, 0, "mapped for writing" },
		{ PROT_NONE, PROT_READ, "made readable by mprotect()" },
		{ PROT_NONE, PROT_WRITE, "made writable by mprotect()" },
		{ PROT_READ, PROT_WRITE, "mapped for reading, then made writable by mprotect()" },
	};
	bool none = can_map(fd, at, PROT_NONE, 0);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		int all = ways[i].prot | ways[i].more;
		bool may = (!(all & PROT_READ) || region->reads) &&
			   (!(all & PROT_WRITE) || writes);

		/* A driver may refuse a mapping that nobody can use. */
		if (!ways[i].prot && !none)
			continue;
		/* On x86, what can be written can be read as well. */
		if (all == PROT_WRITE && may && !region->reads)
			continue;
		if (can_map(fd, at, ways[i].prot, ways[i].more) != may)
			wrong(region, "%s %s be %s", what, may ? "cannot" : "can", ways[i].how);
	}
}

/* Exports for reading, and for reading and writing, of one page of an area. */
static void check_area_exports(struct region *region, const struct kit_area *area)
{
	struct kit_dev *dev = &region->cell->dev;
	int rdonly, rdwr;

	rdonly = kit_region_export_as(dev, area->region, area->offset, PAGE, O_RDONLY);
	rdwr = kit_region_export_as(dev, area->region, area->offset, PAGE, O_RDWR);
	if (rdonly >= 0 && !region->reads)
		wrong(region, "it can be exported for reading");
	if (rdwr >= 0 && !region->writes)
		wrong(region, "it can be exported for writing");
	if (rdonly < 0 && rdwr >= 0)
		wrong(region, "it can be exported for writing, but not for reading: %s",
		      strerror(-rdonly));
	if (rdwr < 0 && rdonly >= 0 && region->reads && region->writes)
		wrong(region, "it can be exported for reading, but not for writing: %s",
		      strerror(-rdwr));
	/* Whether an export can be mapped at all is looked at on the paths. */
	if (rdonly >= 0 && can_map(rdonly, 0, PROT_READ, 0))
		check_page(region, "an export for reading", rdonly, 0, false);
	if (rdwr >= 0 && can_map(rdwr, 0, PROT_READ, 0))
		check_page(region, "an export", rdwr, 0, region->writes);
	if (rdonly >= 0)
		close(rdonly);
	if (rdwr >= 0)
		close(rdwr);
}

/* The areas as region info has them: whole pages, in the region, one after another. */
static void check_areas(struct region *region)
{
	struct vfio_region_info *info = region->info;
	struct vfio_region_info_cap_sparse_mmap *sparse =
		kit_region_cap(info, VFIO_REGION_INFO_CAP_SPARSE_MMAP);
	u64 end, size = (info->size + PAGE - 1) & ~(PAGE - 1);
	u32 i, j;

	if (!sparse)
		return;
	if (!(info->flags & VFIO_REGION_INFO_FLAG_MMAP))
		wrong(region, "it has areas to map, but not the flag MMAP");
	for (i = 0; i < sparse->nr_areas; i++) {
		const struct vfio_region_sparse_mmap_area *a = &sparse->areas[i];

		end = a->offset + a->size;
		if (a->offset % PAGE || a->size % PAGE)
			wrong(region, "the area at 0x%llx, 0x%llx bytes, is not of whole pages",
			      (unsigned long long)a->offset, (unsigned long long)a->size);
		if (end > size || end < a->offset)
			wrong(region, "the area at 0x%llx ends at 0x%llx, the region at 0x%llx",
			      (unsigned long long)a->offset, (unsigned long long)end,
			      (unsigned long long)info->size);
		for (j = 0; j < i; j++) {
			const struct vfio_region_sparse_mmap_area *b = &sparse->areas[j];

			if (a->offset < b->offset + b->size && b->offset < end)
				wrong(region, "the areas at 0x%llx and 0x%llx overlap",
				      (unsigned long long)b->offset,
				      (unsigned long long)a->offset);
		}
	}
}

/*
 * read() and write() of the first bytes. A real device that the driver does not
 * protect would be reached, so only of an emulated one.
 */
static void check_rw(struct region *region)
{
	int fd = region->cell->dev.vdev->fd;
	off_t at = region->info->offset;
	u32 val = 0;

	if (!opt.emulated)
		return;
	if (pread(fd, &val, sizeof(val), at) > 0 && !region->reads)
		wrong(region, "it can be read by read()");
	if (!region->writes && pwrite(fd, &val, sizeof(val), at) > 0)
		wrong(region, "it can be written by write()");
}

static void check_region(struct region *region)
{
	struct kit_dev *dev = &region->cell->dev;
	int i;

	region->reads = region->info->flags & VFIO_REGION_INFO_FLAG_READ;
	region->writes = region->info->flags & VFIO_REGION_INFO_FLAG_WRITE;
	check_areas(region);
	for (i = 0; i < dev->nr_areas && !region->wrong; i++) {
		struct kit_area *area = &dev->areas[i];

		if (area->region != region->info->index)
			continue;
		check_page(region, "its first page", dev->vdev->fd,
			   area->file_offset + area->offset, region->writes);
		check_page(region, "its last page", dev->vdev->fd,
			   area->file_offset + area->offset + area->size - PAGE,
			   region->writes);
		check_area_exports(region, area);
	}
	if (region->info->size)
		check_rw(region);
}

/* [@offset, @offset + @size) of the region that the MSI-X capability names. */
static bool check_msix_part(struct cell *cell, const char *what, u32 where, u64 size)
{
	u32 bar = where & PCI_MSIX_TABLE_BIR;
	u64 offset = where & PCI_MSIX_TABLE_OFFSET;
	struct vfio_region_info *info;
	u64 end = 0;

	if (bar >= PCI_STD_NUM_BARS) {
		check(cell, CK_MSIX, ST_FAIL, "V2", "%s is in BAR %u, which no device has", what,
		      bar);
		return false;
	}
	info = kit_region_info(&cell->dev, bar);
	if (info)
		end = info->size;
	free(info);
	if (offset + size <= end)
		return true;
	check(cell, CK_MSIX, ST_FAIL, "V2",
	      "%s, 0x%llx bytes at 0x%llx, is not in region %u, which ends at 0x%llx", what,
	      (unsigned long long)size, (unsigned long long)offset, bar,
	      (unsigned long long)end);
	return false;
}

/* What the capability says is up to the driver, as the size of the region is. */
static void check_msix(struct cell *cell)
{
	struct vfio_pci_device *vdev = cell->dev.vdev;
	u8 at = kit_find_cap(&cell->dev, PCI_CAP_ID_MSIX);
	u32 table, pba;
	u64 vectors;
	bool ok;

	if (!at) {
		check(cell, CK_MSIX, ST_SKIP, "V2", "no MSI-X capability");
		return;
	}
	vectors = (vfio_pci_config_readw(vdev, at + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_QSIZE) + 1;
	table = vfio_pci_config_readl(vdev, at + PCI_MSIX_TABLE);
	pba = vfio_pci_config_readl(vdev, at + PCI_MSIX_PBA);
	ok = check_msix_part(cell, "the MSI-X table", table, vectors * PCI_MSIX_ENTRY_SIZE);
	/* A bit a vector, in words of 64. */
	ok &= check_msix_part(cell, "the table of pending bits", pba, (vectors + 63) / 64 * 8);
	if (ok)
		check(cell, CK_MSIX, ST_OK, "V2",
		      "%llu vectors in region %u, pending bits in region %u",
		      (unsigned long long)vectors, table & PCI_MSIX_TABLE_BIR,
		      pba & PCI_MSIX_PBA_BIR);
}

void run_regions(struct cell *cell)
{
	struct kit_dev *dev = &cell->dev;
	int regions = 0, bad = 0;
	u32 index;

	for (index = 0; index < dev->vdev->info.num_regions; index++) {
		struct region region = { .cell = cell };

		/* It can be mapped nowhere, and each of its bytes has rules of its own. */
		if (index == VFIO_PCI_CONFIG_REGION_INDEX)
			continue;
		region.info = kit_region_info(dev, index);
		if (!region.info)
			continue;
		check_region(&region);
		regions += region.info->size > 0;
		bad += region.wrong > 0;
		free(region.info);
	}
	if (!bad && dev->more_areas)
		check(cell, CK_FLAGS, ST_SKIP, "C13",
		      "%d more areas than the %d that are looked at", dev->more_areas,
		      KIT_MAX_AREAS);
	else if (!bad)
		check(cell, CK_FLAGS, ST_OK, "C13", "%d regions, %d areas, as region info says",
		      regions, dev->nr_areas);
	check_msix(cell);
}
