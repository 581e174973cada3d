"""What the recurrent layers have in common: they read sequences step by step and hand a state on."""

from __future__ import annotations

from dataclasses import dataclass, field
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

    With `return_state` it gives the state that it ends with: of an LSTM h and c side by side (2 * units,),
    else h, (units,). With `return_sequences`, too, that stands behind the outputs, a step for each part:
    (steps + 2, units) or (steps + 1, units). With `initial_state` the second input is the state that it
    begins with, of rows as `return_state` alone gives them, and a mask is the third. Keras has several
    outputs for this, and an argument of the call.
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
    # By name only, as layers have settings of their own behind these.
    return_state: bool = field(default=False, kw_only=True)
    initial_state: bool = field(default=False, kw_only=True)

    replays = True
    several_inputs = True
    takes_mask = True
    gates: ClassVar[int] = 1
    states: ClassVar[tuple[str, ...]] = ("h",)

    def __post_init__(self) -> None:
        positive("units", self.units)
        if self.stateful:
            positive("stateful", self.stateful)
            if self.initial_state:
                raise ValueError(
                    "stateful begins where the batch before ended, and initial_state with what it reads; "
                    "leave out one of the two"
                )
        check_cell_activation("activation", self.activation)

    @property
    def keeps_steps(self) -> bool:
        return self.return_sequences and not self.go_backwards and not self.return_state

    def wants_mask_of(self, shapes: tuple[Shape, ...]) -> int | None:
        return 0 if len(shapes) == 1 + self.initial_state else None

    def out_shape(self, *shapes: Shape) -> Shape:
        self._check_inputs(shapes)
        parts = len(self.states) if self.return_state else 0
        if self.return_sequences:
            return shapes[0][0] + parts, self.units
        return (max(parts, 1) * self.units,)

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        width = self.gates * self.units
        found = {
            "kernel": Parameter((shapes[0][1], width), self.kernel_initializer),
            "recurrent_kernel": Parameter((self.units, width), self.recurrent_initializer),
        }
        return {**found, "bias": self.bias_parameter()} if self.use_bias else found

    def unit_of(self, *shapes: Shape) -> dict[str, np.ndarray]:
        if self.out_shape(*shapes)[-1] != self.units:
            # Of a state in several parts, a unit has a channel in each.
            return {}
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
        if self.return_sequences and not self.return_state:
            return found
        return {**found, "hidden": Buffer((steps, self.units))}

    def scratch(self, *shapes: Shape) -> dict[str, Buffer]:
        steps, state = shapes[0][0], Buffer((self.units,))
        found = {"work": Buffer((steps, self.gates * self.units))}
        if self.return_state:
            found |= {f"end_{name}": state for name in self.states}
            found |= {"sequence": Buffer((steps, self.units))}
        if self.initial_state and len(self.states) > 1:
            found |= {f"begin_{name}": state for name in self.states}
        return found

    def settle(self, ops: Ops, at: Slots) -> None:
        if self.stateful:
            ops.copy(self.hidden(at)[:, self.end], out=at.carried_h[: len(at.x)])

    def multiply_adds(self, *shapes: Shape) -> int:
        steps, features = shapes[0]
        return steps * (features + self.units) * self.gates * self.units

    def mask(self, at: Slots) -> Any:
        """The mask (rows, steps), or None."""
        return at.xs[-1] if len(at.xs) > 1 + self.initial_state else None

    @property
    def end(self) -> int:
        """Which step is read last."""
        return 0 if self.go_backwards else -1

    def start(self, ops: Ops, at: Slots) -> tuple[Any, ...] | None:
        """The states the batch begins with; None stands for zeros."""
        if self.initial_state:
            return self._initial(ops, at)
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
        if self.return_sequences and not self.return_state:
            return self.aligned(at.y)
        if at.training:
            return at.hidden
        return at.sequence if self.return_sequences else None

    def last(self, at: Slots) -> Any:
        """Where the output of the last step goes, unless all that is wanted are those of all steps."""
        if self.return_state:
            return at.end_h
        return None if self.return_sequences else at.y

    def hand_out(self, ops: Ops, at: Slots, cells: np.ndarray | None = None) -> None:
        """With `return_state`, put the output together from what the kernel left."""
        if not self.return_state:
            return
        steps, units = at.x.shape[1], self.units
        ends = [at.end_h, *([] if cells is None else [cells[:, self.end]])]
        if self.return_sequences:
            ops.copy(self.hidden(at), out=self.aligned(at.y[:, :steps]))
        for k, state in enumerate(ends):
            place = at.y[:, steps + k] if self.return_sequences else at.y[:, k * units : (k + 1) * units]
            ops.copy(state, out=place)

    def arriving(self, ops: Ops, at: Slots) -> tuple[Any, Any]:
        """The gradients that arrive at the outputs, or the last of them, and at the last cell, if at any."""
        if not self.return_state:
            return self.aligned(at.dy), None
        steps, units = at.x.shape[1], self.units
        if self.return_sequences:
            ops.copy(self.aligned(at.dy[:, :steps]), out=at.sequence)
            last = at.sequence[:, self.end]
            ops.add(last, at.dy[:, steps], out=last)
            found = at.sequence
        else:
            ops.copy(at.dy[:, :units], out=at.end_h)
            found = at.end_h
        if len(self.states) == 1:
            return found, None
        ops.copy(at.dy[:, steps + 1] if self.return_sequences else at.dy[:, units:], out=at.end_c)
        return found, at.end_c

    def d_start(self, at: Slots) -> Any:
        """Where the gradient of the state the batch begins with goes, if it is wanted."""
        return at.dxs[1] if self.initial_state else None

    def aligned(self, sequence: np.ndarray) -> Any:
        """Output or its gradient, its steps in the order of the input's."""
        return sequence[:, ::-1] if self.return_sequences and self.go_backwards else sequence

    def no_mask_gradient(self, ops: Ops, at: Slots) -> None:
        place = 1 + self.initial_state
        if len(at.dxs) > place and at.dxs[place] is not None:
            # By a kernel, as only those are called again at the next step.
            ops.copy(ops.zeros(()), out=at.dxs[place])

    def _initial(self, ops: Ops, at: Slots) -> tuple[Any, ...]:
        if len(self.states) == 1:
            return (at.xs[1],)
        rooms, units = (at.begin_h, at.begin_c), self.units
        for k, room in enumerate(rooms):
            ops.copy(at.xs[1][:, k * units : (k + 1) * units], out=room)
        return rooms

    def _check_inputs(self, shapes: tuple[Shape, ...]) -> None:
        """ValueError unless there is a sequence, a state if one is wanted, and at most a mask beside them."""
        need_rank(self, shapes[0], 2, "(steps, features)")
        kind, steps, others = type(self).__name__, shapes[0][0], shapes[1:]
        if self.initial_state:
            wanted = (len(self.states) * self.units,)
            if not others or others[0] != wanted:
                found = others[0] if others else "none"
                raise ValueError(
                    f"{kind} wants an initial state of row shape {wanted} as its second input, got {found}; "
                    f"{kind}({self.units}, return_state=True) gives one"
                )
            others = others[1:]
        if len(others) > 1:
            raise ValueError(f"{kind} takes a sequence and at most a mask, got {len(shapes)} inputs")
        if others and others[0] != (steps,):
            hint = "; initial_state=True reads it as a state" if not self.initial_state else ""
            raise ValueError(
                f"{kind} wants a mask of row shape ({steps},), got {others[0]}; a Mask node gives one{hint}"
            )


def check_cell_activation(name: str, value: str) -> None:
    """ValueError for an activation that a recurrent cell cannot have."""
    if value not in CELL_ACTIVATIONS:
        raise ValueError(f"{name} must be one of {', '.join(CELL_ACTIVATIONS)}, got {value!r}")
