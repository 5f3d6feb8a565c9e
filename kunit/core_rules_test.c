// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core suite: rules C1, C2, C4, C5 and C7 of the contract between the VFIO PCI
 * core and its variant drivers. core_paths_test.c has C3, the order.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>

#include "vfio_pci_kunit.h"

static const struct vpk_function_config vpk_full = VPK_FULL_CONFIG;

/* C1: the VMA's file is a DMABUF's, and its name says which device and BAR. */
static void c1_dmabuf_backed(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_map(test, fn, 2, SZ_1M, PAGE_SIZE);
	char *buf = kunit_kzalloc(test, 256, GFP_KERNEL);
	char *want = kunit_kzalloc(test, 256, GFP_KERNEL);
	struct vm_area_struct *vma;
	unsigned long pgoff = 0;
	char *path = NULL;
	loff_t size = 0;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_NOT_NULL(test, want);
	vma = vpk_vma_get(map, 0);
	if (vma) {
		path = d_path(&vma->vm_file->f_path, buf, 256);
		pgoff = vma->vm_pgoff;
		size = i_size_read(file_inode(vma->vm_file));
	}
	vpk_vma_put(map);

	KUNIT_EXPECT_TRUE(test, vpk_in_dmabuf(map));
	KUNIT_EXPECT_FALSE(test, vpk_in_device_space(map));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, path);
	snprintf(want, 256, "/dmabuf:vfio:%s:BAR2", pci_name(fn->pdev));
	KUNIT_EXPECT_STREQ(test, path, want);
	KUNIT_EXPECT_EQ(test, pgoff, SZ_1M >> PAGE_SHIFT);
	KUNIT_EXPECT_EQ_MSG(test, size, SZ_2M, "the DMABUF is as long as the BAR");
}

/* C1: a page of each BAR, at any offset, is zapped and faults in again. */
static void c1_every_bar_and_offset(struct kunit *test)
{
	static const struct { unsigned int bar; u32 off; } at[] = {
		{ 0, 0 }, { 0, SZ_64K - SZ_4K }, { 2, 0 }, { 2, SZ_1M },
		{ 2, SZ_2M - SZ_4K }, { 4, 0 },
	};
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map[ARRAY_SIZE(at)];
	unsigned long pfn;
	int i;

	for (i = 0; i < ARRAY_SIZE(at); i++) {
		map[i] = vpk_map(test, fn, at[i].bar, at[i].off, PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, vpk_touch(map[i], 0), 0);
	}
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	for (i = 0; i < ARRAY_SIZE(at); i++)
		KUNIT_EXPECT_FALSE_MSG(test, vpk_mapped(map[i], 0),
				       "BAR %u, offset %#x is still mapped",
				       at[i].bar, at[i].off);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		KUNIT_EXPECT_EQ(test, vpk_touch(map[i], 0), 0);
		KUNIT_ASSERT_EQ(test, vpk_pfn(map[i], 0, &pfn, NULL), 0);
		KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(fn, at[i].bar,
						       at[i].off));
	}
}

/* C1: all parts of a mapping that a partial munmap() has split are zapped. */
static void c1_split(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_map(test, fn, 0, 4 * PAGE_SIZE,
				      5 * PAGE_SIZE);
	unsigned long pfn;

	KUNIT_ASSERT_EQ(test, vm_munmap(map->addr + 2 * PAGE_SIZE, PAGE_SIZE),
			0);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 4 * PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 2 * PAGE_SIZE), -EFAULT);
	KUNIT_ASSERT_EQ(test, vpk_pfn(map, 4 * PAGE_SIZE, &pfn, NULL), 0);
	KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(fn, 0, 8 * PAGE_SIZE));

	KUNIT_EXPECT_EQ(test, vpk_power(fn, PCI_D3hot), 0);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 4 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, vpk_power(fn, PCI_D0), 0);

	/* Each part keeps the device open by itself. */
	vpk_close(fn);
	vm_munmap(map->addr, 2 * PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 1));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 4 * PAGE_SIZE), 0);
	vpk_unmap(map);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
}

/* C1: all mappings of the same page are zapped. */
static void c1_aliases(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *a = vpk_map(test, fn, 2, 0, 2 * PAGE_SIZE);
	struct vpk_map *b = vpk_map(test, fn, 2, PAGE_SIZE, PAGE_SIZE);

	KUNIT_EXPECT_EQ(test, vpk_touch(a, PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch(b, 0), 0);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(a, PAGE_SIZE));
	KUNIT_EXPECT_FALSE(test, vpk_mapped(b, 0));
}

