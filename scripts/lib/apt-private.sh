# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A private state for apt, so that a suite that is not in the machine's own
# sources can be used without touching them. Sourced after common.sh.
#
# apt_private NAME SUITE [also-own]: afterwards "${APT_GET[@]}" and
# "${APT_QUERY[@]}" know SUITE of the Debian mirror that this machine uses
# (with also-own: beside the machine's own sources) and nothing else. Without a SUITE,
# the machine's own sources alone.

# os_value NAME: of os-release; nothing if it has none.
os_value() {
	# shellcheck source=/dev/null
	(. "${KIT_OS_RELEASE:-/etc/os-release}" 2>/dev/null && printf '%s' "${!1:-}") || :
}

# debian_mirror: the URI of the mirror that the machine's apt takes Debian from.
debian_mirror() {
	local codename info
	codename=$(os_value VERSION_CODENAME)
	# Origin and label are only known once the machine has its lists; a fresh one
	# shows its sources only without. Then the first of its own release is it.
	# shellcheck disable=SC2016 # $(…) is apt's
	for info in yes no; do
		apt-get -o "APT::Get::IndexTargets::ReleaseInfo=$info" indextargets 'Created-By: Packages' \
			--format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)/$(LABEL)' 2>/dev/null
	done | awk -v codename="$codename" '
		$3 != "main" { next }
		$4 == "Debian/Debian" && !best { best = $1 }
		$2 == codename && $4 !~ /^[A-Za-z]/ && !other { other = $1 }
		END { print best ? best : other }'
}

# unreachable LOG: why the mirror could not be reached, if that is what apt says in LOG;
# a suite that the mirror does not have is something else.
unreachable() {
	grep -m1 -o -i -e 'Could not resolve .*' -e 'Temporary failure resolving .*' \
		-e 'Could not connect to .*' -e 'Cannot initiate the connection .*' \
		-e 'Connection \(failed\|timed out\|refused\).*' -e 'Unable to connect to .*' \
		-e 'Could not handshake.*' -e 'Network is unreachable.*' "$1"
}

apt_private() {
	local suite=$2 own=${3:-} dir=$KIT_CACHE/apt/$1 mirror='' keyring parts=/dev/null
	keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	if [ -n "$suite" ]; then
		mirror=$(debian_mirror)
		[ -n "$mirror" ] ||
			die "this machine's apt has no Debian mirror to get $suite from (see 'apt-get indextargets')"
		[ -f "$keyring" ] ||
			die "$keyring is missing: install it with 'apt-get install debian-archive-keyring'"
	fi
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	{
		[ -z "$own" ] || cat /etc/apt/sources.list 2>/dev/null || :
		[ -z "$suite" ] || echo "deb [signed-by=$keyring] $mirror $suite main"
	} | write_atomic "$dir/kit.list"
	[ -z "$own" ] || parts=/etc/apt/sources.list.d
	{
		# The machine's settings (a proxy, say), but no hooks, pins or
		# default release. Everything is downloaded by who runs this: as
		# _apt, root's apt could not write to a folder in a home.
		apt-config dump | grep -v -i -e 'Invoke' -e '^APT::Default-Release' \
			-e '^Dir::Etc::parts' -e '^Dir::Etc::main' -e '::IndexTargets::'
		cat <<-END
			Dir::Etc::parts "/dev/null";
			Dir::Etc::main "/dev/null";
			Dir::Etc::preferences "/dev/null";
			Dir::Etc::preferencesparts "/dev/null";
			Dir::Etc::sourcelist "$dir/kit.list";
			Dir::Etc::sourceparts "$parts";
			Dir::State::lists "$dir/lists";
			Dir::Cache "$dir/cache";
			Acquire::Languages "none";
			Acquire::http::Timeout "30";
			Acquire::https::Timeout "30";
			Acquire::Retries "3";
			APT::Update::Error-Mode "any";
			APT::Sandbox::User "root";
		END
	} | write_atomic "$dir/apt.conf"
	# shellcheck disable=SC2034 # used by who sources this
	APT_GET=(env "APT_CONFIG=$dir/apt.conf" apt-get -q)
	# shellcheck disable=SC2034
	APT_QUERY=(env "APT_CONFIG=$dir/apt.conf" apt-cache -q)
}
