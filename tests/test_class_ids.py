"""Class ids in arrays: what is no id, or may be a label, is refused by name on every path."""

from __future__ import annotations

import numpy as np
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
