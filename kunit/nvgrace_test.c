// SPDX-License-Identifier: GPL-2.0-only
/*
 * nvgrace-gpu-vfio-pci, unmodified but for the series, on a software function.
 * The firmware's properties are a software node. The GPU's memory is a range of
 * physical addresses where nothing is: it can be mapped, and nobody reads it.
 * Whether the GPU is ready is told by a CXL DVSEC, or by registers in BAR 0
 * where it has none; an NVIDIA DVSEC tells whether 1 GiB is carved out.
 *
 * The memory is mapped by vfio_pci_core_mmap_memory(), of which this driver is
 * the only user: what that promises is tested here as well.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/bitfield.h>
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pci_ids.h>
#include <linux/property.h>
#include <linux/sched/signal.h>

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

static long nvgrace_mmap(struct kunit *test, struct vpk_function *fn, u64 off,
			 unsigned long flags)
{
	return vpk_try_mmap(test, fn,
			    VFIO_PCI_INDEX_TO_OFFSET(NVGRACE_USEMEM) + off,
			    PAGE_SIZE, PROT_READ | PROT_WRITE, flags);
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

/* V5: a DMABUF is behind the memory, and each path takes it away. */
static void nvgrace_v5_memory(struct kunit *test)
{
	struct vpk_function *fn = nvgrace_path_device(test);
	struct vpk_map *map;

	KUNIT_EXPECT_FALSE(test, fn->flag_at_register);
	map = vpk_map(test, fn, NVGRACE_USEMEM, SZ_64K, PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, vpk_in_dmabuf(map));
	vpk_watch(fn->host, map, 0);
	vpk_path_check(test, map);
}

/* V5: BAR 0 is mapped as any BAR. */
static void nvgrace_v5_bar(struct kunit *test)
{
	struct vpk_function *fn = nvgrace_path_device(test);
	struct vpk_map *map;

	map = vpk_map(test, fn, 0, 0, PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, vpk_in_dmabuf(map));
	vpk_watch(fn->host, map, 0);
	vpk_path_check(test, map);
}

/* V5: where huge pages are to map: the memory, or the BAR, from an offset on. */
static void nvgrace_v5_mmap_phys(struct kunit *test)
{
	struct vpk_function *fn = nvgrace_open(test, &nvgrace_cxl, NVGRACE_LEN);
	struct vfio_pci_core_device *vdev = fn->vdev;
	int (*where)(struct vfio_pci_core_device *vdev, unsigned int index,
		     u64 offset, u64 len, u64 *phys);
	u64 phys = 0;

	where = vdev->pci_ops->get_mmap_phys;
	KUNIT_EXPECT_EQ(test, where(vdev, NVGRACE_USEMEM, PAGE_SIZE, PAGE_SIZE,
				    &phys), 0);
	KUNIT_EXPECT_EQ(test, phys, NVGRACE_BASE + PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, where(vdev, 0, PAGE_SIZE, PAGE_SIZE, &phys), 0);
	KUNIT_EXPECT_EQ(test, phys,
			pci_resource_start(fn->pdev, 0) + PAGE_SIZE);
}

static struct vpk_map *nvgrace_map(struct kunit *test)
{
	struct vpk_function *fn = nvgrace_open(test, &nvgrace_cxl, NVGRACE_LEN);

	return vpk_map(test, fn, NVGRACE_USEMEM, SZ_64K, PAGE_SIZE);
}

/* V7: a reset that VFIO does not start takes the memory away. */
static void nvgrace_v7_foreign_reset(struct kunit *test)
{
	vpk_foreign_reset_check(test, nvgrace_map(test));
}

/* C11, V7: after an error the memory is away until the GPU has recovered. */
static void nvgrace_v7_error(struct kunit *test)
{
	vpk_error_check(test, nvgrace_map(test));
}

/* C1, V7: a mapping that is left when the file is closed goes with a reset. */
static void nvgrace_v7_close(struct kunit *test)
{
	vpk_close_check(test, nvgrace_map(test));
}

/* V1: without the firmware's properties, BAR 4 is a BAR as any other. */
static void nvgrace_v1_no_memory(struct kunit *test)
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

