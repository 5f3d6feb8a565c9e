// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule C2: mmap(2) of a BAR never waits for memory_lock. The deadlock that it
 * would lead to, made certain: a read through the device fd, which holds
 * memory_lock for read, is suspended in its copy to user memory by userfaultfd;
 * a config write waits behind it for memory_lock; now a third thread maps a BAR,
 * with mmap_lock held for write. It has to come back while the other two wait.
 *
 * Whether this driver's read holds memory_lock while it copies differs. It is
 * seen from the config write: if that does not wait, the test has nothing to
 * show, and the order of the locks is proved by the page fault instead, which
 * takes them in the order mmap_lock, memory_lock.
 *
 * usage: locking_test [HARNESS OPTIONS] BDF
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <errno.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "access.h"
#include "kselftest_harness.h"

#define RW	(PROT_READ | PROT_WRITE)

FIXTURE(locking) {
	struct kit_dev dev;
	struct iommu *iommu;
	struct kit_area *area;
	char *buf;
	int uffd;
	pthread_t reader, writer, mapper, faulter;
	volatile bool read_done, write_done, map_done, fault_done;
	volatile long read_result;
	void *volatile mapped;
	char *va;
};

FIXTURE_SETUP(locking)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	kit_open(&self->dev, &self->iommu);
	self->area = kit_best_area(&self->dev);
	if (!self->area)
		SKIP(return, "no region that can be mapped");
	self->va = kit_map(&self->dev, self->area, 0, KIT_PAGE_SIZE, RW);
	self->uffd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (self->uffd < 0)
		SKIP(return, "no userfaultfd: %s", strerror(errno));
	ASSERT_EQ(0, ioctl(self->uffd, UFFDIO_API, &api));
	self->buf = mmap(NULL, 2 * KIT_PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->buf);
	reg.range.start = (unsigned long)self->buf;
	reg.range.len = 2 * KIT_PAGE_SIZE;
	ASSERT_EQ(0, ioctl(self->uffd, UFFDIO_REGISTER, &reg));
}

FIXTURE_TEARDOWN(locking)
{
	kit_close(&self->dev, self->iommu);
}

typedef FIXTURE_DATA(locking) locking_self;

static void *read_device(void *arg)
{
	locking_self *self = arg;

	self->read_result = pread(self->dev.vdev->fd, self->buf, 4096,
				  self->area->file_offset + self->area->offset);
	self->read_done = true;
	return NULL;
}

static void *write_config(void *arg)
{
	locking_self *self = arg;

	vfio_pci_cmd_clear(self->dev.vdev, PCI_COMMAND_MEMORY);
	vfio_pci_cmd_set(self->dev.vdev, PCI_COMMAND_MEMORY);
	self->write_done = true;
	return NULL;
}

static void *map_bar(void *arg)
{
	locking_self *self = arg;

	self->mapped = mmap(NULL, KIT_PAGE_SIZE, RW, MAP_SHARED, self->dev.vdev->fd,
			    self->area->file_offset + self->area->offset);
	self->map_done = true;
	return NULL;
}

static void *touch_bar(void *arg)
{
	locking_self *self = arg;
	u32 val;

	kit_try_read(self->va, &val);
	self->fault_done = true;
	return NULL;
}

static bool wait_for(volatile bool *what, double seconds)
{
	double until = kit_now() + seconds;

	while (!*what && kit_now() < until)
		usleep(2000);
	return *what;
}

/* The reader is in its user copy when its fault arrives here. */
static bool fault_arrived(locking_self *self)
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

static void give_page(locking_self *self)
{
	struct uffdio_zeropage zero = {
		.range = { (unsigned long)self->buf, 2 * KIT_PAGE_SIZE },
	};

	ioctl(self->uffd, UFFDIO_ZEROPAGE, &zero);
}

