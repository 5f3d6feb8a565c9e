// SPDX-License-Identifier: GPL-2.0-only
/*
 * hisi_acc_vfio_pci with its migration operations, unmodified, on a software
 * function that passes for a VF while the driver is bound, with a PF whose
 * registers are memory. See drivers.kunitconfig.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/delay.h>
#include <linux/hisi_acc_qm.h>
#include <linux/mman.h>
#include <linux/vmalloc.h>

#include "vfio_pci_kunit.h"

#define HISI_BAR		2
#define HISI_BAR_SIZE		SZ_64K
#define HISI_HIDDEN		(HISI_BAR_SIZE / 2)

static const struct vpk_function_config hisi_pf_config = VPK_PF_CONFIG;

static const struct vpk_function_config hisi_vf_config = {
	.vendor = PCI_VENDOR_ID_HUAWEI, .device = PCI_DEVICE_ID_HUAWEI_ZIP_VF,
	.bar_size = { 0, 0, HISI_BAR_SIZE }, .pm = true,
	.no_soft_reset = true, .exp_flr = true,
};

/* What the PF's driver would have. */
struct hisi_pf {
	struct hisi_qm qm;
	struct vpk_function *vf;
	bool resetting_at_flr;
};

static void hisi_vfree(void *data)
{
	vfree(data);
}

/* While the driver is bound it looks for the driver of its PF. */
static void hisi_bind(struct kunit *test, struct hisi_pf *pf,
		      struct vpk_function *fn)
{
	const struct vpk_physfn physfn = {
		.fn = fn,
		.driver = hisi_zip_get_pf_driver(),
		.drvdata = &pf->qm,
	};

	KUNIT_ASSERT_EQ(test, vpk_try_bind_as_vf(test, pf->vf,
						 "hisi_acc_vfio_pci", &physfn),
			0);
	KUNIT_ASSERT_NOT_NULL_MSG(test, pf->vf->vdev->vdev.mig_ops,
				  "bound with its plain operations");
}

/* A VF, open; @pf_ctrl: its migration registers are in the PF's BAR. */
static struct hisi_pf *
hisi_open_as(struct kunit *test, const struct vpk_function_config *config,
	     bool pf_ctrl)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *physfn;
	struct hisi_pf *pf;
	void *regs;

	pf = kunit_kzalloc(test, sizeof(*pf), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pf);
	regs = vzalloc(SZ_2M);
	KUNIT_ASSERT_NOT_NULL(test, regs);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, hisi_vfree, regs),
			0);
	physfn = vpk_function_add(test, host, &hisi_pf_config);
	pf->vf = vpk_function_add(test, host, config);
	vpk_host_probe(test, host);

	pf->qm.pdev = physfn->pdev;
	pf->qm.io_base = (void __iomem *)regs;
	pf->qm.ver = pf_ctrl ? QM_HW_V5 : QM_HW_V3;
	if (pf_ctrl)
		writel(QM_MIG_REGION_EN, pf->qm.io_base + QM_MIG_REGION_SEL);

	hisi_bind(test, pf, physfn);
	vpk_open(test, pf->vf);
	return pf;
}

static struct hisi_pf *hisi_open(struct kunit *test, bool pf_ctrl)
{
	return hisi_open_as(test, &hisi_vf_config, pf_ctrl);
}

static long hisi_mmap(struct kunit *test, struct vpk_function *fn, u64 off,
		      size_t len)
{
	return vpk_try_mmap(test, fn, VFIO_PCI_INDEX_TO_OFFSET(HISI_BAR) + off,
			    len, PROT_READ | PROT_WRITE, MAP_SHARED);
}

