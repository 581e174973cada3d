"""The rows selected are left out, count more or less, and get other labels: in the training that runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from cortex_lab.widgets import Bench, ClassBalance, ColumnHistograms
from cortex_lab.widgets.browser import Shelf
from tests.waiting import wait_until
from tests.widgets.session_kinds import KINDS, arrays, dataset, several_inputs_and_outputs
from tests.widgets.toys import Page, ToySession


@pytest.fixture
def open_bench() -> Iterator[Any]:
    benches: list[Bench] = []

    def make(session: Any) -> Bench:
        benches.append(Bench(session, map=False, interval=0.02, speed=None))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()


def served(session: Any, steps: int = 8) -> set[int]:
    found: set[int] = set()
    for _ in range(steps):
        session.step()
        found |= {*map(int, session.frame.index)}
    return found


@pytest.mark.parametrize("kind", ["dataset", "arrays", "several_inputs_and_outputs", "yes_or_no"])
def test_the_rows_selected_are_edits_of_the_training(open_bench, kind) -> None:
    session = KINDS[kind]()
    bench, rows = open_bench(session), [int(row) for row in session.process.batches.rows[:3]]
    bench.selection = rows
    bench.exclude()
    assert not served(session) & {*rows}
    bench.exclude([int(session.process.batches.rows[0])])
    left = [int(row) for row in session.process.batches.rows[:2]]
    bench.reweight(0.25, left)
    name, goal = bench._labeled(None)
    bench.relabel(goal.classes[1], left[:1])
    names = [event.name for event in session.events]
    assert names == ["excluded_rows", "excluded_rows", "row_weights", "labels"]
    assert session.events[2].value == {left[0]: 0.25, left[1]: 0.25}
    session.step(4)
    (relabeled,) = session.process.batches.relabeled_rows.values()
    assert [*relabeled] == left[:1]
    assert "excluded_rows" in str(session.script()) and bench.error is None
    session.rewind(0)
    assert session.events == [] and len(session.process.batches.excluded) == 0


def test_a_page_acts_on_what_is_selected_while_it_trains(open_bench) -> None:
    session = dataset()
    bench = open_bench(session)
    page, rows = Page(bench), [int(row) for row in session.process.batches.rows[:2]]
    page.say("hello")
    bench.run()
    page.change("selection", 1, rows=rows)
    page.say("rows", what="reweight", number=0.5)
    page.say("rows", what="relabel", number=2)
    page.say("rows", what="exclude")
    wait_until(lambda: len(session.events) == 3, "three edits")
    bench.pause()
    assert bench.wait().error is None and session.events[0].value == dict.fromkeys(rows, 0.5)
    assert session.events[1].value == dict.fromkeys(rows, "cow")
    assert bench.channel.panels["labels"] == ["ant", "bee", "cow"] and bench.channel.panels["trains"]
    page.say("rows", what="relabel", number=99)
    wait_until(lambda: isinstance(bench.wait().error, IndexError), "the refusal")


def test_a_dataset_is_changed_in_the_same_words(open_bench) -> None:
    session = dataset()
    bench = open_bench(session)
    bench.selection = [3, 5]
    data = session.dataset
    assert not {3, 5} & {*data.exclude(bench.selection).rows.tolist()}
    assert data.relabel((bench.selection, "cow")).frame["kind"].iloc[[3, 5]].tolist() == ["cow", "cow"]
    changed = data.reweight((bench.selection, 0.5))
    assert changed.frame[changed.weight].iloc[[3, 5]].tolist() == [0.5, 0.5]


def test_what_cannot_be_acted_on_is_said(open_bench) -> None:
    bench = open_bench(dataset())
    with pytest.raises(ValueError, match="no row is selected; select some on the page, or give rows="):
        bench.exclude()
    bench.selection = [1]
    with pytest.raises(ValueError, match="no class 'dog' to label rows as; 'dense_2' tells apart ant"):
        bench.relabel("dog")
    with pytest.raises((ValueError, TypeError), match="weight"):
        bench.reweight(-1)
    with pytest.raises(IndexError, match="10000"):
        bench.exclude([10000])
    assert bench.session.events == []
    toys = open_bench(ToySession())
    toys.selection = [1]
    with pytest.raises(LookupError, match="trains on no rows"):
        toys.exclude()
    assert toys.channel.panels["labels"] == [] and not toys.channel.panels["trains"]
    values = open_bench(KINDS["regression"]())
    with pytest.raises(LookupError, match="no output of this session tells classes apart"):
        values.relabel("ant", [1])
    several = open_bench(several_inputs_and_outputs())
    with pytest.raises((ValueError, KeyError), match="output"):
        several.relabel("1", [1], output="price")
    assert open_bench(arrays()).channel.panels["labels"] == ["0", "1", "2"]


def test_bars_stand_for_rows() -> None:
    session = dataset()
    shelf, data = Shelf(session.dataset), session.dataset
    plots = ClassBalance(shelf).chart(ClassBalance(shelf).look()).plots
    for plot in plots:
        (bars,), part = plot.marks, getattr(data, plot.title)
        kinds = dict(zip(part.rows.tolist(), part.frame["kind"], strict=True))
        for place, name in enumerate(bars.names):
            rows = bars.members[bars.starts[place] : bars.starts[place + 1]].tolist()
            assert rows == sorted(row for row, kind in kinds.items() if kind == name)
    for plot in ColumnHistograms(shelf).chart(ColumnHistograms(shelf).look()).plots:
        (bars,) = plot.marks
        lengths = np.diff(bars.starts)
        assert lengths.tolist() == bars.values.astype(int).tolist() and lengths.sum() == len(data)
        column = data.frame[plot.title].to_numpy()
        for place in range(len(bars.values)):
            mine = column[bars.members[bars.starts[place] : bars.starts[place + 1]]]
            if bars.edges is not None:
                assert ((mine >= bars.edges[place]) & (mine <= bars.edges[place + 1])).all()
            else:
                assert {*map(str, mine)} <= {bars.names[place]}