/* V5: NVIDIA's DVSEC says that all of the memory is usable. */
static void nvgrace_v5_whole(struct kunit *test)
{
	struct vpk_function *fn = nvgrace_open(test, &nvgrace_cxl, NVGRACE_LEN);
	struct vfio_region_info info;

	KUNIT_EXPECT_EQ(test, vpk_region_info(fn, NVGRACE_USEMEM, &info), 0);
	KUNIT_EXPECT_EQ(test, info.size, 2 * (u64)SZ_2G);
	KUNIT_EXPECT_EQ(test, vpk_region_info(fn, NVGRACE_RESMEM, &info), 0);
	KUNIT_EXPECT_EQ(test, info.size, 0);
	nvgrace_expect_pfn(test, fn, NVGRACE_USEMEM, NVGRACE_LEN - PAGE_SIZE,
			   NVGRACE_BASE + NVGRACE_LEN - PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, nvgrace_mmap(test, fn, NVGRACE_LEN, MAP_SHARED),
			-EINVAL);
}

/* V5: without it, what is carved out is a region of its own. */
static void nvgrace_v5_carved(struct kunit *test)
{
	struct vpk_function *fn;
	struct vpk_map *map;

	fn = nvgrace_open(test, &nvgrace_cxl_carved, NVGRACE_LEN);
	nvgrace_expect_pfn(test, fn, NVGRACE_USEMEM, NVGRACE_CARVED - PAGE_SIZE,
			   NVGRACE_BASE + NVGRACE_CARVED - PAGE_SIZE);
	nvgrace_expect_pfn(test, fn, NVGRACE_RESMEM, 0,
			   NVGRACE_BASE + NVGRACE_CARVED);
	KUNIT_EXPECT_EQ(test, nvgrace_mmap(test, fn, NVGRACE_CARVED, MAP_SHARED),
			-EINVAL);

	map = vpk_map(test, fn, NVGRACE_RESMEM, 0, PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, vpk_touch(map, 0), 0);
	vpk_watch(fn->host, map, 0);
	vpk_log_clear(fn->host);
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	VPK_EXPECT_ORDER(test, fn->host,
			 "zap revoke mem-off flr mem-on unrevoke");
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
}

/* What a VMA shows of its protection, and what KVM looks at */
struct nvgrace_vma {
	u64 prot;
	u64 plain;
	u64 wc;
	vm_flags_t flags;
};

static struct nvgrace_vma nvgrace_vma(struct kunit *test,
				      struct vpk_function *fn,
				      unsigned int index)
{
	struct vpk_map *map = vpk_map(test, fn, index, 0, PAGE_SIZE);
	struct vm_area_struct *vma = vpk_vma_get(map, 0);
	struct nvgrace_vma ret = {};
	pgprot_t plain;

	if (vma) {
		plain = vm_get_page_prot(vma->vm_flags);
		ret.prot = pgprot_val(vma->vm_page_prot);
		ret.plain = pgprot_val(plain);
		ret.wc = pgprot_val(pgprot_writecombine(plain));
		ret.flags = vma->vm_flags;
	}
	vpk_vma_put(map);
	return ret;
}

#define NVGRACE_VM_FLAGS						\
	(VM_SHARED | VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP)

/*
 * V5: the driver chooses the protection. Usable memory is cached, and KVM must
 * not let a guest choose; what is carved out is NORMAL_NC, and KVM may. On UML
 * both have the same vm_page_prot.
 */
static void nvgrace_v5_protection(struct kunit *test)
{
	struct nvgrace_vma vma;
	struct vpk_function *fn;

	fn = nvgrace_open(test, &nvgrace_cxl_carved, NVGRACE_LEN);
	vma = nvgrace_vma(test, fn, NVGRACE_USEMEM);
	KUNIT_EXPECT_EQ(test, vma.prot, vma.plain);
	KUNIT_EXPECT_EQ(test, vma.flags & NVGRACE_VM_FLAGS, NVGRACE_VM_FLAGS);
	KUNIT_EXPECT_EQ(test, vma.flags & VM_ALLOW_ANY_UNCACHED, 0);

	vma = nvgrace_vma(test, fn, NVGRACE_RESMEM);
	KUNIT_EXPECT_EQ(test, vma.prot, vma.wc);
	KUNIT_EXPECT_EQ(test, vma.flags & NVGRACE_VM_FLAGS, NVGRACE_VM_FLAGS);
	KUNIT_EXPECT_EQ(test, vma.flags & VM_ALLOW_ANY_UNCACHED,
			VM_ALLOW_ANY_UNCACHED);

	/* A BAR is the core's, and never cached. */
	vma = nvgrace_vma(test, fn, 0);
	KUNIT_EXPECT_EQ(test, vma.flags & VM_ALLOW_ANY_UNCACHED,
			VM_ALLOW_ANY_UNCACHED);
}

