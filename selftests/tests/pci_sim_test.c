// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that misbehave, as QEMU's cannot: one that needs its time after a reset
 * or in D3hot, one whose configuration accesses fail, one that vanishes and comes
 * back. Of all of them: while the device cannot be reached, its BARs cannot
 * either (rules C3 and C12); and nothing hangs.
 *
 * The device is a pci-sim (guest/pci-sim/), whose BARs hold all-ones while it does
 * not decode them, and which counts what is written to them then. So a thread that
 * reads a BAR all the time, and the counter of what another one writes, tell of
 * each access that should not have been possible.
 *
 * usage: pci_sim_test [HARNESS OPTIONS] BDF
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/limits.h>

#include "access.h"
#include "steady.h"
#include "kselftest_harness.h"

#define KNOBS	"/sys/kernel/debug/pci-sim"
#define NO_SIM	"the device is no pci-sim"

static const char * const delays[] = {
	"d0_config_ms", "d0_memory_ms", "reset_config_ms", "reset_memory_ms",
};

struct sim {
	struct kit_dev dev;
	struct iommu *iommu;
	struct kit_word word;
	struct kit_reader reader;
	pthread_t writer;
	char *written;		/* its mapping, of the whole area */
	u32 pmcsr, af;		/* registers: of a device that is gone nobody finds them */
	u32 stray;
	bool reading, stop;
};

static void knob_path(char *path, const char *name)
{
	snprintf(path, PATH_MAX, KNOBS "/%s/%s", kit_bdf, name);
}

static void knob(const char *name, u32 value)
{
	char path[PATH_MAX], text[16];
	int fd, len;

	knob_path(path, name);
	len = snprintf(text, sizeof(text), "%u", value);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	VFIO_ASSERT_GE(fd, 0, "%s: %s\n", path, strerror(errno));
	VFIO_ASSERT_EQ(write(fd, text, len), len, "%s: %s\n", path, strerror(errno));
	close(fd);
}

