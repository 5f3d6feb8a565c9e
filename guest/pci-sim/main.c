// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual hardware for the guest: what no device of QEMU has.
 *
 * A PCI host bridge in software, with functions that have FLR by an AF
 * capability, that can be slow, fail and vanish, and whose BARs are memory: user
 * space maps them through VFIO, and what it reads and writes there is real. The
 * fixture of KUnit (kunit/pci_function.c) emulates more of a function, and logs
 * what is done to it; its BARs have nothing behind them, since no user reads
 * them there. So this shares no code with it.
 *
 * The memory has to be kept from the kernel: memmap=4M%512M-1 on its command line
 * takes 4 MiB at 512 MiB out of the RAM, and base=0x20000000 size=0x400000 tells
 * this module. Not memmap=4M$512M: the PCI core gives no BAR a place in what the
 * memory map calls reserved.
 *
 * Their bus has a number that a root port of the machine keeps for hotplug. So
 * Intel's IOMMU driver finds the functions below that port, and they are behind
 * its IOMMU. They make no DMA and have no interrupt.
 *
 * Only for x86, whose PCI core finds the domain of a bus in a struct pci_sysdata.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/device.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/msi.h>
#include <linux/numa.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "pci_sim.h"

#define SIM_NAME	"pci-sim"
#define SIM_MAX		32	/* device numbers of a bus */

static unsigned int devices = 1;
module_param(devices, uint, 0444);
MODULE_PARM_DESC(devices, "how many functions, each in a slot of its own (1)");

static char *port = "";
module_param(port, charp, 0444);
MODULE_PARM_DESC(port, "root port whose last bus number is free (0000:00:10.0)");

/* The IDs of QEMU's ivshmem-plain, which test drivers know. */
static struct sim_config config = {
	.vendor = 0x1af4,
	.device = 0x1110,
	.bar_size = { SZ_4K, 0, SZ_256K },
};

module_param_named(base, config.base, ullong, 0444);
MODULE_PARM_DESC(base, "physical address of the memory for BARs");
module_param_named(size, config.size, ullong, 0444);
MODULE_PARM_DESC(size, "its size in bytes");
module_param_named(vendor, config.vendor, ushort, 0444);
MODULE_PARM_DESC(vendor, "Vendor ID (0x1af4)");
module_param_named(device, config.device, ushort, 0444);
MODULE_PARM_DESC(device, "Device ID (0x1110)");
module_param_array_named(bar_size, config.bar_size, ulong, NULL, 0444);
MODULE_PARM_DESC(bar_size, "sizes of the BARs in bytes (4096,0,262144)");

static struct sim_function *functions;
static struct pci_dev *root_port;
static struct pci_host_bridge *bridge;
static struct device *parent;
static struct dentry *knobs;

static struct resource window = {
	.name = SIM_NAME,
	.flags = IORESOURCE_MEM,
};

static struct resource busn = {
	.name = SIM_NAME,
	.flags = IORESOURCE_BUS,
};

static struct pci_sysdata sysdata = {
	.node = NUMA_NO_NODE,
};

static struct sim_function *sim_at(unsigned int devfn)
{
	if (PCI_FUNC(devfn) || PCI_SLOT(devfn) >= devices)
		return NULL;
	return &functions[PCI_SLOT(devfn)];
}

static int sim_read(struct pci_bus *pci_bus, unsigned int devfn, int where,
		    int bytes, u32 *val)
{
	struct sim_function *fn = sim_at(devfn);

	*val = ~0U >> (32 - bytes * 8);
	if (!fn)
		return PCIBIOS_DEVICE_NOT_FOUND;
	if (where + bytes > PCI_CFG_SPACE_SIZE)
		return PCIBIOS_BAD_REGISTER_NUMBER;
	return sim_function_access(fn, where, bytes, false, val);
}

static int sim_write(struct pci_bus *pci_bus, unsigned int devfn, int where,
		     int bytes, u32 val)
{
	struct sim_function *fn = sim_at(devfn);

	if (!fn)
		return PCIBIOS_DEVICE_NOT_FOUND;
	if (where + bytes > PCI_CFG_SPACE_SIZE)
		return PCIBIOS_BAD_REGISTER_NUMBER;
	return sim_function_access(fn, where, bytes, true, &val);
}

static struct pci_ops sim_ops = {
	.read = sim_read,
	.write = sim_write,
};

