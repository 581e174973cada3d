"""What all views share: rows and a step, in Python's copy, and in what pages and Python tell one another."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cortex_lab.data import Dataset
from cortex_lab.study import Session
from cortex_lab.widgets import Bench, Scatter, Tiles
from cortex_lab.widgets.chart.selection import Selection
from cortex_lab.widgets.linked import Linked
from tests.waiting import wait_until
from tests.widgets.session_kinds import KINDS, ROWS
from tests.widgets.toys import Page, ToyNetwork, ToySession, ToyTraining


@pytest.fixture
def open_bench() -> Iterator[Any]:
    benches: list[Bench] = []

    def make(session: Any = None, **options: Any) -> Bench:
        benches.append(Bench(session or ToySession(), **{"map": True, "interval": 0.02, **options}))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()


def with_table() -> ToySession:
    session = ToySession()
    frame = pd.DataFrame({"a": np.arange(40.0), "label": list("xy") * 20}, index=np.arange(100, 140))
    session.dataset = Dataset(frame, name="table").split(test=0.5)
    return session


# Without a page --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "rows"),
    [
        ([3, 5], [3, 5]),
        ((5, 3, 5), [5, 3]),
        (np.array([7], np.uint8), [7]),
        (range(0, 6, 2), [0, 2, 4]),
        (pd.Index([1, 2]), [1, 2]),
        (pd.Series([9, 8]), [9, 8]),
        (np.arange(40) == 11, [11]),
        (Selection([4]), [4]),
        ([], []),
        (None, []),
        (np.empty(0), []),
    ],
)
def test_rows_are_selected_in_whatever_they_are_given(open_bench, given, rows) -> None:
    bench = open_bench(ToySession() if not isinstance(given, np.ndarray) else with_table(), map=False)
    bench.selection = [1]
    bench.selection = given
    assert bench.selection == rows and list(bench.selection) == rows and len(bench.selection) == len(rows)
    assert all(view.selection == rows for view in bench.views.values())
    assert not rows or list(bench.session.dataset.select(bench.selection).rows) == rows


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ([40], IndexError, "40"),
        ([-1], IndexError, "-1"),
        ([0.5], (TypeError, ValueError), "whole numbers"),
        ("ab", (TypeError, ValueError), "rows must be row numbers, in a list or an array, got 'ab'"),
        (3, (TypeError, ValueError), "rows must be row numbers, in a list or an array, got 3"),
        ({3: 4}, (TypeError, ValueError), "rows must be row numbers"),
        ([[1, 2]], (TypeError, ValueError), "whole numbers"),
        ([None], (TypeError, ValueError), "whole numbers"),
        ([True, False], IndexError, "2 bools"),
        ([np.nan], (TypeError, ValueError), "whole numbers"),
    ],
)
def test_what_is_no_row_is_refused_and_changes_nothing(open_bench, given, error, told) -> None:
    bench = open_bench(with_table(), map=False)
    bench.selection = [2]
    with pytest.raises(error, match=told):
        bench.selection = given
    assert bench.selection == [2] and bench.error is None


def test_rows_that_a_part_of_a_dataset_has_not_are_none_of_it(open_bench) -> None:
    session = with_table()
    session.dataset = session.dataset.test
    absent = sorted(set(range(40)) - set(session.dataset.rows))[0]
    bench = open_bench(session, map=False)
    with pytest.raises(IndexError, match=f"row {absent} is not in 'table.test'"):
        bench.selection = [absent]


def test_without_a_dataset_there_are_no_rows_to_select(open_bench) -> None:
    bench = open_bench(Session(ToyTraining(ToyNetwork())), map=False)
    bench.selection = []
    with pytest.raises(
        LookupError, match=r"no dataset, so it has no rows to select; give cl\.train a Dataset"
    ):
        bench.selection = [1]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_every_kind_of_session_are_selected_by_their_numbers(open_bench, kind) -> None:
    session = KINDS[kind]()
    session.step(2)
    bench = open_bench(session, map=False, speed=None)
    shown = bench.views["batch_rows"].look().rows
    for given in (list(shown[:2]), np.array([7], np.uint8), range(3, 5), pd.Series([9, 8])):
        bench.selection = given
        assert list(bench.selection) == list(given)
        assert all(list(view.selection) == list(given) for view in bench.views.values())
    bench.pinned = bench.selection[0]
    assert bench.views["activations"].png(dpi=30)
    for junk in ([-1], [0.5], "ab", 3, [None], [[1, 2]]):
        with pytest.raises((IndexError, TypeError, ValueError), match="row"):
            bench.selection = junk
    if getattr(session, "dataset", None) is not None or hasattr(session.process.batches, "inputs"):
        bench.selection = np.arange(ROWS) == 11
        assert bench.selection == [11]
        for junk in ([ROWS], [True, False]):
            with pytest.raises(IndexError, match=str(ROWS)):
                bench.selection = junk
        assert bench.selection == [11]


def test_a_moment_is_a_step_the_session_has_been_at(open_bench) -> None:
    bench = open_bench()
    bench.session.step(150)
    for step in (120, np.int64(120), 0, 150, None):
        bench.moment = step
        assert bench.moment == step and all(view.moment == step for view in bench.views.values())
    bench.moment = 120
    for junk in ("soon", 1.5, True, np.nan, [3]):
        with pytest.raises((TypeError, ValueError), match="moment must be a whole number, got"):
            bench.moment = junk
    for step in (-1, 151, 10**9):
        told = f"moment: there is no step {step}; the session has gone from step 0 to step 150"
        with pytest.raises(IndexError, match=told):
            bench.moment = step
    assert bench.moment == 120


def test_a_moment_that_the_session_went_back_before_is_none(open_bench) -> None:
    bench = open_bench()
    bench.session.step(9)
    bench.moment = 7
    bench.rewind(8)
    assert bench.wait().moment == 7
    bench.rewind(5)
    wait_until(lambda: bench.wait().moment is None, "the moment to go")


def test_a_selection_of_a_million_rows_is_one(open_bench) -> None:
    session = ToySession()
    session.dataset = Dataset(pd.DataFrame({"a": np.zeros(10**6), "b": np.zeros(10**6)}), target=None)
    bench = open_bench(session, map=False)
    bench.selection = np.arange(10**6)
    assert len(bench.selection) == 10**6 and "1,000,000 rows" in repr(bench.selection)
    page = Page(bench)
    page.say("hello", visible=[])
    wait_until(lambda: page.changes("selection"), "the selection to be told")
    assert len(page.changes("selection")[-1]) == 10**6


def test_pictures_show_what_is_selected_and_the_moment(open_bench) -> None:
    pytest.importorskip("openTSNE")
    bench = open_bench()
    bench.session.step(20)
    views = (bench.loss_curve, bench.embedding_map, bench.activations)
    before = [view.png(dpi=50) for view in views]
    bench.selection, bench.moment = [bench.pinned, 4], 12
    for view, plain in zip(views, before, strict=True):
        assert view.png(dpi=50) != plain
        assert view.figure().data
    curve, points, tiles = (view.drawing().plots[0].marks for view in views)
    assert curve[-1].x.tolist() == [12, 12]
    assert isinstance(points[0], Scatter) and sorted(points[0].selected) == [0, 4]
    assert isinstance(tiles[0], Tiles) and tiles[0].selected.tolist() == [bench.pinned]
    bench.selection, bench.moment = [], None
    assert [view.png(dpi=50) for view in views[:1]] == before[:1]


# With a page ------------------------------------------------------------------------------------------------


def test_a_page_is_told_of_what_python_selects_and_of_all_of_it_when_it_comes_late(open_bench) -> None:
    bench = open_bench()
    bench.session.step(9)
    page = Page(bench)
    page.say("hello")
    bench.selection, bench.moment = [3, 1], 4
    wait_until(lambda: page.changes("selection") and page.changes("moment"), "the changes")
    assert page.changes("selection")[-1] == [3, 1] and page.changes("moment")[-1] == 4
    late = Page(bench, "late")
    late.say("hello")
    wait_until(lambda: late.changes("selection") and late.changes("moment"), "all of it")
    assert not late.changes("layout"), "nobody has changed the layout"


def test_what_a_page_selects_is_so_in_python_and_on_the_other_pages(open_bench) -> None:
    bench = open_bench()
    bench.session.step(9)
    page = Page(bench)
    page.say("hello")
    page.change("selection", 1, rows=[6, 2])
    page.change("moment", 2, value=5)
    page.change("layout", 3, value=["activations", "loss_curve"])
    page.change("enlarged", 4, value="activations")
    assert bench.selection == [6, 2] and bench.moment == 5
    assert bench.layout == ["activations", "loss_curve"] and bench.enlarged == "activations"
    wait_until(lambda: page.changes("enlarged") == ["activations"], "the others to hear of it")
    assert bench.error is None


def test_what_is_chosen_leaves_a_word_in_the_script(open_bench) -> None:
    bench = open_bench()
    bench.session.step(2)
    page = Page(bench)
    page.say("hello")
    page.change("selection", 1, rows=[6, 2])
    bench.moment, bench.layout, bench.enlarged = 1, ["loss_curve"], "loss_curve"
    said = [call for _, call in bench.session.remarks]
    assert said == ["bench.selection = [6, 2]", "bench.moment = 1", "bench.layout = ['loss_curve']",
                    "bench.enlarged = 'loss_curve'"]  # fmt: skip


def test_of_two_changes_the_later_holds_whoever_made_it(open_bench) -> None:
    bench = open_bench()
    page = Page(bench)
    page.say("hello")
    bench.selection = [1]
    bench.selection = [2]
    page.change("selection", 1, rows=[9])
    assert bench.selection == [2], "it was made before what is there"
    page.change("selection", 2, rows=[9])
    assert bench.selection == [9], "of two at once, that of the page"
    bench.selection = [3]
    page.change("selection", 2, rows=[9])
    assert bench.selection == [3]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("selection", {"rows": [99]}),
        ("selection", {"buffers": [b"abc"]}),
        ("selection", {"value": "all"}),
        ("moment", {"value": "soon"}),
        ("moment", {"value": 10**6}),
        ("layout", {"value": ["lstm"]}),
        ("layout", {"value": 5}),
        ("enlarged", {"value": {}}),
    ],
)
def test_a_page_that_says_what_cannot_be_is_told_what_is(open_bench, name, content) -> None:
    bench = open_bench()
    bench.selection, bench.enlarged = [1], "activations"
    was = bench.linked[name]
    page = Page(bench)
    page.say("hello")
    page.change(name, 50, **content)
    wait_until(lambda: [each for each in page.told if each["name"] == name], "the truth")
    told = [each for each in page.told if each["name"] == name][-1]
    assert told["number"] > 50 and bench.linked[name] == was and bench.error is None


@pytest.mark.parametrize(
    "message",
    [
        {"name": "secret", "number": 3, "value": 1},
        {"name": "moment", "number": "3", "value": None},
        {"name": "moment", "number": True, "value": None},
        {"name": "moment", "value": None},
        {},
    ],
)
def test_junk_from_a_page_is_passed_over(open_bench, message) -> None:
    bench = open_bench()
    page = Page(bench)
    page.say("hello")
    page.say("change", **message)
    assert bench.wait().error is None and bench.moment is None


def test_all_come_to_the_same_in_whatever_order_they_hear() -> None:
    """Three stores tell one another of changes, late and crosswise; in the end all hold the same."""
    shuffled = random.Random(0)

    def store(maker: str) -> Linked:
        return Linked({"moment": lambda value: value}, {"moment": None}, lambda name, value: None, maker)

    for _ in range(50):
        stores, wires = [store(maker) for maker in ("a", "b", "c")], [[], [], []]
        made = itertools.count(1)
        for _ in range(30):
            at = shuffled.randrange(3)
            if shuffled.random() < 0.4:
                stores[at].put("moment", next(made))
            elif wires[at]:
                stores[at].hear(wires[at].pop(shuffled.randrange(len(wires[at]))))
            for told, _ in stores[at].untold():
                for other in {0, 1, 2} - {at}:
                    wires[other].append({**told, "page": told["maker"]})
        for at, wire in enumerate(wires):
            shuffled.shuffle(wire)
            for message in wire:
                stores[at].hear(message)
        assert len({each["moment"] for each in stores}) == 1
