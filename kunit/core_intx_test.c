// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core suite: DisINTx, which is in the same register as the memory enable that the
 * BARs depend on, and is restored with it after resets (rules C2, C11 and C12).
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/device.h>
#include <linux/fdtable.h>
#include <linux/interrupt.h>
#include <linux/irq.h>

#include "vfio_pci_kunit.h"

static const struct vpk_function_config vpk_full = VPK_FULL_CONFIG;

/* A device whose D3hot loses its configuration. */
static const struct vpk_function_config vpk_soft = {
	.bar_size = { SZ_64K }, .pm = true, .exp_flr = true,
};

static void vpk_free_line(void *data)
{
	struct pci_dev *pdev = data;

	irq_free_desc(pdev->irq);
	pdev->irq = 0;
}

/* A line of no interrupt controller, and an open device on it. */
static struct vpk_function *vpk_intx_device(struct kunit *test,
					    const struct vpk_function_config *config,
					    bool disintx)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, config);
	int irq;

	if (!disintx)
		fn->wmask[PCI_COMMAND + 1] &= ~(PCI_COMMAND_INTX_DISABLE >> 8);
	vpk_host_probe(test, host);
	/* Only now, so that nobody else looks for the line. */
	fn->cfg[PCI_INTERRUPT_PIN] = 1;
	fn->reset_cfg[PCI_INTERRUPT_PIN] = 1;

	irq = irq_alloc_desc(NUMA_NO_NODE);
	KUNIT_ASSERT_GT(test, irq, 0);
	irq_set_chip_and_handler(irq, &dummy_irq_chip, handle_simple_irq);
	irq_clear_status_flags(irq, IRQ_NOREQUEST);
	fn->pdev->irq = irq;
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vpk_free_line,
							fn->pdev), 0);

	vpk_bind(test, fn, VPK_DRIVER);
	vpk_open(test, fn);
	return fn;
}

/* VFIO_DEVICE_SET_IRQS for INTx; -1 is an eventfd that is none. */
static long vpk_set_intx(struct vpk_function *fn, u32 flags, u32 count, s32 data)
{
	u8 buf[sizeof(struct vfio_irq_set) + sizeof(s32)] __aligned(8) = {};
	struct vfio_irq_set *set = (void *)buf;

	set->argsz = sizeof(buf);
	set->flags = flags;
	set->index = VFIO_PCI_INTX_IRQ_INDEX;
	set->count = count;
	/* A boolean is one byte, the first one on little endian only. */
	if (flags & VFIO_IRQ_SET_DATA_BOOL)
		set->data[0] = data;
	else
		*(s32 *)set->data = data;
	return vpk_ioctl(fn, VFIO_DEVICE_SET_IRQS, set, sizeof(buf));
}

static long vpk_set_eventfd(struct vpk_function *fn, u32 action,
			    struct vpk_eventfd *eventfd)
{
	int fd = vpk_eventfd_lend(eventfd);
	long ret;

	if (fd < 0)
		return fd;
	ret = vpk_set_intx(fn, VFIO_IRQ_SET_DATA_EVENTFD | action, 1, fd);
	close_fd(fd);
	return ret;
}

static long vpk_enable(struct vpk_function *fn)
{
	return vpk_set_intx(fn, VFIO_IRQ_SET_DATA_EVENTFD |
			    VFIO_IRQ_SET_ACTION_TRIGGER, 1, -1);
}

static long vpk_disable(struct vpk_function *fn)
{
	return vpk_set_intx(fn, VFIO_IRQ_SET_DATA_NONE |
			    VFIO_IRQ_SET_ACTION_TRIGGER, 0, 0);
}

static long vpk_mask(struct vpk_function *fn)
{
	return vpk_set_intx(fn, VFIO_IRQ_SET_DATA_NONE |
			    VFIO_IRQ_SET_ACTION_MASK, 1, 0);
}

static long vpk_unmask(struct vpk_function *fn)
{
	return vpk_set_intx(fn, VFIO_IRQ_SET_DATA_NONE |
			    VFIO_IRQ_SET_ACTION_UNMASK, 1, 0);
}

