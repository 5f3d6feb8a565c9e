// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/kernel.h>
#include <linux/pci_regs.h>

#include "trace.h"

#define TRACEFS		"/sys/kernel/tracing"
#define GROUP		"vfio_kit"

#if defined(__aarch64__)
#define ARG2	"%x1"
#define ARG3	"%x2"
#else
#define ARG2	"%si"
#define ARG3	"%dx"
#endif

/* What reaches the device, seen from outside: no kernel is patched for these. */
static const struct probe {
	const char *name;
	const char *def;	/* what follows "p:group/name " */
	bool ret;
	enum ev_kind kind;	/* EV_D0, EV_MEM_OFF: of the kinds that arg= decides on */
	const char *alt;	/* where the first is not there, or inlined */
} probes[] = {
	{ "power", "__pci_set_power_state arg=" ARG2 ":s32", false, EV_D0,
	  "pci_set_power_state arg=" ARG2 ":s32" },
	{ "power_ret", "__pci_set_power_state", true, EV_POWER_DONE, "pci_set_power_state" },
	{ "reset", "pci_try_reset_function", false, EV_RESET },
	{ "reset_ret", "pci_try_reset_function", true, EV_RESET_DONE },
	{ "bus_reset", "pci_reset_bus", false, EV_RESET },
	{ "bus_reset_ret", "pci_reset_bus", true, EV_RESET_DONE },
	{ "flr", "pcie_flr", false, EV_FLR },
	{ "af_flr", "pci_af_flr arg=" ARG2 ":u8", false, EV_AF_FLR },
	/* Weak, so never inlined; the compiler does that to its caller in 7.2. */
	{ "bridge_reset", "pcibios_reset_secondary_bus", false, EV_BUS_RESET },
	{ "command", "pci_user_write_config_word pos=" ARG2 ":s32 arg=" ARG3 ":u16", false,
	  EV_MEM_OFF },
	/* The core patch has got the user's config access before. */
	{ "command_locked", "pci_write_config_word pos=" ARG2 ":s32 arg=" ARG3 ":u16", false,
	  EV_MEM_OFF },
	{ "importer", "iopt_revoke_notify", false, EV_INVALIDATE },
	{ "close", "vfio_pci_core_close_device", false, EV_CLOSE },
	{ "unmap", "unmap_mapping_range start=" ARG2 ":u64 len=" ARG3 ":u64", false, EV_UNMAP },
};

static int write_file(const char *path, const char *text, int flags)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static int trace_set(const struct trace *trace, const char *file, const char *text)
{
	char path[192];

	snprintf(path, sizeof(path), "%s/%s", trace->dir, file);
	return write_file(path, text, O_TRUNC);
}

static int probe_add(const struct probe *p, const char *def)
{
	char line[192];

	snprintf(line, sizeof(line), "%c:" GROUP "/%s %s\n", p->ret ? 'r' : 'p', p->name, def);
	return write_file(TRACEFS "/kprobe_events", line, O_APPEND);
}

int trace_probes_add(void)
{
	size_t i;
	int err;

	if (access(TRACEFS "/kprobe_events", W_OK))
		mount("tracefs", TRACEFS, "tracefs", 0, NULL);
	if (access(TRACEFS "/kprobe_events", W_OK))
		return -errno;
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		const struct probe *p = &probes[i];

		err = probe_add(p, p->def);
		if (err == -ENOENT && p->alt)
			err = probe_add(p, p->alt);
		if (err && err != -EEXIST && err != -ENOENT)
			return err;
	}
	return 0;
}

void trace_probes_remove(void)
{
	char line[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		snprintf(line, sizeof(line), "-:" GROUP "/%s\n", probes[i].name);
		write_file(TRACEFS "/kprobe_events", line, O_APPEND);
	}
}

int trace_start(struct trace *trace)
{
	snprintf(trace->dir, sizeof(trace->dir), TRACEFS "/instances/vfio-kit-%d", getpid());
	if (mkdir(trace->dir, 0700) && errno != EEXIST)
		return -errno;
	trace_set(trace, "buffer_size_kb", "256");
	trace_set(trace, "trace_clock", "mono");
	trace_set(trace, "options/irq-info", "0");
	trace_set(trace, "options/overwrite", "0");
	trace_set(trace, "events/rpm/rpm_idle/enable", "1");
	trace_set(trace, "events/rpm/rpm_suspend/enable", "1");
	trace_set(trace, "events/rpm/rpm_resume/enable", "1");
	trace_set(trace, "events/rpm/rpm_return_int/enable", "1");
	trace->kit = !trace_set(trace, "events/vfio_pci/enable", "1");
	return trace_set(trace, "events/" GROUP "/enable", "1");
}

void trace_stop(struct trace *trace)
{
	trace_set(trace, "events/enable", "0");
	rmdir(trace->dir);
}

void trace_clear(const struct trace *trace)
{
	trace_set(trace, "trace", "");
}

/* Runtime PM calls nest (a device, then its port): which one is a thread in? */
struct rpm_thread {
	pid_t tid;
	int depth;
	int dev[8];		/* -1: another device's */
	int event[8];		/* index of the EV_SUSPEND, -1: none */
};

struct parser {
	const char * const *bdf;
	int devs;
	pid_t tid;
	pid_t acts;		/* another thread that takes BARs of ours away */
	struct ev *ev;
	int n, max;
	struct rpm_thread rpm[64];
	int rpms;
};

static int dev_index(const struct parser *p, const char *text)
{
	int i;

	for (i = 0; i < p->devs; i++) {
		if (strstr(text, p->bdf[i]))
			return i;
	}
	return -1;
}

static struct rpm_thread *rpm_thread(struct parser *p, pid_t tid)
{
	int i;

