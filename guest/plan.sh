# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A guest put together port by port, and its plan: shared by the commands that
# boot one. Sourced after common.sh:
#
#	check_device MODEL	die if this QEMU does not have it
#	guest_build ...		kernel and initramfs
#	plan_begin DIR		start a plan in DIR/plan, which is emptied
#	plan_module KO		a module, loaded first; its name in $variants
#	plan_modules KERNEL [VARIANT...]  those of the kit's variants
#	new_device MODEL[,PROPERTIES] [PORT] [MORE]  a device and its root port; PORT and
#				MORE are further properties, ",a=b"
#	new_port [PROPERTIES]	a root port, its PCI address in $addr
#	add_device MODEL[,PROPERTIES] ADDRESS [,MORE]
#	plan LINE		what the guest is to do, in the words of guest/init
#
# The QEMU arguments are in the array qemu.

qemu=()
variants=()
port=0
objects=0
# shellcheck disable=SC2034 # for those who source this
addr=''

qemu_version() { qemu-system-x86_64 --version | sed -n '1s/.*version \([0-9.]*\).*/QEMU \1/p'; }

check_device() {
	local hint=
	[ -n "${known_devices:-}" ] || known_devices=$(qemu-system-x86_64 -device help 2>/dev/null)
	grep -q "name \"$1\"\|alias \"$1\"" <<<"$known_devices" && return
	[ "$1" != igb ] || hint=': 8.0 or later is needed (Debian 12: the one of bookworm-backports)'
	die "$(qemu_version) has no device '$1'$hint"
}

# guest_build BASE [--unpatched|--no-series|''] CONFIG [--kernel-selftests]: the folder of the kernel in
# $kernel, and $initramfs.
# shellcheck disable=SC2034,SC2154 # for those who source this; of ask
guest_build() {
	ask "$KIT_ROOT/guest/build-kernel" ${2:+"$2"} --config "$3" "$1"
	kernel=$answer
	lap kernel
	ask "$KIT_ROOT/guest/build-initramfs" ${2:+"$2"} ${4:+"$4"} "$1"
	initramfs=$answer
	lap programs
}

plan_begin() {
	plan_dir=$1/plan
	rm -rf "$1"
	mkdir -p "$plan_dir"
	: >"$plan_dir/aliases"
	: >"$plan_dir/plan"
}

plan() { printf '%s\n' "$*" >>"$plan_dir/plan"; }

plan_module() {
	local name
	name=$(basename "$1" .ko)
	cp "$1" "$plan_dir/"
	variants+=("$name")
	modinfo -F alias "$1" | sed "s/^/$name /" >>"$plan_dir/aliases"
	plan "load $name.ko"
}

# plan_modules KERNEL [NAME...]: all the variants that were built, or these.
plan_modules() {
	local kernel=$1 ko name
	shift
	for ko in "$kernel"/drivers/vfio/pci/variant-kit/variants/*/*.ko; do
		name=$(basename "$ko" .ko)
		case $name in
		*kunit*|*_test|'*') continue ;;
		esac
		[ $# -eq 0 ] || [[ " $* " == *" ${name%-vfio-pci} "* ]] || continue
		plan_module "$ko"
	done
}

# Above 5 GT/s Linux waits, after a bus reset, for a link that QEMU does not
# bring up again.
new_port() {
	addr=$(printf '%x.%x' $((0x10 + port / 8)) $((port % 8)))
	id=rp$port
	qemu+=(-device "pcie-root-port,id=$id,chassis=$((port + 1)),addr=$addr,multifunction=on,x-speed=5${1:-}")
	port=$((port + 1))
}

new_device() {
	new_port "${2:-}"
	add_device "$1" 0.0 "${3:-}"
}

add_device() {
	local model=$1 ram size
	case $model in
	igb|igb,*) model="$model,romfile=" ;;
	ivshmem-plain|ivshmem-plain:*)
		size=${model#ivshmem-plain}
		size=${size#:}
		ram=ram$objects
		objects=$((objects + 1))
		qemu+=(-object "memory-backend-ram,id=$ram,size=${size:-4M},share=on")
		model="ivshmem-plain,memdev=$ram" ;;
	nvme) model="$model,serial=kit,cmb_size_mb=2,legacy-cmb=on" ;;
	esac
	# Under this name the guest asks for it in QEMU's monitor.
	qemu+=(-device "$model,bus=$id,addr=$2,id=dev-$addr-$2${3:-}")
}
