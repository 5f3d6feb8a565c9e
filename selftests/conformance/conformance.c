// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drives every revocation path of VFIO PCI devices through the real uAPI and
 * checks what the contract promises of each: the same program in the guest of
 * "make verify" and on a real machine.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * One process for each device, and in it one for each path, so that a path
 * that dies or hangs takes nothing with it. Results are JSON, a line a cell.
 *
 * How "the user's PTE is gone" is seen: pagemap and mincore() say nothing of
 * PFN mappings, but minor faults are counted. A page that was present and
 * whose next access faults (or raises SIGBUS) was not present any more; each
 * sampled page has a VMA of its own, so that it faults for itself. That it was
 * gone *before* the device was touched is read from the order of the trace,
 * and from a thread that hammers the mapping meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/limits.h>

#include "device.h"
#include "trace.h"

#define MAX_WORKERS	32
#define MAX_CHECKS	48

enum status { ST_OK, ST_FAIL, ST_NA };

static const char * const status_name[] = { "ok", "fail", "na" };

/* Letters of a cell, in the order in which they are printed. */
enum check_id { CK_ZAP, CK_ACCESS, CK_REFAULT, CK_ORDER, CK_DMABUF, CK_MAPPING, CK_WARN, CK_IDS };

static const char check_letter[] = "ZAROIMW";

struct check {
	enum check_id id;
	enum status status;
	const char *rule;
	char text[200];
};

struct cell {
	const struct path *path;
	struct kit_dev dev[EV_MAX_DEVS];
	struct kit_dev *devp[EV_MAX_DEVS];
	const char *bdf[EV_MAX_DEVS];
	int devs;
	struct iommu *iommu;
	struct kit_hammer hammer[2];	/* of DMABUFs, of what is mapped by hand */
	struct check check[MAX_CHECKS];
	int checks;
	struct ev ev[TRACE_MAX_EVENTS];
	int in, evs;		/* events on the way in; in all */
	double start, begin, middle, end;
	int kmsg;
	char why[160];
};

struct path {
	const char *id, *title;
	/* What the device cannot do, or NULL. */
	const char *(*cannot)(struct cell *cell);
	void (*prepare)(struct cell *cell);
	int (*enter)(struct cell *cell);
	int (*leave)(struct cell *cell);	/* NULL: enter() comes back usable */
	struct order_spec in, out;
	void (*run)(struct cell *cell);		/* instead of all of the above */
};

struct target {
	char driver[64], bdf[16], label[64], paths[160];
};

static struct {
	const char *results;
	bool emulated;
	int timeout;
	int fd;
	struct trace trace;
	const struct target *target;
	pthread_mutex_t *lock;
} opt = { .timeout = 30, .fd = STDOUT_FILENO };

static __printf(5, 6) void check(struct cell *cell, enum check_id id, enum status status,
				 const char *rule, const char *fmt, ...)
{
	struct check *c;
	va_list ap;

	if (cell->checks == MAX_CHECKS)
		return;
	c = &cell->check[cell->checks++];
	c->id = id;
	c->status = status;
	c->rule = rule;
	va_start(ap, fmt);
	vsnprintf(c->text, sizeof(c->text), fmt, ap);
	va_end(ap);
}

static __printf(2, 3) const char *cannot(struct cell *cell, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cell->why, sizeof(cell->why), fmt, ap);
	va_end(ap);
	return cell->why;
}

/* --- the paths ------------------------------------------------------- */

static int no_feature(struct cell *cell, u32 feature)
{
	struct vfio_device_feature f = {
		.argsz = sizeof(f),
		.flags = VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET | feature,
	};

	return ioctl(cell->dev[0].vdev->fd, VFIO_DEVICE_FEATURE, &f) ? errno : 0;
}

static int set_feature(struct cell *cell, u32 feature)
{
	struct vfio_device_feature f = {
		.argsz = sizeof(f),
		.flags = VFIO_DEVICE_FEATURE_SET | feature,
	};

	return ioctl(cell->dev[0].vdev->fd, VFIO_DEVICE_FEATURE, &f) ? -errno : 0;
}

static int memory_off(struct cell *cell)
{
	vfio_pci_cmd_clear(cell->dev[0].vdev, PCI_COMMAND_MEMORY);
	return 0;
}

static int memory_on(struct cell *cell)
{
	vfio_pci_cmd_set(cell->dev[0].vdev, PCI_COMMAND_MEMORY);
	return 0;
}

static void set_pm_state(struct kit_dev *dev, u16 state)
{
	u8 pm = kit_find_cap(dev, PCI_CAP_ID_PM);
	u16 ctrl = vfio_pci_config_readw(dev->vdev, pm + PCI_PM_CTRL);

	vfio_pci_config_writew(dev->vdev, pm + PCI_PM_CTRL,
			       (ctrl & ~PCI_PM_CTRL_STATE_MASK) | state);
}

static const char *no_pm(struct cell *cell)
{
	return kit_find_cap(&cell->dev[0], PCI_CAP_ID_PM) ? NULL :
		cannot(cell, "no power management capability");
}

static int d3hot(struct cell *cell)
{
	set_pm_state(&cell->dev[0], 3);
	return 0;
}

static int d0(struct cell *cell)
{
	set_pm_state(&cell->dev[0], 0);
	return 0;
}

static const char *no_runtime_pm(struct cell *cell)
{
	int err = no_feature(cell, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY);

	return err ? cannot(cell, "no low-power feature: %s", strerror(err)) : NULL;
}

static int runtime_enter(struct cell *cell)
{
	int err = set_feature(cell, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY);
	char path[PATH_MAX], state[32] = "";
	double until = kit_now() + 3;
	int fd;

	/* Anything but sysfs would wake it again. */
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/power/runtime_status",
		 cell->dev[0].bdf);
	while (!err && kit_now() < until && strncmp(state, "suspended", 9)) {
		usleep(5000);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, state, sizeof(state) - 1) < 0)
			err = -errno;
		close(fd);
	}
	return err;
}

static int runtime_leave(struct cell *cell)
{
	return set_feature(cell, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT);
}

static const char *no_flr(struct cell *cell)
{
	u8 exp = kit_find_cap(&cell->dev[0], PCI_CAP_ID_EXP);

	if (!exp)
		return cannot(cell, "no PCI Express capability");
	if (!(vfio_pci_config_readl(cell->dev[0].vdev, exp + PCI_EXP_DEVCAP) & PCI_EXP_DEVCAP_FLR))
		return cannot(cell, "PCI Express capability without FLR");
	return NULL;
}

