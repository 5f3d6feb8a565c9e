// SPDX-License-Identifier: GPL-2.0-only
/*
 * The row of every path that has an enter(): take the BARs away, look, give them
 * back, look again.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <errno.h>

#include "conformance.h"

/*
 * From the first touch until it was done, or until the way out began. Not every
 * reset says when it is done; then its BARs come back.
 */
static void touched(struct cell *cell, double *from, double *to)
{
	int i = order_first_touch(cell->ev, cell->in, cell->path->order);
	int touch = i;

	*from = i < 0 ? cell->middle : cell->ev[i].t;
	*to = cell->middle;
	if (cell->path->leave || touch < 0)
		return;
	for (i = cell->in - 1; i > touch; i--) {
		if (cell->ev[i].kind == EV_RESET_DONE) {
			*to = cell->ev[i].t;
			return;
		}
		if (cell->ev[i].kind == EV_UNREVOKE)
			*to = cell->ev[i].t;
	}
}

void run_path(struct cell *cell)
{
	const struct kit_path *path = cell->path;
	double from, to;
	int err;

	prepare_devs(cell);
	if (path->prepare)
		path->prepare(&cell->set);
	hammers_start(cell);
	hammers_wait(cell, 2);
	trace_clear(&opt.trace);

	cell->begin = kit_now();
	err = path->enter(&cell->set);
	/* A driver may leave the way back to its user: no .slot_reset, no .resume. */
	if (err == -ETIMEDOUT && path->error) {
		err = kit_reset(&cell->dev);
		cell->user_reset = !err;
	}
	cell->middle = kit_now();
	if (err) {
		check(cell, CK_ORDER, ST_FAIL, "C3", "the request failed: %s", strerror(-err));
		goto stop;
	}
	read_events(cell);
	cell->in = cell->evs;
	if (path->leave) {
		check_gone(cell);
		check_new_mappings(cell);
		hammers_wait(cell, 2);
		cell->middle = kit_now();
		err = path->leave(&cell->set);
		if (err) {
			check(cell, CK_ORDER, ST_FAIL, "C3", "the way back failed: %s",
			      strerror(-err));
			goto stop;
		}
		read_events(cell);
	}
	cell->end = kit_now();
	check_handlers(cell);
	if (!path->order) {
		check_untouched(cell);
		goto stop;
	}
	check_order(cell, cell->ev, cell->in, path->order, false);
	if (path->leave)
		check_order(cell, cell->ev + cell->in, cell->evs - cell->in, path->leave_order,
			    true);
	check_back(cell, !path->leave);
	if (!hammers_wait(cell, opt.timeout / 6.0))
		check(cell, CK_REFAULT, ST_FAIL, "C3", "the hammering thread hangs");
	hammers_stop(cell);
	touched(cell, &from, &to);
	/* Within a call, only the tracepoints tell when the BAR is back. */
	if (opt.no_series && !opt.trace.kit && !path->leave)
		check(cell, CK_ACCESS, ST_SKIP, "C3", "no unrevoke tracepoint");
	else
		check_reader(cell, from, to);
	check_mapping(cell);
	check_importers(cell);
	check_exports(cell);
	return;
stop:
	hammers_stop(cell);
}
