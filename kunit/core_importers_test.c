// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core suite: importers of exported DMABUFs. The core tells them to let go when
 * the user mappings are gone and while the device is in D0, and waits for them
 * (rule C3). Rules C6 and C8, as far as they are about DMABUFs.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/dma-buf.h>
#include <linux/file.h>
#include <linux/path.h>
#include <linux/scatterlist.h>

#include "vfio_pci_kunit.h"

static const struct vpk_function_config vpk_full = VPK_FULL_CONFIG;

/* Functions 0 and 1 are bound and open; function 2 imports. */
struct vpk_importing {
	struct vpk_host *host;
	struct vpk_function *fn[2];
	struct vpk_function *by;
	struct dma_buf *dmabuf[2];
	struct vpk_importer *importer[2];
	struct vpk_map *map[2];
};

static void vpk_import(struct kunit *test, struct vpk_importing *on,
		       unsigned int nr)
{
	const struct vpk_function_config small = { .bar_size = { SZ_4K } };
	unsigned int i;

	on->host = vpk_host_create(test);
	for (i = 0; i < nr; i++)
		on->fn[i] = vpk_function_add(test, on->host, &vpk_full);
	on->by = vpk_function_add(test, on->host, &small);
	vpk_host_probe(test, on->host);
	for (i = 0; i < nr; i++) {
		vpk_bind(test, on->fn[i], VPK_DRIVER);
		vpk_open(test, on->fn[i]);
	}
	for (i = 0; i < nr; i++) {
		on->map[i] = vpk_map(test, on->fn[i], 0, 0, PAGE_SIZE);
		KUNIT_ASSERT_EQ(test, vpk_touch(on->map[i], 0), 0);
		on->dmabuf[i] = vpk_export(test, on->fn[i], 0, PAGE_SIZE,
					   PAGE_SIZE);
		on->importer[i] = vpk_importer_attach(test, on->fn[i],
						      on->dmabuf[i], on->by);
		KUNIT_ASSERT_EQ(test, vpk_importer_map(on->importer[i]), 0);
	}
	vpk_watch(on->host, on->map[0], 0);
	vpk_log_clear(on->host);
}

/* A path, and what the log must hold when there is an importer. */
struct vpk_import_case {
	const char *path;
	const char *order;
};

static const struct vpk_import_case vpk_import_cases[] = {
	{ "memory_disable",
	  "zap invalidate release revoke mem-off" },
	{ "d3hot",
	  "zap invalidate release revoke d3" },
	{ "runtime_pm",
	  "zap invalidate release revoke d3" },
	{ "flr",
	  "zap invalidate release revoke mem-off flr mem-on unrevoke" },
	{ "device_reset",
	  "zap invalidate release revoke mem-off flr mem-on unrevoke" },
};

KUNIT_ARRAY_PARAM_DESC(vpk_import, vpk_import_cases, path);

/* C3: an importer is told after the zap, in D0, with memory enabled. */
static void importer_order(struct kunit *test)
{
	const struct vpk_import_case *param = test->param_value;
	const struct vpk_path *path = vpk_path_find(test, param->path);
	const struct vpk_event *event;
	struct vpk_importing on = {};

	vpk_import(test, &on, 1);
	KUNIT_EXPECT_EQ(test, path->revoke(on.fn[0]), 0);
	VPK_EXPECT_ORDER(test, on.host, param->order);
	KUNIT_EXPECT_FALSE(test, vpk_importer_mapped(on.importer[0]));
	event = vpk_log_find(on.host, VPK_INVALIDATE, 0);
	KUNIT_ASSERT_NOT_NULL(test, event);
	KUNIT_EXPECT_FALSE(test, event->d3);
	KUNIT_EXPECT_TRUE(test, event->mem);
	KUNIT_EXPECT_FALSE(test, event->mapped);
	event = vpk_log_find(on.host, VPK_REVOKE, 0);
	KUNIT_ASSERT_NOT_NULL(test, event);
	KUNIT_EXPECT_EQ_MSG(test, event->a, 1, "DMABUFs revoked");
	KUNIT_EXPECT_EQ_MSG(test, event->b, 1, "DMABUFs waited for");
}

