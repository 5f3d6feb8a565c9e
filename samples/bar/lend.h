/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What bar-owner and bar-borrower say to each other, over a Unix socket: one
 * message, with the file descriptor of the DMABUF beside it.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#ifndef LEND_H
#define LEND_H

#include <linux/types.h>
#include <sys/socket.h>

struct loan {
	__u64 size;		/* of what is lent, from the DMABUF's offset 0 on */
};

/* A message with one file descriptor. */
union loan_control {
	char buf[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

#endif /* LEND_H */
