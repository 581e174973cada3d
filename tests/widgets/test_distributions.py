"""How arrays are spread over the steps: what is kept, what it says, and what is not finite."""

from __future__ import annotations

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.widgets import Distributions
from cortex_lab.widgets.chart.heat_map import HeatMap
from cortex_lab.widgets.chart.marks import Line
from cortex_lab.widgets.chart.sketch import SAMPLED, edges_of, sampled, sketched
from cortex_lab.widgets.views.distributions import KINDS, MOST_MOMENTS
from tests.widgets import session_kinds
from tests.widgets.hand import linear


class TestSketches:
    def test_quantiles_and_shares_are_those_of_the_values(self):
        sketch = sketched(*sampled(np.arange(65.0)))
        np.testing.assert_allclose(sketch.quantiles, np.arange(65.0))
        np.testing.assert_allclose(sketch.shares(np.array([0, 16, 32, 64.0])), [0.25, 0.25, 0.5])
        # What is beyond the ends is in the last bin.
        np.testing.assert_allclose(sketch.shares(np.array([16, 32, 48.0])), [0.5, 0.5])

    def test_what_is_not_finite_is_counted_among_all_values_and_hides_nothing(self):
        values = np.zeros(10 * SAMPLED, np.float32)
        values[[3, 70, 9000]] = np.nan, np.inf, -np.inf
        sketch = sketched(*sampled(values))
        assert (sketch.size, sketch.lost) == (len(values), 3) and (sketch.quantiles == 0).all()
        lost = sketched(*sampled(np.full(4, np.nan)))
        assert lost.lost == 4 and np.isnan(lost.quantiles).all()
        assert np.isnan(lost.shares(np.array([0.0, 1.0]))).all()

    def test_large_finite_values_are_not_lost(self):
        assert sampled(np.full(9, 3e38, np.float32))[2] == 0

    def test_values_that_are_all_one_are_in_one_bin(self):
        sketch = sketched(*sampled(np.full(7, 2.5)))
        shares = sketch.shares(edges_of([sketch], 9))
        assert shares.max() == 1 and np.count_nonzero(shares) == 1

    def test_zero_lies_within_a_bin(self):
        sketches = [sketched(*sampled(np.array([-1.0, 0, 0, 0, 3])))]
        edges = edges_of(sketches, 40)
        assert (edges < 0).any() and np.abs(edges).min() > 1e-3
        assert edges[0] <= -1 and edges[-1] >= 3 and len(edges) == 42

    def test_no_values_have_edges_too(self):
        assert (
            len(edges_of([], 4)) == 5
            and np.isfinite(edges_of([sketched(*sampled(np.array([np.nan])))], 4)).all()
        )


