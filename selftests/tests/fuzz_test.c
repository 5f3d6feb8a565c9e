// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random sequences of everything that the holder of a device fd can do, with
 * arguments at their limits and beyond. What is checked all along: while memory
 * is disabled no mapping can be accessed, and no export that was revoked for
 * good; at the end the device works. What else goes wrong, the kernel says. The
 * seed is printed; the same seed and number of operations give the same
 * sequence.
 *
 * usage: fuzz_test [--seed N] [--operations N] BDF
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/iommufd.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "access.h"
#include "exports.h"

#define MAX_MAPS	48
#define MAX_BUFS	12

static struct kit_dev dev;
static struct iommu *iommu;
static struct kit_area *best;
static u64 state;
static struct { char *va; u64 size; } map[MAX_MAPS];
static int buf[MAX_BUFS];
static int maps, bufs;
static bool memory_on = true, low_power;
static unsigned long leaks, reopened;
static unsigned long done[32], failed[32];

/* xorshift64*: the same everywhere. */
static u64 rnd(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dULL;
}

static u64 below(u64 n)
{
	return n ? rnd() % n : 0;
}

/* Something small, something sensible, something at a limit, or anything. */
static u64 odd(u64 sensible)
{
	static const u64 limits[] = {
		0, 1, 4095, 4096, 4097, 1UL << 20, 1UL << 31, 1UL << 32, (1UL << 40) - 1, 1UL << 40,
		(1UL << 40) + 4096, 1UL << 46, 1UL << 47, 1UL << 52, 1UL << 62, 1UL << 63, ~0UL,
		~4095UL, (1UL << 63) - 4096,
	};

	switch (below(8)) {
	case 0:
		return limits[below(ARRAY_SIZE(limits))];
	case 1:
		return rnd();
	case 2:
		return below(1UL << below(63));
	default:
		return sensible;
	}
}

static struct kit_area *any_area(void)
{
	return &dev.areas[below(dev.nr_areas)];
}

static int op_mmap(void)
{
	static const int prots[] = { PROT_READ | PROT_WRITE, PROT_READ, PROT_WRITE, PROT_NONE,
				     PROT_READ | PROT_EXEC };
	static const int flags[] = { MAP_SHARED, MAP_SHARED, MAP_SHARED, MAP_SHARED | MAP_POPULATE,
				     MAP_SHARED | MAP_LOCKED, MAP_PRIVATE, MAP_SHARED_VALIDATE,
				     MAP_SHARED | MAP_NORESERVE };
	struct kit_area *area = any_area();
	u64 pages = area->size / 4096, first = below(pages), size;
	char *va;

	size = odd((1 + below(pages - first)) * 4096);
	if (size > 1UL << 40 && size < 1UL << 46)
		size = 4096;
	va = (void *)syscall(__NR_mmap, 0UL, size, prots[below(ARRAY_SIZE(prots))],
			     flags[below(ARRAY_SIZE(flags))], dev.vdev->fd,
			     odd(area->file_offset + area->offset + first * 4096));
	if (va == MAP_FAILED)
		return -errno;
	if (maps == MAX_MAPS) {
		munmap(va, size);
		return 0;
	}
	map[maps].va = va;
	map[maps++].size = (size + 4095) & ~4095UL;
	return 0;
}

static int op_munmap(void)
{
	u64 pages, first, n;
	int i;

	if (!maps)
		return -ENOENT;
	i = below(maps);
	pages = map[i].size / 4096;
	if (below(2)) {
		munmap(map[i].va, map[i].size);
		map[i] = map[--maps];
		return 0;
	}
	/* A part; what is left of it is one or two mappings that are known. */
	first = below(pages);
	n = 1 + below(pages - first);
	munmap(map[i].va + first * 4096, n * 4096);
	if (first + n < pages && maps == MAX_MAPS) {
		munmap(map[i].va + (first + n) * 4096, (pages - first - n) * 4096);
	} else if (first + n < pages) {
		map[maps].va = map[i].va + (first + n) * 4096;
		map[maps++].size = (pages - first - n) * 4096;
	}
	if (first)
		map[i].size = first * 4096;
	else
		map[i] = map[--maps];
	return 0;
}

static int op_mremap(void)
{
	u64 size;
	char *va;
	int i, keep = below(8) ? 0 : 4 /* MREMAP_DONTUNMAP */;

	if (!maps)
		return -ENOENT;
	i = below(maps);
	size = odd(below(2) ? map[i].size : (1 + below(map[i].size / 4096 + 2)) * 4096);
	if (size > 1UL << 38)
		size = map[i].size;
	va = (void *)syscall(__NR_mremap, map[i].va, map[i].size, size, MREMAP_MAYMOVE | keep, 0UL);
	if (va == MAP_FAILED)
		return -errno;
	if (keep)
		munmap(map[i].va, map[i].size);
	map[i].va = va;
	map[i].size = (size + 4095) & ~4095UL;
	return 0;
}

