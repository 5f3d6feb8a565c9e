// SPDX-License-Identifier: GPL-2.0-only
/* The lock is missing, not held on each path, given up, or another one. */
static vm_fault_t bad_none(struct vm_fault *vmf)
{
	struct bad_device *bdev = vmf->vma->vm_private_data;

	return vfio_pci_vmf_insert_pfn(&bdev->core_device, vmf, bad_pfn(vmf), 0); /* BAD: V3 */
}

static vm_fault_t bad_sometimes(struct vm_fault *vmf)
{
	struct bad_device *bdev = vmf->vma->vm_private_data;
	vm_fault_t ret;

	if (bdev->ready)
		down_read(&bdev->core_device.memory_lock);
	ret = vfio_pci_vmf_insert_pfn(&bdev->core_device, vmf, bad_pfn(vmf), 0); /* BAD: V3 */
	if (bdev->ready)
		up_read(&bdev->core_device.memory_lock);
	return ret;
}

static vm_fault_t bad_given_up(struct vm_fault *vmf)
{
	struct vfio_pci_core_device *vdev = vmf->vma->vm_private_data;
	bool enabled;

	down_read(&vdev->memory_lock);
	enabled = __vfio_pci_memory_enabled(vdev);
	up_read(&vdev->memory_lock);
	if (!enabled)
		return VM_FAULT_SIGBUS;
	return vmf_insert_pfn(vmf->vma, vmf->address, bad_pfn(vmf)); /* BAD: V3 */
}

static vm_fault_t bad_other_lock(struct vm_fault *vmf)
{
	struct bad_device *bdev = vmf->vma->vm_private_data;
	vm_fault_t ret = VM_FAULT_FALLBACK;

	scoped_guard(rwsem_read, &bdev->map_lock)
		ret = vfio_pci_vmf_insert_pfn(&bdev->core_device, vmf, 0, 0); /* BAD: V3 */
	return ret;
}

/* It holds the lock, and does not look at the device. */
static vm_fault_t bad_blind(struct vm_fault *vmf)
{
	struct bad_device *bdev = vmf->vma->vm_private_data;

	guard(rwsem_read)(&bdev->core_device.memory_lock);
	return vmf_insert_pfn(vmf->vma, vmf->address, bad_pfn(vmf)); /* BAD: V3 */
}
