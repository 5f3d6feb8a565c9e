// SPDX-License-Identifier: GPL-2.0-only
/* Hides the end of a BAR from mmap, and in one ops table from the size. */
static int bad_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	u64 len = vma->vm_end - vma->vm_start;

	if (bad_index(vma) == 2 && bad_offset(vma) + len > BAD_VISIBLE)
		return -EINVAL;
	return vfio_pci_core_mmap(core_vdev, vma);
}

static int bad_region_info(struct vfio_device *core_vdev,
			   struct vfio_region_info *info, struct vfio_info_cap *caps)
{
	int ret = vfio_pci_ioctl_get_region_info(core_vdev, info, caps);

	if (!ret && info->index == 2)
		info->size = BAD_HEADER + bad_visible(core_vdev);
	return ret;
}

/* In mmap only. */
static const struct vfio_device_ops bad_mmap_ops = {	/* BAD: V2 */
	.name			= "bad-mmap-vfio-pci",
	.ioctl			= vfio_pci_core_ioctl,
	.get_region_info_caps	= vfio_pci_ioctl_get_region_info,
	.read			= vfio_pci_core_read,
	.write			= vfio_pci_core_write,
	.mmap			= bad_mmap,
};

/* In region info, read and write, and not in mmap. */
static const struct vfio_device_ops bad_info_ops = {	/* BAD: V2 */
	.name			= "bad-info-vfio-pci",
	.ioctl			= bad_ioctl,
	.get_region_info_caps	= bad_region_info,
	.read			= bad_read,
	.write			= bad_write,
	.mmap			= vfio_pci_core_mmap,
};

/* Everywhere but in the DMABUF export below, which passes all of it on. */
static const struct vfio_device_ops bad_export_ops = {	/* BAD: V2 */
	.name			= "bad-export-vfio-pci",
	.ioctl			= bad_ioctl,
	.get_region_info_caps	= bad_region_info,
	.read			= bad_read,
	.write			= bad_write,
	.mmap			= bad_mmap,
};

/* Everywhere but in write, and there. */
static const struct vfio_device_ops bad_write_ops = {	/* BAD: V2 */
	.name			= "bad-write-vfio-pci",
	.ioctl			= bad_ioctl,
	.get_region_info_caps	= bad_region_info,
	.read			= bad_read,
	.write			= vfio_pci_core_write,
	.mmap			= bad_mmap,
};

static int bad_get_dmabuf_phys(struct vfio_pci_core_device *vdev,
			       struct p2pdma_provider **provider, unsigned int region_index,
			       struct phys_vec *phys_vec, struct vfio_region_dma_range *ranges,
			       size_t nr_ranges)
{
	return vfio_pci_core_get_dmabuf_phys(vdev, provider, region_index, phys_vec,
					     ranges, nr_ranges);
}

static const struct vfio_pci_device_ops bad_pci_ops = {
	.get_dmabuf_phys	= bad_get_dmabuf_phys,
};
