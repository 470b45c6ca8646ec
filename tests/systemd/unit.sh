#!/bin/sh
# unit.sh - systemd takes the unit without a word, and rates its exposure at most 1.5 of 10.
#
# Skipped (77) where systemd-analyze is missing or older than 252. Runs in the build tree.
set -eu

unit=$PWD/systemd/odenetd.service
command -v systemd-analyze > /dev/null || { echo "systemd-analyze is missing"; exit 77; }
version=$(systemd-analyze --version | sed -n '1s/[^0-9]*\([0-9]*\).*/\1/p')
[ "${version:-0}" -ge 252 ] || { echo "systemd $version is too old"; exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The program is named, and stood in for here, as it need not be installed.
grep -qE '^ExecStart=/[^@ ]*/odenetd$' "$unit"
sed "s|^ExecStart=[^ ]*|ExecStart=/bin/true|" "$unit" > "$work/odenetd.service"

# A wrong value is only printed, so any output is a failure.
said=$(systemd-analyze verify --man=no "$work/odenetd.service" 2>&1) ||
    { echo "$said"; exit 1; }
said=$(printf '%s' "$said" | grep -F odenetd || :)
[ -z "$said" ] || { echo "$said"; exit 1; }

score=0
systemd-analyze security --offline=true --threshold=15 "$work/odenetd.service" \
    > "$work/score" 2>&1 || score=$?
grep 'Overall exposure level' "$work/score"
exit "$score"
