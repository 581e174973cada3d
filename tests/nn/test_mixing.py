"""Rows and targets that are mixed while they are trained on: with every loss, and what is said of it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.nn.contract.loss import LOSSES

ROWS, CLASSES = 24, 3
X = np.random.default_rng(0).random((ROWS, 5)).astype(np.float32)
PICTURES = np.random.default_rng(1).random((ROWS, 6, 7, 2)).astype(np.float32)
IDS = np.random.default_rng(2).integers(0, CLASSES, ROWS)
ONE_HOT, VALUES = np.eye(CLASSES)[IDS], np.random.default_rng(3).standard_normal((ROWS, 2))


def softmax(y):
    return np.exp(y) / np.exp(y).sum(axis=1, keepdims=True)


def sigmoid(y):
    return 1 / (1 + np.exp(-y))


def cross_entropy(p, t):
    return -(t * np.log(p)).sum(axis=1)


def binary(p, t):
    return -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(axis=1)


def huber(y, t):
    distance = np.abs(y - t)
    return np.where(distance < 0.5, distance**2 / 2, 0.5 * (distance - 0.25)).mean(axis=1)


def smoothed(y, t):
    return cross_entropy(softmax(y), 0.9 * t + 0.1 / CLASSES)


# By loss: what the network ends in, targets, and the loss of outputs of targets as columns.
CASES = {
    "softmax of ids": (cl.SoftmaxCrossEntropy(), None, IDS, lambda y, t: cross_entropy(softmax(y), t)),
    "softmax, smoothed": (cl.SoftmaxCrossEntropy(label_smoothing=0.1), None, IDS, smoothed),
    "softmax of columns": (
        cl.SoftmaxCrossEntropy(one_hot=True), None, ONE_HOT, lambda y, t: cross_entropy(softmax(y), t),
    ),
    "categorical of ids": (cl.CategoricalCrossEntropy(), "softmax", IDS, cross_entropy),
    "categorical of columns": (cl.CategoricalCrossEntropy(one_hot=True), "softmax", ONE_HOT, cross_entropy),
    "sigmoid": (
        cl.SigmoidCrossEntropy(), None, (IDS[:, None] > 0).astype(float), lambda y, t: binary(sigmoid(y), t),
    ),
    "binary": (cl.BinaryCrossEntropy(), "sigmoid", ONE_HOT, binary),
    "squared": (cl.MeanSquaredError(), None, VALUES, lambda y, t: ((y - t) ** 2).mean(axis=1)),
    "absolute": (cl.MeanAbsoluteError(), None, VALUES, lambda y, t: np.abs(y - t).mean(axis=1)),
    "huber": (cl.Huber(0.5), None, VALUES, huber),
    "censored": (cl.CensorLoss("mse"), None, VALUES, lambda y, t: ((y - t) ** 2).mean(axis=1)),
}  # fmt: skip
WAYS = {
    "mixup": (cl.Augmentation(mixup=0.5), X),
    "cutmix": (cl.Augmentation(cutmix=1.0), PICTURES),
    "both": (cl.Augmentation(mixup=0.7, cutmix=0.7), PICTURES),
}


def trained(loss, ends_in, targets, way="mixup", **options) -> cl.TrainingSession:
    augmentation, inputs = WAYS[way]
    units = targets.shape[1] if targets.ndim > 1 else CLASSES
    layers = [cl.Flatten(), cl.Dense(units, activation=ends_in)]
    network = cl.Network(layers, inputs.shape[1:], seed=1)
    options = {"augment": augmentation, "batch_size": 10, **options}
    return cl.train(network, (inputs, targets), loss, cl.SGD(0.1), **options)


def mixed(session: cl.TrainingSession, way: str, targets: np.ndarray, epoch=0):
    """Inputs and targets of the batch last fetched, mixed by hand, and what is left of each row itself."""
    augmentation, inputs = WAYS[way]
    rows = session.process.batch.rows
    how = augmentation.mixture(rows, session.process.seed, epoch, np.arange(ROWS), inputs.shape[1:])
    shares, x, t = how.shares.astype(np.float64), [], []
    columns = np.eye(CLASSES)[targets] if targets.ndim == 1 else targets
    for row, other, share, box in zip(rows, how.others, shares, how.boxes, strict=True):
        top, bottom, left, right = box
        own = inputs[row].astype(np.float64)
        if bottom > top:
            own[top:bottom, left:right] = inputs[other][top:bottom, left:right]
            assert share == pytest.approx(1 - (bottom - top) * (right - left) / 42)
        else:
            own = share * own + (1 - share) * inputs[other]
        x.append(own)
        t.append(share * columns[row] + (1 - share) * columns[other])
    return np.array(x), np.array(t), shares


def test_every_loss_has_a_row():
    there = {type(loss) for loss, *_ in CASES.values()}
    assert there | {cl.CenterLoss} == set(LOSSES.values())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CASES)
def test_inputs_and_targets_are_mixed_alike(name, way):
    loss, ends_in, targets, wanted = CASES[name]
    session = trained(loss, ends_in, targets, way)
    session.step(to="augment")
    x, t, shares = mixed(session, way, targets)
    assert shares.min() > 0.02 and (shares < 0.98).any()
    np.testing.assert_allclose(session.buffers["input"], x, rtol=1e-6, atol=1e-6)
    outputs = np.asarray(session.network.predict(x.astype(np.float32)), np.float64)
    rows = wanted(outputs, t)
    session.step(to="loss")
    np.testing.assert_allclose(session.process.measure("loss"), rows.mean(), rtol=1e-5)
    np.testing.assert_allclose(session.frame["loss"], rows, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_accuracy_counts_each_target_by_its_share(name):
    loss, ends_in, targets, _ = CASES[name]
    session = trained(loss, ends_in, targets)
    session.step(to="augment")
    x, t, _ = mixed(session, "mixup", targets)
    outputs = np.asarray(session.network.predict(x.astype(np.float32)))
    if loss.predicts == "classes":
        right = t[np.arange(len(t)), outputs.argmax(axis=1)]
    elif loss.predicts == "yes or no" and t.shape[1] == 1:
        right = np.where(outputs > 0, t, 1 - t)
    else:
        assert "accuracy" not in session.process.keys
        return
    session.step(to="loss")
    assert session.process.measure("accuracy") == pytest.approx(right.mean(), rel=1e-5)
    # Rows that are not trained on are what they are.
    x, y = (PICTURES if x.ndim > 2 else X), targets
    session.step(3)
    found = np.asarray(session.network.predict(x))
    whole = found.argmax(1) == IDS if loss.predicts == "classes" else (found > 0) == (y > 0)
    assert session.score((x, y))["accuracy"] == pytest.approx(whole.mean())


def test_weights_are_mixed_as_targets_are():
    weights = np.linspace(0.1, 3, ROWS)
    session = trained(cl.MeanSquaredError(), None, VALUES, sample_weight=weights)
    session.step(to="augment")
    x, t, shares = mixed(session, "mixup", VALUES)
    rows = session.process.batch.rows
    others = WAYS["mixup"][0].mixture(rows, 0, 0, np.arange(ROWS), (5,)).others
    own = shares * weights[rows] + (1 - shares) * weights[others]
    outputs = np.asarray(session.network.predict(x.astype(np.float32)), np.float64)
    wanted = (((outputs - t) ** 2).mean(axis=1) * own).sum() / own.sum()
    session.step(to="loss")
    assert session.process.measure("loss") == pytest.approx(wanted, rel=1e-5)


def test_shares_are_drawn_from_a_beta_distribution():
    from scipy import stats

    rows = np.arange(4000)
    for alpha in (1e-9, 0.05, 0.4, 1.0, 5.0):
        how = cl.Augmentation(mixup=alpha).mixture(rows, 0, 0, rows, (5,))
        # Of a small one most shares are 0 or 1, as float32 has them.
        assert alpha < 0.1 or stats.kstest(how.shares, stats.beta(alpha, alpha).cdf).pvalue > 1e-3
        assert np.isfinite(how.shares).all() and len(np.unique(how.others)) > 2000
    how = cl.Augmentation(cutmix=1.0).mixture(rows, 0, 0, rows, (32, 24, 3))
    top, bottom, left, right = how.boxes.T
    assert (top >= 0).all() and (bottom <= 32).all() and (left >= 0).all() and (right <= 24).all()
    both = cl.Augmentation(mixup=0.4, cutmix=1.0).mixture(rows, 0, 0, rows, (32, 24, 3))
    assert 0.4 < (both.boxes[:, 1] > both.boxes[:, 0]).mean() < 0.55


def test_a_partner_is_among_the_rows_that_are_trained_on():
    session = trained(cl.SoftmaxCrossEntropy(), None, IDS)
    session.step(3)
    session.edit("excluded_rows", [0, 1, 2])
    session.step(3)
    session.rewind(4)
    session.step(2)
    assert not np.isin([0, 1, 2], session.process.batches.rows).any()
    wanted = session.network.params.copy()
    made: dict = {}
    exec(str(session.script()), made)
    np.testing.assert_array_equal(made["network"].params, wanted)
    shown = session.augmented(5, 0)
    others = WAYS["mixup"][0].mixture(np.array([5]), 0, 0, np.arange(3, ROWS), (5,))
    share, other = others.shares[0], others.others[0]
    np.testing.assert_allclose(shown, share * X[5] + (1 - share) * X[other], rtol=1e-6)


def test_it_can_be_diagnosed():
    session = trained(cl.SoftmaxCrossEntropy(), None, IDS, validation=(X, IDS))
    session.step(20)
    assert str(session.diagnose())


class Ranks(cl.Loss):
    """Of classes, and one's own: nothing says what lies between two of them."""

    of_classes = True

    def evaluate(self, ops, at):
        at.rows[...] = 0


