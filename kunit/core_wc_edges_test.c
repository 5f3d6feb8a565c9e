// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core suite: the edges of rule C14. What is just about refused, or just not;
 * what becomes of a BAR that cannot be mapped; memory that is in no BAR.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/err.h>
#include <linux/io.h>
#include <linux/mman.h>

#include "vfio_pci_kunit.h"

#define NC	VFIO_DMA_BUF_MEMATTR_NC
#define WC	VFIO_DMA_BUF_MEMATTR_WC

#define BAR		2
#define BAR_SIZE	SZ_8M
#define WHOLE		4
#define TABLE		SZ_4M	/* near which the MSI-X table is */
#define TABLE_LEN	(16 * PCI_MSIX_ENTRY_SIZE)

static const struct vpk_function_config vpk_edges_config = {
	.bar_size = { SZ_64K, 0, BAR_SIZE, 0, SZ_64K },
	.bar_64bit = BIT(BAR),
	.bar_prefetch = BIT(BAR) | BIT(WHOLE),
	.pm = true,
	.no_soft_reset = true,
};

static void vpk_edges_need(struct kunit *test)
{
	if (!vpk_can_write_combine())
		kunit_skip(test, "this architecture has no write-combining");
}

/**
 * struct vpk_msix_case - an MSI-X table, and which pages can be declared
 * @name: of the case
 * @bar: the BAR that the table is in
 * @offset: where in it
 * @before: what becomes of the page before TABLE
 * @at: and of the page at TABLE
 * @behind: and of the one behind that
 */
struct vpk_msix_case {
	const char *name;
	u8 bar;
	u32 offset;
	int before;
	int at;
	int behind;
};

static const struct vpk_msix_case vpk_msix_params[] = {
	{ "begins_with_a_page", BAR, TABLE, 0, -EINVAL, 0 },
	{ "ends_with_a_page", BAR, TABLE + PAGE_SIZE - TABLE_LEN, 0, -EINVAL, 0 },
	{ "last_entry_in_the_next", BAR,
	  TABLE + PAGE_SIZE - TABLE_LEN + PCI_MSIX_ENTRY_SIZE, 0, -EINVAL,
	  -EINVAL },
	{ "first_entry_in_the_previous", BAR, TABLE - PCI_MSIX_ENTRY_SIZE,
	  -EINVAL, -EINVAL, 0 },
	{ "other_bar", 0, TABLE, 0, 0, 0 },
};

KUNIT_ARRAY_PARAM_DESC(vpk_msix, vpk_msix_params, name);

/* C14: the kernel's own mapping of the table is uncached; to the byte. */
static void edges_msix(struct kunit *test)
{
	const struct vpk_msix_case *param = test->param_value;
	struct vpk_function_config config = vpk_edges_config;
	const struct vpk_wc ranges[] = {
		{ "before", BAR, TABLE - PAGE_SIZE, PAGE_SIZE, param->before },
		{ "at", BAR, TABLE, PAGE_SIZE, param->at },
		{ "behind", BAR, TABLE + PAGE_SIZE, PAGE_SIZE, param->behind },
		{}
	};

	vpk_edges_need(test);
	config.bar_size[0] = BAR_SIZE;
	config.msix = true;
	config.msix_bar = param->bar;
	config.msix_offset = param->offset;
	vpk_wc_function(test, &config, ranges, NULL);
}

/* C14: without MSI-X no table is in the way, whatever is in config space. */
static void edges_no_msix(struct kunit *test)
{
	static const struct vpk_function_config config = {
		.bar_size = { SZ_4M, 0, SZ_4M, 0, SZ_4M },
		.bar_64bit = BIT(0) | BIT(2) | BIT(4),
		.bar_prefetch = BIT(0) | BIT(2) | BIT(4),
		.pm = true,
	};
	static const struct vpk_wc ranges[] = {
		{ "BAR 0", 0, 0, SZ_4M }, { "BAR 2", 2, 0, SZ_4M },
		{ "BAR 4", 4, 0, SZ_4M }, {}
	};

	vpk_edges_need(test);
	vpk_wc_function(test, &config, ranges, NULL);
}

/* What declaring the whole of a resource of the device returns. */
static int vpk_declare_whole(struct vfio_pci_core_device *vdev, int bar)
{
	return vfio_pci_core_declare_wc(vdev, bar, 0,
					pci_resource_len(vdev->pdev, bar));
}

static void vpk_declare_odd(struct vfio_pci_core_device *vdev, void *data)
{
	struct resource *rom = &vdev->pdev->resource[PCI_ROM_RESOURCE];
	struct resource *bar = &vdev->pdev->resource[WHOLE];
	struct resource kept = *rom;
	struct kunit *test = data;

	*rom = *bar;
	KUNIT_EXPECT_EQ(test, vpk_declare_whole(vdev, PCI_ROM_RESOURCE), -EINVAL);
	*rom = kept;

	bar->flags ^= IORESOURCE_MEM | IORESOURCE_IO;
	KUNIT_EXPECT_EQ(test, vpk_declare_whole(vdev, WHOLE), -EINVAL);
	bar->flags ^= IORESOURCE_MEM | IORESOURCE_IO;
	KUNIT_EXPECT_EQ(test, vpk_declare_whole(vdev, WHOLE),
			vpk_can_write_combine() ? 0 : -EOPNOTSUPP);
}

