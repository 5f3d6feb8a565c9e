# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034,SC2154
#
# Whether scripts/verify-host may take a device, and which driver it binds. Plain sh;
# sourced, never run.

# Every process's device nodes, open or mapped, "kind|major:minor (hex)|/proc/PID/fd/N".
# stat follows the links: what a file is called, in which container, is the same. A
# file of a server that does not answer takes forever: to be called by limited.
find_open() {
	find "$proc"/[0-9]*/fd "$proc"/[0-9]*/map_files -type l >"$tmp/fds" 2>/dev/null || :
	# Some are gone already.
	xargs -r stat -L -c '%F|%t:%T|%n' <"$tmp/fds" >"$tmp/open" 2>/dev/null || :
	find "$proc"/[0-9]*/fdinfo -type f -print0 2>/dev/null |
		xargs -0 -r grep -s -H '^vfio-device-syspath:' >"$tmp/fdinfo" || :
	find "$proc"/[0-9]*/maps -print0 2>/dev/null |
		xargs -0 -r grep -s -H -e '[0-9a-f]:[0-9a-f][0-9a-f]\.[0-7]' -e 'anon_inode:\[vfio-device\]' >"$tmp/maps" || :
}
process() {
	_pid=${1#"$proc"/}
	_pid=${_pid%%/*}
	printf 'process %s (%s)' "$_pid" "$(get "$proc/$_pid/comm")"
}

# open_node KIND MAJOR:MINOR NAME: true, and says who, if a process has it open.
open_node() {
	_hex=$(printf '%x:%x' "${2%:*}" "${2#*:}")
	_who=$(grep "^$1[^|]*|$_hex|" "$tmp/open" | head -n 1 | cut -d'|' -f3)
	[ -n "$_who" ] || return 1
	case $_who in
	*/map_files/*) printf '%s is mapped: %s' "$3" "$(process "$_who")" ;;
	*) printf '%s is open: %s' "$3" "$(process "$_who")" ;;
	esac
}

# held BDF: true, and says by whom, if a VFIO device is open. The core enables the
# device when it is opened, and disables it when the last file is gone: also one that
# no process shows, as it is on its way through a socket, say, or of which only a
# mapping is left, which a driver has made by hand and which has no name.
held() {
	_who=$(grep "/$1\$" "$tmp/fdinfo" | head -n 1 | cut -d: -f1)
	[ -z "$_who" ] || { printf 'its VFIO device is open: %s' "$(process "$_who")"; return 0; }
	_who=$(grep -F "$1" "$tmp/maps" | head -n 1 | cut -d: -f1)
	[ -z "$_who" ] || { printf 'it is mapped: %s' "$(process "$_who")"; return 0; }
	is_vfio "$1" && [ "$(get "$real/enable")" != 0 ] || return 1
	_who=$(grep -F 'anon_inode:[vfio-device]' "$tmp/maps" | head -n 1 | cut -d: -f1)
	if [ -n "$_who" ]; then
		printf 'its VFIO device is open, and this process maps one: %s' "$(process "$_who")"
	elif [ -n "$(get "$real/enable")" ]; then
		printf 'its VFIO driver has enabled it: something holds its VFIO device open'
	else
		return 1
	fi
}

# in_use BDF: true, and says how, if anything uses the device.
in_use() {
	real=$(readlink -f "$devices/$1")
	# Not sriov_numvfs: to read that takes the device's lock.
	_n=$(find "$real/" -maxdepth 1 -name 'virtfn*' | wc -l)
	[ "$_n" -eq 0 ] || { printf '%s virtual functions of it are enabled' "$_n"; return 0; }
	[ "$(get "$real/boot_vga")" != 1 ] || { printf 'it is the display that the machine booted with'; return 0; }
	_f=$(find "$real" -path '*/graphics/fb*' -type d 2>/dev/null | head -n 1)
	[ -z "$_f" ] || { printf 'a console is on it (%s)' "$(basename "$_f")"; return 0; }

	find "$real" -type d -name net >"$tmp/net" 2>/dev/null || :
	while read -r _dir; do
		for _f in "$_dir"/*/; do
			[ -e "$_f/flags" ] || continue
			_if=$(basename "$_f")
			[ $(($(get "$_f/flags") & 1)) -eq 0 ] ||
				{ printf 'its network interface %s is up (ip link set %s down)' "$_if" "$_if"; return 0; }
			case $(get "$_f/operstate")/$(get "$_f/carrier") in up/*|*/1) false ;; esac ||
				{ printf 'its network interface %s has a link' "$_if"; return 0; }
			[ ! -e "$_f/master" ] ||
				{ printf 'its network interface %s belongs to %s' "$_if" "$(link_of "$_f/master")"; return 0; }
		done
	done <"$tmp/net"

	# All nodes below it; a disk of a multipath NVMe subsystem is elsewhere.
	{
		find "$real" -type f -name dev
		find "$real" -maxdepth 2 -path '*/nvme/nvme*' | while read -r _f; do
			for _dir in "$sys"/class/nvme-subsystem/*/; do
				[ ! -e "$_dir$(basename "$_f")" ] ||
					find "$(readlink -f "$_dir")/" -type f -name dev
			done
		done
	} >"$tmp/nodes" 2>/dev/null || :
	_group=$(link_of "$real/iommu_group")
	[ -z "$_group" ] || [ ! -e "$sys/class/vfio/$_group/dev" ] ||
		printf '%s\n' "$sys/class/vfio/$_group/dev" >>"$tmp/nodes"
	cat "$proc"/[0-9]*/mountinfo 2>/dev/null | sort -u >"$tmp/mounts" || :
	while read -r _f; do
		_dir=${_f%/dev} _number=$(get "$_f") _node=$(basename "${_f%/dev}")
		if [ "$(link_of "$_dir/subsystem")" != block ]; then
			case " $(get "$sys/class/tty/console/active") " in
			*" $_node "*) printf 'the console is on it (%s)' "$_node"; return 0 ;;
			esac
			! open_node c "$_number" "$_node" || return 0
			continue
		fi
		for _h in "$_dir"/holders/*; do
			[ ! -e "$_h" ] || { printf '%s is a part of %s' "$_node" "$(basename "$_h")"; return 0; }
		done
		# Btrfs has a number of its own, but names the source.
		_where=$(awk -v number="$_number" -v node="$_node" '{
			for (i = 7; i < NF && $i != "-"; i++)
				;
			source = $(i + 2)
			if ($3 == number || source ~ ("/" node "$")) {
				print $5
				exit
			}
		}' "$tmp/mounts")
		[ -z "$_where" ] || { printf '%s is mounted at %s' "$_node" "$_where"; return 0; }
		! awk -v node="$_node" 'NR > 1 && $1 ~ ("/" node "$") { found = 1 } END { exit !found }' \
			"$proc/swaps" 2>/dev/null || { printf '%s is swapped to' "$_node"; return 0; }
		! open_node b "$_number" "$_node" || return 0
	done <"$tmp/nodes"

	held "$1"
}

# check_device BDF: dies if it must not be taken.
check_device() {
	# What has to be put back can be read.
	get "$devices/$1/driver_override" >/dev/null
	case $(get "$devices/$1/class") in
	0x06*) die "$1 is a bridge (class $(get "$devices/$1/class"))" ;;
	esac
	group=$(link_of "$devices/$1/iommu_group")
	[ -n "$group" ] || die "$1 is in no IOMMU group: is the IOMMU on, in the firmware and on the kernel's command line (intel_iommu=on)?"
	[ "$(get "$devices/$1/iommu_group/name")" != vfio-noiommu ] ||
		die "$1 has no IOMMU, only VFIO's no-IOMMU mode"
	! why=$(in_use "$1") || die "$1 is in use: $why"
	for _f in "$devices/$1"/iommu_group/devices/*; do
		fellow=$(basename "$_f")
		case " $bdfs " in *" $fellow "*) continue ;; esac
		case $(get "$devices/$fellow/class") in 0x0604*) continue ;; esac
		! why=$(in_use "$fellow") ||
			die "$1 shares IOMMU group $group with $fellow, which is in use: $why"
		_d=$(driver_of "$fellow")
		[ -z "$_d" ] || is_vfio "$fellow" || [ "$_d" = pci-stub ] ||
			die "$1 shares IOMMU group $group with $fellow, which is bound to $_d"
	done
}

# What is reset with the device if its slot or bus is: not without their owners.
slot_of() {
	for _f in "$devices/${bdf%:*}":*; do
		_mate=$(basename "$_f")
		case " $bdfs " in *" $_mate "*) continue ;; esac
		printf '%s ' "$_mate"
	done
}

check_kernel() {
	if [ ! -d "$tracing/events/vfio_pci" ]; then
		[ -d "$tracing/events" ] ||
			die "tracefs is not mounted: mount -t tracefs tracefs $tracing"
		# It has none before the module is there. The core patch exports this.
		if [ -d "$sys/module/vfio_pci_core" ] ||
			! grep -q -s 'symbol:vfio_pci_core_mmap_ranges ' "$modules/modules.symbols"; then
			die "kernel $release lacks the core patch: no events/vfio_pci in $tracing (make debs builds a kernel that has it)"
		fi
	fi
	[ -e "$sys/class/misc/iommu" ] || [ -n "$(find_module iommufd)" ] ||
		die "kernel $release has no iommufd (CONFIG_IOMMUFD)"
}

# --- the driver

find_module() {
	[ -d "$modules" ] || return 0
	find "$modules/" -name "$1.ko*" -o -name "$(echo "$1" | tr _ -).ko*" -o \
		-name "$(echo "$1" | tr - _).ko*" | head -n 1
}
# The .modinfo section: strings that end with NUL.
module_info() {
	case $2 in
	*.xz) xz -dc "$2" ;;
	*.zst) zstd -dcq "$2" ;;
	*.gz) gzip -dc "$2" ;;
	*) cat "$2" ;;
	esac | tr '\0' '\n' | sed -n "s/^$1=//p"
}

# find_driver: what $variant means, in $module (its name), $ko and $driver; the
# last is not known before a module of unknown driver is loaded.
find_driver() {
	ko='' driver=''
	case $variant in
	'') module=vfio_pci ;;
	*.ko) ko=$variant ;;
	*/*|.|..)
		[ -d "$variant" ] || die "no folder $variant (the variant is a name, or a path)"
		ko=$(find "$variant" -name '*.ko' ! -name '*_kunit.ko' ! -name '*_test.ko')
		case $ko in
		'') die "no module in $variant: build it for the running kernel first (make modules KDIR=... VARIANT=$variant)" ;;
		*'
