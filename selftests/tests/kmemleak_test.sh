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
if echo scan >$leaks && sleep 6 && echo scan >$leaks; then
	cat $leaks
	ktap_test_result "nothing has leaked" [ -z "$(head -n 1 $leaks)" ]
else
	ktap_print_msg "kmemleak does not scan"
	ktap_test_fail "nothing has leaked"
fi
ktap_finished
