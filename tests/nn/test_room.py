"""What passes over many rows hand out: in one piece of memory where that is quicker, the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.nn.run.room import HUGE, room_for


@pytest.mark.parametrize("rows", [1, 300, 2600])
def test_arrays_of_many_rows_have_dtypes_and_shapes_of_those_given_and_share_no_element(rows: int):
    alike = {"a": np.ones((7, 300, 2), np.float32), "b": np.ones((7,), np.uint8), "c": np.ones((7, 3))}
    found = room_for(rows, alike)
    assert list(found) == list(alike)
    for place, (name, array) in enumerate(found.items()):
        assert array.shape == (rows, *alike[name].shape[1:])
        assert array.dtype == alike[name].dtype and array.flags.c_contiguous and array.flags.writeable
        array[...] = place
    assert all((array == place).all() for place, array in enumerate(found.values()))
    together = len({id(array.base) for array in found.values() if array.base is not None}) == 1
    assert together == (rows * (2400 + 1 + 24) >= HUGE)


def test_what_layers_give_for_many_rows_is_what_they_give_for_few():
    network = cl.Network([cl.Dense(600, activation="relu"), cl.Dense(500), cl.Dense(3)], (4,), seed=0)
    x = np.random.default_rng(0).normal(size=(1100, 4)).astype(np.float32)
    found = network.activations(x)
    assert sum(array.nbytes for array in found.values()) > HUGE
    # As many rows as a pass takes at once: the number of them must not change the bits of a product.
    parts = [network.activations(x[start : start + 256]) for start in range(0, 1100, 256)]
    for name, values in found.items():
        assert np.array_equal(values, np.concatenate([part[name] for part in parts])), name
    assert np.array_equal(found["dense_3"], network.predict(x))
