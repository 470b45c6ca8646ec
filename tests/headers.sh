#!/bin/sh
# headers.sh - every header compiles alone, with all warnings as errors.
#
# CC and HEADER_FLAGS come from the makefile. Runs at the top of the build tree, where
# config.h is. Not looked at: what is included for its text, several times over.
set -eu

top=${srcdir:-$(dirname "$0")/..}
bad=0 n=0

for header in $(cd "$top" && find core schema api daemon cli client web tests \
    \( -name work -o -name node_modules \) -prune -o -type f -name '*.h' -print | sort); do
    case $header in core/kernels/body.h) continue ;; esac
    grep -q '^ \* Part of body\.h' "$top/$header" && continue
    n=$((n + 1))
    # shellcheck disable=SC2086 # HEADER_FLAGS is a list
    if ! printf '#include "%s"\nextern int not_empty;\n' "$header" |
        ${CC:-cc} ${HEADER_FLAGS:--include config.h -std=gnu17} -I"$top" -Werror \
            -fsyntax-only -x c -; then
        echo "$header does not compile alone"
        bad=$((bad + 1))
    fi
done
echo "$n headers checked, $bad bad"
[ "$n" -ge 20 ] && [ "$bad" -eq 0 ]
