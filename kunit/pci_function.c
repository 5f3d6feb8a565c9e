// SPDX-License-Identifier: GPL-2.0-only
/*
 * A PCI function in software: a config space with working BAR sizing,
 * PCI_COMMAND, power management and the two kinds of FLR.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/log2.h>
#include <linux/unaligned.h>

#include "vfio_pci_kunit.h"

#define VPK_VENDOR	0x1d0f	/* nothing in the tree drives 0x1d0f:0xfffe */
#define VPK_DEVICE	0xfffe

/**
 * vpk_cfg_read() - take a value out of a config space image
 * @cfg: the image
 * @where: offset
 * @size: 1, 2 or 4
 *
 * Return: the value, in CPU order.
 */
u32 vpk_cfg_read(const u8 *cfg, int where, int size)
{
	u32 val = 0;
	int i;

	for (i = 0; i < size; i++)
		val |= (u32)cfg[where + i] << (8 * i);
	return val;
}

/**
 * vpk_cfg_write() - put a value into a config space image
 * @cfg: the image
 * @where: offset
 * @size: 1, 2 or 4
 * @val: the value, in CPU order
 */
void vpk_cfg_write(u8 *cfg, int where, int size, u32 val)
{
	int i;

	for (i = 0; i < size; i++)
		cfg[where + i] = val >> (8 * i);
}

/* Hang a capability into the list, in front of those already there. */
static u8 *vpk_add_cap(struct vpk_function *fn, u8 pos, u8 id)
{
	u8 *cap = fn->cfg + pos;

	cap[PCI_CAP_LIST_ID] = id;
	cap[PCI_CAP_LIST_NEXT] = fn->cfg[PCI_CAPABILITY_LIST];
	fn->cfg[PCI_CAPABILITY_LIST] = pos;
	put_unaligned_le16(PCI_STATUS_CAP_LIST, fn->cfg + PCI_STATUS);
	return cap;
}

static void vpk_add_pm(struct vpk_function *fn)
{
	u8 *cap = vpk_add_cap(fn, VPK_PM_POS, PCI_CAP_ID_PM);
	u16 pmcsr = fn->config.no_soft_reset ? PCI_PM_CTRL_NO_SOFT_RESET : 0;
	u16 pmc = 3;

	if (fn->config.d1)
		pmc |= PCI_PM_CAP_D1;
	if (fn->config.d2)
		pmc |= PCI_PM_CAP_D2;
	put_unaligned_le16(pmc, cap + PCI_PM_PMC);
	put_unaligned_le16(pmcsr, cap + PCI_PM_CTRL);
	put_unaligned_le16(PCI_PM_CTRL_STATE_MASK,
			   fn->wmask + VPK_PM_POS + PCI_PM_CTRL);
}

static void vpk_add_af(struct vpk_function *fn)
{
	u8 *cap = vpk_add_cap(fn, VPK_AF_POS, PCI_CAP_ID_AF);

	cap[PCI_AF_LENGTH] = PCI_CAP_AF_SIZEOF;
	cap[PCI_AF_CAP] = PCI_AF_CAP_TP | PCI_AF_CAP_FLR;
}

static void vpk_add_exp(struct vpk_function *fn)
{
	u8 *cap = vpk_add_cap(fn, VPK_EXP_POS, PCI_CAP_ID_EXP);
	u32 devcap = PCI_EXP_DEVCAP_RBER;

	if (fn->config.exp_flr)
		devcap |= PCI_EXP_DEVCAP_FLR;
	put_unaligned_le16(2, cap + PCI_EXP_FLAGS);
	put_unaligned_le32(devcap, cap + PCI_EXP_DEVCAP);
	put_unaligned_le32(PCI_EXP_LNKCAP_SLS_2_5GB | PCI_EXP_LNKSTA_NLW_X1,
			   cap + PCI_EXP_LNKCAP);
	put_unaligned_le16(PCI_EXP_LNKSTA_CLS_2_5GB | PCI_EXP_LNKSTA_NLW_X1,
			   cap + PCI_EXP_LNKSTA);
	put_unaligned_le16(0xffff & ~PCI_EXP_DEVCTL_BCR_FLR,
			   fn->wmask + VPK_EXP_POS + PCI_EXP_DEVCTL);
}

