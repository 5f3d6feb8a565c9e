// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "exports.h"

int kit_region_export_as(struct kit_dev *dev, u32 region, u64 offset, u64 size, int open_flags)
{
	struct {
		struct vfio_device_feature feature;
		struct vfio_device_feature_dma_buf get;
		struct vfio_region_dma_range range;
	} __packed arg = {
		.feature = {
			.argsz = sizeof(arg),
			.flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF,
		},
		.get = {
			.region_index = region,
			.open_flags = open_flags | O_CLOEXEC,
			.nr_ranges = 1,
		},
		.range = { .offset = offset, .length = size },
	};
	int fd = ioctl(dev->vdev->fd, VFIO_DEVICE_FEATURE, &arg);

	return fd < 0 ? -errno : fd;
}

int kit_region_export(struct kit_dev *dev, u32 region, u64 offset, u64 size)
{
	return kit_region_export_as(dev, region, offset, size, O_RDWR);
}

/*
 * The numbers of these features are not upstream's yet. A kernel tree without
 * them builds programs that are told so.
 */
#ifdef VFIO_DEVICE_FEATURE_DMA_BUF_REVOKE
int kit_export_revoke(struct kit_dev *dev, int dmabuf)
{
	struct {
		struct vfio_device_feature feature;
		struct vfio_device_feature_dma_buf_revoke revoke;
	} __packed arg = {
		.feature = {
			.argsz = sizeof(arg),
			.flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_BUF_REVOKE,
		},
		.revoke = { .dmabuf_fd = dmabuf },
	};

	return ioctl(dev->vdev->fd, VFIO_DEVICE_FEATURE, &arg) ? -errno : 0;
}

int kit_export_memattr(struct kit_dev *dev, int dmabuf, u32 memattr)
{
	struct {
		struct vfio_device_feature feature;
		struct vfio_device_feature_dma_buf_memattr attr;
	} __packed arg = {
		.feature = {
			.argsz = sizeof(arg),
			.flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_BUF_MEMATTR,
		},
		.attr = { .dmabuf_fd = dmabuf, .memattr = memattr },
	};

	return ioctl(dev->vdev->fd, VFIO_DEVICE_FEATURE, &arg) ? -errno : 0;
}
#else
int kit_export_revoke(struct kit_dev *dev, int dmabuf)
{
	return -ENOTTY;
}

int kit_export_memattr(struct kit_dev *dev, int dmabuf, u32 memattr)
{
	return -ENOTTY;
}
#endif

int kit_feature_probe(struct kit_dev *dev, u32 feature)
{
	struct vfio_device_feature arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET | feature,
	};

	return ioctl(dev->vdev->fd, VFIO_DEVICE_FEATURE, &arg) ? -errno : 0;
}

void *kit_export_map(int dmabuf, u64 offset, u64 size, int prot)
{
	return mmap(NULL, size, prot, MAP_SHARED, dmabuf, offset);
}
