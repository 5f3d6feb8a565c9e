#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Test that lockdep was at work to the end.
#
# usage: lockdep_test.sh
#
# Run last, in a kernel with CONFIG_PROVE_LOCKING: lockdep looks no further after
# its first report, and says nothing when something else has switched it off.

# shellcheck source=/dev/null
. "$(dirname "$0")/ktap_helpers.sh"

ktap_print_header
ktap_set_plan 1
grep debug_locks: /proc/lockdep_stats
if grep -q 'debug_locks: *1$' /proc/lockdep_stats; then
	ktap_test_pass "lockdep was on to the end"
else
	ktap_test_fail "lockdep was on to the end"
fi
ktap_finished
