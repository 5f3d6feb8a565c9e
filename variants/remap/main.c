// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sample VFIO PCI variant driver: maps memory of its own layout by PFN.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * For memory that is not laid out as the user is to see it: here it is the upper
 * half of a BAR, and the user's begins at 0. Its PFNs go into the address_space
 * of the device fd (V3, V4), those of other BARs into the core's DMABUFs (V6).
 * So zap_bars_on_revoke stays true, the default for an .mmap of a driver's own.
 */
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/vfio_pci_core.h>

#ifdef __has_include	/* sparse does not know it */
#if !__has_include("trace/events/vfio_pci.h")
#error "this kernel lacks the kit's core-patch series: apply it first (make apply KDIR=...)"
#endif
#endif

struct remap_vfio_device {
	struct vfio_pci_core_device core_device;	/* has to be first */
	unsigned int bar;	/* the BAR with the memory */
	u64 size;		/* of the memory, and where in the BAR it is */
	unsigned long pfn;	/* PFN of a page minus its vm_pgoff */
};

#define to_remap_vfio(dev) \
	container_of(dev, struct remap_vfio_device, core_device.vdev)

/*
 * memory_lock is held for read while the PTE goes in: a revocation comes later
 * and zaps it, or came before, and vfio_pci_vmf_insert_pfn() gives SIGBUS (V3).
 * vfio_pci_core_fault_lock() takes it, because a fault must not wait for it
 * with mmap_lock held (C2).
 */
static vm_fault_t remap_vfio_huge_fault(struct vm_fault *vmf,
					unsigned int order)
{
	struct remap_vfio_device *rdev = vmf->vma->vm_private_data;
	struct vfio_pci_core_device *vdev = &rdev->core_device;
	unsigned long addr = ALIGN_DOWN(vmf->address, PAGE_SIZE << order);
	unsigned long pfn = rdev->pfn + linear_page_index(vmf->vma, addr);
	vm_fault_t ret;

	if (!is_aligned_for_order(vmf->vma, addr, pfn, order))
		return VM_FAULT_FALLBACK;

	ret = vfio_pci_core_fault_lock(vdev, vmf);
	if (ret)
		return ret;
	ret = vfio_pci_vmf_insert_pfn(vdev, vmf, pfn, order);
	vfio_pci_core_fault_unlock(vdev);
	return ret;
}

static vm_fault_t remap_vfio_fault(struct vm_fault *vmf)
{
	return remap_vfio_huge_fault(vmf, 0);
}

/* Without .fault a mapping would be dead after its first revocation (rule V3) */
static const struct vm_operations_struct remap_vfio_vm_ops = {
	.fault		= remap_vfio_fault,
	.huge_fault	= remap_vfio_huge_fault,
};

/*
 * Never wait for memory_lock here, with mmap_lock held (C2). And do not call
 * remap_pfn_range(): a revocation before .mmap has returned would not see the
 * PTEs. The helper closes that hole (V4).
 */
static int remap_vfio_mmap(struct vfio_device *core_vdev,
			   struct vm_area_struct *vma)
{
	struct remap_vfio_device *rdev = to_remap_vfio(core_vdev);
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 end = (offset & VFIO_PCI_OFFSET_MASK) + vma->vm_end - vma->vm_start;

	if (VFIO_PCI_OFFSET_TO_INDEX(offset) != rdev->bar)
		return vfio_pci_core_mmap(core_vdev, vma);
	if (end > rdev->size || !(vma->vm_flags & VM_SHARED) ||
	    !rdev->core_device.bar_mmap_supported[rdev->bar] ||
	    IS_ERR(vfio_pci_core_get_iomap(&rdev->core_device, rdev->bar)))
		return -EINVAL;
	vma->vm_private_data = rdev;
	vma->vm_page_prot = pgprot_noncached(pgprot_decrypted(vma->vm_page_prot));
	vm_flags_set(vma, VM_ALLOW_ANY_UNCACHED | VM_IO | VM_PFNMAP |
		     VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &remap_vfio_vm_ops;
	if (vma->vm_end - vma->vm_start >= PMD_SIZE)
		return 0;	/* .huge_fault does better than many PTEs */
	return vfio_pci_core_remap_pfn_range(&rdev->core_device, vma,
					     rdev->pfn + vma->vm_pgoff);
}

/* All other ways to the memory have to agree with mmap on its layout */
static int remap_vfio_get_region_info(struct vfio_device *core_vdev,
				      struct vfio_region_info *info,
				      struct vfio_info_cap *caps)
{
	struct remap_vfio_device *rdev = to_remap_vfio(core_vdev);
	int ret = vfio_pci_ioctl_get_region_info(core_vdev, info, caps);

