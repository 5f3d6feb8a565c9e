// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core suite: rule V4. A driver that calls remap_pfn_range() in its .mmap loses
 * a race. The VMA enters the address_space only after .mmap has returned, so a
 * revocation in between does not see its PTEs. These tests make the race
 * certain: the driver's .mmap itself lets another thread reset the device, and
 * waits for that. The core's helper does not lose the race.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "vfio_pci_kunit.h"

static const struct vpk_function_config vpk_full = VPK_FULL_CONFIG;

/* A BAR0 that takes several page tables to map. */
static const struct vpk_function_config vpk_large = {
	.bar_size = { SZ_8M }, .pm = true, .no_soft_reset = true,
};

/* Its only BAR is the last one that there can be. */
static const struct vpk_function_config vpk_last = {
	.bar_size = { [5] = SZ_64K }, .pm = true, .no_soft_reset = true,
};

/**
 * struct vpk_v4_misuse - how a driver must not call the helper
 * @name: of the case
 * @opted_out: it has cleared zap_bars_on_revoke
 * @other_file: the VMA is not one of the device's own file
 * @no_ops: the VMA has no vm_ops
 * @no_fault: its vm_ops have no .fault
 * @region: which region is mapped
 */
struct vpk_v4_misuse {
	const char *name;
	bool opted_out;
	bool other_file;
	bool no_ops;
	bool no_fault;
	unsigned int region;
};

/**
 * struct vpk_v4 - a driver that populates its VMA at once
 * @fn: its function
 * @second: another one like it, not bound
 * @config: what the functions look like, NULL for vpk_full
 * @naive: calls remap_pfn_range(), not the core's helper
 * @race: resets the device before .mmap returns
 * @by_fault: populates nothing
 * @misuse: what it does wrong, NULL for nothing
 * @private_data: of the VMA, NULL for the device
 * @vm_ops: of the VMA, NULL for the driver's
 * @done: the reset is over
 * @ret: what the reset returned
 */
struct vpk_v4 {
	struct vpk_function *fn;
	struct vpk_function *second;
	const struct vpk_function_config *config;
	bool naive;
	bool race;
	bool by_fault;
	const struct vpk_v4_misuse *misuse;
	void *private_data;
	const struct vm_operations_struct *vm_ops;
	struct completion done;
	long ret;
};

static vm_fault_t vpk_v4_fault(struct vm_fault *vmf)
{
	struct vfio_pci_core_device *vdev = vmf->vma->vm_private_data;
	unsigned long pfn = PHYS_PFN(pci_resource_start(vdev->pdev, 0)) +
			    vmf->pgoff;

	guard(rwsem_read)(&vdev->memory_lock);
	return vfio_pci_vmf_insert_pfn(vdev, vmf, pfn, 0);
}

static const struct vm_operations_struct vpk_v4_vm_ops = {
	.fault = vpk_v4_fault,
};

static const struct vm_operations_struct vpk_v4_no_fault;

/* Call the helper for a VMA, or with a driver, that it must refuse. */
static int vpk_v4_misused(struct vpk_v4 *v4, struct vm_area_struct *vma,
			  unsigned long pfn)
{
	struct file *file = vma->vm_file;
	int ret;

	if (v4->misuse->no_ops)
		vma->vm_ops = NULL;
	if (v4->misuse->no_fault)
		vma->vm_ops = &vpk_v4_no_fault;
	if (v4->misuse->other_file)
		vma->vm_file = v4->fn->group;
	ret = vfio_pci_core_remap_pfn_range(v4->fn->vdev, vma, pfn);
	vma->vm_file = file;
	return ret;
}

static void vpk_v4_before_register(struct vfio_pci_core_device *vdev, void *data)
{
	struct vpk_v4 *v4 = data;

	if (v4->misuse && v4->misuse->opted_out)
		vpk_set_flag(vdev, false);
}

static int vpk_v4_resetter(void *data)
{
	struct vpk_v4 *v4 = data;

	v4->ret = vpk_reset(v4->fn);
	complete(&v4->done);
	return 0;
}

