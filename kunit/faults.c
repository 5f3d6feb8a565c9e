// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocations that fail, one at a time, by the kernel's own fault injection.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/dma-buf.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/sizes.h>
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

/**
 * vpk_faults_function() - a function that nothing can reset
 * @test: the test
 * @config: what the function is like; it gets no FLR
 *
 * So that opening and closing it takes no time. Not bound.
 *
 * Context: the test's thread. Undone when the test ends.
 * Return: the function.
 */
struct vpk_function *vpk_faults_function(struct kunit *test,
					 const struct vpk_function_config *config)
{
	const struct vpk_function_config other = { .bar_size = { SZ_4K } };
	struct vpk_function_config plain = *config;
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn;

	plain.pm = true;
	plain.no_soft_reset = true;
	plain.exp_flr = false;
	plain.af_flr = false;
	fn = vpk_function_add(test, host, &plain);
	/* Not alone on its bus, so that bus reset is no way either. */
	vpk_function_add(test, host, &other);
	vpk_host_probe(test, host);
	return fn;
}

/**
 * vpk_expect_no_lock_held() - no error path has kept a lock
 * @test: the test
 * @fn: the function, bound
 *
 * Context: the test's thread, when nobody else uses the device.
 */
void vpk_expect_no_lock_held(struct kunit *test, struct vpk_function *fn)
{
	struct vfio_pci_core_device *vdev = fn->vdev;

	KUNIT_EXPECT_FALSE(test, rwsem_is_locked(&vdev->memory_lock));
	KUNIT_EXPECT_FALSE(test, mutex_is_locked(&vdev->igate));
	KUNIT_EXPECT_FALSE(test, vpk_bufs_locked(vdev));
	KUNIT_EXPECT_FALSE(test, mutex_is_locked(&vdev->vdev.dev_set->lock));
}

/**
 * vpk_faults_probe_check() - each allocation in probe fails once
 * @test: the test
 * @config: a function that the driver drives
 * @driver: the driver's name
 *
 * It is not bound then, nothing is left behind, and the next attempt works.
 *
 * Context: the test's thread.
 */
void vpk_faults_probe_check(struct kunit *test,
			    const struct vpk_function_config *config,
			    const char *driver)
{
	unsigned int nth, failures = 0;
	struct vpk_function *fn;
	bool failed = true;
	struct device *dev;
	int usage;

	vpk_faults_on(test);
	fn = vpk_faults_function(test, config);
	dev = &fn->pdev->dev;
	KUNIT_ASSERT_EQ(test, device_set_driver_override(dev, driver), 0);
	usage = atomic_read(&dev->power.usage_count);
	for (nth = 1; failed && nth < VPK_ENOUGH; nth++) {
		int ret = 0;

		/*
		 * vfio_create_group() of 7.3, not the driver, gets a WARN from
		 * vfio_group_release() where it has no memory for a name.
		 */
		kunit_warning_suppress(test) {
			vpk_fail_nth(nth);
			ret = device_attach(dev);
			failed = vpk_failed();
		}
		failures += ret != 1;
		KUNIT_EXPECT_EQ_MSG(test, ret == 1, device_is_bound(dev),
				    "allocation %u", nth);
		device_release_driver(dev);
		KUNIT_EXPECT_EQ_MSG(test, atomic_read(&dev->power.usage_count),
				    usage, "allocation %u", nth);
		KUNIT_EXPECT_NULL(test, dev->iommu_group);
	}
	KUNIT_EXPECT_FALSE_MSG(test, failed, "no end of allocations");
	KUNIT_EXPECT_GT_MSG(test, failures, 2, "hardly anything failed");
	vpk_bind(test, fn, driver);
	vpk_open(test, fn);
}

/**
 * vpk_faults_open_check() - each allocation in opening the device fails once
 * @test: the test
 * @config: a function that the driver drives
 * @driver: the driver's name
 * @index: a region that the device has to have whenever it is open
 *
 * The errno is -ENOMEM where it cannot be done without (or -EBUSY, of a BAR that
 * the driver insists on), nothing is left behind, and the next attempt works.
 *
 * Context: the test's thread.
 */
