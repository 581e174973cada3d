"""Normalization across neighboring channels."""

from __future__ import annotations

from dataclasses import dataclass

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.layer import Buffer, Layer, Shape, Slots, positive


@dataclass(frozen=True)
class LocalResponseNormalization(Layer):
    """x / (k + alpha / size * sum of squares of `size` channels around)**beta (Krizhevsky et al. 2012).

    The default k, size, alpha and beta are that paper's and Cortex's; alpha is divided by the size, as cuDNN
    and PyTorch do, which the paper does not. The window of channel c runs from c - size // 2 to
    c + (size - 1) // 2.
    """

    replays = True
    carries_activation = True
    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 2.0

    def __post_init__(self) -> None:
        positive("size", self.size)
        if not self.k > 0 or self.alpha < 0:
            raise ValueError(
                f"k must be positive and alpha at least 0, got k={self.k!r}, alpha={self.alpha!r}"
            )

    def out_shape(self, *shapes: Shape) -> Shape:
        if not shapes[0]:
            raise ValueError("LocalResponseNormalization wants rows with a channel axis, got ()")
        return shapes[0]

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        return {"base": Buffer(shapes[0])}

    def forward(self, ops: Ops, at: Slots) -> None:
        base = at.base if at.training else None
        ops.local_response_normalize(at.x, base, at.y, self.size, self.alpha, self.beta, self.k)

    def backward(self, ops: Ops, at: Slots) -> None:
        if at.dx is not None:
            ops.local_response_normalize_gradient(
                at.x, at.y, at.dy, at.base, at.dx, self.size, self.alpha, self.beta
            )
