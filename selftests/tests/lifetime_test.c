// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who lives how long: device, device fd, mappings, DMABUFs, driver and module,
 * let go in every order. (Rules C1 and C6 of the contract.)
 *
 * usage: lifetime_test [HARNESS OPTIONS] BDF
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <fcntl.h>
#include <linux/limits.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "access.h"
#include "exports.h"
#include "kselftest_harness.h"

#define RW	(PROT_READ | PROT_WRITE)

FIXTURE(lifetime) {
	struct kit_dev dev;
	struct iommu *iommu;
	struct kit_area *area;
	pid_t child;
};

FIXTURE_SETUP(lifetime)
{
	kit_open(&self->dev, &self->iommu);
	self->area = kit_best_area(&self->dev);
	if (!self->area || self->area->size < 4 * KIT_PAGE_SIZE)
		SKIP(return, "no region of 4 pages or more that can be mapped");
}

FIXTURE_TEARDOWN(lifetime)
{
	if (self->child > 0) {
		kill(self->child, SIGKILL);
		waitpid(self->child, NULL, 0);
	}
	kit_close(&self->dev, NULL);
}

/* -EINVAL while someone has it open. */
static int try_open(struct _test_data_lifetime *self, struct kit_dev *dev)
{
	int err = kit_dev_open(dev, kit_bdf, self->iommu);

	if (!err)
		kit_close(dev, NULL);
	return err;
}

TEST_F(lifetime, mapping_keeps_the_device_open)
{
	char *va = kit_map(&self->dev, self->area, 0, 2 * KIT_PAGE_SIZE, RW);
	struct kit_dev again;
	u32 val;

	ASSERT_TRUE(kit_try_read(va, &val));
	close(self->dev.vdev->fd);
	self->dev.vdev->fd = -1;
	EXPECT_TRUE(kit_try_read(va, &val));
	EXPECT_TRUE(kit_try_read(va + KIT_PAGE_SIZE, &val));
	EXPECT_NE(0, try_open(self, &again)) TH_LOG("the device has closed under a mapping");
	/* A part of the mapping is enough, and so is a moved one. */
	ASSERT_EQ(0, munmap(va, KIT_PAGE_SIZE));
	EXPECT_NE(0, try_open(self, &again));
	va = mremap(va + KIT_PAGE_SIZE, KIT_PAGE_SIZE, KIT_PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
		    mmap_reserve(KIT_PAGE_SIZE, KIT_PAGE_SIZE, 0));
	ASSERT_NE(MAP_FAILED, va);
	EXPECT_NE(0, try_open(self, &again));
	ASSERT_EQ(0, munmap(va, KIT_PAGE_SIZE));
	EXPECT_EQ(0, try_open(self, &again));
}

TEST_F(lifetime, mapping_of_a_child_keeps_the_device_open)
{
	char *va = kit_map(&self->dev, self->area, 0, KIT_PAGE_SIZE, RW);
	struct kit_dev again;
	int go[2], status;
	char c;

	ASSERT_EQ(0, pipe2(go, O_CLOEXEC));
	self->child = fork();
	ASSERT_GE(self->child, 0);
	if (!self->child) {
		u32 val;

		close(self->dev.vdev->fd);
		close(go[1]);
		if (read(go[0], &c, 1) != 0)
			_exit(2);
		_exit(kit_try_read(va, &val) ? 0 : 1);
	}
	close(go[0]);
	munmap(va, KIT_PAGE_SIZE);
	close(self->dev.vdev->fd);
	self->dev.vdev->fd = -1;
	EXPECT_NE(0, try_open(self, &again));
	close(go[1]);
	ASSERT_EQ(self->child, waitpid(self->child, &status, 0));
	self->child = 0;
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, try_open(self, &again));
}

TEST_F(lifetime, fd_passed_to_another_process)
{
	struct kit_dev again;
	int go[2], status, fd;
	char c;

	ASSERT_EQ(0, pipe2(go, O_CLOEXEC));
	fd = self->dev.vdev->fd;
	self->child = fork();
	ASSERT_GE(self->child, 0);
	if (!self->child) {
		u32 val;
		char *va;
		int got;

		/* The inherited one is not the one that is used. */
		close(fd);
		close(go[1]);
		got = kit_fd_of(getppid(), fd);
		if (got < 0)
			_exit(4);
		self->dev.vdev->fd = got;
		va = kit_map(&self->dev, self->area, KIT_PAGE_SIZE, KIT_PAGE_SIZE, RW);
		if (!kit_try_read(va, &val))
			_exit(1);
		close(got);
		if (read(go[0], &c, 1) != 0 || !kit_try_read(va, &val))
			_exit(3);
		_exit(0);
	}
	close(go[0]);
	/* Revoked by one process, seen by the other. */
	usleep(100000);
	EXPECT_EQ(0, kit_enter(kit_path("memory_disable"), &self->dev));
	EXPECT_EQ(0, kit_leave(kit_path("memory_disable"), &self->dev));
	close(self->dev.vdev->fd);
	self->dev.vdev->fd = -1;
	EXPECT_NE(0, try_open(self, &again));
	close(go[1]);
	ASSERT_EQ(self->child, waitpid(self->child, &status, 0));
	self->child = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 4)
		SKIP(return, "no pidfd_getfd()");
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, try_open(self, &again));
}

