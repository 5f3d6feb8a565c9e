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
	awk '
		function value(line) { return substr(line, index(line, "=") + 1) }
		FNR == 1 { file++ }
		/^# CONFIG_[A-Za-z0-9_]* is not set/ { sub(/^# /, ""); sub(/ is not set/, "=n") }
		!/^CONFIG_/ { next }
		{ split($0, part, "="); name = part[1] }
		file == 1 { want[name] = value($0); next }
		{ got[name] = value($0) }
		END {
			for (name in want) {
				have = name in got ? got[name] : "n"
				if (have != want[name])
					out = out ", " name "=" want[name] " (is " have ")"
			}
			print substr(out, 3)
		}' "$1" "$2"
}
