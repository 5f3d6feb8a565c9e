// SPDX-License-Identifier: GPL-2.0-only
/*
 * What mappings of a VFIO device cost the kernel, and their revocation.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * Runs in a guest under QEMU's -icount, where the TSC counts instructions, and
 * knows nothing of which kernel or driver it measures: scripts/run-bench compares.
 * All results stay in memory until the end, for output would disturb.
 *
 * With --contention, in a guest with several CPUs and without -icount: threads
 * that fault against one that revokes, in real time.
 */
#include <errno.h>
#include <getopt.h>
#include <linux/iommufd.h>
#include <linux/sizes.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "device.h"
#include "exports.h"

#define PAGE		4096UL
#define MAX_MAPS	4096
#define MANY		4096	/* mappings that are "others" */
#define MAX_SAMPLES	1024
#define BATCHES		5	/* of mappings, for the memory that one takes */
#define MAX_DMABUFS	64
#define BLOCK		(16 * PAGE)	/* what one fault may map by single pages */
#define DMA_IOVA	SZ_4G

/* Far from what mmap() chooses by itself, and 1 GiB aligned. */
#define FREE_VA		0x100000000000UL

static const int counts[] = { 0, 1, 16, 256, 1024, 4096 };

static struct kit_dev dev;
static struct kit_area *area;	/* the region that is measured */
static off_t command_offset;	/* of PCI_COMMAND, in the device fd */
static u16 command;		/* its value with memory on */
static const char *driver = "?", *device = "?";
static FILE *out;

/* ---- samples */

static u64 sample[MAX_SAMPLES], more[2][MAX_SAMPLES];
static int samples;

static void take(u64 value)
{
	if (samples < MAX_SAMPLES)
		sample[samples++] = value;
}

