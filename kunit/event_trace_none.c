// SPDX-License-Identifier: GPL-2.0-only
/*
 * A core that does not have its tracepoints yet, because only the first patches
 * of the series are applied (make bisect-check): the log then has what the
 * hardware saw, and no word of the core's own.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include "vfio_pci_kunit.h"

u32 vpk_trace_events(void)
{
	return 0;
}

int vpk_trace_start(struct vpk_host *host)
{
	return 0;
}

void vpk_trace_stop(struct vpk_host *host)
{
}
