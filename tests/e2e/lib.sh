# shellcheck shell=bash
# lib.sh - sourced by the stories: a daemon of their own, questions to it, and counted checks.
#
# A story runs in the build tree, with the programs that were built there. All that it starts
# names the folder $work in its command line, and ends with the story. Nothing waits for luck:
# what is waited for has a deadline, and the story fails there.
#
# Everything that is set here is for the stories to read:
# shellcheck disable=SC2034,SC2119,SC2120
set -euo pipefail

work=$(mktemp -d "${TMPDIR:-/tmp}/odenet-e2e-XXXXXX")
state=$work/state       # the daemon's
url=                    # the daemon's, while it runs
daemon=0                # its process
code=                   # of the newest answer
body=$work/body         # of the newest answer
head=$work/head         # of the newest answer
checks=0 failures=0 errors=1 # an error until finish was reached
patience_s=${ODENET_PATIENCE_S:-120}

# --- the beginning and the end --------------------------------------------------------------

skip () {
    echo "skipped: $1"
    errors=0
    exit 77
}

# need PROGRAM...: the story is skipped where one is missing.
need () {
    local program

    for program in curl jq pgrep "$@"; do
        command -v "$program" > /dev/null || skip "$program is missing"
    done
}

# The living processes of this story, or those of them whose command line fits, too.
processes () {
    pgrep -f -- "${1:-}.*$work" || :
}

the_end () {
    local status=$? pid

    trap - EXIT
    for pid in $(processes); do
        kill -KILL "$pid" 2> /dev/null || :
    done
    wait
    if [ "$status" -ne 77 ]; then
        [ $((failures + errors)) -eq 0 ] || tail -n 30 "$work"/daemon.log 2> /dev/null || :
        closing_line
        [ $((failures + errors)) -eq 0 ] || status=1
    fi
    rm -rf "$work"
    exit "$status"
}
trap the_end EXIT
trap 'exit 1' INT TERM HUP

closing_line () {
    local bad=$((failures + errors)) percent=0

    [ "$checks" -eq 0 ] || [ "$bad" -gt "$checks" ] || percent=$(((checks - bad) * 100 / checks))
    echo "$percent%: Checks: $checks, Failures: $failures, Errors: $errors"
}

# The story was told to its end.
finish () {
    errors=0
    exit 0
}

# --- checks ---------------------------------------------------------------------------------

# check WHAT COMMAND...: the command succeeds.
check () {
    local what=$1

    shift
    checks=$((checks + 1))
    if "$@" > "$work/said" 2>&1; then
        echo "ok $checks - $what"
    else
        failures=$((failures + 1))
        echo "not ok $checks - $what"
        echo "# failed: $*" | cut -c 1-1000
        head -c 2000 "$work/said" | sed 's/^/# /'
    fi
}

# same WHAT FOUND EXPECTED
same () {
    checks=$((checks + 1))
    if [ "$2" = "$3" ]; then
        echo "ok $checks - $1"
    else
        failures=$((failures + 1))
        echo "not ok $checks - $1"
        printf '# found %.1000s, expected %.1000s\n' "$2" "$3"
    fi
}

# holds WHAT JQ-ARGUMENT...: the filter is true of the newest answer.
holds () {
    local what=$1 before=$failures

    shift
    check "$what" jq -e "$@" "$body"
    if [ "$failures" -gt "$before" ]; then
        head -c 1500 "$body" | sed 's/^/# /'
        echo
    fi
}

# until_true WHAT COMMAND...: asks until the command succeeds; the story ends if it never does.
until_true () {
    local what=$1 end=$((SECONDS + patience_s))

    shift
    until "$@" > /dev/null 2>&1; do
        if [ "$SECONDS" -ge "$end" ]; then
            echo "# waited $patience_s s in vain until $what"
            exit 1
        fi
        sleep 0.02
    done
}

# --- the daemon -----------------------------------------------------------------------------

