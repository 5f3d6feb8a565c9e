# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# Where the kit works: the checkout, build/ and the cache. A part of common.sh.

# place_of_build: with KIT_BUILD, build/ is in that folder, beside links to what is in
# the checkout. A grafted tree finds the kit by the way from build/ upwards, and so
# finds these.
place_of_build() {
	BUILD=$KIT_ROOT/build
	[ -n "${KIT_BUILD:-}" ] || return 0
	case $KIT_BUILD in
	/*) ;;
	*) KIT_BUILD=$PWD/$KIT_BUILD ;;
	esac
	export KIT_BUILD
	BUILD=$KIT_BUILD/build
}
link_checkout() {
	local entry
	[ -n "${KIT_BUILD:-}" ] || return 0
	[ "$(cd "$KIT_BUILD" && pwd -P)" != "$KIT_ROOT" ] || return 0
	for entry in "$KIT_ROOT"/*; do
		[ "${entry##*/}" = build ] || [ "$(readlink "$KIT_BUILD/${entry##*/}")" = "$entry" ] ||
			ln -sfn "$entry" "$KIT_BUILD/"
	done
}

# check_writable FOLDER "what to do": before anything is written to it, or to the first
# folder above that exists; and made by nobody else, two levels deep.
check_writable() {
	local dir=$1 owner me found
	me=$(id -un 2>/dev/null || id -u)
	while [ ! -e "$dir" ]; do dir=$(dirname "$dir"); done
	[ -d "$dir" ] || die "$dir is not a folder: $2"
	owner=$(stat -c %U "$dir")
	if [ ! -w "$dir" ] || [ ! -x "$dir" ]; then
		if [ "$owner" = "$me" ] || [ "$(id -u)" -eq 0 ]; then
			die "$dir is read-only: $2"
		fi
		die "$dir belongs to $owner, and $me may not write there: run this as $owner, or $2"
	fi
	[ "$dir" = "$1" ] || return 0
	# A tree of another user, git would not touch, not even as root.
	found=$(find "$dir" -maxdepth 2 ! -type l \( ! -writable -o -name .git ! -uid "$(id -u)" \
		! -uid "${SUDO_UID:-0}" \) -print -quit 2>/dev/null) || :
	[ -z "$found" ] ||
		die "$found belongs to $(stat -c %U "$found"), and this runs as $me: give all of $1 to one user (chown -R), or $2"
}

# check_place: each command does it before anything else.
check_place() {
	local path
	case $KIT_JOBS in
	''|0|*[!0-9]*) die "KIT_JOBS is a number, not '$KIT_JOBS'" ;;
	esac
	[ "$KIT_CACHE" != /vfio-variant-kit ] ||
		die "HOME is not set: set KIT_CACHE to a folder for downloads"
	for path in "$KIT_ROOT" "$BUILD"; do
		[[ ! $path =~ [[:space:]:] ]] ||
			die "the kernel's build takes no path with white space or a colon, rename the folder: $path"
	done
	check_writable "$BUILD" "let build/ lie elsewhere: KIT_BUILD=FOLDER"
	check_writable "$KIT_CACHE" "let the cache lie elsewhere: KIT_CACHE=FOLDER"
	[ -z "${KIT_BUILD:-}" ] || mkdir -p "$BUILD"
	link_checkout
}
