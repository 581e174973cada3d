"""What views ask of a session beyond stepping: its network, and a layer of it."""

from __future__ import annotations

from typing import Any, ClassVar

from cortex_lab.data import Dataset
from cortex_lab.study import Session
from cortex_lab.widgets.chart.view import NothingToShow


def network_of(session: Session) -> Any:
    """The network that the session trains; NothingToShow if it trains none."""
    network = getattr(session, "network", None)
    if network is None:
        raise NothingToShow("This session trains no network.\nMake one with cl.train(network, dataset, ...).")
    return network


NO_DATASET = "It trains on no Dataset.\nPass one: cl.data.Dataset(frame, inputs, target)."


def has_rows_to_browse(session: Session) -> bool:
    """Whether it has a Dataset, whose rows can be looked at by themselves."""
    return isinstance(getattr(session, "dataset", None), Dataset)


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
