// SPDX-License-Identifier: GPL-2.0-only
/* What cannot be written has no WRITE flag, and the other way round. */
static ssize_t good_log_rw(struct vfio_pci_core_device *vdev, char __user *buf,
			   size_t count, loff_t *ppos, bool iswrite)
{
	struct good_log *log = good_log(vdev);

	if (*ppos >= log->size || iswrite)
		return -EINVAL;
	if (copy_to_user(buf, log->data, count))
		return -EFAULT;
	return count;
}

static const struct vfio_pci_regops good_log_ops = {
	.rw	= good_log_rw,
};

static ssize_t good_io(struct vfio_pci_core_device *vdev, char __user *buf,
		       size_t count, loff_t pos, bool iswrite)
{
	return vfio_pci_core_do_io_rw(vdev, true, vdev->barmap[0], buf, pos,
				      count, 0, 0, iswrite, VFIO_PCI_IO_WIDTH_8);
}

static ssize_t good_window_rw(struct vfio_pci_core_device *vdev, char __user *buf,
			      size_t count, loff_t *ppos, bool iswrite)
{
	return good_io(vdev, buf, count, *ppos & VFIO_PCI_OFFSET_MASK, iswrite);
}

static const struct vfio_pci_regops good_window_ops = {
	.rw	= good_window_rw,
};

static ssize_t good_status_rw(struct vfio_pci_core_device *vdev, char __user *buf,
			      size_t count, loff_t *ppos, bool iswrite)
{
	ssize_t ret;

	if (iswrite) {
		ret = -EPERM;
		goto out;
	}
	ret = good_io(vdev, buf, count, *ppos & VFIO_PCI_OFFSET_MASK, false);
out:
	good_note(vdev, ret, iswrite);
	return ret;
}

static const struct vfio_pci_regops good_status_ops = {
	.rw	= good_status_rw,
};

static int good_open_device(struct vfio_device *core_vdev)
{
	struct vfio_pci_core_device *vdev = good_core(core_vdev);
	u32 flags = VFIO_REGION_INFO_FLAG_READ;
	int ret;

	ret = vfio_pci_core_register_dev_region(vdev, GOOD_TYPE, 1, &good_log_ops,
						GOOD_SIZE, VFIO_REGION_INFO_FLAG_READ,
						NULL);
	if (ret)
		return ret;
	ret = vfio_pci_core_register_dev_region(vdev, GOOD_TYPE, 2, &good_status_ops,
						GOOD_SIZE, VFIO_REGION_INFO_FLAG_READ,
						NULL);
	if (ret)
		return ret;
	if (good_writable(vdev))
		flags |= VFIO_REGION_INFO_FLAG_WRITE;
	return vfio_pci_core_register_dev_region(vdev, GOOD_TYPE, 3,
						 &good_window_ops, GOOD_SIZE,
						 flags, NULL);
}

static int good_region_info(struct vfio_device *core_vdev,
			    struct vfio_region_info *info, struct vfio_info_cap *caps)
{
	int ret = vfio_pci_ioctl_get_region_info(core_vdev, info, caps);

	if (!ret && info->index == GOOD_BAR)
		info->flags &= ~VFIO_REGION_INFO_FLAG_WRITE;
	return ret;
}

static const struct vfio_device_ops good_ops = {
	.open_device		= good_open_device,
	.get_region_info_caps	= good_region_info,
	.write			= good_write,
};
