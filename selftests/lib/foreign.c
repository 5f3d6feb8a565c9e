// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whoever resets (rule C11): how a device is reset that is not asked by its own
 * user.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <unistd.h>

#include <linux/limits.h>

#include "access.h"
#include "foreign.h"
#include "monitor.h"

#define TOKEN	"6b1b1a37-1b0c-4fd3-a5ff-3ec6e8cc3b1d"

static bool writable(const char *bdf, const char *file)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", bdf, file);
	return !access(path, W_OK);
}

/* --- sysfs ------------------------------------------------------------ */

const char *no_sysfs_reset(struct kit_set *set)
{
	return writable(set->dev[0]->bdf, "reset") ? NULL :
		cannot(set, "no reset file in sysfs");
}

int sysfs_reset(struct kit_set *set)
{
	return kit_write_sysfs("1", "devices/%s/reset", set->dev[0]->bdf);
}

/* A file of the bridge: all that is behind it is reset. */
const char *no_subordinate_reset(struct kit_set *set)
{
	const char *why = no_slot(set);

	if (why)
		return why;
	return writable(set->dev[0]->bdf, "../reset_subordinate") ? NULL :
		cannot(set, "no reset_subordinate file of the bridge in sysfs");
}

int subordinate_reset(struct kit_set *set)
{
	return kit_write_sysfs("1", "devices/%s/../reset_subordinate", set->dev[0]->bdf);
}

/* --- a PF, under its VF ------------------------------------------------ */

const char *kit_pf_of(const char *bdf)
{
	char path[PATH_MAX];
	static char real[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/physfn", bdf);
	return realpath(path, real) ? basename(real) : NULL;
}

int kit_set_token(const char *pf, struct iommu *iommu)
{
	struct kit_dev dev;
	int err;

	kit_token = TOKEN;
	err = kit_dev_open(&dev, pf, iommu);
	if (!err)
		kit_close(&dev, NULL);
	return err;
}

const char *no_pf(struct kit_set *set)
{
	const char *bdf = kit_pf_of(set->dev[0]->bdf);
	int err;

	if (!bdf)
		return cannot(set, "no VF");
	set->pf = calloc_assert(1, sizeof(*set->pf));
	err = kit_dev_open(set->pf, bdf, set->iommu);
	if (!err)
		return NULL;
	free(set->pf);
	set->pf = NULL;
	return cannot(set, "its PF %s: %s", bdf, strerror(-err));
}

int pf_reset(struct kit_set *set)
{
	return kit_write_sysfs("1", "devices/%s/reset", set->pf->bdf);
}

int pf_device_reset(struct kit_set *set)
{
	return kit_reset(set->pf);
}

int pf_close(struct kit_set *set)
{
	close(set->pf->vdev->fd);
	set->pf->vdev->fd = -1;
	return 0;
}

/* --- errors ------------------------------------------------------------ */

/* QEMU's igb has the capability, but its reporting of errors cannot be enabled. */
const char *no_aer(struct kit_set *set)
{
	struct kit_dev *dev = set->dev[0];
	u8 at = kit_find_cap(dev, PCI_CAP_ID_EXP);

	if (kit_no_monitor())
		return cannot(set, "%s", kit_no_monitor());
	if (!kit_find_ext_cap(dev, PCI_EXT_CAP_ID_ERR))
		return cannot(set, "no AER capability");
	return vfio_pci_config_readw(dev->vdev, at + PCI_EXP_DEVCTL) & PCI_EXP_DEVCTL_FERE ?
		NULL : cannot(set, "it does not report errors");
}

/* Returns when the driver was told. */
static int inject(struct kit_dev *dev, const char *error)
{
	struct pollfd pfd = {
		.fd = kit_irq_eventfd(dev, VFIO_PCI_ERR_IRQ_INDEX),
		.events = POLLIN,
	};
	int err;

	if (pfd.fd < 0)
		return pfd.fd;
	err = kit_monitor("pcie_aer_inject_error %s %s", kit_qemu_id(dev->bdf), error);
	if (!err && poll(&pfd, 1, 5000) <= 0)
		err = -ETIMEDOUT;
	close(pfd.fd);
	return err;
}

/*
 * Wait until memory @can be read, or not, for at most @seconds. Not one of the
 * pages that are sampled: they are to fault when that is looked at.
 */
static bool wait_readable(struct kit_dev *dev, bool can, double seconds)
{
	double until = kit_now() + seconds;
	u32 val;

	while (kit_try_read(dev->hammer[0].va, &val) != can) {
		if (kit_now() > until)
			return false;
		usleep(1000);
	}
	return true;
}

/* A completion that did not come: no reset follows. */
int aer_nonfatal(struct kit_set *set)
{
	int err = inject(set->dev[0], "COMP_TIME");

	/* Long enough for what must not happen. */
	usleep(300000);
	return err;
}

/* A malformed TLP: the PCI core resets the bus, in a thread of its own. */
int aer_fatal(struct kit_set *set)
{
	int err = inject(set->dev[0], "MALF_TLP");

	if (err)
		return err;
	/* Where nothing is taken away, the checks say so. */
	wait_readable(set->dev[0], false, 1);
	return wait_readable(set->dev[0], true, 5) ? 0 : -ETIMEDOUT;
}
