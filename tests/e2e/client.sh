#!/bin/bash
# client.sh - odenetctl with a daemon and its workers: submit, watch, wait, fetch; exit codes;
# a daemon that restarts while somebody watches.
# shellcheck source=tests/e2e/lib.sh disable=SC2016,SC2119,SC2317 # jq has dollars, lib.sh calls
. "${srcdir:-$(dirname "$0")/../..}/tests/e2e/lib.sh"
need timeout

# ctl WORD...: odenetctl; its exit code is in $code, its answer in $body, its talk in $said.
said=$work/client-said
ctl () {
    code=0
    ./odenetctl "$@" > "$body" 2> "$said" < /dev/null || code=$?
}

# ends WHAT CODE WORD...: odenetctl ends with the code.
ends () {
    local what=$1 expected=$2

    shift 2
    ctl "$@"
    same "$what: its exit code" "$code" "$expected"
    [ "$code" = "$expected" ] || sed 's/^/# /' "$said"
}

# says WHAT PATTERN: on stderr.
says () {
    check "$1" grep -qE -- "$2" "$said"
}

answer () {
    tr -d '\n' < "$body"
}

ends "no daemon" 5 --patience 0 --url "unix:$work/nothing" list
says "says where it looked" "$work/nothing"

house_start
port=${url##*:}
export ODENET_URL=$url
ends "an empty list" 0 list --json
holds "is one" '. == {runs: []}'
ends "the last run of none" 1 show last

# --- one that succeeds ----------------------------------------------------------------------

ladder watched 300 2 > "$work/spec.json"
ends "a plan" 0 submit --dry-run "$work/spec.json"
same "has a line for each level, a head and a sum" "$(wc -l < "$body")" 5
ends "a submission that is watched" 0 submit --watch "$work/spec.json"
run=$(head -n 1 "$body")
same "prints the run, then what became of it" "$(tail -n 1 "$body")" "$run succeeded"
says "shows its states" 'queued -> starting$'
for level in 1 2 3; do
    says "and level $level" "^level $level/3  [0-9]+x[0-9]+  blocks [0-9+]+  done  .*test [0-9.]+%  "
done
says "and its end" "odenetctl: run $run succeeded: test accuracy [0-9.]+%"
ends "watched again" 0 watch last
same "has the same end" "$(answer)" "$run succeeded"
ends "waited for, by the beginning of its id" 0 wait "${run:0:25}"
same "it is the same run" "$(answer)" "$run succeeded"
job=$(field "$run" .job)
ends "waited for, by its job" 0 wait "$job" --json
holds "it is the same, too" --arg id "$run" '.id == $id and .state == "succeeded"'
./odenetctl submit --priority 7 - < "$work/spec.json" > "$body" 2> "$said"
same "a spec comes from standard input, with another priority" \
    "$(field "$(answer)" .priority)" 7
ends "it ends, too" 0 wait last

ends "its files" 0 fetch "$run" -o "$work/"
same "are three" "$(wc -l < "$body")" 3
same "the model is the run's" "$(sha256sum < "$work/model.safetensors" | cut -d ' ' -f 1)" \
    "$(field "$run" .model_sha256)"
check "the metrics are a table" grep -q '^name,level,step,work,time,value' "$work/metrics.csv"
same "the spec is the one that was submitted" "$(jq -r .name "$work/spec.json")" watched
ends "one file by name" 0 fetch "$run" metrics.csv -o "$work/table"
check "is the same" cmp "$work/table" "$work/metrics.csv"
ends "a file that no run has" 1 fetch "$run" weights.bin -o "$work/weights"
check "is not made" [ ! -e "$work/weights" ]

ends "its log" 0 log "$run"
cp "$body" "$work/log"
ends "the end of it" 0 log "$run" --tail 2
check "is its end" cmp "$body" <(tail -n 2 "$work/log")
ends "followed" 0 log "$run" --follow
check "it is all of it" cmp "$body" "$work/log"
ends "its events" 0 events "$run" --json
cp "$body" "$work/events"
ends "followed" 0 events "$run" --follow --json
check "are the same, and an end" cmp <(head -n -1 "$body") "$work/events"
check "the end is told" [ "$(tail -n 1 "$body" | jq -r '"\(.kind) \(.state)"')" = "end succeeded" ]
ends "it, member by member" 0 show last
check "with its levels" [ "$(grep -c '^level' "$body")" -eq 3 ]

# --- those that do not ----------------------------------------------------------------------

jq '.levels[1].epochs = -1 | .seed = "one"' "$work/spec.json" > "$work/bad.json"
ends "a bad spec" 2 submit "$work/bad.json"
says "is told with one place" '  /levels/1/epochs: '
says "and the other" '  /seed: '
brief same 2 > "$work/brief.json"
ends "a key" 0 submit --key night-1 "$work/brief.json"
cp "$body" "$work/first"
ends "used again" 0 submit --key night-1 "$work/brief.json"
check "makes no second job" cmp "$body" "$work/first"
ends "for another spec" 2 submit --key night-1 "$work/spec.json"
ends "an unknown run" 1 show 01aaaaaaaaaaaaaaaaaaaaaaaa

ladder gated 300 1 '.transfer = {max_jump: 0.000001, on_jump: "fail", adjust: "none", damping: 2}' \
    > "$work/gated.json"
ends "a run whose transfer loses too much" 3 submit --wait "$work/gated.json"
says "fails, and says what to do" 'failed: .*max_jump'
brief long 100000 > "$work/long.json"
ends "a long one" 0 submit "$work/long.json"
long=$(answer)
ends "is not waited for longer than that" 6 wait "$long" --timeout 1
says "goes on" "the run goes on"
until_true "it trains" in_state "$long" running
ends "is paused" 0 pause "$long"
until_true "it is paused" in_state "$long" paused
ends "and resumed" 0 resume "$long"
until_true "it trains again" in_state "$long" running
./odenetctl wait "$long" > "$work/waited" 2> /dev/null &
waiter=$!
ends "is cancelled" 0 cancel "$long"
code=0
wait "$waiter" || code=$?
same "whoever waited hears of it" "$code $(tail -n 1 "$work/waited")" "4 $long cancelled"
ends "with one that succeeded it is the worse" 4 wait "$run" "$long"
ends "what has succeeded cannot be cancelled" 1 cancel "$run"
says "says so" 'Not possible in the present state'
ends "the newest two" 0 list -n 2
same "are two and a head" "$(wc -l < "$body")" 3
ends "those cancelled" 0 list --state cancelled --json
holds "are one" --arg id "$long" '.runs | map(.id) == [$id]'
ends "a job of a run" 1 delete "$long"
ends "a job" 0 delete "$(field "$long" .job)"
ends "is gone" 1 show "$long"

# --- Ctrl-C, and a restart ------------------------------------------------------------------

ends "another long one" 0 submit "$work/long.json"
long=$(answer)
until_true "it trains" in_state "$long" running
./odenetctl watch "$long" > "$work/watched" 2> "$said" &
watcher=$!
until_true "it is watched" grep -q '^level 1/1' "$said"
kill -INT "$watcher"
code=0
wait "$watcher" || code=$?
same "Ctrl-C ends the watching" "$code" 130
says "and says that the run goes on" "interrupted; the run goes on"
check "which it does" in_state "$long" running
ends "it is ended" 0 cancel "$long"

ladder restart 1000 12 > "$work/restart.json"
./odenetctl submit --watch "$work/restart.json" > "$work/watched" 2> "$said" &
watcher=$!
until_true "it is watched" grep -q '^level 1/3' "$said"
house_stop
same "the daemon stops in between" "$code" 0
until_true "that is noticed" grep -q 'trying' "$said"
house_start --port "$port"
house_kill
house_start --port "$port"
code=0
wait "$watcher" || code=$?
same "it was watched to its end" "$code $(tail -n 1 "$work/watched" | cut -d ' ' -f 2)" "0 succeeded"
same "each event was shown once" "$(grep -E '^20[0-9T:.-]+Z' "$said" | sort | uniq -d)" ""
check "from the first" grep -qE 'Z  queued  submitted$' "$said"
check "to the last" grep -qE 'Z  running -> succeeded' "$said"
check "over the restart" grep -qE 'running -> queued' "$said"
house_stop
same "the daemon ends well" "$code" 0
same "and nothing is left running" "$(processes)" ""
finish