static int vpk_v4_mmap(struct vfio_device *core_vdev,
		       struct vm_area_struct *vma)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);
	struct vpk_v4 *v4 = vpk_function_of(vdev->pdev)->driver.data;
	int bar = v4->config == &vpk_last ? 5 : 0;
	unsigned long pfn = PHYS_PFN(pci_resource_start(vdev->pdev, bar) +
				     ((u64)vma->vm_pgoff << PAGE_SHIFT &
				      VFIO_PCI_OFFSET_MASK));
	struct vpk_map map = { .fn = v4->fn, .addr = vma->vm_start };
	struct task_struct *task;
	int ret = 0;

	vma->vm_private_data = v4->private_data ?: vdev;
	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = v4->vm_ops ?: &vpk_v4_vm_ops;
	if (v4->misuse)
		return vpk_v4_misused(v4, vma, pfn);
	if (v4->by_fault)
		return 0;
	if (v4->naive)
		ret = remap_pfn_range(vma, vma->vm_start, pfn,
				      vma->vm_end - vma->vm_start,
				      vma->vm_page_prot);
	else
		ret = vfio_pci_core_remap_pfn_range(vdev, vma, pfn);
	if (ret || !v4->race)
		return ret;

	vpk_watch(v4->fn->host, &map, 0);
	task = kthread_run(vpk_v4_resetter, v4, "vpk_v4_resetter");
	if (IS_ERR(task))
		return PTR_ERR(task);
	wait_for_completion(&v4->done);
	return 0;
}

static struct vpk_function *vpk_v4_device(struct kunit *test, struct vpk_v4 *v4)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *second;
	struct vfio_device_ops *ops;

	init_completion(&v4->done);
	ops = kunit_kzalloc(test, sizeof(*ops), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ops);
	*ops = *vpk_driver_ops();
	ops->mmap = vpk_v4_mmap;
	v4->fn = vpk_function_add(test, host, v4->config ?: &vpk_full);
	v4->fn->driver.ops = ops;
	v4->fn->driver.before_register = vpk_v4_before_register;
	v4->fn->driver.data = v4;
	second = vpk_function_add(test, host, v4->config ?: &vpk_full);
	second->driver = v4->fn->driver;
	vpk_host_probe(test, host);
	vpk_bind(test, v4->fn, VPK_DRIVER);
	vpk_open(test, v4->fn);
	v4->second = second;
	return v4->fn;
}

/* mmap() BAR0 as a user process does, with its task work done or pending. */
static struct vpk_map *vpk_v4_map(struct kunit *test, struct vpk_v4 *v4)
{
	struct vpk_map *map;

	vpk_as_user_begin();
	map = vpk_map(test, v4->fn, 0, 0, 2 * PAGE_SIZE);
	return map;
}

/* V4: the hole is real: the PTEs of the naive driver survive into the reset. */
static void v4_naive_loses(struct kunit *test)
{
	struct vpk_v4 v4 = { .naive = true, .race = true };
	struct vpk_function *fn = vpk_v4_device(test, &v4);
	const struct vpk_event *flr;
	struct vpk_map *map;

	map = vpk_map(test, fn, 0, 0, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, v4.ret, 0);
	flr = vpk_log_find(fn->host, VPK_FLR, 0);
	KUNIT_ASSERT_NOT_NULL(test, flr);
	KUNIT_EXPECT_TRUE_MSG(test, flr->mapped,
			      "remap_pfn_range() in .mmap has become safe?");
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, 0));
}

/*
 * V4: the helper installs nothing during the reset, and populates afterwards.
 */
static void v4_helper_wins(struct kunit *test)
{
	struct vpk_v4 v4 = { .race = true };
	struct vpk_function *fn = vpk_v4_device(test, &v4);
	const struct vpk_event *flr;
	struct vpk_map *map;
	unsigned long pfn;

	map = vpk_v4_map(test, &v4);
	vpk_as_user_end();
	KUNIT_EXPECT_EQ(test, v4.ret, 0);
	flr = vpk_log_find(fn->host, VPK_FLR, 0);
	KUNIT_ASSERT_NOT_NULL(test, flr);
	KUNIT_EXPECT_FALSE(test, flr->mapped);
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, PAGE_SIZE));
	KUNIT_ASSERT_EQ(test, vpk_pfn(map, PAGE_SIZE, &pfn, NULL), 0);
	KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(fn, 0, PAGE_SIZE));
}

