// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mapped BAR that iommufd finds: the address of a user mapping is given to
 * IOMMU_IOAS_MAP, or to VFIO_IOMMU_MAP_DMA of iommufd's container, as that of
 * memory is. DMA of a second device (igb, with libvfio's driver) lands in the
 * BAR, stops while the BAR is revoked, and lands again afterwards without a call
 * of the user. It reaches what the mapping shows, and no more.
 *
 * usage: bar_import_test [HARNESS OPTIONS] BDF_OF_THE_IGB BDF
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <errno.h>
#include <linux/iommufd.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/sizes.h>

#include "access.h"
#include "dma.h"
#include "trace.h"
#include "kselftest_harness.h"

#define R	PROT_READ
#define RW	(PROT_READ | PROT_WRITE)
#define IOVA	0x100000000ULL

/* The part of the BAR that is mapped: what is before it is another's. */
#define WINDOW	SZ_64K

static const char *dma_bdf;

struct bar {
	struct kit_dev dev;
	struct iommu *iommu;		/* of the device whose BAR it is */
	struct iommu *by;		/* of the igb: where the BAR is mapped */
	struct kit_dma dma;
	struct kit_area *area;
	const struct kit_path *path;
	char *va;			/* the window */
	char *all;			/* all of the area, to look at */
};

/* What a program does with memory: 0 or -errno. */
static int map(struct iommu *iommu, const void *va, u64 size, u64 iova, int prot)
{
	struct vfio_iommu_type1_dma_map dma = {
		.argsz = sizeof(dma),
		.flags = VFIO_DMA_MAP_FLAG_READ | (prot & PROT_WRITE ? VFIO_DMA_MAP_FLAG_WRITE : 0),
		.vaddr = (u64)va, .iova = iova, .size = size,
	};
	struct iommu_ioas_map ioas = {
		.size = sizeof(ioas),
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_FIXED_IOVA |
			 (prot & PROT_WRITE ? IOMMU_IOAS_MAP_WRITEABLE : 0),
		.ioas_id = iommu->ioas_id,
		.user_va = (u64)va, .iova = iova, .length = size,
	};

	if (iommu->iommufd)
		return ioctl(iommu->iommufd, IOMMU_IOAS_MAP, &ioas) ? -errno : 0;
	return ioctl(iommu->container_fd, VFIO_IOMMU_MAP_DMA, &dma) ? -errno : 0;
}

static int unmap(struct iommu *iommu, u64 size, u64 iova)
{
	struct vfio_iommu_type1_dma_unmap dma = {
		.argsz = sizeof(dma), .iova = iova, .size = size,
	};
	struct iommu_ioas_unmap ioas = {
		.size = sizeof(ioas), .ioas_id = iommu->ioas_id, .iova = iova, .length = size,
	};

	if (iommu->iommufd)
		return ioctl(iommu->iommufd, IOMMU_IOAS_UNMAP, &ioas) ? -errno : 0;
	return ioctl(iommu->container_fd, VFIO_IOMMU_UNMAP_DMA, &dma) ? -errno : 0;
}

/* Is there a DMABUF behind the mapping at @va, or has a driver mapped it by hand? */
static bool has_dmabuf(const void *va)
{
	unsigned long from, to;
	bool found = false;
	char line[512];
	FILE *f = fopen("/proc/self/maps", "re");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx", &from, &to) == 2 && (unsigned long)va >= from &&
		    (unsigned long)va < to)
			found = strstr(line, "/dmabuf:vfio:");
	}
	if (f)
		fclose(f);
	return found;
}

/* NULL, or why it cannot be tested. @mode is how the igb's addresses are made. */
static const char *bar_open(struct bar *bar, const char *path, const char *mode)
{
	const char *why;

	bar->path = kit_path(path);
	why = kit_open_for(bar->path, &bar->dev, &bar->iommu);
	if (why)
		return why;
	bar->area = kit_best_area(&bar->dev);
	if (!bar->area || !bar->area->ram || bar->area->size < 2 * WINDOW)
		return "no BAR of memory";
	bar->va = kit_map(&bar->dev, bar->area, WINDOW, WINDOW, RW);
	bar->all = kit_map(&bar->dev, bar->area, 0, 2 * WINDOW, RW);
	memset(bar->all, 0, 2 * WINDOW);

	bar->by = bar->iommu;
	if (strcmp(mode, MODE_IOMMUFD))
		bar->by = iommu_init(mode);
	why = kit_dma_open(&bar->dma, dma_bdf, bar->by);
	if (why || has_dmabuf(bar->va))
		return why;
	VFIO_ASSERT_EQ(map(bar->by, bar->va, WINDOW, IOVA, RW), -EFAULT);
	return "the driver maps this BAR by hand";
}

