// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory allocation failure, one allocation at a time: each operation with its
 * first allocation refused, then with its second, until none is left. It fails
 * cleanly or works without, and the next one works.
 *
 * Needs CONFIG_FAILSLAB and CONFIG_FAIL_PAGE_ALLOC: guest/config/kasan.config.
 *
 * usage: fail_nth_test [HARNESS OPTIONS] BDF
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/iommufd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "access.h"
#include "exports.h"
#include "kselftest_harness.h"

#define RW	(PROT_READ | PROT_WRITE)
#define LIMIT	400

FIXTURE(fail) {
	struct kit_dev dev;
	struct iommu *iommu;
	struct kit_area *area;
	int nth, dmabuf;
	char *va;
};

static bool write_file(const char *path, const char *val)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return false;
	ok = write(fd, val, strlen(val)) > 0;
	close(fd);
	return ok;
}

FIXTURE_SETUP(fail)
{
	self->dmabuf = -1;
	self->nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (self->nth < 0 ||
	    !write_file("/sys/kernel/debug/failslab/ignore-gfp-wait", "N") ||
	    !write_file("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N"))
		SKIP(return, "this kernel has no CONFIG_FAILSLAB and CONFIG_FAIL_PAGE_ALLOC");
	write_file("/sys/kernel/debug/fail_page_alloc/min-order", "0");
	write_file("/sys/kernel/debug/failslab/verbose", "0");
	write_file("/sys/kernel/debug/fail_page_alloc/verbose", "0");
	kit_open(&self->dev, &self->iommu);
	self->area = kit_best_area(&self->dev);
	if (!self->area)
		SKIP(return, "no region that can be mapped");
}

FIXTURE_TEARDOWN(fail)
{
	if (self->dev.vdev)
		kit_close(&self->dev, NULL);
}

static void arm(struct _test_data_fail *self, int n)
{
	char s[16];

	snprintf(s, sizeof(s), "%d", n);
	VFIO_ASSERT_GT(pwrite(self->nth, s, strlen(s), 0), 0);
}

/* Was an allocation refused since arm()? */
static bool disarm(struct _test_data_fail *self)
{
	char s[16] = "";

	VFIO_ASSERT_GT(pread(self->nth, s, sizeof(s) - 1, 0), 0);
	VFIO_ASSERT_GT(pwrite(self->nth, "0", 1, 0), 0);
	return atoi(s) == 0;
}

/* A new open device, of which nothing was ever mapped. */
static void fresh(struct _test_data_fail *self)
{
	struct kit_area area = *self->area;
	int i;

	kit_close(&self->dev, NULL);
	kit_open(&self->dev, &self->iommu);
	for (i = 0; i < self->dev.nr_areas; i++) {
		if (self->dev.areas[i].region == area.region &&
		    self->dev.areas[i].offset == area.offset)
			self->area = &self->dev.areas[i];
	}
}

static void undo(struct _test_data_fail *self)
{
	if (self->va && self->va != MAP_FAILED)
		munmap(self->va, self->dmabuf < 0 ? self->area->size : 4096);
	self->va = NULL;
	if (self->dmabuf >= 0)
		close(self->dmabuf);
	self->dmabuf = -1;
}

static int do_mmap(struct _test_data_fail *self)
{
	u64 offset = self->area->file_offset + self->area->offset;

	self->va = (char *)syscall(__NR_mmap, 0UL, self->area->size, RW, MAP_SHARED,
				   self->dev.vdev->fd, offset);
	return self->va == MAP_FAILED ? -errno : 0;
}

static int do_fault(struct _test_data_fail *self)
{
	u32 val;

	return kit_try_read(self->va, &val) ? 0 : -EFAULT;
}

static int do_export(struct _test_data_fail *self)
{
	self->dmabuf = kit_region_export(&self->dev, self->area->region, self->area->offset, 4096);
	return self->dmabuf < 0 ? self->dmabuf : 0;
}

static int do_map_export(struct _test_data_fail *self)
{
	self->va = kit_export_map(self->dmabuf, 0, 4096, RW);
	return self->va == MAP_FAILED ? -errno : 0;
}

static int do_revoke(struct _test_data_fail *self)
{
	return kit_export_revoke(&self->dev, self->dmabuf);
}

static int do_import(struct _test_data_fail *self)
{
	struct iommu_ioas_map_file file = {
		.size = sizeof(file), .ioas_id = self->iommu->ioas_id, .fd = self->dmabuf,
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE, .length = 4096,
	};
	struct iommu_ioas_unmap unmap = { .size = sizeof(unmap), .ioas_id = self->iommu->ioas_id };
	int err = ioctl(self->iommu->iommufd, IOMMU_IOAS_MAP_FILE, &file) ? -errno : 0;

	if (!err) {
		unmap.iova = file.iova;
		unmap.length = 4096;
		ioctl(self->iommu->iommufd, IOMMU_IOAS_UNMAP, &unmap);
	}
	return err;
}

