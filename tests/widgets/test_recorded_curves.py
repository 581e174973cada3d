"""Everything that is recorded, on any scale, along anything, with what was done marked, beside other runs."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.study import Probe, Trace
from cortex_lab.widgets import RecordedCurves
from cortex_lab.widgets.chart.marks import Line, Scatter
from tests.widgets import session_kinds
from tests.widgets.hand import linear


def recorded() -> Any:
    session = session_kinds.several_inputs_and_outputs()
    for key in ("grad_norm", "grad_norm['wide']", "update_ratio"):
        session.record(Probe(key))
    return session


def lines(view: RecordedCurves) -> dict[str, Line]:
    return {mark.key: mark for plot in view.drawing().plots for mark in plot.marks if isinstance(mark, Line)}


def events(view: RecordedCurves) -> list[str]:
    marks = [mark for mark in view.drawing().plots[0].marks if isinstance(mark, Scatter)]
    return [mark.told(point) for mark in marks for point in range(len(mark.x))]


class TestLines:
    def test_each_kind_of_measure_has_a_plot_and_each_measure_a_line(self):
        session = recorded()
        session.step(7)
        view = RecordedCurves(session)
        assert view.kinds == ("loss", "accuracy", "learning_rate", "grad_norm", "update_ratio")
        drawn = lines(view)
        for key in (
            "loss",
            "loss['kind']",
            "loss['price']",
            "grad_norm",
            "grad_norm['wide']",
            "update_ratio",
        ):
            np.testing.assert_array_equal(drawn[key].y, session.trace[key])
            np.testing.assert_array_equal(drawn[key].x, session.trace["step"])
        assert [drawn[key].label for key in ("loss", "loss['kind']", "update_ratio")] == ["all", "kind", ""]
        view.show = "grad_norm"
        assert [plot.title for plot in view.drawing().plots] == ["grad norm"]
        with pytest.raises(ValueError, match="show must be 'all'"):
            view.show = "gradnorm"

    def test_validation_lies_beside_training(self):
        session = session_kinds.regression()
        session.step(5)
        drawn = lines(RecordedCurves(session))
        assert (drawn["loss"].label, drawn["validation_loss"].label) == ("training", "validation")
        np.testing.assert_array_equal(
            drawn["validation_loss"].y, session.trace.recorded("validation_loss")[1]
        )

    def test_a_smooth_line_is_the_mean_of_the_last_values(self):
        session = session_kinds.regression()
        session.step(6)
        view = RecordedCurves(session, smooth=3)
        loss = session.trace["loss"]
        means = [loss[max(0, end - 3) : end].mean() for end in range(1, 7)]
        drawn = lines(view)
        np.testing.assert_allclose(drawn["loss"].y, means)
        np.testing.assert_array_equal(
            drawn["validation_loss"].y, session.trace.recorded("validation_loss")[1]
        )
        np.testing.assert_array_equal(drawn["learning_rate"].y, session.trace["learning_rate"])
        with pytest.raises(ValueError, match="smooth must be"):
            view.smooth = 0

    def test_along_epochs_or_seconds_and_on_a_scale(self):
        session = session_kinds.arrays()
        session.step(8)
        view = RecordedCurves(session)
        for along in ("epoch", "seconds"):
            view.across = along
            drawn = lines(view)["loss"]
            np.testing.assert_array_equal(drawn.x, session.trace[along])
            assert view.drawing().plots[0].x.label == along and list(view.frame().columns) == [
                "key",
                along,
                "value",
            ]
        view.scale = "log"
        assert all(plot.y.log for plot in view.drawing().plots)
        view.scale = "linear"
        assert not any(plot.y.log for plot in view.drawing().plots)

    def test_a_million_rows_are_thinned_and_every_peak_stays(self):
        session = session_kinds.arrays()
        steps = np.arange(1.0, 1_000_001)
        loss = np.ones(len(steps))
        loss[777_777] = 50.0
        trace = Trace.of({"step": steps, "seconds": steps, "loss": loss})
        view = RecordedCurves(session, show="loss", over={"long": trace})
        line = lines(view)["long:loss"]
        assert len(line.x) <= 1000 and line.y.max() == 50

    def test_nothing_is_drawn_of_no_steps(self):
        view = RecordedCurves(session_kinds.arrays())
        assert view.drawing().note == "no steps yet: press Step" and not len(view.frame())

    def test_a_loss_that_is_nan_leaves_a_gap(self):
        session = session_kinds.arrays()
        session.step(4)
        session.trace._columns["loss"][2] = np.nan
        assert lines(RecordedCurves(session))["loss"].x.tolist() == [1, 2, 4]


class TestWhatWasDone:
    def test_edits_and_rewinds_are_marked_at_their_steps(self):
        session = session_kinds.arrays()
        view = RecordedCurves(session)
        session.step(3)
        session.edit("learning_rate", 0.5)
        session.edit("excluded_rows", [1, 2])
        session.step(4)
        session.rewind(5)
        assert events(view) == ["step 3: edit", "step 3: edit", "step 5: rewind"]
        assert view.drawing().caption.startswith(
            "learning_rate to 0.5 at step 3; excluded_rows to 2 rows at step 3"
        )
        session.rewind(2)
        assert events(view) == ["step 2: rewind"]

    def test_a_fault_is_marked_where_the_update_was_held_back(self):
        session = linear(np.ones((4, 1)), np.ones((4, 1)), [[1.0]], "mse", optimizer=cl.SGD(0.1))
        session.step(2)
        session.network.params[...] = np.nan
        session.step()
        view = RecordedCurves(session)
        assert events(view)[-1] == "step 2: fault"

    def test_a_breakpoint_is_marked_where_it_stopped_the_training(self):
        session = session_kinds.arrays()
        view = RecordedCurves(session)
        session.break_when("step >= 3")
        session.step(10)
        assert events(view) == [f"step {session.step_number}: breakpoint"]
        assert view.drawing().caption.startswith("stopped by breakpoint 1")

    def test_a_view_that_nobody_holds_is_told_no_more(self):
        session = session_kinds.arrays()
        view = RecordedCurves(session)
        held, count = weakref.ref(view), len(session._subscribers._all)
        del view
        gc.collect()
        assert held() is None
        session.rewind(0)
        session.step(2)
        session.rewind(1)
        assert len(session._subscribers._all) < count


class TestOtherRuns:
    def test_branches_lie_behind_in_colors_of_their_own(self):
        session = session_kinds.arrays()
        session.step(5)
        fork = session.fork(learning_rate=[0.1, 0.2])
        fork.step(3)
        view = RecordedCurves(session, over={"0.1": fork[0], "0.2": fork[1].trace})
        before = view.state(True)
        drawn = lines(view)
        np.testing.assert_array_equal(drawn["0.1:loss"].y, fork[0].trace["loss"])
        assert (
            drawn["0.1:loss"].faint
            and len({drawn[key].color for key in ("loss", "0.1:loss", "0.2:loss")}) == 3
        )
        fork.step()
        assert view.state(True) != before and lines(view)["0.2:loss"].x[-1] == 9

    @pytest.mark.parametrize("over", [{"a": 3}, [1], "fork"])
    def test_what_is_no_run_is_refused(self, over):
        with pytest.raises((TypeError, ValueError), match="over"):
            RecordedCurves(session_kinds.arrays(), over=over)