static void bar_close(struct bar *bar)
{
	kit_dma_close(&bar->dma);
	kit_close(&bar->dev, NULL);
}

/* DMA to @iova, which is @va: does it arrive? */
static bool lands(struct bar *bar, u64 iova, const char *va, int fill)
{
	return kit_dma_lands(&bar->dma, iova, va, fill);
}

/* DMA to @iova, which must not be the BAR: what is at @va stays. */
static bool misses(struct bar *bar, u64 iova, char *va)
{
	memset(va, 0x5a, KIT_DMA_LEN);
	kit_dma_write(&bar->dma, iova, 0xa5);
	return kit_dma_landed(va, 0x5a);
}

static int memory(struct bar *bar, bool on)
{
	const struct kit_path *path = kit_path("memory_disable");

	return on ? kit_leave(path, &bar->dev) : kit_enter(path, &bar->dev);
}

/* Every path on which the BARs are taken away. */
FIXTURE(path) {
	struct bar bar;
};

FIXTURE_VARIANT(path) {
	const char *path, *mode;
};

#define KIT_PATH(_name, ...)							\
	FIXTURE_VARIANT_ADD(path, _name) {					\
		.path = #_name, .mode = MODE_IOMMUFD };				\
	FIXTURE_VARIANT_ADD(path, _name##_container) {				\
		.path = #_name, .mode = MODE_IOMMUFD_COMPAT_TYPE1V2 };
#include "path_table.h"

/* The oldest kind of container maps page by page. */
FIXTURE_VARIANT_ADD(path, runtime_pm_container_v1) {
	.path = "runtime_pm", .mode = MODE_IOMMUFD_COMPAT_TYPE1 };

FIXTURE_SETUP(path)
{
	const char *why = bar_open(&self->bar, variant->path, variant->mode);

	if (why)
		SKIP(return, "%s", why);
}

FIXTURE_TEARDOWN(path)
{
	bar_close(&self->bar);
}

TEST_F_TIMEOUT(path, dma_stops_and_goes_on, 120)
{
	struct bar *bar = &self->bar;
	int i;

	ASSERT_EQ(0, map(bar->by, bar->va, WINDOW, IOVA, RW));
	ASSERT_TRUE(lands(bar, IOVA, bar->va, 0x11));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, kit_enter(bar->path, &bar->dev));
		if (bar->path->leave) {
			kit_dma_write(&bar->dma, IOVA, 0x22);
			ASSERT_EQ(0, kit_leave(bar->path, &bar->dev));
			EXPECT_TRUE(kit_dma_landed(bar->va, 0x11))
				TH_LOG("DMA landed while the BAR was revoked");
		}
		EXPECT_TRUE(lands(bar, IOVA, bar->va, 0x33))
			TH_LOG("no DMA after the BAR came back");
		EXPECT_TRUE(lands(bar, IOVA, bar->va, 0x11));
	}
	EXPECT_EQ(0, unmap(bar->by, WINDOW, IOVA));
	EXPECT_TRUE(misses(bar, IOVA, bar->va));
}

/* C8: nothing is on the list before somebody attaches; then it is waited for. */
TEST_F_TIMEOUT(path, revocation_waits_for_iommufd, 60)
{
	const char * const bdf[] = { self->bar.dev.bdf };
	static struct ev ev[TRACE_MAX_EVENTS];
	struct bar *bar = &self->bar;
	struct trace trace = {};
	int n, i, round, found;

	if (trace_probes_add() || trace_start(&trace) || !trace.kit) {
		trace_stop(&trace);
		SKIP(return, "this kernel has no tracepoints of the core patch");
	}
	for (round = 0; round < 3; round++) {
		if (round == 1)
			ASSERT_EQ(0, map(bar->by, bar->va, WINDOW, IOVA, RW));
		if (round == 2)
			ASSERT_EQ(0, unmap(bar->by, WINDOW, IOVA));
		trace_clear(&trace);
		ASSERT_EQ(0, kit_enter(bar->path, &bar->dev));
		if (bar->path->leave)
			ASSERT_EQ(0, kit_leave(bar->path, &bar->dev));
		n = trace_read(&trace, bdf, 1, syscall(__NR_gettid), ev, TRACE_MAX_EVENTS);
		for (i = 0, found = 0; i < n; i++) {
			if (ev[i].kind != EV_REVOKE || found++)
				continue;
			EXPECT_EQ(round ? 1 : 0, ev[i].arg)
				TH_LOG("DMABUFs revoked in round %d", round);
			EXPECT_EQ(round == 1 ? 1 : 0, ev[i].arg2)
				TH_LOG("DMABUFs waited for in round %d", round);
		}
		EXPECT_LE(1, found);
	}
	trace_stop(&trace);
}

