// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suite of the sample driver's memory that is in no BAR: what rule V5 of the
 * contract asks of it. The cases that all suites of variant drivers share are
 * about the driver's other region, and here about this one.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/mman.h>
#include <linux/property.h>
#include <linux/sizes.h>

#include "vfio_pci_kunit.h"

#define DRIVER	"sample-vfio-pci"
#define MEMORY	SZ_16K

/* Behind the regions that the driver has without it. */
#define REGION	VFIO_PCI_NUM_REGIONS

static const struct vpk_function_config memory_function = {
	.vendor = PCI_VENDOR_ID_REDHAT_QUMRANET,
	.device = 0x1110,
	.bar_size = { [0] = SZ_4K, [2] = SZ_256K },
	.bar_prefetch = BIT(2),
	.pm = true,
	.no_soft_reset = true,
	.exp_flr = true,
};

static const struct vpk_variant memory_variant = {
	.driver = DRIVER,
	.symbol = "sample_vfio_driver",
	.config = &memory_function,
	.region = REGION,
	.size = MEMORY,
	.other = 0,
};

/* The end of the host bridge's window, where no BAR is. */
static u64 memory_unused(struct vpk_host *host)
{
	return resource_list_first_type(&host->bridge->windows,
					IORESOURCE_MEM)->res->end + 1 - SZ_64K;
}

/* A function that is probed; the firmware says that its memory is at *@base. */
static struct vpk_function *memory_add(struct kunit *test, u64 size, u64 *base)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &memory_function);
	struct property_entry properties[] = {
		PROPERTY_ENTRY_U64("vendor,memory-base", 0),
		PROPERTY_ENTRY_U64("vendor,memory-size", size),
		{}
	};

	vpk_host_probe(test, host);
	*base = memory_unused(host);
	properties[0].value.u64_data[0] = *base;
	KUNIT_ASSERT_EQ(test, device_create_managed_software_node(&fn->pdev->dev,
								  properties, NULL), 0);
	return fn;
}

/* V5: each page is where the firmware says, and a reset takes it away. */
static void memory_of_the_firmware(struct kunit *test)
{
	struct vfio_region_info info;
	struct vpk_function *fn;
	struct vpk_map *map;
	unsigned long pfn;
	u64 base;

	fn = memory_add(test, SZ_64K, &base);
	vpk_bind(test, fn, DRIVER);
	vpk_open(test, fn);
	KUNIT_ASSERT_EQ(test, vpk_region_info(fn, REGION, &info), 0);
	KUNIT_EXPECT_EQ(test, info.size, SZ_64K);
	map = vpk_map(test, fn, REGION, PAGE_SIZE, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_ASSERT_EQ(test, vpk_pfn(map, 0, &pfn, NULL), 0);
	KUNIT_EXPECT_EQ(test, pfn, PHYS_PFN(base + PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
}

/* V5: memory that cannot be mapped in whole pages is refused. */
static void memory_of_half_a_page(struct kunit *test)
{
	struct vpk_function *fn;
	u64 base;

	fn = memory_add(test, PAGE_SIZE / 2, &base);
	KUNIT_EXPECT_EQ(test, vpk_try_bind(test, fn, DRIVER), -ENODEV);
}

/* V5: nor is memory taken that somebody else has reserved. */
static void memory_of_another(struct kunit *test)
{
	struct vpk_function *fn;
	u64 base;

	fn = memory_add(test, SZ_64K, &base);
	KUNIT_ASSERT_NOT_NULL(test, request_mem_region(base, SZ_4K, "test"));
	KUNIT_EXPECT_NE(test, vpk_try_bind(test, fn, DRIVER), 0);
	release_mem_region(base, SZ_4K);
	KUNIT_EXPECT_EQ(test, vpk_try_bind(test, fn, DRIVER), 0);
}

/* V5: nothing can describe the memory to importers, so it is not exported. */
static void memory_is_not_exported(struct kunit *test)
{
	const struct vfio_region_dma_range first = { 0, PAGE_SIZE };
	struct vpk_function *fn;

	vpk_need_importers(test);
	fn = vpk_device(test, &memory_function, DRIVER);
	KUNIT_EXPECT_TRUE(test, IS_ERR(vpk_try_export(fn, REGION, &first, 1)));
}

static int memory_init(struct kunit *test)
{
	return vpk_variant_init(test, &memory_variant);
}

static struct kunit_case memory_cases[] = {
	KUNIT_CASE(variant_backing),
	KUNIT_CASE_PARAM(variant_path, vpk_path_gen_params),
	KUNIT_CASE(variant_reader_in_d0),
	KUNIT_CASE(variant_close),
	KUNIT_CASE(variant_region_info),
	KUNIT_CASE(variant_read_and_write),
	KUNIT_CASE_PARAM(variant_mmap, vpk_mmap_gen_params),
	KUNIT_CASE(variant_faults_probe),
	KUNIT_CASE(variant_faults_open),
	KUNIT_CASE(variant_faults_mmap),
	KUNIT_CASE(memory_of_the_firmware),
	KUNIT_CASE(memory_of_half_a_page),
	KUNIT_CASE(memory_of_another),
	KUNIT_CASE(memory_is_not_exported),
	{}
};

static struct kunit_suite memory_suite = {
	.name = "sample-vfio-pci-memory",
	.init = memory_init,
	.exit = vpk_case_exit,
	.test_cases = memory_cases,
};

kunit_test_suite(memory_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit suite of the memory of the sample-vfio-pci driver");