/* C3: the core waits for a slow importer, and users stay out until then. */
static void importer_is_slow(struct kunit *test)
{
	const struct vpk_import_case *param = test->param_value;
	const struct vpk_path *path = vpk_path_find(test, param->path);
	struct vpk_importing on = {};
	struct vpk_reader *reader;
	const struct vpk_event *event;

	vpk_import(test, &on, 1);
	vpk_importer_slow(on.importer[0], 50);
	reader = vpk_reader_start(test, on.map[0], 0);
	KUNIT_EXPECT_EQ(test, path->revoke(on.fn[0]), 0);
	VPK_EXPECT_ORDER(test, on.host, param->order);
	event = vpk_log_find(on.host, VPK_RELEASE, 0);
	KUNIT_ASSERT_NOT_NULL(test, event);
	KUNIT_EXPECT_FALSE_MSG(test, event->d3, "let go in D3hot");
	KUNIT_EXPECT_TRUE_MSG(test, event->mem, "let go without memory");
	KUNIT_EXPECT_FALSE_MSG(test, event->mapped, "users were not out");
	vpk_reader_wait(test, reader);
}

/* C3: hot reset tells the importers of all devices after all zaps, in D0. */
static void importer_hot_reset(struct kunit *test)
{
	const struct vpk_function_config small = { .bar_size = { SZ_4K } };
	struct vpk_importing on = {};
	unsigned int i;

	/* The importing device is in the set too, so the caller must own it. */
	on.host = vpk_host_create(test);
	for (i = 0; i < 2; i++)
		on.fn[i] = vpk_function_add(test, on.host, &vpk_full);
	on.by = vpk_function_add(test, on.host, &small);
	vpk_host_probe(test, on.host);
	for (i = 0; i < 2; i++) {
		vpk_bind(test, on.fn[i], VPK_DRIVER);
		vpk_open(test, on.fn[i]);
	}
	vpk_bind(test, on.by, VPK_DRIVER);
	vpk_open(test, on.by);
	for (i = 0; i < 2; i++) {
		on.dmabuf[i] = vpk_export(test, on.fn[i], 0, 0, PAGE_SIZE);
		on.importer[i] = vpk_importer_attach(test, on.fn[i],
						     on.dmabuf[i], on.by);
		KUNIT_ASSERT_EQ(test, vpk_importer_map(on.importer[i]), 0);
	}
	vpk_log_clear(on.host);
	KUNIT_EXPECT_EQ(test, vpk_hot_reset(on.fn[0]), 0);
	VPK_EXPECT_ORDER(test, on.host,
			 "0:zap 1:zap 2:zap 0:invalidate 0:release 0:revoke 1:invalidate 1:release 1:revoke 2:revoke 0:mem-off 1:mem-off 2:mem-off bus-reset 0:mem-on 1:mem-on 2:mem-on 0:unrevoke 1:unrevoke 2:unrevoke");
	KUNIT_EXPECT_EQ(test, vpk_importer_map(on.importer[0]), 0);
	KUNIT_EXPECT_EQ(test, vpk_importer_map(on.importer[1]), 0);
}

/* When hot reset fails to take a lock, no importer has been told anything. */
static void importer_trylock(struct kunit *test)
{
	struct vpk_importing on = {};
	struct vpk_lock_holder *holder;

	vpk_import(test, &on, 2);
	vpk_bind(test, on.by, VPK_DRIVER);
	vpk_open(test, on.by);
	holder = vpk_hold_memory_lock(test, on.fn[1], false);
	KUNIT_EXPECT_EQ(test, vpk_hot_reset(on.fn[0]), -EBUSY);
	vpk_drop_memory_lock(holder);
	KUNIT_EXPECT_NULL(test, vpk_log_find(on.host, VPK_INVALIDATE |
					     VPK_REVOKE, -1));
	KUNIT_EXPECT_TRUE(test, vpk_importer_mapped(on.importer[0]));
	KUNIT_EXPECT_TRUE(test, vpk_importer_mapped(on.importer[1]));
}

