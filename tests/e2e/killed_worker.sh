#!/bin/bash
# killed_worker.sh - odenet train makes the same bits whatever the threads, and however killed.
#
# Without a daemon: one run in peace, one with two threads, one that is killed with SIGKILL at
# three moments, which follow from ODENET_KILL_SEED, and resumed by hand each time.
# shellcheck source=tests/e2e/lib.sh disable=SC2016,SC2119,SC2317 # jq has dollars, lib.sh calls
. "${srcdir:-$(dirname "$0")/../..}/tests/e2e/lib.sh"
need

seed=${ODENET_KILL_SEED:-$(($(date +%s) % 32768))}
echo "# ODENET_KILL_SEED=$seed"
RANDOM=$seed

# train FOLDER FLAG...: in the foreground.
train () {
    local folder=$1

    shift
    ./odenet train "$work/spec.json" --run-dir "$work/$folder" "$@" 2>> "$work/$folder.log"
}

hash_of () {
    sha256sum "$work/$1/model.safetensors" | cut -d ' ' -f 1
}

# What the journal says of the numbers, each once; the first record stays.
numbers () {
    jq -c 'select(.type == "metric") | {level, step, epoch, work, values}' \
        "$work/$1/journal.ndjson" | awk '!seen[$0]++'
}

# Steps that the journal in the folder tells of.
steps_done () {
    tail -n 50 "$work/$1/journal.ndjson" 2> /dev/null | grep -o '"step":[0-9]*' |
        cut -d : -f 2 | sort -n | tail -n 1
}

# reached STEP ATTEMPT: that step, in that attempt: its worker may begin behind it.
reached () {
    local step

    kill -0 "$pid" 2> /dev/null || return 0
    [ "$(grep -c '"type":"hello"' "$work/killed/journal.ndjson")" -ge "$2" ] || return 1
    step=$(steps_done killed)
    [ "${step:-0}" -ge "$1" ]
}

ladder killed 500 4 '.resources.checkpoint_s = 0.05' > "$work/spec.json"
steps=$(./odenet plan --json "$work/spec.json" | jq .steps)
check "one thread" train one --threads 1
check "two threads" train two --threads 2
same "the same model for one and for two" "$(hash_of two)" "$(hash_of one)"
check "the same numbers, too" cmp <(numbers two) <(numbers one)

# Three steps to be killed at, in ascending order, none of them near the end.
moments=$(for _ in 1 2 3; do echo $((1 + RANDOM * (steps * 4 / 5) / 32768)); done | sort -n)
attempt=0
for moment in $moments; do
    attempt=$((attempt + 1))
    ./odenet train "$work/spec.json" --run-dir "$work/killed" --resume --threads 2 \
        2>> "$work/killed.log" &
    pid=$!
    until_true "step $moment" reached "$moment" "$attempt"
    code=0
    kill -KILL "$pid" 2> /dev/null || :
    wait "$pid" 2> /dev/null || code=$?
    same "killed about step $moment of $steps" "$code" 137
done
check "resumed to its end" train killed --resume --threads 1
same "in the fourth attempt" \
    "$(jq -s 'map(select(.type == "hello").attempt) | max' "$work/killed/journal.ndjson")" 4
check "it was resumed from a checkpoint" jq -se \
    'map(select(.type == "hello")) | .[-1].resumed_from.step > 0' "$work/killed/journal.ndjson"
same "the same model as that in peace" "$(hash_of killed)" "$(hash_of one)"
check "no record says anything else" cmp <(numbers killed) <(numbers one)
check "records are counted without a gap" jq -se \
    'map(.seq) == [range(1; length + 1)]' "$work/killed/journal.ndjson"
finish
