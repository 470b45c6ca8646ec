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
# --- a ladder that is made -----------------------------------------------------------------

# automatic NAME BUDGET
automatic () {
    jq -n --arg name "$1" --argjson budget "$2" '{
        name: $name,
        data: {set: "strokes", train_size: 300, test_size: 50},
        model: {units: [{channels: 4, blocks: 4}, {channels: 8, blocks: 4}]},
        train: {batch: 50}, levels: "auto", budget: $budget,
        resources: {threads: 2, checkpoint_s: 0.05}}'
}

levels () {
    jq -S '[.levels[] | {resolution, blocks, epochs, lr}]'
}

automatic auto '{"epochs": 6}' > "$work/auto.json"
plan "&measure=false" "$work/auto.json"
holds "a ladder is planned, and says why" '
    (.plan.levels | length) >= 3 and (.plan.reasons | length) >= 4 and .spec.budget == null'
jq .spec "$body" > "$work/explicit.json"
automatic two '{"epochs": 6, "work": 2000}' > "$work/two.json"
plan "" "$work/two.json"
holds "two budgets are refused" '.status == 422 and .errors[0].pointer == "/budget"'
submit "$work/auto.json"
get "/v1/runs/$run/levels"
check "before the worker's plan nothing chokes" [ "$(jq '.levels | length' "$body")" -ge 0 ]
ended "$run"
same "an automatic job succeeds" "$ended" succeeded
get "/v1/runs/$run/levels"
check "its ladder is the one that was planned" cmp \
    <(jq -S '[.levels[] | {resolution, blocks, epochs}]' "$body") \
    <(jq -S '[.levels[] | {resolution, blocks, epochs}]' "$work/explicit.json")
get "/v1/runs/$run"
holds "and counted" --slurpfile own "$work/explicit.json" '.levels == ($own[0].levels | length)'
made=$(field "$run" .model_sha256)
jq '.name = "auto"' "$work/explicit.json" > "$work/listed.json"
submit "$work/listed.json"
ended "$run"
same "the resolved spec gives the same model" "$(field "$run" .model_sha256)" "$made"
house_stop
same "the daemon stops" "$code" 0

# --- killed, and resumed --------------------------------------------------------------------

# train FOLDER SPEC FLAG...
train () {
    ./odenet train "$2" --run-dir "$work/$1" "${@:3}" >> "$work/$1.log" 2>&1
}

# What a ladder was made from is part of the job, and the ladder outlives its worker.
jq '.budget = {epochs: 40}' "$work/auto.json" > "$work/many.json"
./odenet train "$work/many.json" --run-dir "$work/dead" --threads 1 2> /dev/null &
pid=$!
until_true "it has a checkpoint" grep -q '"type":"checkpoint"' "$work/dead/journal.ndjson"
kill -KILL "$pid"
wait "$pid" 2> /dev/null || :
levels < <(jq .spec "$work/dead/ladder.json") > "$work/before"
jq '.budget = {epochs: 41}' "$work/auto.json" > "$work/more.json"
code=0
train dead "$work/more.json" --resume || code=$?
same "another budget is another job" "$code" 2
code=0
train dead "$work/listed.json" --resume || code=$?
same "and so are other levels" "$code" 2
check "it is resumed" train dead "$work/many.json" --threads 1 --resume
check "with the ladder that it had" jq -se '
    map(select(.type == "plan")) | length == 2 and .[0].levels == .[1].levels
    and .[0].reasons == .[1].reasons and (.[0].reasons | length) > 0' "$work/dead/journal.ndjson"
jq -n --slurpfile asked "$work/many.json" --slurpfile made "$work/dead/ladder.json" '
    $asked[0] | del(.budget) | .levels = $made[0].spec.levels' > "$work/peace.json"
check "its levels, listed, are trained in peace" train peace "$work/peace.json" --threads 2
same "killed and resumed it is the same model" \
    "$(sha256sum < "$work/dead/model.safetensors")" "$(sha256sum < "$work/peace/model.safetensors")"

# --- a deadline ----------------------------------------------------------------------------

jq '.budget = {deadline_s: 5}' "$work/auto.json" > "$work/deadline.json"
check "a deadline is trained for" train late "$work/deadline.json" --threads 1
check "and kept, twice of it at the most" jq -se '
    map(select(.type == "final"))[0] | .state == "succeeded" and .time < 10' "$work/late/journal.ndjson"

# Killed before there is a checkpoint, it begins again with the same ladder.
jq '.budget = {deadline_s: 20} | .resources.checkpoint_s = 1000' "$work/auto.json" > "$work/early.json"
./odenet train "$work/early.json" --run-dir "$work/early" --threads 1 2> /dev/null &
pid=$!
until_true "it trains" grep -q '"type":"metric"' "$work/early/journal.ndjson"
kill -KILL "$pid"
wait "$pid" 2> /dev/null || :
./odenet train "$work/early.json" --run-dir "$work/early" --threads 1 --resume 2> /dev/null &
pid=$!
twice () {
    [ "$(grep -c '"type":"plan"' "$work/early/journal.ndjson")" -eq 2 ]
}
until_true "it plans again" twice
kill -KILL "$pid"
wait "$pid" 2> /dev/null || :
check "the second attempt has the first one's ladder" jq -se '
    map(select(.type == "plan")) | length == 2 and .[0].levels == .[1].levels' "$work/early/journal.ndjson"
finish
