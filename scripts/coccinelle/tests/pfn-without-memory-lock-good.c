// SPDX-License-Identifier: GPL-2.0-only
/* All ways to hold memory_lock for read meanwhile. */
static vm_fault_t good_scoped(struct vm_fault *vmf, unsigned int order)
{
	struct vfio_pci_core_device *vdev = vmf->vma->vm_private_data;
	vm_fault_t ret = VM_FAULT_FALLBACK;

	if (good_aligned(vmf, order)) {
		scoped_guard(rwsem_read, &vdev->memory_lock) {
			if (vdev->pm_runtime_engaged)
				return VM_FAULT_SIGBUS;
			ret = vfio_pci_vmf_insert_pfn(vdev, vmf, good_pfn(vmf), order);
		}
	}
	return ret;
}

static vm_fault_t good_guard(struct vm_fault *vmf)
{
	struct good_device *gdev = vmf->vma->vm_private_data;

	if (!gdev->ready)
		return VM_FAULT_SIGBUS;
	guard(rwsem_read)(&gdev->core_device.memory_lock);
	return vfio_pci_vmf_insert_pfn(&gdev->core_device, vmf, good_pfn(vmf), 0);
}

static vm_fault_t good_by_hand(struct vm_fault *vmf)
{
	struct vfio_pci_core_device *vdev = vmf->vma->vm_private_data;
	vm_fault_t ret = VM_FAULT_SIGBUS;

	down_read(&vdev->memory_lock);
	if (!vdev->pm_runtime_engaged && __vfio_pci_memory_enabled(vdev))
		ret = vmf_insert_pfn(vmf->vma, vmf->address, good_pfn(vmf));
	up_read(&vdev->memory_lock);
	return ret;
}

static vm_fault_t good_helper(struct good_device *gdev, struct vm_fault *vmf)
{
	lockdep_assert_held_read(&gdev->core_device.memory_lock);

	return vfio_pci_vmf_insert_pfn(&gdev->core_device, vmf, good_pfn(vmf), 0);
}

static vm_fault_t good_core_helper(struct vm_fault *vmf)
{
	struct vfio_pci_core_device *vdev = vmf->vma->vm_private_data;
	vm_fault_t ret;

	ret = vfio_pci_core_fault_lock(vdev, vmf);
	if (ret)
		return ret;
	ret = vfio_pci_vmf_insert_pfn(vdev, vmf, good_pfn(vmf), 0);
	vfio_pci_core_fault_unlock(vdev);
	return ret;
}
