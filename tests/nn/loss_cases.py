"""The table of loss cases: every contract test of losses is a function of a case."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.nn.contract.loss import Loss
from cortex_lab.nn.losses.binary import BinaryCrossEntropy, SigmoidCrossEntropy
from cortex_lab.nn.losses.categorical import CategoricalCrossEntropy, SoftmaxCrossEntropy
from cortex_lab.nn.losses.censor import CensorLoss
from cortex_lab.nn.losses.center import CenterLoss
from cortex_lab.nn.losses.regression import Huber, MeanAbsoluteError, MeanSquaredError

Arrays = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class LossCase:
    """One loss with outputs of row shape `shape` to try it on.

    `draw(random, rows)` makes outputs and targets, away from kinks. `oracle` computes the rows' losses from
    PyTorch tensors (outputs, targets). `bad_targets` is something the loss refuses, and what it then says.
    """

    loss: Loss
    shape: tuple[int, ...]
    draw: Callable[[np.random.Generator, int], Arrays]
    oracle: Callable[[Any, Any], Any]
    bad_targets: tuple[Any, str]
    label: str = ""

    @property
    def name(self) -> str:
        return f"{type(self.loss).__name__}{'-' if self.label else ''}{self.label}"


def _numbers(*shape: int):
    def draw(random, rows):
        target = random.normal(size=(rows, *shape))
        error = random.normal(size=(rows, *shape))
        return target + error + np.sign(error) * 0.05, target

    return draw


def _huber(random, rows):
    target = random.normal(size=(rows, 6))
    return target + random.choice([-3, -0.7, -0.1, 0.2, 0.4, 2.5], size=(rows, 6)), target


def _logits_and(targets):
    def draw(random, rows):
        target = targets(random, rows)
        shape = target.shape if target.dtype.kind == "f" else (*target.shape, 4)
        return 2 * random.normal(size=shape), target

    return draw


def _ids(*steps: int):
    def draw(random, rows):
        ids = random.integers(0, 4, size=(rows, *steps))
        ids.reshape(-1)[::5] = -1
        return ids

    return draw


def _distributions(random, rows):
    return random.dirichlet(np.ones(4), size=rows)


def _yes_or_no(random, rows):
    return random.integers(0, 2, size=(rows, 3)).astype(float)


def _shares(random, rows):
    return random.uniform(size=(rows, 3))


def _probabilities(targets):
    def draw(random, rows):
        target = targets(random, rows)
        if target.dtype.kind == "f" and target.shape[1] == 3:
            return random.uniform(0.05, 0.95, size=target.shape), target
        return random.dirichlet(np.full(4, 3.0), size=rows), target

    return draw


def _with_gaps(draw):
    def holed(random, rows):
        y, target = draw(random, rows)
        target[random.uniform(size=target.shape) < 0.3] = np.nan
        target[0] = np.nan
        return y, target

    return holed


def _features(random, rows):
    ids = random.integers(0, 3, size=rows)
    ids[::4] = -1
    return random.normal(size=(rows, 5)), ids


def _mean(name, **options):
    """A functional loss of PyTorch, as the mean over each row."""

    def rows(y, target):
        import torch

        losses = getattr(torch.nn.functional, name)(y, target, reduction="none", **options)
        return losses.flatten(1).mean(1)

    return rows


def _cross_entropy(smoothing=0.0):
    def rows(y, target):
        import torch

        options = {"reduction": "none", "label_smoothing": smoothing}
        if target.ndim == y.ndim:
            return torch.nn.functional.cross_entropy(y, target, **options)
        known = target >= 0
        ids = target.flatten().clamp(min=0)
        losses = torch.nn.functional.cross_entropy(y.flatten(0, -2), ids, **options)
        losses = torch.where(known.flatten(), losses, 0).reshape(len(y), -1)
        return losses.sum(1) / known.reshape(len(y), -1).sum(1).clamp(min=1)

    return rows


def _likelihood(smoothing=0.0):
    def rows(p, target):
        import torch

        known = target >= 0
        if target.ndim == 1:
            target = torch.nn.functional.one_hot(target.clamp(min=0), p.shape[1])
        q = target * (1 - smoothing) + smoothing / p.shape[1]
        return -(q * p.log()).sum(1) * (known if known.ndim == 1 else 1)

    return rows


def _smoothed(name, smoothing):
    return lambda y, target: _mean(name)(y, target * (1 - smoothing) + smoothing / 2)


def _censored(rows_of):
    """The mean over a row's known elements, one row and one element at a time."""

    def rows(y, target):
        import torch

        losses = []
        for output, aim in zip(y, target, strict=True):
            known = ~torch.isnan(aim)
            losses.append(
                rows_of(output[known][None], aim[known][None])[0] if known.any() else output.sum() * 0
            )
        return torch.stack(losses)

    return rows


