// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs one test program in the guest. Its output becomes a nested KTAP test, a
 * line at a time, without the parent's result line: that is the caller's, who
 * counts (guest/init). The kernel's log is told which test is running, so that
 * a report of the kernel can be laid at its door. Nothing a program does can
 * keep the next one from running: it has a time limit and a session of its own.
 *
 * usage: run_test --results FILE [--timeout S] [--suite NAME] [--driver NAME]
 *                 [--device NAME] [--tries N] -- PROGRAM [ARGUMENTS]
 *
 * With --tries a program of which a test was stopped by the harness's own time
 * limit is run again: on a busy host that says nothing about the kernel. Only
 * the last run is in the results.
 *
 * Exit status: 0 when the program has passed, 4 when all of it was skipped,
 * 1 when it has failed in any way, 2 when it could not be tried.
 *
 *	  KTAP version 1
 *	  # Subtest: bar_mapping vfio-pci igb
 *	  # kit: suite bar_mapping driver vfio-pci device igb
 *	  1..2
 *	  ok 1 shape.memory_disable.one_page_each
 *	  ok 2 shape.d3hot.one_page_each # SKIP no power management capability
 *	# kit: seconds 1.2 status 0 signal 0 timeout 0
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *suite, *driver = "-", *device = "-", *results = "/dev/stdout";
static FILE *out;
static char name[256];		/* suite, driver and device, as far as there are any */
static bool starved;		/* stopped by the harness, which may try again */
static int passed, failed, skipped, planned;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void say_in_log(const char *what)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC), len;
	char line[200];

	/* Not by dprintf(), which asks for the position, which /dev/kmsg has not. */
	len = snprintf(line, sizeof(line), "<6>kit: %s %s\n", what, name);
	if (fd < 0 || write(fd, line, len) != len)
		fprintf(stderr, "run_test: error: /dev/kmsg: %s\n", strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* What is no line of KTAP becomes a diagnostic one. */
static void line_out(char *line)
{
	bool not_ok = !strncmp(line, "not ok ", 7), ok = !strncmp(line, "ok ", 3);
	int plan;
	char *c;

	for (c = line; *c; c++) {
		if (!isprint((unsigned char)*c) && *c != '\t')
			*c = '?';
	}
	if (!strncmp(line, "TAP version ", 12) || !strncmp(line, "KTAP version ", 13))
		return;
	if (sscanf(line, "1..%d", &plan) == 1)
		planned = plan;
	else if (not_ok)
		failed++;
	else if (ok && strstr(line, "# SKIP"))
		skipped++;
	else if (ok)
		passed++;
	else if (*line != '#')
		fputs("  #", out);
	/* The kernel's harness gives each test 30 s, however slow the machine. */
	if (strstr(line, "Test terminated by timeout"))
		starved = true;
	fprintf(out, "  %s\n", line);
	fflush(out);
}

/* Returns false at the end of the output. */
static bool forward(int fd)
{
	static char buf[4096];
	static size_t have;
	ssize_t got;
	char *nl;

	got = read(fd, buf + have, sizeof(buf) - 1 - have);
	if (got < 0)
		return errno == EINTR || errno == EAGAIN;
	have += got;
	buf[have] = '\0';
	while ((nl = memchr(buf, '\n', have))) {
		*nl = '\0';
		line_out(buf);
		have -= nl + 1 - buf;
		memmove(buf, nl + 1, have + 1);
	}
	if (have && (!got || have == sizeof(buf) - 1)) {
		line_out(buf);
		have = 0;
	}
	return got;
}

/* The harness puts each test into a process group of its own, so: a session. */
static void kill_session(pid_t session)
{
	char path[64], buf[512], *p;
	int tries, left, fd, sid;
	struct dirent *d;
	ssize_t got;
	DIR *proc;

	for (tries = 0, left = 1; left && tries < 50; tries++) {
		left = 0;
		proc = opendir("/proc");
		if (!proc)
			return;
		while ((d = readdir(proc))) {
			snprintf(path, sizeof(path), "/proc/%.32s/stat", d->d_name);
			if (d->d_name[0] < '0' || d->d_name[0] > '9')
				continue;
			fd = open(path, O_RDONLY | O_CLOEXEC);
			got = fd < 0 ? 0 : read(fd, buf, sizeof(buf) - 1);
			if (fd >= 0)
				close(fd);
			buf[got > 0 ? got : 0] = '\0';
			p = strrchr(buf, ')');
			if (!p || sscanf(p, ") %*c %*d %*d %d", &sid) != 1 || sid != session ||
			    p[2] == 'Z')
				continue;
			kill(atoi(d->d_name), SIGKILL);
			left++;
		}
		closedir(proc);
		if (left)
			usleep(100000);
	}
}

/* How a program has come to its end. */
struct end {
	double seconds;
	int status;
	bool timeout;
};

static bool run(char **argv, double limit, struct end *end)
{
	double start = now(), left;
	int pipefd[2], status;
	struct pollfd pfd;
	pid_t pid;

	*end = (struct end){ 0 };
	if (pipe2(pipefd, O_CLOEXEC))
		return false;
	pid = fork();
	if (pid < 0)
		return false;
	if (!pid) {
		setsid();
		dup2(pipefd[1], 1);
		dup2(pipefd[1], 2);
		execv(argv[0], argv);
		dprintf(2, "# %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	close(pipefd[1]);
	fcntl(pipefd[0], F_SETFL, O_NONBLOCK);
	pfd = (struct pollfd){ .fd = pipefd[0], .events = POLLIN };
	for (;;) {
		left = start + limit - now();
		if (left <= 0 && !end->timeout) {
			end->timeout = true;
			kill_session(pid);
			/* What is stuck in the kernel keeps the pipe open. */
			limit += 10;
		} else if (left <= 0) {
			break;
		}
		if (poll(&pfd, 1, 200) > 0 && !forward(pipefd[0]))
			break;
		/* Children that outlive the program do not count. */
		if (waitpid(pid, &status, WNOHANG) == pid) {
			while (poll(&pfd, 1, 0) > 0 && forward(pipefd[0]))
				;
			goto ended;
		}
	}
	if (waitpid(pid, &status, end->timeout ? WNOHANG : 0) != pid)
		status = SIGKILL;
ended:
	kill_session(pid);
	close(pipefd[0]);
	end->status = status;
	end->seconds = now() - start;
	return true;
}

static void put_begin(void)
{
	fprintf(out, "  KTAP version 1\n  # Subtest: %s\n", name);
	fprintf(out, "  # kit: suite %s driver %s device %s\n", suite, driver, device);
	fflush(out);
}

/* All planned tests have a result, none failed, and the program says so too. */
static int verdict(const struct end *end)
{
	int code = WIFEXITED(end->status) ? WEXITSTATUS(end->status) : -1;

	if (end->timeout || failed || passed + skipped < planned)
		return 1;
	if (code == 4 || (!code && planned == 0 && !passed))
		return 4;
	if (code || !(passed + skipped))
		return 1;
	return 0;
}

int main(int argc, char **argv)
{
	char *kept = NULL;
	double limit = 60;
	struct end end = { 0 };
	size_t len = 0;
	int i, rc, tries = 1, try = 0;
	FILE *file;

	for (i = 1; i + 1 < argc && strcmp(argv[i], "--"); i += 2) {
		if (!strcmp(argv[i], "--results"))
			results = argv[i + 1];
		else if (!strcmp(argv[i], "--timeout"))
			limit = atof(argv[i + 1]);
		else if (!strcmp(argv[i], "--suite"))
			suite = argv[i + 1];
		else if (!strcmp(argv[i], "--driver"))
			driver = argv[i + 1];
		else if (!strcmp(argv[i], "--device"))
			device = argv[i + 1];
		else if (!strcmp(argv[i], "--tries"))
			tries = atoi(argv[i + 1]);
		else
			break;
	}
	if (i + 1 >= argc || strcmp(argv[i], "--")) {
		fprintf(stderr, "usage: run_test --results FILE [--timeout S] [--suite NAME]\n");
		fprintf(stderr, "                [--driver NAME] [--device NAME] [--tries N]\n");
		fprintf(stderr, "                -- PROGRAM [ARGUMENTS]\n");
		return 2;
	}
	argv += i + 1;
	if (!suite)
		suite = basename(strdup(argv[0]));
	snprintf(name, sizeof(name), "%s%s%s%s%s", suite, strcmp(driver, "-") ? " " : "",
		 strcmp(driver, "-") ? driver : "", strcmp(device, "-") ? " " : "",
		 strcmp(device, "-") ? device : "");
	file = fopen(results, "ae");
	if (!file) {
		fprintf(stderr, "run_test: error: %s: %s\n", results, strerror(errno));
		return 2;
	}
	/* The beginning at once: it tells what ran when the guest dies. */
	out = file;
	put_begin();
	do {
		starved = false;
		passed = 0;
		failed = 0;
		skipped = 0;
		planned = -1;
		/* Kept back as long as another try may take its place. */
		out = ++try < tries ? open_memstream(&kept, &len) : file;
		say_in_log("begin");
		rc = out && run(argv, limit, &end) ? verdict(&end) : 2;
		say_in_log("end");
		if (out && out != file) {
			fclose(out);
			if (!starved)
				fwrite(kept, 1, len, file);
			free(kept);
		}
	} while (rc != 2 && starved && try < tries);
	if (rc == 2)
		fprintf(file, "# kit: run_test: %s\n", strerror(errno));
	if (try > 1)
		fprintf(file, "# kit: tries %d\n", try);
	fprintf(file, "# kit: seconds %.1f status %d signal %d timeout %d\n", end.seconds,
		WIFEXITED(end.status) ? WEXITSTATUS(end.status) : -1,
		WIFSIGNALED(end.status) ? WTERMSIG(end.status) : 0, end.timeout);
	fclose(file);
	return rc;
}
