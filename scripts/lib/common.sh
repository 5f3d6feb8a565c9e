# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Functions shared by the programs in scripts/. Sourced, never run:
#
#	set -eu
#	. "$(dirname "$0")/../lib/common.sh"
#
# Everything below is for bash; messages for people go to stderr, so that
# stdout stays free for results that another program reads.

set -euo pipefail

KIT_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
KIT_CACHE=${KIT_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME is not set: set KIT_CACHE to a folder for downloads}/.cache}/vfio-variant-kit}
BUILD=$KIT_ROOT/build
KIT_NAME=$(basename "$0")
KIT_JOBS=${KIT_JOBS:-$(nproc)}
# The kernel bases that core-patch/ has a series for; the first is the default.
KIT_BASES="7.3 7.2"
# For a kernel with kmemleak: SLUB's per-CPU lists (sheaves) keep pointers to what
# they have handed out, which kmemleak takes for references, and so dozens of
# leaked objects of each size are hidden. Caches with a debug option have none.
# shellcheck disable=SC2034 # for those who source this
KIT_LEAK_ARGS=slab_debug=Z

export LC_ALL=C
# Not in a user's PATH on Debian, and modinfo is there.
export PATH=$PATH:/usr/sbin:/sbin

say() { printf '%s\n' "$*" >&2; }
warn() { printf '%s: warning: %s\n' "$KIT_NAME" "$*" >&2; }
die() { printf '%s: error: %s\n' "$KIT_NAME" "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# usage_if_asked "$@": print the comment block at the top of the program that
# is running as its help text, when --help is among the arguments.
usage_if_asked() {
	local arg
	for arg; do
		case $arg in
		-h|--help)
			awk 'NR == 1 || /^# SPDX/ { next } !/^#/ { exit } { sub(/^# ?/, ""); if (n++ || $0) print }' "$0"
			exit 0 ;;
		esac
	done
}

# known_bases: those with a series in this checkout.
known_bases() {
	local b out=
	for b in $KIT_BASES; do
		[ -d "$KIT_ROOT/core-patch/v$b" ] && out="$out $b"
	done
	printf '%s\n' "${out:- $KIT_BASES}" | cut -c2-
}

# check_base BASE: only a base that the kit knows goes on.
check_base() {
	case " $(known_bases) " in
	*" ${1:-} "*) [ -n "${1:-}" ] && return ;;
	esac
	die "unknown base '${1:-}' (known: $(known_bases | sed 's/ /, /g'))"
}

# kernel_version TREE: 7.3.4 from the tree's Makefile; fails if it is none.
kernel_version() {
	[ -f "$1/Makefile" ] || return 1
	awk -F' *= *' '
		/^VERSION *=/ { v = $2 } /^PATCHLEVEL *=/ { p = $2 } /^SUBLEVEL *=/ { s = $2 }
		/^NAME *=/ { exit }
		END { if (v == "" || p == "") exit 1; print v "." p "." s }' "$1/Makefile"
}

# sha: one short hash of what comes on stdin.
sha() { sha256sum | cut -c1-16; }

