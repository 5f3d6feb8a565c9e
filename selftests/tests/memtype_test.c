// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory types, read from the page tables themselves: each page of each mapping is
 * uncached or write-combining as region info says, by PTE, PMD and PUD, from the
 * first fault on and after each revocation. (Rule C14 of the contract.)
 *
 * usage: memtype_test [HARNESS OPTIONS] [--areas N] [BDF]
 *
 *   --areas N   region info has to name N write-combining areas (default: any
 *               number of them, none as well)
 *
 * x86 only, and the kernel needs PTDUMP_DEBUGFS.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <string.h>
#include <unistd.h>

#include <linux/sizes.h>

#include "access.h"
#include "kselftest_harness.h"

/* A kernel without the series has neither in its headers. */
#ifndef VFIO_REGION_INFO_CAP_WRITE_COMBINE
#define VFIO_REGION_INFO_CAP_WRITE_COMBINE	6
struct vfio_region_info_cap_write_combine {
	struct vfio_info_cap_header header;
	__u32 nr_areas;
	__u32 reserved;
	struct vfio_region_sparse_mmap_area areas[];
};
#endif
#ifndef VFIO_DEVICE_FEATURE_DMA_BUF_MEMATTR
#define VFIO_DEVICE_FEATURE_DMA_BUF_MEMATTR	15
struct vfio_device_feature_dma_buf_memattr {
	__s32 dmabuf_fd;
	__u32 memattr;
};

#define VFIO_DMA_BUF_MEMATTR_NC	0
#define VFIO_DMA_BUF_MEMATTR_WC	1
#endif

#define TABLES		"/sys/kernel/debug/page_tables/"
#define MAX_WC		16
#define MAX_SPOTS	64

#define RW		(PROT_READ | PROT_WRITE)

static int areas_wanted = -1;

/* A write-combining area of a region. */
struct wc_area {
	u32 region;
	u64 offset, size;
};

/* A page that is looked at: where it is mapped, and what it is. */
struct spot {
	char *va;
	u32 region;
	u64 offset;
};

FIXTURE(memtype) {
	struct kit_dev dev;
	struct iommu *iommu;
	struct wc_area wc[MAX_WC];
	int nr_wc;
	struct spot spot[MAX_SPOTS];
	int spots;
};

FIXTURE_VARIANT(memtype) {
	u64 entry;
};

FIXTURE_VARIANT_ADD(memtype, pte) { .entry = SZ_4K };
FIXTURE_VARIANT_ADD(memtype, pmd) { .entry = SZ_2M };
FIXTURE_VARIANT_ADD(memtype, pud) { .entry = SZ_1G };

static void find_wc(struct _test_data_memtype *self, u32 region)
{
	struct vfio_region_info probe = { .argsz = sizeof(probe), .index = region };
	struct vfio_region_info_cap_write_combine *cap;
	struct vfio_info_cap_header *header;
	struct vfio_region_info *info;
	u32 at, i;

	if (ioctl(self->dev.vdev->fd, VFIO_DEVICE_GET_REGION_INFO, &probe) || !probe.size)
		return;
	info = calloc_assert(1, probe.argsz);
	info->argsz = probe.argsz;
	info->index = region;
	ioctl_assert(self->dev.vdev->fd, VFIO_DEVICE_GET_REGION_INFO, info);
	at = info->flags & VFIO_REGION_INFO_FLAG_CAPS ? info->cap_offset : 0;
	for (; at; at = header->next) {
		header = (void *)info + at;
		cap = (void *)header;
		if (header->id != VFIO_REGION_INFO_CAP_WRITE_COMBINE)
			continue;
		for (i = 0; i < cap->nr_areas && self->nr_wc < MAX_WC; i++)
			self->wc[self->nr_wc++] = (struct wc_area){
				.region = region,
				.offset = cap->areas[i].offset,
				.size = cap->areas[i].size,
			};
	}
	free(info);
}

static bool is_wc(struct _test_data_memtype *self, u32 region, u64 offset)
{
	int i;

	for (i = 0; i < self->nr_wc; i++)
		if (self->wc[i].region == region && offset >= self->wc[i].offset &&
		    offset - self->wc[i].offset < self->wc[i].size)
			return true;
	return false;
}

