// SPDX-License-Identifier: GPL-2.0-only
/*
 * A software PCI host bridge: bus numbers, a memory window, and the dispatch
 * of config accesses to the root port and to the functions below it.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/cleanup.h>
#include <linux/device.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>

#include "vfio_pci_kunit.h"

/* UML's own host bridge is bus 0; the functions are on the bus after this. */
#define VPK_BUS		0x80
#define VPK_BUS_END	0x8f

/* Where the window is as the functions' 32-bit BARs see it. */
#define VPK_BUS_WINDOW	0x40000000

/*
 * The window is the machine's, not the test's: what UML is told about an I/O
 * region cannot be taken back. So it is claimed once and kept.
 */
static struct resource vpk_window = {
	.name = "vpk window",
	.flags = IORESOURCE_MEM,
};

static bool vpk_window_claimed;

/**
 * vpk_host_of() - find the software host bridge above a bus
 * @bus: a bus, of the fixture or of the machine
 *
 * Context: any.
 * Return: the host bridge, NULL if it is not one of the fixture's.
 */
struct vpk_host *vpk_host_of(struct pci_bus *bus);

static int vpk_read(struct pci_bus *bus, unsigned int devfn, int where,
		    int size, u32 *val)
{
	struct vpk_host *host = vpk_host_of(bus);
	unsigned int nr = PCI_FUNC(devfn);

	*val = ~0U >> (32 - size * 8);
	if (pci_is_root_bus(bus) && where + size > PCI_CFG_SPACE_SIZE)
		return PCIBIOS_BAD_REGISTER_NUMBER;
	if (pci_is_root_bus(bus))
		return devfn ? PCIBIOS_DEVICE_NOT_FOUND :
			       vpk_port_access(host, where, size, false, val);
	if (PCI_SLOT(devfn) || nr >= host->nr_functions || host->port_reset ||
	    !vpk_function_answers(host->functions[nr]))
		return PCIBIOS_DEVICE_NOT_FOUND;
	if (where + size > vpk_function_cfg_size(host->functions[nr]))
		return PCIBIOS_BAD_REGISTER_NUMBER;
	return vpk_function_access(host->functions[nr], where, size, false,
				   val);
}

static int vpk_write(struct pci_bus *bus, unsigned int devfn, int where,
		     int size, u32 val)
{
	struct vpk_host *host = vpk_host_of(bus);
	unsigned int nr = PCI_FUNC(devfn);

	if (pci_is_root_bus(bus) && where + size > PCI_CFG_SPACE_SIZE)
		return PCIBIOS_BAD_REGISTER_NUMBER;
	if (pci_is_root_bus(bus))
		return devfn ? PCIBIOS_DEVICE_NOT_FOUND :
			       vpk_port_access(host, where, size, true, &val);
	if (PCI_SLOT(devfn) || nr >= host->nr_functions || host->port_reset ||
	    !vpk_function_answers(host->functions[nr]))
		return PCIBIOS_DEVICE_NOT_FOUND;
	if (where + size > vpk_function_cfg_size(host->functions[nr]))
		return PCIBIOS_BAD_REGISTER_NUMBER;
	return vpk_function_access(host->functions[nr], where, size, true,
				   &val);
}

static struct pci_ops vpk_pci_ops = {
	.read = vpk_read,
	.write = vpk_write,
};

struct vpk_host *vpk_host_of(struct pci_bus *bus)
{
	struct pci_host_bridge *bridge;

	if (bus->ops != &vpk_pci_ops)
		return NULL;
	bridge = pci_find_host_bridge(bus);
	return *(struct vpk_host **)pci_host_bridge_priv(bridge);
}

static void vpk_host_drop_mm(void *data)
{
	struct vpk_host *host = data;

	mmdrop(host->mm);
}

/**
 * vpk_host_create() - make a software host bridge with a root port
 * @test: the test that gets it
 *
 * Makes the bridge, not yet known to the PCI core: add functions with
 * vpk_function_add(), then vpk_host_probe() it. Gives the test a user address
 * space too. One at a time.
 *
 * Context: the test's thread. Freed when the test ends.
 * Return: the bridge; the test is aborted when there is no memory.
 */
struct vpk_host *vpk_host_create(struct kunit *test)
{
	struct vpk_host *host;

