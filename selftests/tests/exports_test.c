// SPDX-License-Identifier: GPL-2.0-only
/*
 * A part of a BAR is lent: exported as a DMABUF, passed to a process that never
 * had the device, mapped there, revoked and given back with the rest, and taken
 * back for good. (Rules C1, C2, C3, C13 and C14 of the contract.)
 *
 * usage: exports_test [HARNESS OPTIONS] [--seconds S] BDF
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/iommufd.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "access.h"
#include "exports.h"
#include "kselftest_harness.h"

#define RW	(PROT_READ | PROT_WRITE)
#define PAGES	4
#define SIZE	(PAGES * KIT_PAGE_SIZE)

static double seconds;

/*
 * The borrower: a process that is forked before the device is opened. It takes
 * the DMABUF from its parent, and says how reads of it went.
 */
struct borrower {
	pid_t pid;
	int to, from;
};

#define MAP_ANEW	'm'

/* Reads the number of the DMABUF's fd in the parent, then what to try. */
static void borrow(int from, int to)
{
	char what, *va = MAP_FAILED, *again;
	int fd = -1, of;
	u32 val;
	u8 said;

	kit_catch_sigbus();
	if (read(from, &of, sizeof(of)) == sizeof(of))
		fd = kit_fd_of(getppid(), of);
	if (fd >= 0)
		va = kit_export_map(fd, 0, SIZE, PROT_READ);
	said = va != MAP_FAILED;
	while (write(to, &said, 1) == 1 && read(from, &what, 1) == 1) {
		if (what == MAP_ANEW) {
			again = kit_export_map(fd, 0, SIZE, PROT_READ);
			said = again != MAP_FAILED;
			if (said)
				munmap(again, SIZE);
		} else {
			said = kit_try_read(va + what * KIT_PAGE_SIZE, &val);
		}
	}
	_exit(0);
}

