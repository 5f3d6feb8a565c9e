// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cases that every variant driver's suite shares. A suite says in a struct
 * vpk_variant what its driver is like, and defines its table of cases with
 * VPK_VARIANT_CASES().
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/sizes.h>

#include "vfio_pci_kunit.h"

static struct vpk_function *vpk_variant_device(struct kunit *test)
{
	const struct vpk_variant *variant = vpk_variant(test);

	return vpk_device(test, variant->config, variant->driver);
}

/* Of the rules about the flag, that for a driver like this one. */
static const char *variant_flag_rule(const struct vpk_variant *variant,
				     const struct vpk_function *fn)
{
	const struct vfio_device_ops *ops = fn->vdev->vdev.ops;

	if (!ops->mmap || ops->mmap == vfio_pci_core_mmap)
		return "V1: the core's .mmap needs no opt-out by the driver";
	if (variant->by_hand)
		return "V3: a driver that maps PFNs keeps zap_bars_on_revoke";
	return "V2, V5: a driver that maps no PFNs clears zap_bars_on_revoke";
}

/*
 * C4, V1, V2, V3, V5: zap_bars_on_revoke is right when the driver registers, not
 * later. The fixture looks at the flag while vfio_pci_core_register_device()
 * runs.
 */
void variant_flag(struct kunit *test)
{
	const struct vpk_variant *variant = vpk_variant(test);
	struct vpk_function *fn = vpk_variant_device(test);

	KUNIT_ASSERT_TRUE(test, fn->registering_seen);
	KUNIT_EXPECT_EQ_MSG(test, fn->flag_at_register, variant->by_hand,
			    "%s", variant_flag_rule(variant, fn));
	KUNIT_EXPECT_EQ(test, vpk_flag(fn->vdev), fn->flag_at_register);
}

/*
 * V2, V3, V5, V6: the driver's mappings are where the flag says that they are,
 * and the core's are backed by DMABUFs.
 */
void variant_backing(struct kunit *test)
{
	const struct vpk_variant *variant = vpk_variant(test);
	struct vpk_function *fn = vpk_variant_device(test);
	struct vpk_map *own, *other;

	own = vpk_map(test, fn, variant->region, 0, PAGE_SIZE);
	other = vpk_map(test, fn, variant->other, 0, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, vpk_touch(own, 0), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch(other, 0), 0);
	KUNIT_EXPECT_EQ(test, vpk_in_device_space(own), variant->by_hand);
	KUNIT_EXPECT_EQ(test, vpk_in_dmabuf(own), !variant->by_hand);
	KUNIT_EXPECT_FALSE_MSG(test, vpk_in_device_space(other),
			       "V6: a BAR that the core should map is mapped by hand");
	KUNIT_EXPECT_TRUE(test, vpk_in_dmabuf(other));
}

/* C3: each path revokes the last page of the region in time, and restores it. */
void variant_path(struct kunit *test)
{
	const struct vpk_variant *variant = vpk_variant(test);
	struct vpk_function *fn;

	fn = vpk_path_device(test, variant->config, variant->driver);
	vpk_path_check(test, vpk_map(test, fn, variant->region,
				     variant->size - PAGE_SIZE, PAGE_SIZE));
}

/* C3, V6: the same for a BAR that the driver leaves to the core. */
void variant_path_of_other_bar(struct kunit *test)
{
	const struct vpk_variant *variant = vpk_variant(test);
	u64 size = variant->config->bar_size[variant->other];
	struct vpk_function *fn;

	fn = vpk_path_device(test, variant->config, variant->driver);
	vpk_path_check(test, vpk_map(test, fn, variant->other,
				     size - PAGE_SIZE, PAGE_SIZE));
}

/* C3: a reader is at work while VFIO_DEVICE_RESET goes from D3hot to D0. */
void variant_reader_in_d0(struct kunit *test)
{
	const struct vpk_variant *variant = vpk_variant(test);
	struct vpk_function *fn = vpk_variant_device(test);

	vpk_reader_in_d0_check(test, vpk_map(test, fn, variant->region, 0,
					     PAGE_SIZE));
}

/* C1: a mapping keeps the device open after its file is closed. */
void variant_close(struct kunit *test)
{
	const struct vpk_variant *variant = vpk_variant(test);
	struct vpk_function *fn = vpk_variant_device(test);
	struct vpk_map *map;

	map = vpk_map(test, fn, variant->region, 0, PAGE_SIZE);
	vpk_close(fn);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	vpk_unmap(map);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
}

