// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core suite: the private interconnect of iommufd, from VFIO's side. A mapped BAR
 * that an importer finds by its VMA is revoked like an exported DMABUF, and who
 * asked is told when it is back (rule C8, last lines). What iommufd itself does
 * with this is for the guest: selftests/tests/bar_import_test.c.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/file.h>
#include <linux/mman.h>
#include <linux/scatterlist.h>

#include "vfio_pci_kunit.h"

static const struct vpk_function_config vpk_full = VPK_FULL_CONFIG;
static const struct vpk_function_config vpk_small = { .bar_size = { SZ_4K } };

/* A function with two pages of BAR 0 mapped, from the second on. */
struct vpk_bar {
	struct vpk_host *host;
	struct vpk_function *fn;
	struct vpk_function *by;
	struct vpk_map *map;
	struct dma_buf *dmabuf;		/* behind the mapping */
	struct dma_buf *found;		/* what iommufd is told is there */
	struct dma_buf_attachment *attach;
};

#define VPK_OFF	PAGE_SIZE
#define VPK_LEN	(2 * PAGE_SIZE)

static void vpk_bar_invalidate(struct dma_buf_attachment *attach)
{
	struct vpk_bar *bar = attach->importer_priv;

	dma_resv_assert_held(attach->dmabuf->resv);
	vpk_log(bar->host, VPK_INVALIDATE, bar->fn->nr, 0, 0);
}

static void vpk_bar_unrevoked(struct dma_buf_attachment *attach)
{
	struct vpk_bar *bar = attach->importer_priv;

	dma_resv_assert_held(attach->dmabuf->resv);
	lockdep_assert_held_write(&bar->fn->vdev->memory_lock);
	vpk_log(bar->host, VPK_MARK, bar->fn->nr, 0, 0);
}

static const struct dma_buf_attach_ops vpk_bar_ops = {
	.allow_peer2peer = true,
	.invalidate_mappings = vpk_bar_invalidate,
};

/* One that cannot be told to let go. */
static const struct dma_buf_attach_ops vpk_bar_deaf_ops = {
	.allow_peer2peer = true,
};

/* @ops: of the driver, if not the fixture's own */
static void vpk_bar_open_with(struct kunit *test, struct vpk_bar *bar,
			      const struct vfio_device_ops *ops)
{
	struct vm_area_struct *vma;

	vpk_need_importers(test);
	bar->host = vpk_host_create(test);
	bar->fn = vpk_function_add(test, bar->host, &vpk_full);
	if (ops)
		bar->fn->driver.ops = ops;
	bar->by = vpk_function_add(test, bar->host, &vpk_small);
	vpk_host_probe(test, bar->host);
	vpk_bind(test, bar->fn, VPK_DRIVER);
	vpk_open(test, bar->fn);
	bar->map = vpk_map(test, bar->fn, 0, VPK_OFF, VPK_LEN);
	KUNIT_ASSERT_EQ(test, vpk_touch(bar->map, 0), 0);

	vma = vpk_vma_get(bar->map, 0);
	bar->found = vma ? vfio_pci_dma_buf_iommufd_vma(vma) : NULL;
	bar->dmabuf = vma ? vma->vm_file->private_data : NULL;
	if (bar->dmabuf)
		get_dma_buf(bar->dmabuf);
	KUNIT_EXPECT_EQ(test, vma->vm_pgoff, VPK_OFF >> PAGE_SHIFT);
	vpk_vma_put(bar->map);
	KUNIT_ASSERT_NOT_NULL(test, bar->dmabuf);
	vpk_put_later(test, bar->dmabuf);
	vpk_log_clear(bar->host);
}

static void vpk_bar_open(struct kunit *test, struct vpk_bar *bar)
{
	vpk_bar_open_with(test, bar, NULL);
	KUNIT_ASSERT_PTR_EQ(test, bar->found, bar->dmabuf);
}

static void vpk_bar_detach(void *data)
{
	struct dma_buf_attachment *attach = data;

	dma_buf_detach(attach->dmabuf, attach);
}

