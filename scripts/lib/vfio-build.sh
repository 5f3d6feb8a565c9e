# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What scripts/gates/check-series and scripts/gates/check-archs share: drivers/vfio/ of any
# commit of the grafted tree, built in a work tree of its own, and the warnings
# of that. Sourced after common.sh.
#
#	vfio_begin BASE		the trees: $main (grafted), $tree (the work tree)
#				and the commits: $first (unpatched), $last
#	vfio_key COMMIT		a hash of what is built; more of it on stdin
#	vfio_build OUT COMMIT FILE WHAT FRAGMENT... -- MAKE ARGUMENTS...
#				the sorted warnings go to FILE, the log to FILE.log
#	vfio_new_warnings A B	those that B has and A does not

vfio_begin() {
	vfio_base=$1
	main=$BUILD/linux-$1
	tree=$BUILD/linux-$1-series
	first=$(kgit -C "$main" rev-parse 'refs/tags/base^{commit}')
	last=$(kgit -C "$main" rev-parse HEAD)
}

# A second work tree, so that going through the commits does not touch the one
# that other builds use.
vfio_tree() {
	if [ "$(kgit -C "$tree" rev-parse --git-common-dir 2>/dev/null)" != "$main/.git" ]; then
		need_space "$BUILD" 2500 "a tree to build the series in"
		rm -rf "$tree"
		kgit -C "$main" worktree prune
		run_logged "$BUILD/log/tree-$vfio_base.log" 600 "checking out a tree for the series" \
			env GIT_CONFIG_GLOBAL=/dev/null git -C "$main" -c core.hooksPath=/dev/null \
			worktree add -f --detach "$tree" "$first" ||
			die "no tree to build the series in"
	fi
	rm -f "$(kgit -C "$tree" rev-parse --absolute-git-dir)/index.lock"
}

vfio_key() {
	{
		cat
		echo "recipe 2"
		kgit -C "$main" rev-parse "$1^{tree}"
		[ "$1" != "$last" ] || (cd "$KIT_ROOT" && find Kbuild Kconfig kunit variants -type f \
			! -name '*_kunit.c' ! -path 'kunit/*.[ch]' -exec sha256sum {} + | sort -k 2)
	} | sha
}

vfio_build() {
	local out=$1 commit=$2 file=$3 what=$4 fragments=() missing log=$3.log
	shift 4
	while [ "$1" != -- ]; do fragments+=("$1"); shift; done
	shift
	vfio_tree
	kgit -C "$tree" checkout -q -f --detach "$commit"
	mkdir -p "$out"
	{
		cat "${fragments[@]}"
		if [ "$commit" = "$last" ]; then
			echo CONFIG_VFIO_PCI_VARIANT_KIT=y
			sed -n 's/^config \(.*_VFIO_PCI\)$/CONFIG_\1=m/p' "$KIT_ROOT"/variants/*/Kconfig
		fi
	} >"$out/.kit-wanted"
	run_logged "$log" 600 "configuring for $what" \
		bash -c 'kmake "$@"' - -s -C "$tree" "O=$out" "$@" \
		"KCONFIG_ALLCONFIG=$out/.kit-wanted" allnoconfig || return 1
	missing=$(config_misses "$out/.kit-wanted" "$out/.config")
	if [ -n "$missing" ]; then
		say "cannot be had in Linux $vfio_base: $missing"
		return 1
	fi
	# Everything in drivers/vfio is built anew, so that all warnings are
	# seen; ccache repeats those of what it knows.
	rm -rf "$out/drivers/vfio"
	run_logged "$log" 3600 "building drivers/vfio with $what" \
		bash -c 'kmake "$@"' - -s -C "$tree" "O=$out" "$@" W=1 drivers/vfio/ || return 1
	if grep -q 'specified, but sparse' "$log"; then
		say "sparse does not work here (log: ${log#"$KIT_ROOT"/})"
		return 1
	fi
	# Without line numbers, which each patch moves.
	{ grep -E '(warning|error):' "$log" || :; } |
		sed -E -e 's/:[0-9]+:[0-9]+:/:/g; s/:[0-9]+:/:/g' -e 's,^(\.\./)*,,' \
			-e 's,^.*(drivers/vfio/),\1,' | sort >"$file.tmp"
	mv "$file.tmp" "$file"
}

vfio_new_warnings() { comm -13 "$1" "$2"; }
