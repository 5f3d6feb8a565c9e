// SPDX-License-Identifier: GPL-2.0-only
/*
 * How each path of path_table.h is taken through the VFIO uAPI.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "access.h"
#include "foreign.h"

/* A reset is refused while someone else holds the locks: try for one second. */
#define TRIES		500
#define TRY_AGAIN_US	2000

const char *cannot(struct kit_set *set, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(set->why, sizeof(set->why), fmt, ap);
	va_end(ap);
	return set->why;
}

static int feature(struct kit_dev *dev, u32 flags)
{
	struct vfio_device_feature f = {
		.argsz = sizeof(f),
		.flags = VFIO_DEVICE_FEATURE_SET | flags,
	};

	return ioctl(dev->vdev->fd, VFIO_DEVICE_FEATURE, &f) ? -errno : 0;
}

/* --- PCI_COMMAND ----------------------------------------------------- */

static int memory_off(struct kit_set *set)
{
	vfio_pci_cmd_clear(set->dev[0]->vdev, PCI_COMMAND_MEMORY);
	return 0;
}

static int memory_on(struct kit_set *set)
{
	vfio_pci_cmd_set(set->dev[0]->vdev, PCI_COMMAND_MEMORY);
	return 0;
}

/* --- power ----------------------------------------------------------- */

static const char *no_pm(struct kit_set *set)
{
	return kit_find_cap(set->dev[0], PCI_CAP_ID_PM) ? NULL :
		cannot(set, "no power management capability");
}

static void set_pm_state(struct kit_dev *dev, u16 state)
{
	u8 pm = kit_find_cap(dev, PCI_CAP_ID_PM);
	u16 ctrl = vfio_pci_config_readw(dev->vdev, pm + PCI_PM_CTRL);

	vfio_pci_config_writew(dev->vdev, pm + PCI_PM_CTRL,
			       (ctrl & ~PCI_PM_CTRL_STATE_MASK) | state);
}

static int enter_d3hot(struct kit_set *set)
{
	set_pm_state(set->dev[0], 3);
	return 0;
}

/*
 * Nothing but the power state is written. A function without No_Soft_Reset
 * loses its configuration in D3hot, but VFIO saves and restores that, so the
 * write to PMCSR alone has to give the BARs back (C3, C12). Were memory
 * switched on here as well, the write to PCI_COMMAND would unrevoke, and a core
 * that forgets to do so in D0 would pass.
 */
static int leave_d3hot(struct kit_set *set)
{
	set_pm_state(set->dev[0], 0);
	return 0;
}

static const char *no_runtime_pm(struct kit_set *set)
{
	int err = feature(set->dev[0],
			  VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY);

	return err ? cannot(set, "no low-power feature: %s", strerror(-err)) : NULL;
}

/* Returns when the device is suspended, which the PM core does a moment later. */
static int runtime_enter(struct kit_set *set)
{
	int err = feature(set->dev[0], VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY);
	char path[PATH_MAX], state[32] = "";
	double until = kit_now() + 3;
	int fd;

	/* Anything but sysfs would wake it again. */
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/power/runtime_status",
		 set->dev[0]->bdf);
	while (!err && kit_now() < until && strncmp(state, "suspended", 9)) {
		usleep(5000);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, state, sizeof(state) - 1) < 0)
			err = -errno;
		close(fd);
	}
	return err;
}

static int runtime_leave(struct kit_set *set)
{
	return feature(set->dev[0], VFIO_DEVICE_FEATURE_LOW_POWER_EXIT);
}

/* --- resets of a function -------------------------------------------- */

static const char *no_flr(struct kit_set *set)
{
	u8 exp = kit_find_cap(set->dev[0], PCI_CAP_ID_EXP);

	if (!exp)
		return cannot(set, "no PCI Express capability");
	if (!(vfio_pci_config_readl(set->dev[0]->vdev, exp + PCI_EXP_DEVCAP) &
	      PCI_EXP_DEVCAP_FLR))
		return cannot(set, "PCI Express capability without FLR");
	return NULL;
}

