// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core suite: rule C6 as a race. A DMABUF is released while the device is
 * closed. vfio_pci_dma_buf_release() and vfio_pci_dma_buf_cleanup() both want
 * to take it off the list and to drop its reference on the registration. Only
 * one of them drops it, and neither touches memory that the other may have
 * freed, whichever comes first.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/delay.h>
#include <linux/dma-buf.h>
#include <linux/file.h>
#include <linux/hw_breakpoint.h>
#include <linux/kthread.h>
#include <linux/perf_event.h>

#include "vfio_pci_kunit.h"

static const struct vpk_function_config vpk_full = VPK_FULL_CONFIG;

/* A device, and a DMABUF of it that only the test has a reference on */
struct vpk_race {
	struct vpk_function *fn;
	struct dma_buf *dmabuf;
	void **owner;
	unsigned int registrations;
	struct completion closed;
	struct completion released;
};

/* One reference of the device, one of its open file, one of each DMABUF. */
static unsigned int vpk_registrations(struct vpk_race *race)
{
	return refcount_read(&race->fn->vdev->vdev.refcount);
}

static void vpk_race_init(struct kunit *test, struct vpk_race *race)
{
	const struct vfio_region_dma_range range = { 0, SZ_4K };
	unsigned int i;

	vpk_need_importers(test);
	race->fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	race->registrations = vpk_registrations(race);
	race->dmabuf = vpk_try_export(race->fn, 0, &range, 1);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, race->dmabuf);
	flush_delayed_fput();
	KUNIT_ASSERT_EQ(test, vpk_registrations(race),
			race->registrations + 1);

	/* The core's structure is private, but one word of it points to the device. */
	for (i = 0; i < 8 && !race->owner; i++) {
		void **word = (void **)race->dmabuf->priv + i;

		if (*word == race->fn->vdev)
			race->owner = word;
	}
	KUNIT_ASSERT_NOT_NULL(test, race->owner);
	init_completion(&race->closed);
	init_completion(&race->released);
}

static int vpk_race_close(void *data)
{
	struct vpk_race *race = data;

	vpk_close(race->fn);
	complete(&race->closed);
	return 0;
}

static int vpk_race_release(void *data)
{
	struct vpk_race *race = data;

	/* dma_buf_put() would leave the work to yet another thread. */
	__fput_sync(race->dmabuf->file);
	complete(&race->released);
	return 0;
}

static bool vpk_race_waits(struct vpk_race *race)
{
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		if (rwsem_is_contended(&race->fn->vdev->memory_lock))
			return true;
		fsleep(1000);
	}
	return false;
}

static bool vpk_race_taken(struct vpk_race *race)
{
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		if (!READ_ONCE(*race->owner))
			return true;
		fsleep(1000);
	}
	return false;
}

static void vpk_race_end(struct kunit *test, struct vpk_race *race)
{
	KUNIT_EXPECT_TRUE(test, wait_for_completion_timeout(&race->released,
							    10 * HZ));
	KUNIT_EXPECT_TRUE(test, wait_for_completion_timeout(&race->closed,
							    10 * HZ));
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(race->fn, 0));
	KUNIT_EXPECT_TRUE(test, list_empty(&race->fn->vdev->dmabufs));
	KUNIT_EXPECT_EQ_MSG(test, vpk_registrations(race),
			    race->registrations - 1, "not put exactly once");
}

/*
 * C6: release has taken the DMABUF and waits for memory_lock. The element stays
 * on the list until release has the lock, so the registration must keep the
 * device until then. Close comes second.
 */
static void release_then_close(struct kunit *test)
{
	struct vpk_lock_holder *holder;
	struct vpk_race race = {};

	vpk_race_init(test, &race);
	holder = vpk_hold_memory_lock(test, race.fn, false);
	kthread_run(vpk_race_release, &race, "vpk_release");
	KUNIT_EXPECT_TRUE(test, vpk_race_taken(&race));
	KUNIT_EXPECT_TRUE(test, vpk_race_waits(&race));
	KUNIT_EXPECT_FALSE(test, list_empty(&race.fn->vdev->dmabufs));
	KUNIT_EXPECT_EQ_MSG(test, vpk_registrations(&race),
			    race.registrations + 1,
			    "nothing keeps the device, and its list is in use");
	kthread_run(vpk_race_close, &race, "vpk_close");
	msleep(20);
	vpk_drop_memory_lock(holder);
	vpk_race_end(test, &race);
}

