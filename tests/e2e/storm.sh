#!/bin/bash
# storm.sh - a run whose daemon and workers are killed again and again ends as if undisturbed.
#
# Thirty kill -9, at moments that follow from ODENET_STORM_SEED, of the daemon, of the worker,
# or of both at once. What is stored in the end is compared with a run of the same spec that
# was left in peace.
# shellcheck source=tests/e2e/lib.sh disable=SC2016,SC2119,SC2317 # jq has dollars, lib.sh calls
. "${srcdir:-$(dirname "$0")/../..}/tests/e2e/lib.sh"
need sqlite3

kills=30
seed=${ODENET_STORM_SEED:-$(($(date +%s) % 32768))}
echo "# ODENET_STORM_SEED=$seed"
RANDOM=$seed

sql () {
    sqlite3 -readonly -cmd ".timeout 5000" "$state/odenet.db" "$1"
}

# alike WHAT QUERY: the query, with RUN for a run's number, says the same of both runs.
alike () {
    check "$1" cmp <(sql "${2//RUN/$first}") <(sql "${2//RUN/$((first + 1))}")
}

worker () {
    processes ' train '
}

# Kills by roll: 0-3 the daemon, 4-7 the worker, 8-9 both. Without a worker, the daemon.
strike () {
    local roll=$((RANDOM % 10)) pid=

    [ "$roll" -lt 4 ] || pid=$(worker)
    if [ -n "$pid" ]; then
        kill -KILL "$pid" 2> /dev/null || :
        worker_kills=$((worker_kills + 1))
    fi
    if [ -z "$pid" ] || [ "$roll" -ge 8 ]; then
        house_kill
        daemon_kills=$((daemon_kills + 1))
        house_start --cache-mib -1
    fi
}

# calm_run EPOCHS: one that is left in peace; in $calm, and in $took_ms how long it took.
calm_run () {
    local from

    ladder storm 500 "$1" '.resources += {max_retries: 1000, checkpoint_s: 0.1}' \
        > "$work/spec.json"
    from=$(date +%s%N)
    submit "$work/spec.json"
    calm=$run
    ended "$calm"
    took_ms=$((($(date +%s%N) - from) / 1000000))
}

# The run has to outlast the kills, each of which takes its time: three of them are tried.
house_start --cache-mib -1
epochs=10
calm_run $epochs
first=1
from=$(date +%s%N)
for n in 1 2 3; do
    same "the run has ended" "$(field "$calm" .state)$(field "$calm" .level)$(worker)" succeeded2
    house_kill
    house_start --cache-mib -1
done
strikes_ms=$((($(date +%s%N) - from) * kills / 3000000))
if [ $took_ms -lt $((3 * strikes_ms)) ]; then
    epochs=$((epochs * 3 * strikes_ms / took_ms + 1))
    calm_run $epochs
    first=2
fi
same "the undisturbed run succeeds" "$ended" succeeded
echo "# $epochs epochs took $took_ms ms; $kills kills will take $strikes_ms ms"

# Kill n comes after a random pause, but no later than at a random step of the n-th part of the
# run, so that all come before its end however fast the machine is today.
most_ms=$((took_ms / 45 + 1))
steps=$(field "$calm" .steps)
submit "$work/spec.json"
storm=$run
worker_kills=0 daemon_kills=0 n=0 late=0
while [ $n -lt $kills ]; do
    target=$(((n * 1000 + RANDOM % 1000) * steps / (1000 * (kills + 1))))
    until=$(($(date +%s%N) + RANDOM % most_ms * 1000000))
    while [ "$(date +%s%N)" -lt $until ] && [ "$(field "$storm" .step)" -lt $target ]; do
        :
    done
    case $(field "$storm" .state) in succeeded | failed | cancelled) late=$((late + 1)) ;; esac
    strike
    n=$((n + 1))
done
echo "# killed: the daemon $daemon_kills times, the worker $worker_kills times"
same "all kills came before the end" $late 0
check "the daemon was killed more than once" test $daemon_kills -ge 2
check "and so was the worker" test $worker_kills -ge 2
ended "$storm"
same "the disturbed run succeeds" "$ended" succeeded
holds "in several attempts" '.attempt > 1'

# --- what is stored ------------------------------------------------------------------------
same "both runs have metrics" "$(sql "SELECT count(DISTINCT run) FROM metrics
    WHERE run >= $first")" 2
alike "metrics: name, level, step, value, epoch, work" "SELECT n.name, level, step,
    quote(value), quote(epoch), quote(work) FROM metrics m
    JOIN metric_names n ON n.id = m.name WHERE run = RUN ORDER BY n.name, level, step"
alike "newest metrics" "SELECT name, level, step, quote(value) FROM newest_metrics
    WHERE run = RUN ORDER BY name"
alike "levels" "SELECT level, state, resolution, blocks, epochs, steps, parameters,
    quote(flops_per_image), memory_bytes, quote(work), metrics,
    json_remove(transfer, '\$.at', '\$.time') FROM levels WHERE run = RUN ORDER BY level"
alike "the runs themselves" "SELECT state, level, step, steps, epoch, quote(work),
    quote(total_work), error_code, model_sha256 FROM runs WHERE number = RUN"
same "all of the journal was read" "$(sql "SELECT journal_offset FROM runs WHERE number = $((first + 1))")" \
    "$(wc -c < "$state/runs/$storm/journal.ndjson")"

# --- what is told --------------------------------------------------------------------------
timeless='del(.. | .time?, .at?, .started_at?, .finished_at?, .seconds?, .forecast_s?)'
for part in "metrics?points=all" levels; do
    for one in "$calm" "$storm"; do
        get "/v1/runs/$one/$part"
        jq -S "$timeless" "$body" > "$work/$one"
    done
    check "${part%\?*} over the API" cmp "$work/$calm" "$work/$storm"
done
for one in "$calm" "$storm"; do
    get "/v1/runs/$one/artifacts/model.safetensors"
    cp "$body" "$work/$one"
done
check "the models are equal byte for byte" cmp "$work/$calm" "$work/$storm"
same "and their hash is the one that was told" \
    "$(sha256sum "$work/$storm" | cut -d ' ' -f 1)" "$(field "$storm" .model_sha256)"
house_stop
same "the daemon ends well" "$code" 0
same "nothing is left running" "$(processes)" ""
finish
