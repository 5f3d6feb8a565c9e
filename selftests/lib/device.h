/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VFIO device as the conformance program sees it: every region that can be
 * mapped, mapped in pieces at several offsets, and what becomes of accesses
 * to them. On top of the kernel's libvfio.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#ifndef VFIO_KIT_DEVICE_H
#define VFIO_KIT_DEVICE_H

#include <pthread.h>

#include <libvfio.h>

#define KIT_MAX_AREAS	128	/* mappable areas, over all regions */
#define KIT_MAX_PAGES	(12 * KIT_MAX_AREAS)	/* sampled pages, over all mappings */
#define KIT_MAX_HAMMER	16
#define KIT_MAX_SEGS	512

/* One stretch of a region that the uAPI says can be mapped. */
struct kit_area {
	u32 region;
	u64 offset;		/* in the region */
	u64 size;		/* page aligned */
	u64 file_offset;	/* of the region, in the device fd */
	bool writable;
	bool ram;		/* reads give what was written */
	bool by_hand;		/* mapped by the driver, not in a DMABUF */
	bool mixed;		/* uncached in part: no VMA over all of it can change */
	int dmabuf;		/* exported, or -1 */
};

/* One sampled page in one mapping. */
struct kit_page {
	struct kit_area *area;
	u64 offset;		/* in the region */
	char *va;
	bool own_vma;		/* the only page of its VMA: faults by itself */
	bool exported;		/* mapped by an export, as others can */
	bool named;		/* /proc/self/maps calls it a DMABUF of this device */
	u64 pattern;
	u32 before;
};

struct kit_map {
	void *va;
	size_t size;
};

struct kit_dev {
	struct vfio_pci_device *vdev;
	char bdf[16];
	struct kit_area areas[KIT_MAX_AREAS];
	struct kit_page pages[KIT_MAX_PAGES];
	struct kit_map maps[KIT_MAX_PAGES];
	struct kit_page hammer[KIT_MAX_HAMMER];
	int nr_areas, nr_pages, nr_maps, nr_hammer;
	int more_areas;		/* ... for which there was no room */
	bool asleep;		/* put into D3hot before the path: its PTEs are gone */
	int importers;		/* areas whose DMABUF is mapped in the IOAS */
	char why_no_dmabuf[80];
	int nr_exported;	/* pages of exports that are mapped */
	int not_exported;	/* ... that could not be */
	char why_not_exported[80];
};

enum kit_seen { SEEN_OK, SEEN_BLOCKED, SEEN_SIGBUS, SEEN_SLOW };

/* A run of equal results of the hammering reader. */
struct kit_seg {
	enum kit_seen seen;
	int dev;
	double from, to;	/* CLOCK_MONOTONIC, seconds */
	double first_to;	/* end of the first access ... */
	double last_from;	/* ... and start of the last one in it */
	unsigned long count;
	bool ones;		/* all-ones was read, where it was not before */
};

/*
 * A thread that reads mapped pages as fast as it can: pages in DMABUFs, or
 * those mapped by hand, since it waits for the first page that blocks.
 */
struct kit_hammer {
	pthread_t thread;
	char *page[KIT_MAX_HAMMER * 4];
	u32 before[KIT_MAX_HAMMER * 4];
	int dev[KIT_MAX_HAMMER * 4];
	int pages;
	bool stop;
	pid_t tid;
	unsigned long reads;
	struct kit_seg seg[KIT_MAX_SEGS];
	struct kit_seg *last[KIT_MAX_HAMMER][4];	/* of each device, and each seen */
	int segs;
	bool overflow;
};

double kit_now(void);

/* Opening a device does it: from here on SIGBUS of the following is caught. */
void kit_catch_sigbus(void);

/* Read *@va; false: SIGBUS. */
bool kit_try_read(const void *va, u32 *val);
bool kit_try_write64(void *va, u64 val);
bool kit_try_read64(const void *va, u64 *val);

/* Minor faults of this thread so far. */
long kit_faults(void);

/* The VF token, a UUID, for a PF that has VFs and for its VFs; NULL: none. */
extern const char *kit_token;

/* Open @bdf in @iommu; returns 0 or -errno, nothing left open. */
int kit_dev_open(struct kit_dev *dev, const char *bdf, struct iommu *iommu);
void kit_dev_find_areas(struct kit_dev *dev);

/* Region info with its capabilities, to be freed; NULL: no such region. */
struct vfio_region_info *kit_region_info(struct kit_dev *dev, u32 index);
void *kit_region_cap(struct vfio_region_info *info, u16 id);

/*
 * Map every area whole and in single pages, touch all of it. With @probe,
 * find out by writing which areas are RAM, and fill those with a pattern.
 */
void kit_dev_map(struct kit_dev *dev, bool probe);
void kit_dev_unmap(struct kit_dev *dev, int from, int to);

/*
 * Export each area as a DMABUF, map its first and last page from that, and map
 * the DMABUF in the IOAS.
 */
void kit_dev_export(struct kit_dev *dev);

int kit_region_export(struct kit_dev *dev, u32 region, u64 offset, u64 size);

/* A new eventfd that is signalled by the first interrupt of @index; or -errno. */
int kit_irq_eventfd(struct kit_dev *dev, u32 index);

/* A device that was opened by its group, in a container of type1. */
struct kit_group {
	int container, group, device;
};

/*
 * Open @bdf and enable its memory; libvfio would map all BARs as well. Returns 0
 * or -errno, nothing left open.
 */
int kit_group_open(struct kit_group *g, const char *bdf);
void kit_group_close(struct kit_group *g);

u8 kit_find_cap(struct kit_dev *dev, u8 id);
u16 kit_find_ext_cap(struct kit_dev *dev, u16 id);
const char *kit_page_name(const struct kit_page *page);

/* Inserted by the driver itself: not in a DMABUF of the device, nor an export. */
bool kit_page_by_hand(const struct kit_page *page);

void kit_hammer_start(struct kit_hammer *h, struct kit_dev **dev, int devs, bool by_hand);
void kit_hammer_stop(struct kit_hammer *h);

/* Wait until it has read @more pages, or @seconds have passed: did it? */
bool kit_hammer_wait(struct kit_hammer *h, unsigned long more, double seconds);

#endif /* VFIO_KIT_DEVICE_H */
