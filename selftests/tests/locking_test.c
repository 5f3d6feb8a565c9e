// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule C2: mmap(2) of a BAR never waits for memory_lock. The deadlock that it
 * would lead to, made certain: a read through the device fd, which holds
 * memory_lock for read, is suspended in its copy to user memory by userfaultfd;
 * a config write waits behind it for memory_lock; now a third thread maps a BAR,
 * with mmap_lock held for write. It has to come back while the other two wait:
 * else the read's fault, which takes mmap_lock again when its page has come,
 * waits as well, and none of the three ever moves. They are in a process of their
 * own, which ends, or is killed, after a while.
 *
 * A fault of a BAR mapping does wait for memory_lock, but not with mmap_lock held:
 * while it waits behind the config write, another thread of the process has to
 * get a number of mmap() and munmap() done. The page is given only afterwards, so
 * that how long anything takes plays no part.
 *
 * Whether this driver's read holds memory_lock while it copies differs: the core's
 * own does not, nvgrace-gpu's does, and so does the test driver of
 * selftests/drivers/hold. It is seen from the config write. With --holds the
 * config write and the fault have to wait, or the test has shown nothing.
 *
 * usage: locking_test [HARNESS OPTIONS] [--holds] BDF
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "access.h"
#include "exports.h"
#include "kselftest_harness.h"

#define RW	(PROT_READ | PROT_WRITE)
#define ROUNDS	100

static bool must_hold;

/* What the process with the threads says, while they wait. */
struct seen {
	bool in_the_copy;	/* the read is suspended */
	bool waited;		/* those behind the read */
	bool went_on;		/* the thread that is not to wait */
};

FIXTURE(locking) {
	struct kit_dev dev;
	struct iommu *iommu;
	struct kit_area *area;
	char *buf;
	int uffd;
	pthread_t reader, writer, mapper, faulter, other;
	bool read_done, write_done, map_done, fault_done, other_go, other_done;
	pid_t faulter_tid;
	long read_result;
	void *mapped;
	char *va;
	pid_t child;
};

