// SPDX-License-Identifier: GPL-2.0-only
/*
 * The results: JSON, one object a line, in the order in which they come. Who
 * reads them (scripts/report) leaves types alone that it does not know.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * vocabulary	the first line: every path and every check, in the order in
 *		which they are shown
 *	paths	  [{name, title, order, leave_order, named_only}]
 *		  orders as order.h has them, "" where there is none
 *	checks	  [{name, title}]
 *
 * progress	driver, device, path: what is about to be done
 *
 * cell		one path on one device
 *	driver, device, bdf, path, title
 *	status	  ok; fail: a check has failed, or "why" says what has; skip:
 *		  the device cannot do it; died: the process died, hung or gave up
 *	why	  of skip, of died, and of fail without checks; else ""
 *	ms	  how long it took. This and the next four are in cells that
 *		  have run only.
 *	middle	  when the way in was done, and
 *	end	  ... all of it: milliseconds after the beginning, as all times
 *	pages	  how many pages of the device were watched
 *	set	  [address of each device that was open]
 *	checks	  [{name, rule, status, text}]; several of one name are possible.
 *		  status: ok, fail or skip; rule: of the contract, or "kernel"
 *	events	  [{t, name, dev, args, detail}]; names as in order.c; dev: which
 *		  of the set, -1: not known; args: zap [DMABUFs, device
 *		  address_space], revoke [revoked, waited for], unrevoke [made
 *		  usable again]; detail: for people, or ""
 *	reader	  [{seen, from, to, count, dev, by_hand}]: runs of equal results
 *		  of the threads that read all the time. seen: ok, blocked,
 *		  sigbus, slow (a long wait that was not a lock's) or ones
 *		  (all-ones was read); by_hand: of pages that the driver has
 *		  mapped by hand
 *
 * end		the last line: devices, and on how many of them something is bad
 *
 * In a guest, guest/init adds lines of its own to the same stream:
 *
 * guest	what ("up" or "off"), kernel, uptime
 * note		driver, device, status ("skip" or "fail"), why: what could not be bound
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conformance.h"

static const char * const status_name[] = { "ok", "fail", "skip", "died" };

/* Indexed by their id, which is first. */
static const struct {
	enum check_id id;
	const char *name, *title;
} checks[] = {
#define CHECK(_id, ...) { CK_##_id, __VA_ARGS__ },
#include "check_table.h"
};

static int fd = STDOUT_FILENO;
static pthread_mutex_t *lock;	/* in memory that all processes share */

int results_open(const char *file)
{
	pthread_mutexattr_t attr;

	if (file)
		fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	lock = mmap(NULL, sizeof(*lock), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		    0);
	VFIO_ASSERT_NE((void *)lock, MAP_FAILED);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(lock, &attr);
	return 0;
}

/* One line, whole, whoever else writes. */
void results_put(const char *line, size_t len)
{
	ssize_t n;

	pthread_mutex_lock(lock);
	while (len) {
		n = write(fd, line, len);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			break;
		if (n > 0) {
			line += n;
			len -= n;
		}
	}
	pthread_mutex_unlock(lock);
}

static void json_string(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', f);
		if ((unsigned char)*s >= 0x20)
			fputc(*s, f);
	}
	fputc('"', f);
}

/* A line that is put together and sent: line_begin(), any number of printf, line_end(). */
static char *line;
static size_t line_len;

static FILE *line_begin(const char *type)
{
	FILE *f = open_memstream(&line, &line_len);

	VFIO_ASSERT_NOT_NULL(f);
	fprintf(f, "{\"type\":\"%s\"", type);
	return f;
}

static void line_end(FILE *f)
{
	fprintf(f, "}\n");
	fclose(f);
	results_put(line, line_len);
	free(line);
}

static void json_target(FILE *f)
{
	fprintf(f, ",\"driver\":");
	json_string(f, opt.target->driver);
	fprintf(f, ",\"device\":");
	json_string(f, opt.target->label);
}

void results_vocabulary(void)
{
	FILE *f = line_begin("vocabulary");
	int i;

	fprintf(f, ",\"paths\":[");
	for (i = 0; i < kit_nr_paths; i++) {
		const struct kit_path *path = &kit_paths[i];

		fprintf(f, "%s{\"name\":\"%s\",\"title\":\"%s\",", i ? "," : "", path->name,
			path->title);
		fprintf(f, "\"order\":\"%s\",\"leave_order\":\"%s\",\"named_only\":%s}",
			path->order ?: "", path->leave_order ?: "",
			path->named_only ? "true" : "false");
	}
	fprintf(f, "],\"checks\":[");
	for (i = 0; i < CK_IDS; i++)
		fprintf(f, "%s{\"name\":\"%s\",\"title\":\"%s\"}", i ? "," : "",
			checks[i].name, checks[i].title);
	fprintf(f, "]");
	line_end(f);
}