/* What is the same on every path. */
FIXTURE(bar) {
	struct bar bar;
};

FIXTURE_VARIANT(bar) {
	const char *mode;
};

FIXTURE_VARIANT_ADD(bar, iommufd) { .mode = MODE_IOMMUFD };
FIXTURE_VARIANT_ADD(bar, container) { .mode = MODE_IOMMUFD_COMPAT_TYPE1V2 };

FIXTURE_SETUP(bar)
{
	const char *why = bar_open(&self->bar, "memory_disable", variant->mode);

	if (why)
		SKIP(return, "%s", why);
}

FIXTURE_TEARDOWN(bar)
{
	bar_close(&self->bar);
}

TEST_F(bar, only_the_range_of_the_mapping)
{
	struct bar *bar = &self->bar;
	char *page = bar->va + 2 * KIT_PAGE_SIZE;

	/* The mapping of the window ends where that of anything else may begin. */
	EXPECT_EQ(-EFAULT, map(bar->by, bar->va, 2 * WINDOW, IOVA, RW));
	EXPECT_EQ(-EFAULT, map(bar->by, bar->va + KIT_PAGE_SIZE, WINDOW, IOVA, RW));

	ASSERT_EQ(0, map(bar->by, bar->va, WINDOW, IOVA, RW));
	EXPECT_TRUE(lands(bar, IOVA, bar->all + WINDOW, 0x11));
	EXPECT_TRUE(kit_dma_landed(bar->all, 0)) TH_LOG("DMA in front of the window");
	EXPECT_TRUE(misses(bar, IOVA + WINDOW, bar->all));
	ASSERT_EQ(0, unmap(bar->by, WINDOW, IOVA));

	/* A page of it, before and after a revocation. */
	ASSERT_EQ(0, map(bar->by, page, KIT_PAGE_SIZE, IOVA, RW));
	EXPECT_TRUE(lands(bar, IOVA, page, 0x22));
	EXPECT_TRUE(misses(bar, IOVA + KIT_PAGE_SIZE, page + KIT_PAGE_SIZE));
	ASSERT_EQ(0, memory(bar, false));
	ASSERT_EQ(0, memory(bar, true));
	EXPECT_TRUE(lands(bar, IOVA, page, 0x33));
	EXPECT_TRUE(misses(bar, IOVA + KIT_PAGE_SIZE, page + KIT_PAGE_SIZE));
}

TEST_F(bar, read_only_is_read_only)
{
	struct bar *bar = &self->bar;
	char *va = kit_map(&bar->dev, bar->area, WINDOW, WINDOW, R);
	int i;

	EXPECT_EQ(-EFAULT, map(bar->by, va, WINDOW, IOVA, RW));
	ASSERT_EQ(0, map(bar->by, va, WINDOW, IOVA, R));
	for (i = 0; i < 2; i++) {
		memset(bar->va, 0x11 + i, KIT_DMA_LEN);
		EXPECT_TRUE(kit_dma_reads(&bar->dma, IOVA, 0x11 + i));
		EXPECT_TRUE(misses(bar, IOVA, bar->va)) TH_LOG("written to, %d", i);
		ASSERT_EQ(0, memory(bar, false));
		ASSERT_EQ(0, memory(bar, true));
	}
	ASSERT_EQ(0, unmap(bar->by, WINDOW, IOVA));

	/* As for memory: what counts is what the mapping allows now. */
	ASSERT_EQ(0, mprotect(bar->va, WINDOW, R));
	EXPECT_EQ(-EFAULT, map(bar->by, bar->va, WINDOW, IOVA, RW));
	ASSERT_EQ(0, mprotect(bar->va, WINDOW, PROT_NONE));
	EXPECT_EQ(-EFAULT, map(bar->by, bar->va, WINDOW, IOVA, R));
	ASSERT_EQ(0, mprotect(bar->va, WINDOW, RW));
	EXPECT_EQ(0, map(bar->by, bar->va, WINDOW, IOVA, RW));
}

