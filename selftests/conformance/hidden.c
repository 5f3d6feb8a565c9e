// SPDX-License-Identifier: GPL-2.0-only
/*
 * The row "hidden parts of regions" (rule V2): what region info does not show can
 * be mapped, exported, read or written in no other way either.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/limits.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conformance.h"

static u64 resource_size(const char *bdf, u32 bar)
{
	unsigned long long start, end, flags;
	char path[PATH_MAX];
	u64 size = 0;
	FILE *f;
	u32 i;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource", bdf);
	f = fopen(path, "re");
	for (i = 0; f && fscanf(f, "%llx %llx %llx", &start, &end, &flags) == 3; i++) {
		if (i == bar && end)
			size = end - start + 1;
	}
	if (f)
		fclose(f);
	return size;
}

/*
 * How the page at @at of a region can be had that region info does not show: by
 * itself, or in one piece with all that is before it. NULL: not at all.
 */
static const char *page_leaks(struct kit_dev *dev, const struct vfio_region_info *info, u64 at)
{
	const char *what = NULL;
	void *va;
	int fd;

	va = mmap(NULL, 4096, PROT_READ, MAP_SHARED, dev->vdev->fd, info->offset + at);
	if (va != MAP_FAILED) {
		what = "mapped";
		munmap(va, 4096);
	}
	va = mmap(NULL, at + 4096, PROT_READ, MAP_SHARED, dev->vdev->fd, info->offset);
	if (va != MAP_FAILED) {
		what = "mapped by a mapping of the whole";
		munmap(va, at + 4096);
	}
	fd = kit_region_export(dev, info->index, at, 4096);
	if (fd < 0)
		fd = kit_region_export(dev, info->index, 0, at + 4096);
	if (fd >= 0) {
		what = "exported as a DMABUF";
		close(fd);
	}
	return what;
}

/* The next stretch of the region from @at on that is in no area; false: none. */
static bool next_hole(struct kit_dev *dev, const struct vfio_region_info *info, u64 *at, u64 *end)
{
	bool moved = true;
	int i;

	/* Then what looks like a hole may be an area. */
	if (dev->more_areas)
		return false;
	while (moved) {
		moved = false;
		*end = info->size;
		for (i = 0; i < dev->nr_areas; i++) {
			const struct kit_area *area = &dev->areas[i];

			if (area->region != info->index)
				continue;
			if (area->offset <= *at && *at < area->offset + area->size) {
				*at = area->offset + area->size;
				moved = true;
			} else if (area->offset > *at) {
				*end = min(*end, area->offset);
			}
		}
	}
	return *at < info->size;
}

/* What region info does not show can be had in no other way either. */
void run_hidden(struct cell *cell)
{
	struct kit_dev *dev = &cell->dev;
	int hidden = 0, holes = 0, leaks = 0;
	const char *what;
	u64 real, at, end;
	u32 index, val = 0;

	for (index = 0; index < dev->vdev->info.num_regions; index++) {
		struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

		if (index == VFIO_PCI_CONFIG_REGION_INDEX ||
		    ioctl(dev->vdev->fd, VFIO_DEVICE_GET_REGION_INFO, &info))
			continue;
		/* Reading one is up to the driver: it may emulate what is there. */
		for (at = 0; next_hole(dev, &info, &at, &end); at = end) {
			holes++;
			what = page_leaks(dev, &info, at);
			if (what && !leaks++)
				check(cell, CK_ACCESS, ST_FAIL, "V2",
				      "region %u at 0x%llx, in none of its areas, can be %s", index,
				      (unsigned long long)at, what);
		}
		real = index < PCI_STD_NUM_BARS ? resource_size(dev->bdf, index) : 0;
		if (!real)
			continue;
		hidden += real > info.size;
		what = page_leaks(dev, &info, (info.size + 4095) & ~4095ULL);
		if (!what && pread(dev->vdev->fd, &val, sizeof(val), info.offset + info.size) > 0)
			what = "read";
		/* Nothing is written to a real device that is not known. */
		if (!what && opt.emulated &&
		    pwrite(dev->vdev->fd, &val, sizeof(val), info.offset + info.size) > 0)
			what = "written";
		if (what && !leaks++)
			check(cell, CK_ACCESS, ST_FAIL, "V2",
			      "BAR %u beyond its 0x%llx bytes can be %s", index,
			      (unsigned long long)info.size, what);
	}
	if (!leaks && dev->more_areas)
		check(cell, CK_ACCESS, ST_SKIP, "V2",
		      "%d more areas than the %d that are looked at", dev->more_areas,
		      KIT_MAX_AREAS);
	else if (!leaks)
		check(cell, CK_ACCESS, ST_OK, "V2",
		      "nothing out of the areas that can be mapped (%d BARs with a hidden part, %d stretches)",
		      hidden, holes);
}
