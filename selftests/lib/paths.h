/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The paths by which the BARs of a device are taken away from user space, and
 * given back. The rows are in path_table.h.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#ifndef VFIO_KIT_PATHS_H
#define VFIO_KIT_PATHS_H

#include "device.h"
#include "order.h"

/*
 * The open devices that a path is taken on. dev[0] is the one under test; a
 * path that needs more (a slot, a PF and its VF) adds them in its cannot().
 */
struct kit_set {
	struct kit_dev *dev[EV_MAX_DEVS];
	int devs;
	struct kit_dev *pf;	/* of a VF that is dev[0]: open, but not looked at */
	struct iommu *iommu;	/* where more devices are opened */
	const char *driver;	/* which those have to be bound to, or NULL */
	char why[160];
};

/* Which part of the conformance program makes the row. */
enum kit_row {
	KIT_ROW_PATH,		/* enter() and leave(), and what is seen meanwhile */
	KIT_ROW_CLOSE,
	KIT_ROW_HIDDEN,
	KIT_ROW_REGIONS,
	KIT_ROWS
};

struct kit_path {
	const char *name, *title;
	enum kit_row row;

	/* A KIT_PATH: kit_enter() and kit_leave() do it with any one device. */
	bool one_device;

	/*
	 * What the set cannot do, in set->why, or NULL. A path of several
	 * devices opens the others here: whether they can be opened decides.
	 */
	const char *(*cannot)(struct kit_set *set);

	/* Bring the set into the state in which the path starts. */
	void (*prepare)(struct kit_set *set);

	/* Take the BARs away: 0 or -errno. */
	int (*enter)(struct kit_set *set);

	/* Give them back. NULL: enter() returns with a usable device. */
	int (*leave)(struct kit_set *set);

	/*
	 * The events that enter() and leave() must cause; see order.h. No
	 * order: nothing may be taken away.
	 */
	const char *order, *leave_order;

	/* Drivers hear of it by their pci_error_handlers (rule V7). */
	bool foreign;

	/* ... by .error_detected, rather than .reset_prepare. */
	bool error;

	/*
	 * It is not VFIO that resets the device, or VFIO resets its PF. A core
	 * that does not keep rule C11 leaves the BARs mapped.
	 */
	bool not_by_vfio;

	/* Accesses meanwhile wait, and then go on: none gets a SIGBUS. */
	bool waits;

	/* It makes sense for a device without any region that can be mapped. */
	bool any_region;

	/* Taken only when it is named: what the kernel does not promise yet. */
	bool named_only;
};

extern const struct kit_path kit_paths[];
extern const int kit_nr_paths;

/* The row called @name; the program ends if there is none. */
const struct kit_path *kit_path(const char *name);

/* Close the devices that cannot() has opened. */
void kit_set_close_others(struct kit_set *set);

/* For one device. kit_cannot(): NULL, or why; valid until the next call. */
const char *kit_cannot(const struct kit_path *path, struct kit_dev *dev);
int kit_enter(const struct kit_path *path, struct kit_dev *dev);
int kit_leave(const struct kit_path *path, struct kit_dev *dev);

/* The PF of a VF, valid until the next call; NULL: it is none. */
const char *kit_pf_of(const char *bdf);

/*
 * A PF and its VFs are opened with a token: from now on kit_dev_open() has it,
 * and @pf, of which no VF is open yet, is told. Returns 0 or -errno.
 */
int kit_set_token(const char *pf, struct iommu *iommu);

/* VFIO_DEVICE_RESET and hot reset, again while the kernel says "try again". */
int kit_reset(struct kit_dev *dev);
int kit_hot_reset(struct kit_dev *dev);

#endif /* VFIO_KIT_PATHS_H */
