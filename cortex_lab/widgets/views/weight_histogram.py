"""How the parameters of a layer are spread."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.study import Session
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.marks import Axis, Bars, Chart, Line, Mark, Plot
from cortex_lab.widgets.chart.scales import StickyLimit
from cortex_lab.widgets.chart.standing import standing
from cortex_lab.widgets.chart.subjects import OfOneLayer, network_of
from cortex_lab.widgets.chart.view import NothingToShow, View

SAMPLE = 16384

Collected = tuple[int, str, dict[str, tuple[tuple[int, ...], np.ndarray]], str]
"""The step, the layer, copies with their shapes by name, and the backward phase whose gradients they are."""


@dataclass(frozen=True)
class Histogram:
    """Counts of one array in equal bins over `limits`; `first` are those of a parameter at first."""

    name: str
    shape: str
    size: int
    sampled: int
    mean: float
    deviation: float
    limits: tuple[float, float]
    top: float
    counts: np.ndarray
    first: np.ndarray | None
    outside: int

    @property
    def edges(self) -> np.ndarray:
        return np.linspace(*self.limits, len(self.counts) + 1)

    @property
    def detail(self) -> str:
        odd = f", {self.outside:,} not finite" if self.outside else ""
        return f"mean {self.mean:.3g}, std {self.deviation:.3g}{odd}".replace("-", "−")


@dataclass(frozen=True)
class Histograms:
    """Of the parameters of a layer; or of the gradients that its `phase` has just found."""

    step: int
    first_step: int
    layer: str
    parts: tuple[Histogram, ...]
    phase: str = ""

    @property
    def caption(self) -> str:
        if self.phase:
            return (
                f"gradients of {self.layer}, as {self.phase} left them; the weights are back after the step"
            )
        sampled = max(self.parts, key=lambda part: part.size - part.sampled)
        if sampled.sampled < sampled.size:
            told = (
                f"{sampled.name}: a sample of {sampled.sampled:,} of {sampled.size:,} values; all when paused"
            )
        else:
            told = f"all {sum(part.size for part in self.parts):,} values"
        return told


class WeightHistogram(OfOneLayer, View[Histograms]):
    """Histograms of the chosen layer's parameters, over the outline of how they were at first.

    Right after the backward phase of a layer, the gradients that it found are shown instead.

    While the training runs a fixed random sample of at most 16384 values stands for each parameter, its
    counts scaled up; at rest every value is counted. The caption says which.
    """

    title = "Weights"
    height = 120
    rank = 30
    layers_are = "layer with parameters called"

    def __init__(self, session: Session, layer: str | None = None) -> None:
        super().__init__(session)
        self.layers: list[str] = []
        self._first: dict[str, np.ndarray] = {}
        self._picks: dict[int, np.ndarray] = {}
        self._limits: dict[tuple[str, str], StickyLimit] = {}
        self._first_widest: dict[str, float] = {}
        self._first_counts: dict[str, tuple[float, np.ndarray]] = {}
        self._layer: str | None = None
        self.first_step = session.first_step
        if getattr(session, "network", None) is not None:
            parameters = session.network.parameters  # type: ignore[attr-defined]
            self.layers = list(dict.fromkeys(name.rpartition("/")[0] for name in parameters))
            self._first = session.at_rest(self._at_first)
            self._layer = self.layers[0] if self.layers else None
        if layer is not None:
            self.layer = layer

    @property
    def knobs(self) -> tuple[Knob, ...]:
        if not self.layers:
            return ()
        return (Knob("layer", "choice", self.layers[0], tuple(self.layers), label="layer"),)

    def state(self, exact: bool) -> Hashable:
        return standing(self.session, exact), self._layer, exact

    def _at_first(self) -> dict[str, np.ndarray]:
        network = network_of(self.session)
        if self.session.step_number > self.first_step:
            try:
                network = self.session.network_at(self.first_step)  # type: ignore[attr-defined]
            except (AttributeError, LookupError, ValueError):
                self.first_step = self.session.step_number
        return {name: self._values(values, exact=False) for name, values in network.parameters.items()}

    def collect(self, exact: bool) -> Collected:
        network = network_of(self.session)
        phase = self.session.phase or ""
        kind, _, layer = phase.partition(":")
        found = self._gradients(layer) if kind == "backward" else {}
        if not found:
            phase, layer = "", self._layer
            if layer is None:
                raise NothingToShow("No layer of this network has parameters.")
            parameters = network.parameters.items()
            found = {name: values for name, values in parameters if name.rpartition("/")[0] == layer}
        copies = {name: (values.shape, self._values(values, exact)) for name, values in found.items()}
        return self.session.step_number, layer, copies, phase

    def _gradients(self, layer: str) -> dict[str, np.ndarray]:
        """Those of the layer's parameters; of one without any, that of what it gave."""
        buffers = self.session.buffers
        mine = {name: buffers[name] for name in buffers if name.startswith(f"gradient:{layer}/")}
        return mine or {name: buffers[name] for name in buffers if name == f"gradient:{layer}"}

    def prepare(self, collected: Collected) -> Histograms:
        step, layer, copies, phase = collected
        parts = [self._histogram(name, shape, values) for name, (shape, values) in copies.items()]
        return Histograms(step, self.first_step, layer, tuple(parts), phase)

    def _values(self, values: Any, exact: bool) -> np.ndarray:
        if not isinstance(values, np.ndarray):
            values = self.session.network.ops.to_numpy(values)  # type: ignore[attr-defined]
        flat = values.reshape(-1)
        if exact or flat.size <= SAMPLE:
            return flat.copy()
        # Random places, chosen once: a stride would see some columns of a kernel only.
        if flat.size not in self._picks:
            picks = np.random.default_rng(0).choice(flat.size, SAMPLE, replace=False)
            self._picks[flat.size] = np.sort(picks)
        return flat[self._picks[flat.size]]

    def _histogram(self, name: str, shape: tuple[int, ...], values: np.ndarray) -> Histogram:
        size = math.prod(shape)
        finite = values if np.isfinite(values.sum()) else values[np.isfinite(values)]
        bins = 41 if size >= 100 else 21
        spread = self._spread(name, finite)
        counts = _count(finite, spread, bins) * (size / max(1, len(values)))
        counts_first = self._counts_at_first(name, size, spread, bins)
        highest = max(float(counts.max()), 1.0, 0.0 if counts_first is None else float(counts_first.max()))
        top = self._limits.setdefault((name, "y"), StickyLimit(share=0.3)).cover(highest * 1.02)
        mean, deviation = _mean_and_deviation(finite)
        return Histogram(
            name=name.rpartition("/")[2],
            shape="×".join(map(str, shape)),
            size=size,
            sampled=len(values),
            mean=mean,
            deviation=deviation,
            limits=(-spread, spread),
            top=top,
            counts=counts,
            first=counts_first,
            outside=len(values) - len(finite),
        )

    def _spread(self, name: str, values: np.ndarray) -> float:
        if (name, "x") not in self._limits:
            self._limits[name, "x"] = StickyLimit(smallest=1e-3 if name in self._first else 1e-12)
        if name not in self._first:
            return self._limits[name, "x"].cover(_widest(values))
        if name not in self._first_widest:
            first = self._first[name]
            self._first_widest[name] = _widest(first[np.isfinite(first)])
        return self._limits[name, "x"].cover(max(_widest(values), self._first_widest[name]))

    def _counts_at_first(self, name: str, size: int, spread: float, bins: int) -> np.ndarray | None:
        if name not in self._first:
            return None
        known_for, counts = self._first_counts.get(name, (None, None))
        if counts is None or known_for != spread:
            first = self._first[name]
            counts = _count(first[np.isfinite(first)], spread, bins) * (size / max(1, len(first)))
            self._first_counts[name] = (spread, counts)
        return counts

    def chart(self, data: Histograms) -> Chart:
        plots = []
        for part in data.parts:
            marks: list[Mark] = [Bars(part.counts, part.edges, label="gradient" if data.phase else "now")]
            if part.first is not None:
                marks.append(Line(part.edges, part.first, f"at step {data.first_step}", "muted"))
            axes = {"x": Axis(part.limits), "y": Axis((0, part.top))}
            title = f"gradient of {part.name.partition(':')[2] or part.name}" if data.phase else part.name
            plots.append(Plot(tuple(marks), title, part.shape, part.detail, **axes))
        described = "; ".join(f"{part.name} {part.shape}: {part.detail}" for part in data.parts)
        what = "gradients" if data.phase else "parameters"
        summary = f"Histogram of the {what} of {data.layer} at step {data.step}: {described}"
        told = {"caption": data.caption, "subject": data.layer, "summary": summary, "step": data.step}
        return Chart(tuple(plots), "row", **told)

    def table(self, data: Histograms) -> pd.DataFrame:
        parts = [
            pd.DataFrame(
                {
                    "parameter": f"{data.layer}/{part.name}",
                    "low": part.edges[:-1],
                    "high": part.edges[1:],
                    "count": part.counts,
                    "first": np.nan if part.first is None else part.first,
                }
            )
            for part in data.parts
        ]
        return pd.concat(parts, ignore_index=True)


def _widest(values: np.ndarray) -> float:
    return float(max(values.max(), -values.min())) if len(values) else 0.0


def _mean_and_deviation(values: np.ndarray) -> tuple[float, float]:
    if not len(values):
        return float("nan"), float("nan")
    mean = values.sum() / len(values)
    return float(mean), math.sqrt(np.square(values - mean).sum() / len(values))


def _count(values: np.ndarray, spread: float, bins: int) -> np.ndarray:
    places = (values + np.float32(spread)) * np.float32(bins / (2 * spread))
    np.clip(places, 0, bins - 1, out=places)
    return np.bincount(places.astype(np.intp), minlength=bins).astype(np.float64)
