"""Rows worth a look come in the order that was asked for, and buttons make edits of the rows selected."""

from __future__ import annotations

import numpy as np
import pytest

from cortex_lab.widgets import Bench, ConfusionMatrix, SampleBrowser
from cortex_lab.widgets.chart.buttons import Buttons
from cortex_lab.widgets.chart.marks import Cells, Tiles
from cortex_lab.widgets.chart.selection import Selection
from cortex_lab.widgets.views.sample_browser import CHANGED, LABELS, LOSS, MARGIN, SELECTED, confident_errors
from tests.widgets import session_kinds
from tests.widgets.hand import linear, three_classes
from tests.widgets.toys import Page


def chances(scores: np.ndarray) -> np.ndarray:
    found = np.exp(scores)
    return found / found.sum(axis=1, keepdims=True)


SURE = np.array([4.0, 1.0, 2.0, 3.0, 0.5, 5.0])
SAID, TRUE = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 2, 2, 0])
CHANCES = chances(SURE[:, None] * np.eye(3)[SAID])


class TestOrders:
    def test_losses_are_those_computed_by_hand_the_highest_first(self):
        frame = SampleBrowser(three_classes()).frame()
        losses = -np.log(CHANCES[np.arange(6), TRUE])
        assert frame.index.tolist() == np.argsort(-losses).tolist() == [5, 1, 4, 2, 3, 0]
        np.testing.assert_allclose(frame.loss, losses[frame.index], rtol=1e-5)
        assert frame.label.tolist() == [str(TRUE[row]) for row in frame.index]
        assert frame.said.tolist() == [str(SAID[row]) for row in frame.index]

    def test_the_margin_is_from_the_likeliest_to_the_next(self):
        frame = SampleBrowser(three_classes(), order=MARGIN).frame()
        ranked = np.sort(CHANCES, axis=1)
        margins = ranked[:, 2] - ranked[:, 1]
        assert frame.index.tolist() == np.argsort(margins).tolist()
        np.testing.assert_allclose(frame.margin, np.sort(margins), rtol=1e-5)

    def test_what_changed_since_an_epoch_ago(self):
        session = session_kinds.arrays()
        session.step(9)
        view = SampleBrowser(session, order=CHANGED)
        frame, since = view.frame(), view.look().since
        # Batches of 10 of 40 rows: an epoch ago is step 5, and every fourth step was kept.
        assert since == 4
        x = session_kinds._X
        now, then = (chances(session.network_at(step).predict(x).astype(float)) for step in (9, since))
        moved = np.abs(now - then).sum(axis=1) / 2
        np.testing.assert_allclose(frame.changed.sort_index(), moved, rtol=1e-3, atol=1e-6)
        assert frame.changed.is_monotonic_decreasing and "since step 4" in view.drawing().caption

    def test_nothing_has_changed_at_first(self):
        assert (SampleBrowser(session_kinds.arrays(), order=CHANGED).frame().changed == 0).all()

    def test_labels_in_doubt_are_found_where_another_class_is_as_sure_as_usual(self):
        # Usual chances of class 0: (0.9 + 0.8 + 0.1) / 3 = 0.6, of class 1: (0.7 + 0.35) / 2 = 0.525.
        first = np.array([0.9, 0.8, 0.1, 0.3, 0.65])
        doubt, other = confident_errors(np.stack([first, 1 - first], 1), np.array([0, 0, 0, 1, 1]))
        np.testing.assert_allclose(doubt, [0, 0, 0.8, 0, 0.3], atol=1e-12)
        assert other[[2, 4]].tolist() == [1, 0]

    def test_unknown_labels_and_answers_that_are_not_finite_are_in_no_doubt(self):
        answers = np.array([[0.1, 0.9], [np.nan, np.nan], [0.2, 0.8], [0.9, 0.1]])
        assert confident_errors(answers, np.array([-1, 0, 1, 0]))[0].tolist() == [0, 0, 0, 0]

    def test_a_label_that_was_changed_is_found(self):
        x = np.repeat(np.eye(3), 20, axis=0) * 3
        true = np.repeat(np.arange(3), 20)
        given = true.copy()
        given[[4, 50]] = 1, 0
        view = SampleBrowser(linear(x, given, np.eye(3)), order=LABELS)
        frame = view.frame()
        assert sorted(frame.index) == [4, 50] and frame.said[50] == "2"
        assert "2 of all 60 training rows have labels that are likely wrong" in view.drawing().caption
        clean = SampleBrowser(linear(x, true, np.eye(3)), order=LABELS)
        assert clean.drawing().note == "No label looks wrong."

    def test_each_kind_of_answer_has_its_orders(self):
        wanted = {
            "dataset": (LOSS, MARGIN, CHANGED, LABELS, SELECTED),
            "yes_or_no": (LOSS, MARGIN, CHANGED, LABELS, SELECTED),
            "a_class_at_each_step": (LOSS, MARGIN, CHANGED, SELECTED),
            "several_labels": (LOSS, MARGIN, CHANGED, SELECTED),
            "regression": (LOSS, CHANGED, SELECTED),
        }
        for kind, orders in wanted.items():
            view = SampleBrowser(session_kinds.KINDS[kind]())
            assert view.orders == orders, kind
            with pytest.raises(ValueError, match="order must be 'highest loss'"):
                view.order = "worst"

    def test_infinite_losses_come_first_and_unknown_ones_last(self):
        frame = SampleBrowser(session_kinds.some_labels_unknown()).frame()
        assert np.isnan(frame.loss.to_numpy()[-10:]).all() and frame.loss[:30].is_monotonic_decreasing