FIXTURE_SETUP(memtype)
{
	u32 i;

	if (access(TABLES, R_OK))
		SKIP(return, "the kernel has no " TABLES);
	kit_open(&self->dev, &self->iommu);
	for (i = 0; i < self->dev.vdev->info.num_regions; i++)
		find_wc(self, i);
	if (areas_wanted >= 0)
		ASSERT_EQ(areas_wanted, self->nr_wc);
}

FIXTURE_TEARDOWN(memtype)
{
	if (self->dev.vdev)
		kit_close(&self->dev, self->iommu);
}

/* The page tables of this process, its own half. To be freed. */
static char *dump_tables(void)
{
	size_t size = 0, room = 0;
	char *text = NULL, *end;
	ssize_t got = 1;
	int fd;

	fd = open(TABLES "current_user", O_RDONLY);
	if (fd < 0)
		fd = open(TABLES "current_kernel", O_RDONLY);
	VFIO_ASSERT_GE(fd, 0);
	while (got > 0) {
		if (room - size < SZ_64K) {
			room += SZ_1M;
			text = realloc(text, room);
			VFIO_ASSERT_NE(text, NULL);
		}
		got = read(fd, text + size, room - size - 1);
		VFIO_ASSERT_GE(got, 0);
		size += got;
		text[size] = '\0';
		end = strstr(text, "---[ Kernel Space ]---");
		if (end) {
			*end = '\0';
			break;
		}
	}
	close(fd);
	return text;
}

/*
 * What the tables say of @va: "WC pmd", for example. The bits are the index of the
 * type in the PAT, as Linux has it: PWT is write-combining, PCD is uncached.
 */
static void entry_of(const char *tables, const char *va, char *out, size_t size)
{
	unsigned long from, to, at = (unsigned long)va;
	const char *line, *type;
	char rest[128], *level;

	snprintf(out, size, "nothing");
	for (line = tables; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, "0x%lx-0x%lx %*s %127[^\n]", &from, &to, rest) != 3 ||
		    at < from || at >= to)
			continue;
		if (!strstr(rest, "USR"))
			return;
		if (strstr(rest, "PAT "))
			type = "of another type";
		else if (strstr(rest, "PWT ") && strstr(rest, "PCD "))
			type = "UC";
		else if (strstr(rest, "PWT "))
			type = "WC";
		else if (strstr(rest, "PCD "))
			type = "UC-";
		else
			type = "WB";
		level = strrchr(rest, ' ');
		snprintf(out, size, "%s%s", type, level ? level : "");
		return;
	}
}

static void add_spot(struct _test_data_memtype *self, char *va, u32 region, u64 offset)
{
	if (self->spots < MAX_SPOTS)
		self->spot[self->spots++] = (struct spot){ va, region, offset };
}

/* Of a mapping of [@from, @from + @size) of a region: its ends, both sides of each border. */
static void add_spots(struct _test_data_memtype *self, char *va, u32 region, u64 from, u64 size)
{
	int i, j;

	add_spot(self, va, region, from);
	add_spot(self, va + size - KIT_PAGE_SIZE, region, from + size - KIT_PAGE_SIZE);
	for (i = 0; i < self->nr_wc; i++) {
		const struct wc_area *wc = &self->wc[i];
		const u64 at[] = { wc->offset - KIT_PAGE_SIZE, wc->offset,
				   wc->offset + wc->size - KIT_PAGE_SIZE, wc->offset + wc->size };

		for (j = 0; wc->region == region && j < 4; j++)
			if (at[j] >= from && at[j] < from + size)
				add_spot(self, va + at[j] - from, region, at[j]);
	}
}

