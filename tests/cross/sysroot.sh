#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fetches what Debian has of packages for another architecture, with all that they depend on, and unpacks it, unless
# that was done: sysroot.sh ARCHITECTURE DIRECTORY PACKAGE...
#
# The files end up in DIRECTORY/sysroot, and DIRECTORY/meson.ini says so to the files of this directory. Nothing is
# installed, and the system's dpkg does not learn of the architecture: apt is given a state of its own, in which nothing
# is installed, and the sources, keys and proxies of the system.
set -eu
case $1 in
aarch64) architecture=arm64 ;;
*) architecture=$1 ;;
esac
mkdir -p "$2"
directory=$(cd "$2" && pwd)
shift 2

made="# $*
[constants]
sysroot = '$directory/sysroot'"
[ "$(cat "$directory/meson.ini" 2>/dev/null)" != "$made" ] || exit 0

rm -rf "$directory/apt" "$directory/unpacked" "$directory/sysroot"
mkdir -p "$directory/apt/lists/partial" "$directory/apt/archives/partial" "$directory/unpacked"
: >"$directory/apt/status"
# Nobody asks for the rights of the user _apt, who may not reach this directory. The hooks are about the system's state.
cat >"$directory/apt/conf" <<-END
	APT::Architecture "$architecture";
	#clear APT::Architectures;
	APT::Sandbox::User "root";
	Dir::State "$directory/apt";
	Dir::State::status "$directory/apt/status";
	Dir::Cache "$directory/apt";
	Dir::Log "$directory/apt";
	Debug::NoLocking "true";
	Acquire::Languages "none";
	#clear APT::Update;
	#clear DPkg;
END
apt-get -c "$directory/apt/conf" update
apt-get -c "$directory/apt/conf" install -y --no-install-recommends --download-only "$@"
for package in "$directory"/apt/archives/*.deb; do
	dpkg-deb -x "$package" "$directory/unpacked"
done
rm -rf "$directory/apt"
mv "$directory/unpacked" "$directory/sysroot"
echo "$made" >"$directory/meson.ini" # last: where there is one, all is there
