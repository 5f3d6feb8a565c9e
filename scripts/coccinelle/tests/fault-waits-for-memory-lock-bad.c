// SPDX-License-Identifier: GPL-2.0-only
/* Each of the three waits for a reset with mmap_lock held. */
static vm_fault_t bad_fault(struct vm_fault *vmf)
{
	struct bad_device *bdev = vmf->vma->vm_private_data;

	guard(rwsem_read)(&bdev->core_device.memory_lock);	/* BAD: C2 */
	return vfio_pci_vmf_insert_pfn(&bdev->core_device, vmf, bad_pfn(vmf), 0);
}

static vm_fault_t bad_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct bad_device *bdev = vmf->vma->vm_private_data;
	struct vfio_pci_core_device *vdev = &bdev->core_device;
	vm_fault_t ret = VM_FAULT_FALLBACK;

	if (bad_aligned(vmf, order)) {
		scoped_guard(rwsem_read, &vdev->memory_lock)	/* BAD: C2 */
			ret = vfio_pci_vmf_insert_pfn(vdev, vmf, bad_pfn(vmf), order);
	}
	return ret;
}

static vm_fault_t bad_old_fault(struct vm_fault *vmf)
{
	struct bad_device *bdev = vmf->vma->vm_private_data;
	vm_fault_t ret;

	down_read(&bdev->core_device.memory_lock);	/* BAD: C2 */
	ret = vfio_pci_vmf_insert_pfn(&bdev->core_device, vmf, bad_pfn(vmf), 0);
	up_read(&bdev->core_device.memory_lock);
	return ret;
}