/*
 * C6: close waits for memory_lock, and release takes the DMABUF in that time.
 * Cleanup finds the DMABUF on the list, and sees that release drops the
 * reference on the registration.
 */
static void close_then_release(struct kunit *test)
{
	struct vpk_lock_holder *holder;
	struct vpk_race race = {};

	vpk_race_init(test, &race);
	holder = vpk_hold_memory_lock(test, race.fn, false);
	kthread_run(vpk_race_close, &race, "vpk_close");
	KUNIT_EXPECT_TRUE(test, vpk_race_waits(&race));
	kthread_run(vpk_race_release, &race, "vpk_release");
	KUNIT_EXPECT_TRUE(test, vpk_race_taken(&race));
	msleep(20);
	KUNIT_EXPECT_FALSE(test, list_empty(&race.fn->vdev->dmabufs));
	KUNIT_EXPECT_EQ(test, vpk_registrations(&race),
			race.registrations + 1);
	vpk_drop_memory_lock(holder);
	vpk_race_end(test, &race);
}

struct vpk_watchpoint {
	struct vfio_pci_core_device *vdev;
	unsigned int hits;
	bool listed;
};

#if IS_ENABLED(CONFIG_HAVE_HW_BREAKPOINT)
static void vpk_owner_written(struct perf_event *event,
			      struct perf_sample_data *data,
			      struct pt_regs *regs)
{
	struct vpk_watchpoint *point = event->overflow_handler_context;

	/* Only cleanup writes, and it holds memory_lock. */
	if (!point->hits++)
		point->listed = !list_empty(&point->vdev->dmabufs);
}

/* How often a word was written, and whether the list had a DMABUF then. */
static int vpk_watch_owner(struct vpk_race *race, struct vpk_watchpoint *point)
{
	struct perf_event * __percpu *event;
	struct perf_event_attr attr;

	hw_breakpoint_init(&attr);
	attr.bp_addr = (unsigned long)race->owner;
	attr.bp_len = HW_BREAKPOINT_LEN_8;
	attr.bp_type = HW_BREAKPOINT_W;
	event = register_wide_hw_breakpoint(&attr, vpk_owner_written, point);
	if (IS_ERR_PCPU(event))
		return PTR_ERR_PCPU(event);
	vpk_close(race->fn);
	unregister_wide_hw_breakpoint(event);
	return 0;
}
#else
static int vpk_watch_owner(struct vpk_race *race, struct vpk_watchpoint *point)
{
	return -EOPNOTSUPP;
}
#endif

/*
 * C6: from the moment that cleanup takes the DMABUF, release() frees it without
 * waiting for anybody. So cleanup must have unlinked it before. No test can
 * stop cleanup between the two steps, but a watchpoint on the pointer sees when
 * the second one happens.
 *
 * The faulty order, the pointer first, unlinks freed memory when the last
 * reference goes at that moment.
 */
static void close_unlinks_first(struct kunit *test)
{
	struct vpk_watchpoint point = {};
	struct vpk_race race = {};

	vpk_need_importers(test);
	/* On arm64 a watchpoint with its own handler is hit again and again. */
	if (!IS_ENABLED(CONFIG_X86))
		kunit_skip(test, "this architecture has no such watchpoint");
	vpk_race_init(test, &race);
	point.vdev = race.fn->vdev;
	KUNIT_ASSERT_EQ(test, vpk_watch_owner(&race, &point), 0);
	KUNIT_EXPECT_EQ_MSG(test, point.hits, 1, "times taken");
	KUNIT_EXPECT_FALSE_MSG(test, point.listed,
			       "taken while it was on the list");
	KUNIT_EXPECT_NULL(test, *race.owner);
	KUNIT_EXPECT_EQ(test, vpk_registrations(&race),
			race.registrations - 1);
	dma_buf_put(race.dmabuf);
	flush_delayed_fput();
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(race.fn, 0));
	KUNIT_EXPECT_EQ(test, vpk_registrations(&race),
			race.registrations - 1);
}

static struct kunit_case vpk_release_cases[] = {
	KUNIT_CASE(release_then_close),
	KUNIT_CASE(close_then_release),
	KUNIT_CASE(close_unlinks_first),
	{}
};

static struct kunit_suite vpk_release_suite = {
	.name = "vfio-pci-core-release",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_release_cases,
};

kunit_test_suite(vpk_release_suite);