static u32 counter(const char *name)
{
	char path[PATH_MAX], text[16] = "";
	int fd;

	knob_path(path, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	VFIO_ASSERT_GE(fd, 0, "%s: %s\n", path, strerror(errno));
	VFIO_ASSERT_GT(read(fd, text, sizeof(text) - 1), 0, "%s: %s\n", path, strerror(errno));
	close(fd);
	return strtoul(text, NULL, 0);
}

/* The next @times accesses to byte @where, after @skip of them, fail. */
static void fail_access(bool write, u32 where, u32 skip, u32 times)
{
	knob("fail_times", 0);
	knob("fail_write", write);
	knob("fail_where", where);
	knob("fail_skip", skip);
	knob("fail_times", times);
}

/* A device without a fault. */
static void knobs_off(void)
{
	size_t i;

	knob("gone", 0);
	knob("fail_times", 0);
	for (i = 0; i < ARRAY_SIZE(delays); i++)
		knob(delays[i], 0);
}

static bool is_sim(void)
{
	char path[PATH_MAX];

	knob_path(path, "gone");
	return !access(path, F_OK);
}

/* Beside the word that is read. */
static void *write_all_the_time(void *arg)
{
	struct sim *sim = arg;
	u64 i;

	for (i = 0; !READ_ONCE(sim->stop); i++)
		kit_try_write64(sim->written + sim->word.at - 64, i);
	return NULL;
}

/* NULL, or why not; from here on a thread reads, and another one writes. */
static const char *sim_open(struct sim *sim)
{
	if (!is_sim())
		return NO_SIM;
	knobs_off();
	kit_open(&sim->dev, &sim->iommu);
	if (!kit_find_word(&sim->dev, &sim->word))
		return "no memory that can be mapped";
	sim->pmcsr = kit_find_cap(&sim->dev, PCI_CAP_ID_PM) + PCI_PM_CTRL;
	sim->af = kit_find_cap(&sim->dev, PCI_CAP_ID_AF);
	sim->stray = counter("stray");
	sim->written = kit_map(&sim->dev, sim->word.area, 0, sim->word.area->size,
			       PROT_READ | PROT_WRITE);
	VFIO_ASSERT_EQ(kit_reader_start(&sim->reader, &sim->word, &sim->stop), 0);
	VFIO_ASSERT_EQ(pthread_create(&sim->writer, NULL, write_all_the_time, sim), 0);
	sim->reading = true;
	while (!READ_ONCE(sim->reader.ok))
		usleep(1000);
	return NULL;
}

/* What the reader has seen until now. */
static struct kit_reader sim_stop(struct sim *sim)
{
	struct kit_reader sum = {};

	WRITE_ONCE(sim->stop, true);
	kit_reader_join(&sim->reader, &sum);
	pthread_join(sim->writer, NULL);
	sim->reading = false;
	ksft_print_msg("%lu reads got the value, %lu SIGBUS, %lu 0 or all-ones, %lu others\n",
		       sum.ok, sum.buses, sum.nobody, sum.other);
	return sum;
}

/* With the mappings, which would keep it open. */
static void sim_close(struct sim *sim)
{
	if (sim->reading)
		sim_stop(sim);
	if (!sim->dev.vdev)
		return;
	if (sim->word.va) {
		munmap((char *)sim->reader.va - sim->word.at, sim->word.area->size);
		munmap(sim->written, sim->word.area->size);
		munmap(sim->word.va, sim->word.area->size);
	}
	kit_close(&sim->dev, sim->iommu);
}

static void sim_end(struct sim *sim)
{
	if (is_sim())
		knobs_off();
	sim_close(sim);
}

static int sim_write(struct sim *sim, u32 where, u32 val, size_t size)
{
	ssize_t ret = pwrite(sim->dev.vdev->fd, &val, size,
			     sim->dev.vdev->config_space.offset + where);

	return ret == (ssize_t)size ? 0 : ret < 0 ? -errno : -EIO;
}

static int set_power(struct sim *sim, u32 state)
{
	return sim_write(sim, sim->pmcsr, state, 2);
}

static int set_memory(struct sim *sim, bool on)
{
	return sim_write(sim, PCI_COMMAND, on ? PCI_COMMAND_MEMORY : 0, 2);
}

enum seen { VALUE, LOCKED_OUT, NOBODY, OTHER };

/* What a read of the BAR gives now. */
static enum seen look(struct sim *sim)
{
	u32 val;

	if (!kit_try_read(sim->word.va + sim->word.at, &val))
		return LOCKED_OUT;
	if (val == sim->word.want)
		return VALUE;
	return val == ~0U ? NOBODY : OTHER;
}

/* Nobody has reached a device that was not there: neither reads nor writes. */
#define EXPECT_LOCKED_OUT(sim) EXPECT_LOCKED_OUT_UNLESS(sim, false)

/* ... unless they @may. */
#define EXPECT_LOCKED_OUT_UNLESS(sim, may) do {					\
	struct kit_reader _sum = sim_stop(sim);					\
										\
	EXPECT_LT(0, _sum.ok);							\
	EXPECT_TRUE((may) || !_sum.nobody) TH_LOG("read from a device that was off"); \
	EXPECT_EQ(0, _sum.other) TH_LOG("read something else");			\
	EXPECT_TRUE((may) || (sim)->stray == counter("stray"))			\
		TH_LOG("written to a device that was off");			\
} while (0)

/* --- slow ------------------------------------------------------------- */

/*
 * After an FLR the device has 100 ms (Advanced Capabilities for Conventional PCI
 * ECN); after that the PCI core asks it until it answers.
 */
FIXTURE(reset) {
	struct sim sim;
};

FIXTURE_VARIANT(reset) {
	u32 config_ms, memory_ms;
};

FIXTURE_VARIANT_ADD(reset, at_once) { 0, 0 };
FIXTURE_VARIANT_ADD(reset, as_allowed) { 90, 90 };
FIXTURE_VARIANT_ADD(reset, memory_last) { 10, 90 };
FIXTURE_VARIANT_ADD(reset, slow) { 400, 400 };

FIXTURE_SETUP(reset)
{
	const char *why = sim_open(&self->sim);

	if (why)
		SKIP(return, "%s", why);
	knob("reset_config_ms", variant->config_ms);
	knob("reset_memory_ms", variant->memory_ms);
}

FIXTURE_TEARDOWN(reset)
{
	sim_end(&self->sim);
}