MIXUP, CUTMIX = cl.Augmentation(mixup=0.2), cl.Augmentation(cutmix=1.0)


def refused_losses():
    yield cl.CenterLoss(3), r"mixup mixes targets, and CenterLoss on output 'dense_1' has no place"
    yield Ranks(), r"mixup mixes targets, and Ranks on output 'dense_1' has no place"


@pytest.mark.parametrize(("loss", "says"), list(refused_losses()))
def test_a_loss_with_nothing_between_two_targets_is_refused(loss, says):
    with pytest.raises(ValueError, match=says):
        cl.train(cl.Network([cl.Dense(3)], 5), (X, IDS), loss, augment=MIXUP)


def test_what_has_nothing_to_mix_is_refused_by_name():
    network = cl.Network([cl.Dense(CLASSES)], 5)
    unknown = np.where(np.arange(ROWS) == 3, -1, IDS)
    session = cl.train(network, (X, unknown), "softmax_cross_entropy", augment=MIXUP, batch_size=ROWS)
    with pytest.raises(ValueError, match="mixup mixes targets, and some of output 'dense_1' are unknown"):
        session.step()
    holes = np.where(np.arange(2 * ROWS).reshape(ROWS, 2) == 3, np.nan, VALUES)
    session = trained(cl.CensorLoss("mse"), None, holes, batch_size=ROWS)
    with pytest.raises(ValueError, match="some of output 'dense_1' are unknown"):
        session.step()
    layers = [
        cl.Node(cl.Dense(4), "left", "a"), cl.Node(cl.Dense(4), "right", "b"),
        cl.Node(cl.Add(), "both", ["left", "right"]),
    ]  # fmt: skip
    several = cl.Network(layers, {"a": (5,), "b": (5,)})
    with pytest.raises(
        ValueError, match=r"mixup mixes the targets, too, .* one input, and this one has a, b"
    ):
        cl.train(several, ({"a": X, "b": X}, VALUES[:, [0, 1, 0, 1]]), "mse", augment=MIXUP)
    picture = cl.Network([cl.Conv2D(2, 3, padding="same")], (6, 7, 2))
    with pytest.raises(ValueError, match=r"cutmix .* 'conv2d_1' are rows \(6, 7, 2\), .*mixup"):
        cl.train(picture, (PICTURES, PICTURES[..., ::-1].copy()), "mse", augment=CUTMIX)
    images = (PICTURES * 255).astype(np.uint8)
    with pytest.raises(ValueError, match=r"cutmix .* targets of output 'conv2d_1' are pictures"):
        cl.train(picture, (images, images), "mse", augment=CUTMIX)
    session = cl.train(picture, (images, images), "mse", augment=MIXUP)
    session.step(2)

    class Source:
        batch_size, steps_per_epoch = 4, 1

        def fetch(self, step):
            return SimpleNamespace(inputs=X[:4], targets=IDS[:4], rows=np.arange(4), weights=None)

    with pytest.raises(TypeError, match=r"mixup asks for rows beside those .* Source has no at\(rows\)"):
        cl.train(network, Source(), "softmax_cross_entropy", augment=MIXUP)
