#!/bin/sh
# shell.sh - every shell script parses, and shellcheck finds nothing in it.
#
# Without shellcheck only the syntax is looked at.
set -eu

cd "${srcdir:-$(dirname "$0")/..}"
bad=0 n=0

for file in scripts/bench scripts/fuzz scripts/packages.sh scripts/quickstart scripts/test .ci/run $(find tests web \
    \( -name work -o -name node_modules \) -prune -o -type f -name '*.sh' -print | sort); do
    [ -f "$file" ] || continue      # .ci is not part of a distribution archive
    n=$((n + 1))
    case $(head -n 1 "$file") in
    *bash) bash -n "$file" || bad=$((bad + 1)) ;;
    *) sh -n "$file" || bad=$((bad + 1)) ;;
    esac
    if command -v shellcheck > /dev/null; then
        shellcheck -x -P SCRIPTDIR "$file" || bad=$((bad + 1))
    fi
done
echo "$n scripts checked, $bad complaints"
[ "$n" -ge 5 ] && [ "$bad" -eq 0 ]
