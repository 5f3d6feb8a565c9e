// SPDX-License-Identifier: GPL-2.0-only
/*
 * The suite of the driver that this one is a wrong copy of. It must fail.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include "../../../variants/wrapper/wrapper_kunit.c"
