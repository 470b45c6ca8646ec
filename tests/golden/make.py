#!/usr/bin/python3
"""make.py - golden files: networks written down in PyTorch, and what they compute.

    python3 tests/golden/make.py [DIR]            writes DIR/<case>.safetensors (DIR: tests/golden)
    python3 tests/golden/make.py --check [DIR]    checks this script, and the files against it

Each network of a job spec is built here from torch's own primitives in float64: conv2d,
conv_transpose2d, autograd. It shares no code with the engine and has no backward pass
of its own, so that the engine can be compared with it (tests/golden/golden.c).

A file holds, with the engine's names for tensors:

    __metadata__      spec (a job spec), in (channels of an image), classes, rate, made_by
    input             F32 [n][in][h][w]; label I64 [n]
    NAME              F32, initial weights; for NAME.mean, NAME.variance running statistics
    logits, loss      of the batch in training, that is with the moments of the batch
    gradient.NAME     of the loss, for each trained tensor
    moment.NAME       moments of the batch that went through each batch normalisation:
                      mean and biased variance, named as the running statistics
    inference.logits  with running statistics that are the mean of the initial ones and
    inference.loss    the batch's moments; this loss is without label smoothing
    losses            [11] before each of ten steps on the same batch, and after the last
    lengths           Euclidean norm of each trained tensor after ten steps, in the order
                      of the gradients in the file

A step is v = 0.9 v + g, x = x - rate (g + 0.9 v), from v = 0. Weights and images are
numbers of float32; all results are float64. Needs torch 1.13 or later, nothing else.
"""
import argparse
import json
import math
import os
import struct
import sys
from fractions import Fraction

import torch
import torch.nn.functional as F

EPS = 1e-3  # of all normalisations
BATCH = 3  # so few are one micro-batch
STEPS = 10
MOMENTUM = 0.9
REVERSIBLE = ("hamiltonian", "revnet", "midpoint", "leapfrog")
HALVES = ("hamiltonian", "revnet")  # the state is a pair of half the channels each
FORMS = {  # what layer "auto" stands for
    "euler": "residual",
    "parabolic": "symmetric",
    "hamiltonian": "symmetric",
    "revnet": "residual",
    "midpoint": "antisymmetric",
    "leapfrog": "symmetric",
    "rk4": "antisymmetric",
}
ACTIVATIONS = {
    "relu": F.relu,
    "tanh": torch.tanh,
    "leaky-relu": lambda x: F.leaky_relu(x, 0.01),
    "gelu": lambda x: x * 0.5 * torch.erfc(-x / math.sqrt(2)),
    "celu": lambda x: F.celu(x, 1.0),
    "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
}

# --- the cases -------------------------------------------------------------------------

PRESETS = {  # members of model that a case may leave out; as in core/recipe/recipe.def
    "layer": "auto",
    "norm": "none",
    "norm_before": False,
    "stem_norm": "batch",
    "head_norm": "batch",
    "connector": "zero",
    "placement": "code",
    "closing": 0,
    "head": "average",
    "start": "auto",
    "step": 0.1,
}


def case(block, activation, channels, blocks, size=8, images=3, classes=5, smoothing=0.0,
         level=None, weights=0, rate=0.05, **model):
    """A job spec with one level; `level`: its blocks where they are not the finest."""
    units = [{"channels": c, "blocks": b} for c, b in zip(channels, blocks)]
    for unit in units:
        if weights:
            unit["weights"] = weights
    rung = {"resolution": size, "epochs": 1, "lr": {"schedule": "constant", "peak": rate}}
    if level:
        rung["blocks"] = level
    spec = {
        "data": {"set": "strokes"},
        "model": {"block": block, "activation": activation, **model, "units": units},
        "train": {
            "batch": BATCH,
            "optimizer": {"type": "sgd", "momentum": MOMENTUM, "nesterov": True},
            "weight_decay": 0,
            "smoothness": 0,
            "label_smoothing": smoothing,
        },
        "levels": [rung],
    }
    return {"spec": spec, "in": images, "classes": classes}


