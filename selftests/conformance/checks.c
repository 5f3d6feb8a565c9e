// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is checked of every path: PTEs gone, accesses refused, pages back, the
 * order of events, importers, and what the mappings are made of.
 *
 * How "the user's PTE is gone" is seen: pagemap and mincore() say nothing of
 * PFN mappings, but minor faults are counted. A page that was present and
 * whose next access faults (or raises SIGBUS) was not present any more; each
 * sampled page has a VMA of its own, so that it faults for itself. That it was
 * gone *before* the device was touched is read from the order of the trace,
 * and from a thread that reads the mapping all the time.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <sys/mman.h>
#include <unistd.h>

#include "conformance.h"

/* A reset that the core was not told of: whose is it to tell? */
static const char *not_told(struct cell *cell)
{
	int i;

	for (i = 0; i < cell->evs; i++) {
		if (cell->ev[i].kind == EV_ZAP)
			return NULL;
	}
	if (!opt.trace.kit || !cell->path->foreign)
		return NULL;
	return strcmp(opt.target->driver, "vfio-pci") ? "V7" : "C11";
}

/* Which rule is broken when the PTE of @page outlives a revocation. */
static const char *zap_rule(struct cell *cell, const struct kit_page *page)
{
	int i;

	if (not_told(cell))
		return not_told(cell);
	if (page->exported)
		return "C3";
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
	if (page->exported)
		return "C3";
	return by_hand(page) ? "V3" : "C1";
}

static int pages(struct cell *cell)
{
	int i, n = 0;

	for (i = 0; i < cell->set.devs; i++)
		n += cell->set.dev[i]->nr_pages;
	return n;
}

