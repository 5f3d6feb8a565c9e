// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the owner of a device can do with a DMABUF that it has exported.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/dma-buf.h>
#include <linux/fcntl.h>
#include <linux/fdtable.h>
#include <linux/file.h>

#include "vfio_pci_kunit.h"

/* The file descriptor is closed with close_fd(). */
static int vpk_lend_dmabuf(struct dma_buf *dmabuf)
{
	int fd;

	get_dma_buf(dmabuf);
	fd = dma_buf_fd(dmabuf, O_CLOEXEC);
	if (fd < 0)
		dma_buf_put(dmabuf);
	return fd;
}

/**
 * vpk_revoke_export() - VFIO_DEVICE_FEATURE_DMA_BUF_REVOKE
 * @fn: the function, open
 * @dmabuf: the DMABUF
 *
 * Context: the test's thread, or a worker.
 * Return: 0, or -errno.
 */
long vpk_revoke_export(struct vpk_function *fn, struct dma_buf *dmabuf)
{
	struct vfio_device_feature_dma_buf_revoke arg = {
		.dmabuf_fd = vpk_lend_dmabuf(dmabuf),
	};
	int fd = arg.dmabuf_fd;
	long ret;

	if (fd < 0)
		return fd;
	ret = vpk_feature(fn, VFIO_DEVICE_FEATURE_SET |
			  VFIO_DEVICE_FEATURE_DMA_BUF_REVOKE, &arg,
			  sizeof(arg));
	close_fd(fd);
	return ret;
}

/**
 * vpk_export_memattr() - VFIO_DEVICE_FEATURE_DMA_BUF_MEMATTR
 * @fn: the function, open
 * @dmabuf: the DMABUF
 * @memattr: VFIO_DMA_BUF_MEMATTR_*
 *
 * Context: the test's thread.
 * Return: 0, or -errno.
 */
long vpk_export_memattr(struct vpk_function *fn, struct dma_buf *dmabuf,
			u32 memattr)
{
	struct vfio_device_feature_dma_buf_memattr arg = {
		.dmabuf_fd = vpk_lend_dmabuf(dmabuf),
		.memattr = memattr,
	};
	int fd = arg.dmabuf_fd;
	long ret;

	if (fd < 0)
		return fd;
	ret = vpk_feature(fn, VFIO_DEVICE_FEATURE_SET |
			  VFIO_DEVICE_FEATURE_DMA_BUF_MEMATTR, &arg,
			  sizeof(arg));
	close_fd(fd);
	return ret;
}
