#!/bin/bash
# levels.sh - runs are held and advanced from level to level, and transfers are judged: the
# real daemon and worker.
# shellcheck source=tests/e2e/lib.sh disable=SC2016,SC2119,SC2317 # jq has dollars, lib.sh calls
. "${srcdir:-$(dirname "$0")/../..}/tests/e2e/lib.sh"
need sha256sum

# rungs NAME [JQ]: three levels of a small network on drawn digits.
rungs () {
    jq -n --arg name "$1" '{name: $name, data: {set: "strokes", train_size: 400, test_size: 100},
        model: {units: [{channels: 8, blocks: 4}, {channels: 12, blocks: 4}]},
        train: {batch: 50}, resources: {threads: 1},
        levels: [{resolution: 8, blocks: [2, 2], epochs: 2}, {resolution: 16, blocks: [2, 2], epochs: 2},
                 {resolution: 16, epochs: 2}]} | '"${2:-.}" > "$work/$1.json"
}

level () {
    get "/v1/runs/$run/levels"
    jq -r ".levels[$1].$2" "$body"
}

# --- held at each level's end ---------------------------------------------------------------

house_start --slots 1
rungs held
check "by hand it trains" ./odenet train "$work/held.json" --run-dir "$work/alone"
brief blocker 100000 > "$work/blocker.json"
submit "$work/blocker.json"
blocker=$run
submit "$work/held.json"
ask POST "/v1/runs/$run/hold"
same "a hold is accepted" "$code" 202
holds "and shown of a run that waits" '.hold and .state == "queued"'
ask POST "/v1/runs/$blocker/cancel"
until_true "the run is held" in_state "$run" paused
holds "with the reason" '.reason | startswith("held at the end of level 0")'
ask POST "/v1/runs/$run/hold"
same "asked again it is done" "$code" 200
get "/v1/runs/$run/artifacts/model.safetensors"
cp "$body" "$work/first.safetensors"
check "the finished level is a model" ./odenet eval "$work/first.safetensors" --limit 50
house_stop
house_start
same "a paused run stays so when the daemon comes back" "$(field "$run" .state)" paused
ask POST "/v1/runs/$run/advance"
same "it is let go" "$code" 202
ended "$run"
same "and succeeds" "$ended" succeeded
same "in a second attempt" "$(field "$run" .attempt)" 2
same "without a retry" "$(grep -c '"type":"hello"' "$state/runs/$run/journal.ndjson")" 2
same "with the model of a run that was not held" "$(field "$run" .model_sha256)" \
    "$(sha256sum < "$work/alone/model.safetensors" | cut -d ' ' -f 1)"
ask POST "/v1/runs/$run/advance"
same "a finished run cannot advance" "$code" 409
ask POST "/v1/runs/$run/hold"
same "nor be held" "$code" 409
ask POST "/v1/runs/$run/hold" -H 'Content-Type: application/json' -d '{"level": 2}'
same "an action takes no members" "$code" 400

# --- a level that would take for ever -------------------------------------------------------

rungs endless '.levels[1].epochs = 100000'
submit "$work/endless.json"
in_level () { [ "$(field "$run" .level)" = "$1" ] && [ "$(field "$run" .epoch)" != 0 ]; }
until_true "the long level trains" in_level 1
ask POST "/v1/runs/$run/advance"
same "it is to end" "$code" 202
ended "$run"
same "and the run succeeds" "$ended" succeeded
same "the level says why it ended" "$(level 1 ended)" request
same "the others, too" "$(level 0 ended) $(level 2 ended)" "budget budget"
check "it has a score" jq -e '.levels[1].metrics["test.accuracy"] > 0' "$body"

# --- a plateau ------------------------------------------------------------------------------

rungs flat '.levels[1] += {epochs: 1000, lr: {peak: 0}, plateau: {epochs: 1, improvement: 0.5}}'
submit "$work/flat.json"
ended "$run"
same "a plateau ends a level" "$ended $(level 1 ended)" "succeeded plateau"
check "after two epochs" jq -es 'map(select(.type == "level" and .level == 1 and .state == "done")) |
    .[0].step == 16 + 16' "$state/runs/$run/journal.ndjson"

# --- gates ----------------------------------------------------------------------------------

gated () {
    rungs "$1" ".transfer = {max_jump: 0.000001, on_jump: \"$1\", adjust: \"none\", damping: 2}"
    submit "$work/$1.json"
    ended "$run"
}
gated fail
same "a jump fails the run" "$ended" failed
holds "where it was" '.error.code == "EDIVERGE" and .error.at == "/levels/1"'
holds "and says what to do" '.error.text | contains("max_jump") and contains("rollback")'
check "the finished level's model is there" test -s "$state/runs/$run/model.safetensors"
gated rollback
same "a jump that is rolled back does not" "$ended" succeeded
same "its level was skipped" "$(level 1 state)" skipped
holds "and its transfer is there to see" '.levels[1].transfer.gate |
    .passed == false and .on_jump == "rollback"'
gated warn
same "a jump that is warned of does not, either" "$ended" succeeded
same "and every level is done" "$(level 0 state) $(level 1 state) $(level 2 state)" "done done done"

house_stop
same "the daemon ends well" "$code" 0
finish
