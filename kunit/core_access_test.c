// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core suite, seventh part: rule C13. What region info says about reading and
 * writing holds for mappings as well: for mmap(), for a later mprotect(), for
 * the export of a DMABUF, and for who imports that. The driver says so in its
 * region info only, and does nothing else about it.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/dma-buf.h>
#include <linux/fcntl.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pci-p2pdma.h>

#include "vfio_pci_kunit.h"

static const struct vpk_function_config vpk_full = VPK_FULL_CONFIG;

/* The driver's own region: made of the second half of BAR0. */
#define VPK_OWN_REGION	VFIO_PCI_NUM_REGIONS

/* What the driver makes of the regions. */
enum vpk_access_kind {
	VPK_CORE,	/* a BAR, through vfio_pci_core_mmap() */
	VPK_RANGES,	/* its own region, by vfio_pci_core_mmap_ranges() */
	VPK_OWN_OPS,	/* its own region, by the .mmap of that */
	VPK_WITHOUT_MMAP,	/* its own region, which has no .mmap */
	VPK_WITHOUT_FLAG,	/* its own region, which does not say MMAP */
	VPK_BY_HAND,	/* a BAR, by vfio_pci_core_remap_pfn_range() */
};

/**
 * struct vpk_access_case - a driver, and one of its regions
 * @name: its name
 * @kind: how that is mapped
 * @index: the region
 */
struct vpk_access_case {
	const char *name;
	enum vpk_access_kind kind;
	unsigned int index;
};

static const struct vpk_access_case vpk_access_params[] = {
	{ "a BAR", VPK_CORE, VFIO_PCI_BAR0_REGION_INDEX },
	{ "a region of ranges", VPK_RANGES, VPK_OWN_REGION },
	{ "a region with .mmap", VPK_OWN_OPS, VPK_OWN_REGION },
	{ "a BAR mapped by PFN", VPK_BY_HAND, VFIO_PCI_BAR0_REGION_INDEX },
};

KUNIT_ARRAY_PARAM_DESC(vpk_access, vpk_access_params, name);

/**
 * struct vpk_access_dev - a driver with a region that it restricts
 * @fn: its function
 * @param: the driver, and the region
 * @missing: flags that region info does not have for the region
 * @fails: errno that region info fails with for the region, or 0
 * @asked: how often it was asked about the region
 */
struct vpk_access_dev {
	struct vpk_function *fn;
	const struct vpk_access_case *param;
	u32 missing;
	int fails;
	unsigned int asked;
};

static struct vpk_access_dev *to_vpk_access(struct vfio_pci_core_device *vdev)
{
	return vpk_function_of(vdev->pdev)->driver.data;
}

static int vpk_access_info(struct vfio_device *core_vdev,
			   struct vfio_region_info *info,
			   struct vfio_info_cap *caps)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);
	struct vpk_access_dev *dev = to_vpk_access(vdev);
	unsigned int index = info->index;
	int ret;

	ret = vfio_pci_ioctl_get_region_info(core_vdev, info, caps);
	if (ret || index != dev->param->index)
		return ret;
	dev->asked++;
	info->flags &= ~dev->missing;
	return dev->fails;
}

static struct phys_vec vpk_own_range(struct vfio_pci_core_device *vdev)
{
	size_t half = pci_resource_len(vdev->pdev, 0) / 2;

	return (struct phys_vec) {
		.paddr = pci_resource_start(vdev->pdev, 0) + half,
		.len = half,
	};
}

static vm_fault_t vpk_access_fault(struct vm_fault *vmf)
{
	return VM_FAULT_SIGBUS;
}

static const struct vm_operations_struct vpk_access_vm_ops = {
	.fault = vpk_access_fault,
};

static int vpk_own_region_mmap(struct vfio_pci_core_device *vdev,
			       struct vfio_pci_region *region,
			       struct vm_area_struct *vma)
{
	/* No helper of the core here, which would look by itself. */
	vma->vm_ops = &vpk_access_vm_ops;
	return 0;
}

static ssize_t vpk_own_region_rw(struct vfio_pci_core_device *vdev,
				 char __user *buf, size_t count, loff_t *ppos,
				 bool iswrite)
{
	return -EINVAL;
}

static void vpk_own_region_release(struct vfio_pci_core_device *vdev,
				   struct vfio_pci_region *region)
{
}

static const struct vfio_pci_regops vpk_own_region_ops = {
	.rw = vpk_own_region_rw,
	.mmap = vpk_own_region_mmap,
	.release = vpk_own_region_release,
};

/* For a region that says MMAP all the same. */
static const struct vfio_pci_regops vpk_no_mmap_ops = {
	.rw = vpk_own_region_rw,
	.release = vpk_own_region_release,
};

