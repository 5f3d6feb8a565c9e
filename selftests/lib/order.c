// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule C3 of the contract as a function over a list of events:
 *
 *   zap -> (D0, where the path needs it) -> revoke and wait
 *       -> the reset or disable itself -> unrevoke, only if memory is enabled
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <linux/kernel.h>

#include "order.h"

static const char * const ev_names[EV_KINDS] = {
	[EV_ZAP] = "zap",
	[EV_REVOKE] = "revoke",
	[EV_UNREVOKE] = "unrevoke",
	[EV_INVALIDATE] = "invalidate",
	[EV_D0] = "d0",
	[EV_D1] = "d1",
	[EV_D2] = "d2",
	[EV_D3] = "d3",
	[EV_POWER_DONE] = "power-done",
	[EV_RESET] = "reset",
	[EV_RESET_DONE] = "reset-done",
	[EV_FLR] = "flr",
	[EV_AF_FLR] = "af-flr",
	[EV_BUS_RESET] = "bus-reset",
	[EV_HW_RESET] = "hw-reset",
	[EV_MEM_OFF] = "mem-off",
	[EV_MEM_ON] = "mem-on",
	[EV_SUSPEND] = "suspend",
	[EV_RESUME] = "resume",
	[EV_CLOSE] = "close",
	[EV_UNMAP] = "unmap",
};

const char *ev_name(enum ev_kind kind)
{
	return ev_names[kind];
}

/*
 * The next word of a list of events, "zap", or "1:zap" for device 1 of a set,
 * "?:zap" where that is not known; false at the end. A word that is no event's name is EV_KINDS.
 */
static bool next_word(const char **at, enum ev_kind *kind, int *dev)
{
	size_t len;
	int i;

	*at += strspn(*at, " ");
	len = strcspn(*at, " ");
	if (!len)
		return false;
	*dev = 0;
	if (len > 2 && (*at)[1] == ':') {
		*dev = **at == '?' ? -1 : **at - '0';
		*at += 2;
		len -= 2;
	}
	for (i = 0; i < EV_KINDS; i++) {
		if (strlen(ev_names[i]) == len && !strncmp(ev_names[i], *at, len))
			break;
	}
	*kind = i;
	*at += len;
	return true;
}

/* An expected order, taken apart. */
struct order_spec {
	enum ev_kind touch;	/* the event that reaches the device */
	bool d0;		/* D0 belongs between zap and revoke */
	bool unrevoke;		/* the device is usable at the end of the list */
	bool out;		/* the way out: nothing is zapped, only unrevoked */
	bool each;		/* it holds for each device of a set by itself */
};

/* false: not one of the forms of order.h. */
static bool parse_order(const char *order, struct order_spec *spec)
{
	enum ev_kind word[5];
	int n = 0, at = 0, dev;

	*spec = (struct order_spec){ .touch = EV_KINDS, .each = !strncmp(order, "each ", 5) };
	if (spec->each)
		order += 5;
	while (n < (int)ARRAY_SIZE(word) && next_word(&order, &word[n], &dev)) {
		if (word[n++] == EV_KINDS || dev)
			return false;
	}
	if (!n || *order)
		return false;
	spec->out = word[0] != EV_ZAP;
	if (!spec->out) {
		at = 1;
		spec->d0 = n > at && word[at] == EV_D0;
		at += spec->d0;
		if (n <= at || word[at++] != EV_REVOKE)
			return false;
	}
	/* What is before EV_D0 in the list of kinds reaches no device. */
	if (n <= at || word[at] < EV_D0)
		return false;
	spec->touch = word[at++];
	spec->unrevoke = n > at && word[at] == EV_UNREVOKE;
	at += spec->unrevoke;
	return at == n && (spec->unrevoke || !spec->out);
}

static bool is(const struct ev *ev, enum ev_kind kind)
{
	if (kind == EV_HW_RESET)
		return ev->kind >= EV_FLR && ev->kind <= EV_BUS_RESET;
	return ev->kind == kind;
}

/* The first event of @kind at or after @from; -1: none. */
static int first(const struct ev *ev, int n, int from, enum ev_kind kind)
{
	int i;

	for (i = from; i < n; i++) {
		if (is(&ev[i], kind))
			return i;
	}
	return -1;
}

