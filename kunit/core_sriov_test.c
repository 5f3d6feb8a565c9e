// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core suite: a PF and its VFs, all driven by VFIO (rule C11). What makes the
 * PF stop to answer takes the VFs' BARs away before and gives them back after.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/delay.h>
#include <linux/device.h>

#include "vfio_pci_kunit.h"

static const struct vpk_function_config vpk_pf_config = {
	.bar_size = { SZ_64K },
	.pm = true,
	.no_soft_reset = true,
	.exp_flr = true,
	.vfs = 2,
	.vf_bar = SZ_64K,
};

static const struct vpk_function_config vpk_vf_config = {
	.exp_flr = true,
	.vf = true,
};

/* A PF with two VFs: all of them bound; the VFs open, mapped and used. */
struct vpk_sriov {
	struct vpk_host *host;
	struct vpk_function *pf;
	struct vpk_function *vf[2];
	struct vpk_map *map[2];
	struct vpk_worker *worker;
};

/* Whoever opens a PF or a VF of this suite is trusted with the others. */
static int vpk_no_token(struct vfio_device *core_vdev, const uuid_t *uuid)
{
	return 0;
}

static void vpk_sriov_init(struct kunit *test, struct vpk_sriov *on,
			   bool open_pf)
{
	struct vfio_device_ops *ops;
	int i;

	ops = kunit_kzalloc(test, sizeof(*ops), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ops);
	*ops = *vpk_driver_ops();
	ops->match_token_uuid = vpk_no_token;

	on->host = vpk_host_create(test);
	on->pf = vpk_function_add(test, on->host, &vpk_pf_config);
	for (i = 0; i < 2; i++)
		on->vf[i] = vpk_function_add(test, on->host, &vpk_vf_config);
	for (i = 0; i < 3; i++)
		on->host->functions[i]->driver.ops = ops;
	vpk_host_probe(test, on->host);
	vpk_bind(test, on->pf, VPK_DRIVER);
	vpk_enable_vfs(test, on->pf);
	for (i = 0; i < 2; i++) {
		KUNIT_ASSERT_PTR_EQ(test, on->vf[i]->vdev->sriov_pf_core_dev,
				    on->pf->vdev);
		vpk_open(test, on->vf[i]);
		on->map[i] = vpk_map(test, on->vf[i], 0, 0, PAGE_SIZE);
		KUNIT_ASSERT_EQ(test, vpk_touch(on->map[i], 0), 0);
	}
	if (open_pf)
		vpk_open(test, on->pf);
	/* Open resets the PF. */
	for (i = 0; i < 2; i++)
		KUNIT_ASSERT_EQ(test, vpk_touch(on->map[i], 0), 0);
	vpk_watch(on->host, on->map[1], 0);
	vpk_log_clear(on->host);
}

/* The last one to be zapped is the second VF, the one that is watched. */
static void vpk_expect_zapped(struct kunit *test, struct vpk_sriov *on)
{
	const struct vpk_event *zap = vpk_log_find(on->host, VPK_ZAP, 2);
	const struct vpk_event *end = on->host->log + on->host->nr_events;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, zap);
	for (; zap < end; zap++)
		KUNIT_EXPECT_FALSE_MSG(test, zap->mapped, "%s",
				       vpk_log_detail(test, on->host));
	for (i = 0; i < 2; i++)
		KUNIT_EXPECT_FALSE(test, vpk_mapped(on->map[i], 0));
}

static void vpk_expect_back(struct kunit *test, struct vpk_sriov *on)
{
	int i;

	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, vpk_touch(on->map[i], 0), 0);
		KUNIT_EXPECT_TRUE(test, vpk_function_answers(on->vf[i]));
		vpk_expect_no_lock_held(test, on->vf[i]);
	}
	vpk_expect_no_lock_held(test, on->pf);
}

static int vpk_do_foreign(struct vpk_function *pf)
{
	return pci_reset_function(pf->pdev);
}

static int vpk_do_reset(struct vpk_function *pf)
{
	return vpk_reset(pf);
}