/* After a refused reset the DMABUF can be mapped again. */
static void importer_reset_refused(struct kunit *test)
{
	struct vpk_importing on = {};

	vpk_import(test, &on, 1);
	device_lock(&on.fn[0]->pdev->dev);
	KUNIT_EXPECT_EQ(test, vpk_reset(on.fn[0]), -EAGAIN);
	device_unlock(&on.fn[0]->pdev->dev);
	VPK_EXPECT_ORDER(test, on.host,
			 "zap invalidate release revoke unrevoke");
	KUNIT_EXPECT_EQ(test, vpk_importer_map(on.importer[0]), 0);
}

/* A revoked DMABUF cannot be mapped; an unrevoked one can, without a notice. */
static void importer_revoked(struct kunit *test)
{
	struct vpk_importing on = {};
	const struct vpk_event *event;

	vpk_import(test, &on, 1);
	KUNIT_EXPECT_EQ(test, vpk_memory(on.fn[0], false), 0);
	KUNIT_EXPECT_EQ(test, vpk_importer_map(on.importer[0]), -ENODEV);
	/* A second revocation finds nothing to do. */
	vpk_log_clear(on.host);
	KUNIT_EXPECT_EQ(test, vpk_power(on.fn[0], PCI_D3hot), 0);
	VPK_EXPECT_ORDER(test, on.host, "zap revoke d3");
	event = vpk_log_find(on.host, VPK_REVOKE, 0);
	KUNIT_ASSERT_NOT_NULL(test, event);
	KUNIT_EXPECT_EQ(test, event->a, 0);
	KUNIT_EXPECT_EQ(test, vpk_power(on.fn[0], PCI_D0), 0);
	KUNIT_EXPECT_EQ(test, vpk_importer_map(on.importer[0]), -ENODEV);

	vpk_log_clear(on.host);
	KUNIT_EXPECT_EQ(test, vpk_memory(on.fn[0], true), 0);
	VPK_EXPECT_ORDER(test, on.host, "mem-on unrevoke");
	event = vpk_log_find(on.host, VPK_UNREVOKE, 0);
	KUNIT_ASSERT_NOT_NULL(test, event);
	KUNIT_EXPECT_EQ(test, event->a, 1);
	KUNIT_EXPECT_EQ(test, vpk_importer_map(on.importer[0]), 0);
}

/* C8: the core does not wait for an importer that has nothing mapped. */
static void importer_idle(struct kunit *test)
{
	struct vpk_importing on = {};
	const struct vpk_event *event;

	vpk_import(test, &on, 1);
	KUNIT_EXPECT_EQ(test, vpk_memory(on.fn[0], false), 0);
	KUNIT_EXPECT_EQ(test, vpk_memory(on.fn[0], true), 0);
	vpk_log_clear(on.host);
	vpk_importer_slow(on.importer[0], 5000);
	KUNIT_EXPECT_EQ(test, vpk_memory(on.fn[0], false), 0);
	KUNIT_EXPECT_NULL(test, vpk_log_find(on.host, VPK_RELEASE, -1));
	event = vpk_log_find(on.host, VPK_REVOKE, 0);
	KUNIT_ASSERT_NOT_NULL(test, event);
	KUNIT_EXPECT_EQ(test, event->a, 1);
}

#define VPK_LET_GO_MS	200

static const unsigned int vpk_together_params[] = { 1, 16, 64 };

static void vpk_together_desc(const unsigned int *nr, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u importers", *nr);
}

KUNIT_ARRAY_PARAM(vpk_together, vpk_together_params, vpk_together_desc);

/*
 * C3, C8: importers are told together and waited for together. A revocation
 * takes as long as the slowest of them, and not the sum.
 */