'*) die "more than one module in $variant: name the one" ;;
		esac ;;
	*)
		module=$variant
		[ ! -f "$kit/variants/$variant/main.c" ] || module=$variant-vfio-pci ;;
	esac
	if [ -n "$ko" ]; then
		[ -f "$ko" ] || die "no module $ko"
		module=$(basename "$ko" .ko)
		[ ! -d "$sys/module/$(echo "$module" | tr - _)" ] ||
			die "the module $module is loaded already, maybe another than $ko: rmmod $module first"
		_magic=$(module_info vermagic "$ko" || :)
		[ "${_magic%% *}" = "$release" ] ||
			die "$ko was built for kernel ${_magic%% *}, and this is $release"
	fi
	wanted=$module
	module=$(echo "$module" | tr - _)
	[ -n "$ko" ] || ko=$(find_module "$module")
	driver=$(pci_driver_of "$module")
	# Built in, it may be in no list but this one.
	[ -n "$driver" ] || [ ! -d "$sys/bus/pci/drivers/$wanted" ] || driver=$wanted
	[ -n "$driver$ko" ] || die "no module $wanted for kernel $release, neither loaded nor in $modules"
	check_table
}

# Is the device in the driver's table? A driver without one takes any.
check_table() {
	[ -n "$ko" ] || return 0
	module_info alias "$ko" | grep 'pci:' >"$tmp/aliases" || return 0
	for _b in $bdfs; do
		_alias=$(get "$devices/$_b/modalias")
		_alias=${_alias#*:} _found=''
		while read -r _a; do
			# shellcheck disable=SC2254 # a pattern
			case $_alias in
			${_a#*:}) _found=1 ;;
			esac
		done <"$tmp/aliases"
		[ -n "$_found" ] ||
			die "$_b ($(ids "$_b")) is not in the table of $wanted, which has $(wc -l <"$tmp/aliases" | tr -d ' '): $(head -n 3 "$tmp/aliases" | tr '\n' ' ')"
	done
}
ids() {
	_v=$(get "$devices/$1/vendor") _d=$(get "$devices/$1/device")
	printf '%s:%s' "${_v#0x}" "${_d#0x}"
}
