"""Where the time of a training step goes: by layer and phase, beside what this machine can do."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.compute import Ops
from cortex_lab.nn.run.executor import Bound
from cortex_lab.nn.run.plan import passes_gradient
from cortex_lab.nn.train.training import Training

ROUNDS = 3
"""Times whole steps are timed, of which the best counts: others may want the machine as well."""
WARM = 4
"""Steps before the first that is timed: they compile, find out their calls and fill caches."""
NEAR = 0.4
"""The share of a ceiling from which on that is called the limit."""
LARGE = {"gpu": 4096}
"""Rows of the square matrices whose product is the ceiling of arithmetic, where they are not 1024."""


@dataclass(frozen=True)
class Ceilings:
    """What this machine does at best, measured: products of large matrices, and copies of large arrays."""

    gflop_s: float
    gb_s: float

    @classmethod
    def of(cls, ops: Ops) -> Ceilings:
        rows = LARGE.get(ops.name, 1024)
        a, b, c = (ops.zeros((rows, rows)) for _ in range(3))
        source, target = (ops.zeros((2**24,)) for _ in range(2))
        product = min(ops.backend.timed(lambda: ops.matmul(a, b, c)) for _ in range(6))
        copy = min(ops.backend.timed(lambda: ops.copy(source, out=target)) for _ in range(6))
        return cls(2e-9 * rows**3 / product, 2e-9 * source.nbytes / copy)


class Profile:
    """Prints as text and draws as HTML.

    `table` is a DataFrame with a row for each phase of a step in turn, of one layer mostly: `microseconds`,
    the median over `steps`; `share` of all of them; `gflop_s` and `gb_s`, the arithmetic of its products and
    the bytes of what it must read and write at least, by its time (more than the memory gives came from a
    cache); and `limit`: "arithmetic" or "memory" where that comes near the ceiling, else "neither": the work
    is too little for the time that starting it takes, or the kernel is not good.
    `memory` is a DataFrame of the arrays that a step lies in, some `within` others.
    `whole` is what a step takes when nobody looks on its way, in seconds.
    """

    def __init__(
        self, table: pd.DataFrame, memory: pd.DataFrame, whole: float, ceilings: Ceilings, device: str
    ) -> None:
        self.table, self.memory, self.whole, self.ceilings = table, memory, whole, ceilings
        self._device = device

    @property
    def words(self) -> list[str]:
        """What limits these steps, in sentences, the most important first."""
        parts, slowest = self.table["microseconds"].sum(), self.table.nlargest(1, "microseconds")
        phase, row = slowest.index[0], slowest.iloc[0]
        said = [
            f"A step takes {_time(1e6 * self.whole)} on {self._device}; phase by phase {_time(parts)}.",
            f"{phase} takes longest: {_time(row['microseconds'])}, {row['share']:.0%} of all phases; "
            + LIMITS[row["limit"]],
        ]
        of_neither = self.table.loc[self.table["limit"] == "neither", "share"].sum()
        if of_neither > 0.5:
            said.append(
                f"{of_neither:.0%} of the time goes to phases far from both ceilings; "
                "a larger batch_size= does more with each call."
            )
        waits = self.table.loc[self.table["kind"] == "data", "share"].sum()
        if waits > 0.3:
            said.append(
                f"{waits:.0%} is spent on fetching and changing the batch, before anything is learned."
            )
        return said

    def __str__(self) -> str:
        shown = self.table.drop(columns="kind").assign(
            microseconds=self.table["microseconds"].map("{:,.1f}".format),
            share=self.table["share"].map("{:.1%}".format),
            gflop_s=self.table["gflop_s"].map(_rate),
            gb_s=self.table["gb_s"].map(_rate),
        )
        return "\n".join([shown.to_string(), self._measured, *self.words])

    __repr__ = __str__

    @property
    def _measured(self) -> str:
        ceilings, held = self.ceilings, self.memory.loc[self.memory["within"] == "", "bytes"].sum()
        return (
            f"at best, this machine does {ceilings.gflop_s:,.0f} GFLOP/s, {ceilings.gb_s:,.1f} GB/s; "
            f"memory: {held / 2**20:,.1f} MiB"
        )

    def _repr_html_(self) -> str:
        longest = self.table["share"].max() or 1.0
        lines = "".join(
            f"<tr><td style='text-align:left'>{html.escape(str(phase))}</td>"
            f"<td>{row['microseconds']:,.1f}</td><td style='text-align:left;min-width:140px'>"
            f"<div style='{BAR};width:{100 * row['share'] / longest:.1f}%'></div></td>"
            f"<td>{row['share']:.1%}</td><td>{_rate(row['gflop_s'])}</td><td>{_rate(row['gb_s'])}</td>"
            f"<td style='text-align:left'>{row['limit']}</td></tr>"
            for phase, row in self.table.iterrows()
        )
        names = ("phase", "µs", "", "share", "GFLOP/s", "GB/s", "limit")
        head = "".join(f"<th>{name}</th>" for name in names)
        said = "".join(f"<p>{html.escape(each)}</p>" for each in self.words)
        return (
            f"{said}<table><caption>{html.escape(self._measured)}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
        )


LIMITS = {
    "arithmetic": "it does arithmetic about as fast as this machine can.",
    "memory": "it reads and writes about as fast as memory gives.",
    "neither": "that is far from what arithmetic or memory allow.",
}


def profile(training: Training, steps: int) -> Profile:
    """Steps of this training, timed phase by phase; give it a clone, which is trained by them."""
    ops = training.network.ops
    timed = ops.backend.timed
    for _ in range(WARM):
        training.whole_step()
    rounds = [timed(lambda: [training.whole_step() for _ in range(steps)]) for _ in range(ROUNDS)]
    found: dict[str, list[float]] = {name: [] for name in training.phases}
    for step in range(-WARM, steps):
        walk = training.walk()
        for name in found:
            took = timed(lambda walk=walk: next(walk))
            if step >= 0:
                found[name].append(took)
        for _ in walk:
            pass
    assert training.record.loaded is not None
    bound = training.record.loaded.bound
    phases = {name: float(np.median(each)) for name, each in found.items()}
    amounts = {name: _amounts(training, bound, name) for name in phases if not _does_nothing(training, name)}
    # Others may have wanted the machine just when its ceilings were measured.
    reached = (operations / phases[name] / 1e9 for name, (operations, _) in amounts.items())
    measured = Ceilings.of(ops)
    ceilings = replace(measured, gflop_s=max(measured.gflop_s, *reached))
    table, memory = _table(phases, amounts, ceilings), _memory(training, bound)
    return Profile(table, memory, min(rounds) / steps, ceilings, DEVICES.get(ops.name, ops.name))


BAR = "background:#4c78a8;height:0.8em"
DEVICES = {"cpu": "the processor", "gpu": "the GPU", "reference": "the processor, in float64"}


def _table(
    phases: dict[str, float], amounts: dict[str, tuple[float, float]], ceilings: Ceilings
) -> pd.DataFrame:
    total, lines = sum(phases[phase] for phase in amounts), {}
    for phase, (operations, moved) in amounts.items():
        took = phases[phase]
        fractions = {
            "arithmetic": operations / took / 1e9 / ceilings.gflop_s,
            "memory": moved / took / 1e9 / ceilings.gb_s,
        }
        nearest = max(fractions, key=lambda limit: fractions[limit])
        lines[phase] = {
            "kind": "data" if phase in ("fetch", "augment") else "learning",
            "microseconds": 1e6 * took,
            "share": took / total,
            "gflop_s": operations / took / 1e9 if operations else math.nan,
            "gb_s": moved / took / 1e9 if moved else math.nan,
            "limit": nearest if fractions[nearest] >= NEAR else "neither",
        }
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("phase")


def _does_nothing(training: Training, phase: str) -> bool:
    kind, _, name = phase.partition(":")
    node = training.network.graph.nodes.get(name)
    return node is not None and (node.layer.is_view or (kind == "backward" and passes_gradient(node)))


def _amounts(training: Training, bound: Bound, phase: str) -> tuple[float, float]:
    """Operations of the products of a phase, and the bytes that it reads and writes at least."""
    kind, _, name = phase.partition(":")
    network, buffers = training.network, bound.buffers
    node = network.graph.nodes.get(name)
    if kind == "update":
        state = sum(array.nbytes for array in training.optimizer_state.values() if hasattr(array, "nbytes"))
        return 0.0, 2 * state + 3 * network.params.nbytes
    if node is None:
        return 0.0, 0.0
    own = sum(array.nbytes for key, array in network.parameters.items() if key.startswith(f"{name}/"))
    read = sum(buffers[source].nbytes for source in node.inputs)
    written = buffers[name].nbytes if name in buffers else 0
    products = 2.0 * bound.rows * node.layer.multiply_adds(*node.in_shapes)
    if kind == "forward":
        return products, read + written + own
    slots = bound.slots[name]
    passed_on = sum(dx.nbytes for dx in slots.dxs if dx is not None)
    learns = own > 0 and not slots.frozen
    return products * (bool(passed_on) + learns), read + written + passed_on + own * (1 + learns)


def _memory(training: Training, bound: Bound) -> pd.DataFrame:
    """Every buffer of a step, with what lasts from one to the next."""
    network = training.network
    state = {f"optimizer/{key}": array for key, array in training.optimizer_state.items()}
    lasting = {"params": network.params, "gradient": network.gradient, "state": network.state, **state}
    lines = [
        {"buffer": name, "shape": array.shape, "bytes": array.nbytes, "within": ""}
        for name, array in lasting.items()
        if hasattr(array, "nbytes")
    ]
    lines += [
        {
            "buffer": name,
            "shape": bound.buffers[name].shape,
            "bytes": bound.buffers[name].nbytes,
            "within": planned.alias or "",
        }
        for name, planned in training.plan.buffers.items()
    ]
    return pd.DataFrame(lines).set_index("buffer")


def _time(microseconds: float) -> str:
    return f"{microseconds:,.0f} µs" if microseconds < 10_000 else f"{microseconds / 1000:,.1f} ms"


def _rate(value: Any) -> str:
    return "" if math.isnan(value) else f"{value:,.1f}"
