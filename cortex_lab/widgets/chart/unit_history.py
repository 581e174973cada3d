"""How a unit came about: what it gave, and the gradient that came back to it, at steps gone by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cortex_lab.nn import Network
from cortex_lab.widgets.chart.marks import Axis, Line, Plot
from cortex_lab.widgets.chart.passed import RowPasses, Weights
from cortex_lab.widgets.chart.rows import Named

MOST_STEPS, MOST_ROWS = 24, 64
WORK = 2e9
"""Multiply-adds that all steps together may cost; a pass forward and backward is three times one forward."""


@dataclass(frozen=True, eq=False)
class UnitPast:
    """By step and unit, (steps, units): the mean `activation` over rows and places, and the mean size of
    the `gradient` of each row's own loss, None where there is none.

    `told` says of what, or why there are no steps.
    """

    told: str
    steps: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    activation: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    gradient: np.ndarray | None = None


class UnitHistory:
    """Computes it anew from the snapshots of a session, each of them once for a layer, over the same rows."""

    def __init__(self, passes: RowPasses) -> None:
        self._passes = passes
        self._of: tuple[str, int] = ("", 0)
        # By step, the weights that it was found of, which tell whether the step was made anew since.
        self._known: dict[int, tuple[Any, np.ndarray, np.ndarray | None]] = {}

    def past(
        self,
        node: str,
        kept: tuple[np.ndarray, Sequence[dict[str, Any]]],
        now: tuple[int, Weights],
        rows: tuple[Named, Named],
    ) -> UnitPast:
        """What the units of `node` did at the steps `kept`, with snapshots, and do `now`, for `rows`."""
        steps, count = within_budget(self._passes.network, len(next(iter(rows[0].values()))))
        if steps < 2:
            return UnitPast("it would take too long to compute anew")
        if self._of != (node, count):
            self._of, self._known = (node, count), {}
        inputs, targets = ({name: each[:count] for name, each in part.items()} for part in rows)
        known: dict[int, tuple[Any, np.ndarray, np.ndarray | None]] = {}
        every = 1
        while -(-len(kept[0]) // every) > steps - 1:
            every *= 2
        for step, snapshot in zip(kept[0].tolist()[::every], kept[1][::every], strict=True):
            was = self._known.get(step)
            if was is None or was[0] is not snapshot["params"]:
                weights = snapshot["params"], snapshot["state"], snapshot["loss_state"]
                was = (snapshot["params"], *self._found(node, weights, inputs, targets))
            known[step] = was
        self._known = known
        found = [each[1:] for each in known.values()] + [self._found(node, now[1], inputs, targets)]
        gradients = [gradient for _, gradient in found if gradient is not None]
        return UnitPast(
            f"of {count} rows, computed anew from {len(known)} snapshots",
            np.array([*known, now[0]]),
            np.array([activation for activation, _ in found]),
            np.array(gradients) if len(gradients) == len(found) else None,
        )

    def _found(
        self, node: str, weights: Weights, inputs: Named, targets: Named
    ) -> tuple[np.ndarray, np.ndarray | None]:
        back = f"gradient:{node}"
        passed = self._passes.run(weights, inputs, targets, (node, back))
        gradient = passed.get(back)
        return _by_unit(passed.buffers[node]), None if gradient is None else _by_unit(np.abs(gradient))


def within_budget(network: Network, rows: int) -> tuple[int, int]:
    """How many steps, and of how many rows each, may be computed anew."""
    per_row = 3 * sum(node.layer.multiply_adds(*node.in_shapes) for node in network.graph.nodes.values())
    passes = int(WORK // max(1, per_row))
    steps = min(MOST_STEPS, passes)
    return steps, min(MOST_ROWS, rows, passes // max(1, steps))


def history_plots(past: UnitPast, unit: int) -> list[Plot]:
    """A line over the steps for what a unit gives, and one for its gradient."""
    if len(past.steps) < 2:
        return []
    found = [("mean activation", past.activation[:, unit])]
    if past.gradient is not None:
        found.append(("size of gradient", past.gradient[:, unit]))
    across = Axis((float(past.steps[0]), float(max(past.steps[-1], past.steps[0] + 1))), "step")
    return [
        Plot((Line(past.steps, values, color=0, key=title, dots=True),), title,
             x=across, y=Axis(_limits(values)), share=1.4)
        for title, values in found
    ]  # fmt: skip


def _by_unit(values: np.ndarray) -> np.ndarray:
    flat = np.asarray(values, np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        return flat.reshape(-1, flat.shape[-1] if flat.ndim > 1 else 1).mean(axis=0)


def _limits(values: np.ndarray) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    low, high = float(known.min(initial=0.0)), float(known.max(initial=0.0))
    room = 0.05 * (high - low)
    return (low - room * (low < 0), high + room) if high > low else (low, low + 1.0)
