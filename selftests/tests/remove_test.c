// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that goes while it is open and mapped: by its "remove" file in sysfs,
 * and unplugged, by QEMU's monitor. The kernel asks its user to let go, and waits:
 * nothing is pulled away, nothing hangs that can be had without the removal, and
 * with the last munmap() the device is gone.
 *
 * usage: remove_test [HARNESS OPTIONS] BDF
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/limits.h>

#include "access.h"
#include "monitor.h"
#include "kselftest_harness.h"

FIXTURE(remove) {
	struct kit_dev dev;
	struct iommu *iommu;
	struct kit_area *area;
	char *va;
	char port[16];
	int asked;		/* eventfd: the kernel wants the device back */
	pid_t child;
};

static bool exists(const char *bdf)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", bdf);
	return !access(path, F_OK);
}

FIXTURE_SETUP(remove)
{
	char path[PATH_MAX], real[PATH_MAX];
	u32 val;

	if (!exists(kit_bdf))
		SKIP(return, "the device was unplugged");
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/..", kit_bdf);
	ASSERT_NE(NULL, realpath(path, real));
	snprintf(self->port, sizeof(self->port), "%s", strrchr(real, '/') + 1);
	kit_open(&self->dev, &self->iommu);
	self->area = kit_best_area(&self->dev);
	ASSERT_NE(NULL, self->area);
	self->va = kit_map(&self->dev, self->area, 0, self->area->size, PROT_READ | PROT_WRITE);
	ASSERT_TRUE(kit_try_read(self->va, &val));
	self->asked = kit_irq_eventfd(&self->dev, VFIO_PCI_REQ_IRQ_INDEX);
	ASSERT_GE(self->asked, 0);
}

FIXTURE_TEARDOWN(remove)
{
	if (self->child > 0) {
		kill(self->child, SIGKILL);
		waitpid(self->child, NULL, 0);
	}
}

static bool is_asked(struct _test_data_remove *self)
{
	struct pollfd pfd = { .fd = self->asked, .events = POLLIN };

	return poll(&pfd, 1, 10000) == 1;
}

/* What can still be done with it while the removal waits. */
static void use(struct __test_metadata *_metadata, struct _test_data_remove *self)
{
	const struct kit_path *path = kit_path("memory_disable");
	u32 val;
	int err;

	EXPECT_TRUE(exists(kit_bdf)) TH_LOG("the device went while it was open");
	EXPECT_TRUE(kit_try_read(self->va, &val));
	ASSERT_EQ(0, kit_enter(path, &self->dev));
	EXPECT_FALSE(kit_try_read(self->va, &val));
	ASSERT_EQ(0, kit_leave(path, &self->dev));
	EXPECT_TRUE(kit_try_read(self->va, &val));
	/* Who removes holds the device's lock, which a reset does not wait for. */
	err = __vfio_pci_device_reset(self->dev.vdev);
	EXPECT_TRUE(!err || err == -EAGAIN || err == -EINVAL)
		TH_LOG("VFIO_DEVICE_RESET: %s", strerror(-err));
	EXPECT_TRUE(kit_try_read(self->va, &val));
}

/* The fd goes, then the mapping; and then the device, in time. */
static void let_go(struct __test_metadata *_metadata, struct _test_data_remove *self)
{
	double until;
	u32 val;

	close(self->dev.vdev->fd);
	usleep(200000);
	EXPECT_TRUE(exists(kit_bdf)) TH_LOG("the device went while it was mapped");
	EXPECT_TRUE(kit_try_read(self->va, &val));
	munmap(self->va, self->area->size);
	until = kit_now() + 10;
	while (exists(kit_bdf) && kit_now() < until)
		usleep(10000);
	EXPECT_FALSE(exists(kit_bdf)) TH_LOG("the device is still there");
}

TEST_F_TIMEOUT(remove, by_sysfs, 60)
{
	char driver[64];
	int status;

	snprintf(driver, sizeof(driver), "%s", sysfs_driver_get(kit_bdf));
	fflush(stdout);
	self->child = fork();
	ASSERT_GE(self->child, 0);
	if (!self->child) {
		munmap(self->va, self->area->size);
		close(self->dev.vdev->fd);
		_exit(kit_write_sysfs("1", "devices/%s/remove", kit_bdf) ? 1 : 0);
	}
	EXPECT_TRUE(is_asked(self)) TH_LOG("nobody asks for the device");
	EXPECT_EQ(0, waitpid(self->child, &status, WNOHANG))
		TH_LOG("removed while it was open");
	use(_metadata, self);
	let_go(_metadata, self);
	ASSERT_EQ(self->child, waitpid(self->child, &status, 0));
	self->child = 0;
	EXPECT_EQ(0, status);

	/* Back again, for the next one. */
	ASSERT_EQ(0, kit_write_sysfs("1", "devices/%s/rescan", self->port));
	ASSERT_TRUE(exists(kit_bdf));
	ASSERT_EQ(0, kit_write_sysfs(driver, "devices/%s/driver_override", kit_bdf));
	EXPECT_EQ(0, kit_write_sysfs(kit_bdf, "drivers_probe"));
}

/* Last: nothing plugs it in again. */
TEST_F_TIMEOUT(remove, unplugged, 60)
{
	if (kit_no_monitor())
		SKIP(return, "%s", kit_no_monitor());
	ASSERT_EQ(0, kit_monitor("device_del %s", kit_qemu_id(kit_bdf)));
	EXPECT_TRUE(is_asked(self)) TH_LOG("nobody asks for the device");
	use(_metadata, self);
	let_go(_metadata, self);
}

int main(int argc, char **argv)
{
	kit_args(&argc, argv);
	return test_harness_run(argc, argv);
}