static void vpk_bar_attach(struct kunit *test, struct vpk_bar *bar)
{
	bar->attach = dma_buf_dynamic_attach(bar->dmabuf, &bar->by->pdev->dev,
					     &vpk_bar_ops, bar);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, bar->attach);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vpk_bar_detach,
							bar->attach), 0);
}

static int vpk_bar_part(struct dma_buf_attachment *attach, size_t start,
			size_t len, bool writable,
			void (*unrevoked)(struct dma_buf_attachment *),
			struct phys_vec *phys)
{
	int ret;

	dma_resv_lock(attach->dmabuf->resv, NULL);
	ret = vfio_pci_dma_buf_iommufd_map(attach, start, len, writable,
					   unrevoked, phys);
	dma_resv_unlock(attach->dmabuf->resv);
	return ret;
}

/* What iommufd does: it maps what the VMA shows, and asks to be told. */
static int vpk_bar_import(struct vpk_bar *bar, struct phys_vec *phys)
{
	return vpk_bar_part(bar->attach, VPK_OFF, VPK_LEN, true,
			    vpk_bar_unrevoked, phys);
}

/* The physical address is that of the part that was asked for. */
static void import_part(struct kunit *test)
{
	struct phys_vec phys = {};
	struct vpk_bar bar = {};
	phys_addr_t start;

	vpk_bar_open(test, &bar);
	vpk_bar_attach(test, &bar);
	start = pci_resource_start(bar.fn->pdev, 0);
	KUNIT_EXPECT_EQ(test, vpk_bar_import(&bar, &phys), 0);
	KUNIT_EXPECT_EQ(test, phys.paddr, start + VPK_OFF);
	KUNIT_EXPECT_EQ(test, phys.len, VPK_LEN);
	KUNIT_EXPECT_EQ(test, vpk_bar_part(bar.attach,
					   pci_resource_len(bar.fn->pdev, 0),
					   PAGE_SIZE, true, NULL, &phys),
			-EOPNOTSUPP);
}

/* A path, and what the log must hold when the mapped BAR has an importer. */
struct vpk_bar_case {
	const char *path;
	const char *order;
	const char *back;
};

static const struct vpk_bar_case vpk_bar_cases[] = {
	{ "memory_disable",
	  "zap invalidate revoke mem-off",
	  "mem-on mark unrevoke" },
	{ "d3hot",
	  "zap invalidate revoke d3",
	  "d0 mark unrevoke" },
	{ "runtime_pm",
	  "zap invalidate revoke d3",
	  "d0 mark unrevoke" },
	{ "flr",
	  "zap invalidate revoke mem-off flr mem-on mark unrevoke" },
	{ "device_reset",
	  "zap invalidate revoke mem-off flr mem-on mark unrevoke" },
};

KUNIT_ARRAY_PARAM_DESC(vpk_bar, vpk_bar_cases, path);

/* C3, C8: told after the zap, and once more when it is back, each time. */
static void import_order(struct kunit *test)
{
	const struct vpk_bar_case *param = test->param_value;
	const struct vpk_path *path = vpk_path_find(test, param->path);
	const struct vpk_event *event;
	struct phys_vec phys = {};
	struct vpk_bar bar = {};
	unsigned int i;

	vpk_bar_open(test, &bar);
	vpk_bar_attach(test, &bar);
	KUNIT_ASSERT_EQ(test, vpk_bar_import(&bar, &phys), 0);
	for (i = 0; i < 2; i++) {
		vpk_log_clear(bar.host);
		KUNIT_EXPECT_EQ(test, path->revoke(bar.fn), 0);
		VPK_EXPECT_ORDER(test, bar.host, param->order);
		event = vpk_log_find(bar.host, VPK_INVALIDATE, 0);
		KUNIT_ASSERT_NOT_NULL(test, event);
		KUNIT_EXPECT_FALSE(test, event->d3);
		KUNIT_EXPECT_TRUE(test, event->mem);
		KUNIT_EXPECT_FALSE(test, event->mapped);
		if (path->restore) {
			vpk_log_clear(bar.host);
			KUNIT_EXPECT_EQ(test, path->restore(bar.fn), 0);
			VPK_EXPECT_ORDER(test, bar.host, param->back);
		}
		event = vpk_log_find(bar.host, VPK_MARK, 0);
		KUNIT_ASSERT_NOT_NULL(test, event);
		KUNIT_EXPECT_FALSE_MSG(test, event->d3, "told in D3hot");
		KUNIT_EXPECT_TRUE_MSG(test, event->mem, "told without memory");
	}
}

