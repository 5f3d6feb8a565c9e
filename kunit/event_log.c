// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event log: what the core said, what the hardware saw and what importers
 * and readers did, in one list.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/bitops.h>
#include <linux/string.h>

#include "vfio_pci_kunit.h"

#define VPK_ORDER_LEN	1024
#define VPK_DETAIL_LEN	4096

static const char * const vpk_event_names[] = {
	"zap", "revoke", "unrevoke", "invalidate", "release", "d0", "d3",
	"mem-off", "mem-on", "flr", "af-flr", "bus-reset", "read", "sigbus",
	"mark", "d1", "d2",
};

static const char *vpk_event_name(const struct vpk_event *event)
{
	return vpk_event_names[__ffs(event->type)];
}

/**
 * vpk_log() - add an event to the log
 * @host: whose log
 * @type: what happened
 * @fn: function number, -1 for none
 * @a: a figure that goes with it
 * @b: another one
 *
 * Also records the state the function is in, and whether the PTE named by
 * vpk_watch() is there: "gone before the device was touched" is in the log.
 *
 * Context: any, also with interrupts off.
 */
void vpk_log(struct vpk_host *host, enum vpk_event_type type, int fn, u32 a,
	     u32 b)
{
	struct vpk_event event = { .type = type, .fn = fn, .a = a, .b = b };
	unsigned long flags;

	if (fn >= 0) {
		event.d3 = vpk_function_in_d3(host->functions[fn]);
		event.mem = vpk_function_mem_enabled(host->functions[fn]);
	}

	raw_spin_lock_irqsave(&host->log_lock, flags);
	if (host->watch)
		event.mapped = vpk_pte_present(host->mm, host->watch);
	if (!(host->log_ignore & type)) {
		if (host->nr_events < VPK_MAX_EVENTS)
			host->log[host->nr_events++] = event;
		else
			host->lost++;
	}
	raw_spin_unlock_irqrestore(&host->log_lock, flags);
}

/**
 * vpk_log_clear() - forget all events
 * @host: whose log
 *
 * Context: any.
 */
void vpk_log_clear(struct vpk_host *host)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&host->log_lock, flags);
	host->nr_events = 0;
	host->lost = 0;
	raw_spin_unlock_irqrestore(&host->log_lock, flags);
}

/**
 * vpk_log_order() - the names of all events, in order
 * @test: the test
 * @host: whose log
 *
 * Context: the test's thread. Freed when the test ends.
 * Return: a string as VPK_EXPECT_ORDER() compares it.
 */
const char *vpk_log_order(struct kunit *test, struct vpk_host *host)
{
	char *buf = kunit_kzalloc(test, VPK_ORDER_LEN, GFP_KERNEL);
	bool several = false;
	int len = 0, fn = -1;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (i = 0; i < host->nr_events; i++) {
		if (host->log[i].fn < 0)
			continue;
		several |= fn >= 0 && host->log[i].fn != fn;
		fn = host->log[i].fn;
	}
	for (i = 0; i < host->nr_events; i++) {
		const struct vpk_event *event = &host->log[i];

		if (several && event->fn >= 0)
			len += scnprintf(buf + len, VPK_ORDER_LEN - len,
					 "%s%d:%s", len ? " " : "", event->fn,
					 vpk_event_name(event));
		else
			len += scnprintf(buf + len, VPK_ORDER_LEN - len,
					 "%s%s", len ? " " : "",
					 vpk_event_name(event));
	}
	if (host->lost)
		scnprintf(buf + len, VPK_ORDER_LEN - len, " (%u lost)",
			  host->lost);
	return buf;
}

/**
 * vpk_log_expected() - an expected order, without what cannot be logged
 * @test: the test
 * @expected: names of events, as VPK_EXPECT_ORDER() has them
 *
 * Nothing is left out where the core has its tracepoints, see
 * vpk_trace_events().
 *
 * Context: the test's thread. Freed when the test ends.
 * Return: what the log is to be compared with.
 */
const char *vpk_log_expected(struct kunit *test, const char *expected)
{
	u32 missing = (VPK_ZAP | VPK_REVOKE | VPK_UNREVOKE) &
		      ~vpk_trace_events();
	char *copy, *buf, *word, *name;
	int type, len = 0;

	if (!missing)
		return expected;
	copy = kunit_kzalloc(test, VPK_ORDER_LEN, GFP_KERNEL);
	buf = kunit_kzalloc(test, VPK_ORDER_LEN, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, copy);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	strscpy(copy, expected, VPK_ORDER_LEN);
	while ((word = strsep(&copy, " "))) {
		name = strchr(word, ':');
		type = match_string(vpk_event_names,
				    ARRAY_SIZE(vpk_event_names),
				    name ? name + 1 : word);
		if (type >= 0 && missing & BIT(type))
			continue;
		len += scnprintf(buf + len, VPK_ORDER_LEN - len, "%s%s",
				 len ? " " : "", word);
	}
	return buf;
}

/**
 * vpk_log_detail() - all events with the state they found
 * @test: the test
 * @host: whose log
 *
 * Context: the test's thread. Freed when the test ends.
 * Return: text of one line per event.
 */
const char *vpk_log_detail(struct kunit *test, struct vpk_host *host)
{
	char *buf = kunit_kzalloc(test, VPK_DETAIL_LEN, GFP_KERNEL);
	unsigned int i;
	int len = 0;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (i = 0; i < host->nr_events; i++) {
		const struct vpk_event *event = &host->log[i];

		len += scnprintf(buf + len, VPK_DETAIL_LEN - len,
				 "%2u fn %2d %-10s %s %s %s %u %u\n", i,
				 event->fn, vpk_event_name(event),
				 event->d3 ? "D3hot" : "D0   ",
				 event->mem ? "mem+" : "mem-",
				 event->mapped ? "mapped" : "-     ",
				 event->a, event->b);
	}
	return buf;
}

/**
 * vpk_log_find() - find the first event of a kind
 * @host: whose log
 * @type: event type, or several of them
 * @fn: function number, -1 for any
 *
 * Context: while nothing is being logged.
 * Return: the event, NULL if there is none.
 */
const struct vpk_event *vpk_log_find(struct vpk_host *host,
				     enum vpk_event_type type, int fn)
{
	unsigned int i;

	for (i = 0; i < host->nr_events; i++)
		if (host->log[i].type & type &&
		    (fn < 0 || host->log[i].fn == fn))
			return &host->log[i];
	return NULL;
}