RAGGED = [6, 12, 16]  # halves of 3, 6, 8: an odd number of zero channels between
CASES = {
    # Coarser in time than the finest depth: steps of 0.15 and 0.2 and 0.3.
    "hamiltonian-none": case("hamiltonian", "tanh", RAGGED, [2, 2, 4], size=12, classes=7,
                             level=[1, 1, 2]),
    # Halves of more than 16 channels, one unit, grey images.
    "hamiltonian-wide": case("hamiltonian", "relu", [36], [2], images=1, classes=10),
    "hamiltonian-batch": case("hamiltonian", "relu", RAGGED, [1, 2, 2], norm="batch",
                              norm_before=True),
    "hamiltonian-tv": case("hamiltonian", "softplus", [6, 10], [2, 2], norm="tv",
                           stem_norm="tv", head_norm="none", connector="pointwise",
                           placement="between", closing=18),
    "hamiltonian-flat": case("hamiltonian", "tanh", [6, 10], [2, 2], head="flat",
                             rate=0.005),
    "hamiltonian-instance": case("hamiltonian", "celu", [6, 10], [2, 2], norm="instance",
                                 stem_norm="instance", head_norm="instance",
                                 smoothing=0.1),
    "hamiltonian-nodes": case("hamiltonian", "gelu", [6, 10], [3, 3], layer="single",
                              weights=2, placement="between"),
    "midpoint-euler": case("midpoint", "tanh", RAGGED, [2, 2, 3], size=12),
    "midpoint-zero": case("midpoint", "gelu", [6, 10], [2, 3], norm="batch", start="zero"),
    "leapfrog-taylor": case("leapfrog", "celu", [6, 10], [3, 3], step=0.3),
    "leapfrog-neumann": case("leapfrog", "leaky-relu", [6, 10], [2, 3], norm="tv",
                             start="neumann", step=0.3),
    "leapfrog-zero": case("leapfrog", "softplus", [6, 10], [3, 2], start="zero", step=0.3),
    "euler-resnet": case("euler", "relu", [6, 10, 14], [1, 2, 2], norm="batch",
                         stem_norm="none", connector="residual", step=1.0, rate=0.02,
                         smoothing=0.1),
    "euler-single": case("euler", "gelu", [6, 10], [2, 2], layer="single",
                         norm="instance", norm_before=True),
    "euler-symmetric": case("euler", "leaky-relu", [20], [2], layer="symmetric"),
    "euler-antisymmetric": case("euler", "tanh", [6, 10], [2, 2], layer="antisymmetric",
                                norm="batch", norm_before=True, stem_norm="none",
                                head_norm="tv", connector="pointwise"),
    "revnet-batch": case("revnet", "relu", RAGGED, [1, 1, 2], norm="batch", step=0.5),
    "revnet-link": case("revnet", "celu", [6, 10], [2, 2], connector="residual",
                        step=0.5),
    "parabolic-tv": case("parabolic", "relu", [6, 10], [3, 3], norm="tv",
                         placement="between"),
    "rk4-nodes": case("rk4", "tanh", [6, 10], [3, 3], weights=2, placement="between",
                      step=0.3),
    "rk4-symmetric": case("rk4", "softplus", [6, 10], [2, 3], layer="symmetric",
                          step=0.3),
}

# --- the chain of a network ------------------------------------------------------------


class Segment:
    """A run of time steps of one width and resolution.

    names: what its blocks, or with `weights` its nodes in time, are called.
    """

    def __init__(self, channels, steps, dt, names):
        self.channels, self.steps, self.dt, self.names = channels, steps, dt, names


def segment_names(model, blocks, s):
    """[(unit, block)] of the time steps of segment s."""
    linked = model["connector"] == "residual"  # the connector is the unit's block 0
    lends = model["placement"] == "code" and not linked
    own = [(s, b) for b in range(blocks[s])]
    if s > 0 and (lends or linked):
        own = own[1:]
    if lends and s + 1 < len(blocks):
        own.append((s + 1, 0))
    return own


def segments(model, level):
    units = model["units"]
    finest = [u["blocks"] for u in units]
    blocks = level.get("blocks", finest)
    found = []
    for s, unit in enumerate(units):
        names = segment_names(model, blocks, s)
        dt = model["step"] * len(segment_names(model, finest, s)) / len(names)
        steps, nodes = len(names), unit.get("weights", 0)
        if nodes:
            assert model["placement"] == "between"
            names = [(s, b) for b in range(nodes)]
        found.append(Segment(unit["channels"], steps, dt,
                             ["unit.%d.block.%d." % name for name in names]))
    return found