/* C8: no attachment, no DMABUF on the list; no question, no answer. */
static void import_costs(struct kunit *test)
{
	const struct vpk_event *event;
	struct phys_vec phys = {};
	struct vpk_bar bar = {};

	vpk_bar_open(test, &bar);
	KUNIT_EXPECT_EQ(test, vpk_memory(bar.fn, false), 0);
	KUNIT_EXPECT_EQ(test, vpk_memory(bar.fn, true), 0);
	event = vpk_log_find(bar.host, VPK_REVOKE, 0);
	KUNIT_ASSERT_NOT_NULL(test, event);
	KUNIT_EXPECT_EQ(test, event->a, 0);

	vpk_bar_attach(test, &bar);
	KUNIT_EXPECT_EQ(test, vpk_bar_part(bar.attach, 0, PAGE_SIZE, true,
					   NULL, &phys), 0);
	vpk_log_clear(bar.host);
	KUNIT_EXPECT_EQ(test, vpk_memory(bar.fn, false), 0);
	KUNIT_EXPECT_EQ(test, vpk_memory(bar.fn, true), 0);
	VPK_EXPECT_ORDER(test, bar.host,
			 "zap invalidate revoke mem-off mem-on unrevoke");
	event = vpk_log_find(bar.host, VPK_REVOKE, 0);
	KUNIT_ASSERT_NOT_NULL(test, event);
	KUNIT_EXPECT_EQ(test, event->a, 1);

	/* Detached, it is on the list still, and nobody is told. */
	kunit_release_action(test, vpk_bar_detach, bar.attach);
	vpk_log_clear(bar.host);
	KUNIT_EXPECT_EQ(test, vpk_memory(bar.fn, false), 0);
	KUNIT_EXPECT_EQ(test, vpk_memory(bar.fn, true), 0);
	VPK_EXPECT_ORDER(test, bar.host, "zap revoke mem-off mem-on unrevoke");
}

/* While it is revoked, who comes gets the address, and is told later. */
static void import_while_revoked(struct kunit *test)
{
	struct phys_vec phys = {};
	struct vpk_bar bar = {};

	vpk_bar_open(test, &bar);
	KUNIT_EXPECT_EQ(test, vpk_memory(bar.fn, false), 0);
	vpk_bar_attach(test, &bar);
	KUNIT_EXPECT_EQ(test, vpk_bar_import(&bar, &phys), -EAGAIN);
	KUNIT_EXPECT_EQ(test, phys.paddr,
			pci_resource_start(bar.fn->pdev, 0) + VPK_OFF);
	vpk_log_clear(bar.host);
	KUNIT_EXPECT_EQ(test, vpk_memory(bar.fn, true), 0);
	VPK_EXPECT_ORDER(test, bar.host, "mem-on mark unrevoke");
	KUNIT_EXPECT_EQ(test, vpk_bar_import(&bar, &phys), 0);
}

/* An importer that cannot be told to let go does not get it. */
static void import_deaf(struct kunit *test)
{
	struct dma_buf_attachment *attach;
	struct vpk_bar bar = {};

	vpk_bar_open(test, &bar);
	attach = dma_buf_dynamic_attach(bar.dmabuf, &bar.by->pdev->dev,
					&vpk_bar_deaf_ops, &bar);
	KUNIT_EXPECT_PTR_EQ(test, attach, ERR_PTR(-EOPNOTSUPP));
	attach = dma_buf_attach(bar.dmabuf, &bar.by->pdev->dev);
	KUNIT_EXPECT_PTR_EQ(test, attach, ERR_PTR(-EOPNOTSUPP));
}

