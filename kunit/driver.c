// SPDX-License-Identifier: GPL-2.0-only
/*
 * Binding a driver to a software function by the real probe path, and the
 * fixture's own variant driver, which a test can make right or wrong.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/kallsyms.h>
#include <linux/module.h>

#include "vfio_pci_kunit.h"

static const struct vfio_device_ops vpk_plain_ops = {
	.name		= VPK_DRIVER,
	.init		= vfio_pci_core_init_dev,
	.release	= vfio_pci_core_release_dev,
	.open_device	= vpk_core_open_device,
	.close_device	= vfio_pci_core_close_device,
	.ioctl		= vfio_pci_core_ioctl,
	.get_region_info_caps = vfio_pci_ioctl_get_region_info,
	.device_feature	= vfio_pci_core_ioctl_feature,
	.read		= vfio_pci_core_read,
	.write		= vfio_pci_core_write,
	.mmap		= vfio_pci_core_mmap,
	.request	= vfio_pci_core_request,
	.match		= vfio_pci_core_match,
	.match_token_uuid = vfio_pci_core_match_token_uuid,
};

static const struct vfio_pci_device_ops vpk_pci_dev_ops = {
	.get_dmabuf_phys = vfio_pci_core_get_dmabuf_phys,
};

/**
 * vpk_core_open_device() - open_device() of a driver with nothing to add
 * @core_vdev: the device
 *
 * For drivers that a test makes.
 *
 * Context: as vfio_device_ops.open_device.
 * Return: 0 or an error.
 */
int vpk_core_open_device(struct vfio_device *core_vdev)
{
	struct vfio_pci_core_device *vdev =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);
	int ret;

	ret = vfio_pci_core_enable(vdev);
	if (ret)
		return ret;
	vfio_pci_core_finish_enable(vdev);
	return 0;
}

/**
 * vpk_driver_ops() - the operations of plain vfio-pci
 *
 * For a test that changes one of them in a copy.
 *
 * Return: the operations.
 */
const struct vfio_device_ops *vpk_driver_ops(void)
{
	return &vpk_plain_ops;
}

static int vpk_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct vpk_function *fn = vpk_function_of(pdev);
	struct vfio_pci_core_device *vdev;
	int ret;

	if (!fn)
		return -ENODEV;
	vdev = vfio_alloc_device(vfio_pci_core_device, vdev, &pdev->dev,
				 fn->driver.ops ?: &vpk_plain_ops);
	if (IS_ERR(vdev))
		return PTR_ERR(vdev);
	dev_set_drvdata(&pdev->dev, vdev);
	vdev->pci_ops = &vpk_pci_dev_ops;
	if (fn->driver.before_register)
		fn->driver.before_register(vdev, fn->driver.data);
	ret = vfio_pci_core_register_device(vdev);
	if (ret) {
		vfio_put_device(&vdev->vdev);
		return ret;
	}
	if (fn->driver.after_register)
		fn->driver.after_register(vdev, fn->driver.data);
	return 0;
}

static void vpk_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *vdev = dev_get_drvdata(&pdev->dev);

	vfio_pci_core_unregister_device(vdev);
	vfio_put_device(&vdev->vdev);
}

static const struct pci_device_id vpk_ids[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(PCI_ANY_ID, PCI_ANY_ID) },
	{}
};

static struct pci_driver vpk_driver = {
	.name			= VPK_DRIVER,
	.id_table		= vpk_ids,
	.probe			= vpk_probe,
	.remove			= vpk_remove,
	.err_handler		= &vfio_pci_core_err_handlers,
	.driver_managed_dma	= true,
};

static void vpk_unbind_action(void *data)
{
	vpk_unbind(data);
}

/**
 * vpk_try_bind() - bind a driver, which may refuse
 * @test: the test
 * @fn: the function, below a probed host bridge
 * @driver: name of a registered PCI driver, VPK_DRIVER for the fixture's own
 *
 * Sets driver_override and lets the driver core do the rest: the real match
 * and probe. @fn->flag_at_register holds what zap_bars_on_revoke was while the
 * driver registered (rules C4, V2), provided the function has a PM capability.
 *
 * Context: the test's thread. Unbound when the test ends.
 * Return: 0, or -ENODEV when the driver does not exist or refused.
 */
