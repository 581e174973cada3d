"""Targets that are unknown count nowhere: losses and accuracies are means over what is known."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.nn import Network, Node, Training
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.reshaping import Reshape
from cortex_lab.nn.losses.categorical import CategoricalCrossEntropy, SoftmaxCrossEntropy
from cortex_lab.nn.train.objective import TotalLoss
from cortex_lab.optimize import SGD
from cortex_lab.study import Session
from tests.nn.loss_cases import LOSS_CASES
from tests.nn.trainings import Rows, blobs

ROWS = 600
ALWAYS_KNOWN = [
    case for case in LOSS_CASES if case.loss.known(case.draw(np.random.default_rng(0), 3)[1]) is None
]
PARTLY_KNOWN = [case for case in LOSS_CASES if case not in ALWAYS_KNOWN]
partly_known = pytest.mark.parametrize("case", PARTLY_KNOWN, ids=lambda case: case.name)
backends = pytest.mark.parametrize("backend", ["reference", "cpu"])
TOLERANCE = {"reference": {"rtol": 1e-12}, "cpu": {"rtol": 2e-5, "atol": 1e-6}}


def drawn(case, rows=ROWS, seed=0):
    """(outputs, targets, which rows are known) with two thirds of the first 256 rows wholly unknown."""
    y, target = case.draw(np.random.default_rng(seed), rows)
    unknown = np.zeros(rows, bool)
    unknown[: min(rows, 256)] = np.arange(min(rows, 256)) % 3 > 0
    target[unknown] = np.nan if target.dtype.kind == "f" else -1
    target = case.loss.check_targets(target, case.shape)
    return y, target, case.loss.known(target).reshape(rows, -1).any(axis=1)


def passed_on(case, backend):
    """The loss on a network that passes its input on."""
    return TotalLoss(Network([Reshape(case.shape)], case.shape, ops=backend), case.loss)


def test_a_target_that_is_always_known_cannot_be_left_out():
    for case in ALWAYS_KNOWN:
        target = case.draw(np.random.default_rng(0), 3)[1].astype(float)
        target[1] = np.nan
        with pytest.raises(ValueError, match=r"first \[1\]|rows that do not: \[1\]|rows \[1\]"):
            case.loss.check_targets(target, case.shape)


@partly_known
@backends
def test_scores_are_those_of_the_known_rows_alone(case, backend):
    y, target, known = drawn(case)
    objective = passed_on(case, backend)
    name = next(iter(objective.losses))
    checked = objective.check_all_targets(target)
    found = objective.score({"input": y}, checked)
    alone = objective.score({"input": y[known]}, {name: target[known]})
    assert found.keys() == alone.keys()
    rows = objective.row_losses({"input": y}, checked)
    np.testing.assert_array_equal(np.isnan(rows), ~known)
    share = case.loss.known(target).reshape(len(rows), -1).mean(axis=1)[known]
    np.testing.assert_allclose(found["loss"], np.average(rows[known], weights=share), **TOLERANCE[backend])
    np.testing.assert_allclose(found["loss"], alone["loss"], **TOLERANCE[backend])
    if objective.classifies:
        hits = y.argmax(axis=-1)[target >= 0] == target[target >= 0]
        assert found["accuracy"] == pytest.approx(hits.mean(), rel=1e-12)
    nothing = objective.score({"input": y[~known]}, {name: target[~known]})
    assert all(math.isnan(value) for value in nothing.values())


class Repeated:
    """The same batch at every step, with weights of its own."""

    steps_per_epoch = 1

    def __init__(self, inputs, targets, weights=None):
        self.batch_size = len(inputs)
        self.batch = SimpleNamespace(
            inputs=inputs, targets=targets, rows=np.arange(len(inputs)), weights=weights
        )

    def fetch(self, step):
        return self.batch


def trained(case, x, target, weights, backend):
    layers = [Dense(math.prod(case.shape)), Reshape(case.shape)]
    if isinstance(case.loss, CategoricalCrossEntropy):
        layers = [Dense(*case.shape, activation="softmax")]
    training = Training(Network(layers, (5,), ops=backend), Repeated(x, target, weights), case.loss, SGD(0.1))
    session = Session(training)
    session.step(6)
    return session


@partly_known
@backends
@pytest.mark.parametrize("weighted", [False, True], ids=["alike", "weighted"])
def test_a_training_learns_as_from_the_known_rows_alone(case, backend, weighted):
    _, target, known = drawn(case, rows=21)
    random = np.random.default_rng(1)
    x, weights = random.normal(size=(21, 5)), random.uniform(0.2, 2, size=21) if weighted else None
    some = trained(case, x, target, weights, backend)
    alone = trained(case, x[known], target[known], None if weights is None else weights[known], backend)
    np.testing.assert_allclose(
        some.process.network.params, alone.process.network.params, rtol=2e-4, atol=1e-6
    )
    for key in some.trace.keys:
        if key != "seconds":
            np.testing.assert_allclose(some.trace[key], alone.trace[key], rtol=1e-4, err_msg=key)


@backends
@pytest.mark.oracle
@pytest.mark.parametrize("weighted", [False, True], ids=["alike", "by class"])
def test_the_mean_and_its_gradient_are_pytorch_s(backend, weighted):
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(2)
    x, y = random.normal(size=(40, 5)), random.integers(-1, 4, size=40)
    by_class = {0: 0.5, 1: 3.0, 2: 1.0, 3: 0.2} if weighted else None
    session = cl.train(
        Network([Dense(4)], 5, ops=backend), (x, y), "softmax_cross_entropy", SGD(0.1), batch_size=40,
        class_weight=by_class, validation=None,
    )  # fmt: skip
    kernel, bias = (
        torch.tensor(session.process.parameters[f"dense_1/{key}"], dtype=torch.float64, requires_grad=True)
        for key in ("kernel", "bias")
    )
    loss = torch.nn.functional.cross_entropy(
        torch.tensor(x) @ kernel + bias, torch.tensor(y), ignore_index=-1,
        weight=torch.tensor(list(by_class.values()), dtype=torch.float64) if by_class else None,
    )  # fmt: skip
    loss.backward()
    session.step(to="backward:dense_1")
    assert session.process.measure("loss") == pytest.approx(loss.item(), rel=1e-5)
    np.testing.assert_allclose(
        session.process.network.gradients["dense_1/kernel"], kernel.grad, rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize(
    "case", [case for case in PARTLY_KNOWN if not case.loss.state(case.shape)], ids=lambda case: case.name
)
@backends
@pytest.mark.oracle
@pytest.mark.parametrize("weighted", [False, True], ids=["alike", "weighted"])
def test_every_known_element_counts_alike(case, backend, weighted):
    """In training, gradients, validation and score; a row's weight is that of its elements."""
    torch = pytest.importorskip("torch")
    y, target, _ = drawn(case, rows=30)
    random = np.random.default_rng(3)
    weights = random.uniform(0.2, 2, size=30) if weighted else np.ones(30)
    if isinstance(case.loss, CategoricalCrossEntropy):
        y = random.dirichlet(np.full(4, 3.0), size=30)
    training = Training(
        Network([Dense(math.prod(y.shape[1:]), use_bias=False), Reshape(case.shape)], 30, ops=backend),
        Repeated(np.eye(30), target, weights if weighted else None), case.loss, SGD(0.1),
        validation=(np.eye(30), target), validate_every=1,
    )  # fmt: skip
    # Of an identity, the kernel's rows are the outputs, and its gradient is theirs.
    training.network.parameters["dense_1/kernel"][...] = training.network.ops.asarray(y.reshape(30, -1))
    session = Session(training)
    outputs = torch.tensor(y, requires_grad=True)
    known = torch.tensor(case.loss.known(target).reshape(30, -1).sum(axis=1))

    def mean(weights):
        counts = known * torch.tensor(weights)
        return (case.oracle(outputs, torch.tensor(target)) * counts).sum() / counts.sum()

    alike, weighed = mean(np.ones(30)), mean(weights)
    if target.ndim == 2 and case.loss.of_classes:
        flat = outputs.flatten(0, 1), torch.tensor(target).flatten()
        assert alike.item() == pytest.approx(
            torch.nn.functional.cross_entropy(*flat, ignore_index=-1).item(), rel=1e-12
        )
    weighed.backward()
    wanted = pytest.approx(alike.item(), rel=1e-5)
    assert training.measure("validation_loss") == wanted
    assert training.objective.score(*training.checked_rows(np.eye(30), target))["loss"] == wanted
    session.step(to="backward:dense_1")
    assert training.measure("loss") == pytest.approx(weighed.item(), rel=1e-5)
    gradient = training.network.gradients["dense_1/kernel"].reshape(y.shape)
    np.testing.assert_allclose(gradient, outputs.grad, rtol=1e-4, atol=1e-7)


