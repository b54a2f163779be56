# SPDX-License-Identifier: Apache-2.0
# What the scripts next to this share; they set "program" to what they run.
# shellcheck shell=sh

skip() {
	echo "$program: skipped: $*" >&2
	exit 77
}

# Installs Debian packages, or says why not. Only a peer's script calls this: Weir itself needs none of them.
install_packages() {
	command -v apt-get >/dev/null || skip "install what Debian calls $*"
	sudo=
	if [ "$(id -u)" -ne 0 ]; then
		sudo -n true 2>/dev/null || skip "$* is missing, and installing it takes root"
		sudo='sudo -n'
	fi
	echo "$program: installing $*" >&2
	$sudo sh -c "{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $*; } >&2" ||
		skip "$* cannot be installed"
}

# Builds a program of bench/peers and becomes it. A build directory that was set up before the peer was installed
# does not know it.
build_and_run() {
	name=$1
	shift
	ninja -C "$build" -t query "bench/peers/$name" >/dev/null 2>&1 || meson setup --reconfigure "$build" >&2
	ninja -C "$build" "bench/peers/$name" >&2
	exec "$build/bench/peers/$name" "$@"
}

build=$(dirname "$0")/../../build/release
