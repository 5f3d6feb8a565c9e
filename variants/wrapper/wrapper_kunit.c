// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suite of the wrapper driver: what rule V2 of the contract asks of
 * a driver that hides a part of a BAR and then calls the core's mmap().
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * Copy it with the driver. Change the function below into one that your driver
 * drives, and the struct vpk_variant into what your driver is like: the shared
 * cases of VPK_VARIANT_CASES() take all that they know from there. The cases in
 * this file are about what is particular to this driver.
 */
#include <linux/mman.h>
#include <linux/sizes.h>

#include "vfio_pci_kunit.h"

#define DRIVER	"wrapper-vfio-pci"

/* BAR2, of which the upper half is hidden. */
#define BAR	2
#define LEN	SZ_256K
#define VISIBLE	(LEN / 2)

#define AT(index, off)	(VFIO_PCI_INDEX_TO_OFFSET(index) + (off))

static const struct vpk_function_config wrapper_function = {
	.vendor = PCI_VENDOR_ID_REDHAT_QUMRANET,
	.device = 0x1110,
	.bar_size = { [0] = SZ_4K, [BAR] = LEN },
	.pm = true,
	.no_soft_reset = true,
	.exp_flr = true,
};

/* BAR0, of which 64 KiB are visible, and BAR2, which is another way to it. */
static const struct vpk_function_config wrapper_igb = {
	.vendor = PCI_VENDOR_ID_INTEL,
	.device = 0x10c9,
	.bar_size = { SZ_128K, SZ_128K, SZ_4K },
	.pm = true,
};

static const struct vpk_function_config wrapper_strangers[] = {
	/* An igb with fewer registers than the driver would show. */
	{
		.vendor = PCI_VENDOR_ID_INTEL,
		.device = 0x10c9,
		.bar_size = { SZ_32K },
	},
	/* An ivshmem without its memory. */
	{
		.vendor = PCI_VENDOR_ID_REDHAT_QUMRANET,
		.device = 0x1110,
		.bar_size = { SZ_4K },
	},
};

static const struct vpk_variant wrapper_variant = {
	.driver = DRIVER,
	.symbol = "wrapper_vfio_driver",
	.config = &wrapper_function,
	.region = BAR,
	.size = VISIBLE,
	.other = 0,
	.ioeventfd = -ENOTTY,
	.strangers = wrapper_strangers,
	.nr_strangers = ARRAY_SIZE(wrapper_strangers),
};

/* V2: the last bytes of the BAR cannot be read or written. */
static void wrapper_hides_in_read_and_write(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &wrapper_function, DRIVER);
	u32 val = 0;

	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, BAR, LEN - 4, &val, 4),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_region_write(fn, BAR, LEN - 4, &val, 4),
			-EINVAL);
	/* As in all of VFIO, nothing can be read anywhere. */
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, BAR, LEN - 4, &val, 0), 0);
	KUNIT_EXPECT_EQ(test, vpk_region_write(fn, BAR, LEN - 4, &val, 0), 0);
}

/* V2: nor can the hidden pages be mapped, alone or with visible ones. */
static void wrapper_hides_in_mmap(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &wrapper_function, DRIVER);
	unsigned long prot = PROT_READ | PROT_WRITE;

	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, AT(BAR, LEN - PAGE_SIZE),
					   PAGE_SIZE, prot, MAP_SHARED),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, AT(BAR, 0), LEN, prot,
					   MAP_SHARED), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, AT(BAR, LEN), PAGE_SIZE,
					   prot, MAP_SHARED), -EINVAL);
}

/* V2: nor can they be exported, alone or with visible ones. */
static void wrapper_hides_in_dmabuf(struct kunit *test)
{
	const struct vfio_region_dma_range ranges[] = {
		{ 0, PAGE_SIZE },
		{ LEN - PAGE_SIZE, PAGE_SIZE },
	};
	struct vpk_function *fn;

	vpk_need_importers(test);
	fn = vpk_device(test, &wrapper_function, DRIVER);
	KUNIT_EXPECT_TRUE(test, IS_ERR(vpk_try_export(fn, BAR, &ranges[1], 1)));
	KUNIT_EXPECT_TRUE(test, IS_ERR(vpk_try_export(fn, BAR, ranges, 2)));
}

