// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread that faults in a mapping, in each of the ways in which mm calls a
 * fault handler. They differ in the lock that is held, and in whether the fault
 * may release it, wait, and have mm start it again.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "vfio_pci_kunit.h"

/* As the page fault handler of an architecture does it first. */
static void vpk_fault_vma_locked(struct vpk_faulter *faulter)
{
	struct vm_area_struct *vma;

	vma = lock_vma_under_rcu(faulter->mm, faulter->addr);
	if (!vma)
		return;
	faulter->fault = handle_mm_fault(vma, faulter->addr,
					 FAULT_FLAG_DEFAULT | FAULT_FLAG_WRITE |
					 FAULT_FLAG_REMOTE | FAULT_FLAG_VMA_LOCK,
					 NULL);
	if (!(faulter->fault & (VM_FAULT_RETRY | VM_FAULT_COMPLETED)))
		vma_end_read(vma);
	faulter->result = 0;
}

static void vpk_fault_nowait(struct vpk_faulter *faulter)
{
	struct vm_area_struct *vma;

	mmap_read_lock(faulter->mm);
	vma = vma_lookup(faulter->mm, faulter->addr);
	if (vma) {
		faulter->fault = handle_mm_fault(vma, faulter->addr,
						 FAULT_FLAG_ALLOW_RETRY |
						 FAULT_FLAG_RETRY_NOWAIT |
						 FAULT_FLAG_REMOTE |
						 FAULT_FLAG_WRITE, NULL);
		/* Not to be released: the caller does not wait either. */
		if (!rwsem_is_locked(&faulter->mm->mmap_lock)) {
			faulter->result = -ENOLCK;
			return;
		}
		faulter->result = 0;
	}
	mmap_read_unlock(faulter->mm);
}

static void vpk_fault_fixup(struct vpk_faulter *faulter, bool *unlocked)
{
	mmap_read_lock(faulter->mm);
	faulter->result = fixup_user_fault(faulter->mm, faulter->addr,
					   FAULT_FLAG_WRITE, unlocked);
	mmap_read_unlock(faulter->mm);
}

static void vpk_fault_once(struct vpk_faulter *faulter)
{
	bool unlocked = false;

	switch (faulter->kind) {
	case VPK_FAULT_RETRY:
		vpk_fault_fixup(faulter, &unlocked);
		break;
	case VPK_FAULT_FINAL:
		vpk_fault_fixup(faulter, NULL);
		break;
	case VPK_FAULT_NOWAIT:
		vpk_fault_nowait(faulter);
		break;
	case VPK_FAULT_VMA:
		vpk_fault_vma_locked(faulter);
		break;
	}
}

static int vpk_fault_thread(void *data)
{
	struct vpk_faulter *faulter = data;

	allow_signal(SIGKILL);
	wait_for_completion(&faulter->go);
	faulter->result = -ESRCH;
	if (mmget_not_zero(faulter->mm)) {
		vpk_fault_once(faulter);
		mmput(faulter->mm);
	}
	complete_all(&faulter->done);
	return 0;
}

/**
 * vpk_faulter_kill() - send SIGKILL to a faulter
 * @faulter: from vpk_faulter_start()
 *
 * Context: any.
 */
void vpk_faulter_kill(struct vpk_faulter *faulter)
{
	send_sig(SIGKILL, faulter->task, 1);
}

static void vpk_fault_stop(void *data)
{
	struct vpk_faulter *faulter = data;

	complete_all(&faulter->go);
	vpk_faulter_kill(faulter);
	wait_for_completion(&faulter->done);
	put_task_struct(faulter->task);
}

/**
 * vpk_faulter_start() - make a thread that will fault in a mapping
 * @test: the test
 * @map: the mapping
 * @kind: what the fault holds, and may do
 *
 * Unlike a reader (vpk_reader_start()) it can be killed, and says how the
 * fault has ended. To be called before memory_lock is taken: what a test holds
 * is dropped in reverse order when it ends.
 *
 * Context: the test's thread. Ended and freed when the test ends.
 * Return: the thread.
 */
struct vpk_faulter *vpk_faulter_start(struct kunit *test, struct vpk_map *map,
				      enum vpk_fault_kind kind)
{
	struct vpk_faulter *faulter;

	faulter = kunit_kzalloc(test, sizeof(*faulter), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, faulter);
	faulter->map = map;
	faulter->addr = map->addr;
	faulter->kind = kind;
	faulter->mm = map->fn->host->mm;
	init_completion(&faulter->go);
	init_completion(&faulter->done);
	faulter->task = kthread_create(vpk_fault_thread, faulter, "vpk_fault");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, faulter->task);
	get_task_struct(faulter->task);
	wake_up_process(faulter->task);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vpk_fault_stop,
							faulter), 0);
	return faulter;
}

/**
 * vpk_faulter_go() - let a faulter fault, until it waits for memory_lock
 * @test: the test, aborted if it does not come to that within a second
 * @faulter: from vpk_faulter_start()
 *
 * Context: the test's thread; memory_lock is held, and nobody waits for it.
 */
void vpk_faulter_go(struct kunit *test, struct vpk_faulter *faulter)
{
	struct rw_semaphore *lock = &faulter->map->fn->vdev->memory_lock;
	int i;

	complete_all(&faulter->go);
	for (i = 0; i < 1000 && !rwsem_is_contended(lock); i++)
		usleep_range(1000, 2000);
	KUNIT_ASSERT_TRUE_MSG(test, rwsem_is_contended(lock),
			      "the fault does not wait for memory_lock");
}

/**
 * vpk_faulter_done() - is the fault over
 * @faulter: from vpk_faulter_start(), told to go
 * @ms: for how long to wait for it
 *
 * Context: process context.
 * Return: true if so; @faulter->result and ->fault are valid then.
 */
bool vpk_faulter_done(struct vpk_faulter *faulter, unsigned int ms)
{
	return wait_for_completion_timeout(&faulter->done,
					   msecs_to_jiffies(ms));
}

/**
 * vpk_mmap_lock_free() - can anybody get mmap_lock for write within a second
 * @mm: the address space
 *
 * Context: process context, mmap_lock not held.
 * Return: true if so.
 */
bool vpk_mmap_lock_free(struct mm_struct *mm)
{
	int i;

	for (i = 0; i < 100; i++) {
		/* There is no mmap_write_trylock(); no VMA is touched. */
		if (down_write_trylock(&mm->mmap_lock)) {
			up_write(&mm->mmap_lock);
			return true;
		}
		msleep(20);
	}
	return false;
}
