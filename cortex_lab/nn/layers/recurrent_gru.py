"""Gated recurrent unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.layer import Buffer, Parameter, Shape, Slots
from cortex_lab.nn.layers.recurrent import _Recurrent, check_cell_activation


@dataclass(frozen=True)
class GRU(_Recurrent):
    """Gated recurrent unit over rows (steps, features) (Cho et al. 2014).

    Gives the last h (units,), or all (steps, units) with `return_sequences`. Parameters, with the gates in
    the order z, r, h of Keras: `kernel` (features, 3 * units), `recurrent_kernel` (units, 3 * units), and
    `bias` (2, 3 * units), its second row inside what the reset gate multiplies. That is `reset_after`, the
    convention of cuDNN; without it the reset gate multiplies the state itself, and `bias` is (3 * units,). In
    training, the buffer `gates` (steps, 3 * units) shows what went on inside.

    A second input of rows (steps,), such as a `Mask` node's, says which steps count. `go_backwards`: from the
    last step, and the returned sequence runs backwards too. `stateful` = batch size carries the state to the
    next batch in training. `return_state` gives the last h, behind a sequence as a step more; `initial_state`
    reads such a state as the second input, before a mask.
    """

    recurrent_activation: str = "sigmoid"
    reset_after: bool = True

    gates = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_cell_activation("recurrent_activation", self.recurrent_activation)

    def bias_parameter(self) -> Parameter:
        width = 3 * self.units
        return Parameter((2, width) if self.reset_after else (width,), self.bias_initializer)

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        found = super().saved(*shapes)
        return {**found, "recalled": Buffer((shapes[0][0], self.units))} if self.reset_after else found

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.gru(
            at.x, at.kernel, at.recurrent_kernel, *self._biases(at, "bias"),
            self.mask(at), self.start(ops, at), at.gates if at.training else at.work,
            at.recalled if at.training and self.reset_after else None, self.hidden(at), self.last(at),
            self.activation, self.recurrent_activation, self.reset_after, self.go_backwards,
        )  # fmt: skip
        self.hand_out(ops, at)

    def backward(self, ops: Ops, at: Slots) -> None:
        ops.gru_gradient(
            at.x, at.kernel, at.recurrent_kernel, self.mask(at), self.start(ops, at), at.gates,
            at.recalled if self.reset_after else None, self.hidden(at), self.arriving(ops, at)[0], at.dxs[0],
            at.d_kernel, at.d_recurrent_kernel, *self._biases(at, "d_bias"), self.d_start(at), at.work,
            self.activation, self.recurrent_activation, self.reset_after, self.go_backwards,
        )  # fmt: skip
        self.no_mask_gradient(ops, at)

    def _biases(self, at: Slots, name: str) -> tuple[Any, Any]:
        if not self.use_bias:
            return None, None
        bias = getattr(at, name)
        return (bias[0], bias[1]) if self.reset_after else (bias, None)