static int vpk_access_open(struct vfio_device *core_vdev)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);
	enum vpk_access_kind kind = to_vpk_access(vdev)->param->kind;
	const struct vfio_pci_regops *ops = &vpk_own_region_ops;
	u32 flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	int ret;

	if (kind == VPK_WITHOUT_MMAP)
		ops = &vpk_no_mmap_ops;
	if (kind != VPK_WITHOUT_FLAG)
		flags |= VFIO_REGION_INFO_FLAG_MMAP;
	ret = vfio_pci_core_enable(vdev);
	if (ret)
		return ret;
	ret = vfio_pci_core_register_dev_region(vdev,
						VFIO_REGION_TYPE_PCI_VENDOR_TYPE,
						1, ops,
						vpk_own_range(vdev).len, flags,
						NULL);
	if (ret) {
		vfio_pci_core_disable(vdev);
		return ret;
	}
	vfio_pci_core_finish_enable(vdev);
	return 0;
}

static int vpk_access_mmap(struct vfio_device *core_vdev,
			   struct vm_area_struct *vma)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);
	const struct phys_vec own = vpk_own_range(vdev);

	switch (to_vpk_access(vdev)->param->kind) {
	case VPK_RANGES:
		return vpk_mmap_range(vdev, vma, &own);
	case VPK_BY_HAND:
		vma->vm_ops = &vpk_access_vm_ops;
		return vfio_pci_core_remap_pfn_range(vdev, vma,
						     PHYS_PFN(own.paddr));
	default:
		return vfio_pci_core_mmap(core_vdev, vma);
	}
}

static struct vpk_access_dev *
vpk_access_device(struct kunit *test, const struct vpk_access_case *param,
		  u32 missing)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vfio_device_ops *ops;
	struct vpk_access_dev *dev;

	ops = kunit_kzalloc(test, sizeof(*ops), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ops);
	dev = kunit_kzalloc(test, sizeof(*dev), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, dev);
	*ops = *vpk_driver_ops();
	ops->mmap = vpk_access_mmap;
	ops->open_device = vpk_access_open;
	ops->get_region_info_caps = vpk_access_info;
	dev->param = param;
	dev->missing = missing;
	dev->fn = vpk_function_add(test, host, &vpk_full);
	dev->fn->driver.ops = ops;
	dev->fn->driver.data = dev;
	vpk_function_add(test, host, &vpk_full);
	vpk_host_probe(test, host);
	vpk_bind(test, dev->fn, VPK_DRIVER);
	vpk_open(test, dev->fn);
	return dev;
}

/* mmap() of the region's first page: 0 and the VMA's flags, or an error. */
static long vpk_access_try(struct kunit *test, struct vpk_access_dev *dev,
			   unsigned long prot, vm_flags_t *flags)
{
	struct vpk_map map = { .fn = dev->fn, .len = PAGE_SIZE };
	struct vm_area_struct *vma;

	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);
	map.addr = vm_mmap(dev->fn->device, 0, PAGE_SIZE, prot, MAP_SHARED,
			   VFIO_PCI_INDEX_TO_OFFSET(dev->param->index));
	if (IS_ERR_VALUE(map.addr))
		return map.addr;
	vma = vpk_vma_get(&map, 0);
	KUNIT_EXPECT_TRUE_MSG(test, vma && vma->vm_ops && vma->vm_ops->fault,
			      "mmap() has mapped nothing");
	*flags = vma ? vma->vm_flags : 0;
	vpk_vma_put(&map);
	vm_munmap(map.addr, PAGE_SIZE);
	return 0;
}

/* C13: nothing is restricted: mapped as asked, and mprotect() may do all. */
static void c13_read_write(struct kunit *test)
{
	struct vpk_access_dev *dev = vpk_access_device(test, test->param_value,
						       0);
	vm_flags_t flags;

	KUNIT_ASSERT_EQ(test, vpk_access_try(test, dev, PROT_READ | PROT_WRITE,
					     &flags), 0);
	KUNIT_EXPECT_TRUE(test, flags & VM_MAYREAD);
	KUNIT_EXPECT_TRUE(test, flags & VM_MAYWRITE);
	KUNIT_ASSERT_EQ(test, vpk_access_try(test, dev, PROT_READ, &flags), 0);
	KUNIT_EXPECT_TRUE(test, flags & VM_MAYWRITE);
}

