#!/bin/bash
# main_job.sh - from a posted spec to the finished model, and what is left after a restart.
#
# Every document of a run is looked at, another run is cancelled, and a third one waits through
# a stop of the daemon.
# shellcheck source=tests/e2e/lib.sh disable=SC2016,SC2119,SC2317 # jq has dollars, lib.sh calls
. "${srcdir:-$(dirname "$0")/../..}/tests/e2e/lib.sh"
need

id='^[0-9a-hjkmnp-tv-z]{26}$'
epochs=2

# The documents of a run, without what may change while nothing happens.
documents () {
    local part

    for part in "" /levels "/metrics?points=all" /log; do
        get "/v1/runs/$1$part"
        cat "$body"
    done
    get "/v1/jobs/$2"
    cat "$body"
}

ladder "main job" 400 $epochs > "$work/spec.json"
./odenet plan --json "$work/spec.json" > "$work/plan.json"
steps=$(jq '[.levels[].steps] | add' "$work/plan.json")
house_start

# --- submit and wait ---------------------------------------------------------------------
ask POST /v1/jobs -H 'Content-Type: application/json' --data-binary "@$work/spec.json"
same "the job is taken" "$code" 201
holds "its ids are ids" --arg id "$id" '(.id | test($id)) and (.runs[0].id | test($id))'
job=$(jq -r .id "$body") run=$(jq -r '.runs[0].id' "$body")
check "Location is the job" grep -qi "^location: /v1/jobs/$job.\$" "$head"
ended "$run"
same "the run succeeds" "$ended" succeeded
holds "at the first attempt, all of it" --argjson steps "$steps" '.attempt == 1 and
    .progress == 1 and .step == $steps and .steps == $steps and .work == .total_work and
    .level == 2 and .levels == 3 and .resolution == 16 and .blocks == [4, 4]'
holds "without an error" '.error == null and .eta_s == null'
holds "its times ascend" '.created_at <= .started_at and .started_at < .finished_at'
holds "its newest metrics are all there" '.metrics |
    (keys | map(select(startswith("gauge.unit.") | not))) == ["gauge.state_max", "lr", "test.accuracy", "test.loss", "train.accuracy",
        "train.loss"]'
cp "$body" "$work/run.json"

# --- levels ------------------------------------------------------------------------------
get "/v1/runs/$run/levels"
holds "three levels are done" '[.levels[].state] == ["done", "done", "done"]'
holds "they are the plan's" --slurpfile plan "$work/plan.json" '
    def facts: {level, resolution, blocks, epochs, steps, parameters, flops_per_image,
        memory_bytes, work};
    [.levels[] | facts] == [$plan[0].levels[] | facts]'
holds "each has its score" '[.levels[].metrics | .["test.accuracy"] >= 0 and
    .["test.accuracy"] <= 1 and .["test.loss"] > 0] | all'
holds "the last score is the run's" --slurpfile run "$work/run.json" '
    .levels[2].metrics["test.loss"] == $run[0].metrics["test.loss"]'
holds "the first level came from nowhere" '.levels[0].transfer == null'
holds "the second in resolution" '.levels[1].transfer |
    .resolution == [8, 16] and .blocks == [[2, 2], [2, 2]] and .space == "bilinear"'
holds "the third in depth" '.levels[2].transfer |
    .resolution == [16, 16] and .blocks == [[2, 2], [4, 4]] and .time_operator == "cell"'
holds "transfers were measured before and after" '[.levels[1, 2].transfer | .before, .after |
    (.loss > 0) and (.accuracy >= 0) and (.accuracy <= 1)] | all'
holds "levels follow one another" '.levels | .[0].started_at < .[0].finished_at and
    .[0].finished_at <= .[1].started_at and .[1].finished_at <= .[2].started_at'

# --- metrics -----------------------------------------------------------------------------
get "/v1/runs/$run/metrics?points=all"
holds "every step and every epoch has its point" --argjson steps "$steps" \
    --argjson tests $((3 * epochs)) '
    [.series[] | select(.name | startswith("gauge.unit.") | not) |
        {(.name): (.points | length)}] | add == {
        "gauge.state_max": $steps, "lr": $steps, "train.accuracy": $steps,
        "train.loss": $steps, "test.accuracy": $tests, "test.loss": $tests}'
holds "each unit has its gauge after each epoch" --argjson tests $((3 * epochs)) '
    [.series[] | select(.name | startswith("gauge.unit."))] |
    ([.[].name] | sort) == (["0", "1"] | map("gauge.unit.\(.)." + ("error", "growth", "stability"))
        | sort) and all(.[]; (.points | length) == $tests)'
holds "steps come back without error, as they are reversed" '
    [.series[] | select(.name | test("^gauge.unit.*error$")).points[].value] | all(. == 0)'
