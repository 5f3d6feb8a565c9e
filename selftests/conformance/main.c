// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drives every revocation path of VFIO PCI devices through the real uAPI and
 * checks what the contract promises of each: the same program in the guest of
 * "make verify" and on a real machine.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * In this file: options and processes. One process for each device, and in it
 * one for each path, so that a path that dies or hangs takes nothing with it.
 * The paths are lib/path_table.h; what is checked of them is in checks.c, what
 * three of the rows do instead in close.c, hidden.c and regions.c; the results,
 * JSON lines, are described in results.c.
 */
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/limits.h>

#include "conformance.h"

#define MAX_WORKERS	32

struct options opt = { .timeout = 30 };

static void (* const run[KIT_ROWS])(struct cell *cell) = {
	[KIT_ROW_PATH] = run_path,
	[KIT_ROW_CLOSE] = run_close,
	[KIT_ROW_HIDDEN] = run_hidden,
	[KIT_ROW_REGIONS] = run_regions,
};

static void open_cell(struct cell *cell, const struct kit_path *path)
{
	const char *pf;
	int err;

	cell->path = path;
	cell->start = kit_now();
	cell->set.iommu = iommu_init(MODE_IOMMUFD);
	cell->set.driver = opt.target->driver;
	pf = kit_pf_of(opt.target->bdf);
	err = pf ? kit_set_token(pf, cell->set.iommu) : 0;
	if (err)
		VFIO_LOG_AND_EXIT("%s, the PF of %s: %s", pf, opt.target->bdf, strerror(-err));
	err = kit_dev_open(&cell->dev, opt.target->bdf, cell->set.iommu);
	if (err)
		VFIO_LOG_AND_EXIT("%s: cannot be opened: %s", opt.target->bdf, strerror(-err));
	kit_dev_find_areas(&cell->dev);
	cell->set.dev[0] = &cell->dev;
	cell->set.devs = 1;
}

/* In a process of its own: one path on one device, the result to @out. */
static void run_cell(const struct kit_path *path, FILE *out)
{
	static struct cell cell;

	kernel_log_open(&cell);
	/*
	 * What was touched stays: a fault that is counted is of a BAR. Only that, since
	 * to fault in the whole program takes a guest longer than many a path.
	 */
	mlockall(MCL_CURRENT | MCL_ONFAULT);
	open_cell(&cell, path);
	trace_clear(&opt.trace);
	/* It also opens the other devices of a set. */
	if (path->cannot && path->cannot(&cell.set))
		VFIO_LOG_AND_EXIT("%s: %s", opt.target->bdf, cell.set.why);
	run[path->row](&cell);
	check_silent(&cell);
	results_cell(out, &cell);
}

/* In a process of its own: what the device cannot do, a line a path. */
static void run_probe(const struct kit_path *unused, FILE *out)
{
	static struct cell cell;
	const char *why;
	int i;

	open_cell(&cell, NULL);
	for (i = 0; i < kit_nr_paths; i++) {
		const struct kit_path *path = &kit_paths[i];

		why = path->cannot ? path->cannot(&cell.set) : NULL;
		if (!why && !cell.dev.nr_areas && !path->any_region)
			why = "no region that can be mapped";
		fprintf(out, "%s\n", why ?: "");
		kit_set_close_others(&cell.set);
	}
}

/*
 * Pass on what a process has printed to @fd, its stderr. The last line says why
 * it gave up.
 */
static void last_words(int fd, char *why, size_t why_len)
{
	FILE *f = fdopen(fd, "r");
	char *line = NULL, *words;
	size_t size = 0;

	VFIO_ASSERT_NOT_NULL(f);
	rewind(f);
	while (getline(&line, &size, f) > 0) {
		fputs(line, stderr);
		words = line + strspn(line, " ");
		words[strcspn(words, "\n")] = '\0';
		if (*words)
			snprintf(why, why_len, "the test gave up: %s", words);
	}
	free(line);
	fclose(f);
}

static bool stuck;	/* a process with the device is: nobody else can have it */

