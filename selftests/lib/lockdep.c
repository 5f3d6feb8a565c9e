// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "access.h"
#include "lockdep.h"

int kit_lockdep_watches(void)
{
	FILE *f = fopen("/proc/lockdep_stats", "re");
	char line[128];
	int on = -1;

	while (f && on < 0 && fgets(line, sizeof(line), f))
		sscanf(line, " debug_locks: %d", &on);
	if (f)
		fclose(f);
	return on;
}

/*
 * The buffer's first page ends after "." and "..", which kernfs emits without its
 * lock. The next page is a hole below a VMA that grows down: that takes mmap_lock
 * for write, and not by trylock. The first page is such a VMA as well, for there
 * is no gap between two of these.
 */
long kit_list_into_a_hole(const char *bdf)
{
	const int grows = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN;
	const int rw = PROT_READ | PROT_WRITE;
	char path[64], *va;
	long n;
	int fd;

	va = mmap_reserve(3 * KIT_PAGE_SIZE, KIT_PAGE_SIZE, 0);
	munmap(va, 3 * KIT_PAGE_SIZE);
	if (mmap(va, KIT_PAGE_SIZE, rw, grows, -1, 0) == MAP_FAILED ||
	    mmap(va + 2 * KIT_PAGE_SIZE, KIT_PAGE_SIZE, rw, grows, -1, 0) == MAP_FAILED)
		return -1;
	va[0] = 1;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/", bdf);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = syscall(SYS_getdents64, fd, va + KIT_PAGE_SIZE - 64, KIT_PAGE_SIZE + 64);
	/* More than fits into the first page: it has written to the hole. */
	if (n <= 64)
		n = -1;
	close(fd);
	munmap(va, 3 * KIT_PAGE_SIZE);
	return n;
}
