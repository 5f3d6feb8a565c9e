// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VF with a driver of its own, open and mapped: its BARs are memory like any
 * other, and are revoked like any other, but for PCI_COMMAND, where a VF has no
 * memory enable. Then its PF goes. (Rules C1, C3 and C10.)
 *
 * usage: sriov_test [HARNESS OPTIONS] [--vf-driver NAME] BDF_OF_THE_PF
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "access.h"
#include "kselftest_harness.h"

static const char *vf_driver = "vfio-pci";

FIXTURE(vf) {
	struct kit_dev dev;
	struct iommu *iommu;
	struct kit_area *area;
	char *va, *vf, *pf_driver;
	pid_t child;
};

static int set_vfs(const char *n)
{
	return kit_write_sysfs(n, "devices/%s/sriov_numvfs", kit_bdf);
}

static bool bound(struct _test_data_vf *self)
{
	char *driver = sysfs_driver_get(self->vf);
	bool is = driver && !strcmp(driver, vf_driver);

	free(driver);
	return is;
}

static void bind_vf(struct _test_data_vf *self)
{
	char *driver = sysfs_driver_get(self->vf);

	if (driver)
		kit_write_sysfs(self->vf, "drivers/%s/unbind", driver);
	free(driver);
	kit_write_sysfs(vf_driver, "devices/%s/driver_override", self->vf);
	kit_write_sysfs(self->vf, "drivers_probe");
}

FIXTURE_SETUP(vf)
{
	u32 val;
	int err;

	err = set_vfs("0");
	if (err)
		SKIP(return, "no SR-IOV: %s", strerror(-err));
	self->iommu = iommu_init(MODE_IOMMUFD);
	self->pf_driver = sysfs_driver_get(kit_bdf);
	ASSERT_NE(NULL, self->pf_driver);
	ASSERT_EQ(0, kit_set_token(kit_bdf, self->iommu));
	err = set_vfs("1");
	if (err)
		SKIP(return, "%s makes no VFs: %s", self->pf_driver, strerror(-err));
	self->vf = sysfs_sriov_vf_bdf_get(kit_bdf, 0);
	ASSERT_NE(NULL, self->vf);
	bind_vf(self);
	if (!bound(self))
		SKIP(return, "%s does not know this VF", vf_driver);
	ASSERT_EQ(0, kit_dev_open(&self->dev, self->vf, self->iommu));
	kit_dev_find_areas(&self->dev);
	self->area = kit_best_area(&self->dev);
	ASSERT_NE(NULL, self->area) TH_LOG("no BAR of the VF can be mapped");
	self->va = kit_map(&self->dev, self->area, 0, self->area->size, PROT_READ | PROT_WRITE);
	ASSERT_TRUE(kit_try_read(self->va, &val));
	ksft_print_msg("VF %s of %s, region %u, 0x%llx bytes\n", self->vf, self->pf_driver,
		       self->area->region, (unsigned long long)self->area->size);
}

static void close_vf(struct _test_data_vf *self)
{
	if (self->va)
		munmap(self->va, self->area->size);
	self->va = NULL;
	if (self->dev.vdev)
		kit_close(&self->dev, NULL);
}

FIXTURE_TEARDOWN(vf)
{
	if (self->child > 0) {
		kill(self->child, SIGKILL);
		waitpid(self->child, NULL, 0);
	}
	close_vf(self);
	set_vfs("0");
}

