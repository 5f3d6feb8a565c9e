// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core suite: the parameter write_combine of vfio-pci (rule C14). Which texts it
 * takes, and that who asks for it gets it, or no device.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/kmsg_dump.h>
#include <linux/moduleparam.h>
#include <linux/string.h>

#include "vfio_pci_kunit.h"

#define NC	VFIO_DMA_BUF_MEMATTR_NC
#define WC	VFIO_DMA_BUF_MEMATTR_WC

#define VPK_MAX_PARAM	1024	/* of vfio-pci, with the 0 at its end */

static const struct vpk_function_config vpk_param_config = {
	.vendor = 0x1fff, .device = 0x2a2a,
	.bar_size = { SZ_64K, 0, SZ_1M, 0, SZ_64K },
	.bar_64bit = BIT(2),
	.bar_prefetch = BIT(2) | BIT(4),
	.pm = true, .no_soft_reset = true,
};

static const struct kernel_param *vpk_param(struct kunit *test)
{
	const struct kernel_param *param;

	for (param = __start___param; param < __stop___param; param++)
		if (!strcmp(param->name, "vfio_pci.write_combine"))
			return param;
	KUNIT_FAIL_AND_ABORT(test, "vfio-pci has no parameter write_combine");
	return NULL;
}

static int vpk_param_set(struct kunit *test, const char *text)
{
	const struct kernel_param *param = vpk_param(test);
	int ret;

	kernel_param_lock(param->mod);
	ret = param->ops->set(text, param);
	kernel_param_unlock(param->mod);
	return ret;
}

static void vpk_param_reset(void *data)
{
	vpk_param_set(data, "");
}

static void vpk_param_later_reset(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vpk_param_reset,
							test), 0);
}

/* What sysfs shows, without the line's end. */
static const char *vpk_param_get(struct kunit *test)
{
	const struct kernel_param *param = vpk_param(test);
	char *text = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, text);
	KUNIT_ASSERT_GE(test, param->ops->get(text, param), 0);
	return strim(text);
}

/**
 * struct vpk_text - what somebody writes to the parameter
 * @name: what it is
 * @text: the text
 * @ret: what becomes of it
 */
struct vpk_text {
	const char *name;
	const char *text;
	int ret;
};

