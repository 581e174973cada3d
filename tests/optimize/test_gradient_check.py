"""The gradient checker: it passes what is right and catches what is planted."""

from __future__ import annotations

import numpy as np
import pytest

from cortex_lab.optimize import Absolute, Rosenbrock, WrongGradient, check_gradient


def cubic(x: np.ndarray) -> float:
    return float((x**3).sum() + x[0] * x[-1])


def cubic_gradient(x: np.ndarray) -> np.ndarray:
    slope = 3 * x**2
    slope[0] += x[-1]
    slope[-1] += x[0]
    return slope


X = np.linspace(-1.0, 2.0, 7)


def test_a_right_gradient_passes() -> None:
    check = check_gradient(cubic, cubic_gradient, X, name="cubic")
    assert check
    assert check.checked == 8 and check.skipped == 0
    assert check.error <= check.tolerance < 1e-4
    assert np.linalg.norm(check.direction) == pytest.approx(1)
    assert "right along 8 directions" in str(check)


def test_the_gradient_may_be_given_as_a_vector() -> None:
    assert check_gradient(cubic, cubic_gradient(X), X)


@pytest.mark.parametrize("coordinate", [0, 3, 6])
def test_a_planted_error_is_caught_and_its_coordinate_named(coordinate: int) -> None:
    def wrong(x: np.ndarray) -> np.ndarray:
        slope = cubic_gradient(x)
        slope[coordinate] += 1e-3
        return slope

    with pytest.raises(
        WrongGradient, match=f"gradient of cubic is wrong.*coordinate {coordinate}:"
    ) as caught:
        check_gradient(cubic, wrong, X, name="cubic")
    assert caught.value.check.error > caught.value.check.tolerance
    check = check_gradient(cubic, wrong, X, raises=False)
    assert not check
    assert check.coordinate is not None and check.coordinate[0] == coordinate
    assert check.coordinate[1] - check.coordinate[2] == pytest.approx(1e-3, rel=1e-4)


def test_a_gradient_that_is_no_number_is_wrong() -> None:
    slope = cubic_gradient(X)
    slope[2] = np.nan
    check = check_gradient(cubic, slope, X, raises=False)
    assert not check
    assert check.coordinate is not None and check.coordinate[0] == 2


def test_a_function_that_writes_into_its_argument_does_no_harm() -> None:
    def rude(x: np.ndarray) -> float:
        value = cubic(x)
        x[:] = np.nan
        return value

    assert check_gradient(rude, cubic_gradient, X)


def test_directions_across_a_kink_are_replaced() -> None:
    function = Absolute(3)
    beside = np.array([1.0, -2.0, 4e-6])
    with pytest.raises(WrongGradient):
        check_gradient(function.value, function.gradient, beside)
    check = check_gradient(function.value, function.gradient, beside, kinks=function.kinks)
    assert check and check.skipped > 0


def test_a_point_on_a_kink_is_refused() -> None:
    function = Absolute(2)
    with pytest.raises(ValueError, match="the function has a kink within 1e-05 of this point"):
        check_gradient(function.value, function.gradient, np.array([1.0, 0.0]), kinks=function.kinks)


def test_the_loss_of_a_small_network_over_its_flat_weights() -> None:
    random = np.random.default_rng(3)
    inputs, targets = random.standard_normal((20, 3)), random.standard_normal(20)

    def parts(w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        before = inputs @ w[:12].reshape(3, 4)
        hidden = np.maximum(before, 0)
        return before, hidden, w[12:], hidden @ w[12:] - targets

    def loss(w: np.ndarray) -> float:
        return float((parts(w)[3] ** 2).mean())

    def gradient(w: np.ndarray) -> np.ndarray:
        before, hidden, out, error = parts(w)
        d_out = 2 * error / len(error)
        d_hidden = np.outer(d_out, out) * (before > 0)
        return np.concatenate([(inputs.T @ d_hidden).ravel(), hidden.T @ d_out])

    weights = random.standard_normal(16)
    assert check_gradient(loss, gradient, weights, kinks=lambda w: parts(w)[0], directions=20)
    with pytest.raises(WrongGradient):
        check_gradient(loss, lambda w: 1.001 * gradient(w), weights, kinks=lambda w: parts(w)[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": np.zeros((2, 2))}, r"a flat vector, got shape \(2, 2\)"),
        ({"x": []}, "a flat vector"),
        ({"gradient": np.zeros(3)}, r"has shape \(3,\), the vector it belongs to \(2,\)"),
        ({"value": lambda x: np.inf}, "not finite near this point"),
        ({"directions": 0}, "at least one direction"),
    ],
)
def test_bad_input(arguments: dict, message: str) -> None:
    function = Rosenbrock()
    given = {"value": function.value, "gradient": function.gradient, "x": [1.0, 2.0], **arguments}
    with pytest.raises(ValueError, match=message):
        check_gradient(given.pop("value"), given.pop("gradient"), given.pop("x"), **given)
