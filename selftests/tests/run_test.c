// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs one test program in the guest: its output, a line at a time, and how it
 * ended go to the host as JSON; the kernel's log is told which test is running,
 * so that a report of the kernel can be laid at its door. Nothing a program
 * does can keep the next one from running: it has a time limit and a session
 * of its own.
 *
 * usage: run_test --results FILE [--timeout S] [--suite NAME] [--driver NAME]
 *                 [--device NAME] [--tries N] -- PROGRAM [ARGUMENTS]
 *
 * With --tries a program of which a test was stopped by the harness's own time
 * limit is run again: on a busy host that says nothing about the kernel.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
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

static const char *suite, *driver = "", *device = "", *results = "/dev/stdout";
static FILE *out;

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
	len = snprintf(line, sizeof(line), "<6>kit: %s %s %s %s\n", what, suite, driver, device);
	if (fd < 0 || write(fd, line, len) != len)
		fprintf(stderr, "run_test: error: /dev/kmsg: %s\n", strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void put_string(const char *s)
{
	fputc('"', out);
	for (; *s; s++) {
		unsigned char c = *s;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

static bool starved;

static void line_out(const char *line)
{
	/* The kernel's harness gives each test 30 s, however slow the machine. */
	if (strstr(line, "Test terminated by timeout"))
		starved = true;
	fputs("{\"type\":\"tap\",\"line\":", out);
	put_string(line);
	fputs("}\n", out);
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

static int run(char **argv, double limit)
{
	double start = now(), left;
	bool timeout = false;
	struct pollfd pfd;
	int pipefd[2], status;
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC))
		return -1;
	pid = fork();
	if (pid < 0)
		return -1;
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
		if (left <= 0 && !timeout) {
			timeout = true;
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
	if (waitpid(pid, &status, timeout ? WNOHANG : 0) != pid)
		status = SIGKILL;
ended:
	kill_session(pid);
	fprintf(out, "{\"type\":\"end\",\"status\":%d,\"signal\":%d,",
		WIFEXITED(status) ? WEXITSTATUS(status) : -1,
		WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	fprintf(out, "\"timeout\":%s,\"seconds\":%.1f}\n", timeout ? "true" : "false",
		now() - start);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void put_begin(void)
{
	fputs("{\"type\":\"begin-test\",\"suite\":", out);
	put_string(suite);
	fputs(",\"driver\":", out);
	put_string(driver);
	fputs(",\"device\":", out);
	put_string(device);
	fputs("}\n", out);
	fflush(out);
	say_in_log("begin");
}

int main(int argc, char **argv)
{
	double limit = 60;
	int i, rc, tries = 1;

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
		return 1;
	}
	argv += i + 1;
	if (!suite)
		suite = basename(strdup(argv[0]));
	out = fopen(results, "ae");
	if (!out) {
		fprintf(stderr, "run_test: error: %s: %s\n", results, strerror(errno));
		return 1;
	}
	do {
		starved = false;
		put_begin();
		rc = run(argv, limit);
		say_in_log("end");
	} while (starved && --tries > 0);
	fclose(out);
	return rc < 0 ? 1 : rc;
}
