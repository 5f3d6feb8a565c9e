// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core suite: user mappings of exported DMABUFs, which do not keep the device
 * open, and VFIO_DEVICE_FEATURE_DMA_BUF_REVOKE and _MEMATTR. Rules C2, C3, C8,
 * C13 and C14, as far as they are about exports.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/delay.h>
#include <linux/dma-buf.h>
#include <linux/file.h>
#include <linux/mman.h>
#include <linux/path.h>

#include "vfio_pci_kunit.h"
#include "vfio_pci_priv.h"

static const struct vpk_function_config vpk_full = VPK_FULL_CONFIG;

static struct vpk_function *vpk_exporter(struct kunit *test)
{
	vpk_need_importers(test);
	return vpk_device(test, &vpk_full, VPK_DRIVER);
}

/* One page of BAR 0, exported and mapped */
static struct vpk_map *vpk_export_map(struct kunit *test,
				      struct vpk_function *fn,
				      struct dma_buf **dmabuf)
{
	*dmabuf = vpk_export(test, fn, 0, PAGE_SIZE, 2 * PAGE_SIZE);
	return vpk_map_dmabuf(test, fn, *dmabuf, O_RDWR);
}

/* C3: zapped and faulted again with the rest, on every path. */
static void export_path(struct kunit *test)
{
	struct vpk_function *fn;
	struct dma_buf *dmabuf;

	vpk_need_importers(test);
	fn = vpk_path_device(test, &vpk_full, VPK_DRIVER);
	vpk_path_check(test, vpk_export_map(test, fn, &dmabuf));
}

/* C3: a DMABUF opened for reading counts as mapped, though not writably. */
static void export_path_read_only(struct kunit *test)
{
	const struct vpk_path *path = test->param_value;
	struct vpk_function *fn;
	struct dma_buf *dmabuf;
	struct vpk_map *map;
	int accessible;

	vpk_need_importers(test);
	fn = vpk_path_device(test, &vpk_full, VPK_DRIVER);
	dmabuf = vpk_export_as(test, fn, 0, 0, PAGE_SIZE, O_RDONLY);
	map = vpk_map_dmabuf(test, fn, dmabuf, O_RDONLY);
	KUNIT_ASSERT_EQ(test, vpk_touch_read(map, 0), 0);
	KUNIT_ASSERT_TRUE(test, vpk_mapped(map, 0));
	if (path->prepare)
		KUNIT_ASSERT_EQ(test, path->prepare(fn), 0);
	KUNIT_EXPECT_EQ(test, path->revoke(fn), 0);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	accessible = path->restore ? -EFAULT : 0;
	KUNIT_EXPECT_EQ(test, vpk_touch_read(map, 0), accessible);
}

/* C3: an access that comes during VFIO_DEVICE_RESET waits for its end. */
static void export_reader_in_d0(struct kunit *test)
{
	struct vpk_function *fn = vpk_exporter(test);
	struct dma_buf *dmabuf;

	vpk_reader_in_d0_check(test, vpk_export_map(test, fn, &dmabuf));
}

/* C9: the zap counts mapped exports, and only these. */
static void export_zap_counts(struct kunit *test)
{
	struct vpk_function *fn = vpk_exporter(test);
	const struct vpk_event *event;
	struct dma_buf *dmabuf;
	struct vpk_map *map;

	map = vpk_export_map(test, fn, &dmabuf);
	vpk_export(test, fn, 0, 0, PAGE_SIZE);
	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	event = vpk_log_find(fn->host, VPK_ZAP, 0);
	KUNIT_ASSERT_NOT_NULL(test, event);
	KUNIT_EXPECT_EQ_MSG(test, event->b, 1, "DMABUFs zapped");

	vpk_unmap(map);
	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	event = vpk_log_find(fn->host, VPK_ZAP, 0);
	KUNIT_ASSERT_NOT_NULL(test, event);
	KUNIT_EXPECT_EQ_MSG(test, event->b, 0, "DMABUFs zapped");
}

