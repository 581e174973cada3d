"""Logs, reviews, profiles, pages, printed steps, followed paths, and SciPy beside them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cortex_lab.optimize import (
    SGD,
    Adam,
    Descent,
    Ellipsoid,
    Log,
    Objective,
    RMSprop,
    Rosenbrock,
    Sphere,
    Warmup,
    follow,
    log,
    pages,
    print_steps,
    profile,
    review,
    scipy_path,
    study,
    summary,
)
from cortex_lab.optimize.descent import script
from cortex_lab.study import Session, below, steps


def test_a_log_has_every_point_from_the_start() -> None:
    made = log(Rosenbrock(), Adam(0.05), until=steps(40))
    assert made.points.shape == (41, 2) and len(made.frame) == 41 and made.steps == 40
    np.testing.assert_array_equal(made.points[0], [-1.2, 1.0])
    np.testing.assert_array_equal(made.frame["value"], Rosenbrock().value(made.points))
    np.testing.assert_allclose(
        made.frame["step_norm"][1:], np.linalg.norm(np.diff(made.points, axis=0), axis=1)
    )
    assert made.stop is not None and made.stop.kind == "condition" and made.stop.step == 40
    assert made.frame.index.tolist() == list(range(41))
    assert "Adam(0.05) on Rosenbrock: 40 steps" in repr(made)


def test_conditions_are_replayed_on_a_saved_log(tmp_path) -> None:
    made = log(Rosenbrock(), Adam(0.1), until=steps(200))
    made.save(tmp_path / "adam.npz")
    loaded = Log.load(tmp_path / "adam.npz")
    pd.testing.assert_frame_equal(loaded.frame, made.frame, check_index_type=False)
    assert made.frame["value"].iloc[-1] < 1 < made.frame["value"].iloc[100]
    np.testing.assert_array_equal(loaded.points, made.points)
    assert (loaded.function, loaded.method, loaded.stop) == (made.function, made.method, made.stop)
    for condition in (
        below("value", 2.0),
        steps(17),
        below("grad_norm", 5) & below("value", 3),
        ~below("value", 4),
    ):
        live = log(Rosenbrock(), Adam(0.1), until=condition | steps(200))
        stop = loaded.would_stop(condition)
        assert stop is not None and stop.step == live.steps < 200
        cut = loaded.until(condition)
        assert cut.steps == live.steps and cut.stop == stop
        np.testing.assert_array_equal(cut.points, live.points)
    assert loaded.would_stop("value < 2 and step > 0").step == loaded.would_stop(below("value", 2.0)).step
    assert loaded.would_stop(below("value", 1e-12)) is None
    assert loaded.until(below("value", 1e-12)) is loaded
    with pytest.raises(KeyError, match="which nothing records"):
        loaded.would_stop(below("loss", 1))


def test_a_log_file_cut_off_is_refused(tmp_path) -> None:
    log(Sphere(), SGD(0.1), until=steps(5)).save(tmp_path / "log.npz")
    whole = (tmp_path / "log.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "other.npz").write_bytes(b"")
    np.savez(tmp_path / "another.npz", x=np.zeros(3))
    for name in ("cut", "other", "another"):
        with pytest.raises(ValueError, match=f"{name}.npz is not a descent log"):
            Log.load(tmp_path / f"{name}.npz")


def test_a_function_of_your_own_is_saved_by_name(tmp_path) -> None:
    mine = Objective(lambda x: float(x @ x), lambda x: 2 * x, [1.0, 2.0], name="mine")
    made = log(mine, SGD(0.1), until=steps(3))
    assert "distance" not in made.frame
    made.save(tmp_path / "mine.npz")
    assert Log.load(tmp_path / "mine.npz").function == "mine"


def test_review_and_summary_side_by_side() -> None:
    adam = log(Rosenbrock(), Adam(0.05), until=steps(30))
    sgd = log(Rosenbrock(), SGD(0.001), until=steps(20))
    one = review(adam)
    assert list(one.columns) == ["value", "grad_norm"] and len(one) == 31
    both = review(adam, sgd, keys=("value", "distance"))
    names = [(name, key) for name in ("Adam(0.05)", "SGD(0.001)") for key in ("value", "distance")]
    assert both.columns.tolist() == names
    assert len(both) == 31 and both["SGD(0.001)"].notna().sum().tolist() == [21, 21]
    assert len(review(adam, sgd, until=steps(10))) == 11
    twice = review(adam, adam)
    assert len(set(twice.columns.get_level_values(0))) == 2
    table = summary(adam, sgd)
    assert table.loc["SGD(0.001)", "steps"] == 20 and table.loc["Adam(0.05)", "value_evaluations"] == 31
    with pytest.raises(KeyError, match="did not record 'loss'"):
        review(adam, keys=("loss",))
    with pytest.raises(ValueError, match="no log to review"):
        review()


def test_a_profile_counts_calls_and_seconds() -> None:
    table = profile(Rosenbrock(), SGD(0.001), until=steps(25))
    assert table["calls"].to_dict() == {"value": 26, "gradient": 26, "update": 25}
    assert (table["seconds"] > 0).all()
    np.testing.assert_allclose(table["microseconds"], 1e6 * table["seconds"] / table["calls"])


def test_printing_every_step(capsys) -> None:
    study(Ellipsoid(2), SGD(0.1), [1.0, 1.0], until=steps(4), print_every=2)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "step      2  value  6.688000e-01  grad_norm  1.926655e+00  step_norm  2.884441e-01",
        "step      4  value  2.013645e-01  grad_norm  9.694469e-01  step_norm  1.339803e-01",
    ]
    session = Session(Descent(Sphere(), SGD(0.1)))
    end = print_steps(session, keys=("distance",))
    session.step()
    end()
    session.step()
    assert len(capsys.readouterr().out.splitlines()) == 1
    with pytest.raises(KeyError, match="'loss' is not recorded"):
        print_steps(session, keys=("loss",))


def test_pausing_every_n_steps() -> None:
    answers = iter(["", "5", "nonsense", "stop"])
    asked = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return next(answers)

    session = study(Sphere(), SGD(0.01), until=steps(100), pause_every=2, ask=ask)
    assert session.step_number == 2 + 2 + 5 + 5
    assert asked[0].startswith("step 2;")
    met = study(Sphere(), SGD(0.01), until=steps(7), pause_every=3, ask=lambda prompt: "")
    assert met.step_number == 7


def test_pages_count_the_condition_from_where_they_began() -> None:
    session = Session(Descent(Sphere(), SGD(0.01)))
    session.step(3)
    stops = list(pages(session, 4, until=steps(10)))
    assert [stop.step for stop in stops] == [7, 11, 13]
    endless = pages(session, 2)
    assert [next(endless).step for _ in range(3)] == [15, 17, 19]


def test_a_path_follows_through_rewinds() -> None:
    session = Session(Descent(Rosenbrock(), Adam(0.05)))
    session.step(3)
    path = follow(session)
    session.step(5)
    before = path.points.copy()
    session.rewind(step=5)
    assert path.steps.tolist() == [3, 4, 5]
    session.edit("params", [0.0, 0.0])
    np.testing.assert_array_equal(path.points[-1], [0, 0])
    session.rewind(step=5)
    np.testing.assert_array_equal(path.points, before[:3])
    session.step(3)
    np.testing.assert_array_equal(path.points, before)
    path.stop()
    session.step(2)
    assert len(path) == 6
    with pytest.raises(ValueError, match="n at least 1, got 0"):
        follow(session, every=0)


def test_scipy_methods_are_logged_alike() -> None:
    for method in ("BFGS", "CG", "L-BFGS-B", "Nelder-Mead", "Newton-CG"):
        made = scipy_path(Rosenbrock(), method)
        assert made.frame["value"].iloc[-1] < 1e-6 and made.frame["distance"].iloc[-1] < 1e-2
        assert made.points.shape == (made.steps + 1, 2)
        np.testing.assert_array_equal(made.points[0], [-1.2, 1.0])
        assert made.stop is not None and made.stop.kind == "condition"
        evaluations = made.frame["gradient_evaluations"].iloc[-1]
        assert (evaluations == 0) == (method == "Nelder-Mead")
    bfgs, adam = scipy_path(Rosenbrock()), log(Rosenbrock(), Adam(0.05), until=steps(50))
    assert set(bfgs.frame) == set(adam.frame)
    assert summary(bfgs, adam).index.tolist() == ["scipy BFGS", "Adam(0.05)"]
    assert scipy_path(Rosenbrock(), max_steps=3).stop.kind == "limit"
    assert bfgs.would_stop(below("value", 1)).step < bfgs.steps


def test_a_script_repeats_the_session_in_a_fresh_process(tmp_path) -> None:
    session = Session(Descent(Rosenbrock(3), RMSprop(Warmup(5, 0.01), momentum=0.5), [-1.0, 0.5, 0.25]))
    session.step(12)
    session.edit("learning_rate", 0.02)
    session.step(5)
    session.step(to="gradient")
    session.edit("gradient", [1.0, 0.1 + 0.2, -1 / 3])
    session.step(4)
    session.edit("params", session.process.params + 0.1)
    session.step(2)
    text = script(session)
    (tmp_path / "repeat.py").write_text(
        f"{text}\nprint(session.trace['value'].tobytes().hex(), session.process.params.tobytes().hex())\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, tmp_path / "repeat.py"],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    values, params = done.stdout.split()
    assert bytes.fromhex(values) == session.trace["value"].tobytes()
    assert bytes.fromhex(params) == session.process.params.tobytes()


def test_what_no_script_can_hold() -> None:
    mine = Session(Descent(Objective(lambda x: float(x @ x), lambda x: 2 * x, [1.0]), SGD(0.1)))
    with pytest.raises(TypeError, match="a script cannot write down"):
        script(mine)
    late = Session(Descent(Sphere(), SGD(0.1)))
    late.step(2)
    with pytest.raises(ValueError, match="began at step 2; a script begins at step 0"):
        script(Session(late.process))
