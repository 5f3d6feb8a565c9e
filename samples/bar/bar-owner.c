// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process that owns a device lends a part of a BAR, and takes it back.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * The program exports a part of a BAR as a DMABUF, and passes its file descriptor
 * to each process that connects to a Unix socket. See bar-borrower.c for the other
 * side. The owner has to know this:
 *
 * - A borrower never gets the device: no configuration space, no ioctl, no other
 *   part of a BAR. Who may connect to the socket may read what is lent.
 * - While the device is reset or its memory is disabled, borrowers are locked out
 *   with everybody else, and come back with everybody else. The owner does nothing
 *   for that.
 * - To take the part back, revoke the DMABUF. When the ioctl returns, no borrower
 *   can access the BAR any more, whatever it has done with the file descriptor. The
 *   owner can lend the same part anew, by another export.
 * - What the program cannot do is to lend to one borrower longer than to another:
 *   for that, export the part once for each.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/un.h>
#include <unistd.h>

#include "bar.h"
#include "lend.h"

#ifndef VFIO_DEVICE_FEATURE_DMA_BUF_REVOKE
#error "these headers are of a kernel without the series: see Makefile"
#endif

struct options {
	const char *bdf;	/* the device's PCI address */
	const char *socket;
	unsigned long region;
	unsigned long offset;
	unsigned long size;
	unsigned long seconds;
	bool reset;
	bool memory;
};

static const char usage[] =
	"usage: bar-owner [-b BAR] [-o OFFSET] [-s SIZE] [-t SECONDS] [-r] [-m]\n"
	"                 DEVICE SOCKET\n"
	"\n"
	"Lends a part of a BAR of a PCI device to whoever connects to the Unix socket\n"
	"SOCKET, to read, and takes it back in the end. DEVICE is a PCI address like\n"
	"0000:01:00.0; it must be bound to vfio-pci or a variant driver.\n"
	"\n"
	"  -b BAR      the region to lend from (default 0)\n"
	"  -o OFFSET   where in it, a multiple of the page size (default 0)\n"
	"  -s SIZE     how much, in whole pages (default one page)\n"
	"  -t SECONDS  for how long (default 5)\n"
	"  -r          reset the device once a second\n"
	"  -m          switch its memory off and on once a second\n"
	"\n"
	"Exit status: 0 if it was lent and taken back; 1 on an error.\n";

static void parse_options(int argc, char *argv[], struct options *options)
{
	int opt;

	while ((opt = getopt(argc, argv, "b:o:s:t:rmh")) != -1) {
		switch (opt) {
		case 'b':
			options->region = parse_number(optarg, "BAR");
			break;
		case 'o':
			options->offset = parse_number(optarg, "OFFSET");
			break;
		case 's':
			options->size = parse_number(optarg, "SIZE");
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
	if (optind != argc - 2) {
		fputs(usage, stderr);
		exit(1);
	}
	options->bdf = argv[optind];
	options->socket = argv[optind + 1];
}

/* Ask before the first use: on other kernels the number may mean something else. */
static void need_revoke(int device)
{
	struct vfio_device_feature probe = {
		.argsz = sizeof(probe),
		.flags = VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET |
			 VFIO_DEVICE_FEATURE_DMA_BUF_REVOKE,
	};

	if (ioctl(device, VFIO_DEVICE_FEATURE, &probe))
		err(1, "this kernel or driver cannot take a DMABUF back");
}

static int export_part(int device, const struct options *options)
{
	struct {
		struct vfio_device_feature feature;
		struct vfio_device_feature_dma_buf get;
		struct vfio_region_dma_range range;
	} arg = {
		.feature = {
			.argsz = sizeof(arg),
			.flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF,
		},
		.get = {
			.region_index = options->region,
			/* This is what borrowers can do: O_RDWR lets them write. */
			.open_flags = O_RDONLY | O_CLOEXEC,
			.nr_ranges = 1,
		},
		.range = { .offset = options->offset, .length = options->size },
	};
	int dmabuf = ioctl(device, VFIO_DEVICE_FEATURE, &arg);

	if (dmabuf < 0)
		err(1, "cannot export 0x%lx bytes at 0x%lx of region %lu", options->size,
		    options->offset, options->region);
	return dmabuf;
}

static void take_back(int device, int dmabuf)
{
	struct {
		struct vfio_device_feature feature;
		struct vfio_device_feature_dma_buf_revoke revoke;
	} arg = {
		.feature = {
			.argsz = sizeof(arg),
			.flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_BUF_REVOKE,
		},
		.revoke = { .dmabuf_fd = dmabuf },
	};

	if (ioctl(device, VFIO_DEVICE_FEATURE, &arg))
		err(1, "cannot take the DMABUF back");
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		err(1, "socket");
	if (strlen(path) >= sizeof(address.sun_path))
		errx(1, "the name of the socket is too long: %s", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 8))
		err(1, "%s", path);
	return fd;
}

/* Pass the DMABUF on. A borrower that has gone away meanwhile is no error. */
static bool lend_to(int borrower, int dmabuf, unsigned long size)
{
	struct loan loan = { .size = size };
	struct iovec iov = { .iov_base = &loan, .iov_len = sizeof(loan) };
	union loan_control control = { };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(dmabuf));
	memcpy(CMSG_DATA(cmsg), &dmabuf, sizeof(dmabuf));

	return sendmsg(borrower, &msg, MSG_NOSIGNAL) == sizeof(loan);
}

/* Lend to all who come, and disturb them once a second. */
static unsigned long serve(int device, int dmabuf, int listener, const struct options *options)
{
	double end = now() + options->seconds;
	double next = now() + 1;
	unsigned long borrowers = 0;
	int borrower;

	while (now() < end) {
		struct pollfd pollfd = { .fd = listener, .events = POLLIN };

		if (poll(&pollfd, 1, 100) > 0) {
			borrower = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
			if (borrower < 0)
				err(1, "accept");
			if (lend_to(borrower, dmabuf, options->size)) {
				borrowers++;
				tell("lent to borrower %lu", borrowers);
			}
			close(borrower);
		}
		if (now() >= next && now() + 1 < end) {
			disturb(device, options->memory, options->reset);
			next = now() + 1;
		}
	}
	return borrowers;
}

int main(int argc, char *argv[])
{
	struct options options = { .seconds = 5, .size = sysconf(_SC_PAGESIZE) };
	unsigned long borrowers;
	int device, dmabuf, listener;

	parse_options(argc, argv, &options);
	device = open_device(options.bdf);
	get_region(device, options.region, options.offset, options.size);
	need_revoke(device);
	set_memory(device, true);
	dmabuf = export_part(device, &options);
	listener = listen_at(options.socket);

	borrowers = serve(device, dmabuf, listener, &options);

	close(listener);
	unlink(options.socket);
	take_back(device, dmabuf);
	tell("taken back from %lu borrowers", borrowers);
	return 0;
}