static int vpk_do_flr(struct vpk_function *pf)
{
	return vpk_config_write(pf, VPK_EXP_POS + PCI_EXP_DEVCTL,
				PCI_EXP_DEVCTL_BCR_FLR, 2) == 2 ? 0 : -EIO;
}

struct vpk_sriov_case {
	const char *name;
	int (*reset)(struct vpk_function *pf);
};

static const struct vpk_sriov_case vpk_sriov_paths[] = {
	{ "foreign_reset", vpk_do_foreign },
	{ "device_reset", vpk_do_reset },
	{ "pcie_flr", vpk_do_flr },
};

KUNIT_ARRAY_PARAM_DESC(vpk_sriov, vpk_sriov_paths, name);

/* C11: PF and VFs are zapped, then revoked, then the PF is reset; and back. */
static void sriov_order(struct kunit *test)
{
	const struct vpk_sriov_case *path = test->param_value;
	struct vpk_sriov on = {};

	vpk_sriov_init(test, &on, true);
	KUNIT_EXPECT_EQ(test, path->reset(on.pf), 0);
	VPK_EXPECT_ORDER(test, on.host,
			 "0:zap 1:zap 2:zap 0:revoke 1:revoke 2:revoke 0:mem-off 0:flr 0:mem-on 0:unrevoke 1:unrevoke 2:unrevoke");
	vpk_expect_zapped(test, &on);
	vpk_expect_back(test, &on);
}

/* C11: nobody has the PF open, and somebody resets it. */
static void sriov_unopened_pf(struct kunit *test)
{
	struct vpk_sriov on = {};

	vpk_sriov_init(test, &on, false);
	KUNIT_EXPECT_EQ(test, pci_reset_function(on.pf->pdev), 0);
	vpk_expect_zapped(test, &on);
	KUNIT_EXPECT_NULL(test, vpk_log_find(on.host, VPK_UNREVOKE, 0));
	KUNIT_EXPECT_NOT_NULL(test, vpk_log_find(on.host, VPK_UNREVOKE, 1));
	vpk_expect_back(test, &on);
}

/* C11, C9: a VF that nobody has open has nothing to be revoked or given back. */
static void sriov_unopened_vf(struct kunit *test)
{
	struct vpk_sriov on = {};

	vpk_sriov_init(test, &on, true);
	vpk_unmap(on.map[1]);
	vpk_close(on.vf[1]);
	KUNIT_ASSERT_TRUE(test, vpk_wait_open_count(on.vf[1], 0));
	vpk_log_clear(on.host);
	KUNIT_EXPECT_EQ(test, pci_reset_function(on.pf->pdev), 0);
	VPK_EXPECT_ORDER(test, on.host,
			 "0:zap 1:zap 0:revoke 1:revoke 0:mem-off 0:flr 0:mem-on 0:unrevoke 1:unrevoke");
	KUNIT_EXPECT_FALSE(test, vpk_mapped(on.map[0], 0));
	KUNIT_EXPECT_EQ(test, vpk_touch(on.map[0], 0), 0);
	vpk_expect_no_lock_held(test, on.vf[0]);
}

/* C11: the PF opens and closes, and each resets it. */
static void sriov_open_close(struct kunit *test)
{
	struct vpk_sriov on = {};

	vpk_sriov_init(test, &on, false);
	vpk_open_container(test, on.pf);
	KUNIT_ASSERT_EQ(test, vpk_open_device(on.pf), 0);
	KUNIT_ASSERT_NOT_NULL(test, vpk_log_find(on.host, VPK_FLR, 0));
	vpk_expect_zapped(test, &on);
	vpk_expect_back(test, &on);

	vpk_log_clear(on.host);
	vpk_close(on.pf);
	KUNIT_ASSERT_TRUE(test, vpk_wait_open_count(on.pf, 0));
	KUNIT_EXPECT_NOT_NULL(test, vpk_log_find(on.host, VPK_FLR, 0));
	KUNIT_EXPECT_NOT_NULL(test, vpk_log_find(on.host, VPK_ZAP, 1));
	KUNIT_EXPECT_FALSE(test, vpk_log_find(on.host, VPK_FLR, 0)->mapped);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(on.map[1], 0));
	vpk_expect_back(test, &on);
}

