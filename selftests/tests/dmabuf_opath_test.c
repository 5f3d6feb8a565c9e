// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule C6: nothing walks the struct file of a DMABUF that it holds no
 * reference on. An O_PATH fd keeps the dentry of a DMABUF, and so the DMABUF
 * on its device's list, after the struct file is freed; then the device is
 * reset, disabled and closed. What is wrong shows in the kernel's log, with
 * KASAN and SLUB_RCU_DEBUG, so the caller has to look there.
 *
 * usage: dmabuf_opath_test BDF
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <fcntl.h>
#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/limits.h>

#include "access.h"
#include "kselftest_harness.h"

FIXTURE(opath) {
	struct kit_dev dev;
	struct iommu *iommu;
};

FIXTURE_VARIANT(opath) {
	int (*hold)(struct kit_dev *dev);
};

/* An O_PATH fd of what @path leads to, whose own file is then let go. */
static int opath(const char *path)
{
	int fd = open(path, O_PATH | O_CLOEXEC);

	VFIO_ASSERT_GE(fd, 0, "open(%s, O_PATH)\n", path);
	return fd;
}

/* Files are freed by RCU; membarrier() waits for a grace period. */
static void wait_for_rcu(void)
{
	syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
	usleep(50000);
	syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

/* Exported as a DMABUF: the first area that can be. */
static int exported(struct kit_dev *dev)
{
	char path[64];
	int i, fd, o;

	for (i = 0; i < dev->nr_areas; i++) {
		fd = kit_region_export(dev, dev->areas[i].region, dev->areas[i].offset,
				       dev->areas[i].size);
		if (fd < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		o = opath(path);
		close(fd);
		return o;
	}
	return -1;
}

/* The DMABUF behind a BAR mapping, by /proc/self/map_files. */
static int mapped(struct kit_dev *dev)
{
	char path[64];
	void *va;
	int o;

	if (!dev->nr_areas)
		return -1;
	va = mmap(NULL, 4096, PROT_READ, MAP_SHARED, dev->vdev->fd,
		  dev->areas[0].file_offset + dev->areas[0].offset);
	VFIO_ASSERT_NE(va, MAP_FAILED);
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", (unsigned long)va,
		 (unsigned long)va + 4096);
	o = opath(path);
	munmap(va, 4096);
	return o;
}

FIXTURE_VARIANT_ADD(opath, exported) { .hold = exported };
FIXTURE_VARIANT_ADD(opath, mapped) { .hold = mapped };

FIXTURE_SETUP(opath)
{
	kit_open(&self->dev, &self->iommu);
}

FIXTURE_TEARDOWN(opath)
{
	kit_close(&self->dev, self->iommu);
}

/* Held while @path, if any, is taken, and while the device closes. */
static void hold_over(struct __test_metadata *_metadata, struct _test_data_opath *self,
		      const struct _fixture_variant_opath *variant, const char *path)
{
	const char *why = path ? kit_cannot(kit_path(path), &self->dev) : NULL;
	int fd;

	if (why)
		SKIP(return, "%s", why);
	fd = variant->hold(&self->dev);
	if (fd < 0)
		SKIP(return, "nothing to hold");
	wait_for_rcu();
	if (path) {
		ASSERT_EQ(0, kit_enter(kit_path(path), &self->dev));
		ASSERT_EQ(0, kit_leave(kit_path(path), &self->dev));
	}
	kit_close(&self->dev, NULL);
	wait_for_rcu();
	EXPECT_EQ(0, close(fd));
	wait_for_rcu();
}

TEST_F(opath, memory_disable) { hold_over(_metadata, self, variant, "memory_disable"); }
TEST_F(opath, device_reset) { hold_over(_metadata, self, variant, "device_reset"); }
TEST_F(opath, close) { hold_over(_metadata, self, variant, NULL); }

int main(int argc, char **argv)
{
	kit_args(&argc, argv);
	return test_harness_run(argc, argv);
}