/* Touch all spots, then look at them: how many are not what they have to be. */
static int wrong_spots(struct _test_data_memtype *self, const char *when)
{
	char seen[64], *tables;
	int i, wrong = 0;
	u32 val;

	for (i = 0; i < self->spots; i++)
		if (!kit_try_read(self->spot[i].va, &val)) {
			printf("# %s: region %u, offset 0x%llx: SIGBUS\n", when,
			       self->spot[i].region, (unsigned long long)self->spot[i].offset);
			wrong++;
		}
	tables = dump_tables();
	for (i = 0; i < self->spots; i++) {
		const struct spot *spot = &self->spot[i];
		const char *wanted = is_wc(self, spot->region, spot->offset) ? "WC " : "UC- ";

		entry_of(tables, spot->va, seen, sizeof(seen));
		if (!strncmp(seen, wanted, strlen(wanted)))
			continue;
		printf("# %s: region %u, offset 0x%llx: page table has %s, region info %s\n",
		       when, spot->region, (unsigned long long)spot->offset, seen, wanted);
		wrong++;
	}
	free(tables);
	return wrong;
}

/* Whether an entry at @offset lies in @area, and in one type. */
static bool entry_fits(struct _test_data_memtype *self, const struct kit_area *area, u64 offset,
		       u64 entry)
{
	u64 in_bar = area->offset + offset;
	u64 at;

	if (in_bar % entry || offset + entry > area->size)
		return false;
	for (at = 0; at < entry; at += KIT_PAGE_SIZE)
		if (is_wc(self, area->region, in_bar + at) != is_wc(self, area->region, in_bar))
			return false;
	return true;
}

/* All of @area, where no entry larger than @entry can map it. */
static char *map_for(struct kit_dev *dev, struct kit_area *area, u64 entry)
{
	u64 off = entry == SZ_1G ? 0 : entry == SZ_2M ? SZ_2M : KIT_PAGE_SIZE;
	char *va = mmap_reserve(area->size, SZ_1G, off);

	va = mmap(va, area->size, area->writable ? RW : PROT_READ, MAP_SHARED | MAP_FIXED,
		  dev->vdev->fd, area->file_offset + area->offset);
	VFIO_ASSERT_NE((void *)va, MAP_FAILED);
	return va;
}

/*
 * Map each area as a whole, or, for the large entries of a VMA of one type, those
 * parts of it that region info tells apart.
 */
static int map_all(struct _test_data_memtype *self, u64 entry)
{
	struct kit_dev *dev = &self->dev;
	int i;

	for (i = 0; i < dev->nr_areas; i++) {
		struct kit_area *area = &dev->areas[i];

		if (area->size < entry)
			continue;
		add_spots(self, map_for(dev, area, entry), area->region, area->offset, area->size);
	}
	return self->spots;
}

TEST_F(memtype, as_region_info_says)
{
	const struct kit_path *path;
	char when[96];
	int i;

	if (!map_all(self, variant->entry))
		SKIP(return, "no area of 0x%llx bytes", (unsigned long long)variant->entry);
	ASSERT_EQ(0, wrong_spots(self, "after mmap"));
	for (i = 0; i < kit_nr_paths; i++) {
		path = &kit_paths[i];
		if (!path->one_device || path->named_only || kit_cannot(path, &self->dev))
			continue;
		ASSERT_EQ(0, kit_enter(path, &self->dev));
		ASSERT_EQ(0, kit_leave(path, &self->dev));
		snprintf(when, sizeof(when), "after %s", path->name);
		EXPECT_EQ(0, wrong_spots(self, when));
	}
}