/*
 * A process that was killed may wait for a lock that nobody will release: where,
 * in @why. False: it has ended, with @status.
 */
static bool is_stuck(pid_t pid, int *status, char *why, size_t why_len)
{
	char path[64], line[160], at[64] = "the kernel";
	double until = kit_now() + opt.timeout;
	FILE *f;

	while (!waitpid(pid, status, WNOHANG)) {
		if (kit_now() < until) {
			usleep(10000);
			continue;
		}
		snprintf(path, sizeof(path), "/proc/%d/stack", pid);
		f = fopen(path, "re");
		/* "[<0>] function+0x1/0x2": the first that is VFIO's. */
		while (f && fgets(line, sizeof(line), f)) {
			if (sscanf(line, "%*s vfio_%56[^+]", at + 5) != 1)
				continue;
			memcpy(at, "vfio_", 5);
			break;
		}
		if (f)
			fclose(f);
		snprintf(why, why_len, "waits in %s and cannot be killed: a lock that is kept", at);
		return true;
	}
	return false;
}

/*
 * Run @fn for @path in a process of its own, for at most the time allowed;
 * what it says is in @text, and why it died in @why.
 */
static bool in_child(void (*fn)(const struct kit_path *path, FILE *out),
		     const struct kit_path *path, char **text, size_t *len, char *why,
		     size_t why_len)
{
	double until = kit_now() + opt.timeout;
	const size_t max = 1 << 20;
	int p[2], err, status, left;
	bool late = false;
	ssize_t n;
	pid_t pid;

	*len = 0;
	VFIO_ASSERT_EQ(pipe2(p, O_CLOEXEC), 0);
	err = memfd_create("stderr", MFD_CLOEXEC);
	VFIO_ASSERT_GE(err, 0);
	pid = fork();
	VFIO_ASSERT_GE(pid, 0);
	if (!pid) {
		FILE *out = fdopen(p[1], "w");

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(p[0]);
		dup2(err, STDERR_FILENO);
		fn(path, out);
		fclose(out);
		exit(0);
	}
	close(p[1]);
	*text = malloc_assert(max + 1);
	do {
		struct pollfd pfd = { .fd = p[0], .events = POLLIN };

		left = (until - kit_now()) * 1e3;
		late = left <= 0 || poll(&pfd, 1, left) <= 0;
		n = late ? 0 : read(p[0], *text + *len, max - *len);
		*len += n > 0 ? n : 0;
	} while (n > 0 && *len < max);
	close(p[0]);
	if (late)
		kill(pid, SIGKILL);
	(*text)[*len] = '\0';
	stuck = is_stuck(pid, &status, why, why_len);
	if (stuck)
		return false;
	snprintf(why, why_len, "the test gave up, and does not say why");
	last_words(err, why, why_len);
	if (late)
		snprintf(why, why_len, "not done after %d s: a hang, or a machine that is too busy",
			 opt.timeout);
	else if (WIFSIGNALED(status))
		snprintf(why, why_len, "killed by signal %d", WTERMSIG(status));
	return !late && WIFEXITED(status) && !WEXITSTATUS(status) && *len &&
	       (*text)[*len - 1] == '\n';
}

static bool fork_cell(const struct kit_path *path)
{
	char *line, why[160];
	bool good;
	size_t len;

	results_progress(path);
	good = in_child(run_cell, path, &line, &len, why, sizeof(why));
	if (good) {
		results_put(line, len);
		good = !strstr(line, "\"status\":\"fail\"");
	} else {
		results_plain(path, ST_DIED, why);
	}
	free(line);
	return good;
}

/* Is @path named in the target's list, or in none that leaves it out? */
static bool wanted(const struct target *target, const struct kit_path *path)
{
	bool any = !path->named_only, named = false;
	char list[sizeof(target->paths)], *at = list, *name;

	snprintf(list, sizeof(list), "%s", target->paths);
	while ((name = strsep(&at, ","))) {
		if (*name && *name != '!')
			any = false;
		if (*name == '!' && !strcmp(name + 1, path->name))
			return false;
		named |= !strcmp(name, path->name);
	}
	return any || named;
}

