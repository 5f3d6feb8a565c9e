# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What all commands share. Sourced, never run:
#
#	. "$(dirname "$0")/lib/common.sh"
#
# For bash. Messages for people go to stderr, so that stdout stays free for
# results that another program reads.

set -euo pipefail

KIT_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
KIT_CACHE=${KIT_CACHE:-${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}/vfio-variant-kit}
KIT_NAME=$(basename "$0")
KIT_JOBS=${KIT_JOBS:-$(nproc)}
# The kernel bases that core-patch/ has a series for; the first is the default.
KIT_BASES="7.3 7.2"
# For a kernel with kmemleak: SLUB's per-CPU lists (sheaves) keep pointers to what
# they have handed out, which kmemleak takes for references, and so dozens of
# leaked objects of each size are hidden. Caches with a debug option have none.
# shellcheck disable=SC2034 # for those who source this
KIT_LEAK_ARGS=slab_debug=Z

# The kernel's make takes LC_ALL away again. With LANG of the user, the compiler's
# messages would be in another language, and ccache would not know the objects of a
# user who has another LANG.
export LC_ALL=C LANG=C.UTF-8
unset LANGUAGE LC_CTYPE LC_MESSAGES
# Not in a user's PATH on Debian, and modinfo is there.
export PATH=$PATH:/usr/sbin:/sbin

say() { printf '%s\n' "$*" >&2; }
warn() { printf '%s: warning: %s\n' "$KIT_NAME" "$*" >&2; }
die() { printf '%s: error: %s\n' "$KIT_NAME" "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# usage: print the comment block at the top of the program that is running.
usage() { sed -n -e '1d' -e '/^# SPDX/d' -e '/^#/!q' -e 's/^# \{0,1\}//' -e '/./,$p' "$0"; }

# options FLAGS WITH_VALUE "$@": read a command's options, each into a variable
# of its name (--self-test sets self_test to 1, --out DIR sets out to DIR). FLAGS
# and WITH_VALUE are lists of names. The other arguments, and all after "--", are
# left in operands. --help prints the usage and ends; otherwise the command can work
# where it is, or it ends.
options() {
	read_options "$@"
	check_place
}
read_options() {
	local flags=" $1 " with_value=" $2 " name
	shift 2
	operands=()
	while [ $# -gt 0 ]; do
		name=${1#--}
		case $1 in
		-h|--help) usage; exit 0 ;;
		--) operands+=("${@:2}"); return ;;
		--?*)
			if [[ $flags == *" $name "* ]]; then
				declare -g "${name//-/_}=1"
			elif [[ $with_value == *" $name "* ]]; then
				[ $# -gt 1 ] || die "$1 needs a value (see --help)"
				declare -g "${name//-/_}=$2"
				shift
			else
				die "unknown option $1 (see --help)"
			fi ;;
		-?*) die "unknown option $1 (see --help)" ;;
		*) operands+=("$1") ;;
		esac
		shift
	done
}

