"""The contract every loss keeps, over the whole table of cases, and what single losses promise."""

from __future__ import annotations

import json

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.compute import get_ops
from cortex_lab.data import Batches
from cortex_lab.nn import Network, Node, Training
from cortex_lab.nn.contract.layer import Slots
from cortex_lab.nn.contract.loss import LOSSES, loss_from_dict, resolve_loss, row_weights
from cortex_lab.nn.layers.activation import ReLU
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.losses.binary import BinaryCrossEntropy
from cortex_lab.nn.losses.categorical import CategoricalCrossEntropy, SoftmaxCrossEntropy
from cortex_lab.nn.losses.censor import CensorLoss
from cortex_lab.nn.losses.center import CenterLoss
from cortex_lab.nn.losses.regression import Huber
from cortex_lab.optimize import SGD, Adam
from cortex_lab.study import Session
from tests.nn.loss_cases import CENTERS, LOSS_CASES

every_case = pytest.mark.parametrize("case", LOSS_CASES, ids=lambda case: case.name)
accelerated = pytest.mark.parametrize("backend", ["cpu", pytest.param("gpu", marks=pytest.mark.gpu)])


def evaluate(loss, y, target, weights=None, backend="reference", gradient=True):
    """(rows, gradient) of `loss`, from buffers that held garbage."""
    ops = get_ops(backend)
    y = ops.asarray(y)
    slots = Slots(
        y=y,
        target=ops.asarray(target, "int64" if loss.of_classes else None),
        weights=ops.asarray(np.ones(len(y)) if weights is None else weights),
        rows=ops.asarray(np.full(len(y), np.nan)),
        dy=ops.asarray(np.full(y.shape, np.nan)) if gradient else None,
    )
    for name in loss.state(y.shape[1:]):
        setattr(slots, name, ops.asarray(CENTERS))
    loss.evaluate(ops, slots)
    return ops.to_numpy(slots.rows), ops.to_numpy(slots.dy) if gradient else None


def test_every_registered_loss_has_a_case():
    missing = set(LOSSES) - {
        name for name, kind in LOSSES.items() for c in LOSS_CASES if type(c.loss) is kind
    }
    assert not missing, f"add rows to tests/nn/loss_cases.py for {missing}"


@every_case
def test_description_survives_json(case):
    assert loss_from_dict(json.loads(json.dumps(case.loss.to_dict()))) == case.loss


@every_case
def test_gradient_along_random_directions(case):
    random = np.random.default_rng(0)
    y, target = case.draw(random, 8)
    target = case.loss.check_targets(target, case.shape)
    weights = random.uniform(0.2, 2, size=8)
    _, gradient = evaluate(case.loss, y, target, weights)
    for _ in range(3):
        move = random.normal(size=y.shape)

        def total(scale, move=move):
            return evaluate(case.loss, y + scale * move, target, weights)[0] @ weights

        measured = (total(1e-6) - total(-1e-6)) / 2e-6
        np.testing.assert_allclose((gradient * move).sum(), measured, rtol=1e-6, atol=1e-8)


@every_case
def test_rows_without_a_gradient_asked_for(case):
    y, target = case.draw(np.random.default_rng(1), 3)
    rows, _ = evaluate(case.loss, y, target)
    np.testing.assert_array_equal(evaluate(case.loss, y, target, gradient=False)[0], rows)


@every_case
@accelerated
def test_backend_agrees_with_the_reference(case, backend):
    random = np.random.default_rng(2)
    for rows in (1, 7):
        y, target = case.draw(random, rows)
        weights = random.uniform(0.2, 2, size=rows)
        wanted, got = (evaluate(case.loss, y, target, weights, each) for each in ("reference", backend))
        np.testing.assert_allclose(got[0], wanted[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(got[1], wanted[1], rtol=1e-4, atol=1e-5)


@every_case
@pytest.mark.oracle
def test_agrees_with_pytorch(case):
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(3)
    y, target = case.draw(random, 6)
    weights = random.uniform(0.2, 2, size=6)
    rows, gradient = evaluate(case.loss, y, target, weights)
    tensor = torch.tensor(y, requires_grad=True)
    wanted = case.oracle(tensor, torch.tensor(target))
    np.testing.assert_allclose(rows, wanted.detach().numpy(), rtol=1e-10, atol=1e-12)
    (wanted * torch.tensor(weights)).sum().backward()
    np.testing.assert_allclose(gradient, tensor.grad.numpy(), rtol=1e-9, atol=1e-12)


@every_case
def test_targets_that_do_not_fit(case):
    targets, message = case.bad_targets
    with pytest.raises(ValueError, match=message):
        case.loss.check_targets(targets, case.shape)


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", SoftmaxCrossEntropy(label_smoothing=0.1)])
@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_extreme_logits_of_classes(loss, backend):
    logits = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 0], [80, 80, 80]])
    rows, gradient = evaluate(resolve_loss(loss), logits, np.array([0, 0, 1]), backend=backend)
    assert np.isfinite(rows).all() and np.isfinite(gradient).all()
    if loss == "softmax_cross_entropy":
        np.testing.assert_allclose(rows, [0, 2e4, np.log(3)], rtol=1e-5)


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize(
    "name", ["sigmoid_cross_entropy", "mean_squared_error", "mean_absolute_error", "huber"]
)
def test_extreme_outputs_of_elements(name, backend):
    y, target = np.array([[1e4, -1e4], [-1e4, 1e4]]), np.array([[1.0, 0], [1, 0]])
    rows, gradient = evaluate(resolve_loss(name), y, target, backend=backend)
    assert np.isfinite(rows).all() and np.isfinite(gradient).all()
    if name == "sigmoid_cross_entropy":
        np.testing.assert_allclose(rows, [0, 1e4], rtol=1e-6)


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_certain_probabilities_stay_finite_and_impossible_ones_show(backend):
    for loss, target in ((BinaryCrossEntropy(), [[1.0, 0]] * 3), (CategoricalCrossEntropy(), [0, 0, 0])):
        y = np.array([[1.0, 0], [0, 1], [1.5, -0.5]])
        rows, gradient = evaluate(loss, y, target, backend=backend)
        assert np.isfinite(rows[:2]).all() and np.isfinite(gradient[:2]).all()
        assert rows[0] < 1e-5 < 15 < rows[1]
        assert np.isnan(rows[2])


