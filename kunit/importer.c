// SPDX-License-Identifier: GPL-2.0-only
/*
 * A DMABUF importer that only takes note: of when it was told to let go, and
 * in which power state the device then was. It can be slow to let go.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/mman.h>
#include <linux/workqueue.h>

#include "vfio_pci_kunit.h"

/* The largest argument: header and ranges in vpk_feature()'s buffer. */
#define VPK_MAX_RANGES	16

struct vpk_export_arg {
	struct vfio_device_feature_dma_buf get;
	struct vfio_region_dma_range ranges[VPK_MAX_RANGES];
};

/**
 * struct vpk_importer - an importer of one DMABUF
 * @fn: whose DMABUF, and in whose log
 * @dmabuf: the DMABUF, a reference is held
 * @attach: the attachment
 * @sgt: the mapping, NULL when not mapped; protected by the reservation lock
 * @dir: what its DMA does
 * @delay_ms: takes that long to let go
 * @work: lets go later
 */
struct vpk_importer {
	struct vpk_function *fn;
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;
	enum dma_data_direction dir;
	unsigned int delay_ms;
	struct delayed_work work;
};

static void vpk_put_dmabuf(void *data)
{
	dma_buf_put(data);
}

/**
 * vpk_put_later() - put a DMABUF when the test ends
 * @test: the test
 * @dmabuf: from vpk_try_export()
 *
 * Context: the test's thread.
 */
void vpk_put_later(struct kunit *test, struct dma_buf *dmabuf)
{
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vpk_put_dmabuf,
							dmabuf), 0);
}

/**
 * vpk_try_export_as() - VFIO_DEVICE_FEATURE_DMA_BUF
 * @fn: the function, open
 * @index: region index
 * @ranges: parts of the region
 * @nr_ranges: how many, 16 at most
 * @open_flags: O_RDONLY, O_WRONLY or O_RDWR
 *
 * Context: the test's thread. The caller puts the DMABUF.
 * Return: the DMABUF, or what the ioctl() failed with as an ERR_PTR.
 */
struct dma_buf *vpk_try_export_as(struct vpk_function *fn, unsigned int index,
				  const struct vfio_region_dma_range *ranges,
				  unsigned int nr_ranges,
				  unsigned int open_flags)
{
	struct vpk_export_arg arg = {
		.get.region_index = index,
		.get.open_flags = O_CLOEXEC | open_flags,
		.get.nr_ranges = nr_ranges,
	};
	struct dma_buf *dmabuf;
	long fd;

	if (nr_ranges > VPK_MAX_RANGES)
		return ERR_PTR(-E2BIG);
	memcpy(arg.ranges, ranges, nr_ranges * sizeof(*ranges));
	fd = vpk_feature(fn, VFIO_DEVICE_FEATURE_GET |
			 VFIO_DEVICE_FEATURE_DMA_BUF, &arg,
			 offsetof(struct vpk_export_arg, ranges[nr_ranges]));
	if (fd < 0)
		return ERR_PTR(fd);
	dmabuf = dma_buf_get(fd);
	close_fd(fd);
	return dmabuf;
}

/**
 * vpk_try_export() - vpk_try_export_as() for reading and writing
 * @fn: the function, open
 * @index: region index
 * @ranges: parts of the region
 * @nr_ranges: how many, 16 at most
 *
 * Context: the test's thread. The caller puts the DMABUF.
 * Return: the DMABUF, or what the ioctl() failed with as an ERR_PTR.
 */
struct dma_buf *vpk_try_export(struct vpk_function *fn, unsigned int index,
			       const struct vfio_region_dma_range *ranges,
			       unsigned int nr_ranges)
{
	return vpk_try_export_as(fn, index, ranges, nr_ranges, O_RDWR);
}

/**
 * vpk_export_as() - export a part of a region as a DMABUF
 * @test: the test
 * @fn: the function, open
 * @index: region index
 * @off: offset in the region
 * @len: length
 * @open_flags: O_RDONLY, O_WRONLY or O_RDWR
 *
 * Skips the test, by name, on a kernel without P2PDMA.
 *
 * Context: the test's thread. Put when the test ends.
 * Return: the DMABUF; the test is aborted when the export is refused.
 */
struct dma_buf *vpk_export_as(struct kunit *test, struct vpk_function *fn,
			      unsigned int index, u64 off, u64 len,
			      unsigned int open_flags)
{
	const struct vfio_region_dma_range range = { off, len };
	struct dma_buf *dmabuf;

	dmabuf = vpk_try_export_as(fn, index, &range, 1, open_flags);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dmabuf);
	vpk_put_later(test, dmabuf);
	return dmabuf;
}