/* V2, V3, V5: region info says what the user may have, and no more. */
void variant_region_info(struct kunit *test)
{
	const struct vpk_variant *variant = vpk_variant(test);
	struct vpk_function *fn = vpk_variant_device(test);
	struct vfio_region_info info;
	unsigned int behind;

	KUNIT_ASSERT_EQ(test, vpk_region_info(fn, variant->region, &info), 0);
	KUNIT_EXPECT_EQ(test, info.size, variant->size);
	KUNIT_EXPECT_TRUE(test, info.flags & VFIO_REGION_INFO_FLAG_MMAP);
	KUNIT_ASSERT_EQ(test, vpk_region_info(fn, variant->other, &info), 0);
	KUNIT_EXPECT_EQ(test, info.size,
			variant->config->bar_size[variant->other]);
	KUNIT_EXPECT_TRUE(test, info.flags & VFIO_REGION_INFO_FLAG_MMAP);
	behind = VFIO_PCI_NUM_REGIONS + fn->vdev->num_regions;
	KUNIT_EXPECT_EQ(test, vpk_region_info(fn, behind, &info), -EINVAL);
}

/* V2, V3, V5: an access is cut at the end of the region, and refused behind. */
void variant_read_and_write(struct kunit *test)
{
	const struct vpk_variant *variant = vpk_variant(test);
	u64 other_size = variant->config->bar_size[variant->other];
	struct vpk_function *fn = vpk_variant_device(test);
	unsigned int region = variant->region;
	u64 end = variant->size;
	u32 val[2] = {};

	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, region, end - 4, val, 4), 4);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, region, end - 4, val, 8), 4);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, region, end, val, 4), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, region, 0, val, 0), 0);
	KUNIT_EXPECT_EQ(test, vpk_region_write(fn, region, end - 4, val, 4), 4);
	KUNIT_EXPECT_EQ(test, vpk_region_write(fn, region, end - 4, val, 8), 4);
	KUNIT_EXPECT_EQ(test, vpk_region_write(fn, region, end, val, 4),
			-EINVAL);

	/* Other regions are as they were. */
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, variant->other,
					      other_size - 4, val, 4), 4);
	KUNIT_EXPECT_EQ(test, vpk_config_read(fn, PCI_VENDOR_ID, val, 2), 2);
	KUNIT_EXPECT_EQ(test, val[0], variant->config->vendor);

	/* Nothing can be accessed while memory is disabled. */
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	KUNIT_EXPECT_LT(test, vpk_region_read(fn, region, 0, val, 4), 0);
	KUNIT_EXPECT_LT(test, vpk_region_write(fn, region, 0, val, 4), 0);
}

enum vpk_mmap_where {
	VPK_AT_START,
	VPK_AT_END,
	VPK_IN_OTHER_BAR,
	VPK_BEHIND_OTHER_BAR,
	VPK_IN_CONFIG_SPACE,
	VPK_BEHIND_ALL_REGIONS,
	VPK_AT_ZERO,
};

/**
 * struct vpk_mmap_case - an mmap() that a driver allows or refuses
 * @name: what is tried
 * @where: what @off is relative to
 * @off: offset from there
 * @len: length
 * @whole: @len is relative to the size of the region or BAR
 * @flags: flags of mmap(), MAP_SHARED if 0
 * @ret: what mmap() returns
 */
struct vpk_mmap_case {
	const char *name;
	enum vpk_mmap_where where;
	s64 off;
	s64 len;
	bool whole;
	unsigned long flags;
	long ret;
};

static const struct vpk_mmap_case vpk_mmap_cases[] = {
	{ "all_of_it", VPK_AT_START, .whole = true },
	{ "other_bar", VPK_IN_OTHER_BAR, .whole = true },
	{ "one_page_too_many", VPK_AT_START, .len = PAGE_SIZE, .whole = true,
	  .ret = -EINVAL },
	{ "beyond", VPK_AT_END, .len = PAGE_SIZE, .ret = -EINVAL },
	{ "across_the_end", VPK_AT_END, .off = -PAGE_SIZE,
	  .len = 2 * PAGE_SIZE, .ret = -EINVAL },
	{ "wrapping_offset", VPK_AT_START,
	  .off = VFIO_PCI_OFFSET_MASK & PAGE_MASK, .len = PAGE_SIZE,
	  .ret = -EINVAL },
	{ "into_the_next_region", VPK_AT_START,
	  .off = VFIO_PCI_OFFSET_MASK & PAGE_MASK, .len = 2 * PAGE_SIZE,
	  .ret = -EINVAL },
	{ "end_of_all_offsets", VPK_AT_ZERO, .off = LLONG_MAX & PAGE_MASK,
	  .len = PAGE_SIZE, .ret = -EINVAL },
	{ "zero_length", VPK_AT_START, .ret = -EINVAL },
	{ "private", VPK_AT_START, .len = PAGE_SIZE, .flags = MAP_PRIVATE,
	  .ret = -EINVAL },
	{ "private_other_bar", VPK_IN_OTHER_BAR, .len = PAGE_SIZE,
	  .flags = MAP_PRIVATE, .ret = -EINVAL },
	{ "other_bar_beyond", VPK_BEHIND_OTHER_BAR, .len = PAGE_SIZE,
	  .ret = -EINVAL },
	{ "config_space", VPK_IN_CONFIG_SPACE, .len = PAGE_SIZE,
	  .ret = -EINVAL },
	{ "no_such_region", VPK_BEHIND_ALL_REGIONS, .len = PAGE_SIZE,
	  .ret = -EINVAL },
};

