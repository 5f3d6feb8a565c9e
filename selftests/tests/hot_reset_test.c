// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hot reset of a slot with two functions: mappings of both go before either is
 * touched; a function that is closed, in D3hot or busy; and a sibling that is
 * being probed and registered meanwhile (the race that comes with a driver's
 * flag that is written after registration). (Rules C3, C4 and C5.)
 *
 * usage: hot_reset_test [HARNESS OPTIONS] [--loops N] BDF_OF_THE_SIBLING BDF
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "access.h"
#include "trace.h"
#include "kselftest_harness.h"

#define RW	(PROT_READ | PROT_WRITE)

static const char *sibling_bdf;
static int loops = 8;

FIXTURE(hot_reset) {
	struct kit_dev dev, sibling;
	struct iommu *iommu;
	struct kit_area *area[2];
	char *va[2];
	pid_t child;
	pthread_t thread;
	bool stop;
	long count;
};

static void open_sibling(struct _test_data_hot_reset *self)
{
	int err = kit_dev_open(&self->sibling, sibling_bdf, self->iommu);

	VFIO_ASSERT_EQ(err, 0, "%s cannot be opened: %s\n", sibling_bdf, strerror(-err));
	kit_dev_find_areas(&self->sibling);
	self->area[1] = kit_best_area(&self->sibling);
	self->va[1] = kit_map(&self->sibling, self->area[1], 0, self->area[1]->size, RW);
}

static void close_sibling(struct _test_data_hot_reset *self)
{
	if (self->va[1])
		munmap(self->va[1], self->area[1]->size);
	self->va[1] = NULL;
	kit_close(&self->sibling, NULL);
}

/* A hot reset is refused when it takes devices that this iommufd does not own. */
static bool owns_slot(struct kit_dev *dev)
{
	struct {
		struct vfio_pci_hot_reset_info hdr;
		struct vfio_pci_dependent_device dev[32];
	} info = { .hdr.argsz = sizeof(info) };

	return !ioctl(dev->vdev->fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &info) &&
	       info.hdr.flags & VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED;
}

FIXTURE_SETUP(hot_reset)
{
	kit_open(&self->dev, &self->iommu);
	open_sibling(self);
	self->area[0] = kit_best_area(&self->dev);
	self->va[0] = kit_map(&self->dev, self->area[0], 0, self->area[0]->size, RW);
	kit_fill(self->area[0], self->va[0], 0, self->area[0]->size / KIT_PAGE_SIZE);
	if (!owns_slot(&self->dev))
		SKIP(return, "no hot reset, or it takes devices of others");
}

FIXTURE_TEARDOWN(hot_reset)
{
	if (self->child > 0) {
		kill(self->child, SIGKILL);
		waitpid(self->child, NULL, 0);
	}
	kit_close(&self->sibling, NULL);
	kit_close(&self->dev, NULL);
}

static int raw_hot_reset(struct _test_data_hot_reset *self)
{
	struct vfio_pci_hot_reset reset = { .argsz = sizeof(reset) };

	return ioctl(self->dev.vdev->fd, VFIO_DEVICE_PCI_HOT_RESET, &reset) ? -errno : 0;
}

/* The first page of each function is there, but had to be faulted in again. */
static int wrong_after(struct _test_data_hot_reset *self, int devs)
{
	int i, wrong = 0;
	long faults;
	u64 val;

	for (i = 0; i < devs; i++) {
		if (!kit_read_faults(self->va[i], &faults)) {
			ksft_print_msg("function %d: SIGBUS\n", i);
			wrong++;
		} else if (!faults) {
			ksft_print_msg("function %d: its PTE was not gone\n", i);
			wrong++;
		}
		if (self->area[i]->ram && i == 0 &&
		    (!kit_try_read64(self->va[0] + KIT_PAGE_SIZE - 32, &val) ||
		     val != kit_pattern(self->area[0], 0))) {
			ksft_print_msg("wrong contents\n");
			wrong++;
		}
	}
	return wrong;
}

