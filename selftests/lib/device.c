// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/iommufd.h>
#include <linux/sizes.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "exports.h"

#define KIT_PAGE	4096UL
#define KIT_SLOW	0.002	/* seconds, for one read */
#define KIT_GAP		0.005	/* seconds between reads, that end a run of them */

static __thread sigjmp_buf *bus_jmp;

static void on_sigbus(int sig)
{
	if (!bus_jmp) {
		signal(sig, SIG_DFL);
		raise(sig);
	}
	siglongjmp(*bus_jmp, 1);
}

void kit_catch_sigbus(void)
{
	/* SA_NODEFER: no signal mask to save and restore at each access. */
	struct sigaction sa = { .sa_handler = on_sigbus, .sa_flags = SA_NODEFER };

	sigaction(SIGBUS, &sa, NULL);
}

double kit_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

bool kit_try_read(const void *va, u32 *val)
{
	sigjmp_buf jmp;

	bus_jmp = &jmp;
	if (sigsetjmp(jmp, 0)) {
		bus_jmp = NULL;
		return false;
	}
	*val = __atomic_load_n((const u32 *)va, __ATOMIC_RELAXED);
	bus_jmp = NULL;
	return true;
}

bool kit_try_read64(const void *va, u64 *val)
{
	u32 lo, hi;

	if (!kit_try_read(va, &lo) || !kit_try_read(va + 4, &hi))
		return false;
	*val = lo | (u64)hi << 32;
	return true;
}

bool kit_try_write64(void *va, u64 val)
{
	sigjmp_buf jmp;

	bus_jmp = &jmp;
	if (sigsetjmp(jmp, 0)) {
		bus_jmp = NULL;
		return false;
	}
	__atomic_store_n((u32 *)va, val, __ATOMIC_RELAXED);
	__atomic_store_n((u32 *)va + 1, val >> 32, __ATOMIC_RELAXED);
	bus_jmp = NULL;
	return true;
}

long kit_faults(void)
{
	struct rusage ru;

	getrusage(RUSAGE_THREAD, &ru);
	return ru.ru_minflt;
}

static long kit_sleeps(void)
{
	struct rusage ru;

	getrusage(RUSAGE_THREAD, &ru);
	return ru.ru_nvcsw;
}

const char *kit_token;

int kit_dev_open(struct kit_dev *dev, const char *bdf, struct iommu *iommu)
{
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
		.pt_id = iommu->ioas_id,
	};
	int err;

	memset(dev, 0, sizeof(*dev));
	snprintf(dev->bdf, sizeof(dev->bdf), "%s", bdf);
	dev->vdev = vfio_pci_device_alloc(dev->bdf, iommu);
	vfio_pci_cdev_open(dev->vdev, dev->bdf);
	err = __vfio_device_bind_iommufd(dev->vdev->fd, iommu->iommufd, kit_token);
	if (!err && ioctl(dev->vdev->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach))
		err = -errno;
	if (err) {
		close(dev->vdev->fd);
		vfio_pci_device_free(dev->vdev);
		return err;
	}
	dev->vdev->info.argsz = sizeof(dev->vdev->info);
	ioctl_assert(dev->vdev->fd, VFIO_DEVICE_GET_INFO, &dev->vdev->info);
	dev->vdev->config_space.argsz = sizeof(dev->vdev->config_space);
	dev->vdev->config_space.index = VFIO_PCI_CONFIG_REGION_INDEX;
	ioctl_assert(dev->vdev->fd, VFIO_DEVICE_GET_REGION_INFO, &dev->vdev->config_space);
	kit_catch_sigbus();
	return 0;
}

static void add_area(struct kit_dev *dev, const struct vfio_region_info *info, u64 offset,
		     u64 size)
{
	if (!size)
		return;
	if (dev->nr_areas == KIT_MAX_AREAS) {
		dev->more_areas++;
		return;
	}
	dev->areas[dev->nr_areas++] = (struct kit_area){
		.region = info->index,
		.offset = offset,
		.size = (size + KIT_PAGE - 1) & ~(KIT_PAGE - 1),
		.file_offset = info->offset,
		.writable = info->flags & VFIO_REGION_INFO_FLAG_WRITE,
		.dmabuf = -1,
	};
}