	for (i = 0; i < p->rpms; i++) {
		if (p->rpm[i].tid == tid)
			return &p->rpm[i];
	}
	if (p->rpms == (int)ARRAY_SIZE(p->rpm))
		return NULL;
	p->rpm[p->rpms] = (struct rpm_thread){ .tid = tid };
	return &p->rpm[p->rpms++];
}

static long long field(const char *args, const char *name)
{
	const char *at = strstr(args, name);

	return at ? strtoll(at + strlen(name), NULL, 0) : -1;
}

static int add(struct parser *p, double t, enum ev_kind kind, int dev, long long arg,
	       long long arg2)
{
	if (p->n == p->max)
		return -1;
	p->ev[p->n] = (struct ev){ .t = t, .kind = kind, .dev = dev, .arg = arg, .arg2 = arg2 };
	return p->n++;
}

static void parse_rpm(struct parser *p, double t, pid_t tid, const char *name, const char *args)
{
	struct rpm_thread *r = rpm_thread(p, tid);
	int dev = dev_index(p, args), at = -1;

	if (!r)
		return;
	if (!strcmp(name, "rpm_return_int")) {
		if (!r->depth)
			return;
		r->depth--;
		/* Refused, or there already: it did not happen. */
		at = r->depth < (int)ARRAY_SIZE(r->event) ? r->event[r->depth] : -1;
		if (at >= 0 && at < p->n && field(args, "ret=") != 0)
			p->ev[at].kind = EV_KINDS;
		return;
	}
	if (dev >= 0 && strcmp(name, "rpm_idle"))
		at = add(p, t, !strcmp(name, "rpm_suspend") ? EV_SUSPEND : EV_RESUME, dev, 0, 0);
	if (r->depth < (int)ARRAY_SIZE(r->dev)) {
		r->dev[r->depth] = dev;
		r->event[r->depth] = at;
	}
	r->depth++;
}

static void parse_kit(struct parser *p, double t, pid_t tid, const char *name, const char *args)
{
	struct rpm_thread *r = rpm_thread(p, tid);
	int dev = dev_index(p, args);

	if (dev < 0)
		return;
	/* The recovery from an error runs in a thread of the kernel's. */
	if (tid != p->tid && !(r && r->depth))
		p->acts = tid;
	if (!strcmp(name, "vfio_pci_zap_bars"))
		add(p, t, EV_ZAP, dev, field(args, "dmabufs="), field(args, "device_space="));
	else if (!strcmp(name, "vfio_pci_revoke_dmabufs"))
		add(p, t, EV_REVOKE, dev, field(args, "revoked="), field(args, "waited="));
	else if (!strcmp(name, "vfio_pci_unrevoke_bars"))
		add(p, t, EV_UNREVOKE, dev, field(args, "unrevoked="), 0);
}

static void parse_probe(struct parser *p, double t, pid_t tid, const char *name, const char *args)
{
	struct rpm_thread *r = rpm_thread(p, tid);
	long long arg = field(args, "arg=");
	enum ev_kind kind;
	int dev = -1;
	size_t i;

	/* Inside runtime PM: only what is done to our devices. */
	if (r && r->depth && r->depth <= (int)ARRAY_SIZE(r->dev)) {
		dev = r->dev[r->depth - 1];
		if (dev < 0)
			return;
	} else if (tid != p->tid && tid != p->acts) {
		return;
	}
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		if (!strcmp(probes[i].name, name))
			break;
	}
	if (i == ARRAY_SIZE(probes))
		return;
	kind = probes[i].kind;
	switch (kind) {
	case EV_MEM_OFF:
		if (field(args, "pos=") != PCI_COMMAND)
			return;
		if (arg & PCI_COMMAND_MEMORY)
			kind = EV_MEM_ON;
		break;
	case EV_D0:
		/* D3cold is no less asleep than D3hot. */
		kind = EV_D0 + (arg < 3 ? arg : 3);
		break;
	case EV_AF_FLR:
		if (arg)	/* only asks whether it could */
			return;
		break;
	default:
		break;
	}
	add(p, t, kind, dev, 0, 0);
}

/* "comm-123  [001]   12.345678: name: args" */
static void parse_line(struct parser *p, char *line)
{
	char *cpu = strstr(line, " ["), *at, *name, *args;
	pid_t tid;
	double t;

	if (line[0] == '#' || !cpu)
		return;
	for (at = cpu; at > line && at[-1] == ' '; at--)
		;
	*at = '\0';
	at = strrchr(line, '-');
	if (!at)
		return;
	tid = atoi(at + 1);
	at = strchr(cpu + 2, ']');
	if (!at)
		return;
	t = strtod(at + 1, &name);
	if (*name != ':')
		return;
	name += 2;
	args = strstr(name, ": ");
	if (!args)
		return;
	*args = '\0';
	args += 2;
	if (!strncmp(name, "rpm_", 4))
		parse_rpm(p, t, tid, name, args);
	else if (!strncmp(name, "vfio_pci_", 9))
		parse_kit(p, t, tid, name, args);
	else
		parse_probe(p, t, tid, name, args);
}

int trace_read(const struct trace *trace, const char * const *bdf, int devs, pid_t tid,
	       struct ev *ev, int max)
{
	static struct parser p;
	char path[192], *line = NULL;
	size_t size = 0;
	int i, n = 0;
	FILE *f;

	p = (struct parser){ .bdf = bdf, .devs = devs, .tid = tid, .ev = ev, .max = max };
	snprintf(path, sizeof(path), "%s/trace", trace->dir);
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (getline(&line, &size, f) > 0)
		parse_line(&p, line);
	free(line);
	fclose(f);
	for (i = 0; i < p.n; i++) {
		if (ev[i].kind != EV_KINDS)
			ev[n++] = ev[i];
	}
	return n;
}
