#!/bin/sh
# calls.sh - no command line for a shell, and no SQL, is made where data could be mixed in.
#
# Programs are started by their arguments alone, never through a shell. SQL is the text of
# statements.def and of the migrations, handed to SQLite in store.c alone, and values are
# bound to it.
set -eu

cd "${srcdir:-$(dirname "$0")/..}"
bad=0 n=0

# refuse PATTERN FILE: complains of the pattern where it is in C that is no comment.
refuse () {
    said=$(grep -nE "$1" "$2" | grep -vE '^[0-9]+:[[:space:]]*(\*|/\*)') || return 0
    echo "$said" | sed "s|^|$2:|"
    bad=$((bad + 1))
}

for file in $(find core schema api daemon cli -name '*.c' -print | sort); do
    n=$((n + 1))
    refuse '(^|[^_a-z>.-])(system|popen|wordexp)[[:space:]]*\(|"(/bin/)?(ba|da)?sh"' "$file"
    if [ "$file" != daemon/store.c ] && [ "$file" != daemon/backup.c ]; then
        refuse 'sqlite3_(exec|get_table|prepare[_a-z0-9]*|v?mprintf|v?snprintf)[[:space:]]*\(' "$file"
    fi
done
refuse '%[-+0-9.*]*l*[a-z]' daemon/statements.def
echo "$n files checked, $bad complaints"
[ "$n" -ge 50 ] && [ "$bad" -eq 0 ]
