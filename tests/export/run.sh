#!/bin/bash
# run.sh - exported models answer as the engine does; run by make check in the build tree.
#
# For each kind of network a tiny one is trained for some steps and exported. onnxruntime then
# classifies 100 test images, and its logits are compared with the engine's own.
# Skipped (77) where Node or npm is missing or onnxruntime-node cannot be had; with
# ODENET_WEB_TESTS=must that is a failure. ODENET_EXPORT names networks: a regular expression.
set -euo pipefail

top=$(cd "${srcdir:-$(dirname "$0")/../..}" && pwd)
build=$PWD
chosen=${ODENET_EXPORT:-.}

skip () {
    echo "export tests: $1" >&2
    [ "${ODENET_WEB_TESTS:-}" = must ] && exit 1
    exit 77
}

for program in jq node npm; do
    command -v $program > /dev/null || skip "$program is missing"
done
[ "$(node -p 'process.versions.node.split(".")[0] >= 18')" = true ] ||
    skip "node $(node --version) is too old: 18 or newer is needed"

# --- onnxruntime ------------------------------------------------------------------------
# The source tree may be read-only, so everything happens in a copy. Of the package's libraries
# for three systems one is kept.
work=tests/export/work
mkdir -p "$work"
cp -f "$top"/tests/export/*.mjs "$top"/tests/export/*.json "$work"
chmod -R u+w "$work"
cd "$work"
if [ ! -f installed.json ] || ! cmp -s package-lock.json installed.json; then
    rm -f installed.json
    npm ci --ignore-scripts --prefer-offline --no-audit --no-fund --no-update-notifier \
        --loglevel=error || skip "onnxruntime-node could not be installed"
    for system in node_modules/onnxruntime-node/bin/napi-v*/*; do
        [ "$(basename "$system")" = "$(node -p process.platform)" ] || rm -rf "$system"
    done
    cp package-lock.json installed.json
fi

# --- networks ---------------------------------------------------------------------------
# All networks differ from this one by a jq filter.
cat > base.json << 'SPEC'
{
    "name": "export",
    "data": {"set": "strokes", "train_size": 150, "test_size": 100},
    "model": {"units": [{"channels": 4, "blocks": 3}, {"channels": 8, "blocks": 3}]},
    "train": {"batch": 50},
    "levels": [{"resolution": 16, "epochs": 2, "lr": {"peak": 0.1}}],
    "resources": {"threads": 1}
}
SPEC

# NAME JQ-FILTER, one a line
networks () {
    local block norm x

    for block in hamiltonian euler parabolic revnet midpoint leapfrog rk4; do
        for norm in none batch instance tv; do
            echo "$block-$norm .model += {block: \"$block\", norm: \"$norm\"}"
        done
    done
    for x in {euler,revnet}-{single,symmetric,antisymmetric} {hamiltonian,rk4}-single \
        midpoint-{single,symmetric}; do
        echo "$x .model += {block: \"${x%-*}\", layer: \"${x#*-}\", norm: \"batch\"}"
    done
    for x in zero euler; do
        echo "midpoint-from-$x .model += {block: \"midpoint\", start: \"$x\"}"
    done
    for x in zero neumann taylor; do
        echo "leapfrog-from-$x .model += {block: \"leapfrog\", start: \"$x\"}"
    done
    for x in relu tanh leaky-relu gelu celu softplus; do
        echo "$x .model.activation = \"$x\""
    done
    for x in pointwise residual; do
        for block in hamiltonian midpoint; do
            for norm in none batch instance tv; do
                echo "$block-$norm-$x .model += {block: \"$block\", norm: \"$norm\", connector: \"$x\"}"
            done
        done
    done
    for x in none batch instance tv; do
        echo "stem-$x .model += {stem_norm: \"$x\"}"
        echo "head-$x .model += {head_norm: \"$x\"}"
    done
    for x in batch instance tv; do
        echo "norm-before-$x .model += {norm: \"$x\", norm_before: true}"
    done
    echo "norm-before-all .model += {norm: \"batch\", norm_before: true, stem_norm: \"none\"}"
    echo "wide-zero .model += {block: \"leapfrog\"} | .model.units[1].channels = 14"
    echo "odd-zero .model.units[1].channels = 14"
    echo "between .model.placement = \"between\""
    echo "whitening .model.opening = \"whitening\""
    echo "closing .model.closing = 12"
    echo "flip .data.test_flip = true"
    echo "flat .model.head = \"flat\""
    echo "flat-closing-flip .model += {head: \"flat\", closing: 12} | .data.test_flip = true"
    echo "flat-ladder .model.head = \"flat\" | .levels = [.levels[0] + {resolution: 8}, .levels[0]] | .train.memory = \"reverse-inexact\""
    echo "shallow .levels[0].blocks = [2, 2]"
    echo "weights-2 .model.units[0].weights = 2 | .model.norm = \"batch\""
    echo "rk4-weights-3 .model.block = \"rk4\" | .model.units[0].weights = 3"
    echo "rk4-shallow .model.block = \"rk4\" | .levels[0].blocks = [2, 2]"
    echo "ladder .levels = [.levels[0] + {resolution: 8}, .levels[0]]"
    echo "one-unit .model.units |= .[:1]"
    echo "adamw-ema .train += {optimizer: {type: \"adamw\"}, ema: 0.9}"
}

rm -rf models
mkdir models
count=0 unknown=0
while read -r name filter; do
    [[ $name =~ $chosen ]] || continue
    spec=models/$name.json
    jq ".name = \"$name\" | $filter" base.json > "$spec"
    if ! "$build/odenet" plan "$spec" > said 2>&1; then
        grep -q 'not known here' said || { cat said; exit 1; }
        unknown=$((unknown + 1))
        continue
    fi
    run=models/$name.run model=models/$name.run/model.safetensors
    { "$build/odenet" train "$spec" --run-dir "$run" &&
        "$build/odenet" export "$model" -o "models/$name.onnx" &&
        "$build/odenet" eval "$model" --limit 100 --threads 1 --logits "models/$name.npz"
    } > said 2>&1 || { echo "not ok - $name"; cat said; exit 1; }
    rm -rf "$run"
    count=$((count + 1))
done < <(networks)
echo "$count networks trained, $unknown not known to this engine"
node logits.mjs models
