// SPDX-License-Identifier: GPL-2.0-only
/*
 * User mappings of a device's regions: made, touched and looked at.
 *
 * Nothing here dereferences a user address of a BAR: there is no device
 * behind it. A touch is the fault that an access takes, no more.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/task_work.h>

#include "vfio_pci_kunit.h"

/**
 * vpk_pte_present() - is there a PTE for a user address
 * @mm: the address space
 * @addr: the address
 *
 * Takes no lock, so that a config access callback can ask. What it says is
 * certain while nobody changes the page tables, which is what a test with one
 * runnable thread has.
 *
 * Context: any.
 * Return: true if an access would not fault.
 */
bool vpk_pte_present(struct mm_struct *mm, unsigned long addr)
{
	bool present;
	pgd_t *pgd;
	p4d_t *p4d;
	pud_t *pud;
	pmd_t *pmd;
	pte_t *pte;

	pgd = pgd_offset(mm, addr);
	if (pgd_none(pgdp_get(pgd)))
		return false;
	p4d = p4d_offset(pgd, addr);
	if (p4d_none(p4dp_get(p4d)))
		return false;
	pud = pud_offset(p4d, addr);
	if (pud_none(pudp_get(pud)))
		return false;
	if (pud_leaf(pudp_get(pud)))
		return true;
	pmd = pmd_offset(pud, addr);
	if (pmd_none(pmdp_get(pmd)))
		return false;
	if (pmd_leaf(pmdp_get(pmd)))
		return true;
	pte = pte_offset_map(pmd, addr);
	if (!pte)
		return false;
	present = pte_present(ptep_get(pte));
	pte_unmap(pte);
	return present;
}

/**
 * vpk_map_file() - mmap() a part of a file, shared
 * @test: the test
 * @fn: the function whose file it is, or whose DMABUF
 * @file: the file
 * @prot: PROT_*
 * @pos: offset in the file
 * @len: length, whole pages
 *
 * Nothing is touched yet. The event log looks at the first page from now on,
 * see vpk_watch().
 *
 * Context: the test's thread. Unmapped with the test's address space.
 * Return: the mapping; the test is aborted when mmap() refuses.
 */
struct vpk_map *vpk_map_file(struct kunit *test, struct vpk_function *fn,
			     struct file *file, unsigned long prot, u64 pos,
			     size_t len)
{
	struct vpk_map *map;

	map = kunit_kzalloc(test, sizeof(*map), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, map);
	map->fn = fn;
	map->len = len;
	map->addr = kunit_vm_mmap(test, file, 0, len, prot, MAP_SHARED, pos);
	KUNIT_ASSERT_NE(test, map->addr, 0);
	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR_VALUE(map->addr), "mmap: %ld",
			       (long)map->addr);
	vpk_watch(fn->host, map, 0);
	return map;
}

/**
 * vpk_map() - mmap() a part of a region, shared and writable
 * @test: the test
 * @fn: the function, open
 * @index: region index
 * @off: offset in the region
 * @len: length, whole pages
 *
 * Nothing is touched yet. The event log looks at the first page from now on,
 * see vpk_watch().
 *
 * Context: the test's thread. Unmapped with the test's address space.
 * Return: the mapping; the test is aborted when mmap() refuses.
 */
struct vpk_map *vpk_map(struct kunit *test, struct vpk_function *fn,
			unsigned int index, u64 off, size_t len)
{
	return vpk_map_file(test, fn, fn->device, PROT_READ | PROT_WRITE,
			    VFIO_PCI_INDEX_TO_OFFSET(index) + off, len);
}

/**
 * vpk_try_mmap_file() - mmap() that may be refused
 * @test: the test
 * @file: the file
 * @pos: file offset
 * @len: length
 * @prot: PROT_*
 * @flags: MAP_*
 *
 * Context: the test's thread. What was mapped is unmapped at once.
 * Return: 0 if it was mapped, -errno if not.
 */
long vpk_try_mmap_file(struct kunit *test, struct file *file, u64 pos,
		       size_t len, unsigned long prot, unsigned long flags)
{
	unsigned long addr;

	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);
	addr = vm_mmap(file, 0, len, prot, flags, pos);
	if (IS_ERR_VALUE(addr))
		return addr;
	vm_munmap(addr, len);
	return 0;
}