class Net:
    """A network: its tensors by name, in the engine's order, and what it computes.

    shapes: of trained tensors. statistics: running moments. moments: filled by a forward
    pass in training. kink: smallest |x| that an activation has seen.
    """

    def __init__(self, case):
        spec = case["spec"]
        self.model = {**PRESETS, **spec["model"]}
        self.classes = case["classes"]
        self.form = self.model["layer"]
        if self.form == "auto":
            self.form = FORMS[self.model["block"]]
        self.halves = self.model["block"] in HALVES
        self.segments = segments(self.model, spec["levels"][0])
        self.smoothing = spec["train"]["label_smoothing"]
        self.shapes, self.statistics, self.theta = {}, {}, {}
        self.training, self.moments, self.kink = True, {}, math.inf
        self.declare(case["in"], spec["levels"][0]["resolution"])

    # Names and shapes.

    def declare_norm(self, name, kind, channels):
        if kind == "none":
            return
        self.shapes[name + ".scale"] = [channels]
        self.shapes[name + ".shift"] = [channels]
        if kind == "batch":
            self.statistics[name + ".mean"] = torch.zeros(channels, dtype=torch.float64)
            self.statistics[name + ".variance"] = torch.ones(channels, dtype=torch.float64)

    def declare_layer(self, name, l, c, first):
        norm, residual = self.model["norm"], self.form == "residual"
        exempt = first and l == 1 and self.model["stem_norm"] != "none"
        if residual or (self.model["norm_before"] and not exempt):
            self.declare_norm("%sp%d" % (name, l), norm, c)
        self.shapes["%sk%d" % (name, l)] = [c, c, 3, 3]
        if norm == "none":
            self.shapes["%sb%d" % (name, l)] = [c]
        self.declare_norm("%sn%d" % (name, l), norm, c)
        if residual:
            self.shapes["%so%d" % (name, l)] = [c, c, 3, 3]

    def declare_connector(self, u, old, new):
        name, kind, norm = "connector.%d." % u, self.model["connector"], self.model["norm"]
        if kind == "pointwise":
            self.shapes[name + "weight"] = [new, old, 1, 1]
            self.declare_norm(name + "norm", "batch", new)
        elif kind == "residual":
            self.declare_norm(name + "p", norm, old)
            self.shapes[name + "k"] = [new, old, 3, 3]
            self.declare_norm(name + "n", norm, new)
            self.shapes[name + "o"] = [new, new, 3, 3]
            self.shapes[name + "side"] = [new, old, 1, 1]
            self.declare_norm(name + "m", norm, new)

    def declare(self, images, size):
        model, c = self.model, self.segments[0].channels
        self.shapes["opening.weight"] = [c, images, 3, 3]
        self.declare_norm("opening.norm", model["stem_norm"], c)
        for s, segment in enumerate(self.segments):
            if s > 0:
                self.declare_connector(s, c, segment.channels)
            c = segment.channels
            for b, name in enumerate(segment.names):
                for l in (1, 2) if self.halves else (1,):
                    self.declare_layer(name, l, c // 2 if self.halves else c, s + b == 0)
        if model["closing"]:
            self.shapes["closing.weight"] = [model["closing"], c, 1, 1]
            self.declare_norm("closing.norm", "batch", model["closing"])
            c = model["closing"]
        self.declare_norm("head.norm", model["head_norm"], c)
        flat = [size >> (len(self.segments) - 1)] * 2 if model["head"] == "flat" else []
        self.shapes["head.weight"] = [self.classes, c] + flat
        self.shapes["head.bias"] = [self.classes]

    # Layers.

    def act(self, x):
        nonzero = x.detach().abs()[x.detach() != 0]
        if nonzero.numel():
            self.kink = min(self.kink, float(nonzero.min()))
        return ACTIVATIONS[self.model["activation"]](x)

    def moments_of(self, name, x):
        if not self.training:
            return self.statistics[name + ".mean"], self.statistics[name + ".variance"]
        mean = x.mean((0, 2, 3))
        variance = ((x - vector(mean)) ** 2).mean((0, 2, 3))
        self.moments[name + ".mean"] = mean.detach()
        self.moments[name + ".variance"] = variance.detach()
        return mean, variance

    def normalise(self, kind, name, x, scale, shift):
        """g (x - mean) / sqrt(var + eps) + b; tv: g x / sqrt(sum x^2 + eps) + b."""
        if kind == "none":
            return x
        if kind == "batch":
            mean, variance = map(vector, self.moments_of(name, x))
        elif kind == "instance":
            mean = x.mean((2, 3), keepdim=True)
            variance = ((x - mean) ** 2).mean((2, 3), keepdim=True)
        else:
            mean, variance = 0, (x ** 2).sum(1, keepdim=True)
        return vector(scale) * (x - mean) / torch.sqrt(variance + EPS) + vector(shift)

    def norm(self, kind, name, x):
        if kind == "none":
            return x
        return self.normalise(kind, name, x, self.theta[name + ".scale"],
                              self.theta[name + ".shift"])

    def weights(self, segment, t, l):
        """Tensors of layer l at time t (in steps): linear between nodes k N / M."""
        nodes = len(segment.names)
        at = Fraction(t) * nodes / segment.steps
        i = min(math.floor(at), nodes - 1)
        w = float(at - i) if i + 1 < nodes else 0.0
        found = {"name": segment.names[i], "l": l}
        for role in ("p%d.scale", "p%d.shift", "k%d", "b%d", "n%d.scale", "n%d.shift", "o%d"):
            name = segment.names[i] + role % l
            if name not in self.theta:
                continue
            found[role.replace("%d", "")] = self.theta[name]
            if w:
                assert self.model["norm"] != "batch"
                after = self.theta[segment.names[i + 1] + role % l]
                found[role.replace("%d", "")] = (1 - w) * self.theta[name] + w * after
        return found

    def layer_norm(self, which, w, x):
        """Normalisation `p` or `n` of a layer with weights w."""
        name = "%s%s%d" % (w["name"], which, w["l"])
        return self.normalise(self.model["norm"], name, x, w[which + ".scale"],
                              w[which + ".shift"])

    def inner(self, w, x):
        """s(N(x)), or s(x + b) where nothing is normalised."""
        if "b" in w:
            return self.act(x + vector(w["b"]))
        return self.act(self.layer_norm("n", w, x))

    def layer(self, w, y):
        """f(y): the right-hand side with weights w."""
        if "p.scale" in w:
            y = self.layer_norm("p", w, y)
        if self.form == "residual":
            return conv(w["o"], self.inner(w, conv(w["k"], self.act(y))))
        if self.form == "antisymmetric":
            return self.inner(w, conv(antisymmetric(w["k"]), y))
        if self.form == "symmetric":
            return conv_adjoint(w["k"], self.inner(w, conv(w["k"], y)))
        return self.inner(w, conv(w["k"], y))

    # Segments, connectors, the whole.

    def right_hand_side(self, segment):
        return lambda t, y, l=1: self.layer(self.weights(segment, t, l), y)

    def states(self, segment, x):
        """All states of a segment, from x on."""
        f = self.right_hand_side(segment)
        step = STEPPERS[self.model["block"]]
        return step(f, x, segment.steps, segment.dt, self.model["start"])

    def connect_zero(self, x, new):
        x = F.avg_pool2d(x, 2)
        parts = x.chunk(2, 1) if self.halves else [x]
        more = new // len(parts) - parts[0].shape[1]
        return torch.cat([F.pad(p, (0, 0, 0, 0, more // 2, more - more // 2))
                          for p in parts], 1)

    def connect_residual(self, name, x):
        kind, w = self.model["norm"], self.theta
        v = self.act(self.norm(kind, name + "p", x))
        branch = conv(w[name + "k"], v)[:, :, ::2, ::2]
        branch = conv(w[name + "o"], self.act(self.norm(kind, name + "n", branch)))
        side = conv(w[name + "side"], x)[:, :, ::2, ::2]
        return self.norm(kind, name + "m", side) + branch

    def connect(self, u, x):
        name = "connector.%d." % u
        if self.model["connector"] == "residual":
            return self.connect_residual(name, x)
        if self.model["connector"] == "zero":
            return self.connect_zero(x, self.segments[u].channels)
        x = conv(self.theta[name + "weight"], x)
        return F.avg_pool2d(self.act(self.norm("batch", name + "norm", x)), 2)

    def features(self, x):
        model, w = self.model, self.theta
        x = conv(w["opening.weight"], x)
        if model["stem_norm"] != "none":
            x = self.act(self.norm(model["stem_norm"], "opening.norm", x))
        for s, segment in enumerate(self.segments):
            x = self.states(segment, self.connect(s, x) if s > 0 else x)[-1]
        if model["closing"]:
            x = conv(w["closing.weight"], x)
            x = self.act(self.norm("batch", "closing.norm", x))
        if model["head_norm"] != "none":
            x = self.act(self.norm(model["head_norm"], "head.norm", x))
        return x.flatten(1) if model["head"] == "flat" else x.mean((2, 3))

    def logits(self, x):
        weight = self.theta["head.weight"].flatten(1)
        return self.features(x) @ weight.t() + self.theta["head.bias"]

    def loss(self, logits, label, smoothing):
        """Mean cross-entropy with targets (1 - e) onehot + e / classes."""
        target = (1 - smoothing) * F.one_hot(label, self.classes).double() + smoothing / self.classes
        return -(target * torch.log_softmax(logits, 1)).sum(1).mean()


def vector(x):
    return x.view(1, -1, 1, 1)


def conv(k, x):
    return F.conv2d(x, k, padding=k.shape[-1] // 2)


def conv_adjoint(k, x):
    return F.conv_transpose2d(x, k, padding=k.shape[-1] // 2)


def antisymmetric(k):
    """The kernel of K - K': A[o,i,a,b] = K[o,i,a,b] - K[i,o,2-a,2-b]."""
    return k - k.transpose(0, 1).flip(2, 3)


# --- integrators: all states from x on, with right-hand side f(t in steps, y[, layer]) ------


def euler(f, x, n, h, start):
    states = [x]
    for j in range(n):
        states.append(states[-1] + h * f(j, states[-1]))
    return states


def parabolic(f, x, n, h, start):
    states = [x]
    for j in range(n):
        states.append(states[-1] - h * f(j, states[-1]))
    return states


def pair(sign):
    """Y' = Y + h f1(Z), Z' = Z + sign h f2(Y')."""

    def step(f, x, n, h, start):
        states = [x]
        for j in range(n):
            y, z = states[-1].chunk(2, 1)
            y = y + h * f(j, z, 1)
            z = z + sign * h * f(j, y, 2)
            states.append(torch.cat([y, z], 1))
        return states

    return step


def midpoint(f, x, n, h, start):
    first = 2 * h * f(0, x) if start == "zero" else x + h * f(0, x)
    states = [x, first]
    for j in range(1, n):
        states.append(states[-2] + 2 * h * f(j, states[-1]))
    return states


def leapfrog(f, x, n, h, start):
    force = h * h * f(0, x)
    first = {"zero": 2 * x - force, "neumann": x - force}.get(start, x - force / 2)
    states = [x, first]
    for j in range(1, n):
        states.append(2 * states[-1] - states[-2] - h * h * f(j, states[-1]))
    return states


def rk4(f, x, n, h, start):
    states = [x]
    for j in range(n):
        y, half = states[-1], j + Fraction(1, 2)
        k1 = f(j, y)
        k2 = f(half, y + h / 2 * k1)
        k3 = f(half, y + h / 2 * k2)
        k4 = f(j + 1, y + h * k3)
        states.append(y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    return states


STEPPERS = {
    "euler": euler,
    "parabolic": parabolic,
    "hamiltonian": pair(-1),
    "revnet": pair(1),
    "midpoint": midpoint,
    "leapfrog": leapfrog,
    "rk4": rk4,
}

# --- what a file holds ------------------------------------------------------------------


def rounded(x):
    """To the nearest numbers of float32."""
    return x.float().double()


def draw_tensor(name, shape, random):
    x = torch.randn(shape, generator=random, dtype=torch.float64)
    if name == "head.weight":
        return x / math.sqrt(math.prod(shape[1:]))
    if len(shape) == 4:
        return x * math.sqrt(2 / (shape[0] * shape[2] * shape[3]))
    return 0.2 * x + (1.0 if name.endswith(".scale") else 0.0)


def draw(case, name):
    """The case's network with random weights, its images and labels."""
    random = torch.Generator().manual_seed(sum(map(ord, name)))
    net = Net(case)
    for tensor, shape in net.shapes.items():
        net.theta[tensor] = rounded(draw_tensor(tensor, shape, random)).requires_grad_()
    size = case["spec"]["levels"][0]["resolution"]
    x = torch.randn((BATCH, case["in"], size, size), generator=random, dtype=torch.float64)
    label = torch.randint(case["classes"], (BATCH,), generator=random)
    return net, rounded(x), label


def gradient(net, x, label):
    """(logits, loss, gradients in the order of theta)."""
    logits = net.logits(x)
    loss = net.loss(logits, label, net.smoothing)
    return logits.detach(), loss.detach(), torch.autograd.grad(loss, list(net.theta.values()))


def descend(net, x, label, rate):
    """Losses before each step and after the last; theta is moved."""
    velocity = [torch.zeros_like(p) for p in net.theta.values()]
    losses = []
    for _ in range(STEPS):
        _, loss, g = gradient(net, x, label)
        losses.append(loss)
        with torch.no_grad():
            for p, v, d in zip(net.theta.values(), velocity, g):
                v.mul_(MOMENTUM).add_(d)
                p.sub_(rate * (d + MOMENTUM * v))
    losses.append(gradient(net, x, label)[1])
    return torch.stack(losses)


def infer(net, x, label):
    """Logits and loss with statistics half way to the moments of the last pass."""
    before = net.statistics
    net.statistics = {k: (before[k] + net.moments[k]) / 2 for k in before}
    net.training = False
    with torch.no_grad():
        logits = net.logits(x)
        loss = net.loss(logits, label, 0.0)
    net.statistics, net.training = before, True
    return logits, loss


def rate_of(case):
    return case["spec"]["levels"][0]["lr"]["peak"]


def results(case, name):
    """{name: tensor} of a file."""
    net, x, label = draw(case, name)
    logits, loss, g = gradient(net, x, label)
    file = {"input": x.float(), "label": label}
    file.update((k, v.detach().float().clone()) for k, v in net.theta.items())
    file.update((k, v.float()) for k, v in net.statistics.items())
    file.update({"logits": logits, "loss": loss})
    file.update(("gradient." + k, d) for k, d in zip(net.theta, g))
    file.update(("moment." + k, net.moments[k]) for k in net.statistics)
    file["inference.logits"], file["inference.loss"] = infer(net, x, label)
    file["losses"] = descend(net, x, label, rate_of(case))
    file["lengths"] = torch.stack([p.detach().norm() for p in net.theta.values()])
    return file


# --- safetensors: 8 bytes of header length, the header in JSON, the data ------------------

DTYPES = {torch.float32: ("F32", "f"), torch.float64: ("F64", "d"), torch.int64: ("I64", "q")}


def metadata(case):
    return {
        "spec": json.dumps(case["spec"]),
        "in": str(case["in"]),
        "classes": str(case["classes"]),
        "rate": repr(rate_of(case)),
        "made_by": "tests/golden/make.py, torch " + torch.__version__,
    }


def write(path, file, about):
    header, data = {"__metadata__": about}, b""
    for name, x in file.items():
        dtype, letter = DTYPES[x.dtype]
        values = x.reshape(-1).tolist()
        begin = len(data)
        data += struct.pack("<%d%s" % (len(values), letter), *values)
        header[name] = {"dtype": dtype, "shape": list(x.shape),
                        "data_offsets": [begin, len(data)]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 64)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + data)


def read(path):
    kinds = {dtype: (kind, letter) for kind, (dtype, letter) in DTYPES.items()}
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    about, file = header.pop("__metadata__"), {}
    for name, entry in header.items():
        kind, letter = kinds[entry["dtype"]]
        begin, end = entry["data_offsets"]
        count = (end - begin) // struct.calcsize(letter)
        values = struct.unpack("<%d%s" % (count, letter), data[begin:end])
        file[name] = torch.tensor(values, dtype=kind).reshape(entry["shape"])
    return file, about


# --- checks of this script ------------------------------------------------------------


def apart(x, y):
    """|x - y| / |y|"""
    return float((x - y).norm() / y.norm().clamp_min(1e-300))


def gradient_error(g, want):
    """The worst tensor's |g - want| / (|want| + a tenth of the longest). The latter is for
    gradients that vanish, as of shifts ahead of a batch normalisation."""
    longest = max(d.norm() for d in want)
    return max(float((d - w).norm() / (w.norm() + longest / 10)) for d, w in zip(g, want))


def difference_error(net, x, label):
    """Gradients against central differences, three entries of each tensor, relative to
    the largest entry of the tensor's gradient (at least a hundredth of the largest)."""
    g, worst, e = gradient(net, x, label)[2], 0.0, 1e-6
    most = max(float(d.abs().max()) for d in g)
    random = torch.Generator().manual_seed(1)
    for p, d in zip(net.theta.values(), g):
        flat, scale = p.detach().view(-1), max(float(d.abs().max()), most / 100)
        for i in torch.randint(flat.numel(), (3,), generator=random).tolist():
            kept, side = float(flat[i]), []
            for sign in (1, -1):
                flat[i] = kept + sign * e
                with torch.no_grad():
                    side.append(float(net.loss(net.logits(x), label, net.smoothing)))
            flat[i] = kept
            slope = (side[0] - side[1]) / (2 * e)
            worst = max(worst, abs(slope - float(d.view(-1)[i])) / scale)
    return worst


def inverse(net, segment, states):
    """The first state of a segment from its last (two-step integrators: last two)."""
    f, n, h = net.right_hand_side(segment), segment.steps, segment.dt
    block, after, now = net.model["block"], states[-1], states[-2]
    if block in HALVES:
        sign = 1 if block == "revnet" else -1
        y, z = after.chunk(2, 1)
        for j in reversed(range(n)):
            z = z - sign * h * f(j, y, 2)
            y = y - h * f(j, z, 1)
        return torch.cat([y, z], 1)
    for j in reversed(range(1, n)):
        before = after - 2 * h * f(j, now)
        if block == "leapfrog":
            before = 2 * now - after - h * h * f(j, now)
        after, now = now, before
    return now


def inverse_error(net, x):
    """Relative error of each segment's rebuilt first state, the worst; NaN: no inverse."""
    if net.model["block"] not in REVERSIBLE:
        return math.nan
    worst = 0.0
    with torch.no_grad():
        for segment in net.segments:
            first = torch.randn((BATCH, segment.channels) + x.shape[2:], dtype=x.dtype,
                                generator=torch.Generator().manual_seed(2))
            states = net.states(segment, first)
            worst = max(worst, apart(inverse(net, segment, states), first))
    return worst


def single_precision_errors(case, name, file):
    """What the same network loses in float32: worst gradient, worst loss of the steps."""
    net, x, label = draw(case, name)
    net.theta = {k: v.detach().float().requires_grad_() for k, v in net.theta.items()}
    net.statistics = {k: v.float() for k, v in net.statistics.items()}
    _, _, g = gradient(net, x.float(), label)
    worst = gradient_error([d.double() for d in g],
                           [file["gradient." + k] for k in net.theta])
    losses = descend(net, x.float(), label, rate_of(case)).double()
    return worst, float(((losses - file["losses"]) / file["losses"]).abs().max())


def file_error(path, file, about):
    """The file on disk against what it ought to hold: worst relative error."""
    found, told = read(path)
    assert list(found) == list(file), path + " has other tensors"
    for key in ("spec", "in", "classes", "rate"):
        assert told[key] == about[key], path + " has another " + key
    return max(apart(found[k].double(), file[k].double()) for k in file)


def layer_errors():
    """{what: error} of the layers' formulas, with cotangent w: the adjoint of K; K - K' as
    one convolution; gradients of both layers as written by hand in the papers."""
    random = torch.Generator().manual_seed(3)
    k, y, w, b = (torch.randn(s, generator=random, dtype=torch.float64, requires_grad=True)
                  for s in ((5, 5, 3, 3), (2, 5, 6, 6), (2, 5, 6, 6), (5,)))

    def weight_gradient(p, x):  # sum over images and pixels of P[o, x] X[i, x + (a, b)]
        x = F.pad(x, (1, 1, 1, 1))
        return torch.stack([torch.stack([
            torch.einsum("nohw,nihw->oi", p, x[:, :, a:a + 6, c:c + 6])
            for c in range(3)], -1) for a in range(3)], -2)

    u = conv(k, y) + vector(b)
    a, d = torch.tanh(u), 1 - torch.tanh(u) ** 2
    p = conv(k, w)
    q = d * p
    dk, dy, db = torch.autograd.grad((conv_adjoint(k, a) * w).sum(), (k, y, b))
    v = conv(antisymmetric(k), y) + vector(b)
    r = (1 - torch.tanh(v) ** 2) * w
    ak, ay = torch.autograd.grad((torch.tanh(v) * w).sum(), (k, y))
    return {
        "<K y, w> = <y, K' w>": apart((conv(k, y) * w).sum(), (conv_adjoint(k, w) * y).sum()),
        "A is the kernel of K - K'": apart(conv(antisymmetric(k), y),
                                           conv(k, y) - conv_adjoint(k, y)),
        "symmetric: dK": apart(dk, weight_gradient(q, y) + weight_gradient(a, w)),
        "symmetric: dY, db": apart(dy, conv_adjoint(k, q)) + apart(db, q.sum((0, 2, 3))),
        "antisymmetric: dK": apart(ak, weight_gradient(r, y) - weight_gradient(y, r)),
        "antisymmetric: dY": apart(ay, conv_adjoint(k, r) - conv(k, r)),
    }


def orders():
    """{integrator: order of convergence} for the turning plane y' = z, z' = -y; leapfrog
    sees the same as y'' = -y."""

    def error(block, n):
        h, x = 1.0 / n, torch.tensor([[1.0, 0.5]], dtype=torch.float64)
        turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
        if block in HALVES:
            f = {"hamiltonian": lambda t, y, l: y,
                 "revnet": lambda t, y, l: y if l == 1 else -y}[block]
        else:
            f = {"parabolic": lambda t, y: -(y @ turn),
                 "leapfrog": lambda t, y: y}.get(block, lambda t, y: y @ turn)
        last = STEPPERS[block](f, x, n, h, "auto")[-1]
        c, s = math.cos(1), math.sin(1)
        rotation = torch.tensor([[c, -s], [s, c]], dtype=torch.float64)
        exact = x * c if block == "leapfrog" else x @ rotation
        return float((last - exact).norm())

    return {b: math.log2(error(b, 64) / error(b, 128)) for b in STEPPERS}


ORDERS = {"euler": 1, "parabolic": 1, "hamiltonian": 1, "revnet": 1, "midpoint": 2,
          "leapfrog": 2, "rk4": 4}


def check_formulas():
    bad = 0
    for what, error in layer_errors().items():
        bad += not error <= 1e-13
        print("%-28s %8.1e" % (what, error))
    for block, order in orders().items():
        bad += not abs(order - ORDERS[block]) <= 0.1
        print("order of %-19s %8.3f (%d)" % (block, order, ORDERS[block]))
    return bad


def check(folder):
    """Prints the table, returns how many figures are out of bounds."""
    bad = check_formulas()
    print("\n%-22s %7s %8s %8s %9s %9s %9s | float32: %9s %9s %8s" % (
        "case", "bytes", "loss", "10 steps", "differen.", "inverse", "file", "gradient",
        "losses", "kink"))
    for name, case in CASES.items():
        path = os.path.join(folder, name + ".safetensors")
        file, (net, x, label) = results(case, name), draw(case, name)
        net.kink = math.inf
        slope = difference_error(net, x, label)
        back, stale = inverse_error(net, x), file_error(path, file, metadata(case))
        single = single_precision_errors(case, name, file)
        bad += not (slope <= 1e-6 and stale <= 1e-11) or back > 1e-12
        print("%-22s %7d %8.5f %8.5f %9.1e %9.1e %9.1e | %18.1e %9.1e %8.1e" % (
            name, os.path.getsize(path), file["loss"], file["losses"][-1], slope, back,
            stale, *single, net.kink))
    print("%d figures out of bounds" % bad)
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--check", action="store_true", help="check instead of writing")
    parser.add_argument("dir", nargs="?", default=os.path.dirname(os.path.abspath(__file__)))
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.check:
        return 1 if check(args.dir) else 0
    for name, case in CASES.items():
        path = os.path.join(args.dir, name + ".safetensors")
        write(path, results(case, name), metadata(case))
        print("%7d %s" % (os.path.getsize(path), path))
    return 0


if __name__ == "__main__":
    sys.exit(main())