int vpk_try_bind(struct kunit *test, struct vpk_function *fn,
		 const char *driver)
{
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, fn->pdev);
	fn->registering_seen = false;
	ret = device_set_driver_override(&fn->pdev->dev, driver);
	if (ret)
		return ret;
	ret = device_attach(&fn->pdev->dev);
	if (ret < 0)
		return ret;
	if (!ret)
		return -ENODEV;
	fn->vdev = pci_get_drvdata(fn->pdev);
	ret = kunit_add_action_or_reset(test, vpk_unbind_action, fn);
	KUNIT_ASSERT_EQ(test, ret, 0);
	return 0;
}

/**
 * vpk_bind() - bind a driver
 * @test: the test
 * @fn: the function, below a probed host bridge
 * @driver: name of a registered PCI driver, VPK_DRIVER for the fixture's own
 *
 * As vpk_try_bind(), and the test is aborted if the driver refuses. The event
 * log starts empty afterwards.
 *
 * Context: the test's thread. Unbound when the test ends.
 */
void vpk_bind(struct kunit *test, struct vpk_function *fn, const char *driver)
{
	KUNIT_ASSERT_EQ_MSG(test, vpk_try_bind(test, fn, driver), 0,
			    "driver %s did not bind", driver);
	KUNIT_ASSERT_NOT_NULL(test, fn->vdev);
	vpk_log_clear(fn->host);
}

/**
 * vpk_try_bind_as_vf() - bind a driver to a function that passes for a VF
 * @test: the test
 * @fn: the function
 * @driver: name of a registered PCI driver
 * @physfn: its PF, with what a driver of VFs looks for there
 *
 * Some drivers look for the driver of their PF, and for the number of the VF,
 * while they are bound, and not afterwards. From then on @fn is a function like
 * others, so that its own config space tells what is done to it.
 *
 * Context: the test's thread. Unbound when the test ends.
 * Return: as vpk_try_bind().
 */
int vpk_try_bind_as_vf(struct kunit *test, struct vpk_function *fn,
		       const char *driver, const struct vpk_physfn *physfn)
{
	struct pci_dev *pf = physfn->fn->pdev;
	int ret;

	pf->driver = physfn->driver;
	pci_set_drvdata(pf, physfn->drvdata);
	fn->pdev->physfn = pf;
	fn->pdev->is_virtfn = 1;
	ret = vpk_try_bind(test, fn, driver);
	fn->pdev->is_virtfn = 0;
	fn->pdev->physfn = NULL;
	pci_set_drvdata(pf, NULL);
	pf->driver = NULL;
	return ret;
}

/**
 * vpk_unbind() - unbind a function's driver
 * @fn: the function; nothing happens if it has no driver
 *
 * Waits, as the driver core does, until the device is closed.
 *
 * Context: process context.
 */
void vpk_unbind(struct vpk_function *fn)
{
	if (!fn->vdev)
		return;
	/* Mappings of a test's thread are gone when the files are. */
	vpk_wait_open_count(fn, 0);
	fn->vdev = NULL;
	device_release_driver(&fn->pdev->dev);
}

/**
 * vpk_add_id() - give a driver a PCI ID, as new_id in sysfs does
 * @test: the test
 * @driver: name of a registered PCI driver
 * @config: a function with the ID; the driver must not know the ID yet
 * @data: what the driver's table would have as driver_data
 *
 * Context: the test's thread. The ID stays until the driver is unregistered, so
 * @data must be static.
 */
void vpk_add_id(struct kunit *test, const char *driver,
		const struct vpk_function_config *config, const void *data)
{
	struct device_driver *drv = driver_find(driver, &pci_bus_type);

	KUNIT_ASSERT_NOT_NULL(test, drv);
	KUNIT_ASSERT_EQ(test, pci_add_dynid(to_pci_driver(drv), config->vendor,
					    config->device, PCI_ANY_ID,
					    PCI_ANY_ID, 0, 0,
					    (kernel_ulong_t)data), 0);
}

