from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from typing import Any

import ipywidgets
import numpy as np
import pytest

from cortex_lab.study import Session, UpdateHeldBack
from cortex_lab.widgets import Bench
from tests.study.walker import Walker
from tests.waiting import wait_until
from tests.widgets.toys import Page, ToySession, ToyTraining, go_round


@pytest.fixture
def open_bench() -> Iterator[Any]:
    benches: list[Bench] = []

    def make(session: Any = None, **options: Any) -> Bench:
        options = {"map": False, "interval": 0.02, **options}
        benches.append(Bench(session or ToySession(), **options))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("cortex-lab")]


class TestControls:
    def test_step_takes_as_many_steps_as_it_says(self, open_bench):
        bench = open_bench()
        bench.step_button.click()
        assert bench.wait().session.step_number == 1
        bench.step_size.value = 5
        bench.step_button.click()
        assert bench.wait().session.step_number == 6 and bench.error is None
        assert bench.status.startswith("paused · step 6")

    def test_training_happens_in_the_trainers_thread_only(self, open_bench):
        bench = open_bench()
        bench.session.subscribe(lambda _: names.add(threading.current_thread().name))
        names: set[str] = set()
        bench.step_button.click()
        bench.wait()
        assert names == {f"cortex-lab-trainer-{bench.id}"}

    def test_run_goes_on_until_pause(self, open_bench):
        bench = open_bench(ToySession(seconds=0.001))
        bench.run_button.click()
        wait_until(lambda: bench.session.step_number > 5, "some steps")
        assert bench.session.running and bench.status.startswith("running")
        wait_until(lambda: bench.run_button.disabled and not bench.pause_button.disabled, "buttons that fit")
        bench.pause_button.click()
        bench.wait()
        assert not bench.trainer_busy and not bench.session.running
        wait_until(lambda: not bench.run_button.disabled, "buttons that fit again")

    def test_run_and_at_once_pause_does_not_run_away(self, open_bench):
        bench = open_bench()
        for _ in range(20):
            bench.run_button.click()
            bench.pause_button.click()
            bench.wait()
        assert not bench.session.running

    def test_step_during_a_run_pauses_first(self, open_bench):
        bench = open_bench(ToySession(seconds=0.001))
        bench.run_button.click()
        bench.step_button.click()
        bench.wait()
        assert not bench.session.running and bench.session.step_number >= 1

    def test_step_to_stops_inside_a_step_and_offers_the_next_phase(self, open_bench):
        bench = open_bench()
        bench.phase_chooser.value = "fetch"
        bench.step_to_button.click()
        bench.wait()
        assert bench.session.phase == "fetch"
        assert bench.status.startswith("paused inside step 1, after fetch")
        wait_until(lambda: bench.phase_chooser.value == "forward:conv", "the next phase")
        bench.step_to_button.click()
        bench.wait()
        assert bench.session.phase == "forward:conv" and bench.session.step_number == 0

    def test_rewind_goes_back_and_its_bounds_follow(self, open_bench):
        bench = open_bench()
        bench.step(7)
        bench.wait()
        wait_until(lambda: bench.rewind_step.max == 7, "bounds")
        bench.rewind_step.value = 3
        bench.rewind_button.click()
        bench.wait()
        assert bench.session.step_number == 3 and len(bench.session.trace) == 3

    def test_the_learning_rate_goes_both_ways_also_during_a_run(self, open_bench):
        bench = open_bench(ToySession(seconds=0.001))
        bench.run_button.click()
        wait_until(lambda: bench.session.running, "the run")
        bench.learning_rate_entry.value = 0.5
        wait_until(lambda: bench.session.process.learning_rate == 0.5, "an edit during the run")
        assert bench.session.running
        bench.pause_button.click()
        bench.wait()
        bench.session.edit("learning_rate", 0.25)
        wait_until(lambda: bench.learning_rate_entry.value == 0.25, "the edit of a cell to be shown")
        assert [event.value for event in bench.session.events] == [0.5, 0.25]

    def test_waiting_too_long_is_an_error(self, open_bench):
        bench = open_bench(ToySession(seconds=0.001))
        bench.run_button.click()
        with pytest.raises(TimeoutError, match="still busy after"):
            bench.wait(0.05)


