"""How parameters start."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.nn.layer import Shape, describable

Fan = tuple[int, int]


@describable
@dataclass(frozen=True)
class VarianceScaling:
    """Draws whose variance is `scale` over a fan, so that signals keep their size from layer to layer.

    `fan` is "in", "out" or "average"; `distribution` "uniform" or "normal".
    """

    scale: float
    fan: str = "in"
    distribution: str = "normal"

    def draw(self, shape: Shape, fan: Fan, random: np.random.Generator) -> np.ndarray:
        count = {"in": fan[0], "out": fan[1], "average": (fan[0] + fan[1]) / 2}[self.fan]
        deviation = math.sqrt(self.scale / max(count, 1))
        if self.distribution == "normal":
            return random.normal(0.0, deviation, shape)
        return random.uniform(-math.sqrt(3) * deviation, math.sqrt(3) * deviation, shape)


@describable
@dataclass(frozen=True)
class Constant:
    """Every element the same."""

    value: float = 0.0

    def draw(self, shape: Shape, fan: Fan, random: np.random.Generator) -> np.ndarray:
        return np.full(shape, self.value)


@describable
@dataclass(frozen=True)
class Orthogonal:
    """A random orthogonal matrix times `gain` (Saxe et al. 2014); leading axes are flattened together."""

    gain: float = 1.0

    def draw(self, shape: Shape, fan: Fan, random: np.random.Generator) -> np.ndarray:
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(random.normal(size=(max(rows, columns), min(rows, columns))))
        q *= np.sign(np.diag(r))
        return self.gain * (q if rows >= columns else q.T).reshape(shape)


INITIALIZERS = {
    "glorot_uniform": VarianceScaling(1.0, "average", "uniform"),
    "glorot_normal": VarianceScaling(1.0, "average", "normal"),
    "he_uniform": VarianceScaling(2.0, "in", "uniform"),
    "he_normal": VarianceScaling(2.0, "in", "normal"),
    "lecun_uniform": VarianceScaling(1.0, "in", "uniform"),
    "lecun_normal": VarianceScaling(1.0, "in", "normal"),
    "orthogonal": Orthogonal(),
    "zeros": Constant(0.0),
    "ones": Constant(1.0),
}

_BY_ACTIVATION = {
    **dict.fromkeys(("relu", "leaky_relu", "prelu", "elu", "gelu", "swish"), "he_normal"),
    "selu": "lecun_normal",
}


def for_activation(activation: str | None) -> str:
    """Name of the initializer that suits the activation a layer feeds: He, LeCun or Glorot."""
    return _BY_ACTIVATION.get(activation or "linear", "glorot_uniform")


def resolve(initializer: Any) -> Any:
    """The initializer called so, or the object itself if it is one."""
    if not isinstance(initializer, str):
        return initializer
    if initializer not in INITIALIZERS:
        raise ValueError(f"there is no initializer {initializer!r}; there are {', '.join(INITIALIZERS)}")
    return INITIALIZERS[initializer]


def fans(shape: Shape) -> Fan:
    """(fan in, fan out) of a kernel, as Keras counts them: receptive field times channels in and out."""
    if len(shape) < 2:
        return (shape[0], shape[0]) if shape else (1, 1)
    field = math.prod(shape[:-2])
    return field * shape[-2], field * shape[-1]
