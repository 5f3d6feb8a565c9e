# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034,SC2154
#
# How scripts/verify-host puts back what it took. Plain sh; sourced, never run.
# What has to be put back is written down in $state.

# One line a device in $state/devices: BDF, and its binding.
is_back() {
	while read -r _bdf _was; do
		[ "$(binding "$_bdf")" = "$_was" ] || return 1
	done <"$state/devices"
}

give_back() {
	while read -r _bdf _driver _override _control; do
		[ -d "$devices/$_bdf" ] || continue
		_d=$(driver_of "$_bdf")
		[ -z "$_d" ] || [ "$_d" = "$_driver" ] ||
			limited 60 store "$_bdf" "$devices/$_bdf/driver/unbind" >/dev/null || :
		[ "$_override" != - ] || _override=
		limited 10 store "$_override" "$devices/$_bdf/driver_override" >/dev/null || :
		_d=$(driver_of "$_bdf")
		[ -n "$_d" ] || [ "$_driver" = - ] ||
			limited 60 store "$_bdf" "$sys/bus/pci/drivers/$_driver/bind" >/dev/null || :
		limited 10 store "$_control" "$devices/$_bdf/power/control" >/dev/null || :
	done <"$state/devices"
}

# The program of the test: no new one is started, and what runs is ended.
end_program() {
	: >"$state/gone"
	_pid=$(get "$state/program")
	[ -n "$_pid" ] || return 0
	kill -TERM "-$_pid" 2>/dev/null || :
	within 50 is_dead "-$_pid" || kill -KILL "-$_pid" 2>/dev/null || :
	within 50 is_dead "-$_pid" || :
}

# restore: everything as it was, the last thing that every run does; says how it is
# then, or what to do by hand. What was begun before the main process died may still
# be on its way, so it has to be so for two seconds.
restore() {
	[ -s "$state/devices" ] || { rm -rf "$state"; return 0; }
	end_program
	_tries=30 _good=0 _until=$(($(date +%s) + patience * 5))
	while [ "$_good" -lt "$calm" ] && [ "$_tries" -gt 0 ] && [ "$(date +%s)" -lt "$_until" ]; do
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
	[ -z "$_module" ] || [ ! -d "$sys/module/$_module" ] || limited 60 rmmod "$_module" >/dev/null || :
	while read -r _bdf _driver _override _; do
		if [ "$_good" -gt 0 ]; then
			[ "$_driver" != - ] || _driver='no driver'
			[ "$_override" != - ] || _override=none
			say "$_bdf: back with $_driver, driver_override $_override"
			continue
		fi
		[ "$_override" != - ] || _override=
		_bind="; echo $_bdf >$sys/bus/pci/drivers/$_driver/bind"
		[ "$_driver" != - ] || _bind=
		say "$name: error: $_bdf could not be put back; by hand:" \
			"echo $_bdf >$devices/$_bdf/driver/unbind;" \
			"echo \"$_override\" >$devices/$_bdf/driver_override$_bind"
	done <"$state/devices"
	[ "$_good" -gt 0 ] || return 1
	rm -rf "$state"
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
	restore 2>&1 | while read -r _line; do echo "$name: ${_line#"$name: "}" >>"$kmsg" || :; done
}
