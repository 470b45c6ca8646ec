#!/bin/bash
# queue.sh - runs train one at a time, by priority, then as they were submitted; they make
# room for each other, pause, and are tried again.
# shellcheck source=tests/e2e/lib.sh disable=SC2016,SC2119,SC2317 # jq has dollars, lib.sh calls
. "${srcdir:-$(dirname "$0")/../..}/tests/e2e/lib.sh"
need

has_steps () {
    [ "$(field "$1" .step)" -ge "$2" ]
}

house_start --slots 1 --preempt never
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

# One that makes room, is paused and is ended on the way has the model of one that was left alone.
rm -rf "$state"
house_start --slots 1 --cache-mib -1
ladder same 1000 12 > "$work/alone.json"
submit "$work/alone.json"
alone=$run
ended "$alone"
same "one that is left alone succeeds" "$ended" succeeded
ladder same 1000 12 > "$work/disturbed.json"
submit "$work/disturbed.json"
disturbed=$run
until_true "it trains" has_steps "$disturbed" 5
submit "$work/highest.json"
highest=$run
ended "$highest"
same "one of a high priority is not kept waiting" "$ended" succeeded
get "/v1/runs/$disturbed"
holds "for whom room was made" --arg id "$highest" '.finished_at == null and
    (.reason == null or (.reason | contains($id)))'
until_true "it trains again" has_steps "$disturbed" 10
ask POST "/v1/runs/$disturbed/pause"
until_true "it is paused" in_state "$disturbed" paused
same "paused, it has no worker" "$(processes "/runs/$disturbed")" ""
ask POST "/v1/runs/$disturbed/resume"
same "a paused run resumes" "$code" 200
until_true "it trains once more" in_state "$disturbed" running
ask POST "/v1/runs/$disturbed/cancel"
until_true "it is cancelled" in_state "$disturbed" cancelled
ask POST "/v1/runs/$disturbed/retry"
same "a cancelled run is tried again" "$code" 200
ended "$disturbed"
same "after all of this it succeeds" "$ended" succeeded
same "with the same model" "$(field "$disturbed" .model_sha256)" "$(field "$alone" .model_sha256)"
same "in as many attempts" "$(field "$disturbed" .attempt)" 4
ask POST "/v1/runs/$disturbed/retry"
same "what has succeeded is not tried again" "$code" 409
brief big 2 '.resources.threads = 200' > "$work/big.json"
ask POST /v1/jobs -H 'Content-Type: application/json' --data-binary "@$work/big.json"
same "what can never fit is refused" "$code" 422
holds "with figures" '.errors[0].pointer == "/resources/threads" and
    (.errors[0].detail | test("asks for 200 threads, and all runs of this daemon have [0-9]+"))'
house_stop
same "the third daemon ends well" "$code" 0

# More threads than there are would never have their turn.
house_start --cores 1 --threads 4
brief modest 2 'del(.resources)' > "$work/modest.json"
submit "$work/modest.json"
modest=$run
ended "$modest"
same "a run has no more threads than all runs together" "$ended $(field "$modest" .threads)" "succeeded 1"
house_stop
same "the fourth daemon ends well" "$code" 0
same "and nothing is left running" "$(processes)" ""
finish