static int worker(const struct target *target)
{
	char *driver = sysfs_driver_get(target->bdf);
	char *text, *at, *line, why[160];
	int i, bad = 0, err;
	size_t len;
	bool good;

	opt.target = target;
	if (!driver || strcmp(driver, target->driver)) {
		fprintf(stderr, "%s is bound to %s, not to %s\n", target->bdf,
			driver ?: "no driver", target->driver);
		for (i = 0; i < kit_nr_paths; i++)
			results_plain(&kit_paths[i], ST_FAIL,
				      "the driver is not bound to the device");
		return 1;
	}
	err = trace_start(&opt.trace);
	if (err)
		fprintf(stderr, "no trace instance: %s\n", strerror(-err));
	good = in_child(run_probe, NULL, &text, &len, why, sizeof(why));
	at = text;
	for (i = 0; i < kit_nr_paths; i++) {
		line = good ? strsep(&at, "\n") : why;
		if (!wanted(target, &kit_paths[i]))
			continue;
		if (line && *line)
			results_plain(&kit_paths[i], good ? ST_SKIP : ST_DIED, line);
		else if (opt.foreign_need && kit_paths[i].not_by_vfio)
			results_plain(&kit_paths[i], ST_SKIP, opt.foreign_need);
		else if (stuck)
			results_plain(&kit_paths[i], ST_DIED, "not tried: the device hangs");
		else
			bad += !fork_cell(&kit_paths[i]);
		bad += !good || stuck;
	}
	free(text);
	trace_stop(&opt.trace);
	return bad;
}

static void help(FILE *f)
{
	int i;

	fprintf(f,
		"Drive every revocation path of VFIO PCI devices and check it.\n"
		"\n"
		"usage: vfio_conformance [options] DRIVER@BDF[@LABEL[@PATH,PATH...]]...\n"
		"       vfio_conformance --vocabulary | --self-test\n"
		"\n"
		"Each device has to be bound to DRIVER, a VFIO PCI driver. The results are JSON\n"
		"lines. With PATHs only these are taken, with !PATH all but that one.\n"
		"\n"
		"  --results FILE        append the results to FILE\n"
		"  --console-rules FILE  which lines of the kernel's log are bad (the default:\n"
		"                        console-rules in the folder of this program)\n"
		"  --emulated            the devices may be written to anywhere; never say that\n"
		"                        of real ones\n"
		"  --no-series           on a kernel without the tracepoints of core-patch/, what\n"
		"                        needs them is skipped, not failed\n"
		"  --exports-need WHAT   on a kernel whose exported DMABUFs cannot be mapped yet:\n"
		"                        why, as \"needs part E\"\n"
		"  --foreign-need WHAT   on a kernel that takes BARs away only for what VFIO\n"
		"                        does itself: why, for the other paths\n"
		"  --mappings-need WHAT  on a kernel without DMABUFs behind mappings: why\n"
		"  --timeout S           for one path on one device (the default: %d)\n"
		"  --jobs N              so many devices at a time (the default: 8)\n"
		"  --vocabulary          print the names and titles of paths and checks, as JSON\n"
		"  --self-test           test the check of the order; needs no device\n"
		"\n"
		"Exit status: 0: all is as the contract says; 1: something is not; 2: wrong usage.\n"
		"\n"
		"paths:\n", opt.timeout);
	for (i = 0; i < kit_nr_paths; i++)
		fprintf(f, "  %-20s%s%s\n", kit_paths[i].name, kit_paths[i].title,
			kit_paths[i].named_only ? " (only when it is named)" : "");
}