def _distance_to_centers(y, target):
    import torch

    centers = torch.tensor(CENTERS, dtype=y.dtype)
    return torch.where(target >= 0, ((y - centers[target.clamp(min=0)]) ** 2).sum(1) / 2, 0)


CENTERS = np.random.default_rng(12).normal(size=(3, 5))
NAN = (np.array([[0.0, np.nan, 0, 0]]), "targets are missing or infinite in 1 rows, the first \\[0\\]")
WIDE = (np.zeros((2, 5)), "wants targets of row shape")
TOO_HIGH = (np.array([1, 4, 2]), "labels go up to 4 but there are 4 classes.*first such rows \\[1\\]")
COLUMNS = (np.eye(4), "got one column per class; pass targets.argmax")
TWO = (np.array([[0.0, 1, 2.0]]), "wants targets from 0 to 1, got 0 to 2; first such rows \\[0\\]")
NOT_ONE = (np.array([[0.5, 0.5, 0, 0], [0.5, 0.1, 0, 0]]), "sum to 1; first rows that do not: \\[1\\]")

LOSS_CASES = [
    LossCase(MeanSquaredError(), (4,), _numbers(4), _mean("mse_loss"), NAN),
    LossCase(MeanSquaredError(), (2, 3, 2), _numbers(2, 3, 2), _mean("mse_loss"), WIDE, "image"),
    LossCase(MeanAbsoluteError(), (4,), _numbers(4), _mean("l1_loss"), NAN),
    LossCase(Huber(), (6,), _huber, _mean("huber_loss"), WIDE),
    LossCase(Huber(0.3), (6,), _huber, _mean("huber_loss", delta=0.3), WIDE, "narrow"),
    LossCase(
        BinaryCrossEntropy(), (3,), _probabilities(_yes_or_no), _mean("binary_cross_entropy"), TWO
    ),
    LossCase(
        BinaryCrossEntropy(label_smoothing=0.2), (3,), _probabilities(_shares),
        _smoothed("binary_cross_entropy", 0.2), TWO, "smoothed",
    ),
    LossCase(
        SigmoidCrossEntropy(), (3,), _logits_and(_yes_or_no),
        _mean("binary_cross_entropy_with_logits"), TWO,
    ),
    LossCase(
        SigmoidCrossEntropy(label_smoothing=0.1), (3,), _logits_and(_shares),
        _smoothed("binary_cross_entropy_with_logits", 0.1), TWO, "smoothed",
    ),
    LossCase(SoftmaxCrossEntropy(), (4,), _logits_and(_ids()), _cross_entropy(), TOO_HIGH),
    LossCase(
        SoftmaxCrossEntropy(label_smoothing=0.1), (4,), _logits_and(_ids()), _cross_entropy(0.1),
        COLUMNS, "smoothed",
    ),
    LossCase(
        SoftmaxCrossEntropy(one_hot=True), (4,), _logits_and(_distributions), _cross_entropy(),
        NOT_ONE, "distribution",
    ),
    LossCase(
        SoftmaxCrossEntropy(), (3, 4), _logits_and(_ids(3)), _cross_entropy(),
        (np.zeros((2, 2), int), "wants class ids \\(rows, 3\\)"), "steps",
    ),
    LossCase(
        CategoricalCrossEntropy(), (4,), _probabilities(_ids()), _likelihood(), TOO_HIGH,
    ),
    LossCase(
        CategoricalCrossEntropy(label_smoothing=0.2, one_hot=True), (4,), _probabilities(_distributions),
        _likelihood(0.2), NOT_ONE, "distribution-smoothed",
    ),
    LossCase(
        CensorLoss(), (4,), _with_gaps(_numbers(4)), _censored(_mean("mse_loss")),
        (np.full((1, 4), np.inf), "targets are missing or infinite"),
    ),
    LossCase(
        CensorLoss(Huber(0.3)), (6,), _with_gaps(_huber), _censored(_mean("huber_loss", delta=0.3)),
        WIDE, "huber",
    ),
    LossCase(
        CensorLoss("sigmoid_cross_entropy"), (3,), _with_gaps(_logits_and(_yes_or_no)),
        _censored(_mean("binary_cross_entropy_with_logits")), TWO, "binary",
    ),
    LossCase(
        CenterLoss(classes=3), (5,), _features, _distance_to_centers,
        (np.array([0, 3]), "labels go up to 3 but there are 3 classes"),
    ),
]  # fmt: skip
