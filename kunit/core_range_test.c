// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core suite: a driver that hides a part of a BAR by check_range() (rule V2).
 * There is no way in that the core does not ask about.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/err.h>
#include <linux/mman.h>

#include "vfio_pci_kunit.h"

static const struct vpk_function_config vpk_config = VPK_FULL_CONFIG;

#define VPK_HIDDEN	SZ_32K	/* from here on, of the 64 KiB of BAR 0 */

static int vpk_hides_half(struct vfio_pci_core_device *vdev,
			  unsigned int region_index, u64 offset, u64 len)
{
	return region_index || offset + len <= VPK_HIDDEN ? 0 : -EPERM;
}

static const struct vfio_pci_device_ops vpk_hiding_ops = {
	.get_dmabuf_phys = vfio_pci_core_get_dmabuf_phys,
	.check_range = vpk_hides_half,
};

static void vpk_hide(struct vfio_pci_core_device *vdev, void *data)
{
	vdev->pci_ops = &vpk_hiding_ops;
}

static struct vpk_function *vpk_hiding_device(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &vpk_config);

	fn->driver.before_register = vpk_hide;
	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	vpk_open(test, fn);
	return fn;
}

/* V2: read() and write(). */
static void range_v2_rw(struct kunit *test)
{
	struct vpk_function *fn = vpk_hiding_device(test);
	u32 val[2] = {};

	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, 0, VPK_HIDDEN - 4, val, 4),
			4);
	KUNIT_EXPECT_EQ(test, vpk_region_write(fn, 0, VPK_HIDDEN - 4, val, 4),
			4);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, 0, VPK_HIDDEN, val, 4),
			-EPERM);
	KUNIT_EXPECT_EQ(test, vpk_region_write(fn, 0, VPK_HIDDEN, val, 4),
			-EPERM);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, 0, VPK_HIDDEN - 4, val, 8),
			-EPERM);
	KUNIT_EXPECT_EQ(test, vpk_region_write(fn, 0, SZ_64K - 4, val, 4),
			-EPERM);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, 2, VPK_HIDDEN, val, 4), 4);
}

static long vpk_range_mmap(struct kunit *test, struct vpk_function *fn,
			   unsigned int bar, u64 off, size_t len)
{
	return vpk_try_mmap(test, fn, VFIO_PCI_INDEX_TO_OFFSET(bar) + off, len,
			    PROT_READ | PROT_WRITE, MAP_SHARED);
}

/* V2: mmap(). */
static void range_v2_mmap(struct kunit *test)
{
	struct vpk_function *fn = vpk_hiding_device(test);

	KUNIT_EXPECT_EQ(test, vpk_range_mmap(test, fn, 0, 0, VPK_HIDDEN), 0);
	KUNIT_EXPECT_EQ(test, vpk_range_mmap(test, fn, 0, 0, SZ_64K), -EPERM);
	KUNIT_EXPECT_EQ(test, vpk_range_mmap(test, fn, 0, VPK_HIDDEN,
					     PAGE_SIZE), -EPERM);
	KUNIT_EXPECT_EQ(test, vpk_range_mmap(test, fn, 0,
					     VPK_HIDDEN - PAGE_SIZE,
					     2 * PAGE_SIZE), -EPERM);
	KUNIT_EXPECT_EQ(test, vpk_range_mmap(test, fn, 2, VPK_HIDDEN,
					     PAGE_SIZE), 0);
}

/* V2: ioeventfds, which a driver cannot see for itself. */
static void range_v2_ioeventfd(struct kunit *test)
{
	struct vpk_eventfd *eventfd = vpk_eventfd_create(test);
	struct vpk_function *fn = vpk_hiding_device(test);

	KUNIT_EXPECT_EQ(test, vpk_ioeventfd(fn, 0, VPK_HIDDEN - 4, 1, eventfd),
			0);
	KUNIT_EXPECT_EQ(test, vpk_ioeventfd(fn, 0, VPK_HIDDEN, 1, eventfd),
			-EPERM);
	KUNIT_EXPECT_EQ(test, vpk_ioeventfd(fn, 0, VPK_HIDDEN - 2, 1, eventfd),
			-EPERM);
	KUNIT_EXPECT_EQ(test, vpk_ioeventfd(fn, 0, SZ_64K - 4, 1, eventfd),
			-EPERM);
	KUNIT_EXPECT_EQ(test, vpk_ioeventfd(fn, 2, VPK_HIDDEN, 1, eventfd), 0);
}

/* V2: DMABUFs, whichever of their ranges it is. */
static void range_v2_export(struct kunit *test)
{
	const struct vfio_region_dma_range seen = { 0, VPK_HIDDEN };
	const struct vfio_region_dma_range both[] = {
		{ 0, PAGE_SIZE }, { VPK_HIDDEN, PAGE_SIZE },
	};
	struct vpk_function *fn;
	struct dma_buf *dmabuf;

	vpk_need_importers(test);
	fn = vpk_hiding_device(test);
	dmabuf = vpk_try_export(fn, 0, &seen, 1);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dmabuf);
	vpk_put_later(test, dmabuf);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(vpk_try_export(fn, 0, both, 2)),
			-EPERM);
	KUNIT_EXPECT_EQ(test,
			PTR_ERR_OR_ZERO(vpk_try_export(fn, 0, &both[1], 1)),
			-EPERM);
}

static struct kunit_case vpk_range_cases[] = {
	KUNIT_CASE(range_v2_rw),
	KUNIT_CASE(range_v2_mmap),
	KUNIT_CASE(range_v2_ioeventfd),
	KUNIT_CASE(range_v2_export),
	{}
};

static struct kunit_suite vpk_range_suite = {
	.name = "vfio-pci-core-range",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_range_cases,
};

kunit_test_suite(vpk_range_suite);