/* Its write-combining parts are told like the areas that can be mapped. */
#define CAP_WRITE_COMBINE	6

static void find_mixed(struct kit_dev *dev, u32 index,
		       const struct vfio_region_info_cap_sparse_mmap *wc)
{
	struct kit_area *area;
	u64 start, end;
	u32 i;

	for (area = dev->areas; area < dev->areas + dev->nr_areas; area++) {
		for (i = 0; area->region == index && i < wc->nr_areas; i++) {
			start = wc->areas[i].offset;
			end = start + wc->areas[i].size;
			if (start < area->offset + area->size && end > area->offset &&
			    (start > area->offset || end < area->offset + area->size))
				area->mixed = true;
		}
	}
}

struct vfio_region_info *kit_region_info(struct kit_dev *dev, u32 index)
{
	struct vfio_region_info probe = { .argsz = sizeof(probe), .index = index };
	struct vfio_region_info *info;

	if (ioctl(dev->vdev->fd, VFIO_DEVICE_GET_REGION_INFO, &probe))
		return NULL;
	info = calloc_assert(1, max_t(u32, probe.argsz, sizeof(*info)));
	info->argsz = probe.argsz;
	info->index = index;
	ioctl_assert(dev->vdev->fd, VFIO_DEVICE_GET_REGION_INFO, info);
	return info;
}

void *kit_region_cap(struct vfio_region_info *info, u16 id)
{
	u32 at = info->flags & VFIO_REGION_INFO_FLAG_CAPS ? info->cap_offset : 0;
	struct vfio_info_cap_header *cap;

	for (; at; at = cap->next) {
		cap = (void *)info + at;
		if (cap->id == id)
			return cap;
	}
	return NULL;
}

static void region_areas(struct kit_dev *dev, u32 index)
{
	struct vfio_region_info_cap_sparse_mmap *sparse, *wc;
	struct vfio_region_info *info;
	u32 i;

	info = kit_region_info(dev, index);
	if (!info)
		return;
	if (info->flags & VFIO_REGION_INFO_FLAG_MMAP && info->size) {
		sparse = kit_region_cap(info, VFIO_REGION_INFO_CAP_SPARSE_MMAP);
		for (i = 0; sparse && i < sparse->nr_areas; i++)
			add_area(dev, info, sparse->areas[i].offset, sparse->areas[i].size);
		if (!sparse)
			add_area(dev, info, 0, info->size);
		wc = kit_region_cap(info, CAP_WRITE_COMBINE);
		if (wc)
			find_mixed(dev, index, wc);
	}
	free(info);
}

void kit_dev_find_areas(struct kit_dev *dev)
{
	u32 i;

	for (i = 0; i < dev->vdev->info.num_regions; i++) {
		if (i != VFIO_PCI_CONFIG_REGION_INDEX)
			region_areas(dev, i);
	}
}

static char *map_at(struct kit_dev *dev, const struct kit_area *area, u64 offset, u64 size)
{
	int prot = PROT_READ | (area->writable ? PROT_WRITE : 0);
	char *va = NULL;
	int fixed = 0;

	/* Where a PMD fits, give it the chance. */
	if (size >= SZ_2M) {
		va = mmap_reserve(size, SZ_2M, offset & (SZ_2M - 1));
		fixed = MAP_FIXED;
	}
	va = mmap(va, size, prot, MAP_SHARED | fixed, dev->vdev->fd, area->file_offset + offset);
	VFIO_ASSERT_NE((void *)va, MAP_FAILED, "mmap of region %u at 0x%llx, 0x%llx bytes: %s",
		       area->region, (unsigned long long)offset, (unsigned long long)size,
		       strerror(errno));
	if (dev->nr_maps < KIT_MAX_PAGES)
		dev->maps[dev->nr_maps++] = (struct kit_map){ va, size };
	return va;
}