/* The first event of @kind for device @dev. */
static int first_dev(const struct ev *ev, int n, enum ev_kind kind, int dev)
{
	int i;

	for (i = 0; i < n; i++) {
		if (ev[i].kind == kind && ev[i].dev == dev)
			return i;
	}
	return -1;
}

static int last(const struct ev *ev, int n, enum ev_kind kind)
{
	int i;

	for (i = n - 1; i >= 0; i--) {
		if (ev[i].kind == kind)
			return i;
	}
	return -1;
}

static int count(const struct ev *ev, int from, int to, enum ev_kind kind)
{
	int i, c = 0;

	for (i = from; i < to; i++)
		c += ev[i].kind == kind;
	return c;
}

int order_first_touch(const struct ev *ev, int n, const char *order)
{
	struct order_spec spec;

	return parse_order(order, &spec) ? first(ev, n, 0, spec.touch) : -1;
}

const char *order_touch_name(const char *order)
{
	struct order_spec spec;

	return parse_order(order, &spec) ? ev_name(spec.touch) : order;
}

static struct order_verdict wrong(const char *rule, const char *fmt, ...)
{
	struct order_verdict v = { .ok = false, .rule = rule };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(v.text, sizeof(v.text), fmt, ap);
	va_end(ap);
	return v;
}

static struct order_verdict right(const char *text)
{
	struct order_verdict v = { .ok = true, .rule = "C3" };

	snprintf(v.text, sizeof(v.text), "%s", text);
	return v;
}

/* The way out of a revoked state: power or memory first, then unrevoke. */
static struct order_verdict check_out(const struct ev *ev, int n, const char *order,
				      const struct order_spec *spec)
{
	int touch = first(ev, n, 0, spec->touch);
	int un = first(ev, n, 0, EV_UNREVOKE);
	int done;

	if (un < 0)
		return wrong("C3", "no unrevoke: importers stay shut out");
	if (touch < 0)
		return wrong("C3", "unrevoke, but no %s event", ev_name(spec->touch));
	if (un < touch)
		return wrong("C3", "unrevoke before %s: the device was still off",
			     ev_name(spec->touch));
	done = spec->touch == EV_D0 ? first(ev, n, touch, EV_POWER_DONE) : -1;
	if (un < done)
		return wrong("C3", "unrevoke before the transition to D0 was done");
	if (first(ev, n, 0, EV_INVALIDATE) >= 0)
		return wrong("C8", "importers are told again on unrevoke");
	return right(order);
}

/* D0 between the last zap and the first revoke, for all devices. */
static struct order_verdict check_d0(const struct ev *ev, int n, const struct order_spec *spec,
				     int devs, int zap_last, int revoke_first, int touch)
{
	int i = first(ev, touch, 0, EV_D0);

	if (i < 0)
		return wrong("C3", "no transition to D0 before %s", ev_name(spec->touch));
	if (i < zap_last)
		return wrong("C3", "D0 before zap: accesses reach a device in transition");
	if (i > revoke_first)
		return wrong("C3", "revoke before D0: importers use a device not in D0");
	if (first(ev, i, 0, EV_INVALIDATE) >= 0)
		return wrong("C3", "an importer was told before D0");
	if (count(ev, zap_last, revoke_first, EV_D0) < devs)
		return wrong("C3", "revoke before all %d devices are in D0", devs);
	if (first(ev, n, 0, EV_POWER_DONE) >= 0 &&
	    count(ev, i, revoke_first, EV_POWER_DONE) < count(ev, i, revoke_first, EV_D0))
		return wrong("C3", "revoke before the transition to D0 was done");
	return right("");
}