/**
 * vpk_mmap_gen_params() - each mmap() that variant_mmap() tries, one by one
 * @test: the test
 * @prev: the one before, or NULL
 * @desc: where the name goes
 *
 * For KUNIT_CASE_PARAM().
 *
 * Return: the next one, NULL after the last.
 */
const void *vpk_mmap_gen_params(struct kunit *test, const void *prev,
				char *desc)
{
	const struct vpk_mmap_case *param = prev;

	param = param ? param + 1 : vpk_mmap_cases;
	if (param >= vpk_mmap_cases + ARRAY_SIZE(vpk_mmap_cases))
		return NULL;
	strscpy(desc, param->name, KUNIT_PARAM_DESC_SIZE);
	return param;
}

static u64 vpk_mmap_base(struct vpk_function *fn,
			 const struct vpk_variant *variant,
			 enum vpk_mmap_where where)
{
	u64 own = VFIO_PCI_INDEX_TO_OFFSET(variant->region);
	u64 other = VFIO_PCI_INDEX_TO_OFFSET(variant->other);
	u64 behind = VFIO_PCI_NUM_REGIONS + fn->vdev->num_regions;

	switch (where) {
	case VPK_AT_START:
		return own;
	case VPK_AT_END:
		return own + variant->size;
	case VPK_IN_OTHER_BAR:
		return other;
	case VPK_BEHIND_OTHER_BAR:
		return other + variant->config->bar_size[variant->other];
	case VPK_IN_CONFIG_SPACE:
		return VFIO_PCI_INDEX_TO_OFFSET(VFIO_PCI_CONFIG_REGION_INDEX);
	case VPK_BEHIND_ALL_REGIONS:
		return VFIO_PCI_INDEX_TO_OFFSET(behind);
	case VPK_AT_ZERO:
		break;
	}
	return 0;
}

/* V2, V3, V5: what may be mapped can be; mmap() refuses all else with EINVAL. */
void variant_mmap(struct kunit *test)
{
	const struct vpk_variant *variant = vpk_variant(test);
	const struct vpk_mmap_case *param = test->param_value;
	struct vpk_function *fn = vpk_variant_device(test);
	u64 pos, len;

	pos = vpk_mmap_base(fn, variant, param->where) + param->off;
	len = param->len;
	if (param->whole && param->where == VPK_IN_OTHER_BAR)
		len += variant->config->bar_size[variant->other];
	else if (param->whole)
		len += variant->size;
	KUNIT_EXPECT_EQ(test, vpk_try_mmap(test, fn, pos, len,
					   PROT_READ | PROT_WRITE,
					   param->flags ?: MAP_SHARED),
			param->ret);
	/* A refused mmap() leaves nothing that keeps the device open. */
	vpk_close(fn);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
}

/* V2, V3, V5: importers get what mmap() shows, and no more. */
void variant_export(struct kunit *test)
{
	const struct vpk_variant *variant = vpk_variant(test);
	const struct vfio_region_dma_range first = { 0, PAGE_SIZE };
	const struct vfio_region_dma_range refused[] = {
		{ variant->size, PAGE_SIZE },
		{ variant->size - PAGE_SIZE, 2 * PAGE_SIZE },
		{ variant->size - PAGE_SIZE, -PAGE_SIZE },
		{ -PAGE_SIZE, PAGE_SIZE },
	};
	struct vfio_region_dma_range both[] = { first, first };
	struct vpk_function *fn;
	struct dma_buf *dmabuf;
	int i;

	vpk_need_importers(test);
	fn = vpk_variant_device(test);
	vpk_export(test, fn, variant->region, variant->size - PAGE_SIZE,
		   PAGE_SIZE);
	vpk_export(test, fn, variant->other, 0,
		   variant->config->bar_size[variant->other]);
	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		dmabuf = vpk_try_export(fn, variant->region, &refused[i], 1);
		KUNIT_EXPECT_TRUE_MSG(test, IS_ERR(dmabuf), "range %d", i);
		both[1] = refused[i];
		dmabuf = vpk_try_export(fn, variant->region, both, 2);
		KUNIT_EXPECT_TRUE_MSG(test, IS_ERR(dmabuf),
				      "a good range and range %d", i);
	}

	/* What the PCI core says is not to be mapped cannot be exported. */
	fn->pdev->non_mappable_bars = 1;
	dmabuf = vpk_try_export(fn, variant->region, &first, 1);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(dmabuf), -EINVAL);
	fn->pdev->non_mappable_bars = 0;
}