/**
 * vpk_try_mmap() - vpk_try_mmap_file() of the device's file
 * @test: the test
 * @fn: the function, open
 * @pos: file offset
 * @len: length
 * @prot: PROT_*
 * @flags: MAP_*
 *
 * Context: the test's thread. What was mapped is unmapped at once.
 * Return: 0 if it was mapped, -errno if not.
 */
long vpk_try_mmap(struct kunit *test, struct vpk_function *fn, u64 pos,
		  size_t len, unsigned long prot, unsigned long flags)
{
	return vpk_try_mmap_file(test, fn->device, pos, len, prot, flags);
}

/**
 * vpk_unmap() - munmap() a mapping
 * @map: from vpk_map()
 *
 * Context: the test's thread.
 */
void vpk_unmap(struct vpk_map *map)
{
	vpk_watch(map->fn->host, NULL, 0);
	vm_munmap(map->addr, map->len);
}

static int vpk_fault(struct mm_struct *mm, unsigned long addr,
		     unsigned int flags)
{
	bool unlocked = false;
	int ret;

	mmap_read_lock(mm);
	ret = fixup_user_fault(mm, addr, flags, &unlocked);
	mmap_read_unlock(mm);
	return ret;
}

/**
 * vpk_touch() - access a mapping, as far as the page fault goes
 * @map: the mapping
 * @off: offset in it
 *
 * Context: may sleep; from any thread while the test runs.
 * Return: 0, or -EFAULT where a process would get SIGBUS.
 */
int vpk_touch(struct vpk_map *map, unsigned long off)
{
	return vpk_fault(map->fn->host->mm, map->addr + off, FAULT_FLAG_WRITE);
}

/**
 * vpk_touch_read() - vpk_touch() of a mapping that cannot be written to
 * @map: the mapping
 * @off: offset in it
 *
 * Context: may sleep; from any thread while the test runs.
 * Return: 0, or -EFAULT where a process would get SIGBUS.
 */
int vpk_touch_read(struct vpk_map *map, unsigned long off)
{
	return vpk_fault(map->fn->host->mm, map->addr + off, 0);
}

/**
 * vpk_mapped() - is a page of a mapping there
 * @map: the mapping
 * @off: offset in it
 *
 * Context: any.
 * Return: true if an access would not fault.
 */
bool vpk_mapped(struct vpk_map *map, unsigned long off)
{
	return vpk_pte_present(map->fn->host->mm, map->addr + off);
}

/**
 * vpk_vma_get() - the VMA of a mapping
 * @map: the mapping
 * @off: offset in it: after a split, there are several VMAs
 *
 * Context: may sleep. The mmap_lock is held for read until vpk_vma_put().
 * Return: the VMA, NULL if nothing is mapped there.
 */
struct vm_area_struct *vpk_vma_get(struct vpk_map *map, unsigned long off)
{
	mmap_read_lock(map->fn->host->mm);
	return vma_lookup(map->fn->host->mm, map->addr + off);
}

/**
 * vpk_vma_put() - undo vpk_vma_get()
 * @map: the mapping
 */
void vpk_vma_put(struct vpk_map *map)
{
	mmap_read_unlock(map->fn->host->mm);
}

/**
 * vpk_in_device_space() - is a mapping in the device's own address_space
 * @map: the mapping
 *
 * That is where remap_pfn_range() and vmf_insert_pfn() of a VMA on the device
 * fd put PTEs (rule V3), and where they are zapped if zap_bars_on_revoke says
 * so.
 *
 * Context: may sleep.
 * Return: true if so.
 */
bool vpk_in_device_space(struct vpk_map *map)
{
	struct vm_area_struct *vma = vpk_vma_get(map, 0);
	bool ret;

	ret = vma && vma->vm_file->f_mapping ==
		     map->fn->vdev->vdev.inode->i_mapping;
	vpk_vma_put(map);
	return ret;
}

/**
 * vpk_in_dmabuf() - is a mapping backed by a DMABUF
 * @map: the mapping
 *
 * Context: may sleep.
 * Return: true if so (rules C1, V2, V5).
 */
bool vpk_in_dmabuf(struct vpk_map *map)
{
	struct vm_area_struct *vma = vpk_vma_get(map, 0);
	bool ret;

	ret = vma && !strcmp(file_inode(vma->vm_file)->i_sb->s_type->name,
			     "dmabuf");
	vpk_vma_put(map);
	return ret;
}

/**
 * vpk_pfn() - which PFN is mapped, and by how large an entry
 * @map: the mapping
 * @off: offset in it
 * @pfn: where the PFN goes
 * @size: where the size of the page table entry goes, or NULL
 *
 * Context: may sleep; from any thread while the test runs.
 * Return: 0, -EFAULT when no VMA, -EINVAL when no PTE is there.
 */