/**
 * vpk_export() - vpk_export_as() for reading and writing
 * @test: the test
 * @fn: the function, open
 * @index: region index
 * @off: offset in the region
 * @len: length
 *
 * Context: the test's thread. Put when the test ends.
 * Return: the DMABUF; the test is aborted when the export is refused.
 */
struct dma_buf *vpk_export(struct kunit *test, struct vpk_function *fn,
			   unsigned int index, u64 off, u64 len)
{
	return vpk_export_as(test, fn, index, off, len, O_RDWR);
}

/**
 * vpk_map_dmabuf_at() - mmap() a part of an exported DMABUF, shared
 * @test: the test
 * @fn: the function that has exported it
 * @dmabuf: from vpk_export()
 * @open_flags: as the DMABUF was opened: O_RDWR or O_RDONLY
 * @off: offset in the DMABUF
 * @len: length
 *
 * Context: the test's thread. Unmapped with the test's address space.
 * Return: the mapping, see vpk_map_file(); the test is aborted when mmap()
 * refuses.
 */
struct vpk_map *vpk_map_dmabuf_at(struct kunit *test, struct vpk_function *fn,
				  struct dma_buf *dmabuf,
				  unsigned int open_flags, u64 off, size_t len)
{
	unsigned long prot = PROT_READ;

	if (open_flags == O_RDWR)
		prot |= PROT_WRITE;
	return vpk_map_file(test, fn, dmabuf->file, prot, off, len);
}

/**
 * vpk_map_dmabuf() - mmap() an exported DMABUF, shared
 * @test: the test
 * @fn: the function that has exported it
 * @dmabuf: from vpk_export()
 * @open_flags: as the DMABUF was opened: O_RDWR or O_RDONLY
 *
 * Context: the test's thread. Unmapped with the test's address space.
 * Return: the mapping, see vpk_map_file(); the test is aborted when mmap()
 * refuses.
 */
struct vpk_map *vpk_map_dmabuf(struct kunit *test, struct vpk_function *fn,
			       struct dma_buf *dmabuf, unsigned int open_flags)
{
	return vpk_map_dmabuf_at(test, fn, dmabuf, open_flags, 0, dmabuf->size);
}

/**
 * vpk_try_mmap_dmabuf() - vpk_try_mmap_file() of a DMABUF
 * @test: the test
 * @dmabuf: from vpk_export()
 * @off: offset in the DMABUF
 * @len: length
 * @prot: PROT_*
 * @flags: MAP_*
 *
 * Context: the test's thread. What was mapped is unmapped at once.
 * Return: 0 if it was mapped, -errno if not.
 */
long vpk_try_mmap_dmabuf(struct kunit *test, struct dma_buf *dmabuf, u64 off,
			 size_t len, unsigned long prot, unsigned long flags)
{
	return vpk_try_mmap_file(test, dmabuf->file, off, len, prot, flags);
}

static void vpk_importer_let_go(struct vpk_importer *importer)
{
	dma_resv_assert_held(importer->dmabuf->resv);

	if (!importer->sgt)
		return;
	/* Before: what the exporter waits for is that this has been done. */
	vpk_log(importer->fn->host, VPK_RELEASE, importer->fn->nr, 0, 0);
	dma_buf_unmap_attachment(importer->attach, importer->sgt,
				 importer->dir);
	importer->sgt = NULL;
}

static void vpk_importer_work(struct work_struct *work)
{
	struct vpk_importer *importer =
		container_of(to_delayed_work(work), struct vpk_importer, work);

	dma_resv_lock(importer->dmabuf->resv, NULL);
	vpk_importer_let_go(importer);
	dma_resv_unlock(importer->dmabuf->resv);
}

static void vpk_importer_invalidate(struct dma_buf_attachment *attach)
{
	struct vpk_importer *importer = attach->importer_priv;

	vpk_log(importer->fn->host, VPK_INVALIDATE, importer->fn->nr, 0, 0);
	if (importer->delay_ms)
		schedule_delayed_work(&importer->work,
				      msecs_to_jiffies(importer->delay_ms));
	else
		vpk_importer_let_go(importer);
}

static const struct dma_buf_attach_ops vpk_importer_ops = {
	.allow_peer2peer = true,
	.invalidate_mappings = vpk_importer_invalidate,
};

static void vpk_importer_detach(void *data)
{
	struct vpk_importer *importer = data;

	cancel_delayed_work_sync(&importer->work);
	dma_resv_lock(importer->dmabuf->resv, NULL);
	vpk_importer_let_go(importer);
	dma_resv_unlock(importer->dmabuf->resv);
	dma_buf_detach(importer->dmabuf, importer->attach);
}

