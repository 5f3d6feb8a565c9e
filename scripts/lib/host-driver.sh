# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034,SC2154
#
# Which driver scripts/verify-host binds, and whether it fits. Plain sh; sourced,
# never run.

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
	if [ -d "$sys/module/$module" ]; then
		for _f in "$sys/module/$module/drivers"/pci:*; do
			[ ! -e "$_f" ] || driver=${_f##*/pci:}
		done
	fi
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