/* C1: huge entries are zapped too, where the architecture has them. */
static void c1_huge(struct kunit *test)
{
	const struct vpk_function_config config = {
		.bar_size = { SZ_8M }, .pm = true,
	};
	struct vpk_function *fn;
	unsigned long pfn, size;
	struct vpk_map *map;

	if (!IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP))
		kunit_skip(test, "this architecture maps PFNs page by page");
	fn = vpk_device(test, &config, VPK_DRIVER);
	map = vpk_map(test, fn, 0, 0, SZ_8M);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, SZ_4M), 0);
	KUNIT_ASSERT_EQ(test, vpk_pfn(map, SZ_4M, &pfn, &size), 0);
	KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(fn, 0, SZ_4M));
	if (IS_ALIGNED(map->addr, PMD_SIZE))
		KUNIT_EXPECT_EQ(test, size, PMD_SIZE);
	KUNIT_EXPECT_EQ(test, vpk_power(fn, PCI_D3hot), 0);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, SZ_4M));
}

/* C1, C10: mmap() refuses what the unpatched core refuses. */
static void c1_refused(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	u64 bar0 = VFIO_PCI_INDEX_TO_OFFSET(0), bar4;
	unsigned long rw = PROT_READ | PROT_WRITE;

	bar4 = VFIO_PCI_INDEX_TO_OFFSET(4);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, bar0, SZ_64K, rw,
					   MAP_SHARED), 0);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, bar0, SZ_64K + PAGE_SIZE,
					   rw, MAP_SHARED), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, bar0 + SZ_64K, PAGE_SIZE,
					   rw, MAP_SHARED), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, bar0, PAGE_SIZE, rw,
					   MAP_PRIVATE), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, bar0, 0, rw, MAP_SHARED),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, bar4 + PAGE_SIZE,
					   PAGE_SIZE, rw, MAP_SHARED), -EINVAL);
	/* The last page of BAR 4's part of the file, and the page behind it. */
	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn,
					   VFIO_PCI_INDEX_TO_OFFSET(5) -
					   PAGE_SIZE, 2 * PAGE_SIZE, rw,
					   MAP_SHARED), -EINVAL);
	/* There is no BAR 1, and config space and higher indices have no mapping. */
	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn,
					   VFIO_PCI_INDEX_TO_OFFSET(1),
					   PAGE_SIZE, rw, MAP_SHARED), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, VFIO_PCI_INDEX_TO_OFFSET
					   (VFIO_PCI_CONFIG_REGION_INDEX),
					   PAGE_SIZE, rw, MAP_SHARED), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, VFIO_PCI_INDEX_TO_OFFSET
					   (VFIO_PCI_NUM_REGIONS),
					   PAGE_SIZE, rw, MAP_SHARED), -EINVAL);

	/* No refused mmap() has left a reference that keeps the device open. */
	vpk_close(fn);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
}

struct vpk_mapper {
	struct vpk_function *fn;
	struct completion done;
	unsigned long addr;
};

static int vpk_mapper_thread(void *data)
{
	struct vpk_mapper *mapper = data;
	struct mm_struct *mm = mapper->fn->host->mm;

	kthread_use_mm(mm);
	mapper->addr = vm_mmap(mapper->fn->device, 0, PAGE_SIZE, PROT_READ,
			       MAP_SHARED, VFIO_PCI_INDEX_TO_OFFSET(0));
	kthread_unuse_mm(mm);
	complete(&mapper->done);
	return 0;
}

/* Call mmap() in another thread, and see whether it returns in time. */
static bool vpk_mmap_completes(struct kunit *test, struct vpk_function *fn,
			       struct vpk_mapper *mapper)
{
	struct task_struct *task;

	mapper->fn = fn;
	init_completion(&mapper->done);
	task = kthread_run(vpk_mapper_thread, mapper, "vpk_mapper");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	return wait_for_completion_timeout(&mapper->done, HZ);
}

