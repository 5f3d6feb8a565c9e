// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of the device that is in no BAR, as a region of its own.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * For memory behind a link of its own, of which the firmware tells the address
 * and the size. The core backs each mapping with a DMABUF and zaps it with the
 * others (rule V5). The memory must stop answering only on what takes the BARs
 * away as well. Nothing can describe it to importers, so that it cannot be
 * exported: the core refuses that.
 *
 * It is mapped uncached. If it is to be write-combining: devm_ioremap_wc(), and
 * VFIO_DMA_BUF_MEMATTR_WC for vfio_pci_core_mmap_ranges().
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/property.h>
#include <linux/sizes.h>

#include "memory.h"

/* What the firmware calls it. */
#define SAMPLE_VFIO_BASE	"vendor,memory-base"
#define SAMPLE_VFIO_SIZE	"vendor,memory-size"

#define SAMPLE_VFIO_STAND_IN	SZ_16K

/*
 * No device of QEMU's has such memory: in the driver's tests, the end of the
 * largest BAR stands for it. The core reserves that.
 */
static void sample_vfio_memory_stand_in(struct pci_dev *pdev,
					struct sample_vfio_memory *memory)
{
	unsigned int largest = 0;
	unsigned int bar;

	for (bar = 1; bar < PCI_STD_NUM_BARS; bar++) {
		if (!(pci_resource_flags(pdev, bar) & IORESOURCE_MEM))
			continue;
		if (pci_resource_len(pdev, bar) > pci_resource_len(pdev, largest))
			largest = bar;
	}
	if (pci_resource_len(pdev, largest) < 2 * SAMPLE_VFIO_STAND_IN)
		return;
	memory->phys.paddr = pci_resource_end(pdev, largest) + 1 -
			     SAMPLE_VFIO_STAND_IN;
	memory->phys.len = SAMPLE_VFIO_STAND_IN;
}

/* A device without the properties has no such memory, and no such region. */
static int sample_vfio_memory_find(struct pci_dev *pdev,
				   struct sample_vfio_memory *memory)
{
	u64 base, size, end;

	if (device_property_read_u64(&pdev->dev, SAMPLE_VFIO_BASE, &base) ||
	    device_property_read_u64(&pdev->dev, SAMPLE_VFIO_SIZE, &size)) {
		if (IS_ENABLED(CONFIG_SAMPLE_VFIO_PCI_TEST_IDS))
			sample_vfio_memory_stand_in(pdev, memory);
		return 0;
	}

	/* Only whole pages can be mapped. */
	if (!size || !PAGE_ALIGNED(base) || !PAGE_ALIGNED(size))
		return -ENODEV;
	if (size > VFIO_PCI_OFFSET_MASK || check_add_overflow(base, size, &end))
		return -ENODEV;
	if (!devm_request_mem_region(&pdev->dev, base, size, pci_name(pdev)))
		return -EBUSY;
	memory->phys.paddr = base;
	memory->phys.len = size;
	return 0;
}

/*
 * What probe does about the memory, before the device is registered. Nothing is
 * to be undone: the device is closed before devres takes it back.
 */
int sample_vfio_memory_probe(struct pci_dev *pdev,
			     struct sample_vfio_memory *memory)
{
	int ret;

	ret = sample_vfio_memory_find(pdev, memory);
	if (ret || !memory->phys.len)
		return ret;
	memory->io = devm_ioremap(&pdev->dev, memory->phys.paddr,
				  memory->phys.len);
	if (!memory->io)
		return -ENOMEM;
	return 0;
}

/* For each access the core's helper takes memory_lock and checks memory. */
static ssize_t sample_vfio_memory_rw(struct vfio_pci_core_device *vdev,
				     char __user *buf, size_t count,
				     loff_t *ppos, bool iswrite)
{
	unsigned int i = VFIO_PCI_OFFSET_TO_INDEX(*ppos) - VFIO_PCI_NUM_REGIONS;
	struct sample_vfio_memory *memory = vdev->region[i].data;
	u64 pos = *ppos & VFIO_PCI_OFFSET_MASK;
	ssize_t ret;

	if (pos >= memory->phys.len)
		return -EINVAL;
	count = min_t(u64, count, memory->phys.len - pos);
	ret = vfio_pci_core_do_io_rw(vdev, true, memory->io, buf, pos, count,
				     0, 0, iswrite, VFIO_PCI_IO_WIDTH_8);
	if (ret > 0)
		*ppos += ret;
	return ret;
}

static const struct vfio_pci_regops sample_vfio_memory_regops = {
	.rw		= sample_vfio_memory_rw,
};

/* A region lives as long as the device is open: vfio_pci_core_disable() ends it. */
int sample_vfio_memory_open(struct vfio_pci_core_device *vdev,
			    struct sample_vfio_memory *memory)
{
	if (!memory->phys.len)
		return 0;
	memory->region = VFIO_PCI_NUM_REGIONS + vdev->num_regions;
	return vfio_pci_core_register_dev_region(vdev,
						 VFIO_REGION_TYPE_PCI_VENDOR_TYPE |
						 vdev->pdev->vendor, 2,
						 &sample_vfio_memory_regops,
						 memory->phys.len,
						 VFIO_REGION_INFO_FLAG_READ |
						 VFIO_REGION_INFO_FLAG_WRITE |
						 VFIO_REGION_INFO_FLAG_MMAP,
						 memory);
}

/* Is an offset in the device's file one in the memory? */
bool sample_vfio_memory_is(const struct sample_vfio_memory *memory, u64 offset)
{
	return memory->phys.len &&
	       VFIO_PCI_OFFSET_TO_INDEX(offset) == memory->region;
}

/* mmap_lock is held: this does not wait for memory_lock (rule C2). */
int sample_vfio_memory_mmap(struct vfio_device *core_vdev,
			    struct sample_vfio_memory *memory,
			    struct vm_area_struct *vma)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);

	return vfio_pci_core_mmap_ranges(vdev, vma, &memory->phys, NULL, 1);
}
