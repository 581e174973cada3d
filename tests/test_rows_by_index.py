"""What is cut from a table means the same rows, by its index, where weights are given or rows are chosen."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data import Dataset

ROWS = 24
TABLE = pd.DataFrame(np.random.default_rng(0).normal(size=(ROWS, 3)), columns=["a", "b", "y"])
SHUFFLED = TABLE.sample(frac=1, random_state=1)

# The frame that a user has, by what is special about its index.
FRAMES = {
    "numbered": TABLE,
    "shuffled": SHUFFLED,
    "sorted": TABLE.sort_values("b"),
    "cut": SHUFFLED.iloc[3:],
    "words": SHUFFLED.rename(lambda row: f"r{row}"),
    "floats": SHUFFLED.set_axis(SHUFFLED.index + 0.5),
    "two levels": SHUFFLED.set_index(["a", "b"], drop=False).rename_axis([None, None]),
    "a column called row": SHUFFLED.assign(row=1.0),
    "an index called row": SHUFFLED.rename_axis("row"),
    "a frame of ours": Dataset(SHUFFLED, ["a", "b"], "y").split(test=6).train.frame.drop(columns="index"),
}
PARTS = {
    "all": lambda data: data,
    "a part": lambda data: data.split(test=5).train,
    "selected": lambda data: data.select(data.rows[[7, 2, 11, 0, 9, 14, 3, 1]]),
    "turned": lambda data: data.select(data.rows[::-1]),
}
# What is cut from where, for a user's frame, its Dataset and a part of that.
CUTS = {
    "the user's frame": lambda frame, data, part: frame,
    "the user's frame, in another order": lambda frame, data, part: frame.sample(frac=1, random_state=2),
    "the dataset's frame": lambda frame, data, part: data.frame,
    "the part's frame": lambda frame, data, part: part.frame,
    "the part's frame, in another order": lambda frame, data, part: part.frame.sample(frac=1, random_state=2),
}


def trained(data, **options):
    network = cl.Network([cl.Dense(1)], 2)
    return cl.train(network, data, "mean_squared_error", cl.SGD(0.0), batch_size=4, **options)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", FRAMES)
def test_weights_and_bools_that_were_cut_from_a_table_are_those_of_their_rows(name, part, cut):
    frame = FRAMES[name]
    data = Dataset(frame, ["a", "b"], "y")
    chosen = PARTS[part](data)
    source = CUTS[cut](frame, data, chosen)
    wanted = chosen.frame.a.abs().to_numpy()
    try:
        found = chosen.weights(source.a.abs())
        picked = chosen.select(source.a < 0).frame
    except ValueError as error:
        # Both indexes are called alike: it is asked, unless only one of them has these rows.
        assert name in ("an index called row", "a frame of ours") and "to_numpy()" in str(error)
        return
    np.testing.assert_array_equal(found, wanted)
    pd.testing.assert_frame_equal(picked, chosen.frame[chosen.frame.a < 0])
    session = trained(chosen, sample_weight=source.a.abs())
    np.testing.assert_array_equal(session.process.row_weights[chosen.rows], wanted)


@pytest.mark.parametrize("name", ["shuffled", "words"])
def test_an_index_of_another_table_is_refused(name):
    data = Dataset(FRAMES[name], ["a", "b"], "y")
    strange = pd.Series(np.arange(1.0, ROWS + 1), [f"other {row}" for row in range(ROWS)])
    for call in (
        lambda: data.weights(strange),
        lambda: data.select(strange > 3),
        lambda: data.weights(strange.set_axis(pd.RangeIndex(5, ROWS + 5, name="row"))),
        lambda: Dataset(FRAMES[name], ["a", "b"], "y", splits={"test": strange > 3}),
        lambda: trained(data).edit("excluded_rows", strange > 3),
        lambda: data.batches(4).excluding(strange > 3),
    ):
        with pytest.raises(ValueError, match=r"the index of .* is not that of.*\.to_numpy\(\)"):
            call()


# What a training may be given beside weights, and whether rows have an index there.
PAIRS = {
    "a Dataset": (lambda frame: Dataset(frame, ["a", "b"], "y"), True),
    "a frame and a name": (lambda frame: (frame[["a", "b", "y"]], "y"), True),
    "a frame and a column": (lambda frame: (frame[["a", "b"]], frame.y), True),
    "a frame and an array": (lambda frame: (frame[["a", "b"]], frame.y.to_numpy()), True),
    "an array and a column": (lambda frame: (frame[["a", "b"]].to_numpy(), frame.y), True),
    "dicts": (lambda frame: ({"input": frame[["a", "b"]]}, {"dense_1": frame.y}), True),
    "arrays": (lambda frame: (frame[["a", "b"]].to_numpy(), frame.y.to_numpy()), False),
}
COLUMNS = {"a column": lambda weights: weights, "a table of one": lambda weights: weights.to_frame("weight")}


@pytest.mark.parametrize("form", COLUMNS)
@pytest.mark.parametrize("pair", PAIRS)
def test_weights_in_another_order_are_matched_or_refused(pair, form):
    make, indexed = PAIRS[pair]
    given = COLUMNS[form](TABLE.b.abs().loc[SHUFFLED.index])
    if not indexed:
        with pytest.raises(ValueError, match=r"which row each is for cannot be told.*\.to_numpy\(\)"):
            trained(make(TABLE), sample_weight=given)
        return
    session = trained(make(TABLE), sample_weight=given)
    np.testing.assert_array_equal(session.process.row_weights, TABLE.b.abs())
    session = trained(make(SHUFFLED), sample_weight=COLUMNS[form](TABLE.b.abs()))
    np.testing.assert_array_equal(session.process.row_weights, SHUFFLED.b.abs())


def excluded(data, rows):
    session = trained(data)
    session.edit("excluded_rows", rows)
    assert "excluded_rows" in session.script()
    return session.process.batches.excluded


# Every way to choose rows of a dataset by what is given: their numbers.
WAYS = {
    "select": lambda data, frame, rows: data.select(rows).rows,
    "splits": lambda data, frame, rows: Dataset(frame, ["a", "b"], "y", splits={"test": rows}).test.rows,
    "excluded_rows": lambda data, frame, rows: excluded(data, rows),
    "excluding": lambda data, frame, rows: data.batches(4).excluding(rows).excluded,
    "beside an array": lambda data, frame, rows: excluded((frame[["a", "b"]], data.arrays()[1]), rows),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", [name for name in FRAMES if name != "a frame of ours"])
def test_rows_chosen_by_a_pandas_object_are_those_it_names_or_it_is_asked(name, way):
    frame = FRAMES[name]
    data = Dataset(frame, ["a", "b"], "y")
    choose = lambda rows: np.sort(WAYS[way](data, frame, rows)).tolist()  # noqa: E731
    wanted = np.flatnonzero(frame.a < 0).tolist()
    masks = [frame.a < 0, np.flatnonzero(frame.a < 0), wanted]
    if name != "an index called row":
        masks += [frame.a.sample(frac=1, random_state=2) < 0]
        masks += [data.frame.a < 0, data.frame.index[data.frame.a < 0]]
    if "words" in name or "floats" in name or "levels" in name:
        masks += [frame.index[frame.a < 0], pd.Index(wanted)]
    for rows in masks:
        assert choose(rows) == wanted
    if name in ("shuffled", "sorted", "a column called row"):
        for rows in (frame.index[frame.a < 0], frame.index[frame.a < 0].to_series()):
            with pytest.raises(ValueError, match=r"row numbers or labels of the frame's index"):
                choose(rows)
        # The remedies work.
        labels = frame.index[frame.a < 0]
        assert choose(np.flatnonzero(frame.index.isin(labels))) == wanted
        assert choose(labels.to_numpy()) == sorted(labels)
    if name == "words":
        with pytest.raises(IndexError, match="'r99'"):
            choose(pd.Index(["r1", "r99"]))


def test_bools_with_gaps_choose_nothing():
    data = Dataset(TABLE, ["a", "b"], "y")
    with pytest.raises(ValueError, match=r"missing in some; fill them"):
        data.select(pd.Series([True, pd.NA] * (ROWS // 2), dtype="boolean"))
