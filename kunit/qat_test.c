// SPDX-License-Identifier: GPL-2.0-only
/*
 * qat_vfio_pci, unmodified but for the series, on a software function that
 * passes for a VF while the driver is bound. Of its PF there is what the driver
 * asks for: a device in QAT's table, whose operations do nothing. The paths are
 * those of vfio-pci-drivers. See drivers.kunitconfig.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include "adf_accel_devices.h"
#include "adf_common_drv.h"

#include "vfio_pci_kunit.h"

/**
 * struct qat_pf - what the PF's driver would have
 * @accel: the device in QAT's table
 * @hw: its operations
 * @vf: the VF
 * @resets: how often its state was reset
 * @unlocked: and how often memory_lock was free then
 */
struct qat_pf {
	struct adf_accel_dev accel;
	struct adf_hw_device_data hw;
	struct vpk_function *vf;
	unsigned int resets;
	unsigned int unlocked;
};

static int qat_do_nothing(struct qat_mig_dev *mdev)
{
	return 0;
}

static int qat_load_nothing(struct qat_mig_dev *mdev, int size)
{
	return 0;
}

static void qat_forget(struct qat_mig_dev *mdev)
{
}

static void qat_note_reset(struct qat_mig_dev *mdev)
{
	struct adf_accel_dev *accel = mdev->parent_accel_dev;
	struct qat_pf *pf = container_of(accel, struct qat_pf, accel);

	pf->resets++;
	if (!rwsem_is_locked(&pf->vf->vdev->memory_lock))
		pf->unlocked++;
}

static const struct qat_migdev_ops qat_vfmig_ops = {
	.init = qat_do_nothing,
	.cleanup = qat_forget,
	.reset = qat_note_reset,
	.open = qat_do_nothing,
	.close = qat_forget,
	.suspend = qat_do_nothing,
	.resume = qat_do_nothing,
	.save_state = qat_do_nothing,
	.save_setup = qat_do_nothing,
	.load_state = qat_do_nothing,
	.load_setup = qat_load_nothing,
};

static void qat_remove_pf(void *data)
{
	struct qat_pf *pf = data;

	adf_devmgr_rm_dev(&pf->accel, NULL);
	adf_clean_vf_map(false);
}

/* The driver keeps what it finds of the PF, and looks for it once only. */
static struct qat_pf *qat_bind(struct kunit *test, struct vpk_function *fn,
			       struct vpk_function *physfn)
{
	const struct vpk_physfn with = { .fn = physfn };
	struct qat_pf *pf;

	pf = kunit_kzalloc(test, sizeof(*pf), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pf);
	pf->vf = fn;
	pf->hw.vfmig_ops = qat_vfmig_ops;
	pf->accel.hw_device = &pf->hw;
	pf->accel.accel_pci_dev.pci_dev = physfn->pdev;
	KUNIT_ASSERT_EQ(test, adf_devmgr_add_dev(&pf->accel, NULL), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, qat_remove_pf,
							pf), 0);
	KUNIT_ASSERT_EQ(test, vpk_try_bind_as_vf(test, fn, "qat_vfio_pci",
						 &with), 0);
	return pf;
}

/**
 * vpk_qat_bind() - bind qat_vfio_pci
 * @test: the test
 * @fn: the function that passes for a VF
 * @pf: its PF, from VPK_PF_CONFIG
 *
 * Context: the test's thread. Unbound when the test ends.
 */
void vpk_qat_bind(struct kunit *test, struct vpk_function *fn,
		  struct vpk_function *pf)
{
	qat_bind(test, fn, pf);
}

static struct qat_pf *qat_open(struct kunit *test)
{
	const struct vpk_function_config pf_config = VPK_PF_CONFIG;
	const struct vpk_function_config vf_config = VPK_FULL_CONFIG;
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *physfn, *fn;
	struct qat_pf *pf;

	physfn = vpk_function_add(test, host, &pf_config);
	fn = vpk_function_add(test, host, &vf_config);
	vpk_host_probe(test, host);
	pf = qat_bind(test, fn, physfn);
	vpk_open(test, fn);
	pf->resets = 0;
	pf->unlocked = 0;
	return pf;
}

/*
 * V7: whoever starts a reset, the driver resets the state of the VF, and it does
 * before the core gives the BARs back.
 */
static void qat_v7_reset_done(struct kunit *test)
{
	struct qat_pf *pf = qat_open(test);

	KUNIT_EXPECT_EQ(test, vpk_reset(pf->vf), 0);
	KUNIT_EXPECT_EQ(test, pf->resets, 1);
	KUNIT_EXPECT_EQ(test, pci_reset_function(pf->vf->pdev), 0);
	KUNIT_EXPECT_EQ(test, pf->resets, 2);
	KUNIT_EXPECT_EQ(test, pf->unlocked, 0);
	vpk_expect_no_lock_held(test, pf->vf);
}

/* V7: a device that was stopped runs again after a reset. */
static void qat_v7_runs_after_reset(struct kunit *test)
{
	struct qat_pf *pf = qat_open(test);
	struct file *file;

	KUNIT_EXPECT_EQ(test, vpk_mig_set_state(test, pf->vf,
						VFIO_DEVICE_STATE_STOP, &file),
			0);
	KUNIT_EXPECT_EQ(test, vpk_mig_state(pf->vf), VFIO_DEVICE_STATE_STOP);
	KUNIT_EXPECT_EQ(test, pci_reset_function(pf->vf->pdev), 0);
	KUNIT_EXPECT_EQ(test, vpk_mig_state(pf->vf), VFIO_DEVICE_STATE_RUNNING);
}

static struct kunit_case qat_cases[] = {
	KUNIT_CASE(qat_v7_reset_done),
	KUNIT_CASE(qat_v7_runs_after_reset),
	{}
};

static struct kunit_suite qat_suite = {
	.name = "vfio-pci-qat",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = qat_cases,
};

kunit_test_suite(qat_suite);