/* The user's own DisINTx. */
static long vpk_command(struct vpk_function *fn, u16 disintx)
{
	ssize_t ret = vpk_config_write(fn, PCI_COMMAND,
				       PCI_COMMAND_MEMORY | disintx, 2);

	return ret == 2 ? 0 : ret;
}

static long vpk_command_mask(struct vpk_function *fn)
{
	return vpk_command(fn, PCI_COMMAND_INTX_DISABLE);
}

static long vpk_command_unmask(struct vpk_function *fn)
{
	return vpk_command(fn, 0);
}

static bool vpk_masked(struct vpk_function *fn)
{
	return vpk_cfg_read(fn->cfg, PCI_COMMAND, 2) & PCI_COMMAND_INTX_DISABLE;
}

/* Behind VFIO's back, as a configuration that was saved earlier would. */
static void vpk_set_disintx(struct vpk_function *fn, bool on)
{
	u16 cmd = vpk_cfg_read(fn->cfg, PCI_COMMAND, 2);

	cmd &= ~PCI_COMMAND_INTX_DISABLE;
	if (on)
		cmd |= PCI_COMMAND_INTX_DISABLE;
	vpk_cfg_write(fn->cfg, PCI_COMMAND, 2, cmd);
}

static void vpk_set_pending(struct vpk_function *fn, bool on)
{
	u16 status = vpk_cfg_read(fn->cfg, PCI_STATUS, 2);

	status &= ~PCI_STATUS_INTERRUPT;
	if (on)
		status |= PCI_STATUS_INTERRUPT;
	vpk_cfg_write(fn->cfg, PCI_STATUS, 2, status);
}

/* Somebody on the line has interrupted. */
static void vpk_fire(struct vpk_function *fn)
{
	unsigned long flags;

	local_irq_save(flags);
	generic_handle_irq(fn->pdev->irq);
	local_irq_restore(flags);
}

/* The device has. */
static void vpk_interrupt(struct vpk_function *fn)
{
	vpk_set_pending(fn, true);
	vpk_fire(fn);
	vpk_set_pending(fn, false);
}

static const struct pci_error_handlers *vpk_handlers(struct vpk_function *fn)
{
	return to_pci_driver(fn->pdev->dev.driver)->err_handler;
}

/* A reset by the PCI core, up to where the device does not answer any more. */
static void vpk_reset_begin(struct vpk_function *fn)
{
	device_lock(&fn->pdev->dev);
	pci_cfg_access_lock(fn->pdev);
	vpk_handlers(fn)->reset_prepare(fn->pdev);
	pci_save_state(fn->pdev);
	vpk_cfg_write(fn->cfg, PCI_COMMAND, 4, ~0);
}

static void vpk_reset_end(struct vpk_function *fn)
{
	vpk_function_reset(fn);
	pci_restore_state(fn->pdev);
	vpk_handlers(fn)->reset_done(fn->pdev);
	pci_cfg_access_unlock(fn->pdev);
	device_unlock(&fn->pdev->dev);
}

/**
 * struct vpk_command_seen - accesses to PCI_COMMAND
 * @writes: so many writes
 * @unlocked: so many of them without memory_lock, or after a read without it
 * @read_locked: whether the last read was made with memory_lock
 */
struct vpk_command_seen {
	unsigned int writes;
	unsigned int unlocked;
	bool read_locked;
};

static int vpk_see_command(const struct vpk_access *access, void *data)
{
	bool locked = rwsem_is_locked(&access->fn->vdev->memory_lock);
	struct vpk_command_seen *seen = data;

	if (access->where != PCI_COMMAND && access->where != PCI_COMMAND + 1)
		return PCIBIOS_SUCCESSFUL;
	if (!access->write) {
		seen->read_locked = locked;
		return PCIBIOS_SUCCESSFUL;
	}
	seen->writes++;
	if (!locked || !seen->read_locked)
		seen->unlocked++;
	return PCIBIOS_SUCCESSFUL;
}

/* Counts the writes of PCI_COMMAND that mask INTx. */
static int vpk_see_masking(const struct vpk_access *access, void *data)
{
	unsigned int *masking = data;

	if (access->where == PCI_COMMAND && access->write && access->size == 2 &&
	    access->val & PCI_COMMAND_INTX_DISABLE)
		(*masking)++;
	return PCIBIOS_SUCCESSFUL;
}

