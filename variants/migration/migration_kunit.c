// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suite of the migration driver: what it owes the contract (rules V2 and
 * V7), and each transition between migration states.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * Copy it with the driver. Change the function below into one that your driver
 * drives, and the struct vpk_variant into what your driver is like: the shared
 * cases of VPK_VARIANT_CASES() take all that they know from there. The cases in
 * this file are about what is particular to this driver. Those about states,
 * resets and broken streams fit any driver that migrates its device.
 */
#include <linux/completion.h>
#include <linux/crc32.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/poll.h>
#include <linux/sizes.h>

#include "vfio_pci_kunit.h"
#include "migration.h"

#define DRIVER	"migration-vfio-pci"

/* BAR2: the state, and then the migration registers. */
#define BAR	2
#define LEN	SZ_256K
#define SHOWN	(LEN / 2)
#define CTRL	SHOWN

/* The stream: a header, the state, and a checksum. */
#define HEADER	16
#define STREAM	(HEADER + SHOWN + 4)

#define NR_STATES	VFIO_DEVICE_STATE_NR

static const struct vpk_function_config migration_function = {
	.vendor = PCI_VENDOR_ID_REDHAT_QUMRANET,
	.device = 0x1110,
	.bar_size = { [0] = SZ_4K, [BAR] = LEN },
	.pm = true,
	.no_soft_reset = true,
	.exp_flr = true,
};

/* A device that cannot be migrated. */
static const struct vpk_function_config migration_igb = {
	.vendor = PCI_VENDOR_ID_INTEL,
	.device = 0x10c9,
	.bar_size = { SZ_128K, SZ_128K, SZ_4K },
	.pm = true,
	.exp_flr = true,
};

static const struct vpk_variant migration_variant = {
	.driver = DRIVER,
	.symbol = "migration_vfio_driver",
	.config = &migration_function,
	.region = BAR,
	.size = SHOWN,
	.other = 0,
	.ioeventfd = -EINVAL,
	.ioeventfds_within = true,
};

static const char * const migration_names[NR_STATES] = {
	[VFIO_DEVICE_STATE_ERROR] = "error",
	[VFIO_DEVICE_STATE_STOP] = "stop",
	[VFIO_DEVICE_STATE_RUNNING] = "running",
	[VFIO_DEVICE_STATE_STOP_COPY] = "stop_copy",
	[VFIO_DEVICE_STATE_RESUMING] = "resuming",
	[VFIO_DEVICE_STATE_RUNNING_P2P] = "running_p2p",
	[VFIO_DEVICE_STATE_PRE_COPY] = "pre_copy",
	[VFIO_DEVICE_STATE_PRE_COPY_P2P] = "pre_copy_p2p",
};

/* Of no meaning but their addresses: parameters are numbers. */
static const u8 migration_numbers[NR_STATES * NR_STATES];

static unsigned int migration_number(struct kunit *test)
{
	return (const u8 *)test->param_value - migration_numbers;
}

static const void *migration_next(const void *prev, unsigned int nr)
{
	const u8 *param = prev ? prev + 1 : migration_numbers;

	return param < migration_numbers + nr ? param : NULL;
}

/* Each state. */
static const void *migration_gen_states(struct kunit *test, const void *prev,
					char *desc)
{
	const u8 *param = migration_next(prev, NR_STATES);

	if (param)
		strscpy(desc, migration_names[param - migration_numbers],
			KUNIT_PARAM_DESC_SIZE);
	return param;
}

/* From each state to each. */
static const void *migration_gen_arcs(struct kunit *test, const void *prev,
				      char *desc)
{
	const u8 *param = migration_next(prev, NR_STATES * NR_STATES);
	unsigned int nr = param - migration_numbers;

	if (param)
		snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s_to_%s",
			 migration_names[nr / NR_STATES],
			 migration_names[nr % NR_STATES]);
	return param;
}

static struct migration_vfio_device *migration_of(struct vpk_function *fn)
{
	return container_of(fn->vdev, struct migration_vfio_device,
			    core_device);
}

static struct vpk_function *migration_open(struct kunit *test)
{
	return vpk_device(test, &migration_function, DRIVER);
}

/* Two devices, open. */
static void migration_open_two(struct kunit *test, struct vpk_function *fn[2],
			       const struct vpk_function_config *second)
{
	struct vpk_host *host = vpk_host_create(test);
	int i;

	fn[0] = vpk_function_add(test, host, &migration_function);
	fn[1] = vpk_function_add(test, host, second);
	vpk_host_probe(test, host);
	for (i = 0; i < 2; i++) {
		vpk_bind(test, fn[i], DRIVER);
		vpk_open(test, fn[i]);
	}
}

static pci_ers_result_t migration_error(struct vpk_function *fn,
					pci_channel_state_t state)
{
	struct pci_driver *driver = to_pci_driver(fn->pdev->dev.driver);
	pci_ers_result_t ret;

	device_lock(&fn->pdev->dev);
	ret = driver->err_handler->error_detected(fn->pdev, state);
	device_unlock(&fn->pdev->dev);
	return ret;
}

/* What the PCI core does then, after it has reset the device. */
static void migration_recover(struct vpk_function *fn)
{
	struct pci_driver *driver = to_pci_driver(fn->pdev->dev.driver);

	device_lock(&fn->pdev->dev);
	driver->err_handler->slot_reset(fn->pdev);
	driver->err_handler->resume(fn->pdev);
	device_unlock(&fn->pdev->dev);
}

static void migration_expect_state(struct kunit *test, struct vpk_function *fn,
				   enum vfio_device_mig_state state)
{
	int now = vpk_mig_state(fn);

	KUNIT_ASSERT_GE(test, now, 0);
	KUNIT_EXPECT_STREQ(test, migration_names[now], migration_names[state]);
}

/* To any state that can be asked for, and to ERROR. Returns the data file. */
static struct file *migration_enter(struct kunit *test,
				    struct vpk_function *fn,
				    enum vfio_device_mig_state state)
{
	struct file *file;

	if (state == VFIO_DEVICE_STATE_ERROR) {
		/* No recovery follows, which would keep the device from opening. */
		migration_error(fn, pci_channel_io_perm_failure);
		KUNIT_EXPECT_EQ(test, vpk_mig_set_state(test, fn,
							VFIO_DEVICE_STATE_STOP,
							&file), -EIO);
	} else {
		KUNIT_ASSERT_EQ(test, vpk_mig_set_state(test, fn, state, &file),
				0);
	}
	migration_expect_state(test, fn, state);
	return file;
}

static void migration_expect_refused(struct kunit *test,
				     struct vpk_function *fn,
				     enum vfio_device_mig_state state, long ret)
{
	enum vfio_device_mig_state before = vpk_mig_state(fn);
	struct file *file;

	KUNIT_EXPECT_EQ(test, vpk_mig_set_state(test, fn, state, &file), ret);
	KUNIT_EXPECT_NULL(test, file);
	migration_expect_state(test, fn, before);
}

/* Whatever user space does with the file, it is told that this is over. */
static void migration_expect_ended(struct kunit *test, struct vpk_function *fn,
				   struct file *file)
{
	struct vfio_precopy_info info = { .argsz = sizeof(info) };
	u8 byte = 0;

	if (file->f_mode & FMODE_WRITE) {
		KUNIT_EXPECT_EQ(test, vpk_mig_write(fn, file, &byte, 1),
				-ENODEV);
		return;
	}
	KUNIT_EXPECT_EQ(test, vpk_mig_read(fn, file, &byte, 1), -ENODEV);
	KUNIT_EXPECT_EQ(test, vpk_mig_ioctl(fn, file, VFIO_MIG_GET_PRECOPY_INFO,
					    &info, sizeof(info)), -ENODEV);
	KUNIT_EXPECT_TRUE(test, vfs_poll(file, NULL) & EPOLLIN);
}

