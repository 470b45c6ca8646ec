#!/bin/bash
# run.sh - the API is what its OpenAPI document says, and the job spec is what its schema says;
# run by make check in the build tree.
#
# A real daemon is asked all that it can be asked, and each answer is held to the document it
# served; the document is linted; and the spec's reader and ajv judge the same specs.
# Skipped (77) where Node or npm is missing or the packages cannot be had; with
# ODENET_WEB_TESTS=must that is a failure.
set -euo pipefail

top=$(cd "${srcdir:-$(dirname "$0")/../..}" && pwd)

skip () {
    echo "contract tests: $1" >&2
    [ "${ODENET_WEB_TESTS:-}" = must ] && exit 1
    exit 77
}

for program in node npm; do
    command -v $program > /dev/null || skip "$program is missing"
done
[ "$(node -p 'process.versions.node.split(".")[0] >= 18')" = true ] ||
    skip "node $(node --version) is too old: 18 or newer is needed"

# The source tree may be read-only, so everything happens in a copy.
work=tests/contract/work
mkdir -p "$work"
cp -f "$top"/tests/contract/*.{mjs,json,yaml} "$work"
chmod -R u+w "$work"
(
    cd "$work"
    if [ ! -f installed.json ] || ! cmp -s package-lock.json installed.json; then
        rm -f installed.json
        npm ci --ignore-scripts --prefer-offline --no-audit --no-fund --no-update-notifier \
            --loglevel=error || exit 77
        cp package-lock.json installed.json
    fi
) || skip "the packages could not be installed"

node "$work/contract.mjs"
node "$work/judge.mjs" ./schema-judge "$top/schema/job.schema.json"

# The linter wants a newer Node than all else here; the document is the same everywhere.
newer='const [a, b] = process.versions.node.split(".").map(Number); a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19)'
if [ "$(node -p "$newer")" = true ]; then
    cd "$work"
    REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true \
        node node_modules/@redocly/cli/bin/cli.js lint --config redocly.yaml openapi.json
else
    echo "the document is not linted: node $(node --version) is too old for the linter"
fi