void vpk_faults_open_check(struct kunit *test,
			   const struct vpk_function_config *config,
			   const char *driver, unsigned int index)
{
	unsigned int nth, failures = 0;
	struct vfio_region_info info;
	struct vpk_function *fn;
	bool failed = true;

	vpk_faults_on(test);
	fn = vpk_faults_function(test, config);
	vpk_bind(test, fn, driver);
	for (nth = 1; failed && nth < VPK_ENOUGH; nth++) {
		int ret;

		vpk_open_container(test, fn);
		vpk_fail_nth(nth);
		ret = vpk_open_device(fn);
		failed = vpk_failed();
		failures += !!ret;
		/* The PCI core calls a BAR busy when it has no memory for it. */
		if (ret && ret != -EBUSY)
			KUNIT_EXPECT_EQ_MSG(test, ret, -ENOMEM,
					    "allocation %u", nth);
		if (!ret)
			KUNIT_EXPECT_EQ_MSG(test,
					    vpk_region_info(fn, index, &info),
					    0, "allocation %u", nth);
		vpk_expect_no_lock_held(test, fn);
		vpk_close(fn);
		KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
	}
	KUNIT_EXPECT_FALSE_MSG(test, failed, "no end of allocations");
	KUNIT_EXPECT_GT_MSG(test, failures, 2, "hardly anything failed");
	vpk_open(test, fn);
}

/**
 * vpk_faults_mmap_check() - each allocation in mmap() of a region fails once
 * @test: the test
 * @config: a function that the driver drives
 * @driver: the driver's name
 * @index: the region, of which the second page is mapped
 *
 * As a user process does it, so that task work runs as well. The first mmap()
 * after opening the device, each time: what a driver makes only once is made
 * again. The errno is -ENOMEM where it cannot be done without, the next attempt
 * works, and nothing keeps the device open.
 *
 * Context: the test's thread.
 */
void vpk_faults_mmap_check(struct kunit *test,
			   const struct vpk_function_config *config,
			   const char *driver, unsigned int index)
{
	u64 pos = VFIO_PCI_INDEX_TO_OFFSET(index) + PAGE_SIZE;
	unsigned int nth, failures = 0;
	struct vpk_function *fn;
	bool failed = true;

	vpk_faults_on(test);
	fn = vpk_faults_function(test, config);
	vpk_bind(test, fn, driver);
	for (nth = 1; failed && nth < VPK_ENOUGH; nth++) {
		unsigned long addr;

		vpk_open(test, fn);
		vpk_as_user_begin();
		vpk_fail_nth(nth);
		addr = vm_mmap(fn->device, 0, PAGE_SIZE, PROT_READ, MAP_SHARED,
			       pos);
		failed = vpk_failed();
		vpk_as_user_end();
		if (IS_ERR_VALUE(addr)) {
			failures++;
			KUNIT_EXPECT_EQ_MSG(test, (long)addr, -ENOMEM,
					    "allocation %u", nth);
		} else {
			vm_munmap(addr, PAGE_SIZE);
		}
		vpk_expect_no_lock_held(test, fn);
		KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, pos, PAGE_SIZE,
						   PROT_READ, MAP_SHARED), 0);
		vpk_close(fn);
		KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
	}
	KUNIT_EXPECT_FALSE_MSG(test, failed, "no end of allocations");
	KUNIT_EXPECT_GT_MSG(test, failures, 0, "nothing failed");
}

/**
 * vpk_faults_export_check() - each allocation in the export of a DMABUF fails
 * @test: the test
 * @config: a function that the driver drives
 * @driver: the driver's name
 * @index: the region, of which the first page is exported
 *
 * Skips the test, by name, on a kernel without P2PDMA. The errno is -ENOMEM, no
 * DMABUF is left on the device's list, and the device can be closed.
 *
 * Context: the test's thread.
 */
void vpk_faults_export_check(struct kunit *test,
			     const struct vpk_function_config *config,
			     const char *driver, unsigned int index)
{
	const struct vfio_region_dma_range range = { 0, PAGE_SIZE };
	unsigned int nth, failures = 0;
	struct vpk_function *fn;
	bool failed = true;

	vpk_need_importers(test);
	vpk_faults_on(test);
	fn = vpk_faults_function(test, config);
	vpk_bind(test, fn, driver);
	vpk_open(test, fn);
	for (nth = 1; failed && nth < VPK_ENOUGH; nth++) {
		struct dma_buf *dmabuf;

		vpk_fail_nth(nth);
		dmabuf = vpk_try_export(fn, index, &range, 1);
		failed = vpk_failed();
		failures += IS_ERR(dmabuf);
		if (IS_ERR(dmabuf))
			KUNIT_EXPECT_EQ_MSG(test, PTR_ERR(dmabuf), -ENOMEM,
					    "allocation %u", nth);
		else
			dma_buf_put(dmabuf);
		flush_delayed_fput();
		vpk_expect_no_lock_held(test, fn);
		KUNIT_EXPECT_TRUE(test, list_empty(&fn->vdev->dmabufs));
	}
	KUNIT_EXPECT_FALSE_MSG(test, failed, "no end of allocations");
	KUNIT_EXPECT_GT_MSG(test, failures, 2, "hardly anything failed");
	vpk_close(fn);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
}
