#!/bin/bash
# check.sh - odenet check: a table, JSON, and exit codes.
# shellcheck source=tests/e2e/lib.sh disable=SC2016 # jq has dollars
. "${srcdir:-$(dirname "$0")/../..}/tests/e2e/lib.sh"
need

recipe=${srcdir:-$(dirname "$0")/../..}/recipes/quickstart.json

# says WHAT CODE COMMAND...: exits with the code; its words are in $body.
says () {
    local what=$1 expected=$2 status=0

    shift 2
    "$@" > "$body" 2> "$work/stderr" || status=$?
    same "$what: its exit code" $status "$expected"
}

jq '.data.train_size = 100 | .data.test_size = 20 | .levels |= .[:2]
    | .model.units |= map(.channels /= 2)' "$recipe" > "$work/spec.json"

says "a good spec" 0 ./odenet check "$work/spec.json"
for name in taylor adjoint inverse memory threads symplecticity energy; do
    check "there are rows of $name for both levels" \
        eval "grep -Eq '^ +1 +$name .*passed' $body && grep -Eq '^ +2 +$name .*passed' $body"
done
check "the last line counts them" \
    eval 'tail -n 1 "$body" | grep -Eq "^[0-9]+ passed, 0 failed, 0 not applicable$"'
rows=$(($(wc -l < "$body") - 1))

says "the same as JSON" 0 ./odenet check "$work/spec.json" --json
holds "has as many rows" "length == $rows"
holds "each with a figure within its tolerance" 'all(.[]; .verdict == "passed"
    and ((.at_most != null and .measured <= .at_most)
        or (.at_least != null and .measured >= .at_least)))'
holds "bits are compared without a tolerance" \
    '[.[] | select(.check == "memory")] | length == 4 and all(.[]; .at_most == 0)'

says "one level, other kernels, more examples" 0 \
    ./odenet check "$work/spec.json" --level 2 --batch 12 --kernels portable --threads 2 --json
holds "is that level" 'length > 20 and all(.[]; .level == 1)'

jq '.model.block = "euler" | .model.norm = "batch" | .levels |= .[:1]' "$work/spec.json" \
    > "$work/euler.json"
says "a network that cannot be reversed" 0 ./odenet check "$work/euler.json" --json
holds "says why four checks have no meaning" '[.[] | select(.verdict == "not applicable")]
    | length == 4 and all(.[]; .note and .measured == null)
        and (map(.check) == ["inverse", "memory", "symplecticity", "energy"])'

jq '.model.step = 10 | .levels |= .[:1]' "$work/spec.json" > "$work/wild.json"
says "steps far beyond what is stable" 1 ./odenet check "$work/wild.json"
check "fail" grep -q 'FAILED' "$body"
check "and are counted" eval 'tail -n 1 "$body" | grep -Eq ", [1-9][0-9]* failed,"'

says "no spec" 2 ./odenet check
says "a level that is not there" 2 ./odenet check "$work/spec.json" --level 3
check "says how many there are" grep -q "2 levels" "$work/stderr"
jq '.model.step = -1' "$work/spec.json" > "$work/bad.json"
says "a bad spec" 2 ./odenet check "$work/bad.json"
check "says where" grep -q /model/step "$work/stderr"
says "kernels that are none" 2 ./odenet check "$work/spec.json" --kernels abacus
jq '.data.set = "mnist" | .levels = [{resolution: 28, epochs: 1}]' "$work/spec.json" \
    > "$work/mnist.json"
says "a data set that is not there" 3 \
    ./odenet check "$work/mnist.json" --data-dir "$work/nothing"
finish
