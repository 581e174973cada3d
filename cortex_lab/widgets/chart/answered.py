"""What a session's network answers for rows of its data, worked out away from the training."""

from __future__ import annotations

import math
import threading
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.data import Batches, Source
from cortex_lab.ground import checks, forks
from cortex_lab.nn import Network, Training
from cortex_lab.nn.train.objective import TotalLoss
from cortex_lab.study import Session
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.layer_pictures import softmax
from cortex_lab.widgets.chart.rows import Asked, KnownRows, Named, rows_of
from cortex_lab.widgets.chart.standing import standing
from cortex_lab.widgets.chart.subjects import network_of
from cortex_lab.widgets.chart.view import NothingToShow

MOST_ROWS = 2000
"""Rows that are answered for; of more, a sample that stays the same."""
MOST_VALUES = 2**22
"""Numbers in the inputs of those rows, so that large pictures do not take forever."""
FEWEST_ROWS = 64


@dataclass(frozen=True, eq=False)
class Collected:
    """Copies of what is needed to answer for rows: a part of the data, and the weights of a step."""

    step: int
    part: str
    rows: np.ndarray
    total: int
    inputs: Named
    targets: Named
    weights: tuple[Any, Any, dict[str, Any]]


@dataclass(frozen=True, eq=False)
class Answered:
    """What each output said of `rows`, of `total` in the part, beside the targets; the loss of each row."""

    step: int
    part: str
    rows: np.ndarray
    total: int
    inputs: Named
    targets: Named
    outputs: Named
    losses: np.ndarray

    @property
    def told(self) -> str:
        """Which rows these are, in words."""
        if len(self.rows) < self.total:
            return f"a sample of {len(self.rows):,} of {self.total:,} {self.part} rows"
        return f"all {self.total:,} {self.part} rows"