@backends
def test_where_all_is_known_no_bit_changes(backend):
    """Also beside unknown rows elsewhere, as in the validation."""
    x, y = blobs(70)
    runs = []
    for told in (False, True):
        training = Training(
            Network([Dense(3)], 6, ops=backend), Rows(x, y), "softmax_cross_entropy", SGD(0.1),
            row_weights=np.linspace(0.1, 2, 70), validation=(x, y), validate_every=2,
        )  # fmt: skip
        training.objective.some_unknown = told
        session = Session(training)
        session.step(9)
        runs.append((training.network.params.tobytes(), session.trace.frame().drop(columns="seconds")))
    assert runs[0][0] == runs[1][0] and runs[0][1].equals(runs[1][1])


@backends
def test_a_batch_of_which_nothing_is_known_teaches_nothing(backend):
    x, y = blobs(64)
    y[16:32] = -1
    batches = Rows(x, y)
    batches.fetch = lambda step: SimpleNamespace(
        inputs=x[16 * step :][:16], targets=y[16 * step :][:16], rows=np.arange(16), weights=None
    )
    network = Network([Dense(3)], 6, ops=backend)
    session = Session(Training(network, batches, "softmax_cross_entropy", SGD(0.1)))
    session.step()
    before = network.params.copy()
    session.step()
    assert network.params.tobytes() == before.tobytes() and session.fault is None
    assert np.isnan(session.trace["loss"][1]) and np.isnan(session.trace["accuracy"][1])
    session.step(2)
    assert np.isfinite(session.trace["loss"][[0, 2, 3]]).all()


