/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A word of a BAR that reads the same at all times when the device is there, and
 * threads that read it all the time.
 *
 * Nobody answers a read of a BAR that is disabled, or of a function in D3hot: on
 * hardware the bus completes it with all-ones, in QEMU with 0. So a reader that
 * gets through between zap and unrevoke sees one of these, or a register in the
 * middle of a reset; one that is locked out sees the value, or SIGBUS.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#ifndef VFIO_KIT_STEADY_H
#define VFIO_KIT_STEADY_H

#include "device.h"

struct kit_word {
	struct kit_dev *dev;
	struct kit_area *area;
	u32 at;			/* offset in the area */
	u32 want;		/* neither 0 nor all-ones */
	char *va;		/* of the whole area */
};

struct kit_reader {
	pthread_t thread;
	const u32 *va;
	u32 want;
	const bool *stop;
	unsigned long ok, buses;
	unsigned long nobody;	/* 0 or all-ones */
	unsigned long other;
	u32 seen;		/* one of these */
};

/* False: @dev has none. Resets the device to find out. */
bool kit_find_word(struct kit_dev *dev, struct kit_word *word);

/* Read @word in a mapping of the reader's own until *@stop: 0 or an error. */
int kit_reader_start(struct kit_reader *r, const struct kit_word *word, const bool *stop);

/* Join it, and add what it has seen to @sum. */
void kit_reader_join(struct kit_reader *r, struct kit_reader *sum);

#endif /* VFIO_KIT_STEADY_H */
