"""The plain recurrent layer."""

from __future__ import annotations

from dataclasses import dataclass

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.layer import Slots
from cortex_lab.nn.layers.recurrent import _Recurrent


@dataclass(frozen=True)
class SimpleRNN(_Recurrent):
    """h' = f(x @ kernel + h @ recurrent_kernel + bias) over rows (steps, features) (Elman 1990).

    Gives the last h (units,), or all (steps, units) with `return_sequences`. Parameters: `kernel`
    (features, units), `recurrent_kernel` (units, units), `bias` (units,).

    A second input of rows (steps,), such as a `Mask` node's, says which steps count. `go_backwards`: from the
    last step, and the returned sequence runs backwards too. `stateful` = batch size carries the state to the
    next batch in training. `return_state` gives the last h, behind a sequence as a step more; `initial_state`
    reads such a state as the second input, before a mask.
    """

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.simple_rnn(
            at.x, at.kernel, at.recurrent_kernel, at.bias if self.use_bias else None,
            self.mask(at), self.start(ops, at), at.gates if at.training else at.work,
            self.hidden(at), self.last(at), self.activation, self.go_backwards,
        )  # fmt: skip
        self.hand_out(ops, at)

    def backward(self, ops: Ops, at: Slots) -> None:
        ops.simple_rnn_gradient(
            at.x, at.kernel, at.recurrent_kernel, self.mask(at), self.start(ops, at), at.gates,
            self.hidden(at), self.arriving(ops, at)[0], at.dxs[0], at.d_kernel, at.d_recurrent_kernel,
            at.d_bias if self.use_bias else None, self.d_start(at), at.work,
            self.activation, self.go_backwards,
        )  # fmt: skip
        self.no_mask_gradient(ops, at)
