"""Every schedule: against its closed form, PyTorch where it has the same, JSON, and bad input."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from cortex_lab.optimize import (
    SCHEDULES,
    CosineDecay,
    ExponentialDecay,
    InverseTimeDecay,
    OneCycle,
    PiecewiseConstant,
    PolynomialDecay,
    Schedule,
    StepDecay,
    Warmup,
    schedule_from_dict,
)
from tests.optimize.cases import SCHEDULE_CASES

each_schedule = pytest.mark.parametrize("schedule", SCHEDULE_CASES, ids=repr)


def rates(schedule: Schedule, steps: int) -> np.ndarray:
    return np.array([schedule(step) for step in range(steps)])


def test_every_schedule_has_a_case() -> None:
    missing = set(SCHEDULES) - {type(schedule).__name__ for schedule in SCHEDULE_CASES}
    assert not missing, f"give {missing} a row in tests/optimize/cases.py"


@each_schedule
def test_it_is_a_pure_function_of_the_step(schedule: Schedule) -> None:
    forward = rates(schedule, 200)
    assert [schedule(step) for step in reversed(range(200))] == forward[::-1].tolist()
    assert (
        np.isfinite(forward).all() and (forward >= 0).all() and forward.max() == pytest.approx(0.1, rel=1e-2)
    )
    frame = schedule.frame(200)
    assert frame.index.name == "step" and frame["learning_rate"].tolist() == forward.tolist()


@each_schedule
def test_it_survives_json(schedule: Schedule) -> None:
    assert schedule_from_dict(json.loads(json.dumps(schedule.to_dict()))) == schedule


def test_closed_forms() -> None:
    t = np.arange(100)
    np.testing.assert_allclose(rates(StepDecay(0.1, 30), 100), 0.1 * 0.1 ** (t // 30))
    np.testing.assert_allclose(rates(ExponentialDecay(0.1, 20, 0.5), 100), 0.1 * 2.0 ** (-t / 20))
    np.testing.assert_allclose(rates(InverseTimeDecay(0.1, 20, 0.5), 100), 0.1 / (1 + t / 40))
    np.testing.assert_allclose(
        rates(PolynomialDecay(0.1, 50, 0.01, 2.0), 100), 0.01 + 0.09 * (1 - np.minimum(t, 50) / 50) ** 2
    )
    np.testing.assert_allclose(
        rates(CosineDecay(0.1, 40, 0.001), 100),
        0.001 + 0.099 * (1 + np.cos(np.pi * np.minimum(t, 40) / 40)) / 2,
        atol=1e-17,
    )
    np.testing.assert_array_equal(
        rates(PiecewiseConstant((10, 20), (0.1, 0.01, 0.001)), 100),
        np.select([t < 10, t < 20], [0.1, 0.01], 0.001),
    )
    np.testing.assert_allclose(rates(Warmup(10, 0.1), 100), 0.1 * np.minimum(t, 10) / 10)


def test_restarts_begin_again_and_grow() -> None:
    schedule = CosineDecay(0.1, 10, restarts=True, growth=2)
    assert [schedule(step) for step in (0, 10, 30, 70)] == [0.1] * 4
    assert schedule(5) == pytest.approx(0.05) and schedule(20) == pytest.approx(0.05)
    assert schedule(50) == pytest.approx(0.05)
    assert schedule(29) == pytest.approx(0.1 * (1 + math.cos(math.pi * 19 / 20)) / 2)


@pytest.mark.parametrize("growth", [1, 2, 3])
def test_restarts_far_on_are_those_counted_one_by_one(growth: int) -> None:
    schedule, once = CosineDecay(0.1, 7, restarts=True, growth=growth), CosineDecay(0.1, 1)
    begin, length = 0, 7
    for step in range(3000):
        if step == begin + length:
            begin, length = step, length * growth
        assert schedule(step) == CosineDecay(0.1, length)(step - begin)
    # So many that counting them would not end.
    assert schedule(7 * 10**15) == 0.1 or growth > 1
    assert 0 <= schedule(10**18) <= once(0)


def test_warm_up_then_any() -> None:
    then = CosineDecay(0.1, 50)
    schedule = Warmup(10, then, start=0.02)
    np.testing.assert_allclose(rates(schedule, 11)[[0, 5, 10]], [0.02, 0.06, 0.1])
    np.testing.assert_array_equal(rates(schedule, 60)[10:], rates(then, 50))


def test_one_cycle_starts_peaks_and_ends_where_it_says() -> None:
    schedule = OneCycle(0.1, 100, warmup=0.25, start_divisor=10, final_divisor=100)
    assert schedule(0) == pytest.approx(0.01)
    assert schedule(24) == pytest.approx(0.1)
    assert schedule(99) == schedule(1000) == pytest.approx(0.0001)
    assert (np.diff(rates(schedule, 25)) > 0).all() and (np.diff(rates(schedule, 100)[24:]) < 0).all()


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("schedule", "kind", "settings"),
    [
        (StepDecay(0.1, 30), "StepLR", {"step_size": 30}),
        (ExponentialDecay(0.1, 1, 0.95), "ExponentialLR", {"gamma": 0.95}),
        (
            PiecewiseConstant((10, 25), (0.1, 0.05, 0.025)),
            "MultiStepLR",
            {"milestones": [10, 25], "gamma": 0.5},
        ),
        (PolynomialDecay(0.1, 60, power=2.0), "PolynomialLR", {"total_iters": 60, "power": 2.0}),
        (CosineDecay(0.1, 80, 0.001), "CosineAnnealingLR", {"T_max": 80, "eta_min": 0.001}),
        (
            CosineDecay(0.1, 10, restarts=True, growth=2),
            "CosineAnnealingWarmRestarts",
            {"T_0": 10, "T_mult": 2},
        ),
        (OneCycle(0.1, 80), "OneCycleLR", {"max_lr": 0.1, "total_steps": 80, "cycle_momentum": False}),
        (Warmup(10, 0.1, start=0.025), "LinearLR", {"start_factor": 0.25, "total_iters": 10}),
    ],
    ids=lambda given: given if isinstance(given, str) else None,
)
def test_pytorch_schedules_the_same(schedule: Schedule, kind: str, settings: dict) -> None:
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    theirs = getattr(torch.optim.lr_scheduler, kind)(optimizer, **settings)
    for step in range(80):
        assert schedule(step) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9, abs=1e-12), step
        optimizer.step()
        if step < 79:
            theirs.step()


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (
            StepDecay,
            {"initial": -1, "every": 10},
            "initial must be a finite number of at least 0",
        ),
        (StepDecay, {"initial": 0.1, "every": 0}, "every must be a whole number of at least 1"),
        (ExponentialDecay, {"initial": 0.1, "every": 2.5}, "every must be a whole number, got 2.5"),
        (PolynomialDecay, {"initial": 0.1, "steps": 5, "power": -1}, "power must be a finite number"),
        (CosineDecay, {"initial": math.inf, "steps": 10}, "initial must be a finite number"),
        (CosineDecay, {"initial": 0.1, "steps": 10, "growth": 0}, "growth must be a whole number"),
        (
            OneCycle,
            {"peak": 0.1, "steps": 10, "warmup": 1.0},
            "warmup must be at least 0 and under 1, got 1.0",
        ),
        (
            OneCycle,
            {"peak": 0.1, "steps": 10, "start_divisor": 0.5},
            "start_divisor must be a finite number of at least 1",
        ),
        (Warmup, {"steps": 5, "then": "cosine"}, "then must be a finite number"),
        (
            PiecewiseConstant,
            {"boundaries": (1, 2), "values": (1.0,)},
            "one value more than boundaries, got 1",
        ),
        (PiecewiseConstant, {"boundaries": (5, 2), "values": (1.0,) * 3}, r"rising boundaries, got \(5, 2\)"),
    ],
)
def test_bad_settings(kind: type[Schedule], settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**settings)


def test_bad_descriptions() -> None:
    with pytest.raises(ValueError, match="no schedule 'Cosine'"):
        schedule_from_dict({"kind": "Cosine"})
    with pytest.raises(ValueError, match="StepDecay takes no period=: it takes initial, every, factor"):
        schedule_from_dict({"kind": "StepDecay", "initial": 0.1, "period": 3})
    with pytest.raises(ValueError, match="only a Schedule can be written down"):
        Warmup(5, lambda step: 0.1).to_dict()
