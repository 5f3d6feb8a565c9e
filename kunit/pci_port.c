// SPDX-License-Identifier: GPL-2.0-only
/*
 * The config space of a PCI Express root port: enough of a bridge for the PCI
 * core to place BARs behind it and to reset the bus below it.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/unaligned.h>

#include "vfio_pci_kunit.h"

#define VPK_PORT_EXP	0x60

/**
 * vpk_port_init() - put a root port into its state after power-on
 * @host: the host bridge it belongs to
 *
 * The link is up and says so, which keeps bus resets at 100 ms.
 *
 * Context: before vpk_host_probe().
 */
void vpk_port_init(struct vpk_host *host)
{
	u8 *cfg = host->port, *wmask = host->port_wmask;

	put_unaligned_le16(PCI_VENDOR_ID_REDHAT, cfg + PCI_VENDOR_ID);
	put_unaligned_le16(0xffff - 1, cfg + PCI_DEVICE_ID);
	put_unaligned_le16(PCI_STATUS_CAP_LIST, cfg + PCI_STATUS);
	put_unaligned_le16(PCI_CLASS_BRIDGE_PCI, cfg + PCI_CLASS_DEVICE);
	cfg[PCI_HEADER_TYPE] = PCI_HEADER_TYPE_BRIDGE;
	cfg[PCI_CAPABILITY_LIST] = VPK_PORT_EXP;

	cfg[VPK_PORT_EXP] = PCI_CAP_ID_EXP;
	put_unaligned_le16(2 | PCI_EXP_TYPE_ROOT_PORT << 4,
			   cfg + VPK_PORT_EXP + PCI_EXP_FLAGS);
	put_unaligned_le32(PCI_EXP_DEVCAP_RBER,
			   cfg + VPK_PORT_EXP + PCI_EXP_DEVCAP);
	put_unaligned_le32(PCI_EXP_LNKCAP_SLS_2_5GB | PCI_EXP_LNKSTA_NLW_X1 |
			   PCI_EXP_LNKCAP_DLLLARC,
			   cfg + VPK_PORT_EXP + PCI_EXP_LNKCAP);
	put_unaligned_le16(PCI_EXP_LNKSTA_CLS_2_5GB | PCI_EXP_LNKSTA_NLW_X1 |
			   PCI_EXP_LNKSTA_DLLLA,
			   cfg + VPK_PORT_EXP + PCI_EXP_LNKSTA);

	put_unaligned_le16(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER,
			   wmask + PCI_COMMAND);
	wmask[PCI_PRIMARY_BUS] = 0xff;
	wmask[PCI_SECONDARY_BUS] = 0xff;
	wmask[PCI_SUBORDINATE_BUS] = 0xff;
	put_unaligned_le16(PCI_MEMORY_RANGE_MASK & 0xffff,
			   wmask + PCI_MEMORY_BASE);
	put_unaligned_le16(PCI_MEMORY_RANGE_MASK & 0xffff,
			   wmask + PCI_MEMORY_LIMIT);
	put_unaligned_le16(0x0fff, wmask + PCI_BRIDGE_CONTROL);
	put_unaligned_le16(0xffff, wmask + VPK_PORT_EXP + PCI_EXP_DEVCTL);
}

/**
 * vpk_port_access() - one access to the root port's config space
 * @host: the host bridge
 * @where: offset
 * @size: 1, 2 or 4
 * @write: false for a read
 * @val: what to write, or where what was read goes
 *
 * Setting the bus reset bit resets each function below, as one event.
 *
 * Context: any.
 * Return: PCIBIOS_SUCCESSFUL or what the observer says.
 */
int vpk_port_access(struct vpk_host *host, int where, int size, bool write,
		    u32 *val)
{
	struct vpk_access access = {
		.where = where,
		.size = size,
		.write = write,
		.val = write ? *val : vpk_cfg_read(host->port, where, size),
	};
	bool in_reset;
	unsigned int i;
	u32 mask, old;
	int ret;

	if (host->port_observer) {
		ret = host->port_observer(&access, host->port_observer_data);
		if (ret)
			return ret;
	}
	if (!write) {
		*val = access.val;
		return PCIBIOS_SUCCESSFUL;
	}

	mask = vpk_cfg_read(host->port_wmask, where, size);
	old = vpk_cfg_read(host->port, where, size);
	vpk_cfg_write(host->port, where, size, (old & ~mask) | (*val & mask));

	in_reset = get_unaligned_le16(host->port + PCI_BRIDGE_CONTROL) &
		   PCI_BRIDGE_CTL_BUS_RESET;
	if (in_reset && !host->port_reset) {
		vpk_log(host, VPK_BUS_RESET, -1, 0, 0);
		for (i = 0; i < host->nr_functions; i++)
			vpk_function_reset(host->functions[i]);
	}
	host->port_reset = in_reset;
	return PCIBIOS_SUCCESSFUL;
}
