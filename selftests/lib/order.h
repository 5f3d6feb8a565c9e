/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What happened around one revocation, as a list of events, and the rules of
 * the contract over such a list. Nothing here touches a device.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#ifndef VFIO_KIT_ORDER_H
#define VFIO_KIT_ORDER_H

#include <stdbool.h>
#include <stddef.h>

/* Their names, from ev_name(), are those of KUnit's log (kunit/event_log.c). */
enum ev_kind {
	EV_ZAP,			/* arg: dmabufs zapped, arg2: device address_space zapped */
	EV_REVOKE,		/* arg: revoked, arg2: waited for */
	EV_UNREVOKE,		/* arg: made usable again */
	EV_INVALIDATE,		/* an importer was told to let go */
	EV_D0,			/* pci_set_power_state() called, for D0 ... */
	EV_D1,
	EV_D2,
	EV_D3,
	EV_POWER_DONE,		/* ... and returned */
	EV_RESET,		/* a reset of the function or its bus begins */
	EV_RESET_DONE,
	EV_FLR,			/* the hardware method inside of it */
	EV_AF_FLR,
	EV_BUS_RESET,
	EV_HW_RESET,		/* in an expected order: any of the three */
	EV_MEM_OFF,		/* PCI_COMMAND written to the device */
	EV_MEM_ON,
	EV_SUSPEND,		/* runtime PM suspends the device */
	EV_RESUME,		/* runtime PM resumes it */
	EV_CLOSE,		/* the driver's close_device() */
	EV_UNMAP,		/* unmap_mapping_range() called */
	EV_KINDS
};

#define EV_MAX_DEVS	8
#define ORDER_MAX_EVENTS	512

struct ev {
	double t;		/* seconds, CLOCK_MONOTONIC */
	enum ev_kind kind;
	int dev;		/* which device of the set, -1: not known */
	long long arg, arg2;
};

struct order_verdict {
	bool ok;
	const char *rule;
	char text[160];
};

const char *ev_name(enum ev_kind kind);

/*
 * An expected order is a string of event names. Into the revoked state, or
 * through a reset, it is
 *
 *	zap [d0] revoke TOUCH [unrevoke]
 *
 * and out of the revoked state "TOUCH unrevoke". TOUCH is the event that
 * reaches the device: mem-off, d3, suspend, reset or hw-reset (whichever method
 * it is) on the way in; mem-on, d0 or resume on the way out. "unrevoke" says
 * that the device is usable at the end of the list; without it, it must not be.
 * After "each" the devices of a set may come one after the other: the PCI core
 * calls their drivers in turn, and the order holds for every one by itself.
 * Events that the string does not name may come at any place that rule C3
 * leaves to them.
 */

/* The first event in @ev that reaches the device, or -1. */
int order_first_touch(const struct ev *ev, int n, const char *order);

/* The name of that event in @order. */
const char *order_touch_name(const char *order);

/* Do the events of @devs devices obey C3 (and are they observable, C9)? */
struct order_verdict order_check(const struct ev *ev, int n, const char *order, int devs);

/* Feed order_check() right and wrong lists: the number of wrong answers. */
int order_self_test(void);

#endif /* VFIO_KIT_ORDER_H */
