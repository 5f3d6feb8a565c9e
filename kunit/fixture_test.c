// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fixture tests itself: what the software PCI function does is what the
 * PCI core and the VFIO core expect of a real one. Read it first to learn how
 * tests are written on the fixture.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/mman.h>
#include <linux/sizes.h>

#include "vfio_pci_kunit.h"

static const struct vpk_function_config vpk_full = VPK_FULL_CONFIG;

/* The PCI core finds the function, sizes its BARs and places them. */
static void bar_sizing(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &vpk_full);
	resource_size_t start;

	vpk_host_probe(test, host);
	KUNIT_EXPECT_EQ(test, pci_resource_len(fn->pdev, 0), SZ_64K);
	KUNIT_EXPECT_EQ(test, pci_resource_len(fn->pdev, 1), 0);
	KUNIT_EXPECT_EQ(test, pci_resource_len(fn->pdev, 2), SZ_2M);
	KUNIT_EXPECT_EQ(test, pci_resource_len(fn->pdev, 4), SZ_4K);
	KUNIT_EXPECT_TRUE(test, pci_resource_flags(fn->pdev, 2) &
				IORESOURCE_MEM_64);
	start = pci_resource_start(fn->pdev, 2);
	KUNIT_EXPECT_NE(test, start, 0);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED(start, SZ_2M));
}

/* Each capability asked for is there, and only those. */
static void capabilities(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	const struct vpk_function_config bare = { .bar_size = { SZ_4K } };
	struct vpk_function_config all = vpk_full;
	struct vpk_function *full, *none;

	all.af_flr = true;
	full = vpk_function_add(test, host, &all);
	none = vpk_function_add(test, host, &bare);
	vpk_host_probe(test, host);
	KUNIT_EXPECT_EQ(test, full->pdev->pm_cap, VPK_PM_POS);
	KUNIT_EXPECT_EQ(test, pci_pcie_cap(full->pdev), VPK_EXP_POS);
	KUNIT_EXPECT_EQ(test, pci_find_capability(full->pdev, PCI_CAP_ID_AF),
			VPK_AF_POS);
	KUNIT_EXPECT_EQ(test, none->pdev->pm_cap, 0);
	KUNIT_EXPECT_FALSE(test, pci_is_pcie(none->pdev));
	KUNIT_EXPECT_EQ(test, pci_find_capability(none->pdev, PCI_CAP_ID_AF),
			0);
}

/* PCI_COMMAND_MEMORY comes and goes, and the log sees it. */
static void command(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &vpk_full);

	vpk_host_probe(test, host);
	pci_write_config_word(fn->pdev, PCI_COMMAND, PCI_COMMAND_MEMORY);
	KUNIT_EXPECT_TRUE(test, vpk_function_mem_enabled(fn));
	pci_write_config_word(fn->pdev, PCI_COMMAND, PCI_COMMAND_MEMORY);
	pci_write_config_word(fn->pdev, PCI_COMMAND, 0);
	KUNIT_EXPECT_FALSE(test, vpk_function_mem_enabled(fn));
	VPK_EXPECT_ORDER(test, host, "mem-on mem-off");
}

/* D3hot and back keeps the configuration with NoSoftRst, loses it without. */
static void power_states(struct kunit *test)
{
	struct vpk_function_config soft = vpk_full;
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *keeps, *loses;
	u32 val;

	soft.no_soft_reset = false;
	keeps = vpk_function_add(test, host, &vpk_full);
	loses = vpk_function_add(test, host, &soft);
	vpk_host_probe(test, host);

	pci_write_config_byte(keeps->pdev, PCI_INTERRUPT_LINE, 0x5a);
	pci_write_config_byte(loses->pdev, PCI_INTERRUPT_LINE, 0x5a);
	KUNIT_EXPECT_EQ(test, pci_set_power_state(keeps->pdev, PCI_D3hot), 0);
	KUNIT_EXPECT_EQ(test, pci_set_power_state(loses->pdev, PCI_D3hot), 0);
	KUNIT_EXPECT_TRUE(test, vpk_function_in_d3(keeps));
	KUNIT_EXPECT_TRUE(test, vpk_function_in_d3(loses));
	KUNIT_EXPECT_EQ(test, pci_set_power_state(keeps->pdev, PCI_D0), 0);
	KUNIT_EXPECT_EQ(test, pci_set_power_state(loses->pdev, PCI_D0), 0);

	pci_read_config_dword(keeps->pdev, PCI_INTERRUPT_LINE, &val);
	KUNIT_EXPECT_EQ(test, val, 0x5a);
	pci_read_config_dword(loses->pdev, PCI_INTERRUPT_LINE, &val);
	KUNIT_EXPECT_EQ(test, val, 0);
	VPK_EXPECT_ORDER(test, host, "0:d3 1:d3 0:d0 1:d0");
}

