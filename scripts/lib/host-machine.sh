# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034,SC2154
#
# What scripts/verify-host knows of the machine: sysfs and procfs below $root, and
# the kernel's log. Plain sh; sourced, never run.

sys=$root/sys proc=$root/proc
devices=$sys/bus/pci/devices
tracing=$sys/kernel/tracing
release=$(uname -r)
modules=$root/lib/modules/$release
# What has to be put back is written down here; it is also the lock.
state=$root/run/vfio-kit-verify-host
[ -d "$root/run" ] || state=$root/tmp/vfio-kit-verify-host
kmsg=$root/dev/kmsg

# get FILE: its first line, or nothing.
get() { { head -n 1 "$1"; } 2>/dev/null || :; }
link_of() {
	if [ -e "$1" ]; then basename "$(readlink -f "$1")"; fi
}
driver_of() { link_of "$devices/$1/driver"; }
is_vfio() { [ -d "$devices/$1/vfio-dev" ]; }
# override_of BDF: false if it cannot be read. Up to 7.2 that takes the device's lock,
# which a removal, and an unbind that waits for a user, hold.
override_of() {
	_value=$(limited 10 get "$devices/$1/driver_override") || return 1
	[ "$_value" = '(null)' ] || printf '%s' "$_value"
}

# binding BDF: its driver, driver_override and power/control; "-" is none, and "?" is
# not to be found out.
binding() {
	_o=$(override_of "$1") || _o='?'
	_d=$(driver_of "$1") _power=$(get "$devices/$1/power/control")
	printf '%s %s %s\n' "${_d:--}" "${_o:--}" "${_power:--}"
}
# pci_driver_of MODULE: the driver of it, if it is loaded and has one.
pci_driver_of() {
	for _f in "$sys/module/$1/drivers"/pci:*; do
		[ ! -e "$_f" ] || printf '%s\n' "${_f##*/pci:}"
	done | head -n 1
}

# within TENTHS COMMAND...: wait until it is true; false if it is not by then.
within() {
	_left=$1
	shift
	until "$@"; do
		[ "$_left" -gt 0 ] || return 1
		_left=$((_left - 1))
		sleep 0.1
	done
}
is_dead() { ! kill -0 "$1" 2>/dev/null; }

# How long anything that may take a device's lock may take; less on a machine of files.
patience=60
[ -z "$root" ] || patience=$(get "$root/patience" | grep . || echo 60)

# limited SECONDS COMMAND...: what it prints, and its status, or 124 when it is not done
# by then. It cannot be waited for: a process that hangs in the kernel cannot be
# killed. Nor does it keep an output of this process open.
limited() {
	_seconds=$1
	[ "$_seconds" -le "$patience" ] || _seconds=$patience
	shift
	_job=$(mktemp "${tmp:-${TMPDIR:-/tmp}}/verify-host.XXXXXX")
	(
		trap - EXIT INT TERM HUP
		_rc=0
		("$@") || _rc=$?
		echo "$_rc" >"$_job.new"
		mv "$_job.new" "$_job.status"
	) >"$_job" 2>&1 </dev/null &
	_pid=$!
	within $((_seconds * 10)) test -s "$_job.status" || { kill "$_pid" 2>/dev/null || :; return 124; }
	cat "$_job"
	_rc=$(cat "$_job.status")
	rm -f "$_job" "$_job.status"
	return "$_rc"
}
store() {
	printf '%s\n' "$1" >"$2" || return 1
	[ -z "$root" ] || "$root/kernel" "$@"
}
kernel_log() { if [ -n "$root" ]; then cat "$kmsg"; else dmesg; fi; }
