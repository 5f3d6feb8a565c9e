/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PCI function in software, and what a KUnit test needs around it to watch
 * BAR mappings being revoked.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * A test reads like this::
 *
 *	host = vpk_host_create(test);
 *	fn = vpk_function_add(test, host, &config);
 *	vpk_host_probe(test, host);
 *	vpk_bind(test, fn, "wrapper-vfio-pci");
 *	vpk_open(test, fn);
 *	map = vpk_map(test, fn, 0, 0, PAGE_SIZE);
 *	KUNIT_EXPECT_EQ(test, vpk_touch(map, 0), 0);
 *	vpk_config_write16(test, fn, PCI_COMMAND, 0);
 *	KUNIT_EXPECT_FALSE(test, vpk_mapped(map, 0));
 *	VPK_EXPECT_ORDER(test, host, "zap revoke mem-off");
 *
 * Everything is undone when the test ends; no test has teardown code.
 */
#ifndef VFIO_PCI_KUNIT_H
#define VFIO_PCI_KUNIT_H

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/dma-direction.h>
#include <linux/mm_types.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/vfio.h>
#include <linux/vfio_pci_core.h>

#define VPK_MAX_FUNCTIONS	8
#define VPK_MAX_EVENTS		128
#define VPK_MAX_FILES		4

/* Where the capabilities of a software function are, if it has them. */
#define VPK_PM_POS		0x40
#define VPK_AF_POS		0x50
#define VPK_EXP_POS		0x60
#define VPK_MSIX_POS		0xa0
/* How many entries its table has */
#define VPK_MSIX_ENTRIES	16
#define VPK_SRIOV_POS		0x100
#define VPK_DVSEC_POS		0x140
#define VPK_DVSEC_LEN		0x40
#define VPK_MAX_DVSECS		2

struct vpk_function;
struct vpk_host;
struct vpk_map;

/* What most tests want: all capabilities, a small and a larger BAR. */
#define VPK_FULL_CONFIG {						\
	.bar_size = { SZ_64K, 0, SZ_2M, 0, SZ_4K },			\
	.bar_64bit = BIT(2),						\
	.pm = true,							\
	.no_soft_reset = true,						\
	.exp_flr = true,						\
}

/* A PF, to be followed by a function that passes for its VF. */
#define VPK_PF_CONFIG {							\
	.bar_size = { SZ_64K },						\
	.pm = true,							\
	.no_soft_reset = true,						\
	.exp_flr = true,						\
	.vfs = 1,							\
	.vf_bar = SZ_64K,						\
}

/**
 * enum vpk_event_type - what the event log can hold, one bit each
 * @VPK_ZAP: the core has removed the user PTEs (tracepoint vfio_pci_zap_bars)
 * @VPK_REVOKE: importers have let go (tracepoint vfio_pci_revoke_dmabufs)
 * @VPK_UNREVOKE: DMABUFs are usable again (tracepoint vfio_pci_unrevoke_bars)
 * @VPK_INVALIDATE: a fake importer was told to let go
 * @VPK_RELEASE: a fake importer has let go
 * @VPK_D0: PMCSR went to D0
 * @VPK_D3: PMCSR went to D3hot
 * @VPK_MEM_OFF: PCI_COMMAND_MEMORY was cleared
 * @VPK_MEM_ON: PCI_COMMAND_MEMORY was set
 * @VPK_FLR: function level reset through the PCI Express capability
 * @VPK_AF_FLR: function level reset through the AF capability
 * @VPK_BUS_RESET: secondary bus reset by the bridge above
 * @VPK_READ: a reader thread's access got through
 * @VPK_SIGBUS: a reader thread's access was refused
 * @VPK_MARK: the test's own mark, see vpk_log()
 * @VPK_D1: PMCSR went to D1
 * @VPK_D2: PMCSR went to D2
 */
enum vpk_event_type {
	VPK_ZAP		= BIT(0),
	VPK_REVOKE	= BIT(1),
	VPK_UNREVOKE	= BIT(2),
	VPK_INVALIDATE	= BIT(3),
	VPK_RELEASE	= BIT(4),
	VPK_D0		= BIT(5),
	VPK_D3		= BIT(6),
	VPK_MEM_OFF	= BIT(7),
	VPK_MEM_ON	= BIT(8),
	VPK_FLR		= BIT(9),
	VPK_AF_FLR	= BIT(10),
	VPK_BUS_RESET	= BIT(11),
	VPK_READ	= BIT(12),
	VPK_SIGBUS	= BIT(13),
	VPK_MARK	= BIT(14),
	VPK_D1		= BIT(15),
	VPK_D2		= BIT(16),
};