/* V4: it populates on the way back to user mode, and a revocation zaps that. */
static void v4_helper_populates(struct kunit *test)
{
	struct vpk_v4 v4 = {};
	struct vpk_function *fn = vpk_v4_device(test, &v4);
	struct vpk_map *map;

	map = vpk_v4_map(test, &v4);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	vpk_as_user_end();
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, PAGE_SIZE));
	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	VPK_EXPECT_ORDER(test, fn->host,
			 "zap revoke mem-off flr mem-on unrevoke");
	KUNIT_EXPECT_FALSE(test, fn->host->log[0].mapped);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
}

/* V4: of the last BAR, as of the others. */
static void v4_helper_last_bar(struct kunit *test)
{
	struct vpk_v4 v4 = { .config = &vpk_last };
	struct vpk_function *fn = vpk_v4_device(test, &v4);
	struct vpk_map *map;
	unsigned long pfn;

	vpk_as_user_begin();
	map = vpk_map(test, fn, 5, 0, PAGE_SIZE);
	vpk_as_user_end();
	KUNIT_ASSERT_EQ(test, vpk_pfn(map, 0, &pfn, NULL), 0);
	KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(fn, 5, 0));
}

/*
 * V4: memory is disabled between mmap() and the task work: nothing is
 * populated.
 */
static void v4_helper_memory_disabled(struct kunit *test)
{
	struct vpk_v4 v4 = {};
	struct vpk_function *fn = vpk_v4_device(test, &v4);
	struct vpk_map *map;

	map = vpk_v4_map(test, &v4);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	vpk_as_user_end();
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
}

/* V4: if the VMA is gone when the task work runs, it populates nothing. */
static void v4_helper_unmapped(struct kunit *test)
{
	struct vpk_v4 v4 = {};
	struct vpk_function *fn = vpk_v4_device(test, &v4);
	struct vpk_map *map;

	map = vpk_v4_map(test, &v4);
	vpk_unmap(map);
	vpk_as_user_end();
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	vpk_close(fn);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
}

/* V4: it refuses a private mapping, which would be copied on write. */
static void v4_helper_private(struct kunit *test)
{
	struct vpk_v4 v4 = {};
	struct vpk_function *fn = vpk_v4_device(test, &v4);

	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, 0, PAGE_SIZE, PROT_READ,
					   MAP_PRIVATE), -EINVAL);
}

/* V4: a kernel thread does not return to user mode: .fault does the work. */
static void v4_helper_kernel_thread(struct kunit *test)
{
	struct vpk_v4 v4 = {};
	struct vpk_function *fn = vpk_v4_device(test, &v4);
	struct vpk_map *map = vpk_map(test, fn, 0, 0, 2 * PAGE_SIZE);

	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, 0));
}

/*
 * V4: more than a page table holds, and not aligned to one: all of it is there.
 */
static void v4_helper_large(struct kunit *test)
{
	struct vpk_v4 v4 = { .config = &vpk_large };
	struct vpk_function *fn = vpk_v4_device(test, &v4);
	unsigned long off, pfn;
	struct vpk_map *map;

	vpk_as_user_begin();
	map = vpk_map(test, fn, 0, PAGE_SIZE, SZ_4M + SZ_1M);
	vpk_as_user_end();
	for (off = 0; off < map->len; off += PAGE_SIZE)
		if (vpk_pfn(map, off, &pfn, NULL) ||
		    pfn != vpk_bar_pfn(fn, 0, PAGE_SIZE + off))
			break;
	KUNIT_EXPECT_EQ_MSG(test, off, map->len, "not populated, or wrongly");
}

/* V4: a signal is pending: the rest is left to .fault, not populated first. */
static void v4_helper_signal(struct kunit *test)
{
	struct vpk_v4 v4 = {};
	struct vpk_map *map;

	vpk_v4_device(test, &v4);
	map = vpk_v4_map(test, &v4);
	allow_signal(SIGUSR1);
	send_sig(SIGUSR1, current, 1);
	vpk_as_user_end();
	flush_signals(current);
	disallow_signal(SIGUSR1);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
}

/*
 * V4: a fault of another thread was there first: its PTE stays, the rest is
 * made.
 */
