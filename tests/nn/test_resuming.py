"""Going on from a file, or from a pause, is the same as never having stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.lab import TrainingSession
from cortex_lab.nn.run import saving
from cortex_lab.optimize.optimizer import OPTIMIZERS, Optimizer
from cortex_lab.optimize.schedules import CosineDecay, StepDecay
from cortex_lab.study import Condition, Probe, above, below, epochs, non_finite, seconds, stalled, steps
from cortex_lab.study.conditions import Both
from cortex_lab.study.expression import Expression
from tests.nn.trainings import Rows, blobs, state
from tests.optimize.cases import OPTIMIZER_CASES

X, Y = blobs(100)
HELD_OUT = blobs(40, seed=1)
LAYERS = [cl.Dense(8, activation="relu"), cl.Dropout(0.3), cl.BatchNormalization(), cl.Dense(3)]


def made(optimizer: Any = None, **options: Any) -> TrainingSession:
    """A training of ten steps an epoch."""
    settings: dict[str, Any] = {"data": (X, Y), "loss": "softmax_cross_entropy", "validation": HELD_OUT,
                                "validate_every": 4, "batch_size": 10} | options  # fmt: skip
    network = cl.Network(settings.pop("layers", LAYERS), X.shape[1], ops="reference")
    return cl.train(network, optimizer=optimizer or cl.Adam(0.01), **settings)


def recorded(session: Any) -> pd.DataFrame:
    return session.trace.frame().drop(columns="seconds")


def same(one: Any, other: Any) -> None:
    assert one.step_number == other.step_number
    assert state(one.process) == state(other.process)
    pd.testing.assert_frame_equal(recorded(one), recorded(other), check_exact=True)


def pause_after(session: Any, step: int) -> None:
    session.subscribe(
        lambda notice: session.pause() if (notice.kind, notice.step) == ("step", step) else None
    )


def plateau(session: Any) -> None:
    cl.ReduceOnPlateau("validation_loss", 0.5, patience=1, min_delta=0.2).attach(session)


BEFORE: dict[str, Callable[[Any], Any]] = {
    "in the middle of an epoch": lambda s: s.step(17),
    "at its end": lambda s: s.step(20),
    "before the first step": lambda s: None,
    "edits": lambda s: (s.step(6), s.edit("learning_rate", 0.02), s.step(3), s.edit("dropout_rate", 0.6),
                        s.edit("excluded_rows", [3, 5, 8]), s.step(4), s.edit("optimizer['beta_1']", 0.8)),
    "a schedule put in": lambda s: (s.step(6), s.edit("learning_rate", CosineDecay(0.02, 60)), s.step(5)),
    "frozen": lambda s: (s.step(6), s.edit("frozen", ["dense_1"]), s.step(5)),
    "a plateau": lambda s: (plateau(s), s.step(23)),
    "after a rewind": lambda s: (plateau(s), s.step(30), s.rewind(17), s.step(2)),
    "a branch kept": lambda s: (plateau(s), s.step(9), (f := s.fork(learning_rate=[0.01, 0.1])), f.step(14),
                                f.keep(1)),
    "something recorded": lambda s: (s.record(Probe("grad_norm")), s.step(11)),
    "patience half spent": lambda s: (pause_after(s, 13), s.run(stalled("validation_loss", 4, None, 9.0))),
    "epochs half spent": lambda s: (s.step(4), pause_after(s, 17), s.run(epochs(3))),
    "an expression": lambda s: (s.step(4), pause_after(s, 17), s.run("steps(25) and ~stalled('loss', 40)")),
    "stops off": lambda s: (setattr(s, "stop_on_fault", False), s.step(8)),
}  # fmt: skip
AFTER: dict[str, Callable[[Any], Any]] = {
    "steps": lambda s: s.step(13),
    "an epoch": lambda s: s.run(epochs(1)),
    "half an epoch, twice": lambda s: (s.run(epochs(0.5)), s.run(epochs(0.5))),
    "an epoch by its number": lambda s: s.run("epoch >= 4"),
    "until it stalls": lambda s: s.run(stalled("validation_loss", 2, min_delta=0.5) | steps(50)),
    "gone back": lambda s: (s.step(9), s.rewind(s.step_number - 7), s.step(3)),
    "edited": lambda s: (s.step(2), s.edit("learning_rate", 0.003), s.step(8)),
}
UNDER_WAY = ("patience half spent", "epochs half spent", "an expression")


@pytest.mark.parametrize("before", BEFORE)
def test_a_resumed_session_goes_on_as_the_one_that_was_saved(tmp_path, before):
    path = tmp_path / "run.h5"
    going = list(AFTER.values())
    if before in UNDER_WAY:
        going = [lambda s: s.resume(), *going[:2]]
    stayed = made()
    BEFORE[before](stayed)
    assert (before in UNDER_WAY) is (stayed.last_stop is not None and stayed.last_stop.kind == "pause")
    stayed.save(path)
    resumed = made(resume_from=path)
    assert resumed.first_step == stayed.step_number and resumed.stop_on_fault is stayed.stop_on_fault
    assert resumed.attached == stayed.attached
    for go in going:
        for session in (stayed, resumed):
            go(session)
        assert resumed.last_stop == replace(stayed.last_stop, reason=resumed.last_stop.reason)
        same(stayed, resumed)
    again = [event for event in stayed.events if event.step >= resumed.first_step]
    assert resumed.events == again[len(again) - len(resumed.events) :]
    resumed.rewind(resumed.first_step)
    assert len(resumed.trace) == resumed.first_step


@pytest.mark.parametrize("before", UNDER_WAY)
def test_a_run_under_way_is_gone_on_with_as_if_it_had_not_been_interrupted(tmp_path, before):
    whole = made()
    vars(whole)["pause"] = lambda: None  # Asked for, and not done.
    BEFORE[before](whole)
    interrupted = made()
    BEFORE[before](interrupted)
    for _ in range(2):
        interrupted.save(tmp_path / "run.h5")
        interrupted = made(resume_from=tmp_path / "run.h5")
        pause_after(interrupted, interrupted.step_number + 3)
        interrupted.resume()
    interrupted.resume()
    same(interrupted, whole)
    assert interrupted.last_stop.kind == whole.last_stop.kind == "condition"


def test_a_plateau_attached_anew_or_not_goes_on_with_what_it_has_counted(tmp_path):
    whole, begun = made(), made()
    for session in (whole, begun):
        plateau(session)
    whole.step(60)
    begun.step(25)
    begun.save(tmp_path / "run.h5")
    for attach in (plateau, lambda session: None):
        resumed = made(resume_from=tmp_path / "run.h5")
        attach(resumed)
        resumed.step(35)
        same(resumed, whole)
    reduced = [event.step for event in whole.events]
    assert len(reduced) > 2 and [event.step for event in resumed.events] == [
        step for step in reduced if step >= 25
    ]


class Own(Condition):
    keys = ("loss",)

    def met(self, trace, start):
        return len(trace) - start >= 12


CONDITIONS = [
    steps(3), steps(np.int64(3)), epochs(1.5), seconds(2.0), below("grad_norm['inf']", 0.1),
    above("loss", np.float32(2)), below("loss", float("inf")), above("loss", float("-inf")),
    stalled("loss", 3, "max", 0.25), non_finite("accuracy"), ~below("loss", 1.0),
    steps(3) & ~epochs(1) | below("loss", 1), Expression("loss < 1 and epoch > 2") | steps(2),
]  # fmt: skip


def test_a_comment_in_a_condition_does_not_keep_a_training_from_going_on(tmp_path):
    session = made()
    session.break_when("loss < -1 # never")
    session.run("epoch >= 0.5  # half of it")
    session.save(tmp_path / "run.h5")
    resumed = made(resume_from=tmp_path / "run.h5")
    assert resumed.last_run[0] == session.last_run[0]
    (before,), (after,) = session.breakpoints, resumed.breakpoints
    assert before.condition == after.condition


def test_every_condition_of_ours_is_in_the_table():
    kinds = {type(condition) for condition in CONDITIONS} | {Both}
    ours = {kind for kind in _below(Condition) if kind.__module__ == "cortex_lab.study.conditions"}
    assert {kind for kind in ours if not kind.__name__.startswith("_")} <= kinds


def _below(kind):
    return {each for sub in kind.__subclasses__() for each in ({sub} | _below(sub))}


def test_a_condition_of_ones_own_has_to_be_said_anew(tmp_path):
    session = made()
    pause_after(session, 7)
    session.run(Own())
    session.save(tmp_path / "run.h5")
    resumed = made(resume_from=tmp_path / "run.h5")
    with pytest.raises(ValueError, match=r"until <.*Own.*say it anew: session.run\(until=...\)"):
        resumed.resume()
    assert resumed.step_number == 7 and resumed.run(steps(2)).step == 9


def test_what_no_longer_is_recorded_cannot_be_waited_for(tmp_path):
    session = made()
    session.record(Probe("grad_norm"))
    session.step(5)
    session.save(tmp_path / "run.h5")
    assert made(resume_from=tmp_path / "run.h5").run("grad_norm > 0").step == 6
    resumed = made(resume_from=tmp_path / "run.h5", probes=[Probe("loss")])
    assert "grad_norm" in resumed.trace
    with pytest.raises(KeyError, match="'grad_norm', which nothing records"):
        resumed.run("grad_norm > 0")


# The optimizer ---------------------------------------------------------------------------------------


def cases():
    return {type(case.optimizer).__name__: case.optimizer for case in OPTIMIZER_CASES}


def test_every_optimizer_is_tried():
    assert set(cases()) >= {
        name for name, kind in OPTIMIZERS.items() if kind.__module__.startswith("cortex_lab")
    }


@pytest.mark.parametrize("name", cases())
def test_every_optimizer_goes_on_and_none_takes_over_anothers_memory(tmp_path, name):
    optimizer = cases()[name].replace(learning_rate=0.01)
    stayed = made(optimizer)
    stayed.step(7)
    stayed.edit("learning_rate", 0.005)
    stayed.save(tmp_path / "run.h5")
    stayed.step(9)
    for given in (optimizer, optimizer.replace(learning_rate=0.005)):
        resumed = made(given, resume_from=tmp_path / "run.h5")
        resumed.step(9)
        same(stayed, resumed)
    other = cl.SGD(0.1) if name != "SGD" else cl.Adam(0.1)
    for different in (other, optimizer.replace(learning_rate=0.02), optimizer.replace(weight_decay=0.03)):
        with pytest.raises(ValueError, match="another optimizer") as refusal:
            made(different, resume_from=tmp_path / "run.h5")
        assert "new_optimizer=True" in str(refusal.value) and repr(different) in str(refusal.value)
        fresh = made(different, resume_from=tmp_path / "run.h5", new_optimizer=True)
        expected = different.init(fresh.network.ops, fresh.network.params)
        assert set(fresh.process.optimizer_state) >= set(expected) and fresh.process.optimizer == different
        assert fresh.process.optimizer_state["updates"] == 0 and fresh.step_number == 7
        for each, value in expected.items():
            assert each == "matrices" or np.array_equal(fresh.process.optimizer_state[each], value)
        fresh.step(2)
    network = cl.Network(LAYERS, X.shape[1], ops="reference")
    resumed = cl.train(network, (X, Y), "softmax_cross_entropy", batch_size=10, validation=HELD_OUT,
                       validate_every=4, resume_from=tmp_path / "run.h5")  # fmt: skip
    resumed.step(9)
    same(stayed, resumed)


@dataclass(frozen=True, repr=False)
class _Halving(Optimizer):
    """One of one's own, that remembers a number and an array."""

    learning_rate: Any = 0.1

    @property
    def arrays(self):
        return ("mean",)

    def memory(self, ops, params):
        return {**super().memory(ops, params), "factor": 1.0}

    def apply(self, ops, params, gradient, state, rate):
        state["mean"][...] = 0.5 * state["mean"] + gradient
        params -= rate * state["factor"] * state["mean"]
        state["factor"] *= 0.97


