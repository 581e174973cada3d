"""Numbers of a step, written into arrays () by one launch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cortex_lab.compute.gpu.launches import NOTHING, kernel

_AT_ONCE = 6
_REST = (NOTHING, np.int64(0), np.int32(0))


def write(arrays: Sequence[Any], values: Sequence[Any]) -> None:
    """arrays[i][...] = values[i], for arrays () of eight bytes or one."""
    for first in range(0, len(arrays), _AT_ONCE):
        some = list(zip(arrays[first : first + _AT_ONCE], values[first : first + _AT_ONCE], strict=True))
        arguments: list[Any] = [np.int32(len(some))]
        for array, value in some:
            bits = np.array(value, array.dtype)
            arguments += [
                array,
                bits.view("int64" if bits.itemsize == 8 else "int8")[()],
                np.int32(bits.itemsize),
            ]
            arguments[-2] = np.int64(arguments[-2])
        for _ in range(_AT_ONCE - len(some)):
            arguments += _REST
        kernel("elementwise", "write_numbers")((1,), (1,), tuple(arguments))
