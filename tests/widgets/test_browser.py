"""A dataset without a session: its rows, classes and columns, on the seams of a bench."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data import Dataset
from cortex_lab.widgets import Bench, Cells, DatasetBrowser, DatasetRows, Tiles
from cortex_lab.widgets.browser import Shelf
from tests.waiting import wait_until
from tests.widgets.toys import Page

ALL = ["dataset_rows", "class_balance", "column_histograms"]
COUNT = 30


def table(**columns: Any) -> Dataset:
    frame = pd.DataFrame({"a": np.arange(30.0), "city": ["Rome", "Oslo", "Bern"] * 10, **columns})
    return Dataset(frame, "a", "city", name="towns")


def pictures(shape: tuple[int, ...], kind: type = float) -> Dataset:
    values = (200 * np.random.default_rng(0).random((COUNT, *shape))).astype(kind)
    return Dataset(pd.DataFrame({"image": list(values), "label": np.arange(COUNT) % 3}), name="pictures")


DATASETS = {
    "table": table,
    "a table with a split": lambda: table().split(test=0.5),
    "a part": lambda: table().split(test=0.5).test,
    "no target": lambda: Dataset(pd.DataFrame({"a": np.arange(30.0)}), target=None),
    "values to predict": lambda: Dataset(
        pd.DataFrame({"a": np.arange(30.0), "y": np.arange(30.0)}), "a", "y"
    ),
    "gray pictures": lambda: pictures((8, 8, 1)),
    "color pictures of bytes": lambda: pictures((9, 12, 3), np.uint8),
    "large pictures": lambda: pictures((300, 200, 1)),
    "sequences": lambda: pictures((7, 2)),
    "inputs by name": lambda: Dataset(
        pd.DataFrame({"a": np.arange(30.0), "b": 1.0, "y": [0, 1] * 15}), {"p": "a", "q": "b"}, "y"
    ),
    "an autoencoder's": lambda: Dataset(pd.DataFrame({"a": np.arange(30.0)}), "a", "inputs"),
    "gaps, one value, words, dates and huge numbers": lambda: table(
        gap=[np.nan, 1.0] * 15, none=np.nan, same=3.0, huge=[1e308, -1e308] * 15, flag=[True, False] * 15,
        day=pd.date_range("2020", periods=30), kind=pd.Categorical(["x", None] * 15), big=2**60,
    ),
    "columns called by numbers": lambda: Dataset(pd.DataFrame({0: np.arange(30.0), 1: [0, 1] * 15}), [0], 1),
    "one row": lambda: Dataset(pd.DataFrame({"a": [1.0], "label": ["x"]})),
    "many classes": lambda: Dataset(
        pd.DataFrame({"a": np.arange(900.0), "label": [f"c{i}" for i in range(900)]})
    ),
}  # fmt: skip


@pytest.fixture
def browse() -> Iterator[Any]:
    opened: list[DatasetBrowser] = []

    def make(dataset: Any, **options: Any) -> DatasetBrowser:
        opened.append(dataset.browse(**options))
        return opened[-1]

    yield make
    for browser in opened:
        browser.close()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("cortex-lab")]


@pytest.mark.parametrize("kind", DATASETS)
def test_every_dataset_is_browsed_and_drawn_in_every_way(browse, kind) -> None:
    dataset = DATASETS[kind]()
    browser = browse(dataset)
    assert isinstance(browser, DatasetBrowser) and browser.layout == list(browser.views)
    assert list(browser.views) == [name for name in ALL if name in browser.views]
    assert ("class_balance" in browser.views) == (dataset.class_counts is not None)
    page = Page(browser)
    page.say("hello")
    wait_until(lambda: {*page.frames[0]["panels"]} >= {*browser.views} if page.frames else False, "a frame")
    for name, view in browser.views.items():
        assert page.last(name)["plots"] and not page.last(name)["note"], page.last(name)["note"]
        assert view.figure().data and len(view.frame()) and view.png(dpi=40)
    browser.selection = [int(dataset.rows[0])]
    assert browser.png().startswith(b"\x89PNG") and browser.wait().error is None
    mark = browser.views["dataset_rows"].drawing().plots[0].marks[0]
    assert isinstance(mark, Tiles if "pictures" in kind else Cells)
    assert mark.selected.tolist() == [dataset.rows[0]]
    assert "1 row" in repr(browser.selection) and browser.status == f"{dataset.name}: {len(dataset):,} rows"


def test_rows_are_those_of_the_part_from_the_place_that_is_asked_for() -> None:
    dataset = table().split(test=0.5, seed=3)
    view = DatasetRows(Shelf(dataset))
    view.first = 5
    assert view.frame().index.tolist() == dataset.rows[5:17].tolist()
    view.part = "test"
    assert view.first == 0 and view.frame().index.tolist() == dataset.test.rows[:12].tolist()
    view.first = 14
    assert view.frame().index.tolist() == dataset.test.rows[14:].tolist()
    for junk in (-1, 30, 0.5, "x"):
        with pytest.raises((TypeError, ValueError), match="first must be a whole number"):
            view.first = junk
    with pytest.raises((TypeError, ValueError), match="part must be"):
        view.part = "holdout"


def test_a_selection_goes_both_ways(browse) -> None:
    browser = browse(table())
    page = Page(browser)
    page.say("hello")
    page.change("selection", 1, rows=[4])
    page.say("pin", row=4)
    assert browser.wait().selection == [4] and browser.error is None
    browser.selection = [2, 3]
    wait_until(lambda: [2, 3] in page.changes("selection"), "the page to hear")
    with pytest.raises(IndexError, match="30"):
        browser.selection = [30]


def test_panels_of_a_browser_are_laid_out_as_asked(browse) -> None:
    browser = browse(table(), layout=["column_histograms"])
    assert browser.layout == ["column_histograms"]
    browser.layout = None
    assert browser.layout == ALL
    with pytest.raises(KeyError, match="there is no panel 'loss_curve'; there are dataset_rows"):
        browser.layout = ["loss_curve"]


def test_a_dataset_takes_no_steps(browse) -> None:
    browser = browse(table())
    for act in (browser.step, browser.run):
        act()
        assert isinstance(browser.wait().error, TypeError)
        assert "cl.train(network, dataset)" in str(browser.error)
    with pytest.raises(IndexError, match="moment: there is no step 3"):
        browser.moment = 3


@pytest.mark.parametrize("junk", [None, 3, pd.DataFrame({"a": [1.0]}), "digits"])
def test_only_a_dataset_is_browsed(junk) -> None:
    with pytest.raises(TypeError, match="dataset must be a Dataset such as"):
        DatasetBrowser(junk)


def test_a_bench_has_the_rows_of_its_dataset_too_once_somebody_opens_them() -> None:
    network = cl.Network([cl.Dense(3)], input_shape=(1,), seed=0)
    session = cl.train(network, table().split(test=0.5), batch_size=5)
    bench = Bench(session, map=False)
    try:
        assert set(ALL) <= set(bench.views) and not set(ALL) & set(bench.layout)
        bench.layout = [*bench.layout, "dataset_rows"]
        bench.selection = [3]
        assert bench.views["dataset_rows"].selection == [3]
    finally:
        bench.close()


def test_browsing_without_a_front_end_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "cortex_lab.widgets", None)
    with pytest.raises(ImportError, match=r"browsing needs Jupyter widgets: pip install 'cortex-lab\[lab\]'"):
        table().browse()
