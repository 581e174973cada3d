"""The bench over a training whose gradients are found by two workers: stepped, run, sent back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.test_tour import BenchOnPage

CELLS = [
    """import cortex_lab as cl
from distributed import Client, LocalCluster

cluster = LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0")
client = Client(cluster)""",
    """digits = cl.data.load("digits")
layers = [cl.Flatten(), cl.Dense(16, activation="relu"), cl.Dropout(0.2), cl.Dense(10)]


def training(**options):
    net = cl.Network(layers, input_shape=digits.input_shape, seed=0)
    return cl.train(net, digits, optimizer=cl.Adam(3e-3), batch_size=32, seed=0, shards=4, **options)


session, alone = training(cluster=client), training()
bench = session.bench(map=False)""",
]
VIEWS = ("loss_curve", "weight_histogram", "activations")


def test_a_bench_over_two_workers_steps_runs_and_goes_back(lab: Any, notebook: Callable[..., Any]) -> None:
    pytest.importorskip("distributed")
    notebook("cluster.ipynb", CELLS)
    bench = BenchOnPage(lab)
    try:
        assert lab.value("len(session.team.seats)") == 2
        bench.wait_for_step(0, VIEWS)
        bench.click("Step")
        bench.wait_for_step(1, VIEWS)
        bench.click("Run")
        lab.wait_until(lambda: lab.value("session.step_number > 8"), "a run of some steps")
        bench.click("Pause")
        lab.wait_until(lambda: not lab.value("session.running"), "a pause")
        reached = lab.value("session.step_number")
        bench.wait_for_step(reached, VIEWS)
        lab.run_code("bench.rewind(3); bench.wait()")
        bench.wait_for_step(3, VIEWS)
        bench.click("Step")
        bench.wait_for_step(4, VIEWS)
        lab.run_code("alone.step(4)")
        assert lab.value("bool((session.network.params == alone.network.params).all())")
        assert lab.value("[seat.wire.received > 0 for seat in session.team.seats]") == [True, True]
        assert lab.value("bench.error") is None
    finally:
        lab.run_code("session.use_cluster(None); client.close(); cluster.close()")