/* C13: a region that can only be read: not mapped for writing, now or later. */
static void c13_read_only(struct kunit *test)
{
	struct vpk_access_dev *dev =
		vpk_access_device(test, test->param_value,
				  VFIO_REGION_INFO_FLAG_WRITE);
	vm_flags_t flags;

	KUNIT_EXPECT_EQ(test, vpk_access_try(test, dev, PROT_READ | PROT_WRITE,
					     &flags), -EACCES);
	KUNIT_EXPECT_EQ(test, vpk_access_try(test, dev, PROT_WRITE, &flags),
			-EACCES);
	KUNIT_ASSERT_EQ(test, vpk_access_try(test, dev, PROT_READ, &flags), 0);
	KUNIT_EXPECT_TRUE(test, flags & VM_MAYREAD);
	KUNIT_EXPECT_FALSE_MSG(test, flags & VM_MAYWRITE,
			       "mprotect() makes it writable");
}

/* C13: a region that can only be written. */
static void c13_write_only(struct kunit *test)
{
	struct vpk_access_dev *dev =
		vpk_access_device(test, test->param_value,
				  VFIO_REGION_INFO_FLAG_READ);
	vm_flags_t flags;

	KUNIT_EXPECT_EQ(test, vpk_access_try(test, dev, PROT_READ | PROT_WRITE,
					     &flags), -EACCES);
	KUNIT_EXPECT_EQ(test, vpk_access_try(test, dev, PROT_READ, &flags),
			-EACCES);
	KUNIT_ASSERT_EQ(test, vpk_access_try(test, dev, PROT_WRITE, &flags), 0);
	KUNIT_EXPECT_TRUE(test, flags & VM_MAYWRITE);
	KUNIT_EXPECT_FALSE_MSG(test, flags & (VM_MAYREAD | VM_MAYEXEC),
			       "mprotect() makes it readable");
}

/* C13: region info fails for the region: that is what mmap() says. */
static void c13_info_fails(struct kunit *test)
{
	struct vpk_access_dev *dev = vpk_access_device(test, test->param_value,
						       0);
	vm_flags_t flags;

	dev->fails = -EIO;
	KUNIT_EXPECT_EQ(test, vpk_access_try(test, dev, PROT_READ, &flags),
			-EIO);
	dev->fails = 0;
	KUNIT_EXPECT_EQ(test, vpk_access_try(test, dev, PROT_READ, &flags), 0);
	vpk_expect_no_lock_held(test, dev->fn);
	vpk_close(dev->fn);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(dev->fn, 0));
}

static const struct vpk_access_case vpk_no_mmap_params[] = {
	{ "no .mmap", VPK_WITHOUT_MMAP, VPK_OWN_REGION },
	{ "no MMAP flag", VPK_WITHOUT_FLAG, VPK_OWN_REGION },
};

KUNIT_ARRAY_PARAM_DESC(vpk_no_mmap, vpk_no_mmap_params, name);

/* C13: a region is mapped if region info says so, and there is who can do it. */
static void c13_no_mmap(struct kunit *test)
{
	struct vpk_access_dev *dev = vpk_access_device(test, test->param_value,
						       0);
	vm_flags_t flags;

	KUNIT_EXPECT_EQ(test, vpk_access_try(test, dev, PROT_READ, &flags),
			-EINVAL);
}

/* C13: the core asks once for as long as the device is open, and then again. */
static void c13_asked_once(struct kunit *test)
{
	struct vpk_access_dev *dev = vpk_access_device(test, vpk_access_params,
						       0);
	vm_flags_t flags;
	int i;

	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, vpk_access_try(test, dev, PROT_READ,
						     &flags), 0);
	KUNIT_EXPECT_EQ(test, dev->asked, 1);
	vpk_close(dev->fn);
	KUNIT_ASSERT_TRUE(test, vpk_wait_open_count(dev->fn, 0));
	vpk_open(test, dev->fn);
	dev->missing = VFIO_REGION_INFO_FLAG_READ;
	KUNIT_EXPECT_EQ(test, vpk_access_try(test, dev, PROT_READ, &flags),
			-EACCES);
	KUNIT_EXPECT_EQ(test, dev->asked, 2);
}

/* C13: a mapping that was refused leaves nothing behind. */
static void c13_refused_leaves_nothing(struct kunit *test)
{
	struct vpk_access_dev *dev =
		vpk_access_device(test, test->param_value,
				  VFIO_REGION_INFO_FLAG_WRITE);
	vm_flags_t flags;

	KUNIT_EXPECT_EQ(test, vpk_access_try(test, dev, PROT_WRITE, &flags),
			-EACCES);
	vpk_close(dev->fn);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(dev->fn, 0));
}

static struct dma_buf *vpk_access_export(struct kunit *test,
					 struct vpk_access_dev *dev,
					 unsigned int open_flags)
{
	const struct vfio_region_dma_range range = { 0, PAGE_SIZE };
	struct dma_buf *dmabuf;

	dmabuf = vpk_try_export_as(dev->fn, dev->param->index, &range, 1,
				   open_flags);
	if (!IS_ERR_OR_NULL(dmabuf))
		vpk_put_later(test, dmabuf);
	return dmabuf;
}