/* The PCI core resets a function in the way its capabilities allow. */
static void function_resets(struct kunit *test)
{
	const struct vpk_function_config af = {
		.bar_size = { SZ_4K }, .af_flr = true,
	};
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *exp, *old;

	exp = vpk_function_add(test, host, &vpk_full);
	old = vpk_function_add(test, host, &af);
	vpk_host_probe(test, host);

	KUNIT_EXPECT_EQ(test, pci_reset_function(exp->pdev), 0);
	VPK_EXPECT_ORDER(test, host, "flr");
	KUNIT_EXPECT_EQ(test, exp->resets, 1);
	vpk_log_clear(host);
	KUNIT_EXPECT_EQ(test, pci_reset_function(old->pdev), 0);
	VPK_EXPECT_ORDER(test, host, "af-flr");
	KUNIT_EXPECT_EQ(test, old->resets, 1);
}

/* A bus reset is one event, and reaches every function. */
static void bus_resets(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *a = vpk_function_add(test, host, &vpk_full);
	struct vpk_function *b = vpk_function_add(test, host, &vpk_full);

	vpk_host_probe(test, host);
	KUNIT_EXPECT_EQ(test, pci_probe_reset_bus(a->pdev->bus), 0);
	KUNIT_EXPECT_EQ(test, pci_reset_bus(a->pdev), 0);
	VPK_EXPECT_ORDER(test, host, "bus-reset");
	KUNIT_EXPECT_EQ(test, a->resets, 1);
	KUNIT_EXPECT_EQ(test, b->resets, 1);
}

static int vpk_count_pmcsr(const struct vpk_access *access, void *data)
{
	unsigned int *count = data;

	if (access->write && access->where == VPK_PM_POS + PCI_PM_CTRL)
		(*count)++;
	return PCIBIOS_SUCCESSFUL;
}

/* Every access can be seen before it has its effect, and can be failed. */
static void observing(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &vpk_full);
	unsigned int count = 0;
	u16 cmd;

	vpk_host_probe(test, host);
	vpk_observe(fn, vpk_count_pmcsr, &count);
	KUNIT_EXPECT_EQ(test, pci_set_power_state(fn->pdev, PCI_D3hot), 0);
	KUNIT_EXPECT_EQ(test, pci_set_power_state(fn->pdev, PCI_D0), 0);
	KUNIT_EXPECT_EQ(test, count, 2);

	vpk_fail_access(test, fn, PCI_COMMAND, true, 1, 1);
	KUNIT_EXPECT_EQ(test, pci_write_config_word(fn->pdev, PCI_COMMAND,
						    PCI_COMMAND_MEMORY), 0);
	KUNIT_EXPECT_NE(test, pci_write_config_word(fn->pdev, PCI_COMMAND, 0),
			0);
	KUNIT_EXPECT_TRUE(test, vpk_function_mem_enabled(fn));
	KUNIT_EXPECT_EQ(test, pci_write_config_word(fn->pdev, PCI_COMMAND, 0),
			0);
	KUNIT_EXPECT_FALSE(test, vpk_function_mem_enabled(fn));

	vpk_fail_access(test, fn, PCI_COMMAND, false, 0, 1);
	KUNIT_EXPECT_NE(test, pci_read_config_word(fn->pdev, PCI_COMMAND, &cmd),
			0);
}

/* A driver is bound and the device opened; it is in use, in D0, with memory. */
static void bind_and_open(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &vpk_full);
	struct vfio_device_info info = { .argsz = sizeof(info) };

	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	KUNIT_EXPECT_TRUE(test, fn->registering_seen);
	vpk_open(test, fn);
	KUNIT_EXPECT_EQ(test, fn->vdev->vdev.open_count, 1);
	KUNIT_EXPECT_TRUE(test, vpk_function_mem_enabled(fn));
	KUNIT_EXPECT_FALSE(test, vpk_function_in_d3(fn));
	KUNIT_EXPECT_EQ(test, vpk_ioctl(fn, VFIO_DEVICE_GET_INFO, &info,
					sizeof(info)), 0);
	KUNIT_EXPECT_EQ(test, info.num_regions, VFIO_PCI_NUM_REGIONS);
	KUNIT_EXPECT_TRUE(test, info.flags & VFIO_DEVICE_FLAGS_RESET);
	vpk_close(fn);
	KUNIT_EXPECT_TRUE(test, vpk_wait_open_count(fn, 0));
}

