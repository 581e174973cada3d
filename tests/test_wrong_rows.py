"""Rows that nothing can be learned from are named before the first step, all of them, in every form."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data import Batches, Dataset

ROWS, WRONG = 40, slice(20, 35)
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(ROWS, 4)).astype(np.float32)
IDS = RANDOM.integers(0, 5, (ROWS, 4))
Y = np.arange(ROWS) % 3


def dense(ops):
    return cl.Network([cl.Dense(3)], 4, ops=ops)


def lookup(ops):
    return cl.Network([cl.Embedding(5, 3), cl.Flatten(), cl.Dense(3)], 4, ops=ops)


def with_wrong(values, wrong):
    """`values` with something wrong in fifteen rows, which no first batch has all of."""
    values = values.astype(type(wrong)) if values.dtype.kind == "i" else values.copy()
    values[WRONG, 2] = wrong
    return values


def mapped(values, path):
    np.save(path, values)
    return np.load(path, mmap_mode="r")


WAYS = {
    "arrays": lambda x, path: (x, Y),
    "by name": lambda x, path: ({"input": x}, Y),
    "a file": lambda x, path: (mapped(x, path), Y),
    "a frame and a column": lambda x, path: (pd.DataFrame(x, columns=list("abcd")), pd.Series(Y, name="y")),
    "a Dataset": lambda x, path: Dataset(pd.DataFrame(x, columns=list("abcd")).assign(y=Y), target="y"),
    "a frame of pictures": lambda x, path: Dataset(pd.DataFrame({"x": list(x), "y": Y}), "x", "y"),
}


@pytest.mark.parametrize("ops", ["cpu", "reference"])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("way", WAYS)
def test_missing_numbers(way, wrong, ops, tmp_path):
    with pytest.raises(ValueError, match=rf"in 15 of {ROWS} rows[ (,].*first:? \[?20, 21, 22, 23, 24"):
        cl.train(dense(ops), WAYS[way](with_wrong(X, wrong), tmp_path / "x.npy"), "cross_entropy")


@pytest.mark.parametrize("ops", ["cpu", "reference"])
@pytest.mark.parametrize("wrong", [7, -1, 0.5, 2**40])
@pytest.mark.parametrize("way", WAYS)
def test_ids_that_are_none(way, wrong, ops, tmp_path):
    with pytest.raises(ValueError, match=rf"15 of {ROWS} rows have others, the first \[20, 21, 22, 23, 24\]"):
        cl.train(lookup(ops), WAYS[way](with_wrong(IDS, wrong), tmp_path / "x.npy"), "cross_entropy")


@pytest.mark.parametrize("network, values, wrong", [(dense, X, np.nan), (lookup, IDS, 7), (lookup, IDS, 0.5)])
def test_rows_of_batches_of_ones_own_are_named_as_they_come(network, values, wrong):
    batches = Batches(with_wrong(values, wrong), Y, batch_size=4)
    session = cl.train(network("cpu"), batches, "cross_entropy")
    with pytest.raises(ValueError, match=r"missing or infinite|have others"):
        session.run(cl.epochs(1))
    session = cl.train(network("cpu"), batches.excluding(range(20, 35)), "cross_entropy")
    session.run(cl.epochs(1))
    assert np.isfinite(session.trace["loss"]).all()