static bool touch(struct _test_data_hot_reset *self, int devs)
{
	bool ok = true;
	u32 val;
	int i;

	for (i = 0; i < devs; i++)
		ok &= kit_try_read(self->va[i], &val);
	return ok;
}

TEST_F(hot_reset, both_functions_mapped)
{
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(touch(self, 2));
		ASSERT_EQ(0, kit_hot_reset(&self->dev));
		EXPECT_EQ(0, wrong_after(self, 2));
	}
	/* And started from the other one. */
	ASSERT_TRUE(touch(self, 2));
	ASSERT_EQ(0, kit_hot_reset(&self->sibling));
	EXPECT_EQ(0, wrong_after(self, 2));
}

TEST_F(hot_reset, sibling_in_d3hot)
{
	const struct kit_path *d3hot = kit_path("d3hot");
	const char *why;
	u32 val;

	why = kit_cannot(d3hot, &self->sibling);
	if (why)
		SKIP(return, "%s", why);
	ASSERT_TRUE(touch(self, 2));
	ASSERT_EQ(0, kit_enter(d3hot, &self->sibling));
	EXPECT_FALSE(kit_try_read(self->va[1], &val));
	ASSERT_EQ(0, kit_hot_reset(&self->dev));
	EXPECT_EQ(0, wrong_after(self, 1));
	/* The user's view of the power state decides; back to D0 it works. */
	ASSERT_EQ(0, kit_leave(d3hot, &self->sibling));
	EXPECT_TRUE(kit_try_read(self->va[1], &val));
}

TEST_F(hot_reset, sibling_with_memory_disabled)
{
	u32 val;

	ASSERT_TRUE(touch(self, 2));
	ASSERT_EQ(0, kit_enter(kit_path("memory_disable"), &self->sibling));
	ASSERT_EQ(0, kit_hot_reset(&self->dev));
	EXPECT_FALSE(kit_try_read(self->va[1], &val)) TH_LOG("a reset has switched memory on");
	EXPECT_EQ(0, wrong_after(self, 1));
	ASSERT_EQ(0, kit_leave(kit_path("memory_disable"), &self->sibling));
	EXPECT_TRUE(kit_try_read(self->va[1], &val));
}

TEST_F(hot_reset, sibling_closed)
{
	close_sibling(self);
	ASSERT_TRUE(touch(self, 1));
	ASSERT_EQ(0, kit_hot_reset(&self->dev));
	EXPECT_EQ(0, wrong_after(self, 1));
	open_sibling(self);
	EXPECT_TRUE(touch(self, 2));
}

TEST_F(hot_reset, of_another_owner)
{
	struct iommu *other = iommu_init(MODE_IOMMUFD);
	struct kit_dev dev;
	int err;

	/* Another owner's IOMMU context: it cannot have a function of this slot ... */
	close_sibling(self);
	err = kit_dev_open(&dev, sibling_bdf, other);
	if (err) {
		ksft_print_msg("refused: %s\n", strerror(-err));
		EXPECT_TRUE(touch(self, 1));
		return;
	}
	/* ... or it has, and its function is not reset behind its back. */
	EXPECT_NE(0, raw_hot_reset(self));
	EXPECT_TRUE(touch(self, 1));
	kit_close(&dev, NULL);
}

static void *reset_sibling(void *arg)
{
	struct _test_data_hot_reset *self = arg;

	/* Not by VFIO_DEVICE_RESET, whose end the core's hot reset waits for. */
	while (!READ_ONCE(self->stop)) {
		kit_write_sysfs("1", "devices/%s/reset", self->sibling.bdf);
		self->count++;
	}
	return NULL;
}