static void vpk_add_msix(struct vpk_function *fn)
{
	u8 *cap = vpk_add_cap(fn, VPK_MSIX_POS, PCI_CAP_ID_MSIX);
	u32 table = fn->config.msix_offset | fn->config.msix_bar;

	put_unaligned_le16(VPK_MSIX_ENTRIES - 1, cap + PCI_MSIX_FLAGS);
	put_unaligned_le32(table, cap + PCI_MSIX_TABLE);
	put_unaligned_le32(table, cap + PCI_MSIX_PBA);
}

static void vpk_add_sriov(struct vpk_function *fn)
{
	u8 *cap = fn->cfg + VPK_SRIOV_POS;
	u8 *wmask = fn->wmask + VPK_SRIOV_POS;

	put_unaligned_le32(PCI_EXT_CAP_ID_SRIOV | 1 << 16, cap);
	put_unaligned_le16(fn->config.vfs, cap + PCI_SRIOV_INITIAL_VF);
	put_unaligned_le16(fn->config.vfs, cap + PCI_SRIOV_TOTAL_VF);
	put_unaligned_le16(1, cap + PCI_SRIOV_VF_OFFSET);
	put_unaligned_le16(1, cap + PCI_SRIOV_VF_STRIDE);
	put_unaligned_le16(VPK_DEVICE, cap + PCI_SRIOV_VF_DID);
	put_unaligned_le32(1, cap + PCI_SRIOV_SUP_PGSIZE);
	put_unaligned_le32(1, cap + PCI_SRIOV_SYS_PGSIZE);
	put_unaligned_le16(PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE,
			   wmask + PCI_SRIOV_CTRL);
	put_unaligned_le16(0xffff, wmask + PCI_SRIOV_NUM_VF);
	put_unaligned_le32(~(u32)(fn->config.vf_bar - 1),
			   wmask + PCI_SRIOV_BAR);
}

/* Hang an extended capability behind those already there. */
static u8 *vpk_add_ext_cap(struct vpk_function *fn, u16 pos, u16 id)
{
	u16 last = PCI_CFG_SPACE_SIZE;
	u32 header;

	put_unaligned_le32(id | 1 << 16, fn->cfg + pos);
	while (last != pos) {
		header = get_unaligned_le32(fn->cfg + last);
		if (!PCI_EXT_CAP_NEXT(header))
			break;
		last = PCI_EXT_CAP_NEXT(header);
	}
	/* A list that begins with nothing has just the link there. */
	if (last != pos)
		put_unaligned_le32(header | (u32)pos << 20, fn->cfg + last);
	return fn->cfg + pos;
}

static void vpk_add_dvsec(struct vpk_function *fn, unsigned int nr)
{
	const struct vpk_dvsec *dvsec = &fn->config.dvsec[nr];
	u8 *cap;

	if (!dvsec->vendor)
		return;
	cap = vpk_add_ext_cap(fn, VPK_DVSEC_POS + nr * VPK_DVSEC_LEN,
			      PCI_EXT_CAP_ID_DVSEC);
	/* The register may be the one whose lower half is the ID. */
	put_unaligned_le32(dvsec->val, cap + dvsec->where);
	put_unaligned_le32(dvsec->vendor | VPK_DVSEC_LEN << 20,
			   cap + PCI_DVSEC_HEADER1);
	put_unaligned_le16(dvsec->id, cap + PCI_DVSEC_HEADER2);
}

static void vpk_add_bar(struct kunit *test, struct vpk_function *fn,
			unsigned int bar)
{
	resource_size_t size = fn->config.bar_size[bar];
	u32 pos = PCI_BASE_ADDRESS_0 + 4 * bar;
	u64 mask = ~(u64)(size - 1);
	u32 type = 0;

	if (!size)
		return;
	KUNIT_ASSERT_TRUE(test, is_power_of_2(size) && size >= 16);
	put_unaligned_le32(mask, fn->wmask + pos);
	if (fn->config.bar_prefetch & BIT(bar))
		type |= PCI_BASE_ADDRESS_MEM_PREFETCH;
	if (fn->config.bar_64bit & BIT(bar)) {
		KUNIT_ASSERT_LT(test, bar + 1, PCI_STD_NUM_BARS);
		KUNIT_ASSERT_EQ(test, fn->config.bar_size[bar + 1], 0);
		type |= PCI_BASE_ADDRESS_MEM_TYPE_64;
		put_unaligned_le32(mask >> 32, fn->wmask + pos + 4);
	}
	put_unaligned_le32(type, fn->cfg + pos);
}

