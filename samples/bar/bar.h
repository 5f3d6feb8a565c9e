/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the programs of this folder share: to open a device, to read a mapping that
 * may be revoked, and to say what happens when.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#ifndef BAR_H
#define BAR_H

#include <linux/vfio.h>
#include <stdbool.h>
#include <stddef.h>

/* Seconds since some point in the past. */
double now(void);

/* Print a line with the time since the first one. */
void tell(const char *format, ...);

/* The number, or the end of the program: @what says which one is wrong. */
unsigned long parse_number(const char *text, const char *what);

/*
 * Open a device that is bound to a VFIO driver, by its own node and iommufd or by
 * its group. @bdf is its PCI address. Ends the program if that fails.
 */
int open_device(const char *bdf);

/*
 * The region @index of the device, of which [@offset, @offset + @size) must exist
 * and can be mapped. Ends the program if not.
 */
struct vfio_region_info get_region(int device, unsigned long index, __u64 offset, __u64 size);

/* Where the device's configuration space is in the device's file. */
__u64 config_offset(int device);

/* Switch the device's memory on or off, by PCI_COMMAND. */
void set_memory(int device, bool on);

/* Switch the memory off and on, or reset the device, or both. */
void disturb(int device, bool memory, bool reset);

/* To be called once before try_read(). */
void catch_sigbus(void);

/*
 * Read a word of a mapping: false if the access got SIGBUS, because the BAR is
 * revoked at the moment, or for good. A fault anywhere else ends the program.
 */
bool try_read(const char *map, size_t size, __u64 offset, __u32 *value);

#endif /* BAR_H */
