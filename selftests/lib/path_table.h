/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of paths: every way in which a device's BARs are taken away, one
 * row each. A new path is a new row here, with its functions in paths.c.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * This file has no include guard. Who includes it defines what a row becomes,
 * and both macros are undefined at its end:
 *
 *	KIT_PATH(name, title, ...)	a path of one device, by its enter() and
 *					leave(): the conformance program drives
 *					it, and fixtures of the selftests have a
 *					variant of its name
 *	KIT_CELL(name, title, ...)	a row of the conformance program only
 *
 * The name is what every program, option, report and page calls the path, and
 * what kunit/paths.c calls it. The rest are initialisers of struct kit_path.
 */
#ifndef KIT_PATH
#define KIT_PATH(...)
#endif
#ifndef KIT_CELL
#define KIT_CELL(...)
#endif

/* First what all others rely on: a driver that says something wrong fails here. */
KIT_CELL(regions, "what region info says", .row = KIT_ROW_REGIONS, .any_region = true)

KIT_PATH(memory_disable, "memory disable (PCI_COMMAND)",
	 .enter = memory_off, .leave = memory_on,
	 .order = "zap revoke mem-off", .leave_order = "mem-on unrevoke")

KIT_PATH(d3hot, "D3hot and back (PMCSR)",
	 .cannot = no_pm, .enter = enter_d3hot, .leave = leave_d3hot,
	 .order = "zap revoke d3", .leave_order = "d0 unrevoke")

KIT_PATH(runtime_pm, "runtime PM entry and exit",
	 .cannot = no_runtime_pm, .enter = runtime_enter, .leave = runtime_leave,
	 .order = "zap revoke suspend", .leave_order = "resume unrevoke")

KIT_PATH(flr, "FLR (PCI Express capability)",
	 .cannot = no_flr, .enter = flr, .waits = true, .order = "zap revoke reset unrevoke")

KIT_CELL(af_flr, "FLR (AF capability)",
	 .cannot = no_af_flr, .enter = af_flr, .waits = true, .order = "zap revoke reset unrevoke")

KIT_PATH(device_reset, "VFIO_DEVICE_RESET",
	 .cannot = no_reset, .enter = device_reset, .waits = true,
	 .order = "zap d0 revoke reset unrevoke")

KIT_PATH(device_reset_d3hot, "VFIO_DEVICE_RESET from D3hot",
	 .cannot = no_reset_or_pm, .prepare = sleep_first, .enter = device_reset,
	 .order = "zap d0 revoke reset unrevoke")

KIT_PATH(hot_reset, "hot reset, one device",
	 .cannot = not_alone, .enter = hot_reset, .waits = true,
	 .order = "zap d0 revoke reset unrevoke")

KIT_CELL(hot_reset_slot, "hot reset of a whole slot",
	 .cannot = no_slot, .prepare = sleep_one_first, .enter = hot_reset,
	 .order = "zap d0 revoke reset unrevoke")

/* Whoever resets (rule C11): the PCI core tells the drivers, one after the other. */
KIT_PATH(foreign_reset, "reset by sysfs",
	 .cannot = no_sysfs_reset, .enter = sysfs_reset, .foreign = true, .waits = true,
	 .not_by_vfio = true,
	 .order = "zap d0 revoke hw-reset unrevoke")

KIT_CELL(subordinate_reset, "reset of a slot by bridge",
	 .cannot = no_subordinate_reset, .enter = subordinate_reset,
	 .foreign = true, .waits = true, .not_by_vfio = true,
	 .order = "each zap d0 revoke hw-reset unrevoke")

/* On a VF, whose PF is another's: with the PF stop its VFs. */
KIT_CELL(pf_reset, "reset of the PF by sysfs",
	 .cannot = no_pf, .enter = pf_reset, .waits = true, .not_by_vfio = true,
	 .order = "zap d0 revoke hw-reset unrevoke")

KIT_CELL(pf_device_reset, "VFIO_DEVICE_RESET of the PF",
	 .cannot = no_pf, .enter = pf_device_reset, .waits = true, .not_by_vfio = true,
	 .order = "zap d0 revoke reset unrevoke")

/* A PF is in D0 while it has VFs: when its close asks for that does not matter. */
KIT_CELL(pf_close, "close of the PF",
	 .cannot = no_pf, .enter = pf_close, .waits = true, .not_by_vfio = true,
	 .order = "zap revoke hw-reset unrevoke")

/* Errors: with a fatal one the PCI core resets the bus, and nobody is asked before. */
KIT_CELL(aer_nonfatal, "error, not fatal (AER)",
	 .cannot = no_aer, .enter = aer_nonfatal, .waits = true)

KIT_CELL(aer_fatal, "fatal error, recovery (AER)",
	 .cannot = no_aer, .enter = aer_fatal, .foreign = true, .error = true,
	 .not_by_vfio = true,
	 .order = "zap revoke hw-reset unrevoke")

KIT_CELL(close, "close with a live mapping", .row = KIT_ROW_CLOSE)

KIT_CELL(hidden, "hidden parts of regions", .row = KIT_ROW_HIDDEN, .any_region = true)

#undef KIT_PATH
#undef KIT_CELL