/* VMAs of one range count as one if they continue each other in the BAR. */
TEST_F(bar, several_vmas)
{
	u64 third = 4 * KIT_PAGE_SIZE, i;
	struct bar *bar = &self->bar;
	char *middle = bar->va + third;

	ASSERT_EQ(0, mprotect(middle, third, R));
	EXPECT_EQ(-EFAULT, map(bar->by, bar->va, WINDOW, IOVA, RW));
	ASSERT_EQ(0, map(bar->by, bar->va, WINDOW, IOVA, R));
	ASSERT_EQ(0, unmap(bar->by, WINDOW, IOVA));
	ASSERT_EQ(0, mprotect(middle, third, RW));
	ASSERT_EQ(0, map(bar->by, bar->va, WINDOW, IOVA, RW));
	for (i = 0; i < 3; i++)
		EXPECT_TRUE(lands(bar, IOVA + i * third, bar->va + i * third, 0x11 + i));
	ASSERT_EQ(0, unmap(bar->by, WINDOW, IOVA));

	/* Another part of the BAR, memory, or nothing does not continue it. */
	ASSERT_EQ(middle, mmap(middle, third, RW, MAP_SHARED | MAP_FIXED, bar->dev.vdev->fd,
			       bar->area->file_offset + bar->area->offset));
	EXPECT_EQ(-EFAULT, map(bar->by, bar->va, WINDOW, IOVA, RW));
	ASSERT_EQ(middle, mmap(middle, third, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_EQ(-EFAULT, map(bar->by, bar->va, WINDOW, IOVA, RW));
	EXPECT_EQ(-EFAULT, map(bar->by, middle, WINDOW - third, IOVA, RW));
	ASSERT_EQ(0, munmap(middle, third));
	EXPECT_EQ(-EFAULT, map(bar->by, bar->va, WINDOW, IOVA, RW));
	EXPECT_EQ(0, map(bar->by, bar->va, third, IOVA, RW));
}

/* A program need not know when the BAR is there. */
TEST_F(bar, mapped_while_revoked)
{
	struct bar *bar = &self->bar;

	ASSERT_EQ(0, memory(bar, false));
	ASSERT_EQ(0, map(bar->by, bar->va, WINDOW, IOVA, RW));
	EXPECT_EQ(-EEXIST, map(bar->by, bar->va, WINDOW, IOVA, RW));
	ASSERT_EQ(0, memory(bar, true));
	EXPECT_TRUE(lands(bar, IOVA, bar->va, 0x11));

	ASSERT_EQ(0, memory(bar, false));
	ASSERT_EQ(0, unmap(bar->by, WINDOW, IOVA));
	ASSERT_EQ(0, memory(bar, true));
	EXPECT_TRUE(misses(bar, IOVA, bar->va));
}

/* As memory that is pinned: munmap() does not take it away. */
TEST_F(bar, mapping_goes_away)
{
	struct bar *bar = &self->bar;

	ASSERT_EQ(0, map(bar->by, bar->va, WINDOW, IOVA, RW));
	ASSERT_EQ(0, munmap(bar->va, WINDOW));
	EXPECT_TRUE(lands(bar, IOVA, bar->all + WINDOW, 0x11));
	ASSERT_EQ(0, memory(bar, false));
	ASSERT_EQ(0, memory(bar, true));
	EXPECT_TRUE(lands(bar, IOVA, bar->all + WINDOW, 0x22));
}

/* With the last mapping the device closes, and the importers are gone. */
TEST_F(bar, device_closes)
{
	struct iommu *iommu = NULL;
	struct bar *bar = &self->bar;

	ASSERT_EQ(0, map(bar->by, bar->va, WINDOW, IOVA, RW));
	ASSERT_TRUE(lands(bar, IOVA, bar->va, 0x11));
	munmap(bar->va, WINDOW);
	munmap(bar->all, 2 * WINDOW);
	kit_close(&bar->dev, NULL);
	kit_dma_write(&bar->dma, IOVA, 0x22);

	kit_open(&bar->dev, &iommu);
	bar->area = kit_best_area(&bar->dev);
	bar->va = kit_map(&bar->dev, bar->area, WINDOW, WINDOW, RW);
	EXPECT_TRUE(kit_dma_landed(bar->va, 0x11)) TH_LOG("DMA after the device had closed");
	/* It is another DMABUF now, and the old one stays as it is. */
	EXPECT_TRUE(misses(bar, IOVA, bar->va));
	ASSERT_EQ(0, memory(bar, false));
	ASSERT_EQ(0, memory(bar, true));
	EXPECT_TRUE(misses(bar, IOVA, bar->va));
	EXPECT_EQ(0, unmap(bar->by, WINDOW, IOVA));
	ASSERT_EQ(0, map(bar->by, bar->va, WINDOW, IOVA, RW));
	EXPECT_TRUE(lands(bar, IOVA, bar->va, 0x33));
}

/* Attach a device to an IOAS, or detach it where @id is 0: 0 or -errno. */
static int attach(int fd, u32 id)
{
	struct vfio_device_attach_iommufd_pt to = { .argsz = sizeof(to), .pt_id = id };
	struct vfio_device_detach_iommufd_pt from = { .argsz = sizeof(from) };

	if (id)
		return ioctl(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &to) ? -errno : 0;
	return ioctl(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &from) ? -errno : 0;
}

/* What else knows of addresses: a copy, and the domain of a device that leaves. */
TEST_F(bar, copies_and_domains)
{
	struct bar *bar = &self->bar;
	struct iommu_ioas_copy copy = {
		.size = sizeof(copy),
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE |
			 IOMMU_IOAS_MAP_FIXED_IOVA,
		.dst_ioas_id = bar->by->ioas_id, .src_ioas_id = bar->by->ioas_id,
		.length = KIT_PAGE_SIZE, .dst_iova = IOVA + SZ_1M, .src_iova = IOVA + KIT_PAGE_SIZE,
	};
	int fds[] = { bar->dev.vdev->fd, bar->dma.dev->fd };
	char *page = bar->va + KIT_PAGE_SIZE;
	int i;

	if (!bar->by->iommufd)
		SKIP(return, "a container has none of this");
	ASSERT_EQ(0, map(bar->by, bar->va, WINDOW, IOVA, RW));
	ASSERT_EQ(0, memory(bar, false));
	ASSERT_EQ(0, ioctl(bar->by->iommufd, IOMMU_IOAS_COPY, &copy));
	ASSERT_EQ(0, memory(bar, true));
	EXPECT_TRUE(lands(bar, IOVA + SZ_1M, page, 0x11));

	/* Domains come and go while it is revoked, and while it is not. */
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, memory(bar, i & 1));
		ASSERT_EQ(0, attach(fds[0], 0));
		ASSERT_EQ(0, attach(fds[1], 0));
		ASSERT_EQ(0, memory(bar, i & 2));
		ASSERT_EQ(0, attach(fds[1], bar->by->ioas_id));
		ASSERT_EQ(0, attach(fds[0], bar->by->ioas_id));
		ASSERT_EQ(0, memory(bar, true));
		EXPECT_TRUE(lands(bar, IOVA, bar->va, 0x22 + i)) TH_LOG("round %d", i);
		EXPECT_TRUE(lands(bar, IOVA + SZ_1M, page, 0x33 + i)) TH_LOG("round %d", i);
	}
}

