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

#include "device.h"

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

static void revoke_by(struct kit_dev *dev, const char *how)
{
	if (!strcmp(how, "memory-disable")) {
		vfio_pci_cmd_clear(dev->vdev, PCI_COMMAND_MEMORY);
		vfio_pci_cmd_set(dev->vdev, PCI_COMMAND_MEMORY);
	} else if (!strcmp(how, "reset")) {
		__vfio_pci_device_reset(dev->vdev);
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name, *how;
		int (*hold)(struct kit_dev *dev);
	} cases[] = {
		{ "an exported DMABUF, memory disabled, closed", "memory-disable", exported },
		{ "an exported DMABUF, device reset, closed", "reset", exported },
		{ "an exported DMABUF, closed", "", exported },
		{ "a BAR's mapping, memory disabled, closed", "memory-disable", mapped },
		{ "a BAR's mapping, device reset, closed", "reset", mapped },
		{ "a BAR's mapping, closed", "", mapped },
	};
	static struct kit_dev dev;
	struct iommu *iommu;
	int i, fd, err;

	ksft_print_header();
	if (argc != 2)
		ksft_exit_fail_msg("usage: dmabuf_opath_test BDF\n");
	ksft_set_plan(ARRAY_SIZE(cases));
	iommu = iommu_init(MODE_IOMMUFD);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		err = kit_dev_open(&dev, argv[1], iommu);
		if (err)
			ksft_exit_fail_msg("%s: %s\n", argv[1], strerror(-err));
		kit_dev_find_areas(&dev);
		fd = cases[i].hold(&dev);
		wait_for_rcu();
		revoke_by(&dev, cases[i].how);
		close(dev.vdev->fd);
		wait_for_rcu();
		if (fd < 0) {
			ksft_test_result_skip("O_PATH on %s: nothing to hold\n", cases[i].name);
			continue;
		}
		close(fd);
		wait_for_rcu();
		ksft_test_result_pass("O_PATH on %s\n", cases[i].name);
	}
	ksft_finished();
}