/* Reads to the end, so much at a time. */
static u8 *migration_read(struct kunit *test, struct vpk_function *fn,
			  struct file *file, size_t at_a_time)
{
	u8 *stream = kunit_kzalloc(test, STREAM + PAGE_SIZE, GFP_KERNEL);
	size_t pos = 0;
	ssize_t ret;

	KUNIT_ASSERT_NOT_NULL(test, stream);
	do {
		ret = vpk_mig_read(fn, file, stream + pos, at_a_time);
		KUNIT_ASSERT_GE(test, ret, 0);
		pos += ret;
	} while (ret && pos <= STREAM);
	KUNIT_EXPECT_EQ(test, pos, STREAM);
	return stream;
}

/* Returns how much was taken, or the error. */
static ssize_t migration_write(struct vpk_function *fn, struct file *file,
			       const u8 *stream, size_t len, size_t at_a_time)
{
	size_t pos;

	for (pos = 0; pos < len; pos += at_a_time) {
		size_t some = min(len - pos, at_a_time);
		ssize_t ret;

		ret = vpk_mig_write(fn, file, stream + pos, some);
		if (ret != some)
			return ret;
	}
	return len;
}

/* The state of a device, which is STOP then. */
static u8 *migration_save(struct kunit *test, struct vpk_function *fn)
{
	struct file *file;
	u8 *stream;

	file = migration_enter(test, fn, VFIO_DEVICE_STATE_STOP_COPY);
	KUNIT_ASSERT_NOT_NULL(test, file);
	stream = migration_read(test, fn, file, PAGE_SIZE);
	migration_enter(test, fn, VFIO_DEVICE_STATE_STOP);
	vpk_mig_close(test, file);
	return stream;
}

/* Bytes that are not the same at any two places near to each other. */
static void migration_fill(u8 *memory, u32 seed)
{
	u32 i;

	for (i = 0; i < SHOWN; i++)
		memory[i] = (i * 2654435761u + seed) >> 13;
}

static bool migration_is_filled(struct kunit *test, const u8 *memory, u32 seed)
{
	u8 *want = kunit_kzalloc(test, SHOWN, GFP_KERNEL);
	bool same;

	KUNIT_ASSERT_NOT_NULL(test, want);
	migration_fill(want, seed);
	same = !memcmp(want, memory, SHOWN);
	kunit_kfree(test, want);
	return same;
}

/* V2: the migration registers are hidden from each way in. */
static void migration_hides_registers(struct kunit *test)
{
	struct vpk_function *fn = migration_open(test);
	struct vfio_region_info info;
	u32 val = 0;

	KUNIT_ASSERT_EQ(test, vpk_region_info(fn, BAR, &info), 0);
	KUNIT_EXPECT_EQ(test, info.size, SHOWN);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, BAR, CTRL, &val, 4), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_region_write(fn, BAR, CTRL, &val, 4),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_region_write(fn, BAR, LEN - 4, &val, 4),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, BAR, CTRL, &val, 0), 0);
	KUNIT_EXPECT_EQ(test, vpk_region_write(fn, BAR, CTRL, &val, 0), 0);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn,
					   VFIO_PCI_INDEX_TO_OFFSET(BAR), LEN,
					   PROT_READ, MAP_SHARED), -EINVAL);
}

/* V2: nor does an ioeventfd write to them, but to the state it does. */
static void migration_hides_from_ioeventfds(struct kunit *test)
{
	struct vpk_eventfd *eventfd = vpk_eventfd_create(test);
	struct vpk_function *fn = migration_open(test);

	KUNIT_EXPECT_EQ(test, vpk_ioeventfd(fn, BAR, CTRL - 4, 1, eventfd), 0);
	KUNIT_EXPECT_EQ(test, vpk_ioeventfd(fn, BAR, CTRL - 2, 1, eventfd),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_ioeventfd(fn, BAR, CTRL, 1, eventfd),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_ioeventfd(fn, BAR, LEN - 4, 1, eventfd),
			-EINVAL);
}

static void migration_expect_plain(struct kunit *test, struct vpk_function *fn)
{
	struct vfio_device_feature_migration mig;
	struct vfio_region_info info;
	int bar;

	KUNIT_EXPECT_NULL(test, fn->vdev->vdev.mig_ops);
	KUNIT_EXPECT_EQ(test, vpk_feature(fn, VFIO_DEVICE_FEATURE_GET |
					  VFIO_DEVICE_FEATURE_MIGRATION, &mig,
					  sizeof(mig)), -ENOTTY);
	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		KUNIT_ASSERT_EQ(test, vpk_region_info(fn, bar, &info), 0);
		KUNIT_EXPECT_EQ(test, info.size,
				pci_resource_len(fn->pdev, bar));
	}
}

/* The other table: nothing is hidden of a device that cannot be migrated. */
static void migration_shows_all(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &migration_igb, DRIVER);
	u32 val;

	migration_expect_plain(test, fn);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, 0, SZ_128K - 4, &val, 4), 4);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, 0, SZ_128K, PROT_READ,
					   MAP_SHARED), 0);
	/* The handlers are the same for both. */
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	KUNIT_EXPECT_EQ(test, pci_reset_function(fn->pdev), 0);
	KUNIT_EXPECT_EQ(test, migration_error(fn, pci_channel_io_frozen),
			PCI_ERS_RESULT_NEED_RESET);
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	vpk_expect_no_lock_held(test, fn);
}

/* And so of one that should, and has too little memory for it. */
static void migration_needs_whole_pages(struct kunit *test)
{
	struct vpk_function_config small = migration_function;

	small.bar_size[BAR] = SZ_4K;
	migration_expect_plain(test, vpk_device(test, &small, DRIVER));
}

/* Or so much that recovery from an error would have to wait for the copy. */
static void migration_needs_short_states(struct kunit *test)
{
	struct vpk_function_config large = migration_function;
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *most, *more;

	large.bar_size[BAR] = SZ_32M;
	most = vpk_function_add(test, host, &large);
	large.bar_size[BAR] = SZ_64M;
	more = vpk_function_add(test, host, &large);
	vpk_host_probe(test, host);
	/* Only bound: UML cannot map such a BAR. */
	vpk_bind(test, most, DRIVER);
	vpk_bind(test, more, DRIVER);
	KUNIT_EXPECT_NOT_NULL(test, most->vdev->vdev.mig_ops);
	KUNIT_EXPECT_NULL(test, more->vdev->vdev.mig_ops);
}

/* An ivshmem without its memory is one without migration. */
static void migration_needs_the_bar(struct kunit *test)
{
	struct vpk_function_config none = migration_function;

	none.bar_size[BAR] = 0;
	migration_expect_plain(test, vpk_device(test, &none, DRIVER));
}

/* What user space learns before it begins. */
static void migration_features(struct kunit *test)
{
	struct vfio_device_feature_mig_data_size size = {};
	struct vfio_device_feature_migration mig = {};
	struct vpk_function *fn = migration_open(test);

	KUNIT_EXPECT_EQ(test, vpk_feature(fn, VFIO_DEVICE_FEATURE_GET |
					  VFIO_DEVICE_FEATURE_MIGRATION, &mig,
					  sizeof(mig)), 0);
	KUNIT_EXPECT_EQ(test, mig.flags, VFIO_MIGRATION_STOP_COPY |
			VFIO_MIGRATION_P2P | VFIO_MIGRATION_PRE_COPY);
	KUNIT_EXPECT_EQ(test, vpk_feature(fn, VFIO_DEVICE_FEATURE_GET |
					  VFIO_DEVICE_FEATURE_MIG_DATA_SIZE,
					  &size, sizeof(size)), 0);
	KUNIT_EXPECT_EQ(test, size.stop_copy_length, STREAM);
	migration_expect_state(test, fn, VFIO_DEVICE_STATE_RUNNING);
	/* There is no DMA to log. */
	KUNIT_EXPECT_NULL(test, fn->vdev->vdev.log_ops);
}

