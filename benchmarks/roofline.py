"""Each kernel's GFLOP/s or GB/s beside the machine's own products and copies; first steps; an epoch."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from benchmarks import Comparison, Row, measure, say, summarize

OPTIONS = {"rounds": 20, "starts": 5, "epoch": True}
"""`starts` is how many fresh processes a start is timed in; `epoch` needs CORTEX_LAB_DATA to hold MNIST."""
PACKAGES = ("torch", "scipy")

IMPORT = "import time; t = time.perf_counter(); import cortex_lab; print(time.perf_counter() - t)"
FIRST_STEP = """
import time
import cortex_lab as cl
digits = cl.data.load("digits")
layers = [
    cl.Conv2D(16, 3, padding="same", activation="relu"), cl.MaxPooling2D(2),
    cl.Conv2D(32, 3, padding="same", activation="relu"), cl.MaxPooling2D(2),
    cl.Flatten(), cl.Dense(64, activation="relu"), cl.Dense(10),
]
network = cl.Network(layers, input_shape=digits.input_shape)
session = cl.train(network, digits, "softmax_cross_entropy", cl.Adam(1e-3), batch_size=32)
times = []
for _ in range(2):
    began = time.perf_counter()
    session.step()
    times.append(time.perf_counter() - began)
print(times[0] - times[1])
"""


def run(options: Any) -> Iterable[Row]:
    say("each kernel")
    yield from _kernels(options.rounds)
    say(f"starts, in {options.starts} processes each")
    yield from _starts(options.starts)
    if options.epoch:
        say("an epoch of MNIST, twice each")
        yield from _epoch()


def _kernels(rounds: int) -> list[Row]:
    from cortex_lab.compute import get_ops

    ops, random = get_ops("cpu"), np.random.default_rng(0)

    def numbers(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype(np.float32)

    def rate(amount: float, call: Callable[[], Any]) -> float:
        return amount / measure(call, rounds).median / 1e9

    side, n = 2048, 16_000_000
    a, b, out = numbers(side, side), numbers(side, side), numbers(side, side)
    product = rate(2 * side**3, lambda: ops.matmul(a, b, out=out))
    big, copy = numbers(n), np.empty(n, np.float32)
    copied = rate(8 * n, lambda: np.copyto(copy, big))
    rows = [
        Row(what="product of 2048 x 2048 matrices", value=product, unit="GFLOP/s", better="higher"),
        Row(what="copy of 64 MB", value=copied, unit="GB/s", better="higher"),
    ]

    def counted(what: str, flops: float, call: Callable[[], Any]) -> None:
        found = rate(flops, call)
        rows.append(
            Row(what=what, value=found, unit="GFLOP/s", peer="product", peer_value=product, better="higher")
        )
        say(what)

    def moved(what: str, size: float, call: Callable[[], Any]) -> None:
        found = rate(4 * size, call)
        rows.append(Row(what=what, value=found, unit="GB/s", peer="copy", peer_value=copied, better="higher"))
        say(what)

    for name, n, side, channels, window, filters in (
        ("MNIST, first", 128, 28, 1, 5, 20),
        ("MNIST, second", 128, 12, 20, 5, 50),
        ("ResNet-20, first stage", 64, 34, 16, 3, 16),
        ("ResNet-20, last stage", 64, 10, 64, 3, 64),
    ):
        end = side - window + 1
        x, w = numbers(n, side, side, channels), numbers(window, window, channels, filters)
        y, dx, dw = numbers(n, end, end, filters), np.empty_like(x), np.empty_like(w)
        geometry = ((1, 1), ((0, 0), (0, 0)), (1, 1), 1)
        flops = 2 * y.size * w[..., 0].size
        counted(f"convolution ({name})", flops, lambda: ops.convolve(x, w, y, *geometry))  # noqa: B023
        counted(
            f"its weight gradient ({name})",
            flops,
            lambda: ops.convolve_weight_gradient(x, y, dw, *geometry),  # noqa: B023
        )
        counted(
            f"its input gradient ({name})",
            flops,
            lambda: ops.convolve_input_gradient(y, w, dx, *geometry),  # noqa: B023
        )

    x, y = numbers(128, 24, 24, 20), numbers(128, 12, 12, 20)
    winner, pooling = np.zeros(y.shape, np.int32), ((2, 2), (2, 2), ((0, 0), (0, 0)))
    moved("max pooling", x.size + 2 * y.size, lambda: ops.pool_max(x, y, winner, *pooling))
    moved("its gradient", x.size + 2 * y.size, lambda: ops.pool_max_gradient(y, winner, x, *pooling))

    x, dy, out = numbers(65_536, 16), numbers(65_536, 16), numbers(65_536, 16)
    c = [numbers(16) for _ in range(5)]
    variance = np.abs(c[4])
    moved("batch normalization", 3 * x.size, lambda: ops.batch_normalize(x, *c[:4], out, 1e-3))
    moved(
        "its gradient",
        5 * x.size,
        lambda: ops.batch_normalize_gradient(x, dy, c[0], c[2], variance, c[1], c[3], out, 1e-3),
    )
    moved("ReLU with bias", 2 * x.size, lambda: ops.bias_activate(out, c[0], "relu"))
    moved("tanh", 2 * x.size, lambda: ops.activate("tanh", x, out))
    moved("sums of columns", x.size, lambda: ops.sum_rows(x, c[0]))
    p, g, m, s = (np.abs(numbers(1_000_000)) for _ in range(4))
    moved("Adam", 7 * p.size, lambda: ops.update_adam(p, g, m, s, 1e-3, 0.9, 0.999, 1e-8, 3, 0.0))
    moved("SGD with momentum", 5 * p.size, lambda: ops.update_sgd(p, g, m, 1e-3, 0.9, False))
    moved("dropout mask", p.size, lambda: ops.dropout_mask(p, 0.5, 1, 2, 3))
    return rows


def _starts(starts: int) -> list[Row]:
    rows = [Row(what="import cortex_lab", value=_median(IMPORT, starts), unit="s", bar=0.4)]
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        compiled = _seconds(FIRST_STEP, NUMBA_CACHE_DIR=folder)
        whole = time.perf_counter() - began
        more = _median(FIRST_STEP, starts, NUMBA_CACHE_DIR=folder)
    return [
        *rows,
        Row(what="first step over second, digits tour, compiled before", value=more, unit="s", bar=0.3),
        Row(what="first step ever, digits tour: its kernels compiled", value=compiled, unit="s", bar=10),
        Row(what="that whole process", value=whole, unit="s"),
    ]


def _median(program: str, starts: int, **variables: str) -> float:
    return summarize(_seconds(program, **variables) for _ in range(starts)).median


def _seconds(program: str, **variables: str) -> float:
    command = [sys.executable, "-c", program]
    environment = {**os.environ, **variables}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def _epoch() -> list[Row]:
    """All 60,000 images once, data feeding included, ours and a DataLoader's; twice each, in turn."""
    import torch

    import cortex_lab as cl
    from benchmarks.workloads import ours, pytorch

    data = cl.data.load("mnist")
    train = data.train if data.splits else data
    inputs, targets = train.arrays()
    workload = next(w for w in ours.WORKLOADS if "MNIST" in w.name and w.batch == 128)
    batches = cl.data.Batches(inputs, targets, batch_size=workload.batch)
    session = cl.train(workload.network(), batches, workload.loss, workload.optimizer)
    images, classes = torch.tensor(inputs).permute(0, 3, 1, 2).contiguous(), torch.tensor(targets)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(images, classes), workload.batch, shuffle=True
    )
    model = pytorch.Twin(workload.network()).to(memory_format=torch.channels_last)
    optimizer = pytorch.optimizer_for(workload.optimizer, model.parameters())
    torch.set_flush_denormal(True)

    def theirs() -> None:
        for x, y in loader:
            optimizer.zero_grad()
            x = x.contiguous(memory_format=torch.channels_last)
            torch.nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()

    def mine() -> None:
        session.step(batches.steps_per_epoch)

    samples: tuple[list[float], list[float]] = ([], [])
    for _ in range(2):
        for taken, epoch in zip(samples, (mine, theirs), strict=True):
            began = time.perf_counter()
            epoch()
            taken.append(time.perf_counter() - began)
    found = Comparison(summarize(samples[0]), summarize(samples[1]))
    ours_took, theirs_took = found.ours.median, found.peer.median
    what = f"an epoch of {len(inputs)} MNIST images"
    return [Row(what=what, value=ours_took, unit="s", peer="PyTorch DataLoader", peer_value=theirs_took)]