/* The ranges in their order, wherever the VMA starts. */
static void export_ranges(struct kunit *test)
{
	const struct vfio_region_dma_range ranges[] = {
		{ 4 * PAGE_SIZE, PAGE_SIZE }, { 0, 2 * PAGE_SIZE },
		{ 8 * PAGE_SIZE, PAGE_SIZE },
	};
	const u64 page[] = { 4, 0, 1, 8 };
	struct vpk_function *fn = vpk_exporter(test);
	struct vpk_map *whole, *tail;
	struct dma_buf *dmabuf;
	unsigned long pfn;
	int i;

	dmabuf = vpk_try_export(fn, 0, ranges, ARRAY_SIZE(ranges));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dmabuf);
	vpk_put_later(test, dmabuf);
	whole = vpk_map_dmabuf(test, fn, dmabuf, O_RDWR);
	tail = vpk_map_dmabuf_at(test, fn, dmabuf, O_RDWR, 2 * PAGE_SIZE,
				 2 * PAGE_SIZE);
	for (i = 0; i < ARRAY_SIZE(page); i++) {
		KUNIT_EXPECT_EQ(test, vpk_touch(whole, i * PAGE_SIZE), 0);
		KUNIT_ASSERT_EQ(test, vpk_pfn(whole, i * PAGE_SIZE, &pfn, NULL),
				0);
		KUNIT_EXPECT_EQ(test, pfn,
				vpk_bar_pfn(fn, 0, page[i] * PAGE_SIZE));
	}
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, vpk_touch(tail, i * PAGE_SIZE), 0);
		KUNIT_ASSERT_EQ(test, vpk_pfn(tail, i * PAGE_SIZE, &pfn, NULL),
				0);
		KUNIT_EXPECT_EQ(test, pfn,
				vpk_bar_pfn(fn, 0, page[i + 2] * PAGE_SIZE));
	}
}

/* The VMA is split, and parts of it go away: what is left is still zapped. */
static void export_split(struct kunit *test)
{
	struct vpk_function *fn = vpk_exporter(test);
	struct dma_buf *dmabuf = vpk_export(test, fn, 0, 0, 3 * PAGE_SIZE);
	struct vpk_map *map = vpk_map_dmabuf(test, fn, dmabuf, O_RDWR);

	KUNIT_EXPECT_EQ(test, vm_munmap(map->addr + PAGE_SIZE, PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 2 * PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, vm_munmap(map->addr, PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 2 * PAGE_SIZE));
}

/* A BAR of 2 MiB is mapped by one entry, where the architecture has these. */
static void export_huge(struct kunit *test)
{
	struct vpk_function *fn;
	struct dma_buf *dmabuf;
	unsigned long pfn, size;
	struct vpk_map *map;

	if (!IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP))
		kunit_skip(test, "no huge mappings of PFNs here");
	fn = vpk_exporter(test);
	dmabuf = vpk_export(test, fn, 2, 0, SZ_2M);
	map = vpk_map_dmabuf(test, fn, dmabuf, O_RDWR);
	KUNIT_ASSERT_EQ(test, vpk_touch(map, SZ_1M), 0);
	KUNIT_ASSERT_EQ(test, vpk_pfn(map, SZ_1M, &pfn, &size), 0);
	KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(fn, 2, SZ_1M));
	KUNIT_EXPECT_EQ(test, size, IS_ALIGNED(map->addr, SZ_2M) ? SZ_2M :
								   PAGE_SIZE);
}

/* What mmap() has to refuse. */
static void export_refused(struct kunit *test)
{
	const unsigned long rw = PROT_READ | PROT_WRITE;
	struct vpk_function *fn = vpk_exporter(test);
	struct dma_buf *dmabuf, *read, *write;

	dmabuf = vpk_export(test, fn, 0, 0, PAGE_SIZE);
	read = vpk_export_as(test, fn, 0, 0, PAGE_SIZE, O_RDONLY);
	write = vpk_export_as(test, fn, 0, 0, PAGE_SIZE, O_WRONLY);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap_dmabuf(test, dmabuf, 0, PAGE_SIZE,
						  rw, MAP_SHARED), 0);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap_dmabuf(test, dmabuf, 0, PAGE_SIZE,
						  rw, MAP_PRIVATE), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap_dmabuf(test, dmabuf, PAGE_SIZE,
						  PAGE_SIZE, rw, MAP_SHARED),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap_dmabuf(test, dmabuf, 0,
						  2 * PAGE_SIZE, rw,
						  MAP_SHARED), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap_dmabuf(test, read, 0, PAGE_SIZE,
						  rw, MAP_SHARED), -EACCES);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap_dmabuf(test, read, 0, PAGE_SIZE,
						  PROT_READ, MAP_PRIVATE),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap_dmabuf(test, read, 0, PAGE_SIZE,
						  PROT_READ, MAP_SHARED), 0);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap_dmabuf(test, write, 0, PAGE_SIZE,
						  PROT_WRITE, MAP_SHARED),
			-EACCES);
}

/*
 * C13: mprotect() does not get more than the export has, even if a driver that
 * passes its mmap() on to the DMABUF has a writable file.
 */
