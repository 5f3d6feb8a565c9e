// SPDX-License-Identifier: GPL-2.0-only
/*
 * The consumer's half of BAR revocation: a program that maps a BAR and survives.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * The program maps a region of a PCI device through VFIO, reads a word of it
 * again and again, and survives each revocation. A program that maps BARs has to
 * know this:
 *
 * - A revocation does not undo a mapping. It removes the pages, and the next
 *   access faults. The fault waits while a reset is under way. It raises SIGBUS
 *   while memory is disabled or the device sleeps. Once the device can be
 *   accessed again, the same access works: do not map the region again.
 * - So catch SIGBUS and try again later. But check first that the fault is
 *   yours: if si_addr is not in the mapping, the fault is a real error.
 * - A reset puts the device into its initial state: program it again.
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

struct options {
	const char *bdf;	/* the device's PCI address */
	unsigned long region;
	unsigned long offset;
	unsigned long seconds;
	bool reset;
	bool memory;
};

static const char usage[] =
	"usage: bar-reader [-b BAR] [-o OFFSET] [-t SECONDS] [-r] [-m] DEVICE\n"
	"\n"
	"Reads a word of a BAR of a PCI device again and again, and prints what\n"
	"happens while access to the device is revoked. DEVICE is a PCI address like\n"
	"0000:01:00.0; it must be bound to vfio-pci or a variant driver.\n"
	"\n"
	"  -b BAR      the region to map, a BAR or one of the driver's (default 0)\n"
	"  -o OFFSET   where in it to read, a multiple of 4 (default 0)\n"
	"  -t SECONDS  how long (default 5)\n"
	"  -r          reset the device once a second\n"
	"  -m          switch its memory off and on once a second\n"
	"\n"
	"Exit status: 0 if the last read worked; 1 if it did not, or on an error.\n";

static int device = -1;
static __u64 config_offset;
static double start, end;

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

static bool try_read(const char *map, size_t size, __u64 offset, __u32 *value)
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

/* The other half of the experiment: a thread that causes revocations. */

static void set_memory(bool on)
{
	__u16 command;

	if (pread(device, &command, 2, config_offset + PCI_COMMAND) != 2)
		err(1, "cannot read PCI_COMMAND");
	if (on)
		command |= PCI_COMMAND_MEMORY;
	else
		command &= ~PCI_COMMAND_MEMORY;
	if (pwrite(device, &command, 2, config_offset + PCI_COMMAND) != 2)
		err(1, "cannot write PCI_COMMAND");
}

static void *disturb(void *arg)
{
	const struct options *options = arg;

	while (now() + 1 < end) {
		usleep(700 * 1000);
		if (options->memory) {
			tell("memory off");
			set_memory(false);
			usleep(200 * 1000);
			set_memory(true);
			tell("memory on");
		}
		if (options->reset) {
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
	unsigned long value;
	char *rest;

	errno = 0;
	value = strtoul(text, &rest, 0);
	if (errno || rest == text || *rest || *text == '-')
		errx(1, "%s is not a number: '%s'", what, text);
	return value;
}

static void parse_options(int argc, char *argv[], struct options *options)
{
	int opt;

	while ((opt = getopt(argc, argv, "b:o:t:rmh")) != -1) {
		switch (opt) {
		case 'b':
			options->region = parse_number(optarg, "BAR");
			break;
		case 'o':
			options->offset = parse_number(optarg, "OFFSET");
			break;
		case 't':
			options->seconds = parse_number(optarg, "SECONDS");
			break;
		case 'r':
			options->reset = true;
			break;
		case 'm':
			options->memory = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			exit(1);
		}
	}
	if (optind != argc - 1 || options->offset % 4) {
		fputs(usage, stderr);
		exit(1);
	}
	options->bdf = argv[optind];
}

static char *map_region(const struct options *options, size_t *size)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = options->region };
	char *map;

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info))
		err(1, "region %lu", options->region);
	if (!info.size)
		errx(1, "region %lu: the device has none", options->region);
	if (!(info.flags & VFIO_REGION_INFO_FLAG_MMAP))
		errx(1, "region %lu cannot be mapped", options->region);
	if (options->offset + 4 > info.size)
		errx(1, "OFFSET 0x%lx is beyond region %lu, which has 0x%llx bytes",
		     options->offset, options->region, (unsigned long long)info.size);

	/*
	 * This maps the region as a whole. A region with a sparse-mmap capability
	 * can have holes: a real consumer maps the areas that the capability
	 * lists.
	 */
	map = mmap(NULL, info.size, PROT_READ, MAP_SHARED, device, info.offset);
	if (map == MAP_FAILED)
		err(1, "cannot map region %lu", options->region);
	*size = info.size;
	return map;
}

static void tell_value(const char *what, __u32 value)
{
	char text[80];

	snprintf(text, sizeof(text), "%s 0x%08x", what, value);
	tell(text);
}

struct result {
	unsigned long reads;
	unsigned long faults;
	unsigned long revocations;
	double longest;
	bool ok;		/* the last read worked */
};

/* Read until the time is over. */
static struct result read_on(const char *map, size_t size, __u64 offset)
{
	struct result result = { };
	__u32 value = 0, last;
	double began, took;
	bool ok = true;
	bool was_ok;

	while (now() < end) {
		was_ok = ok;
		last = value;
		began = now();
		ok = try_read(map, size, offset, &value);
		took = now() - began;
		if (!ok) {
			result.faults++;
			if (was_ok) {
				result.revocations++;
				tell("SIGBUS: revoked, to be tried again");
			}
			/* Wait: a CPU can fault much more often than this. */
			usleep(1000);
			continue;
		}

		if (took > result.longest)
			result.longest = took;
		if (!result.reads)
			tell_value("read", value);
		else if (!was_ok)
			tell_value("read again:", value);
		else if (value != last)
			tell_value("read, changed:", value);
		result.reads++;
	}
	result.ok = ok && result.reads;
	return result;
}

int main(int argc, char *argv[])
{
	struct vfio_region_info config = {
		.argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	struct options options = { .seconds = 5 };
	struct result result;
	pthread_t thread;
	bool disturbed;
	size_t size;
	char *map;

	parse_options(argc, argv, &options);
	device = open_cdev(options.bdf);
	if (device < 0)
		device = open_group(options.bdf);
	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &config))
		err(1, "VFIO_DEVICE_GET_REGION_INFO");
	config_offset = config.offset;
	map = map_region(&options, &size);
	if (sigaction(SIGBUS, &action, NULL))
		err(1, "sigaction");

	start = now();
	end = start + options.seconds;
	set_memory(true);
	disturbed = options.reset || options.memory;
	if (disturbed && pthread_create(&thread, NULL, disturb, &options))
		errx(1, "pthread_create");
	result = read_on(map, size, options.offset);
	if (disturbed)
		pthread_join(thread, NULL);

	printf("%lu reads, longest %.3f ms; %lu times revoked (%lu SIGBUS)\n",
	       result.reads, result.longest * 1e3, result.revocations,
	       result.faults);
	return result.ok ? 0 : 1;
}
