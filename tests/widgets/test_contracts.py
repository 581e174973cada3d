"""What every view and every mark must do, whatever it shows: a function of its row in the table of cases."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from plotly import graph_objects

import cortex_lab.widgets
from cortex_lab.widgets import (
    AlsoRecorded,
    Axis,
    Bars,
    Cells,
    Chart,
    Contours,
    Diagram,
    Knob,
    Line,
    LossCurve,
    Matrix,
    Parallel,
    Plot,
    RecordedCurves,
    Scatter,
    Tiles,
    Trail,
)
from cortex_lab.widgets.chart import matplotlib, plotly
from cortex_lab.widgets.chart.buttons import Buttons
from cortex_lab.widgets.chart.canvas import pack
from cortex_lab.widgets.chart.heat_map import HeatMap
from cortex_lab.widgets.chart.marks import Arrangement, Mark, Sentences
from cortex_lab.widgets.chart.matrix import frames_of_selected
from cortex_lab.widgets.chart.node_map import NodeMap
from cortex_lab.widgets.chart.palette import PALETTE
from cortex_lab.widgets.chart.selection import checked_selection
from cortex_lab.widgets.chart.table import table_of
from cortex_lab.widgets.views import VIEWS
from tests.widgets.cases import MARK_CASES, VIEW_CASES

STATIC = Path(cortex_lab.widgets.__file__).parent / "static"
MARKS = [
    pytest.param(mark, id=f"{kind.__name__}-{i}")
    for kind, marks in MARK_CASES.items()
    for i, mark in enumerate(marks)
]


def test_everything_registered_has_a_row() -> None:
    assert set(VIEWS.values()) == set(VIEW_CASES)
    assert set(Mark.__subclasses__()) == set(MARK_CASES)


def test_a_view_is_one_file_and_goes_by_its_name() -> None:
    homes = [cls.__module__ for cls in VIEWS.values()]
    folder = Path(cortex_lab.widgets.__file__).parent / "views"
    assert sorted(homes) == sorted(
        f"cortex_lab.widgets.views.{path.stem}" for path in folder.glob("*.py") if path.stem != "__init__"
    )
    assert {cls.name for cls in VIEWS.values()} == set(VIEWS)


@pytest.mark.parametrize("view_type", VIEW_CASES)
@pytest.mark.parametrize("steps", [0, 1, 120])
def test_every_view_draws_itself_in_every_way_without_a_front_end(view_type, steps) -> None:
    view = VIEW_CASES[view_type](steps)
    frame = view.frame()
    assert isinstance(frame, pd.DataFrame) and (
        len(frame) or (view_type in (LossCurve, AlsoRecorded, RecordedCurves) and not steps)
    )
    figure = view.figure()
    assert isinstance(figure, graph_objects.Figure) and figure.layout.title.text == view.title
    assert len(figure.data) >= 1
    png = view.png(dpi=50)
    assert png.startswith(b"\x89PNG") and png.endswith(b"IEND\xaeB`\x82")
    html = view.html()
    assert html.count("<img") == 1 and "data:image/png;base64," in html and "http" not in html
    chart = view.chart(view.look())
    packed = pack(chart)
    assert chart.summary and chart.step in (steps, None)
    assert {array.dtype.name for array in packed.arrays.values()} <= {"float32", "uint8", "int32"}
    assert "bound method" not in repr(view)


@pytest.mark.parametrize("view_type", VIEW_CASES)
def test_knobs_show_what_is_so_and_set_it(view_type) -> None:
    view = VIEW_CASES[view_type](1)
    for knob in view.knobs:
        assert getattr(view, knob.name) == knob.default
        values = {"choice": knob.choices, "switch": (False, True)}.get(knob.kind, knob.limits)
        for value in values:
            before, was = view.state(exact=True), getattr(view, knob.name)
            setattr(view, knob.name, value)
            assert getattr(view, knob.name) == value
            # What moves by itself follows in its own time.
            assert value == was or view.live or view.state(exact=True) != before


def charts(mark: Mark) -> list[Chart]:
    """The mark alone, and in every arrangement beside itself on axes."""
    bare = Plot((mark,), "one", "aside", "of its kind")
    axes = Plot((mark,), x=Axis((-1.0, 5.0), "across"), y=Axis((0.0, 1.0), "up", percent=True))
    arranged = [Chart((bare, axes), arrange, "said", "noted") for arrange in get_args(Arrangement)]
    return [Chart((bare,)), *arranged]


@pytest.mark.parametrize("mark", MARKS)
def test_every_mark_is_drawn_by_every_renderer(mark: Mark) -> None:
    for chart in charts(mark):
        assert pixels(chart).any()
        figure = plotly.plot(chart, "title")
        assert len(figure.data) >= 1 and json.loads(figure.to_json())
        packed = pack(chart)
        json.dumps(packed.meta, allow_nan=False)
        assert {array.dtype.name for array in packed.arrays.values()} <= {"float32", "uint8", "int32"}
        assert all(array.ndim == 1 for array in packed.arrays.values())
        assert len(table_of(chart)) or not len(mark_arrays(mark))


def mark_arrays(mark: Mark) -> list[np.ndarray]:
    return [value for value in vars(mark).values() if isinstance(value, np.ndarray) and value.size]


def pixels(chart: Chart) -> np.ndarray:
    """Where the picture is not what it would be without its marks."""

    def painted(what: Chart) -> np.ndarray:
        figure = matplotlib.new_picture((2, 1.5), 30)
        matplotlib.paint(what, figure)
        figure.canvas.draw()
        return np.asarray(figure.canvas.buffer_rgba()).copy()

    bare = replace(chart, plots=tuple(replace(plot, marks=()) for plot in chart.plots))
    return painted(chart) != painted(bare)


def test_the_page_draws_every_mark() -> None:
    drawn = {
        kind
        for path in STATIC.glob("*.js")
        for kind in re.findall(r"^MARKS\.(\w+) =", path.read_text(), re.M)
    }
    assert drawn == {cls.kind for cls in MARK_CASES}


def test_both_themes_have_every_ramp() -> None:
    assert set(PALETTE["light"]) == set(PALETTE["dark"])


@pytest.mark.parametrize(
    ("kind", "arguments", "told"),
    [
        (Line, ([1, 2], [1, 2, 3]), "Line: x must be as long as y, or one longer, got 2 and 3"),
        (Bars, ([1, 2], [0, 1]), "Bars: 2 values but 1 edges less one"),
        (Bars, ([1, 2],), "Bars: say edges= for upright bars"),
        (Bars, ([1, 2], [0, 1, 2], (), "", 0, None, "", [7], [0, 1]), "Bars: 2 values but 2 starts"),
        (Scatter, ([1], [1, 2]), "Scatter: lengths differ: x of 1 and y of 2"),
        (Trail, ([1], [1], [1, 2]), "Trail: lengths differ"),
        (Contours, ([0, 1], [0, 1], [[1, 2]], [[1, 2]]), r"Contours: z is \(1, 2\), expected \(2, 2\)"),
        (Tiles, (np.ones((2, 4, 4, 2)), (0, 1)), r"Tiles: values must be \(tiles, height, width\)"),
        (Tiles, (np.ones((2, 4, 4)), (0, 1), "gray", "tile", [True]), "Tiles: 2 tiles but 1 dead"),
        (Cells, ([[1, 2]], (0, 1), ("a",), ("b",)), r"Cells: values is \(1, 2\), expected \(1, 1\)"),
        (Sentences, (("a", "b"), ("",), ("", ""), (True,)), "Sentences: 2 texts, but"),
        (HeatMap, ([0, 1], [0, 1], [[1, 2]]), r"HeatMap: values is \(1, 2\), expected \(1, 1\)"),
        (HeatMap, ([0, 1], [0, 1], [[1]], (0, 1), "gray", "", [[1, 2]]), "HeatMap: groups is"),
        (NodeMap, (("a",), (), (), [0], [0], [], [], 1, 1), "NodeMap: 1 names but 0 details"),
        (Parallel, (("a",), ((),), [[0, 1]], ("t",)), r"Parallel: places is \(1, 2\), expected \(1, 1\)"),
        (Parallel, (("a",), (), [[0]], ("t",)), "Parallel: 1 names but 0 ticks"),
        (Buttons, (("a",), ()), "Buttons: 1 names, but 0 of what they do"),
        (Matrix, ([[1, 2]], ("a",), ("b",), ("1", "2")), r"Matrix: values is \(1, 2\), expected \(1, 1\)"),
        (Matrix, ([[1]], ("a",), ("b",), ()), "Matrix: 1 cells but 0 texts"),
        (Diagram, (("a",), ((0, 1),)), r"Diagram: there are 1 nodes, so no edge \(0, 1\)"),
    ],
)
def test_a_mark_that_does_not_fit_together_says_so(kind, arguments, told) -> None:
    with pytest.raises(ValueError, match=told):
        kind(*arguments)


def test_every_mark_is_tried_with_what_does_not_fit_together() -> None:
    tried = test_a_mark_that_does_not_fit_together_says_so.pytestmark[0].args[1]
    assert {kind for kind, *_ in tried} == set(MARK_CASES)


@pytest.mark.parametrize("limits", [(1.0, 1.0), (2.0, 1.0), (0.0, np.inf), (np.nan, 1.0)])
def test_an_axis_needs_two_ends(limits) -> None:
    with pytest.raises(ValueError, match="Axis: limits must be two finite numbers, the lower first"):
        Axis(limits)


def test_a_chart_is_arranged_in_one_of_three_ways() -> None:
    with pytest.raises(ValueError, match=r"arrange is one of \('column', 'row', 'flow'\), got 'grid'"):
        Chart((), "grid")


def test_a_knob_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(ValueError, match="the switch 'on' wants two labels"):
        Knob("on", "switch", True)
    with pytest.raises(ValueError, match="default of 'layer' is none of its choices: 'a'"):
        Knob("layer", "choice", "a", ("b",))


def test_a_graph_in_a_circle_is_refused() -> None:
    with pytest.raises(ValueError, match="must not lead in circles"):
        Diagram(("a", "b"), ((0, 1), (1, 0))).places()


def test_a_legend_says_everything_once() -> None:
    line = next(iter(MARK_CASES.values()))[0]
    chart = Chart((Plot((line,)), Plot((line,))))
    assert [entry.label for entry in chart.legend] == ["noise"]


OF_NO_ROWS = {
    "weight_histogram": "bars of weights",
    "optimization": "bars of layers",
    "run_comparison": "bars of layers",
    "activations": "chances of one row",
    "layer_microscope": "columns of one row",
}
"""Views whose bars stand for something else than rows of the data."""


@pytest.mark.parametrize("view_type", VIEW_CASES)
def test_what_stands_for_rows_selects_them(view_type) -> None:
    view = VIEW_CASES[view_type](120)
    marks = [mark for plot in view.drawing().plots for mark in plot.marks]
    for mark in marks:
        told = str(getattr(mark, "key_name", getattr(mark, "unit", "")))
        if isinstance(mark, (Scatter, Tiles)) and told == "row":
            assert mark.pins and len(mark.keys)
        if isinstance(mark, Cells) and any(name.startswith("row ") for name in mark.rows):
            assert mark.pins and len(mark.keys) == len(mark.rows)
        if isinstance(mark, Bars) and view.name not in OF_NO_ROWS:
            assert len(mark.starts) == len(mark.values) + 1, f"bars of {view.name} select nothing"
            each = [mark.members[start:end] for start, end in pairwise(mark.starts)]
            assert sum(map(len, each)) == len(mark.members) > 0
            assert not len(np.setdiff1d(mark.members, view.session.dataset.rows))
            if mark.label == "values":
                assert [*map(len, each)] == mark.values.tolist()
            if mark.names and mark.names[0].startswith("row "):
                named = zip(each, mark.names, strict=True)
                assert all(name.startswith(f"row {rows[0]}") for rows, name in named)


@pytest.mark.parametrize("view_type", VIEW_CASES)
def test_what_stands_for_rows_selected_has_a_frame_in_every_picture(view_type) -> None:
    view = VIEW_CASES[view_type](120)
    stand = [mark for plot in view.drawing().plots for mark in plot.marks
             if isinstance(mark, (Bars, Matrix)) and len(mark.starts)]  # fmt: skip
    if not stand:
        pytest.skip("nothing in it stands for rows")
    plain, shapes = view.png(dpi=30), len(view.figure().layout.shapes)
    rows = max((mark.members[start:end] for mark in stand for start, end in pairwise(mark.starts)), key=len)
    for chosen, width in ((rows[:1], 0.7), (rows, 1.6)):
        view.selection = checked_selection(view.session, chosen)
        marks = [mark for plot in view.drawing().plots for mark in plot.marks if hasattr(mark, "starts")]
        frames = [frame for mark in marks for frame in frames_of_selected(mark)]
        assert width in [wide for _, wide in frames] or len(rows) == 1
        for mark in marks:
            for place, wide in frames_of_selected(mark):
                mine = np.isin(mark.members[mark.starts[place] : mark.starts[place + 1]], chosen)
                assert mine.any() and mine.all() == (wide > 1)
        assert view.png(dpi=30) != plain and len(view.figure().layout.shapes) > shapes