/**
 * vpk_function_add() - put a function into the slot below the root port
 * @test: the test
 * @host: from vpk_host_create(), not yet probed
 * @config: what the function is like; copied
 *
 * The first call makes function 0, the next one function 1, and so on up to 7.
 *
 * Context: the test's thread. Freed when the test ends.
 * Return: the function; the test is aborted when @config makes no sense.
 */
struct vpk_function *vpk_function_add(struct kunit *test, struct vpk_host *host,
				      const struct vpk_function_config *config)
{
	struct vpk_function *fn;
	unsigned int i;

	KUNIT_ASSERT_LT(test, host->nr_functions, VPK_MAX_FUNCTIONS);
	KUNIT_ASSERT_NULL(test, host->bridge);
	fn = kunit_kzalloc(test, sizeof(*fn), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fn);
	fn->host = host;
	fn->nr = host->nr_functions;
	fn->config = *config;

	put_unaligned_le16(config->vendor ?: VPK_VENDOR,
			   fn->cfg + PCI_VENDOR_ID);
	put_unaligned_le16(config->vendor ? config->device : VPK_DEVICE,
			   fn->cfg + PCI_DEVICE_ID);
	put_unaligned_le32((config->class ?: PCI_CLASS_OTHERS << 8) << 8,
			   fn->cfg + PCI_CLASS_REVISION);
	put_unaligned_le16(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
			   PCI_COMMAND_PARITY | PCI_COMMAND_SERR |
			   PCI_COMMAND_INTX_DISABLE, fn->wmask + PCI_COMMAND);
	fn->wmask[PCI_INTERRUPT_LINE] = 0xff;
	fn->wmask[PCI_CACHE_LINE_SIZE] = 0xff;
	for (i = 0; i < PCI_STD_NUM_BARS; i++)
		vpk_add_bar(test, fn, i);
	if (config->exp || config->exp_flr)
		vpk_add_exp(fn);
	if (config->vfs)
		vpk_add_sriov(fn);
	for (i = 0; i < VPK_MAX_DVSECS; i++)
		vpk_add_dvsec(fn, i);
	for (i = 0; config->vf && i < fn->nr; i++)
		if (host->functions[i]->config.vfs)
			fn->pf = host->functions[i];
	if (config->af_flr)
		vpk_add_af(fn);
	if (config->pm)
		vpk_add_pm(fn);
	if (config->msix)
		vpk_add_msix(fn);

	/* The PCI core looks for more functions only if function 0 says so. */
	host->functions[host->nr_functions++] = fn;
	for (i = 0; host->nr_functions > 1 && i < host->nr_functions; i++) {
		host->functions[i]->cfg[PCI_HEADER_TYPE] = PCI_HEADER_TYPE_MFD;
		memcpy(host->functions[i]->reset_cfg, host->functions[i]->cfg,
		       sizeof(fn->cfg));
	}
	memcpy(fn->reset_cfg, fn->cfg, sizeof(fn->cfg));
	return fn;
}

/**
 * vpk_function_of() - find the software function behind a PCI device
 * @pdev: any PCI device
 *
 * Context: any.
 * Return: the function, NULL if @pdev is not one of the fixture's.
 */
struct vpk_function *vpk_function_of(struct pci_dev *pdev)
{
	struct vpk_host *host = vpk_host_of(pdev->bus);

	if (!host || pci_is_root_bus(pdev->bus) ||
	    PCI_FUNC(pdev->devfn) >= host->nr_functions)
		return NULL;
	return host->functions[PCI_FUNC(pdev->devfn)];
}

/**
 * vpk_function_power() - the power state of a function
 * @fn: the function
 *
 * Asks the hardware, so to say, not the PCI core.
 *
 * Context: any.
 * Return: 0 to 3, for D0, D1, D2 and D3hot.
 */
unsigned int vpk_function_power(const struct vpk_function *fn)
{
	u16 pmcsr = get_unaligned_le16(fn->cfg + VPK_PM_POS + PCI_PM_CTRL);

	return fn->config.pm ? pmcsr & PCI_PM_CTRL_STATE_MASK : 0;
}

