// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the holder of a device fd may try on a mapping of a BAR, and must not
 * get: a mapping that does not pin the device, one that is longer than what was
 * granted, one that a revocation does not see, or the DMABUF itself.
 * (Rules C1, C6 and C8 of the contract.)
 *
 * usage: attack_test [HARNESS OPTIONS] BDF
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/memfd.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "access.h"
#include "kselftest_harness.h"

#define WORD	(KIT_PAGE_SIZE - 32)
#define RW	(PROT_READ | PROT_WRITE)

FIXTURE(attack) {
	struct kit_dev dev;
	struct iommu *iommu;
	struct kit_area *area;
	char *va;
};

FIXTURE_SETUP(attack)
{
	kit_open(&self->dev, &self->iommu);
	self->area = kit_best_area(&self->dev);
	if (!self->area || self->area->size < 4 * KIT_PAGE_SIZE)
		SKIP(return, "no region of 4 pages or more that can be mapped");
	self->va = kit_map(&self->dev, self->area, 0, self->area->size, RW);
	kit_fill(self->area, self->va, 0, self->area->size / KIT_PAGE_SIZE);
}

FIXTURE_TEARDOWN(attack)
{
	kit_close(&self->dev, self->iommu);
}

/* mmap() of the device fd, by byte offset. */
static void *try_map(struct _test_data_attack *self, u64 size, int prot, int flags, u64 offset)
{
	return (void *)syscall(__NR_mmap, 0UL, size, prot, flags, self->dev.vdev->fd, offset);
}

/* Memory is off: nothing of [va, va + size) may be accessible. */
static int accessible_while_off(struct _test_data_attack *self, char *va, u64 size)
{
	int n = 0;
	u32 val;
	u64 i;

	vfio_pci_cmd_clear(self->dev.vdev, PCI_COMMAND_MEMORY);
	for (i = 0; i < size; i += KIT_PAGE_SIZE)
		n += kit_try_read(va + i, &val);
	vfio_pci_cmd_set(self->dev.vdev, PCI_COMMAND_MEMORY);
	return n;
}

TEST_F(attack, remap_file_pages_to_another_page)
{
	u64 pages = self->area->size / KIT_PAGE_SIZE, val, i;
	char *one = kit_map(&self->dev, self->area, 0, 2 * KIT_PAGE_SIZE, RW);
	u64 target[] = { 0, 1, pages - 1, pages, pages + 1, 1UL << 28, 2UL << 28, ~0UL >> 12 };

	ASSERT_TRUE(kit_try_read64(one, &val));
	for (i = 0; i < ARRAY_SIZE(target); i++) {
		long rc = syscall(__NR_remap_file_pages, one, KIT_PAGE_SIZE, 0, target[i], 0);

		/* Refused, or it maps a page of the region like any other. */
		if (rc)
			continue;
		EXPECT_LT(target[i], pages);
		EXPECT_EQ(0, accessible_while_off(self, one, 2 * KIT_PAGE_SIZE));
	}
	/* The rest of the mapping is what it was. */
	munmap(one, KIT_PAGE_SIZE);
	if (self->area->ram && kit_try_read64(one + KIT_PAGE_SIZE + WORD, &val))
		EXPECT_EQ(kit_pattern(self->area, KIT_PAGE_SIZE), val);
	EXPECT_EQ(0, accessible_while_off(self, one + KIT_PAGE_SIZE, KIT_PAGE_SIZE));
}

/* The driver may have mapped it itself, from the device's own file. */
static bool is_dmabuf(const char *va, u64 size)
{
	char path[80], link[256];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", (unsigned long)va,
		 (unsigned long)va + (unsigned long)size);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return false;
	link[n] = '\0';
	return strstr(link, "dmabuf");
}

static int open_map_file(const char *va, u64 size, int flags)
{
	char path[80];

	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", (unsigned long)va,
		 (unsigned long)va + (unsigned long)size);
	return open(path, flags | O_CLOEXEC);
}