/* C11: the bus is reset, and with it each VF on its own. */
static void sriov_bus(struct kunit *test)
{
	struct vpk_sriov on = {};

	vpk_sriov_init(test, &on, true);
	KUNIT_EXPECT_EQ(test, pci_reset_bus(on.pf->pdev), 0);
	KUNIT_EXPECT_NOT_NULL(test, vpk_log_find(on.host, VPK_BUS_RESET, -1));
	vpk_expect_zapped(test, &on);
	vpk_expect_back(test, &on);
}

/*
 * A VF is in a set of its own, so that a hot reset of the slot, which takes the VFs
 * that are in it as well, is refused before anything is zapped.
 */
static void sriov_hot_reset(struct kunit *test)
{
	struct vpk_sriov on = {};

	vpk_sriov_init(test, &on, true);
	KUNIT_EXPECT_EQ(test, vpk_hot_reset(on.pf), -EINVAL);
	KUNIT_EXPECT_EQ(test, on.host->nr_events, 0);
	KUNIT_EXPECT_TRUE(test, vpk_mapped(on.map[1], 0));
	vpk_expect_back(test, &on);
}

/*
 * As if the VFs were on a bus of their own, where those are that do not fit on the
 * PF's. pci_bus_sem protects the list: only this thread looks at it.
 */
static void vpk_vfs_elsewhere(struct vpk_sriov *on, bool elsewhere)
{
	int i;

	for (i = 0; i < 2; i++) {
		struct pci_dev *pdev = on->vf[i]->pdev;

		if (elsewhere)
			list_del_init(&pdev->bus_list);
		else
			list_add_tail(&pdev->bus_list, &pdev->bus->devices);
	}
}

/* C11: then the PF can be hot reset, and takes the BARs of the VFs away as well. */
static void sriov_hot_reset_elsewhere(struct kunit *test)
{
	const struct vpk_event *reset;
	struct vpk_sriov on = {};

	vpk_sriov_init(test, &on, true);
	vpk_vfs_elsewhere(&on, true);
	KUNIT_EXPECT_EQ(test, vpk_hot_reset(on.pf), 0);
	vpk_vfs_elsewhere(&on, false);
	VPK_EXPECT_ORDER(test, on.host,
			 "0:zap 1:zap 2:zap 0:revoke 1:revoke 2:revoke 0:mem-off bus-reset 0:mem-on 0:unrevoke 1:unrevoke 2:unrevoke");
	reset = vpk_log_find(on.host, VPK_BUS_RESET, -1);
	KUNIT_ASSERT_NOT_NULL(test, reset);
	KUNIT_EXPECT_FALSE(test, reset->mapped);
	vpk_expect_back(test, &on);
}

/* C11: a VF that is busy makes it fail, before anything is zapped. */
static void sriov_hot_reset_busy(struct kunit *test)
{
	struct vpk_sriov on = {};
	int i;

	vpk_sriov_init(test, &on, true);
	vpk_vfs_elsewhere(&on, true);
	for (i = 0; i < 2; i++) {
		down_read(&on.vf[i]->vdev->memory_lock);
		KUNIT_EXPECT_EQ(test, vpk_hot_reset(on.pf), -EBUSY);
		up_read(&on.vf[i]->vdev->memory_lock);
		KUNIT_EXPECT_EQ(test, on.host->nr_events, 0);
		vpk_expect_no_lock_held(test, on.pf);
		vpk_expect_no_lock_held(test, on.vf[0]);
		vpk_expect_no_lock_held(test, on.vf[1]);
	}
	vpk_vfs_elsewhere(&on, false);
	KUNIT_EXPECT_TRUE(test, vpk_mapped(on.map[1], 0));
	vpk_expect_back(test, &on);
}