static int flr(struct cell *cell)
{
	u8 exp = kit_find_cap(&cell->dev[0], PCI_CAP_ID_EXP);
	u16 ctl = vfio_pci_config_readw(cell->dev[0].vdev, exp + PCI_EXP_DEVCTL);

	vfio_pci_config_writew(cell->dev[0].vdev, exp + PCI_EXP_DEVCTL,
			       ctl | PCI_EXP_DEVCTL_BCR_FLR);
	return 0;
}

static const char *no_af(struct cell *cell)
{
	u8 af = kit_find_cap(&cell->dev[0], PCI_CAP_ID_AF);
	u8 cap;

	if (!af)
		return cannot(cell, "no AF capability");
	cap = vfio_pci_config_readb(cell->dev[0].vdev, af + PCI_AF_CAP);
	if (!(cap & PCI_AF_CAP_FLR) || !(cap & PCI_AF_CAP_TP))
		return cannot(cell, "AF capability without FLR");
	return NULL;
}

static int af_flr(struct cell *cell)
{
	u8 af = kit_find_cap(&cell->dev[0], PCI_CAP_ID_AF);

	vfio_pci_config_writeb(cell->dev[0].vdev, af + PCI_AF_CTRL, PCI_AF_CTRL_FLR);
	return 0;
}

static const char *no_reset(struct cell *cell)
{
	return cell->dev[0].vdev->info.flags & VFIO_DEVICE_FLAGS_RESET ? NULL :
		cannot(cell, "no function reset");
}

static int reset(struct cell *cell)
{
	int tries = 20, err;

	do {
		err = __vfio_pci_device_reset(cell->dev[0].vdev);
		if (err == -EAGAIN)
			usleep(10000);
	} while (err == -EAGAIN && tries--);
	return err;
}

static const char *no_reset_or_pm(struct cell *cell)
{
	return no_reset(cell) ?: no_pm(cell);
}

/* Before the path itself; it revokes what was exported, for good. */
static void put_to_sleep(struct kit_dev *dev)
{
	set_pm_state(dev, 3);
	dev->importers = 0;
	dev->asleep = true;
	snprintf(dev->why_no_dmabuf, sizeof(dev->why_no_dmabuf), "revoked by D3hot already");
}

static void to_d3hot(struct cell *cell)
{
	put_to_sleep(&cell->dev[0]);
}

/* The devices that a hot reset of this one resets: how many, and which. */
static int hot_reset_set(struct cell *cell, char bdf[EV_MAX_DEVS][16])
{
	struct {
		struct vfio_pci_hot_reset_info hdr;
		struct vfio_pci_dependent_device dev[32];
	} info = { .hdr.argsz = sizeof(info) };
	u32 i;

	if (ioctl(cell->dev[0].vdev->fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &info))
		return -errno;
	if (info.hdr.count > EV_MAX_DEVS)
		return -E2BIG;
	for (i = 0; i < info.hdr.count; i++)
		snprintf(bdf[i], 16, "%04x:%02x:%02x.%x", info.dev[i].segment, info.dev[i].bus,
			 info.dev[i].devfn >> 3, info.dev[i].devfn & 7);
	return info.hdr.count;
}

static const char *in_set(struct cell *cell)
{
	char bdf[EV_MAX_DEVS][16];
	int n = hot_reset_set(cell, bdf);

	if (n < 0)
		return cannot(cell, "no hot reset: %s", strerror(-n));
	return n == 1 ? NULL : cannot(cell, "a hot reset takes %d devices", n);
}

static const char *no_set(struct cell *cell)
{
	char bdf[EV_MAX_DEVS][16];
	int n = hot_reset_set(cell, bdf), i, err;

	if (n < 0)
		return cannot(cell, "no hot reset: %s", strerror(-n));
	if (n == 1)
		return cannot(cell, "alone in its slot");
	for (i = 0; i < n; i++) {
		char *driver = sysfs_driver_get(bdf[i]);

		if (!strcmp(bdf[i], cell->dev[0].bdf))
			continue;
		if (!driver || strcmp(driver, opt.target->driver))
			return cannot(cell, "%s of the slot is bound to %s", bdf[i],
				      driver ?: "no driver");
		err = kit_dev_open(&cell->dev[cell->devs], bdf[i], cell->iommu);
		if (err)
			return cannot(cell, "%s of the slot: %s", bdf[i], strerror(-err));
		kit_dev_find_areas(&cell->dev[cell->devs]);
		cell->devs++;
	}
	return NULL;
}

/* A set with a function that sleeps: it too has to be in D0 for the reset. */
static void one_to_d3hot(struct cell *cell)
{
	int i;

	for (i = cell->devs - 1; i >= 0; i--) {
		if (kit_find_cap(&cell->dev[i], PCI_CAP_ID_PM)) {
			put_to_sleep(&cell->dev[i]);
			return;
		}
	}
}

static int hot_reset(struct cell *cell)
{
	struct vfio_pci_hot_reset arg = { .argsz = sizeof(arg) };
	int tries = 50, err;

	/* The core does not wait for memory_lock here; a reader may have it. */
	do {
		err = ioctl(cell->dev[0].vdev->fd, VFIO_DEVICE_PCI_HOT_RESET, &arg) ? -errno : 0;
		if (err == -EBUSY || err == -EAGAIN)
			usleep(2000);
	} while ((err == -EBUSY || err == -EAGAIN) && tries--);
	return err;
}

/* --- what is seen ---------------------------------------------------- */

static bool by_hand(const struct kit_page *page)
{
	return !page->named;
}

/* Which rule is broken when the PTE of @page outlives a revocation. */
static const char *zap_rule(struct cell *cell, const struct kit_page *page)
{
	int i;

	if (!by_hand(page))
		return "C1";
	for (i = 0; i < cell->evs; i++) {
		if (cell->ev[i].kind == EV_ZAP && cell->ev[i].arg2 == 0)
			return "V3";	/* opted out, though mapped by hand */
	}
	return "V4";
}

/* ... and when it does not come back. */
static const char *back_rule(const struct kit_page *page)
{
	return by_hand(page) ? "V3" : "C1";
}

static int pages(struct cell *cell)
{
	int i, n = 0;

	for (i = 0; i < cell->devs; i++)
		n += cell->dev[i].nr_pages;
	return n;
}

