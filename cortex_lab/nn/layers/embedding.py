"""Vectors for ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.layer import Layer, Parameter, Shape, Slots, positive


@dataclass(frozen=True)
class Embedding(Layer):
    """A trained vector (output_dim,) for each id from 0 to input_dim - 1.

    Reads an input of the network that holds ids, of any row shape: (steps,) gives (steps, output_dim).
    Parameter: `embeddings` (input_dim, output_dim), vectors of length about 1 to begin with.

    `mask_zero`, as in Keras: the id 0 is padding, and the recurrent layers behind it pass over it. They get a
    `Mask` node of the same ids for their second input, through layers that treat each step alike; others,
    such as pooling, see padding as any id. A loss on every step leaves out those whose class is negative.
    """

    replays = True
    input_dim: int
    output_dim: int
    embeddings_initializer: Any = "lecun_normal"
    mask_zero: bool = False

    input_dtype = "int32"
    reads_raw = True

    def __post_init__(self) -> None:
        positive("input_dim", self.input_dim)
        positive("output_dim", self.output_dim)

    @property
    def id_count(self) -> int:  # type: ignore[override]
        return self.input_dim

    def out_shape(self, *shapes: Shape) -> Shape:
        return (*shapes[0], self.output_dim)

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        # The size of a vector is what its scale depends on; how many there are does not matter.
        fan = (self.output_dim, self.output_dim)
        return {"embeddings": Parameter((self.input_dim, self.output_dim), self.embeddings_initializer, fan)}

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.look_up(at.embeddings, at.x, at.y)

    def backward(self, ops: Ops, at: Slots) -> None:
        ops.look_up_gradient(at.x, at.dy, at.d_embeddings)