void results_progress(const struct kit_path *path)
{
	FILE *f = line_begin("progress");

	json_target(f);
	fprintf(f, ",\"path\":\"%s\"", path->name);
	line_end(f);
}

void results_end(int devices, int bad)
{
	FILE *f = line_begin("end");

	fprintf(f, ",\"devices\":%d,\"bad\":%d", devices, bad);
	line_end(f);
}

static void json_cell(FILE *f, const struct kit_path *path, enum status status, const char *why)
{
	json_target(f);
	fprintf(f, ",\"bdf\":\"%s\",\"path\":\"%s\",\"title\":\"%s\",\"status\":\"%s\",\"why\":",
		opt.target->bdf, path->name, path->title, status_name[status]);
	json_string(f, why);
}

void results_plain(const struct kit_path *path, enum status status, const char *why)
{
	FILE *f = line_begin("cell");

	json_cell(f, path, status, why);
	fprintf(f, ",\"checks\":[],\"events\":[],\"reader\":[]");
	line_end(f);
}

/* Milliseconds after the cell's beginning. */
static double ms(const struct cell *cell, double t)
{
	return t ? (t - cell->begin) * 1e3 : 0;
}

static void json_event(FILE *f, const struct cell *cell, const struct ev *ev)
{
	fprintf(f, "{\"t\":%.3f,\"name\":\"%s\",\"dev\":%d,\"args\":[", ms(cell, ev->t),
		ev_name(ev->kind), ev->dev);
	if (ev->kind == EV_ZAP || ev->kind == EV_REVOKE)
		fprintf(f, "%lld,%lld", ev->arg, ev->arg2);
	else if (ev->kind == EV_UNREVOKE)
		fprintf(f, "%lld", ev->arg);
	fprintf(f, "],\"detail\":\"\"}");
}

static void json_reader(FILE *f, const struct cell *cell, bool by_hand, bool more)
{
	static const char * const seen[] = { "ok", "blocked", "sigbus", "slow" };
	const struct kit_hammer *h = &cell->hammer[by_hand];
	int i;

	for (i = 0; i < h->segs; i++) {
		const struct kit_seg *s = &h->seg[i];

		fprintf(f, "%s{\"seen\":\"%s\",\"from\":%.3f,\"to\":%.3f,\"count\":%lu,",
			i || more ? "," : "", s->ones ? "ones" : seen[s->seen], ms(cell, s->from),
			ms(cell, s->to), s->count);
		fprintf(f, "\"dev\":%d,\"by_hand\":%s}", s->dev, by_hand ? "true" : "false");
	}
}

bool results_cell(FILE *f, const struct cell *cell)
{
	enum status status = ST_OK;
	int i;

	for (i = 0; i < cell->checks; i++) {
		if (cell->check[i].status == ST_FAIL)
			status = ST_FAIL;
	}
	fprintf(f, "{\"type\":\"cell\"");
	json_cell(f, cell->path, status, "");
	fprintf(f, ",\"ms\":%.1f,\"middle\":%.3f,\"end\":%.3f,\"pages\":%d,\"set\":[",
		(kit_now() - cell->start) * 1e3, ms(cell, cell->middle), ms(cell, cell->end),
		cell->dev.nr_pages);
	for (i = 0; i < cell->set.devs; i++)
		fprintf(f, "%s\"%s\"", i ? "," : "", cell->set.dev[i]->bdf);
	fprintf(f, "],\"checks\":[");
	for (i = 0; i < cell->checks; i++) {
		const struct check *c = &cell->check[i];

		fprintf(f, "%s{\"name\":\"%s\",\"rule\":\"%s\",\"status\":\"%s\",\"text\":",
			i ? "," : "", checks[c->id].name, c->rule, status_name[c->status]);
		json_string(f, c->text);
		fputc('}', f);
	}
	fprintf(f, "],\"events\":[");
	for (i = 0; i < cell->evs; i++) {
		if (i)
			fputc(',', f);
		json_event(f, cell, &cell->ev[i]);
	}
	fprintf(f, "],\"reader\":[");
	json_reader(f, cell, false, false);
	json_reader(f, cell, true, cell->hammer[0].segs);
	fprintf(f, "]}\n");
	return status == ST_OK;
}
