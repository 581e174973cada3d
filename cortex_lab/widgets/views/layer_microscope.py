"""One layer close up: what it gives, the gradient that comes back, its kernels; and each of its units."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.ground import checks
from cortex_lab.nn import Training
from cortex_lab.study import Session
from cortex_lab.widgets.chart import units
from cortex_lab.widgets.chart.buttons import Acts, Buttons
from cortex_lab.widgets.chart.close_up import (
    input_picture,
    kernels,
    layer_picture,
    norms_over_time,
    rows_picture,
    weights_into,
)
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.layer_stats import NO_STEPS
from cortex_lab.widgets.chart.marks import Chart, Plot
from cortex_lab.widgets.chart.nodes import OfOneNode
from cortex_lab.widgets.chart.one_row import OfOneRow
from cortex_lab.widgets.chart.passed import RowPasses, Weights
from cortex_lab.widgets.chart.rows import Named, has_rows, rows_of
from cortex_lab.widgets.chart.standing import standing
from cortex_lab.widgets.chart.subjects import network_of
from cortex_lab.widgets.chart.unit_history import UnitHistory, UnitPast, history_plots
from cortex_lab.widgets.chart.view import NothingToShow, View

ROW, BATCH, CLASS = "row", "batch", "class mean"
LAYER, UNIT = "layer", "unit"
MOST_ROWS, MOST_VALUES, MOST_EXCITED = 256, 2**21, 12
FIRST_UNIT = 100
"""The number of a click on unit 0; those below are of buttons."""


@dataclass(frozen=True, eq=False)
class Magnified:
    """What was found of a `node`: of a row, or of the mean of several as `told`.

    `activation` and `gradient` of the loss (*shape of its output, None where there is none), its parameters
    by name; `norms` of the weights into each unit, empty where it has no units. Of the chosen `unit`: its
    `place` in the output, the `source` input with `sees`, `saliency` and `occlusion` of it, the rows that
    excite it most with how much they do, the norm of its weights over `steps`, and what its `past` was.
    """

    step: int
    node: str
    told: str
    activation: np.ndarray
    gradient: np.ndarray | None
    parameters: dict[str, np.ndarray]
    norms: np.ndarray
    unit: int
    place: tuple[int, ...] = ()
    source: str = ""
    given: np.ndarray | None = None
    sees: np.ndarray | None = None
    saliency: np.ndarray | None = None
    occlusion: np.ndarray | None = None
    rows: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    excitement: np.ndarray = field(default_factory=lambda: np.empty(0))
    inputs: Named = field(default_factory=dict)
    steps: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    past_norms: np.ndarray = field(default_factory=lambda: np.empty(0))
    past: UnitPast = field(default_factory=lambda: UnitPast("nobody asked"))


@dataclass(frozen=True, eq=False)
class Copied:
    step: int
    weights: Weights
    kept: tuple[np.ndarray, list[dict[str, Any]]]
    batch: tuple[int, np.ndarray, np.ndarray | None] | None


class LayerMicroscope(OfOneNode, OfOneRow, View[Magnified]):
    """Activations, gradients and kernels of a layer, for a row, the last batch or the mean of a class.

    A click on a unit shows it alone: what of the input it can see, the gradient of its value with respect to
    the input and by how much its value falls where a part of the input is hidden, the rows that excite it
    most; and its history at the steps that the session keeps: the norm of the weights into it, its mean
    activation and the mean size of its gradient, computed anew for up to 64 rows and 24 steps, fewer of
    large networks. Where a unit is at several places, it is looked at where it is largest. Buttons revive a
    unit, freeze and reset the layer, as edits.

    `node` says which layer, `of` which rows ("row", "batch", "class mean"), `show` "layer" or "unit".
    """

    title = "Layer microscope"
    size = (9.6, 3.0)
    height = 240
    place = "wide"
    rank = 38
    opened = False

    def __init__(
        self, session: Session, node: str | None = None, pinned: int | None = None, unit: int | None = None
    ) -> None:
        super().__init__(session)
        self._of, self._show, self._unit, self._class = ROW, LAYER, 0, 0
        self._sample: tuple[np.ndarray, Named, Named] | None = None
        if self.fits(session):
            self._passes = RowPasses(session)
            self._history = UnitHistory(self._passes)
            self.pin(pinned)
        if node is not None:
            self.node = node
        if unit is not None:
            self.unit, self.show = unit, UNIT

    @classmethod
    def fits(cls, session: Session) -> bool:
        return isinstance(session.process, Training) and has_rows(session)

    # What may be set --------------------------------------------------------------------------------

    @property
    def of(self) -> str:
        """Whose activations are shown: of the pinned "row", the mean of the last "batch", a "class mean"."""
        return self._of

    @of.setter
    def of(self, name: str) -> None:
        self._of = checks.choice("of", name, self._ways)

    @property
    def show(self) -> str:
        """What is shown: the "layer", or one "unit" of it."""
        return self._show

    @show.setter
    def show(self, name: str) -> None:
        self._show = checks.choice("show", name, (LAYER, UNIT))

    @property
    def unit(self) -> int:
        """Number of the unit, a channel of the output; of a layer with fewer, its last is shown."""
        return self._unit

    @unit.setter
    def unit(self, number: int) -> None:
        self._unit = checks.whole("unit", number, least=0, most=self._widest - 1)

    @property
    def of_class(self) -> str | None:
        """The class whose mean is shown; None where there are no classes."""
        return self._classes[self._class] if self._classes else None

    @of_class.setter
    def of_class(self, name: str) -> None:
        self._class = self._classes.index(checks.choice("of_class", name, self._classes))

    @property
    def _goal(self) -> str | None:
        """The output that tells classes apart, the first of them."""
        goals = self._rows.goals if self._rows is not None else {}
        return next((name for name, goal in goals.items() if goal.says == "classes"), None)

    @property
    def _classes(self) -> tuple[str, ...]:
        return self._rows.goals[self._goal].classes if self._rows and self._goal else ()

    @property
    def _ways(self) -> tuple[str, ...]:
        return (ROW, BATCH, CLASS) if self._classes else (ROW, BATCH)

    @property
    def _widest(self) -> int:
        nodes = network_of(self.session).graph.nodes.values()
        return max((node.out_shape[-1] for node in nodes if node.out_shape), default=1)

    @property
    def knobs(self) -> tuple[Knob, ...]:
        if not self.pinned_knob:
            return ()
        found = [
            *self.node_knob,
            Knob("show", "choice", self._show, (LAYER, UNIT), label="show"),
            Knob("unit", "count", self._unit, limits=(0, self._widest - 1), label="unit"),
            Knob("of", "choice", self._of, self._ways, label="of"),
            *self.pinned_knob,
        ]
        if len(self._classes) > 1:
            found.append(Knob("of_class", "choice", self.of_class, self._classes, label="class"))
        return tuple(found)

    def state(self, exact: bool) -> Hashable:
        chosen = self._pinned, self._of, self._show, self._unit, self._class
        return standing(self.session, exact), self.node, chosen

    # What is collected ------------------------------------------------------------------------------

    def collect(self, exact: bool) -> Copied:
        network_of(self.session)
        if self._rows is None or self.node is None:
            rows_of(self.session)
            raise NothingToShow(NO_STEPS)
        batch = self._last_batch() if self._of == BATCH else None
        kept = (
            units.history_of(self.session, self.node) if self._show == UNIT else (np.empty(0, np.int64), [])
        )
        return Copied(self.session.step_number, self._passes.weights(), kept, batch)

    def _last_batch(self) -> tuple[int, np.ndarray, np.ndarray | None]:
        """How many rows the last batch had, the mean of what they gave, and the gradient of their loss."""
        training: Any = self.session.process
        network, record = network_of(self.session), training.record
        loaded = record.loaded
        if loaded is None or record.under_way or loaded.step != self.session.step_number - 1:
            raise NothingToShow("No batch has passed since the last rewind.\nPress Step, or look at a row.")
        buffers, to_numpy = loaded.bound.buffers, network.ops.to_numpy
        mean = np.asarray(to_numpy(buffers[self.node]), np.float64).mean(axis=0)
        back = buffers.get(f"gradient:{self.node}")
        # Of each row it is that of its part in the mean loss of all.
        gradient = None if back is None else np.asarray(to_numpy(back), np.float64).sum(axis=0)
        return loaded.bound.rows, mean, gradient

    def prepare(self, collected: Copied) -> Magnified:
        network, node = network_of(self.session), self.node or ""
        arrays = units.weights_of(network, collected.weights[0])
        owner = network.graph.nodes[node].shares or node
        mine = {name: array for name, array in arrays.items() if name.rpartition("/")[0] == owner}
        if collected.batch is not None:
            count, activation, gradient = collected.batch
            told = f"the mean of the last batch, {count} rows"
        else:
            told, activation, gradient = self._of_rows(collected, node)
        width = activation.shape[-1] if activation.ndim else 1
        activation = activation.reshape(1) if not activation.ndim else activation
        unit = min(self._unit, width - 1)
        found = Magnified(
            collected.step, node, told, activation, gradient, mine,
            units.unit_norms(network, node, arrays), unit,
        )  # fmt: skip
        return self._of_unit(found, collected) if self._show == UNIT else found

    def _of_rows(self, collected: Copied, node: str) -> tuple[str, np.ndarray, np.ndarray | None]:
        assert self._rows is not None
        wanted = (node, f"gradient:{node}")
        if self._of == ROW:
            told, rows = f"row {self._pinned}", self.pinned_row()
        else:
            numbers, inputs, targets = self._sampled()
            truth = np.asarray(targets.get(self._goal or "", np.full(len(numbers), -1)))
            known = truth.reshape(len(truth), -1)[:, 0] == self._class
            if not known.any():
                raise NothingToShow(
                    f"None of the {len(numbers)} rows looked at is of class {self.of_class!r}.\n"
                    "Choose another class, or look at a row."
                )
            told = f"the mean of {int(known.sum())} rows of class {self.of_class}"
            rows = tuple({name: each[known] for name, each in part.items()} for part in (inputs, targets))
        passed = self._passes.run(collected.weights, *rows, wanted)  # type: ignore[arg-type]
        back = passed.get(wanted[1])
        mean = np.asarray(passed.buffers[node], np.float64).mean(axis=0)
        return told, mean, None if back is None else np.asarray(back, np.float64).mean(axis=0)

    def _sampled(self) -> tuple[np.ndarray, Named, Named]:
        """Rows to look at, the same each time: held out, if there are some."""
        assert self._rows is not None
        if self._sample is None:
            size = sum(int(np.prod(shape)) for shape in network_of(self.session).graph.inputs.values())
            most = max(1, min(MOST_ROWS, MOST_VALUES // max(1, size)))
            shown = self._rows.shown
            if len(shown) > most:
                shown = np.sort(np.random.default_rng(0).choice(shown, most, replace=False))
            self._sample = (shown, *self._rows.take(shown))
        return self._sample

    def _of_unit(self, found: Magnified, collected: Copied) -> Magnified:
        assert self._rows is not None
        network, node, unit, weights = network_of(self.session), found.node, found.unit, collected.weights
        rows, inputs, targets = self._sampled()
        passed = self._passes.activations(weights, inputs, node)
        excitement = units.excited(passed.reshape(len(rows), -1) if passed.ndim < 2 else passed, unit)
        order = np.argsort(np.where(np.isnan(excitement), np.inf, -excitement), kind="stable")[:MOST_EXCITED]
        steps, snapshots = collected.kept
        norms = [
            units.unit_norms(network, node, units.weights_of(network, each["params"])) for each in snapshots
        ]
        more: dict[str, Any] = {
            "rows": rows[order], "excitement": excitement[order],
            "inputs": {name: values[order] for name, values in inputs.items()},
            "past": self._history.past(node, collected.kept, (found.step, weights), (inputs, targets)),
        }  # fmt: skip
        if len(found.norms):
            more["steps"] = np.array([*steps, found.step])
            more["past_norms"] = np.array([each[unit] for each in (*norms, found.norms)])
        if self._of == ROW:
            given = self.pinned_row()[0]
            place = units.place_of(found.activation, unit)
            places = np.zeros(found.activation.shape, bool)
            places[place] = True
            more["place"] = place
            seen = units.input_of(network, node, places.reshape(network.graph.shape(node)))
            if seen is not None:
                places = places.reshape(network.graph.shape(node))
                source, mask = seen
                of = (self._passes, weights, given, node, source, places)
                usual = units.usual_of(np.asarray(inputs[source]))
                more |= {"source": source, "given": np.asarray(network.seen(source, given[source]))[0],
                         "sees": mask, "saliency": units.saliency(*of),
                         "occlusion": units.occlusion(*of, usual)}  # fmt: skip
        return Magnified(**{**vars(found), **more})

    # What is drawn ----------------------------------------------------------------------------------

    def chart(self, data: Magnified) -> Chart:
        unit = self._show == UNIT
        plots = self._unit_plots(data) if unit else self._layer_plots(data)
        buttons = self._buttons(data)
        if buttons:
            mark = Buttons(tuple(name for name, *_ in buttons), tuple(said for _, said, _ in buttons))
            plots.append(Plot((mark,), share=1.3 if unit else 0.9))
        caption = f"{data.told}; unit {data.unit} of {data.activation.shape[-1]}" if unit else data.told
        if unit and len(data.place) > 1:
            caption += f", where it is largest: {list(data.place[:-1])}"
        caption += f"; history {data.past.told}" if unit else ""
        lost = int(np.count_nonzero(~np.isfinite(data.activation)))
        caption += f"; {lost:,} of its values are not finite" if lost else ""
        caption += "" if unit else "; a click on a unit shows it alone"
        summary = f"{self.title}, {data.node} at step {data.step}: {caption}"
        return Chart(tuple(plots), "row", caption=caption, subject=data.node, summary=summary, step=data.step)

    def _layer_plots(self, data: Magnified) -> list[Plot]:
        plots = [layer_picture("activation", data.activation, FIRST_UNIT)]
        if data.gradient is not None:
            plots.append(layer_picture("gradient of the loss", data.gradient, FIRST_UNIT))
        source = network_of(self.session).graph.nodes[data.node]
        return [*plots, *kernels(data.parameters, source)]

    def _unit_plots(self, data: Magnified) -> list[Plot]:
        plots = [*weights_into(data.parameters, network_of(self.session).graph.nodes[data.node], data.unit)]
        if data.given is not None and data.sees is not None:
            reads = [str(name) for name in network_of(self.session).reads.get(data.source, ())]
            count = int(data.sees.sum())
            dim = input_picture("what it sees", data.given, reads, data.sees)
            plots.append(Plot(dim.marks, dim.title, detail=f"{count:,} of {data.sees.size:,} values"))
            assert data.saliency is not None and data.occlusion is not None
            plots.append(input_picture("its gradient", data.saliency, reads))
            if data.given.ndim == 2:
                reads = [f"step {step}" for step in range(len(data.given))]
            plots.append(input_picture("its fall, hidden", data.occlusion, reads))
        plots.append(rows_picture(data.rows, data.excitement, data.inputs))
        return [*plots, *norms_over_time(data.steps, data.past_norms), *history_plots(data.past, data.unit)]

    def table(self, data: Magnified) -> pd.DataFrame:
        """A line for each unit: mean and largest activation, norms of its gradient and of its weights."""
        flat = data.activation.reshape(-1, data.activation.shape[-1])
        frame = pd.DataFrame({"activation mean": flat.mean(axis=0), "activation max": flat.max(axis=0)})
        if data.gradient is not None:
            frame["gradient norm"] = np.linalg.norm(data.gradient.reshape(-1, flat.shape[1]), axis=0)
        if len(data.norms) == len(frame):
            frame["weight norm"] = data.norms
        return frame.rename_axis("unit")

    # What can be done -------------------------------------------------------------------------------

    def _buttons(self, data: Magnified) -> list[tuple[str, str, Acts]]:
        """The buttons there are: what stands on each, what it does, and the edits."""
        training: Any = self.session.process
        node, found = data.node, []
        if len(data.norms):
            one, every = [data.unit], list(range(len(data.norms)))
            edit = f"revived_unit[{node!r}]"
            found.append((f"Revive unit {data.unit}", "fresh weights for it", Acts(((edit, one),))))
            found.append(("Reset the layer", "fresh weights for all units", Acts(((edit, every),))))
        if data.parameters:
            rests = node in training.frozen.nodes
            others = sorted(training.frozen.nodes - {node}) if rests else [*training.frozen.patterns, node]
            name, said = ("Thaw the layer", "it learns again") if rests else ("Freeze the layer", "it rests")
            found.append((name, said, Acts((("frozen", others),))))
        return found

    def act(self, number: int) -> Acts:
        """A click on a unit shows it alone; one on a button makes its edits."""
        if number >= FIRST_UNIT:
            unit = min(number - FIRST_UNIT, self._widest - 1)
            return Acts(turns=((self.name, "unit", unit), (self.name, "show", UNIT)))
        buttons = self._buttons(self.look())
        return buttons[number][2] if 0 <= number < len(buttons) else Acts()