static int by_value(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static u64 median(void)
{
	qsort(sample, samples, sizeof(*sample), by_value);
	return sample[samples / 2];
}

/* A line of the results begins. */
static void put_head(const char *type)
{
	fprintf(out, "{\"type\":\"%s\",\"driver\":\"%s\",\"device\":\"%s\",",
		type, driver, device);
}

/* The samples so far are one result; start anew. */
static void result(const char *op, const char *layout, int n, const char *unit)
{
	u64 mid;

	if (!samples)
		return;
	mid = median();
	put_head("bench");
	fprintf(out, "\"op\":\"%s\",\"layout\":\"%s\",\"n\":%d,\"unit\":\"%s\",",
		op, layout, n, unit);
	fprintf(out, "\"median\":%llu,\"min\":%llu,\"max\":%llu,\"count\":%d}\n",
		(unsigned long long)mid, (unsigned long long)sample[0],
		(unsigned long long)sample[samples - 1], samples);
	samples = 0;
}

static void not_applicable(const char *op, const char *layout, const char *why)
{
	put_head("bench-na");
	fprintf(out, "\"op\":\"%s\",\"layout\":\"%s\",\"why\":\"%s\"}\n", op, layout, why);
}

/* ---- the device */

static void set_command(u16 value)
{
	VFIO_ASSERT_EQ((int)pwrite(dev.vdev->fd, &value, 2, command_offset), 2);
}

static void memory_off(void)
{
	set_command(command & ~PCI_COMMAND_MEMORY);
}

static void memory_on(void)
{
	set_command(command);
}

static void open_device(const char *bdf, struct iommu *iommu, int region)
{
	int i, err = kit_dev_open(&dev, bdf, iommu);
	bool own, area_is_own = false;

	VFIO_ASSERT_EQ(err, 0, "%s cannot be opened: %s\n", bdf, strerror(-err));
	kit_dev_find_areas(&dev);
	area = NULL;
	for (i = 0; i < dev.nr_areas; i++) {
		struct kit_area *a = &dev.areas[i];

		if (region >= 0 && a->region != (u32)region)
			continue;
		/* A region of the driver's own, or else the largest. */
		own = a->region >= VFIO_PCI_NUM_REGIONS;
		if (!area || own > area_is_own || (own == area_is_own && a->size > area->size)) {
			area = a;
			area_is_own = own;
		}
	}
	VFIO_ASSERT_NOT_NULL(area, "%s has nothing that can be mapped\n", bdf);
	command_offset = dev.vdev->config_space.offset + PCI_COMMAND;
	command = vfio_pci_config_readw(dev.vdev, PCI_COMMAND) | PCI_COMMAND_MEMORY;
	memory_on();
}

static void close_device(void)
{
	close(dev.vdev->fd);
	vfio_pci_device_free(dev.vdev);
}

static u64 pages_of_area(void)
{
	return area->size / PAGE;
}

/* @va: NULL for where the kernel likes it. */
static char *map(void *va, u64 offset, u64 size)
{
	char *got = mmap(va, size, PROT_READ | (area->writable ? PROT_WRITE : 0),
			 MAP_SHARED | (va ? MAP_FIXED_NOREPLACE : 0), dev.vdev->fd,
			 area->file_offset + area->offset + offset);

	VFIO_ASSERT_NE((void *)got, MAP_FAILED, "mmap of 0x%llx bytes at 0x%llx of region %u\n",
		       (unsigned long long)size, (unsigned long long)offset, area->region);
	return got;
}

static void touch(const char *va)
{
	READ_ONCE(*(const u32 *)va);
}

/* Which address lets the page tables be as large as @size, and none larger. */
static char *va_for(u64 offset, u64 align)
{
	return (char *)FREE_VA + ((area->offset + offset) & (align - 1)) +
	       (align == PAGE ? PAGE : 0);
}

/* Does the driver's mmap() fill the page tables at once? */
static bool maps_at_once(void)
{
	char *va = map(NULL, 0, PAGE);
	long faults = kit_faults();
	bool no_fault;

	touch(va);
	no_fault = kit_faults() == faults;
	munmap(va, PAGE);
	return no_fault;
}

/* ---- N one-page mappings */

static char *page_va[(1 + BATCHES) * MAX_MAPS];
static int nr_pages;

/* @va: page after page from there, or NULL for where the kernel likes them. */
static void map_pages_at(char *va, int n)
{
	u64 pages = pages_of_area();

	for (; nr_pages < n; nr_pages++)
		page_va[nr_pages] = map(va ? va + nr_pages * PAGE : NULL,
					(nr_pages % pages) * PAGE, PAGE);
}

static void map_pages(int n)
{
	map_pages_at(NULL, n);
}

static void unmap_pages(int n)
{
	while (nr_pages > n)
		munmap(page_va[--nr_pages], PAGE);
}

static void touch_pages(void)
{
	int i;

	for (i = 0; i < nr_pages; i++)
		touch(page_va[i]);
}

/* ---- clocks: one tick of the TSC is one instruction */

static u64 tsc_overhead, cpu_overhead;

static inline u64 tsc(void)
{
	u64 now;

	asm volatile("" ::: "memory");
	now = __rdtsc();
	asm volatile("" ::: "memory");
	return now;
}

/* Time of this thread alone: what it sleeps, and others do, is not in it. */
static u64 cpu(void)
{
	struct timespec ts;

	syscall(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void calibrate(void)
{
	u64 from;
	int i;

	/* No fault of these in what is measured. */
	memset(sample, 1, sizeof(sample));
	memset(more, 1, sizeof(more));
	memset(page_va, 1, sizeof(page_va));

	for (i = 0; i < 101; i++) {
		from = tsc();
		take(tsc() - from);
	}
	tsc_overhead = median();
	samples = 0;
	for (i = 0; i < 101; i++) {
		from = cpu();
		take(cpu() - from);
	}
	cpu_overhead = median();
	samples = 0;
}

static void take_tsc(u64 from, u64 to)
{
	u64 ticks = to - from;

	take(ticks > tsc_overhead ? ticks - tsc_overhead : 0);
}

/* ---- mmap and munmap */

static void bench_first_mmap(const char *bdf, struct iommu *iommu, int region)
{
	u64 from;
	int i;
	char *va;

	for (i = 0; i < 5; i++) {
		open_device(bdf, iommu, region);
		/* What any first mmap() of a process does is not of interest. */
		from = tsc();
		va = map(NULL, 0, PAGE);
		take_tsc(from, tsc());
		munmap(va, PAGE);
		close_device();
	}
	result("mmap_first", "page", 1, "insn");
}

enum { MMAP, TOUCH, MUNMAP, BOTH };

/*
 * Map and unmap @size at @va again and again, and time one of mmap, the first
 * access to each @step, and munmap, or the first two together.
 */
static void mmap_loop(const char *op, const char *layout, int what, void *va, u64 size, u64 step,
		      int rounds)
{
	u64 t0, t1, t2, t3, at;
	char *got;
	int i;

	for (i = 0; i < rounds + 2; i++) {
		t0 = tsc();
		got = map(va, 0, size);
		t1 = tsc();
		for (at = 0; step && at < size; at += step)
			touch(got + at);
		t2 = tsc();
		munmap(got, size);
		t3 = tsc();
		if (i < 2)
			continue;
		if (what == MMAP)
			take_tsc(t0, t1);
		else if (what == TOUCH)
			take_tsc(t1, t2);
		else if (what == MUNMAP)
			take_tsc(t2, t3);
		else
			take_tsc(t0, t2);
	}
	result(op, layout, size / PAGE, "insn");
}

static void bench_mmap(void)
{
	u64 size = area->size;

	mmap_loop("mmap", "page", MMAP, NULL, PAGE, 0, 51);
	mmap_loop("munmap", "page", MUNMAP, NULL, PAGE, 0, 51);
	mmap_loop("munmap", "page_touched", MUNMAP, NULL, PAGE, PAGE, 51);
	mmap_loop("mmap_touch", "page", BOTH, NULL, PAGE, PAGE, 51);
	mmap_loop("mmap", "bar", MMAP, va_for(0, SZ_2M), size, 0, 31);
	mmap_loop("munmap", "bar", MUNMAP, va_for(0, SZ_2M), size, 0, 31);
	mmap_loop("touch", "4k", TOUCH, va_for(0, PAGE),
		  size < MAX_MAPS * PAGE ? size : MAX_MAPS * PAGE, PAGE, 3);
	mmap_loop("munmap", "bar_touched_4k", MUNMAP, va_for(0, PAGE), size, PAGE, 3);
	if (size >= SZ_2M)
		mmap_loop("munmap", "bar_touched_pmd", MUNMAP, va_for(0, SZ_2M), size, SZ_2M, 9);
	else
		not_applicable("munmap", "bar_touched_pmd", "the region is smaller than 2 MiB");

	map_pages(MANY);
	mmap_loop("mmap", "page_with_4096", MMAP, NULL, PAGE, 0, 51);
	mmap_loop("munmap", "page_with_4096", MUNMAP, NULL, PAGE, 0, 51);
	unmap_pages(0);
}

/* ---- first-touch faults */

/*
 * After a revocation, so that a driver that fills page tables in mmap() is
 * measured by what its fault handler does. One page of each @step is touched, and
 * an entry of the page tables maps @entry.
 */
static void bench_fault(const char *layout, char *va, u64 entry, u64 step)
{
	u64 from, size = area->size, at;
	long faults;
	int n = 0;

	if (size < entry) {
		not_applicable("fault", layout, "the region is too small");
		return;
	}
	size &= ~(entry - 1);
	if (size > SZ_1G)
		size = SZ_1G;
	va = map(va, 0, size);
	memory_off();
	memory_on();
	faults = kit_faults();
	for (at = 0; at < size && n < 512; at += step, n++) {
		from = tsc();
		touch(va + at);
		take_tsc(from, tsc());
	}
	if (kit_faults() - faults != n) {
		not_applicable("fault", layout, "an access did not give one fault");
		samples = 0;
	}
	faults = kit_faults();
	touch(va + entry - PAGE);
	if (kit_faults() != faults) {
		not_applicable("fault", layout, "the driver did not map that much at once");
		samples = 0;
	}
	munmap(va, size);
	result("fault", layout, n, "insn");
}

static void bench_faults(void)
{
	u64 from;
	int i;

	/* Never two pages of a block: the neighbours of the second come for free. */
	bench_fault("4k", va_for(0, PAGE), PAGE, BLOCK);
	bench_fault("pmd", va_for(0, SZ_2M), SZ_2M, SZ_2M);

	map_pages(256);
	memory_off();
	memory_on();
	for (i = 0; i < nr_pages; i++) {
		from = tsc();
		touch(page_va[i]);
		take_tsc(from, tsc());
	}
	unmap_pages(0);
	result("fault", "page_vmas", 256, "insn");
}

/* ---- revoke, unrevoke, reset */

static void bench_revoke(const char *layout, int n, void (*touch_all)(void))
{
	u64 *on = more[0];
	int i, rounds = n > 256 ? 5 : 11;
	u64 t0, t1, t2;

	for (i = 0; i < rounds + 1; i++) {
		if (touch_all)
			touch_all();
		t0 = tsc();
		memory_off();
		t1 = tsc();
		memory_on();
		t2 = tsc();
		if (!i)
			continue;
		take_tsc(t0, t1);
		on[samples - 1] = t2 - t1 - tsc_overhead;
	}
	result("revoke", layout, n, "insn");
	for (i = 0; i < rounds; i++)
		take(on[i]);
	result("unrevoke", layout, n, "insn");
}

/*
 * A write that is no concern of the BARs: what it costs one driver more than
 * another is its own way to the core, and in each write to PCI_COMMAND.
 */
static void bench_config_write(void)
{
	u8 line = vfio_pci_config_readb(dev.vdev, PCI_INTERRUPT_LINE);
	off_t offset = command_offset - PCI_COMMAND + PCI_INTERRUPT_LINE;
	u64 from;
	int i;

	for (i = 0; i < 12; i++) {
		from = tsc();
		VFIO_ASSERT_EQ((int)pwrite(dev.vdev->fd, &line, 1, offset), 1);
		if (i)
			take_tsc(from, tsc());
	}
	result("config_write", "interrupt_line", 0, "insn");
}

static void bench_same_command(int n)
{
	u64 from;
	int i;

	for (i = 0; i < 12; i++) {
		touch_pages();
		from = tsc();
		memory_on();
		if (i)
			take_tsc(from, tsc());
	}
	result("command_unchanged", "pages_touched", n, "insn");
}

static char *big_va;
static u64 big_size;

static void touch_big(void)
{
	u64 at;

	for (at = 0; at < big_size; at += PAGE)
		touch(big_va + at);
}

static void bench_revoke_big(const char *layout, int n, u64 align)
{
	if (n * PAGE > area->size)
		return;
	big_size = n * PAGE;
	big_va = map(va_for(0, align), 0, big_size);
	bench_revoke(layout, n, touch_big);
	munmap(big_va, big_size);
}

static void bench_reset(const char *layout, int n, void (*touch_all)(void))
{
	int i, rounds = n > 256 ? 3 : 5;
	u64 from, ticks;

	if (!(dev.vdev->info.flags & VFIO_DEVICE_FLAGS_RESET)) {
		if (!n)
			not_applicable("reset", layout, "the device cannot be reset");
		return;
	}
	for (i = 0; i < rounds + 1; i++) {
		touch_all();
		from = cpu();
		VFIO_ASSERT_EQ(ioctl(dev.vdev->fd, VFIO_DEVICE_RESET), 0, "VFIO_DEVICE_RESET\n");
		ticks = cpu() - from;
		if (i)
			take(ticks > cpu_overhead ? ticks - cpu_overhead : 0);
	}
	result("reset", layout, n, "insn");
}

static void bench_revokes(void)
{
	u32 i;

	bench_config_write();
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		int n = counts[i];

		/* Where no page tables are. */
		map_pages_at((char *)FREE_VA + SZ_2G, n);
		bench_revoke("pages_untouched", n, NULL);
		unmap_pages(0);
		map_pages(n);
		bench_revoke("pages_touched", n, touch_pages);
		if (!n || n == MAX_MAPS)
			bench_same_command(n);
		bench_reset("pages_touched", n, touch_pages);
		unmap_pages(0);
		if (!n)
			continue;
		bench_revoke_big("big_4k", n, PAGE);
		bench_revoke_big("big_pmd", n, SZ_2M);
	}
}

/* One page of many: what its neighbours cost who has no use for them. */
static void bench_touch_and_revoke(void)
{
	u64 size = area->size < MAX_MAPS * PAGE ? area->size : MAX_MAPS * PAGE;
	char *va = map(va_for(0, PAGE), 0, size);
	u64 from;
	int i;

	for (i = 0; i < 12; i++) {
		from = tsc();
		touch(va + i * BLOCK % size);
		memory_off();
		if (i)
			take_tsc(from, tsc());
		memory_on();
	}
	munmap(va, size);
	result("touch_revoke", "one_of_many", size / PAGE, "insn");
}

/* ---- the whole region, where the kernel likes it */

/* How many faults it takes to touch a page of each @step. */
static void bench_anywhere_faults(u64 step)
{
	u64 size = area->size < SZ_1G ? area->size : SZ_1G, at;
	char *va = map(NULL, 0, size);
	long faults = kit_faults();

	for (at = 0; at < size; at += step)
		touch(va + at);
	take(kit_faults() - faults);
	munmap(va, size);
	result("faults", "anywhere", size / PAGE, "faults");
}

static void bench_anywhere(void)
{
	static const char layout[] = "anywhere";
	u64 size = area->size;

	if (size < SZ_2M) {
		not_applicable("touch", layout, "the region is smaller than 2 MiB");
		return;
	}
	mmap_loop("mmap", layout, MMAP, NULL, size, 0, 31);
	bench_anywhere_faults(PAGE);
	mmap_loop("touch", layout, TOUCH, NULL, size, PAGE, 3);
	mmap_loop("munmap", layout, MUNMAP, NULL, size, PAGE, 3);
	big_size = size;
	big_va = map(NULL, 0, size);
	bench_revoke(layout, size / PAGE, touch_big);
	bench_reset(layout, size / PAGE, touch_big);
	munmap(big_va, size);
}

/*
 * What a VMM does that lets other devices reach the BAR: map all of it in the
 * IOMMU, by type1. The device is closed, and is opened by its group.
 */
static void bench_dma_map(const char *bdf, struct iommu *iommu)
{
	struct vfio_iommu_type1_dma_map dma = {
		.argsz = sizeof(dma),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.iova = DMA_IOVA,
		.size = area->size,
	};
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = DMA_IOVA,
		.size = area->size,
	};
	struct kit_group group;
	u64 from;
	int i;

	if (area->size < SZ_2M || !area->writable) {
		not_applicable("dma_map", "anywhere", "no writable region of 2 MiB");
		return;
	}
	i = kit_group_open(&group, bdf);
	if (i) {
		not_applicable("dma_map", "anywhere", strerror(-i));
		return;
	}
	dev.vdev = vfio_pci_device_alloc(bdf, iommu);
	dev.vdev->fd = group.device;
	memory_on();
	for (i = 0; i < 4; i++) {
		dma.vaddr = (u64)map(NULL, 0, area->size);
		from = tsc();
		if (ioctl(group.container, VFIO_IOMMU_MAP_DMA, &dma)) {
			not_applicable("dma_map", "anywhere", strerror(errno));
			i = 4;
		} else if (i) {
			take_tsc(from, tsc());
		}
		ioctl(group.container, VFIO_IOMMU_UNMAP_DMA, &unmap);
		munmap((void *)dma.vaddr, area->size);
	}
	result("dma_map", "anywhere", area->size / PAGE, "insn");
	vfio_pci_device_free(dev.vdev);
	kit_group_close(&group);
}

/* ---- kernel memory */

static long vm_counter(const char *name)
{
	size_t len = strlen(name);
	char line[128];
	long pages = 0;
	FILE *f;

	/* Sum up what the CPUs have counted for themselves. */
	f = fopen("/proc/sys/vm/stat_refresh", "re");
	if (f) {
		while (fgets(line, sizeof(line), f))
			;
		fclose(f);
	}
	f = fopen("/proc/vmstat", "re");
	VFIO_ASSERT_NOT_NULL(f);
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, name, len) && line[len] == ' ')
			pages = atol(line + len);
	}
	fclose(f);
	return pages;
}

