// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocations that fail, one at a time, by the kernel's own fault injection.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "vfio_pci_kunit.h"

/**
 * vpk_write_node() - write a line to a file of debugfs
 * @test: the test
 * @host: the host bridge, for its user memory
 * @name: path in debugfs
 * @text: what to write
 *
 * Context: the test's thread.
 * Return: 0 or -errno.
 */
int vpk_write_node(struct kunit *test, struct vpk_host *host, const char *name,
		   const char *text)
{
	struct file *file = vpk_open_node("debugfs", name);
	size_t len = strlen(text);
	loff_t pos = 0;
	ssize_t ret;

	if (IS_ERR(file))
		return PTR_ERR(file);
	vpk_ubuf(test, host);
	ret = -EFAULT;
	if (!copy_to_user(host->ubuf, text, len))
		ret = file->f_op->write(file, host->ubuf, len, &pos);
	__fput_sync(file);
	return ret < 0 ? ret : 0;
}

/**
 * vpk_read_file() - read from a file of debugfs
 * @test: the test
 * @host: the host bridge, for its user memory
 * @file: from vpk_open_node()
 * @buf: where it goes
 * @len: how much, a page at most
 * @pos: file position
 *
 * Context: the test's thread.
 * Return: bytes read or -errno.
 */
ssize_t vpk_read_file(struct kunit *test, struct vpk_host *host,
		      struct file *file, char *buf, size_t len, loff_t *pos)
{
	struct kiocb kiocb;
	struct iov_iter iter;
	ssize_t ret;

	vpk_ubuf(test, host);
	if (file->f_op->read) {
		ret = file->f_op->read(file, host->ubuf, len, pos);
	} else {
		init_sync_kiocb(&kiocb, file);
		kiocb.ki_pos = *pos;
		ret = import_ubuf(ITER_DEST, host->ubuf, len, &iter) ?:
		      file->f_op->read_iter(&kiocb, &iter);
	}
	if (ret > 0 && copy_from_user(buf, host->ubuf, ret))
		return -EFAULT;
	return ret;
}

/**
 * vpk_faults_on() - prepare for vpk_fail_nth()
 * @test: the test
 *
 * Skips the test, by name, on a kernel without FAILSLAB.
 *
 * Context: the test's thread.
 */
void vpk_faults_on(struct kunit *test)
{
	struct vpk_host *host;
	int ret;

	if (!IS_ENABLED(CONFIG_FAILSLAB) ||
	    !IS_ENABLED(CONFIG_FAULT_INJECTION_DEBUG_FS))
		kunit_skip(test, "this kernel cannot inject allocation failures");

	/* Only for its user memory. */
	host = vpk_host_create(test);
	/* GFP_KERNEL allocations fail as well, and nothing is said of it. */
	ret = vpk_write_node(test, host, "failslab/ignore-gfp-wait", "N");
	KUNIT_ASSERT_EQ(test, ret, 0);
	ret = vpk_write_node(test, host, "failslab/verbose", "0");
	KUNIT_ASSERT_EQ(test, ret, 0);
}

#if IS_ENABLED(CONFIG_FAULT_INJECTION)
/**
 * vpk_fail_nth() - let an allocation of this thread fail
 * @nth: the first, the second, ...; 0 for none
 *
 * Context: any thread, for itself.
 */
void vpk_fail_nth(unsigned int nth)
{
	current->fail_nth = nth;
}

/**
 * vpk_failed() - has an allocation failed since vpk_fail_nth()
 *
 * Ends the injection as well.
 *
 * Context: the thread that has called vpk_fail_nth().
 * Return: false when there were fewer allocations than that.
 */
bool vpk_failed(void)
{
	bool failed = !current->fail_nth;

	current->fail_nth = 0;
	return failed;
}
#else
void vpk_fail_nth(unsigned int nth)
{
}

bool vpk_failed(void)
{
	return false;
}
#endif