TEST_F_TIMEOUT(reset, readers_wait, 60)
{
	u32 flrs = counter("flrs");
	int i;

	for (i = 0; i < 2; i++) {
		EXPECT_EQ(0, kit_enter(kit_path("af_flr"), &self->sim.dev));
		EXPECT_EQ(VALUE, look(&self->sim));
		EXPECT_EQ(0, kit_reset(&self->sim.dev));
		EXPECT_EQ(VALUE, look(&self->sim));
	}
	EXPECT_EQ(flrs + 4, counter("flrs"));
	EXPECT_LOCKED_OUT(&self->sim);
}

/*
 * On the way from D3hot to D0 it has 10 ms (PCI Bus Power Management Interface
 * 1.2, 5.6.1); after that the PCI core asks it until it answers, since it loses
 * its configuration.
 */
FIXTURE(power) {
	struct sim sim;
};

FIXTURE_VARIANT(power) {
	u32 state, config_ms, memory_ms;
};

FIXTURE_VARIANT_ADD(power, d1) { 1, 0, 0 };
FIXTURE_VARIANT_ADD(power, d2) { 2, 0, 0 };
FIXTURE_VARIANT_ADD(power, d3hot) { 3, 0, 0 };
FIXTURE_VARIANT_ADD(power, d3hot_as_allowed) { 3, 8, 8 };
FIXTURE_VARIANT_ADD(power, d3hot_memory_last) { 3, 0, 8 };
FIXTURE_VARIANT_ADD(power, d3hot_slow) { 3, 300, 300 };

FIXTURE_SETUP(power)
{
	const char *why = sim_open(&self->sim);

	if (why)
		SKIP(return, "%s", why);
	knob("d0_config_ms", variant->config_ms);
	knob("d0_memory_ms", variant->memory_ms);
}

FIXTURE_TEARDOWN(power)
{
	sim_end(&self->sim);
}

TEST_F_TIMEOUT(power, locked_out_until_d0, 60)
{
	int i;

	for (i = 0; i < 5; i++) {
		EXPECT_EQ(0, set_power(&self->sim, variant->state));
		EXPECT_EQ(LOCKED_OUT, look(&self->sim));
		EXPECT_EQ(0, set_power(&self->sim, 0));
		EXPECT_EQ(VALUE, look(&self->sim));
	}
	EXPECT_LOCKED_OUT(&self->sim);
}

TEST_F_TIMEOUT(power, reset_wakes, 60)
{
	EXPECT_EQ(0, set_power(&self->sim, variant->state));
	EXPECT_EQ(LOCKED_OUT, look(&self->sim));
	EXPECT_EQ(0, kit_reset(&self->sim.dev));
	EXPECT_EQ(VALUE, look(&self->sim));
	EXPECT_LOCKED_OUT(&self->sim);
}

/*
 * A device that keeps its configuration in D3hot is not waited for. While it does
 * not answer, it counts as in D3hot, and the user has to ask for D0 again.
 */
FIXTURE(kept) {
	struct sim sim;
};

FIXTURE_VARIANT(kept) {
	u32 ms;
};

FIXTURE_VARIANT_ADD(kept, at_once) { 0 };
FIXTURE_VARIANT_ADD(kept, as_allowed) { 8 };
FIXTURE_VARIANT_ADD(kept, slow) { 300 };

/* The driver is bound again, and sees whether the device keeps it. */
static void keep(bool on)
{
	const char *driver = sysfs_driver_get(kit_bdf);

	knob("no_soft_reset", on);
	VFIO_ASSERT_EQ(kit_write_sysfs(kit_bdf, "drivers/%s/unbind", driver), 0);
	VFIO_ASSERT_EQ(kit_write_sysfs(kit_bdf, "drivers_probe"), 0);
}

FIXTURE_SETUP(kept)
{
	if (!is_sim())
		SKIP(return, NO_SIM);
	keep(true);
	ASSERT_EQ(NULL, sim_open(&self->sim));
	knob("d0_config_ms", variant->ms);
	knob("d0_memory_ms", variant->ms);
}

FIXTURE_TEARDOWN(kept)
{
	sim_end(&self->sim);
	if (is_sim())
		keep(false);
}

