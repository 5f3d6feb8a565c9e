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
	[EV_IMPORTER] = "importer",
	[EV_POWER] = "power",
	[EV_POWER_DONE] = "power-done",
	[EV_RESET] = "reset",
	[EV_RESET_DONE] = "reset-done",
	[EV_HW_RESET] = "hw-reset",
	[EV_COMMAND] = "command",
	[EV_SUSPEND] = "suspend",
	[EV_RESUME] = "resume",
	[EV_CLOSE] = "close",
	[EV_UNMAP] = "unmap",
};

const char *ev_name(enum ev_kind kind)
{
	return ev_names[kind];
}

/* The first event of @kind (and @arg, unless -1) at or after @from; -1: none. */
static int first(const struct ev *ev, int n, int from, enum ev_kind kind, long long arg)
{
	int i;

	for (i = from; i < n; i++) {
		if (ev[i].kind == kind && (arg < 0 || ev[i].arg == arg))
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

static int count(const struct ev *ev, int from, int to, enum ev_kind kind, long long arg)
{
	int i, c = 0;

	for (i = from; i < to; i++)
		c += ev[i].kind == kind && (arg < 0 || ev[i].arg == arg);
	return c;
}

int order_first_touch(const struct ev *ev, int n, const struct order_spec *spec)
{
	return first(ev, n, 0, spec->touch, spec->touch_arg);
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
static struct order_verdict check_out(const struct ev *ev, int n, const struct order_spec *spec)
{
	int touch = order_first_touch(ev, n, spec);
	int un = first(ev, n, 0, EV_UNREVOKE, -1);

	if (un < 0)
		return wrong("C3", "no unrevoke: importers stay shut out");
	if (touch >= 0 && un < touch)
		return wrong("C3", "unrevoke before %s: memory was still off",
			     ev_name(spec->touch));
	if (first(ev, n, 0, EV_IMPORTER, -1) >= 0)
		return wrong("C8", "importers are told again on unrevoke");
	return right("unrevoke after the device is usable");
}

struct order_verdict order_check(const struct ev *ev, int n, const struct order_spec *spec)
{
	int zap_last = -1, revoke_first = n, revoke_last = -1;
	int touch, done, dev, i, un;

	if (spec->out)
		return check_out(ev, n, spec);

	touch = order_first_touch(ev, n, spec);
	if (touch < 0)
		return wrong("C3", "the device was never touched: no %s event",
			     ev_name(spec->touch));

	for (dev = 0; dev < spec->devs; dev++) {
		i = first_dev(ev, n, EV_ZAP, dev);
		if (i < 0 && first(ev, n, 0, EV_UNMAP, -1) >= 0)
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
	i = first(ev, n, 0, EV_IMPORTER, -1);
	if (i >= 0 && i < zap_last)
		return wrong("C3", "an importer was waited for before zap");
	if (revoke_last > touch)
		return wrong("C3", "revoke after %s: importers lost the device while using it",
			     ev_name(spec->touch));
	i = last(ev, n, EV_IMPORTER);
	if (i > touch && first(ev, touch, 0, EV_IMPORTER, -1) >= 0)
		return wrong("C8", "importers are told again on unrevoke");
	if (i > touch)
		return wrong("C3", "an importer was told only after %s", ev_name(spec->touch));
	if (i > revoke_last)
		return wrong("C3", "an importer was told after revoke was said to be complete");

	if (spec->d0) {
		i = first(ev, touch, 0, EV_POWER, 0);
		if (i < 0)
			return wrong("C3", "no transition to D0 before %s", ev_name(spec->touch));
		if (i < zap_last)
			return wrong("C3", "D0 before zap: accesses reach a device in transition");
		if (i > revoke_first)
			return wrong("C3", "revoke before D0: importers use a device not in D0");
		if (first(ev, i, 0, EV_IMPORTER, -1) >= 0)
			return wrong("C3", "an importer was told before D0");
		if (count(ev, zap_last, revoke_first, EV_POWER, 0) < spec->devs)
			return wrong("C3", "revoke before all %d devices are in D0", spec->devs);
	}

	un = first(ev, n, revoke_first, EV_UNREVOKE, -1);
	if (!spec->unrevoke) {
		if (un >= 0)
			return wrong("C3", "unrevoke while memory is off or the device sleeps");
		return right(spec->touch == EV_SUSPEND ? "zap, revoke, suspend" :
			     "zap, revoke, disable");
	}
	if (un < 0)
		return wrong("C3", "no unrevoke: importers stay shut out");
	done = last(ev, n, EV_RESET_DONE);
	if (un < touch || (done >= 0 && un < done))
		return wrong("C3", "unrevoke before the reset was done");
	for (dev = 0; dev < spec->devs; dev++) {
		if (first_dev(ev, n, EV_UNREVOKE, dev) < 0)
			return wrong("C3", "no unrevoke for device %d of the set", dev);
	}
	return right(spec->d0 ? "zap, D0, revoke, reset, unrevoke" :
		     "zap, revoke, reset, unrevoke");
}

/* Orders for the self-test: one letter an event, the digit after it a device. */
struct order_case {
	const char *events;
	const char *path;	/* reset, set (of two), disable, enable, sleep */
	const char *rule;	/* NULL: must be accepted */
	const char *says;	/* what the verdict must mention */
};

static const struct order_case order_cases[] = {
	{ "Z D V R r U", "reset", NULL, "unrevoke" },
	{ "Z D V I R r U", "reset", "C3", "said to be complete" },
	{ "Z I D V R r U", "reset", "C3", "told before D0" },
	{ "Z D I V R r U", "reset", NULL, NULL },
	{ "Z D V R d r U", "reset", NULL, NULL },
	{ "D Z V R r U", "reset", "C3", "D0 before zap" },
	{ "Z V D R r U", "reset", "C3", "revoke before D0" },
	{ "D V R r U", "reset", "C9", "no zap" },
	{ "u D V R r U", "reset", "C9", "tracepoints" },
	{ "Z V R r U", "reset", "C3", "no transition to D0" },
	{ "Z D R V r U", "reset", "C3", "revoke after" },
	{ "V Z D R r U", "reset", "C3", "revoke before zap" },
	{ "I Z D V R r U", "reset", "C3", "before zap" },
	{ "D V R Z r U", "reset", "C3", "zap after" },
	{ "Z D V R U r", "reset", "C3", "before the reset was done" },
	{ "Z D V R r", "reset", "C3", "no unrevoke" },
	{ "Z D R r U", "reset", "C9", "no revoke" },
	{ "Z D V", "reset", "C3", "never touched" },
	{ "Z0 Z1 D0 D1 V0 V1 R r U0 U1", "set", NULL, NULL },
	{ "Z0 V0 Z1 V1 D0 D1 R r U0 U1", "set", "C3", "revoke before zap" },
	{ "Z0 Z1 D0 V0 D1 V1 R r U0 U1", "set", "C3", "all 2 devices" },
	{ "Z0 D0 D1 V0 V1 R r U0 U1", "set", "C9", "device 1" },
	{ "Z0 Z1 D0 D1 V0 V1 R r U0", "set", "C3", "device 1" },
	{ "Z V C", "disable", NULL, NULL },
	{ "Z C V", "disable", "C3", "revoke after" },
	{ "C Z V", "disable", "C3", "zap after" },
	{ "Z V C U", "disable", "C3", "memory is off" },
	{ "Z V S", "sleep", NULL, NULL },
	{ "S Z V", "sleep", "C3", "zap after" },
	{ "c U", "enable", NULL, NULL },
	{ "U c", "enable", "C3", "still off" },
	{ "c I U", "enable", "C8", "told again" },
	{ "Z D I V R r I U", "reset", "C8", "told again" },
	{ "c", "enable", "C3", "no unrevoke" },
};

static int order_parse(const char *s, struct ev *ev)
{
	static const struct {
		char c;
		enum ev_kind kind;
		long long arg;
	} map[] = {
		{ 'Z', EV_ZAP, 1 }, { 'V', EV_REVOKE, 1 }, { 'U', EV_UNREVOKE, 1 },
		{ 'I', EV_IMPORTER, 0 }, { 'D', EV_POWER, 0 }, { 'd', EV_POWER, 0 },
		{ 'R', EV_RESET, 0 }, { 'r', EV_RESET_DONE, 0 }, { 'C', EV_COMMAND, 0 },
		{ 'c', EV_COMMAND, 2 }, { 'S', EV_SUSPEND, 0 }, { 'u', EV_UNMAP, 0 },
	};
	int n = 0;
	size_t i;

	for (; *s; s++) {
		if (*s >= '0' && *s <= '9')
			ev[n - 1].dev = *s - '0';
		for (i = 0; i < ARRAY_SIZE(map); i++) {
			if (map[i].c == *s)
				ev[n++] = (struct ev){ .kind = map[i].kind, .arg = map[i].arg };
		}
	}
	return n;
}

static struct order_spec order_path(const char *path)
{
	struct order_spec spec = { .touch = EV_RESET, .touch_arg = -1, .d0 = true,
				   .devs = 1, .unrevoke = true };

	if (!strcmp(path, "set"))
		spec.devs = 2;
	if (!strcmp(path, "disable"))
		spec = (struct order_spec){ .touch = EV_COMMAND, .touch_arg = 0, .devs = 1 };
	if (!strcmp(path, "sleep"))
		spec = (struct order_spec){ .touch = EV_SUSPEND, .touch_arg = -1, .devs = 1 };
	if (!strcmp(path, "enable"))
		spec = (struct order_spec){ .touch = EV_COMMAND, .touch_arg = 2, .devs = 1,
					    .unrevoke = true, .out = true };
	return spec;
}

int order_self_test(void)
{
	size_t i, total = ARRAY_SIZE(order_cases);
	int bad = 0;

	printf("TAP version 13\n1..%zu\n", total);
	for (i = 0; i < total; i++) {
		const struct order_case *c = &order_cases[i];
		struct order_spec spec = order_path(c->path);
		struct order_verdict v;
		struct ev ev[32];
		bool ok;

		v = order_check(ev, order_parse(c->events, ev), &spec);
		ok = v.ok == !c->rule && (v.ok || !strcmp(v.rule, c->rule)) &&
		     (!c->says || strstr(v.text, c->says));
		printf("%s %zu %s: %s -> %s%s%s\n", ok ? "ok" : "not ok", i + 1, c->path,
		       c->events, v.ok ? "accepted: " : v.rule, v.ok ? "" : ": ", v.text);
		bad += !ok;
	}
	return bad;
}
