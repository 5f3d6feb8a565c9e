// SPDX-License-Identifier: GPL-2.0-only
/*
 * nvgrace-gpu-vfio-pci, unmodified but for the series, on a software function.
 * The firmware's properties are a software node. The GPU's memory is a range of
 * physical addresses where nothing is: it can be mapped, and nobody reads it.
 * Whether the GPU is ready is told by a CXL DVSEC, or by registers in BAR 0
 * where it has none; an NVIDIA DVSEC tells whether 1 GiB is carved out.
 *
 * The memory types of the mappings are those of arm64, and not looked at here.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/bitfield.h>
#include <linux/delay.h>
#include <linux/mman.h>
#include <linux/pci_ids.h>
#include <linux/property.h>

#include "vfio_pci_kunit.h"

#define NVGRACE_DRIVER		"nvgrace_gpu_vfio_pci"

/* Regions that the driver makes of the memory. */
#define NVGRACE_USEMEM		VFIO_PCI_BAR4_REGION_INDEX
#define NVGRACE_RESMEM		VFIO_PCI_BAR2_REGION_INDEX

#define NVGRACE_BASE		0x1000000000ULL
#define NVGRACE_LEN		(SZ_2G + (u64)SZ_256M)
/* The carve-out is what 512 MiB do not divide, and at least 1 GiB. */
#define NVGRACE_CARVED		((u64)SZ_1G)

/* Of the CXL DVSEC, which is the function's first. */
#define NVGRACE_STATUS							\
	(VPK_DVSEC_POS + PCI_DVSEC_CXL_RANGE_SIZE_LOW(0))
#define NVGRACE_READY							\
	(PCI_DVSEC_CXL_MEM_INFO_VALID | PCI_DVSEC_CXL_MEM_ACTIVE)
/* It will be ready within 4 seconds, it says. */
#define NVGRACE_SLOW							\
	(PCI_DVSEC_CXL_MEM_INFO_VALID |					\
	 FIELD_PREP_CONST(PCI_DVSEC_CXL_MEM_ACTIVE_TIMEOUT, 1))

#define NVGRACE_CXL_DVSEC {						\
	.vendor = PCI_VENDOR_ID_CXL, .id = PCI_DVSEC_CXL_DEVICE,	\
	.where = PCI_DVSEC_CXL_RANGE_SIZE_LOW(0), .val = NVGRACE_READY,	\
}

/* Bit 0 of the half word behind the DVSEC's ID: no carve-out. */
#define NVGRACE_NVIDIA_DVSEC {						\
	.vendor = PCI_VENDOR_ID_NVIDIA, .id = 3,			\
	.where = PCI_DVSEC_HEADER2, .val = BIT(16),			\
}

#define NVGRACE_CONFIG							\
	.vendor = PCI_VENDOR_ID_NVIDIA, .device = 0x2941,		\
	.bar_size = { SZ_256K, 0, 0, 0, SZ_64K },			\
	.pm = true, .no_soft_reset = true, .exp_flr = true

/* As on a GPU that tells through CXL, and has no carve-out. */
static const struct vpk_function_config nvgrace_cxl = {
	NVGRACE_CONFIG,
	.dvsec = { NVGRACE_CXL_DVSEC, NVGRACE_NVIDIA_DVSEC },
};

static const struct vpk_function_config nvgrace_cxl_carved = {
	NVGRACE_CONFIG,
	.dvsec = { NVGRACE_CXL_DVSEC },
};

/* Registers in BAR 0 tell. */
static const struct vpk_function_config nvgrace_legacy = {
	NVGRACE_CONFIG,
	.dvsec = { NVGRACE_NVIDIA_DVSEC },
};

/* A function that is probed, but not bound; @len: of its memory, 0 for none */
static struct vpk_function *
nvgrace_add(struct kunit *test, const struct vpk_function_config *config,
	    u64 len)
{
	const struct property_entry properties[] = {
		PROPERTY_ENTRY_U64("nvidia,gpu-mem-base-pa", NVGRACE_BASE),
		PROPERTY_ENTRY_U64("nvidia,gpu-mem-size", len),
		{}
	};
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, config);
	int ret;

	vpk_host_probe(test, host);
	if (!len)
		return fn;
	ret = device_create_managed_software_node(&fn->pdev->dev, properties,
						  NULL);
	KUNIT_ASSERT_EQ(test, ret, 0);
	return fn;
}