def test_center_loss_moves_its_centers_when_it_settles():
    ops, loss = get_ops("reference"), CenterLoss(classes=3, rate=0.5)
    features = np.array([[1.0, 1], [3, 1], [5, 5], [9, 9]])
    slots = Slots(y=features, target=np.array([0.0, 0, 2, -1]), centers=np.ones((3, 2)))
    loss.settle(ops, slots)
    # Two rows at a mean of (2, 1): 0.5 * 2 / 3 of the way; one row: 0.5 * 1 / 2 of it.
    np.testing.assert_allclose(slots.centers, [[1 + 1 / 3, 1], [1, 1], [2, 2]])
    assert loss.state((2,))["centers"].shape == (3, 2)


def test_center_loss_beside_a_classifier_gathers_the_classes():
    """Two outputs, one of them in the middle; the centers rewind with everything else."""
    random = np.random.default_rng(6)
    labels = random.integers(0, 3, size=120)
    x = np.eye(3)[labels] + random.normal(scale=0.3, size=(120, 3))
    spread = {}
    for strength in (1e-6, 0.3):
        layers = [Dense(16, activation="tanh"), Node(Dense(2), "features"), Node(Dense(3), "scores")]
        network = Network(layers, (3,), ["features", "scores"])
        training = Training(
            network,
            Batches(x, labels, batch_size=30),
            {"scores": "softmax_cross_entropy", "features": CenterLoss(3)},
            Adam(0.01),
            loss_weights={"features": strength},
        )
        session = Session(training)
        session.step(300)
        features = network.predict(x)["features"]
        means = np.stack([features[labels == k].mean(axis=0) for k in range(3)])
        spread[strength] = ((features - means[labels]) ** 2).sum() / ((means - means.mean(axis=0)) ** 2).sum()
    np.testing.assert_allclose(training.objective.state["features/centers"], means, atol=0.2)
    assert spread[0.3] < 0.7 * spread[1e-6]
    centers = training.objective.state["features/centers"].copy()
    session.rewind(step=280)
    session.step(20)
    np.testing.assert_array_equal(training.objective.state["features/centers"], centers)


def features_and_scores(order):
    layers = [Node(Dense(2), "features", "input"), Node(Dense(3), "scores", "features")]
    network = Network(layers, (3,), order)
    losses = {"scores": "softmax_cross_entropy", "features": CenterLoss(3)}
    return network, {name: losses[name] for name in order}


@pytest.mark.parametrize("order", [["features"], ["features", "scores"], ["scores", "features"]])
def test_center_loss_alone_and_in_any_place(order, tmp_path):
    random = np.random.default_rng(6)
    labels = random.integers(0, 3, size=60)
    x = np.eye(3)[labels] + random.normal(scale=0.3, size=(60, 3))
    labels[::7] = -1

    def made(**options):
        network, losses = features_and_scores(order)
        return cl.train(
            network, (x, labels), losses, Adam(0.01), batch_size=20, validation=(x, labels), **options
        )

    session = made()
    session.step(30)
    assert session.trace["loss"][-3:].mean() < session.trace["loss"][:3].mean()
    scored = session.score((x, labels))
    assert scored["loss"] == session.trace["validation_loss"][-1]
    if "scores" in order:
        known = labels >= 0
        hits = session.network.predict(x)["scores"].argmax(axis=1)[known] == labels[known]
        assert scored["accuracy"] == pytest.approx(hits.mean()) and "accuracy" in session.trace
    else:
        assert "accuracy" not in scored and "accuracy" not in session.trace
    assert len(session.frame) == 20 and session.diagnose() is not None
    session.save(tmp_path / "training.h5")
    later, branch = made(resume_from=tmp_path / "training.h5"), session.fork(learning_rate=[0.01])[0]
    for each in (session, later, branch):
        each.step(5)
        np.testing.assert_array_equal(each.network.params, session.network.params)
    with pytest.raises(ValueError, match="'features' gives features, not its targets, so it has no metrics"):
        made(metrics={"features": "r2"})