def test_an_optimizer_of_ones_own_goes_on_with_all_it_remembered(tmp_path, monkeypatch):
    monkeypatch.setitem(OPTIMIZERS, "_Halving", _Halving)
    stayed = made(_Halving())
    stayed.step(7)
    stayed.save(tmp_path / "run.h5")
    resumed = made(_Halving(), resume_from=tmp_path / "run.h5")
    for session in (stayed, resumed):
        session.step(9)
    same(stayed, resumed)


def test_a_schedule_goes_on_or_begins_anew_as_said(tmp_path):
    stayed = made(cl.SGD(StepDecay(0.1, 5, 0.5)))
    stayed.step(7)
    stayed.save(tmp_path / "run.h5")
    stayed.step()
    resumed = made(cl.SGD(StepDecay(0.1, 5, 0.5)), resume_from=tmp_path / "run.h5")
    resumed.step()
    assert resumed.trace["learning_rate"][-1] == stayed.trace["learning_rate"][-1] == 0.05
    anew = made(cl.SGD(StepDecay(0.1, 5, 0.5)), resume_from=tmp_path / "run.h5", new_optimizer=True)
    anew.step()
    assert anew.trace["learning_rate"][-1] == 0.1


def test_what_a_new_optimizer_needs_is_said():
    for options in ({"new_optimizer": True}, {"new_optimizer": True, "optimizer": cl.Adam()}):
        with pytest.raises(ValueError, match="resume_from"):
            cl.train(cl.Network([cl.Dense(3)], 6), (X, Y), "softmax_cross_entropy", **options)


