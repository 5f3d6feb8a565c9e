// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core suite: ioeventfds. The core writes to a BAR for the user whenever an
 * eventfd is signaled, at once or from a kernel thread, and asks the same
 * question as a fault before it does (rule C12).
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/pm_runtime.h>

#include "vfio_pci_kunit.h"

static const struct vpk_function_config vpk_config = {
	.bar_size = { SZ_64K }, .pm = true, .d1 = true, .d2 = true,
	.no_soft_reset = true, .exp_flr = true,
};

#define VPK_OFF		0x40
#define VPK_VAL		0x12345678

/* A device with an ioeventfd that works. */
static struct vpk_eventfd *vpk_io_device(struct kunit *test,
					 struct vpk_function **fn)
{
	struct vpk_eventfd *eventfd = vpk_eventfd_create(test);
	long ret;

	*fn = vpk_device(test, &vpk_config, VPK_DRIVER);
	vpk_bar_watch(test, *fn, 0);
	ret = vpk_ioeventfd(*fn, 0, VPK_OFF, VPK_VAL, eventfd);
	vpk_bar_watched(*fn, 0);
	KUNIT_ASSERT_EQ(test, ret, 0);
	vpk_eventfd_signal(eventfd);
	KUNIT_ASSERT_TRUE(test, vpk_bar_written(*fn, 0, VPK_OFF, VPK_VAL));
	return eventfd;
}

static void vpk_expect_write(struct kunit *test, struct vpk_function *fn,
			     struct vpk_eventfd *eventfd, bool written)
{
	vpk_eventfd_signal(eventfd);
	KUNIT_EXPECT_EQ(test, vpk_bar_written(fn, 0, VPK_OFF, VPK_VAL),
			written);
}

/* C12: an ioeventfd writes what it was told to, as long as it is there. */
static void io_writes(struct kunit *test)
{
	struct vpk_eventfd *eventfd;
	struct vpk_function *fn;

	eventfd = vpk_io_device(test, &fn);
	KUNIT_EXPECT_EQ(test, vpk_ioeventfd(fn, 0, VPK_OFF, VPK_VAL, eventfd),
			-EEXIST);
	vpk_expect_write(test, fn, eventfd, true);
	KUNIT_EXPECT_EQ(test, vpk_ioeventfd(fn, 0, VPK_OFF, VPK_VAL, NULL), 0);
	vpk_expect_write(test, fn, eventfd, false);
	KUNIT_EXPECT_EQ(test, vpk_ioeventfd(fn, 0, SZ_64K, VPK_VAL, eventfd),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_ioeventfd(fn, 1, 0, VPK_VAL, eventfd),
			-EINVAL);
}

/* C12: with memory disabled nothing is written. */
static void io_c12_memory(struct kunit *test)
{
	struct vpk_eventfd *eventfd;
	struct vpk_function *fn;

	eventfd = vpk_io_device(test, &fn);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	vpk_expect_write(test, fn, eventfd, false);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
	vpk_expect_write(test, fn, eventfd, true);
}

/* C12: nor outside D0. */
static void io_c12_power(struct kunit *test)
{
	static const pci_power_t states[] = { PCI_D1, PCI_D2, PCI_D3hot };
	struct vpk_eventfd *eventfd;
	struct vpk_function *fn;
	unsigned int i;

	eventfd = vpk_io_device(test, &fn);
	for (i = 0; i < ARRAY_SIZE(states); i++) {
		KUNIT_EXPECT_EQ(test, vpk_power(fn, states[i]), 0);
		vpk_expect_write(test, fn, eventfd, false);
		KUNIT_EXPECT_EQ(test, vpk_power(fn, PCI_D0), 0);
		vpk_expect_write(test, fn, eventfd, true);
	}
}

/* C12: nor while the device is suspended. */
static void io_c12_suspended(struct kunit *test)
{
	struct vpk_eventfd *eventfd;
	struct vpk_function *fn;

	eventfd = vpk_io_device(test, &fn);
	KUNIT_EXPECT_EQ(test, vpk_low_power(fn, true), 0);
	vpk_expect_write(test, fn, eventfd, false);
	KUNIT_EXPECT_EQ(test, vpk_low_power(fn, false), 0);
	vpk_expect_write(test, fn, eventfd, true);
}

static void vpk_pm_put(void *data)
{
	pm_runtime_put_noidle(data);
}