static struct vpk_function *
nvgrace_open(struct kunit *test, const struct vpk_function_config *config,
	     u64 len)
{
	struct vpk_function *fn = nvgrace_add(test, config, len);

	vpk_bind(test, fn, NVGRACE_DRIVER);
	vpk_open(test, fn);
	return fn;
}

/* What the CXL DVSEC says, and what it says after the next reset. */
static void nvgrace_status(struct vpk_function *fn, u32 now, u32 after_reset)
{
	vpk_cfg_write(fn->cfg, NVGRACE_STATUS, 4, now);
	vpk_cfg_write(fn->reset_cfg, NVGRACE_STATUS, 4, after_reset);
}

static long nvgrace_mmap(struct kunit *test, struct vpk_function *fn, u64 off)
{
	return vpk_try_mmap(test, fn,
			    VFIO_PCI_INDEX_TO_OFFSET(NVGRACE_USEMEM) + off,
			    PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED);
}

static void nvgrace_expect_pfn(struct kunit *test, struct vpk_function *fn,
			       unsigned int index, u64 off, u64 phys)
{
	struct vpk_map *map = vpk_map(test, fn, index, off, PAGE_SIZE);
	unsigned long pfn = 0;

	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_EXPECT_EQ(test, vpk_pfn(map, 0, &pfn, NULL), 0);
	KUNIT_EXPECT_EQ(test, pfn, PHYS_PFN(phys));
}

/* Open, and able to take the path that is the case's parameter. */
static struct vpk_function *nvgrace_path_device(struct kunit *test)
{
	const struct vpk_path *path = test->param_value;
	struct vpk_function_config config = nvgrace_cxl;

	config.af_flr = path->af_flr;
	config.exp_flr = !path->af_flr;
	config.exp = true;
	return nvgrace_open(test, &config, NVGRACE_LEN);
}

/* V3: the memory is mapped by PFN, and each path takes it away. */
static void nvgrace_v3_memory(struct kunit *test)
{
	struct vpk_function *fn = nvgrace_path_device(test);
	struct vpk_map *map;

	KUNIT_EXPECT_TRUE(test, fn->flag_at_register);
	map = vpk_map(test, fn, NVGRACE_USEMEM, SZ_64K, PAGE_SIZE);
	KUNIT_EXPECT_FALSE(test, vpk_in_dmabuf(map));
	vpk_watch(fn->host, map, 0);
	vpk_path_check(test, map);
}

/* V6: BAR 0 is the core's to map. */
static void nvgrace_v6_bar(struct kunit *test)
{
	struct vpk_function *fn = nvgrace_path_device(test);
	struct vpk_map *map;

	map = vpk_map(test, fn, 0, 0, PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, vpk_in_dmabuf(map));
	vpk_watch(fn->host, map, 0);
	vpk_path_check(test, map);
}

