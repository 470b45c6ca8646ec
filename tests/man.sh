#!/bin/sh
# man.sh - the manual's pages are well-formed, and say what the programs are.
#
# Settings with their arguments and defaults are those of settings.def, in its order; flags of
# the programs, and commands, are there, and no others. Runs in the build tree.
set -eu

top=${srcdir:-$(dirname "$0")/..}
bad=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

wrong () {
    echo "$1"
    bad=1
}

# same WHAT: the two lists are equal
same () {
    diff "$work/manual" "$work/program" > "$work/diff" ||
        { wrong "$1 (<: in the manual, >: in the program):"; cat "$work/diff"; }
    [ -s "$work/program" ] || wrong "$1: nothing was found"
}

# --- form
checked=no
for page in odenet.1 odenetd.conf.5 odenetd.8; do
    if command -v mandoc > /dev/null; then
        checked='mandoc'
        mandoc -T lint -W warning "$top/man/$page" || bad=1
    elif command -v man > /dev/null && command -v groff > /dev/null; then
        checked='man'
        said=$(LC_ALL=C.UTF-8 MANROFFSEQ='' man --warnings -E UTF-8 -l "$top/man/$page" 2>&1 > /dev/null)
        [ -z "$said" ] || wrong "$said"
    fi
done

# --- settings: name, argument, default
sed -n 's/^\.It Ic \([a-z_]*\) Ar \([A-Z01|]*\) Pq \(.*\)$/\1 \2 \3/p' "$top/man/odenetd.conf.5" \
    > "$work/manual"
sed -nE -e 's/^SETTING_TEXT\((\w+), *"([^"]*)", *"([A-Z01|]+)".*/\1 \3 \2/p' \
    -e 's/^SETTING_INT *\((\w+), *([^,]+),[^,]*,[^,]*, *"([A-Z01|]+)".*/\1 \3 \2/p' \
    "$top/daemon/settings.def" | sed 's/ $/ none/' > "$work/program"
same "settings in odenetd.conf(5)"

# --- flags of odenetd beside its settings
tr '_' '-' < "$work/program" | sed 's/ .*//; s/^/--/' | sort > "$work/settings"
sed -n 's/^\.It Fl \(-[a-z-]*\).*/-\1/p' "$top/man/odenetd.8" | sort > "$work/manual"
./odenetd --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p' | sort | comm -23 - "$work/settings" \
    > "$work/program"
same "flags in odenetd(8)"

# --- commands of odenet, and that the flags which the page names are theirs
sed -n 's/^\.It Cm \([a-z]*\).*/\1/p' "$top/man/odenet.1" | sort > "$work/manual"
./odenet --help | sed -n 's/^  \([a-z]*\)  .*/\1/p' | sort > "$work/program"
same "commands in odenet(1)"
while read -r command; do
    ./odenet "$command" --help < /dev/null
done < "$work/program" > "$work/help"
sed -n 's/.*Fl \(-[a-z-]*\).*/-\1/p' "$top/man/odenet.1" | grep -v -e --version > "$work/flags"
while read -r flag; do
    grep -q -e "$flag" "$work/help" || wrong "odenet(1) names $flag, which no command takes"
done < "$work/flags"

echo "form checked by: $checked"
exit "$bad"
