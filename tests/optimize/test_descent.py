"""Descents under a Session: every optimizer on every function, rewinds, phases, logs and their uses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cortex_lab.optimize import (
    SGD,
    Adam,
    Beale,
    CrossParaboloid,
    Descent,
    Ellipsoid,
    Objective,
    OneCycle,
    Paraboloid,
    RMSprop,
    Rosenbrock,
    Sphere,
    log,
    study,
)
from cortex_lab.study import Probe, Process, Session, above, below, non_finite, steps
from tests.optimize.cases import FUNCTION_CASES, OPTIMIZER_CASES, STEPS, FunctionCase, OptimizerCase


@pytest.mark.parametrize("function", FUNCTION_CASES, ids=lambda case: repr(case.function))
@pytest.mark.parametrize("optimizer", OPTIMIZER_CASES, ids=lambda case: repr(case.optimizer))
def test_every_optimizer_descends_every_function(function: FunctionCase, optimizer: OptimizerCase) -> None:
    descended = function.function
    top = float(descended.value(descended.start))
    goal = descended.minimum + function.leaves * (top - descended.minimum)
    session = Session(Descent(descended, optimizer.descends(function.scale)), [Probe("value")])
    stop = session.run(until=below("value", goal) | steps(STEPS))
    values = session.trace["value"]
    assert values[-1] < goal, f"{stop}, from {top} to {values[-1]} at {session.process.params}"
    assert descended.value(session.process.params) == values[-1]


OPTIMIZERS = [SGD(0.001, momentum=0.9), Adam(OneCycle(0.1, 60)), RMSprop(0.01, centered=True, momentum=0.5)]
each_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)


def session_on_rosenbrock(optimizer) -> Session:
    return Session(Descent(Rosenbrock(), optimizer))


def same(left: Session, right: Session) -> None:
    for name, buffer in left.buffers.items():
        np.testing.assert_array_equal(buffer, right.buffers[name], err_msg=name)
    pd.testing.assert_frame_equal(
        left.trace.frame().drop(columns="seconds"), right.trace.frame().drop(columns="seconds")
    )
    assert left.process.evaluations == right.process.evaluations


def test_it_is_a_process() -> None:
    assert isinstance(Descent(Sphere(), SGD()), Process)


@each_optimizer
def test_by_phases_and_whole_the_bits_are_the_same(optimizer) -> None:
    whole, phased = session_on_rosenbrock(optimizer), session_on_rosenbrock(optimizer)
    whole.step(12)
    for _ in range(12):
        for phase in phased.phases:
            phased.step(to=phase)
    same(whole, phased)


@each_optimizer
def test_rewinding_is_exact(optimizer) -> None:
    straight, crooked = session_on_rosenbrock(optimizer), session_on_rosenbrock(optimizer)
    for session in (straight, crooked):
        session.step(20)
        session.edit("learning_rate", 0.0005)
        session.step(5)
        session.edit("params", [0.5, -0.5])
        session.step(25)
    crooked.step(31)
    crooked.rewind(step=22)
    crooked.step(3)
    crooked.edit("params", [0.5, -0.5])
    crooked.step(40)
    crooked.rewind(step=50)
    assert [event.step for event in crooked.events] == [20, 25]
    same_params = straight.process.params.copy()
    np.testing.assert_array_equal(crooked.process.params, same_params)
    straight.step(10)
    crooked.step(10)
    same(straight, crooked)


def test_each_point_is_evaluated_once() -> None:
    calls = {"value": 0, "gradient": 0}

    def value(x):
        calls["value"] += 1
        return float(x @ x)

    def gradient(x):
        calls["gradient"] += 1
        return 2 * x

    session = Session(Descent(Objective(value, gradient, [1.0, 2.0]), SGD(0.1)))
    session.step(10)
    assert calls == session.process.evaluations == {"value": 11, "gradient": 11}
    assert session.trace["value_evaluations"].tolist() == list(range(2, 12))
    only = Session(Descent(Objective(value, gradient, [1.0, 2.0]), SGD(0.1)), [Probe("step_norm")])
    only.step(10)
    assert only.process.evaluations == {"value": 10, "gradient": 10}


def test_what_is_measured_is_about_the_point_reached() -> None:
    session = Session(Descent(Ellipsoid(2), SGD(0.1), [1.0, 1.0]))
    session.step(2)
    np.testing.assert_allclose(session.process.params, [0.64, 0.36])
    row = session.trace.frame().loc[2]
    assert row["value"] == pytest.approx(0.64**2 + 2 * 0.36**2)
    assert row["grad_norm"] == pytest.approx(np.hypot(1.28, 1.44))
    assert row["distance"] == pytest.approx(np.hypot(0.64, 0.36))
    assert row["step_norm"] == pytest.approx(np.hypot(0.16, 0.24))
    assert row["learning_rate"] == 0.1


def test_the_recorded_rate_is_the_one_used() -> None:
    schedule = OneCycle(0.1, 20)
    made = log(Sphere(), SGD(schedule), until=steps(20))
    assert made.frame["learning_rate"].tolist()[1:] == [schedule(step) for step in range(20)]


def test_buffers_between_phases_and_the_pending_update() -> None:
    session = Session(Descent(Ellipsoid(2), SGD(0.1), [1.0, 1.0]))
    session.step(to="gradient")
    np.testing.assert_array_equal(session.buffers["params"], [1, 1])
    np.testing.assert_array_equal(session.buffers["gradient"], [2, 4])
    np.testing.assert_allclose(session.process.pending_update()["params"], [-0.2, -0.4])
    np.testing.assert_array_equal(session.buffers["params"], [1, 1])
    session.edit("gradient", [0.0, 4.0])
    session.step()
    np.testing.assert_allclose(session.buffers["params"], [1, 0.6])
    session.step(to="gradient")
    session.edit("pending_update['params']", [5.0, 0.0])
    session.step()
    np.testing.assert_allclose(session.buffers["params"], [6, 0.6])
    session.step()
    np.testing.assert_allclose(session.buffers["params"], [4.8, 0.36])


def test_a_clone_goes_its_own_way() -> None:
    session = Session(Descent(Rosenbrock(), Adam(0.05)))
    session.step(5)
    clone = session.process.clone()
    other = Session(clone)
    other.step(5)
    assert session.step_number == 5
    session.step(5)
    np.testing.assert_array_equal(session.process.params, other.process.params)


def test_a_fork_at_equal_settings_stays_together() -> None:
    session = Session(Descent(Rosenbrock(), Adam(0.05)))
    session.step(5)
    branches = session.fork(learning_rate=[0.05, 0.05, 0.01])
    branches.step(20)
    apart = branches.distance().loc["params"].tolist()
    assert apart[:2] == [0.0, 0.0] and apart[2] > 0
    assert branches.frame("value").shape == (20, 3)


def test_a_breakpoint_stops_before_the_update() -> None:
    session = Session(Descent(Rosenbrock(), SGD(0.002)))
    session.break_when("value > 30")
    stop = session.run(until=steps(100))
    assert stop.kind == "breakpoint" and stop.phase == "gradient"
    assert session.process.measure("value") > 30


def test_a_divergence_is_held_back_where_it_stops_being_a_number() -> None:
    session = Session(Descent(Rosenbrock(), SGD(0.01, momentum=0.9)))
    stop = session.run(until=steps(500))
    assert stop.kind == "fault" and "the value is" in stop.reason
    assert not np.isfinite(session.trace["value"][-1]) or not np.isfinite(session.trace["grad_norm"][-1])
    assert session.step_number < 500
    session.rewind(step=session.step_number - 3)
    assert np.isfinite(session.process.params).all()
    made = log(Rosenbrock(), SGD(0.01, momentum=0.9), until=steps(500) | above("value", 1e10))
    assert "above(key='value', bound=10000000000.0)" in made.stop.reason


def test_float32_and_other_starts() -> None:
    session = Session(Descent(Beale(), Adam(0.05), [2.0, 0.0], ops="cpu"))
    session.step(300)
    assert session.process.params.dtype == np.float32
    assert session.process.measure("distance") < 0.1


# Bad input ------------------------------------------------------------------------------------------


def test_bad_input() -> None:
    with pytest.raises(TypeError, match="optimizer must be an optimizer such as Adam"):
        Descent(Sphere(), 0.1)
    with pytest.raises(TypeError, match=r"wants a function with value\(x\) and gradient\(x\)"):
        Descent(np.sin, SGD())
    with pytest.raises(ValueError, match=r"Sphere wants a start of shape \(2,\), got \(3,\)"):
        log(Sphere(), SGD(), [1, 2, 3], until=steps(3))
    session = Session(Descent(Sphere(), SGD(0.1)))
    with pytest.raises(KeyError, match="a descent has no 'momentum' to edit; it has 'learning_rate'"):
        session.edit("momentum", 0.9)
    with pytest.raises(ValueError, match=r"params has shape \(2,\), got \(3,\)"):
        session.edit("params", [1, 2, 3])
    with pytest.raises(ValueError, match="learning_rate must be"):
        session.edit("learning_rate", -1.0)
    assert session.events == [] and session.process.optimizer == SGD(0.1)
    with pytest.raises(KeyError, match="a descent does not measure 'loss'"):
        session.process.measure("loss")
    with pytest.raises(TypeError):
        study(Sphere(), SGD(), until=3)


def test_a_gradient_of_the_wrong_shape_is_named_and_the_session_stays() -> None:
    wrong = Objective(lambda x: float(x @ x), lambda x: x[:1], [1.0, 2.0], name="wrong")
    session = Session(Descent(wrong, SGD(0.1)), [Probe("value")])
    with pytest.raises(ValueError, match=r"the gradient of wrong has shape \(1,\), its point \(2,\)"):
        session.step()
    assert session.step_number == 0 and isinstance(session.error, ValueError)


def test_conditions_on_a_descent() -> None:
    for condition in (below("distance", 0.1), "grad_norm < 0.5 and step > 2", non_finite("value") | steps(4)):
        session = study(Paraboloid(), SGD(0.03), until=condition)
        assert session.last_stop.kind == "condition"
    session = study(CrossParaboloid(), SGD(0.1), [1, 2, 3], until=below("grad_norm", 1e-6))
    np.testing.assert_allclose(session.process.params, 0, atol=1e-6)


@pytest.mark.parametrize("optimizer", OPTIMIZER_CASES, ids=lambda case: repr(case.optimizer))
def test_a_step_that_would_lead_out_of_the_numbers_is_held_back(optimizer: OptimizerCase) -> None:
    session = Session(Descent(Sphere(2), optimizer.optimizer, [3.0, -2.0]))
    session.step(3)
    there = session.process.params.copy()
    limit = float(np.finfo(np.float64).max)
    session.step(to="gradient")
    session.edit("learning_rate", limit)
    session.edit("params", 0.9999 * limit * np.ones(2))
    session.edit("gradient", [-1.0, -2.0])
    assert session.step().kind == "fault" and "not finite" in str(session.fault)
    session.rewind(3)
    assert (session.process.params == there).all() and session.step(3).kind == "step"


def test_a_descent_goes_back_to_before_the_step_that_would_lead_out_of_the_numbers() -> None:
    session = Session(Descent(Sphere(2), SGD(1e100)), snapshot_budget=600)
    stop = session.run(steps(20))
    twin = Session(Descent(Sphere(2), SGD(1e100)))
    twin.stop_on_fault = False
    twin.step(stop.step)
    assert stop.kind == "fault" and session.fault.last_good == 1 and len(session.trace) == stop.step == 2
    for name in ("params", "value", "evaluations"):
        assert str(session.process.snapshot()[name]) == str(twin.process.snapshot()[name])