class TestThoseSelected:
    @pytest.mark.parametrize("kind", session_kinds.KINDS)
    def test_they_are_shown_of_whatever_part_with_the_losses_that_they_have_there(self, kind):
        session = session_kinds.KINDS[kind]()
        if not SampleBrowser.fits(session):
            return
        session.step(3)
        view = SampleBrowser(session, order=SELECTED)
        assert "No row is selected.\nClick a cell" in view.drawing().note
        parts = view.answers.parts()
        rows = [int(numbers[place]) for numbers in parts.values() for place in (0, -1)]
        view.selection = Selection(rows)
        frame = view.frame()
        assert sorted(frame.index) == sorted(rows) and str(len(rows)) in view.drawing().caption
        for name, numbers in parts.items():
            view.part, view.order = name, LOSS
            mine = frame.loc[frame.index.isin(numbers), "loss"]
            np.testing.assert_allclose(mine, view.frame().loss[mine.index], rtol=1e-5, atol=1e-6)

    def test_the_rows_of_a_cell_of_the_matrix_are_opened(self):
        session = three_classes()
        # Of class 0, and said to be of class 2.
        cell = ConfusionMatrix(session).look().members[2]
        view = SampleBrowser(session, order=SELECTED)
        view.selection = Selection(cell)
        line = view.frame().loc[5]
        assert cell.tolist() == view.frame().index.tolist() == [5] and (line.label, line.said) == ("0", "2")

    def test_a_click_on_one_of_them_leaves_the_others_and_another_selection_takes_their_place(self):
        view = SampleBrowser(three_classes(), order=SELECTED)
        view.selection = Selection([1, 4, 5])
        assert view.frame().index.tolist() == [5, 1, 4]
        view.selection = Selection([4])
        assert view.frame().index.tolist() == [5, 1, 4]
        assert view.act(0).edits == (("excluded_rows", [4]),)
        view.selection = Selection([4, 0])
        assert sorted(view.frame().index) == [0, 4]
        view.selection = Selection()
        assert "No row is selected" in view.drawing().note
        view.selection = Selection([4])
        assert view.frame().index.tolist() == [4]

    def test_buttons_are_there_for_rows_that_are_trained_on(self):
        session = session_kinds.dataset()
        view = SampleBrowser(session, order=SELECTED)
        parts = view.answers.parts()
        view.selection = Selection(parts["training"][:2])
        assert isinstance(view.drawing().plots[1].marks[0], Buttons)
        view.selection = Selection([parts["training"][0], parts["test"][0]])
        assert len(view.drawing().plots) == 1

    def test_a_relabeled_row_has_its_new_label(self):
        session = three_classes()
        view = SampleBrowser(session, order=SELECTED)
        view.selection = Selection([5, 1])
        assert view.frame().label.to_dict() == {5: "0", 1: "1"}
        session.edit("labels", {5: 2})
        assert view.frame().label.to_dict() == {5: "2", 1: "1"}


