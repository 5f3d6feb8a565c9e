#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What the CI files here do, for Jenkins ("Execute shell": sh ci.sh) and for people.
# Copy it to the repository of a variant driver, which has the driver in the folder
# DRIVER and the kit as a submodule in kit/. For a Debian system, as root or with
# sudo. JUnit: kit/build/kunit/*/results.xml. Keep the folder KIT_CACHE between runs.

set -eu
DRIVER=${DRIVER:-driver}
git submodule update --init kit
kit/scripts/setup base lint qemu
kit/scripts/lint "$DRIVER"
for arch in uml x86_64; do
	kit/scripts/run-kunit --arch "$arch" --variant "$DRIVER"
done