def test_batches_of_ones_own_are_compared_by_the_next_of_them(tmp_path):
    session = made(data=Rows(X, Y, 10))
    session.step(7)
    session.edit("excluded_rows", [1, 2])
    session.save(tmp_path / "run.h5")
    resumed = made(data=Rows(X, Y, 10), resume_from=tmp_path / "run.h5")
    for each in (session, resumed):
        each.step(5)
    same(session, resumed)
    with pytest.raises(ValueError, match="other training data"):
        made(data=Rows(X * np.float32(1.5), Y, 10), resume_from=tmp_path / "run.h5")


def test_a_file_that_does_not_know_all_this_is_read_as_before(tmp_path):
    session = made()
    session.step(7)
    session.edit("learning_rate", 0.02)
    session.save(tmp_path / "run.h5")
    session.step(9)
    description, arrays = saving.read(tmp_path / "run.h5")
    later = ("format", "set_up", "study", "training_data", "weights_of_rows", "validation_rows")
    kept = {name: value for name, value in description.items() if name not in later}
    saving.write(
        tmp_path / "old.h5", kept, {name: value for name, value in arrays.items() if name != "trace"}
    )
    with h5py.File(tmp_path / "old.h5") as file:
        assert "trace" not in file
    resumed = made(resume_from=tmp_path / "old.h5")
    resumed.step(9)
    assert state(resumed.process) == state(session.process) and len(resumed.trace) == 9
    assert made(resume_from=tmp_path / "old.h5").run(epochs(1)).step == 17
    with pytest.raises(ValueError, match="another optimizer: kind 'Adam', here 'SGD'"):
        made(cl.SGD(0.1), resume_from=tmp_path / "old.h5")
