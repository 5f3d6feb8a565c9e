// SPDX-License-Identifier: GPL-2.0-only
/* The core's helper waits without the fault's lock. */
static vm_fault_t good_fault(struct vm_fault *vmf)
{
	struct good_device *gdev = vmf->vma->vm_private_data;
	struct vfio_pci_core_device *vdev = &gdev->core_device;
	vm_fault_t ret;

	ret = vfio_pci_core_fault_lock(vdev, vmf);
	if (ret)
		return ret;
	ret = vfio_pci_vmf_insert_pfn(vdev, vmf, good_pfn(vmf), 0);
	vfio_pci_core_fault_unlock(vdev);
	return ret;
}

/* Not a fault: no lock of mm is held. */
static int good_ready(struct good_device *gdev)
{
	guard(rwsem_read)(&gdev->core_device.memory_lock);
	return good_test_ready(gdev);
}
