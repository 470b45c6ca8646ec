#!/bin/sh
# unit.sh - systemd takes the units without a word, and rates the exposure of the service at
# most 0.5 of 10, and of the one that has a network at most 1.5.
#
# Skipped (77) where systemd-analyze is missing or older than 252. Runs in the build tree.
set -eu

top=${srcdir:-$(dirname "$0")/../..}
command -v systemd-analyze > /dev/null || { echo "systemd-analyze is missing"; exit 77; }
version=$(systemd-analyze --version | sed -n '1s/[^0-9]*\([0-9]*\).*/\1/p')
[ "${version:-0}" -ge 252 ] || { echo "systemd $version is too old"; exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

# The program is named, and stood in for here, as it need not be installed.
for unit in odenetd odenetd-network; do
    grep -qE '^ExecStart=/[^@ ]*/odenetd$' "systemd/$unit.service"
    if grep -n '@' "systemd/$unit.service" | grep -vE 'SystemCallFilter=|: *#|:#'; then
        echo "$unit.service has a mark of its draft left"
        bad=1
    fi
    sed "s|^ExecStart=[^ ]*|ExecStart=/bin/true|" "systemd/$unit.service" \
        > "$work/$unit.service"
done
cp "$top/systemd/odenetd.socket" "$work"

# A wrong value is only printed, so any output is a failure.
for unit in odenetd.service odenetd.socket odenetd-network.service; do
    said=$(systemd-analyze verify --man=no "$work/$unit" 2>&1) || { echo "$said"; bad=1; }
    said=$(printf '%s' "$said" | grep -F odenetd || :)
    [ -z "$said" ] || { echo "$said"; bad=1; }
done

# rated UNIT TENTHS
rated () {
    systemd-analyze security --offline=true --threshold="$2" "$work/$1.service" \
        > "$work/score" 2>&1 || bad=1
    grep 'Overall exposure level' "$work/score"
}
rated odenetd 5
rated odenetd-network 15
exit "$bad"
