// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live migration by the real uAPI: the state of one device goes to another; what
 * is broken is refused; and no reset, of whatever kind, has to wait for a thread
 * that reads or writes a data file, wherever its buffer is.
 *
 * usage: migration_test [HARNESS OPTIONS] BDF_OF_THE_DESTINATION BDF
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "access.h"
#include "lockdep.h"
#include "kselftest_harness.h"

#define RW	(PROT_READ | PROT_WRITE)

/* What the header of a stream takes at most. */
#define HEADER	64

static const char *other_bdf;

FIXTURE(migration) {
	struct kit_dev from, to;
	struct iommu *iommu;
	struct kit_area *area;
	char *from_va, *to_va;
	char *stream;
	size_t size;
	char *buf;
	int uffd;
	pthread_t thread;
	int file;
	bool done, stop;
	ssize_t result;
	int error;
	long count, other_errors;
};

/* A feature of @dev with @len bytes of data: 0 or -errno. */
static int feature(struct kit_dev *dev, u32 flags, void *data, size_t len)
{
	u64 buf[16] = {};
	struct vfio_device_feature *arg = (void *)buf;
	int ret;

	arg->argsz = sizeof(*arg) + len;
	arg->flags = flags;
	memcpy(arg->data, data, len);
	ret = ioctl(dev->vdev->fd, VFIO_DEVICE_FEATURE, arg) ? -errno : 0;
	memcpy(data, arg->data, len);
	return ret;
}

/* The data file, if there is one, is in *@file. */
static int set_state(struct kit_dev *dev, u32 state, int *file)
{
	struct vfio_device_feature_mig_state mig = { .device_state = state, .data_fd = -1 };
	int ret;

	ret = feature(dev, VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
		      &mig, sizeof(mig));
	if (file)
		*file = mig.data_fd;
	else if (mig.data_fd >= 0)
		close(mig.data_fd);
	return ret;
}

static int get_state(struct kit_dev *dev)
{
	struct vfio_device_feature_mig_state mig = {};

	return feature(dev, VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
		       &mig, sizeof(mig)) ?: (int)mig.device_state;
}

/* As a VMM: all that there is, and -errno if it ends with an error. */
static ssize_t read_all(int file, char *buf, size_t size)
{
	size_t pos = 0;
	ssize_t ret;

	do {
		ret = read(file, buf + pos, size - pos);
		pos += ret > 0 ? ret : 0;
	} while (ret > 0 && pos < size);
	return ret < 0 ? -errno : (ssize_t)pos;
}

static ssize_t write_all(int file, const char *buf, size_t size)
{
	size_t pos = 0;
	ssize_t ret;

	while (pos < size) {
		ret = write(file, buf + pos, size - pos);
		if (ret < 0)
			return -errno;
		pos += ret;
	}
	return pos;
}

static void fill(char *va, size_t size, u32 seed)
{
	u32 *word = (u32 *)va;
	size_t i;

	for (i = 0; i < size / sizeof(*word); i++)
		WRITE_ONCE(word[i], (u32)i * 2654435761u + seed);
}

FIXTURE_SETUP(migration)
{
	struct vfio_device_feature_mig_data_size size = {};
	struct vfio_device_feature_migration mig = {};
	int err;

	self->uffd = -1;
	self->file = -1;
	kit_open(&self->from, &self->iommu);
	if (feature(&self->from, VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_MIGRATION, &mig,
		    sizeof(mig)))
		SKIP(return, "the driver does not migrate this device");
	err = kit_dev_open(&self->to, other_bdf, self->iommu);
	VFIO_ASSERT_EQ(err, 0, "%s cannot be opened: %s\n", other_bdf, strerror(-err));
	kit_dev_find_areas(&self->to);
	self->area = kit_best_area(&self->from);
	ASSERT_NE(NULL, self->area);
	self->from_va = kit_map(&self->from, self->area, 0, self->area->size, RW);
	self->to_va = kit_map(&self->to, self->area, 0, self->area->size, RW);
	ASSERT_EQ(0, feature(&self->from, VFIO_DEVICE_FEATURE_GET |
			     VFIO_DEVICE_FEATURE_MIG_DATA_SIZE, &size, sizeof(size)));
	self->size = size.stop_copy_length;
	ASSERT_GT(self->size, self->area->size);
	self->stream = calloc(2, self->size);
	ASSERT_NE(NULL, self->stream);
	fill(self->from_va, self->area->size, 1);
	fill(self->to_va, self->area->size, 2);
}

