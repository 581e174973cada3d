"""Steps whose losses are looked at once, and then made again with what arrays hold."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.nn import Training
from cortex_lab.nn.contract.loss import Loss
from cortex_lab.nn.losses.categorical import SoftmaxCrossEntropy
from tests.nn import trainings
from tests.nn.loss_cases import LOSS_CASES, LossCase

STEPS = 7
BACKENDS = ["reference", "cpu", pytest.param("gpu", marks=pytest.mark.gpu)]
every_loss = pytest.mark.parametrize("case", LOSS_CASES, ids=lambda case: case.name)
REFUSED: set[type] = set()
"""Losses of the catalogue whose calls are not made again."""


def training_of(case: LossCase, backend: str) -> Training:
    """Three batches an epoch, of which the last is short."""
    random = np.random.default_rng(3)
    _, targets = case.draw(random, 40)
    ends = {"BinaryCrossEntropy": "sigmoid", "CategoricalCrossEntropy": "softmax"}
    activation = ends.get(type(case.loss).__name__)
    layers = [cl.Dense(math.prod(case.shape)), cl.Reshape(case.shape)]
    layers += [cl.Activation(activation)] if activation else []
    x = random.normal(size=(40, 6)).astype(np.float32)
    network = cl.Network(layers, (6,), ops=backend)
    return Training(network, trainings.Rows(x, targets), case.loss, cl.SGD(0.1, momentum=0.9))


def test_every_loss_replays_but_those_refused():
    assert {type(case.loss) for case in LOSS_CASES if not case.loss.replays} == REFUSED


@pytest.mark.parametrize("backend", BACKENDS)
@every_loss
def test_a_loss_made_again_gives_the_bits_of_one_asked_at_each_step(case, backend: str, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(type(case.loss), "replays", False)
        asked = training_of(case, backend)
        wanted = [measured(asked) for _ in range(STEPS)]
    ours = training_of(case, backend)
    np.testing.assert_array_equal([measured(ours) for _ in range(STEPS)], wanted)
    assert trainings.state(ours) == trainings.state(asked)


def measured(training: Training) -> list[float]:
    training.whole_step()
    return [training.measure(key) for key in ("loss", "accuracy") if key in training.keys]


@pytest.mark.parametrize("look", ["whole_step", "walk"])
@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_a_class_that_does_not_exist_stops_the_step_before_anything_lasts(backend: str, look: str):
    """Rows of the second epoch are not checked again."""

    class Late(trainings.Rows):
        def fetch(self, step: int) -> Any:
            batch = super().fetch(step)
            if step == 7:
                batch.targets = np.where(np.arange(len(batch.rows)) == 2, 9, batch.targets)
            return batch

    x, y = trainings.blobs()
    network = cl.Network([cl.Dense(3)], (6,), ops=backend)
    training = Training(network, Late(x, y), "softmax_cross_entropy", cl.Adam(0.01))
    for _ in range(7):
        training.whole_step()
    before = trainings.state(training)
    with pytest.raises((ValueError, IndexError), match=r"go up to 9 but there are 3 classes|index 9"):
        list(getattr(training, look)() or ())
    assert trainings.state(training) == before and training.step_number == 7


def test_a_loss_with_an_evaluation_of_its_own_is_asked_at_each_step():
    """Whatever its base does: what one replays is promised for its own words only."""
    asked = []

    class Doubled(SoftmaxCrossEntropy):
        def evaluate(self, ops: Any, at: Any) -> None:
            super().evaluate(ops, at)
            asked.append(None)
            at.rows *= 2
            at.dy *= 2

    class Named(Doubled):
        pass

    assert not Doubled.replays and not Named.replays and SoftmaxCrossEntropy.replays
    x, y = trainings.blobs()
    ours, single = (
        Training(cl.Network([cl.Dense(3)], (6,)), trainings.Rows(x, y), loss, cl.SGD(rate))
        for loss, rate in ((Named(), 0.1), ("softmax_cross_entropy", 0.2))
    )
    for step in range(1, 4):
        for training in (ours, single):
            training.whole_step()
        assert len(asked) == step
        assert ours.measure("loss") == pytest.approx(2 * single.measure("loss"))
        assert ours.measure("accuracy") == single.measure("accuracy")
    np.testing.assert_allclose(ours.network.params, single.network.params, rtol=1e-5)


def test_a_loss_of_ones_own_that_only_calls_kernels_may_say_so():
    asked = []

    class Counted(Loss):
        replays = True

        def evaluate(self, ops: Any, at: Any) -> None:
            asked.append(None)
            ops.squared_error(at.y, at.target, at.weights, at.rows, at.dy)

    random = np.random.default_rng(0)
    data = SimpleNamespace(x=random.normal(size=(32, 6)).astype(np.float32), y=random.normal(size=(32, 2)))
    made = [
        Training(cl.Network([cl.Dense(2)], (6,)), trainings.Rows(data.x, data.y), loss, cl.SGD(0.1))
        for loss in (Counted(), "mean_squared_error")
    ]
    for _ in range(4):
        assert len({measured(training)[0] for training in made}) == 1
    assert len(asked) == 1
    assert trainings.state(made[0]) == trainings.state(made[1])