static bool migration_saves(enum vfio_device_mig_state state)
{
	return state == VFIO_DEVICE_STATE_PRE_COPY ||
	       state == VFIO_DEVICE_STATE_PRE_COPY_P2P ||
	       state == VFIO_DEVICE_STATE_STOP_COPY;
}

/* What the device is told in a state. */
static u32 migration_control(enum vfio_device_mig_state state)
{
	switch (state) {
	case VFIO_DEVICE_STATE_RUNNING:
	case VFIO_DEVICE_STATE_PRE_COPY:
		return 0;
	case VFIO_DEVICE_STATE_RUNNING_P2P:
	case VFIO_DEVICE_STATE_PRE_COPY_P2P:
		return 1;
	default:
		return 2;
	}
}

static long migration_arc_result(enum vfio_device_mig_state from,
				 enum vfio_device_mig_state to)
{
	/* The error is not over. */
	if (from == VFIO_DEVICE_STATE_ERROR)
		return -EIO;
	if (from == to)
		return 0;
	if (to == VFIO_DEVICE_STATE_ERROR)
		return -EINVAL;
	if (from == VFIO_DEVICE_STATE_STOP_COPY && migration_saves(to))
		return -EINVAL;
	return 0;
}

/*
 * Each transition: its result, the state then, what the device is told, which
 * data file there is, and what became of the one before.
 */
static void migration_transition(struct kunit *test)
{
	enum vfio_device_mig_state from = migration_number(test) / NR_STATES;
	enum vfio_device_mig_state to = migration_number(test) % NR_STATES;
	long want = migration_arc_result(from, to);
	struct vpk_function *fn = migration_open(test);
	u8 *stream, *memory = vpk_bar_ram(test, fn, BAR);
	struct file *before, *file;
	bool same_session;

	stream = migration_save(test, fn);
	migration_enter(test, fn, VFIO_DEVICE_STATE_RUNNING);
	before = migration_enter(test, fn, from);
	if (from == VFIO_DEVICE_STATE_RESUMING && from != to && !want)
		KUNIT_ASSERT_EQ(test, migration_write(fn, before, stream,
						      STREAM, PAGE_SIZE),
				STREAM);

	KUNIT_EXPECT_EQ(test, vpk_mig_set_state(test, fn, to, &file), want);
	migration_expect_state(test, fn, want ? from : to);
	if (want) {
		KUNIT_EXPECT_NULL(test, file);
		return;
	}
	KUNIT_EXPECT_EQ(test, *(u32 *)(memory + CTRL), migration_control(to));

	same_session = from == to ||
		       (migration_saves(from) && migration_saves(to));
	if (before && same_session)
		KUNIT_EXPECT_PTR_EQ(test, before->private_data,
				    (void *)migration_of(fn)->saving ?:
				    (void *)migration_of(fn)->resuming);
	else if (before)
		migration_expect_ended(test, fn, before);
	KUNIT_EXPECT_EQ(test, !!file, !same_session &&
			(migration_saves(to) ||
			 to == VFIO_DEVICE_STATE_RESUMING));
	KUNIT_EXPECT_EQ(test, !!migration_of(fn)->saving, migration_saves(to));
	KUNIT_EXPECT_EQ(test, !!migration_of(fn)->resuming,
			to == VFIO_DEVICE_STATE_RESUMING);
}

/* A state that there is not. */
static void migration_no_such_state(struct kunit *test)
{
	struct vpk_function *fn = migration_open(test);

	migration_expect_refused(test, fn, NR_STATES, -EINVAL);
	migration_expect_refused(test, fn, U32_MAX, -EINVAL);
}

/* An arc that the driver does not know changes nothing. */
static void migration_no_such_arc(struct kunit *test)
{
	struct vpk_function *fn = migration_open(test);

	/* VFIO goes from RUNNING to STOP at once, if there is no P2P. */
	fn->vdev->vdev.migration_flags &= ~VFIO_MIGRATION_P2P;
	kunit_warning_suppress(test) {
		migration_expect_refused(test, fn, VFIO_DEVICE_STATE_STOP,
					 -EINVAL);
	}
	fn->vdev->vdev.migration_flags |= VFIO_MIGRATION_P2P;
}

/* How a device can be reset while its user does not look. */
static int migration_reset_by_user(struct vpk_function *fn)
{
	return vpk_reset(fn);
}

static int migration_reset_by_sysfs(struct vpk_function *fn)
{
	return pci_reset_function(fn->pdev);
}

static int migration_reset_of_bus(struct vpk_function *fn)
{
	return vpk_hot_reset(fn);
}

/* V7: after each reset, in each state, the device runs and no file is left. */
static void migration_reset(struct kunit *test)
{
	int (* const resets[])(struct vpk_function *fn) = {
		migration_reset_by_user,
		migration_reset_by_sysfs,
		migration_reset_of_bus,
	};
	enum vfio_device_mig_state state = migration_number(test);
	struct vpk_function *fn = migration_open(test);
	struct file *file;
	int i;

	for (i = 0; i < ARRAY_SIZE(resets); i++) {
		file = migration_enter(test, fn, state);
		KUNIT_EXPECT_EQ_MSG(test, resets[i](fn), 0, "reset %d", i);
		migration_expect_state(test, fn, VFIO_DEVICE_STATE_RUNNING);
		if (file)
			migration_expect_ended(test, fn, file);
		KUNIT_EXPECT_NULL(test, migration_of(fn)->saving);
		KUNIT_EXPECT_NULL(test, migration_of(fn)->resuming);
		vpk_expect_no_lock_held(test, fn);
		/* And the device can be migrated. */
		migration_save(test, fn);
		migration_enter(test, fn, VFIO_DEVICE_STATE_RUNNING);
	}
}

/* The device is closed in each state, and the data file is not. */
static void migration_close(struct kunit *test)
{
	enum vfio_device_mig_state state = migration_number(test);
	struct vpk_function *fn = migration_open(test);
	struct file *file = migration_enter(test, fn, state);

	vpk_close(fn);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
	if (file)
		migration_expect_ended(test, fn, file);
	vpk_open(test, fn);
	migration_expect_state(test, fn, VFIO_DEVICE_STATE_RUNNING);
	if (file)
		migration_expect_ended(test, fn, file);
	migration_save(test, fn);
}

/* A device that nothing resets when it is opened is RUNNING then as well. */
static void migration_open_without_reset(struct kunit *test)
{
	struct vpk_function *fn;
	int i;

	fn = vpk_faults_function(test, &migration_function);
	/* Else the PCI core calls .reset_done after each way that fails, too. */
	fn->pdev->reset_methods[0] = 0;
	vpk_bind(test, fn, DRIVER);
	for (i = 0; i < 2; i++) {
		vpk_open(test, fn);
		migration_expect_state(test, fn, VFIO_DEVICE_STATE_RUNNING);
		migration_enter(test, fn, VFIO_DEVICE_STATE_STOP);
		vpk_close(fn);
		KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
	}
}