TEST_F(attack, map_files_does_not_give_the_dmabuf)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR };
	char again[64];
	u32 val;
	int i, fd, o;

	ASSERT_TRUE(kit_try_read(self->va, &val));
	if (!is_dmabuf(self->va, self->area->size))
		SKIP(return, "this region is mapped from the device's own file");
	o = open_map_file(self->va, self->area->size, O_PATH);
	ASSERT_GE(o, 0);
	for (i = 0; i < 3; i++) {
		fd = open_map_file(self->va, self->area->size, modes[i]);
		EXPECT_LT(fd, 0) TH_LOG("map_files can be opened, mode %d", modes[i]);
		if (fd >= 0) {
			void *p = mmap(NULL, KIT_PAGE_SIZE, PROT_READ, MAP_SHARED, fd, 0);

			EXPECT_EQ(MAP_FAILED, p);
			close(fd);
		}
		snprintf(again, sizeof(again), "/proc/self/fd/%d", o);
		fd = open(again, modes[i] | O_CLOEXEC);
		EXPECT_LT(fd, 0);
	}
	EXPECT_EQ(MAP_FAILED, mmap(NULL, KIT_PAGE_SIZE, PROT_READ, MAP_SHARED, o, 0));
	EXPECT_NE(0, ioctl(o, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &val));
	/* The O_PATH fd outlives mapping and device. */
	ASSERT_EQ(0, munmap(self->va, self->area->size));
	kit_close(&self->dev, self->iommu);
	self->iommu = NULL;
	kit_open(&self->dev, &self->iommu);
	close(o);
}

TEST_F(attack, offsets_and_lengths_at_the_limits)
{
	static const u64 lens[] = { 1, 4096, 8192, 1UL << 20, 1UL << 30, 1UL << 40, 1UL << 46 };
	u64 size = self->area->size, start = self->area->file_offset + self->area->offset;
	u64 region = self->area->file_offset;
	u64 offs[] = {
		start + size, start + size - 4096, start + (1UL << 39),
		region + (1UL << 40) - 4096, region - 4096, (1UL << 63),
		(1UL << 63) - 4096, ~0UL & ~4095UL, 6UL << 40, 7UL << 40,
		8UL << 40, 9UL << 40, 255UL << 40, 1UL << 62,
	};
	u32 val;
	char *p;
	int i, j;

	for (i = 0; i < ARRAY_SIZE(offs); i++) {
		for (j = 0; j < ARRAY_SIZE(lens); j++) {
			p = try_map(self, lens[j], RW, MAP_SHARED, offs[i]);
			if (p == MAP_FAILED)
				continue;
			/* Only what a region really has may come out of this. */
			EXPECT_FALSE(offs[i] >= start + size && offs[i] < region + (1UL << 40) &&
				     offs[i] - self->area->file_offset >= size * 2);
			kit_try_read(p, &val);
			EXPECT_EQ(0, accessible_while_off(self, p, 4096));
			munmap(p, lens[j]);
		}
	}
	EXPECT_EQ(MAP_FAILED, try_map(self, 2 * size, RW, MAP_SHARED, start + size / 2));
	EXPECT_EQ(MAP_FAILED, try_map(self, 0, RW, MAP_SHARED, start));
	EXPECT_EQ(MAP_FAILED, try_map(self, 4096, RW, MAP_SHARED, start + 1));
	/* config space and an index that does not exist */
	EXPECT_EQ(MAP_FAILED, try_map(self, 4096, PROT_READ, MAP_SHARED,
				      (u64)VFIO_PCI_CONFIG_REGION_INDEX << 40));
}

TEST_F(attack, private_and_executable)
{
	u64 start = self->area->file_offset + self->area->offset;

	EXPECT_EQ(MAP_FAILED, try_map(self, 4096, RW, MAP_PRIVATE, start));
	EXPECT_EQ(MAP_FAILED, try_map(self, 4096, PROT_READ, MAP_PRIVATE, start));
	EXPECT_EQ(MAP_FAILED, try_map(self, 4096, RW, MAP_SHARED | MAP_HUGETLB, start));
	EXPECT_EQ(MAP_FAILED, try_map(self, 4096, RW, MAP_SHARED_VALIDATE | MAP_SYNC, start));
}