class TestWhatIsDrawn:
    def test_pictures_are_thumbnails_and_other_rows_their_values(self):
        (tiles,) = SampleBrowser(session_kinds.several_inputs_and_outputs()).drawing().plots[0].marks
        assert isinstance(tiles, Tiles) and tiles.values.shape == (40, 8, 8) and tiles.pins
        assert tiles.told[0].startswith("loss ") and ", label " in tiles.told[0]
        (cells,) = SampleBrowser(session_kinds.dataset()).drawing().plots[0].marks
        assert isinstance(cells, Cells) and cells.columns == ("loss", "margin", "label", "said", *"abcde")
        row = int(cells.keys[0])
        assert cells.texts[4] == f"{session_kinds._X[row, 0]:.3g}".replace("-", "−")

    def test_only_training_rows_have_buttons(self):
        view = SampleBrowser(session_kinds.dataset())
        assert isinstance(view.drawing().plots[1].marks[0], Buttons)
        view.part = "test"
        assert len(view.drawing().plots) == 1


class TestWhatIsDone:
    def test_buttons_are_about_the_rows_selected_or_those_shown(self):
        view = SampleBrowser(three_classes())
        assert view.drawing().plots[1].title == "the 6 rows shown"
        assert sorted(view.act(0).edits[0][1]) == [0, 1, 2, 3, 4, 5]
        before = view.state(True)
        view.selection = Selection([5, 1])
        assert view.state(True) != before and view.drawing().plots[1].title == "the 2 rows selected"
        assert view.act(0).edits == (("excluded_rows", [5, 1]),)
        assert view.act(1).edits == (("row_weights", {5: 0.5, 1: 0.5}),)
        assert view.act(2).edits == (("row_weights", {5: 1.0, 1: 1.0}),)
        assert view.act(3).edits == (("labels", {5: 2, 1: 0}),)
        view.selection = Selection([77])
        assert view.act(0).edits == ()

    @pytest.mark.parametrize("kind", ["dataset", "arrays", "yes_or_no", "several_inputs_and_outputs"])
    def test_every_edit_is_one_that_the_session_takes(self, kind):
        session = session_kinds.KINDS[kind]()
        view = SampleBrowser(session)
        rows = view.frame().index[:2]
        view.selection = Selection(rows)
        said = view.frame().said[rows[0]]
        for number in (3, 1, 2, 0):
            for name, value in view.act(number).edits:
                session.edit(name, value)
        session.step()
        made = ["labels", "row_weights", "row_weights", "excluded_rows"]
        assert [event.name for event in session.events] == made
        assert list(session.process.batches.excluded) == sorted(rows)
        found = next(iter(session.process.batches.relabeled_rows.values()))[int(rows[0])]
        assert str(found) == said

    def test_a_click_on_the_page_makes_the_edit(self):
        session = session_kinds.dataset()
        bench = Bench(session, map=False, layout=["sample_browser"], interval=0.02)
        try:
            page = Page(bench)
            page.say("hello")
            bench.selection = [int(session.process.batches.rows[0])]
            page.say("act", panel="sample_browser", number=0)
            bench.wait()
            assert bench.error is None and list(session.process.batches.excluded) == list(bench.selection)
            page.say("act", panel="lstm", number=0)
            page.say("act", panel="loss_curve", number=0)
            bench.wait()
            assert bench.error is None
        finally:
            bench.close()