static void importer_together(struct kunit *test)
{
	const unsigned int nr = *(const unsigned int *)test->param_value;
	const struct vpk_function_config small = { .bar_size = { SZ_4K } };
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_importer *importer;
	const struct vpk_event *event;
	struct vpk_function *fn, *by;
	struct dma_buf *dmabuf;
	unsigned int i;
	ktime_t start;
	s64 took;

	vpk_need_importers(test);
	fn = vpk_function_add(test, host, &vpk_full);
	by = vpk_function_add(test, host, &small);
	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	vpk_open(test, fn);
	for (i = 0; i < nr; i++) {
		dmabuf = vpk_export(test, fn, 2, i * PAGE_SIZE, PAGE_SIZE);
		importer = vpk_importer_attach(test, fn, dmabuf, by);
		KUNIT_ASSERT_EQ(test, vpk_importer_map(importer), 0);
		vpk_importer_slow(importer, VPK_LET_GO_MS);
	}
	vpk_log_clear(host);
	/* There is no room in the log for all of them. */
	host->log_ignore |= VPK_RELEASE;
	start = ktime_get();
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	took = ktime_ms_delta(ktime_get(), start);
	kunit_info(test, "%u importers that take %u ms: %lld ms", nr,
		   VPK_LET_GO_MS, took);
	KUNIT_EXPECT_GE(test, took, VPK_LET_GO_MS - 10);
	if (nr > 1)
		KUNIT_EXPECT_LT(test, took, nr * VPK_LET_GO_MS / 2);

	KUNIT_ASSERT_EQ(test, host->nr_events, nr + 3);
	KUNIT_EXPECT_EQ(test, host->log[0].type, VPK_ZAP);
	for (i = 1; i <= nr; i++)
		KUNIT_EXPECT_EQ(test, host->log[i].type, VPK_INVALIDATE);
	KUNIT_EXPECT_EQ(test, host->log[nr + 1].type, VPK_REVOKE);
	event = vpk_log_find(host, VPK_REVOKE, 0);
	KUNIT_ASSERT_NOT_NULL(test, event);
	KUNIT_EXPECT_EQ(test, event->b, nr);
}

/* A DMABUF exported while memory is disabled is revoked from the start. */
static void importer_born_revoked(struct kunit *test)
{
	struct vpk_importing on = {};
	struct vpk_importer *importer;
	struct dma_buf *dmabuf;

	vpk_import(test, &on, 1);
	KUNIT_EXPECT_EQ(test, vpk_memory(on.fn[0], false), 0);
	dmabuf = vpk_export(test, on.fn[0], 0, 0, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, vpk_memory(on.fn[0], true), 0);
	importer = vpk_importer_attach(test, on.fn[0], dmabuf, on.by);
	KUNIT_EXPECT_EQ(test, vpk_importer_map(importer), 0);
}

/* The importer gets the bus addresses of the exported range. */
static void importer_addresses(struct kunit *test)
{
	struct vpk_importing on = {};
	struct sg_table *sgt;
	u64 len = 0;
	struct scatterlist *sg;
	int i;

	vpk_import(test, &on, 1);
	sgt = vpk_importer_sgt(on.importer[0]);
	KUNIT_ASSERT_NOT_NULL(test, sgt);
	for_each_sgtable_dma_sg(sgt, sg, i)
		len += sg_dma_len(sg);
	KUNIT_EXPECT_EQ(test, len, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, sg_dma_address(sgt->sgl),
			pci_bus_address(on.fn[0]->pdev, 0) + PAGE_SIZE);
}

