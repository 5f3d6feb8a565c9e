// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sample VFIO PCI variant driver: maps memory by PFN, in a layout of its own.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * For a device with memory that the user sees in another layout than the BAR
 * has. Here the memory is the upper half of a BAR, and the user's region begins
 * with it, at offset 0.
 *
 * The driver puts the memory's PFNs into the address_space of the device fd
 * (rules V3 and V4 of the contract). The core maps all other BARs, with DMABUFs
 * (rule V6). zap_bars_on_revoke keeps its default, which is true for a driver
 * with an .mmap of its own, and the core zaps what the driver has mapped.
 *
 * The kernel needs the kit's core patch series. Kbuild looks for the header
 * that the series adds, trace/events/vfio_pci.h.
 */
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/vfio_pci_core.h>

/**
 * struct remap_vfio_layout - where the memory of a kind of device is
 * @bar: the BAR whose upper half is the memory
 */
struct remap_vfio_layout {
	unsigned int bar;
};

struct remap_vfio_device {
	struct vfio_pci_core_device core_device;	/* must be first */
	unsigned int bar;	/* the BAR that the memory is in */
	u64 offset;		/* of the memory in the BAR */
	u64 size;		/* of the memory */
};

static struct remap_vfio_device *
to_remap_vfio(struct vfio_device *core_vdev)
{
	return container_of(core_vdev, struct remap_vfio_device,
			    core_device.vdev);
}

/*
 * The PFN that belongs at a user address. Beside the page offset, vm_pgoff has
 * the index of the region in its upper bits.
 */
static unsigned long remap_vfio_pfn(struct remap_vfio_device *rdev,
				    struct vm_area_struct *vma,
				    unsigned long addr)
{
	u64 offset = (u64)linear_page_index(vma, addr) << PAGE_SHIFT;
	u64 pos = offset & VFIO_PCI_OFFSET_MASK;

	return PHYS_PFN(pci_resource_start(rdev->core_device.pdev, rdev->bar) +
			rdev->offset + pos);
}

/*
 * memory_lock is held for read while the PTE goes in (rule V3). A revocation
 * holds it for write. So either the revocation comes later and zaps the PTE, or
 * it came before and vfio_pci_vmf_insert_pfn() answers with SIGBUS.
 *
 * vfio_pci_core_fault_lock() takes the lock, because a fault must not wait for
 * it with mmap_lock held (rule C2).
 */