/* A data file outlives the driver's hold of the device. */
static void migration_unbind(struct kunit *test)
{
	struct vpk_function *fn = migration_open(test);
	struct file *file;

	file = migration_enter(test, fn, VFIO_DEVICE_STATE_PRE_COPY);
	vpk_close(fn);
	vpk_unbind(fn);
	migration_expect_ended(test, fn, file);
	vpk_mig_close(test, file);
}

/* ... since it has a reference to the device, for as long as it is open. */
static void migration_file_holds_device(struct kunit *test)
{
	struct vpk_function *fn = migration_open(test);
	struct kref *kref = &fn->vdev->vdev.device.kobj.kref;
	unsigned int before = kref_read(kref);
	struct file *file;

	file = migration_enter(test, fn, VFIO_DEVICE_STATE_PRE_COPY);
	KUNIT_EXPECT_EQ(test, kref_read(kref), before + 1);
	migration_enter(test, fn, VFIO_DEVICE_STATE_RUNNING);
	flush_delayed_fput();
	KUNIT_EXPECT_EQ(test, kref_read(kref), before + 1);
	vpk_mig_close(test, file);
	KUNIT_EXPECT_EQ(test, kref_read(kref), before);
}

/* The state of one device goes to another, by each way through the states. */
static void migration_moves(struct kunit *test)
{
	static const enum vfio_device_mig_state first[] = {
		VFIO_DEVICE_STATE_PRE_COPY,
		VFIO_DEVICE_STATE_PRE_COPY_P2P,
		VFIO_DEVICE_STATE_STOP_COPY,
	};
	u8 *stream, *from, *to;
	struct vpk_function *fn[2];
	struct file *file;
	int i;

	migration_open_two(test, fn, &migration_function);
	from = vpk_bar_ram(test, fn[0], BAR);
	to = vpk_bar_ram(test, fn[1], BAR);
	to[LEN - 1] = 0x5a;
	for (i = 0; i < ARRAY_SIZE(first); i++) {
		migration_fill(from, i);
		file = migration_enter(test, fn[0], first[i]);
		/* Until it stops, the device may go on. */
		if (first[i] != VFIO_DEVICE_STATE_STOP_COPY)
			migration_fill(from, 100 + i);
		KUNIT_EXPECT_NULL(test,
				  migration_enter(test, fn[0],
						  VFIO_DEVICE_STATE_STOP_COPY));
		stream = migration_read(test, fn[0], file, PAGE_SIZE);
		migration_enter(test, fn[0], VFIO_DEVICE_STATE_RUNNING);

		file = migration_enter(test, fn[1], VFIO_DEVICE_STATE_RESUMING);
		KUNIT_EXPECT_EQ(test, migration_write(fn[1], file, stream,
						      STREAM, PAGE_SIZE),
				STREAM);
		KUNIT_EXPECT_NE(test, memcmp(from, to, SHOWN), 0);
		migration_enter(test, fn[1], VFIO_DEVICE_STATE_RUNNING);
		KUNIT_EXPECT_EQ(test, memcmp(from, to, SHOWN), 0);
		/* Nothing but the state, and what the device is told. */
		KUNIT_EXPECT_EQ(test, to[LEN - 1], 0x5a);
		KUNIT_EXPECT_EQ(test, *(u32 *)(to + CTRL), 0);
	}
}

/* A stream that is not complete is refused, and can still be completed. */
static void migration_truncated(struct kunit *test)
{
	static const size_t lengths[] = {
		0, 1, HEADER - 1, HEADER, HEADER + 1, HEADER + SHOWN - 1,
		HEADER + SHOWN, STREAM - 1,
	};
	struct vpk_function *fn = migration_open(test);
	u8 *stream, *memory = vpk_bar_ram(test, fn, BAR);
	struct file *file;
	size_t len;
	int i;

	migration_fill(memory, 1);
	stream = migration_save(test, fn);
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		len = lengths[i];
		migration_fill(memory, 2);
		file = migration_enter(test, fn, VFIO_DEVICE_STATE_RESUMING);
		KUNIT_EXPECT_EQ(test, migration_write(fn, file, stream, len,
						      PAGE_SIZE), len);
		migration_expect_refused(test, fn, VFIO_DEVICE_STATE_STOP,
					 -EINVAL);
		migration_expect_refused(test, fn, VFIO_DEVICE_STATE_RUNNING,
					 -EINVAL);
		KUNIT_EXPECT_TRUE_MSG(test, migration_is_filled(test, memory, 2),
				      "%zu bytes", len);
		KUNIT_EXPECT_EQ(test, migration_write(fn, file, stream + len,
						      STREAM - len, PAGE_SIZE),
				STREAM - len);
		/* Nothing may follow. */
		KUNIT_EXPECT_EQ(test, vpk_mig_write(fn, file, stream, 1),
				-EINVAL);
		KUNIT_EXPECT_EQ(test, vpk_mig_write(fn, file, stream, 0), 0);
		migration_enter(test, fn, VFIO_DEVICE_STATE_STOP);
		KUNIT_EXPECT_TRUE_MSG(test, migration_is_filled(test, memory, 1),
				      "%zu bytes", len);
		migration_expect_ended(test, fn, file);
	}
}

/* ... also if all that is missing are zeros, which the checksum cannot tell. */
static void migration_truncated_zero(struct kunit *test)
{
	struct vpk_function *fn = migration_open(test);
	u8 *stream, *memory = vpk_bar_ram(test, fn, BAR);
	struct file *file;
	u32 crc, last = 0;

	/* The last word of the state is free: find one for such a checksum. */
	stream = migration_save(test, fn);
	crc = crc32_le(~0, stream, HEADER + SHOWN - sizeof(last));
	while (crc32_le(crc, (u8 *)&last, sizeof(last)) >> 24)
		last++;
	memcpy(memory + SHOWN - sizeof(last), &last, sizeof(last));
	stream = migration_save(test, fn);
	KUNIT_ASSERT_EQ(test, stream[STREAM - 1], 0);

	file = migration_enter(test, fn, VFIO_DEVICE_STATE_RESUMING);
	KUNIT_EXPECT_EQ(test, migration_write(fn, file, stream, STREAM - 1,
					      PAGE_SIZE), STREAM - 1);
	migration_expect_refused(test, fn, VFIO_DEVICE_STATE_STOP, -EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_mig_write(fn, file, stream + STREAM - 1, 1),
			1);
	migration_enter(test, fn, VFIO_DEVICE_STATE_STOP);
}

/* What is wrong in the header is found at once, the rest before it is used. */
static void migration_corrupted(struct kunit *test)
{
	static const size_t places[] = {
		0, 3, 4, 7, 8, HEADER - 1, HEADER, HEADER + SHOWN / 2,
		HEADER + SHOWN - 1, HEADER + SHOWN, STREAM - 1,
	};
	struct vpk_function *fn = migration_open(test);
	u8 *stream, *memory = vpk_bar_ram(test, fn, BAR);
	struct file *file;
	ssize_t want;
	int i;

	migration_fill(memory, 1);
	stream = migration_save(test, fn);
	migration_fill(memory, 2);
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		file = migration_enter(test, fn, VFIO_DEVICE_STATE_RESUMING);
		stream[places[i]] ^= 0x10;
		want = places[i] < HEADER ? -EINVAL : STREAM;
		KUNIT_EXPECT_EQ_MSG(test,
				    migration_write(fn, file, stream, STREAM,
						    PAGE_SIZE), want,
				    "byte %zu", places[i]);
		stream[places[i]] ^= 0x10;
		migration_expect_refused(test, fn, VFIO_DEVICE_STATE_STOP,
					 -EINVAL);
		KUNIT_EXPECT_TRUE_MSG(test, migration_is_filled(test, memory, 2),
				      "byte %zu", places[i]);
		/* To give up the session, the device is reset. */
		KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
		migration_expect_state(test, fn, VFIO_DEVICE_STATE_RUNNING);
	}
}

