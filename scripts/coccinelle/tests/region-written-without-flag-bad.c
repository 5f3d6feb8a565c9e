// SPDX-License-Identifier: GPL-2.0-only
/* Regions whose flags have no WRITE, and that can be written all the same. */
#define BAD_FLAGS	(VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_MMAP)

static ssize_t bad_log_rw(struct vfio_pci_core_device *vdev, char __user *buf,
			  size_t count, loff_t *ppos, bool iswrite)
{
	struct bad_log *log = bad_log(vdev);

	if (iswrite && *ppos > log->size)
		return -EINVAL;
	if (iswrite ? copy_from_user(log->data, buf, count) :
		      copy_to_user(buf, log->data, count))
		return -EFAULT;
	return count;
}

static const struct vfio_pci_regops bad_log_ops = {
	.rw	= bad_log_rw,
};

static ssize_t bad_io(struct vfio_pci_core_device *vdev, char __user *buf,
		      size_t count, loff_t pos, bool iswrite)
{
	return vfio_pci_core_do_io_rw(vdev, true, vdev->barmap[0], buf, pos,
				      count, 0, 0, iswrite, VFIO_PCI_IO_WIDTH_8);
}

static ssize_t bad_window_rw(struct vfio_pci_core_device *vdev, char __user *buf,
			     size_t count, loff_t *ppos, bool iswrite)
{
	if (!iswrite && !bad_readable(vdev))
		return -EINVAL;
	return bad_io(vdev, buf, count, *ppos & VFIO_PCI_OFFSET_MASK, iswrite);
}

static const struct vfio_pci_regops bad_window_ops = {
	.rw	= bad_window_rw,
};

static int bad_open_device(struct vfio_device *core_vdev)
{
	struct vfio_pci_core_device *vdev = bad_core(core_vdev);
	u32 flags = VFIO_REGION_INFO_FLAG_READ;
	int ret;

	ret = vfio_pci_core_register_dev_region(vdev, BAD_TYPE, 1,	/* BAD: C13 */
						&bad_log_ops, BAD_SIZE,
						VFIO_REGION_INFO_FLAG_READ, NULL);
	if (ret)
		return ret;
	ret = vfio_pci_core_register_dev_region(vdev, BAD_TYPE, 2,	/* BAD: C13 */
						&bad_window_ops, BAD_SIZE,
						BAD_FLAGS, NULL);
	if (ret)
		return ret;
	if (vdev->bar_mmap_supported[0])
		flags |= VFIO_REGION_INFO_FLAG_MMAP;
	return vfio_pci_core_register_dev_region(vdev, BAD_TYPE, 3,	/* BAD: C13 */
						 &bad_window_ops, BAD_SIZE,
						 flags, NULL);
}

/* A BAR that region info shows as read-only, and the core writes to it. */
static int bad_region_info(struct vfio_device *core_vdev,
			   struct vfio_region_info *info, struct vfio_info_cap *caps)
{
	int ret = vfio_pci_ioctl_get_region_info(core_vdev, info, caps);

	if (!ret && info->index == BAD_BAR)
		info->flags &= ~VFIO_REGION_INFO_FLAG_WRITE;
	return ret;
}

static const struct vfio_device_ops bad_ops = {		/* BAD: C13 */
	.open_device		= bad_open_device,
	.get_region_info_caps	= bad_region_info,
	.write			= vfio_pci_core_write,
};
