"""Two runs side by side: paired differences and distances of layers, computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.widgets import NothingToShow, RunComparison
from cortex_lab.widgets.chart.marks import Bars, Line
from tests.widgets import session_kinds
from tests.widgets.hand import linear


def test_distances_of_layers_are_those_computed_by_hand():
    x, y = np.eye(2), [[0.0], [0]]
    one, other = (linear(x, y, kernel, "mse") for kernel in ([[3.0], [4]], [[3.0], [5.5]]))
    line = RunComparison(one, other).frame().loc["dense_1"]
    assert (line.distance, line.norm, line.relative) == (1.5, 5, pytest.approx(0.3))


def test_branches_of_a_fork_are_compared_step_by_step():
    session = session_kinds.arrays()
    session.step(3)
    fork = session.fork(learning_rate=[0.001, 0.1])
    fork.step(4)
    view = RunComparison(fork[0], fork[1], names=tuple(fork.labels))
    steps, apart = view.look().paired
    assert steps.tolist() == [1, 2, 3, 4, 5, 6, 7] and (apart[:4] == 0).all() and apart[-1] != 0
    np.testing.assert_allclose(apart[3:], fork.difference().iloc[:, 1])
    distances = fork.distance().iloc[:, 1]
    whole = np.sqrt(np.square(distances[["dense_1/kernel", "dense_1/bias"]]).sum())
    assert view.frame().at["dense_1", "distance"] == pytest.approx(whole, rel=1e-6)
    curves, difference, layers = view.drawing().plots
    assert [mark.label for mark in curves.marks] == list(fork.labels) and isinstance(
        difference.marks[0], Line
    )
    assert isinstance(layers.marks[0], Bars) and layers.marks[0].names == ("dense_1", "dense_2")
    before = view.state(True)
    fork.step()
    assert view.state(True) != before and view.look().paired[0][-1] == 8
    view.key = "accuracy"
    assert view.drawing().plots[0].title == "accuracy"
    with pytest.raises(ValueError, match="key must be"):
        view.key = "epoch"


def test_runs_of_one_thing_are_not_apart():
    one, other = session_kinds.arrays(), session_kinds.arrays()
    for each in (one, other):
        each.step(5)
    view = RunComparison(one, other)
    assert (view.frame().distance == 0).all() and (view.look().paired[1] == 0).all()
    assert "of other less that of one, over the last 5: 0" in view.drawing().caption


def test_layers_of_other_shapes_are_named_and_networks_with_none_in_common_refused():
    one = session_kinds.arrays()
    assert RunComparison(one, session_kinds.regression()).look().unmatched == ("dense_2",)
    x = np.zeros((4, 3), np.float32)
    network = cl.Network([cl.Node(cl.Dense(2), "alone", ("input",))], {"input": (3,)}, seed=0)
    other = cl.train(network, (x, np.zeros(4, int)), "softmax_cross_entropy", batch_size=4)
    with pytest.raises(NothingToShow, match=r"no layer in common\.\n"):
        RunComparison(one, other).frame()


def test_weights_that_are_not_finite_are_counted():
    one, other = session_kinds.arrays(), session_kinds.arrays()
    other.network.parameters["dense_1/kernel"][0, 0] = np.nan
    chart = RunComparison(one, other).drawing()
    assert (
        chart.plots[2].detail.endswith("1 not finite") and np.isfinite(chart.plots[2].marks[0].values).all()
    )


def test_nothing_recorded_yet_draws_the_layers():
    chart = RunComparison(session_kinds.arrays(), session_kinds.arrays()).drawing()
    assert chart.caption.startswith("0 steps that both recorded") and len(chart.plots) == 3


@pytest.mark.parametrize("other", [3, "fork", session_kinds.KINDS])
def test_what_is_no_session_is_refused(other):
    with pytest.raises((TypeError, ValueError), match="other must be a session, such as a branch of a fork"):
        RunComparison(session_kinds.arrays(), other)


def drawn(view):
    chart = view.drawing()
    return [mark.label for mark in chart.plots[0].marks] if chart.plots else chart.note


def test_of_a_bench_two_branches_are_compared_or_one_with_the_session():
    session = session_kinds.arrays()
    session.step(3)
    view = RunComparison(session)
    assert "no other run to compare with.\nFork on the bench" in drawn(view)
    fork = session.fork(learning_rate=[0.001, 0.1])
    fork.step(2)
    view.over = dict(zip(fork.labels, fork, strict=True))
    assert drawn(view) == list(fork.labels)
    theirs = RunComparison(fork[0], fork[1])
    np.testing.assert_array_equal(view.look().paired[1], theirs.look().paired[1])
    np.testing.assert_array_equal(view.frame(), theirs.frame())
    before = view.state(True)
    view.first, view.second = 0, 2
    assert view.state(True) != before and drawn(view) == ["the session", fork.labels[1]]
    np.testing.assert_array_equal(view.frame(), RunComparison(session, fork[1]).frame())
    for first, second, told in ((1, 1, "beside itself"), (0, 3, "There is no run 3")):
        view.first, view.second = first, second
        assert told in drawn(view) and f"2 is {fork.labels[1]}" in drawn(view)
    view.over = {"alone": fork[0]}
    assert drawn(view) == ["the session", "alone"]
    # One of one's own comes before them.
    view.other = fork[1]
    assert drawn(view) == ["one", "other"]
    view.other, view.over = None, {}
    assert "no other run" in drawn(view)


def test_a_measure_that_the_other_does_not_record_is_named():
    session = session_kinds.arrays()
    view = RunComparison(session, key="accuracy")
    view.over = {"values": session_kinds.regression()}
    assert drawn(view) == "values does not record 'accuracy'.\nCompare another measure."


@pytest.mark.parametrize(("over", "told"), [(3, "over"), ({"a": 3}, r"over\['a'\]")])
def test_what_is_laid_over_is_sessions(over, told):
    with pytest.raises((TypeError, ValueError), match=told):
        RunComparison(session_kinds.arrays()).over = over


def test_names_are_two():
    with pytest.raises(ValueError, match="names are two"):
        RunComparison(session_kinds.arrays(), session_kinds.arrays(), names=("a", "b", "c"))
