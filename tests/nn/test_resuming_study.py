"""What a training's file keeps of its session: the best weights, breakpoints, and where a script begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

import cortex_lab as cl
from cortex_lab.study import below, steps
from tests.nn.test_resuming import CONDITIONS, HELD_OUT, LAYERS, Own, X, Y, made, same


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


@pytest.mark.parametrize(
    "condition",
    [*(each for each in CONDITIONS if "inf" not in str(each.keys)), "grad_norm > 0 and step == 19"],
    ids=repr,
)
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
    with (
        pytest.warns(UserWarning, match="it goes on without"),
        pytest.warns(UserWarning, match=r"breakpoint 1: 'validation_loss < 0' did not come back"),
    ):
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
