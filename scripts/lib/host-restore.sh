# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034,SC2154
#
# How scripts/verify-host puts back what it took. Plain sh; sourced, never run.
# What has to be put back is written down in $state.

# One line a device in $state/devices: BDF, driver, driver_override and
# power/control; "-" is none.
is_back() {
	while read -r _bdf _driver _override _power; do
		_d=$(driver_of "$_bdf") _o=$(override_of "$_bdf")
		[ "${_d:--} ${_o:--} $(get "$devices/$_bdf/power/control")" = \
			"$_driver $_override $_power" ] || return 1
	done <"$state/devices"
}

give_back() {
	while read -r _bdf _driver _override _power; do
		[ -d "$devices/$_bdf" ] || continue
		_d=$(driver_of "$_bdf")
		[ -z "$_d" ] || [ "$_d" = "$_driver" ] ||
			limited 60 store "$_bdf" "$devices/$_bdf/driver/unbind" 2>/dev/null || :
		[ "$_override" != - ] || _override=
		limited 10 store "$_override" "$devices/$_bdf/driver_override" 2>/dev/null || :
		_d=$(driver_of "$_bdf")
		[ -n "$_d" ] || [ "$_driver" = - ] ||
			limited 60 store "$_bdf" "$sys/bus/pci/drivers/$_driver/bind" 2>/dev/null || :
		limited 10 store "$_power" "$devices/$_bdf/power/control" 2>/dev/null || :
	done <"$state/devices"
}

# The program of the test: no new one is started, and what runs is ended.
end_program() {
	: >"$state/gone"
	_pid=$(get "$state/program")
	[ -n "$_pid" ] || return 0
	kill -TERM "-$_pid" 2>/dev/null || :
	_left=100
	while kill -0 "-$_pid" 2>/dev/null && [ "$_left" -gt 0 ]; do
		# By half of the time: the hard way.
		[ "$_left" -ne 50 ] || kill -KILL "-$_pid" 2>/dev/null || :
		_left=$((_left - 1))
		sleep 0.1
	done
}

# restore: everything as it was. What was begun before the main process died
# may still be on its way, so it has to be so for two seconds.
restore() {
	[ -s "$state/devices" ] || { rm -rf "$state"; return 0; }
	end_program
	_tries=30 _good=0
	while [ "$_good" -lt "$calm" ] && [ "$_tries" -gt 0 ]; do
		if is_back; then
			_good=$((_good + 1))
			[ "$_good" -ge "$calm" ] || sleep 1
		else
			_good=0 _tries=$((_tries - 1))
			give_back
			is_back || sleep 1
		fi
	done
	for _dir in "$tracing"/instances/vfio-kit-*; do
		[ ! -d "$_dir" ] || { echo 0 >"$_dir/events/enable"; rmdir "$_dir"; } 2>/dev/null || :
	done
	if [ -d "$tracing/events/vfio_kit" ]; then
		for _dir in "$tracing"/events/vfio_kit/*/; do
			echo "-:vfio_kit/$(basename "$_dir")" >>"$tracing/kprobe_events" 2>/dev/null || :
		done
	fi
	_module=$(get "$state/module")
	[ -z "$_module" ] || [ ! -d "$sys/module/$_module" ] || rmmod "$_module" 2>/dev/null || :
	[ "$_good" -gt 0 ] || return 1
	rm -rf "$state"
}

tell_back() {
	while read -r _bdf _driver _override _power; do
		_d=$(driver_of "$_bdf")
		printf '%s: back with %s' "$_bdf" "${_d:-no driver}"
		[ "$_override" = - ] || printf ', driver_override %s' "$_override"
		printf '\n'
	done
}
by_hand() {
	while read -r _bdf _driver _override _power; do
		[ "$_override" != - ] || _override=
		printf '%s: error: %s could not be put back; by hand: echo %s >%s/driver/unbind; echo "%s" >%s/driver_override' \
			"$name" "$_bdf" "$_bdf" "$devices/$_bdf" "$_override" "$devices/$_bdf"
		[ "$_driver" = - ] || printf '; echo %s >%s/drivers/%s/bind' "$_bdf" "$sys/bus/pci" "$_driver"
		printf '\n'
	done <"$state/devices"
}

# restore_and_tell: the last thing that every run does.
restore_and_tell() {
	_devices=$(cat "$state/devices" 2>/dev/null || :)
	if restore; then
		[ -z "$_devices" ] || printf '%s\n' "$_devices" | tell_back >&2
		return 0
	fi
	by_hand >&2
	return 1
}

# When a process began, which tells it from a later one; nothing if it is dead,
# though nobody may have waited for it.
started_at() { sed -n 's/.*) \([^ZX]\)/\1/p' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }


# is_running: the process that has written down when it began.
is_running() {
	main=$(get "$state/main")
	[ -n "$main" ] && [ "$(started_at "${main% *}")" = "${main#* }" ]
}

# watch_process PID SINCE: wait for the end of that process, and put back what it has left.
# In a session of its own: no signal of a terminal comes here.
watch_process() {
	trap '' HUP INT TERM
	calm=3
	while [ "$(started_at "$1")" = "$2" ]; do
		[ -d "$state" ] || exit 0
		sleep 0.3
	done
	[ -d "$state" ] || exit 0
	echo "$name was killed; putting the driver binding back" >"$kmsg" || :
	restore_and_tell 2>&1 | while read -r _line; do echo "$name: ${_line#"$name: "}" >>"$kmsg" || :; done
}
