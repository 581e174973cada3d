"""Rows that are worth a look, and what can be done about them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.ground import checks
from cortex_lab.study import Session
from cortex_lab.widgets.chart.answered import (
    Answered,
    Collected,
    OfAnswers,
    class_ids,
    classes_of,
    label_edit,
    softened,
)
from cortex_lab.widgets.chart.buttons import Acts, Buttons
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.marks import Cells, Chart, Plot, Tiles
from cortex_lab.widgets.chart.picture_tiles import thinned
from cortex_lab.widgets.chart.view import NothingToShow, View

LOSS, MARGIN, CHANGED, LABELS = "highest loss", "lowest margin", "most changed", "likely label errors"
SELECTED = "selected"
NOTHING_SELECTED = "No row is selected.\nClick a cell of a matrix or a bar, or draw around points of a map."
MOST_PICTURES, MOST_LINES, MOST_COLUMNS, MOST_PIXELS = 48, 12, 7, 64


@dataclass(frozen=True, eq=False)
class BrowsedRows:
    """What was answered, the rows in their order, and the places in the answers of those shown."""

    answered: Answered
    frame: pd.DataFrame
    places: np.ndarray
    since: int | None
    right: float


class SampleBrowser(OfAnswers, View[BrowsedRows]):
    """Rows of the highest loss, the lowest margin, the most changed answers, doubtful labels, or selected.

    The margin is the chance of the likeliest class less that of the next; of a yes or no, how far its chance
    is from one half, twice. Answers are compared with those of about an epoch ago, at the nearest step that
    was kept. Labels are likely wrong by confident learning: another class is at least as sure as it is on
    average of rows labeled so (Northcutt, Jiang and Chuang, 2021, https://arxiv.org/abs/1911.00068). What
    was learned by heart says nothing of its labels, so look early, or at rows held out.

    What is selected, such as the rows of a cell of the confusion matrix, is shown of whatever part it is, the
    highest loss first, until something else is. A click selects a row. `act` are the edits of the buttons:
    of the rows selected or, without any, of all that are shown; for training rows only.
    """

    title = "Rows to look at"
    size = (9.6, 3.4)
    height = 300
    place = "wide"
    rank = 61
    opened = False
    says = ("classes", "yes or no", "values")
    first_part = "training"

    def __init__(self, session: Session, part: str | None = None, order: str = LOSS) -> None:
        super().__init__(session)
        self._ask(part)
        self._order = LOSS
        self._looked: BrowsedRows | None = None
        self._picked = self.selection, np.empty(0, np.int64)
        if self._answers is not None:
            self.order = order

    @property
    def orders(self) -> tuple[str, ...]:
        """The orders that there are for what the output says."""
        if self.goal.says == "values":
            return LOSS, CHANGED, SELECTED
        # What has several answers to a row has no one label that is wrong.
        single = self.goal.says == "classes" or len(self.goal.classes) == 2
        once = len(self.session.network.graph.shape(self._output)) == 1  # type: ignore[attr-defined]
        return (LOSS, MARGIN, CHANGED, *((LABELS,) if single and once else ()), SELECTED)

    @property
    def order(self) -> str:
        """Which rows come first."""
        return self._order

    @order.setter
    def order(self, name: str) -> None:
        self._order = checks.choice("order", name, self.orders)

    @property
    def knobs(self) -> tuple[Knob, ...]:
        own = (Knob("order", "choice", self._order, self.orders, label="show"),) if self._output else ()
        return (*own, *super().knobs)

    def state(self, exact: bool) -> Hashable:
        chosen = tuple(self.selection[:1000])
        return super().state(exact), self._order, chosen

    # What is known of the rows ----------------------------------------------------------------------

    def collect(self, exact: bool) -> tuple[Collected, Collected | None]:
        if self._order == SELECTED:
            return self._of_selected(), None
        now = super().collect(exact)
        if self._order not in self.orders:
            self._order = LOSS
        if self._order != CHANGED:
            return now, None
        session: Any = self.session
        ago = max(session.first_step, session.step_number - session.process.batches.steps_per_epoch)
        step, kept = session.history.nearest(ago)
        return now, replace(now, step=step, weights=(kept["params"], kept["state"], kept["loss_state"]))

    def _of_selected(self) -> Collected:
        answers, _ = self.answers, self.goal
        if self._picked[0] is not self.selection:
            # Of batches of one's own other rows cannot be had again.
            rows = self.selection.rows[np.isin(self.selection.rows, answers.known.numbers)]
            # A click on one of those that are shown marks it, and leaves the others to be clicked.
            within = len(rows) and np.isin(rows, self._picked[1]).all()
            self._picked = self.selection, self._picked[1] if within else rows
        if not len(self._picked[1]):
            raise NothingToShow(NOTHING_SELECTED)
        return answers.collect_part(SELECTED, self._picked[1])

    def prepare(self, collected: tuple[Collected, Collected | None]) -> BrowsedRows:
        now, ago = collected
        before = None if ago is None else self.answers.work_out(ago).outputs[self._output]  # type: ignore[index]
        answered = self.answers.work_out(now, losses=True)
        frame = self._frame(answered, before)
        if self._order == LABELS and "doubt" not in frame:
            raise NothingToShow(f"The {answered.part} rows have no labels.\nChoose another part of the data.")
        by, rising = {MARGIN: ("margin", True), CHANGED: ("changed", False), LABELS: ("doubt", False)}.get(
            self._order, ("loss", False)
        )
        right = float((frame.label == frame.best).mean()) if by == "doubt" else 1.0
        if by == "doubt":
            frame = frame[frame.doubt > 0]
        frame = frame.iloc[np.argsort(_sortable(frame[by], rising), kind="stable")]
        pictured = _pictured(answered.inputs)
        most = MOST_LINES if pictured is None else MOST_PICTURES
        places = pd.Index(answered.rows).get_indexer(frame.index[:most])
        self._looked = BrowsedRows(answered, frame, places, ago and ago.step, right)
        return self._looked

    def _frame(self, answered: Answered, before: np.ndarray | None) -> pd.DataFrame:
        goal, values = self.goal, answered.outputs[self._output].astype(np.float64)  # type: ignore[index]
        count = len(answered.rows)
        frame = pd.DataFrame({"loss": answered.losses}, pd.Index(answered.rows, name="row"))
        target = answered.targets.get(self._output)  # type: ignore[arg-type]
        if goal.says == "values" or (goal.says == "yes or no" and len(goal.classes) != 2):
            if goal.says != "values":
                values = softened(goal, values)
                frame["margin"] = np.abs(2 * values - 1).reshape(count, -1).min(axis=1)
                before = None if before is None else softened(goal, before)
            elif values.size == count and target is not None:
                frame["target"], frame["predicted"] = np.asarray(target).reshape(-1), values.reshape(-1)
            if before is not None:
                frame["changed"] = np.abs(values - before).reshape(count, -1).mean(axis=1)
            return frame
        chances, names = classes_of(goal, values)
        ranked = np.sort(chances, axis=1)
        frame["margin"] = (ranked[:, -1] - ranked[:, -2]).reshape(count, -1).min(axis=1)
        if before is not None:
            moved = np.abs(chances - classes_of(goal, before)[0]).sum(axis=1) / 2
            frame["changed"] = moved.reshape(count, -1).mean(axis=1)
        if target is None or len(chances) != count:
            return frame
        truth, finite = class_ids(np.asarray(target), count, len(names)), np.isfinite(chances).all(axis=1)
        called = np.array([*names, "unknown"], object)
        best = np.where(np.isfinite(chances), chances, -np.inf).argmax(axis=1)
        frame["label"], frame["said"] = called[truth], called[np.where(finite, best, len(names))]
        if self._order == LABELS:
            doubt, other = confident_errors(chances, truth)
            frame = frame.assign(best=frame["said"], doubt=doubt)
            frame["said"] = np.where(doubt > 0, called[other], frame["said"])
        return frame

    # What is drawn ----------------------------------------------------------------------------------

    def chart(self, data: BrowsedRows) -> Chart:
        shown = data.frame.iloc[: len(data.places)]
        first = "highest loss first" if self._order == SELECTED else self._order
        caption = f"{first}: {len(shown):,} of {data.answered.told}"
        if self._order == CHANGED and data.since is not None:
            caption += f", since step {data.since:,}"
        if self._order == LABELS:
            caption = f"{len(data.frame):,} of {data.answered.told} have labels that are likely wrong"
            caption += f", says a network that is right about {data.right:.0%}" if data.right < 1 else ""
        unknown = int(np.isnan(data.answered.losses).sum())
        if unknown and self._order in (LOSS, SELECTED):
            caption += f"; the loss of {unknown:,} is not a number"
        summary = f"{self.title} at step {data.answered.step}, {caption}"
        told = {"caption": caption, "summary": summary, "step": data.answered.step}
        if not len(shown):
            return Chart((Plot((Buttons((), ()),)),), note="No label looks wrong.", **told)
        pictured = _pictured(data.answered.inputs)
        mark = self._lines(data, shown) if pictured is None else _tiles(pictured[data.places], shown)
        plots = (Plot((mark,), share=3.0),)
        if self._trained_on(data.answered):
            plots += (self._buttons(data),)
        return Chart(plots, "row", **told)

    def _lines(self, data: BrowsedRows, shown: pd.DataFrame) -> Cells:
        known = shown.drop(columns=["doubt", "best"], errors="ignore")
        inputs = data.answered.inputs
        name = next(iter(inputs))
        values = np.asarray(inputs[name])[data.places].reshape(len(shown), -1)[:, :MOST_COLUMNS]
        named = [str(column) for column in self.session.network.reads.get(name, ())]  # type: ignore[attr-defined]
        width = int(np.prod(np.shape(inputs[name])[1:]))
        heads = named if len(named) == width else [f"{name} {place}" for place in range(width)]
        columns = (*known.columns, *heads[: values.shape[1]])
        texts = [[_text(value) for value in line] for line in known.to_numpy(object)]
        texts = [text + [_text(value) for value in line] for text, line in zip(texts, values, strict=True)]
        shades = np.full((len(shown), len(columns)), np.nan)
        shades[:, 0] = _shades(shown["loss"].to_numpy())
        lines = tuple(f"row {row}" for row in shown.index)
        flat = tuple(text for line in texts for text in line)
        keys = {"keys": shown.index.to_numpy(), "pins": True, "texts": flat, "numbers": False}
        return Cells(shades, (0.0, 2.0), lines, columns, **keys)

    def table(self, data: BrowsedRows) -> pd.DataFrame:
        return data.frame.copy()

    # What can be done -------------------------------------------------------------------------------

    def _chosen(self, data: BrowsedRows) -> pd.DataFrame:
        """The rows that a button is about: those selected among all that were answered, or those shown."""
        if len(self.selection):
            return data.frame.loc[data.frame.index.isin(self.selection.rows)]
        return data.frame.iloc[: len(data.places)]

    def _trained_on(self, answered: Answered) -> bool:
        """Whether all of these rows are trained on, so that there is something to be done about them."""
        if answered.part != SELECTED:
            return answered.part == "training"
        mine = self.answers.parts().get("training", np.empty(0, np.int64))
        return bool(np.isin(answered.rows, mine).all())

    def _buttons(self, data: BrowsedRows) -> Plot:
        count = len(self._chosen(data))
        which = "selected" if len(self.selection) else "shown"
        deeds = {
            "Leave out": "train on them no more",
            "Count half": "weight 0.5",
            "Count as others": "weight 1",
        }
        if "said" in data.frame:
            deeds["Label as said"] = "from the next batch on"
        buttons = Buttons(tuple(deeds), tuple(deeds.values()))
        return Plot((buttons,), f"the {count} row{'s' * (count != 1)} {which}", share=1.0)

    def act(self, number: int) -> Acts:
        """The edits of a button: leave out, count half, count as others, label as said."""
        mine = self._chosen(self._looked or self.look())
        if not len(mine):
            return Acts()
        rows = [int(row) for row in mine.index]
        if number == 0:
            return Acts((("excluded_rows", rows),))
        if number in (1, 2):
            return Acts((("row_weights", dict.fromkeys(rows, 0.5 if number == 1 else 1.0)),))
        labels = {row: said for row, said in zip(rows, mine["said"], strict=True) if said != "unknown"}
        assert self._output is not None
        return Acts((("labels", label_edit(self.session, self._output, self.goal, labels)),))


def confident_errors(chances: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By how much another class is likelier than the label, 0 where that is in no doubt; and that class.

    `chances` (rows, classes), `labels` (rows,), negative where unknown. A label is in doubt if another class
    is at least as likely as it is on average among the rows with that label, and likelier than the label.
    """
    count = chances.shape[1]
    known = (labels >= 0) & np.isfinite(chances).all(axis=1)
    usual = np.full(count, np.inf)
    for each in range(count):
        mine = known & (labels == each)
        if mine.any():
            usual[each] = chances[mine, each].mean()
    sure = np.where(known[:, None] & (chances >= usual), chances, -np.inf)
    other = np.where(np.isfinite(sure).any(axis=1), sure.argmax(axis=1), np.maximum(labels, 0))
    places = np.arange(len(labels))
    more = np.where(known, chances[places, other] - chances[places, np.maximum(labels, 0)], 0.0)
    return np.where(known & (other != labels), np.maximum(more, 0.0), 0.0), other


def _sortable(values: pd.Series, rising: bool) -> np.ndarray:
    """What sorts the first first: of losses infinity, then the highest; what is unknown comes last."""
    found = values.to_numpy(np.float64) if rising else -values.to_numpy(np.float64)
    return np.where(np.isnan(found), np.inf, found)


def _pictured(inputs: dict[str, np.ndarray]) -> np.ndarray | None:
    """The first input that is pictures, in a size that can be seen; None without one."""
    for values in inputs.values():
        if values.ndim == 4 and values.shape[3] in (1, 3):
            return values
    return None


def _tiles(pictures: np.ndarray, shown: pd.DataFrame) -> Tiles:
    small = np.stack([thinned(picture, MOST_PIXELS) for picture in pictures])
    high = 255.0 if small.dtype == np.uint8 else max(1.0, float(np.nanmax(small, initial=0.0)))
    low = min(0.0, float(np.nanmin(small, initial=0.0)))
    told = [
        ", ".join(f"{name} {_text(value)}" for name, value in line.items() if name not in ("doubt", "best"))
        for line in shown.to_dict("records")
    ]
    tiles = small if small.shape[3] == 3 else small[..., 0]
    keys = {"keys": shown.index.to_numpy(), "pins": True, "told": tuple(told)}
    return Tiles(tiles, (low, high), "gray", "row", **keys)


def _shades(losses: np.ndarray) -> np.ndarray:
    finite = losses[np.isfinite(losses)]
    high = float(np.abs(finite).max(initial=0.0)) or 1.0
    return np.where(np.isnan(losses), np.nan, np.clip(losses / high, 0, 1))


def _text(value: object) -> str:
    text = f"{value:.3g}" if isinstance(value, (float, np.floating)) else str(value)
    return (text if len(text) <= 24 else text[:23] + "…").replace("-", "−")
