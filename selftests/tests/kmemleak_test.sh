#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Test that nothing is allocated and not referenced any more.
#
# usage: kmemleak_test.sh
#
# Run last, in a kernel with CONFIG_DEBUG_KMEMLEAK.

# shellcheck source=/dev/null
. "$(dirname "$0")/ktap_helpers.sh"

leaks=/sys/kernel/debug/kmemleak

ktap_print_header
ktap_set_plan 1
# The first scan leaves young objects out. A scan is refused when kmemleak has
# switched itself off.
found='kmemleak does not scan'
if echo scan >$leaks && sleep 6 && echo scan >$leaks; then
	found=$(cat $leaks)
fi
if [ -z "$found" ]; then
	ktap_test_pass "nothing has leaked"
else
	printf '%s\n' "$found"
	ktap_test_fail "nothing has leaked"
fi
ktap_finished
