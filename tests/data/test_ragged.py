"""Sequences of different length as a column: pandas, Arrow, and padded with a mask for a network."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import cortex_lab as cl
from cortex_lab.data import Dataset, RaggedArray, RaggedDtype, pandas_type, write

LISTS = [[3, 1, 4], [1], None, [], [5, 9, 2, 6]]


def words(rows=40, seed=0):
    random = np.random.default_rng(seed)
    return [random.integers(1, 6, random.integers(1, 8)) for _ in range(rows)]


def test_padded_has_zeros_behind_and_a_mask_that_says_so():
    column = RaggedArray.of(LISTS)
    assert str(column.dtype) == "ragged[int64, n]" and column.lengths.tolist() == [3, 1, 0, 0, 4]
    rows, mask = column.padded()
    assert rows.tolist() == [[3, 1, 4, 0], [1, 0, 0, 0], [0] * 4, [0] * 4, [5, 9, 2, 6]]
    assert mask.sum(axis=1).tolist() == [3, 1, 0, 0, 4]
    # As long as the longest of those that are asked for.
    assert column.padded(np.array([1, 0, 1]))[0].tolist() == [[1, 0, 0], [3, 1, 4], [1, 0, 0]]
    assert column.padded([1], length=2)[0].tolist() == [[1, 0]]
    np.testing.assert_array_equal(column.mask().tensor, mask)
    assert column.shortened(2).padded()[0].tolist() == [[3, 1], [1, 0], [0, 0], [0, 0], [5, 9]]
    with pytest.raises(ValueError, match=r"sequence 4 has 4 steps, and 3 are wanted; .*\.shortened\(3\)"):
        column.padded(length=3)


@pytest.mark.parametrize("shape", [(), (2,), (2, 3)])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "int64", "bool"])
def test_rows_are_the_same_however_they_came_together(dtype, shape):
    random = np.random.default_rng(0)
    cells = [random.integers(0, 2, (length, *shape)).astype(dtype) for length in (3, 0, 5, 1, 2)]
    column = RaggedArray.of(cells)
    assert column.dtype == RaggedDtype(dtype, shape) == pd.api.types.pandas_dtype(str(column.dtype))
    again = RaggedArray._concat_same_type([column[3:], column[[2, 0, 1]]])[[3, 4, 2, 0, 1]]
    for place, cell in enumerate(cells):
        np.testing.assert_array_equal(again[place].array, cell)
        np.testing.assert_array_equal(again.padded()[0][place, : len(cell)], cell)
    assert again.equals(column) and not again.padded()[0].sum() < column.steps.sum()
    np.testing.assert_array_equal(again.steps, np.concatenate(cells))
    changed = again.copy()
    changed[[0, 4]] = [cells[2], cells[1]]
    assert changed.lengths.tolist() == [5, 0, 5, 1, 0] and again.equals(column)


def test_slices_and_columns_put_together_copy_no_numbers(tmp_path):
    np.save(tmp_path / "steps.npy", np.arange(60))
    steps = np.load(tmp_path / "steps.npy", mmap_mode="r")
    column = RaggedArray(steps, np.full(10, 6))
    assert np.shares_memory(column[3:7].steps, steps)
    frame = pd.concat([pd.DataFrame({"x": column})] * 2, ignore_index=True)
    frame = frame[frame.index % 3 == 0]
    assert all(block is steps for block in frame.x.array._blocks)
    assert frame.x.array[-1] == np.arange(48, 54)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "int64", "bool"])
@pytest.mark.parametrize("shape", [(), (2, 3)])
def test_it_goes_to_arrow_and_back(dtype, shape, tmp_path):
    random = np.random.default_rng(0)
    cells = [random.integers(0, 2, (length, *shape)).astype(dtype) for length in (3, 0, 5, 1, 2)]
    column = RaggedArray.of([*cells, None, cells[0]])
    there = pa.array(column)
    assert there.type.extension_name == "arrow.variable_shape_tensor" and there.null_count == 1
    lying = np.frombuffer(there.storage.field("data").values.buffers()[1], np.uint8)
    back = column.dtype.__from_arrow__(there)
    assert back.equals(column) and column.dtype.__from_arrow__(there[2:]).equals(column[2:])
    if dtype != "bool":
        assert np.shares_memory(lying, column.steps) and np.shares_memory(back.steps, column.steps)
    frame = pd.DataFrame({"x": column, "y": range(7)}, index=pd.Index(list("abcdefg"), name="id"))
    for part in (frame, frame[2:], frame[::-2], frame[:0]):
        part.to_parquet(tmp_path / "x.parquet")
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "x.parquet"), part)
        for suffix, read in ((".parquet", pd.read_parquet), (".feather", pd.read_feather)):
            write(part, tmp_path / f"x{suffix}")
            pd.testing.assert_frame_equal(read(tmp_path / f"x{suffix}"), part)
    table = pa.table({"x": there, "y": range(7)})
    assert table.to_pandas(types_mapper=pandas_type).x.array.equals(column)


@pytest.mark.parametrize("kind", [pa.list_(pa.int64()), pa.large_list(pa.int16()), pa.list_(pa.float32())])
def test_lists_of_others_are_read(kind):
    array = pa.array(LISTS, kind)
    for given, rows in (
        (array, LISTS),
        (array[1:4], LISTS[1:4]),
        (pa.chunked_array([array, array]), LISTS * 2),
    ):
        assert RaggedDtype("int64").__from_arrow__(given).equals(RaggedArray.of(rows, "ragged[int64, n]"))
    assert pa.array(RaggedArray.of(LISTS), kind).to_pylist() == LISTS


# In training -----------------------------------------------------------------------------------------


def layers():
    return [cl.Embedding(6, 4, mask_zero=True), cl.LSTM(5), cl.Dense(2)]


def test_a_network_learns_from_a_column_of_sequences_as_from_padded_rows():
    lists = words()
    labels = [int((each == 1).sum() > (each == 2).sum()) for each in lists]
    frame = pd.DataFrame({"words": RaggedArray.of(lists), "label": labels})
    plain = np.zeros((40, 7), int)
    for row, each in zip(plain, lists, strict=True):
        row[: len(each)] = each

    def trained(data):
        session = cl.train(cl.Network(layers(), (7,), seed=0), data, "softmax_cross_entropy", batch_size=8)
        session.step(12)
        return session

    session = trained(Dataset(frame, "words", "label"))
    assert session.trace["loss"].tolist() == trained((plain, np.array(labels))).trace["loss"].tolist()
    # Fewer steps than were trained on are padded to as many.
    network, short = session.process.network, frame[frame.words.array.lengths < 4]
    assert Dataset(short, "words", "label").input_shape == (3,)
    assert Dataset(short, "words", "label").like(Dataset(frame, "words", "label")).arrays()[0].shape[1] == 7
    expected = network.predict(plain[short.index])
    for given in (short, short.words.array, short[["words"]]):
        np.testing.assert_array_equal(network.predict(given), expected)
    assert session.process.batches.identity() == Dataset(frame, "words", "label").batches(8).identity()


def test_a_mask_may_be_an_input_of_its_own():
    column = RaggedArray.of([np.full((length, 2), 0.5, np.float32) for length in (1, 3, 2, 4)])
    frame = pd.DataFrame({"steps": column, "mask": column.mask(), "label": [0, 1, 0, 1]})
    data = Dataset(frame, {"steps": "steps", "mask": "mask"}, "label")
    assert data.input_shape == {"steps": (4, 2), "mask": (4,)}
    inputs = data.batches(4, shuffle=False).fetch(0).inputs
    assert inputs["mask"].sum(axis=1).tolist() == [1, 3, 2, 4]
    np.testing.assert_array_equal(inputs["steps"][..., 0], inputs["mask"] / 2)


def test_numbers_changed_under_a_training_are_noticed():
    steps = np.arange(1.0, 13.0)
    frame = pd.DataFrame({"x": RaggedArray(steps, [3, 4, 5]), "y": [0, 1, 0]})
    batches = Dataset(frame, "x", "y").batches(3)
    batches.check_unchanged()
    steps[5] = 7
    with pytest.raises(ValueError, match=r"column 'x' .*was changed"):
        batches.check_unchanged()


REFUSED = {
    "no lists": (lambda: RaggedArray.of(3), "sequences must be lists of numbers"),
    "no row numbers": (lambda: RaggedArray.of(LISTS).padded([0.5]), "whole numbers"),
    "lengths that do not add up": (lambda: RaggedArray(np.arange(5), [2, 2]), "add up to 4, and there are 5"),
    "negative lengths": (lambda: RaggedArray(np.arange(1), [2, -1]), "a length for each sequence"),
    "words": (lambda: RaggedArray.of([["a"], ["b", "c"]]), "bools, integers or floats|row 0 is"),
    "single values": (lambda: RaggedArray.of([1, 2]), "row 0 is a single value"),
    "rows of other shapes": (lambda: RaggedArray.of([np.ones((2, 3)), np.ones((2, 4))]), "row 1 is 2x4"),
    "nothing known": (lambda: RaggedArray.of([None]), "give their dtype"),
    "numbers that do not fit": (lambda: RaggedArray.of([[300]], "ragged[uint8, n]"), "do not fit uint8"),
    "another type": (lambda: RaggedArray.of([[1]], "float64"), "dtype must be a type such as"),
    "as an array": (lambda: np.asarray(RaggedArray.of(LISTS), float), r"ask for \.padded\(\)"),
    "as numbers": (lambda: RaggedArray.of(LISTS).astype(float), r"ask for \.padded\(\)"),
    "missing ones": (lambda: data("x"), "column 'x' is missing in 1 of 5 rows .first: 2"),
    "as a target": (lambda: data("y", "x"), "column 'x' holds sequences of different length"),
    "beside numbers": (lambda: data(["x", "y"], "z"), "one tensor column or numeric columns"),
    "lists in a frame": (lambda: data("lists"), r"of sequences make RaggedArray\.of\(rows\)"),
    "longer than trained on": (lambda: predicted(RaggedArray.of([np.ones(9, int)])), "has 9 steps, and 7"),
    "missing ones to predict": (lambda: predicted(RaggedArray.of(LISTS)), r"sequences are missing.*dropna"),
    "Arrow's other shapes": (
        lambda: RaggedDtype("int64", (2,)).__from_arrow__(pa.array(RaggedArray.of(LISTS))), "do not fit"
    ),
    "Arrow's words": (lambda: RaggedDtype("int64").__from_arrow__(pa.array([["a"]])), "lists of numbers"),
    "Arrow's gaps": (lambda: RaggedDtype("int64").__from_arrow__(pa.array([[1, None]])), "no NaN"),
}  # fmt: skip


def data(inputs, target="z"):
    lists = pd.Series([[1, 2], [1], [3], [2], [1]])
    frame = pd.DataFrame({"x": RaggedArray.of(LISTS), "y": range(5), "z": range(5), "lists": lists})
    return Dataset(frame, inputs, target)


def predicted(column):
    return cl.Network(layers(), (7,), seed=0).predict(pd.DataFrame({"words": column}))


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_column_of_sequences_is_refused(case):
    work, message = REFUSED[case]
    with pytest.raises((ValueError, TypeError), match=message):
        work()
