#!/bin/sh
# format.sh - C files look as clang-format 14 would have them; make format sets them right.
#
# Skipped (77) without clang-format-14 and outside a git checkout.
set -eu

cd "${srcdir:-$(dirname "$0")/..}"
command -v clang-format-14 > /dev/null || { echo "clang-format-14 is missing"; exit 77; }
{ [ -e .git ] && git ls-files > /dev/null 2>&1; } || { echo "not a git checkout"; exit 77; }

git ls-files '*.c' '*.h' | while read -r file; do
    [ -f "$file" ] && printf '%s\n' "$file"
done | xargs clang-format-14 --dry-run -Werror