static bool borrower_start(struct borrower *borrower)
{
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		return false;
	borrower->pid = fork();
	if (borrower->pid < 0)
		return false;
	if (!borrower->pid) {
		close(to[1]);
		close(from[0]);
		borrow(to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	borrower->to = to[1];
	borrower->from = from[0];
	return true;
}

static bool borrower_says(struct borrower *borrower, const void *ask, size_t len)
{
	u8 said = 0;

	VFIO_ASSERT_EQ(write(borrower->to, ask, len), len);
	VFIO_ASSERT_EQ(read(borrower->from, &said, 1), 1);
	return said;
}

/* Can it read page @what of what it has borrowed; MAP_ANEW: can it map it again? */
static bool borrower_can(struct borrower *borrower, char what)
{
	return borrower_says(borrower, &what, 1);
}

static bool borrower_gets(struct borrower *borrower, int dmabuf)
{
	return borrower_says(borrower, &dmabuf, sizeof(dmabuf));
}

static void borrower_end(struct borrower *borrower)
{
	if (borrower->pid <= 0)
		return;
	close(borrower->to);
	close(borrower->from);
	kill(borrower->pid, SIGKILL);
	waitpid(borrower->pid, NULL, 0);
	borrower->pid = 0;
}

/* What both fixtures have. */
struct lent {
	struct kit_dev dev;
	struct iommu *iommu;
	struct kit_area *area;
	struct borrower borrower;
	int dmabuf;
	char *va;
};

/* NULL, or why nothing can be lent. */
static const char *lend(struct lent *lent, const char *path)
{
	static char why[120];

	lent->dmabuf = -1;
	VFIO_ASSERT_TRUE(borrower_start(&lent->borrower));
	if (path) {
		const char *no = kit_open_for(kit_path(path), &lent->dev, &lent->iommu);

		if (no)
			return no;
	} else {
		kit_open(&lent->dev, &lent->iommu);
	}
	lent->area = kit_best_area(&lent->dev);
	if (!lent->area || lent->area->size < SIZE)
		return "no region of 4 pages or more that can be mapped";
	lent->dmabuf = kit_region_export(&lent->dev, lent->area->region, lent->area->offset, SIZE);
	if (lent->dmabuf < 0) {
		snprintf(why, sizeof(why), "region %u cannot be exported: %s",
			 lent->area->region, strerror(-lent->dmabuf));
		return why;
	}
	lent->va = kit_export_map(lent->dmabuf, 0, SIZE, RW);
	VFIO_ASSERT_NE((void *)lent->va, MAP_FAILED, "mmap() of an export: %s\n",
		       strerror(errno));
	kit_fill(lent->area, lent->va, 0, PAGES);
	VFIO_ASSERT_TRUE(borrower_gets(&lent->borrower, lent->dmabuf));
	return NULL;
}

static void lend_end(struct lent *lent)
{
	borrower_end(&lent->borrower);
	if (lent->va && (void *)lent->va != MAP_FAILED)
		munmap(lent->va, SIZE);
	if (lent->dmabuf >= 0)
		close(lent->dmabuf);
	kit_close(&lent->dev, NULL);
}

static int readable(struct lent *lent)
{
	int i, n = 0;
	u32 val;

	for (i = 0; i < PAGES; i++)
		n += kit_try_read(lent->va + i * KIT_PAGE_SIZE, &val);
	return n;
}

static int borrower_readable(struct lent *lent)
{
	int i, n = 0;

	for (i = 0; i < PAGES; i++)
		n += borrower_can(&lent->borrower, i);
	return n;
}

/* Where the device has memory: what the export shows is what was written. */
static bool content_is_right(struct lent *lent)
{
	u64 got;
	int i;

	for (i = 0; i < PAGES && lent->area->ram; i++) {
		char *va = lent->va + (i + 1) * KIT_PAGE_SIZE - 32;

		if (!kit_try_read64(va, &got) ||
		    got != kit_pattern(lent->area, i * KIT_PAGE_SIZE))
			return false;
	}
	return true;
}

/* Every path: the owner's mapping and the borrower's, in the same way. */
FIXTURE(path) {
	struct lent lent;
	const struct kit_path *path;
};

FIXTURE_VARIANT(path) {
	const char *path;
};

#define KIT_PATH(_name, ...) FIXTURE_VARIANT_ADD(path, _name) { .path = #_name };
#include "path_table.h"

FIXTURE_SETUP(path)
{
	const char *why = lend(&self->lent, variant->path);

	self->path = kit_path(variant->path);
	if (why)
		SKIP(return, "%s", why);
}

FIXTURE_TEARDOWN(path)
{
	lend_end(&self->lent);
}

TEST_F_TIMEOUT(path, goes_and_comes_back, 60)
{
	struct lent *lent = &self->lent;
	long faults = 0;

	ASSERT_EQ(PAGES, readable(lent));
	ASSERT_EQ(PAGES, borrower_readable(lent));
	ASSERT_EQ(0, kit_enter(self->path, &lent->dev));
	if (self->path->leave) {
		EXPECT_EQ(0, readable(lent)) TH_LOG("the owner reads while revoked");
		EXPECT_EQ(0, borrower_readable(lent)) TH_LOG("the borrower reads while revoked");
		ASSERT_EQ(0, kit_leave(self->path, &lent->dev));
	}
	EXPECT_TRUE(kit_read_faults(lent->va, &faults));
	EXPECT_LE(1, faults) TH_LOG("the PTE was there all along");
	EXPECT_EQ(PAGES, readable(lent));
	EXPECT_EQ(PAGES, borrower_readable(lent));
	EXPECT_TRUE(content_is_right(lent));
}

TEST_F_TIMEOUT(path, read_only_too, 60)
{
	struct lent *lent = &self->lent;
	long faults = 0;
	int fd;
	u32 val;
	char *va;

	fd = kit_region_export_as(&lent->dev, lent->area->region, lent->area->offset, SIZE,
				  O_RDONLY);
	ASSERT_LE(0, fd);
	va = kit_export_map(fd, 0, SIZE, PROT_READ);
	ASSERT_NE(MAP_FAILED, va);
	ASSERT_TRUE(kit_try_read(va, &val));
	ASSERT_EQ(0, kit_enter(self->path, &lent->dev));
	if (self->path->leave) {
		EXPECT_FALSE(kit_try_read(va, &val)) TH_LOG("readable while revoked");
		ASSERT_EQ(0, kit_leave(self->path, &lent->dev));
	}
	EXPECT_TRUE(kit_read_faults(va, &faults));
	EXPECT_LE(1, faults) TH_LOG("the PTE was there all along");
	munmap(va, SIZE);
	close(fd);
}

FIXTURE(exports) {
	struct lent lent;
};

FIXTURE_SETUP(exports)
{
	const char *why = lend(&self->lent, NULL);

	if (why)
		SKIP(return, "%s", why);
}

FIXTURE_TEARDOWN(exports)
{
	lend_end(&self->lent);
}

static int memory(struct lent *lent, bool on)
{
	const struct kit_path *path = kit_path("memory_disable");

	return on ? kit_leave(path, &lent->dev) : kit_enter(path, &lent->dev);
}

/* The VMA is split, moved and copied: each piece is zapped. */
TEST_F(exports, split_moved_and_forked)
{
	struct lent *lent = &self->lent;
	int go[2], back[2], status;
	char *moved, c = 0;
	pid_t child;
	u32 val;

	ASSERT_EQ(PAGES, readable(lent));
	moved = mremap(lent->va + KIT_PAGE_SIZE, KIT_PAGE_SIZE, KIT_PAGE_SIZE,
		       MREMAP_MAYMOVE | MREMAP_FIXED,
		       mmap_reserve(KIT_PAGE_SIZE, KIT_PAGE_SIZE, 0));
	ASSERT_NE(MAP_FAILED, moved);
	ASSERT_EQ(MAP_FAILED, mremap(moved, KIT_PAGE_SIZE, 2 * KIT_PAGE_SIZE, MREMAP_MAYMOVE));
	ASSERT_TRUE(kit_try_read(moved, &val));
	ASSERT_EQ(0, pipe2(go, O_CLOEXEC));
	ASSERT_EQ(0, pipe2(back, O_CLOEXEC));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		close(go[1]);
		/* PTEs of PFNs are copied: nothing was touched here yet. */
		if (write(back[1], &c, 1) != 1 || read(go[0], &c, 1) != 1)
			_exit(1);
		if (kit_try_read(lent->va, &val) || kit_try_read(moved, &val) ||
		    kit_try_read(lent->va + 2 * KIT_PAGE_SIZE, &val))
			_exit(2);
		if (write(back[1], &c, 1) != 1 || read(go[0], &c, 1) != 1)
			_exit(3);
		_exit(kit_try_read(lent->va, &val) && kit_try_read(moved, &val) ? 0 : 4);
	}
	ASSERT_EQ(1, read(back[0], &c, 1));
	EXPECT_EQ(0, memory(lent, false));
	EXPECT_FALSE(kit_try_read(lent->va, &val));
	EXPECT_FALSE(kit_try_read(moved, &val));
	EXPECT_FALSE(kit_try_read(lent->va + 2 * KIT_PAGE_SIZE, &val));
	ASSERT_EQ(1, write(go[1], &c, 1));
	ASSERT_EQ(1, read(back[0], &c, 1));
	EXPECT_EQ(0, memory(lent, true));
	ASSERT_EQ(1, write(go[1], &c, 1));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(kit_try_read(moved, &val));
	munmap(moved, KIT_PAGE_SIZE);
}

/* C13: who was lent it to read cannot write. */
TEST_F(exports, read_only_stays_so)
{
	struct lent *lent = &self->lent;
	char name[40], *va;
	int fd, again;

	fd = kit_region_export_as(&lent->dev, lent->area->region, lent->area->offset, SIZE,
				  O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(MAP_FAILED, kit_export_map(fd, 0, SIZE, RW));
	EXPECT_EQ(EACCES, errno);
	va = kit_export_map(fd, 0, SIZE, PROT_READ);
	ASSERT_NE(MAP_FAILED, va);
	EXPECT_NE(0, mprotect(va, SIZE, RW));
	EXPECT_EQ(EACCES, errno);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	again = open(name, O_RDWR | O_CLOEXEC);
	if (again >= 0)
		EXPECT_EQ(MAP_FAILED, kit_export_map(again, 0, SIZE, RW))
			TH_LOG("writable once it is opened again");
	munmap(va, SIZE);
	close(fd);
}

TEST_F(exports, what_mmap_refuses)
{
	int fd = self->lent.dmabuf;

	EXPECT_EQ(MAP_FAILED, mmap(NULL, SIZE, RW, MAP_PRIVATE, fd, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, kit_export_map(fd, KIT_PAGE_SIZE, SIZE, RW));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, kit_export_map(fd, SIZE, KIT_PAGE_SIZE, RW));
	EXPECT_EQ(MAP_FAILED, kit_export_map(fd, ~(KIT_PAGE_SIZE - 1), KIT_PAGE_SIZE, RW));
	EXPECT_EQ(MAP_FAILED, kit_export_map(fd, 0, SIZE + KIT_PAGE_SIZE, RW));
}

/* C1: only mappings of the device's file keep it open. */
TEST_F(exports, device_closes_and_that_is_it)
{
	struct lent *lent = &self->lent;
	struct kit_dev again;

	ASSERT_EQ(PAGES, readable(lent));
	ASSERT_EQ(PAGES, borrower_readable(lent));
	close(lent->dev.vdev->fd);
	lent->dev.vdev->fd = -1;
	EXPECT_EQ(0, readable(lent)) TH_LOG("the device has closed");
	EXPECT_EQ(0, borrower_readable(lent)) TH_LOG("the device has closed");
	EXPECT_FALSE(borrower_can(&lent->borrower, MAP_ANEW));
	ASSERT_EQ(0, kit_dev_open(&again, kit_bdf, lent->iommu))
		TH_LOG("a mapping of an export keeps the device open");
	EXPECT_EQ(0, readable(lent)) TH_LOG("it is open for someone else now");
	EXPECT_EQ(0, borrower_readable(lent));
	EXPECT_EQ(-ENODEV, kit_export_revoke(&again, lent->dmabuf));
	kit_close(&again, NULL);
}

TEST_F_TIMEOUT(exports, driver_goes_and_comes, 60)
{
	struct lent *lent = &self->lent;
	char *driver = sysfs_driver_get(kit_bdf);

	ASSERT_NE(NULL, driver);
	ASSERT_EQ(PAGES, readable(lent));
	close(lent->dev.vdev->fd);
	lent->dev.vdev->fd = -1;
	ASSERT_EQ(0, kit_write_sysfs(kit_bdf, "drivers/%s/unbind", driver));
	EXPECT_EQ(0, readable(lent));
	EXPECT_EQ(0, borrower_readable(lent));
	ASSERT_EQ(0, kit_write_sysfs(kit_bdf, "drivers/%s/bind", driver));
	EXPECT_EQ(0, readable(lent));
	free(driver);
}

static int import(struct lent *lent, int fd)
{
	struct iommu_ioas_map_file map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = lent->iommu->ioas_id,
		.fd = fd,
		.length = SIZE,
	};

	return ioctl(lent->iommu->iommufd, IOMMU_IOAS_MAP_FILE, &map) ? -errno : 0;
}

/* Taken back for good, while the owner goes on. */
TEST_F(exports, revoked_for_good)
{
	struct lent *lent = &self->lent;
	bool imports = !import(lent, lent->dmabuf);
	char *own, *va;
	u32 val;
	int fd;

	own = kit_map(&lent->dev, lent->area, 0, SIZE, RW);
	ASSERT_TRUE(kit_try_read(own, &val));
	ASSERT_EQ(PAGES, borrower_readable(lent));
	ASSERT_EQ(0, kit_export_revoke(&lent->dev, lent->dmabuf));
	EXPECT_EQ(0, readable(lent));
	EXPECT_EQ(0, borrower_readable(lent));
	EXPECT_FALSE(borrower_can(&lent->borrower, MAP_ANEW));
	EXPECT_EQ(MAP_FAILED, kit_export_map(lent->dmabuf, 0, SIZE, RW));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_NE(0, import(lent, lent->dmabuf));
	EXPECT_EQ(-EBADFD, kit_export_revoke(&lent->dev, lent->dmabuf));
	EXPECT_EQ(-EBADFD, kit_export_memattr(&lent->dev, lent->dmabuf, 0));

	/* Nothing revives it, and the owner's own mapping is not affected. */
	EXPECT_TRUE(kit_try_read(own, &val));
	EXPECT_EQ(0, memory(lent, false));
	EXPECT_EQ(0, memory(lent, true));
	EXPECT_EQ(0, borrower_readable(lent));
	EXPECT_NE(0, import(lent, lent->dmabuf));
	EXPECT_TRUE(kit_try_read(own, &val));

	fd = kit_region_export(&lent->dev, lent->area->region, lent->area->offset, SIZE);
	ASSERT_LE(0, fd) TH_LOG("the range cannot be exported anew");
	va = kit_export_map(fd, 0, SIZE, RW);
	ASSERT_NE(MAP_FAILED, va);
	EXPECT_TRUE(kit_try_read(va, &val));
	if (imports)
		EXPECT_EQ(0, import(lent, fd));
	munmap(va, SIZE);
	munmap(own, SIZE);
	close(fd);
}

/* The DMABUF of one open device is not one of the next. */
TEST_F(exports, what_revoke_refuses)
{
	struct lent *lent = &self->lent;
	int mem = memfd_create("no DMABUF", MFD_CLOEXEC);

	ASSERT_LE(0, mem);
	EXPECT_EQ(-EBADF, kit_export_revoke(&lent->dev, -1));
	EXPECT_EQ(-EINVAL, kit_export_revoke(&lent->dev, mem));
	EXPECT_EQ(-EINVAL, kit_export_revoke(&lent->dev, lent->dev.vdev->fd));
	EXPECT_EQ(-EBADF, kit_export_memattr(&lent->dev, -1, 0));
	EXPECT_EQ(-EINVAL, kit_export_memattr(&lent->dev, mem, 0));
	kit_close(&lent->dev, NULL);
	kit_open(&lent->dev, &lent->iommu);
	EXPECT_EQ(-ENODEV, kit_export_revoke(&lent->dev, lent->dmabuf));
	EXPECT_EQ(-ENODEV, kit_export_memattr(&lent->dev, lent->dmabuf, 0));
	close(mem);
}

#ifdef VFIO_DEVICE_FEATURE_DMA_BUF_REVOKE
TEST_F(exports, features_can_be_probed)
{
	struct lent *lent = &self->lent;

	EXPECT_EQ(0, kit_feature_probe(&lent->dev, VFIO_DEVICE_FEATURE_DMA_BUF_REVOKE));
	EXPECT_EQ(0, kit_feature_probe(&lent->dev, VFIO_DEVICE_FEATURE_DMA_BUF_MEMATTR));
	/* C14: a type that is not known is refused. */
	EXPECT_EQ(-ENOENT, kit_export_memattr(&lent->dev, lent->dmabuf,
					      VFIO_DMA_BUF_MEMATTR_WC + 1));
}
#endif

/*
 * Everything at once: a thread maps and touches, one imports, one resets, and
 * here the owner lends and takes back. After each REVOKE nothing can be read.
 */
struct race {
	struct lent *lent;
	int fd;		/* the export of the moment */
	bool stop;
	unsigned long maps, reads, resets, imports;
};

static void *race_map(void *arg)
{
	struct race *race = arg;
	u32 val;
	char *va;
	int i;

	while (!READ_ONCE(race->stop)) {
		va = kit_export_map(READ_ONCE(race->fd), 0, SIZE, RW);
		if (va == MAP_FAILED)
			continue;
		race->maps++;
		for (i = 0; i < 8; i++)
			race->reads += kit_try_read(va + i % PAGES * KIT_PAGE_SIZE, &val);
		munmap(va, SIZE);
	}
	return NULL;
}

static void *race_import(void *arg)
{
	struct race *race = arg;
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas_id = race->lent->iommu->ioas_id, .length = ~0ULL,
	};

	while (!READ_ONCE(race->stop)) {
		race->imports += !import(race->lent, READ_ONCE(race->fd));
		ioctl(race->lent->iommu->iommufd, IOMMU_IOAS_UNMAP, &unmap);
	}
	return NULL;
}