# need_space DIR MEGABYTES "what for": a full disk is found before the work.
need_space() {
	local dir=$1 free
	while [ ! -d "$dir" ]; do dir=$(dirname "$dir"); done
	free=$(df -Pm "$dir" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$2" ] ||
		die "no disk space: $3 needs $2 MB in $1, and $free MB are free"
}

# need_tools "GROUP..." TOOL...: or say which command installs them.
need_tools() {
	local groups=$1 tool missing=
	shift
	for tool; do
		have "$tool" || missing="$missing $tool"
	done
	[ -z "$missing" ] && return
	# shellcheck disable=SC2086 # words
	"$KIT_ROOT/scripts/setup" $groups
	hash -r
	for tool in $missing; do
		have "$tool" || die "missing tool: $tool"
	done
}

# lock NAME: one such program at a time in this checkout (or in the cache,
# for a NAME with a slash). Waits for at most an hour; freed at exit.
lock() {
	local file fd
	case $1 in
	/*) file=$1.lock ;;
	*) file=$BUILD/.$1.lock ;;
	esac
	mkdir -p "$(dirname "$file")"
	exec {fd}>"$file"
	flock -n "$fd" && return
	say "waiting for another run to finish ($file)"
	flock -w 3600 "$fd" || die "another run has held $file for an hour"
}

# on_exit COMMAND: run at exit, the last one given first, whatever the reason.
KIT_ON_EXIT=
on_exit() { KIT_ON_EXIT="$1; $KIT_ON_EXIT"; }
KIT_JOB=
kit_cleanup() {
	local rc=$?
	trap '' INT TERM HUP
	if [ -n "$KIT_JOB" ]; then
		kill -TERM "$KIT_JOB" 2>/dev/null || :
		wait "$KIT_JOB" 2>/dev/null || :
	fi
	eval "$KIT_ON_EXIT"
	exit "$rc"
}
trap kit_cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# run_logged LOG SECONDS "what" COMMAND...: output to LOG, progress for people
# meanwhile, at most SECONDS. When it fails: the end of the log and its path.
# Returns the status of COMMAND (124 for a time-out).
run_logged() {
	local log=$1 limit=$2 what=$3 rc=0 start now last=0
	shift 3
	# Waiting for others who build on the same machine does not count.
	[ -z "${KIT_BUILD_LOCK:-}" ] || limit=$((limit + 7200))
	mkdir -p "$(dirname "$log")"
	start=$SECONDS
	say "$what (log: ${log#"$KIT_ROOT"/})"
	# timeout makes a process group of its own and hands signals on to it.
	timeout -k 20 "$limit" "$@" </dev/null >"$log" 2>&1 &
	KIT_JOB=$!
	while kill -0 "$KIT_JOB" 2>/dev/null; do
		sleep 0.2
		now=$((SECONDS - start))
		if [ "$now" -eq "$last" ]; then
			:
		elif [ -t 2 ]; then
			printf '\r  %d:%02d  ' $((now / 60)) $((now % 60)) >&2
			tail -n 1 "$log" | tr -d '\r\t' | cut -c1-60 | tr -d '\n' >&2
			printf '\033[K' >&2
			last=$now
		elif [ $((now - last)) -ge 15 ]; then
			say "  $what: $((now / 60)):$(printf %02d $((now % 60)))"
			last=$now
		fi
	done
	wait "$KIT_JOB" || rc=$?
	KIT_JOB=
	[ -t 2 ] && printf '\r\033[K' >&2
	now=$((SECONDS - start))
	if [ "$rc" -eq 0 ]; then
		say "  done in $now s"
		return 0
	fi
	say "--- the last lines of $log"
	# What make says after the real error tells nothing.
	{ grep -v -e '^make' "$log" || :; } | tail -n 20 >&2
	say "---"
	if [ "$rc" -eq 124 ] || [ "$rc" -eq 137 ]; then
		say "$KIT_NAME: error: $what: not done after $limit s, stopped (log: $log)"
	else
		say "$KIT_NAME: error: $what failed, exit status $rc (log: $log)"
		grep -q -s 'No space left on device' "$log" &&
			say "$KIT_NAME: error: no disk space left"
	fi
	return "$rc"
}

# write_atomic FILE: stdin into FILE, all of it or nothing.
write_atomic() {
	local tmp=$1.tmp.$$
	mkdir -p "$(dirname "$1")"
	cat >"$tmp"
	mv -f "$tmp" "$1"
}

# git as the kit uses it in trees of its own: nobody's settings, hooks or keys.
kgit() {
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_EDITOR=: \
	GIT_COMMITTER_NAME='VFIO variant-driver kit' GIT_COMMITTER_EMAIL=kit@localhost \
		git -c gc.auto=0 -c core.hooksPath=/dev/null -c advice.detachedHead=false \
		    -c maintenance.auto=false "$@"
}

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

# series_patches BASE: the paths of the patches of core-patch/vBASE, in order.
series_patches() {
	local dir=$KIT_ROOT/core-patch/v$1 name
	[ -f "$dir/series" ] || return 0
	while read -r name; do
		case $name in
		''|'#'*) continue ;;
		esac
		[ -f "$dir/$name" ] || die "core-patch/v$1/series names $name, which does not exist"
		printf '%s\n' "$dir/$name"
	done <"$dir/series"
}

# patched_files PATCH...: every file that they touch.
patched_files() {
	sed -n -e 's,^--- a/\([^	]*\).*,\1,p' -e 's,^+++ b/\([^	]*\).*,\1,p' \
		-e 's,^rename from ,,p' -e 's,^rename to ,,p' "$@" | sort -u
}

# am_failure TREE LOG PATCH...: one line on why a git am in TREE stopped.
am_failure() {
	local dir log=$2 next file
	dir=$(kgit -C "$1" rev-parse --absolute-git-dir)/rebase-apply
	shift 2
	next=$(cat "$dir/next" 2>/dev/null || echo 1)
	file=$(failed_file "$log")
	printf 'patch %s of %s does not apply: %s%s' "$next" "$#" "$(basename "${!next}")" \
		"${file:+, in $file}"
}

# failed_file LOG: the first file that git apply, or am, complains of.
failed_file() {
	sed -n -e 's/^error: patch failed: \(.*\):[0-9]*$/\1/p' \
		-e 's/^error: \(.*\): does not exist in index$/\1/p' \
		-e 's/^error: \(.*\): No such file or directory$/\1/p' \
		-e 's/^error: \(.*\): already exists in .*$/\1/p' \
		-e 's/^error: \(.*\): patch does not apply$/\1/p' "$1" | head -n 1
}

# tree_has_work TREE: has somebody worked in this tree since graft made it?
tree_has_work() {
	[ "$(kgit -C "$1" config --get kit.busy)" != yes ] || return 1
	[ "$(kgit -C "$1" rev-parse HEAD)" != "$(kgit -C "$1" config --get kit.head)" ] ||
		! kgit -C "$1" diff --quiet HEAD --
}

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

# link_kit TREE: the kit itself, in a kernel tree below build/: a link, a line in
# Kconfig, a line in Makefile.
link_kit() {
	local pci=$1/drivers/vfio/pci
	ln -s ../../../../.. "$pci/variant-kit"
	tac "$pci/Kconfig" |
		sed '0,/^endmenu/s,^endmenu,endmenu\n\nsource "drivers/vfio/pci/variant-kit/Kconfig",' |
		tac >"$pci/Kconfig.kit"
	mv "$pci/Kconfig.kit" "$pci/Kconfig"
	# shellcheck disable=SC2016 # make's
	printf '\nobj-$(CONFIG_VFIO_PCI_VARIANT_KIT) += variant-kit/\n' >>"$pci/Makefile"
}

# graft_key COMMIT UNPATCHED PATCH...: what a grafted tree is made from.
graft_key() {
	local commit=$1 unpatched=$2
	shift 2
	{
		echo "recipe 1 $commit $unpatched"
		[ $# -eq 0 ] || cat "$@"
	} | sha
}
