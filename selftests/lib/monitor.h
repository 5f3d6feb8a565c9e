/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * QEMU's monitor, from inside of the guest: what no program of a guest can do to
 * its own devices otherwise.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#ifndef VFIO_KIT_MONITOR_H
#define VFIO_KIT_MONITOR_H

#include <stddef.h>

#include <linux/compiler.h>

/* NULL, or why there is none: not in a guest of guest/boot. */
const char *kit_no_monitor(void);

/*
 * Have QEMU execute a command of its monitor, for at most ten seconds: 0, or
 * -errno, after QEMU's answer was printed on stderr.
 */
int __printf(1, 2) kit_monitor(const char *fmt, ...);

/* What guest/plan.sh calls the device @bdf in QEMU. */
const char *kit_qemu_id(const char *bdf);

#endif /* VFIO_KIT_MONITOR_H */