static void export_passed_on(struct kunit *test)
{
	const vm_flags_t may = VM_MAYREAD | VM_MAYWRITE;
	struct vpk_function *fn = vpk_exporter(test);
	struct vm_area_struct *vma;
	struct dma_buf *read;
	struct vpk_map *map;

	read = vpk_export_as(test, fn, 0, 0, PAGE_SIZE, O_RDONLY);
	map = vpk_map_dmabuf(test, fn, read, O_RDONLY);
	vma = vpk_vma_get(map, 0);
	KUNIT_EXPECT_TRUE(test, vma && (vma->vm_flags & may) == VM_MAYREAD);
	vpk_vma_put(map);

	/* As dma_buf_mmap() of such a driver finds it. */
	mmap_write_lock(fn->host->mm);
	vma = vma_lookup(fn->host->mm, map->addr);
	if (vma) {
		const struct vm_operations_struct *ops = vma->vm_ops;

		vm_flags_set(vma, VM_SHARED | VM_WRITE | VM_MAYWRITE);
		KUNIT_EXPECT_EQ(test, dma_buf_mmap(read, vma, 0), -EACCES);
		vm_flags_clear(vma, VM_SHARED | VM_WRITE | VM_MAYWRITE);
		KUNIT_EXPECT_PTR_EQ(test, vma->vm_ops, ops);
	}
	mmap_write_unlock(fn->host->mm);
}

static int vpk_no_mmap_info(struct vfio_device *core_vdev,
			    struct vfio_region_info *info,
			    struct vfio_info_cap *caps)
{
	int ret = vfio_pci_ioctl_get_region_info(core_vdev, info, caps);

	info->flags &= ~VFIO_REGION_INFO_FLAG_MMAP;
	return ret;
}

/* C13: what region info says cannot be mapped cannot be mapped this way. */
static void export_region_without_mmap(struct kunit *test)
{
	struct vfio_device_ops *ops;
	struct vpk_function *fn;
	struct dma_buf *dmabuf;
	struct vpk_host *host;

	vpk_need_importers(test);
	ops = kunit_kzalloc(test, sizeof(*ops), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ops);
	*ops = *vpk_driver_ops();
	ops->get_region_info_caps = vpk_no_mmap_info;
	host = vpk_host_create(test);
	fn = vpk_function_add(test, host, &vpk_full);
	fn->driver.ops = ops;
	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	vpk_open(test, fn);
	dmabuf = vpk_export(test, fn, 0, 0, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap_dmabuf(test, dmabuf, 0, PAGE_SIZE,
						  PROT_READ, MAP_SHARED),
			-EINVAL);
}

/*
 * Memory that is no BAR, as nvgrace-gpu exports it: the core does not know its
 * type. Here it is past the end of BAR 2, by one page.
 */
static int vpk_beyond_bar(struct vfio_pci_core_device *vdev,
			  struct p2pdma_provider **provider,
			  unsigned int region_index, struct phys_vec *phys_vec,
			  struct vfio_region_dma_range *ranges,
			  size_t nr_ranges)
{
	int ret = vfio_pci_core_get_dmabuf_phys(vdev, provider, region_index,
						phys_vec, ranges, nr_ranges);

	phys_vec->paddr += PAGE_SIZE;
	return ret;
}

static const struct vfio_pci_device_ops vpk_beyond_ops = {
	.get_dmabuf_phys = vpk_beyond_bar,
};

static void vpk_go_beyond(struct vfio_pci_core_device *vdev, void *data)
{
	vdev->pci_ops = &vpk_beyond_ops;
}

static void export_other_memory(struct kunit *test)
{
	struct vpk_function *fn;
	struct dma_buf *dmabuf;
	struct vpk_host *host;

	vpk_need_importers(test);
	host = vpk_host_create(test);
	fn = vpk_function_add(test, host, &vpk_full);
	fn->driver.before_register = vpk_go_beyond;
	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	vpk_open(test, fn);
	dmabuf = vpk_export(test, fn, 2, 0, SZ_2M);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap_dmabuf(test, dmabuf, 0, PAGE_SIZE,
						  PROT_READ, MAP_SHARED),
			-EINVAL);
	dmabuf = vpk_export(test, fn, 2, 0, SZ_1M);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap_dmabuf(test, dmabuf, 0, PAGE_SIZE,
						  PROT_READ, MAP_SHARED), 0);
}

/* C10: a BAR that somebody else has reserved is not the user's to give away. */
static void export_busy_bar(struct kunit *test)
{
	const struct vfio_region_dma_range range = { 0, PAGE_SIZE };
	struct vpk_function *fn;
	struct dma_buf *dmabuf;
	struct vpk_host *host;

	vpk_need_importers(test);
	host = vpk_host_create(test);
	fn = vpk_function_add(test, host, &vpk_full);
	vpk_host_probe(test, host);
	KUNIT_ASSERT_EQ(test, pci_request_region(fn->pdev, 0, "test"), 0);
	vpk_bind(test, fn, VPK_DRIVER);
	vpk_open(test, fn);
	dmabuf = vpk_try_export(fn, 0, &range, 1);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(dmabuf), -ENODEV);
	vpk_export(test, fn, 2, 0, PAGE_SIZE);
	vpk_close(fn);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
	pci_release_region(fn->pdev, 0);
}

/*
 * A mapping does not keep the device open. It is dead once the device has
 * closed, and stays so when that is open again, and without its driver.
 */