static long slab_pages(void)
{
	return vm_counter("nr_slab_reclaimable") + vm_counter("nr_slab_unreclaimable");
}

/*
 * The first batch finds room in slabs that are there already; what else is freed or
 * allocated meanwhile is in one of the others, and the median leaves it out.
 */
static void bench_memory(void)
{
	long slab, before, tables;
	int i;

	map_pages(MAX_MAPS);
	slab_pages();
	slab = slab_pages();
	/* By now, those of what was unmapped before are freed */
	tables = vm_counter("nr_page_table_pages");
	for (i = 0; i < BATCHES; i++) {
		before = slab;
		map_pages((2 + i) * MAX_MAPS);
		slab = slab_pages();
		take((slab - before) * PAGE * 100 / MAX_MAPS);
	}
	result("memory_slab", "page", MAX_MAPS, "bytes/100");
	touch_pages();
	take((vm_counter("nr_page_table_pages") - tables) * PAGE * 100 / nr_pages);
	result("memory_page_tables", "page_touched", MAX_MAPS, "bytes/100");
	unmap_pages(0);
}

/* ---- DMABUFs */

static int dmabuf[MAX_DMABUFS];
static char *lent[MAX_DMABUFS];
static u64 iova[MAX_DMABUFS];

/* Who imports the DMABUFs: nobody, iommufd, or bench/importer, which is slow. */
enum importer { NONE, IOMMUFD, SLOW };