/* While revoked: every page raises SIGBUS. */
static void check_gone(struct cell *cell)
{
	struct kit_page *page;
	int i, j, alive = 0;
	long before;
	u32 val;

	for (i = 0; i < cell->devs; i++) {
		for (j = 0; j < cell->dev[i].nr_pages; j++) {
			page = &cell->dev[i].pages[j];
			before = kit_faults();
			if (!kit_try_read(page->va, &val) || alive++)
				continue;
			if (kit_faults() > before)
				check(cell, CK_ACCESS, ST_FAIL, by_hand(page) ? "V3" : "C3",
				      "%s was mapped again by a fault while revoked (read 0x%x)",
				      kit_page_name(page), val);
			else
				check(cell, CK_ZAP, ST_FAIL, zap_rule(cell, page),
				      "%s is still mapped while revoked (read 0x%x)",
				      kit_page_name(page), val);
		}
	}
	if (!alive)
		check(cell, CK_ACCESS, ST_OK, "C3", "SIGBUS at all %d sampled pages", pages(cell));
	else
		check(cell, CK_ACCESS, ST_FAIL, "C3", "%d of %d pages can be read while revoked",
		      alive, pages(cell));
}

/* A mapping made while revoked has nothing to show either, made eagerly or not. */
static void check_new_mappings(struct cell *cell)
{
	int i, j, n = 0, alive = 0;
	struct kit_area *area;
	char *va;
	u32 val;

	for (i = 0; i < cell->devs; i++) {
		for (j = 0; j < cell->dev[i].nr_areas; j++) {
			long before;

			area = &cell->dev[i].areas[j];
			va = mmap(NULL, 4096, PROT_READ, MAP_SHARED, cell->dev[i].vdev->fd,
				  area->file_offset + area->offset);
			if (va == MAP_FAILED)
				continue;
			n++;
			before = kit_faults();
			if (kit_try_read(va, &val) && !alive++)
				check(cell, CK_ACCESS, ST_FAIL,
				      !area->by_hand ? "C3" : kit_faults() > before ? "V3" : "V4",
				      "region %u can be read by a mapping made while revoked%s",
				      area->region,
				      kit_faults() > before ? "" : ", populated by mmap");
			munmap(va, 4096);
		}
	}
	if (n && !alive)
		check(cell, CK_ACCESS, ST_OK, "V4",
		      "SIGBUS at %d mappings made while revoked", n);
}

/* After it: every page is back, by a fault, with its content. */
static void check_back(struct cell *cell, bool was_reset)
{
	int i, j, faulted = 0, own = 0, ram = 0;
	int dead = 0, stale = 0, wrong = 0;
	struct kit_page *page;
	long before;
	u64 got;
	u32 val;

	kit_faults();
	for (i = 0; i < cell->devs; i++) {
		for (j = 0; j < cell->dev[i].nr_pages; j++) {
			bool fault;

			page = &cell->dev[i].pages[j];
			before = kit_faults();
			if (!kit_try_read(page->va, &val)) {
				if (!dead++)
					check(cell, CK_REFAULT, ST_FAIL, back_rule(page),
					      "%s: SIGBUS after the device is usable again",
					      kit_page_name(page));
				continue;
			}
			fault = kit_faults() > before;
			if (cell->dev[i].asleep)
				fault = true;
			own += page->own_vma;
			faulted += page->own_vma && fault;
			if (was_reset && page->own_vma && !fault && !stale++)
				check(cell, CK_ZAP, ST_FAIL, zap_rule(cell, page),
				      "%s: its PTE was there all through the reset",
				      kit_page_name(page));
			if (!page->area->ram)
				continue;
			ram++;
			if (kit_try_read64(page->va + 4096 - 16, &got) && got == page->pattern &&
			    pread(cell->dev[i].vdev->fd, &got, sizeof(got),
				  page->area->file_offset + page->offset + 4096 - 16) ==
			    sizeof(got) && got == page->pattern)
				continue;
			if (!wrong++)
				check(cell, CK_REFAULT, ST_FAIL, back_rule(page),
				      "%s: content 0x%llx, not 0x%llx", kit_page_name(page),
				      (unsigned long long)got, (unsigned long long)page->pattern);
		}
	}
	if (was_reset && !stale && own)
		check(cell, CK_ZAP, ST_OK, "C3", "%d of %d sampled VMAs faulted again", faulted,
		      own);
	if (!dead && !wrong)
		check(cell, CK_REFAULT, ST_OK, "C3",
		      ram ? "%d pages back, content right on %d RAM pages" : "%d pages back",
		      pages(cell), ram);
}

/* What one hammering thread saw between @from and @to. */
struct seen {
	unsigned long blocked, buses, inside;
	double longest;
	bool ones;
};

static void look(struct cell *cell, struct kit_hammer *h, double from, double to,
		 struct seen *seen)
{
	int i;

	for (i = 0; i < h->segs; i++) {
		struct kit_seg *s = &h->seg[i];

		if (s->to < cell->begin || s->from > cell->end)
			continue;
		seen->ones |= s->ones;
		if (s->seen == SEEN_SIGBUS) {
			seen->buses += s->count;
			continue;
		}
		if (s->seen == SEEN_BLOCKED) {
			seen->blocked++;
			if (s->to - s->from > seen->longest)
				seen->longest = s->to - s->from;
		}
		/* Reads that lie wholly in it; those on its edges tell nothing. */
		if ((s->from >= from && s->first_to <= to) ||
		    (s->last_from >= from && s->to <= to) ||
		    (s->count > 2 && s->from < from && s->to > to && to - from > 0.01))
			seen->inside += s->count;
	}
}

static void check_hammer(struct cell *cell, double from, double to)
{
	static const char * const rules[] = { "C3", "V3" };
	struct kit_hammer *h;
	struct seen seen = { };
	int i, bad = 0;

	for (i = 0; i < 2; i++) {
		unsigned long inside = seen.inside;

		h = &cell->hammer[i];
		look(cell, h, from, to, &seen);
		if (h->overflow)
			check(cell, CK_ACCESS, ST_FAIL, rules[i],
			      "the hammering thread saw more changes than can be noted");
		else if (seen.ones)
			check(cell, CK_ACCESS, ST_FAIL, rules[i],
			      "the hammering thread read all-ones: the device was off");
		else if (seen.inside > inside)
			check(cell, CK_ACCESS, ST_FAIL, rules[i],
			      "%lu reads of the hammering thread while the device was touched",
			      seen.inside - inside);
		else
			continue;
		bad++;
	}
	if (bad)
		return;
	if (seen.blocked)
		check(cell, CK_ACCESS, ST_OK, "C3",
		      "the hammering thread blocked (longest %.0f ms), %lu SIGBUS",
		      seen.longest * 1e3, seen.buses);
	else if (cell->hammer[0].pages || cell->hammer[1].pages)
		check(cell, CK_ACCESS, ST_OK, "C3",
		      "the hammering thread read nothing meanwhile, %lu SIGBUS", seen.buses);
}

