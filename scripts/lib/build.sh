# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# How kernels are built. A part of common.sh.

# What makes a kernel build the same, byte for byte, wherever the checkout is:
# ccache then knows each object again.
export KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 2026'
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
