// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core suite: outside D0 there are no mappings (rule C12). A function in D1 or
 * D2 answers configuration requests only, as in D3hot; and each way back to D0
 * gives back what user space and importers had.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/delay.h>
#include <linux/fdtable.h>
#include <linux/pm_runtime.h>

#include "vfio_pci_kunit.h"

static const struct vpk_function_config vpk_all_states = {
	.bar_size = { SZ_64K }, .pm = true, .d1 = true, .d2 = true,
	.no_soft_reset = true, .exp_flr = true,
};

static const struct vpk_function_config vpk_two_states = {
	.bar_size = { SZ_64K }, .pm = true, .no_soft_reset = true,
	.exp_flr = true,
};

/* Its configuration is lost on the way from D3hot to D0. */
static const struct vpk_function_config vpk_soft = {
	.bar_size = { SZ_64K }, .pm = true, .exp_flr = true,
};

/* A low power state, and what the log calls it. */
struct vpk_power_state {
	const char *name;
	pci_power_t state;
	unsigned int power;
};

static const struct vpk_power_state vpk_power_states[] = {
	{ "d1", PCI_D1, 1 },
	{ "d2", PCI_D2, 2 },
	{ "d3", PCI_D3hot, 3 },
};

/* D1 and D2 are optional. */
static const struct vpk_power_state vpk_optional_states[] = {
	{ "d1", PCI_D1, 1 },
	{ "d2", PCI_D2, 2 },
};

KUNIT_ARRAY_PARAM_DESC(vpk_power, vpk_power_states, name);
KUNIT_ARRAY_PARAM_DESC(vpk_optional, vpk_optional_states, name);

/* A device with a mapping that has been used, and nothing in the log. */
static struct vpk_map *vpk_power_map(struct kunit *test,
				     const struct vpk_function_config *config)
{
	struct vpk_function *fn = vpk_device(test, config, VPK_DRIVER);
	struct vpk_map *map = vpk_map(test, fn, 0, PAGE_SIZE, PAGE_SIZE);

	KUNIT_ASSERT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_ASSERT_TRUE(test, vpk_mapped(map, 0));
	vpk_watch(fn->host, map, 0);
	vpk_log_clear(fn->host);
	return map;
}

static void vpk_expect_never_mapped(struct kunit *test, struct vpk_host *host)
{
	unsigned int i;

	for (i = 0; i < host->nr_events; i++)
		KUNIT_EXPECT_FALSE_MSG(test, host->log[i].mapped,
				       "mapped at event %u:\n%s", i,
				       vpk_log_detail(test, host));
}

/* User space can reach the device neither by a mapping nor by read(). */
static void vpk_expect_no_way_in(struct kunit *test, struct vpk_map *map)
{
	u32 val;

	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), -EFAULT);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_region_read(map->fn, 0, 0, &val, 4), -EIO);
	KUNIT_EXPECT_EQ(test, vpk_region_write(map->fn, 0, 0, &val, 4), -EIO);
}

static void vpk_expect_way_in(struct kunit *test, struct vpk_map *map)
{
	u32 val;

	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_region_read(map->fn, 0, 0, &val, 4), 4);
}

static const char *vpk_order(struct kunit *test, const char *before,
			     const struct vpk_power_state *state)
{
	char *order = kunit_kzalloc(test, 64, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, order);
	snprintf(order, 64, "%s %s", before, state->name);
	return order;
}

/* C12: the BARs go before the device leaves D0, and come back in D0. */
static void c12_state(struct kunit *test)
{
	const struct vpk_power_state *state = test->param_value;
	struct vpk_map *map = vpk_power_map(test, &vpk_all_states);
	struct vpk_function *fn = map->fn;

	KUNIT_EXPECT_EQ(test, vpk_power(fn, state->state), 0);
	KUNIT_EXPECT_EQ(test, vpk_function_power(fn), state->power);
	VPK_EXPECT_ORDER(test, fn->host, vpk_order(test, "zap revoke", state));
	vpk_expect_never_mapped(test, fn->host);
	vpk_expect_no_way_in(test, map);

	/* The memory enable bit has no say in it. */
	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
	VPK_EXPECT_ORDER(test, fn->host, "");
	vpk_expect_no_way_in(test, map);

	KUNIT_EXPECT_EQ(test, vpk_power(fn, PCI_D0), 0);
	VPK_EXPECT_ORDER(test, fn->host, "d0 unrevoke");
	vpk_expect_way_in(test, map);
}

