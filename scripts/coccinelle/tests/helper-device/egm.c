// SPDX-License-Identifier: GPL-2.0-only
/*
 * The helper: memory of the host that the device can reach, as a character
 * device of its own. What it maps is in the address_space of that device's
 * file. No reset of the VFIO device takes the memory away, so the rules about
 * PTEs do not hold here, and remap_pfn_range() is right.
 */
static int egm_open(struct inode *inode, struct file *file)
{
	file->private_data = container_of(inode->i_cdev, struct good_egm, cdev);
	return 0;
}

static vm_fault_t egm_fault(struct vm_fault *vmf)
{
	struct good_egm *egm = vmf->vma->vm_private_data;

	return vmf_insert_pfn(vmf->vma, vmf->address, egm_pfn(egm, vmf->pgoff));
}

static const struct vm_operations_struct egm_vm_ops = {
	.fault	= egm_fault,
};

static int egm_map(struct good_egm *egm, struct vm_area_struct *vma)
{
	return remap_pfn_range(vma, vma->vm_start, egm_pfn(egm, vma->vm_pgoff),
			       vma->vm_end - vma->vm_start, vma->vm_page_prot);
}

static int egm_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct good_egm *egm = file->private_data;

	if (!egm_inside(egm, vma))
		return -EINVAL;
	if (egm->eager)
		return egm_map(egm, vma);

	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND);
	vma->vm_private_data = egm;
	vma->vm_ops = &egm_vm_ops;
	return 0;
}

static const struct file_operations egm_fops = {
	.owner	= THIS_MODULE,
	.open	= egm_open,
	.mmap	= egm_mmap,
};

int good_egm_add(struct good_egm *egm)
{
	cdev_init(&egm->cdev, &egm_fops);
	egm->cdev.owner = THIS_MODULE;
	return cdev_device_add(&egm->cdev, &egm->dev);
}