/* Two processes: what is mapped in a child goes and comes back like the parent's. */
static bool child_reads(struct _test_data_vf *self)
{
	pid_t pid = fork();
	int status;
	u32 val;

	if (!pid)
		_exit(kit_try_read(self->va, &val) ? 0 : 1);
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

static void take_away(struct __test_metadata *_metadata, struct _test_data_vf *self,
		      const char *name)
{
	const struct kit_path *path = kit_path(name);
	char *last = self->va + self->area->size - KIT_PAGE_SIZE;
	long faults;
	const char *why;
	u32 val;
	int i;

	why = kit_cannot(path, &self->dev);
	if (why)
		SKIP(return, "%s", why);
	for (i = 0; i < 2; i++) {
		ASSERT_TRUE(kit_try_read(self->va, &val));
		ASSERT_TRUE(kit_try_read(last, &val));
		ASSERT_EQ(0, kit_enter(path, &self->dev));
		if (path->leave) {
			EXPECT_FALSE(kit_try_read(self->va, &val));
			EXPECT_FALSE(kit_try_read(last, &val));
			EXPECT_FALSE(child_reads(self));
			ASSERT_EQ(0, kit_leave(path, &self->dev));
		}
		EXPECT_TRUE(kit_read_faults(self->va, &faults));
		EXPECT_LT(0, faults) TH_LOG("its PTE was not gone");
		EXPECT_TRUE(kit_try_read(last, &val));
		EXPECT_TRUE(child_reads(self));
	}
}

TEST_F_TIMEOUT(vf, d3hot, 60) { take_away(_metadata, self, "d3hot"); }
TEST_F_TIMEOUT(vf, runtime_pm, 60) { take_away(_metadata, self, "runtime_pm"); }
TEST_F_TIMEOUT(vf, flr, 60) { take_away(_metadata, self, "flr"); }
TEST_F_TIMEOUT(vf, device_reset, 60) { take_away(_metadata, self, "device_reset"); }
TEST_F_TIMEOUT(vf, hot_reset, 60) { take_away(_metadata, self, "hot_reset"); }

/*
 * The PF's own user does something to the PF: the VF's BARs go away and come back
 * (rule C11), or nothing happens to them.
 */
static void pf_is_used(struct __test_metadata *_metadata, struct _test_data_vf *self,
		       const char *name, bool taken)
{
	const struct kit_path *path = kit_path(name);
	struct kit_dev pf;
	const char *why;
	long faults;
	u32 val;
	int i;

	ASSERT_EQ(0, kit_dev_open(&pf, kit_bdf, self->iommu));
	why = kit_cannot(path, &pf);
	for (i = 0; i < 2 && !why; i++) {
		ASSERT_TRUE(kit_try_read(self->va, &val));
		ASSERT_EQ(0, kit_enter(path, &pf));
		if (path->leave) {
			EXPECT_TRUE(kit_read_faults(self->va, &faults));
			EXPECT_EQ(0, faults) TH_LOG("its PTE was gone");
			ASSERT_EQ(0, kit_leave(path, &pf));
		}
		EXPECT_TRUE(kit_read_faults(self->va, &faults));
		EXPECT_EQ(taken, faults > 0)
			TH_LOG("its PTE was %sgone", faults > 0 ? "" : "not ");
		EXPECT_TRUE(child_reads(self));
	}
	kit_close(&pf, NULL);
	if (why)
		SKIP(return, "%s", why);
}

TEST_F_TIMEOUT(vf, pf_flr, 60) { pf_is_used(_metadata, self, "flr", true); }
TEST_F_TIMEOUT(vf, pf_device_reset, 60) { pf_is_used(_metadata, self, "device_reset", true); }
TEST_F_TIMEOUT(vf, pf_foreign_reset, 60) { pf_is_used(_metadata, self, "foreign_reset", true); }
TEST_F_TIMEOUT(vf, pf_memory_disable, 60) { pf_is_used(_metadata, self, "memory_disable", false); }

/* Refused, as ever: a PF does not sleep under its VFs. */
TEST_F_TIMEOUT(vf, pf_d3hot, 60) { pf_is_used(_metadata, self, "d3hot", false); }

/* The PF has the memory enable of its VFs; the bit in PCI_COMMAND is not there. */
TEST_F_TIMEOUT(vf, memory_disable_means_nothing, 60)
{
	const struct kit_path *path = kit_path("memory_disable");
	u32 val;

	ASSERT_EQ(0, kit_enter(path, &self->dev));
	EXPECT_TRUE(kit_try_read(self->va, &val));
	EXPECT_TRUE(child_reads(self));
	ASSERT_EQ(0, kit_leave(path, &self->dev));
	EXPECT_TRUE(kit_try_read(self->va, &val));
}

/* @leave takes the VF away, in a child: it has to wait until nobody has it open. */
static void vf_goes(struct __test_metadata *_metadata, struct _test_data_vf *self,
		    int (*leave)(struct _test_data_vf *self))
{
	int status;
	u32 val;

	fflush(stdout);
	self->child = fork();
	ASSERT_GE(self->child, 0);
	if (!self->child) {
		munmap(self->va, self->area->size);
		close(self->dev.vdev->fd);
		_exit(leave(self) ? 1 : 0);
	}
	usleep(500000);
	EXPECT_EQ(0, waitpid(self->child, &status, WNOHANG))
		TH_LOG("the VF went while it was open");
	EXPECT_TRUE(kit_try_read(self->va, &val));
	/* The mapping alone holds it. */
	close(self->dev.vdev->fd);
	self->dev.vdev->fd = -1;
	usleep(200000);
	EXPECT_EQ(0, waitpid(self->child, &status, WNOHANG))
		TH_LOG("the VF went while it was mapped");
	EXPECT_TRUE(kit_try_read(self->va, &val));
	close_vf(self);
	ASSERT_EQ(self->child, waitpid(self->child, &status, 0));
	self->child = 0;
	EXPECT_EQ(0, status);
}

static int take_vfs(struct _test_data_vf *self)
{
	return set_vfs("0");
}

static int unbind_pf(struct _test_data_vf *self)
{
	return kit_write_sysfs(kit_bdf, "drivers/%s/unbind", self->pf_driver);
}

TEST_F_TIMEOUT(vf, vfs_are_taken_while_mapped, 60)
{
	vf_goes(_metadata, self, take_vfs);
}

TEST_F_TIMEOUT(vf, pf_is_unbound_while_mapped, 60)
{
	vf_goes(_metadata, self, unbind_pf);
	EXPECT_EQ(0, kit_write_sysfs(kit_bdf, "drivers/%s/bind", self->pf_driver));
	EXPECT_EQ(0, kit_set_token(kit_bdf, self->iommu));
}

int main(int argc, char **argv)
{
	kit_args(&argc, argv);
	if (argc > 2 && !strcmp(argv[argc - 2], "--vf-driver")) {
		vf_driver = argv[argc - 1];
		argc -= 2;
		argv[argc] = NULL;
	}
	return test_harness_run(argc, argv);
}