/* The header alone says that a device is not like the source. */
static void migration_other_size(struct kunit *test)
{
	struct vpk_function_config half = migration_function;
	struct vpk_function *fn[2];
	u8 header[HEADER];
	struct file *file;
	int i;

	half.bar_size[BAR] = LEN / 2;
	migration_open_two(test, fn, &half);
	file = migration_enter(test, fn[0], VFIO_DEVICE_STATE_PRE_COPY);
	KUNIT_EXPECT_EQ(test, vpk_mig_read(fn[0], file, header, PAGE_SIZE),
			HEADER);
	file = migration_enter(test, fn[1], VFIO_DEVICE_STATE_RESUMING);
	for (i = 0; i < HEADER - 1; i++)
		KUNIT_EXPECT_EQ(test, vpk_mig_write(fn[1], file, header + i, 1),
				1);
	KUNIT_EXPECT_EQ(test, vpk_mig_write(fn[1], file, header + i, 1),
			-EINVAL);
	/* The source goes on as if nothing had been. */
	migration_enter(test, fn[0], VFIO_DEVICE_STATE_RUNNING);
}

/* Data files are read and written in pieces of any size. */
static void migration_pieces(struct kunit *test)
{
	const size_t sizes[] = { 1, 3, HEADER, HEADER + 1, 1000, PAGE_SIZE };
	struct vpk_function *fn = migration_open(test);
	u8 *stream, *again, *memory = vpk_bar_ram(test, fn, BAR);
	struct file *file;
	int i;

	migration_fill(memory, 1);
	stream = migration_save(test, fn);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		file = migration_enter(test, fn, VFIO_DEVICE_STATE_STOP_COPY);
		again = migration_read(test, fn, file, sizes[i]);
		KUNIT_EXPECT_EQ_MSG(test, memcmp(stream, again, STREAM), 0,
				    "%zu bytes", sizes[i]);
		/* The end stays the end. */
		KUNIT_EXPECT_EQ(test, vpk_mig_read(fn, file, again, 1), 0);
		KUNIT_EXPECT_EQ(test, vfs_poll(file, NULL) & EPOLLIN, EPOLLIN);

		migration_fill(memory, 2);
		file = migration_enter(test, fn, VFIO_DEVICE_STATE_RESUMING);
		KUNIT_EXPECT_EQ(test, migration_write(fn, file, again, STREAM,
						      sizes[i]), STREAM);
		migration_enter(test, fn, VFIO_DEVICE_STATE_STOP);
		KUNIT_EXPECT_TRUE_MSG(test, migration_is_filled(test, memory, 1),
				      "%zu bytes", sizes[i]);
		kunit_kfree(test, again);
	}
}

/* A copy that fails does not move the stream; and a stream has no position. */
static void migration_bad_buffers(struct kunit *test)
{
	void __user *nowhere = (void __user *)-PAGE_SIZE;
	struct vpk_function *fn = migration_open(test);
	u8 *stream = migration_save(test, fn);
	struct file *file;
	loff_t pos = 0;
	u8 byte;

	file = migration_enter(test, fn, VFIO_DEVICE_STATE_STOP_COPY);
	KUNIT_EXPECT_EQ(test, file->f_op->read(file, nowhere, 1, NULL),
			-EFAULT);
	KUNIT_EXPECT_EQ(test, file->f_op->read(file, fn->host->ubuf, 1, &pos),
			-ESPIPE);
	KUNIT_EXPECT_EQ(test, vpk_mig_read(fn, file, &byte, 0), 0);
	KUNIT_EXPECT_EQ(test, vpk_mig_read(fn, file, &byte, 1), 1);
	KUNIT_EXPECT_EQ(test, byte, stream[0]);
	KUNIT_EXPECT_FALSE(test, file->f_mode & FMODE_WRITE);

	file = migration_enter(test, fn, VFIO_DEVICE_STATE_RESUMING);
	KUNIT_EXPECT_EQ(test, file->f_op->write(file, nowhere, 1, NULL),
			-EFAULT);
	KUNIT_EXPECT_EQ(test, file->f_op->write(file, fn->host->ubuf, 1, &pos),
			-ESPIPE);
	KUNIT_EXPECT_FALSE(test, file->f_mode & FMODE_READ);
	KUNIT_EXPECT_EQ(test, migration_write(fn, file, stream, STREAM,
					      PAGE_SIZE), STREAM);
	migration_enter(test, fn, VFIO_DEVICE_STATE_STOP);
}

static long migration_precopy_info(struct vpk_function *fn, struct file *file,
				   struct vfio_precopy_info *info)
{
	return vpk_mig_ioctl(fn, file, VFIO_MIG_GET_PRECOPY_INFO, info,
			     sizeof(*info));
}

/* PRE_COPY: the header, its end that is none, and what is said of it. */
static void migration_pre_copy(struct kunit *test)
{
	struct vfio_precopy_info info = { .argsz = sizeof(info), .flags = 7 };
	struct vpk_function *fn = migration_open(test);
	u8 header[HEADER];
	struct file *file;

	file = migration_enter(test, fn, VFIO_DEVICE_STATE_PRE_COPY);
	KUNIT_EXPECT_EQ(test, migration_precopy_info(fn, file, &info), 0);
	KUNIT_EXPECT_EQ(test, info.initial_bytes, HEADER);
	KUNIT_EXPECT_EQ(test, info.dirty_bytes, 0);
	/* Nobody has asked for v2: flags are left as they are. */
	KUNIT_EXPECT_EQ(test, info.flags, 7);
	KUNIT_EXPECT_EQ(test, vfs_poll(file, NULL) & EPOLLIN, EPOLLIN);

	/* What VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2 does. */
	fn->vdev->vdev.precopy_info_v2 = 1;
	KUNIT_EXPECT_EQ(test, vpk_mig_read(fn, file, header, 5), 5);
	KUNIT_EXPECT_EQ(test, migration_precopy_info(fn, file, &info), 0);
	KUNIT_EXPECT_EQ(test, info.initial_bytes, HEADER - 5);
	KUNIT_EXPECT_EQ(test, info.flags, 0);

	KUNIT_EXPECT_EQ(test, vpk_mig_read(fn, file, header, PAGE_SIZE),
			HEADER - 5);
	KUNIT_EXPECT_EQ(test, migration_precopy_info(fn, file, &info), 0);
	KUNIT_EXPECT_EQ(test, info.initial_bytes, 0);
	KUNIT_EXPECT_EQ(test, vpk_mig_read(fn, file, header, 1), -ENOMSG);
	KUNIT_EXPECT_EQ(test, vfs_poll(file, NULL), 0);

	info.argsz = 8;
	KUNIT_EXPECT_EQ(test, migration_precopy_info(fn, file, &info), -EINVAL);
	info.argsz = sizeof(info);
	KUNIT_EXPECT_EQ(test, vpk_mig_ioctl(fn, file, VFIO_DEVICE_RESET, &info,
					    sizeof(info)), -ENOTTY);

	migration_enter(test, fn, VFIO_DEVICE_STATE_STOP_COPY);
	KUNIT_EXPECT_EQ(test, migration_precopy_info(fn, file, &info), -EINVAL);
	KUNIT_EXPECT_EQ(test, vfs_poll(file, NULL) & EPOLLIN, EPOLLIN);
	KUNIT_EXPECT_EQ(test, vpk_mig_read(fn, file, header, 1), 1);
}