/* C11: a VF's reset is its own affair. */
static void sriov_vf_reset(struct kunit *test)
{
	struct vpk_sriov on = {};

	vpk_sriov_init(test, &on, true);
	KUNIT_EXPECT_EQ(test, pci_reset_function(on.vf[0]->pdev), 0);
	KUNIT_EXPECT_NULL(test, vpk_log_find(on.host, VPK_ZAP, 0));
	KUNIT_EXPECT_NULL(test, vpk_log_find(on.host, VPK_ZAP, 2));
	KUNIT_EXPECT_FALSE(test, vpk_mapped(on.map[0], 0));
	KUNIT_EXPECT_TRUE(test, vpk_mapped(on.map[1], 0));
	vpk_expect_back(test, &on);
}

/* C11: a PF with VFs stays in D0, and so they keep their BARs. */
static void sriov_power(struct kunit *test)
{
	struct vpk_sriov on = {};

	vpk_sriov_init(test, &on, true);
	vpk_power(on.pf, PCI_D3hot);
	KUNIT_EXPECT_FALSE(test, vpk_function_in_d3(on.pf));
	KUNIT_EXPECT_TRUE(test, vpk_mapped(on.map[0], 0));
	KUNIT_EXPECT_EQ(test, vpk_low_power(on.pf, true), -ETIMEDOUT);
	KUNIT_EXPECT_FALSE(test, vpk_function_in_d3(on.pf));
	KUNIT_EXPECT_TRUE(test, vpk_mapped(on.map[0], 0));
	KUNIT_EXPECT_EQ(test, vpk_low_power(on.pf, false), 0);
}

static long vpk_run_reset(void *data)
{
	struct vpk_sriov *on = data;

	return vpk_reset(on->pf);
}

static long vpk_run_unbind(void *data)
{
	struct vpk_sriov *on = data;

	vpk_unbind(on->vf[0]);
	return 0;
}

static long vpk_run_close(void *data)
{
	struct vpk_sriov *on = data;

	vpk_close(on->pf);
	return vpk_wait_open_count(on->pf, 0) ? 0 : -ETIMEDOUT;
}

/* C11: a VF that is busy makes the PF's reset wait, and not fail. */
static void sriov_busy_vf(struct kunit *test)
{
	struct vpk_lock_holder *holder;
	struct vpk_sriov on = {};

	vpk_sriov_init(test, &on, true);
	on.worker = vpk_worker_start(test, on.host, vpk_run_reset, &on);
	holder = vpk_hold_memory_lock(test, on.vf[1], false);
	vpk_worker_go(on.worker);
	msleep(50);
	KUNIT_EXPECT_FALSE(test, vpk_worker_done(on.worker));
	KUNIT_EXPECT_NULL(test, vpk_log_find(on.host, VPK_REVOKE, -1));
	KUNIT_EXPECT_NULL(test, vpk_log_find(on.host, VPK_FLR, 0));
	vpk_drop_memory_lock(holder);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(on.worker), 0);
	vpk_expect_back(test, &on);
}

/* C11: so does the PF's close. */
static void sriov_busy_vf_close(struct kunit *test)
{
	struct vpk_lock_holder *holder;
	struct vpk_sriov on = {};

	vpk_sriov_init(test, &on, true);
	on.worker = vpk_worker_start(test, on.host, vpk_run_close, &on);
	holder = vpk_hold_memory_lock(test, on.vf[1], false);
	vpk_worker_go(on.worker);
	msleep(50);
	KUNIT_EXPECT_FALSE(test, vpk_worker_done(on.worker));
	KUNIT_EXPECT_NULL(test, vpk_log_find(on.host, VPK_FLR, 0));
	vpk_drop_memory_lock(holder);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(on.worker), 0);
	KUNIT_EXPECT_NOT_NULL(test, vpk_log_find(on.host, VPK_FLR, 0));
	vpk_expect_back(test, &on);
}

static int vpk_go_at_flr(const struct vpk_access *access, void *data)
{
	struct vpk_sriov *on = data;

	if (vpk_begins_flr(access))
		vpk_worker_go(on->worker);
	return PCIBIOS_SUCCESSFUL;
}

