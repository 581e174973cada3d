"""The batch last fetched: its rows as they were trained on, with the loss of each."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.study import Session
from cortex_lab.widgets.chart.marks import Axis, Bars, Cells, Chart, Plot, Tiles
from cortex_lab.widgets.chart.subjects import network_of
from cortex_lab.widgets.chart.view import NothingToShow, View

MOST_ROWS = 24
MOST_COLUMNS = 12


@dataclass(frozen=True)
class ShownBatch:
    """Rows of the batch of `step` with their losses; `values` are what they were trained on, (rows, ...)."""

    step: int
    rows: np.ndarray
    losses: np.ndarray
    values: np.ndarray
    columns: tuple[str, ...]
    at_fault: np.ndarray
    total: int


class BatchRows(View[ShownBatch]):
    """The rows of the batch last fetched with the loss of each: at fault, selected, then by their loss.

    They are shown as they were trained on, augmented: at a moment, the very pixels of that step.
    """

    title = "Batch"
    size = (7.2, 3.2)
    height = 240
    place = "wide"
    rank = 45
    opened = False

    @classmethod
    def fits(cls, session: Session) -> bool:
        return hasattr(type(session), "frame") and hasattr(session.process, "batch")

    def state(self, exact: bool) -> Hashable:
        chosen = tuple(self.selection[:1000])
        return self.session.step_number, self.session.phase, self.session.trace.version, chosen

    def collect(self, exact: bool) -> tuple[int, np.ndarray, np.ndarray, np.ndarray, str, tuple[int, ...]]:
        network, training = network_of(self.session), getattr(self.session, "process", None)
        batch = getattr(training, "batch", None)
        if batch is None:
            raise NothingToShow("No batch has been fetched yet.\nPress Step.")
        name = next(iter(network.graph.inputs))
        inputs = batch.inputs[name] if isinstance(batch.inputs, dict) else batch.inputs
        losses = self.session.frame["loss"].to_numpy(dtype=float)  # type: ignore[attr-defined]
        bad = getattr(self.session.fault, "rows", ())
        record, augmenter = training.record, training.augmenter  # type: ignore[union-attr]
        loaded = record.loaded
        if name in augmenter.by_input and loaded is not None and name in loaded.bound.buffers:
            # What a step did to them was done where they lie, and nowhere else.
            seen = np.array(network.ops.to_numpy(loaded.bound.buffers[name]))
        else:
            seen = np.array(network.seen(name, np.asarray(inputs)))
        return self.session.step_number, np.array(batch.rows), losses, seen, name, tuple(bad)

    def prepare(self, collected: Any) -> ShownBatch:
        step, rows, losses, values, name, bad = collected
        at_fault = np.isin(rows, bad)
        others = ~np.isin(rows, self.selection.rows)
        order = np.lexsort((-np.nan_to_num(losses, nan=-np.inf), others, ~at_fault))[:MOST_ROWS]
        network = network_of(self.session)
        prepared = network.preparations.get(name)
        columns = network.reads.get(name, ()) if prepared is None else prepared.features
        named = [str(column) for column in columns]
        width = int(np.prod(values.shape[1:]))
        named = named if len(named) == width else [str(place) for place in range(width)]
        picked = (rows[order], losses[order], values[order])
        return ShownBatch(step, *picked, tuple(named), at_fault[order], len(rows))

    def chart(self, data: ShownBatch) -> Chart:
        names = tuple(f"row {row}" for row in data.rows)
        strong = 0 if data.at_fault.any() else None
        finite = data.losses[np.isfinite(data.losses)]
        highest = float(finite.max(initial=0.0)) or 1.0
        known = np.isfinite(data.losses)
        odd = np.where(data.at_fault | np.isinf(data.losses), " not finite", " unknown")
        told = tuple(name + ("" if so else said) for name, so, said in zip(names, known, odd, strict=True))
        values = np.where(known, data.losses, np.where(odd == " unknown", 0.0, highest))
        each = {"members": data.rows, "starts": np.arange(len(data.rows) + 1)}
        losses = Bars(values, names=told, strong=strong, told="at fault", **each)
        bars = Plot((losses,), "loss of each row", x=Axis((0.0, highest)), share=1.0)
        first = "those at fault, those selected" if len(self.selection) else "those at fault"
        shown = f"{len(data.rows)} of {data.total} rows, {first} and of the highest loss first"
        summary = f"The batch of step {data.step}: {shown}; the first is {names[0]}"
        plots = (Plot((self._pictured(data),), "what they hold", share=2.0), bars)
        return Chart(plots, "row", shown, summary=summary, step=data.step)

    def _pictured(self, data: ShownBatch) -> Tiles | Cells:
        values, row = data.values, {"keys": data.rows, "pins": True}
        if values.ndim == 4 and values.shape[3] in (1, 3):
            values = values[..., 0] if values.shape[3] == 1 else values
            return Tiles(values, _limits(values), "gray", "row", **row)
        if values.ndim == 3:
            return Tiles(
                np.ascontiguousarray(values.transpose(0, 2, 1)), _limits(values), "gray", "row", **row
            )
        flat = values.reshape(len(values), -1)[:, :MOST_COLUMNS].astype(np.float64)
        names = tuple(f"row {each}" for each in data.rows)
        columns = data.columns[: flat.shape[1]]
        return Cells(
            flat, _limits(flat), names, columns, numbers=flat.shape[1] <= 8, keys=data.rows, pins=True
        )

    def table(self, data: ShownBatch) -> pd.DataFrame:
        index = pd.Index(data.rows, name="row")
        return pd.DataFrame({"loss": data.losses, "at_fault": data.at_fault}, index=index)


def _limits(values: np.ndarray) -> tuple[float, float]:
    # A number far out, which may be what is wrong, leaves the others to be seen.
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, (1, 98)).tolist() if finite.size else (0.0, 1.0)
    low = min(low, 0.0)
    return low, high if high > low else low + 1.0