/* The export refuses ranges that are not in the BAR. */
static void importer_refused(struct kunit *test)
{
	struct vpk_function *fn;
	struct vfio_region_dma_range beyond = { SZ_64K, SZ_4K };
	struct vfio_region_dma_range wraps = { SZ_4K, U64_MAX - SZ_4K + 1 };
	struct vfio_region_dma_range unaligned = { 1, SZ_4K };
	struct vfio_region_dma_range empty = { 0, 0 };
	struct vfio_region_dma_range good = { 0, SZ_4K };

	vpk_need_importers(test);
	fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	KUNIT_EXPECT_TRUE(test, IS_ERR(vpk_try_export(fn, 0, &beyond, 1)));
	KUNIT_EXPECT_TRUE(test, IS_ERR(vpk_try_export(fn, 0, &wraps, 1)));
	KUNIT_EXPECT_TRUE(test, IS_ERR(vpk_try_export(fn, 0, &unaligned, 1)));
	KUNIT_EXPECT_TRUE(test, IS_ERR(vpk_try_export(fn, 0, &empty, 1)));
	KUNIT_EXPECT_TRUE(test, IS_ERR(vpk_try_export(fn, 1, &good, 1)));
	KUNIT_EXPECT_TRUE(test, IS_ERR(vpk_try_export(fn, 0, &good, 0)));
	KUNIT_EXPECT_TRUE(test,
			  IS_ERR(vpk_try_export(fn,
						VFIO_PCI_CONFIG_REGION_INDEX,
						&good, 1)));
}

/* Close zaps, tells an importer that has a mapping, and waits for it. */
static void importer_close(struct kunit *test)
{
	struct vpk_importing on = {};

	vpk_import(test, &on, 1);
	vpk_importer_slow(on.importer[0], 20);
	vpk_unmap(on.map[0]);
	vpk_close(on.fn[0]);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(on.fn[0], 0));
	KUNIT_EXPECT_FALSE(test, vpk_importer_mapped(on.importer[0]));
	KUNIT_ASSERT_GE(test, on.host->nr_events, 4);
	KUNIT_EXPECT_EQ(test, on.host->log[0].type, VPK_ZAP);
	KUNIT_EXPECT_EQ(test, on.host->log[1].type, VPK_INVALIDATE);
	KUNIT_EXPECT_EQ(test, on.host->log[2].type, VPK_RELEASE);
	KUNIT_EXPECT_EQ(test, on.host->log[3].type, VPK_REVOKE);
	KUNIT_EXPECT_EQ(test, vpk_importer_map(on.importer[0]), -ENODEV);
}

/*
 * C6: an O_PATH descriptor pins the dentry of a DMABUF whose struct file is
 * gone. Nothing may look at that file: with KASAN and SLUB_RCU_DEBUG the
 * unpatched core reports a use-after-free in both steps here.
 */
static void importer_o_path(struct kunit *test)
{
	const struct vfio_region_dma_range range = { 0, SZ_4K };
	struct vpk_function *fn;
	struct dma_buf *dmabuf;
	struct path path;

	vpk_need_importers(test);
	fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	dmabuf = vpk_try_export(fn, 0, &range, 1);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dmabuf);
	path = dmabuf->file->f_path;
	path_get(&path);
	dma_buf_put(dmabuf);
	flush_delayed_fput();
	rcu_barrier();

	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	vpk_close(fn);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
	path_put(&path);
	rcu_barrier();
}

static int vpk_importers_init(struct kunit *test)
{
	int ret = vpk_case_init(test);

	vpk_need_importers(test);
	return ret;
}

static struct kunit_case vpk_importers_cases[] = {
	KUNIT_CASE_PARAM(importer_order, vpk_import_gen_params),
	KUNIT_CASE_PARAM(importer_is_slow, vpk_import_gen_params),
	KUNIT_CASE(importer_hot_reset),
	KUNIT_CASE(importer_trylock),
	KUNIT_CASE(importer_reset_refused),
	KUNIT_CASE(importer_revoked),
	KUNIT_CASE(importer_idle),
	KUNIT_CASE_PARAM(importer_together, vpk_together_gen_params),
	KUNIT_CASE(importer_born_revoked),
	KUNIT_CASE(importer_addresses),
	KUNIT_CASE(importer_refused),
	KUNIT_CASE(importer_close),
	KUNIT_CASE(importer_o_path),
	{}
};

static struct kunit_suite vpk_importers_suite = {
	.name = "vfio-pci-core-importers",
	.init = vpk_importers_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_importers_cases,
};

kunit_test_suite(vpk_importers_suite);