/* Into the revoked state, or through a reset: all @devs devices together. */
static struct order_verdict check_in(const struct ev *ev, int n, const char *order,
				     const struct order_spec *spec, int devs)
{
	int zap_last = -1, revoke_first = n, revoke_last = -1;
	struct order_verdict v;
	int touch, done, dev, i, un;

	touch = first(ev, n, 0, spec->touch);
	if (touch < 0)
		return wrong("C3", "the device was never touched: no %s event",
			     ev_name(spec->touch));

	for (dev = 0; dev < devs; dev++) {
		i = first_dev(ev, n, EV_ZAP, dev);
		if (i < 0 && first(ev, n, 0, EV_UNMAP) >= 0)
			return wrong("C9", "no zap event, but PTEs were unmapped: no tracepoints?");
		if (i < 0)
			return wrong("C9", "no zap event for device %d of the set", dev);
		if (i > touch)
			return wrong("C3", "zap after %s", ev_name(spec->touch));
		if (i > zap_last)
			zap_last = i;

		i = first_dev(ev, n, EV_REVOKE, dev);
		if (i < 0)
			return wrong("C9", "no revoke event for device %d of the set", dev);
		if (i < revoke_first)
			revoke_first = i;
		if (i > revoke_last)
			revoke_last = i;
	}
	if (revoke_first < zap_last)
		return wrong("C3", "revoke before zap: a wait while CPU mappings live");
	i = first(ev, n, 0, EV_INVALIDATE);
	if (i >= 0 && i < zap_last)
		return wrong("C3", "an importer was waited for before zap");
	if (revoke_last > touch)
		return wrong("C3", "revoke after %s: importers lost the device while using it",
			     ev_name(spec->touch));
	i = last(ev, n, EV_INVALIDATE);
	if (i > touch && first(ev, touch, 0, EV_INVALIDATE) >= 0)
		return wrong("C8", "importers are told again on unrevoke");
	if (i > touch)
		return wrong("C3", "an importer was told only after %s", ev_name(spec->touch));
	if (i > revoke_last)
		return wrong("C3", "an importer was told after revoke was said to be complete");

	if (spec->d0) {
		v = check_d0(ev, n, spec, devs, zap_last, revoke_first, touch);
		if (!v.ok)
			return v;
	}

	un = first(ev, n, revoke_first, EV_UNREVOKE);
	if (!spec->unrevoke && un >= 0)
		return wrong("C3", "unrevoke while memory is off or the device sleeps");
	if (!spec->unrevoke)
		return right(order);
	if (un < 0)
		return wrong("C3", "no unrevoke: importers stay shut out");
	done = last(ev, n, EV_RESET_DONE);
	if (un < touch || (done >= 0 && un < done))
		return wrong("C3", "unrevoke before the reset was done");
	for (dev = 0; dev < devs; dev++) {
		if (first_dev(ev, n, EV_UNREVOKE, dev) < 0)
			return wrong("C3", "no unrevoke for device %d of the set", dev);
	}
	return right(order);
}

/*
 * The events of device @dev alone, as those of device 0. Which device a power
 * transition or an importer belongs to, the trace does not say: to that which
 * was zapped last.
 */
static int events_of(const struct ev *ev, int n, int dev, struct ev *out)
{
	int i, zapped = 0, m = 0;

	for (i = 0; i < n; i++) {
		bool own = ev[i].dev < 0 ? zapped == dev : ev[i].dev == dev;

		if (ev[i].kind == EV_ZAP && ev[i].dev >= 0)
			zapped = ev[i].dev;
		/* The bus, and with it the reset, is common to all. */
		if (!own && (ev[i].dev >= 0 || ev[i].kind < EV_RESET))
			continue;
		out[m] = ev[i];
		out[m++].dev = ev[i].dev < 0 ? -1 : 0;
	}
	return m;
}

struct order_verdict order_check(const struct ev *ev, int n, const char *order, int devs)
{
	struct ev own[ORDER_MAX_EVENTS];
	struct order_verdict v;
	struct order_spec spec;
	int dev;

	if (!parse_order(order, &spec))
		return wrong("C3", "'%s' is no order that can be checked", order);
	if (spec.out)
		return check_out(ev, n, order, &spec);
	if (!spec.each)
		return check_in(ev, n, order, &spec, devs);
	if (n > ORDER_MAX_EVENTS)
		return wrong("C3", "more events than can be checked");
	v = wrong("C3", "no device");
	for (dev = 0; dev < devs; dev++) {
		v = check_in(own, events_of(ev, n, dev, own), order, &spec, 1);
		if (!v.ok)
			return wrong(v.rule, "device %d of the set: %.120s", dev, v.text);
	}
	return v;
}

/* --- the self test ---------------------------------------------------- */

