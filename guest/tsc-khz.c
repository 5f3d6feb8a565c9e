// SPDX-License-Identifier: GPL-2.0-only
/*
 * Print the frequency of this machine's time stamp counter, in kHz. Without
 * -icount, that of a guest under QEMU's TCG is this one. The guest would take
 * its own measure, in a few milliseconds: on a busy machine QEMU has the CPU for
 * only a part of them, and a clock that is too fast by a factor ends each time
 * limit early. This takes its measure between two moments at which nothing came
 * between the two clocks.
 *
 * usage: tsc-khz
 *
 * Exit status: 1 if this is no x86 machine, or if it is never undisturbed.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#if __has_builtin(__builtin_ia32_rdtsc)
static unsigned long long counter(void)
{
	return __builtin_ia32_rdtsc();
}
#else
static unsigned long long counter(void)
{
	return 0;
}
#endif

/* As long as the two clocks may be apart, of some 300 ms: 1 in 10 000. */
#define CLOSE_NS	30000
#define TRIES		100000

static long long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* Both clocks at the same time. Return: -1 if they never were close enough. */
static int both(long long *ns, unsigned long long *ticks)
{
	long long before, after;
	int i;

	for (i = 0; i < TRIES; i++) {
		before = now_ns();
		*ticks = counter();
		after = now_ns();
		if (after - before < CLOSE_NS) {
			*ns = before;
			return 0;
		}
	}
	return -1;
}

int main(void)
{
	unsigned long long from, to;
	long long from_ns, to_ns;

	if (both(&from_ns, &from) || !from)
		return 1;
	usleep(300000);
	if (both(&to_ns, &to) || to <= from)
		return 1;
	printf("%llu\n", (to - from) * 1000000 / (to_ns - from_ns));
	return 0;
}