static void v4_helper_after_fault(struct kunit *test)
{
	struct vpk_v4 v4 = {};
	struct vpk_function *fn = vpk_v4_device(test, &v4);
	struct vpk_map *map = vpk_v4_map(test, &v4);
	struct vpk_reader *reader = vpk_reader_start(test, map, 0);
	unsigned long pfn;

	KUNIT_EXPECT_EQ(test, vpk_reader_wait(test, reader), 0);
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, PAGE_SIZE));
	vpk_as_user_end();
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, PAGE_SIZE));
	KUNIT_ASSERT_EQ(test, vpk_pfn(map, 0, &pfn, NULL), 0);
	KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(fn, 0, 0));
}

/**
 * struct vpk_v4_other - what differs in the mapping that has taken the place
 * @name: of the case
 * @offset: where it begins in the BAR
 * @before: how far in front of the old one it begins
 * @len: how long it is
 * @second: it is one of another device
 * @private: it is private
 * @private_data: of the VMA is another
 * @vm_ops: of the VMA are others
 */
struct vpk_v4_other {
	const char *name;
	unsigned long offset;
	unsigned long before;
	unsigned long len;
	bool second;
	bool private;
	bool private_data;
	bool vm_ops;
};

static const struct vpk_v4_other vpk_v4_others[] = {
	{ .name = "offset", .offset = 2 * PAGE_SIZE, .len = 2 * PAGE_SIZE },
	{ .name = "start", .before = PAGE_SIZE, .len = 3 * PAGE_SIZE },
	{ .name = "shorter", .len = PAGE_SIZE },
	{ .name = "longer", .len = 3 * PAGE_SIZE },
	{ .name = "device", .len = 2 * PAGE_SIZE, .second = true },
	{ .name = "private", .len = 2 * PAGE_SIZE, .private = true },
	{ .name = "private_data", .len = 2 * PAGE_SIZE, .private_data = true },
	{ .name = "vm_ops", .len = 2 * PAGE_SIZE, .vm_ops = true },
};

KUNIT_ARRAY_PARAM_DESC(vpk_v4_other, vpk_v4_others, name);

static const struct vm_operations_struct vpk_v4_other_vm_ops = {
	.fault = vpk_v4_fault,
};

/* V4: another mapping has taken the place of the one to populate. */
static void v4_helper_replaced(struct kunit *test)
{
	const struct vpk_v4_other *other = test->param_value;
	struct vpk_v4 v4 = {};
	struct vpk_function *fn = vpk_v4_device(test, &v4);
	struct vpk_map *map = vpk_v4_map(test, &v4);
	struct file *file = fn->device;
	unsigned long addr;

	/* A thread of the kernel: it waits for nothing to return to. */
	current->flags |= PF_KTHREAD;
	/* All that is not said to differ is the same. */
	v4.by_fault = true;
	v4.private_data = other->private_data ? (void *)&v4 : fn->vdev;
	if (other->vm_ops)
		v4.vm_ops = &vpk_v4_other_vm_ops;
	if (other->second) {
		vpk_bind(test, v4.second, VPK_DRIVER);
		vpk_open(test, v4.second);
		file = v4.second->device;
	}
	vpk_unmap(map);
	addr = vm_mmap(file, map->addr - other->before, other->len,
		       PROT_READ | PROT_WRITE, MAP_FIXED |
		       (other->private ? MAP_PRIVATE : MAP_SHARED),
		       other->offset);
	vpk_as_user_begin();
	vpk_as_user_end();
	KUNIT_ASSERT_EQ(test, addr, map->addr - other->before);
	KUNIT_EXPECT_FALSE_MSG(test, vpk_mapped(map, 0),
			       "populated with what is no longer mapped there");
	vm_munmap(addr, other->len);
}

/**
 * struct vpk_v4_user - a thread that maps BAR0 and returns to user mode
 * @v4: the driver
 * @mm: the address space
 * @task: the thread, a reference is held
 * @addr: what mmap() returned
 * @killed: it has no address space any more when its task work runs
 * @mapped: mmap() has returned
 * @go: return to user mode
 * @done: it has
 */
struct vpk_v4_user {
	struct vpk_v4 *v4;
	struct mm_struct *mm;
	struct task_struct *task;
	unsigned long addr;
	bool killed;
	struct completion mapped;
	struct completion go;
	struct completion done;
};