/*
 * V5: the entry of a page has the type that the driver has chosen, after a reset
 * as well. On arm64 mm takes it from vm_page_prot; on x86 it takes what is reserved
 * for the physical address, and UML has one type.
 */
static void nvgrace_v5_memory_type(struct kunit *test)
{
	struct vpk_map *usable, *carved;
	struct vpk_function *fn;

	if (!IS_ENABLED(CONFIG_ARM64))
		kunit_skip(test, "the driver's choice is in the entry on arm64 only");

	fn = nvgrace_open(test, &nvgrace_cxl_carved, NVGRACE_LEN);
	usable = vpk_map(test, fn, NVGRACE_USEMEM, 0, PAGE_SIZE);
	carved = vpk_map(test, fn, NVGRACE_RESMEM, 0, PAGE_SIZE);
	vpk_expect_memattr(test, usable, 0, VPK_MEMATTR_CACHED, NULL);
	vpk_expect_memattr(test, carved, 0, VFIO_DMA_BUF_MEMATTR_WC, NULL);
	vpk_expect_memattr(test, vpk_map(test, fn, 0, 0, PAGE_SIZE), 0,
			   VFIO_DMA_BUF_MEMATTR_NC, NULL);

	KUNIT_ASSERT_EQ(test, vpk_reset(fn), 0);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(usable, 0));
	vpk_expect_memattr(test, usable, 0, VPK_MEMATTR_CACHED, NULL);
	vpk_expect_memattr(test, carved, 0, VFIO_DMA_BUF_MEMATTR_WC, NULL);
}

/* V5: a page that is written to would be copied, and mm has a BUG_ON() there. */
static void nvgrace_v5_private(struct kunit *test)
{
	struct vpk_function *fn = nvgrace_open(test, &nvgrace_cxl, NVGRACE_LEN);

	KUNIT_EXPECT_EQ(test, nvgrace_mmap(test, fn, 0, MAP_SHARED), 0);
	KUNIT_EXPECT_EQ(test, nvgrace_mmap(test, fn, 0, MAP_PRIVATE), -EINVAL);
}

/**
 * struct nvgrace_failure - what has come of a memory failure
 * @ret: as memory_failure() returns
 * @sig: the first signal for the test's thread, 0 if there is none
 * @more: the next one
 * @addr: of the SIGBUS
 */
struct nvgrace_failure {
	int ret;
	int sig;
	int more;
	unsigned long addr;
};

#ifdef CONFIG_MEMORY_FAILURE
/* The page at @off of the memory fails; the test's thread is the process. */
static struct nvgrace_failure nvgrace_fail_page(u64 off)
{
	struct nvgrace_failure failure = {};
	kernel_siginfo_t info = {};
	enum pid_type type;

	/* mm sends it if it finds no address. */
	allow_signal(SIGKILL);
	/* A signal for a kernel thread comes without the address. */
	vpk_as_user_begin();
	failure.ret = memory_failure(PHYS_PFN(NVGRACE_BASE + off),
				     MF_SW_SIMULATED);
	vpk_as_user_end();

	spin_lock_irq(&current->sighand->siglock);
	failure.sig = dequeue_signal(&current->blocked, &info, &type);
	if (failure.sig == SIGBUS && info.si_code == BUS_MCEERR_AR)
		failure.addr = (unsigned long)info.si_addr;
	failure.more = dequeue_signal(&current->blocked, &info, &type);
	spin_unlock_irq(&current->sighand->siglock);
	/* mm has forced the signal upon a thread that ignores all. */
	ignore_signals(current);

