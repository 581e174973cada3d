"""What is said of each place of a plane, against regions known beforehand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.widgets import DecisionRegions, NothingToShow
from cortex_lab.widgets.chart.heat_map import HeatMap
from cortex_lab.widgets.chart.marks import Scatter
from tests.widgets import session_kinds
from tests.widgets.hand import linear

CORNERS = np.array([[-1.0, -1], [1, -1], [-1, 1], [1, 1]])


def drawn(view: DecisionRegions) -> tuple[HeatMap, Scatter]:
    heat, points = view.drawing().plots[0].marks
    assert isinstance(heat, HeatMap) and isinstance(points, Scatter)
    return heat, points


def test_each_place_has_the_class_of_its_larger_number_and_its_chance():
    # Class 1 where y > x, as sure as the softmax of the two.
    session = linear(CORNERS, [0, 0, 1, 1], np.eye(2))
    view = DecisionRegions(session)
    frame = view.frame()
    assert (frame["class"] == np.where(frame.y > frame.x, "1", "0"))[np.abs(frame.y - frame.x) > 1e-6].all()
    chance = 1 / (1 + np.exp(-np.abs(frame.y - frame.x)))
    np.testing.assert_allclose(frame.value, chance, rtol=1e-4)
    heat, points = drawn(view)
    assert heat.names == ("0", "1") and heat.values.shape == (64, 64) and heat.limits == (0.5, 1)
    assert points.keys.tolist() == [0, 1, 2, 3] and points.groups.tolist() == [0, 0, 1, 1] and points.pins
    assert heat.x[0] < -1 and heat.x[-1] > 1


def test_yes_or_no_has_two_regions():
    session = linear(CORNERS, [0, 1, 0, 1], [[1.0], [0]], "sigmoid_cross_entropy")
    frame = DecisionRegions(session).frame()
    assert set(frame["class"][frame.x > 0.01]) == {"yes"} and set(frame["class"][frame.x < -0.01]) == {"no"}


def test_values_are_shaded_from_the_lowest_to_the_highest():
    session = linear(CORNERS, [[0.0], [0], [0], [9]], [[2.0], [3]], "mse")
    view = DecisionRegions(session)
    np.testing.assert_allclose(
        view.frame().value, 2 * view.frame().x + 3 * view.frame().y, rtol=1e-4, atol=1e-5
    )
    heat, points = drawn(view)
    assert not len(heat.groups) and points.values.tolist() == [0, 0, 0, 9] and heat.limits[1] >= 9


def test_names_of_columns_stand_at_the_axes_and_a_click_is_of_a_row():
    frame = pd.DataFrame(CORNERS, columns=["height", "width"]).assign(kind=["a", "b", "a", "b"])
    data = cl.data.Dataset(frame, ["height", "width"], "kind")
    session = cl.train(
        cl.Network([cl.Dense(2)], 2, seed=0), data, "softmax_cross_entropy", batch_size=4, seed=0
    )
    plot = DecisionRegions(session).drawing().plots[0]
    assert (plot.x.label, plot.y.label) == ("height", "width") and plot.marks[0].names == ("a", "b")


def test_what_is_not_finite_is_a_gap_and_counted():
    session = linear(CORNERS, [0, 0, 1, 1], [[np.nan, 0], [0, 0]])
    view = DecisionRegions(session)
    assert set(view.frame()["class"]) == {"not finite"} and "4,096 of 4,096 answers" in view.drawing().caption
    assert np.isnan(drawn(view)[0].levels).all()


def test_unknown_labels_have_a_color_of_their_own():
    _, points = drawn(DecisionRegions(linear(CORNERS, [0, -1, 1, 1], np.eye(2))))
    assert points.names == ("0", "1", "unknown") and points.groups.tolist() == [0, 2, 1, 1]


def test_rows_that_are_all_one_place_are_drawn():
    assert np.isfinite(DecisionRegions(linear(np.ones((4, 2)), [0, 0, 1, 1], np.eye(2))).frame().x).all()


@pytest.mark.parametrize("kind", ["dataset", "sequences", "several_inputs_and_outputs"])
def test_other_inputs_are_for_another_view(kind: str):
    session: Any = session_kinds.KINDS[kind]()
    assert not DecisionRegions.fits(session)
    with pytest.raises(NothingToShow, match=r"for one input of two numbers, and here .*\n.*EmbeddingMap"):
        DecisionRegions(session).frame()