/* PCI_COMMAND cannot be read; counts how often it is written. */
static int vpk_gone(const struct vpk_access *access, void *data)
{
	unsigned int *writes = data;

	if (access->where != PCI_COMMAND)
		return PCIBIOS_SUCCESSFUL;
	if (access->write)
		(*writes)++;
	return PCIBIOS_DEVICE_NOT_FOUND;
}

/* INTx in use, and masked by the handler, which somebody else is about to undo. */
static struct vpk_function *vpk_intx_masked(struct kunit *test)
{
	struct vpk_function *fn = vpk_intx_device(test, &vpk_full, true);

	KUNIT_ASSERT_EQ(test, vpk_enable(fn), 0);
	vpk_interrupt(fn);
	KUNIT_ASSERT_TRUE(test, vpk_masked(fn));
	return fn;
}

static const struct vpk_step {
	const char *what;
	long (*run)(struct vpk_function *fn);
	/* What the register is made to be before, and is to be then. */
	bool before;
	bool after;
} vpk_steps[] = {
	{ "DisINTx, INTx not used", vpk_command_mask, false, true },
	{ "no DisINTx, INTx not used", vpk_command_unmask, true, false },
	{ "enable", vpk_enable, true, false },
	{ "mask", vpk_mask, false, true },
	{ "unmask", vpk_unmask, true, false },
	{ "DisINTx", vpk_command_mask, false, true },
	{ "no DisINTx", vpk_command_unmask, true, false },
};

/*
 * C2: to mask INTx is to read PCI_COMMAND and to write it back. A memory enable
 * that is written in between would be undone, with the BARs accessible.
 */
static void intx_command_locked(struct kunit *test)
{
	struct vpk_function *fn = vpk_intx_device(test, &vpk_full, true);
	int i;

	for (i = 0; i < ARRAY_SIZE(vpk_steps); i++) {
		const struct vpk_step *step = &vpk_steps[i];
		struct vpk_command_seen seen = {};

		vpk_set_disintx(fn, step->before);
		vpk_observe(fn, vpk_see_command, &seen);
		KUNIT_EXPECT_EQ_MSG(test, step->run(fn), 0, "%s", step->what);
		vpk_observe(fn, NULL, NULL);
		KUNIT_EXPECT_GT_MSG(test, seen.writes, 0, "%s", step->what);
		KUNIT_EXPECT_EQ_MSG(test, seen.unlocked, 0,
				    "%s: PCI_COMMAND written without memory_lock",
				    step->what);
		KUNIT_EXPECT_EQ_MSG(test, vpk_masked(fn), step->after, "%s",
				    step->what);
		vpk_expect_no_lock_held(test, fn);
	}
}

/*
 * The byte of DisINTx is written alone, with the same lock: if it were set right
 * only after a wait for memory_lock, nobody would handle interrupts meanwhile.
 */
static void intx_byte_locked(struct kunit *test)
{
	struct vpk_function *fn = vpk_intx_device(test, &vpk_full, true);
	struct vpk_command_seen seen = {};
	int i;

	KUNIT_ASSERT_EQ(test, vpk_enable(fn), 0);
	vpk_observe(fn, vpk_see_command, &seen);
	for (i = 0; i < 2; i++) {
		u8 val = i ? 0 : PCI_COMMAND_INTX_DISABLE >> 8;

		KUNIT_EXPECT_EQ(test, vpk_config_write(fn, PCI_COMMAND + 1, val,
						       1), 1);
		KUNIT_EXPECT_EQ(test, vpk_masked(fn), !i);
	}
	vpk_observe(fn, NULL, NULL);
	KUNIT_EXPECT_GT(test, seen.writes, 2);
	KUNIT_EXPECT_EQ_MSG(test, seen.unlocked, 0,
			    "PCI_COMMAND written without memory_lock");
	KUNIT_EXPECT_TRUE(test, vpk_function_mem_enabled(fn));
	vpk_expect_no_lock_held(test, fn);
}

