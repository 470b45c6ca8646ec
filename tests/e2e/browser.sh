#!/bin/bash
# browser.sh - the dashboard's story, told of a real daemon with a real worker.
# shellcheck source=tests/e2e/lib.sh disable=SC2016,SC2119,SC2317 # jq has dollars, lib.sh calls
. "${srcdir:-$(dirname "$0")/../..}/tests/e2e/lib.sh"
need node npm

house_start
status=0
ODENET_URL=$url "${srcdir:-$(dirname "$0")/../..}/tests/web/run.sh" > "$work/browser.log" 2>&1 ||
    status=$?
[ $status -ne 77 ] || skip "$(tail -n 1 "$work/browser.log")"
[ $status -eq 0 ] || cat "$work/browser.log"
same "the story holds in the browser" $status 0
get /v1/runs
holds "one run succeeded and one was cancelled" \
    '[.runs[].state] | sort == ["cancelled", "succeeded"]'
house_stop
same "the daemon ends well" "$code" 0
finish