static void hammers_start(struct cell *cell)
{
	int i;

	for (i = 0; i < 2; i++)
		kit_hammer_start(&cell->hammer[i], cell->devp, cell->devs, i);
}

static bool hammers_wait(struct cell *cell, double seconds)
{
	return kit_hammer_wait(&cell->hammer[0], 32, seconds) &&
	       kit_hammer_wait(&cell->hammer[1], 32, seconds);
}

static void hammers_stop(struct cell *cell)
{
	kit_hammer_stop(&cell->hammer[0]);
	kit_hammer_stop(&cell->hammer[1]);
}

static void check_order(struct cell *cell, const struct ev *ev, int n, struct order_spec spec)
{
	struct order_verdict v;
	int i, j;

	if (!opt.trace.kit && !spec.out)
		check(cell, CK_ORDER, ST_FAIL, "C9",
		      "no tracepoints of zap, revoke and unrevoke: a kernel without the core patch");
	if (!opt.trace.kit)
		return;
	spec.devs = cell->devs;
	v = order_check(ev, n, &spec);
	check(cell, CK_ORDER, v.ok ? ST_OK : ST_FAIL, v.rule, "%s", v.text);
	if (spec.out)
		return;
	/* The zap itself, apart from what comes after it. */
	i = order_first_touch(ev, n, &spec);
	for (j = 0; j < i && ev[j].kind != EV_ZAP; j++)
		;
	check(cell, CK_ZAP, i < 0 || j < i ? ST_OK : ST_FAIL, "C3",
	      i < 0 || j < i ? "zap before %s" : "no zap before %s", ev_name(spec.touch));
}

/* Mapped as the flag says: nothing by hand in a device that opted out. */
static void check_mapping(struct cell *cell)
{
	int named[EV_MAX_DEVS] = { 0 }, hand[EV_MAX_DEVS] = { 0 }, i, j, dev, wrong = 0;
	const struct kit_page *page = NULL;
	bool plain = !strcmp(opt.target->driver, "vfio-pci");

	for (i = 0; i < cell->devs; i++) {
		for (j = 0; j < cell->dev[i].nr_pages; j++) {
			if (by_hand(&cell->dev[i].pages[j])) {
				page = &cell->dev[i].pages[j];
				hand[i]++;
			} else {
				named[i]++;
			}
		}
		if (plain && hand[i] && !wrong++)
			check(cell, CK_MAPPING, ST_FAIL, "C1",
			      "%s is not named as a DMABUF in /proc/self/maps",
			      kit_page_name(page));
	}
	for (i = 0; i < cell->evs; i++) {
		const struct ev *ev = &cell->ev[i];

		dev = ev->dev;
		if (ev->kind != EV_ZAP || dev < 0)
			continue;
		if (hand[dev] && ev->arg2 == 0 && !wrong++)
			check(cell, CK_MAPPING, ST_FAIL, "V3",
			      "%s is mapped by hand, and the driver opted out of its zap",
			      kit_page_name(page));
		if (named[dev] && ev->arg == 0 && !wrong++)
			check(cell, CK_MAPPING, ST_FAIL, "C1", "mapped DMABUFs, none zapped");
		break;
	}
	if (wrong)
		return;
	for (i = 0, j = 0, dev = 0; i < cell->devs; i++) {
		j += named[i];
		dev += hand[i];
	}
	check(cell, CK_MAPPING, ST_OK, "C1", "%d pages in DMABUFs, %d mapped by hand", j, dev);
}

static void check_importers(struct cell *cell)
{
	int i, importers = 0, revokes = 0, told = 0;
	long long revoked = 0, waited = 0;

	for (i = 0; i < cell->devs; i++)
		importers += cell->dev[i].importers;
	for (i = 0; i < cell->in; i++) {
		told += cell->ev[i].kind == EV_IMPORTER;
		if (cell->ev[i].kind != EV_REVOKE)
			continue;
		revokes++;
		revoked += cell->ev[i].arg;
		waited += cell->ev[i].arg2;
	}
	if (!importers)
		check(cell, CK_DMABUF, ST_NA, "C3", "no importer: %s", cell->dev[0].why_no_dmabuf);
	else if (revokes && revoked >= importers && waited >= importers)
		check(cell, CK_DMABUF, ST_OK, "C3",
		      "%lld DMABUFs revoked, waited for %lld, iommufd told %d times", revoked,
		      waited, told);
	else if (revokes)
		check(cell, CK_DMABUF, ST_FAIL, "C3",
		      "%d DMABUFs with importers, but %lld revoked and %lld waited for", importers,
		      revoked, waited);
	else
		check(cell, CK_DMABUF, ST_FAIL, "C9", "no revoke tracepoint");
}

static const char * const bad_words[] = {
	"WARNING:", "BUG:", "KASAN", "UBSAN", "INFO: task", "Oops", "stall", "lockup",
	"suspicious RCU", "possible circular", "possible recursive", "inconsistent lock",
	"general protection",
};

/* Cells run side by side: is a report about another one's process? */
static bool of_another(struct cell *cell, const char *text)
{
	const char *at = strstr(text, "vfio_conformanc/");
	pid_t pid = at ? atoi(strchr(at, '/') + 1) : 0;

	return pid && pid != getpid() && pid != cell->hammer[0].tid &&
	       pid != cell->hammer[1].tid;
}

/* The core catches both kinds of misuse (C5): which rule did the driver break? */
static const char *broken_rule(const char *warning)
{
	if (strstr(warning, "zap_bars_on_revoke changed after registration"))
		return "C4";
	if (strstr(warning, "without zap_bars_on_revoke"))
		return "V3";
	return "kernel";
}

static void check_kmsg(struct cell *cell)
{
	char line[8192], message[160] = "", *text;
	bool lead = false;
	ssize_t n;
	size_t i;

	while ((n = read(cell->kmsg, line, sizeof(line) - 1)) > 0 || errno == EPIPE) {
		if (n <= 0)
			continue;
		line[n] = '\0';
		text = strchr(line, ';');
		if (!text++)
			continue;
		text[strcspn(text, "\n")] = '\0';
		/* The message of a WARN() comes before the line that says WARNING. */
		if (lead && !strstr(text, "WARNING:"))
			snprintf(message, sizeof(message), "%s", text);
		lead = strstr(text, "-[ cut here ]-");
		for (i = 0; i < ARRAY_SIZE(bad_words); i++) {
			if (!strstr(text, bad_words[i]) || of_another(cell, text))
				continue;
			text = *message ? message : text;
			check(cell, CK_WARN, ST_FAIL, broken_rule(text), "%.180s", text);
			return;
		}
		if (strstr(text, "WARNING:"))
			message[0] = '\0';
	}
	check(cell, CK_WARN, ST_OK, "C5", "no kernel warning");
}

