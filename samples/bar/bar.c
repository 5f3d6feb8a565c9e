// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the programs of this folder share.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "bar.h"

#ifndef VFIO_DEVICE_BIND_IOMMUFD	/* the headers are older than Linux 6.6 */
struct vfio_device_bind_iommufd {
	__u32 argsz;
	__u32 flags;
	__s32 iommufd;
	__u32 out_devid;
};

#define VFIO_DEVICE_BIND_IOMMUFD	_IO(VFIO_TYPE, VFIO_BASE + 18)
#endif

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

void tell(const char *format, ...)
{
	static double start;
	va_list args;

	if (!start)
		start = now();
	va_start(args, format);
	printf("%8.3f  ", now() - start);
	vprintf(format, args);
	putchar('\n');
	fflush(stdout);
	va_end(args);
}

unsigned long parse_number(const char *text, const char *what)
{
	unsigned long value;
	char *rest;

	errno = 0;
	value = strtoul(text, &rest, 0);
	if (errno || rest == text || *rest || *text == '-')
		errx(1, "%s is not a number: '%s'", what, text);
	return value;
}

/* A guarded read. Everything about SIGBUS is here. */

static sigjmp_buf not_now;
static const char *guarded;	/* the mapping that is being read, or NULL */
static size_t guarded_size;

/* The handler runs in this thread, so only the compiler has to keep the order. */
static void guard(const char *map)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n(&guarded, map, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	const char *at = info->si_addr;
	const char *map = __atomic_load_n(&guarded, __ATOMIC_RELAXED);

	(void)context;
	/* Only the reader's own access to the mapping is expected to fault. */
	if (map && at >= map && at < map + guarded_size)
		siglongjmp(not_now, 1);
	/* Any other fault is a bug: let the access fault again, and die of it. */
	signal(sig, SIG_DFL);
}

void catch_sigbus(void)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

	if (sigaction(SIGBUS, &action, NULL))
		err(1, "sigaction");
}

bool try_read(const char *map, size_t size, __u64 offset, __u32 *value)
{
	/* SIGBUS is blocked in the handler, so restore the signal mask too. */
	if (sigsetjmp(not_now, 1)) {
		guard(NULL);
		return false;
	}
	guarded_size = size;
	guard(map);
	/* The compiler must make exactly one access of four bytes of this. */
	*value = __atomic_load_n((const __u32 *)(map + offset), __ATOMIC_RELAXED);
	guard(NULL);
	return true;
}

/* Open the device: by its own node and iommufd, otherwise by its group. */

static int open_cdev(const char *bdf)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };
	char path[PATH_MAX];
	struct dirent *entry;
	int fd = -1;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", bdf);
	dir = opendir(path);
	if (!dir)
		return -1;
	while (fd < 0 && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/dev/vfio/devices/%s", entry->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	closedir(dir);
	if (fd < 0)
		return -1;

	/* This program does no DMA, so it needs no address space. */
	bind.iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (bind.iommufd < 0 || ioctl(fd, VFIO_DEVICE_BIND_IOMMUFD, &bind)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int open_group(const char *bdf)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char link[PATH_MAX];
	char path[PATH_MAX];
	int container, group, fd;
	ssize_t len;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", bdf);
	len = readlink(path, link, sizeof(link) - 1);
	if (len < 0)
		errx(1, "%s: no such device, or no IOMMU for it", bdf);
	link[len] = '\0';
	snprintf(path, sizeof(path), "/dev/vfio/%s", strrchr(link, '/') + 1);
	group = open(path, O_RDWR | O_CLOEXEC);
	if (group < 0)
		err(1, "%s: is the device bound to a VFIO driver? %s", bdf, path);
	if (ioctl(group, VFIO_GROUP_GET_STATUS, &status) ||
	    !(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		errx(1, "%s: another device of its group is bound to a host driver", bdf);
	container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (container < 0)
		err(1, "/dev/vfio/vfio");
	if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &container))
		err(1, "%s: VFIO_GROUP_SET_CONTAINER", path);
	if (ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		err(1, "%s: VFIO_SET_IOMMU", path);
	fd = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, bdf);
	if (fd < 0)
		err(1, "%s: VFIO_GROUP_GET_DEVICE_FD", bdf);
	return fd;
}

int open_device(const char *bdf)
{
	int device = open_cdev(bdf);

	return device < 0 ? open_group(bdf) : device;
}

struct vfio_region_info get_region(int device, unsigned long index, __u64 offset, __u64 size)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info))
		err(1, "region %lu", index);
	if (!info.size)
		errx(1, "region %lu: the device has none", index);
	if (!(info.flags & VFIO_REGION_INFO_FLAG_MMAP))
		errx(1, "region %lu cannot be mapped", index);
	if (offset > info.size || size > info.size - offset)
		errx(1, "0x%llx bytes at 0x%llx are beyond region %lu, which has 0x%llx",
		     size, offset, index, info.size);
	return info;
}

__u64 config_offset(int device)
{
	struct vfio_region_info config = {
		.argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX,
	};

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &config))
		err(1, "VFIO_DEVICE_GET_REGION_INFO");
	return config.offset;
}

void set_memory(int device, bool on)
{
	__u64 config = config_offset(device);
	__u16 command;

	if (pread(device, &command, 2, config + PCI_COMMAND) != 2)
		err(1, "cannot read PCI_COMMAND");
	if (on)
		command |= PCI_COMMAND_MEMORY;
	else
		command &= ~PCI_COMMAND_MEMORY;
	if (pwrite(device, &command, 2, config + PCI_COMMAND) != 2)
		err(1, "cannot write PCI_COMMAND");
}

void disturb(int device, bool memory, bool reset)
{
	if (memory) {
		tell("memory off");
		set_memory(device, false);
		usleep(200 * 1000);
		set_memory(device, true);
		tell("memory on");
	}
	if (reset) {
		tell("reset");
		if (ioctl(device, VFIO_DEVICE_RESET))
			err(1, "VFIO_DEVICE_RESET");
		tell("reset done");
	}
}