/* A VMA of one type has entries of the size asked for, of its type. */
TEST_F(memtype, entries_of_one_type)
{
	static const char *const level[] = { " pte", " pmd", " pud" };
	int seen[2] = {}, i, j, loop;
	char found[64], wanted[64];
	u64 entry = variant->entry;
	struct kit_area *area;
	char *va, *tables;
	u32 val;
	u64 at;

	for (i = 0; i < self->dev.nr_areas; i++) {
		area = &self->dev.areas[i];
		/* A write-combining entry, and one that is not */
		for (j = 0; j < 2; j++) {
			for (at = 0; at < area->size; at += entry)
				if (is_wc(self, area->region, area->offset + at) == j &&
				    entry_fits(self, area, at, entry))
					break;
			if (at >= area->size)
				continue;
			va = mmap_reserve(entry, SZ_1G, entry == SZ_1G ? 0 : entry);
			ASSERT_EQ(va, mmap(va, entry, area->writable ? RW : PROT_READ,
					   MAP_SHARED | MAP_FIXED, self->dev.vdev->fd,
					   area->file_offset + area->offset + at));
			snprintf(wanted, sizeof(wanted), "%s%s", j ? "WC" : "UC-",
				 level[entry == SZ_4K ? 0 : entry == SZ_2M ? 1 : 2]);
			for (loop = 0; loop < 3; loop++) {
				ASSERT_TRUE(kit_try_read(va, &val));
				tables = dump_tables();
				entry_of(tables, va, found, sizeof(found));
				free(tables);
				EXPECT_STREQ(wanted, found);
				ASSERT_EQ(0, kit_enter(kit_path("memory_disable"), &self->dev));
				ASSERT_EQ(0, kit_leave(kit_path("memory_disable"), &self->dev));
			}
			seen[j]++;
			munmap(va, entry);
		}
	}
	if (!seen[0] && !seen[1])
		SKIP(return, "no area has room for an entry of that size and of one type");
	printf("# %d entries were uncached, %d write-combining\n", seen[0], seen[1]);
}

TEST_F(memtype, mprotect_keeps_it)
{
	struct kit_area *area;
	bool first, mixed;
	char *va;
	int i;
	u64 at;

	if (variant->entry != SZ_4K)
		SKIP(return, "once is enough");
	for (i = 0; i < self->dev.nr_areas; i++) {
		area = &self->dev.areas[i];
		if (area->size > SZ_1G)
			continue;
		self->spots = 0;
		va = map_for(&self->dev, area, variant->entry);
		add_spots(self, va, area->region, area->offset, area->size);
		ASSERT_EQ(0, wrong_spots(self, "after mmap"));
		first = is_wc(self, area->region, area->offset);
		for (mixed = false, at = 0; at < area->size; at += KIT_PAGE_SIZE)
			mixed |= is_wc(self, area->region, area->offset + at) != first;
		if (mprotect(va, area->size, PROT_READ)) {
			EXPECT_EQ(EINVAL, errno);
			EXPECT_TRUE(mixed);
		} else if (area->writable) {
			EXPECT_EQ(0, mprotect(va, area->size, RW));
		}
		EXPECT_EQ(0, wrong_spots(self, "after mprotect"));
		munmap(va, area->size);
	}
}

static int set_memattr(struct kit_dev *dev, int dmabuf, u32 memattr)
{
	struct {
		struct vfio_device_feature feature;
		struct vfio_device_feature_dma_buf_memattr set;
	} arg = {
		.feature = {
			.argsz = sizeof(arg),
			.flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_BUF_MEMATTR,
		},
		.set = { .dmabuf_fd = dmabuf, .memattr = memattr },
	};

	return ioctl(dev->vdev->fd, VFIO_DEVICE_FEATURE, &arg) ? -errno : 0;
}

/* A DMABUF of one type, from @offset of @area on. Returns 0, or -1 without exports. */
static int check_export(struct __test_metadata *const _metadata,
			struct _test_data_memtype *self, struct kit_area *area, u64 offset,
			u64 size)
{
	bool wc = is_wc(self, area->region, area->offset + offset);
	int loop, dmabuf;
	char *va;

	dmabuf = kit_region_export(&self->dev, area->region, area->offset + offset, size);
	if (dmabuf < 0)
		return -1;
	EXPECT_EQ(wc ? 0 : -EOPNOTSUPP, set_memattr(&self->dev, dmabuf, VFIO_DMA_BUF_MEMATTR_WC));
	EXPECT_EQ(wc ? -EOPNOTSUPP : 0, set_memattr(&self->dev, dmabuf, VFIO_DMA_BUF_MEMATTR_NC));
	EXPECT_EQ(-ENOENT, set_memattr(&self->dev, dmabuf, 2));
	va = mmap(NULL, size, PROT_READ, MAP_SHARED, dmabuf, 0);
	ASSERT_NE(MAP_FAILED, va);
	self->spots = 0;
	add_spot(self, va, area->region, area->offset + offset);
	add_spot(self, va + size - KIT_PAGE_SIZE, area->region,
		 area->offset + offset + size - KIT_PAGE_SIZE);
	for (loop = 0; loop < 2; loop++) {
		EXPECT_EQ(0, wrong_spots(self, "of an export"));
		ASSERT_EQ(0, kit_enter(kit_path("memory_disable"), &self->dev));
		ASSERT_EQ(0, kit_leave(kit_path("memory_disable"), &self->dev));
	}
	EXPECT_EQ(0, wrong_spots(self, "of an export, at last"));
	munmap(va, size);
	close(dmabuf);
	return 0;
}

