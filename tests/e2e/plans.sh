#!/bin/bash
# plans.sh - what a job will come to: planned over HTTP without running it, and forecast.
# shellcheck source=tests/e2e/lib.sh disable=SC2016,SC2119,SC2317 # jq has dollars, lib.sh calls
. "${srcdir:-$(dirname "$0")/../..}/tests/e2e/lib.sh"
need

# plan QUERY FILE: a dry run.
plan () {
    ask POST "/v1/jobs?dry_run=true$1" -H 'Content-Type: application/json' --data-binary "@$2"
}

# The processes that plan for this story's daemon.
planners () {
    pgrep -P "$daemon" -f 'odenet plan' | wc -l
}

house_start
ladder plans 500 2 > "$work/spec.json"

# --- a dry run ------------------------------------------------------------------------------

plan "" "$work/spec.json"
same "it is planned" "$code" 200
./odenet plan --json --no-measure --threads 2 "$work/spec.json" > "$work/plan.json"
holds "as the command line plans it" --slurpfile own "$work/plan.json" '
    (.plan | del(.seconds, .threads, .kernels, .levels[].seconds, .levels[].cost)) == $own[0]'
holds "with times that add up" '
    (.plan.levels | map(.seconds.expected) | add) - .plan.seconds.expected | fabs < 1e-6'
holds "of as many threads as the worker would have" '.plan.threads == 2'
jq .spec "$body" > "$work/resolved.json"
./odenet plan --resolve "$work/spec.json" > "$work/own.json"
check "and its resolved spec" cmp <(jq -S . "$work/resolved.json") <(jq -S . "$work/own.json")
plan "&measure=false" "$work/spec.json"
holds "without times if need be" '.plan.seconds == null and (.plan.levels | length) == 3'
plan "" "$work/resolved.json"
same "the resolved spec is planned, too" "$code" 200
ladder wrong 500 2 '.levels[1].epochs = -1' > "$work/wrong.json"
plan "" "$work/wrong.json"
same "what a submission would refuse" "$code" 422
holds "is refused, with its place" '.errors[0].pointer == "/levels/1/epochs"'
get /v1/jobs
holds "nothing was created" '.jobs == []'

# --- who leaves ----------------------------------------------------------------------------

# Hamiltonian-1202 is measured for seconds.
jq -n '{model: {preset: "hamiltonian-1202"}, levels: [{resolution: 32, epochs: 1}]}' \
    > "$work/long.json"
curl -sS -o /dev/null -X POST -H 'Content-Type: application/json' \
    --data-binary "@$work/long.json" "$url/v1/jobs?dry_run=true" &
client=$!
somebody () {
    [ "$(planners)" -gt 0 ]
}
until_true "it is planned" somebody
kill "$client"
wait "$client" 2> /dev/null || :
nobody () {
    [ "$(planners)" -eq 0 ]
}
until_true "nobody plans for who has left" nobody
check "nobody plans for who has left" nobody

# --- a forecast ----------------------------------------------------------------------------

submit "$work/spec.json"
ended "$run"
same "the run succeeds" "$ended" succeeded
jq -c 'select(.type == "forecast")' "$state/runs/$run/journal.ndjson" > "$work/forecasts"
check "it is forecast at its start and after each level" jq -se '
    map(.level) == [0, 1, 2, null] and map(.error == null) == [true, false, false, false]
    and (map(.remaining | .low <= .expected and .expected <= .high) | all)
    and .[3].remaining.expected == 0 and .[0].time == 0' "$work/forecasts"
get "/v1/runs/$run/levels"
holds "levels keep what was said of them" '.levels | map(.forecast_s.expected > 0) | all'
house_stop
same "the daemon stops" "$code" 0
finish