/**
 * struct vpk_event - one entry of the event log
 * @type: what happened
 * @fn: function number it happened to, -1 for the bridge
 * @d3: the function was in D3hot at that moment
 * @mem: the function's PCI_COMMAND_MEMORY was set at that moment
 * @mapped: the PTE that vpk_watch() names was there at that moment
 * @a: first figure of the event, e.g. DMABUFs zapped
 * @b: second figure of the event, e.g. DMABUFs waited for
 */
struct vpk_event {
	enum vpk_event_type type;
	int fn;
	bool d3;
	bool mem;
	bool mapped;
	u32 a;
	u32 b;
};

/**
 * struct vpk_access - one config space access, as an observer sees it
 * @fn: the function, NULL for the bridge
 * @where: offset in config space
 * @size: 1, 2 or 4
 * @write: false for a read
 * @val: what is being written; for a read, what is there
 */
struct vpk_access {
	struct vpk_function *fn;
	int where;
	int size;
	bool write;
	u32 val;
};

/**
 * typedef vpk_observer - sees each access to a function's config space
 * @access: the access, before it has any effect
 * @data: what was given to vpk_observe()
 *
 * Context: whatever the access was made in, pci_lock held and interrupts off
 * on most architectures: no sleeping, no mmap_lock.
 * Return: PCIBIOS_SUCCESSFUL, or a PCIBIOS_* error that the access fails with
 * (it has no effect then).
 */
typedef int (*vpk_observer)(const struct vpk_access *access, void *data);

/**
 * vpk_begins_flr() - whether an access begins an FLR by the PCI Express capability
 * @access: what an observer sees
 *
 * The PCI core writes the same register when it restores the configuration, after a
 * reset and when the device leaves D3hot (PCI Express Base Specification, Device
 * Control Register, Initiate Function Level Reset).
 *
 * Context: any.
 * Return: true for a write that sets the bit.
 */
static inline bool vpk_begins_flr(const struct vpk_access *access)
{
	return access->write && access->where == VPK_EXP_POS + PCI_EXP_DEVCTL &&
	       access->val & PCI_EXP_DEVCTL_BCR_FLR;
}

/**
 * struct vpk_dvsec - a vendor's capability in extended config space
 * @vendor: whose, 0 for none
 * @id: which of that vendor's
 * @where: offset of the one register of it that is not 0, a multiple of 4
 * @val: what that register holds after a reset
 */
struct vpk_dvsec {
	u16 vendor;
	u16 id;
	u8 where;
	u32 val;
};

/**
 * struct vpk_function_config - what a software function looks like
 * @vendor: PCI vendor ID, 0 for the fixture's own
 * @device: PCI device ID
 * @class: class code, 0 for "does not fit in any defined class"
 * @bar_size: size of each BAR, a power of two or 0 for none
 * @bar_64bit: bit n: BAR n is 64 bits wide (it takes BAR n + 1 too)
 * @bar_prefetch: bit n: BAR n is prefetchable
 * @msix: has the MSI-X capability, with a table of 16 entries
 * @msix_bar: the BAR that the table is in
 * @msix_offset: where in the BAR the table is
 * @pm: has the power management capability
 * @d1: and supports D1
 * @d2: and supports D2
 * @no_soft_reset: NoSoftRst, D3hot to D0 keeps the configuration
 * @exp: has the PCI Express capability
 * @exp_flr: and it can FLR
 * @af_flr: has the AF capability with FLR
 * @vfs: is a PF that may have so many VFs, the functions added after it
 * @vf: is a VF of the PF added last, there while that has its VFs enabled; its
 *	BARs are the PF's to tell of
 * @vf_bar: of a PF: size of BAR 0 of each VF
 * @dvsec: vendors' capabilities; needs @exp or @exp_flr. The first is at
 *	VPK_DVSEC_POS, the others follow, each of VPK_DVSEC_LEN bytes
 */
struct vpk_function_config {
	u16 vendor;
	u16 device;
	u32 class;
	resource_size_t bar_size[PCI_STD_NUM_BARS];
	u8 bar_64bit;
	u8 bar_prefetch;
	bool msix;
	u8 msix_bar;
	u32 msix_offset;
	bool pm;
	bool d1;
	bool d2;
	bool no_soft_reset;
	bool exp;
	bool exp_flr;
	bool af_flr;
	unsigned int vfs;
	bool vf;
	resource_size_t vf_bar;
	struct vpk_dvsec dvsec[VPK_MAX_DVSECS];
};

/**
 * struct vpk_driver_config - what the fixture's own driver shall be like
 * @ops: VFIO operations, NULL for those of plain vfio-pci
 * @before_register: called between vfio_alloc_device() and registration
 * @after_register: called right after a successful registration
 * @data: for the caller's hooks
 */
struct vpk_driver_config {
	const struct vfio_device_ops *ops;
	void (*before_register)(struct vfio_pci_core_device *vdev, void *data);
	void (*after_register)(struct vfio_pci_core_device *vdev, void *data);
	void *data;
};

