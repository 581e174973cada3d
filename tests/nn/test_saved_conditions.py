"""A condition is read from a file as it was written, whatever it was made of."""

from __future__ import annotations

import json
import signal
from fractions import Fraction
from functools import reduce
from operator import or_

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.study import above, below, epochs, seconds, stalled, steps
from cortex_lab.study.conditionformat import condition_of, described, has_no_length
from cortex_lab.study.expression import Expression
from tests.nn.test_resuming import CONDITIONS, Own

NUMBERS = [
    2, 2.5, np.int8(2), np.uint64(2), np.float16(2.5), np.float32(2.5), np.longdouble(2.5), Fraction(5, 2),
    signal.SIGINT, type("Tagged", (float,), {"__repr__": lambda self: "two"})(2), float("inf"),
]  # fmt: skip
OF_NUMBERS = {
    "steps": steps, "epochs": epochs, "seconds": seconds, "below": lambda n: below("loss", n),
    "above": lambda n: above("loss", n), "stalled": lambda n: stalled("loss", min_delta=n),
}  # fmt: skip


@pytest.mark.parametrize("condition", [
    *CONDITIONS, Expression("loss < 1  # good enough"), ~Expression("loss < 1 # so"),
    reduce(or_, [below("loss", n) for n in range(3000)]), below(np.str_("loss"), 1),
    stalled("loss", np.int64(2), np.str_("max")),
], ids=lambda condition: repr(condition)[:40])  # fmt: skip
def test_every_condition_is_read_as_it_was_written(condition):
    assert described(steps(1) | Own()) is described(~Own()) is None
    read = condition_of(json.loads(json.dumps(described(condition))))
    assert read == condition and read.keys == condition.keys


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_whatever_number_a_condition_is_given_it_is_read_as_it_was_written(name):
    for number in NUMBERS:
        condition = OF_NUMBERS[name](number)
        assert condition_of(json.loads(json.dumps(described(condition)))) == condition
        assert all(type(value) in (int, float, str, type(None)) for value in vars(condition).values())
    durations = np.timedelta64(2), np.timedelta64(2, "s")
    for junk in (True, None, np.nan, 1j, "2", np.bool_(1), 10**400, *durations):
        with pytest.raises(ValueError, match=r" of \w+\(\.\.\.\) must be a number"):
            OF_NUMBERS[name](junk)


@pytest.mark.parametrize("join", [lambda c: ~c, lambda c: steps(1) & (steps(2) | c)], ids=["not", "and or"])
def test_what_is_too_deep_to_be_asked_is_refused_as_it_is_joined(join):
    condition = below("loss", 1)
    with pytest.raises(ValueError, match="up to 50 levels"):
        for _ in range(100):
            condition = join(condition)
    assert condition_of(json.loads(json.dumps(described(condition)))) == condition


def test_a_condition_that_was_saved_as_a_text_is_read():
    assert condition_of("(steps(3) & ~epochs(1) | below('loss', 1e999))").keys == ("epoch", "loss")


ONCE_ALLOWED = ["epochs(0)", "steps(-2) | loss < 1", "seconds(n=0.0)", "not epochs(0)"]
ALLOWED = ["epochs(0.5)", "steps(10)", "seconds(1e-3)", "loss > -2"]


@pytest.mark.parametrize("where", ["the last run", "joined", "in words", "a breakpoint"])
@pytest.mark.parametrize("n", [0, -2, -0.5])
def test_a_training_whose_run_once_had_no_length_goes_on(where, n, tmp_path):
    x, y = np.eye(6, dtype=np.float32), np.arange(6) % 2

    def make(**given):
        return cl.train(cl.Network([cl.Dense(2)], 6, seed=0), (x, y), batch_size=2, **given)

    session, condition = make(), epochs(1)
    others = {"joined": condition | below("loss", 0), "in words": Expression("epochs(1)")}
    until = others.get(where, condition)
    if where == "a breakpoint":
        session.break_when(until)
        session.step(2)
    else:
        session.run(until, progress=False)
    # As an earlier version let somebody write it.
    spoiled, name = (until, "text") if where == "in words" else (condition, "n")
    object.__setattr__(spoiled, name, f"epochs({n})" if where == "in words" else n)
    session.save(tmp_path / "it.h5")
    if where == "a breakpoint":
        with pytest.warns(UserWarning, match="breakpoint at .*did not come back"):
            later = make(resume_from=tmp_path / "it.h5")
        assert not list(later.breakpoints)
    else:
        later = make(resume_from=tmp_path / "it.h5")
        with pytest.raises(ValueError, match=r"say it anew: session.run\(until"):
            later.resume()
    session.clear_breakpoints()
    for each in (session, later):
        each.step(3)
    np.testing.assert_array_equal(later.network.params, session.network.params)


def test_no_length_is_told_in_what_a_file_says():
    assert all(map(has_no_length, ONCE_ALLOWED)) and not any(map(has_no_length, ALLOWED))
    assert not any(has_no_length(described(each)) for each in CONDITIONS)