/* A driver that does not exist is an error, not a device without driver. */
static void bind_unknown(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &vpk_full);

	vpk_host_probe(test, host);
	KUNIT_EXPECT_EQ(test, vpk_try_bind(test, fn, "no-such-driver"),
			-ENODEV);
}

/* A touched page is there, with the BAR's PFN; an untouched one is not. */
static void map_and_touch(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &vpk_full);
	unsigned long pfn;
	struct vpk_map *map;

	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	vpk_open(test, fn);
	map = vpk_map(test, fn, 0, PAGE_SIZE, 2 * PAGE_SIZE);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_EQ(test, vpk_pfn(map, 0, &pfn, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, PAGE_SIZE), 0);
	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, PAGE_SIZE));
	KUNIT_ASSERT_EQ(test, vpk_pfn(map, PAGE_SIZE, &pfn, NULL), 0);
	KUNIT_EXPECT_EQ(test, pfn, vpk_bar_pfn(fn, 0, 2 * PAGE_SIZE));
	vpk_unmap(map);
	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), -EFAULT);
}

/* Another thread sees the same, and is refused while memory is disabled. */
static void map_other_thread(struct kunit *test)
{
	struct vpk_host *host = vpk_host_create(test);
	struct vpk_function *fn = vpk_function_add(test, host, &vpk_full);
	struct vpk_reader *reader, *refused;
	struct vpk_map *map;

	vpk_host_probe(test, host);
	vpk_bind(test, fn, VPK_DRIVER);
	vpk_open(test, fn);
	map = vpk_map(test, fn, 0, 0, PAGE_SIZE);
	reader = vpk_reader_start(test, map, 0);
	refused = vpk_reader_start(test, map, 0);
	KUNIT_EXPECT_FALSE(test, vpk_reader_done(reader));
	KUNIT_EXPECT_EQ(test, vpk_reader_wait(test, reader), 0);
	KUNIT_EXPECT_TRUE(test, vpk_mapped(map, 0));

	KUNIT_EXPECT_EQ(test, vpk_memory(fn, false), 0);
	KUNIT_EXPECT_EQ(test, vpk_reader_wait(test, refused), -EFAULT);
	KUNIT_EXPECT_NOT_NULL(test, vpk_log_find(host, VPK_READ, 0));
	KUNIT_EXPECT_NOT_NULL(test, vpk_log_find(host, VPK_SIGBUS, 0));
}

/* A BAR with memory behind it keeps what is written to it, and only that BAR. */
static void bar_ram(struct kunit *test)
{
	struct vpk_function *fn = vpk_device(test, &vpk_full, VPK_DRIVER);
	u8 *memory = vpk_bar_ram(test, fn, 2);
	u64 val = 0x0123456789abcdef;
	u64 got = 0;

	KUNIT_EXPECT_EQ(test, vpk_region_write(fn, 2, SZ_2M - 8, &val, 8), 8);
	KUNIT_EXPECT_EQ(test, memcmp(memory + SZ_2M - 8, &val, 8), 0);
	memory[3] = 0x5a;
	KUNIT_EXPECT_EQ(test, vpk_region_read(fn, 2, 0, &got, 4), 4);
	KUNIT_EXPECT_EQ(test, got, 0x5a000000);
	KUNIT_EXPECT_EQ(test, vpk_region_write(fn, 0, 0, &val, 8), 8);
	KUNIT_EXPECT_EQ(test, memory[0], 0);
}

static struct kunit_case vpk_fixture_cases[] = {
	KUNIT_CASE(bar_sizing),
	KUNIT_CASE(capabilities),
	KUNIT_CASE(command),
	KUNIT_CASE(power_states),
	KUNIT_CASE(function_resets),
	KUNIT_CASE(bus_resets),
	KUNIT_CASE(observing),
	KUNIT_CASE(bind_and_open),
	KUNIT_CASE(bind_unknown),
	KUNIT_CASE(map_and_touch),
	KUNIT_CASE(map_other_thread),
	KUNIT_CASE(bar_ram),
	{}
};

static struct kunit_suite vpk_fixture_suite = {
	.name = "vfio-pci-fixture",
	.init = vpk_case_init,
	.exit = vpk_case_exit,
	.test_cases = vpk_fixture_cases,
};

kunit_test_suite(vpk_fixture_suite);