static int do_reset(struct _test_data_fail *self)
{
	return ioctl(self->dev.vdev->fd, VFIO_DEVICE_RESET) ? -errno : 0;
}

static int do_hot_reset(struct _test_data_fail *self)
{
	struct vfio_pci_hot_reset reset = { .argsz = sizeof(reset) };

	return ioctl(self->dev.vdev->fd, VFIO_DEVICE_PCI_HOT_RESET, &reset) ? -errno : 0;
}

static int do_memory_off_and_on(struct _test_data_fail *self)
{
	u64 at = self->dev.vdev->config_space.offset + PCI_COMMAND;
	u16 on = PCI_COMMAND_MEMORY, off = 0;
	int err;

	err = pwrite(self->dev.vdev->fd, &off, 2, at) == 2 ? 0 : -errno;
	if (pwrite(self->dev.vdev->fd, &on, 2, at) != 2)
		return -errno;
	return err;
}

static int do_split(struct _test_data_fail *self)
{
	return munmap(self->va + 4096, 4096) ? -errno : 0;
}

#define CHECK_ALL(_prepare, _op) do {						\
	int _n, _err, _injected = 0;						\
	bool _was;								\
										\
	for (_n = 1; _n < LIMIT; _n++) {					\
		_prepare;							\
		arm(self, _n);							\
		_err = _op(self);						\
		_was = disarm(self);						\
		if (_was)							\
			_injected++;						\
		if (!_was)							\
			EXPECT_EQ(0, _err) TH_LOG("fails by itself: %s", strerror(-_err)); \
		undo(self);							\
		if (!_was)							\
			break;							\
	}									\
	EXPECT_LT(_n, LIMIT);							\
	ksft_print_msg("%d allocations refused, one at a time\n", _injected);	\
	/* And now with memory for everyone. */					\
	_prepare;								\
	EXPECT_EQ(0, _op(self));						\
	undo(self);								\
	EXPECT_EQ(0, do_mmap(self));						\
	EXPECT_EQ(0, do_fault(self));						\
} while (0)

TEST_F_TIMEOUT(fail, first_mmap, 300) { CHECK_ALL(fresh(self), do_mmap); }
TEST_F_TIMEOUT(fail, later_mmap, 120) { CHECK_ALL((void)0, do_mmap); }
TEST_F_TIMEOUT(fail, fault, 120) { CHECK_ALL(ASSERT_EQ(0, do_mmap(self)), do_fault); }
TEST_F_TIMEOUT(fail, export, 120) { CHECK_ALL((void)0, do_export); }

TEST_F_TIMEOUT(fail, import, 120)
{
	int err = do_export(self);

	if (err)
		SKIP(return, "this region cannot be exported: %s", strerror(-err));
	undo(self);
	CHECK_ALL(ASSERT_EQ(0, do_export(self)), do_import);
}

TEST_F_TIMEOUT(fail, mmap_of_an_export, 120)
{
	int err = do_export(self);

	if (err)
		SKIP(return, "this region cannot be exported: %s", strerror(-err));
	undo(self);
	CHECK_ALL(ASSERT_EQ(0, do_export(self)), do_map_export);
	CHECK_ALL(ASSERT_EQ(0, do_export(self)); ASSERT_EQ(0, do_map_export(self)), do_fault);
	CHECK_ALL(ASSERT_EQ(0, do_export(self)); ASSERT_EQ(0, do_map_export(self));
		  ASSERT_EQ(0, do_fault(self)), do_revoke);
}

TEST_F_TIMEOUT(fail, split, 120)
{
	if (self->area->size < 3 * 4096)
		SKIP(return, "region too small");
	CHECK_ALL(ASSERT_EQ(0, do_mmap(self)), do_split);
}

TEST_F_TIMEOUT(fail, memory_disable, 120)
{
	CHECK_ALL(ASSERT_EQ(0, do_mmap(self)), do_memory_off_and_on);
}

TEST_F_TIMEOUT(fail, reset, 300)
{
	if (!(self->dev.vdev->info.flags & VFIO_DEVICE_FLAGS_RESET))
		SKIP(return, "no function reset");
	CHECK_ALL(ASSERT_EQ(0, do_mmap(self)), do_reset);
}

TEST_F_TIMEOUT(fail, hot_reset, 300)
{
	const char *why;

	why = kit_cannot(kit_path("hot_reset"), &self->dev);
	if (why)
		SKIP(return, "%s", why);
	CHECK_ALL(ASSERT_EQ(0, do_mmap(self)), do_hot_reset);
}

int main(int argc, char **argv)
{
	kit_args(&argc, argv);
	return test_harness_run(argc, argv);
}