static int flr(struct kit_set *set)
{
	u8 exp = kit_find_cap(set->dev[0], PCI_CAP_ID_EXP);
	u16 ctl = vfio_pci_config_readw(set->dev[0]->vdev, exp + PCI_EXP_DEVCTL);

	vfio_pci_config_writew(set->dev[0]->vdev, exp + PCI_EXP_DEVCTL,
			       ctl | PCI_EXP_DEVCTL_BCR_FLR);
	return 0;
}

static const char *no_af_flr(struct kit_set *set)
{
	u8 af = kit_find_cap(set->dev[0], PCI_CAP_ID_AF);
	u8 cap;

	if (!af)
		return cannot(set, "no AF capability");
	cap = vfio_pci_config_readb(set->dev[0]->vdev, af + PCI_AF_CAP);
	if (!(cap & PCI_AF_CAP_FLR) || !(cap & PCI_AF_CAP_TP))
		return cannot(set, "AF capability without FLR");
	return NULL;
}

static int af_flr(struct kit_set *set)
{
	u8 af = kit_find_cap(set->dev[0], PCI_CAP_ID_AF);

	vfio_pci_config_writeb(set->dev[0]->vdev, af + PCI_AF_CTRL, PCI_AF_CTRL_FLR);
	return 0;
}

static const char *no_reset(struct kit_set *set)
{
	return set->dev[0]->vdev->info.flags & VFIO_DEVICE_FLAGS_RESET ? NULL :
		cannot(set, "no function reset");
}

int kit_reset(struct kit_dev *dev)
{
	int tries = TRIES, err;

	do {
		err = __vfio_pci_device_reset(dev->vdev);
		if (err == -EAGAIN)
			usleep(TRY_AGAIN_US);
	} while (err == -EAGAIN && tries--);
	return err;
}

static int device_reset(struct kit_set *set)
{
	return kit_reset(set->dev[0]);
}

static const char *no_reset_or_pm(struct kit_set *set)
{
	return no_reset(set) ?: no_pm(set);
}

/* D3hot revokes what was exported, and iommufd does not take that back. */
static void put_to_sleep(struct kit_dev *dev)
{
	set_pm_state(dev, 3);
	dev->importers = 0;
	dev->asleep = true;
	snprintf(dev->why_no_dmabuf, sizeof(dev->why_no_dmabuf), "revoked by D3hot already");
}

static void sleep_first(struct kit_set *set)
{
	put_to_sleep(set->dev[0]);
}

/* --- hot reset ------------------------------------------------------- */

/* The devices that a hot reset of @dev resets: how many, and which. */
static int hot_reset_set(struct kit_dev *dev, char bdf[EV_MAX_DEVS][16])
{
	struct {
		struct vfio_pci_hot_reset_info hdr;
		struct vfio_pci_dependent_device dev[32];
	} info = { .hdr.argsz = sizeof(info) };
	u32 i;

	if (ioctl(dev->vdev->fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &info))
		return -errno;
	if (info.hdr.count > EV_MAX_DEVS)
		return -E2BIG;
	for (i = 0; i < info.hdr.count; i++)
		snprintf(bdf[i], 16, "%04x:%02x:%02x.%x", info.dev[i].segment, info.dev[i].bus,
			 info.dev[i].devfn >> 3, info.dev[i].devfn & 7);
	return info.hdr.count;
}

static const char *not_alone(struct kit_set *set)
{
	char bdf[EV_MAX_DEVS][16];
	int n = hot_reset_set(set->dev[0], bdf);

	if (n < 0)
		return cannot(set, "no hot reset: %s", strerror(-n));
	return n == 1 ? NULL : cannot(set, "a hot reset takes %d devices", n);
}

