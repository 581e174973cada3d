"""Every control of a bench has a call, and leaves a word in the script of its session."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import traitlets

import cortex_lab as cl
from cortex_lab.widgets import Bench
from cortex_lab.widgets.locked import Button, Chooser, Count, Number, TextEntry
from tests.waiting import wait_until
from tests.widgets.toys import ToySession

NOT_A_CALL = ("step_size", "phase_chooser", "rewind_step", "until_entry", "break_entry", "fork_entry",
              "fork_steps", "save_entry", "more_button")  # fmt: skip
"""What the next click of the button beside them takes; and what the page does by itself."""
ENDS_A_RUN = "pause_button"


@pytest.fixture
def bench() -> Iterator[Any]:
    digits = cl.data.load("digits")
    network = cl.Network([cl.Flatten(), cl.Dense(8), cl.Dense(10)], input_shape=digits.input_shape, seed=0)
    bench = Bench(cl.train(network, digits, seed=0), map=False, speed=None)
    yield bench
    bench.close()


@pytest.fixture
def toy_bench() -> Iterator[Any]:
    bench = Bench(ToySession(), map=False, interval=0.02)
    yield bench
    bench.close()


def controls_of(bench: Any) -> dict[str, Any]:
    """Every control by the name of its attribute, or by its view and knob."""
    kinds = (Button, Chooser, Count, Number, TextEntry)
    all_own = {**vars(bench.controls), **vars(bench.controls.more)}
    own = {name: each for name, each in all_own.items() if isinstance(each, kinds)}
    named = {".".join(key): each for key, each in bench.controls.knobs.items()}
    found = {**own, **named}
    assert {*bench.controls.all_widgets()} >= {*found.values()}
    # Those of a fault are there while one is held back, and tried with one.
    of_a_fault = {*vars(bench.controls.fault_panel).values()}
    missing = {each for each in bench.controls.all_widgets() if isinstance(each, kinds)} - of_a_fault
    assert {*found.values()} >= missing, "a control that no test knows"
    return found


def use(control: Any) -> None:
    """Do with a control what somebody does with it on a page."""
    if isinstance(control, Button):
        control.click()
    elif isinstance(control, Chooser):
        control.value = next(value for value in control.options if value != control.value)
    elif isinstance(control, Count):
        control.value = control.value + 1 if control.value < control.max else control.value - 1
    else:
        control.value = control.value / 2


def test_whatever_is_clicked_stands_in_the_script(bench, tmp_path):
    session = bench.session
    bench.controls.more.break_entry.value = "loss > 1e9"
    bench.controls.more.fork_entry.value = "learning_rate=0.1, 0.01"
    bench.controls.more.fork_steps.value = 1
    bench.controls.more.save_entry.value = str(tmp_path / "it.h5")
    bench.step(3)
    bench.wait()
    wait_until(lambda: bench.rewind_step.max == 3, "bounds")
    for name, control in controls_of(bench).items():
        if name in (*NOT_A_CALL, ENDS_A_RUN):
            continue
        if session.phase is not None or not session.step_number:
            session.step()
        before = str(session.script())
        stood = session.step_number
        use(control)
        if name == "run_button":
            wait_until(lambda stood=stood: session.step_number > stood, "a step")
            use(bench.pause_button)
        bench.wait()
        assert str(session.script()) != before, f"{name} leaves no word"
        compile(session.script(), "script", "exec")
    said = session.script()
    assert "bench.speed = 1.0" in said and "bench.turn('weight_histogram', 'layer', 'dense_2')" in said
    namespace: dict[str, Any] = {}
    exec(said, namespace)
    assert namespace["session"].trace["loss"].tolist() == session.trace["loss"].tolist()


def test_every_control_has_a_call_that_does_the_same(bench, tmp_path):
    bench.step(2)
    calls = {
        "step_button": lambda: bench.step(),
        "run_button": lambda: bench.run(),
        "pause_button": lambda: bench.pause(),
        "step_to_button": lambda: bench.step_to("fetch"),
        "rewind_button": lambda: bench.rewind(0),
        "back_button": lambda: (bench.step(), bench.wait(), bench.back()),
        "phase_button": lambda: bench.step_phase(),
        "break_button": lambda: bench.break_when("loss > 1e9"),
        "fork_button": lambda: bench.fork(1, learning_rate=[0.2]),
        "save_button": lambda: (bench.step(), bench.wait(), bench.save(tmp_path / "it.h5")),
        "speed_chooser": lambda: setattr(bench, "speed", 3),
        "learning_rate_entry": lambda: setattr(bench, "learning_rate", 0.2),
    }
    for name in controls_of(bench):
        if name in NOT_A_CALL:
            continue
        view, _, knob = name.partition(".")
        if knob:
            view = bench.views[view]
            bench.turn(view.name, knob, getattr(view, knob))
        else:
            calls[name]()
        if name == "run_button":
            bench.pause()
        assert bench.wait().error is None


def test_the_speed_of_run_goes_both_ways_and_changes_while_it_runs(toy_bench):
    bench = toy_bench
    assert bench.speed == 10 and bench.speed_chooser.value == "10 steps/s"
    bench.speed = 7
    wait_until(lambda: bench.speed_chooser.value == "7 steps/s", "a speed of one's own to be shown")
    assert "7 steps/s" in bench.speed_chooser.options
    bench.speed = 0.01
    bench.run_button.click()
    wait_until(lambda: bench.session.step_number == 1 and bench.session.running, "the first step")
    assert "running" in bench.status
    bench.speed_chooser.value = "as fast as it goes"
    wait_until(lambda: bench.session.step_number > 200, "full speed")
    assert bench.speed is None
    bench.pause_button.click()
    assert bench.wait().error is None
    with pytest.raises((ValueError, TypeError), match="speed"):
        bench.speed = 0


def test_code_runs_at_full_speed_whatever_the_bench_is_set_to(toy_bench):
    toy_bench.speed = 0.01
    toy_bench.session.run(until=50)
    toy_bench.step(50)
    assert toy_bench.wait().session.step_number == 100


@pytest.mark.parametrize("value", [0, 10**9, 3.5, "7"])
def test_a_number_that_cannot_be_is_refused_and_not_changed_into_another(toy_bench, value):
    with pytest.raises(traitlets.TraitError):
        toy_bench.step_size.value = value
    assert toy_bench.step_size.value == 1
    with contextlib.suppress(traitlets.TraitError):
        toy_bench.rewind_step.value = value
    assert toy_bench.rewind_step.value == 0