/* A boolean says whether to do it at all; masking by an eventfd is not offered. */
static void intx_bool(struct kunit *test)
{
	const u32 mask = VFIO_IRQ_SET_ACTION_MASK;
	const u32 unmask = VFIO_IRQ_SET_ACTION_UNMASK;
	struct vpk_function *fn = vpk_intx_device(test, &vpk_full, true);

	KUNIT_ASSERT_EQ(test, vpk_enable(fn), 0);
	KUNIT_EXPECT_EQ(test, vpk_set_intx(fn, VFIO_IRQ_SET_DATA_BOOL | mask, 1,
					   0), 0);
	KUNIT_EXPECT_FALSE(test, vpk_masked(fn));
	KUNIT_EXPECT_EQ(test, vpk_set_intx(fn, VFIO_IRQ_SET_DATA_BOOL | mask, 1,
					   1), 0);
	KUNIT_EXPECT_TRUE(test, vpk_masked(fn));
	KUNIT_EXPECT_EQ(test, vpk_set_intx(fn, VFIO_IRQ_SET_DATA_BOOL | unmask,
					   1, 0), 0);
	KUNIT_EXPECT_TRUE(test, vpk_masked(fn));
	KUNIT_EXPECT_EQ(test, vpk_set_intx(fn, VFIO_IRQ_SET_DATA_BOOL | unmask,
					   1, 1), 0);
	KUNIT_EXPECT_FALSE(test, vpk_masked(fn));
	KUNIT_EXPECT_EQ(test, vpk_set_intx(fn, VFIO_IRQ_SET_DATA_EVENTFD | mask,
					   1, -1), -ENOTTY);
	vpk_expect_no_lock_held(test, fn);
}

static irqreturn_t vpk_none(int irq, void *data)
{
	return IRQ_NONE;
}

/* A line that is not to be had leaves INTx unused, also for the next reset. */
static void intx_line_taken(struct kunit *test)
{
	struct vpk_function *fn = vpk_intx_device(test, &vpk_full, true);
	unsigned int irq = fn->pdev->irq;

	KUNIT_ASSERT_EQ(test, request_irq(irq, vpk_none, 0, "vpk", fn), 0);
	KUNIT_EXPECT_EQ(test, vpk_enable(fn), -EBUSY);
	KUNIT_EXPECT_EQ(test, vpk_mask(fn), -EINVAL);
	KUNIT_EXPECT_EQ(test, pci_reset_function(fn->pdev), 0);
	free_irq(irq, fn);
	KUNIT_EXPECT_EQ(test, vpk_enable(fn), 0);
	KUNIT_EXPECT_EQ(test, vpk_mask(fn), 0);
	KUNIT_EXPECT_EQ(test, vpk_disable(fn), 0);
	KUNIT_EXPECT_EQ(test, vpk_mask(fn), -EINVAL);
	KUNIT_EXPECT_EQ(test, pci_reset_function(fn->pdev), 0);
	vpk_expect_no_lock_held(test, fn);
}

/* C11: what an eventfd unmasks during a reset is unmasked after it. */
static void intx_foreign_eventfd(struct kunit *test)
{
	struct vpk_function *fn = vpk_intx_device(test, &vpk_full, true);
	struct vpk_eventfd *event = vpk_eventfd_create(test);
	struct vpk_eventfd *unmask = vpk_eventfd_create(test);

	vpk_eventfd_log(event, fn);
	KUNIT_ASSERT_EQ(test, vpk_set_eventfd(fn, VFIO_IRQ_SET_ACTION_TRIGGER,
					      event), 0);
	KUNIT_ASSERT_EQ(test, vpk_set_eventfd(fn, VFIO_IRQ_SET_ACTION_UNMASK,
					      unmask), 0);
	KUNIT_ASSERT_EQ(test, vpk_mask(fn), 0);

	vpk_reset_begin(fn);
	vpk_eventfd_signal(unmask);
	KUNIT_EXPECT_EQ(test, vpk_cfg_read(fn->cfg, PCI_COMMAND, 4), ~0);
	vpk_reset_end(fn);
	KUNIT_EXPECT_FALSE_MSG(test, vpk_masked(fn),
			       "DisINTx is set though INTx was unmasked");
	vpk_expect_no_lock_held(test, fn);

	vpk_log_clear(fn->host);
	vpk_interrupt(fn);
	VPK_EXPECT_ORDER(test, fn->host, "mark");
	KUNIT_EXPECT_TRUE(test, vpk_masked(fn));

	/* And what nobody unmasks stays masked. */
	vpk_reset_begin(fn);
	vpk_reset_end(fn);
	KUNIT_EXPECT_TRUE(test, vpk_masked(fn));
	vpk_eventfd_signal(unmask);
	KUNIT_EXPECT_FALSE(test, vpk_masked(fn));
}

