// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opening a VFIO device the way user space does (group, container, device
 * file), and the calls that user space makes on it, from a kernel thread.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/delay.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/iommu.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <linux/pm_runtime.h>
#include <linux/uaccess.h>

#include "vfio.h"
#include "vfio_pci_kunit.h"

/**
 * vpk_open_node() - open a file of devtmpfs or debugfs
 * @fs: "devtmpfs" or "debugfs"
 * @name: path in it
 *
 * A kernel thread sees no mounted file system, so it is mounted for us, and
 * stays so.
 *
 * Context: process context.
 * Return: the file or an ERR_PTR.
 */
struct file *vpk_open_node(const char *fs, const char *name)
{
	static struct {
		const char *fs;
		struct vfsmount *mnt;
	} mounts[] = { { "devtmpfs" }, { "debugfs" } };
	int i;

	for (i = 0; i < ARRAY_SIZE(mounts); i++) {
		struct file_system_type *type;
		struct vfsmount *mnt;

		if (strcmp(mounts[i].fs, fs))
			continue;
		if (!mounts[i].mnt) {
			type = get_fs_type(fs);
			if (!type)
				return ERR_PTR(-ENODEV);
			mnt = kern_mount(type);
			if (IS_ERR(mnt))
				return ERR_CAST(mnt);
			mounts[i].mnt = mnt;
		}
		return file_open_root_mnt(mounts[i].mnt, name, O_RDWR, 0);
	}
	return ERR_PTR(-EINVAL);
}

/* A file that an ioctl() has put into the descriptor table, out of it again. */
static struct file *vpk_take_fd(long fd)
{
	struct file *file;

	if (fd < 0)
		return ERR_PTR(fd);
	file = fget(fd);
	close_fd(fd);
	return file ?: ERR_PTR(-EBADF);
}

static int vpk_lend_fd(struct file *file)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);

	if (fd >= 0)
		fd_install(fd, get_file(file));
	return fd;
}

static long vpk_file_ioctl(struct file *file, unsigned int cmd,
			   unsigned long arg)
{
	return file->f_op->unlocked_ioctl(file, cmd, arg);
}

/**
 * vpk_ubuf() - make sure that the host has its page of user memory
 * @test: the test
 * @host: the host bridge
 *
 * Context: the test's thread. Unmapped with the test's address space.
 */
void vpk_ubuf(struct kunit *test, struct vpk_host *host)
{
	unsigned long addr;

	if (host->ubuf)
		return;
	addr = kunit_vm_mmap(test, NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, 0);
	KUNIT_ASSERT_NE(test, addr, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	host->ubuf = (void __user *)addr;
}

static void vpk_put_file(struct file **filep)
{
	struct file *file = xchg(filep, NULL);

	/* Not fput(): nobody would run the deferred work in time. */
	if (file)
		__fput_sync(file);
}

static void vpk_close_action(void *data)
{
	vpk_close(data);
}

/**
 * vpk_open_group() - open the group of a function, not the device
 * @test: the test
 * @fn: the function, with a driver bound
 *
 * That is enough to own the device in a hot reset of another function.
 *
 * Context: the test's thread. Closed when the test ends, if not before.
 */
void vpk_open_group(struct kunit *test, struct vpk_function *fn)
{
	struct iommu_group *group;
	char name[32];

	vpk_ubuf(test, fn->host);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vpk_close_action,
							fn), 0);
	group = iommu_group_get(&fn->pdev->dev);
	KUNIT_ASSERT_NOT_NULL(test, group);
	snprintf(name, sizeof(name), "vfio/noiommu-%d", iommu_group_id(group));
	iommu_group_put(group);
	fn->group = vpk_open_node("devtmpfs", name);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, fn->group);
}

/**
 * vpk_open_container() - all of opening up to the device itself
 * @test: the test
 * @fn: the function, with a driver bound
 *
 * Context: the test's thread. Closed when the test ends, if not before.
 */
void vpk_open_container(struct kunit *test, struct vpk_function *fn)
{
	struct vpk_host *host = fn->host;
	int fd, ret;

	if (!fn->group)
		vpk_open_group(test, fn);
	fn->container = vpk_open_node("devtmpfs", "vfio/vfio");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, fn->container);

	fd = vpk_lend_fd(fn->container);
	KUNIT_ASSERT_GE(test, fd, 0);
	ret = put_user(fd, (int __user *)host->ubuf) ?:
	      vpk_file_ioctl(fn->group, VFIO_GROUP_SET_CONTAINER,
			     (unsigned long)host->ubuf);
	close_fd(fd);
	KUNIT_ASSERT_EQ(test, ret, 0);
	ret = vpk_file_ioctl(fn->container, VFIO_SET_IOMMU,
			     VFIO_NOIOMMU_IOMMU);
	KUNIT_ASSERT_EQ(test, ret, 0);
}

