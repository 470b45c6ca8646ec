#!/bin/bash
# sweep.sh - one job, many runs: they learn side by side, wait for each other behind the
# first level, and the best goes on; also when the daemon is killed in between.
# shellcheck source=tests/e2e/lib.sh disable=SC2016,SC2119,SC2317 # jq has dollars, lib.sh calls
. "${srcdir:-$(dirname "$0")/../..}/tests/e2e/lib.sh"
need

# Rates from none at all to a good one.
ladder rates 300 2 '.sweep = {grid: {"/levels/0/lr/peak": [1e-6, 0.05], "/seed": [1, 2]},
    max_parallel: 2, promote: {best: 1, after: 0}}' > "$work/rates.json"

house_start --slots 2
ask POST "/v1/jobs?dry_run=true&measure=false" -H 'Content-Type: application/json' \
    --data-binary "@$work/rates.json"
holds "a dry run says how many runs it would be" '.runs == 4 and (.plan.levels | length == 3)'
submit "$work/rates.json"
same "the job has a run for each combination" "$(jq '.runs | length' "$body")" 4
mapfile -t runs < <(jq -r '.runs[].id' "$body")

at_gate () {
    [ "$(field "$1" '[.state, .sweep.gate] | @csv')" = '"paused",0' ]
}
until_true "one waits for the others" at_gate "${runs[0]}"
house_kill
house_start --slots 2
best=
for run in "${runs[@]}"; do
    ended "$run"
    [ "$ended" != succeeded ] || best="$best$run"
done
for id in "${runs[@]}"; do
    get "/v1/runs/$id/levels"
    jq --arg id "$id" '{id: $id, first: .levels[0].metrics["test.accuracy"],
        states: [.levels[].state]}' "$body"
done | jq -s . > "$work/all.json"
cp "$work/all.json" "$body"
holds "all trained the first level" 'all(.states[0] == "done")'
holds "one trained all of them, and it was the best" --arg best "$best" \
    '[.[] | select(.states == ["done", "done", "done"])] as $whole |
     ($whole | length == 1) and $whole[0].id == $best and $whole[0].first == ([.[].first] | max)'
get "/v1/runs/$best/events"
holds "its events say why" '[.events[].text] |
    any(startswith("promoted: place 1 of 4 in its sweep by test.accuracy"))'
get "/v1/runs?state=cancelled"
holds "the others say why, too" '(.runs | length == 3) and
    all(.runs[]; .reason | startswith("not promoted: place"))'

# By itself, it would be the same network.
get "/v1/runs/$best"
model=$(jq -r .model_sha256 "$body")
jq '.spec' "$body" > "$work/alone.json"
check "its spec has what the sweep chose" jq -e '.sweep == null and .levels[0].lr.peak == 0.05' \
    "$work/alone.json"
submit "$work/alone.json"
ended "$run"
same "alone, it becomes the same model" "$(field "$run" .model_sha256)" "$model"

jq '.sweep.grid["/levels/0/epochs"] = [1, -1]' "$work/rates.json" > "$work/bad.json"
ask POST /v1/jobs -H 'Content-Type: application/json' --data-binary "@$work/bad.json"
same "a value that no run can have is refused" "$code" 422
holds "where it stands" '.errors[0].pointer == "/sweep/grid/~1levels~10~1epochs/1"'
same "the command line trains one run, and says so" \
    "$(./odenet plan "$work/rates.json" 2>&1 | grep -c "submit it to odenetd")" 1
house_stop
same "the daemon ends well" "$code" 0
finish