static void add_page(struct kit_dev *dev, struct kit_area *area, u64 offset, char *va, bool own)
{
	if (dev->nr_pages == KIT_MAX_PAGES)
		return;
	dev->pages[dev->nr_pages++] = (struct kit_page){
		.area = area, .offset = offset, .va = va, .own_vma = own,
	};
}

/* First, some in between and last page of the area: at most 5. */
static int sample(const struct kit_area *area, u64 *at)
{
	u64 pages = area->size / KIT_PAGE;
	u64 want[] = { 0, 1, pages / 3, pages / 2 + 1, pages - 1 };
	int i, j, n = 0;

	for (i = 0; i < 5; i++) {
		for (j = 0; j < n && at[j] != want[i]; j++)
			;
		if (j == n && want[i] < pages)
			at[n++] = want[i];
	}
	return n;
}

/* The last 16 bytes of a page: out of the way of most registers. */
#define RAM_WORD	(KIT_PAGE - 16)

static bool is_ram(const struct kit_page *page)
{
	static const u64 tries[] = { 0x5aa5c33c0ff01234ULL, 0xa55a3cc3f00fedcbULL };
	u64 got;
	int i;

	for (i = 0; i < 2; i++) {
		if (!kit_try_write64(page->va + RAM_WORD, tries[i]) ||
		    !kit_try_read64(page->va + RAM_WORD, &got) || got != tries[i])
			return false;
	}
	return true;
}

static void mark_ram(struct kit_dev *dev, struct kit_area *area)
{
	int i;

	area->ram = area->writable;
	for (i = 0; i < dev->nr_pages && area->ram; i++) {
		if (dev->pages[i].area == area)
			area->ram = is_ram(&dev->pages[i]);
	}
	for (i = 0; i < dev->nr_pages && area->ram; i++) {
		struct kit_page *page = &dev->pages[i];

		if (page->area != area)
			continue;
		page->pattern = (0x9e3779b97f4a7c15ULL * (page->offset / KIT_PAGE + 1)) ^
				area->region;
		kit_try_write64(page->va + RAM_WORD, page->pattern);
	}
}

/*
 * Regions may overlap (a region of a driver's own is made of BARs): the last
 * pattern written counts, but it has to be one of them.
 */
static void settle_patterns(struct kit_dev *dev)
{
	u64 got[KIT_MAX_PAGES];
	int i, j;

	for (i = 0; i < dev->nr_pages; i++) {
		got[i] = 0;
		if (dev->pages[i].area->ram)
			kit_try_read64(dev->pages[i].va + RAM_WORD, &got[i]);
	}
	for (i = 0; i < dev->nr_pages; i++) {
		for (j = 0; j < dev->nr_pages && dev->pages[i].area->ram; j++) {
			if (dev->pages[j].area->ram && dev->pages[j].pattern == got[i])
				break;
		}
		if (j == dev->nr_pages)
			dev->pages[i].area->ram = false;
	}
	for (i = 0; i < dev->nr_pages; i++) {
		if (dev->pages[i].area->ram)
			dev->pages[i].pattern = got[i];
	}
}

/* Which of the sampled pages are in VMAs that are named as this device's DMABUFs. */
static void read_maps(struct kit_dev *dev)
{
	unsigned long from, to;
	char line[512], want[64];
	FILE *f = fopen("/proc/self/maps", "re");
	int i;

	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx", &from, &to) != 2)
			continue;
		for (i = 0; i < dev->nr_pages; i++) {
			struct kit_page *page = &dev->pages[i];

			if ((unsigned long)page->va < from || (unsigned long)page->va >= to)
				continue;
			snprintf(want, sizeof(want), "/dmabuf:vfio:%s:", dev->bdf);
			page->named = strstr(line, want);
			page->area->by_hand = !page->named;
		}
	}
	fclose(f);
}

