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
#include <linux/poll.h>
#include <linux/wait.h>

#include "vfio_pci_kunit.h"

/**
 * struct vpk_eventfd - an eventfd
 * @file: its file
 * @ctx: its context, what is signaled
 * @fn: the function whose log gets a mark at each signal, or NULL
 * @table: how the file says which queue that is
 * @head: the queue of those that wait for a signal
 * @entry: the log's place in it
 */
struct vpk_eventfd {
	struct file *file;
	struct eventfd_ctx *ctx;
	struct vpk_function *fn;
	struct poll_table_struct table;
	wait_queue_head_t *head;
	wait_queue_entry_t entry;
};

static void vpk_eventfd_put(void *data)
{
	struct vpk_eventfd *eventfd = data;

	if (eventfd->head)
		remove_wait_queue(eventfd->head, &eventfd->entry);
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

static int vpk_eventfd_signaled(wait_queue_entry_t *entry, unsigned int mode,
				int sync, void *key)
{
	struct vpk_eventfd *eventfd =
		container_of(entry, struct vpk_eventfd, entry);

	vpk_log(eventfd->fn->host, VPK_MARK, eventfd->fn->nr, 0, 0);
	return 0;
}

static void vpk_eventfd_queue(struct file *file, wait_queue_head_t *head,
			      poll_table *table)
{
	struct vpk_eventfd *eventfd =
		container_of(table, struct vpk_eventfd, table);

	eventfd->head = head;
	add_wait_queue(head, &eventfd->entry);
}

/**
 * vpk_eventfd_log() - mark in the log when an eventfd is signaled
 * @eventfd: from vpk_eventfd_create()
 * @fn: in whose name
 *
 * Context: the test's thread. In force until the test ends.
 */
void vpk_eventfd_log(struct vpk_eventfd *eventfd, struct vpk_function *fn)
{
	eventfd->fn = fn;
	init_waitqueue_func_entry(&eventfd->entry, vpk_eventfd_signaled);
	init_poll_funcptr(&eventfd->table, vpk_eventfd_queue);
	vfs_poll(eventfd->file, &eventfd->table);
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
