"""What is wrong is said in words, nothing goes on without consent, and a click puts it right."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from cortex_lab.nn.diagnosis import Finding
from cortex_lab.study import Session, UpdateHeldBack
from cortex_lab.widgets import BatchRows, Bench, Findings
from cortex_lab.widgets.fault_words import facts_of, fault_html
from cortex_lab.widgets.views.findings import Found
from tests.study.walker import Walker
from tests.waiting import wait_until
from tests.widgets import session_kinds
from tests.widgets.session_kinds import KINDS
from tests.widgets.toys import Page


def broken(row: int = 17) -> Any:
    """A session stopped before an update that one row of the data makes harmful."""
    x = session_kinds._X.copy()
    x[row] = 3e38
    session = session_kinds.arrays(x)
    session.run(until=12)
    assert session.held_back is not None
    return session


@pytest.fixture
def open_bench() -> Iterator[Any]:
    benches: list[Bench] = []

    def make(session: Any, **options: Any) -> Bench:
        benches.append(Bench(session, map=False, interval=0.02, speed=None, **options))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()


class TestWords:
    def test_a_fault_says_what_where_in_which_rows_and_the_last_good_step(self):
        session = broken()
        facts = dict(facts_of(session.fault))
        assert "infinity" in facts["what"] and "dense_1" in facts["what"] and "dense_1" in facts["where"]
        assert facts["rows"] == "17" and facts["last good step"] == str(session.step_number)

    def test_any_process_may_say_its_fault_in_its_own_words(self):
        session = Session(Walker())
        session.step(4)
        session.process.harmful = 0.0
        session.step(3)
        facts = dict(facts_of(session.held_back))
        assert facts["what"].startswith("the gradient norm") and facts["last good step"] == "4"
        assert "session.rewind" not in facts["what"]

    def test_everything_in_it_is_escaped(self):
        said = fault_html("<b>x</b>", Session(Walker()))
        assert "<b>x" not in said and "&lt;b&gt;x" in said


class TestConsent:
    def test_nothing_goes_on_before_somebody_says_how(self, open_bench):
        session = broken()
        bench, stood = open_bench(session), session.step_number
        panel = bench.controls.fault_panel
        wait_until(lambda: "was held back" in panel.text.value, "the fault to be said")
        assert "cortex-hidden" not in panel.box._dom_classes
        assert bench.status.startswith("update held back: ") and "rows 17; last good step" in bench.status
        for button in (bench.step_button, bench.run_button):
            button.click()
            bench.wait()
            assert isinstance(bench.error, UpdateHeldBack) and session.step_number == stood

    def test_back_to_the_last_good_step(self, open_bench):
        session = broken()
        good = session.fault.last_good
        bench = open_bench(session)
        panel = bench.controls.fault_panel
        wait_until(lambda: panel.back_button.description.endswith(f"({good})"), "the button to say where")
        panel.back_button.click()
        assert bench.wait().error is None and session.held_back is None and session.step_number == good
        wait_until(lambda: "cortex-hidden" in panel.box._dom_classes, "the panel to go")
        with pytest.raises(LookupError, match="nothing was held back"):
            bench.go_back()

    def test_the_batch_is_shown_and_the_rows_at_fault_are_selected(self, open_bench):
        session = broken()
        bench = open_bench(session)
        assert "batch_rows" not in bench.layout
        bench.controls.fault_panel.batch_button.click()
        assert bench.layout[0] == "batch_rows" and list(bench.selection) == [17]
        assert (session.step_number, "bench.show_batch()") in session.remarks
        shown = bench.views["batch_rows"].look()
        assert shown.rows[0] == 17 and shown.at_fault.tolist() == [True] + [False] * (len(shown.rows) - 1)

    def test_going_on_all_the_same_is_a_choice(self, open_bench):
        session = broken()
        stood = session.step_number
        bench = open_bench(session)
        bench.controls.fault_panel.force_button.click()
        bench.wait()
        assert session.step_number == stood + 1 and not np.isfinite(session.network.params).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_batch_of_every_kind_of_session_can_be_shown(kind):
    session = KINDS[kind]()
    view = BatchRows(session)
    assert view.drawing().note.startswith("No batch has been fetched yet")
    session.step(2)
    shown = view.look()
    assert len(shown.rows) == min(shown.total, 24) and np.all(
        np.diff(np.nan_to_num(shown.losses, nan=-1)) <= 0
    )
    assert view.png(dpi=30) and view.figure() and len(view.frame()) == len(shown.rows)


class TestFindings:
    def test_a_picture_of_many_has_room_for_every_line(self):
        view = Findings(session_kinds.arrays())
        finding = Finding("kind", "where", 1.0, 2.0, "A sentence that goes on for more than a line. " * 5)
        heights = [view.size_for(view.chart(Found(3, (finding,) * count)))[1] for count in (1, 2, 6)]
        assert heights[0] == view.size[1] < heights[1] < heights[2]
        assert heights[2] >= 6 * 3 * 0.13, "two lines and the measurement, each of some points"
    def test_they_have_their_measurement_and_a_remedy_to_click(self, open_bench):
        session = session_kinds.arrays()
        session.edit("learning_rate", 300.0)
        session.step(30)
        bench = open_bench(session)
        bench.views["findings"].patience = 0.0
        page = Page(bench)
        page.say("hello")
        wait_until(lambda: bench.findings, "a diagnosis")
        place = next(i for i, each in enumerate(bench.findings) if each.kind == "learning_rate_high")
        wait_until(lambda: "learning rate" in str(page.last("findings")["plots"]), "the panel")
        said = page.last("findings")["plots"][0]["marks"][0]
        assert said["texts"][place].startswith("The learning rate 300 is too high")
        assert said["details"][place].startswith("learning rate high: 300, where the bound is")
        wanted = bench.findings[place].edits[0][1]
        assert said["actions"][place] == f"Set learning_rate to {wanted:.3g}" and said["wrong_ones"][place]
        page.say("act", panel="findings", number=place)
        wait_until(lambda: bench.learning_rate == wanted, "the remedy")
        bench.wait()
        assert bench.error is None and session.step_number == 0
        assert f"session.edit('learning_rate', {wanted!r})" in str(session.script())
        bench.step(40)
        bench.wait()
        assert session.trace["loss"][-1] < 2

    @pytest.mark.parametrize("by", ["bench", "cell"])
    def test_a_training_that_ran_goes_on_as_it_ran(self, open_bench, by):
        session = session_kinds.arrays()
        bench = open_bench(session)
        bench.speed = 20.0
        finding = Finding(
            "dead_units", "here", 1.0, 0.5, "Too fast.", remedy="Slow.", edits=(("learning_rate", 0.1),)
        )
        if by == "bench":
            bench.run()
        else:
            cell = threading.Thread(target=session.run)
            cell.start()
        wait_until(lambda: session.step_number > 1, "a run")
        bench.remedy(finding)
        wait_until(lambda: bench.learning_rate == 0.1 and session.running, "it to go on")
        stood = session.step_number
        wait_until(lambda: session.step_number > stood + 1, "more steps")
        assert bench._speed.runs == (by == "bench")
        bench.pause()
        bench.wait()
        if by == "cell":
            cell.join()

    def test_a_remedy_that_is_no_edit_says_what_to_type(self, open_bench):
        bench = open_bench(session_kinds.arrays())
        finding = next(iter(Findings(session_kinds.regression()).look().all))
        assert not finding.edits
        with pytest.raises(ValueError, match="is nothing to click: Scale"):
            bench.remedy(finding)
        with pytest.raises(IndexError, match="there is no finding 3"):
            bench.remedy(3)

    def test_they_are_made_only_while_somebody_looks_and_again_while_it_learns(self):
        session = session_kinds.arrays()
        view, asked = Findings(session), []
        now = 0.0
        view.clock = lambda: now
        assert view.advance() == view.patience
        now = 2.0
        assert view.advance() == 0.0 and view.look().step == 0 and view.advance() is None

        def heed(notice: Any) -> None:
            nonlocal now
            if notice.kind == "step":
                now += 1.0
                view.advance()
                asked.append(view.look().step)

        session.subscribe(heed)
        session.step(45)
        assert sorted(set(asked)) == [0, 20, 40]

    def test_a_diagnosis_that_fails_says_so_in_its_panel(self, monkeypatch):
        view = Findings(session_kinds.arrays())
        monkeypatch.setattr("cortex_lab.widgets.views.findings.diagnose", lambda case: 1 / 0)
        with pytest.raises(RuntimeError, match="The diagnosis failed: ZeroDivisionError"):
            view.look()
