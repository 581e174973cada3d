"""Columns too large to be gone through at set-up: what is looked at when, what is held, what is noticed."""

from __future__ import annotations

import os
import tracemalloc

import h5py
import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data import Batches, Dataset, DecodedSource, RaggedArray, TensorArray
from tests.data.test_source import IN_FILES, MB, ROWS, Own, rows, sparse

LARGE = "cortex_lab.data._large.LARGE"
MOST_ROWS = "cortex_lab.data._large.MOST_ROWS"


@pytest.fixture(params=IN_FILES, ids=lambda place: place.__name__)
def place(request, tmp_path, monkeypatch):
    """Every kind of source in files, each taken for large; its first and its last row are looked at."""
    monkeypatch.setattr(LARGE, 1)
    monkeypatch.setattr(MOST_ROWS, 2)
    return lambda array: request.param(tmp_path, array)


def session_of(x, **options):
    data = Dataset(pd.DataFrame({"x": TensorArray(x), "y": np.arange(len(x)) % 3}), "x", "y")
    net = cl.Network([cl.Flatten(), cl.Dense(3)], (3, 2), seed=0)
    return cl.train(net, data, "softmax_cross_entropy", cl.Adam(0.01), batch_size=5, **options)


def trained(x):
    session = session_of(x)
    session.step(4)
    session.rewind(2)
    session.step(2)
    return session


@pytest.mark.parametrize("dtype", ["uint8", "float64"])
def test_a_training_has_the_same_numbers(place, dtype, tmp_path):
    there, here = place(rows(dtype)), rows(dtype)
    ours, plain = trained(there), trained(here)
    assert ours.trace["loss"].tolist() == plain.trace["loss"].tolist()
    # And each goes on with the data of the other.
    for saved, other in ((ours, here), (plain, there)):
        saved.save(tmp_path / "saved.h5")
        again = session_of(other, resume_from=tmp_path / "saved.h5")
        again.step(1)
        assert again.step_number == saved.step_number + 1


BROKEN = {"NaN": np.nan, "infinite": -np.inf, "huge": 1e200}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_row_that_was_not_looked_at_is_named_by_the_batch_that_reads_it(place, case):
    array = rows("float64")
    array[7, 2, 1] = BROKEN[case]
    data = Dataset(pd.DataFrame({"x": TensorArray(place(array)), "y": np.arange(ROWS) % 2}), "x", "y")
    message = r"holds 1e\+200 in row 7" if case == "huge" else r"missing or infinite numbers in 1 of .*\[7\]"
    net = cl.Network([cl.Flatten(), cl.Dense(2)], (3, 2), seed=0)
    session = cl.train(net, data, batch_size=4)
    with pytest.raises(ValueError, match=f"column 'x'.* {message}"):
        session.run(cl.epochs(2))
    assert session.step_number < 3
    with pytest.raises(ValueError, match=f"column 'x'.* {message}"):
        data.arrays()
    if case == "huge":
        with pytest.raises(ValueError, match=f"inputs.* {message}"):
            Batches(place(array), None, batch_size=ROWS).fetch(0).inputs  # noqa: B018


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_row_that_is_looked_at_is_named_at_once(place, case):
    array = rows("float64")
    array[ROWS - 1, 0, 0] = BROKEN[case]
    message = f"in row {ROWS - 1}" if case == "huge" else rf"in 1 of the 2 looked at, of {ROWS}, rows .*: 11"
    with pytest.raises(ValueError, match=f"column 'x'.* {message}"):
        Dataset(pd.DataFrame({"x": TensorArray(place(array))}), "x", None)


def test_ids_of_words_that_were_not_looked_at_are_refused_by_the_batch(place):
    ids = np.ones((ROWS, 4), np.int64)
    ids[5, 2] = 99
    data = Dataset(pd.DataFrame({"x": TensorArray(place(ids)), "y": np.arange(ROWS) % 2}), "x", "y")
    net = cl.Network([cl.Embedding(8, 3), cl.Flatten(), cl.Dense(2)], (4,), seed=0)
    session = cl.train(net, data, batch_size=4)
    with pytest.raises(IndexError, match="99"):
        session.run(cl.epochs(1))


def on_disk(kind, folder, array):
    if kind == "HDF5":
        with h5py.File(folder / "x.h5", "w") as file:
            file["x"] = array
        return TensorArray.open(folder / "x.h5")
    path = folder / "x.npy"
    np.save(path, array)
    return TensorArray.open(path)