static void read_events(struct cell *cell)
{
	struct ev *ev = cell->ev + cell->evs;
	int i, n;

	for (i = 0; i < cell->devs; i++)
		cell->bdf[i] = cell->dev[i].bdf;
	n = trace_read(&opt.trace, cell->bdf, cell->devs, gettid(), ev,
		       TRACE_MAX_EVENTS - cell->evs);
	for (i = 0; i < n; i++) {
		/* Not those of clearing the trace, which has microseconds. */
		if (ev[i].t >= cell->begin - 0.000001)
			cell->ev[cell->evs++] = ev[i];
	}
	trace_clear(&opt.trace);
}

/* From the first touch until it was done, or until the way out began. */
static void touched(struct cell *cell, double *from, double *to)
{
	int i = order_first_touch(cell->ev, cell->in, &cell->path->in);

	*from = i < 0 ? cell->middle : cell->ev[i].t;
	*to = cell->middle;
	for (i = cell->in - 1; i >= 0 && !cell->path->leave; i--) {
		if (cell->ev[i].kind == EV_RESET_DONE) {
			*to = cell->ev[i].t;
			break;
		}
	}
}

static void prepare_devs(struct cell *cell)
{
	int i;

	for (i = 0; i < cell->devs; i++) {
		cell->devp[i] = &cell->dev[i];
		kit_dev_map(&cell->dev[i], opt.emulated);
		kit_dev_export(&cell->dev[i]);
	}
}

static void run_path(struct cell *cell)
{
	const struct path *path = cell->path;
	double from, to;
	int err;

	prepare_devs(cell);
	if (path->prepare)
		path->prepare(cell);
	hammers_start(cell);
	hammers_wait(cell, 2);
	trace_clear(&opt.trace);

	cell->begin = kit_now();
	err = path->enter(cell);
	cell->middle = kit_now();
	if (err) {
		check(cell, CK_ORDER, ST_FAIL, "C3", "the request failed: %s", strerror(-err));
		goto stop;
	}
	read_events(cell);
	cell->in = cell->evs;
	if (path->leave) {
		check_gone(cell);
		check_new_mappings(cell);
		hammers_wait(cell, 2);
		cell->middle = kit_now();
		err = path->leave(cell);
		if (err) {
			check(cell, CK_ORDER, ST_FAIL, "C3", "the way back failed: %s",
			      strerror(-err));
			goto stop;
		}
		read_events(cell);
	}
	cell->end = kit_now();
	check_order(cell, cell->ev, cell->in, path->in);
	if (path->leave)
		check_order(cell, cell->ev + cell->in, cell->evs - cell->in, path->out);
	check_back(cell, !path->leave);
	if (!hammers_wait(cell, 5))
		check(cell, CK_REFAULT, ST_FAIL, "C3", "the hammering thread hangs");
	hammers_stop(cell);
	touched(cell, &from, &to);
	check_hammer(cell, from, to);
	check_mapping(cell);
	check_importers(cell);
	return;
stop:
	hammers_stop(cell);
}

static bool sees_close(struct cell *cell)
{
	int i;

	read_events(cell);
	for (i = 0; i < cell->evs; i++) {
		if (cell->ev[i].kind == EV_CLOSE)
			return true;
	}
	return false;
}

/* Closing the device fd with live mappings closes nothing; the last munmap does. */
static void run_close(struct cell *cell)
{
	struct kit_dev again, *dev = &cell->dev[0];
	const char *rule = "C1";
	int i, err, dead = 0;
	bool closed;
	u32 val;

	prepare_devs(cell);
	for (i = 0; i < dev->nr_areas; i++)
		close(dev->areas[i].dmabuf);
	hammers_start(cell);
	hammers_wait(cell, 2);
	trace_clear(&opt.trace);
	cell->begin = kit_now();
	close(dev->vdev->fd);
	closed = sees_close(cell);
	for (i = 0; i < dev->nr_pages; i++) {
		if (kit_try_read(dev->pages[i].va, &val))
			continue;
		if (by_hand(&dev->pages[i]))
			rule = "V3";
		dead++;
	}
	check(cell, CK_ACCESS, dead ? ST_FAIL : ST_OK, rule,
	      dead ? "%d mapped pages died with the device fd" :
	      "mappings live on after the fd is closed (%d dead)", dead);
	err = kit_dev_open(&again, dev->bdf, cell->iommu);
	if (!err)
		close(again.vdev->fd);
	check(cell, CK_ORDER, closed || !err ? ST_FAIL : ST_OK, "C1",
	      closed || !err ? "the device was closed under a live mapping" :
	      "the mapping keeps the device open");

	check_mapping(cell);
	hammers_wait(cell, 2);
	hammers_stop(cell);
	kit_dev_unmap(dev, 1, dev->nr_maps);
	closed = sees_close(cell);
	check(cell, CK_ORDER, closed ? ST_FAIL : ST_OK, "C1",
	      closed ? "the device was closed under its last mapping" :
	      "one mapping of %d keeps it open", dev->nr_maps);
	cell->middle = kit_now();
	kit_dev_unmap(dev, 0, 1);
	cell->end = kit_now();
	closed = sees_close(cell);
	check(cell, CK_ZAP, closed ? ST_OK : ST_FAIL, "C1",
	      closed ? "closed with the last munmap: no PTE is left" :
	      "not closed by the last munmap");
	cell->in = cell->evs;

	err = kit_dev_open(&again, dev->bdf, cell->iommu);
	if (err) {
		check(cell, CK_REFAULT, ST_FAIL, "C1", "cannot be opened again: %s",
		      strerror(-err));
		return;
	}
	kit_dev_find_areas(&again);
	kit_dev_map(&again, false);
	for (i = 0, dead = 0; i < again.nr_pages; i++) {
		u64 got = 0;

		if (by_hand(&again.pages[i]))
			rule = "V3";
		again.pages[i].pattern = i < dev->nr_pages ? dev->pages[i].pattern : 0;
		if (!kit_try_read64(again.pages[i].va + 4096 - 16, &got) ||
		    (i < dev->nr_pages && dev->pages[i].area->ram &&
		     got != again.pages[i].pattern))
			dead++;
	}
	check(cell, CK_REFAULT, dead ? ST_FAIL : ST_OK, dead ? rule : "C1",
	      dead ? "%d pages wrong after it was opened again" :
	      "opened and mapped again (%d pages wrong)", dead);
	kit_dev_unmap(&again, 0, again.nr_maps);
	close(again.vdev->fd);
}