int vpk_pfn(struct vpk_map *map, unsigned long off, unsigned long *pfn,
	    unsigned long *size)
{
	struct follow_pfnmap_args args = { .address = map->addr + off };
	int ret = -EFAULT;

	args.vma = vpk_vma_get(map, off);
	if (args.vma)
		ret = follow_pfnmap_start(&args);
	if (!ret) {
		*pfn = args.pfn;
		if (size)
			*size = ~args.addr_mask + 1;
		follow_pfnmap_end(&args);
	}
	vpk_vma_put(map);
	return ret;
}

/**
 * vpk_watch() - name the PTE that each event of the log looks at
 * @host: whose log
 * @map: the mapping, NULL for none
 * @off: offset in it
 *
 * Context: the test's thread.
 */
void vpk_watch(struct vpk_host *host, struct vpk_map *map, unsigned long off)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&host->log_lock, flags);
	host->watch = map ? map->addr + off : 0;
	raw_spin_unlock_irqrestore(&host->log_lock, flags);
}

/**
 * vpk_bar_pfn() - the PFN that a page of a BAR has
 * @fn: the function
 * @bar: the BAR
 * @off: offset in it
 *
 * Return: the PFN.
 */
unsigned long vpk_bar_pfn(struct vpk_function *fn, unsigned int bar, u64 off)
{
	return (pci_resource_start(fn->pdev, bar) + off) >> PAGE_SHIFT;
}

/**
 * vpk_as_user_begin() - let the test's thread pass for a user's
 *
 * In a kernel thread there is no return to user mode, and no task work. From
 * here on there is, until vpk_as_user_end(), which runs it. Keep it short.
 *
 * Context: the test's thread.
 */
void vpk_as_user_begin(void)
{
	current->flags &= ~PF_KTHREAD;
}

/**
 * vpk_as_user_end() - "return to user mode"
 *
 * Context: the test's thread, after vpk_as_user_begin().
 */
void vpk_as_user_end(void)
{
	clear_notify_signal();
	task_work_run();
	current->flags |= PF_KTHREAD;
}

/**
 * struct vpk_reader - a thread that touches a mapping once, when told to
 * @map: the mapping
 * @addr: the address it touches
 * @mm: address space, a reference is held on the struct only
 * @go: completed by vpk_reader_go()
 * @done: completed when it has touched or failed
 * @result: as vpk_touch() returns
 */
struct vpk_reader {
	struct vpk_map *map;
	unsigned long addr;
	struct mm_struct *mm;
	struct completion go;
	struct completion done;
	int result;
};

static int vpk_reader_thread(void *data)
{
	struct vpk_reader *reader = data;
	struct vpk_function *fn = reader->map->fn;

	wait_for_completion(&reader->go);
	reader->result = -ESRCH;
	if (mmget_not_zero(reader->mm)) {
		reader->result = vpk_fault(reader->mm, reader->addr,
					   FAULT_FLAG_WRITE);
		vpk_log(fn->host, reader->result ? VPK_SIGBUS : VPK_READ,
			fn->nr, 0, 0);
		mmput(reader->mm);
	}
	complete_all(&reader->done);
	return 0;
}

static void vpk_reader_stop(void *data)
{
	struct vpk_reader *reader = data;

	complete_all(&reader->go);
	wait_for_completion(&reader->done);
}

/**
 * vpk_reader_start() - make a thread that will touch a mapping
 * @test: the test
 * @map: the mapping
 * @off: offset in it
 *
 * It waits for vpk_reader_go(), touches, and logs VPK_READ or VPK_SIGBUS when
 * the access got through or was refused. An access that blocks, as it must
 * between zap and unrevoke (C3), is logged after what it waited for.
 *
 * Context: the test's thread. Ended and freed when the test ends.
 * Return: the reader.
 */
struct vpk_reader *vpk_reader_start(struct kunit *test, struct vpk_map *map,
				    unsigned long off)
{
	struct vpk_reader *reader;
	struct task_struct *task;

	reader = kunit_kzalloc(test, sizeof(*reader), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, reader);
	reader->map = map;
	reader->addr = map->addr + off;
	reader->mm = map->fn->host->mm;
	init_completion(&reader->go);
	init_completion(&reader->done);
	task = kthread_run(vpk_reader_thread, reader, "vpk_reader");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vpk_reader_stop,
							reader), 0);
	return reader;
}

