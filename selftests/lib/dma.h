/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A second device (igb, with libvfio's driver) that copies by DMA between memory
 * and an address of its IOAS, where the BAR of another device may be.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#ifndef VFIO_KIT_DMA_H
#define VFIO_KIT_DMA_H

#include <libvfio.h>

#define KIT_DMA_LEN	256

struct kit_dma {
	struct vfio_pci_device *dev;
	struct dma_region memory;
};

/* NULL, or why it cannot be had. @iommu is where it looks for addresses. */
const char *kit_dma_open(struct kit_dma *dma, const char *bdf, struct iommu *iommu);
void kit_dma_close(struct kit_dma *dma);

/*
 * Copy KIT_DMA_LEN bytes of @fill to @iova. What becomes of them has to be looked
 * at: not all of what a bad transfer does is seen by the driver.
 */
void kit_dma_write(struct kit_dma *dma, u64 iova, int fill);

/*
 * ... which is @va in a mapping of a BAR: do they arrive? libvfio's driver waits
 * for 200 ms of a device that answers at once, which is too short for a guest on
 * a busy machine; so what it gives up is tried again, a few times.
 */
bool kit_dma_lands(struct kit_dma *dma, u64 iova, const void *va, int fill);

/* Copy KIT_DMA_LEN bytes from @iova: are they all @fill? */
bool kit_dma_reads(struct kit_dma *dma, u64 iova, int fill);

/* Are the KIT_DMA_LEN bytes at @va, in a mapping of a BAR, all @fill? */
bool kit_dma_landed(const void *va, int fill);

#endif /* VFIO_KIT_DMA_H */
