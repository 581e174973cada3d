"""What a diagnosis works with: a training as it is, as it began, and what can be tried on copies of it."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cortex_lab.ground.forks import cached_property
from cortex_lab.nn.diagnosis import passes, sample, work
from cortex_lab.nn.diagnosis.finding import Finding
from cortex_lab.nn.diagnosis.passes import constant_loss, known_mean
from cortex_lab.nn.examine.fault import Fault
from cortex_lab.nn.train.training import Training
from cortex_lab.optimize.schedule import Schedule
from cortex_lab.study import Session, replay

_SCHEDULES = "cortex_lab.optimize.schedules"
RATES = "initial", "final", "peak", "values", "start", "then"
"""The fields of schedules that are learning rates."""
MOST_STEPS, FEWEST_STEPS = 80, 8
RUN_SECONDS = 0.6
"""How long an experiment should take at most, by the work in its steps."""
LOOK_SECONDS = 0.5
"""How long looking at rows, and passing them forward, should take at most."""

Change = Callable[[Training], None]


@dataclass(frozen=True)
class Case:
    """A training to diagnose: copies of it as it is `now`, and as it was at step `origin`, its `start`.

    Since `origin` nothing was edited by hand, so steps from there can be run again with one thing changed;
    `edits` are the names of what was, by step, from the first that can be reached. `losses` are those of all
    steps; `at` gives a copy as of a step, with or without what was edited there. `step_seconds` is how long
    a step should take by its work; the `clock` stops only what takes many times as long as that.
    """

    now: Training
    start: Training
    origin: int
    fault: Fault | None = None
    step_seconds: float = 0.0
    losses: np.ndarray | None = None
    edits: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    at: Callable[..., Training] | None = None
    clock: Callable[[], float] = time.perf_counter

    @classmethod
    def of(cls, session: Session) -> Case:
        """Copies of a session's training as it is, and as it was when last edited by hand, or began."""
        training: Any = session.process
        now, step = training.clone(), session.step_number
        # An edit inside a step belongs to that step.
        events = [(min(each.step + (each.phase is not None), step), each) for each in session.events]
        steps = sorted({session.first_step, *(made for made, _ in events)})
        edits = {at: tuple(each.name for made, each in events if made == at) for at in steps}
        history = copy.copy(session.history)
        # The median, because the first steps may have waited for kernels to be compiled.
        took = np.diff(session.trace["seconds"])
        seconds = work.step_seconds(now, float(np.median(took)) if len(took) > 2 else 0.0)

        def at(step: int, edited: bool = True) -> Training:
            known = [each for made, each in events if made < step + edited]
            training = now.clone()
            replay(training, history.nearest(step)[1], known, step)
            return training

        losses = session.trace["loss"].copy() if "loss" in session.trace else None
        return cls(now, at(steps[-1]), steps[-1], session.fault, seconds, losses, edits, at)

    @property
    def of_old(self) -> bool:
        """Whether the start is what training made of the weights, not what somebody began with."""
        return self.start.step_number > 0 and not self.by_hand

    @property
    def by_hand(self) -> tuple[str, ...]:
        """The weights that were put in by hand, there."""
        made = self.edits.get(self.origin, ())
        return tuple(name[9:-2] for name in made if name.startswith("weights["))

    def before(self, until: int) -> Case:
        """The training as it was before it was edited at step `until`, the first of which came before it."""
        assert self.at is not None
        origin = max(each for each in self.edits if each < until)
        count = None if self.losses is None else len(self.losses) - (self.now.step_number - until)
        losses = None if self.losses is None else self.losses[: max(count or 0, 0)]
        fault = self.fault if self.fault is not None and self.fault.step <= until else None
        return replace(
            self, now=self.at(until, False), start=self.at(origin), origin=origin, fault=fault, losses=losses,
            edits={step: names for step, names in self.edits.items() if step <= origin},
        )  # fmt: skip