class RowAnswers:
    """Has a copy of a session's network answer for the rows of a part of its data.

    `collect` copies weights, at a safe point; `work_out` then runs the copy, which keeps nobody waiting.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.known: KnownRows = rows_of(session)
        self._parts: tuple[Batches, dict[str, np.ndarray]] | None = None
        self._twin: tuple[Network, TotalLoss] | None = None
        self._taken: tuple[np.ndarray, Any, tuple[np.ndarray, Named, Named]] | None = None
        self._turn = forks.freed(threading.Lock())

    @staticmethod
    def fits(session: Session) -> bool:
        """Whether it trains a network on rows that can be asked for."""
        return isinstance(session.process, Training) and hasattr(session.process.batches, "fetch")

    def parts(self) -> dict[str, np.ndarray]:
        """Row numbers of each part of the data, those held out first; of training rows those not left out."""
        known, batches = self.known, self.session.process.batches  # type: ignore[attr-defined]
        if not isinstance(batches, Batches):
            return {"known": known.shown}
        if self._parts is None or self._parts[0] is not batches:
            self._parts = batches, self._parts_of(batches)
        return self._parts[1]

    def _parts_of(self, batches: Batches) -> dict[str, np.ndarray]:
        known = self.known
        splits = getattr(getattr(self.session, "dataset", None), "splits", None) or {}
        found = {name: np.asarray(splits[name]) for name in ("test", "validation") if name in splits}
        found |= {name: np.asarray(rows) for name, rows in splits.items() if name not in (*found, "train")}
        if not splits:
            served = np.concatenate([batches.rows, batches.excluded])
            rest = known.numbers[~np.isin(known.numbers, served, kind="table")]
            found = {"held-out": rest} if len(rest) else {}
        return {**found, "training": np.sort(batches.rows)}

    def collect(self, part: str) -> Collected:
        numbers = self.parts().get(part, np.empty(0, np.int64))
        if not len(numbers):
            raise NothingToShow(f"There are no {part} rows.\nChoose another part of the data.")
        return self.collect_part(part, numbers)

    def collect_part(self, part: str, numbers: np.ndarray) -> Collected:
        """As `collect`, of these rows, or a sample of them, under a name of their own."""
        return self._collected(part, len(numbers), *self._take(numbers))

    def collect_rows(self, rows: np.ndarray) -> Collected:
        """As `collect`, of these rows, all of them."""
        rows = np.asarray(rows)
        return self._collected("chosen", len(rows), rows, *self._known_now(rows))

    def _collected(self, part: str, total: int, rows: np.ndarray, inputs: Named, targets: Named) -> Collected:
        training: Any = self.session.process
        network = training.network
        state = {name: values.copy() for name, values in training.objective.state.items()}
        weights = network.params.copy(), network.state.copy(), state
        return Collected(self.session.step_number, part, rows, total, inputs, targets, weights)

    def work_out(self, collected: Collected, losses: bool = False) -> Answered:
        """What the network said, and with `losses` the loss of each row too, NaN where it is not known."""
        with self._turn:
            network, objective = self._twin_with(*collected.weights)
            inputs = network.checked_inputs(collected.inputs)
            outputs = network.activations(inputs, list(network.graph.outputs))
            of_rows = np.full(len(collected.rows), np.nan)
            if losses and collected.targets:
                of_rows = objective.row_losses(inputs, objective.check_all_targets(collected.targets))
        said = collected.step, collected.part, collected.rows, collected.total
        return Answered(*said, collected.inputs, collected.targets, outputs, of_rows)

    def answer(self, collected: Collected, inputs: Named) -> Named:
        """What each output says of other inputs, with the weights that were collected."""
        with self._turn:
            network, _ = self._twin_with(*collected.weights)
            return network.activations(network.checked_inputs(inputs), list(network.graph.outputs))

    def _take(self, numbers: np.ndarray) -> tuple[np.ndarray, Named, Named]:
        batches: Any = self.session.process.batches  # type: ignore[attr-defined]
        if self._taken is None or self._taken[0] is not numbers or self._taken[1] is not batches:
            rows = self._sample(numbers)
            self._taken = numbers, batches, (rows, *self._known_now(rows))
        return self._taken[2]

    def _known_now(self, rows: np.ndarray) -> tuple[Named, Named]:
        """Inputs and targets of rows, with the labels that they were given in this session."""
        training: Any = self.session.process
        inputs, targets = self.known.take(rows)
        if getattr(training.batches, "relabeled_rows", None):
            named = training.objective.by_output(_picked(training.batches.targets, rows))
            targets = {name: np.asarray(values) for name, values in named.items()}
        return inputs, targets

    def _sample(self, numbers: np.ndarray) -> np.ndarray:
        network = network_of(self.session)
        size = sum(math.prod(shape) for shape in network.graph.inputs.values())
        most = min(MOST_ROWS, max(FEWEST_ROWS, MOST_VALUES // max(1, size)))
        if len(numbers) <= most:
            return numbers
        return np.sort(np.random.default_rng(0).choice(numbers, most, replace=False))

    def _twin_with(self, params: Any, state: Any, losses: dict[str, Any]) -> tuple[Network, TotalLoss]:
        training: Any = self.session.process
        if self._twin is None:
            network, ours = training.network.copy(), training.objective
            self._twin = network, TotalLoss(network, ours.losses, ours.weights, ours.like_pictures)
        network, objective = self._twin
        network.ops.copy(params, out=network.params)
        network.ops.copy(state, out=network.state)
        for name, values in losses.items():
            network.ops.copy(values, out=objective.state[name])
        return network, objective


class OfAnswers:
    """Of a view of what one `output` answers for the rows of one `part`, two knobs to turn."""

    session: Session
    says: tuple[str, ...]
    """What the outputs that it shows are asked for."""
    instead = "Look at another view."
    """What to do where there is no such output."""
    first_part: str | None = None
    """The part whose rows are shown at first; None for those held out, if there are some."""

    def _ask(self, part: str | None) -> None:
        """To be called when the view is made."""
        self.outputs: list[str] = []
        self._part, self._output, self._answers = "", None, None
        if not RowAnswers.fits(self.session):
            return
        self._answers = RowAnswers(self.session)
        goals, parts = self._answers.known.goals, [*self._answers.parts()]
        self.outputs = [name for name, goal in goals.items() if goal.says in self.says]
        self._output = next(iter(self.outputs), None)
        self._part = self.first_part if self.first_part in parts else parts[0]
        if part is not None:
            self.part = part

    @property
    def answers(self) -> RowAnswers:
        """What asks the network; NothingToShow where there is none, or no rows."""
        if self._answers is None:
            rows_of(self.session)
            raise NothingToShow(
                "This session trains on no rows of its own.\nMake one with cl.train(network, ...)."
            )
        return self._answers

    @classmethod
    def fits(cls, session: Session) -> bool:
        """Whether any output of the session is asked for what the view shows."""
        if not RowAnswers.fits(session):
            return False
        return any(goal.says in cls.says for goal in rows_of(session).goals.values())

    def state(self, exact: bool) -> Hashable:
        return standing(self.session, exact), self._part, self._output

    def collect(self, exact: bool) -> Any:
        """Copies of what the rows of the part are answered with."""
        answers, _ = self.answers, self.goal
        return answers.collect(self._part)

    @property
    def part(self) -> str:
        """The part of the data whose rows are shown."""
        return self._part

    @part.setter
    def part(self, name: str) -> None:
        self._part = checks.choice("part", name, tuple(self.answers.parts()))

    @property
    def output(self) -> str | None:
        """The output whose answers are shown."""
        return self._output

    @output.setter
    def output(self, name: str) -> None:
        self._output = checks.choice("output", name, tuple(self.outputs))

    @property
    def goal(self) -> Asked:
        """What the output is asked for; NothingToShow where none is asked for what the view shows."""
        if self._output is None:
            goals = self.answers.known.goals
            told = ", ".join(f"{name!r} is asked for {goal.says}" for name, goal in goals.items())
            wanted = " or ".join(self.says)
            raise NothingToShow(f"This shows outputs asked for {wanted}; {told}.\n{self.instead}")
        return self.answers.known.goals[self._output]

    @property
    def knobs(self) -> tuple[Knob, ...]:
        if self._answers is None:
            return ()
        choices = {
            "part": (self._part, tuple(self._answers.parts())),
            "output": (self._output, tuple(self.outputs)),
        }
        labels = {"part": "rows", "output": "output"}
        return tuple(
            Knob(name, "choice", now, known, label=labels[name])
            for name, (now, known) in choices.items()
            if len(known) > 1
        )


def classes_of(goal: Asked, values: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """The chance of each class, (n, classes) with a line for each answer, and the names of the classes."""
    if goal.says == "yes or no":
        chance = softened(goal, values).reshape(-1)
        return np.stack([1 - chance, chance], axis=1), goal.classes
    chances = softmax(values, goal.link)
    return chances.reshape(-1, chances.shape[-1]), goal.classes


def class_ids(target: np.ndarray, answers: int, count: int) -> np.ndarray:
    """The class of each answer; -1 where it is unknown."""
    if target.dtype.kind == "f" and target.ndim > 1 and target.shape[-1] == count and target.size > answers:
        return np.where(np.isfinite(target).all(axis=-1), target.argmax(axis=-1), -1).reshape(-1)
    if target.dtype.kind == "f":
        target = np.where(np.isfinite(target) & (target >= 0), target > 0.5 if count == 2 else target, -1)
    return np.where(target >= 0, target, -1).astype(np.int64).reshape(-1)


def softened(goal: Asked, values: np.ndarray) -> np.ndarray:
    """Chances of yes."""
    values = values.astype(np.float64)
    return 0.5 * (1 + np.tanh(0.5 * values)) if goal.link == "sigmoid" else values


def label_edit(session: Session, output: str, goal: Asked, labels: Mapping[int, str]) -> Any:
    """What to edit "labels" with, so that rows have other ones of the classes of an output."""
    batches: Any = session.process.batches  # type: ignore[attr-defined]
    classes = batches.classes.get(output) if isinstance(batches.classes, dict) else batches.classes
    found = {
        row: label if classes is not None else goal.classes.index(label) for row, label in labels.items()
    }
    return {output: found} if isinstance(batches.targets, dict) else found


def _picked(arrays: Any, rows: np.ndarray) -> Any:
    if isinstance(arrays, dict):
        return {name: _picked(each, rows) for name, each in arrays.items()}
    in_file = isinstance(arrays, Source) and not isinstance(arrays, np.ndarray)
    return arrays.take(rows) if in_file else np.asarray(arrays)[rows]