static void export_close(struct kunit *test)
{
	struct vpk_function *fn = vpk_exporter(test);
	struct dma_buf *dmabuf;
	struct vpk_map *map;

	map = vpk_export_map(test, fn, &dmabuf);
	KUNIT_ASSERT_EQ(test, vpk_touch(map, 0), 0);
	vpk_close(fn);
	KUNIT_ASSERT_TRUE(test, vpk_wait_open_count(fn, 0));
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap_dmabuf(test, dmabuf, 0, PAGE_SIZE,
						  PROT_READ, MAP_SHARED),
			-ENODEV);

	vpk_open(test, fn);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, vpk_revoke_export(fn, dmabuf), -ENODEV);
	vpk_close(fn);
	KUNIT_ASSERT_TRUE(test, vpk_wait_open_count(fn, 0));

	vpk_unbind(fn);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), -EFAULT);
	vpk_unmap(map);
}

/* C6: the address_space outlives the struct file, which an O_PATH fd does not pin. */
static void export_o_path(struct kunit *test)
{
	const struct vfio_region_dma_range range = { 0, SZ_4K };
	struct vpk_function *fn = vpk_exporter(test);
	struct dma_buf *dmabuf;
	struct vpk_map *map;
	struct path path;

	dmabuf = vpk_try_export(fn, 0, &range, 1);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dmabuf);
	map = vpk_map_dmabuf(test, fn, dmabuf, O_RDWR);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	path = dmabuf->file->f_path;
	path_get(&path);
	dma_buf_put(dmabuf);
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	vpk_unmap(map);
	flush_delayed_fput();
	rcu_barrier();

	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	vpk_close(fn);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
	path_put(&path);
	rcu_barrier();
}

static const enum vpk_fault_kind vpk_waiting_kinds[] = {
	VPK_FAULT_RETRY, VPK_FAULT_FINAL,
};

static void vpk_waiting_desc(const enum vpk_fault_kind *kind, char *desc)
{
	strscpy(desc, *kind == VPK_FAULT_RETRY ? "retry" : "final",
		KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(vpk_waiting, vpk_waiting_kinds, vpk_waiting_desc);

static unsigned int vpk_export_registrations(struct vpk_function *fn)
{
	return refcount_read(&fn->vdev->vdev.refcount);
}

/*
 * C2: a fault that waits has a registration of the device, so that its memory
 * stays; one that may be started again holds no lock of mm's.
 */
static void export_fault_waits(struct kunit *test)
{
	enum vpk_fault_kind kind =
		*(const enum vpk_fault_kind *)test->param_value;
	struct vpk_function *fn = vpk_exporter(test);
	struct vpk_lock_holder *holder;
	struct vpk_faulter *faulter;
	struct dma_buf *dmabuf;
	struct vpk_map *map;
	unsigned int before;

	map = vpk_export_map(test, fn, &dmabuf);
	before = vpk_export_registrations(fn);
	faulter = vpk_faulter_start(test, map, kind);
	holder = vpk_hold_memory_lock(test, fn, true);
	vpk_faulter_go(test, faulter);
	if (kind == VPK_FAULT_RETRY)
		KUNIT_EXPECT_TRUE_MSG(test, vpk_mmap_lock_free(faulter->mm),
				      "the fault keeps mmap_lock while it waits");
	KUNIT_EXPECT_EQ_MSG(test, vpk_export_registrations(fn), before + 1,
			    "nothing keeps the device's memory");
	vpk_drop_memory_lock(holder);
	KUNIT_EXPECT_TRUE(test, vpk_faulter_done(faulter, 10000));
	KUNIT_EXPECT_EQ(test, faulter->result, 0);
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_export_registrations(fn), before);
	vpk_expect_no_lock_held(test, fn);
}

/* C2: the wait ends when the task is killed. */
static void export_fault_killed(struct kunit *test)
{
	enum vpk_fault_kind kind =
		*(const enum vpk_fault_kind *)test->param_value;
	struct vpk_function *fn = vpk_exporter(test);
	struct vpk_faulter *faulter;
	struct dma_buf *dmabuf;
	struct vpk_map *map;
	unsigned int before;

	map = vpk_export_map(test, fn, &dmabuf);
	before = vpk_export_registrations(fn);
	faulter = vpk_faulter_start(test, map, kind);
	vpk_hold_memory_lock(test, fn, true);
	vpk_faulter_go(test, faulter);
	vpk_faulter_kill(faulter);
	KUNIT_ASSERT_TRUE_MSG(test, vpk_faulter_done(faulter, 1000),
			      "the wait does not end with SIGKILL");
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_export_registrations(fn), before);
}

static long vpk_close_in_worker(void *data)
{
	vpk_close(data);
	return 0;
}