/*
 * C11: a device in reset reads as all ones, as if it had an interrupt pending. It
 * has none when another one on the line interrupts.
 */
static void intx_foreign_line(struct kunit *test)
{
	struct vpk_function *fn = vpk_intx_device(test, &vpk_full, true);
	struct vpk_eventfd *event = vpk_eventfd_create(test);
	u16 saved;

	vpk_eventfd_log(event, fn);
	KUNIT_ASSERT_EQ(test, vpk_set_eventfd(fn, VFIO_IRQ_SET_ACTION_TRIGGER,
					      event), 0);
	vpk_reset_begin(fn);
	vpk_log_clear(fn->host);
	vpk_fire(fn);
	VPK_EXPECT_ORDER(test, fn->host, "");
	/* What the PCI core has saved, it is about to restore. */
	saved = fn->pdev->saved_config_space[PCI_COMMAND / 4];
	KUNIT_EXPECT_TRUE_MSG(test, saved & PCI_COMMAND_INTX_DISABLE,
			      "INTx was not masked before the reset");
	vpk_reset_end(fn);
	KUNIT_EXPECT_FALSE(test, vpk_masked(fn));

	vpk_log_clear(fn->host);
	vpk_interrupt(fn);
	VPK_EXPECT_ORDER(test, fn->host, "mark");
	KUNIT_EXPECT_TRUE(test, vpk_masked(fn));
	vpk_expect_no_lock_held(test, fn);
}

/*
 * Of a device that cannot mask INTx itself, and of one whose INTx is not used, the
 * core has nothing to write before or after a reset.
 */
static void intx_foreign_unused(struct kunit *test)
{
	struct vpk_function *fn = vpk_intx_device(test, &vpk_full, true);
	struct vpk_command_seen seen = {};

	vpk_observe(fn, vpk_see_command, &seen);
	vpk_reset_begin(fn);
	vpk_observe(fn, NULL, NULL);
	KUNIT_EXPECT_EQ(test, seen.writes, 0);
	vpk_reset_end(fn);
	KUNIT_EXPECT_FALSE(test, vpk_masked(fn));
}

static void intx_foreign_no_disintx(struct kunit *test)
{
	struct vpk_function *fn = vpk_intx_device(test, &vpk_full, false);
	struct vpk_eventfd *event = vpk_eventfd_create(test);
	struct vpk_command_seen seen = {};

	vpk_eventfd_log(event, fn);
	KUNIT_ASSERT_EQ(test, vpk_set_eventfd(fn, VFIO_IRQ_SET_ACTION_TRIGGER,
					      event), 0);
	vpk_observe(fn, vpk_see_command, &seen);
	vpk_reset_begin(fn);
	vpk_observe(fn, NULL, NULL);
	KUNIT_EXPECT_EQ(test, seen.writes, 0);
	vpk_reset_end(fn);

	/* The line is masked, and only the device is on it. */
	vpk_log_clear(fn->host);
	vpk_interrupt(fn);
	vpk_interrupt(fn);
	VPK_EXPECT_ORDER(test, fn->host, "mark");
	KUNIT_EXPECT_EQ(test, vpk_unmask(fn), 0);
	vpk_log_clear(fn->host);
	vpk_interrupt(fn);
	VPK_EXPECT_ORDER(test, fn->host, "mark");
}

