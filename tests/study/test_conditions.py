"""When to stop: as objects and as text."""

from __future__ import annotations

import dataclasses

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
        (as_condition("loss / 0 > 1"), None),
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
        ("steps(many=3)", "unexpected keyword"),
        ("steps(loss)", "malformed"),
        ("stalled('loss', 0)", "patience of at least 1"),
        ("grad_norm[loss] > 1", "one quoted part"),
        ("steps(3) > 1", "a number or a recorded key"),
        ("", "invalid syntax"),
    ],
)
def test_whatever_is_not_known_is_refused_and_pointed_at(text, says):
    with pytest.raises(ValueError, match=says):
        Expression(text)


@given(st.text(max_size=40))
def test_any_text_is_a_condition_or_a_value_error(text):
    try:
        condition = Expression(text)
    except ValueError:
        return
    assert isinstance(condition.keys, tuple)