static int op_protect(void)
{
	u64 pages, first;
	int i;

	if (!maps)
		return -ENOENT;
	i = below(maps);
	pages = map[i].size / 4096;
	first = below(pages);
	if (below(2))
		return mprotect(map[i].va + first * 4096, (1 + below(pages - first)) * 4096,
				below(4)) ? -errno : 0;
	return madvise(map[i].va + first * 4096, (1 + below(pages - first)) * 4096, below(104)) ?
		-errno : 0;
}

static int op_remap_file_pages(void)
{
	int i;

	if (!maps)
		return -ENOENT;
	i = below(maps);
	return syscall(__NR_remap_file_pages, map[i].va, odd(map[i].size), 0, odd(below(1024)), 0) ?
		-errno : 0;
}

static int op_touch(void)
{
	u32 val;
	int i;

	if (!maps)
		return -ENOENT;
	i = below(maps);
	return kit_try_read(map[i].va + below(map[i].size / 4) * 4, &val) ? 0 : -EFAULT;
}

/* The rule that is checked here: memory off, nothing accessible. */
static void check_all(void)
{
	u32 val;
	int i;

	for (i = 0; i < maps && !memory_on; i++) {
		if (kit_try_read(map[i].va + below(map[i].size / 4096) * 4096, &val))
			leaks++;
	}
}

static int op_memory(void)
{
	u16 cmd = vfio_pci_config_readw(dev.vdev, PCI_COMMAND);

	if (below(2))
		cmd |= PCI_COMMAND_MEMORY;
	else
		cmd &= ~PCI_COMMAND_MEMORY;
	vfio_pci_config_writew(dev.vdev, PCI_COMMAND, cmd);
	memory_on = cmd & PCI_COMMAND_MEMORY;
	check_all();
	return 0;
}

static int op_config(void)
{
	u64 val = rnd();
	u32 at = below(256), size = 1 << below(4);

	/* Registers of the bridge between tests and device are not random's. */
	if (at >= PCI_COMMAND - 3 && at < PCI_COMMAND + 2)
		return -ENOENT;
	if (below(2))
		return pread(dev.vdev->fd, &val, size, dev.vdev->config_space.offset + at) < 0 ?
			-errno : 0;
	return pwrite(dev.vdev->fd, &val, size, dev.vdev->config_space.offset + at) < 0 ?
		-errno : 0;
}

static int op_power(void)
{
	u8 pm = kit_find_cap(&dev, PCI_CAP_ID_PM);

	if (!pm)
		return -ENOENT;
	vfio_pci_config_writew(dev.vdev, pm + PCI_PM_CTRL, below(2) ? 3 : below(4));
	check_all();
	return 0;
}

static int op_low_power(void)
{
	struct vfio_device_feature f = {
		.argsz = sizeof(f),
		.flags = VFIO_DEVICE_FEATURE_SET |
			 (low_power ? VFIO_DEVICE_FEATURE_LOW_POWER_EXIT :
			  VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY),
	};

	if (ioctl(dev.vdev->fd, VFIO_DEVICE_FEATURE, &f))
		return -errno;
	low_power = !low_power;
	return 0;
}

static int op_reset(void)
{
	int err = below(2) ? __vfio_pci_device_reset(dev.vdev) : kit_hot_reset(&dev);

	memory_on = vfio_pci_config_readw(dev.vdev, PCI_COMMAND) & PCI_COMMAND_MEMORY;
	check_all();
	return err;
}

static int op_export(void)
{
	struct {
		struct vfio_device_feature feature;
		struct vfio_device_feature_dma_buf get;
		struct vfio_region_dma_range range[4];
	} __packed arg = {
		.feature = {
			.argsz = odd(sizeof(arg)),
			.flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF,
		},
		.get = {
			.open_flags = below(8) ? O_RDWR | O_CLOEXEC : rnd(),
			.nr_ranges = below(8) ? 1 + below(4) : odd(1),
			.flags = below(16) ? 0 : rnd(),
		},
	};
	struct kit_area *area = any_area();
	u64 pages = area->size / 4096, first;
	int i, fd;

	arg.get.region_index = below(8) ? area->region : odd(area->region);
	for (i = 0; i < 4; i++) {
		first = below(pages);
		arg.range[i].offset = odd(area->offset + first * 4096);
		arg.range[i].length = odd((1 + below(pages - first)) * 4096);
	}
	fd = ioctl(dev.vdev->fd, VFIO_DEVICE_FEATURE, &arg);
	if (fd < 0)
		return -errno;
	if (bufs == MAX_BUFS)
		close(fd);
	else
		buf[bufs++] = fd;
	return 0;
}

