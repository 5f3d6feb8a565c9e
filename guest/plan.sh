# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A guest put together port by port, and its plan: shared by the commands that
# boot one. Sourced after common.sh:
#
#	check_device MODEL	die if this QEMU does not have it
#	guest_build ...		kernel and initramfs
#	plan_begin DIR		start a plan in DIR/plan, of a guest with no device; DIR is emptied
#	plan_module KO		a module, loaded first; its name in $variants
#	built_modules KERNEL [VARIANT...]  those of the kit's variants, a path a line
#	plan_modules KERNEL [VARIANT...]  ... put into the plan
#	new_device MODEL[,PROPERTIES] [PORT] [MORE]  a device and its root port; PORT and
#				MORE are further properties, ",a=b". pci-sim is not QEMU's but
#				the kit's (guest/pci-sim/), and its properties are parameters,
#				with ":" for a comma
#	new_port [PROPERTIES]	a root port, its PCI address in $addr
#	add_device MODEL[,PROPERTIES] ADDRESS [,MORE]
#	plan LINE		what the guest is to do, in the words of guest/init
#	plan_end		the plan is complete: keep its devices beside it
#	run_guests DIR... -- ARGUMENTS  boot them all, side by side; false if one failed
#
# The QEMU arguments of the plan that is being made are in the array qemu.

# shellcheck disable=SC2034 # for those who source this
addr=''

qemu_version() { qemu-system-x86_64 --version | sed -n '1s/.*version \([0-9.]*\).*/QEMU \1/p'; }

check_device() {
	local hint=
	[ "$1" != pci-sim ] || return 0
	[ -n "${known_devices:-}" ] || known_devices=$(qemu-system-x86_64 -device help 2>/dev/null)
	grep -q "name \"$1\"\|alias \"$1\"" <<<"$known_devices" && return
	[ "$1" != igb ] || hint=': 8.0 or later is needed (Debian 12: the one of bookworm-backports)'
	die "$(qemu_version) has no device '$1'$hint"
}

# guest_build BASE [--unpatched|--no-series|''] CONFIG [--kernel-selftests|--conformance]:
# the folder of the kernel in $kernel, and $initramfs; of only these $parts of the series, if that is set.
# shellcheck disable=SC2034,SC2154 # for those who source this; of ask
guest_build() {
	ask "$KIT_ROOT/guest/build-kernel" ${2:+"$2"} ${parts:+--parts "$parts"} --config "$3" "$1"
	kernel=$answer
	lap kernel
	ask "$KIT_ROOT/guest/build-initramfs" ${2:+"$2"} ${parts:+--parts "$parts"} ${4:+"$4"} "$1"
	initramfs=$answer
	lap programs
}

plan_begin() {
	plan_dir=$1/plan qemu=() variants=() port=0 objects=0 sims=0 sim_parameters=''
	rm -rf "$1"
	mkdir -p "$plan_dir"
	: >"$plan_dir/aliases"
	: >"$plan_dir/plan"
}

plan() { printf '%s\n' "$*" >>"$plan_dir/plan"; }

plan_end() {
	printf '%s\n' "${qemu[@]}" >"${plan_dir%/plan}/qemu"
	[ "$sims" -eq 0 ] || plan_sims
}

# plan_sims: the module that makes the devices pci-sim comes first in the plan. Their
# memory is none of the kernel's; not at the end of it, where QEMU puts the initramfs.
plan_sims() {
	[ -n "${sim_ko:-}" ] || build_sim
	cp "$sim_ko" "$plan_dir/"
	mv "$plan_dir/plan" "$plan_dir/rest"
	plan "load pci-sim.ko port=0000:00:$sim_port base=0x20000000 size=0x400000 devices=$sims$sim_parameters"
	cat "$plan_dir/rest" >>"$plan_dir/plan"
	rm "$plan_dir/rest"
	echo memmap=4M%512M-1 >"$plan_dir/append"
}