FIXTURE_TEARDOWN(migration)
{
	kit_close(&self->to, NULL);
	kit_close(&self->from, self->iommu);
}

static void save(struct __test_metadata *_metadata, struct _test_data_migration *self)
{
	int file;

	ASSERT_EQ(0, set_state(&self->from, VFIO_DEVICE_STATE_STOP_COPY, &file));
	ASSERT_LE(0, file);
	ASSERT_EQ(self->size, read_all(file, self->stream, 2 * self->size));
	ASSERT_EQ(0, close(file));
	ASSERT_EQ(0, set_state(&self->from, VFIO_DEVICE_STATE_RUNNING, NULL));
}

static void load(struct __test_metadata *_metadata, struct _test_data_migration *self,
		 struct kit_dev *dev)
{
	int file;

	ASSERT_EQ(0, set_state(dev, VFIO_DEVICE_STATE_RESUMING, &file));
	ASSERT_LE(0, file);
	ASSERT_EQ(self->size, write_all(file, self->stream, self->size));
	ASSERT_EQ(0, set_state(dev, VFIO_DEVICE_STATE_RUNNING, NULL));
	ASSERT_EQ(0, close(file));
}

TEST_F(migration, moves_to_another_device)
{
	EXPECT_NE(0, memcmp(self->from_va, self->to_va, self->area->size));
	save(_metadata, self);
	load(_metadata, self, &self->to);
	EXPECT_EQ(0, memcmp(self->from_va, self->to_va, self->area->size));
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, get_state(&self->to));
}

/* As QEMU does it: while the device runs, what there is; then the rest. */
TEST_F(migration, moves_with_pre_copy)
{
	struct vfio_precopy_info info = { .argsz = sizeof(info) };
	struct pollfd pfd;
	char byte;
	int file;

	ASSERT_EQ(0, set_state(&self->from, VFIO_DEVICE_STATE_PRE_COPY, &file));
	ASSERT_EQ(0, ioctl(file, VFIO_MIG_GET_PRECOPY_INFO, &info));
	ASSERT_LT(0, info.initial_bytes);
	ASSERT_GE(HEADER, info.initial_bytes);
	ASSERT_EQ(info.initial_bytes, read(file, self->stream, self->size));
	EXPECT_EQ(-1, read(file, &byte, 1));
	EXPECT_EQ(ENOMSG, errno);
	pfd = (struct pollfd){ .fd = file, .events = POLLIN };
	EXPECT_EQ(0, poll(&pfd, 1, 0));
	fill(self->from_va, self->area->size, 3);

	ASSERT_EQ(0, set_state(&self->from, VFIO_DEVICE_STATE_STOP_COPY, NULL));
	EXPECT_EQ(1, poll(&pfd, 1, 1000));
	ASSERT_EQ(self->size - info.initial_bytes,
		  read_all(file, self->stream + info.initial_bytes, self->size));
	ASSERT_EQ(0, set_state(&self->from, VFIO_DEVICE_STATE_STOP, NULL));
	close(file);
	load(_metadata, self, &self->to);
	EXPECT_EQ(0, memcmp(self->from_va, self->to_va, self->area->size));
}

/* The device that was saved, after a reset and with other contents. */
TEST_F(migration, comes_back_after_a_reset)
{
	save(_metadata, self);
	ASSERT_EQ(0, ioctl(self->from.vdev->fd, VFIO_DEVICE_RESET));
	fill(self->from_va, self->area->size, 4);
	load(_metadata, self, &self->from);
	fill(self->to_va, self->area->size, 1);
	EXPECT_EQ(0, memcmp(self->from_va, self->to_va, self->area->size));
}

TEST_F(migration, what_is_broken_is_refused)
{
	size_t at[] = { 0, HEADER, self->size / 2, self->size - 1 };
	unsigned int i;
	int file;

	save(_metadata, self);
	fill(self->from_va, self->area->size, 2);
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		ASSERT_EQ(0, set_state(&self->to, VFIO_DEVICE_STATE_RESUMING, &file));
		self->stream[at[i]] ^= 1;
		write_all(file, self->stream, self->size);
		self->stream[at[i]] ^= 1;
		EXPECT_EQ(-EINVAL, set_state(&self->to, VFIO_DEVICE_STATE_RUNNING, NULL))
			TH_LOG("byte %zu is wrong", at[i]);
		EXPECT_EQ(0, ioctl(self->to.vdev->fd, VFIO_DEVICE_RESET));
		EXPECT_EQ(-1, write(file, self->stream, 1));
		EXPECT_EQ(ENODEV, errno);
		close(file);
		EXPECT_EQ(0, memcmp(self->from_va, self->to_va, self->area->size));
	}
}