/**
 * vpk_importer_attach() - attach an importer, revocable
 * @test: the test
 * @fn: the function that has exported @dmabuf
 * @dmabuf: from vpk_export()
 * @by: another function of the slot, which plays the importing device
 *
 * Not mapped yet: see vpk_importer_map().
 *
 * Context: the test's thread. Detached when the test ends.
 * Return: the importer; the test is aborted when it cannot attach.
 */
struct vpk_importer *vpk_importer_attach(struct kunit *test,
					 struct vpk_function *fn,
					 struct dma_buf *dmabuf,
					 struct vpk_function *by)
{
	struct vpk_importer *importer;

	importer = kunit_kzalloc(test, sizeof(*importer), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, importer);
	importer->fn = fn;
	importer->dmabuf = dmabuf;
	importer->dir = DMA_BIDIRECTIONAL;
	INIT_DELAYED_WORK(&importer->work, vpk_importer_work);
	importer->attach = dma_buf_dynamic_attach(dmabuf, &by->pdev->dev,
						  &vpk_importer_ops, importer);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, importer->attach);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test,
							vpk_importer_detach,
							importer), 0);
	return importer;
}

/**
 * vpk_try_attach() - attach an importer that may be refused
 * @dmabuf: the DMABUF
 * @by: another function of the slot, which plays the importing device
 *
 * Context: the test's thread. Detached at once.
 * Return: 0 if it could attach, -errno if not.
 */
int vpk_try_attach(struct dma_buf *dmabuf, struct vpk_function *by)
{
	struct dma_buf_attachment *attach;

	attach = dma_buf_dynamic_attach(dmabuf, &by->pdev->dev,
					&vpk_importer_ops, NULL);
	if (IS_ERR(attach))
		return PTR_ERR(attach);
	dma_buf_detach(dmabuf, attach);
	return 0;
}

/**
 * vpk_importer_map() - map, as an importer does before it starts its DMA
 * @importer: from vpk_importer_attach()
 *
 * Context: process context.
 * Return: 0, or -ENODEV while revoked.
 */
int vpk_importer_map(struct vpk_importer *importer)
{
	struct sg_table *sgt;
	int ret = 0;

	dma_resv_lock(importer->dmabuf->resv, NULL);
	if (!importer->sgt) {
		sgt = dma_buf_map_attachment(importer->attach, importer->dir);
		if (IS_ERR(sgt))
			ret = PTR_ERR(sgt);
		else
			importer->sgt = sgt;
	}
	dma_resv_unlock(importer->dmabuf->resv);
	return ret;
}

/**
 * vpk_importer_direction() - what the DMA of an importer does
 * @importer: from vpk_importer_attach(), not mapped
 * @dir: DMA_TO_DEVICE if it reads the DMABUF, DMA_FROM_DEVICE if it writes to it;
 *	DMA_BIDIRECTIONAL unless this is called
 *
 * Context: process context.
 */
void vpk_importer_direction(struct vpk_importer *importer,
			    enum dma_data_direction dir)
{
	importer->dir = dir;
}

/**
 * vpk_importer_unmap() - unmap, as an importer does that has done its DMA
 * @importer: from vpk_importer_attach()
 *
 * Context: process context.
 */
void vpk_importer_unmap(struct vpk_importer *importer)
{
	dma_resv_lock(importer->dmabuf->resv, NULL);
	vpk_importer_let_go(importer);
	dma_resv_unlock(importer->dmabuf->resv);
}

/**
 * vpk_importer_mapped() - has an importer something mapped
 * @importer: from vpk_importer_attach()
 *
 * Context: process context.
 * Return: false when it has let go.
 */
bool vpk_importer_mapped(struct vpk_importer *importer)
{
	return READ_ONCE(importer->sgt);
}

/**
 * vpk_importer_slow() - make an importer slow to let go
 * @importer: from vpk_importer_attach()
 * @ms: milliseconds from being told to letting go
 *
 * Context: process context.
 */
void vpk_importer_slow(struct vpk_importer *importer, unsigned int ms)
{
	importer->delay_ms = ms;
}

/**
 * vpk_importer_sgt() - the DMA addresses that an importer got
 * @importer: from vpk_importer_attach(), mapped
 *
 * Return: the scatterlist, NULL when not mapped.
 */
struct sg_table *vpk_importer_sgt(struct vpk_importer *importer)
{
	return importer->sgt;
}

/**
 * vpk_need_importers() - skip a test that needs importers where none can be
 * @test: the test
 *
 * Context: the test's thread.
 */
void vpk_need_importers(struct kunit *test)
{
}
