/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the test programs share: the device under test, how an access to its
 * memory went, and files of sysfs.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#ifndef VFIO_KIT_ACCESS_H
#define VFIO_KIT_ACCESS_H

#include "paths.h"

#define KIT_PAGE_SIZE	4096UL

/* Device argument of the program; the last one on its command line. */
extern const char *kit_bdf;
void kit_args(int *argc, char **argv);

/* Take option @name and its number from the command line: it, or @otherwise. */
double kit_number(int *argc, char **argv, const char *name, double otherwise);

/* Open kit_bdf, or fail the test. *@iommu is made if it is NULL. */
void kit_open(struct kit_dev *dev, struct iommu **iommu);

/* ... and NULL, or why it cannot do @path. */
const char *kit_open_for(const struct kit_path *path, struct kit_dev *dev, struct iommu **iommu);

void kit_close(struct kit_dev *dev, struct iommu *iommu);

/* The largest area that can be mapped; one whose contents stay, if any does. */
struct kit_area *kit_best_area(struct kit_dev *dev);

/* mmap() of [@offset, @offset + @size) of @area, MAP_SHARED. */
void *kit_map(struct kit_dev *dev, const struct kit_area *area, u64 offset, u64 size, int prot);

/*
 * Read *@va; false: SIGBUS. How many faults it took tells whether there was a
 * PTE: /proc/self/pagemap does not show those of PFN mappings.
 */
bool kit_read_faults(const void *va, long *faults);

/* A value that depends on where in the device it is. */
u64 kit_pattern(const struct kit_area *area, u64 offset);

/* Fill @pages pages from @va on with the pattern, where @area is RAM. */
void kit_fill(const struct kit_area *area, char *va, u64 offset, u64 pages);

/* Write @val to a file below /sys/bus/pci/; 0 or -errno. */
int __printf(2, 3) kit_write_sysfs(const char *val, const char *format, ...);

/* A duplicate of @fd of process @pid. */
int kit_fd_of(pid_t pid, int fd);

#endif /* VFIO_KIT_ACCESS_H */
