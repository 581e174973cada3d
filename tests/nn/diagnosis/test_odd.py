"""A diagnosis of anything says something and raises nothing: every layer and loss, sources of one's own."""

from __future__ import annotations

import contextlib
import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.nn.diagnosis import Case, Diagnosis, diagnose
from cortex_lab.nn.graph.description import Node
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.flatten import Flatten
from cortex_lab.nn.train.training import Training
from tests.nn import cases
from tests.nn.loss_cases import LOSS_CASES
from tests.nn.trainings import Rows


def looked_at(session, steps=3):
    session.step(steps)
    found = session.diagnose()
    assert isinstance(found, Diagnosis) and repr(found)
    # What could not be looked at is said with the error, in brackets.
    assert not any("(" in each for each in found.skipped), found.skipped
    return found


LAYERS = list({type(case.layer): case for case in reversed(cases.CASES)}.values())


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.name)
def test_every_layer(case):
    rows, random = 24, np.random.default_rng(3)
    inputs = {f"in{i}": x.astype(np.float32) for i, x in enumerate(case.draw(rows))}
    layers = [Node(case.layer, "layer", tuple(inputs)), Flatten(), Dense(2)]
    network = cl.Network(layers, dict(zip(inputs, case.shapes, strict=True)))
    batch_size = getattr(case.layer, "stateful", 0) or 8
    batches = cl.data.Batches(inputs, random.integers(0, 2, rows), batch_size=batch_size)
    looked_at(cl.train(network, batches, "softmax_cross_entropy", cl.Adam(0.01)))


# A loss of features gathers what another one tells apart.
ALONE = [case for case in LOSS_CASES if case.loss.predicts != "features"]


@pytest.mark.parametrize("case", ALONE, ids=lambda case: case.name)
def test_every_loss(case):
    y, target = case.draw(np.random.default_rng(2), 40)
    size = int(np.prod(case.shape))
    ends = [Dense(size), cl.Reshape(case.shape)] if len(case.shape) > 1 else [Dense(size)]
    if "probabilities" in (type(case.loss).__doc__ or "") and y.min() >= 0 and type(case.loss).__name__ in (
        "BinaryCrossEntropy", "CategoricalCrossEntropy"
    ):  # fmt: skip
        ends.append(cl.Activation("sigmoid" if "Binary" in type(case.loss).__name__ else "softmax"))
    x = np.random.default_rng(4).normal(size=(40, 5)).astype(np.float32)
    batches = Rows(x, np.asarray(target), 8)
    looked_at(cl.train(cl.Network([Dense(6, activation="tanh"), *ends], 5), batches, case.loss, cl.SGD(0.01)))


class Bare:
    """A source of batches without anything that is not asked for."""

    batch_size, steps_per_epoch = 4, 5

    def fetch(self, step):
        rows = np.arange(4) + 4 * (step % 5)
        random = np.random.default_rng(step % 5)
        inputs, targets = random.normal(size=(4, 3)).astype(np.float32), random.integers(0, 2, 4)
        return SimpleNamespace(
            inputs=inputs, targets=targets, rows=rows, weights=np.array([1.0, 2.0, 0.0, 1.0])
        )


def test_a_source_of_ones_own():
    network = cl.Network([Dense(4, activation="relu"), Dense(2)], 3)
    looked_at(cl.train(network, Bare(), "softmax_cross_entropy", cl.Adam(0.01)), steps=12)


def test_several_inputs_and_outputs():
    random = np.random.default_rng(0)
    inputs = {"a": random.normal(size=(60, 3)).astype(np.float32), "b": random.integers(0, 9, (60, 4))}
    layers = [
        Node(Dense(5, activation="relu"), "left", "a"), Node(cl.Embedding(9, 3), "ids", "b"),
        Node(Flatten(), "flat", "ids"), Node(cl.Concatenate(), "both", ("left", "flat")),
        Node(Dense(2), "class", "both"), Node(Dense(1), "value", "both"),
    ]  # fmt: skip
    network = cl.Network(layers, {"a": 3, "b": 4}, outputs=["class", "value"])
    targets = {"class": random.integers(0, 2, 60), "value": random.normal(size=60)}
    losses = {"class": "softmax_cross_entropy", "value": "mean_squared_error"}
    sources = _Named(inputs, targets)
    looked_at(cl.train(network, sources, losses, cl.Adam(0.01), validation=(inputs, targets)), steps=20)