/* A driver that puts a page of another function between two of its BAR. */
static int vpk_bar_mmap(struct vfio_device *core_vdev,
			struct vm_area_struct *vma)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);
	const phys_addr_t start = pci_resource_start(vdev->pdev, 0);
	struct phys_vec phys[] = {
		{ start, 2 * PAGE_SIZE },
		{ 0, PAGE_SIZE },
		{ start + 3 * PAGE_SIZE, PAGE_SIZE },
	};
	struct pci_dev *other;

	other = pci_get_slot(vdev->pdev->bus, PCI_DEVFN(0, 1));
	if (!other)
		return -ENODEV;
	phys[1].paddr = pci_resource_start(other, 0);
	pci_dev_put(other);

	return vfio_pci_core_mmap_ranges(vdev, vma, phys, NULL,
					 ARRAY_SIZE(phys));
}

/* What is no BAR of the device is the driver's: nobody has said it can be shared. */
static void import_other_memory(struct kunit *test)
{
	struct dma_buf_attachment *attach;
	struct vfio_device_ops *ops;
	struct vpk_bar bar = {};

	ops = kunit_kzalloc(test, sizeof(*ops), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ops);
	*ops = *vpk_driver_ops();
	ops->mmap = vpk_bar_mmap;
	vpk_bar_open_with(test, &bar, ops);
	KUNIT_EXPECT_NULL(test, bar.found);
	attach = dma_buf_dynamic_attach(bar.dmabuf, &bar.by->pdev->dev,
					&vpk_bar_ops, &bar);
	KUNIT_EXPECT_PTR_EQ(test, attach, ERR_PTR(-EOPNOTSUPP));
}

/* The device closes: importers are gone, and none can come, even if it opens. */
static void import_close(struct kunit *test)
{
	struct dma_buf_attachment *attach;
	const struct vpk_event *event;
	struct phys_vec phys = {};
	struct vpk_bar bar = {};

	vpk_bar_open(test, &bar);
	vpk_bar_attach(test, &bar);
	KUNIT_ASSERT_EQ(test, vpk_bar_import(&bar, &phys), 0);
	vpk_unmap(bar.map);
	vpk_close(bar.fn);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(bar.fn, 0));
	event = vpk_log_find(bar.host, VPK_INVALIDATE, 0);
	KUNIT_EXPECT_NOT_NULL(test, event);
	KUNIT_EXPECT_NULL(test, vpk_log_find(bar.host, VPK_MARK, 0));
	KUNIT_EXPECT_EQ(test, vpk_bar_import(&bar, &phys), -ENODEV);

	vpk_log_clear(bar.host);
	vpk_open(test, bar.fn);
	attach = dma_buf_dynamic_attach(bar.dmabuf, &bar.by->pdev->dev,
					&vpk_bar_ops, &bar);
	KUNIT_EXPECT_PTR_EQ(test, attach, ERR_PTR(-ENODEV));
	KUNIT_EXPECT_EQ(test, vpk_memory(bar.fn, false), 0);
	KUNIT_EXPECT_EQ(test, vpk_memory(bar.fn, true), 0);
	KUNIT_EXPECT_NULL(test, vpk_log_find(bar.host, VPK_MARK |
					     VPK_INVALIDATE, 0));
}

