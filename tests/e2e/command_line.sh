#!/bin/bash
# command_line.sh - odenet by hand: exit codes, words, and one transfer there and back.
# shellcheck source=tests/e2e/lib.sh disable=SC2016,SC2119,SC2317 # jq has dollars, lib.sh calls
. "${srcdir:-$(dirname "$0")/../..}/tests/e2e/lib.sh"
need od

# ends WHAT CODE WORD COMMAND...: exits with the code and says the word.
ends () {
    local what=$1 expected=$2 word=$3 status=0

    shift 3
    "$@" > "$body" 2>&1 || status=$?
    same "$what: its exit code" $status "$expected"
    check "$what: its word" grep -q -- "$word" "$body"
}

# The data of a safetensors file from `skip` bytes on, as numbers, one a line.
numbers () {
    local header

    header=$(od -A n -t u8 -N 8 "$1" | tr -d ' ')
    od -A n -v -t f4 -w4 -j $((8 + header)) "$1"
}

# close FILE FILE: equal tensors, to the error of a stencil there and back.
close () {
    paste <(numbers "$1") <(numbers "$2") | awk '
        { d = $1 - $2; sum += d * d; all += $1 * $1 }
        END { exit !(NR > 1000 && sum <= 1.6e-11 * all) }'
}

# enlarge FILE: the file with an opening of 5x5 kernels.
enlarge () {
    local n length begin end more

    n=$(od -A n -t u8 -N 8 "$1" | tr -d ' ')
    head -c $((8 + n)) "$1" | tail -c "$n" > "$work/header"
    read -r begin end < <(jq -r '."opening.weight".data_offsets | @tsv' "$work/header")
    more=$(((end - begin) * 16 / 9))
    jq -cj --argjson past "$end" --argjson more "$more" '
        map_values(if (.data_offsets[0]? // 0) >= $past then .data_offsets |= map(. + $more) else . end) |
        ."opening.weight" |= (.shape[2:] = [5, 5] | .data_offsets[1] += $more)' \
        "$work/header" > "$work/large"
    while length=$(stat -c %s "$work/large"); [ $((length % 8)) -ne 0 ]; do
        printf ' ' >> "$work/large"
    done
    printf '%b' "$(printf '\\x%02x\\x%02x\\x%02x\\0\\0\\0\\0\\0' \
        $((length & 255)) $((length >> 8 & 255)) $((length >> 16)))"
    cat "$work/large"
    head -c $((8 + n + end)) "$1" | tail -c "$end" # the other way round, tail may meet a closed pipe
    head -c "$more" /dev/zero
    tail -c +$((9 + n + end)) "$1"
}

for command in "" train plan check bench eval transfer export data system; do
    # shellcheck disable=SC2086 # no command is none
    ends "help of odenet $command" 0 usage ./odenet $command --help
done
ends "no command" 2 COMMAND ./odenet
ends "an unknown command" 2 "no command" ./odenet fly
ends "an unknown flag" 2 usage ./odenet train --fly

ends "what the machine has" 0 kernels ./odenet system
ends "kernels that are not to be had" 2 portable env ODENET_ISA=sse9 ./odenet system
ends "an argument too many" 2 usage ./odenet system now

ladder hand 100 1 > "$work/spec.json"
ends "a good run" 0 succeeded ./odenet train "$work/spec.json" --run-dir "$work/run"
ends "a folder with a run in it" 2 resume ./odenet train "$work/spec.json" --run-dir "$work/run"
jq '.seed = 2' "$work/spec.json" > "$work/other.json"
ends "the checkpoints of another spec" 2 "another job" \
    ./odenet train "$work/other.json" --run-dir "$work/run" --resume
ends "a spec that is not there" 3 nowhere.json ./odenet train "$work/nowhere.json"
jq '.levels[0].epochs = -1' "$work/spec.json" > "$work/bad.json"
ends "a bad spec" 2 /levels/0/epochs ./odenet train "$work/bad.json" --run-dir "$work/bad"
jq '.data.set = "mnist" | .levels = [{resolution: 28, epochs: 1}]' "$work/spec.json" \
    > "$work/mnist.json"
ends "a data set that is not there" 3 "$work/nothing" \
    ./odenet train "$work/mnist.json" --run-dir "$work/mnist" --data-dir "$work/nothing"
exec 9> "$work/run/worker.lock"
flock 9
ends "a folder in use" 73 "another worker" \
    ./odenet train "$work/spec.json" --run-dir "$work/run" --resume
exec 9>&-
ladder long 400 10000 > "$work/long.json"
./odenet train "$work/long.json" --run-dir "$work/long" 2> "$work/long.log" &
pid=$!
until_true "it trains" grep -q '"type":"metric"' "$work/long/journal.ndjson"
kill -TERM $pid
code=0
wait $pid || code=$?
same "a stopped run: its exit code" $code 75
check "a stopped run has a checkpoint" ls "$work"/long/checkpoints/*.safetensors

model=$work/run/model.safetensors
same "equal spec and seed, whatever is kept in memory: equal bytes" "$(
    jq '.train.memory = "store"' "$work/spec.json" > "$work/store.json"
    ./odenet train "$work/store.json" --run-dir "$work/store" --threads 1 2> /dev/null |
        wc -l; numbers "$work/store/model.safetensors" | sha256sum)" \
    "$(echo 1; numbers "$model" | sha256sum)"
for way in "--resolution-factor 2:--resolution-factor 0.5" \
    "--resolution-factor 2 --space constant:--resolution-factor 0.5 --space constant" \
    "--resolution-factor 2 --space rediscretise:--resolution-factor 0.5 --space rediscretise" \
    "--depth-factor 1:--depth-factor 1"; do
    # shellcheck disable=SC2086 # several flags
    ends "${way%:*}" 0 parameters ./odenet transfer "$model" ${way%:*} -o "$work/there"
    # shellcheck disable=SC2086
    ends "and back" 0 parameters ./odenet transfer "$work/there" ${way#*:} -o "$work/back"
    check "$way gives the model back" close "$model" "$work/back"
done
ends "a deeper model" 0 parameters \
    ./odenet transfer "$model" --depth-factor 2 --time constant -o "$work/deep"
ends "is measured" 0 accuracy ./odenet eval "$work/deep"
ends "another resolution" 0 "32x32 pixels by transfer bilinear, 100" \
    ./odenet eval "$model" --resolution 32
ends "by another operator" 0 "32x32 pixels by transfer rediscretise, 100" \
    ./odenet eval "$model" --resolution 32 --space rediscretise
ends "kernels unchanged" 0 "32x32 pixels by unchanged, 100" \
    ./odenet eval "$model" --resolution 32 --method unchanged
jq '.model.head = "flat"' "$work/spec.json" > "$work/flat.json"
ends "a flat head" 0 succeeded ./odenet train "$work/flat.json" --run-dir "$work/flat" --threads 1
flat=$work/flat/model.safetensors
ends "at twice the resolution" 0 parameters \
    ./odenet transfer "$flat" --resolution-factor 2 -o "$work/there"
ends "and back" 0 parameters \
    ./odenet transfer "$work/there" --resolution-factor 0.5 -o "$work/back"
check "is the same again" close "$flat" "$work/back"
ends "is measured elsewhere" 0 "8x8 pixels by unchanged, 100" \
    ./odenet eval "$flat" --resolution 8 --method unchanged
ends "is exported" 0 parameters ./odenet export "$flat" -o "$work/flat.npz"
ends "images brought to the model's" 0 "32x32 pixels by resize-image, 100" \
    ./odenet eval "$model" --resolution 32 --method resize-image
ends "also smaller ones" 0 "8x8 pixels by resize-image, 100" \
    ./odenet eval "$model" --resolution 8 --method resize-image
# measured RESOLUTION [FLAG...]: the loss there; the answer is in $body.
measured () {
    ./odenet eval "$model" --json --resolution "$@" > "$body"
    jq .loss "$body"
}
for size in 8 32; do
    same "the three methods at $size are three, and none is another's" "$(
        for method in transfer unchanged resize-image; do
            measured $size --method $method
        done | sort -u | wc -l)" 3
    same "the default at $size is transfer" "$(measured $size)" "$(measured $size --method transfer)"
    same "transfer by no operator at $size is unchanged" \
        "$(measured $size --space none)" "$(measured $size --method unchanged)"
done
measured 8 > "$work/loss"
holds "the method is named" '.method == "transfer" and .space == "bilinear" and .resolution == 8'
measured 8 --method resize-image > "$work/loss"
holds "also this one" '.method == "resize-image" and (has("space") | not) and .resolution == 8'
measured 16 --method resize-image > "$work/loss"
holds "at the model's own there is none" '(has("method") | not) and .resolution == 16'
./odenet eval "$model" --json > "$work/own"
check "and all is as without" cmp "$body" "$work/own"
ends "images that are brought to the network" 0 "10 test examples" ./odenet eval "$model" \
    --resolution 32 --method resize-image --limit 10 --logits "$work/resized.npz"
check "are written as it gets them" grep -aq "(10, 1, 16, 16)" "$work/resized.npz"
ends "a method that is none" 2 "resize-image" \
    ./odenet eval "$model" --resolution 32 --method guess
ends "an operator for images" 2 "only goes with --method transfer" \
    ./odenet eval "$model" --resolution 32 --method resize-image --space constant
ends "images of a resolution between two" 2 "24 pixels cannot be brought to the model's 16" \
    ./odenet eval "$model" --resolution 24 --method resize-image
ends "a factor of three" 2 "power of two" \
    ./odenet transfer "$model" --resolution-factor 3 -o "$work/x"
ends "an unknown operator" 2 bilinear ./odenet transfer "$model" --space fly -o "$work/x"
damped () {
    ends "refined with damping $1" 0 parameters \
        ./odenet transfer "$model" --resolution-factor 2 --damping "$1" -o "$work/damped"
    ends "and back" 0 parameters \
        ./odenet transfer "$work/damped" --resolution-factor 0.5 -o "$work/back"
}
damped 4
check "damping loses something" eval '! close "$model" "$work/back"'
damped 16
check "a cap of 16 loses nothing" close "$model" "$work/back"
ends "damping of another operator" 2 "only goes with the space" \
    ./odenet transfer "$model" --space constant --damping 4 -o "$work/x"
ends "damping of less than 1" 2 "1 to 16" ./odenet transfer "$model" --damping 0.5 -o "$work/x"
ends "a damped model, by another operator" 0 parameters ./odenet transfer "$work/damped" \
    --space constant --resolution-factor 0.5 -o "$work/undamped"
ends "is read again" 0 accuracy ./odenet eval "$work/undamped"
enlarge "$model" > "$work/five"
ends "a kernel of 5x5" 3 "tensor opening.weight has kernels of 5x5.*only 3x3 and 1x1.*train" \
    ./odenet transfer "$work/five" --resolution-factor 2 -o "$work/x"
ends "no output" 2 "-o FILE" ./odenet transfer "$model" --depth-factor 2
ends "a device as the output" 74 "plain file" ./odenet transfer "$model" -o /dev/full
ends "a resolution between two" 2 "power of two" ./odenet eval "$model" --resolution 24
ends "an export as safetensors" 0 "16x16" ./odenet export "$model" -o "$work/plain.safetensors"
check "is the model again" cmp "$model" "$work/plain.safetensors"
checkpoint=$(printf '%s\n' "$work"/run/checkpoints/*.safetensors | tail -n 1)
ends "a checkpoint for numpy" 0 parameters ./odenet export "$checkpoint" --format npz -o "$work/ck"
check "is a zip archive without its momentum" \
    eval 'grep -aq "head.bias.npy" "$work/ck" && ! grep -aq momentum "$work/ck"'
ends "a network" 0 "10 classes" ./odenet export "$model" -o "$work/net.onnx"
cp "$work/net.onnx" "$work/first.onnx"
ends "again" 0 bytes ./odenet export "$model" -o "$work/net.onnx"
check "gives equal bytes" cmp "$work/first.onnx" "$work/net.onnx"
ends "a format that is none" 2 "onnx, npz or safetensors" \
    ./odenet export "$model" --format pickle -o "$work/x"
ends "a name that tells no format" 2 ".npz" ./odenet export "$model" -o "$work.d/model"
ends "an export to nowhere" 2 "-o FILE" ./odenet export "$model"
ends "an export of nothing" 3 nowhere ./odenet export "$work/nowhere" -o "$work/x.npz"
ends "an export into no folder" 74 "No such file" \
    ./odenet export "$model" -o "$work/none/x.onnx"
ends "logits" 0 "10 test examples" \
    ./odenet eval "$model" --limit 10 --logits "$work/logits.npz"
check "are written" grep -aq logits.npy "$work/logits.npz"
ends "no examples at all" 2 limit ./odenet eval "$model" --limit 0
head -c 5000 "$model" > "$work/cut"
ends "a model cut short" 3 "$work/cut" ./odenet eval "$work/cut"
ends "no model" 3 spec.json ./odenet eval "$work/spec.json"
finish