/* Until someone waits for memory_lock, which another thread holds. */
static void vpk_wait_contended(struct kunit *test, struct vpk_function *fn)
{
	struct rw_semaphore *lock = &fn->vdev->memory_lock;
	int i;

	for (i = 0; i < 1000 && !rwsem_is_contended(lock); i++)
		fsleep(1000);
	KUNIT_EXPECT_TRUE(test, rwsem_is_contended(lock));
}

/*
 * C2: all goes away under a fault that waits: the mapping, the DMABUF, and the
 * device's last file. The fault keeps the DMABUF, and not the device's file.
 */
static void export_fault_and_close(struct kunit *test)
{
	const struct vfio_region_dma_range range = { 0, SZ_4K };
	struct vpk_function *fn = vpk_exporter(test);
	struct vpk_lock_holder *holder;
	struct vpk_faulter *faulter;
	struct vpk_worker *closer;
	struct dma_buf *dmabuf;
	struct vpk_map *map;

	dmabuf = vpk_try_export(fn, 0, &range, 1);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dmabuf);
	map = vpk_map_dmabuf(test, fn, dmabuf, O_RDWR);
	faulter = vpk_faulter_start(test, map, VPK_FAULT_RETRY);
	closer = vpk_worker_start(test, fn->host, vpk_close_in_worker, fn);
	holder = vpk_hold_memory_lock(test, fn, true);
	vpk_faulter_go(test, faulter);
	if (!vpk_mmap_lock_free(faulter->mm)) {
		KUNIT_FAIL(test, "the fault keeps mmap_lock while it waits");
		dma_buf_put(dmabuf);
		return;
	}
	vpk_unmap(map);
	KUNIT_EXPECT_EQ_MSG(test, vpk_file_refs(dmabuf->file), 2,
			    "ours, and the fault's");
	KUNIT_EXPECT_EQ_MSG(test, vpk_file_refs(fn->device), 1,
			    "the fault keeps the device open");
	dma_buf_put(dmabuf);
	vpk_worker_go(closer);
	KUNIT_EXPECT_FALSE(test, vpk_faulter_done(faulter, 10));
	vpk_drop_memory_lock(holder);
	KUNIT_EXPECT_TRUE(test, vpk_faulter_done(faulter, 10000));
	KUNIT_EXPECT_EQ(test, faulter->result, -EFAULT);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(closer), 0);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
	vpk_unbind(fn);
}

/*
 * C2: the device closes while a fault waits that will not start again. When the
 * fault gets memory_lock, memory is still enabled, but the DMABUF is nobody's.
 */
static void export_fault_behind_close(struct kunit *test)
{
	struct vpk_function *fn = vpk_exporter(test);
	struct vpk_lock_holder *holder;
	struct vpk_faulter *faulter;
	struct vpk_worker *closer;
	struct dma_buf *dmabuf;
	struct vpk_map *map;
	unsigned int before;

	map = vpk_export_map(test, fn, &dmabuf);
	before = vpk_export_registrations(fn);
	faulter = vpk_faulter_start(test, map, VPK_FAULT_FINAL);
	closer = vpk_worker_start(test, fn->host, vpk_close_in_worker, fn);
	holder = vpk_hold_memory_lock(test, fn, true);
	vpk_worker_go(closer);
	vpk_wait_contended(test, fn);
	complete_all(&faulter->go);
	KUNIT_EXPECT_FALSE(test, vpk_faulter_done(faulter, 10));
	KUNIT_EXPECT_EQ(test, vpk_export_registrations(fn), before + 1);
	vpk_drop_memory_lock(holder);
	KUNIT_EXPECT_TRUE(test, vpk_faulter_done(faulter, 10000));
	KUNIT_EXPECT_EQ(test, faulter->result, -EFAULT);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(closer), 0);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
}

/* A device that exports and one that imports */
struct vpk_lending {
	struct vpk_host *host;
	struct vpk_function *fn;
	struct vpk_function *by;
	struct dma_buf *dmabuf;
	struct vpk_importer *importer;
	struct vpk_map *map;
};

static void vpk_lend(struct kunit *test, struct vpk_lending *on)
{
	const struct vpk_function_config small = { .bar_size = { SZ_4K } };

	vpk_need_importers(test);
	on->host = vpk_host_create(test);
	on->fn = vpk_function_add(test, on->host, &vpk_full);
	on->by = vpk_function_add(test, on->host, &small);
	vpk_host_probe(test, on->host);
	vpk_bind(test, on->fn, VPK_DRIVER);
	vpk_open(test, on->fn);
	on->map = vpk_export_map(test, on->fn, &on->dmabuf);
	KUNIT_ASSERT_EQ(test, vpk_touch(on->map, 0), 0);
	on->importer = vpk_importer_attach(test, on->fn, on->dmabuf, on->by);
	KUNIT_ASSERT_EQ(test, vpk_importer_map(on->importer), 0);
	vpk_log_clear(on->host);
}

