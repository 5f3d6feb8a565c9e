// SPDX-License-Identifier: GPL-2.0-only
/* MSI-X is in what is shown, or in another BAR. */
#define GOOD_MSIX_BAR		0
#define GOOD_MSIX_TABLE		(SZ_64K - 0x2000)
#define GOOD_MSIX_PBA_BAR	4
#define GOOD_MSIX_PBA_OFFSET	SZ_128K
#define GOOD_MSIX_TABLE_SIZE	SZ_128K
#define GOOD_SHOWN		SZ_64K

static int good_region_info(struct vfio_device *core_vdev,
			    struct vfio_region_info *info, struct vfio_info_cap *caps)
{
	int ret = vfio_pci_ioctl_get_region_info(core_vdev, info, caps);

	if (!ret && info->index == VFIO_PCI_BAR0_REGION_INDEX)
		info->size = GOOD_SHOWN;
	return ret;
}

static u64 good_end(struct good_device *gdev, unsigned int index)
{
	if (index == gdev->layout->bar)
		return gdev->layout->visible;
	return U64_MAX;
}

static int good_layout_region_info(struct vfio_device *core_vdev,
				   struct vfio_region_info *info, struct vfio_info_cap *caps)
{
	int ret = vfio_pci_ioctl_get_region_info(core_vdev, info, caps);
	u64 end = good_end(to_good(core_vdev), info->index);

	if (!ret && info->size > end)
		info->size = end;
	return ret;
}

static const struct good_layout good_gen2 = {
	.bar		= 2,
	.visible	= 0x8000,
	.msix_bar	= 3,
	.msix_table	= 0x8000,
	.msix_pba	= 0xa000,
};

static const struct good_layout good_gen3 = {
	.bar		= 2,
	.visible	= 0x10000,
	.msix_bar	= 2,
	.msix_table	= 0x8000,
	.msix_pba	= 0xa000,
};