holds "steps count over the levels" --argjson steps "$steps" '
    [.series[] | select(.name == "train.loss").points[].step] == [range(1; $steps + 1)]'
holds "work ascends to the whole" --slurpfile run "$work/run.json" '
    [.series[] | select(.name == "lr").points[].work] |
    . == (. | sort) and (.[-1] - $run[0].total_work | fabs) < 1e-9 * .[-1]'
total=$(jq '[.series[].points | length] | add' "$body")
get "/v1/runs/$run/metrics?name=train.loss&points=5"
holds "a chart gets no more than it asks for" --argjson steps "$steps" '
    (.series | length) == 1 and (.series[0].points | length) <= 5 and
    .series[0].points[-1].step == $steps'
get "/v1/runs/$run/artifacts/metrics.csv"
same "the table has a line for each point" "$(wc -l < "$body")" $((total + 1))

# --- compare -----------------------------------------------------------------------------
./odenet compare --json "$state/runs/$run" "$state/runs/$run" > "$work/compared.json"
get "/v1/compare?runs=$run,$run"
holds "runs compare by HTTP as by hand" --slurpfile hand "$work/compared.json" '
    def numbers: del(.control, .runs[].run, .targets[].runs[].run);
    numbers == ($hand[0] | numbers)'
holds "a run is as fast as itself" '.warnings == [] and
    .targets[0].runs[1].speedup == {"time": 1, "work": 1} and
    .runs[1].work_unit == 1 and .runs[0].finished'

# --- log, model, lists -------------------------------------------------------------------
get "/v1/runs/$run/log"
check "the log tells of the levels" grep -q "^level 3 done" "$body"
last=$(tail -n 1 "$body")
get "/v1/runs/$run/log?tail=1"
same "its tail is its last line" "$(cat "$body")" "$last"
get "/v1/runs/$run/artifacts/model.safetensors"
same "the model has the hash that was told" "$(sha256sum "$body" | cut -d ' ' -f 1)" \
    "$(jq -r .model_sha256 "$work/run.json")"
same "and the length" "$(wc -c < "$body")" \
    "$(jq '.artifacts[] | select(.name == "model.safetensors").bytes' "$work/run.json")"
cp "$body" "$work/model.safetensors"
./odenet eval --json "$work/model.safetensors" > "$body"
holds "measured again it scores the same" --slurpfile run "$work/run.json" '
    .accuracy == $run[0].metrics["test.accuracy"] and
    (.loss - $run[0].metrics["test.loss"] | fabs) < 1e-6'
get "/v1/runs"
holds "the list shows it" --arg run "$run" '.runs | length == 1 and .[0].id == $run and
    .[0].state == "succeeded" and (.[0] | has("spec") | not)'
get "/v1/jobs/$job"
cp "$body" "$work/job.json"
holds "the job has the run" --arg run "$run" '.runs[0].id == $run and .name == "main job"'
get "/v1/runs/$run/artifacts/spec.json"
holds "one spec everywhere" --slurpfile job "$work/job.json" --slurpfile run "$work/run.json" \
    '. == $job[0].spec and . == $run[0].spec'
get "/v1/runs/$run"
etag=$(sed -n 's/^[Ee][Tt]ag: \(.*\)\r$/\1/p' "$head")
ask GET "/v1/runs/$run" -H "If-None-Match: $etag"
same "what has not changed is not sent again" "$code" 304
ask POST "/v1/runs/$run/cancel"
same "what has ended is not cancelled" "$code" 409

# --- cancel ------------------------------------------------------------------------------
first=$run first_job=$job
ladder "to be cancelled" 400 10000 > "$work/long.json"
submit "$work/long.json"
until_true "it trains" in_state "$run" running
ask POST "/v1/runs/$run/cancel"
same "a running one is" "$code" 202
ended "$run"
same "and ends so" "$ended" cancelled
same "its worker is gone" "$(processes ' train ')" ""
ask POST "/v1/runs/$run/cancel"
same "cancelling it again is fine" "$code" 200

# --- stop and start ----------------------------------------------------------------------
submit "$work/long.json"
third=$run
until_true "the third trains" in_state "$third" running
documents "$first" "$first_job" > "$work/before"
house_stop
same "SIGTERM ends the daemon well" "$code" 0
same "nothing is left running" "$(processes)" ""
house_start
documents "$first" "$first_job" > "$work/after"
check "the next daemon shows the same" cmp "$work/before" "$work/after"
until_true "the third goes on" in_state "$third" running
holds "in its second attempt" '.attempt == 2'
ask POST "/v1/runs/$third/cancel"
ended "$third"
same "and can be cancelled" "$ended" cancelled
house_stop
same "the second daemon ends well, too" "$code" 0
same "and leaves nothing running" "$(processes)" ""
finish