class TestErrors:
    def test_going_on_from_a_fault_is_refused_in_words_and_rewinding_goes_on(self, open_bench, capfd):
        session = Session(Walker())
        session.step(4)
        session.process.harmful = 0.0
        bench = open_bench(session)
        bench.step(3)
        assert bench.wait().status.startswith("update held back: the gradient norm") and bench.error is None
        for button in (bench.step_button, bench.run_button, bench.step_to_button):
            button.click()
            bench.wait()
            assert isinstance(bench.error, UpdateHeldBack) and session.step_number == 4
            wait_until(lambda: "session.rewind(step=4)" in bench.error_panel.value, "the refusal to be shown")
            assert "step(force=True)" in bench.error_panel.value
        session.process.harmful = 1e9
        bench.rewind(2)
        bench.wait()
        bench.step(3)
        assert bench.wait().error is None and session.step_number == 5
        assert bench.status.startswith("paused · step 5") and capfd.readouterr() == ("", "")

    def test_an_error_in_training_is_shown_escaped_and_the_bench_stays_usable(self, open_bench, capfd):
        bench = open_bench(ToySession(fail_at=3))
        bench.step(5)
        bench.wait()
        assert isinstance(bench.error, ValueError) and bench.session.step_number == 2
        wait_until(lambda: bench.error_panel.value, "the error to be shown")
        shown = bench.error_panel.value
        assert "the &lt;b&gt;toy&lt;/b&gt; broke" in shown and "Traceback" in shown and "<b>toy" not in shown
        assert "cortex-hidden" not in bench.error_panel._dom_classes
        assert bench.status.startswith("stopped by an error")
        bench.session.process.fail_at = None
        bench.step_button.click()
        bench.wait()
        assert bench.error is None and bench.session.step_number == 3
        wait_until(lambda: not bench.error_panel.value, "the error to be taken away")
        assert capfd.readouterr() == ("", "")

    def test_an_impossible_learning_rate_is_told_and_taken_back(self, open_bench):
        bench = open_bench()
        bench.learning_rate_entry.value = -1
        wait_until(lambda: bench.error is not None, "an error")
        assert "learning_rate must be above 0" in str(bench.error)
        wait_until(lambda: bench.learning_rate_entry.value == 0.1, "the value that holds")

    def test_a_view_that_fails_says_so_in_its_panel_and_leaves_the_others_alone(self, open_bench):
        bench = open_bench()
        bench.loss_curve.prepare = lambda collected: 1 / 0
        page = Page(bench)
        page.say("hello")
        wait_until(lambda: page.frames, "a frame")
        assert page.last("loss_curve")["note"] == "This panel failed: ZeroDivisionError: division by zero"
        assert page.last("weight_histogram")["plots"]

    @pytest.mark.parametrize(
        ("options", "error", "text"),
        [
            ({"layer": "lstm"}, KeyError, "there are conv, dense"),
            ({"map": True, "map_layer": "lstm"}, KeyError, "there are conv, flatten, dense"),
            ({"pinned": 1000}, IndexError, "40 rows from 0 to 39"),
        ],
    )
    def test_bad_options_are_errors_that_leave_nothing_behind(self, options, error, text):
        with pytest.raises(error, match=text):
            Bench(ToySession(), **options)
        assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("cortex-lab")]

    def test_without_a_dataset_the_panels_say_what_is_missing(self, open_bench):
        bench = open_bench(Session(ToyTraining(ToySession().network)), map=True)
        page = Page(bench)
        page.say("hello")
        wait_until(lambda: page.frames, "a frame")
        for name in ("activations", "embedding_map", "weight_histogram"):
            assert "cl.train(network, dataset" in page.last(name)["note"]
        bench.step_button.click()
        bench.wait()
        wait_until(lambda: page.last("loss_curve").get("step") == 1, "the curve to follow")