#define SLOW_MS		20	/* from being told to letting go: some ticks */

static int slow_importers = -1;

static int import_slowly(int fd)
{
	char line[64];
	int len = snprintf(line, sizeof(line), "%d %d %s", fd, SLOW_MS, dev.bdf);

	return write(slow_importers, line, len) == len ? 0 : -errno;
}

static int import_dmabuf(int fd, u64 *iova)
{
	struct iommu_ioas_map_file arg = {
		.size = sizeof(arg),
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = dev.vdev->iommu->ioas_id,
		.fd = fd,
		.length = PAGE,
	};

	if (ioctl(dev.vdev->iommu->iommufd, IOMMU_IOAS_MAP_FILE, &arg))
		return -errno;
	*iova = arg.iova;
	return 0;
}

static void drop_import(u64 iova)
{
	struct iommu_ioas_unmap arg = {
		.size = sizeof(arg),
		.ioas_id = dev.vdev->iommu->ioas_id,
		.iova = iova,
		.length = PAGE,
	};

	ioctl(dev.vdev->iommu->iommufd, IOMMU_IOAS_UNMAP, &arg);
}

static int import_one(enum importer who, int j)
{
	switch (who) {
	case IOMMUFD:
		return import_dmabuf(dmabuf[j], &iova[j]);
	case SLOW:
		return import_slowly(dmabuf[j]);
	default:
		return 0;
	}
}

