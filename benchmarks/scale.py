"""A training on two processes of a Dask cluster beside one process: seconds of a step, bytes, and the start.

Rows of two GPUs are left out: workers compute on CPUs only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from distributed import Client, LocalCluster

import cortex_lab as cl
from benchmarks.harness import Row, alternate, say
from benchmarks.workloads.ours import mnist

OPTIONS = {"rounds": 3, "steps": 10, "batch": 128, "widths": "64,256,1024"}
PACKAGES = ("dask", "distributed")
WORKERS = 2


def run(options: Any) -> Iterable[Row]:
    """Cortex's MNIST net first, then where it begins to pay: networks of two hidden layers, ever wider."""
    say("Dask's own start")
    began = time.perf_counter()
    cluster = LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=":0")
    with cluster, Client(cluster) as client:
        client.run(int)
        own = time.perf_counter() - began
        yield Row(what="start of two workers, Dask's own", value=own, unit="s")
        say("first step")
        session = _session(mnist(), (28, 28, 1), options.batch)
        # Kernels are compiled once on a machine, whoever is first.
        session.step()
        began = time.perf_counter()
        session.use_cluster(client)
        session.step()
        took = time.perf_counter() - began
        yield Row(what="from there to the first step", value=took, unit="s", bar=5.0)
        yield from _bytes(session)
        say("Cortex's MNIST net")
        yield _compared("Cortex's MNIST net", mnist(), (28, 28, 1), client, options, bar=1.15)
        for width in map(int, options.widths.split(",")):
            say(f"dense, {width} wide")
            yield _compared(f"MLP 784-{width}-{width}-10", _wide(width), (784,), client, options)


def _compared(
    what: str,
    network: Callable[[], cl.Network],
    shape: Sequence[int],
    client: Client,
    options: Any,
    bar: float | None = None,
) -> Row:
    """Seconds of a step on two processes of one core each, beside a process that has both."""
    one, two = (_session(network, shape, options.batch) for _ in range(2))
    two.use_cluster(client)
    found = alternate(lambda: two.step(options.steps), lambda: one.step(options.steps), options.rounds)
    if not np.array_equal(one.network.params, two.network.params):
        raise AssertionError(f"{what}: two processes give other bits than one")
    ours, peer = (1e3 * each.median / options.steps for each in (found.ours, found.peer))
    return Row(
        what=f"{what}, batch {options.batch}, a step on two processes",
        value=ours,
        unit="ms",
        peer="one process of two cores",
        peer_value=peer,
        bar=bar,
    )


def _bytes(session: Any) -> Iterable[Row]:
    before, steps = session.team.traffic, 5
    session.step(steps)
    gradient = session.network.params.nbytes
    traffic = session.team.traffic
    most = np.max([np.subtract(traffic[each], before[each]) for each in before], axis=0) / steps / gradient
    told, found = (float(each) for each in most)
    yield Row(what="a worker is sent in a step, of the gradient's bytes", value=told, unit="times")
    yield Row(what="a worker sends in a step, of the gradient's bytes", value=found, unit="times", bar=2.0)


def _session(network: Callable[[], cl.Network], shape: Sequence[int], batch: int) -> Any:
    numbers = np.random.default_rng(0)
    x, y = numbers.normal(size=(8 * batch, *shape)).astype(np.float32), numbers.integers(0, 10, 8 * batch)
    options = {"batch_size": batch, "shards": WORKERS, "validation": None}
    return cl.train(network(), (x, y), "softmax_cross_entropy", cl.Adam(1e-3), **options)


def _wide(width: int) -> Callable[[], cl.Network]:
    layers = [cl.Dense(width, activation="relu"), cl.Dense(width, activation="relu"), cl.Dense(10)]
    return lambda: cl.Network(layers, 784)
