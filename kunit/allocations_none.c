// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kernel that does not count allocations, see allocations.c.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/errno.h>

#include "vfio_pci_kunit.h"

void vpk_allocations_note(void)
{
}

int vpk_allocations_left(struct kunit *test)
{
	return -EOPNOTSUPP;
}
