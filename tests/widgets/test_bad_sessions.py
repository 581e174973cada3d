"""Every view of every session that has little, much or nothing good to show: it draws, or says what to do."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.study import Session
from cortex_lab.widgets import Chart, GraphMap, MapPicture, PathView
from cortex_lab.widgets.chart.canvas import pack
from cortex_lab.widgets.chart.searched import OfSearch
from cortex_lab.widgets.opening import views_of
from cortex_lab.widgets.views import VIEWS
from tests.widgets import session_kinds
from tests.widgets.hand import linear, three_classes
from tests.widgets.toys import ToySession, ToyTraining

OTHERS = (PathView, OfSearch, MapPicture, GraphMap)
OF_SESSIONS = [cls for cls in VIEWS.values() if not issubclass(cls, OTHERS)]


def nan_everywhere() -> Any:
    session = three_classes()
    session.step(2)
    session.network.params[...] = np.nan
    return session


def nan_in_values() -> Any:
    session = session_kinds.regression()
    session.step(2)
    session.network.params[...] = np.nan
    return session


@cache
def _million() -> tuple[np.ndarray, np.ndarray]:
    rows = np.random.default_rng(0).normal(size=(1_000_000, 2)).astype(np.float32)
    return rows, (rows[:, 0] > rows[:, 1]).astype(np.int64)


def a_million_rows() -> Any:
    options = {"batch_size": 64, "validation": None, "seed": 0}
    session = cl.train(cl.Network([cl.Dense(2)], 2, seed=0), _million(), "softmax_cross_entropy", **options)
    session.step(2)
    return session


def no_rows() -> Any:
    session = ToySession()
    session.dataset = None
    return session


def no_network() -> Any:
    return Session(ToyTraining(ToySession().network))


def one_class() -> Any:
    session = linear(np.ones((4, 1)), np.zeros(4, int), np.ones((1, 3)))
    session.step(2)
    return session


def one_row() -> Any:
    session = linear([[1.0]], [0], np.ones((1, 2)))
    session.step(2)
    return session


def names_that_are_code() -> Any:
    names = ["<script>alert(1)</script>", '"quoted"', "it's"]
    frame = pd.DataFrame({'</script>"x': [0.0, 1, 2, 3, 4, 5], "<y>": 1.0, "kind": names * 2})
    session = cl.train(
        cl.Network([cl.Dense(3)], 2, seed=0), cl.data.Dataset(frame, ['</script>"x', "<y>"], "kind"),
        "softmax_cross_entropy", batch_size=3, validation=None, seed=0,
    )  # fmt: skip
    session.step(2)
    return session


def nothing_taken() -> Any:
    return session_kinds.arrays()


BAD: dict[str, Callable[[], Any]] = {
    made.__name__: made
    for made in (
        nan_everywhere, nan_in_values, a_million_rows, no_rows, no_network, one_class, one_row,
        names_that_are_code, nothing_taken,
    )
}  # fmt: skip
"""Beside these, `session_kinds` has regression where classes are needed, and rows that are no pictures."""


def says_what_to_do(chart: Chart) -> bool:
    """Whether a chart with a note has a remedy in it, or only waits for steps."""
    waits = ("press Step", "not measured yet", "No label looks wrong")
    return not chart.note or "\n" in chart.note or any(each in chart.note for each in waits)


@pytest.mark.parametrize("bad", BAD)
def test_a_bench_draws_all_of_it(bad: str) -> None:
    session = BAD[bad]()
    for name, view in views_of(session, {}, without={"embedding_map", "findings"}).items():
        chart = view.drawing()
        packed = pack(chart)
        assert chart.note or packed.meta["plots"], name
        assert says_what_to_do(chart), f"{name} says no remedy: {chart.note}"
        assert view.png(dpi=30).startswith(b"\x89PNG") and view.figure().to_json()
        assert not any(value.shape[0] > 2e6 for value in packed.arrays.values()), name


@pytest.mark.parametrize("cls", [cls for cls in OF_SESSIONS if cls.name not in ("embedding_map", "findings")])
@pytest.mark.parametrize("bad", ["no_rows", "no_network", "nothing_taken"])
def test_a_view_alone_draws_or_says_what_to_do(cls: Any, bad: str) -> None:
    session = BAD[bad]()
    if not cls.fits(session) and cls.name in ("dataset_rows", "class_balance", "column_histograms"):
        pytest.skip("a view of data sets alone")
    chart = cls(session).drawing()
    assert chart.plots or says_what_to_do(chart), chart.note