TEST_F_TIMEOUT(kept, locked_out_until_it_answers, 60)
{
	double begin;

	EXPECT_EQ(0, set_power(&self->sim, 3));
	EXPECT_EQ(LOCKED_OUT, look(&self->sim));
	begin = kit_now();
	EXPECT_EQ(0, set_power(&self->sim, 0));
	while (look(&self->sim) == LOCKED_OUT && kit_now() < begin + 10) {
		usleep(20000);
		set_power(&self->sim, 0);
	}
	EXPECT_EQ(VALUE, look(&self->sim));
	EXPECT_LE(variant->ms / 1e3, kit_now() - begin);
	EXPECT_LOCKED_OUT(&self->sim);
}

FIXTURE(sim) {
	struct sim sim;
};

FIXTURE_SETUP(sim)
{
	const char *why = sim_open(&self->sim);

	if (why)
		SKIP(return, "%s", why);
}

FIXTURE_TEARDOWN(sim)
{
	sim_end(&self->sim);
}

/*
 * Memory that takes longer than it may, while configuration space answers: nobody
 * can tell, but a driver that knows of it. The user reads all-ones; he does not hang.
 */
TEST_F_TIMEOUT(sim, memory_is_late, 60)
{
	double begin, until;

	knob("d0_memory_ms", 2000);
	ASSERT_EQ(0, set_power(&self->sim, 3));
	begin = kit_now();
	ASSERT_EQ(0, set_power(&self->sim, 0));
	EXPECT_EQ(NOBODY, look(&self->sim));
	until = begin + 10;
	while (look(&self->sim) == NOBODY && kit_now() < until)
		usleep(1000);
	EXPECT_EQ(VALUE, look(&self->sim));
	EXPECT_LE(2, kit_now() - begin);
}

/* --- accesses that fail ------------------------------------------------ */

/* Memory stays on, and so it does for the user. */
TEST_F(sim, memory_cannot_be_disabled)
{
	fail_access(true, PCI_COMMAND, 0, 1);
	EXPECT_GT(0, set_memory(&self->sim, false));
	EXPECT_EQ(VALUE, look(&self->sim));
	fail_access(false, PCI_COMMAND, 0, 1);
	EXPECT_GT(0, set_memory(&self->sim, false));
	EXPECT_EQ(VALUE, look(&self->sim));
	EXPECT_EQ(0, set_memory(&self->sim, false));
	EXPECT_EQ(LOCKED_OUT, look(&self->sim));
	EXPECT_EQ(0, set_memory(&self->sim, true));
	EXPECT_EQ(VALUE, look(&self->sim));
	EXPECT_LOCKED_OUT(&self->sim);
}

/* Memory stays off, and so it does for the user. */
TEST_F(sim, memory_cannot_be_enabled)
{
	EXPECT_EQ(0, set_memory(&self->sim, false));
	fail_access(true, PCI_COMMAND, 0, 1);
	EXPECT_GT(0, set_memory(&self->sim, true));
	EXPECT_EQ(LOCKED_OUT, look(&self->sim));
	fail_access(false, PCI_COMMAND, 0, 1);
	EXPECT_GT(0, set_memory(&self->sim, true));
	EXPECT_EQ(LOCKED_OUT, look(&self->sim));
	EXPECT_EQ(0, set_memory(&self->sim, true));
	EXPECT_EQ(VALUE, look(&self->sim));
	EXPECT_LOCKED_OUT(&self->sim);
}

/* The first write has only the bits that the user may change, and those are none. */
TEST_F(sim, d3hot_cannot_be_entered)
{
	fail_access(true, self->sim.pmcsr, 1, 1);
	set_power(&self->sim, 3);
	EXPECT_EQ(0, counter("fail_times")) TH_LOG("no access has failed");
	EXPECT_EQ(VALUE, look(&self->sim));
	EXPECT_LOCKED_OUT(&self->sim);
}

TEST_F(sim, d3hot_cannot_be_left)
{
	EXPECT_EQ(0, set_power(&self->sim, 3));
	fail_access(true, self->sim.pmcsr, 1, 1);
	set_power(&self->sim, 0);
	EXPECT_EQ(0, counter("fail_times")) TH_LOG("no access has failed");
	EXPECT_EQ(LOCKED_OUT, look(&self->sim));
	EXPECT_EQ(0, set_power(&self->sim, 0));
	EXPECT_EQ(VALUE, look(&self->sim));
	EXPECT_LOCKED_OUT(&self->sim);
}