/* V2: the migration registers are hidden from each way in. */
static void hisi_v2_hidden(struct kunit *test)
{
	struct vpk_eventfd *eventfd = vpk_eventfd_create(test);
	struct vpk_function *fn = hisi_open(test, false)->vf;
	struct vfio_region_info info;
	u32 val = 0;

	KUNIT_EXPECT_EQ(test, vpk_region_info(fn, HISI_BAR, &info), 0);
	KUNIT_EXPECT_EQ(test, info.size, HISI_HIDDEN);

	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, HISI_BAR, HISI_HIDDEN - 4,
					      &val, 4), 4);
	KUNIT_EXPECT_LT(test, vpk_region_read(fn, HISI_BAR, HISI_HIDDEN, &val,
					      4), 0);
	KUNIT_EXPECT_LT(test, vpk_region_write(fn, HISI_BAR, HISI_HIDDEN, &val,
					       4), 0);
	KUNIT_EXPECT_EQ(test, hisi_mmap(test, fn, 0, HISI_HIDDEN), 0);
	KUNIT_EXPECT_LT(test, hisi_mmap(test, fn, HISI_HIDDEN, PAGE_SIZE), 0);

	KUNIT_EXPECT_EQ(test, vpk_ioeventfd(fn, HISI_BAR, HISI_HIDDEN - 4, 1,
					    eventfd), 0);
	KUNIT_EXPECT_EQ(test, vpk_ioeventfd(fn, HISI_BAR, HISI_HIDDEN, 1,
					    eventfd), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_ioeventfd(fn, HISI_BAR, HISI_HIDDEN - 2, 1,
					    eventfd), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_ioeventfd(fn, HISI_BAR, HISI_BAR_SIZE - 4, 1,
					    eventfd), -EINVAL);
}

static struct vpk_map *hisi_map(struct kunit *test, struct vpk_function *fn)
{
	return vpk_map(test, fn, HISI_BAR, HISI_HIDDEN - PAGE_SIZE, PAGE_SIZE);
}

/* C3, V2: each path takes away what is not hidden, and gives it back. */
static void hisi_v2_path(struct kunit *test)
{
	const struct vpk_path *path = test->param_value;
	const struct vpk_function_config config =
		vpk_path_config(path, &hisi_vf_config);
	struct vpk_map *map;

	if (path->bus)
		kunit_skip(test, "it would reset the PF, which is not the user's");
	map = hisi_map(test, hisi_open_as(test, &config, false)->vf);
	KUNIT_EXPECT_TRUE(test, vpk_in_dmabuf(map));
	vpk_watch(map->fn->host, map, 0);
	vpk_path_check(test, map);
}

/* V2: where the PF has the registers, all of the BAR is the user's. */
static void hisi_v2_nothing_hidden(struct kunit *test)
{
	struct vpk_eventfd *eventfd = vpk_eventfd_create(test);
	struct vpk_function *fn = hisi_open(test, true)->vf;
	struct vfio_region_info info;

	KUNIT_EXPECT_EQ(test, vpk_region_info(fn, HISI_BAR, &info), 0);
	KUNIT_EXPECT_EQ(test, info.size, HISI_BAR_SIZE);
	KUNIT_EXPECT_EQ(test, hisi_mmap(test, fn, 0, HISI_BAR_SIZE), 0);
	KUNIT_EXPECT_EQ(test, vpk_ioeventfd(fn, HISI_BAR, HISI_BAR_SIZE - 4, 1,
					    eventfd), 0);
}

static int hisi_at_flr(const struct vpk_access *access, void *data)
{
	struct hisi_pf *pf = data;

	if (vpk_begins_flr(access))
		pf->resetting_at_flr = test_bit(QM_RESETTING, &pf->qm.misc_ctl);
	return PCIBIOS_SUCCESSFUL;
}

/* V7: a reset has the PF's flag, and gives it back; whoever starts it. */
static void hisi_v7_reset_flag(struct kunit *test)
{
	struct hisi_pf *pf = hisi_open(test, false);
	struct vpk_function *fn = pf->vf;

	KUNIT_EXPECT_FALSE(test, test_bit(QM_RESETTING, &pf->qm.misc_ctl));
	vpk_observe(fn, hisi_at_flr, pf);
	KUNIT_EXPECT_EQ(test, vpk_reset(fn), 0);
	KUNIT_EXPECT_TRUE(test, pf->resetting_at_flr);
	KUNIT_EXPECT_FALSE(test, test_bit(QM_RESETTING, &pf->qm.misc_ctl));

	pf->resetting_at_flr = false;
	KUNIT_EXPECT_EQ(test, pci_reset_function(fn->pdev), 0);
	KUNIT_EXPECT_TRUE(test, pf->resetting_at_flr);
	KUNIT_EXPECT_FALSE(test, test_bit(QM_RESETTING, &pf->qm.misc_ctl));
	vpk_observe(fn, NULL, NULL);
}

