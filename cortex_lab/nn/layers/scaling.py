"""Inputs brought to a scale that a network learns well on, as part of the network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from cortex_lab.compute import Ops
from cortex_lab.ground import checks
from cortex_lab.ground.pieces import Sliced
from cortex_lab.nn.contract.axes import check_axes, row_axes
from cortex_lab.nn.contract.initializers import Fan
from cortex_lab.nn.contract.layer import Buffer, Layer, Parameter, Shape, Slots

_ADAPTED = "layer = cl.Normalization().adapt(x) gives one that knows mean and variance, for the network"
PIECE = 1024
"""Rows of data that are looked at together."""
LARGEST = 2**20
"""Numbers of them, at most."""


@dataclass(frozen=True)
class Rescaling(Layer):
    """scale * x + offset. Bytes of an input come as they are, 0 to 255: `Rescaling(1 / 255)`."""

    scale: float
    offset: float = 0.0

    reads_raw = True
    in_place = True
    replays = True
    carries_activation = True

    def __post_init__(self) -> None:
        checks.number("scale", self.scale)
        checks.number("offset", self.offset)

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.scale_shift(at.x, self.scale, self.offset, out=at.y)

    def backward(self, ops: Ops, at: Slots) -> None:
        if at.dx is not None:
            ops.scale_shift(at.dy, self.scale, 0.0, out=at.dx)


@dataclass(frozen=True)
class Normalization(Layer):
    """(x - mean) / sqrt(variance), with those of data: `Normalization().adapt(x_train)` is a layer with them.

    `axis` names the axes of a row, counting the batch as 0, that have a mean and a variance for each place;
    None is one of each for all. What never changes in the data, with a variance of 0, is only moved. Bytes of
    an input come as they are, 0 to 255. With `invert`, x * sqrt(variance) + mean: the way back.

    `mean` and `variance`, a number or nested tuples of the shape of those axes, are settings: they do not
    learn, and travel with the description. `columns` are those that it was adapted to, if they had names:
    a training on others, or in another order, is refused.
    """

    axis: int | tuple[int, ...] | None = -1
    mean: Any = None
    variance: Any = None
    invert: bool = False

    answers: ClassVar[Mapping[str, str]] = {
        **Layer.answers,
        **dict.fromkeys(("fit", "partial_fit", "fit_transform"), _ADAPTED),
        "transform": "the network does it: cl.Network([cl.Normalization().adapt(x), ...], input_shape)",
        "inverse_transform": "end the network in cl.Normalization(invert=True).adapt(y)",
        **dict.fromkeys(("mean_", "center_"), "layer.mean, once it is adapted"),
        **dict.fromkeys(("var_", "scale_"), "layer.variance, once it is adapted"),
    }
    columns: ClassVar[tuple | None] = None
    reads_raw = True
    in_place = True
    replays = True
    carries_activation = True

    def __post_init__(self) -> None:
        if self.axis is not None:
            check_axes("axis", self.axis)
            object.__setattr__(self, "axis", tuple(self.axis) if isinstance(self.axis, list) else self.axis)
        checks.flag("invert", self.invert)
        if (self.mean is None) != (self.variance is None):
            raise ValueError("mean and variance go together: give both, or neither and adapt to data")
        if self.mean is not None:
            for name in ("mean", "variance"):
                wanted = "a number, or an array of finite numbers"
                values = checks.finite(name, getattr(self, name), wanted)
                if values.dtype == bool:
                    raise checks.refused(name, wanted, getattr(self, name))
                object.__setattr__(self, name, _nested(values))
            if np.min(self.variance) < 0:
                raise checks.refused("variance", "at least 0 everywhere", self.variance)

    def adapt(self, data: Any) -> Normalization:
        """This layer with the mean and variance of `data`: an array (rows, ...), a frame or a Dataset.

        Of a Dataset that is split, those of the rows to train on: what is tested on says nothing beforehand.
        Of a Dataset it is the inputs, or with `invert` the values to be predicted, which come last.
        ValueError for gaps, and for inputs that have names: adapt to one of them at a time.
        """
        data = checks.in_numpy(data)
        self._refuse_pair(data)
        given = self._of_dataset(getattr(data, "train", data)) if hasattr(data, "arrays") else data
        if isinstance(given, Mapping):
            first = next(iter(given), "x")
            one = f"data[{first!r}]"
            if hasattr(data, "reads"):
                one = f"data.train.frame[{data.target[first] if self.invert else data.reads[first]!r}]"
            raise ValueError(f"data has {', '.join(map(repr, given))}; adapt to one: adapt({one})")
        columns = self._columns_of(data)
        if isinstance(given, pd.DataFrame):
            given = _numbers_of(given)
        # Rows of a Dataset were looked at, and may be too many to be read at once.
        values = given if _are_rows(given) else checks.numbers("data", given, "rows of numbers")
        if len(values.shape) == 0 or math.prod(values.shape) == 0:
            raise checks.refused("data", "rows of numbers", data)
        shape = (len(values), 1) if len(values.shape) == 1 else values.shape
        kept = self._kept(shape[1:])
        along = (0, *(axis + 1 for axis in range(len(shape) - 1) if axis not in kept))
        count = math.prod(shape[axis] for axis in along)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = sum(piece.sum(along, keepdims=True) for piece in _pieces(values)) / count
            squares = sum(_squared(piece, mean).sum(along, keepdims=True) for piece in _pieces(values))
        if not np.isfinite(squares).all():
            raise ValueError("data has values that are missing or infinite; fill or drop them first")
        adapted = replace(self, mean=np.squeeze(mean, along), variance=np.squeeze(squares / count, along))
        object.__setattr__(adapted, "columns", columns if kept else None)
        return adapted

    def _refuse_pair(self, data: Any) -> None:
        """TypeError for inputs beside targets, that says which of both it is."""
        shapes = [getattr(part, "shape", None) for part in data] if isinstance(data, tuple) else []
        if len(shapes) != 2 or shapes[0] is None or shapes[0] == shapes[1]:
            return
        column = data[1] if isinstance(data[1], str) else None
        what = "y" if column is None else f"frame[{column!r}]"
        if not self.invert:
            what = "x" if column is None else f"frame.drop(columns={column!r})"
        raise checks.WrongArgument(
            f"data of a Normalization is rows of one kind, not inputs beside targets: adapt({what})"
        )

    def _columns_of(self, data: Any) -> tuple | None:
        """Names of the columns that are adapted to, where there are several."""
        names = data.columns if isinstance(data, pd.DataFrame) else getattr(data, "columns", None)
        if hasattr(data, "arrays") and self.invert:
            names = data.target
        several = isinstance(names, (list, pd.Index)) and len(names) > 1
        # Those that pandas counts are no names.
        return tuple(names) if several and not isinstance(names, pd.RangeIndex) else None

    def _of_dataset(self, rows: Any) -> Any:
        if not self.invert or getattr(rows, "target", None) is None:
            return rows.input_rows()
        # Whole numbers are labels to a Dataset until a loss says otherwise.
        named = isinstance(rows.target, Mapping)
        return dict.fromkeys(rows.target) if named else rows.read_as("values").target_arrays()

    def out_shape(self, *shapes: Shape) -> Shape:
        if self.mean is None:
            raise ValueError(
                "Normalization has no mean and variance yet: Normalization().adapt(x_train) is one that has"
            )
        wanted = tuple(shapes[0][axis] for axis in self._kept(shapes[0]))
        for name in ("mean", "variance"):
            found = np.shape(getattr(self, name))
            if found not in ((), wanted):
                raise ValueError(
                    f"Normalization wants a {name} of shape {wanted} for rows {shapes[0]}, got {found}; "
                    "adapt it to such rows"
                )
        return shapes[0]

    def state(self, *shapes: Shape) -> dict[str, Parameter]:
        center, spread = np.asarray(self.mean, float), np.asarray(self.variance, float)
        spread = np.where(spread == 0, 1, spread)
        if self.invert:
            center, spread = -center / np.sqrt(spread), 1 / spread
        found = {"center": center, "spread": spread}
        return {name: self._at_places(values, shapes[0]) for name, values in found.items()}

    def scratch(self, *shapes: Shape) -> dict[str, Buffer]:
        return {"nothing": Buffer(self.state(*shapes)["center"].shape, per_row=False)}

    def forward(self, ops: Ops, at: Slots) -> None:
        _divide(ops, at.x, at.center, at.spread, at.y)

    def backward(self, ops: Ops, at: Slots) -> None:
        if at.dx is not None:
            ops.copy(0.0, out=at.nothing)
            _divide(ops, at.dy, at.nothing, at.spread, at.dx)

    def _kept(self, shape: Shape) -> tuple[int, ...]:
        """The axes of a row along which means differ."""
        return () if self.axis is None else row_axes("axis", self.axis, shape)

    def _at_places(self, values: np.ndarray, shape: Shape) -> Parameter:
        """`values` of the axes that are kept, repeated along all others from the first of them on."""
        kept = self._kept(shape)
        first = min(kept, default=len(shape) - 1)
        lengths = [n if axis in kept else 1 for axis, n in enumerate(shape)][first:]
        values = np.broadcast_to(values.reshape(lengths) if values.ndim else values, shape[first:])
        return Parameter(shape[first:], _Values(values))


@dataclass(frozen=True, eq=False)
class _Values:
    """An array as it is."""

    values: np.ndarray

    def draw(self, shape: Shape, fan: Fan, random: np.random.Generator) -> np.ndarray:
        return self.values


def _divide(ops: Ops, x: np.ndarray, center: np.ndarray, spread: np.ndarray, out: np.ndarray) -> None:
    rows = (-1, center.size)
    center, spread = center.reshape(-1), spread.reshape(-1)
    ops.normalize_columns(x.reshape(rows), None, None, center, spread, out.reshape(rows), 0.0)


def _numbers_of(frame: pd.DataFrame) -> np.ndarray:
    """The columns of a frame side by side; ValueError that names those of words."""
    words = [name for name, dtype in frame.dtypes.items() if getattr(dtype, "kind", "O") not in "biuf"]
    if words:
        named = ", ".join(map(repr, words[:5]))
        raise ValueError(
            f"data has columns that are no numbers, {named}; adapt to the Dataset that reads them, "
            "adapt(cl.data.Dataset(frame, target=...)), or leave them out"
        )
    return frame.to_numpy(np.float64, na_value=np.nan)


def _squared(piece: np.ndarray, mean: np.ndarray) -> np.ndarray:
    np.subtract(piece, mean, out=piece)
    return np.square(piece, out=piece)


def _are_rows(given: object) -> bool:
    return not hasattr(given, "__array__") and hasattr(given, "shape")


def _pieces(values: Sliced) -> Iterator[np.ndarray]:
    rows, *shape = values.shape
    # Of wide rows fewer, so that a piece is no more than some megabytes.
    step = max(1, min(PIECE, LARGEST // max(1, math.prod(shape))))
    for start in range(0, rows, step):
        piece = values[start : start + step].astype(np.float64)
        yield piece[:, None] if piece.ndim == 1 else piece


def _nested(values: np.ndarray) -> Any:
    """Numbers in tuples, so that a description stays hashable and comes back from JSON as it was."""
    return tuple(map(_nested, values)) if values.ndim else float(values)