/* C11: a VF is unbound while its BARs are taken: it waits for the PF. */
static void sriov_unbind_meanwhile(struct kunit *test)
{
	struct vpk_sriov on = {};

	vpk_sriov_init(test, &on, true);
	vpk_unmap(on.map[0]);
	vpk_close(on.vf[0]);
	KUNIT_ASSERT_TRUE(test, vpk_wait_open_count(on.vf[0], 0));
	on.worker = vpk_worker_start(test, on.host, vpk_run_unbind, &on);
	vpk_observe(on.pf, vpk_go_at_flr, &on);
	KUNIT_EXPECT_EQ(test, pci_reset_function(on.pf->pdev), 0);
	vpk_observe(on.pf, NULL, NULL);
	KUNIT_EXPECT_EQ(test, vpk_worker_wait(on.worker), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch(on.map[1], 0), 0);
	vpk_log_clear(on.host);
	KUNIT_EXPECT_EQ(test, vpk_reset(on.pf), 0);
	KUNIT_EXPECT_NULL(test, vpk_log_find(on.host, VPK_ZAP, 1));
	KUNIT_EXPECT_NOT_NULL(test, vpk_log_find(on.host, VPK_ZAP, 2));
}

static int vpk_reader_at_flr(const struct vpk_access *access, void *data)
{
	if (vpk_begins_flr(access))
		vpk_reader_go(data);
	return PCIBIOS_SUCCESSFUL;
}

/* C11: an access to a VF's BAR waits until the PF is back. */
static void sriov_touch_waits(struct kunit *test)
{
	struct vpk_reader *reader;
	struct vpk_sriov on = {};

	vpk_sriov_init(test, &on, true);
	reader = vpk_reader_start(test, on.map[1], 0);
	vpk_observe(on.pf, vpk_reader_at_flr, reader);
	KUNIT_EXPECT_EQ(test, pci_reset_function(on.pf->pdev), 0);
	KUNIT_EXPECT_EQ(test, vpk_reader_wait(test, reader), 0);
	vpk_observe(on.pf, NULL, NULL);
	VPK_EXPECT_ORDER(test, on.host,
			 "0:zap 1:zap 2:zap 0:revoke 1:revoke 2:revoke 0:mem-off 0:flr 0:mem-on 0:unrevoke 1:unrevoke 2:unrevoke 2:read");
}

/* As the PCI core does, to each function on its own. */
static void vpk_sriov_report(struct vpk_function *fn,
			     pci_channel_state_t state)
{
	const struct pci_error_handlers *handlers;

	device_lock(&fn->pdev->dev);
	handlers = to_pci_driver(fn->pdev->dev.driver)->err_handler;
	fn->pdev->error_state = state;
	if (state != pci_channel_io_normal)
		handlers->error_detected(fn->pdev, state);
	else if (handlers->resume)
		handlers->resume(fn->pdev);
	device_unlock(&fn->pdev->dev);
}

/* C11: an error of the PF is one of its VFs, whether or not they are told. */
static void sriov_error(struct kunit *test)
{
	struct vpk_sriov on = {};
	int i;

	vpk_sriov_init(test, &on, true);
	vpk_sriov_report(on.pf, pci_channel_io_frozen);
	vpk_expect_zapped(test, &on);
	for (i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, vpk_touch(on.map[i], 0), -EFAULT);
	/* One VF is told as well, if it is on the same bus. */
	vpk_sriov_report(on.vf[0], pci_channel_io_frozen);
	vpk_function_reset(on.pf);
	/* No way back for a VF whose PF has none yet. */
	vpk_memory(on.vf[1], true);
	vpk_reset(on.vf[1]);
	KUNIT_EXPECT_EQ(test, vpk_touch(on.map[1], 0), -EFAULT);

	vpk_sriov_report(on.pf, pci_channel_io_normal);
	KUNIT_EXPECT_EQ(test, vpk_touch(on.map[1], 0), 0);
	KUNIT_EXPECT_EQ(test, vpk_touch(on.map[0], 0), -EFAULT);
	vpk_sriov_report(on.vf[0], pci_channel_io_normal);
	vpk_expect_back(test, &on);
}

/*
 * C11: a VF has no memory enable bit. Its BARs are there if the PF can be asked,
 * and says so.
 */
