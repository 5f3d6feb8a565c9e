// SPDX-License-Identifier: GPL-2.0-only
/*
 * Order under fire: threads hammer a mapped BAR while others reset the device,
 * put it to D3hot, disable its memory, map and unmap it, open and close it.
 * (Rule C3: no user access reaches the device between zap and unrevoke.)
 *
 * What proves it: igb's BAR0 answers with the value of a register that reads
 * the same at all times when the device is in D0 with memory enabled, and is
 * neither 0 nor all-ones. Nobody answers a read of a BAR that is disabled, or of
 * a function in D3hot: on hardware the bus completes it with all-ones, in QEMU
 * with 0. So a reader that gets through between zap and unrevoke sees one of
 * these, or a register in the middle of a reset; one that is locked out sees the
 * value, or SIGBUS. Each read of anything but the value is a failure. Of a RAM BAR
 * the contents are the value.
 *
 * The test driver of negative/drivers/unlocked_fault lets accesses through, and
 * this test finds it ("run-selftests --negative").
 *
 * usage: order_fire_test [HARNESS OPTIONS] [--seconds N] BDF
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "access.h"
#include "kselftest_harness.h"

#define RW	(PROT_READ | PROT_WRITE)
#define READERS	3

static int seconds = 4;

struct reader {
	pthread_t thread;
	u32 *word;
	u32 want;
	bool *stop;
	unsigned long ok, buses, nobody, other;
	u32 seen;
};

FIXTURE(fire) {
	struct kit_dev dev;
	struct iommu *iommu;
	struct kit_area *area;
	struct reader reader[READERS];
	u32 at;			/* offset in the area of what is read */
	u32 want;
	char *va;
	bool stop;
	pthread_t mapper;
	unsigned long maps;
};

FIXTURE_VARIANT(fire) {
	const char *path;
};

#define KIT_PATH(_name, ...) FIXTURE_VARIANT_ADD(fire, _name) { .path = #_name };
#include "path_table.h"
FIXTURE_VARIANT_ADD(fire, all) { .path = NULL };

/* A word of @area that is the same before and after a reset, and not all-ones. */
static bool find_word_in(struct _test_data_fire *self, struct kit_area *area)
{
	/* igb: VET (0x81008100 after reset), and others that may do elsewhere. */
	static const u32 tries[] = { 0x0038, 0x0000, 0x0010, 0x5820 };
	char *va = kit_map(&self->dev, area, 0, area->size, RW);
	bool found = false;
	u32 a, b;
	int i;

	if (area->ram) {
		kit_fill(area, va, 0, 1);
		self->at = KIT_PAGE_SIZE - 32;
		found = kit_try_read(va + self->at, &self->want);
	}
	for (i = 0; i < ARRAY_SIZE(tries) && !found; i++) {
		if (tries[i] + 4 > area->size || !kit_try_read(va + tries[i], &a))
			continue;
		if (kit_reset(&self->dev) || !kit_try_read(va + tries[i], &b))
			continue;
		if (a == b && a && a != ~0U) {
			self->at = tries[i];
			self->want = a;
			found = true;
		}
	}
	if (found) {
		self->area = area;
		self->va = va;
	} else {
		munmap(va, area->size);
	}
	return found;
}

static bool find_word(struct _test_data_fire *self)
{
	int i;

	kit_best_area(&self->dev);
	for (i = 0; i < self->dev.nr_areas; i++) {
		if (self->dev.areas[i].size >= 2 * KIT_PAGE_SIZE &&
		    find_word_in(self, &self->dev.areas[i]))
			return true;
	}
	return false;
}

