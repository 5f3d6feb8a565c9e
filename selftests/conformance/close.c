// SPDX-License-Identifier: GPL-2.0-only
/*
 * The row "close with a live mapping" (rule C1): closing the device fd closes
 * nothing while a mapping is there, the last munmap() does.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <unistd.h>

#include "conformance.h"

static bool sees_close(struct cell *cell)
{
	int i;

	read_events(cell);
	for (i = 0; i < cell->evs; i++) {
		if (cell->ev[i].kind == EV_CLOSE)
			return true;
	}
	return false;
}

/* With the fd closed and all mappings there. */
static void check_stays_open(struct cell *cell)
{
	struct kit_dev again, *dev = &cell->dev;
	const char *rule = "C1";
	bool closed = sees_close(cell);
	int i, err, dead = 0;
	u32 val;

	for (i = 0; i < dev->nr_pages; i++) {
		if (kit_try_read(dev->pages[i].va, &val))
			continue;
		if (by_hand(&dev->pages[i]))
			rule = "V3";
		dead++;
	}
	check(cell, CK_ACCESS, dead ? ST_FAIL : ST_OK, rule,
	      dead ? "%d mapped pages died with the device fd" :
	      "mappings live on after the fd is closed (%d dead)", dead);
	err = kit_dev_open(&again, dev->bdf, cell->set.iommu);
	if (!err)
		close(again.vdev->fd);
	check(cell, CK_ORDER, closed || !err ? ST_FAIL : ST_OK, "C1",
	      closed || !err ? "the device was closed under a live mapping" :
	      "the mapping keeps the device open");
}

/* After the last munmap(): it opens and maps again, with its contents. */
static void check_opens_again(struct cell *cell)
{
	struct kit_dev again, *dev = &cell->dev;
	const char *rule = "C1";
	int i, err, dead = 0;

	err = kit_dev_open(&again, dev->bdf, cell->set.iommu);
	if (err) {
		check(cell, CK_REFAULT, ST_FAIL, "C1", "cannot be opened again: %s",
		      strerror(-err));
		return;
	}
	kit_dev_find_areas(&again);
	kit_dev_map(&again, false);
	for (i = 0; i < again.nr_pages; i++) {
		const struct kit_page *before = i < dev->nr_pages ? &dev->pages[i] : NULL;
		u64 got = 0;

		if (by_hand(&again.pages[i]))
			rule = "V3";
		if (!kit_try_read64(again.pages[i].va + 4096 - 16, &got) ||
		    (before && before->area->ram && got != before->pattern))
			dead++;
	}
	check(cell, CK_REFAULT, dead ? ST_FAIL : ST_OK, dead ? rule : "C1",
	      dead ? "%d pages wrong after it was opened again" :
	      "opened and mapped again (%d pages wrong)", dead);
	kit_dev_unmap(&again, 0, again.nr_maps);
	close(again.vdev->fd);
}

void run_close(struct cell *cell)
{
	struct kit_dev *dev = &cell->dev;
	bool closed;
	int i;

	prepare_devs(cell);
	for (i = 0; i < dev->nr_areas; i++)
		close(dev->areas[i].dmabuf);
	hammers_start(cell);
	hammers_wait(cell, 2);
	trace_clear(&opt.trace);
	cell->begin = kit_now();
	close(dev->vdev->fd);
	check_stays_open(cell);

	check_mapping(cell);
	hammers_wait(cell, 2);
	hammers_stop(cell);
	kit_dev_unmap(dev, 1, dev->nr_maps);
	closed = sees_close(cell);
	check(cell, CK_ORDER, closed ? ST_FAIL : ST_OK, "C1",
	      closed ? "the device was closed under its last mapping" :
	      "one mapping of %d keeps it open", dev->nr_maps);
	cell->middle = kit_now();
	kit_dev_unmap(dev, 0, 1);
	cell->end = kit_now();
	closed = sees_close(cell);
	check(cell, CK_ZAP, closed ? ST_OK : ST_FAIL, "C1",
	      closed ? "closed with the last munmap: no PTE is left" :
	      "not closed by the last munmap");
	cell->in = cell->evs;
	check_exports_dead(cell);

	check_opens_again(cell);
	check_exports_dead(cell);
}
