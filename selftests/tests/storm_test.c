// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything at once: PCI_COMMAND toggled, resets through sysfs and by the user,
 * D3hot and back, reads of BARs, and anonymous memory mapped next to it. Each of
 * them takes locks that the others wait for (rules C2 and C11): the PCI core
 * blocks config access and then has .reset_prepare wait for memory_lock, and the
 * writer of PCI_COMMAND needs both. A circle of that kind is not known to lockdep
 * and shows as a thread that does not move any more.
 *
 * And the user's own resets neither fail nor get lost because another thread
 * writes PCI_COMMAND: those by ioctl return 0, and each FLR that is written to
 * config space arrives at the device.
 *
 * usage: storm_test [HARNESS OPTIONS] [--seconds N] BDF
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "access.h"
#include "steady.h"
#include "trace.h"
#include "kselftest_harness.h"

/* Longer than any of them takes, even in a guest on a busy machine. */
#define STUCK	20	/* seconds */
#define MAX_ACTORS	8
#define MAX_EVENTS	32768

static double seconds = 3;

struct _test_data_storm;

struct actor {
	const char *name;
	int (*act)(struct _test_data_storm *self);
	struct _test_data_storm *storm;
	pthread_t thread;
	unsigned long rounds, errors;
	int error;		/* one of these */
	double since;		/* when the round began that it is in */
	bool done;
};

FIXTURE(storm) {
	struct kit_dev dev;
	struct iommu *iommu;
	struct kit_word word;
	struct kit_reader reader;
	struct actor actor[MAX_ACTORS];
	int actors;
	bool stop;
};

FIXTURE_SETUP(storm)
{
	kit_open(&self->dev, &self->iommu);
	if (!kit_find_word(&self->dev, &self->word))
		SKIP(return, "no register that can be mapped and stays the same over a reset");
}

FIXTURE_TEARDOWN(storm)
{
	kit_close(&self->dev, self->iommu);
}

static int there_and_back(struct _test_data_storm *self, const char *name)
{
	const struct kit_path *path = kit_path(name);

	return kit_enter(path, &self->dev) ?: kit_leave(path, &self->dev);
}

static int toggle_memory(struct _test_data_storm *self)
{
	return there_and_back(self, "memory_disable");
}

static int sleep_and_wake(struct _test_data_storm *self)
{
	return there_and_back(self, "d3hot");
}

static int reset_by_sysfs(struct _test_data_storm *self)
{
	return there_and_back(self, "foreign_reset");
}

static int reset_by_ioctl(struct _test_data_storm *self)
{
	return __vfio_pci_device_reset(self->dev.vdev);
}

static int map_anonymous(struct _test_data_storm *self)
{
	const size_t size = 16 * KIT_PAGE_SIZE;
	char *va;

	va = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (va == MAP_FAILED)
		return -errno;
	*va = 1;
	munmap(va, size);
	return 0;
}

/* By the fd, which finds memory disabled now and then. */
static int read_bar(struct _test_data_storm *self)
{
	u32 val;

	if (pread(self->dev.vdev->fd, &val, sizeof(val), self->word.area->file_offset +
		  self->word.area->offset + self->word.at) < 0)
		return errno == EIO ? 0 : -errno;
	return val == self->word.want ? 0 : -EILSEQ;
}

static void *actor_main(void *arg)
{
	struct actor *a = arg;
	int err;

	while (!READ_ONCE(a->storm->stop)) {
		WRITE_ONCE(a->since, kit_now());
		err = a->act(a->storm);
		if (err) {
			a->errors++;
			a->error = err;
		}
		WRITE_ONCE(a->rounds, a->rounds + 1);
	}
	WRITE_ONCE(a->done, true);
	return NULL;
}

static void start(struct __test_metadata *_metadata, struct _test_data_storm *self,
		  const char *name, int (*act)(struct _test_data_storm *self))
{
	struct actor *a = &self->actor[self->actors++];
	*a = (struct actor){ .name = name, .act = act, .storm = self, .since = kit_now() };
	ASSERT_EQ(0, pthread_create(&a->thread, NULL, actor_main, a));
}

/* The one that has been in one round for too long, or NULL. */
static struct actor *stuck(struct _test_data_storm *self)
{
	int i;

	for (i = 0; i < self->actors; i++) {
		if (!READ_ONCE(self->actor[i].done) &&
		    kit_now() - READ_ONCE(self->actor[i].since) > STUCK)
			return &self->actor[i];
	}
	return NULL;
}

static bool all_done(struct _test_data_storm *self)
{
	int i;

	for (i = 0; i < self->actors; i++) {
		if (!READ_ONCE(self->actor[i].done))
			return false;
	}
	return true;
}

/* Let them act for the time, then stop them: each has to come back. */
static void blow(struct __test_metadata *_metadata, struct _test_data_storm *self)
{
	double until = kit_now() + seconds;
	int i;

	while (!all_done(self) && !stuck(self)) {
		if (kit_now() > until)
			WRITE_ONCE(self->stop, true);
		usleep(10000);
	}
	for (i = 0; i < self->actors; i++)
		ksft_print_msg("%s: %lu times, %lu errors%s%s\n", self->actor[i].name,
			       self->actor[i].rounds, self->actor[i].errors,
			       self->actor[i].errors ? ", such as: " : "",
			       self->actor[i].errors ? strerror(-self->actor[i].error) : "");
	/* Nothing can be joined then, and the mapping cannot be left. */
	if (stuck(self))
		ksft_print_msg("hangs: %s\n", stuck(self)->name);
	ASSERT_EQ(NULL, stuck(self)) TH_LOG("a thread does not come back");
	for (i = 0; i < self->actors; i++) {
		pthread_join(self->actor[i].thread, NULL);
		EXPECT_LT(0, self->actor[i].rounds) TH_LOG("%s", self->actor[i].name);
	}
}

