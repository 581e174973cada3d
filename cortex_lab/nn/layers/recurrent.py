"""What the recurrent layers have in common: they read sequences step by step and hand a state on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.layer import Buffer, Layer, Parameter, Shape, Slots, need_rank, positive

CELL_ACTIVATIONS = (
    "linear", "relu", "relu6", "sigmoid", "hard_sigmoid", "tanh", "elu", "selu", "softplus",
    "softsign",
)  # fmt: skip
"""Those whose derivative follows from their output, so that nothing else need be kept."""


@dataclass(frozen=True)
class _Recurrent(Layer):
    """A layer over rows (steps, features), giving (units,), or (steps, units) with `return_sequences`.

    A second input of rows (steps,), such as that of a `Mask` node, says which steps count: where it is 0, the
    state passes through, so the output repeats. An Embedding(mask_zero=True) brings one by itself.
    `go_backwards` reads from the last step; as in Keras, the sequence it returns then runs backwards too.

    `stateful` = n carries state for truncated back-propagation: in training, row i of a batch (of at most n
    rows) starts from where row i of the batch before it ended. The carried state changes in the update phase,
    lies in `network.states` ("lstm_1/carried_h") and gets no gradient; where a new sequence begins, zero it:
    `session.edit("state['lstm_1/carried_h']", 0)`. A short batch carries its own rows on and leaves the
    others as they are. Outside training every row starts from zeros.
    """

    units: int
    activation: str = "tanh"
    return_sequences: bool = False
    go_backwards: bool = False
    stateful: int = 0
    use_bias: bool = True
    kernel_initializer: Any = "glorot_uniform"
    recurrent_initializer: Any = "orthogonal"
    bias_initializer: Any = "zeros"

    several_inputs = True
    takes_mask = True
    gates: ClassVar[int] = 1
    states: ClassVar[tuple[str, ...]] = ("h",)

    def __post_init__(self) -> None:
        positive("units", self.units)
        if self.stateful:
            positive("stateful", self.stateful)
        check_cell_activation("activation", self.activation)

    @property
    def keeps_steps(self) -> bool:
        return self.return_sequences and not self.go_backwards

    def out_shape(self, *shapes: Shape) -> Shape:
        check_sequence(self, shapes)
        return (shapes[0][0], self.units) if self.return_sequences else (self.units,)

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        width = self.gates * self.units
        found = {
            "kernel": Parameter((shapes[0][1], width), self.kernel_initializer),
            "recurrent_kernel": Parameter((self.units, width), self.recurrent_initializer),
        }
        return {**found, "bias": self.bias_parameter()} if self.use_bias else found

    def unit_of(self, *shapes: Shape) -> dict[str, np.ndarray]:
        return dict.fromkeys(self.parameters(*shapes), np.tile(np.arange(self.units), self.gates))

    def bias_parameter(self) -> Parameter:
        return Parameter((self.gates * self.units,), self.bias_initializer)

    def state(self, *shapes: Shape) -> dict[str, Parameter]:
        if not self.stateful:
            return {}
        return {f"carried_{name}": Parameter((self.stateful, self.units), "zeros") for name in self.states}

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        steps = shapes[0][0]
        found = {"gates": Buffer((steps, self.gates * self.units))}
        return found if self.return_sequences else {**found, "hidden": Buffer((steps, self.units))}

    def scratch(self, *shapes: Shape) -> dict[str, Buffer]:
        return {"work": Buffer((shapes[0][0], self.gates * self.units))}

    def settle(self, ops: Ops, at: Slots) -> None:
        if self.stateful:
            end = 0 if self.go_backwards else -1
            ops.copy(self.hidden(at)[:, end], out=at.carried_h[: len(at.x)])

    def multiply_adds(self, *shapes: Shape) -> int:
        steps, features = shapes[0]
        return steps * (features + self.units) * self.gates * self.units

    def mask(self, at: Slots) -> Any:
        """The mask (rows, steps), or None."""
        return at.xs[1] if len(at.xs) > 1 else None

    def start(self, at: Slots) -> tuple[Any, ...] | None:
        """The states the batch begins with; None stands for zeros."""
        if not (self.stateful and at.training):
            return None
        rows = len(at.x)
        if rows > self.stateful:
            raise ValueError(
                f"{type(self).__name__} carries the state of {self.stateful} rows, and the batch has {rows}; "
                "make stateful the batch size"
            )
        return tuple(getattr(at, f"carried_{name}")[:rows] for name in self.states)

    def hidden(self, at: Slots) -> Any:
        """Where the output of every step is kept, in the order of the input's steps."""
        if self.return_sequences:
            return self.aligned(at.y)
        return at.hidden if at.training else None

    def last(self, at: Slots) -> Any:
        """Where the output of the last step goes if it is all that is returned."""
        return None if self.return_sequences else at.y

    def aligned(self, sequence: Any) -> Any:
        """Output or its gradient, its steps in the order of the input's."""
        return sequence[:, ::-1] if self.return_sequences and self.go_backwards else sequence

    def no_mask_gradient(self, at: Slots) -> None:
        if len(at.dxs) > 1 and at.dxs[1] is not None:
            at.dxs[1][...] = 0


def check_sequence(layer: Layer, shapes: tuple[Shape, ...]) -> None:
    """ValueError unless there is a sequence, and at most a mask beside it."""
    need_rank(layer, shapes[0], 2, "(steps, features)")
    kind, steps = type(layer).__name__, shapes[0][0]
    if len(shapes) > 2:
        raise ValueError(f"{kind} takes a sequence and at most a mask, got {len(shapes)} inputs")
    if len(shapes) == 2 and shapes[1] != (steps,):
        raise ValueError(
            f"{kind} wants a mask of row shape ({steps},), got {shapes[1]}; a Mask node gives one"
        )


def check_cell_activation(name: str, value: str) -> None:
    """ValueError for an activation that a recurrent cell cannot have."""
    if value not in CELL_ACTIVATIONS:
        raise ValueError(f"{name} must be one of {', '.join(CELL_ACTIVATIONS)}, got {value!r}")
