"""Where the first number that is not finite came from, found before it gets into the weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cortex_lab.nn.examine.record import LoadedBatch
from cortex_lab.nn.run.network import Network

Foreseen = Callable[[Callable[[], Any]], Any]
# Finite, and hardly learned.
LARGE = 1e6


@dataclass(frozen=True)
class Fault:
    """An update that would put numbers that are not finite into the weights.

    `tensor` is the first buffer, in the order of the step, that holds one; `layer` whose it is, `direction`
    "input", "weights", "forward", "loss" or "backward", and `phase` the phase that made it. `rows` are the
    positions in the data of the rows of the batch in which it does: all of the batch for a gradient that sums
    over rows, none for weights. Where all of it is finite and the update itself would go too far, `tensor`
    are the first weights that would be lost, and `phase` is "update". `last_good_step`, or `last_good`, is
    the last step with finite weights, to be rewound to; None if this session has none. `largest` is the size
    of the largest weight before the update: finite weights may still be too large to learn from.
    """

    tensor: str
    layer: str
    direction: str
    phase: str
    rows: tuple[int, ...]
    values: tuple[str, ...]
    step: int
    last_good_step: int | None
    largest: float = 0.0

    @property
    def last_good(self) -> int | None:
        return self.last_good_step

    def since(self, last_good: int | None) -> Fault:
        """The same fault, of weights that were last whole after step `last_good`."""
        return replace(self, last_good_step=last_good)

    def __str__(self) -> str:
        if self.phase == "update":
            return (
                f"the update of step {self.step} was held back: it would leave {' and '.join(self.values)} "
                f"in {self.tensor!r}, as a step too large does (see learning_rate, clip_norm, momentum); "
                f"{self._way_back()}"
            )
        rows = ", ".join(map(str, self.rows[:8])) + (", ..." if len(self.rows) > 8 else "")
        where = f"in the data rows {rows}" if rows else "whatever the data"
        what = f"{self.tensor!r} ({self.direction} of {self.layer!r}, phase {self.phase!r})"
        return (
            f"the update of step {self.step} was held back: {what} is the first to hold "
            f"{' and '.join(self.values)}, {where}; {self._way_back()}"
        )

    def _way_back(self) -> str:
        good = self.last_good_step
        if good is None:
            return (
                "the weights were not finite when this session began: put others in, "
                "such as by session.edit(\"weights['...']\", ...)"
            )
        anew = f"session.rewind(step={good})"
        if good == self.step - 1:
            still = f"the weights are still those of step {good}"
            if self.largest > LARGE:
                return (
                    f"{still}, finite, but up to {self.largest:.0e}; {anew} starts anew from them, and "
                    "session.diagnose() says whether a step before that is better"
                )
            return f"{still}, from which {anew} starts anew"
        return (
            f"what was learned is not finite since step {good + 1}; {anew} goes back to before that, and "
            "session.diagnose() says whether a step before is better"
        )


def find_fault(
    network: Network, loaded: LoadedBatch, loss_state: Mapping[str, Any], foreseen: Foreseen
) -> Fault | None:
    """What `_find` finds, with the size of the weights."""
    fault = _find(network, loaded, loss_state, foreseen)
    if fault is None:
        return None
    return replace(fault, largest=float(network.ops.xp.abs(network.params).max()))


def _find(
    network: Network, loaded: LoadedBatch, loss_state: Mapping[str, Any], foreseen: Foreseen
) -> Fault | None:
    """The first tensor that is not finite, if the gradient of the step under way is not, or what its update
    would do to the weights, or to what losses remember; None if all is.

    While `foreseen(look)` looks, these are what the update would leave.
    """
    step = loaded.step
    if network.ops.all_finite(network.gradient):
        return _left_behind(network, loss_state, foreseen, step)
    for tensor, layer, direction, phase, array, has_rows in _in_order(network, loaded):
        finite = network.ops.to_numpy(network.ops.xp.isfinite(array))
        if finite.all():
            continue
        rows = np.asarray(loaded.batch.rows)
        if direction == "weights":
            rows = rows[:0]
        elif has_rows:
            rows = rows[~finite.reshape(len(finite), -1).all(axis=1)]
        values = network.ops.to_numpy(array)[~finite]
        return Fault(tensor, layer, direction, phase, tuple(rows.tolist()), _kinds(values), step + 1, step)
    return None


def _left_behind(
    network: Network, loss_state: Mapping[str, Any], foreseen: Foreseen, step: int
) -> Fault | None:
    """What is finite, and would not be after the update about to be made."""
    isfinite = network.ops.xp.isfinite
    arrays = {**network.parameters, **network.states, **loss_state}
    whole = {name: isfinite(array) for name, array in arrays.items()}

    def look() -> Fault | None:
        for name, array in arrays.items():
            lost = whole[name] & ~isfinite(array)
            if lost.any():
                kinds = _kinds(network.ops.to_numpy(array[lost]))
                return Fault(name, name.split("/")[0], "weights", "update", (), kinds, step + 1, step)
        return None

    return foreseen(look)


def _kinds(values: np.ndarray) -> tuple[str, ...]:
    return ("NaN",) * bool(np.isnan(values).any()) + ("infinity",) * bool(np.isinf(values).any())


def is_whole(network: Network, remembered: Mapping[str, Any]) -> bool:
    """Whether the weights are finite, and there is no NaN in what the optimizer has `remembered`."""
    xp = network.ops.xp
    if not (xp.isfinite(network.params).all() and xp.isfinite(network.state).all()):
        return False
    # A square that overflowed is infinite, and harmless.
    arrays = [array for array in remembered.values() if hasattr(array, "shape")]
    return not any(xp.isnan(array).any() for array in arrays)


def _in_order(network: Network, loaded: LoadedBatch) -> Iterator[tuple[str, str, str, str, Any, bool]]:
    """Every tensor of the step with its layer, direction and phase, in the order they were made."""
    buffers = loaded.bound.buffers
    for name in network.graph.inputs:
        yield name, name, "input", "fetch", buffers[name], True
    for name in network.graph.nodes:
        own = f"{name}/"
        for key, array in (*network.parameters.items(), *network.states.items()):
            if key.startswith(own):
                yield key, name, "weights", f"forward:{name}", array, False
        yield name, name, "forward", f"forward:{name}", buffers[name], True
    for name, at in loaded.slots.items():
        yield f"loss:{name}", name, "loss", "loss", at.rows, True
        if at.dy is not None:
            yield f"gradient:{name}", name, "loss", "loss", at.dy, True
    for name in reversed(network.graph.nodes):
        phase = f"backward:{name}"
        if f"gradient:{name}" in buffers:
            yield f"gradient:{name}", name, "backward", phase, buffers[f"gradient:{name}"], True
        for key, array in network.gradients.items():
            if key.startswith(f"{name}/"):
                yield f"gradient:{key}", name, "backward", phase, array, False