class _Named:
    batch_size, steps_per_epoch = 10, 6

    def __init__(self, inputs, targets):
        self.inputs, self.targets = inputs, targets

    def fetch(self, step):
        rows = np.arange(10) + 10 * (step % 6)
        parts = ({name: part[rows] for name, part in each.items()} for each in (self.inputs, self.targets))
        inputs, targets = parts
        return SimpleNamespace(inputs=inputs, targets=targets, rows=rows, weights=None)


ODD = {
    "one row": (np.ones((1, 3)), np.array([0])),
    "all alike": (np.ones((50, 3)), np.zeros(50, int)),
    "two rows": (np.arange(6.0).reshape(2, 3), np.array([0, 1])),
    "all zero": (np.zeros((50, 3)), np.arange(50) % 2),
    "unknown labels": (np.random.default_rng(0).normal(size=(50, 3)), np.where(np.arange(50) < 49, -100, 0)),
    "huge": (np.full((50, 3), 1e30), np.arange(50) % 2),
    "infinite": (np.where(np.arange(150).reshape(50, 3) == 40, np.inf, 1.0), np.arange(50) % 2),
}


@pytest.mark.parametrize("steps", [0, 1, 30])
@pytest.mark.parametrize(("x", "y"), ODD.values(), ids=ODD)
def test_odd_data(x, y, steps):
    network = cl.Network([Dense(4, activation="relu"), Dense(2)], 3)
    batch = min(8, len(x))
    x = x.astype(np.float32)
    session = cl.train(
        network, cl.data.Batches(x, y, batch_size=batch), "softmax_cross_entropy", cl.Adam(0.01),
        validation=(x, y) if np.isfinite(x).all() else None,
    )  # fmt: skip
    with np.errstate(all="ignore"):
        with contextlib.suppress(ValueError):
            session.step(steps)
        found = session.diagnose()
    assert not any("(" in each for each in found.skipped), found.skipped


def test_long_steps_are_not_experimented_with(monkeypatch):
    x, y = np.random.default_rng(0).normal(size=(50, 3)), np.arange(50) % 2
    session = cl.train(cl.Network([Dense(2)], 3), (x, y), "softmax_cross_entropy", cl.Adam(0.01))
    session.step(4)
    case = dataclasses.replace(Case.of(session), step_seconds=100.0)
    took = []
    monkeypatch.setattr(Training, "whole_step", lambda self: took.append(self))
    found = diagnose(case)
    assert not took and any("experiments" in each for each in found.skipped)
    assert "Not looked at: experiments" in repr(found)


PRICE = np.random.default_rng(1).normal(size=(200, 1))
UNITS = {
    "a price": (PRICE * 9e4 + 3.7e5, lambda y: [cl.Normalization(invert=True).adapt(y)]),
    "one for all columns": (np.hstack([PRICE, -PRICE]) * 9e4,
                            lambda y: [cl.Normalization(None, invert=True).adapt(y)]),
    "a share": (PRICE * 1e-5, lambda y: [cl.Normalization(invert=True).adapt(y)]),
    "a scale by hand": (PRICE * 9e4, lambda y: [cl.Rescaling(9e4)]),
    "two of them": (PRICE * 9e4 + 3.7e5, lambda y: [cl.Rescaling(9e4), cl.Rescaling(1.0, 3.7e5)]),
    "another shape behind": (PRICE * 9e4, lambda y: [cl.Rescaling(9e4), cl.Reshape((1,))]),
}  # fmt: skip


@pytest.mark.parametrize("case", UNITS)
def test_targets_that_the_network_itself_scales_are_no_fault(case):
    y, ends = UNITS[case]
    x = np.random.default_rng(0).normal(size=(200, 3)) + PRICE
    for layers, faulty in ((ends(y), False), ([], True)):
        network = cl.Network([cl.Dense(16, "relu"), cl.Dense(y.shape[1]), *layers], 3)
        session = cl.train(network, (x, y), "mse", cl.Adam(0.01))
        session.step(60)
        found = {finding.kind for finding in session.diagnose()}
        assert ("target_scale" in found) == faulty
        assert not found & {"exploding_gradients", "vanishing_gradients"} or faulty