TEST_F(attack, growth_by_every_call)
{
	char *one = kit_map(&self->dev, self->area, 0, KIT_PAGE_SIZE, RW), *p;

	p = mremap(one, KIT_PAGE_SIZE, 4 * KIT_PAGE_SIZE, 0);
	EXPECT_EQ(MAP_FAILED, p);
	p = mremap(one, KIT_PAGE_SIZE, 4 * KIT_PAGE_SIZE, MREMAP_MAYMOVE);
	EXPECT_EQ(MAP_FAILED, p);
	p = mremap(one, 0, 4 * KIT_PAGE_SIZE, MREMAP_MAYMOVE);
	EXPECT_EQ(MAP_FAILED, p);
	/* Adjacent mappings of adjacent pages stay what they are. */
	p = mmap(one + KIT_PAGE_SIZE, KIT_PAGE_SIZE, RW, MAP_SHARED | MAP_FIXED_NOREPLACE,
		 self->dev.vdev->fd, self->area->file_offset + self->area->offset + KIT_PAGE_SIZE);
	if (p != MAP_FAILED) {
		EXPECT_EQ(MAP_FAILED, mremap(one, 2 * KIT_PAGE_SIZE, 3 * KIT_PAGE_SIZE,
					     MREMAP_MAYMOVE));
		EXPECT_EQ(0, accessible_while_off(self, one, 2 * KIT_PAGE_SIZE));
	}
}

TEST_F(attack, other_ways_to_the_memory)
{
	struct iovec local, remote;
	char buf[64] = "";
	char path[32];
	u32 val;
	int fd;

	ASSERT_TRUE(kit_try_read(self->va, &val));
	local = (struct iovec){ buf, sizeof(buf) };
	remote = (struct iovec){ self->va, sizeof(buf) };
	EXPECT_EQ(-1, process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
	EXPECT_EQ(-1, process_vm_writev(getpid(), &local, 1, &remote, 1, 0));
	snprintf(path, sizeof(path), "/proc/%d/mem", getpid());
	fd = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_GE(fd, 0);
	EXPECT_NE((ssize_t)sizeof(buf), pread(fd, buf, sizeof(buf), (off_t)self->va));
	close(fd);
	/* Pages of a device cannot be spliced or locked down either. */
	fd = syscall(__NR_memfd_create, "m", 0);
	ASSERT_GE(fd, 0);
	EXPECT_LT(0, write(fd, self->va, 16));
	vfio_pci_cmd_clear(self->dev.vdev, PCI_COMMAND_MEMORY);
	EXPECT_EQ(-1, write(fd, self->va, 16));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, pread(fd, self->va, 16, 0));
	vfio_pci_cmd_set(self->dev.vdev, PCI_COMMAND_MEMORY);
	close(fd);
}

TEST_F(attack, process_madvise_and_msync_and_mincore)
{
	unsigned char vec[4];
	u32 val;

	ASSERT_TRUE(kit_try_read(self->va, &val));
	msync(self->va, self->area->size, MS_SYNC | MS_INVALIDATE);
	mincore(self->va, sizeof(vec) * KIT_PAGE_SIZE, vec);
	mlock(self->va, self->area->size);
	mlock2(self->va, self->area->size, MLOCK_ONFAULT);
	munlock(self->va, self->area->size);
	EXPECT_EQ(0, accessible_while_off(self, self->va, self->area->size < 65536 ?
					  self->area->size : 65536));
	EXPECT_TRUE(kit_try_read(self->va, &val));
}

static int child_of_vfork(void *arg)
{
	struct _test_data_attack *self = arg;
	u32 val;

	if (!kit_try_read(self->va, &val))
		_exit(1);
	_exit(0);
}