/* C2: mmap(2) does not wait for memory_lock, whether held for write or read. */
static void c2_mmap_does_not_wait(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_mapper writer, again;
	bool completes;

	/* The first mmap() makes the BAR's DMABUF, the second one finds it. */
	down_write(&fn->vdev->memory_lock);
	completes = vpk_mmap_completes(test, fn, &writer);
	up_write(&fn->vdev->memory_lock);
	if (!completes)
		wait_for_completion(&writer.done);
	KUNIT_EXPECT_TRUE_MSG(test, completes,
			      "mmap() waited for memory_lock");
	KUNIT_EXPECT_FALSE(test, IS_ERR_VALUE(writer.addr));

	down_write(&fn->vdev->memory_lock);
	completes = vpk_mmap_completes(test, fn, &again);
	up_write(&fn->vdev->memory_lock);
	if (!completes)
		wait_for_completion(&again.done);
	KUNIT_EXPECT_TRUE_MSG(test, completes,
			      "second mmap() waited for memory_lock");
	KUNIT_EXPECT_FALSE(test, IS_ERR_VALUE(again.addr));
}

/* C2: an access during a revocation waits for memory_lock, then succeeds. */
static void c2_fault_waits(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	struct vpk_map *map = vpk_map(test, fn, 0, 0, PAGE_SIZE);
	struct vpk_reader *reader = vpk_reader_start(test, map, 0);

	down_write(&fn->vdev->memory_lock);
	vpk_reader_go(reader);
	msleep(50);
	KUNIT_EXPECT_FALSE(test, vpk_reader_done(reader));
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	up_write(&fn->vdev->memory_lock);
	KUNIT_EXPECT_EQ(test, vpk_reader_wait(test, reader), 0);
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, 0));
}

/*
 * A driver that maps BARs by hand, as rule V3 describes: .fault inserts PFNs,
 * one by one, into the device's own address_space.
 */
static vm_fault_t vpk_hand_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct vfio_pci_core_device *vdev = vma->vm_private_data;
	unsigned long pgoff = vmf->pgoff &
		((1UL << (VFIO_PCI_OFFSET_SHIFT - PAGE_SHIFT)) - 1);
	unsigned long pfn = PHYS_PFN(pci_resource_start(vdev->pdev, 0)) + pgoff;

	guard(rwsem_read)(&vdev->memory_lock);
	return vfio_pci_vmf_insert_pfn(vdev, vmf, pfn, 0);
}

static const struct vm_operations_struct vpk_hand_vm_ops = {
	.fault = vpk_hand_fault,
};

static int vpk_hand_mmap(struct vfio_device *core_vdev,
			 struct vm_area_struct *vma)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);

	vma->vm_private_data = vdev;
	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &vpk_hand_vm_ops;
	return 0;
}

/* A driver that overrides .mmap, although the core makes all its mappings. */
static int vpk_through_mmap(struct vfio_device *core_vdev,
			    struct vm_area_struct *vma)
{
	return vfio_pci_core_mmap(core_vdev, vma);
}

/* A function with a driver that has the test's .mmap and hooks. */
static struct vpk_function *
vpk_custom(struct kunit *test,
	   int (*mmap)(struct vfio_device *, struct vm_area_struct *),
	   void (*before)(struct vfio_pci_core_device *, void *),
	   void (*after)(struct vfio_pci_core_device *, void *), void *data)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vfio_device_ops *ops;
	struct vpk_function *fn;

	/* The device keeps the pointer until it is freed, which is before this is. */
	ops = kunit_kzalloc(test, sizeof(*ops), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ops);
	*ops = *vpk_driver_ops();
	ops->mmap = mmap;

	fn = vpk_function_add(test, host, &vpk_full);
	fn->driver.ops = ops;
	fn->driver.before_register = before;
	fn->driver.after_register = after;
	fn->driver.data = data;
	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	return fn;
}

static void vpk_note_flag(struct vfio_pci_core_device *vdev, void *data)
{
	*(bool *)data = vpk_flag(vdev);
}

static void vpk_opt_out(struct vfio_pci_core_device *vdev, void *data)
{
	vpk_set_flag(vdev, false);
}

static void vpk_opt_in(struct vfio_pci_core_device *vdev, void *data)
{
	vpk_set_flag(vdev, true);
}

struct vpk_c4_case {
	const char *name;
	int (*mmap)(struct vfio_device *core_vdev, struct vm_area_struct *vma);
	bool flag;
	const char *rule;
};

#define VPK_RULE_V1 "V1: the core's .mmap needs no opt-out by the driver"
#define VPK_RULE_C4 "C4: a driver's own .mmap is taken to map PFNs"

