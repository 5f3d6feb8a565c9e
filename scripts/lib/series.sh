# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The patch series and the git trees that are made of it. A part of common.sh.

# git as the kit uses it in trees of its own: nobody's settings, hooks or keys.
kgit() {
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_EDITOR=: \
	GIT_COMMITTER_NAME='VFIO variant-driver kit' GIT_COMMITTER_EMAIL=kit@localhost \
		git -c gc.auto=0 -c core.hooksPath=/dev/null -c advice.detachedHead=false \
		    -c maintenance.auto=false "$@"
}

# own_checkout: is the kit a git checkout of its own? It is none where an archive
# of it was unpacked, be it inside of another project's checkout.
own_checkout() {
	local top
	top=$(git -C "$KIT_ROOT" rev-parse --show-toplevel 2>/dev/null) && [ "$top" = "$KIT_ROOT" ]
}

# is_checkout DIR: is it a bare repository, or the top of a git checkout? With
# changes that are not committed, a warning.
is_checkout() {
	git -C "$1" rev-parse -q --verify HEAD >/dev/null 2>&1 || return 1
	[ "$(git -C "$1" rev-parse --is-bare-repository)" = false ] || return 0
	[ "$(git -C "$1" rev-parse --show-toplevel)" = "$(cd "$1" && pwd -P)" ] || return 1
	git -C "$1" diff --quiet HEAD -- 2>/dev/null ||
		warn "$1 has changes that are not committed; they are left out"
}

# series_parts BASE: the parts of the series, one a line: letter, number of its last
# patch, what it is. In core-patch/vBASE/series a part begins with "# part X: ...".
series_parts() {
	local series=$KIT_ROOT/core-patch/v$1/series
	[ -f "$series" ] || return 0
	awk '/^# part [A-Z]: / {
			if (part) print part, n, title
			part = substr($3, 1, 1); title = substr($0, 11); next
		}
		/^#/ || !NF { next }
		{ n++ }
		END { if (part) print part, n, title }' "$series"
}

# parts_end BASE PARTS: the number of the last patch of PARTS, "A-C" or just "A". Each
# part needs those before it.
parts_end() {
	local known letter n
	known=$(series_parts "$1" | cut -d' ' -f1 | paste -sd ' ')
	[[ $2 =~ ^A(-[A-Z])?$ ]] ||
		die "PARTS=$2: name a range from A on, like A-C; each part needs those before it (known: $known)"
	while read -r letter n _; do
		[ "$letter" != "${2: -1}" ] || { printf '%s\n' "$n"; return; }
	done < <(series_parts "$1")
	die "PARTS=$2: there is no part ${2: -1} (known: $known)"
}

# series_patches BASE [PARTS]: the paths of the patches of core-patch/vBASE, in order;
# of all parts, or of these.
series_patches() {
	local dir=$KIT_ROOT/core-patch/v$1 name end
	[ -f "$dir/series" ] || return 0
	if [ -n "${2:-}" ]; then
		end=$(parts_end "$1" "$2")
		series_patches "$1" | sed -n "1,${end}p"
		return
	fi
	while read -r name; do
		case $name in
		''|'#'*) continue ;;
		esac
		[ -f "$dir/$name" ] || die "core-patch/v$1/series names $name, which does not exist"
		printf '%s\n' "$dir/$name"
	done <"$dir/series"
}

# part_of BASE NUMBER: the part that this patch is in.
part_of() {
	local letter end
	while read -r letter end _; do
		[ "$2" -gt "$end" ] || { printf '%s\n' "$letter"; return; }
	done < <(series_parts "$1")
}

