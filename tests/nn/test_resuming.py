"""Going on from a file, or from a pause, is the same as never having stopped."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.lab import TrainingSession
from cortex_lab.nn.contract.penalties import L2, Penalties
from cortex_lab.nn.run import saving
from cortex_lab.optimize.optimizer import OPTIMIZERS, Optimizer
from cortex_lab.optimize.schedules import CosineDecay, StepDecay
from cortex_lab.study import Condition, Probe, above, below, epochs, non_finite, seconds, stalled, steps
from cortex_lab.study.conditions import Both, Either, Not
from cortex_lab.study.expression import Expression, as_text
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
    whole.pause = lambda: None  # Asked for, and not done.
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


@pytest.mark.parametrize("condition", CONDITIONS, ids=repr)
def test_every_condition_is_read_as_it_was_written(condition):
    def parts(of):
        if isinstance(of, Expression):
            return parts(of._condition)
        if isinstance(of, (Both, Either)):
            return type(of), parts(of.left), parts(of.right)
        return (Not, parts(of.condition)) if isinstance(of, Not) else of

    assert as_text(steps(1) | Own()) is as_text(~Own()) is None
    read = Expression(as_text(condition))
    if "Expression" not in str(parts(condition)) and "Comparison" not in str(parts(condition)):
        assert parts(read) == parts(condition)
    assert read.keys == tuple(dict.fromkeys(condition.keys)) and as_text(read)


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


@pytest.mark.parametrize("key", ["validation_loss", "validation_accuracy", "validation_f1_macro", "loss"])
def test_the_best_weights_of_before_are_kept_through_files(tmp_path, key):
    options = {"validation": None} if key == "loss" else {"metrics": "f1_macro"}
    session = made(**options)
    session.step(30)
    best, wanted = session.best(key), session.network_at(session.best(key).step).params
    session.edit("learning_rate", 1e-9)
    session.process.network.params[...] *= -1
    for path in (tmp_path / "first.h5", tmp_path / "second.h5"):
        session.step(8)
        session.save(path)
        session = made(resume_from=path, **options)
        session.step(8)
        assert session.best(key) == best and best.step <= 30
        assert (session.network_at(best.step).params == wanted).all()
    branch = session.fork(learning_rate=[0.1]).branches[0]
    for each in (session, branch):
        assert each.restore_best(key) == best and (each.network.params == wanted).all()
    assert made(resume_from=path, new_optimizer=True, **options).restore_best(key) == best


def test_the_weights_that_a_step_had_are_those_before_it_was_edited(tmp_path):
    session = made()
    session.step(8)
    wanted = session.network.params.copy()
    session.edit("weights['dense_1/kernel']", 0.0)
    session.save(tmp_path / "run.h5")
    resumed = made(resume_from=tmp_path / "run.h5")
    assert (resumed.network.params == session.network.params).all() and resumed.restore_best().step == 8
    assert (resumed.network.params == wanted).all()


def test_weights_too_far_away_to_be_saved_are_named(tmp_path, monkeypatch):
    session = made()
    session.step(9)
    monkeypatch.setattr("cortex_lab.nn.train.best_networks.PATIENCE", -1.0)
    with pytest.warns(UserWarning, match=r"step [48], the best by 'validation_loss', are not in the file.*"
                                         r"session.network_at\([48]\).save"):  # fmt: skip
        session.save(tmp_path / "run.h5")
    resumed = made(resume_from=tmp_path / "run.h5")
    with pytest.raises(ValueError, match=r"no network of step [48]; the session that it goes on from has it"):
        resumed.restore_best()


# Breakpoints and parts -------------------------------------------------------------------------------


@pytest.mark.parametrize("condition", [*(each for each in CONDITIONS if "inf" not in str(each.keys)), "grad_norm > 0 and step == 19"], ids=repr)
def test_breakpoints_come_back_with_number_and_count(tmp_path, condition):
    session = made()
    session.clear_breakpoints(session.break_when("loss < -2"))
    session.step(3)
    session.break_when(condition)
    session.save(tmp_path / "run.h5")
    resumed = made(resume_from=tmp_path / "run.h5")
    (before,), (after,) = session.breakpoints, resumed.breakpoints
    assert (after.number, after.since, set(after.condition.keys)) == (2, 3, set(before.condition.keys))
    stops = [each.run(until=steps(30)) for each in (session, resumed)]
    assert (stops[0].kind, stops[0].step, stops[0].phase) == (stops[1].kind, stops[1].step, stops[1].phase)


@dataclass(frozen=True)
class Part:
    def attach(self, session: Any) -> None:
        session.subscribe(lambda notice: None, steps=False, part=self)


def test_what_no_file_can_hold_is_named_when_saved_and_when_gone_on(tmp_path):
    session = made()
    session.break_when("loss < -1")
    session.break_when(Own() | below("loss", -1.0))
    Part().attach(session)
    named = r"breakpoint 2: .*Own.*; what was attached: Part\(\)"
    with pytest.warns(UserWarning, match=named + r" cannot be saved; .*session.break_when"):
        session.save(tmp_path / "run.h5")
    with pytest.warns(UserWarning, match=named + r" did not come back"):
        resumed = made(resume_from=tmp_path / "run.h5")
    assert [str(each) for each in resumed.breakpoints] == [str(session.breakpoints[0])]


def test_a_breakpoint_on_what_is_no_longer_measured_is_named(tmp_path):
    session = made()
    session.break_when("validation_loss < 0")
    session.save(tmp_path / "run.h5")
    with pytest.warns(UserWarning, match=r"breakpoint 1: 'validation_loss < 0' did not come back"):
        assert not made(resume_from=tmp_path / "run.h5", validation=None).breakpoints


# A script --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{}, {"optimizer": None}, {"optimizer": cl.SGD(0.1), "new_optimizer": True}], ids=str
)
def test_the_script_of_a_resumed_session_begins_with_its_file(tmp_path, options):
    session = made()
    session.step(7)
    session.save(tmp_path / "run.h5")
    network = cl.Network(LAYERS, X.shape[1], ops="reference")
    given = {"optimizer": cl.Adam(0.01), "validation": HELD_OUT, "validate_every": 4, "batch_size": 10}
    resumed = cl.train(
        network, (X, Y), "softmax_cross_entropy", **given | options, resume_from=tmp_path / "run.h5"
    )
    resumed.step(3)
    resumed.edit("learning_rate", 0.02)
    resumed.step(5)
    names: dict[str, Any] = {}
    exec(compile(resumed.script(), "script", "exec"), names)
    same(names["session"], resumed)
    resumed.save(tmp_path / "run.h5")
    with pytest.raises(ValueError, match=r"run.h5, which is gone or was written again.*another path"):
        resumed.script()
    (tmp_path / "run.h5").unlink()
    with pytest.raises(ValueError, match="which is gone"):
        resumed.script()


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
    for options in ({"new_optimizer": True}, {"optimizer": None}):
        with pytest.raises((ValueError, TypeError), match=r"resume_from|must be one such as"):
            cl.train(cl.Network([cl.Dense(3)], 6), (X, Y), "softmax_cross_entropy", **options)


# What is set up in another way -----------------------------------------------------------------------

SCALED, SHUFFLED = X * np.float32(1.5), X.copy()
SHUFFLED[[3, 5]] = SHUFFLED[[5, 3]]
OTHERS = {
    "draw seed": {"seed": 1},
    "batch size": {"batch_size": 20},
    "losses": {"loss": cl.SoftmaxCrossEntropy(label_smoothing=0.1)},
    "loss weights": {"loss_weights": {"dense_2": 2.0}},
    "penalties": {"penalties": {"*/kernel": L2(0.1)}},
    "training data": [
        {"data": (SCALED, Y)}, {"data": (SHUFFLED, Y)}, {"data": (X, (Y + 1) % 3)},
        {"data": (X[:90], Y[:90])},
        {"data": cl.data.Batches(X, Y, batch_size=10, seed=4)},
        {"data": cl.data.Batches(X, Y, batch_size=10, shuffle=False)},
    ],
    "weights of rows": [{"class_weight": {0: 2.0}}, {"sample_weight": np.linspace(1, 2, 100)}],
    "validation rows": {"validation": (HELD_OUT[0] + 1, HELD_OUT[1])},
    "network": {"layers": [cl.Dense(3)]},
    "frozen": {"frozen": ["dense_1"]},
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_what_would_go_on_in_another_way_is_refused_by_name(tmp_path, name):
    session = made()
    session.step(7)
    session.save(tmp_path / "run.h5")
    others = OTHERS[name] if isinstance(OTHERS[name], list) else [OTHERS[name]]
    for options in others:
        with pytest.raises(ValueError, match=f"(another {name}|{name}=)"):
            made(resume_from=tmp_path / "run.h5", **options)
    for options in ({"validation": None}, {"metrics": ["f1_macro"]}, {"validate_every": 7}):
        assert made(resume_from=tmp_path / "run.h5", **options).step(3).step == 10


WEIGHTS = np.linspace(1, 2, 100)
EQUAL: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "sample_weight of ones": ({}, {"sample_weight": np.ones(100)}),
    "no sample_weight": ({"sample_weight": np.ones(100)}, {}),
    "sample_weight as a list": ({"sample_weight": WEIGHTS}, {"sample_weight": WEIGHTS.tolist()}),
    "sample_weight as a column": ({"sample_weight": WEIGHTS}, {"sample_weight": pd.Series(WEIGHTS)}),
    "class_weight of ones": ({}, {"class_weight": {0: 1, 1: 1.0, 2: 1}}),
    "class_weight": ({"class_weight": {0: 2}}, {"class_weight": {np.int64(0): 2.0, 1: 1}}),
    "loss": ({}, {"loss": {"dense_2": cl.SoftmaxCrossEntropy()}}),
    "loss_weights": ({}, {"loss_weights": {"dense_2": np.float32(1)}}),
    "batch_size": ({}, {"batch_size": np.int64(10)}),
    "seed": ({"seed": 3}, {"seed": 3}),
    "no penalties": ({}, {"penalties": {}}),
    "empty penalties": ({"penalties": {}}, {}),
    "penalties": (
        {"penalties": {"*/kernel": L2(0.1)}},
        {"penalties": Penalties({"*/kernel": L2(np.float64(0.1))})},
    ),
    "frozen": ({"frozen": ["dense_1"]}, {"frozen": "*e_1"}),
    "nothing frozen": ({}, {"frozen": None}),
    "augment": ({}, {"augment": {}}),
    "data": ({}, {"data": (X.astype(np.float64).tolist(), Y.astype(np.int8))}),
    "validation in float64": ({}, {"validation": (HELD_OUT[0].astype(np.float64), HELD_OUT[1])}),
    "validation as lists": ({}, {"validation": [each.tolist() for each in HELD_OUT]}),
    "validation of a size": ({"validation": 0.2}, {"validation": 20}),
    "optimizer": ({}, {"optimizer": cl.Adam(np.float64(0.01))}),
    "validate_every": ({}, {"validate_every": 3}),
    "metrics": ({}, {"metrics": "accuracy"}),
    "probes": ({}, {"probes": [Probe("loss")]}),
    "snapshot_budget": ({}, {"snapshot_budget": 1000}),
    "new_optimizer": ({}, {"new_optimizer": False}),
}  # fmt: skip


@pytest.mark.parametrize("name", EQUAL)
def test_what_comes_to_the_same_is_the_same(tmp_path, name):
    before, after = EQUAL[name]
    session = made(**before)
    session.step(7)
    session.save(tmp_path / "run.h5")
    resumed = made(resume_from=tmp_path / "run.h5", **after)
    for each in (session, resumed):
        each.step(5)
    assert state(resumed.process) == state(session.process)


def test_every_option_is_tried_as_another_and_as_the_same():
    options = set(inspect.signature(cl.train).parameters) - {"network", "resume_from"}
    assert options == {name for _, after in EQUAL.values() for name in after}
    others = {name.replace(" ", "_") for name in OTHERS}
    told = {"draw_seed": "seed", "losses": "loss", "training_data": "data", "validation_rows": "validation"}
    told |= {"weights_of_rows": "sample_weight"}
    only_look_on = {"validate_every", "metrics", "probes", "snapshot_budget"}
    apart = {"optimizer", "new_optimizer", "augment", "class_weight"}
    assert options - only_look_on - apart == {told.get(name, name) for name in others} - {"network"}


def test_batches_of_ones_own_are_compared_by_the_next_of_them(tmp_path):
    session = made(data=Rows(X, Y, 10))
    session.step(7)
    session.edit("excluded_rows", [1, 2])
    session.save(tmp_path / "run.h5")
    resumed = made(data=Rows(X, Y, 10), resume_from=tmp_path / "run.h5")
    for each in (session, resumed):
        each.step(5)
    same(session, resumed)
    with pytest.raises(ValueError, match="another training data"):
        made(data=Rows(SCALED, Y, 10), resume_from=tmp_path / "run.h5")


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
