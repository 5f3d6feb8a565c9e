// SPDX-License-Identifier: GPL-2.0-only
/*
 * No importers where the kernel has no P2PDMA, UML above all. See importer.c
 * for what these functions are.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include "vfio_pci_kunit.h"

void vpk_need_importers(struct kunit *test)
{
	kunit_skip(test, "importers need P2PDMA, which this kernel lacks");
}

struct dma_buf *vpk_try_export(struct vpk_function *fn, unsigned int index,
			       const struct vfio_region_dma_range *ranges,
			       unsigned int nr_ranges)
{
	return ERR_PTR(-ENOTTY);
}

struct dma_buf *vpk_try_export_as(struct vpk_function *fn, unsigned int index,
				  const struct vfio_region_dma_range *ranges,
				  unsigned int nr_ranges,
				  unsigned int open_flags)
{
	return ERR_PTR(-ENOTTY);
}

void vpk_put_later(struct kunit *test, struct dma_buf *dmabuf)
{
}

struct dma_buf *vpk_export_as(struct kunit *test, struct vpk_function *fn,
			      unsigned int index, u64 off, u64 len,
			      unsigned int open_flags)
{
	vpk_need_importers(test);
	return NULL;
}

struct vpk_map *vpk_map_dmabuf_at(struct kunit *test, struct vpk_function *fn,
				  struct dma_buf *dmabuf,
				  unsigned int open_flags, u64 off, size_t len)
{
	return NULL;
}

struct vpk_map *vpk_map_dmabuf(struct kunit *test, struct vpk_function *fn,
			       struct dma_buf *dmabuf, unsigned int open_flags)
{
	return NULL;
}

long vpk_try_mmap_dmabuf(struct kunit *test, struct dma_buf *dmabuf, u64 off,
			 size_t len, unsigned long prot, unsigned long flags)
{
	return -ENOTTY;
}

int vpk_try_attach(struct dma_buf *dmabuf, struct vpk_function *by)
{
	return -ENOTTY;
}

struct dma_buf *vpk_export(struct kunit *test, struct vpk_function *fn,
			   unsigned int index, u64 off, u64 len)
{
	vpk_need_importers(test);
	return NULL;
}

struct vpk_importer *vpk_importer_attach(struct kunit *test,
					 struct vpk_function *fn,
					 struct dma_buf *dmabuf,
					 struct vpk_function *by)
{
	vpk_need_importers(test);
	return NULL;
}

int vpk_importer_map(struct vpk_importer *importer)
{
	return -ENOTTY;
}

void vpk_importer_direction(struct vpk_importer *importer,
			    enum dma_data_direction dir)
{
}

void vpk_importer_unmap(struct vpk_importer *importer)
{
}

bool vpk_importer_mapped(struct vpk_importer *importer)
{
	return false;
}

void vpk_importer_slow(struct vpk_importer *importer, unsigned int ms)
{
}

struct sg_table *vpk_importer_sgt(struct vpk_importer *importer)
{
	return NULL;
}
