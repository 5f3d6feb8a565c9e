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
 * It is built with the others of this folder, by make.
 */
#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bar.h"

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
static double end;

/* The other half of the experiment: a thread that causes revocations. */
static void *disturb_on(void *arg)
{
	const struct options *options = arg;

	while (now() + 1 < end) {
		usleep(700 * 1000);
		disturb(device, options->memory, options->reset);
		usleep(300 * 1000);
	}
	return NULL;
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
	struct vfio_region_info info = get_region(device, options->region, options->offset, 4);
	char *map;

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
			tell("read 0x%08x", value);
		else if (!was_ok)
			tell("read again: 0x%08x", value);
		else if (value != last)
			tell("read, changed: 0x%08x", value);
		result.reads++;
	}
	result.ok = ok && result.reads;
	return result;
}

int main(int argc, char *argv[])
{
	struct options options = { .seconds = 5 };
	struct result result;
	pthread_t thread;
	bool disturbed;
	size_t size;
	char *map;

	parse_options(argc, argv, &options);
	device = open_device(options.bdf);
	map = map_region(&options, &size);
	catch_sigbus();

	end = now() + options.seconds;
	set_memory(device, true);
	disturbed = options.reset || options.memory;
	if (disturbed && pthread_create(&thread, NULL, disturb_on, &options))
		errx(1, "pthread_create");
	result = read_on(map, size, options.offset);
	if (disturbed)
		pthread_join(thread, NULL);

	printf("%lu reads, longest %.3f ms; %lu times revoked (%lu SIGBUS)\n",
	       result.reads, result.longest * 1e3, result.revocations,
	       result.faults);
	return result.ok ? 0 : 1;
}
