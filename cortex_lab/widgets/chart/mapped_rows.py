"""The rows that a map shows, what a layer makes of them, and what is known of each."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from cortex_lab.embed import AlignedMap, quality
from cortex_lab.study import Session
from cortex_lab.widgets.chart.answered import classes_of
from cortex_lab.widgets.chart.row_map import Colors
from cortex_lab.widgets.chart.rows import Asked, Named, fed, rows_of
from cortex_lab.widgets.chart.subjects import network_of

MOST_ROWS = 500
MOST_VALUES = 12
"""Values of a target of which the first colors the map; more are a picture, or a sequence."""
LABEL, PREDICTION, DRIFT, DISTORTION = "label", "prediction", "drift", "local distortion"


@dataclass(frozen=True, eq=False)
class Map:
    """Positions (n, 2) of the dataset's `rows` as laid out from the activations of `layer` at `step`.

    features: what is laid out (n, numbers), None where that is long gone. predicted: (n,) the classes that
    the network says, if it does.
    aligned: the map as one of several, with how far each point drifted; None for a first picture.
    """

    layer: str
    step: int
    iteration: int
    positions: np.ndarray
    rows: np.ndarray
    features: np.ndarray | None
    predicted: np.ndarray | None = None
    aligned: AlignedMap | None = None
    trail: tuple[np.ndarray, np.ndarray] | None = None
    colors: Colors = field(default_factory=Colors)
    told: str = ""
    pinned: int | None = None
    wrong: np.ndarray | None = None

    @property
    def caption(self) -> str:
        stage = f"t-SNE iteration {self.iteration:,}" if self.iteration else "first picture: PCA"
        said = f"activations of step {self.step:,}, {stage}" + (f", {self.told}" if self.told else "")
        return said + (f"; {self.colors.told}" if self.colors.told else "")


class Looked:
    """The features that maps are laid out of, by a number for each of the last looks; the step of each."""

    kept = 4

    def __init__(self) -> None:
        self.features: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self.steps: dict[int, int] = {}

    def __call__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        return self.features[number]

    def add(self, rows: np.ndarray, features: np.ndarray, step: int) -> int:
        number = len(self.steps)
        self.features[number], self.steps[number] = (rows, features), step
        # Of a wide layer, those of all looks would not fit into memory.
        self.features.pop(number - self.kept, None)
        return number

    def of(self, number: int) -> np.ndarray | None:
        """The features of a look, if they are still there."""
        return self.features[number][1] if number in self.features else None


@dataclass(frozen=True, eq=False)
class MappedRows:
    """Some rows, spread evenly over those of a `part` of the data, with the `targets` that are classes.

    `goal` is the output that is asked for those, and what it is asked; `own` are the colors of targets.
    """

    rows: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    part: str = ""
    inputs: Named = field(default_factory=dict)
    targets: np.ndarray | None = None
    goal: tuple[str, Asked] | None = None
    own: Colors = field(default_factory=Colors)

    @classmethod
    def of(cls, session: Session, most: int) -> MappedRows:
        known = rows_of(session)
        rows = known.shown
        if len(rows) > most:
            rows = rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
        inputs, targets = known.take(rows)
        asked = {name: goal for name, goal in known.goals.items() if name in targets}
        classified = next((name for name, goal in asked.items() if goal.classes), None)
        if classified is not None and targets[classified].size == len(rows):
            goal = asked[classified]
            labels = np.nan_to_num(targets[classified].reshape(-1), nan=-1).astype(np.int64)
            unknown = labels < 0
            labels = np.where(unknown, len(goal.classes), labels)
            names = (*goal.classes, *(("unknown",) if unknown.any() else ()))
            return cls(rows, known.part, inputs, labels, (classified, goal), Colors(LABEL, labels, names))
        for name, goal in asked.items():
            values = targets[name].reshape(len(rows), -1)
            if goal.says == "values" and values.shape[1] <= MOST_VALUES:
                own = Colors(goal.names[0], values=values[:, 0].astype(np.float32))
                return cls(rows, known.part, inputs, own=own)
        return cls(rows, known.part, inputs)

    def look(self, session: Session, layer: str) -> tuple[int, np.ndarray, np.ndarray | None]:
        """The step it is now, the layer's outputs, a line per row, and the classes that are predicted."""
        inputs, network = fed(self.inputs), network_of(session)
        asked = [layer] if self.goal is None else list(dict.fromkeys((layer, self.goal[0])))

        def look() -> tuple[int, dict[str, np.ndarray]]:
            return session.step_number, network.activations(inputs, asked)

        # Beside a step that is under way: only its update waits.
        turns = getattr(network, "turns", None)
        step, outputs = turns.reading(look) if turns else session.between_steps(look).result()
        found = outputs[layer]
        if not np.isfinite(found).all():
            raise ValueError(f"what {layer!r} gives at step {step} is not finite; the map goes on once it is")
        predicted = None
        if self.goal is not None:
            chances = classes_of(self.goal[1], outputs[self.goal[0]])[0]
            predicted = chances.argmax(axis=1) if len(chances) == len(found) else None
        return step, found.reshape(len(found), -1), predicted

    @property
    def colors(self) -> tuple[str, ...]:
        """What points may be colored by."""
        own = (self.own.by,) if self.own.by else ()
        return (*own, *((PREDICTION,) if self.goal is not None else ()), DRIFT, DISTORTION)

    def colors_of(self, data: Map, by: str) -> Colors:
        if by == PREDICTION:
            classes = self.goal[1].classes if self.goal is not None else ()
            return Colors() if data.predicted is None else Colors(PREDICTION, data.predicted, classes)
        if by == DRIFT:
            drift = np.full(len(data.rows), np.nan) if data.aligned is None else data.aligned.drift
            return Colors(DRIFT, values=drift)
        if by == DISTORTION:
            if data.features is None:
                return Colors(DISTORTION, values=np.full(len(data.rows), np.nan))
            k = min(10, (len(data.rows) - 1) // 2)
            return Colors(DISTORTION, values=quality(data.features, data.positions, k=k).distortion)
        return self.own

    def wrong(self, data: Map) -> np.ndarray | None:
        """Which rows are answered wrong, of those with a known label; None where nobody says."""
        if data.predicted is None or self.targets is None or self.goal is None:
            return None
        return (data.predicted != self.targets) & (self.targets < len(self.goal[1].classes))

    def placed(self, places: dict[str, np.ndarray]) -> pd.DataFrame:
        """Where each row lies, and the target that is its color."""
        frame, own = pd.DataFrame(places, index=pd.Index(self.rows, name="row")), self.own
        if own.groups is not None:
            frame[own.by] = np.array(own.names, dtype=object)[own.groups]
        if own.values is not None:
            frame[own.by] = own.values
        return frame

    def table(self, data: Map) -> pd.DataFrame:
        frame = self.placed({"x": data.positions[:, 0], "y": data.positions[:, 1]})
        if data.predicted is not None and self.goal is not None:
            frame[PREDICTION] = np.array(self.goal[1].classes, dtype=object)[data.predicted]
        if data.aligned is not None:
            frame[DRIFT] = data.aligned.drift
        return frame


def layers_to_map(session: Session) -> tuple[list[str], str | None]:
    """The layers of a session's network, and the last one before the output; none without a network."""
    network = getattr(session, "network", None)
    if network is None:
        return [], None
    layers = list(network.layers)
    outputs = getattr(network.graph, "outputs", layers[-1:])
    inner = [name for name in layers if name not in outputs]
    return layers, inner[-1] if inner else layers[-1]