TEST_F(memtype, of_exports)
{
	u64 size = 2 * KIT_PAGE_SIZE;
	struct kit_area *area;
	int exports = 0, i, j;

	if (variant->entry != SZ_4K)
		SKIP(return, "once is enough");
	for (i = 0; i < self->dev.nr_areas; i++) {
		area = &self->dev.areas[i];
		if (area->size < size)
			continue;
		exports += !check_export(_metadata, self, area, 0, size);
		for (j = 0; j < self->nr_wc; j++)
			if (self->wc[j].region == area->region &&
			    self->wc[j].offset >= area->offset &&
			    self->wc[j].offset + size <= area->offset + area->size)
				exports += !check_export(_metadata, self, area,
							 self->wc[j].offset - area->offset, size);
	}
	if (!exports)
		SKIP(return, "no region can be exported");
}

static int ioeventfd(struct kit_dev *dev, u64 at, u64 data, int fd)
{
	struct vfio_device_ioeventfd arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DEVICE_IOEVENTFD_64,
		.offset = at,
		.data = data,
		.fd = fd,
	};

	return ioctl(dev->vdev->fd, VFIO_DEVICE_IOEVENTFD, &arg) ? -errno : 0;
}

/*
 * read(), write() and ioeventfds go through mappings of the kernel's own, one for
 * each piece of a BAR. Around each border they find what a mapping shows.
 */
TEST_F(memtype, other_ways_in)
{
	u64 one = 1, val[2], at, file, i, borders = 0;
	int fd = eventfd(0, EFD_CLOEXEC), device = self->dev.vdev->fd, loops, ret, across;
	struct kit_area *area = kit_best_area(&self->dev);
	char *va;

	ASSERT_LE(0, fd);
	if (variant->entry != SZ_4K)
		SKIP(return, "once is enough");
	if (!area || !area->ram)
		SKIP(return, "no BAR of memory");
	va = map_for(&self->dev, area, variant->entry);
	for (i = 0; i < self->nr_wc; i++) {
		if (self->wc[i].region != area->region ||
		    self->wc[i].offset < area->offset + sizeof(val) ||
		    self->wc[i].offset + sizeof(val) > area->offset + area->size)
			continue;
		/* One word on each side */
		at = self->wc[i].offset - area->offset - sizeof(val[0]);
		file = area->file_offset + area->offset + at;
		val[0] = 0x1111111100000000 + i;
		val[1] = 0x2222222200000000 + i;
		ASSERT_EQ(sizeof(val), pwrite(device, val, sizeof(val), file));
		EXPECT_EQ(0, memcmp(va + at, val, sizeof(val)));
		WRITE_ONCE(*(u64 *)(va + at), 0x3333333300000000);
		WRITE_ONCE(*(u64 *)(va + at + 8), 0x4444444400000000);
		__sync_synchronize();
		ASSERT_EQ(sizeof(val), pread(device, val, sizeof(val), file));
		EXPECT_EQ(0x3333333300000000, val[0]);
		EXPECT_EQ(0x4444444400000000, val[1]);

		ret = ioeventfd(&self->dev, file + sizeof(val[0]), 0x5555555500000000, fd);
		/* A driver may have none for what it maps by itself */
		if (!ret) {
			ASSERT_EQ(sizeof(one), write(fd, &one, sizeof(one)));
			for (loops = 0; loops < 200; loops++) {
				if (READ_ONCE(*(u64 *)(va + at + 8)) == 0x5555555500000000)
					break;
				usleep(10000);
			}
			EXPECT_GT(200, loops);
			EXPECT_EQ(0, ioeventfd(&self->dev, file + sizeof(val[0]),
					       0x5555555500000000, -1));
		}
		across = ioeventfd(&self->dev, file + 4, 1, fd);
		/* 7.2 has none of 8 bytes at all */
		if (ret != -EINVAL || across != -EINVAL)
			EXPECT_EQ(-EXDEV, across);
		borders++;
	}
	close(fd);
	if (!borders)
		SKIP(return, "no border between memory types");
}

