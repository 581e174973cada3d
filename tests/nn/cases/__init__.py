"""The table of layer cases: every contract test of layers is a function of (case, backend).

Each module here lists `CASES` of one family. A registered layer without a row fails `test_layers.py`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cortex_lab.nn.contract.layer import Layer, Shape


@dataclass(frozen=True)
class Case:
    """One layer with inputs to try it on.

    `inputs` makes the input arrays for `rows` rows from a generator; None draws standard normals. `oracle`
    computes the same output from PyTorch tensors (xs, parameters by name); None if PyTorch has none.
    `inference` computes the output outside training from arrays (xs, parameters, states by name); None if it
    is that of training.
    `differentiable_input` is False for layers that read indices.
    """

    layer: Layer
    shapes: tuple[Shape, ...]
    label: str = ""
    inputs: Callable[[np.random.Generator, int], list[np.ndarray]] | None = None
    oracle: Callable[[list[Any], dict[str, Any]], Any] | None = None
    differentiable_input: bool = True
    inference: Callable[[list[Any], dict[str, Any], dict[str, Any]], Any] | None = None
    tolerance: dict[str, float] = field(default_factory=lambda: {"rtol": 1e-4, "atol": 1e-5})

    @property
    def name(self) -> str:
        kind = type(self.layer).__name__
        return f"{kind}-{self.label}" if self.label else kind

    def draw(self, rows: int, seed: int = 0) -> list[np.ndarray]:
        """Input arrays, one per input, in float64."""
        random = np.random.default_rng(seed)
        if self.inputs is not None:
            return self.inputs(random, rows)
        return [away_from_zero(random.normal(size=(rows, *shape))) for shape in self.shapes]


def away_from_zero(values: np.ndarray, gap: float = 1e-2) -> np.ndarray:
    """`values` moved off the kink at 0, where a numerical derivative means nothing."""
    return values + gap * np.where(values >= 0, 1, -1)


def all_different(*shapes: Shape) -> Callable[[np.random.Generator, int], list[np.ndarray]]:
    """Inputs of these row shapes in which no two values are close: for layers that pick the largest."""

    def inputs(random: np.random.Generator, rows: int) -> list[np.ndarray]:
        sizes = [rows * int(np.prod(shape)) for shape in shapes]
        values = random.permutation(np.linspace(-2, 2, sum(sizes)))
        parts = np.split(values, np.cumsum(sizes)[:-1])
        return [part.reshape(rows, *shape) for part, shape in zip(parts, shapes, strict=True)]

    return inputs


def _collect() -> list[Case]:
    cases = []
    for module in pkgutil.iter_modules(__path__):
        cases += importlib.import_module(f"{__name__}.{module.name}").CASES
    return cases


def __getattr__(name: str) -> Any:
    if name == "CASES":
        return _collect()
    raise AttributeError(name)