/* What is known of PRE_COPY goes to user memory, if that takes it. */
static void migration_pre_copy_read_only(struct kunit *test)
{
	struct vfio_precopy_info info = { .argsz = sizeof(info) };
	struct vpk_function *fn = migration_open(test);
	struct file *file;
	unsigned long addr;

	addr = kunit_vm_mmap(test, NULL, 0, PAGE_SIZE, PROT_READ,
			     MAP_PRIVATE | MAP_ANONYMOUS, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	/* As a debugger does it. */
	KUNIT_ASSERT_EQ(test, access_remote_vm(current->mm, addr, &info,
					       sizeof(info),
					       FOLL_WRITE | FOLL_FORCE),
			sizeof(info));
	file = migration_enter(test, fn, VFIO_DEVICE_STATE_PRE_COPY);
	KUNIT_EXPECT_EQ(test, file->f_op->unlocked_ioctl(file,
							 VFIO_MIG_GET_PRECOPY_INFO,
							 addr), -EFAULT);
	KUNIT_EXPECT_EQ(test, file->f_op->unlocked_ioctl(file,
							 VFIO_MIG_GET_PRECOPY_INFO,
							 0), -EFAULT);
}

/**
 * struct migration_waiter - who polls a data file
 * @table: what .poll is given
 * @entry: in the file's wait queue
 * @head: the file's wait queue
 * @woken: there was something new
 */
struct migration_waiter {
	poll_table table;
	wait_queue_entry_t entry;
	wait_queue_head_t *head;
	bool woken;
};

static int migration_woken(wait_queue_entry_t *entry, unsigned int mode,
			   int flags, void *key)
{
	container_of(entry, struct migration_waiter, entry)->woken = true;
	return 0;
}

static void migration_queue(struct file *file, wait_queue_head_t *head,
			    poll_table *table)
{
	struct migration_waiter *waiter =
		container_of(table, struct migration_waiter, table);

	waiter->head = head;
	add_wait_queue(head, &waiter->entry);
}

/* Who waits for more in PRE_COPY hears of it, and of the end. */
static void migration_poll(struct kunit *test)
{
	static const enum vfio_device_mig_state next[] = {
		VFIO_DEVICE_STATE_STOP_COPY, VFIO_DEVICE_STATE_RUNNING,
	};
	struct vpk_function *fn = migration_open(test);
	struct migration_waiter waiter;
	u8 header[HEADER];
	struct file *file;
	int i;

	for (i = 0; i < ARRAY_SIZE(next); i++) {
		file = migration_enter(test, fn, VFIO_DEVICE_STATE_PRE_COPY);
		KUNIT_EXPECT_EQ(test, vpk_mig_read(fn, file, header, HEADER),
				HEADER);
		waiter = (struct migration_waiter) {};
		init_waitqueue_func_entry(&waiter.entry, migration_woken);
		init_poll_funcptr(&waiter.table, migration_queue);
		KUNIT_EXPECT_EQ(test, vfs_poll(file, &waiter.table), 0);
		KUNIT_ASSERT_NOT_NULL(test, waiter.head);
		KUNIT_EXPECT_FALSE(test, waiter.woken);
		migration_enter(test, fn, next[i]);
		KUNIT_EXPECT_TRUE(test, waiter.woken);
		remove_wait_queue(waiter.head, &waiter.entry);
		migration_enter(test, fn, VFIO_DEVICE_STATE_RUNNING);
	}
}

/* A read or write of a data file that waits for its buffer. */
struct migration_transfer {
	struct file *file;
	unsigned long addr;
	bool write;
};

static long migration_do_transfer(void *data)
{
	struct migration_transfer *transfer = data;
	const struct file_operations *fops = transfer->file->f_op;
	char __user *buf = (char __user *)transfer->addr;

	return transfer->write ? fops->write(transfer->file, buf, 1, NULL) :
				 fops->read(transfer->file, buf, 1, NULL);
}

static long migration_do_poll(void *data)
{
	return (__force u16)vfs_poll(((struct migration_transfer *)data)->file,
				     NULL);
}

/*
 * Begin a transfer. The buffer has never been touched and mmap_lock is held, so
 * that it is not done before migration_finish().
 */
static struct vpk_worker *migration_begin(struct kunit *test,
					  struct vpk_function *fn,
					  struct migration_transfer *transfer)
{
	struct vpk_worker *worker;

	transfer->addr = kunit_vm_mmap(test, NULL, 0, PAGE_SIZE,
				       PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(transfer->addr));
	worker = vpk_worker_start(test, fn->host, migration_do_transfer,
				  transfer);
	mmap_write_lock(fn->host->mm);
	vpk_worker_go(worker);
	fsleep(50 * USEC_PER_MSEC);
	KUNIT_EXPECT_FALSE(test, vpk_worker_done(worker));
	return worker;
}

static void migration_finish(struct kunit *test, struct vpk_function *fn,
			     struct vpk_worker *worker)
{
	mmap_write_unlock(fn->host->mm);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(worker), 1);
}

/* poll() does not answer while a read() moves the position. */
static void migration_poll_waits(struct kunit *test)
{
	struct vpk_function *fn = migration_open(test);
	struct migration_transfer transfer = {};
	struct vpk_worker *reader, *poller;

	transfer.file = migration_enter(test, fn, VFIO_DEVICE_STATE_PRE_COPY);
	reader = migration_begin(test, fn, &transfer);
	poller = vpk_worker_start(test, fn->host, migration_do_poll, &transfer);
	vpk_worker_go(poller);
	fsleep(50 * USEC_PER_MSEC);
	KUNIT_EXPECT_FALSE(test, vpk_worker_done(poller));
	migration_finish(test, fn, reader);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(poller),
			(__force u16)(EPOLLIN | EPOLLRDNORM));
}

/* RESUMING does not end during a write(), and nobody waits for that. */
static void migration_busy_write(struct kunit *test)
{
	struct vpk_function *fn = migration_open(test);
	struct vfio_device *core_vdev = &fn->vdev->vdev;
	struct migration_transfer transfer = { .write = true };
	struct vpk_worker *writer;
	struct file *file;

	transfer.file = migration_enter(test, fn, VFIO_DEVICE_STATE_RESUMING);
	writer = migration_begin(test, fn, &transfer);
	file = core_vdev->mig_ops->migration_set_state(core_vdev,
						       VFIO_DEVICE_STATE_STOP);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(file), -EBUSY);
	migration_finish(test, fn, writer);
	migration_expect_state(test, fn, VFIO_DEVICE_STATE_RESUMING);
}

/* The state is where the BAR is, and in D3hot there is no BAR. */
static void migration_inaccessible(struct kunit *test)
{
	struct vpk_function *fn = migration_open(test);

	KUNIT_EXPECT_EQ(test, vpk_power(fn, PCI_D3hot), 0);
	migration_expect_refused(test, fn, VFIO_DEVICE_STATE_STOP_COPY, -EIO);
	KUNIT_EXPECT_EQ(test, vpk_power(fn, PCI_D0), 0);
	migration_enter(test, fn, VFIO_DEVICE_STATE_STOP_COPY);
}

/*
 * C3: memory that the user has disabled is enabled for the driver alone, as a VMM
 * needs it that resumes a device whose guest has not enabled it yet.
 */
