# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Clean Debian systems in folders, and programs run in them as a container engine
# would run them. Sourced after common.sh; root only.
#
#	need_roots		end with status 77 and the reason where it cannot be done
#	root_new DIR SUITE [PACKAGE...]  a minimal system, as the image debian:SUITE is
#	root_share DIR PATH [ro|rw [TO]]  a file or folder of this machine in it, as TO
#	in_root DIR SECONDS COMMAND...	run it there, with at most 4 GiB of memory
#
# The folder is removed at exit. The systems without packages are kept in KIT_CACHE
# for a week.

. "$KIT_ROOT/scripts/lib/apt-private.sh"

need_roots() {
	[ "$(id -u)" -eq 0 ] || { say "not run: makes systems in folders, which needs root"; exit 77; }
	need_tools roots mmdebstrap unshare setpriv
	unshare -m -p -f true 2>/dev/null ||
		{ say "not run: this machine allows no mount and PID namespaces"; exit 77; }
	memory_group=$(new_memory_group)
	[ -z "$memory_group" ] || on_exit "rmdir ${memory_group@Q}"
}

# root_sources SUITE: what the image has in its apt, from this machine's mirror.
root_sources() {
	local mirror security
	mirror=$(debian_mirror)
	[ -n "$mirror" ] || die "this machine's apt has no Debian mirror (see 'apt-get indextargets')"
	mirror=${mirror%/}
	printf 'deb %s %s main\n' "$mirror" "$1" "$mirror" "$1-updates"
	# Where the mirror has it, as the one of Debian.
	# shellcheck disable=SC2016 # $(…) is apt's
	security=$(apt-get indextargets 'Created-By: Packages' --format '$(REPO_URI) $(RELEASE)' 2>/dev/null |
		awk '$2 ~ /-security$/ { print $1; exit }')
	[ -z "$security" ] || printf 'deb %s %s-security main\n' "${security%/}" "$1"
}

root_new() {
	local dir=$1 suite=$2 cached=$KIT_CACHE/roots/$2.tar log=$BUILD/log/root-$2.log
	shift 2
	need_space "$BUILD" 4000 "a Debian system in a folder"
	on_exit "root_remove ${dir@Q}"
	root_remove "$dir"
	mkdir -p "$dir" "${cached%/*}"
	if [ -z "$(find "$cached" -mtime -7 2>/dev/null)" ]; then
		root_sources "$suite" >"$dir.list"
		run_logged "$log" 900 "making a minimal Debian $suite" mmdebstrap --quiet \
			--variant=minbase "$suite" "$cached.tmp.tar" "$dir.list" ||
			die "no Debian $suite could be made"
		rm -f "$dir.list"
		mv "$cached.tmp.tar" "$cached"
	fi
	tar -C "$dir" -xf "$cached" --numeric-owner
	cp -L /etc/resolv.conf /etc/hosts "$dir/etc/"
	[ $# -eq 0 ] || run_logged "$log" 1800 "installing $* in Debian $suite" \
		root_apt "$dir" "$@" || die "in Debian $suite, apt could not install: $*"
}

# root_apt DIR PACKAGE...: also for run_logged, which has it in another process.
root_apt() {
	# shellcheck disable=SC2016 # for the shell there
	"$KIT_ROOT/scripts/lib/as-container" "$1" /bin/sh -c \
		'apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "$@"' - "${@:2}"
}
export KIT_ROOT

root_remove() {
	local mount
	[ -d "$1" ] || return 0
	# What a run that was killed left mounted must not be emptied.
	while read -r mount; do
		umount "$mount" || die "cannot unmount $mount"
	done < <(awk -v d="$1/" 'index($2, d) == 1 { print $2 }' /proc/self/mounts | sort -r)
	rm -rf --one-file-system "$1"
}

root_share() { printf '%s %s %s\n' "$2" "${3:-rw}" "${4:-$2}" >>"$1/.kit-shared"; }

in_root() {
	local dir=$1 seconds=$2 rc=0
	shift 2
	# As a job, so that it ends when this program is ended.
	# shellcheck disable=SC2016 # for that shell
	timeout -k 5 "$seconds" bash -c '[ -z "$0" ] || echo $$ >"$0/cgroup.procs"; exec "$@"' \
		"$memory_group" "$KIT_ROOT/scripts/lib/as-container" "$dir" "$@" </dev/null &
	KIT_JOB=$!
	wait "$KIT_JOB" || rc=$?
	KIT_JOB=''
	return "$rc"
}

# new_memory_group: a control group with 4 GiB; nothing where none can be made.
new_memory_group() {
	local own group
	if [ -d /sys/fs/cgroup/memory ]; then
		own=$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)
		group=/sys/fs/cgroup/memory$own/kit.$$
		mkdir -p "$group" 2>/dev/null &&
			echo 4G 2>/dev/null >"$group/memory.limit_in_bytes" || group=''
	else
		group=/sys/fs/cgroup/kit.$$
		mkdir -p "$group" 2>/dev/null && echo 4G 2>/dev/null >"$group/memory.max" || group=''
	fi
	[ -n "$group" ] || warn "no memory limit: this machine lets no control group be made"
	printf '%s\n' "$group"
}
