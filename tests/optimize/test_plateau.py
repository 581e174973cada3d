"""Reduce-on-plateau: a pure function of the trace, replay-safe on a session, the same as PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

from cortex_lab.optimize import SGD, Absolute, CosineDecay, Descent, ReduceOnPlateau
from cortex_lab.study import Probe, Session, Trace, every


def trace_of(values, key: str = "loss", gap: int = 1) -> Trace:
    trace = Trace([key])
    for step, value in enumerate(values, start=1):
        trace.append(step, 0.0, {key: value} if step % gap == 0 else {})
    return trace


def test_it_acts_after_patience_recordings_without_a_new_best() -> None:
    plateau = ReduceOnPlateau("loss", patience=3, min_delta=0.1)
    assert plateau.reductions(trace_of([5, 4, 3, 3, 2.95, 3])) == [6]
    assert plateau.reductions(trace_of([5, 4, 3, 3, 2.8, 3])) == []
    assert plateau.reductions(trace_of([5, 5, 5, 5, 5, 5, 5])) == [4, 7]


def test_only_recordings_count() -> None:
    plateau = ReduceOnPlateau("loss", patience=2)
    assert plateau.reductions(trace_of(np.full(12, 5.0), gap=3)) == [9]


def test_accuracy_rises() -> None:
    values = [0.1, 0.2, 0.3, 0.2, 0.3]
    assert ReduceOnPlateau("accuracy", patience=2).reductions(trace_of(values, "accuracy")) == [5]
    assert ReduceOnPlateau("loss", patience=2, mode="max").reductions(trace_of(values)) == [5]
    assert ReduceOnPlateau("loss", patience=2).reductions(trace_of(values)) == [3, 5]


def test_cooldown_is_not_counted() -> None:
    flat = trace_of(np.ones(12))
    assert ReduceOnPlateau("loss", patience=2).reductions(flat) == [3, 5, 7, 9, 11]
    assert ReduceOnPlateau("loss", patience=2, cooldown=2).reductions(flat) == [3, 7, 11]


def test_what_is_infinite_is_no_progress() -> None:
    assert ReduceOnPlateau("loss", patience=2).reductions(trace_of([-np.inf, np.inf, 1, 1, 1])) == [2, 5]


@pytest.mark.oracle
@pytest.mark.parametrize("cooldown", [0, 3])
@pytest.mark.parametrize("mode", ["min", "max"])
def test_pytorch_reduces_at_the_same_steps(mode: str, cooldown: int) -> None:
    import torch

    random = np.random.default_rng(0)
    values = np.exp(-np.arange(120) / 30) + 0.05 * random.standard_normal(120)
    values = values if mode == "min" else -values
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, mode=mode, factor=0.5, patience=4, threshold=0.01, threshold_mode="abs", cooldown=cooldown
    )
    wanted, rate = [], 1.0
    for step, value in enumerate(values, start=1):
        theirs.step(value)
        if optimizer.param_groups[0]["lr"] < rate:
            rate = optimizer.param_groups[0]["lr"]
            wanted.append(step)
    # PyTorch acts when there were more than `patience` bad ones.
    ours = ReduceOnPlateau("loss", 0.5, patience=5, mode=mode, min_delta=0.01, cooldown=cooldown)
    assert len(wanted) > 3 and ours.reductions(trace_of(values)) == wanted


def bouncing(rate: float = 0.3) -> Session:
    # On abs(x) a fixed rate ends in bouncing from side to side: a plateau in the value.
    return Session(Descent(Absolute(), SGD(rate), [3.7, -2.2]))


def test_attached_it_edits_the_rate_by_events() -> None:
    session = bouncing()
    plateau = ReduceOnPlateau("value", 0.5, patience=3)
    detach = plateau.attach(session)
    session.step(60)
    acted = [event.step for event in session.events]
    assert acted == plateau.reductions(session.trace) and len(acted) >= 4
    assert [event.value for event in session.events] == [0.3 * 0.5**n for n in range(1, len(acted) + 1)]
    assert session.process.optimizer.learning_rate == session.events[-1].value
    assert session.trace["value"][-1] < 0.02
    detach()
    session.step(60)
    assert len(session.events) == len(acted)


@pytest.mark.parametrize("back_to", ["in between", "at a reduction", "start"])
def test_rewound_and_repeated_it_acts_at_the_same_steps(back_to: str) -> None:
    session = bouncing()
    ReduceOnPlateau("value", 0.5, patience=3).attach(session)
    session.step(60)
    events, values = list(session.events), session.trace["value"].copy()
    step = {"in between": events[2].step + 1, "at a reduction": events[2].step, "start": 0}[back_to]
    session.rewind(step=step)
    assert session.events == [event for event in events if event.step <= step]
    session.step(60 - step)
    assert session.events == events
    np.testing.assert_array_equal(session.trace["value"], values)


def test_attached_late_it_only_acts_from_then_on() -> None:
    session = bouncing()
    session.step(30)
    ReduceOnPlateau("value", 0.5, patience=3).attach(session)
    assert session.events == []
    session.step(10)
    assert session.events and session.events[0].step > 30


def test_it_stops_at_the_lowest_rate() -> None:
    session = bouncing()
    ReduceOnPlateau("value", 0.5, patience=2, lowest=0.1).attach(session)
    session.step(80)
    assert [event.value for event in session.events] == [0.15, 0.1]


def test_it_works_on_a_sparse_key() -> None:
    session = Session(Descent(Absolute(), SGD(0.3), [3.7, -2.2]), [Probe("value", every(5))])
    plateau = ReduceOnPlateau("value", 0.5, patience=2, mode="min")
    plateau.attach(session)
    session.step(100)
    assert [event.step for event in session.events] == plateau.reductions(session.trace) != []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"factor": 1.0}, "factor must be over 0 and under 1, got 1.0"),
        ({"factor": 0}, "factor must be over 0"),
        ({"patience": 0}, "patience must be a whole number of at least 1, got 0"),
        ({"cooldown": -1}, "cooldown must be a whole number of at least 0"),
        ({"mode": "low"}, "mode must be 'min' or 'max', got 'low'"),
        ({"min_delta": -1}, "min_delta must be a finite number"),
        ({"lowest": np.nan}, "lowest must be a finite number"),
    ],
)
def test_bad_settings(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ReduceOnPlateau(**settings)


def test_what_it_cannot_be_attached_to() -> None:
    with pytest.raises(KeyError, match="'validation_loss', which nothing records; recorded are step"):
        ReduceOnPlateau().attach(bouncing())
    scheduled = Session(Descent(Absolute(), SGD(CosineDecay(0.1, 10))))
    with pytest.raises(ValueError, match="to reduce it on a plateau, give a number"):
        ReduceOnPlateau("value").attach(scheduled)


# In branches -----------------------------------------------------------------------------------------


def plateaued(steps: int = 20, budget: int = 2**20) -> tuple[Session, ReduceOnPlateau]:
    session = Session(Descent(Absolute(), SGD(0.3), [3.7, -2.2]), snapshot_budget=budget)
    plateau = ReduceOnPlateau("value", 0.5, patience=3)
    plateau.attach(session)
    session.step(steps)
    return session, plateau


REDUCED_AT = [event.step for event in plateaued(60)[0].events]


@pytest.mark.parametrize("at", [10, 20, REDUCED_AT[1] - 1, REDUCED_AT[1], REDUCED_AT[1] + 1])
def test_each_branch_is_reduced_by_what_it_recorded_and_the_one_kept_goes_on_so(at: int) -> None:
    whole, _ = plateaued(60)
    session, plateau = plateaued(at)
    fork = session.fork(learning_rate=[session.process.optimizer.learning_rate, 0.5])
    fork[0].step(60 - at)
    fork[1].step(20)
    own = [event.step for event in fork[0].events if event.value != fork.settings[0]["learning_rate"]]
    assert own == [step for step in REDUCED_AT if step > at]
    np.testing.assert_array_equal(fork[0].trace["value"], whole.trace["value"])
    reduced = [event.step for event in fork[1].events[1:]]
    assert reduced == [step for step in plateau.reductions(fork[1].trace) if step > at] != own
    assert fork[0].attached == fork[1].attached == session.attached == (plateau,)
    fork.keep(0)
    for each in (session, whole):
        each.step(20)
    np.testing.assert_array_equal(session.trace["value"], whole.trace["value"])
    assert session.attached == (plateau,)


def test_a_branch_gone_back_to_its_beginning_is_not_reduced_twice() -> None:
    whole, _ = plateaued(60)
    session, _ = plateaued(REDUCED_AT[2])
    branch = session.fork(learning_rate=[session.process.optimizer.learning_rate])[0].branch()
    branch.step(7)
    branch.rewind(branch.first_step)
    branch.step(60 - REDUCED_AT[2])
    np.testing.assert_array_equal(branch.trace["value"], whole.trace["value"])


@pytest.mark.parametrize("kept_at", REDUCED_AT[2:4])
def test_a_branch_kept_right_at_a_reduction_is_not_reduced_twice(kept_at: int) -> None:
    whole, _ = plateaued(60)
    session, _ = plateaued(10)
    fork = session.fork(learning_rate=[0.3])
    fork.step(kept_at - 10)
    rate = fork[0].process.optimizer.learning_rate
    fork.keep(0)
    assert session.process.optimizer.learning_rate == rate
    session.step(60 - kept_at)
    np.testing.assert_array_equal(session.trace["value"], whole.trace["value"])


def test_the_branch_kept_brings_what_was_attached_to_it_and_detached_from_it() -> None:
    session, plateau = plateaued(10)
    fork = session.fork(learning_rate=[0.3, 0.3])
    fork[0].detach(plateau)
    other = ReduceOnPlateau("grad_norm", 0.5, patience=4)
    other.attach(fork[0])
    fork[0].step(40)
    assert fork[1].attached == session.attached == (plateau,)
    fork.keep(0)
    assert session.attached == (other,)


def test_the_same_plateau_is_attached_once_and_another_of_its_key_is_refused() -> None:
    session, plateau = plateaued(0)
    detach = ReduceOnPlateau("value", 0.5, patience=3).attach(session)
    session.step(60)
    assert [event.step for event in session.events] == REDUCED_AT and session.attached == (plateau,)
    with pytest.raises(ValueError, match=r"patience=3.*is attached already.*session.detach"):
        ReduceOnPlateau("value", 0.5, patience=4).attach(session)
    detach()
    assert session.attached == ()
    ReduceOnPlateau("value", 0.5, patience=4).attach(session)


def test_a_recorded_nan_counts_and_what_was_not_recorded_does_not() -> None:
    plateau = ReduceOnPlateau("loss", patience=2)
    assert plateau.reductions(trace_of([5, np.nan, np.nan, 4])) == [3]
    assert plateau.reductions(trace_of([5, np.nan, 4, np.nan])) == []
    session = Session(Descent(Absolute(), SGD(0.3), [3.7, -2.2]),
                      [Probe("value", every(2), measure=lambda process: np.nan)])  # fmt: skip
    plateau = ReduceOnPlateau("value", 0.5, patience=2, mode="min")
    plateau.attach(session)
    session.step(8)
    assert [event.step for event in session.events] == plateau.reductions(session.trace) == [4, 8]