static void parse_target(char *arg, struct target *t)
{
	char *driver = strsep(&arg, "@"), *bdf = strsep(&arg, "@"), *label = strsep(&arg, "@");
	char list[sizeof(t->paths)], *at = list, *name;
	int i;

	if (!bdf || !*driver || strlen(bdf) >= sizeof(t->bdf)) {
		fprintf(stderr, "vfio_conformance: '%s' is not DRIVER@BDF\n", driver);
		exit(2);
	}
	snprintf(t->driver, sizeof(t->driver), "%s", driver);
	snprintf(t->bdf, sizeof(t->bdf), "%s", bdf);
	snprintf(t->label, sizeof(t->label), "%s", label ?: bdf);
	snprintf(t->paths, sizeof(t->paths), "%s", arg ?: "");
	snprintf(list, sizeof(list), "%s", t->paths);
	while ((name = strsep(&at, ","))) {
		name += *name == '!';
		for (i = 0; i < kit_nr_paths && *name; i++) {
			if (!strcmp(kit_paths[i].name, name))
				break;
		}
		if (i == kit_nr_paths) {
			fprintf(stderr, "vfio_conformance: no path is called '%s' (see --help)\n",
				name);
			exit(2);
		}
	}
}

/* FILE, or the one beside this program. */
static void read_rules(const char *file)
{
	char path[PATH_MAX] = "", beside[PATH_MAX + 16];
	int err;

	if (!file) {
		if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
			path[0] = '\0';
		snprintf(beside, sizeof(beside), "%s/console-rules", dirname(path));
		file = beside;
	}
	err = kernel_log_rules(file);
	if (err) {
		fprintf(stderr, "vfio_conformance: no rules in %s: %s (see --console-rules)\n",
			file, strerror(-err));
		exit(2);
	}
}

/* All targets, @jobs at a time: on how many is something bad? */
static int run_targets(const struct target *target, int n, int jobs)
{
	int i, status, bad = 0, err;

	err = trace_probes_add();
	if (err)
		fprintf(stderr, "no kprobe events: %s\n", strerror(-err));
	for (i = 0; i < n; i++) {
		if (i >= jobs && wait(&status) > 0)
			bad += !WIFEXITED(status) || WEXITSTATUS(status);
		if (!fork()) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			_exit(worker(&target[i]) ? 1 : 0);
		}
	}
	while (wait(&status) > 0)
		bad += !WIFEXITED(status) || WEXITSTATUS(status);
	trace_probes_remove();
	return bad;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "results", required_argument, NULL, 'r' },
		{ "console-rules", required_argument, NULL, 'c' },
		{ "emulated", no_argument, NULL, 'e' },
		{ "no-series", no_argument, NULL, 'n' },
		{ "exports-need", required_argument, NULL, 'x' },
		{ "foreign-need", required_argument, NULL, 'f' },
		{ "mappings-need", required_argument, NULL, 'm' },
		{ "timeout", required_argument, NULL, 't' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "vocabulary", no_argument, NULL, 'v' },
		{ "self-test", no_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	const char *results = NULL, *rules = NULL;
	static struct target target[MAX_WORKERS];
	int c, n = 0, err, jobs = 8, bad;
	bool vocabulary = false;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'r':
			results = optarg;
			break;
		case 'c':
			rules = optarg;
			break;
		case 'e':
			opt.emulated = true;
			break;
		case 'n':
			opt.no_series = true;
			break;
		case 'x':
			opt.exports_need = optarg;
			break;
		case 'f':
			opt.foreign_need = optarg;
			break;
		case 'm':
			opt.mappings_need = optarg;
			break;
		case 't':
			opt.timeout = atoi(optarg);
			break;
		case 'j':
			jobs = atoi(optarg);
			break;
		case 'v':
			vocabulary = true;
			break;
		case 's':
			return order_self_test() ? 1 : 0;
		default:
			help(c == 'h' ? stdout : stderr);
			return c == 'h' ? 0 : 2;
		}
	}
	if (vocabulary ? optind < argc : optind == argc || argc - optind > MAX_WORKERS) {
		help(stderr);
		return 2;
	}
	for (; optind < argc; optind++)
		parse_target(argv[optind], &target[n++]);
	err = results_open(results);
	if (err) {
		fprintf(stderr, "vfio_conformance: %s: %s\n", results, strerror(-err));
		return 2;
	}
	if (!vocabulary)
		read_rules(rules);
	results_vocabulary();
	if (vocabulary)
		return 0;
	bad = run_targets(target, n, jobs);
	results_end(n, bad);
	return bad ? 1 : 0;
}