/**
 * vpk_function_in_d3() - is a function in D3hot
 * @fn: the function
 *
 * Context: any.
 * Return: true in D3hot.
 */
bool vpk_function_in_d3(const struct vpk_function *fn)
{
	return vpk_function_power(fn) == 3;
}

/**
 * vpk_function_answers() - is a function there
 * @fn: the function
 *
 * Context: any.
 * Return: false for a VF whose PF has its VFs disabled.
 */
bool vpk_function_answers(const struct vpk_function *fn)
{
	const u8 *ctrl;

	if (!fn->config.vf)
		return true;
	ctrl = fn->pf->cfg + VPK_SRIOV_POS + PCI_SRIOV_CTRL;
	return get_unaligned_le16(ctrl) & PCI_SRIOV_CTRL_VFE;
}

/**
 * vpk_function_cfg_size() - how much config space a function has
 * @fn: the function
 *
 * Context: any.
 * Return: bytes. A PF and a function with a DVSEC have an extended capability;
 * of a VF the PCI core knows without asking that there is room for some.
 */
int vpk_function_cfg_size(const struct vpk_function *fn)
{
	const struct vpk_function_config *config = &fn->config;

	if (config->vfs || config->vf || config->dvsec[0].vendor)
		return PCI_CFG_SPACE_EXP_SIZE;
	return PCI_CFG_SPACE_SIZE;
}

/**
 * vpk_function_mem_enabled() - does a function decode memory
 * @fn: the function
 *
 * Context: any.
 * Return: PCI_COMMAND_MEMORY as the hardware has it.
 */
bool vpk_function_mem_enabled(const struct vpk_function *fn)
{
	return get_unaligned_le16(fn->cfg + PCI_COMMAND) & PCI_COMMAND_MEMORY;
}

/**
 * vpk_function_reset() - put a function into its state after reset
 * @fn: the function
 *
 * Logs nothing: the caller knows what kind of reset it is. With a PF go its
 * VFs.
 *
 * Context: any.
 */
void vpk_function_reset(struct vpk_function *fn)
{
	unsigned int i;

	memcpy(fn->cfg, fn->reset_cfg, sizeof(fn->cfg));
	fn->resets++;
	for (i = fn->nr + 1; i < fn->host->nr_functions; i++) {
		struct vpk_function *vf = fn->host->functions[i];

		if (vf->pf == fn)
			memcpy(vf->cfg, vf->reset_cfg, sizeof(vf->cfg));
	}
}

/**
 * vpk_observe() - see each access to a function's config space
 * @fn: the function
 * @observer: called before each access has its effect, NULL for nobody
 * @data: handed to it
 *
 * Context: any; takes effect with the next access.
 */
void vpk_observe(struct vpk_function *fn, vpk_observer observer, void *data)
{
	WRITE_ONCE(fn->observer, NULL);
	WRITE_ONCE(fn->observer_data, data);
	/* Pairs with the load in vpk_function_access(): data before observer */
	smp_store_release(&fn->observer, observer);
}

static int vpk_fail_observer(const struct vpk_access *access, void *data)
{
	struct vpk_fail *fail = data;

	if (access->write != fail->write || access->where > fail->where ||
	    access->where + access->size <= fail->where)
		return PCIBIOS_SUCCESSFUL;
	if (fail->skip) {
		fail->skip--;
		return PCIBIOS_SUCCESSFUL;
	}
	if (!fail->times)
		return PCIBIOS_SUCCESSFUL;
	fail->times--;
	return PCIBIOS_SET_FAILED;
}

/**
 * vpk_fail_access() - make config accesses fail
 * @test: the test
 * @fn: the function
 * @where: accesses that touch this byte
 * @write: true for writes, false for reads
 * @skip: let that many through first
 * @times: then fail that many
 *
 * Replaces the function's observer.
 *
 * Context: the test's thread. In force until vpk_observe() or the test's end.
 */
void vpk_fail_access(struct kunit *test, struct vpk_function *fn, int where,
		     bool write, unsigned int skip, unsigned int times)
{
	vpk_observe(fn, NULL, NULL);
	fn->fail = (struct vpk_fail) { where, write, skip, times };
	vpk_observe(fn, vpk_fail_observer, &fn->fail);
}

