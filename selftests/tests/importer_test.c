// SPDX-License-Identifier: GPL-2.0-only
/*
 * Importers for real: a BAR of one device, exported as a DMABUF and mapped into
 * an iommufd IOAS, and a second device (igb, with libvfio's driver) that reads
 * and writes it by DMA. While the BAR is revoked nothing may arrive, afterwards
 * it does again; the order of rule C3 is read from the tracepoints. For mappings
 * that iommufd finds by their address see bar_import_test.c.
 *
 * usage: importer_test [HARNESS OPTIONS] BDF_OF_THE_IGB BDF
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <errno.h>
#include <linux/iommufd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/sizes.h>

#include "access.h"
#include "exports.h"
#include "dma.h"
#include "trace.h"
#include "kselftest_harness.h"

#define RW	(PROT_READ | PROT_WRITE)

static const char *dma_bdf;

FIXTURE(importer) {
	struct kit_dev dev;
	struct iommu *iommu;
	struct kit_dma dma;
	struct kit_area *area;
	const struct kit_path *path;
	char *va;
	u64 iova, offset;
	int dmabuf;
	bool mapped;
};

FIXTURE_VARIANT(importer) {
	const char *path;
};

#define KIT_PATH(_name, ...) FIXTURE_VARIANT_ADD(importer, _name) { .path = #_name };
#include "path_table.h"

static int map_dmabuf(struct _test_data_importer *self)
{
	struct iommu_ioas_map_file map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE |
			 IOMMU_IOAS_MAP_FIXED_IOVA,
		.ioas_id = self->iommu->ioas_id,
		.fd = self->dmabuf,
		.iova = self->iova,
		.length = SZ_64K,
	};

	return ioctl(self->iommu->iommufd, IOMMU_IOAS_MAP_FILE, &map) ? -errno : 0;
}

FIXTURE_SETUP(importer)
{
	const char *why;

	self->path = kit_path(variant->path);
	why = kit_open_for(self->path, &self->dev, &self->iommu);
	if (why)
		SKIP(return, "%s", why);
	self->area = kit_best_area(&self->dev);
	if (!self->area || !self->area->ram || self->area->size < SZ_128K)
		SKIP(return, "no BAR of memory");
	self->offset = SZ_64K;
	self->va = kit_map(&self->dev, self->area, self->offset, SZ_64K, RW);
	self->dmabuf = kit_region_export(&self->dev, self->area->region,
					 self->area->offset + self->offset, SZ_64K);
	if (self->dmabuf < 0)
		SKIP(return, "region %u cannot be exported: %s", self->area->region,
		     strerror(-self->dmabuf));
	self->iova = 0x100000000ULL;
	if (map_dmabuf(self))
		SKIP(return, "IOMMU_IOAS_MAP_FILE of the DMABUF: %s", strerror(errno));

	why = kit_dma_open(&self->dma, dma_bdf, self->iommu);
	if (why)
		SKIP(return, "%s", why);
}

FIXTURE_TEARDOWN(importer)
{
	kit_dma_close(&self->dma);
	kit_close(&self->dev, NULL);
}

/* DMA of @fill into the BAR: does it arrive? */
static bool dma_lands(struct _test_data_importer *self, int fill)
{
	return kit_dma_lands(&self->dma, self->iova, self->va, fill);
}

TEST_F_TIMEOUT(importer, dma_stops_and_goes_on, 120)
{
	ASSERT_TRUE(dma_lands(self, 0x11)) TH_LOG("DMA to the BAR of another device does not work");

	ASSERT_EQ(0, kit_enter(self->path, &self->dev));
	if (self->path->leave) {
		kit_dma_write(&self->dma, self->iova, 0x22);
		ASSERT_EQ(0, kit_leave(self->path, &self->dev));
		EXPECT_TRUE(kit_dma_landed(self->va, 0x11))
			TH_LOG("DMA landed while the BAR was revoked");
	}
	/* iommufd maps it again by itself. */
	EXPECT_TRUE(dma_lands(self, 0x33)) TH_LOG("no DMA after the BAR came back");
}

