/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the conformance program share: a cell, which is one path on
 * one device, and what is checked of it.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#ifndef VFIO_KIT_CONFORMANCE_H
#define VFIO_KIT_CONFORMANCE_H

#include <stdio.h>

#include "paths.h"
#include "trace.h"

#define MAX_CHECKS	48

enum status { ST_OK, ST_FAIL, ST_SKIP, ST_DIED };

enum check_id {
#define CHECK(_id, ...) CK_##_id,
#include "check_table.h"
	CK_IDS
};

struct check {
	enum check_id id;
	enum status status;
	const char *rule;
	char text[200];
};

struct cell {
	const struct kit_path *path;
	struct kit_dev dev;
	struct kit_set set;		/* dev, and what the path needs besides */
	struct kit_hammer hammer[2];	/* of DMABUFs, of what is mapped by hand */
	struct check check[MAX_CHECKS];
	int checks;
	struct ev ev[TRACE_MAX_EVENTS];
	int in, evs;			/* events on the way in; in all */
	double start, begin, middle, end;
	int kmsg;
	bool user_reset;		/* the way back from an error, not the recovery */
};

struct target {
	char driver[64], bdf[16], label[64], paths[512];
};

struct options {
	bool emulated;		/* the devices may be written to anywhere */
	bool no_series;		/* what needs the tracepoints is skipped if there are none */
	const char *exports_need;	/* why DMABUFs that are exported cannot be mapped */
	const char *foreign_need;	/* why BARs stay where VFIO does not reset (C11) */
	const char *mappings_need;	/* why no DMABUF is behind a mapping */
	int timeout;		/* seconds, for a cell */
	const struct target *target;	/* of this process */
	struct trace trace;		/* ... likewise */
};

extern struct options opt;

/* cell.c */
void __printf(5, 6) check(struct cell *cell, enum check_id id, enum status status,
			  const char *rule, const char *fmt, ...);
bool by_hand(const struct kit_page *page);
void prepare_devs(struct cell *cell);
void read_events(struct cell *cell);
void hammers_start(struct cell *cell);
bool hammers_wait(struct cell *cell, double seconds);
void hammers_stop(struct cell *cell);

/* checks.c */
void check_gone(struct cell *cell);
void check_new_mappings(struct cell *cell);
void check_back(struct cell *cell, bool was_reset);
void check_reader(struct cell *cell, double from, double to);
void check_order(struct cell *cell, const struct ev *ev, int n, const char *order, bool out);
void check_untouched(struct cell *cell);
void check_mapping(struct cell *cell);
void check_importers(struct cell *cell);
void check_exports(struct cell *cell);
void check_exports_dead(struct cell *cell);
void check_handlers(struct cell *cell);

/* kernel_log.c */
int kernel_log_rules(const char *file);
void kernel_log_open(struct cell *cell);
void check_silent(struct cell *cell);

/* The rows: path.c, close.c, hidden.c, regions.c */
void run_path(struct cell *cell);
void run_close(struct cell *cell);
void run_hidden(struct cell *cell);
void run_regions(struct cell *cell);

/* results.c */
int results_open(const char *file);
void results_put(const char *line, size_t len);
void results_vocabulary(void);
void results_progress(const struct kit_path *path);
void results_plain(const struct kit_path *path, enum status status, const char *why);
void results_end(int devices, int bad);

/* The line of a cell that has run, to @f: is it ok? */
bool results_cell(FILE *f, const struct cell *cell);

#endif /* VFIO_KIT_CONFORMANCE_H */
