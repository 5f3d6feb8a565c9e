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

enum ev_kind {
	EV_ZAP,			/* arg: dmabufs zapped, arg2: device address_space zapped */
	EV_REVOKE,		/* arg: revoked, arg2: waited for */
	EV_UNREVOKE,		/* arg: made usable again */
	EV_IMPORTER,		/* an importer was told to let go */
	EV_POWER,		/* pci_set_power_state() called, arg: state */
	EV_POWER_DONE,		/* ... returned */
	EV_RESET,		/* a reset of the function or its bus begins */
	EV_RESET_DONE,
	EV_HW_RESET,		/* the hardware method inside: FLR, AF FLR, bus */
	EV_COMMAND,		/* PCI_COMMAND written to the device, arg: value */
	EV_SUSPEND,		/* runtime PM suspends the device */
	EV_RESUME,		/* runtime PM resumes it */
	EV_CLOSE,		/* the driver's close_device() */
	EV_UNMAP,		/* unmap_mapping_range() called */
	EV_KINDS
};

#define EV_MAX_DEVS	8

struct ev {
	double t;		/* seconds, CLOCK_MONOTONIC */
	enum ev_kind kind;
	int dev;		/* which device of the set, -1: not known */
	long long arg, arg2;
	const char *what;	/* EV_HW_RESET: the method */
};

/*
 * What the rules expect of one path. A path that leaves the device revoked
 * for a while has two lists: into the revoked state, and out of it.
 */
struct order_spec {
	enum ev_kind touch;	/* the event that reaches the device ... */
	long long touch_arg;	/* ... and its argument, -1: any */
	bool d0;		/* D0 belongs between zap and revoke */
	int devs;		/* devices in the set that is revoked */
	bool unrevoke;		/* the device is usable at the end of the list */
	bool out;		/* the way out: nothing is zapped, only unrevoked */
};

struct order_verdict {
	bool ok;
	const char *rule;
	char text[160];
};

const char *ev_name(enum ev_kind kind);

/* The first event that reaches the device, or -1. Rules of @spec. */
int order_first_touch(const struct ev *ev, int n, const struct order_spec *spec);

/* Does @ev obey C3 (and is it observable at all, C9)? */
struct order_verdict order_check(const struct ev *ev, int n, const struct order_spec *spec);

/* Feeds order_check() right and wrong orders: the number of wrong answers. */
int order_self_test(void);

#endif /* VFIO_KIT_ORDER_H */
