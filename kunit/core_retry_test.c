// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core suite, sixth part: rule C2. Nobody waits for memory_lock with mmap_lock
 * or a VMA's lock held. A thread faults while another holds memory_lock, and
 * the test looks at what the fault holds meanwhile, and how its wait can end.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>

#include "vfio_pci_kunit.h"
#include "vfio_pci_priv.h"

static const struct vpk_function_config vpk_full = VPK_FULL_CONFIG;

/* A driver with a .fault of its own, which uses the core's helper. */
static vm_fault_t vpk_retry_fault(struct vm_fault *vmf)
{
	struct vfio_pci_core_device *vdev = vmf->vma->vm_private_data;
	unsigned long pfn = PHYS_PFN(pci_resource_start(vdev->pdev, 0)) +
			    vmf->pgoff;
	vm_fault_t ret;

	ret = vfio_pci_core_fault_lock(vdev, vmf);
	if (ret)
		return ret;
	ret = vfio_pci_vmf_insert_pfn(vdev, vmf, pfn, 0);
	vfio_pci_core_fault_unlock(vdev);
	return ret;
}

static const struct vm_operations_struct vpk_retry_vm_ops = {
	.fault = vpk_retry_fault,
};

static int vpk_retry_mmap(struct vfio_device *core_vdev,
			  struct vm_area_struct *vma)
{
	vma->vm_private_data =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);
	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &vpk_retry_vm_ops;
	return 0;
}

/**
 * struct vpk_retry_case - whose fault handler it is
 * @name: its name
 * @own: the driver's own, not the core's
 */
struct vpk_retry_case {
	const char *name;
	bool own;
};

static const struct vpk_retry_case vpk_retry_params[] = {
	{ "the core's fault handler" },
	{ "a fault handler of the driver's own", true },
};

KUNIT_ARRAY_PARAM_DESC(vpk_retry, vpk_retry_params, name);

/* BAR0 of an open device, mapped, not touched. */
static struct vpk_map *vpk_retry_map(struct kunit *test)
{
	const struct vpk_retry_case *param = test->param_value;
	struct vpk_host *host = vpk_host_create(test);
	struct vfio_device_ops *ops;
	struct vpk_function *fn;

	ops = kunit_kzalloc(test, sizeof(*ops), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ops);
	*ops = *vpk_driver_ops();
	if (param && param->own)
		ops->mmap = vpk_retry_mmap;
	fn = vpk_function_add(test, host, &vpk_full);
	fn->driver.ops = ops;
	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	vpk_open(test, fn);
	return vpk_map(test, fn, 0, 0, 2 * PAGE_SIZE);
}

/*
 * C2: while a fault waits, mmap_lock is free; afterwards the fault is served.
 */
static void c2_lock_is_free(struct kunit *test)
{
	struct vpk_map *map = vpk_retry_map(test);
	struct vpk_faulter *faulter = vpk_faulter_start(test, map, VPK_FAULT_RETRY);
	struct vpk_lock_holder *holder;

	holder = vpk_hold_memory_lock(test, map->fn, true);
	vpk_faulter_go(test, faulter);
	KUNIT_EXPECT_TRUE_MSG(test, vpk_mmap_lock_free(faulter->mm),
			      "the fault keeps mmap_lock while it waits");
	KUNIT_EXPECT_FALSE(test, vpk_faulter_done(faulter, 10));
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	vpk_drop_memory_lock(holder);
	KUNIT_EXPECT_TRUE(test, vpk_faulter_done(faulter, 10000));
	KUNIT_EXPECT_EQ(test, faulter->result, 0);
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, 0));
	vpk_expect_no_lock_held(test, map->fn);
}

/* C2: again and again: each attempt finds memory_lock taken anew. */
static void c2_as_often_as_it_takes(struct kunit *test)
{
	struct vpk_map *map = vpk_retry_map(test);
	struct vpk_faulter *faulter = vpk_faulter_start(test, map, VPK_FAULT_RETRY);
	struct rw_semaphore *lock = &map->fn->vdev->memory_lock;
	struct vpk_lock_holder *holder;
	int i;

	holder = vpk_hold_memory_lock(test, map->fn, true);
	vpk_faulter_go(test, faulter);
	for (i = 0; i < 3; i++) {
		struct vpk_lock_holder *old = holder;

		KUNIT_ASSERT_TRUE_MSG(test, vpk_mmap_lock_free(faulter->mm),
				      "the fault keeps mmap_lock while it waits");
		/*
		 * With mmap_lock taken the fault cannot start again until the
		 * next holder has memory_lock.
		 */
		mmap_write_lock(faulter->mm);
		vpk_drop_memory_lock(old);
		holder = vpk_hold_memory_lock(test, map->fn, true);
		mmap_write_unlock(faulter->mm);
		KUNIT_EXPECT_FALSE(test, vpk_faulter_done(faulter, 100));
		KUNIT_EXPECT_TRUE(test, rwsem_is_contended(lock));
	}
	vpk_drop_memory_lock(holder);
	KUNIT_EXPECT_TRUE(test, vpk_faulter_done(faulter, 10000));
	KUNIT_EXPECT_EQ(test, faulter->result, 0);
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, 0));
}