static u64 resource_size(const char *bdf, u32 bar)
{
	unsigned long long start, end, flags;
	char path[PATH_MAX];
	u64 size = 0;
	FILE *f;
	u32 i;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource", bdf);
	f = fopen(path, "re");
	for (i = 0; f && fscanf(f, "%llx %llx %llx", &start, &end, &flags) == 3; i++) {
		if (i == bar && end)
			size = end - start + 1;
	}
	if (f)
		fclose(f);
	return size;
}

/*
 * How the page at @at of a region can be had that region info does not show: by
 * itself, or in one piece with all that is before it. NULL: not at all.
 */
static const char *page_leaks(struct kit_dev *dev, const struct vfio_region_info *info, u64 at)
{
	const char *what = NULL;
	void *va;
	int fd;

	va = mmap(NULL, 4096, PROT_READ, MAP_SHARED, dev->vdev->fd, info->offset + at);
	if (va != MAP_FAILED) {
		what = "mapped";
		munmap(va, 4096);
	}
	va = mmap(NULL, at + 4096, PROT_READ, MAP_SHARED, dev->vdev->fd, info->offset);
	if (va != MAP_FAILED) {
		what = "mapped by a mapping of the whole";
		munmap(va, at + 4096);
	}
	fd = kit_region_export(dev, info->index, at, 4096);
	if (fd < 0)
		fd = kit_region_export(dev, info->index, 0, at + 4096);
	if (fd >= 0) {
		what = "exported as a DMABUF";
		close(fd);
	}
	return what;
}

/* The next stretch of the region from @at on that is in no area; false: none. */
static bool next_hole(struct kit_dev *dev, const struct vfio_region_info *info, u64 *at, u64 *end)
{
	bool moved = true;
	int i;

	/* There may be more of them than there was room for. */
	if (dev->nr_areas == KIT_MAX_AREAS)
		return false;
	while (moved) {
		moved = false;
		*end = info->size;
		for (i = 0; i < dev->nr_areas; i++) {
			const struct kit_area *area = &dev->areas[i];

			if (area->region != info->index)
				continue;
			if (area->offset <= *at && *at < area->offset + area->size) {
				*at = area->offset + area->size;
				moved = true;
			} else if (area->offset > *at) {
				*end = min(*end, area->offset);
			}
		}
	}
	return *at < info->size;
}

/* What region info does not show can be had in no other way either. */
static void run_edges(struct cell *cell)
{
	struct kit_dev *dev = &cell->dev[0];
	int hidden = 0, holes = 0, leaks = 0;
	const char *what;
	u64 real, at, end;
	u32 index, val = 0;

	for (index = 0; index < dev->vdev->info.num_regions; index++) {
		struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

		if (index == VFIO_PCI_CONFIG_REGION_INDEX ||
		    ioctl(dev->vdev->fd, VFIO_DEVICE_GET_REGION_INFO, &info))
			continue;
		/* Reading one is up to the driver: it may emulate what is there. */
		for (at = 0; next_hole(dev, &info, &at, &end); at = end) {
			holes++;
			what = page_leaks(dev, &info, at);
			if (what && !leaks++)
				check(cell, CK_ACCESS, ST_FAIL, "V2",
				      "region %u at 0x%llx, in none of its areas, can be %s", index,
				      (unsigned long long)at, what);
		}
		real = index < PCI_STD_NUM_BARS ? resource_size(dev->bdf, index) : 0;
		if (!real)
			continue;
		hidden += real > info.size;
		what = page_leaks(dev, &info, (info.size + 4095) & ~4095ULL);
		if (!what && pread(dev->vdev->fd, &val, sizeof(val), info.offset + info.size) > 0)
			what = "read";
		/* Nothing is written to a real device that is not known. */
		if (!what && opt.emulated &&
		    pwrite(dev->vdev->fd, &val, sizeof(val), info.offset + info.size) > 0)
			what = "written";
		if (what && !leaks++)
			check(cell, CK_ACCESS, ST_FAIL, "V2",
			      "BAR %u beyond its 0x%llx bytes can be %s", index,
			      (unsigned long long)info.size, what);
	}
	if (!leaks)
		check(cell, CK_ACCESS, ST_OK, "V2",
		      "nothing out of the areas that can be mapped (%d BARs with a hidden part, %d stretches)",
		      hidden, holes);
}

#define IN(t, a)		.in = { .touch = t, .touch_arg = a }
#define IN_RESET(needs_d0)	.in = { .touch = EV_RESET, .touch_arg = -1, .d0 = needs_d0, \
					.unrevoke = true }
#define OUT(t, a)		.out = { .touch = t, .touch_arg = a, .unrevoke = true, .out = true }

static const struct path paths[] = {
	{ .id = "memory-disable", .title = "memory disable (PCI_COMMAND)",
	  .enter = memory_off, .leave = memory_on, IN(EV_COMMAND, 0), OUT(EV_COMMAND, 2) },
	{ .id = "d3hot", .title = "D3hot and back (PMCSR)", .cannot = no_pm,
	  .enter = d3hot, .leave = d0, IN(EV_POWER, 3), OUT(EV_POWER_DONE, -1) },
	{ .id = "runtime-pm", .title = "runtime PM entry/exit", .cannot = no_runtime_pm,
	  .enter = runtime_enter, .leave = runtime_leave, IN(EV_SUSPEND, -1), OUT(EV_RESUME, -1) },
	{ .id = "flr", .title = "FLR (PCI Express capability)", .cannot = no_flr, .enter = flr,
	  IN_RESET(false) },
	{ .id = "af-flr", .title = "FLR (AF capability)", .cannot = no_af, .enter = af_flr,
	  IN_RESET(false) },
	{ .id = "reset", .title = "VFIO_DEVICE_RESET", .cannot = no_reset, .enter = reset,
	  IN_RESET(true) },
	{ .id = "reset-d3hot", .title = "VFIO_DEVICE_RESET from D3hot", .cannot = no_reset_or_pm,
	  .prepare = to_d3hot, .enter = reset, IN_RESET(true) },
	{ .id = "hot-reset", .title = "hot reset, one device", .cannot = in_set,
	  .enter = hot_reset, IN_RESET(true) },
	{ .id = "hot-reset-slot", .title = "hot reset, multi-function slot", .cannot = no_set,
	  .prepare = one_to_d3hot, .enter = hot_reset, IN_RESET(true) },
	{ .id = "close", .title = "close with a live mapping", .run = run_close },
	{ .id = "edges", .title = "hidden parts of regions", .run = run_edges },
};