static int vpk_configure_vfs(struct vpk_function *pf, int nr)
{
	int ret;

	/* As a write to sriov_numvfs */
	device_lock(&pf->pdev->dev);
	pci_lock_rescan_remove();
	ret = vfio_pci_core_sriov_configure(pci_get_drvdata(pf->pdev), nr);
	pci_unlock_rescan_remove();
	device_unlock(&pf->pdev->dev);
	return ret;
}

static void vpk_disable_vfs(void *data)
{
	struct vpk_function *pf = data;

	vpk_configure_vfs(pf, 0);
}

/**
 * vpk_enable_vfs() - enable all VFs of a PF, and bind its driver to them
 * @test: the test
 * @pf: a function with @vfs in its config, bound
 *
 * The VFs are the functions that were added after it; they are bound as by
 * vpk_bind(), but not open.
 *
 * Context: the test's thread. Disabled when the test ends. Skips the test on a
 * kernel without SR-IOV.
 */
void vpk_enable_vfs(struct kunit *test, struct vpk_function *pf)
{
	unsigned int i;
	int nr = pf->config.vfs;

	if (!IS_ENABLED(CONFIG_PCI_IOV))
		kunit_skip(test, "this kernel has no SR-IOV");
	KUNIT_ASSERT_EQ(test, vpk_configure_vfs(pf, nr), nr);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vpk_disable_vfs,
							pf), 0);
	for (i = pf->nr + 1; i <= pf->nr + nr; i++) {
		struct vpk_function *vf = pf->host->functions[i];

		vf->pdev = pci_get_slot(pf->pdev->bus, PCI_DEVFN(0, i));
		KUNIT_ASSERT_NOT_NULL(test, vf->pdev);
		vpk_bind(test, vf, VPK_DRIVER);
	}
}

/* A function of a driver's that nobody but its module's loader can call. */
static void *vpk_symbol(struct kunit *test, const char *driver,
			const char *suffix)
{
	char name[64];
	void *symbol;

	snprintf(name, sizeof(name), "%s_%s", driver, suffix);
	symbol = (void *)kallsyms_lookup_name(name);
	if (!symbol)
		kunit_skip(test, "there is no %s() in kallsyms", name);
	return symbol;
}

/**
 * vpk_reload_check() - unload a driver while it has a device, and load it again
 * @test: the test
 * @config: a function that the driver drives
 * @driver: the driver's name
 * @symbol: what module_pci_driver() was given
 *
 * By the functions that rmmod and modprobe would call. The device is unbound
 * then, nothing is bound while the driver is not there, and afterwards it works
 * as before. Skips the test, by name, after boot (those functions are gone), and
 * on a kernel without CONFIG_KALLSYMS_ALL.
 *
 * Context: the test's thread.
 */
void vpk_reload_check(struct kunit *test,
		      const struct vpk_function_config *config,
		      const char *driver, const char *symbol)
{
	struct vpk_function *fn;
	void (*unload)(void);
	struct vpk_host *host;
	int (*load)(void);
	int usage;

	if (system_state >= SYSTEM_FREEING_INITMEM)
		kunit_skip(test, "this kernel has booted already");
	load = vpk_symbol(test, symbol, "init");
	unload = vpk_symbol(test, symbol, "exit");

	host = vpk_host_create(test);
	fn = vpk_function_add(test, host, config);
	vpk_host_probe(test, host);
	usage = atomic_read(&fn->pdev->dev.power.usage_count);
	vpk_bind(test, fn, driver);

	unload();
	fn->vdev = NULL;
	KUNIT_EXPECT_FALSE(test, device_is_bound(&fn->pdev->dev));
	KUNIT_EXPECT_EQ(test, atomic_read(&fn->pdev->dev.power.usage_count),
			usage);
	KUNIT_EXPECT_NULL(test, fn->pdev->dev.iommu_group);
	KUNIT_EXPECT_NULL(test, driver_find(driver, &pci_bus_type));
	KUNIT_EXPECT_EQ(test, vpk_try_bind(test, fn, driver), -ENODEV);

	KUNIT_ASSERT_EQ(test, load(), 0);
	vpk_bind(test, fn, driver);
	vpk_open(test, fn);
}

builtin_pci_driver(vpk_driver);