/*
 * Between vfio_alloc_device() and the VFIO device's registration nothing of a
 * driver can be hooked, but registration reads PMCSR: what the driver has put
 * into zap_bars_on_revoke by then is what it registers with.
 */
static void vpk_note_registration(struct vpk_function *fn, int where,
				  bool write)
{
	struct vfio_pci_core_device *vdev;

	if (fn->registering_seen || write || !fn->pdev ||
	    where != VPK_PM_POS + PCI_PM_CTRL)
		return;
	vdev = pci_get_drvdata(fn->pdev);
	if (!vdev)
		return;
	fn->flag_at_register = vpk_flag(vdev);
	fn->registering_seen = true;
}

/* PMCSR discards a state that the function does not support. */
static void vpk_discard_power(struct vpk_function *fn, unsigned int was_power)
{
	unsigned int power = vpk_function_power(fn);
	u8 *pmcsr = fn->cfg + VPK_PM_POS + PCI_PM_CTRL;

	if ((power == 1 && !fn->config.d1) || (power == 2 && !fn->config.d2))
		*pmcsr = (*pmcsr & ~PCI_PM_CTRL_STATE_MASK) | was_power;
}

static void vpk_effects(struct vpk_function *fn, int where, int size, u32 val,
			unsigned int was_power, bool was_mem)
{
	static const enum vpk_event_type events[] = {
		VPK_D0, VPK_D1, VPK_D2, VPK_D3
	};
	u16 devctl = where == VPK_EXP_POS + PCI_EXP_DEVCTL && size >= 2 ?
		     val : 0;

	vpk_discard_power(fn, was_power);
	if (was_power != vpk_function_power(fn)) {
		if (was_power == 3 && !fn->config.no_soft_reset)
			memcpy(fn->cfg, fn->reset_cfg, sizeof(fn->cfg));
		vpk_log(fn->host, events[vpk_function_power(fn)], fn->nr, 0, 0);
	} else if (was_mem != vpk_function_mem_enabled(fn)) {
		vpk_log(fn->host, was_mem ? VPK_MEM_OFF : VPK_MEM_ON, fn->nr,
			0, 0);
	}

	if (fn->config.exp_flr && devctl & PCI_EXP_DEVCTL_BCR_FLR) {
		vpk_log(fn->host, VPK_FLR, fn->nr, 0, 0);
		vpk_function_reset(fn);
	}
	if (fn->config.af_flr && where == VPK_AF_POS + PCI_AF_CTRL &&
	    val & PCI_AF_CTRL_FLR) {
		vpk_log(fn->host, VPK_AF_FLR, fn->nr, 0, 0);
		vpk_function_reset(fn);
	}
}

/**
 * vpk_function_access() - one access to a function's config space
 * @fn: the function
 * @where: offset
 * @size: 1, 2 or 4
 * @write: false for a read
 * @val: what to write, or where what was read goes
 *
 * Shows the access to the observer, then lets it have its effects: PMCSR
 * changes the power state (and loses the configuration on the way back to D0
 * without NoSoftRst), the FLR bits reset. Each effect is logged.
 *
 * Context: any.
 * Return: PCIBIOS_SUCCESSFUL or what the observer says.
 */
int vpk_function_access(struct vpk_function *fn, int where, int size,
			bool write, u32 *val)
{
	/* Pairs with the store in vpk_observe() */
	vpk_observer observer = smp_load_acquire(&fn->observer);
	struct vpk_access access = {
		.fn = fn,
		.where = where,
		.size = size,
		.write = write,
		.val = write ? *val : vpk_cfg_read(fn->cfg, where, size),
	};
	unsigned int was_power = vpk_function_power(fn);
	bool was_mem = vpk_function_mem_enabled(fn);
	u32 mask, old;
	int ret;

	vpk_note_registration(fn, where, write);
	if (observer) {
		ret = observer(&access, READ_ONCE(fn->observer_data));
		if (ret)
			return ret;
	}
	if (!write) {
		*val = access.val;
		return PCIBIOS_SUCCESSFUL;
	}

	mask = vpk_cfg_read(fn->wmask, where, size);
	old = vpk_cfg_read(fn->cfg, where, size);
	vpk_cfg_write(fn->cfg, where, size, (old & ~mask) | (*val & mask));
	vpk_effects(fn, where, size, *val, was_power, was_mem);
	return PCIBIOS_SUCCESSFUL;
}
