"""Views of a search: what they show of its trials, and what they say where there are none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.search import Search
from cortex_lab.widgets import NothingToShow, ParallelCoordinates, SearchHistory, SearchSlices
from cortex_lab.widgets.chart.searched import Spread
from tests.widgets.cases import SomeTrials

VIEWS = (ParallelCoordinates, SearchHistory, SearchSlices)
X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)


def make(trial):
    rate = trial.suggest_float("rate", 1e-5, 1.0, log=True)
    activation = trial.suggest_categorical("activation", ["relu", "tanh"])
    net = cl.Network([cl.Dense(4, activation=activation), cl.Dense(2)], input_shape=3)
    return cl.train(net, (X, Y), optimizer=cl.Adam(rate), batch_size=30, validation=0.25)


@pytest.mark.parametrize("view_type", VIEWS)
def test_a_search_is_shown_as_it_goes_on(view_type):
    search = Search(make, metric="validation_accuracy", epochs=2)
    view = view_type(search)
    with pytest.raises(NothingToShow, match=r"No trial.*\n.*search.run"):
        view.frame()
    assert "search.run" in view.drawing().note
    search.run(3)
    before = view.state(exact=True)
    assert len(view.frame()) == 3 and f"of trial {search.best.number}" in view.drawing().caption
    search.run(1)
    assert view.state(exact=True) != before and len(view.frame()) == 4
    assert search.parameters == ["rate", "activation"]


@pytest.mark.parametrize("view_type", VIEWS)
def test_what_is_no_search_is_refused_by_name(view_type):
    for wrong in (None, make, pd.DataFrame(), cl.train(cl.Network([cl.Dense(2)], 3), (X, Y))):
        with pytest.raises(ValueError, match=r"search must be a search, such as cl\.search\.Search"):
            view_type(wrong)


@pytest.mark.parametrize("view_type", VIEWS)
def test_trials_without_a_value_are_counted_and_a_search_of_those_says_so(view_type):
    some = SomeTrials(9)
    assert "1 without a value" in view_type(some).drawing().caption
    assert view_type(some).frame()["value"].notna().all()
    some._frame["value"] = np.nan
    assert "why some failed" in view_type(some).drawing().note


def test_lines_go_from_the_worst_to_the_best_and_those_pruned_stand_back():
    some = SomeTrials(12)
    mark = ParallelCoordinates(some).drawing().plots[0].marks[0]
    frame = some.frame().dropna(subset=["value"])
    assert mark.names == ("rate", "units", "<kind>", "wide", "validation_loss")
    assert mark.told[-1].startswith(f"trial {frame['value'].idxmin()}: ")
    np.testing.assert_allclose(mark.places[:, -1], sorted(mark.places[:, -1], reverse=True))
    order = frame.sort_values("value", ascending=False).index
    pruned = (frame.loc[order, "state"] == "pruned").to_numpy()
    np.testing.assert_array_equal(np.isnan(mark.levels), pruned)
    rates = np.log(frame.loc[order, "rate"])
    np.testing.assert_allclose(mark.places[:, 0], (rates - rates.min()) / (rates.max() - rates.min()))
    # One that was not asked for has a gap.
    np.testing.assert_array_equal(np.isnan(mark.places[:, 3]), frame.loc[order, "wide"].isna())


@pytest.mark.parametrize("rising", [False, True])
def test_the_best_so_far_is_that_of_trials_that_ended(rising):
    some = SomeTrials(12)
    some.rising = rising
    line = SearchHistory(some).drawing().plots[0].marks[1]
    frame = some.frame().dropna(subset=["value"])
    done = frame["value"].where(frame["state"] == "complete")
    wanted = (done.cummax() if rising else done.cummin()).ffill()
    np.testing.assert_allclose(line.y, wanted)


def test_slices_show_one_parameter_or_the_first_four():
    some = SomeTrials(12)
    view = SearchSlices(some)
    plots = view.drawing().plots
    assert [plot.title for plot in plots] == some.parameters and plots[0].x.log
    assert plots[2].x.label == "<kind> (0 <b>tanh, 1 relu)"
    asked = some.frame().dropna(subset=["value", "wide"]).index
    np.testing.assert_array_equal(plots[3].marks[0].keys, asked)
    view.parameter = "units"
    assert [plot.title for plot in view.drawing().plots] == ["units"]
    with pytest.raises(ValueError, match="parameter must be 'all', 'rate'"):
        view.parameter = "ratte"


COLUMNS = {
    "numbers": (pd.Series([1.0, 3.0, 2.0]), [0, 1, 0.5], ["1", "2", "3"]),
    "far apart": (pd.Series([1e-4, 1e-2, 1e-3]), [0, 1, 0.5], ["0.0001", "0.001", "0.01"]),
    "all alike": (pd.Series([2, 2]), [0.5, 0.5], ["1", "2", "3"]),
    "words": (pd.Series(["b", "a", None]), [1, 0, np.nan], ["a", "b"]),
    "flags": (pd.Series([True, False]), [1, 0], ["False", "True"]),
    "one word": (pd.Series(["adam"]), [0], ["adam"]),
    "both": (pd.Series([1, "auto"], dtype=object), [0, 1], ["1", "auto"]),
}


@pytest.mark.parametrize("case", COLUMNS)
def test_where_values_lie_on_an_axis(case):
    column, shares, ticks = COLUMNS[case]
    spread = Spread.of(column, "it")
    np.testing.assert_allclose(spread.shares, shares, atol=1e-9)
    assert [text for _, text in spread.ticks] == ticks
