"""Going back and forth in the steps: all views show the moment, and the training goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from cortex_lab.study import Past
from cortex_lab.widgets import Bench, View, frames, scrubbing
from cortex_lab.widgets.chart.moments import Moments
from cortex_lab.widgets.views import VIEWS
from tests.waiting import wait_until
from tests.widgets.session_kinds import dataset
from tests.widgets.toys import Page, ToySession

FOLLOWING = ["activations", "weight_histogram", "confusion_matrix", "layer_table", "batch_rows",
             "network_map", "sample_browser", "reliability"]  # fmt: skip


@pytest.fixture
def bench() -> Iterator[Any]:
    session = dataset()
    session.clock = lambda: 0.0
    session.step(30)
    made = Bench(session, map=False, interval=0.02, speed=None)
    yield made
    made.close()


def at(bench: Any, step: int | None) -> dict[str, View[Any]]:
    bench.moment = step
    bench.wait().layout = [*bench.views]
    return bench.shown_views


def test_every_view_shows_the_numbers_of_the_moment(bench) -> None:
    session = bench.session
    live = session.network.params.copy()
    for step in (12, 13, 29, 0):
        shown, then = at(bench, step), session.network_at(step)
        kernel = then.parameters["dense_1/kernel"]
        counted = shown["weight_histogram"].look().parts[0]
        assert counted.mean == pytest.approx(kernel.mean(), rel=1e-5) and counted.size == kernel.size
        row = bench.pinned
        inputs = session.dataset.select([row]).arrays()[0]
        seen = shown["activations"].look()
        assert (seen.step, seen.row) == (step, row)
        given = then.activations(inputs, ["dense_1"])["dense_1"][0]
        assert np.allclose(seen.layers[1].tiles.values.ravel(), given, atol=1e-6)
        assert shown["loss_curve"] is bench.views["loss_curve"], "curves mark it"
        assert shown["loss_curve"].moment == step
    assert np.array_equal(session.network.params, live) and session.step_number == 30
    assert all(at(bench, None)[name] is view for name, view in bench.views.items())


@pytest.mark.parametrize("name", FOLLOWING)
def test_a_view_of_the_moment_is_what_it_was_live(name) -> None:
    session = dataset()
    session.clock = lambda: 0.0
    session.step(12)
    bench = Bench(session, map=False, speed=None)
    try:
        # What an update was is known of those made after somebody first asked.
        bench.views[name].frame()
        session.step()
        live = bench.views[name].frame()
        session.step(5)
        later = bench.views[name].frame()
        then = at(bench, 13)[name].frame()
        assert then.equals(live) and not then.equals(later)
    finally:
        bench.close()


def test_it_says_what_was_recorded_and_what_was_replayed(bench) -> None:
    said = {}
    for step in (None, 12, 13, 30):
        bench.moment = step
        bench.wait()
        said[step] = bench.scrubber.told
    assert said == {None: "live", 12: "recorded", 13: "replayed from 12", 30: "now"}


def test_settings_of_a_view_are_those_of_its_past(bench) -> None:
    shown = at(bench, 12)
    bench.turn("weight_histogram", "layer", "dense_2")
    bench.turn("confusion_matrix", "part", "training")
    bench.pinned, bench.selection = 5, [3, 4]
    shown = bench.wait().shown_views
    assert shown["weight_histogram"].layer == "dense_2" and shown["confusion_matrix"].part == "training"
    assert shown["activations"].pinned == 5 and list(shown["sample_browser"].selection) == [3, 4]


def test_while_it_trains_the_views_stay_at_the_moment(bench) -> None:
    page = Page(bench)
    page.say("hello")
    bench.moment = 9
    wait_until(lambda: page.last("weight_histogram").get("step") == 9, "the weights of then")
    before = len(page.frames)
    bench.run()
    wait_until(lambda: bench.session.step_number > 60, "steps")
    wait_until(lambda: page.last("loss_curve")["step"] > 60, "the curve to go on")
    bench.pause()
    bench.wait()
    assert {frame["panels"]["weight_histogram"]["step"] for frame in page.frames[before:]
            if "weight_histogram" in frame["panels"]} <= {9}  # fmt: skip
    bench.moment = None
    wait_until(lambda: page.last("weight_histogram")["step"] == bench.session.step_number, "the present")
    assert bench.error is None


def test_the_page_moves_it_and_is_told_of_every_step_kept(bench) -> None:
    page = Page(bench)
    page.say("hello")
    page.change("moment", 1, value=13)
    wait_until(lambda: page.last("timeline").get("told") == "replayed from 12", "the moment")
    wait_until(lambda: page.last("activations").get("step") == 13, "the activations of then")
    told = page.last("timeline")
    assert (told["first"], told["last"], told["kept"]) == (0, 30, 8)
    page.change("moment", 2, value=None)
    wait_until(lambda: page.last("activations").get("step") == 30, "the present")
    assert page.last("timeline")["told"] == "live"


def test_a_moment_after_a_rewind_shows_what_it_became(bench) -> None:
    at(bench, 25)
    before = bench.shown_views["weight_histogram"].frame()
    bench.session.rewind(20)
    bench.session.edit("learning_rate", 0.5)
    bench.session.step(8)
    after = at(bench, 25)["weight_histogram"].frame()
    kernel = bench.session.network_at(25).parameters["dense_1/kernel"]
    assert not after.equals(before) and after["count"].sum() == kernel.size + 6
    assert at(bench, 25)["weight_histogram"].look().parts[0].mean == pytest.approx(kernel.mean(), rel=1e-5)


def test_what_cannot_be_cloned_is_marked_on_its_curves_alone() -> None:
    session = ToySession()
    session.step(20)
    bench = Bench(session, map=False)
    try:
        assert all(view is bench.views[name] for name, view in at(bench, 12).items())
        assert bench.scrubber.told == "marked only" and bench.error is None
    finally:
        bench.close()


def test_dragging_leaves_one_word_in_the_script(bench) -> None:
    for step in range(5, 20):
        bench.moment = step
    bench.selection = [2]
    said = [call for _, call in bench.session.remarks]
    assert said == ["bench.moment = 19", "bench.selection = [2]"]
    assert str(bench.session.script()).count("bench.moment") == 1


def test_a_view_of_ones_own_follows_or_stays_with_the_present(bench) -> None:
    class Stubborn(View):
        def __init__(self, session: Any, needed: int | None = None) -> None:
            if needed is None:
                raise TypeError("it needs more than a session")
            super().__init__(session)

        def collect(self, exact: bool) -> int:
            return self.session.step_number

    del VIEWS.others[VIEWS.kind_of(Stubborn)]
    bench.views["stubborn"] = own = Stubborn(bench.session, 3)
    bench.moment = 12
    bench.wait()
    with bench.scrubber.turn:
        assert bench.scrubber.shown("stubborn") is own
    assert "it needs more than a session" in str(bench.error)


def test_what_is_kept_of_steps_gone_by_has_a_limit() -> None:
    kept = Moments[int](8)
    for step in range(100):
        kept.keep("a", step, step)
        assert kept.at("a", step) == step
    assert kept.at("b", 3) is None and kept.at("a", 0) is not None
    assert kept.at("a", 99) == 99 and len(kept._kept) <= 8
    kept.keep("a", 50, -1)
    assert kept.at("a", 99) == -1, "of steps that were gone back from nothing is left"


def test_the_update_of_the_moment_is_measured_there(bench) -> None:
    session = bench.session
    for step in (13, 12):
        found = at(bench, step)["layer_table"].frame()["update norm"]
        now, before = session.network_at(step), session.network_at(step - 1)
        for layer in ("dense_1", "dense_2"):
            pairs = [(now.parameters[f"{layer}/{each}"], before.parameters[f"{layer}/{each}"])
                     for each in ("kernel", "bias")]  # fmt: skip
            wanted = np.sqrt(sum(np.square(one - other).sum() for one, other in pairs))
            assert found[layer] == pytest.approx(wanted, rel=1e-5)


def test_a_kept_step_is_shown_before_what_was_inside_it_is_replayed(bench, monkeypatch) -> None:
    page, done = Page(bench), []
    page.say("hello", visible=["weight_histogram", "status"])
    wait_until(lambda: page.last("weight_histogram"), "the present")
    go, pack = Past.advance, frames.packed_view
    monkeypatch.setattr(scrubbing, "LOOKED_AT", 60.0)
    monkeypatch.setattr(Past, "advance", lambda past: (done.append("replays"), go(past)))
    monkeypatch.setattr(frames, "packed_view", lambda *given: (done.append("shows"), pack(*given))[1])
    page.change("moment", 1, value=12)
    wait_until(lambda: page.last("weight_histogram").get("step") == 12, "the weights of then")
    wait_until(lambda: bench.scrubber._past.arrived, "the inside of the step, once somebody has looked")
    assert done[:2] == ["shows", "replays"]
