# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the programs share that scripts/gates/check-host-vm runs on its lab machine.
# Results go to the host, a line each: "ok TEXT", "FAIL TEXT" or "# more"; the last
# one is "end STEP".

set -u
step=$(cat /var/lib/kit-step 2>/dev/null || echo 1)
exec 3>/dev/virtio-ports/org.vfio-kit.results
tmp=$(mktemp -d)
export HOME=/root TERM=dumb LC_ALL=C

tell() { printf '%s\n' "$*" >&3; }
# check WHAT COMMAND...: ok if it succeeds. If not, what it and the kernel have said.
check() {
	local what=$1 rc=0 start=$SECONDS
	shift
	"$@" >"$tmp/out" 2>&1 </dev/null || rc=$?
	if [ "$rc" -eq 0 ]; then
		tell "ok step $step: $what ($((SECONDS - start)) s)"
	else
		tell "FAIL step $step: $what: status $rc"
		{
			tail -n 40 "$tmp/out"
			echo "--- the kernel:"
			dmesg | tail -n 12
		} | sed 's/^/# /' >&3
	fi
	return "$rc"
}
# devices VENDOR:DEVICE: their addresses, one a line.
devices() {
	local dir
	for dir in /sys/bus/pci/devices/*; do
		[ "$(cat "$dir/vendor"):$(cat "$dir/device")" != "$1" ] || basename "$dir"
	done
}
driver_of() { basename "$(readlink "/sys/bus/pci/devices/$1/driver" || echo none)"; }
# bind BDF DRIVER: as root does by hand.
bind() {
	modprobe "$2" || return 1
	[ ! -e "/sys/bus/pci/devices/$1/driver" ] || echo "$1" >"/sys/bus/pci/devices/$1/driver/unbind"
	echo "$2" >"/sys/bus/pci/devices/$1/driver_override"
	echo "$1" >/sys/bus/pci/drivers_probe
	[ "$(driver_of "$1")" = "$2" ]
}
tell_machine() {
	local bdf
	tell "# step $step: $(uname -rv), $(dpkg-query -W -f '${Version}' "linux-image-$(uname -r)")"
	for bdf in $igbs $nvme $ivshmem; do
		tell "# $bdf $(cat "/sys/bus/pci/devices/$bdf/vendor" "/sys/bus/pci/devices/$bdf/device" | paste -sd :) $(driver_of "$bdf")"
	done
}
# kernel_silent: nothing that a kernel reports when it has a bug.
kernel_silent() { ! dmesg | grep -E 'WARNING:|BUG:|Oops|general protection|lockdep|hung_task|blocked for more'; }
end_step() {
	echo "$((step + 1))" >/var/lib/kit-step
	tell "end $step"
	sync
	systemctl poweroff
}
igbs=$(devices 0x8086:0x10c9 | paste -sd ' ') nvme=$(devices 0x1b36:0x0010) ivshmem=$(devices 0x1af4:0x1110)
