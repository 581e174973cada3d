"""The sign of numbers, for references."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from cortex_lab.compute.kernel import Array


def sign(xp: ModuleType, x: Array) -> Any:
    """-1, 0 or 1, and NaN for NaN, of which CuPy's own makes 0."""
    return xp.sign(x) if xp is np else xp.where(xp.isnan(x), x, xp.sign(x))