/**
 * struct vpk_fail - which config accesses fail, see vpk_fail_access()
 * @where: those that touch this byte
 * @write: writes, or reads
 * @skip: so many get through first
 * @times: so many fail then
 */
struct vpk_fail {
	int where;
	bool write;
	unsigned int skip;
	unsigned int times;
};

/**
 * struct vpk_function - a software PCI function
 * @host: the host bridge it is behind
 * @nr: function number in slot 0 of the bus below the root port
 * @config: how it was asked for
 * @driver: for the fixture's own driver, what it shall be like
 * @pf: of a VF: its PF
 * @cfg: config space
 * @reset_cfg: config space after reset
 * @wmask: bits of config space that a write can change
 * @observer: sees each config access, see vpk_observe()
 * @observer_data: handed to @observer
 * @fail: which accesses fail, see vpk_fail_access()
 * @pdev: the PCI device, valid from vpk_host_probe() on
 * @vdev: the VFIO device, valid while a driver is bound by vpk_bind()
 * @device: the device file, NULL when not open
 * @group: the group file, NULL when not open
 * @container: the container file, NULL when not open
 * @resets: how often it was reset, in any way
 * @flag_at_register: zap_bars_on_revoke as it was while registering
 * @registering_seen: @flag_at_register is valid
 */
struct vpk_function {
	struct vpk_host *host;
	unsigned int nr;
	struct vpk_function_config config;
	struct vpk_driver_config driver;
	struct vpk_function *pf;
	u8 cfg[PCI_CFG_SPACE_EXP_SIZE];
	u8 reset_cfg[PCI_CFG_SPACE_EXP_SIZE];
	u8 wmask[PCI_CFG_SPACE_EXP_SIZE];
	vpk_observer observer;
	void *observer_data;
	struct vpk_fail fail;
	struct pci_dev *pdev;
	struct vfio_pci_core_device *vdev;
	struct file *device;
	struct file *group;
	struct file *container;
	unsigned int resets;
	bool flag_at_register;
	bool registering_seen;
};

/**
 * struct vpk_host - a software host bridge, a root port, and functions below
 * @test: the test it belongs to
 * @functions: the functions of slot 0 below the root port
 * @nr_functions: how many
 * @bridge: the PCI core's host bridge
 * @parent: root device above it
 * @busn: bus numbers it decodes
 * @port: the root port's config space
 * @port_wmask: bits of it that a write can change
 * @port_reset: the root port keeps its secondary bus in reset
 * @port_observer: sees each access to the root port's config space
 * @port_observer_data: handed to @port_observer
 * @ubuf: a page of user memory for ioctl(), read() and write()
 * @mm: the user address space of the test
 * @log_lock: protects @log, @nr_events and @watch
 * @log: the event log
 * @nr_events: entries in @log
 * @log_ignore: event types that are not logged
 * @watch: address of the PTE to look at on each event
 * @lost: events that found no room
 */
struct vpk_host {
	struct kunit *test;
	struct vpk_function *functions[VPK_MAX_FUNCTIONS];
	unsigned int nr_functions;
	struct pci_host_bridge *bridge;
	struct device *parent;
	struct resource busn;
	u8 port[PCI_CFG_SPACE_SIZE];
	u8 port_wmask[PCI_CFG_SPACE_SIZE];
	bool port_reset;
	vpk_observer port_observer;
	void *port_observer_data;
	void __user *ubuf;
	struct mm_struct *mm;
	raw_spinlock_t log_lock;
	struct vpk_event log[VPK_MAX_EVENTS];
	unsigned int nr_events;
	u32 log_ignore;
	unsigned long watch;
	unsigned int lost;
};

/**
 * struct vpk_map - a user mapping of a region
 * @fn: the function
 * @addr: user address
 * @len: length in bytes
 */
struct vpk_map {
	struct vpk_function *fn;
	unsigned long addr;
	size_t len;
};

/**
 * enum vpk_fault_kind - how a thread faults
 * @VPK_FAULT_RETRY: holds mmap_lock, which the fault may release
 * @VPK_FAULT_FINAL: holds mmap_lock, which the fault may not release
 * @VPK_FAULT_NOWAIT: the fault may be started again, but not wait
 * @VPK_FAULT_VMA: holds the VMA's lock, which the fault may release
 */
enum vpk_fault_kind {
	VPK_FAULT_RETRY,
	VPK_FAULT_FINAL,
	VPK_FAULT_NOWAIT,
	VPK_FAULT_VMA,
};

/**
 * struct vpk_faulter - a thread that faults once, when told to
 * @map: the mapping
 * @addr: where it faults
 * @kind: how
 * @mm: the address space, a reference is held on the struct only
 * @task: the thread, a reference is held
 * @go: completed by vpk_faulter_go()
 * @done: completed when the fault is over
 * @result: what fixup_user_fault() returned
 * @fault: what handle_mm_fault() returned, where that is called instead
 */