/* C12: memory that the user enables in D3hot is enabled in D0. */
static void c12_memory_in_d3hot(struct kunit *test)
{
	struct vpk_map *map = vpk_power_map(test, &vpk_soft);
	struct vpk_function *fn = map->fn;

	KUNIT_ASSERT_EQ(test, vpk_memory(fn, false), 0);
	KUNIT_ASSERT_EQ(test, vpk_power(fn, PCI_D3hot), 0);
	KUNIT_ASSERT_EQ(test, vpk_memory(fn, true), 0);
	KUNIT_ASSERT_EQ(test, vpk_power(fn, PCI_D0), 0);
	KUNIT_EXPECT_TRUE(test, vpk_function_mem_enabled(fn));
	vpk_expect_way_in(test, map);
}

/* C12: a state that the device does not have is refused, nothing is lost. */
static void c12_unsupported(struct kunit *test)
{
	const struct vpk_power_state *state = test->param_value;
	struct vpk_map *map = vpk_power_map(test, &vpk_two_states);
	struct vpk_function *fn = map->fn;

	KUNIT_EXPECT_EQ(test, vpk_power(fn, state->state), 0);
	KUNIT_EXPECT_EQ(test, vpk_function_power(fn), 0);
	VPK_EXPECT_ORDER(test, fn->host, "zap revoke unrevoke");
	vpk_expect_way_in(test, map);
}

/* C12: deeper states stay without mappings, and there is no way but D0 up. */
static void c12_deeper(struct kunit *test)
{
	struct vpk_map *map = vpk_power_map(test, &vpk_all_states);
	struct vpk_function *fn = map->fn;

	KUNIT_EXPECT_EQ(test, vpk_power(fn, PCI_D1), 0);
	KUNIT_EXPECT_EQ(test, vpk_power(fn, PCI_D2), 0);
	KUNIT_EXPECT_EQ(test, vpk_function_power(fn), 2);
	vpk_expect_no_way_in(test, map);

	/* The PCI core refuses: back in D1 only by way of D0. */
	KUNIT_EXPECT_EQ(test, vpk_power(fn, PCI_D1), 0);
	KUNIT_EXPECT_EQ(test, vpk_function_power(fn), 2);
	vpk_expect_no_way_in(test, map);

	KUNIT_EXPECT_EQ(test, vpk_power(fn, PCI_D3hot), 0);
	KUNIT_EXPECT_EQ(test, vpk_function_power(fn), 3);
	vpk_expect_no_way_in(test, map);
	VPK_EXPECT_ORDER(test, fn->host,
			 "zap revoke d1 zap revoke d2 zap revoke zap revoke d3");

	KUNIT_EXPECT_EQ(test, vpk_power(fn, PCI_D0), 0);
	vpk_expect_way_in(test, map);
}

/* C12: PMCSR cannot be written, the device is in D0 still. */
static void c12_write_fails(struct kunit *test)
{
	const struct vpk_power_state *state = test->param_value;
	struct vpk_map *map = vpk_power_map(test, &vpk_all_states);
	struct vpk_function *fn = map->fn;

	/* The first write is of the bits that the user may change: none. */
	vpk_fail_access(test, fn, VPK_PM_POS + PCI_PM_CTRL, true, 1, 1);
	vpk_power(fn, state->state);
	KUNIT_EXPECT_EQ(test, vpk_function_power(fn), 0);
	VPK_EXPECT_ORDER(test, fn->host, "zap revoke unrevoke");
	vpk_expect_way_in(test, map);
}

/* C12: VFIO_DEVICE_RESET is a way back to D0. */
static void c12_reset(struct kunit *test)
{
	const struct vpk_power_state *state = test->param_value;
	struct vpk_map *map = vpk_power_map(test, &vpk_all_states);
	struct vpk_function *fn = map->fn;

	KUNIT_ASSERT_EQ(test, vpk_power(fn, state->state), 0);
	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	VPK_EXPECT_ORDER(test, fn->host,
			 "zap d0 revoke mem-off flr mem-on unrevoke");
	vpk_expect_never_mapped(test, fn->host);
	vpk_expect_way_in(test, map);
}