static const struct vpk_c4_case vpk_c4_cases[] = {
	{ "mmap_absent", NULL, false, VPK_RULE_V1 },
	{ "mmap_of_the_core", vfio_pci_core_mmap, false, VPK_RULE_V1 },
	{ "mmap_by_hand", vpk_hand_mmap, true, VPK_RULE_C4 },
	{ "mmap_calls_the_core", vpk_through_mmap, true, VPK_RULE_C4 },
};

KUNIT_ARRAY_PARAM_DESC(vpk_c4, vpk_c4_cases, name);

/* C4, V1: the flag has its default right after vfio_alloc_device(). */
static void c4_default(struct kunit *test)
{
	const struct vpk_c4_case *driver = test->param_value;
	bool flag = !driver->flag;
	struct vpk_function *fn;

	fn = vpk_custom(test, driver->mmap, vpk_note_flag, NULL, &flag);
	KUNIT_EXPECT_EQ_MSG(test, flag, driver->flag, "%s", driver->rule);
	KUNIT_EXPECT_TRUE(test, fn->registering_seen);
	KUNIT_EXPECT_EQ(test, fn->flag_at_register, driver->flag);
	KUNIT_EXPECT_EQ(test, vpk_flag(fn->vdev), driver->flag);
}

/*
 * Map and touch a page of BAR 0, then disable memory: the page is gone, and the
 * kernel has warned as often as expected. Return the zap's event.
 */
static const struct vpk_event *vpk_zap_of_touched(struct kunit *test,
						  struct vpk_function *fn,
						  int warnings)
{
	const struct vpk_event *zap;
	struct vpk_map *map;

	vpk_open(test, fn);
	map = vpk_map(test, fn, 0, 0, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	kunit_warning_suppress(test) {
		KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, warnings);
	}
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	zap = vpk_log_find(fn->host, VPK_ZAP, 0);
	KUNIT_ASSERT_NOT_NULL(test, zap);
	return zap;
}

/* C4: the value at registration counts from then on. */
static void c4_opt_out(struct kunit *test)
{
	struct vpk_function *fn = vpk_custom(test, vpk_through_mmap,
					     vpk_opt_out, NULL, NULL);
	const struct vpk_event *zap;

	KUNIT_EXPECT_FALSE(test, fn->flag_at_register);
	zap = vpk_zap_of_touched(test, fn, 0);
	KUNIT_EXPECT_EQ_MSG(test, zap->a, 0, "the device's space was zapped");
	KUNIT_EXPECT_EQ_MSG(test, zap->b, 1, "DMABUFs zapped");
}

/* C4, V3: mappings made by hand are zapped without any act of the driver. */
static void c4_by_hand(struct kunit *test)
{
	struct vpk_function *fn = vpk_custom(test, vpk_hand_mmap, NULL, NULL,
					     NULL);
	const struct vpk_event *zap;
	struct vpk_map *map;

	vpk_open(test, fn);
	map = vpk_map(test, fn, 0, PAGE_SIZE, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	VPK_EXPECT_ORDER(test, fn->host,
			 "zap revoke mem-off flr mem-on unrevoke");
	zap = vpk_log_find(fn->host, VPK_ZAP, 0);
	KUNIT_ASSERT_NOT_NULL(test, zap);
	KUNIT_EXPECT_EQ(test, zap->a, 1);
	KUNIT_EXPECT_FALSE(test, zap->mapped);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
}

/* C5: a flag left on without need costs one redundant unmap, and no warning. */
static void c5_left_on(struct kunit *test)
{
	struct vpk_function *fn = vpk_custom(test, vpk_through_mmap, NULL,
					     NULL, NULL);
	const struct vpk_event *zap;
	struct vpk_map *map;

	vpk_open(test, fn);
	map = vpk_map(test, fn, 0, 0, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	kunit_warning_suppress(test) {
		KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 0);
	}
	VPK_EXPECT_ORDER(test, fn->host,
			 "zap revoke mem-off flr mem-on unrevoke");
	zap = vpk_log_find(fn->host, VPK_ZAP, 0);
	KUNIT_ASSERT_NOT_NULL(test, zap);
	KUNIT_EXPECT_EQ(test, zap->a, 1);
	KUNIT_EXPECT_EQ(test, zap->b, 1);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
}

/* C5: opted out, but a BAR is mapped by hand: one WARN, and it is zapped. */
static void c5_opted_out_wrongly(struct kunit *test)
{
	struct vpk_function *fn = vpk_custom(test, vpk_hand_mmap, vpk_opt_out,
					     NULL, NULL);
	struct vpk_map *map;

	vpk_open(test, fn);
	map = vpk_map(test, fn, 0, 0, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	kunit_warning_suppress(test) {
		KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
		KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));

		/* The core warns only once. */
		KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
		KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
		KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
		KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	}
}

