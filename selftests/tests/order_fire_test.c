// SPDX-License-Identifier: GPL-2.0-only
/*
 * Order under fire: threads hammer a mapped BAR while others reset the device,
 * put it to D3hot, disable its memory, map and unmap it, open and close it.
 * (Rule C3: no user access reaches the device between zap and unrevoke.)
 *
 * What proves it is a word that has one value (lib/steady.h): of a RAM BAR its
 * contents, of an igb a register. Each read of anything else is a failure.
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
#include "steady.h"
#include "kselftest_harness.h"

#define RW	(PROT_READ | PROT_WRITE)
#define READERS	3

static int seconds = 4;

FIXTURE(fire) {
	struct kit_dev dev;
	struct iommu *iommu;
	struct kit_word word;
	struct kit_reader reader[READERS];
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

/* Maps and unmaps all the time, so that VMAs come and go under the zap. */
static void *mapper_main(void *arg)
{
	struct _test_data_fire *self = arg;
	u32 val;
	char *va;

	while (!READ_ONCE(self->stop)) {
		va = mmap(NULL, self->word.area->size, RW, MAP_SHARED, self->dev.vdev->fd,
			  self->word.area->file_offset + self->word.area->offset);
		if (va == MAP_FAILED)
			break;
		kit_try_read(va, &val);
		munmap(va + KIT_PAGE_SIZE, self->word.area->size - KIT_PAGE_SIZE);
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
	if (!kit_find_word(&self->dev, &self->word))
		SKIP(return, "no register that can be mapped and stays the same over a reset");
}

FIXTURE_TEARDOWN(fire)
{
	kit_close(&self->dev, self->iommu);
}

TEST_F_TIMEOUT(fire, readers_see_the_value_or_nothing, 120)
{
	struct kit_reader sum = {};
	unsigned long cycles = 0;
	double until;
	int i;

	for (i = 0; i < READERS; i++)
		ASSERT_EQ(0, kit_reader_start(&self->reader[i], &self->word, &self->stop));
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
	for (i = 0; i < READERS; i++)
		kit_reader_join(&self->reader[i], &sum);
	if (sum.other)
		ksft_print_msg("read 0x%x instead of 0x%x\n", sum.seen, self->word.want);
	ksft_print_msg("word 0x%x of region %u is 0x%x: %lu cycles, %lu mmap() meanwhile\n",
		       self->word.at, self->word.area->region, self->word.want, cycles, self->maps);
	ksft_print_msg("%lu reads got it, %lu SIGBUS, %lu 0 or all-ones, %lu others\n",
		       sum.ok, sum.buses, sum.nobody, sum.other);
	EXPECT_LT(0, cycles);
	EXPECT_LT(0, sum.ok);
	EXPECT_EQ(0, sum.nobody) TH_LOG("accesses have reached the device while it was revoked");
	EXPECT_EQ(0, sum.other) TH_LOG("accesses have reached the device in a reset");
}

static void *toucher_main(void *arg)
{
	struct _test_data_fire *self = arg;
	u32 val;

	while (!READ_ONCE(self->stop))
		kit_try_read(self->word.va, &val);
	return NULL;
}

/* Close and open, with a mapping that goes last or first. */
FIXTURE(closing) {
	struct _test_data_fire fire;
};

FIXTURE_SETUP(closing)
{
	kit_open(&self->fire.dev, &self->fire.iommu);
	if (!kit_find_word(&self->fire.dev, &self->fire.word))
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
			munmap(fire->word.va, fire->word.area->size);
		} else {
			usleep(1000);
			WRITE_ONCE(fire->stop, true);
			pthread_join(thread, NULL);
			munmap(fire->word.va, fire->word.area->size);
			close(fire->dev.vdev->fd);
		}
		vfio_pci_device_free(fire->dev.vdev);
		kit_open(&fire->dev, &fire->iommu);
		fire->word.va = kit_map(&fire->dev, fire->word.area, 0, fire->word.area->size, RW);
		EXPECT_TRUE(kit_try_read(fire->word.va + fire->word.at, &val));
		EXPECT_EQ(fire->word.want, val);
		n++;
	}
	ksft_print_msg("%d times closed and opened\n", n);
}

int main(int argc, char **argv)
{
	kit_args(&argc, argv);
	seconds = kit_number(&argc, argv, "--seconds", seconds);
	return test_harness_run(argc, argv);
}