static void bench_dmabufs(const char *layout, int n, enum importer who)
{
	u64 on[8], *export = more[0], *end = more[1];
	int i, j, err, rounds = ARRAY_SIZE(on) - 1, nr = 0;
	u64 t0, t1, t2, offset;

	for (i = 0; i < rounds + 1; i++) {
		if (who == SLOW) {
			slow_importers = open("/dev/kit_importer", O_WRONLY | O_CLOEXEC);
			/* Without the module a target would be missing, and nobody would know */
			VFIO_ASSERT_GE(slow_importers, 0, "no /dev/kit_importer\n");
		}
		for (j = 0; j < n; j++) {
			t0 = tsc();
			offset = area->offset + (j % pages_of_area()) * PAGE;
			dmabuf[j] = kit_region_export(&dev, area->region, offset, PAGE);
			t1 = tsc();
			if (dmabuf[j] < 0) {
				not_applicable("dmabuf_revoke", layout, strerror(-dmabuf[j]));
				while (j--)
					close(dmabuf[j]);
				goto out;
			}
			if (i)
				export[nr + j] = t1 - t0 - tsc_overhead;
			err = import_one(who, j);
			if (err) {
				not_applicable("dmabuf_revoke", layout, strerror(-err));
				for (; j >= 0; j--)
					close(dmabuf[j]);
				goto out;
			}
		}
		t0 = tsc();
		memory_off();
		t1 = tsc();
		memory_on();
		t2 = tsc();
		if (i && who == SLOW) {
			take((t1 - t0) / 1000);
		} else if (i) {
			take_tsc(t0, t1);
			on[i - 1] = t2 - t1 - tsc_overhead;
		}
		for (j = 0; j < n; j++) {
			if (who == IOMMUFD)
				drop_import(iova[j]);
			t0 = tsc();
			close(dmabuf[j]);
			if (i)
				end[nr + j] = tsc() - t0 - tsc_overhead;
		}
		if (who == SLOW)
			close(slow_importers);
		nr += i ? n : 0;
	}
	/* Who is waited for sleeps: that is time, not instructions. */
	result("dmabuf_revoke", layout, n, who == SLOW ? "us" : "insn");
	if (who == SLOW)
		return;
	for (i = 0; i < rounds; i++)
		take(on[i]);
	result("dmabuf_unrevoke", layout, n, "insn");
	if (who != NONE)
		return;
	for (i = 0; i < nr; i++)
		take(export[i]);
	result("dmabuf_export", layout, n, "insn");
	for (i = 0; i < nr; i++)
		take(end[i]);
	result("dmabuf_close", layout, n, "insn");
	return;
out:
	if (who == SLOW)
		close(slow_importers);
}

