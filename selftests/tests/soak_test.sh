#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Run several of the test programs at the same time, each again and again on
# devices of its own, until the time is over. What they share is the kernel.
#
# usage: soak_test.sh SECONDS SEED NAME,PROGRAM,ARGUMENTS...,BDF...
#
# Commas stand for blanks. @SEED@ in the arguments is SEED in the first round, and
# one more in each after it. A program whose round fails is not run again: the end
# of what it said is printed, with its round and seed. Nor is one that skips all it
# has: that is a skip here. Each is a test of its own.
#
# Copyright (C) 2026 The VFIO variant-driver kit authors

# shellcheck source=/dev/null
. "$(dirname "$0")/ktap_helpers.sh"

# No round takes longer. A program that its own time limit stops on a busy host is
# run again by run_test, as in a plan.
ROUND=900

uptime() { read -r s _ </proc/uptime && echo "${s%.*}"; }

end=$(($(uptime) + $1)) first=$2
shift 2
work=/tmp/soak
mkdir -p $work

# rounds NAME COMMAND...: its rounds are counted in $work/NAME; a failure is in
# $work/NAME.failed.
rounds() {
	name=$1 round=0
	shift
	while [ "$(uptime)" -lt "$end" ]; do
		seed=$((first + round)) round=$((round + 1)) rc=0
		echo "$round" >"$work/$name"
		# shellcheck disable=SC2046 # words
		run_test --results "$work/$name.log" --timeout $ROUND --suite "$name" --tries 3 \
			-- $(echo "$*" | sed "s/@SEED@/$seed/") || rc=$?
		[ "$rc" -ne "$KSFT_SKIP" ] || { : >"$work/$name.skipped"; return; }
		[ "$rc" -eq 0 ] || { echo "round $round, seed $seed: status $rc" >"$work/$name.failed"; return; }
	done
}

names=
for what; do
	name=${what%%,*}
	names="$names $name"
	# shellcheck disable=SC2046 # words
	rounds "$name" $(echo "${what#*,}" | tr , ' ') &
done
ktap_print_header
ktap_set_plan $#
wait
for name in $names; do
	if [ -e "$work/$name.failed" ]; then
		tail -n 30 "$work/$name.log" | sed 's/^/# /'
		ktap_test_fail "$name: $(cat "$work/$name.failed")"
	elif [ -e "$work/$name.skipped" ]; then
		ktap_test_skip "$name: skips all it has"
	else
		ktap_test_pass "$name: $(cat "$work/$name") rounds"
	fi
done
ktap_finished
