"""The rows that a map shows, what a layer makes of them, and what is known of each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data import Dataset, RaggedArray, TensorArray
from cortex_lab.embed import AlignedMap, quality
from cortex_lab.study import Session
from cortex_lab.widgets.chart.answered import RowAnswers, classes_of
from cortex_lab.widgets.chart.row_map import MOST_GROUPS, Colors, colors_of
from cortex_lab.widgets.chart.rows import Asked, Named, fed, rows_of
from cortex_lab.widgets.chart.subjects import network_of

MOST_ROWS = 500
MOST_VALUES = 12
"""Values of a target of which the first colors the map; more are a picture, or a sequence."""
MOST_COLUMNS = 40
"""Columns of a table that a map may be colored by."""
LABEL, PREDICTION, DRIFT, DISTORTION = "label", "prediction", "drift", "local distortion"
LOSS, SPLIT = "loss", "split"


@dataclass(frozen=True, eq=False)
class Map:
    """Positions (n, 2) of the dataset's `rows` as laid out from the activations of `layer` at `step`.

    features: what is laid out (n, numbers), None where that is long gone. predicted: (n,) the classes that
    the network says, if it does. losses: (n,) of each row, once they were asked for.
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
    losses: np.ndarray | None = None

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
    `columns` are what else is known of each row, by name, and `answers` finds their losses.
    """

    rows: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    part: str = ""
    inputs: Named = field(default_factory=dict)
    targets: np.ndarray | None = None
    goal: tuple[str, Asked] | None = None
    own: Colors = field(default_factory=Colors)
    columns: pd.DataFrame = field(default_factory=pd.DataFrame)
    answers: RowAnswers | None = None

    @classmethod
    def of(cls, session: Session, most: int) -> MappedRows:
        found = cls._of(session, most)
        answers = RowAnswers(session) if RowAnswers.fits(session) else None
        return replace(found, columns=columns_of(session, found.rows, found.own.by), answers=answers)

    @classmethod
    def _of(cls, session: Session, most: int) -> MappedRows:
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

    def losses(self, session: Session) -> tuple[int, np.ndarray]:
        """The step it is now, and the loss of each row, NaN where it is unknown."""
        answers = self.answers
        if answers is None:
            return session.step_number, np.full(len(self.rows), np.nan)
        collected = session.between_steps(lambda: answers.collect_rows(self.rows)).result()
        return collected.step, answers.work_out(collected, losses=True).losses

    @property
    def colors(self) -> tuple[str, ...]:
        """What points may be colored by."""
        own = (self.own.by,) if self.own.by else ()
        said = (PREDICTION,) if self.goal is not None else ()
        loss = (LOSS,) if self.answers is not None else ()
        return tuple(dict.fromkeys((*own, *said, *loss, DRIFT, DISTORTION, *map(str, self.columns))))

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
        if by == LOSS and self.answers is not None:
            unknown = np.full(len(data.rows), np.nan)
            return Colors(LOSS, values=unknown if data.losses is None else data.losses)
        return self.own if by == self.own.by or by not in self.columns else colors_of(self.columns, by)

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
        if data.losses is not None:
            frame[LOSS] = data.losses
        return frame


def columns_of(session: Session, rows: np.ndarray, target: str) -> pd.DataFrame:
    """Of rows: the part of the data each is in, and the columns of its table that colors can tell of."""
    dataset, found = getattr(session, "dataset", None), pd.DataFrame(index=pd.Index(rows, name="row"))
    if not isinstance(dataset, Dataset):
        return found
    splits = getattr(dataset, "splits", None) or {}
    if splits:
        parts = pd.Series("", found.index, dtype=object)
        for name, members in splits.items():
            parts[found.index.isin(members)] = name
        found[SPLIT] = parts
    frame = dataset.frame
    for name in [each for each in frame.columns if str(each) not in (target, dataset.target)][:MOST_COLUMNS]:
        column: Any = frame[name]
        if isinstance(column.array, (TensorArray, RaggedArray)) or str(name) in found:
            continue
        own = column.loc[rows]
        if pd.api.types.is_numeric_dtype(column.dtype) or own.nunique() <= MOST_GROUPS:
            found[str(name)] = own.to_numpy() if not isinstance(own.dtype, pd.CategoricalDtype) else own
    return found


def layers_to_map(session: Session) -> tuple[list[str], str | None]:
    """The layers of a session's network, and the last one before the output; none without a network."""
    network = getattr(session, "network", None)
    if network is None:
        return [], None
    layers = list(network.layers)
    outputs = getattr(network.graph, "outputs", layers[-1:])
    inner = [name for name in layers if name not in outputs]
    return layers, inner[-1] if inner else layers[-1]
