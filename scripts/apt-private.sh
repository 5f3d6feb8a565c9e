# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A private state for apt, so that a suite that is not in the machine's own
# sources can be used without touching them. Sourced after lib.sh.
#
# apt_private NAME SUITE [also-own]: afterwards "${APT_GET[@]}" and
# "${APT_CACHE[@]}" know SUITE of the Debian mirror that this machine uses
# (with also-own: beside the machine's own sources) and nothing else.

# debian_mirror: the URI of the mirror that the machine's apt takes Debian from.
debian_mirror() {
	local codename
	codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
	# Origin and label are only known once the machine has its lists;
	# without, the first source of the machine's own release is it.
	# shellcheck disable=SC2016 # $(…) is apt's
	apt-get indextargets 'Created-By: Packages' \
		--format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)/$(LABEL)' 2>/dev/null |
	awk -v codename="$codename" '
		$3 != "main" { next }
		$4 == "Debian/Debian" && !best { best = $1 }
		$2 == codename && $4 !~ /^[A-Za-z]/ && !other { other = $1 }
		END { print best ? best : other }'
}

apt_private() {
	local name=$1 suite=$2 own=${3:-} dir=$KIT_CACHE/apt/$1 mirror keyring
	keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	mirror=$(debian_mirror)
	[ -n "$mirror" ] ||
		die "this machine's apt has no Debian mirror to get $suite from (see 'apt-get indextargets')"
	[ -f "$keyring" ] ||
		die "$keyring is missing: install it with 'apt-get install debian-archive-keyring'"
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/parts"
	write_atomic "$dir/parts/$name.sources" <<-END
		Types: deb
		URIs: $mirror
		Suites: $suite
		Components: main
		Signed-By: $keyring
	END
	{
		# The machine's settings (a proxy, say), but no hooks, pins or default release.
		apt-config dump | grep -v -i -e 'Invoke' -e '^APT::Default-Release' \
			-e '^Dir::Etc::parts' -e '^Dir::Etc::main' -e '::IndexTargets::'
		cat <<-END
			Dir::Etc::parts "/dev/null";
			Dir::Etc::main "/dev/null";
			Dir::Etc::preferences "/dev/null";
			Dir::Etc::preferencesparts "/dev/null";
			Dir::Etc::sourceparts "$dir/parts";
			Dir::State::lists "$dir/lists";
			Dir::Cache "$dir/cache";
			Dir::Log "$dir";
			Acquire::Languages "none";
			Acquire::http::Timeout "30";
			Acquire::https::Timeout "30";
			Acquire::Retries "3";
			APT::Sandbox::User "root";
			APT::Get::List-Cleanup "false";
			Binary::apt-get::Acquire::AllowInsecureRepositories "false";
		END
		if [ -n "$own" ]; then
			cat <<-END
				Dir::Etc::sourcelist "$dir/none.list";
			END
		else
			cat <<-END
				Dir::Etc::sourcelist "$dir/none.list";
			END
		fi
	} | write_atomic "$dir/apt.conf"
	: >"$dir/none.list"
	if [ -n "$own" ]; then
		find "$dir/parts" -name 'own-*' -delete
		[ ! -s /etc/apt/sources.list ] || cp /etc/apt/sources.list "$dir/parts/own-main.list"
		find /etc/apt/sources.list.d -maxdepth 1 \( -name '*.list' -o -name '*.sources' \) 2>/dev/null |
			while read -r file; do
				cp "$file" "$dir/parts/own-$(basename "$file")"
			done
	fi
	APT_GET=(env "APT_CONFIG=$dir/apt.conf" apt-get -q)
	APT_CACHE=(env "APT_CONFIG=$dir/apt.conf" apt-cache -q)
}
