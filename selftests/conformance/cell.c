// SPDX-License-Identifier: GPL-2.0-only
/*
 * What every row of the conformance program does: note a check, map and export
 * the regions, start the readers, read the trace.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <stdarg.h>
#include <unistd.h>

#include "conformance.h"

void check(struct cell *cell, enum check_id id, enum status status, const char *rule,
	   const char *fmt, ...)
{
	struct check *c;
	va_list ap;

	if (cell->checks == MAX_CHECKS)
		return;
	c = &cell->check[cell->checks++];
	c->id = id;
	c->status = status;
	c->rule = rule;
	va_start(ap, fmt);
	vsnprintf(c->text, sizeof(c->text), fmt, ap);
	va_end(ap);
}

/* Not in a DMABUF of the device, nor in an export, but inserted by the driver. */
bool by_hand(const struct kit_page *page)
{
	return !page->named && !page->exported;
}

void prepare_devs(struct cell *cell)
{
	int i;

	for (i = 0; i < cell->set.devs; i++) {
		kit_dev_map(cell->set.dev[i], opt.emulated);
		kit_dev_export(cell->set.dev[i]);
	}
}

void hammers_start(struct cell *cell)
{
	int i;

	for (i = 0; i < 2; i++)
		kit_hammer_start(&cell->hammer[i], cell->set.dev, cell->set.devs, i);
}

bool hammers_wait(struct cell *cell, double seconds)
{
	return kit_hammer_wait(&cell->hammer[0], 32, seconds) &&
	       kit_hammer_wait(&cell->hammer[1], 32, seconds);
}

void hammers_stop(struct cell *cell)
{
	kit_hammer_stop(&cell->hammer[0]);
	kit_hammer_stop(&cell->hammer[1]);
}

void read_events(struct cell *cell)
{
	struct ev *ev = cell->ev + cell->evs;
	const char *bdf[EV_MAX_DEVS];
	int i, n;

	for (i = 0; i < cell->set.devs; i++)
		bdf[i] = cell->set.dev[i]->bdf;
	n = trace_read(&opt.trace, bdf, cell->set.devs, gettid(), ev,
		       TRACE_MAX_EVENTS - cell->evs);
	for (i = 0; i < n; i++) {
		/* Not those of clearing the trace, which has microseconds. */
		if (ev[i].t >= cell->begin - 0.000001)
			cell->ev[cell->evs++] = ev[i];
	}
	trace_clear(&opt.trace);
}