/*
 * V7: the flag belongs to whoever has set it. A reset that has waited for it in
 * vain, after one that had it, does not give away what another function has.
 */
static void hisi_v7_flag_of_another(struct kunit *test)
{
	struct hisi_pf *pf = hisi_open(test, false);
	struct pci_dev *pdev = pf->vf->pdev;

	KUNIT_EXPECT_EQ(test, vpk_reset(pf->vf), 0);
	KUNIT_EXPECT_FALSE(test, test_bit(QM_RESETTING, &pf->qm.misc_ctl));

	set_bit(QM_RESETTING, &pf->qm.misc_ctl);
	device_lock(&pdev->dev);
	/* The driver's own waits for a minute, and then does no more than this. */
	vfio_pci_core_reset_prepare(pdev);
	pdev->driver->err_handler->reset_done(pdev);
	device_unlock(&pdev->dev);
	KUNIT_EXPECT_TRUE(test, test_bit(QM_RESETTING, &pf->qm.misc_ctl));
	vpk_expect_no_lock_held(test, pf->vf);
}

/* V7: a reset that VFIO does not start, with the operations for migration. */
static void hisi_v7_foreign_reset(struct kunit *test)
{
	vpk_foreign_reset_check(test, hisi_map(test, hisi_open(test, false)->vf));
}

/* C11, V7: an error, and the recovery. */
static void hisi_v7_error(struct kunit *test)
{
	vpk_error_check(test, hisi_map(test, hisi_open(test, false)->vf));
}

/* C1, V7: a mapping is left when the file is closed. */
static void hisi_v7_close(struct kunit *test)
{
	vpk_close_check(test, hisi_map(test, hisi_open(test, false)->vf));
}

static long hisi_do_reset(void *data)
{
	struct vpk_function *fn = data;

	return pci_reset_function(fn->pdev);
}

/* V7: the user goes on while a reset waits for that of another function. */
static void hisi_v7_waits_unlocked(struct kunit *test)
{
	struct hisi_pf *pf = hisi_open(test, false);
	struct vpk_function *fn = pf->vf;
	struct vpk_worker *worker;
	unsigned int resets = fn->resets;
	struct vpk_map *map;

	map = vpk_map(test, fn, HISI_BAR, 0, PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, vpk_touch(map, 0), 0);
	vpk_watch(fn->host, map, 0);
	vpk_log_clear(fn->host);

	set_bit(QM_RESETTING, &pf->qm.misc_ctl);
	worker = vpk_worker_start(test, fn->host, hisi_do_reset, fn);
	vpk_worker_go(worker);
	fsleep(50 * USEC_PER_MSEC);
	KUNIT_EXPECT_FALSE(test, vpk_worker_done(worker));
	KUNIT_EXPECT_FALSE(test, rwsem_is_locked(&fn->vdev->memory_lock));
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, fn->resets, resets);
	VPK_EXPECT_ORDER(test, fn->host, "");

	clear_bit(QM_RESETTING, &pf->qm.misc_ctl);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(worker), 0);
	VPK_EXPECT_ORDER(test, fn->host,
			 "zap revoke mem-off flr mem-on unrevoke");
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
	KUNIT_EXPECT_FALSE(test, test_bit(QM_RESETTING, &pf->qm.misc_ctl));
}

static struct kunit_case hisi_cases[] = {
	KUNIT_CASE(hisi_v2_hidden),
	KUNIT_CASE(hisi_v2_nothing_hidden),
	KUNIT_CASE_PARAM(hisi_v2_path, vpk_path_gen_params),
	KUNIT_CASE(hisi_v7_foreign_reset),
	KUNIT_CASE(hisi_v7_error),
	KUNIT_CASE(hisi_v7_close),
	KUNIT_CASE(hisi_v7_reset_flag),
	KUNIT_CASE(hisi_v7_flag_of_another),
	KUNIT_CASE(hisi_v7_waits_unlocked),
	{}
};

static struct kunit_suite hisi_suite = {
	.name = "vfio-pci-hisi-acc",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = hisi_cases,
};

kunit_test_suite(hisi_suite);
