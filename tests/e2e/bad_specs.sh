#!/bin/bash
# bad_specs.sh - what is wrong with a job is said, where it is wrong, and nothing else happens.
#
# Each request is refused with problem+json: its status, its type, the place, and a word of the
# reason. Afterwards the daemon has stored nothing of them and trains a good job.
# shellcheck source=tests/e2e/lib.sh disable=SC2016,SC2119,SC2317 # jq has dollars, lib.sh calls
. "${srcdir:-$(dirname "$0")/../..}/tests/e2e/lib.sh"
need head

ladder good 100 1 > "$work/good.json"
house_start --data-dir "$work/nothing"

# post FILE [CURL-ARGUMENT...]
post () {
    local file=$1

    shift
    ask POST /v1/jobs -H 'Content-Type: application/json' --data-binary "@$file" "$@"
}

# refused WHAT STATUS TYPE WORD: by the newest answer, in its detail or one of its errors'.
refused () {
    same "$1: its status" "$code" "$2"
    check "$1: it is a problem" grep -qi '^content-type: application/problem+json' "$head"
    holds "$1: which, and why" --arg type "/problems/$3" --argjson status "$2" --arg word "$4" '
        .type == $type and .status == $status and (.title | length > 0) and
        ([.detail, .errors[]?.detail] | any(contains($word)))'
}

# bad WHAT POINTER WORD JQ-FILTER: the good spec, changed, is refused there.
bad () {
    jq "$4" "$work/good.json" > "$work/bad.json"
    post "$work/bad.json"
    refused "$1" 422 invalid-spec "$3"
    holds "$1: where" --arg pointer "$2" --arg word "$3" \
        '.errors | any(.pointer == $pointer and (.detail | contains($word)))'
}

# raw WHAT STATUS TYPE WORD TEXT
raw () {
    printf '%b' "$5" > "$work/bad.json"
    post "$work/bad.json"
    refused "$1" "$2" "$3" "$4"
}

# --- specs -------------------------------------------------------------------------------
bad "a wrong type" /train/batch number '.train.batch = "many"'
bad "a fraction for a whole number" /train/batch whole '.train.batch = 1.5'
bad "an unknown member" /train/bacth batch '.train.bacth = 50'
bad "negative epochs" /levels/1/epochs -3 '.levels[1].epochs = -3'
bad "a resolution that is not divisible" /levels/0/resolution "power of two" \
    '.levels[0].resolution = 12'
bad "a resolution too small to halve" /levels/0/resolution halved \
    '.model.units = [range(5) | {channels: 4, blocks: 4}] | .levels |= map(del(.blocks))'
bad "no levels" /levels "0 entries" '.levels = []'
bad "levels left out" /levels missing 'del(.levels)'
bad "blocks of the wrong length" /levels/2/blocks unit '.levels[2].blocks = [4]'
bad "odd channels" /model/units/0/channels odd '.model.units[0].channels = 5'
bad "an unknown set" /data/set strokes '.data.set = "imagenet"'
bad "damping of another operator" /transfer/damping bilinear \
    '.transfer = {space: "rediscretise", damping: 4}'
bad "damping that shrinks" /transfer/damping "1 to 16" '.transfer.damping = 0.5'
bad "a member of another choice" /levels/0/lr/floor cosine '.levels[0].lr.floor = 0.1'
bad "a batch larger than the set" /train/batch 100 '.train.batch = 101'
bad "more than the set has" /data/train_size 60000 '.data = {set: "mnist", train_size: 70000}'
bad "a level that is no object" /levels/0 object '.levels[0] = null'
bad "two mistakes at once" /seed -1 '.seed = -1 | .priority = 5000'
holds "are both told" '[.errors[].pointer] | sort == ["/priority", "/seed"]'

# --- data --------------------------------------------------------------------------------
jq '.data.set = "cifar10" | .levels = [{resolution: 32, epochs: 1}]' "$work/good.json" \
    > "$work/bad.json"
post "$work/bad.json"
refused "a data set that is not there" 422 unusable-data cifar10

# --- no JSON, or none that is taken --------------------------------------------------------
raw "broken JSON" 400 bad-json "line" '{"name": "broken",\n "levels": [}'
holds "broken JSON: the line" '.line == 2 and .column > 0'
raw "NaN" 400 bad-json "" '{"train": {"weight_decay": NaN}}'
raw "a number beyond all bounds" 400 bad-json "" '{"train": {"weight_decay": 1e999}}'
raw "an empty body" 400 bad-json "" ''
raw "a member twice" 400 bad-json seed '{"seed": 1, "seed": 2}'
raw "text that is not UTF-8" 400 bad-json "unable to decode" '{"name": "\xff\xfe"}'
raw "nested too deep" 400 bad-json "" "$(printf '[%.0s' {1..3000})"
raw "an array" 422 invalid-spec object '[]'
head -c 10485760 /dev/zero | tr '\0' ' ' > "$work/bad.json"
post "$work/bad.json"
refused "ten megabytes" 413 too-large ""
ask POST /v1/jobs -H 'Content-Type: text/plain' --data-binary "@$work/good.json"
refused "another content type" 415 unsupported-media-type "application/json"
post "$work/good.json" -H 'Host: odenet.example'
refused "another host" 421 misdirected ""
post "$work/good.json" -H 'Origin: http://elsewhere.example'
refused "another site" 403 cross-origin ""
ask PUT /v1/jobs -H 'Content-Type: application/json' --data-binary "@$work/good.json"
refused "another method" 405 method-not-allowed ""

# --- and after all that --------------------------------------------------------------------
get /v1/jobs
holds "nothing of it was stored" '.jobs == []'
same "and no run has a folder" "$(ls -A "$state/runs")" ""
submit "$work/good.json"
ended "$run"
same "a good job is trained" "$ended" succeeded
house_stop
same "the daemon ends well" "$code" 0
finish
