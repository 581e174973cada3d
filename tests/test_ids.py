"""Ids that a layer has no vector for are named, with what to do, wherever a network is given them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data.batches import Batch

ROWS, COLUMNS = 20, ["word", "next"]
GOOD = np.random.default_rng(0).integers(0, 5, (ROWS, 2))
Y = np.arange(ROWS) % 2


class Served:
    """Batches of one's own."""

    batch_size, steps_per_epoch = ROWS, 1

    def __init__(self, x):
        self.x = x

    def fetch(self, step):
        return Batch(self.x, Y, np.arange(ROWS))


def frame(x):
    return pd.DataFrame(x, columns=COLUMNS)


def dataset(x):
    return cl.data.Dataset(frame(x).assign(y=Y), COLUMNS, "y")


def network(ops="cpu"):
    return cl.Network([cl.Embedding(5, 4, mask_zero=True), cl.Flatten(), cl.Dense(2)], 2, ops=ops)


def trained(data, ops="cpu", **options):
    return cl.train(
        network(ops), data, "softmax_cross_entropy", cl.Adam(), batch_size=ROWS, validate_every=1, **options
    )


def stepped(data, **step):
    session = trained(data)
    session.step(**step)


BY_NAME = {
    "train on a dataset": lambda x: stepped(dataset(x)),
    "train on a frame": lambda x: stepped((frame(x), Y)),
    "train on a frame and a column": lambda x: stepped((frame(x), pd.Series(Y, name="y"))),
    "validation, a dataset": lambda x: trained(dataset(GOOD), validation=dataset(x)),
    "validation, arrays": lambda x: trained(dataset(GOOD), validation=(x, Y)),
    "score a dataset": lambda x: trained(dataset(GOOD)).score(dataset(x)),
    "score arrays": lambda x: trained(dataset(GOOD)).score((x, Y)),
    "predict a frame": lambda x: trained((frame(GOOD), Y)).network.predict(frame(x)[["next", "word"]]),
    "predict a dataset": lambda x: trained((frame(GOOD), Y)).network.predict(dataset(x)),
}
BY_PLACE = {
    "train on arrays": lambda x: stepped((x, Y)),
    "train on arrays by name": lambda x: stepped(({"input": x}, Y)),
    "in phases": lambda x: stepped((x, Y), to="fetch"),
    "batches of one's own": lambda x: stepped(Served(x)),
    "validation": lambda x: trained((GOOD, Y), validation=(x, Y)),
    "score": lambda x: trained((GOOD, Y)).score((x, Y)),
    "predict": lambda x: network().predict(x),
    "predict by name": lambda x: network().predict({"input": x}),
    "activations": lambda x: network().activations(x, ["flatten_1"]),
    "the reference": lambda x: network("reference").predict(x),
}
UNKNOWN = {
    "int64": (7, "int64", "give it input_dim=8, or number"),
    "uint8": (255, "uint8", "give it input_dim=256, or number"),
    "float32": (5, "float32", "give it input_dim=6, or number"),
    "negative": (-1, "int8", "; number"),
    "beyond int32": (2**40, "int64", "; number"),
    "beyond int64": (2**63, "uint64", "; number"),
}


@pytest.mark.parametrize("path", BY_NAME | BY_PLACE)
@pytest.mark.parametrize("case", UNKNOWN)
def test_an_id_that_a_table_does_not_have_is_named_on_every_path(path, case):
    unknown, dtype, remedy = UNKNOWN[case]
    x = GOOD.astype(dtype)
    x[7, 0] = unknown
    where = "column 'word'" if path in BY_NAME else "column 0 of input 'input'"
    message = f"no id {unknown} in {where}: the table of layer 'embedding_1' has 5 rows, .* \\[7\\].*{remedy}"
    with pytest.raises(IndexError, match=message):
        (BY_NAME | BY_PLACE)[path](x)


@pytest.mark.parametrize("path", BY_NAME | BY_PLACE)
def test_ids_of_the_table_are_read_on_every_path(path):
    for dtype in ("bool", "int8", "uint16", "uint64", "float16", "float64"):
        (BY_NAME | BY_PLACE)[path](GOOD.astype(dtype))


@pytest.mark.parametrize("broken", [0.5, np.nan, np.inf, -np.inf])
def test_what_is_no_id_is_none(broken):
    with pytest.raises(ValueError, match="input 'input' wants ids, which are whole numbers"):
        network().predict(np.full((3, 2), broken))