class Study:
    """The evidence of one diagnosis; everything is worked out once, when it is first asked for."""

    def __init__(self, case: Case) -> None:
        self.case, self.now, self.start = case, case.now, case.start
        self.network, self.objective = case.now.network, case.now.objective
        self.steps = case.now.step_number - case.origin
        self.skipped: list[str] = []
        self.told_earlier, self.known_too_high = False, float("inf")
        self.put_right: tuple[Finding, ...] = ()
        self._present, self._beginning = self.now.snapshot(), self.start.snapshot()
        self._tried: dict[str, np.ndarray] = {}
        self._known: dict[str, Any] = {}
        self.hits: dict[str, float] = {}
        self.moved = float("nan")

    def once(self, what: str, find: Callable[[], Any]) -> Any:
        """What `find` finds, which is asked for the first time only."""
        if what not in self._known:
            self._known[what] = find()
        return self._known[what]

    # Rows --------------------------------------------------------------------------------------------

    @cached_property
    def rows(self) -> sample.Sample:
        found = sample.of_training(self.now.clone(), self._most_rows, LOOK_SECONDS, self.case.clock)
        if not found.whole:
            self.skipped.append(f"all but {len(found.all_rows)} rows of the data")
        return found

    @cached_property
    def validation(self) -> sample.Sample | None:
        if not self.now.validation:
            return None
        return sample.of_validation(self.now.clone(), self._most_rows, LOOK_SECONDS, self.case.clock)

    @property
    def _most_rows(self) -> int:
        return sample.rows_that_fit(self.now, self.case.step_seconds, LOOK_SECONDS)

    @cached_property
    def sound(self) -> bool:
        """Whether the rows can be passed through the network: all there, finite, and within range."""
        rows = self.rows
        return not rows.error and len(rows) > 0 and not rows.bad and not self.labels_out_of_range

    @cached_property
    def labels_out_of_range(self) -> int | None:
        """The first class id for which the output has no place."""
        for name, target in self.rows.all_targets.items():
            places = self.network.graph.shape(name)[-1:]
            if self.objective.losses[name].of_classes and len(target) and target.max() >= places[0]:
                return int(target.max())
        return None

    # Losses ------------------------------------------------------------------------------------------

    @cached_property
    def baseline(self) -> float:
        """The loss of the best constant answer to the sampled rows; NaN where there is no such thing."""
        return self.baseline_of(self.rows)

    def baseline_of(self, rows: sample.Sample) -> float:
        return sum(
            self.objective.weights[name]
            * constant_loss(self.network, self.objective.losses[name], name, target)
            for name, target in rows.targets.items()
        )

    @cached_property
    def loss_now(self) -> float:
        """The mean loss of the sampled rows as the network is now."""
        return self._loss(self.rows)

    @cached_property
    def validation_loss(self) -> float:
        return self._loss(self.validation) if self.validation else float("nan")

    def _loss(self, rows: sample.Sample) -> float:
        return known_mean(self.objective.row_losses(rows.inputs, rows.targets))

    @cached_property
    def recent_loss(self) -> float:
        """The loss that training has lately: as steps see it, with dropout and the batch's own statistics."""
        losses = self.case.losses
        if losses is not None and len(losses) >= 5:
            return float(np.mean(losses[-max(5, min(20, len(losses) // 5)) :]))
        had = self.had
        return float("nan") if had is None else tail(had[: max(self.steps, 1)])

    @cached_property
    def predictions(self) -> dict[str, np.ndarray]:
        return self._predicted(self.rows)

    @cached_property
    def validation_predictions(self) -> dict[str, np.ndarray]:
        return self._predicted(self.validation) if self.validation else {}

    def _predicted(self, rows: sample.Sample) -> dict[str, np.ndarray]:
        found = self.network.predict(rows.inputs)
        return found if isinstance(found, dict) else {next(iter(self.network.graph.outputs)): found}

    @property
    def learned(self) -> bool:
        """Whether the loss is well below that of a constant answer."""
        losses = [value for value in (self.loss_now, self.recent_loss) if np.isfinite(value)]
        return bool(losses) and min(losses) < 0.5 * self.baseline

    # Experiments -------------------------------------------------------------------------------------

    @cached_property
    def had(self) -> np.ndarray | None:
        """The losses of the first steps since the start, run again as they were; None if that is too long."""
        if not self.sound:
            return None
        if self.too_long:
            self.skipped.append(f"experiments, because a step takes {self.case.step_seconds:.2g} s")
            return None
        losses = self.run("as it was", lambda training: None)
        if len(losses) < FEWEST_STEPS:
            most = work.PATIENCE * RUN_SECONDS
            self.skipped.append(f"experiments, because {len(losses)} steps take {most:.2g} s")
            return None
        return losses

    @property
    def too_long(self) -> bool:
        """Whether steps are too long to experiment with."""
        return self.case.step_seconds * FEWEST_STEPS > RUN_SECONDS

    @property
    def steps_to_try(self) -> int:
        """How many steps an experiment has."""
        should = RUN_SECONDS / max(self.case.step_seconds, 1e-9)
        return int(np.clip(should, FEWEST_STEPS, MOST_STEPS))

    def run(
        self, name: str, change: Change, from_now: bool = False, fresh: Change | None = None
    ) -> np.ndarray:
        """The batches' losses of up to 80 steps with one thing changed, from the start or from now.

        `fresh` is a change that must be made before the first step. Infinity once numbers are not finite.
        """
        if name in self._tried:
            return self._tried[name]
        training = self.now if from_now else self.start
        began_as = self._present if from_now else self._beginning
        if fresh is not None:
            training = training.clone()
            fresh(training)
        training.restore(began_as)
        training.loader.trust()
        change(training)
        most, classifies = self.steps_to_try, self.objective.classifies
        losses, hits = np.full(most, np.inf), np.zeros(most)
        clock = self.case.clock
        began = clock()
        for step in range(most):
            training.whole_step()
            losses[step] = training.measure("loss")
            hits[step] = training.measure("accuracy") if classifies else 0
            if step == 0:
                # The first step is the dearest: layers find out what they call.
                began = clock()
            if not np.isfinite(losses[step]):
                losses[step:] = np.inf
                break
            if clock() - began > work.PATIENCE * RUN_SECONDS:
                losses = losses[: step + 1]
                break
        if np.isnan(self.moved) and np.isfinite(losses).all():
            to_numpy = training.network.ops.to_numpy
            before, after = to_numpy(self._beginning["params"]), to_numpy(training.network.params)
            way, size = np.linalg.norm(after - before), np.linalg.norm(before)
            self.moved = float(way / max(size, 1e-30) / len(losses))
        training.restore(began_as)
        self._tried[name], self.hits[name] = losses, tail(hits[: len(losses)])
        return losses

    @cached_property
    def later_loss(self) -> float:
        """The mean loss of the sampled rows after as many steps more as an experiment takes."""
        training = self.now.clone()
        for _ in range(self.steps_to_try):
            training.whole_step()
        return known_mean(training.objective.row_losses(self.rows.inputs, self.rows.targets))

    def rate_times(self, factor: float) -> np.ndarray:
        """The losses from the start with another learning rate."""

        def change(training: Training) -> None:
            rate = scaled(training.optimizer.learning_rate, factor)
            training.update.set(learning_rate=rate)

        return self.run(f"rate times {factor:g}", change)

    @cached_property
    def outputs_now(self) -> dict[str, np.ndarray]:
        return passes.outputs(self.now)

    @cached_property
    def outputs_at_start(self) -> dict[str, np.ndarray]:
        return passes.outputs(self.start)


def again(study: Study, code: str) -> str:
    """What to type to begin anew and do `code` there."""
    return (f"session.rewind(step={study.case.origin}); " if study.steps else "") + code


def scaled(rate: Any, factor: float) -> Any:
    """A rate, or a schedule, times `factor`: a schedule of the same kind where that is possible."""
    if isinstance(rate, Schedule) and type(rate).__module__ == _SCHEDULES:
        rates = {name: getattr(rate, name) for name in RATES if hasattr(rate, name)}
        return replace(rate, **{name: _times(value, factor) for name, value in rates.items()})
    schedule: Callable[[int], float] = rate
    return (lambda update: factor * schedule(update)) if callable(rate) else rate * factor


def _times(value: Any, factor: float) -> Any:
    if isinstance(value, tuple):
        return tuple(_times(each, factor) for each in value)
    return scaled(value, factor) if callable(value) else float(f"{value * factor:.6g}")


def tail(losses: np.ndarray) -> float:
    """The mean loss of the last quarter, at least five steps; infinity once it was infinite."""
    part = losses[-max(5, len(losses) // 4) :]
    return float(np.mean(part)) if np.isfinite(part).all() else float("inf")
