// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process that never had a device borrows a part of a BAR.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * The program gets a DMABUF from bar-owner, maps it and reads it, until the owner
 * takes it back. A borrower has to know this:
 *
 * - The mapping is like one of the device's file: an access waits while the device
 *   is reset, and gets SIGBUS while it cannot be accessed. Try it again later.
 * - SIGBUS does not say whether the part comes back. Map the DMABUF again to learn
 *   that: ENODEV means that the owner has taken it back, or has closed the device,
 *   and that it does not come back.
 * - What the borrower can do is what the owner has exported, not what the file
 *   descriptor seems to allow: this one can be mapped to read only.
 * - Only the owner can program the device. If the device needs that after a reset,
 *   the owner has to tell its borrowers.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <unistd.h>

#include "bar.h"
#include "lend.h"

static const char usage[] =
	"usage: bar-borrower SOCKET\n"
	"\n"
	"Maps what the bar-owner that listens at SOCKET lends, and reads it until the\n"
	"owner takes it back.\n"
	"\n"
	"Exit status: 0 if it could be read and was taken back; 1 if not.\n";

/* The DMABUF, and how large it is. */
static int borrow(const char *path, __u64 *size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct loan loan;
	struct iovec iov = { .iov_base = &loan, .iov_len = sizeof(loan) };
	union loan_control control;
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int dmabuf;

	if (fd < 0)
		err(1, "socket");
	if (strlen(path) >= sizeof(address.sun_path))
		errx(1, "the name of the socket is too long: %s", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		err(1, "%s: does bar-owner run?", path);
	if (recvmsg(fd, &msg, MSG_CMSG_CLOEXEC) != sizeof(loan))
		errx(1, "the owner lends nothing");
	close(fd);

	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS)
		errx(1, "the owner has sent no file descriptor");
	memcpy(&dmabuf, CMSG_DATA(cmsg), sizeof(dmabuf));
	*size = loan.size;
	return dmabuf;
}

static char *map_part(int dmabuf, __u64 size)
{
	return mmap(NULL, size, PROT_READ, MAP_SHARED, dmabuf, 0);
}

/* After SIGBUS: is it gone for good? */
static bool taken_back(int dmabuf, __u64 size)
{
	char *map = map_part(dmabuf, size);

	if (map != MAP_FAILED) {
		munmap(map, size);
		return false;
	}
	if (errno != ENODEV)
		err(1, "cannot map the DMABUF again");
	return true;
}

int main(int argc, char *argv[])
{
	unsigned long reads = 0, revocations = 0;
	bool was_ok = true;
	__u32 value;
	__u64 size;
	char *map;
	int dmabuf;

	if (argc != 2 || argv[1][0] == '-') {
		fputs(usage, argc == 2 && !strcmp(argv[1], "-h") ? stdout : stderr);
		return argc == 2 && !strcmp(argv[1], "-h") ? 0 : 1;
	}
	dmabuf = borrow(argv[1], &size);
	map = map_part(dmabuf, size);
	if (map == MAP_FAILED)
		err(1, "cannot map what is lent");
	catch_sigbus();

	for (;;) {
		if (try_read(map, size, 0, &value)) {
			if (!reads || !was_ok)
				tell("read 0x%08x", value);
			reads++;
			was_ok = true;
			continue;
		}
		if (taken_back(dmabuf, size))
			break;
		if (was_ok) {
			tell("SIGBUS: revoked, to be tried again");
			revocations++;
		}
		was_ok = false;
		usleep(1000);
	}

	tell("taken back by the owner");
	printf("%lu reads; %lu times revoked\n", reads, revocations);
	return reads ? 0 : 1;
}