static const char *open_other(struct kit_set *set, const char *bdf)
{
	char *driver = sysfs_driver_get(bdf);
	struct kit_dev *dev;
	int err;

	if (!driver || (set->driver && strcmp(driver, set->driver)))
		return cannot(set, "%s of the slot is bound to %s", bdf, driver ?: "no driver");
	dev = calloc_assert(1, sizeof(*dev));
	err = kit_dev_open(dev, bdf, set->iommu);
	if (err) {
		free(dev);
		return cannot(set, "%s of the slot: %s", bdf, strerror(-err));
	}
	kit_dev_find_areas(dev);
	set->dev[set->devs++] = dev;
	return NULL;
}

void kit_set_close_others(struct kit_set *set)
{
	while (set->devs > 1) {
		struct kit_dev *dev = set->dev[--set->devs];

		kit_close(dev, NULL);
		free(dev);
	}
	if (set->pf) {
		kit_close(set->pf, NULL);
		free(set->pf);
		set->pf = NULL;
	}
}

const char *no_slot(struct kit_set *set)
{
	char bdf[EV_MAX_DEVS][16];
	int n = hot_reset_set(set->dev[0], bdf), i;
	const char *why;

	if (n < 0)
		return cannot(set, "no hot reset: %s", strerror(-n));
	if (n == 1)
		return cannot(set, "alone in its slot");
	for (i = 0; i < n; i++) {
		if (!strcmp(bdf[i], set->dev[0]->bdf))
			continue;
		why = open_other(set, bdf[i]);
		if (why)
			return why;
	}
	return NULL;
}

/* A set with a function that sleeps: it too has to be in D0 for the reset. */
static void sleep_one_first(struct kit_set *set)
{
	int i;

	for (i = set->devs - 1; i >= 0; i--) {
		if (kit_find_cap(set->dev[i], PCI_CAP_ID_PM)) {
			put_to_sleep(set->dev[i]);
			return;
		}
	}
}

int kit_hot_reset(struct kit_dev *dev)
{
	struct vfio_pci_hot_reset arg = { .argsz = sizeof(arg) };
	int tries = TRIES, err;

	/* The core does not wait for memory_lock here; a reader may have it. */
	do {
		err = ioctl(dev->vdev->fd, VFIO_DEVICE_PCI_HOT_RESET, &arg) ? -errno : 0;
		if (err == -EBUSY || err == -EAGAIN)
			usleep(TRY_AGAIN_US);
	} while ((err == -EBUSY || err == -EAGAIN) && tries--);
	return err;
}

static int hot_reset(struct kit_set *set)
{
	return kit_hot_reset(set->dev[0]);
}

/* --- the table ------------------------------------------------------- */

const struct kit_path kit_paths[] = {
#define KIT_PATH(...) KIT_CELL(__VA_ARGS__, .one_device = true)
#define KIT_CELL(_name, _title, ...) { .name = #_name, .title = _title, __VA_ARGS__ },
#include "path_table.h"
};

const int kit_nr_paths = ARRAY_SIZE(kit_paths);

const struct kit_path *kit_path(const char *name)
{
	int i;

	for (i = 0; i < kit_nr_paths; i++) {
		if (!strcmp(kit_paths[i].name, name))
			return &kit_paths[i];
	}
	VFIO_LOG_AND_EXIT("no path is called '%s'\n", name);
}

static struct kit_set set_of_one(struct kit_dev *dev)
{
	return (struct kit_set){ .dev = { dev }, .devs = 1, .iommu = dev->vdev->iommu };
}

const char *kit_cannot(const struct kit_path *path, struct kit_dev *dev)
{
	static struct kit_set set;

	set = set_of_one(dev);
	return path->cannot ? path->cannot(&set) : NULL;
}

int kit_enter(const struct kit_path *path, struct kit_dev *dev)
{
	struct kit_set set = set_of_one(dev);

	if (path->prepare)
		path->prepare(&set);
	return path->enter(&set);
}

int kit_leave(const struct kit_path *path, struct kit_dev *dev)
{
	struct kit_set set = set_of_one(dev);

	return path->leave ? path->leave(&set) : 0;
}
