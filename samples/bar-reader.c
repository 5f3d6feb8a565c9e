// SPDX-License-Identifier: GPL-2.0-only
/*
 * The consumer's half of BAR revocation: a program that maps a BAR and lives on.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * Maps a region of a PCI device through VFIO, reads a word of it all the time,
 * and lives through the revocations that happen meanwhile. What a program that
 * maps BARs has to know:
 *
 * - A mapping is not undone by a revocation. Its pages are gone, and the next
 *   access either waits, as long as a reset is under way, or gets SIGBUS, as
 *   long as memory is disabled or the device sleeps. Nothing has to be mapped
 *   again: once the device can be accessed, the same access works.
 * - So catch SIGBUS, say "not now", and try again later; but do tell whether
 *   the fault was yours: si_addr is in the mapping, or it is a real error.
 * - After a reset the device is a fresh one: program it again.
 *
 * To build it: make bar-reader CFLAGS=-O2 LDLIBS=-lpthread
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifndef VFIO_DEVICE_BIND_IOMMUFD	/* the headers are older than Linux 6.6 */
struct vfio_device_bind_iommufd {
	__u32 argsz;
	__u32 flags;
	__s32 iommufd;
	__u32 out_devid;
};

#define VFIO_DEVICE_BIND_IOMMUFD	_IO(VFIO_TYPE, VFIO_BASE + 18)
#endif

static const char usage[] =
	"usage: bar-reader [-b BAR] [-o OFFSET] [-t SECONDS] [-r] [-m] DEVICE\n"
	"\n"
	"Reads a word of a BAR of a PCI device again and again, and prints what\n"
	"happens to it while the device is revoked. DEVICE is a PCI address like\n"
	"0000:01:00.0; it must be bound to vfio-pci or a variant driver.\n"
	"\n"
	"  -b BAR      the region to map, a BAR or one of the driver's (default 0)\n"
	"  -o OFFSET   where in it to read, a multiple of 4 (default 0)\n"
	"  -t SECONDS  how long (default 5)\n"
	"  -r          reset the device once a second meanwhile\n"
	"  -m          switch its memory off and on once a second meanwhile\n"
	"\n"
	"Exit status: 0 if the last read worked, 1 if not or on any error.\n";

static int device = -1;
static __u64 config_offset;
static double start;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void tell(const char *what)
{
	printf("%8.3f  %s\n", now() - start, what);
	fflush(stdout);
}

/* A guarded read: everything about SIGBUS is here. */

static sigjmp_buf not_now;
static const char *guarded;	/* the mapping that is being read, or NULL */
static size_t guarded_size;

/* The handler runs in this thread: only the compiler has to keep the order. */
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
	/* Any other fault is a bug. Let the access fault again, and die of it. */
	signal(sig, SIG_DFL);
}

static bool try_read(const char *map, size_t size, __u64 offset, __u32 *value)
{
	/* The signal mask is part of what is restored: SIGBUS is blocked there */
	if (sigsetjmp(not_now, 1)) {
		guard(NULL);
		return false;
	}
	guarded_size = size;
	guard(map);
	/* One access of four bytes: the compiler must not make more of it. */
	*value = __atomic_load_n((const __u32 *)(map + offset), __ATOMIC_RELAXED);
	guard(NULL);
	return true;
}

/* Open the device: by its own node and iommufd, or else by its group. */

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

	/* No DMA here, so no address space to attach to. */
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
	char link[PATH_MAX], path[PATH_MAX];
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

/* The other half of the experiment: somebody who revokes. */

static void set_memory(bool on)
{
	__u16 command;

	if (pread(device, &command, 2, config_offset + PCI_COMMAND) != 2)
		err(1, "cannot read PCI_COMMAND");
	command = on ? command | PCI_COMMAND_MEMORY : command & ~PCI_COMMAND_MEMORY;
	if (pwrite(device, &command, 2, config_offset + PCI_COMMAND) != 2)
		err(1, "cannot write PCI_COMMAND");
}

struct disturbance {
	bool reset, memory;
	double end;
};