TEST_F_TIMEOUT(locking, mmap_while_a_read_is_suspended, 60)
{
	bool write_waited, map_came_back;
	u32 val;

	ASSERT_EQ(0, pthread_create(&self->reader, NULL, read_device, self));
	ASSERT_TRUE(fault_arrived(self));
	ASSERT_EQ(0, pthread_create(&self->writer, NULL, write_config, self));
	write_waited = !wait_for(&self->write_done, 0.5);
	ASSERT_EQ(0, pthread_create(&self->mapper, NULL, map_bar, self));
	map_came_back = wait_for(&self->map_done, 3);
	EXPECT_TRUE(map_came_back) TH_LOG("mmap() of a BAR waits for memory_lock");
	/* What mmap() made is usable once the writer is done. */
	give_page(self);
	ASSERT_TRUE(wait_for(&self->read_done, 10));
	ASSERT_TRUE(wait_for(&self->write_done, 10));
	ASSERT_TRUE(wait_for(&self->map_done, 10));
	pthread_join(self->reader, NULL);
	pthread_join(self->writer, NULL);
	pthread_join(self->mapper, NULL);
	ASSERT_NE(MAP_FAILED, self->mapped);
	EXPECT_TRUE(kit_try_read(self->mapped, &val));
	ksft_print_msg("the config write %s behind the read\n",
		       write_waited ? "waited" : "did not wait");
}

/* The first mmap() of each region makes its DMABUF: that may not wait either. */
TEST_F_TIMEOUT(locking, first_mmap_of_a_region_while_a_read_is_suspended, 60)
{
	struct kit_area *other = NULL;
	int i;

	for (i = 0; i < self->dev.nr_areas; i++) {
		if (self->dev.areas[i].region != self->area->region)
			other = &self->dev.areas[i];
	}
	if (!other)
		SKIP(return, "one region only");
	/* kit_best_area() has mapped them all: a new open device has none. */
	munmap(self->va, KIT_PAGE_SIZE);
	kit_close(&self->dev, self->iommu);
	self->iommu = NULL;
	kit_open(&self->dev, &self->iommu);
	self->area = other;
	ASSERT_EQ(0, pthread_create(&self->reader, NULL, read_device, self));
	ASSERT_TRUE(fault_arrived(self));
	ASSERT_EQ(0, pthread_create(&self->writer, NULL, write_config, self));
	wait_for(&self->write_done, 0.5);
	ASSERT_EQ(0, pthread_create(&self->mapper, NULL, map_bar, self));
	EXPECT_TRUE(wait_for(&self->map_done, 3));
	give_page(self);
	ASSERT_TRUE(wait_for(&self->read_done, 10));
	ASSERT_TRUE(wait_for(&self->write_done, 10));
	ASSERT_TRUE(wait_for(&self->map_done, 10));
	pthread_join(self->reader, NULL);
	pthread_join(self->writer, NULL);
	pthread_join(self->mapper, NULL);
}

/* An ioctl suspended in its user copy, while faults and resets go on. */
TEST_F_TIMEOUT(locking, fault_and_reset_while_a_read_is_suspended, 60)
{
	ASSERT_EQ(0, pthread_create(&self->reader, NULL, read_device, self));
	ASSERT_TRUE(fault_arrived(self));
	ASSERT_EQ(0, pthread_create(&self->writer, NULL, write_config, self));
	wait_for(&self->write_done, 0.3);
	ASSERT_EQ(0, pthread_create(&self->faulter, NULL, touch_bar, self));
	wait_for(&self->fault_done, 0.3);
	give_page(self);
	ASSERT_TRUE(wait_for(&self->read_done, 10));
	ASSERT_TRUE(wait_for(&self->write_done, 10));
	EXPECT_TRUE(wait_for(&self->fault_done, 10));
	pthread_join(self->reader, NULL);
	pthread_join(self->writer, NULL);
	pthread_join(self->faulter, NULL);
}

int main(int argc, char **argv)
{
	kit_args(&argc, argv);
	return test_harness_run(argc, argv);
}