/* C2: FAULT_FLAG_RETRY_NOWAIT: at once, and with mmap_lock still held. */
static void c2_nowait(struct kunit *test)
{
	struct vpk_map *map = vpk_retry_map(test);
	struct vpk_faulter *faulter = vpk_faulter_start(test, map, VPK_FAULT_NOWAIT);

	vpk_hold_memory_lock(test, map->fn, true);
	complete_all(&faulter->go);
	KUNIT_ASSERT_TRUE_MSG(test, vpk_faulter_done(faulter, 1000),
			      "a fault that may not wait does");
	KUNIT_EXPECT_EQ(test, faulter->result, 0);
	KUNIT_EXPECT_EQ(test, (unsigned int)faulter->fault,
			(unsigned int)VM_FAULT_RETRY);
	KUNIT_EXPECT_TRUE(test, vpk_mmap_lock_free(faulter->mm));
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
}

/*
 * C2: a thread that waits in a fault can be killed while memory_lock is held.
 */
static void c2_killed(struct kunit *test)
{
	struct vpk_map *map = vpk_retry_map(test);
	struct vpk_faulter *faulter = vpk_faulter_start(test, map, VPK_FAULT_RETRY);

	vpk_hold_memory_lock(test, map->fn, true);
	vpk_faulter_go(test, faulter);
	vpk_faulter_kill(faulter);
	KUNIT_ASSERT_TRUE_MSG(test, vpk_faulter_done(faulter, 1000),
			      "the wait does not end with SIGKILL");
	KUNIT_EXPECT_EQ(test, faulter->result, -EINTR);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_FALSE(test, rwsem_is_contended(&map->fn->vdev->memory_lock));
	KUNIT_EXPECT_TRUE(test, vpk_mmap_lock_free(faulter->mm));
}

/* C2: a fault that may not be started again waits, and is served. */
static void c2_final(struct kunit *test)
{
	struct vpk_map *map = vpk_retry_map(test);
	struct vpk_faulter *faulter = vpk_faulter_start(test, map, VPK_FAULT_FINAL);
	struct vpk_lock_holder *holder;

	holder = vpk_hold_memory_lock(test, map->fn, true);
	vpk_faulter_go(test, faulter);
	KUNIT_EXPECT_FALSE(test, vpk_faulter_done(faulter, 10));
	vpk_drop_memory_lock(holder);
	KUNIT_EXPECT_TRUE(test, vpk_faulter_done(faulter, 10000));
	KUNIT_EXPECT_EQ(test, faulter->result, 0);
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, 0));
	vpk_expect_no_lock_held(test, map->fn);
}

/* C2: and can be killed as well. */
static void c2_final_killed(struct kunit *test)
{
	struct vpk_map *map = vpk_retry_map(test);
	struct vpk_faulter *faulter = vpk_faulter_start(test, map, VPK_FAULT_FINAL);

	vpk_hold_memory_lock(test, map->fn, true);
	vpk_faulter_go(test, faulter);
	vpk_faulter_kill(faulter);
	KUNIT_ASSERT_TRUE_MSG(test, vpk_faulter_done(faulter, 1000),
			      "the wait does not end with SIGKILL");
	KUNIT_EXPECT_EQ(test, faulter->result, -EFAULT);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
}

/*
 * C2: everything that the fault came from goes away while it waits: the
 * mapping, and the last file descriptor. The device stays open for as long, and
 * no longer.
 */