# at_most N: die if more arguments than that were left by options().
at_most() {
	[ ${#operands[@]} -le "$1" ] || die "unknown argument ${operands[$1]} (see --help)"
}

# set_base [BASE]: the kernel version that is worked on, in $base: the argument
# (by default the only one that options() has left), or $BASE, or the first of
# KIT_BASES.
set_base() {
	[ $# -gt 0 ] || { at_most 1; set -- "${operands[@]}"; }
	base=${1:-${BASE:-${KIT_BASES%% *}}}
	check_base "$base"
}

# check_base BASE: only a base that the kit knows goes on.
check_base() {
	[[ -n ${1:-} && " $KIT_BASES " == *" $1 "* ]] ||
		die "unknown base '${1:-}' (known: ${KIT_BASES// /, })"
}

# variant_names: the samples, one a line.
variant_names() {
	local main
	for main in "$KIT_ROOT"/variants/*/main.c; do
		main=${main%/main.c}
		printf '%s\n' "${main##*/}"
	done
}

# variant_folder NAME|PATH: print the folder of a sample, or of a driver elsewhere.
variant_folder() {
	local folder=$1 known
	known="known: $(variant_names | paste -sd ' ' | sed 's/ /, /g'); or the path of a driver's folder"
	case $1 in
	*/*|.|..) [ -d "$1" ] || die "no folder $1 ($known)" ;;
	*)
		[ ! -f "$KIT_ROOT/variants/$1/main.c" ] || folder=$KIT_ROOT/variants/$1
		[ -d "$folder" ] || die "unknown variant '$1' ($known)" ;;
	esac
	folder=$(cd "$folder" && pwd -P)
	[[ ! $folder =~ [[:space:]:] ]] || die "the kernel's build takes no path with white space or a colon: $folder"
	[ -f "$folder/Kbuild" ] || [ -f "$folder/Makefile" ] ||
		die "$1 is not a driver's folder: it has neither Kbuild nor Makefile ($known)"
	printf '%s\n' "$folder"
}

# path_names ALL|PATH: the paths of selftests/lib/path_table.h on one line; all, or
# those of KIT_PATH, which one device is enough for.
path_names() {
	sed -n "s/^KIT_${1/ALL/[A-Z]*}(\([a-z0-9_]*\),.*/\1/p" "$KIT_ROOT/selftests/lib/path_table.h" |
		paste -sd ' '
}

# unchanged STAMP KEY "what": was it built from the same inputs the last time?
unchanged() {
	[ "$(cat "$1" 2>/dev/null)" = "$2" ] || return 1
	say "$3: up to date"
}

# mark_done STAMP KEY: say so for the next time.
mark_done() { printf '%s\n' "$2" | write_atomic "$1"; }

# kernel_version MAKEFILE: 7.3.4 from a kernel's Makefile; fails if it is none.
kernel_version() {
	[ -r "$1" ] || return 1
	awk -F' *= *' '
		/^VERSION *=/ { v = $2 } /^PATCHLEVEL *=/ { p = $2 } /^SUBLEVEL *=/ { s = $2 }
		END { if (v == "" || p == "") exit 1; print v "." p "." s }' "$1"
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

# lap NAME: what was done since the last one, or since the start, is NAME. tell_laps:
# where the time went, in a line.
laps='' lap_from=${EPOCHREALTIME/[.,]/}
lap() {
	local now=${EPOCHREALTIME/[.,]/} tenths
	tenths=$(((now - lap_from) / 100000)) lap_from=$now
	laps+="${laps:+, }$1 $((tenths / 10)).$((tenths % 10)) s"
}
tell_laps() { say "time: $laps"; }

# need_tools "GROUP..." TOOL...: install the groups if one of the tools is missing.
need_tools() {
	local tool
	for tool in "${@:2}"; do
		# shellcheck disable=SC2086 # words
		have "$tool" || child "$KIT_ROOT/scripts/setup" $1
	done
}

# lock NAME: one such program at a time in this checkout (or in the cache,
# for a NAME with a slash). Waits for at most two hours; freed at exit.
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
	flock -w 7200 "$fd" || die "another run has held $file for two hours"
}

# qemu_preload: what QEMU runs faster with, for env, or nothing. Each change of a BAR
# makes it lay out its address spaces anew, in many small allocations, and glibc gives
# the memory back to the kernel each time: under jemalloc "make verify" takes a fourth
# less of processor time.
qemu_preload() {
	local library
	library=/usr/lib/$(uname -m)-linux-gnu/libjemalloc.so.2
	[ ! -f "$library" ] || printf 'LD_PRELOAD=%s\n' "$library${LD_PRELOAD:+:$LD_PRELOAD}"
}

# lock_guest: where several people share a small machine, one guest at a time.
lock_guest() { [ -z "${KIT_BUILD_LOCK:-}" ] || lock "$KIT_BUILD_LOCK.guest"; }

# on_exit COMMAND: run at exit, the last one given first, whatever the reason.
KIT_ON_EXIT=
on_exit() { KIT_ON_EXIT="$1; $KIT_ON_EXIT"; }
KIT_JOB=
kit_cleanup() {
	local rc=$?
	trap '' INT TERM HUP
	# One that fails must not keep the others from being done.
	set +e
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

# child COMMAND...: run another command of the kit. A signal ends it at once: what runs
# in the foreground, bash would wait for first.
child() {
	local rc=0
	"$@" <&0 &
	KIT_JOB=$!
	wait "$KIT_JOB" || rc=$?
	KIT_JOB=
	return "$rc"
}
# ask COMMAND...: the same, with what it prints in $answer.
# shellcheck disable=SC2034 # for who calls it
ask() {
	local file rc=0
	file=$(mktemp)
	on_exit "rm -f ${file@Q}"
	child "$@" >"$file" || rc=$?
	answer=$(cat "$file")
	rm -f "$file"
	return "$rc"
}

# run_logged LOG SECONDS "what" COMMAND...: output to LOG, progress for people
# meanwhile, at most SECONDS. When it fails: the end of the log and its path.
# Returns the status of COMMAND (124 for a time-out). COMMAND may be a function.
run_logged() {
	local log=$1 limit=$2 what=$3 rc=0 start now last=0
	shift 3
	# Waiting for others who build on the same machine does not count.
	[ -z "${KIT_BUILD_LOCK:-}" ] || limit=$((limit + 7200))
	mkdir -p "$(dirname "$log")"
	start=$SECONDS
	say "$what (log: ${log#"$KIT_ROOT"/})"
	if declare -F "$1" >/dev/null; then
		export -f "${1?}"
		# shellcheck disable=SC2016 # for that bash
		set -- bash -euo pipefail -c '"$@"' - "$@"
	fi
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

# pass, fail, skip WHAT: a line, which is counted. tell_counts: the last line of
# whoever counts; false if something failed.
passed=0 failed=0 skipped=0
pass() { printf 'ok    %s\n' "$*"; passed=$((passed + 1)); }
fail() { printf 'FAIL  %s\n' "$*"; failed=$((failed + 1)); }
skip() { printf 'skip  %s\n' "$*"; skipped=$((skipped + 1)); }
tell_counts() {
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	[ "$failed" -eq 0 ]
}

# counts_of FILE: "P F S" if its last line is "P passed, F failed, S skipped".
counts_of() {
	grep . "$1" | tail -n 1 |
		sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p' | grep .
}

# write_atomic FILE: stdin into FILE, all of it or nothing.
write_atomic() {
	local tmp=$1.tmp.$$
	mkdir -p "$(dirname "$1")"
	cat >"$tmp"
	[ ! -e "$1" ] || chmod --reference="$1" "$tmp"
	mv -f "$tmp" "$1"
}

. "$KIT_ROOT/scripts/lib/place.sh"
place_of_build
. "$KIT_ROOT/scripts/lib/build.sh"
. "$KIT_ROOT/scripts/lib/series.sh"
