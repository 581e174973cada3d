"""Activations as layers of their own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from cortex_lab.compute import Ops
from cortex_lab.ground import checks
from cortex_lab.nn.contract.activation import check_activation
from cortex_lab.nn.contract.axes import row_axis
from cortex_lab.nn.contract.layer import Layer, Shape, Slots, positive


class _Activation(Layer):
    """An elementwise function without parameters; `alpha` is what the kernel of that name makes of it."""

    in_place = True
    replays = True
    function: ClassVar[str]

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        return {"alpha": 1.0}

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.activate(self.function, at.x, at.y, at.alpha)

    def backward(self, ops: Ops, at: Slots) -> None:
        if at.dx is not None:
            ops.activate_gradient(self.function, at.x, at.y, at.dy, at.dx, at.alpha)


@dataclass(frozen=True)
class Activation(_Activation):
    """The activation of that name, of `cortex_lab.nn.contract.activation`, without free parameters."""

    activation: str = "linear"

    def __post_init__(self) -> None:
        check_activation(self.activation)

    @property
    def function(self) -> str:  # type: ignore[override]
        return self.activation


@dataclass(frozen=True)
class ReLU(_Activation):
    """max(x, 0), or with limits: min(x, max_value) over `threshold`, negative_slope * (x - threshold) below.

    As in Keras, whose `max_value` None is no limit.
    """

    max_value: float | None = None
    negative_slope: float = 0.0
    threshold: float = 0.0

    def __post_init__(self) -> None:
        for name in ("max_value", "negative_slope", "threshold"):
            if getattr(self, name) is not None:
                checks.number(name, getattr(self, name), least=0)

    @property
    def function(self) -> str:  # type: ignore[override]
        if self.max_value is None and not self.threshold:
            return "leaky_relu" if self.negative_slope else "relu"
        return "limited_relu"

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        limit = math.inf if self.max_value is None else self.max_value
        return {"alpha": self.negative_slope, "limit": limit, "threshold": self.threshold}

    def forward(self, ops: Ops, at: Slots) -> None:
        if self.function == "limited_relu":
            ops.limited_relu(at.x, at.alpha, at.limit, at.threshold, at.y)
        else:
            super().forward(ops, at)

    def backward(self, ops: Ops, at: Slots) -> None:
        if self.function != "limited_relu":
            super().backward(ops, at)
        elif at.dx is not None:
            ops.limited_relu_gradient(at.x, at.dy, at.alpha, at.limit, at.threshold, at.dx)


@dataclass(frozen=True)
class ReLU6(_Activation):
    """min(max(x, 0), 6) (Krizhevsky 2010)."""

    function = "relu6"


@dataclass(frozen=True)
class LeakyReLU(_Activation):
    """x where it is positive, negative_slope * x elsewhere (Maas et al. 2013)."""

    function = "leaky_relu"
    negative_slope: float = 0.3

    def __post_init__(self) -> None:
        _not_negative("negative_slope", self.negative_slope)

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        return {"alpha": self.negative_slope}


@dataclass(frozen=True)
class ELU(_Activation):
    """x where it is positive, alpha * (exp(x) - 1) elsewhere (Clevert et al. 2016)."""

    function = "elu"
    alpha: float = 1.0

    def __post_init__(self) -> None:
        _not_negative("alpha", self.alpha)

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        return {"alpha": self.alpha}


@dataclass(frozen=True)
class SELU(_Activation):
    """ELU scaled so that zero mean and unit variance hold through layers (Klambauer et al. 2017)."""

    function = "selu"


@dataclass(frozen=True)
class GELU(_Activation):
    """x times the normal distribution function of x (Hendrycks and Gimpel 2016).

    `approximate` takes a tanh in place of the error function, off by at most 0.0005.
    """

    approximate: bool = False

    @property
    def function(self) -> str:  # type: ignore[override]
        return "gelu_tanh" if self.approximate else "gelu"


@dataclass(frozen=True)
class Swish(_Activation):
    """x * sigmoid(x), also called SiLU (Ramachandran et al. 2017)."""

    function = "swish"


@dataclass(frozen=True)
class HardSwish(_Activation):
    """x * min(max(x + 3, 0), 6) / 6, Keras' hard_swish and hard_silu (Howard et al. 2019)."""

    function = "hard_swish"


@dataclass(frozen=True)
class Mish(_Activation):
    """x * tanh(softplus(x)) (Misra 2020)."""

    function = "mish"


@dataclass(frozen=True)
class Softsign(_Activation):
    """x / (1 + |x|) (Bergstra et al. 2009)."""

    function = "softsign"


@dataclass(frozen=True)
class Exponential(_Activation):
    """exp(x)."""

    function = "exponential"


@dataclass(frozen=True)
class Softplus(_Activation):
    """log(1 + exp(x))."""

    function = "softplus"


@dataclass(frozen=True)
class Sigmoid(_Activation):
    """1 / (1 + exp(-x)), Cortex's logistic."""

    function = "sigmoid"


@dataclass(frozen=True)
class HardSigmoid(_Activation):
    """min(max(x + 3, 0), 6) / 6, as in Keras 3."""

    function = "hard_sigmoid"


@dataclass(frozen=True)
class Tanh(_Activation):
    """Hyperbolic tangent."""

    function = "tanh"


@dataclass(frozen=True)
class Softmax(Layer):
    """exp(x) over its sum along `axis`, which counts the batch as 0.

    `groups` cuts the axis into that many parts of equal length, each with a softmax of its own: Cortex's
    softmax over several channels.
    """

    replays = True
    function = "softmax"
    in_place = True
    axis: int = -1
    groups: int = 1

    def __post_init__(self) -> None:
        positive("groups", self.groups)

    def out_shape(self, *shapes: Shape) -> Shape:
        length = shapes[0][row_axis("axis", self.axis, shapes[0])]
        if length % self.groups:
            raise ValueError(f"{length} values cannot be shared out among {self.groups} groups")
        return shapes[0]

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        axis = row_axis("axis", self.axis, shapes[0])
        places = math.prod(shapes[0][axis + 1 :])
        # Last in memory, the classes are rows of a matrix; elsewhere, the middle of three axes.
        classes = shapes[0][axis] // self.groups
        return {"split": (-1, classes) if places == 1 else (-1, classes, places)}

    def forward(self, ops: Ops, at: Slots) -> None:
        x, y = at.x.reshape(at.split), at.y.reshape(at.split)
        if len(at.split) == 2:
            ops.activate(self.function, x, y)
        elif self.function == "softmax":
            ops.softmax_across(x, y)
        else:
            ops.log_softmax_across(x, y)

    def backward(self, ops: Ops, at: Slots) -> None:
        if at.dx is None:
            return
        y, dy, dx = (array.reshape(at.split) for array in (at.y, at.dy, at.dx))
        if len(at.split) == 2:
            ops.activate_gradient(self.function, None, y, dy, dx)
        elif self.function == "softmax":
            ops.softmax_across_gradient(y, dy, dx)
        else:
            ops.log_softmax_across_gradient(y, dy, dx)


@dataclass(frozen=True)
class LogSoftmax(Softmax):
    """The logarithm of `Softmax`, of the same arguments; exact where the softmax itself rounds to 0 or 1."""

    replays = True
    function = "log_softmax"


def _not_negative(name: str, value: float) -> None:
    # Below zero the sign of the output would no longer tell on which side the input was.
    if value < 0:
        raise ValueError(f"{name} must be at least 0, got {value!r}")