static void c2_device_pinned(struct kunit *test)
{
	struct vpk_map *map = vpk_retry_map(test);
	struct vpk_faulter *faulter = vpk_faulter_start(test, map, VPK_FAULT_RETRY);
	struct vpk_function *fn = map->fn;
	struct file *file = get_file(fn->device);
	struct vpk_lock_holder *holder;
	bool pinned, locked;
	long refs;

	holder = vpk_hold_memory_lock(test, fn, true);
	vpk_faulter_go(test, faulter);
	locked = !vpk_mmap_lock_free(faulter->mm);
	KUNIT_EXPECT_FALSE_MSG(test, locked,
			       "the fault keeps mmap_lock while it waits");
	if (!locked)
		vpk_unmap(map);
	/* That of the function, ours, and the fault's. */
	pinned = !locked && vpk_file_refs(file) == 3;
	KUNIT_EXPECT_TRUE_MSG(test, pinned,
			      "nothing keeps the device open under a fault that waits");
	if (pinned) {
		/* Only the fault's is left. */
		vpk_close(fn);
		fput(file);
		KUNIT_EXPECT_EQ(test, vpk_file_refs(file), 1);
		get_file(file);
	}
	KUNIT_EXPECT_FALSE(test, vpk_faulter_done(faulter, 10));
	vpk_drop_memory_lock(holder);
	KUNIT_EXPECT_TRUE(test, vpk_faulter_done(faulter, 10000));
	if (!locked)
		KUNIT_EXPECT_EQ(test, faulter->result, -EFAULT);

	/* A reference that was left would keep unbind waiting for ever. */
	refs = vpk_file_refs(file) - !!fn->device - locked;
	KUNIT_EXPECT_EQ_MSG(test, refs, 1,
			    "the fault has left a reference to the device");
	for (; refs > 0; refs--)
		fput(file);
	if (pinned)
		KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
}

/*
 * C2: a huge fault holds the VMA's lock, and not mmap_lock. Whoever unmaps or
 * changes the VMA waits for that lock.
 */
static void c2_vma_lock(struct kunit *test)
{
	struct vpk_function *fn;
	struct vpk_faulter *faulter;
	struct vpk_lock_holder *holder;
	struct vpk_map *map;

	if (!IS_ENABLED(CONFIG_PER_VMA_LOCK) ||
	    !IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP))
		kunit_skip(test, "no huge faults with the VMA's lock here");
	fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	map = vpk_map(test, fn, 2, 0, SZ_2M);
	faulter = vpk_faulter_start(test, map, VPK_FAULT_VMA);
	holder = vpk_hold_memory_lock(test, fn, true);
	vpk_faulter_go(test, faulter);
	KUNIT_EXPECT_FALSE(test, vpk_faulter_done(faulter, 10));
	/* Would not return before the fault does if that kept the lock. */
	vpk_unmap(map);
	KUNIT_EXPECT_FALSE(test, vpk_faulter_done(faulter, 10));
	vpk_drop_memory_lock(holder);
	KUNIT_EXPECT_TRUE(test, vpk_faulter_done(faulter, 10000));
	KUNIT_EXPECT_EQ(test, faulter->result, 0);
	KUNIT_EXPECT_EQ(test, (unsigned int)faulter->fault,
			(unsigned int)VM_FAULT_RETRY);
}

/*
 * C2: a page fault in a user copy with memory_lock held for read, as nvgrace-
 * gpu makes it, behind a mmap() that has queued up, which waits for a fault in
 * a BAR, which waits for a writer of memory_lock that has queued up. The fault
 * is what lets go.
 */
static void c2_user_copy(struct kunit *test)
{
	struct vpk_map *map = vpk_retry_map(test);
	struct vpk_faulter *faulter = vpk_faulter_start(test, map, VPK_FAULT_RETRY);
	struct vpk_function *fn = map->fn;
	struct vpk_lock_holder *copying;
	struct vpk_lock_holder *writer;

	copying = vpk_hold_memory_lock(test, fn, false);
	writer = vpk_queue_memory_lock(test, fn);
	complete_all(&faulter->go);
	KUNIT_EXPECT_FALSE(test, vpk_faulter_done(faulter, 100));
	KUNIT_EXPECT_TRUE_MSG(test, vpk_mmap_lock_free(faulter->mm),
			      "deadlock: the fault keeps mmap_lock, and the copy needs it");
	vpk_drop_memory_lock(copying);
	vpk_drop_memory_lock(writer);
	KUNIT_EXPECT_TRUE(test, vpk_faulter_done(faulter, 10000));
	KUNIT_EXPECT_EQ(test, faulter->result, 0);
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, 0));
}

