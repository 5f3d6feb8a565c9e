# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# How kernels are built. A part of common.sh.

# What makes a kernel build the same, byte for byte, wherever the checkout is:
# ccache then knows each object again. LOCALVERSION, though empty: no "+" in the
# kernel's version for the commits of the tree.
export KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 2026' LOCALVERSION=
export KBUILD_BUILD_USER=kit KBUILD_BUILD_HOST=kit KBUILD_BUILD_VERSION=1
export CCACHE_DIR=${CCACHE_DIR:-$KIT_CACHE/ccache}
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$BUILD}
export CCACHE_NOHASHDIR=1 CCACHE_COMPILERCHECK=content CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-5G}
# A new header has a new time stamp in a new checkout; its content counts.
export CCACHE_SLOPPINESS=include_file_mtime,include_file_ctime

# kmake ARGS...: make, the kernel's way, through ccache. KIT_BUILD_LOCK names
# a file that is locked meanwhile, where several people share a small machine.
kmake() {
	local cc=gcc
	have ccache && cc='ccache gcc'
	# What the user's make tells its children is not for the kernel's make.
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES \
		${KIT_BUILD_LOCK:+flock "$KIT_BUILD_LOCK"} \
		make "CC=$cc" "-j$KIT_JOBS" "$@"
}
# The same for run_logged, which needs a program.
export -f kmake have
export KIT_JOBS

# build_folder KERNEL FOLDER WORK [test]: build a driver of its own folder, not in the
# kernel tree; its modules are listed in WORK.modules. Its own symbols come from the
# command line, as modules, those of its suites as n; with "test" it drives QEMU's
# devices too. A matter of seconds, so it takes no turn among the kernel builds.
# A sample of the kit gets the kit's version, as by variants/Kbuild in a tree.
build_folder() {
	local kernel=$1 folder=$2 work=$3 test=${4:-} name configs=() version=()
	name=$(basename "$folder")
	# shellcheck disable=SC2016 # make's, not the shell's
	mapfile -t configs < <(cat "$folder"/Kbuild "$folder"/Makefile 2>/dev/null |
		grep -o 'obj-\$(CONFIG_[A-Za-z0-9_]*)' | sort -u |
		sed -e 's/^obj-\$(//' -e '/KUNIT/s/)$/=/' -e 's/)$/=m/')
	# shellcheck disable=SC2016 # make's, not the shell's
	[ -z "$test" ] || mapfile -t -O ${#configs[@]} configs < <(
		sed -n 's/^ccflags-\$(\(CONFIG_[A-Z0-9_]*_TEST_IDS\)).*/\1=y/p' \
			"$folder"/Kbuild "$folder"/Makefile 2>/dev/null)
	[ "$(dirname "$folder")" != "$KIT_ROOT/variants" ] || version=(
		"KCFLAGS=-include $KIT_ROOT/variants/version.h -DVARIANT_KIT_VERSION=$(cat "$KIT_ROOT/VERSION")")
	mkdir -p "$(dirname "$work")"
	# shellcheck disable=SC2016 # for that bash
	run_logged "$BUILD/log/module-$name.log" 600 "building the module of $name" \
		env -u KIT_BUILD_LOCK bash -c 'kmake "$@"' - -C "$kernel/" "M=$folder" "MO=$work" \
		"${version[@]}" "${configs[@]}" modules || die "$folder does not build"
	grep -A 2 ': warning: ' "$BUILD/log/module-$name.log" >&2 || :
	find "$work" -name '*.ko' ! -name '*_kunit.ko' ! -name '*_test.ko' >"$work.modules"
	[ -s "$work.modules" ] || die "no module came out of $folder"
	[ ${#version[@]} -eq 0 ] || have_version <"$work.modules"
}

# have_version: each module whose path is on stdin has the version of the kit.
have_version() {
	local module version
	while IFS= read -r module; do
		version=$(modinfo -F version "$module")
		[ "$version" = "$(cat "$KIT_ROOT/VERSION")" ] ||
			die "$module has the version '$version', not that of the kit"
	done
}

# variants_config [TREE]: the configuration of all samples, as modules; of those that
# TREE, which has only the first parts of the series, has all for.
variants_config() {
	local folder
	echo CONFIG_VFIO_PCI_VARIANT_KIT=y
	for folder in "$KIT_ROOT"/variants/*/; do
		[ -z "${1:-}" ] || ! needs_later "$1" "$folder/main.c" >/dev/null || continue
		sed -n 's/^config \(.*_VFIO_PCI\)$/CONFIG_\1=m/p' "$folder/Kconfig"
	done
}

# kit_inputs: hashes of all that the kernel's build takes from the kit, but for KUnit's.
kit_inputs() {
	(cd "$KIT_ROOT" && find Kbuild Kconfig VERSION kunit variants -type f ! -name '*_kunit.c' \
		! -path 'kunit/*.[ch]' -exec sha256sum {} + | sort -k 2)
}

# configure LOG "what" TREE OUT [MAKE OPTIONS...]: OUT, by the configuration on stdin,
# and nothing else. False if it cannot be had, line by line.
configure() {
	local log=$1 what=$2 tree=$3 out=$4 missing
	mkdir -p "$out"
	cat >"$out/.kit-wanted"
	run_logged "$log" 600 "configuring $what" kmake -s -C "$tree" "O=$out" "${@:5}" \
		"KCONFIG_ALLCONFIG=$out/.kit-wanted" allnoconfig || return 1
	missing=$(config_misses "$out/.kit-wanted" "$out/.config")
	[ -n "$missing" ] || return 0
	say "cannot be had in $tree: $missing"
	return 1
}

# config_misses WANTED CONFIG: the symbols of the fragment WANTED that do not
# have the value asked for in CONFIG, on one line; nothing when all have.
config_misses() {
	local name value have out=''
	while IFS='=' read -r name value; do
		have=$(sed -n "s/^$name=//p" "$2")
		[ "${have:-n}" = "$value" ] || out+=", $name=$value (is ${have:-n})"
	done < <(sed -n -e 's/^# \(CONFIG_[A-Za-z0-9_]*\) is not set.*/\1=n/p' -e '/^CONFIG_/p' "$1" |
		tac | sort -s -u -t= -k1,1) # the last value of each counts
	printf '%s\n' "${out:2}"
}