static void drop_mapped(int n)
{
	while (n--) {
		munmap(lent[n], PAGE);
		close(dmabuf[n]);
	}
}

/* Each DMABUF is mapped, and its page touched, as a process does that borrows it. */
static void bench_mapped_dmabufs(int n)
{
	u64 on[8], *mmaps = more[0], *faults = more[1];
	int i, j, rounds = ARRAY_SIZE(on) - 1, nr = 0;
	u64 t0, t1, t2, offset;

	for (i = 0; i < rounds + 1; i++) {
		for (j = 0; j < n; j++) {
			offset = area->offset + (j % pages_of_area()) * PAGE;
			dmabuf[j] = kit_region_export(&dev, area->region, offset, PAGE);
			if (dmabuf[j] < 0) {
				not_applicable("dmabuf_revoke", "mapped", strerror(-dmabuf[j]));
				drop_mapped(j);
				return;
			}
			t0 = tsc();
			lent[j] = kit_export_map(dmabuf[j], 0, PAGE, PROT_READ | PROT_WRITE);
			t1 = tsc();
			if (lent[j] == MAP_FAILED) {
				not_applicable("dmabuf_revoke", "mapped", strerror(errno));
				close(dmabuf[j]);
				drop_mapped(j);
				return;
			}
			touch(lent[j]);
			t2 = tsc();
			if (i) {
				mmaps[nr + j] = t1 - t0 - tsc_overhead;
				faults[nr + j] = t2 - t1 - tsc_overhead;
			}
		}
		t0 = tsc();
		memory_off();
		t1 = tsc();
		memory_on();
		t2 = tsc();
		if (i) {
			take_tsc(t0, t1);
			on[i - 1] = t2 - t1 - tsc_overhead;
			nr += n;
		}
		drop_mapped(n);
	}
	result("dmabuf_revoke", "mapped", n, "insn");
	for (i = 0; i < rounds; i++)
		take(on[i]);
	result("dmabuf_unrevoke", "mapped", n, "insn");
	for (i = 0; i < nr; i++)
		take(mmaps[i]);
	result("dmabuf_mmap", "mapped", n, "insn");
	for (i = 0; i < nr; i++)
		take(faults[i]);
	result("dmabuf_fault", "mapped", n, "insn");
}

/* ---- contention */

#define FAULT_PAGES	64	/* of each faulting thread, one in each block */
#define MAX_REVOKES	1000000

struct faulter {
	pthread_t thread;
	char *va;
	int cpu;
	long faults;
};

static bool stop;
static int running;
static u32 revoke_ns[MAX_REVOKES];

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	VFIO_ASSERT_EQ(sched_setaffinity(0, sizeof(set), &set), 0, "no CPU %d\n", cpu);
}

