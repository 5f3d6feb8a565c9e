// SPDX-License-Identifier: GPL-2.0-only
/* Hides the end of a BAR everywhere. The other ops hide nothing. */
static int good_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	u64 len = vma->vm_end - vma->vm_start;

	if (good_index(vma) == 2 && good_offset(vma) + len > GOOD_VISIBLE)
		return -EINVAL;
	return vfio_pci_core_mmap(core_vdev, vma);
}

static int good_region_info(struct vfio_device *core_vdev,
			    struct vfio_region_info *info, struct vfio_info_cap *caps)
{
	int ret = vfio_pci_ioctl_get_region_info(core_vdev, info, caps);

	if (!ret && info->index == 2)
		info->size = good_visible(core_vdev);
	return ret;
}

static const struct vfio_device_ops good_ops = {
	.name			= "good-vfio-pci",
	.ioctl			= good_ioctl,
	.get_region_info_caps	= good_region_info,
	.read			= good_read,
	.write			= good_write,
	.mmap			= good_mmap,
};

static const struct vfio_pci_device_ops good_pci_ops = {
	.get_dmabuf_phys	= good_get_dmabuf_phys,
};

static const struct vfio_device_ops good_core_ops = {
	.name			= "good-vfio-pci-core",
	.ioctl			= vfio_pci_core_ioctl,
	.get_region_info_caps	= good_whole_region_info,
	.read			= good_config_read,
	.write			= vfio_pci_core_write,
	.mmap			= vfio_pci_core_mmap,
};

/* Hides it in region info, and lets the core ask everywhere else. */
static const struct vfio_device_ops good_checked_ops = {
	.name			= "good-vfio-pci-checked",
	.ioctl			= vfio_pci_core_ioctl,
	.get_region_info_caps	= good_region_info,
	.read			= good_read,
	.write			= good_write,
	.mmap			= vfio_pci_core_mmap,
};

static const struct vfio_pci_device_ops good_checked_pci_ops = {
	.get_dmabuf_phys	= vfio_pci_core_get_dmabuf_phys,
	.check_range		= good_check_range,
};
