/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the owner of a device and those it lends a part of a BAR to can do with
 * an exported DMABUF.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#ifndef VFIO_KIT_EXPORTS_H
#define VFIO_KIT_EXPORTS_H

#include "device.h"

/* kit_region_export() with @open_flags, O_RDONLY for one. */
int kit_region_export_as(struct kit_dev *dev, u32 region, u64 offset, u64 size, int open_flags);

/* VFIO_DEVICE_FEATURE_DMA_BUF_REVOKE and _MEMATTR: 0 or -errno. */
int kit_export_revoke(struct kit_dev *dev, int dmabuf);
int kit_export_memattr(struct kit_dev *dev, int dmabuf, u32 memattr);

/* VFIO_DEVICE_FEATURE_PROBE of a feature that is SET: 0 or -errno. */
int kit_feature_probe(struct kit_dev *dev, u32 feature);

/* mmap() of [@offset, @offset + @size) of a DMABUF, MAP_SHARED; or MAP_FAILED. */
void *kit_export_map(int dmabuf, u64 offset, u64 size, int prot);

#endif /* VFIO_KIT_EXPORTS_H */