class TestFrames:
    def test_the_first_frame_shows_every_panel(self, open_bench):
        pytest.importorskip("openTSNE")
        bench = open_bench(map=True)
        page = Page(bench)
        page.say("hello")
        wait_until(lambda: "x" in str(page.last("embedding_map").get("arrays")), "a first map")
        assert {*page.frames[0]["panels"]} == {*bench.views, "status", "timeline"}

    def test_a_step_is_drawn_at_once_and_what_has_not_changed_is_not_sent_again(self, open_bench):
        bench = open_bench()
        page = Page(bench)
        page.say("hello")
        wait_until(lambda: page.frames, "a frame")
        go_round(bench.publisher)
        quiet = len(page.frames)
        bench.step_button.click()
        bench.wait()
        # Sooner than an idle publisher looks by itself, which is every 30 s.
        wait_until(lambda: page.last("loss_curve").get("step") == 1, "the step to be drawn", 20)
        bench.layer = "dense"
        wait_until(lambda: page.last("weight_histogram")["subject"] == "dense", "the other layer", 20)
        assert set(page.frames[-1]["panels"]) == {"weight_histogram"} and quiet == 1

    def test_what_a_page_shows_is_what_the_session_holds(self, open_bench):
        bench = open_bench(ToySession(seconds=0.001))
        page = Page(bench)
        page.say("hello")
        bench.run_button.click()
        wait_until(lambda: len(page.frames) > 5, "frames during the run")
        bench.pause_button.click()
        bench.wait()
        last = bench.session.step_number
        wait_until(lambda: page.last("loss_curve").get("step") == last, "the last step")
        wait_until(lambda: page.last("status")["state"] == "paused", "the state")
        assert page.last("weight_histogram")["step"] == page.last("activations")["step"] == last

    def test_the_curve_is_drawn_without_waiting_for_a_step_to_end(self, open_bench):
        bench = open_bench(ToySession(seconds=600))
        page = Page(bench)
        page.say("hello", visible=["loss_curve"])
        wait_until(lambda: page.frames, "a frame")
        bench.run_button.click()
        wait_until(lambda: bench.session.running, "the run")
        bench.session.trace.version += 1
        try:
            wait_until(lambda: len(page.frames) > 1 and "loss_curve" in page.frames[-1]["panels"], "a curve")
            assert bench.session.step_number == 0
        finally:
            bench.session.process.hurry.set()

    def test_panels_out_of_sight_are_not_collected(self, open_bench):
        bench = open_bench()
        page = Page(bench)
        calls = bench.session.network.calls
        page.say("hello", visible=["loss_curve"])
        wait_until(lambda: page.frames, "a frame")
        assert set(page.frames[0]["panels"]) == {"loss_curve", "status", "timeline"}
        assert bench.session.network.calls == calls
        page.say("visible", visible=[*bench.views])
        wait_until(lambda: len(page.frames) == 2, "the rest")
        assert set(page.frames[1]["panels"]) == {"weight_histogram", "activations"}

    def test_a_click_on_the_map_pins_that_row(self, open_bench):
        bench = open_bench()
        page = Page(bench)
        page.say("hello")
        wait_until(lambda: page.last("activations"), "a first frame")
        page.say("pin", row=6)
        wait_until(lambda: bench.pinned == 6 and bench.pinned_entry.value == 6, "the row to be pinned")
        wait_until(lambda: page.last("activations")["plots"][0]["title"] == "row 6", "its activations")

    def test_only_the_publisher_writes_to_widgets(self, open_bench, monkeypatch):
        writers: set[str] = set()
        original = ipywidgets.Widget._send

        def send(widget: Any, message: Any, buffers: Any = None) -> None:
            writers.add(threading.current_thread().name)
            original(widget, message, buffers)

        bench = open_bench(ToySession(seconds=0.001))
        monkeypatch.setattr(ipywidgets.Widget, "_send", send)
        page = Page(bench)
        page.say("hello")
        bench.run_button.click()
        wait_until(lambda: len(page.frames) > 4, "frames")
        bench.layer, bench.pinned, bench.learning_rate = "dense", 4, 0.3
        bench.session.process.fail_at = bench.session.step_number + 50
        wait_until(lambda: bench.error_panel.value, "the error to be shown")
        assert writers == {f"cortex-lab-publisher-{bench.id}"}

    def test_the_map_is_laid_out_between_commands_and_can_be_stopped(self, open_bench):
        pytest.importorskip("openTSNE")
        bench = open_bench(map=True)
        wait_until(lambda: bench.embedding_map.look().iteration > 3, "some iterations")
        bench.map_button.click()
        wait_until(
            lambda: bench.map_button.description == "Start" and not bench.map_moving, "the map to stop"
        )
        # An iteration that was under way is over when the next command is.
        bench.trainer.put(lambda: None)
        bench.wait()
        stopped = bench.embedding_map.look().iteration
        bench.step_button.click()
        bench.wait()
        assert bench.embedding_map.advance() is None
        assert bench.embedding_map.look().iteration == stopped
        bench.map_button.click()
        wait_until(lambda: bench.embedding_map.look().step == 1, "the map to follow")

    def test_the_map_follows_what_cells_do_to_the_session(self, open_bench):
        pytest.importorskip("openTSNE")
        bench = open_bench(map=True)
        wait_until(lambda: not bench.map_moving, "the map to settle")
        bench.session.step(5)
        wait_until(lambda: bench.embedding_map.look().step == 5, "the map to follow a step")
        bench.session.rewind(2)
        wait_until(lambda: bench.embedding_map.look().step == 2, "the map to follow a rewind")


