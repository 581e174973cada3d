"""Which arrays compiled kernels take."""

from __future__ import annotations

from typing import Any

import numpy as np

FLOAT32 = np.dtype(np.float32)
EXPONENT = np.int32(0x7F800000)
"""All bits of it are set in NaN and infinity, and in no other float32."""


def plain(*arrays: Any) -> bool:
    """Whether all are C-contiguous float32 arrays; None counts as one."""
    for array in arrays:
        if array is None:
            continue
        if type(array) is not np.ndarray or array.dtype != FLOAT32 or not array.flags.c_contiguous:
            return False
    return True


def writable(*arrays: Any) -> bool:
    """Whether all are C-contiguous float32 arrays that may be written to; None counts as one."""
    return plain(*arrays) and all(array is None or array.flags.writeable for array in arrays)


def flag(array: Any) -> bool:
    """Whether this is an array () of bool that may be written to."""
    return type(array) is np.ndarray and array.shape == () and array.dtype == bool and array.flags.writeable


def number(value: Any, dtype: Any) -> np.ndarray | None:
    """A number as an array () of this dtype, itself where it is one; None for any other array."""
    if not isinstance(value, np.ndarray):
        return np.array(value, dtype)
    return value if value.shape == () and value.dtype == dtype else None