	return failure;
}
#else
static struct nvgrace_failure nvgrace_fail_page(u64 off)
{
	return (struct nvgrace_failure) {};
}
#endif

static void nvgrace_expect_kill(struct kunit *test, struct vpk_map *map,
				u64 page, u64 off)
{
	struct nvgrace_failure failure = nvgrace_fail_page(off);

	KUNIT_EXPECT_EQ(test, failure.ret, 0);
	KUNIT_EXPECT_EQ(test, failure.sig, SIGBUS);
	KUNIT_EXPECT_EQ(test, failure.addr, map->addr + page);
	KUNIT_EXPECT_EQ(test, failure.more, 0);
}

/* @ret: 0 if mm knows the page, and finds nobody who has mapped it */
static void nvgrace_expect_no_kill(struct kunit *test, u64 off, int ret)
{
	struct nvgrace_failure failure = nvgrace_fail_page(off);

	KUNIT_EXPECT_EQ(test, failure.ret, ret);
	KUNIT_EXPECT_EQ(test, failure.sig, 0);
}

/*
 * V5: a page of the memory fails. The process that has mapped it gets SIGBUS
 * with the address, in a mapping that begins anywhere, and nobody else does.
 */
static void nvgrace_v5_failure(struct kunit *test)
{
	struct vpk_function *fn;
	struct vpk_map *map;

	if (!IS_ENABLED(CONFIG_MEMORY_FAILURE))
		kunit_skip(test, "the architecture has no CONFIG_MEMORY_FAILURE");

	fn = nvgrace_open(test, &nvgrace_cxl_carved, NVGRACE_LEN);
	nvgrace_expect_no_kill(test, SZ_1M, -EBUSY);

	map = vpk_map(test, fn, NVGRACE_USEMEM, SZ_1M, SZ_64K);
	nvgrace_expect_kill(test, map, 0, SZ_1M);
	nvgrace_expect_kill(test, map, SZ_64K - PAGE_SIZE,
			    SZ_1M + SZ_64K - PAGE_SIZE);
	nvgrace_expect_no_kill(test, SZ_1M - PAGE_SIZE, 0);
	nvgrace_expect_no_kill(test, SZ_1M + SZ_64K, 0);
	vpk_unmap(map);
	nvgrace_expect_no_kill(test, SZ_1M, 0);

	nvgrace_expect_no_kill(test, NVGRACE_CARVED, -EBUSY);
	map = vpk_map(test, fn, NVGRACE_RESMEM, SZ_64K, PAGE_SIZE);
	nvgrace_expect_kill(test, map, 0, NVGRACE_CARVED + SZ_64K);
	vpk_unmap(map);

	/* The next one who opens the device can map it again. */
	vpk_close(fn);
	nvgrace_expect_no_kill(test, SZ_1M, -EBUSY);
	nvgrace_expect_no_kill(test, NVGRACE_CARVED, -EBUSY);
}

/* V5: a split leaves two VMAs, and the page is found in the one that has it. */
static void nvgrace_v5_failure_split(struct kunit *test)
{
	struct vpk_function *fn;
	struct vpk_map *map;

	if (!IS_ENABLED(CONFIG_MEMORY_FAILURE))
		kunit_skip(test, "the architecture has no CONFIG_MEMORY_FAILURE");

	fn = nvgrace_open(test, &nvgrace_cxl, NVGRACE_LEN);
	map = vpk_map(test, fn, NVGRACE_USEMEM, 0, SZ_64K);
	KUNIT_ASSERT_EQ(test, vm_munmap(map->addr + SZ_16K, SZ_16K), 0);
	nvgrace_expect_kill(test, map, 0, 0);
	nvgrace_expect_no_kill(test, SZ_16K, 0);
	nvgrace_expect_kill(test, map, SZ_32K, SZ_32K);
}

/* There is less memory than has to be carved out. */
static void nvgrace_v5_too_small(struct kunit *test)
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

static int nvgrace_not_ready(struct vfio_pci_core_device *vdev,
			     unsigned int region_index)
{
	return -EAGAIN;
}

