#!/bin/sh
# configure.sh - where libraries are missing, configure names all of them and their packages.
#
# Skipped (77) where configure is not made, or the tree was configured in place.
set -eu

top=$(cd "${srcdir:-$(dirname "$0")/..}" && pwd)
[ -x "$top/configure" ] || { echo "there is no configure"; exit 77; }
[ ! -f "$top/config.status" ] || { echo "configured in place"; exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
unset PKG_CONFIG_PATH MAKEFLAGS
if PKG_CONFIG_LIBDIR=/nonexistent "$top/configure" CC="${CC:-cc}" > out 2> err; then
    echo "configure found libraries where there are none"
    exit 1
fi

bad=0 n=0
packages=$(sed -n 's/^ODE_REQUIRE(.*\[\([^]]*\)\])$/\1/p' "$top/configure.ac")
for package in $packages; do
    n=$((n + 1))
    grep -q "(Debian package $package)" err || { echo "$package is not named"; bad=$((bad + 1)); }
    grep "Install them with: apt-get install" err | grep -qw -- "$package" ||
        { echo "$package is not in the command"; bad=$((bad + 1)); }
done
echo "$n packages checked, $bad complaints"
if [ "$n" -lt 7 ] || [ "$bad" -gt 0 ]; then
    cat err
    exit 1
fi