TEST_F(migration, data_file_outlives_the_device)
{
	struct vfio_precopy_info info = { .argsz = sizeof(info) };
	char byte;
	int file;

	ASSERT_EQ(0, set_state(&self->from, VFIO_DEVICE_STATE_PRE_COPY, &file));
	munmap(self->from_va, self->area->size);
	close(self->from.vdev->fd);
	self->from.vdev->fd = -1;
	EXPECT_EQ(-1, read(file, &byte, 1));
	EXPECT_EQ(ENODEV, errno);
	/* And the driver. The device is the driver's again for the next test. */
	ASSERT_EQ(0, kit_write_sysfs(kit_bdf, "devices/%s/driver/unbind", kit_bdf));
	EXPECT_EQ(-1, ioctl(file, VFIO_MIG_GET_PRECOPY_INFO, &info));
	EXPECT_EQ(ENODEV, errno);
	close(file);
	ASSERT_EQ(0, kit_write_sysfs(kit_bdf, "drivers_probe"));
}

static bool wait_for(bool *what, double seconds)
{
	double until = kit_now() + seconds;

	while (!READ_ONCE(*what) && kit_now() < until)
		usleep(2000);
	return READ_ONCE(*what);
}

/* Memory in which a copy stops until give_page(). */
static int watch_buf(struct _test_data_migration *self)
{
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_api api = { .api = UFFD_API };

	self->uffd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (self->uffd < 0)
		return -errno;
	self->buf = mmap(NULL, KIT_PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.range.start = (unsigned long)self->buf;
	reg.range.len = KIT_PAGE_SIZE;
	if (self->buf == MAP_FAILED || ioctl(self->uffd, UFFDIO_API, &api) ||
	    ioctl(self->uffd, UFFDIO_REGISTER, &reg))
		return -errno;
	return 0;
}

static bool fault_arrived(struct _test_data_migration *self)
{
	double until = kit_now() + 5;
	struct uffd_msg msg;

	while (kit_now() < until) {
		if (read(self->uffd, &msg, sizeof(msg)) == sizeof(msg))
			return msg.event == UFFD_EVENT_PAGEFAULT;
		usleep(1000);
	}
	return false;
}

static void give_page(struct _test_data_migration *self)
{
	struct uffdio_zeropage zero = {
		.range = { (unsigned long)self->buf, KIT_PAGE_SIZE },
	};

	ioctl(self->uffd, UFFDIO_ZEROPAGE, &zero);
}

static void *read_file(void *arg)
{
	struct _test_data_migration *self = arg;

	self->result = read(self->file, self->buf, 16);
	self->error = errno;
	WRITE_ONCE(self->done, true);
	return NULL;
}

static void *write_file(void *arg)
{
	struct _test_data_migration *self = arg;

	self->result = write(self->file, self->buf, 16);
	self->error = errno;
	WRITE_ONCE(self->done, true);
	return NULL;
}

static void *reset_by_user(void *arg)
{
	struct _test_data_migration *self = arg;

	self->result = ioctl(self->from.vdev->fd, VFIO_DEVICE_RESET);
	WRITE_ONCE(self->stop, true);
	return NULL;
}

static void *reset_by_sysfs(void *arg)
{
	struct _test_data_migration *self = arg;

	kit_write_sysfs("1", "devices/%s/reset", kit_bdf);
	WRITE_ONCE(self->stop, true);
	return NULL;
}

/*
 * @copy stops in the middle of its copy to or from user memory. A reset, and the
 * end of the session, must not wait for it: it could be for ever.
 */
static void suspended(struct __test_metadata *_metadata, struct _test_data_migration *self,
		      u32 state, void *(*copy)(void *))
{
	void *(* const resets[])(void *) = { reset_by_user, reset_by_sysfs };
	pthread_t reset;
	unsigned int i;
	char byte = 0;

	for (i = 0; i < ARRAY_SIZE(resets); i++) {
		ASSERT_EQ(0, watch_buf(self)) TH_LOG("no userfaultfd");
		self->done = false;
		self->stop = false;
		ASSERT_EQ(0, set_state(&self->from, state, &self->file));
		ASSERT_EQ(0, pthread_create(&self->thread, NULL, copy, self));
		ASSERT_TRUE(fault_arrived(self));
		if (state == VFIO_DEVICE_STATE_RESUMING)
			EXPECT_EQ(-EBUSY, set_state(&self->from, VFIO_DEVICE_STATE_STOP, NULL));
		ASSERT_EQ(0, pthread_create(&reset, NULL, resets[i], self));
		EXPECT_TRUE(wait_for(&self->stop, 10))
			TH_LOG("the reset waits for a copy of the user's");
		EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, get_state(&self->from));
		EXPECT_FALSE(READ_ONCE(self->done));
		give_page(self);
		ASSERT_TRUE(wait_for(&self->done, 10));
		pthread_join(self->thread, NULL);
		pthread_join(reset, NULL);
		EXPECT_EQ(-1, state == VFIO_DEVICE_STATE_RESUMING ?
			      write(self->file, &byte, 1) : read(self->file, &byte, 1));
		EXPECT_EQ(ENODEV, errno);
		close(self->file);
		close(self->uffd);
	}
}