/*
 * C3: a mapping of an export shows what a mapping of the device's file shows, and
 * goes and comes back with it. The driver has not a line for that.
 */
void variant_export_mapping(struct kunit *test)
{
	const struct vpk_variant *variant = vpk_variant(test);
	const u64 last = variant->size - PAGE_SIZE;
	unsigned long pfn[2] = {};
	struct vpk_map *map[2];
	struct vpk_function *fn;
	struct dma_buf *dmabuf;
	int i;

	vpk_need_importers(test);
	fn = vpk_variant_device(test);
	dmabuf = vpk_export(test, fn, variant->region, last, PAGE_SIZE);
	map[0] = vpk_map(test, fn, variant->region, last, PAGE_SIZE);
	map[1] = vpk_map_dmabuf(test, fn, dmabuf, O_RDWR);
	for (i = 0; i < 2; i++) {
		KUNIT_ASSERT_EQ(test, vpk_touch(map[i], 0), 0);
		KUNIT_ASSERT_EQ(test, vpk_pfn(map[i], 0, &pfn[i], NULL), 0);
	}
	KUNIT_EXPECT_EQ(test, pfn[0], pfn[1]);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_FALSE(test, vpk_mapped(map[i], 0));
		KUNIT_EXPECT_EQ(test, vpk_touch(map[i], 0), -EFAULT);
	}
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
	for (i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, vpk_touch(map[i], 0), 0);
}

/* V2, V3: an ioeventfd lets the kernel write to a region; is there one? */
void variant_ioeventfd(struct kunit *test)
{
	const struct vpk_variant *variant = vpk_variant(test);
	struct vpk_function *fn = vpk_variant_device(test);
	struct vfio_device_ioeventfd arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DEVICE_IOEVENTFD_32,
		.offset = VFIO_PCI_INDEX_TO_OFFSET(variant->region) +
			  variant->size,
		.fd = -1,
	};

	KUNIT_EXPECT_EQ(test, vpk_ioctl(fn, VFIO_DEVICE_IOEVENTFD, &arg,
					sizeof(arg)), variant->ioeventfd);
	arg.offset -= variant->size;
	/* To remove one that is not there is an error of its own. */
	KUNIT_EXPECT_EQ(test, vpk_ioctl(fn, VFIO_DEVICE_IOEVENTFD, &arg,
					sizeof(arg)),
			variant->ioeventfds_within ? -ENODEV :
						     variant->ioeventfd);
}

/* driver_override can bring any device: the driver refuses one of these. */
void variant_refuses_strangers(struct kunit *test)
{
	const struct vpk_function_config unknown = { .bar_size = { SZ_4K } };
	const struct vpk_variant *variant = vpk_variant(test);
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn;
	int i;

	vpk_function_add(test, host, &unknown);
	for (i = 0; i < variant->nr_strangers; i++)
		vpk_function_add(test, host, &variant->strangers[i]);
	vpk_host_probe(test, host);
	for (i = 0; i < host->nr_functions; i++) {
		fn = host->functions[i];
		KUNIT_EXPECT_EQ_MSG(test,
				    vpk_try_bind(test, fn, variant->driver),
				    -ENODEV, "function %d", i);
	}
}

/* Each allocation in probe fails once. */
void variant_faults_probe(struct kunit *test)
{
	const struct vpk_variant *variant = vpk_variant(test);

	vpk_faults_probe_check(test, variant->config, variant->driver);
}

/* Each allocation in open fails once. */
void variant_faults_open(struct kunit *test)
{
	const struct vpk_variant *variant = vpk_variant(test);

	vpk_faults_open_check(test, variant->config, variant->driver,
			      variant->region);
}

/* Each allocation in mmap fails once. */
void variant_faults_mmap(struct kunit *test)
{
	const struct vpk_variant *variant = vpk_variant(test);

	vpk_faults_mmap_check(test, variant->config, variant->driver,
			      variant->region);
}

/* Each allocation in export fails once. */
void variant_faults_export(struct kunit *test)
{
	const struct vpk_variant *variant = vpk_variant(test);

	vpk_faults_export_check(test, variant->config, variant->driver,
				variant->region);
}

/* rmmod and modprobe work with a device that is bound. */
void variant_reloads(struct kunit *test)
{
	const struct vpk_variant *variant = vpk_variant(test);

	vpk_reload_check(test, variant->config, variant->driver,
			 variant->symbol);
}