static vm_fault_t remap_vfio_huge_fault(struct vm_fault *vmf,
					unsigned int order)
{
	struct remap_vfio_device *rdev = vmf->vma->vm_private_data;
	struct vfio_pci_core_device *vdev = &rdev->core_device;
	unsigned long addr = ALIGN_DOWN(vmf->address, PAGE_SIZE << order);
	unsigned long pfn = remap_vfio_pfn(rdev, vmf->vma, addr);
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

/* Without .fault a mapping is dead after its first revocation (rule V3). */
static const struct vm_operations_struct remap_vfio_vm_ops = {
	.fault		= remap_vfio_fault,
	.huge_fault	= remap_vfio_huge_fault,
};

/*
 * mmap_lock is held, so this must not wait for memory_lock (rule C2).
 *
 * Nor may it call remap_pfn_range(). The VMA is not in the address_space before
 * .mmap has returned, and a revocation until then does not see its PTEs. The
 * core's helper installs them when the system call is done (rule V4).
 */
static int remap_vfio_mmap(struct vfio_device *core_vdev,
			   struct vm_area_struct *vma)
{
	struct remap_vfio_device *rdev = to_remap_vfio(core_vdev);
	struct vfio_pci_core_device *vdev = &rdev->core_device;
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 pos = offset & VFIO_PCI_OFFSET_MASK;
	u64 len = vma->vm_end - vma->vm_start;
	unsigned long pfn;

	if (VFIO_PCI_OFFSET_TO_INDEX(offset) != rdev->bar)
		return vfio_pci_core_mmap(core_vdev, vma);

	if (pos + len > rdev->size)
		return -EINVAL;
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (!vdev->bar_mmap_supported[rdev->bar])
		return -EINVAL;
	if (IS_ERR(vfio_pci_core_get_iomap(vdev, rdev->bar)))
		return -EINVAL;

	vma->vm_private_data = rdev;
	vma->vm_ops = &remap_vfio_vm_ops;
	vma->vm_page_prot = pgprot_decrypted(vma->vm_page_prot);
	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	vm_flags_set(vma, VM_ALLOW_ANY_UNCACHED | VM_IO | VM_PFNMAP |
		     VM_DONTEXPAND | VM_DONTDUMP);

	/* .huge_fault makes one large entry where the helper makes many PTEs. */
	if (len >= PMD_SIZE)
		return 0;
	pfn = remap_vfio_pfn(rdev, vma, vma->vm_start);
	return vfio_pci_core_remap_pfn_range(vdev, vma, pfn);
}

/* All other ways to the memory show the same layout as .mmap. */
static int remap_vfio_get_region_info(struct vfio_device *core_vdev,
				      struct vfio_region_info *info,
				      struct vfio_info_cap *caps)
{
	struct remap_vfio_device *rdev = to_remap_vfio(core_vdev);
	int ret;

	ret = vfio_pci_ioctl_get_region_info(core_vdev, info, caps);
	if (ret)
		return ret;
	if (info->index == rdev->bar)
		info->size = rdev->size;
	return 0;
}

/*
 * Turn an access to the user's region into one to the BAR: cut it where the
 * memory ends, and move it to where the memory is.
 */
static int remap_vfio_translate(struct vfio_device *core_vdev, size_t *count,
				loff_t *offset)
{
	struct remap_vfio_device *rdev = to_remap_vfio(core_vdev);
	u64 pos = *offset & VFIO_PCI_OFFSET_MASK;

	if (VFIO_PCI_OFFSET_TO_INDEX(*offset) != rdev->bar)
		return 0;
	if (pos >= rdev->size)
		return -EINVAL;
	*count = min_t(u64, *count, rdev->size - pos);
	*offset += rdev->offset;
	return 0;
}

static ssize_t remap_vfio_read(struct vfio_device *core_vdev, char __user *buf,
			       size_t count, loff_t *ppos)
{
	loff_t offset = *ppos;
	ssize_t ret;

	ret = remap_vfio_translate(core_vdev, &count, &offset);
	if (ret)
		return ret;
	ret = vfio_pci_core_read(core_vdev, buf, count, &offset);
	if (ret > 0)
		*ppos += ret;
	return ret;
}

static ssize_t remap_vfio_write(struct vfio_device *core_vdev,
				const char __user *buf, size_t count,
				loff_t *ppos)
{
	loff_t offset = *ppos;
	ssize_t ret;

	ret = remap_vfio_translate(core_vdev, &count, &offset);
	if (ret)
		return ret;
	ret = vfio_pci_core_write(core_vdev, buf, count, &offset);
	if (ret > 0)
		*ppos += ret;
	return ret;
}

static int remap_vfio_get_dmabuf_phys(struct vfio_pci_core_device *vdev,
				      struct p2pdma_provider **provider,
				      unsigned int region_index,
				      struct phys_vec *phys_vec,
				      struct vfio_region_dma_range *ranges,
				      size_t nr_ranges)
{
	struct remap_vfio_device *rdev = to_remap_vfio(&vdev->vdev);
	size_t i;

	if (region_index != rdev->bar)
		return vfio_pci_core_get_dmabuf_phys(vdev, provider,
						     region_index, phys_vec,
						     ranges, nr_ranges);

	for (i = 0; i < nr_ranges; i++) {
		if (ranges[i].offset >= rdev->size)
			return -EINVAL;
		if (ranges[i].length > rdev->size - ranges[i].offset)
			return -EINVAL;
		ranges[i].offset += rdev->offset;
	}
	return vfio_pci_core_get_dmabuf_phys(vdev, provider, region_index,
					     phys_vec, ranges, nr_ranges);
}

/*
 * Where a mapping of the user's region begins in memory. The core chooses an
 * address for it that lets .huge_fault install large entries.
 */
static int remap_vfio_get_mmap_phys(struct vfio_pci_core_device *vdev,
				    unsigned int region_index, u64 offset,
				    u64 len, u64 *phys)
{
	struct remap_vfio_device *rdev = to_remap_vfio(&vdev->vdev);

	if (region_index == rdev->bar)
		offset += rdev->offset;
	return vfio_pci_core_get_mmap_phys(vdev, region_index, offset, len,
					   phys);
}

/* The core's ioeventfds know the layout of the BAR only, so there are none. */
static long remap_vfio_ioctl(struct vfio_device *core_vdev, unsigned int cmd,
			     unsigned long arg)
{
	if (cmd == VFIO_DEVICE_IOEVENTFD)
		return -ENOTTY;
	return vfio_pci_core_ioctl(core_vdev, cmd, arg);
}

static int remap_vfio_open_device(struct vfio_device *core_vdev)
{
	struct remap_vfio_device *rdev = to_remap_vfio(core_vdev);
	struct vfio_pci_core_device *vdev = &rdev->core_device;
	int ret;

	ret = vfio_pci_core_enable(vdev);
	if (ret)
		return ret;
	vfio_pci_core_finish_enable(vdev);
	return 0;
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
	.pasid_attach_ioas	= vfio_iommufd_physical_pasid_attach_ioas,
	.pasid_detach_ioas	= vfio_iommufd_physical_pasid_detach_ioas,
};

static const struct vfio_pci_device_ops remap_vfio_pci_ops = {
	.get_dmabuf_phys	= remap_vfio_get_dmabuf_phys,
	.get_mmap_phys		= remap_vfio_get_mmap_phys,
};

static int remap_vfio_probe(struct pci_dev *pdev,
			    const struct pci_device_id *id)
{
	const struct remap_vfio_layout *layout = (void *)id->driver_data;
	struct remap_vfio_device *rdev;
	u64 size;
	int ret;

	/* driver_override brings any device, also one that is not in the table. */
	if (!layout)
		return -ENODEV;

	/* Only whole pages can be mapped. */
	size = pci_resource_len(pdev, layout->bar) / 2;
	if (!size || !PAGE_ALIGNED(size))
		return -ENODEV;

	rdev = vfio_alloc_device(remap_vfio_device, core_device.vdev,
				 &pdev->dev, &remap_vfio_ops);
	if (IS_ERR(rdev))
		return PTR_ERR(rdev);

	rdev->bar = layout->bar;
	rdev->offset = size;
	rdev->size = size;
	rdev->core_device.pci_ops = &remap_vfio_pci_ops;
	/*
	 * zap_bars_on_revoke is true, because .mmap is not the core's, and it has
	 * to stay so: the PFNs go into the device's own address_space (rule V3).
	 */

	dev_set_drvdata(&pdev->dev, &rdev->core_device);
	ret = vfio_pci_core_register_device(&rdev->core_device);
	if (ret)
		goto err_put;
	return 0;

err_put:
	vfio_put_device(&rdev->core_device.vdev);
	return ret;
}

static void remap_vfio_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *vdev = dev_get_drvdata(&pdev->dev);

	vfio_pci_core_unregister_device(vdev);
	vfio_put_device(&vdev->vdev);
}

/* QEMU's ivshmem-plain. */
static const struct remap_vfio_layout remap_vfio_ivshmem = {
	.bar = 2,
};

/* QEMU's igb. */
static const struct remap_vfio_layout remap_vfio_igb = {
	.bar = 1,
};

/* A virtual function of QEMU's igb. */
static const struct remap_vfio_layout remap_vfio_igbvf = {
	.bar = 3,
};

static const struct pci_device_id remap_vfio_table[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(0x1af4, 0x1110),
	  .driver_data = (kernel_ulong_t)&remap_vfio_ivshmem },
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(0x8086, 0x10c9),
	  .driver_data = (kernel_ulong_t)&remap_vfio_igb },
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(0x8086, 0x10ca),
	  .driver_data = (kernel_ulong_t)&remap_vfio_igbvf },
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
