"""Class ids in arrays: what is no id, or may be a label, is refused by name on every path."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data.batches import Batch

ROWS = 60
X = np.random.default_rng(0).normal(size=(ROWS, 3))
IDS = np.resize([0, 1, 2], ROWS)


class Served:
    """Batches of one's own."""

    batch_size, steps_per_epoch = ROWS, 1

    def __init__(self, x, y):
        self.batch = Batch(x, y, np.arange(len(x)))

    def fetch(self, step):
        return self.batch


def trained(data, **options):
    return cl.train(
        cl.Network([cl.Dense(3)], 3), data, "softmax_cross_entropy", cl.Adam(0.1), batch_size=20, **options
    )


PATHS = {
    "train": lambda y: trained((X, y)),
    "train, weighed": lambda y: trained((X, y), class_weight={0: 2.0}),
    "train on lists": lambda y: trained((X, y.tolist())),
    "batches of one's own": lambda y: trained(Served(X, y)).step(),
    "validation": lambda y: trained((X, IDS), validation=(X, y)),
    "a share to validate on": lambda y: trained((X, y), validation=0.5),
    "score": lambda y: trained((X, IDS)).score((X, y)),
}
SIGNED = "a negative class id means that the class is unknown"
REFUSED = {
    **{
        f"{dtype} of {labels}": (np.resize(np.array(labels, dtype), ROWS), SIGNED)
        for dtype in ("int8", "int64", "float32", "float64")
        for labels in ([-2, 2], [-3, 0, 3], [-2, -1, 0, 1, 2], [-5, 1, 2], [-1, -100, 0], [-7], [-2, 0, 1])
    },
    **{
        f"{worst:g}": (np.where(np.arange(ROWS) == 7, worst, IDS), "beyond int64|class id per row")
        for worst in (1e20, 9.3e18, -1e20, 2.0**63)
    },
    **{
        f"fractions from {low}": (IDS + low, "there is .*0?.5; predict the values .* or make classes|per row")
        for low in (0.5, -0.5)
    },
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_class_id_is_refused_on_every_path(path, case):
    targets, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        PATHS[path](targets)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("unknown", [-1, -100])
@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_one_number_says_unknown(path, unknown, dtype):
    PATHS[path](np.where(np.arange(ROWS) % 4 == 0, unknown, IDS).astype(dtype))


def test_columns_that_are_no_classes_are_not_taken_for_them():
    several = np.column_stack([IDS, IDS, IDS])
    for targets in (several, several[:, :2], several.astype(float)):
        with pytest.raises(ValueError, match=r"columns, which are not the 3 classes.*y\[\.\.\., 0\]"):
            trained((X, targets))
    with pytest.raises(ValueError, match=r"one column per class; pass targets.argmax"):
        trained((X, np.eye(3)[IDS]))


FRAME = pd.DataFrame(X, columns=list("abc"))
NUMBERED = {
    "whole numbers": ([0, 1, 3], int),
    "from 1": ([1, 2, 3], int),
    "floats": ([0.0, 1.0, 3.0], float),
    "far apart": ([10, 20, 500], int),
}
COLUMNS = {
    "a column beside a frame": lambda y: (FRAME, y),
    "a table of one column": lambda y: (FRAME, y.to_frame("y")),
    "a column by name": lambda y: (FRAME.assign(y=y), "y"),
    "categories": lambda y: (FRAME, y.astype("category")),
    "a Dataset": lambda y: cl.data.Dataset(FRAME.assign(y=y), target="y").split(test=0.2),
    "by output": lambda y: cl.data.Dataset(FRAME.assign(y=y), target={"dense_1": "y"}),
    "its batches": lambda y: cl.data.Dataset(FRAME.assign(y=y.astype("category")), target="y").batches(20),
}


@pytest.mark.parametrize("labels", NUMBERED)
@pytest.mark.parametrize("way", COLUMNS)
def test_numbers_that_are_counted_through_are_not_taken_for_outputs(way, labels):
    numbers, kind = NUMBERED[labels]
    column = pd.Series(np.resize(numbers, ROWS))
    more, alike = cl.Network([cl.Dense(4)], 3), cl.Network([cl.Dense(3)], 3)
    wrong = f"3 labels {numbers[0]}.* 4 units: end the network in Dense.3"
    with pytest.raises(ValueError, match=wrong) as said:
        cl.train(more, COLUMNS[way](column), "softmax_cross_entropy")
    assert ("y.to_numpy()" in str(said.value)) == (max(numbers) < 4)
    session = cl.train(alike, COLUMNS[way](column), "softmax_cross_entropy", cl.Adam(0.1))
    assert f"astype({kind.__name__})" in repr(session)
    named = np.array(alike.classes).astype(kind)[np.zeros(2, int)]
    assert named.tolist() == [numbers[0]] * 2


@pytest.mark.parametrize("data", [(X, IDS), (X, pd.Series(IDS)), (FRAME, IDS), (FRAME, pd.Series(IDS))])
def test_class_ids_may_be_fewer_than_the_outputs(data):
    session = cl.train(cl.Network([cl.Dense(4)], 3), data, "softmax_cross_entropy")
    assert "labels" not in repr(session)


def test_yes_and_no_say_which_number_they_are():
    column = pd.Series(np.resize([1, 2], ROWS))
    session = cl.train(cl.Network([cl.Dense(1)], 3), (FRAME, column), "sigmoid_cross_entropy")
    assert "yes of 'dense_1' is the label 2, no is 1" in repr(session)


def test_labels_that_were_learned_may_be_gone_on_with(tmp_path):
    column = pd.Series(np.resize([1, 2, 3], ROWS))
    network = cl.Network([cl.Dense(4)], 3)
    network.classes = ["1", "2", "3"]
    network.reads = {"input": ["a", "b", "c"]}
    cl.train(network, (FRAME, column), "softmax_cross_entropy").step()
    network.save(tmp_path / "it.h5")
    session = cl.train(cl.Network.load(tmp_path / "it.h5"), (FRAME, column), "softmax_cross_entropy")
    assert "are the labels 1, 2, 3" in repr(session)