/* V6: without the firmware's properties, BAR 4 is a BAR as any other. */
static void nvgrace_v6_no_memory(struct kunit *test)
{
	struct vpk_function *fn = nvgrace_open(test, &nvgrace_cxl, 0);
	struct vfio_region_info info;
	struct vpk_map *map;

	KUNIT_EXPECT_EQ(test, vpk_region_info(fn, NVGRACE_USEMEM, &info), 0);
	KUNIT_EXPECT_EQ(test, info.size, SZ_64K);
	map = vpk_map(test, fn, NVGRACE_USEMEM, 0, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_EXPECT_TRUE(test, vpk_in_dmabuf(map));
}

/* V3: NVIDIA's DVSEC says that all of the memory is usable. */
static void nvgrace_v3_whole(struct kunit *test)
{
	struct vpk_function *fn = nvgrace_open(test, &nvgrace_cxl, NVGRACE_LEN);
	struct vfio_region_info info;

	KUNIT_EXPECT_EQ(test, vpk_region_info(fn, NVGRACE_USEMEM, &info), 0);
	KUNIT_EXPECT_EQ(test, info.size, 2 * (u64)SZ_2G);
	KUNIT_EXPECT_EQ(test, vpk_region_info(fn, NVGRACE_RESMEM, &info), 0);
	KUNIT_EXPECT_EQ(test, info.size, 0);
	nvgrace_expect_pfn(test, fn, NVGRACE_USEMEM, NVGRACE_LEN - PAGE_SIZE,
			   NVGRACE_BASE + NVGRACE_LEN - PAGE_SIZE);
	KUNIT_EXPECT_LT(test, nvgrace_mmap(test, fn, NVGRACE_LEN), 0);
}

/* V3: without it, what is carved out is a region of its own. */
static void nvgrace_v3_carved(struct kunit *test)
{
	struct vpk_function *fn;
	struct vpk_map *map;

	fn = nvgrace_open(test, &nvgrace_cxl_carved, NVGRACE_LEN);
	nvgrace_expect_pfn(test, fn, NVGRACE_USEMEM, NVGRACE_CARVED - PAGE_SIZE,
			   NVGRACE_BASE + NVGRACE_CARVED - PAGE_SIZE);
	nvgrace_expect_pfn(test, fn, NVGRACE_RESMEM, 0,
			   NVGRACE_BASE + NVGRACE_CARVED);
	KUNIT_EXPECT_LT(test, nvgrace_mmap(test, fn, NVGRACE_CARVED), 0);

	map = vpk_map(test, fn, NVGRACE_RESMEM, 0, PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, vpk_touch(map, 0), 0);
	vpk_watch(fn->host, map, 0);
	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	VPK_EXPECT_ORDER(test, fn->host,
			 "zap revoke mem-off flr mem-on unrevoke");
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
}

/* There is less memory than has to be carved out. */
static void nvgrace_v3_too_small(struct kunit *test)
{
	struct vpk_function *fn;

	fn = nvgrace_add(test, &nvgrace_cxl_carved, SZ_512M);
	KUNIT_EXPECT_EQ(test, vpk_try_bind(test, fn, NVGRACE_DRIVER), -ENODEV);
	KUNIT_EXPECT_NULL(test, fn->pdev->dev.iommu_group);
}

/* What a slow GPU says, one step at each read of its status. */
struct nvgrace_steps {
	unsigned int reads;
	bool stays;
};

static int nvgrace_step(const struct vpk_access *access, void *data)
{
	static const u32 status[] = { 0, NVGRACE_SLOW, NVGRACE_READY };
	struct nvgrace_steps *steps = data;

	if (access->write || access->where != NVGRACE_STATUS)
		return PCIBIOS_SUCCESSFUL;
	steps->reads++;
	if (!steps->stays && steps->reads < ARRAY_SIZE(status))
		vpk_cfg_write(access->fn->cfg, NVGRACE_STATUS, 4,
			      status[steps->reads]);
	return PCIBIOS_SUCCESSFUL;
}

/* A GPU that is ready at the third look only is bound. */
static void nvgrace_cxl_slow_probe(struct kunit *test)
{
	struct nvgrace_steps steps = {};
	struct vpk_function *fn = nvgrace_add(test, &nvgrace_cxl, NVGRACE_LEN);

	nvgrace_status(fn, 0, NVGRACE_READY);
	vpk_observe(fn, nvgrace_step, &steps);
	KUNIT_EXPECT_EQ(test, vpk_try_bind(test, fn, NVGRACE_DRIVER), 0);
	vpk_observe(fn, NULL, NULL);
	KUNIT_EXPECT_EQ(test, steps.reads, 3);
}

/* One that never is ready is refused, after a second or two. */
static void nvgrace_cxl_never_probe(struct kunit *test)
{
	struct nvgrace_steps steps = { .stays = true };
	struct vpk_function *fn = nvgrace_add(test, &nvgrace_cxl, NVGRACE_LEN);

	nvgrace_status(fn, 0, 0);
	vpk_observe(fn, nvgrace_step, &steps);
	KUNIT_EXPECT_EQ(test, vpk_try_bind(test, fn, NVGRACE_DRIVER), -ENODEV);
	vpk_observe(fn, NULL, NULL);
	KUNIT_EXPECT_GT(test, steps.reads, 1);
	KUNIT_EXPECT_LT(test, steps.reads, 5);
	KUNIT_EXPECT_NULL(test, fn->pdev->dev.iommu_group);
}

/* V7: after a reset the user waits for the GPU, and memory_lock is free. */
static void nvgrace_v7_slow(struct kunit *test)
{
	struct vpk_function *fn = nvgrace_open(test, &nvgrace_cxl, NVGRACE_LEN);
	struct vpk_reader *reader;
	struct vpk_map *map;

	map = vpk_map(test, fn, NVGRACE_USEMEM, 0, PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, vpk_touch(map, 0), 0);
	nvgrace_status(fn, NVGRACE_READY, NVGRACE_SLOW);
	KUNIT_ASSERT_EQ(test, pci_reset_function(fn->pdev), 0);

	reader = vpk_reader_start(test, map, 0);
	vpk_reader_go(reader);
	fsleep(500 * USEC_PER_MSEC);
	KUNIT_EXPECT_FALSE(test, vpk_reader_done(reader));
	KUNIT_EXPECT_FALSE(test, rwsem_is_locked(&fn->vdev->memory_lock));
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));

	nvgrace_status(fn, NVGRACE_READY, NVGRACE_READY);
	KUNIT_EXPECT_EQ(test, vpk_reader_wait(test, reader), 0);
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, 0));
}

