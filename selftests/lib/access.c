// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "access.h"

const char *kit_bdf;

void kit_args(int *argc, char **argv)
{
	const char *last = *argc > 1 ? argv[*argc - 1] : "";
	unsigned int domain, bus, slot, fn;

	if (sscanf(last, "%x:%x:%x.%x", &domain, &bus, &slot, &fn) == 4) {
		kit_bdf = last;
		(*argc)--;
		argv[*argc] = NULL;
	} else {
		kit_bdf = getenv("VFIO_SELFTESTS_BDF");
	}
	if (!kit_bdf)
		ksft_exit_skip("no device: the last argument is its address, as 0000:01:00.0\n");
}

double kit_number(int *argc, char **argv, const char *name, double otherwise)
{
	double value;
	char *end;
	int i, j;

	for (i = 1; i < *argc && strcmp(argv[i], name); i++)
		;
	if (i == *argc)
		return otherwise;
	value = i + 1 < *argc ? strtod(argv[i + 1], &end) : 0;
	if (i + 1 == *argc || end == argv[i + 1] || *end || value <= 0)
		ksft_exit_fail_msg("%s: a number above 0 is needed\n", name);
	for (j = i; j + 2 <= *argc; j++)
		argv[j] = argv[j + 2];
	*argc -= 2;
	return value;
}

void kit_open(struct kit_dev *dev, struct iommu **iommu)
{
	int err;

	if (!*iommu)
		*iommu = iommu_init(MODE_IOMMUFD);
	err = kit_dev_open(dev, kit_bdf, *iommu);
	VFIO_ASSERT_EQ(err, 0, "%s cannot be opened: %s\n", kit_bdf, strerror(-err));
	kit_dev_find_areas(dev);
}

const char *kit_open_for(const struct kit_path *path, struct kit_dev *dev, struct iommu **iommu)
{
	kit_open(dev, iommu);
	return kit_cannot(path, dev);
}

void kit_close(struct kit_dev *dev, struct iommu *iommu)
{
	if (dev->vdev) {
		if (dev->vdev->fd >= 0)
			close(dev->vdev->fd);
		vfio_pci_device_free(dev->vdev);
		dev->vdev = NULL;
	}
	if (iommu)
		iommu_cleanup(iommu);
}

void *kit_map(struct kit_dev *dev, const struct kit_area *area, u64 offset, u64 size, int prot)
{
	void *va = mmap(NULL, size, prot, MAP_SHARED, dev->vdev->fd,
			area->file_offset + area->offset + offset);

	VFIO_ASSERT_NE(va, MAP_FAILED, "mmap of region %u at 0x%llx, 0x%llx bytes: %s\n",
		       area->region, (unsigned long long)(area->offset + offset),
		       (unsigned long long)size, strerror(errno));
	return va;
}

/* Out of the way of most registers, as in device.c. */
#define WORD	(KIT_PAGE_SIZE - 32)

static bool holds_what_is_written(struct kit_dev *dev, struct kit_area *area)
{
	u64 half = area->size / 2 / KIT_PAGE_SIZE * KIT_PAGE_SIZE;
	u64 at[] = { 0, half, area->size - KIT_PAGE_SIZE };
	u64 tries[] = { 0x5aa5c33c0ff01234ULL, 0xa55a3cc3f00fedcbULL }, got = 0;
	bool ram = area->writable;
	int i, j;
	char *va;

	for (i = 0; i < 3 && ram; i++) {
		va = kit_map(dev, area, at[i], KIT_PAGE_SIZE, PROT_READ | PROT_WRITE);
		for (j = 0; j < 2 && ram; j++)
			ram = kit_try_write64(va + WORD, tries[j]) &&
			      kit_try_read64(va + WORD, &got) && got == tries[j];
		munmap(va, KIT_PAGE_SIZE);
	}
	return ram;
}

struct kit_area *kit_best_area(struct kit_dev *dev)
{
	struct kit_area *best = NULL, *area;
	int i;

	for (i = 0; i < dev->nr_areas; i++) {
		area = &dev->areas[i];
		area->ram = holds_what_is_written(dev, area);
		if (!best || area->ram > best->ram ||
		    (area->ram == best->ram && area->size > best->size))
			best = area;
	}
	return best;
}

bool kit_read_faults(const void *va, long *faults)
{
	long before = kit_faults();
	u32 val;
	bool ok;

	ok = kit_try_read(va, &val);
	*faults = kit_faults() - before;
	return ok;
}

u64 kit_pattern(const struct kit_area *area, u64 offset)
{
	return 0x9e3779b97f4a7c15ULL * ((area->offset + offset) / KIT_PAGE_SIZE + 1) ^ area->region;
}

void kit_fill(const struct kit_area *area, char *va, u64 offset, u64 pages)
{
	u64 i;

	for (i = 0; i < pages && area->ram; i++)
		kit_try_write64(va + i * KIT_PAGE_SIZE + WORD,
				kit_pattern(area, offset + i * KIT_PAGE_SIZE));
}

int kit_write_sysfs(const char *val, const char *format, ...)
{
	char path[PATH_MAX] = "/sys/bus/pci/";
	size_t len = strlen(path);
	int fd, err = 0;
	va_list args;

	va_start(args, format);
	vsnprintf(path + len, sizeof(path) - len, format, args);
	va_end(args);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, val, strlen(val)) < 0)
		err = -errno;
	close(fd);
	return err;
}

int kit_fd_of(pid_t pid, int fd)
{
	int pidfd = syscall(__NR_pidfd_open, pid, 0), got;

	if (pidfd < 0)
		return -errno;
	got = syscall(__NR_pidfd_getfd, pidfd, fd, 0);
	if (got < 0)
		got = -errno;
	close(pidfd);
	return got;
}
