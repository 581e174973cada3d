"""A layer that sees each step of a sequence by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.ground import checks
from cortex_lab.nn.contract.layer import Buffer, Layer, Parameter, Shape, Slots


@dataclass(frozen=True)
class TimeDistributed(Layer):
    """`layer` at each step of rows (steps, ...), with the same parameters: `TimeDistributed(Conv2D(8, 3))`.

    To `layer`, steps are more rows of the batch. Parameters, buffers and states are called as those of
    `layer`. It must take one input, and carry nothing from batch to batch.
    """

    layer: Layer

    def __post_init__(self) -> None:
        checks.instance("layer", self.layer, Layer, "a layer such as Conv2D(8, 3)")
        kind = type(self.layer).__name__
        if getattr(self.layer, "stateful", 0):
            raise ValueError(f"TimeDistributed begins anew at each step: leave stateful out of the {kind}")
        if getattr(self.layer, "mask_zero", False):
            raise ValueError(f"TimeDistributed hands no mask on: leave mask_zero out of the {kind}")

    # What `layer` is, this is ---------------------------------------------------------------------------

    is_view = property(lambda self: self.layer.is_view)  # type: ignore[assignment]
    input_dtype = property(lambda self: self.layer.input_dtype)  # type: ignore[assignment]
    id_count = property(lambda self: self.layer.id_count)  # type: ignore[assignment]
    reads_raw = property(lambda self: self.layer.reads_raw)  # type: ignore[assignment]
    in_place = property(lambda self: self.layer.in_place)  # type: ignore[assignment]
    random = property(lambda self: self.layer.random)  # type: ignore[assignment]
    replays = property(lambda self: self.layer.replays)  # type: ignore[assignment]
    carries_activation = property(lambda self: self.layer.carries_activation)  # type: ignore[assignment]
    activation = property(lambda self: self.layer.activation)  # type: ignore[assignment]
    function = property(lambda self: getattr(self.layer, "function", None))

    @property
    def keeps_steps(self) -> bool:
        return True

    def out_shape(self, *shapes: Shape) -> Shape:
        if len(shapes[0]) < 2:
            raise ValueError(f"TimeDistributed wants rows of shape (steps, ...), got {shapes[0]}")
        return (shapes[0][0], *self.layer.out_shape(shapes[0][1:]))

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        return self.layer.parameters(shapes[0][1:])

    def unit_of(self, *shapes: Shape) -> dict[str, np.ndarray]:
        return self.layer.unit_of(shapes[0][1:])

    def state(self, *shapes: Shape) -> dict[str, Parameter]:
        return self.layer.state(shapes[0][1:])

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        return _at_each_step(shapes[0][0], self.layer.saved(shapes[0][1:]))

    def scratch(self, *shapes: Shape) -> dict[str, Buffer]:
        return _at_each_step(shapes[0][0], self.layer.scratch(shapes[0][1:]))

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        return self.layer.constants(shapes[0][1:])

    def forward(self, ops: Ops, at: Slots) -> None:
        self.layer.forward(ops, self._step_by_step(at))

    def backward(self, ops: Ops, at: Slots) -> None:
        self.layer.backward(ops, self._step_by_step(at))

    def settle(self, ops: Ops, at: Slots) -> None:
        self.layer.settle(ops, self._step_by_step(at))

    def multiply_adds(self, *shapes: Shape) -> int:
        return shapes[0][0] * self.layer.multiply_adds(shapes[0][1:])

    def _step_by_step(self, at: Slots) -> Slots:
        """What `layer` sees: each step as a row, in everything that has rows."""
        shape = at.x.shape[2:]
        buffers = {**self.layer.saved(shape), **self.layer.scratch(shape)}
        by_row = {"x", "y", "dx", "dy", *(name for name, buffer in buffers.items() if buffer.per_row)}
        held = {name: _merged(array) if name in by_row else array for name, array in vars(at).items()}
        return Slots(**held | {"xs": [held["x"]], "dxs": [held["dx"]]})


def _at_each_step(steps: int, buffers: dict[str, Buffer]) -> dict[str, Buffer]:
    return {
        name: Buffer((steps, *buffer.shape), buffer.dtype) if buffer.per_row else buffer
        for name, buffer in buffers.items()
    }


def _merged(array: np.ndarray | None) -> Any:
    return None if array is None else array.reshape(-1, *array.shape[2:])