/* While revoked: every page raises SIGBUS. */
void check_gone(struct cell *cell)
{
	struct kit_page *page;
	int i, j, alive = 0;
	long before;
	u32 val;

	for (i = 0; i < cell->set.devs; i++) {
		for (j = 0; j < cell->set.dev[i]->nr_pages; j++) {
			page = &cell->set.dev[i]->pages[j];
			before = kit_faults();
			if (!kit_try_read(page->va, &val) || alive++)
				continue;
			if (page->exported)
				check(cell, CK_EXPORTS, ST_FAIL, "C3",
				      "%s is %s while revoked (read 0x%x)", kit_page_name(page),
				      kit_faults() > before ? "mapped again by a fault" :
				      "still mapped", val);
			else if (kit_faults() > before)
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
void check_new_mappings(struct cell *cell)
{
	int i, j, n = 0, alive = 0;
	struct kit_area *area;
	char *va;
	u32 val;

	for (i = 0; i < cell->set.devs; i++) {
		for (j = 0; j < cell->set.dev[i]->nr_areas; j++) {
			long before;

			area = &cell->set.dev[i]->areas[j];
			va = mmap(NULL, 4096, PROT_READ, MAP_SHARED, cell->set.dev[i]->vdev->fd,
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
void check_back(struct cell *cell, bool was_reset)
{
	int i, j, faulted = 0, own = 0, ram = 0;
	int dead = 0, stale = 0, wrong = 0;
	struct kit_page *page;
	long before;
	u64 got;
	u32 val;

	kit_faults();
	for (i = 0; i < cell->set.devs; i++) {
		for (j = 0; j < cell->set.dev[i]->nr_pages; j++) {
			bool fault;

			page = &cell->set.dev[i]->pages[j];
			before = kit_faults();
			if (!kit_try_read(page->va, &val)) {
				if (!dead++)
					check(cell, page->exported ? CK_EXPORTS : CK_REFAULT,
					      ST_FAIL, back_rule(page),
					      "%s: SIGBUS after the device is usable again",
					      kit_page_name(page));
				continue;
			}
			fault = kit_faults() > before;
			if (cell->set.dev[i]->asleep)
				fault = true;
			own += page->own_vma;
			faulted += page->own_vma && fault;
			if (was_reset && page->own_vma && !fault && !stale++)
				check(cell, page->exported ? CK_EXPORTS : CK_ZAP, ST_FAIL,
				      zap_rule(cell, page),
				      "%s: its PTE was there all through the reset",
				      kit_page_name(page));
			if (!page->area->ram)
				continue;
			ram++;
			if (kit_try_read64(page->va + 4096 - 16, &got) && got == page->pattern &&
			    pread(cell->set.dev[i]->vdev->fd, &got, sizeof(got),
				  page->area->file_offset + page->offset + 4096 - 16) ==
			    sizeof(got) && got == page->pattern)
				continue;
			if (!wrong++)
				check(cell, page->exported ? CK_EXPORTS : CK_REFAULT, ST_FAIL,
				      back_rule(page),
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

void check_reader(struct cell *cell, double from, double to)
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
	if (cell->path->waits && seen.buses && !bad++)
		check(cell, CK_ACCESS, ST_FAIL, "C11",
		      "%lu SIGBUS of the hammering thread, which has to wait", seen.buses);
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

void check_order(struct cell *cell, const struct ev *ev, int n, const char *order, bool out)
{
	struct order_verdict v;
	int i, j;

	if (!opt.trace.kit && !out)
		check(cell, CK_ORDER, opt.no_series ? ST_SKIP : ST_FAIL, "C9",
		      "no tracepoints of zap, revoke and unrevoke: a kernel without the core patch");
	if (!opt.trace.kit)
		return;
	v = order_check(ev, n, order, cell->set.devs);
	/* check_handlers() has said why there is no event to be in order. */
	if (not_told(cell))
		return;
	check(cell, CK_ORDER, v.ok ? ST_OK : ST_FAIL, v.rule, "%s", v.text);
	if (out)
		return;
	/* The zap itself, apart from what comes after it. */
	i = order_first_touch(ev, n, order);
	for (j = 0; j < i && ev[j].kind != EV_ZAP; j++)
		;
	check(cell, CK_ZAP, i < 0 || j < i ? ST_OK : ST_FAIL, "C3",
	      i < 0 || j < i ? "zap before %s" : "no zap before %s", order_touch_name(order));
}

static int devs_zapped(struct cell *cell)
{
	bool seen[EV_MAX_DEVS] = { false };
	int i, n = 0;

	for (i = 0; i < cell->evs; i++) {
		if (cell->ev[i].kind == EV_ZAP && cell->ev[i].dev >= 0)
			seen[cell->ev[i].dev] = true;
	}
	for (i = 0; i < cell->set.devs; i++)
		n += seen[i];
	return n;
}

/*
 * Nobody but the driver that is bound hears of a reset by somebody else. Which
 * of its pci_error_handlers call the core's is seen from what the core does then.
 * A .reset_done that does not is not seen here: the device cannot even be opened.
 */
void check_handlers(struct cell *cell)
{
	const char *rule = strcmp(opt.target->driver, "vfio-pci") ? "V7" : "C11";
	const struct kit_path *path = cell->path;

	if (!path->foreign || !opt.trace.kit)
		return;
	/* The thread of the recovery is known, with its reset, from its first zap on. */
	if (path->error && order_first_touch(cell->ev, cell->evs, path->order) < 0)
		check(cell, CK_HANDLERS, ST_FAIL, rule,
		      "no zap before the reset: .error_detected does not call vfio_pci_core_aer_err_detected()");
	else if (devs_zapped(cell) < cell->set.devs)
		check(cell, CK_HANDLERS, ST_FAIL, rule,
		      "no zap: .reset_prepare does not call vfio_pci_core_reset_prepare()");
	else if (cell->user_reset)
		check(cell, CK_HANDLERS, ST_SKIP, rule,
		      "back by the user's reset: no .slot_reset or .resume that calls the core's");
	else
		check(cell, CK_HANDLERS, ST_OK, rule, "the core was told");
}

/* Nothing was taken away, and nobody was disturbed. */
void check_untouched(struct cell *cell)
{
	int i, faulted = 0, dead = 0;
	struct kit_page *page;
	long before;
	u32 val;

	for (i = 0; i < cell->evs; i++) {
		if (cell->ev[i].kind == EV_ZAP || cell->ev[i].kind == EV_REVOKE) {
			check(cell, CK_ORDER, ST_FAIL, "C11", "%s, though nothing is reset",
			      ev_name(cell->ev[i].kind));
			break;
		}
	}
	if (i == cell->evs)
		check(cell, CK_ORDER, ST_OK, "C11", "nothing was zapped or revoked");
	kit_faults();
	for (i = 0; i < cell->dev.nr_pages; i++) {
		page = &cell->dev.pages[i];
		before = kit_faults();
		dead += !kit_try_read(page->va, &val);
		faulted += kit_faults() > before;
	}
	if (dead || faulted)
		check(cell, CK_ACCESS, ST_FAIL, "C11", "%d of %d pages are gone, %d faulted again",
		      dead, pages(cell), faulted);
	else
		check(cell, CK_ACCESS, ST_OK, "C11", "%d pages are there as before", pages(cell));
}

/* Mapped as the flag says: nothing by hand in a device that opted out. */
void check_mapping(struct cell *cell)
{
	int named[EV_MAX_DEVS] = { 0 }, hand[EV_MAX_DEVS] = { 0 }, i, j, dev, wrong = 0;
	const struct kit_page *page = NULL;
	bool plain = !strcmp(opt.target->driver, "vfio-pci");

	for (i = 0; i < cell->set.devs; i++) {
		for (j = 0; j < cell->set.dev[i]->nr_pages; j++) {
			if (by_hand(&cell->set.dev[i]->pages[j])) {
				page = &cell->set.dev[i]->pages[j];
				hand[i]++;
			} else {
				named[i]++;
			}
		}
		if (plain && !opt.mappings_need && hand[i] && !wrong++)
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
	for (i = 0, j = 0, dev = 0; i < cell->set.devs; i++) {
		j += named[i];
		dev += hand[i];
	}
	if (plain && opt.mappings_need && dev)
		check(cell, CK_MAPPING, ST_SKIP, "C1", "a DMABUF behind each mapping %s",
		      opt.mappings_need);
	else
		check(cell, CK_MAPPING, ST_OK, "C1", "%d pages in DMABUFs, %d mapped by hand", j,
		      dev);
}

void check_importers(struct cell *cell)
{
	int i, importers = 0, revokes = 0, told = 0;
	long long revoked = 0, waited = 0;

	for (i = 0; i < cell->set.devs; i++)
		importers += cell->set.dev[i]->importers;
	for (i = 0; i < cell->in; i++) {
		told += cell->ev[i].kind == EV_INVALIDATE;
		if (cell->ev[i].kind != EV_REVOKE)
			continue;
		revokes++;
		revoked += cell->ev[i].arg;
		waited += cell->ev[i].arg2;
	}
	if (!importers)
		check(cell, CK_IMPORTERS, ST_SKIP, "C3", "no importer: %s",
		      cell->dev.why_no_dmabuf);
	else if (revokes && revoked >= importers && waited >= importers)
		check(cell, CK_IMPORTERS, ST_OK, "C3",
		      "%lld DMABUFs revoked, waited for %lld, iommufd told %d times", revoked,
		      waited, told);
	else if (revokes)
		check(cell, CK_IMPORTERS, ST_FAIL, "C3",
		      "%d DMABUFs with importers, but %lld revoked and %lld waited for", importers,
		      revoked, waited);
	else
		check(cell, CK_IMPORTERS, opt.no_series ? ST_SKIP : ST_FAIL, "C9",
		      "no revoke tracepoint");
}

static int exported(struct cell *cell)
{
	int i, n = 0;

	for (i = 0; i < cell->set.devs; i++)
		n += cell->set.dev[i]->nr_exported;
	return n;
}

static bool failed(struct cell *cell, enum check_id id)
{
	int i;

	for (i = 0; i < cell->checks; i++) {
		if (cell->check[i].id == id && cell->check[i].status == ST_FAIL)
			return true;
	}
	return false;
}

/* Their pages are among those that the checks before this one have looked at. */
void check_exports(struct cell *cell)
{
	bool plain = !strcmp(opt.target->driver, "vfio-pci");

	if (failed(cell, CK_EXPORTS))
		return;
	/* What a driver exports may be no BAR; what vfio-pci does is one. */
	if (cell->dev.not_exported && opt.exports_need)
		check(cell, CK_EXPORTS, ST_SKIP, "C3", "mmap() of exports %s",
		      opt.exports_need);
	else if (plain && cell->dev.not_exported)
		check(cell, CK_EXPORTS, ST_FAIL, "C3", "%s", cell->dev.why_not_exported);
	else if (!exported(cell))
		check(cell, CK_EXPORTS, ST_SKIP, "C3", "%s", cell->dev.why_not_exported);
	else
		check(cell, CK_EXPORTS, ST_OK, "C3", "%d pages of exports among them",
		      exported(cell));
}

/* The device has closed: for good, even if it is opened again. */
void check_exports_dead(struct cell *cell)
{
	struct kit_dev *dev = &cell->dev;
	int i, alive = 0;
	u32 val;

	if (!dev->nr_exported) {
		check(cell, CK_EXPORTS, ST_SKIP, "C1", "%s", dev->why_not_exported);
		return;
	}
	for (i = 0; i < dev->nr_pages; i++)
		alive += dev->pages[i].exported && kit_try_read(dev->pages[i].va, &val);
	check(cell, CK_EXPORTS, alive ? ST_FAIL : ST_OK, "C1",
	      "%d of %d pages of exports can be read after the device has closed", alive,
	      dev->nr_exported);
}
