"""Rows that are files are decoded when they are wanted, and not before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from cortex_lab.data import Dataset, TensorArray
from cortex_lab.data.decoded import DecodedSource
from tests.data.test_source import ROWS, FromText, decoded, rows


def test_files_are_decoded_only_for_rows_that_are_wanted(tmp_path):
    asked = []

    @dataclass(frozen=True)
    class Noting(FromText):
        def __call__(self, path):
            asked.append(paths.index(path))
            return super().__call__(path)

    array = rows("uint8")
    paths = decoded(tmp_path, array).paths
    column = TensorArray(DecodedSource(paths, Noting((3, 2), np.dtype("uint8"))))
    data = Dataset(pd.DataFrame({"x": column, "y": np.arange(ROWS) % 2}), "x", "y").split(test=4)
    batches = data.batches(3, shuffle=False)
    batches.check_unchanged()
    assert asked == []
    np.testing.assert_array_equal(batches.fetch(1).inputs, array[3:6])
    # And those of the two batches after it, by a thread: the last of this epoch.
    assert {3, 4, 5} <= set(asked) <= set(range(3, ROWS))
    paths[5].write_text("1 2 3 4 5 6 ")
    with pytest.raises(ValueError, match=r"column 'x' .*was changed"):
        batches.check_unchanged()
    paths[4].write_text("1 2")
    with pytest.raises(ValueError, match="reshape"):
        batches.fetch(1).inputs  # noqa: B018
    with pytest.raises(ValueError, match=r"0.0 was decoded as \(3, 2\) uint8, and rows are \(3, 2\) int8"):
        DecodedSource(paths, Another()).take(np.array([0]))
    with pytest.raises(ValueError, match="read only"):
        column[0] = array[1]


class Another:
    shape, dtype = (3, 2), np.dtype("int8")

    def __call__(self, path):
        return np.zeros((3, 2), np.uint8)