static void *race_reset(void *arg)
{
	struct race *race = arg;
	int n;

	for (n = 0; !READ_ONCE(race->stop); n++) {
		if (n % 4) {
			vfio_pci_cmd_clear(race->lent->dev.vdev, PCI_COMMAND_MEMORY);
			vfio_pci_cmd_set(race->lent->dev.vdev, PCI_COMMAND_MEMORY);
		} else {
			ioctl(race->lent->dev.vdev->fd, VFIO_DEVICE_RESET);
		}
		race->resets++;
		usleep(1000);
	}
	return NULL;
}

TEST_F_TIMEOUT(exports, revoked_in_the_middle_of_everything, 120)
{
	struct lent *lent = &self->lent;
	struct race race = { .lent = lent, .fd = lent->dmabuf };
	void *(* const threads[])(void *) = { race_map, race_map, race_import, race_reset };
	pthread_t thread[ARRAY_SIZE(threads)];
	unsigned long rounds = 0, alive = 0;
	double until = kit_now() + seconds;
	int i, fd;
	char *va;
	u32 val;

	for (i = 0; i < ARRAY_SIZE(threads); i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, threads[i], &race));
	while (kit_now() < until) {
		fd = kit_region_export(&lent->dev, lent->area->region, lent->area->offset, SIZE);
		if (fd < 0)
			break;
		WRITE_ONCE(race.fd, fd);
		va = kit_export_map(fd, 0, SIZE, RW);
		kit_try_read(va, &val);
		usleep(rounds % 8 * 500);
		if (kit_export_revoke(&lent->dev, fd))
			break;
		for (i = 0; i < PAGES; i++)
			alive += kit_try_read(va + i * KIT_PAGE_SIZE, &val);
		if (kit_export_map(fd, 0, SIZE, RW) != MAP_FAILED || !import(lent, fd))
			alive++;
		munmap(va, SIZE);
		WRITE_ONCE(race.fd, lent->dmabuf);
		close(fd);
		rounds++;
	}
	EXPECT_LE(until, kit_now()) TH_LOG("export or REVOKE has failed: %s", strerror(errno));
	WRITE_ONCE(race.stop, true);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(thread[i], NULL);
	EXPECT_EQ(0, alive) TH_LOG("usable after REVOKE has returned");
	EXPECT_LT(0, rounds);
	EXPECT_LT(0, race.maps);
	EXPECT_LT(0, race.reads);
	ksft_print_msg("%lu times taken back; %lu mmaps, %lu reads, %lu imports, %lu resets\n",
		       rounds, race.maps, race.reads, race.imports, race.resets);
	vfio_pci_cmd_set(lent->dev.vdev, PCI_COMMAND_MEMORY);
	EXPECT_EQ(PAGES, readable(lent));
}

int main(int argc, char **argv)
{
	seconds = kit_number(&argc, argv, "--seconds", 3);
	kit_args(&argc, argv);
	return test_harness_run(argc, argv);
}