TEST_F_TIMEOUT(importer, order_in_the_trace, 60)
{
	const char * const bdf[] = { self->dev.bdf };
	int n, i, zap = -1, revoke = -1, unrevoke = -1;
	static struct ev ev[TRACE_MAX_EVENTS];
	struct trace trace = {};

	if (trace_probes_add() || trace_start(&trace) || !trace.kit) {
		trace_stop(&trace);
		SKIP(return, "this kernel has no tracepoints of the core patch");
	}
	trace_clear(&trace);
	ASSERT_EQ(0, kit_enter(self->path, &self->dev));
	ASSERT_EQ(0, kit_leave(self->path, &self->dev));
	n = trace_read(&trace, bdf, 1, syscall(__NR_gettid), ev, TRACE_MAX_EVENTS);
	trace_stop(&trace);
	for (i = 0; i < n; i++) {
		if (ev[i].kind == EV_ZAP && zap < 0)
			zap = i;
		if (ev[i].kind == EV_REVOKE && revoke < 0)
			revoke = i;
		if (ev[i].kind == EV_UNREVOKE)
			unrevoke = i;
	}
	ASSERT_LE(0, zap);
	ASSERT_LT(zap, revoke);
	ASSERT_LT(revoke, unrevoke);
	/* DMABUFs, or the device's address_space */
	EXPECT_LE(1, ev[zap].arg + ev[zap].arg2);
	EXPECT_EQ(1, ev[revoke].arg);
	EXPECT_EQ(1, ev[revoke].arg2) TH_LOG("the importer was not waited for");
	EXPECT_EQ(1, ev[unrevoke].arg);
}

TEST_F(importer, mapping_while_revoked_is_refused)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas_id = self->iommu->ioas_id,
		.iova = self->iova, .length = SZ_64K,
	};

	if (!self->path->leave)
		SKIP(return, "not revoked for longer than the call");
	ASSERT_EQ(0, ioctl(self->iommu->iommufd, IOMMU_IOAS_UNMAP, &unmap));
	ASSERT_EQ(0, kit_enter(self->path, &self->dev));
	EXPECT_NE(0, map_dmabuf(self));
	ASSERT_EQ(0, kit_leave(self->path, &self->dev));
	EXPECT_EQ(0, map_dmabuf(self));
}

/* Close the device under the importer, the DMABUF, the IOAS: in each order. */
TEST_F(importer, device_closes_under_the_importer)
{
	munmap(self->va, SZ_64K);
	close(self->dev.vdev->fd);
	self->dev.vdev->fd = -1;
	EXPECT_NE(0, map_dmabuf(self));
	kit_dma_write(&self->dma, self->iova, 0x55);
	close(self->dmabuf);
}

/* The owner takes it back for good: DMA stops, and cannot be set up again. */
TEST_F(importer, revoked_for_good_under_the_importer)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas_id = self->iommu->ioas_id,
		.iova = self->iova, .length = SZ_64K,
	};

	ASSERT_TRUE(dma_lands(self, 0x77));
	ASSERT_EQ(0, kit_export_revoke(&self->dev, self->dmabuf));
	kit_dma_write(&self->dma, self->iova, 0x78);
	EXPECT_TRUE(kit_dma_landed(self->va, 0x77)) TH_LOG("DMA landed after REVOKE");
	ASSERT_EQ(0, kit_enter(self->path, &self->dev));
	ASSERT_EQ(0, kit_leave(self->path, &self->dev));
	kit_dma_write(&self->dma, self->iova, 0x79);
	EXPECT_FALSE(kit_dma_landed(self->va, 0x79)) TH_LOG("DMA landed after REVOKE");
	ASSERT_EQ(0, ioctl(self->iommu->iommufd, IOMMU_IOAS_UNMAP, &unmap));
	EXPECT_NE(0, map_dmabuf(self)) TH_LOG("mapped after REVOKE");

	close(self->dmabuf);
	self->dmabuf = kit_region_export(&self->dev, self->area->region,
					 self->area->offset + self->offset, SZ_64K);
	ASSERT_LE(0, self->dmabuf);
	ASSERT_EQ(0, map_dmabuf(self));
	EXPECT_TRUE(dma_lands(self, 0x7a)) TH_LOG("no DMA to the range exported anew");
}

TEST_F(importer, dmabuf_closes_under_the_importer)
{
	close(self->dmabuf);
	EXPECT_TRUE(dma_lands(self, 0x66));
	ASSERT_EQ(0, kit_enter(self->path, &self->dev));
	ASSERT_EQ(0, kit_leave(self->path, &self->dev));
}

int main(int argc, char **argv)
{
	kit_args(&argc, argv);
	if (argc < 2)
		ksft_exit_skip("no second device to do DMA\n");
	dma_bdf = argv[--argc];
	argv[argc] = NULL;
	return test_harness_run(argc, argv);
}
