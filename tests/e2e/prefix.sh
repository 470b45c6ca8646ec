#!/bin/bash
# prefix.sh - what runs share is trained once, and a run begins with the weights of another.
# shellcheck source=tests/e2e/lib.sh disable=SC2016,SC2119,SC2317 # jq has dollars, lib.sh calls
. "${srcdir:-$(dirname "$0")/../..}/tests/e2e/lib.sh"
need

# train FOLDER FLAG...: its spec is FOLDER.json; its words are in $work/log.
train () {
    local folder=$1

    shift
    ./odenet train "$work/$folder.json" --run-dir "$work/$folder" "$@" > /dev/null \
        2> "$work/log"
}

hash_of () {
    sha256sum "$1" | cut -d ' ' -f 1
}

# of RUN TYPE JQ-FILTER: of the first such record in the run's journal.
of () {
    jq -c "select(.type == \"$2\") | $3" "$state/runs/$1/journal.ndjson" | sed -n 1p
}

entries () {
    find "$state/cache" -name '*.safetensors' 2> /dev/null | wc -l
}

# levels_cached RUN: their flags, as the daemon shows them.
levels_cached () {
    get "/v1/runs/$1/levels"
    jq -c '[.levels[] | [.state, .cached]]' "$body"
}

# refused WHAT POINTER WORD JQ-FILTER: the spec $work/branch.json, changed.
refused () {
    jq "$4" "$work/branch.json" > "$work/bad.json"
    ask POST /v1/jobs -H 'Content-Type: application/json' --data-binary "@$work/bad.json"
    same "$1: its status" "$code" 422
    holds "$1: where, and why" --arg pointer "$2" --arg word "$3" \
        '.errors | any(.pointer == $pointer and (.detail | contains($word)))'
}

# --- the cache, by the daemon ---------------------------------------------------------------
house_start
ladder first 200 1 > "$work/first.json"
submit "$work/first.json"
first=$run
ended "$first"
same "the first run succeeds" "$ended" succeeded
same "it found nothing" "$(of "$first" hello .cached)" null
same "its levels were trained" "$(levels_cached "$first")" \
    '[["done",false],["done",false],["done",false]]'
same "and are kept" "$(entries)" 3

ladder second 200 1 '.levels[2].epochs = 2 | .resources.threads = 1' > "$work/second.json"
check "by hand, without a cache" train second
submit "$work/second.json"
second=$run
ended "$second"
same "a run that begins alike succeeds" "$ended" succeeded
same "it starts at the third level" "$(of "$second" hello .cached.level)" 1
same "two levels show as such" "$(levels_cached "$second")" \
    '[["done",true],["done",true],["done",false]]'
holds "with their scores" '[.levels[].metrics["test.accuracy"]] | all(. >= 0)'
get "/v1/runs/$second/log"
check "the log says so" grep -q "^level 2 of 3 comes from the cache" "$body"
same "its model is that of the run without a cache" \
    "$(field "$second" .model_sha256)" "$(hash_of "$work/second/model.safetensors")"
holds "it has done all of its work" '.progress == 1 and .work == .total_work'

rm -rf "${state:?}/runs/$first"
jq '.name = "third"' "$work/second.json" > "$work/third.json"
check "by hand, all of it" train third --cache "$state/cache"
check "which is in the cache" grep -q "^level 3 of 3 comes from the cache" "$work/log"
same "also gives the same weights" \
    "$(./odenet eval "$work/third/model.safetensors" --json | jq .loss)" \
    "$(./odenet eval "$work/second/model.safetensors" --json | jq .loss)"
submit "$work/second.json"
ended "$run"
same "without the first run's folder the same one is at its end at once" \
    "$(levels_cached "$run")" '[["done",true],["done",true],["done",true]]'
same "with the same model" "$(field "$run" .model_sha256)" \
    "$(hash_of "$work/second/model.safetensors")"

# Where there can be no links there are copies.
if [ -w /dev/shm ] && [ "$(stat -c %d /dev/shm)" != "$(stat -c %d "$work")" ]; then
    far=$(mktemp -d "/dev/shm/${work##*/}-XXXX")
    for folder in here there; do
        cp "$work/first.json" "$work/$folder.json"
        check "with a cache elsewhere" train $folder --cache "$far"
    done
    check "entries are copied" grep -q "^level 3 of 3 comes from the cache" "$work/log"
    same "and nothing else is left" "$(find "$far" -type f | wc -l)" 3
    same "the models are equal" "$(hash_of "$work/there/model.safetensors")" \
        "$(hash_of "$work/here/model.safetensors")"
    rm -rf "$far"
fi

# --- a warm start, by the daemon ------------------------------------------------------------
ladder branch 200 1 ".levels |= .[2:] | .warm_start = {run: \"$second\"}" > "$work/branch.json"
submit "$work/branch.json"
branch=$run
ended "$branch"
same "a branch succeeds" "$ended" succeeded
holds "its spec says which level was meant" '.spec.warm_start.level == 2'
get "/v1/runs/$branch/levels"
holds "it begins with just the accuracy of its parent" '.levels[0].transfer |
    .before == .after and .resolution == [16, 16] and .blocks == [[4, 4], [4, 4]]'
same "it names the parent's weights" "$(of "$branch" hello .warm_start.sha256)" \
    "\"$(hash_of "$state/runs/$second"/checkpoints/02-*-end.safetensors)\""
jq --arg run "$second" '.warm_start = {run: $run, level: 2}' "$work/branch.json" \
    > "$work/byhand.json"
check "the same by hand" train byhand --runs "$state/runs"
same "gives the same model" "$(hash_of "$work/byhand/model.safetensors")" \
    "$(field "$branch" .model_sha256)"

refused "no such run" /warm_start/run "there is no run" \
    '.warm_start.run = "01hzzzzzzzzzzzzzzzzzzzzzzz"'
refused "a path" /warm_start/run "without slashes" '.warm_start.run = "../../etc"'
refused "a folder that is no run" /warm_start/run "there is no run" \
    '.warm_start.run = "cache"'
refused "no such level" /warm_start/level "its newest is 2" '.warm_start.level = 3'
refused "another network" /model/units/1/channels "make them equal" \
    '.model.units[1].channels = 12'

# A parent that goes while its branch waits.
brief blocker 100000 > "$work/blocker.json"
submit "$work/blocker.json"
blocker=$run
until_true "the slot is taken" in_state "$blocker" running
jq '.seed = 2' "$work/branch.json" > "$work/late.json"
submit "$work/late.json"
late=$run
rm -rf "${state:?}/runs/$second"
ask POST "/v1/runs/$blocker/cancel"
ended "$late"
same "a branch without its parent fails" "$ended" failed
holds "and says why" --arg parent "$second" '.attempt == 1 and .error.code == "ESPEC" and
    .error.at == "/warm_start/run" and (.error.text | contains("no run " + $parent))'
house_stop
same "the daemon ends well" "$code" 0

# --- without one ----------------------------------------------------------------------------
rm -rf "${state:?}/cache"
house_start --cache-mib -1
submit "$work/second.json"
ended "$run"
same "without a cache all is trained" "$(levels_cached "$run")" \
    '[["done",false],["done",false],["done",false]]'
same "nothing is kept" "$(entries)" 0
same "and the model is the same" "$(field "$run" .model_sha256)" \
    "$(hash_of "$work/second/model.safetensors")"
house_stop
same "the second daemon ends well, too" "$code" 0
finish