	if (!ret && info->index == rdev->bar)
		info->size = rdev->size;
	return ret;
}

/* From an offset of the user's to the core's, or to one in no region at all */
static loff_t remap_vfio_offset(struct vfio_device *core_vdev, loff_t offset)
{
	struct remap_vfio_device *rdev = to_remap_vfio(core_vdev);

	if (VFIO_PCI_OFFSET_TO_INDEX(offset) != rdev->bar)
		return offset;
	return (offset & VFIO_PCI_OFFSET_MASK) < rdev->size ? offset + rdev->size : -1;
}

static ssize_t remap_vfio_read(struct vfio_device *core_vdev, char __user *buf,
			       size_t count, loff_t *ppos)
{
	loff_t offset = remap_vfio_offset(core_vdev, *ppos);
	ssize_t ret = vfio_pci_core_read(core_vdev, buf, count, &offset);

	*ppos += max(ret, 0);
	return ret;
}

static ssize_t remap_vfio_write(struct vfio_device *core_vdev,
				const char __user *buf, size_t count, loff_t *ppos)
{
	loff_t offset = remap_vfio_offset(core_vdev, *ppos);
	ssize_t ret = vfio_pci_core_write(core_vdev, buf, count, &offset);

	*ppos += max(ret, 0);
	return ret;
}

/* The core checks where a range ends, and that is where the BAR ends */
static int remap_vfio_get_dmabuf_phys(struct vfio_pci_core_device *vdev,
				      struct p2pdma_provider **provider, unsigned int region_index,
				      struct phys_vec *phys_vec,
				      struct vfio_region_dma_range *ranges,
				      size_t nr_ranges)
{
	struct remap_vfio_device *rdev = to_remap_vfio(&vdev->vdev);
	size_t i;

	for (i = 0; region_index == rdev->bar && i < nr_ranges; i++) {
		if (ranges[i].offset >= rdev->size)
			return -EINVAL;
		ranges[i].offset += rdev->size;
	}
	return vfio_pci_core_get_dmabuf_phys(vdev, provider, region_index,
					     phys_vec, ranges, nr_ranges);
}

static long remap_vfio_ioctl(struct vfio_device *core_vdev, unsigned int cmd,
			     unsigned long arg)
{
	if (cmd == VFIO_DEVICE_IOEVENTFD)	/* knows the BAR's offsets only */
		return -ENOTTY;
	return vfio_pci_core_ioctl(core_vdev, cmd, arg);
}

static int remap_vfio_open_device(struct vfio_device *core_vdev)
{
	struct vfio_pci_core_device *vdev = dev_get_drvdata(core_vdev->dev);
	int ret = vfio_pci_core_enable(vdev);

	if (!ret)
		vfio_pci_core_finish_enable(vdev);
	return ret;
}

static const struct vfio_device_ops remap_vfio_ops = {
	.name			= "remap-vfio-pci",
	.init			= vfio_pci_core_init_dev,
	.release		= vfio_pci_core_release_dev,
	.open_device		= remap_vfio_open_device,
	.close_device		= vfio_pci_core_close_device,
	.ioctl			= remap_vfio_ioctl,
	.get_region_info_caps	= remap_vfio_get_region_info,
	.device_feature		= vfio_pci_core_ioctl_feature,
	.read			= remap_vfio_read,
	.write			= remap_vfio_write,
	.mmap			= remap_vfio_mmap,
	.request		= vfio_pci_core_request,
	.match			= vfio_pci_core_match,
	.match_token_uuid	= vfio_pci_core_match_token_uuid,
	.bind_iommufd		= vfio_iommufd_physical_bind,
	.unbind_iommufd		= vfio_iommufd_physical_unbind,
	.attach_ioas		= vfio_iommufd_physical_attach_ioas,
	.detach_ioas		= vfio_iommufd_physical_detach_ioas,
};

static const struct vfio_pci_device_ops remap_vfio_pci_ops = {
	.get_dmabuf_phys	= remap_vfio_get_dmabuf_phys,
};

static int remap_vfio_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	unsigned int bar = id->driver_data;
	u64 size = pci_resource_len(pdev, bar) / 2;
	struct remap_vfio_device *rdev;
	int ret;

	/* driver_override brings any device, also one not in the table */
	if (!bar || !size || !PAGE_ALIGNED(size))
		return -ENODEV;
	rdev = vfio_alloc_device(remap_vfio_device, core_device.vdev,
				 &pdev->dev, &remap_vfio_ops);
	if (IS_ERR(rdev))
		return PTR_ERR(rdev);
	rdev->bar = bar;
	rdev->size = size;
	rdev->pfn = PHYS_PFN(pci_resource_start(pdev, bar) + size) -
		    PHYS_PFN(VFIO_PCI_INDEX_TO_OFFSET(bar));
	rdev->core_device.pci_ops = &remap_vfio_pci_ops;
	/* zap_bars_on_revoke is true by now, and stays so: see the top */
	dev_set_drvdata(&pdev->dev, &rdev->core_device);
	ret = vfio_pci_core_register_device(&rdev->core_device);
	if (ret)
		vfio_put_device(&rdev->core_device.vdev);
	return ret;
}

static void remap_vfio_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *vdev = dev_get_drvdata(&pdev->dev);

	vfio_pci_core_unregister_device(vdev);
	vfio_put_device(&vdev->vdev);
}

/* driver_data: the BAR with the memory, never BAR0 */
static const struct pci_device_id remap_vfio_table[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(0x1af4, 0x1110), .driver_data = 2 }, /* ivshmem */
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(0x8086, 0x10c9), .driver_data = 1 }, /* igb */
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(0x8086, 0x10ca), .driver_data = 3 }, /* a VF of it */
	{}
};
MODULE_DEVICE_TABLE(pci, remap_vfio_table);

static struct pci_driver remap_vfio_driver = {
	.name			= "remap-vfio-pci",
	.id_table		= remap_vfio_table,
	.probe			= remap_vfio_probe,
	.remove			= remap_vfio_remove,
	.err_handler		= &vfio_pci_core_err_handlers,
	.driver_managed_dma	= true,
};
module_pci_driver(remap_vfio_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Sample VFIO PCI variant driver that maps memory by PFN");
