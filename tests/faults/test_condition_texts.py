"""Whatever is written as a condition is refused when it is set, with the place, or never fails in a run."""

from __future__ import annotations

import random
import time
import warnings

import numpy as np
import pytest

from cortex_lab.study import Expression, Trace

LONGEST = 0.01
"""Seconds of computing that reading one may take."""
MARKS = ("cannot read", "is no condition", "levels deep", "text must be")
ATOMS = (
    "loss", "epoch", "x['a']", "x[0]", "0", "1", "-1", "9", "0.5", "1e308", "1e999", "10**400",
    "1j", "True", "None",
    "'x'", "b''", "()", "[1]", "{}", "...", "loss.real", "x[loss]", "lambda: 0", "f'{loss}'", "é",
    "__import__('os')",
)  # fmt: skip
SIGNS = (
    "+",
    "-",
    "*",
    "/",
    "**",
    "//",
    "%",
    "@",
    "<<",
    "<",
    "<=",
    ">",
    "==",
    "!=",
    "is",
    "in",
    "and",
    "or",
    "&",
    "|",
)
CALLS = (
    "abs", "min", "max", "log10", "isfinite", "isnan", "steps", "epochs", "seconds", "below",
        "above", "stalled",
    "non_finite", "exec", "loss",
)  # fmt: skip


def text(draw: random.Random, depth: int = 0) -> str:
    kind = draw.random()
    if depth > 5 or kind < 0.25:
        return draw.choice(ATOMS)
    if kind < 0.7:
        left, right = text(draw, depth + 1), text(draw, depth + 1)
        return f"({left} {draw.choice(SIGNS)} {right})"
    if kind < 0.8:
        return f"{draw.choice(('-', 'not ', '~', '+'))}{text(draw, depth + 1)}"
    given = ", ".join(text(draw, depth + 2) for _ in range(draw.randrange(4)))
    return f"{draw.choice(CALLS)}({given})"


def number(draw: random.Random, depth: int = 0) -> str:
    kind = draw.random()
    if depth > 4 or kind < 0.3:
        return draw.choice(ATOMS[:10])
    if kind < 0.5:
        return f"{draw.choice(CALLS[:6])}({number(draw, depth + 1)})"
    return f"({number(draw, depth + 1)} {draw.choice(SIGNS[:5])} {number(draw, depth + 1)})"


def whole(draw: random.Random) -> str:
    if draw.random() < 0.4:
        return f"{number(draw)} < {number(draw)}"
    made = f"{text(draw)} {draw.choice(('<', '>', 'and', '&', '**'))} {text(draw)}"
    if draw.random() < 0.3:
        place = draw.randrange(len(made))
        made = made[:place] + draw.choice("()[]'\"\\\0\n~^<>=, ") + made[place + 1 :]
    return made


@pytest.fixture(scope="module")
def trace():
    trace = Trace(["loss", "epoch", "x['a']", "x[0]"])
    for step, value in enumerate((-8.0, 0.0, np.nan, np.inf, -np.inf, 1e308, 5e-324), start=1):
        trace.append(step, 0.1 * step, {"loss": value, "epoch": step / 3, "x['a']": value, "x[0]": -value})
    return trace


def outcome(written: str, trace: Trace) -> bool:
    """Whether it was read; what was read can be asked at every row."""
    began = time.thread_time()
    try:
        condition = Expression(written)
    except ValueError as error:
        assert time.thread_time() - began < LONGEST, f"refused late: {written!r:.80}"
        assert any(
            said in str(error) for said in ("cannot read", "is no condition", "levels deep", "text")
        ), error
        return False
    assert time.thread_time() - began < LONGEST, f"read late: {written!r:.80}"
    if set(condition.keys) <= set(trace.keys):
        try:
            condition.check(trace)
        except ValueError:
            return True
        for start in range(len(trace) + 1):
            assert condition.met(trace, start) in (True, False)
    return True


KNOWN = (
    "9**9**9 < loss", "min(loss) < 1", "below('loss', 'x')", "(-8)**0.5 < loss", "loss ** 0.5 < 1",
    "1/0 < loss",
    "(" * 5000 + "loss" + ")" * 5000 + " < 1", "-" * 5000 + "loss < 1", "not " * 5000 + "loss < 1",
    "loss < 1" + " and loss < 1" * 5000, "loss" + " + loss" * 5000 + " < 1", "loss" + " < loss" * 5000,
    "abs(" * 300 + "loss" + ")" * 300 + " < 1", "9" * 5000 + " < loss", "0x" + "f" * 5000 + " < loss",
    "x" * 10**5 + " < 1", "'" * 99, "", " ", "\n", "\0", "\ud800 < 1", "loss < 1 # why", "loss := 1", "yield",
    "*loss",
    "(loss < 1) < 1", "loss", "1 < 2", "log10(-1) < loss", "0 ** -1 < loss", "max() < 1",
    "abs(loss, loss) < 1",
    "isnan() ", "isnan(1, 2)", "epochs(n=2, n=3)", "steps(*[1])", "steps(**{})", "stalled('loss', 9**9)",
    "steps(10**400)", "below('loss', 1j)", "stalled('loss', mode='best')", "below(key='loss', bound=1, x=2)",
)  # fmt: skip


# A text, what is marked in it, and what is said.
PLACES = {
    "below(loss, 1)": ("cannot read 'loss'", "a quoted text is wanted"),
    "steps(2-1)": ("cannot read '2-1'", "a number"),
    "steps(nan)": ("cannot read 'nan'", "a number"),
    "loss == nan": ("cannot read 'nan'", "isnan"),
    "loss < 1 and loss < Inf": ("cannot read 'Inf'", "isfinite"),
    "steps(*[1])": ("cannot read '*[1]'", "a number"),
    "steps(n=1, n=2)": ("cannot read 'steps(n=1, n=2)'", "given once"),
    "steps(**{'n': 1})": ("cannot read 'steps(**{'n': 1})'", "given once"),
    "below({}, {})": ("cannot read '{}'", "a number"),
    "steps(b'x')": ("cannot read", "a number"),
    "stalled('loss', [1])": ("cannot read '[1]'", "a number"),
    "loss\0 < 1": ("null", "at character 5"),
    "loss < 1 or": ("invalid syntax", "at character 12"),
    "  loss < 1 or  ": ("invalid syntax", "at character 14"),
    "  loss < < 1": ("invalid syntax", "at character 10"),
    "(loss <\n < 1)": ("invalid syntax", "at character 10"),
}


@pytest.mark.parametrize("written", PLACES)
def test_the_place_is_marked_and_nothing_of_python_is_shown(written):
    with pytest.raises(ValueError) as refused:
        Expression(written)
    said = str(refused.value).replace('"', "'")
    assert all(part in said for part in PLACES[written]) and "ast." not in said and "None" not in said, said


@pytest.mark.parametrize("written", KNOWN, ids=range(len(KNOWN)))
def test_what_is_hard_to_read(written, trace):
    outcome(written, trace)


def test_whatever_is_written(trace):
    draw, read = random.Random(0), 0
    with warnings.catch_warnings():
        # Python's own, about what it can read and nobody means, such as `1 is 1`.
        warnings.simplefilter("ignore", SyntaxWarning)
        for _ in range(3000):
            read += outcome(whole(draw), trace)
    assert 300 < read < 2700
