"""Where in a sequence a step stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.layer import Layer, Parameter, Shape, Slots, need_rank


@dataclass(frozen=True)
class PositionEmbedding(Layer):
    """x plus a trained vector for each step of rows (steps, features): where it stands (Gehring et al. 2017).

    Attention alone does not know the order of what it looks at. Parameter: `embeddings` (steps, features),
    vectors of length about 1 to begin with, as those of an Embedding.
    """

    embeddings_initializer: Any = "lecun_normal"

    in_place = True
    replays = True
    carries_activation = True

    def out_shape(self, *shapes: Shape) -> Shape:
        need_rank(self, shapes[0], 2, "(steps, features)")
        return shapes[0]

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        features = shapes[0][1]
        return {"embeddings": Parameter(shapes[0], self.embeddings_initializer, (features, features))}

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.add(at.x, at.embeddings, out=at.y)

    def backward(self, ops: Ops, at: Slots) -> None:
        ops.sum_rows(at.dy.reshape(len(at.dy), -1), out=at.d_embeddings.reshape(-1))
        if at.dx is not None:
            ops.copy(at.dy, out=at.dx)
