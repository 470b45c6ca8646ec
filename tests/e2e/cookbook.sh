#!/bin/bash
# cookbook.sh - every line of README.md that has curl in it does what it says.
#
# The lines are taken from README.md as they stand there, in their order, but for the address,
# which is this story's daemon's. They run in a folder with a small recipes/quickstart.json.
# What a line needs to mean something is made before it (`prepare`), what must have come of it
# is looked at behind it (`outcome`); a line that has no outcome here is a failure.
# shellcheck source=tests/e2e/lib.sh disable=SC2016,SC2119,SC2154,SC2317 # jq has dollars, lib.sh calls
. "${srcdir:-$(dirname "$0")/../..}/tests/e2e/lib.sh"
need

readme=$(cd "${srcdir:-$(dirname "$0")/../..}" && pwd)/README.md
recipe=$(dirname "$readme")/recipes/quickstart.json
mkdir -p "$work/here/recipes"
jq '.data.train_size = 200 | .data.test_size = 50 | .train.batch = 50
    | .model.units |= map(.channels = 4)' "$recipe" > "$work/here/recipes/quickstart.json"
ladder long 400 2000 '.resources.threads = 1' > "$work/long.json"

house_start
cd "$work/here"
submit recipes/quickstart.json
control=$run
ended "$control"
same "the control succeeds" "$ended" succeeded

# long_run: $run is one that trains for longer than this story lasts.
long_run () {
    submit "$work/long.json"
    until_true "a long run trains" level_of "$run" 0
}

is_there () {
    field "$1" .state | grep -qE '^(queued|starting|running|succeeded)$'
}

level_of () {
    [ "$(field "$1" .level)" -ge "$2" ]
}

prepare () {
    case $1 in
    *'# stop at a checkpoint'* | *'/hold |'*) long_run ;;
    */cancel*'jq .state') long_run ;;
    esac
}

# told WHAT JQ-FILTER: the filter is true of what the line printed.
told () {
    check "$1" jq -es "$2" "$out"
}

outcome () {
    case $1 in
    *dry_run=true*)
        told "a plan has seconds" 'length == 1 and .[0].expected > 0 and .[0].low <= .[0].high' ;;
    'run='*'Idempotency-Key'*)
        check "a key makes a run" is_there "$run"
        before=$run
        eval "$1"
        same "and the same key the same run" "$run" "$before" ;;
    'run='*)
        check "a submission names a run" is_there "$run" ;;
    *'{state, level, resolution'*)
        told "a run says how it stands" 'length == 1 and (.[0] | has("state") and has("forecast") and has("metrics"))' ;;
    *wait=300*)
        told "waiting gives the end" '.[0].state == "succeeded" and .[0].metrics["test.accuracy"] != null' ;;
    */levels*)
        told "three levels, with accuracies" 'length == 3 and all(.[]; .seconds > 0 or .seconds == null)
            and all(.[]; .blocks | length == 3)' ;;
    *model.safetensors*)
        same "the model is the run's" "$(sha256sum < model.safetensors | cut -d ' ' -f 1)" \
            "$(field "$run" .model_sha256)" ;;
    *metrics.csv*)
        check "metrics are a table" grep -q '^name,level,step,work,time,value' metrics.csv ;;
    *log?tail=20*)
        check "a log has lines" [ "$(wc -l < "$out")" -gt 2 ] ;;
    *'jq -r '*'.events[]'*)
        check "events begin with the submission" eval 'head -n 1 "$out" | grep -q " queued submitted$"'
        check "and end with the end" eval 'tail -n 1 "$out" | grep -q " state succeeded"' ;;
    *events*progress=1*)
        told "progress is told with the run as it stands" 'any(.[]; .state == "succeeded" and (.metrics | has("test.accuracy")))' ;;
    *log*follow=true*)
        check "a log of a run that has ended is followed to its end" [ "$(wc -l < "$out")" -gt 2 ] ;;
    *junit.xml*)
        check "levels are test cases" grep -q '<testcase .*name="level 0: ' junit.xml ;;
    *application/x-ndjson*)
        told "a stream has them, too, and an end" '.[0].to == "queued" and .[-1] == {kind: "end", run: "'"$run"'", state: "succeeded"}' ;;
    */v1/compare*)
        told "two runs are compared" 'map(.run) == ["'"$control"'", "'"$run"'"] and all(.[]; has("speedup"))' ;;
    */v1/backup*)
        told "a copy has a name and a size" '.[0].name != null and .[0].bytes > 0' ;;
    *Bearer*)
        told "who shows a token sees the runs" '.[0].runs | length > 0' ;;
    */v1/system*)
        told "the machine has cores" '.[0].cores > 0' ;;
    */cancel*)
        told "a run that is cancelled has a state" 'length == 1 and (.[0] | type == "string")'
        ended "$run"
        same "and ends so" "$ended" cancelled ;;
    'job='*)
        same "a run has a job" "$job" "$(field "$run" .job)" ;;
    *'-X DELETE'*)
        ask GET "/v1/jobs/$job"
        same "a deleted job is gone" "$code" 404 ;;
    */pause*)
        told "a run that pauses has a state" '.[0] | IN("running", "paused", "starting", "queued")'
        until_true "it is paused" in_state "$run" paused ;;
    */resume*)
        told "a run that resumes is no longer paused" '.[0] | IN("queued", "starting", "running")'
        until_true "it trains" in_state "$run" running ;;
    */retry*)
        told "a run that is tried again waits for its turn" '.[0] | IN("queued", "starting", "running")'
        until_true "it trains" in_state "$run" running ;;
    */hold*)
        told "a run that is to be held goes on" '.[0] == "running"'
        same "and knows it" "$(field "$run" .hold)" true ;;
    */advance*)
        until_true "the next level trains" level_of "$run" 1
        same "and it is not held any more" "$(field "$run" .hold)" false ;;
    *)
        failures=$((failures + 1))
        echo "not ok - this line of README.md has no outcome in cookbook.sh: $1" ;;
    esac
}

out=$work/printed
export token=any # this daemon asks for none
n=0
while IFS= read -r line <&3; do
    n=$((n + 1))
    line=${line#    }
    prepare "$line"
    echo "# $line"
    code=0
    line=${line//http:\/\/127.0.0.1:7433/$url}
    line=${line//https:\/\/train.example.org:7433/$url} # which has no TLS here
    eval "$line" > "$out" 2> "$work/complaint" || code=$?
    same "it succeeds" "$code" 0
    same "and says nothing to stderr" "$(cat "$work/complaint")" ""
    outcome "$line"
done 3< <(grep -E '^    [^#]*\bcurl ' "$readme")
check "the lines were found" [ "$n" -ge 20 ]
same "none with curl stands elsewhere" "$(grep -cE '\bcurl -' "$readme")" "$n"
house_stop
same "the daemon ends well" "$code" 0
finish
