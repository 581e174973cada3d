"""Profiles: every phase is there, amounts are those of the arithmetic, and the training stays as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.nn import models

ROWS, BATCH = 24, 8
WAYS = "forward", "backward"
BACKENDS = ["reference", "cpu", pytest.param("gpu", marks=pytest.mark.gpu)]


def dense() -> cl.Network:
    return cl.Network([cl.Dense(16, activation="relu"), cl.Dropout(0.1), cl.Dense(3)], (5,))


def pictures() -> cl.Network:
    layers = [cl.Conv2D(4, 3), cl.BatchNormalization(), cl.ReLU(), cl.MaxPooling2D(2), cl.Flatten()]
    return cl.Network([*layers, cl.Dense(3)], (8, 8, 2))


def sequences() -> cl.Network:
    return cl.Network([cl.LSTM(6), cl.Dense(3)], (5, 4))


def residual() -> cl.Network:
    return cl.Network(models.resnet(8, input_shape=(8, 8, 3), classes=3))


NETWORKS = [dense, pictures, sequences, residual]


def session(make: Any, ops: str = "cpu", **options: Any) -> Any:
    network = cl.Network(make().graph, ops=ops)
    shape, random = next(iter(network.graph.inputs.values())), np.random.default_rng(0)
    x, y = random.random((ROWS, *shape), dtype=np.float32), random.integers(0, 3, ROWS)
    return cl.train(
        network, cl.data.Batches(x, y, batch_size=BATCH), "softmax_cross_entropy", cl.Adam(1e-3), **options
    )


def operations(profile: Any, phase: str) -> float:
    row = profile.table.loc[phase]
    return row["gflop_s"] * row["microseconds"] * 1e3


def moved(profile: Any, phase: str) -> float:
    row = profile.table.loc[phase]
    return row["gb_s"] * row["microseconds"] * 1e3


@pytest.mark.parametrize("ops", BACKENDS)
@pytest.mark.parametrize("make", NETWORKS, ids=lambda make: make.__name__)
def test_every_phase_that_does_something_is_timed(make: Any, ops: str):
    profiled = session(make, ops)
    profile, training = profiled.profile(steps=2), profiled.process
    nodes = training.network.graph.nodes
    idle = {f"{way}:{name}" for name, node in nodes.items() for way in WAYS if node.layer.is_view}
    idle |= {f"backward:{name}" for name, node in nodes.items() if isinstance(node.layer, cl.Add)}
    assert list(profile.table.index) == [phase for phase in training.phases if phase not in idle]
    assert (profile.table["microseconds"] > 0).all()
    assert profile.table["share"].sum() == pytest.approx(1)
    assert profile.whole > 0
    assert profile.table["gflop_s"].max() <= profile.ceilings.gflop_s * (1 + 1e-9)
    for phase in profile.table.index:
        assert phase in str(profile)
        assert phase in profile._repr_html_()


def test_the_session_is_as_if_nobody_had_profiled():
    profiled, other = session(pictures), session(pictures)
    for each in (profiled, other):
        each.step(3)
    profiled.step(to="loss")
    other.step(to="loss")
    profiled.profile(steps=3)
    assert profiled.phase == "loss"
    for each in (profiled, other):
        each.step(4)
    assert profiled.trace["loss"].tolist() == other.trace["loss"].tolist()


def test_operations_are_those_of_the_products():
    profile = session(dense).profile(steps=2)
    assert operations(profile, "forward:dense_1") == pytest.approx(2 * BATCH * 5 * 16)
    assert operations(profile, "forward:dense_2") == pytest.approx(2 * BATCH * 16 * 3)
    # Of the weights alone where no gradient goes on, else of the inputs as well.
    assert operations(profile, "backward:dense_1") == pytest.approx(2 * BATCH * 5 * 16)
    assert operations(profile, "backward:dense_2") == pytest.approx(4 * BATCH * 16 * 3)
    assert np.isnan(profile.table.loc["forward:dropout_1", "gflop_s"])


def test_a_layer_that_rests_has_no_products_of_its_weights():
    profile = session(dense, frozen=["dense_2"]).profile(steps=2)
    assert operations(profile, "backward:dense_2") == pytest.approx(2 * BATCH * 16 * 3)


def test_bytes_are_those_of_what_is_read_and_written():
    profiled = session(dense)
    profile, parameters = profiled.profile(steps=2), 4 * profiled.network.params.size
    assert moved(profile, "forward:dense_1") == pytest.approx(4 * (BATCH * (5 + 16) + 5 * 16 + 16))
    # Adam reads and writes two numbers of its own a parameter, and the parameter, and reads the gradient.
    assert moved(profile, "update") == pytest.approx(7 * parameters)
    assert profile.memory.loc["params", "bytes"] == parameters
    assert profile.memory.loc["dense_1", "shape"] == (BATCH, 16)


def test_what_takes_longest_is_said():
    profile = session(residual).profile(steps=2)
    slowest = profile.table["microseconds"].idxmax()
    assert any(each.startswith(f"{slowest} takes longest") for each in profile.words)


@pytest.mark.parametrize("steps", [0, -1, 1.5, "many", None])
def test_other_numbers_of_steps_are_refused(steps: Any):
    with pytest.raises((ValueError, TypeError), match="steps"):
        session(dense).profile(steps=steps)
