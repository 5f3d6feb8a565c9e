/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Paths that are not begun by the device's own user: resets through sysfs, those
 * of a PF, errors. Only for the table in paths.c.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#ifndef VFIO_KIT_FOREIGN_H
#define VFIO_KIT_FOREIGN_H

#include "paths.h"

/* Note why @set cannot do it, and return that. */
const char *__printf(2, 3) cannot(struct kit_set *set, const char *fmt, ...);

/* Open the other functions of the slot, in paths.c. */
const char *no_slot(struct kit_set *set);

const char *no_sysfs_reset(struct kit_set *set);
int sysfs_reset(struct kit_set *set);

const char *no_subordinate_reset(struct kit_set *set);
int subordinate_reset(struct kit_set *set);

const char *no_pf(struct kit_set *set);
int pf_reset(struct kit_set *set);
int pf_device_reset(struct kit_set *set);
int pf_close(struct kit_set *set);

const char *no_aer(struct kit_set *set);
int aer_nonfatal(struct kit_set *set);
int aer_fatal(struct kit_set *set);

#endif /* VFIO_KIT_FOREIGN_H */
