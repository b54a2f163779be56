#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs Debian's packages of SoftEther that are named, as root, but has their services started neither now nor when
# the machine starts: the tests and benches run the programs themselves.
set -eu

# What invoke-rc.d and deb-systemd-invoke ask before they start anything: 101 forbids it.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap 'rm -f "$policy"' EXIT
	trap 'exit 1' HUP INT TERM
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi
for package; do
	status=0
	"$policy" "$package" start || status=$?
	[ "$status" -eq 101 ] || {
		echo "$policy lets the service of $package start" >&2
		exit 1
	}
done

apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
for package; do
	[ ! -e "/etc/init.d/$package" ] || update-rc.d "$package" disable
	[ ! -e "/lib/systemd/system/$package.service" ] || ! command -v systemctl >/dev/null ||
		systemctl disable "$package.service"
done
