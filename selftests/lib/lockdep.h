/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * To find circles of locks without a hang: each edge is made once and alone, and
 * lockdep is the judge.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#ifndef VFIO_KIT_LOCKDEP_H
#define VFIO_KIT_LOCKDEP_H

/* 1: it watches; 0: it has reported something, and stopped; -1: not there. */
int kit_lockdep_watches(void);

/*
 * The edge kernfs_rwsem -> mmap_lock: list the folder of device @bdf in sysfs into
 * memory that has to grow for it. Returns how many bytes were listed, or -1.
 */
long kit_list_into_a_hole(const char *bdf);

#endif /* VFIO_KIT_LOCKDEP_H */