class TestClosing:
    def test_closing_ends_threads_widgets_and_subscriptions_and_can_be_repeated(self, open_bench):
        bench = open_bench()
        session, widgets = bench.session, bench.controls.all_widgets()
        bench.run_button.click()
        wait_until(lambda: session.running, "the run")
        bench.close()
        bench.close()
        assert not session.running and all(widget.comm is None for widget in widgets)
        assert repr(bench) == "<Bench closed>"
        bench.step_button.click()
        taken = session.step_number
        session.step()
        assert session.step_number == taken + 1

    def test_waiting_waits_for_what_was_asked_and_is_under_way(self, open_bench):
        bench, begun, go_on = open_bench(), threading.Event(), threading.Event()
        bench.ask(lambda: (begun.set(), go_on.wait(60)))
        assert begun.wait(60)
        with pytest.raises(TimeoutError, match="still busy"):
            bench.wait(timeout=0.01)
        go_on.set()
        bench.wait()
        bench.ask(lambda: 1 / 0)
        assert isinstance(bench.wait().error, ZeroDivisionError)

    def test_a_closed_bench_leaves_no_widget_of_any_kind(self, open_bench):
        before = set(ipywidgets.widgets.widget._instances)
        open_bench(map=True).close()
        assert set(ipywidgets.widgets.widget._instances) == before

    def test_a_second_bench_of_a_session_closes_the_first(self, open_bench):
        first = open_bench()
        second = open_bench(first.session)
        assert first.closed and not second.closed
        second.step_button.click()
        assert second.wait().session.step_number == 1

    def test_a_refused_second_bench_leaves_the_first_alone(self, open_bench):
        first = open_bench()
        with pytest.raises(KeyError):
            Bench(first.session, layer="lstm")
        assert not first.closed

    def test_nothing_keeps_a_closed_bench_alive(self):
        bench = Bench(ToySession(), map=False)
        bench.close()
        identifier = bench.id
        del bench
        gc.collect()
        assert not [one for one in gc.get_objects() if type(one) is Bench and one.id == identifier]


def test_the_whole_bench_has_a_picture_without_a_front_end(open_bench):
    bench = open_bench(map=True)
    bench.step(3)
    assert bench.wait().png().startswith(b"\x89PNG")


def test_activations_do_not_disturb_a_step_in_flight(open_bench):
    bench = open_bench()
    page = Page(bench)
    bench.step_to("forward:conv")
    bench.wait()
    before = {name: values.copy() for name, values in bench.session.buffers.items()}
    page.say("hello")
    wait_until(lambda: page.frames, "a frame")
    for name, values in bench.session.buffers.items():
        np.testing.assert_array_equal(values, before[name])
