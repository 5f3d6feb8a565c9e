# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# shellcheck disable=SC2154 # of who sources this
#
# The self-test of scripts/series-mail, sourced by it: a tree with three patches, whose
# get_maintainer.pl goes by the names of the files.

# mail_test_tree DIR: the tree, and beside it fixes, cover and a home with an identity.
mail_test_tree() {
	local dir=$1 tree=$1/tree n
	mkdir -p "$tree/scripts" "$dir/home"
	cat >"$tree/scripts/get_maintainer.pl" <<-'END'
		my $patch = pop @ARGV;
		open(my $f, '<', $patch) or die;
		my $text = join('', <$f>);
		my $lists = grep { $_ eq '--nom' } @ARGV;
		exit if $text =~ m,/nobodys,;
		print "Kit <m\@kit.example>\n" if $text =~ m,/placeholders, && !$lists;
		print $lists ? "list\@lists.test\n" : "Maintainer <m\@kernel.test>\n";
	END
	# What "b4 prep --check" runs, with the patch on stdin.
	cat >"$tree/scripts/checkpatch.pl" <<-'END'
		#!/usr/bin/perl
		my $known = grep { $_ eq 'UNKNOWN_COMMIT_ID' } @ARGV;
		while (<STDIN>) {
			print "-:1: WARNING: a mistake\n" if /^\+mistake/;
			print "-:1: WARNING: Unknown commit id\n" if /^Fixes:/ && !$known;
		}
	END
	chmod +x "$tree/scripts/checkpatch.pl"
	commit_all "$tree" 'the source'
	kgit -C "$tree" tag base
	for n in one two three; do
		echo "$n" >"$tree/$n"
		commit_all "$tree" "sub: Fix $n

It was broken.

${kit_authors:?}<x@kit.example>"
	done
	printf '# slug commit title\nFix-one 0123456789abcdef ("sub: Break one")\nFix-two - (needed)\n' >"$dir/fixes"
	printf '# SPDX\nsub: Fix it all\n\nThis is the letter.\n' >"$dir/cover"
	HOME=$dir/home git config --global user.name 'Some One'
	HOME=$dir/home git config --global user.email someone@kernel.test
}

commit_all() {
	[ -d "$1/.git" ] || kgit init -q "$1"
	kgit -C "$1" add -A
	GIT_AUTHOR_NAME=kit GIT_AUTHOR_EMAIL=kit@localhost kgit -C "$1" commit -q -m "$2"
}

# refused "what" WORDS [FIRST LAST]: it writes nothing, and says so in these words.
refused() {
	local what=$1 words=$2 dir=$tmp/self
	if (mails "$dir/tree" "$dir/fixes" "$dir/cover" "${3:-1}" "${4:-3}" "$dir/refused") >"$tmp/said" 2>&1; then
		fail "$what: was not refused"
	elif ! grep -q -e "$words" "$tmp/said"; then
		cat "$tmp/said" >&2
		fail "$what: refused, but not for that"
	elif [ -e "$dir/refused" ]; then
		fail "$what: refused, but mails were written"
	else
		pass "refused: $what"
	fi
}

# has FILE LINE "what": the mail has that line.
has() {
	if grep -q -x -e "$2" "$tmp/self/out/$1"; then
		pass "$3"
	else
		fail "$3: $1 has no line '$2'"
	fi
}

