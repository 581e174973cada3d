"""What views ask of a session beyond stepping: its network, its dataset, and rows of it."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from cortex_lab.data import Dataset
from cortex_lab.study import Session
from cortex_lab.widgets.chart.view import NothingToShow


def network_of(session: Session) -> Any:
    """The network that the session trains; NothingToShow if it trains none."""
    network = getattr(session, "network", None)
    if network is None:
        raise NothingToShow("This session trains no network.\nMake one with cl.train(network, dataset, ...).")
    return network


def dataset_of(session: Session) -> Any:
    """The dataset of the session; NothingToShow if it has none, or one of several inputs or targets."""
    dataset = getattr(session, "dataset", None)
    if dataset is None:
        raise NothingToShow(
            "This session has no dataset, so there are no rows to show.\n"
            "Pass a Dataset to cl.train(network, dataset, ...)."
        )
    if any(isinstance(getattr(dataset, role, None), dict) for role in ("inputs", "target")):
        raise NothingToShow(
            "This dataset has inputs or targets by name, and views of rows show one of each.\n"
            "session.frame and network.activations(inputs) have the numbers."
        )
    return dataset


def has_dataset(session: Session) -> bool:
    try:
        return dataset_of(session) is not None
    except NothingToShow:
        return False


def has_rows_to_browse(session: Session) -> bool:
    """Whether it has a Dataset, whose rows can be looked at by themselves."""
    return isinstance(getattr(session, "dataset", None), Dataset)


def held_out(dataset: Dataset) -> Any:
    """The test rows, else the validation rows, else all there are."""
    for part in ("test", "validation", "train"):
        found = getattr(dataset, part, None)
        if found is not None:
            return found
    return dataset


def checked_row(dataset: Dataset, row: int) -> int:
    """`row`, if the dataset has it; IndexError otherwise."""
    rows = np.asarray(dataset.rows)
    if row not in rows:
        raise IndexError(
            f"there is no row {row} in {dataset.name!r}; "
            f"it has {len(rows)} rows from {rows.min()} to {rows.max()}"
        )
    return int(row)


def checked_layer(layer: str, known: list[str], what: str = "layer") -> str:
    """`layer`, if it is known; KeyError that names those that are."""
    if layer not in known:
        raise KeyError(f"there is no {what} {layer!r}; there are {', '.join(known) or 'none'}")
    return layer


class OfOneLayer:
    """Of a view that shows one of its `layers`, a knob to turn."""

    session: Session
    layers: list[str]
    layers_are: ClassVar[str] = "layer"
    """What to call them where there is none of a name."""
    _layer: str | None

    @property
    def layer(self) -> str | None:
        """Name of the layer that is shown."""
        return self._layer

    @layer.setter
    def layer(self, name: str) -> None:
        network_of(self.session)
        self._layer = checked_layer(name, self.layers, self.layers_are)