/* V5: a driver that cannot wait: the user gets SIGBUS, whatever it says. */
static void nvgrace_v5_cannot_wait(struct kunit *test)
{
	struct vpk_function *fn = nvgrace_open(test, &nvgrace_cxl, NVGRACE_LEN);
	const struct vfio_pci_device_ops *ops = fn->vdev->pci_ops;
	static struct vfio_pci_device_ops own;
	struct vpk_map *map;

	own = *ops;
	own.memory_ready = nvgrace_not_ready;
	own.wait_memory_ready = NULL;
	map = vpk_map(test, fn, NVGRACE_USEMEM, 0, PAGE_SIZE);
	fn->vdev->pci_ops = &own;
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), -EFAULT);
	fn->vdev->pci_ops = ops;
	vpk_expect_no_lock_held(test, fn);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
}

/* What happens while a fault waits: memory_lock is taken in between. */
static struct {
	struct completion waits;
	struct completion locked;
	bool ready;
} nvgrace_gate;

static int nvgrace_ready_later(struct vfio_pci_core_device *vdev,
			       unsigned int region_index)
{
	return nvgrace_gate.ready ? 0 : -EAGAIN;
}

static int nvgrace_wait_for_lock(struct vfio_pci_core_device *vdev,
				 unsigned int region_index)
{
	complete_all(&nvgrace_gate.waits);
	wait_for_completion_timeout(&nvgrace_gate.locked, 10 * HZ);
	nvgrace_gate.ready = true;
	return 0;
}

/*
 * V5: a fault that has waited for the GPU, and then waits for somebody's reset,
 * is killed there: it maps nothing, and gives back no lock that it does not have.
 */
static void nvgrace_v5_wait_killed(struct kunit *test)
{
	struct vpk_function *fn = nvgrace_open(test, &nvgrace_cxl, NVGRACE_LEN);
	const struct vfio_pci_device_ops *ops = fn->vdev->pci_ops;
	static struct vfio_pci_device_ops own;
	struct vpk_lock_holder *holder;
	struct vpk_faulter *faulter;
	struct vpk_map *map;

	init_completion(&nvgrace_gate.waits);
	init_completion(&nvgrace_gate.locked);
	nvgrace_gate.ready = false;
	own = *ops;
	own.memory_ready = nvgrace_ready_later;
	own.wait_memory_ready = nvgrace_wait_for_lock;
	map = vpk_map(test, fn, NVGRACE_USEMEM, 0, PAGE_SIZE);
	faulter = vpk_faulter_start(test, map, VPK_FAULT_FINAL);
	fn->vdev->pci_ops = &own;
	complete(&faulter->go);
	KUNIT_EXPECT_GT(test, wait_for_completion_timeout(&nvgrace_gate.waits,
							  10 * HZ), 0);
	holder = vpk_hold_memory_lock(test, fn, true);
	complete_all(&nvgrace_gate.locked);
	vpk_faulter_kill(faulter);
	KUNIT_EXPECT_TRUE(test, vpk_faulter_done(faulter, 1000));
	KUNIT_EXPECT_EQ(test, faulter->result, -EFAULT);
	vpk_drop_memory_lock(holder);
	fn->vdev->pci_ops = ops;
	vpk_expect_no_lock_held(test, fn);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
}

static const struct nvgrace_wait {
	const char *name;
	enum vpk_fault_kind kind;
	bool free;
	vm_fault_t fault;
} nvgrace_waits[] = {
	{ "retry", VPK_FAULT_RETRY, .free = true },
	{ "vma_lock", VPK_FAULT_VMA, .free = true,
	  .fault = VM_FAULT_RETRY | VM_FAULT_MAJOR },
	{ "final", VPK_FAULT_FINAL, .free = false },
};

KUNIT_ARRAY_PARAM_DESC(nvgrace_wait, nvgrace_waits, name);