static void *fault(void *arg)
{
	struct faulter *f = arg;
	u32 val;
	int i;

	pin(f->cpu);
	f->faults = -kit_faults();
	__atomic_add_fetch(&running, 1, __ATOMIC_SEQ_CST);
	while (!READ_ONCE(stop)) {
		for (i = 0; i < FAULT_PAGES && !READ_ONCE(stop); i++)
			kit_try_read(f->va + i * BLOCK, &val);
	}
	f->faults += kit_faults();
	return NULL;
}

static int by_ns(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

/*
 * @cpus: the first has the thread that revokes, the others have one faulting
 * thread each; if there is only one CPU, it has both.
 */
static void contend(int cpus, double seconds)
{
	struct faulter faulters[8] = {};
	int i, n = cpus > 1 ? cpus - 1 : 1;
	double from, to, t;
	long faults = 0;
	u32 revokes = 0;

	stop = false;
	running = 0;
	pin(0);
	for (i = 0; i < n; i++) {
		faulters[i].cpu = cpus > 1 ? i + 1 : 0;
		faulters[i].va = map(va_for(0, PAGE) + 2 * i * FAULT_PAGES * BLOCK,
				     i * FAULT_PAGES * BLOCK % area->size, FAULT_PAGES * BLOCK);
		VFIO_ASSERT_EQ(pthread_create(&faulters[i].thread, NULL, fault, &faulters[i]), 0);
	}
	while (READ_ONCE(running) < n)
		sched_yield();
	from = kit_now();
	do {
		t = kit_now();
		memory_off();
		to = kit_now();
		memory_on();
		if (revokes < MAX_REVOKES)
			revoke_ns[revokes++] = (to - t) * 1e9;
		/* Time to fault something in, on one CPU too. */
		if (revokes % 4 == 0)
			usleep(1000);
	} while (to < from + seconds);
	WRITE_ONCE(stop, true);
	for (i = 0; i < n; i++) {
		pthread_join(faulters[i].thread, NULL);
		faults += faulters[i].faults;
		munmap(faulters[i].va, FAULT_PAGES * BLOCK);
	}
	to = kit_now() - from;
	qsort(revoke_ns, revokes, sizeof(*revoke_ns), by_ns);
	put_head("contention");
	fprintf(out, "\"cpus\":%d,\"seconds\":%.3f,\"faults\":%ld,", cpus, to, faults);
	fprintf(out, "\"revokes\":%u,\"revoke_ns\":%u}\n", revokes, revoke_ns[revokes / 2]);
}

/*
 * A reset must not stall who has nothing to do with the device (rule C2): one
 * thread resets it, one touches its BAR, and one maps and touches memory of its
 * own. The longest time that the last one takes is the result, beside what it takes
 * while nobody touches the BAR.
 */
static void *map_memory(void *arg)
{
	u64 *longest = arg;
	double from, took;
	char *va;

	__atomic_add_fetch(&running, 1, __ATOMIC_SEQ_CST);
	while (!READ_ONCE(stop)) {
		from = kit_now();
		va = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		VFIO_ASSERT_NE((void *)va, MAP_FAILED);
		WRITE_ONCE(*va, 1);
		took = kit_now() - from;
		munmap(va, PAGE);
		if (took * 1e9 > *longest)
			*longest = took * 1e9;
	}
	return NULL;
}

/* Resets for so long, the BAR touched or not. Return: the longest, in ns. */
static u64 reset_and_map(double seconds, struct faulter *faulter, u32 *resets)
{
	double from, to;
	pthread_t mapper;
	u64 longest = 0;

	stop = false;
	running = 0;
	if (faulter)
		VFIO_ASSERT_EQ(pthread_create(&faulter->thread, NULL, fault, faulter), 0);
	VFIO_ASSERT_EQ(pthread_create(&mapper, NULL, map_memory, &longest), 0);
	while (READ_ONCE(running) < (faulter ? 2 : 1))
		sched_yield();
	from = kit_now();
	do {
		VFIO_ASSERT_EQ(ioctl(dev.vdev->fd, VFIO_DEVICE_RESET), 0, "VFIO_DEVICE_RESET\n");
		(*resets)++;
		to = kit_now();
	} while (to < from + seconds);
	WRITE_ONCE(stop, true);
	if (faulter)
		pthread_join(faulter->thread, NULL);
	pthread_join(mapper, NULL);
	return longest;
}

static void stall(double seconds)
{
	struct faulter faulter = { .cpu = 1 };
	u32 resets = 0, alone_resets = 0;
	u64 alone, longest;

	if (!(dev.vdev->info.flags & VFIO_DEVICE_FLAGS_RESET)) {
		not_applicable("stall", "resets", "the device cannot be reset");
		return;
	}
	pin(0);
	faulter.va = map(va_for(0, PAGE), 0, FAULT_PAGES * BLOCK);
	alone = reset_and_map(seconds, NULL, &alone_resets);
	longest = reset_and_map(seconds, &faulter, &resets);
	munmap(faulter.va, FAULT_PAGES * BLOCK);
	put_head("stall");
	fprintf(out, "\"cpus\":2,\"seconds\":%.3f,\"resets\":%u,", seconds, resets);
	fprintf(out, "\"alone_ns\":%llu,\"longest_ns\":%llu}\n", (unsigned long long)alone,
		(unsigned long long)longest);
}

/* ---- */

static void say_usage(FILE *f)
{
	fputs("usage: vfio_bench [options] BDF\n"
	      "  --results FILE     where JSON lines go, one a result (default: stdout)\n"
	      "  --driver NAME      what the results say of the driver\n"
	      "  --device NAME      ... and of the device\n"
	      "  --pud              only the fault of 1 GiB\n"
	      "  --region N         measure this region; default: one of the driver's own,\n"
	      "                     or else the largest\n"
	      "  --contention CPUS  faults against revocation, on 1 to CPUS CPUs\n"
	      "  --seconds S        for each number of CPUs (default: 2)\n", f);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "results", required_argument, NULL, 'r' },
		{ "driver", required_argument, NULL, 'd' },
		{ "device", required_argument, NULL, 'D' },
		{ "region", required_argument, NULL, 'R' },
		{ "pud", no_argument, NULL, 'p' },
		{ "contention", required_argument, NULL, 'c' },
		{ "seconds", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	const char *results = NULL;
	int region = -1, cpus = 0, i, opt;
	struct iommu *iommu;
	double seconds = 2;
	bool pud = false;
	char *text = NULL;
	size_t len = 0;
	FILE *f;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (opt) {
		case 'r':
			results = optarg;
			break;
		case 'd':
			driver = optarg;
			break;
		case 'D':
			device = optarg;
			break;
		case 'R':
			region = atoi(optarg);
			break;
		case 'p':
			pud = true;
			break;
		case 'c':
			cpus = atoi(optarg);
			break;
		case 's':
			seconds = atof(optarg);
			break;
		case 'h':
			say_usage(stdout);
			return 0;
		default:
			say_usage(stderr);
			return 2;
		}
	}
	if (optind != argc - 1 || cpus < 0 || cpus > 8) {
		say_usage(stderr);
		return 2;
	}
	out = open_memstream(&text, &len);
	VFIO_ASSERT_NOT_NULL(out);
	iommu = iommu_init(MODE_IOMMUFD);

	calibrate();
	if (!cpus && !pud)
		bench_first_mmap(argv[optind], iommu, region);
	open_device(argv[optind], iommu, region);
	/* This also makes page tables of the process, before the first sample. */
	put_head("bench-info");
	fprintf(out, "\"region\":%u,\"size\":%llu,\"at_once\":%s,", area->region,
		(unsigned long long)area->size, maps_at_once() ? "true" : "false");
	fprintf(out, "\"tsc_overhead\":%llu,\"cpu_overhead\":%llu}\n",
		(unsigned long long)tsc_overhead, (unsigned long long)cpu_overhead);

	for (i = 1; i <= cpus; i++)
		contend(i, seconds);
	if (cpus > 1)
		stall(seconds);
	if (pud) {
		bench_fault("pud", va_for(0, SZ_1G), SZ_1G, SZ_1G);
		bench_anywhere_faults(SZ_2M);
	} else if (!cpus) {
		bench_mmap();
		bench_faults();
		bench_revokes();
		bench_touch_and_revoke();
		bench_anywhere();
		bench_memory();
		bench_dmabufs("exported", 0, NONE);
		for (i = 1; i <= MAX_DMABUFS; i = i < 16 ? 16 : i * 4)
			bench_dmabufs("exported", i, NONE);
		for (i = 1; i <= MAX_DMABUFS; i = i < 16 ? 16 : i * 4)
			bench_mapped_dmabufs(i);
		for (i = 1; i <= MAX_DMABUFS; i = i < 16 ? 16 : i * 4)
			bench_dmabufs("imported", i, IOMMUFD);
		for (i = 1; i <= MAX_DMABUFS; i = i < 16 ? 16 : i * 4)
			bench_dmabufs("slow", i, SLOW);
	}
	close_device();
	if (!cpus && !pud)
		bench_dma_map(argv[optind], iommu);

	fclose(out);
	f = results ? fopen(results, "we") : stdout;
	VFIO_ASSERT_NOT_NULL(f, "%s cannot be written\n", results);
	fwrite(text, 1, len, f);
	if (results)
		fclose(f);
	return 0;
}