void kit_dev_map(struct kit_dev *dev, bool probe)
{
	u64 at[5];
	char *va;
	int i, j, n;

	for (i = 0; i < dev->nr_areas; i++) {
		struct kit_area *area = &dev->areas[i];

		n = sample(area, at);
		va = map_at(dev, area, area->offset, area->size);
		for (j = 0; j < n; j++)
			add_page(dev, area, area->offset + at[j] * KIT_PAGE, va + at[j] * KIT_PAGE,
				 area->size == KIT_PAGE);
		for (j = 0; j < n && area->size > KIT_PAGE; j++) {
			u64 offset = area->offset + at[j] * KIT_PAGE;

			add_page(dev, area, offset, map_at(dev, area, offset, KIT_PAGE), true);
		}
		for (j = 0; j < n && dev->nr_hammer < KIT_MAX_HAMMER; j += n > 1 ? n - 1 : 1)
			dev->hammer[dev->nr_hammer++] = (struct kit_page){
				.area = area,
				.va = map_at(dev, area, area->offset + at[j] * KIT_PAGE, KIT_PAGE),
			};
	}
	for (i = 0; i < dev->nr_areas && probe; i++)
		mark_ram(dev, &dev->areas[i]);
	settle_patterns(dev);
	for (i = 0; i < dev->nr_pages; i++)
		kit_try_read(dev->pages[i].va, &dev->pages[i].before);
	read_maps(dev);
}

void kit_dev_unmap(struct kit_dev *dev, int from, int to)
{
	int i;

	for (i = from; i < to && i < dev->nr_maps; i++) {
		munmap(dev->maps[i].va, dev->maps[i].size);
		dev->maps[i].va = NULL;
	}
}

void kit_group_close(struct kit_group *g)
{
	if (g->device >= 0)
		close(g->device);
	if (g->group >= 0)
		close(g->group);
	if (g->container >= 0)
		close(g->container);
}

