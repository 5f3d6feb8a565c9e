#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Test the programs of samples/bar/, which the manual explains.
#
# usage: samples_test.sh BAR DISTURB BDF
#
# DISTURB is how the BAR is revoked while they read it: -m, memory off and on, -r,
# a reset, or -mr.

# shellcheck source=/dev/null
. "$(dirname "$0")/ktap_helpers.sh"
cd "$(dirname "$0")" || exit 1

bar=$1 disturb=$2 bdf=$3
dir=/tmp/samples
socket=$dir/socket
rm -rf "$dir"
mkdir "$dir"

# verdict WHAT LOG...: after the check that was the last command.
verdict() {
	rc=$? what=$1
	shift
	sed 's/^/# /' "$@"
	if [ $rc -eq 0 ]; then
		ktap_test_pass "$what"
	else
		ktap_test_fail "$what"
	fi
}
# revoked LOG: was it, while the program read?
revoked() { grep -q '[1-9][0-9]* reads.* [1-9][0-9]* times revoked' "$1"; }

ktap_print_header
ktap_set_plan 6

timeout 60 ./bar-reader -b "$bar" -t 4 "$disturb" "$bdf" >"$dir/reader" 2>&1 && revoked "$dir/reader"
verdict "bar-reader survives revocations" "$dir/reader"

! ./bar-borrower "$socket" >"$dir/alone" 2>&1 && [ "$(wc -l <"$dir/alone")" -eq 1 ]
verdict "bar-borrower without an owner says so in one line" "$dir/alone"

timeout 60 ./bar-owner -b "$bar" -t 6 "$disturb" "$bdf" "$socket" >"$dir/owner" 2>&1 &
owner=$!
n=0
while [ ! -S "$socket" ] && [ $n -lt 100 ]; do
	sleep 0.1
	n=$((n + 1))
done
timeout 60 ./bar-borrower "$socket" >"$dir/first" 2>&1 &
first=$!
timeout 60 ./bar-borrower "$socket" >"$dir/second" 2>&1 &
second=$!
wait $owner && grep -q 'taken back from 2 borrowers' "$dir/owner"
verdict "bar-owner lends a part of a BAR and takes it back" "$dir/owner"
wait $first && revoked "$dir/first" && grep -q 'taken back by the owner' "$dir/first"
verdict "bar-borrower survives until it is taken back" "$dir/first"
wait $second && revoked "$dir/second" && grep -q 'taken back by the owner' "$dir/second"
verdict "so does another one" "$dir/second"

timeout 90 ./bar-monitor -b "$bar" "$bdf" >"$dir/monitor" 2>&1
rc=$?
if [ $rc -eq 4 ]; then
	sed 's/^/# /' "$dir/monitor"
	ktap_test_skip "bar-monitor: there is no /dev/kvm in the guest"
else
	[ $rc -eq 0 ]
	verdict "bar-monitor and its guest survive revocations" "$dir/monitor"
fi

ktap_finished