static int vpk_rom_mmap(struct vfio_device *core_vdev,
			struct vm_area_struct *vma)
{
	return 0;
}

/* C5: what a driver maps of its expansion ROM is no BAR, and no misuse. */
static void c5_rom(struct kunit *test)
{
	struct vpk_function *fn = vpk_custom(test, vpk_rom_mmap, vpk_opt_out,
					     NULL, NULL);

	vpk_open(test, fn);
	vpk_map(test, fn, VFIO_PCI_ROM_REGION_INDEX, 0, PAGE_SIZE);
	kunit_warning_suppress(test) {
		KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 0);
	}
}

/* C5: clearing the flag after registration warns and has no effect. */
static void c5_late_opt_out(struct kunit *test)
{
	struct vpk_function *fn = vpk_custom(test, vpk_hand_mmap, NULL,
					     vpk_opt_out, NULL);

	KUNIT_EXPECT_TRUE(test, fn->flag_at_register);
	KUNIT_EXPECT_EQ(test, vpk_zap_of_touched(test, fn, 1)->a, 1);
}

/* C5: setting the flag after registration warns and has no effect. */
static void c5_late_opt_in(struct kunit *test)
{
	struct vpk_function *fn = vpk_custom(test, vfio_pci_core_mmap, NULL,
					     vpk_opt_in, NULL);

	KUNIT_EXPECT_FALSE(test, fn->flag_at_register);
	KUNIT_EXPECT_EQ(test, vpk_zap_of_touched(test, fn, 1)->a, 0);
}

/* What happens right after a registration, see finding_late_flag(). */
struct vpk_late {
	struct kunit *test;
	struct vpk_function *sibling;
	long ret;
};

static void vpk_late_flag(struct vfio_pci_core_device *vdev, void *data)
{
	struct vpk_late *late = data;
	struct vpk_function *fn = vpk_function_of(vdev->pdev);

	/* A user has the groups of both, and resets one of them. */
	fn->vdev = vdev;
	vpk_open_group(late->test, fn);
	vpk_log_clear(fn->host);
	late->ret = vpk_hot_reset(late->sibling);
	/* The faulty driver opts out only now. */
	vpk_set_flag(vdev, false);
}

/*
 * Review finding 1: a sibling's hot reset runs between registration and a late
 * write to the flag. The faulty driver, hisi_acc in the proposed series,
 * cleared it after vfio_pci_core_register_device(). The hot reset reads the flag
 * at the same time, and the late write to a bit-field can undo another thread's
 * write to a bit beside it. Here the hot reset must use the registered value,
 * which is the safe default, and the core must warn about the late write.
 */
