#!/bin/sh
# build.sh SOURCE NPM FILE... - makes web/dist, the page, and web/page.stamp.
#
# Runs at the top of the build tree. SOURCE is the top of the source tree, which may be
# read-only; the FILEs in it, web/..., are what the page is made of. All work is done in
# web/work. Where SOURCE has a page that was made of the very same files, as in a
# distribution archive, that one is taken and no Node is needed.
set -eu

top=$1 npm=$2
shift 2
source=$top/web
build=web

sum=$(cd "$top" && cat "$@" | cksum)
stamp="page of $sum"

if [ -f "$source/page.stamp" ] && [ -f "$source/dist/index.html" ] &&
   [ "$(cat "$source/page.stamp")" = "$stamp" ]; then
    if [ "$(cd "$source" && pwd -P)" != "$(cd "$build" && pwd -P)" ]; then
        rm -rf "$build/dist"
        cp -R "$source/dist" "$build/dist"
        chmod -R u+w "$build/dist"
    fi
    echo "$stamp" > "$build/page.stamp"
    exit 0
fi

if ! command -v "$npm" > /dev/null 2>&1; then
    echo "The dashboard has to be built, which needs npm: apt-get install nodejs npm" >&2
    exit 1
fi

work=$build/work
mkdir -p "$work"
rm -rf "$work/src" "$work/public"
for file in "$@"; do
    to=$work/${file#web/}
    mkdir -p "$(dirname "$to")"
    cp -f "$top/$file" "$to"
    chmod u+w "$to"
done

cd "$work"
if [ ! -f node_modules/.package-lock.json ] || ! cmp -s package-lock.json installed.json; then
    rm -f installed.json
    "$npm" ci --ignore-scripts --prefer-offline --no-audit --no-fund --no-update-notifier \
        --loglevel=error
    cp package-lock.json installed.json
fi
rm -rf dist
"$npm" run --silent build -- --logLevel warn
[ -f dist/index.html ]
cd - > /dev/null

rm -rf "$build/dist"
mv "$work/dist" "$build/dist"
echo "$stamp" > "$build/page.stamp"
