"""Curves and areas are those of scikit-learn, and chances are held against what came of them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from cortex_lab.widgets import Reliability
from cortex_lab.widgets.views.reliability import binned, calibration_error, curves_of
from tests.widgets import session_kinds
from tests.widgets.hand import linear, three_classes


@pytest.mark.parametrize("levels", [3, 1000])
def test_curves_and_areas_agree_with_scikit_learn(levels):
    """With many rows of one chance, and with hardly any."""
    random = np.random.default_rng(levels)
    chances = random.integers(0, levels, 200) / levels
    truth = random.random(200) < 0.2 + 0.6 * chances
    found = curves_of(chances, truth)
    assert found.area == pytest.approx(roc_auc_score(truth, chances))
    assert found.average_precision == pytest.approx(average_precision_score(truth, chances))
    fallout, recall, _ = roc_curve(truth, chances, drop_intermediate=False)
    np.testing.assert_allclose(found.fallout, fallout)
    np.testing.assert_allclose(found.recall, recall)
    precision, _, _ = precision_recall_curve(truth, chances)
    np.testing.assert_allclose(found.precision, precision[::-1])


def test_long_curves_are_thinned_and_their_areas_are_not():
    chances = np.random.default_rng(0).random(5000)
    truth = chances > 0.5
    truth[:50] = ~truth[:50]
    found = curves_of(chances, truth)
    assert len(found.recall) == 300 and found.recall[-1] == 1
    assert found.area == pytest.approx(roc_auc_score(truth, chances))


def test_a_class_alone_has_no_curves():
    assert curves_of(np.array([0.2, 0.9]), np.array([True, True])) is None
    assert curves_of(np.array([0.2, 0.9]), np.array([False, False])) is None


def test_the_calibration_error_is_the_one_computed_by_hand():
    chances, right = np.array([0.95, 0.95, 0.65, 0.61, 1.0]), np.array([True, False, True, True, True])
    counts, said, share = binned(chances, right)
    assert counts.tolist() == [0] * 6 + [2, 0, 0, 3]
    np.testing.assert_allclose(said[[6, 9]], [0.63, 2.9 / 3])
    np.testing.assert_allclose(share[[6, 9]], [1, 2 / 3])
    assert calibration_error(chances, right) == pytest.approx((2 * 0.37 + 3 * 0.3) / 5)
    assert np.isnan(calibration_error(np.empty(0), np.empty(0, bool)))


class TestView:
    def test_each_class_is_judged_by_what_the_network_says(self):
        session = session_kinds.arrays()
        session.step(5)
        scores = session.network.predict(session_kinds._X).astype(float)
        chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        frame = Reliability(session).frame()
        for place in range(3):
            truth = place == session_kinds._CLASSES
            assert frame["area under ROC"].iloc[place] == pytest.approx(
                roc_auc_score(truth, chances[:, place])
            )
        assert frame["rows"].tolist() == [14, 13, 13]

    def test_each_class_has_a_line_and_one_can_be_looked_at_alone(self):
        view = Reliability(session_kinds.dataset())
        calibration, roc, recall = view.drawing().plots
        assert (
            [mark.label for mark in roc.marks[1:]]
            == ["ant", "bee", "cow"]
            == [mark.label for mark in recall.marks]
        )
        view.focus = "bee"
        _, roc, recall = view.drawing().plots
        assert [mark.label for mark in recall.marks] == ["bee"] and [mark.color for mark in recall.marks] == [
            1
        ]
        assert calibration.marks[0].values.sum() == pytest.approx(1)
        with pytest.raises(ValueError, match="focus must be 'all classes', 'ant', 'bee' or 'cow'"):
            view.focus = "elk"

    def test_yes_or_no_has_one_curve_and_several_labels_one_each(self):
        assert len(Reliability(session_kinds.yes_or_no()).drawing().plots[2].marks) == 1
        assert len(Reliability(session_kinds.several_labels()).drawing().plots[2].marks) == 4

    def test_what_is_not_finite_and_what_is_unknown_is_left_out_and_counted(self):
        session = three_classes()
        session.network.parameters["dense_1/kernel"][0] = np.nan
        session.network.parameters["dense_1/kernel"][0] *= np.array([np.nan, 0, 0])
        view = Reliability(session)
        assert "6 answers are not finite" in view.drawing().caption and view.frame()["rows"].tolist() == [
            0,
            0,
            0,
        ]
        assert len(Reliability(session_kinds.some_labels_unknown()).look().right) == 30

    def test_one_class_says_that_it_has_no_curves(self):
        view = Reliability(linear(np.ones((4, 1)), np.zeros(4, int), np.ones((1, 2))))
        assert "one class alone has no curves" in view.drawing().caption
        assert view.frame()["area under ROC"].isna().all()
