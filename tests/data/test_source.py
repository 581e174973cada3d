"""Where rows lie, and that they stay there: what is held, and what is read, is counted in bytes."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass

import h5py
import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data import Batches, Dataset, Tensor, TensorArray
from cortex_lab.data import source as sources
from cortex_lab.data.decoded import DecodedSource
from cortex_lab.data.source import Source, numbers, source_of
from cortex_lab.ground.float32 import as_float32

MB = 2**20
ROWS = 12


def rows(dtype="float32"):
    return np.random.default_rng(0).integers(0, 200, (ROWS, 3, 2)).astype(dtype)


def new(folder, suffix):
    return folder / f"{len(list(folder.iterdir()))}.{suffix}"


def in_memory(folder, array):
    return array.copy()


def mapped(folder, array, mode="r"):
    path = new(folder, "npy")
    np.save(path, array)
    return np.load(path, mmap_mode=mode)


def mapped_to_be_written(folder, array):
    return mapped(folder, array, "r+")


def mapped_the_other_way_round(folder, array):
    return mapped(folder, array.astype(array.dtype.newbyteorder(">")))


def mapped_askew(folder, array):
    raw = new(folder, "bin")
    raw.write_bytes(b"x" + array.tobytes())
    return np.memmap(raw, array.dtype, "r", 1, array.shape)


def mapped_with_gaps(folder, array):
    return mapped(folder, np.repeat(array, 2, axis=0))[::2]


def hdf5(folder, array):
    file = h5py.File(new(folder, "h5"), "w")
    return file.create_dataset("rows", data=array, chunks=(2, *array.shape[1:]), compression="gzip")


@dataclass(frozen=True)
class FromText:
    shape: tuple
    dtype: np.dtype

    def __call__(self, path):
        return np.array(path.read_text().split(), float).astype(self.dtype).reshape(self.shape)


def decoded(folder, array):
    paths = [new(folder, "txt").with_suffix(f".{number}") for number in range(len(array))]
    for path, row in zip(paths, array, strict=True):
        path.write_text(" ".join(map(str, row.astype(float).ravel())))
    return DecodedSource(paths, FromText(array.shape[1:], array.dtype))


class Own:
    """A source of somebody's own: nothing but the protocol."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array.copy(), array.shape[1:], array.dtype

    def __len__(self):
        return len(self.array)

    def take(self, rows):
        return self.array[rows]

    def put(self, rows, values):
        self.array[rows] = values


def of_ones_own(folder, array):
    return Own(array)


def picked(folder, array):
    column = TensorArray(mapped(folder, array[::-1]))
    return column[np.arange(ROWS)[::-1]].source


def joined(folder, array):
    parts = mapped(folder, array[:5]), array[5:]
    return TensorArray._concat_same_type([TensorArray(part) for part in parts]).source


def changed(folder, array):
    other = array.copy()
    other[4] = array[0]
    column = TensorArray(mapped(folder, other)).copy()
    column[4] = array[4]
    return column.source


PLACES = [
    in_memory, mapped, mapped_to_be_written, mapped_the_other_way_round, mapped_askew, mapped_with_gaps, hdf5,
    of_ones_own, picked, joined, changed, decoded,
]  # fmt: skip
IN_FILES = [place for place in PLACES if place is not in_memory]


@pytest.fixture(params=PLACES, ids=lambda place: place.__name__)
def place(request, tmp_path):
    return lambda array: request.param(tmp_path, array)


def test_every_kind_of_source_is_tried(tmp_path):
    kinds = {type(source_of(each(tmp_path, rows()))) for each in PLACES}
    inner = {type(source_of(each(tmp_path, rows())).source) for each in (picked, joined)}
    declared = {kind for name, kind in vars(sources).items() if name.endswith("Source")} - {Source}
    assert declared <= kinds | inner and Own in kinds


SELECTIONS = {
    "all": slice(None),
    "a slice": slice(2, 7),
    "with steps": slice(1, None, 3),
    "backwards": slice(None, None, -2),
    "numbers": np.array([7, 0, 7, 3]),
    "from the end": np.array([-1, 2, -12]),
    "a mask": np.arange(ROWS) % 3 == 0,
    "none": np.array([], int),
}