/* C13: no export that says more than the region does. */
static void c13_export(struct kunit *test)
{
	struct vpk_access_dev *dev;

	vpk_need_importers(test);
	dev = vpk_access_device(test, vpk_access_params,
				VFIO_REGION_INFO_FLAG_WRITE);
	KUNIT_EXPECT_EQ(test, PTR_ERR(vpk_access_export(test, dev, O_RDWR)),
			-EACCES);
	KUNIT_EXPECT_EQ(test, PTR_ERR(vpk_access_export(test, dev, O_WRONLY)),
			-EACCES);
	KUNIT_EXPECT_NOT_ERR_OR_NULL(test,
				     vpk_access_export(test, dev, O_RDONLY));
	dev->missing = VFIO_REGION_INFO_FLAG_READ;
	KUNIT_EXPECT_EQ(test, PTR_ERR(vpk_access_export(test, dev, O_RDWR)),
			-EACCES);
	KUNIT_EXPECT_EQ(test, PTR_ERR(vpk_access_export(test, dev, O_RDONLY)),
			-EACCES);
	KUNIT_EXPECT_NOT_ERR_OR_NULL(test,
				     vpk_access_export(test, dev, O_WRONLY));
	dev->missing = 0;
	dev->fails = -EIO;
	KUNIT_EXPECT_EQ(test, PTR_ERR(vpk_access_export(test, dev, O_RDWR)),
			-EIO);
	dev->fails = 0;
	KUNIT_EXPECT_NOT_ERR_OR_NULL(test,
				     vpk_access_export(test, dev, O_RDWR));
}

/**
 * struct vpk_direction - what an importer gets of an export
 * @name: its name
 * @open_flags: of the export
 * @dir: what the importer asks for
 * @ret: what it gets
 */
struct vpk_direction {
	const char *name;
	unsigned int open_flags;
	enum dma_data_direction dir;
	int ret;
};

static const struct vpk_direction vpk_directions[] = {
	{ "O_RDONLY, reads", O_RDONLY, DMA_TO_DEVICE, 0 },
	{ "O_RDONLY, writes", O_RDONLY, DMA_FROM_DEVICE, -EACCES },
	{ "O_RDONLY, both", O_RDONLY, DMA_BIDIRECTIONAL, -EACCES },
	{ "O_WRONLY, reads", O_WRONLY, DMA_TO_DEVICE, -EACCES },
	{ "O_WRONLY, writes", O_WRONLY, DMA_FROM_DEVICE, 0 },
	{ "O_WRONLY, both", O_WRONLY, DMA_BIDIRECTIONAL, -EACCES },
	{ "O_RDWR, reads", O_RDWR, DMA_TO_DEVICE, 0 },
	{ "O_RDWR, writes", O_RDWR, DMA_FROM_DEVICE, 0 },
	{ "O_RDWR, both", O_RDWR, DMA_BIDIRECTIONAL, 0 },
};

KUNIT_ARRAY_PARAM_DESC(vpk_direction, vpk_directions, name);

/* C13: an importer does with an export what that was opened for. */
static void c13_importer(struct kunit *test)
{
	const struct vpk_direction *param = test->param_value;
	struct vpk_importer *importer;
	struct vpk_access_dev *dev;
	struct dma_buf *dmabuf;

	vpk_need_importers(test);
	dev = vpk_access_device(test, vpk_access_params, 0);
	dmabuf = vpk_access_export(test, dev, param->open_flags);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dmabuf);
	importer = vpk_importer_attach(test, dev->fn, dmabuf,
				       dev->fn->host->functions[1]);
	vpk_importer_direction(importer, param->dir);
	KUNIT_EXPECT_EQ(test, vpk_importer_map(importer), param->ret);
	KUNIT_EXPECT_EQ(test, vpk_importer_mapped(importer), !param->ret);
}

static struct kunit_case vpk_access_cases[] = {
	KUNIT_CASE_PARAM(c13_read_write, vpk_access_gen_params),
	KUNIT_CASE_PARAM(c13_read_only, vpk_access_gen_params),
	KUNIT_CASE_PARAM(c13_write_only, vpk_access_gen_params),
	KUNIT_CASE_PARAM(c13_info_fails, vpk_access_gen_params),
	KUNIT_CASE_PARAM(c13_no_mmap, vpk_no_mmap_gen_params),
	KUNIT_CASE(c13_asked_once),
	KUNIT_CASE_PARAM(c13_refused_leaves_nothing, vpk_access_gen_params),
	KUNIT_CASE(c13_export),
	KUNIT_CASE_PARAM(c13_importer, vpk_direction_gen_params),
	{}
};

static struct kunit_suite vpk_access_suite = {
	.name = "vfio-pci-core-access",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_access_cases,
};

kunit_test_suite(vpk_access_suite);
