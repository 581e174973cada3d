"""Descending by hand: previews, refusals, force, going back, and the prompt."""

from __future__ import annotations

import numpy as np
import pytest

from cortex_lab.optimize import SGD, Adam, CrossParaboloid, Rosenbrock, interactive


def test_it_repeats_the_session_in_cortex_documentation() -> None:
    by_hand = interactive(CrossParaboloid(), [1, 2, 3], learning_rate=1)
    shown = []
    for rate in (1, 0.1, None, None, 0.01, 0.05, None, None, None, 0.1, None):
        shown.append((f"{by_hand.value:.5e}", f"{by_hand.descent.measure('grad_norm'):.5e}"))
        by_hand.step(rate)
    assert shown == [
        ("5.00000e+01", "2.78568e+01"),
        ("5.00000e+01", "2.78568e+01"),
        ("3.20000e+00", "5.98665e+00"),
        ("8.96000e-01", "2.12264e+00"),
        ("5.27360e-01", "1.46503e+00"),
        ("5.06126e-01", "1.43377e+00"),
        ("4.08792e-01", "1.28312e+00"),
        ("3.30701e-01", "1.15189e+00"),
        ("2.67716e-01", "1.03553e+00"),
        ("2.16795e-01", "9.31507e-01"),
        ("1.38723e-01", "7.44924e-01"),
    ]


def test_a_preview_changes_nothing() -> None:
    by_hand = interactive(Rosenbrock(), learning_rate=0.001, optimizer=Adam())
    by_hand.step()
    before = by_hand.session.buffers
    before = {name: buffer.copy() for name, buffer in before.items()}
    counted = dict(by_hand.descent.evaluations)
    move = by_hand.preview(0.01)
    assert not move.taken and move.learning_rate == 0.01
    for name, buffer in by_hand.session.buffers.items():
        np.testing.assert_array_equal(buffer, before[name])
    assert by_hand.descent.evaluations == counted and by_hand.session.events == []
    taken = by_hand.step(0.01)
    np.testing.assert_array_equal(taken.point, move.point)
    assert taken.value == move.value == by_hand.value


def test_a_step_that_climbs_is_refused_unless_forced() -> None:
    by_hand = interactive(CrossParaboloid(), [1, 2, 3])
    refused = by_hand.step(1.0)
    assert refused.climbs and not refused.taken and "which climbs" in repr(refused)
    assert by_hand.session.step_number == 0 and by_hand.learning_rate == 0.1
    np.testing.assert_array_equal(by_hand.point, [1, 2, 3])
    forced = by_hand.step(1.0, force=True)
    assert forced.taken and forced.climbs and by_hand.value == forced.value == refused.value > 50


def test_a_step_into_what_is_no_number_climbs() -> None:
    by_hand = interactive(Rosenbrock())
    assert by_hand.step(1e200).climbs
    by_hand.step(1e200, force=True)
    with pytest.raises(ValueError, match=r"no step leads on; go back with back\(n\)"):
        by_hand.step(1e-3, force=True)
    assert by_hand.back() == pytest.approx(24.2)


def test_going_back_is_exact() -> None:
    by_hand = interactive(Rosenbrock(), optimizer=SGD(momentum=0.9), learning_rate=0.001)
    rates = [0.001, 0.0005, 0.002, 0.001, 0.0001]
    for rate in rates:
        by_hand.step(rate, force=True)
    points = by_hand.log.points
    assert by_hand.back(3) == Rosenbrock().value(points[2])
    np.testing.assert_array_equal(by_hand.point, points[2])
    assert by_hand.learning_rate == 0.0005 and by_hand.log.steps == 2
    for rate in rates[2:]:
        by_hand.step(rate, force=True)
    np.testing.assert_array_equal(by_hand.log.points, points)
    assert by_hand.log.frame["learning_rate"].tolist()[1:] == rates
    with pytest.raises(ValueError, match="cannot go back 6 steps, 5 have been taken"):
        by_hand.back(6)


def test_the_prompt() -> None:
    answers = iter(["1", "0.1", "", "try 0.2", "force 1", "back 2", "twice", "back 9", "stop"])
    asked, told = [], []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return next(answers)

    by_hand = interactive(CrossParaboloid(), [1, 2, 3], learning_rate=0.5)
    made = by_hand.run(ask, told.append)
    assert asked[0] == "f =  5.00000e+01, |grad| =  2.78568e+01, learning rate [0.5] = "
    assert [prompt.split(",")[0] for prompt in asked] == [
        "f =  5.00000e+01", "f =  5.00000e+01", "f =  3.20000e+00", "f =  8.96000e-01", "f =  8.96000e-01",
        "f =  4.58240e+00", "f =  3.20000e+00", "f =  3.20000e+00", "f =  3.20000e+00",
    ]  # fmt: skip
    assert told[0].endswith("force 1 takes it anyway") and "not taken" in told[1]
    assert told[2].startswith("could not convert") and told[3].startswith("cannot go back 9 steps")
    assert made.steps == 1 and made.frame["value"].tolist() == pytest.approx([50, 3.2])