/* V5: a fault that waits for the GPU stops no other thread, if it can help it. */
static void nvgrace_v5_wait(struct kunit *test)
{
	struct vpk_function *fn = nvgrace_open(test, &nvgrace_cxl, NVGRACE_LEN);
	const struct nvgrace_wait *wait = test->param_value;
	struct vpk_faulter *faulter;
	struct vpk_map *map;

	/* mm asks for mmap_lock before a fault of a single page comes here */
	if (wait->kind == VPK_FAULT_VMA &&
	    (!IS_ENABLED(CONFIG_PER_VMA_LOCK) ||
	     !IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP)))
		kunit_skip(test, "no huge faults with the VMA's lock here");
	map = vpk_map(test, fn, NVGRACE_USEMEM, 0,
		      wait->kind == VPK_FAULT_VMA ? SZ_2M : PAGE_SIZE);
	faulter = vpk_faulter_start(test, map, wait->kind);
	nvgrace_status(fn, NVGRACE_READY, NVGRACE_SLOW);
	KUNIT_ASSERT_EQ(test, vpk_reset(fn), 0);

	complete_all(&faulter->go);
	KUNIT_EXPECT_FALSE(test, vpk_faulter_done(faulter, 500));
	KUNIT_EXPECT_EQ(test, !rwsem_is_locked(&fn->host->mm->mmap_lock),
			wait->free);
	KUNIT_EXPECT_FALSE(test, rwsem_is_locked(&fn->vdev->memory_lock));

	nvgrace_status(fn, NVGRACE_READY, NVGRACE_READY);
	KUNIT_ASSERT_TRUE(test, vpk_faulter_done(faulter, 10000));
	KUNIT_EXPECT_EQ(test, faulter->result, 0);
	KUNIT_EXPECT_EQ(test, (unsigned int)faulter->fault,
			(unsigned int)wait->fault);
	KUNIT_EXPECT_EQ(test, vpk_mapped(map, 0), !wait->fault);
	vpk_expect_no_lock_held(test, fn);
}

/* V5: who may not wait at all is told so at once. */
static void nvgrace_v5_nowait(struct kunit *test)
{
	struct vpk_function *fn = nvgrace_open(test, &nvgrace_cxl, NVGRACE_LEN);
	struct vpk_faulter *faulter;
	struct vpk_map *map;

	map = vpk_map(test, fn, NVGRACE_USEMEM, 0, PAGE_SIZE);
	faulter = vpk_faulter_start(test, map, VPK_FAULT_NOWAIT);
	nvgrace_status(fn, NVGRACE_READY, NVGRACE_SLOW);
	KUNIT_ASSERT_EQ(test, vpk_reset(fn), 0);

	complete_all(&faulter->go);
	KUNIT_ASSERT_TRUE(test, vpk_faulter_done(faulter, 500));
	KUNIT_EXPECT_EQ(test, faulter->result, 0);
	KUNIT_EXPECT_EQ(test, (unsigned int)faulter->fault,
			(unsigned int)VM_FAULT_RETRY);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	vpk_expect_no_lock_held(test, fn);
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
	KUNIT_CASE(nvgrace_v1_no_memory),
	KUNIT_CASE_PARAM(nvgrace_v5_memory, vpk_path_gen_params),
	KUNIT_CASE_PARAM(nvgrace_v5_bar, vpk_path_gen_params),
	KUNIT_CASE(nvgrace_v7_foreign_reset),
	KUNIT_CASE(nvgrace_v7_error),
	KUNIT_CASE(nvgrace_v7_close),
	KUNIT_CASE(nvgrace_v5_mmap_phys),
	KUNIT_CASE(nvgrace_v5_whole),
	KUNIT_CASE(nvgrace_v5_carved),
	KUNIT_CASE(nvgrace_v5_too_small),
	KUNIT_CASE(nvgrace_v5_protection),
	KUNIT_CASE(nvgrace_v5_memory_type),
	KUNIT_CASE(nvgrace_v5_private),
	KUNIT_CASE(nvgrace_v5_failure),
	KUNIT_CASE(nvgrace_v5_failure_split),
	KUNIT_CASE(nvgrace_cxl_slow_probe),
	KUNIT_CASE(nvgrace_cxl_never_probe),
	KUNIT_CASE(nvgrace_v7_slow),
	KUNIT_CASE(nvgrace_v5_cannot_wait),
	KUNIT_CASE(nvgrace_v5_wait_killed),
	KUNIT_CASE_PARAM(nvgrace_v5_wait, nvgrace_wait_gen_params),
	KUNIT_CASE(nvgrace_v5_nowait),
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
