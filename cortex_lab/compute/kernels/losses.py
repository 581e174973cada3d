"""Losses row by row, with the gradient of their weighted sum.

Each fills rows[i] with the loss of row i and, unless `gradient` is None, `gradient` with the derivative of
sum(weights * rows) with respect to the outputs.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from cortex_lab.compute.kernel import Array, kernel
from cortex_lab.compute.kernels.signs import sign

EPSILON = 1e-7
"""How near to 0 and 1 a probability is taken to come, as in Keras."""


@kernel
def softmax_cross_entropy(
    xp: ModuleType, logits: Array, classes: Array, weights: Array, rows: Array, gradient: Array | None,
    found: Array | None = None,
) -> tuple[Any, Any] | None:  # fmt: skip
    """Per-row loss and the gradient of the weighted sum, from logits (n, classes) and class ids (n,).

    rows[i] = -log softmax(logits[i])[classes[i]]; gradient[i] = weights[i] * (softmax(logits[i]) - one hot).
    A negative class id is an unknown label: its row has loss 0 and gradient 0. `gradient` may be None.
    Returns the weighted sum of the losses, and how many classes are where their row is highest; or leaves
    them in `found` (2,) float64 instead: who is not to stop for a class that does not exist leaves -1 there.
    """
    known = classes >= 0
    chosen = xp.where(known, classes, 0)[:, None]
    # Less the largest: no exp overflows, and the sum of them is 1 at least.
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponentials = xp.exp(shifted)
    total = exponentials.sum(axis=1, keepdims=True)
    picked = xp.take_along_axis(shifted, chosen, axis=1)
    rows[...] = xp.where(known, (xp.log(total) - picked)[:, 0], 0)
    if gradient is not None:
        gradient[...] = exponentials / total
        one_hot = xp.arange(logits.shape[1])[None, :] == chosen
        gradient -= one_hot
        gradient *= xp.where(known, weights, 0)[:, None]
    said = weights @ rows, xp.count_nonzero(logits.argmax(axis=1) == classes)
    if found is None:
        return said
    found[0], found[1] = said
    return None


@kernel
def cross_entropy(
    xp: ModuleType, scores: Array, target: Array, weights: Array, rows: Array, gradient: Array | None,
    smoothing: float, from_logits: bool,
) -> None:  # fmt: skip
    """-sum of q * log p over the last axis, averaged over a row's positions whose label is known.

    `scores` (n, ..., classes) are logits, or probabilities p. `target` is class ids (n, ...), negative where
    unknown, or a distribution like `scores`; q is it with `smoothing` of its weight spread over all classes.
    A score that can be no probability makes its row NaN.
    """
    count = scores.shape[-1]
    if target.ndim == scores.ndim:
        known = xp.ones(target.shape[:-1], bool)
        q = target
    else:
        known = target >= 0
        q = (xp.arange(count) == target[..., None]).astype(scores.dtype)
    q = q * (1 - smoothing) + smoothing / count
    if from_logits:
        shifted = scores - scores.max(axis=-1, keepdims=True)
        log_p = shifted - xp.log(xp.exp(shifted).sum(axis=-1, keepdims=True))
    else:
        p = _probability(xp, scores)
        log_p = xp.log(p)
    # A class that cannot be, with a score of minus infinity, costs nothing where nobody wants it.
    unwanted = (q == 0) & (log_p == -xp.inf)
    losses = xp.where(known, -(q * xp.where(unwanted, 0, log_p)).sum(axis=-1), 0)
    positions = _per_row(xp, known).astype(scores.dtype)
    rows[...] = losses.reshape(len(scores), -1).sum(axis=1) / positions
    if gradient is not None:
        slope = xp.exp(log_p) * q.sum(axis=-1, keepdims=True) - q if from_logits else -q / p
        share = (weights / positions).reshape(-1, *[1] * (scores.ndim - 1))
        gradient[...] = xp.where(known[..., None], slope * share, 0)


@kernel
def squared_error(
    xp: ModuleType, y: Array, target: Array, weights: Array, rows: Array, gradient: Array | None
) -> None:
    """rows[i] = mean of (y[i] - target[i])**2; gradient of sum(weights * rows) with respect to y, or None."""
    difference = (y - target).reshape(len(y), -1)
    rows[...] = xp.mean(difference * difference, axis=1)
    if gradient is not None:
        scale = weights * (2 / difference.shape[1])
        gradient[...] = (difference * scale[:, None]).reshape(y.shape)


@kernel
def elementwise_loss(
    xp: ModuleType, name: str, y: Array, target: Array, weights: Array, rows: Array, gradient: Array | None,
    parameter: float,
) -> None:  # fmt: skip
    """The loss called `name` of each element, averaged over a row's elements whose target is not NaN.

    "squared", "absolute", "huber" (`parameter` is delta), "binary" (y is a probability; `parameter` is the
    label smoothing) or "sigmoid_binary" (y is a logit). A row that knows no target has loss 0.
    """
    y_flat, t = y.reshape(len(y), -1), target.reshape(len(y), -1)
    known = ~xp.isnan(t)
    values, slopes = _elementwise(xp, name, y_flat, xp.where(known, t, 0), parameter)
    counts = _per_row(xp, known).astype(y.dtype)
    rows[...] = xp.where(known, values, 0).sum(axis=1) / counts
    if gradient is not None:
        share = (weights / counts)[:, None]
        gradient[...] = xp.where(known, slopes * share, 0).reshape(y.shape)


@kernel
def center_loss(
    xp: ModuleType, features: Array, classes: Array, centers: Array, weights: Array, rows: Array,
    gradient: Array | None,
) -> None:  # fmt: skip
    """rows[i] = half the squared distance of features[i] from the center of its class; 0 if that is negative.

    `classes` (n,) may be floats, `centers` is (classes, features).
    """
    known = classes >= 0
    distance = features - centers[xp.where(known, classes, 0).astype(xp.int64)]
    distance *= known[:, None]
    rows[...] = 0.5 * (distance * distance).sum(axis=1)
    if gradient is not None:
        gradient[...] = distance * weights[:, None]


@kernel
def move_centers(xp: ModuleType, features: Array, classes: Array, centers: Array, rate: float) -> None:
    """Each center moves toward the rows of its class: by rate * sum of differences / (1 + their number)."""
    members = (xp.arange(len(centers))[:, None] == classes[None, :]).astype(features.dtype)
    counts = members.sum(axis=1, keepdims=True)
    centers += rate * (members @ features - counts * centers) / (1 + counts)


def _elementwise(xp: ModuleType, name: str, y: Array, t: Array, parameter: float) -> tuple[Any, Any]:
    """Loss and its derivative with respect to y, element by element."""
    error = y - t
    if name == "squared":
        return error * error, 2 * error
    if name == "absolute":
        return xp.abs(error), sign(xp, error)
    if name == "huber":
        bounded = xp.clip(error, -parameter, parameter)
        return bounded * (error - 0.5 * bounded), bounded
    t = t * (1 - parameter) + 0.5 * parameter
    if name == "binary":
        p = _probability(xp, y, 1 - EPSILON)
        return -(t * xp.log(p) + (1 - t) * xp.log1p(-p)), (p - t) / (p * (1 - p))
    if name == "sigmoid_binary":
        surplus = xp.maximum(y, 0) - y * t + xp.log1p(xp.exp(-xp.abs(y)))
        return surplus, 0.5 * xp.tanh(0.5 * y) + 0.5 - t
    raise ValueError(f"there is no elementwise loss {name!r}")


def _probability(xp: ModuleType, y: Array, highest: float = 1.0) -> Any:
    # What lies outside is not clipped but NaN: a loss of raw outputs as if they were probabilities must show.
    return xp.where((y >= 0) & (y <= 1), xp.clip(y, EPSILON, highest), xp.nan).astype(y.dtype)


def _per_row(xp: ModuleType, known: Array) -> Any:
    """Known entries of each row, at least 1: what a mean over them divides by."""
    return xp.maximum(known.reshape(len(known), -1).sum(axis=1), 1)
