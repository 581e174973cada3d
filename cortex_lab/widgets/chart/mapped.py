"""Rows that are placed by what a layer makes of them, and what colors them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from cortex_lab.study import Session
from cortex_lab.widgets.chart.marks import Scatter
from cortex_lab.widgets.chart.rows import Asked, Named, fed, rows_of
from cortex_lab.widgets.chart.subjects import network_of

MOST_ROWS = 500
MOST_VALUES = 12
"""Values of a target of which the first colors the map; more are a picture, or a sequence."""


@dataclass(frozen=True, eq=False)
class Mapped:
    """Rows to be placed, in a part of the data, with a label or a value each, or neither."""

    part: str = ""
    rows: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    inputs: Named = field(default_factory=dict)
    labels: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    classes: tuple[str, ...] = ()
    values: np.ndarray | None = None
    value_name: str = ""

    def points(self, positions: np.ndarray, chosen: int | None = None) -> Scatter:
        """The rows at these places (rows, 2)."""
        x, y = positions.T
        keys = {"keys": self.rows, "key_name": "row", "chosen": chosen, "pins": True}
        if self.values is not None:
            keys["values"] = self.values
        return Scatter(x, y, self.labels, self.classes, **keys)

    def table(self, places: dict[str, np.ndarray]) -> pd.DataFrame:
        """Where each row lies, and what colors it."""
        frame = pd.DataFrame(places, index=pd.Index(self.rows, name="row"))
        if self.classes:
            frame["label"] = np.array(self.classes, dtype=object)[self.labels]
        if self.values is not None:
            frame[self.value_name] = self.values
        return frame

    @property
    def colored(self) -> str:
        """What the colors stand for, where they are values."""
        if self.values is None or not np.isfinite(self.values).any():
            return ""
        low, high = np.nanmin(self.values), np.nanmax(self.values)
        return f"; colored by {self.value_name}, {low:.4g} to {high:.4g}".replace("-", "−")


def rows_to_map(session: Session, most: int) -> Mapped:
    """Held-out rows, `most` of them spread evenly, colored by label or by target."""
    known = rows_of(session)
    rows = known.shown
    if len(rows) > most:
        rows = rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
    inputs, targets = known.take(rows)
    asked = {name: goal for name, goal in known.goals.items() if name in targets}
    classified = next((name for name, goal in asked.items() if goal.classes), None)
    if classified is not None and targets[classified].size == len(rows):
        labels, classes = _classes(asked[classified], targets[classified].reshape(-1))
        return Mapped(known.part, rows, inputs, labels, classes)
    for name, goal in asked.items():
        values = targets[name].reshape(len(rows), -1)
        if goal.says == "values" and values.shape[1] <= MOST_VALUES:
            colors = {"values": values[:, 0].astype(np.float32), "value_name": goal.names[0]}
            return Mapped(known.part, rows, inputs, **colors)
    return Mapped(known.part, rows, inputs)


def _classes(goal: Asked, targets: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    labels = np.nan_to_num(targets, nan=-1).astype(np.int64)
    unknown = labels < 0
    names = (*goal.classes, *(("unknown",) if unknown.any() else ()))
    return np.where(unknown, len(goal.classes), labels), names


def layers_to_map(session: Session) -> tuple[list[str], str | None]:
    """The layers of a session's network, and the last one before the output; none without a network."""
    network = getattr(session, "network", None)
    if network is None:
        return [], None
    layers = list(network.layers)
    outputs = getattr(network.graph, "outputs", layers[-1:])
    inner = [name for name in layers if name not in outputs]
    return layers, inner[-1] if inner else layers[-1]


def activations_of(session: Session, layer: str | None, inputs: Named) -> tuple[int, np.ndarray]:
    """The step they are of, and the layer's outputs, a line per row. ValueError where one is not finite."""
    given, network = fed(inputs), network_of(session)

    def look() -> tuple[int, np.ndarray]:
        return session.step_number, network.activations(given, [layer])[layer]

    # Beside a step that is under way: only its update waits.
    turns = getattr(network, "turns", None)
    step, found = turns.reading(look) if turns else session.between_steps(look).result()
    if not np.isfinite(found).all():
        raise ValueError(f"what {layer!r} gives at step {step} is not finite; the map goes on once it is")
    return step, found.reshape(len(found), -1)
