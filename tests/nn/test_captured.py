"""What every layer gave in a step, captured and replayed through the plan from the weights of that step."""

from __future__ import annotations

import numpy as np
import pytest

from cortex_lab.nn.run.network import Network
from cortex_lab.nn.run.plan import Plan
from tests.nn import cases
from tests.nn.bench import LayerBench

ROWS = 4


def _forward(network: Network, plan: Plan, capacity: int, xs: list, step: int) -> dict[str, np.ndarray]:
    """All that a pass over `xs` gave, by buffer, in memory that held nonsense before."""
    executor = network.executor(plan, capacity)
    executor.seed.fill(3)
    executor.step.fill(step)
    bound = executor.bind(ROWS)
    for array in bound.buffers.values():
        array[...] = np.nan if array.dtype.kind == "f" else -77
    for place, x in enumerate(xs):
        bound.buffers[f"in{place}"][...] = network.ops.asarray(x)
    for phase, run in bound.steps:
        if phase.startswith("forward") and run:
            run()
    return {name: network.ops.to_numpy(array).copy() for name, array in bound.buffers.items()}


@pytest.mark.parametrize("backend", ["cpu", pytest.param("gpu", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.name)
def test_what_was_captured_is_what_a_replay_gives_bit_for_bit(case, backend: str):
    bench, xs = LayerBench(case, backend), case.draw(ROWS, seed=5)
    network, plan = bench.network, bench.executor.plan
    params, state = network.params.copy(), network.state.copy()
    captured = _forward(network, plan, 5, xs, step=7)
    # Whatever the training does next.
    other = case.draw(ROWS, seed=6)
    network.params[...] = network.params * 2
    _forward(network, plan, 5, other, step=8)
    network.params[...], network.state[...] = params, state
    # In other memory, that of a visitor beside the training.
    replayed = _forward(network, plan, ROWS, xs, step=7)
    assert captured["layer"].size and captured.keys() == replayed.keys()
    for name, values in captured.items():
        assert np.array_equal(values, replayed[name], equal_nan=values.dtype.kind == "f"), name
