"""What a network takes for what, and how far its values are off, on numbers computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support, r2_score

import cortex_lab as cl
from cortex_lab.widgets import ConfusionMatrix, NothingToShow, PredictedValues
from cortex_lab.widgets.chart.canvas import pack
from cortex_lab.widgets.chart.matrix import Matrix
from tests.widgets import session_kinds
from tests.widgets.hand import linear, three_classes


def cells(view: ConfusionMatrix) -> Matrix:
    (mark,) = view.drawing().plots[0].marks
    assert isinstance(mark, Matrix)
    return mark


class TestConfusionMatrix:
    def test_counts_and_scores_are_those_computed_by_hand(self):
        view = ConfusionMatrix(three_classes())
        frame = view.frame()
        assert frame[["0", "1", "2"]].to_numpy().tolist() == [[1, 0, 1], [1, 1, 0], [0, 0, 2]]
        np.testing.assert_allclose(frame.precision, [1 / 2, 1, 2 / 3])
        np.testing.assert_allclose(frame.recall, [1 / 2, 1 / 2, 1])
        np.testing.assert_allclose(frame.f1, [1 / 2, 2 / 3, 4 / 5])
        assert "accuracy 66.7%" in view.drawing().caption and "all 6 training rows" in view.drawing().caption

    def test_each_cell_stands_for_its_rows(self):
        mark = cells(ConfusionMatrix(three_classes()))
        found = {(i, j): mark.members_of(i, j).tolist() for i in range(3) for j in range(3)}
        wanted = {(0, 0): [0], (0, 2): [5], (1, 0): [1], (1, 1): [2], (2, 2): [3, 4]}
        assert {cell: rows for cell, rows in found.items() if rows} == wanted
        assert mark.texts == ("1", "", "1", "1", "1", "", "", "", "2")
        packed = pack(ConfusionMatrix(three_classes()).drawing())
        assert packed.arrays["0.0.members"].tolist() == [0, 5, 1, 2, 3, 4]
        assert packed.arrays["0.0.starts"].tolist() == [0, 1, 1, 2, 3, 4, 4, 4, 4, 6]

    def test_it_agrees_with_scikit_learn(self):
        session = session_kinds.arrays()
        session.step(5)
        x, y = session_kinds._X, session_kinds._CLASSES
        said = session.network.predict(x).argmax(axis=1)
        frame = ConfusionMatrix(session).frame()
        np.testing.assert_array_equal(frame[["0", "1", "2"]], confusion_matrix(y, said))
        scores = precision_recall_fscore_support(y, said, zero_division=np.nan)[:3]
        np.testing.assert_allclose(frame[["precision", "recall", "f1"]].to_numpy().T, scores)

    def test_what_is_not_finite_is_said_to_be_nothing(self):
        session = three_classes()
        session.network.parameters["dense_1/kernel"][2] = np.nan
        frame = ConfusionMatrix(session).frame()
        assert frame["not finite"].tolist() == [2, 2, 2] and np.isnan(frame.precision).all()
        assert frame.recall.tolist() == [0, 0, 0]

    def test_several_labels_have_a_line_each(self):
        x = [[1.0, -1], [1, 1], [-1, 1], [-1, -1]]
        session = linear(x, [[1.0, 0], [0, 1], [0, 0], [1, 0]], np.eye(2), "sigmoid_cross_entropy")
        view = ConfusionMatrix(session)
        assert view.frame().iloc[:, :4].to_numpy().tolist() == [[1, 1, 1, 1], [2, 1, 0, 1]]
        np.testing.assert_allclose(view.frame()[["precision", "recall"]], [[0.5, 0.5], [0.5, 1]])
        assert cells(view).members_of(0, 1).tolist() == [1]

    def test_yes_or_no_is_two_classes(self):
        session = linear([[2.0], [-1], [3], [-4]], [1, 1, 0, 0], [[1.0]], "sigmoid_cross_entropy")
        assert ConfusionMatrix(session).frame()[["no", "yes"]].to_numpy().tolist() == [[1, 1], [1, 1]]

    def test_of_many_classes_those_mistaken_most_are_drawn(self):
        true = np.arange(30)
        said = np.where(true == 29, 0, true)
        session = linear(np.eye(30)[said], true, np.eye(30))
        view = ConfusionMatrix(session)
        mark = cells(view)
        assert len(mark.rows) == 20 and "29" in mark.rows and "the 20 of 30 classes" in view.drawing().caption
        assert mark.members_of(mark.rows.index("29"), 0).tolist() == [29] and len(view.frame()) == 30

    def test_another_part_and_rows_with_other_labels(self):
        session = session_kinds.dataset()
        view = ConfusionMatrix(session)
        assert [knob.choices for knob in view.knobs] == [("test", "training")]
        view.part = "training"
        names = session.dataset.classes
        before = view.look().counts
        row = int(view.look().members[0][0])
        session.edit("labels", {row: names[1]})
        after = view.look().counts
        assert after[0, 0] == before[0, 0] - 1 and after[1, 0] == before[1, 0] + 1
        session.edit("excluded_rows", [row])
        assert view.look().counts.sum() == before.sum() - 1
        with pytest.raises(ValueError, match="'trainin'"):
            view.part = "trainin"

    def test_values_are_for_another_view(self):
        with pytest.raises(
            NothingToShow, match=r"'dense_2' is asked for values\.\n.*PredictedValues\(session\)"
        ):
            ConfusionMatrix(session_kinds.regression()).frame()
        with pytest.raises(NothingToShow, match=r"\n.*ConfusionMatrix\(session\)"):
            PredictedValues(session_kinds.arrays()).frame()


class TestPredictedValues:
    def test_values_residuals_and_what_is_said_of_them(self):
        session = linear([[1.0], [2], [3], [4]], [[1.0], [2], [5], [4]], [[1.0]], "mse")
        view = PredictedValues(session)
        frame = view.frame()
        assert frame.predicted.tolist() == [1, 2, 3, 4] and frame.residual.tolist() == [0, 0, -2, 0]
        data, chart = view.look(), view.drawing()
        assert data.r2 == pytest.approx(r2_score(data.truth, data.said))
        assert "mean error 0.5, root mean square 1, R² 0.6" in chart.caption
        points, bars = chart.plots[0].marks[1], chart.plots[1].marks[0]
        assert points.keys.tolist() == [0, 1, 2, 3] and points.pins
        assert bars.values.sum() == 4 and bars.values[len(bars.values) // 2] == 3

    def test_what_is_not_finite_is_counted_and_left_out(self):
        session = linear([[1.0], [2]], [[1.0], [2]], [[np.inf]], "mse")
        view = PredictedValues(session)
        assert view.look().lost == 2 and not len(view.frame())
        assert "2 predictions are not finite" in view.drawing().caption

    def test_several_values_are_told_apart_by_color(self):
        view = PredictedValues(session_kinds.regression_of_several_values())
        assert set(view.frame().column) == {"price", "size"}
        assert view.drawing().plots[0].marks[1].names == ("price", "size")


def test_a_sample_stands_for_many_rows_and_always_the_same():
    x = np.ones((5000, 1), np.float32)
    session = linear(x, np.zeros(5000, int), np.ones((1, 2)), batch_size=100)
    view = ConfusionMatrix(session)
    assert "a sample of 2,000 of 5,000 training rows" in view.drawing().caption
    assert view.frame().iloc[:, :2].to_numpy().sum() == 2000
    rows = np.concatenate(view.look().members)
    np.testing.assert_array_equal(rows, np.concatenate(ConfusionMatrix(session).look().members))


def test_the_training_is_left_as_it_is():
    session = session_kinds.dataset()
    session.step(to="loss")
    before = {name: values.copy() for name, values in session.buffers.items()}
    ConfusionMatrix(session).drawing()
    for name, values in session.buffers.items():
        np.testing.assert_array_equal(values, before[name])


def test_a_layer_that_only_trains_does_nothing_here():
    x = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    network = cl.Network([cl.Dropout(0.5), cl.Dense(3)], 4, seed=0)
    session = cl.train(network, (x, np.arange(40) % 3), "softmax_cross_entropy", batch_size=10)
    assert ConfusionMatrix(session).frame().equals(ConfusionMatrix(session).frame())