/**
 * vpk_open_device() - VFIO_GROUP_GET_DEVICE_FD
 * @fn: the function, after vpk_open_container()
 *
 * Context: the test's thread.
 * Return: 0, or what the ioctl() failed with.
 */
int vpk_open_device(struct vpk_function *fn)
{
	struct file *file;

	if (copy_to_user(fn->host->ubuf, pci_name(fn->pdev),
			 strlen(pci_name(fn->pdev)) + 1))
		return -EFAULT;
	file = vpk_take_fd(vpk_file_ioctl(fn->group, VFIO_GROUP_GET_DEVICE_FD,
					  (unsigned long)fn->host->ubuf));
	if (IS_ERR(file))
		return PTR_ERR(file);
	fn->device = file;
	return 0;
}

/**
 * vpk_open() - open a function's VFIO device
 * @test: the test
 * @fn: the function, with a driver bound
 *
 * By the no-IOMMU group, so ioctl(), read(), write() and mmap() take every
 * step they take for a process. The event log starts empty afterwards.
 *
 * Context: the test's thread. Closed when the test ends, if not before.
 */
void vpk_open(struct kunit *test, struct vpk_function *fn)
{
	vpk_open_container(test, fn);
	KUNIT_ASSERT_EQ(test, vpk_open_device(fn), 0);
	vpk_log_clear(fn->host);
}

/**
 * vpk_device() - one function, bound and open, in one call
 * @test: the test
 * @config: what the function is like
 * @driver: name of its driver, VPK_DRIVER for the fixture's own
 *
 * Makes a host bridge, the function, probes, binds and opens. For a test that
 * needs nothing special on the way.
 *
 * Context: the test's thread. Everything is undone when the test ends.
 * Return: the function; the test is aborted if any step fails.
 */
struct vpk_function *vpk_device(struct kunit *test,
				const struct vpk_function_config *config,
				const char *driver)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, config);

	vpk_host_probe(test, host);
	vpk_bind(test, fn, driver);
	vpk_open(test, fn);
	return fn;
}

/**
 * vpk_close() - close a function's files
 * @fn: the function; nothing happens if it is not open
 *
 * The device itself stays open as long as something is mapped.
 *
 * Context: process context.
 */
void vpk_close(struct vpk_function *fn)
{
	flush_delayed_fput();
	if (!IS_ERR(fn->device))
		vpk_put_file(&fn->device);
	if (!IS_ERR(fn->group))
		vpk_put_file(&fn->group);
	if (!IS_ERR(fn->container))
		vpk_put_file(&fn->container);
	fn->device = NULL;
	fn->group = NULL;
	fn->container = NULL;
	flush_delayed_fput();
}

/**
 * vpk_wait_open_count() - wait until a device has as many users as expected
 * @fn: the function
 * @count: open files and mappings of their own
 *
 * The kernel drops the last reference of a file from a work item; this waits
 * for it, five seconds at most.
 *
 * Context: process context.
 * Return: false if it did not happen.
 */
bool vpk_wait_open_count(struct vpk_function *fn, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < 5000; i++) {
		flush_delayed_fput();
		if (READ_ONCE(fn->vdev->vdev.open_count) == count)
			return true;
		fsleep(1000);
	}
	return false;
}

/**
 * vpk_file_refs() - how many references there are to a file
 * @file: the file, one of the references is the caller's
 *
 * What an fput() of a kernel thread has left to a work item is done first. For
 * a test that looks for a reference that was left: with one the device does not
 * close, and unbind would wait for that for ever.
 *
 * Context: process context.
 * Return: the number.
 */
long vpk_file_refs(struct file *file)
{
	flush_delayed_fput();
	return file_count(file);
}

/**
 * vpk_ioctl() - ioctl() on an open device
 * @fn: the function
 * @cmd: VFIO_DEVICE_*
 * @arg: argument in kernel memory, copied to user memory and back; or NULL
 * @len: its size, a page at most
 *
 * Context: the test's thread.
 * Return: what ioctl() returns, -errno on failure.
 */
