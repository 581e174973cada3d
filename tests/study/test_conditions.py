"""When to stop: as objects and as text."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_lab.study import Trace, above, as_condition, below, epochs, non_finite, seconds, stalled, steps
from cortex_lab.study.expression import Expression


def trace_of(**columns: list[float]) -> Trace:
    trace = Trace(columns)
    for row in range(len(next(iter(columns.values())))):
        values = {key: column[row] for key, column in columns.items() if column[row] is not None}
        trace.append(row + 1, float(row + 1), values)
    return trace


LOSSES = trace_of(loss=[3.0, 2.0, 1.0, 1.5, 1.2, 1.1], accuracy=[0.1, 0.5, None, 0.4, None, None])


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        (steps(4), 4),
        (seconds(2.0), 2),
        (below("loss", 1.1), 3),
        (above("accuracy", 0.3), 2),
        (stalled("loss", 2), 5),
        (stalled("accuracy", 1), 4),
        (stalled("loss", 1, min_delta=1.0), 2),
        (below("loss", 2.5) & above("accuracy", 0.45), 2),
        (below("loss", 1.3) | steps(2), 2),
        (~below("loss", 5.0) | steps(3), 3),
        ("loss < 1.1" & steps(4), None),
        (steps(4) & "loss < 1.3", 5),
        (as_condition("loss < 2 and accuracy >= 0.4"), 3),
        (as_condition("not loss > 1"), 3),
        (as_condition("(loss < 2) & ~(accuracy < 0.45) | steps(6)"), 3),
        (as_condition("1 < loss <= 1.5"), 4),
        (as_condition("abs(loss - 1.2) < 1e-9"), 5),
        (as_condition("loss * 2 - 1 < 1.5"), 3),
        (as_condition("stalled('loss', patience=2) or loss < 0"), 5),
        (as_condition("loss / 0 > 1"), 1),
        (as_condition("loss / 0 < 1"), None),
        (as_condition("max(loss, accuracy) < 2"), 3),
        (as_condition("-loss ** 2 > -1.5"), 3),
    ],
    ids=repr,
)
def test_each_condition_is_met_at_its_row_and_not_before(condition, rows):
    met = []
    for length in range(len(LOSSES) + 1):
        trace = Trace(["loss", "accuracy"])
        for step in range(1, length + 1):
            row = LOSSES.row(step)
            trace.append(step, row.pop("seconds"), {key: row[key] for key in row if key != "step"})
        met.append(condition.met(trace, 0))
    assert (met.index(True) if True in met else None) == rows


def test_a_condition_sees_only_the_rows_of_its_run():
    assert not steps(3).met(LOSSES, 4) and steps(2).met(LOSSES, 4)
    assert not below("accuracy", 9).met(LOSSES, 4)
    assert not as_condition("accuracy < 9").met(LOSSES, 4)
    assert not stalled("loss", 2).met(LOSSES, 3)
    assert epochs(0.5).met(trace_of(epoch=[0.5, 1.0, 1.5]), 2) and not epochs(1).met(
        trace_of(epoch=[0.5, 1.0]), 1
    )


@pytest.mark.parametrize("kind", [steps, epochs, seconds])
@pytest.mark.parametrize("n", [0, 0.0, -1, -0.5, np.int64(0), float("nan"), float("-inf"), True, None, "3"])
def test_a_run_has_a_length(kind: Any, n):
    said = rf"n of {kind.__name__}\(\.\.\.\) must be a number over 0, got"
    with pytest.raises((TypeError, ValueError), match=said):
        kind(n)
    with pytest.raises((TypeError, ValueError), match=said):
        kind(n=n)
    if n in (0, -1):
        with pytest.raises(ValueError, match=said):
            as_condition(f"loss < 1 or {kind.__name__}({n})")
    assert not kind(float("inf")).met(trace_of(epoch=[0.5, 1.0]), 0) and not kind(1e-9).met(
        Trace(["epoch"]), 0
    )


def test_epochs_count_from_where_the_trace_begins():
    late = Trace(["epoch"])
    for step in range(11, 31):
        late.append(step, 0.0, {"epoch": step / 10})
        assert epochs(1).met(late, 0) == (step >= 21)
    assert not epochs(1).met(late, 15) and epochs(0.5).met(late, 15)


def test_a_nan_that_was_recorded_is_not_a_value_that_was_not_recorded():
    quiet = trace_of(loss=[1.0, 1.0], validation_loss=[2.0, None])
    assert not non_finite("validation_loss").met(quiet, 0)
    assert not as_condition("isnan(validation_loss)").met(quiet, 0)
    broken = trace_of(loss=[1.0, np.nan], validation_loss=[2.0, np.inf])
    assert non_finite().met(broken, 0) and non_finite("validation_loss").met(broken, 0)
    assert as_condition("isnan(loss)").met(broken, 0) and as_condition("not isfinite(loss)").met(broken, 0)
    assert not as_condition("loss < 1").met(broken, 0) and not as_condition("loss > 1").met(broken, 0)


def test_conditions_are_pure_frozen_values():
    condition = below("loss", 0.1) & ~stalled("accuracy", 3) | "loss > 5"
    assert condition == below("loss", 0.1) & ~stalled("accuracy", 3) | "loss > 5"
    assert condition.keys == ("loss", "accuracy", "loss")
    answers = {condition.met(LOSSES, start) for _ in range(3) for start in (0,)}
    assert len(answers) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        below("loss", 0.1).bound = 3
    with pytest.raises(TypeError, match="not with `and`"):
        _ = below("loss", 1) and below("accuracy", 1)


def test_keys_of_layers_are_read_as_they_are_written():
    condition = as_condition("grad_norm['conv2d_1'] > 10 and update_ratio[\"dense_1\"] < 1 and epoch > 2")
    assert condition.keys == ("grad_norm['conv2d_1']", "update_ratio['dense_1']", "epoch")
    trace = trace_of(**{"grad_norm['conv2d_1']": [11.0], "update_ratio['dense_1']": [0.5], "epoch": [3.0]})
    assert condition.met(trace, 0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("loss <", "invalid syntax"),
        ("loss", "a comparison"),
        ("__import__('os').system('true')", "a comparison"),
        ("__import__('os').x > 1", "a key is a name"),
        ("open('x') < 1", "a number or a recorded key"),
        ("(lambda: 1)() < 1", "a number or a recorded key"),
        ("loss.__class__ < 1", "a key is a name"),
        ("[x for x in loss] < 1", "a number or a recorded key"),
        ("loss > 'high'", "a number or a recorded key"),
        ("loss > 1 & accuracy > 2", "bind tighter"),
        ("loss is 1", "known comparisons"),
        ("steps(many=3)", "takes no (many|loss)=: it takes"),
        ("steps(loss)", "a number or a quoted text"),
        ("stalled('loss', 0)", "patience must be a whole number of at least 1"),
        ("grad_norm[loss] > 1", "one quoted part"),
        ("steps(3) > 1", "a number or a recorded key"),
        ("", "text must be a text"),
        ("max() > 1", r"'max\(\)'.*max takes 2 or more numbers, got 0"),
        ("1 < min(loss)", r"'min\(loss\)'.*min takes 2 or more numbers, got 1"),
        ("abs() > 1", "abs takes 1 number, got 0"),
        ("abs(loss, 2) > 1", "abs takes 1 number, got 2"),
        ("log10(loss, 2) > 1", "log10 takes 1 number, got 2"),
        ("isfinite()", "isfinite takes 1 number, got 0"),
        ("loss > 0 and isnan(loss, 1)", "isnan takes 1 number, got 2"),
        ("max(*loss) > 1", "max takes 2 or more numbers, got 1"),
        ("max(1, *loss) > 1", "a number or a recorded key"),
        ("max(loss, key=1) > 1", "a number or a recorded key"),
        ("loss > 1j", "a number or a recorded key"),
        ("loss > 1" + 400 * "0", "goes up to 1.8e308"),
        ("loss > 1e999", "goes up to 1.8e308"),
        ("steps('many')", "must be a number over 0, got 'many'"),
        ("epochs(None)", "must be a number"),
        ("seconds(True)", "must be a number"),
        ("below('loss', 'low')", "must be a number"),
        ("above(loss='loss', bound=1)", "takes no (many|loss)=: it takes"),
        ("above(3, 1)", "must be the name of a recorded key, got 3"),
        ("stalled('loss', 2.5)", "a whole number of at least 1, got 2.5"),
        ("stalled('loss', 2, 'up')", "mode must be 'min' or 'max', got 'up'"),
        ("stalled('loss', 2, min_delta='a')", "must be a number"),
        ("non_finite(1)", "must be the name of a recorded key"),
        ("(" * 300 + "loss" + ")" * 300 + " > 1", "too many nested parentheses"),
        ("not " * 60 + "loss > 1", "more than 50 levels deep"),
        ("-" * 60 + "loss > 1", "more than 50 levels deep"),
        ("-" * 100_000 + "loss > 1", "up to 2,000"),
        ("+".join(["loss"] * 100_000) + " > 1", "up to 2,000"),
        ("**".join(["loss"] * 60) + " > 1", "more than 50 levels deep"),
    ],
)
def test_whatever_is_not_known_is_refused_and_pointed_at(text, says):
    with pytest.raises(ValueError, match=says):
        Expression(text)


VALUES = (0.0, -0.0, 1.0, -8.0, 0.5, 1e308, -1e308, 1e-320, np.inf, -np.inf, np.nan)
NUMBERS = (
    "a + b", "a - b", "a * b", "a / b", "a ** b", "-a", "abs(a)", "min(a, b)", "max(a, b, 1)", "log10(a)",
    "isfinite(a)", "isnan(b)", "-isnan(a)", "(a - 5) ** 0.5", "(-8) ** (1 / 3) + a", "9 ** 9 ** 9 + a",
    "1 / 0 - a", "0 / 0 + a", "2 ** 2000 * a", "isnan(a) ** -1", "log10(-1) + a", "log10(0) + a",
    "10 ** 300 * 10 ** 300 * a",
)  # fmt: skip


@pytest.mark.parametrize("text", NUMBERS)
def test_no_number_that_is_recorded_can_make_an_expression_fail(text):
    conditions = {sign: Expression(f"{text} {sign} 0.5") for sign in ("<", "<=", ">", ">=", "==", "!=")}
    for a in VALUES:
        for b in VALUES:
            trace = trace_of(a=[a], b=[b])
            met = {sign: condition.met(trace, 0) for sign, condition in conditions.items()}
            assert met["!="] is not met["=="] and met["<="] is (met["<"] or met["=="])
            # Of what is not a number, as of the root of what is negative, only != is true.
            assert sum(met[sign] for sign in ("<", "==", ">")) == (0 if is_nan(text, trace) else 1)


def is_nan(text: str, trace: Trace) -> bool:
    return Expression(f"isnan({text})").met(trace, 0)


@pytest.mark.parametrize(
    ("text", "nan"),
    [
        ("(loss - 5) ** 0.5", True), ("(-8) ** (1 / 3) + loss", True), ("0 * (1 / 0) + loss", True),
        ("max(loss, 0 / 0)", True), ("min(0 / 0, loss)", True), ("log10(-loss)", True),
        ("9 ** 9 ** 9 + loss", False), ("1 / (loss - 3)", False), ("log10(loss - 3)", False),
    ],
)  # fmt: skip
def test_what_is_no_real_number_is_nan(text, nan):
    assert is_nan(text, trace_of(loss=[3.0])) is nan


def test_a_function_of_a_nan_is_nan_as_the_recorded_one_is():
    trace = trace_of(loss=[np.nan])
    assert all(is_nan(text, trace) for text in ("loss", "abs(loss)", "max(1, loss)", "min(loss, 1)", "-loss"))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: steps("3"), "n of .* must be a number"), (lambda: epochs(None), "n of .* must be a number"),
        (lambda: seconds(np.nan), "n of .* must be a number"),
        (lambda: below("loss", None), "bound of .* must be a number"),
        (lambda: above(1, 2), "name of a recorded key"), (lambda: non_finite(None), "name of a recorded key"),
        (lambda: stalled("loss", 1.5), "a whole number"),
        (lambda: stalled("loss", mode="best"), "mode must be"),
        (lambda: stalled(2, 2), "name of a recorded key"),
        (lambda: stalled("loss", min_delta=""), "min_delta"),
    ],
)  # fmt: skip
def test_a_condition_that_could_not_be_asked_cannot_be_made(make, says):
    with pytest.raises(ValueError, match=says):
        make()
    assert below("loss", np.float32(2)).met(LOSSES, 0) and stalled("loss", np.int64(2)).met(LOSSES, 0)


def test_a_recorded_nan_is_no_new_best_and_counts_as_a_recording():
    trace = trace_of(loss=[1.0, np.nan, None, np.nan], accuracy=[np.nan, np.inf, 0.5, 0.6])
    assert stalled("loss", 2).met(trace, 0) and not stalled("loss", 3).met(trace, 0)
    assert not stalled("accuracy", 1).met(trace, 0) and not stalled("accuracy", 2).met(trace, 0)


@given(st.text(max_size=40))
def test_any_text_is_a_condition_or_a_value_error(text):
    try:
        condition = Expression(text)
    except ValueError:
        return
    assert isinstance(condition.keys, tuple)