static void *disturb(void *arg)
{
	struct disturbance *d = arg;

	while (now() + 1 < d->end) {
		usleep(700 * 1000);
		if (d->memory) {
			tell("memory off");
			set_memory(false);
			usleep(200 * 1000);
			set_memory(true);
			tell("memory on");
		}
		if (d->reset) {
			tell("reset");
			if (ioctl(device, VFIO_DEVICE_RESET))
				err(1, "VFIO_DEVICE_RESET");
			tell("reset done");
		}
		usleep(300 * 1000);
	}
	return NULL;
}

static unsigned long parse_number(const char *text, const char *what)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 0);
	if (errno || end == text || *end || *text == '-')
		errx(1, "%s is no number: '%s'", what, text);
	return value;
}

int main(int argc, char *argv[])
{
	struct vfio_region_info info = { .argsz = sizeof(info) };
	struct vfio_region_info config = {
		.argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	struct disturbance d = { };
	unsigned long offset = 0, seconds = 5, reads = 0, faults = 0, revoked = 0;
	bool ok = true, first = true;
	double longest = 0, began, took;
	char *map;
	__u32 value = 0;
	pthread_t thread;
	char text[80];
	int opt;

	while ((opt = getopt(argc, argv, "b:o:t:rmh")) != -1) {
		switch (opt) {
		case 'b':
			info.index = parse_number(optarg, "BAR");
			break;
		case 'o':
			offset = parse_number(optarg, "OFFSET");
			break;
		case 't':
			seconds = parse_number(optarg, "SECONDS");
			break;
		case 'r':
			d.reset = true;
			break;
		case 'm':
			d.memory = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 1;
		}
	}
	if (optind != argc - 1 || offset % 4) {
		fputs(usage, stderr);
		return 1;
	}

	device = open_cdev(argv[optind]);
	if (device < 0)
		device = open_group(argv[optind]);

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &config))
		err(1, "VFIO_DEVICE_GET_REGION_INFO");
	config_offset = config.offset;
	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info))
		err(1, "region %u", info.index);
	if (!info.size)
		errx(1, "region %u: the device has none", info.index);
	if (!(info.flags & VFIO_REGION_INFO_FLAG_MMAP))
		errx(1, "region %u cannot be mapped", info.index);
	if (offset + 4 > info.size)
		errx(1, "OFFSET 0x%lx is beyond region %u, which has 0x%llx bytes",
		     offset, info.index, (unsigned long long)info.size);

	/*
	 * The driver decides what can be mapped: a region with a sparse-mmap
	 * capability has holes, and this maps it as a whole. A real consumer
	 * maps the areas that the capability lists.
	 */
	map = mmap(NULL, info.size, PROT_READ, MAP_SHARED, device, info.offset);
	if (map == MAP_FAILED)
		err(1, "cannot map region %u", info.index);
	if (sigaction(SIGBUS, &action, NULL))
		err(1, "sigaction");

	start = now();
	d.end = start + seconds;
	set_memory(true);
	if ((d.reset || d.memory) && pthread_create(&thread, NULL, disturb, &d))
		errx(1, "pthread_create");

	while (now() < d.end) {
		__u32 last = value;
		bool was = ok;

		began = now();
		ok = try_read(map, info.size, offset, &value);
		took = now() - began;
		if (ok) {
			reads++;
			longest = took > longest ? took : longest;
			if (first || !was || value != last) {
				snprintf(text, sizeof(text), "%s 0x%08x",
					 first ? "read" : was ? "read, changed:" :
					 "read again:", value);
				tell(text);
			}
			first = false;
		} else {
			faults++;
			if (was) {
				revoked++;
				tell("SIGBUS: revoked, to be tried again");
			}
			/* Not now. Ask less often than a CPU can fault. */
			usleep(1000);
		}
	}
	if (d.reset || d.memory)
		pthread_join(thread, NULL);

	printf("%lu reads, longest %.3f ms; %lu times revoked (%lu SIGBUS)\n",
	       reads, longest * 1e3, revoked, faults);
	return ok && !first ? 0 : 1;
}