static int vpk_v4_user_thread(void *data)
{
	struct vpk_v4_user *user = data;

	allow_signal(SIGKILL);
	kthread_use_mm(user->mm);
	vpk_as_user_begin();
	user->addr = vm_mmap(user->v4->fn->device, 0, 2 * PAGE_SIZE,
			     PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	complete_all(&user->mapped);
	wait_for_completion(&user->go);
	if (user->killed) {
		current->flags |= PF_KTHREAD;
		kthread_unuse_mm(user->mm);
		vpk_as_user_begin();
		vpk_as_user_end();
	} else {
		vpk_as_user_end();
		kthread_unuse_mm(user->mm);
	}
	complete_all(&user->done);
	return 0;
}

static void vpk_v4_user_stop(void *data)
{
	struct vpk_v4_user *user = data;

	complete_all(&user->go);
	send_sig(SIGKILL, user->task, 1);
	wait_for_completion(&user->done);
	put_task_struct(user->task);
}

/* It has mapped BAR0 when this returns, and not gone back to user mode. */
static struct vpk_v4_user *vpk_v4_user_start(struct kunit *test,
					     struct vpk_v4 *v4)
{
	struct vpk_v4_user *user;

	user = kunit_kzalloc(test, sizeof(*user), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, user);
	user->v4 = v4;
	user->mm = v4->fn->host->mm;
	init_completion(&user->mapped);
	init_completion(&user->go);
	init_completion(&user->done);
	user->task = kthread_create(vpk_v4_user_thread, user, "vpk_v4_user");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, user->task);
	get_task_struct(user->task);
	wake_up_process(user->task);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vpk_v4_user_stop,
							user), 0);
	wait_for_completion(&user->mapped);
	return user;
}

/* V4: memory_lock is taken: it is left to .fault, and nobody waits. */
static void v4_helper_trylock(struct kunit *test)
{
	struct vpk_v4 v4 = {};
	struct vpk_function *fn = vpk_v4_device(test, &v4);
	struct vpk_lock_holder *holder;
	struct vpk_v4_user *user;
	struct vpk_map *map;
	bool returned;

	map = vpk_map(test, fn, 0, 0, PAGE_SIZE);
	user = vpk_v4_user_start(test, &v4);
	holder = vpk_hold_memory_lock(test, fn, true);
	complete_all(&user->go);
	returned = wait_for_completion_timeout(&user->done, HZ);
	vpk_drop_memory_lock(holder);
	kunit_release_action(test, vpk_v4_user_stop, user);
	KUNIT_EXPECT_TRUE_MSG(test, returned, "the helper waits for memory_lock");
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(user->addr));
	KUNIT_EXPECT_FALSE(test, vpk_pte_present(fn->host->mm, user->addr));
	map->addr = user->addr;
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
}

/*
 * V4: four would wait for each other: the task work for a fault that holds
 * mmap_lock; the fault, which may not be started again, for a reset that has
 * queued up for memory_lock; the reset for a driver that copies to user memory
 * with memory_lock held; and the page fault of the copy for the task work, if
 * that has queued up for mmap_lock.
 */
static void v4_helper_no_cycle(struct kunit *test)
{
	struct vpk_v4 v4 = {};
	struct vpk_function *fn = vpk_v4_device(test, &v4);
	struct vpk_map *map = vpk_map(test, fn, 0, 0, 2 * PAGE_SIZE);
	struct vpk_v4_user *user = vpk_v4_user_start(test, &v4);
	struct mm_struct *mm = fn->host->mm;
	struct vpk_lock_holder *copying, *reset;
	struct vpk_faulter *faulter;
	bool returned, copied;

	faulter = vpk_faulter_start(test, map, VPK_FAULT_FINAL);
	copying = vpk_hold_memory_lock(test, fn, false);
	reset = vpk_queue_memory_lock(test, fn);
	vpk_faulter_go(test, faulter);
	KUNIT_EXPECT_FALSE(test, vpk_faulter_done(faulter, 100));
	KUNIT_EXPECT_FALSE_MSG(test, vpk_mmap_lock_free(mm),
			       "the fault does not hold mmap_lock");

	complete_all(&user->go);
	returned = wait_for_completion_timeout(&user->done, HZ);
	KUNIT_EXPECT_TRUE_MSG(test, returned,
			      "the helper waits for a fault that waits for a reset");
	copied = mmap_read_trylock(mm);
	KUNIT_EXPECT_TRUE_MSG(test, copied,
			      "deadlock: the copy needs mmap_lock, which the helper has queued up for");
	if (copied)
		mmap_read_unlock(mm);

	/* What only SIGKILL would end. */
	send_sig(SIGKILL, user->task, 1);
	vpk_drop_memory_lock(copying);
	vpk_drop_memory_lock(reset);
	kunit_release_action(test, vpk_v4_user_stop, user);
	KUNIT_EXPECT_TRUE(test, vpk_faulter_done(faulter, 10000));
	KUNIT_EXPECT_EQ(test, faulter->result, 0);
	KUNIT_EXPECT_FALSE(test, IS_ERR_VALUE(user->addr));
}

