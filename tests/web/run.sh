#!/bin/sh
# run.sh - the dashboard's tests, in Debian's Chromium; run by make check in the build tree.
#
# Skipped (77) where Node, npm or Chromium is missing or playwright-core cannot be had;
# with ODENET_WEB_TESTS=must that is a failure. With ODENET_URL only the story is told, of the
# daemon there.
set -eu

top=${srcdir:-$(dirname "$0")/../..}

skip () {
    echo "web tests: $1" >&2
    [ "${ODENET_WEB_TESTS:-}" = must ] && exit 1
    exit 77
}

command -v node > /dev/null || skip "node is missing: apt-get install nodejs"
command -v npm > /dev/null || skip "npm is missing: apt-get install npm"
CHROMIUM=${CHROMIUM:-$(command -v chromium || :)}
[ -n "$CHROMIUM" ] || skip "chromium is missing: apt-get install chromium"
export CHROMIUM
[ "$(node -p 'process.versions.node.split(".")[0] >= 18')" = true ] ||
    skip "node $(node --version) is too old: 18 or newer is needed"

ODENET_PAGE=web/dist
[ -f web/page.stamp ] || ODENET_PAGE=$top/web/dist
[ -f "$ODENET_PAGE/index.html" ] || { echo "web tests: there is no built page" >&2; exit 1; }
ODENET_PAGE=$(cd "$ODENET_PAGE" && pwd)
export ODENET_PAGE

# The page's types, where it was built here.
if [ -d web/work/node_modules ]; then
    (cd web/work && npm run --silent check)
fi

# The source tree may be read-only, so everything happens in a copy.
work=tests/web/work
mkdir -p "$work"
cp -f "$top"/tests/web/*.mjs "$top"/tests/web/*.json "$work"
chmod -R u+w "$work"
cd "$work"
if [ ! -f installed.json ] || ! cmp -s package-lock.json installed.json; then
    rm -f installed.json
    npm ci --ignore-scripts --prefer-offline --no-audit --no-fund --no-update-notifier \
        --loglevel=error || skip "playwright-core could not be installed"
    cp package-lock.json installed.json
fi
if [ -n "${ODENET_URL:-}" ]; then
    node --test story.test.mjs
else
    node --test page.test.mjs story.test.mjs
fi
