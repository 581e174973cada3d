"""Searching over trainings: what is tried, pruned, kept, gone on with and made again."""

from __future__ import annotations

import signal
import subprocess
import sys

import numpy as np
import optuna
import pytest

import cortex_lab as cl
from cortex_lab.search import Search, TrialFailed

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 4)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(int)


def make(trial):
    rate = trial.suggest_float("rate", 1e-5, 1.0, log=True)
    units = trial.suggest_categorical("units", [2, 8])
    net = cl.Network([cl.Dense(units, activation="tanh"), cl.Dense(2)], input_shape=4)
    return cl.train(net, (X, Y), optimizer=cl.Adam(rate), batch_size=40, validation=0.25)


def test_the_best_of_some_trials():
    found = Search(make, metric="validation_accuracy", epochs=5).run(6)
    frame = found.frame()
    assert len(frame) == 6 and set(frame["state"]) <= {"complete", "pruned"}
    done = frame[frame["state"] == "complete"]
    assert found.best.value == done["value"].max() and found.best.number in done.index
    assert list(frame.columns[:4]) == ["state", "value", "step", "seconds"]
    assert {"rate", "units"} <= set(frame) and (frame["seconds"] > 0).all()
    history = found.history()
    assert set(history["trial"]) == set(range(6))
    np.testing.assert_array_equal(
        history[history["trial"] == found.best.number]["value"].max(), found.best.value
    )


def test_a_search_is_the_same_again():
    one, other = (Search(make, epochs=3, seed=5).run(4).frame().drop(columns="seconds") for _ in range(2))
    assert one.equals(other)


def test_a_trial_is_made_again_and_gone_on_with():
    found = Search(make, epochs=3).run(3)
    session = found.session(1)
    assert session.step_number == found.frame().loc[1, "step"]
    assert session.best("validation_loss").value == found.frame().loc[1, "value"]
    before = session.step_number
    session.run(5, progress=False)
    assert session.step_number == before + 5
    with pytest.raises(LookupError, match="no trial 9; there are 3"):
        found.session(9)


def test_a_trial_that_comes_out_otherwise_is_said():
    calls = iter(range(10))

    def otherwise(trial):
        trial.suggest_float("rate", 1e-3, 1e-2)
        return cl.train(
            cl.Network([cl.Dense(2)], input_shape=4, seed=next(calls)), (X, Y), batch_size=40, validation=0.25
        )

    found = Search(otherwise, epochs=1).run(1)
    with pytest.warns(UserWarning, match="the same training again"):
        found.session(0)


def test_what_is_worse_than_the_median_is_pruned():
    def fixed(trial):
        return make(optuna.trial.FixedTrial({"rate": 1e-2 if trial.number < 5 else 1e-5, "units": 8}))

    found = Search(fixed, epochs=6, prune=optuna.pruners.MedianPruner(n_startup_trials=5)).run(6)
    assert list(found.frame()["state"]) == ["complete"] * 5 + ["pruned"]
    assert found.frame().loc[5, "step"] < found.frame().loc[0, "step"]
    kept = Search(fixed, epochs=6, prune=False).run(6)
    assert set(kept.frame()["state"]) == {"complete"}