static void *reader_main(void *arg)
{
	struct reader *r = arg;
	u32 val;

	while (!READ_ONCE(*r->stop)) {
		if (!kit_try_read((void *)r->word, &val)) {
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

/* Maps and unmaps all the time, so that VMAs come and go under the zap. */
static void *mapper_main(void *arg)
{
	struct _test_data_fire *self = arg;
	u32 val;
	char *va;

	while (!READ_ONCE(self->stop)) {
		va = mmap(NULL, self->area->size, RW, MAP_SHARED, self->dev.vdev->fd,
			  self->area->file_offset + self->area->offset);
		if (va == MAP_FAILED)
			break;
		kit_try_read(va, &val);
		munmap(va + KIT_PAGE_SIZE, self->area->size - KIT_PAGE_SIZE);
		kit_try_read(va, &val);
		munmap(va, KIT_PAGE_SIZE);
		self->maps++;
	}
	return NULL;
}

FIXTURE_SETUP(fire)
{
	const char *why;

	kit_open(&self->dev, &self->iommu);
	why = variant->path ? kit_cannot(kit_path(variant->path), &self->dev) : NULL;
	if (why)
		SKIP(return, "%s", why);
	if (!find_word(self))
		SKIP(return, "no register that can be mapped and stays the same over a reset");
}

FIXTURE_TEARDOWN(fire)
{
	kit_close(&self->dev, self->iommu);
}

TEST_F_TIMEOUT(fire, readers_see_the_value_or_nothing, 120)
{
	unsigned long ok = 0, buses = 0, nobody = 0, other = 0, cycles = 0;
	double until;
	int i;

	for (i = 0; i < READERS; i++) {
		struct reader *r = &self->reader[i];
		char *va = kit_map(&self->dev, self->area, 0, self->area->size, RW);

		*r = (struct reader){ .word = (void *)(va + self->at), .want = self->want,
				      .stop = &self->stop };
		ASSERT_EQ(0, pthread_create(&r->thread, NULL, reader_main, r));
	}
	ASSERT_EQ(0, pthread_create(&self->mapper, NULL, mapper_main, self));
	until = kit_now() + seconds;
	while (kit_now() < until && cycles < 20000) {
		for (i = 0; i < kit_nr_paths; i++) {
			const struct kit_path *path = &kit_paths[i];

			if (variant->path ? strcmp(path->name, variant->path) != 0 :
			    !path->one_device || kit_cannot(path, &self->dev))
				continue;
			ASSERT_EQ(0, kit_enter(path, &self->dev));
			ASSERT_EQ(0, kit_leave(path, &self->dev));
			cycles++;
		}
		sched_yield();
	}
	WRITE_ONCE(self->stop, true);
	pthread_join(self->mapper, NULL);
	for (i = 0; i < READERS; i++) {
		struct reader *r = &self->reader[i];

		pthread_join(r->thread, NULL);
		ok += r->ok;
		buses += r->buses;
		nobody += r->nobody;
		other += r->other;
		if (r->other)
			ksft_print_msg("read 0x%x instead of 0x%x\n", r->seen, r->want);
	}
	ksft_print_msg("word 0x%x of region %u is 0x%x: %lu cycles, %lu mmap() meanwhile\n",
		       self->at, self->area->region, self->want, cycles, self->maps);
	ksft_print_msg("%lu reads got it, %lu SIGBUS, %lu 0 or all-ones, %lu others\n",
		       ok, buses, nobody, other);
	EXPECT_LT(0, cycles);
	EXPECT_LT(0, ok);
	EXPECT_EQ(0, nobody) TH_LOG("accesses have reached the device while it was revoked");
	EXPECT_EQ(0, other) TH_LOG("accesses have reached the device in a reset");
}

static void *toucher_main(void *arg)
{
	struct _test_data_fire *self = arg;
	u32 val;

	while (!READ_ONCE(self->stop))
		kit_try_read(self->va, &val);
	return NULL;
}

/* Close and open, with a mapping that goes last or first. */
FIXTURE(closing) {
	struct _test_data_fire fire;
};

FIXTURE_SETUP(closing)
{
	kit_open(&self->fire.dev, &self->fire.iommu);
	if (!find_word(&self->fire))
		SKIP(return, "no register that can be mapped and stays the same over a reset");
}

FIXTURE_TEARDOWN(closing)
{
	kit_close(&self->fire.dev, self->fire.iommu);
}

TEST_F_TIMEOUT(closing, close_and_open, 120)
{
	struct _test_data_fire *fire = &self->fire;
	double until = kit_now() + seconds;
	pthread_t thread;
	u32 val = 0;
	int n = 0;

	while (kit_now() < until) {
		WRITE_ONCE(fire->stop, false);
		ASSERT_EQ(0, pthread_create(&thread, NULL, toucher_main, fire));
		if (n & 1) {
			/* The fd goes first: the mapping keeps the device. */
			close(fire->dev.vdev->fd);
			usleep(1000);
			WRITE_ONCE(fire->stop, true);
			pthread_join(thread, NULL);
			munmap(fire->va, fire->area->size);
		} else {
			usleep(1000);
			WRITE_ONCE(fire->stop, true);
			pthread_join(thread, NULL);
			munmap(fire->va, fire->area->size);
			close(fire->dev.vdev->fd);
		}
		vfio_pci_device_free(fire->dev.vdev);
		kit_open(&fire->dev, &fire->iommu);
		fire->va = kit_map(&fire->dev, fire->area, 0, fire->area->size, RW);
		EXPECT_TRUE(kit_try_read(fire->va + fire->at, &val));
		EXPECT_EQ(fire->want, val);
		n++;
	}
	ksft_print_msg("%d times closed and opened\n", n);
}

int main(int argc, char **argv)
{
	int i, j;

	kit_args(&argc, argv);
	for (i = 1; i + 1 < argc; i++) {
		if (strcmp(argv[i], "--seconds"))
			continue;
		seconds = atoi(argv[i + 1]);
		for (j = i; j + 2 <= argc; j++)
			argv[j] = argv[j + 2];
		argc -= 2;
	}
	return test_harness_run(argc, argv);
}