daemon_answers () {
    kill -0 "$daemon" || { echo "# the daemon ended"; exit 1; }
    [ -s "$state/odenetd.address" ] || return 1
    url=$(head -n 1 "$state/odenetd.address")
    url=${url%/}
    curl -sSf -o /dev/null "$url/readyz"
}

# house_start [FLAG...]: the daemon, when it is ready to answer.
house_start () {
    rm -f "$state/odenetd.address"      # of one that was killed
    ./odenetd --state-dir "$state" --port 0 --worker "$PWD/odenet" --poll-ms 50 "$@" \
        >> "$work/daemon.log" 2>&1 &
    daemon=$!
    until_true "the daemon answers" daemon_answers
}

# The daemon's exit code after SIGTERM, in $code.
house_stop () {
    code=0
    kill -TERM "$daemon"
    wait "$daemon" || code=$?
}

# house_kill: as if the power of the daemon alone had failed.
house_kill () {
    kill -KILL "$daemon"
    wait "$daemon" 2> /dev/null || :
}

# --- questions to it ------------------------------------------------------------------------

# ask METHOD PATH [CURL-ARGUMENT...]: the answer goes to $code, $head and $body.
ask () {
    local method=$1 path=$2

    shift 2
    code=$(curl -sS -o "$body" -D "$head" -w '%{http_code}' -X "$method" "$@" "$url$path")
}

# get PATH: the body of an answer that must be good.
get () {
    ask GET "$1"
    if [ "$code" != 200 ]; then
        echo "# GET $1: $code" >&2
        head -c 1000 "$body" >&2
        exit 1
    fi
}

# submit FILE: posts the spec; $job and $run are what came of it.
submit () {
    ask POST /v1/jobs -H 'Content-Type: application/json' --data-binary "@$1"
    if [ "$code" != 201 ]; then
        echo "# POST /v1/jobs: $code $(head -c 1000 "$body")"
        exit 1
    fi
    job=$(jq -r .id "$body")
    run=$(jq -r '.runs[0].id' "$body")
}

# field RUN JQ-FILTER: of the run's document.
field () {
    get "/v1/runs/$1"
    jq -r "$2" "$body"
}

# in_state RUN STATE
in_state () {
    [ "$(field "$1" .state)" = "$2" ]
}

# ended RUN: waits until the run has a final state, in $ended.
ended () {
    local end=$((SECONDS + patience_s))

    while :; do
        get "/v1/runs/$1?wait=10"
        ended=$(jq -r .state "$body")
        case $ended in succeeded | failed | cancelled) return ;; esac
        [ "$SECONDS" -lt "$end" ] || { echo "# run $1 is still $ended"; exit 1; }
    done
}

# --- job specs ------------------------------------------------------------------------------

# ladder NAME TRAIN EPOCHS [JQ-FILTER]: three levels: one step in resolution, one in depth.
ladder () {
    jq -n --arg name "$1" --argjson train "$2" --argjson epochs "$3" '{
        name: $name,
        data: {set: "strokes", train_size: $train, test_size: 100},
        model: {units: [{channels: 4, blocks: 4}, {channels: 8, blocks: 4}]},
        train: {batch: 50},
        levels: [
            {resolution: 8, blocks: [2, 2], epochs: $epochs, lr: {peak: 0.02}},
            {resolution: 16, blocks: [2, 2], epochs: $epochs, lr: {peak: 0.02}},
            {resolution: 16, blocks: [4, 4], epochs: $epochs, lr: {peak: 0.02}}],
        resources: {threads: 2}
    } | '"${4:-.}"
}

# brief NAME EPOCHS [JQ-FILTER]: one level, which is over in a moment for few epochs.
brief () {
    jq -n --arg name "$1" --argjson epochs "$2" '{
        name: $name,
        data: {set: "strokes", train_size: 100, test_size: 20},
        model: {units: [{channels: 4, blocks: 2}]},
        train: {batch: 50},
        levels: [{resolution: 8, epochs: $epochs, lr: {peak: 0.02}}],
        resources: {threads: 1}
    } | '"${3:-.}"
}
