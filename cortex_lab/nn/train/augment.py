"""The second phase of a training step: the rows of the batch, changed a little."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from typing import Any

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.ground import checks
from cortex_lab.ground.described import is_built_in
from cortex_lab.nn.run.executor import Bound
from cortex_lab.nn.run.network import Network
from cortex_lab.nn.run.pictures import reads_raw

_AT_FIRST = (
    "horizontal_flip", "vertical_flip", "rotation_range", "shift_range", "zoom_range", "shear_range",
    "brightness_range", "contrast_range", "fill_mode",
)  # fmt: skip


class Augmenter:
    """Augmentations by input name; what is drawn is a function of (seed, epoch, row) alone.

    `given` is a `cortex_lab.data.Augmentation` of all inputs that it can be done to, of the pictures if there
    are some, a dict of them by input name, or None. KeyError for an unknown input, ValueError that names the
    setting and the input for rows of which one cannot be changed so.
    """

    def __init__(self, network: Network, given: object) -> None:
        self._inputs = shapes = network.graph.inputs
        self.by_input: dict[str, Any] = {}
        self._given: dict[tuple[str, int], Any] = {}
        self._ops = network.ops
        if isinstance(given, Mapping):
            self.by_input |= given
        elif given is not None:
            self.by_input |= dict.fromkeys(_suited(network, given), given)
        for name, each in self.by_input.items():
            if name not in shapes:
                raise KeyError(f"there is no input {name!r} to augment, only {', '.join(shapes)}")
            why = _checked(each).wrong_for(shapes[name])
            if why is not None:
                raise ValueError(f"augment of the input {name!r}: {why}; leave it out")
            if reads_raw(network.graph, name):
                raise ValueError(
                    f"augment of the input {name!r}: its numbers are ids, which a layer looks up, and there "
                    "is nothing between them; leave it out"
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
        for name, each in self.by_input.items():
            change(self._ops, each, self._given_to(name, bound), bound.buffers[name], rows, seed, epoch)

    def changed(self, name: str, values: np.ndarray, rows: np.ndarray, seed: int, epoch: int) -> np.ndarray:
        """Values of these `rows`, as the network sees them, as they are in this epoch, not yet mixed."""
        return changed(self._ops, self.by_input[name], values, rows, seed, epoch)

    def to_dict(self) -> dict[str, Any]:
        """The augmentations as JSON-able data."""
        return {name: _described(each) for name, each in self.by_input.items()}


def changed(
    ops: Ops, each: object, values: np.ndarray, rows: np.ndarray, seed: int, epoch: int
) -> np.ndarray:
    """A new array of values (n, ...) of these `rows` as an augmentation makes them in this epoch."""
    given = ops.asarray(values, ops.dtype)
    out = ops.zeros(given.shape, given.dtype)
    change(ops, each, given, out, rows, seed, epoch)
    return ops.to_numpy(out)


def change(ops: Ops, each: Any, x: Any, out: Any, rows: np.ndarray, seed: int, epoch: int) -> None:
    """Put values of these `rows` into `out`, changed."""
    moves, asarray = None, ops.asarray
    if x.ndim == 4:
        means = np.zeros(len(rows))
        if each.contrast_range:
            means = ops.to_numpy(x.reshape(len(rows), -1).mean(axis=1))
        moves = each.moves(rows, seed, epoch, x.shape[1:], means)
    if moves is None:
        ops.copy(x, out=out)
    else:
        matrices, tones = asarray(moves.matrices, "float64"), asarray(moves.tones, "float64")
        colors = None if moves.colors is None else asarray(moves.colors, "float64")
        boxes = None if moves.boxes is None else asarray(moves.boxes, "int64")
        ops.warp_affine(x, matrices, tones, each.fill_mode == "nearest", out, colors, boxes)
    if each.finishes:
        values = ops.to_numpy(out)
        each.finish(values, np.asarray(rows), seed, epoch)
        if values is not out:
            ops.copy(asarray(values, out.dtype), out=out)


def _suited(network: Network, given: object) -> list[str]:
    """The inputs that one augmentation is for: pictures, if it can be done to them, before all others."""
    shapes = network.graph.inputs
    why = {name: _checked(given).wrong_for(shape) for name, shape in shapes.items()}
    fitting = [name for name in shapes if why[name] is None and not reads_raw(network.graph, name)]
    found = [name for name in fitting if len(shapes[name]) == 3] or fitting
    if not found:
        reasons = "; ".join(f"{name!r}: {each or 'ids'}" for name, each in why.items())
        raise ValueError(f"augment can be done to none of the inputs: {reasons}")
    return found


def _checked(given: object) -> Any:
    if not hasattr(given, "wrong_for") or isinstance(given, type):
        such = "an Augmentation such as Augmentation(shift_range=0.1)"
        raise checks.refused("augment", such, given)
    return given


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
