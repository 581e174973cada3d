"""The share of targets that outputs are right about, where there is one answer to what that is."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.layer import Shape, Slots

MOST = 2**22
"""How many targets are looked at, at most."""


def has_accuracy(loss: Any, shape: Shape) -> bool:
    """Whether outputs of row `shape` are right or wrong about each of their targets.

    So they are about classes, as ids or as one column for each, and where a place has one yes or no alone. Of
    several it cannot be told whether each counts, or all of them together.
    """
    if loss.of_classes:
        return True
    alone = loss.predicts == "yes or no" and shape[-1:] == (1,)
    return (alone or loss.predicts == "classes") and loss.target_shape(shape) == shape


def note_hits(loss: Any, ops: Ops, at: Slots) -> None:
    """Have a kernel leave in `at.found`, if there is one, how many targets but class ids are right."""
    found = getattr(at, "found", None)
    if found is not None and not loss.of_classes and has_accuracy(loss, at.y.shape[1:]):
        ops.note_hits(at.y, at.target, over(loss), found)


def hits_of(loss: Any, ops: Ops, at: Slots) -> int:
    """How many targets but class ids are right, as the loss noted it or else counted now."""
    found = at.found
    if found is None or found[1] != found[1]:
        found = ops.zeros((2,), "float64")
        ops.note_hits(at.y, at.target, over(loss), found)
    return int(found[1])


def holds_shares(targets: Any) -> bool:
    """Whether targets of yes or no, the first of them, are others than 0, 1 and what is unknown: shares."""
    some = np.asarray(targets[: max(1, MOST // max(1, int(np.prod(np.shape(targets)[1:]))))])
    return some.dtype.kind == "f" and not bool(((some == 0) | (some == 1) | np.isnan(some)).all())


def over(loss: Any) -> float | None:
    """What an output has to be over to say yes; None where the highest says which class."""
    if loss.predicts == "classes":
        return None
    return 0.0 if loss.link == "sigmoid" else 0.5