/*
 * V4: a task is killed before its work runs: nothing is populated, nothing
 * leaks.
 */
static void v4_helper_killed(struct kunit *test)
{
	struct vpk_v4 v4 = {};
	struct vpk_function *fn = vpk_v4_device(test, &v4);
	struct file *file = get_file(fn->device);
	struct vpk_v4_user *user;
	struct vpk_map *map;
	long refs;

	map = vpk_map(test, fn, 0, 0, PAGE_SIZE);
	user = vpk_v4_user_start(test, &v4);
	user->killed = true;
	kunit_release_action(test, vpk_v4_user_stop, user);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(user->addr));
	KUNIT_EXPECT_FALSE(test, vpk_pte_present(fn->host->mm, user->addr));
	vm_munmap(user->addr, 2 * PAGE_SIZE);
	vpk_unmap(map);
	/* The function's, and ours. */
	refs = vpk_file_refs(file);
	KUNIT_EXPECT_EQ_MSG(test, refs, 2,
			    "a killed task has left a reference to the device");
	for (; refs > 1; refs--)
		fput(file);
	vpk_close(fn);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
}

static const struct vpk_v4_misuse vpk_v4_misuses[] = {
	{ .name = "opted_out", .opted_out = true },
	{ .name = "other_file", .other_file = true },
	{ .name = "no_vm_ops", .no_ops = true },
	{ .name = "no_fault", .no_fault = true },
	{ .name = "no_bar", .region = VFIO_PCI_CONFIG_REGION_INDEX },
	{ .name = "rom", .region = VFIO_PCI_ROM_REGION_INDEX },
};

KUNIT_ARRAY_PARAM_DESC(vpk_v4_misuse, vpk_v4_misuses, name);

/* V4, V3: the helper refuses a mapping that no revocation would reach. */
static void v4_helper_misused(struct kunit *test)
{
	struct vpk_v4 v4 = { .misuse = test->param_value };
	struct vpk_function *fn = vpk_v4_device(test, &v4);
	u64 pos = VFIO_PCI_INDEX_TO_OFFSET(v4.misuse->region);

	/* The warning comes once, so it may have come before. */
	kunit_warning_suppress(test)
		KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, pos, PAGE_SIZE,
						   PROT_READ, MAP_SHARED),
				-EINVAL);
}

static struct kunit_case vpk_v4_cases[] = {
	KUNIT_CASE(v4_naive_loses),
	KUNIT_CASE(v4_helper_wins),
	KUNIT_CASE(v4_helper_populates),
	KUNIT_CASE(v4_helper_last_bar),
	KUNIT_CASE(v4_helper_memory_disabled),
	KUNIT_CASE(v4_helper_trylock),
	KUNIT_CASE(v4_helper_unmapped),
	KUNIT_CASE(v4_helper_private),
	KUNIT_CASE(v4_helper_kernel_thread),
	KUNIT_CASE(v4_helper_large),
	KUNIT_CASE(v4_helper_signal),
	KUNIT_CASE(v4_helper_after_fault),
	KUNIT_CASE_PARAM(v4_helper_replaced, vpk_v4_other_gen_params),
	KUNIT_CASE(v4_helper_no_cycle),
	KUNIT_CASE(v4_helper_killed),
	KUNIT_CASE_PARAM(v4_helper_misused, vpk_v4_misuse_gen_params),
	{}
};

static struct kunit_suite vpk_v4_suite = {
	.name = "vfio-pci-core-v4",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_v4_cases,
};

kunit_test_suite(vpk_v4_suite);