@pytest.mark.parametrize("kind", ["HDF5", "mapped"])
def test_a_file_that_is_written_again_is_noticed_by_its_time(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(LARGE, 1)
    column = on_disk(kind, tmp_path, rows())
    batches = Dataset(pd.DataFrame({"x": column, "y": 0}), "x", "y").batches(4)
    batches.check_unchanged()
    path = next(tmp_path.iterdir())
    os.utime(path, ns=(1, 1))
    with pytest.raises(ValueError, match=r"column 'x' \(0 MiB, in a file, and not copied\) was changed"):
        batches.check_unchanged()


def test_data_are_told_apart_by_some_rows_as_a_copy_in_memory_is(place, monkeypatch):
    monkeypatch.setattr("cortex_lab.data.batches._COMPARED", 8)
    array = rows()
    ours, copy = (
        Dataset(pd.DataFrame({"x": TensorArray(x)}), "x", None).batches(4) for x in (place(array), array)
    )
    found = ours.identity()
    assert found["some_rows"] == 2 and "some_rows" not in copy.identity()
    assert copy.identity(like=found) == found and ours.identity(like=copy.identity()) == copy.identity()
    other = array.copy()
    other[0] += 1
    assert Batches(other, None, batch_size=4).identity(like=found) != found


class Counted(Own):
    """A source that counts which rows are read, and how many at once."""

    def __init__(self, array):
        super().__init__(array)
        self.read, self.most = set(), 0

    def checksum(self):
        return 1

    def take(self, rows):
        numbers = np.arange(len(self))[rows]
        self.read |= set(numbers.tolist())
        self.most = max(self.most, len(numbers))
        return self.array[rows]


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_setting_up_a_training_reads_some_rows_and_a_step_those_of_its_batch(dtype, monkeypatch):
    monkeypatch.setattr(LARGE, 2**16)
    monkeypatch.setattr("cortex_lab.data.parts.MOST_GUARDED", 2**16)
    source = Counted(np.random.default_rng(0).integers(0, 255, (20_000, 3, 2)).astype(dtype))
    data = Dataset(pd.DataFrame({"x": TensorArray(source), "y": np.arange(20_000) % 3}), "x", "y")
    data = data.split(test=0.2, validation=16)
    net = cl.Network([cl.Flatten(), cl.Dense(3)], (3, 2), seed=0)
    session = cl.train(net, data, "softmax_cross_entropy", cl.Adam(0.01), batch_size=8)
    data.folds(3), repr(data), data._repr_html_()
    before = len(source.read)
    assert before < 500 and source.most <= 256
    session.step(3)
    session.rewind(1)
    assert len(source.read) <= before + 24


def test_rows_to_validate_on_that_are_many_to_hold_are_told_of(monkeypatch):
    monkeypatch.setattr(LARGE, 2**12)
    source = Counted(np.zeros((1000, 3, 2), np.uint8))
    data = Dataset(pd.DataFrame({"x": TensorArray(source), "y": np.arange(1000) % 3}), "x", "y")
    net = cl.Network([cl.Flatten(), cl.Dense(3)], (3, 2), seed=0)
    with pytest.warns(UserWarning, match=r"the 900 rows to validate on .* held in memory, 0 MiB; .*5000"):
        cl.train(net, data.split(validation=900), batch_size=8)
    cl.train(net, data.split(validation=100), batch_size=8)


# What is held ----------------------------------------------------------------------------------------


class Blank:
    """Decodes any file as the same picture."""

    shape = (64, 64)

    def __call__(self, path):
        return np.zeros((64, 64), np.uint8)


def unwritten(folder, megabytes):
    file = h5py.File(folder / "big.h5", "w")
    return file.create_dataset("x", (megabytes * MB // 4096, 64, 64), np.uint8, chunks=(1, 64, 64))


ON_DISK = 24
KINDS = {
    "mapped": lambda folder: TensorArray(sparse(folder, ON_DISK, "uint8")),
    "mapped floats": lambda folder: TensorArray(sparse(folder, 2 * ON_DISK, "float64")),
    "raw": lambda folder: TensorArray.open(
        sparse(folder, ON_DISK, "uint8").filename, dtype="uint8", shape=(64, 64), offset=128
    ),
    "HDF5": lambda folder: TensorArray(unwritten(folder, ON_DISK)),
    "chosen": lambda folder: TensorArray(sparse(folder, ON_DISK, "uint8"))[::-1][np.arange(6000)],
    "decoded": lambda folder: TensorArray(DecodedSource([__file__] * (ON_DISK * MB // 4096), Blank())),
    "sequences": lambda folder: RaggedArray(
        np.memmap(sparse(folder, ON_DISK, "uint8").filename, np.uint8, "r", 128).reshape(-1, 64),
        np.full(ON_DISK * MB // 4096, 64),
    ),
}


def looking_at(data, compared):
    """Whatever looks at the rows of a Dataset, by name; `compared` are columns that can be compared."""
    return {
        "split": lambda: data.split(test=0.3),
        "folds": lambda: data.folds(3),
        "rows that are shared": lambda: data.shared_rows(),
        "near duplicates": lambda: data.near_duplicates(compared, rows=20),
        "farthest": lambda: data.farthest(compared, rows=20),
        "overview": lambda: data.overview(report=False),
        "drift": lambda: data.drift(),
        "balance": lambda: data.class_balance(),
        "adapt": lambda: cl.Normalization(axis=None).adapt(data),
        "batch": lambda: data.train.batches(16).fetch(0).inputs,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_that_looks_at_a_column_in_a_file_holds_it(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(LARGE, MB)
    column = KINDS[kind](tmp_path)
    compared = "y" if kind == "sequences" else "x"

    def dataset(rows):
        frame = pd.DataFrame({"x": column[:rows], "y": np.arange(rows) % 2}, copy=False)
        return Dataset(frame, "x", "y").split(test=0.3)

    # What is imported when it is first wanted is not counted.
    for work in looking_at(dataset(50), compared).values():
        work()
    tracemalloc.start()
    try:
        held = {}
        data = dataset(len(column))
        for name, work in looking_at(data, compared).items():
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            work()
            held[name] = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    most = 32 if kind == "mapped floats" else 20
    assert max(held.values()) < most * MB, held