class TestMoments:
    def test_weights_gradients_and_updates_are_those_computed_by_hand(self):
        session = linear([[1.0, 2], [3, 4]], [[0.0], [1]], [[1.0], [1]], "mse", optimizer=cl.SGD(0.1))
        view = Distributions(session)
        session.step()
        frame = view.frame().set_index(["kind", "step"])
        gradient = np.array([21.0, 30, 9])
        weights = np.array([1, 1, 0]) - 0.1 * gradient
        assert frame.at[("gradients", 1), "median"] == pytest.approx(21) and len(frame.loc["gradients"]) == 1
        assert frame.at[("weights", 1), "lowest"] == pytest.approx(weights.min(), rel=1e-5)
        assert frame.at[("weights", 1), "values"] == 3
        assert frame.at[("activations", 1), "lowest"] == 3 and frame.at[("activations", 1), "highest"] == 7

    def test_updates_are_means_from_one_kept_step_to_the_next(self):
        session = session_kinds.arrays()
        # What a snapshot costs, in seconds, says how often there is one.
        session.clock = lambda: 0.0
        view = Distributions(session)
        session.step(9)
        frame = view.frame().set_index(["kind", "step"])
        assert list(frame.loc["weights"].index) == [0, 4, 8, 9]
        assert list(frame.loc["updates"].index) == [4, 8, 9]
        four, eight = (session.network_at(step).parameters for step in (4, 8))
        moved = [(eight[name] - four[name]).ravel() / 4 for name in ("dense_1/kernel", "dense_1/bias")]
        assert frame.at[("updates", 8), "highest"] == pytest.approx(np.concatenate(moved).max(), rel=1e-4)

    def test_gradients_are_of_the_steps_looked_at_within_a_budget(self):
        session = session_kinds.arrays()
        view = Distributions(session)
        for _ in range(2 * MOST_MOMENTS):
            session.step()
            view.look()
        data = view.look()
        steps = list(data.found["gradients"])
        assert 20 < len(steps) <= MOST_MOMENTS and steps[0] == 1 and steps[-1] == 2 * MOST_MOMENTS
        # Two layers, two kinds, quantiles of eight bytes.
        assert data.nbytes <= 2 * 2 * MOST_MOMENTS * 65 * 8
        assert f"{MOST_MOMENTS} at most" in view.drawing().caption

    def test_what_was_gone_back_over_is_forgotten(self):
        session = session_kinds.arrays()
        view = Distributions(session)
        for _ in range(8):
            session.step()
            view.look()
        session.rewind(5)
        session.step(2)
        assert list(view.look().found["gradients"]) == [1, 2, 3, 4, 5, 7]

    def test_other_layers_have_been_kept_too(self):
        session = session_kinds.sequences()
        view = Distributions(session)
        for _ in range(3):
            session.step()
            view.look()
        view.node = "gru_1"
        assert list(view.look().found["activations"]) == [1, 2, 3]
        assert {plot.title for plot in view.drawing().plots} == set(KINDS)
        with pytest.raises(KeyError, match="there is no node 'gru'"):
            view.node = "gru"

    def test_nothing_is_kept_and_nothing_changes_before_somebody_looks(self):
        looked, alone = session_kinds.arrays(), session_kinds.arrays()
        view = Distributions(looked)
        assert not view._recorded.moments
        for _ in range(5):
            view.look()
            looked.step()
        alone.step(5)
        np.testing.assert_array_equal(looked.network.params, alone.network.params)


def test_what_is_not_finite_is_marked_at_its_step():
    session = session_kinds.arrays()
    session.step(4)
    view = Distributions(session, show="weights")
    session.network.parameters["dense_1/kernel"][0, :2] = np.nan
    chart = view.drawing()
    (plot,) = chart.plots
    heat, _, lost = plot.marks
    assert isinstance(heat, HeatMap) and isinstance(lost, Line) and lost.color == "fault"
    assert chart.caption.startswith("not finite: 2 of 36 weights at step 4") and "2 not finite" in plot.detail
    assert view.frame()["not finite"].tolist()[:2] == [0, 2]


def test_a_layer_without_parameters_has_activations_alone():
    session = session_kinds.several_inputs_and_outputs()
    view = Distributions(session, node="both")
    assert view.drawing().note == "Nothing is known of both yet: press Step"
    session.step()
    assert [plot.title for plot in view.drawing().plots] == ["activations"]


def test_as_ridges_each_step_has_a_curve_that_stands_at_it_and_is_as_high_as_its_share():
    session = session_kinds.arrays()
    session.clock = lambda: 0.0
    view = Distributions(session, "dense_1", "weights")
    view.form = "ridges"
    session.step(9)
    (plot,) = view.drawing().plots
    lines = [mark for mark in plot.marks if isinstance(mark, Line)]
    assert [line.key for line in lines] == [f"weights at step {step}" for step in (0, 4, 8, 9)]
    assert [line.faint for line in lines] == [True, True, True, False]
    heights = [line.y - step for line, step in zip(lines, (0, 4, 8, 9), strict=True)]
    # All shares of a step add up to the same, as do those of the others; the highest is two and a half apart.
    np.testing.assert_allclose([each.sum() for each in heights], heights[0].sum(), rtol=1e-5)
    assert max(each.max() for each in heights) == pytest.approx(2.5 * 4, rel=1e-5)
    session.step(200)
    assert len(view.drawing().plots[0].marks) == 12
    with pytest.raises(ValueError, match="form"):
        view.form = "pie"
