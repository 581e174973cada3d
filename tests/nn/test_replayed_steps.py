"""Steps whose losses and updates are looked at once, and then made again with what arrays hold."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.compute.kernel import REGISTRY, Kernel
from cortex_lab.nn import Training
from cortex_lab.nn.contract.loss import Loss
from cortex_lab.nn.losses.categorical import SoftmaxCrossEntropy
from cortex_lab.nn.run.replaying import Replayed
from cortex_lab.nn.train.phases import settling_of
from cortex_lab.optimize import Optimizer
from tests.nn import trainings
from tests.nn.loss_cases import LOSS_CASES, LossCase
from tests.optimize.cases import OPTIMIZER_CASES

STEPS = 7
SGD = cl.SGD(0.1, momentum=0.9)
OPTIMIZERS = [case.optimizer for case in OPTIMIZER_CASES]
BACKENDS = ["reference", "cpu", pytest.param("gpu", marks=pytest.mark.gpu)]
every_loss = pytest.mark.parametrize("case", LOSS_CASES, ids=lambda case: case.name)
REFUSED: set[type] = set()
"""Losses of the catalogue whose calls are not made again."""


def training_of(case: LossCase, backend: str, optimizer: Optimizer = SGD, **options: Any) -> Training:
    """Three batches an epoch, of which the last is short."""
    random = np.random.default_rng(3)
    _, targets = case.draw(random, 40)
    ends = {"BinaryCrossEntropy": "sigmoid", "CategoricalCrossEntropy": "softmax"}
    activation = ends.get(type(case.loss).__name__)
    layers = [cl.Dense(7, activation="tanh"), cl.Dropout(0.2)]
    layers += [cl.Dense(math.prod(case.shape)), cl.Reshape(case.shape)]
    layers += [cl.Activation(activation)] if activation else []
    x = random.normal(size=(40, 6)).astype(np.float32)
    network = cl.Network(layers, (6,), ops=backend)
    return Training(network, trainings.Rows(x, targets), case.loss, optimizer, **options)


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


# Updates ------------------------------------------------------------------------------------------

CLASSES = next(case for case in LOSS_CASES if type(case.loss) is SoftmaxCrossEntropy)
every_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
EDITS: list[tuple[int, str, Any]] = [
    (2, "learning_rate", 0.02),
    (3, "weights['dense_1/bias']", 0.5),
    (4, "optimizer['weight_decay']", 0.01),
    (5, "optimizer['clip_norm']", 0.5),
    (7, "frozen", "dense_1"),
    (8, "frozen", ()),
    (10, "excluded_rows", [3, 4]),
]


@pytest.mark.parametrize("backend", BACKENDS)
@every_optimizer
def test_updates_made_again_give_the_bits_of_updates_whatever_is_edited(optimizer, backend, monkeypatch):
    """And after a rewind; with a limit on weights, whose projection follows the update."""

    def taught() -> list[Any]:
        training = training_of(CLASSES, backend, optimizer, penalties={"*/kernel": cl.MaxNorm(1.0)})
        edits, found, snapshot = dict[int, Any](), [], None
        for at, *edit in EDITS:
            edits[at] = edit
        for step in [*range(6), *range(3, 12)]:
            if step == 3:
                snapshot = snapshot or training.snapshot()
                training.restore(snapshot)
            if step in edits:
                training.edit(*edits[step])
            training.whole_step()
            assert not training.tainted
            found += [trainings.state(training), training.update.state["updates"]]
        return found

    ours = taught()
    with monkeypatch.context() as patch:
        patch.setattr(type(optimizer), "replays", False)
        patch.setattr(Replayed, "__call__", lambda self: self._method(self._ops, self._slots))
        theirs = taught()
    assert ours == theirs


def test_an_update_that_is_not_finite_taints_the_training_that_makes_it_again():
    for optimizer in OPTIMIZERS:
        training = training_of(CLASSES, "cpu", optimizer)
        tainted = []
        for step in range(4):
            if step == 2:
                training.edit("weights['dense_2/kernel']", 3e38)
            with np.errstate(all="ignore"):
                training.whole_step()
            tainted.append(training.tainted)
        assert tainted[:3] == [False, False, True], optimizer


def test_an_optimizer_that_does_not_replay_is_asked_for_each_update():
    """So is one whose `update` is its own."""
    asked = []

    class Own(cl.Adam):
        def apply(self, *given: Any) -> Any:
            asked.append("apply")
            return super().apply(*given)

    class Whole(cl.Adam):
        def update(self, *given: Any) -> bool:
            asked.append("update")
            return super().update(*given)

    wanted = None
    for optimizer in (cl.Adam(0.01), Own(0.01), Whole(0.01)):
        training = training_of(CLASSES, "cpu", optimizer)
        for _ in range(4):
            training.whole_step()
        wanted = wanted or trainings.state(training)
        assert trainings.state(training) == wanted
    assert asked == 4 * ["apply"] + 4 * ["update"]


# Whole steps --------------------------------------------------------------------------------------


def calls_of(training: Training) -> list[Any]:
    """What a step calls between its batch and what settles it in layers and losses."""
    assert training.record.loaded is not None and training.update.replayed is not None
    calls = []
    for phase, runs in training._step_phases.phases(training.record.loaded):
        for run in runs if phase != "update" else ():
            assert isinstance(run, Replayed), f"{phase} is run at each step"
            calls += run.calls or ()
    return calls + (training.update.replayed.calls or [])


KINDS = [
    *(pytest.param(case, SGD, id=case.name) for case in LOSS_CASES),
    *(pytest.param(CLASSES, each, id=repr(each)) for each in OPTIMIZERS if each.replays),
]


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize(("case", "optimizer"), KINDS)
def test_captured_calls_are_any_later_step(case: LossCase, optimizer: Optimizer, backend: str):
    """Of which nothing is left to Python but the batch and what is written into arrays before."""
    ours, theirs = (training_of(case, backend, optimizer) for _ in range(2))
    for training in (ours, theirs):
        training.whole_step()
    captured = ours.network.ops.capture(calls_of(ours))
    # The last batch of an epoch is shorter: other arrays.
    for step in (1, 3, 4, 6):
        while theirs.step_number <= step:
            theirs.whole_step()
        if step in (3, 6):
            ours.restore(theirs.snapshot())
            continue
        loaded = ours.loader.load(step)
        assert ours.update.replayed is not None
        ours.update.replayed.begin()
        captured()
        for settle in settling_of(ours.network, ours.objective, loaded):
            settle()
        assert bool(ours.update.replayed.finite)
        assert trainings.state(ours) == trainings.state(theirs)
        np.testing.assert_array_equal(ours.objective.total(loaded.slots), theirs.measure("loss"))


@pytest.mark.parametrize(("case", "optimizer"), KINDS)
def test_a_step_that_was_found_out_asks_for_no_kernel_and_makes_no_new_calls(case, optimizer, monkeypatch):
    """But for what settles a step in a loss that remembers something."""
    training, asked = training_of(case, "cpu", optimizer), []
    epoch = training.batches.steps_per_epoch
    for _ in range(3 * epoch):
        training.whole_step()
    found = [training._step_phases.whole(training.loader.load(step)) for step in range(epoch)]
    again = training.update.replayed
    for name in REGISTRY:
        watched = lambda *given, name=name, **more: asked.append(name)  # noqa: E731
        monkeypatch.setitem(training.network.ops.__dict__, name, watched)
    monkeypatch.setattr(Kernel, "prepare", lambda kernel, *given, **more: asked.append(kernel.name))
    for _ in range(epoch):
        training.whole_step()
    assert set(asked) == ({"move_centers", "all_finite"} if training.objective.state else set())
    assert training.update.replayed is again
    for step, calls in enumerate(found):
        assert training._step_phases.whole(training.loader.load(step)) is calls