struct vpk_faulter {
	struct vpk_map *map;
	unsigned long addr;
	enum vpk_fault_kind kind;
	struct mm_struct *mm;
	struct task_struct *task;
	struct completion go;
	struct completion done;
	int result;
	vm_fault_t fault;
};

/**
 * struct vpk_path - one path that revokes BAR mappings
 * @name: its name
 * @af_flr: needs a function that only the AF capability can reset
 * @bus: takes all functions of the slot with it
 * @feature: needs a driver with .device_feature
 * @prepare: called before the log starts, or NULL
 * @revoke: takes the path
 * @order: what the log must hold then, see VPK_EXPECT_ORDER()
 * @restore: makes the device accessible again, NULL if it is
 * @restore_order: what the log must hold then
 */
struct vpk_path {
	const char *name;
	bool af_flr;
	bool bus;
	bool feature;
	int (*prepare)(struct vpk_function *fn);
	int (*revoke)(struct vpk_function *fn);
	const char *order;
	int (*restore)(struct vpk_function *fn);
	const char *restore_order;
};

/**
 * struct vpk_variant - what the shared cases have to know about a driver
 * @driver: name of the driver
 * @symbol: name of the struct pci_driver that module_pci_driver() was given
 * @config: a function that the driver drives, with PM, NoSoftRst and PCIe FLR
 * @region: the region that the driver restricts, or maps itself
 * @size: how many bytes of @region the user may reach, in whole pages
 * @by_hand: the driver maps @region by PFN and keeps zap_bars_on_revoke (V3);
 *	otherwise a DMABUF backs each mapping, and the driver clears it (V2, V5)
 * @other: a BAR that the driver leaves to the core
 * @ioeventfd: what VFIO_DEVICE_IOEVENTFD returns behind @size in @region
 * @ioeventfds_within: and the driver offers ioeventfds before that
 * @strangers: functions that the driver refuses, beside one that it does not
 *	know at all
 * @nr_strangers: how many
 */
struct vpk_variant {
	const char *driver;
	const char *symbol;
	const struct vpk_function_config *config;
	unsigned int region;
	u64 size;
	bool by_hand;
	unsigned int other;
	long ioeventfd;
	bool ioeventfds_within;
	const struct vpk_function_config *strangers;
	unsigned int nr_strangers;
};

/**
 * struct vpk_wc - a range of a BAR that is declared to be write-combining
 * @name: of the case; NULL behind the last one
 * @bar: the BAR
 * @offset: where in it
 * @len: how long
 * @ret: what is to become of it
 */
struct vpk_wc {
	const char *name;
	unsigned int bar;
	u64 offset;
	u64 len;
	int ret;
};

/**
 * struct vpk_physfn - the PF of a function that passes for a VF
 * @fn: the function, of which nothing but its SR-IOV capability matters
 * @driver: what seems to be bound to it, or NULL
 * @drvdata: what that driver seems to have as its data
 */
struct vpk_physfn {
	struct vpk_function *fn;
	struct pci_driver *driver;
	void *drvdata;
};

/* pci_host.c: the host bridge */
struct vpk_host *vpk_host_create(struct kunit *test);
void vpk_host_probe(struct kunit *test, struct vpk_host *host);
struct vpk_host *vpk_host_of(struct pci_bus *bus);

/* pci_function.c, pci_port.c: what is in config space */
struct vpk_function *vpk_function_add(struct kunit *test, struct vpk_host *host,
				      const struct vpk_function_config *config);
struct vpk_function *vpk_function_of(struct pci_dev *pdev);
void vpk_observe(struct vpk_function *fn, vpk_observer observer, void *data);
void vpk_fail_access(struct kunit *test, struct vpk_function *fn, int where,
		     bool write, unsigned int skip, unsigned int times);
int vpk_function_access(struct vpk_function *fn, int where, int size,
			bool write, u32 *val);
void vpk_function_reset(struct vpk_function *fn);
unsigned int vpk_function_power(const struct vpk_function *fn);
bool vpk_function_in_d3(const struct vpk_function *fn);
bool vpk_function_answers(const struct vpk_function *fn);
int vpk_function_cfg_size(const struct vpk_function *fn);
bool vpk_function_mem_enabled(const struct vpk_function *fn);
void vpk_port_init(struct vpk_host *host);
int vpk_port_access(struct vpk_host *host, int where, int size, bool write,
		    u32 *val);
u32 vpk_cfg_read(const u8 *cfg, int where, int size);
void vpk_cfg_write(u8 *cfg, int where, int size, u32 val);

/* driver.c, device_file.c: bind and open */
void vpk_bind(struct kunit *test, struct vpk_function *fn, const char *driver);
int vpk_try_bind(struct kunit *test, struct vpk_function *fn,
		 const char *driver);
