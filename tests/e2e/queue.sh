#!/bin/bash
# queue.sh - with one slot runs train one at a time, by priority, then as they were submitted.
# shellcheck source=tests/e2e/lib.sh disable=SC2016,SC2119,SC2317 # jq has dollars, lib.sh calls
. "${srcdir:-$(dirname "$0")/../..}/tests/e2e/lib.sh"
need

house_start --slots 1
brief blocker 100000 > "$work/blocker.json"
submit "$work/blocker.json"
blocker=$run
until_true "the slot is taken" in_state "$blocker" running

# Name and priority, in the order of submission.
while read -r name priority; do
    brief "$name" 2 ".priority = $priority" > "$work/$name.json"
    submit "$work/$name.json"
    same "$name waits" "$(field "$run" .state)" queued
done << 'JOBS'
low -3
middle-1 0
high-1 5
middle-2 0
high-2 5
highest 1000
JOBS
get "/v1/runs?state=queued"
holds "six runs wait" '.runs | length == 6'
ask POST "/v1/runs/$run/cancel"
same "one that waits is cancelled at once" "$code" 200
holds "without having been started" '.state == "cancelled" and .started_at == null'

ask POST "/v1/runs/$blocker/cancel"
for run in $(get "/v1/runs" && jq -r '.runs[] | select(.state == "queued").id' "$body"); do
    ended "$run"
    same "a run that waited succeeds" "$ended" succeeded
done
get "/v1/runs"
holds "by priority, then in order" '[.runs[] | select(.state == "succeeded")] |
    sort_by(.started_at) | map(.name) ==
    ["high-1", "high-2", "middle-1", "middle-2", "low"]'
holds "never two at once" '[.runs[] | select(.started_at)] | sort_by(.started_at) |
    [.[:-1], .[1:]] | transpose | map(.[0].finished_at <= .[1].started_at) | all'
house_stop
same "the daemon ends well" "$code" 0

# Two slots take two.
house_start --slots 2
for name in left right; do
    brief $name 100000 > "$work/$name.json"
    submit "$work/$name.json"
    until_true "$name runs" in_state "$run" running
done
get "/v1/runs?state=running"
holds "with two slots, two train" '.runs | length == 2'
submit "$work/low.json"
same "and the third waits" "$(field "$run" .state)" queued
house_stop
same "the second daemon ends well" "$code" 0
same "and nothing is left running" "$(processes)" ""
finish
