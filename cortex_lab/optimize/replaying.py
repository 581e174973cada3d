"""Updates of the same vectors, one after the other, whose kernels are found out once."""

from __future__ import annotations

from collections.abc import Callable
from operator import is_
from typing import Any

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.optimize.optimizer import Optimizer


class ReplayedUpdate:
    """`optimizer.update(ops, params, gradient, state)`, of an optimizer that `replays`, again and again.

    What changes from update to update lies in arrays (), which `begin` writes: the `rate`, by what weights
    shrink, and the `numbers` of the state. Kernels note in `finite` what `update` returns. So the `calls` of
    the first update are those of every other one, and can be captured.
    """

    def __init__(
        self, optimizer: Optimizer, ops: Ops, params: np.ndarray, gradient: np.ndarray, state: dict[str, Any]
    ):
        optimizer.complete(ops, params, state)
        self._optimizer, self._state = optimizer, state
        self._ops, self._params, self._gradient = ops, params, gradient
        self.numbers = {
            name: ops.zeros((), "int64" if name == "updates" else "float64")
            for name, value in state.items()
            if isinstance(value, (int, float))
        }
        self._names = [name for name in state if name not in self.numbers]
        self._others = [state[name] for name in self._names]
        self.rate, self.shrinkage = ops.zeros((), "float64"), ops.zeros((), "float64")
        self.finite = ops.zeros((), "bool")
        self.calls: list[Callable[[], Any]] | None = None
        """What an update calls after `begin`, once that is known."""
        self._again: Callable[[], Any] | None = None

    def is_of(self, optimizer: Optimizer, state: dict[str, Any]) -> bool:
        """Whether this is what updates by `optimizer` are, with `state` as it is; rates may differ."""
        if optimizer is not self._optimizer:
            if optimizer != self._optimizer.replace(learning_rate=optimizer.learning_rate):
                return False
            self._optimizer = optimizer
        if state is not self._state or len(state) != len(self._others) + len(self.numbers):
            return False
        return all(map(is_, map(state.get, self._names), self._others))

    def begin(self) -> None:
        """Write what is of the next update alone."""
        optimizer, state = self._optimizer, self._state
        rate = optimizer.rate(state["updates"])
        optimizer.advance(state)
        arrays = [self.rate, self.shrinkage, self.finite, *self.numbers.values()]
        values = [rate, rate * optimizer.weight_decay, True, *map(state.__getitem__, self.numbers)]
        self._ops.write(arrays, values)

    def __call__(self) -> Any:
        """Whether all was finite; of a device as the array (), which nobody is made to wait for."""
        self.begin()
        if self._again is None:
            self._find_out()
        else:
            self._again()
        return bool(self.finite) if self._ops.xp is np else self.finite

    def _find_out(self) -> None:
        optimizer, params, gradient = self._optimizer, self._params, self._gradient
        kernels = self._ops.recording()
        seen = {**self._state, **self.numbers, "finite": self.finite}
        clipped = optimizer.prepare(kernels, params, gradient, seen, self.shrinkage)
        looked = optimizer.apply(kernels, params, clipped, seen, self.rate) is not None
        for array in [] if looked and clipped is gradient else [gradient] if looked else [gradient, params]:
            kernels.note_finite(array, self.finite)
        self.calls, self._again = kernels.calls, self._ops.capture(kernels.calls)