int vpk_try_bind_as_vf(struct kunit *test, struct vpk_function *fn,
		       const char *driver, const struct vpk_physfn *physfn);
void vpk_unbind(struct vpk_function *fn);
void vpk_add_id(struct kunit *test, const char *driver,
		const struct vpk_function_config *config, const void *data);
void vpk_enable_vfs(struct kunit *test, struct vpk_function *pf);
void vpk_reload_check(struct kunit *test,
		      const struct vpk_function_config *config,
		      const char *driver, const char *symbol);
int vpk_core_open_device(struct vfio_device *core_vdev);
const struct vfio_device_ops *vpk_driver_ops(void);
#define VPK_DRIVER "vpk-vfio-pci"

struct file *vpk_open_node(const char *fs, const char *name);
void vpk_ubuf(struct kunit *test, struct vpk_host *host);
void vpk_open_group(struct kunit *test, struct vpk_function *fn);
void vpk_open_container(struct kunit *test, struct vpk_function *fn);
int vpk_open_device(struct vpk_function *fn);
void vpk_open(struct kunit *test, struct vpk_function *fn);
void vpk_close(struct vpk_function *fn);
long vpk_ioctl(struct vpk_function *fn, unsigned int cmd, void *arg,
	       size_t len);
long vpk_feature(struct vpk_function *fn, u32 flags, void *data, size_t len);
long vpk_reset(struct vpk_function *fn);
long vpk_hot_reset(struct vpk_function *fn);
ssize_t vpk_config_write(struct vpk_function *fn, int where, u32 val, int size);
ssize_t vpk_config_read(struct vpk_function *fn, int where, u32 *val, int size);
ssize_t vpk_region_read(struct vpk_function *fn, unsigned int index, u64 off,
			void *buf, size_t len);
ssize_t vpk_region_write(struct vpk_function *fn, unsigned int index, u64 off,
			 const void *buf, size_t len);
long vpk_region_info(struct vpk_function *fn, unsigned int index,
		     struct vfio_region_info *info);
int vpk_memory(struct vpk_function *fn, bool enable);
int vpk_power(struct vpk_function *fn, pci_power_t state);
long vpk_low_power(struct vpk_function *fn, bool enter);
long vpk_file_refs(struct file *file);
bool vpk_wait_open_count(struct vpk_function *fn, unsigned int count);

/* core_param_test.c: the parameters of drivers that are built in */
struct kernel_param;
extern const struct kernel_param __start___param[], __stop___param[]; /* the linker's */

/* memtype.c: uncached, write-combining, and cached, which no BAR is */
#define VPK_MEMATTR_CACHED	0x100

bool vpk_can_write_combine(void);
int vpk_memattr(struct vpk_map *map, unsigned long off, unsigned long *size);
int vpk_vma_memattr(struct vpk_map *map);
void vpk_expect_memattr(struct kunit *test, struct vpk_map *map,
			unsigned long off, int memattr, unsigned long *size);
struct vpk_function *
vpk_wc_function(struct kunit *test, const struct vpk_function_config *config,
		const struct vpk_wc *ranges, const struct vfio_device_ops *ops);
int vpk_mmap_range(struct vfio_pci_core_device *vdev,
		   struct vm_area_struct *vma, const struct phys_vec *phys);

/* flag.c: what the series adds to the device */
bool vpk_bufs_locked(struct vfio_pci_core_device *vdev);
bool vpk_flag(const struct vfio_pci_core_device *vdev);
void vpk_set_flag(struct vfio_pci_core_device *vdev, bool on);

struct vpk_function *vpk_device(struct kunit *test,
				const struct vpk_function_config *config,
				const char *driver);

/* user_mapping.c: mmap, touch, look */
struct vpk_map *vpk_map(struct kunit *test, struct vpk_function *fn,
			unsigned int index, u64 off, size_t len);
struct vpk_map *vpk_map_file(struct kunit *test, struct vpk_function *fn,
			     struct file *file, unsigned long prot, u64 pos,
			     size_t len);
long vpk_try_mmap_file(struct kunit *test, struct file *file, u64 pos,
		       size_t len, unsigned long prot, unsigned long flags);
long vpk_try_mmap(struct kunit *test, struct vpk_function *fn, u64 pos,
		  size_t len, unsigned long prot, unsigned long flags);
void vpk_unmap(struct vpk_map *map);
int vpk_touch(struct vpk_map *map, unsigned long off);
int vpk_touch_read(struct vpk_map *map, unsigned long off);
bool vpk_mapped(struct vpk_map *map, unsigned long off);
bool vpk_in_device_space(struct vpk_map *map);
bool vpk_in_dmabuf(struct vpk_map *map);
int vpk_pfn(struct vpk_map *map, unsigned long off, unsigned long *pfn,
	    unsigned long *size);