TEST_F_TIMEOUT(migration, reset_while_a_read_is_suspended, 60)
{
	suspended(_metadata, self, VFIO_DEVICE_STATE_STOP_COPY, read_file);
}

TEST_F_TIMEOUT(migration, reset_while_a_write_is_suspended, 60)
{
	suspended(_metadata, self, VFIO_DEVICE_STATE_RESUMING, write_file);
}

/* A session ends, and its reader does not keep it from that. */
TEST_F_TIMEOUT(migration, session_ends_while_a_read_is_suspended, 60)
{
	ASSERT_EQ(0, watch_buf(self));
	ASSERT_EQ(0, set_state(&self->from, VFIO_DEVICE_STATE_STOP_COPY, &self->file));
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, read_file, self));
	ASSERT_TRUE(fault_arrived(self));
	EXPECT_EQ(0, set_state(&self->from, VFIO_DEVICE_STATE_RUNNING, NULL));
	give_page(self);
	ASSERT_TRUE(wait_for(&self->done, 10));
	pthread_join(self->thread, NULL);
}

/* Migrates the device into a mapping of its own BAR, again and again. */
static void *migrate_into_the_bar(void *arg)
{
	struct _test_data_migration *self = arg;
	ssize_t ret;
	int file;

	while (!READ_ONCE(self->stop)) {
		/* Without a file if it did not go back to RUNNING the last time. */
		if (!set_state(&self->from, VFIO_DEVICE_STATE_STOP_COPY, &file) && file >= 0) {
			while ((ret = read(file, self->from_va, self->area->size)) > 0)
				self->count++;
			/* The reset has come first, or the mapping was revoked. */
			if (ret && errno != ENODEV && errno != EFAULT)
				self->other_errors++;
			close(file);
		}
		set_state(&self->from, VFIO_DEVICE_STATE_RUNNING, NULL);
	}
	WRITE_ONCE(self->done, true);
	return NULL;
}

TEST_F_TIMEOUT(migration, resets_race_with_migration_into_the_bar, 60)
{
	double until = kit_now() + 3;
	int locks = kit_lockdep_watches();

	ASSERT_EQ(0, pthread_create(&self->thread, NULL, migrate_into_the_bar, self));
	while (kit_now() < until) {
		ioctl(self->from.vdev->fd, VFIO_DEVICE_RESET);
		kit_write_sysfs("1", "devices/%s/reset", kit_bdf);
		vfio_pci_cmd_clear(self->from.vdev, PCI_COMMAND_MEMORY);
		vfio_pci_cmd_set(self->from.vdev, PCI_COMMAND_MEMORY);
	}
	WRITE_ONCE(self->stop, true);
	ASSERT_TRUE(wait_for(&self->done, 20)) TH_LOG("deadlock");
	pthread_join(self->thread, NULL);
	EXPECT_LT(0, self->count);
	EXPECT_EQ(0, self->other_errors);
	EXPECT_EQ(locks, kit_lockdep_watches());
	/* And afterwards all is as ever. */
	ASSERT_EQ(0, ioctl(self->from.vdev->fd, VFIO_DEVICE_RESET));
	save(_metadata, self);
}

int main(int argc, char **argv)
{
	kit_args(&argc, argv);
	if (argc < 2)
		ksft_exit_skip("no second device to migrate to\n");
	other_bdf = argv[--argc];
	argv[argc] = NULL;
	return test_harness_run(argc, argv);
}
