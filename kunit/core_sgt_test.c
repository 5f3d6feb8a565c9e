// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core suite: what an importer has mapped is freed when it unmaps. The table
 * of DMA addresses is made and freed by dma-buf, for VFIO and others.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/dma-buf.h>
#include <linux/scatterlist.h>
#include <linux/tracepoint.h>

#include <trace/events/kmem.h>

#include "vfio_pci_kunit.h"

static const struct vpk_function_config vpk_full = VPK_FULL_CONFIG;
static const struct vpk_function_config vpk_small = { .bar_size = { SZ_4K } };

/* Whether somebody has freed one particular allocation. */
struct vpk_freed {
	const void *ptr;
	bool freed;
};

static void vpk_kfree_probe(void *data, unsigned long call_site,
			    const void *ptr)
{
	struct vpk_freed *freed = data;

	if (ptr && ptr == READ_ONCE(freed->ptr))
		WRITE_ONCE(freed->freed, true);
}

static void vpk_kfree_unwatch(void *data)
{
	unregister_trace_kfree(vpk_kfree_probe, data);
	tracepoint_synchronize_unregister();
}

static struct vpk_freed *vpk_kfree_watch(struct kunit *test)
{
	struct vpk_freed *freed;

	freed = kunit_kzalloc(test, sizeof(*freed), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, freed);
	KUNIT_ASSERT_EQ(test, register_trace_kfree(vpk_kfree_probe, freed), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vpk_kfree_unwatch,
							freed), 0);
	return freed;
}

/* A function, and an importer of @nr_ranges pages of its BAR 2. */
static struct vpk_importer *vpk_sgt_importer(struct kunit *test,
					     struct vpk_function **fn,
					     unsigned int nr_ranges)
{
	struct vfio_region_dma_range ranges[8];
	struct vpk_function *by;
	struct vpk_host *host;
	struct dma_buf *dmabuf;
	unsigned int i;

	vpk_need_importers(test);
	KUNIT_ASSERT_LE(test, nr_ranges, ARRAY_SIZE(ranges));
	host = vpk_host_create(test);
	*fn = vpk_function_add(test, host, &vpk_full);
	by = vpk_function_add(test, host, &vpk_small);
	vpk_host_probe(test, host);
	vpk_bind(test, *fn, VPK_DRIVER);
	vpk_open(test, *fn);
	for (i = 0; i < nr_ranges; i++)
		ranges[i] = (struct vfio_region_dma_range) {
			.offset = 2 * i * PAGE_SIZE, .length = PAGE_SIZE,
		};
	dmabuf = vpk_try_export(*fn, 2, ranges, nr_ranges);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dmabuf);
	vpk_put_later(test, dmabuf);
	return vpk_importer_attach(test, *fn, dmabuf, by);
}

static const unsigned int vpk_ranges[] = { 1, 8 };

static void vpk_ranges_desc(const unsigned int *nr, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u_ranges", *nr);
}

KUNIT_ARRAY_PARAM(vpk_sgt, vpk_ranges, vpk_ranges_desc);

/* Map an importer, and watch its list. */
static struct vpk_freed *vpk_sgt_watch(struct kunit *test,
				       struct vpk_importer *importer,
				       unsigned int nr_ranges)
{
	struct vpk_freed *freed = vpk_kfree_watch(test);
	struct sg_table *sgt;

	KUNIT_ASSERT_EQ(test, vpk_importer_map(importer), 0);
	sgt = vpk_importer_sgt(importer);
	KUNIT_ASSERT_NOT_NULL(test, sgt);
	KUNIT_EXPECT_EQ(test, sgt->nents, nr_ranges);
	KUNIT_EXPECT_EQ_MSG(test, sgt->orig_nents, 0,
			    "an importer may look for pages");
	WRITE_ONCE(freed->ptr, sgt->sgl);
	KUNIT_ASSERT_FALSE(test, READ_ONCE(freed->freed));
	return freed;
}

/* C10: unmapping frees the scatterlist. */
static void sgt_unmap(struct kunit *test)
{
	const unsigned int *nr_ranges = test->param_value;
	struct vpk_importer *importer;
	struct vpk_function *fn;
	struct vpk_freed *freed;

	importer = vpk_sgt_importer(test, &fn, *nr_ranges);
	freed = vpk_sgt_watch(test, importer, *nr_ranges);
	vpk_importer_unmap(importer);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(freed->freed));
}

/* C10: so does letting go because of a revocation. */
static void sgt_revoke(struct kunit *test)
{
	const unsigned int *nr_ranges = test->param_value;
	struct vpk_importer *importer;
	struct vpk_function *fn;
	struct vpk_freed *freed;

	importer = vpk_sgt_importer(test, &fn, *nr_ranges);
	freed = vpk_sgt_watch(test, importer, *nr_ranges);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	KUNIT_EXPECT_FALSE(test, vpk_importer_mapped(importer));
	KUNIT_EXPECT_TRUE(test, READ_ONCE(freed->freed));
}

static struct kunit_case vpk_sgt_cases[] = {
	KUNIT_CASE_PARAM(sgt_unmap, vpk_sgt_gen_params),
	KUNIT_CASE_PARAM(sgt_revoke, vpk_sgt_gen_params),
	{}
};

static struct kunit_suite vpk_sgt_suite = {
	.name = "vfio-pci-core-sgt",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_sgt_cases,
};

kunit_test_suite(vpk_sgt_suite);