int kit_group_open(struct kit_group *g, const char *bdf)
{
	const off_t command_offset = ((off_t)VFIO_PCI_CONFIG_REGION_INDEX << 40) + PCI_COMMAND;
	u16 command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	char link[64], target[256], path[64];
	ssize_t len;
	int err;

	*g = (struct kit_group){ -1, -1, -1 };
	snprintf(link, sizeof(link), "/sys/bus/pci/devices/%s/iommu_group", bdf);
	len = readlink(link, target, sizeof(target) - 1);
	if (len < 0)
		return -errno;
	target[len] = 0;
	snprintf(path, sizeof(path), "/dev/vfio/%.16s", strrchr(target, '/') + 1);

	g->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (g->container < 0)
		goto err_close;
	g->group = open(path, O_RDWR | O_CLOEXEC);
	if (g->group < 0 || ioctl(g->group, VFIO_GROUP_SET_CONTAINER, &g->container) ||
	    ioctl(g->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		goto err_close;
	g->device = ioctl(g->group, VFIO_GROUP_GET_DEVICE_FD, bdf);
	if (g->device < 0)
		goto err_close;
	if (pwrite(g->device, &command, sizeof(command), command_offset) != sizeof(command))
		goto err_close;
	return 0;

err_close:
	err = -errno;
	kit_group_close(g);
	return err;
}

/* The sampled page at @offset of @area, as others can map it that have the DMABUF. */
static void add_exported(struct kit_dev *dev, struct kit_area *area, u64 offset)
{
	int prot = PROT_READ | (area->writable ? PROT_WRITE : 0);
	struct kit_page *page = NULL;
	char *va;
	int i;

	for (i = 0; i < dev->nr_pages && !page; i++) {
		if (dev->pages[i].area == area && dev->pages[i].offset == area->offset + offset)
			page = &dev->pages[i];
	}
	if (!page || dev->nr_pages == KIT_MAX_PAGES)
		return;
	va = kit_export_map(area->dmabuf, offset, KIT_PAGE, prot);
	if (va == MAP_FAILED) {
		snprintf(dev->why_not_exported, sizeof(dev->why_not_exported),
			 "mmap() of an export of region %u: %s", area->region, strerror(errno));
		dev->not_exported++;
		return;
	}
	dev->pages[dev->nr_pages] = *page;
	page = &dev->pages[dev->nr_pages++];
	page->va = va;
	page->own_vma = true;
	page->exported = true;
	page->named = false;
	kit_try_read(va, &page->before);
	dev->nr_exported++;
	if (dev->nr_hammer == KIT_MAX_HAMMER || offset)
		return;
	/* In a VMA of its own: what the reader faults in tells of no other page. */
	va = kit_export_map(area->dmabuf, offset, KIT_PAGE, prot);
	if (va == MAP_FAILED)
		return;
	dev->hammer[dev->nr_hammer] = *page;
	dev->hammer[dev->nr_hammer++].va = va;
}

void kit_dev_export(struct kit_dev *dev)
{
	struct iommu *iommu = dev->vdev->iommu;
	int i;

	snprintf(dev->why_no_dmabuf, sizeof(dev->why_no_dmabuf), "no region to export");
	snprintf(dev->why_not_exported, sizeof(dev->why_not_exported), "no region to export");
	for (i = 0; i < dev->nr_areas; i++) {
		struct kit_area *area = &dev->areas[i];
		struct iommu_ioas_map_file map = {
			.size = sizeof(map),
			.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
			.ioas_id = iommu->ioas_id,
			.length = area->size,
		};

		area->dmabuf = kit_region_export(dev, area->region, area->offset, area->size);
		if (area->dmabuf < 0) {
			snprintf(dev->why_no_dmabuf, sizeof(dev->why_no_dmabuf),
				 "export of region %u: %s", area->region, strerror(-area->dmabuf));
			memcpy(dev->why_not_exported, dev->why_no_dmabuf,
			       sizeof(dev->why_not_exported));
			area->dmabuf = -1;
			continue;
		}
		add_exported(dev, area, 0);
		if (area->size > KIT_PAGE)
			add_exported(dev, area, area->size - KIT_PAGE);
		map.fd = area->dmabuf;
		if (!ioctl(iommu->iommufd, IOMMU_IOAS_MAP_FILE, &map))
			dev->importers++;
	}
}

int kit_irq_eventfd(struct kit_dev *dev, u32 index)
{
	struct {
		struct vfio_irq_set hdr;
		s32 fd;
	} __packed set = {
		.hdr = {
			.argsz = sizeof(set),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = index,
			.count = 1,
		},
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	int err;

	if (set.fd < 0 || !ioctl(dev->vdev->fd, VFIO_DEVICE_SET_IRQS, &set))
		return set.fd < 0 ? -errno : set.fd;
	err = -errno;
	close(set.fd);
	return err;
}

u8 kit_find_cap(struct kit_dev *dev, u8 id)
{
	u8 at = vfio_pci_config_readb(dev->vdev, PCI_CAPABILITY_LIST);
	int limit = 48;

	if (!(vfio_pci_config_readw(dev->vdev, PCI_STATUS) & PCI_STATUS_CAP_LIST))
		return 0;
	while (at >= 0x40 && limit--) {
		if (vfio_pci_config_readb(dev->vdev, at) == id)
			return at;
		at = vfio_pci_config_readb(dev->vdev, at + 1);
	}
	return 0;
}

/* PCI Express extended capabilities, through vfio's config region. */
u16 kit_find_ext_cap(struct kit_dev *dev, u16 id)
{
	u16 at = 0x100;
	int limit = 64;
	u32 hdr;

	/* A conventional function has no more than 256 bytes of it. */
	if (!kit_find_cap(dev, PCI_CAP_ID_EXP))
		return 0;
	while (at && limit--) {
		hdr = vfio_pci_config_readl(dev->vdev, at);
		if (!hdr || hdr == ~0U)
			return 0;
		if ((hdr & 0xffff) == id)
			return at;
		at = hdr >> 20;
	}
	return 0;
}

const char *kit_page_name(const struct kit_page *page)
{
	static char name[64];

	snprintf(name, sizeof(name), "%s%s %u+0x%llx%s", page->exported ? "export of " : "",
		 page->area->region < PCI_STD_NUM_BARS ? "BAR" : "region", page->area->region,
		 (unsigned long long)page->offset, page->own_vma ? "" : " (whole mapping)");
	return name;
}

bool kit_page_by_hand(const struct kit_page *page)
{
	return page->area->by_hand && !page->exported;
}

static void note(struct kit_hammer *h, int dev, enum kit_seen seen, double from, double to,
		 bool ones)
{
	struct kit_seg **last = &h->last[dev][seen], *seg = *last;

	if (seg && seg->seen == seen && seg->ones == ones && seen != SEEN_BLOCKED &&
	    seen != SEEN_SLOW && from - seg->to < KIT_GAP) {
		seg->to = to;
		seg->last_from = from;
		seg->count++;
		return;
	}
	if (h->segs == KIT_MAX_SEGS) {
		h->overflow = true;
		return;
	}
	*last = &h->seg[h->segs++];
	**last = (struct kit_seg){ .seen = seen, .dev = dev, .from = from, .to = to,
				    .first_to = to, .last_from = from, .count = 1, .ones = ones };
}

static void *hammer(void *arg)
{
	struct sched_param param = { 0 };
	struct kit_hammer *h = arg;
	enum kit_seen seen;
	double from, to;
	long slept, now;
	u32 val;
	bool ok;
	int i;

	/* All the time that nobody else wants, and no more. */
	sched_setscheduler(0, SCHED_IDLE, &param);
	slept = kit_sleeps();
	h->tid = gettid();
	for (i = 0; !__atomic_load_n(&h->stop, __ATOMIC_ACQUIRE); i = (i + 1) % h->pages) {
		from = kit_now();
		ok = kit_try_read(h->page[i], &val);
		to = kit_now();
		seen = ok ? SEEN_OK : SEEN_SIGBUS;
		if (ok && to - from > KIT_SLOW) {
			/* It waited for a lock, or was only not scheduled? */
			now = kit_sleeps();
			seen = now > slept ? SEEN_BLOCKED : SEEN_SLOW;
			slept = now;
		}
		note(h, h->dev[i], seen, from, to, ok && val == ~0U && h->before[i] != ~0U);
		__atomic_fetch_add(&h->reads, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

void kit_hammer_start(struct kit_hammer *h, struct kit_dev **dev, int devs, bool by_hand)
{
	int i, j;

	memset(h, 0, sizeof(*h));
	for (i = 0; i < devs; i++) {
		for (j = 0; j < dev[i]->nr_hammer && h->pages < KIT_MAX_HAMMER * 4; j++) {
			if (kit_page_by_hand(&dev[i]->hammer[j]) != by_hand)
				continue;
			h->page[h->pages] = dev[i]->hammer[j].va;
			h->dev[h->pages] = i;
			kit_try_read(h->page[h->pages], &h->before[h->pages]);
			h->pages++;
		}
	}
	if (h->pages)
		VFIO_ASSERT_EQ(pthread_create(&h->thread, NULL, hammer, h), 0);
}

void kit_hammer_stop(struct kit_hammer *h)
{
	__atomic_store_n(&h->stop, true, __ATOMIC_RELEASE);
	if (h->pages)
		pthread_join(h->thread, NULL);
}

bool kit_hammer_wait(struct kit_hammer *h, unsigned long more, double seconds)
{
	unsigned long want = __atomic_load_n(&h->reads, __ATOMIC_ACQUIRE) + more;
	double until = kit_now() + seconds;

	while (h->pages && __atomic_load_n(&h->reads, __ATOMIC_ACQUIRE) < want) {
		if (kit_now() > until)
			return false;
		usleep(1000);
	}
	return true;
}