struct toggler {
	struct bar *bar;
	bool stop;
	int err, turns;
};

static void *toggle(void *arg)
{
	struct toggler *toggler = arg;

	while (!__atomic_load_n(&toggler->stop, __ATOMIC_ACQUIRE) && !toggler->err) {
		toggler->err = memory(toggler->bar, false);
		if (!toggler->err)
			toggler->err = memory(toggler->bar, true);
		toggler->turns++;
	}
	return NULL;
}

/* One thread maps and unmaps, another has the BAR taken away and given back. */
TEST_F_TIMEOUT(bar, races_with_revocations, 60)
{
	struct bar *bar = &self->bar;
	struct toggler toggler = { .bar = bar };
	double until = kit_now() + 3;
	pthread_t thread;
	int maps = 0;

	ASSERT_EQ(0, pthread_create(&thread, NULL, toggle, &toggler));
	while (kit_now() < until) {
		char *va = kit_map(&bar->dev, bar->area, WINDOW, WINDOW, RW);

		ASSERT_EQ(0, map(bar->by, va, WINDOW, IOVA, RW));
		ASSERT_EQ(0, map(bar->by, va, KIT_PAGE_SIZE, IOVA + SZ_1M, R));
		munmap(va, WINDOW);
		ASSERT_EQ(0, unmap(bar->by, KIT_PAGE_SIZE, IOVA + SZ_1M));
		ASSERT_EQ(0, unmap(bar->by, WINDOW, IOVA));
		maps++;
	}
	__atomic_store_n(&toggler.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, toggler.err);
	TH_LOG("%d maps, %d revocations", maps, toggler.turns);
	EXPECT_LT(10, maps);
	EXPECT_LT(2, toggler.turns);
	ASSERT_EQ(0, map(bar->by, bar->va, WINDOW, IOVA, RW));
	EXPECT_TRUE(lands(bar, IOVA, bar->va, 0x11));
}

int main(int argc, char **argv)
{
	kit_args(&argc, argv);
	if (argc < 2)
		ksft_exit_skip("no second device to do DMA\n");
	dma_bdf = argv[--argc];
	argv[argc] = NULL;
	return test_harness_run(argc, argv);
}
