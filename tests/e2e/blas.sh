#!/bin/bash
# blas.sh - OpenBLAS's kernels fit the machine, or the log says that they do not.
#
# A daemon and its worker are left alone first; then the user asks for the slowest core type.
# On a machine that has no better one, or an OpenBLAS that has no choice, that part is skipped.
# shellcheck source=tests/e2e/lib.sh disable=SC2016,SC2119,SC2317 # jq has dollars, lib.sh calls
. "${srcdir:-$(dirname "$0")/../..}/tests/e2e/lib.sh"
need

unset OPENBLAS_CORETYPE ODENET_BLAS_WAS ODENET_ISA
brief "some kernels" 1 > "$work/spec.json"

# hello RUN: its journal's first record.
hello () {
    head -n 1 "$state/runs/$1/journal.ndjson"
}

# told: the daemon knows what the worker said.
told () {
    get /v1/system
    jq -e '.blas != null' "$body"
}

# --- left alone --------------------------------------------------------------------------
./odenet system --json > "$work/system.json" 2> "$work/stderr"
check "no word on stderr" test ! -s "$work/stderr"
house_start
until_true "the worker program was asked" told
holds "the daemon says what the worker program says" --slurpfile own "$work/system.json" \
    '. == $own[0]'
holds "of the whole machine" '(.version | length > 0) and .cores >= 1 and
    .memory_bytes > 1e6 and (.kernels | length > 0) and (.blas.config | test("OpenBLAS"))'
holds "nothing is slow" '.blas.warning == null'
submit "$work/spec.json"
ended "$run"
same "a run succeeds" "$ended" succeeded
same "at the first attempt" "$(field "$run" .attempt)" 1
hello "$run" > "$body"
holds "with the same kernels" --slurpfile own "$work/system.json" \
    '.type == "hello" and .blas == $own[0].blas.core and .kernels == $own[0].kernels'
if [ "$(jq .blas.corrected_from "$work/system.json")" != null ]; then
    get "/v1/runs/$run/log"
    check "its log tells of the correction" grep -q "^OpenBLAS took this machine for" "$body"
fi
house_stop

# --- the word of the user ----------------------------------------------------------------
export OPENBLAS_CORETYPE=PRESCOTT
if [ "$(./odenet system --json | jq '.blas.warning == null')" = true ]; then
    echo "# Prescott is not slow here"
    finish
fi
house_start
until_true "the worker program was asked" told
holds "it stands, and is known to be slow" '.blas.core == "Prescott" and
    .blas.corrected_from == null and (.blas.warning | test("PRESCOTT is slow"))'
check "also to the daemon's log" grep -q "^warn probe slow text=" "$work/daemon.log"
submit "$work/spec.json"
ended "$run"
same "a run succeeds all the same" "$ended" succeeded
hello "$run" > "$body"
holds "with these kernels" '.blas == "Prescott"'
get "/v1/runs/$run/log"
check "its log has a warning" grep -q "^warning: OPENBLAS_CORETYPE=PRESCOTT is slow" "$body"
house_stop
finish
