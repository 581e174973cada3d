"""How a layer with an `activation` ends its forward pass and begins its backward pass."""

from __future__ import annotations

from math import inf
from typing import Any, Protocol

from cortex_lab.compute import NEEDS_INPUT, Ops
from cortex_lab.ground import checks
from cortex_lab.nn.contract.layer import Buffer, Shape, Slots

ACTIVATIONS = (
    "linear", "relu", "relu6", "sigmoid", "hard_sigmoid", "tanh", "softmax", "log_softmax", "softplus",
    "softsign", "exponential", "elu", "selu", "gelu", "gelu_tanh", "swish", "hard_swish", "mish",
)  # fmt: skip
"""What `activation=` takes; "elu" has alpha 1. Activations with a free parameter are layers of their own."""

LIMITS = {
    "sigmoid": (0, 1), "hard_sigmoid": (0, 1), "softmax": (0, 1), "tanh": (-1, 1), "softsign": (-1, 1),
    "relu": (0, inf), "relu6": (0, 6), "softplus": (0, inf), "exponential": (0, inf),
    "log_softmax": (-inf, 0), "elu": (-1, inf), "selu": (-1.7581, inf), "gelu": (-0.17, inf),
    "gelu_tanh": (-0.1701, inf), "swish": (-0.2785, inf), "hard_swish": (-0.375, inf), "mish": (-0.3089, inf),
}  # fmt: skip
"""What an activation gives at least and at most, rounded away from 0; "linear" gives everything."""


class Activated(Protocol):
    """A layer with a bias, or none, and an `activation`."""

    @property
    def use_bias(self) -> bool: ...

    @property
    def activation(self) -> str | None: ...


def check_activation(name: str | None) -> None:
    """ValueError for an unknown activation."""
    if name is not None and name not in ACTIVATIONS:
        meant = checks.near(name, ACTIVATIONS)
        raise ValueError(f"there is no activation {name!r}; there are {', '.join(ACTIVATIONS)}{meant}")


def activation_buffers(name: str | None, shape: Shape) -> dict[str, Buffer]:
    """The pre-activation `z`, kept only where the derivative needs it."""
    return {"z": Buffer(shape)} if name in NEEDS_INPUT else {}


def activation_scratch(name: str | None, shape: Shape) -> dict[str, Buffer]:
    """Room for the gradient with respect to the pre-activation."""
    return {"dz": Buffer(shape)} if name not in (None, "linear") else {}


def leave(ops: Ops, layer: Activated, at: Slots) -> None:
    """Turn `at.y`, which holds the linear part, into the layer's output: bias, then activation."""
    bias = at.bias if layer.use_bias else None
    name = layer.activation or "linear"
    if name in NEEDS_INPUT and at.training:
        ops.bias_activate(at.y, bias, "linear")
        ops.copy(at.y, out=at.z)
        ops.activate(name, at.z, at.y)
    else:
        ops.bias_activate(at.y, bias, name)


def through(ops: Ops, layer: Activated, at: Slots) -> Any:
    """The gradient with respect to the linear part: `at.dy` itself, or `at.dz`."""
    name = layer.activation or "linear"
    if name == "linear":
        return at.dy
    x = at.z if name in NEEDS_INPUT else None
    ops.activate_gradient(name, x, at.y, at.dy, at.dz)
    return at.dz