static int watch_buf(struct _test_data_locking *self)
{
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_api api = { .api = UFFD_API };

	self->uffd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (self->uffd < 0)
		return -errno;
	self->buf = mmap(NULL, 2 * KIT_PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.range.start = (unsigned long)self->buf;
	reg.range.len = 2 * KIT_PAGE_SIZE;
	if (self->buf == MAP_FAILED || ioctl(self->uffd, UFFDIO_API, &api) ||
	    ioctl(self->uffd, UFFDIO_REGISTER, &reg))
		return -errno;
	return 0;
}

FIXTURE_SETUP(locking)
{
	int fd = syscall(__NR_userfaultfd, O_CLOEXEC);

	if (fd < 0)
		SKIP(return, "no userfaultfd: %s", strerror(errno));
	close(fd);
	kit_open(&self->dev, &self->iommu);
	self->area = kit_best_area(&self->dev);
	if (!self->area)
		SKIP(return, "no region that can be mapped");
	self->va = kit_map(&self->dev, self->area, 0, KIT_PAGE_SIZE, RW);
}

FIXTURE_TEARDOWN(locking)
{
	if (self->child > 0) {
		kill(self->child, SIGKILL);
		waitpid(self->child, NULL, 0);
	}
	if (self->dev.vdev)
		kit_close(&self->dev, self->iommu);
}

static void *read_device(void *arg)
{
	struct _test_data_locking *self = arg;

	self->read_result = pread(self->dev.vdev->fd, self->buf, 64,
				  self->area->file_offset + self->area->offset);
	WRITE_ONCE(self->read_done, true);
	return NULL;
}

static void *write_config(void *arg)
{
	struct _test_data_locking *self = arg;

	vfio_pci_cmd_clear(self->dev.vdev, PCI_COMMAND_MEMORY);
	vfio_pci_cmd_set(self->dev.vdev, PCI_COMMAND_MEMORY);
	WRITE_ONCE(self->write_done, true);
	return NULL;
}

static void *map_bar(void *arg)
{
	struct _test_data_locking *self = arg;

	self->mapped = mmap(NULL, KIT_PAGE_SIZE, RW, MAP_SHARED, self->dev.vdev->fd,
			    self->area->file_offset + self->area->offset);
	WRITE_ONCE(self->map_done, true);
	return NULL;
}

static void *touch_bar(void *arg)
{
	struct _test_data_locking *self = arg;
	u32 val;

	WRITE_ONCE(self->faulter_tid, gettid());
	kit_try_read(self->va, &val);
	WRITE_ONCE(self->fault_done, true);
	return NULL;
}

/* What a thread does that has nothing to do with the device. */
static void *map_memory(void *arg)
{
	struct _test_data_locking *self = arg;
	char *va;
	int i;

	while (!READ_ONCE(self->other_go))
		usleep(1000);
	for (i = 0; i < ROUNDS; i++) {
		va = mmap(NULL, KIT_PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (va == MAP_FAILED)
			return NULL;
		WRITE_ONCE(*va, 1);
		munmap(va, KIT_PAGE_SIZE);
	}
	WRITE_ONCE(self->other_done, true);
	return NULL;
}

static bool wait_for(bool *what, double seconds)
{
	double until = kit_now() + seconds;

	while (!READ_ONCE(*what) && kit_now() < until)
		usleep(2000);
	return READ_ONCE(*what);
}

/* The reader is in its user copy when its fault arrives here. */
static bool fault_arrived(struct _test_data_locking *self)
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

static void give_page(struct _test_data_locking *self)
{
	struct uffdio_zeropage zero = {
		.range = { (unsigned long)self->buf, 2 * KIT_PAGE_SIZE },
	};

	ioctl(self->uffd, UFFDIO_ZEROPAGE, &zero);
}

/*
 * Does thread @tid sleep in the kernel, in a state that no usual signal ends?
 * Without stdio, whose memory may need mmap_lock.
 */
static bool sleeps(pid_t tid)
{
	char path[64], stat[128], *state;
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, stat, sizeof(stat) - 1);
	close(fd);
	stat[len > 0 ? len : 0] = 0;
	state = strrchr(stat, ')');
	return state && !strncmp(state, ") D", 3);
}

/* The fault waits, which needs no more of the machine; false: it is over. */
static bool fault_waits(struct _test_data_locking *self)
{
	double until = kit_now() + 10;

	while (!READ_ONCE(self->fault_done) && kit_now() < until) {
		if (READ_ONCE(self->faulter_tid) && sleeps(self->faulter_tid))
			return true;
		usleep(2000);
	}
	return false;
}

#define STUCK	2	/* exit status of the process */

/*
 * The three threads, one after the other. What is seen goes to @to before the
 * read gets its page: after a deadlock it might be too late.
 */
static int three_threads(struct _test_data_locking *self, int to)
{
	struct seen seen = {};
	u32 val;

	if (watch_buf(self) ||
	    pthread_create(&self->reader, NULL, read_device, self))
		return 1;
	seen.in_the_copy = fault_arrived(self);
	if (pthread_create(&self->writer, NULL, write_config, self))
		return 1;
	seen.waited = !wait_for(&self->write_done, 0.5);
	if (pthread_create(&self->mapper, NULL, map_bar, self))
		return 1;
	seen.went_on = wait_for(&self->map_done, 3);
	if (write(to, &seen, sizeof(seen)) != sizeof(seen))
		return 1;
	/* What mmap() made is usable once the writer is done. */
	give_page(self);
	if (!wait_for(&self->read_done, 6) && !wait_for(&self->write_done, 1) &&
	    !wait_for(&self->map_done, 1))
		return STUCK;
	if (!wait_for(&self->write_done, 5) || !wait_for(&self->map_done, 5))
		return 3;
	if (self->mapped == MAP_FAILED || !kit_try_read(self->mapped, &val))
		return 4;
	return self->read_result == 64 ? 0 : 5;
}

/* Wait for @pid, for at most @seconds: its status, or -1. */
static int wait_child(pid_t pid, double seconds)
{
	double until = kit_now() + seconds;
	int status;

	do {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		usleep(10000);
	} while (kit_now() < until);
	return -1;
}

/*
 * @threads in a process of their own. @blame says what is wrong if the thread
 * that is not to wait does not go on.
 */
static void run_process(struct __test_metadata *_metadata, struct _test_data_locking *self,
			int (*threads)(struct _test_data_locking *self, int to), const char *blame)
{
	struct seen seen = {};
	struct pollfd pfd;
	int fds[2], status;

	ASSERT_EQ(0, pipe2(fds, O_CLOEXEC));
	fflush(stdout);
	self->child = fork();
	ASSERT_GE(self->child, 0);
	if (!self->child)
		_exit(threads(self, fds[1]));
	close(fds[1]);
	pfd = (struct pollfd){ .fd = fds[0], .events = POLLIN };
	ASSERT_EQ(1, poll(&pfd, 1, 40000)) TH_LOG("the threads did not start");
	ASSERT_EQ(sizeof(seen), read(fds[0], &seen, sizeof(seen)));
	close(fds[0]);
	EXPECT_TRUE(seen.in_the_copy) TH_LOG("the read did not wait for its page");
	if (must_hold)
		EXPECT_TRUE(seen.waited)
			TH_LOG("nothing waits behind the read, so nothing was tested");
	EXPECT_TRUE(seen.went_on) TH_LOG("%s", blame);
	status = wait_child(self->child, 25);
	if (status != -1)
		self->child = 0;
	EXPECT_FALSE(status == -1 || (WIFEXITED(status) && WEXITSTATUS(status) == STUCK))
		TH_LOG("deadlock: the page has come, and not one of the three threads moves");
	EXPECT_EQ(0, status);
	ksft_print_msg("who needs memory_lock %s behind the read\n",
		       seen.waited ? "waited" : "did not wait");
}

static void run_three_threads(struct __test_metadata *_metadata, struct _test_data_locking *self)
{
	run_process(_metadata, self, three_threads, "mmap() of a BAR waits for memory_lock");
}

TEST_F_TIMEOUT(locking, mmap_while_a_read_is_suspended, 60)
{
	run_three_threads(_metadata, self);
}

/* The first mmap() of each region makes its DMABUF: that may not wait either. */
TEST_F_TIMEOUT(locking, first_mmap_of_a_region_while_a_read_is_suspended, 60)
{
	struct kit_area area = *self->area;
	int i;

	for (i = 0; i < self->dev.nr_areas; i++) {
		if (self->dev.areas[i].region != area.region)
			area = self->dev.areas[i];
	}
	/* kit_best_area() has mapped them all: a new open device has none. */
	munmap(self->va, KIT_PAGE_SIZE);
	kit_close(&self->dev, self->iommu);
	self->iommu = NULL;
	kit_open(&self->dev, &self->iommu);
	self->area = &area;
	run_three_threads(_metadata, self);
}

/*
 * The other way to memory_lock under mmap_lock: a fault waits, and then is served.
 * Nobody has touched the page, so it has no PTE. Threads are made while no fault
 * waits, because their stacks are mapped.
 */
static int fault_threads(struct _test_data_locking *self, int to)
{
	struct seen seen = {};
	u32 val;

	if (watch_buf(self) ||
	    pthread_create(&self->other, NULL, map_memory, self) ||
	    pthread_create(&self->reader, NULL, read_device, self))
		return 1;
	seen.in_the_copy = fault_arrived(self);
	if (pthread_create(&self->writer, NULL, write_config, self))
		return 1;
	seen.waited = !wait_for(&self->write_done, 0.5);
	if (pthread_create(&self->faulter, NULL, touch_bar, self))
		return 1;
	seen.waited = fault_waits(self) && seen.waited;
	WRITE_ONCE(self->other_go, true);
	seen.went_on = wait_for(&self->other_done, 20);
	if (seen.waited && READ_ONCE(self->fault_done))
		seen.waited = false;
	if (write(to, &seen, sizeof(seen)) != sizeof(seen))
		return 1;
	give_page(self);
	if (!wait_for(&self->read_done, 6) || !wait_for(&self->write_done, 5) ||
	    !wait_for(&self->fault_done, 5))
		return STUCK;
	if (!kit_try_read(self->va, &val))
		return 4;
	return self->read_result == 64 ? 0 : 5;
}

static void run_fault(struct __test_metadata *_metadata, struct _test_data_locking *self)
{
	run_process(_metadata, self, fault_threads,
		    "a fault that waits for memory_lock stops the rest of the process");
}

TEST_F_TIMEOUT(locking, fault_while_a_read_is_suspended, 60)
{
	munmap(self->va, KIT_PAGE_SIZE);
	self->va = kit_map(&self->dev, self->area, 0, KIT_PAGE_SIZE, RW);
	run_fault(_metadata, self);
}

/* A mapping of an export waits for the same lock. */
TEST_F_TIMEOUT(locking, fault_of_an_export_while_a_read_is_suspended, 60)
{
	int fd = kit_region_export(&self->dev, self->area->region, self->area->offset,
				   KIT_PAGE_SIZE);

	if (fd < 0)
		SKIP(return, "this region cannot be exported: %s", strerror(-fd));
	munmap(self->va, KIT_PAGE_SIZE);
	self->va = kit_export_map(fd, 0, KIT_PAGE_SIZE, RW);
	ASSERT_NE(MAP_FAILED, self->va);
	run_fault(_metadata, self);
	close(fd);
}

int main(int argc, char **argv)
{
	kit_args(&argc, argv);
	if (argc > 1 && !strcmp(argv[argc - 1], "--holds")) {
		must_hold = true;
		argv[--argc] = NULL;
	}
	return test_harness_run(argc, argv);
}