/* Ranges that touch are one, others are found by the part that is asked for. */
static void import_ranges(struct kunit *test)
{
	const struct vfio_region_dma_range ranges[] = {
		{ 4 * PAGE_SIZE, PAGE_SIZE },
		{ 5 * PAGE_SIZE, 2 * PAGE_SIZE },
		{ 0, PAGE_SIZE },
		{ 7 * PAGE_SIZE, PAGE_SIZE },
		{ 6 * PAGE_SIZE, PAGE_SIZE },
	};
	static const struct {
		unsigned int start, pages;
		int page;
	} parts[] = {
		/* In pages of the DMABUF, and of the BAR; -1: not one range */
		{ 0, 1, 4 }, { 0, 3, 4 }, { 2, 1, 6 }, { 3, 1, 0 },
		{ 4, 1, 7 }, { 5, 1, 6 }, { 0, 4, -1 }, { 2, 2, -1 },
		{ 4, 2, -1 }, { 5, 2, -1 }, { 6, 1, -1 },
	};
	struct phys_vec phys = {};
	struct vpk_bar bar = {};
	phys_addr_t start;
	unsigned int i;
	int ret;

	vpk_bar_open(test, &bar);
	start = pci_resource_start(bar.fn->pdev, 2);
	bar.dmabuf = vpk_try_export(bar.fn, 2, ranges, ARRAY_SIZE(ranges));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, bar.dmabuf);
	vpk_put_later(test, bar.dmabuf);
	vpk_bar_attach(test, &bar);
	/* Nor is a byte more than a range has. */
	KUNIT_EXPECT_EQ(test, vpk_bar_part(bar.attach, 3 * PAGE_SIZE,
					   PAGE_SIZE + 1, true, NULL, &phys),
			-EOPNOTSUPP);
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		ret = vpk_bar_part(bar.attach, parts[i].start * PAGE_SIZE,
				   parts[i].pages * PAGE_SIZE, true, NULL,
				   &phys);
		if (parts[i].page < 0) {
			KUNIT_EXPECT_EQ_MSG(test, ret, -EOPNOTSUPP, "part %u",
					    i);
			continue;
		}
		KUNIT_EXPECT_EQ_MSG(test, ret, 0, "part %u", i);
		KUNIT_EXPECT_EQ_MSG(test, phys.paddr,
				    start + parts[i].page * PAGE_SIZE,
				    "part %u", i);
		KUNIT_EXPECT_EQ_MSG(test, phys.len,
				    parts[i].pages * PAGE_SIZE, "part %u", i);
	}
}

/* What an importer of the other kind gets is shorter, and no other memory. */
static void import_joined(struct kunit *test)
{
	const struct vfio_region_dma_range ranges[] = {
		{ PAGE_SIZE, PAGE_SIZE }, { 2 * PAGE_SIZE, PAGE_SIZE },
		{ 5 * PAGE_SIZE, PAGE_SIZE }, { 4 * PAGE_SIZE, PAGE_SIZE },
	};
	static const unsigned int pages[] = { 1, 5, 4 };
	struct vpk_importer *importer;
	struct vpk_bar bar = {};
	struct scatterlist *sg;
	struct sg_table *sgt;
	unsigned int i;

	vpk_bar_open(test, &bar);
	bar.dmabuf = vpk_try_export(bar.fn, 2, ranges, ARRAY_SIZE(ranges));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, bar.dmabuf);
	vpk_put_later(test, bar.dmabuf);
	KUNIT_EXPECT_EQ(test, bar.dmabuf->size, 4 * PAGE_SIZE);
	importer = vpk_importer_attach(test, bar.fn, bar.dmabuf, bar.by);
	KUNIT_ASSERT_EQ(test, vpk_importer_map(importer), 0);
	sgt = vpk_importer_sgt(importer);
	KUNIT_ASSERT_EQ(test, sgt->nents, ARRAY_SIZE(pages));
	for_each_sgtable_dma_sg(sgt, sg, i) {
		KUNIT_EXPECT_EQ(test, sg_dma_address(sg),
				pci_bus_address(bar.fn->pdev, 2) +
				pages[i] * PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, sg_dma_len(sg),
				i ? PAGE_SIZE : 2 * PAGE_SIZE);
	}
}

/* C8: a second importer finds the state that the first one has made. */
static void import_twice(struct kunit *test)
{
	const struct vpk_event *event;
	struct dma_buf_attachment *first;
	struct phys_vec phys[2];
	struct vpk_bar bar = {};

	vpk_bar_open(test, &bar);
	vpk_bar_attach(test, &bar);
	first = bar.attach;
	KUNIT_ASSERT_EQ(test, vpk_bar_import(&bar, &phys[0]), 0);
	vpk_bar_attach(test, &bar);
	KUNIT_ASSERT_EQ(test, vpk_bar_import(&bar, &phys[1]), 0);
	KUNIT_EXPECT_EQ(test, phys[0].paddr, phys[1].paddr);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&bar.fn->vdev->dmabufs), 1);

	vpk_log_clear(bar.host);
	KUNIT_EXPECT_EQ(test, vpk_memory(bar.fn, false), 0);
	event = vpk_log_find(bar.host, VPK_REVOKE, 0);
	KUNIT_ASSERT_NOT_NULL(test, event);
	KUNIT_EXPECT_EQ_MSG(test, event->a, 1, "DMABUFs revoked");
	KUNIT_EXPECT_EQ(test, vpk_memory(bar.fn, true), 0);
	KUNIT_EXPECT_EQ(test, vpk_bar_import(&bar, &phys[1]), 0);
	bar.attach = first;
	KUNIT_EXPECT_EQ(test, vpk_bar_import(&bar, &phys[0]), 0);
}