/* The sibling's memory_lock is taken: nothing may have been revoked. */
TEST_F_TIMEOUT(hot_reset, trylock_lost, 60)
{
	const char * const bdf[] = { self->dev.bdf };
	static struct ev ev[TRACE_MAX_EVENTS];
	int i, j, n, err, lost = 0, won = 0;
	struct trace trace = {};
	double until;
	bool traced;

	if (!(self->sibling.vdev->info.flags & VFIO_DEVICE_FLAGS_RESET))
		SKIP(return, "the sibling has no reset of its own");
	traced = !trace_probes_add() && !trace_start(&trace) && trace.kit;
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, reset_sibling, self));
	until = kit_now() + 8;
	for (i = 0; kit_now() < until && lost < 5; i++) {
		if (traced)
			trace_clear(&trace);
		err = raw_hot_reset(self);
		if (!err) {
			won++;
			usleep(1000);
			continue;
		}
		EXPECT_TRUE(touch(self, 1));
		/* Of the PCI core's locks, after the revocation, and unrevoked again. */
		if (err == -EAGAIN)
			continue;
		EXPECT_EQ(-EBUSY, err) TH_LOG("%s", strerror(-err));
		lost++;
		n = traced ? trace_read(&trace, bdf, 1, syscall(__NR_gettid), ev,
					TRACE_MAX_EVENTS) : 0;
		for (j = 0; j < n; j++) {
			if (ev[j].dev == 0)
				EXPECT_NE(EV_REVOKE, ev[j].kind)
					TH_LOG("revoked, though a lock was lost");
		}
		usleep(1000);
	}
	WRITE_ONCE(self->stop, true);
	pthread_join(self->thread, NULL);
	if (traced)
		trace_stop(&trace);
	ksft_print_msg("%d lost, %d won, %ld resets of the sibling\n", lost, won, self->count);
	if (!lost)
		SKIP(return, "the lock was never taken at the right time");
	EXPECT_EQ(0, kit_hot_reset(&self->dev));
	EXPECT_TRUE(touch(self, 2));
}

/* The sibling comes and goes, and is registered while this one is reset. */
TEST_F_TIMEOUT(hot_reset, race_with_probe, 300)
{
	char *driver = sysfs_driver_get(sibling_bdf);
	int i, err, ok = 0, refused = 0, status;

	ASSERT_NE(NULL, driver);
	close_sibling(self);
	fflush(stdout);
	self->child = fork();
	ASSERT_GE(self->child, 0);
	if (!self->child) {
		for (i = 0; i < loops * 2; i++) {
			if (kit_write_sysfs(sibling_bdf, "drivers/%s/unbind", driver) ||
			    kit_write_sysfs(sibling_bdf, "drivers/%s/bind", driver))
				_exit(1);
		}
		_exit(0);
	}
	while (waitpid(self->child, &status, WNOHANG) == 0) {
		err = raw_hot_reset(self);
		if (!err)
			ok++;
		else
			refused++;
		EXPECT_TRUE(touch(self, 1));
		if (err)
			usleep(2000);
	}
	self->child = 0;
	EXPECT_EQ(0, status) TH_LOG("unbind or bind has failed");
	ksft_print_msg("%d probes, %d hot resets, %d refused\n", loops * 2, ok, refused);
	EXPECT_LT(0, ok + refused);
	open_sibling(self);
	EXPECT_TRUE(touch(self, 2));
	EXPECT_EQ(0, kit_hot_reset(&self->dev));
	EXPECT_EQ(0, wrong_after(self, 2));
	free(driver);
}

int main(int argc, char **argv)
{
	int i, j;

	kit_args(&argc, argv);
	if (argc < 2)
		ksft_exit_skip("two functions of a slot are needed\n");
	sibling_bdf = argv[--argc];
	argv[argc] = NULL;
	for (i = 1; i + 1 < argc; i++) {
		if (strcmp(argv[i], "--loops"))
			continue;
		loops = atoi(argv[i + 1]);
		for (j = i; j + 2 <= argc; j++)
			argv[j] = argv[j + 2];
		argc -= 2;
	}
	return test_harness_run(argc, argv);
}
