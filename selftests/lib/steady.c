// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <sys/mman.h>

#include "access.h"
#include "steady.h"

/* A word of @area that is the same before and after a reset, and not all-ones. */
static bool find_word_in(struct kit_word *word, struct kit_area *area)
{
	/* igb: VET (0x81008100 after reset), and others that may do elsewhere. */
	static const u32 tries[] = { 0x0038, 0x0000, 0x0010, 0x5820 };
	char *va = kit_map(word->dev, area, 0, area->size, PROT_READ | PROT_WRITE);
	bool found = false;
	u32 a, b;
	int i;

	if (area->ram) {
		kit_fill(area, va, 0, 1);
		word->at = KIT_PAGE_SIZE - 32;
		found = kit_try_read(va + word->at, &word->want);
	}
	for (i = 0; i < ARRAY_SIZE(tries) && !found; i++) {
		if (tries[i] + 4 > area->size || !kit_try_read(va + tries[i], &a))
			continue;
		if (kit_reset(word->dev) || !kit_try_read(va + tries[i], &b))
			continue;
		if (a == b && a && a != ~0U) {
			word->at = tries[i];
			word->want = a;
			found = true;
		}
	}
	if (found) {
		word->area = area;
		word->va = va;
	} else {
		munmap(va, area->size);
	}
	return found;
}

bool kit_find_word(struct kit_dev *dev, struct kit_word *word)
{
	int i;

	word->dev = dev;
	kit_best_area(dev);
	for (i = 0; i < dev->nr_areas; i++) {
		if (dev->areas[i].size >= 2 * KIT_PAGE_SIZE && find_word_in(word, &dev->areas[i]))
			return true;
	}
	return false;
}

static void *reader_main(void *arg)
{
	struct kit_reader *r = arg;
	u32 val;

	while (!READ_ONCE(*r->stop)) {
		if (!kit_try_read(r->va, &val)) {
			r->buses++;
		} else if (val == r->want) {
			r->ok++;
		} else if (val == ~0U || !val) {
			r->nobody++;
		} else {
			r->other++;
			r->seen = val;
		}
	}
	return NULL;
}

int kit_reader_start(struct kit_reader *r, const struct kit_word *word, const bool *stop)
{
	char *va = kit_map(word->dev, word->area, 0, word->area->size, PROT_READ | PROT_WRITE);

	*r = (struct kit_reader){ .va = (u32 *)(va + word->at), .want = word->want, .stop = stop };
	return pthread_create(&r->thread, NULL, reader_main, r);
}

void kit_reader_join(struct kit_reader *r, struct kit_reader *sum)
{
	pthread_join(r->thread, NULL);
	sum->ok += r->ok;
	sum->buses += r->buses;
	sum->nobody += r->nobody;
	sum->other += r->other;
	if (r->other)
		sum->seen = r->seen;
}
