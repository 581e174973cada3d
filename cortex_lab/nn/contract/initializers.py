"""How parameters start."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.ground.described import Described
from cortex_lab.nn.contract.describable import Shape, describable
from cortex_lab.nn.contract.spelling import initializer_name

Fan = tuple[int, int]


@describable
@dataclass(frozen=True)
class VarianceScaling(Described):
    """Draws whose variance is `scale` over a fan, so that signals keep their size from layer to layer.

    `fan` is "in", "out" or "average"; `distribution` "uniform" or "normal".
    """

    scale: float
    fan: str = "in"
    distribution: str = "normal"

    def __post_init__(self) -> None:
        checks.number("scale", self.scale, least=0)
        checks.choice("fan", self.fan, ("in", "out", "average"))
        checks.choice("distribution", self.distribution, ("normal", "uniform"))

    def draw(self, shape: Shape, fan: Fan, random: np.random.Generator) -> np.ndarray:
        count = {"in": fan[0], "out": fan[1], "average": (fan[0] + fan[1]) / 2}[self.fan]
        deviation = math.sqrt(self.scale / max(count, 1))
        if self.distribution == "normal":
            return random.normal(0.0, deviation, shape)
        return random.uniform(-math.sqrt(3) * deviation, math.sqrt(3) * deviation, shape)


@describable
@dataclass(frozen=True)
class Constant(Described):
    """Every element the same."""

    value: float = 0.0

    def draw(self, shape: Shape, fan: Fan, random: np.random.Generator) -> np.ndarray:
        return np.full(shape, self.value)


@describable
@dataclass(frozen=True)
class Orthogonal(Described):
    """A random orthogonal matrix times `gain` (Saxe et al. 2014); leading axes are flattened together."""

    gain: float = 1.0

    def draw(self, shape: Shape, fan: Fan, random: np.random.Generator) -> np.ndarray:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal starts matrices and kernels, got shape {shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(random.normal(size=(max(rows, columns), min(rows, columns))))
        q *= np.sign(np.diag(r))
        return self.gain * (q if rows >= columns else q.T).reshape(shape)


@describable
@dataclass(frozen=True)
class RandomNormal(Described):
    """Normal draws; with `truncated`, those beyond two standard deviations are drawn anew."""

    mean: float = 0.0
    stddev: float = 0.05
    truncated: bool = False

    def __post_init__(self) -> None:
        checks.number("stddev", self.stddev, least=0)

    def draw(self, shape: Shape, fan: Fan, random: np.random.Generator) -> np.ndarray:
        draws = random.normal(size=shape)
        while self.truncated and (outside := np.abs(draws) > 2).any():
            draws[outside] = random.normal(size=int(outside.sum()))
        return self.mean + self.stddev * draws


@describable
@dataclass(frozen=True)
class RandomUniform(Described):
    """Uniform draws from `minval` to `maxval`."""

    minval: float = -0.05
    maxval: float = 0.05

    def __post_init__(self) -> None:
        checks.number("maxval", self.maxval, least=self.minval)

    def draw(self, shape: Shape, fan: Fan, random: np.random.Generator) -> np.ndarray:
        return random.uniform(self.minval, self.maxval, shape)


@describable
@dataclass(frozen=True)
class Identity(Described):
    """`gain` on the diagonal of the last two axes, 0 elsewhere; a convolution then hands its input on.

    Only the middle tap of a kernel with leading axes is set.
    """

    gain: float = 1.0

    def draw(self, shape: Shape, fan: Fan, random: np.random.Generator) -> np.ndarray:
        if len(shape) < 2:
            raise ValueError(f"Identity starts matrices and kernels, got shape {shape}")
        values = np.zeros(shape)
        values[tuple((length - 1) // 2 for length in shape[:-2])] = self.gain * np.eye(shape[-2], shape[-1])
        return values


@describable
@dataclass(frozen=True)
class FromData:
    """The values given, an array or nested lists of exactly the parameter's shape.

    They become part of the description and travel with it through JSON, so they may be at most
    `FromData.LIMIT` numbers; write larger ones into `network.parameters[name][...]`.
    """

    LIMIT: ClassVar[int] = 100_000

    values: Any

    def __post_init__(self) -> None:
        values = checks.numbers("values", self.values, "an array of numbers or nested lists of them")
        values = values.astype(np.float64)
        if values.size > self.LIMIT:
            raise ValueError(
                f"FromData takes at most {self.LIMIT} numbers, got {values.size}; write them into "
                "network.parameters[name][...] instead"
            )
        if not np.isfinite(values).all():
            raise ValueError("FromData wants finite numbers, got some that are missing or infinite")
        object.__setattr__(self, "values", _nested(values.tolist()))

    def draw(self, shape: Shape, fan: Fan, random: np.random.Generator) -> np.ndarray:
        values = np.asarray(self.values, dtype=np.float64)
        if values.shape != tuple(shape):
            raise ValueError(
                f"FromData holds values of shape {values.shape} for a parameter of shape {shape}"
            )
        return values


AT_RANDOM = (VarianceScaling, Orthogonal, RandomNormal, RandomUniform)
INITIALIZERS = {
    "glorot_uniform": VarianceScaling(1.0, "average", "uniform"),
    "glorot_normal": VarianceScaling(1.0, "average", "normal"),
    "he_uniform": VarianceScaling(2.0, "in", "uniform"),
    "he_normal": VarianceScaling(2.0, "in", "normal"),
    "lecun_uniform": VarianceScaling(1.0, "in", "uniform"),
    "lecun_normal": VarianceScaling(1.0, "in", "normal"),
    "orthogonal": Orthogonal(),
    "random_normal": RandomNormal(),
    "truncated_normal": RandomNormal(truncated=True),
    "random_uniform": RandomUniform(),
    "identity": Identity(),
    "zeros": Constant(0.0),
    "ones": Constant(1.0),
}

_BY_ACTIVATION = {
    **dict.fromkeys(
        (
            "relu",
            "relu6",
            "limited_relu",
            "leaky_relu",
            "prelu",
            "elu",
            "gelu",
            "gelu_tanh",
            "swish",
            "hard_swish",
            "mish",
        ),
        "he_normal",
    ),
    "selu": "lecun_normal",
}


def for_activation(activation: str | None) -> str:
    """Name of the initializer that suits the activation a layer feeds: He, LeCun or Glorot."""
    return _BY_ACTIVATION.get(activation or "linear", "glorot_uniform")


def resolve(initializer: object) -> Any:
    """The initializer called so, or the object itself if it is one."""
    if not isinstance(initializer, str):
        return initializer
    name = initializer if initializer in INITIALIZERS else initializer_name(initializer)
    if name not in INITIALIZERS:
        meant = checks.near(name, INITIALIZERS)
        raise ValueError(
            f"there is no initializer {initializer!r}; there are {', '.join(INITIALIZERS)}{meant}"
        )
    return INITIALIZERS[name]


def fans(shape: Shape) -> Fan:
    """(fan in, fan out) of a kernel, as Keras counts them: receptive field times channels in and out."""
    if len(shape) < 2:
        return (shape[0], shape[0]) if shape else (1, 1)
    field = math.prod(shape[:-2])
    return field * shape[-2], field * shape[-1]


def _nested(values: object) -> Any:
    # Tuples, so that the description stays hashable and comes back from JSON as it was.
    return tuple(map(_nested, values)) if isinstance(values, list) else values
