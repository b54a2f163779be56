# SPDX-License-Identifier: Apache-2.0
# What the scripts next to this share.
# shellcheck shell=sh

say() {
	echo "bench/peers/${0##*/}: $*" >&2
}

skip() {
	say "skipped: $*"
	exit 77
}

# Installs what Debian calls $1 by the rest of the words, run as root, or says why not. Weir itself needs none of them.
install_by() {
	package=$1
	shift
	have apt-get || skip "install what Debian calls $package"
	if [ "$(id -u)" -ne 0 ]; then
		sudo -n true 2>/dev/null || skip "$package is missing, and installing it takes root"
		set -- sudo -n "$@"
	fi
	say "installing $package"
	"$@" >&2 </dev/null || skip "$package cannot be installed"
}

install() {
	install_by "$1" sh -c \
		"apt-get update; DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $1"
}

# A user's PATH may lack where these are.
have() {
	PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null
}

# Installs the package $2 if there is no command $1.
need() {
	have "$1" || install "$2"
}

# Builds a program of bench/peers and becomes it.
build_and_run() {
	build=$(dirname "$0")/../../build/release
	name=$1
	shift
	# A build directory that was set up before the peer was installed does not know the program.
	ninja -C "$build" -t query "bench/peers/$name" >/dev/null 2>&1 || meson setup --reconfigure "$build" >&2
	ninja --quiet -C "$build" "bench/peers/$name" >&2
	PATH=$PATH:/usr/sbin:/sbin
	exec "$build/bench/peers/$name" "$@"
}
