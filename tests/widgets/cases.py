"""A row for every registered view and every mark: what the contracts are tried on."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data import Dataset
from cortex_lab.nn.layers.conv2d import Conv2D
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.flatten import Flatten
from cortex_lab.optimize import SGD, Adam, Himmelblau, landscape, log
from cortex_lab.study import Probe, Session
from cortex_lab.study import steps as taken
from cortex_lab.widgets import (
    Activations,
    AlsoRecorded,
    Bars,
    Cells,
    ClassBalance,
    ColumnHistograms,
    ComponentMap,
    ConfusionMatrix,
    Contours,
    DatasetRows,
    DecisionRegions,
    Diagram,
    Distributions,
    EmbeddingMap,
    GraphMap,
    LayerMicroscope,
    LayerTable,
    Line,
    LossCurve,
    MapPicture,
    Matrix,
    NetworkMap,
    Optimization,
    Parallel,
    ParallelCoordinates,
    PathView,
    PredictedValues,
    RecordedCurves,
    Recurrence,
    Reliability,
    RunComparison,
    SampleBrowser,
    Scatter,
    SearchHistory,
    SearchSlices,
    Tiles,
    Trail,
    View,
    WeightHistogram,
)
from cortex_lab.widgets.browser import Shelf
from cortex_lab.widgets.chart.buttons import Buttons
from cortex_lab.widgets.chart.heat_map import HeatMap
from cortex_lab.widgets.chart.marks import Mark, Sentences
from cortex_lab.widgets.chart.node_map import NodeMap
from cortex_lab.widgets.views.batch_rows import BatchRows
from cortex_lab.widgets.views.findings import Findings
from tests.widgets import session_kinds
from tests.widgets.toys import ToyNetwork, ToySession, ToyTraining


@cache
def _hills() -> Any:
    logs = [log(Himmelblau(), way, until=taken(9)) for way in (SGD(0.01), Adam(0.1))]
    return landscape(*logs, resolution=9)


@cache
def _tables() -> tuple[Dataset, Dataset]:
    """One of columns of every kind, one of pictures."""
    frame = pd.DataFrame({name: np.arange(24.0) % (place + 2) for place, name in enumerate("abcde")})
    frame = frame.assign(gap=[1.0, np.nan] * 12, city=["Rome", "Oslo"] * 12, label=list("xyz") * 8)
    images = list(np.random.default_rng(0).random((24, 4, 4, 1)))
    pictures = pd.DataFrame({"image": images, "label": [0, 1] * 12})
    inputs = [*"abcde", "city"]
    return Dataset(frame, inputs, name="table").split(test=0.5), Dataset(pictures, name="pictures").split()


def _of_session(view: Callable[[Any], View[Any]]) -> Callable[[int], View[Any]]:
    def make(steps: int) -> View[Any]:
        session = ToySession()
        session.step(steps)
        return view(session)

    return make


class Measuring(ToyTraining):
    """A toy of which more is measured than its loss."""

    keys = (*ToyTraining.keys, "grad_norm", "weight_norm")
    probes = (*ToyTraining.probes, Probe("grad_norm"), Probe("weight_norm"))

    def measure(self, key: str) -> float:
        return super().measure("loss") if key in self.keys[-2:] else super().measure(key)


def _of_batch(steps: int) -> View[Any]:
    session = session_kinds.dataset()
    session.step(steps)
    if not steps:
        session.step(to="fetch")
    return BatchRows(session)


def _of_diagnosis(steps: int) -> View[Any]:
    session = session_kinds.dataset()
    session.edit("learning_rate", 50.0)
    session.step(steps)
    return Findings(session)


def _of_maps(steps: int) -> View[Any]:
    rng = np.random.default_rng(0)
    frames = []
    for step in range(0, steps + 1, max(1, steps)):
        places = pd.DataFrame(rng.normal(size=(30, 2)), pd.RangeIndex(30, name="row"), ["x", "y"])
        frames.append((step, places.assign(label=list("abc") * 10, correct=np.arange(30) % 7 > 0)))
    return MapPicture(frames, "t-SNE", row=3)


def _of_fork(steps: int) -> View[Any]:
    fork = session_kinds.arrays().fork(learning_rate=[0.001, 0.01])
    fork.step(steps)
    return RunComparison(fork[0], fork[1])


def _of_kind(view: Callable[[Any], View[Any]], kind: Callable[[], Any]) -> Callable[[int], View[Any]]:
    def make(steps: int) -> View[Any]:
        session = kind()
        session.step(steps)
        return view(session)

    return make


class SomeTrials:
    """As a search: its trials, some pruned, one without a value, some not asked for a parameter."""

    metric, rising, parameters = "validation_loss", False, ["rate", "units", "<kind>", "wide"]

    def __init__(self, count: int) -> None:
        draw = np.random.default_rng(0)
        rates, values = 10 ** draw.uniform(-5, -1, count), draw.uniform(0.1, 2, count)
        states = ["pruned" if place % 3 == 2 else "complete" for place in range(count)]
        self._frame = pd.DataFrame(
            {
                "state": states, "value": values, "step": 40, "seconds": 0.1, "rate": rates,
                "units": draw.integers(2, 9, count), "<kind>": draw.choice(["relu", "<b>tanh"], count),
                "wide": [None if place % 4 == 3 else place % 2 == 0 for place in range(count)], "why": "",
            },
            index=pd.RangeIndex(count, name="trial"),
        )  # fmt: skip
        if count > 4:
            self._frame.loc[4, ["state", "value"]] = ["failed", np.nan]

    def frame(self) -> pd.DataFrame:
        return self._frame


def _of_measures(steps: int) -> View[Any]:
    session = Session(Measuring(ToyNetwork()))
    session.step(steps)
    return AlsoRecorded(session)


# How to make one of a session that has taken so many steps.
VIEW_CASES: dict[type[View[Any]], Callable[[int], View[Any]]] = {
    Activations: _of_session(Activations),
    ClassBalance: lambda steps: ClassBalance(Shelf(_tables()[0])),
    ColumnHistograms: lambda steps: ColumnHistograms(Shelf(_tables()[0])),
    DatasetRows: lambda steps: DatasetRows(Shelf(_tables()[steps > 0])),
    BatchRows: _of_batch,
    EmbeddingMap: _of_session(EmbeddingMap),
    Findings: _of_diagnosis,
    # Of no steps one that is whole, else one that is not.
    GraphMap: lambda steps: GraphMap([Flatten(), Dense(3), Conv2D(2, 3)][: 3 if steps else 2], (4, 2)),
    LossCurve: _of_session(LossCurve),
    AlsoRecorded: _of_measures,
    ComponentMap: _of_kind(ComponentMap, session_kinds.dataset),
    ConfusionMatrix: _of_kind(ConfusionMatrix, session_kinds.dataset),
    SampleBrowser: _of_kind(SampleBrowser, session_kinds.dataset),
    LayerMicroscope: _of_kind(LayerMicroscope, session_kinds.dataset),
    LayerTable: _of_kind(LayerTable, session_kinds.dataset),
    Distributions: _of_kind(Distributions, session_kinds.dataset),
    RecordedCurves: _of_kind(RecordedCurves, session_kinds.dataset),
    NetworkMap: _of_kind(NetworkMap, session_kinds.several_inputs_and_outputs),
    DecisionRegions: _of_kind(DecisionRegions, session_kinds.plane),
    Recurrence: _of_kind(Recurrence, session_kinds.sequences),
    Reliability: _of_kind(Reliability, session_kinds.dataset),
    RunComparison: _of_fork,
    PredictedValues: _of_kind(PredictedValues, session_kinds.regression),
    MapPicture: _of_maps,
    ParallelCoordinates: lambda steps: ParallelCoordinates(SomeTrials(1 + steps)),
    SearchHistory: lambda steps: SearchHistory(SomeTrials(1 + steps)),
    SearchSlices: lambda steps: SearchSlices(SomeTrials(1 + steps)),
    Optimization: _of_kind(Optimization, session_kinds.dataset),
    PathView: lambda steps: PathView(_hills()),
    WeightHistogram: _of_session(WeightHistogram),
}

_VALUES = np.linspace(0, 1, 6).reshape(2, 3)

# Examples of every mark, each with what it must be drawn as at the edges of what it takes.
MARK_CASES: dict[type[Mark], list[Mark]] = {
    Line: [
        Line(np.arange(4), np.array([1.0, np.nan, 3.0, 2.0]), "noise", 1, faint=True),
        Line(np.arange(2), np.arange(2.0), "few", "text", dots=True),
        Line(np.arange(5), np.arange(4.0), "outline", "muted"),
        Line([], [], "nothing yet"),
    ],
    Bars: [
        Bars([3, 0, 1], [0.0, 1.0, 2.0, 4.0], label="counts"),
        Bars([0.2, 0.8], names=("ant", "<bee>"), strong=1, told="the label"),
        Bars([-1.0, 2.0], names=("down", "up")),
        Bars([2.0, 1.0], names=("ant", "<bee>"), members=[3, 4, 9], starts=[0, 2, 3]),
    ],
    Scatter: [
        Scatter([0.0, 1.0, 2.0], [1.0, 0.0, 1.0]),
        Scatter(
            np.arange(24.0), np.arange(24.0) % 5, np.arange(24) % 12, tuple(f"class {i}" for i in range(12)),
            keys=np.arange(24) + 7, key_name="row", chosen=9, pins=True, selected=[8, 9], outlined=[7, 12],
        ),
        Scatter([1.0], [1.0], names=("minimum",), color="ground", symbol="star"),
        Scatter(np.arange(4.0), np.arange(4.0), values=np.array([3.0, np.nan, -1.0, np.inf]), key_name="row"),
    ],
    Trail: [Trail(np.linspace(-1, 1, 9), np.linspace(1, -1, 9) ** 2, np.arange(9.0), "way", 2)],
    Contours: [Contours([-1.0, 0.0, 1.0], [-1.0, 1.0], _VALUES, 10 * _VALUES)],
    Tiles: [
        Tiles(np.random.default_rng(0).normal(size=(6, 4, 4)), (-2.0, 2.0), "diverging", "map"),
        Tiles(np.full((1, 4, 6, 3), 0.3), (0.0, 1.0)),
        Tiles(np.arange(15.0).reshape(1, 3, 5), (0.0, 14.0), acts=100),
        Tiles(np.arange(12.0).reshape(12, 1, 1), (0.0, 11.0)),
        Tiles(np.arange(128.0).reshape(1, 2, 64), (0.0, 127.0), "gray"),
        Tiles(np.random.default_rng(0).random((5, 4, 4, 3)), (0.0, 1.0), keys=np.arange(5) + 3, pins=True,
              selected=[4], told=("a", "b", "c", "d", "e")),
        Tiles(np.where(np.eye(3), np.nan, 1.0)[:, :, None], (0.0, 1.0), dead=np.array([False, True, False])),
        Tiles(np.array([0.0, np.inf, 2.0]).reshape(3, 1, 1), (0.0, 2.0), dead=np.array([True, False, False])),
    ],
    Cells: [
        Cells(_VALUES, (0.0, 1.0), ("ant", "bee"), ("a", "b", "c")),
        Cells(np.array([[np.nan, 1e6]]), (0.0, 1e6), ("row",), ("x", "y"), numbers=False),
        Cells(np.array([[np.nan, 1.0]]), (0.0, 1.0), ("row 7",), ("x", "y"), texts=("Rome", "2"), keys=[7],
              pins=True, selected=[7]),
    ],
    Sentences: [
        Sentences(
            ("This is wrong. " * 12, "That is not."), ("rate: 3", ""), ("Apply: rate 0.1", ""), (True, False)
        ),
        Sentences(("Nothing found.",), ("",), ("",), (False,)),
    ],
    HeatMap: [
        HeatMap([0.0, 8.0, 12.0, 24.0], [-1.0, 2.0, 5.0], np.where(_VALUES, _VALUES, np.nan), unit="all"),
        HeatMap([0.0, 8.0, 12.0, 24.0], [-1.0, 2.0, 5.0], _VALUES, groups=np.array([[0, 1, 1], [1, 0, 0]]),
                names=("ant", "<bee>"), unit="chance"),
    ],
    NodeMap: [
        NodeMap(("in", "a", "<b>"), ("4", "8", "1"), ("in: 4", "a\n8", "b"), [0.2, 0.5, 0.8], [0.5] * 3,
                [0.2, 0.5, np.nan, 0.5, 0.8, np.nan], [0.5, 0.5, np.nan, 0.5, 0.5, np.nan], 3, 1,
                values=[np.nan, 0.0, 1.0], dead=[np.nan, 0.5, 0.0], wrong_ones=[False, True, False],
                chosen=2),
        NodeMap(("alone",), ("",), ("alone",), [0.5], [0.5], [], [], 1, 1),
    ],
    Parallel: [
        Parallel(("rate", "<units>", "loss"), (((0.0, "1e-5"), (1.0, "0.1")), ((0.0, "a"), (1.0, "<b>")), ()),
                 [[0.0, 1.0, 0.2], [0.4, np.nan, 0.6], [1.0, 0.0, 1.0]], ("trial 0", "1", "<b>trial</b> 2"),
                 [0.0, np.nan, 1.0]),
        Parallel(("alone",), (((0.0, "low"),),), [[0.5]], ("trial 0",)),
    ],
    Buttons: [Buttons(("Leave out", "Label"), ("trained on no more", "as <b>said</b>"))],
    Matrix: [
        Matrix(_VALUES, ("ant", "<bee>"), ("a", "b", "c"), tuple("012345"), members=[7, 8, 7],
               starts=[0, 2, 2, 2, 3, 3, 3], chosen=1),
        Matrix([[np.nan, 2.0]], ("line",), ("x", "y"), ("–", "2"), (0.0, 2.0), wrong_ones=[False, True],
               acts=True),
    ],
    Diagram: [
        Diagram(("in", "a", "b", "sum"), ((0, 1), (0, 2), (1, 3), (2, 3)), ("4",) * 4, [0.0, 0.5, 1.0, 0.2]),
        Diagram(("alone",), ()),
    ],
}  # fmt: skip