/* C12: so is an FLR by a write to config space. */
static void c12_flr(struct kunit *test)
{
	const struct vpk_power_state *state = test->param_value;
	struct vpk_map *map = vpk_power_map(test, &vpk_all_states);
	struct vpk_function *fn = map->fn;
	unsigned int resets = fn->resets;

	KUNIT_ASSERT_EQ(test, vpk_power(fn, state->state), 0);
	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_config_write(fn, VPK_EXP_POS + PCI_EXP_DEVCTL,
					       PCI_EXP_DEVCTL_BCR_FLR, 2), 2);
	KUNIT_EXPECT_EQ(test, fn->resets, resets + 1);
	KUNIT_EXPECT_EQ(test, vpk_function_power(fn), 0);
	vpk_expect_never_mapped(test, fn->host);
	vpk_expect_way_in(test, map);
}

/* C12: and hot reset. */
static void c12_hot_reset(struct kunit *test)
{
	const struct vpk_power_state *state = test->param_value;
	struct vpk_map *map = vpk_power_map(test, &vpk_all_states);
	struct vpk_function *fn = map->fn;

	KUNIT_ASSERT_EQ(test, vpk_power(fn, state->state), 0);
	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_hot_reset(fn), 0);
	VPK_EXPECT_ORDER(test, fn->host,
			 "zap d0 revoke mem-off bus-reset mem-on unrevoke");
	vpk_expect_never_mapped(test, fn->host);
	vpk_expect_way_in(test, map);
}

/* C12: low power, entered from another state, ends in D0 as well. */
static void c12_low_power(struct kunit *test)
{
	const struct vpk_power_state *state = test->param_value;
	struct vpk_map *map = vpk_power_map(test, &vpk_all_states);
	struct vpk_function *fn = map->fn;

	KUNIT_ASSERT_EQ(test, vpk_power(fn, state->state), 0);
	KUNIT_EXPECT_EQ(test, vpk_low_power(fn, true), 0);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, vpk_low_power(fn, false), 0);
	KUNIT_EXPECT_EQ(test, vpk_function_power(fn), 0);
	vpk_expect_way_in(test, map);
}

/*
 * C12, C3: a wakeup that user space has asked to hear of gives the BARs back, and
 * then signals the eventfd: who waits for it uses them at once. It comes once.
 */
static void c12_wakeup(struct kunit *test)
{
	struct vfio_device_low_power_entry_with_wakeup entry = {};
	struct vpk_eventfd *eventfd = vpk_eventfd_create(test);
	struct vpk_map *map = vpk_power_map(test, &vpk_two_states);
	struct vpk_function *fn = map->fn;
	struct device *dev = &fn->pdev->dev;
	unsigned int i;

	vpk_eventfd_log(eventfd, fn);
	entry.wakeup_eventfd = vpk_eventfd_lend(eventfd);
	KUNIT_ASSERT_GE(test, entry.wakeup_eventfd, 0);
	KUNIT_EXPECT_EQ(test, vpk_feature(fn, VFIO_DEVICE_FEATURE_SET |
			VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP,
			&entry, sizeof(entry)), 0);
	close_fd(entry.wakeup_eventfd);
	for (i = 0; i < 5000 && !pm_runtime_status_suspended(dev); i++)
		fsleep(1000);
	KUNIT_ASSERT_TRUE(test, pm_runtime_status_suspended(dev));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), -EFAULT);

	/* Somebody else needs the device for a moment. */
	vpk_log_clear(fn->host);
	KUNIT_ASSERT_EQ(test, pm_runtime_resume_and_get(dev), 0);
	VPK_EXPECT_ORDER(test, fn->host, "d0 unrevoke mark");
	pm_runtime_put(dev);
	fsleep(10000);
	KUNIT_EXPECT_FALSE_MSG(test, pm_runtime_status_suspended(dev),
			       "the wakeup has not ended low power");
	vpk_expect_way_in(test, map);
	KUNIT_EXPECT_EQ(test, vpk_low_power(fn, true), 0);
	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_low_power(fn, false), 0);
	KUNIT_EXPECT_NULL(test, vpk_log_find(fn->host, VPK_MARK, 0));
	vpk_expect_way_in(test, map);
}

