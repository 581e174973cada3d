"""Memory for what a pass over many rows hands out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import accumulate

import numpy as np

HUGE = 2**22
"""Bytes from which on NumPy asks for memory in pages of megabytes, where the system has such."""
LINE = 64


def room_for(rows: int, alike: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays (rows, ...), not filled, with the dtype and the further axes of those given, by name.

    Many that are large only together lie in one piece of memory. Each in its own would be had from the system
    page by page of 4 kB, which takes longer than to fill them.
    """
    given = len(next(iter(alike.values())))
    if len(alike) < 2 or sum(array.nbytes for array in alike.values()) * rows < HUGE * given:
        return {name: np.empty((rows, *array.shape[1:]), array.dtype) for name, array in alike.items()}
    shapes = {name: (rows, *array.shape[1:]) for name, array in alike.items()}
    sizes = [math.prod(shapes[name]) * array.itemsize for name, array in alike.items()]
    places = [0, *accumulate(-(-size // LINE) * LINE for size in sizes)]
    block = np.empty(places[-1], np.uint8)
    return {
        name: block[start : start + size].view(array.dtype).reshape(shapes[name])
        for (name, array), size, start in zip(alike.items(), sizes, places, strict=False)
    }