static void sriov_error_vf_mse(struct kunit *test)
{
	const int pos = VPK_SRIOV_POS + PCI_SRIOV_CTRL;
	const u16 on_bits = PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE;
	struct vpk_sriov on = {};

	vpk_sriov_init(test, &on, true);
	/* What is read where the capability would be, if it were at 0. */
	vpk_cfg_write(on.pf->cfg, PCI_SRIOV_CTRL, 2, on_bits);
	vpk_sriov_report(on.vf[0], pci_channel_io_frozen);
	KUNIT_EXPECT_EQ(test, vpk_touch(on.map[0], 0), -EFAULT);

	vpk_cfg_write(on.pf->cfg, pos, 2, on_bits & ~PCI_SRIOV_CTRL_MSE);
	vpk_sriov_report(on.vf[0], pci_channel_io_normal);
	KUNIT_EXPECT_EQ(test, vpk_touch(on.map[0], 0), -EFAULT);
	vpk_reset(on.vf[0]);
	KUNIT_EXPECT_EQ(test, vpk_touch(on.map[0], 0), -EFAULT);
	vpk_cfg_write(on.pf->cfg, pos, 2, on_bits);

	vpk_fail_access(test, on.pf, pos, false, 0, ~0U);
	vpk_reset(on.vf[0]);
	KUNIT_EXPECT_EQ(test, vpk_touch(on.map[0], 0), -EFAULT);
	vpk_fail_access(test, on.pf, VPK_SRIOV_POS, false, 0, ~0U);
	vpk_reset(on.vf[0]);
	KUNIT_EXPECT_EQ(test, vpk_touch(on.map[0], 0), -EFAULT);
	vpk_observe(on.pf, NULL, NULL);

	/* What is known of the error of a PF that is not VFIO's. */
	on.vf[0]->vdev->sriov_pf_core_dev = NULL;
	on.pf->pdev->error_state = pci_channel_io_frozen;
	vpk_reset(on.vf[0]);
	KUNIT_EXPECT_EQ(test, vpk_touch(on.map[0], 0), -EFAULT);
	on.pf->pdev->error_state = pci_channel_io_normal;
	on.vf[0]->vdev->sriov_pf_core_dev = on.pf->vdev;

	KUNIT_EXPECT_EQ(test, vpk_reset(on.vf[0]), 0);
	vpk_expect_back(test, &on);
}

/* C11: a VF cannot be opened while its PF may be reset any moment. */
static void sriov_error_open(struct kunit *test)
{
	struct vpk_sriov on = {};

	vpk_sriov_init(test, &on, false);
	vpk_unmap(on.map[0]);
	vpk_close(on.vf[0]);
	KUNIT_ASSERT_TRUE(test, vpk_wait_open_count(on.vf[0], 0));
	vpk_sriov_report(on.pf, pci_channel_io_frozen);
	vpk_open_container(test, on.vf[0]);
	KUNIT_EXPECT_EQ(test, vpk_open_device(on.vf[0]), -EAGAIN);
	on.vf[0]->device = NULL;
	vpk_sriov_report(on.pf, pci_channel_io_normal);
	KUNIT_EXPECT_EQ(test, vpk_open_device(on.vf[0]), 0);
	on.map[0] = vpk_map(test, on.vf[0], 0, 0, PAGE_SIZE);
	vpk_expect_back(test, &on);
}

/* C11: a VF that is busy does not leave its PF to an error, nor another VF. */
static void sriov_error_busy_vf(struct kunit *test)
{
	struct vpk_lock_holder *holder;
	struct vpk_sriov on = {};
	struct vpk_map *pf_map;

	vpk_sriov_init(test, &on, true);
	pf_map = vpk_map(test, on.pf, 0, 0, PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, vpk_touch(pf_map, 0), 0);
	holder = vpk_hold_memory_lock(test, on.vf[1], false);
	vpk_sriov_report(on.pf, pci_channel_io_frozen);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(pf_map, 0));
	KUNIT_EXPECT_FALSE(test, vpk_mapped(on.map[0], 0));
	vpk_drop_memory_lock(holder);
	KUNIT_EXPECT_EQ(test, vpk_touch(pf_map, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, vpk_touch(on.map[0], 0), -EFAULT);
	vpk_unmap(on.map[1]);
	on.map[1] = vpk_map(test, on.vf[1], 0, 0, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, vpk_touch(on.map[1], 0), -EFAULT);

	vpk_function_reset(on.pf);
	vpk_sriov_report(on.pf, pci_channel_io_normal);
	KUNIT_EXPECT_EQ(test, vpk_touch(pf_map, 0), 0);
	vpk_expect_back(test, &on);
}

