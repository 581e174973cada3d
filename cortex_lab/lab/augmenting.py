"""What `dataset.augmented(row, epoch)` does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cortex_lab.compute import get_ops
from cortex_lab.data import Dataset
from cortex_lab.nn.run.pictures import as_picture
from cortex_lab.nn.train.augment import changed


def augmented(dataset: Dataset, row: int, epoch: int, seed: int) -> Any:
    """The inputs of a row that are changed, as a training with this seed is given them in an epoch."""
    given, shapes = dataset.augmentation, dataset.input_shape
    shapes = shapes if isinstance(shapes, dict) else {"inputs": shapes}
    by_input = given if isinstance(given, Mapping) else _suited(given, shapes)
    if len(by_input) == len(shapes) == 1:
        # A network may call it by another name.
        by_input = dict(zip(shapes, by_input.values(), strict=True))
    trained_on = dataset.train.rows if "train" in dataset.splits else dataset.rows
    ops = get_ops("reference" if dataset.dtype == np.float64 else "cpu")
    found = {}
    for name, each in by_input.items():
        if name not in shapes:
            raise KeyError(f"there is no input {name!r} to augment, only {', '.join(shapes)}")
        why = each.wrong_for(shapes[name])
        if why is not None:
            raise ValueError(f"augmentation of the input {name!r}: {why}; leave it out")

        def seen(rows: np.ndarray, name: str = name, each: object = each) -> np.ndarray:
            values = dataset._inputs[name].take(rows)
            values = as_picture(values) if len(shapes[name]) in (2, 3) else values
            return changed(ops, each, values, rows, seed, epoch)

        values = seen(np.array([row]))
        if each.mixes:
            mixture = each.mixture(np.array([row]), seed, epoch, trained_on, shapes[name])
            mixture.of_inputs(values, seen(mixture.others))
        found[name] = values[0]
    return found if len(found) > 1 else next(iter(found.values()))


def _suited(given: Any, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """The inputs that one augmentation is for: pictures, if it can be done to them, before all others."""
    why = {name: given.wrong_for(shape) for name, shape in shapes.items()}
    fitting = [name for name in shapes if why[name] is None]
    found = [name for name in fitting if len(shapes[name]) == 3] or fitting
    if not found:
        reasons = "; ".join(f"{name!r}: {each}" for name, each in why.items())
        raise ValueError(f"the augmentation can be done to none of the inputs: {reasons}")
    return dict.fromkeys(found, given)