/*
 * A mapping of an export, an O_PATH fd on it, the export and the device, let go
 * in every order: the device closes with its fd, whatever else there is.
 */
static int close_export_in_order(struct _test_data_lifetime *self, const int *order)
{
	const struct kit_path *off = kit_path("memory_disable");
	struct kit_dev again;
	int fds[2], i, err;
	char name[64];
	u32 val;
	char *va;

	kit_open(&self->dev, &self->iommu);
	self->area = kit_best_area(&self->dev);
	fds[0] = kit_region_export(&self->dev, self->area->region, self->area->offset,
				   KIT_PAGE_SIZE);
	VFIO_ASSERT_GE(fds[0], 0);
	va = kit_export_map(fds[0], 0, KIT_PAGE_SIZE, RW);
	VFIO_ASSERT_NE((void *)va, MAP_FAILED);
	VFIO_ASSERT_TRUE(kit_try_read(va, &val));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fds[0]);
	fds[1] = open(name, O_PATH | O_CLOEXEC);
	for (i = 0, err = 0; i < 4; i++) {
		if (order[i] == 0) {
			close(self->dev.vdev->fd);
			self->dev.vdev->fd = -1;
			err = try_open(self, &again);
		} else if (order[i] == 1) {
			VFIO_ASSERT_EQ(kit_try_read(va, &val), self->dev.vdev->fd >= 0);
			munmap(va, KIT_PAGE_SIZE);
		} else {
			close(fds[order[i] - 2]);
		}
		if (self->dev.vdev->fd >= 0) {
			kit_enter(off, &self->dev);
			kit_leave(off, &self->dev);
		}
	}
	vfio_pci_device_free(self->dev.vdev);
	self->dev.vdev = NULL;
	return err;
}

TEST_F_TIMEOUT(lifetime, export_closed_in_every_order, 120)
{
	int fd = kit_region_export(&self->dev, self->area->region, self->area->offset,
				   KIT_PAGE_SIZE);
	int n, a, b, c;

	if (fd < 0)
		SKIP(return, "this region cannot be exported: %s", strerror(-fd));
	close(fd);
	kit_close(&self->dev, NULL);
	for (n = 0; n < 64; n++) {
		a = n / 16;
		b = n / 4 % 4;
		c = n % 4;
		if (a == b || a == c || b == c)
			continue;
		EXPECT_EQ(0, close_export_in_order(self, (int[]){ a, b, c, 6 - a - b - c }))
			TH_LOG("order %d%d%d: still open", a, b, c);
	}
}

static int opath(const char *path)
{
	return open(path, O_PATH | O_CLOEXEC);
}

/*
 * Four things refer to the device: its fd, a mapping, an exported DMABUF and an
 * O_PATH fd on the DMABUF behind the mapping. All 24 orders of letting go.
 */
static void let_go(struct _test_data_lifetime *self, char *va, const int *fds, int what)
{
	u32 val;

	if (what == 0) {
		close(self->dev.vdev->fd);
		self->dev.vdev->fd = -1;
	} else if (what == 1) {
		VFIO_ASSERT_TRUE(kit_try_read(va, &val));
		munmap(va, KIT_PAGE_SIZE);
	} else if (fds[what - 2] >= 0) {
		close(fds[what - 2]);
	}
}

/* Returns what opening it again says, when all four are gone. */
static int close_in_order(struct _test_data_lifetime *self, const int *order, bool only_opath)
{
	const struct kit_path *off = kit_path("memory_disable");
	struct kit_dev again;
	char name[96];
	int fds[2], i, o, err;
	u32 val;
	char *va;

	kit_open(&self->dev, &self->iommu);
	self->area = kit_best_area(&self->dev);
	va = kit_map(&self->dev, self->area, 0, KIT_PAGE_SIZE, RW);
	VFIO_ASSERT_TRUE(kit_try_read(va, &val));
	snprintf(name, sizeof(name), "/proc/self/map_files/%lx-%lx", (unsigned long)va,
		 (unsigned long)va + KIT_PAGE_SIZE);
	fds[0] = opath(name);
	VFIO_ASSERT_GE(fds[0], 0);
	fds[1] = kit_region_export(&self->dev, self->area->region, self->area->offset,
				   KIT_PAGE_SIZE);
	if (fds[1] >= 0 && only_opath) {
		snprintf(name, sizeof(name), "/proc/self/fd/%d", fds[1]);
		o = opath(name);
		close(fds[1]);
		fds[1] = o;
	}
	for (i = 0; i < 4; i++) {
		let_go(self, va, fds, order[i]);
		if (self->dev.vdev->fd >= 0) {
			kit_enter(off, &self->dev);
			kit_leave(off, &self->dev);
		}
	}
	err = try_open(self, &again);
	vfio_pci_device_free(self->dev.vdev);
	self->dev.vdev = NULL;
	return err;
}