/*
 * The port cannot be reset, so the recovery fails. The PCI core says so to the
 * PF's driver.
 */
static void vpk_sriov_lose(struct vpk_function *pf)
{
	vpk_sriov_report(pf, pci_channel_io_frozen);
	device_lock(&pf->pdev->dev);
	/* As pcie_do_recovery(), which leaves error_state alone */
	vfio_pci_core_aer_err_detected(pf->pdev, pci_channel_io_perm_failure);
	pf->pdev->error_state = pci_channel_io_normal;
	device_unlock(&pf->pdev->dev);
}

/* C11: a VF is opened whose PF is lost: it is not there before the PF is. */
static void sriov_lost_open(struct kunit *test)
{
	struct vpk_sriov on = {};

	vpk_sriov_init(test, &on, true);
	vpk_unmap(on.map[0]);
	vpk_close(on.vf[0]);
	KUNIT_ASSERT_TRUE(test, vpk_wait_open_count(on.vf[0], 0));
	vpk_sriov_lose(on.pf);
	vpk_open(test, on.vf[0]);
	on.map[0] = vpk_map(test, on.vf[0], 0, 0, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, vpk_touch(on.map[0], 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, vpk_reset(on.pf), 0);
	vpk_expect_back(test, &on);
}

/* C11: and one that is bound when its PF is lost already. */
static void sriov_lost_bind(struct kunit *test)
{
	struct vpk_sriov on = {};

	vpk_sriov_init(test, &on, true);
	vpk_unmap(on.map[0]);
	vpk_close(on.vf[0]);
	KUNIT_ASSERT_TRUE(test, vpk_wait_open_count(on.vf[0], 0));
	vpk_unbind(on.vf[0]);
	vpk_sriov_lose(on.pf);
	vpk_bind(test, on.vf[0], VPK_DRIVER);
	vpk_open(test, on.vf[0]);
	on.map[0] = vpk_map(test, on.vf[0], 0, 0, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, vpk_touch(on.map[0], 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, vpk_reset(on.pf), 0);
	vpk_expect_back(test, &on);
}

static struct kunit_case vpk_sriov_cases[] = {
	KUNIT_CASE_PARAM(sriov_order, vpk_sriov_gen_params),
	KUNIT_CASE(sriov_unopened_pf),
	KUNIT_CASE(sriov_unopened_vf),
	KUNIT_CASE(sriov_open_close),
	KUNIT_CASE(sriov_bus),
	KUNIT_CASE(sriov_hot_reset),
	KUNIT_CASE(sriov_hot_reset_elsewhere),
	KUNIT_CASE(sriov_hot_reset_busy),
	KUNIT_CASE(sriov_vf_reset),
	KUNIT_CASE_SLOW(sriov_power),
	KUNIT_CASE(sriov_busy_vf),
	KUNIT_CASE(sriov_busy_vf_close),
	KUNIT_CASE(sriov_unbind_meanwhile),
	KUNIT_CASE(sriov_touch_waits),
	KUNIT_CASE(sriov_error),
	KUNIT_CASE_SLOW(sriov_error_vf_mse),
	KUNIT_CASE(sriov_error_open),
	KUNIT_CASE_SLOW(sriov_error_busy_vf),
	KUNIT_CASE(sriov_lost_open),
	KUNIT_CASE(sriov_lost_bind),
	{}
};

static struct kunit_suite vpk_sriov_suite = {
	.name = "vfio-pci-core-sriov",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_sriov_cases,
};

kunit_test_suite(vpk_sriov_suite);
