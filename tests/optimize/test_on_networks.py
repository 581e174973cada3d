"""Optimizers, schedules, plateaus, range tests and paths on the training of a network."""

from __future__ import annotations

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.lab import TrainingSession
from cortex_lab.optimize import (
    SGD,
    Adam,
    CosineDecay,
    Optimizer,
    ReduceOnPlateau,
    Warmup,
    follow,
    learning_rate_range_test,
    steepest,
    weight_landscape,
)
from tests.optimize.cases import OPTIMIZER_CASES, OptimizerCase


def spirals() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    arm = np.repeat([0, 1], 60)
    turn = np.tile(np.linspace(0.3, 1.5, 60), 2)
    angle = 4 * turn + np.pi * arm
    points = turn[:, None] * np.stack([np.cos(angle), np.sin(angle)], -1)
    return (points + 0.02 * random.standard_normal(points.shape)).astype(np.float32), arm


def training(optimizer: Optimizer, ops: str = "reference") -> TrainingSession:
    network = cl.Network([cl.Dense(16, activation="tanh"), cl.Dense(2)], input_shape=(2,), seed=0, ops=ops)
    return cl.train(network, spirals(), "softmax_cross_entropy", optimizer, batch_size=30, seed=0)


@pytest.mark.parametrize("case", OPTIMIZER_CASES, ids=lambda case: repr(case.optimizer))
def test_every_optimizer_trains_a_network(case: OptimizerCase) -> None:
    # Adadelta finds its own pace; what it is given for steep functions is too much for a network.
    rate = min(case.rate, 1.0) if type(case.optimizer).__name__ != "SGD" else 0.2
    session = training(case.optimizer.replace(learning_rate=rate, clip_norm=5.0))
    session.step(300)
    loss = session.trace["loss"]
    assert loss[-20:].mean() < 0.75 * loss[:5].mean()


def test_a_schedule_is_recorded_and_rewound_exactly() -> None:
    schedule = Warmup(5, CosineDecay(0.2, 40))
    session = training(SGD(schedule, momentum=0.9))
    session.step(45)
    assert session.trace["learning_rate"].tolist() == [schedule(step) for step in range(45)]
    weights = session.network.params.copy()
    session.rewind(step=17)
    session.step(28)
    np.testing.assert_array_equal(session.network.params, weights)


def test_a_plateau_edits_the_training() -> None:
    session = training(SGD(1e-9))
    plateau = ReduceOnPlateau("loss", factor=0.5, patience=12, min_delta=0.5)
    plateau.attach(session)
    session.step(40)
    assert [event.step for event in session.events] == plateau.reductions(session.trace)
    assert [event.value for event in session.events] == [5e-10, 2.5e-10, 1.25e-10]
    assert session.trace["learning_rate"][-1] == 1.25e-10
    session.rewind(step=20)
    session.step(20)
    assert [event.value for event in session.events] == [5e-10, 2.5e-10, 1.25e-10]


def test_a_range_test_leaves_the_training_as_it_was() -> None:
    tested, plain = training(Adam(0.01)), training(Adam(0.01))
    for session in (tested, plain):
        session.step(6)
    curve = learning_rate_range_test(tested, 1e-5, 10.0, steps=60)
    assert list(curve.columns) == ["learning_rate", "loss", "smoothed"]
    assert 1e-5 < steepest(curve) < 10.0
    assert tested.observation["grad_norm"] == plain.observation["grad_norm"]
    for session in (tested, plain):
        session.step(6)
    np.testing.assert_array_equal(tested.network.params, plain.network.params)
    np.testing.assert_array_equal(tested.trace["loss"], plain.trace["loss"])


def test_the_path_of_the_weights_and_the_loss_around_it() -> None:
    session = training(Adam(0.05))
    path = follow(session, read=lambda process: process.network.params, every=4)
    named = follow(session)
    session.step(40)
    assert path.steps.tolist() == list(range(0, 41, 4))
    assert path.points.shape == (11, session.network.params.size)
    np.testing.assert_array_equal(named.points[::4], path.points)
    inputs, classes = spirals()
    twin = training(Adam(0.05)).network

    def loss(weights: np.ndarray) -> float:
        twin.params[...] = weights
        scores = twin.predict(inputs)
        spread = np.log(np.exp(scores).sum(axis=1))
        return float((spread - scores[np.arange(len(classes)), classes]).mean())

    seen = weight_landscape(path.points, loss, resolution=7)
    assert seen.z.shape == (7, 7) and np.isfinite(seen.z).all() and seen.explained > 0.5
    assert seen.tracks[0].values[-1] < seen.tracks[0].values[0]
    assert seen.tracks[0].values[-1] == pytest.approx(loss(session.network.params))