TEST_F_TIMEOUT(storm, everything_at_once, 120)
{
	bool pm = !kit_cannot(kit_path("d3hot"), &self->dev);
	struct kit_reader sum = {};
	struct actor *a;
	int i;

	if (kit_cannot(kit_path("foreign_reset"), &self->dev))
		SKIP(return, "no reset file in sysfs");
	ASSERT_EQ(0, kit_reader_start(&self->reader, &self->word, &self->stop));
	start(_metadata, self, "PCI_COMMAND", toggle_memory);
	start(_metadata, self, "reset by sysfs", reset_by_sysfs);
	start(_metadata, self, "VFIO_DEVICE_RESET", reset_by_ioctl);
	start(_metadata, self, "BAR read by fd", read_bar);
	start(_metadata, self, "anonymous mmap", map_anonymous);
	if (pm)
		start(_metadata, self, "D3hot", sleep_and_wake);
	blow(_metadata, self);
	kit_reader_join(&self->reader, &sum);
	ksft_print_msg("BAR reads: %lu right, %lu SIGBUS, %lu 0 or all-ones, %lu others\n",
		       sum.ok, sum.buses, sum.nobody, sum.other);
	EXPECT_EQ(0, sum.nobody) TH_LOG("accesses have reached the device while it was revoked");
	EXPECT_EQ(0, sum.other) TH_LOG("accesses have reached the device in a reset");
	for (i = 0; i < self->actors; i++) {
		a = &self->actor[i];
		/* It is not for the user's reset to wait for somebody else's. */
		if (a->act == reset_by_ioctl && a->error == -EAGAIN)
			continue;
		EXPECT_EQ(0, a->errors) TH_LOG("%s fails", a->name);
	}
}

/*
 * What is restored in D0 was saved before D3hot. What the user has written to
 * PCI_COMMAND meanwhile must not be lost with the BARs given back.
 */
TEST_F(storm, memory_is_enabled_in_d3hot)
{
	const struct kit_path *memory = kit_path("memory_disable"), *d3hot = kit_path("d3hot");
	u32 val = 0;

	if (kit_cannot(d3hot, &self->dev))
		SKIP(return, "%s", kit_cannot(d3hot, &self->dev));
	ASSERT_EQ(0, kit_enter(memory, &self->dev));
	ASSERT_EQ(0, kit_enter(d3hot, &self->dev));
	ASSERT_EQ(0, kit_leave(memory, &self->dev));
	ASSERT_EQ(0, kit_leave(d3hot, &self->dev));
	if (!kit_try_read(self->word.va + self->word.at, &val))
		ksft_print_msg("SIGBUS: revoked, as long as the device has memory off\n");
	else
		EXPECT_EQ(self->word.want, val) TH_LOG("given back, with memory off in the device");
}

TEST_F_TIMEOUT(storm, memory_is_toggled_and_no_reset_fails, 120)
{
	start(_metadata, self, "PCI_COMMAND", toggle_memory);
	start(_metadata, self, "PCI_COMMAND too", toggle_memory);
	start(_metadata, self, "VFIO_DEVICE_RESET", reset_by_ioctl);
	blow(_metadata, self);
	EXPECT_EQ(0, self->actor[2].errors)
		TH_LOG("VFIO_DEVICE_RESET fails because of a writer of PCI_COMMAND");
}

TEST_F_TIMEOUT(storm, memory_is_toggled_and_no_flr_is_lost, 120)
{
	const struct kit_path *flr = kit_path("flr");
	const char *why = kit_cannot(flr, &self->dev), *bdf[] = { self->dev.bdf };
	/* Those of the writers are among them. */
	static struct ev ev[MAX_EVENTS];
	int i, n, written = 0, seen = 0;
	struct trace trace;
	double until;

	if (why)
		SKIP(return, "%s", why);
	ASSERT_EQ(0, trace_probes_add());
	ASSERT_EQ(0, trace_start(&trace));
	start(_metadata, self, "PCI_COMMAND", toggle_memory);
	start(_metadata, self, "PCI_COMMAND too", toggle_memory);
	until = kit_now() + seconds;
	while (kit_now() < until && !stuck(self)) {
		trace_clear(&trace);
		ASSERT_EQ(0, kit_enter(flr, &self->dev));
		written++;
		n = trace_read(&trace, bdf, 1, gettid(), ev, MAX_EVENTS);
		ASSERT_LT(n, MAX_EVENTS);
		for (i = 0; i < n && ev[i].kind != EV_FLR; i++)
			;
		seen += i < n;
	}
	trace_stop(&trace);
	trace_probes_remove();
	blow(_metadata, self);
	ksft_print_msg("%d FLRs written to config space, %d seen at the device\n", written, seen);
	EXPECT_LT(0, written);
	EXPECT_EQ(written, seen) TH_LOG("an FLR by config write is lost");
}

int main(int argc, char **argv)
{
	kit_args(&argc, argv);
	seconds = kit_number(&argc, argv, "--seconds", seconds);
	return test_harness_run(argc, argv);
}