static const struct vpk_text vpk_text_params[] = {
	{ "nothing", "" },
	{ "blank", " " },
	{ "a_bar", "1234:abcd:2" },
	{ "by_echo", "1234:abcd:2\n" },
	{ "blanks_around", " 1234:abcd:2 " },
	{ "first_bar", "1234:abcd:0" },
	{ "last_bar", "1234:abcd:5" },
	{ "a_range", "1234:abcd:2:10000:20000" },
	{ "two", "1234:abcd:2:10000:20000,8086:1234:4" },
	{ "commas", ",1234:abcd:2,,1234:abcd:4," },
	{ "no_number", "x", -EINVAL },
	{ "vendor_only", "1234", -EINVAL },
	{ "no_bar", "1234:abcd", -EINVAL },
	{ "no_such_bar", "1234:abcd:6", -EINVAL },
	{ "no_length", "1234:abcd:2:10000", -EINVAL },
	{ "behind_a_bar", "1234:abcd:2x", -EINVAL },
	{ "behind_a_range", "1234:abcd:2:10000:20000x", -EINVAL },
	{ "too_many", "1234:abcd:2:10000:20000:1", -EINVAL },
	{ "the_second_is_wrong", "1234:abcd:2,1234:abcd", -EINVAL },
	{ "the_first_is_wrong", "1234:abcd,1234:abcd:2", -EINVAL },
	{ "a_blank_inside", "1234:abcd:2, 1234:abcd:x", -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(vpk_text, vpk_text_params, name);

/* C14: a text of the wrong form is refused, and what was set before stays. */
static void param_text(struct kunit *test)
{
	const struct vpk_text *param = test->param_value;
	const char *before = "4321:dcba:1";
	char copy[64];

	vpk_param_later_reset(test);
	KUNIT_ASSERT_EQ(test, vpk_param_set(test, before), 0);
	KUNIT_EXPECT_EQ(test, vpk_param_set(test, param->text), param->ret);
	strscpy(copy, param->text);
	KUNIT_EXPECT_STREQ(test, vpk_param_get(test),
			   param->ret ? before : strim(copy));
}

/* C14: as much as there is room for. */
static void param_length(struct kunit *test)
{
	char *text = kunit_kzalloc(test, VPK_MAX_PARAM + 1, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, text);
	vpk_param_later_reset(test);
	memset(text, ',', VPK_MAX_PARAM - 1);
	KUNIT_EXPECT_EQ(test, vpk_param_set(test, text), 0);
	text[VPK_MAX_PARAM - 1] = ',';
	KUNIT_EXPECT_EQ(test, vpk_param_set(test, text), -ENOSPC);
}

/* C14: without memory nothing is set. */
static void param_faults(struct kunit *test)
{
	vpk_faults_on(test);
	vpk_param_later_reset(test);
	vpk_fail_nth(1);
	KUNIT_EXPECT_EQ(test, vpk_param_set(test, "1234:abcd:2"), -ENOMEM);
	KUNIT_EXPECT_TRUE(test, vpk_failed());
	KUNIT_EXPECT_STREQ(test, vpk_param_get(test), "");
}

/**
 * struct vpk_asked - a parameter, and what it means for a device
 * @name: what it is
 * @text: the parameter
 * @ret: whether the device can be bound, on a machine with write-combining
 * @without: and whether, on one without
 * @first: the type of BAR 2 at its start
 * @middle: and in its middle
 * @other: and of BAR 4
 */
struct vpk_asked {
	const char *name;
	const char *text;
	int ret;
	int without;
	int first;
	int middle;
	int other;
};

static const struct vpk_asked vpk_asked_params[] = {
	{ "nothing", "" },
	{ "a_bar", "1fff:2a2a:2", 0, -EOPNOTSUPP, WC, WC, NC },
	{ "a_range", "1fff:2a2a:2:80000:10000", 0, -EOPNOTSUPP, NC, WC, NC },
	{ "two", "1fff:2a2a:4,1fff:2a2a:2:80000:10000", 0, -EOPNOTSUPP, NC, WC,
	  WC },
	{ "among_others", "1234:abcd:2,,1fff:2a2a:2:0:10000", 0, -EOPNOTSUPP, WC,
	  NC, NC },
	{ "another_device", "1fff:2a2b:2" },
	{ "another_vendor", "1ffe:2a2a:2" },
	{ "not_prefetchable", "1fff:2a2a:0", -EPERM, -EPERM },
	{ "too_long", "1fff:2a2a:2:80000:100000", -EINVAL, -EINVAL },
	{ "a_bar_that_is_not_there", "1fff:2a2a:5", -EINVAL, -EINVAL },
	{ "the_second_is_impossible", "1fff:2a2a:4,1fff:2a2a:0", -EPERM,
	  -EOPNOTSUPP },
};

KUNIT_ARRAY_PARAM_DESC(vpk_asked, vpk_asked_params, name);

/* How many lines of the kernel's log have this in them, from there on. */
static unsigned int vpk_printed(struct kmsg_dump_iter *from, const char *text)
{
	unsigned int lines = 0;
	char line[256];
	size_t len;

	while (kmsg_dump_get_line(from, false, line, sizeof(line), &len))
		if (strnstr(line, text, len))
			lines++;
	return lines;
}

/*
 * C14: the device has the types that were asked for, or it is not bound, and the
 * log says which entry could not be had.
 */
static void param_bind(struct kunit *test)
{
	const struct vpk_asked *param = test->param_value;
	struct vpk_host *host = vpk_host_create(test);
	struct kmsg_dump_iter now;
	struct vpk_function *fn;
	struct vpk_map *map;
	int ret;

	vpk_param_later_reset(test);
	KUNIT_ASSERT_EQ(test, vpk_param_set(test, param->text), 0);
	fn = vpk_function_add(test, host, &vpk_param_config);
	vpk_host_probe(test, host);
	kmsg_dump_rewind(&now);
	now.cur_seq = now.next_seq;
	ret = vpk_can_write_combine() ? param->ret : param->without;
	KUNIT_ASSERT_EQ(test, !vpk_try_bind(test, fn, "vfio-pci"), !ret);
	KUNIT_ASSERT_EQ(test, device_is_bound(&fn->pdev->dev), !ret);
	KUNIT_EXPECT_EQ(test, vpk_printed(&now, "cannot have write_combine="),
			ret ? 1 : 0);
	if (ret)
		return;
	vpk_open(test, fn);
	map = vpk_map(test, fn, 2, 0, SZ_1M);
	vpk_expect_memattr(test, map, 0, param->first, NULL);
	vpk_expect_memattr(test, map, SZ_512K, param->middle, NULL);
	map = vpk_map(test, fn, 4, 0, SZ_64K);
	vpk_expect_memattr(test, map, 0, param->other, NULL);
}

static long vpk_param_attach(void *data)
{
	struct vpk_function *fn = data;

	return device_set_driver_override(&fn->pdev->dev, "vfio-pci") ?:
	       device_attach(&fn->pdev->dev);
}

static void vpk_param_release(void *data)
{
	struct vpk_function *fn = data;

	device_release_driver(&fn->pdev->dev);
}

/* C14: a device that is bound while the parameter changes gets the new one. */
static void param_changes(struct kunit *test)
{
	const struct kernel_param *param = vpk_param(test);
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_worker *worker;
	struct vpk_function *fn;

	vpk_param_later_reset(test);
	fn = vpk_function_add(test, host, &vpk_param_config);
	vpk_host_probe(test, host);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vpk_param_release,
							fn), 0);
	worker = vpk_worker_start(test, host, vpk_param_attach, fn);
	kernel_param_lock(param->mod);
	vpk_worker_go(worker);
	msleep(50);
	KUNIT_EXPECT_FALSE(test, vpk_worker_done(worker));
	/* Of BAR 0, which is not prefetchable. */
	KUNIT_EXPECT_EQ(test, param->ops->set("1fff:2a2a:0", param), 0);
	kernel_param_unlock(param->mod);
	KUNIT_EXPECT_NE(test, vpk_worker_wait(worker), 1);
	KUNIT_EXPECT_FALSE(test, device_is_bound(&fn->pdev->dev));
}

static struct kunit_case vpk_param_cases[] = {
	KUNIT_CASE_PARAM(param_text, vpk_text_gen_params),
	KUNIT_CASE(param_length),
	KUNIT_CASE(param_faults),
	KUNIT_CASE_PARAM(param_bind, vpk_asked_gen_params),
	KUNIT_CASE(param_changes),
	{}
};

static struct kunit_suite vpk_param_suite = {
	.name = "vfio-pci-core-param",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_param_cases,
};

kunit_test_suite(vpk_param_suite);
