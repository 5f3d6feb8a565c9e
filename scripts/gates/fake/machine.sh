# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# A machine of files for scripts/gates/check-verify-host: sysfs and procfs below
# $r, with one network card at $bdf, whose folder is $dev. Sourced, never run.

bdf=0000:03:00.0
slot=sys/devices/pci0000:00/0000:00:1c.0

# file PATH TEXT..., append PATH TEXT..., folder PATH, link PATH TARGET, gone PATH,
# hangs PATH: who reads it, waits for good
file() { mkdir -p "${1%/*}"; echo "${*:2}" >"$1"; }
append() { echo "${*:2}" >>"$1"; }
folder() { mkdir -p "$1"; }
link() { mkdir -p "${1%/*}"; ln -s "$2" "$1"; }
gone() { rm -r "$1"; }
hangs() { rm -f "$1"; mkfifo "$1"; }
# pci BDF GROUP CLASS MODALIAS: a device behind a root port.
pci() {
	local dir=$r/$slot/$1
	mkdir -p "$dir/power" "$r/sys/bus/pci/devices" "$r/sys/kernel/iommu_groups/$2/devices"
	ln -s "../../../devices/pci0000:00/0000:00:1c.0/$1" "$r/sys/bus/pci/devices/$1"
	ln -s "../../../../kernel/iommu_groups/$2" "$dir/iommu_group"
	ln -s "../../../../devices/pci0000:00/0000:00:1c.0/$1" "$r/sys/kernel/iommu_groups/$2/devices/$1"
	echo "$3" >"$dir/class"
	echo "$4" >"$dir/modalias"
	echo 0x8086 >"$dir/vendor"
	echo 0x10c9 >"$dir/device"
	echo '(null)' >"$dir/driver_override"
	echo on >"$dir/power/control"
	echo "flr bus" >"$dir/reset_method"
}
# bound BDF DRIVER
bound() {
	mkdir -p "$r/sys/bus/pci/drivers/$2"
	ln -s "../../../../bus/pci/drivers/$2" "$r/$slot/$1/driver"
}
# node BDF PATH SUBSYSTEM MAJOR:MINOR: a char or block device below it.
node() {
	local dir=$r/$slot/$1/$2
	mkdir -p "$dir" "$r/sys/class/$3"
	echo "$4" >"$dir/dev"
	ln -s "$r/sys/class/$3" "$dir/subsystem"
}
# disk [PATH [MAJOR:MINOR]]: a block device of the card.
disk() { node $bdf "${1:-nvme/nvme0/nvme0n1}" block "${2:-259:0}"; }
# interface FILE VALUE: a network interface of the card, down but for that.
interface() {
	mkdir -p "$dev/net/eth0"
	echo 0x1002 >"$dev/net/eth0/flags"
	echo "$2" >"$dev/net/eth0/$1"
}
# process PID NAME [FILE]: that has FILE open.
process() {
	mkdir -p "$r/proc/$1/fd" "$r/proc/$1/fdinfo"
	echo "$2" >"$r/proc/$1/comm"
	: >"$r/proc/$1/maps"
	echo '25 1 8:99 / / rw - ext4 /dev/sdz9 rw' >"$r/proc/$1/mountinfo"
	[ -z "${3:-}" ] || ln -s "$3" "$r/proc/$1/fd/9"
}
# mounted PID MAJOR:MINOR WHERE TYPE SOURCE
mounted() { echo "30 1 $2 / $3 rw,noatime shared:3 - $4 $5 rw" >>"$r/proc/$1/mountinfo"; }
# module FILE VERMAGIC ALIAS...
module() {
	mkdir -p "$(dirname "$1")"
	printf 'ELF\0vermagic=%s SMP mod_unload \0' "$2" >"$1"
	printf 'alias=%s\0' "${@:3}" >>"$1"
}

# new_machine: all is free.
new_machine() {
	r=$(mktemp -d "$tmp/root.XXXXXX")
	dev=$r/$slot/$bdf
	pci "$bdf" 17 0x020000 pci:v00008086d000010C9sv00000000sd00000000bc02sc00i00
	mkdir -p "$r/sys/kernel/tracing/events/vfio_pci" "$r/sys/class/misc/iommu" \
		"$r/sys/module/vfio_pci_core" "$r/sys/module/vfio_pci/drivers/pci:vfio-pci" \
		"$r/sys/bus/pci/drivers/vfio-pci"
	module "$r/lib/modules/$release/kernel/vfio-pci.ko" "$release" 'vfio_pci:v*d*sv*sd*bc*sc*i*'
	process 1 init
}

# new_live_machine: one that does something about what is written, see kernel.
new_live_machine() {
	new_machine
	cp "$KIT_ROOT/scripts/gates/fake/kernel" "$r/kernel"
	cp "$KIT_ROOT/scripts/gates/fake/conformance" "$r/program"
	mkdir -p "$r/run" "$r/dev" "$r/sys/bus/pci/drivers/igb"
	: >"$r/dev/kmsg"
	echo 0 >"$r/seconds"
	echo ok >"$r/status"
	bound $bdf igb
	echo auto >"$dev/power/control"
	echo my-override >"$dev/driver_override"
}