/* Nothing works any more with a DMABUF that was revoked for good. */
static void vpk_revoked_check(struct kunit *test, struct vpk_lending *on)
{
	KUNIT_EXPECT_FALSE(test, vpk_mapped(on->map, 0));
	KUNIT_EXPECT_EQ(test, vpk_touch(on->map, 0), -EFAULT);
	KUNIT_EXPECT_FALSE(test, vpk_importer_mapped(on->importer));
	KUNIT_EXPECT_EQ(test, vpk_importer_map(on->importer), -ENODEV);
	KUNIT_EXPECT_EQ(test, vpk_try_attach(on->dmabuf, on->by), -ENODEV);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap_dmabuf(test, on->dmabuf, 0,
						  PAGE_SIZE, PROT_READ,
						  MAP_SHARED), -ENODEV);
	KUNIT_EXPECT_EQ(test, vpk_revoke_export(on->fn, on->dmabuf), -EBADFD);
}

/* Revoked for good: the zap first, then the wait, and nothing revives it. */
static void export_revoke(struct kunit *test)
{
	const struct vpk_event *event;
	struct vpk_lending on = {};

	vpk_lend(test, &on);
	vpk_importer_slow(on.importer, 50);
	KUNIT_EXPECT_EQ(test, vpk_revoke_export(on.fn, on.dmabuf), 0);
	VPK_EXPECT_ORDER(test, on.host, "zap invalidate release revoke");
	event = vpk_log_find(on.host, VPK_INVALIDATE, 0);
	KUNIT_ASSERT_NOT_NULL(test, event);
	KUNIT_EXPECT_FALSE_MSG(test, event->mapped, "users were not out");
	event = vpk_log_find(on.host, VPK_REVOKE, 0);
	KUNIT_ASSERT_NOT_NULL(test, event);
	KUNIT_EXPECT_EQ_MSG(test, event->a, 1, "DMABUFs revoked");
	KUNIT_EXPECT_EQ_MSG(test, event->b, 1, "DMABUFs waited for");
	vpk_revoked_check(test, &on);

	KUNIT_EXPECT_EQ(test, vpk_reset(on.fn), 0);
	vpk_revoked_check(test, &on);
	vpk_log_clear(on.host);
	KUNIT_EXPECT_EQ(test, vpk_memory(on.fn, false), 0);
	event = vpk_log_find(on.host, VPK_ZAP, 0);
	KUNIT_ASSERT_NOT_NULL(test, event);
	KUNIT_EXPECT_EQ_MSG(test, event->b, 0, "a dead mapping costs a zap");
	KUNIT_EXPECT_EQ(test, vpk_memory(on.fn, true), 0);
	vpk_revoked_check(test, &on);
}

/* Also while the device is revoked, when importers were told before. */
static void export_revoke_while_revoked(struct kunit *test)
{
	struct vpk_lending on = {};

	vpk_lend(test, &on);
	KUNIT_EXPECT_EQ(test, vpk_power(on.fn, PCI_D3hot), 0);
	vpk_log_clear(on.host);
	KUNIT_EXPECT_EQ(test, vpk_revoke_export(on.fn, on.dmabuf), 0);
	VPK_EXPECT_ORDER(test, on.host, "zap revoke");
	KUNIT_EXPECT_EQ(test, vpk_power(on.fn, PCI_D0), 0);
	vpk_revoked_check(test, &on);
}

/* Others that have the range are not affected, and it can be exported anew. */
static void export_revoke_one_only(struct kunit *test)
{
	struct vpk_importer *importer;
	struct vpk_map *device, *map;
	struct vpk_lending on = {};
	struct dma_buf *other;

	vpk_lend(test, &on);
	device = vpk_map(test, on.fn, 0, PAGE_SIZE, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, vpk_touch(device, 0), 0);
	map = vpk_export_map(test, on.fn, &other);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	importer = vpk_importer_attach(test, on.fn, other, on.by);
	KUNIT_EXPECT_EQ(test, vpk_importer_map(importer), 0);

	KUNIT_EXPECT_EQ(test, vpk_revoke_export(on.fn, on.dmabuf), 0);
	vpk_revoked_check(test, &on);
	KUNIT_EXPECT_TRUE(test, vpk_mapped(device, 0));
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_TRUE(test, vpk_importer_mapped(importer));

	map = vpk_export_map(test, on.fn, &other);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	importer = vpk_importer_attach(test, on.fn, other, on.by);
	KUNIT_EXPECT_EQ(test, vpk_importer_map(importer), 0);
	vpk_revoked_check(test, &on);
}

struct vpk_revoking {
	struct vpk_function *fn;
	struct dma_buf *dmabuf;
};

static long vpk_revoke_in_worker(void *data)
{
	struct vpk_revoking *on = data;

	return vpk_revoke_export(on->fn, on->dmabuf);
}

