"""Long short-term memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.initializers import Fan, resolve
from cortex_lab.nn.contract.layer import Buffer, Parameter, Shape, Slots
from cortex_lab.nn.layers.recurrent import _Recurrent, check_cell_activation


@dataclass(frozen=True)
class LSTM(_Recurrent):
    """Long short-term memory over rows (steps, features) (Hochreiter and Schmidhuber 1997).

    Gives the last h (units,), or all (steps, units) with `return_sequences`. Parameters, with the gates in
    the order i, f, c, o of Keras: `kernel` (features, 4 * units), `recurrent_kernel` (units, 4 * units),
    `bias` (4 * units,), which starts at 1 for the forget gate with `unit_forget_bias` (Jozefowicz et al.
    2015). In training, the buffers `gates` (steps, 4 * units) and `cells` (steps, units) show what went on
    inside.

    A second input of rows (steps,), such as a `Mask` node's, says which steps count. `go_backwards`: from the
    last step, and the returned sequence runs backwards too. `stateful` = batch size carries the state to the
    next batch in training. `return_state` gives the last h and c side by side (2 * units,); `initial_state`
    reads such a state as the second input, before a mask.
    """

    recurrent_activation: str = "sigmoid"
    unit_forget_bias: bool = True

    gates = 4
    states = ("h", "c")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_cell_activation("recurrent_activation", self.recurrent_activation)

    def bias_parameter(self) -> Parameter:
        start = _ForgetBias(self.units, self.bias_initializer) if self.unit_forget_bias else None
        return Parameter((4 * self.units,), start or self.bias_initializer)

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        return {**super().saved(*shapes), "cells": Buffer((shapes[0][0], self.units))}

    def scratch(self, *shapes: Shape) -> dict[str, Buffer]:
        found = super().scratch(*shapes)
        return found | {"all_cells": Buffer((shapes[0][0], self.units))} if self.return_state else found

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.lstm(
            at.x, at.kernel, at.recurrent_kernel, at.bias if self.use_bias else None,
            self.mask(at), self.start(ops, at), at.gates if at.training else at.work,
            self._cells(at), self.hidden(at), self.last(at),
            self.activation, self.recurrent_activation, self.go_backwards,
        )  # fmt: skip
        if self.return_state:
            self.hand_out(ops, at, self._cells(at))

    def backward(self, ops: Ops, at: Slots) -> None:
        dy, d_cell = self.arriving(ops, at)
        ops.lstm_gradient(
            at.x, at.kernel, at.recurrent_kernel, self.mask(at), self.start(ops, at), at.gates, at.cells,
            self.hidden(at), dy, d_cell, at.dxs[0], at.d_kernel, at.d_recurrent_kernel,
            at.d_bias if self.use_bias else None, self.d_start(at), at.work,
            self.activation, self.recurrent_activation, self.go_backwards,
        )  # fmt: skip
        self.no_mask_gradient(ops, at)

    def settle(self, ops: Ops, at: Slots) -> None:
        super().settle(ops, at)
        if self.stateful:
            ops.copy(at.cells[:, self.end], out=at.carried_c[: len(at.x)])

    def _cells(self, at: Slots) -> Any:
        """Where the cells of all steps are kept."""
        if at.training:
            return at.cells
        return at.all_cells if self.return_state else None


@dataclass(frozen=True)
class _ForgetBias:
    """Ones for the forget gate, so that a cell begins by remembering."""

    units: int
    others: Any

    def draw(self, shape: Shape, fan: Fan, random: np.random.Generator) -> np.ndarray:
        values = resolve(self.others).draw(shape, fan, random)
        values[self.units : 2 * self.units] = 1
        return values