static struct sg_table *vpk_foreign_map(struct dma_buf_attachment *attach,
					enum dma_data_direction dir)
{
	return ERR_PTR(-EIO);
}

static void vpk_foreign_unmap(struct dma_buf_attachment *attach,
			      struct sg_table *sgt, enum dma_data_direction dir)
{
}

static void vpk_foreign_release(struct dma_buf *dmabuf)
{
}

static const struct dma_buf_ops vpk_foreign_ops = {
	.map_dma_buf = vpk_foreign_map,
	.unmap_dma_buf = vpk_foreign_unmap,
	.release = vpk_foreign_release,
};

/* C10: nor does it get a physical address from a DMABUF of somebody else. */
static void import_foreign(struct kunit *test)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct phys_vec phys = {};
	struct vpk_bar bar = {};

	vpk_bar_open(test, &bar);
	info.ops = &vpk_foreign_ops;
	info.size = PAGE_SIZE;
	info.priv = &bar;
	bar.dmabuf = dma_buf_export(&info);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, bar.dmabuf);
	vpk_put_later(test, bar.dmabuf);
	vpk_bar_attach(test, &bar);
	KUNIT_EXPECT_EQ(test, vpk_bar_part(bar.attach, 0, PAGE_SIZE, true, NULL,
					   &phys), -EOPNOTSUPP);
}

/* C10: iommufd learns of no DMABUF where a VMA is backed by none of the core's. */
static void import_not_ours(struct kunit *test)
{
	struct vpk_map anonymous = { .len = PAGE_SIZE };
	struct vm_area_struct *vma;
	struct dma_buf *exported;
	struct vpk_bar bar = {};
	struct vpk_map *map;

	vpk_bar_open(test, &bar);
	anonymous.fn = bar.map->fn;
	anonymous.addr = kunit_vm_mmap(test, NULL, 0, PAGE_SIZE, PROT_READ,
				       MAP_PRIVATE | MAP_ANONYMOUS, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(anonymous.addr));
	vma = vpk_vma_get(&anonymous, 0);
	if (vma)
		KUNIT_EXPECT_NULL(test, vfio_pci_dma_buf_iommufd_vma(vma));
	vpk_vma_put(&anonymous);
	KUNIT_EXPECT_NOT_NULL(test, vma);

	exported = vpk_export(test, bar.map->fn, 0, 0, PAGE_SIZE);
	map = vpk_map_dmabuf(test, bar.map->fn, exported, O_RDWR);
	vma = vpk_vma_get(map, 0);
	if (vma)
		KUNIT_EXPECT_PTR_EQ(test, vfio_pci_dma_buf_iommufd_vma(vma),
				    exported);
	vpk_vma_put(map);
	KUNIT_EXPECT_NOT_NULL(test, vma);
}

static struct kunit_case vpk_bar_import_cases[] = {
	KUNIT_CASE(import_part),
	KUNIT_CASE_PARAM(import_order, vpk_bar_gen_params),
	KUNIT_CASE(import_costs),
	KUNIT_CASE(import_while_revoked),
	KUNIT_CASE(import_deaf),
	KUNIT_CASE(import_other_memory),
	KUNIT_CASE(import_close),
	KUNIT_CASE(import_ranges),
	KUNIT_CASE(import_joined),
	KUNIT_CASE(import_twice),
	KUNIT_CASE(import_foreign),
	KUNIT_CASE(import_not_ours),
	{}
};

static struct kunit_suite vpk_bar_import_suite = {
	.name = "vfio-pci-core-bar-import",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_bar_import_cases,
};

kunit_test_suite(vpk_bar_import_suite);