/* C11: the way to D0 restores what was saved on the way to D3hot. */
static void intx_from_soft_d3(struct kunit *test)
{
	struct vpk_function *fn = vpk_intx_device(test, &vpk_soft, true);

	KUNIT_ASSERT_EQ(test, vpk_enable(fn), 0);
	KUNIT_ASSERT_EQ(test, vpk_power(fn, PCI_D3hot), 0);
	KUNIT_EXPECT_EQ(test, vpk_mask(fn), 0);
	KUNIT_ASSERT_EQ(test, vpk_power(fn, PCI_D0), 0);
	KUNIT_EXPECT_TRUE_MSG(test, vpk_masked(fn), "DisINTx as it was before");

	KUNIT_ASSERT_EQ(test, vpk_power(fn, PCI_D3hot), 0);
	KUNIT_EXPECT_EQ(test, vpk_unmask(fn), 0);
	KUNIT_ASSERT_EQ(test, vpk_power(fn, PCI_D0), 0);
	KUNIT_EXPECT_FALSE_MSG(test, vpk_masked(fn), "DisINTx as it was before");
	vpk_expect_no_lock_held(test, fn);
}

/* C11: an error is followed by what the device had when it was opened. */
static void intx_after_error(struct kunit *test)
{
	struct vpk_function *fn = vpk_intx_device(test, &vpk_full, true);

	KUNIT_ASSERT_EQ(test, vpk_enable(fn), 0);
	vpk_interrupt(fn);
	KUNIT_ASSERT_TRUE(test, vpk_masked(fn));
	KUNIT_EXPECT_EQ(test, vpk_error_detected(fn, pci_channel_io_frozen),
			PCI_ERS_RESULT_NEED_RESET);
	vpk_error_reset(fn);
	KUNIT_EXPECT_EQ(test, vpk_slot_reset(fn), PCI_ERS_RESULT_RECOVERED);
	vpk_resume(fn);
	KUNIT_EXPECT_TRUE_MSG(test, vpk_masked(fn), "DisINTx as it was at open");
	KUNIT_EXPECT_EQ(test, vpk_unmask(fn), 0);
	KUNIT_EXPECT_FALSE(test, vpk_masked(fn));
	vpk_expect_no_lock_held(test, fn);
}

/* C11: what nobody would handle stays masked for the user who has masked it. */
static void intx_unused_after_error(struct kunit *test)
{
	struct vpk_function *fn = vpk_intx_device(test, &vpk_full, true);

	KUNIT_ASSERT_EQ(test, vpk_command_mask(fn), 0);
	KUNIT_ASSERT_TRUE(test, vpk_masked(fn));
	KUNIT_EXPECT_EQ(test, vpk_error_detected(fn, pci_channel_io_frozen),
			PCI_ERS_RESULT_NEED_RESET);
	vpk_error_reset(fn);
	KUNIT_EXPECT_EQ(test, vpk_slot_reset(fn), PCI_ERS_RESULT_RECOVERED);
	vpk_resume(fn);
	KUNIT_EXPECT_TRUE_MSG(test, vpk_masked(fn), "DisINTx as it was at open");
}

/*
 * C11: a device that is not back reads as all ones. To write these back with DisINTx
 * cleared would enable its memory, should it be back by then.
 */
static void intx_foreign_gone(struct kunit *test)
{
	struct vpk_function *fn = vpk_intx_device(test, &vpk_full, true);
	unsigned int writes = 0;

	KUNIT_ASSERT_EQ(test, vpk_enable(fn), 0);
	vpk_reset_begin(fn);
	vpk_function_reset(fn);
	vpk_observe(fn, vpk_gone, &writes);
	vpk_handlers(fn)->reset_done(fn->pdev);
	vpk_observe(fn, NULL, NULL);
	KUNIT_EXPECT_EQ(test, writes, 0);
	pci_restore_state(fn->pdev);
	pci_cfg_access_unlock(fn->pdev);
	device_unlock(&fn->pdev->dev);

	/* The next write of the user sets it right. */
	KUNIT_EXPECT_TRUE(test, vpk_masked(fn));
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
	KUNIT_EXPECT_FALSE(test, vpk_masked(fn));
	vpk_expect_no_lock_held(test, fn);
}

/*
 * C12: what is saved before the device is suspended is restored when it resumes,
 * and in between nobody can tell whether it answers.
 */