static int op_close_export(void)
{
	char path[40];
	int i, o;

	if (!bufs)
		return -ENOENT;
	i = below(bufs);
	if (!below(3)) {
		/* Only an O_PATH fd stays. */
		snprintf(path, sizeof(path), "/proc/self/fd/%d", buf[i]);
		o = open(path, O_PATH | O_CLOEXEC);
		close(buf[i]);
		buf[i] = o;
		if (o >= 0)
			return 0;
	} else {
		close(buf[i]);
	}
	buf[i] = buf[--bufs];
	return 0;
}

/* An export that is sure to work, for those who need one. */
static int good_buf(void)
{
	struct kit_area *area = any_area();
	int fd;

	if (bufs == MAX_BUFS)
		return buf[below(bufs)];
	fd = kit_region_export(&dev, area->region, area->offset, 4096);
	if (fd >= 0)
		buf[bufs++] = fd;
	return fd;
}

/* Beside the device's own mappings, whose rule it is under. */
static int op_map_export(void)
{
	static const int prots[] = { PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE };
	u64 size = below(2) ? 4096 : odd((1 + below(4)) * 4096);
	int fd = below(2) || !bufs ? good_buf() : buf[below(bufs)];
	char *va;

	if (size > 1UL << 38)
		size = 4096;
	va = (void *)syscall(__NR_mmap, 0UL, size, prots[below(ARRAY_SIZE(prots))],
			     below(8) ? MAP_SHARED : MAP_PRIVATE, fd,
			     below(2) ? 0 : odd(below(4) * 4096));
	if (va == MAP_FAILED)
		return -errno;
	if (maps == MAX_MAPS) {
		munmap(va, size);
		return 0;
	}
	map[maps].va = va;
	map[maps++].size = (size + 4095) & ~4095UL;
	return 0;
}

/* Something that is no DMABUF of this device, at times. */
static int any_buf(void)
{
	switch (below(12)) {
	default:
		return below(2) || !bufs ? good_buf() : buf[below(bufs)];
	case 0:
		return dev.vdev->fd;
	case 1:
		return iommu->iommufd;
	case 2:
		return odd(-1);
	}
}

static int op_revoke(void)
{
	int fd = any_buf(), err;
	char *va;
	u32 val;

	va = kit_export_map(fd, 0, 4096, PROT_READ);
	if (va != MAP_FAILED)
		kit_try_read(va, &val);
	err = kit_export_revoke(&dev, fd);
	if (va == MAP_FAILED)
		return err;
	/* The other rule that is checked here: what is revoked is gone. */
	if (!err && kit_try_read(va, &val) && fd != dev.vdev->fd)
		leaks++;
	munmap(va, 4096);
	return err;
}

static int op_memattr(void)
{
	return kit_export_memattr(&dev, any_buf(), below(4) ? below(2) : odd(1));
}

static int op_import(void)
{
	struct iommu_ioas_map_file file = {
		.size = sizeof(file),
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = iommu->ioas_id,
		.fd = bufs ? buf[below(bufs)] : -1,
		.start = below(4) ? 0 : odd(4096),
		.length = odd(4096),
	};

	return ioctl(iommu->iommufd, IOMMU_IOAS_MAP_FILE, &file) ? -errno : 0;
}

static int op_unmap_all(void)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas_id = iommu->ioas_id, .iova = 0, .length = ~0ULL,
	};

	return ioctl(iommu->iommufd, IOMMU_IOAS_UNMAP, &unmap) ? -errno : 0;
}

static int op_read_write(void)
{
	struct kit_area *area = any_area();
	char data[64] = "";
	u64 at = odd(area->file_offset + area->offset + below(area->size));
	ssize_t rc;

	/* Where registers are: reads only, and not of all of config space. */
	if (area->ram && below(2))
		rc = pwrite(dev.vdev->fd, data, below(sizeof(data)), at);
	else
		rc = pread(dev.vdev->fd, data, below(sizeof(data)), at);
	return rc < 0 ? -errno : 0;
}