long vpk_ioctl(struct vpk_function *fn, unsigned int cmd, void *arg,
	       size_t len)
{
	void __user *ubuf = fn->host->ubuf;
	long ret;

	if (len > PAGE_SIZE || (arg && copy_to_user(ubuf, arg, len)))
		return -EFAULT;
	ret = vpk_file_ioctl(fn->device, cmd, arg ? (unsigned long)ubuf : 0);
	if (arg && copy_from_user(arg, ubuf, len))
		return -EFAULT;
	return ret;
}

/**
 * vpk_feature() - VFIO_DEVICE_FEATURE
 * @fn: the function
 * @flags: VFIO_DEVICE_FEATURE_* and what to do with it
 * @data: what follows the header, in kernel memory, or NULL
 * @len: its size, 512 bytes at most
 *
 * Context: the test's thread.
 * Return: what ioctl() returns, -errno on failure.
 */
long vpk_feature(struct vpk_function *fn, u32 flags, void *data, size_t len)
{
	u8 buf[sizeof(struct vfio_device_feature) + 512] __aligned(8) = {};
	struct vfio_device_feature *feature = (void *)buf;
	long ret;

	if (len > 512)
		return -E2BIG;
	feature->argsz = sizeof(*feature) + len;
	feature->flags = flags;
	if (len)
		memcpy(feature->data, data, len);
	ret = vpk_ioctl(fn, VFIO_DEVICE_FEATURE, feature, feature->argsz);
	if (len)
		memcpy(data, feature->data, len);
	return ret;
}

/**
 * vpk_reset() - VFIO_DEVICE_RESET
 * @fn: the function
 *
 * Context: the test's thread.
 * Return: 0 or -errno.
 */
long vpk_reset(struct vpk_function *fn)
{
	return vpk_ioctl(fn, VFIO_DEVICE_RESET, NULL, 0);
}

/**
 * vpk_hot_reset() - VFIO_DEVICE_PCI_HOT_RESET, with every open group
 * @fn: the function it is called on
 *
 * Groups of functions that a test has taken off the bus's list are left out: VFIO
 * refuses more groups than the reset has devices.
 *
 * Context: the test's thread.
 * Return: 0 or -errno.
 */
long vpk_hot_reset(struct vpk_function *fn)
{
	u8 buf[sizeof(struct vfio_pci_hot_reset) +
	       VPK_MAX_FUNCTIONS * sizeof(s32)] __aligned(8) = {};
	struct vfio_pci_hot_reset *reset = (void *)buf;
	struct vpk_host *host = fn->host;
	unsigned int i;
	long ret = 0;

	reset->argsz = sizeof(buf);
	for (i = 0; i < host->nr_functions && !ret; i++) {
		int fd;

		if (!host->functions[i]->group ||
		    list_empty(&host->functions[i]->pdev->bus_list))
			continue;
		fd = vpk_lend_fd(host->functions[i]->group);
		if (fd < 0)
			ret = fd;
		else
			reset->group_fds[reset->count++] = fd;
	}
	if (!ret)
		ret = vpk_ioctl(fn, VFIO_DEVICE_PCI_HOT_RESET, reset,
				sizeof(buf));
	for (i = 0; i < reset->count; i++)
		close_fd(reset->group_fds[i]);
	return ret;
}

/* The next read() or write() goes on where this one has ended. */
static void vpk_expect_position(struct vpk_function *fn, unsigned int index,
				u64 off, loff_t pos, ssize_t ret)
{
	KUNIT_EXPECT_EQ_MSG(fn->host->test, pos,
			    VFIO_PCI_INDEX_TO_OFFSET(index) + off +
			    max(ret, (ssize_t)0),
			    "the position after read() or write()");
}

/**
 * vpk_region_read() - read() from a region
 * @fn: the function
 * @index: region index
 * @off: offset in the region
 * @buf: where it goes, kernel memory
 * @len: how much, a page at most
 *
 * Context: the test's thread.
 * Return: bytes read or -errno.
 */
ssize_t vpk_region_read(struct vpk_function *fn, unsigned int index, u64 off,
			void *buf, size_t len)
{
	loff_t pos = VFIO_PCI_INDEX_TO_OFFSET(index) + off;
	ssize_t ret;

	ret = fn->device->f_op->read(fn->device, fn->host->ubuf, len, &pos);
	vpk_expect_position(fn, index, off, pos, ret);
	if (ret > 0 && copy_from_user(buf, fn->host->ubuf, ret))
		return -EFAULT;
	return ret;
}

/**
 * vpk_region_write() - write() to a region
 * @fn: the function
 * @index: region index
 * @off: offset in the region
 * @buf: what to write, kernel memory
 * @len: how much, a page at most
 *
 * Context: the test's thread.
 * Return: bytes written or -errno.
 */
