// SPDX-License-Identifier: GPL-2.0-only
/* Maps one BAR by hand, and opts out as if the core mapped all of them. */
static vm_fault_t bad_fault(struct vm_fault *vmf)
{
	struct bad_device *bdev = vmf->vma->vm_private_data;

	guard(rwsem_read)(&bdev->core_device.memory_lock);
	return vfio_pci_vmf_insert_pfn(&bdev->core_device, vmf, bad_pfn(vmf), 0);
}

static int bad_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct bad_device *bdev = bad_alloc(pdev);

	bdev->core_device.zap_bars_on_revoke = false;	/* BAD: C5 */
	return vfio_pci_core_register_device(&bdev->core_device);
}