static void migration_memory_off(struct kunit *test)
{
	struct vpk_function *fn = migration_open(test);
	struct vpk_map *map = vpk_map(test, fn, BAR, 0, PAGE_SIZE);
	unsigned int i;

	KUNIT_ASSERT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_ASSERT_EQ(test, vpk_memory(fn, false), 0);
	vpk_log_clear(fn->host);
	migration_enter(test, fn, VFIO_DEVICE_STATE_RESUMING);
	VPK_EXPECT_ORDER(test, fn->host, "mem-on mem-off");
	for (i = 0; i < fn->host->nr_events; i++)
		KUNIT_EXPECT_FALSE(test, fn->host->log[i].mapped);
	KUNIT_EXPECT_FALSE(test, vpk_function_mem_enabled(fn));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), -EFAULT);

	/* The guest's command, which the VMM loads with its configuration. */
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	migration_expect_state(test, fn, VFIO_DEVICE_STATE_RESUMING);
}

/* V7: an error that no reset follows changes nothing. */
static void migration_error_normal(struct kunit *test)
{
	struct vpk_function *fn = migration_open(test);
	struct file *file;

	file = migration_enter(test, fn, VFIO_DEVICE_STATE_STOP_COPY);
	KUNIT_EXPECT_EQ(test, migration_error(fn, pci_channel_io_normal),
			PCI_ERS_RESULT_CAN_RECOVER);
	migration_expect_state(test, fn, VFIO_DEVICE_STATE_STOP_COPY);
	migration_read(test, fn, file, PAGE_SIZE);
	migration_enter(test, fn, VFIO_DEVICE_STATE_RUNNING);
}

/*
 * V7: after any other, what was saved is not to be trusted. The state changes
 * when the user asks for it, and only a reset leads back.
 */
static void migration_error_fatal(struct kunit *test)
{
	static const pci_channel_state_t errors[] = {
		pci_channel_io_frozen, pci_channel_io_perm_failure,
	};
	struct vpk_function *fn = migration_open(test);
	struct file *file;
	int i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		file = migration_enter(test, fn, VFIO_DEVICE_STATE_STOP_COPY);
		KUNIT_EXPECT_EQ(test, migration_error(fn, errors[i]),
				errors[i] == pci_channel_io_frozen ?
				PCI_ERS_RESULT_NEED_RESET :
				PCI_ERS_RESULT_DISCONNECT);
		migration_expect_ended(test, fn, file);
		migration_expect_state(test, fn, VFIO_DEVICE_STATE_STOP_COPY);
		KUNIT_EXPECT_EQ(test, vpk_mig_set_state(test, fn,
							VFIO_DEVICE_STATE_STOP_COPY,
							&file), -EIO);
		migration_expect_state(test, fn, VFIO_DEVICE_STATE_ERROR);
		/* The PCI core's recovery is not the user's reset. */
		if (errors[i] == pci_channel_io_frozen)
			migration_recover(fn);
		migration_expect_refused(test, fn, VFIO_DEVICE_STATE_RUNNING,
					 -EIO);
		KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
		migration_expect_state(test, fn, VFIO_DEVICE_STATE_RUNNING);
		migration_save(test, fn);
	}
}

/**
 * struct migration_holder - a thread that has state_mutex for a while
 * @mdev: the device
 * @take: completed when it shall take it
 * @held: completed when it has it
 * @drop: completed when it shall drop it
 */
struct migration_holder {
	struct migration_vfio_device *mdev;
	struct completion take;
	struct completion held;
	struct completion drop;
};

static long migration_hold(void *data)
{
	struct migration_holder *holder = data;

	wait_for_completion(&holder->take);
	mutex_lock(&holder->mdev->state_mutex);
	complete(&holder->held);
	wait_for_completion(&holder->drop);
	mutex_unlock(&holder->mdev->state_mutex);
	return 0;
}

static void migration_drop(void *data)
{
	struct migration_holder *holder = data;

	complete_all(&holder->take);
	complete_all(&holder->drop);
}

static struct migration_holder *migration_holder(struct kunit *test,
						 struct vpk_function *fn)
{
	struct migration_holder *holder;

	holder = kunit_kzalloc(test, sizeof(*holder), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, holder);
	holder->mdev = migration_of(fn);
	init_completion(&holder->take);
	init_completion(&holder->held);
	init_completion(&holder->drop);
	vpk_worker_go(vpk_worker_start(test, fn->host, migration_hold, holder));
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, migration_drop,
							holder), 0);
	return holder;
}

static struct vpk_map *migration_used_map(struct kunit *test,
					  struct vpk_function *fn)
{
	struct vpk_map *map = vpk_map(test, fn, BAR, 0, PAGE_SIZE);

	KUNIT_ASSERT_EQ(test, vpk_touch(map, 0), 0);
	vpk_watch(fn->host, map, 0);
	vpk_log_clear(fn->host);
	return map;
}

static long migration_do_reset(void *data)
{
	struct vpk_function *fn = data;

	return pci_reset_function(fn->pdev);
}

/* V7: in .reset_prepare the core is first: the BARs go, and then the files. */
static void migration_prepare_order(struct kunit *test)
{
	struct vpk_function *fn = migration_open(test);
	struct migration_holder *holder = migration_holder(test, fn);
	struct vpk_worker *worker;

	migration_used_map(test, fn);
	worker = vpk_worker_start(test, fn->host, migration_do_reset, fn);
	complete(&holder->take);
	wait_for_completion(&holder->held);
	vpk_worker_go(worker);
	fsleep(50 * USEC_PER_MSEC);
	KUNIT_EXPECT_FALSE(test, vpk_worker_done(worker));
	VPK_EXPECT_ORDER(test, fn->host, "zap revoke");
	complete(&holder->drop);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(worker), 0);
	VPK_EXPECT_ORDER(test, fn->host,
			 "zap revoke mem-off flr mem-on unrevoke");
}

static int migration_at_flr(const struct vpk_access *access, void *data)
{
	struct migration_holder *holder = data;

	if (vpk_begins_flr(access))
		complete(&holder->take);
	return PCIBIOS_SUCCESSFUL;
}

/* V7: in .reset_done it is last: the device is RUNNING, and then the user's. */
static void migration_done_order(struct kunit *test)
{
	struct vpk_function *fn = migration_open(test);
	struct migration_holder *holder = migration_holder(test, fn);
	struct vpk_worker *worker;

	migration_enter(test, fn, VFIO_DEVICE_STATE_STOP);
	migration_used_map(test, fn);
	worker = vpk_worker_start(test, fn->host, migration_do_reset, fn);
	vpk_observe(fn, migration_at_flr, holder);
	vpk_worker_go(worker);
	wait_for_completion(&holder->held);
	fsleep(500 * USEC_PER_MSEC);
	KUNIT_EXPECT_FALSE(test, vpk_worker_done(worker));
	VPK_EXPECT_ORDER(test, fn->host, "zap revoke mem-off flr mem-on");
	complete(&holder->drop);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(worker), 0);
	vpk_observe(fn, NULL, NULL);
	VPK_EXPECT_ORDER(test, fn->host,
			 "zap revoke mem-off flr mem-on unrevoke");
	migration_expect_state(test, fn, VFIO_DEVICE_STATE_RUNNING);
}

static long migration_do_error(void *data)
{
	return migration_error(data, pci_channel_io_frozen);
}

/* V7: in .error_detected the core is first. */
static void migration_error_order(struct kunit *test)
{
	struct vpk_function *fn = migration_open(test);
	struct migration_holder *holder = migration_holder(test, fn);
	struct vpk_worker *worker;

	migration_used_map(test, fn);
	worker = vpk_worker_start(test, fn->host, migration_do_error, fn);
	complete(&holder->take);
	wait_for_completion(&holder->held);
	vpk_worker_go(worker);
	fsleep(50 * USEC_PER_MSEC);
	KUNIT_EXPECT_FALSE(test, vpk_worker_done(worker));
	VPK_EXPECT_ORDER(test, fn->host, "zap revoke");
	complete(&holder->drop);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(worker),
			PCI_ERS_RESULT_NEED_RESET);
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
}

