"""What a loss is: a frozen description that scores outputs against targets, row by row."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from cortex_lab.nn.layer import Shape, Slots, snake_case

LOSSES: dict[str, type[Loss]] = {}


class Loss:
    """Base of all losses: subclasses are frozen dataclasses.

    The total is the weighted mean of the rows' losses; a row's weight is 1 unless the batch brings others. A new
    loss is one file and a row in the case table; defining it registers it under its name in snake case.
    """

    of_classes: ClassVar[bool] = False
    """Whether targets are class ids (rows,), so that accuracy has a meaning."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if not cls.__name__.startswith("_"):
            LOSSES[snake_case(cls.__name__)] = cls

    def check_output(self, name: str, shape: Shape, activation: str | None) -> None:
        """ValueError if the output `name` of row shape `shape`, made by `activation`, cannot have this loss."""

    def target_shape(self, shape: Shape) -> Shape:
        """Row shape of the targets for outputs of row shape `shape`."""
        return () if self.of_classes else shape

    def check_targets(self, targets: np.ndarray, shape: Shape) -> np.ndarray:
        """`targets` in the form `evaluate` takes; ValueError naming the first rows that do not fit."""
        wanted = self.target_shape(shape)
        if self.of_classes:
            return _class_ids(targets, shape)
        targets = np.asarray(targets, dtype=np.float64)
        if targets.ndim == 1 and wanted == (1,):
            targets = targets[:, None]
        if targets.shape[1:] != wanted:
            raise ValueError(
                f"{type(self).__name__} wants targets of row shape {wanted}, got {targets.shape[1:]}"
            )
        bad = np.flatnonzero(~np.isfinite(targets).reshape(len(targets), -1).all(axis=1))
        if len(bad):
            raise ValueError(
                f"targets are missing or infinite in {len(bad)} rows, the first {bad[:5].tolist()}"
            )
        return targets

    def evaluate(self, ops: Any, at: Slots) -> None:
        """From `at.y`, `at.target` and `at.weights` (rows,) fill `at.rows` (rows,) with each row's loss.

        Where `at.dy` is not None, also fill it with the gradient of sum(weights * rows) with respect to y.
        """
        raise TypeError(f"{type(self).__name__} must define evaluate(ops, at)")


def resolve_loss(loss: Any) -> Loss:
    """The loss called so, or the object itself if it is one."""
    if isinstance(loss, Loss):
        return loss
    if not isinstance(loss, str) or loss not in LOSSES:
        raise ValueError(f"there is no loss {loss!r}; there are {', '.join(sorted(LOSSES))}")
    return LOSSES[loss]()


def _class_ids(targets: np.ndarray, shape: Shape) -> np.ndarray:
    targets = np.asarray(targets)
    if targets.ndim == 2 and targets.shape[1] == shape[-1] and targets.shape[1] > 1:
        raise ValueError(
            "this loss wants class ids (rows,), got one column per class; pass targets.argmax(axis=1)"
        )
    if targets.dtype.kind == "f" and np.all(targets == np.floor(targets)):
        targets = targets.astype(np.int64)
    if targets.dtype.kind not in "iu" or targets.ndim != 1:
        raise ValueError(f"this loss wants class ids (rows,), got {targets.dtype} of shape {targets.shape}")
    bad = np.flatnonzero(targets >= shape[-1])
    if len(bad):
        raise ValueError(
            f"labels go up to {int(targets.max())} but the output has {shape[-1]} classes (0 to {shape[-1] - 1}); "
            f"first such rows {bad[:5].tolist()}. Give the last layer more units"
        )
    return targets.astype(np.int64)
