#!/usr/bin/python3
"""bench_torch.py - the training step of `odenet bench step`, in PyTorch: same networks, same flags, same answer.

Hamiltonian networks as odenet's presets describe them, trained with all activations kept (--memory store) or with
only the last state of each segment kept and the others computed backwards (--memory reverse), and the
pre-activation ResNet-32. The step is forward pass, cross entropy, backward pass, SGD with Nesterov's momentum, on
images that lie ready in memory. --check compares the two ways of keeping activations, in double, and ends.

What makes it fast was measured: channels last, K^T as a convolution with the flipped kernel, denormals flushed to
zero; and from outside ATEN_CPU_CAPABILITY=avx512 for old versions, and tcmalloc.
"""
import argparse
import json
import os
import resource
import statistics
import sys
import time


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="hamiltonian-74")
    parser.add_argument("--norm", choices=["none", "batch"], help="else the preset's")
    parser.add_argument("--blocks", type=int, help="of each unit; else the preset's")
    parser.add_argument("--memory", choices=["store", "reverse"], default="store")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--check", action="store_true", help="compare gradients of store and reverse, and end")
    given = parser.parse_args()
    for name, value in PRESETS[given.preset].items():
        if getattr(given, name, None) is None:
            setattr(given, name, value)
    given.before = given.before and given.norm == "batch"
    if given.memory == "reverse" and not given.reversible:
        parser.error(f"{given.preset} cannot be reversed")
    return given


HAMILTONIAN = {"reversible": True, "norm": "none", "before": False}
PRESETS = {
    "hamiltonian-74": {**HAMILTONIAN, "channels": (32, 64, 112), "blocks": 6},
    "hamiltonian-218": {**HAMILTONIAN, "channels": (32, 64, 128), "blocks": 18},
    "hamiltonian-1202": {**HAMILTONIAN, "channels": (32, 64, 128), "blocks": 100, "norm": "batch", "before": True},
    "resnet-32": {"reversible": False, "norm": "batch", "before": True, "channels": (16, 32, 64), "blocks": 5},
}

asked = arguments()
os.environ.setdefault("OMP_NUM_THREADS", str(asked.threads))
import torch  # noqa: E402 - reads the environment
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

STEP = 0.1
flops = 0  # of a forward pass on one image


def count(inputs, outputs, size, taps=9):
    """Adds a convolution's multiply-adds, two operations each."""
    global flops
    flops += 2 * taps * inputs * outputs * size * size


# --- Hamiltonian networks ---------------------------------------------------------------


class Layer(nn.Module):
    """f(x) = h K^T relu(N(K P(x) + b)); b where there is no N."""

    def __init__(self, width, size, norm, before):
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(width, width, 3, 3) * (2 / (9 * width)) ** 0.5)
        self.bias = None if norm else nn.Parameter(torch.zeros(width))
        self.inner = nn.BatchNorm2d(width) if norm else None
        self.outer = nn.BatchNorm2d(width) if before else None
        count(width, width, size)
        count(width, width, size)

    def forward(self, x):
        if self.outer is not None:
            x = self.outer(x)
        u = F.conv2d(x, self.kernel, self.bias, padding=1)
        if self.inner is not None:
            u = self.inner(u)
        transposed = self.kernel.transpose(0, 1).flip(2, 3)
        return STEP * F.conv2d(F.relu(u), transposed, padding=1)


class Reversal(torch.autograd.Function):
    """Verlet steps of a whole segment, of which only the last state is kept."""

    @staticmethod
    def forward(context, segment, y, z, *_):
        context.segment = segment
        with torch.no_grad():
            y, z = segment.steps(y, z)
        context.save_for_backward(y, z)
        return y, z

    @staticmethod
    def backward(context, dy, dz):
        segment = context.segment
        y, z = (x.clone() for x in context.saved_tensors)
        dy, dz = dy.clone(), dz.clone()
        gradients = []
        for first, second in zip(reversed(segment.first), reversed(segment.second)):
            gradients += undo(second, y, z, dz, dy, -1)
            gradients += undo(first, z, y, dy, dz, 1)
        return (None, dy, dz, *reversed(gradients))


def undo(layer, x, state, d_state, dx, sign):
    """Takes back state += sign f(x), and adds to dx; the gradients of f's parameters, last first."""
    x = x.detach().requires_grad_()
    parameters = list(layer.parameters())
    with torch.enable_grad():
        change = layer(x)
    state.sub_(change.detach(), alpha=sign)
    found = torch.autograd.grad(change, [x, *parameters], d_state if sign > 0 else -d_state)
    dx.add_(found[0])
    return list(reversed(found[1:]))


class Segment(nn.Module):
    """Blocks of one width and resolution: y += f1(z), z -= f2(y)."""

    def __init__(self, width, size, blocks, bare):
        super().__init__()
        norm, before = asked.norm == "batch", asked.before
        self.first = nn.ModuleList(Layer(width, size, norm, before and not (bare and i == 0)) for i in range(blocks))
        self.second = nn.ModuleList(Layer(width, size, norm, before) for _ in range(blocks))

    def steps(self, y, z):
        for first, second in zip(self.first, self.second):
            y = y + first(z)
            z = z - second(y)
        return y, z

    def forward(self, y, z):
        if asked.memory == "store":
            return self.steps(y, z)
        parameters = [p for pair in zip(self.first, self.second) for layer in pair for p in layer.parameters()]
        return Reversal.apply(self, y, z, *parameters)