static void intx_suspended(struct kunit *test)
{
	struct vpk_function *fn = vpk_intx_device(test, &vpk_full, true);
	struct vpk_eventfd *event = vpk_eventfd_create(test);
	struct vpk_eventfd *unmask = vpk_eventfd_create(test);

	vpk_eventfd_log(event, fn);
	KUNIT_ASSERT_EQ(test, vpk_set_eventfd(fn, VFIO_IRQ_SET_ACTION_TRIGGER,
					      event), 0);
	KUNIT_ASSERT_EQ(test, vpk_set_eventfd(fn, VFIO_IRQ_SET_ACTION_UNMASK,
					      unmask), 0);
	KUNIT_ASSERT_EQ(test, vpk_mask(fn), 0);
	KUNIT_ASSERT_EQ(test, vpk_low_power(fn, true), 0);

	vpk_log_clear(fn->host);
	vpk_eventfd_signal(unmask);
	KUNIT_EXPECT_TRUE_MSG(test, vpk_masked(fn),
			      "unmasked while it was suspended");
	vpk_interrupt(fn);
	VPK_EXPECT_ORDER(test, fn->host, "");

	KUNIT_EXPECT_EQ(test, vpk_low_power(fn, false), 0);
	KUNIT_EXPECT_FALSE_MSG(test, vpk_masked(fn),
			       "DisINTx as it was when it was suspended");
	vpk_log_clear(fn->host);
	vpk_interrupt(fn);
	VPK_EXPECT_ORDER(test, fn->host, "mark");
	KUNIT_EXPECT_TRUE(test, vpk_masked(fn));

	/* And what is masked, and nobody unmasks, stays so. */
	KUNIT_EXPECT_EQ(test, vpk_low_power(fn, true), 0);
	KUNIT_EXPECT_EQ(test, vpk_low_power(fn, false), 0);
	KUNIT_EXPECT_TRUE(test, vpk_masked(fn));
	vpk_expect_no_lock_held(test, fn);
}

/*
 * An interrupt is masked while PCI_COMMAND is being written with DisINTx as it was
 * read: the handler would not know the device any more, and have the line disabled.
 */
static void intx_after_command(struct kunit *test)
{
	struct vpk_function *fn = vpk_intx_masked(test);

	vpk_set_disintx(fn, false);
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
	KUNIT_EXPECT_TRUE(test, vpk_masked(fn));

	/* The byte that has it, alone. */
	vpk_set_disintx(fn, false);
	KUNIT_EXPECT_EQ(test, vpk_config_write(fn, PCI_COMMAND + 1, 0, 1), 1);
	KUNIT_EXPECT_TRUE(test, vpk_masked(fn));
	vpk_expect_no_lock_held(test, fn);
}

/* The same, while the size of the ROM is read, for which memory is enabled. */
static void intx_after_rom(struct kunit *test)
{
	struct vpk_function *fn = vpk_intx_masked(test);
	struct resource *rom = &fn->pdev->resource[PCI_ROM_RESOURCE];
	struct resource saved = *rom;
	struct vfio_region_info info;
	unsigned int masking = 0;

	/* There is an address, and nothing to be mapped. */
	*rom = DEFINE_RES_MEM(1, 0);
	rom->parent = &fn->pdev->resource[0];

	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	vpk_set_disintx(fn, false);
	vpk_observe(fn, vpk_see_masking, &masking);
	KUNIT_EXPECT_EQ(test, vpk_region_info(fn, VFIO_PCI_ROM_REGION_INDEX,
					      &info), 0);
	vpk_observe(fn, NULL, NULL);
	*rom = saved;
	/* After it was enabled, and after it was disabled. */
	KUNIT_EXPECT_EQ(test, masking, 2);
	KUNIT_EXPECT_TRUE(test, vpk_masked(fn));
	KUNIT_EXPECT_FALSE(test, vpk_function_mem_enabled(fn));
	vpk_expect_no_lock_held(test, fn);
}

/* The same, while the device is closed: the handler is there until INTx is freed. */
static void intx_at_close(struct kunit *test)
{
	struct vpk_function *fn = vpk_intx_masked(test);
	unsigned int masking = 0;

	vpk_set_disintx(fn, false);
	vpk_observe(fn, vpk_see_masking, &masking);
	vpk_close(fn);
	vpk_observe(fn, NULL, NULL);
	/* Then the PCI core masks it for the reset at close. */
	KUNIT_EXPECT_EQ(test, masking, 2);
}

/*
 * An X550, one of the devices whose INTx the core never uses: DisINTx stays set while
 * they are open.
 */