#define RESET	"zap d0 revoke reset unrevoke"
#define FLR	"zap revoke reset unrevoke"
#define FOREIGN	"zap d0 revoke hw-reset unrevoke"
#define EACH	"each zap d0 revoke hw-reset unrevoke"
#define DISABLE	"zap revoke mem-off"
#define SLEEP	"zap revoke suspend"
#define ENABLE	"mem-on unrevoke"
#define WAKE	"d0 unrevoke"

static const struct order_case {
	const char *events;
	const char *order;
	int devs;
	const char *rule;	/* NULL: must be accepted */
	const char *says;	/* what the verdict must mention */
} order_cases[] = {
	{ "zap d0 revoke reset reset-done unrevoke", RESET, 1, NULL, "unrevoke" },
	{ "zap d0 power-done revoke reset reset-done unrevoke", RESET, 1, NULL, NULL },
	{ "zap d0 revoke power-done reset reset-done unrevoke", RESET, 1, "C3",
	  "transition to D0 was done" },
	{ "zap d0 revoke invalidate reset reset-done unrevoke", RESET, 1, "C3",
	  "said to be complete" },
	{ "zap invalidate d0 revoke reset reset-done unrevoke", RESET, 1, "C3", "told before D0" },
	{ "zap d0 invalidate revoke reset reset-done unrevoke", RESET, 1, NULL, NULL },
	{ "zap d0 revoke reset d0 reset-done unrevoke", RESET, 1, NULL, NULL },
	{ "d0 zap revoke reset reset-done unrevoke", RESET, 1, "C3", "D0 before zap" },
	{ "zap revoke d0 reset reset-done unrevoke", RESET, 1, "C3", "revoke before D0" },
	{ "d0 revoke reset reset-done unrevoke", RESET, 1, "C9", "no zap" },
	{ "unmap d0 revoke reset reset-done unrevoke", RESET, 1, "C9", "tracepoints" },
	{ "zap revoke reset reset-done unrevoke", RESET, 1, "C3", "no transition to D0" },
	{ "zap d0 reset revoke reset-done unrevoke", RESET, 1, "C3", "revoke after" },
	{ "revoke zap d0 reset reset-done unrevoke", RESET, 1, "C3", "revoke before zap" },
	{ "invalidate zap d0 revoke reset reset-done unrevoke", RESET, 1, "C3", "before zap" },
	{ "d0 revoke reset zap reset-done unrevoke", RESET, 1, "C3", "zap after" },
	{ "zap d0 revoke reset unrevoke reset-done", RESET, 1, "C3", "before the reset was done" },
	{ "zap d0 revoke reset reset-done", RESET, 1, "C3", "no unrevoke" },
	{ "zap d0 reset reset-done unrevoke", RESET, 1, "C9", "no revoke" },
	{ "zap d0 revoke", RESET, 1, "C3", "never touched" },
	{ "zap d0 invalidate revoke reset reset-done invalidate unrevoke", RESET, 1, "C8",
	  "told again" },
	{ "0:zap 1:zap 0:d0 1:d0 0:revoke 1:revoke reset reset-done 0:unrevoke 1:unrevoke",
	  RESET, 2, NULL, NULL },
	{ "0:zap 0:revoke 1:zap 1:revoke 0:d0 1:d0 reset reset-done 0:unrevoke 1:unrevoke",
	  RESET, 2, "C3", "revoke before zap" },
	{ "0:zap 1:zap 0:d0 0:revoke 1:d0 1:revoke reset reset-done 0:unrevoke 1:unrevoke",
	  RESET, 2, "C3", "all 2 devices" },
	{ "0:zap 0:d0 1:d0 0:revoke 1:revoke reset reset-done 0:unrevoke 1:unrevoke",
	  RESET, 2, "C9", "device 1" },
	{ "0:zap 1:zap 0:d0 1:d0 0:revoke 1:revoke reset reset-done 0:unrevoke",
	  RESET, 2, "C3", "device 1" },
	{ "zap revoke reset flr reset-done unrevoke", FLR, 1, NULL, NULL },
	{ "revoke reset flr zap reset-done unrevoke", FLR, 1, "C3", "zap after reset" },
	{ "zap d0 revoke mem-off bus-reset mem-on unrevoke", FOREIGN, 1, NULL, NULL },
	{ "zap d0 revoke mem-off af-flr mem-on unrevoke", FOREIGN, 1, NULL, NULL },
	{ "flr zap d0 revoke unrevoke", FOREIGN, 1, "C3", "zap after hw-reset" },
	{ "zap d0 revoke mem-off mem-on unrevoke", FOREIGN, 1, "C3", "never touched" },
	{ "0:zap ?:d0 0:revoke 1:zap ?:d0 1:revoke ?:bus-reset 0:unrevoke 1:unrevoke",
	  EACH, 2, NULL, NULL },
	{ "0:zap ?:d0 0:revoke ?:bus-reset 1:zap ?:d0 1:revoke 0:unrevoke 1:unrevoke",
	  EACH, 2, "C3",
	  "device 1 of the set: zap after" },
	{ "0:zap ?:d0 0:revoke 1:zap 1:revoke ?:bus-reset 0:unrevoke 1:unrevoke", EACH, 2, "C3",
	  "device 1 of the set: no transition to D0" },
	{ "0:zap ?:d0 0:revoke 1:zap ?:d0 1:revoke ?:bus-reset 0:unrevoke", EACH, 2, "C3",
	  "device 1 of the set: no unrevoke" },
	{ "0:zap ?:d0 0:revoke 1:zap ?:d0 1:revoke ?:bus-reset 0:unrevoke 1:unrevoke",
	  FOREIGN, 2, "C3",
	  "revoke before zap" },
	{ "zap revoke mem-off", DISABLE, 1, NULL, DISABLE },
	{ "zap mem-off revoke", DISABLE, 1, "C3", "revoke after" },
	{ "mem-off zap revoke", DISABLE, 1, "C3", "zap after" },
	{ "zap revoke mem-off unrevoke", DISABLE, 1, "C3", "memory is off" },
	{ "zap revoke mem-on", DISABLE, 1, "C3", "never touched" },
	{ "zap revoke suspend", SLEEP, 1, NULL, NULL },
	{ "suspend zap revoke", SLEEP, 1, "C3", "zap after" },
	{ "mem-on unrevoke", ENABLE, 1, NULL, NULL },
	{ "unrevoke mem-on", ENABLE, 1, "C3", "still off" },
	{ "mem-on invalidate unrevoke", ENABLE, 1, "C8", "told again" },
	{ "mem-on", ENABLE, 1, "C3", "no unrevoke" },
	{ "unrevoke", ENABLE, 1, "C3", "no mem-on" },
	{ "d0 power-done unrevoke", WAKE, 1, NULL, NULL },
	{ "d0 unrevoke power-done", WAKE, 1, "C3", "transition to D0 was done" },
	{ "zap revoke mem-off", "mem-off zap revoke", 1, "C3", "no order" },
	{ "zap revoke mem-off", "zap revoke memory-off", 1, "C3", "no order" },
	{ "zap revoke mem-off", "zap revoke", 1, "C3", "no order" },
	{ "zap revoke mem-off", "", 1, "C3", "no order" },
};

static int parse_events(const char *s, struct ev *ev)
{
	enum ev_kind kind;
	int n = 0, dev;

	while (next_word(&s, &kind, &dev))
		ev[n++] = (struct ev){ .kind = kind, .dev = dev, .arg = 1 };
	return n;
}

int order_self_test(void)
{
	size_t i, total = ARRAY_SIZE(order_cases);
	int bad = 0;

	printf("TAP version 13\n1..%zu\n", total);
	for (i = 0; i < total; i++) {
		const struct order_case *c = &order_cases[i];
		struct order_verdict v;
		struct ev ev[32];
		bool ok;

		v = order_check(ev, parse_events(c->events, ev), c->order, c->devs);
		ok = v.ok == !c->rule && (v.ok || !strcmp(v.rule, c->rule)) &&
		     (!c->says || strstr(v.text, c->says));
		printf("%s %zu '%s' as '%s' -> %s%s%s\n", ok ? "ok" : "not ok", i + 1, c->events,
		       c->order, v.ok ? "accepted: " : v.rule, v.ok ? "" : ": ", v.text);
		bad += !ok;
	}
	return bad;
}
