// SPDX-License-Identifier: GPL-2.0-only
/* Hides the end of a BAR, with the MSI-X table and the pending bits. */
#define BAD_MSIX_BAR		0
#define BAD_MSIX_TABLE		(SZ_64K + 0x2000)	/* BAD: V2 */
#define BAD_SHOWN		SZ_64K

static int bad_region_info(struct vfio_device *core_vdev,
			   struct vfio_region_info *info, struct vfio_info_cap *caps)
{
	int ret = vfio_pci_ioctl_get_region_info(core_vdev, info, caps);

	if (!ret && info->index == VFIO_PCI_BAR0_REGION_INDEX)
		info->size = BAD_SHOWN;
	return ret;
}

/* In a table for each kind of device. */
static u64 bad_end(struct bad_device *bdev, unsigned int index)
{
	if (index != bdev->layout->bar)
		return U64_MAX;
	return bdev->end;
}

static int bad_layout_region_info(struct vfio_device *core_vdev,
				  struct vfio_region_info *info, struct vfio_info_cap *caps)
{
	int ret = vfio_pci_ioctl_get_region_info(core_vdev, info, caps);
	u64 end = bad_end(to_bad(core_vdev), info->index);

	if (!ret && info->size > end)
		info->size = end;
	return ret;
}

static const struct bad_layout bad_gen2 = {
	.bar		= 2,
	.visible	= 0x8000,
	.msix_bar	= 2,
	.msix_table	= 0x4000,
	.msix_pba	= 0x8000,			/* BAD: V2 */
};

static int bad_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct bad_device *bdev = bad_alloc(pdev);
	u64 visible;

	visible = bdev->layout->visible;
	bdev->end = visible;
	return vfio_pci_core_register_device(&bdev->core_device);
}
