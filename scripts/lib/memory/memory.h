/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of the device that is in no BAR, as a region of its own: memory.c.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#ifndef SAMPLE_VFIO_MEMORY_H
#define SAMPLE_VFIO_MEMORY_H

#include <linux/types.h>
#include <linux/vfio_pci_core.h>

/**
 * struct sample_vfio_memory - memory of the device that is in no BAR
 * @phys: where it is; the length is 0 if the device has none
 * @io: where the kernel has mapped it, for read() and write()
 * @region: which region it is while the device is open
 */
struct sample_vfio_memory {
	struct phys_vec phys;
	void __iomem *io;
	unsigned int region;
};

int sample_vfio_memory_probe(struct pci_dev *pdev,
			     struct sample_vfio_memory *memory);
int sample_vfio_memory_open(struct vfio_pci_core_device *vdev,
			    struct sample_vfio_memory *memory);
bool sample_vfio_memory_is(const struct sample_vfio_memory *memory, u64 offset);
int sample_vfio_memory_mmap(struct vfio_device *core_vdev,
			    struct sample_vfio_memory *memory,
			    struct vm_area_struct *vma);

#endif /* SAMPLE_VFIO_MEMORY_H */