def test_a_search_goes_on_in_another_process(tmp_path):
    first = Search(make, epochs=2, folder=tmp_path).run(2)
    code = (
        "from tests.search.test_search import make, Search\n"
        f"Search(make, epochs=2, folder={str(tmp_path)!r}).run(1)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    again = Search(make, epochs=2, folder=tmp_path)
    assert len(again.frame()) == 3
    assert again.frame().iloc[:2].equals(first.frame().iloc[:2])
    with pytest.raises(ValueError, match="count by 'validation_loss'"):
        Search(make, metric="validation_accuracy", folder=tmp_path)


def test_several_processes_search_together(tmp_path):
    found = Search(make, epochs=1, folder=tmp_path).run(4, jobs=2)
    assert sorted(found.frame().index) == [0, 1, 2, 3]
    assert found.frame()["rate"].nunique() == 4
    with pytest.raises(ValueError, match="folder='runs'"):
        Search(make).run(2, jobs=2)


def test_a_fault_is_a_failed_trial_and_the_search_goes_on():
    def diverging(trial):
        trial.suggest_float("x", 0, 1)
        net = cl.Network([cl.Dense(1)], input_shape=4)
        rate = 1e30 if trial.number == 0 else 1e-3
        return cl.train(net, (X, X[:, 0]), optimizer=cl.SGD(rate), batch_size=40, validation=0.25)

    frame = Search(diverging, epochs=5).run(2).frame()
    assert list(frame["state"]) == ["failed", "complete"] and frame.loc[0, "why"]


def test_what_raises_names_the_trial_and_loses_nothing():
    def raising(trial):
        session = make(trial)
        if trial.number == 2:
            raise RuntimeError("the disk is gone")
        return session

    search = Search(raising, epochs=1)
    with pytest.raises(TrialFailed, match=r"trial 2 .*rate.*the disk is gone"):
        search.run(5)
    assert list(search.frame()["state"]) == ["complete", "complete", "failed"]
    assert "the disk is gone" in search.frame().loc[2, "why"]


def test_an_interrupt_keeps_what_has_finished():
    def interrupted(trial):
        session = make(trial)
        if trial.number == 1:
            session.subscribe(lambda notice: notice.kind == "step" and signal.raise_signal(signal.SIGINT))
        return session

    search = Search(interrupted, epochs=3)
    with pytest.raises(KeyboardInterrupt):
        search.run(5)
    assert list(search.frame()["why"]) == ["", "interrupted"] and search.best.number == 0


@pytest.mark.parametrize(
    "wrong, error, message",
    [
        (lambda: Search("net"), TypeError, "def make"),
        (lambda: Search(make, metric="size"), ValueError, "mode="),
        (lambda: Search(make, epochs=0), ValueError, "epochs"),
        (lambda: Search(make).run(0), ValueError, "trials"),
        (lambda: Search(make).run(1, jobs=0), ValueError, "jobs"),
        (lambda: Search(make).best, LookupError, "no trial has finished"),
        (lambda: Search(lambda trial: None).run(1), TrialFailed, "cl.train"),
        (lambda: Search(make, metric="validation_mae", mode="min").run(1), TrialFailed, "is not recorded"),
        (lambda: Search(make, metric="validation_lss", mode="min").run(1), TrialFailed, "validation_loss"),
    ],
)
def test_bad_input(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong()


def test_no_trials_yet():
    assert Search(make).frame().empty and Search(make).history().empty


def test_what_goes_on_tries_what_was_not_tried(tmp_path):
    for sampler in (None, lambda: optuna.samplers.RandomSampler(seed=1)):
        folder = tmp_path / str(sampler is None)
        for _ in range(2):
            found = Search(make, epochs=1, folder=folder, sampler=sampler and sampler()).run(3)
        assert found.frame()["rate"].nunique() == 6
    both = Search(make, epochs=1, folder=tmp_path / "b", sampler=optuna.samplers.RandomSampler(seed=1)).run(
        4, 2
    )
    assert both.frame()["rate"].nunique() == 4


def test_a_search_of_another_mode_is_refused(tmp_path):
    Search(make, epochs=1, mode="max", folder=tmp_path).run(1)
    with pytest.raises(ValueError, match="mode='max'; take another folder"):
        Search(make, epochs=1, mode="min", folder=tmp_path)


def test_parameters_called_as_columns():
    def named(trial):
        trial.suggest_int("value", 2, 32)
        trial.suggest_float("step", 0.0, 0.5)
        return make(trial)

    found = Search(named, epochs=1).run(2)
    frame = found.frame()
    assert frame["value"].min() == found.best.value and set(frame["step"]) == {3}
    assert frame.loc[0, "params_value"] == found.study.trials[0].params["value"]


def test_a_session_that_was_stepped_already_is_refused():
    def late(trial):
        session = make(trial)
        session.step(2)
        return session

    with pytest.raises(TrialFailed, match="stands at 2"):
        Search(late, epochs=1).run(1)


def raising(trial):
    if trial.number == 1:
        raise RuntimeError("the disk is gone")
    return make(trial)


def test_a_failure_in_one_process_lets_the_others_finish(tmp_path):
    search = Search(raising, epochs=1, folder=tmp_path)
    with pytest.raises(TrialFailed, match=r"trial 1.*the disk is gone"):
        search.run(6, jobs=2)
    states = search.frame()["state"]
    assert "running" not in set(states) and (states == "failed").sum() == 1 and len(states) >= 4
    with pytest.raises(LookupError, match="has not ended"):
        search.study.ask()
        search.session(len(states))