/* If nobody knows that it can do an FLR, nothing is taken away. */
TEST_F(sim, flr_cannot_be_asked_for)
{
	u32 flrs = counter("flrs");

	fail_access(false, self->sim.af + PCI_AF_CAP, 0, 1);
	EXPECT_EQ(0, kit_enter(kit_path("af_flr"), &self->sim.dev));
	EXPECT_EQ(0, counter("fail_times")) TH_LOG("no access has failed");
	EXPECT_EQ(flrs, counter("flrs"));
	EXPECT_EQ(VALUE, look(&self->sim));
	EXPECT_LOCKED_OUT(&self->sim);
}

/* No reset comes, and the device is as it was. */
TEST_F(sim, flr_cannot_be_started)
{
	u32 flrs = counter("flrs");

	fail_access(true, self->sim.af + PCI_AF_CTRL, 0, 1);
	EXPECT_EQ(0, kit_enter(kit_path("af_flr"), &self->sim.dev));
	EXPECT_EQ(0, counter("fail_times")) TH_LOG("no access has failed");
	EXPECT_EQ(flrs, counter("flrs"));
	EXPECT_EQ(VALUE, look(&self->sim));
	EXPECT_LOCKED_OUT(&self->sim);
}

/* The PCI core tries again to restore a BAR. */
TEST_F(sim, bar_is_restored_at_the_second_try)
{
	fail_access(true, PCI_BASE_ADDRESS_0, 0, 1);
	EXPECT_EQ(0, kit_reset(&self->sim.dev));
	EXPECT_EQ(0, counter("fail_times")) TH_LOG("no access has failed");
	EXPECT_EQ(VALUE, look(&self->sim));
	EXPECT_LOCKED_OUT(&self->sim);
}

/*
 * Each access to the register fails once, in all paths, one after the other. What
 * the paths do of it differs; nothing hangs, nobody reads what is not there, and a
 * reset brings the device back.
 *
 * With one exception: whether PCI_COMMAND was restored after a reset, the PCI core
 * does not look, and VFIO goes by what the user has written. He reads all-ones.
 */
FIXTURE(each_access) {
	struct sim sim;
};

FIXTURE_VARIANT(each_access) {
	bool write, unnoticed;
	u32 (*where)(struct sim *sim);
};

static u32 command(struct sim *sim)
{
	return PCI_COMMAND;
}

static u32 power(struct sim *sim)
{
	return sim->pmcsr;
}

static u32 flr(struct sim *sim)
{
	return sim->af + PCI_AF_CTRL;
}

FIXTURE_VARIANT_ADD(each_access, command_read) { false, false, command };
FIXTURE_VARIANT_ADD(each_access, command_write) { true, true, command };
FIXTURE_VARIANT_ADD(each_access, power_read) { false, false, power };
FIXTURE_VARIANT_ADD(each_access, power_write) { true, false, power };
FIXTURE_VARIANT_ADD(each_access, flr_read) { false, false, flr };
FIXTURE_VARIANT_ADD(each_access, flr_write) { true, false, flr };

FIXTURE_SETUP(each_access)
{
	const char *why = sim_open(&self->sim);

	if (why)
		SKIP(return, "%s", why);
}

FIXTURE_TEARDOWN(each_access)
{
	sim_end(&self->sim);
}

TEST_F_TIMEOUT(each_access, fails_once, 120)
{
	struct sim *sim = &self->sim;
	u32 skip;

	for (skip = 0; skip < 100; skip++) {
		fail_access(variant->write, variant->where(sim), skip, 1);
		set_memory(sim, false);
		set_memory(sim, true);
		set_power(sim, 3);
		set_power(sim, 0);
		kit_enter(kit_path("af_flr"), &sim->dev);
		if (counter("fail_times"))
			break;
		set_power(sim, 0);
		ASSERT_EQ(0, kit_reset(&sim->dev)) TH_LOG("access %u", skip);
		ASSERT_EQ(0, set_memory(sim, true));
		ASSERT_EQ(VALUE, look(sim)) TH_LOG("access %u", skip);
	}
	ksft_print_msg("%u accesses have failed\n", skip);
	EXPECT_LT(0, skip);
	EXPECT_GT(100, skip);
	EXPECT_LOCKED_OUT_UNLESS(sim, variant->unnoticed);
}

