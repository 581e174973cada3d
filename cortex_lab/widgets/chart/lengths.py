"""What does not fit together in a mark, in words."""

from __future__ import annotations

import numpy as np


def unequal(optional: tuple[str, ...] = (), **arrays: np.ndarray) -> str:
    """What to say of arrays that should all be as long as `x`; those that are `optional` may be empty."""
    lengths = {name: len(values) for name, values in arrays.items()}
    told = " and ".join(f"{name} of {length}" for name, length in lengths.items())
    expected = lengths["x"]
    fits = all(length == expected or (not length and name in optional) for name, length in lengths.items())
    return "" if fits else f"lengths differ: {told}"


def not_of(shape: tuple[int, int], **arrays: np.ndarray) -> str:
    """What to say of arrays that should have this shape."""
    strange = [f"{name} is {values.shape}" for name, values in arrays.items() if values.shape != shape]
    return f"{strange[0]}, expected {shape}" if strange else ""
