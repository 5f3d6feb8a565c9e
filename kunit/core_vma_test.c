// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core suite, eighth part: rule V8. What vfio_pci_core_mmap() has made of a VMA
 * is the core's. Drivers that change it afterwards are found, and their devices
 * close all the same.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>

#include "vfio_pci_kunit.h"

static const struct vpk_function_config vpk_full = VPK_FULL_CONFIG;

/**
 * struct vpk_vma_case - what a driver does after vfio_pci_core_mmap()
 * @name: what
 * @change: does it
 * @warnings: how many warnings the core has for that
 */
struct vpk_vma_case {
	const char *name;
	void (*change)(struct vm_area_struct *vma);
	int warnings;
};

static void vpk_vma_leave(struct vm_area_struct *vma)
{
}

static vm_fault_t vpk_vma_fault(struct vm_fault *vmf)
{
	return VM_FAULT_SIGBUS;
}

static const struct vm_operations_struct vpk_vma_ops = {
	.fault = vpk_vma_fault,
};

static void vpk_vma_swap_ops(struct vm_area_struct *vma)
{
	vma->vm_ops = &vpk_vma_ops;
}

static void vpk_vma_swap_data(struct vm_area_struct *vma)
{
	vma->vm_private_data = vma;
}

static void vpk_vma_swap_both(struct vm_area_struct *vma)
{
	vpk_vma_swap_ops(vma);
	vpk_vma_swap_data(vma);
}

static const struct vpk_vma_case vpk_vma_params[] = {
	{ "leaves it alone", vpk_vma_leave, 0 },
	{ "swaps vm_ops", vpk_vma_swap_ops, 1 },
	{ "swaps vm_private_data", vpk_vma_swap_data, 1 },
	{ "swaps both", vpk_vma_swap_both, 1 },
};

KUNIT_ARRAY_PARAM_DESC(vpk_vma, vpk_vma_params, name);

static int vpk_vma_mmap(struct vfio_device *core_vdev,
			struct vm_area_struct *vma)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);
	const struct vpk_vma_case *param =
		vpk_function_of(vdev->pdev)->driver.data;
	int ret;

	ret = vfio_pci_core_mmap(core_vdev, vma);
	if (!ret)
		param->change(vma);
	return ret;
}

/* V8: warned of once, and harmless: faults, revocation and close work. */
static void v8_left_alone(struct kunit *test)
{
	const struct vpk_vma_case *param = test->param_value;
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_map *map, *again;
	struct vfio_device_ops *ops;
	struct vpk_function *fn;
	struct file *file;
	long refs;

	ops = kunit_kzalloc(test, sizeof(*ops), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ops);
	*ops = *vpk_driver_ops();
	ops->mmap = vpk_vma_mmap;
	fn = vpk_function_add(test, host, &vpk_full);
	fn->driver.ops = ops;
	fn->driver.data = (void *)param;
	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	vpk_open(test, fn);
	kunit_warning_suppress(test) {
		map = vpk_map(test, fn, 0, 0, PAGE_SIZE);
		again = vpk_map(test, fn, 2, 0, PAGE_SIZE);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, param->warnings);
	}
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch(again, 0), 0);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_FALSE(test, vpk_mapped(again, 0));
	file = get_file(fn->device);
	vpk_unmap(map);
	vpk_unmap(again);
	/* The function's, and ours. */
	refs = vpk_file_refs(file);
	KUNIT_EXPECT_EQ_MSG(test, refs, 2,
			    "a mapping that is gone keeps the device open");
	for (; refs > 1; refs--)
		fput(file);
	vpk_close(fn);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
}

/* A driver that backs a mapping by a file that has nothing to do with the core. */
static int vpk_vma_own_file(struct vfio_device *core_vdev,
			    struct vm_area_struct *vma)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);

	vma_set_file(vma, vpk_function_of(vdev->pdev)->group);
	vma->vm_ops = &vpk_vma_ops;
	return 0;
}

/* V8: not the core's mapping, so none of its business. */
static void v8_own_file(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &vpk_full);
	struct vpk_map map = { .fn = fn, .len = PAGE_SIZE };
	struct vfio_device_ops *ops;
	struct vm_area_struct *vma;

	ops = kunit_kzalloc(test, sizeof(*ops), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ops);
	*ops = *vpk_driver_ops();
	ops->mmap = vpk_vma_own_file;
	fn->driver.ops = ops;
	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	vpk_open(test, fn);
	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);
	kunit_warning_suppress(test) {
		map.addr = vm_mmap(fn->device, 0, PAGE_SIZE, PROT_READ,
				   MAP_SHARED, 0);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 0);
	}
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(map.addr));
	vma = vpk_vma_get(&map, 0);
	KUNIT_EXPECT_PTR_EQ(test, vma->vm_ops, &vpk_vma_ops);
	KUNIT_EXPECT_PTR_EQ(test, vma->vm_file, fn->group);
	vpk_vma_put(&map);
	vm_munmap(map.addr, PAGE_SIZE);
}

static struct kunit_case vpk_vma_cases[] = {
	KUNIT_CASE_PARAM(v8_left_alone, vpk_vma_gen_params),
	KUNIT_CASE(v8_own_file),
	{}
};

static struct kunit_suite vpk_vma_suite = {
	.name = "vfio-pci-core-vma",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_vma_cases,
};

kunit_test_suite(vpk_vma_suite);