/* C12: a device that is closed outside D0 starts clean when it is opened. */
static void c12_close(struct kunit *test)
{
	const struct vpk_power_state *state = test->param_value;
	struct vpk_map *map = vpk_power_map(test, &vpk_all_states);
	struct vpk_function *fn = map->fn;

	KUNIT_ASSERT_EQ(test, vpk_power(fn, state->state), 0);
	vpk_unmap(map);
	vpk_close(fn);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
	vpk_open(test, fn);
	KUNIT_EXPECT_EQ(test, vpk_function_power(fn), 0);
	map = vpk_map(test, fn, 0, PAGE_SIZE, PAGE_SIZE);
	vpk_expect_way_in(test, map);
}

/* A function with an importer of its BAR 0, which has it mapped. */
static struct vpk_importer *vpk_power_importer(struct kunit *test,
					       struct vpk_function **fn)
{
	const struct vpk_function_config small = { .bar_size = { SZ_4K } };
	struct vpk_importer *importer;
	struct vpk_function *by;
	struct vpk_host *host;
	struct dma_buf *dmabuf;

	vpk_need_importers(test);
	host = vpk_host_create(test);
	*fn = vpk_function_add(test, host, &vpk_all_states);
	by = vpk_function_add(test, host, &small);
	vpk_host_probe(test, host);
	vpk_bind(test, *fn, VPK_DRIVER);
	vpk_open(test, *fn);
	dmabuf = vpk_export(test, *fn, 0, 0, PAGE_SIZE);
	importer = vpk_importer_attach(test, *fn, dmabuf, by);
	KUNIT_ASSERT_EQ(test, vpk_importer_map(importer), 0);
	vpk_log_clear(host);
	return importer;
}

/* C12: importers let go in D0, and can map again in D0. */
static void c12_importer(struct kunit *test)
{
	const struct vpk_power_state *state = test->param_value;
	struct vpk_importer *importer;
	const struct vpk_event *event;
	struct vpk_function *fn;

	importer = vpk_power_importer(test, &fn);
	KUNIT_EXPECT_EQ(test, vpk_power(fn, state->state), 0);
	VPK_EXPECT_ORDER(test, fn->host,
			 vpk_order(test, "zap invalidate release revoke",
				   state));
	event = vpk_log_find(fn->host, VPK_REVOKE, 0);
	KUNIT_ASSERT_NOT_NULL(test, event);
	KUNIT_EXPECT_EQ(test, event->a, 1);
	KUNIT_EXPECT_FALSE(test, vpk_importer_mapped(importer));
	KUNIT_EXPECT_EQ(test, vpk_importer_map(importer), -ENODEV);

	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_power(fn, PCI_D0), 0);
	VPK_EXPECT_ORDER(test, fn->host, "d0 unrevoke");
	KUNIT_EXPECT_EQ(test, vpk_importer_map(importer), 0);
}

/* C12: what is exported outside D0 is revoked from the start. */
static void c12_born_revoked(struct kunit *test)
{
	const struct vpk_power_state *state = test->param_value;
	struct vpk_importer *importer;
	struct vpk_function *fn;
	struct dma_buf *dmabuf;

	importer = vpk_power_importer(test, &fn);
	KUNIT_EXPECT_EQ(test, vpk_power(fn, state->state), 0);
	dmabuf = vpk_export(test, fn, 0, PAGE_SIZE, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, vpk_power(fn, PCI_D0), 0);
	importer = vpk_importer_attach(test, fn, dmabuf,
				       fn->host->functions[1]);
	KUNIT_EXPECT_EQ(test, vpk_importer_map(importer), 0);
}

/*
 * C12: sriov_numvfs brings a PF back to D0, and its DMABUFs with it. This one
 * has no VFs, which comes out after that.
 */
static void c12_sriov(struct kunit *test)
{
	const struct vpk_power_state *state = test->param_value;
	struct vpk_importer *importer;
	struct vpk_function *fn;

	importer = vpk_power_importer(test, &fn);
	KUNIT_ASSERT_EQ(test, vpk_power(fn, state->state), 0);
	vpk_log_clear(fn->host);
	device_lock(&fn->pdev->dev);
	KUNIT_EXPECT_LT(test, vfio_pci_core_sriov_configure(fn->vdev, 1), 0);
	device_unlock(&fn->pdev->dev);
	VPK_EXPECT_ORDER(test, fn->host, "d0 unrevoke");
	KUNIT_EXPECT_EQ(test, vpk_importer_map(importer), 0);
}

