// SPDX-License-Identifier: GPL-2.0-only

/* C2: passes. */
static void fine(struct kunit *test)
{
}

/* Stands for nothing. */
static void no_rule(struct kunit *test)
{
}

/* C1, C3: fails. */
static void c1_broken(struct kunit *test)
{
}

/* V8: the kernel dies in it. */
static void v8_crashes(struct kunit *test)
{
}
