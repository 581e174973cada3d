"""The loss along the last step, around the path, and noise of gradients: against parabolas and by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.optimize import SGD, Descent, Rosenbrock
from cortex_lab.study import Session
from cortex_lab.widgets import NothingToShow, Optimization
from cortex_lab.widgets.chart.marks import Contours, Trail
from cortex_lab.widgets.chart.step_study import along, axes_of, noise_of, points_for
from tests.widgets import session_kinds
from tests.widgets.hand import linear

X = np.array([[1.0], [2.0], [-1.0], [3.0]])
Y = 0.5 * X
CURVE = 2 * float(np.square(X).mean())
"""The second derivative of the mean squared error of w x - x / 2 by w, of which -w times it is the slope."""


def parabola(rate: float, **options: Any) -> Any:
    network = cl.Network([cl.Dense(1, use_bias=False)], 1, seed=0)
    session = cl.train(network, (X.astype(np.float32), Y.astype(np.float32)), "mse", SGD(rate),
                       **{"batch_size": 4, "validation": None, "seed": 0, **options})  # fmt: skip
    network.parameters["dense_1/kernel"] = [[2.0]]
    return session


@pytest.mark.parametrize(("times", "told"), [
    (0.25, "undershoot: the loss falls on"), (0.8, "undershoot: 0.8 times as far"),
    (1.0, "as far as to the lowest loss along it"), (1.6, "overshoot: 1.6 times as far"),
    (3.0, "overshoot: 3 times as far"),
])  # fmt: skip
def test_over_and_undershoot_of_a_parabola(times: float, told: str) -> None:
    session = parabola(times / CURVE)
    view = Optimization(session)
    assert "not known yet" in view.drawing().note
    session.step()
    line = view.look().line
    assert line is not None and line.told.startswith(told)
    if times < 0.5:
        assert line.lowest is None
    else:
        assert line.lowest == pytest.approx(1 / times, rel=1e-3)
    weights = 2.0 - line.times * times * 1.5
    np.testing.assert_allclose(line.losses, np.square(weights - 0.5) * CURVE / 2, rtol=1e-4, atol=1e-6)
    assert view.look().away < 1e-6 and told in view.drawing().caption


def test_an_update_that_leads_uphill_is_told() -> None:
    found = along(lambda point: float(point[0]), np.zeros(1), np.ones(1), 11)
    assert found.told == "the step led uphill" and found.lowest is None
    nothing = along(lambda point: np.nan, np.zeros(1), np.ones(1), 11)
    assert nothing.told == "no loss along it is finite"


def test_the_plane_is_that_of_velocity_and_acceleration() -> None:
    points = np.array([[0.0, 0, 0], [2, 0, 0], [3, 1, 0]])
    axes = axes_of(np.array([0, 2, 3]), points)
    # Velocities are (1, 0, 0) and (1, 1, 0), so the acceleration is (0, 1, 0).
    np.testing.assert_allclose(axes, np.array([[1, 1, 0], [-1, 1, 0]]) / np.sqrt(2), atol=1e-12)
    assert axes_of(np.array([0, 1, 2]), np.array([[0.0, 0], [1, 1], [2, 2]])) is None
    assert axes_of(np.array([0, 1, 2]), np.array([[0.0, 0], [1, 1], [1, 1]])) is None


def test_the_path_lies_in_its_plane_as_far_as_is_said_and_losses_are_those_of_the_batch() -> None:
    session = session_kinds.dataset()
    session.step(9)
    view = Optimization(session)
    data = view.look()
    assert data.plane is not None and data.away < 1e-6
    steps = data.plane.steps.tolist()
    assert steps == sorted({*session.history.steps, 8, 9})
    np.testing.assert_allclose(data.plane.path[-1], [0, 0], atol=1e-9)
    points = np.stack([session.network_at(step).params for step in steps]).astype(np.float64)
    axes = axes_of(np.array(steps[-3:]), points[-3:])
    np.testing.assert_allclose(data.plane.path, (points - points[-1]) @ axes.T, atol=1e-6)
    inside = np.square((points - points.mean(axis=0)) @ axes.T).sum()
    whole = np.square(points - points.mean(axis=0)).sum()
    assert data.plane.share == pytest.approx(inside / whole) and 0.5 < data.plane.share <= 1
    assert f"the plane shows {data.plane.share:.0%} of" in view.drawing().caption
    assert data.plane.values[-2] == pytest.approx(session.trace["loss"][-1], rel=1e-5)


def test_noise_is_what_gradients_of_batches_differ_by() -> None:
    gradients = np.array([[3.0, 1.0], [3.0, -1.0], [3.0, 1.0], [3.0, -1.0]])
    found = noise_of(gradients, np.arange(4), rows=6)
    # The variance is 4/3 in all, and of the square of the mean, 9, a quarter of that is noise.
    assert found.scale == pytest.approx(6 * (4 / 3) / (9 - 1 / 3))
    np.testing.assert_allclose(found.cosines, (9 - 1 / 3) / (np.sqrt(10) * np.hypot(3, 1 / 3)))
    assert noise_of(np.array([[1.0], [-1.0]]), np.arange(2), 6).scale == np.inf
    assert np.isnan(noise_of(np.full((3, 2), np.nan), np.arange(3), 6).scale)
    still = noise_of(np.ones((3, 2)), np.arange(3), 6)
    assert still.scale == 0 and still.cosines == pytest.approx(1)


def test_gradients_are_those_of_the_batches_to_come() -> None:
    session = linear(X, [0, 1, 0, 1], [[1.0, -1.0]], batch_size=2)
    data = Optimization(session).look()
    assert data.line is None and data.noise is not None and data.noise.steps.tolist() == [0, 1]
    parts = []
    for step in (0, 1):
        batch = session.process.batches.fetch(step)
        x, y = np.asarray(batch.inputs, float), np.eye(2)[np.asarray(batch.targets)]
        z = x @ [[1.0, -1.0]]
        wrong = (np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) - y) / 2
        parts.append(np.concatenate([(x.T @ wrong).ravel(), wrong.sum(axis=0)]))
    expected = noise_of(np.stack(parts), np.arange(2), 2)
    np.testing.assert_allclose(data.noise.cosines, expected.cosines, rtol=1e-4)
    assert data.noise.scale == pytest.approx(expected.scale, rel=1e-3)


def test_it_disturbs_nothing_and_what_it_keeps_costs_nothing_before_it_is_asked() -> None:
    session, other = session_kinds.dataset(), session_kinds.dataset()
    view = Optimization(session)
    session.step(5)
    assert session.process.record.params_before is None
    view.drawing()
    session.step(30)
    assert view.look().line is not None
    session.step(7), other.step(42)
    np.testing.assert_array_equal(session.network.params, other.network.params)
    np.testing.assert_array_equal(session.trace["loss"], other.trace["loss"])


def test_while_it_runs_nothing_is_worked_out_and_the_picture_stays() -> None:
    session = session_kinds.dataset()
    view = Optimization(session)
    session.step(3)
    rested = view.state(exact=True)
    session.step()
    assert view.state(exact=False) == rested != view.state(exact=True)
    with pytest.raises(NothingToShow, match=r"while the training rests\.\nPress Pause"):
        view.collect(exact=False)


def test_what_has_changed_since_the_step_is_said() -> None:
    session = session_kinds.dataset()
    view = Optimization(session)
    session.step(6)
    assert "off the one recorded" not in view.drawing().caption
    session.edit("labels", {int(row): "ant" for row in session.dataset.train.rows})
    assert "off the one recorded" in view.drawing().caption


def test_a_descent_has_its_path_on_its_landscape() -> None:
    session = Session(Descent(Rosenbrock(), SGD(0.001)))
    view = Optimization(session)
    with pytest.raises(NothingToShow, match=r"not known yet\.\nPress Step"):
        view.frame()
    session.step(10)
    data, chart = view.look(), view.drawing()
    assert data.ground is not None and data.noise is None and data.line is not None
    assert data.ground.tracks[0].xy.shape == (11, 2)
    way = Descent(Rosenbrock(), SGD(0.001))
    for point in data.ground.tracks[0].xy:
        np.testing.assert_array_equal(point, way.params)
        list(way.walk())
    np.testing.assert_allclose(data.ground.tracks[0].xy[-1], session.process.buffers["params"])
    kinds = [type(mark) for mark in chart.plots[1].marks]
    assert {Contours, Trail} <= set(kinds)
    function, end = Rosenbrock(), session.process.buffers["params"]
    assert data.line.losses[data.line.times == 1][0] == pytest.approx(float(function.value(end)))


def test_of_a_long_descent_the_points_that_are_kept_are_shown_and_edits_are_made_again() -> None:
    session = Session(Descent(Rosenbrock(), SGD(0.001)))
    session.step(3)
    session.edit("params", [0.5, 0.5])
    session.step(4)
    view = Optimization(session)
    data = view.look()
    assert data.ground is not None
    after = data.ground.tracks[0].xy[3]
    np.testing.assert_array_equal(after, [0.5, 0.5])
    session.step(600)
    data = view.look()
    assert data.ground is not None
    count = len({*session.history.steps, 607})
    assert len(data.ground.tracks[0].xy) == count
    assert f"{count} points of 607 steps" in view.drawing().caption


def test_too_much_work_is_refused_and_a_larger_budget_does_it() -> None:
    session = session_kinds.dataset()
    session.step(5)
    view = Optimization(session, budget=1000.0)
    with pytest.raises(
        NothingToShow, match=r"takes 4.8e\+02 multiply-adds; this view takes 1e\+03 .*\n.*budget ="
    ):
        view.look()
    view.budget = 480 * 12
    data = view.look()
    assert data.plane is None and data.noise is None and data.line is not None and len(data.line.times) <= 14
    assert points_for(1e9) == (26, 8, 17) and points_for(11) == (11, 0, 0)
    for wrong in (0, -1.0, np.nan, "much"):
        with pytest.raises((ValueError, TypeError), match="budget"):
            view.budget = wrong  # type: ignore[assignment]
    with pytest.raises(NothingToShow, match="under way"):
        session.step(to="loss")
        view.look()


@pytest.mark.parametrize("kind", session_kinds.KINDS)
def test_every_kind_of_session_has_its_last_step_studied(kind: str) -> None:
    session = session_kinds.KINDS[kind]()
    session.step(3)
    view = Optimization(session)
    data = view.look()
    assert data.line is not None and data.noise is not None and data.away < 1e-5
    session.network.params[...] = np.nan
    assert view.drawing().caption.startswith("no loss along it is finite") and view.png(dpi=30)