def test_unknown_elements_get_no_gradient():
    y, target = np.ones((2, 3)), np.array([[0, np.nan, 2.0], [np.nan] * 3])
    rows, gradient = evaluate(CensorLoss(), y, target)
    np.testing.assert_allclose(rows, [1, 0])
    np.testing.assert_allclose(gradient, [[1, 0, -1], [0, 0, 0]])
    checked = CensorLoss().check_targets(target, (3,))
    np.testing.assert_array_equal(checked, target)


@pytest.mark.parametrize(
    ("layers", "loss", "message"),
    [
        ([Dense(3, activation="softmax")], "softmax_cross_entropy", "already applies softmax"),
        (
            [Dense(3, activation="relu")],
            "categorical_cross_entropy",
            "'dense_1' ends in relu.*end it in softmax",
        ),
        ([Dense(3), ReLU()], "binary_cross_entropy", "ends in relu.*end it in sigmoid"),
        ([Dense(3, activation="sigmoid")], "sigmoid_cross_entropy", "already applies sigmoid"),
        ([Dense(1)], "softmax_cross_entropy", "at least 2"),
        ([Dense(3)], "hinge", "there is no loss 'hinge' here: 'cross_entropy' separates"),
        ([Dense(3)], "nothing", "there is no loss 'nothing'; there are"),
        ([Dense(3)], "center_loss", r"give the loss itself: CenterLoss\(...\)"),
    ],
)
def test_an_output_that_does_not_fit(layers, loss, message):
    batches = Batches(np.ones((4, 2)), np.zeros((4, 3)), batch_size=2)
    with pytest.raises(ValueError, match=message):
        Training(Network(layers, (2,)), batches, loss, SGD(0.1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Huber(0), "delta must be a positive number"),
        (lambda: SoftmaxCrossEntropy(label_smoothing=1), "label_smoothing must be at least 0 and under 1"),
        (lambda: CenterLoss(0), "classes must be"),
        (lambda: CenterLoss(3, rate=2), "rate must be above 0"),
        (lambda: CensorLoss("softmax_cross_entropy"), "not a loss of single elements"),
        (lambda: loss_from_dict({"kind": "nothing"}), "there is no loss 'nothing'"),
        (lambda: loss_from_dict({"kind": "huber", "width": 1}), "Huber takes no width=: it takes delta"),
    ],
)
def test_a_loss_that_makes_no_sense(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_row_weights_of_classes_and_samples():
    targets = np.array([0, 0, 0, 1, -1])
    assert row_weights(targets) is None
    np.testing.assert_allclose(row_weights(targets, {1: 3.0}), [1, 1, 1, 3, 1])
    np.testing.assert_allclose(row_weights(targets, "balanced")[:4], [2 / 3, 2 / 3, 2 / 3, 2])
    np.testing.assert_allclose(row_weights(targets, {0: 2}, [1, 2, 3, 4, 5]), [2, 4, 6, 4, 5])
    np.testing.assert_allclose(row_weights(np.eye(3), {2: 5.0}), [1, 1, 5])


@pytest.mark.parametrize(
    ("targets", "class_weight", "sample_weight", "message"),
    [
        ([0, 1], {0: -1}, None, r"the weight of class 0 must be a finite number of at least 0"),
        ([0, 1], None, [np.nan, 1], r"rows \[0\]"),
        ([0, 1], None, [1, 2, 3], r"must be \(2,\), got \(3,\)"),
        ([0, 1], None, [0, 0], "every row has the weight 0"),
        ([0.5, 1.5], {0: 2}, None, "needs one class id per row"),
        ([0, 1], {"cat": 2}, None, "by class id"),
    ],
)
def test_row_weights_that_make_no_sense(targets, class_weight, sample_weight, message):
    with pytest.raises(ValueError, match=message):
        row_weights(np.array(targets), class_weight, sample_weight)


@pytest.mark.parametrize("targets", [np.zeros(6, int), np.eye(3)[[0, 1, 2, 0, 1, 2]]], ids=["ids", "columns"])
@pytest.mark.parametrize("name", ["softmax_cross_entropy", "mean_squared_error", "binary_cross_entropy"])
def test_answers_for_every_place_where_one_is_meant(name, targets):
    with pytest.raises(ValueError, match=r"wants .*; for one answer about a whole row, put a Flatten before"):
        resolve_loss(name).check_targets(targets, (4, 4, 3))
