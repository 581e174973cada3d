"""What a training was set up with and on, in a form that a file holds and that can be compared."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from cortex_lab.nn.contract.batches import full_batch_size
from cortex_lab.nn.train.freezing import Frozen
from cortex_lab.nn.train.training import Training


def identity(training: Training) -> dict[str, Any]:
    """What has to be the same for the steps to go on as they would have."""
    return {
        "draw_seed": training.seed,
        "shards": training.shards,
        "batch_size": full_batch_size(training.batches),
        "losses": {name: loss.to_dict() for name, loss in training.losses.items()},
        "loss_weights": training.objective.weights,
        "penalties": (training.penalties.to_dict() if training.penalties else None) or None,
        "augment": training.augmenter.to_dict() or None,
    }


def content(training: Training, batches: Any, step: int, like: Any = None) -> dict[str, Any]:
    """The rows and their weights, as numbers that are others when those are; `like` those of a file."""
    if hasattr(batches, "identity"):
        data = batches.identity()
        if isinstance(like, Mapping) and ("some_rows" in like) != ("some_rows" in data):
            # A copy of a large file, in memory.
            data = batches.identity(like=like)
    else:
        # Of batches of one's own, the next has to be the same.
        batch = batches.fetch(step)
        data = {"checksum": _checksum([batch.inputs, batch.targets])}
    return {
        "training_data": data,
        "weights_of_rows": None if _all_count_once(training) else _checksum([training.row_weights]),
        "validation_rows": _checksum(list(training.validation or ()), np.float32),
    }


def _all_count_once(training: Training) -> bool:
    return training.row_weights is None or bool((training.row_weights == 1).all())


def as_once_written(training: Training, name: str) -> Any:
    """What an earlier version wrote of the same rows, where that is something else."""
    if name == "training_data" and hasattr(training.batches, "identity"):
        # It read real numbers as float32 on every backend.
        return training.batches.identity(np.float32, like={})
    if name == "weights_of_rows":
        return _checksum([training.row_weights])
    return _checksum(list(training.validation or ())) if name == "validation_rows" else None


def freezes_as(training: Training, *given: list[str]) -> bool:
    """Whether the same nodes rest as by patterns of a file."""
    return any(Frozen(training.network, patterns).nodes == training.frozen.nodes for patterns in given)


def _checksum(values: Any, reals: DTypeLike | None = None, so_far: int = 0) -> int | None:
    """A number that is another whenever these arrays, or lists or dicts of them, are; None of nothing.

    With `reals`, real numbers are compared as those are.
    """
    if isinstance(values, Mapping):
        values = [part for _, part in sorted(values.items())]
    if isinstance(values, (list, tuple)):
        values = [part for part in values if part is not None]
        for part in values:
            so_far = _checksum(part, reals, so_far) or 0
        return so_far if values else None
    array = np.ascontiguousarray(values)
    if reals is not None and array.dtype.kind == "f":
        array = array.astype(reals, copy=False)
    return zlib.crc32(array, zlib.crc32(f"{array.dtype.str} {array.shape}".encode(), so_far))


def with_later(theirs: Any, ours: Any) -> Any:
    """A description in a file, with the defaults of settings of `ours` that came after it was written."""
    if not isinstance(theirs, Mapping) or not is_dataclass(ours):
        return theirs
    settings = {each.name: each.default for each in fields(ours) if each.compare and each.name not in theirs}
    with suppress(AttributeError, TypeError, ValueError):
        return theirs | plain({name: each for name, each in settings.items() if each is not MISSING})
    return theirs


def described(optimizer: Any) -> dict[str, Any]:
    """An optimizer as JSON-able data; a learning rate that no file can hold by its name."""
    if isinstance(optimizer, Mapping):
        return dict(optimizer)
    try:
        return plain(optimizer.to_dict())
    except ValueError:
        rate = optimizer.learning_rate
        config = {field.name: getattr(optimizer, field.name) for field in fields(optimizer)}
        named = f"function {getattr(rate, '__qualname__', type(rate).__qualname__)}"
        return plain({"kind": type(optimizer).__name__, **config, "learning_rate": named})


def plain(value: Any) -> Any:
    """As JSON gives it back."""
    return json.loads(json.dumps(value, default=lambda number: number.item()))
