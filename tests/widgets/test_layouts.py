"""Which panels are open, in what order; and what is handed over as files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

from cortex_lab.optimize import SGD, Descent, Rosenbrock
from cortex_lab.study import Session
from cortex_lab.widgets import Bench
from cortex_lab.widgets.chart.files import FORMATS
from cortex_lab.widgets.layouts import PRESETS
from cortex_lab.widgets.opening import views_of
from cortex_lab.widgets.views import VIEWS
from tests.waiting import wait_until
from tests.widgets import session_kinds
from tests.widgets.cases import VIEW_CASES
from tests.widgets.toys import Page, ToySession, go_round

ALL = ["loss_curve", "embedding_map", "weight_histogram", "activations"]
SIGNS = {"png": b"\x89PNG", "svg": b"<?xml", "html": b"<html", "csv": b","}


@pytest.fixture
def open_bench() -> Iterator[Any]:
    benches: list[Bench] = []

    def make(**options: Any) -> Bench:
        benches.append(Bench(ToySession(), **{"map": True, "interval": 0.02, **options}))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()


def test_all_panels_are_open_at_first_in_the_order_of_their_ranks(open_bench) -> None:
    bench = open_bench()
    assert bench.layout == ALL and bench.enlarged is None and list(bench.open_views) == ALL


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_a_list_of_panels_that_there_are(open_bench, preset) -> None:
    assert set(PRESETS[preset]) <= set(VIEWS), "a preset names a view that is not registered"
    bench = open_bench(layout=preset)
    assert bench.layout == [name for name in PRESETS[preset] if name in ALL]
    bench.layout = None
    assert bench.layout == ALL
    bench.layout = preset
    assert bench.layout == [name for name in PRESETS[preset] if name in ALL]


def a_descent() -> Any:
    return Session(Descent(Rosenbrock(), SGD(0.001)))


STUDIED = {
    "classify": session_kinds.dataset, "regress": session_kinds.regression,
    "sequence": session_kinds.sequences, "descent": a_descent,
}  # fmt: skip


@pytest.mark.parametrize("kind", STUDIED)
def test_everything_is_every_view_that_suits(kind) -> None:
    session = STUDIED[kind]()
    session.step(3)
    bench = Bench(session, layout="everything", interval=0.02)
    try:
        suiting = {name for name, view in VIEWS.items() if view.fits(session)}
        assert set(bench.layout) == set(bench.open_views) == suiting > set(PRESETS[kind]) & suiting
        page = Page(bench)
        page.say("hello", visible=[*bench.layout, "status"])
        # The map waits for as many rows as it needs, and says so.
        for name in bench.layout:
            wait_until(lambda name=name: page.last(name), f"a frame of {name}", 30)
        assert bench.error is None
    finally:
        bench.close()


def test_panels_are_closed_opened_and_ordered_by_a_list(open_bench) -> None:
    bench = open_bench(layout=("activations", "loss_curve"))
    assert bench.layout == ["activations", "loss_curve"]
    whole = bench.png()
    bench.layout = ["loss_curve"]
    assert bench.png() != whole
    bench.layout.append("activations")
    assert bench.layout == ["loss_curve"], "what is given out is a list of its own"
    bench.enlarged = "activations"
    assert bench.enlarged == "activations" and bench.layout == ["loss_curve", "activations"]
    bench.enlarged, bench.layout = None, []
    assert bench.layout == [] and bench.png().startswith(SIGNS["png"])


@pytest.mark.parametrize(
    ("layout", "error", "told"),
    [
        ("clasify", KeyError, "there is no layout 'clasify'.*did you mean 'classify'"),
        (["loss_curv"], KeyError, "there is no panel 'loss_curv'.*did you mean 'loss_curve'"),
        (["loss_curve", "loss_curve"], ValueError, "names the panel 'loss_curve' twice"),
        ([3], KeyError, "there is no panel 3; there are loss_curve, embedding_map"),
        (7, (TypeError, ValueError), "layout must be names of panels in a list"),
        ({"loss_curve": 1}, (TypeError, ValueError), "layout must be names of panels in a list"),
    ],
)
def test_a_layout_of_what_there_is_not_is_refused(open_bench, layout, error, told) -> None:
    with pytest.raises(error, match=told):
        Bench(ToySession(), layout=layout)
    bench = open_bench()
    with pytest.raises(error, match=told):
        bench.layout = layout
    assert bench.layout == ALL


def test_no_panel_that_there_is_not_is_enlarged(open_bench) -> None:
    bench = open_bench()
    for junk in ("lstm", 3, ["loss_curve"]):
        with pytest.raises(KeyError, match="there is no panel"):
            bench.enlarged = junk
    assert bench.enlarged is None


def test_a_closed_panel_collects_nothing(open_bench) -> None:
    bench = open_bench(layout=["loss_curve"])
    page = Page(bench)
    page.say("hello", visible=["loss_curve", "status", "panels"])
    wait_until(lambda: page.frames, "a frame")
    calls = bench.session.network.calls
    bench.session.step(3)
    wait_until(lambda: page.last("loss_curve").get("step") == 3, "the curve to follow")
    go_round(bench.publisher)
    shown = set().union(*(frame["panels"] for frame in page.frames))
    assert shown == {"loss_curve", "status", "timeline"}
    assert bench.session.network.calls == calls


def test_a_hidden_panel_collects_nothing_and_moves_nothing_on(monkeypatch) -> None:
    """Neither one that is scrolled out of sight nor one of a tab behind others: pages tell what they show."""
    session = session_kinds.dataset()
    bench = Bench(session, interval=0.02, speed=None, layout=[*views_of(session, {}, set())])
    calls: list[tuple[str, str]] = []
    for name, view in bench.views.items():
        for what in ("collect", "prepare", "chart", "advance"):
            act = getattr(view, what)
            counted = lambda *given, act=act, of=(name, what): (calls.append(of), act(*given))[1]  # noqa: E731
            monkeypatch.setattr(view, what, counted)
    page = Page(bench)
    page.say("hello", visible=["status"])
    wait_until(lambda: page.last("status"), "the status")
    for aside in bench.asides._each:
        aside.nudge()
    bench.run()
    wait_until(lambda: page.last("status")["step"] > 50, "a run")
    bench.pause()
    bench.wait()
    go_round(bench.publisher)
    assert not [of for of in calls if of != ("embedding_map", "advance")]
    page.say("visible", visible=["loss_curve", "status"])
    wait_until(lambda: page.last("loss_curve"), "the curve")
    assert {name for name, what in calls if what == "collect"} == {"loss_curve"}
    bench.close()


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("view_type", VIEW_CASES)
def test_every_view_is_saved_in_every_format(view_type, format, tmp_path) -> None:
    view, path = VIEW_CASES[view_type](3), tmp_path / f"view.{format.upper()}"
    view.save(path)
    data = path.read_bytes()
    assert SIGNS[format] in data[:80] or format == "csv"
    if format == "csv":
        assert len(pd.read_csv(io.BytesIO(data))) == len(view.frame())
    if format == "html":
        # That of a picture of a map is a page of its own.
        assert (b"Plotly.newPlot" in data or b"openReport();" in data) and b'src="http' not in data


@pytest.mark.parametrize("path", ["view.pdf", "view", "png"])
def test_a_view_is_not_saved_as_anything_else(path, tmp_path) -> None:
    with pytest.raises(ValueError, match=r"saved as one of \.png, \.svg, \.html, \.csv, got"):
        VIEW_CASES[next(iter(VIEW_CASES))](0).save(tmp_path / path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", [*FORMATS, "plotly"])
def test_a_page_is_handed_the_file_that_it_asks_for(open_bench, format) -> None:
    bench = open_bench(map=False)
    bench.session.step(4)
    page = Page(bench)
    page.say("hello")
    page.say("export", panel="loss_curve", format=format)
    bench.wait()
    (file,) = page.files
    kind = "html" if format == "plotly" else format
    assert file["page"] == "page" and file["name"] == f"loss_curve-step-4.{kind}"
    assert file["opens"] == (format == "plotly") and file["kind"] == FORMATS[kind]
    assert SIGNS[kind] in file["bytes"][:80]


@pytest.mark.parametrize(
    "asked", [{"panel": "lstm", "format": "png"}, {"panel": "loss_curve", "format": "exe"}, {}]
)
def test_a_file_that_cannot_be_is_said_in_the_bench(open_bench, asked) -> None:
    bench = open_bench(map=False)
    page = Page(bench)
    page.say("hello")
    page.say("export", **asked)
    bench.wait()
    assert isinstance(bench.error, (KeyError, ValueError)) and not page.files