void vpk_watch(struct vpk_host *host, struct vpk_map *map, unsigned long off);
bool vpk_pte_present(struct mm_struct *mm, unsigned long addr);
unsigned long vpk_bar_pfn(struct vpk_function *fn, unsigned int bar, u64 off);
struct vm_area_struct *vpk_vma_get(struct vpk_map *map, unsigned long off);
void vpk_vma_put(struct vpk_map *map);

void vpk_as_user_begin(void);
void vpk_as_user_end(void);

struct vpk_reader;
struct vpk_reader *vpk_reader_start(struct kunit *test, struct vpk_map *map,
				    unsigned long off);
void vpk_reader_go(struct vpk_reader *reader);
bool vpk_reader_done(struct vpk_reader *reader);
int vpk_reader_wait(struct kunit *test, struct vpk_reader *reader);

/* worker.c: what others do meanwhile */
struct vpk_worker;
struct vpk_worker *vpk_worker_start(struct kunit *test, struct vpk_host *host,
				    long (*run)(void *data), void *data);
void vpk_worker_urgent(struct vpk_worker *worker);
void vpk_worker_go(struct vpk_worker *worker);
bool vpk_worker_done(struct vpk_worker *worker);
void vpk_worker_kill(struct vpk_worker *worker);
long vpk_worker_wait(struct vpk_worker *worker);

struct vpk_lock_holder;
struct vpk_lock_holder *vpk_hold_memory_lock(struct kunit *test,
					     struct vpk_function *fn,
					     bool write);
struct vpk_lock_holder *vpk_queue_memory_lock(struct kunit *test,
					      struct vpk_function *fn);
void vpk_drop_memory_lock(struct vpk_lock_holder *holder);

/* faulter.c: faults that wait for memory_lock */
struct vpk_faulter *vpk_faulter_start(struct kunit *test, struct vpk_map *map,
				      enum vpk_fault_kind kind);
void vpk_faulter_go(struct kunit *test, struct vpk_faulter *faulter);
void vpk_faulter_kill(struct vpk_faulter *faulter);
bool vpk_faulter_done(struct vpk_faulter *faulter, unsigned int ms);
bool vpk_mmap_lock_free(struct mm_struct *mm);

/* importer.c: who has a DMABUF of a region */
struct dma_buf;
struct sg_table;
struct vpk_importer;
void vpk_need_importers(struct kunit *test);
struct dma_buf *vpk_try_export_as(struct vpk_function *fn, unsigned int index,
				  const struct vfio_region_dma_range *ranges,
				  unsigned int nr_ranges,
				  unsigned int open_flags);
struct dma_buf *vpk_try_export(struct vpk_function *fn, unsigned int index,
			       const struct vfio_region_dma_range *ranges,
			       unsigned int nr_ranges);
void vpk_put_later(struct kunit *test, struct dma_buf *dmabuf);
struct dma_buf *vpk_export_as(struct kunit *test, struct vpk_function *fn,
			      unsigned int index, u64 off, u64 len,
			      unsigned int open_flags);
struct dma_buf *vpk_export(struct kunit *test, struct vpk_function *fn,
			   unsigned int index, u64 off, u64 len);
struct vpk_map *vpk_map_dmabuf_at(struct kunit *test, struct vpk_function *fn,
				  struct dma_buf *dmabuf,
				  unsigned int open_flags, u64 off, size_t len);
struct vpk_map *vpk_map_dmabuf(struct kunit *test, struct vpk_function *fn,
			       struct dma_buf *dmabuf,
			       unsigned int open_flags);
long vpk_try_mmap_dmabuf(struct kunit *test, struct dma_buf *dmabuf, u64 off,
			 size_t len, unsigned long prot, unsigned long flags);
int vpk_try_attach(struct dma_buf *dmabuf, struct vpk_function *by);
struct vpk_importer *vpk_importer_attach(struct kunit *test,
					 struct vpk_function *fn,
					 struct dma_buf *dmabuf,
					 struct vpk_function *by);
int vpk_importer_map(struct vpk_importer *importer);
void vpk_importer_direction(struct vpk_importer *importer,
			    enum dma_data_direction dir);
void vpk_importer_unmap(struct vpk_importer *importer);
bool vpk_importer_mapped(struct vpk_importer *importer);
void vpk_importer_slow(struct vpk_importer *importer, unsigned int ms);
struct sg_table *vpk_importer_sgt(struct vpk_importer *importer);

/* export.c: what the owner of a device can do with a DMABUF of it */
long vpk_revoke_export(struct vpk_function *fn, struct dma_buf *dmabuf);
long vpk_export_memattr(struct vpk_function *fn, struct dma_buf *dmabuf,
			u32 memattr);

/* bar_writes.c, arch_um.c: what is behind a BAR */
u8 *vpk_bar_ram(struct kunit *test, struct vpk_function *fn, unsigned int bar);
void vpk_bar_watch(struct kunit *test, struct vpk_function *fn,
		   unsigned int bar);