TEST_F(attack, vfork_and_exec)
{
	static u64 stack[8192];
	int status, i;
	pid_t pid;

	/* Shares the mm, and leaves. */
	pid = clone(child_of_vfork, stack + ARRAY_SIZE(stack),
		    CLONE_VM | CLONE_VFORK | SIGCHLD, self);
	ASSERT_GT(pid, 0);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	/* Has a copy of the mm, and drops it by exec and by exit. */
	for (i = 0; i < 2; i++) {
		pid = fork();
		ASSERT_GE(pid, 0);
		if (!pid) {
			if (i)
				execl("/bin/busybox", "true", NULL);
			_exit(0);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, accessible_while_off(self, self->va, KIT_PAGE_SIZE));
	}
	EXPECT_EQ(0, accessible_while_off(self, self->va, KIT_PAGE_SIZE));
}

TEST_F(attack, map_fixed_that_fails_in_the_middle)
{
	u64 half = self->area->size / 2 / KIT_PAGE_SIZE * KIT_PAGE_SIZE;
	u32 val;

	ASSERT_TRUE(kit_try_read(self->va, &val));
	/* Over the upper half, with an offset that the driver refuses. */
	EXPECT_EQ(MAP_FAILED, mmap(self->va + half, self->area->size - half, RW,
				   MAP_SHARED | MAP_FIXED, self->dev.vdev->fd,
				   self->area->file_offset + (1UL << 39)));
	EXPECT_EQ(0, accessible_while_off(self, self->va, KIT_PAGE_SIZE));
	EXPECT_TRUE(kit_try_read(self->va, &val));
	vfio_pci_cmd_clear(self->dev.vdev, PCI_COMMAND_MEMORY);
	EXPECT_FALSE(kit_try_read(self->va, &val));
	vfio_pci_cmd_set(self->dev.vdev, PCI_COMMAND_MEMORY);
}

TEST_F(attack, many_mappings)
{
	u64 pages = self->area->size / KIT_PAGE_SIZE;
	char *p[512];
	u32 val;
	int i;

	for (i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = kit_map(&self->dev, self->area, i % pages * KIT_PAGE_SIZE,
			       KIT_PAGE_SIZE, RW);
		ASSERT_TRUE(kit_try_read(p[i], &val));
	}
	vfio_pci_cmd_clear(self->dev.vdev, PCI_COMMAND_MEMORY);
	for (i = 0; i < ARRAY_SIZE(p); i++)
		EXPECT_FALSE(kit_try_read(p[i], &val));
	vfio_pci_cmd_set(self->dev.vdev, PCI_COMMAND_MEMORY);
	for (i = 0; i < ARRAY_SIZE(p); i += 2)
		munmap(p[i], KIT_PAGE_SIZE);
	EXPECT_EQ(0, accessible_while_off(self, p[1], KIT_PAGE_SIZE));
}

/* Neither to be told of missing pages, nor, what needs no help of the file, of writes. */
TEST_F(attack, userfaultfd_is_refused)
{
	static const struct { u64 features, mode; } kinds[] = {
		{ 0, UFFDIO_REGISTER_MODE_MISSING },
		{ UFFD_FEATURE_WP_ASYNC, UFFDIO_REGISTER_MODE_WP },
	};
	int i, fd;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct uffdio_api api = { .api = UFFD_API, .features = kinds[i].features };
		struct uffdio_register reg = {
			.range = { (unsigned long)self->va, self->area->size },
			.mode = kinds[i].mode,
		};

		fd = syscall(__NR_userfaultfd, O_CLOEXEC);
		if (fd < 0)
			SKIP(return, "no userfaultfd: %s", strerror(errno));
		ASSERT_EQ(0, ioctl(fd, UFFDIO_API, &api)) TH_LOG("kind %d", i);
		EXPECT_NE(0, ioctl(fd, UFFDIO_REGISTER, &reg)) TH_LOG("kind %d", i);
		close(fd);
	}
}

int main(int argc, char **argv)
{
	kit_args(&argc, argv);
	return test_harness_run(argc, argv);
}
