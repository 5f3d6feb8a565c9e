// SPDX-License-Identifier: GPL-2.0-only
/*
 * The check "silent": what the kernel says while a cell runs, judged by the same
 * rules as the whole console (scripts/report/console-rules).
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <unistd.h>

#include "conformance.h"

/* Cells run side by side: is a report about another one's process? */
static bool of_another(struct cell *cell, const char *text)
{
	const char *at = strstr(text, "vfio_conformanc/");
	pid_t pid = at ? atoi(strchr(at, '/') + 1) : 0;

	return pid && pid != getpid() && pid != cell->hammer[0].tid &&
	       pid != cell->hammer[1].tid;
}

/* The lines "bad ERE", "fine ERE" and "rule RULE ERE" of the list. */
static struct rule {
	regex_t re;
	bool fine;
	char broken[8];		/* of the contract; "" where the line only sorts */
} *rules;
static int nr_rules;

/* Which rule of the contract did the driver break, of which the core warns? */
static const char *broken_rule(const char *warning)
{
	int i;

	for (i = 0; i < nr_rules; i++) {
		if (*rules[i].broken && !regexec(&rules[i].re, warning, 0, NULL, 0))
			return rules[i].broken;
	}
	return "kernel";
}

static void add_rule(const char *file, const char *re, bool fine, const char *broken)
{
	char why[128];
	int err;

	rules = realloc(rules, (nr_rules + 1) * sizeof(*rules));
	VFIO_ASSERT_NOT_NULL(rules);
	err = regcomp(&rules[nr_rules].re, re, REG_EXTENDED | REG_NOSUB);
	if (err) {
		regerror(err, &rules[nr_rules].re, why, sizeof(why));
		VFIO_LOG_AND_EXIT("%s: '%s': %s\n", file, re, why);
	}
	rules[nr_rules].fine = fine;
	snprintf(rules[nr_rules].broken, sizeof(rules[nr_rules].broken), "%s", broken);
	nr_rules++;
}

int kernel_log_rules(const char *file)
{
	char *line = NULL, *at, *broken;
	size_t size = 0;
	FILE *f;

	f = fopen(file, "re");
	if (!f)
		return -errno;
	while (getline(&line, &size, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		/* What is known of a test ("known") is no matter of a cell's. */
		if (!strncmp(line, "bad ", 4))
			add_rule(file, line + 4, false, "");
		else if (!strncmp(line, "fine ", 5))
			add_rule(file, line + 5, true, "");
		if (strncmp(line, "rule ", 5))
			continue;
		at = line + 5;
		broken = strsep(&at, " ");
		if (at)
			add_rule(file, at, false, broken);
	}
	free(line);
	fclose(f);
	return nr_rules ? 0 : -ENODATA;
}

static bool is_bad(const char *text)
{
	bool bad = false;
	int i;

	for (i = 0; i < nr_rules; i++) {
		if (*rules[i].broken || regexec(&rules[i].re, text, 0, NULL, 0))
			continue;
		if (rules[i].fine)
			return false;
		bad = true;
	}
	return bad;
}

void kernel_log_open(struct cell *cell)
{
	cell->kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (cell->kmsg >= 0)
		lseek(cell->kmsg, 0, SEEK_END);
}

/* The next line of the kernel's log, or NULL at its end. */
static const char *next_line(struct cell *cell, char *line, size_t size)
{
	char *text;
	ssize_t n;

	for (;;) {
		n = read(cell->kmsg, line, size - 1);
		/* EPIPE: lines were overwritten before they could be read. */
		if (n < 0 && errno == EPIPE)
			continue;
		if (n <= 0)
			return NULL;
		line[n] = '\0';
		text = strchr(line, ';');
		if (!text++)
			continue;
		text[strcspn(text, "\n")] = '\0';
		return text;
	}
}

void check_silent(struct cell *cell)
{
	char line[8192], message[160] = "";
	bool cut = false;
	const char *text;

	if (cell->kmsg < 0) {
		check(cell, CK_SILENT, ST_SKIP, "C5", "/dev/kmsg cannot be read");
		return;
	}
	while ((text = next_line(cell, line, sizeof(line)))) {
		/* Between this line and the one with WARNING is the message of WARN(). */
		if (strstr(text, "-[ cut here ]-")) {
			cut = true;
			continue;
		}
		if (!is_bad(text)) {
			if (cut)
				snprintf(message, sizeof(message), "%s", text);
			cut = false;
			continue;
		}
		cut = false;
		if (of_another(cell, text)) {
			message[0] = '\0';
			continue;
		}
		text = *message ? message : text;
		check(cell, CK_SILENT, ST_FAIL, broken_rule(text), "%.180s", text);
		return;
	}
	if (*message)
		check(cell, CK_SILENT, ST_FAIL, broken_rule(message), "%.180s", message);
	else
		check(cell, CK_SILENT, ST_OK, "C5", "no kernel warning");
}
