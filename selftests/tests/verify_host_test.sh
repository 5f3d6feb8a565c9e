#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Test verify-host with real drivers: what it refuses, and that it puts back what
# it took, however it ends.
#
# usage: verify_host_test.sh FREE DISK NET
#
# In the guest of scripts/gates/check-verify-host --guest. The arguments are the
# addresses of a device without a driver, of an NVMe disk and of an igb. The
# cells of a whole run go to $CELLS. In /kit: verify-host, vfio_conformance and
# wrapper-vfio-pci.ko.

# shellcheck source=/dev/null
. "$(dirname "$0")/ktap_helpers.sh"
# What a device is like, and waiting, as verify-host has it.
export root=
# shellcheck source=../../scripts/lib/host-machine.sh
. "$(dirname "$0")/lib/host-machine.sh"

free=$1 disk=$2 net=$3
log=/tmp/log

# verdict WHAT: after the check that was the last command.
verdict() {
	if [ $? -eq 0 ]; then
		ktap_test_pass "$1"
	else
		tail -n 40 "$log"
		ktap_test_fail "$1"
	fi
}
verify_host() { /kit/verify-host --program /kit/vfio_conformance --out /tmp/out "$@"; }
# refused WHAT TEXT BDF: with one line, and as it was.
refused() {
	was=$(binding "$3")
	! verify_host --yes "$3" >"$log" 2>&1 </dev/null && [ "$(wc -l <"$log")" -eq 1 ] &&
		grep -q -F -e "$2" "$log" && [ "$(binding "$3")" = "$was" ]
	verdict "refused: $1"
}
# worked WHAT BDF [ARGUMENTS]: all cells right, and as it was.
worked() {
	what=$1 bdf=$2
	shift 2
	was=$(binding "$bdf")
	verify_host --yes "$@" "$bdf" >"$log" 2>&1 </dev/null &&
		grep -q '"type":"end","devices":1,"bad":0' /tmp/out/cells.jsonl &&
		[ "$(binding "$bdf")" = "$was" ] && [ ! -e "$state" ]
	verdict "$what"
}
# killed WHAT SIGNAL BDF FILE: with that signal, when FILE of the state is there.
killed() {
	was=$(binding "$3")
	verify_host --yes "$3" >"$log" 2>&1 </dev/null &
	within 300 test -s "$state/$4"
	[ "$4" != program ] || sleep 2
	during=$(binding "$3")
	# Not $!, which is the shell around it.
	read -r main _ <"$state/main"
	kill "-$2" "$main"
	within 600 test ! -e "$state"
	sleep 2
	echo "was '$was', when killed '$during', is '$(binding "$3")'" >>"$log"
	# It has not come to its end by itself.
	[ "$(binding "$3")" = "$was" ] && [ ! -e "$state" ] && ! grep -q '"type":"end"' /tmp/out/cells.jsonl &&
		! pidof vfio_conformance >/dev/null &&
		[ -z "$(ls /sys/kernel/tracing/instances)" ] &&
		{ [ "$4" != program ] || [ "$during" != "$was" ]; }
	verdict "$1"
}

ktap_print_header
ktap_set_plan 19

# The interface that belongs to the network card.
eth=$(ls "$devices/$net/net")
[ "$(binding "$net")" = 'igb - on' ] && [ "$(binding "$disk")" = 'nvme - on' ]
verdict "the host drivers are bound"

for node in "$devices/$disk"/nvme/nvme*/nvme*n1; do
	node=/dev/$(basename "$node")
done
mke2fs "$node" >"$log" 2>&1
mkdir -p /tmp/mnt
mount -t ext2 "$node" /tmp/mnt >>"$log" 2>&1
verdict "a file system on the disk"
refused "a mounted disk" "is mounted at /tmp/mnt" "$disk"
umount /tmp/mnt
mkswap "$node" >/dev/null
swapon "$node"
refused "swap on the disk" "is swapped to" "$disk"
swapoff "$node"
tail -f - <"$node" >/dev/null &
reader=$!
refused "an open disk" "is open: process $reader (tail)" "$disk"
kill "$reader"
worked "a disk that nobody uses" "$disk" --paths memory_disable,device_reset,close
[ -b "$node" ]
verdict "the disk is there again"

ifconfig "$eth" up
refused "an interface that is up" "its network interface $eth is up" "$net"
ifconfig "$eth" down
sleep 1
echo auto >"$devices/$net/power/control"
worked "a network card that is down, all paths" "$net"
cat /tmp/out/cells.jsonl >"$CELLS"
[ -d "$devices/$net/net/$eth" ]
verdict "the interface is there again"
worked "with the module of a variant" "$net" --variant /kit/wrapper-vfio-pci.ko --paths memory_disable,hidden
[ ! -d /sys/module/wrapper_vfio_pci ]
verdict "the module is gone again"
echo vfio-pci >"$devices/$free/driver_override"
worked "a device without a driver, with an override" "$free" --paths memory_disable,hot_reset

killed "killed by SIGTERM in the middle" TERM "$net" program
killed "killed by SIGHUP in the middle" HUP "$net" program
killed "killed by SIGKILL in the middle" KILL "$net" program
killed "killed by SIGKILL at the beginning" KILL "$net" devices
# The watcher as well.
before=$(binding "$net")
verify_host --yes "$net" >"$log" 2>&1 </dev/null &
within 300 test -s "$state/program"
read -r main _ <"$state/main"
for pid in $(pidof sh) $(pidof verify-host); do
	tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q -e '--watch' && kill -KILL "$pid"
done
kill -KILL "$main"
sleep 4
refused "after a run that was not put back" "--restore" "$free"
/kit/verify-host --restore >"$log" 2>&1 && [ "$(binding "$net")" = "$before" ] && [ ! -e "$state" ]
verdict "--restore after the watcher was killed too"
ktap_finished