/* Memory that the kernel does not use, but has a struct page for. */
static int sim_claim_memory(void)
{
	u64 base = config.base, size = config.size;
	int ret;

	if (!size || !PAGE_ALIGNED(base | size) || base + size < base)
		return -EINVAL;
	if (region_intersects(base, size, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT ||
	    !pfn_valid(PHYS_PFN(base)) || !pfn_valid(PHYS_PFN(base + size - 1))) {
		pr_err("the kernel needs memmap=%#llx%%%#llx-1\n", size, base);
		return -EBUSY;
	}
	window.start = base;
	window.end = base + size - 1;
	ret = request_resource(&iomem_resource, &window);
	if (ret) {
		pr_err("%pR is somebody else's\n", &window);
		return ret;
	}
	ret = sim_memory_map(&config);
	if (ret)
		release_resource(&window);
	return ret;
}

static void sim_release_memory(void)
{
	sim_memory_unmap(&config);
	release_resource(&window);
}

/* A reference to the root port is kept, and with it the bus number. */
static int sim_find_port(void)
{
	unsigned int domain, bus, slot, fn;

	if (sscanf(port, "%x:%x:%x.%x", &domain, &bus, &slot, &fn) != 4)
		return -EINVAL;
	root_port = pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(slot, fn));
	if (!root_port || !root_port->subordinate)
		goto err_put;
	busn.start = root_port->subordinate->busn_res.end;
	busn.end = busn.start;
	if (pci_find_bus(domain, busn.start))
		goto err_put;
	sysdata.domain = domain;
	return 0;

err_put:
	pr_err("%s is no root port with a free bus number\n", port);
	pci_dev_put(root_port);
	return -ENODEV;
}

static int sim_scan(void)
{
	int ret;

	bridge = pci_alloc_host_bridge(0);
	if (!bridge)
		return -ENOMEM;
	pci_add_resource(&bridge->windows, &busn);
	pci_add_resource(&bridge->windows, &window);
	bridge->dev.parent = parent;
	bridge->busnr = busn.start;
	bridge->ops = &sim_ops;
	bridge->sysdata = &sysdata;
	/* VFIO insists on isolated interrupts, even of who has none. */
	dev_set_msi_domain(&bridge->dev, dev_get_msi_domain(&root_port->dev));
	ret = pci_host_probe(bridge);
	if (ret)
		pci_free_host_bridge(bridge);
	return ret;
}

static void sim_add_knobs(void)
{
	char name[20];
	unsigned int i;

	knobs = debugfs_create_dir(SIM_NAME, NULL);
	for (i = 0; i < devices; i++) {
		snprintf(name, sizeof(name), "%04x:%02x:%02x.0",
			 sysdata.domain & 0xffff, bridge->busnr & 0xff, i);
		sim_knobs_add(&functions[i], name, knobs);
	}
}

static void sim_free_functions(void)
{
	unsigned int i;

	for (i = 0; i < devices; i++)
		sim_memory_free(&functions[i]);
	kvfree(functions);
}

static int __init sim_init(void)
{
	unsigned int i;
	int ret = 0;

	if (!devices || devices > SIM_MAX)
		return -EINVAL;
	functions = kvcalloc(devices, sizeof(*functions), GFP_KERNEL);
	if (!functions)
		return -ENOMEM;
	for (i = 0; i < devices && !ret; i++)
		ret = sim_function_init(&functions[i], &config);
	if (ret)
		goto err_free;
	ret = sim_find_port();
	if (ret)
		goto err_free;
	ret = sim_claim_memory();
	if (ret)
		goto err_port;
	parent = root_device_register(SIM_NAME);
	if (IS_ERR(parent)) {
		ret = PTR_ERR(parent);
		goto err_memory;
	}
	ret = sim_scan();
	if (ret)
		goto err_parent;
	sim_add_knobs();
	return 0;

err_parent:
	root_device_unregister(parent);
err_memory:
	sim_release_memory();
err_port:
	pci_dev_put(root_port);
err_free:
	sim_free_functions();
	return ret;
}
module_init(sim_init);

static void __exit sim_exit(void)
{
	unsigned int i;

	debugfs_remove_recursive(knobs);
	pci_lock_rescan_remove();
	pci_stop_root_bus(bridge->bus);
	pci_remove_root_bus(bridge->bus);
	pci_unlock_rescan_remove();
	pci_free_host_bridge(bridge);
	root_device_unregister(parent);
	for (i = 0; i < devices; i++)
		timer_delete_sync(&functions[i].timer);
	sim_release_memory();
	pci_dev_put(root_port);
	sim_free_functions();
}
module_exit(sim_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("PCI functions in software, with BARs in reserved memory");