static long vpk_retry_close(void *data)
{
	struct vpk_function *fn = data;

	vpk_close(fn);
	return vpk_wait_open_count(fn, 0) ? 0 : -ETIMEDOUT;
}

/* C3: who closes does not drop the DMABUFs that a reset walks just then. */
static void close_waits_for_reset(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_lock_holder *holder;
	struct vpk_worker *worker;

	vpk_unmap(vpk_map(test, fn, 0, 0, PAGE_SIZE));
	KUNIT_ASSERT_NOT_NULL(test, fn->vdev->mmap_bufs);
	worker = vpk_worker_start(test, fn->host, vpk_retry_close, fn);
	holder = vpk_hold_memory_lock(test, fn, true);
	vpk_worker_go(worker);
	msleep(50);
	KUNIT_EXPECT_FALSE(test, vpk_worker_done(worker));
	KUNIT_EXPECT_NOT_NULL_MSG(test, fn->vdev->mmap_bufs,
				  "dropped while somebody holds memory_lock");
	vpk_drop_memory_lock(holder);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(worker), 0);
	KUNIT_EXPECT_NULL(test, fn->vdev->mmap_bufs);
}

/**
 * struct vpk_taker - a thread that takes the BARs away, as a reset does
 * @fn: the function
 * @taken: completed when it has
 * @give: completed when it shall give them back
 */
struct vpk_taker {
	struct vpk_function *fn;
	struct completion taken;
	struct completion give;
};

static long vpk_take_and_give(void *data)
{
	struct vpk_taker *taker = data;

	vfio_pci_take_bars(taker->fn->vdev);
	complete(&taker->taken);
	wait_for_completion(&taker->give);
	vfio_pci_give_bars(taker->fn->vdev);
	return 0;
}

static void vpk_taker_give(void *data)
{
	struct vpk_taker *taker = data;

	complete_all(&taker->give);
}

/*
 * C11: an error that comes while a reset of another task has the BARs gives up
 * after a second, and leaves them to that: it gives nothing back.
 */
static void error_while_taken(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_map(test, fn, 0, 0, PAGE_SIZE);
	struct vpk_taker taker = { .fn = fn };
	struct vpk_worker *worker;

	init_completion(&taker.taken);
	init_completion(&taker.give);
	worker = vpk_worker_start(test, fn->host, vpk_take_and_give, &taker);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vpk_taker_give,
							&taker), 0);
	vpk_worker_go(worker);
	wait_for_completion(&taker.taken);
	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_error_detected(fn, pci_channel_io_frozen),
			PCI_ERS_RESULT_NEED_RESET);
	KUNIT_EXPECT_FALSE(test, vpk_worker_done(worker));
	KUNIT_EXPECT_TRUE(test, rwsem_is_locked(&fn->vdev->memory_lock));
	KUNIT_EXPECT_NOT_NULL(test, fn->vdev->reset_task);
	KUNIT_EXPECT_EQ(test, fn->vdev->reset_depth, 1);
	VPK_EXPECT_ORDER(test, fn->host, "");
	kunit_release_action(test, vpk_taker_give, &taker);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(worker), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), -EFAULT);
	vpk_error_reset(fn);
	KUNIT_EXPECT_EQ(test, vpk_slot_reset(fn), PCI_ERS_RESULT_RECOVERED);
	vpk_resume(fn);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	vpk_expect_no_lock_held(test, fn);
}

static struct kunit_case vpk_retry_cases[] = {
	KUNIT_CASE_PARAM(c2_lock_is_free, vpk_retry_gen_params),
	KUNIT_CASE(c2_as_often_as_it_takes),
	KUNIT_CASE_PARAM(c2_nowait, vpk_retry_gen_params),
	KUNIT_CASE_PARAM(c2_killed, vpk_retry_gen_params),
	KUNIT_CASE_PARAM(c2_final, vpk_retry_gen_params),
	KUNIT_CASE_PARAM(c2_final_killed, vpk_retry_gen_params),
	KUNIT_CASE_PARAM(c2_device_pinned, vpk_retry_gen_params),
	KUNIT_CASE(c2_vma_lock),
	KUNIT_CASE_PARAM(c2_user_copy, vpk_retry_gen_params),
	KUNIT_CASE(close_waits_for_reset),
	KUNIT_CASE_SLOW(error_while_taken),
	{}
};

static struct kunit_suite vpk_retry_suite = {
	.name = "vfio-pci-core-retry",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_retry_cases,
};

kunit_test_suite(vpk_retry_suite);
