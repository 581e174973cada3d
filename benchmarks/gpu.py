"""A training step on a GPU beside PyTorch's: eager with a fused Adam, and captured by hand."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

import cortex_lab as cl
from benchmarks import Row, say
from benchmarks.workloads.ours import mlp, mnist
from cortex_lab.nn import models

OPTIONS = {"steps": 200, "rounds": 7, "tf32": False, "only": ""}
PACKAGES = ("cupy-cuda13x", "torch")
ROWS = 8192


def _net(layers: Callable[[], list[cl.nn.Layer]], *shape: int) -> Callable[[], cl.Network]:
    return lambda: cl.Network(layers(), shape)


def _separable() -> list[cl.nn.Layer]:
    blocks: list[cl.nn.Layer] = [cl.Conv2D(32, 3, padding="same", activation="relu")]
    for filters in (64, 128):
        blocks += [
            cl.DepthwiseConv2D(3, padding="same"), cl.BatchNormalization(), cl.ReLU(),
            cl.Conv2D(filters, 1), cl.BatchNormalization(), cl.ReLU(), cl.MaxPooling2D(2),
        ]  # fmt: skip
    return [*blocks, cl.GlobalAveragePooling2D(), cl.Dense(10)]


def _transposed() -> list[cl.nn.Layer]:
    return [
        cl.Conv2D(32, 3, padding="same", activation="relu"), cl.MaxPooling2D(2),
        cl.Conv2DTranspose(32, 4, strides=2, padding="same", activation="relu"),
        cl.GlobalAveragePooling2D(), cl.Dense(10),
    ]  # fmt: skip


def _normalized() -> list[cl.nn.Layer]:
    wide = [[cl.Dense(512), cl.LayerNormalization(), cl.GELU()] for _ in range(3)]
    return [*(layer for block in wide for layer in block), cl.Dense(10)]


Workload = tuple[str, Callable[[], cl.Network], int, float | None, float | None]
WORKLOADS: tuple[Workload, ...] = (
    ("MLP 784-512-256-10, batch 128", mlp([784, 512, 256, 10], "relu"), 128, 0.45, 0.05),
    ("MLP 784-512-256-10, batch 1024", mlp([784, 512, 256, 10], "relu"), 1024, 0.45, 0.07),
    ("Cortex's MNIST net, batch 128", mnist(), 128, 0.4, 0.1),
    ("Cortex's MNIST net, batch 1024", mnist(), 1024, 0.4, 0.25),
    ("ResNet-20, 32 x 32 x 3, batch 128", lambda: cl.Network(models.resnet(20)), 128, 0.9, 0.2),
    ("LSTM 64 -> 128, T = 32, batch 128", _net(lambda: [cl.LSTM(128), cl.Dense(10)], 32, 64), 128, 0.7, None),
    ("GRU 64 -> 128, T = 32, batch 128", _net(lambda: [cl.GRU(128), cl.Dense(10)], 32, 64), 128, 1.0, 0.4),
    ("layer norm and GELU, 784-3 x 512-10, batch 128", _net(_normalized, 784), 128, 1.0, 0.4),
    ("depthwise-separable blocks, 32 x 32 x 3, batch 128", _net(_separable, 32, 32, 3), 128, 1.0, 0.4),
    ("transposed convolution, 32 x 32 x 3, batch 128", _net(_transposed, 32, 32, 3), 128, 1.0, 0.4),
)
"""Each with its batch and the bars of the issue: to PyTorch captured, to PyTorch eager."""


def run(options: SimpleNamespace) -> Iterator[Row]:
    """Microseconds a step with Adam, the batch taken out of data on the device included; medians."""
    if options.tf32:
        os.environ["CORTEX_LAB_TF32"] = "1"
    torch = importlib.import_module("torch")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = options.tf32
    precision = "TF32" if options.tf32 else "float32"
    for name, make, batch, captured_bar, eager_bar in WORKLOADS:
        if options.only and not any(part in name for part in options.only.split("|")):
            continue
        say(f"{name}, {precision}")
        session = _session(make, batch)
        eager, captured = _theirs(torch, make, session, batch)
        ours = _timed(session.process.whole_step, options)
        step = f"{name}, {precision}, a step"
        peers = (("PyTorch captured", captured, captured_bar), ("PyTorch eager, fused", eager, eager_bar))
        for peer, act, bar in peers:
            theirs = _timed(act, options)
            yield Row(what=step, value=ours, unit="us", peer=peer, peer_value=theirs, bar=bar)
        recorded = _timed(lambda session=session: session.step(1), options)
        yield Row(what=f"{name}, {precision}, a step of a session, recorded", value=recorded, unit="us")


def _session(make: Callable[[], cl.Network], batch: int) -> Any:
    network = cl.Network(make().graph, ops="gpu")
    shape, random = next(iter(network.graph.inputs.values())), np.random.default_rng(0)
    inputs, classes = random.random((ROWS, *shape), dtype=np.float32), random.integers(0, 10, ROWS)
    session = cl.train(
        network, cl.data.Batches(inputs, classes, batch_size=batch), "softmax_cross_entropy", cl.Adam(1e-3)
    )
    # Past the first epoch, whose batches are checked, and the steps that compile and capture.
    session.step(ROWS // batch + 4)
    return session


def _theirs(torch: Any, make: Callable[[], cl.Network], session: Any, batch: int) -> tuple[Any, Any]:
    """PyTorch's step of the same network, as a call; and that call captured."""
    twin_of = importlib.import_module("benchmarks.workloads.pytorch").Twin
    device, source = torch.device("cuda"), session.process.batches
    shape = next(iter(session.process.network.graph.inputs.values()))
    data, classes = (
        torch.tensor(np.asarray(each), device=device) for each in (source.inputs, source.targets)
    )
    if len(shape) == 3:
        data = data.permute(0, 3, 1, 2)
    rows = torch.arange(batch, device=device)

    def made(**options: Any) -> Callable[[], None]:
        twin = twin_of(cl.Network(make().graph)).to(device)
        if len(shape) == 3:
            twin = twin.to(memory_format=torch.channels_last)
        optimizer = torch.optim.Adam(twin.parameters(), 1e-3, fused=True, **options)

        def step() -> None:
            optimizer.zero_grad(set_to_none=True)
            x = data.index_select(0, rows)
            if len(shape) == 3:
                x = x.contiguous(memory_format=torch.channels_last)
            torch.nn.functional.cross_entropy(twin(x), classes.index_select(0, rows)).backward()
            optimizer.step()

        return step

    step = made(capturable=True)
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(5):
            step()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return made(), graph.replay


def _timed(act: Callable[[], Any], options: SimpleNamespace) -> float:
    """Microseconds of one of many, all of them waited for at the end: the median of the rounds."""
    wait = importlib.import_module("cupy").cuda.runtime.deviceSynchronize
    for _ in range(20):
        act()
    found = []
    for _ in range(options.rounds):
        wait()
        began = time.perf_counter()
        for _ in range(options.steps):
            act()
        wait()
        found.append((time.perf_counter() - began) / options.steps * 1e6)
    return float(np.median(found))
