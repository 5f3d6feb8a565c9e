// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a reset costs who has nothing to do with the device (rule C2). One thread
 * maps anonymous memory, touches and unmaps it, and takes the time of its
 * longest round; another resets the device all the while; a third touches a BAR,
 * or does not. A fault that waits for the reset with mmap_lock held makes the
 * first thread wait as well: with the third thread its longest round takes as
 * long as a reset, and without it no longer than such a round takes.
 *
 * The figure is the longest round with the third thread, divided by that without.
 * Both are taken in turn, so that a busy host disturbs them alike.
 *
 * usage: stall_test [HARNESS OPTIONS] [--seconds N] [--runs N] [--at-most R] BDF
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "access.h"
#include "kselftest_harness.h"

#define RW		(PROT_READ | PROT_WRITE)
#define MAX_RUNS	32
#define ROUND_SIZE	(16 * KIT_PAGE_SIZE)

static double seconds = 2, at_most = 3;
static int runs = 5;

FIXTURE(stall) {
	struct kit_dev dev;
	struct iommu *iommu;
	struct kit_area *area;
	char *va;
	pthread_t resetter, toucher;
	bool stop;
	unsigned long begun, done, failed, touches;
};

FIXTURE_SETUP(stall)
{
	kit_open(&self->dev, &self->iommu);
	self->area = kit_best_area(&self->dev);
	self->va = kit_map(&self->dev, self->area, 0, KIT_PAGE_SIZE, RW);
}

FIXTURE_TEARDOWN(stall)
{
	munmap(self->va, KIT_PAGE_SIZE);
	kit_close(&self->dev, self->iommu);
}

static void *reset_all_the_time(void *arg)
{
	struct _test_data_stall *self = arg;

	while (!READ_ONCE(self->stop)) {
		WRITE_ONCE(self->begun, self->begun + 1);
		if (kit_reset(&self->dev))
			self->failed++;
		WRITE_ONCE(self->done, self->done + 1);
	}
	return NULL;
}

static void *touch_all_the_time(void *arg)
{
	struct _test_data_stall *self = arg;
	u32 val;

	while (!READ_ONCE(self->stop)) {
		kit_try_read(self->va, &val);
		self->touches++;
	}
	return NULL;
}

/* The longest round of mmap(), touch and munmap() within the time, in seconds. */
static double longest_round(void)
{
	double longest = 0, until, before, now;
	char *va;

	now = kit_now();
	until = now + seconds;
	while (now < until) {
		before = now;
		va = mmap(NULL, ROUND_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (va == MAP_FAILED)
			return -1;
		*va = 1;
		munmap(va, ROUND_SIZE);
		now = kit_now();
		if (now - before > longest)
			longest = now - before;
	}
	return longest;
}

static double run(struct __test_metadata *_metadata, struct _test_data_stall *self, bool touch)
{
	double longest;

	self->stop = false;
	self->done = 0;
	self->begun = 0;
	self->touches = 0;
	ASSERT_EQ(0, pthread_create(&self->resetter, NULL, reset_all_the_time, self));
	if (touch)
		ASSERT_EQ(0, pthread_create(&self->toucher, NULL, touch_all_the_time, self));
	longest = longest_round();
	WRITE_ONCE(self->stop, true);
	pthread_join(self->resetter, NULL);
	if (touch)
		pthread_join(self->toucher, NULL);
	ASSERT_GT(longest, 0);
	EXPECT_EQ(0, self->failed) TH_LOG("VFIO_DEVICE_RESET fails");
	ASSERT_GT(self->done, 1) TH_LOG("too few resets in the time");
	if (touch)
		ASSERT_GT(self->touches, 0);
	return longest;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

TEST_F_TIMEOUT(stall, who_does_not_touch_the_bar, 300)
{
	double ratio[MAX_RUNS], quiet, loud;
	int i;

	/* The first reset makes what later ones find there. */
	ASSERT_EQ(0, kit_reset(&self->dev));
	for (i = 0; i < runs; i++) {
		quiet = run(_metadata, self, false);
		loud = run(_metadata, self, true);
		ratio[i] = loud / quiet;
		ksft_print_msg("longest round: %.4f s, with BAR touched %.4f s, ratio %.2f\n",
			       quiet, loud, ratio[i]);
	}
	qsort(ratio, runs, sizeof(*ratio), compare);
	ksft_print_msg("stall: median ratio of %d runs %.2f (%.2f to %.2f)\n", runs,
		       ratio[runs / 2], ratio[0], ratio[runs - 1]);
	EXPECT_LE(ratio[runs / 2], at_most)
		TH_LOG("a fault that waits for a reset stops the rest of the process");
}

/* Touch the BAR until killed: in most cases in a fault that waits. */
static void child_main(struct _test_data_stall *self)
{
	u32 val;

	for (;;)
		kit_try_read(self->va, &val);
}

/* A process that waits in a fault is gone before the reset is over. */
TEST_F_TIMEOUT(stall, killed_while_it_waits, 120)
{
	int i, in_time = 0, tried = 0;
	double longest = 0;

	ASSERT_EQ(0, kit_reset(&self->dev));
	self->stop = false;
	ASSERT_EQ(0, pthread_create(&self->resetter, NULL, reset_all_the_time, self));
	for (i = 0; i < 20; i++) {
		unsigned long done;
		double before;
		pid_t pid;

		pid = fork();
		ASSERT_GE(pid, 0);
		if (!pid)
			child_main(self);
		/* A reset that has begun after the child: it is in the fault soon. */
		usleep(20000);
		done = READ_ONCE(self->done);
		while (READ_ONCE(self->done) == done)
			usleep(1000);
		usleep(20000);
		done = READ_ONCE(self->done);
		before = kit_now();
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, NULL, 0));
		if (kit_now() - before > longest)
			longest = kit_now() - before;
		tried++;
		if (READ_ONCE(self->done) == done)
			in_time++;
	}
	WRITE_ONCE(self->stop, true);
	pthread_join(self->resetter, NULL);
	ksft_print_msg("killed within the reset: %d of %d, the slowest in %.4f s\n", in_time, tried,
		       longest);
	EXPECT_GT(in_time, tried / 2) TH_LOG("the wait for a reset cannot be killed");
}

int main(int argc, char **argv)
{
	kit_args(&argc, argv);
	seconds = kit_number(&argc, argv, "--seconds", seconds);
	runs = kit_number(&argc, argv, "--runs", runs);
	at_most = kit_number(&argc, argv, "--at-most", at_most);
	if (runs < 1 || runs > MAX_RUNS)
		ksft_exit_fail_msg("--runs: %d at most\n", MAX_RUNS);
	return test_harness_run(argc, argv);
}
