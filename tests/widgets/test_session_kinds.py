"""Every panel shows something of every kind of session that has rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cortex_lab.widgets import Activations, AlsoRecorded, EmbeddingMap, LossCurve
from cortex_lab.widgets.chart.canvas import pack
from cortex_lab.widgets.chart.marks import Bars, Cells, Chart, Line, Mark, Scatter, Tiles
from cortex_lab.widgets.opening import views_of
from tests.widgets import session_kinds
from tests.widgets.session_kinds import KINDS


def marks(chart: Chart, plot: str) -> list[Mark]:
    """The marks of the plot of this title."""
    return list(next(each for each in chart.plots if each.title == plot).marks)


def activations(session: Any, **options: Any) -> Chart:
    return Activations(session, **options).drawing()


@pytest.mark.parametrize("kind", KINDS)
def test_every_panel_shows_something(kind: str) -> None:
    session = KINDS[kind]()
    session.step(3)
    views = views_of(session, {}, without=set())
    fork = session.fork(learning_rate=[0.001, 0.01])
    fork.step(2)
    views["run_comparison"].over = dict(zip(fork.labels, fork, strict=True))
    for name, view in views.items():
        chart = view.drawing()
        assert not chart.note, (name, chart.note)
        assert chart.plots and len(view.figure().data)
        assert len(view.frame()) or name == "findings"
        assert view.png(dpi=30).startswith(b"\x89PNG") and pack(chart).meta["plots"]
    assert {"activations", "embedding_map", "loss_curve", "weight_histogram"} <= set(views)
    assert [name for name in views["activations"].drawing().summary.split() if name == "nan"] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_can_be_pinned_and_others_are_refused(kind: str) -> None:
    view = Activations(KINDS[kind]())
    rows = view._rows.numbers
    for row in (rows[0], rows[-1]):
        view.pinned = int(row)
        assert view.look().row == row
    with pytest.raises(IndexError, match="there is no row 999 in"):
        view.pinned = 999


class TestSequences:
    def test_a_recurrent_layer_shows_all_its_steps_though_it_hands_on_the_last(self):
        session = session_kinds.sequences()
        session.step(2)
        chart = activations(session, pinned=3)
        (hidden,) = marks(chart, "gru_1")
        assert isinstance(hidden, Tiles) and hidden.values.shape == (1, 4, 7)
        x = session_kinds._SEQUENCES[[3]]
        np.testing.assert_array_equal(
            hidden.values[0, :, -1], session.network.activations(x, ["gru_1"])["gru_1"][0]
        )
        (given,) = marks(chart, "row 3")
        np.testing.assert_array_equal(given.values[0], x[0].T)

    def test_a_step_under_way_is_not_disturbed(self):
        session = session_kinds.sequences()
        session.step(to="forward:gru_1")
        before = {name: values.copy() for name, values in session.buffers.items()}
        activations(session)
        for name, values in session.buffers.items():
            np.testing.assert_array_equal(values, before[name])

    def test_what_is_said_of_each_step_is_counted_or_drawn_beside_the_target(self):
        chart = activations(session_kinds.a_class_at_each_step())
        assert chart.plots[-1].detail.endswith("of 7 steps right")
        predicted, target = marks(activations(session_kinds.a_value_at_each_step(), pinned=5), "dense_1")
        assert isinstance(predicted, Line) and isinstance(target, Line)
        np.testing.assert_allclose(target.y, session_kinds._SEQUENCES[5].sum(axis=1), rtol=1e-5)


class TestRegression:
    def test_prediction_and_target_are_numbers(self):
        session = session_kinds.regression()
        session.step(4)
        view = Activations(session)
        (numbers,) = marks(view.drawing(), "dense_2")
        assert isinstance(numbers, Cells) and numbers.rows == ("price",)
        assert numbers.columns == ("predicted", "target")
        x, y = session.dataset.select([view.pinned]).arrays()
        np.testing.assert_allclose(numbers.values[0], [session.network.predict(x)[0, 0], y[0]], rtol=1e-5)

    def test_the_map_is_colored_by_target_and_says_from_where_to_where(self):
        session = session_kinds.regression()
        view = EmbeddingMap(session)
        (points,) = view.drawing().plots[0].marks
        assert isinstance(points, Scatter)
        targets = session.dataset.select(points.keys).arrays()[1]
        np.testing.assert_allclose(points.values, targets, rtol=1e-6)
        assert f"colored by price, {targets.min():.4g} to {targets.max():.4g}" in view.look().caption
        assert list(view.frame().columns) == ["x", "y", "price"]

    def test_there_is_no_empty_accuracy(self):
        for made in (session_kinds.regression, session_kinds.autoencoder):
            session = made()
            for steps in (0, 3):
                session.step(steps)
                view = LossCurve(session)
                assert "accuracy" not in [plot.title for plot in view.drawing().plots]

    def test_metrics_that_were_asked_for_are_drawn(self):
        session = session_kinds.regression()
        session.step(5)
        drawn = {mark.key: mark.y for plot in LossCurve(session).drawing().plots for mark in plot.marks}
        assert {"validation_r2", "validation_neg_mean_absolute_error"} < set(drawn)
        np.testing.assert_allclose(drawn["validation_r2"], session.trace["validation_r2"])


class TestSeveralInputsAndOutputs:
    def test_each_input_and_what_each_output_says_of_its_target(self):
        session = session_kinds.several_inputs_and_outputs()
        session.step(2)
        chart = activations(session, pinned=4)
        titles = [plot.title for plot in chart.plots]
        assert titles == ["numbers of row 4", "picture of row 4", "wide", "both", "kind", "price"]
        (bars,), (numbers,) = marks(chart, "kind"), marks(chart, "price")
        assert isinstance(bars, Bars) and bars.strong == 4 % 3
        assert isinstance(numbers, Cells)
        assert numbers.values[0, 1] == pytest.approx(40 + 9 * session_kinds._X[4, 0])

    def test_the_loss_of_each_output_is_drawn(self):
        session = session_kinds.several_inputs_and_outputs()
        session.step(3)
        assert AlsoRecorded(session).keys == ("loss['kind']", "loss['price']")


class TestAutoencoders:
    def test_the_reconstruction_is_a_picture_as_the_input_is(self):
        pictures = Activations(session_kinds.autoencoder()).look().layers
        assert [picture.kind for picture in pictures] == ["image", "vector", "image"]
        assert pictures[-1].name == "reshape_1" and pictures[-1].detail.startswith("off by")


class TestClasses:
    def test_rows_held_out_of_arrays_are_the_ones_to_look_at(self):
        session = session_kinds.arrays_with_a_fraction_held_out()
        view = EmbeddingMap(session)
        assert view.title == "Map of the validation rows"
        assert not set(view.look().rows) & set(session.process.batches.rows)

    def test_unknown_labels_have_a_color_of_their_own(self):
        (points,) = EmbeddingMap(session_kinds.some_labels_unknown()).drawing().plots[0].marks
        assert points.names == ("0", "1", "2", "unknown")
        np.testing.assert_array_equal(points.groups == 3, points.keys % 4 == 0)

    def test_yes_or_no_has_a_chance_for_each(self):
        session = session_kinds.yes_or_no()
        view = Activations(session)
        (bars,) = marks(view.drawing(), "dense_2")
        x, y = session.dataset.select([view.pinned]).arrays()
        chance = 1 / (1 + np.exp(-float(session.network.predict(x)[0, 0])))
        assert bars.names == ("early", "late") and bars.strong == int(y[0])
        np.testing.assert_allclose(bars.values, [1 - chance, chance], rtol=1e-5)


def test_dead_zero_and_not_finite_are_told_apart_and_counted():
    session = session_kinds.arrays()
    kernel, bias = session.network.parameters["dense_1/kernel"], session.network.parameters["dense_1/bias"]
    kernel[:, 2], bias[2] = 0, -1
    kernel[:, 4], bias[4] = 0, np.nan
    view = Activations(session)
    data = view.look()
    hidden = data.layers[1]
    assert hidden.dead.tolist() == [False, False, True, False, False, False] and hidden.odd == 1
    assert hidden.detail.startswith("1 dead, 6, ") and "zero" in hidden.detail
    chart = view.chart(data)
    assert chart.caption.startswith(
        "dead units (0 for all 40 rows looked at): 1 of 6 in dense_1; not finite: 1 in"
    )
    assert {entry.label for entry in chart.legend} >= {"dead: 0 for every row looked at", "not finite"}
    packed = pack(chart)
    assert packed.arrays["1.0.odd"].tolist() == [4] and packed.arrays["1.0.dead"].tolist() == [
        0,
        0,
        1,
        0,
        0,
        0,
    ]
    assert view.png(dpi=30) and view.figure()