/* C14: a ROM is no BAR, even if it is prefetchable; nor are I/O ports memory. */
static void edges_odd_bars(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn;

	fn = vpk_function_add(test, host, &vpk_edges_config);
	fn->driver.before_register = vpk_declare_odd;
	fn->driver.data = test;
	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
}

static const struct vpk_wc vpk_edges_window[] = {
	{ "window", BAR, SZ_1M, SZ_64K }, {}
};

/*
 * C14: each allocation in open fails once. A BAR is there with each of its pieces,
 * or it is an error to access any.
 */
static void edges_faults_open(struct kunit *test)
{
	static const u64 spots[] = { 0, SZ_1M, SZ_1M + SZ_64K };
	unsigned int nth, missing = 0;
	struct vpk_function *fn;
	bool failed = true;
	int i;

	vpk_edges_need(test);
	vpk_faults_on(test);
	fn = vpk_wc_function(test, &vpk_edges_config, vpk_edges_window, NULL);
	for (nth = 1; failed && nth < VPK_ENOUGH; nth++) {
		int ret;

		vpk_open_container(test, fn);
		vpk_fail_nth(nth);
		ret = vpk_open_device(fn);
		failed = vpk_failed();
		for (i = 0; !ret && i < ARRAY_SIZE(spots); i++) {
			ssize_t done;
			u64 val;

			done = vpk_region_read(fn, BAR, spots[i], &val, 8);
			missing += done < 0;
			if (done != 8 && done != -EBUSY)
				KUNIT_EXPECT_EQ_MSG(test, done, -ENOMEM,
						    "allocation %u, offset %#llx",
						    nth, spots[i]);
		}
		vpk_close(fn);
		KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
	}
	KUNIT_EXPECT_FALSE_MSG(test, failed, "no end of allocations");
	/* The map, its pieces, and what maps each of the three. */
	KUNIT_EXPECT_GE(test, missing, 5 * ARRAY_SIZE(spots));
}

/* C14: each allocation in region info fails once, and is an error. */
static void edges_faults_info(struct kunit *test)
{
	struct vfio_region_info info;
	unsigned int nth, failures = 0;
	struct vpk_function *fn;
	bool failed = true;

	vpk_edges_need(test);
	vpk_faults_on(test);
	fn = vpk_wc_function(test, &vpk_edges_config, vpk_edges_window, NULL);
	vpk_open(test, fn);
	for (nth = 1; failed && nth < VPK_ENOUGH; nth++) {
		long ret;

		vpk_fail_nth(nth);
		ret = vpk_region_info(fn, BAR, &info);
		failed = vpk_failed();
		failures += !!ret;
		if (ret)
			KUNIT_EXPECT_EQ_MSG(test, ret, -ENOMEM, "allocation %u",
					    nth);
	}
	KUNIT_EXPECT_FALSE_MSG(test, failed, "no end of allocations");
	/* The capability, and the place that it is copied to. */
	KUNIT_EXPECT_GE(test, failures, 2);
}

/* Where the memory of a case lies. */
enum vpk_memory_place {
	VPK_OUTSIDE,		/* of all BARs */
	VPK_IN_BAR,
	VPK_AT_0,		/* where a BAR that is not there seems to be */
};

/* Which part of it somebody has mapped write-combining. */
enum vpk_memory_part { VPK_NOTHING, VPK_ALL, VPK_FIRST_PAGE, VPK_LAST_PAGE };

/**
 * struct vpk_memory_case - memory that a driver maps as a region
 * @name: of the case
 * @place: where it is
 * @memattr: the type that the driver asks for
 * @reserved: what is reserved as write-combining
 * @ret: what mmap() returns
 * @without: and what, on a machine without write-combining
 */
struct vpk_memory_case {
	const char *name;
	enum vpk_memory_place place;
	u32 memattr;
	enum vpk_memory_part reserved;
	int ret;
	int without;
};

