"""Every test function: its gradient, its minimum, its bounds, one point or many."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cortex_lab.optimize import FUNCTIONS, Function, check_gradient, function_from_dict
from cortex_lab.optimize.function import point
from tests.optimize.cases import FUNCTION_CASES


@pytest.fixture(params=FUNCTION_CASES, ids=lambda case: repr(case.function))
def function(request: pytest.FixtureRequest) -> Function:
    return request.param.function


def places(function: Function, count: int, seed: int = 0) -> np.ndarray:
    low, high = function.bounds.T
    return low + (high - low) * np.random.default_rng(seed).random((count, function.dimension))


def test_every_function_has_a_case() -> None:
    missing = set(FUNCTIONS) - {type(case.function).__name__ for case in FUNCTION_CASES}
    assert not missing, f"give {missing} a row in tests/optimize/cases.py"


def test_the_gradient_is_right(function: Function) -> None:
    for x in places(function, 5):
        check_gradient(function.value, function.gradient, x, kinks=function.kinks, name=function.name)


def test_the_minimum_is_known(function: Function) -> None:
    for lowest in function.minima:
        assert function.value(lowest) == pytest.approx(function.minimum, abs=1e-11)
        assert np.abs(function.gradient(lowest)).max() < 1e-10
        assert function.distance(lowest) < 1e-12
        nearby = lowest + 1e-3 * np.random.default_rng(0).standard_normal((200, function.dimension))
        assert function.value(nearby).min() >= function.minimum - 1e-12


def test_nothing_within_bounds_is_lower(function: Function) -> None:
    assert function.value(places(function, 20_000)).min() > function.minimum


def test_many_points_at_once_are_those_points_one_by_one(function: Function) -> None:
    grid = places(function, 12).reshape(3, 4, -1)
    values, gradients = function.value(grid), function.gradient(grid)
    assert values.shape == (3, 4) and gradients.shape == grid.shape
    for index in np.ndindex(3, 4):
        assert values[index] == pytest.approx(float(function.value(grid[index])), rel=1e-13)
        np.testing.assert_allclose(gradients[index], function.gradient(grid[index]), rtol=1e-12, atol=1e-12)


def test_it_starts_within_bounds_above_the_minimum(function: Function) -> None:
    low, high = function.bounds.T
    assert (function.start >= low).all() and (function.start <= high).all()
    assert function.value(function.start) > function.minimum
    assert function.distance(function.start) > 0


def test_it_survives_json(function: Function) -> None:
    assert function_from_dict(json.loads(json.dumps(function.to_dict()))) == function


def test_values_from_the_literature() -> None:
    from cortex_lab.optimize import CrossParaboloid, GoldsteinPrice, RotatedEllipsoid, SumOfPowers

    # (1 + 2)**2 + (2 + 3)**2 + (3 + 1)**2, and the start of Cortex's own example.
    assert CrossParaboloid().value(np.array([1.0, 2.0, 3.0])) == 50
    np.testing.assert_array_equal(CrossParaboloid().gradient(np.array([1.0, 2.0, 3.0])), [14, 16, 18])
    assert RotatedEllipsoid(3).value(np.array([1.0, 2.0, 3.0])) == 1 + 9 + 36
    assert SumOfPowers(3).value(np.array([1.0, -2.0, 2.0])) == 1 + 8 + 16
    # Three further local minima of Goldstein and Price's function.
    for at, value in (((-0.6, -0.4), 30), ((1.2, 0.8), 840), ((1.8, 0.2), 84)):
        assert GoldsteinPrice().value(np.array(at)) == pytest.approx(value, abs=1e-9)


def test_minima_from_the_literature() -> None:
    from cortex_lab.optimize import Branin, Michalewicz

    assert Branin().minimum == pytest.approx(0.39788735772973816)
    np.testing.assert_allclose(Michalewicz().minima[0], [2.20290552, 1.57079633], atol=1e-8)
    for dimension, value in ((2, -1.8013034), (5, -4.687658), (10, -9.66015)):
        assert Michalewicz(dimension).minimum == pytest.approx(value, abs=1e-5)


def test_an_even_cross_paraboloid_is_lowest_along_a_line() -> None:
    from cortex_lab.optimize import CrossParaboloid

    function = CrossParaboloid(4)
    on_the_line = np.array([7.0, -7.0, 7.0, -7.0])
    assert function.value(on_the_line) == 0
    assert function.distance(on_the_line) == pytest.approx(0)
    assert function.distance(np.add(on_the_line, [1, 1, 0, 0])) == pytest.approx(np.sqrt(2))


def test_kinks_are_where_the_gradient_jumps() -> None:
    for case in FUNCTION_CASES:
        if not case.function.kinks(case.function.start).size:
            continue
        function = case.function
        with pytest.raises(ValueError, match="has a kink"):
            check_gradient(function.value, function.gradient, function.minima[0], kinks=function.kinks)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"kind": "Rosenbruck"}, "no function 'Rosenbruck'; did you mean 'Rosenbrock'"),
        ({"kind": "Rosenbrock", "dimension": 1}, "dimension must be a whole number of at least 2, got 1"),
        ({"kind": "Sphere", "dimension": 2.5}, "dimension must be a whole number, got 2.5"),
        ({"kind": "Paraboloid", "curvature": [1, -1]}, "curvatures over 0"),
        ({"kind": "Sphere", "radius": 1}, "Sphere takes no radius=: it takes dimension"),
    ],
)
def test_bad_descriptions(data: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        function_from_dict(data)


@pytest.mark.parametrize(
    ("start", "message"),
    [([1.0, 2.0, 3.0], r"wants a start of shape \(2,\), got \(3,\)"), ([np.nan, 1.0], "must be finite")],
)
def test_a_start_that_does_not_fit(start: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        point(FUNCTIONS["Sphere"](), start)
