"""The learning-rate range test: its curve, and that it leaves everything as it was."""

from __future__ import annotations

import numpy as np
import pytest

from cortex_lab.optimize import (
    SGD,
    Adam,
    Descent,
    Paraboloid,
    Rosenbrock,
    Sphere,
    learning_rate_range_test,
    steepest,
)
from cortex_lab.study import Session


def test_the_curve_falls_then_explodes() -> None:
    curve = learning_rate_range_test(Descent(Paraboloid((1.0, 10.0)), SGD()), 1e-4, 10.0, steps=80)
    assert list(curve.columns) == ["learning_rate", "value", "smoothed"]
    assert curve["learning_rate"].iloc[0] == pytest.approx(1e-4)
    np.testing.assert_allclose(np.diff(np.log(curve["learning_rate"])), np.log(1e5) / 79)
    # Gradient descent on it diverges over 2 / 10: the test ends some way above that, before the range.
    assert 0.2 < curve["learning_rate"].iloc[-1] < 10.0 and len(curve) < 80
    assert 0.001 < steepest(curve) < 0.2
    lowest = curve["smoothed"].min()
    assert curve["smoothed"].iloc[-1] > 5 * lowest


def test_smoothing_corrects_its_start() -> None:
    curve = learning_rate_range_test(Descent(Sphere(), SGD()), 1e-9, 1e-8, steps=5)
    np.testing.assert_allclose(curve["smoothed"], curve["value"], rtol=1e-6)


@pytest.mark.parametrize("optimizer", [SGD(0.001, momentum=0.9), Adam(0.01)], ids=repr)
def test_a_process_is_left_as_it_was(optimizer) -> None:
    tested, plain = (Session(Descent(Rosenbrock(), optimizer)) for _ in range(2))
    for session in (tested, plain):
        session.step(7)
    rows, events = len(tested.trace), list(tested.events)
    curve = learning_rate_range_test(tested, 1e-5, 1.0, steps=40)
    assert len(curve) > 10
    assert (len(tested.trace), tested.events, tested.step_number) == (rows, events, 7)
    assert tested.process.optimizer == optimizer
    assert tested.observation["grad_norm"] == plain.observation["grad_norm"]
    for session in (tested, plain):
        session.step(7)
    np.testing.assert_array_equal(tested.process.params, plain.process.params)
    np.testing.assert_array_equal(tested.trace["value"], plain.trace["value"])
    tested.rewind(step=3)
    np.testing.assert_array_equal(tested.trace["value"], plain.trace["value"][:3])


def test_a_step_that_fails_is_undone_too() -> None:
    descent = Descent(Sphere(), SGD(0.1))
    calls = 0
    gradient = type(descent.function).gradient

    class Failing(Sphere):
        def gradient(self, x):
            nonlocal calls
            calls += 1
            if calls == 3:
                raise RuntimeError("no more")
            return gradient(self, x)

    descent.function = Failing()
    before = descent.params.copy()
    with pytest.raises(RuntimeError, match="no more"):
        learning_rate_range_test(descent)
    np.testing.assert_array_equal(descent.params, before)
    assert descent.optimizer == SGD(0.1) and descent.step_number == 0


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"low": 0.0}, ValueError, "low must be a finite number over 0"),
        ({"low": 1.0, "high": 0.1}, ValueError, "must rise from a low over 0 to a high, got 1.0 to 0.1"),
        ({"high": np.inf}, ValueError, "high must be a finite number"),
        ({"steps": 1}, ValueError, "steps must be a whole number from 2 to 1000000, got 1"),
        ({"key": "loss"}, KeyError, "does not measure 'loss'; it measures value"),
    ],
)
def test_bad_settings(settings: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        learning_rate_range_test(Descent(Sphere(), SGD()), **settings)


def test_inside_a_step_it_is_refused() -> None:
    session = Session(Descent(Sphere(), SGD(0.1)))
    session.step(to="gradient")
    with pytest.raises(ValueError, match=r"inside a step; finish it with session\.step\(\)"):
        learning_rate_range_test(session)


def test_a_curve_that_never_falls_has_no_steepest_place() -> None:
    curve = learning_rate_range_test(Descent(Sphere(), SGD()), 5.0, 50.0, steps=10)
    with pytest.raises(ValueError, match="the curve falls nowhere"):
        steepest(curve)
