"""Dense layers for a table: sizes, scale and last layer as its columns ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from cortex_lab.ground import checks
from cortex_lab.nn.graph.description import Entry, Node
from cortex_lab.nn.graph.graph import Graph
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.dropout import Dropout
from cortex_lab.nn.layers.flatten import Flatten
from cortex_lab.nn.layers.merging import Concatenate
from cortex_lab.nn.layers.scaling import Normalization

MOST_CLASSES = 20
"""Labels that are numbers, and more different ones than these, are values to predict."""


class Tabular(Protocol):
    """As much of a Dataset as is asked for."""

    name: str
    target: Any
    labels: Any
    input_shape: Any
    train: Any

    def arrays(self) -> tuple[Any, Any]: ...

    def read_as(self, reading: str | Mapping[str, str], /) -> Any: ...

    def target_arrays(self) -> Any: ...


def mlp_for(
    dataset: Tabular, hidden: Sequence[int] = (64, 64), activation: str = "relu", dropout: float = 0.0
) -> Graph:
    """Dense layers of `hidden` units for what a Dataset holds: `cl.train(cl.models.mlp_for(ds), ds)`.

    Numbers that no preparation has scaled are, by the rows to train on. What is predicted says how it ends:

    | the target                                  | the last layer                                    |
    |---------------------------------------------|---------------------------------------------------|
    | two words, yes or no, or 0 and 1            | one raw output                                    |
    | labels; up to 20 different whole numbers    | a raw output for each                             |
    | several columns of 0 and 1                  | a raw output for each                             |
    | numbers, one column or several              | an output for each, in the unit of its column     |

    With these `train` chooses the loss. A target by output name has a head for each. `dropout` is the rate
    behind each hidden layer. ValueError without a target, and for inputs or targets that are no such rows.
    """
    units = [checks.whole("hidden", each, least=1) for each in checks.listed("hidden", hidden, "units")]
    checks.fraction("dropout", dropout)
    for name in ("input_shape", "target", "train"):
        if not hasattr(dataset, name):
            raise checks.refused("dataset", "a Dataset, cl.data.Dataset(frame, target=...)", dataset)
    if dataset.target is None:
        raise ValueError(f"{dataset.name!r} has no target, so how a network for it ends cannot be told")
    shapes = dataset.input_shape
    named = shapes if isinstance(shapes, Mapping) else {"input": shapes}
    layers = _beginning(dataset, named)
    for each in units:
        layers += [Dense(each, activation=activation), *([Dropout(dropout)] if dropout else [])]
    if not isinstance(dataset.target, Mapping):
        return Graph.build([*layers, *_head(dataset, None)], named)
    if units:
        layers[-1] = Node(layers[-1], "hidden")
    else:
        layers.append(Node(Flatten(), "hidden"))
    for name in dataset.target:
        dense, *scaled = _head(dataset, name)
        if scaled:
            layers += [Node(dense, f"{name}_raw", ("hidden",)), Node(scaled[0], name, (f"{name}_raw",))]
        else:
            layers.append(Node(dense, name, ("hidden",)))
    return Graph.build(layers, named, list(dataset.target))


def _beginning(dataset: Tabular, shapes: Mapping[str, tuple[int, ...]]) -> list[Entry]:
    """What brings each input into one row of numbers that a network learns well on, and those together."""
    prepared = getattr(dataset, "preparation", None)
    by_name = prepared if isinstance(prepared, Mapping) else dict.fromkeys(shapes, prepared)
    rows = dataset.train
    layers: list[Entry] = []
    for name, shape in shapes.items():
        count = getattr(getattr(by_name[name], "transformer", None), "count", None)
        if count is not None:
            raise ValueError(
                f"input {name!r} holds ids of words, which an MLP takes for sizes: begin a network with "
                f"cl.Embedding({count}, 32, mask_zero=True), then cl.GRU(32)"
            )
        if len(shape) != 1:
            own: Any = Flatten()
        elif by_name[name] is None:
            own = Normalization().adapt(rows if len(shapes) == 1 else rows.arrays()[0][name])
        else:
            own = None
        if len(shapes) == 1:
            return [] if own is None else [own]
        layers += [] if own is None else [Node(own, f"{name}_row", (name,))]
    ends = [name if all(getattr(each, "name", "") != f"{name}_row" for each in layers) else f"{name}_row"
            for name in shapes]  # fmt: skip
    return [*layers, Node(Concatenate(), "inputs_together", tuple(ends))]


def _head(dataset: Tabular, name: str | None) -> list[Any]:
    """The last layers for one target: for values, the way back into the unit of the column behind them."""
    labels = dataset.labels if name is None else dataset.labels[name]
    if labels is not None:
        numbers = is_numeric_dtype(labels.dtype) and not is_bool_dtype(labels.dtype)
        if not numbers or len(labels) <= MOST_CLASSES:
            yes_or_no = len(labels) == 2 and (not numbers or labels.tolist() == [0, 1])
            return [Dense(1 if yes_or_no else len(labels))]
    values = _values(dataset.train, name)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2:
        raise ValueError(
            f"the targets of {dataset.name!r} are rows of shape {values.shape[1:]}, and an MLP predicts "
            f"columns"
        )
    # -1 beside 0 and 1 is the other answer, or says that it is unknown: of that the loss decides.
    if np.isin(values, (-1, 0, 1)).all():
        return [Dense(values.shape[1])]
    return [Dense(values.shape[1]), Normalization(invert=True).adapt(values)]


def _values(rows: Tabular, name: str | None) -> np.ndarray:
    """The targets as numbers, where they may be read as labels, too."""
    if name is None:
        return np.asarray((rows.read_as("values") if rows.labels is not None else rows).target_arrays())
    values = {each for each, labels in rows.labels.items() if each == name or labels is None}
    readings = {each: "values" if each in values else "classes" for each in rows.target}
    return np.asarray(rows.read_as(readings).target_arrays()[name])
