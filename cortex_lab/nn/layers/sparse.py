"""Competition among the units of a layer."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.layer import Buffer, Layer, Shape, Slots, positive


@dataclass(frozen=True)
class KSparse(Layer):
    """Keeps the `k` largest values of each row and sets the others to 0 (Makhzani and Frey 2014).

    Of equal values the first stay. Makes a sparse autoencoder of any other.
    """

    replays = True
    in_place = True
    k: int

    def __post_init__(self) -> None:
        positive("k", self.k)

    def out_shape(self, *shapes: Shape) -> Shape:
        if self.k > math.prod(shapes[0]):
            raise ValueError(f"KSparse cannot keep {self.k} values of rows of shape {shapes[0]}")
        return shapes[0]

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        return {"kept": Buffer((math.prod(shapes[0]),))}

    def forward(self, ops: Ops, at: Slots) -> None:
        rows = len(at.x)
        kept = at.kept if at.training else None
        ops.keep_largest(at.x.reshape(rows, -1), self.k, kept, at.y.reshape(rows, -1))

    def backward(self, ops: Ops, at: Slots) -> None:
        if at.dx is not None:
            rows = len(at.dy)
            ops.multiply(at.dy.reshape(rows, -1), at.kept, out=at.dx.reshape(rows, -1))