/* V2, C7: on a kernel without P2PDMA there is nothing to export. */
static void wrapper_without_p2pdma(struct kunit *test)
{
	struct vfio_region_dma_range range = { 0, SZ_4K };
	struct p2pdma_provider *provider;
	struct vfio_pci_core_device *vdev;
	struct phys_vec phys;

	if (IS_ENABLED(CONFIG_PCI_P2PDMA))
		kunit_skip(test, "this kernel has P2PDMA");
	vdev = vpk_device(test, &wrapper_function, DRIVER)->vdev;
	/* The core would not even ask. */
	KUNIT_EXPECT_EQ(test, vdev->pci_ops->get_dmabuf_phys(vdev, &provider,
							     BAR, &phys,
							     &range, 1),
			-EINVAL);
}

/* V2: another BAR that leads to what is hidden is hidden as a whole. */
static void wrapper_hides_aliases(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &wrapper_igb, DRIVER);
	struct vfio_region_info info;
	u32 val;

	KUNIT_ASSERT_EQ(test, vpk_region_info(fn, 0, &info), 0);
	KUNIT_EXPECT_EQ(test, info.size, SZ_64K);
	KUNIT_ASSERT_EQ(test, vpk_region_info(fn, 1, &info), 0);
	KUNIT_EXPECT_EQ(test, info.size, SZ_128K);
	KUNIT_ASSERT_EQ(test, vpk_region_info(fn, 2, &info), 0);
	KUNIT_EXPECT_EQ(test, info.size, 0);
	KUNIT_EXPECT_EQ(test, info.flags, 0);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, 2, 0, &val, 4), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_region_write(fn, 2, 0, &val, 4), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, AT(2, 0), SZ_4K,
					   PROT_READ, MAP_SHARED), -EINVAL);
}

/* V2: a page that is hidden in part cannot be mapped, only read. */
static void wrapper_hides_parts_of_pages(struct kunit *test)
{
	struct vpk_function_config tiny = wrapper_function;
	struct vfio_region_info info;
	struct vpk_function *fn;
	u32 val;

	tiny.bar_size[BAR] = SZ_4K;
	fn = vpk_device(test, &tiny, DRIVER);
	KUNIT_ASSERT_EQ(test, vpk_region_info(fn, BAR, &info), 0);
	KUNIT_EXPECT_EQ(test, info.size, SZ_2K);
	KUNIT_EXPECT_FALSE(test, info.flags & VFIO_REGION_INFO_FLAG_MMAP);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, BAR, SZ_2K - 4, &val, 4), 4);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, BAR, SZ_2K, &val, 4),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, AT(BAR, 0), SZ_4K,
					   PROT_READ, MAP_SHARED), -EINVAL);
}

static int wrapper_init(struct kunit *test)
{
	return vpk_variant_init(test, &wrapper_variant);
}

VPK_VARIANT_CASES(wrapper_cases,
		  KUNIT_CASE(wrapper_hides_in_read_and_write),
		  KUNIT_CASE(wrapper_hides_in_mmap),
		  KUNIT_CASE(wrapper_hides_in_dmabuf),
		  KUNIT_CASE(wrapper_without_p2pdma),
		  KUNIT_CASE(wrapper_hides_aliases),
		  KUNIT_CASE(wrapper_hides_parts_of_pages));

static struct kunit_suite wrapper_suite = {
	.name = "wrapper-vfio-pci",
	.init = wrapper_init,
	.exit = vpk_case_exit,
	.test_cases = wrapper_cases,
};

kunit_test_suite(wrapper_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit suite of the wrapper-vfio-pci driver");