#define PARAMETER	"/sys/module/vfio_pci/parameters/write_combine"

static int set_parameter(const char *list)
{
	int fd = open(PARAMETER, O_WRONLY), ret = 0;

	VFIO_ASSERT_GE(fd, 0);
	if (write(fd, list, strlen(list)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static bool bound(void)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/vfio-pci/%s", kit_bdf);
	return !access(path, F_OK);
}

/* A memory BAR that is not prefetchable, or -1. */
static int other_bar(void)
{
	unsigned long long start, end, flags;
	char path[96];
	int bar, found = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource", kit_bdf);
	f = fopen(path, "r");
	VFIO_ASSERT_NE(f, NULL);
	for (bar = 0; bar < 6 && found < 0; bar++)
		if (fscanf(f, "%llx %llx %llx", &start, &end, &flags) == 3 && start &&
		    (flags & 0x2200) == 0x200)
			found = bar;
	fclose(f);
	return found;
}

static unsigned int id_of(const char *file)
{
	unsigned int id = 0;
	char path[96];
	int found;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", kit_bdf, file);
	f = fopen(path, "r");
	VFIO_ASSERT_NE(f, NULL);
	found = fscanf(f, "%x", &id);
	fclose(f);
	VFIO_ASSERT_EQ(found, 1);
	return id;
}

/* vfio-pci is bound only if the device can have what its parameter asks for. */
TEST_F(memtype, parameter)
{
	static const char *const wrong[] = {
		"nonsense", "1af4:1110", "1af4:1110:6", "1af4:1110:2:0", "1af4:1110:2:0:1000:0",
		"1af4:1110:2,x", "1af4:1110:2 1af4:1110:2",
	};
	unsigned int vendor = id_of("vendor"), device = id_of("device");
	char was[512] = "\n", list[64];
	int bar = other_bar(), i, n = 0;

	if (variant->entry != SZ_4K || !bound())
		SKIP(return, "once is enough, for vfio-pci");
	for (i = 0; i < (int)ARRAY_SIZE(wrong); i++)
		EXPECT_EQ(-EINVAL, set_parameter(wrong[i]));
	if (bar < 0)
		SKIP(return, "all BARs are prefetchable");
	for (i = 0; i < self->nr_wc && n < (int)sizeof(was) - 64; i++)
		n += snprintf(was + n, sizeof(was) - n, "%s%x:%x:%x:%llx:%llx", i ? "," : "",
			      vendor, device, self->wc[i].region,
			      (unsigned long long)self->wc[i].offset,
			      (unsigned long long)self->wc[i].size);
	kit_close(&self->dev, self->iommu);
	self->dev.vdev = NULL;

	snprintf(list, sizeof(list), "%x:%x:%x", vendor, device, bar);
	EXPECT_EQ(0, set_parameter(list));
	EXPECT_EQ(0, kit_write_sysfs(kit_bdf, "drivers/vfio-pci/unbind"));
	kit_write_sysfs(kit_bdf, "drivers_probe");
	EXPECT_FALSE(bound());
	EXPECT_EQ(0, set_parameter(was));
	EXPECT_EQ(0, kit_write_sysfs(kit_bdf, "drivers_probe"));
	EXPECT_TRUE(bound());
	EXPECT_EQ(0, set_parameter("\n"));
}

int main(int argc, char **argv)
{
	areas_wanted = kit_number(&argc, argv, "--areas", -1);
	kit_args(&argc, argv);
	return test_harness_run(argc, argv);
}