/**
 * vpk_reader_go() - let a reader touch its mapping now
 * @reader: from vpk_reader_start()
 *
 * Context: any, also a config access callback.
 */
void vpk_reader_go(struct vpk_reader *reader)
{
	complete_all(&reader->go);
}

/**
 * vpk_reader_done() - has a reader got through, or been refused
 * @reader: from vpk_reader_start()
 *
 * Context: any.
 * Return: false while it is blocked or waits for vpk_reader_go().
 */
bool vpk_reader_done(struct vpk_reader *reader)
{
	return completion_done(&reader->done);
}

struct vpk_lock_holder {
	struct rw_semaphore *lock;
	bool write;
	struct completion held;
	struct completion drop;
	struct completion done;
};

static int vpk_lock_holder_thread(void *data)
{
	struct vpk_lock_holder *holder = data;

	if (holder->write)
		down_write(holder->lock);
	else
		down_read(holder->lock);
	complete(&holder->held);
	wait_for_completion(&holder->drop);
	if (holder->write)
		up_write(holder->lock);
	else
		up_read(holder->lock);
	complete_all(&holder->done);
	return 0;
}

static void vpk_lock_holder_stop(void *data)
{
	vpk_drop_memory_lock(data);
}

static struct vpk_lock_holder *vpk_lock_holder_start(struct kunit *test,
						     struct vpk_function *fn,
						     bool write)
{
	struct vpk_lock_holder *holder;
	struct task_struct *task;

	holder = kunit_kzalloc(test, sizeof(*holder), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, holder);
	holder->lock = &fn->vdev->memory_lock;
	holder->write = write;
	init_completion(&holder->held);
	init_completion(&holder->drop);
	init_completion(&holder->done);
	task = kthread_run(vpk_lock_holder_thread, holder, "vpk_lock_holder");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	return holder;
}

/**
 * vpk_hold_memory_lock() - another thread has memory_lock
 * @test: the test
 * @fn: the function, bound
 * @write: for write, or for read
 *
 * The test's own thread must not hold it where it uses user memory: that takes
 * mmap_lock, and a fault may take memory_lock under mmap_lock.
 *
 * Context: the test's thread. Dropped when the test ends, if not before.
 * Return: what vpk_drop_memory_lock() takes.
 */
struct vpk_lock_holder *vpk_hold_memory_lock(struct kunit *test,
					     struct vpk_function *fn,
					     bool write)
{
	struct vpk_lock_holder *holder = vpk_lock_holder_start(test, fn, write);

	wait_for_completion(&holder->held);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test,
							vpk_lock_holder_stop,
							holder), 0);
	return holder;
}

/**
 * vpk_queue_memory_lock() - another thread waits for memory_lock, for write
 * @test: the test
 * @fn: the function, bound, its memory_lock held by vpk_hold_memory_lock()
 *
 * From now on a reader of memory_lock waits as well, though only readers hold
 * it. vpk_drop_memory_lock() waits for the lock and drops it: call it after the
 * lock of those before has been dropped, and in each case before the test ends.
 *
 * Context: the test's thread.
 * Return: what vpk_drop_memory_lock() takes.
 */
struct vpk_lock_holder *vpk_queue_memory_lock(struct kunit *test,
					      struct vpk_function *fn)
{
	struct vpk_lock_holder *holder = vpk_lock_holder_start(test, fn, true);

	while (!rwsem_is_contended(holder->lock) &&
	       !completion_done(&holder->held))
		fsleep(1000);
	return holder;
}

/**
 * vpk_drop_memory_lock() - the other thread gives memory_lock back
 * @holder: from vpk_hold_memory_lock() or vpk_queue_memory_lock(); a second
 *	time does nothing
 *
 * Context: process context.
 */
void vpk_drop_memory_lock(struct vpk_lock_holder *holder)
{
	complete(&holder->drop);
	wait_for_completion(&holder->done);
}

/**
 * vpk_reader_wait() - wait for a reader, ten seconds at most
 * @test: the test
 * @reader: from vpk_reader_start()
 *
 * Context: the test's thread.
 * Return: as vpk_touch(), -ETIMEDOUT when it is still blocked.
 */
int vpk_reader_wait(struct kunit *test, struct vpk_reader *reader)
{
	vpk_reader_go(reader);
	if (!wait_for_completion_timeout(&reader->done, 10 * HZ))
		return -ETIMEDOUT;
	return reader->result;
}
