// SPDX-License-Identifier: GPL-2.0-only
/*
 * An eventfd, and VFIO_DEVICE_IOEVENTFD, which has the core write to a BAR when
 * the eventfd is signaled.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/eventfd.h>
#include <linux/fdtable.h>
#include <linux/file.h>

#include "vfio_pci_kunit.h"

/**
 * struct vpk_eventfd - an eventfd
 * @file: its file
 * @ctx: its context, what is signaled
 */
struct vpk_eventfd {
	struct file *file;
	struct eventfd_ctx *ctx;
};

static void vpk_eventfd_put(void *data)
{
	struct vpk_eventfd *eventfd = data;

	eventfd_ctx_put(eventfd->ctx);
	__fput_sync(eventfd->file);
}

/**
 * vpk_eventfd_create() - make an eventfd
 * @test: the test
 *
 * Skips the test, by name, where the fixture cannot make one.
 *
 * Context: the test's thread. Closed when the test ends.
 * Return: the eventfd.
 */
struct vpk_eventfd *vpk_eventfd_create(struct kunit *test)
{
	struct vpk_eventfd *eventfd;
	int fd;

	eventfd = kunit_kzalloc(test, sizeof(*eventfd), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, eventfd);
	fd = vpk_arch_eventfd();
	if (fd == -EOPNOTSUPP)
		kunit_skip(test, "no eventfd can be made on this architecture");
	KUNIT_ASSERT_GE(test, fd, 0);
	eventfd->file = fget(fd);
	close_fd(fd);
	KUNIT_ASSERT_NOT_NULL(test, eventfd->file);
	eventfd->ctx = eventfd_ctx_fileget(eventfd->file);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, eventfd->ctx);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vpk_eventfd_put,
							eventfd), 0);
	return eventfd;
}

/**
 * vpk_eventfd_lend() - a file descriptor for an eventfd
 * @eventfd: from vpk_eventfd_create()
 *
 * Context: the test's thread. The caller closes it.
 * Return: the file descriptor or -errno.
 */
int vpk_eventfd_lend(struct vpk_eventfd *eventfd)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);

	if (fd >= 0)
		fd_install(fd, get_file(eventfd->file));
	return fd;
}

/**
 * vpk_eventfd_signal() - signal an eventfd, as KVM or another process does
 * @eventfd: from vpk_eventfd_create()
 *
 * Context: any.
 */
void vpk_eventfd_signal(struct vpk_eventfd *eventfd)
{
	eventfd_signal(eventfd->ctx);
}

/**
 * vpk_ioeventfd() - VFIO_DEVICE_IOEVENTFD, for a write of four bytes
 * @fn: the function, open
 * @index: region index
 * @off: offset in the region
 * @val: what is to be written
 * @eventfd: when this is signaled; NULL to remove the ioeventfd
 *
 * Context: the test's thread.
 * Return: 0 or -errno.
 */
long vpk_ioeventfd(struct vpk_function *fn, unsigned int index, u64 off,
		   u32 val, struct vpk_eventfd *eventfd)
{
	struct vfio_device_ioeventfd arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DEVICE_IOEVENTFD_32,
		.offset = VFIO_PCI_INDEX_TO_OFFSET(index) + off,
		.data = val,
		.fd = -1,
	};
	long ret;

	if (eventfd) {
		arg.fd = vpk_eventfd_lend(eventfd);
		if (arg.fd < 0)
			return arg.fd;
	}
	ret = vpk_ioctl(fn, VFIO_DEVICE_IOEVENTFD, &arg, sizeof(arg));
	if (eventfd)
		close_fd(arg.fd);
	return ret;
}