void vpk_bar_watched(struct vpk_function *fn, unsigned int bar);
bool vpk_bar_written(struct vpk_function *fn, unsigned int bar, u64 off,
		     u32 val);

/* eventfd.c: an eventfd, which a process would make by a system call */
struct vpk_eventfd;
struct vpk_eventfd *vpk_eventfd_create(struct kunit *test);
int vpk_eventfd_lend(struct vpk_eventfd *eventfd);
void vpk_eventfd_signal(struct vpk_eventfd *eventfd);
void vpk_eventfd_log(struct vpk_eventfd *eventfd, struct vpk_function *fn);
long vpk_ioeventfd(struct vpk_function *fn, unsigned int index, u64 off,
		   u32 val, struct vpk_eventfd *eventfd);

/* migration.c: what user space does to migrate a device */
long vpk_mig_set_state(struct kunit *test, struct vpk_function *fn,
		       enum vfio_device_mig_state state, struct file **file);
int vpk_mig_state(struct vpk_function *fn);
ssize_t vpk_mig_read(struct vpk_function *fn, struct file *file, void *buf,
		     size_t len);
ssize_t vpk_mig_write(struct vpk_function *fn, struct file *file,
		      const void *buf, size_t len);
long vpk_mig_ioctl(struct vpk_function *fn, struct file *file,
		   unsigned int cmd, void *arg, size_t len);
void vpk_mig_close(struct kunit *test, struct file *file);

/* paths.c: what every driver's mappings have to survive */
const void *vpk_path_gen_params(struct kunit *test, const void *prev,
				char *desc);
const struct vpk_path *vpk_path_find(struct kunit *test, const char *name);
struct vpk_function_config
vpk_path_config(const struct vpk_path *path,
		const struct vpk_function_config *config);
struct vpk_function *vpk_path_device(struct kunit *test,
				     const struct vpk_function_config *config,
				     const char *driver);
void vpk_path_take(struct kunit *test, const struct vpk_path *path,
		   struct vpk_map *map);
void vpk_path_check(struct kunit *test, struct vpk_map *map);
void vpk_reader_in_d0_check(struct kunit *test, struct vpk_map *map);

/* foreign.c: resets, errors and closing, none of which the user starts */
pci_ers_result_t vpk_error_detected(struct vpk_function *fn,
				    pci_channel_state_t state);
void vpk_error_reset(struct vpk_function *fn);
pci_ers_result_t vpk_slot_reset(struct vpk_function *fn);
void vpk_resume(struct vpk_function *fn);
void vpk_foreign_reset_check(struct kunit *test, struct vpk_map *map);
void vpk_error_check(struct kunit *test, struct vpk_map *map);
void vpk_close_check(struct kunit *test, struct vpk_map *map);

/* qat_test.c, pds_pf.c: drivers that take a VF only, and ask its PF */
void vpk_qat_bind(struct kunit *test, struct vpk_function *fn,
		  struct vpk_function *pf);
void vpk_pds_bind(struct kunit *test, struct vpk_function *fn,
		  struct vpk_function *pf);

/* event_log.c, event_trace.c: what happened, in order */
void vpk_log(struct vpk_host *host, enum vpk_event_type type, int fn, u32 a,
	     u32 b);
void vpk_log_clear(struct vpk_host *host);
const char *vpk_log_order(struct kunit *test, struct vpk_host *host);
const char *vpk_log_expected(struct kunit *test, const char *expected);
const char *vpk_log_detail(struct kunit *test, struct vpk_host *host);
const struct vpk_event *vpk_log_find(struct vpk_host *host,
				     enum vpk_event_type type, int fn);
u32 vpk_trace_events(void);
int vpk_trace_start(struct vpk_host *host);
void vpk_trace_stop(struct vpk_host *host);

/**
 * VPK_EXPECT_ORDER() - compare the event log with an expected order
 * @test: the test
 * @host: the host bridge whose log it is
 * @expected: names of events, a blank between two. A name is preceded by
 *	"<function number>:" when the log has events of more than one function.
 *
 * Prints both orders, and each event with the state it found, when they
 * differ. Serves rules C3 and C9.
 */
#define VPK_EXPECT_ORDER(test, host, expected)				\
do {									\
	struct kunit *__vpk_test = (test);				\
	struct vpk_host *__vpk_host = (host);				\
									\
	KUNIT_EXPECT_STREQ_MSG(__vpk_test,				\
			       vpk_log_order(__vpk_test, __vpk_host),	\
			       vpk_log_expected(__vpk_test, expected),	\
			       "%s",					\
			       vpk_log_detail(__vpk_test, __vpk_host));	\
} while (0)