# cases_since BASE: the KUnit cases that do not hold on the unpatched source, and the
# number of the patch from which on each does: "NUMBER CASE".
cases_since() {
	local patches slug test n
	mapfile -t patches < <(series_patches "$1")
	while read -r slug test; do
		case $slug in
		''|'#'*) continue ;;
		esac
		for ((n = 0; n < ${#patches[@]}; n++)); do
			[[ ${patches[n]} != *"$slug"* ]] || break
		done
		[ "$n" -lt ${#patches[@]} ] || die "kunit/since: no patch of the series is called '$slug'"
		grep -q -w -e "$test" "$KIT_ROOT"/kunit/*_{test,cases}.c "$KIT_ROOT"/variants/*/*_kunit.c ||
			die "kunit/since: there is no test '$test'"
		printf '%s %s\n' $((n + 1)) "$test"
	done <"$KIT_ROOT/kunit/since"
}

# needs_later TREE FILE: does the driver's FILE use what this tree, which has only the
# first patches of the series, does not have? Prints it.
needs_later() {
	local word trace=trace/events/vfio_pci.h
	if grep -q "$trace" "$2" && [ ! -e "$1/include/$trace" ]; then
		printf '%s\n' "$trace"
		return
	fi
	for word in $(grep -o -w -e 'vfio_pci_core_[a-z_]*' -e zap_bars_on_revoke "$2" | sort -u) \
		$(sed -n '/^static const struct vfio_pci_device_ops/,/^}/s/^\t\.\([a-z_]*\).*/\1/p' "$2"); do
		grep -q -w "$word" "$1/include/linux/vfio_pci_core.h" || { printf '%s\n' "$word"; return; }
	done
	while read -r word; do
		grep -q -w "$word" "$1/include/uapi/linux/vfio.h" || { printf '%s\n' "$word"; return; }
	done < <(grep -o -w 'vfio_region_info_cap_[a-z_]*' "$2" | sort -u)
	return 1
}

# part_with BASE WORD: the part whose patches bring it.
part_with() {
	local patch n=0
	while IFS= read -r patch; do
		n=$((n + 1))
		! grep -q "^+.*\b$2\b" "$patch" || { part_of "$1" $n; return; }
	done < <(series_patches "$1")
}

# patched_files PATCH...: every file that they touch.
patched_files() {
	sed -n -e 's,^--- a/\([^	]*\).*,\1,p' -e 's,^+++ b/\([^	]*\).*,\1,p' \
		-e 's,^rename from ,,p' -e 's,^rename to ,,p' "$@" | sort -u
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

# series_begin: $main (the grafted tree of $base), $tree (a second work tree of it,
# so that going through the commits does not touch the one that other builds use)
# and its commits $first (unpatched) and $last.
# shellcheck disable=SC2034,SC2154 # for who calls it; set_base's
series_begin() {
	main=$BUILD/linux-$base
	tree=$BUILD/linux-$base-series
	first=$(kgit -C "$main" rev-parse 'refs/tags/base^{commit}')
	last=$(kgit -C "$main" rev-parse HEAD)
}

# series_tree: make $tree if it is not there.
series_tree() {
	if [ "$(kgit -C "$tree" rev-parse --git-common-dir 2>/dev/null)" != "$main/.git" ]; then
		need_space "$BUILD" 2500 "a tree to build the series in"
		rm -rf "$tree"
		kgit -C "$main" worktree prune
		run_logged "$BUILD/log/tree-$base.log" 600 "checking out a tree for the series" \
			env GIT_CONFIG_GLOBAL=/dev/null git -C "$main" -c core.hooksPath=/dev/null \
			worktree add -f --detach "$tree" "$first" ||
			die "no tree to build the series in"
	fi
	rm -f "$(kgit -C "$tree" rev-parse --absolute-git-dir)/index.lock"
}

# sparse_copy TREE COPY: a repository that has, when something is checked out, the files
# by which the kernel's scripts know a kernel, and the paths on stdin. All of them take
# minutes.
sparse_copy() {
	kgit clone -q --shared --no-checkout "$1" "$2"
	{
		printf '%s\n' '/*' '!/*/' '/*/Kconfig' '/*/Makefile' /include/linux/kernel.h \
			/scripts/ /LICENSES/
		cat
	} | kgit -C "$2" sparse-checkout set --no-cone --stdin
}

# series_copy TREE COPY: one with the series of a grafted tree on a branch, without the
# kit, and with the folders of part F.
series_copy() {
	local main=$1 copy=$2
	printf '%s\n' /Documentation/driver-api/ /drivers/vfio/ /include/linux/vfio_pci_core.h \
		/tools/testing/selftests/Makefile /tools/testing/selftests/vfio/ |
		sparse_copy "$main" "$copy"
	kgit -C "$copy" checkout -q -B series "$(kgit -C "$main" rev-list -1 --invert-grep \
		--grep='^Graft the variant-driver kit$' HEAD)"
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

# checkpatch STAMP OPTION... -- FILE...: what checkpatch --strict of the grafted tree finds
# in files or patches. Not again when all were clean before and are as they were.
checkpatch() {
	local stamp=$1 main=$BUILD/linux-$base options=() key found rc=0
	shift
	while [ "$1" != -- ]; do options+=("$1"); shift; done
	shift
	[[ $1 == *.patch ]] || options+=(-f)
	mkdir -p "$(dirname "$stamp")"
	key=$({ echo "${options[*]}"; sha256sum "$main/scripts/checkpatch.pl" "$@"; } | sha)
	! unchanged "$stamp" "$key" checkpatch 2>/dev/null || return 0
	found=$(perl "$main/scripts/checkpatch.pl" "--root=$main" --strict --terse --no-summary \
		--quiet --show-types "${options[@]}" "$@" 2>"$stamp.error" </dev/null) || rc=$?
	# The traceback of a spdxcheck without its library is no finding.
	[ -n "$found" ] || [ "$rc" -eq 0 ] || found=$(cat "$stamp.error")
	[ -z "$found" ] || { printf '%s\n' "$found"; return 1; }
	mark_done "$stamp" "$key"
}