	host = kunit_kzalloc(test, sizeof(*host), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, host);
	host->test = test;
	raw_spin_lock_init(&host->log_lock);

	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);
	host->mm = current->mm;
	/* The log looks at page tables also after the test's thread is gone. */
	mmgrab(host->mm);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vpk_host_drop_mm,
							host), 0);
	vpk_port_init(host);
	return host;
}

static void vpk_host_stop_trace(void *data)
{
	vpk_trace_stop(data);
}

static void vpk_host_free_bridge(void *data)
{
	struct vpk_host *host = data;

	pci_free_host_bridge(host->bridge);
	root_device_unregister(host->parent);
}

static void vpk_host_remove(void *data)
{
	struct vpk_host *host = data;
	unsigned int i;

	for (i = 0; i < host->nr_functions; i++)
		pci_dev_put(host->functions[i]->pdev);

	vpk_arch_quiet(true);
	pci_lock_rescan_remove();
	pci_stop_root_bus(host->bridge->bus);
	pci_remove_root_bus(host->bridge->bus);
	pci_unlock_rescan_remove();
	vpk_arch_quiet(false);
}

/**
 * vpk_host_probe() - let the PCI core find a host bridge and its functions
 * @test: the test
 * @host: from vpk_host_create(), with its functions added
 *
 * Scans, sizes and places the BARs, and starts the event log: each function's
 * @pdev is valid from here on, but that of VFs, see vpk_enable_vfs(). No driver
 * is bound yet.
 *
 * Context: the test's thread. The bus is stopped and removed when the test ends.
 */
void vpk_host_probe(struct kunit *test, struct vpk_host *host)
{
	struct pci_dev *port;
	unsigned int i;
	int ret;

	if (!vpk_window_claimed) {
		KUNIT_ASSERT_EQ(test, vpk_arch_window(&vpk_window), 0);
		vpk_window_claimed = true;
	}

	host->parent = root_device_register("vpk");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, host->parent);
	host->bridge = pci_alloc_host_bridge(sizeof(host));
	if (!host->bridge) {
		root_device_unregister(host->parent);
		KUNIT_ASSERT_NOT_NULL(test, host->bridge);
	}
	*(struct vpk_host **)pci_host_bridge_priv(host->bridge) = host;
	ret = kunit_add_action_or_reset(test, vpk_host_free_bridge, host);
	KUNIT_ASSERT_EQ(test, ret, 0);

	host->busn = (struct resource) {
		.name = "vpk buses",
		.start = VPK_BUS,
		.end = VPK_BUS_END,
		.flags = IORESOURCE_BUS,
	};
	pci_add_resource(&host->bridge->windows, &host->busn);
	pci_add_resource_offset(&host->bridge->windows, &vpk_window,
				vpk_window.start - VPK_BUS_WINDOW);
	host->bridge->dev.parent = host->parent;
	host->bridge->busnr = VPK_BUS;
	host->bridge->ops = &vpk_pci_ops;
	host->bridge->sysdata = vpk_arch_sysdata();

	vpk_arch_quiet(true);
	ret = pci_host_probe(host->bridge);
	vpk_arch_quiet(false);
	KUNIT_ASSERT_EQ(test, ret, 0);
	ret = kunit_add_action_or_reset(test, vpk_host_remove, host);
	KUNIT_ASSERT_EQ(test, ret, 0);

	port = list_first_entry_or_null(&host->bridge->bus->devices,
					struct pci_dev, bus_list);
	KUNIT_ASSERT_NOT_NULL(test, port);
	KUNIT_ASSERT_NOT_NULL(test, port->subordinate);
	for (i = 0; i < host->nr_functions; i++) {
		struct vpk_function *fn = host->functions[i];

		if (fn->config.vf)
			continue;
		fn->pdev = pci_get_slot(port->subordinate, PCI_DEVFN(0, i));
		KUNIT_ASSERT_NOT_NULL(test, fn->pdev);
	}

	KUNIT_ASSERT_EQ(test, vpk_trace_start(host), 0);
	ret = kunit_add_action_or_reset(test, vpk_host_stop_trace, host);
	KUNIT_ASSERT_EQ(test, ret, 0);
	vpk_log_clear(host);
}
