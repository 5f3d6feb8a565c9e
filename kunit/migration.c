// SPDX-License-Identifier: GPL-2.0-only
/*
 * What user space does to migrate a device: it changes the migration state, and
 * reads and writes the data files that it gets for that.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/uaccess.h>

#include "vfio_pci_kunit.h"

static void vpk_mig_put(void *data)
{
	__fput_sync(data);
}

/**
 * vpk_mig_set_state() - change the migration state of a device
 * @test: the test
 * @fn: the function, open
 * @state: the new state, also one that there is not
 * @file: where the data file goes, NULL if there is none
 *
 * Context: the test's thread. The data file is closed when the test ends, if
 * not before by vpk_mig_close().
 * Return: 0 or -errno.
 */
long vpk_mig_set_state(struct kunit *test, struct vpk_function *fn,
		       enum vfio_device_mig_state state, struct file **file)
{
	struct vfio_device_feature_mig_state mig = {
		.device_state = state,
		.data_fd = -1,
	};
	long ret;

	*file = NULL;
	ret = vpk_feature(fn, VFIO_DEVICE_FEATURE_SET |
			  VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, &mig,
			  sizeof(mig));
	if (mig.data_fd == -1)
		return ret;
	*file = fget(mig.data_fd);
	close_fd(mig.data_fd);
	KUNIT_ASSERT_NOT_NULL(test, *file);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vpk_mig_put,
							*file), 0);
	return ret;
}

/**
 * vpk_mig_state() - the migration state of a device
 * @fn: the function, open
 *
 * Context: the test's thread.
 * Return: enum vfio_device_mig_state, or -errno.
 */
int vpk_mig_state(struct vpk_function *fn)
{
	struct vfio_device_feature_mig_state mig = {};
	long ret;

	ret = vpk_feature(fn, VFIO_DEVICE_FEATURE_GET |
			  VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, &mig,
			  sizeof(mig));
	return ret ?: mig.device_state;
}

/**
 * vpk_mig_read() - read() from a data file
 * @fn: a function of the host whose page of user memory is used
 * @file: the file, from vpk_mig_set_state()
 * @buf: where it goes, kernel memory
 * @len: how much, a page at most
 *
 * Context: the test's thread. The device need not be open.
 * Return: bytes read or -errno.
 */
ssize_t vpk_mig_read(struct vpk_function *fn, struct file *file, void *buf,
		     size_t len)
{
	ssize_t ret;

	/* A stream has no position. */
	ret = file->f_op->read(file, fn->host->ubuf, len, NULL);
	if (ret > 0 && copy_from_user(buf, fn->host->ubuf, ret))
		return -EFAULT;
	return ret;
}

/**
 * vpk_mig_write() - write() to a data file
 * @fn: a function of the host whose page of user memory is used
 * @file: the file, from vpk_mig_set_state()
 * @buf: what to write, kernel memory
 * @len: how much, a page at most
 *
 * Context: the test's thread. The device need not be open.
 * Return: bytes written or -errno.
 */
ssize_t vpk_mig_write(struct vpk_function *fn, struct file *file,
		      const void *buf, size_t len)
{
	if (copy_to_user(fn->host->ubuf, buf, len))
		return -EFAULT;
	return file->f_op->write(file, fn->host->ubuf, len, NULL);
}

/**
 * vpk_mig_ioctl() - ioctl() on a data file
 * @fn: a function of the host whose page of user memory is used
 * @file: the file, from vpk_mig_set_state()
 * @cmd: VFIO_MIG_GET_PRECOPY_INFO, or another
 * @arg: argument in kernel memory, copied to user memory and back
 * @len: its size, a page at most
 *
 * Context: the test's thread. The device need not be open.
 * Return: what ioctl() returns, -errno on failure.
 */
long vpk_mig_ioctl(struct vpk_function *fn, struct file *file,
		   unsigned int cmd, void *arg, size_t len)
{
	void __user *ubuf = fn->host->ubuf;
	long ret;

	if (copy_to_user(ubuf, arg, len))
		return -EFAULT;
	ret = file->f_op->unlocked_ioctl(file, cmd, (unsigned long)ubuf);
	if (copy_from_user(arg, ubuf, len))
		return -EFAULT;
	return ret;
}

/**
 * vpk_mig_close() - close a data file before the test ends
 * @test: the test
 * @file: the file, from vpk_mig_set_state()
 *
 * Context: the test's thread.
 */
void vpk_mig_close(struct kunit *test, struct file *file)
{
	kunit_release_action(test, vpk_mig_put, file);
}
