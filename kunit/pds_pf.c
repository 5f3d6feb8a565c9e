// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PF of pds_vfio_pci, as far as that asks: the queue in which commands for
 * the firmware are put, and a firmware that agrees with each. The suite is
 * vfio-pci-drivers. See drivers.kunitconfig.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include "core.h"

#include "vfio_pci_kunit.h"

#define PDS_COMMANDS	16
/* Where in BAR 0 the doorbells are, behind all that the driver reads. */
#define PDS_DOORBELLS	SZ_32K

/**
 * struct pds_pf - what the PF's driver would have
 * @pdsc: its data
 * @firmware: answers each command some time after it was put into the queue
 * @info: of each command in the queue
 * @cmd: the commands
 */
struct pds_pf {
	struct pdsc pdsc;
	struct delayed_work firmware;
	struct pdsc_q_info info[PDS_COMMANDS];
	union pds_core_adminq_cmd cmd[PDS_COMMANDS];
};

static void pds_answer(struct work_struct *work)
{
	struct pds_pf *pf = container_of(to_delayed_work(work), struct pds_pf,
					 firmware);
	/* Whoever registers is client 1, and so is whoever asks otherwise. */
	const union pds_core_adminq_comp ok = {
		.client_reg.client_id = cpu_to_le16(1),
	};
	struct pdsc_queue *q = &pf->pdsc.adminqcq.q;
	struct pdsc_q_info *info;

	spin_lock_irq(&pf->pdsc.adminq_lock);
	while (q->tail_idx != q->head_idx) {
		info = &q->info[q->tail_idx];
		q->tail_idx = (q->tail_idx + 1) & (q->num_descs - 1);
		memcpy(info->dest, &ok, sizeof(ok));
		complete(&info->completion);
	}
	spin_unlock_irq(&pf->pdsc.adminq_lock);
	schedule_delayed_work(&pf->firmware, 1);
}

/* The driver looks for it when a command fails. */
static void pds_no_health(struct work_struct *work)
{
}

static void pds_stop(void *data)
{
	struct pds_pf *pf = data;

	cancel_delayed_work_sync(&pf->firmware);
	flush_work(&pf->pdsc.health_work);
}

static void pds_unmap(void *data)
{
	pci_iounmap(NULL, data);
}

/* BAR 0 of the PF, which is memory. */
static void __iomem *pds_registers(struct kunit *test, struct vpk_function *fn)
{
	void __iomem *regs;

	if (IS_ENABLED(CONFIG_UML)) {
		vpk_bar_ram(test, fn, 0);
		regs = pci_iomap(fn->pdev, 0, 0);
		KUNIT_ASSERT_NOT_NULL(test, (__force void *)regs);
		KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, pds_unmap,
								regs), 0);
		return regs;
	}
	regs = (__force void __iomem *)kunit_kzalloc(test, SZ_64K, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, (__force void *)regs);
	return regs;
}

static struct pds_pf *pds_start(struct kunit *test, struct vpk_function *fn)
{
	struct pds_pf *pf;
	struct pdsc *pdsc;
	unsigned int i;

	pf = kunit_kzalloc(test, sizeof(*pf), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pf);
	pdsc = &pf->pdsc;
	pdsc->pdev = fn->pdev;
	pdsc->dev = &fn->pdev->dev;
	pdsc->devcmd_timeout = 5;
	pdsc->wq = system_percpu_wq;
	INIT_WORK(&pdsc->health_work, pds_no_health);
	spin_lock_init(&pdsc->adminq_lock);
	refcount_set(&pdsc->adminq_refcnt, 1);
	pdsc->adminqcq.q.num_descs = PDS_COMMANDS;
	pdsc->adminqcq.q.info = pf->info;
	for (i = 0; i < PDS_COMMANDS; i++) {
		pf->info[i].desc = &pf->cmd[i];
		init_completion(&pf->info[i].completion);
	}
	pdsc->info_regs = pds_registers(test, fn);
	pdsc->kern_dbpage = (void __iomem *)pdsc->info_regs + PDS_DOORBELLS;
	iowrite8(PDS_CORE_FW_STS_F_RUNNING, &pdsc->info_regs->fw_status);

	INIT_DELAYED_WORK(&pf->firmware, pds_answer);
	schedule_delayed_work(&pf->firmware, 1);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, pds_stop, pf), 0);
	return pf;
}

/**
 * vpk_pds_bind() - bind pds_vfio_pci
 * @test: the test
 * @fn: the function that passes for a VF
 * @pf: its PF, from VPK_PF_CONFIG
 *
 * The driver asks its PF again when the device is closed, and when it is
 * unbound. There is none any more, and it says so and goes on.
 *
 * Context: the test's thread. Unbound when the test ends.
 */
void vpk_pds_bind(struct kunit *test, struct vpk_function *fn,
		  struct vpk_function *pf)
{
	struct device_driver *driver = driver_find(PDS_CORE_DRV_NAME,
						   &pci_bus_type);
	struct vpk_physfn physfn = { .fn = pf };

	KUNIT_ASSERT_NOT_NULL(test, driver);
	physfn.driver = to_pci_driver(driver);
	physfn.drvdata = &pds_start(test, pf)->pdsc;
	KUNIT_ASSERT_EQ(test, vpk_try_bind_as_vf(test, fn, "pds_vfio_pci",
						 &physfn), 0);
}