ssize_t vpk_region_write(struct vpk_function *fn, unsigned int index, u64 off,
			 const void *buf, size_t len)
{
	loff_t pos = VFIO_PCI_INDEX_TO_OFFSET(index) + off;
	ssize_t ret;

	if (copy_to_user(fn->host->ubuf, buf, len))
		return -EFAULT;
	ret = fn->device->f_op->write(fn->device, fn->host->ubuf, len, &pos);
	vpk_expect_position(fn, index, off, pos, ret);
	return ret;
}

/**
 * vpk_config_write() - write() to config space, as a VMM does
 * @fn: the function
 * @where: offset
 * @val: the value
 * @size: 1, 2 or 4
 *
 * Context: the test's thread.
 * Return: @size or -errno.
 */
ssize_t vpk_config_write(struct vpk_function *fn, int where, u32 val, int size)
{
	__le32 le = cpu_to_le32(val);

	return vpk_region_write(fn, VFIO_PCI_CONFIG_REGION_INDEX, where, &le,
				size);
}

/**
 * vpk_config_read() - read() from config space, as a VMM does
 * @fn: the function
 * @where: offset
 * @val: where the value goes
 * @size: 1, 2 or 4
 *
 * Context: the test's thread.
 * Return: @size or -errno.
 */
ssize_t vpk_config_read(struct vpk_function *fn, int where, u32 *val, int size)
{
	__le32 le = 0;
	ssize_t ret;

	ret = vpk_region_read(fn, VFIO_PCI_CONFIG_REGION_INDEX, where, &le,
			      size);
	*val = le32_to_cpu(le);
	return ret;
}

/**
 * vpk_region_info() - VFIO_DEVICE_GET_REGION_INFO
 * @fn: the function
 * @index: region index
 * @info: where the answer goes
 *
 * Context: the test's thread.
 * Return: 0 or -errno.
 */
long vpk_region_info(struct vpk_function *fn, unsigned int index,
		     struct vfio_region_info *info)
{
	*info = (struct vfio_region_info) {
		.argsz = sizeof(*info),
		.index = index,
	};
	return vpk_ioctl(fn, VFIO_DEVICE_GET_REGION_INFO, info, sizeof(*info));
}

/**
 * vpk_memory() - switch memory decoding through PCI_COMMAND
 * @fn: the function
 * @enable: on or off
 *
 * Context: the test's thread.
 * Return: 0 or -errno.
 */
int vpk_memory(struct vpk_function *fn, bool enable)
{
	ssize_t ret;

	ret = vpk_config_write(fn, PCI_COMMAND,
			       enable ? PCI_COMMAND_MEMORY : 0, 2);
	return ret == 2 ? 0 : ret;
}

/**
 * vpk_power() - change the power state through PMCSR
 * @fn: the function, with a PM capability
 * @state: PCI_D0 to PCI_D3hot
 *
 * Context: the test's thread.
 * Return: 0 or -errno.
 */
int vpk_power(struct vpk_function *fn, pci_power_t state)
{
	ssize_t ret;

	ret = vpk_config_write(fn, VPK_PM_POS + PCI_PM_CTRL,
			       (__force u32)state, 2);
	return ret == 2 ? 0 : ret;
}

/**
 * vpk_low_power() - runtime PM entry and exit, as user space asks for it
 * @fn: the function
 * @enter: enter or leave
 *
 * After entry the device is given time to be runtime suspended, five seconds
 * at most.
 *
 * Context: the test's thread.
 * Return: 0 or -errno; -ETIMEDOUT when the device did not suspend.
 */
long vpk_low_power(struct vpk_function *fn, bool enter)
{
	struct device *dev = &fn->pdev->dev;
	unsigned int i;
	long ret;

	ret = vpk_feature(fn, VFIO_DEVICE_FEATURE_SET |
			  (enter ? VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY :
				   VFIO_DEVICE_FEATURE_LOW_POWER_EXIT),
			  NULL, 0);
	if (ret || !enter)
		return ret;
	for (i = 0; i < 5000; i++) {
		if (pm_runtime_status_suspended(dev))
			return 0;
		fsleep(1000);
	}
	return -ETIMEDOUT;
}

/*
 * The functions have no IOMMU. Said here, so that kunit.py needs no kernel
 * argument.
 */
static int __init vpk_allow_noiommu(void)
{
	vfio_noiommu = true;
	return 0;
}
late_initcall(vpk_allow_noiommu);