static int op_ioctl(void)
{
	static const unsigned long nr[] = {
		VFIO_DEVICE_GET_INFO, VFIO_DEVICE_GET_REGION_INFO, VFIO_DEVICE_GET_IRQ_INFO,
		VFIO_DEVICE_SET_IRQS, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, VFIO_DEVICE_FEATURE,
		VFIO_DEVICE_IOEVENTFD, VFIO_DEVICE_PCI_HOT_RESET,
	};
	u32 arg[64];
	int i;

	for (i = 0; i < ARRAY_SIZE(arg); i++)
		arg[i] = below(2) ? below(16) : rnd();
	arg[0] = odd(below(sizeof(arg)));
	if (arg[0] > sizeof(arg))
		arg[0] = sizeof(arg);
	/* Low power is kept count of elsewhere. */
	if ((arg[1] & VFIO_DEVICE_FEATURE_MASK) >= VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY)
		arg[1] &= ~VFIO_DEVICE_FEATURE_SET;
	return ioctl(dev.vdev->fd, nr[below(ARRAY_SIZE(nr))], arg) ? -errno : 0;
}

static int op_fork(void)
{
	pid_t pid = fork();
	int i;
	u32 val;

	if (pid < 0)
		return -errno;
	if (!pid) {
		for (i = 0; i < maps; i++)
			kit_try_read(map[i].va, &val);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	return 0;
}

static void open_device(void)
{
	kit_open(&dev, &iommu);
	memory_on = vfio_pci_config_readw(dev.vdev, PCI_COMMAND) & PCI_COMMAND_MEMORY;
	low_power = false;
	best = kit_best_area(&dev);
}

static int op_reopen(void)
{
	bool fd_first = below(2);
	int i;

	if (fd_first)
		close(dev.vdev->fd);
	for (i = 0; i < maps; i++)
		munmap(map[i].va, map[i].size);
	maps = 0;
	if (!fd_first)
		close(dev.vdev->fd);
	vfio_pci_device_free(dev.vdev);
	open_device();
	reopened++;
	return 0;
}

static const struct {
	const char *name;
	int (*op)(void);
	int weight;
} ops[] = {
	{ "mmap", op_mmap, 200 }, { "munmap", op_munmap, 120 }, { "mremap", op_mremap, 60 },
	{ "mprotect, madvise", op_protect, 60 }, { "remap_file_pages", op_remap_file_pages, 10 },
	{ "access", op_touch, 200 }, { "PCI_COMMAND", op_memory, 60 }, { "config", op_config, 60 },
	{ "PMCSR", op_power, 10 }, { "low power", op_low_power, 10 }, { "reset", op_reset, 2 },
	{ "export", op_export, 80 }, { "close of an export", op_close_export, 60 },
	{ "mmap of an export", op_map_export, 80 }, { "REVOKE", op_revoke, 20 },
	{ "MEMATTR", op_memattr, 20 },
	{ "import", op_import, 40 }, { "IOAS unmap", op_unmap_all, 10 },
	{ "read, write", op_read_write, 60 }, { "ioctl", op_ioctl, 100 }, { "fork", op_fork, 4 },
	{ "close, open", op_reopen, 1 },
};

static void one(void)
{
	int i, n, sum = 0, err;

	for (i = 0; i < ARRAY_SIZE(ops); i++)
		sum += ops[i].weight;
	n = below(sum);
	for (i = 0; n >= ops[i].weight; i++)
		n -= ops[i].weight;
	err = ops[i].op();
	done[i]++;
	failed[i] += err < 0;
}

static bool works(void)
{
	u32 val;
	char *va;
	bool ok;

	va = kit_map(&dev, best, 0, 4096, PROT_READ | PROT_WRITE);
	ok = kit_try_read(va, &val);
	munmap(va, 4096);
	return ok;
}

int main(int argc, char **argv)
{
	u64 seed = 1, operations = 3000, n;
	struct sigaction sa;
	int i;

	ksft_print_header();
	kit_args(&argc, argv);
	for (i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--seed"))
			seed = strtoull(argv[i + 1], NULL, 0);
		else if (!strcmp(argv[i], "--operations"))
			operations = strtoull(argv[i + 1], NULL, 0);
		else
			ksft_exit_fail_msg("usage: fuzz_test [--seed N] [--operations N] BDF\n");
	}
	ksft_set_plan(2);
	ksft_print_msg("seed %llu, %llu operations\n", (unsigned long long)seed,
		       (unsigned long long)operations);
	state = seed * 0x9e3779b97f4a7c15ULL + 1;
	open_device();
	if (!best)
		ksft_exit_skip("no region that can be mapped\n");
	/* Mappings of every protection are touched. */
	sigaction(SIGBUS, NULL, &sa);
	sigaction(SIGSEGV, &sa, NULL);
	for (n = 0; n < operations; n++)
		one();
	for (i = 0; i < ARRAY_SIZE(ops); i++)
		ksft_print_msg("%-20s %7lu, refused %lu\n", ops[i].name, done[i], failed[i]);
	ksft_test_result(!leaks, "no access while memory is off (%lu)\n", leaks);
	op_reopen();
	ksft_test_result(works(), "the device works after it\n");
	ksft_finished();
}