static struct vpk_function *vpk_no_intx_device(struct kunit *test)
{
	struct vpk_function_config config = VPK_FULL_CONFIG;
	struct vpk_function *fn;

	config.vendor = PCI_VENDOR_ID_INTEL;
	config.device = 0x1563;
	config.msix = true;
	config.msix_bar = 4;
	fn = vpk_device(test, &config, VPK_DRIVER);
	KUNIT_ASSERT_TRUE(test, vpk_masked(fn));
	return fn;
}

/*
 * C2: whatever DisINTx was while vectors were used, it is set when they are freed, and
 * what is read for that is not older than a memory enable.
 */
static void no_intx_after_vectors(struct kunit *test)
{
	struct vpk_function *fn = vpk_no_intx_device(test);
	u8 buf[sizeof(struct vfio_irq_set) + sizeof(s32)] __aligned(8) = {};
	struct vfio_irq_set *set = (void *)buf;
	struct vpk_command_seen seen = {};
	long ret;

	set->argsz = sizeof(buf);
	set->flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	set->index = VFIO_PCI_MSIX_IRQ_INDEX;
	set->count = 1;
	*(s32 *)set->data = -1;
	ret = vpk_ioctl(fn, VFIO_DEVICE_SET_IRQS, set, sizeof(buf));
	if (ret == -ENOSPC && !IS_ENABLED(CONFIG_UML))
		kunit_skip(test, "no vectors to be had here");
	KUNIT_ASSERT_EQ(test, ret, 0);

	set->flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;
	set->count = 0;
	vpk_set_disintx(fn, false);
	vpk_observe(fn, vpk_see_command, &seen);
	KUNIT_EXPECT_EQ(test, vpk_ioctl(fn, VFIO_DEVICE_SET_IRQS, set,
					sizeof(*set)), 0);
	vpk_observe(fn, NULL, NULL);
	KUNIT_EXPECT_TRUE(test, vpk_masked(fn));
	KUNIT_EXPECT_GT(test, seen.writes, 0);
	KUNIT_EXPECT_EQ_MSG(test, seen.unlocked, 0,
			    "PCI_COMMAND written without memory_lock");
	vpk_expect_no_lock_held(test, fn);
}

/* The same after a reset that nobody was told of, when memory is enabled again. */
static void no_intx_after_lost_bars(struct kunit *test)
{
	struct vpk_function *fn = vpk_no_intx_device(test);
	u32 bar = vpk_cfg_read(fn->cfg, PCI_BASE_ADDRESS_0, 4);

	vpk_function_reset(fn);
	KUNIT_ASSERT_FALSE(test, vpk_masked(fn));
	KUNIT_EXPECT_EQ(test, vpk_memory(fn, true), 0);
	KUNIT_EXPECT_EQ(test, vpk_cfg_read(fn->cfg, PCI_BASE_ADDRESS_0, 4), bar);
	KUNIT_EXPECT_TRUE(test, vpk_function_mem_enabled(fn));
	KUNIT_EXPECT_TRUE(test, vpk_masked(fn));
	vpk_expect_no_lock_held(test, fn);
}

static struct kunit_case vpk_intx_cases[] = {
	KUNIT_CASE(intx_command_locked),
	KUNIT_CASE(intx_byte_locked),
	KUNIT_CASE(intx_bool),
	KUNIT_CASE(intx_line_taken),
	KUNIT_CASE(intx_foreign_eventfd),
	KUNIT_CASE(intx_foreign_line),
	KUNIT_CASE(intx_foreign_unused),
	KUNIT_CASE(intx_foreign_no_disintx),
	KUNIT_CASE(intx_from_soft_d3),
	KUNIT_CASE(intx_foreign_gone),
	KUNIT_CASE(intx_after_error),
	KUNIT_CASE(intx_unused_after_error),
	KUNIT_CASE(intx_suspended),
	KUNIT_CASE(intx_after_command),
	KUNIT_CASE(intx_after_rom),
	KUNIT_CASE(intx_at_close),
	KUNIT_CASE(no_intx_after_vectors),
	KUNIT_CASE(no_intx_after_lost_bars),
	{}
};

static struct kunit_suite vpk_intx_suite = {
	.name = "vfio-pci-core-intx",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_intx_cases,
};

kunit_test_suite(vpk_intx_suite);
