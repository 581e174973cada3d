"""What is wrong with columns of a table: each with what to type, all of them said at once."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data import Dataset

ROWS = 6
DAYS = pd.date_range("2024-05-01", periods=ROWS, freq="40D")
TEXTS = ["%Y-%m-%d", "%Y/%m/%d", "%m/%d/%Y", "%m/%d/%y", "%d.%m.%Y", "%d.%m.%Y %H:%M", "%Y-%m-%dT%H:%M:%SZ"]
# What is in a column, and what is said of it.
WRONG = {
    "gap": ([1, None, 2.0, 3, 4, 5], "fillna({'it': frame['it'].median()})"),
    "infinite": ([1, np.inf, 2.0, 3, 4, 5], "frame[numpy.isfinite(frame['it'])]"),
    "numbers in words": (list("123456"), "pandas.to_numeric(frame['it']"),
    "words with a gap": (["a", None, "b", "a", "a", "a"], "frame.dropna(subset=['it'])"),
    "bools with a gap": ([True, None, False, True, True, True], "dropna(subset=['it']).astype({'it': bool})"),
    "timestamps": (DAYS, "turn it into numbers"),
    "days": ([each.date() for each in DAYS], "pandas.to_datetime(frame['it'])"),
    "lengths of time": (pd.to_timedelta(range(ROWS), "D"), "turn it into numbers"),
    "decimals": (list(map(Decimal, range(ROWS))), "frame['it'].astype(float) makes numbers"),
    "words and numbers": (["a", 1, "b", 2, 3, "c"], "frame['it'].astype(str) makes words"),
    "complex": (np.arange(ROWS) * 1j, "x.real and x.imag"),
    **{f"dates as {text}": (DAYS.strftime(text), "pandas.to_datetime(frame['it']") for text in TEXTS},
}  # fmt: skip
GOALS = {"y": np.arange(float(ROWS)), "fine": np.arange(ROWS), "word": list("ababab")}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_column_is_refused_with_what_to_type(wrong):
    values, remedy = WRONG[wrong]
    with pytest.raises(ValueError, match="column 'it'") as told:
        Dataset(pd.DataFrame({**GOALS, "it": values}), target="y")
    assert remedy in str(told.value) and "Besides" not in str(told.value)


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_said_of_dates_can_be_typed(text):
    frame = pd.DataFrame({**GOALS, "it": DAYS.strftime(text)})
    if text == "%d.%m.%Y":
        frame = frame[:2]
    dates = pd.to_datetime(frame["it"], format=text)
    frame["it"] = (dates - dates.min()).dt.days
    assert Dataset(frame, target="y").input_shape == (4,)


def test_words_that_only_look_a_little_like_dates_are_words():
    for words in (["Jan", "May"], ["1-2", "3-4"], ["v1.2", "v1.3"], ["10.0.0.1", "10.0.0.2"], ["2024-05-01"]):
        frame = pd.DataFrame({"y": range(len(words) * 2), "it": words * 2})
        assert Dataset(frame, target="y").input_shape == (len(words),)
    said = pd.DataFrame({"y": range(ROWS), "it": DAYS.strftime("%Y-%m-%d").astype("category")})
    assert Dataset(said, target="y").input_shape == (ROWS,)


@pytest.mark.parametrize("first", WRONG)
def test_all_columns_that_are_wrong_are_named_at_once(first):
    names = [first, *[name for name in WRONG if name != first][:3]]
    frame = pd.DataFrame({**GOALS, **{name: WRONG[name][0] for name in names}})
    train = {
        "a Dataset": lambda: Dataset(frame, target="y"),
        "a frame and a column": lambda: cl.train(cl.Network([cl.Dense(1)], 3), (frame, "y")),
        "a frame and an array": lambda: cl.train(
            cl.Network([cl.Dense(1)], 3), (frame.drop(columns="y"), frame["y"].to_numpy())
        ),
    }
    for form, make in train.items():
        with pytest.raises(ValueError, match="Besides") as told:
            make()
        assert all(f"column {name!r}" in str(told.value) for name in names), form
        assert len(str(told.value)) < 700 and "\n" not in str(told.value)


def test_of_many_columns_some_are_named():
    frame = pd.DataFrame({f"c{place}": [1.0, None] for place in range(30)}).assign(y=[0, 1])
    with pytest.raises(ValueError, match=r"column 'c0' is NaN .* 'c5' .* and 24 columns more"):
        Dataset(frame, target="y")


def test_what_else_is_wrong_is_not_looked_for_where_a_preparation_reads_the_columns(monkeypatch):
    monkeypatch.setattr("cortex_lab.data.dataset.with_others", None)
    frame = pd.DataFrame(
        {"day": pd.date_range("2020-01-01", periods=4), "word": list("abca"), "y": [0, 1, 0, 1]}
    )
    assert len(Dataset(frame, target="y", later=True).split(test=1).train.arrays()[0]) == 3
