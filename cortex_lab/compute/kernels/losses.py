"""Softmax with cross-entropy in one pass, from logits."""

from __future__ import annotations

from typing import Any

from cortex_lab.compute.kernel import kernel


@kernel
def softmax_cross_entropy(xp: Any, logits: Any, classes: Any, weights: Any, rows: Any, gradient: Any) -> None:
    """Per-row loss and the gradient of the weighted sum, from logits (n, classes) and class ids (n,).

    rows[i] = -log softmax(logits[i])[classes[i]]; gradient[i] = weights[i] * (softmax(logits[i]) - one hot). A
    negative class id is an unknown label: its row has loss 0 and gradient 0. `gradient` may be None.
    """
    known = classes >= 0
    chosen = xp.where(known, classes, 0)[:, None]
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


@kernel
def squared_error(xp: Any, y: Any, target: Any, weights: Any, rows: Any, gradient: Any) -> None:
    """rows[i] = mean of (y[i] - target[i])**2; gradient of sum(weights * rows) with respect to y, or None."""
    difference = (y - target).reshape(len(y), -1)
    rows[...] = xp.mean(difference * difference, axis=1)
    if gradient is not None:
        scale = weights * (2 / difference.shape[1])
        gradient[...] = (difference * scale[:, None]).reshape(y.shape)