static long migration_do_stop(void *data)
{
	struct vfio_device *core_vdev = &((struct vpk_function *)data)->vdev->vdev;

	return PTR_ERR_OR_ZERO(core_vdev->mig_ops->migration_set_state(core_vdev,
								       VFIO_DEVICE_STATE_STOP));
}

/*
 * V7: a transition waits for a reset, and meanwhile does not have state_mutex,
 * for which the reset would wait in turn. SIGKILL ends the wait.
 */
static void migration_waits_for_reset(struct kunit *test)
{
	struct vpk_function *fn = migration_open(test);
	struct vpk_lock_holder *holder = vpk_hold_memory_lock(test, fn, true);
	struct vpk_worker *killed, *worker;

	killed = vpk_worker_start(test, fn->host, migration_do_stop, fn);
	vpk_worker_go(killed);
	fsleep(50 * USEC_PER_MSEC);
	KUNIT_EXPECT_FALSE(test, vpk_worker_done(killed));
	KUNIT_EXPECT_FALSE(test, mutex_is_locked(&migration_of(fn)->state_mutex));
	vpk_worker_kill(killed);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(killed), -EINTR);

	worker = vpk_worker_start(test, fn->host, migration_do_stop, fn);
	vpk_worker_go(worker);
	fsleep(50 * USEC_PER_MSEC);
	KUNIT_EXPECT_FALSE(test, vpk_worker_done(worker));
	vpk_drop_memory_lock(holder);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(worker), 0);
	migration_expect_state(test, fn, VFIO_DEVICE_STATE_STOP);
}

static long migration_do_ask(void *data)
{
	struct vpk_function *fn = data;
	struct vfio_device *core_vdev = &fn->vdev->vdev;
	enum vfio_device_mig_state state;

	return core_vdev->mig_ops->migration_get_state(core_vdev, &state) ?: state;
}

/* Transitions come one after the other, and who asks sees none half done. */
static void migration_takes_turns(struct kunit *test)
{
	struct vpk_function *fn = migration_open(test);
	struct migration_holder *holder = migration_holder(test, fn);
	struct vpk_worker *setter, *asker;

	setter = vpk_worker_start(test, fn->host, migration_do_stop, fn);
	asker = vpk_worker_start(test, fn->host, migration_do_ask, fn);
	complete(&holder->take);
	wait_for_completion(&holder->held);
	vpk_worker_go(setter);
	vpk_worker_go(asker);
	fsleep(50 * USEC_PER_MSEC);
	KUNIT_EXPECT_FALSE(test, vpk_worker_done(setter));
	KUNIT_EXPECT_FALSE(test, vpk_worker_done(asker));
	KUNIT_EXPECT_EQ(test, migration_of(fn)->mig_state,
			VFIO_DEVICE_STATE_RUNNING);
	complete(&holder->drop);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(setter), 0);
	KUNIT_EXPECT_GE(test, vpk_worker_wait(asker), 0);
	migration_expect_state(test, fn, VFIO_DEVICE_STATE_STOP);
}

/* Each allocation that a session makes fails once, and nothing has changed. */
static void migration_faults(struct kunit *test)
{
	static const enum vfio_device_mig_state states[] = {
		VFIO_DEVICE_STATE_STOP_COPY, VFIO_DEVICE_STATE_RESUMING,
	};
	unsigned int i, nth, refs, failures = 0;
	struct vpk_function *fn;
	struct vfio_device *core_vdev;
	bool failed;

	vpk_faults_on(test);
	fn = migration_open(test);
	core_vdev = &fn->vdev->vdev;
	migration_enter(test, fn, VFIO_DEVICE_STATE_STOP);
	refs = kref_read(&core_vdev->device.kobj.kref);
	for (i = 0; i < ARRAY_SIZE(states); i++) {
		failed = true;
		for (nth = 1; failed && nth < VPK_ENOUGH; nth++) {
			struct file *file;

			vpk_fail_nth(nth);
			file = core_vdev->mig_ops->migration_set_state(core_vdev,
								       states[i]);
			failed = vpk_failed();
			vpk_expect_no_lock_held(test, fn);
			if (IS_ERR(file)) {
				failures++;
				KUNIT_EXPECT_EQ(test, PTR_ERR(file), -ENOMEM);
				migration_expect_state(test, fn,
						       VFIO_DEVICE_STATE_STOP);
				continue;
			}
			__fput_sync(file);
			KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
			flush_delayed_fput();
			KUNIT_EXPECT_EQ(test, refs,
					kref_read(&core_vdev->device.kobj.kref));
			migration_enter(test, fn, VFIO_DEVICE_STATE_STOP);
		}
		KUNIT_EXPECT_FALSE_MSG(test, failed, "no end of allocations");
	}
	KUNIT_EXPECT_GT_MSG(test, failures, 4, "hardly anything failed");
}

static int migration_init(struct kunit *test)
{
	return vpk_variant_init(test, &migration_variant);
}

VPK_VARIANT_CASES(migration_cases,
		  KUNIT_CASE(migration_hides_registers),
		  KUNIT_CASE(migration_hides_from_ioeventfds),
		  KUNIT_CASE(migration_shows_all),
		  KUNIT_CASE(migration_needs_whole_pages),
		  KUNIT_CASE(migration_needs_short_states),
		  KUNIT_CASE(migration_needs_the_bar),
		  KUNIT_CASE(migration_features),
		  KUNIT_CASE_PARAM(migration_transition, migration_gen_arcs),
		  KUNIT_CASE(migration_no_such_state),
		  KUNIT_CASE(migration_no_such_arc),
		  KUNIT_CASE_PARAM(migration_reset, migration_gen_states),
		  KUNIT_CASE_PARAM(migration_close, migration_gen_states),
		  KUNIT_CASE(migration_open_without_reset),
		  KUNIT_CASE(migration_unbind),
		  KUNIT_CASE(migration_file_holds_device),
		  KUNIT_CASE(migration_moves),
		  KUNIT_CASE(migration_truncated),
		  KUNIT_CASE(migration_truncated_zero),
		  KUNIT_CASE(migration_corrupted),
		  KUNIT_CASE(migration_other_size),
		  KUNIT_CASE(migration_pieces),
		  KUNIT_CASE(migration_bad_buffers),
		  KUNIT_CASE(migration_pre_copy),
		  KUNIT_CASE(migration_pre_copy_read_only),
		  KUNIT_CASE(migration_poll),
		  KUNIT_CASE(migration_poll_waits),
		  KUNIT_CASE(migration_busy_write),
		  KUNIT_CASE(migration_inaccessible),
		  KUNIT_CASE(migration_memory_off),
		  KUNIT_CASE(migration_error_normal),
		  KUNIT_CASE(migration_error_fatal),
		  KUNIT_CASE(migration_prepare_order),
		  KUNIT_CASE(migration_done_order),
		  KUNIT_CASE(migration_error_order),
		  KUNIT_CASE(migration_waits_for_reset),
		  KUNIT_CASE(migration_takes_turns),
		  KUNIT_CASE(migration_faults));

static struct kunit_suite migration_suite = {
	.name = "migration-vfio-pci",
	.init = migration_init,
	.exit = vpk_case_exit,
	.test_cases = migration_cases,
};

kunit_test_suite(migration_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit suite of the migration-vfio-pci driver");