/* --- results --------------------------------------------------------- */

static void json_string(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', f);
		if ((unsigned char)*s >= 0x20)
			fputc(*s, f);
	}
	fputc('"', f);
}

static void json_head(FILE *f, const struct path *path, const char *status, const char *why)
{
	fprintf(f, "{\"type\":\"cell\",\"driver\":");
	json_string(f, opt.target->driver);
	fprintf(f, ",\"device\":");
	json_string(f, opt.target->label);
	fprintf(f, ",\"bdf\":\"%s\",\"path\":\"%s\",\"title\":\"%s\",\"status\":\"%s\",\"why\":",
		opt.target->bdf, path->id, path->title, status);
	json_string(f, why);
}

/* Milliseconds after the cell's beginning. */
static double ms(const struct cell *cell, double t)
{
	return t ? (t - cell->begin) * 1e3 : 0;
}

static void json_cell(FILE *f, const struct cell *cell)
{
	static const char * const seen[] = { "ok", "blocked", "sigbus", "slow" };
	enum status status = ST_OK;
	int i;

	for (i = 0; i < cell->checks; i++) {
		if (cell->check[i].status == ST_FAIL)
			status = ST_FAIL;
	}
	json_head(f, cell->path, status_name[status], "");
	fprintf(f, ",\"ms\":%.1f,\"middle\":%.3f,\"end\":%.3f,\"pages\":%d,\"set\":[",
		(kit_now() - cell->start) * 1e3, ms(cell, cell->middle), ms(cell, cell->end),
		cell->dev[0].nr_pages);
	for (i = 0; i < cell->devs; i++)
		fprintf(f, "%s\"%s\"", i ? "," : "", cell->dev[i].bdf);
	fprintf(f, "],\"checks\":[");
	for (i = 0; i < cell->checks; i++) {
		const struct check *c = &cell->check[i];

		fprintf(f, "%s{\"id\":\"%c\",\"rule\":\"%s\",\"status\":\"%s\",\"text\":",
			i ? "," : "", check_letter[c->id], c->rule, status_name[c->status]);
		json_string(f, c->text);
		fputc('}', f);
	}
	fprintf(f, "],\"events\":[");
	for (i = 0; i < cell->evs; i++) {
		const struct ev *e = &cell->ev[i];

		fprintf(f, "%s[%.3f,\"%s\",%d,%lld,%lld,\"%s\"]", i ? "," : "", ms(cell, e->t),
			ev_name(e->kind), e->dev, e->arg, e->arg2, e->what ?: "");
	}
	fprintf(f, "],\"hammer\":[");
	for (i = 0; i < cell->hammer[0].segs + cell->hammer[1].segs; i++) {
		int t = i >= cell->hammer[0].segs;
		const struct kit_seg *s = &cell->hammer[t].seg[t ? i - cell->hammer[0].segs : i];

		fprintf(f, "%s[\"%s\",%.3f,%.3f,%lu,%d,%d]", i ? "," : "",
			s->ones ? "ones" : seen[s->seen], ms(cell, s->from), ms(cell, s->to),
			s->count, s->dev, t);
	}
	fprintf(f, "]}\n");
}

/* One line, whole, whoever else writes. */
static void emit(const char *line, size_t len)
{
	ssize_t n;

	pthread_mutex_lock(opt.lock);
	while (len) {
		n = write(opt.fd, line, len);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			break;
		if (n > 0) {
			line += n;
			len -= n;
		}
	}
	pthread_mutex_unlock(opt.lock);
}

static void emit_plain(const struct path *path, const char *status, const char *why)
{
	char *line = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&line, &len);

	json_head(f, path, status, why);
	fprintf(f, ",\"checks\":[],\"events\":[],\"hammer\":[]}\n");
	fclose(f);
	emit(line, len);
	free(line);
}

/* --- processes ------------------------------------------------------- */

static void open_cell(struct cell *cell, const struct path *path)
{
	int err;

	cell->path = path;
	cell->start = kit_now();
	cell->iommu = iommu_init(MODE_IOMMUFD);
	err = kit_dev_open(&cell->dev[0], opt.target->bdf, cell->iommu);
	if (err)
		VFIO_LOG_AND_EXIT("%s: cannot be opened: %s", opt.target->bdf, strerror(-err));
	cell->devs = 1;
	kit_dev_find_areas(&cell->dev[0]);
}

/* In a process of its own: one path on one device, the result to @out. */
static void run_cell(const struct path *path, FILE *out)
{
	static struct cell cell;

	cell.kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (cell.kmsg >= 0)
		lseek(cell.kmsg, 0, SEEK_END);
	mlockall(MCL_CURRENT);
	open_cell(&cell, path);
	trace_clear(&opt.trace);
	/* It also opens the other devices of a set. */
	if (path->cannot && path->cannot(&cell))
		VFIO_LOG_AND_EXIT("%s: %s", opt.target->bdf, cell.why);
	(path->run ?: run_path)(&cell);
	check_kmsg(&cell);
	json_cell(out, &cell);
}

/* In a process of its own: what the device cannot do, a line a path. */
static void run_probe(const struct path *unused, FILE *out)
{
	static struct cell cell;
	const char *why;
	size_t i;

	open_cell(&cell, NULL);
	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		why = paths[i].cannot ? paths[i].cannot(&cell) : NULL;
		if (!why && !cell.dev[0].nr_areas && paths[i].run != run_edges)
			why = "no region that can be mapped";
		fprintf(out, "%s\n", why ?: "");
	}
}

/*
 * Run @fn for @path in a process of its own, for at most the time allowed;
 * what it says is in @text, and why it died in @why.
 */