static void finding_late_flag(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_late late = { .test = test };
	const struct vpk_event *zap;
	struct vfio_device_ops *ops;
	struct vpk_function *fn;

	ops = kunit_kzalloc(test, sizeof(*ops), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ops);
	*ops = *vpk_driver_ops();
	ops->mmap = vpk_through_mmap;

	late.sibling = vpk_function_add(test, host, &vpk_full);
	fn = vpk_function_add(test, host, &vpk_full);
	fn->driver.ops = ops;
	fn->driver.after_register = vpk_late_flag;
	fn->driver.data = &late;
	vpk_host_probe(test, host);
	vpk_bind(test, late.sibling, VPK_DRIVER);
	vpk_open(test, late.sibling);
	KUNIT_ASSERT_EQ(test, vpk_try_bind(test, fn, VPK_DRIVER), 0);

	/* probe holds the device's lock, so everything up to the reset itself runs. */
	KUNIT_EXPECT_EQ(test, late.ret, -EAGAIN);
	KUNIT_EXPECT_TRUE(test, fn->flag_at_register);
	zap = vpk_log_find(host, VPK_ZAP, 1);
	KUNIT_ASSERT_NOT_NULL(test, zap);
	KUNIT_EXPECT_EQ_MSG(test, zap->a, 1, "not the registered value");

	/* Each later revocation uses the registered value too. */
	vpk_log_clear(host);
	kunit_warning_suppress(test) {
		KUNIT_EXPECT_EQ(test, vpk_hot_reset(late.sibling), 0);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	zap = vpk_log_find(host, VPK_ZAP, 1);
	KUNIT_ASSERT_NOT_NULL(test, zap);
	KUNIT_EXPECT_EQ(test, zap->a, 1);
}

/* C9: the zap says how many of the BARs that are mapped it took away. */
static void c9_zap_counts(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	const struct vpk_event *zap;
	struct vpk_map *map;

	vpk_map(test, fn, 0, 0, PAGE_SIZE);
	vpk_map(test, fn, 0, PAGE_SIZE, PAGE_SIZE);
	map = vpk_map(test, fn, 2, 0, PAGE_SIZE);
	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	zap = vpk_log_find(fn->host, VPK_ZAP, 0);
	KUNIT_ASSERT_NOT_NULL(test, zap);
	KUNIT_EXPECT_EQ(test, zap->b, 2);

	vpk_unmap(map);
	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	zap = vpk_log_find(fn->host, VPK_ZAP, 0);
	KUNIT_ASSERT_NOT_NULL(test, zap);
	KUNIT_EXPECT_EQ(test, zap->b, 1);
}

/* C7: without P2PDMA only the export is missing: DMABUFs back all mappings. */
static void c7_without_p2pdma(struct kunit *test)
{
	struct vfio_device_feature_dma_buf dma_buf = { .nr_ranges = 1 };
	struct vpk_function *fn;
	struct vpk_map *map;

	if (IS_ENABLED(CONFIG_VFIO_PCI_DMABUF))
		kunit_skip(test, "this kernel has P2PDMA");
	fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	map = vpk_map(test, fn, 0, 0, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_feature(fn, VFIO_DEVICE_FEATURE_GET |
					  VFIO_DEVICE_FEATURE_DMA_BUF,
					  &dma_buf, sizeof(dma_buf)), -ENOTTY);
}

/*
 * C10: a BAR that is smaller than a page, and has one to itself, can be mapped:
 * as a page, and no more than that.
 */
static void c10_small_bar(struct kunit *test)
{
	const struct vpk_function_config small = {
		.bar_size = { SZ_1K }, .pm = true, .no_soft_reset = true,
	};
	struct vpk_function *fn = vpk_device(test, &small, VPK_DRIVER);
	struct vfio_region_info info;
	struct vpk_map *map;
	unsigned long pfn;
	int i;

	for (i = 0; i < 2; i++) {
		KUNIT_ASSERT_EQ(test, vpk_region_info(fn, 0, &info), 0);
		KUNIT_EXPECT_EQ(test, info.size, SZ_1K);
		KUNIT_EXPECT_TRUE(test, info.flags & VFIO_REGION_INFO_FLAG_MMAP);
		map = vpk_map(test, fn, 0, 0, PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
		KUNIT_ASSERT_EQ(test, vpk_pfn(map, 0, &pfn, NULL), 0);
		KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(fn, 0, 0));
		KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, 0, 2 * PAGE_SIZE,
						   PROT_READ, MAP_SHARED),
				-EINVAL);
		KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
		KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
		KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
		KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
		vpk_unmap(map);
		/* And once more, after close and open. */
		vpk_close(fn);
		KUNIT_ASSERT_TRUE(test, vpk_wait_open_count(fn, 0));
		vpk_open(test, fn);
	}
}

static struct kunit_case vpk_rules_cases[] = {
	KUNIT_CASE(c1_dmabuf_backed),
	KUNIT_CASE(c1_every_bar_and_offset),
	KUNIT_CASE(c1_split),
	KUNIT_CASE(c1_aliases),
	KUNIT_CASE(c1_huge),
	KUNIT_CASE(c1_refused),
	KUNIT_CASE(c2_mmap_does_not_wait),
	KUNIT_CASE(c2_fault_waits),
	KUNIT_CASE_PARAM(c4_default, vpk_c4_gen_params),
	KUNIT_CASE(c4_opt_out),
	KUNIT_CASE(c4_by_hand),
	KUNIT_CASE(c5_left_on),
	KUNIT_CASE(c5_opted_out_wrongly),
	KUNIT_CASE(c5_rom),
	KUNIT_CASE(c5_late_opt_out),
	KUNIT_CASE(c5_late_opt_in),
	KUNIT_CASE(finding_late_flag),
	KUNIT_CASE(c7_without_p2pdma),
	KUNIT_CASE(c9_zap_counts),
	KUNIT_CASE(c10_small_bar),
	{}
};

static struct kunit_suite vpk_rules_suite = {
	.name = "vfio-pci-core-rules",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_rules_cases,
};

kunit_test_suite(vpk_rules_suite);