/* A fault that waits behind the one who revokes for good finds nothing. */
static void export_revoke_and_fault(struct kunit *test)
{
	struct vpk_function *fn = vpk_exporter(test);
	struct vpk_revoking on = { .fn = fn };
	struct vpk_lock_holder *holder;
	struct vpk_faulter *faulter;
	struct vpk_worker *worker;
	struct vpk_map *map;

	map = vpk_export_map(test, fn, &on.dmabuf);
	faulter = vpk_faulter_start(test, map, VPK_FAULT_RETRY);
	worker = vpk_worker_start(test, fn->host, vpk_revoke_in_worker, &on);
	holder = vpk_hold_memory_lock(test, fn, true);
	vpk_worker_go(worker);
	vpk_wait_contended(test, fn);
	complete_all(&faulter->go);
	KUNIT_EXPECT_FALSE(test, vpk_faulter_done(faulter, 10));
	KUNIT_EXPECT_FALSE(test, vpk_worker_done(worker));
	vpk_drop_memory_lock(holder);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(worker), 0);
	KUNIT_EXPECT_TRUE(test, vpk_faulter_done(faulter, 10000));
	KUNIT_EXPECT_EQ(test, faulter->result, -EFAULT);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
}

/* Who waits for a reset to end in order to revoke can be killed. */
static void export_revoke_killed(struct kunit *test)
{
	struct vpk_function *fn = vpk_exporter(test);
	struct vpk_revoking on = { .fn = fn };
	struct vpk_lock_holder *holder;
	struct vpk_worker *worker;
	struct vpk_map *map;

	map = vpk_export_map(test, fn, &on.dmabuf);
	worker = vpk_worker_start(test, fn->host, vpk_revoke_in_worker, &on);
	holder = vpk_hold_memory_lock(test, fn, true);
	vpk_worker_go(worker);
	vpk_worker_kill(worker);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(worker), -EINTR);
	vpk_drop_memory_lock(holder);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_EXPECT_EQ(test, vpk_revoke_export(fn, on.dmabuf), 0);
}

/* What both features say of a file descriptor that is not the device's DMABUF. */
static void export_not_ours(struct kunit *test)
{
	struct vfio_device_feature_dma_buf_memattr attr = { .dmabuf_fd = -1 };
	struct vfio_device_feature_dma_buf_revoke revoke = { .dmabuf_fd = -1 };
	struct vpk_function *fn[2];
	struct vpk_host *host;
	struct dma_buf *dmabuf;
	int i;

	vpk_need_importers(test);
	host = vpk_host_create(test);
	for (i = 0; i < 2; i++)
		fn[i] = vpk_function_add(test, host, &vpk_full);
	vpk_host_probe(test, host);
	for (i = 0; i < 2; i++) {
		vpk_bind(test, fn[i], VPK_DRIVER);
		vpk_open(test, fn[i]);
	}
	dmabuf = vpk_export(test, fn[0], 0, 0, PAGE_SIZE);

	KUNIT_EXPECT_EQ(test, vpk_revoke_export(fn[1], dmabuf), -ENODEV);
	KUNIT_EXPECT_EQ(test, vpk_export_memattr(fn[1], dmabuf,
						 VFIO_DMA_BUF_MEMATTR_NC),
			-ENODEV);
	KUNIT_EXPECT_EQ(test, vpk_feature(fn[0], VFIO_DEVICE_FEATURE_SET |
					  VFIO_DEVICE_FEATURE_DMA_BUF_REVOKE,
					  &revoke, sizeof(revoke)), -EBADF);
	KUNIT_EXPECT_EQ(test, vpk_feature(fn[0], VFIO_DEVICE_FEATURE_SET |
					  VFIO_DEVICE_FEATURE_DMA_BUF_MEMATTR,
					  &attr, sizeof(attr)), -EBADF);
	KUNIT_EXPECT_EQ(test, vpk_feature(fn[0], VFIO_DEVICE_FEATURE_SET |
					  VFIO_DEVICE_FEATURE_DMA_BUF_REVOKE,
					  &revoke, sizeof(revoke) - 1),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_feature(fn[0], VFIO_DEVICE_FEATURE_GET |
					  VFIO_DEVICE_FEATURE_DMA_BUF_REVOKE,
					  &revoke, sizeof(revoke)), -EINVAL);
	/* None of that has harmed the one that it was not about. */
	KUNIT_EXPECT_EQ(test, vpk_revoke_export(fn[0], dmabuf), 0);
}

static int vpk_probe_feature(struct vpk_function *fn, u32 feature)
{
	return vpk_feature(fn, VFIO_DEVICE_FEATURE_PROBE |
			   VFIO_DEVICE_FEATURE_SET | feature, NULL, 0);
}

static const struct vfio_pci_device_ops vpk_no_export_ops = {};

static void vpk_export_nothing(struct vfio_pci_core_device *vdev, void *data)
{
	vdev->pci_ops = &vpk_no_export_ops;
}

