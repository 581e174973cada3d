"""Names as people write them: "mean-squared-error", "MeanSquaredError" and "mean_squared_error" are one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache


@lru_cache(maxsize=1024)
def snake_case(name: str) -> str:
    """From class to node names, as Keras does it: MaxPooling2D -> max_pooling2d; but ReLU -> relu."""
    name = name.replace("PReLU", "Prelu").replace("ReLU", "Relu")
    split = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", split).lower()


@lru_cache(maxsize=1024)
def squeezed(name: str) -> str:
    """A name without what people write in different ways: case, underscores, hyphens, blanks."""
    return re.sub(r"[\W_]", "", name).lower()


def spelled(name: str, known: Iterable[str], others: Mapping[str, str] | None = None) -> str | None:
    """The one of `known` that this is another way to write, or another name of, by `others`; None if none is.

    `others` are names squeezed, with what of `known` each is.
    """
    short = squeezed(name)
    found = next((each for each in known if squeezed(each) == short), None)
    return found or (others or {}).get(short)
