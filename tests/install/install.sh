#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs a build, and uses the library as a program outside does: install.sh BUILD_DIRECTORY
set -eu
cd "$(dirname "$0")"
: "${CC:=cc}" "${CXX:=c++}"
command -v "$CXX" >/dev/null || {
	echo "there is no C++ compiler ($CXX)"
	exit 77
}

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
DESTDIR=$root meson install -C "$1" --quiet
export PKG_CONFIG_SYSROOT_DIR="$root"
PKG_CONFIG_PATH=$(dirname "$(find "$root" -name weir.pc)")
export PKG_CONFIG_PATH
library=$(find "$root" -name libweir.so)
headers=$(dirname "$(find "$root" -name weir.h)")
cflags=$(pkg-config --cflags weir)

headers_compile_alone() {
	for header in "$headers"/*.h; do
		echo "#include <weir/${header##*/}>" >"$root/alone.c"
		# shellcheck disable=SC2086 # words
		{
			$CC -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only $cflags "$root/alone.c"
			$CXX -std=c++11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only $cflags -x c++ "$root/alone.c"
		}
	done
}

# What the headers promise is what the library exports: no function missing, no internal one visible.
exports_what_headers_declare() {
	cat "$headers"/*.h | tr '\n\t' '  ' | sed 's/WEIR_API/\n&/g' |
		sed -n 's/^WEIR_API [^(;]*[ *]\(weir_[a-z0-9_]*\) *[[(;].*/\1/p' | sort >"$root/declared"
	nm -D --defined-only "$library" | awk '{ print $3 }' | sort >"$root/exported"
	diff "$root/declared" "$root/exported" | sed -n 's/^</not exported:/p; s/^>/not declared:/p' >"$root/differences"
	! grep . "$root/differences"
}

links() { # LIBRARY COMPILER...
	weir=$1
	shift
	# shellcheck disable=SC2046,SC2086 # words
	"$@" program.c -o "$root/program" $cflags -L"$(dirname "$library")" $weir
	LD_LIBRARY_PATH=$(dirname "$library") "$root/program"
}

examples_build() {
	for example in ../../docs/examples/*.c; do
		# shellcheck disable=SC2046,SC2086 # words
		$CC -Wall -Wextra -Werror "$example" -o "$root/example" $(pkg-config --cflags --libs weir)
	done
}

headers_compile_alone
examples_build
links "$(pkg-config --libs weir)" "$CC"
links "$(pkg-config --libs weir)" "$CXX" -x c++
# Only Weir from its archive. Not --static: that means every library, and Debian's libpcap lacks some of its own then.
# shellcheck disable=SC2046 # words
links "-l:libweir.a $(pkg-config --libs $(pkg-config --print-requires-private weir)) -pthread" "$CC"
exports_what_headers_declare
