"""Which steps of a padded sequence count."""

from __future__ import annotations

from dataclasses import dataclass

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.layer import Layer, Shape, Slots


@dataclass(frozen=True)
class Mask(Layer):
    """1 for the steps of a row that hold something, 0 for padding: those whose every feature is `value`.

    Rows (steps, features), or (steps,) for ids, give (steps,). Recurrent layers take it as their second
    input: `Node(LSTM(32), inputs=("words", "mask"))`. No gradient passes through it.
    """

    value: float = 0.0

    input_dtype = "any"

    @property
    def reads_raw(self) -> bool:  # type: ignore[override]
        # 0 is the same either way; no other number would be found again in bytes that became 0 to 1.
        return self.value != 0

    def out_shape(self, *shapes: Shape) -> Shape:
        if len(shapes[0]) not in (1, 2):
            raise ValueError(f"Mask wants rows of shape (steps, features) or (steps,), got {shapes[0]}")
        return shapes[0][:1]

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.mask_steps(at.x, self.value, at.y)

    def backward(self, ops: Ops, at: Slots) -> None:
        if at.dx is not None:
            at.dx[...] = 0