mail_self_test() {
	local dir=$tmp/self
	mkdir -p "$dir"
	export HOME=$dir/home GIT_CONFIG_NOSYSTEM=1
	unset GIT_CONFIG_GLOBAL GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL
	mail_test_tree "$dir"
	# Not the identity that the checkout of the kit may have.
	cd "$dir" || die "no folder $dir"

	if (mails "$dir/tree" "$dir/fixes" "$dir/cover" 1 2 "$dir/out") >&2; then
		pass "a part that lacks nothing"
	else
		fail "a part that lacks nothing: was refused"
	fi
	has 0000-cover-letter.patch 'Subject: \[PATCH 0/2\] sub: Fix it all' "the subject of the letter"
	has 0000-cover-letter.patch 'This is the letter.' "the text of the letter"
	has 0001-sub-Fix-one.patch 'From: Some One <someone@kernel.test>' "the author"
	has 0001-sub-Fix-one.patch 'Signed-off-by: Some One <someone@kernel.test>' "the signature"
	has 0001-sub-Fix-one.patch 'Fixes: 0123456789ab ("sub: Break one")' "Fixes:"
	has 0001-sub-Fix-one.patch 'Cc: stable@vger.kernel.org' "Cc: stable"
	has 0002-sub-Fix-two.patch 'To: Maintainer <m@kernel.test>' "the maintainer"
	if grep -q -s -e 'kit authors' -e '\.example' "$dir"/out/* || [ ! -d "$dir/out" ]; then
		fail "the signature of the kit: still there"
	else
		pass "no signature of the kit"
	fi
	has 0002-sub-Fix-two.patch 'Cc: stable@vger.kernel.org' "Cc: stable of what a fix needs"
	if [ ! -f "$dir/out/0002-sub-Fix-two.patch" ] ||
		grep -q '^Fixes:' "$dir/out/0002-sub-Fix-two.patch"; then
		fail "a patch that fixes nothing: has Fixes:"
	else
		pass "no Fixes: where nothing is fixed"
	fi
	refused "a patch of part A without a line in fixes" 'Fix-three.patch: .*no line' 3 3
	if (part=B mails "$dir/tree" "$dir/fixes" "$dir/cover" 3 3 "$dir/other") >&2 &&
		! grep -q '^Fixes:\|^Cc: stable' "$dir"/other/0001-*.patch; then
		pass "no tags, and none asked for, in another part"
	else
		fail "no tags, and none asked for, in another part"
	fi

	printf 'Fix-two ? the commit that added two\n' >>"$dir/fixes"
	refused "a fix without a commit" 'Fix-two.patch: .*no commit'
	sed -i '$d' "$dir/fixes"
	printf 'Fix-two 0123 ("too short")\n' >>"$dir/fixes"
	refused "a commit of four digits" 'Fix-two.patch: .*12 digits'
	sed -i '$d' "$dir/fixes"
	git config --global user.email someone@kit.example
	refused "a sender without an address" 'ends in .example'
	git config --global --unset user.email
	refused "a sender without a name in git" 'does not know you'
	git config --global user.email someone@kernel.test
	mkdir -p "$dir/full" && : >"$dir/full/file"
	if (mails "$dir/tree" "$dir/fixes" "$dir/cover" 1 2 "$dir/full") >/dev/null 2>&1; then
		fail "a folder with files in it: was taken"
	else
		pass "refused: a folder with files in it"
	fi
	echo 'M: x <x@kit.example>' >"$dir/tree/four"
	commit_all "$dir/tree" 'sub: Add an address'
	refused "an address in a patch" 'Add-an-address.patch: adds an address' 4 4
	echo x >"$dir/tree/nobodys"
	commit_all "$dir/tree" 'sub: Change what nobody maintains'
	refused "a patch without a maintainer" 'nobody-maintains.patch: no maintainer' 5 5
	refused "a patch without a list" 'nobody-maintains.patch: no list' 5 5
	echo x >"$dir/tree/placeholders"
	commit_all "$dir/tree" 'sub: Change what a placeholder maintains'
	refused "a maintainer without an address" 'placeholder-maintains.patch: MAINTAINERS names' 6 6
	echo mistake >"$dir/tree/five"
	commit_all "$dir/tree" 'sub: Add a mistake

It is wrong.'
	if b4_can_check; then
		refused "a mistake that b4 finds" 'b4 prep --check has failed' 7 7
	else
		skip "a mistake that b4 finds: there is no b4 0.14 or later"
	fi
	tell_counts
}
