/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The version of the kit, as "version" in the modinfo of each sample.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * The kit's builds include this file before the source of a sample; nothing in
 * the folder of a sample refers to it. So a copy of a sample, which is a driver
 * of somebody else, does not carry the version of the kit.
 *
 * A module has one MODULE_DESCRIPTION(), even if it is made of several files.
 */
#include <linux/module.h>
#include <linux/stringify.h>

#undef MODULE_DESCRIPTION
#define MODULE_DESCRIPTION(text) \
	MODULE_INFO(description, text); \
	MODULE_VERSION(__stringify(VARIANT_KIT_VERSION))