TEST_F_TIMEOUT(lifetime, closed_in_every_order, 120)
{
	int n, a, b, c;

	kit_close(&self->dev, NULL);
	for (n = 0; n < 64; n++) {
		a = n / 16;
		b = n / 4 % 4;
		c = n % 4;
		if (a == b || a == c || b == c)
			continue;
		EXPECT_EQ(0, close_in_order(self, (int[]){ a, b, c, 6 - a - b - c }, a & 1))
			TH_LOG("order %d%d%d: still open", a, b, c);
	}
}

/* The driver's remove() waits until the last mapping is gone. */
TEST_F_TIMEOUT(lifetime, unbind_while_mapped, 60)
{
	char *va = kit_map(&self->dev, self->area, 0, KIT_PAGE_SIZE, RW);
	char module[64];
	char *driver = sysfs_driver_get(kit_bdf);
	int status;
	u32 val;

	ASSERT_NE(NULL, driver);
	ASSERT_TRUE(kit_try_read(va, &val));
	self->child = fork();
	ASSERT_GE(self->child, 0);
	if (!self->child) {
		munmap(va, KIT_PAGE_SIZE);
		close(self->dev.vdev->fd);
		_exit(kit_write_sysfs(kit_bdf, "drivers/%s/unbind", driver) ? 1 : 0);
	}
	usleep(500000);
	EXPECT_EQ(0, waitpid(self->child, &status, WNOHANG)) TH_LOG("unbound under a mapping");
	EXPECT_TRUE(kit_try_read(va, &val));
	/* A module in use stays. */
	snprintf(module, sizeof(module), "%s", driver);
	for (char *p = module; *p; p++) {
		if (*p == '-')
			*p = '_';
	}
	EXPECT_NE(0, syscall(__NR_delete_module, module, O_NONBLOCK));
	/* The fd alone is not enough to let go. */
	close(self->dev.vdev->fd);
	self->dev.vdev->fd = -1;
	usleep(200000);
	EXPECT_EQ(0, waitpid(self->child, &status, WNOHANG)) TH_LOG("unbound under a mapping");
	EXPECT_TRUE(kit_try_read(va, &val));
	munmap(va, KIT_PAGE_SIZE);
	ASSERT_EQ(self->child, waitpid(self->child, &status, 0));
	self->child = 0;
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, kit_write_sysfs(kit_bdf, "drivers/%s/bind", driver));
	free(driver);
}

/* An O_PATH fd on a DMABUF outlives even the driver. */
TEST_F_TIMEOUT(lifetime, unbind_with_an_opath_fd, 60)
{
	char *va = kit_map(&self->dev, self->area, 0, KIT_PAGE_SIZE, RW);
	char name[PATH_MAX], *driver = sysfs_driver_get(kit_bdf);
	int fds[2], dmabuf;
	u32 val;

	ASSERT_NE(NULL, driver);
	ASSERT_TRUE(kit_try_read(va, &val));
	snprintf(name, sizeof(name), "/proc/self/map_files/%lx-%lx", (unsigned long)va,
		 (unsigned long)va + KIT_PAGE_SIZE);
	fds[0] = opath(name);
	ASSERT_LE(0, fds[0]);
	dmabuf = kit_region_export(&self->dev, self->area->region, self->area->offset,
				   KIT_PAGE_SIZE);
	fds[1] = -1;
	if (dmabuf >= 0) {
		snprintf(name, sizeof(name), "/proc/self/fd/%d", dmabuf);
		fds[1] = opath(name);
		close(dmabuf);
	}
	munmap(va, KIT_PAGE_SIZE);
	close(self->dev.vdev->fd);
	self->dev.vdev->fd = -1;
	EXPECT_EQ(0, kit_write_sysfs(kit_bdf, "drivers/%s/unbind", driver));
	EXPECT_EQ(0, kit_write_sysfs(kit_bdf, "drivers/%s/bind", driver));
	close(fds[0]);
	if (fds[1] >= 0)
		close(fds[1]);
	free(driver);
}

int main(int argc, char **argv)
{
	kit_args(&argc, argv);
	return test_harness_run(argc, argv);
}