def two_outputs(backend):
    layers = [Node(Dense(3), "kind", "input"), Node(Dense(2), "side", "input")]
    x, kind = blobs(48)
    side = kind % 2
    kind[::2], side[:20] = -1, -1
    losses = {"kind": "softmax_cross_entropy", "side": SoftmaxCrossEntropy()}
    network = Network(layers, (6,), ops=backend)
    data = Rows(x, {"kind": kind, "side": side}, batch_size=48)
    training = Training(network, data, losses, SGD(0.1), loss_weights={"side": 0.5})
    return training, x, {"kind": kind, "side": side}


@backends
def test_each_output_has_its_own_known_rows(backend):
    training, x, targets = two_outputs(backend)
    session = Session(training)
    scored = training.objective.score(*training.checked_rows(x, targets))
    y = training.network.predict(x)
    session.step()

    def mean(name):
        logits, ids = y[name].astype(float), targets[name]
        losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(48), np.maximum(ids, 0)]
        return losses[ids >= 0].mean()

    wanted = mean("kind") + 0.5 * mean("side")
    assert session.trace["loss"][0] == pytest.approx(wanted, rel=1e-5) == scored["loss"]
    assert session.trace["loss['side']"][0] == pytest.approx(mean("side"), rel=1e-5)


def test_the_frame_tells_unknown_rows_from_those_without_a_loss():
    x, y = blobs(40)
    y[::3] = -1
    session = cl.train(
        Network([Dense(3)], 6), (x, y), "softmax_cross_entropy", SGD(0.1), batch_size=40, validation=None
    )
    session.step()
    frame = session.frame
    assert (frame["loss"].isna() == (frame["target"] < 0)).all()
    assert frame["loss"].mean() == pytest.approx(session.trace["loss"][0], rel=1e-6)


def test_rows_that_exclusion_moves_up_are_looked_at_as_well():
    x, y = blobs(12)
    y[8] = -1
    data = cl.data.Batches(x, y, batch_size=4, shuffle=False)
    network = Network([Dense(3)], 6, ops="reference")
    session = Session(Training(network, data, "softmax_cross_entropy", SGD(0.1)))
    session.step(2)
    # Row 8 was to come next; now it counts as gone by, and comes in the next epoch only.
    session.edit("excluded_rows", [0])
    session.step(3)
    rows = session.process.batch.rows
    assert 8 in rows
    losses = session.buffers["loss:dense_1"]
    assert session.trace["loss"][-1] == pytest.approx(losses[y[rows] >= 0].mean(), rel=1e-12)