/* faults.c, leaks.c: allocations that fail, memory that is lost */
void vpk_faults_on(struct kunit *test);
void vpk_fail_nth(unsigned int nth);
bool vpk_failed(void);
struct vpk_function *vpk_faults_function(struct kunit *test,
					 const struct vpk_function_config *config);
void vpk_expect_no_lock_held(struct kunit *test, struct vpk_function *fn);
void vpk_faults_probe_check(struct kunit *test,
			    const struct vpk_function_config *config,
			    const char *driver);
void vpk_faults_open_check(struct kunit *test,
			   const struct vpk_function_config *config,
			   const char *driver, unsigned int index);
void vpk_faults_mmap_check(struct kunit *test,
			   const struct vpk_function_config *config,
			   const char *driver, unsigned int index);
void vpk_faults_export_check(struct kunit *test,
			     const struct vpk_function_config *config,
			     const char *driver, unsigned int index);
/* Nothing makes as many allocations as this. */
#define VPK_ENOUGH	400

int vpk_write_node(struct kunit *test, struct vpk_host *host, const char *name,
		   const char *text);
ssize_t vpk_read_file(struct kunit *test, struct vpk_host *host,
		      struct file *file, char *buf, size_t len, loff_t *pos);

/* allocations.c: what was allocated and is still there */
struct alloc_tag;
extern struct alloc_tag __start_alloc_tags[], __stop_alloc_tags[]; /* the linker's */
void vpk_allocations_note(void);
int vpk_allocations_left(struct kunit *test);

/* suite.c: what each suite sets up and checks around its cases */
int vpk_case_init(struct kunit *test);
void vpk_case_exit(struct kunit *test);
int vpk_variant_init(struct kunit *test, const struct vpk_variant *variant);
const struct vpk_variant *vpk_variant(struct kunit *test);

/* variant_cases.c: the cases that the suites of variant drivers share */
void variant_flag(struct kunit *test);
void variant_backing(struct kunit *test);
void variant_path(struct kunit *test);
void variant_path_of_other_bar(struct kunit *test);
void variant_reader_in_d0(struct kunit *test);
void variant_close(struct kunit *test);
void variant_region_info(struct kunit *test);
void variant_read_and_write(struct kunit *test);
void variant_mmap(struct kunit *test);
void variant_export(struct kunit *test);
void variant_export_mapping(struct kunit *test);
void variant_ioeventfd(struct kunit *test);
void variant_refuses_strangers(struct kunit *test);
void variant_faults_probe(struct kunit *test);
void variant_faults_open(struct kunit *test);
void variant_faults_mmap(struct kunit *test);
void variant_faults_export(struct kunit *test);
void variant_reloads(struct kunit *test);
const void *vpk_mmap_gen_params(struct kunit *test, const void *prev,
				char *desc);

/**
 * VPK_VARIANT_CASES() - define the table of cases of a variant driver's suite
 * @cases: name of the table, for kunit_suite.test_cases
 * @...: the cases of the suite's own, KUNIT_CASE() and its kin
 *
 * Before them come the cases that all such suites share, variant_cases.c. They
 * learn from the struct vpk_variant what the driver is like, so the suite's init
 * has to call vpk_variant_init().
 */
#define VPK_VARIANT_CASES(cases, ...)					\
static struct kunit_case cases[] = {					\
	KUNIT_CASE(variant_flag),					\
	KUNIT_CASE(variant_backing),					\
	KUNIT_CASE_PARAM(variant_path, vpk_path_gen_params),		\
	KUNIT_CASE_PARAM(variant_path_of_other_bar,			\
			 vpk_path_gen_params),				\
	KUNIT_CASE(variant_reader_in_d0),				\
	KUNIT_CASE(variant_close),					\
	KUNIT_CASE(variant_region_info),				\
	KUNIT_CASE(variant_read_and_write),				\
	KUNIT_CASE_PARAM(variant_mmap, vpk_mmap_gen_params),		\
	KUNIT_CASE(variant_export),					\
	KUNIT_CASE(variant_export_mapping),				\
	KUNIT_CASE(variant_ioeventfd),					\
	KUNIT_CASE(variant_refuses_strangers),				\
	KUNIT_CASE(variant_faults_probe),				\
	KUNIT_CASE(variant_faults_open),				\
	KUNIT_CASE(variant_faults_mmap),				\
	KUNIT_CASE(variant_faults_export),				\
	KUNIT_CASE(variant_reloads), ##__VA_ARGS__,			\
	{}								\
}

/* arch_*.c: what differs between UML, x86 and the rest */
int vpk_arch_window(struct resource *window);
void *vpk_arch_sysdata(void);
void vpk_arch_quiet(bool on);
int vpk_arch_eventfd(void);
long vpk_arch_mremap(unsigned long addr, unsigned long len, unsigned long flags,
		     unsigned long new_addr);

#endif /* VFIO_PCI_KUNIT_H */
