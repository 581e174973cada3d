"""Activations as layers of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from cortex_lab.nn.layer import Layer, Slots


class _Activation(Layer):
    """An elementwise function (softmax: over the last axis) without parameters."""

    in_place = True
    function: ClassVar[str]

    def forward(self, ops: Any, at: Slots) -> None:
        ops.activate(self.function, at.x, at.y)

    def backward(self, ops: Any, at: Slots) -> None:
        if at.dx is not None:
            ops.activate_gradient(self.function, at.x, at.y, at.dy, at.dx)


@dataclass(frozen=True)
class ReLU(_Activation):
    """max(x, 0)."""

    function = "relu"


@dataclass(frozen=True)
class Sigmoid(_Activation):
    """1 / (1 + exp(-x)), Cortex's logistic."""

    function = "sigmoid"


@dataclass(frozen=True)
class Tanh(_Activation):
    """Hyperbolic tangent."""

    function = "tanh"


@dataclass(frozen=True)
class Softmax(_Activation):
    """exp(x) over its sum along the last axis."""

    function = "softmax"