/* Low power, engaged, and a device that does not get to suspend. */
static void vpk_io_stay_awake(struct kunit *test, struct vpk_function *fn)
{
	struct device *dev = &fn->pdev->dev;

	pm_runtime_get_noresume(dev);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vpk_pm_put, dev),
			0);
	KUNIT_ASSERT_EQ(test, vpk_feature(fn, VFIO_DEVICE_FEATURE_SET |
					  VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY,
					  NULL, 0), 0);
	KUNIT_ASSERT_TRUE(test, pm_runtime_active(dev));
	KUNIT_ASSERT_EQ(test, vpk_function_power(fn), 0);
}

/*
 * C12: nor before that: the PCI core saves the state of the device without
 * memory_lock, when it is in D0 and memory enabled still.
 */
static void io_c12_suspending(struct kunit *test)
{
	struct vpk_eventfd *eventfd;
	struct vpk_function *fn;

	eventfd = vpk_io_device(test, &fn);
	vpk_io_stay_awake(test, fn);
	vpk_expect_write(test, fn, eventfd, false);
	KUNIT_EXPECT_EQ(test, vpk_low_power(fn, false), 0);
	vpk_expect_write(test, fn, eventfd, true);
}

static int vpk_signal_at_master(const struct vpk_access *access, void *data)
{
	if (access->where == PCI_COMMAND)
		vpk_eventfd_signal(data);
	return PCIBIOS_SUCCESSFUL;
}

/*
 * C12: nor while a device is closed in low power, from the moment on that low
 * power is over: the first that is done to the device then is to clear its bus
 * master bit.
 */
static void io_c12_close(struct kunit *test)
{
	struct vpk_eventfd *eventfd;
	struct vpk_function *fn;

	if (IS_ENABLED(CONFIG_PROVE_LOCKING))
		kunit_skip(test, "signals under pci_lock, which lockdep minds");
	eventfd = vpk_io_device(test, &fn);
	vpk_io_stay_awake(test, fn);
	vpk_observe(fn, vpk_signal_at_master, eventfd);
	vpk_close(fn);
	vpk_observe(fn, NULL, NULL);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
	KUNIT_EXPECT_FALSE(test, vpk_bar_written(fn, 0, VPK_OFF, VPK_VAL));
}

/*
 * C12: a write that finds memory_lock taken is left to a thread, and is done.
 */
static void io_contended(struct kunit *test)
{
	struct vpk_lock_holder *holder;
	struct vpk_eventfd *eventfd;
	struct vpk_function *fn;

	eventfd = vpk_io_device(test, &fn);
	holder = vpk_hold_memory_lock(test, fn, true);
	vpk_expect_write(test, fn, eventfd, false);
	vpk_drop_memory_lock(holder);
	/* Waits for the thread. */
	KUNIT_EXPECT_EQ(test, vpk_ioeventfd(fn, 0, VPK_OFF, VPK_VAL, NULL), 0);
	KUNIT_EXPECT_TRUE(test, vpk_bar_written(fn, 0, VPK_OFF, VPK_VAL));
}

/*
 * C12: the thread asks as well. Who held memory_lock has engaged low power, as
 * VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY does.
 */
static void io_c12_thread(struct kunit *test)
{
	struct vpk_lock_holder *holder;
	struct vpk_eventfd *eventfd;
	struct vpk_function *fn;

	eventfd = vpk_io_device(test, &fn);
	holder = vpk_hold_memory_lock(test, fn, true);
	vpk_expect_write(test, fn, eventfd, false);
	fn->vdev->pm_runtime_engaged = true;
	vpk_drop_memory_lock(holder);
	KUNIT_EXPECT_EQ(test, vpk_ioeventfd(fn, 0, VPK_OFF, VPK_VAL, NULL), 0);
	KUNIT_EXPECT_FALSE(test, vpk_bar_written(fn, 0, VPK_OFF, VPK_VAL));
	fn->vdev->pm_runtime_engaged = false;
}

static struct kunit_case vpk_io_cases[] = {
	KUNIT_CASE(io_writes),
	KUNIT_CASE(io_c12_memory),
	KUNIT_CASE(io_c12_power),
	KUNIT_CASE(io_c12_suspended),
	KUNIT_CASE(io_c12_suspending),
	KUNIT_CASE(io_c12_close),
	KUNIT_CASE(io_contended),
	KUNIT_CASE(io_c12_thread),
	{}
};

static struct kunit_suite vpk_io_suite = {
	.name = "vfio-pci-core-ioeventfd",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_io_cases,
};

kunit_test_suite(vpk_io_suite);