/* Programs probe before they use a number that is not upstream's. */
static void export_probe(struct kunit *test)
{
	struct vpk_function *fn[2];
	struct vpk_host *host;
	int i;

	vpk_need_importers(test);
	host = vpk_host_create(test);
	for (i = 0; i < 2; i++)
		fn[i] = vpk_function_add(test, host, &vpk_full);
	fn[1]->driver.before_register = vpk_export_nothing;
	vpk_host_probe(test, host);
	for (i = 0; i < 2; i++) {
		int expected = i ? -EOPNOTSUPP : 0, ret;

		vpk_bind(test, fn[i], VPK_DRIVER);
		vpk_open(test, fn[i]);
		ret = vpk_probe_feature(fn[i],
					VFIO_DEVICE_FEATURE_DMA_BUF_REVOKE);
		KUNIT_EXPECT_EQ(test, ret, expected);
		ret = vpk_probe_feature(fn[i],
					VFIO_DEVICE_FEATURE_DMA_BUF_MEMATTR);
		KUNIT_EXPECT_EQ(test, ret, expected);
	}
}

/* C14: a memory type that mappings cannot have is refused, not replaced. */
static void export_memattr(struct kunit *test)
{
	struct vpk_function *fn = vpk_exporter(test);
	struct dma_buf *dmabuf = vpk_export(test, fn, 0, 0, PAGE_SIZE);

	KUNIT_EXPECT_EQ(test, vpk_export_memattr(fn, dmabuf,
						 VFIO_DMA_BUF_MEMATTR_NC), 0);
	KUNIT_EXPECT_EQ(test, vpk_export_memattr(fn, dmabuf,
						 VFIO_DMA_BUF_MEMATTR_WC),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, vpk_export_memattr(fn, dmabuf,
						 VFIO_DMA_BUF_MEMATTR_WC + 1),
			-ENOENT);
	KUNIT_EXPECT_EQ(test, vpk_revoke_export(fn, dmabuf), 0);
	KUNIT_EXPECT_EQ(test, vpk_export_memattr(fn, dmabuf,
						 VFIO_DMA_BUF_MEMATTR_NC),
			-EBADFD);
	KUNIT_EXPECT_EQ(test, vpk_export_memattr(fn, dmabuf,
						 VFIO_DMA_BUF_MEMATTR_WC),
			-EBADFD);
}

/*
 * C10: a page behind the last range has no PFN, whatever lies behind the array.
 */
static void export_behind_ranges(struct kunit *test)
{
	const struct phys_vec vec[] = {
		{ .paddr = SZ_1M, .len = 2 * PAGE_SIZE },
		{ .paddr = SZ_4M, .len = 2 * PAGE_SIZE },
	};
	unsigned long pfn;

	KUNIT_EXPECT_TRUE(test, vfio_pci_phys_vec_pfn(vec, 1, 1, 1, &pfn));
	KUNIT_EXPECT_EQ(test, pfn, PHYS_PFN(SZ_1M) + 1);
	KUNIT_EXPECT_FALSE(test, vfio_pci_phys_vec_pfn(vec, 1, 1, 2, &pfn));
	KUNIT_EXPECT_FALSE(test, vfio_pci_phys_vec_pfn(vec, 1, 2, 1, &pfn));
}

static struct kunit_case vpk_exports_cases[] = {
	KUNIT_CASE_PARAM(export_path, vpk_path_gen_params),
	KUNIT_CASE_PARAM(export_path_read_only, vpk_path_gen_params),
	KUNIT_CASE(export_reader_in_d0),
	KUNIT_CASE(export_zap_counts),
	KUNIT_CASE(export_ranges),
	KUNIT_CASE(export_behind_ranges),
	KUNIT_CASE(export_split),
	KUNIT_CASE(export_huge),
	KUNIT_CASE(export_refused),
	KUNIT_CASE(export_passed_on),
	KUNIT_CASE(export_region_without_mmap),
	KUNIT_CASE(export_other_memory),
	KUNIT_CASE(export_busy_bar),
	KUNIT_CASE(export_close),
	KUNIT_CASE(export_o_path),
	KUNIT_CASE_PARAM(export_fault_waits, vpk_waiting_gen_params),
	KUNIT_CASE_PARAM(export_fault_killed, vpk_waiting_gen_params),
	KUNIT_CASE(export_fault_and_close),
	KUNIT_CASE(export_fault_behind_close),
	KUNIT_CASE(export_revoke),
	KUNIT_CASE(export_revoke_while_revoked),
	KUNIT_CASE(export_revoke_one_only),
	KUNIT_CASE(export_revoke_and_fault),
	KUNIT_CASE(export_revoke_killed),
	KUNIT_CASE(export_not_ours),
	KUNIT_CASE(export_probe),
	KUNIT_CASE(export_memattr),
	{}
};

static struct kunit_suite vpk_exports_suite = {
	.name = "vfio-pci-core-exports",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_exports_cases,
};

kunit_test_suite(vpk_exports_suite);