class Hamiltonian(nn.Module):
    """Opening, three segments, head. A connector stands after the first block of the next unit."""

    def __init__(self):
        super().__init__()
        channels, n = asked.channels, asked.blocks
        self.opening = nn.Conv2d(3, channels[0], 3, padding=1, bias=False)
        self.opening_norm = nn.BatchNorm2d(channels[0])
        self.segments = nn.ModuleList(
            Segment(c // 2, 32 >> i, n + (1 - i), bare=i == 0) for i, c in enumerate(channels)
        )
        self.head_norm = nn.BatchNorm2d(channels[-1])
        self.head = nn.Linear(channels[-1], 10)
        count(3, channels[0], 32)
        count(channels[-1], 10, 1, taps=1)

    def forward(self, x):
        y, z = F.relu(self.opening_norm(self.opening(x))).chunk(2, 1)
        for i, segment in enumerate(self.segments):
            if i > 0:
                more = (asked.channels[i] - asked.channels[i - 1]) // 2
                y, z = (F.pad(F.avg_pool2d(half, 2), (0, 0, 0, 0, 0, more)) for half in (y, z))
            y, z = (half.contiguous(memory_format=torch.channels_last) for half in (y, z))
            y, z = segment(y, z)
        x = F.relu(self.head_norm(torch.cat((y, z), 1)))
        return self.head(x.mean((2, 3)))


# --- the residual network ---------------------------------------------------------------


class Residual(nn.Module):
    """Pre-activation residual block; one that halves the resolution has a 1x1 convolution beside it."""

    def __init__(self, inputs, outputs, size, stride):
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(inputs), nn.BatchNorm2d(outputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.side = None
        if stride > 1:
            self.side = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
            count(inputs, outputs, size, taps=1)
        count(inputs, outputs, size)
        count(outputs, outputs, size)

    def forward(self, x):
        u = self.conv1(F.relu(self.norm1(x)))
        u = self.conv2(F.relu(self.norm2(u)))
        return u + (x if self.side is None else self.side(x))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        c = asked.channels
        self.opening = nn.Conv2d(3, c[0], 3, padding=1, bias=False)
        count(3, c[0], 32)
        blocks, width = [], c[0]
        for i, outputs in enumerate(c):
            for j in range(asked.blocks):
                blocks.append(Residual(width, outputs, 32 >> i, 2 if i > 0 and j == 0 else 1))
                width = outputs
        self.blocks = nn.Sequential(*blocks)
        self.head_norm, self.head = nn.BatchNorm2d(width), nn.Linear(width, 10)
        count(width, 10, 1, taps=1)

    def forward(self, x):
        x = F.relu(self.head_norm(self.blocks(self.opening(x))))
        return self.head(x.mean((2, 3)))


# --- what is measured -------------------------------------------------------------------


def machine_seconds():
    """Processor time of the whole machine, and of this process."""
    with open("/proc/stat", encoding="ascii") as file:
        ticks = [int(word) for word in file.readline().split()[1:9]]
    own = resource.getrusage(resource.RUSAGE_SELF)
    busy = sum(ticks) - ticks[3] - ticks[4]
    return busy / os.sysconf("SC_CLK_TCK"), own.ru_utime + own.ru_stime


def peak_mib():
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024


def check(net, images, labels):
    """The gradients of both ways of keeping activations, in double."""
    net, images = net.double(), images.double()
    gradients = []
    for asked.memory in ("store", "reverse"):
        net.zero_grad()
        F.cross_entropy(net(images), labels).backward()
        gradients.append([p.grad.clone() for p in net.parameters()])
    error = max(float((a - b).norm() / (a.norm() + 1e-12)) for a, b in zip(*gradients))
    print(f"largest relative difference of a gradient: {error:.1e}")
    return 0 if error < 1e-8 else 1


def main():
    torch.set_num_threads(asked.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(1)
    net = Hamiltonian() if asked.reversible else ResNet()
    net = net.to(memory_format=torch.channels_last)
    images = torch.randn(asked.batch, 3, 32, 32).to(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (asked.batch,))
    if asked.check:
        return check(net, images, labels)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=2e-4)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(net(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(asked.warmup):
        step()
    seconds, before, began = [], machine_seconds(), time.perf_counter()
    for _ in range(asked.steps):
        at = time.perf_counter()
        loss = step()
        seconds.append(time.perf_counter() - at)
    passed, after = time.perf_counter() - began, machine_seconds()
    others = (after[0] - before[0] - (after[1] - before[1])) / (passed * os.cpu_count())
    median = statistics.median(seconds)
    json.dump(
        {
            "program": "PyTorch " + torch.__version__,
            "preset": asked.preset,
            "norm": asked.norm,
            "blocks": asked.blocks,
            "memory": asked.memory,
            "threads": torch.get_num_threads(),
            "batch": asked.batch,
            "steps": asked.steps,
            "warmup": asked.warmup,
            "parameters": sum(p.numel() for p in net.parameters()),
            "images_per_s": asked.batch / median,
            "images_per_s_min": asked.batch / max(seconds),
            "images_per_s_max": asked.batch / min(seconds),
            "step_ms": 1e3 * median,
            "gflops": 3 * flops * asked.batch / median / 1e9,
            "rss_mib": peak_mib(),
            "others": max(0.0, others),
            "flops_per_image": 3 * flops,
            "loss": float(loss.detach()),
        },
        sys.stdout,
    )
    print()
    return 0


sys.exit(main())
