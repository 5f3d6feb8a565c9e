// SPDX-License-Identifier: GPL-2.0-only
/* A trylock does not wait, and a fault handler may. */
static vm_fault_t good_fault(struct vm_fault *vmf)
{
	struct good_device *gdev = vmf->vma->vm_private_data;

	guard(rwsem_read)(&gdev->core_device.memory_lock);
	return vfio_pci_vmf_insert_pfn(&gdev->core_device, vmf, good_pfn(vmf), 0);
}

static int good_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	struct good_device *gdev = to_good(core_vdev);

	if (down_read_trylock(&gdev->core_device.memory_lock)) {
		good_note(gdev, vma);
		up_read(&gdev->core_device.memory_lock);
	}
	scoped_guard(mutex, &gdev->lock)
		gdev->mappings++;
	return vfio_pci_core_mmap(core_vdev, vma);
}
