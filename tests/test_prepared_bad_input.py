"""What is wrong with a table that is prepared is said as of any other: by name, with what to do."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data import Dataset

ROWS = 40
FRAME = pd.DataFrame(
    {
        "size": np.where(np.arange(ROWS) % 7, np.arange(ROWS) / 3, np.nan),
        "kind": [["x", "y", None][row % 3] for row in range(ROWS)],
        "day": pd.date_range("2020-01-01", periods=ROWS),
        "y": [["p", "q"][row % 2] for row in range(ROWS)],
    }
)


def prepared(frame: pd.DataFrame, **options: object) -> Dataset:
    return Dataset(frame, target="y", prepare=True, **options)


def trained(data: Dataset) -> cl.TrainingSession:
    session = cl.train(cl.models.mlp_for(data, hidden=(4,)), data, batch_size=8)
    session.run(3)
    return session


REFUSED = {
    "an empty frame": (lambda: prepared(FRAME.iloc[:0]), "the frame has no rows"),
    "a label missing": (
        lambda: prepared(FRAME.assign(y=FRAME["y"].where(FRAME.index != 33)), splits={"test": range(30, 40)}),
        "label column 'y' has no label in 1 of 40 rows (first: 33)",
    ),
    "infinite": (
        lambda: trained(prepared(FRAME.assign(size=FRAME["size"].where(FRAME.index != 33, -np.inf)))),
        "column 'size' is infinite in 1 of 40 rows (first: 33)",
    ),
    "beyond float32": (
        lambda: trained(prepared(FRAME.assign(size=FRAME["size"] * 1e300))), "column 'size' holds",
    ),
    "whole numbers that fall together": (
        lambda: trained(prepared(FRAME.assign(size=2**40 + np.arange(ROWS)))), "column 'size' holds",
    ),
    "words and numbers": (
        lambda: prepared(FRAME.assign(kind=[1, "x"] * 20)), "column 'kind' mixes numbers and words",
    ),
    "arrays": (
        lambda: prepared(FRAME.assign(kind=list(np.eye(ROWS)))), "which no preparation reads",
    ),
    "a column twice": (
        lambda: prepared(pd.concat([FRAME, FRAME[["size"]]], axis=1)), "more than one column 'size'",
    ),
    "only gaps": (
        lambda: trained(prepared(FRAME[["y"]].assign(none=None))), "leaves nothing of the columns 'none'",
    ),
    "a fold of one class": (
        lambda: prepared(FRAME.assign(y=["p"] * 38 + ["q"] * 2)).folds(5), "class 'q' has 2 rows",
    ),
    "a split of one class": (
        lambda: prepared(FRAME.assign(y=["p"] * 39 + ["q"])).split(test=10), "one row of 'q'",
    ),
    "the answer among the inputs": (
        lambda: trained(Dataset(FRAME, ["size", "y"], "y", prepare=True)),
        "column 'y' is to be predicted and is one of the inputs",
    ),
    "a column that is not there": (
        lambda: trained(prepared(FRAME)).score(FRAME.drop(columns="day")), "no column 'day'",
    ),
    "labels that were not learned": (
        lambda: trained(prepared(FRAME)).score(FRAME.assign(y="r")), "'r'",
    ),
    "one dict for a row": (
        lambda: trained(prepared(FRAME)).network.predict({"size": 1.0, "kind": "x"}),
        "pandas.DataFrame([row])",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_prepared_is_refused_by_name(case):
    make, said = REFUSED[case]
    with pytest.raises((ValueError, KeyError), match=re.escape(said)) as refusal:
        make()
    assert len(str(refusal.value)) < 450


SAID = {
    "a class that was never seen": (
        FRAME.assign(y=["p", "q"] * 15 + ["r"] * 10), "class 'r' is in 'test', the first time",
    ),
    "an answer that is given away": (FRAME.assign(copy=FRAME["y"]), "column 'copy'"),
    "rows that are in two parts": (
        pd.concat([FRAME.iloc[:20]] * 2, ignore_index=True), "rows of 'test' equal rows",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SAID)
def test_what_makes_a_test_worthless_is_told(case):
    frame, said = SAID[case]
    data = prepared(frame, splits={"test": range(30, 40)})
    assert said in repr(data)
    if case == "a class that was never seen":
        # It is a class nevertheless: a unit stands for it.
        assert trained(data).network.classify(data.test).shape == (10,)


def test_a_part_without_a_class_and_an_index_with_duplicates_are_fine():
    frame = FRAME.assign(y=["p", "q"] * 15 + ["p"] * 10).set_axis(np.arange(ROWS) // 2)
    frame.index.name = "bird"
    data = Dataset(frame, ["size", "kind", "day"], "y", {"test": range(30, 40)}, prepare=True)
    session = trained(data)
    assert set(session.score()) == {"loss", "accuracy"}
    found = session.network.classify(frame)
    assert found.index.equals(frame.index)
    named = data.test.results({"class": session.network.classify(data.test)})
    assert named.index.equals(frame.index[30:])
