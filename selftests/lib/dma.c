// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/compiler.h>
#include <linux/sizes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dma.h"

/* Far from where tests map BARs. */
#define DRIVER_IOVA	0x200000000ULL
#define MEMORY_IOVA	0x300000000ULL

/* How often a copy is tried that has to succeed. */
#define TRIES		5

static void map_memory(struct iommu *iommu, struct dma_region *region, u64 iova, u64 size)
{
	void *va = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	VFIO_ASSERT_NE(va, MAP_FAILED);
	*region = (struct dma_region){ .size = size, .iova = iova, .vaddr = va };
	iommu_map(iommu, region);
}

const char *kit_dma_open(struct kit_dma *dma, const char *bdf, struct iommu *iommu)
{
	static char why[80];

	memset(dma, 0, sizeof(*dma));
	dma->dev = vfio_pci_device_init(bdf, iommu);
	if (!dma->dev->driver.ops) {
		snprintf(why, sizeof(why), "libvfio has no driver for %s", bdf);
		return why;
	}
	map_memory(iommu, &dma->dev->driver.region, DRIVER_IOVA, SZ_2M);
	map_memory(iommu, &dma->memory, MEMORY_IOVA, SZ_64K);
	vfio_pci_driver_init(dma->dev);
	return NULL;
}

void kit_dma_close(struct kit_dma *dma)
{
	if (dma->dev)
		close(dma->dev->fd);
	dma->dev = NULL;
}

void kit_dma_write(struct kit_dma *dma, u64 iova, int fill)
{
	memset(dma->memory.vaddr, fill, KIT_DMA_LEN);
	vfio_pci_driver_memcpy(dma->dev, dma->memory.iova, iova, KIT_DMA_LEN);
}

static void copy(struct kit_dma *dma, u64 from, u64 to)
{
	int tries = TRIES;

	while (tries-- && vfio_pci_driver_memcpy(dma->dev, from, to, KIT_DMA_LEN))
		;
}

bool kit_dma_lands(struct kit_dma *dma, u64 iova, const void *va, int fill)
{
	memset(dma->memory.vaddr, fill, KIT_DMA_LEN);
	copy(dma, dma->memory.iova, iova);
	return kit_dma_landed(va, fill);
}

bool kit_dma_reads(struct kit_dma *dma, u64 iova, int fill)
{
	memset(dma->memory.vaddr, ~fill, KIT_DMA_LEN);
	copy(dma, iova, dma->memory.iova);
	return kit_dma_landed(dma->memory.vaddr, fill);
}

bool kit_dma_landed(const void *va, int fill)
{
	const char *byte = va;
	int i;

	for (i = 0; i < KIT_DMA_LEN; i++) {
		if (READ_ONCE(byte[i]) != (char)fill)
			return false;
	}
	return true;
}