/* --- gone --------------------------------------------------------------- */

static void *bring_back(void *unused)
{
	usleep(500000);
	knob("gone", 0);
	return NULL;
}

/* It has been there again: by a write of PCI_COMMAND, which finds memory off. */
TEST_F_TIMEOUT(sim, vanishes_and_comes_back, 60)
{
	knob("gone", 1);
	EXPECT_EQ(NOBODY, look(&self->sim)) TH_LOG("who has told VFIO?");
	knob("gone", 0);
	EXPECT_EQ(NOBODY, look(&self->sim)) TH_LOG("its memory is off");
	EXPECT_EQ(0, set_memory(&self->sim, true));
	EXPECT_EQ(VALUE, look(&self->sim));
}

/* Whoever resets it waits until it is back, and so do readers. */
TEST_F_TIMEOUT(sim, vanishes_before_a_reset, 60)
{
	pthread_t thread;
	double begin;

	EXPECT_EQ(0, set_memory(&self->sim, false));
	EXPECT_EQ(LOCKED_OUT, look(&self->sim));
	knob("gone", 1);
	ASSERT_EQ(0, pthread_create(&thread, NULL, bring_back, NULL));
	begin = kit_now();
	kit_reset(&self->sim.dev);
	EXPECT_GT(30, kit_now() - begin) TH_LOG("it waits for a device that is there");
	pthread_join(thread, NULL);
	EXPECT_EQ(LOCKED_OUT, look(&self->sim));
	EXPECT_EQ(0, kit_reset(&self->sim.dev));
	EXPECT_EQ(LOCKED_OUT, look(&self->sim));
	EXPECT_EQ(0, set_memory(&self->sim, true));
	EXPECT_EQ(VALUE, look(&self->sim));
	EXPECT_LOCKED_OUT(&self->sim);
}

/* In D3hot. It is in D0 when it is back, which the user has to ask for. */
TEST_F_TIMEOUT(sim, vanishes_in_d3hot, 60)
{
	EXPECT_EQ(0, set_power(&self->sim, 3));
	EXPECT_EQ(LOCKED_OUT, look(&self->sim));
	knob("gone", 1);
	set_power(&self->sim, 0);
	EXPECT_EQ(LOCKED_OUT, look(&self->sim)) TH_LOG("a device that is gone is not in D0");
	knob("gone", 0);
	EXPECT_EQ(LOCKED_OUT, look(&self->sim));
	EXPECT_EQ(0, set_power(&self->sim, 0));
	EXPECT_EQ(VALUE, look(&self->sim));
	EXPECT_LOCKED_OUT(&self->sim);
}

/*
 * Whoever has it closes it, and root removes it; both come to their end. The
 * next one finds it whole. (Were it only closed, the PCI core would put it to sleep
 * with a saved configuration of all-ones.)
 */
TEST_F_TIMEOUT(sim, vanishes_before_close, 60)
{
	struct sim *sim = &self->sim;
	char driver[64];
	double begin;

	snprintf(driver, sizeof(driver), "%s", sysfs_driver_get(kit_bdf));
	begin = kit_now();
	knob("gone", 1);
	sim_close(sim);
	EXPECT_EQ(0, kit_write_sysfs("1", "devices/%s/remove", kit_bdf));
	EXPECT_GT(30, kit_now() - begin) TH_LOG("it waits for a device that is gone");
	knob("gone", 0);
	ASSERT_EQ(0, kit_write_sysfs("1", "../../class/pci_bus/%.7s/rescan", kit_bdf));
	ASSERT_EQ(0, kit_write_sysfs(driver, "devices/%s/driver_override", kit_bdf));
	ASSERT_EQ(0, kit_write_sysfs(kit_bdf, "drivers_probe"));
	memset(sim, 0, sizeof(*sim));
	ASSERT_EQ(NULL, sim_open(sim));
	EXPECT_EQ(VALUE, look(sim));
	EXPECT_LOCKED_OUT(sim);
}

int main(int argc, char **argv)
{
	kit_args(&argc, argv);
	return test_harness_run(argc, argv);
}