@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize("dtype", ["uint8", "float32", "int64", "bool"])
def test_a_column_reads_the_same_wherever_it_lies(place, dtype, selection):
    array, chosen = rows(dtype), SELECTIONS[selection]
    column = TensorArray(place(array))
    assert column.dtype == f"tensor[{dtype}, 3x2]" and len(column) == ROWS
    assert column.nbytes == array.nbytes + ROWS
    some = column[chosen]
    np.testing.assert_array_equal(some.tensor, array[chosen])
    # And a choice out of the choice, and both together.
    np.testing.assert_array_equal(some[::-1][: len(some) // 2].tensor, array[chosen][::-1][: len(some) // 2])
    both = TensorArray._concat_same_type([some, column])
    np.testing.assert_array_equal(both.tensor, np.concatenate([array[chosen], array]))
    np.testing.assert_array_equal(both[[0, -1]].tensor, np.concatenate([array[chosen], array])[[0, -1]])
    taken = column.take(numbers(chosen, ROWS))
    assert (taken == TensorArray(array[chosen])).all() and [*taken] == [*TensorArray(array)[chosen]]
    assert taken.astype("tensor[float64, 3x2]").tensor.dtype == np.float64


def test_a_row_that_is_not_there_is_an_index_error(place):
    column = TensorArray(place(rows()))
    for ask in (column.__getitem__, lambda row: column.take([0, row]), lambda row: column[[0, row]]):
        for wrong in (ROWS, -ROWS - 1):
            with pytest.raises(IndexError, match="out of bounds"):
                ask(wrong)


def test_pandas_does_the_same_wherever_the_rows_lie(place):
    array = rows()
    frame = pd.DataFrame({"x": TensorArray(place(array)), "y": np.arange(ROWS) % 3})
    plain = pd.DataFrame({"x": TensorArray(array.copy()), "y": np.arange(ROWS) % 3})
    for work in (
        lambda f: f[f.y == 1],
        lambda f: f.sort_values("y", ascending=False, kind="stable"),
        lambda f: pd.concat([f, f[f.y > 1]], ignore_index=True),
        lambda f: f.reindex([3, 99, 1]),
        lambda f: f.merge(pd.DataFrame({"y": [2, 5]}), how="right"),
        lambda f: f.groupby("y").first(),
        lambda f: f.drop(index=[0, 4]).reset_index(drop=True),
        lambda f: f.shift(1),
    ):
        pd.testing.assert_frame_equal(work(frame), work(plain))
    assert frame.x.array.equals(plain.x.array)


@pytest.mark.parametrize("cut", [lambda f: f, lambda f: f[f.y > 0], lambda f: f.iloc[::2], lambda f: f[1:7]])
def test_what_is_changed_in_a_frame_is_changed_there_alone(place, cut):
    given = place(rows())
    frame = pd.DataFrame({"x": TensorArray(given), "y": np.arange(ROWS) % 3})
    part = cut(frame)
    again = part.copy()
    again.loc[2, "x"] = Tensor(np.full((3, 2), 7, np.float32))
    changed = part.copy()
    changed.loc[[2, 4], "x"] = TensorArray(np.full((2, 3, 2), 9, np.float32))
    expected = cut(pd.DataFrame({"x": TensorArray(rows()), "y": np.arange(ROWS) % 3}))
    pd.testing.assert_frame_equal(part, expected)
    np.testing.assert_array_equal(source_of(given).take(slice(None)), rows())
    assert again.x[2] == np.full((3, 2), 7) and changed.x[4] == np.full((3, 2), 9)
    assert (again.x == part.x).sum() == len(part) - 1 and (changed.x == part.x).sum() == len(part) - 2
    assert (again.copy()[::-1].x[2] == again.x[2]) and again.iloc[1:].x[2] == again.x[2]


@pytest.mark.parametrize("place", [in_memory, mapped_to_be_written, hdf5, of_ones_own])
def test_what_is_written_to_the_column_itself_is_written_where_it_lies(place, tmp_path):
    given = place(tmp_path, rows())
    column = TensorArray(given)
    column[[3, 1]] = np.stack([np.full((3, 2), 3), np.full((3, 2), 1)]).astype("float32")
    column[2:5][1] = np.full((3, 2), 8, np.float32)
    found = source_of(given).take(np.array([3, 1]))
    assert found[:, 0, 0].tolist() == [8, 1]


def test_what_is_mapped_to_be_read_only_cannot_be_written(tmp_path):
    with pytest.raises(ValueError, match="read-only"):
        TensorArray(mapped(tmp_path, rows()))[0] = np.zeros((3, 2), np.float32)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64", "int32", "bool"])
def test_a_training_has_the_same_numbers_wherever_its_rows_lie(place, dtype):
    array = rows(dtype) // 100 if dtype == "uint8" else rows(dtype)
    goals = np.random.default_rng(1).normal(size=(ROWS, 3, 2)).astype(np.float32)

    def trained(x, y):
        frame = pd.DataFrame({"x": TensorArray(x), "y": TensorArray(y)})[::-1].reset_index(drop=True)
        data = Dataset(frame, "x", "y").split(test=2, validation=3)
        net = cl.Network([cl.Flatten(), cl.Dense(6), cl.Reshape((3, 2))], (3, 2), seed=0)
        session = cl.train(net, data, "mean_squared_error", cl.Adam(0.01), batch_size=4, validate_every=1)
        session.step(5)
        session.rewind(2)
        session.step(3)
        keys = session.trace["loss"].tolist(), session.trace["validation_loss"].tolist()
        return keys, session.process.batches.identity(), session.frame["loss"].tolist()

    assert trained(place(array), place(goals)) == trained(array, goals)


@pytest.mark.parametrize(
    "targets", [np.arange(ROWS), np.arange(ROWS, dtype="uint8"), np.linspace(0, 1, ROWS)]
)
def test_batches_of_bare_rows_are_the_same_wherever_they_lie(place, targets):
    for dtype in ("uint8", "float64"):
        array = rows(dtype)
        ours, plain = (Batches(x, targets, batch_size=5, seed=3) for x in (place(array), array))
        assert ours.identity() == plain.identity()
        for step in range(3):
            into = np.zeros((len(plain.fetch(step)), 3, 2), np.float32)
            there = into.copy()
            ours.fetch(step).put({"x": into}, [], {"x"}), plain.fetch(step).put({"x": there}, [], {"x"})
            np.testing.assert_array_equal(into, there)
            np.testing.assert_array_equal(ours.fetch(step).inputs, plain.fetch(step).inputs)
            np.testing.assert_array_equal(ours.fetch(step).targets, plain.fetch(step).targets)


def test_the_target_that_is_the_input_is_noticed_wherever_it_lies(place):
    array = rows("float64")
    given = place(array)
    assert Batches(given, given, batch_size=4).targets_are == "inputs"
    assert Batches(given, array, batch_size=4).targets_are == "inputs"
    assert Batches(given, array + 1, batch_size=4).targets_are is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("place", [mapped_to_be_written, hdf5, of_ones_own])
def test_a_file_that_was_changed_is_named(place, dtype, tmp_path):
    given = place(tmp_path, rows(dtype))
    data = Dataset(pd.DataFrame({"x": TensorArray(given), "y": np.arange(ROWS) % 2}), "x", "y")
    batches = data.batches(4)
    batches.check_unchanged()
    source_of(given).put(np.array([5]), np.full((3, 2), 77, dtype))
    with pytest.raises(ValueError, match=r"column 'x' \(0 MiB, in a file, and not copied\) was changed"):
        batches.check_unchanged()


BROKEN = {
    "NaN": (np.nan, "column 'x' is NaN or infinite in 1 of 12 rows \\(first: 10\\)"),
    "infinite": (-np.inf, "column 'x' is NaN or infinite in 1 of 12 rows \\(first: 10\\)"),
    "huge": (1e200, r"column 'x', column 1, holds 1e\+200 in row 10, which is beyond float32"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_numbers_are_named_wherever_they_lie_and_in_whichever_piece(place, case, monkeypatch):
    monkeypatch.setattr("cortex_lab.ground.pieces.pieces.__defaults__", (64,))
    value, message = BROKEN[case]
    array = rows("float64")
    array[10, 2, 1] = value
    with pytest.raises(ValueError, match=message):
        Dataset(pd.DataFrame({"x": TensorArray(place(array))}), "x", None)
    if case == "huge":
        with pytest.raises(ValueError, match=r"inputs, column 1, holds 1e\+200 in row 10"):
            Batches(place(array), None, batch_size=2)


@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_numbers_that_fall_together_across_pieces_are_named(place, dtype, monkeypatch):
    monkeypatch.setattr("cortex_lab.ground.pieces.pieces.__defaults__", (64,))
    array = np.zeros((ROWS, 3, 2), dtype)
    array[..., 1] = 2**40 + np.arange(ROWS * 3).reshape(ROWS, 3)
    with pytest.raises(ValueError, match=r"column 1, holds 36 different numbers, of which float32 keeps 1"):
        Batches(place(array), None, batch_size=2)


# What is held ----------------------------------------------------------------------------------------


def held_by(work):
    """What `work` made, the bytes that it holds, and the most that there were on the way."""
    tracemalloc.start()
    try:
        made = work()
        return made, *tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()


def sparse(folder, megabytes, dtype="float32", shape=(64, 64)):
    """A file of zeros that takes no room on the disk."""
    count = megabytes * MB // (np.dtype(dtype).itemsize * int(np.prod(shape)))
    return np.lib.format.open_memmap(folder / "big.npy", "w+", dtype, (count, *shape))


def test_slices_copies_and_filters_of_rows_in_memory_hold_what_they_must_and_no_more():
    column = TensorArray(np.zeros((1000, 1024), np.float32))
    size = column.tensor.nbytes
    for work, held in {
        lambda: column[100:900]: 0,
        lambda: column[::2]: 0,
        lambda: column[np.arange(1000) < 250]: size / 4,
        lambda: column.take(np.arange(500)): size / 2,
        lambda: column.copy(): size,
        lambda: TensorArray._concat_same_type([column, column]): 2 * size,
        lambda: column == column[:]: 0,
    }.items():
        _, now, most = held_by(work)
        assert held <= now < held + MB / 4 and most < held + MB / 4 + (MB if held == 0 else 0)


def test_numbers_are_checked_without_a_second_copy():
    values = np.random.default_rng(0).normal(size=(40 * MB // 8 // 64, 64))
    found, held, most = held_by(lambda: as_float32(values, "values"))
    assert found.nbytes == values.nbytes // 2
    assert most < found.nbytes + 16 * MB
    same, held, most = held_by(lambda: as_float32(found, "values"))
    assert same is found and most < MB
    frame = pd.DataFrame({"x": TensorArray(found)}, copy=False)
    data, held, most = held_by(lambda: Dataset(frame, "x", None))
    # One copy, so that nobody else changes it.
    assert held < found.nbytes + 2 * MB and most < found.nbytes + 16 * MB


@pytest.mark.parametrize(("dtype", "megabytes"), [("float32", 300), ("float64", 96), ("uint8", 96)])
def test_what_is_larger_than_memory_stays_in_its_file_through_a_training(dtype, megabytes, tmp_path):
    given = sparse(tmp_path, megabytes, dtype)

    def work():
        frame = pd.DataFrame({"x": TensorArray(given), "y": np.arange(len(given)) % 2})
        frame = pd.concat([frame[frame.y == 0], frame[frame.y == 1]], ignore_index=True)
        data = Dataset(frame, "x", "y").split(test=0.5, validation=16)
        net = cl.Network([cl.Flatten(), cl.Dense(2)], (64, 64), seed=0, ops="reference")
        session = cl.train(net, data, "softmax_cross_entropy", cl.SGD(0.01), batch_size=8)
        session.step(2)
        shown = data._repr_html_(), session.frame, repr(data), len(data.test.frame)
        return session, shown

    _, held, most = held_by(work)
    assert most < 40 * MB
    assert np.shares_memory(pd.DataFrame({"x": TensorArray(given)}).x.array.tensor, given)


def test_a_mapped_array_alone_is_not_read_whole(tmp_path):
    given = sparse(tmp_path, 80, "float64")
    batches, _, most = held_by(lambda: Batches(given, given, batch_size=8))
    assert most < 24 * MB and batches.targets_are == "inputs"


def test_a_script_holds_what_was_read_from_a_file_and_refuses_what_is_too_much_before_it_reads_it(tmp_path):
    y = np.arange(ROWS) % 2
    for given in (hdf5(tmp_path, rows("float64")), of_ones_own(tmp_path, rows("float64"))):
        net = cl.Network([cl.Flatten(), cl.Dense(2)], (3, 2), seed=0)
        session = cl.train(net, (given, y), "softmax_cross_entropy", cl.SGD(0.01), batch_size=4)
        session.step(4)
        found = {}
        exec(session.script(), found)
        np.testing.assert_array_equal(found["session"].trace["loss"], session.trace["loss"])
    big = sparse(tmp_path, 80, "uint8")
    data = Dataset(pd.DataFrame({"x": TensorArray(big), "y": np.arange(len(big)) % 2}), "x", "y")
    net = cl.Network([cl.Flatten(), cl.Dense(2)], (64, 64), seed=0)
    session = cl.train(net, data, "softmax_cross_entropy", cl.SGD(0.01), batch_size=4)
    with pytest.raises(ValueError, match="a script cannot hold 80 MiB of arrays"):
        _, _, most = held_by(session.script)
