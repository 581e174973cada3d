"""How weights, updates, gradients and activations of a layer are spread, step by step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.ground import checks
from cortex_lab.nn import Training
from cortex_lab.study import Session
from cortex_lab.widgets.chart.heat_map import HeatMap
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.layer_stats import NO_STEPS
from cortex_lab.widgets.chart.marks import Axis, Chart, Line, Mark, Plot
from cortex_lab.widgets.chart.nodes import OfOneNode
from cortex_lab.widgets.chart.sketch import LEVELS, Sketch, edges_of, sampled, sketched
from cortex_lab.widgets.chart.standing import standing
from cortex_lab.widgets.chart.subjects import network_of
from cortex_lab.widgets.chart.view import NothingToShow, View

KINDS = ("weights", "updates", "gradients", "activations")
ALL = "all"
FORMS = HEAT, RIDGES = "heat map", "ridges"
MOST_RIDGES = 12
MOST_MOMENTS = 60
"""Steps that are kept of each layer and kind; of more, every second is dropped."""
BINS = 40
TOLD = {0: "lowest", 3: "5%", 16: "25%", 32: "median", 48: "75%", 61: "95%", 64: "highest"}

Sample = tuple[np.ndarray, int, int]


@dataclass(frozen=True, eq=False)
class Spread:
    """By kind, the sketches of the moments of one node, by step; and what keeping all of them takes."""

    step: int
    node: str
    found: dict[str, dict[int, Sketch]]
    nbytes: int


@dataclass(frozen=True, eq=False)
class Kept:
    """Weights of a step, and what they changed by in a step before it: samples, or sketches of them.

    `flat` are the weights that it is of, to be known by; None for those of now, which change.
    """

    step: int
    flat: Any
    weights: Any
    update: Any

    def sketched(self) -> Kept:
        if isinstance(self.weights, Sketch):
            return self
        update = None if self.update is None else sketched(*self.update)
        return Kept(self.step, self.flat, sketched(*self.weights), update)


@dataclass(eq=False)
class Recorded:
    """Sketches of what was looked at, by kind and node; each by its step, with the time it was made at."""

    moments: defaultdict[tuple[str, str], dict[int, tuple[float, Sketch]]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def add(self, kind: str, node: str, step: int, made_at: float, sketch: Sketch) -> None:
        kept = self.moments[kind, node]
        kept.pop(step, None)
        kept[step] = made_at, sketch
        if len(kept) > MOST_MOMENTS:
            steps = sorted(kept)
            for each in steps[1:-1:2]:
                del kept[each]

    def of(self, kind: str, node: str, made_at: dict[int, float]) -> dict[int, Sketch]:
        """Those of the steps that are still as they were made."""
        kept = self.moments[kind, node]
        for step in [step for step, (at, _) in kept.items() if made_at.get(step) != at]:
            del kept[step]
        return {step: kept[step][1] for step in sorted(kept)}

    @property
    def nbytes(self) -> int:
        return sum(each.quantiles.nbytes for kept in self.moments.values() for _, each in kept.values())


class Distributions(OfOneNode, View[Spread]):
    """How the weights, updates, gradients and activations of a layer are spread, over the steps.

    The darker, the more values; each step adds up to all of them. As `form` "ridges", some steps have a curve
    each, the higher, the more values. Weights are those of the steps that the
    session keeps anyway, and an update is the mean of what changed from one of those to the next. Gradients
    and activations are of the steps at which somebody looked, as a bench does while the panel is open: at
    most 60 of each layer, each as 65 quantiles of at most 2048 values. What is not finite is counted among
    all values, and marked at its step.
    """

    title = "Distributions over time"
    follows = False
    size = (9.6, 2.8)
    height = 230
    place = "wide"
    rank = 36
    opened = False

    def __init__(self, session: Session, node: str | None = None, show: str = ALL) -> None:
        super().__init__(session)
        self._recorded = Recorded()
        self._known: dict[tuple[int, str], Kept] = {}
        self._form = HEAT
        self.show = show
        if node is not None:
            self.node = node

    @classmethod
    def fits(cls, session: Session) -> bool:
        return isinstance(session.process, Training)

    @property
    def show(self) -> str:
        """What is shown: one of `KINDS`, or "all"."""
        return self._show

    @show.setter
    def show(self, kind: str) -> None:
        self._show = checks.choice("show", kind, (ALL, *KINDS))

    @property
    def form(self) -> str:
        """How spreads are drawn: as a "heat map", or as "ridges", a curve for each of some steps."""
        return self._form

    @form.setter
    def form(self, name: str) -> None:
        self._form = checks.choice("form", name, FORMS)

    @property
    def node(self) -> str | None:
        """The node that is shown; the first with parameters, as long as nobody chose one."""
        parameters = getattr(getattr(self.session, "network", None), "parameters", {})
        first = next((name.rpartition("/")[0] for name in parameters), None)
        return self._node or first or next(iter(self.nodes), None)

    @node.setter
    def node(self, name: str) -> None:
        OfOneNode.node.fset(self, name)  # type: ignore[attr-defined]

    @property
    def knobs(self) -> tuple[Knob, ...]:
        show = Knob("show", "choice", self._show, (ALL, *KINDS), label="show")
        return (*self.node_knob, show, Knob("form", "choice", self._form, FORMS, label="as"))

    def state(self, exact: bool) -> Hashable:
        return standing(self.session, exact), self.node, self._show, self._form

    # What is kept -----------------------------------------------------------------------------------

    def collect(self, exact: bool) -> Any:
        network, training = network_of(self.session), self.session.process
        if not isinstance(training, Training) or self.node is None:
            raise NothingToShow(NO_STEPS)
        step, record, node = self.session.step_number, training.record, self.node
        trace = self.session.trace
        made_at = dict(zip(trace["step"].tolist(), trace["seconds"].tolist(), strict=True))
        fresh: dict[tuple[str, str], Sample] = {}
        loaded = record.loaded
        if loaded is not None and not record.under_way and loaded.step == step - 1:
            to_numpy = network.ops.to_numpy
            for name, each in network.graph.nodes.items():
                if (mine := self._part(name)) is not None:
                    fresh["gradients", name] = sampled(network.gradient[mine], to_numpy)
                if not each.layer.is_view and name in loaded.bound.buffers:
                    fresh["activations", name] = sampled(loaded.bound.buffers[name], to_numpy)
        return step, node, made_at, fresh, self._kept_weights(node)

    def _part(self, node: str) -> slice | None:
        """Where the parameters of a node lie in the flat vector; None where it has none."""
        start, ends = 0, []
        for name, array in network_of(self.session).parameters.items():
            if name.startswith(f"{node}/"):
                ends += [start, start + array.size]
            start += array.size
        return slice(ends[0], ends[-1]) if ends else None

    def _kept_weights(self, node: str) -> list[Kept]:
        """The weights of kept steps and those of now, with samples of what is not known already."""
        mine, session = self._part(node), self.session
        if mine is None:
            return []
        network, history = network_of(session), session.history
        steps = [step for step in history.steps if step < session.step_number]
        if len(steps) > MOST_MOMENTS:
            steps = [steps[place] for place in np.linspace(0, len(steps) - 1, MOST_MOMENTS).astype(int)]
        flats = [(step, history.nearest(step)[1]["params"]) for step in steps]
        flats.append((session.step_number, network.params))
        found: list[Kept] = []
        for place, (step, flat) in enumerate(flats):
            known = self._known.get((step, node))
            if known is not None and known.flat is flat and known.update is not None:
                found.append(known)
                continue
            update = None
            if place:
                before, last = flats[place - 1]
                with np.errstate(invalid="ignore", over="ignore"):
                    update = sampled((flat[mine] - last[mine]) / (step - before), network.ops.to_numpy)
            known_by = None if flat is network.params else flat
            found.append(Kept(step, known_by, sampled(flat[mine], network.ops.to_numpy), update))
        return found

    def prepare(self, collected: Any) -> Spread:
        step, node, made_at, fresh, kept = collected
        for (kind, name), sample in fresh.items():
            if step in made_at:
                self._recorded.add(kind, name, step, made_at[step], sketched(*sample))
        kept = [each.sketched() for each in kept]
        self._known = {(each.step, node): each for each in kept if each.flat is not None}
        found = {
            "weights": {each.step: each.weights for each in kept},
            "updates": {each.step: each.update for each in kept if each.update is not None},
        }
        found |= {kind: self._recorded.of(kind, node, made_at) for kind in ("gradients", "activations")}
        return Spread(step, node, found, self._recorded.nbytes)

    # What is drawn ----------------------------------------------------------------------------------

    def chart(self, data: Spread) -> Chart:
        shown = KINDS if self._show == ALL else (self._show,)
        across = _across(data)
        draw = _ridges if self._form == RIDGES else _plot
        plots = tuple(draw(kind, data.found[kind], across) for kind in shown if data.found[kind])
        lost = [
            f"{sketch.lost:,} of {sketch.size:,} {kind} at step {step:,}"
            for kind in shown
            for step, sketch in [*data.found[kind].items()][-1:]
            if sketch.lost
        ]
        size = f"{max(1, round(data.nbytes / 1000)):,} kB"
        caption = f"not finite: {', '.join(lost)}; " if lost else ""
        caption += f"gradients and activations of steps looked at, {MOST_MOMENTS} at most, in {size} now"
        summary = f"{self.title} of {data.node} at step {data.step}: {caption}"
        told = {"caption": caption, "subject": data.node, "summary": summary, "step": data.step}
        if not plots:
            return Chart(note=f"Nothing is known of {data.node} yet: press Step", **told)
        return Chart(plots, "row", **told)

    def table(self, data: Spread) -> pd.DataFrame:
        columns = ["kind", "step", *TOLD.values(), "values", "not finite"]
        return pd.DataFrame(list(_lines(data)), columns=columns)


def _lines(data: Spread) -> Iterator[list[Any]]:
    for kind, sketches in data.found.items():
        for step, each in sketches.items():
            yield [kind, step, *(each.quantiles[place] for place in TOLD), each.size, each.lost]


def _across(data: Spread) -> Axis:
    steps = [step for sketches in data.found.values() for step in sketches]
    low, high = min(steps, default=0), max(steps, default=1)
    return Axis((low - 0.5, max(high, low + 1) + 0.5), "step")


def _plot(kind: str, sketches: dict[int, Sketch], across: Axis) -> Plot:
    steps = np.array([*sketches], float)
    moments = [*sketches.values()]
    edges = edges_of(moments, BINS)
    shares = np.stack([each.shares(edges) for each in moments], axis=1)
    # Where many values are one, such as 0, the others are still to be seen.
    some = shares[shares > 0]
    high = float(np.quantile(some, 0.97)) if len(some) else 1.0
    middles = np.array([each.quantiles[len(LEVELS) // 2] for each in moments])
    marks: list[Mark] = [
        HeatMap(_between(steps, across), edges, shares, (0.0, high), unit="of all values"),
        Line(steps, middles, "median", "muted", dots=len(steps) < 3),
    ]
    lost = np.array([each.lost for each in moments])
    if lost.any():
        at_top = np.where(lost > 0, edges[-1], np.nan)
        marks.append(Line(steps, at_top, "not finite", "fault", dots=True))
    detail = f"{moments[-1].size:,} values" + (f", {int(lost[-1]):,} not finite" if lost[-1] else "")
    return Plot(tuple(marks), kind, detail=detail, x=across, y=Axis((float(edges[0]), float(edges[-1]))))


def _ridges(kind: str, sketches: dict[int, Sketch], across: Axis) -> Plot:
    """A curve for each of some steps, the first and the last among them, that stands at its step."""
    chosen = [*sketches]
    if len(chosen) > MOST_RIDGES:
        chosen = [chosen[place] for place in np.linspace(0, len(chosen) - 1, MOST_RIDGES).astype(int)]
    moments = [sketches[step] for step in chosen]
    edges = edges_of(moments, BINS)
    shares = [each.shares(edges) for each in moments]
    peak = max((float(np.nanmax(each, initial=0.0)) for each in shares), default=0.0) or 1.0
    apart = float(np.median(np.diff(chosen))) if len(chosen) > 1 else 1.0
    middles = (edges[1:] + edges[:-1]) / 2
    lines: list[Mark] = []
    for step, each in zip(chosen, shares, strict=True):
        last = step == chosen[-1]
        label = "the last" if last else ""
        told = {"faint": not last, "key": f"{kind} at step {step}"}
        lines.append(Line(middles, step + 2.5 * apart * each / peak, label, 6 if last else 0, **told))
    end = moments[-1]
    detail = f"{end.size:,} values" + (f", {end.lost:,} not finite" if end.lost else "")
    up = Axis((chosen[0] - 0.3 * apart, chosen[-1] + 3 * apart), "step")
    return Plot(tuple(lines), kind, detail=detail, x=Axis((float(edges[0]), float(edges[-1])), "value"), y=up)


def _between(steps: np.ndarray, across: Axis) -> np.ndarray:
    """Edges around each step, halfway to the next."""
    middles = (steps[:-1] + steps[1:]) / 2
    width = float(np.median(np.diff(steps))) if len(steps) > 1 else 1.0
    low, high = across.limits
    return np.concatenate([[max(low, steps[0] - width / 2)], middles, [min(high, steps[-1] + width / 2)]])