static const struct vpk_memory_case vpk_memory_params[] = {
	{ "uncached", VPK_OUTSIDE, NC, VPK_NOTHING, 0, 0 },
	{ "write_combining", VPK_OUTSIDE, WC, VPK_ALL, 0, -EOPNOTSUPP },
	{ "not_reserved", VPK_OUTSIDE, WC, VPK_NOTHING, -EBUSY, -EOPNOTSUPP },
	{ "reserved_by_others", VPK_OUTSIDE, NC, VPK_ALL, -EBUSY, 0 },
	{ "its_first_page", VPK_OUTSIDE, NC, VPK_FIRST_PAGE, -EBUSY, 0 },
	{ "its_last_page", VPK_OUTSIDE, NC, VPK_LAST_PAGE, -EBUSY, 0 },
	{ "all_but_its_last_page", VPK_OUTSIDE, WC, VPK_FIRST_PAGE, -EBUSY,
	  -EOPNOTSUPP },
	{ "no_such_type", VPK_OUTSIDE, WC + 1, VPK_NOTHING, -EINVAL, -EINVAL },
	{ "a_bar_not_declared", VPK_IN_BAR, WC, VPK_NOTHING, -EINVAL, -EINVAL },
	{ "where_no_bar_is", VPK_AT_0, WC, VPK_NOTHING, -EBUSY, -EOPNOTSUPP },
};

KUNIT_ARRAY_PARAM_DESC(vpk_memory, vpk_memory_params, name);

#define MEMORY_LEN	SZ_64K

static struct phys_vec vpk_memory_phys(struct pci_dev *pdev,
				       enum vpk_memory_place place)
{
	struct phys_vec phys = { .len = MEMORY_LEN };

	if (place == VPK_IN_BAR)
		phys.paddr = pci_resource_start(pdev, 0);
	else if (place == VPK_OUTSIDE)
		/* The end of the window, which is much larger than the BARs. */
		phys.paddr = pci_resource_start(pdev, BAR) + SZ_256M;
	return phys;
}

static const struct vpk_memory_case *vpk_memory_now;

static int vpk_memory_mmap(struct vfio_device *core_vdev,
			   struct vm_area_struct *vma)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);
	struct phys_vec phys = vpk_memory_phys(vdev->pdev,
					       vpk_memory_now->place);

	return vfio_pci_core_mmap_ranges(vdev, vma, &phys,
					 &vpk_memory_now->memattr, 1);
}

static void vpk_memory_iounmap(void *data)
{
	iounmap((void __iomem __force *)data);
}

/* Reserve a part of the memory, where an architecture reserves types at all. */
static void vpk_memory_reserve(struct kunit *test, const struct phys_vec *phys,
			       enum vpk_memory_part part)
{
	phys_addr_t start = phys->paddr;
	size_t len = PAGE_SIZE;
	void __iomem *io;

	if (part == VPK_NOTHING || !vpk_can_write_combine())
		return;
	if (part == VPK_ALL)
		len = phys->len;
	else if (part == VPK_LAST_PAGE)
		start += phys->len - PAGE_SIZE;
	io = ioremap_wc(start, len);
	KUNIT_ASSERT_NOT_NULL(test, (void __force *)io);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vpk_memory_iounmap,
							(void __force *)io), 0);
}

/*
 * C14: memory that is in no BAR is the driver's to know about. But it is mapped
 * with the type that was asked for, or not at all.
 */
static void edges_memory(struct kunit *test)
{
	const struct vpk_memory_case *param = test->param_value;
	struct vpk_host *host = vpk_host_create(test);
	bool wc = vpk_can_write_combine();
	struct vfio_device_ops *ops;
	struct vpk_function *fn;
	struct phys_vec phys;
	struct vpk_map *map;
	int ret;

	if (wc && !IS_ENABLED(CONFIG_X86_PAT))
		kunit_skip(test, "this architecture reserves no types");
	ops = kunit_kzalloc(test, sizeof(*ops), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ops);
	*ops = *vpk_driver_ops();
	ops->mmap = vpk_memory_mmap;
	vpk_memory_now = param;
	fn = vpk_function_add(test, host, &vpk_edges_config);
	fn->driver.ops = ops;
	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	vpk_open(test, fn);

	phys = vpk_memory_phys(fn->pdev, param->place);
	vpk_memory_reserve(test, &phys, param->reserved);
	ret = wc ? param->ret : param->without;
	KUNIT_ASSERT_EQ(test, vpk_try_mmap(test, fn,
					   VFIO_PCI_INDEX_TO_OFFSET(BAR),
					   MEMORY_LEN, PROT_READ, MAP_SHARED),
			ret);
	if (ret)
		return;
	map = vpk_map(test, fn, BAR, 0, MEMORY_LEN);
	vpk_expect_memattr(test, map, 0, param->memattr, NULL);
	vpk_expect_memattr(test, map, MEMORY_LEN - PAGE_SIZE, param->memattr,
			   NULL);
}

static struct kunit_case vpk_edges_cases[] = {
	KUNIT_CASE_PARAM(edges_msix, vpk_msix_gen_params),
	KUNIT_CASE(edges_no_msix),
	KUNIT_CASE(edges_odd_bars),
	KUNIT_CASE(edges_faults_open),
	KUNIT_CASE(edges_faults_info),
	KUNIT_CASE_PARAM(edges_memory, vpk_memory_gen_params),
	{}
};

static struct kunit_suite vpk_edges_suite = {
	.name = "vfio-pci-core-wc-edges",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_edges_cases,
};

kunit_test_suite(vpk_edges_suite);
