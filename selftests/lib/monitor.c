// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtio-serial port of the guest is connected to QEMU's monitor, which talks
 * QMP there: JSON, one object a line. guest/init says in $MONITOR which port.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/limits.h>

#include "device.h"
#include "monitor.h"

#define SECONDS	10

const char *kit_no_monitor(void)
{
	return getenv("MONITOR") ? NULL : "no monitor of QEMU's to ask";
}

const char *kit_qemu_id(const char *bdf)
{
	unsigned int domain, bus, slot, fn;
	char path[PATH_MAX], real[PATH_MAX];
	static char id[64];
	char *port;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/..", bdf);
	if (!realpath(path, real))
		return "";
	port = strrchr(real, '/') + 1;
	if (sscanf(bdf, "%x:%x:%x.%x", &domain, &bus, &slot, &fn) != 4 || strlen(port) != 12)
		return "";
	snprintf(id, sizeof(id), "dev-%s-%x.%x", port + strlen("0000:00:"), slot, fn);
	return id;
}

/* One process at a time can have the port open. */
static int open_port(double until)
{
	int fd;

	do {
		fd = open(getenv("MONITOR"), O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0 || errno != EBUSY)
			return fd < 0 ? -errno : fd;
		usleep(10000);
	} while (kit_now() < until);
	return -EBUSY;
}

/* Read until a whole line with @id has come: is it in @buf? */
static int read_answer(int fd, const char *id, double until, char *buf, size_t size)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	char *at, *end;
	ssize_t n;

	while (kit_now() < until && len + 1 < size) {
		if (poll(&pfd, 1, 100) <= 0)
			continue;
		n = read(fd, buf + len, size - 1 - len);
		if (n < 0 && errno == EAGAIN)
			continue;
		if (n <= 0)
			return n ? -errno : -EPIPE;
		len += n;
		buf[len] = '\0';
		at = strstr(buf, id);
		end = at ? strchr(at, '\n') : NULL;
		if (!end)
			continue;
		*end = '\0';
		while (at > buf && at[-1] != '\n')
			at--;
		memmove(buf, at, end - at + 1);
		return 0;
	}
	return -ETIMEDOUT;
}

int kit_monitor(const char *fmt, ...)
{
	static unsigned int nr;
	double until = kit_now() + SECONDS;
	/* The session may have been opened before, and refuses this then. */
	static const char hello[] = "{\"execute\":\"qmp_capabilities\"}\n";
	static const char ask[] =
		"{\"execute\":\"human-monitor-command\",\"id\":\"%s\",\"arguments\":{"
		"\"command-line\":\"%s\"}}\n";
	char command[256], id[32], buf[8192];
	int fd, err, len;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	fd = open_port(until);
	if (fd < 0)
		return fd;
	snprintf(id, sizeof(id), "kit-%d-%u", getpid(), nr++);
	len = snprintf(buf, sizeof(buf), ask, id, command);
	err = write(fd, hello, strlen(hello)) < 0 || write(fd, buf, len) != len ? -EIO : 0;
	err = err ?: read_answer(fd, id, until, buf, sizeof(buf));
	close(fd);
	/* What such a command prints when all is well: nothing, or "OK ...". */
	if (!err && !strstr(buf, "\"return\": \"\"") && !strstr(buf, "\"return\": \"OK"))
		err = -EREMOTEIO;
	if (err)
		fprintf(stderr, "%s: %s: %s\n", command, strerror(-err),
			err == -EREMOTEIO ? buf : "no answer");
	return err;
}
