"""Numbers of a step, written into arrays () by one launch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cortex_lab.compute.gpu.launches import NOTHING, kernel

_AT_ONCE = 6
_EIGHT, _BYTE = np.int32(8), np.int32(1)
_REST = (NOTHING, np.int64(0), np.int32(0))


def write(arrays: Sequence[Any], values: Sequence[Any]) -> None:
    """arrays[i][...] = values[i], for arrays () of eight bytes or one."""
    for first in range(0, len(arrays), _AT_ONCE):
        some = list(zip(arrays[first : first + _AT_ONCE], values[first : first + _AT_ONCE], strict=True))
        arguments: list[Any] = [np.int32(len(some))]
        for array, value in some:
            kind = array.dtype.kind
            bits = np.float64(value).view(np.int64) if kind == "f" else np.int64(value)
            arguments += [array, bits, _BYTE if kind == "b" else _EIGHT]
        for _ in range(_AT_ONCE - len(some)):
            arguments += _REST
        kernel("elementwise", "write_numbers")((1,), (1,), tuple(arguments))