static bool in_child(void (*fn)(const struct path *path, FILE *out), const struct path *path,
		     char **text, size_t *len, char *why, size_t why_len)
{
	double until = kit_now() + opt.timeout;
	const size_t max = 1 << 20;
	int p[2], status, left;
	bool late = false;
	ssize_t n;
	pid_t pid;

	*text = malloc_assert(max + 1);
	*len = 0;
	VFIO_ASSERT_EQ(pipe2(p, O_CLOEXEC), 0);
	pid = fork();
	VFIO_ASSERT_GE(pid, 0);
	if (!pid) {
		FILE *out = fdopen(p[1], "w");

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(p[0]);
		fn(path, out);
		fclose(out);
		exit(0);
	}
	close(p[1]);
	do {
		struct pollfd pfd = { .fd = p[0], .events = POLLIN };

		left = (until - kit_now()) * 1e3;
		late = left <= 0 || poll(&pfd, 1, left) <= 0;
		n = late ? 0 : read(p[0], *text + *len, max - *len);
		*len += n > 0 ? n : 0;
	} while (n > 0 && *len < max);
	close(p[0]);
	if (late)
		kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	(*text)[*len] = '\0';
	if (late)
		snprintf(why, why_len, "not done after %d s", opt.timeout);
	else if (WIFSIGNALED(status))
		snprintf(why, why_len, "killed by signal %d", WTERMSIG(status));
	else
		snprintf(why, why_len, "the test gave up: its output says why");
	return !late && WIFEXITED(status) && !WEXITSTATUS(status) && *len &&
	       (*text)[*len - 1] == '\n';
}

static bool fork_cell(const struct path *path)
{
	char *line, why[96];
	bool good;
	size_t len;

	good = in_child(run_cell, path, &line, &len, why, sizeof(why));
	if (good) {
		emit(line, len);
		good = !strstr(line, "\"status\":\"fail\"");
	} else {
		emit_plain(path, "error", why);
	}
	free(line);
	return good;
}

static bool wanted(const struct target *target, const struct path *path)
{
	size_t len = strlen(path->id);
	const char *at = target->paths;

	if (!*at)
		return true;
	while (at && *at) {
		if (!strncmp(at, path->id, len) && (at[len] == ',' || !at[len]))
			return true;
		at = strchr(at, ',');
		at = at ? at + 1 : NULL;
	}
	return false;
}

static int worker(const struct target *target)
{
	char *driver = sysfs_driver_get(target->bdf);
	char *text, *at, *line, why[96];
	int bad = 0, err;
	size_t i, len;
	bool good;

	opt.target = target;
	if (!driver || strcmp(driver, target->driver)) {
		fprintf(stderr, "%s is bound to %s, not to %s\n", target->bdf,
			driver ?: "no driver", target->driver);
		for (i = 0; i < ARRAY_SIZE(paths); i++)
			emit_plain(&paths[i], "error", "the driver is not bound to the device");
		return 1;
	}
	err = trace_start(&opt.trace);
	if (err)
		fprintf(stderr, "no trace instance: %s\n", strerror(-err));
	good = in_child(run_probe, NULL, &text, &len, why, sizeof(why));
	at = text;
	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		line = good ? strsep(&at, "\n") : why;
		if (!wanted(target, &paths[i]))
			continue;
		if (line && *line)
			emit_plain(&paths[i], good ? "na" : "error", line);
		else
			bad += !fork_cell(&paths[i]);
		bad += !good;
	}
	free(text);
	trace_stop(&opt.trace);
	return bad;
}

static void help(FILE *f)
{
	size_t i;

	fprintf(f,
		"usage: vfio_conformance [options] DRIVER@BDF[@LABEL[@PATH,PATH...]]...\n"
		"\n"
		"Drives every revocation path of each device, which has to be bound to DRIVER,\n"
		"a VFIO PCI driver, and prints a JSON line for each. 0: all as the contract says.\n"
		"\n"
		"  --results FILE  write the lines there\n"
		"  --emulated      the devices may be written to anywhere (never on real ones)\n"
		"  --timeout S     for one path on one device, %d by default\n"
		"  --jobs N        so many devices at a time, 8 by default\n"
		"  --self-test     only test the check of the order, without any device\n"
		"\n"
		"paths:\n", opt.timeout);
	for (i = 0; i < ARRAY_SIZE(paths); i++)
		fprintf(f, "  %-16s%s\n", paths[i].id, paths[i].title);
}

static void parse_target(char *arg, struct target *t)
{
	char *driver = strsep(&arg, "@"), *bdf = strsep(&arg, "@"), *label = strsep(&arg, "@");

	if (!bdf || !*driver || strlen(bdf) >= sizeof(t->bdf)) {
		fprintf(stderr, "vfio_conformance: '%s' is not DRIVER@BDF\n", driver);
		exit(2);
	}
	snprintf(t->driver, sizeof(t->driver), "%s", driver);
	snprintf(t->bdf, sizeof(t->bdf), "%s", bdf);
	snprintf(t->label, sizeof(t->label), "%s", label ?: bdf);
	snprintf(t->paths, sizeof(t->paths), "%s", arg ?: "");
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "results", required_argument, NULL, 'r' },
		{ "emulated", no_argument, NULL, 'e' },
		{ "timeout", required_argument, NULL, 't' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "self-test", no_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	static struct target target[MAX_WORKERS];
	int c, i, n = 0, err, status, jobs = 8, bad = 0;
	pthread_mutexattr_t attr;
	char line[96];

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'r':
			opt.results = optarg;
			break;
		case 'e':
			opt.emulated = true;
			break;
		case 't':
			opt.timeout = atoi(optarg);
			break;
		case 'j':
			jobs = atoi(optarg);
			break;
		case 's':
			return order_self_test() ? 1 : 0;
		default:
			help(c == 'h' ? stdout : stderr);
			return c == 'h' ? 0 : 2;
		}
	}
	if (optind == argc || argc - optind > MAX_WORKERS) {
		help(stderr);
		return 2;
	}
	for (; optind < argc; optind++)
		parse_target(argv[optind], &target[n++]);

	if (opt.results) {
		opt.fd = open(opt.results, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
		if (opt.fd < 0) {
			perror(opt.results);
			return 2;
		}
	}
	opt.lock = mmap(NULL, sizeof(*opt.lock), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	VFIO_ASSERT_NE((void *)opt.lock, MAP_FAILED);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(opt.lock, &attr);

	err = trace_probes_add();
	if (err)
		fprintf(stderr, "no kprobe events: %s\n", strerror(-err));
	for (i = 0; i < n; i++) {
		if (i >= jobs && wait(&status) > 0)
			bad += !WIFEXITED(status) || WEXITSTATUS(status);
		if (!fork()) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			_exit(worker(&target[i]) ? 1 : 0);
		}
	}
	while (wait(&status) > 0)
		bad += !WIFEXITED(status) || WEXITSTATUS(status);
	trace_probes_remove();
	snprintf(line, sizeof(line), "{\"type\":\"end\",\"devices\":%d,\"bad\":%d}\n", n, bad);
	emit(line, strlen(line));
	return bad ? 1 : 0;
}
