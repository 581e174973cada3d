"""The second phase of a training step: the pictures of the batch, changed a little."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from typing import Any

import numpy as np

from cortex_lab.ground.described import is_built_in
from cortex_lab.nn.run.executor import Bound
from cortex_lab.nn.run.network import Network

_AT_FIRST = (
    "horizontal_flip", "vertical_flip", "rotation_range", "shift_range", "zoom_range", "shear_range",
    "brightness_range", "contrast_range", "fill_mode",
)  # fmt: skip


class Augmenter:
    """Augmentations by input name; what is drawn is a function of (seed, epoch, row) alone.

    `given` is a `cortex_lab.data.Augmentation` for all inputs that are pictures, a dict of them by input
    name, or None. Targets stay as they are. KeyError for an unknown input, ValueError for one that is no
    picture.
    """

    def __init__(self, network: Network, given: Any) -> None:
        self._inputs = shapes = network.graph.inputs
        pictures = [name for name, shape in shapes.items() if len(shape) == 3]
        self.by_input: dict[str, Any] = {}
        self._given: dict[tuple[str, int], Any] = {}
        self._ops = network.ops
        if isinstance(given, Mapping):
            self.by_input |= given
        elif given is not None:
            self.by_input |= dict.fromkeys(pictures, given)
            if not pictures:
                raise ValueError(f"augment wants pictures (height, width, channels); the inputs are {shapes}")
        for name, each in self.by_input.items():
            if name not in shapes:
                raise KeyError(f"there is no input {name!r} to augment, only {', '.join(shapes)}")
            if name not in pictures:
                raise ValueError(f"augment wants pictures; rows of the input {name!r} are {shapes[name]}")
            if not hasattr(each, "matrices"):
                raise TypeError(
                    f"augment is an Augmentation such as Augmentation(shift_range=0.1), got {each!r}"
                )

    def __bool__(self) -> bool:
        return bool(self.by_input)

    def places(self, bound: Bound) -> dict[str, Any]:
        """Where the inputs of a batch are put, by name: into their buffers, or aside to be changed."""
        own, buffers = self.by_input, bound.buffers
        return {name: self._given_to(name, bound) if name in own else buffers[name] for name in self._inputs}

    def show(self, bound: Bound) -> None:
        """Have the buffers hold what was put aside, for those who look before it is changed."""
        for name in self.by_input:
            self._ops.copy(self._given_to(name, bound), out=bound.buffers[name])

    def _given_to(self, name: str, bound: Bound) -> Any:
        if (name, bound.rows) not in self._given:
            buffer = bound.buffers[name]
            self._given[name, bound.rows] = self._ops.zeros(buffer.shape, buffer.dtype)
        return self._given[name, bound.rows]

    def apply(self, rows: np.ndarray, bound: Bound, seed: int, epoch: int) -> None:
        """Put what was put aside for a batch of these `rows` into its buffers, changed."""
        for name in self.by_input:
            self._change(name, self._given_to(name, bound), bound.buffers[name], rows, (seed, epoch))

    def changed(self, name: str, pictures: np.ndarray, rows: np.ndarray, seed: int, epoch: int) -> np.ndarray:
        """Pictures of these `rows`, as the network sees them, as they are in this epoch."""
        ops = self._ops
        given = ops.asarray(pictures, ops.dtype)
        out = ops.zeros(given.shape, given.dtype)
        self._change(name, given, out, rows, (seed, epoch))
        return ops.to_numpy(out)

    def _change(self, name: str, x: Any, out: Any, rows: np.ndarray, drawn: tuple[int, int]) -> None:
        ops, each = self._ops, self.by_input[name]
        means = np.zeros(len(rows))
        if each.contrast_range:
            means = ops.to_numpy(x.mean(axis=(1, 2, 3)))
        matrices = ops.asarray(each.matrices(rows, *drawn, *x.shape[1:3]), "float64")
        tones = ops.asarray(each.tones(rows, *drawn, means), "float64")
        ops.warp_affine(x, matrices, tones, each.fill_mode == "nearest", out)
        if getattr(each, "finishes", False):
            pictures = ops.to_numpy(out)
            each.finish(pictures, np.asarray(rows), *drawn)
            if pictures is not out:
                ops.copy(ops.asarray(pictures, out.dtype), out=out)

    def to_dict(self) -> dict[str, Any]:
        """The augmentations as JSON-able data."""
        return {name: _described(each) for name, each in self.by_input.items()}


def _described(augmentation: Any) -> dict[str, Any]:
    kind = type(augmentation)
    own = {} if is_built_in(kind) else {"kind": f"{kind.__module__}:{kind.__qualname__}"}
    defaults = {field.name: field.default for field in fields(augmentation)}
    settings = {
        name: f"function {getattr(value, '__qualname__', type(value))}" if callable(value) else value
        for name, value in asdict(augmentation).items()
        # What came later is told where it is used alone: files that were written before do not know of it.
        if name in _AT_FIRST or value != defaults.get(name, MISSING)
    }
    return own | settings