# build_sim: the module, for $kernel.
build_sim() {
	local work key
	work=$BUILD/selftests-modules/$(basename "$kernel")/pci-sim
	sim_ko=$work/pci-sim.ko
	key=$(cd "$KIT_ROOT/guest" && sha256sum pci-sim/* "$kernel/.kit-built" | sha)
	[ ! -f "$sim_ko" ] || ! unchanged "$work.key" "$key" "the module of pci-sim" || return 0
	build_folder "$kernel" "$KIT_ROOT/guest/pci-sim" "$work"
	mark_done "$work.key" "$key"
}

plan_module() {
	local name
	name=$(basename "$1" .ko)
	cp "$1" "$plan_dir/"
	variants+=("$name")
	modinfo -F alias "$1" | sed "s/^/$name /" >>"$plan_dir/aliases"
	plan "load $name.ko"
}

# built_modules KERNEL [NAME...]: the modules of all the variants, or of these.
built_modules() {
	local kernel=$1 ko name
	shift
	for ko in "$kernel"/drivers/vfio/pci/variant-kit/variants/*/*.ko; do
		name=$(basename "$ko" .ko)
		case $name in
		*kunit*|*_test|'*') continue ;;
		esac
		[ $# -eq 0 ] || [[ " $* " == *" ${name%-vfio-pci} "* ]] || continue
		echo "$ko"
	done
}

# plan_modules KERNEL [NAME...]: put them into the plan.
plan_modules() {
	local ko
	while IFS= read -r ko; do
		plan_module "$ko"
	done < <(built_modules "$@")
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
	if [ "${1%%,*}" = pci-sim ]; then
		# A root port without a device lends them a bus number, and the IOMMU.
		if [ "$sims" -eq 0 ]; then
			new_port ,bus-reserve=1,hotplug=off
			sim_port=$addr
		fi
		addr=$(printf '%02x' "$sims")
		sims=$((sims + 1))
		sim_parameters=${1#pci-sim}
		sim_parameters=${sim_parameters//,/ }
		sim_parameters=${sim_parameters//:/,}
		return
	fi
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

# times_slower: how many times as long a guest may take as on a machine with nothing
# else to do, 1 to 4: as many as processes want each processor now.
loadavg=/proc/loadavg
times_slower() {
	awk -v n="$(nproc)" '{ n = int($1 / n); if (n < 1) n = 1; if (n > 4) n = 4; print n }' "$loadavg"
}

# run_guests DIR... -- ARGUMENTS: run the plans of DIR/plan, each in a guest of its own,
# all at a time, with these arguments of guest/boot; results go to DIR. What all but
# the first one have to say comes when they have failed.
run_guests() {
	local dirs=() pids=() arguments devices dir i rc=0
	while [ "$1" != -- ]; do
		dirs+=("$1")
		shift
	done
	shift
	for dir in "${dirs[@]}"; do
		mapfile -t devices <"$dir/qemu"
		arguments=("$@" --plan "$dir/plan" --out "$dir" -- "${devices[@]}")
		if [ ${#pids[@]} -eq 0 ]; then
			"$KIT_ROOT/guest/boot" "${arguments[@]}" &
			KIT_JOB=$!
		else
			"$KIT_ROOT/guest/boot" "${arguments[@]}" >"$dir/boot.log" 2>&1 &
			on_exit "kill $! 2>/dev/null || :"
		fi
		pids+=($!)
	done
	[ ${#dirs[@]} -eq 1 ] || say "${#dirs[@]} guests at a time; of the first one:"
	wait "${pids[0]}" || rc=1
	KIT_JOB=
	for ((i = 1; i < ${#dirs[@]}; i++)); do
		say "waiting for guest ${dirs[i]##*/}"
		wait "${pids[i]}" || { rc=1; cat "${dirs[i]}/boot.log" >&2; }
	done
	return $rc
}
