/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kit's tracepoints (C9) and kprobe events on the PCI core, in one trace
 * instance for each user, as a list of struct ev.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#ifndef VFIO_KIT_TRACE_H
#define VFIO_KIT_TRACE_H

#include <sys/types.h>

#include "order.h"

#define TRACE_MAX_EVENTS	512

struct trace {
	char dir[96];
	bool kit;		/* this kernel has the kit's tracepoints */
};

/*
 * Define the kprobe events, once for all users; a function that this kernel
 * does not have is left out. Returns 0, or -errno without tracefs.
 */
int trace_probes_add(void);
void trace_probes_remove(void);

/* A trace instance of its own, running. Returns 0 or -errno. */
int trace_start(struct trace *trace);
void trace_stop(struct trace *trace);

/* Forget all events so far. */
void trace_clear(const struct trace *trace);

/*
 * Events since the last trace_clear() that concern the devices @bdf, or the
 * PCI core's functions called by thread @tid, or by another one after it has
 * taken BARs of @bdf away. Returns how many.
 */
int trace_read(const struct trace *trace, const char * const *bdf, int devs, pid_t tid,
	       struct ev *ev, int max);

#endif /* VFIO_KIT_TRACE_H */