/* C12: the same where it succeeds. The mapping is to be had again as well. */
static void c12_sriov_vfs(struct kunit *test)
{
	const struct vpk_function_config pf_config = {
		.bar_size = { SZ_64K }, .pm = true, .no_soft_reset = true,
		.exp_flr = true, .vfs = 1, .vf_bar = SZ_64K,
	};
	const struct vpk_function_config vf_config = {
		.exp_flr = true, .vf = true,
	};
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *pf = vpk_function_add(test, host, &pf_config);
	struct vpk_map *map;

	vpk_function_add(test, host, &vf_config);
	vpk_host_probe(test, host);
	vpk_bind(test, pf, VPK_DRIVER);
	vpk_open(test, pf);
	map = vpk_map(test, pf, 0, PAGE_SIZE, PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, vpk_power(pf, PCI_D3hot), 0);
	vpk_expect_no_way_in(test, map);
	vpk_enable_vfs(test, pf);
	KUNIT_EXPECT_EQ(test, vpk_function_power(pf), 0);
	vpk_expect_way_in(test, map);

	/* A PF with VFs stays in D0, and keeps its BARs. */
	KUNIT_EXPECT_EQ(test, vpk_power(pf, PCI_D3hot), 0);
	KUNIT_EXPECT_EQ(test, vpk_function_power(pf), 0);
	vpk_expect_way_in(test, map);
}

/* C12: the same with memory disabled: in D0, but nothing is given back. */
static void c12_sriov_memory_off(struct kunit *test)
{
	struct vpk_importer *importer;
	struct vpk_function *fn;

	importer = vpk_power_importer(test, &fn);
	KUNIT_ASSERT_EQ(test, vpk_memory(fn, false), 0);
	KUNIT_ASSERT_EQ(test, vpk_power(fn, PCI_D3hot), 0);
	vpk_log_clear(fn->host);
	device_lock(&fn->pdev->dev);
	KUNIT_EXPECT_LT(test, vfio_pci_core_sriov_configure(fn->vdev, 1), 0);
	device_unlock(&fn->pdev->dev);
	VPK_EXPECT_ORDER(test, fn->host, "d0");
	KUNIT_EXPECT_EQ(test, vpk_importer_map(importer), -ENODEV);
}

/* C12: the same on a device that nobody has opened. */
static void c12_sriov_not_open(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &vpk_all_states);

	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	device_lock(&fn->pdev->dev);
	KUNIT_EXPECT_LT(test, vfio_pci_core_sriov_configure(fn->vdev, 1), 0);
	device_unlock(&fn->pdev->dev);
	KUNIT_EXPECT_NULL(test, vpk_log_find(host, VPK_UNREVOKE, -1));
}

static struct kunit_case vpk_power_cases[] = {
	KUNIT_CASE_PARAM(c12_state, vpk_power_gen_params),
	KUNIT_CASE_PARAM(c12_unsupported, vpk_optional_gen_params),
	KUNIT_CASE(c12_deeper),
	KUNIT_CASE_PARAM(c12_write_fails, vpk_power_gen_params),
	KUNIT_CASE_PARAM(c12_reset, vpk_power_gen_params),
	KUNIT_CASE_PARAM(c12_flr, vpk_power_gen_params),
	KUNIT_CASE_PARAM(c12_hot_reset, vpk_power_gen_params),
	KUNIT_CASE_PARAM(c12_low_power, vpk_power_gen_params),
	KUNIT_CASE(c12_wakeup),
	KUNIT_CASE_PARAM(c12_close, vpk_power_gen_params),
	KUNIT_CASE_PARAM(c12_importer, vpk_power_gen_params),
	KUNIT_CASE_PARAM(c12_born_revoked, vpk_power_gen_params),
	KUNIT_CASE_PARAM(c12_sriov, vpk_power_gen_params),
	KUNIT_CASE(c12_sriov_vfs),
	KUNIT_CASE(c12_memory_in_d3hot),
	KUNIT_CASE(c12_sriov_memory_off),
	KUNIT_CASE(c12_sriov_not_open),
	{}
};

static struct kunit_suite vpk_power_suite = {
	.name = "vfio-pci-core-power",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_power_cases,
};

kunit_test_suite(vpk_power_suite);
