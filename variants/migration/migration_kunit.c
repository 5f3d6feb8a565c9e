// SPDX-License-Identifier: GPL-2.0-only
#include <linux/sizes.h>

#include "vfio_pci_kunit.h"

#define DRIVER	"migration-vfio-pci"

#define BAR	2
#define LEN	SZ_256K
#define SHOWN	(LEN / 2)

static const struct vpk_function_config migration_function = {
	.vendor = PCI_VENDOR_ID_REDHAT_QUMRANET,
	.device = 0x1110,
	.bar_size = { [0] = SZ_4K, [BAR] = LEN },
	.pm = true,
	.no_soft_reset = true,
	.exp_flr = true,
};

static const struct vpk_variant migration_variant = {
	.driver = DRIVER,
	.symbol = "migration_vfio_driver",
	.config = &migration_function,
	.region = BAR,
	.size = SHOWN,
	.other = 0,
	.ioeventfd = -EINVAL,
};

static int migration_init(struct kunit *test)
{
	return vpk_variant_init(test, &migration_variant);
}

VPK_VARIANT_CASES(migration_cases);

static struct kunit_suite migration_suite = {
	.name = "migration-vfio-pci",
	.init = migration_init,
	.exit = vpk_case_exit,
	.test_cases = migration_cases,
};

kunit_test_suite(migration_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit suite of the migration-vfio-pci driver");