/* V7: a GPU that is not ready after a reset is refused, until it is. */
static void nvgrace_v7_never(struct kunit *test)
{
	struct vpk_function *fn = nvgrace_open(test, &nvgrace_cxl, NVGRACE_LEN);
	struct vpk_map *map;
	u32 val = 0;

	map = vpk_map(test, fn, NVGRACE_USEMEM, 0, PAGE_SIZE);
	nvgrace_status(fn, NVGRACE_READY, 0);
	KUNIT_ASSERT_EQ(test, vpk_reset(fn), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), -EFAULT);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, NVGRACE_USEMEM, 0, &val, 4),
			-ETIME);
	/* BAR 0 is not the GPU's memory, and waits for nothing. */
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, 0, 0, &val, 4), 4);

	nvgrace_status(fn, NVGRACE_READY, NVGRACE_READY);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
}

/* Where BAR 0 has the registers that tell, and what they hold. */
static const unsigned int nvgrace_registers[] = { 0x1498, 0x200bc };

static void nvgrace_legacy_ready(u8 *bar, bool ready)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(nvgrace_registers); i++)
		vpk_cfg_write(bar, nvgrace_registers[i], 4, ready ? 0xff : 0);
}

static u8 *nvgrace_legacy_bar(struct kunit *test, struct vpk_function *fn)
{
	/* Elsewhere a BAR can be memory only once the driver has mapped it. */
	if (!IS_ENABLED(CONFIG_UML))
		kunit_skip(test, "the registers in BAR 0 are emulated on UML only");
	return vpk_bar_ram(test, fn, 0);
}

/* V7: the other way to wait, by registers in BAR 0. */
static void nvgrace_v7_legacy(struct kunit *test)
{
	struct vpk_function *fn;
	struct vpk_map *map;
	u8 *bar;

	fn = nvgrace_add(test, &nvgrace_legacy, NVGRACE_LEN);
	bar = nvgrace_legacy_bar(test, fn);
	KUNIT_EXPECT_EQ(test, vpk_try_bind(test, fn, NVGRACE_DRIVER), -ENODEV);

	nvgrace_legacy_ready(bar, true);
	vpk_bind(test, fn, NVGRACE_DRIVER);
	vpk_open(test, fn);
	map = vpk_map(test, fn, NVGRACE_USEMEM, 0, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);

	nvgrace_legacy_ready(bar, false);
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), -EFAULT);
	nvgrace_legacy_ready(bar, true);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
}

static struct kunit_case nvgrace_cases[] = {
	KUNIT_CASE_PARAM(nvgrace_v3_memory, vpk_path_gen_params),
	KUNIT_CASE_PARAM(nvgrace_v6_bar, vpk_path_gen_params),
	KUNIT_CASE(nvgrace_v6_no_memory),
	KUNIT_CASE(nvgrace_v3_whole),
	KUNIT_CASE(nvgrace_v3_carved),
	KUNIT_CASE(nvgrace_v3_too_small),
	KUNIT_CASE(nvgrace_cxl_slow_probe),
	KUNIT_CASE(nvgrace_cxl_never_probe),
	KUNIT_CASE(nvgrace_v7_slow),
	KUNIT_CASE(nvgrace_v7_never),
	KUNIT_CASE(nvgrace_v7_legacy),
	{}
};

static struct kunit_suite nvgrace_suite = {
	.name = "vfio-pci-nvgrace-gpu",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = nvgrace_cases,
};

kunit_test_suite(nvgrace_suite);
